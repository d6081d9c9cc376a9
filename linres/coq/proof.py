"""The proof of a theorem as a Coq script: an assertion for each step, in the order and under the names of the steps."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sympy import Integer

from linres.coq.certificates import prove_certificate
from linres.coq.context import Context, Definition, Fact, Script
from linres.coq.names import Names, comment
from linres.coq.printing import NotExported, Printer
from linres.coq.rules import prove_lemma, prove_rule, prove_unrolled
from linres.errors import kind_of
from linres.language import GeometricSum, at_least_zero, same, substitute
from linres.theorem import Certificate, Lemma, Prose, Rule, Step, Theorem

LemmaName = Callable[[Lemma], tuple[str, list[Any]]]


@dataclass(frozen=True)
class Stated:
    """A fact or (name, meaning) and its Coq name. staged: whether it says so for every stage t."""

    what: Any
    name: str
    staged: bool


@dataclass
class Known:
    """What is known at the level of the theorem, and the contexts this makes at a stage."""

    theorem: Theorem
    printer: Printer
    names: Names
    at_t: str
    facts: list[Stated]
    definitions: list[Stated]

    @property
    def t(self) -> Any:
        return self.theorem.over[0]

    @property
    def T(self) -> Any:
        return self.theorem.over[1]

    def horizon(self) -> dict[Any, str]:
        """For each number n of stages with the hypothesis n >= 0, the proof of 0 <= n."""
        found = {}
        for fact in self.facts:
            for symbol in fact.what.free_symbols:
                if same(fact.what, at_least_zero(symbol)) and not fact.staged:
                    found[symbol] = f"(Z.ge_le _ _ {fact.name})"
        return found

    def context(self) -> Context:
        """What is known at the stage t, where there is one."""
        stage = f" {self.printer.name(self.t)} {self.at_t}" if self.theorem.over else ""

        def term(each: Stated) -> str:
            return f"({each.name}{stage})" if each.staged else each.name

        naturals = self.horizon()
        if self.theorem.over:
            naturals[self.t] = f"(at_stage_nonneg {self.at_t})"
        facts = tuple(Fact(each.what, term(each)) for each in self.facts)
        definitions = {each.what[0]: Definition(each.what[1], term(each)) for each in self.definitions}
        return Context(self.printer, self.names, facts, definitions, naturals)

    def plain(self, context: Context) -> Context:
        """The context without what speaks of the stage t."""
        facts = tuple(fact for fact in context.facts if self.t not in fact.relation.free_symbols)
        definitions = {
            name: each for name, each in context.definitions.items()
            if self.t not in name.free_symbols | each.meaning.free_symbols
        }
        naturals = {symbol: term for symbol, term in context.naturals.items() if symbol != self.t}
        return replace(context, facts=facts, definitions=definitions, naturals=naturals)

    def with_stages(self, context: Context, stages: Iterable[tuple[int, str]]) -> Context:
        """The context and what is known at some stages, numbers, each with the proof that the hypotheses hold there."""
        facts, definitions = list(context.facts), dict(context.definitions)
        for stage, proof in stages:
            at, arguments = {self.t: Integer(stage)}, f"{stage}%Z {proof}"
            facts += [
                Fact(substitute(each.what, at), f"({each.name} {arguments})") for each in self.facts if each.staged
            ]
            definitions |= {
                substitute(each.what[0], at): Definition(substitute(each.what[1], at), f"({each.name} {arguments})")
                for each in self.definitions if each.staged
            }
        return replace(context, facts=tuple(facts), definitions=definitions)


def prove_step(step: Step, script: Script, lemma_name: LemmaName) -> None:
    """Prove the claim of a step, the goal, from the context of the script."""
    by = step.by
    if isinstance(by, Certificate):
        prove_certificate(step.claim, by.terms, script)
    elif isinstance(by, Rule):
        prove_rule(step.claim, by, script)
    elif isinstance(by, Lemma):
        prove_lemma(step.claim, by, *lemma_name(by), script)
    elif isinstance(by, Prose):
        raise NotExported("it is prose, which no machine checks")
    else:
        raise NotExported(f"its reason is {kind_of(by)}, exported at the level of the theorem only")


def state_and_prove(
    steps: Iterable[Step], context: Context, outer: Script, lemma_name: LemmaName, *, intros: str = "", given: str = "",
) -> Context:
    """Assert the claim of each step in turn; returns the context with them.

    given: hypotheses before each claim, introduced by the tactic `intros`; the facts then lean on what it names.
    """
    for step in steps:
        name = context.names.fresh(f"step_{step.name}")
        say_note(step, outer)
        outer.say(f"assert ({name} : {given}{stated(step, context.printer)}).")
        with outer.block():
            if intros:
                outer.say(intros)
            run(step, context, outer, lemma_name)
        term = f"({name} below)" if given else name
        context = context.knowing([Fact(step.claim, term)])
    return context


def run(step: Step, context: Context, outer: Script, lemma_name: LemmaName) -> None:
    """Prove a step in a script of its own, added to the outer one."""
    script = Script(context, outer.depth)
    with naming(step):
        prove_step(step, script, lemma_name)
    outer.lines += script.lines


@contextmanager
def naming(step: Step) -> Iterator[None]:
    """Has an error name the step."""
    try:
        yield
    except NotExported as problem:
        raise NotExported(f"step {step.name}: {problem}") from problem


def stated(step: Step, printer: Printer) -> str:
    """The text of what a step claims."""
    with naming(step):
        return printer.fact(step.claim)


def say_note(step: Step, outer: Script) -> None:
    if step.note:
        outer.say(comment(step.note))


def top_step(step: Step, known: Known, outer: Script, lemma_name: LemmaName) -> None:
    """A step at the level of the theorem that is no induction over first stages and an advance."""
    printer, name = known.printer, known.names.fresh(f"step_{step.name}")
    claim = stated(step, printer)
    say_note(step, outer)
    if isinstance(step.by, Rule) and step.by.name == "induction":
        outer.say(f"assert ({name} : {claim}).")
        with outer.block():
            _unrolled(step, step.by, known, outer)
        known.facts.append(Stated(step.claim, name, False))
        return
    over = known.theorem.over
    stage = printer.name(known.t) if over else ""
    prefix = f"forall {stage} : Z, at_stage {printer.name(known.T)} {stage} -> " if over else ""
    outer.say(f"assert ({name} : {prefix}{claim}).")
    with outer.block():
        if over:
            outer.say(f"intros {stage} {known.at_t}.")
        run(step, known.context(), outer, lemma_name)
    staged = bool(over) and known.t in step.claim.free_symbols
    if over and not staged:
        outer.say(f"specialize ({name} 0%Z at_start).")
    known.facts.append(Stated(step.claim, name, staged))


def _unrolled(step: Step, by: Rule, known: Known, outer: Script) -> None:
    shaped = known.theorem.over and type(step.claim.rhs) is GeometricSum and len(by.premises) == 1
    if not shaped:
        raise NotExported(f"step {step.name}: the rule induction takes a fact about a(t + 1) to a(T) <= GeometricSum")
    at_start = known.with_stages(known.plain(known.context()), [(0, "at_start")])
    script = Script(at_start, outer.depth)
    prove_unrolled(step.claim, by.premises[0], known.context(), known.at_t, script)
    outer.lines += script.lines
