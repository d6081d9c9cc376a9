"""What holds of every theorem of linres: proved, its false variants refuted, and how tight it is.

One about chances is drawn, and supported at most.

The false variants of the statements that correct false claims are refuted, too.
"""

from functools import cache

import pytest

from linres.chance import LEVEL
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
    "scaling-gradients",
}
# About chances that are drawn: never proved, and never seen attained.
DRAWN = {
    "scaling-tail-above", "scaling-tail-below", "scaling-tail-lowest", "scaling-displacement-above",
    "scaling-displacement-below", "scaling-lognormal",
}
every_theorem = pytest.mark.parametrize("name", NAMES)


@cache
def verdict_of(name):
    return verify(load(name))


@every_theorem
def test_is_proved_or_drawn_and_every_control_comes_out_as_it_must(name):
    verdict, theorem = verdict_of(name), load(name)
    assert verdict.verdict == theorem.expect == ("supported" if name in DRAWN else "proved") and wanting(verdict) == 0
    counts = verdict.proof
    assert counts["checked"] + counts["prose"] == counts["steps"] == len(theorem.steps()) and counts["checked"] > 0
    assert (counts["prose"] > 0) == (name in DRAWN)
    for control in verdict.evidence["controls"]["list"]:
        assert control["refuted"] == (control["kind"] == "stronger") and "reason" not in control


@every_theorem
def test_what_is_drawn_and_sampled_satisfies_the_hypotheses_and_is_decided(name):
    verdict = verdict_of(name)
    exact, sampled = verdict.evidence["rigorous"], verdict.evidence["sampled"]
    assert exact["acceptance"] == 1 and exact["undecided"] == 0 and exact["decided"] >= 40
    if name in DRAWN:
        assert "sampler" in sampled["reason"] and 0 < exact["chances"] <= exact["rows"]
        assert f"{float(exact['chances'] * LEVEL):.1e}" == f"{exact['risk']:.1e}" and "probability" in verdict.reason
    else:
        assert sampled["acceptance"] == 1 and sampled["rows"] >= 4000


@every_theorem
def test_is_attained_unless_it_is_an_equation_or_a_bound_that_nobody_saw_attained(name):
    attained = verdict_of(name).evidence["tightness"].get("tightness") == "attained"
    assert attained == (name not in EQUATIONS | NOT_SEEN_ATTAINED | DRAWN)


def test_all_that_is_drawn_together_is_wrong_less_often_than_once_in_a_million():
    """The risks of all theorems about chances, of their false variants and of their true ones, added up."""
    evidence = [verdict_of(name).evidence for name in sorted(DRAWN)]
    risks = [each["rigorous"]["risk"] for each in evidence]
    risks += [control.get("risk", 0) for each in evidence for control in each["controls"]["list"]]
    assert len(risks) > 6 * len(DRAWN) and 0 < sum(risks) < 1e-6


@pytest.mark.parametrize(("theorem", "control"), WITNESSED)
def test_every_false_variant_is_refuted_by_its_own_witness(theorem, control):
    assert rigorous.check(theorem.variant(control), control.witness).failure
