"""Boosting as stagewise training: each stage adds one member to a sum of functions, and freezes it.

After t stages the model is F_t = F_0 + f_1 + ... + f_t. Stage t + 1 starts its member at f^0 = beta_t f_t (stacking: as
the last one, times the momentum) or at 0 (zero start), and takes one step on it, along what the base learner makes of
the negative functional gradient r = -grad(F_t + f^0):

    f_{t+1} = f^0 + eta h,    h the learner fitted to r,    F_{t+1} = F_t + f_{t+1}.

As F_t - F_{t-1} = f_t, the stacking start is Nesterov's method on functions, and the zero start gradient descent, both
with the step error e_t = eta (h - r): the part of the gradient that the learner misses. Zero start is gradient boosting
(Friedman 2001), without its search along lines or in leaves; stacking start is accelerated gradient boosting (Biau,
Cadre and Rouviere, arXiv 1803.02042; as stacking: Agarwal, Awasthi, Kale and Zhao, arXiv 2403.04978).

The norms |e_t| are those of nesterov-convex-with-errors. There the error of stage t has the weight tau_{t+1}, which is
(t + 2)/2 here, so that the bound grows with the stage where errors do not decay; Lu, Karimireddy, Ponomareva and
Mirrokni (arXiv 1903.08708) fit a second learner against that. A learner that misses much, a shallow tree say, can end
the descent and, with long steps, make the loss grow: look at `residual`.
"""

import copy
import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from linres import checks, pointwise, trajectory
from linres.errors import kind_of, refuse
from linres.methods import additive, nesterov
from linres.one_thread import one_thread
from linres.pointwise import Loss, rms
from linres.problem import EPS
from linres.trajectory import DIVERGED_AT, Trajectory, Watch

STARTS = ("stacking", "zero")
SHRINKAGE = 0.1  # trees miss most of the gradient later on: at full steps momentum adds such errors up, and may diverge
GROWING = "growing"
INITIALS = ("constant", "zero")


class Stage(NamedTuple):
    """What one stage leaves: F_t + f^0 where the gradient is taken, F_{t+1}, f_{t+1}, r = -gradient there, and e_t."""

    lookahead: Any
    model: Any
    member: Any
    target: Any
    error: Any


def stage(model, member, gradient, *, momentum, step_size, project) -> Stage:
    """One stage, in any arithmetic: model is F_t, member f_t, points of one space.

    gradient maps a model to its functional gradient; project maps r = -gradient to what the base learner makes of it.
    It is `additive.stage` with the learner in place of the free step, of which stacking-additive is proved.
    """
    seen: list[Any] = []  # r, and what the learner makes of it

    def learned(lookahead):
        target = -gradient(lookahead)
        seen.extend((target, project(target)))
        return -seen[-1]

    made = additive.stage(model, member, learned, momentum=momentum, step_size=step_size)
    target, fitted = seen
    return Stage(made.lookahead, made.ensemble, made.learner, target, step_size * (fitted - target))


def growing_momentum(t: int) -> float:
    """(t - 1)/(t + 2), that of tau_t = (t + 1)/2; 0 at t = 0, where no member is there to start from."""
    return nesterov.convex_momentum((t + 1) / 2, (t + 2) / 2) if t else 0.0


@dataclass(frozen=True, eq=False)
class Boosted:
    """A boosting run of T stages on n samples, and the model that it left: what `boost` returns.

    Attributes
    ----------
    loss : (T + 1,) ndarray
        The mean loss per sample of F_0, ..., F_T on the samples trained on, finite.
    gradient_norm : (T + 1,) ndarray
        The root mean square per sample of its functional gradient.
    target_norm : (T,) ndarray
        That of what learner t + 1 was fitted to.
    residual : (T,) ndarray
        That of the step error e_t = step_size (what the learner predicts - what it was fitted to).
    values : (n,) ndarray
        F_T at the samples.
    constant : float
        F_0.
    learners : tuple of T learners
        The fitted ones.
    momenta : (T,) ndarray
        beta_t.
    settings : dict
        What the run used: loss, momentum, step_size, stages (the budget), learner_start, initial, seed.
    columns : int
        p, of the samples.
    status : {"converged", "budget", "diverged"}
        Rounding is left of the gradient, all stages were used, or the loss left the floats or grew 10^12-fold.
    stage : int
        At which stage that was seen.
    reason : str
        More words, or "".
    """

    loss: np.ndarray
    gradient_norm: np.ndarray
    target_norm: np.ndarray
    residual: np.ndarray
    values: np.ndarray
    constant: float
    learners: tuple[Any, ...]
    momenta: np.ndarray
    settings: dict[str, Any]
    columns: int
    status: str
    stage: int
    reason: str = ""

    def __repr__(self) -> str:
        start = self.settings["learner_start"]
        return (
            f"<{type(self).__name__} {self.settings['loss']} loss, {start} start: {self.status} at stage {self.stage}, "
            f"loss {self.loss[0]:.4g} -> {self.loss[-1]:.4g}>"
        )

    @property
    def trajectory(self) -> Trajectory:
        """The run as every other one, a `Trajectory`: loss, residual as step_error and momenta as beta, at each stage.

        first and network are F_0 and F_T at the samples, (n,). The excess is nan: the minimum is that of all functions.
        Its `.to_frame()`, `.save()` and `.plot()` are those of `Trajectory`.
        """
        unknown = np.full(len(self.loss), np.nan)
        series = {"step_error": np.append(self.residual, np.nan), "beta": np.append(self.momenta, np.nan)}
        return Trajectory(
            "boosting", "functional", self.loss, unknown, np.full(len(self.values), self.constant), self.values,
            self.settings | {"objective": self.settings["loss"]}, self.status, self.stage, self.reason, series=series,
        )

    def staged_predict(self, X) -> Iterator[np.ndarray]:
        """The predictions of F_0, ..., F_T, one after the other.

        Parameters
        ----------
        X : (m, p) array_like
            Samples in rows.

        Returns
        -------
        iterator of (m,) ndarray
            F_0(X), ..., F_T(X): the same sums as in training, so at the samples trained on `values` to the last bit if
            the learners give them so.

        Raises
        ------
        InputError
            When X has not the columns trained on.
        """
        call = "Boosted.staged_predict(X)"
        X = _samples(call, X, columns=self.columns)
        return self._staged(call, X)

    def _staged(self, call: str, X: np.ndarray) -> Iterator[np.ndarray]:
        model, member = np.full(len(X), self.constant), np.zeros(len(X))
        yield model
        for learner, momentum in zip(self.learners, self.momenta, strict=True):
            member = momentum * member + self.settings["step_size"] * _fitted(call, learner, X)
            model = model + member
            yield model

    def predict(self, X) -> np.ndarray:
        """The prediction of the whole model.

        Parameters
        ----------
        X : (m, p) array_like
            Samples in rows.

        Returns
        -------
        (m,) ndarray
            F_T(X): the value, of the logistic loss the log-odds, positive for the class 1.

        Raises
        ------
        InputError
            When X has not the columns trained on.
        """
        call = "Boosted.predict(X)"
        (last,) = deque(self._staged(call, _samples(call, X, columns=self.columns)), maxlen=1)
        return last

    def stages_to(self, loss) -> int | None:
        """The first stage whose loss is at most this.

        Parameters
        ----------
        loss : float
            A number >= 0, a mean per sample.

        Returns
        -------
        int or None
            The stage; None if there is none.

        Raises
        ------
        InputError
            When `loss` is no number >= 0.
        """
        loss = checks.number("Boosted.stages_to(loss)", loss, wanted="a number >= 0", holds=lambda v: v >= 0)
        reached = np.flatnonzero(self.loss <= loss)
        return int(reached[0]) if len(reached) else None


@one_thread
def boost(
    learner, X, y, *, loss="squared", delta=None, start="stacking", initial="constant", stages, momentum=None,
    step_size=None, shrinkage=None, seed=None, watch: Watch | None = None,
) -> Boosted:
    """Fit a sum of base learners to samples and labels, one learner a stage, from rest.

    Momentum adds up what learners miss of the gradient: where that is most of it, as with trees later on, long steps
    make the loss rise again or the run diverge (figure `boosting`); take a smaller shrinkage.

    Parameters
    ----------
    learner : estimator or callable
        An unfitted prototype, deep-copied for every stage, or a function or class that returns a new one when called;
        with fit(X, r), r (n,), and predict(X), (n,), as regressors of scikit-learn have. What it raises is passed on.
    X : (n, p) array_like
        Samples in rows.
    y : (n,) array_like
        Labels: numbers, for "logistic" 0 and 1, or -1 and +1.
    loss : {"squared", "logistic", "huber"}
        The loss of a sample, see `linres.pointwise`.
    delta : float, optional
        Where the Huber loss goes over into lines, > 0, in units of y; 1 by default. For loss="huber" only.
    start : {"stacking", "zero"}
        What a member starts at: beta_t times the last one, or 0.
    initial : {"constant", "zero"}
        F_0: the best constant, or 0.
    stages : int
        How many learners at most, >= 0.
    momentum : float or "growing", optional
        A constant in [0, 1), or "growing" (the default) for beta_t = (t - 1)/(t + 2). Left out for start="zero".
    step_size : float, optional
        The step, > 0; by default shrinkage/L, L the smoothness of the loss.
    shrinkage : float, optional
        > 0, 0.1 by default. Left out where step_size is given.
    seed : int, optional
        From 0 to 2^32 - 1. Draws a `random_state` for each learner, which has to have one; without it they keep their
        own.
    watch : callable, optional
        watch(t, loss of F_t), called at every stage.

    Returns
    -------
    Boosted
        The run and its model; a diverging run is one that says so.

    Raises
    ------
    InputError
        When X or y is no table of finite numbers of fitting shape, the labels are none of the loss, a setting is
        outside its range or has no meaning beside the others, or a learner lacks fit, predict or, for a seed,
        random_state, or predicts anything but finite numbers, one for each row.

    Notes
    -----
    The method, and its sources, are described in `linres.methods.boosting`.

    Examples
    --------
    >>> import linres
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> X = np.random.RandomState(0).uniform(-1, 1, (200, 2))
    >>> y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2
    >>> tree = DecisionTreeRegressor(max_depth=3, random_state=0)
    >>> zero = linres.boost(tree, X, y, start="zero", stages=100, shrinkage=0.05)
    >>> stacking = linres.boost(tree, X, y, stages=100, shrinkage=0.05)
    >>> zero.stages_to(0.01 * zero.loss[0]), stacking.stages_to(0.01 * stacking.loss[0])
    (74, 24)
    >>> bool(np.allclose(zero.predict(X), zero.values))
    True
    """
    checks.watch("boost", watch)
    X = _samples("boost(X)", X)
    kind = pointwise.load("boost", loss, delta)
    labels = kind.labels("boost(y)", _labels(y, len(X)))
    checks.word("boost(start=...)", start, STARTS)
    checks.word("boost(initial=...)", initial, INITIALS)
    settings = kind.settings | {
        "momentum": _momentum(start, momentum), "step_size": _step_size(kind, step_size, shrinkage),
        "stages": trajectory.budget("boost", stages), "learner_start": start, "initial": initial,
        "seed": None if seed is None else checks.seed("boost", seed),
    }
    run = _Run(kind, labels, kind.constant(labels) if initial == "constant" else 0.0, settings)
    return run.follow(_learners(learner, settings["seed"]), X, watch)


def _samples(call: str, X, columns: int | None = None) -> np.ndarray:
    X = checks.samples(call, X)
    if columns is not None and X.shape[1] != columns:
        raise refuse(call, f"of the {columns} columns trained on", f"{X.shape[1]} columns")
    return X


def _labels(y, n: int) -> np.ndarray:
    y = checks.vector("boost(y)", y)
    if len(y) != n:
        raise refuse("boost(y)", f"as long as X has rows, {n}", f"{len(y)} labels")
    return y


def _momentum(start: str, given) -> float | str:
    if start == "zero":
        if given is not None:
            raise refuse("boost(momentum=...)", "left out for the zero start", given, 'Or take start="stacking".')
        return 0.0
    if given is None or (isinstance(given, str) and given == GROWING):
        return GROWING
    return checks.number(
        "boost(momentum=...)", given, wanted=f'in [0, 1), or "{GROWING}"', holds=lambda v: 0 <= v < 1
    )


def _step_size(kind: Loss, step_size, shrinkage) -> float:
    if step_size is None:
        shrinkage = SHRINKAGE if shrinkage is None else shrinkage
        return checks.number(
            "boost(shrinkage=...)", shrinkage, wanted="a number > 0", holds=lambda v: v > 0
        ) / kind.smoothness
    if shrinkage is not None:
        raise refuse("boost(shrinkage=...)", "left out where step_size is given", shrinkage)
    return trajectory.step_size("boost", step_size, 1 / kind.smoothness)


def _learners(learner, seed: int | None) -> Iterator[Any]:
    """New unfitted learners, one after the other; InputError if one cannot be had, or cannot be seeded."""
    random = None if seed is None else np.random.RandomState(seed)
    make = _maker(learner)
    last = None
    while True:
        new = make()
        _require_learner(new, "what boost(learner) returns" if make is learner else "boost(learner)")
        if new is last:
            raise refuse("boost(learner)", "a function that returns a new learner at every call", "the same one twice",
                         "Pass the learner itself to have it copied.")
        if random is not None:
            if not hasattr(new, "random_state"):
                raise refuse("boost(seed=...)", "left out for a learner without random_state", seed)
            new.random_state = int(random.randint(np.iinfo(np.int32).max))
        yield new
        last = new


def _maker(learner) -> Callable[[], Any]:
    """The function that makes learners: a class or function itself, the copying of a prototype."""
    if isinstance(learner, type) or (callable(learner) and not hasattr(learner, "fit")):
        return learner
    _require_learner(learner, "boost(learner)")
    return lambda: copy.deepcopy(learner)


def _require_learner(learner, call: str) -> None:
    missing = [name for name in ("fit", "predict") if not callable(getattr(learner, name, None))]
    if missing:
        raise refuse(call, "a learner with fit(X, r) and predict(X)",
                     f"{kind_of(learner)} without {' and '.join(missing)}")


def _fitted(call: str, learner, X: np.ndarray) -> np.ndarray:
    """learner.predict(X), (m,); InputError unless it is m finite numbers."""
    name = f"the prediction of the {type(learner).__name__} in {call}"
    values = checks.vector(name, learner.predict(X))
    if len(values) != len(X):
        raise refuse(name, f"as long as X has rows, {len(X)}", f"{len(values)} numbers")
    return values


class _Run:
    """A run under way: what `Boosted` records, stage by stage."""

    def __init__(self, kind: Loss, labels: np.ndarray, constant: float, settings: dict[str, Any]):
        self.kind, self.labels, self.constant, self.settings = kind, labels, constant, settings
        self.model = np.full(len(labels), constant)
        self.member = np.zeros(len(labels))
        self.loss: list[float] = []
        self.gradient_norm: list[float] = []
        self.target_norm: list[float] = []
        self.residual: list[float] = []
        self.learners: list[Any] = []
        self.momenta: list[float] = []

    def gradient(self, model: np.ndarray) -> np.ndarray:
        return self.kind.slope(model, self.labels)

    def momentum(self, t: int) -> float:
        given = self.settings["momentum"]
        return growing_momentum(t) if given == GROWING else given

    def follow(self, learners: Iterator[Any], X: np.ndarray, watch: Watch | None) -> Boosted:
        """Go on for settings["stages"] stages, or until the run converged or diverged."""
        with np.errstate(all="ignore"):  # a diverging run overflows; the status says so
            value = self._first()
            at = 0
            while True:
                if watch is not None:
                    watch(at, value)
                status, reason = self._status(value)
                if status or at == self.settings["stages"]:
                    break
                value, at = self._grow(next(learners), X), at + 1
        return Boosted(
            np.array(self.loss), np.array(self.gradient_norm), np.array(self.target_norm), np.array(self.residual),
            self.model, self.constant, tuple(self.learners), np.array(self.momenta), self.settings, X.shape[1],
            status or "budget", at, reason or self._risen(),
        )

    def _risen(self) -> str:
        risen = self.loss[-1] > self.loss[0]
        return "the loss ends above where it began: take a smaller shrinkage or momentum" if risen else ""

    def _first(self) -> float:
        value = self._value(self.model)
        if not math.isfinite(value):
            raise refuse("boost(y)", "of moderate size", f"a first loss of {value}", "Rescale y.")
        self._record(value)
        return value

    def _value(self, model: np.ndarray) -> float:
        """The loss; inf where the model itself is no longer finite, or its square is not."""
        return self.kind.value(model, self.labels) if math.isfinite(rms(model)) else math.inf

    def _record(self, value: float) -> None:
        self.loss.append(value)
        self.gradient_norm.append(rms(self.gradient(self.model)))

    def _grow(self, learner, X: np.ndarray) -> float:
        """Take a stage, and keep it if the loss is finite; returns the loss."""
        def project(target):
            learner.fit(X, target.copy())  # a learner may work on it in place
            return _fitted("boost(learner)", learner, X)

        momentum = self.momentum(len(self.learners))
        new = stage(
            self.model, self.member, self.gradient, momentum=momentum, step_size=self.settings["step_size"],
            project=project,
        )
        value = self._value(new.model)
        if math.isfinite(value):
            self.model, self.member = new.model, new.member
            self.learners.append(learner)
            self.momenta.append(momentum)
            self.target_norm.append(rms(new.target))
            self.residual.append(rms(new.error))
            self._record(value)
        return value

    def _status(self, value: float) -> tuple[str, str]:
        if not math.isfinite(value):
            return "diverged", "the loss left the floats"
        if value > DIVERGED_AT * self.loss[0] > 0:
            return "diverged", f"the loss grew more than {DIVERGED_AT:g}-fold"
        # Rounding F_t moves the gradient by L EPS |F_t| or so.
        if self.gradient_norm[-1] <= 4 * EPS * self.kind.smoothness * rms(self.model):
            return "converged", "only rounding is left of the gradient"
        return "", ""
