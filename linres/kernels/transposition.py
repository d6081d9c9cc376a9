"""Transposes of matrices in the layout `rows`, by square tiles that are turned in registers."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from linres.kernels._jit import compiled, config
from linres.kernels.vectors import LANES, Emitter


def _turned(builder, rows):
    """The columns of a tile whose rows are these: in each round pairs of rows exchange half of what they hold."""
    half = LANES // 2
    while half:
        low, high = [], []
        for lane in range(LANES):  # of two vectors laid end to end
            inside = lane & half
            low.append(lane - half + LANES if inside else lane)
            high.append(lane + LANES if inside else lane + half)
        masks = [ir.Constant(ir.VectorType(ir.IntType(32), LANES), which) for which in (low, high)]
        turned = list(rows)
        for row in range(LANES):
            if not row & half:
                pair = rows[row], rows[row + half]
                turned[row], turned[row + half] = (builder.shuffle_vector(*pair, mask) for mask in masks)
        rows, half = turned, half // 2
    return rows


def _tile(context, a, out, i, j):
    """The tile of out at (j, i) <- the transpose of that of a at (i, j)."""

    def code(context, builder, signature, arguments):
        emit = Emitter(context, builder)
        a, out = (emit.array(signature.args[k], arguments[k]) for k in range(2))
        i, j = arguments[2:]
        rows = [emit.load(a.address(builder.add(i, emit.number(r)), j)) for r in range(LANES)]
        for r, row in enumerate(_turned(builder, rows)):
            emit.store(row, out.address(builder.add(j, emit.number(r)), i))
        return context.get_dummy_value()

    return types.void(a, out, types.intp, types.intp), code


def _plain_tile(a, out, i, j):
    out[j : j + LANES, i : i + LANES] = a[i : i + LANES, j : j + LANES].T


_transpose_tile: Any = _plain_tile if config.DISABLE_JIT else intrinsic(_tile)


@compiled
def transpose(a, out):
    """out (n, m) <- the transpose of a (m, n); both sides multiples of LANES. Not in place."""
    for j in range(0, a.shape[1], LANES):  # in the order in which out lies
        for i in range(0, a.shape[0], LANES):
            _transpose_tile(a, out, i, j)
