"""Induction over the stages: the first ones by themselves, then one after the other (`linres.theorem.Induction`).

What is claimed at stage j is proved for T >= j. One implication carries the invariants from t to t + 1; from it and the
first stages they hold at every stage t <= T by `induction_over_stages` of the prelude.
"""

from dataclasses import dataclass
from typing import Any

from sympy import Indexed, Integer, Pow, preorder_traversal
from sympy.core.relational import GreaterThan

from linres.coq.context import Context, Fact, Script
from linres.coq.printing import NotExported, as_stage
from linres.coq.proof import Known, LemmaName, Stated, state_and_prove
from linres.language import same, substitute, tidy
from linres.theorem import Induction, Step


@dataclass
class Stages:
    """An induction that is being written."""

    step: Step
    by: Induction
    known: Known
    outer: Script
    lemma_name: LemmaName

    def __post_init__(self):
        known, printer = self.known, self.known.printer
        if not known.theorem.over or not self.by.first or not self.by.invariants:
            raise NotExported(f"step {self.step.name}: an induction has stages, invariants and one first stage or more")
        self.t, self.T = printer.name(known.t), printer.name(known.T)
        self.last = len(self.by.first) - 1
        self.at: list[dict[int, Fact]] = [{} for _ in self.by.invariants]  # for each invariant, stage -> its proof

    def fresh(self, name: str) -> str:
        return self.known.names.fresh(name)

    def write(self) -> None:
        """Assert all that the induction shows, and add it to what is known."""
        shown = self.first_stages()
        advanced = self.advance(shown)
        always = self.always(advanced)
        shown_first = [k for k in range(len(self.by.invariants)) if self.shown_at_all_first(k)]
        everywhere = [self.everywhere(k, always) for k in shown_first]
        at_stages = []
        for k, name in zip(shown_first, everywhere, strict=True):
            at_stages.append(self.at_every_stage(self.by.invariants[k], name))
            self.at_the_horizon(self.by.invariants[k], name)
        if self.last == 0:
            self.advanced_everywhere(advanced, at_stages)

    # the first stages

    def first_stages(self) -> list[Fact]:
        """Prove the steps of each first stage; returns what they show, given `below : (last <= T)%Z`."""
        shown: list[Fact] = []
        for stage, steps in enumerate(self.by.first):
            moved = [Fact(fact.relation, _sooner(fact.term, max(stage - 1, 0), stage)) for fact in shown]
            context = self.context_at(stage).knowing(moved)
            before = len(context.facts)
            given = f"({stage} <= {self.T})%Z -> " if stage else ""
            context = state_and_prove(
                steps, context, self.outer, self.lemma_name, given=given, intros="intros below." if stage else ""
            )
            new = context.facts[before:]
            if any(self.known.t in fact.relation.free_symbols for fact in new):
                raise NotExported(f"step {self.step.name}: a first stage claims something about {self.t}")
            shown = [*moved, *new]
            self.note_invariants(stage, [*context.facts])  # an invariant may be a hypothesis there
        return shown

    def context_at(self, stage: int) -> Context:
        known = self.known
        numbers = [(0, "at_start"), *((j, f"(at_number {j} {stage} eq_refl below)") for j in range(1, stage))]
        return known.with_stages(known.plain(known.context()), numbers)

    def note_invariants(self, stage: int, facts: list[Fact]) -> None:
        for k, invariant in enumerate(self.by.invariants):
            wanted = substitute(invariant, {self.known.t: Integer(stage)})
            for fact in facts:
                if same(fact.relation, wanted):
                    self.at[k][stage] = fact

    def shown_at_all_first(self, k: int) -> bool:
        return all(stage in self.at[k] for stage in range(self.last + 1))

    # from one stage to the next

    def advance(self, shown: list[Fact]) -> tuple[str, list[Any]]:
        """Prove that the invariants at t >= last give the claims of `advance`; returns its name and the claims."""
        known, printer, outer = self.known, self.known.printer, self.outer
        name = self.fresh(f"advance_{self.step.name}")
        claims = [step.claim for step in self.by.advance] if self.last == 0 else self.next_invariants()
        assumed = [(each, self.fresh(f"invariant_{k}")) for k, each in enumerate(self.by.invariants, 1)]
        premises = "".join(f"({printer.fact(each)}) -> " for each in self.by.invariants)
        goals = " /\\ ".join(f"({printer.fact(claim)})" for claim in claims)
        outer.say(f"assert ({name} : forall {self.t} : Z, ({self.last} <= {self.t})%Z -> "
                  f"at_stage {self.T} {self.t} -> {premises}{goals}).")
        with outer.block():
            from_here = self.fresh("from_here")
            outer.say(f"intros {self.t} {from_here} {known.at_t} {' '.join(each for _, each in assumed)}.")
            if self.last:
                outer.say(f"pose proof (horizon_beyond {self.last} eq_refl {from_here} {known.at_t}) as below.")
            context = self.context_of_advance(shown, from_here).knowing([Fact(each, term) for each, term in assumed])
            before = len(context.facts)
            context = state_and_prove(self.by.advance, context, outer, self.lemma_name)
            self.conclude(claims, context.facts[before:])
        return name, claims

    def context_of_advance(self, shown: list[Fact], from_here: str) -> Context:
        known = self.known
        numbers = [(0, "at_start"), *((j, f"(at_number {j} {self.last} eq_refl below)") for j in range(1, self.last))]
        here = known.with_stages(known.context(), numbers)
        later = GreaterThan(known.t, Integer(self.last), evaluate=False)
        return here.knowing([*shown, Fact(later, f"(Z.le_ge _ _ {from_here})")])

    def next_invariants(self) -> list[Any]:
        return [substitute(each, {self.known.t: self.known.t + 1}) for each in self.by.invariants]

    def conclude(self, claims: list[Any], facts: tuple[Fact, ...]) -> None:
        """Close the goal, the conjunction of the claims, by the facts that claim them."""
        self.all_of([next((fact.term for fact in facts if same(fact.relation, claim)), None) for claim in claims])

    def all_of(self, terms: list[str | None]) -> None:
        """Close the goal, a conjunction, by a proof of each; of what nobody showed Coq will find none."""
        shown = [term for term in terms if term is not None]
        complete = len(shown) == len(terms)
        self.outer.say(f"exact {_conjunction(shown)}." if complete else "repeat split; assumption.")

    # every stage

    def always(self, advanced: tuple[str, list[Any]]) -> str:
        """Prove all invariants at every stage from the last of the first ones on."""
        printer, outer = self.known.printer, self.outer
        name, invariants = self.fresh(f"always_{self.step.name}"), self.by.invariants
        each = " /\\ ".join(f"({printer.fact(invariant)})" for invariant in invariants)
        outer.say(f"assert ({name} : forall {self.t} : Z, ({self.last} <= {self.t} <= {self.T})%Z -> {each}).")
        with outer.block():
            outer.say(f"apply (induction_over_stages (fun {self.t} : Z => {each})).")
            with outer.block():
                outer.say("intros below.")
                self.all_of([at[self.last].term if self.last in at else None for at in self.at])
            with outer.block():
                self.next_stage(*advanced)
        return name

    def next_stage(self, advance: str, claims: list[Any]) -> None:
        outer, at_t = self.outer, self.known.at_t
        count = len(self.by.invariants)
        invariants = [f"now_{k}" for k in range(count)]
        later = [f"later_{k}" for k in range(len(claims))]
        outer.say(f"intros {self.t} from_here below_end {_pattern(invariants)}.")
        outer.say(f"assert ({at_t} : at_stage {self.T} {self.t}) by "
                  f"exact (at_below (Z.le_trans 0 {self.last} _ ltac:(discriminate) from_here) below_end).")
        outer.say(f"pose proof ({' '.join([advance, self.t, 'from_here', at_t, *invariants])}) as {_pattern(later)}.")
        for wrong, right in self.shifts():
            outer.say(f"replace ({wrong})%Z with ({right})%Z by ring.")
        self.all_of([
            next((later[k] for k, claim in enumerate(claims) if same(claim, wanted)), None)
            for wanted in self.next_invariants()
        ])

    def shifts(self) -> list[tuple[str, str]]:
        """How indices about t read at t + 1 before and after they are added up: t + 1 - 1 and t."""
        offsets = dict[int, None]()
        for invariant in self.by.invariants:
            for node in preorder_traversal(invariant):
                index = node.args[1] if type(node) is Indexed else node.exp if type(node) is Pow else node
                stages = as_stage(index)
                if stages is not None and same(stages[0], self.known.t) and stages[1] != 0:
                    offsets[stages[1]] = None
        printer, t = self.known.printer, self.known.t
        with_sign = {k: f"{self.t} + 1 {'+' if k > 0 else '-'} {abs(k)}" for k in offsets}
        return [(text, printer.integer(tidy(t + 1 + k))) for k, text in with_sign.items()]

    def everywhere(self, k: int, always: str) -> str:
        """Prove an invariant at every stage t with 0 <= t <= T; returns the name of the proof."""
        printer, outer, invariant = self.known.printer, self.outer, self.by.invariants[k]
        name, names = self.fresh(f"holds_{k + 1}"), [f"now_{j}" for j in range(len(self.by.invariants))]
        outer.say(f"assert ({name} : forall {self.t} : Z, (0 <= {self.t} <= {self.T})%Z -> "
                  f"{printer.fact(invariant)}).")
        with outer.block():
            outer.say(f"intros {self.t} within.")
            for stage in range(self.last):
                outer.say(f"destruct (Z.eq_dec {self.t} {stage}) as [-> | other_{stage}].")
                outer.say(f"{{ pose proof (proj2 within) as below. exact {self.at[k][stage].term}. }}")
            outer.say(f"pose proof ({always} {self.t} ltac:(lia)) as {_pattern(names)}.")
            outer.say(f"exact {names[k]}.")
        return name

    def at_every_stage(self, invariant: Any, everywhere: str) -> str:
        """The invariant where hypotheses hold: at stage 0 and at t < T."""
        outer, known, name = self.outer, self.known, self.fresh(f"{everywhere}_at_stage")
        within = f"(at_within {self.natural()} {known.at_t})"
        outer.say(f"assert ({name} : forall {self.t} : Z, at_stage {self.T} {self.t} -> "
                  f"{known.printer.fact(invariant)}) by exact (fun {self.t} {known.at_t} => "
                  f"{everywhere} {self.t} {within}).")
        known.facts.append(Stated(invariant, name, True))
        return name

    def at_the_horizon(self, invariant: Any, everywhere: str) -> None:
        at_horizon, name = substitute(invariant, {self.known.t: self.known.T}), self.fresh(f"{everywhere}_at_horizon")
        within = f"(conj {self.natural()} (Z.le_refl {self.T}))"
        self.outer.say(f"assert ({name} : {self.known.printer.fact(at_horizon)}) "
                       f"by exact ({everywhere} {self.T} {within}).")
        self.known.facts.append(Stated(at_horizon, name, False))

    def natural(self) -> str:
        """The name of the proof that the horizon is a number of stages."""
        return self.outer.natural_by(self.known.T, self.known.horizon().get(self.known.T))

    def advanced_everywhere(self, advanced: tuple[str, list[Any]], invariants: list[str]) -> None:
        """With one first stage all that `advance` claims holds at every stage."""
        (advance, claims), known, outer = advanced, self.known, self.outer
        names = [f"later_{k}" for k in range(len(claims))]
        holds = " ".join(f"({proof} {self.t} {known.at_t})" for proof in invariants)
        for k, step in enumerate(self.by.advance):
            name, claim = self.fresh(f"each_{step.name}"), known.printer.fact(step.claim)
            outer.say(f"assert ({name} : forall {self.t} : Z, at_stage {self.T} {self.t} -> {claim}).")
            with outer.block():
                outer.say(f"intros {self.t} {known.at_t}.")
                outer.say(f"pose proof ({advance} {self.t} (at_stage_nonneg {known.at_t}) {known.at_t} {holds}) as "
                          f"{_pattern(names)}.")
                outer.say(f"exact {names[k]}.")
            if known.t not in step.claim.free_symbols:
                outer.say(f"specialize ({name} 0%Z at_start).")
            known.facts.append(Stated(step.claim, name, known.t in step.claim.free_symbols))


def prove_induction(step: Step, by: Induction, known: Known, outer: Script, lemma_name: LemmaName) -> None:
    """An induction at the level of the theorem: all that it shows, and then the claim of the step."""
    Stages(step, by, known, outer, lemma_name).write()
    printer, name = known.printer, known.names.fresh(f"step_{step.name}")
    stated = next((each for each in known.facts if same(each.what, step.claim)), None)
    staged = bool(stated and stated.staged)
    prefix = f"forall {printer.name(known.t)} : Z, at_stage {printer.name(known.T)} {printer.name(known.t)} -> "
    tactic = f"exact {stated.name}" if stated else "assumption"
    outer.say(f"assert ({name} : {prefix if staged else ''}{printer.fact(step.claim)}) by {tactic}.")
    known.facts.append(Stated(step.claim, name, staged))


def _sooner(term: str, earlier: int, later: int) -> str:
    """A proof for T >= earlier, of a term that uses `below`, for T >= later."""
    if "below" not in term or earlier == later:
        return term
    return term.replace("below", f"(sooner {earlier} {later} eq_refl below)")


def _conjunction(terms: list[str]) -> str:
    return terms[0] if len(terms) == 1 else f"(conj {terms[0]} {_conjunction(terms[1:])})"


def _pattern(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"({' & '.join(names)})"
