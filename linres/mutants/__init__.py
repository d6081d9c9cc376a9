"""Mutants of a theorem: of its statement, of the method it is about, and of its proof.

A mutant is a theorem with one thing changed. What it is to the original, stronger, weaker or neither, is decided by
structure and by signs before anything is tried on it (`order.py`); what becomes of it is found by
`linres.rungs.mutants`.
"""

from collections.abc import Iterable, Iterator

import sympy

from linres.errors import kind_of, refuse
from linres.mutants.mutant import GROUPS, KINDS, Group, Kind, Mutant, Witness
from linres.mutants.readings import Reading
from linres.theorem import Theorem

__all__ = ["GROUPS", "KINDS", "Group", "Mutant", "Reading", "Witness", "mutant", "mutants"]


def mutants(theorem: Theorem, kinds: Iterable[Kind] = KINDS) -> Iterator[Mutant]:
    """The mutants of a theorem, of the kinds given, each name once."""
    from linres.mutants import methods, proofs, statement

    makers = {"statement": statement.mutants, "method": methods.mutants, "proof": proofs.mutants}
    seen: set[str] = set()
    for kind in KINDS:
        with sympy.evaluate(True):  # wherever the caller stands
            made = [*makers[kind](theorem)] if kind in kinds else []
        for each in made:
            if each.name not in seen:
                seen.add(each.name)
                yield each


def mutant(theorem: Theorem, name: str) -> Theorem:
    """The mutant of that name, as a theorem that measures what refuted it.

    Parameters
    ----------
    theorem : Theorem
        The theorem of which it is a mutant.
    name : str
        The name, as `linres mutate` lists it.

    Returns
    -------
    Theorem
        The changed theorem.

    Raises
    ------
    InputError
        When no mutant has the name, or theorem is none.

    Examples
    --------
    >>> import linres
    >>> theorem = linres.load("gradient-step")
    >>> linres.mutant(theorem, "conclusion/lhs.0-up/2_times").conclusion
    2*f_next - f_star <= (1 - q**2)**2*(-f_star + f_x)
    """
    if not isinstance(theorem, Theorem) or not isinstance(name, str):
        wanted = "a Theorem and the name of a mutant"
        raise refuse("mutant(theorem, name)", wanted, f"{kind_of(theorem)} and {kind_of(name)}")
    kinds: tuple[Kind, ...] = ("method",) if name.startswith("method/") else (
        ("proof",) if name.startswith("proof/") else ("statement",))
    for each in mutants(theorem, kinds):
        if each.name == name:
            return each.theorem
    raise refuse(f"mutant({theorem.name}, name)", "the name of a mutant", repr(name), "`linres mutate` lists them.")
