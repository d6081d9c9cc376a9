"""The ladder: each verdict in each way it can come about, exit codes, evidence, and what it must never say."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import strategies as st
from sympy import Eq, Ge, Gt, IndexedBase, Le, Lt, Ne, Rational, exp, log, pi, sqrt, symbols

from linres.certificate import Term
from linres.errors import InputError
from linres.rungs import controls, draw, symbolic, verify, wanting
from linres.theorem import Batch, Certificate, Control, Prose, Step, Theorem, anything
from linres.theorems import load

x, y, z = symbols("x y z", real=True)
n, t, T = symbols("n t T", integer=True)
RUNGS = {"symbolic", "rigorous", "sampled", "adversarial", "controls", "tightness"}


def measure_x(instance, arithmetic):
    return [{x: arithmetic.number(Fraction(instance))}]


def toy(conclusion, **options):
    """A theorem about a number x, by default an integer from -5 to 5."""
    given = {
        "symbols": dict.fromkeys((x, y, z), ""), "hypotheses": (), "instances": lambda: st.integers(-5, 5),
        "measure": measure_x,
    }
    return Theorem(name="toy", title="A toy", provenance="linres", conclusion=conclusion, **given | options)


with sympy.evaluate(False):
    SQUARE, POSITIVE = Ge(x**2, 0), Gt(x, 0)
    BELOW_3, UNDEFINED = Le(x, 3), Le(x, 1 / (x - x))
    PROOF = (Step("square", SQUARE, Certificate(Term(1, square=x))),)
    WRONG_PROOF = (Step("square", SQUARE, Certificate(Term(2, square=x))),)
    OTHER_PROOF = (Step("other", Ge(2 * x**2, 0), Certificate(Term(2, square=x))),)
    PROSE = (Step("square", SQUARE, Prose("A square is not negative.")),)
    RESTATED = (Step("again", BELOW_3, Certificate(Term(1, BELOW_3))),)
    HYPOTHETICAL = (Step("square", SQUARE, Certificate(Term(1, POSITIVE), Term(1, POSITIVE))),)


# Verdicts.


def test_proved():
    verdict = verify(toy(SQUARE, proof=PROOF))
    assert verdict.verdict == "proved" and wanting(verdict) == 0
    assert verdict.proof == {"steps": 1, "checked": 1, "prose": 0}


def test_supported_without_a_proof():
    verdict = verify(toy(SQUARE))
    assert verdict.verdict == "supported" and wanting(verdict) == 0
    assert verdict.reason == "11 of 11 rows (11 instances) hold with certainty; no proof"


def test_supported_by_prose_says_what_is_machine_checked():
    verdict = verify(toy(SQUARE, proof=PROSE))
    assert verdict.verdict == "supported" and verdict.reason.endswith("0 of 1 proof steps machine-checked")


def test_supported_counts_only_what_satisfies_the_hypotheses():
    verdict = verify(toy(SQUARE, hypotheses=(Gt(x, 4, evaluate=False),)))
    assert verdict.reason == "1 of 11 rows (11 instances) hold with certainty, 10 fail the hypotheses; no proof"
    assert verdict.evidence["rigorous"]["acceptance"] == 1 / 11


def test_refuted_with_the_simplest_counterexample():
    verdict = verify(toy(BELOW_3, instances=lambda: st.integers(0, 10**9)))
    assert verdict.verdict == "refuted" and wanting(verdict) == 1
    assert verdict.counterexample["instance"] == "4"
    assert (verdict.counterexample["left"], verdict.counterexample["right"]) == ("4", "3")


def test_a_counterexample_among_the_extremal_instances_counts_though_the_strategy_never_draws_it():
    verdict = verify(toy(BELOW_3, instances=lambda: st.integers(-5, 0), extremal=(1000,)))
    assert verdict.verdict == "refuted" and verdict.counterexample["instance"] == "1000"


def test_a_counterexample_to_a_proved_theorem_accuses_the_core(monkeypatch):
    complete = symbolic.Proof(steps=1, checked=1)
    monkeypatch.setattr(symbolic, "check", lambda theorem: complete)
    verdict = verify(toy(BELOW_3))
    assert verdict.verdict == "refuted" and "the trusted core is wrong" in verdict.reason


def test_a_false_hypothesis_makes_a_false_theorem_vacuous_not_proved():
    """x = 4 throughout and x <= 3 by hypothesis: the proof is right and says nothing."""
    restated = toy(BELOW_3, hypotheses=(BELOW_3,), measure=lambda i, a: [{x: a.number(4)}], proof=RESTATED)
    assert symbolic.check(restated).complete
    assert "vacuous" in verify(restated).reason


def test_inconclusive_if_vacuous():
    verdict = verify(toy(SQUARE, hypotheses=(Gt(x, 100, evaluate=False),)))
    assert verdict.verdict == "inconclusive" and wanting(verdict) == 3
    assert verdict.reason == "vacuous: none of 11 rows satisfies the hypotheses"


def test_inconclusive_if_vacuous_though_proved():
    verdict = verify(toy(SQUARE, hypotheses=(Gt(x, 100, evaluate=False),), proof=PROOF))
    assert verdict.verdict == "inconclusive" and "vacuous" in verdict.reason


@pytest.mark.parametrize("strategy", [st.nothing(), st.integers().filter(lambda _: False)])
def test_inconclusive_if_there_is_nothing_to_draw(strategy):
    assert verify(toy(SQUARE, instances=lambda: strategy)).reason == "vacuous: none of 0 rows satisfies the hypotheses"


def test_inconclusive_if_measure_returns_no_rows():
    assert "vacuous" in verify(toy(SQUARE, measure=lambda i, a: [])).reason


@pytest.mark.parametrize("proof", [WRONG_PROOF, OTHER_PROOF, HYPOTHETICAL])
def test_inconclusive_if_the_proof_is_refused(proof):
    verdict = verify(toy(SQUARE, proof=proof))
    assert verdict.verdict == "inconclusive" and "the proof is refused at" in verdict.reason
    assert " ".join(verdict.evidence["symbolic"]["reason"].split()) in verdict.reason


def test_a_refused_proof_does_not_hide_a_counterexample():
    assert verify(toy(BELOW_3, proof=WRONG_PROOF)).verdict == "refuted"


def test_inconclusive_if_measure_disagrees_with_a_definition():
    def measure(instance, arithmetic):
        return [{x: arithmetic.number(Fraction(instance)), z: arithmetic.number(Fraction(instance))}]

    verdict = verify(toy(SQUARE, measure=measure, definitions={z: x + 1}, proof=PROOF))
    assert verdict.verdict == "inconclusive" and verdict.reason.startswith("Disagree: z is")


@pytest.mark.parametrize("value", [0.5, np.float64(0.5), np.int64(1), Fraction(1, 2), True, "1"])
def test_inconclusive_if_a_measured_value_is_not_exact(value):
    verdict = verify(toy(SQUARE, measure=lambda i, a: [{x: value}], proof=PROOF))
    assert verdict.verdict == "inconclusive" and verdict.reason.startswith("NotExact")


def test_inconclusive_if_a_symbol_is_not_measured():
    verdict = verify(toy(Ge(y**2, 0, evaluate=False)))
    assert verdict.verdict == "inconclusive" and verdict.reason == "Missing: measure gives no value for y"


def test_inconclusive_if_a_definition_has_no_value():
    with sympy.evaluate(False):
        inverse = toy(Ge(z**2, 0), definitions={z: 1 / x})
    assert verify(inverse).verdict == "inconclusive"


with sympy.evaluate(False):
    NEVER_MORE_THAN_INCONCLUSIVE = {
        "right side undefined": UNDEFINED,
        "right side undefined at one point": Le(x, 1 / x + 100),
        "root of a negative number": Le(sqrt(x), 100),
        "logarithm of a negative number": Le(log(x), 100),
        "equality of nested roots": Le(sqrt(2) + sqrt(3) + x, sqrt(5 + 2 * sqrt(6)) + x),
        "inequality of equal nested roots": Lt(sqrt(2) + sqrt(3) + x, sqrt(5 + 2 * sqrt(6)) + x),
        "equality with e": Eq(exp(2) * x, exp(1) * exp(1) * x),
        "cube root": Ge(x ** Rational(1, 3), 0),
    }
    SUPPORTED = {
        "a root of a product": Eq(sqrt(2) * sqrt(3) * x, sqrt(6) * x),
        "true by 1e-300": Lt(sqrt(2) + sqrt(3), sqrt(5 + 2 * sqrt(6)) + x**2 + Rational(1, 10**300)),
        "exp(pi sqrt(163)) is no integer": Lt(exp(pi * sqrt(163)), x**2 + 262537412640768744),
        "false at a number that is not drawn": Ne(x, 17),
    }
    REFUTED = {
        "false by 1e-300": Lt(sqrt(2) + sqrt(3), sqrt(5 + 2 * sqrt(6)) - x**2 - Rational(1, 10**300)),
        "exp(pi sqrt(163)) is less than the integer": Ge(exp(pi * sqrt(163)), x**2 + 262537412640768744),
        "strict at equality": Lt(sqrt(2) * sqrt(3) * x**2, sqrt(6) * x**2),
        "different at equality": Ne(sqrt(2) * sqrt(3) * x, sqrt(6) * x),
        "false at one integer": Ne(x, 4),
    }


@pytest.mark.parametrize("name", NEVER_MORE_THAN_INCONCLUSIVE)
def test_what_cannot_be_decided_is_inconclusive(name):
    verdict = verify(toy(NEVER_MORE_THAN_INCONCLUSIVE[name]))
    assert verdict.verdict == "inconclusive" and wanting(verdict) == 3


@pytest.mark.parametrize("name", SUPPORTED)
def test_what_holds_by_a_hair_is_supported(name):
    assert verify(toy(SUPPORTED[name])).verdict == "supported"


@pytest.mark.parametrize("name", REFUTED)
def test_what_fails_by_a_hair_is_refuted(name):
    assert verify(toy(REFUTED[name])).verdict == "refuted"


def test_what_fails_in_dimension_4_only_is_supported_only_if_nobody_means_dimension_4():
    """Where 3 are drawn at most, a search tries 4: no word on whether they count, a predicate that forgets to say so,
    that none does, that all do."""
    def measure(instance, arithmetic):
        return [{x: len(instance), y: sum(instance)}]

    def of_dimension(d):
        return lambda: st.lists(st.integers(0, 1), min_size=1, max_size=d)

    with sympy.evaluate(False):
        claim = toy(Ne(y, 4), measure=measure)
    drawn = replace(claim, instances=of_dimension(3))
    assert verify(drawn).verdict == "inconclusive"
    assert verify(replace(drawn, valid=lambda v: {*v} <= {0, 1})).verdict == "inconclusive"
    assert verify(replace(drawn, valid=lambda v: {*v} <= {0, 1} and len(v) <= 3)).verdict == "supported"
    assert sum(eval(verify(replace(drawn, valid=anything)).counterexample["instance"])) == 4
    verdict = verify(replace(claim, instances=of_dimension(4)))
    assert verdict.verdict == "refuted" and verdict.counterexample["instance"] == "[1, 1, 1, 1]"


# Theorems over stages.

a = IndexedBase(symbols("a", real=True))


def growth(conclusion, hypotheses=(), **options):
    """About the sequence 1, 2, 4, ... of as many stages as the instance says."""
    return Theorem(
        name="growth", title="Doubling", provenance="linres", symbols=dict.fromkeys((a, t, T), ""), over=(t, T),
        hypotheses=hypotheses, conclusion=conclusion, instances=lambda: st.integers(0, 6),
        measure=lambda i, arithmetic: [{a: {k: arithmetic.number(2**k) for k in range(i + 1)}, T: i}], **options,
    )


later = a[t + 1]
with sympy.evaluate(False):
    DOUBLES, GROWS_SLOWLY, BOUNDED = Eq(later, 2 * a[t]), Le(later, a[t] + 8), Le(a[T], 2**T)


def test_a_theorem_over_stages_holds_at_every_horizon():
    assert verify(growth(BOUNDED, (DOUBLES,))).verdict == "supported"


def test_a_theorem_over_stages_fails_at_the_first_horizon_that_fails():
    verdict = verify(growth(Le(a[T], 31, evaluate=False), (DOUBLES,)))
    assert verdict.verdict == "refuted" and verdict.counterexample["horizon"] == 5


def test_a_run_that_breaks_a_hypothesis_at_one_stage_is_rejected():
    verdict = verify(growth(BOUNDED, (GROWS_SLOWLY,)))
    assert verdict.verdict == "supported" and verdict.evidence["rigorous"]["rejected"] == 3  # 0, 5 and 6 stages


def test_runs_of_no_stages_are_no_evidence_for_what_is_assumed_at_stages():
    only = growth(Le(a[T], 1, evaluate=False), (DOUBLES,))
    verdict = verify(replace(only, instances=lambda: st.just(0)))
    assert verdict.verdict == "inconclusive" and verdict.reason.startswith("vacuous")


# Expectations, exit codes, controls.


@pytest.mark.parametrize(
    ("expect", "conclusion", "proof", "code"),
    [
        ("proved", SQUARE, PROOF, 0), ("proved", SQUARE, (), 3), ("proved", BELOW_3, (), 1),
        ("supported", SQUARE, PROOF, 0), ("supported", SQUARE, (), 0), ("supported", BELOW_3, (), 1),
        ("refuted", SQUARE, PROOF, 1), ("refuted", SQUARE, (), 1), ("refuted", BELOW_3, (), 0),
        ("refuted", UNDEFINED, (), 3), ("refuted", SQUARE, WRONG_PROOF, 3),
    ],
)
def test_the_exit_code_compares_the_verdict_with_what_is_expected(expect, conclusion, proof, code):
    verdict = verify(toy(conclusion, expect=expect, proof=proof))
    assert wanting(verdict) == code and verdict.met == (code == 0)


def controlled(*variants, **options):
    return verify(toy(SQUARE, controls=variants, **options))


FALSE = Control("false", "stronger", change={x**2: x})
TRUE = Control("true", "weaker", change={x**2: 2 * x**2})


def test_controls_that_come_out_right_leave_the_exit_code_at_0():
    verdict = controlled(FALSE, TRUE)
    assert wanting(verdict) == 0 and controls.missed(verdict.evidence["controls"]) == []
    assert [c["refuted"] for c in verdict.evidence["controls"]["list"]] == [True, False]


@pytest.mark.parametrize("wrong", [replace(FALSE, kind="weaker"), replace(TRUE, kind="stronger")])
def test_a_control_that_comes_out_wrong_gives_exit_code_1(wrong):
    verdict = controlled(wrong)
    assert verdict.verdict == "supported" and wanting(verdict) == 1
    assert controls.missed(verdict.evidence["controls"]) == [wrong.name]


def test_a_weaker_control_that_nothing_decides_is_missed():
    verdict = controlled(replace(TRUE, instances=st.nothing))
    assert wanting(verdict) == 1 and verdict.evidence["controls"]["list"][0]["reason"] == "no row decided"


@pytest.mark.parametrize("kind", ["weaker", "stronger"])
def test_a_control_that_cannot_be_measured_is_missed_and_says_why(kind):
    broken = Control("broken", kind, measure=lambda i, a: [{x: 0.5}])
    verdict = controlled(FALSE, broken)
    assert verdict.verdict == "supported" and wanting(verdict) == 1
    assert verdict.evidence["controls"]["list"][1]["reason"].startswith("NotExact")


def test_a_control_is_refuted_by_its_witness_though_nothing_else_does():
    only_at_1000 = Control("rare", "stronger", change={x**2: 999 - x}, witness=1000)
    verdict = controlled(only_at_1000)
    assert verdict.evidence["controls"]["list"][0]["by"] == "witness"
    assert wanting(controlled(replace(only_at_1000, witness=None))) == 1


def test_a_control_may_bring_instances_of_its_own():
    verdict = controlled(Control("far", "stronger", change={x**2: 9 - x}, instances=lambda: st.integers(10, 20)))
    assert verdict.evidence["controls"]["list"][0]["by"] == "rigorous" and wanting(verdict) == 0


# The sampled rung.


def sampler(values):
    """A float64 batch of these values of x; the exact instance is the integer it stands for."""

    def sample(generator, count):
        columns = np.asarray(values(generator, count), dtype=float)
        return Batch({x: columns}, lambda k: int(columns[k]) if np.isfinite(columns[k]) else 0, np.int64(len(columns)))

    return sample


def uniform(generator, count):
    return generator.integers(-1000, 1000, count)


def test_float64_finds_what_few_instances_miss_and_exact_arithmetic_decides_it():
    verdict = verify(toy(Le(x, 990, evaluate=False), sample=sampler(uniform)))
    assert verdict.verdict == "refuted" and verdict.evidence["sampled"]["ran"]
    assert int(verdict.counterexample["instance"]) > 990


def test_a_failure_that_float64_found_is_shrunk():
    """The strategy reaches 1000 but its few draws near 0 do not; the simplest failure is 11."""
    strategy = st.one_of(*[st.integers(0, 10)] * 40, st.integers(0, 1000))
    verdict = verify(toy(Le(x, 10, evaluate=False), instances=lambda: strategy, sample=sampler(uniform)), seed=1)
    assert verdict.verdict == "refuted" and verdict.counterexample["instance"] == "11"


@pytest.mark.parametrize(
    "conclusion", [Eq(x, x + (x - 5) * (x + 5) * x, evaluate=False), Eq(x + (x - 5) * (x + 5) * x, x, evaluate=False)]
)
def test_float64_suspects_an_equation_on_either_side(conclusion):
    verdict = verify(toy(conclusion, instances=lambda: st.sampled_from([-5, 0, 5]), sample=sampler(uniform)))
    assert verdict.verdict == "refuted"


@pytest.mark.parametrize("conclusion", [Ne(x, 777, evaluate=False), Lt(-(x - 777) ** 2, 0, evaluate=False)])
def test_float64_suspects_equality_where_it_is_forbidden(conclusion):
    once = sampler(lambda generator, count: np.arange(1000))
    assert verify(toy(conclusion, sample=once)).verdict == "refuted"


def test_what_float64_cannot_evaluate_is_looked_at_exactly():
    """(x^400 - x^400)/... overflows to nan in float64; exactly it is false at x = 1000 only."""
    with sympy.evaluate(False):
        overflowing = Le((x**400 - x**399 * x) + x, 999)
    spread = sampler(lambda generator, count: np.append(np.zeros(50), 1000))
    assert verify(toy(overflowing, sample=spread)).verdict == "refuted"


def test_a_hypothesis_that_is_no_inequality_discards_nothing_in_float64():
    """x != 0 and x = x must not be read as x >= 0."""
    negative = sampler(lambda generator, count: -1 - np.arange(200))
    hypotheses = (Ne(x, 0, evaluate=False), Eq(x, x, evaluate=False))
    verdict = verify(toy(Ge(x, -100, evaluate=False), hypotheses=hypotheses, sample=negative))
    assert verdict.verdict == "refuted"


def test_a_suspect_that_no_precision_decides_is_inconclusive():
    """At x = 7 the two sides are equal nested roots."""
    with sympy.evaluate(False):
        equal_at_7 = Lt(sqrt(2) + sqrt(3) - (x - 7) ** 2, sqrt(5 + 2 * sqrt(6)))
    sevens = sampler(lambda generator, count: np.full(5, 7))
    verdict = verify(toy(equal_at_7, sample=sevens))
    assert verdict.verdict == "inconclusive" and "rows that float64 suspects undecided" in verdict.reason


def test_an_empty_batch_is_no_evidence():
    verdict = verify(toy(SQUARE, sample=sampler(lambda generator, count: [])))
    assert verdict.evidence["sampled"]["instances"] == 0
    json.dumps(verdict.evidence, allow_nan=False)


# Evidence.

EVERY_BRANCH = {
    "proved": toy(SQUARE, proof=PROOF, controls=(FALSE, TRUE)),
    "supported": toy(SQUARE, sample=sampler(uniform)),
    "refuted": toy(BELOW_3, controls=(Control("true", "weaker", change={x: x - 9}),)),
    "refuted by float64": toy(Le(x, 990, evaluate=False), sample=sampler(uniform)),
    "vacuous": toy(SQUARE, hypotheses=(Gt(x, 100, evaluate=False),)),
    "undecided": toy(NEVER_MORE_THAN_INCONCLUSIVE["equality of nested roots"]),
    "refused": toy(SQUARE, proof=WRONG_PROOF),
    "broken": toy(SQUARE, measure=lambda i, a: [{x: 0.5}]),
    "published": toy(BELOW_3, expect="refuted"),
}


@pytest.mark.parametrize("name", EVERY_BRANCH)
def test_every_rung_says_whether_it_ran_and_if_not_why(name):
    evidence = verify(EVERY_BRANCH[name]).evidence
    assert set(evidence) == RUNGS
    for rung in evidence.values():
        assert rung["ran"] is True or (rung["ran"] is False and rung["reason"])


@pytest.mark.parametrize("name", EVERY_BRANCH)
def test_evidence_is_json(name):
    verdict = verify(EVERY_BRANCH[name])
    json.dumps([verdict.evidence, verdict.counterexample, verdict.proof], allow_nan=False)


@pytest.mark.parametrize("name", [*EVERY_BRANCH, "absorption", "stacking-residual"])  # all: test_every_theorem.py
def test_the_same_seed_gives_the_same_evidence(name):
    theorem = EVERY_BRANCH.get(name) or load(name)
    first, second = (verify(theorem, seed=7) for _ in range(2))
    assert (first.evidence, first.counterexample) == (second.evidence, second.counterexample)


def test_another_seed_gives_other_instances():
    strategy = load("nesterov-step").instances()
    assert draw.instances(strategy, 20, seed=1) != draw.instances(strategy, 20, seed=2)


def test_more_is_spent_on_the_full_level():
    truth = toy(SQUARE, instances=lambda: st.integers(0, 10**6))
    quick, full = (verify(truth, level=level).evidence["rigorous"]["instances"] for level in ("quick", "full"))
    assert (quick, full) == (40, 400)


def test_progress_names_every_rung_and_control():
    lines = []
    verify(toy(SQUARE, proof=PROOF, controls=(FALSE,), sample=sampler(uniform)), progress=lines.append)
    assert lines == [f"toy: {rung}" for rung in ("symbolic", "rigorous", "sampled", "adversarial", "control false")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": "fast"}, "verify(level=...)"), ({"seed": -1}, "verify(seed=...)"),
        ({"seed": 1.0}, "verify(seed=...)"), ({"seed": True}, "verify(seed=...)"),
    ],
)
def test_bad_options_are_refused_by_name(options, message):
    with pytest.raises(InputError) as caught:
        verify(toy(SQUARE), **options)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("theorem", ["nesterov-step", None, Theorem])
def test_only_a_theorem_can_be_verified(theorem):
    with pytest.raises(InputError, match=r"verify\(theorem\) should be a Theorem"):
        verify(theorem)


def test_the_original_is_kept_if_hypothesis_finds_nothing_simpler():
    assert draw.smallest(st.integers(0, 3), lambda k: k == 99, 99, seed=0) == 99
    assert draw.smallest(st.nothing(), lambda k: True, 99, seed=0) == 99


def test_drawing_leaves_out_nothing_of_a_small_space():
    assert sorted(draw.instances(st.integers(-5, 5), 40, seed=0)) == list(range(-5, 6))


def test_hypotheses_that_the_search_satisfies_are_not_called_vacuous():
    """A disc of radius 1/100 around (7, 22/3), in which a < b."""
    a, b = sympy.symbols("a b", real=True)
    with sympy.evaluate(False):
        narrow = Le((a - 7) ** 2 + (b - Rational(22, 3)) ** 2, Rational(1, 10**4))
        theorem = Theorem("narrow", Le(a, b), hypotheses=(narrow,))
    verdict = verify(theorem)
    assert verdict.verdict == "inconclusive"
    assert "vacuous" not in verdict.reason and "draw such" in verdict.reason
