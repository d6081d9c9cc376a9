"""Rung 1: the proof, step by step, by the trusted core and then by the second checker."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sympy import IndexedBase

from linres import certificate, rules
from linres.certificate import Reader
from linres.language import KINDS, Refused, Scope, among, is_vector, same, substitute
from linres.rungs import second
from linres.theorem import Certificate, Lemma, Prose, Rule, Step, Theorem


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
        """Whether the theorem is proved: there are steps, each is machine-checked, the last is the conclusion."""
        return self.steps > 0 and self.checked == self.steps and self.refusal is None

    def counts(self) -> dict[str, int]:
        return {"steps": self.steps, "checked": self.checked, "prose": self.prose}


def check(theorem: Theorem, within: tuple[str, ...] = ()) -> Proof:
    """Check every step of the theorem's proof; stops at the first that is refused."""
    proof, where = Proof(len(theorem.proof)), "the theorem"
    try:
        _require_plain(theorem)
        scope, facts = theorem.scope, list(theorem.hypotheses)
        for position, step in enumerate(theorem.proof):
            where = f"step {position + 1}"
            if type(step) is not Step:
                raise Unrelated(f"a proof is made of Step, got {type(step).__name__}")
            where += f" ({step.name})"
            identities = check_step(step, scope, facts, (*within, theorem.name))
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


def _require_plain(theorem: Theorem) -> None:
    """A subclass could show one theorem to the reader and another to the checker, and so could its containers."""
    if type(theorem) is not Theorem or type(theorem.name) is not str:
        raise Unrelated(f"a theorem is a Theorem with a name, got a {type(theorem).__name__}")
    for part in (theorem.symbols, theorem.definitions, theorem.hypotheses, theorem.over, theorem.proof):
        if type(part) not in {tuple, list, dict}:
            raise Unrelated(f"a theorem is made of tuples and dicts, got a {type(part).__name__}")


def check_step(step: Step, scope: Scope, facts: list[Any], within: tuple[str, ...]) -> list[tuple] | None:
    """The identities the step rests on, each confirmed by the second checker; None for prose; else raise Refused."""
    scope.admit(step.claim)
    by = step.by
    if type(by) is Prose:
        return None
    if type(by) is Certificate:
        identities = certificate.check(step.claim, by.terms, scope=scope, facts=facts)
    elif type(by) is Rule:
        identities = rules.apply(by.name, step.claim, by.premises, scope=scope, facts=facts)
    elif type(by) is Lemma:
        identities = check_lemma(step.claim, by, scope, facts, within)
    else:
        raise Unrelated(f"a step's reason is a Certificate, Rule, Lemma or Prose, got {type(by).__name__}")
    for identity in identities:
        if not second.agrees(identity, scope.definitions):
            raise Disagreement(f"the second checker finds\n  {identity[0]}\ndifferent from\n  {identity[1]}")
    return identities


def check_lemma(claim: Any, by: Lemma, scope: Scope, facts: list[Any], within: tuple[str, ...]) -> list[tuple]:
    """Another theorem, proved, whose symbols are replaced: what it assumes must be known here, definitions included."""
    lemma, mapping = by.theorem, by.mapping
    if type(lemma) is not Theorem or lemma.over:
        raise Unrelated("a lemma is a Theorem about a single stage")
    if lemma.name in within:
        raise Circular(f"{lemma.name} is used in its own proof")
    proof = check(lemma, within)
    if not proof.complete:
        raise NotProved(f"the lemma {lemma.name} is not proved: {proof.refusal or 'its proof has prose or no steps'}")
    reader = Reader(scope, facts)
    _require_images(lemma, mapping, reader)
    gives = substitute(_given(lemma, by.step), mapping)
    if not same(claim, gives):
        raise Unrelated(f"{claim} is not what {lemma.name} gives, {gives}")
    for name, meaning in lemma.definitions.items():
        here = scope.definitions.get(substitute(name, mapping))
        if here is None or not same(here, substitute(meaning, mapping)):
            raise Unrelated(f"{substitute(name, mapping)} should be defined here as in {lemma.name}")
    for hypothesis in lemma.hypotheses:
        if not among(substitute(hypothesis, mapping), facts):
            raise Unrelated(f"{lemma.name} needs {substitute(hypothesis, mapping)}")
    return reader.identities


def _given(lemma: Theorem, step: str | None) -> Any:
    claims = {None: lemma.conclusion} | {each.name: each.claim for each in lemma.proof}
    if step not in claims:
        raise Unrelated(f"{lemma.name} has no step {step!r}")
    return claims[step]


def _require_images(lemma: Theorem, mapping: Mapping, reader: Reader) -> None:
    """Only symbols are replaced, each by something of its own kind that has a value here."""
    symbols = [*_symbols(lemma)]
    if type(mapping) is not dict or not all(among(key, symbols) for key in mapping):
        raise Unrelated(f"the mapping of a lemma is a dict that replaces symbols of {lemma.name}, and nothing else")
    for symbol in symbols:
        image = substitute(symbol, mapping)
        reader.scope.admit(image)
        if _kind(symbol) != _kind(image):
            raise Unrelated(f"{symbol} and what replaces it, {image}, should both be scalars or both be vectors")
        reader.equal(image, image)  # refuses an image that need not be defined


def _symbols(theorem: Theorem) -> Iterator[Any]:
    for symbol in theorem.symbols:
        if type(symbol) is IndexedBase:
            raise Unrelated(f"a lemma about the sequence {symbol} cannot be used at one stage")
        yield symbol


def _kind(node) -> str:
    assumptions: Mapping = getattr(node, "assumptions0", {})
    return "vector" if is_vector(node) else "integer" if assumptions == KINDS["integer"] else "real"
