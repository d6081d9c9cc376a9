"""Random residual networks: reductions against plain simulation, plain simulation against NumPy, bits, and errors."""

import hashlib
import math
import os
import subprocess
import sys

import numba
import numpy as np
import pytest

from linres.chance import compare
from linres.errors import InputError
from linres.kernels import propagation as kernel
from linres.methods.propagation import propagate, step

BLOCKS = [("linear", 1), ("linear", 2), ("relu", 1), ("relu", 2), ("tanh", 1), ("tanh", 2)]
MOST = 2**15  # pairs drawn where the laws are the same


def draws(of, **settings):
    """A law to compare: `of` a Propagation, with a seed by the generator."""
    return lambda generator, n: of(propagate(runs=n, seed=int(generator.integers(2**63)), **settings))


def reduction(of, seed, **settings):
    """The comparison of the reduced law with the plain simulation."""
    reduced, plain = (draws(of, reduced=choice, **settings) for choice in (True, False))
    return compare(reduced, plain, seed=seed, most=MOST)


def norm(found):
    return found.log_norm


def distance(found):
    return found.log_distance


# -------------------------------------------------------------------------------------------- reductions: the same law


@pytest.mark.parametrize("width", [1, 2, 3, 7])
@pytest.mark.parametrize("of", [norm, distance])
@pytest.mark.parametrize(("block", "matrices"), [("linear", 1), ("linear", 2), ("relu", 2)])
def test_norms_drawn_alone_have_the_law_of_the_network(block, matrices, width, of):
    settings = {"depth": 4, "width": width, "exponent": 0.25, "block": block, "matrices": matrices}
    assert propagate(**settings).drawn == "norms"
    assert not reduction(of, 1, **settings).differ


def test_norms_drawn_without_distances_have_the_law_of_those_with():
    settings = {"depth": 5, "width": 4, "exponent": 0.0}
    assert not compare(draws(norm, **settings), draws(norm, distances=False, **settings), seed=2, most=2**17).differ


@pytest.mark.parametrize(("block", "matrices"), BLOCKS)
def test_images_of_states_have_the_law_of_the_network(block, matrices):
    settings = {
        "depth": 3, "width": 4, "exponent": 0.1, "block": block, "matrices": matrices, "inputs": 2,
        "start": [[1.0, 2.0, 0.0, -1.0], [1.0, 1.0, 0.5, 0.0]],
    }
    assert propagate(**settings).drawn == "states"
    joint = lambda found: found.log_norm[:, 0] - 0.7 * found.log_norm[:, 1] + found.log_distance[:, 1]  # noqa: E731
    assert not reduction(joint, 3, **settings).differ


def test_images_of_dependent_inputs_are_dependent():
    start = [[1.0, 2.0, 0.0, -1.0, 0.5], [0.0, 1.0, 0.5, 0.0, 0.0], [1.0, 3.0, 0.5, -1.0, 0.5]]
    found = propagate(5, width=5, exponent=0.3, runs=20, inputs=3, start=start, block="linear")
    # the third is the sum of the others, so that |a + b|^2 gives <a, b>, bounded by Cauchy and Schwarz
    squares = np.exp(found.log_norm) * np.sum(np.square(start), axis=1)
    inner = (squares[:, 2] - squares[:, 0] - squares[:, 1]) / 2
    assert np.all(inner**2 <= squares[:, 0] * squares[:, 1] * (1 + 1e-9))
    assert np.ptp(inner) > 0


# ------------------------------------------------------------------------------------------ reductions: wrong variants


def layers_of(width, variance, degrees):
    """log |h_4|^2 by NumPy, with the variance of the weights times `variance` and that many degrees of freedom."""
    def drawn(generator, n):
        scale2 = 4.0**-0.5 * variance / width
        along, across = generator.standard_normal((n, 4)), generator.chisquare(degrees, (n, 4))
        return np.sum(np.log((1 + math.sqrt(scale2) * along) ** 2 + scale2 * across), axis=1)

    return drawn


@pytest.mark.parametrize("width", [2, 7])
def test_numpy_draws_the_same_law(width):
    right = layers_of(width, 1.0, width - 1)
    assert not compare(draws(norm, depth=4, width=width, exponent=0.25), right, seed=4, most=2**17).differ


@pytest.mark.parametrize(("variance", "extra"), [(1.05, 0), (0.95, 0), (1.0, 1)])
def test_a_wrong_variance_and_a_wrong_number_of_degrees_are_told_apart(variance, extra):
    wrong = layers_of(7, variance, 6 + extra)
    assert compare(draws(norm, depth=4, width=7, exponent=0.25), wrong, seed=5, most=2**22).differ


# -------------------------------------------------------------------------------------- plain simulation against NumPy


def numpy_network(generator, law, width):
    if law == "gaussian":
        return generator.standard_normal((width, width)) / math.sqrt(width)
    if law == "uniform":
        return generator.uniform(-math.sqrt(3 / width), math.sqrt(3 / width), (width, width))
    return generator.choice([-1.0, 1.0], (width, width)) / math.sqrt(width)


PHI = {
    "linear": (lambda h: h, np.ones_like), "relu": (lambda h: np.maximum(h, 0), lambda h: (h > 0) * 1.0),
    "tanh": (np.tanh, lambda h: 1 - np.tanh(h) ** 2),
}


def reference(weights, start, scale, block, output):
    """The generic step: states (L+1, d) of the start and gradients (L+1, d) of the output, for weights (L, m, d, d)."""
    phi, slope = PHI[block]
    states, gradients = [np.asarray(start, dtype=float)], [np.asarray(output, dtype=float)]
    for matrices in weights:
        inner = (lambda h, u: h) if len(matrices) == 1 else (lambda h, u: u @ h)
        layer = lambda h, m=matrices, inner=inner: m[-1] @ phi(inner(h, m[0]))  # noqa: E731
        states.append(step(states[-1], layer, scale=scale))
    for k in range(len(weights) - 1, -1, -1):
        matrices, h = weights[k], states[k]
        before = h if len(matrices) == 1 else matrices[0] @ h
        first = np.eye(len(h)) if len(matrices) == 1 else matrices[0]
        transposed = lambda p, m=matrices, b=before, f=first: f.T @ (slope(b) * (m[-1].T @ p))  # noqa: E731
        gradients.append(step(gradients[-1], transposed, scale=scale))
    return np.array(states), np.array(gradients[::-1])


@pytest.mark.parametrize(("block", "matrices"), BLOCKS)
def test_given_weights_are_passed_as_the_generic_step_passes_them(block, matrices):
    generator = np.random.default_rng(6)
    depth, width, n = 6, 11, 2
    weights = generator.standard_normal((1, depth, matrices, width, width))
    start, scales = generator.standard_normal((1, n, width)), np.array([[0.3, 0.7]])
    at = np.arange(depth + 1)
    norms, distances = np.empty((2, 1, 1, depth + 1, n))
    stored = np.ascontiguousarray(np.swapaxes(weights, -1, -2))
    activation = getattr(kernel, {"linear": "IDENTITY", "relu": "RELU", "tanh": "TANH"}[block])
    gradients = np.empty((2, 1, 1, n))
    with np.errstate(over="ignore"):
        kernel.simulate(
            np.uint64(1), np.uint64(5), kernel.GIVEN, activation, stored, scales, n, at, start, True, norms,
            distances, *gradients,
        )
        outputs = np.empty((n, width))
        state = tuple(map(np.uint64, kernel.random.seeded(np.uint64(1), np.uint64(5))))
        kernel.random.fill_normal(1.0, state, outputs.ravel())
    for i in range(n):
        states, back = reference(weights[0], start[0, i], scales[0, i], block, outputs[i])
        squares = np.sum(states**2, axis=1)
        moved = np.sum((states - states[0]) ** 2, axis=1)
        np.testing.assert_allclose(norms[0, 0, :, i], np.log(squares / squares[0]), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(distances[0, 0, 1:, i], np.log(moved[1:] / squares[0]) / 2, rtol=1e-12, atol=1e-12)
        lengths = np.linalg.norm(back, axis=1)
        assert gradients[0, 0, 0, i] == pytest.approx(2 * math.log(lengths[0] / lengths[-1]), rel=1e-11, abs=1e-12)
        change = np.linalg.norm(back[0] - back[-1]) / lengths[-1]
        assert gradients[1, 0, 0, i] == pytest.approx(math.log(change), rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("law", ["gaussian", "uniform", "rademacher"])
@pytest.mark.parametrize(("block", "matrices"), [("relu", 2), ("tanh", 1)])
@pytest.mark.parametrize("backwards", [False, True])
def test_drawn_weights_have_the_law_of_numpys(law, block, matrices, backwards):
    depth, width = 3, 5

    def numpys(generator, n):
        found = np.empty(n)
        for run in range(n):
            weights = [[numpy_network(generator, law, width) for _ in range(matrices)] for _ in range(depth)]
            start, output = generator.standard_normal((2, width))
            states, back = reference(weights, start, depth**-0.5, block, output)
            path = back[::-1] if backwards else states
            found[run] = np.linalg.norm(path[-1] - path[0]) / np.linalg.norm(path[0])
        return found

    def ours(generator, n):
        found = propagate(
            depth, width=width, exponent=0.5, runs=n, block=block, matrices=matrices, law=law, gradients=backwards,
            reduced=False, seed=int(generator.integers(2**63)),
        )
        return np.exp(found.log_gradient_distance if backwards else found.log_distance)

    assert not compare(ours, numpys, seed=7, most=3000).differ


def test_gradients_of_linear_blocks_have_the_law_of_states():
    settings = {"depth": 5, "width": 3, "exponent": 0.25, "law": "gaussian"}
    backwards = draws(lambda found: found.log_gradient_distance, gradients=True, **settings)
    assert not compare(draws(distance, **settings), backwards, seed=8, most=MOST).differ


def test_the_laws_of_the_entries_are_told_apart():
    settings = {"depth": 1, "width": 2, "exponent": 0.0}
    laws = [draws(norm, law=law, reduced=False, **settings) for law in ("gaussian", "uniform", "rademacher")]
    for i in range(3):
        assert compare(laws[i], laws[i - 1], seed=9).differ


@pytest.mark.parametrize("law", ["gaussian", "uniform", "rademacher"])
@pytest.mark.parametrize(("block", "growth"), [("linear", 1.0), ("relu", 0.5)])
def test_the_mean_square_is_what_the_theorem_says(law, block, growth):
    found = propagate(
        8, width=40, exponent=0.5, runs=20_000, block=block, matrices=2, law=law, reduced=law == "gaussian", seed=1
    )
    squares = np.exp(found.log_norm)
    assert abs(np.mean(squares) - (1 + growth / 8) ** 8) < 5.5 * np.std(squares) / math.sqrt(len(squares))


# ----------------------------------------------------------------------------------------------- scales large and small


@pytest.mark.parametrize("reduced", [True, False])
def test_nothing_overflows_where_norms_are_beyond_float64(reduced):
    found = propagate(3000, width=10, exponent=0.0, runs=8, reduced=reduced)
    # each layer adds about log 2; float64 ends at log(1.8e308) = 709.8
    assert np.all(found.log_norm > 1500)
    assert np.allclose(found.log_distance, found.log_norm / 2)


@pytest.mark.parametrize("reduced", [True, False])
def test_nothing_underflows_where_typical_norms_vanish(reduced):
    found = propagate(20_000, width=1, exponent=0.0, runs=4, reduced=reduced)
    # E log |1 + g| is about -.21 a layer
    assert np.all((found.log_norm > -10_000) & (found.log_norm < -7000))
    assert np.allclose(found.log_distance, 0)


def test_small_states_are_not_lost_in_cancellation():
    """In width 1 log |h_L|^2 is a sum over the layers: of the same numbers with distances as without, up to signs."""
    settings = {"width": 1, "exponent": 0.2, "runs": 20, "seed": 3}
    beside, alone = propagate(3000, **settings), propagate(3000, **settings, distances=False)
    assert np.median(alone.log_norm) < -100
    assert np.allclose(beside.log_norm, alone.log_norm, rtol=1e-9)


@pytest.mark.parametrize("block", ["linear", "relu"])
def test_small_states_are_not_lost_where_weights_are_drawn(block):
    """Of half of the runs the norm is below what the start is rounded by."""
    settings = {"width": 1, "exponent": 0.0, "runs": 2000, "block": block, "matrices": 2}
    drawn, reduced = (np.sort(propagate(1000, **settings, reduced=r, distances=not r).log_norm) for r in (False, True))
    assert np.all(np.isfinite(drawn)) and np.median(reduced) < -80
    assert np.median(drawn) == pytest.approx(np.median(reduced), rel=0.1)


@pytest.mark.parametrize("reduced", [True, False])
def test_small_distances_are_not_lost_in_cancellation(reduced):
    found = propagate(100, width=10, exponent=10.0, runs=2000, reduced=reduced)
    assert np.mean(np.exp(2 * (found.log_distance + 20 * math.log(10)))) == pytest.approx(100, rel=0.15)


# ------------------------------------------------------------------------------------------------------- runs and bits


CASES = [
    {}, {"distances": False}, {"block": "relu", "matrices": 2}, {"inputs": 2}, {"reduced": False},
    {"law": "uniform", "gradients": True, "block": "relu", "matrices": 2}, {"law": "rademacher", "block": "tanh"},
    {"weights": "fractional", "hurst": 0.3}, {"weights": "smooth", "gradients": True},
]


def digest(cases, **settings):
    """A hash of all bits of some runs."""
    parts = []
    for case in cases:
        found = propagate(3, width=3, exponent=0.5, runs=6, seed=3, **case, **settings)
        parts += [array for array in vars(found).values() if isinstance(array, np.ndarray)]
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in parts)).hexdigest()


def in_a_new_process(code, **environment):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path]), **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_bits_do_not_depend_on_the_number_of_threads():
    code = "import test_propagation as t; print(*[t.digest(t.CASES, threads=n) for n in (1, 2, 4)])"
    assert set(in_a_new_process(code, NUMBA_NUM_THREADS="4").split()) == {digest(t_cases := CASES)}
    assert len(t_cases) == len({digest([case]) for case in CASES})


def test_the_bits_are_those_of_plain_python():
    code = "import test_propagation as t; print(t.digest(t.CASES))"
    assert in_a_new_process(code, NUMBA_DISABLE_JIT="1") == digest(CASES)


def test_a_run_is_the_same_in_any_company():
    many, few = (propagate(9, width=4, exponent=0.5, runs=runs) for runs in (50, 20))
    assert np.array_equal(many.log_norm[:20], few.log_norm)


@pytest.mark.parametrize("reduced", [True, False])
def test_several_exponents_are_drawn_as_each_alone(reduced):
    settings = {"depth": 9, "width": 6, "runs": 5, "inputs": 2, "reduced": reduced}
    both = propagate(exponent=[0.3, 0.8], **settings)
    for i, exponent in enumerate((0.3, 0.8)):
        assert np.array_equal(both.log_norm[i], propagate(exponent=exponent, **settings).log_norm)


def test_gradients_do_not_change_the_states():
    settings = {"depth": 9, "width": 6, "exponent": 0.5, "runs": 5, "reduced": False}
    with_gradients = propagate(gradients=True, **settings)
    assert np.array_equal(with_gradients.log_norm, propagate(**settings).log_norm)


@pytest.mark.parametrize("reduced", [True, False])
def test_layers_are_points_of_one_path(reduced):
    settings = {"depth": 20, "width": 6, "exponent": 0.5, "runs": 5, "reduced": reduced}
    path = propagate(layers=[0, 7, 20], **settings)
    assert path.log_norm.shape == path.log_distance.shape == (5, 3)
    assert np.allclose(path.log_norm[:, 0], 0)
    assert np.all(path.log_distance[:, 0] == -np.inf)
    assert np.allclose(path.log_norm[:, 2], propagate(**settings).log_norm)


def test_axes_come_in_the_documented_order():
    found = propagate(
        4, width=6, exponent=[0.5, 1.0, 2.0], runs=7, layers=[1, 4], inputs=5, gradients=True, block="relu"
    )
    assert found.log_norm.shape == found.log_distance.shape == (3, 7, 2, 5)
    assert found.log_gradient.shape == found.log_gradient_distance.shape == (3, 7, 5)


def test_what_was_not_asked_for_is_none():
    found = propagate(4, width=3, exponent=0.5, distances=False)
    assert (found.log_distance, found.log_gradient, found.log_gradient_distance) == (None, None, None)
    assert propagate(4, width=3, exponent=0.5, distances=False, reduced=False).log_distance is None


def test_the_watch_sees_every_run_once():
    seen = []
    watch = lambda done, runs: seen.append((done, runs))  # noqa: E731
    propagate(1000, width=40, exponent=0.5, runs=150, watch=watch, reduced=False)
    assert len(seen) > 2
    assert seen == sorted(set(seen))
    assert seen[-1] == (150, 150)


def test_numbas_number_of_threads_is_left_as_it_was():
    before = numba.get_num_threads()
    propagate(4, width=3, exponent=0.5, threads=1)
    assert numba.get_num_threads() == before


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"depth": 0}, r"propagate\(depth=...\) should be an integer from 1 to 1,000,000,000, got 0"),
        ({"width": 2.0}, "width"), ({"runs": 0}, "runs"), ({"inputs": 0}, "inputs"), ({"matrices": 3}, "matrices"),
        ({"block": "gelu"}, "block"), ({"law": "cauchy"}, "law"), ({"exponent": math.nan}, "exponent"),
        ({"exponent": []}, "exponent"), ({"seed": -1}, "seed"), ({"seed": 1.5}, "seed"), ({"threads": 0}, "threads"),
        ({"threads": 10**6}, "NUMBA_NUM_THREADS"), ({"layers": [3, 2]}, "increasing"), ({"layers": [5]}, "depth 4"),
        ({"layers": [0.5]}, "integers"), ({"layers": []}, "integers"), ({"start": [1.0]}, "A row is an input"),
        ({"start": [0.0, 0.0, 0.0]}, "no row zero"), ({"start": [1.0, math.inf, 0.0]}, "finite"),
    ],
)
def test_settings_that_are_none_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        propagate(**{"depth": 4, "width": 3, "exponent": 0.5} | wrong)
