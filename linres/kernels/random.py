"""Random numbers inside compiled kernels: a stream for each run, so that no bit depends on the number of threads.

The generator is xoshiro256++ (Blackman and Vigna 2021), its state four words of splitmix64 (Steele, Lea and Flood
2014) that begin at a key: for one seed, different streams have different keys. A state is a tuple, kept in registers:
every function takes one and returns the number drawn and the next state.

Normals come by the ziggurat of Marsaglia and Tsang (2000) with 256 layers of equal area, derived below, from 47 bits
and a sign bit; gamma variates by their method of 2000, with a squeeze that grows sharper with the shape.
"""

import math

import numpy as np

from linres.kernels._jit import compiled

U = np.uint64
_GOLDEN = U(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio, odd
_FIRST, _SECOND = U(0xBF58476D1CE4E5B9), U(0x94D049BB133111EB)
_ONE, _FOUR, _BYTE = U(1), U(4), U(255)
_8, _12, _16, _17, _19, _23, _27, _30, _31, _41, _45 = map(U, (8, 12, 16, 17, 19, 23, 27, 30, 31, 41, 45))

# ------------------------------------------------------------------------------------------------------------- words


@compiled
def mixed(z):
    """The output function of splitmix64, a bijection of the 64-bit words."""
    z = (z ^ (z >> _30)) * _FIRST
    z = (z ^ (z >> _27)) * _SECOND
    return z ^ (z >> _31)


@compiled
def key(seed, stream):
    """Where the splitmix64 sequence of a stream begins; for one seed, another word for every other stream."""
    return mixed(mixed(U(seed) + _GOLDEN) + U(stream) * _GOLDEN)


@compiled
def state_at(start):
    """The four words of splitmix64 that follow start."""
    a = start + _GOLDEN
    b = a + _GOLDEN
    c = b + _GOLDEN
    return mixed(a), mixed(b), mixed(c), mixed(c + _GOLDEN)


@compiled
def seeded(seed, stream):
    """The state that a stream begins in; seed and stream are integers from 0 to 2^64 - 1."""
    return state_at(key(seed, stream))


@compiled
def word(state):
    """The next 64 bits of xoshiro256++."""
    a, b, c, d = state
    total = a + d
    out = ((total << _23) | (total >> _41)) + a
    shifted = b << _17
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    return out, (a, b, c ^ shifted, (d << _45) | (d >> _19))


@compiled(inline=True)
def ones(bits):
    """How many of the 64 bits are set: sums of neighbours, then of neighbouring pairs, of fours, of bytes."""
    bits -= (bits >> _ONE) & U(0x5555555555555555)
    bits = (bits & U(0x3333333333333333)) + ((bits >> U(2)) & U(0x3333333333333333))
    bits = (bits + (bits >> U(4))) & U(0x0F0F0F0F0F0F0F0F)
    return np.int64((bits * U(0x0101010101010101)) >> U(56))


@compiled
def heads(tosses, state):
    """How many of so many bits are set: binomial (tosses, 1/2)."""
    total = 0
    while tosses > 0:
        bits, state = word(state)
        if tosses < 64:
            bits >>= U(64 - tosses)
        total += ones(bits)
        tosses -= 64
    return total, state


@compiled
def uniform(state):
    """Even on the midpoints of 2^52 equal parts of (0, 1): never 0, never 1."""
    bits, state = word(state)
    return (np.int64(bits >> _12) + 0.5) * 2.0**-52, state


# ----------------------------------------------------------------------------------------------------------- normals


def _edges(last: float, layers: int) -> list[float]:
    """Right ends of the layers from the base up: each holds as much area as the base with its tail beyond `last`.

    Where the area is too small for so many layers the last ends are missing.
    """
    height = math.exp(-last * last / 2)
    area = last * height + math.sqrt(math.pi / 2) * math.erfc(last / math.sqrt(2))
    edges = [area / height, last]
    while len(edges) < layers and height < 1:
        height += area / edges[-1]
        if height < 1:
            edges.append(math.sqrt(-2 * math.log(height)))
    return edges


def _fills(last: float, layers: int) -> bool:
    """Whether that many layers reach over the top of exp(-x^2/2)."""
    edges = _edges(last, layers)
    if len(edges) < layers:
        return True
    height, below = math.exp(-edges[1] ** 2 / 2), math.exp(-edges[-1] ** 2 / 2)
    return below + edges[0] * height / edges[-1] > 1


def ziggurat(layers: int = 256) -> np.ndarray:
    """Right ends of the layers (layers + 1,): first the base as if it were a box, last 0. By bisection in float64."""
    low, high = 1.0, 10.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if _fills(middle, layers) else (low, middle)
    return np.array([*_edges(high, layers), 0.0])


_EDGES = ziggurat()
_LAST = float(_EDGES[1])
_WIDTHS = _EDGES[:-1] * 2.0**-47  # a signed 48-bit integer times this lies in its layer
_INSIDE = np.floor(_EDGES[1:] / _EDGES[:-1] * 2.0**47).astype(np.int64)  # below this, under the curve for sure
_HEIGHTS = np.exp(-_EDGES * _EDGES / 2)


@compiled(inline=True)
def _tail(state):
    """A normal given that it is > _LAST (Marsaglia 1964): exponentials by rejection."""
    while True:
        u, state = uniform(state)
        v, state = uniform(state)
        x = -math.log(u) / _LAST
        if -2.0 * math.log(v) > x * x:
            return _LAST + x, state


@compiled
def _outside(j, layer, state):
    """The normal from an integer that fell outside of the box under its layer's part of the curve."""
    while True:
        x = j * _WIDTHS[layer]
        if layer == 0:
            x, state = _tail(state)
            return (x if j > 0 else -x), state
        u, state = uniform(state)
        if _HEIGHTS[layer] + u * (_HEIGHTS[layer + 1] - _HEIGHTS[layer]) < math.exp(-x * x / 2):
            return x, state
        bits, state = word(state)
        layer = np.int64((bits >> _8) & _BYTE)
        j = np.int64((bits >> _16) | _ONE) - 140737488355328
        if abs(j) < _INSIDE[layer]:
            return j * _WIDTHS[layer], state


@compiled
def normal_from(bits, state):
    """A standard normal from all but the lowest 8 of the bits, seldom with more words."""
    layer = np.int64((bits >> _8) & _BYTE)
    j = np.int64((bits >> _16) | _ONE) - 140737488355328  # 2^47: odd integers, as many negative as positive
    if abs(j) < _INSIDE[layer]:
        return j * _WIDTHS[layer], state
    return _outside(j, layer, state)


@compiled
def normal(state):
    """A standard normal."""
    bits, state = word(state)
    return normal_from(bits, state)


# ------------------------------------------------------------------------------------------------------------- gamma


@compiled(inline=True)
def gamma_constants(shape):
    """What `gamma_with` needs of a shape >= 1: d = shape - 1/3, c = 1/(3 sqrt(d)), 1/(54 d)."""
    d = shape - 1.0 / 3.0
    return d, 1.0 / math.sqrt(9.0 * d), 1.0 / (54.0 * d)


@compiled
def _gamma_slowly(constants, bits, x, state):
    """As `gamma_with`, from the point on where the first normal x, from these bits, is not accepted at a glance."""
    d, c, _ = constants
    while True:
        y = 1.0 + c * x
        if y > 0.0:
            u, state = uniform(state)
            v = y * y * y
            if math.log((np.int64(bits & _BYTE) + u) / 256.0) < x * x / 2.0 + d * (1.0 - v + math.log(v)):
                return d * v, state
        bits, state = word(state)
        x, state = normal_from(bits, state)


@compiled
def gamma_with(constants, state):
    """A gamma variate of scale 1: d v, v = (1 + c x)^3, accepted with chance exp(x^2/2 + d (1 - v + log v)).

    With y = c x >= -1/2, log(1 + y) >= y - y^2/2 + y^3/3 - y^4/2, so that the exponent is at least -x^4/(54 d) and the
    chance at least 1 - x^4/(54 d). The number u that decides has 8 bits left over by the normal, which mostly suffice.
    """
    d, c, squeeze = constants
    bits, state = word(state)
    x, state = normal_from(bits, state)
    y, square = 1.0 + c * x, x * x
    if y >= 0.5 and np.int64(bits & _BYTE) + 1 <= 256.0 - 256.0 * squeeze * square * square:
        return d * (y * y * y), state
    return _gamma_slowly(constants, bits, x, state)


@compiled
def gamma(shape, state):
    """A gamma variate of scale 1 and any shape > 0; below 1, one of shape + 1 times U^{1/shape}."""
    if shape >= 1.0:
        return gamma_with(gamma_constants(shape), state)
    x, state = gamma_with(gamma_constants(shape + 1.0), state)
    u, state = uniform(state)
    return x * math.exp(math.log(u) / shape), state


@compiled
def chi_square(degrees, state):
    """A chi-square variate with an integer >= 0 of degrees of freedom."""
    if degrees == 0:
        return 0.0, state
    if degrees == 1:
        x, state = normal(state)
        return x * x, state
    x, state = gamma_with(gamma_constants(degrees / 2.0), state)
    return 2.0 * x, state


# -------------------------------------------------------------------------------------------------------- many at once

LANES = 32


@compiled(inline=True)
def seed_lanes(seed, stream, lanes):
    """Fill lanes (4, LANES) with the states that the lanes of a stream begin in, one after the other."""
    start = key(seed, stream)
    for lane in range(lanes.shape[1]):
        lanes[0, lane], lanes[1, lane], lanes[2, lane], lanes[3, lane] = state_at(start)
        start += _FOUR * _GOLDEN


@compiled(inline=True)
def fill_words(lanes, out):
    """Fill out (m, LANES) with words, every lane its column; the loop over lanes is one that compilers vectorise."""
    a, b, c, d = lanes[0], lanes[1], lanes[2], lanes[3]
    for i in range(out.shape[0]):
        row = out[i]
        for lane in range(LANES):
            first, second, third, fourth = a[lane], b[lane], c[lane], d[lane]
            total = first + fourth
            row[lane] = ((total << _23) | (total >> _41)) + first
            shifted = second << _17
            third ^= first
            fourth ^= second
            b[lane] = second ^ third
            a[lane] = first ^ fourth
            c[lane] = third ^ shifted
            d[lane] = (fourth << _45) | (fourth >> _19)


@compiled(inline=True)
def fill_even(words, bound, out):
    """Fill out (m,) from words (>= m/2,): even on 2^31 points, symmetric about 0, from -bound to bound.

    Both halves of a word make an odd number from -2^31 to 2^31.
    """
    halves = words.view(np.int32)
    unit = bound * 2.0**-31
    for i in range(len(out)):
        out[i] = unit * (halves[i] | 1)


@compiled(inline=True)
def fill_signs(words, size, out):
    """Fill out (m,) from words (>= m/64,): size or -size by each bit."""
    for i in range(len(out)):
        out[i] = size if (words[i >> 6] >> U(i & 63)) & _ONE else -size


@compiled
def fill_normal(scale, state, out):
    """Fill out (m,) with scale times standard normals; returns the state."""
    for i in range(len(out)):
        x, state = normal(state)
        out[i] = scale * x
    return state
