"""Sums of square roots of rationals: the zero test against identities, near misses and balls of 200 digits."""

from fractions import Fraction

import flint
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from linres.surd import MOST_TERMS, NotASurd, Surd, _coprime_base

DIGITS = 200


def rational(p, q=1):
    return Surd.rational(flint.fmpq(p, q))


def root(p, q=1):
    return rational(p, q).sqrt()


def minus(a, b):
    return a + rational(-1) * b


def ball(surd):
    """The value in a ball of 200 digits."""
    with flint.ctx.workdps(DIGITS):
        return sum((flint.arb(c) * flint.arb(n).sqrt() for n, c in surd.terms.items()), flint.arb(0))


ZEROS = {
    "nothing": Surd({}),
    "zero": rational(0),
    "a root of zero": root(0),
    "sqrt 2 sqrt 3 = sqrt 6": minus(root(2) * root(3), root(6)),
    "sqrt 8 = 2 sqrt 2": minus(root(8), rational(2) * root(2)),
    "sqrt(4/9) = 2/3": minus(root(4, 9), rational(2, 3)),
    "sqrt(1/2) = sqrt 2 / 2": minus(root(1, 2), rational(1, 2) * root(2)),
    "sqrt 2 sqrt 2 = 2": minus(root(2) * root(2), rational(2)),
    "(sqrt 2 + sqrt 3)^2 = 5 + 2 sqrt 6": minus(
        (root(2) + root(3)) * (root(2) + root(3)), rational(5) + rational(2) * root(6)),
    "1/sqrt 2 = sqrt 2 / 2": minus(root(2).reciprocal(), rational(1, 2) * root(2)),
    "sqrt 12 + sqrt 27 = 5 sqrt 3": minus(root(12) + root(27), rational(5) * root(3)),
    "radicands that share factors, none squarefree": minus(root(18) * root(50) * root(6), rational(30) * root(6)),
    "a large square times a large prime": minus(
        root((10**40 + 1) ** 2 * (2**127 - 1)), rational(10**40 + 1) * root(2**127 - 1)),
}
NEAR_MISSES = {
    "one": rational(1),
    "sqrt 2 sqrt 3 - sqrt 7": minus(root(2) * root(3), root(7)),
    "sqrt 8 - 3 sqrt 2": minus(root(8), rational(3) * root(2)),
    "sqrt(4/9) - 3/2": minus(root(4, 9), rational(3, 2)),
    "sqrt 2 + sqrt 3 - sqrt 5": minus(root(2) + root(3), root(5)),
    "sqrt 2 and 60 of its digits": minus(root(2), rational(*Fraction(
        "1.41421356237309504880168872420969807856967187537694807317667").as_integer_ratio())),
    "sqrt(n^2 + 1) - n": minus(root(10**60 + 1), rational(10**30)),
    "sqrt(n+1) + sqrt(n-1) - 2 sqrt n": minus(root(10**30 + 1) + root(10**30 - 1), rational(2) * root(10**30)),
    "sqrt 6 with the wrong sign": root(2) * root(3) + root(6),
    "roots of numbers with one common factor": minus(root(2 * 3 * 5), root(2 * 3 * 7)),
}


@pytest.mark.parametrize("surd", ZEROS.values(), ids=ZEROS)
def test_finds_zero(surd):
    assert surd.is_zero()
    assert not (surd + rational(1, 10**100)).is_zero()


@pytest.mark.parametrize("surd", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_finds_a_near_miss_not_zero(surd):
    assert not surd.is_zero()
    assert ball(surd) != 0  # certain
    assert minus(surd, surd).is_zero()


fractions = st.fractions(-20, 20, max_denominator=12)
radicands = st.fractions(0, 60, max_denominator=12)
surds = st.lists(st.tuples(fractions, radicands), max_size=5).map(
    lambda pairs: sum(
        (rational(c.numerator, c.denominator) * root(n.numerator, n.denominator) for c, n in pairs), Surd({})
    )
)


@given(surds)
@example(minus(root(8), rational(2) * root(2)))
def test_zero_is_what_no_ball_of_200_digits_excludes(surd):
    """A sum of a few roots of small numbers that is not zero does not come within 10^-200 of it."""
    assert surd.is_zero() == ball(surd).contains(0)


@given(surds, surds)
@example(root(2), root(8))
def test_products_and_sums_are_those_of_the_values(a, b):
    assert ball(a + b).overlaps(ball(a) + ball(b))
    assert ball(a * b).overlaps(ball(a) * ball(b))
    with flint.ctx.workdps(DIGITS):
        assert not ball(a * b + rational(1, 10**100)).overlaps(ball(a) * ball(b))
    square = minus((a + b) * (a + b), a * a + rational(2) * a * b + b * b)
    assert square.is_zero()


@given(fractions.filter(bool), radicands.filter(bool))
def test_the_reciprocal_times_the_surd_is_one(c, n):
    surd = rational(c.numerator, c.denominator) * root(n.numerator, n.denominator)
    assert minus(surd * surd.reciprocal(), rational(1)).is_zero()


@given(st.lists(st.integers(1, 10**6), max_size=8))
def test_the_coprime_base_is_coprime_and_writes_every_number(numbers):
    base = _coprime_base(numbers)
    for position, p in enumerate(base):
        assert p > 1
        assert all(flint.fmpz(p).gcd(q) == 1 for q in base[:position])
    for number in numbers:
        rest = number
        for p in base:
            while rest % p == 0:
                rest //= p
        assert rest == 1


def test_the_reciprocal_of_zero_is_an_error_and_that_of_a_sum_no_surd():
    with pytest.raises(ZeroDivisionError):
        rational(0).reciprocal()
    with pytest.raises(NotASurd, match="quotient by a sum"):
        (root(2) + rational(1)).reciprocal()


@pytest.mark.parametrize("surd", [rational(-1), root(2), root(2) + rational(1)], ids=["negative", "root", "sum"])
def test_a_root_of_a_root_or_of_a_negative_number_is_no_surd(surd):
    with pytest.raises(NotASurd, match="root of a root"):
        surd.sqrt()


def test_gives_up_on_too_many_different_roots():
    primes = [p for p in range(2, 800) if flint.fmpz(p).is_prime()]
    total = sum((root(p) for p in primes[:MOST_TERMS]), Surd({}))
    assert not total.is_zero()
    with pytest.raises(NotASurd, match="more than"):
        total + root(primes[MOST_TERMS])
