"""The random numbers of the kernels: known answers, laws against SciPy's, tails, streams and bits."""

import hashlib
import math
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_samples import (
    few,
    fill_chi_squares,
    fill_gammas,
    fill_heads,
    fill_normals,
    fill_tails,
    fill_uniforms,
    fill_words,
    first_normals,
    sample,
)
from scipy import stats

from linres.kernels import random

TESTS = str(Path(__file__).parent)
MASK = 2**64 - 1
SMALLEST = 1e-7  # no p-value of these fixed seeds may be below; a wrong law gives far smaller ones
words_of_64_bits = st.integers(0, MASK)


# ------------------------------------------------------------------------- the published definitions, in plain Python


def splitmix(x):
    """The outputs of splitmix64 from the state x."""
    while True:
        x = (x + 0x9E3779B97F4A7C15) & MASK
        z = x
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def rotated(x, k):
    return ((x << k) | (x >> (64 - k))) & MASK


def xoshiro(s):
    """The outputs of xoshiro256++ from the state s."""
    s = list(s)
    while True:
        yield (rotated((s[0] + s[3]) & MASK, 23) + s[0]) & MASK
        t = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotated(s[3], 45)


def first(count, generator):
    return [next(generator) for _ in range(count)]


def state_of(numbers):
    return tuple(np.uint64(number) for number in numbers)


# --------------------------------------------------------------------------------------------------------------- words


@given(words_of_64_bits)
@settings(deadline=None)
def test_the_seeding_is_splitmix64(start):
    assert [int(x) for x in random.state_at(np.uint64(start))] == first(4, splitmix(start))


@given(st.tuples(*[words_of_64_bits] * 4).filter(any))
@settings(deadline=None)
def test_the_words_are_those_of_xoshiro256_plus_plus(numbers):
    out = np.empty(50, dtype=np.uint64)
    fill_words(state_of(numbers), out)
    assert out.tolist() == first(50, xoshiro(numbers))


def test_known_answers_of_the_reference_implementations():
    assert first(3, splitmix(1234567)) == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert first(4, xoshiro((1, 2, 3, 4))) == [41943041, 58720359, 3588806011781223, 3591011842654386]


@given(words_of_64_bits, words_of_64_bits, words_of_64_bits)
@settings(deadline=None)
def test_different_streams_of_a_seed_have_different_keys(seed, stream, other):
    equal = random.key(np.uint64(seed), np.uint64(stream)) == random.key(np.uint64(seed), np.uint64(other))
    assert equal == (stream == other)


def test_seeds_and_streams_do_not_change_places():
    assert len({int(random.key(seed, stream)) for seed in range(50) for stream in range(50)}) == 2500


# ---------------------------------------------------------------------------------------------------------------- laws


def test_the_layers_of_the_ziggurat_have_equal_areas_and_reach_the_top():
    edges = random.ziggurat()
    assert edges.shape == (257,)
    heights = np.exp(-edges**2 / 2)
    area = edges[1] * heights[1] + math.sqrt(math.pi / 2) * math.erfc(edges[1] / math.sqrt(2))
    assert edges[0] * heights[1] == pytest.approx(area, rel=1e-14)
    np.testing.assert_allclose(edges[1:-1] * np.diff(heights[1:]), area, rtol=1e-11)
    assert edges[1] == pytest.approx(3.6541528853610088, rel=1e-13)  # as published for 256 layers
    assert np.all(np.diff(edges) < 0)


def test_uniforms_are_even_and_never_an_end_of_the_interval():
    assert stats.kstest(sample(fill_uniforms, 10**6), "uniform").pvalue > SMALLEST
    assert (2**52 - 1 + 0.5) * 2.0**-52 < 1  # as `uniform` computes it from the largest word


@pytest.fixture(scope="module")
def normals():
    return sample(fill_normals, 2 * 10**6)


def test_normals_are_normal(normals):
    assert stats.kstest(normals, "norm").pvalue > SMALLEST
    for power, (mean, variance) in {1: (0, 1), 2: (1, 2), 3: (0, 15), 4: (3, 96), 6: (15, 10170)}.items():
        assert abs(np.mean(normals**power) - mean) < 5.5 * math.sqrt(variance / len(normals))


def test_every_layer_of_the_ziggurat_is_hit_as_often_as_the_normal_law_says(normals):
    ends = random.ziggurat()[1:]
    counts = np.histogram(np.abs(normals), np.array([*ends[::-1], np.inf]))[0]
    chances = -np.diff(2 * stats.norm.sf([*ends[::-1], np.inf]))
    assert stats.chisquare(counts, chances * len(normals)).pvalue > SMALLEST


def test_the_tail_beyond_the_base_layer_is_the_tail_of_the_normal_law(normals):
    last = random.ziggurat()[1]
    tails = sample(fill_tails, 200_000)
    assert np.all(tails > last)
    assert stats.kstest(stats.norm.sf(tails) / stats.norm.sf(last), "uniform").pvalue > SMALLEST
    beyond, chance = np.sum(np.abs(normals) > last), 2 * stats.norm.sf(last)
    assert stats.binomtest(int(beyond), len(normals), chance).pvalue > SMALLEST


def test_a_ziggurat_without_its_tail_is_noticed(normals):
    last = random.ziggurat()[1]
    cut = np.minimum(normals, last)
    beyond = int(np.sum(np.abs(cut) > last))
    assert stats.binomtest(beyond, len(cut), 2 * stats.norm.sf(last)).pvalue < SMALLEST


@pytest.mark.parametrize("shape", [0.05, 0.5, 0.99, 1.0, 1.5, 3.0, 19.5, 500.0, 1e6])
def test_gammas_have_their_law(shape):
    gammas = sample(fill_gammas, 300_000, shape)
    assert stats.kstest(gammas, stats.gamma(shape).cdf).pvalue > SMALLEST
    assert abs(gammas.mean() - shape) < 5.5 * math.sqrt(shape / len(gammas))
    fourth = 3 * shape**2 + 6 * shape
    assert abs(gammas.var() - shape) < 5.5 * math.sqrt((fourth - shape**2) / len(gammas))


@pytest.mark.parametrize("shape", [1.0, 1.5, 19.5])
@given(x=st.floats(-8, 8))
@settings(deadline=None)
def test_the_squeeze_accepts_nothing_that_the_exact_test_refuses(shape, x):
    d, c, squeeze = random.gamma_constants(shape)
    y = 1 + c * x
    if y >= 0.5:
        chance = math.exp(x * x / 2 + d * (1 - y**3 + 3 * math.log(y)))
        assert 1 - squeeze * x**4 <= chance * (1 + 1e-12)


@pytest.mark.parametrize("degrees", [1, 2, 39])
def test_chi_squares_have_their_law(degrees):
    assert stats.kstest(sample(fill_chi_squares, 200_000, degrees), stats.chi2(degrees).cdf).pvalue > SMALLEST


def test_chi_square_with_one_degree_too_many_is_noticed():
    assert stats.kstest(sample(fill_chi_squares, 200_000, 40), stats.chi2(39).cdf).pvalue < SMALLEST


@given(words_of_64_bits)
@settings(deadline=None)
def test_set_bits_are_counted(bits):
    assert random.ones(np.uint64(bits)) == bits.bit_count()


@pytest.mark.parametrize("tosses", [1, 40, 64, 150])
def test_heads_are_binomial(tosses):
    drawn = sample(fill_heads, 100_000, tosses)
    law = stats.binom(tosses, 0.5)
    ends = [-0.5, *(np.arange(law.ppf(1e-3), law.ppf(1 - 1e-3)) + 0.5), tosses + 0.5]
    chances = np.diff(law.cdf(ends))
    assert stats.chisquare(np.histogram(drawn, ends)[0], chances * len(drawn)).pvalue > SMALLEST


def test_chi_square_without_degrees_is_zero():
    assert not sample(fill_chi_squares, 5, 0).any()


# ------------------------------------------------------------------------------------------------------------- streams


def test_neighbouring_streams_are_uncorrelated():
    streams = np.array([sample(fill_normals, 50_000, stream=stream) for stream in range(20)])
    for before, after in pairwise(streams):
        for a, b in ((before, after), (before[1:], after[:-1]), (np.abs(before), np.abs(after))):
            assert stats.pearsonr(a, b).pvalue > SMALLEST


@pytest.mark.parametrize("seed", [0, 1, MASK])
def test_the_first_numbers_of_the_streams_are_as_independent_as_those_of_one(seed):
    starts = np.empty(200_000)
    first_normals(np.uint64(seed), starts)
    assert stats.kstest(starts, "norm").pvalue > SMALLEST
    assert stats.pearsonr(starts[1:], starts[:-1]).pvalue > SMALLEST


def test_neighbouring_seeds_are_uncorrelated():
    assert stats.pearsonr(sample(fill_normals, 50_000, seed=0), sample(fill_normals, 50_000, seed=1)).pvalue > SMALLEST


# ---------------------------------------------------------------------------------------------------------------- bits


def digest_of(values):
    return hashlib.sha256(values.tobytes()).hexdigest()


def test_plain_python_draws_the_same_bits():
    code = "import random_samples, hashlib; print(hashlib.sha256(random_samples.few().tobytes()).hexdigest())"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join([TESTS, *sys.path])},
    )
    assert done.stdout.strip() == digest_of(few()), done.stderr
