"""Rung 1: the proof, step by step, by the trusted core and then by the second checker."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sympy import IndexedBase

from linres import certificate, rules
from linres.certificate import Reader
from linres.language import KINDS, Refused, among, is_vector, same, substitute
from linres.theorem import Certificate, Lemma, Prose, Rule, Step, Theorem
from linres.verify import second


class Unrelated(Refused):
    """A lemma or a last step that is true, perhaps, but not what is claimed."""


class Circular(Refused):
    """A theorem used in its own proof."""


class NotProved(Refused):
    """A lemma that is itself not proved."""


class Disagreement(Refused):
    """The second checker does not find an identity that the first accepted: a bug in one of them."""


@dataclass
class Proof:
    """What the trusted core says of a proof: `refusal` is the first step refused, None if none is."""

    steps: int
    checked: int = 0
    prose: int = 0
    identities: int = 0
    refusal: str | None = None
    refused_by: type | None = field(default=None, repr=False)

    @property
    def complete(self) -> bool:
        """Whether the theorem is proved: it has a proof, every step is machine-checked and the last is the conclusion."""
        return self.steps > 0 and self.checked == self.steps and self.refusal is None

    def counts(self) -> dict[str, int]:
        return {"steps": self.steps, "checked": self.checked, "prose": self.prose}


def check(theorem: Theorem, within: tuple[str, ...] = ()) -> Proof:
    """Check every step of the theorem's proof; stops at the first that is refused."""
    proof, facts = Proof(len(theorem.proof)), list(theorem.hypotheses)
    try:
        for position, step in enumerate(theorem.proof):
            where = f"step {position + 1} ({step.name})"
            if type(step) is not Step:
                raise Unrelated(f"a proof is made of Step, got {type(step).__name__}")
            identities = check_step(step, theorem, facts, (*within, theorem.name))
            proof.prose += identities is None
            proof.checked += identities is not None
            proof.identities += len(identities or ())
            facts.append(step.claim)
        where = "the last step"
        if theorem.proof and not same(theorem.proof[-1].claim, theorem.conclusion):
            raise Unrelated(f"{theorem.proof[-1].claim} is not the conclusion {theorem.conclusion}")
    except Refused as refusal:
        proof.refusal, proof.refused_by = f"{where}: {refusal}", type(refusal)
    return proof


def check_step(step: Step, theorem: Theorem, facts: list[Any], within: tuple[str, ...]) -> list[tuple] | None:
    """The identities the step rests on, each confirmed by the second checker; None for prose; else raise Refused."""
    scope = theorem.scope
    scope.admit(step.claim)
    reason = type(step.by)
    if reason is Prose:
        return None
    if reason is Certificate:
        identities = certificate.check(step.claim, step.by.terms, scope=scope, facts=facts)
    elif reason is Rule:
        identities = rules.apply(step.by.name, step.claim, step.by.premises, scope=scope, facts=facts)
    elif reason is Lemma:
        return check_lemma(step, theorem, facts, within)
    else:
        raise Unrelated(f"a step's reason is a Certificate, Rule, Lemma or Prose, got {reason.__name__}")
    for identity in identities:
        if not second.agrees(identity, scope.definitions):
            raise Disagreement(f"the second checker finds\n  {identity[0]}\ndifferent from\n  {identity[1]}")
    return identities


def check_lemma(step: Step, theorem: Theorem, facts: list[Any], within: tuple[str, ...]) -> list[tuple]:
    """Another theorem, proved, whose symbols are replaced: what it assumes must be known here, definitions included."""
    lemma, mapping = step.by.theorem, step.by.mapping
    if type(lemma) is not Theorem or lemma.over:
        raise Unrelated("a lemma is a Theorem about a single stage")
    if lemma.name in within:
        raise Circular(f"{lemma.name} is used in its own proof")
    proof = check(lemma, within)
    if not proof.complete:
        raise NotProved(f"the lemma {lemma.name} is not proved: {proof.refusal or 'its proof has prose or no steps'}")
    source = lemma.conclusion if step.by.step is None else lemma.step(step.by.step).claim
    if not same(step.claim, substitute(source, mapping)):
        raise Unrelated(f"{step.claim} is not what {lemma.name} gives, {substitute(source, mapping)}")
    reader = Reader(theorem.scope, facts)
    for symbol in _symbols(lemma):
        image = substitute(symbol, mapping)
        theorem.scope.admit(image)
        if _kind(symbol) != _kind(image):
            raise Unrelated(f"{symbol} and what replaces it, {image}, should both be scalars or both be vectors")
        reader.equal(image, image)  # refuses an image that need not be defined
    for name, meaning in lemma.definitions.items():
        here = theorem.definitions.get(substitute(name, mapping))
        if here is None or not same(here, substitute(meaning, mapping)):
            raise Unrelated(f"{substitute(name, mapping)} should be defined here as in {lemma.name}")
    for hypothesis in lemma.hypotheses:
        if not among(substitute(hypothesis, mapping), facts):
            raise Unrelated(f"{lemma.name} needs {substitute(hypothesis, mapping)}")
    return reader.identities


def _symbols(theorem: Theorem) -> Iterator[Any]:
    for symbol in theorem.symbols:
        if type(symbol) is IndexedBase:
            raise Unrelated(f"a lemma about the sequence {symbol} cannot be used at one stage")
        yield symbol


def _kind(node) -> str:
    assumptions: Mapping = getattr(node, "assumptions0", {})
    return "vector" if is_vector(node) else "integer" if assumptions == KINDS["integer"] else "real"
