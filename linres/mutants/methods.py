"""Mutants of a method: the theorem measured with a wrong version of its step, which is claimed to be the right one."""

from collections.abc import Iterator
from dataclasses import replace

from linres.methods.wrong import WRONG
from linres.mutants.mutant import Mutant
from linres.theorem import Control, Theorem


def mutants(theorem: Theorem) -> Iterator[Mutant]:
    """One for each wrong version of the theorem's method; none if it names no method."""
    if theorem.method is None:
        return
    for name in WRONG[theorem.method.name]:
        what = f"{theorem.method.name} with {name.replace('-', ' ')}"
        yield Mutant(f"method/{name}", "method", what, "wrong", "another method", f"method/{name}", "method",
                     make=_maker(theorem, name))


def _maker(theorem: Theorem, name: str):
    def make() -> Theorem:
        method = theorem.method
        if method is None:
            raise ValueError(f"{theorem.name} names no method")
        step = WRONG[method.name][name]
        return replace(theorem.variant(Control(name, "stronger", measure=method.measured(step))), extremal=())

    return make
