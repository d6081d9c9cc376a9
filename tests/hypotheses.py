"""What each hypothesis of a theorem does, for the tests of theorems that say so one by one."""

from dataclasses import replace

from linres.rungs import rigorous, symbolic


def without(theorem, hypothesis):
    """The theorem without that hypothesis."""
    return replace(theorem, hypotheses=tuple(each for each in theorem.hypotheses if each is not hypothesis))


def require_that_only_it_breaks(theorem, hypothesis, instance):
    """The instance is not claimed by the theorem, and breaks the claim as soon as that hypothesis alone is dropped."""
    assert rigorous.check(theorem, instance).rejected == 1
    checked = rigorous.check(without(theorem, hypothesis), instance)
    assert checked.rejected == 0 and checked.failure is not None


def require_that_the_proof_needs(theorem, hypothesis):
    """Without the hypothesis the proof is incomplete."""
    assert not symbolic.check(without(theorem, hypothesis)).complete
