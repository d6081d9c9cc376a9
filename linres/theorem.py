"""The contract: what a theorem is (`Theorem`, `Step`, `Control`, `Refutation`) and what is said of it (`Verdict`).

A theorem is data. Its hypotheses and conclusion are SymPy relations over declared symbols; the LaTeX of the statement,
the number on a plot, the check of an instance and the false variants all come from those relations.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Literal

from sympy import Expr, IndexedBase, Symbol

from linres.certificate import Term
from linres.errors import refuse
from linres.language import RELATIONS, Scope, among, same, substitute

Provenance = Literal["seed", "classical", "linres"]
Outcome = Literal["proved", "supported", "refuted", "inconclusive"]
Row = Mapping[Any, Any]
EXPECTATIONS = ("proved", "supported", "refuted")
PROVENANCES = ("seed", "classical", "linres")


@dataclass(frozen=True)
class Certificate:
    """Reason of a step: the claim's gap is the sum of these terms (see `linres.certificate`)."""

    terms: tuple[Term, ...]

    def __init__(self, *terms: Term):
        object.__setattr__(self, "terms", terms)


@dataclass(frozen=True)
class Rule:
    """Reason of a step: a rule of `linres.rules`, by name, applied to hypotheses or earlier claims."""

    name: str
    premises: tuple[Any, ...]

    def __init__(self, name: str, *premises: Any):
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "premises", premises)


@dataclass(frozen=True)
class Lemma:
    """Reason of a step: the conclusion (or the step named `step`) of another theorem, symbols replaced by mapping."""

    theorem: "Theorem"
    mapping: Mapping[Any, Any] = field(default_factory=dict)
    step: str | None = None

    def statement(self) -> Any:
        """The relation this lemma gives, in the symbols of the theorem that uses it."""
        source = self.theorem.conclusion if self.step is None else self.theorem.step(self.step).claim
        return substitute(source, self.mapping)


@dataclass(frozen=True)
class Induction:
    """Reason of a step: the first stages by themselves, then one stage after the other.

    first = (steps of stage 0, ..., of stage k) and advance, steps that may use the invariants at a stage t >= k and
    end up with them at t + 1. All invariants are to be shown at stage k. Those shown at each stage 0, ..., k hold at
    every stage t and at the horizon T: the step claims one of these. With k = 0 all that `advance` claims holds at
    every stage t < T.

    Claims about another stage have to be the same trees: write `substitute(invariant, {t: t + 1})`, with t + 1 built
    outside sympy.evaluate(False). InputError for parts that are no tuples of relations and of steps.
    """

    invariants: tuple[Any, ...]
    first: "tuple[tuple[Step, ...], ...]"
    advance: "tuple[Step, ...]"

    def __post_init__(self):
        for part, entries in (("invariants", self.invariants), ("first", self.first), ("advance", self.advance)):
            if not isinstance(entries, tuple | list):
                raise refuse(f"Induction({part}=...)", "a tuple", f"a {type(entries).__name__}", "Write (a,) for one.")
        steps = [("advance", self.advance), *((f"first[{k}]", stage) for k, stage in enumerate(self.first))]
        for part, entries in steps:
            if not isinstance(entries, tuple | list) or not all(isinstance(step, Step) for step in entries):
                raise refuse(f"Induction({part})", "a tuple of steps", repr(type(entries).__name__), "Write (step,).")


@dataclass(frozen=True)
class Prose:
    """Reason of a step that no machine checks. A theorem with such a step is never `proved`."""

    text: str


@dataclass(frozen=True)
class Step:
    """One step of a proof: what is claimed, and why. `note` is a line for the reader."""

    name: str
    claim: Any
    by: Certificate | Rule | Lemma | Induction | Prose
    note: str = ""

    def parts(self) -> "Iterator[Step]":
        """This step and, before it, those that it is made of."""
        if isinstance(self.by, Induction):
            for step in (*chain.from_iterable(self.by.first), *self.by.advance):
                yield from step.parts()
        yield self


@dataclass(frozen=True)
class Control:
    """A variant of a theorem whose fate is known: "stronger" ones are false and must be refuted, "weaker" ones hold.

    change: subexpressions of the conclusion and what replaces them; each must occur. drop: hypotheses left out.
    measure: another measurement (a wrong method). witness: an instance that decides; without one, instances are drawn
    from `instances`, or else from the theorem's own.
    """

    name: str
    kind: Literal["stronger", "weaker"]
    change: Mapping[Expr, Expr] = field(default_factory=dict)
    drop: tuple[Any, ...] = ()
    measure: Callable | None = None
    witness: Any = None
    instances: Callable | None = None


@dataclass(frozen=True)
class Batch:
    """Many instances measured in compiled float64: one array (n,) for each symbol, and how to rebuild the k-th
    instance exactly. `drawn` counts instances before any was discarded."""

    columns: Mapping[Any, Any]
    instance: Callable[[int], Any]
    drawn: int


@dataclass(frozen=True)
class Theorem:
    """A statement with everything needed to decide it.

    symbols: every symbol, sequence label and what it means. definitions: abbreviations, eliminated before a proof is
    checked and compared with what `measure` returns. hypotheses, conclusion: relations over the symbols.
    over: (t, T) if hypotheses are assumed at stage 0 and every later stage t < T, and the conclusion holds for every T.
    instances: () -> Hypothesis strategy; its draws are rational and have a repr that evaluates.
    extremal: instances that are always checked first.
    own_method: measured values must agree with the definitions; False for a control that runs another method.
    measure: (instance, arithmetic) -> rows; a row maps symbols to values of that arithmetic, a sequence label to
    {stage: value}, a Probability or Expectation node to its exact value. It reads the problem and the trajectory only.
    (SymPy takes Expectation(X) of a plain symbol for X; Expectation(X, x_0), given x_0, stays what it is.)
    sample: (generator, count) -> `Batch` of instances measured in compiled float64; optional.
    proof: steps, the last of which claims the conclusion. expect: the verdict that counts as success: "proved",
    "supported" or "refuted" ("supported" is also met by "proved").
    """

    name: str
    title: str
    provenance: Provenance
    symbols: Mapping[Any, str]
    hypotheses: tuple[Any, ...]
    conclusion: Any
    instances: Callable[[], Any]
    measure: Callable[[Any, Any], Sequence[Row]]
    definitions: Mapping[Expr, Expr] = field(default_factory=dict)
    over: tuple[Symbol, ...] = ()
    sample: Callable[[Any, int], Batch] | None = None
    proof: tuple[Step, ...] = ()
    controls: tuple[Control, ...] = ()
    uses: tuple[str, ...] = ()
    expect: Literal["proved", "supported", "refuted"] = "supported"
    extremal: tuple[Any, ...] = ()
    own_method: bool = True

    def __post_init__(self):
        self._require_shape()
        scope = self.scope
        for relation in (*self.hypotheses, self.conclusion):
            if type(relation) not in RELATIONS:
                raise TypeError(
                    f"Theorem({self.name!r}) should be made of relations, got {relation!r}. "
                    "Build them under sympy.evaluate(False), with symbols that are only real=True."
                )
            scope.admit(relation)
        if self.over and any({*self.over} <= relation.free_symbols for relation in self.hypotheses):
            raise ValueError(
                f"Theorem({self.name!r}): a hypothesis for all stages cannot mention the horizon {self.over[1]}"
            )

    def _require_shape(self):
        """InputError for parts of the wrong kind: misspelt expectations, a strategy instead of a function."""
        call = f"Theorem({self.name!r}, {{}}=...)".format
        if not isinstance(self.name, str) or not self.name:
            raise refuse("Theorem(name=...)", "a name", repr(self.name))
        for part, allowed in (("expect", EXPECTATIONS), ("provenance", PROVENANCES)):
            if getattr(self, part) not in allowed:
                raise refuse(call(part), " or ".join(map(repr, allowed)), repr(getattr(self, part)))
        for part in ("hypotheses", "proof", "controls", "extremal"):
            if not isinstance(getattr(self, part), tuple | list):
                got = type(getattr(self, part)).__name__
                raise refuse(call(part), "a tuple", f"a {got}", "Write (a,) for a single one.")
        for part in ("instances", "measure"):
            if getattr(self, part) is not None and not callable(getattr(self, part)):
                raise refuse(call(part), "a function", f"a {type(getattr(self, part)).__name__}", "Write lambda: ...")
        self._require_distinct_steps()
        for control in self.controls:
            if control.kind not in {"stronger", "weaker"}:
                raise refuse(f"Control({control.name!r}, kind=...)", "'stronger' or 'weaker'", repr(control.kind))

    def _require_distinct_steps(self):
        """InputError if two steps have one name: pages, reports and lemmas speak of a step by its name."""
        if not all(isinstance(step, Step) for step in self.proof):
            return  # the checker says what is wrong with such a proof
        names = [step.name for step in self.steps()]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise refuse(f"Theorem({self.name!r}, proof=...)", "steps of different names", f"{twice[0]!r} twice")

    @property
    def scope(self) -> Scope:
        labels = frozenset(s.args[0] if type(s) is IndexedBase else s for s in self.symbols)
        return Scope(labels, self.definitions, self.over)

    def steps(self) -> tuple[Step, ...]:
        """All steps of the proof in the order they are checked, those within an induction included."""
        return tuple(chain.from_iterable(step.parts() for step in self.proof))

    def step(self, name: str) -> Step:
        """The proof step of that name; KeyError if there is none."""
        return {step.name: step for step in self.steps()}[name]

    def control(self, name: str) -> "Theorem":
        """The variant of this theorem that the control of that name describes; KeyError if there is none."""
        return self.variant({control.name: control for control in self.controls}[name])

    def variant(self, control: Control) -> "Theorem":
        """This theorem, changed as the control says and without its proof. ValueError if nothing is there to change."""
        given = (control.change, control.drop, control.measure, control.instances, control.witness)
        if all(part is None or part in ({}, ()) for part in given):
            raise refuse(f"Control({control.name!r})", "a change, a drop, a measure, a witness or instances", "none")
        for old, new in control.change.items():
            if same(substitute(self.conclusion, {old: new}), self.conclusion):
                call = f"Control({control.name!r}, change=...)"
                raise refuse(call, "a change of a part of the conclusion", f"{old} to {new}")
        for hypothesis in control.drop:
            if not among(hypothesis, self.hypotheses):
                raise ValueError(f"Control({control.name!r}) should drop hypotheses of {self.name}, got {hypothesis}")
        return replace(
            self,
            name=f"{self.name}/{control.name}",
            conclusion=substitute(self.conclusion, control.change),
            hypotheses=tuple(h for h in self.hypotheses if not among(h, control.drop)),
            measure=control.measure or self.measure,
            own_method=control.measure is None,
            instances=control.instances or self.instances,
            sample=None if control.measure or control.instances else self.sample,
            proof=(),
            controls=(),
            expect="refuted" if control.kind == "stronger" else "supported",
        )

    def read_with(self, row: Row) -> Mapping[Expr, Expr]:
        """The definitions that a row is read with: all, or for another method those of what it did not measure."""
        if self.own_method:
            return self.definitions
        return {name: meaning for name, meaning in self.definitions.items() if name not in row}

    def latex(self) -> str:
        """The conclusion in LaTeX, the terms in the order they were written."""
        from linres.printing import latex

        return latex(self.conclusion)

    def bound(self, **values: Any) -> Any:
        """The right side of the conclusion in float64, vectorised, for plots; by symbol name (see `evaluate.bound`)."""
        from linres.evaluate import bound

        return bound(self, values)


@dataclass(frozen=True)
class Refutation:
    """A published claim that is false: an instance on which it fails, and the corrected statement that holds there."""

    claim: Theorem
    instance: Any
    corrected: Theorem
    source: str


@dataclass
class Verdict:
    """What is known of a theorem after the ladder ran. `evidence` has one entry per rung, run or not."""

    name: str
    title: str
    provenance: str
    expect: str
    verdict: Outcome
    reason: str
    seconds: float
    proof: dict[str, int]
    evidence: dict[str, dict[str, Any]]
    counterexample: dict[str, Any] | None = None

    @property
    def met(self) -> bool:
        """Whether the theorem met its expectation."""
        return self.verdict == self.expect or (self.expect == "supported" and self.verdict == "proved")

    def __str__(self) -> str:
        where = "; .counterexample['snippet'] shows it" if self.counterexample else ""
        return f"{self.name}: {self.verdict} ({self.reason}{where})"
