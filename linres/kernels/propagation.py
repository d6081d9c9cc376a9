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


@compiled(inline=True)
def _prepared(degrees):
    return _Chi(degrees, random.gamma_constants(max(degrees, 2) / 2.0))


@compiled
def _chi_square(chi, state):
    """random.chi_square without preparing anew."""
    if chi.degrees >= 2:
        x, state = random.gamma_with(chi.constants, state)
        return 2.0 * x, state
    return random.chi_square(chi.degrees, state)


@compiled(inline=True)
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


@compiled(inline=True)
def _linear_factors(state, count, unit, constants):
    """The product of |h_{k+1}|^2/|h_k|^2 over so many blocks V h of width > 2; constants for its last d - 1 entries."""
    product = 1.0
    for _ in range(count):
        along, state = random.normal(state)
        across, state = random.gamma_with(constants, state)
        forward = 1.0 + unit * along
        product *= forward * forward + 2.0 * unit * unit * across
    return product, state


@compiled(inline=True)
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


@compiled(inline=True)
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


@compiled(inline=True)
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


@compiled(inline=True)
def _draw(law, lanes, state, words, weights):
    """Fill weights (m, d) with independent entries of mean 0 and variance 1/d, normal ones if there are no words to
    fill; returns the scalar state."""
    flat, width = weights.ravel(), weights.shape[1]
    if not len(words):
        return random.fill_normal(1.0 / math.sqrt(width), state, flat)
    random.fill_words(lanes, words)
    if law == UNIFORM:
        random.fill_even(words.ravel(), math.sqrt(3.0 / width), flat)
    else:
        random.fill_signs(words.ravel(), 1.0 / math.sqrt(width), flat)
    return state


@compiled(inline=True)
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


@compiled(inline=True)
def _random_image(states, basis, drawn, parts, out):
    """out <- V h for every row h of states (n, d) and one V with entries N(0, 1/d), in law, by n d normals.

    states = R^T Q with orthonormal rows of Q and a Cholesky factor R of the Gram matrix, and Q V^T has independent
    entries N(0, 1/d) again: drawn (n, d). basis (n, d) and parts (n,) are overwritten.
    """
    n, d = states.shape
    for i in range(n):
        length = _orthonormal_part(states, i, basis, parts)
        for k in range(d):
            out[i, k] = length * drawn[i, k]
        for j in range(i):
            for k in range(d):
                out[i, k] += parts[j] * drawn[j, k]


@compiled(inline=True)
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


@compiled(inline=True)
def _begin(starts, given, inputs, homogeneous, state, states, sizes):
    """Fill states (n, d) with starts (inputs, d), if given, or with normals, repeated; sizes with log |h_0|^2.

    If the network is homogeneous, the rows are then made ones of length 1, and their sizes 0.
    """
    if not given:
        state = random.fill_normal(1.0, state, states[:inputs].ravel())
    for i in range(len(states)):
        for k in range(states.shape[1]):
            states[i, k] = starts[i % inputs, k] if given else states[i % inputs, k]
    for i in range(len(states)):
        square = _square(states[i])
        sizes[i] = 0.0 if homogeneous else math.log(square)
        if homogeneous:
            _scale(states[i], 1.0 / math.sqrt(square))
    return state


@compiled(inline=True)
def _square(x):
    total = 0.0
    for k in range(len(x)):
        total += x[k] * x[k]
    return total


@compiled(inline=True)
def _scale(x, factor):
    for k in range(len(x)):
        x[k] *= factor


@compiled(inline=True)
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


@compiled(inline=True)
def _measure(states, moved, scales, powers, sizes, norms, distances):
    """Fill norms (n,) and distances (n,) with log |h|^2/|h_0|^2 and log |h - h_0|/|h_0|; sizes (n,) are log |h_0|^2."""
    for i in range(len(states)):
        norms[i] = _log(_square(states[i])) + 2.0 * powers[0, i] * _LOG_LARGE - sizes[i]
        further = _log(_square(moved[i])) / 2.0 + powers[1, i] * _LOG_LARGE
        distances[i] = math.log(scales[i]) + further - sizes[i] / 2.0


@compiled(inline=True)
def _forward(law, activation, weights, states, slopes, basis, inner, parts, image):
    """image <- V phi(h), or V phi(U h) where there are two matrices, for the rows h of states."""
    last, source = len(weights) - 1, states
    for matrix in range(last + 1):
        if matrix == last:
            _activate(activation, source, inner, slopes)
            source = inner
        if law == REDUCED:
            _random_image(source, basis, weights[matrix], parts, image)
        else:
            apply(weights[matrix], source, image)
        source = image


@compiled(inline=True)
def _backward(weights, slopes, gradients, inner, image):
    """image <- the transpose of the block's derivative, applied to the rows of gradients (n, d)."""
    last, source = len(weights) - 1, gradients
    for matrix in range(last, -1, -1):
        out = inner if matrix else image
        apply_transposed(weights[matrix], source, out)
        if matrix == last:
            for i in range(len(out)):
                for k in range(out.shape[1]):
                    out[i, k] *= slopes[i, k]
        source = out


@compiled(inline=True)
def _remembered(layer, back, backwards, state, room):
    """The state to draw the weights of a layer from: on the way back the one that was kept on the way up."""
    if back:
        kept = room.states[layer]
        return kept[0], kept[1], kept[2], kept[3]
    if backwards:
        copy(room.lanes[layer], room.lanes[layer + 1])
        for i in range(4):
            room.states[layer, i] = state[i]
    return state


class _Room(NamedTuple):
    """What runs overwrite. Of all L layers, if gradients are asked for: the slopes of the activation, and what the
    weights are drawn from."""

    work: np.ndarray  # (5, n, d)
    sizes: np.ndarray  # (n,)
    parts: np.ndarray  # (n,)
    powers: np.ndarray  # (2, n)
    weights: np.ndarray  # (matrices, d, d), or (matrices, n, d) for the law REDUCED
    words: np.ndarray  # (m, LANES), of the lanes
    slopes: np.ndarray  # (L, n, d) or (1, 0, d)
    states: np.ndarray  # (L, 4) or (1, 4)
    lanes: np.ndarray  # (L + 1, 4, LANES) or (1, 4, LANES)


def _room(law: int, n: int, matrices: int, d: int, kept: int) -> _Room:
    return _Room(
        np.empty((5, n, d)), np.empty(n), np.empty(n), np.empty((2, n), np.int64),
        np.empty((matrices, n if law == REDUCED else d, d)),
        np.empty((_rows_of_words(law, d * d), random.LANES), np.uint64),
        np.empty((kept or 1, n if kept else 0, d)), np.empty((kept or 1, 4), np.uint64),
        np.empty((kept + 1, 4, random.LANES), np.uint64),
    )


def _rows_of_words(law: int, entries: int) -> int:
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
    found = norms, distances, gradients[:, :, None], gradient_distances[:, :, None]
    shape = scales.shape[1], *given.shape[2:4], layers[-1] if backwards else 0
    in_parts(
        lambda begin, end: _simulate(begin, end, *settings, *found, _room(law, *shape)), len(norms) * len(scales)
    )


@compiled(nogil=True)
def _simulate(
    begin, end, seed, first, law, activation, given, scales, inputs, layers, starts, backwards, norms, distances,
    gradients, gradient_distances, room
):
    """The runs of `simulate` number begin to end - 1, counted block by block; gradients (runs, B, 1, n).

    The gradient is passed back by the same lines that pass the states on: each of them is compiled once.
    """
    blocks, depth, work, powers = len(scales), layers[-1], room.work, room.powers
    states, moved, basis, inner, image = work[0], work[1], work[2], work[3], work[4]
    for index in range(begin, end):
        run, block = index // blocks, index % blocks
        stream = first + np.uint64(run)
        state = random.seeded(seed, stream)
        random.seed_lanes(seed, stream + _LANE_STREAMS, room.lanes[0])
        for back in range(2 if backwards else 1):
            homogeneous = depth > 0 if back else activation != TANH
            state = _begin(
                starts[0], not back and starts.shape[1] > 0, inputs, homogeneous, state, states, room.sizes
            )
            for i in range(len(states)):
                powers[0, i] = powers[1, i] = 0
                for k in range(states.shape[1]):
                    moved[i, k] = 0.0
            done = 0
            for p in range(1 if back else len(layers)):
                while done < (depth if back else layers[p]):
                    layer = depth - 1 - done if back else done
                    weights = given[run % len(given), layer % given.shape[1]] if law == GIVEN else room.weights
                    if law != GIVEN:
                        state = _remembered(layer, back, backwards, state, room)
                        for matrix in range(len(weights)):
                            lanes = room.lanes[(layer + 1 - back) % len(room.lanes)]
                            state = _draw(law, lanes, state, room.words, weights[matrix])
                    slopes = room.slopes[layer % len(room.slopes)]
                    if back:
                        _backward(weights, slopes, states, inner, image)
                    else:
                        _forward(law, activation, weights, states, slopes, basis, inner, room.parts, image)
                    _move(moved, image, scales[block], homogeneous, powers, states)
                    done += 1
                _measure(
                    states, moved, scales[block], powers, room.sizes, (gradients if back else norms)[run, block, p],
                    (gradient_distances if back else distances)[run, block, p]
                )


def normals(seed, first, out):
    """Fill out (runs, m) with standard normals, from streams that `simulate` leaves alone where weights are given."""
    in_parts(lambda begin, end: _normals(begin, end, seed, first, out), len(out))


@compiled(nogil=True)
def _normals(begin, end, seed, first, out):
    for run in range(begin, end):
        random.fill_normal(1.0, random.seeded(seed, first + np.uint64(run) + _LANE_STREAMS), out[run])
