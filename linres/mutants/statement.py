"""Mutants of a statement, made from the trees of its conclusion, its hypotheses and the definitions it is written in.

Every number, and every coefficient 1 that is not written, is scaled both ways; exponents are changed, signs flipped,
relations made strict, into equations or turned round, symbols of one kind exchanged, hypotheses dropped. Each is
classed before anything is tried on it: see `classed`.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

from sympy import (
    Add,
    Equality,
    Expr,
    Indexed,
    IndexedBase,
    Integer,
    Mul,
    Pow,
    Rational,
    Symbol,
    expand,
    preorder_traversal,
)
from sympy.core.relational import GreaterThan, LessThan, StrictGreaterThan, StrictLessThan, Unequality

from linres.language import (
    AT_MOST,
    NUMBERS,
    STRICT,
    Det,
    Inner,
    Refused,
    among,
    at_least_zero,
    is_integer,
    is_vector,
    same,
    split_stages,
    substitute,
)
from linres.mutants.mutant import Mutant, Order, Witness, slug
from linres.mutants.order import DOWN, UNSEEN, UP, Beginning, Signs, needed_for_a_value
from linres.mutants.places import Path, Place, named, places, put, scaled
from linres.mutants.readings import Reading, measured
from linres.printing import text
from linres.theorem import Certificate, Induction, Lemma, Rule, Step, Theorem

FACTORS = (Rational(21, 20), Rational(2), Rational(10))  # the ladder: by 5 percent, twice, ten times; and down
STEPS = {"21/20": "5 %", "19/20": "5 %", "2": "2x", "1/2": "2x", "10": "10x", "1/10": "10x"}
TURNED = {
    LessThan: GreaterThan, GreaterThan: LessThan, StrictLessThan: StrictGreaterThan, StrictGreaterThan: StrictLessThan,
}
CLOSED = {LessThan: StrictLessThan, GreaterThan: StrictGreaterThan}
OPENED = {strict: closed for closed, strict in CLOSED.items()}


class Change:
    """One changed relation: its family, the change in a few words, the new tree and the path where it differs."""

    def __init__(self, family: str, edit: str, new: Any, path: Path | None, factor: str | None = None):
        self.family, self.edit, self.new, self.path, self.factor = family, edit, new, path, factor


def mutants(theorem: Theorem) -> Iterator[Mutant]:
    """Every mutant of the statement, classed."""
    classes = _Classes(theorem)
    for change in _of_conclusion(theorem.conclusion):
        if classes.is_void(change):
            continue
        yield _mutant(theorem, "conclusion", change, classes.of_conclusion(change))
    for position, hypothesis in enumerate(theorem.hypotheses):
        part = f"H{position + 1}"
        for change in _of_hypothesis(hypothesis):
            if not classes.is_void(change):
                yield _mutant(theorem, part, change, classes.of_hypothesis(hypothesis, change))
        yield _dropped(theorem, part, hypothesis, classes.of_dropped(hypothesis))
    for name, meaning in _stating(theorem):
        for change in _scalings(meaning, bare=True):
            yield _mutant(theorem, f"def-{name}", change, ("incomparable", "a definition is used on both sides"))


def _mutant(theorem: Theorem, part: str, change: Change, classed: tuple[Order, str]) -> Mutant:
    order, how = classed
    return Mutant(
        f"{slug(part)}/{slug(change.family)}/{slug(change.edit)}", "statement", f"{part}: {change.edit}", order, how,
        family=f"{slug(part)}/{slug(change.family)}", factor=change.factor, part=part,
        make=lambda: _changed(theorem, part, change.new),
    )


def _dropped(theorem: Theorem, part: str, hypothesis: Any, classed: tuple[Order, str]) -> Mutant:
    order, how = classed
    return Mutant(
        f"{part}/dropped", "statement", f"without {part}: {text(hypothesis)}", order, how, f"{part}/dropped", part,
        make=lambda: _changed(theorem, part, None),
    )


def _changed(theorem: Theorem, part: str, new: Any) -> Theorem:
    """The theorem with a part replaced (a hypothesis left out for None), able to measure what a `Witness` holds."""
    changes: dict[str, Any] = {}
    if part == "conclusion":
        changes["conclusion"] = new
    elif part.startswith("def-"):
        [name] = [name for name in theorem.definitions if f"def-{name}" == part]
        changes["definitions"] = {**theorem.definitions, name: new} | _moved_along(theorem, name, new)
    else:
        position = int(part[1:]) - 1
        kept = list(theorem.hypotheses)
        kept[position : position + 1] = [] if new is None else [new]
        changes["hypotheses"] = tuple(kept)
    return trying(replace(theorem, **changes, proof=(), expect="refuted"), theorem)


def _moved_along(theorem: Theorem, name: Any, new: Any) -> dict[Any, Any]:
    """The definitions of the same sequence at other stages, changed alike."""
    if type(name) is not Indexed or not theorem.over:
        return {}
    t, found = theorem.over[0], {}
    for other in theorem.definitions:
        if type(other) is not Indexed or other.args[0] != name.args[0] or not other.args[1].free_symbols:
            continue
        shift = other.args[1] - name.args[1]
        if shift != 0:
            found[other] = substitute(new, {t: t + shift})
    return found


def trying(variant: Theorem, theorem: Theorem) -> Theorem:
    """The variant, which measures also a `Witness` (as a control of the theorem does) and a `Reading`.

    Definitions that it changes are read as they now are: then nothing is measured that a definition gives.
    """
    of_reading = measured(variant)
    new = [name for name, meaning in variant.definitions.items() if not same(meaning, theorem.definitions[name])]
    controls = {control.name: control for control in theorem.controls}

    def measure(instance: Any, arithmetic: Any) -> Any:
        if type(instance) is Reading:
            return of_reading(instance, arithmetic)
        if type(instance) is Witness:
            control = controls[instance.control]
            rows = (control.measure or theorem.measure)(instance.instance, arithmetic)
        else:
            rows = theorem.measure(instance, arithmetic)
        return [_without(row, variant, new) for row in rows] if new else rows

    return replace(variant, measure=measure, controls=())


def _without(row: Any, theorem: Theorem, new: list[Any]) -> Any:
    """The row without what changed definitions give, directly or not."""
    gone, labels = list(new), {type(name) is Indexed and name.args[0] for name in new}
    for name, meaning in theorem.definitions.items():
        nodes = set(preorder_traversal(meaning))
        if any(each in nodes for each in gone) or any(label in nodes for label in labels if label):
            gone.append(name)
    leave = {each.args[0] if type(each) is Indexed else each for each in gone}
    return {symbol: value for symbol, value in row.items() if symbol not in leave}


# the changes


def _of_conclusion(conclusion: Any) -> Iterator[Change]:
    yield from _scalings(conclusion)
    yield from _exponents(conclusion)
    yield from _signs(conclusion)
    yield from _relations(conclusion)
    yield from _exchanges(conclusion)


def _of_hypothesis(hypothesis: Any) -> Iterator[Change]:
    if type(hypothesis) in {Equality, Unequality} and any(map(is_vector, hypothesis.args)):
        return
    yield from _scalings(hypothesis)
    yield from _signs(hypothesis)


def _scalings(relation: Any, bare: bool = False) -> Iterator[Change]:
    for place in places(relation):
        if place.role == "exponent":
            continue
        for up in (True, False):
            family = f"{named(place.path, None if bare else relation)}-{'up' if up else 'down'}"
            for factor in FACTORS:
                by = factor if up else {FACTORS[0]: Rational(19, 20)}.get(factor, 1 / factor)
                new = scaled(place, by)
                edit = f"{place.node}={new}" if place.role == "number" else f"{by}_times"
                yield Change(family, edit, put(relation, place.path, new), place.path, STEPS[str(by)])


def _exponents(relation: Any) -> Iterator[Change]:
    for place in places(relation):
        if place.role != "exponent":
            continue
        for new in _other_exponents(place.node):
            family = f"{named(place.path, relation)}={new}"
            yield Change(family, f"exponent_{place.node}={new}", put(relation, place.path, new), place.path)


def _other_exponents(exponent: Any) -> Iterator[Any]:
    if type(exponent) not in NUMBERS:
        if split_stages(exponent):
            yield from (exponent + 1, exponent - 1)
    elif exponent.q == 2:
        yield Integer(1)
    elif abs(exponent.p) > 1:
        yield from (exponent + 1, exponent - 1)
    else:
        yield 2 * exponent


def _signs(relation: Any) -> Iterator[Change]:
    """Every term of a sum with the other sign."""
    for place in _terms(relation, ()):
        new = _negated(place.node)
        yield Change(named(place.path, relation), "sign", put(relation, place.path, new), place.path)


def _terms(node: Any, path: Path) -> Iterator[Place]:
    if type(node) in {Symbol, Indexed} or type(node) in NUMBERS or is_integer(node):
        return
    for position, part in enumerate(node.args):
        here = (*path, position)
        if type(node) is Add and not (type(part) in NUMBERS and part.p == 0):
            yield Place(here, part, "term")
        if isinstance(part, Expr) and type(node) not in {Inner, Det}:
            yield from _terms(part, here)


def _negated(term: Any) -> Any:
    if type(term) in NUMBERS:
        return -term
    if type(term) is Mul and type(term.args[0]) in NUMBERS:
        first, *rest = term.args
        kept = ([] if -first == 1 else [-first]) + rest
        return kept[0] if len(kept) == 1 else Mul(*kept, evaluate=False)
    return Mul(Integer(-1), term, evaluate=False)


def _relations(conclusion: Any) -> Iterator[Change]:
    kind, args = type(conclusion), conclusion.args
    if kind in TURNED:
        yield Change("relation", "turned", TURNED[kind](*args, evaluate=False), None)
        yield Change("relation", "equation", Equality(*args, evaluate=False), None)
    if kind in CLOSED:
        yield Change("relation", "strict", CLOSED[kind](*args, evaluate=False), None)
    if kind in OPENED:
        yield Change("relation", "not-strict", OPENED[kind](*args, evaluate=False), None)
    if kind is Equality and not any(map(is_vector, args)):
        yield Change("relation", "at-most", LessThan(*args, evaluate=False), None)
        yield Change("relation", "at-least", GreaterThan(*args, evaluate=False), None)


def _exchanges(conclusion: Any) -> Iterator[Change]:
    """Two symbols of one kind that both occur, exchanged; not the two sides of an equation, which says the same."""
    nodes = list(dict.fromkeys(preorder_traversal(conclusion)))
    labels = {node.args[0] for node in nodes if type(node) is IndexedBase}
    plain = [node for node in nodes if type(node) is Symbol and node not in labels and not is_integer(node)]
    for a, b in combinations(plain, 2):
        sides = type(conclusion) is Equality and {a, b} == {*conclusion.args}
        if is_vector(a) == is_vector(b) and not sides:
            yield Change("exchange", f"{a}<>{b}", substitute(conclusion, {a: b, b: a}), None)


def _stating(theorem: Theorem) -> Iterator[tuple[Any, Any]]:
    """Definitions of scalars, without those of the proof alone; of a sequence one, which stands for all stages."""
    spoken_of: set[Any] = set()
    for relation in (theorem.conclusion, *theorem.hypotheses):
        spoken_of |= set(preorder_traversal(relation))
    labels = {node.args[0] for node in spoken_of if type(node) is Indexed}
    done: set[Any] = set()
    for name, meaning in theorem.definitions.items():
        label = name.args[0] if type(name) is Indexed else None
        if is_vector(name) or is_vector(meaning) or label in done or (name not in spoken_of and label not in labels):
            continue
        if label is not None:
            if not name.args[1].free_symbols or _runs(theorem, label):
                continue
            done.add(label)
        yield name, meaning


def _runs(theorem: Theorem, label: Any) -> bool:
    """Whether a sequence is what the method computes: defined at one stage by what it is at others."""
    return any(
        type(name) is Indexed and name.args[0] == label and label in set(preorder_traversal(meaning))
        for name, meaning in theorem.definitions.items()
    )


# the classes


class _Classes:
    """What a mutant is to its theorem, decided by structure and by signs."""

    def __init__(self, theorem: Theorem):
        self.theorem = theorem
        self.proved = _proved(theorem)
        self.beginning = Beginning(theorem.scope)
        self.facts = [*theorem.hypotheses, *(step.claim for step in self._sound_steps())]
        self._signs: dict[tuple[Any, ...], Signs | None] = {}
        self._needless: dict[Any, bool] = {}

    def _sound_steps(self) -> Iterator[Step]:
        """Steps of a complete proof whose claims hold of every stage: not those within an induction, nor the last."""
        if self.proved:
            yield from (step for step in self.theorem.proof[:-1] if not isinstance(step.by, Induction))

    def signs(self, facts: tuple[Any, ...]) -> Signs | None:
        if facts not in self._signs:
            try:
                self._signs[facts] = self.beginning.signs(facts)
            except Refused:
                self._signs[facts] = None
        return self._signs[facts]

    def of_conclusion(self, change: Change) -> tuple[Order, str]:
        old = self.theorem.conclusion
        if type(old) is Equality and type(change.new) is Equality:
            return "equation", "an equation in place of another"
        if type(change.new) is not type(old) and change.edit != "turned":
            implied = type(old) is Equality or (type(old) in STRICT and type(change.new) not in {Equality})
            return ("weaker" if implied else "stronger"), "structure"
        return self._by_gap(old, change, tuple(self.facts), {UP: "weaker", DOWN: "stronger"})

    def is_void(self, change: Change) -> bool:
        """Whether the change leaves a root of what is visibly at most 0: no statement."""
        signs = self.signs(tuple(self.facts))
        if signs is None or change.path is None:
            return False
        node = change.new
        for position in change.path:
            rooted = type(node) is Pow and type(node.exp) in NUMBERS and node.exp.q == 2
            if rooted and signs.of(node.base) == DOWN:
                return True
            node = node.args[position]
        return False

    def of_dropped(self, hypothesis: Any) -> tuple[Order, str]:
        return self._unless_needed(hypothesis, None)

    def of_hypothesis(self, hypothesis: Any, change: Change) -> tuple[Order, str]:
        """A weaker hypothesis makes a stronger theorem."""
        others = tuple(h for h in self.theorem.hypotheses if h is not hypothesis)
        orders: dict[int, Order] = {UP: "stronger", DOWN: "weaker"}
        order, how = self._by_gap(hypothesis, change, others, orders)
        if order == "incomparable":  # the hypothesis itself may show that it implies the new one
            order, how = self._by_gap(hypothesis, change, (*others, hypothesis), orders | {DOWN: "incomparable"})
        return self._unless_needed(hypothesis, change.new) if order == "stronger" else (order, how)

    def _by_gap(self, old: Any, change: Change, facts: tuple[Any, ...], orders: dict[int, Order]) -> tuple[Order, str]:
        signs = self.signs(facts)
        if signs is None or change.path is None or any(map(is_vector, old.args)):
            return "incomparable", "signs do not decide"
        try:
            found = signs.of_gaps(old, change.new, change.path)
        except Refused:
            found = UNSEEN
        return (orders[found], "signs") if found else ("incomparable", "signs do not decide")

    def _unless_needed(self, hypothesis: Any, new: Any) -> tuple[Order, str]:
        """Stronger, unless what is left cannot be said where the hypothesis fails, or proves the theorem as it is."""
        others = tuple(h for h in self.theorem.hypotheses if h is not hypothesis)
        if self._follows(hypothesis, others):
            return "equivalent", "where the hypothesis fails the statement has no value"
        if self._is_needless(hypothesis, others):
            return "proved", "the trusted core accepts the proof without this hypothesis"
        return "stronger", "structure" if new is None else "signs"

    def _is_needless(self, hypothesis: Any, others: tuple[Any, ...]) -> bool:
        """Whether the proof stands without it."""
        if hypothesis not in self._needless:
            unused = self.proved and not _used(self.theorem, hypothesis)
            self._needless[hypothesis] = unused and _still_proved(self.theorem, others)
        return self._needless[hypothesis]

    def _follows(self, hypothesis: Any, others: tuple[Any, ...]) -> bool:
        """Whether the hypothesis follows from the others and from what a value of the statement needs."""
        if any(same(hypothesis, at_least_zero(T)) for T in self.theorem.over[1:]):
            return True  # a number of stages
        needed = needed_for_a_value((self.theorem.conclusion, *others), self.theorem.definitions)
        if type(hypothesis) in {Equality, Unequality}:
            return among(hypothesis, needed)
        signs = self.signs((*others, *needed, *_strengthened(needed)))
        if signs is None:
            return False
        low, high = hypothesis.args if type(hypothesis) in AT_MOST else hypothesis.args[::-1]
        gap = high if same(low, Integer(0)) else Add(high, Mul(Integer(-1), low, evaluate=False), evaluate=False)
        try:
            closed = signs.of(gap) == UP
            return closed and (type(hypothesis) not in STRICT or signs.positive(gap) or _is_barred(hypothesis, needed))
        except Refused:
            return False


def _is_barred(hypothesis: Any, needed: list[Any]) -> bool:
    """Whether a symbol cannot be at its bound, since a denominator would be 0: q < 1 where 1 - q^2 is divided by."""
    symbol, bound = hypothesis.args if type(hypothesis.args[0]) is Symbol else hypothesis.args[::-1]
    if type(symbol) is not Symbol or type(bound) not in NUMBERS:
        return False
    nonzero = [fact.args[0] for fact in needed if type(fact) is Unequality and symbol in fact.args[0].free_symbols]
    return any(expand(base.xreplace({symbol: bound})) == 0 for base in nonzero if not is_vector(base))


def _strengthened(needed: list[Any]) -> Iterator[Any]:
    """b > 0 for every b that has to be nonnegative and cannot be 0."""
    nonzero = [fact.args[0] for fact in needed if type(fact) is Unequality]
    for fact in needed:
        if type(fact) is GreaterThan and any(same(fact.args[0], base) for base in nonzero):
            yield StrictGreaterThan(*fact.args, evaluate=False)


def _proved(theorem: Theorem) -> bool:
    from linres.rungs import symbolic

    return bool(theorem.proof) and symbolic.check(theorem).complete


def _still_proved(theorem: Theorem, hypotheses: tuple[Any, ...]) -> bool:
    from linres.rungs import symbolic

    return symbolic.check(replace(theorem, hypotheses=hypotheses, controls=())).complete


def _used(theorem: Theorem, hypothesis: Any) -> bool:
    """Whether a step names the hypothesis as a fact, a premise, or something that a lemma needs."""
    over = theorem.over
    moved = [hypothesis]
    if over and over[0] in hypothesis.free_symbols:
        moved += [substitute(hypothesis, {over[0]: Integer(k)}) for k in range(3)]
    return any(same(fact, each) for step in theorem.steps() for fact in _named_by(step) for each in moved)


def _named_by(step: Step) -> Iterator[Any]:
    by = step.by
    if isinstance(by, Certificate):
        for term in by.terms:
            yield from term.facts
    elif isinstance(by, Rule):
        yield from by.premises
    elif isinstance(by, Lemma):
        yield from (substitute(h, by.mapping) for h in by.theorem.hypotheses)
