"""Mutants of a proof: one step claims more, or gives another reason.

The statement stays as it is, except where the last step claims more: then the theorem claims the same, so that the
refusal has to come from the step. `changed_claim` is what a mutant claims that the proof did not, if anything.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from sympy import Equality, Mul, Rational

from linres import rules
from linres.certificate import Term
from linres.language import AT_LEAST, AT_MOST, is_vector, same
from linres.mutants.mutant import Mutant, slug
from linres.mutants.places import rebuilt
from linres.theorem import Certificate, Induction, Lemma, Rule, Step, Theorem

LESS, MORE = Rational(20, 21), Rational(21, 20)


@dataclass(frozen=True)
class Changed:
    """A step of the proof and what it becomes."""

    edit: str
    step: Step
    new: Step

    @property
    def claim(self) -> Any:
        """What is claimed now and was not; None if the claim is the same."""
        return None if same(self.step.claim, self.new.claim) else self.new.claim


def mutants(theorem: Theorem) -> Iterator[Mutant]:
    """Every mutant of the proof."""
    for changed in changes(theorem):
        name = named(changed)
        what = f"step {changed.step.name}: {changed.edit.replace('-', ' ')}"
        yield Mutant(name, "proof", what, "wrong", "another reason" if changed.claim is None else "a stronger claim",
                     name, changed.step.name, make=_maker(theorem, changed))


def named(changed: Changed) -> str:
    """The name of the mutant."""
    return f"proof/{slug(changed.step.name)}/{slug(changed.edit)}"


def _maker(theorem: Theorem, changed: Changed):
    return lambda: with_step(theorem, changed)


def with_step(theorem: Theorem, changed: Changed) -> Theorem:
    """The theorem with the step changed; it claims what its last step claims."""
    proof = tuple(_replaced(step, changed) for step in theorem.proof)
    last = theorem.proof[-1] is changed.step
    return replace(theorem, proof=proof, conclusion=changed.new.claim if last else theorem.conclusion, controls=())


def _replaced(step: Step, changed: Changed) -> Step:
    if step is changed.step:
        return changed.new
    if not isinstance(step.by, Induction):
        return step
    first = tuple(tuple(_replaced(inner, changed) for inner in stage) for stage in step.by.first)
    advance = tuple(_replaced(inner, changed) for inner in step.by.advance)
    return replace(step, by=Induction(step.by.invariants, first, advance))


def changes(theorem: Theorem) -> Iterator[Changed]:
    """Every change of every step, those within inductions included, in the order they are checked."""
    facts = [*theorem.hypotheses, *(step.claim for step in theorem.steps())]
    for step in theorem.steps():
        for edit, claim in _stronger(step.claim):
            if not isinstance(step.by, Induction):
                yield Changed(edit, step, replace(step, claim=claim))
        for edit, by in _reasons(step, facts):
            yield Changed(edit, step, replace(step, by=by))


def _stronger(claim: Any) -> Iterator[tuple[str, Any]]:
    """The claim with its larger side less, and its smaller side more, by 5 percent of either; an equation scaled."""
    if any(map(is_vector, claim.args)):
        yield "one-side-5-percent-larger", rebuilt(claim, [Mul(MORE, claim.args[0], evaluate=False), claim.args[1]])
    elif type(claim) in AT_MOST | AT_LEAST | {Equality}:
        sides = ("lhs", "rhs")
        for side, factor in zip((0, 1), (MORE, LESS) if type(claim) not in AT_LEAST else (LESS, MORE), strict=True):
            scaled = list(claim.args)
            scaled[side] = Mul(factor, scaled[side], evaluate=False)
            if claim.args[side] != 0:
                yield f"{sides[side]}-times-{factor}", rebuilt(claim, scaled)


def _reasons(step: Step, facts: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    by = step.by
    if isinstance(by, Certificate):
        yield from _certificates(by)
    elif isinstance(by, Rule):
        yield from _rules(by, facts)
    elif isinstance(by, Lemma):
        yield from _lemmas(by)
    elif isinstance(by, Induction):
        yield from _inductions(by)


def _certificates(by: Certificate) -> Iterator[tuple[str, Certificate]]:
    for position, term in enumerate(by.terms):
        others = by.terms[:position], by.terms[position + 1 :]
        yield f"without-term-{position + 1}", Certificate(*others[0], *others[1])
        heavier = Term(Mul(MORE, term.weight, evaluate=False), *term.facts, square=term.square, norm=term.norm)
        yield f"weight-{position + 1}-5-percent-larger", Certificate(*others[0], heavier, *others[1])
        if term.facts:
            fewer = Term(term.weight, *term.facts[1:], square=term.square, norm=term.norm)
            yield f"term-{position + 1}-without-its-fact", Certificate(*others[0], fewer, *others[1])


def _rules(by: Rule, facts: Sequence[Any]) -> Iterator[tuple[str, Rule]]:
    for name in rules.RULES:
        if name != by.name:
            yield f"rule-{name}", Rule(name, *by.premises)
    if by.premises:
        yield "without-premises", Rule(by.name)
        other = next((fact for fact in facts if not any(same(fact, premise) for premise in by.premises)), None)
        if other is not None:
            yield "another-premise", Rule(by.name, other, *by.premises[1:])


def _lemmas(by: Lemma) -> Iterator[tuple[str, Lemma]]:
    """Two images of the mapping exchanged, one symbol left as it is, another step or the conclusion given."""
    keys = list(by.mapping)
    for a, b in pairwise(keys):
        if is_vector(a) == is_vector(b) and not same(by.mapping[a], by.mapping[b]):
            exchanged = {**by.mapping, a: by.mapping[b], b: by.mapping[a]}
            yield f"images-of-{a}-and-{b}-exchanged", Lemma(by.theorem, exchanged, by.step)
    if keys:
        yield f"{keys[0]}-not-replaced", Lemma(by.theorem, {k: by.mapping[k] for k in keys[1:]}, by.step)
    names = [None, *(step.name for step in by.theorem.proof[:-1])]
    other = next((name for name in names if name != by.step), None)
    if len(names) > 1:
        yield f"gives-{other or 'the-conclusion'}", Lemma(by.theorem, by.mapping, other)


def _inductions(by: Induction) -> Iterator[tuple[str, Induction]]:
    """A first stage left out, an invariant that no advance carries on."""
    if len(by.first) > 1:
        yield "without-the-last-first-stage", Induction(by.invariants, by.first[:-1], by.advance)
    if any(by.first[:1]):  # without steps where the hypotheses say it all
        yield "without-stage-0", Induction(by.invariants, by.first[1:] or ((),), by.advance)
    yield "without-the-last-step-of-the-advance", Induction(by.invariants, by.first, by.advance[:-1])
