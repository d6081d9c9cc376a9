"""Proofs, step by step: ours are accepted, and false theorems are not, whatever their proofs lean on."""

from dataclasses import dataclass, replace

import pytest
import sympy
from steps import EVERY_STEP, assert_refused, check_alone, seen, watched
from sympy import Eq, Ge, Gt, IndexedBase, Integer, Le, Lt, Ne, Rational, Symbol, sqrt, symbols

from linres import certificate
from linres.certificate import MayVanish, NotEqual, NotListed, SignUnknown, Term
from linres.errors import InputError
from linres.language import AT_MOST, Det, GeometricSum, Inner, NotExact, Undeclared, substitute
from linres.rules import Misapplied
from linres.rungs import second
from linres.rungs.symbolic import Circular, Disagreement, Lemmas, NotProved, Unrelated, check
from linres.theorem import Certificate, Lemma, Prose, Rule, Step, Theorem
from linres.theorems import NAMES, load

a, b, c, x, y, z = symbols("a b c x y z", real=True)
u, v, W, V = symbols("u v W V", commutative=False)
t, T, n = symbols("t T n", integer=True)
X, Y = IndexedBase(x), IndexedBase(y)


def le(left, right):
    return Le(left, right, evaluate=False)


def nothing():
    raise AssertionError("no instance is needed to check a proof")


def theorem(conclusion, *proof, name="claimed", symbols=(a, b, c, x, y, z, u, v, W, V, n), **options):
    return Theorem(
        name=name, title=name, provenance="linres", symbols=dict.fromkeys(symbols, ""),
        hypotheses=options.pop("hypotheses", ()), conclusion=conclusion, instances=nothing, measure=nothing,
        proof=tuple(proof), **options,
    )


def claim(statement, *terms):
    return Step("conclusion", statement, Certificate(*terms))


def by(statement, reason):
    return Step("conclusion", statement, reason)


@pytest.mark.parametrize("name", [name for name in NAMES if load(name).expect == "proved"])
def test_proves(name):
    proof, _, _ = watched(name)
    assert proof.complete, proof.refusal
    assert proof.counts() == {"steps": proof.steps, "checked": proof.steps, "prose": 0}
    assert len(proof.identities) == proof.steps


@pytest.mark.parametrize("name", [name for name in NAMES if load(name).expect == "supported"])
def test_accepts_what_stands_between_words_and_does_not_call_it_proved(name):
    theorem, proof = load(name), check(load(name))
    words = [step.name for step in theorem.steps() if isinstance(step.by, Prose)]
    assert proof.refusal is None and not proof.complete
    assert proof.counts() == {"steps": len(theorem.steps()), "checked": proof.steps - len(words), "prose": len(words)}
    assert len(proof.identities) == proof.checked > 0
    without = replace(theorem, proof=tuple(step for step in theorem.proof if not isinstance(step.by, Prose)))
    assert check(without).refusal is not None  # words are what its conclusion rests on


def test_every_step_of_the_proof_is_needed():
    proved = load("nesterov-step")
    for left_out in proved.proof:
        steps = tuple(step for step in proved.proof if step is not left_out)
        assert not check(replace(proved, proof=steps)).complete, left_out.name


def stronger(statement):
    """A statement that asks a little more: the smaller side, or one side of an equation, grows by 1/1000."""
    left, right = statement.args
    more = Rational(1, 1000)
    with sympy.evaluate(False):
        return type(statement)(*((left + more, right) if type(statement) in AT_MOST else (left, right + more)))


@pytest.mark.parametrize(("name", "position"), EVERY_STEP)
def test_refuses_a_step_whose_claim_asks_for_a_little_more(name, position):
    step, scope, facts = seen(name)[0][position]
    assert check_alone(name, step, scope, facts) is not None
    with pytest.raises((NotEqual, Misapplied, Unrelated)):
        check_alone(name, replace(step, claim=stronger(step.claim)), scope, facts)


@pytest.mark.parametrize("name", NAMES)
def test_every_step_is_shown_to_who_watches(name):
    assert [step.name for step, _, _ in seen(name)[0]] == [step.name for step in load(name).steps()]


# Lemmas to lean on.

def squares(**options):
    """2 x y <= x^2 + y^2."""
    statement = le(2 * x * y, x**2 + y**2)
    return theorem(statement, claim(statement, Term(1, square=x - y)), name="squares", symbols=(x, y), **options)


HALF = le(z / 2, z)
LESSER = theorem(HALF, claim(HALF, Term(Rational(1, 2), Ge(z, 0))), name="half", symbols=(z,), hypotheses=(Ge(z, 0),))
LENGTH = le(0, z)
DEFINED = theorem(
    LENGTH, claim(LENGTH, Term(1, norm=u - v)), name="length", symbols=(z, u, v), definitions={z: Inner(u - v, u - v)})
ROOTED = theorem(le(0, sqrt(z)), claim(le(0, sqrt(z)), Term(sqrt(z))), name="root", symbols=(z,),
                 hypotheses=(Ge(z, 0),))
ONE = theorem(le(0, 1), claim(le(0, 1), Term(1)), name="one", symbols=(x,))
EXPANDED = Eq((x + y) ** 2, x**2 + 2 * x * y + y**2)
BINOMIAL = theorem(EXPANDED, claim(EXPANDED), name="binomial", symbols=(x, y))
TWO_STEPS = theorem(
    le(0, x**2 + y**2), Step("left", le(0, x**2), Certificate(Term(1, square=x))),
    claim(le(0, x**2 + y**2), Term(1, le(0, x**2)), Term(1, square=y)), name="two steps", symbols=(x, y))
STAGES = theorem(le(X[n], X[n] + 1), claim(le(X[n], X[n] + 1), Term(1)), name="stages", symbols=(x, n))
with sympy.evaluate(False):
    IDENTITY = Eq(W * W**-1 * V, V)
CANCELS = theorem(IDENTITY, claim(IDENTITY), name="cancels", symbols=(W, V), hypotheses=(Ne(Det(W), 0),))
SEQUENCE = theorem(le(X[n], X[n] + 1), claim(le(X[n], X[n] + 1), Term(1)), name="sequence", symbols=(X, n))
SUMMED = le(GeometricSum(x, y, X[n], n, t), GeometricSum(x, y, X[n], n, t))
SUM = theorem(le(0, 1), claim(le(0, 1), Term(1)), name="sum", symbols=(x, y, n, t), hypotheses=(SUMMED,))
MANY = theorem(le(x, x + 1), claim(le(x, x + 1), Term(1)), name="many", symbols=(x, t, T), over=(t, T))
PROSE = theorem(le(x, x), Step("conclusion", le(x, x), Prose("clearly")), name="prose", symbols=(x,))
UNPROVED = theorem(le(x, x), name="unproved", symbols=(x,))
WRONG = theorem(le(1, x), claim(le(1, x), Term(1, square=x)), name="wrong", symbols=(x,))


def using(conclusion, lemma, mapping=None, step=None, **options):
    return theorem(conclusion, by(conclusion, Lemma(lemma, mapping or {}, step)), **options)


def over_stages(conclusion, *proof, hypotheses=(), **options):
    return theorem(
        conclusion, *proof, symbols=(X, Y, c, t, T), over=(t, T), hypotheses=(Ge(T, 0), *hypotheses), **options)


NOW, AFTER = X[t], X[t + 1]
UNROLLED = le(X[T], GeometricSum(X[0], 1, 0, t, T))
DECREASES = le(AFTER, 1 * NOW + 0)
UNROLL = (Step("decreases", DECREASES, Certificate(Term(1, le(AFTER, NOW)))),
          Step("conclusion", UNROLLED, Rule("induction", DECREASES)))
MONOTONE = over_stages(UNROLLED, *UNROLL, hypotheses=(le(AFTER, NOW),))


class Two(Theorem):
    """A theorem that shows other hypotheses to the reader than to the checker."""


class Lying(Step):
    """A step of another kind."""


@dataclass(frozen=True)
class Trust:
    """A reason that is none."""


class Changing(tuple):
    """Steps that are one proof when walked through and another when looked at."""

    def __iter__(self):
        return iter(ONE.proof)


class Shifting(dict):
    """A mapping that is another each time."""


class Fickle(str):
    """The name of a rule, or of something else when it is asked again."""

    def __hash__(self):
        return hash("root")


def with_attribute(statement, **attributes):
    for name, value in attributes.items():
        object.__setattr__(statement, name, value)
    return statement


def terms_on_the_way():
    """Terms that are made while they are read, when anything else might be made of the theorem too."""
    yield from SQUARE.by.terms


def two(**options):
    made = theorem(le(0, 1), claim(le(0, 1), Term(1)), **options)
    return Two(**{name: getattr(made, name) for name in Theorem.__dataclass_fields__})


POSITIVE = le(0, x**2 + 1)
SQUARE = claim(POSITIVE, Term(1, square=x), Term(1))
HONEST = theorem(POSITIVE, SQUARE)
FALSE = le(1, 0)

# name: (class of the refusal, part of it, a theorem that is proved, the same theorem forged)
FORGERIES = {
    # the proof and its conclusion
    "a true identity, but not the conclusion": (
        Unrelated, "is not the conclusion", HONEST, replace(HONEST, conclusion=le(1, x**2 + 1))),
    "the conclusion turned around": (
        Unrelated, "is not the conclusion", HONEST, replace(HONEST, conclusion=Ge(x**2 + 1, 0, evaluate=False))),
    "a stronger conclusion": (
        Unrelated, "is not the conclusion", HONEST, replace(HONEST, conclusion=Lt(0, x**2 + 1, evaluate=False))),
    "a conclusion that equals the last claim only by algebra": (
        Unrelated, "is not the conclusion", HONEST, replace(HONEST, conclusion=le(-1, x**2))),
    "a step after the conclusion": (
        Unrelated, "is not the conclusion", HONEST, replace(HONEST, proof=(SQUARE, replace(ONE.proof[0], name="one")))),
    "a conclusion that was a later claim's hypothesis": (
        NotListed, "step 1 ", HONEST, theorem(FALSE, claim(FALSE, Term(1, FALSE)))),
    "two claims that prove each other": (
        NotListed, "step 1 ",
        theorem(le(x, y), Step("there", Ge(y, x), Certificate(Term(1, le(x, y)))), claim(le(x, y), Term(1, Ge(y, x))),
                hypotheses=(le(x, y),)),
        theorem(le(x, y), Step("there", Ge(y, x), Certificate(Term(1, le(x, y)))), claim(le(x, y), Term(1, Ge(y, x))))),
    "a reason that is none": (
        Unrelated, "a step's reason", HONEST, replace(HONEST, proof=(replace(SQUARE, by=Trust()),))),
    "a step of a subclass": (
        Unrelated, "made of Step", HONEST, replace(HONEST, proof=(Lying("conclusion", POSITIVE, SQUARE.by),))),
    "a theorem of a subclass": (Unrelated, "got Two", ONE, two()),
    "a proof that is another when it is walked through": (
        Unrelated, "tuples and dicts", ONE,
        with_attribute(theorem(FALSE, claim(FALSE, Term(1))), proof=Changing([claim(FALSE, Term(1))]))),
    "definitions of a class of their own": (
        Unrelated, "tuples and dicts", HONEST, with_attribute(theorem(POSITIVE, SQUARE), definitions=Shifting())),
    "terms that are made while the proof is checked": (
        Unrelated, "Certificate: its terms", HONEST,
        replace(HONEST, proof=(replace(SQUARE, by=with_attribute(Certificate(), terms=terms_on_the_way())),))),
    "a step with a name of a class of its own": (
        Unrelated, "Step with a name", HONEST, replace(HONEST, proof=(replace(SQUARE, name=Fickle("square")),))),
    "a name of a class of its own": (
        Unrelated, "with a name", HONEST, with_attribute(theorem(POSITIVE, SQUARE), name=type("S", (str,), {})("s"))),
    # statements
    "a claim that SymPy decided": (
        NotExact, "no exact meaning", HONEST, replace(HONEST, proof=(replace(SQUARE, claim=sympy.true),))),
    "a claim with a float": (
        NotExact, "is a float", HONEST, replace(HONEST, proof=(replace(SQUARE, claim=le(0.0, x**2 + 1)),))),
    "a claim about an undeclared symbol": (
        Undeclared, "not among", HONEST,
        replace(HONEST, proof=(replace(SQUARE, claim=le(0, Symbol("k", real=True) ** 2)),))),
    "prose about an undeclared symbol": (
        Undeclared, "not among", HONEST,
        replace(HONEST, proof=(Step("said", le(0, Symbol("k", real=True)), Prose("clearly")), SQUARE))),
    "an identity off by one": (
        NotEqual, "not identically", HONEST,
        theorem(le(1, x**2), claim(le(1, x**2), Term(1, square=x)))),
    "a weight of unknown sign": (
        SignUnknown, "weight x",
        theorem(le(0, x), claim(le(0, x), Term(x)), hypotheses=(Ge(x, 0),)),
        theorem(le(0, x), claim(le(0, x), Term(x)))),
    "a denominator that may vanish": (
        MayVanish, "denominator x",
        theorem(le(0, 1 / x**2), claim(le(0, 1 / x**2), Term(1, square=1 / x)), hypotheses=(Ne(x, 0),)),
        theorem(le(0, 1 / x**2), claim(le(0, 1 / x**2), Term(1, square=1 / x)))),
    "an index of a fact about its root": (
        SignUnknown, "weight",  # a root and its base were once one and the same indeterminate
        theorem(le(0, 2 - x), claim(le(0, 2 - x), Term(2 - x)), hypotheses=(Ge(x, 0), Le(x, 2))),
        theorem(le(0, 2 - x), claim(le(0, 2 - x), Term(2 - x)), hypotheses=(Ge(x, 0), Le(sqrt(x), 2)))),
    # rules
    "a root of unknown sign": (
        Misapplied, "not visibly nonnegative",
        theorem(le(a, b), by(le(a, b), Rule("root", le(a**2, b**2))), hypotheses=(le(a**2, b**2), Ge(b, 0))),
        theorem(le(a, b), by(le(a, b), Rule("root", le(a**2, b**2))), hypotheses=(le(a**2, b**2),))),
    "a rule from what is not known": (
        NotListed, "neither a hypothesis",
        theorem(le(a, b), by(le(a, b), Rule("root", le(a**2, b**2))), hypotheses=(le(a**2, b**2), Ge(b, 0))),
        theorem(le(a, b), by(le(a, b), Rule("root", le(a**2, b**2))), hypotheses=(Ge(b, 0),))),
    "a rule with a name of a class of its own": (
        Unrelated, "Rule: its name",
        theorem(le(a, b), by(le(a, b), Rule("root", le(a**2, b**2))), hypotheses=(le(a**2, b**2), Ge(b, 0))),
        theorem(le(a, b), by(le(a, b), Rule(Fickle("root"), le(a**2, b**2))), hypotheses=(le(a**2, b**2), Ge(b, 0)))),
    "a rule with premises of a class of their own": (
        Unrelated, "Rule: its premises",
        theorem(le(a, b), by(le(a, b), Rule("root", le(a**2, b**2))), hypotheses=(le(a**2, b**2), Ge(b, 0))),
        theorem(le(a, b), by(le(a, b), with_attribute(Rule("root"), premises=Changing([le(a**2, b**2)]))),
                hypotheses=(le(a**2, b**2), Ge(b, 0)))),
    "an induction without a horizon": (
        Misapplied, "needs the hypothesis", MONOTONE, replace(MONOTONE, hypotheses=(le(AFTER, NOW),))),
    # lemmas
    "a lemma that says something else": (
        Unrelated, "is not what squares gives", using(le(2 * a * b, a**2 + b**2), squares(), {x: a, y: b}),
        using(le(2 * a * b, a**2 + c**2), squares(), {x: a, y: b})),
    "a lemma whose number is replaced": (
        Unrelated, "replaces symbols", using(le(0, 1), ONE), using(le(0, -1), ONE, {Integer(1): Integer(-1)})),
    "a lemma whose expression is replaced": (
        Unrelated, "replaces symbols", using(le(2 * a * b, a**2 + b**2), squares(), {x: a, y: b}),
        using(le(2 * x * y, x), squares(), {x**2 + y**2: x})),
    "a lemma whose symbol is not its own": (
        Unrelated, "replaces symbols", using(le(0, 1), ONE, {x: a}), using(le(0, 1), ONE, {a: x})),
    "a lemma with a mapping of a class of its own": (
        Unrelated, "is a dict", using(le(0, 1), ONE, {x: a}), using(le(0, 1), ONE, Shifting({x: a}))),
    "a lemma whose sequence is replaced at one place": (
        Unrelated, "replaces symbols", using(le(Y[n], Y[n] + 1), STAGES, {x: y}),
        using(le(0, X[n] + 1), STAGES, {X[n]: Integer(0)})),
    "a lemma with one symbol of another kind": (
        Unrelated, "both be scalars", using(le(2 * a * b, a**2 + b**2), squares(), {x: a, y: b}),
        using(le(2 * n * b, n**2 + b**2), squares(), {x: n, y: b})),
    "a lemma about scalars used for matrices": (
        Unrelated, "both be scalars", using(Eq((a + b) ** 2, a**2 + 2 * a * b + b**2), BINOMIAL, {x: a, y: b}),
        using(Eq((W + V) ** 2, W**2 + 2 * W * V + V**2), BINOMIAL, {x: W, y: V})),
    "a lemma with a symbol that is not declared here": (
        Undeclared, "not among", using(le(2 * x * y, x**2 + y**2), squares(), symbols=(x, y)),
        using(le(0, 1), theorem(le(0, 1), claim(le(0, 1), Term(1)), name="one", symbols=(y,)), symbols=(x,))),
    "a lemma with an image that need not be defined": (
        MayVanish, "denominator b", using(le(0, 1), ONE, {x: 1 / b}, hypotheses=(Ne(b, 0),)),
        using(le(0, 1), ONE, {x: 1 / b})),
    "a lemma with an image that is no real number": (
        SignUnknown, "square root of b", using(le(0, 1), ONE, {x: sqrt(b)}, hypotheses=(Ge(b, 0),)),
        using(le(0, 1), ONE, {x: sqrt(b)})),
    "a lemma with a float in its image": (
        NotExact, "is a float", using(le(0, 1), ONE, {x: a + 1}), using(le(0, 1), ONE, {x: a + 1.0})),
    "a lemma whose hypothesis is missing": (
        Unrelated, "half needs", using(le(a / 2, a), LESSER, {z: a}, hypotheses=(Ge(a, 0),)),
        using(le(a / 2, a), LESSER, {z: a}, hypotheses=(Ge(b, 0),))),
    "a lemma whose hypothesis is said otherwise": (
        Unrelated, "half needs", using(le(a / 2, a), LESSER, {z: a}, hypotheses=(Ge(a, 0),)),
        using(le(a / 2, a), LESSER, {z: a}, hypotheses=(le(0, a),))),
    "a lemma whose definition is missing": (
        Unrelated, "should be here what it is in",
        using(LENGTH, DEFINED, definitions=DEFINED.definitions), using(LENGTH, DEFINED)),
    "a lemma whose definition is another": (
        Unrelated, "should be here what it is in", using(LENGTH, DEFINED, definitions=DEFINED.definitions),
        using(LENGTH, DEFINED, definitions={z: Inner(u, v)})),
    "a lemma whose definition is mapped elsewhere": (
        Unrelated, "should be here what it is in",
        using(le(0, c), DEFINED, {z: c}, definitions={c: Inner(u - v, u - v)}),
        using(le(0, c), DEFINED, {z: c, v: u}, definitions={c: Inner(u - v, u - v)})),
    "a lemma whose definition is another by a little": (
        Unrelated, "should be here what it is in",
        using(le(0, Inner(v - u, v - u)), DEFINED, {z: Inner(v - u, v - u)}),
        using(le(0, Inner(v - u, v - u) - 1), DEFINED, {z: Inner(v - u, v - u) - 1})),
    "a lemma with a sum over stages": (
        Unrelated, "has a sum", using(le(0, 1), ONE), using(le(0, 1), SUM, symbols=(x, y, n, t), hypotheses=(SUMMED,))),
    "a lemma over all stages": (Unrelated, "about a single stage", using(le(0, 1), ONE), using(le(x, x + 1), MANY)),
    "a lemma about a sequence": (
        Unrelated, "about the sequence", using(le(X[n], X[n] + 1), STAGES), using(le(X[n], X[n] + 1), SEQUENCE)),
    "a lemma of a subclass": (
        Unrelated, "a lemma is a Theorem", using(le(0, 1), ONE), using(le(0, 1), two(name="two"))),
    "a step of a lemma that does not exist": (
        Unrelated, "has no step", using(le(0, a**2), TWO_STEPS, {x: a}, "left"),
        using(le(0, a**2), TWO_STEPS, {x: a}, "right")),
    "a step of a lemma with a name of a class of its own": (
        Unrelated, "Lemma: its step", using(le(0, a**2), TWO_STEPS, {x: a}, "left"),
        using(le(0, a**2), TWO_STEPS, {x: a}, Fickle("left"))),
    "a step of a lemma that is another": (
        Unrelated, "is not what two steps gives", using(le(0, a**2), TWO_STEPS, {x: a}, "left"),
        using(le(0, a**2), TWO_STEPS, {x: a}, "conclusion")),
    "a lemma that is the theorem itself": (
        Circular, "in its own proof", using(le(0, 1), ONE), using(le(0, 1), replace(ONE, name="claimed"))),
    "a lemma that leans on the theorem": (
        NotProved, "claimed is used in its own proof", using(le(0, 1), using(le(0, 1), ONE, name="between")),
        using(le(0, 1), using(le(0, 1), replace(ONE, name="claimed"), name="between"))),
    "a lemma with a step in prose": (
        NotProved, "the lemma prose is not proved", using(le(0, 1), ONE), using(le(x, x), PROSE)),
    "a lemma without a proof": (NotProved, "prose or no steps", using(le(0, 1), ONE), using(le(x, x), UNPROVED)),
    "a lemma with a wrong proof": (
        NotProved, "not identically", using(le(0, 1), ONE), using(le(1, x), WRONG)),
    "a lemma for a matrix that may be singular": (
        Unrelated, "cancels needs",
        using(substitute(CANCELS.conclusion, {W: u}), CANCELS, {W: u}, hypotheses=(Ne(Det(u), 0),)),
        using(substitute(CANCELS.conclusion, {W: u}), CANCELS, {W: u})),
}

@pytest.mark.parametrize(("kind", "message", "honest", "forged"), FORGERIES.values(), ids=FORGERIES)
def test_refuses(kind, message, honest, forged):
    assert_refused(forged, beside=honest, by=kind, saying=message)


def test_prose_is_counted_and_never_makes_a_proof():
    said = theorem(le(0, x**2 + 1), Step("said", le(0, x**2), Prose("clearly")),
                   claim(le(0, x**2 + 1), Term(1, le(0, x**2)), Term(1)))
    proof = check(said)
    assert proof.refusal is None
    assert proof.counts() == {"steps": 2, "checked": 1, "prose": 1}
    assert not proof.complete
    shown = Step("shown", le(0, x**2), Certificate(Term(1, square=x)))
    assert check(replace(said, proof=(shown, said.proof[1]))).complete


def test_prose_counts_whatever_a_theorem_or_a_step_says_of_its_steps():
    said = Step("said", FALSE, Prose("clearly"))
    steps = (said, claim(FALSE, Term(1, FALSE)))
    short_of_steps = with_attribute(theorem(FALSE, *steps), steps=lambda: steps[1:])
    no_part_of_it = theorem(FALSE, with_attribute(replace(said), parts=lambda: iter(())), steps[1])
    for forged in (theorem(FALSE, *steps), short_of_steps, no_part_of_it):
        assert check(forged).counts() == {"steps": 2, "checked": 1, "prose": 1}
        assert not check(forged).complete


TWICE = theorem(
    le(2 * b * c, b**2 + c**2), Step("first", le(2 * a * b, a**2 + b**2), Lemma(squares(), {x: a, y: b})),
    by(le(2 * b * c, b**2 + c**2), Lemma(squares(), {x: b, y: c})))


def using_twice(lemma, again):
    uses = zip(TWICE.proof, (lemma, again), strict=True)
    return replace(TWICE, proof=tuple(replace(step, by=replace(step.by, theorem=used)) for step, used in uses))


def test_a_lemma_is_checked_once_in_a_check_and_again_in_the_next(monkeypatch):
    claims, honest = [], certificate.check
    monkeypatch.setattr(
        certificate, "check", lambda claim, *given, **named: claims.append(claim) or honest(claim, *given, **named))
    lemma = squares()
    twice = using_twice(lemma, lemma)
    assert check(twice).complete
    assert claims == [lemma.conclusion]
    assert check(using_twice(lemma, replace(lemma))).complete
    assert claims == [lemma.conclusion] * 3  # an equal theorem is another, for SymPy is not asked what equals what
    with_attribute(lemma, proof=())
    assert check(twice).refused_by is NotProved


@pytest.mark.parametrize("change", [{"proof": ()}, {"conclusion": le(3 * x * y, x**2 + y**2)}])
def test_a_lemma_that_was_proved_says_nothing_of_another_of_its_name(change):
    lemma = squares()
    assert check(using_twice(lemma, replace(lemma))).complete
    refused = check(using_twice(lemma, replace(lemma, **change)))
    assert refused.refused_by is NotProved
    assert refused.refusal.startswith("step 2")


def test_a_lemma_that_was_proved_is_still_not_used_in_its_own_proof():
    Lemmas((), [ONE]).require_proved(ONE)
    with pytest.raises(Circular):
        Lemmas(("claimed", "one"), [ONE]).require_proved(ONE)


def test_a_lemma_that_was_not_proved_is_not_taken_for_proved_later():
    lemmas = Lemmas()
    for _ in range(2):
        with pytest.raises(NotProved):
            lemmas.require_proved(UNPROVED)
    lemmas.require_proved(ONE)
    assert lemmas.proved == [ONE]


def test_a_theorem_without_a_proof_is_not_proved():
    assert not check(replace(HONEST, proof=())).complete
    assert check(HONEST).complete


def test_a_second_checker_that_disagrees_refuses_the_step(monkeypatch):
    assert check(HONEST).complete
    monkeypatch.setattr(second, "agrees", lambda identity, definitions: False)
    refused = check(HONEST)
    assert not refused.complete
    assert refused.refused_by is Disagreement


# Statements that cannot even be made: name: (exception, part of it, the statement as it should be, the one refused)
UNSAYABLE = {
    "a constant ratio that hides a stage": (
        NotExact, "changes with",
        lambda: over_stages(UNROLLED, *UNROLL, hypotheses=(le(AFTER, NOW),), definitions={c: Integer(2)}),
        lambda: over_stages(UNROLLED, *UNROLL, hypotheses=(le(AFTER, NOW),), definitions={c: Y[t]})),
    "a stage that is zero by definition": (
        NotExact, "counts stages", lambda: MONOTONE,
        lambda: over_stages(UNROLLED, *UNROLL, hypotheses=(le(AFTER, NOW + t),), definitions={t: Integer(0)})),
    "a sequence defined in two ways": (
        NotExact, "one definition", lambda: over_stages(UNROLLED, definitions={X[t]: Y[t], X[t + 1]: Y[t + 1]}),
        lambda: over_stages(UNROLLED, definitions={X[t]: Integer(1), X[t + 1]: Integer(0)})),
    "a hypothesis for all stages about the horizon": (
        InputError, "without the horizon T where they hold for all stages", lambda: MONOTONE,
        lambda: over_stages(UNROLLED, hypotheses=(le(AFTER, NOW), Le(t, T)))),
    "a hypothesis that SymPy decided": (
        InputError, "made of relations", lambda: HONEST, lambda: theorem(POSITIVE, hypotheses=(Le(x, x + 1),))),
    "a number defined anew": (
        NotExact, "can be defined", lambda: theorem(POSITIVE, definitions={z: Integer(3)}),
        lambda: theorem(POSITIVE, definitions={Integer(2): Integer(3)})),
    "a positive symbol": (
        Undeclared, "and nothing else", lambda: theorem(le(0, x), hypotheses=(Gt(x, 0),)),
        lambda: theorem(le(0, x), symbols=(x, Symbol("p", positive=True)))),
}


@pytest.mark.parametrize(("kind", "message", "honest", "forged"), UNSAYABLE.values(), ids=UNSAYABLE)
def test_refuses_to_state(kind, message, honest, forged):
    honest()
    with pytest.raises(kind, match=message):
        forged()
