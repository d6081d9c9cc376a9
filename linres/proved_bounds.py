"""What theorems bound the excess loss of a run by, at every stage, as the right sides of the theorems themselves say.

Theorems are loaded, and SymPy with them, only where a bound is evaluated.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from linres.trajectory import Trajectory

ACCELERATION, SHARP = "stacking-acceleration", "stacking-quadratic"
NESTEROV, QUADRATIC, CHEBYSHEV = "nesterov-with-errors", "nesterov-quadratic", "chebyshev-iteration"
PARAMETER, NOISE, GRADIENT = "stacking-parameter-acceleration", "random-start-noise-floor", "gradient-step"
SHARP_COURSES = (QUADRATIC, CHEBYSHEV)  # what `reference` draws
DOUBLE_ROOT = 1e-9  # relative; two roots that are 1e-9 apart come of a momentum that is off by 1e-18


@dataclass(frozen=True)
class Bound:
    """A bound on the excess loss of a run, at every stage t: the right side of a theorem.

    Attributes
    ----------
    by : str
        The theorem, or the words for what stands in for one.
    of : {"excess", "potential", "mean"}
        What is bounded: the excess, a potential that is at least the excess, or the mean of the excess over seeds.
    given : dict of str to object
        What the right side is evaluated with, by symbol name.
    power : int
        The excess is bounded by this power of the right side.
    each : float, optional
        For a theorem about one step: the first excess, of which the right side is the share left by a stage.
    rate : float, optional
        The share itself, where there is no theorem to evaluate.
    contraction : float, optional
        By how much the bound falls a stage; None where that differs by stage.

    Examples
    --------
    >>> import linres
    >>> import numpy as np
    >>> problem = linres.Problem.from_spectrum([1, 2, 4])
    >>> bound = linres.guarantee.of(problem, linres.descend(problem, stages=20)).bounds[0]
    >>> bound.by, bound.at(np.arange(3)).round(6)
    ('gradient-step', array([3.5     , 1.96875 , 1.107422]))
    """

    by: str
    of: str
    given: dict[str, Any] = field(default_factory=dict)
    power: int = 1
    each: float | None = None
    rate: float | None = None
    contraction: float | None = None

    def at(self, stages: np.ndarray) -> np.ndarray:
        """The bound after so many stages.

        Parameters
        ----------
        stages : (n,) ndarray of int
            The stages, >= 0.

        Returns
        -------
        (n,) ndarray
            The bound, in squared units of y; 0 where it underflows.
        """
        with np.errstate(under="ignore", over="ignore"):
            if self.each is not None:
                rate = self._right_side() if self.rate is None else self.rate
                return self.each * rate ** np.asarray(stages, dtype=np.float64)
            return np.asarray(self._right_side(T=stages), dtype=np.float64) ** self.power

    def _right_side(self, **more) -> Any:
        from linres.theorems import load

        return load(self.by).bound(**self.given, **more)


def accelerated(q: float, potential: float) -> Bound:
    """Of stacking by the functional rule within its basin, Phi_0 = potential."""
    return Bound(ACCELERATION, "potential", {"q": q, "Phi": np.array([potential])}, contraction=1 - q)


def sharp(q: float, L: float, sigma_min: float, excess: float) -> Bound:
    """Of stacking by the functional rule within the basin of stacking-quadratic, from this excess on."""
    return Bound(SHARP, "excess", {"q": q, "L": L, "sigma": sigma_min, "ell": np.array([excess]), "ell_star": 0.0})


def nesterov(q: float, L: float, potential: float) -> Bound:
    """Of Nesterov's method without errors on any smooth strongly convex loss, Phi_0 = potential."""
    given = {"q": q, "L": L, "Phi": np.array([potential]), "d": 0.0, "e_norm": 0.0}
    return Bound(NESTEROV, "potential", given, power=2, contraction=1 - q)


def quadratic(q: float, excess: float) -> Bound:
    """Of Nesterov's method from rest on least squares: the sum of what holds along every eigenvector."""
    return Bound(QUADRATIC, "excess", {"q": q, "c": np.array([np.sqrt(excess)])})


def chebyshev(beta: float, excess: float) -> Bound:
    """Of the Chebyshev iteration, beta = (1-q)/(1+q): the sum of what holds along every eigenvector."""
    return Bound(CHEBYSHEV, "excess", {"beta": beta, "c": np.array([np.sqrt(excess)])})


def descent(q: float, excess: float) -> Bound:
    """Of gradient descent with the step size 1/L."""
    given = {"q": q, "f_x": 1.0, "f_star": 0.0}
    return Bound(GRADIENT, "excess", given, each=excess, contraction=(1 - q * q) ** 2)


def parameter(q: float, potential: float) -> Bound:
    """Of stacking by the parameter rule within its basin, Phi_0 = potential in the metric of the network."""
    return Bound(PARAMETER, "potential", {"q": q, "Phi": np.array([potential])}, contraction=1 - q)


def noisy(q: float, L: float, excess: float, noises: np.ndarray) -> Bound:
    """Of random starts with the noises sqrt(E|N_t|^2), (T,): of the mean of the excess."""
    given = {"q": q, "L": L, "ell": np.array([excess]), "ell_star": 0.0, "N_norm": noises}
    return Bound(NOISE, "mean", given)


def reference(run: Trajectory, stages: np.ndarray) -> tuple[np.ndarray, str] | None:
    """The sharp course of the relative excess near W* that theory gives for the settings of the run, and its words.

    Where the momentum makes a double root of the slowest eigenvalue that is the right side of nesterov-quadratic, its
    factor (1+qt)^2 included, and of the Chebyshev iteration that of chebyshev-iteration; else rate_sharp^t. None where
    no sharp rate is known.
    """
    rate = run.rate_sharp
    if rate is None or rate <= 0:
        return None
    if run.method == "chebyshev":
        return chebyshev(float(np.sqrt(rate)), 1.0).at(stages), f"{rate:.4g} per stage, up to a factor of 4"
    momentum = run.settings["momentum"]
    q = (1 - momentum) / (1 + momentum)
    if 0 < q < 1 and abs(rate - (1 - q) ** 2) <= DOUBLE_ROOT * rate:
        return quadratic(q, 1.0).at(stages), f"(1+qt)² times {rate:.4g} per stage"
    with np.errstate(under="ignore", over="ignore"):
        return rate ** stages.astype(np.float64), f"{rate:.4g} per stage"
