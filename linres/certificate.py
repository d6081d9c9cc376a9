"""TRUSTED: certificates of inequalities between scalars and formal vectors, checked exactly.

A certificate proves a claim  lhs <= rhs  by writing

    rhs - lhs  =  sum of  weight * product of (gaps of facts) * (scalar)^2 or |vector|^2

where every weight is visibly nonnegative, every fact is a hypothesis or an earlier claim, and the equality holds
identically, as rational functions in the symbols, the Gram entries <x, y> of the vectors, the square roots, with
s * s = base for s = sqrt(base), and the powers over stages, with base^(t+1) = base^t base. Denominators must be visibly
positive and bases of roots visibly nonnegative. An equation is proved by terms that each contain an equation among the
facts; one between matrices by equality of noncommutative polynomials, W W^-1 cancelling where Ne(Det(W), 0) is a fact.

Whoever finds a certificate is not trusted; this file is. It returns, or it raises a `Refused` that names both sides.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from typing import Any

import sympy
from sympy import Add, Equality, Expr, Indexed, Integer, Mul, Pow, Rational, Symbol, Unequality
from sympy.functions.elementary.complexes import transpose
from sympy.polys.domains import QQ
from sympy.polys.rings import PolyElement, ring

from linres.language import (
    NUMBERS,
    RELATIONS,
    STRICT,
    Det,
    Inner,
    NotExact,
    Refused,
    Scope,
    among,
    at_least_zero,
    gap,
    is_vector,
    same,
    split_stages,
)


class NotListed(Refused):
    """A term leans on something that is neither a hypothesis nor an earlier claim."""


class SignUnknown(Refused):
    """A weight or the base of a square root is not visibly nonnegative."""


class MayVanish(Refused):
    """A denominator is not visibly nonzero."""


class NotEqual(Refused):
    """The two sides of the certificate are not identically equal."""


class NotAClaim(Refused):
    """The claim is of a form certificates do not prove."""


UNKNOWN, NONNEGATIVE, POSITIVE = 0, 1, 2
Quotient = tuple[PolyElement, dict[PolyElement, int]]  # numerator, factors of the denominator with their powers
Letter = tuple[Expr, bool, bool]  # matrix symbol, inverted, transposed


@dataclass(frozen=True, init=False, slots=True)  # slots: no attribute of an instance can shadow expression()
class Term:
    """A term of a `Certificate`: weight * (gaps of the facts) * square^2 * |norm|^2.

    The gap of a fact is its larger side minus the smaller.

    Parameters
    ----------
    weight : expression or number
        A scalar, visibly nonnegative unless a fact is an equation, when it may be anything.
    *facts : relation
        Hypotheses or earlier claims, kept as the tuple `facts`.
    square : expression or number, default 1
        A scalar, which enters squared.
    norm : expression, optional
        A vector, of which the squared length enters.

    Examples
    --------
    >>> import linres
    >>> import sympy
    >>> a, b = sympy.symbols("a b", real=True)
    >>> linres.Term(2, square=a - b).expression()
    2*(a - b)*(a - b)
    """

    weight: Expr
    facts: tuple[Any, ...]
    square: Expr
    norm: Expr | None

    def __init__(self, weight: Any, *facts: Any, square: Any = 1, norm: Expr | None = None):
        object.__setattr__(self, "weight", sympy.sympify(weight))
        object.__setattr__(self, "facts", facts)
        object.__setattr__(self, "square", sympy.sympify(square))
        object.__setattr__(self, "norm", norm)

    def expression(self) -> Expr:
        """The term as one product.

        Returns
        -------
        expression
            A SymPy product, not evaluated.
        """
        length = [] if self.norm is None else [Inner(self.norm, self.norm)]
        factors = [self.weight, *map(gap, self.facts), self.square, self.square, *length]
        return Mul(*factors, evaluate=False)


class Reader:
    """Reads expressions of one scope, with known facts: their signs, and whether two are identically equal.

    `identities` has every pair found equal, so that a second checker can decide them again.
    """

    def __init__(self, scope: Scope, facts: Sequence[Any]):
        for fact in facts:
            scope.admit(fact)
            if type(fact) not in RELATIONS:
                raise NotExact(f"{fact} is no relation")
        self.scope, self.facts = scope, tuple(facts)
        self._identities: dict[tuple[Expr, Expr], None] = {}
        self._signs: dict[tuple[Expr, int], int] = {}
        scalar_facts = [(fact, gap(fact)) for fact in self.facts if not _between_matrices(fact)]
        self._gaps = [(fact, expression, expression.free_symbols) for fact, expression in scalar_facts]

    @property
    def identities(self) -> list[tuple[Expr, Expr]]:
        return [*self._identities]

    def definition(self, node: Expr) -> Expr | None:
        """What an abbreviation stands for; None for anything else."""
        return self.scope.definitions.get(node)

    def equal(self, a: Expr, b: Expr) -> bool:
        """Whether two scalars (or two matrices) are identically equal wherever the facts hold."""
        self.scope.admit(a)
        self.scope.admit(b)
        return self._equal(a, b, self._gaps)

    def _equal(self, a, b, gaps) -> bool:
        numbers = _Ring(self, a, b, gaps)
        found = numbers.forms_equal(a, b) if is_vector(a) or is_vector(b) else numbers.scalars_equal(a, b)
        if found and not same(a, b):
            self._identities[a, b] = None
        return found

    def sign(self, node: Expr) -> int:
        """POSITIVE or NONNEGATIVE where the tree or a fact shows it, else UNKNOWN."""
        self.scope.admit(node)
        return self._sign(node, self._gaps)

    def _sign(self, node, gaps):
        """The sign under the first len(gaps) facts; each is found once."""
        asked = node, len(gaps)
        if asked not in self._signs:
            self._signs[asked] = self._find_sign(node, gaps)
        return self._signs[asked]

    def _find_sign(self, node, gaps):
        visible = self._sign_of_tree(node, gaps)
        if visible == POSITIVE or type(node) in NUMBERS:
            return visible
        symbols = node.free_symbols
        for position, (fact, expression, its_symbols) in enumerate(gaps):
            if type(fact) in {Equality, Unequality} or symbols != its_symbols:
                continue
            known = POSITIVE if type(fact) in STRICT else NONNEGATIVE
            if known > visible and self._matches(node, expression, gaps[:position]):
                visible = known
        return visible

    def _matches(self, node, expression, earlier) -> bool:
        """Whether a fact speaks of this node. Its denominators lean on earlier facts only: none vouches for itself."""
        try:
            return self._equal(node, expression, earlier)
        except Refused:  # a fact that cannot be read says nothing
            return False

    def _sign_of_tree(self, node, gaps):
        kind = type(node)
        if kind in NUMBERS:
            return POSITIVE if node.p > 0 else NONNEGATIVE if node.p == 0 else UNKNOWN
        if self.definition(node) is not None:
            return self._sign(self.definition(node), gaps)
        signs = [self._sign(argument, gaps) for argument in node.args] if kind in {Add, Mul} else []
        if kind is Mul:
            return min(signs)
        if kind is Add:
            return min(*signs, NONNEGATIVE) and max(signs)
        if kind is Pow:
            return self._sign_of_power(node, gaps)
        return NONNEGATIVE if kind is Inner and same(*node.args) else UNKNOWN

    def _sign_of_power(self, node, gaps):
        try:
            count, exponent = self.split_exponent(node)
        except Refused:
            return UNKNOWN
        sign = self._sign(node.base, gaps)
        if sign == POSITIVE:
            return POSITIVE
        if count is not None:
            return sign if exponent.p >= 0 else UNKNOWN
        if exponent.p <= 0:  # a base that may vanish has no inverse
            return UNKNOWN
        return NONNEGATIVE if exponent.q == 1 and exponent.p % 2 == 0 else sign

    def split_exponent(self, node: Pow) -> tuple[Symbol | None, Rational]:
        """(n, k) of base^(n + k): n a number of stages, or None; k an integer, or half of one where n is None.

        base^n is then an indeterminate, times base for each further stage: base^(n + 1) = base^n base, n >= 0.
        """
        if type(node.exp) in NUMBERS and node.exp.q in (1, 2):
            return None, node.exp
        stages = split_stages(node.exp)
        if stages is None or is_vector(node.base):
            raise NotExact(f"{node}: certificates know integer powers, square roots and powers t + integer of scalars")
        if stages[0] not in self.scope.over[:1] and not among(at_least_zero(stages[0]), self.facts):
            raise SignUnknown(f"{node}: needs the hypothesis {stages[0]} >= 0")
        return stages

    def require_nonzero(self, node, gaps) -> None:
        if self._sign(node, gaps) == POSITIVE:
            return
        for position, (fact, expression, _) in enumerate(gaps):
            if type(fact) is Unequality and self._matches(node, expression, gaps[:position]):
                return
        raise MayVanish(f"the denominator {node} is not shown to be nonzero: list a hypothesis or claim that says so")

    def require_root(self, node, gaps) -> None:
        if self._sign(node, gaps) == UNKNOWN:
            raise SignUnknown(f"the square root of {node} needs a hypothesis or claim that says it is >= 0")

    def require_invertible(self, matrix) -> None:
        if not among(Unequality(Det(matrix), Integer(0), evaluate=False), self.facts):
            raise MayVanish(f"the inverse of {matrix} needs the hypothesis Ne(Det({matrix}), 0)")


class _Ring:
    """One ring of polynomials over the rationals, made for the expressions of one question."""

    def __init__(self, reader: Reader, a: Expr, b: Expr, gaps: Sequence[tuple]):
        self.reader, self.gaps = reader, gaps
        self._read: dict[Expr, Quotient] = {}
        scalars: dict[Expr, None] = {}
        letters: dict[Expr, None] = {}
        roots: dict[Expr, None] = {}
        self._collect(a, scalars, letters, roots)
        self._collect(b, scalars, letters, roots)
        pairs = [frozenset(pair) for pair in combinations_with_replacement(letters, 2)]
        self.ring, *generators = ring([f"g{k}" for k in range(len(roots) + len(scalars) + len(pairs))], QQ)
        unused = iter(generators)
        self.root_of = dict(zip(roots, unused, strict=False))  # of its own: sqrt(x) is not x
        self.generators: dict[Any, PolyElement] = dict(zip([*scalars, *pairs], unused, strict=True))
        self.one = self.ring(1)
        self.roots = [(root, self.scalar(base)) for base, root in self.root_of.items()]

    def _collect(self, node, scalars, letters, roots):
        """Sort the atoms below node, looking through definitions, into scalars, vector letters and bases of roots."""
        kind, meaning = type(node), self.reader.definition(node)
        if meaning is not None:
            self._collect(meaning, scalars, letters, roots)
        elif kind in {Symbol, Indexed}:
            (letters if is_vector(node) else scalars)[node] = None
        elif kind in {Add, Mul, Inner, transpose}:
            for argument in node.args:
                self._collect(argument, scalars, letters, roots)
        elif kind is Pow:
            self._collect(node.base, scalars, letters, roots)
            count, exponent = self.reader.split_exponent(node)
            if exponent.q == 2:
                roots[node.base] = None
            if count is not None:
                scalars[Pow(node.base, count, evaluate=False)] = None
        elif kind not in NUMBERS:
            raise NotExact(f"{node}: certificates do not know {kind.__name__}")

    # scalars: quotients of polynomials

    def scalar(self, node) -> Quotient:
        if node not in self._read:
            self._read[node] = self._scalar(node)
        return self._read[node]

    def _scalar(self, node) -> Quotient:
        kind, meaning = type(node), self.reader.definition(node)
        if meaning is not None:
            return self.scalar(meaning)
        if kind in NUMBERS:
            return self.ring(QQ(node.p, node.q)), {}
        if is_vector(node):
            raise NotExact(f"{node} is a vector or matrix where a scalar is needed")
        if kind in {Symbol, Indexed}:
            return self.generators[node], {}
        if kind in {Add, Mul}:
            return _fold(self.add if kind is Add else self.multiply, map(self.scalar, node.args))
        if kind is transpose:
            raise NotExact(f"{node} is the transpose of a scalar")
        return self.inner(*map(self.form, node.args)) if kind is Inner else self.power(node)

    def power(self, node: Pow) -> Quotient:
        base, (count, exponent) = node.base, self.reader.split_exponent(node)
        if exponent.q == 2:
            self.reader.require_root(base, self.gaps)
            value: Quotient = (self.root_of[base], {})
        else:
            value = self.scalar(base)
        if exponent.p < 0:
            self.reader.require_nonzero(base, self.gaps)
            value = self.invert(value)
        first = self.one if count is None else self.generators[Pow(base, count, evaluate=False)]
        return _fold(self.multiply, [(first, {}), *[value] * abs(exponent.p)])

    def add(self, a: Quotient, b: Quotient) -> Quotient:
        common = {f: max(a[1].get(f, 0), b[1].get(f, 0)) for f in a[1] | b[1]}
        left, right = (
            _fold(lambda x, y: x * y, [n, *(f ** (k - d.get(f, 0)) for f, k in common.items() if k > d.get(f, 0))])
            for n, d in (a, b)
        )
        return left + right, common

    def multiply(self, a: Quotient, b: Quotient) -> Quotient:
        return a[0] * b[0], {f: a[1].get(f, 0) + b[1].get(f, 0) for f in a[1] | b[1]}

    def invert(self, a: Quotient) -> Quotient:
        if a[0] == 0:
            raise MayVanish("a denominator is identically zero: the facts that say otherwise contradict each other")
        return _fold(lambda x, y: x * y, [self.one, *(f**k for f, k in a[1].items())]), {a[0]: 1}

    def inner(self, a: dict, b: dict) -> Quotient:
        total: Quotient = (self.ring(0), {})
        for (u, p), (v, r) in product(a.items(), b.items()):
            if len(u) != 1 or len(v) != 1 or u[0][1:] != (False, False) or v[0][1:] != (False, False):
                raise NotExact("an inner product is between linear combinations of vectors, not products of matrices")
            entry = self.generators[frozenset((u[0][0], v[0][0]))]
            total = self.add(total, self.multiply((entry, {}), self.multiply(p, r)))
        return total

    def scalars_equal(self, a, b) -> bool:
        return self.vanishes(self.add(self.scalar(a), self.multiply((self.ring(-1), {}), self.scalar(b))))

    def vanishes(self, value: Quotient) -> bool:
        """Whether the numerator is zero once every s^2, s = sqrt(base), has been replaced by its base."""
        numerator = value[0]
        for generator, (p, denominator) in reversed(self.roots):  # outer roots first: inner ones are in their bases
            d = _fold(lambda x, y: x * y, [self.one, *(f**k for f, k in denominator.items())])
            position, degree = self.ring.gens.index(generator), numerator.degree(generator)
            half = max(degree, 0) // 2
            reduced = self.ring(0)
            for monomial, coefficient in numerator.terms():
                k = monomial[position]
                rest = self.ring({(*monomial[:position], k % 2, *monomial[position + 1 :]): coefficient})
                whole = p ** (k // 2) if k > 1 else self.one  # p may be 0, and SymPy has no 0**0
                reduced += rest * whole * d ** (half - k // 2)  # times d^half throughout: d is not zero
            numerator = reduced
        return numerator == 0

    # forms: linear combinations of words in vector or matrix letters

    def form(self, node) -> dict[tuple[Letter, ...], Quotient]:
        kind, meaning = type(node), self.reader.definition(node)
        if meaning is not None and is_vector(node):
            return self.form(meaning)
        if not is_vector(node):
            return {(): self.scalar(node)}
        if kind in {Symbol, Indexed}:
            return {((node, False, False),): (self.one, {})}
        if kind in {Add, Mul}:
            return _fold(self.add_forms if kind is Add else self.multiply_forms, map(self.form, node.args))
        if kind is transpose:
            flipped = self.form(node.args[0]).items()
            return {tuple((m, i, not t) for m, i, t in reversed(word)): c for word, c in flipped}
        return self.power_of_form(node)

    def power_of_form(self, node: Pow):
        base, exponent = node.args
        form = self.form(base)
        if exponent.p < 0:
            flipped = type(base) is transpose
            letter = base.args[0] if flipped else base
            if [*form] != [((letter, False, flipped),)]:
                raise NotExact(f"{node}: only a matrix symbol or its transpose can be inverted")
            self.reader.require_invertible(letter)
            form = {((letter, True, flipped),): (self.one, {})}
        return _fold(self.multiply_forms, [{(): (self.one, {})}, *[form] * abs(exponent.p)])

    def add_forms(self, a, b):
        return a | {word: self.add(a[word], c) if word in a else c for word, c in b.items()}

    def multiply_forms(self, a, b):
        total: dict = {}
        for (u, p), (v, r) in product(a.items(), b.items()):
            total = self.add_forms(total, {_join(u, v): self.multiply(p, r)})
        return total

    def forms_equal(self, a, b) -> bool:
        minus_b = {word: self.multiply((self.ring(-1), {}), c) for word, c in self.form(b).items()}
        return all(map(self.vanishes, self.add_forms(self.form(a), minus_b).values()))


def _between_matrices(fact) -> bool:
    return any(map(is_vector, fact.args)) or any(type(argument) is Det for argument in fact.args)


def _fold(operation: Callable, values: Iterable) -> Any:
    first, *rest = values
    for value in rest:
        first = operation(first, value)
    return first


def _join(u: tuple[Letter, ...], v: tuple[Letter, ...]) -> tuple[Letter, ...]:
    """The word u v with W W^-1 and W^-1 W cancelled where they meet."""
    while u and v and u[-1][0] == v[0][0] and u[-1][1] != v[0][1] and u[-1][2] == v[0][2]:
        u, v = u[:-1], v[1:]
    return u + v


def check(claim: Any, terms: Sequence[Term], *, scope: Scope, facts: Sequence[Any]) -> list[tuple[Expr, Expr]]:
    """Return the identities the certificate rests on if it proves the claim from the facts, else raise Refused.

    claim: a relation with <=, <, >=, > or = (between scalars, or = between matrices, then with no terms).
    """
    reader, terms = Reader(scope, facts), tuple(terms)
    scope.admit(claim)
    if type(claim) not in RELATIONS - {Unequality}:
        raise NotAClaim(f"a certificate proves <=, <, >=, > or =, not {claim}")
    if any(map(is_vector, claim.args)):
        _check_matrices(claim, terms, reader)
        return reader.identities
    signs = [_check_term(term, type(claim) is Equality, reader) for term in terms]
    if type(claim) in STRICT and POSITIVE not in signs:
        raise SignUnknown(f"{claim} is strict, but no term of its certificate is visibly positive")
    combination = Add(*[term.expression() for term in terms], evaluate=False) if terms else Integer(0)
    if not reader.equal(gap(claim), combination):
        raise NotEqual(f"the certificate of {claim} fails:\n  {gap(claim)}\nis not identically\n  {combination}")
    return reader.identities


def _check_term(term: Term, for_equation: bool, reader: Reader) -> int:
    """The sign of the term; Refused unless its facts are listed and its weight is visibly nonnegative."""
    if type(term) is not Term or type(term.facts) is not tuple:
        raise NotExact(f"a certificate is made of Term(weight, *facts), got {type(term).__name__}")
    for fact in term.facts:
        if not among(fact, reader.facts):
            raise NotListed(f"{fact} is neither a hypothesis nor an earlier claim")
        if type(fact) is Unequality or _between_matrices(fact):
            raise NotListed(f"{fact} has no sign that a term could use")
    if term.norm is not None:
        reader.scope.admit(term.norm)
    for scalar in (term.weight, term.square):
        reader.scope.admit(scalar)
        if is_vector(scalar):
            raise NotExact(f"{scalar} is a vector or matrix; a weight and a square are scalars, norm= takes vectors")
    if any(type(fact) is Equality for fact in term.facts):
        return NONNEGATIVE
    if for_equation:
        raise NotListed(f"a term of an equation should contain an equation among its facts, got {term.facts}")
    sign = reader.sign(term.weight)
    if sign == UNKNOWN:
        raise SignUnknown(f"the weight {term.weight} is not visibly nonnegative under the facts")
    bare = same(term.square, Integer(1)) and term.norm is None
    return sign if bare and all(type(fact) in STRICT for fact in term.facts) else NONNEGATIVE


def _check_matrices(claim, terms, reader: Reader) -> None:
    if terms:
        raise NotAClaim(f"an equality of matrices needs no terms: {claim}")
    if not reader.equal(*claim.args):
        raise NotEqual(f"{claim.lhs}\nis not identically\n  {claim.rhs}")


