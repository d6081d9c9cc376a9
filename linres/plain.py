"""Instances for a statement about plain numbers that names none: a rational or an integer for every symbol.

Nothing is known of the hypotheses here, so draws that fail them are counted as rejected; a theorem whose hypotheses
hardly any draw satisfies needs instances of its own.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from linres.errors import refuse
from linres.language import is_integer

if TYPE_CHECKING:
    from linres.theorem import Theorem


@dataclass(frozen=True)
class Numbers:
    """The symbols that are measured: instances are tuples of rationals, one for each, in this order."""

    symbols: tuple[Any, ...]

    @classmethod
    def of(cls, theorem: "Theorem") -> "Numbers":
        """For the symbols of the theorem that no definition gives. InputError unless all stand for plain numbers."""
        from sympy import Symbol

        symbols = tuple(symbol for symbol in theorem.symbols if symbol not in theorem.definitions)
        plain = [type(s) is Symbol and s.is_commutative for s in (*theorem.symbols, *theorem.definitions)]
        if theorem.over or not all(plain):
            wanted = "given instances and a measure, as it is not about plain numbers alone"
            raise refuse(f"Theorem({theorem.name!r})", wanted, "neither", "`linres new NAME` shows both.")
        return cls(symbols)

    def instances(self) -> Any:
        """Tuples of rationals, small ones and zeros among them; half of the draws have no negative number."""
        from hypothesis import strategies as st

        from linres.strategies import rationals

        return st.one_of(*(
            st.tuples(*(whole if is_integer(symbol) else number for symbol in self.symbols))
            for whole, number in ((st.integers(0, 8), rationals().map(abs)), (st.integers(-8, 8), rationals()))
        ))

    def measure(self, instance: Any, arithmetic: Any) -> list[dict[Any, Any]]:
        """One row: the numbers themselves. Integers stay what they are, for they may be exponents."""
        numbers = (value if type(value) is int else arithmetic.number(value) for value in instance)
        return [dict(zip(self.symbols, numbers, strict=True))]
