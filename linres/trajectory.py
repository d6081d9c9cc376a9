"""The record of a training run, and how it ended: numerical failure is a value here, never an exception."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from linres import checks, quantities
from linres.errors import kind_of, refuse
from linres.losses import Counted, Objective
from linres.problem import EPS, Problem
from linres.quantities import Measure, Recorder

DIVERGED_AT = 1e12  # times the initial excess loss; we have seen runs past nearly singular networks return from 1e10
FEWEST_POINTS = 4  # that a slope is fitted to
STEADY = 1e-6  # standard deviation of the logarithm: steadier runs, however slow, are no noise
NO_RATE = {
    "conjugate-gradient": "conjugate gradients contract ever faster",
    "random": "random starts end at the floor of their noise",
}  # by method

Watch = Callable[[int, float], object]  # is told the stage t and the excess loss of W_t, the loss where that is unknown


@dataclass(frozen=True, eq=False)
class Trajectory:
    """A training run of T stages: what the solvers return.

    The settings, the problem, method, rule and W_0 reproduce the run.

    Attributes
    ----------
    method : str
        The method, such as "stacking".
    rule : str
        "functional" or "parameter", or "end-to-end" for `train`.
    loss : (T + 1,) ndarray
        ell(W_t) for t = 0, ..., T, finite, in squared units of y.
    excess_loss : (T + 1,) ndarray
        ell(W_t) - ell*; nan where ell* is unknown, as it is of most losses but least squares.
    first : (d, d) ndarray
        W_0.
    network : (d, d) ndarray
        W_T.
    settings : dict
        What the run used: momentum, step_size, stages (the budget), network_start (what W_0 is), block_start (what each
        new block starts at), ...
    status : {"converged", "budget", "diverged"}
        The excess fell to `floor`, all stages were used, or the excess left the floats or grew 10^12-fold, or a block
        did not exist.
    stage : int
        At which stage that was seen.
    reason : str
        More words, or "".
    rate_sharp : float, optional
        The sharp contraction of the excess per stage near W* that theory gives for these settings, or None.
    floor : float
        The excess loss below which float64 has only rounding to show; 0 where that is unknown.
    series : mapping of str to (T + 1,) ndarray
        What else is measured at each stage, by name: see `linres.quantities`, and the properties of these names.
    problem : Problem, optional
        What was trained on; None for other losses, of which settings["objective"] is the name.

    Examples
    --------
    >>> import linres
    >>> run = linres.grow(linres.Problem.from_spectrum([1, 2, 4]), stages=20)
    >>> run.status, run.loss.shape
    ('budget', (21,))
    >>> bool(run.excess_loss[20] < 1e-9 * run.excess_loss[0])
    True
    """

    method: str
    rule: str
    loss: np.ndarray
    excess_loss: np.ndarray
    first: np.ndarray
    network: np.ndarray
    settings: dict[str, Any]
    status: str
    stage: int
    reason: str = ""
    rate_sharp: float | None = None
    floor: float = 0.0
    series: Mapping[str, np.ndarray] = field(default_factory=dict)
    problem: Problem | None = None

    def _measured(self, name: str) -> np.ndarray:
        return self.series.get(name, np.full(len(self.loss), np.nan))

    @property
    def potential(self) -> np.ndarray:
        """Phi_t = ell(W_t) - ell* + (mu/2) |z_t - W*|^2, (T + 1,), squared units of y; nan for gradient descent.

        z_t = W_t + (1/q - 1)(W_t - W_{t-1}). Under the parameter rule mu, q and |.| are those of W* Sigma W*^T and of
        |X|_P = |X W*^{-1}|, and nan stands where W* is not invertible.
        """
        return self._measured("potential")

    @property
    def distance(self) -> np.ndarray:
        """|W_t - W*|, Frobenius, (T + 1,), units of W."""
        return self._measured("distance")

    @property
    def block_norm(self) -> np.ndarray:
        """|w_t| of the block that stage t added, Frobenius, (T + 1,); nan at t = 0 and for methods without blocks."""
        return self._measured("block_norm")

    @property
    def lookahead_error(self) -> np.ndarray:
        """|D_t| of the step from W_t to W_{t+1}, (T + 1,), in the norm of `potential`; nan at T. 0 for Nesterov."""
        return self._measured("lookahead_error")

    @property
    def step_error(self) -> np.ndarray:
        """|e_t| of the step from W_t to W_{t+1}, (T + 1,), in the norm of `potential`; nan at T. 0 for Nesterov."""
        return self._measured("step_error")

    @property
    def beta(self) -> np.ndarray:
        """The momentum beta_t of the step from W_t to W_{t+1}, (T + 1,); nan at T."""
        return self._measured("beta")

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.method}, {self.rule} rule: {self.status} at stage {self.stage}, "
            f"loss {self.loss[0]:.4g} -> {self.loss[-1]:.4g}>"
        )

    def rate(self) -> float | None:
        """The measured contraction of the excess loss per stage.

        Returns
        -------
        float or None
            exp of the least-squares slope of log(excess) against the stage, over the last half of the stages whose
            excess is above `floor`; if the run diverged, this is how fast. None if fewer than 4 stages serve to measure
            it, where the excess is unknown, and where one rate has no meaning, see `no_rate`.

        Notes
        -----
        A transient factor that is polynomial in t, such as (1 + qt)^2 of a double root, still shows: it adds about 2/t
        to the slope.

        Examples
        --------
        >>> import linres
        >>> run = linres.descend(linres.Problem.from_spectrum([1, 2, 4]), stages=40)
        >>> round(run.rate(), 6), round(run.rate_sharp, 6)
        (0.5625, 0.5625)
        """
        slope, why = self._slope()
        return None if why else math.exp(slope)

    @property
    def no_rate(self) -> str:
        """Why `rate` is None, in words, or "".

        Conjugate gradients contract by another factor at each stage, ever smaller; random starts end at the floor of
        their noise; and of other runs that have come to a level it shows in a tail that the line fitted explains the
        lesser part of.
        """
        return self._slope()[1]

    def _slope(self) -> tuple[float, str]:
        """The slope of log(excess) over the tail, and why it should not be called a rate, or ""."""
        if self.method in NO_RATE:
            return 0.0, NO_RATE[self.method]
        stages = np.flatnonzero(self.excess_loss > self.floor)
        tail = stages[len(stages) // 2 :]
        if len(tail) < FEWEST_POINTS:
            return 0.0, "too few stages"
        logs, centred = np.log(self.excess_loss[tail]), tail - tail.mean()
        slope = float(centred @ logs / (centred @ centred))
        swings, falls = np.std(logs - slope * centred), abs(slope) * np.std(centred)
        return slope, "the excess swings about a level" if swings > max(falls, STEADY) else ""

    def stages_to(self, fraction) -> int | None:
        """The first stage whose excess loss is at most `fraction` of the initial one.

        Parameters
        ----------
        fraction : float
            A number >= 0.

        Returns
        -------
        int or None
            The stage; None if there is none, or the excess is unknown.

        Raises
        ------
        InputError
            When `fraction` is no number >= 0.

        Examples
        --------
        >>> import linres
        >>> linres.grow(linres.Problem.from_spectrum([1, 2, 4]), stages=40).stages_to(1e-6)
        11
        """
        fraction = checks.number(
            "Trajectory.stages_to(fraction)", fraction, wanted="a number >= 0", holds=lambda v: v >= 0
        )
        reached = np.flatnonzero(self.excess_loss <= fraction * self.excess_loss[0])
        return int(reached[0]) if len(reached) else None

    def to_frame(self):
        """The run as a pandas.DataFrame.

        Returns
        -------
        pandas.DataFrame
            A row for each stage, the columns stage, loss, excess_loss and those of `series`. frame.attrs holds what is
            one for the run: problem, method, rule, the settings, status and reason.

        Raises
        ------
        InputError
            When pandas is missing.
        """
        from linres import run_tables

        return run_tables.frame(self)

    def save(self, path) -> None:
        """Write the run to a file, whole or not at all.

        Parameters
        ----------
        path : path-like
            Ends in .csv for a row for each stage, as `to_frame`, with what frame.attrs holds as columns that do not
            vary, so that the tables of many runs can be put under each other; floats have all their digits. Ends in
            .npz for all arrays, the first and the last network as well: `load` reads it.

        Raises
        ------
        InputError
            For another suffix, or when the path cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import linres
        >>> run = linres.grow(linres.Problem.from_spectrum([1, 2, 4]), stages=5)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run.save(Path(folder, "run.npz"))
        ...     again = linres.Trajectory.load(Path(folder, "run.npz"))
        >>> bool((again.loss == run.loss).all())
        True
        """
        from linres import run_tables

        run_tables.save(self, path)

    @staticmethod
    def load(path) -> "Trajectory":
        """The run that `save` wrote to a .npz file.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        Trajectory
            The run, without its problem.

        Raises
        ------
        InputError
            For any other file.
        """
        from linres import run_tables

        return run_tables.load(path)

    def plot(self, *, title: str = ""):
        """The loss curve; see `linres.plotting.loss_curve`, and `save` there.

        Parameters
        ----------
        title : str, default ""
            The title of the figure.

        Returns
        -------
        matplotlib.figure.Figure
            The excess loss against the stage, with the sharp course and what is proved.
        """
        from linres import plotting

        return plotting.loss_curve(self, title=title)


def rounding_floor(problem: Problem, *, step_size: float, rule: str = "functional") -> float:
    """The excess loss at which rounding holds a float64 run: 4 |e|^2 / (step_size^2 mu), step_size at most 1/L.

    Rounding W_t to float64 is a step error e of about eps |W*|. The loss is smooth with 1/step_size in place of L, and
    under constant errors the theorem nesterov-with-errors leaves Phi = L |e|^2 / (1 - sqrt(1-q))^2 <= 4 L^2 |e|^2 / mu.
    For the parameter rule mu' and L' take the place of mu and L, and |e|_P <= |e| / sigma_min that of |e|.
    The floor is at most eps L |W*|^2, half the digits of W*: steps so short that rounding undoes them do not converge.
    """
    size, mu, L = float(np.linalg.norm(problem.target)), problem.mu, problem.L
    if size == 0:
        return 0.0
    error, highest = EPS * size, EPS * L * size * size
    if rule == "parameter":
        mu, L = problem.output_curvature
        values = problem.target_singular_values
        error /= float(values[values > problem.target_rounding][-1])
    if mu == 0:  # lost in rounding
        return highest
    distance = 2 * error / min(step_size, 1 / L)
    return min(distance * distance / mu, highest)


def budget(call: str, stages) -> int:
    """stages if it is an integer >= 0, else InputError."""
    return checks.whole(f"{call}(stages=...)", stages, wanted="an integer >= 0", low=0)


def step_size(call: str, given, default: float) -> float:
    """The step: the given one if it is a number > 0, the default if None, else InputError."""
    if given is None:
        return default
    return checks.number(
        f"{call}(step_size=...)", given, wanted="a number > 0", holds=lambda v: v > 0, remedy="Leave it out to use 1/L."
    )


def momentum(call: str, given, default: float | None) -> float:
    """The momentum: the given one if it is in [0, 1), the default if None, else InputError.

    default None: theory has none for the loss, and InputError unless one is given.
    """
    if given is None:
        if default is None:
            raise refuse(f"{call}(momentum=...)", "given for a loss without strong convexity", "none",
                         "Try 0.9, or add a ridge.")
        return default
    return checks.number(
        f"{call}(momentum=...)", given, wanted="in [0, 1)", holds=lambda v: 0 <= v < 1,
        remedy="Leave it out to use (1-q)/(1+q).",
    )


_NO_CURVATURE = "It is 0 where no column of x varies, or where all of them are too small for float64: rescale those."


def smoothness(call: str, objective) -> float:
    """L of a `Problem` or another `Objective`; InputError for what is none, or has no curvature."""
    missing = [name for name in ("value", "gradient", "dimension", "smoothness") if not hasattr(objective, name)]
    if missing:
        raise refuse(f"{call}(objective)", "a Problem or a loss", _shown(objective, missing[0]),
                     "See linres.Problem.from_data and linres.losses.Objective.")
    return checks.number(f"the smoothness of {call}(objective)", objective.smoothness, wanted="a number > 0",
                         holds=lambda v: v > 0, remedy=_NO_CURVATURE)


def _shown(value, missing: str) -> str:
    return repr(value) if isinstance(value, str) else f"{kind_of(value)} without {missing}"


def identified(objective: Problem | Objective) -> dict[str, str]:
    """What the settings of a run say of its loss: nothing of a `Problem`, the name of any other."""
    return {} if isinstance(objective, Problem) else {"objective": type(objective).__name__}


def require_problem(call: str, objective) -> None:
    """InputError for another loss than a `Problem`."""
    if not isinstance(objective, Problem):
        raise refuse(f"{call}(problem)", "a Problem", kind_of(objective),
                     "The method is one for least squares; see descend, accelerate and grow for other losses.")


def first_network(call: str, objective: Problem | Objective, given) -> np.ndarray:
    """W_0: a copy of the given (d, d) matrix, I if None; InputError if it is none, or its loss overflows."""
    d = objective.dimension
    network = np.eye(d) if given is None else checks.matrix(call, given, shape=(d, d))
    with np.errstate(over="ignore", invalid="ignore"):
        value = Counted.of(objective).value(network)
    if not math.isfinite(value):
        raise refuse(call, "a network of finite loss", f"loss {value}", "Scale it down.")
    return network


def _status(value: float, initial: float, floor: float) -> str:
    if not math.isfinite(value) or value > DIVERGED_AT * initial > 0:
        return "diverged"
    return "converged" if value <= floor else "budget"


class Course(NamedTuple):
    """How a run went: its first and last state of finite value, the values (T + 1) in between, and how it ended."""

    first: Any
    last: Any
    values: list[float]
    status: str
    stage: int
    reason: str


def follow(
    states: Iterator[Any], value: Callable[[Any], float], *, stages: int, floor: float, watch: Watch | None = None,
    keep: Callable[[Any, float], object] = lambda state, value: None, arrived: Callable[[Any], str] = lambda state: "",
) -> Course:
    """Follow the states 0, 1, ... of a run for so many stages, or until it converged or diverged.

    value: the loss of a state, as `losses.Counted` counts it; a state is kept only where that is finite, and `keep` is
    told both. floor: the value at which a run has converged; it has as well where arrived(state) gives a reason.
    watch(t, value), if given, is called at every stage from t = 0 on; what it raises ends the run.
    numpy.linalg.LinAlgError out of `states` means that W_t is singular, so that no block leads from it to W_{t+1} under
    the functional rule: the residual form of the run ends there.
    """
    kept: list[Any] = []  # the first and the last
    values: list[float] = []
    status, stage, reason = "budget", 0, ""
    for stage in range(stages + 1):
        try:
            state = next(states)
        except np.linalg.LinAlgError:
            status, reason = "diverged", f"W_{stage - 1} is singular, so block {stage} does not exist"
            break
        found = value(state)
        if math.isfinite(found):
            kept[1:] = [state]
            values.append(found)
            keep(state, found)
        if watch is not None:
            watch(stage, found)
        status = _status(found, values[0], floor)
        if status == "budget" and (reason := arrived(state)):
            status = "converged"
        if status != "budget":
            break
    return Course(kept[0], kept[-1], values, status, stage, reason)


def record(
    objective: Problem | Objective, networks: Iterator[Any], *, method: str, rule: str, settings: dict[str, Any],
    rate_sharp: float | None, watch: Watch | None = None, measure: Measure | None = None,
) -> Trajectory:
    """Follow W_0, W_1, ... for settings["stages"] stages, or until the run converged or diverged, see `follow`.

    networks gives W_t (d, d), or objects that hold it as `network`, of which `measure` makes the method's quantities.
    Of another loss than a `Problem` nobody knows where rounding holds the run, nor the distance from W*.
    """
    counted, recorder = Counted.of(objective), Recorder.of(objective, measure)
    problem = objective if isinstance(objective, Problem) else None
    floor = -math.inf
    if problem is not None:
        floor = rounding_floor(problem, step_size=settings["step_size"], rule=rule)
    with np.errstate(all="ignore"):  # a diverging run overflows; the status says so
        course = follow(
            networks, lambda state: float(counted.value(quantities.network(state))), stages=settings["stages"],
            floor=floor, watch=watch, keep=recorder.add,
        )
        series = recorder.series()
    loss, excess = counted.arrays(course.values)
    first, last = quantities.network(course.first), np.array(quantities.network(course.last))
    return Trajectory(
        method, rule, loss, excess, first, last, settings | identified(objective), course.status, course.stage,
        course.reason, rate_sharp, max(floor, 0.0), series, problem,
    )
