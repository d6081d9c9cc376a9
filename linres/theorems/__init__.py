"""The theorems, one a file. `NAMES` is the registry in reading order; a theorem is imported when asked for."""

from importlib import import_module
from typing import Any

NAMES = (
    "nesterov-step", "nesterov-with-errors", "nesterov-quadratic", "gradient-step",
    "stacking-residual", "absorption", "stacking-acceleration-with-errors", "stacking-acceleration",
)


def load(name: str) -> Any:
    """The Theorem of that name. InputError if there is none."""
    from linres.errors import refuse

    if name not in NAMES:
        raise refuse("load(name)", f"one of {', '.join(NAMES)}", repr(name), "`linres list` describes them.")
    return import_module(f"linres.theorems.{name.replace('-', '_')}").THEOREM
