"""scaling-gradients: proved, and decided on gradients that go back through networks with finitely many outcomes."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped

from linres.arithmetic import EXACT, FLOAT
from linres.random_networks import LAWS, Backwards, DependentLayers, Layers, back, gradient_of_half_the_square
from linres.rungs import draw, rigorous, symbolic
from linres.theorems import scaling_gradients as one

F = Fraction
THEOREM = one.THEOREM
SHEARS = ((F(1), F(2)), (F(0), F(1))), ((F(1), F(0)), (F(-3), F(1)))  # no two of them, or transposed, commute
SKEW = Backwards(DependentLayers((SHEARS, SHEARS[::-1]), (F(1), F(0)), F(1, 2)), ((F(1), F(4)), (F(2), F(-1))))
PLANE = Backwards(Layers("plane", (F(1), F(-2)), F(1, 2), 2), ((F(3), F(1)),))


@given(THEOREM.instances())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_drawn_network_contradicts_it(backwards):
    checked = rigorous.check(THEOREM, backwards)
    assert checked.failure is None and not checked.undecided and not checked.rejected


def columns(matrix):
    return [[F(int(x.p), int(x.q)) for x in column] for column in zip(*matrix.data.tolist(), strict=True)]


def applied(table, vector):
    return [sum(a * x for a, x in zip(row, vector, strict=True)) for row in table]


def inner(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("backwards", [SKEW, PLANE], ids=["shears", "plane"])
def test_what_comes_out_is_the_gradient_of_what_goes_in(backwards):
    """<p_T, x> is the inner product of p_0 and of what the network makes of x, for x of a basis: it is linear."""
    network, width = backwards.network, len(backwards.network.start)
    made = backwards.record(EXACT)
    cases = [(output, layers) for output in backwards.outputs for layers in network.outcomes]
    assert columns(made.states[0]) == [list(output) for output, _ in cases]
    for (output, layers), gradient in zip(cases, columns(made.states[-1]), strict=True):
        for k in range(width):
            basis = state = [F(k == i) for i in range(width)]
            for layer in layers:
                state = [x + network.scale * y for x, y in zip(state, applied(layer, state), strict=True)]
            assert inner(gradient, basis) == inner(output, state)


def test_layers_are_met_transposed_and_the_last_one_first():
    [first, _] = back((SHEARS, SHEARS[::-1]))
    assert first == (((1, -3), (0, 1)), ((1, 0), (2, 1)))
    assert {len(layers) for layers in back(PLANE.network.outcomes)} == {2}


def test_the_gradient_of_half_the_square_comes_in_as_the_last_state():
    """Of width 1, V = 2, -2 or six times 0, scale 1/2: p_0 = h_0 prod (1 + V/2), p_T = h_0 prod (1 + V/2)^2."""
    network = Layers("three values", (F(3),), F(1, 2), 2)
    made = gradient_of_half_the_square(network, EXACT)
    factors = [(1 + layers[0][0][0] / 2) * (1 + layers[1][0][0] / 2) for layers in network.outcomes]
    assert columns(made.states[0]) == [[3 * f] for f in factors]
    assert columns(made.states[-1]) == [[3 * f * f] for f in factors]
    ahead, behind = (sum(f**power for f in factors) / len(factors) for power in (2, 4))
    assert ahead == F(5, 4) ** 2 and behind == F(11, 4) ** 2 > ahead**2  # E(1 + V/2)^4 = (2^4 + 0^4 + 6)/8


def test_a_gradient_that_knows_the_layers_is_not_claimed():
    own = replace(THEOREM, measure=one.measure_own, own_method=False, proof=(), controls=())
    assert rigorous.check(own, one.OWN).rejected == 1 and rigorous.check(THEOREM, one.OWN).holds == 1


@pytest.mark.parametrize("control", [c for c in THEOREM.controls if c.drop and not c.measure], ids=lambda c: c.name)
def test_networks_outside_the_hypotheses_are_not_claimed(control):
    assert rigorous.check(THEOREM, control.witness).rejected == 1
    assert len(control.drop) == 1 and rigorous.check(THEOREM.variant(control), control.witness).failure


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    without = tuple(each for each in THEOREM.hypotheses if each is not hypothesis)
    assert not symbolic.check(replace(THEOREM, hypotheses=without)).complete


@pytest.mark.parametrize("place", list(places(THEOREM, PLANE)), ids=lambda place: f"{place[1:]}")
def test_a_measured_value_10_percent_off_is_noticed(place):
    assert outcome(THEOREM, PLANE) == "holds"
    assert outcome(swapped(THEOREM, place), PLANE) in {"Disagree", "failure", "rejected", "NotExact"}


def test_gradients_in_bulk_are_those_measured_one_by_one():
    batch = THEOREM.sample(np.random.default_rng(1), 5)
    for k in range(5):
        [row] = one.measure(batch.instance(k), FLOAT)
        assert batch.columns[one.alpha][k] == row[one.alpha] and batch.columns[one.T] == row[one.T]
        for label in (one.p, one.m):
            for stage, value in row[label].items():
                assert np.allclose(batch.columns[label][stage][k], value)


def test_instances_are_of_several_laws_and_some_have_several_gradients():
    drawn = draw.instances(THEOREM.instances(), 100, seed=1)
    laws = {backwards.network.law for backwards in drawn}
    assert len(laws) >= 4 and laws <= {*LAWS} and {len(backwards.outputs) for backwards in drawn} == {1, 2, 3}
