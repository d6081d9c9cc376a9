"""orientation and near-identity-blocks: proved; Theorem 2.1 in print falls at R = -1 from depth 7 on."""

from dataclasses import replace
from fractions import Fraction
from math import prod

import flint
import numpy as np
import pytest
from deciding import holds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from swaps import outcome, places, swapped
from sympy import Eq

import linres
from linres import linear_networks
from linres.arithmetic import EXACT
from linres.linear_networks import LinearNetwork, Turns, spectral_norm
from linres.rungs import rigorous, symbolic, verify, wanting
from linres.theorems import hardt_ma_2017_theorem_2_1 as printed
from linres.theorems import near_identity_blocks as near
from linres.theorems import orientation

F = Fraction
THEOREMS = {"orientation": orientation.THEOREM, "blocks": near.THEOREM}
BOTH = pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)


@BOTH
def test_holds_on_drawn_instances(theorem):
    @given(theorem.instances())
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    def held(instance):
        assert holds(theorem, instance)

    held()


@BOTH
def test_bulk_instances_hold_exactly(theorem):
    batch = theorem.sample(np.random.default_rng(1), 40)
    assert all(holds(theorem, batch.instance(k)) for k in range(0, 40, 5))


# Orientation.


@pytest.mark.parametrize("hypothesis", orientation.THEOREM.hypotheses, ids=str)
def test_the_proof_of_orientation_needs_every_hypothesis(hypothesis):
    without = tuple(each for each in orientation.THEOREM.hypotheses if each is not hypothesis)
    assert not symbolic.check(replace(orientation.THEOREM, hypotheses=without)).complete


@pytest.mark.parametrize("depth", [1, 2, 6])
@pytest.mark.parametrize("reach", [F(0), F(1, 3), F(99, 100)])
def test_is_attained_by_blocks_minus_tau(depth, reach):
    equal = replace(orientation.THEOREM, conclusion=Eq(*orientation.THEOREM.conclusion.args, evaluate=False))
    assert holds(equal, orientation.attained(depth, reach))


def test_determinants_are_those_of_the_maps():
    blocks = ((F(1, 2), F(1, 3)), (F(0), F(1, 4))), ((F(0), F(1)), (F(1), F(0)))
    instance = replace(orientation.attained(2), blocks=blocks)
    [row] = orientation.measure(instance, EXACT)
    assert list(row[orientation.P].values()) == [1, flint.fmpq(15, 8), 0]
    assert list(row[orientation.D].values()) == [flint.fmpq(15, 8), 0]


def test_a_reflection_is_out_of_reach_of_small_blocks():
    """A block -2 along one axis makes it, and no hypothesis lets that pass."""
    reflecting = LinearNetwork(
        (((F(-2), F(0)), (F(0), F(0))),), F(9, 10), linear_networks.identity(2), linear_networks.identity(2), F(1))
    assert rigorous.check(orientation.THEOREM, reflecting).rejected == 1


DETAILED = orientation.attained(depth=3)


@pytest.mark.parametrize("place", list(places(orientation.THEOREM, DETAILED)), ids=lambda place: f"{place[1:]}")
def test_a_measured_determinant_10_percent_too_large_is_noticed(place):
    assert outcome(orientation.THEOREM, DETAILED) == "holds"
    noticed = outcome(swapped(orientation.THEOREM, place), DETAILED) in {"Disagree", "failure", "rejected", "NotExact"}
    assert noticed == (str(place[1]) != "tau")  # tau = 11/20 of blocks -1/2 asks for less


# Blocks that differ by rotations.


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_blocks_multiply_up_to_the_powers(depth):
    rows = near.measure(replace(near.generic(), depth=depth), EXACT)
    turn, stretch = rows[0][near.P], rows[0][near.H]
    power = stretched = EXACT.matrix(linear_networks.identity(2))
    for _ in range(depth):
        power, stretched = power @ turn, stretched @ stretch
    assert rows[-1][near.W_next] == power @ stretched


def test_blocks_of_an_orthogonal_turn_have_one_norm():
    rows = near.measure(near.generic(), EXACT)
    first, *others = (spectral_norm(row[near.w]) for row in rows)
    with flint.ctx.workprec(200):
        assert all(flint.arb(first).overlaps(flint.arb(other)) for other in others)
    squares = [(row[near.w] @ row[near.w].T).data.charpoly() for row in rows]
    assert all(each == squares[0] for each in squares)


def test_a_singular_turn_is_not_claimed():
    singular = Turns(((F(1), F(1)), (F(1), F(1))), linear_networks.identity(2), 1)
    assert holds(near.THEOREM, singular)  # U = I in the first block
    with pytest.raises(ZeroDivisionError):
        near.measure(replace(singular, depth=2), EXACT)


# Theorem 2.1 in print.


def test_the_printed_theorem_is_refuted_at_minus_1():
    [published] = printed.REFUTATIONS
    assert linres.refuted(published) and linres.load_refutations("hardt-ma-2017-theorem-2-1") == (published,)
    failure = rigorous.check(published.claim, published.instance).failure
    assert flint.arb("1.0149425") < failure.left < flint.arb("1.0149426")
    assert flint.arb("0.8975979") < failure.right < flint.arb("0.8975980")
    assert failure.right.overlaps(2 * flint.arb.pi() / 7)


def test_the_printed_theorem_meets_its_expectation_by_being_refuted():
    verdict = verify(printed.THEOREM)
    assert verdict.verdict == "refuted" and verdict.met and wanting(verdict) == 0


@pytest.mark.parametrize(("depth", "fails"), [(1, False), (6, False), (7, True), (40, True)])
def test_minus_1_refutes_it_from_depth_7_on(depth, fails):
    assert (rigorous.check(printed.THEOREM, printed.Target(F(-1), depth)).failure is not None) == fails


@given(st.integers(1, 64), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_no_positive_number_refutes_it(eighths, depth):
    checked = rigorous.check(printed.THEOREM, printed.Target(F(eighths, 8), depth))
    assert checked.failure is None and not checked.undecided


@given(st.integers(1, 64), st.integers(1, 12), st.lists(st.integers(-64, 64), min_size=11, max_size=11))
@settings(max_examples=100, deadline=None)
def test_no_network_of_scalars_has_smaller_blocks_than_the_least(eighths, depth, entries):
    """Factors as drawn, but for the last, which makes the product minus the value."""
    factors = [F(entry, 16) or F(1) for entry in entries[: depth - 1]]
    value = -F(eighths, 8)
    factors.append(value / prod(factors, start=F(1)))
    largest = max(abs(factor - 1) for factor in factors)
    least = printed.least(printed.Target(value, depth))
    assert not flint.fmpq(largest.numerator, largest.denominator) < least


@pytest.mark.parametrize("depth", [1, 2, 7, 20])
@pytest.mark.parametrize("value", [F(-1), F(-1, 8), F(-9)])
def test_the_least_is_attained_up_to_rounding(depth, value):
    least = printed.least(printed.Target(value, depth))
    above = F(float(least.upper()) * (1 + 1e-9))
    factors = [1 + above] * (depth - 1)
    factors.append(value / prod(factors, start=F(1)))
    assert prod(factors, start=F(1)) == value and max(abs(factor - 1) for factor in factors) <= above


def test_the_least_of_a_negative_number_exceeds_1_and_of_a_positive_one_is_that_of_equal_factors():
    assert verify(printed.REFLECTED).verdict == "supported"
    assert rigorous.check(printed.REFLECTED, printed.Target(F(2), 3)).rejected == 1
    least = printed.least(printed.Target(F(27, 8), 3))
    assert least.overlaps(flint.arb(1) / 2)


def test_the_corrected_theorem_is_supported_on_maps_of_positive_determinant():
    verdict = verify(printed.CORRECTED)
    assert verdict.verdict == "supported" and wanting(verdict) == 0 and verdict.proof["prose"] == 2


@pytest.mark.parametrize(("half_turn", "depth"), [(F(64), 1), (F(99, 100), 2), (F(57, 100), 3), (F(203, 1024), 8)])
def test_the_corrected_theorem_speaks_of_nearly_every_rotation_at_every_depth(half_turn, depth):
    """Q may turn by nearly half a circle, also where there are few blocks."""
    one = F(1)
    assert rigorous.check(printed.CORRECTED, printed.Bent(half_turn, (one, one), (one, one), depth)).holds == 1


@pytest.mark.parametrize("instance", [
    replace(printed.FAR, half_turn=F(1)),  # l times more than half a circle
    replace(printed.FAR, values=(F(1, 2), F(-2))),  # not definite
    replace(printed.FAR, values=(F(1, 9), F(9)), depth=2, half_turn=F(0)),  # l < gamma
])
def test_what_is_outside_the_corrected_theorem_is_not_claimed(instance):
    assert rigorous.check(printed.CORRECTED, instance).rejected == 1


def test_a_singular_map_has_no_row():
    assert printed.measure_bent(replace(printed.FAR, values=(F(0), F(1))), EXACT) == []
