"""scaling-tail-mean: proved, and decided on networks with finitely many outcomes, stopped one by one."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from deciding import certainly_holds
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped

from linres.arithmetic import EXACT
from linres.random_networks import LAWS, Layers, Stopped
from linres.rungs import draw, rigorous, symbolic
from linres.theorems import scaling_tail_mean as one

F = Fraction
THEOREM = one.THEOREM
holds = certainly_holds(THEOREM)
PLANE = Stopped(Layers("plane", (F(1), F(-2)), F(1, 2), 2), F(2))
SKEWED = Stopped(Layers("skewed", (F(3),), F(1, 3), 3), F(3))


@given(THEOREM.instances())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_drawn_network_contradicts_it(network):
    checked = rigorous.check(THEOREM, network)
    assert checked.failure is None and not checked.undecided and not checked.rejected


@pytest.mark.parametrize("stopped", [PLANE, SKEWED, one.signs()], ids=["plane", "skewed", "signs"])
def test_every_outcome_stops_where_it_first_is_far(stopped):
    network = stopped.network
    made = stopped.record(EXACT)
    columns = [list(zip(*m.data.tolist(), strict=True)) for m in made.states]
    moves, rests, marks = ([list(zip(*m.data.tolist(), strict=True)) for m in part] for part in made[1:])
    for k, layers in enumerate(network.outcomes):
        state, stops = list(network.start), False
        for t in range(network.depth + 1):
            if t:
                move = [sum(a * x for a, x in zip(row, state, strict=True)) for row in layers[t - 1]]
                move = [F(0)] * len(move) if stops else move
                assert fractions(moves[t - 1][k]) == move
                state = [x + network.scale * y for x, y in zip(state, move, strict=True)]
            away = [x - y for x, y in zip(state, network.start, strict=True)]
            stops = stops or sum(x * x for x in away) >= stopped.level
            assert fractions(columns[t][k]) == state
            assert fractions(rests[t][k]) == (away if stops else [F(0)] * len(away))
            assert fractions(marks[t][k]) == [F(stops), *[F(0)] * (len(away) - 1)]


def fractions(column):
    return [F(int(x.p), int(x.q)) for x in column]


def test_the_mark_counts_networks_that_were_far_at_any_time_not_at_the_end():
    [row] = one.measure(SKEWED, EXACT)
    network = SKEWED.network.record(EXACT)
    away = [[(x - 3) ** 2 for x in state.entries()] for state in network.states]
    ever = sum(max(path) >= 3 for path in zip(*away, strict=True))
    assert ever == sum(int(x) for x in row[one.u][3].entries()) > sum(x >= 3 for x in away[-1]) > 0


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    without = tuple(each for each in THEOREM.hypotheses if each is not hypothesis)
    assert not symbolic.check(replace(THEOREM, hypotheses=without)).complete


@pytest.mark.parametrize("witness", [one.WIDER, one.TOWARDS_THE_STATE, one.TOWARDS_THE_START])
def test_networks_outside_the_hypotheses_are_not_claimed(witness):
    assert rigorous.check(THEOREM, witness).rejected == 1


@pytest.mark.parametrize("control", [c.name for c in THEOREM.controls if c.drop])
def test_each_of_them_breaks_one_hypothesis_alone(control):
    [case] = [c for c in THEOREM.controls if c.name == control]
    for hypothesis in THEOREM.hypotheses[1:]:
        others = tuple(h for h in THEOREM.hypotheses if h is not hypothesis)
        measured = replace(THEOREM, hypotheses=others, proof=(), measure=case.measure or THEOREM.measure)
        fails = rigorous.check(replace(measured, own_method=case.measure is None), case.witness).failure is not None
        assert fails == (hypothesis in case.drop)


def test_both_sides_are_equal_for_one_layer_of_signs():
    [row] = one.measure(one.signs(), EXACT)
    left = row[one.b] * sum(x * x for x in row[one.u][1].entries())
    growth = row[one.alpha] ** 2
    assert left == growth * sum(x * x for x in row[one.s][0].entries()) == EXACT.number(F(1, 2))


RUN = [place for place in places(THEOREM, PLANE) if place[1] in {one.alpha, one.s, one.m}]


@pytest.mark.parametrize("place", RUN, ids=lambda place: f"{place[1:]}")
def test_a_state_or_a_move_10_percent_off_is_noticed(place):
    assert outcome(THEOREM, PLANE) == "holds"
    assert outcome(swapped(THEOREM, place), PLANE) in {"Disagree", "failure", "rejected", "NotExact"}


def test_networks_in_bulk_are_those_that_exact_arithmetic_makes():
    batch = THEOREM.sample(np.random.default_rng(3), 60)
    for k in range(0, 60, 7):
        [row] = one.measure(batch.instance(k), EXACT)
        assert row[one.b] == EXACT.number(F(float(batch.columns[one.b][k])))
        for name in (one.s, one.m, one.r, one.u):
            for stage, matrix in row[name].items():
                exact = [[float(x) for x in line] for line in map(fractions, matrix.data.tolist())]
                assert batch.columns[name][stage, k].tolist() == exact


def test_instances_stop_here_and_there():
    laws, some = set(), []
    for stopped in draw.instances(THEOREM.instances(), 60, seed=1):
        laws.add(stopped.network.law)
        [row] = one.measure(stopped, EXACT)
        marks = row[one.u][stopped.network.depth]
        share = sum(int(x) for x in marks.entries()) / marks.shape[1]
        some.append(0 < share < 1)
    assert len(laws) >= 4 and laws <= {*LAWS} and sum(some) > 5
