"""agreeing-step: proved; of each of its hypotheses something breaks without it."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from deciding import certainly_holds
from hypotheses import require_that_the_proof_needs
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped

from linres.arithmetic import EXACT
from linres.bounds import fraction
from linres.rungs import rigorous
from linres.theorems import agreeing_step as lemma

F = Fraction
THEOREM = lemma.THEOREM
holds = certainly_holds(THEOREM)


@given(lemma.instances())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_holds_on_drawn_losses(instance):
    assert holds(instance)


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


@pytest.mark.parametrize("control", [each for each in THEOREM.controls if each.drop], ids=lambda each: each.name)
def test_without_a_hypothesis_the_points_part_but_with_it_the_instance_is_rejected(control):
    assert rigorous.check(THEOREM.variant(control), control.witness).failure
    kept = THEOREM.variant(replace(control, drop=()))
    assert rigorous.check(kept, control.witness).rejected == 1


@pytest.mark.parametrize("place", list(places(THEOREM, lemma.generic())), ids=lambda place: str(place[1]))
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    """k is 0, and c may be anything that is large enough."""
    assert (outcome(swapped(THEOREM, place), lemma.generic()) == "holds") == (place[1] in {lemma.k, lemma.c})


def test_bulk_steps_are_the_exact_steps():
    batch = THEOREM.sample(np.random.default_rng(5), 20)
    for k in range(0, 20, 7):
        row, *_ = lemma.measure(batch.instance(k), EXACT)
        for symbol in (lemma.x_next, lemma.y_next):
            exact = [float(fraction(entry)) for entry in row[symbol].entries()]
            np.testing.assert_allclose(batch.columns[symbol][k, :, 0], exact, rtol=1e-12, atol=1e-12)
