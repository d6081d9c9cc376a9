"""The contract: what a theorem is (`Theorem`, `Step`, `Control`, `Refutation`) and what is said of it (`Verdict`).

A theorem is data. Its hypotheses and conclusion are SymPy relations over declared symbols; the LaTeX of the statement,
the number on a plot, the check of an instance and the false variants all come from those relations.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain
from typing import Any, Literal

from sympy import Equality, Expr, IndexedBase, Symbol, preorder_traversal

from linres.certificate import Term
from linres.errors import kind_of, refuse
from linres.language import RELATIONS, Scope, among, same, substitute

Provenance = Literal["seed", "classical", "linres", "user"]
Outcome = Literal["proved", "supported", "refuted", "inconclusive"]
Row = Mapping[Any, Any]
EXPECTATIONS = ("proved", "supported", "refuted")
PROVENANCES = ("seed", "classical", "linres", "user")


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
                raise refuse(f"Induction({part}=...)", "a tuple", kind_of(entries), "Write (a,) for one.")
        steps = [("advance", self.advance), *((f"first[{k}]", stage) for k, stage in enumerate(self.first))]
        for part, entries in steps:
            if not isinstance(entries, tuple | list) or not all(isinstance(step, Step) for step in entries):
                raise refuse(f"Induction({part})", "a tuple of steps", kind_of(entries), "Write (step,).")


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
class GenericStep:
    """The generic step that a theorem is about, and how to measure another in its place.

    name: a key of `linres.methods.wrong.WRONG`. measured: step -> a `measure` of the run of that step, which is claimed
    to be the method's own, without errors.
    """

    name: Literal["descent", "nesterov", "stacking", "stacking-blocks", "additive", "random-start"]
    measured: Callable[[Callable], Callable]


@dataclass(frozen=True)
class Batch:
    """Many instances measured in compiled float64: one array (n,) for each symbol, and how to rebuild the k-th
    instance exactly. `drawn` counts instances before any was discarded."""

    columns: Mapping[Any, Any]
    instance: Callable[[int], Any]
    drawn: int


@dataclass(frozen=True)
class Limit:
    """A family of instances along which a theorem becomes sharp: small/large is exactly `ratio`, which tends to `to`.

    The conclusion reads small <= large. family: parameter -> instance; at: values of the parameter, at least 3, in the
    order in which `to` is approached; ratio: an expression in the symbols of the theorem. tends: (symbol, value) if
    SymPy is to confirm that ratio tends to `to` as the symbol tends to the value. A theorem is reported as sharp in the
    limit if `to` is 1 and SymPy confirms it. InputError for parts of another kind.
    """

    family: Callable[[Any], Any]
    at: tuple[Any, ...]
    ratio: Expr
    to: Any = 1
    tends: tuple[Symbol, Any] | None = None

    def __post_init__(self):
        if not callable(self.family):
            raise refuse("Limit(family=...)", "a function", kind_of(self.family))
        if not isinstance(self.at, tuple | list) or len(self.at) < 3:
            raise refuse("Limit(at=...)", "a tuple of at least 3 values", repr(self.at))
        if not isinstance(self.ratio, Expr):
            raise refuse("Limit(ratio=...)", "a SymPy expression", kind_of(self.ratio))
        try:
            object.__setattr__(self, "to", Fraction(str(self.to)))
        except ValueError:
            raise refuse("Limit(to=...)", "a rational", repr(self.to)) from None


_MOST_SCOPES = 16
_SCOPES: dict[tuple[int, ...], tuple[tuple, Scope]] = {}  # by the ids of the parts, which are kept: the last used last


@dataclass(frozen=True)
class Theorem:
    """A statement with everything needed to decide it.

    symbols: every symbol, sequence label and what it means. definitions: abbreviations, eliminated before a proof is
    checked and compared with what `measure` returns. hypotheses, conclusion: relations over the symbols.
    over: (t, T) if hypotheses are assumed at stage 0 and every later stage t < T, and the conclusion holds for every T.
    instances: () -> Hypothesis strategy; its draws are rational and have a repr that evaluates.
    valid: whether an instance that was not drawn is one the theorem speaks of: searches change the numbers of those
    drawn. `linres.anything` if the hypotheses say all that has to hold. None: nobody knows, so that a counterexample of
    this kind leaves a statement without a proof inconclusive instead of refuted.
    extremal: instances that are always checked first. method: the generic step it runs, for mutants of the method.
    own_method: measured values must agree with the definitions; False for a control that runs another method.
    measure: (instance, arithmetic) -> rows; a row maps symbols to values of that arithmetic, a sequence label to
    {stage: value}, a Probability or Expectation node to its exact value, or a Probability that can only be drawn to a
    `linres.Chance`. It reads the problem and the trajectory only.
    (SymPy takes Expectation(X) of a plain symbol for X; Expectation(X, x_0), given x_0, stays what it is.)
    sample: (generator, count) -> `Batch` of instances measured in compiled float64; optional.
    proof: steps, the last of which claims the conclusion. expect: the verdict that counts as success: "proved",
    "supported" or "refuted" ("supported" is also met by "proved").

    Only name and conclusion have to be given: symbols are then those of the statement, and a statement about plain
    numbers is tried on rationals drawn for each (see `linres.plain`).
    """

    name: str
    title: str = field(default="", kw_only=True)
    provenance: Provenance = field(default="user", kw_only=True)
    symbols: Mapping[Any, str] = field(default=None, kw_only=True)  # type: ignore[arg-type]  # never None once made
    hypotheses: tuple[Any, ...] = field(default=(), kw_only=True)
    conclusion: Any
    instances: Callable[[], Any] = None  # type: ignore[assignment]
    measure: Callable[[Any, Any], Sequence[Row]] = None  # type: ignore[assignment]
    definitions: Mapping[Expr, Expr] = field(default_factory=dict)
    over: tuple[Symbol, ...] = ()
    sample: Callable[[Any, int], Batch] | None = None
    proof: tuple[Step, ...] = ()
    controls: tuple[Control, ...] = ()
    uses: tuple[str, ...] = ()
    expect: Literal["proved", "supported", "refuted"] = "supported"
    extremal: tuple[Any, ...] = ()
    own_method: bool = True
    tightness: Limit | None = None
    method: GenericStep | None = None
    valid: Callable[[Any], bool] | None = None

    def __post_init__(self):
        self._require_shape()
        relations = (*self.hypotheses, self.conclusion)
        for relation in relations:
            if type(relation) not in RELATIONS:
                raise TypeError(
                    f"Theorem({self.name!r}) should be made of relations, got {relation!r}. "
                    "Build them under sympy.evaluate(False), with symbols that are only real=True."
                )
        self._fill_in(relations)
        scope = self._known_scope()
        for relation in relations:
            scope.admit(relation)
        if self.tightness is not None:
            scope.admit(Equality(self.tightness.ratio, 1, evaluate=False))
        if self.over and any({*self.over} <= relation.free_symbols for relation in self.hypotheses):
            raise ValueError(
                f"Theorem({self.name!r}): a hypothesis for all stages cannot mention the horizon {self.over[1]}"
            )

    def _fill_in(self, relations: tuple[Any, ...]) -> None:
        """What may be left out: the symbols, and for a statement about plain numbers the instances and the measure."""
        if self.symbols is None:
            spoken_of = (*relations, *self.definitions, *self.definitions.values(), *self.over)
            object.__setattr__(self, "symbols", dict.fromkeys(_symbols_of(spoken_of), ""))
        if self.instances is None and self.measure is None:
            from linres.plain import Numbers

            numbers = Numbers.of(self)
            object.__setattr__(self, "instances", numbers.instances)
            object.__setattr__(self, "measure", numbers.measure)
            object.__setattr__(self, "valid", self.valid or anything)

    def _require_shape(self):
        """InputError for parts of the wrong kind: misspelt expectations, a strategy instead of a function."""
        call = f"Theorem({self.name!r}, {{}}=...)".format
        if not isinstance(self.name, str) or not self.name:
            raise refuse("Theorem(name=...)", "a name", repr(self.name))
        for part, allowed in (("expect", EXPECTATIONS), ("provenance", PROVENANCES)):
            given = getattr(self, part)
            if not isinstance(given, str) or given not in allowed:
                raise refuse(call(part), " or ".join(map(repr, allowed)), repr(given))
        for part in ("hypotheses", "proof", "controls", "extremal", "over"):
            if not isinstance(getattr(self, part), tuple | list):
                raise refuse(call(part), "a tuple", kind_of(getattr(self, part)), "Write (a,) for a single one.")
        if (self.instances is None) != (self.measure is None):
            raise refuse(f"Theorem({self.name!r})", "given both instances and measure, or neither", "one of them")
        for part in ("instances", "measure", "valid"):
            if getattr(self, part) is not None and not callable(getattr(self, part)):
                raise refuse(call(part), "a function", kind_of(getattr(self, part)), "Write lambda: ...")
        for part, wanted in (("symbols", "symbols"), ("definitions", "names")):
            left_out = part == "symbols" and self.symbols is None
            if not left_out and not isinstance(getattr(self, part), Mapping):
                raise refuse(call(part), f"a dict from {wanted} to meanings", kind_of(getattr(self, part)))
        self._require_distinct_steps()
        self._require_controls()

    def _require_controls(self):
        for control in self.controls:
            if not isinstance(control, Control):
                raise refuse(f"Theorem({self.name!r}, controls=...)", "made of Control", kind_of(control))
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

    def _known_scope(self) -> Scope:
        """The scope to admit relations with, one for all variants of a theorem. A proof is checked with a new one."""
        parts = (*self.symbols, *self.definitions, *self.definitions.values(), *self.over)
        place = (len(self.symbols), len(self.definitions), *map(id, parts))
        scope = _SCOPES.pop(place)[1] if place in _SCOPES else self.scope
        _SCOPES[place] = (parts, scope)
        if len(_SCOPES) > _MOST_SCOPES:
            del _SCOPES[next(iter(_SCOPES))]
        return scope

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
                raise refuse(f"Control({control.name!r}, drop=...)", f"hypotheses of {self.name}", str(hypothesis))
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
            tightness=None,
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


def _symbols_of(expressions: Iterable[Any]) -> list[Any]:
    """The symbols and, for sequences, the labels in these expressions, in the order in which they occur."""
    nodes = [node for expression in expressions for node in preorder_traversal(expression)]
    labels = {node.args[0] for node in nodes if type(node) is IndexedBase}
    return list(dict.fromkeys(
        node for node in nodes if type(node) is IndexedBase or (isinstance(node, Symbol) and node not in labels)
    ))


def anything(_instance: Any) -> bool:
    """True: for `Theorem.valid`, where every instance that satisfies the hypotheses counts."""
    return True


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
