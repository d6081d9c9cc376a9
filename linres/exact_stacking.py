"""What theorems about stacking measure of an exact run beside what it records (see `linres.instances.StackingRun`)."""

from typing import Any

from linres import bounds
from linres.arithmetic import EXACT, Matrix, divide, inner, rational


def networks(claimed: Any, run: Any) -> dict[int, Matrix]:
    """W_{-1}, W_0, ..., W_T of a recorded run, by stage; claimed: the `StackingRun` that it is one of."""
    first = EXACT.matrix(claimed.start)
    before = run.stages[0].before if run.stages else first
    return dict(enumerate([before, first, *(stage.grown for stage in run.stages)], -1))


def lookahead_error(momentum: Any, network: Matrix, before: Matrix) -> Matrix:
    """D_t = beta d_t W_{t-1}^{-1} d_t, d_t = W_t - W_{t-1}."""
    difference = network - before
    return momentum * divide(difference, before) @ difference


def distance_below(network: Matrix, target: Matrix) -> Any:
    """|W - W*|, or a little less where it is irrational."""
    square = inner(network - target, network - target)
    root = EXACT.sqrt(square)
    return root if type(root) is type(square) else rational(bounds.root_below(bounds.fraction(square), bits=24))
