"""What is proved of a training run: the statement that speaks of it, its hypotheses measured, and the rate it gives.

    stacking, functional rule     the theorem stacking-acceleration
    Nesterov's method             the theorem nesterov-with-errors, without errors
    zero start, gradient descent  the theorem gradient-step for step = 1/L and kappa > 1, else EXACT below
    stacking, parameter rule      nothing yet: stacking-parameter-acceleration asks for a margin in the settings, which
                                  is not measured here; what else a run needs is listed all the same
    Chebyshev, conjugate gradient nothing of a single stage: they are what others are compared with
    losses other than least squares by its moments, a `Problem`: nothing
    several steps a stage, training all blocks, trained momentum, random starts and a user's own, end-to-end training:
                                  nothing, nor of any method that is not named here

Zero start by the functional rule is gradient descent on W, as long as its blocks exist. On least squares
W_{t+1} - W* = (W_t - W*)(I - step Sigma), so c, the part of W_t - W* along an eigenvector of Sigma with eigenvalue s,
becomes (1 - step s) c, and the excess loss is the sum of s |c|^2 / 2. For 0 < step <= 1/L it hence contracts at every
stage by at most max_s (1 - step s)^2 = (1 - step mu)^2, which is (1 - 1/kappa)^2 for step = 1/L: attained where the
rows of W_0 - W* are mu-eigenvectors.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from linres.errors import refuse
from linres.losses import Objective
from linres.methods import nesterov, stacking
from linres.problem import EPS, TINY, Problem, hypothesis
from linres.trajectory import Trajectory

STACKING, NESTEROV, GRADIENT = "stacking-acceleration", "nesterov-with-errors", "gradient-step"
QUADRATIC = "nesterov-quadratic"
DOUBTFUL = 2.0**-9  # a relative error of mu; half of that of q
EXACT = "least squares, exact along every eigenvector of Sigma"
REFERENCES = ("chebyshev", "conjugate-gradient")  # methods that choose momentum and step themselves
METHODS = ("stacking", "zero", "nesterov", "gradient")  # that statements speak of
OF_THE_EXCESS = (GRADIENT, EXACT)  # what bounds the excess loss itself, stage by stage


@dataclass(frozen=True)
class Basin:
    """Where a run starts: phi_0 = Phi_0, in squared units of y; scaled = Phi_0/(mu sigma_min^2); threshold: basin(q).

    inside: whether scaled <= threshold, None where the rounding of float64 could tip it.
    """

    phi_0: float
    scaled: float
    threshold: float
    inside: bool | None

    @property
    def ratio(self) -> float:
        """scaled/threshold: at most 1 in the basin."""
        return self.scaled / self.threshold


@dataclass(frozen=True)
class Guarantee:
    """statement: the theorem's name, or EXACT; None where nothing is proved. hypotheses: entries as `hypothesis` makes.

    rate: the contraction per stage proved where every hypothesis holds: of Phi_t, which is at least the excess loss, or
    for OF_THE_EXCESS of the excess loss itself. basin: None where the statement has none, or W* is singular and it is
    empty.
    """

    statement: str | None
    hypotheses: list[dict[str, Any]]
    rate: float | None = None
    basin: Basin | None = None

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
        """The theorem that bounds the excess loss after t stages by (1+qt)^2 times t contractions by the sharp rate."""
        return QUADRATIC if self.statement == NESTEROV and not self.lacking else None

    @property
    def inside_basin(self) -> bool | None:
        """Whether the run starts inside the basin; None where another hypothesis does not hold, or it is undecided."""
        others_hold = all(entry["name"] == "basin" for entry in self.lacking)
        return self.basin.inside if self.basin is not None and others_hold else None


def of(problem: Problem | Objective, trajectory: Trajectory) -> Guarantee:
    """What is proved of this run on this problem, which has to have Sigma > 0 (InputError).

    Nothing of a run on another loss than a `Problem`.
    """
    settings = trajectory.settings
    if not isinstance(problem, Problem) or "objective" in settings:
        return Guarantee(None, [_least_squares(settings.get("objective", type(problem).__name__))])
    if trajectory.problem is not None and trajectory.problem is not problem:
        raise refuse("guarantee.of(problem, trajectory)", "the problem of the run", f"another, {problem!r}")
    pace = settings["momentum"] or 0.0  # None where the method chooses it at each stage
    assumed = {entry["name"]: entry for entry in problem.hypotheses(
        momentum=pace, step_size=settings["step_size"], rule=trajectory.rule
    )}
    unproved = _of_no_theorem(trajectory, assumed)
    if unproved is not None:
        return Guarantee(None, unproved)
    moments, target = assumed["moments-invertible"], assumed["target-invertible"]
    if trajectory.method in ("zero", "gradient"):
        descent = _gradient(problem, settings["step_size"], moments, assumed["step"])
        return replace(descent, hypotheses=[*descent.hypotheses, *_blocks(trajectory)])
    both = [_momentum(problem, pace), _step(problem, settings["step_size"])]
    if trajectory.method == "nesterov":
        return Guarantee(NESTEROV, [moments, *both], 1 - problem.q)
    basin = _basin(problem, trajectory.first)
    start = [_rest(), _basin_hypothesis(problem, basin)]
    hypotheses = [moments, _conditioned(problem), target, _rule(trajectory), *both, *start]
    return Guarantee(STACKING, hypotheses, 1 - problem.q, basin)


def _least_squares(objective: str) -> dict[str, Any]:
    return hypothesis(
        "least-squares", "the loss is least squares, by its moments", False, objective, "Problem",
        "Nothing is proved of runs on other losses. Take Problem.from_data.",
    )


def _of_no_theorem(trajectory: Trajectory, assumed: dict[str, dict]) -> list[dict] | None:
    """What a run needs of which no theorem speaks; None of a run of which one does."""
    moments, target = assumed["moments-invertible"], assumed["target-invertible"]
    if trajectory.method in REFERENCES:
        return [moments]
    if trajectory.rule == "end-to-end":
        return [moments, _stagewise()]
    beyond = _beyond(trajectory)
    if beyond:
        return [moments, *beyond]
    if trajectory.rule == "parameter":
        return [moments, target, _rule(trajectory), assumed["momentum"], assumed["step"]]
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


def _gradient(problem: Problem, step_size: float, moments: dict[str, Any], short: dict[str, Any]) -> Guarantee:
    """Of gradient descent: GRADIENT where it applies, else EXACT, whose hypothesis on the step is `short`."""
    kept = 1 - step_size * problem.mu
    rate = kept * kept  # kept**2 would raise where it overflows
    theorem = Guarantee(GRADIENT, [moments, _conditioned(problem), _step(problem, step_size)], rate)
    return Guarantee(EXACT, [moments, short], rate) if theorem.lacking else theorem


def _blocks(trajectory: Trajectory) -> list[dict[str, Any]]:
    """A run of zero starts that met a singular network is no gradient descent from there on."""
    if trajectory.method != "zero" or trajectory.status != "diverged":
        return []
    remedy = "Take --method gradient, which needs no blocks, or another start."
    return [hypothesis("blocks", "every block exists: no W_t is singular", False, trajectory.stage, math.inf, remedy)]


IN_BASIN = "Phi_0/(mu sigma_min^2) <= basin(q), the threshold"


def _rest() -> dict[str, Any]:
    """Every run of ours starts from rest."""
    return hypothesis("rest", "the first block starts at zero: |W_0 - W_-1| = 0", True, 0.0, 0.0, "")


def _rule(trajectory: Trajectory) -> dict[str, Any]:
    return hypothesis(
        "functional-rule", "the step is taken on W itself", trajectory.rule == "functional", trajectory.rule,
        "functional", "Of the parameter rule stacking-parameter-acceleration asks for a margin in the settings, not "
        "measured here. Take the functional rule (--rule functional).",
    )


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
