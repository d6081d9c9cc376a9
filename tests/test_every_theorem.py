"""What holds of every theorem of linres: proved, its false variants refuted, and how tight it is.

The false variants of the statements that correct false claims are refuted, too.
"""

from functools import cache

import pytest

from linres.rungs import rigorous, verify, wanting
from linres.theorems import NAMES, REFUTED, load, load_refutations

EQUATIONS = {
    "stacking-residual", "stacking-parameter-step", "near-identity-blocks", "block-regression", "block-derivative",
    "stacking-additive", "agreeing-step", "stacking-random-start",  # equations written as a norm that is at most 0
}
NOT_SEEN_ATTAINED = {
    "stacking-acceleration", "stacking-quadratic", "stacking-convex", "stacking-parameter-acceleration",
}
STATED = {name: load(name) for name in NAMES}
STATED |= {published.corrected.name: published.corrected for name in REFUTED for published in load_refutations(name)}
WITNESSED = [
    pytest.param(theorem, control, id=f"{name}-{control.name}")
    for name, theorem in STATED.items() for control in theorem.controls
    if control.kind == "stronger" and control.witness is not None
]
EQUATIONS |= {
    "scaling-second-moment", "scaling-fourth-moment", "scaling-strong-error", "fractional-increments",
}
every_theorem = pytest.mark.parametrize("name", NAMES)


@cache
def verdict_of(name):
    return verify(load(name))


@every_theorem
def test_is_proved_and_every_control_comes_out_as_it_must(name):
    verdict, theorem = verdict_of(name), load(name)
    assert verdict.verdict == "proved" and wanting(verdict) == 0
    assert verdict.proof["checked"] == verdict.proof["steps"] == len(theorem.steps()) and verdict.proof["prose"] == 0
    for control in verdict.evidence["controls"]["list"]:
        assert control["refuted"] == (control["kind"] == "stronger") and "reason" not in control


@every_theorem
def test_what_is_drawn_and_sampled_satisfies_the_hypotheses_and_is_decided(name):
    exact, sampled = verdict_of(name).evidence["rigorous"], verdict_of(name).evidence["sampled"]
    assert exact["acceptance"] == 1 and exact["undecided"] == 0 and exact["decided"] >= 40
    assert sampled["acceptance"] == 1 and sampled["rows"] >= 4000


@every_theorem
def test_is_attained_unless_it_is_an_equation_or_a_bound_that_nobody_saw_attained(name):
    attained = verdict_of(name).evidence["tightness"].get("tightness") == "attained"
    assert attained == (name not in EQUATIONS | NOT_SEEN_ATTAINED)


@pytest.mark.parametrize(("theorem", "control"), WITNESSED)
def test_every_false_variant_is_refuted_by_its_own_witness(theorem, control):
    assert rigorous.check(theorem.variant(control), control.witness).failure
