"""The theorems, one a file. `NAMES` is the registry in reading order; a theorem is imported when asked for.

`REFUTED` names claims that are false, in print or easily read into it. They are theorems that are expected to be
refuted; their modules hold the corrected statements beside them.
"""

from importlib import import_module
from typing import Any

#: The names of the theorems, in reading order: a tuple of str.
NAMES = (
    "nesterov-step", "nesterov-with-errors", "nesterov-quadratic", "nesterov-quadratic-step",
    "nesterov-quadratic-with-errors", "first-order-lower-bound", "chebyshev-lower-bound", "chebyshev-polynomial",
    "chebyshev-iteration", "gradient-step", "gradient-with-errors", "gradient-noise-floor", "nesterov-convex-step",
    "nesterov-convex-with-errors", "stacking-additive", "agreeing-step", "stacking-random-start",
    "random-start-noise-floor", "stacking-residual", "absorption", "stacking-acceleration-with-errors",
    "stacking-acceleration", "stacking-quadratic", "stacking-convex", "stacking-parameter-step",
    "stacking-parameter-acceleration",
    "block-gradient", "block-derivative", "gradient-dominance", "orientation", "near-identity-blocks",
    "block-regression",
    "scaling-second-moment", "scaling-fourth-moment", "scaling-strong-error", "scaling-smooth-weights",
    "fractional-increments", "scaling-gradients", "scaling-tail-mean", "scaling-tail-above", "scaling-tail-below",
    "scaling-tail-lowest", "scaling-displacement-above", "scaling-displacement-below", "scaling-lognormal",
    "stacking-variation", "random-start-variation",
)
#: The names of the claims that are false: a tuple of str.
REFUTED = (
    "hardt-ma-2017-inequality-2-3", "hardt-ma-2017-theorem-2-1", "supervised-block-transport", "free-head-block",
    "reported-worst-case",
)


def load(name: str) -> Any:
    """The theorem of that name, one expected to be refuted included.

    Parameters
    ----------
    name : str
        One of `NAMES` or `REFUTED`.

    Returns
    -------
    Theorem
        The theorem; the same object each time.

    Raises
    ------
    InputError
        When there is none.

    Examples
    --------
    >>> import linres
    >>> linres.load("stacking-residual").title
    "Stacking a residual network is Nesterov's method with a lookahead error"
    """
    return _module("load(name)", name, (*NAMES, *REFUTED)).THEOREM


def load_refutations(name: str) -> tuple[Any, ...]:
    """What refutes the false claim of that name.

    Parameters
    ----------
    name : str
        One of `REFUTED`.

    Returns
    -------
    tuple of Refutation
        Each with an instance, the corrected statement and the source. `linres.refuted` decides one exactly.

    Raises
    ------
    InputError
        When there is none.

    Examples
    --------
    >>> import linres
    >>> [linres.refuted(each) for each in linres.load_refutations("hardt-ma-2017-inequality-2-3")]
    [True, True]
    """
    return _module("load_refutations(name)", name, REFUTED).REFUTATIONS


def _module(call: str, name: str, names: tuple[str, ...]) -> Any:
    from linres.errors import nearest, refuse

    if not isinstance(name, str) or name not in names:
        remedy = f"{nearest(name, names)} `linres list` describes them.".strip()
        raise refuse(call, "the name of a theorem", repr(name), remedy)
    return import_module(f"linres.theorems.{name.replace('-', '_')}")
