"""The figures of `linres figures`, one module each.

A module has TITLE, a line; compute(...), the numbers, with the published figure's parameters as defaults; draw(data),
the matplotlib Figure. The data have a summary() of their headline numbers, which the tests assert. REQUIRES, if it is
there, is a module that compute needs and that linres does not bring along; the extra of the figure's name does.
"""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from linres.errors import InputError, nearest

NAMES = (
    "rates", "scaling", "lookahead", "basin", "floors", "momentum", "parameter", "boosting", "norms", "lognormal",
    "gradients", "strong", "smooth", "heatmap", "regularity",
)


def load(name: str) -> ModuleType:
    """The module of the figure called `name`; InputError, with the names there are, if there is none."""
    if name not in NAMES:
        advice = f"{nearest(name, NAMES)} There are: {', '.join(NAMES)}.".strip()
        raise InputError(f"no figure is called {name!r}. {advice}")
    return import_module(f"linres.figures.{name}")


def lacking(name: str) -> str:
    """What has to be installed before the figure can be computed, in words; "" if nothing."""
    module = getattr(load(name), "REQUIRES", None)
    if module is None or find_spec(module) is not None:
        return ""
    return f"it needs the module {module}, which is not installed; pip install '.[{name}]' (or '.[test]') brings it"


def require(name: str) -> None:
    """InputError if something is lacking that the figure needs."""
    if missing := lacking(name):
        raise InputError(f"the figure {name!r} cannot be drawn: {missing}.")
