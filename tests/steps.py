"""Every step of a proof of ours that a machine checks, those within inductions included, with what it may lean on."""

from functools import cache

import pytest

from linres.rungs.symbolic import Lemmas, check, check_step
from linres.theorem import Prose
from linres.theorems import NAMES, load

EVERY_STEP = [
    pytest.param(name, position, id=f"{name}: {step.name}")
    for name in NAMES
    for position, step in enumerate(load(name).steps())
    if not isinstance(step.by, Prose)
]


@cache
def watched(name):
    """The proof as it was checked, (step, scope, facts) of every step in that order, and the lemmas, found proved.

    No step is refused, and none is in words unless the theorem is meant to be supported alone.
    """
    steps, lemmas = [], Lemmas()
    proof = check(load(name), lemmas, watch=lambda *what: steps.append(what))
    assert proof.refusal is None
    assert proof.complete == (load(name).expect == "proved")
    return proof, steps, lemmas


def seen(name):
    """(step, scope, facts) of every step, in the order they are checked; the lemmas of the proof, found proved."""
    return watched(name)[1:]


def check_alone(name, step, scope, facts):
    """Check one step with just these facts."""
    theorem, (_, lemmas) = load(name), seen(name)
    nested = not any(step.name == outer.name for outer in theorem.proof)
    return check_step(step, scope, facts, lemmas, nested)


def assert_refused(forged, *, beside, by, saying):
    """The honest theorem is proved; the forged one is refused, for the reason given and in those words."""
    accepted, refused = check(beside), check(forged)
    assert accepted.complete, accepted.refusal
    assert not refused.complete
    assert saying in refused.refusal
    assert refused.refused_by is by
