"""Public functions refuse arguments of another kind in one line that names them: no raw error, whatever is given."""

import inspect
import warnings
from functools import partial

import numpy as np
import pytest
import sympy

import linres
from linres import checks, errors, guarantee, limits, losses, starts
from linres.errors import InputError

PROBLEM = linres.Problem.from_spectrum([0.1, 0.5, 1.0])
RUN = linres.grow(PROBLEM, stages=3)
X = np.random.default_rng(0).normal(size=(30, 3))
Y = X @ np.diag([1.0, 2.0, 3.0])
KNOWN = "stacking-residual"
BAD = {
    "None": None, "text": "abc", "complex": 1 + 2j, "nan": float("nan"), "infinity": float("inf"), "negative": -1,
    "fraction": 2.5, "list": [], "objects": np.array([object()], dtype=object), "complex array": np.ones((3, 3)) * 1j,
    "empty": np.empty((0, 3)), "one axis": np.ones(3), "three axes": np.ones((2, 2, 2)), "small": np.eye(2), "dict": {},
    "large": 10**400, "bool": True, "words": np.array(["a", "b"]), "ragged": [[1], [1, 2]], "bytes": b"x", "set": {1},
}


class Learner:
    def fit(self, x, y):
        return self

    def predict(self, x):
        return np.zeros(len(x))


def of(function, *arguments, **named):
    """Calls with one argument at a time replaced, by the name of the argument."""
    parameters = inspect.signature(function).parameters
    positional = [*parameters][: len(arguments)]

    def call(name, value):
        if name in positional:
            given = [value if each == name else known for each, known in zip(positional, arguments, strict=True)]
            return function(*given, **named)
        return function(*arguments, **named | {name: value})

    return {f"{function.__name__}({name})": lambda value, name=name: call(name, value)
            for name, parameter in parameters.items() if parameter.kind is not parameter.VAR_POSITIONAL}


def theorem(**parts):
    return linres.Theorem("n", sympy.Le(sympy.Symbol("a", real=True), 1), **parts)


CALLS = {
    **of(linres.Problem.from_data, X, Y), **of(linres.Problem.from_moments, np.eye(3), np.eye(3), 9.0),
    **of(linres.Problem.from_spectrum, [1.0, 2.0]),
    **of(linres.grow, PROBLEM, stages=2), **of(linres.accelerate, PROBLEM, stages=2),
    **of(linres.descend, PROBLEM, stages=2), **of(linres.chebyshev, PROBLEM, stages=2),
    **of(linres.conjugate_gradient, PROBLEM, stages=2), **of(linres.train, PROBLEM, stages=2, depth=3),
    **of(linres.stacking_batch, PROBLEM.sigma, PROBLEM.target, stages=2),
    **of(linres.boost, Learner(), X, Y[:, 0], stages=2),
    **of(linres.propagate, 4, width=3, exponent=0.5, runs=2),
    **of(limits.diffusion, 4, width=3), **of(limits.flow, 4, width=3),
    **of(limits.solve, np.ones((5, 2, 2)), [1.0, 2.0]),
    **of(limits.strong_error, 4), **of(limits.flow_bound, 4, 1.0, 1.0), **of(limits.norm_law, 3),
    **of(losses.Huber, X, Y), **of(losses.Multinomial, X, np.arange(30) % 3), **of(losses.Order, 5),
    **of(guarantee.of, PROBLEM, RUN), **of(starts.near, PROBLEM), **of(RUN.stages_to, 0.5), **of(linres.refuted, None),
    **of(linres.check, KNOWN), **of(linres.mutant, linres.load(KNOWN), "a"), **of(linres.export, None),
    **of(linres.load, KNOWN), **of(linres.load_file, "x.py"), **of(linres.Trajectory.load, "x.npz"),
    "data.load(source)": linres.data.load,
    "data.load(bad_rows)": lambda value: linres.data.load("digits", bad_rows=value),
    "Theorem(name)": lambda value: linres.Theorem(value, sympy.Le(sympy.Symbol("a", real=True), 1)),
    **{f"Theorem({part})": lambda value, part=part: theorem(**{part: value}) for part in (
        "hypotheses", "definitions", "over", "controls", "expect", "provenance", "proof", "extremal", "instances")},
    "Theorem(conclusion)": lambda value: linres.Theorem("n", value),
    **{f"Theorem.{find.__name__}(name)": partial(find, linres.load(KNOWN))
       for find in (linres.Theorem.step, linres.Theorem.control)},
    "verify(theorem)": linres.verify,
    "verify(level)": lambda value: linres.verify(linres.load(KNOWN), level=value),
    "Trajectory.save(path)": RUN.save,
}


@pytest.mark.parametrize("call", CALLS)
def test_an_argument_of_another_kind_is_refused_in_one_line_or_taken(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for kind, value in BAD.items():
        if call.endswith("(stages)") and kind == "large":
            continue  # a budget may be as large as one likes
        with warnings.catch_warnings(action="ignore"):
            try:
                CALLS[call](value)
            except InputError as error:
                assert "\n" not in str(error) and len(str(error)) < 1000, kind
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: linres.grow(PROBLEM, block_start=np.eye(3), stages=1), "got an ndarray. W_0 is start=."),
        (lambda: linres.grow(PROBLEM, start="zero", stages=1), "got 'zero'. What new blocks start at is block_start=."),
        (lambda: guarantee.of(PROBLEM, None), "guarantee.of(trajectory) should be a run, a Trajectory, got None."),
        (lambda: linres.propagate(4, width=3, exponent=0.5, block="relo"), "'linear' or 'relu' or 'tanh', got 'relo'"),
        (lambda: linres.verify(3), "should be a Theorem, got an int."),
        (lambda: linres.load("absorbtion"), "Did you mean absorption?"),
    ],
)
def test_what_is_said_of_them(call, says):
    with pytest.raises(InputError) as refused:
        call()
    assert says in str(refused.value)


def test_the_measured_propagation_is_shown_in_one_line():
    found = linres.propagate(4, width=3, exponent=[0.5, 1.0], runs=100, layers=[1, 4])
    assert repr(found) == "<Propagation 2 x 100 x 2 of log_norm, log_distance; drawn: norms>"


def test_an_article_fits_its_noun_and_what_is_long_is_shortened():
    assert [errors.kind_of(value) for value in (1, [], None, np.eye(1))] == ["an int", "a list", "None", "an ndarray"]
    assert len(str(errors.refuse("call", "short", "x" * 10**5))) < 500
    assert checks.shown(10**400) == "an integer of more than 30 digits"
