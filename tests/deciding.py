"""What tests of theorems ask of an instance."""

from linres.rungs import rigorous


def holds(theorem, instance):
    """Whether the theorem certainly holds on the instance, every hypothesis decided."""
    checked = rigorous.check(theorem, instance)
    return checked.failure is None and checked.holds > 0 and not checked.undecided and not checked.rejected


def certainly_holds(theorem):
    """(instance, theorem) -> whether it certainly holds there; by default this theorem."""
    return lambda instance, theorem=theorem: holds(theorem, instance)
