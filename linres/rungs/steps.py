"""One step of a proof, or one control, at a time: what proof pages show. `check` is also `linres.check`."""

from dataclasses import dataclass

from linres.errors import kind_of, refuse
from linres.printing import reason
from linres.rungs import rigorous, symbolic
from linres.theorem import Certificate, Induction, Prose, Step, Theorem
from linres.theorems import NAMES, REFUTED, load

_PROOFS: dict[str, symbolic.Proof] = {}  # of our own theorems


@dataclass(frozen=True, repr=False)
class Checked:
    """A step of a proof, or a whole proof, that was accepted. Its repr is a line for the reader.

    Attributes
    ----------
    name : str
        The step, or the theorem.
    found : str
        What was checked, in words.
    identities : int
        How many the trusted core relied on; the second checker confirmed each.
    """

    name: str
    found: str
    identities: int

    def __repr__(self) -> str:
        return f"{self.name}: {self.found}"


def check(theorem: Theorem | str, step: str | None = None) -> Checked:
    """Check a proof, ours by name or anyone's, and say what was found of the step, or of all steps.

    The whole proof is checked, of our own theorems once in a process.

    Parameters
    ----------
    theorem : Theorem or str
        The theorem, or the name of one of ours.
    step : str, optional
        The name of a step; by default all of them.

    Returns
    -------
    linres.rungs.steps.Checked
        `name`, `found` in words, and how many `identities` both checkers confirmed.

    Raises
    ------
    InputError
        When there is no such theorem or step, or the theorem has no proof.
    Refused
        When the step was refused or comes after one that was: the first thing wrong.

    Examples
    --------
    >>> import linres
    >>> linres.check("stacking-residual")
    stacking-residual: all 5 steps checked by the trusted core, every identity by the second checker too
    >>> linres.check("gradient-step", "below_1_squared")
    below_1_squared: certificate of 1 term, its identity confirmed by both checkers
    """
    theorem = _theorem(theorem)
    names = [each.name for each in theorem.steps()]
    if step is not None and not (isinstance(step, str) and step in names):
        raise refuse("check(step=...)", f"a step of {theorem.name}: {', '.join(names) or 'it has none'}", repr(step))
    proof = _proof(theorem)
    accepted = proof.checked + proof.prose
    if proof.refusal and (step is None or names.index(step) >= accepted):
        raise (proof.refused_by or symbolic.Refused)(f"{theorem.name}, {proof.refusal}")
    return _whole(theorem, proof) if step is None else _one(theorem.step(step), proof)


def _proof(theorem: Theorem) -> symbolic.Proof:
    """The proof checked: once for one of ours; anew each time for another, which may have changed since."""
    ours = theorem.name in (*NAMES, *REFUTED) and load(theorem.name) is theorem
    if not ours:
        return symbolic.check(theorem)
    if theorem.name not in _PROOFS:
        _PROOFS[theorem.name] = symbolic.check(theorem)
    return _PROOFS[theorem.name]


def _theorem(given: Theorem | str) -> Theorem:
    if isinstance(given, str):
        return load(given)
    if not isinstance(given, Theorem):
        raise refuse("check(theorem)", "a Theorem or the name of one", kind_of(given))
    return given


def _whole(theorem: Theorem, proof: symbolic.Proof) -> Checked:
    if not proof.steps:
        raise refuse("check(theorem)", "a theorem with a proof", f"{theorem.name}, which has none")
    steps = f"{proof.checked} of {proof.steps} steps"
    if proof.complete:
        steps = "the one step" if proof.steps == 1 else f"all {proof.steps} steps"
    found = f"{steps} checked by the trusted core, every identity by the second checker too"
    return Checked(theorem.name, found, sum(proof.identities.values()))


def _one(step: Step, proof: symbolic.Proof) -> Checked:
    if isinstance(step.by, Prose):
        return Checked(step.name, "prose, which no machine checks", 0)
    if isinstance(step.by, Induction):
        parts = sum(1 for _ in step.parts()) - 1
        return Checked(step.name, f"{reason(step)}, {parts} steps accepted", 0)
    return Checked(step.name, f"{reason(step)}, {_confirmation(step)}", proof.identities[step.name])


def _confirmation(step: Step) -> str:
    """By whom: the second checker decides identities again, but sees no signs, and neither rules nor lemmas at work."""
    if isinstance(step.by, Certificate):
        return "its identity confirmed by both checkers" if step.by.terms else "confirmed by both checkers"
    return "applied by the trusted core"


def falls(theorem: Theorem | str, control: str) -> bool:
    """Whether the control of that name certainly fails at the witness it carries.

    InputError if there is no such theorem or control, or if the control carries no witness.
    """
    theorem = _theorem(theorem)
    found = {each.name: each for each in theorem.controls}
    if control not in found:
        wanted = f"a control of {theorem.name}: {', '.join(found) or 'it has none'}"
        raise refuse("falls(control)", wanted, repr(control))
    witness = found[control].witness
    if witness is None:
        raise refuse("falls(control)", "a control with a witness", repr(control), "`linres verify` tries the others.")
    return rigorous.check(theorem.variant(found[control]), witness).failure is not None
