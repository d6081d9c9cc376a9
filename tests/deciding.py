"""What tests of theorems ask of an instance."""

from linres.rungs import rigorous


def certainly_holds(theorem):
    """(instance, theorem) -> whether it certainly holds there, every hypothesis decided; by default this theorem."""

    def holds(instance, theorem=theorem):
        checked = rigorous.check(theorem, instance)
        return checked.failure is None and checked.holds > 0 and not checked.undecided and not checked.rejected

    return holds
