"""The products of the microkernel against NumPy's, in both layouts, at every edge, and wrong products beside."""

import os
import subprocess
import sys

import numpy as np
import pytest

from linres.kernels import elimination, microkernel, vectors
from linres.kernels.microkernel import SHORT, Part, affine, grow
from linres.kernels.vectors import LANES

EPS = np.finfo(float).eps
LAYOUTS = ("rows", "lanes")
SIZES = [*range(1, 20), 23, 24, 25, 31, 32, 33, 40]


def up(n, step):
    return -(-n // step) * step


def room(layout, d):
    """The shape of a d x d matrix."""
    return (up(d, SHORT), up(d, elimination.BLOCK)) if layout == "rows" else (d, d, LANES)


def matrices(layout, d, count, seed=0):
    """So many d x d matrices (or LANES of them each), zero beyond."""
    made = np.zeros((count, *room(layout, d)))
    made[:, :d, :d] = np.random.default_rng(seed).standard_normal(made[:, :d, :d].shape)
    return made


def times(layout, a, b):
    return a @ b if layout == "rows" else np.einsum("ikl,kjl->ijl", a, b)


def numbers(layout, seed=1):
    """p and q: equal numbers, or one for each lane."""
    drawn = np.random.default_rng(seed).standard_normal((2, LANES))
    return drawn if layout == "lanes" else np.repeat(drawn[:, :1], LANES, axis=1)


def shared(layout, values):
    return values[0] if layout == "rows" else values


def dimensions(layout):
    return SIZES if layout == "rows" else SIZES[1:]


def check_affine(layout, d, flipped, product=affine):
    a, b, x, out = matrices(layout, d, 4)
    p, q = numbers(layout)
    product(Part(flipped, 0, out.shape[0], 0, out.shape[1], 0, d), a, b, p, x, q, out)
    left = a.swapaxes(0, 1)[:d, :d] if flipped else a[:d, :d]
    expected = shared(layout, p) * times(layout, left, b[:d, :d]) + shared(layout, q) * x[:d, :d]
    sizes = np.abs(shared(layout, p)) * times(layout, np.abs(left), np.abs(b[:d, :d])) + np.abs(
        shared(layout, q) * x[:d, :d])
    assert np.all(np.abs(out[:d, :d] - expected) <= 2 * (d + 3) * EPS * sizes)
    assert not out[d:].any() and not out[:, d:].any()


def check_grow(layout, d, product=grow):
    a, b, grown, error = matrices(layout, d, 4)
    total, before = np.full(LANES, 0.25), error.copy()
    product(a, b, grown, error, total, d)
    added = times(layout, a[:d, :d], b[:d, :d])
    sizes = times(layout, np.abs(a[:d, :d]), np.abs(b[:d, :d])) + np.abs(a[:d, :d]) + np.abs(before[:d, :d])
    assert np.all(np.abs(grown[:d, :d] - a[:d, :d] - added) <= 2 * (d + 3) * EPS * sizes)
    assert np.all(np.abs(error[:d, :d] - before[:d, :d] - added) <= 2 * (d + 3) * EPS * sizes)
    squares = np.sum(error**2) + 0.25 * LANES if layout == "rows" else np.sum(error**2, axis=(0, 1)) + 0.25
    assert np.all(np.abs((total.sum() if layout == "rows" else total) - squares) <= d * d * EPS * squares)
    assert not grown[d:].any() and not error[:, d:].any()


@pytest.mark.parametrize("flipped", [0, 1])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_products_of_every_size_are_those_of_numpy(layout, flipped):
    for d in dimensions(layout):
        check_affine(layout, d, flipped)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_growing_by_a_product_of_every_size_is_that_of_numpy(layout):
    for d in dimensions(layout):
        check_grow(layout, d)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_added_may_be_overwritten(layout):
    for d in (3, 13):
        a, b, x, out = matrices(layout, d, 4)
        p, q = numbers(layout)
        part = Part(0, 0, out.shape[0], 0, out.shape[1], 0, d)
        affine(part, a, b, p, x, q, out)
        affine(part, a, b, p, x, q, x)
        assert np.array_equal(x, out)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_part_leaves_the_rest_alone(layout):
    d = 24
    a, b, x, out = matrices(layout, d, 4)
    (p, q), before = numbers(layout), out.copy()
    affine(Part(0, 8, 16, 8, 24, 3, 7), a, b, p, x, q, out)
    expected = shared(layout, p) * times(layout, a[8:16, 3:7], b[3:7, 8:]) + shared(layout, q) * x[8:16, 8:]
    assert np.allclose(out[8:16, 8:], expected, rtol=0, atol=1e-13)
    before[8:16, 8:] = out[8:16, 8:]
    assert np.array_equal(out, before)


def _with(change):
    """A wrong product: the right one with other arguments."""
    return lambda part, *given: affine(*change(part, *given))


WRONG = {
    "transposed": _with(lambda part, *given: (part._replace(flipped=1 - part.flipped), *given)),
    "one term less": _with(lambda part, *given: (part._replace(last=part.last - 1), *given)),
    "rows left out": _with(lambda part, *given: (part._replace(top=SHORT), *given)),
    "factors exchanged": _with(lambda part, a, b, *given: (part, b, a, *given)),
    "numbers exchanged": _with(lambda part, a, b, p, x, q, out: (part, a, b, q, x, p, out)),
    "a number off by 1e-12": _with(lambda part, a, b, p, x, q, out: (part, a, b, p * (1 + 1e-12), x, q, out)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_product_fails_the_comparison(wrong, layout):
    check_affine(layout, 9, 0)
    with pytest.raises(AssertionError):
        check_affine(layout, 9, 0, WRONG[wrong])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_growing_wrongly_fails_the_comparison(layout):
    for wrong in (
        lambda a, b, grown, error, total, depth: grow(a, b, grown, error, total, depth - 1),
        lambda a, b, grown, error, total, depth: grow(a, b, error, grown, total, depth),
        lambda a, b, grown, error, total, depth: grow(a, b, grown, error, total.copy(), depth),
    ):
        with pytest.raises(AssertionError):
            check_grow(layout, 9, wrong)


# ------------------------------------------------------------------------------------------------------------- systems


def solved(layout, system, z):
    """system^{-1} z by elimination, for matrices in the layout, and where the system was found singular."""
    work, answer, lost = system.copy(), z.copy(), np.zeros((1, LANES))
    constants = np.repeat([[1.0], [-1.0], [0.0]], LANES, axis=1)
    going = elimination.solve(
        work, answer, solved.d, constants, np.empty(elimination.BLOCK), np.zeros_like(z), lost
    )
    return answer, lost[0] if layout == "lanes" else not going


def check_solution(layout, d, make, solve=solved):
    solved.d = d
    system, z = matrices(layout, d, 2, seed=d)
    if layout == "rows":
        system[:d, :d] = make(system[:d, :d])
    else:
        for lane in range(LANES):
            system[:, :, lane] = make(system[:, :, lane])
    answer, singular = solve(layout, system, z)
    assert not np.any(singular)
    residual = times(layout, system[:d, :d], answer[:d, :d]) - z[:d, :d]
    size = times(layout, np.abs(system[:d, :d]), np.abs(answer[:d, :d])).max()
    assert np.abs(residual).max() <= 20 * d * d * EPS * size
    assert not answer[d:].any() and not answer[:, d:].any()


KINDS = {
    "near the identity": lambda drawn: np.eye(len(drawn)) + 0.3 / np.sqrt(len(drawn)) * drawn,
    "dense": lambda drawn: drawn,
    "near a reflection": lambda drawn: 0.3 / np.sqrt(len(drawn)) * drawn + np.eye(len(drawn))[::-1],
    "a permutation": lambda drawn: np.eye(len(drawn))[np.argsort(drawn[0])],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_systems_are_solved_up_to_rounding(layout, kind):
    for d in (2, 3, 5, 7, 8, 9, 12, 13, 16, 17, 24, 29, 33):
        check_solution(layout, d, KINDS[kind])


def test_a_single_number_is_divided_by():
    check_solution("rows", 1, lambda drawn: drawn)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_system_with_a_pivot_of_zero_is_told(layout):
    solved.d = 9
    system, z = matrices(layout, 9, 2)
    index = (slice(None), 4) if layout == "rows" else (slice(None), 4, 1)
    system[index] = 0
    _, singular = solved(layout, system, z)
    assert singular if layout == "rows" else np.array_equal(np.isnan(singular), np.arange(LANES) == 1)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_wrong_solution_fails_the_comparison(layout):
    def off(layout, system, z):
        answer, singular = solved(layout, system, z)
        return answer * (1 + 1e-9), singular

    def other(layout, system, z):
        flipped = system.copy()
        flipped[:9, :9] = system[:9, :9].swapaxes(0, 1)
        return solved(layout, flipped, z)

    for wrong in (off, other):
        with pytest.raises(AssertionError):
            check_solution(layout, 9, KINDS["near the identity"], wrong)


# --------------------------------------------------------------------------------------------------- other processors


def test_the_shape_follows_the_processor():
    assert vectors.shape({"avx512f", "avx", "fma", "sse2"}).lanes == 8
    assert vectors.shape({"avx", "avx2", "fma"}).lanes == 4
    assert vectors.shape({"avx"}) == vectors.shape(set()) == vectors.Shape(2, 4, 3, False)
    assert vectors.shape({"neon"}).fused
    assert microkernel.SHORT % 2 == 0 and elimination.BLOCK % LANES == 0


OTHERS = {
    "plain Python": {"NUMBA_DISABLE_JIT": "1"},
    "AVX2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma"},
    "SSE2": {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "+sse,+sse2"},
}


@pytest.mark.slow
@pytest.mark.parametrize("other", OTHERS)
def test_products_and_systems_are_right_on_other_processors(other, tmp_path):
    if other != "plain Python" and not {"avx2", "fma"} <= vectors.features():
        pytest.skip("needs an x86 processor")
    here = os.path.dirname(__file__)
    code = "\n".join([
        "import test_microkernel as t",
        "for layout in t.LAYOUTS:",
        "    for d in (2, 3, 5, 8, 9, 12):",
        "        t.check_affine(layout, d, 0); t.check_affine(layout, d, 1); t.check_grow(layout, d)",
        "        [t.check_solution(layout, d, kind) for kind in t.KINDS.values()]",
        "print(t.LANES)",
    ])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env=os.environ | OTHERS[other] | {
            "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join([here, *sys.path])},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == {"AVX2": "4", "SSE2": "2", "plain Python": str(LANES)}[other]
