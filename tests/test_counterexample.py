"""Counterexamples: their snippets run with SymPy alone and say that the claim is false, however thin it is."""

import json
from fractions import Fraction
from functools import cache

import flint
import pytest
import sympy
from hypothesis import strategies as st
from sympy import Eq, Ge, Gt, IndexedBase, Le, Lt, Ne, Rational, exp, pi, sqrt, symbols, transpose
from sympy.stats import Probability
from sympy_alone import output

from linres.arithmetic import EXACT
from linres.language import Det, GeometricSum, Inner, norm
from linres.printing import latex
from linres.rungs import counterexample, rigorous
from linres.theorem import Theorem
from linres.theorems import NAMES, load

x, y, z, E, lam = symbols("x y z E lambda", real=True)
A, B, C = symbols("A B C", commutative=False)
t, T = symbols("t T", integer=True)


def described(theorem, instance=None):
    failure = rigorous.check(theorem, instance).failure
    assert failure is not None
    return counterexample.describe(theorem, failure)


@cache
def described_control(name, control):
    theorem = load(name)
    [witness] = [c.witness for c in theorem.controls if c.name == control]
    return theorem.control(control), described(theorem.control(control), witness)


def claim(conclusion, row, **options):
    names = dict.fromkeys(options.pop("names", row), "")
    return Theorem(
        name="claim", title="A false claim", provenance="linres", symbols=names, conclusion=conclusion,
        instances=st.none, measure=lambda instance, arithmetic: [row], **{"hypotheses": ()} | options,
    )


@pytest.mark.parametrize(("snippet", "error"), [
    ("import linres", "ModuleNotFoundError"), ("print(1 is True", "SyntaxError"), ("raise SystemExit(3)", "SystemExit"),
])
def test_a_snippet_that_needs_our_modules_or_fails_is_noticed_and_leaves_nothing_behind(snippet, error):
    with pytest.raises(AssertionError, match=error):
        output(f"left = 1\n{snippet}")
    assert output("print('left' in globals(), __name__)") == "False __main__"


def false_controls():
    return [(name, control.name) for name in NAMES for control in load(name).controls if control.kind == "stronger"]


@pytest.mark.parametrize(("name", "control"), false_controls())
def test_the_snippet_of_every_false_control_runs_and_says_false(name, control):
    variant, found = described_control(name, control)
    *hypotheses, claimed = output(found["snippet"]).splitlines()
    assert claimed.endswith("is False")
    assert len(hypotheses) == len(variant.hypotheses)
    assert all(line.endswith("is True") for line in hypotheses)
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(("name", "control"), false_controls())
def test_the_paragraph_of_every_false_control_restates_claim_hypotheses_and_both_sides(name, control):
    variant, found = described_control(name, control)
    text = found["latex"]
    assert text.startswith(f"The claim ${latex(variant.conclusion)}$ is false. Take\n$")
    for hypothesis in variant.hypotheses:
        assert f"${latex(hypothesis)}" in text
    assert all(f"{latex(side)} " in text.split("hypothesis holds:")[-1] for side in variant.conclusion.args)
    body = text.split("\n% measured on ")[0]
    assert body.count("$") % 2 == 0 and body.count("{") == body.count("}")
    assert body.count(r"\begin{pmatrix}") == body.count(r"\end{pmatrix}")


def test_a_paragraph_to_be_pasted():
    with sympy.evaluate(False):
        theorem = claim(Le(x, y), {x: half(3), y: 1, A: matrix((1, 2), (0, Fraction(-1, 3)))},
                        hypotheses=(Gt(x, 0), Ne(Det(A), 0)))
    assert described(theorem, "the instance")["latex"] == r"""The claim $x \leq y$ is false. Take
$x = \frac{3}{2}$,
$y = 1$,
$A = \begin{pmatrix} 1 & 2 \\ 0 & -\frac{1}{3} \end{pmatrix}$.
Every hypothesis holds:
$x > 0$,
$\det A \neq 0$.
But $x = \frac{3}{2}$ and $y = 1$.
% measured on 'the instance'"""


def test_a_paragraph_writes_what_is_long_or_no_rational_rounded_and_says_so():
    with sympy.evaluate(False):
        theorem = claim(Ge(x, y + pi), {x: half(1), y: flint.fmpq(1, 3**200)})
    text = described(theorem)["latex"]
    assert r"$y \approx 3.76486194960 \cdot 10^{-96}$" in text
    assert r"Then $x = \frac{1}{2}$ and $y + \pi \approx 3.14159265359$." in text


def test_a_paragraph_says_what_a_symbol_is_defined_as():
    with sympy.evaluate(False):
        theorem = claim(Le(z, 1), {x: half(3)}, names={x: "", z: ""}, definitions={z: 2 * x})
    assert "$z = 2 x = 3$" in described(theorem)["latex"]


def test_hypotheses_about_stages_are_checked_at_each_and_said_to_be():
    a = IndexedBase(symbols("a", real=True))
    with sympy.evaluate(False):
        theorem = claim(
            Le(a[T], a[0]), {a: {0: half(1), 1: half(2), 2: half(3)}, T: 2}, names=dict.fromkeys((a, t, T), ""),
            over=(t, T), hypotheses=(Ge(a[t], 0), Ge(T, 0)))
    found = described(theorem)
    assert r"$a_{t} \geq 0 \quad (0 \leq t < T)$," in found["latex"]
    assert output(found["snippet"]).splitlines()[:2] == ["a[t] >= 0 is True", "T >= 0 is True"]


@pytest.mark.parametrize("hypothesis", [
    Le(sqrt(2) * x, sqrt(8) * x / 2, evaluate=False), Lt(sqrt(2), Rational(3, 2), evaluate=False),
    Eq(sqrt(2) * sqrt(3), sqrt(6), evaluate=False), Ne(x, sqrt(2), evaluate=False), Eq(A, A, evaluate=False),
])
def test_a_hypothesis_about_roots_or_matrices_is_restated_as_true(hypothesis):
    theorem = claim(Lt(x, x, evaluate=False), {x: half(3), A: matrix((1, 2), (3, 4))}, hypotheses=(hypothesis,))
    assert output(described(theorem)["snippet"]).splitlines()[0].endswith("is True")


def test_a_hypothesis_that_is_false_would_be_printed_as_false():
    """What says True is a check: with another number in the snippet it says False."""
    theorem = claim(Lt(x, x, evaluate=False), {x: half(3)}, hypotheses=(Gt(x, 1, evaluate=False),))
    snippet = described(theorem)["snippet"]
    assert output(snippet).startswith("x > 1 is True")
    assert output(snippet.replace("Rational(3, 2)", "Rational(1, 2)")).startswith("x > 1 is False")


def half(n):
    return flint.fmpq(n, 2)


with sympy.evaluate(False):
    THIN = {
        "true up to 300 digits": Lt(sqrt(2) + sqrt(3), sqrt(5 + 2 * sqrt(6)) - Rational(1, 10**300)),
        "equal roots, strictly": Lt(sqrt(2) * x, sqrt(8) * x / 2),
        "equal roots, different": Ne(sqrt(2) * sqrt(3) * x, sqrt(6) * x),
        "equal rationals, strictly": Lt(x, x),
        "unequal rationals": Eq(x, x + Rational(1, 10**50)),
        "more than pi": Ge(x, pi + exp(x)),
    }


@pytest.mark.parametrize("name", THIN)
def test_a_thin_counterexample_is_printed_as_false(name):
    assert output(described(claim(THIN[name], {x: half(3)}))["snippet"]).endswith("is False")


def test_a_value_known_as_a_ball_is_written_with_all_its_digits():
    """The claim misses by 1e-40, far below float64."""
    with sympy.evaluate(False):
        conclusion = Le(x**2, 2 - Rational(1, 10**40))
    theorem = claim(conclusion, {}, names={x: ""})
    measured = Theorem(**{**vars(theorem), "measure": lambda i, a: [{x: a.sqrt(a.number(2))}]})
    assert output(described(measured)["snippet"]).endswith("is False")


def matrix(*rows):
    return EXACT.matrix([[Fraction(entry) for entry in row] for row in rows])


MATRICES = {A: matrix((1, 2), (3, 4)), B: matrix((0, 1), (1, 1)), x: half(3)}
with sympy.evaluate(False):
    OF_MATRICES = {
        "a scalar is that multiple of the identity": Eq(A * B, A + x),
        "inverse and transpose": Eq(A * B**-1, transpose(A) - 2 * B),
        "determinant and norm": Le(norm(A) + Det(A), x),
        "inner product of a sum": Eq(Inner(A + B, B), x),
        "an abbreviation of a matrix": Eq(C * A, A * C),
    }


@pytest.mark.parametrize("name", OF_MATRICES)
def test_the_snippet_of_a_claim_about_matrices_says_false(name):
    with sympy.evaluate(False):
        theorem = claim(OF_MATRICES[name], MATRICES, names={**MATRICES, C: ""}, definitions={C: A * B + transpose(A)})
    assert output(described(theorem)["snippet"]).endswith("is False")


def test_names_that_python_or_sympy_use_are_changed():
    n, left, reserved = symbols("N left lambda", real=True)
    row = {n: half(1), left: half(2), reserved: half(3), E: half(4)}
    with sympy.evaluate(False):
        conclusion = Le(n + left + reserved + E, sympy.E)
    assert output(described(claim(conclusion, row))["snippet"]) == (
        "5.00000000000000000000000000000 <= 2.71828182845904523536028747135 is False"
    )


def test_two_symbols_whose_names_clean_to_the_same_stay_two():
    first, second = symbols("a' a_", real=True)
    with sympy.evaluate(False):
        conclusion = Le(first, second)
    assert output(described(claim(conclusion, {first: half(4), second: half(2)}))["snippet"]).startswith("2.0")


def test_probabilities_are_written_as_numbers():
    at_least, at_most = Probability(Ge(x, y)), Probability(Le(x, y))
    with sympy.evaluate(False):
        conclusion = Eq(at_least + at_most, 1)
    row = {y: half(1), at_least: half(1), at_most: flint.fmpq(3, 4)}
    found = described(claim(conclusion, row, names={x: "", y: ""}))
    assert output(found["snippet"]).startswith("1.25000")


def test_a_sequence_that_is_defined_by_other_sequences_is_written_at_every_stage():
    a, v = IndexedBase(symbols("a", real=True)), IndexedBase(symbols("v", commutative=False))
    d = IndexedBase(symbols("d", real=True))
    with sympy.evaluate(False):
        conclusion = Le(a[T], GeometricSum(a[0], x, d[t], t, T))
    row = {a: {0: half(2), 1: half(2), 2: half(9)}, x: half(1), T: 2, v: {0: matrix((1,)), 1: matrix((1,))}}
    theorem = claim(
        conclusion, row, names=dict.fromkeys((a, v, d, x, t, T), ""), definitions={d[t]: norm(v[t])}, over=(t, T)
    )
    found = described(theorem)
    assert found["horizon"] == 2
    said = output(found["snippet"])
    assert said.startswith("4.5") and said.endswith("1.75000000000000000000000000000 is False")


def test_the_root_of_a_square_is_written_as_a_rational_and_no_other():
    """SymPy asks of large numbers under a root whether they are prime, which may take minutes."""
    assert counterexample._root(flint.fmpq(9, 4)) == "Rational(3, 2)"
    assert counterexample._root(flint.fmpq(9, 2)) == "sqrt(Rational(9, 2))"
    assert counterexample._root(flint.fmpq(2, 9)) == "sqrt(Rational(2, 9))"
    assert counterexample._root(flint.fmpq(0)) == "Rational(0, 1)"
