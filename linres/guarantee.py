"""What is proved of a training run: the statement that speaks of it, its hypotheses measured, and the rate it gives.

    stacking, functional rule     the theorem stacking-acceleration, and nearer to W* stacking-quadratic besides
    stacking, parameter rule      the theorem stacking-parameter-acceleration, whose settings have a margin
    Nesterov's method             the theorems nesterov-quadratic and nesterov-with-errors, without errors
    zero start, gradient descent  the theorem gradient-step for step = 1/L and kappa > 1, else EXACT below
    Chebyshev                     the theorem chebyshev-iteration
    random starts, functional     the theorem random-start-noise-floor, of the mean over seeds
    conjugate gradients           nothing: they are what others are compared with
    losses other than least squares by its moments, a `Problem`: nothing
    several steps a stage, training all blocks, trained momentum, a user's own starts, end-to-end training: nothing, nor
                                  of any method that is not named here

Bounds of the excess loss at every stage are the right sides of these theorems, see `linres.proved_bounds`.

Zero start by the functional rule is gradient descent on W, as long as its blocks exist. On least squares
W_{t+1} - W* = (W_t - W*)(I - step Sigma), so c, the part of W_t - W* along an eigenvector of Sigma with eigenvalue s,
becomes (1 - step s) c, and the excess loss is the sum of s |c|^2 / 2. For 0 < step <= 1/L it hence contracts at every
stage by at most max_s (1 - step s)^2 = (1 - step mu)^2, which is (1 - 1/kappa)^2 for step = 1/L: attained where the
rows of W_0 - W* are mu-eigenvectors.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from linres import hypothesis_names, margins, proved_bounds
from linres.errors import kind_of, refuse
from linres.losses import Objective
from linres.methods import nesterov, random_start, stacking
from linres.problem import EPS, TINY, Problem, hypothesis
from linres.proved_bounds import ACCELERATION, CHEBYSHEV, GRADIENT, NESTEROV, NOISE, PARAMETER, QUADRATIC, SHARP, Bound
from linres.trajectory import Trajectory

DOUBTFUL = 2.0**-9  # a relative error of mu; half of that of q
EXACT = "least squares, exact along every eigenvector of Sigma"
METHODS = ("stacking", "zero", "random", "nesterov", "gradient", "chebyshev")  # that statements speak of
OF_THE_EXCESS = (GRADIENT, EXACT, CHEBYSHEV)  # what bounds the excess loss itself
SHARP_BASIN = 162  # stacking-quadratic asks for ell(W_0) - ell* <= mu sigma_min^2/162
# What cannot be known before something else is, by that; mended together with it.
CONSEQUENCES = {
    "moments-invertible": ("conditioned", "target-invertible", "momentum", "weights", "margin", "basin"),
    "target-invertible": ("margin", "basin"),
}


MU_SIGMA, MU_OUTPUT = "mu sigma_min^2", "mu'"


@dataclass(frozen=True)
class Basin:
    """Where a run starts, and how far it may be from W* to be accelerated.

    Attributes
    ----------
    phi_0 : float
        Phi_0, in squared units of y.
    scaled : float
        Phi_0 in the unit.
    threshold : float
        The largest that `scaled` may be.
    inside : bool or None
        Whether scaled <= threshold; None where the rounding of float64 could tip it.
    unit : {"mu sigma_min^2", "mu'"}
        The unit of `scaled`: the first, where the threshold is basin(q); for the parameter rule the second, mu' the
        smallest eigenvalue of W* Sigma W*^T.
    """

    phi_0: float
    scaled: float
    threshold: float
    inside: bool | None
    unit: str = MU_SIGMA

    @property
    def ratio(self) -> float:
        """scaled/threshold: at most 1 in the basin."""
        return self.scaled / self.threshold


@dataclass(frozen=True)
class Guarantee:
    """What is proved of a run: what `of` returns.

    Attributes
    ----------
    statement : str or None
        The theorem's name, or `linres.guarantee.EXACT`; None where nothing is proved.
    hypotheses : list of dict
        Each with its name, statement, whether it holds, the value measured and the threshold, see `Problem.hypotheses`;
        and numbers, "H18" say, under which the theorem has it: None where the method sees to it.
    rate : float or None
        The contraction per stage proved where every hypothesis holds: of a potential that is at least the excess loss,
        or for gradient descent and Chebyshev of the excess loss itself (the latter up to a factor of at most 4); None
        of a mean that ends at a floor.
    basin : Basin or None
        None where the statement has none, or W* is singular and it is empty.
    stated : tuple of linres.proved_bounds.Bound
        What bounds the excess at each stage if every hypothesis holds, the sharpest first.
    """

    statement: str | None
    hypotheses: list[dict[str, Any]]
    rate: float | None = None
    basin: Basin | None = None
    stated: tuple[Bound, ...] = ()

    def __repr__(self) -> str:
        if self.statement is None:
            return "<Guarantee: nothing is proved of this run>"
        failing = ", ".join(entry["name"] for entry in self.lacking)
        holding = f"{len(self.hypotheses) - len(self.lacking)} of {len(self.hypotheses)} hypotheses hold"
        return f"<Guarantee by {self.statement}: {holding}{f', but not {failing}' if failing else ''}>"

    @property
    def lacking(self) -> list[dict[str, Any]]:
        """The hypotheses that fail or are undecided."""
        return [entry for entry in self.hypotheses if entry["holds"] is not True]

    @property
    def rate_proved(self) -> float | None:
        """rate, None unless there is a statement and all its hypotheses hold."""
        return None if self.statement is None or self.lacking else self.rate

    @property
    def rate_sharp_by(self) -> str | None:
        """The theorem that bounds the excess loss after t stages by t contractions by the sharp rate, up to a factor.

        (1+qt)^2 by nesterov-quadratic, at most 9/2 times that by stacking-quadratic, at most 4 by chebyshev-iteration;
        None if none does.
        """
        sharp = [bound.by for bound in self.bounds if bound.by in (QUADRATIC, SHARP, CHEBYSHEV)]
        return sharp[0] if sharp else None

    @property
    def bounds(self) -> tuple[Bound, ...]:
        """What is proved to bound the excess loss at each stage, the sharpest first; () unless all hypotheses hold."""
        return () if self.statement is None or self.lacking else self.stated

    @property
    def inside_basin(self) -> bool | None:
        """Whether the run starts inside the basin; None where another hypothesis does not hold, or it is undecided."""
        others_hold = all(entry["name"] == "basin" for entry in self.lacking)
        return self.basin.inside if self.basin is not None and others_hold else None


def of(problem: Problem | Objective, trajectory: Trajectory) -> Guarantee:
    """What is proved of this run on this problem.

    Parameters
    ----------
    problem : Problem or linres.losses.Objective
        What was trained on, with Sigma > 0. Of a run on another loss than a `Problem` nothing is proved.
    trajectory : Trajectory
        The run.

    Returns
    -------
    Guarantee
        The statement that speaks of it, its hypotheses measured, and the rate it gives.

    Raises
    ------
    InputError
        When Sigma is singular, or the run is one on another problem.

    Examples
    --------
    >>> import linres
    >>> problem = linres.Problem.from_spectrum([1, 2, 4])
    >>> run = linres.grow(problem, stages=40, start=linres.starts.near(problem))
    >>> found = linres.guarantee.of(problem, run)
    >>> found
    <Guarantee by stacking-acceleration: 8 of 8 hypotheses hold>
    >>> round(found.rate_proved, 6)
    0.5
    """
    if not isinstance(trajectory, Trajectory):
        raise refuse("guarantee.of(trajectory)", "a run, a Trajectory", kind_of(trajectory), "linres.grow returns one.")
    settings = trajectory.settings
    if not isinstance(problem, Problem) or "objective" in settings:
        return Guarantee(None, [_least_squares(settings.get("objective", type(problem).__name__))])
    if trajectory.problem is not None and trajectory.problem is not problem:
        raise refuse("guarantee.of(problem, trajectory)", "the problem of the run", f"another, {problem!r}")
    pace = settings["momentum"] or 0.0  # None where the method chooses it at each stage
    assumed = {entry["name"]: entry for entry in problem.hypotheses(
        momentum=pace, step_size=settings["step_size"], rule=trajectory.rule
    )}
    found = _of_method(problem, trajectory, assumed)
    hypotheses = [
        entry | {"numbers": hypothesis_names.numbers(found.statement, entry["name"]) or None}
        for entry in _with_one_remedy(found.hypotheses)
    ]
    return replace(found, hypotheses=hypotheses)


def _of_method(problem: Problem, run: Trajectory, assumed: dict[str, dict]) -> Guarantee:
    """What the theorem that speaks of the method says; assumed: what `Problem.hypotheses` has, by name."""
    unproved = _of_no_theorem(run, assumed)
    if unproved is not None:
        return Guarantee(None, unproved)
    makers: dict[str, Callable[[Problem, Trajectory, dict[str, dict]], Guarantee]] = {
        "zero": _gradient, "gradient": _gradient, "random": _random, "chebyshev": _chebyshev, "nesterov": _nesterov,
        "stacking": _parameter if run.rule == "parameter" else _stacking,
    }
    return makers[run.method](problem, run, assumed)


def _with_one_remedy(hypotheses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The hypotheses, where one is the cause of others that do not hold with a single remedy: that of the cause.

    An undecided momentum, say, has nothing to be mended but the mu it is held against.
    """
    lacking = {entry["name"] for entry in hypotheses if entry["holds"] is not True}
    mended = list(hypotheses)
    for cause, consequences in CONSEQUENCES.items():
        if cause in lacking:
            mended = [
                entry | {"remedy": f"See {cause}."} if entry["name"] in consequences and _hangs(entry) else entry
                for entry in mended
            ]
            break
    return mended


def _hangs(entry: dict[str, Any]) -> bool:
    """Whether a hypothesis may be lacking for its cause alone: a momentum that is another number is so for itself."""
    return entry["holds"] is None or (entry["holds"] is False and entry["name"] != "momentum")


def _least_squares(objective: str) -> dict[str, Any]:
    return hypothesis(
        "least-squares", "the loss is least squares, by its moments", False, objective, "Problem",
        "Nothing is proved of runs on other losses. Take Problem.from_data.",
    )


def _of_no_theorem(trajectory: Trajectory, assumed: dict[str, dict]) -> list[dict] | None:
    """What a run needs of which no theorem speaks; None of a run of which one does."""
    moments, target = assumed["moments-invertible"], assumed["target-invertible"]
    if trajectory.method == "conjugate-gradient":
        return [moments]
    if trajectory.rule == "end-to-end":
        return [moments, _stagewise()]
    beyond = _beyond(trajectory)
    if beyond:
        return [moments, *beyond]
    if trajectory.rule == "parameter" and trajectory.method != "stacking":
        return [moments, target, _functional(trajectory.rule), assumed["step"]]
    return None


def _beyond(trajectory: Trajectory) -> list[dict[str, Any]]:
    """What no statement here speaks of: each as a hypothesis that fails."""
    settings = trajectory.settings
    wanted = (
        ("method", f"the method is one of {', '.join(METHODS)}", trajectory.method, METHODS, "Take one of these."),
        ("one-step", "a stage takes one step", settings.get("inner", 1), (1,), "Take one (--inner 1)."),
        ("new-block", "a stage trains its own block only", settings.get("train", "new"), ("new",), "Take --train new."),
        ("fixed-momentum", "the momentum is the same at all stages", settings.get("momentum_rule", "fixed"), ("fixed",),
         "Leave it fixed (--momentum theory)."),
    )
    return [
        hypothesis(name, statement, False, value, allowed[0], f"Nothing is proved of it. {remedy}")
        for name, statement, value, allowed, remedy in wanted if value not in allowed
    ]


def _gradient(problem: Problem, run: Trajectory, assumed: dict[str, dict]) -> Guarantee:
    """Of gradient descent: GRADIENT where it applies, else EXACT."""
    moments, step_size, excess = assumed["moments-invertible"], run.settings["step_size"], float(run.excess_loss[0])
    kept = 1 - step_size * problem.mu
    rate = kept * kept  # kept**2 would raise where it overflows
    hypotheses = [moments, _conditioned(problem), _step(problem, step_size)]
    theorem = Guarantee(GRADIENT, hypotheses, rate, stated=(proved_bounds.descent(problem.q, excess),))
    if theorem.lacking:
        stated = (Bound(EXACT, "excess", each=excess, rate=rate, contraction=rate),)
        theorem = Guarantee(EXACT, [moments, assumed["step"]], rate, stated=stated)
    return replace(theorem, hypotheses=[*theorem.hypotheses, *_blocks(run)])


def _chebyshev(problem: Problem, run: Trajectory, assumed: dict[str, dict]) -> Guarantee:
    beta = nesterov.momentum(problem.q)
    stated = (proved_bounds.chebyshev(beta, float(run.excess_loss[0])),)
    return Guarantee(CHEBYSHEV, [assumed["moments-invertible"], _weights(problem)], beta * beta, stated=stated)


def _pace(problem: Problem, run: Trajectory) -> list[dict[str, Any]]:
    return [_momentum(problem, run.settings["momentum"]), _step(problem, run.settings["step_size"])]


def _nesterov(problem: Problem, run: Trajectory, assumed: dict[str, dict]) -> Guarantee:
    q, potential = problem.q, nesterov.potential_at_rest(problem, run.first)
    stated = (
        proved_bounds.quadratic(q, float(run.excess_loss[0])), proved_bounds.nesterov(q, problem.L, potential),
    )
    return Guarantee(NESTEROV, [assumed["moments-invertible"], *_pace(problem, run)], 1 - q, stated=stated)


def _stacking(problem: Problem, run: Trajectory, assumed: dict[str, dict]) -> Guarantee:
    """Of stacking by the functional rule."""
    q, excess, basin = problem.q, float(run.excess_loss[0]), _basin(problem, run.first)
    stated: tuple[Bound, ...] = ()
    if basin is not None:
        stated = (proved_bounds.accelerated(q, basin.phi_0),)
        if _inside_sharp(problem, excess):
            stated = (proved_bounds.sharp(q, problem.L, problem.sigma_min, excess), *stated)
    hypotheses = [
        assumed["moments-invertible"], _conditioned(problem), assumed["target-invertible"], _functional(run.rule),
        *_pace(problem, run), _rest(), _basin_hypothesis(problem, basin),
    ]
    return Guarantee(ACCELERATION, hypotheses, 1 - q, basin, stated)


def _parameter(problem: Problem, run: Trajectory, assumed: dict[str, dict]) -> Guarantee:
    """Of stacking by the parameter rule."""
    pace, reach = margins.Pace(run.settings["momentum"], run.settings["step_size"]), None
    if problem.target_invertible is not False:
        reach = margins.reach(problem, run.first, pace)
    hypotheses = [assumed["moments-invertible"], assumed["target-invertible"], _margin(problem, reach), _rest()]
    basin: Basin | None = None
    stated: tuple[Bound, ...] = ()
    if reach is not None and reach.margin:
        basin = Basin(reach.phi_0, reach.phi_0 / reach.smallest, reach.h**2 / 2, reach.inside, MU_OUTPUT)
        stated = (proved_bounds.parameter(pace.q, reach.phi_0),)
    return Guarantee(PARAMETER, [*hypotheses, _near(reach)], 1 - pace.q, basin, stated)


def _random(problem: Problem, run: Trajectory, assumed: dict[str, dict]) -> Guarantee:
    """Of random starts by the functional rule, L = 1/step_size and q^2 = mu/L: not of this run, but of the mean."""
    settings, step_size = run.settings, run.settings["step_size"]
    noises = random_start.noise_norms(
        problem, run.first, scale=settings["scale"], step_size=step_size, stages=max(len(run.loss) - 1, 1)
    )
    q = math.sqrt(problem.mu * step_size)
    stated = (proved_bounds.noisy(q, 1 / step_size, float(run.excess_loss[0]), noises),)
    hypotheses = [
        assumed["moments-invertible"], _conditioned(problem), _functional(run.rule), assumed["step"], _centred(),
        *_blocks(run),
    ]
    return Guarantee(NOISE, hypotheses, stated=stated)


def _blocks(trajectory: Trajectory) -> list[dict[str, Any]]:
    """A run of zero or random starts that met a singular network is no gradient descent from there on."""
    if trajectory.method not in ("zero", "random") or trajectory.status != "diverged":
        return []
    remedy = "Take --method gradient, which needs no blocks, or another start."
    return [hypothesis("blocks", "every block exists: no W_t is singular", False, trajectory.stage, math.inf, remedy)]


IN_BASIN = "Phi_0/(mu sigma_min^2) <= basin(q), the threshold"


def _rest() -> dict[str, Any]:
    """Every run of ours starts from rest."""
    return hypothesis("rest", "the first block starts at zero: |W_0 - W_-1| = 0", True, 0.0, 0.0, "")


def _functional(rule: str) -> dict[str, Any]:
    """Zero and random starts by the parameter rule are no gradient descent, not even in the mean."""
    return hypothesis(
        "functional-rule", "the step is taken on W itself", rule == "functional", rule, "functional",
        "Take the functional rule (--rule functional), or stacking starts.",
    )


def _centred() -> dict[str, Any]:
    """Starts that `grow` draws have mean 0."""
    return hypothesis("centred", "starts have mean 0, whatever came before", True, 0.0, 0.0, "")


def _weights(problem: Problem) -> dict[str, Any]:
    """The weights of the Chebyshev iteration are made from mu."""
    relative = problem.mu_error / problem.mu
    return hypothesis(
        "weights", "the weights are those of mu and L: mu is known to three digits", True if relative <= DOUBTFUL
        else None, relative, DOUBTFUL, "Add a ridge (ridge=..., --ridge ...).",
    )


def _margin(problem: Problem, reach: margins.Reach | None) -> dict[str, Any]:
    """Room in the settings for some h > 0; reach: None for a singular W*."""
    statement = (
        "largest h: (1+h)^2 L' <= 1/step, (1+4b^2(1+q)/(1-q)) q^2/step <= (1-h)^2 mu', 8b^2 <= (1-q)^2, b = h/(1-h)"
    )
    if reach is None or not reach.smallest > 0:
        return hypothesis("margin", statement, None, math.nan, margins.LEAST, "See target-invertible.")
    pace = margins.settings(margins.USUAL, *problem.output_curvature)
    momentum, step_size = math.ceil(pace.momentum * 1e4) / 1e4, pace.step_size
    advice = f"Take --momentum {momentum:.4f} --step {_below(step_size)} (step_size=), for h = {margins.USUAL:g}."
    return hypothesis("margin", statement, reach.margin, reach.h, margins.LEAST, advice)


def _below(value: float) -> str:
    """Four digits of a number > 0, rounded down."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 3)
    return f"{math.floor(value / unit) * unit:.4g}"


def _near(reach: margins.Reach | None) -> dict[str, Any]:
    statement = "Phi_0/mu' <= h^2/2, the threshold"
    if reach is None or not reach.smallest > 0:
        return hypothesis("basin", statement, False, math.inf, 0.0, "It is empty for a singular W*.")
    remedy = "Start closer to W* (--start near:R, R small). From here stacking may accelerate, unproved."
    if reach.margin is not True:
        remedy = "See margin."
    return hypothesis("basin", statement, reach.inside, reach.phi_0 / reach.smallest, reach.h**2 / 2, remedy)


def _stagewise() -> dict[str, Any]:
    return hypothesis(
        "stagewise", "each stage adds a block to frozen ones, or steps on W", False, "end to end", "stagewise",
        "Nothing is proved of end-to-end training yet. Take another method.",
    )


def _conditioned(problem: Problem) -> dict[str, Any]:
    """kappa > 1. Only a Sigma that is a multiple of I, to the bit, has kappa = 1 for certain.

    Next to a multiple of I the moments and their eigenvalues are each wrong by a few d eps L: together by 10 at most;
    those of data by more.
    """
    known = problem.dimension == 1 or problem.sigma_error == 0
    if known and np.array_equal(problem.sigma, problem.sigma[0, 0] * np.eye(problem.dimension)):
        holds: bool | None = False
    else:
        holds = True if problem.L - problem.mu > 10 * problem.mu_error else None
    return hypothesis(
        "conditioned", "kappa = L/mu > 1, so q < 1", holds, problem.kappa, 1.0,
        "A single gradient step of 1/L arrives at W*: take --method gradient.",
    )


def _equal(value: float, wanted: float, rounding: float) -> bool | None:
    """Whether value is wanted; None for another number no further from it than its rounding."""
    if value == wanted:
        return True
    return None if abs(value - wanted) <= rounding else False


def _momentum(problem: Problem, value: float) -> dict[str, Any]:
    """momentum = (1-q)/(1+q), rounded by mu_error/(mu q): eigenvalues by mu_error, hence q by half as much.

    Where that leaves less than three digits of q, float64 cannot tell what the momentum should be, nor the rate 1 - q.
    """
    wanted = nesterov.momentum(problem.q)
    relative = problem.mu_error / problem.mu
    holds = _equal(value, wanted, problem.q * relative)
    if relative > DOUBTFUL and holds is True:
        holds = None
    return hypothesis("momentum", "momentum = (1-q)/(1+q)", holds, value, wanted, "Leave it out to use (1-q)/(1+q).")


def _step(problem: Problem, value: float) -> dict[str, Any]:
    wanted = 1 / problem.L
    holds = _equal(value, wanted, problem.dimension * EPS * wanted)
    return hypothesis("step", "step = 1/L, L = lambda_max(Sigma)", holds, value, wanted, "Leave it out to use 1/L.")


def _basin(problem: Problem, first: np.ndarray) -> Basin | None:
    """The basin and W_0 = first (d, d) in it; None if W* is singular."""
    if problem.target_invertible is False:
        return None
    phi_0, threshold = nesterov.potential_at_rest(problem, first), float(stacking.basin(problem.q))
    scaled = phi_0 / problem.mu / problem.sigma_min / problem.sigma_min
    lost = phi_0 < TINY and not np.array_equal(first, problem.target)
    inside = None if lost else _inside(problem, math.sqrt(scaled / threshold), threshold)
    return Basin(phi_0, scaled, threshold, inside)


def _inside_sharp(problem: Problem, excess: float) -> bool:
    """Whether ell(W_0) - ell* = excess is certainly within the basin of stacking-quadratic."""
    scaled = excess / problem.mu / problem.sigma_min / problem.sigma_min * SHARP_BASIN
    lost = 0 < excess < TINY
    return not lost and _inside(problem, math.sqrt(scaled), 1 / SHARP_BASIN) is True


def _inside(problem: Problem, reach: float, threshold: float) -> bool | None:
    """Whether reach = sqrt(Phi_0/(threshold mu sigma_min^2)) <= 1; None if it is no further from 1 than its rounding.

    To first order, then doubled. Eigenvalues are known to mu_error, that is mu to r = mu_error/mu of itself: r/2 in the
    square root of mu, as much in that of Phi_0 >= mu |W_0 - W*|^2, and r/(4 sqrt(1-q)) in that of threshold. W*, and so
    sigma_min, is known to target_error = e sigma_min, which moves sqrt(Phi_0) by sqrt(L) times as much, a
    seminorm of W_0 - W*. So sigma_min is between 1 - 2e and 1 + 2e of itself, and e may exceed 1.
    """
    r = problem.mu_error / problem.mu
    e = problem.target_error / problem.sigma_min
    relative = 4 * r / math.sqrt(max(1 - problem.q, EPS))
    absolute = 2 * e * math.sqrt(problem.kappa / threshold)
    if relative > 1 / 2:
        return None
    if reach * (1 + relative) + absolute <= 1 - 2 * e:
        return True
    return False if reach * (1 - relative) - absolute > 1 + 2 * e else None


def _basin_hypothesis(problem: Problem, basin: Basin | None) -> dict[str, Any]:
    if basin is None:
        threshold = float(stacking.basin(problem.q))
        remedy = "It is empty for a singular W*: see target-invertible."
        return hypothesis("basin", IN_BASIN, False, math.inf, threshold, remedy)
    remedy = "Start closer to W* (--start near, linres.starts.near). From here stacking may accelerate, unproved."
    return hypothesis("basin", IN_BASIN, basin.inside, basin.scaled, basin.threshold, remedy)
