"""Exact sums of square roots of rationals, with an exact test for zero.

Balls decide an inequality that is strict, however tight; they can never decide one that holds with equality. Here
sqrt(2) sqrt(3) = sqrt(6) is an equality, decided by integers alone and without factoring any.
"""

from math import gcd, isqrt
from typing import Any

import flint

MOST_TERMS = 128  # the zero test takes a number of gcds that grows as its square


class NotASurd(Exception):
    """The value leaves the sums of square roots of rationals: a root of a root, a quotient by a sum."""


class Surd:
    """sum of c sqrt(n) over {n: c}: n positive integers, c nonzero rationals (fmpq)."""

    __slots__ = ("terms",)

    def __init__(self, terms: dict[int, Any]):
        self.terms = {n: c for n, c in terms.items() if c != 0}

    @staticmethod
    def rational(value: Any) -> "Surd":
        return Surd({1: flint.fmpq(value)})

    def __add__(self, other: "Surd") -> "Surd":
        keys = self.terms | other.terms
        if len(keys) > MOST_TERMS:
            raise NotASurd(f"more than {MOST_TERMS} different roots")
        return Surd({n: self.terms.get(n, 0) + other.terms.get(n, 0) for n in keys})

    def __mul__(self, other: "Surd") -> "Surd":
        total = Surd({})
        for m, c in self.terms.items():
            for n, k in other.terms.items():
                common = gcd(m, n)  # sqrt(m) sqrt(n) = g sqrt((m/g)(n/g))
                total += Surd({(m // common) * (n // common): c * k * common})
        return total

    def reciprocal(self) -> "Surd":
        """1/self of a single term; ZeroDivisionError for zero, NotASurd for a sum."""
        if not self.terms:
            raise ZeroDivisionError("1/0")
        if len(self.terms) > 1:
            raise NotASurd("the quotient by a sum of roots")
        [(n, c)] = self.terms.items()
        return Surd({n: 1 / (c * n)})

    def sqrt(self) -> "Surd":
        """The square root of a rational >= 0; NotASurd for anything else."""
        if not self.terms:
            return self
        if set(self.terms) != {1} or self.terms[1] < 0:
            raise NotASurd("the root of a root or of a negative number")
        value = self.terms[1]
        p, q = int(value.numerator), int(value.denominator)
        return _simplified(p * q, flint.fmpq(1, q))

    def is_zero(self) -> bool:
        """Whether the sum is exactly zero.

        The radicands are written over a common coprime base without squares; square roots of products of distinct
        coprime nonsquares are linearly independent over the rationals, so the coefficients decide.
        """
        base = _coprime_base(list(self.terms))
        total: dict[frozenset[int], Any] = {}
        for n, c in self.terms.items():
            rest, outside, odd = n, 1, []
            for b in base:
                power = 0
                while rest % b == 0:
                    rest, power = rest // b, power + 1
                outside *= b ** (power // 2)
                odd += [b] if power % 2 else []
            for b in odd:
                outside *= isqrt(b) if _is_square(b) else 1
            key = frozenset(b for b in odd if not _is_square(b))
            total[key] = total.get(key, 0) + c * outside
        return all(c == 0 for c in total.values())


def _is_square(n: int) -> bool:
    return isqrt(n) ** 2 == n


def _simplified(n: int, coefficient: Any) -> Surd:
    return Surd({1: coefficient * isqrt(n)}) if _is_square(n) else Surd({n: coefficient})


def _coprime_base(numbers: list[int]) -> list[int]:
    """Pairwise coprime integers > 1 such that every number is a product of their powers."""
    base: list[int] = []
    pending = [n for n in numbers if n > 1]
    while pending:
        n = pending.pop()
        for position, b in enumerate(base):
            common = gcd(n, b)
            if common > 1:
                del base[position]
                pending += [part for part in (common, n // common, b // common) if part > 1]
                break
        else:
            base.append(n)
    return base
