"""What is measured of a run beside its loss, stage by stage, in batches of stages: one by one it would slow the run.

    potential        Phi_t, squared units of y; it is at least the excess loss
    distance         |W_t - W*|, Frobenius, units of W
    block_norm       |w_t|, Frobenius, no units
    lookahead_error  |D_t|, and
    step_error       |e_t|, units of W: the run as Nesterov's method with errors, in the words of nesterov-with-errors,

        y_t = W_t + beta_t (W_t - W_{t-1}) + D_t,    W_{t+1} = y_t - step_size (gradient at y_t) + e_t

    beta             beta_t

Phi_t, the gradient and the norms of D_t and e_t are those of the run's `Geometry`. The last three belong to the step
from W_t to W_{t+1}, so they are nan at the last stage; nan as well is what a method does not have.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linres.problem import Problem

NAMES = ("potential", "distance", "block_norm", "lookahead_error", "step_error", "beta")
OF_STEPS = NAMES[3:]
FEWEST = 6  # states of a batch: two of them are measured again in the next
BATCH = 2**13  # numbers in the networks of a batch: more of them, kept while the run goes on, would leave the caches

# Gives some of NAMES, (n,) each, of n successive states and their excess losses (n,). Of the first state no more is
# known than that it is W_0 at rest, if it is; of the last, the step that leaves it is not.
Measure = Callable[[Sequence[Any], np.ndarray], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Geometry:
    """Coordinates X of the networks, W -> X, linear, in which a run is Nesterov's method, and the loss in them.

    X = W root, or W where root is None. The loss there has the minimiser X* and the second moment sigma, norms are
    Frobenius norms. mu, q: its strong convexity, and 1/sqrt(kappa), which makes the points z_t of Phi_t. target: W*.
    """

    target: np.ndarray
    sigma: np.ndarray
    minimiser: np.ndarray
    mu: float
    q: float
    root: np.ndarray | None = None

    def errors(self, networks: np.ndarray) -> np.ndarray:
        """X_t - X* of the networks W_t (n, d, d): (n, d, d)."""
        errors = networks - self.target
        return errors if self.root is None else errors @ self.root

    @classmethod
    def plain(cls, problem: Problem) -> "Geometry":
        """X = W: that of every method which steps on W itself."""
        return cls(problem.target, problem.sigma, problem.target, problem.mu, problem.q)


def frobenius(points: np.ndarray) -> np.ndarray:
    """The Frobenius norm of each of the points (n, d, d): (n,)."""
    return np.sqrt(np.einsum("nij,nij->n", points, points))


def increments(points: np.ndarray) -> np.ndarray:
    """x_t - x_{t-1} of points (n, d, d); zero at the first, as from rest."""
    return np.diff(points, axis=0, prepend=points[:1])


def of_steps(values: np.ndarray) -> np.ndarray:
    """What belongs to the steps between n states, (n - 1,), by the state that each leaves: (n,), the last nan."""
    return np.append(values, np.nan)


class Recorder:
    """Takes the states of a run one by one and measures them, a batch at a time.

    dimension: d. target: W*, None where nobody knows it, and then no distance from it either.
    """

    def __init__(self, dimension: int, target: np.ndarray | None, measure: Measure | None):
        self._target, self._measure = target, measure
        self._most = max(FEWEST, BATCH // dimension**2)
        self._states: list[Any] = []
        self._excess: list[float] = []
        self._rows: dict[str, list[np.ndarray]] = {name: [] for name in NAMES}
        self._known = 0  # the states that are measured already and only lead to the next ones

    @classmethod
    def of(cls, objective: Any, measure: Measure | None) -> "Recorder":
        """Of a run on a `Problem`, or on another loss of W (d, d)."""
        return cls(objective.dimension, objective.target if isinstance(objective, Problem) else None, measure)

    def add(self, state: Any, excess: float) -> None:
        """One more state, an array W_t or what holds it as `network`, and its excess loss."""
        self._states.append(state)
        self._excess.append(excess)
        if len(self._states) >= self._most:
            self._flush(len(self._states) - 1)  # of the last state the step that leaves it is still to come
            self._states, self._excess, self._known = self._states[-2:], self._excess[-2:], 1

    def series(self) -> dict[str, np.ndarray]:
        """All quantities of all states so far, (T + 1,) each."""
        self._flush(len(self._states))
        self._known = len(self._states)
        return {name: np.concatenate(rows) for name, rows in self._rows.items()}

    def _flush(self, end: int) -> None:
        states, excess = self._states, np.array(self._excess)
        found = {} if self._measure is None else self._measure(states, excess)
        if self._target is not None:
            found["distance"] = frobenius(np.array([network(state) for state in states]) - self._target)
        missing = np.full(len(states), np.nan)
        for name, rows in self._rows.items():
            rows.append(found.get(name, missing)[self._known : end])


def network(state: Any) -> np.ndarray:
    """W_t of a state."""
    return state if isinstance(state, np.ndarray) else state.network
