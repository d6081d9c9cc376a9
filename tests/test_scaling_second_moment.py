"""scaling-second-moment: proved, and decided on networks with finitely many outcomes."""

from dataclasses import replace
from fractions import Fraction
from itertools import product
from random import Random

import numpy as np
import pytest
from deciding import certainly_holds
from hypotheses import require_that_the_proof_needs
from hypothesis import HealthCheck, find, given, settings
from swaps import outcome, places, swapped

from linres import random_networks
from linres.arithmetic import EXACT, FLOAT
from linres.methods import propagation
from linres.random_networks import LAWS, Layers
from linres.rungs import rigorous
from linres.theorems import scaling_second_moment as one

F = Fraction
THEOREM = one.THEOREM
holds = certainly_holds(THEOREM)
PLANE = Layers("plane", (F(1), F(-2)), F(1, 2), 2)


@given(one.THEOREM.instances())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_drawn_network_contradicts_it(network):
    checked = rigorous.check(THEOREM, network)
    assert checked.failure is None and not checked.undecided and not checked.rejected


@pytest.mark.parametrize("law", LAWS)
def test_the_entries_of_every_law_have_mean_0_and_variance_1_over_d_and_are_uncorrelated(law):
    layers, d = LAWS[law], len(LAWS[law][0])
    entries = [[x for row in layer for x in row] for layer in layers]
    assert all(sum(column) == 0 for column in zip(*entries, strict=True))
    for i, j in product(range(d * d), repeat=2):
        assert sum(layer[i] * layer[j] for layer in entries) == (F(len(layers), d) if i == j else 0)


@pytest.mark.parametrize("law", LAWS)
def test_states_are_those_of_every_outcome_run_by_itself(law):
    width = len(LAWS[law][0])
    network = Layers(law, tuple(F(k + 1) for k in range(width)), F(1, 3), 2)
    made = network.record(EXACT)
    columns = list(zip(*made.states[-1].data.tolist(), strict=True))
    assert len(columns) == len(network.outcomes) == len(LAWS[law]) ** 2
    for column, layers in list(zip(columns, network.outcomes, strict=True))[::7]:
        state = list(network.start)
        for layer in layers:
            moved = [sum(a * x for a, x in zip(row, state, strict=True)) for row in layer]
            state = [x + F(1, 3) * y for x, y in zip(state, moved, strict=True)]
        assert [F(int(x.p), int(x.q)) for x in column] == state


def test_the_mean_square_of_a_deep_network_of_width_1_is_the_power():
    network = Layers("sign", (F(1),), F(1, 10), 10)
    [row] = one.measure(network, EXACT)
    squares = [x * x for x in row[one.h][10].entries()]
    assert sum(squares) / len(squares) == EXACT.number((1 + F(1, 100)) ** 10)


def test_float64_measures_the_same():
    exact, rounded = (one.measure(PLANE, arithmetic)[0] for arithmetic in (EXACT, FLOAT))
    entries = [float(x.p) / float(x.q) for x in exact[one.h][2].entries()]
    assert rounded[one.h][2].ravel().tolist() == pytest.approx(entries)


def test_bulk_networks_are_those_measured_one_by_one():
    batch = THEOREM.sample(np.random.default_rng(1), 5)
    for k in range(5):
        [row] = one.measure(batch.instance(k), FLOAT)
        assert batch.columns[one.alpha][k] == row[one.alpha] and batch.columns[one.T] == row[one.T]
        for label in (one.h, one.n):
            for stage, value in row[label].items():
                assert np.allclose(batch.columns[label][stage][k], value)


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


@pytest.mark.parametrize("place", list(places(THEOREM, PLANE)), ids=lambda place: f"{place[1:]}")
def test_a_measured_value_10_percent_off_is_noticed(place):
    assert outcome(THEOREM, PLANE) == "holds"
    assert outcome(swapped(THEOREM, place), PLANE) in {"Disagree", "failure", "rejected", "NotExact"}


def test_a_step_with_another_scale_is_noticed():
    def longer(state, layer, *, scale):
        return propagation.step(state, layer, scale=2 * scale)

    def measure(network, arithmetic):
        made = network.record(arithmetic, step=longer)
        return [one.measure(network, arithmetic)[0] | {
            one.h: dict(enumerate(made.states)), one.n: dict(enumerate(made.moved))}]

    with pytest.raises(rigorous.Disagree):
        rigorous.check(replace(THEOREM, measure=measure), PLANE)


@pytest.mark.parametrize("witness", [one.WIDER, one.TOWARDS_THE_STATE, one.TOWARDS_THE_START])
def test_networks_outside_the_hypotheses_are_not_claimed(witness):
    assert rigorous.check(THEOREM, witness).rejected == 1


def test_a_gradient_that_knows_the_layers_grows_faster():
    """p_T = h_T back through the layers of h, of width 1: p_0 = h_0 prod (1 + alpha v)^2, by fourth moments."""
    outcomes = Layers("three values", (F(1),), F(1, 2), 2).outcomes
    factors = [(1 + layers[0][0][0] / 2) * (1 + layers[1][0][0] / 2) for layers in outcomes]
    ahead, back = (sum(f**power for f in factors) / len(factors) for power in (2, 4))
    assert ahead == F(5, 4) ** 2 and back == F(11, 4) ** 2 > ahead**2  # E(1 + v/2)^4 = (2^4 + 0^4 + 6)/8


@pytest.mark.parametrize("law", LAWS)
def test_instances_are_of_every_law(law):
    drawn = settings(max_examples=2000, database=None)
    network = find(random_networks.networks(), lambda network: network.law == law, settings=drawn, random=Random(0))
    assert len(network.outcomes) <= 1100 and holds(network)
