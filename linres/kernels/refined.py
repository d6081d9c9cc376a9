"""A random network beside a finer one with the same Gaussian noise, run after run, exactly in law.

The coarse network has layers h + a (V_1 + ... + V_M) h, the fine one goes through V_1, ..., V_M one after the other.
What a layer V with independent entries N(0, 1/d) makes of h and of H has the law of |h| z/sqrt(d) and
(p z + r y)/sqrt(d), where p is the length of H along h, r that of the rest, and z, y are independent normal vectors:
two vectors of normals for each fine layer, not d of them. Run number r draws from stream r alone.
"""

import math

import numpy as np

from linres.kernels import random
from linres.kernels._jit import compiled
from linres.kernels._threads import in_parts


@compiled(inline=True)
def _fine_layer(coarse, fine, moved, scale, state):
    """fine <- fine + scale V fine and moved <- moved + V coarse, for one V; returns the state."""
    d = len(coarse)
    square = along = 0.0
    for k in range(d):
        square += coarse[k] * coarse[k]
        along += coarse[k] * fine[k]
    length = math.sqrt(square)
    part, rest = along / length, 0.0
    for k in range(d):
        across = fine[k] - part / length * coarse[k]
        rest += across * across
    rest = math.sqrt(rest)
    unit = 1.0 / math.sqrt(d)
    for k in range(d):
        z, state = random.normal(state)
        y, state = random.normal(state)
        moved[k] += unit * length * z
        fine[k] += scale * unit * (part * z + rest * y)
    return state


def errors(seed, first, width, depth, refinement, out):
    """Fill out (runs,) with |H - h|^2/|h_0|^2 after `depth` coarse layers of a = (depth * refinement)^{-1/2}."""
    in_parts(
        lambda begin, end: _errors(begin, end, seed, first, depth, refinement, np.empty((3, width)), out), len(out)
    )


@compiled(nogil=True)
def _errors(begin, end, seed, first, depth, refinement, work, out):
    """The runs first + begin, ..., first + end - 1 of `errors`; work is (3, width)."""
    scale, width = 1.0 / math.sqrt(depth * refinement), work.shape[1]
    coarse, fine, moved = work[0], work[1], work[2]
    for run in range(begin, end):
        state = random.seeded(seed, first + np.uint64(run))
        for k in range(width):
            coarse[k] = fine[k] = 1.0 if k == 0 else 0.0
        for _ in range(depth):
            for k in range(width):
                moved[k] = 0.0
            for _ in range(refinement):
                state = _fine_layer(coarse, fine, moved, scale, state)
            for k in range(width):
                coarse[k] += scale * moved[k]
        square = 0.0
        for k in range(width):
            square += (fine[k] - coarse[k]) ** 2
        out[run] = square
