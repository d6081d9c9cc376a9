"""The figures of `linres figures`, one module each.

A module has TITLE, a line; compute(...), the numbers, with the published figure's parameters as defaults; draw(data),
the matplotlib Figure. The data have a summary() of their headline numbers, which the tests assert.
"""

from importlib import import_module
from types import ModuleType

from linres.errors import InputError

NAMES = ("rates", "scaling", "lookahead", "basin", "floors", "momentum", "parameter")


def load(name: str) -> ModuleType:
    """The module of the figure called `name`; InputError, with the names there are, if there is none."""
    if name not in NAMES:
        raise InputError(f"no figure is called {name!r}. There are: {', '.join(NAMES)}.")
    return import_module(f"linres.figures.{name}")
