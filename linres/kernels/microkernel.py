"""Products of small matrices near the peak of the processor, with what follows the product done before it is written.

A tile of the product is some rows times some vectors of running sums that stay in registers; when they are complete
they are scaled and added to what they shall be added to. Calls into BLAS, and Numba's own loops, reach a fraction of
that speed on matrices of a hundred rows or fewer. The layouts of matrices are those of `linres.kernels.vectors`. In
`rows` there are multiple-of-`SHORT` many rows as well; what lies beyond a matrix of another size is zero, and stays so.
"""

from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numba import types

from linres.kernels._jit import compiled, config
from linres.kernels.vectors import INDEX, LANES, SHAPE, VECTOR, Emitter, Matrix, intrinsic

TALL, SIDE = SHAPE.tall, SHAPE.side
SHORT = TALL // 2
WIDE = 2  # vectors
# Rows and vectors of the tiles, by the number of axes. In `lanes` a side of n > 1 is cut in parts that differ by one.
_TILES = {
    2: [(TALL, WIDE), (TALL, 1), (SHORT, WIDE), (SHORT, 1)],
    3: [(i, j) for i in range(SIDE, 1, -1) for j in range(SIDE, 1, -1)],
}


def _sums(emit: Emitter, rows: int, vectors: int, a: Matrix, b: Matrix, i, j, first, last) -> list[list[Any]]:
    """The tile of a b at (i, j), summed over first <= k < last, one term at least: a loop, now behind the builder."""
    build = emit.builder
    left_from, right_from, depth = a.address(i, first), b.address(first, j), build.sub(last, first)
    downs = [build.mul(a.strides[0], emit.number(r)) for r in range(rows)]
    before, loop, after = build.block, build.append_basic_block(), build.append_basic_block()
    build.branch(loop)
    build.position_at_end(loop)
    left, right, step = (build.phi(INDEX) for _ in range(3))
    sums = [[build.phi(VECTOR) for _ in range(vectors)] for _ in range(rows)]
    row = [emit.load(build.add(right, emit.number(8 * LANES * v))) for v in range(vectors)]
    fresh = []
    for down, below in zip(downs, sums, strict=True):
        place = build.add(left, down)
        factor = emit.load(place) if a.beside else emit.load_spread(place)
        fresh.append([emit.multiply_add(factor, x, total) for x, total in zip(row, below, strict=True)])
    for phi, begun, move in (
        (left, left_from, a.strides[1]), (right, right_from, b.strides[0]), (step, depth, emit.number(-1)),
    ):
        phi.add_incoming(begun, before)
        phi.add_incoming(build.add(phi, move), loop)
    for phi, value in zip(chain(*sums), chain(*fresh), strict=True):
        phi.add_incoming(emit.zero(), before)
        phi.add_incoming(value, loop)
    build.cbranch(build.icmp_signed(">", step, emit.number(1)), loop, after)
    build.position_at_end(after)
    return fresh


def _each_tile(emit: Emitter, axes: int, height, width, finish) -> None:
    """Code that calls finish(rows, vectors) for the tile of that height and width alone."""
    build, most = emit.builder, 16
    after = build.append_basic_block()
    choice = build.switch(build.add(build.mul(height, emit.number(most)), width), after)
    for rows, vectors in _TILES[axes]:
        choice.add_case(emit.number(rows * most + vectors), block := build.append_basic_block())
        build.position_at_end(block)
        finish(rows, vectors)
        build.branch(after)
    build.position_at_end(after)


@intrinsic
def _affine_tile(context, height, width, flipped, a, b, p, x, q, out, i, j, first, last):
    """out <- p a b + q x on the tile at (i, j)."""

    def code(context, builder, signature, arguments):
        emit = Emitter(context, builder)
        a, b, p, x, q, out = (emit.array(signature.args[k], arguments[k]) for k in range(3, 9))
        a.flipped(builder.icmp_signed("!=", arguments[2], emit.number(0)))
        i, j, first, last = arguments[9:]

        def finish(rows, vectors):
            sums = _sums(emit, rows, vectors, a, b, i, j, first, last)
            factor, share = emit.load(p.base), emit.load(q.base)
            for r, row in enumerate(sums):
                down = builder.add(i, emit.number(r))
                source, goal = x.address(down, j), out.address(down, j)
                for v, total in enumerate(row):
                    right = emit.number(8 * LANES * v)
                    kept = builder.fmul(share, emit.load(builder.add(source, right)))
                    emit.store(emit.multiply_add(factor, total, kept), builder.add(goal, right))

        _each_tile(emit, signature.args[8].ndim, arguments[0], arguments[1], finish)
        return context.get_dummy_value()

    whole = types.intp
    return types.void(whole, whole, whole, a, b, p, x, q, out, whole, whole, whole, whole), code


@intrinsic
def _growing_tile(context, height, width, a, b, grown, error, total, i, j, depth):
    """grown <- a + a b and error <- error + a b on the tile at (i, j); total <- total + the squares of error there."""

    def code(context, builder, signature, arguments):
        emit = Emitter(context, builder)
        a, b, grown, error, total = (emit.array(signature.args[k], arguments[k]) for k in range(2, 7))
        i, j, depth = arguments[7:]

        def finish(rows, vectors):
            sums = _sums(emit, rows, vectors, a, b, i, j, emit.number(0), depth)
            squares = [emit.zero()] * vectors
            for r, row in enumerate(sums):
                down = builder.add(i, emit.number(r))
                source, goal, off = (matrix.address(down, j) for matrix in (a, grown, error))
                for v, product in enumerate(row):
                    right = emit.number(8 * LANES * v)
                    emit.store(builder.fadd(emit.load(builder.add(source, right)), product), builder.add(goal, right))
                    moved = builder.fadd(emit.load(builder.add(off, right)), product)
                    emit.store(moved, builder.add(off, right))
                    squares[v] = emit.multiply_add(moved, moved, squares[v])
            found = emit.load(total.base)
            for square in squares:
                found = builder.fadd(found, square)
            emit.store(found, total.base)

        _each_tile(emit, signature.args[4].ndim, arguments[0], arguments[1], finish)
        return context.get_dummy_value()

    whole = types.intp
    return types.void(whole, whole, a, b, grown, error, total, whole, whole, whole), code


if config.DISABLE_JIT:
    def _product(flipped, a, b, tile, terms):
        rows, columns = tile
        a = a.swapaxes(0, 1) if flipped else a
        if a.ndim == 3:
            return np.einsum("ikl,kjl->ijl", a[rows, terms], b[terms, columns])
        return a[rows, terms] @ b[terms, columns]

    def _tile(axes, height, width, i, j):
        return slice(i, i + height), slice(j, j + (width * LANES if axes == 2 else width))

    def _affine_tile(height, width, flipped, a, b, p, x, q, out, i, j, first, last):
        tile = _tile(out.ndim, height, width, i, j)
        product = _product(flipped, a, b, tile, slice(first, last))
        out[tile] = (p * product if out.ndim == 3 else p[0] * product) + (q if out.ndim == 3 else q[0]) * x[tile]

    def _growing_tile(height, width, a, b, grown, error, total, i, j, depth):
        tile = _tile(grown.ndim, height, width, i, j)
        product = _product(0, a, b, tile, slice(0, depth))
        grown[tile] = a[tile] + product
        error[tile] += product
        total += np.sum(error[tile].reshape(-1, LANES) ** 2, axis=0)


@compiled(inline=True)
def side(left):
    """How much of a side to take next in `lanes`: parts of at most SIDE, none of 1."""
    if left > 2 * SIDE or left == SIDE:
        return SIDE
    return (left + 1) >> 1 if left > SIDE else left


class Part(NamedTuple):
    """What of a product a b is computed: rows top to bottom - 1, columns left to right - 1.

    Sums go from first to last - 1. flipped: 1 for a^T b, else 0.
    """

    flipped: int
    top: int
    bottom: int
    left: int
    right: int
    first: int
    last: int


@compiled
def affine(part, a, b, p, x, q, out):
    """out <- p a b + q x on a `Part`, which has terms to be summed.

    p and q: (LANES,), for the lanes one by one, or equal numbers. x may be out, or a or b if q is zero. In the layout
    `rows` the numbers of rows and columns are multiples of SHORT and LANES, or the last ones are computed beyond.
    """
    i = part.top
    while i < part.bottom:
        left = part.bottom - i
        height = side(left) if out.ndim == 3 else TALL if left >= TALL else SHORT
        j = part.left
        while j < part.right:
            left = part.right - j
            width = side(left) if out.ndim == 3 else WIDE if left >= WIDE * LANES else 1
            _affine_tile(height, width, part.flipped, a, b, p, x, q, out, i, j, part.first, part.last)
            j += width if out.ndim == 3 else width * LANES
        i += height


@compiled
def grow(a, b, grown, error, total, depth):
    """grown <- a + a b and error <- error + a b, of `depth` terms; total (LANES,) <- total + the squares of error.

    In the layout `rows` that is the sum of squares once total is summed, in `lanes` it is one for each lane.
    """
    i, (rows, columns) = 0, grown.shape[:2]
    while i < rows:
        left = rows - i
        height = side(left) if grown.ndim == 3 else TALL if left >= TALL else SHORT
        j = 0
        while j < columns:
            left = columns - j
            width = side(left) if grown.ndim == 3 else WIDE if left >= WIDE * LANES else 1
            _growing_tile(height, width, a, b, grown, error, total, i, j, depth)
            j += width if grown.ndim == 3 else width * LANES
        i += height
