"""Samples of the random numbers of the kernels, compiled or as plain Python."""

import numpy as np

from linres.kernels import random
from linres.kernels._jit import compiled


@compiled
def fill_words(state, out):
    for i in range(len(out)):
        out[i], state = random.word(state)


@compiled
def fill_uniforms(seed, stream, out):
    state = random.seeded(seed, stream)
    for i in range(len(out)):
        out[i], state = random.uniform(state)


@compiled
def fill_normals(seed, stream, out):
    state = random.seeded(seed, stream)
    for i in range(len(out)):
        out[i], state = random.normal(state)


@compiled
def fill_tails(seed, stream, out):
    state = random.seeded(seed, stream)
    for i in range(len(out)):
        out[i], state = random._tail(state)


@compiled
def fill_gammas(seed, stream, shape, out):
    state = random.seeded(seed, stream)
    for i in range(len(out)):
        out[i], state = random.gamma(shape, state)


@compiled
def fill_chi_squares(seed, stream, degrees, out):
    state = random.seeded(seed, stream)
    for i in range(len(out)):
        out[i], state = random.chi_square(degrees, state)


@compiled
def fill_heads(seed, stream, tosses, out):
    state = random.seeded(seed, stream)
    for i in range(len(out)):
        out[i], state = random.heads(tosses, state)


@compiled
def first_normals(seed, out):
    for stream in range(len(out)):
        out[stream], _ = random.normal(random.seeded(seed, stream))


def sample(fill, count, *settings, seed=1, stream=0):
    """`count` draws, (count,), by one of the functions above."""
    out = np.empty(count)
    with np.errstate(over="ignore"):  # words wrap around, which NumPy's scalars warn of where nothing is compiled
        fill(seed, stream, *settings, out)
    return out


FEW = [
    (fill_uniforms,), (fill_normals,), (fill_tails,), (fill_gammas, 0.3), (fill_gammas, 2.0), (fill_chi_squares, 1),
    (fill_heads, 70),
]


def few():
    """Draws of every kind, to compare bit by bit."""
    return np.concatenate([sample(fill, 400, *settings, seed=7, stream=3) for fill, *settings in FEW])
