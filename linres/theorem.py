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
from linres.errors import kind_of, nearest, refuse
from linres.language import RELATIONS, Scope, among, same, substitute

Provenance = Literal["seed", "classical", "linres", "user"]
Outcome = Literal["proved", "supported", "refuted", "inconclusive"]
Row = Mapping[Any, Any]
EXPECTATIONS = ("proved", "supported", "refuted")
PROVENANCES = ("seed", "classical", "linres", "user")


@dataclass(frozen=True)
class Certificate:
    """Reason of a step: what the claim says is >= 0 is the sum of these terms.

    Parameters
    ----------
    *terms : Term
        The terms, kept as the tuple `terms`; no term for an equality of matrices, or of scalars that are identically
        equal.

    Notes
    -----
    What is checked of it, and by which signs, is said in `linres.certificate`.

    Examples
    --------
    >>> import linres
    >>> import sympy
    >>> a, b = sympy.symbols("a b", real=True)
    >>> with sympy.evaluate(False):
    ...     claim = sympy.Le(2 * a * b, a**2 + b**2)
    >>> step = linres.Step("square", claim, linres.Certificate(linres.Term(1, square=a - b)))
    >>> linres.check(linres.Theorem("squares", claim, proof=(step,)), "square")
    square: certificate of 1 term, its identity confirmed by both checkers
    """

    terms: tuple[Term, ...]

    def __init__(self, *terms: Term):
        object.__setattr__(self, "terms", terms)


@dataclass(frozen=True)
class Rule:
    """Reason of a step: a rule of `linres.rules` applied to hypotheses or earlier claims.

    Parameters
    ----------
    name : str
        The rule: "root", "cauchy_schwarz" or "induction".
    *premises : relation
        What it is applied to, node by node as hypotheses or earlier claims are written; kept as the tuple `premises`.

    Examples
    --------
    >>> import linres
    >>> import sympy
    >>> u, v = sympy.symbols("u v", commutative=False)
    >>> with sympy.evaluate(False):
    ...     claim = sympy.Le(linres.Inner(u, v) ** 2, linres.Inner(u, u) * linres.Inner(v, v))
    >>> linres.Step("short", claim, linres.Rule("cauchy_schwarz")).by.name
    'cauchy_schwarz'
    """

    name: str
    premises: tuple[Any, ...]

    def __init__(self, name: str, *premises: Any):
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "premises", premises)


@dataclass(frozen=True)
class Lemma:
    """Reason of a step: what another theorem concludes, or a step of it claims.

    Parameters
    ----------
    theorem : Theorem
        The other theorem. Its proof is checked too.
    mapping : mapping of symbol to expression, default {}
        What replaces its symbols; one that is not named stays.
    step : str, optional
        The step of its proof that is used; by default its conclusion.

    Examples
    --------
    >>> import linres
    >>> lemma = linres.Lemma(linres.load("gradient-step"), step="below_1_squared")
    >>> lemma.statement()
    1 - q**2 > 0
    """

    theorem: "Theorem"
    mapping: Mapping[Any, Any] = field(default_factory=dict)
    step: str | None = None

    def statement(self) -> Any:
        """The relation this lemma gives, in the symbols of the theorem that uses it.

        Returns
        -------
        relation
            The conclusion or claim with `mapping` carried out.

        Raises
        ------
        InputError
            When no step has the name.
        """
        source = self.theorem.conclusion if self.step is None else self.theorem.step(self.step).claim
        return substitute(source, self.mapping)


@dataclass(frozen=True)
class Induction:
    """Reason of a step: the first stages by themselves, then one stage after the other.

    Parameters
    ----------
    invariants : tuple of relation
        What is carried from stage to stage. All are to be shown at stage k.
    first : tuple of tuple of Step
        (steps of stage 0, ..., of stage k).
    advance : tuple of Step
        Steps that may use the invariants at a stage t >= k and end up with them at t + 1.

    Raises
    ------
    InputError
        When a part is no tuple of relations or of steps.

    Notes
    -----
    The invariants shown at each stage 0, ..., k hold at every stage t and at the horizon T: the step claims one of
    these. With k = 0 all that `advance` claims holds at every stage t < T.

    Claims about another stage have to be the same trees: write `substitute(invariant, {t: t + 1})`, with t + 1 built
    outside sympy.evaluate(False).

    Examples
    --------
    >>> import linres
    >>> reason = linres.load("nesterov-quadratic").step("conclusion").by
    >>> len(reason.invariants), [len(steps) for steps in reason.first], [step.name for step in reason.advance]
    (5, [7], ['energy', 'cosine', 'together', 'sine', 'product_squared', 'product', 'bounded'])
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
    """Reason of a step that no machine checks. A theorem with such a step is never `proved`.

    Parameters
    ----------
    text : str
        The reason, in words.

    Examples
    --------
    >>> import linres
    >>> linres.Prose("By compactness.").text
    'By compactness.'
    """

    text: str


@dataclass(frozen=True)
class Step:
    """One step of a proof: what is claimed, and why.

    Parameters
    ----------
    name : str
        The name, another for each step of a proof.
    claim : relation
        What the step claims; later steps may use it.
    by : Certificate, Rule, Lemma, Induction or Prose
        The reason.
    note : str, default ""
        A line for the reader.

    Examples
    --------
    >>> import linres
    >>> step = linres.load("gradient-step").step("below_1_squared")
    >>> step.claim, type(step.by).__name__
    (1 - q**2 > 0, 'Certificate')
    """

    name: str
    claim: Any
    by: Certificate | Rule | Lemma | Induction | Prose
    note: str = ""

    def parts(self) -> "Iterator[Step]":
        """This step and, before it, those that it is made of.

        Yields
        ------
        Step
            The steps of an induction, at any depth; last the step itself.
        """
        if isinstance(self.by, Induction):
            for step in (*chain.from_iterable(self.by.first), *self.by.advance):
                yield from step.parts()
        yield self


@dataclass(frozen=True)
class Control:
    """A variant of a theorem whose fate is known: a test of the checks themselves.

    Parameters
    ----------
    name : str
        The name, another for each control of a theorem.
    kind : {"stronger", "weaker"}
        "stronger" ones are false and must be refuted, "weaker" ones hold.
    change : mapping of expression to expression, default {}
        Subexpressions of the conclusion and what replaces them; each must occur.
    drop : tuple of relation, default ()
        Hypotheses left out.
    measure : callable, optional
        Another measurement (a wrong method), as the `measure` of a `Theorem`.
    witness : object, optional
        An instance that decides. Without one, instances are drawn.
    instances : callable, optional
        () -> Hypothesis strategy to draw from; by default the theorem's own.

    Examples
    --------
    >>> import linres
    >>> import sympy
    >>> theorem = linres.load("gradient-step")
    >>> L = sympy.Symbol("L", real=True)
    >>> control = linres.Control("faster", "stronger", {theorem.conclusion.rhs: 0 * L})
    >>> theorem.variant(control).expect
    'refuted'
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

    Parameters
    ----------
    name : {"descent", "nesterov", "stacking", "stacking-blocks", "additive", "random-start"}
        A key of `linres.methods.wrong.WRONG`, which has the wrong steps that are tried.
    measured : callable
        step -> a `measure` of the run of that step, which is claimed to be the method's own, without errors.

    Examples
    --------
    >>> import linres
    >>> linres.load("gradient-step").method.name
    'descent'
    """

    name: Literal["descent", "nesterov", "stacking", "stacking-blocks", "additive", "random-start"]
    measured: Callable[[Callable], Callable]


@dataclass(frozen=True)
class Batch:
    """Many instances measured in compiled float64: what a `sample` of a `Theorem` returns.

    Parameters
    ----------
    columns : mapping of symbol to (n,) array
        The values of each symbol, one for each instance.
    instance : callable
        k -> the k-th instance, rebuilt exactly.
    drawn : int
        How many instances were drawn, before any was discarded.

    Examples
    --------
    >>> import numpy as np
    >>> import linres
    >>> theorem = linres.load("gradient-step")
    >>> batch = theorem.sample(np.random.default_rng(0), 10)
    >>> batch.drawn >= 10, type(batch.instance(0)).__name__
    (True, 'NesterovRun')
    """

    columns: Mapping[Any, Any]
    instance: Callable[[int], Any]
    drawn: int


@dataclass(frozen=True)
class Limit:
    """A family of instances along which a theorem becomes sharp.

    The conclusion reads small <= large, and small/large is exactly `ratio`, which tends to `to`.

    Parameters
    ----------
    family : callable
        parameter -> instance.
    at : tuple
        Values of the parameter, at least 3, in the order in which `to` is approached.
    ratio : expression
        small/large, in the symbols of the theorem.
    to : rational, default 1
        The limit.
    tends : (symbol, value), optional
        Given if SymPy is to confirm that `ratio` tends to `to` as the symbol tends to the value.

    Raises
    ------
    InputError
        When a part is of another kind.

    Notes
    -----
    A theorem is reported as sharp in the limit if `to` is 1 and SymPy confirms it.

    Examples
    --------
    >>> import linres
    >>> limit = linres.load("nesterov-step").tightness
    >>> limit.to, len(limit.at)
    (Fraction(1, 1), 6)
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

    Only `name` and `conclusion` have to be given: the symbols are then those of the statement, and a statement about
    plain numbers is tried on rationals drawn for each (see `linres.plain`).

    Parameters
    ----------
    name : str
        The name, not empty.
    title : str, default ""
        What it says, in a line.
    provenance : {"user", "seed", "classical", "linres"}
        Whose statement it is: by default a user's; "seed" is claimed by a source paper, "linres" new here.
    symbols : mapping of symbol to str, optional
        Every symbol, every sequence label, and what it means. By default those of the statement, without meanings.
    hypotheses : tuple of relation, default ()
        What is assumed, over the symbols.
    conclusion : relation
        What is claimed.
    instances : callable, optional
        () -> Hypothesis strategy; its draws are rational and have a repr that evaluates.
    measure : callable, optional
        (instance, arithmetic) -> rows. A row maps symbols to values of that arithmetic, a sequence label to {stage:
        value}, a Probability or Expectation node to its exact value, or a Probability that can only be drawn to a
        `Chance`. It reads the problem and the trajectory only. Given with `instances`, or neither is.
    definitions : mapping of expression to expression, default {}
        Abbreviations, eliminated before a proof is checked and compared with what `measure` returns.
    over : tuple of two symbols, default ()
        (t, T) if hypotheses are assumed at stage 0 and every later stage t < T, and the conclusion holds for every T.
    sample : callable, optional
        (generator, count) -> `Batch` of instances measured in compiled float64.
    proof : tuple of Step, default ()
        The steps, the last of which claims the conclusion.
    controls : tuple of Control, default ()
        Variants whose fate is known.
    uses : tuple of str, default ()
        The names of theorems it builds on.
    expect : {"supported", "proved", "refuted"}
        The verdict that counts as success. "supported", the default, is also met by "proved".
    extremal : tuple, default ()
        Instances that are always checked first.
    own_method : bool, default True
        Whether measured values must agree with the definitions; False for a control that runs another method.
    tightness : Limit, optional
        Instances along which it becomes sharp.
    method : GenericStep, optional
        The generic step it runs, for mutants of the method.
    valid : callable, optional
        instance -> bool: whether one that was not drawn is one the theorem speaks of, for searches change the numbers
        of those drawn, integers too, and the lengths of their tuples. `anything` if the hypotheses say all that has to
        hold. None: nobody knows, so that a counterexample of this kind leaves a statement without a proof inconclusive
        instead of refuted; so does one of other lengths than were drawn if a predicate allows it.

    Raises
    ------
    InputError
        When a part is of the wrong kind, when a hypothesis or the conclusion is no relation (SymPy may have decided
        it), when a hypothesis for all stages mentions the horizon, when two steps have one name, or when only one of
        `instances` and `measure` is given.
    Refused
        When a symbol is not declared, or an expression has no exact meaning.

    Notes
    -----
    SymPy takes Expectation(X) of a plain symbol for X; Expectation(X, x_0), given x_0, stays what it is.

    Examples
    --------
    >>> import linres
    >>> import sympy
    >>> a, b = sympy.symbols("a b", real=True)
    >>> with sympy.evaluate(False):
    ...     claim = sympy.Le(2 * a * b, a**2 + b**2)
    >>> squares = linres.Theorem("squares", claim)
    >>> linres.verify(squares).verdict
    'supported'
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
                remedy = "Build them under sympy.evaluate(False), with symbols that are only real=True."
                raise refuse(f"Theorem({self.name!r})", "made of relations", repr(relation), remedy)
        self._fill_in(relations)
        scope = self._known_scope()
        for relation in relations:
            scope.admit(relation)
        if self.tightness is not None:
            scope.admit(Equality(self.tightness.ratio, 1, evaluate=False))
        if self.over and any({*self.over} <= relation.free_symbols for relation in self.hypotheses):
            wanted = f"without the horizon {self.over[1]} where they hold for all stages"
            raise refuse(f"Theorem({self.name!r}, hypotheses=...)", wanted, f"one with both of {self.over}")

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
        """The `linres.language.Scope` of the statement: its symbols, definitions and stages."""
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
        """All steps of the proof in the order they are checked.

        Returns
        -------
        tuple of Step
            Those within an induction included.

        Examples
        --------
        >>> import linres
        >>> [step.name for step in linres.load("gradient-step").steps()]
        ['below_1_squared', 'conclusion']
        """
        return tuple(chain.from_iterable(step.parts() for step in self.proof))

    def step(self, name: str) -> Step:
        """The proof step of that name.

        Parameters
        ----------
        name : str
            The name of a step, of one within an induction too.

        Returns
        -------
        Step
            The step.

        Raises
        ------
        InputError
            When there is none.
        """
        return self._named("step", name, {step.name: step for step in self.steps()})

    def control(self, name: str) -> "Theorem":
        """The variant of this theorem that the control of that name describes.

        Parameters
        ----------
        name : str
            The name of a control.

        Returns
        -------
        Theorem
            The variant, see `variant`.

        Raises
        ------
        InputError
            When there is none.
        """
        return self.variant(self._named("control", name, {control.name: control for control in self.controls}))

    def _named(self, kind: str, name: str, among: Mapping[str, Any]) -> Any:
        """What has the name. InputError if there is nothing."""
        if not isinstance(name, str) or name not in among:
            wanted = f"the name of one of {self.name}: {', '.join(among) or 'it has none'}"
            raise refuse(f"Theorem.{kind}(name)", wanted, repr(name), nearest(name, among))
        return among[name]

    def variant(self, control: Control) -> "Theorem":
        """This theorem, changed as the control says and without its proof.

        Parameters
        ----------
        control : Control
            The change.

        Returns
        -------
        Theorem
            The variant, called `name/control`. It is expected to be refuted if the control is "stronger".

        Raises
        ------
        InputError
            When the control changes nothing, or drops what is no hypothesis.
        """
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
        """The definitions that a row is read with.

        Parameters
        ----------
        row : mapping
            What `measure` returned of one stage or run.

        Returns
        -------
        mapping of expression to expression
            All definitions, or for another method those of what it did not measure.
        """
        if self.own_method:
            return self.definitions
        return {name: meaning for name, meaning in self.definitions.items() if name not in row}

    def latex(self) -> str:
        r"""The conclusion in LaTeX, the terms in the order they were written.

        Returns
        -------
        str
            A formula without dollar signs.

        Examples
        --------
        >>> import linres
        >>> print(linres.load("gradient-step").latex())
        f(x_{+}) - f^{\ast} \leq \left(1 - q^{2}\right)^{2} \left(f(x) - f^{\ast}\right)
        """
        from linres.printing import latex

        return latex(self.conclusion)

    def bound(self, **values: Any) -> Any:
        """The right side of the conclusion in float64, vectorised, for plots.

        Parameters
        ----------
        **values : float or array_like
            By symbol name, scalars or arrays that broadcast; a sequence by its label, as an array over stages or one
            number for all; the horizon T as an integer or an integer array.

        Returns
        -------
        float or ndarray
            The bound, of the shape that the values broadcast to.

        Raises
        ------
        InputError
            When the theorem does not have a name that is given, when one is missing, or when a sequence is too short.

        Examples
        --------
        >>> import linres
        >>> round(float(linres.load("gradient-step").bound(q=0.5, f_x=1.0, f_star=0.0)), 6)
        0.5625
        """
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
    """True: for the `valid` of a `Theorem`, where every instance that satisfies the hypotheses counts.

    Parameters
    ----------
    _instance : object
        An instance.

    Returns
    -------
    bool
        True.

    Examples
    --------
    >>> import linres
    >>> linres.anything(None)
    True
    """
    return True


@dataclass(frozen=True)
class Refutation:
    """A published claim that is false.

    Parameters
    ----------
    claim : Theorem
        The claim, expected to be refuted.
    instance : object
        An instance on which it fails.
    corrected : Theorem
        The corrected statement, which holds there.
    source : str
        Where the claim was published.

    Examples
    --------
    >>> import linres
    >>> first = linres.load_refutations("hardt-ma-2017-inequality-2-3")[0]
    >>> first.corrected.name, linres.refuted(first)
    ('hardt-ma-2017-inequality-2-3-corrected', True)
    """

    claim: Theorem
    instance: Any
    corrected: Theorem
    source: str


@dataclass
class Verdict:
    """What is known of a theorem after the ladder ran: what `verify` returns.

    Attributes
    ----------
    name : str
        The name of the theorem.
    title : str
        Its title.
    provenance : str
        Its provenance.
    expect : str
        The verdict expected.
    verdict : {"proved", "supported", "refuted", "inconclusive"}
        The verdict found.
    reason : str
        Why, in words.
    seconds : float
        How long the ladder took, in seconds.
    proof : dict of str to int
        How many "steps" of the proof there are, how many were "checked", and how many are "prose".
    evidence : dict of str to dict
        What each rung found: "symbolic", "rigorous", "sampled", "adversarial", "controls" and "tightness", run or not
        (key "ran").
    counterexample : dict, optional
        The instance that refutes it, with a "snippet" that shows it; None if there is none.

    Examples
    --------
    >>> import linres
    >>> verdict = linres.verify(linres.load("stacking-residual"))
    >>> verdict.verdict, verdict.met
    ('proved', True)
    >>> print(verdict)
    stacking-residual: proved (5 steps checked by the trusted core, every identity by the second checker too)
    """

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
