"""Exact runs of stacking, with growing momentum, on losses that are convex but need not be strongly convex."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from linres import bounds
from linres.arithmetic import EXACT, Arithmetic, divide, inner, rational
from linres.errors import refuse
from linres.instances import Function, Rationals
from linres.methods import nesterov, stacking
from linres.near_target import PerturbedStackingRun, Table

MOST_BITS = 2**17  # of an entry of a state


class ConvexTraining(NamedTuple):
    """A run of T stages: sequences as {t: value}, networks from W_{-1} to W_T; sigma and s_t are rationals at most the
    smallest singular values of the target and, up to W_{T-1}, of the networks."""

    L: Any
    sigma: Any
    target: Any
    minimum: Any
    stages: int
    tau: dict[int, Any]
    points: dict[int, Any]
    lookaheads: dict[int, Any]
    lookahead_errors: dict[int, Any]
    gradients: dict[int, Any]
    values: dict[int, Any]
    lookahead_values: dict[int, Any]
    singular_values: dict[int, Any]


@dataclass(frozen=True)
class ConvexStackingRun:
    """Stacking by the functional rule, from rest at start, on minimum + sum_ij h_ij((P (W - target) Q)_ij), exactly.

    h_ij(s) = L up_ij s^2/2 for s >= 0 and L down_ij s^2/2 for s < 0, up_ij and down_ij in [0, 1]: convex and smooth,
    and flat where they are 0. P and Q are the reflections with the normals left and right, () for none. tau: tau_0 to
    tau_T for T stages; block t+1 starts at (tau_t - 1)/tau_{t+1} times block t. Tables are d rows of d rationals; exact
    states double their bits each stage.
    """

    L: Fraction
    tau: Rationals
    up: Table
    down: Table
    target: Table
    start: Table
    left: Rationals = ()
    right: Rationals = ()
    minimum: Fraction = Fraction(0)

    def function(self) -> Function:
        """ell, exactly."""
        flat = Fraction(0)  # as the share of L that every curvature has at least
        return PerturbedStackingRun(
            q=flat, L=self.L, up=self.up, down=self.down, target=self.target, start=self.start, before=self.start,
            least=flat, K=flat, left=self.left, right=self.right, minimum=self.minimum,
        ).function()

    def record(
        self, arithmetic: Arithmetic, *, stage: Callable = stacking.stage, momentum: Any = 1
    ) -> ConvexTraining:
        """The run, up to where a network is singular and no block exists; it takes `momentum` times what it should.

        ValueError if the arithmetic is not EXACT, or if the stages are so many that exact states get too long.
        """
        if arithmetic is not EXACT:
            raise refuse("ConvexStackingRun.record(arithmetic)", "EXACT", repr(arithmetic))
        function, L, tau = self.function(), rational(self.L), [rational(each) for each in self.tau]
        betas = [nesterov.convex_momentum(now, later) for now, later in pairwise(tau)]
        made = self._stages(stage, [rational(momentum) * beta for beta in betas])
        first = EXACT.matrix(self.start)
        points = dict(enumerate([first, first, *(each.network for each in made)], -1))
        stages = range(len(made))
        lookaheads = {t: each.lookahead for t, each in enumerate(made)}
        least = rational(bounds.stretch(function.minimiser))
        return ConvexTraining(
            L, least, function.minimiser, function.minimum, len(made), dict(enumerate(tau[: len(made) + 1])), points,
            lookaheads, {t: _drift(betas[t], points[t], points[t - 1]) for t in stages},
            {t: function.gradient(y) for t, y in lookaheads.items()},
            {t: function.value(points[t]) for t in range(len(made) + 1)},
            {t: function.value(y) for t, y in lookaheads.items()},
            {t - 1: least - _at_most_norm(points[t - 1] - function.minimiser) for t in stages},
        )

    def _stages(self, stage: Callable, betas: list) -> list[stacking.Stage]:
        gradient, network = self.function().gradient, EXACT.matrix(self.start)
        block, made = network - network, []
        for beta in betas:
            try:
                made.append(stage(
                    network, block, gradient, momentum=beta, step_size=1 / rational(self.L), rule="functional"
                ))
            except ZeroDivisionError:
                break
            _, network, block = made[-1]
            if max(number.denominator.bit_length() for number in network.entries()) > MOST_BITS:
                raise ValueError(f"{len(betas)} stages are too many: exact states double their bits each stage")
        return made


def _drift(beta, network, before):
    """The lookahead error of stacking, beta d W_{t-1}^{-1} d for d = W_t - W_{t-1}."""
    difference = network - before
    return beta * divide(difference, before) @ difference


def _at_most_norm(difference):
    """Its norm, or a little less where that is irrational."""
    square = inner(difference, difference)
    root = EXACT.sqrt(square)
    return root if type(root) is type(square) else rational(bounds.root_below(bounds.fraction(square), bits=24))


def edge(least: Fraction, towards: Table) -> Fraction:
    """By what the displacement, not 0, may be multiplied so that 8 |W_0 - W*| <= least: hardly less."""
    square = sum((entry * entry for row in towards for entry in row), Fraction(0))
    return least / (8 * bounds.root_above(square, bits=24))
