"""Propagation through random residual networks, run after run: the compiled twin of methods/propagation.py.

A block with Gaussian weights adds scale |h_k| s z to h_k, where z has d standard normal entries whatever h_k is: their
law is the same in every orthonormal basis. In a basis that begins at h_k, or at h_0 and then the part of h_k orthogonal
to it, all entries of z but the first one or two enter by their sum of squares alone. So norms and distances need a few
random numbers a layer, not d^2 for each matrix, and are exact in law. The factor s is

    d^{-1/2} for V h;
    (C/d^2)^{1/2} for V U h, C chi-square with d degrees;
    (C/d^2)^{1/2} for V relu(U h), C chi-square with N degrees, N binomial (d, 1/2): the sum of d squared normals, each
    left out with chance 1/2.

V and U have independent entries N(0, 1/d). Run number r draws from stream r alone: its bits are the same in any
company.
"""

import math
from typing import NamedTuple

import numpy as np

from linres.kernels import random
from linres.kernels._jit import compiled
from linres.kernels._threads import in_parts
from linres.kernels.matrices import copy

LINEAR, LINEAR_TWO, RELU_TWO = 0, 1, 2  # blocks V h, V U h and V relu(U h)
_FEW = 16  # factors multiplied before a logarithm is taken
_LARGE = 2.0**64  # states beyond this, or below its inverse, are scaled by it
_LOG_LARGE = 64 * math.log(2.0)


class _Chi(NamedTuple):
    """A chi-square law prepared: its degrees of freedom and the constants of gamma variates of half as many."""

    degrees: int
    constants: tuple[float, float, float]


@compiled
def _prepared(degrees):
    return _Chi(degrees, random.gamma_constants(max(degrees, 2) / 2.0))


@compiled
def _chi_square(chi, state):
    """random.chi_square without preparing anew."""
    if chi.degrees >= 2:
        x, state = random.gamma_with(chi.constants, state)
        return 2.0 * x, state
    return random.chi_square(chi.degrees, state)


@compiled
def _log(x):
    return math.log(x) if x > 0.0 else -np.inf


@compiled
def _variance(block, width, whole, state):
    """s^2 of the module, times d. whole: the prepared chi-square law with d degrees."""
    if block == LINEAR:
        return 1.0, state
    if block == LINEAR_TWO:
        x, state = _chi_square(whole, state)
        return x / width, state
    active, state = random.heads(width, state)
    x, state = random.chi_square(active, state)
    return x / width, state


@compiled
def _linear_factors(state, count, unit, constants):
    """The product of |h_{k+1}|^2/|h_k|^2 over so many blocks V h of width > 2; constants for its last d - 1 entries."""
    product = 1.0
    for _ in range(count):
        along, state = random.normal(state)
        across, state = random.gamma_with(constants, state)
        forward = 1.0 + unit * along
        product *= forward * forward + 2.0 * unit * unit * across
    return product, state


@compiled
def _factors(state, count, unit, block, width, rest, whole):
    """As `_linear_factors`, for any block and width."""
    product = 1.0
    for _ in range(count):
        variance, state = _variance(block, width, whole, state)
        along, state = random.normal(state)
        across, state = _chi_square(rest, state)
        forward = 1.0 + unit * math.sqrt(variance) * along
        product *= forward * forward + unit * unit * variance * across
    return product, state


def norms(seed, first, block, width, scale, layers, out):
    """Fill out (runs, P) with log |h_k|^2 - log |h_0|^2 at the layers k (P,), increasing; runs from `first` on."""
    in_parts(lambda begin, end: _norms(begin, end, seed, first, block, width, scale, layers, out), len(out))


@compiled(nogil=True)
def _norms(begin, end, seed, first, block, width, scale, layers, out):
    """The runs first + begin, ..., first + end - 1 of `norms`."""
    unit, few = scale / math.sqrt(width), _FEW if scale < 1e6 else 1
    for run in range(begin, end):
        state = random.seeded(seed, first + np.uint64(run))
        rest, whole = _prepared(width - 1), _prepared(width)
        total, done = 0.0, 0
        for p in range(len(layers)):
            while done < layers[p]:
                count = min(few, layers[p] - done)
                if block == LINEAR and width > 2:
                    product, state = _linear_factors(state, count, unit, rest.constants)
                else:
                    product, state = _factors(state, count, unit, block, width, rest, whole)
                total += _log(product)
                done += count
            out[run, p] = total


def norms_and_distances(seed, first, block, width, scale, layers, norms, distances):
    """As `norms`, and fill distances (runs, P) with log |h_k - h_0| - log |h_0|.

    h_k is forward e + scale b f with e and f orthonormal, h_0 = e and forward = 1 + scale a. Neither small states nor
    small distances are found as differences of large numbers: both forward and a are added to layer by layer. Nothing
    overflows or vanishes: states are divided by `_LARGE` to a power that is counted, a by the highest so far.
    """
    settings = seed, first, block, width, scale, layers, norms, distances
    in_parts(lambda begin, end: _norms_and_distances(begin, end, *settings), len(norms))


@compiled(nogil=True)
def _norms_and_distances(begin, end, seed, first, block, width, scale, layers, norms, distances):
    unit = 1.0 / math.sqrt(width)
    for run in range(begin, end):
        state = random.seeded(seed, first + np.uint64(run))
        rest, whole = _prepared(max(width - 2, 0)), _prepared(width)
        forward, a, b, power, highest, done = 1.0, 0.0, 0.0, 0, 0, 0
        length = 1.0
        for p in range(len(layers)):
            while done < layers[p]:
                variance, state = _variance(block, width, whole, state)
                step = length * unit * math.sqrt(variance)
                along, state = random.normal(state)
                a += step * along * _LARGE ** (power - highest)
                forward += scale * (step * along)
                if width > 1:
                    across, state = random.normal(state)
                    beyond, state = _chi_square(rest, state)
                    b += step * across
                    b = math.sqrt(b * b + step * step * beyond)
                length = math.sqrt(forward * forward + (scale * b) ** 2)
                if not 1.0 / _LARGE < length < _LARGE and length > 0.0:
                    shrink = 1.0 / _LARGE if length > 1.0 else _LARGE
                    power += 1 if length > 1.0 else -1
                    forward, b, length = forward * shrink, b * shrink, length * shrink
                    if power > highest:
                        a, highest = a * shrink, power
                done += 1
            norms[run, p] = 2.0 * (_log(length) + power * _LOG_LARGE)
            moved = math.sqrt(a * a + (b * _LARGE ** (power - highest)) ** 2)
            distances[run, p] = math.log(scale) + _log(moved) + highest * _LOG_LARGE


# ----------------------------------------------------------------------------------------------- states, layer by layer

GAUSSIAN, UNIFORM, RADEMACHER, GIVEN, REDUCED = 0, 1, 2, 3, 4  # entries; given ones; Gaussian ones that are not drawn
IDENTITY, RELU, TANH = 0, 1, 2  # activations
_LANE_STREAMS = np.uint64(2**63)  # lanes draw from the streams beyond, one for each run


@compiled
def apply(weights, states, out):
    """out <- V h for every row h of states (n, d); weights (d, d) hold the columns of V as rows."""
    n, d = states.shape
    whole = d - d % 4
    for i in range(n):
        x, y = states[i], out[i]
        for k in range(d):
            y[k] = 0.0
        for j in range(0, whole, 4):
            a, b, c, e = x[j], x[j + 1], x[j + 2], x[j + 3]
            p, q, r, s = weights[j], weights[j + 1], weights[j + 2], weights[j + 3]
            for k in range(d):
                y[k] += (a * p[k] + b * q[k]) + (c * r[k] + e * s[k])
        for j in range(whole, d):
            a, p = x[j], weights[j]
            for k in range(d):
                y[k] += a * p[k]


@compiled
def apply_transposed(weights, states, out):
    """out <- V^T p for every row p of states (n, d), four sums at a time; weights as in `apply`."""
    n, d = states.shape
    whole = d - d % 4
    for i in range(n):
        x, y = states[i], out[i]
        for j in range(0, whole, 4):
            p, q, r, s = weights[j], weights[j + 1], weights[j + 2], weights[j + 3]
            first = second = third = fourth = 0.0
            for k in range(d):
                first += p[k] * x[k]
                second += q[k] * x[k]
                third += r[k] * x[k]
                fourth += s[k] * x[k]
            y[j], y[j + 1], y[j + 2], y[j + 3] = first, second, third, fourth
        for j in range(whole, d):
            p, total = weights[j], 0.0
            for k in range(d):
                total += p[k] * x[k]
            y[j] = total


@compiled
def _draw(law, lanes, state, words, weights):
    """Fill weights (d, d) with independent entries of mean 0 and variance 1/d; returns the scalar state."""
    flat, width = weights.ravel(), weights.shape[0]
    if law == GAUSSIAN:
        return random.fill_normal(1.0 / math.sqrt(width), state, flat)
    random.fill_words(lanes, words)
    if law == UNIFORM:
        random.fill_even(words.ravel(), math.sqrt(3.0 / width), flat)
    else:
        random.fill_signs(words.ravel(), 1.0 / math.sqrt(width), flat)
    return state


@compiled
def _orthonormal_part(states, i, basis, parts):
    """Gram-Schmidt, twice: parts (n,) of row i of states (n, d) along the rows of basis before, and its row of basis.

    Returns the length of what is left; 0, and a row of zeros, where that is rounding.
    """
    row, size, left = basis[i], 0.0, 0.0
    for k in range(len(row)):
        row[k] = states[i, k]
        size += row[k] * row[k]
    for j in range(i):
        parts[j] = 0.0
    for _ in range(2):
        for j in range(i):
            part = 0.0
            for k in range(len(row)):
                part += basis[j, k] * row[k]
            for k in range(len(row)):
                row[k] -= part * basis[j, k]
            parts[j] += part
    for k in range(len(row)):
        left += row[k] * row[k]
    length = math.sqrt(left) if left > 1e-28 * size else 0.0
    for k in range(len(row)):
        row[k] = row[k] / length if length > 0.0 else 0.0
    return length


@compiled
def _random_image(states, basis, drawn, parts, state, out):
    """out <- V h for every row h of states (n, d) and one V with entries N(0, 1/d), in law, by n d normals.

    states = R^T Q with orthonormal rows of Q and a Cholesky factor R of the Gram matrix, and Q V^T has independent
    entries N(0, 1/d) again: drawn. basis (n, d), drawn (n, d) and parts (n,) are overwritten. Returns the state.
    """
    n, d = states.shape
    for i in range(n):
        length = _orthonormal_part(states, i, basis, parts)
        state = random.fill_normal(1.0 / math.sqrt(d), state, drawn[i])
        for k in range(d):
            out[i, k] = length * drawn[i, k]
        for j in range(i):
            for k in range(d):
                out[i, k] += parts[j] * drawn[j, k]
    return state


@compiled
def _activate(activation, states, out, slopes):
    """out <- the activation of states (n, d), entry by entry; slopes <- its derivative, unless it is empty."""
    n, d = states.shape
    for i in range(n):
        for k in range(d):
            x = states[i, k]
            if activation == RELU:
                out[i, k], slope = (x, 1.0) if x > 0.0 else (0.0, 0.0)
            elif activation == TANH:
                y = math.tanh(x)
                out[i, k], slope = y, 1.0 - y * y
            else:
                out[i, k], slope = x, 1.0
            if slopes.size:
                slopes[i, k] = slope


@compiled
def _begin(starts, inputs, homogeneous, state, start, sizes):
    """Fill start (n, d) with starts (inputs, d) or, if that is (0, d), normals, repeated; sizes with log |h_0|^2.

    If the network is homogeneous, the rows are then made ones of length 1, and their sizes 0.
    """
    if len(starts):
        copy(starts, start[:inputs])
    else:
        state = random.fill_normal(1.0, state, start[:inputs].ravel())
    for i in range(len(start)):
        for k in range(start.shape[1]):
            start[i, k] = start[i % inputs, k]
    for i in range(len(start)):
        square = _square(start[i])
        sizes[i] = 0.0 if homogeneous else math.log(square)
        if homogeneous:
            _scale(start[i], 1.0 / math.sqrt(square))
    return state


@compiled
def _square(x):
    total = 0.0
    for k in range(len(x)):
        total += x[k] * x[k]
    return total


@compiled
def _scale(x, factor):
    for k in range(len(x)):
        x[k] *= factor


@compiled
def _move(moved, image, scales, homogeneous, powers, states):
    """moved <- moved + image and states <- states + scale image, rows of (n, d), each with its scale.

    So neither small states nor small distances are differences of large numbers. Where the network is homogeneous,
    states are divided by `_LARGE` when they are that large, and multiplied when they are that small; powers[0] (n,)
    count how often. What moved is divided by the highest power so far, powers[1] (n,).
    """
    for i in range(len(states)):
        x, total, y, behind = states[i], moved[i], image[i], _LARGE ** (powers[0, i] - powers[1, i])
        for k in range(len(x)):
            total[k] += behind * y[k]
            x[k] += scales[i] * y[k]
        square = _square(x)
        if homogeneous and not _LARGE**-2 < square < _LARGE**2 and square > 0.0:
            shrink = 1.0 / _LARGE if square > 1.0 else _LARGE
            powers[0, i] += 1 if square > 1.0 else -1
            _scale(x, shrink)
            if powers[0, i] > powers[1, i]:
                _scale(total, shrink)
                powers[1, i] = powers[0, i]


@compiled
def _measure(states, moved, scales, powers, sizes, norms, distances):
    """Fill norms (n,) and distances (n,) with log |h|^2/|h_0|^2 and log |h - h_0|/|h_0|; sizes (n,) are log |h_0|^2."""
    for i in range(len(states)):
        norms[i] = _log(_square(states[i])) + 2.0 * powers[0, i] * _LOG_LARGE - sizes[i]
        further = _log(_square(moved[i])) / 2.0 + powers[1, i] * _LOG_LARGE
        distances[i] = math.log(scales[i]) + further - sizes[i] / 2.0


@compiled
def _image(law, given, lanes, state, words, weights, states, work, parts, out):
    """out <- V h for the rows h of states; V is given (d, d), drawn into weights (d, d), or never drawn."""
    if law == REDUCED:
        return _random_image(states, work[0], work[1], parts, state, out)
    if law == GIVEN:
        apply(given, states, out)
        return state
    state = _draw(law, lanes, state, words, weights)
    apply(weights, states, out)
    return state


@compiled(inline=True)
def _forward(law, activation, two, given, lanes, state, words, weights, states, slopes, work, parts):
    """work[3] <- V phi(h), or V phi(U h) where there are two matrices, for the rows h of states; returns the state."""
    inner, image = work[2], work[3]
    if two:
        state = _image(law, given[0], lanes, state, words, weights[0], states, work, parts, image)
        _activate(activation, image, inner, slopes)
    else:
        _activate(activation, states, inner, slopes)
    return _image(law, given[-1], lanes, state, words, weights[-1], inner, work, parts, image)


@compiled(inline=True)
def _backward(law, two, given, lanes, state, words, weights, slopes, gradients, work):
    """work[3] <- the transpose of the block's derivative, applied to the rows of gradients (n, d)."""
    inner, image = work[2], work[3]
    if law != GIVEN:
        for matrix in range(len(weights)):
            state = _draw(law, lanes, state, words, weights[matrix])
    used = given if law == GIVEN else weights
    apply_transposed(used[-1], gradients, inner)
    for i in range(len(inner)):
        for k in range(inner.shape[1]):
            inner[i, k] *= slopes[i, k]
    if two:
        apply_transposed(used[0], inner, image)
    else:
        copy(inner, image)


@compiled(inline=True)
def _gradients(
    law, given, scales, inputs, state, lanes, states_before, lanes_before, words, weights, slopes, work, norms,
    distances
):
    """Pass a standard normal gradient, drawn from the state, back through all layers; fill norms, distances (n,).

    states_before (L, 4) and lanes_before (L, 4, LANES) are what the weights of each layer were drawn from.
    """
    depth, n, d = slopes.shape
    start, gradients, moved = np.empty((n, d)), np.empty((n, d)), np.zeros((n, d))
    powers, sizes, homogeneous, two = np.zeros((2, n), dtype=np.int64), np.empty(n), depth > 0, weights.shape[0] == 2
    _begin(start[:0], inputs, homogeneous, state, start, sizes)
    copy(start, gradients)
    for layer in range(depth - 1, -1, -1):
        before = states_before[layer]
        copy(lanes_before[layer], lanes)
        _backward(
            law, two, given[layer % len(given)], lanes, (before[0], before[1], before[2], before[3]), words, weights,
            slopes[layer], gradients, work
        )
        _move(moved, work[3], scales, homogeneous, powers, gradients)
    _measure(gradients, moved, scales, powers, sizes, norms, distances)


@compiled(inline=True)
def _simulate_one(
    seed, stream, law, activation, given, scales, inputs, layers, starts, backwards, norms, distances, gradients,
    gradient_distances
):
    """A run of `simulate`: given (L, matrices, d, d), norms (P, n), gradients (n,), starts (inputs, d)."""
    n, matrices, d = len(scales), given.shape[1], given.shape[2]
    homogeneous, two, kept = activation != TANH, matrices == 2, layers[-1] if backwards else 0
    state, lanes = random.seeded(seed, stream), np.empty((4, random.LANES), dtype=np.uint64)
    random.seed_lanes(seed, stream + _LANE_STREAMS, lanes)
    words = np.empty((_rows_of_words(law, d * d), random.LANES), dtype=np.uint64)
    weights, work = np.empty((matrices, d, d)), np.empty((4, n, d))
    start, states, moved = np.empty((n, d)), np.empty((n, d)), np.zeros((n, d))
    powers, sizes, parts = np.zeros((2, n), dtype=np.int64), np.empty(n), np.empty(n)
    slopes, no_slopes, states_before = np.empty((kept, n, d)), np.empty((0, d)), np.empty((kept, 4), dtype=np.uint64)
    lanes_before = np.empty((kept, 4, random.LANES), dtype=np.uint64)
    state = _begin(starts, inputs, homogeneous, state, start, sizes)
    copy(start, states)
    done = 0
    for p in range(len(layers)):
        while done < layers[p]:
            if kept:
                copy(lanes, lanes_before[done])
                for m in range(4):
                    states_before[done, m] = state[m]
            state = _forward(
                law, activation, two, given[done % len(given)], lanes, state, words, weights, states,
                slopes[done] if kept else no_slopes, work, parts
            )
            _move(moved, work[3], scales, homogeneous, powers, states)
            done += 1
        _measure(states, moved, scales, powers, sizes, norms[p], distances[p])
    if backwards:
        _gradients(
            law, given, scales, inputs, state, lanes, states_before, lanes_before, words, weights, slopes, work,
            gradients, gradient_distances
        )


@compiled
def _rows_of_words(law, entries):
    """How many words each lane draws for so many entries: half a word for an even one, a bit for a sign."""
    if law not in (UNIFORM, RADEMACHER):
        return 0
    bits = entries * (32 if law == UNIFORM else 1)
    return -(-bits // (64 * random.LANES))


def simulate(
    seed, first, law, activation, given, scales, inputs, layers, starts, backwards, norms, distances, gradients,
    gradient_distances
):
    """Fill norms, distances (runs, B, P, n) at the layers (P,), increasing; if backwards, gradients (runs, B, n).

    scales (B, n): of each row of a state (n, d), B times over; starts repeat after so many inputs: (1, inputs, d), or
    (1, 0, d) for normals. given (runs, L, matrices, d, d) for the law GIVEN, else of shape (1, 1, matrices, d, d). The
    gradient of the output is normal, and independent of all else; the weights of the layer it passes are drawn anew
    from the state that they were drawn from, which is kept.
    """
    settings = seed, first, law, activation, given, scales, inputs, layers, starts, backwards
    found = norms, distances, gradients, gradient_distances
    in_parts(lambda begin, end: _simulate(begin, end, *settings, *found), len(norms) * len(scales))


@compiled(nogil=True)
def _simulate(
    begin, end, seed, first, law, activation, given, scales, inputs, layers, starts, backwards, norms, distances,
    gradients, gradient_distances
):
    """The runs of `simulate` number begin to end - 1, counted block by block."""
    blocks = len(scales)
    for index in range(begin, end):
        run, block = index // blocks, index % blocks
        _simulate_one(
            seed, first + np.uint64(run), law, activation, given[run % len(given)], scales[block], inputs, layers,
            starts[0], backwards, norms[run, block], distances[run, block], gradients[run, block],
            gradient_distances[run, block]
        )


def normals(seed, first, out):
    """Fill out (runs, m) with standard normals, from streams that `simulate` leaves alone where weights are given."""
    in_parts(lambda begin, end: _normals(begin, end, seed, first, out), len(out))


@compiled(nogil=True)
def _normals(begin, end, seed, first, out):
    for run in range(begin, end):
        random.fill_normal(1.0, random.seeded(seed, first + np.uint64(run) + _LANE_STREAMS), out[run])
