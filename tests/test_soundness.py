"""Ways in which a verdict once said more than is known, each pinned."""

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy
from hypothesis import strategies as st
from sympy import Eq, Ge, Gt, IndexedBase, Integer, Le, Ne, Rational, sqrt, symbols

from linres.arithmetic import EXACT
from linres.certificate import Term
from linres.errors import InputError
from linres.evaluate import Enclosure
from linres.language import Det, GeometricSum, Inner, NotExact
from linres.rungs import verify, wanting
from linres.theorem import Batch, Certificate, Control, Step, Theorem

x, c = symbols("x c", real=True)
t, T = symbols("t T", integer=True)
X = IndexedBase(x)


def toy(conclusion, *hypotheses, **options):
    """A theorem about an integer x from -5 to 5."""
    given = {
        "symbols": {x: "", c: ""}, "instances": lambda: st.integers(-5, 5),
        "measure": lambda k, arithmetic: [{x: arithmetic.number(k)}],
    }
    return Theorem(
        name="toy", title="A toy", provenance="linres", hypotheses=hypotheses, conclusion=conclusion, **given | options
    )


with sympy.evaluate(False):
    BETWEEN_LOW, BETWEEN_HIGH, SIGN = Ge(X[t], 0), Le(X[t], c), Ge(c, 0)
    SMALL, BELOW_3, QUOTIENT, NONZERO = Le(x, 3), Le(x, 2), Le(x**2 * x**-1, 3), Ne(x, 0)
    SQUARE = Ge(x**2, 0)


def measure_constant(stages, arithmetic):
    """X_t = 1 at every stage, c = 1; with no stages at all c = -1."""
    one = arithmetic.number(1)
    return [{X: dict.fromkeys(range(stages), one), T: stages, c: one if stages else -one}]


def test_a_run_of_no_stages_is_neither_evidence_nor_counterexample_to_what_is_assumed_at_stage_0():
    proof = (Step("sign", SIGN, Certificate(Term(1, BETWEEN_LOW), Term(1, BETWEEN_HIGH))),)
    claim = Theorem(
        name="sign", title="A bound of what is not negative", provenance="linres", symbols={X: "", c: "", t: "", T: ""},
        hypotheses=(BETWEEN_LOW, BETWEEN_HIGH), conclusion=SIGN, over=(t, T), proof=proof, expect="proved",
        instances=lambda: st.integers(0, 3),
        measure=measure_constant,
    )
    verdict = verify(claim)
    assert verdict.verdict == "proved"
    assert verdict.evidence["rigorous"]["rejected"] > 0
    assert verify(replace(claim, instances=lambda: st.just(0))).verdict == "inconclusive"


def test_a_true_identity_is_not_refuted_by_a_measured_value_that_is_only_close():
    root = sympy.sqrt(1 + sympy.sqrt(2))
    with sympy.evaluate(False):
        identity = Eq(c**4 - 2 * c**2, Integer(1))
    near = Fraction(155377397403003730734415895306314694816458349941030783633267, 10**59)
    claim = toy(
        identity, definitions={c: root}, proof=(Step("identity", identity, Certificate()),),
        measure=lambda k, arithmetic: [{x: arithmetic.number(k), c: arithmetic.number(near)}],
    )
    verdict = verify(claim)
    assert verdict.verdict == "inconclusive" and verdict.reason.startswith("Disagree")


def batch_with_holes(generator, count):
    """x = 0, where the quotient has no value in float64, in most rows; in a few x = 4, where the claim fails."""
    values = np.where(generator.random(count) < 0.01, 4.0, 0.0)
    return Batch({x: values}, lambda row: int(values[row]), count)


@pytest.mark.parametrize("seed", range(5))
def test_rows_without_a_number_do_not_crowd_out_the_suspects_that_matter(seed):
    claim = toy(QUOTIENT, NONZERO, instances=lambda: st.integers(-3, 3), sample=batch_with_holes)
    verdict = verify(claim, seed=seed)
    assert verdict.verdict == "refuted" and verdict.counterexample["instance"] == "4"


def test_suspects_that_were_not_examined_are_named():
    def ties(generator, count):
        return Batch({x: np.full(count, 5.0)}, lambda row: 2, count)

    verdict = verify(toy(SMALL, instances=lambda: st.integers(0, 3), sample=ties, valid=lambda k: 0 <= k <= 3))
    assert verdict.evidence["sampled"]["unexamined"] > 0
    assert "were not examined" in verdict.reason


def test_a_refuted_theorem_whose_proof_checks_never_exits_with_0():
    absurd = toy(BELOW_3, SMALL, proof=(Step("again", BELOW_3, Certificate(Term(1, BELOW_3))),), expect="refuted")
    verdict = verify(absurd)
    assert verdict.verdict == "refuted" and wanting(verdict) == 0  # its proof is refused: a fair refutation
    verdict.evidence["symbolic"]["complete"] = True
    assert wanting(verdict) == 1


def test_a_theorem_measured_by_another_method_is_not_supported():
    wrong = toy(Le(c, 0, evaluate=False), definitions={c: x**2}, own_method=False,
                measure=lambda k, arithmetic: [{x: arithmetic.number(k), c: arithmetic.number(-1)}])
    assert verify(wrong).verdict == "inconclusive"


@pytest.mark.parametrize("change", [{x: x}, {x + c: x + c - 1}, {Integer(3): Integer(3)}])
def test_a_control_that_changes_nothing_is_refused(change):
    claim = toy(SMALL, controls=(Control("nothing", "weaker", change=change),))
    with pytest.raises(ValueError, match="change of a part"):
        claim.control("nothing")


@pytest.mark.parametrize(
    "options",
    [
        {"expect": "prove"}, {"provenance": "ours"}, {"name": ""}, {"hypotheses": Gt(x, 0)},
        {"instances": st.integers()}, {"measure": None, "instances": 3}, {"controls": (Control("typo", "Stronger"),)},
    ],
)
def test_a_theorem_with_a_part_of_the_wrong_kind_is_refused_by_name(options):
    with pytest.raises(InputError) as refusal:
        replace(toy(SQUARE), **options)
    assert "should be" in str(refusal.value)


def test_ctrl_c_within_a_callback_of_the_garbage_collector_is_not_lost():
    program = """
import gc, signal, sys
from linres import cli
from linres.commands import show
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
def interrupted(phase, info):
    raise KeyboardInterrupt
def run(arguments):
    gc.callbacks.append(interrupted); gc.collect(); gc.callbacks.clear()
    for _ in range(10**7): pass
    print("went on")
    return 0
show.run_list = run
sys.exit(cli.main(["list"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert "went on" not in done.stdout


@pytest.mark.parametrize("arguments", [["list"], ["--version"], ["show", "nesterov-step"]])
def test_a_full_disk_is_said_in_one_line(arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "linres", *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert "No space left" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("row", [{}, {symbols("s", integer=True): 0}])
def test_no_row_freezes_the_index_of_a_sum(row):
    s = symbols("s", integer=True)
    counted = Le(GeometricSum(0, 1, s, s, Integer(3)), 0, evaluate=False)
    claim = toy(counted, symbols={s: ""}, measure=lambda k, arithmetic: [row])
    assert verify(claim).verdict == "refuted"


@pytest.mark.parametrize("index", [x, T, Integer(2)])
def test_a_sum_binds_the_stage_or_an_integer_symbol(index):
    with pytest.raises(NotExact, match="should sum over"):
        Theorem(
            name="sum", title="A sum", provenance="linres", symbols={x: "", t: "", T: ""}, over=(t, T), hypotheses=(),
            conclusion=Le(GeometricSum(0, 1, index, index, Integer(3)), 0, evaluate=False), instances=st.none,
            measure=list,
        )


def test_a_control_without_anything_in_it_is_refused():
    with pytest.raises(InputError, match="a change, a drop"):
        toy(SMALL, controls=(Control("empty", "weaker"),)).control("empty")


def test_what_another_method_measures_refutes_no_theorem_of_ours():
    wrong = toy(Le(c, 0, evaluate=False), definitions={c: x - x}, own_method=False,
                measure=lambda k, arithmetic: [{x: arithmetic.number(k), c: arithmetic.number(5)}])
    assert verify(wrong).verdict == "inconclusive"


@pytest.mark.parametrize(
    "measured", [None, {x: 1}, [3], [{x: flint.arb("inf")}], [{x: flint.arb("nan")}], [{x: 0.5}], [{T: 1}], [{X: 1}]]
)
def test_a_malformed_measurement_is_inconclusive(measured):
    verdict = verify(toy(SMALL, measure=lambda k, arithmetic: measured))
    assert verdict.verdict == "inconclusive"


W, V = symbols("W V", commutative=False)
COLUMN, SQUARE_MATRIX = EXACT.matrix([[1], [2]]), EXACT.matrix([[1, 0], [0, 1]])


@pytest.mark.parametrize(
    ("conclusion", "row"),
    [
        (Le(Inner(W, V), 1, evaluate=False), {W: COLUMN, V: SQUARE_MATRIX}),
        (Le(Inner(W, Integer(1)), 1, evaluate=False), {W: COLUMN}),
        (Le(Det(W), 1, evaluate=False), {W: COLUMN}),
        (Le(sympy.Abs(W, evaluate=False), 1, evaluate=False), {W: SQUARE_MATRIX}),
        (Le(sympy.exp(W, evaluate=False), 1, evaluate=False), {W: SQUARE_MATRIX}),
    ],
    ids=["shapes", "a number in an inner product", "no square", "size of a matrix", "exponential of a matrix"],
)
def test_what_does_not_exist_for_these_shapes_is_inconclusive(conclusion, row):
    claim = toy(conclusion, symbols={W: "", V: ""}, measure=lambda k, arithmetic: [row])
    assert verify(claim).verdict == "inconclusive"


def test_a_matrix_of_another_shape_than_its_definition_is_noticed():
    claim = toy(
        Le(Inner(V, V), 9, evaluate=False), symbols={W: "", V: ""}, definitions={V: 2 * W},
        measure=lambda k, arithmetic: [{W: COLUMN, V: SQUARE_MATRIX}],
    )
    assert verify(claim).reason.startswith("Disagree")


@pytest.mark.parametrize("measured", [7, -1])
def test_a_probability_is_measured_from_0_to_1(measured):
    from sympy.stats import Probability

    chance = Probability(Le(x, 0))
    claim = toy(Le(chance, 3, evaluate=False), measure=lambda k, arithmetic: [{chance: arithmetic.number(measured)}])
    verdict = verify(claim)
    assert verdict.verdict == "inconclusive" and "from 0 to 1" in verdict.reason


with sympy.evaluate(False):
    UNCOUNTABLE = {"0/x": t + 0 / x, "0 x": t + 0 * x, "1/(t - t)": (t - t) ** -1, "a root": sqrt(t), "a real": x}


@pytest.mark.parametrize("exponent", UNCOUNTABLE.values(), ids=UNCOUNTABLE)
def test_stages_are_counted_by_what_always_has_a_value(exponent):
    """SymPy makes 0 of 0/x, which has no value at x = 0: an exponent is made of stages or it is refused."""
    walk = Enclosure({x: flint.fmpq(0)}, {}, {t: 3})
    assert walk.whole(2 * t + Rational(1, 2)) == Rational(13, 2)
    with pytest.raises(NotExact, match="not made of stages"):
        walk.whole(exponent)


def test_an_exponent_counts_what_was_measured_as_an_integer_and_nothing_else():
    n = symbols("n", integer=True)
    assert Enclosure({n: 4}, {}, {t: 3}).whole(n - 1) == 3
    assert Enclosure({t: 9}, {}, {t: 3}).whole(t) == 3, "the horizon is that of the walk, not the longest measured"
    for value in (flint.fmpq(4), flint.arb(4), 4.0):
        with pytest.raises(NotExact, match="not made of stages"):
            Enclosure({n: value}, {}, {t: 3}).whole(n - 1)
    with pytest.raises(NotExact, match="not made of stages"):
        Enclosure({}, {}, {t: 3}).whole(n)
