"""What becomes of mutants: the stronger ones have to be refuted, the weaker ones must not be, wrong proofs be refused.

A mutant that asks for less, a hypothesis weakened or dropped, is counted apart: either something breaks, and then the
hypothesis is shown to be necessary (as strong as it is), or it is reported as not shown necessary.

Each mutant of a statement is tried on the theorem's own instances, on the witnesses of its controls, on compiled
samples and on readings (`linres.mutants.readings`); exact or ball arithmetic decides. The same instances are measured
once and serve all mutants. A mutant that survives gets a reason that was computed: how near it came to failing, or of a
hypothesis dropped how many rows that violate it were decided. A mutant of a proof goes to the trusted core.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, groupby, islice
from typing import Any

import flint
import numpy as np
from sympy import Add, Integer, Mul

from linres.arithmetic import EXACT, Matrix
from linres.errors import refuse
from linres.evaluate import Enclosure, Float, Stack, decide
from linres.language import AT_LEAST, AT_MOST, Refused, Scope, gap, substitute
from linres.mutants import KINDS, Group, Kind, Mutant, mutants
from linres.mutants import proofs as proof_mutants
from linres.mutants.mutant import Witness
from linres.mutants.readings import Reading, Search, Tape, measured, random_starts, starts
from linres.rungs import draw, rigorous, symbolic
from linres.rungs.counterexample import describe
from linres.theorem import Step, Theorem

BITS = 128  # at which the conclusion of a mutant is first looked at
MAX_BITS = 4096
SUSPICIOUS = 1e-9  # relative: below it float64 says nothing
EXAMINED = 3  # suspects of a batch that are decided exactly
SAY = Callable[[str], None]


@dataclass(frozen=True)
class Level:
    """draws: instances; samples: in float64; warm, random: starts of a search for readings; iterations of each.

    "smoke" decides what must fall and looks little for what a hypothesis is necessary for.
    """

    draws: int
    samples: int
    warm: int
    random: int
    iterations: int


@dataclass(frozen=True)
class Plan:
    """A search for readings over so many stages: from instances, from points at random; thoroughly: by every means."""

    stages: int
    warm: int
    cold: int = 0
    thoroughly: bool = False


LEVELS = {
    "smoke": Level(24, 1000, 1, 0, 24),
    "quick": Level(24, 1000, 5, 8, 50),
    "full": Level(200, 20_000, 24, 24, 200),
}


@dataclass
class Outcome:
    """What became of a mutant.

    fate: "refuted", "stands", "refused" or "accepted" (of proofs). by: what refuted it. reason: of a survivor.
    alarm: whether this must not be: a weaker mutant refuted, or a false step accepted. failure: the row on which it
    fails. seen: of one that is neither, "stronger" or "weaker" if it looks so on every instance, which is no proof.
    """

    mutant: Mutant
    fate: str
    by: str = ""
    reason: str = ""
    alarm: bool = False
    failure: rigorous.Failure | None = None
    seen: str = ""

    @property
    def instance(self) -> Any:
        """Where it fails."""
        return None if self.failure is None else self.failure.instance

    @property
    def counterexample(self) -> dict[str, Any] | None:
        """As `linres.rungs.counterexample.describe` writes it."""
        return None if self.failure is None else describe(self.mutant.theorem, self.failure)

    @property
    def fallen(self) -> bool:
        return self.fate in {"refuted", "refused"}

    def data(self) -> dict[str, Any]:
        """Everything but the objects, ready for JSON."""
        each = self.mutant
        return {
            "name": each.name, "kind": each.kind, "group": each.group, "what": each.what, "order": each.order,
            "how": each.how, "factor": each.factor, "fate": self.fate, "by": self.by, "reason": self.reason,
            "alarm": self.alarm, "seen": self.seen, "counterexample": self.counterexample,
        }


@dataclass
class Report:
    """The outcomes for one theorem; of mutants that differ in size alone the last one tried."""

    theorem: Theorem
    outcomes: list[Outcome]
    seconds: float = 0.0

    def sought(self, group: Group) -> list[Outcome]:
        """The outcomes of a group that a refutation is looked for: they must fall, or show a hypothesis necessary."""
        return [o for o in self.outcomes if o.mutant.group == group and o.mutant.claims_more]

    def of(self, *orders: str) -> list[Outcome]:
        """The outcomes of these orders."""
        return [outcome for outcome in self.outcomes if outcome.mutant.order in orders]

    @property
    def standing(self) -> list[Outcome]:
        """The outcomes of mutants that must stand: weaker, equivalent or proved."""
        return [outcome for outcome in self.outcomes if outcome.mutant.must_stand]

    @property
    def alarms(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.alarm]


def score(reports: Iterable[Report], group: Group) -> tuple[int, int]:
    """(fallen, all) of the mutants of a group that claim more: of hypotheses, (shown necessary, all)."""
    sought = [outcome for report in reports for outcome in report.sought(group)]
    return sum(outcome.fallen for outcome in sought), len(sought)


def run(
    theorem: Theorem, *, kinds: Iterable[Kind] = KINDS, level: str = "quick", seed: int = 0, say: SAY = lambda _: None,
) -> Report:
    """Make the mutants of a theorem and try every one. The same seed gives the same outcomes (see `linres.verify`)."""
    outcomes: list[Outcome] = []
    pool = Pool(theorem, LEVELS[level], seed)
    _require_standing(pool)
    for kind in KINDS:
        if kind not in kinds:
            continue
        say(f"{theorem.name}: {kind} mutants")
        found = list(mutants(theorem, (kind,)))
        if kind == "proof":
            outcomes += _of_proofs(theorem, found, pool)
            continue
        for family in _families(found):
            outcome = _of_family(pool, family)
            say(f"{theorem.name}: mutant {outcome.mutant.name}")
            outcomes.append(outcome)
    return Report(theorem, outcomes)


def _require_standing(pool: "Pool") -> None:
    """InputError where the theorem fails itself: of the fate of its mutants nothing can then be learnt."""
    if pool.failing:
        name = pool.theorem.name
        raise refuse(f"mutate({name})", "of a theorem that stands", f"one that is refuted, at {pool.failing[0]!r}",
                     "`linres verify` says more.")


def _families(found: list[Mutant]) -> list[list[Mutant]]:
    """Mutants that differ in size alone; that without a hypothesis comes before those that weaken it."""
    families = [[*family] for _, family in groupby(found, key=lambda each: each.family)]
    parts = list(dict.fromkeys(each.part for each in found))
    return sorted(families, key=lambda family: (parts.index(family[0].part), not family[0].drops))


def _of_family(pool: "Pool", family: list[Mutant]) -> Outcome:
    """The smallest change is tried first; larger ones only while a stronger mutant stands."""
    outcome = _tried(pool, family[0])
    if family[0].drops and not outcome.fallen:
        pool.survived.add(family[0].part)
    if outcome.mutant.order == "incomparable" and outcome.mutant.part == "conclusion":
        outcome.seen = on_instances(pool, outcome.mutant.theorem.conclusion)
    for larger in family[1:]:
        if outcome.fallen or outcome.mutant.order != "stronger" or larger.order != "stronger":
            break
        outcome = _tried(pool, larger)
    return outcome if outcome.fallen else replace(outcome, reason=_reason(pool, outcome.mutant))


def _tried(pool: "Pool", mutant: Mutant) -> Outcome:
    for by, instance in pool.suspects(mutant):
        try:
            failure = rigorous.check(mutant.theorem, instance, max_bits=MAX_BITS).failure
        except (*rigorous.FAULTS, Refused):
            continue
        if failure is not None:
            pool.found.setdefault(mutant.part, []).append(instance)
            return Outcome(mutant, "refuted", by, alarm=mutant.must_stand, failure=failure)
    return Outcome(mutant, "stands")


class Pool:
    """The instances of a theorem, measured once, and the walks over them on which its hypotheses hold."""

    def __init__(self, theorem: Theorem, level: Level, seed: int):
        self.theorem, self.level, self.seed = theorem, level, seed
        self.leans_on: dict[str, tuple[Any, tuple[Any, ...]]] = {}  # by the name of a step of the proof
        self.proved = bool(theorem.proof) and symbolic.check(theorem, watch=self._watch).complete
        self.found: dict[str, list[Any]] = {}  # what refuted other mutants, by the part that they change
        self.survived: set[str] = set()  # hypotheses that were dropped and nothing broke
        self._fallen: list[Any] = []

    def _watch(self, step: Step, scope: Scope, facts: tuple[Any, ...]) -> None:
        self.leans_on[step.name] = (scope, facts)

    @cached_property
    def own(self) -> list[Any]:
        """Extremal instances, then witnesses of controls that are measured as the theorem measures, then draws.

        A witness of another method may be a run that is far too long for an exact one of this method.
        """
        witnesses = [c.witness for c in self.theorem.controls if c.witness is not None and not c.measure]
        drawn = draw.instances(self.theorem.instances(), self.level.draws, seed=self.seed)
        return [*self.theorem.extremal, *_distinct(witnesses), *drawn]

    @cached_property
    def beside(self) -> list[Any]:
        """Witnesses of controls that drop hypotheses: what a changed hypothesis may let in."""
        return [
            Witness(c.name, c.witness) if c.measure else c.witness
            for c in self.theorem.controls if c.drop and c.witness is not None
        ]

    @cached_property
    def rows(self) -> list[tuple[Any, Any]]:
        """(instance, row) for every row that can be measured, the rows of witnesses among them."""
        found = []
        wrapped = self._measuring
        for instance in (*self.own, *self.beside):
            try:
                found += [(instance, row) for row in rigorous.attempt("measure", wrapped, instance, EXACT)]
            except rigorous.FAULTS:
                continue
        return found

    def _measuring(self, instance: Any, arithmetic: Any) -> Any:
        if type(instance) is not Witness:
            return self.theorem.measure(instance, arithmetic)
        [control] = [c for c in self.theorem.controls if c.name == instance.control]
        return control.measure(instance.instance, arithmetic) if control.measure else []

    @cached_property
    def accepted(self) -> list[tuple[Any, list[Enclosure]]]:
        """(instance, a walk for each horizon) of the rows on which all hypotheses hold."""
        found = []
        over = self.theorem.over[1:]
        for instance, row in self.rows:
            single = replace(self.theorem, measure=_given(row))
            try:
                checked = rigorous.check(single, instance, max_bits=BITS)
            except rigorous.FAULTS:
                continue
            if checked.failure and type(instance) is not Witness:
                self._fallen.append(instance)
            if not checked.holds:
                continue
            with flint.ctx.workprec(BITS):
                whole = Enclosure(row, self.theorem.definitions, {T: row[T] for T in over})
                walks = [
                    Enclosure({**row, T: horizon}, whole.definitions, {T: horizon}, whole.shared)
                    for T in over for horizon in range(row[T] + 1)
                ]
                found.append((instance, walks or [whole]))
        return found

    @property
    def failing(self) -> list[Any]:
        """Instances at which the theorem itself fails."""
        _ = self.accepted  # which finds them on the way
        return self._fallen

    @cached_property
    def outside(self) -> list[Any]:
        """The theorem's own instances that violate a hypothesis, which a theorem without it may be about."""
        inside = {id(instance) for instance, _ in self.accepted}
        return [instance for instance in self.own if id(instance) not in inside]

    @cached_property
    def line(self) -> list[Mapping[Any, Any]]:
        """Rows to start a search for readings from: witnesses of controls that drop hypotheses first."""
        first = [row for instance, row in self.rows if any(instance is each for each in self.beside)]
        return first + [row for instance, row in self.rows if not any(instance is each for each in self.beside)]

    # suspects

    def suspects(self, mutant: Mutant) -> Iterator[tuple[str, Any]]:
        """Instances on which the mutant may fail, and where they come from; exact arithmetic has to decide."""
        if mutant.kind == "method":
            yield from (("instance", instance) for instance in self.instances)
            return
        yield from (("found", instance) for instance in self.found.get(mutant.part, ())[-8:])
        if mutant.part == "conclusion":
            yield from (("instance", instance) for instance in self._failing(mutant.theorem.conclusion))
        else:
            of_definition = [*self.theorem.extremal, *self.own[-8:]] if mutant.part.startswith("def-") else []
            yield from (("witness", instance) for instance in (*self.beside, *of_definition))
        if mutant.drops:
            yield from (("instance", instance) for instance in self.outside)
        if self.proved and self._is_searched(mutant):
            target = violating(self.theorem, mutant) if mutant.drops else mutant.theorem
            found = () if target is None else self.readings(target, self._plans(mutant), self._near(mutant))
            yield from (("reading", reading) for reading in found)
        if mutant.part == "conclusion" and self.theorem.sample is not None:
            yield from (("sample", instance) for instance in self._sampled(mutant.theorem))

    def _is_searched(self, mutant: Mutant) -> bool:
        """Whether readings are looked for: not where nothing broke without the hypothesis that is only weakened."""
        if mutant.claims_more:
            return mutant.drops or mutant.part not in self.survived
        return mutant.must_stand or self.level is LEVELS["full"]

    def _near(self, mutant: Mutant) -> list[Reading]:
        """Readings that refuted others that change the same part."""
        found = self.found.get(mutant.part, ()) if mutant.claims_more else ()
        return [instance for instance in found if type(instance) is Reading]

    def _plans(self, mutant: Mutant) -> list["Plan"]:
        """One start for what has to stand. For the others from every start; for those of the largest change by every
        means, also from points at random, and over two stages; from none at random where a hypothesis is only
        weakened in a theorem about many stages, which takes long."""
        level = self.level
        if not mutant.claims_more or mutant.factor in {"5 %", "2x"}:
            return [Plan(1, level.warm if mutant.claims_more else 1)]
        weakens = self.theorem.over and mutant.group == "hypothesis" and not mutant.drops
        return [
            Plan(1, level.warm, 0 if weakens else level.random, thoroughly=True),
            Plan(2, 2, thoroughly=mutant.drops),
        ]

    @cached_property
    def instances(self) -> list[Any]:
        """What another method is tried on: every witness of the theorem's own kind, then `own`."""
        witnesses = [c.witness for c in self.theorem.controls if c.witness is not None]
        kinds = {type(instance) for instance in (*self.theorem.extremal, *self.own[-1:])}
        return [*(w for w in _distinct(witnesses) if type(w) in kinds), *self.own]

    def _failing(self, conclusion: Any) -> Iterator[Any]:
        """Instances on which a conclusion fails at BITS, and a few on which it is not decided there."""
        doubtful = 0
        for instance, walks in self.accepted:
            found = {_truth(conclusion, walk) for walk in walks}
            doubtful += found == {True, None}
            if False in found or (None in found and doubtful < 4):
                yield instance

    def readings(self, theorem: Theorem, plans: Iterable["Plan"], near: Iterable[Reading] = ()) -> Iterator[Reading]:
        """Readings that float64 takes for violations. near: readings to start from first."""
        for plan in plans if theorem.over else [*plans][:1]:
            stages = plan.stages if theorem.over else 0
            try:
                tape = Tape(theorem, stages)
            except Refused:
                return
            search = Search(tape)
            again = [tape.read_again(reading) for reading in near if reading.stages == stages]
            first = [start for start in again if start is not None][-2:]
            warm, cold = starts(tape, self.line), random_starts(tape, self.seed, plan.cold)
            for start in chain(first, islice(warm, plan.warm), cold):
                found = search.run(start, self.level.iterations, plan.thoroughly)
                if found is not None:
                    yield found

    def _sampled(self, theorem: Theorem) -> Iterator[Any]:
        """The worst instances of a batch, if float64 sees the conclusion fail there."""
        batch = self.batch
        walk = Float(batch.columns, theorem.definitions, {T: batch.columns[T] for T in theorem.over[1:]})
        with np.errstate(all="ignore"):
            try:
                left, right = map(walk.value, theorem.conclusion.args)
            except (*rigorous.FAULTS, KeyError):
                return
            excess = _violation(theorem.conclusion, left, right)
        for row in np.argsort(excess)[::-1][:EXAMINED]:
            if excess[row] > SUSPICIOUS:
                yield batch.instance(int(row))

    @cached_property
    def batch(self) -> Any:
        """Instances in compiled float64, drawn once."""
        return self.theorem.sample and self.theorem.sample(np.random.default_rng(self.seed), self.level.samples)


def _violation(relation: Any, left: Any, right: Any) -> Any:
    """(n,) how far a relation is violated in float64, relative to its sides; -inf where it has no value."""
    if isinstance(left, Stack):
        apart, size = (np.abs(f(left.data, right.data)).max(axis=(1, 2)) for f in (np.subtract, np.add))
    else:
        apart, size = left - right, np.abs(left) + np.abs(right)
        apart = apart if type(relation) in AT_MOST else -apart if type(relation) in AT_LEAST else np.abs(apart)
    return np.nan_to_num(np.atleast_1d(apart / size), nan=-np.inf)


def _given(row: Any) -> Callable[[Any, Any], list[Any]]:
    """Measure a row that is known already."""
    return lambda _instance, _arithmetic: [row]


def _distinct(instances: Iterable[Any]) -> list[Any]:
    return [*{repr(instance): instance for instance in instances}.values()]


def _truth(relation: Any, walk: Enclosure) -> bool | None:
    with flint.ctx.workprec(BITS):
        try:
            return decide(relation, walk)
        except rigorous.FAULTS:
            return True  # no value, so nothing is claimed


# reasons of survivors


def _reason(pool: Pool, mutant: Mutant) -> str:
    if mutant.drops:
        return _of_dropped(pool, mutant)
    if mutant.group == "hypothesis" and mutant.claims_more:
        least = "nothing" if mutant.part in pool.survived else "something"
        return f"not shown necessary as it is: {least} was found that breaks without it, nothing that breaks so"
    if mutant.kind == "statement" and mutant.claims_more:
        ratio, rows = _closest(pool, mutant.theorem.conclusion)
        if ratio is not None:
            return f"the largest ratio of the sides seen is {ratio:.6g}, over {rows} rows"
        return f"no difference seen on {rows} rows"
    return "" if mutant.kind == "statement" else f"no failure on {len(pool.instances)} instances"


def _closest(pool: Pool, conclusion: Any) -> tuple[float | None, int]:
    """The largest smaller side over larger side, and the number of rows."""
    best, rows = None, 0
    sides = conclusion.args if type(conclusion) in AT_MOST else conclusion.args[::-1]
    for walk in (walk for _, walks in pool.accepted for walk in walks):
        with flint.ctx.workprec(BITS):
            try:
                low, high = map(walk.value, sides)
            except rigorous.FAULTS:
                continue
            rows += 1
            if isinstance(low, Matrix) or not high > 0:
                continue
            ratio = float(flint.arb(low / high).mid())
        best = ratio if best is None else max(best, ratio)
    return best, rows


def _of_dropped(pool: Pool, mutant: Mutant) -> str:
    """Of rows that satisfy the other hypotheses and violate this one: how many were decided."""
    outside = violating(pool.theorem, mutant) if pool.proved else None
    if outside is None:
        return "not shown necessary: no search for rows that violate it"
    rows = decided = 0
    for reading in _feasible(pool, outside):
        try:
            checked = rigorous.check(outside, reading, max_bits=MAX_BITS)
        except rigorous.FAULTS:
            continue
        rows += checked.holds + checked.undecided
        decided += checked.holds
    if not rows:
        return "not shown necessary: no row found that violates it and no other hypothesis"
    return f"not shown necessary: of {rows} rows that violate it {decided} were decided, all hold"


def violating(theorem: Theorem, mutant: Mutant) -> Theorem | None:
    """The theorem with a hypothesis turned into its contrary, where the mutant drops it; None for an equation."""
    position = int(mutant.part[1:]) - 1
    against = _negated(theorem.hypotheses[position])
    if against is None:
        return None
    kept = mutant.theorem.hypotheses
    outside = replace(mutant.theorem, hypotheses=(*kept[:position], against, *kept[position:]))
    return replace(outside, measure=measured(outside))


def _negated(relation: Any) -> Any:
    if type(relation) not in AT_MOST | AT_LEAST:
        return None
    kinds = {kind.rel_op: kind for kind in AT_MOST | AT_LEAST}
    turned = {"<=": ">", ">=": "<", "<": ">=", ">": "<="}[relation.rel_op]
    return kinds[turned](*relation.args, evaluate=False)


def _feasible(pool: Pool, theorem: Theorem) -> Iterator[Reading]:
    """Readings that satisfy the hypotheses, as near to a violation of the conclusion as a search comes."""
    for stages in (1, 2) if theorem.over else (0,):
        try:
            tape = Tape(theorem, stages)
        except Refused:
            return
        search = Search(tape)
        for start in chain(islice(starts(tape, pool.line), pool.level.warm), random_starts(tape, pool.seed, 1)):
            search.run(start, pool.level.iterations, thoroughly=False)
            if search.best[1] is not None:
                yield tape.reading(search.best[1])


# proofs


def _of_proofs(theorem: Theorem, found: list[Mutant], pool: Pool) -> list[Outcome]:
    """Each mutant of the proof, put to the trusted core."""
    if not theorem.proof or not pool.proved:
        return []
    core = _Core(theorem, pool.leans_on)
    every = {proof_mutants.named(changed): changed for changed in proof_mutants.changes(theorem)}
    return [_put(core, mutant, every[mutant.name], pool) for mutant in found]


class _Core:
    """The trusted core, which has checked the proof as it stands: what each step may lean on is known."""

    def __init__(self, theorem: Theorem, leans_on: Mapping[str, tuple[Any, tuple[Any, ...]]]):
        self.theorem, self.lemmas, self.leans_on = theorem, symbolic.Lemmas((theorem.name,)), leans_on
        self.outer = {step.name for step in theorem.proof}

    def refusal(self, changed: proof_mutants.Changed, whole: Theorem) -> str | None:
        """Why the changed step is refused, or else the proof that has it; None if the core accepts it.

        What comes before the step is as it was, so the step alone is checked first.
        """
        if changed.step.name in self.leans_on:
            scope, facts = self.leans_on[changed.step.name]
            try:
                symbolic.check_step(
                    changed.new, scope, facts, self.lemmas, nested=changed.step.name not in self.outer)
            except Refused as refused:
                return f"{type(refused).__name__} at the step"
        proof = symbolic.check(whole)
        return None if proof.complete else (proof.refusal or "the proof is not complete")


def _put(core: _Core, mutant: Mutant, changed: proof_mutants.Changed, pool: Pool) -> Outcome:
    refusal = core.refusal(changed, mutant.theorem)
    if refusal is not None:
        return Outcome(mutant, "refused", by="core", reason=refusal.splitlines()[0])
    if changed.claim is None:
        return Outcome(mutant, "accepted", reason="it proves the same claims: another proof")
    failure, rows = _counterexample(core.theorem, changed.claim, pool)
    if failure is None:
        return Outcome(mutant, "accepted", reason=f"proved too: the stronger claim holds on {rows} rows")
    return Outcome(mutant, "accepted", reason="the core accepts a false claim", alarm=True, failure=failure)


def _counterexample(theorem: Theorem, claim: Any, pool: Pool) -> tuple[rigorous.Failure | None, int]:
    """A row on which a claim fails, of those that satisfy the hypotheses; and how many were decided."""
    first = {t: Integer(0) for t in theorem.over[:1]}
    claimed = replace(theorem, conclusion=substitute(claim, first), proof=(), controls=())
    rows = 0
    for instance in pool.own:
        try:
            checked = rigorous.check(claimed, instance, max_bits=MAX_BITS)
        except (*rigorous.FAULTS, Refused):
            continue
        if checked.failure:
            return checked.failure, rows
        rows += checked.holds
    return None, rows


def on_instances(pool: Pool, new: Any) -> str:
    """What a conclusion is to the theorem's own on every row of the pool; evidence, not a class that counts.

    "stronger" if its gap is at most the other's on all rows and less on some, "weaker" if at least.
    """
    old = pool.theorem.conclusion
    if type(old) is not type(new) or type(old) not in AT_MOST | AT_LEAST:
        return ""
    difference = Add(gap(new), Mul(Integer(-1), gap(old), evaluate=False), evaluate=False)
    found = set()
    for _, walks in pool.accepted:
        for walk in walks:
            with flint.ctx.workprec(BITS):
                try:
                    value = walk.value(difference)
                except rigorous.FAULTS:
                    continue
                found |= {"weaker"} if value > 0 else {"stronger"} if value < 0 else set()
    return found.pop() if len(found) == 1 else ""
