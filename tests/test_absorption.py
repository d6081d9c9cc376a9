"""absorption: proved; its constants cannot be improved, its hypotheses are needed one by one, it is attained."""

from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
import sympy
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped
from sympy import Eq, Le, Rational

from linres.arithmetic import EXACT
from linres.evaluate import Enclosure, decide
from linres.rungs import draw, rigorous
from linres.theorems import absorption as ab

F = Fraction
THEOREM = ab.THEOREM
DROPPED = [control for control in THEOREM.controls if control.drop]
EQUAL = ab.Numbers(X=F(4, 5), Y=F(1), c=F(1, 2), s=F(4), m=F(9, 50), G=F(9, 25))  # every hypothesis an equality


def failing(instance):
    """The hypotheses that do not hold on the instance."""
    [row] = ab.measure(instance, EXACT)
    return [relation for relation in THEOREM.hypotheses if decide(relation, Enclosure(row, {})) is not True]


@pytest.mark.parametrize("control", DROPPED, ids=lambda c: c.name)
def test_what_refutes_it_without_a_hypothesis_satisfies_all_the_others(control):
    assert failing(control.witness) == list(control.drop)


def test_every_hypothesis_is_dropped_in_turn():
    assert {relation for control in DROPPED for relation in control.drop} == set(THEOREM.hypotheses)


@pytest.mark.parametrize(
    ("hypothesis", "looser", "constant"),
    [
        (ab.small, lambda k: Le(k * 2 * ab.Y, ab.c * ab.s, evaluate=False), Rational(19, 20)),
        (ab.paid, lambda k: Le(k * ab.c * ab.m * ab.s, ab.G, evaluate=False), Rational(19, 20)),
        (ab.reduced, lambda k: Le(k * ab.X**2, ab.Y**2 - ab.G, evaluate=False), Rational(19, 20)),
        (ab.reduced, lambda k: Le(ab.X**2, ab.Y**2 - k * ab.G, evaluate=False), Rational(19, 20)),
    ],
    ids=["2 in small", "1 in paid", "1 of X^2", "1 of G"],
)
def test_no_constant_of_a_hypothesis_can_be_5_percent_smaller(hypothesis, looser, constant):
    """Each is refuted by an instance of its own: nearly all is used up, and the error is small."""

    def variant(k):
        with sympy.evaluate(False):
            changed = tuple(looser(k) if each is hypothesis else each for each in THEOREM.hypotheses)
        return replace(THEOREM, hypotheses=changed, proof=(), controls=())

    m = F(1, 100)
    witnesses = [
        ab.small_error(smallness=F(19, 10)), ab.small_error(paid=F(20, 19)),
        ab.attained()._replace(X=F(101, 100)), ab.small_error()._replace(G=2 * m, m=m, X=F(9904, 10_000)),
    ]
    assert any(rigorous.check(variant(constant), witness).failure for witness in witnesses)
    assert not any(rigorous.check(variant(1), witness).failure for witness in witnesses)


@given(ab.instances())
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_holds_on_drawn_numbers_all_of_which_satisfy_the_hypotheses(instance):
    assert failing(instance) == []
    assert rigorous.check(THEOREM, instance).holds == 1


@pytest.mark.parametrize(
    "corner",
    [
        lambda n: n.c * n.s == 2 * n.Y and n.m > 0,
        lambda n: n.c * n.m * n.s == n.G > 0,
        lambda n: n.X**2 == n.Y**2 - n.G and n.G > 0,
        lambda n: n.Y == 0,
        lambda n: n.X < 0 < n.m,
        lambda n: n.Y > 2**12,
        lambda n: 0 < n.c < F(1, 2**8),
    ],
)
def test_draws_reach_every_corner(corner):
    assert any(map(corner, drawn()))


@cache
def drawn():
    return draw.instances(ab.instances(), 600, seed=0)


def test_is_attained_where_nothing_is_dissipated():
    equality = replace(THEOREM, conclusion=Eq(*THEOREM.conclusion.args, evaluate=False))
    assert rigorous.check(equality, ab.attained()).holds == 1
    assert rigorous.check(equality, ab.small_error()).failure


@pytest.mark.parametrize("k", [2, 4, 6])
def test_half_of_what_is_above_2_in_the_smallness_is_left_to_first_order(k):
    """X + m = Y + (1 - k/2) m + O(m^2) with k Y = c s: what the docstring says of other constants."""
    numbers = ab.small_error(smallness=k)
    gap = numbers.Y - numbers.X - numbers.m - (F(k, 2) - 1) * numbers.m
    assert 0 <= gap <= F(k * k, 4) * numbers.m**2


@pytest.mark.parametrize("place", list(places(THEOREM, EQUAL)), ids=lambda place: str(place[1]))
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    assert outcome(THEOREM, EQUAL) == "holds"
    assert outcome(swapped(THEOREM, place), EQUAL) in {"failure", "rejected"}


def test_the_batch_is_measured_as_the_instance_it_hands_over():
    batch = THEOREM.sample(np.random.default_rng(0), 300)
    for k in range(0, 300, 7):
        instance = batch.instance(k)
        assert all(batch.columns[symbol][k] == float(getattr(instance, symbol.name)) for symbol in ab.SYMBOLS)
        assert failing(instance) == []
