"""What a step of a proof may lean on, and the script that proves it."""

from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sympy import Symbol, preorder_traversal

from linres.coq.names import Names
from linres.coq.printing import Printer, between_integers
from linres.language import Det, is_vector

REAL = {"<=": "le", "<": "lt", ">=": "ge", ">": "gt", "=": "eq", "<>": "ne"}


@dataclass(frozen=True)
class Fact:
    """A relation and the Coq term that proves it as it is stated."""

    relation: Any
    term: str


@dataclass(frozen=True)
class Definition:
    """What a name stands for and the Coq term that proves name = meaning."""

    meaning: Any
    term: str


@dataclass(frozen=True)
class Context:
    """Facts, definitions and numbers of stages (with a proof that each is >= 0) that are known at some place."""

    printer: Printer
    names: Names
    facts: tuple[Fact, ...]
    definitions: Mapping[Any, Definition] = field(default_factory=dict)
    naturals: Mapping[Symbol, str] = field(default_factory=dict)

    def knowing(self, facts: Iterable[Fact]) -> "Context":
        return replace(self, facts=(*self.facts, *facts))

    def meanings(self) -> dict[Any, Any]:
        return {name: each.meaning for name, each in self.definitions.items()}


def between_matrices(relation: Any) -> bool:
    """Whether a relation says nothing about scalars."""
    return any(map(is_vector, relation.args)) or any(type(argument) is Det for argument in relation.args)


class Script:
    """The lines of a Coq proof, indented."""

    def __init__(self, context: Context, depth: int = 1):
        self.context, self.lines, self.depth = context, list[str](), depth
        self._said: dict[Any, str] = {}

    def say(self, line: str) -> None:
        self.lines.append("  " * self.depth + line)

    @contextmanager
    def block(self, opening: str = "{", closing: str = "}"):
        self.say(opening)
        self.depth, outside = self.depth + 1, dict(self._said)
        yield
        self.depth, self._said = self.depth - 1, outside  # what is asserted within is not known outside
        self.say(closing)

    def shown(self, word: str, statement: str, by: str) -> str:
        """The name of an assertion proved by one tactic; the same statement is asserted once."""
        if statement not in self._said:
            name = self.context.names.numbered(word)
            self.say(f"assert ({name} : {statement}) by {by}.")
            self._said[statement] = name
        return self._said[statement]

    def known(self, statement: str) -> str | None:
        return self._said.get(statement)

    def keep(self, statement: str, name: str) -> None:
        self._said[statement] = name

    def fact(self, fact: Fact) -> str:
        """The name of a fact in the form proofs use it."""
        printer, term = self.context.printer, fact.term
        if between_integers(fact.relation):
            sign = printer.relation(fact.relation).removesuffix(")%Z").split()
            kind = next(REAL[word] for word in sign if word in REAL)
            term = f"(real_{kind} {term})"
        elif term.isidentifier():
            return term
        return self.shown("fact", printer.fact(fact.relation), f"exact {term}")

    def definition(self, name: Any) -> str:
        """The name of the equation that defines a name."""
        printer, definition = self.context.printer, self.context.definitions[name]
        if definition.term.isidentifier():
            return definition.term
        return self.shown("def", equation(name, definition.meaning, printer), f"exact {definition.term}")

    def natural(self, count: Symbol) -> str:
        """The name of the proof that a number of stages is one."""
        return self.natural_by(count, self.context.naturals.get(count))

    def natural_by(self, count: Symbol, term: str | None) -> str:
        """The same, by a term; without one Coq will have to find out."""
        return self.shown("nat", f"(0 <= {self.context.printer.name(count)})%Z", f"exact {term}" if term else "lia")


def equation(name: Any, meaning: Any, printer: Printer) -> str:
    """The text of name = meaning."""
    show = printer.whole_vector if is_vector(name) else printer.side
    return f"{show(name)} = {show(meaning)}"


def outer_first(names: Iterable[Any], definitions: Mapping[Any, Any]) -> list[Any]:
    """Names in an order in which none occurs in the meaning of a later one."""
    names, placed = [*names], dict[Any, None]()

    def place(name):
        if name in placed:
            return
        within = {*preorder_traversal(definitions[name])}
        for other in names:
            if other in within:
                place(other)
        placed[name] = None

    for name in names:
        place(name)
    return [*reversed(placed)]
