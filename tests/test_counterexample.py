"""Counterexamples: their snippets run with SymPy alone and say that the claim is false, however thin it is."""

import json
import subprocess
import sys
from fractions import Fraction

import flint
import pytest
import sympy
from hypothesis import strategies as st
from sympy import Eq, Ge, IndexedBase, Le, Lt, Ne, Rational, exp, pi, sqrt, symbols, transpose
from sympy.stats import Probability

from linres.arithmetic import EXACT
from linres.language import Det, GeometricSum, Inner, norm
from linres.rungs import counterexample, rigorous
from linres.theorem import Theorem
from linres.theorems import NAMES, load

ALONE = "import sys\nfor name in ('linres', 'flint', 'numpy', 'hypothesis'): sys.modules[name] = None\n"
x, y, z, E, lam = symbols("x y z E lambda", real=True)
A, B, C = symbols("A B C", commutative=False)
t, T = symbols("t T", integer=True)


def output(snippet):
    """What the snippet prints in a Python that has SymPy but none of our own modules."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE + snippet], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"{snippet}\n{done.stderr}"
    return done.stdout.strip()


def described(theorem, instance=None):
    failure = rigorous.check(theorem, instance).failure
    assert failure is not None
    return counterexample.describe(theorem, failure)


def claim(conclusion, row, **options):
    names = dict.fromkeys(options.pop("names", row), "")
    return Theorem(
        name="claim", title="A false claim", provenance="linres", symbols=names, hypotheses=(), conclusion=conclusion,
        instances=st.none, measure=lambda instance, arithmetic: [row], **options,
    )


def false_controls():
    return [(name, control.name) for name in NAMES for control in load(name).controls if control.kind == "stronger"]


@pytest.mark.parametrize(("name", "control"), false_controls())
def test_the_snippet_of_every_false_control_runs_and_says_false(name, control):
    theorem = load(name)
    [witness] = [c.witness for c in theorem.controls if c.name == control]
    found = described(theorem.control(control), witness)
    assert output(found["snippet"]).endswith("is False")
    json.dumps(found, allow_nan=False)


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
