"""What a mutant is: a changed theorem, with what it is to the original and how that is known."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from linres.theorem import Theorem

Kind = Literal["statement", "method", "proof"]
Order = Literal["stronger", "weaker", "equivalent", "equation", "incomparable", "proved", "wrong"]
KINDS: tuple[Kind, ...] = ("statement", "method", "proof")
Group = Literal["conclusion", "equation", "hypothesis", "method", "proof"]
GROUPS: tuple[Group, ...] = ("conclusion", "equation", "hypothesis", "method", "proof")


@dataclass(frozen=True)
class Mutant:
    """A changed theorem.

    order, found before anything is tried on it: "stronger" than the theorem (it implies it), "weaker" (it is implied),
    "equivalent", another "equation", "incomparable", "proved" (stronger, but the trusted core proves it too), or, of
    methods and proofs, "wrong". how: by structure, by signs, on instances, or why not. family: mutants that differ in
    the size of the change alone; factor: that size. part: what is changed. make: the changed theorem.
    """

    name: str
    kind: Kind
    what: str
    order: Order
    how: str
    family: str
    part: str
    make: Callable[[], Theorem]
    factor: str | None = None

    @cached_property
    def theorem(self) -> Theorem:
        """The changed theorem; it measures also a `Witness` and a `linres.mutants.readings.Reading`."""
        return self.make()

    @property
    def group(self) -> Group:
        """What it is counted with: a changed definition with the conclusion, another equation on its own."""
        if self.kind != "statement":
            return self.kind
        if self.part.startswith("H"):
            return "hypothesis"
        return "equation" if self.order == "equation" else "conclusion"

    @property
    def drops(self) -> bool:
        """Whether it leaves out a hypothesis."""
        return self.group == "hypothesis" and self.name.endswith("/dropped")

    @property
    def claims_more(self) -> bool:
        """Whether the theorem does not imply it, as far as is known: a refutation is looked for."""
        return self.order in {"stronger", "equation", "wrong"}

    @property
    def must_fall(self) -> bool:
        """Whether it has to be refuted: it claims more, and not by asking for less.

        A theorem may well hold without one of its hypotheses. Where none is refuted that is reported, as a hypothesis
        not shown necessary.
        """
        return self.claims_more and self.group != "hypothesis"

    @property
    def must_stand(self) -> bool:
        """Whether it must not be refuted: what implies it, or what says the same, is true."""
        return self.order in {"weaker", "equivalent", "proved"}


class Witness(NamedTuple):
    """An instance measured as a control of the theorem measures it."""

    control: str
    instance: Any


def slug(text: Any) -> str:
    """Text without blanks, quotes, and what a shell takes for its own."""
    return re.sub(r"[^\w.=+\-/:@,]+", "_", str(text).replace("<>", "-with-").replace("/", ":")).strip("_")
