"""A random network beside a finer one with the same Gaussian noise, run after run, exactly in law.

The coarse network has layers h + a (V_1 + ... + V_M) phi(h), the fine one goes through V_1, ..., V_M one after the
other. What a layer V with independent entries N(0, 1/d) makes of x = phi(h) and of X = phi(H) has the law of
|x| z/sqrt(d) and (p z + r y)/sqrt(d), where p is the length of X along x, r that of the rest, and z, y are independent
normal vectors: two vectors of normals for each fine layer, not d of them. Run number r draws from stream r alone.
"""

import math

import numpy as np

from linres.kernels import random
from linres.kernels._jit import compiled
from linres.kernels._threads import in_parts
from linres.kernels.propagation import RELU, TANH, _square


@compiled(inline=True)
def _activate(activation, states, out):
    for k in range(len(states)):
        x = states[k]
        if activation == RELU:
            x = max(x, 0.0)
        elif activation == TANH:
            x = math.tanh(x)
        out[k] = x


@compiled(inline=True)
def _fine_layer(x, X, scale, moved, fine, state):
    """moved <- moved + V x and fine <- fine + scale V X, for one V; returns the state."""
    d = len(x)
    square = along = rest = 0.0
    for k in range(d):
        square += x[k] * x[k]
        along += x[k] * X[k]
    length = math.sqrt(square)
    part = along / length if length > 0.0 else 0.0
    for k in range(d):
        across = X[k] - part / length * x[k] if length > 0.0 else X[k]
        rest += across * across
    rest = math.sqrt(rest)
    unit = 1.0 / math.sqrt(d)
    for k in range(d):
        z, state = random.normal(state)
        y, state = random.normal(state)
        moved[k] += unit * length * z
        fine[k] += scale * unit * (part * z + rest * y)
    return state


def pairs(seed, first, depth, refinement, activation, start, out):
    """Fill out (runs, 4) with the squares of |h_0|, |h|, |H| and |H - h| after `depth` layers.

    Each is the sum of `refinement` fine ones, of scale (depth * refinement)^{-1/2}. h_0 is start (d,), or standard
    normal where that is nan.
    """
    def part(begin, end):
        _pairs(begin, end, seed, first, depth, refinement, activation, start, np.empty((5, len(start))), out)

    in_parts(part, len(out))


@compiled(nogil=True)
def _pairs(begin, end, seed, first, depth, refinement, activation, start, work, out):
    """The runs first + begin, ..., first + end - 1 of `pairs`; work is (5, d)."""
    scale, width = 1.0 / math.sqrt(depth * refinement), len(start)
    coarse, fine, moved, x, X = work[0], work[1], work[2], work[3], work[4]
    for run in range(begin, end):
        state = random.seeded(seed, first + np.uint64(run))
        for k in range(width):
            coarse[k] = start[k]
        if math.isnan(start[0]):
            state = random.fill_normal(1.0, state, coarse)
        for k in range(width):
            fine[k] = coarse[k]
        out[run, 0] = _square(coarse)
        for _ in range(depth):
            for k in range(width):
                moved[k] = 0.0
            _activate(activation, coarse, x)
            for _ in range(refinement):
                _activate(activation, fine, X)
                state = _fine_layer(x, X, scale, moved, fine, state)
            for k in range(width):
                coarse[k] += scale * moved[k]
        out[run, 1], out[run, 2] = _square(coarse), _square(fine)
        for k in range(width):
            coarse[k] -= fine[k]
        out[run, 3] = _square(coarse)
