"""scaling-strong-error: proved, and decided on coarse and fine networks with finitely many outcomes."""

from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
from deciding import certainly_holds
from hypotheses import require_that_the_proof_needs
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped

from linres.arithmetic import EXACT, FLOAT
from linres.random_networks import LAWS, Refined
from linres.rungs import rigorous
from linres.theorems import scaling_strong_error as one

F = Fraction
THEOREM = one.THEOREM
holds = certainly_holds(THEOREM)
SIGNS = Refined("sign", (F(1),), F(1, 2), 2, 2)
PLANE = Refined("plane", (F(1), F(-2)), F(1, 3), 2, 1)


@given(THEOREM.instances())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_drawn_pair_of_networks_contradicts_it(pair):
    assert holds(pair)


@pytest.mark.parametrize("law", LAWS)
def test_it_holds_for_every_law(law):
    width = len(LAWS[law][0])
    assert holds(Refined(law, tuple(F(k + 1) for k in range(width)), F(1, 3), 2, 1))


@pytest.mark.parametrize("pair", [SIGNS, PLANE])
def test_states_are_those_of_every_outcome_run_by_itself(pair):
    made = pair.record(EXACT)
    columns = [list(zip(*states[-1].data.tolist(), strict=True)) for states in (made.coarse, made.fine)]
    for k, layers in list(enumerate(pair.outcomes))[::5]:
        coarse = fine = [F(x) for x in pair.start]
        for first in range(0, len(layers), pair.refinement):
            group = layers[first : first + pair.refinement]
            moved = [sum(row[i] * x for v in group for row in [v[j]] for i, x in enumerate(coarse))
                     for j in range(len(coarse))]
            coarse = [x + pair.scale * y for x, y in zip(coarse, moved, strict=True)]
            for v in group:
                fine = [x + pair.scale * sum(a * y for a, y in zip(row, fine, strict=True))
                        for x, row in zip(fine, v, strict=True)]
        assert [[F(int(x.p), int(x.q)) for x in column[k]] for column in columns] == [coarse, fine]


def test_the_mean_square_of_the_difference_is_the_difference_of_the_powers():
    [row] = one.measure(SIGNS, EXACT)
    apart = [(x - y) ** 2 for x, y in zip(row[one.H][2].entries(), row[one.h][2].entries(), strict=True)]
    assert sum(apart) / len(apart) == EXACT.number(F(5, 4) ** 4 - F(3, 2) ** 2)


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


@pytest.mark.parametrize("name", one.WITHOUT)
def test_numbers_that_break_one_hypothesis_are_not_claimed_and_break_no_other(name):
    hypothesis, pair = one.WITHOUT[name]
    assert rigorous.check(THEOREM, pair).rejected == 1
    others = tuple(each for each in THEOREM.hypotheses if each is not hypothesis)
    checked = rigorous.check(replace(THEOREM, hypotheses=others), pair)
    assert checked.rejected == 0 and checked.failure is not None


def test_the_numbers_that_the_witnesses_change_are_within_the_hypotheses_before():
    assert holds(one._second_layer()) and holds(one._first_layer((0, 1), (0, 1), ()))


@pytest.mark.parametrize("place", list(places(THEOREM, PLANE)), ids=lambda place: f"{place[1:]}")
def test_a_measured_value_10_percent_off_is_noticed(place):
    assert outcome(THEOREM, PLANE) == "holds"
    assert outcome(swapped(THEOREM, place), PLANE) in {"Disagree", "failure", "rejected", "NotExact"}


def test_a_rest_that_is_left_out_is_noticed():
    def measure(pair, arithmetic):
        [row] = one.measure(pair, arithmetic)
        return [row | {one.R: {t: 0 * rest for t, rest in row[one.R].items()}}]

    with pytest.raises(rigorous.Disagree):
        rigorous.check(replace(THEOREM, measure=measure), SIGNS)


def test_bulk_pairs_are_those_measured_one_by_one():
    batch = THEOREM.sample(np.random.default_rng(1), 4)
    for k in range(4):
        [row] = one.measure(batch.instance(k), FLOAT)
        assert batch.columns[one.a][k] == row[one.a] and batch.columns[one.M] == row[one.M]
        for label in (one.h, one.H, one.n, one.N, one.R):
            for stage, value in row[label].items():
                assert np.allclose(batch.columns[label][stage][k], value)


@pytest.mark.parametrize("depth", [1, 10, 1000])
def test_refining_without_end_gives_e_less_the_power_and_stays_below_it(depth):
    """(1 + 1/(L M))^{L M} - (1 + 1/L)^L grows with M to e - (1 + 1/L)^L: decided in balls."""
    with flint.ctx.workprec(200):
        coarse = (1 + flint.arb(1) / depth) ** depth
        limit = flint.arb(1).exp() - coarse
        errors = [(1 + flint.arb(1) / (depth * m)) ** (depth * m) - coarse for m in (1, 2, 10, 10**6)]
        assert all(a < b for a, b in zip(errors, [*errors[1:], limit], strict=True))
        assert limit - errors[-1] < flint.arb(1) / (depth * 10**5)
        assert limit * 2 * depth < flint.arb(1).exp()  # e/(2L) bounds it
