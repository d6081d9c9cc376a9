"""The theorems, one a file. `NAMES` is the registry in reading order; a theorem is imported when asked for.

`REFUTED` names claims that are false, in print or easily read into it. They are theorems that are expected to be
refuted; their modules hold the corrected statements beside them.
"""

from importlib import import_module
from typing import Any

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
REFUTED = (
    "hardt-ma-2017-inequality-2-3", "hardt-ma-2017-theorem-2-1", "supervised-block-transport", "free-head-block",
    "reported-worst-case",
)


def load(name: str) -> Any:
    """The Theorem of that name, one expected to be refuted included. InputError if there is none."""
    return _module("load(name)", name, (*NAMES, *REFUTED)).THEOREM


def load_refutations(name: str) -> tuple[Any, ...]:
    """The `Refutation`s of the false claim of that name: instances, corrected statements, source. InputError if none.

    `linres.refuted(refutation)` decides one exactly.
    """
    return _module("load_refutations(name)", name, REFUTED).REFUTATIONS


def _module(call: str, name: str, names: tuple[str, ...]) -> Any:
    from linres.errors import nearest, refuse

    if not isinstance(name, str) or name not in names:
        remedy = f"{nearest(name, names)} `linres list` describes them.".strip()
        raise refuse(call, "the name of a theorem", repr(name), remedy)
    return import_module(f"linres.theorems.{name.replace('-', '_')}")
