"""Stagewise training of a deep linear residual network: each stage adds one block on top of the blocks so far.

The end-to-end map after t stages is W_t = (I + w_t) ... (I + w_1) W_0. Stage t + 1 starts its block at w^0, takes a
gradient step on it, or several, and leaves it alone from then on, or goes on training it with the blocks above.
w^0 = momentum * w_t is stacking: momentum 0 is the zero start, 1 the plain copy, (1 - q)/(1 + q) what theory asks for.
"""

import math
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from linres import checks, trajectory
from linres.arithmetic import divide
from linres.errors import refuse
from linres.losses import Objective
from linres.methods import block_starts, nesterov
from linres.methods.block_starts import STARTS, Start
from linres.methods.residual import Grown, measure
from linres.network import backpropagate, end_to_end
from linres.one_thread import one_thread
from linres.problem import TINY, Problem
from linres.quantities import Geometry
from linres.trajectory import Trajectory, Watch

RULES = ("functional", "parameter")
MOST_INNER = 10**6  # steps a stage
STEP = "a number > 0, or one for each inner step"


class Stage(NamedTuple):
    """What one stage leaves: the start (I + w^0) W_t of its step, the grown map W_{t+1}, the new block w_{t+1}."""

    lookahead: Any
    network: Any
    block: Any


def stage(network, block, gradient, *, momentum, step_size, rule):
    """One stage, in any arithmetic.

    gradient maps an end-to-end map W (d x d) to the gradient of the loss in W.
    rule "functional": W_{t+1} = y - step_size * gradient(y), y = (I + w^0) W_t; the block is recovered by dividing by
    W_t, which must be invertible. rule "parameter": the gradient step is taken on the block itself,
    w_{t+1} = w^0 - step_size * gradient(y) W_t^T, which makes W_{t+1} = y - step_size * gradient(y) W_t^T W_t.
    """
    return train_block(network, momentum * block, gradient, step_sizes=(step_size,), rule=rule)


def train_block(network, start, gradient, *, step_sizes, rule):
    """As `stage`, from any w^0 = start (d x d) and with a step on the new block for each of the step_sizes."""
    lookahead = grown = network + start @ network
    if rule == "functional":
        for step_size in step_sizes:
            grown = grown - step_size * gradient(grown)
        return Stage(lookahead, grown, divide(grown - network, network))
    block = start
    for step_size in step_sizes:
        block = block - step_size * gradient(grown) @ network.T
        grown = network + block @ network
    return Stage(lookahead, grown, block)


def train_momentum(momentum, direction, slope, *, step_size):
    """A step on beta, which enters as beta * direction: the momentum afterwards, in [0, 1]; in float64.

    beta - step_size <slope, direction>/|direction|^2, slope the gradient of the loss in what the rule steps on, as
    direction is, both (d, d): y moves along direction as far as by a gradient step, whatever the units of y are.
    """
    square = float(np.sum(direction * direction))
    if not square > 0:  # the first stage has no block before it
        return momentum
    return float(np.clip(momentum - step_size * np.sum(slope * direction) / square, 0, 1))


def basin(q):
    """1/(2 (2 sqrt(1+q) + sqrt(1-q))^2): stacking accelerates from rest where Phi_0 <= basin(q) mu sigma_min(W*)^2.

    The basin of the theorem stacking-acceleration, in its own units: from 1/20, at q = 3/5, to 1/16, at q = 1. q =
    1/sqrt(kappa) is a number or an array, between 0 and 1.
    """
    return 1 / (2 * (2 * np.sqrt(1 + q) + np.sqrt(1 - q)) ** 2)


TRAINED = ("new", "all")


@one_thread
def grow(
    objective: Problem | Objective, *, stages, start=None, block_start: str | Start = "stacking", rule="functional",
    momentum=None, step_size=None, inner=1, train="new", scale=None, seed=0, watch: Watch | None = None,
) -> Trajectory:
    """Train a residual network stage by stage: each stage adds a block on top of the map so far and takes a step on it.

    Parameters
    ----------
    objective : Problem or linres.losses.Objective
        What is minimised. No rate is told of what is no `Problem`.
    stages : int
        How many at most, >= 0.
    start : (d, d) array_like, optional
        W_0; by default I.
    block_start : {"stacking", "zero", "random"} or callable
        What the block of stage t + 1 starts at, w^0.

        - "stacking": w^0 = beta w_t, zero for the first block.
        - "zero": w^0 = 0.
        - "random": the entries of w^0 are independent normals of mean 0 and variance scale^2/d, so that E|w^0 x|^2 is
          scale^2 |x|^2 for every x.
        - a function (stage, block, network, generator) -> w^0 (d, d) of stage 1, 2, ... after the block w_t (zero at
          first) on the network W_t; generator is a numpy.random.RandomState of the seed.
    rule : {"functional", "parameter"}
        What the step is taken on: W itself, or the block. See `linres.methods.stacking.stage`.
    momentum : float, "theory" or "trained", optional
        beta, for "stacking" only: in [0, 1), or "theory", which is what is taken if it is left out, or "trained": it
        begins as that of theory, and before each step on the block takes one of its own
        (`linres.methods.stacking.train_momentum`); the next stage begins with the momentum that this one ends with.
    step_size : float or sequence of float, optional
        The step, > 0; with several inner steps it may be so many numbers.
    inner : int, default 1
        Steps a stage, >= 1.
    train : {"new", "all"}
        "new": the new block alone. "all" (parameter rule): in stage n all n blocks so far take the steps, each
        step_size/n, for together they move W about n times as far; this costs O(n d^3) a step.
    scale : float, optional
        Of random starts, > 0; 0.1 by default.
    seed : int, default 0
        Chooses random starts, from 0 to 2^32 - 1.
    watch : callable, optional
        watch(t, excess), called at every stage, with the loss where the excess is unknown.

    Returns
    -------
    Trajectory
        The run. Where the functional rule meets a singular W_t no block exists, and the run is "diverged" there. If W*
        is singular W_t may approach it all the same, or its blocks may explode: both happen.

    Raises
    ------
    InputError
        When `objective` is no loss or has no curvature, Sigma is singular, `start` is no finite (d, d) matrix of
        finite loss, a setting is outside its range, one is given where it has no meaning (momentum for another start
        than stacking, scale for another than random), or one is missing that theory does not know (see Notes).

    Notes
    -----
    Defaults for the functional rule: step_size 1/L, momentum (1-q)/(1+q). For the parameter rule the curvature at W is
    that of W Sigma W^T, whose largest eigenvalue is convex in W: step_size is 1/max(L_0, L'), the larger of it at W_0
    and at W*, which is safe on the segment between them, and momentum has q = sqrt(mu'/max(L_0, L')) with mu' the
    smallest nonzero eigenvalue of W* Sigma W*^T. Of other losses than a `Problem` W* is unknown: the functional rule
    needs a momentum unless the loss is strongly convex (mu > 0, a ridge say), the parameter rule a step as well.

    The sharp rate is that of the linearisation at W*: Nesterov's method on Sigma (functional) or on W* Sigma W*^T
    (parameter). It needs W* invertible, except for the functional zero start, which is gradient descent exactly; else,
    and for anything but one step on the new block from a fixed multiple of the last, rate_sharp is None. What is proved
    of a run is told by `linres.guarantee`.

    A run gives the same bits each time, on any number of threads: BLAS has one meanwhile.

    Examples
    --------
    >>> import linres
    >>> run = linres.grow(linres.Problem.from_spectrum([1, 2, 4]), stages=40)
    >>> run.status, run.stages_to(1e-6)
    ('budget', 11)
    >>> round(run.rate_sharp, 6)
    0.25
    """
    checks.watch("grow", watch)
    if not callable(block_start):
        if not isinstance(block_start, str):
            wanted = "a word for what new blocks start at, or a function"
            raise refuse("grow(block_start=...)", wanted, checks.shown(block_start), "W_0 is start=.")
        checks.word("grow(block_start=...)", block_start, STARTS, otherwise=", or a function")
    if isinstance(start, str) or callable(start):
        remedy = "What new blocks start at is block_start=."
        raise refuse("grow(start=...)", "W_0, a matrix", checks.shown(start), remedy)
    checks.word("grow(rule=...)", rule, RULES)
    checks.word("grow(train=...)", train, TRAINED)
    if train == "all" and rule == "functional":
        raise refuse("grow(rule=...)", '"parameter" to train all blocks', "'functional'")
    trajectory.smoothness("grow", objective)
    first = trajectory.first_network("grow(start=...)", objective, start)
    method = block_start if isinstance(block_start, str) else "custom"
    most = f"an integer from 1 to {MOST_INNER:,}"
    inner = checks.whole("grow(inner=...)", inner, wanted=most, low=1, high=MOST_INNER)
    settings = _pace(objective, first, method=method, rule=rule, momentum=momentum, step_size=step_size, inner=inner)
    settings |= {
        "stages": trajectory.budget("grow", stages), "inner": inner, "train": train,
        **block_starts.settings(block_start, scale=scale, seed=seed),
        "network_start": "given" if start is not None else "identity",
    }
    starts = block_starts.choose(block_start, scale=settings["scale"], seed=settings["seed"])
    networks = _networks(objective, first, starts, rule, settings)
    if train == "all":
        networks = _networks_of_all(objective, first, starts, settings)
    return trajectory.record(
        objective, networks, method=method, rule=rule, settings=settings, watch=watch,
        rate_sharp=_sharp_rate(objective, method, rule, settings),
        measure=measure(_geometry(objective, first, rule), method=method, rule=rule, settings=settings),
    )


def _pace(objective, first: np.ndarray, *, method, rule, momentum, step_size, inner: int) -> dict[str, Any]:
    """momentum (the first, if it is trained), momentum_rule, step_size (the first), step_sizes where they are given."""
    words = isinstance(momentum, str) and momentum in ("theory", "trained")
    if rule == "parameter" and not isinstance(objective, Problem):
        _require_given(step_size, "step_size", "Try 1/(L |W_0|^2) or less.")
        if method == "stacking":
            _require_given(None if words else momentum, "momentum", "Try 0.9.")
    sizes = _step_sizes(step_size, inner)
    by_theory, longest = _theory(objective, first, rule)
    pace = {
        "momentum": 0.0, "momentum_rule": "fixed", "step_sizes": sizes,
        "step_size": sizes[0] if sizes else trajectory.step_size("grow", step_size, longest),
    }
    if method != "stacking":
        if momentum is not None:
            remedy = 'Or take block_start="stacking".'
            raise refuse("grow(momentum=...)", f"left out for the {method} start", checks.shown(momentum), remedy)
        return pace
    pace["momentum"] = trajectory.momentum("grow", None if words else momentum, by_theory)
    pace["momentum_rule"] = "trained" if words and momentum == "trained" else "fixed"
    return pace


def _require_given(value, name: str, remedy: str) -> None:
    if value is None:
        raise refuse(f"grow({name}=...)", "given for the parameter rule on a loss whose minimiser is unknown", "none",
                     f"The curvature in a block is that below it. {remedy}")


def _theory(objective, first: np.ndarray, rule: str) -> tuple[float | None, float]:
    """The momentum that theory asks for, None if it knows none, and the step 1/L, L as the rule sees it."""
    if rule == "parameter" and isinstance(objective, Problem):
        mu, L = _output_curvature(objective, first)
        return nesterov.momentum((mu / L) ** 0.5), 1 / L
    return nesterov.momentum_of(objective), 1 / objective.smoothness


def _step_sizes(given, inner: int) -> list[float] | None:
    """The sizes of the inner steps, None unless a sequence of them is given."""
    if not isinstance(given, list | tuple | np.ndarray) or checks.array("grow(step_size=...)", given, STEP).ndim == 0:
        return None
    if len(given) != inner:
        wanted = "a number > 0" if inner == 1 else f"a number > 0, or {inner}, one for each inner step"
        raise refuse("grow(step_size=...)", wanted, f"{len(given)} of them")
    return [trajectory.step_size("grow", size, 1.0) for size in given]


def _output_curvature(problem: Problem, first: np.ndarray) -> tuple[float, float]:
    """mu' and max(L_0, L') of the parameter rule; mu' is the smallest nonzero eigenvalue of W* Sigma W*^T."""
    smallest, largest = problem.output_curvature
    largest = max(float(np.linalg.eigvalsh(first @ problem.sigma @ first.T)[-1]), largest)
    if not TINY <= largest < math.inf:
        raise refuse("grow(rule=...)", '"functional" here', '"parameter"',
                     f"The largest eigenvalue of W Sigma W^T at W_0 and at W* is {largest:.3g}.")
    return (smallest or largest), largest


def _sharp_rate(problem, method: str, rule: str, settings: dict[str, Any]) -> float | None:
    if not isinstance(problem, Problem) or method not in ("stacking", "zero") or not _is_plain(settings):
        return None
    pace = {key: settings[key] for key in ("momentum", "step_size")}
    if rule == "functional" and method == "zero":
        return nesterov.quadratic_rate(problem.eigenvalues, **pace)
    if not problem.target_invertible:
        return None
    eigenvalues = problem.eigenvalues if rule == "functional" else problem.output_eigenvalues
    return nesterov.quadratic_rate(eigenvalues, **pace)


def _is_plain(settings: dict[str, Any]) -> bool:
    """Whether a stage is one step on the new block, with the same momentum at each."""
    return settings["inner"] == 1 and settings["train"] == "new" and settings["momentum_rule"] == "fixed"


def _networks(objective, network: np.ndarray, starts, rule: str, settings: dict[str, Any]) -> Iterator[Grown]:
    """Each stage trains its own block only."""
    steps, momentum = _steps(settings), settings["momentum"]
    trained = settings["momentum_rule"] == "trained"
    grown = Grown(network, np.zeros_like(network))
    for stage in count(1):
        yield grown
        if trained:
            grown, momentum = _train_both(objective, grown, momentum, steps, rule)
            continue
        start = starts(stage, grown, momentum)
        made = train_block(grown.network, start, objective.gradient, step_sizes=steps, rule=rule)
        grown = Grown(made.network, made.block, start, momentum)


def _steps(settings: dict[str, Any]) -> list[float]:
    return settings["step_sizes"] or [settings["step_size"]] * settings["inner"]


def _train_both(objective, grown: Grown, momentum: float, steps, rule: str) -> tuple[Grown, float]:
    """A stage whose steps are on the momentum first and then, from where that leads, on the block; the last momentum.

    What the stage counts as its start is where the first step on the momentum leads.
    """
    network, block, functional = grown.network, grown.block, rule == "functional"
    direction = block @ network if functional else block

    def slope(point):
        """The gradient in what the rule steps on: W itself, or the block."""
        return objective.gradient(point) if functional else objective.gradient(network + point @ network) @ network.T

    point = network + momentum * direction if functional else momentum * direction
    momenta = []
    for step_size in steps:
        moved = train_momentum(momentum, direction, slope(point), step_size=step_size)
        point, momentum = point + (moved - momentum) * direction, moved
        momenta.append(momentum)
        point = point - step_size * slope(point)
    beta = momenta[0]
    if functional:
        return Grown(point, divide(point - network, network), beta * block, beta), momentum
    return Grown(network + point @ network, point, beta * block, beta), momentum


def _networks_of_all(objective, first: np.ndarray, starts, settings: dict[str, Any]) -> Iterator[Grown]:
    """In stage n all n blocks take the steps, of step_size/n each, by the parameter rule."""
    momentum, trained = settings["momentum"], settings["momentum_rule"] == "trained"
    blocks: list[np.ndarray] = []
    grown = Grown(first, np.zeros_like(first))
    for stage in count(1):
        yield grown
        blocks.append(starts(stage, grown, momentum))
        begun = []  # w^0 and the momentum at each step
        for step_size in _steps(settings):
            if trained:
                momentum = _move_start(objective, blocks, first, grown.block, momentum, step_size / stage)
            begun.append((blocks[-1], momentum))
            slopes = backpropagate(blocks, first, objective.gradient)
            blocks = [block - step_size / stage * slope for block, slope in zip(blocks, slopes, strict=True)]
        grown = Grown(end_to_end(blocks, first), blocks[-1], *begun[0])


def _move_start(objective, blocks, first: np.ndarray, direction: np.ndarray, momentum: float, step_size: float):
    """Take a step on the momentum, which enters the last of the blocks times direction, and move that block with it."""
    below = end_to_end(blocks[:-1], first)
    slope = objective.gradient(end_to_end(blocks[-1:], below)) @ below.T
    moved = train_momentum(momentum, direction, slope, step_size=step_size)
    blocks[-1] = blocks[-1] + (moved - momentum) * direction
    return moved


def _geometry(problem, first: np.ndarray, rule: str) -> Geometry | None:
    """Where the rule is Nesterov's method: X = W, or W W*^{-1} for the parameter rule; None if nobody knows one."""
    if not isinstance(problem, Problem):
        return None
    if rule == "functional":
        return Geometry.plain(problem)
    if problem.target_invertible is not True:
        return None
    (mu, L), target = _output_curvature(problem, first), problem.target
    if mu / L == 0:  # lost, and q with it
        return None
    sigma, identity = target @ problem.sigma @ target.T, np.eye(problem.dimension)
    return Geometry(target, sigma, identity, mu, (mu / L) ** 0.5, np.linalg.inv(target))
