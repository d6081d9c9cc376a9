"""Smooth convex losses of one value F and its label y: phi, its slope, and the largest second derivative.

`linres.losses` sums them over the outputs of a linear map. An additive model is fitted by their mean over samples of
value F_i and label y_i: on the values F in R^n take the inner product <u, v> = (1/n) sum_i u_i v_i, so that |u| is the
root mean square per sample. Then the gradient of (1/n) sum_i phi(F_i, y_i) at F is the vector of slopes phi'(F_i, y_i),
and the loss is L-smooth with L the largest second derivative of phi:

    squared    phi = (F - y)^2/2                                               L = 1
    logistic   phi = log(1 + exp(-y F)), y = -1 or +1                          L = 1/4
    huber      phi = r^2/2 for |r| <= delta, delta (|r| - delta/2) beyond      L = 1      (r = F - y)

All are >= 0, and their infimum over F is 0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from linres import checks
from linres.errors import refuse

LOSSES = ("squared", "logistic", "huber")
DELTA = 1.0  # where the Huber loss goes over into lines, unless told, in units of y

Values = np.ndarray


@dataclass(frozen=True)
class Loss:
    """A loss: its smoothness L, phi and phi' of values and labels, arrays of one shape.

    constant: the one value that minimises the mean of phi over labels (n,).

    labels: turns what was passed as y, finite, (n,), into the labels that phi takes, or raises InputError. settings:
    what a record says of the loss.
    """

    smoothness: float
    phi: Callable[[Values, Values], Values]
    slope: Callable[[Values, Values], Values]
    constant: Callable[[Values], float]
    labels: Callable[[str, Values], Values]
    settings: dict[str, Any]

    def value(self, values: Values, labels: Values) -> float:
        """The mean loss per sample."""
        return float(np.mean(self.phi(values, labels)))


def rms(values: Values) -> float:
    """|values|: the root mean square per sample."""
    return float(np.sqrt(np.mean(np.square(values))))


def load(call: str, name, delta=None) -> Loss:
    """The loss called `name`, one of LOSSES; delta > 0 is that of the Huber loss. InputError for anything else."""
    checks.word(f"{call}(loss=...)", name, LOSSES)
    if name == "huber":
        return huber(checks.number(
            f"{call}(delta=...)", DELTA if delta is None else delta, wanted="a number > 0", holds=lambda v: v > 0
        ))
    if delta is not None:
        raise refuse(f"{call}(delta=...)", f'left out for the loss "{name}"', delta, 'It is that of loss="huber".')
    return SQUARED if name == "squared" else LOGISTIC


def _as_given(_call: str, y: Values) -> Values:
    return y


SQUARED = Loss(
    1.0, lambda values, y: (values - y) ** 2 / 2, lambda values, y: values - y, lambda y: float(np.mean(y)), _as_given,
    {"loss": "squared"},
)


def _signs(call: str, y: Values) -> Values:
    """-1 and +1 for labels 0 and 1, or -1 and +1; InputError for others, or where only one occurs."""
    found = np.unique(y)
    if not (np.isin(found, (0, 1)).all() or np.isin(found, (-1, 1)).all()):
        shown = ", ".join(f"{label:g}" for label in found[:4]) + (", ..." if len(found) > 4 else "")
        raise refuse(call, "labels 0 and 1, or -1 and +1, for the logistic loss", f"the labels {shown}",
                     "Take another loss, or one class against the rest.")
    if len(found) < 2:
        raise refuse(call, "of two classes", f"the label {found[0]:g} alone", "The best constant would be infinite.")
    return np.where(y == 1, 1.0, -1.0)


def _log_odds(signs: Values) -> float:
    ones = int(np.sum(signs == 1))
    return float(np.log(ones / (len(signs) - ones)))


LOGISTIC = Loss(
    0.25, lambda values, signs: np.logaddexp(0, -signs * values),
    # -s/(1 + exp(s F)), without overflow
    lambda values, signs: -signs * np.exp(-np.logaddexp(0, signs * values)), _log_odds, _signs, {"loss": "logistic"},
)


def huber(delta: float) -> Loss:
    """That of Huber (1964): a parabola up to |F - y| = delta > 0, lines beyond."""
    def phi(values, y):
        away = np.abs(values - y)
        return np.where(away <= delta, away**2 / 2, delta * (away - delta / 2))

    def slope(values, y):
        return np.clip(values - y, -delta, delta)

    def constant(y):
        """Where the mean slope, which grows with the constant, changes its sign: by bisection, to the last digit."""
        low, high = float(np.min(y)), float(np.max(y))
        while low < (middle := low + (high - low) / 2) < high:
            low, high = (middle, high) if np.mean(slope(middle, y)) < 0 else (low, middle)
        return high

    return Loss(1.0, phi, slope, constant, _as_given, {"loss": "huber", "delta": delta})
