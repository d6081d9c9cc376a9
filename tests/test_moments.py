"""Streamed moments: within their bounds of the exact ones, and the same to the bit however the rows come."""

import os
import subprocess
import sys
import threading
from itertools import pairwise

import flint
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from linres import moments
from linres.errors import InputError
from linres.moments import BLOCK, BadRow, Moments, workers
from linres.one_thread import one_thread


def exact_integers(array):
    """The entries of a float64 array as integers, and the power of two that they are multiples of."""
    fractions, exponents = np.frexp(array)
    least = int(exponents[fractions != 0].min(initial=0)) - 53
    whole = (fractions * 2.0**53).astype(np.int64)
    shifts = np.where(fractions == 0, 0, exponents - 53 - least)
    rows = [[int(entry) << int(shift) for entry, shift in zip(*pair, strict=True)]
            for pair in zip(whole, shifts, strict=True)]
    return flint.fmpz_mat(rows), least


def exact(x, y, *, centre=True):
    """E[x x^T] and E[y x^T] as matrices of rationals, from integers alone."""
    n, p = x.shape
    rows, least = exact_integers(np.hstack([x, y]))
    sums = flint.fmpz_mat(1, n, [1] * n) * rows
    second = n * (rows.transpose() * rows) - (sums.transpose() * sums if centre else 0 * sums.transpose() * sums)
    scale = flint.fmpq(4) ** least / n**2
    joint = [[second[i, j] * scale for j in range(p)] for i in range(second.nrows())]
    return joint[:p], joint[p:]


def distance(computed, wanted):
    """How far off in spectral norm: entries exactly, then their norm."""
    entries = [[fraction(value) - other for value, other in zip(*pair, strict=True)]
               for pair in zip(computed, wanted, strict=True)]
    return float(np.linalg.norm([[int(e.p) / int(e.q) for e in row] for row in entries], 2))


def fraction(value):
    return flint.fmpq(*float(value).as_integer_ratio())


def streamed(x, y, *, chunk=None):
    made = Moments()
    for first in range(0, len(x), chunk or len(x)):
        made.update(x[first : first + (chunk or len(x))], y[first : first + (chunk or len(x))])
    return made


def one_pass(x, y):
    """The formula of the textbooks that subtracts large numbers."""
    mean = x.mean(axis=0)
    return x.T @ x / len(x) - np.outer(mean, mean), y.T @ x / len(x) - np.outer(y.mean(axis=0), mean)


def normal(n, p, m, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p)) @ np.diag(np.arange(1.0, p + 1))
    return x, x[:, :1] + rng.standard_normal((n, m))


def drifting(n):
    x, y = normal(n, 3, 2)
    steps = np.floor(np.arange(n) / BLOCK)[:, None]
    return x + 1e6 * steps, y - 1e3 * steps


def outlying_block(n):
    x, y = normal(n, 3, 2)
    x[:BLOCK] += 1e9
    return x, y


def near_singular(n):
    x, y = normal(n, 3, 2)
    x[:, 2] = x[:, 0] + x[:, 1] + 1e-9 * x[:, 2]
    return x + 1e5, y


LONG = 3 * BLOCK + 17
DATA = {
    "plain": lambda n: normal(n, 3, 2),
    "a mean of 1e8 deviations": lambda n: tuple(part + 1e8 for part in normal(n, 3, 2)),
    "a mean of 1e13 deviations": lambda n: tuple(part - 1e13 for part in normal(n, 3, 2)),
    "tiny deviations": lambda n: tuple(1 + 1e-14 * part for part in normal(n, 3, 2)),
    "tiny numbers": lambda n: tuple(1e-150 * part for part in normal(n, 3, 2)),
    "numbers whose squares underflow": lambda n: tuple(1e-163 * part for part in normal(n, 3, 2)),
    "subnormal numbers": lambda n: tuple(1e-310 * part for part in normal(n, 3, 2)),
    "large numbers": lambda n: tuple(1e150 * part for part in normal(n, 3, 2)),
    "constants": lambda n: (np.full((n, 2), 0.1), np.full((n, 2), 1e8 / 3)),
    "columns of unlike size": lambda n: (normal(n, 3, 2)[0] * [1e-8, 1, 1e8], normal(n, 3, 2)[1]),
    "drifting": drifting, "an outlying block": outlying_block, "nearly singular": near_singular,
}


@pytest.mark.parametrize("n", [1, 2, 3, 50, LONG])
@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("name", DATA)
def test_moments_are_within_their_bounds_of_the_exact_ones(name, centre, n):
    x, y = DATA[name](n)
    result = streamed(x, y).result()
    sigma, cross, _ = result.second_moments(centre=centre)
    wanted = exact(x, y, centre=centre)
    assert distance(sigma, wanted[0]) <= result.errors(centre=centre)[0]
    assert distance(cross, wanted[1]) <= result.errors(centre=centre)[1]


@pytest.mark.parametrize("name", ["a mean of 1e8 deviations", "tiny deviations", "nearly singular"])
def test_the_formula_of_the_textbooks_is_not(name):
    x, y = DATA[name](LONG)
    sigma, cross = one_pass(x, y)
    wanted, errors = exact(x, y), streamed(x, y).result().errors()
    assert distance(sigma, wanted[0]) > 100 * errors[0]
    assert distance(cross, wanted[1]) > errors[1]


@pytest.mark.parametrize("name", DATA)
def test_bounds_are_a_share_of_the_size_of_the_data(name):
    """Thousands of roundings of what is left after centring, however far from zero: 3 B u is 1.4e-12."""
    x, y = DATA[name](LONG)
    result = streamed(x, y).result()
    rounding_of_x = (2e-16 * np.abs(x).max()) ** 2
    assert result.errors()[0] <= 4e-12 * np.trace(result.second_moments()[0]) + rounding_of_x + 1e-320


@pytest.mark.parametrize("offset", [0, 1e8, 1e13])
def test_far_from_zero_moments_are_as_accurate_as_by_two_passes(offset):
    x, y = (part + offset for part in normal(LONG, 3, 2))
    once = x - x.mean(axis=0)
    twice = once - once.mean(axis=0)
    wanted = exact(x, y)[0]
    ours = distance(streamed(x, y).result().second_moments()[0], wanted)
    assert ours <= max(2 * distance(twice.T @ twice / LONG, wanted), 1e-14)


class TestManyBlocks:
    """Ten thousand of them, of eight rows: sums in one number each are off by 35 roundings."""

    @pytest.fixture(autouse=True)
    def small_blocks(self, monkeypatch):
        monkeypatch.setattr(moments, "BLOCK", 8)

    def roundings(self, made, x, y):
        """How many roundings of the largest entry the moments are off by."""
        sigma, _, _ = made.result().second_moments()
        return distance(sigma, exact(x, y)[0]) / (moments.UNIT * np.abs(sigma).max())

    def test_leave_no_more_rounding_than_one(self):
        x, y = normal(80_000, 2, 1)
        assert self.roundings(streamed(x, y), x, y) < 8

    def test_that_are_merged_leave_no_more_either(self):
        x, y = normal(80_000, 2, 1)
        made = streamed(x[:8], y[:8])
        made.merge(streamed(x[8:], y[8:]))
        assert self.roundings(made, x, y) < 8


def test_means_and_sums_are_those_of_the_definition():
    x, y = normal(2 * BLOCK + 5, 4, 2)
    made = streamed(x, y, chunk=1000)
    np.testing.assert_allclose(made.mean_x, x.mean(axis=0), rtol=0, atol=1e-13)
    np.testing.assert_allclose(made.mean_y, y.mean(axis=0), rtol=0, atol=1e-13)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    for found, wanted in ((made.S_xx, x.T @ x), (made.S_yx, y.T @ x), (made.S_yy, y.T @ y)):
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-9)
    assert (made.n, made.seen, made.dropped, made.widths) == (len(x), len(x), 0, (4, 2))


def bits(made):
    result = made.result()
    return result.spread.tobytes() + result.mean.tobytes() + result.sizes.tobytes()


class TestBits:
    def test_do_not_depend_on_the_chunks(self):
        x, y = normal(LONG, 5, 3)
        whole = bits(streamed(x, y))
        for chunk in (1000, BLOCK - 1, BLOCK, BLOCK + 1, 7777):
            assert bits(streamed(x, y, chunk=chunk)) == whole

    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.integers(0, LONG), max_size=6))
    @example([BLOCK, BLOCK, 2 * BLOCK])
    def test_do_not_depend_on_where_rows_are_cut(self, cuts):
        x, y = normal(LONG, 2, 1)
        made = Moments()
        for first, last in pairwise([0, *sorted(cuts), LONG]):
            made.update(x[first:last], y[first:last])
        assert bits(made) == bits(streamed(x, y))

    def test_do_not_depend_on_threads_or_on_their_order(self, monkeypatch):
        x, y = normal(9 * BLOCK + 5, 5, 3)
        alone = bits(streamed(x, y))
        block, turn = moments._block, threading.Semaphore(0)

        def late(rows, split):
            """Every other block waits for the one after it."""
            made = block(rows, split)
            late.count += 1
            if late.count % 2:
                turn.acquire(timeout=0.2)
            else:
                turn.release()
            return made

        late.count = 0
        monkeypatch.setattr(moments, "_block", late)
        with workers(8) as threads:
            made = Moments(threads)
            for first in range(0, len(x), 3000):
                made.update(x[first : first + 3000], y[first : first + 3000])
            assert bits(made) == alone

    def test_do_not_depend_on_the_threads_of_blas(self):
        code = (
            "import hashlib, numpy as np; from linres.moments import Moments; made = Moments(); "
            "z = np.random.default_rng(0).standard_normal((9000, 96)); made.update(z[:, :48], z[:, 48:]); "
            "print(hashlib.sha256(made.result().spread.tobytes()).hexdigest())"
        )
        hashes = set()
        for threads in ("1", "2", "3"):
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": threads,
                           "MKL_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
            done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
            hashes.add(done.stdout)
        assert len(hashes) == 1

    def test_do_not_depend_on_looking_on_the_way(self):
        x, y = normal(2 * BLOCK, 3, 2)
        made = Moments()
        for first in range(0, len(x), 1000):
            made.update(x[first : first + 1000], y[first : first + 1000])
            assert made.n == made.result().n == min(first + 1000, len(x))
        assert bits(made) == bits(streamed(x, y))


def threads():
    """Of each BLAS that is loaded."""
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_blas_works_on_a_block_with_one_thread(monkeypatch):
    found, sums = [], moments._sums
    monkeypatch.setattr(moments, "_sums", lambda *block: found.extend(threads()) or sums(*block))
    with threadpool_limits(2, user_api="blas"):
        streamed(*normal(BLOCK, 3, 2))
    assert set(found) == {1}


def test_blas_has_its_threads_again_afterwards():
    with threadpool_limits(2, user_api="blas"):
        before = threads()
        with one_thread:
            with one_thread:
                assert set(threads()) == {1}
            assert set(threads()) == {1}
        assert threads() == before


class TestMerge:
    @pytest.mark.parametrize("name", DATA)
    def test_of_parts_is_within_its_bounds_of_the_whole(self, name):
        x, y = DATA[name](LONG)
        cuts = [0, 10, 11, 4000, BLOCK + 4100, LONG]
        parts = [streamed(x[first:last], y[first:last]) for first, last in pairwise(cuts)]
        left, right = parts[0], parts[3]
        left.merge(parts[1])
        left.merge(parts[2])
        right.merge(parts[4])
        left.merge(right)
        result = left.result()
        sigma, cross, _ = result.second_moments()
        wanted = exact(x, y)
        assert distance(sigma, wanted[0]) <= result.errors()[0]
        assert distance(cross, wanted[1]) <= result.errors()[1]
        assert left.n == LONG

    def test_leaves_the_other_as_it_was(self):
        x, y = normal(LONG, 3, 2)
        other, made = streamed(x, y), streamed(y[:, :1] + np.zeros((1, 3)), y)
        before = bits(other)
        made.merge(other)
        made.update(x, y)
        assert bits(other) == before

    def test_with_nothing_changes_nothing(self):
        x, y = normal(100, 3, 2)
        made, empty = streamed(x, y), Moments()
        made.merge(Moments())
        empty.merge(streamed(x, y))
        assert bits(made) == bits(empty) == bits(streamed(x, y))

    def test_counts_bad_rows_of_both_from_the_first_of_all(self):
        x, y = normal(20, 3, 2)
        x[4, 1] = np.inf
        y[7, 1] = np.nan
        made = streamed(x, y)
        made.merge(streamed(x, y))
        assert (made.seen, made.n, made.dropped) == (40, 36, 4)
        assert [bad[:3] for bad in made.first_dropped] == [(4, "x", 1), (7, "y", 1), (24, "x", 1), (27, "y", 1)]


class TestBadRows:
    def test_are_left_out_counted_and_named(self):
        x, y = normal(LONG, 3, 2)
        good = np.ones(LONG, dtype=bool)
        good[[5, BLOCK - 1, BLOCK, 2 * BLOCK + 9, LONG - 2, LONG - 1]] = False
        x[5, 2], x[BLOCK - 1, 0], y[BLOCK, 1], x[LONG - 1] = np.nan, np.inf, -np.inf, np.nan
        x[2 * BLOCK + 9, 1] = y[2 * BLOCK + 9, 1] = np.nan
        x[LONG - 2, 1], y[LONG - 2, 0] = np.inf, -np.inf
        made = streamed(x, y, chunk=999)
        assert (made.dropped, made.n, made.seen) == (6, LONG - 6, LONG)
        assert [bad[:3] for bad in made.first_dropped] == [
            (5, "x", 2), (BLOCK - 1, "x", 0), (BLOCK, "y", 1), (2 * BLOCK + 9, "x", 1), (LONG - 2, "x", 1)]
        assert made.first_dropped[2] == BadRow(BLOCK, "y", 1, -np.inf)
        wanted = exact(x[good], y[good])
        result = made.result()
        assert distance(result.second_moments()[0], wanted[0]) <= result.errors()[0]

    def test_may_be_a_whole_block_the_first_one_even(self):
        x, y = normal(LONG, 3, 2)
        x[: BLOCK + 3] = np.nan
        made = streamed(x, y)
        assert (made.dropped, made.n) == (BLOCK + 3, LONG - BLOCK - 3)
        np.testing.assert_allclose(made.mean_x, x[BLOCK + 3 :].mean(axis=0), atol=1e-13)

    def test_may_be_all(self):
        made = streamed(np.full((9, 2), np.nan), np.ones((9, 2)))
        assert (made.dropped, made.n) == (9, 0)
        with pytest.raises(InputError, match="at least one row of finite numbers, got 9 rows, none of them finite"):
            made.result()

    @pytest.mark.filterwarnings("error")
    def test_do_not_include_finite_numbers_whose_sums_are_not(self):
        x = np.full((10, 2), 1.7e308)
        made = streamed(x, x)
        assert (made.dropped, made.n) == (0, 10)
        assert not np.isfinite(made.S_xx).all()


@pytest.mark.parametrize("kind", ["f2", "f4", ">f8", "g", "i1", "u8", "?"])
def test_numbers_of_any_kind_are_taken_as_float64(kind):
    x = np.random.default_rng(0).integers(0, 100, (50, 3)).astype(kind)
    assert bits(streamed(x, x)) == bits(streamed(x.astype(float), x.astype(float)))
    assert bits(streamed(np.asfortranarray(x), x)) == bits(streamed(x, x[::-1][::-1]))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((2, 3)), np.ones((2, 2)), r"update\(x, y\) should be as wide as before: 2 columns of x, 2 of y"),
        (np.ones((2, 2)), np.ones((3, 2)), "one row per sample in both, got 2 rows of x, 3 of y"),
        (np.ones(2), np.ones((2, 2)), r"Moments\.update\(x\) should be a real matrix, got an array with 1 axes"),
        (np.ones((2, 2)), np.ones((2, 2)) * 1j, "dtype complex128"),
        (np.ones((2, 2)), [[None, 1], [1, 2]], "dtype object"),
    ],
)
def test_what_is_no_chunk_is_refused_and_changes_nothing(x, y, message):
    made = streamed(np.eye(2), np.eye(2))
    with pytest.raises(InputError, match=message):
        made.update(x, y)
    assert made.seen == made.n == 2


def test_before_the_first_row_there_is_nothing_to_read():
    made = Moments()
    made.update(np.ones((0, 2)), np.ones((0, 2)))
    assert (made.n, made.seen, made.dropped, made.first_dropped) == (0, 0, 0, [])
    with pytest.raises(InputError, match="at least one row"):
        _ = made.mean_x
