"""Scalars as quotients of polynomials, to find why an identity holds. Not trusted: Coq checks what comes of it.

A certificate's identity may need s * s = base for the square roots s in it. `cofactors` writes the difference of the
two sides as sum c (s * s - base), which is then an identity between rational functions that Coq's `field` decides.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate, combinations_with_replacement, product
from math import prod
from operator import mul
from typing import Any

from sympy import Add, Indexed, Mul, Pow, Rational, Symbol
from sympy.polys.domains import QQ
from sympy.polys.rings import PolyElement, ring

from linres.coq.printing import APPLY, POWER, NotExported, Printer, split_power
from linres.errors import with_article
from linres.language import NUMBERS, GeometricSum, Inner, is_vector

OPAQUE, SCALARS, ALL = 0, 1, 2  # how much is unfolded: nothing, definitions of scalars, also inner products
HALF = Rational(1, 2)
LEVELS = (OPAQUE, SCALARS, ALL)


@dataclass(frozen=True)
class Quotient:
    """numerator / product of factor^k."""

    numerator: PolyElement
    factors: Mapping[PolyElement, int]

    def denominator(self, one: PolyElement) -> PolyElement:
        return prod((factor**k for factor, k in self.factors.items()), start=one)


class Numbers:
    """Polynomials in the atoms of some expressions: symbols, powers over stages, roots, Gram entries.

    definitions: what names stand for. At level OPAQUE names and inner products are atoms, at SCALARS inner products
    are. `names`: the definitions that were unfolded; `inners`: the inner products met, in order.
    """

    def __init__(self, nodes: Iterable[Any], definitions: Mapping[Any, Any], level: int):
        self.definitions, self.level = definitions, level
        self.names: dict[Any, None] = {}
        self.inners: dict[Any, None] = {}
        self.inverted: dict[Any, None] = {}
        self.powers: dict[Any, None] = {}
        self._atoms: dict[Any, None] = {}
        self._roots: dict[Any, None] = {}
        self.letters: dict[Any, None] = {}
        self._seen: set[Any] = set()
        self._read: dict[Any, Quotient] = {}
        for node in nodes:
            self._collect(node)
        pairs = [frozenset(pair) for pair in combinations_with_replacement(self.letters, 2)]
        keys = [*(("root", base) for base in self._roots), *self._atoms, *pairs]
        self.ring, *generators = ring([f"g{k}" for k in range(max(len(keys), 1))], QQ)
        self.one = self.ring(1)
        self.generators = dict(zip(keys, generators, strict=False))

    def meaning(self, node: Any) -> Any:
        """What a name stands for, None if it is no name or stays one at this level."""
        return None if self.level == OPAQUE else self.definitions.get(node)

    # the atoms

    def _collect(self, node: Any) -> None:
        if node in self._seen:
            return
        self._seen.add(node)
        kind, meaning = type(node), self.meaning(node)
        if meaning is not None and (self.level == ALL or not is_vector(node)):
            self.names[node] = None
            self._collect(meaning)
        elif kind in {Symbol, Indexed}:
            (self.letters if is_vector(node) else self._atoms)[node] = None
        elif kind is Inner:
            self._collect_inner(node)
        elif kind in {Add, Mul}:
            for argument in node.args:
                self._collect(argument)
        elif kind is Pow:
            self._collect_power(node)
        elif kind is GeometricSum:
            self._atoms[node] = None
        elif kind not in NUMBERS:
            raise NotExported(f"{node}: proofs with {with_article(kind.__name__)} in them are not exported")

    def _collect_inner(self, node: Any) -> None:
        self.inners[node] = None
        if self.level < ALL:
            self._atoms[node] = None
            return
        for argument in node.args:
            self._collect(argument)

    def _collect_power(self, node: Any) -> None:
        if is_vector(node):
            raise NotExported(f"{node}: products of matrices within an inner product are not exported")
        count, exponent = split_power(node)
        self._collect(node.base)
        if exponent.q == 2:
            self._roots[node.base] = None
        if count is not None:
            self._atoms[Pow(node.base, count, evaluate=False)] = None
            if exponent.p:
                self.powers[node] = None
        if exponent.p < 0:
            self._collect_inverted(node.base if exponent.q == 1 else Pow(node.base, HALF, evaluate=False))

    def _collect_inverted(self, base: Any) -> None:
        """The factors of a denominator, one by one."""
        meaning = self.meaning(base)
        if meaning is not None:
            self._collect_inverted(meaning)
        elif type(base) is Mul:
            for factor in base.args:
                self._collect_inverted(factor)
        elif type(base) is Pow and type(base.exp) in NUMBERS and base.exp.q == 1:
            self._collect_inverted(base.base)
        elif type(base) not in NUMBERS:
            self.inverted[base] = None

    # scalars

    def scalar(self, node: Any) -> Quotient:
        if node not in self._read:
            self._read[node] = self._scalar(node)
        return self._read[node]

    def _scalar(self, node: Any) -> Quotient:
        kind, meaning = type(node), self.meaning(node)
        if meaning is not None:
            return self.scalar(meaning)
        if kind in NUMBERS:
            return Quotient(self.ring(QQ(node.p, node.q)), {})
        if node in self.generators:
            return Quotient(self.generators[node], {})
        if kind in {Add, Mul}:
            return (self.total if kind is Add else self.product)(map(self.scalar, node.args))
        if kind in {Inner, Pow}:
            return (self._inner if kind is Inner else self._power)(node)
        raise NotExported(f"{node} is a vector or matrix where a scalar is needed")

    def total(self, quotients: Iterable[Quotient]) -> Quotient:
        parts = [*quotients]
        common: dict[PolyElement, int] = {}
        for part in parts:
            for factor, k in part.factors.items():
                common[factor] = max(common.get(factor, 0), k)
        numerator = self.ring(0)
        for part in parts:
            missing = (factor ** (k - part.factors.get(factor, 0)) for factor, k in common.items())
            numerator += prod(missing, start=part.numerator)
        return Quotient(numerator, common)

    def product(self, quotients: Iterable[Quotient]) -> Quotient:
        numerator, factors = self.one, dict[PolyElement, int]()
        for part in quotients:
            numerator = numerator * part.numerator
            for factor, k in part.factors.items():
                factors[factor] = factors.get(factor, 0) + k
        return Quotient(numerator, factors)

    def times(self, coefficient: int, quotient: Quotient) -> Quotient:
        return Quotient(quotient.numerator * coefficient, quotient.factors)

    def _power(self, node: Any) -> Quotient:
        count, exponent = split_power(node)
        value = Quotient(self.generators["root", node.base], {}) if exponent.q == 2 else self.scalar(node.base)
        if exponent.p < 0:
            value = self._inverse(node.base) if exponent.q == 1 else Quotient(self.one, {value.numerator: 1})
        first = self.one if count is None else self.generators[Pow(node.base, count, evaluate=False)]
        return self.product([Quotient(first, {}), *[value] * abs(exponent.p)])

    def _inverse(self, base: Any) -> Quotient:
        """1 / base, the factors of base kept apart."""
        meaning = self.meaning(base)
        if meaning is not None:
            return self._inverse(meaning)
        if type(base) is Mul:
            return self.product(map(self._inverse, base.args))
        if type(base) is Pow and type(base.exp) in NUMBERS and base.exp.q == 1 and base.exp.p > 0:
            return self.product([self._inverse(base.base)] * base.exp.p)
        value = self.scalar(base)
        if value.numerator == 0:
            raise NotExported(f"1/({base}): the denominator is zero")
        content, factor = value.numerator.primitive()
        above = value.denominator(self.one) * (1 / content)
        return Quotient(above, {} if factor == 1 else {factor: 1})

    # inner products

    def _inner(self, node: Any) -> Quotient:
        entries = product(self.form(node.args[0]).items(), self.form(node.args[1]).items())
        return self.total(
            [self.product([Quotient(self.generators[frozenset((x, y))], {}), a, b]) for (x, a), (y, b) in entries]
        )

    def form(self, node: Any) -> dict[Any, Quotient]:
        """A vector as a linear combination of letters."""
        kind, meaning = type(node), self.meaning(node)
        if meaning is not None:
            return self.form(meaning)
        if kind in {Symbol, Indexed} and is_vector(node):
            return {node: Quotient(self.one, {})}
        if kind is Add:
            combined: dict[Any, Quotient] = {}
            for argument in node.args:
                for letter, c in self.form(argument).items():
                    combined[letter] = self.total([combined[letter], c]) if letter in combined else c
            return combined
        vectors = [factor for factor in node.args if is_vector(factor)] if kind is Mul else []
        if len(vectors) != 1:
            raise NotExported(f"{node}: an inner product is exported between linear combinations of vectors")
        scalars = [self.scalar(factor) for factor in node.args if not is_vector(factor)]
        return {letter: self.product([*scalars, c]) for letter, c in self.form(vectors[0]).items()}

    def combination(self, node: Any, printer: Printer) -> str:
        """A vector as a linear combination of letters, as a Coq term."""
        return " + ".join(f"({self.text(c, printer)}) *: {printer.vector(v)[0]}" for v, c in self.form(node).items())

    # square roots

    def cofactors(self, difference: Quotient) -> tuple[dict[Any, Quotient], bool]:
        """c for each base of a root, such that difference = sum c (s * s - base), and whether that is so."""
        numerator, below = difference.numerator, dict(difference.factors)
        found: dict[Any, Quotient] = {}
        for base in reversed(self._roots):  # outer roots first: inner ones are in their bases
            root, value = self.generators["root", base], self.scalar(base)
            parts = self._by_squares(numerator, root)
            highest = max(parts, default=0)
            if highest == 0:
                continue
            q = value.denominator(self.one)
            powers = [*zip(*(self._powers(each, highest) for each in (value.numerator, q, root**2)), strict=True)]
            # q^h s^2k - q^(h-k) p^k = (s^2 - p/q) sum_{i<k} s^2i p^(k-1-i) q^(h-k+1+i)
            cofactor, reduced = self.ring(0), self.ring(0)
            for k, part in parts.items():
                reduced += part * powers[k][0] * powers[highest - k][1]
                for i in range(k):
                    cofactor += part * powers[i][2] * powers[k - 1 - i][0] * powers[highest - k + 1 + i][1]
            below = {**below, **{f: below.get(f, 0) + k * highest for f, k in value.factors.items()}}
            found[base] = Quotient(cofactor, dict(below))
            numerator = reduced
        return found, numerator == 0

    def _powers(self, base: PolyElement, highest: int) -> list[PolyElement]:
        """1, base, ..., base^highest; base may be 0."""
        return [*accumulate([base] * highest, mul, initial=self.one)]

    def _by_squares(self, polynomial: PolyElement, root: PolyElement) -> dict[int, PolyElement]:
        """k -> what is multiplied by root^(2k) in the polynomial."""
        position = self.ring.gens.index(root)
        parts: dict[int, dict] = {}
        for monomial, coefficient in polynomial.terms():
            k, odd = divmod(monomial[position], 2)
            parts.setdefault(k, {})[(*monomial[:position], odd, *monomial[position + 1 :])] = coefficient
        return {k: self.ring(terms) for k, terms in parts.items()}

    # texts

    def text(self, quotient: Quotient, printer: Printer) -> str:
        """The quotient as a Coq term."""
        names = self._texts(printer)
        above = _polynomial(quotient.numerator, names)
        below = [(f"({_polynomial(factor, names)})", k) for factor, k in quotient.factors.items()]
        return " / ".join([f"({above})", *(text if k == 1 else f"{text} ^ {k}" for text, k in below)])

    def _texts(self, printer: Printer) -> list[str]:
        texts = []
        for key in self.generators:
            if type(key) is tuple:
                texts.append(printer.text(Pow(key[1], HALF, evaluate=False), POWER))
            elif type(key) is frozenset:
                first, *more = in_order(key, printer)
                texts.append(printer.text(Inner(first, *(more or [first])), POWER))
            else:
                texts.append(printer.text(key, APPLY))
        return texts


def in_order(letters: Iterable[Any], printer: Printer) -> list[Any]:
    """Vectors in the one order in which the two of a Gram entry are written."""
    return sorted(letters, key=lambda letter: printer.vector(letter)[0])


def _polynomial(polynomial: PolyElement, names: list[str]) -> str:
    text = ""
    for monomial, coefficient in polynomial.terms():
        factors = [name if k == 1 else f"{name} ^ {k}" for name, k in zip(names, monomial, strict=False) if k]
        size = abs(coefficient)
        if size != 1 or not factors:
            number = str(size.numerator) if size.denominator == 1 else f"({size.numerator} / {size.denominator})"
            factors.insert(0, number)
        sign = "-" if coefficient < 0 else "+"
        text = f"{text} {sign} {' * '.join(factors)}" if text else f"{'- ' if sign == '-' else ''}{' * '.join(factors)}"
    return text or "0"

