"""End-to-end training of a deep linear residual network: all blocks w_1, ..., w_n at once, at fixed depth.

The loss is ell(W) at W = (I + w_n) ... (I + w_1), as a function of the blocks no longer convex for n >= 2. A step is
that of gradient descent or of Nesterov's method on (w_1, ..., w_n) as one point.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from linres import checks, losses, network, trajectory
from linres.errors import refuse
from linres.methods import descent, nesterov
from linres.one_thread import one_thread
from linres.problem import Problem
from linres.quantities import Recorder
from linres.trajectory import Trajectory, Watch

METHODS = ("gradient", "nesterov")
DEEPEST = 10**6  # blocks
STARTS = ("identity", "zero", "random", "balanced")
SCALE = 0.1
LOST = "no step along the gradient lowers the loss by more than rounding"
HALVINGS = 200  # of a step before it counts as none: 2^-200 of it moves no float64


class Blocks:
    """w_1, ..., w_n as one point: sums, differences and multiples block by block, in any arithmetic."""

    __slots__ = ("each",)
    __array_ufunc__ = None  # NumPy scalars then leave `scalar * Blocks` to us

    def __init__(self, each: Sequence[Any]):
        self.each = tuple(each)

    def __add__(self, other):
        if type(other) is int and other == 0:
            return self
        return Blocks([mine + its for mine, its in zip(self.each, other.each, strict=True)])

    def __sub__(self, other):
        return Blocks([mine - its for mine, its in zip(self.each, other.each, strict=True)])

    def __rmul__(self, scalar):
        return Blocks([scalar * mine for mine in self.each])


def gradients(blocks, gradient, identity):
    """The gradient of ell(W) in all blocks, a point like blocks: `Blocks`, or for float64 an array (n, d, d).

    gradient maps W (d x d) to the gradient of ell there; identity is the d x d identity of the same arithmetic.
    """
    each = blocks.each if isinstance(blocks, Blocks) else blocks
    found = network.backpropagate(each, identity, gradient)
    return Blocks(found) if isinstance(blocks, Blocks) else np.array(found)


def step(blocks, gradient, *, step_size, identity):
    """One step of gradient descent on all blocks, in any arithmetic; arguments as for `gradients`."""
    return descent.step(blocks, lambda point: gradients(point, gradient, identity), step_size=step_size)


def nesterov_step(blocks, blocks_prev, gradient, *, momentum, step_size, identity):
    """One step of Nesterov's method on all blocks, in any arithmetic: (y_t, w_{t+1}), as `nesterov.step` returns."""
    return nesterov.step(
        blocks, blocks_prev, lambda point: gradients(point, gradient, identity), momentum=momentum, step_size=step_size
    )


def balanced(target, depth: int) -> np.ndarray:
    """Blocks (depth, d, d) whose factors are balanced and make the end-to-end map target (d, d).

    With target = U S V^T the factors A_i = I + w_i are S^{1/n} V^T first, U S^{1/n} last and S^{1/n} between, so that
    A_{i+1}^T A_{i+1} = A_i A_i^T: Procedure 1 of Arora, Cohen, Golowich and Hu, "A convergence analysis of gradient
    descent for deep linear neural networks" (ICLR 2019). InputError for another shape or depth.
    """
    target = checks.matrix("balanced(target)", target)
    d = len(target)
    if target.shape != (d, d):
        raise refuse("balanced(target)", "a square matrix", f"shape {target.shape}")
    depth = _depth("balanced", depth)
    left, values, right = np.linalg.svd(target)
    factors = np.repeat(np.diag(values ** (1 / depth))[None], depth, axis=0)
    factors[0] = factors[0] @ right
    factors[-1] = left @ factors[-1]
    return factors - np.eye(d)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class NetworkTrajectory(Trajectory):
    """A `Trajectory` of W_t that also keeps blocks and steps: what `train` returns.

    Attributes
    ----------
    first_blocks : (n, d, d) ndarray
        The blocks at its first stage.
    blocks : (n, d, d) ndarray
        The blocks at its last recorded stage.
    step_sizes : (T,) ndarray
        The step that was taken at each stage.
    """

    first_blocks: np.ndarray
    blocks: np.ndarray
    step_sizes: np.ndarray


@one_thread
def train(
    objective: Problem | losses.Objective, *, depth, method="gradient", start: Any = "identity", stages, step_size=None,
    momentum=None, batch_size=None, seed=0, scale=SCALE, watch: Watch | None = None,
) -> NetworkTrajectory:
    """Train all blocks of a residual network at once, from rest.

    Parameters
    ----------
    objective : Problem or linres.losses.Objective
        What is minimised. The gradients of a `Problem` are compiled, from the moments. Of another loss nobody knows the
        minimum unless it has a minimum_loss: its excess_loss is then nan, its loss is not.
    depth : int
        n, the number of blocks, >= 1.
    method : {"gradient", "nesterov"}
        Gradient descent or Nesterov's method on the blocks.
    start : str or array_like, default "identity"
        The first blocks.

        - "identity": w_i = 0, so that every factor and W are I.
        - "zero": the last factor I + w_n is zero, the others are I, so that W = 0. This is the zero-asymmetric
          initialisation of Wu, Wang and Ma, "Global convergence of gradient descent for deep linear residual networks"
          (NeurIPS 2019), from which gradient descent reaches any target. All factors zero would be a saddle where every
          gradient vanishes.
        - "random": w_i = scale * G_i / sqrt(d), entries of G_i standard normal by seed.
        - "balanced": `linres.methods.end_to_end.balanced` for W = scale * G / sqrt(d). Gradient flow would keep the
          sign of det W (a singular value s changes in proportion to s^(2-2/n) there); steps pass to the other side, but
          it takes them long.
        - an array: the blocks (n, d, d), or a map (d, d), of which `balanced` makes them.
    stages : int
        How many steps at most, >= 0; with batch_size, how many epochs.
    step_size : float, optional
        A constant step, > 0; by default a line search, see Notes.
    momentum : float, optional
        For "nesterov" only, in [0, 1); by default (1-q)/(1+q) with q = sqrt(mu/L) of the objective, which is what
        theory asks for in W. Near w_i = 0 the curvature in the blocks is n times that in W, and q the same; elsewhere
        it is a guess, and no rate is claimed.
    batch_size : int, optional
        Stages are then epochs of mini-batches of so many samples, whose order is drawn anew for each by the seed, and
        the step is constant, by default the first trial of the line search: no decrease is promised. Not for a
        `Problem`.
    seed : int, default 0
        Chooses random starts and mini-batches, from 0 to 2^32 - 1.
    scale : float, default 0.1
        The size of random starts, >= 0.
    watch : callable, optional
        watch(t, excess), called at every stage, with the loss where the excess is unknown.

    Returns
    -------
    linres.methods.end_to_end.NetworkTrajectory
        The run: a `Trajectory` with first_blocks and blocks (n, d, d) and step_sizes (T,). It is "converged" at the
        rounding floor of a `Problem`, and where the decrease that gradient descent with line search promises is lost in
        rounding: at a stationary point, which need not be a minimum; `reason` says so.

    Raises
    ------
    InputError
        When `objective` is no loss or has no curvature, the blocks have another shape or an infinite loss, a setting is
        outside its range, or one is given where it has no meaning: momentum for gradient descent, batch_size for a loss
        without samples.

    Notes
    -----
    In the line search the step s taken along the gradient G from y is halved until

        ell(y - s G) <= ell(y) - (s/2) |G|^2,

    which every s <= 1/M satisfies, M the curvature along the segment, and so ends; a step that needed no halving is
    doubled next time. Gradient descent then lowers the loss at every stage. The first trial is one over
    `linres.methods.end_to_end.block_smoothness`.

    Examples
    --------
    >>> import linres
    >>> run = linres.train(linres.Problem.from_spectrum([1, 2, 4]), depth=3, stages=40)
    >>> run.blocks.shape, bool(run.excess_loss[-1] < 1e-6 * run.excess_loss[0])
    ((3, 3, 3), True)
    """
    checks.watch("train", watch)
    depth, smoothness = _depth("train", depth), trajectory.smoothness("train", objective)
    checks.word("train(method=...)", method, METHODS)
    blocks = first_blocks(objective.dimension, depth, start=start, seed=seed, scale=scale)
    loss = _Loss.of(objective, depth)
    rest = _State(blocks, blocks, loss.finite_value(blocks), 0.0)
    settings: dict[str, Any] = {
        "momentum": _momentum(objective, method, momentum),
        "step_size": _step_size(step_size, blocks, smoothness),
        "stages": trajectory.budget("train", stages),
        "network_start": start if isinstance(start, str) else "given",
        "depth": depth,
        "seed": seed,
        "scale": scale,
        "line_search": step_size is None and batch_size is None,
    }
    settings |= trajectory.identified(objective)
    if batch_size is not None:
        settings["batch_size"] = _batch_size(objective, batch_size)
    states = _stages(loss, rest, settings) if batch_size is None else _epochs(objective, loss, rest, settings)
    return _record(objective, loss, states, method=method, settings=settings, watch=watch)


def first_blocks(dimension: int, depth: int, *, start: Any = "identity", seed=0, scale=SCALE) -> np.ndarray:
    """The blocks (depth, d, d) that `train` starts from; see there. InputError for another word, shape or seed."""
    shape = (depth, dimension, dimension)
    seed = checks.seed("train", seed)
    if not isinstance(start, str):
        return _given_blocks(start, shape)
    checks.word("train(start=...)", start, STARTS)
    scale = checks.number("train(scale=...)", scale, wanted="a number >= 0", holds=lambda v: v >= 0)
    random, blocks = np.random.RandomState(seed), np.zeros(shape)  # NumPy has frozen its stream
    if start == "zero":
        blocks[-1] = -np.eye(dimension)
    elif start == "random":
        blocks = scale / math.sqrt(dimension) * random.standard_normal(shape)
    elif start == "balanced":
        blocks = balanced(scale / math.sqrt(dimension) * random.standard_normal(shape[1:]), depth)
    return blocks


def block_smoothness(blocks: np.ndarray, smoothness: float) -> float:
    """The larger of L and L sum_i |A_i|^2 |B_i|^2, A_i the product above block i and B_i that below: spectral norms.

    The second is a bound on the part of the curvature in the blocks (n, d, d) that remains where the gradient of ell
    vanishes, for an L-smooth ell. A move v changes W by sum_i A_i v_i B_i to first order, of Frobenius norm at most
    sum_i |A_i| |B_i| |v_i|, and Cauchy-Schwarz does the rest. For a single block and least squares it is the layer
    smoothness |A_i|^2 lambda_max(B_i Sigma B_i^T), Sigma replaced by L I. What else there is, products of two moves
    times the gradient, only the line search sees. L itself keeps the step finite where all products vanish.
    """
    below = _products(blocks)
    above = _products(blocks.transpose(0, 2, 1)[::-1])[::-1]
    if not (np.isfinite(above).all() and np.isfinite(below).all()):
        return math.inf
    squares = np.linalg.norm(above, 2, axis=(1, 2)) ** 2 * np.linalg.norm(below, 2, axis=(1, 2)) ** 2
    return smoothness * max(1.0, float(np.sum(squares)))


def _products(blocks: np.ndarray) -> np.ndarray:
    """B_1 = I, B_2 = I + w_1, ..., B_n, (n, d, d)."""
    made = [np.eye(blocks.shape[1])]
    for block in blocks[:-1]:
        made.append(made[-1] + block @ made[-1])
    return np.array(made)


def _given_blocks(start, shape: tuple[int, int, int]) -> np.ndarray:
    call, wanted = "train(start=...)", f"blocks of shape {shape}, or a map of shape {shape[1:]}"
    try:
        found = np.shape(start)
    except ValueError:  # rows of different lengths
        raise refuse(call, wanted, "rows of different lengths") from None
    if found == shape[1:]:
        return balanced(checks.matrix(call, start), shape[0])
    if found != shape:
        raise refuse(call, wanted, f"shape {found}")
    return np.array([checks.matrix(f"train(start=...)[{i}]", block) for i, block in enumerate(start)])


def _depth(call: str, depth) -> int:
    return checks.whole(f"{call}(depth=...)", depth, wanted=f"an integer from 1 to {DEEPEST:,}", low=1, high=DEEPEST)


def _step_size(given, blocks: np.ndarray, smoothness: float) -> float:
    if given is None:
        with np.errstate(over="ignore", invalid="ignore"):
            bound = block_smoothness(blocks, smoothness)
        if not math.isfinite(bound):
            raise refuse("train(start=...)", "of moderate size", f"blocks of curvature {bound}",
                         "Scale them down, or give a step_size.")
        return 1 / bound
    return checks.number("train(step_size=...)", given, wanted="a number > 0", holds=lambda v: v > 0,
                         remedy="Leave it out for a line search.")


def _momentum(objective, method: str, given) -> float:
    if method == "gradient":
        if given is not None:
            raise refuse("train(momentum=...)", "left out for gradient descent", given, 'Or take method="nesterov".')
        return 0.0
    return trajectory.momentum("train", given, nesterov.momentum_of(objective))


def _batch_size(objective, given) -> int:
    if not hasattr(objective, "batches"):
        raise refuse("train(batch_size=...)", "left out for a loss without samples", given,
                     "Moments cost nothing per sample; the losses of linres.losses have mini-batches.")
    most = objective.samples
    return checks.whole("train(batch_size=...)", given, wanted=f"an integer from 1 to {most}", low=1, high=most)


class _Point(NamedTuple):
    """The loss at blocks, and its gradient in them (n, d, d)."""

    value: float
    slopes: np.ndarray


class _Loss(NamedTuple):
    """A loss as a function of the blocks (n, d, d), counted as its losses.Counted says; floor: of rounding, by step."""

    counted: losses.Counted
    value: Callable[[np.ndarray], float]
    evaluate: Callable[[np.ndarray], _Point]
    floor: Callable[[float], float]

    @classmethod
    def of(cls, objective, depth: int) -> "_Loss":
        counted = losses.Counted.of(objective)
        if isinstance(objective, Problem):
            from linres.kernels.blocks import Moments

            compiled = Moments(objective.sigma, objective.target, depth)
            return cls(counted, compiled.excess, lambda blocks: _Point(*compiled.evaluate(blocks)),
                       lambda step_size: trajectory.rounding_floor(objective, step_size=step_size))
        identity = np.eye(objective.dimension)

        def value(blocks):
            return float(counted.value(network.end_to_end(blocks, identity)))

        def evaluate(blocks):
            found = losses.evaluate(objective, network.end_to_end(blocks, identity))
            return _Point(float(found.value), np.array(network.block_gradients(blocks, found.gradient)))

        return cls(counted, value, evaluate, lambda _: -math.inf)

    def finite_value(self, blocks: np.ndarray) -> float:
        """The value at the start; InputError if it is not finite."""
        with np.errstate(over="ignore", invalid="ignore"):
            value = self.value(blocks)
        if not math.isfinite(value):
            raise refuse("train(start=...)", "a network of finite loss", f"loss {value}", "Scale it down.")
        return value


class _State(NamedTuple):
    """w_t and w_{t-1}, the value at w_t, the step that led there; stationary: its promise was lost in rounding."""

    blocks: np.ndarray
    previous: np.ndarray
    value: float
    step_size: float
    stationary: bool = False


class _LineSearch:
    """See `train`. trial: the step to be tried first."""

    def __init__(self, loss: _Loss, settings: dict[str, Any]):
        self.loss, self.trial, self.searched = loss, settings["step_size"], settings["line_search"]

    def step(self, at: np.ndarray, found: _Point) -> tuple[np.ndarray, float, float]:
        """Where a step along the gradient found at `at` leads, the value there and the step's size."""
        if not self.searched:
            return *self._moved(at, found, self.trial), self.trial
        size, squared = self.trial, float(np.sum(found.slopes**2))
        there, value = self._moved(at, found, size)
        for _ in range(HALVINGS):
            if value <= found.value - size / 2 * squared:
                break
            size /= 2
            there, value = self._moved(at, found, size)
        self.trial = 2 * size if size == self.trial and squared > 0 else size
        return there, value, size

    def _moved(self, at: np.ndarray, found: _Point, size: float) -> tuple[np.ndarray, float]:
        there = descent.step(at, lambda _: found.slopes, step_size=size)
        return there, self.loss.value(there)


def _stages(loss: _Loss, state: _State, settings: dict[str, Any]) -> Iterator[_State]:
    """w_0, w_1, ... by steps on the whole loss; momentum 0 is gradient descent."""
    momentum, search = settings["momentum"], _LineSearch(loss, settings)
    while True:
        yield state
        ahead = state.blocks
        if momentum > 0:
            ahead = state.blocks + momentum * (state.blocks - state.previous)
        found = loss.evaluate(ahead)
        grown, value, size = search.step(ahead, found)
        promised = size / 2 * float(np.sum(found.slopes**2))
        lost = settings["line_search"] and momentum == 0 and found.value - promised == found.value
        state = _State(grown, state.blocks, value, size, lost)


def _epochs(objective, loss: _Loss, state: _State, settings: dict[str, Any]) -> Iterator[_State]:
    """The blocks after 0, 1, ... epochs of mini-batches."""
    identity, pace = np.eye(objective.dimension), {key: settings[key] for key in ("momentum", "step_size")}
    for epoch in count():
        yield state
        blocks, previous = state.blocks, state.previous
        for rows in objective.batches(settings["batch_size"], seed=settings["seed"], epoch=epoch):
            def slope(network, rows=rows):
                return objective.evaluate_batch(network, rows).gradient

            _, grown = nesterov_step(blocks, previous, slope, identity=identity, **pace)
            blocks, previous = grown, blocks
        state = _State(blocks, previous, loss.value(blocks), settings["step_size"])


def _record(
    objective, loss: _Loss, states: Iterator[_State], *, method: str, settings: dict[str, Any], watch: Watch | None
) -> NetworkTrajectory:
    floor, identity = loss.floor(settings["step_size"]), np.eye(objective.dimension)
    recorder, sizes = Recorder.of(objective, None), []

    def keep(state: _State, value: float) -> None:
        sizes.append(state.step_size)
        recorder.add(network.end_to_end(state.blocks, identity), value)

    with np.errstate(all="ignore"):  # a diverging run overflows; the status says so
        course = trajectory.follow(
            states, lambda state: state.value, stages=settings["stages"], floor=floor, watch=watch,
            keep=keep, arrived=lambda state: LOST if state.stationary else "",
        )
        series = recorder.series()
    first, last = course.first.blocks, course.last.blocks
    found, excess = loss.counted.arrays(course.values)
    return NetworkTrajectory(
        method=method, rule="end-to-end", loss=found, excess_loss=excess, first=network.end_to_end(first, identity),
        network=network.end_to_end(last, identity), settings=settings, status=course.status, stage=course.stage,
        reason=course.reason, floor=max(floor, 0.0), series=series,
        problem=objective if isinstance(objective, Problem) else None, first_blocks=first, blocks=last,
        step_sizes=np.array(sizes[1:]),
    )
