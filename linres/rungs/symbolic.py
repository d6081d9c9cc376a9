"""Rung 1: the proof, step by step, by the trusted core and then by the second checker."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import NoneType
from typing import Any, NamedTuple

from sympy import Add, IndexedBase, Integer, Symbol, preorder_traversal
from sympy.core.relational import GreaterThan

from linres import certificate, rules
from linres.certificate import NotListed, Reader
from linres.language import (
    RELATIONS,
    GeometricSum,
    Refused,
    Scope,
    among,
    at_least_zero,
    is_integer,
    is_vector,
    same,
    substitute,
)
from linres.rungs import second
from linres.theorem import Certificate, Induction, Lemma, Prose, Rule, Step, Theorem

SAME_TREE = "Write it as substitute(invariant, {t: stage}): trees that only look alike are not the same."
Watch = Callable[[Step, Scope, tuple], None]

# What reasons are made of: anything else could say one thing and do another, or run code while a proof is checked.
PARTS: dict[type, dict[str, set[type]]] = {
    Certificate: {"terms": {tuple}}, Rule: {"name": {str}, "premises": {tuple}}, Lemma: {"step": {str, NoneType}},
    Induction: {"invariants": {tuple}, "first": {tuple}}, Prose: {},
}


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
    """What the trusted core says of a proof: `refusal` is the first step refused, None if none is.

    identities: for each machine-checked step by name, how many the second checker confirmed.
    """

    steps: int
    checked: int = 0
    prose: int = 0
    identities: dict[str, int] = field(default_factory=dict)
    refusal: str | None = None
    refused_by: type | None = field(default=None, repr=False)

    @property
    def complete(self) -> bool:
        """Whether the theorem is proved: there are steps, each is machine-checked, the last is the conclusion."""
        return self.steps > 0 and self.checked == self.steps and self.refusal is None

    def counts(self) -> dict[str, int]:
        return {"steps": self.steps, "checked": self.checked, "prose": self.prose}


@dataclass(frozen=True)
class Lemmas:
    """The lemmas of one check. within: the names of the theorems whose proofs it is in the middle of.

    A lemma is proved once, however often it is used: `proved` holds the theorems themselves, for as long as the check
    runs. No code but ours runs meanwhile (see `PARTS`), so they stay what they were.
    """

    within: tuple[str, ...] = ()
    proved: list[Theorem] = field(default_factory=list)

    def require_proved(self, lemma: Any) -> None:
        if type(lemma) is not Theorem or lemma.over:
            raise Unrelated("a lemma is a Theorem about a single stage")
        if lemma.name in self.within:
            raise Circular(f"{lemma.name} is used in its own proof")
        if any(lemma is known for known in self.proved):
            return
        if any(type(node) is GeometricSum for part in _parts(lemma) for node in preorder_traversal(part)):
            raise Unrelated(f"{lemma.name} has a sum over stages, and a lemma is about a single one")
        proof = check(lemma, self)
        if not proof.complete:
            why = proof.refusal or "its proof has prose or no steps"
            raise NotProved(f"the lemma {lemma.name} is not proved: {why}")
        self.proved.append(lemma)


def check(theorem: Theorem, lemmas: Lemmas | None = None, watch: Watch = lambda *_: None) -> Proof:
    """Check every step of the theorem's proof; stops at the first that is refused.

    watch(step, scope, facts) is called before each step with what it may lean on. lemmas: those of the check that this
    one is a part of.
    """
    check_all = _Check(theorem, lemmas or Lemmas(), watch)
    try:
        check_all.run()
    except Refused as refusal:
        check_all.proof.refusal = f"{check_all.where}: {refusal}"
        check_all.proof.refused_by = type(refusal)
    except RecursionError as error:
        check_all.proof.refusal = f"{check_all.where}: nested too deeply to be checked"
        check_all.proof.refused_by = type(error)
    return check_all.proof


class _Check:
    """A proof being checked."""

    def __init__(self, theorem: Theorem, lemmas: Lemmas, watch: Watch):
        self.theorem, self.watch = theorem, watch
        self.lemmas = replace(lemmas, within=(*lemmas.within, theorem.name))
        self.proof, self.where = Proof(len(theorem.proof)), "the theorem"

    def run(self) -> None:
        theorem = self.theorem
        _require_plain(theorem)
        self.proof.steps = _count(theorem.proof)
        self.steps(theorem.proof, theorem.scope, list(theorem.hypotheses))
        self.where = "the last step"
        if theorem.proof and not same(theorem.proof[-1].claim, theorem.conclusion):
            raise Unrelated(f"{theorem.proof[-1].claim} is not the conclusion {theorem.conclusion}")

    def steps(self, steps: tuple[Step, ...], scope: Scope, facts: list[Any], nested: bool = False) -> None:
        """Check the steps one after the other, adding what each shows to the facts."""
        for step in steps:
            if type(step.by) is Induction:
                facts += self.induction(step, step.by, scope, facts, nested)
            self.where = f"step {self.proof.checked + self.proof.prose + 1} ({step.name})"
            self.watch(step, scope, tuple(facts))
            identities = check_step(step, scope, facts, self.lemmas, nested)
            if identities is None:
                self.proof.prose += 1
            else:
                self.proof.checked += 1
                self.proof.identities[step.name] = len(identities)
            facts.append(step.claim)

    def induction(self, step: Step, by: Induction, scope: Scope, facts: list[Any], nested: bool) -> list[Any]:
        """Check the first stages and the advance; returns what then holds at every stage, and at the horizon.

        The hypotheses, and so the facts that mention t, hold at stage 0 and at every stage t < T. What is claimed at
        stage j, by `first` or by the invariants, is claimed for T >= j only: they then hold at the stages below j.
        """
        self.where = f"step {self.proof.checked + self.proof.prose + 1} (within {step.name})"
        t, T = _require_induction(by, scope, facts, nested)
        invariants, last = by.invariants, len(by.first) - 1
        known: list[Any] = []
        everywhere = invariants
        for stage, steps in enumerate(by.first):
            here = _at_stages(scope, facts, range(max(stage, 1)))
            facts_here = [*(fact for fact in here.facts if t not in fact.free_symbols), *known]
            self.steps(steps, here.scope, facts_here, nested=True)
            known = [fact for fact in facts_here if t not in fact.free_symbols]
            shown = [each for each in invariants if among(substitute(each, {t: Integer(stage)}), known)]
            everywhere = tuple(each for each in everywhere if among(each, shown))
        self.where = f"the invariants of {step.name}"
        if len(shown) < len(invariants):
            missing = next(each for each in invariants if not among(each, shown))
            wanted = substitute(missing, {t: Integer(last)})
            raise Unrelated(f"{missing} is not shown at stage {last}: no step claims {wanted}. {SAME_TREE}")
        here = _at_stages(scope, facts, range(max(last, 1)))
        from_here = GreaterThan(t, Integer(last), evaluate=False)
        facts_here = [*here.facts, *known, from_here, *invariants]
        assumed = len(facts_here)
        self.steps(by.advance, here.scope, facts_here, nested=True)
        self.where = f"the invariants of {step.name}"
        for each in invariants:
            if not among(substitute(each, {t: Add(t, Integer(1))}), facts_here[assumed:]):
                wanted = substitute(each, {t: Add(t, Integer(1))})
                raise Unrelated(f"{each} is not carried to the next stage: no step claims {wanted}. {SAME_TREE}")
        advanced = facts_here[assumed:] if last == 0 else []
        return [*everywhere, *(substitute(each, {t: T}) for each in everywhere), *advanced]


class _Facts(NamedTuple):
    scope: Scope
    facts: list[Any]


def _at_stages(scope: Scope, facts: list[Any], stages: range) -> _Facts:
    """The scope and the facts, and beside them both at each of the stages, numbers, in place of t."""
    (t, _), definitions = scope.over, dict(scope.definitions)
    known = [*facts]
    for stage in stages:
        at = {t: Integer(stage)}
        definitions |= {substitute(name, at): substitute(means, at) for name, means in scope.definitions.items()}
        known += [substitute(fact, at) for fact in facts if t in fact.free_symbols]
    return _Facts(Scope(scope.symbols, definitions, scope.over), known)


def _require_induction(by: Induction, scope: Scope, facts: list[Any], nested: bool) -> tuple[Symbol, Symbol]:
    """The stage and the horizon; Refused unless this is an induction over them, and not inside another one."""
    if nested or not scope.over:
        raise Unrelated("an induction is over the stages of a theorem that has them, and not inside another one")
    t, T = scope.over
    if not among(at_least_zero(T), facts):
        raise NotListed(f"an induction needs the hypothesis {at_least_zero(T)}")
    if not by.first or not by.invariants:
        raise Unrelated("an induction has invariants and the steps of at least one first stage")
    for invariant in by.invariants:
        scope.admit(invariant)
        if type(invariant) not in RELATIONS or T in invariant.free_symbols:
            raise Unrelated(f"an invariant is a relation that does not mention {T}, got {invariant}")
    return t, T


def _require_plain(theorem: Theorem) -> None:
    """A subclass could show one theorem to the reader and another to the checker, and so could its containers."""
    if type(theorem) is not Theorem or type(theorem.name) is not str:
        raise Unrelated(f"a theorem is a Theorem with a name, got {type(theorem).__name__}")
    for part in (theorem.symbols, theorem.definitions, theorem.hypotheses, theorem.over):
        if type(part) not in {tuple, list, dict}:
            raise Unrelated(f"a theorem is made of tuples and dicts, got {type(part).__name__}")


def _count(steps: Any) -> int:
    """How many steps these are, those within inductions included; Refused unless they are what they look like."""
    if type(steps) not in {tuple, list}:
        raise Unrelated(f"a proof is made of tuples and dicts, got {type(steps).__name__}")
    for step in steps:
        if type(step) is not Step or type(step.name) is not str:
            raise Unrelated(f"a proof is made of Step with a name, got {type(step).__name__}")
        _require_reason(step.by)
    inductions = [step.by for step in steps if type(step.by) is Induction]
    return len(steps) + sum(_count(inner) for by in inductions for inner in (*by.first, by.advance))


def _require_reason(by: Any) -> None:
    kind = type(by)
    if kind not in PARTS:
        raise Unrelated(f"a step's reason is a Certificate, Rule, Lemma, Induction or Prose, got {kind.__name__}")
    for part, kinds in PARTS[kind].items():
        if type(getattr(by, part)) not in kinds:
            raise Unrelated(f"{kind.__name__}: its {part} cannot be of type {type(getattr(by, part)).__name__}")


def check_step(
    step: Step, scope: Scope, facts: Sequence[Any], lemmas: Lemmas | None = None, nested: bool = False
) -> list[tuple] | None:
    """The identities the step rests on, each confirmed by the second checker; None for prose; else raise Refused.

    Of an induction, whose parts are checked elsewhere, only that the claim is among what it gives. nested: whether the
    facts hold at some stages only, those of an induction, so that no rule may take them to hold at all.
    """
    scope.admit(step.claim)
    by = step.by
    if type(by) is Prose:
        return None
    if type(by) is Certificate:
        identities = certificate.check(step.claim, by.terms, scope=scope, facts=facts)
    elif type(by) is Rule:
        if nested and by.name in rules.OVER_STAGES:
            raise Unrelated(f"the rule {by.name} needs a fact of every stage: use it outside the induction")
        identities = rules.apply(by.name, step.claim, by.premises, scope=scope, facts=facts)
    elif type(by) is Lemma:
        identities = check_lemma(step.claim, by, scope, facts, lemmas or Lemmas())
    else:  # an induction
        identities = []
        if not among(step.claim, facts):
            raise Unrelated(f"{step.claim} is not among what the induction shows at every stage or at the horizon")
    for identity in identities:
        if not second.agrees(identity, scope.definitions):
            raise Disagreement(f"the second checker finds\n  {identity[0]}\ndifferent from\n  {identity[1]}")
    return identities


def check_lemma(claim: Any, by: Lemma, scope: Scope, facts: Sequence[Any], lemmas: Lemmas) -> list[tuple]:
    """Another theorem, proved, whose symbols are replaced: what it assumes must be known here, definitions included."""
    lemma, mapping = by.theorem, by.mapping
    lemmas.require_proved(lemma)
    reader = Reader(scope, facts)
    _require_images(lemma, mapping, reader)
    gives = substitute(_given(lemma, by.step), mapping)
    if not same(claim, gives):
        raise Unrelated(f"{claim} is not what {lemma.name} gives, {gives}")
    for name, meaning in lemma.definitions.items():
        image, meant = substitute(name, mapping), substitute(meaning, mapping)
        defined = scope.definitions.get(image)
        if not (defined is not None and same(defined, meant)) and not reader.equal(image, meant):
            raise Unrelated(f"{image} should be here what it is in {lemma.name}, {meant}")
    for hypothesis in lemma.hypotheses:
        if not among(substitute(hypothesis, mapping), facts):
            raise Unrelated(f"{lemma.name} needs {substitute(hypothesis, mapping)}")
    return reader.identities


def _parts(lemma: Theorem) -> Iterator[Any]:
    yield from (*lemma.hypotheses, lemma.conclusion, *lemma.definitions.values(), *(s.claim for s in lemma.proof))


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
    return "vector" if is_vector(node) else "integer" if is_integer(node) else "real"
