"""scaling-smooth-weights: proved, and decided on networks beside rational flows."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import flint
import numpy as np
import pytest
from deciding import certainly_holds
from hypotheses import require_that_only_it_breaks, require_that_the_proof_needs
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped

from linres.arithmetic import EXACT, FLOAT
from linres.errors import InputError
from linres.methods import propagation
from linres.rungs import rigorous
from linres.rungs.tightness import equal
from linres.smooth_networks import Powers, Triangular
from linres.theorems import scaling_smooth_weights as one

F = Fraction
THEOREM = one.THEOREM
holds = certainly_holds(THEOREM)
NILPOTENT = Triangular(
    (((F(0), F(1), F(-2)), (F(0), F(0), F(3, 2)), (F(0), F(0), F(0))),
     ((F(0), F(-1, 2), F(1)), (F(0), F(0), F(-2)), (F(0), F(0), F(0)))),
    (F(1), F(-1), F(2)), 4)
TURNED = Powers(2, (F(1, 2), F(-1, 4)), (F(1), F(2)), (F(3), F(-1)), 4)
SHARP = one.attained()


@given(THEOREM.instances())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_drawn_network_contradicts_it(network):
    assert holds(network)


@pytest.mark.parametrize("power", [-2, -1, 1, 2, 3])
def test_it_holds_for_every_power(power):
    assert holds(replace(TURNED, power=power))


def slopes(network, s):
    """A(s) H(s), and differences of the flow to both sides of s, by a network so deep that it has these points."""
    deep = replace(network, depth=1000).recorded()
    t = int(s * 1000)
    moved = [sum(x * y for x, y in zip(row, deep.flow[t], strict=True)) for row in deep.weights[t]]
    ahead = [500 * (y - x) for x, y in zip(deep.flow[t - 1], deep.flow[t + 1], strict=True)]
    return moved, ahead


@pytest.mark.parametrize("network", [NILPOTENT, TURNED, replace(TURNED, power=-1)])
def test_the_flow_solves_its_differential_equation(network):
    for s in (F(1, 10), F(1, 2), F(9, 10)):
        moved, ahead = slopes(network, s)
        assert all(abs(x - y) < F(1, 10**4) for x, y in zip(moved, ahead, strict=True)) and any(moved)


def test_the_triangular_flow_solves_it_as_polynomials():
    solution = NILPOTENT._solution()
    for s in (F(k, 7) for k in range(8)):
        values = [sum(c * s**k for k, c in enumerate(p)) for p in solution]
        change = [sum(k * c * s ** (k - 1) for k, c in enumerate(p) if k) for p in solution]
        weight = [[sum(w[i][j] * s**k for k, w in enumerate(NILPOTENT.weights)) for j in range(3)] for i in range(3)]
        assert change == [sum(x * y for x, y in zip(row, values, strict=True)) for row in weight]
    assert solution[0][4] == F(1, 4)  # nothing trivial


@pytest.mark.parametrize("network", [NILPOTENT, TURNED, replace(TURNED, power=-2, rates=(F(-1, 2), F(3)))])
def test_bounds_of_the_weights_and_of_their_change_hold_along_the_way(network):
    recorded = replace(network, depth=60).recorded()
    tables = [np.array([[float(x) for x in row] for row in weight]) for weight in recorded.weights]
    assert max(np.linalg.norm(table, 2) for table in tables) <= recorded.bound
    changes = [60 * np.linalg.norm(y - x, 2) for x, y in pairwise(tables)]
    assert max(changes) <= recorded.lipschitz


def test_twice_the_depth_halves_the_error():
    def error(depth):
        run = replace(NILPOTENT, depth=depth).record(FLOAT)
        return np.linalg.norm(run.flow[-1] - run.states[-1])

    assert error(64) / error(128) == pytest.approx(2, rel=0.02) and error(64) > 0


@pytest.mark.parametrize(("a", "depth"), [(F(1, 4), 1), (F(1), 10), (F(3), 50)])
def test_constant_multiples_of_the_identity_attain_the_first_term_in_the_limit(a, depth):
    """Their flow is e^{a s} h_0, their network (1 + a/L)^L h_0: the difference is the first term, b being 0."""
    with flint.ctx.workprec(200):
        size = flint.arb(a.numerator) / a.denominator
        growth = (size / depth).exp()
        first = growth**depth - (1 + size / depth) ** depth
        assert first.overlaps(size.exp() - (1 + size / depth) ** depth) and first > 0
        assert first < size * size * size.exp() / (2 * depth + size)


def test_the_exact_extremal_instances_attain_it():
    assert equal(THEOREM, SHARP) and equal(THEOREM, one.attained(1))
    assert not equal(THEOREM, NILPOTENT)


def test_a_larger_growth_is_covered_too():
    recorded = NILPOTENT.recorded()
    assert recorded.growth is None and holds(replace(recorded, growth=F(12)))
    assert rigorous.check(THEOREM, replace(recorded, growth=F(1))).rejected == 1


@pytest.mark.parametrize("name", one.WITHOUT)
def test_what_breaks_one_hypothesis_is_not_claimed_and_breaks_no_other(name):
    hypothesis, network = one.WITHOUT[name]
    require_that_only_it_breaks(THEOREM, hypothesis, network)


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


@pytest.mark.parametrize("place", [
    place for place in places(THEOREM, NILPOTENT) if place[1] in {one.h, one.H, one.n, one.N}
], ids=lambda place: f"{place[1:]}")
def test_a_measured_state_10_percent_off_is_noticed(place):
    assert outcome(THEOREM, NILPOTENT) == "holds"
    assert outcome(swapped(THEOREM, place), NILPOTENT) in {"Disagree", "failure", "rejected", "NotExact"}


def test_a_step_of_another_scale_is_noticed():
    def longer(state, layer, *, scale):
        return propagation.step(state, layer, scale=2 * scale)

    def measure(network, arithmetic):
        [row] = one.measure(network, arithmetic)
        made = network.record(arithmetic, step=longer)
        return [row | {one.h: dict(enumerate(made.states)), one.n: dict(enumerate(made.moved))}]

    with pytest.raises(rigorous.Disagree):
        rigorous.check(replace(THEOREM, measure=measure), NILPOTENT)


def test_rates_that_reach_minus_1_are_refused():
    with pytest.raises(InputError, match="above -1"):
        replace(TURNED, rates=(F(0), F(-1)))


def test_bulk_networks_are_those_measured_one_by_one():
    batch = THEOREM.sample(np.random.default_rng(1), 6)
    for k in range(6):
        [row] = one.measure(batch.instance(k), FLOAT)
        for symbol in (one.a, one.b, one.alpha, one.rho):
            assert batch.columns[symbol][k] == pytest.approx(row[symbol])
        for label in (one.h, one.H, one.n, one.N, one.R):
            for stage, value in row[label].items():
                assert np.allclose(batch.columns[label][stage][k], value)
    [row] = one.measure(TURNED, EXACT)
    assert any(x != 0 for x in row[one.R][0].entries())
