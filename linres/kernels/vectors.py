"""Vectors of float64 inside Numba: LANES numbers that are added, multiplied and compared at once, in one register.

Numba vectorises plain loops where it can prove that it may; where that matters most, in sums, in loops of a few steps
and in code that keeps a tile of a matrix in registers, it cannot. So this gives it the vectors of LLVM, which turns
them into what the processor has; LANES is chosen for that.

Two layouts of a matrix share the code written with them:

    rows    (m, n), n a multiple of LANES: the vector at (i, j) holds the entries (i, j) ... (i, j + LANES - 1);
    lanes   (m, n, LANES): as many matrices side by side; the vector at (i, j) holds the entry (i, j) of each.

Rows are contiguous in both; they may lie apart.

Under NUMBA_DISABLE_JIT=1 the vectors are NumPy arrays.
"""

import operator
from typing import Any, NamedTuple

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import extending, types
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

from linres.kernels._jit import config

intrinsic: Any = extending.intrinsic  # type checkers would have calls pass the context that Numba passes


class Shape(NamedTuple):
    """How a processor is used: numbers in a vector; rows of a tile of a matrix product in the layout `rows`, its side
    in `lanes`, which fill the registers but a few; whether a b + c is rounded once."""

    lanes: int
    tall: int
    side: int
    fused: bool


def features() -> set[str]:
    """Of the processor that Numba compiles for, as LLVM names them."""
    given = config.CPU_FEATURES
    if given is None:
        given = llvmlite.binding.get_host_cpu_features().flatten()
    return {feature[1:] for feature in given.split(",") if feature.startswith("+")}


def shape(features: set[str]) -> Shape:
    """For 32 registers of 8 numbers, for 16 of 4, and for 16 of 2, which every processor has."""
    if {"avx512f", "fma"} <= features:
        return Shape(8, 8, 4, True)
    if {"avx", "fma"} <= features:
        return Shape(4, 4, 3, True)
    return Shape(2, 4, 3, "neon" in features)


SHAPE = shape(features())
LANES = SHAPE.lanes
DOUBLE, INDEX = ir.DoubleType(), ir.IntType(64)
VECTOR, MASK = ir.VectorType(DOUBLE, LANES), ir.VectorType(ir.IntType(1), LANES)


class _Vector(types.Type):
    def __init__(self):
        super().__init__(name=f"Vector({LANES})")


class _Mask(types.Type):
    def __init__(self):
        super().__init__(name=f"Mask({LANES})")


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, VECTOR)


@register_model(_Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, MASK)


vector, mask = _Vector(), _Mask()


class Emitter:
    """LLVM code at the place where the builder stands."""

    def __init__(self, context, builder):
        self.context, self.builder = context, builder

    def array(self, kind, value, axes: int = 2) -> "Matrix":
        """An argument that is an array, of so many axes and perhaps that of the lanes."""
        return Matrix(self, kind, self.context.make_array(kind)(self.context, self.builder, value), kind.ndim > axes)

    def number(self, value: int):
        return ir.Constant(INDEX, value)

    def zero(self):
        return ir.Constant(VECTOR, [0.0] * LANES)

    def load(self, address):
        pointer = self.builder.inttoptr(address, VECTOR.as_pointer())
        return self.builder.load(pointer, align=8, typ=VECTOR)

    def store(self, value, address):
        self.builder.store(value, self.builder.inttoptr(address, VECTOR.as_pointer()), align=8)

    def load_spread(self, address):
        """The vector with the number at the address everywhere."""
        scalar = self.builder.load(self.builder.inttoptr(address, DOUBLE.as_pointer()), align=8, typ=DOUBLE)
        return self.spread(scalar)

    def spread(self, scalar):
        place, undefined = ir.IntType(32), ir.Constant(VECTOR, ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, ir.Constant(place, 0))
        return self.builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(place, LANES), [0] * LANES))

    def multiply_add(self, a, b, c):
        """a b + c, rounded once where the processor can."""
        if not SHAPE.fused:
            return self.builder.fadd(self.builder.fmul(a, b), c)
        return self.call("fma", a, b, c)

    def call(self, name: str, *vectors):
        """The function of LLVM with that name, entry by entry."""
        module, name = self.builder.module, f"llvm.{name}.v{LANES}f64"
        function = module.globals.get(name)
        if function is None:
            function = ir.Function(module, ir.FunctionType(VECTOR, [VECTOR] * len(vectors)), name)
        return self.builder.call(function, vectors)


class Matrix:
    """An array in one of the layouts, seen from the code: addresses are numbers."""

    def __init__(self, emit: Emitter, kind, struct, lanes: bool):
        self.emit, self.beside = emit, lanes
        self.base = emit.builder.ptrtoint(struct.data, INDEX)
        self.strides = [emit.builder.extract_value(struct.strides, axis) for axis in range(kind.ndim)]
        self.strides[-1] = emit.number(8)  # known, it takes no register
        if lanes:
            self.strides[-2] = emit.number(8 * LANES)

    def flipped(self, flag) -> "Matrix":
        """The transpose where the flag is set."""
        select, (down, right) = self.emit.builder.select, self.strides[:2]
        self.strides[:2] = select(flag, right, down), select(flag, down, right)
        return self

    def address(self, *place):
        build, found = self.emit.builder, self.base
        for number, stride in zip(place, self.strides, strict=False):
            found = build.add(found, build.mul(number, stride))
        return found


@intrinsic
def load(context, array, i, j):
    """The vector at (i, j)."""

    def code(context, builder, signature, arguments):
        matrix = Emitter(context, builder).array(signature.args[0], arguments[0])
        return matrix.emit.load(matrix.address(*arguments[1:]))

    return vector(array, types.intp, types.intp), code


@intrinsic
def store(context, array, i, j, value):
    """Write the vector to (i, j)."""

    def code(context, builder, signature, arguments):
        matrix = Emitter(context, builder).array(signature.args[0], arguments[0])
        matrix.emit.store(arguments[3], matrix.address(*arguments[1:3]))
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, vector), code


@intrinsic
def coefficients(context, array, j):
    """The vector that belongs to column j, of an array (n,) in the layout `rows`, or (n, LANES)."""

    def code(context, builder, signature, arguments):
        matrix = Emitter(context, builder).array(signature.args[0], arguments[0], axes=1)
        return matrix.emit.load(matrix.address(arguments[1]))

    return vector(array, types.intp), code


@intrinsic
def spread(context, number):
    """The vector with the number everywhere."""

    def code(context, builder, signature, arguments):
        return Emitter(context, builder).spread(arguments[0])

    return vector(types.float64), code


@intrinsic
def multiply_add(context, a, b, c):
    """a b + c, rounded once where the processor can."""

    def code(context, builder, signature, arguments):
        return Emitter(context, builder).multiply_add(*arguments)

    return vector(vector, vector, vector), code


@intrinsic
def larger(context, a, b):
    """Where |a| > |b|; not where either is nan."""

    def code(context, builder, signature, arguments):
        emit = Emitter(context, builder)
        return builder.fcmp_ordered(">", *(emit.call("fabs", value) for value in arguments))

    return mask(vector, vector), code


@intrinsic
def is_zero(context, a):
    """Where a = 0."""

    def code(context, builder, signature, arguments):
        return builder.fcmp_ordered("==", arguments[0], Emitter(context, builder).zero())

    return mask(vector), code


@intrinsic
def both(context, where, there):
    """Where both masks are set."""

    def code(context, builder, signature, arguments):
        return builder.and_(*arguments)

    return mask(mask, mask), code


@intrinsic
def choose(context, where, a, b):
    """a where the mask is set, b elsewhere."""

    def code(context, builder, signature, arguments):
        return builder.select(*arguments)

    return vector(mask, vector, vector), code


@intrinsic
def somewhere(context, where):
    """Whether the mask is set anywhere."""

    def code(context, builder, signature, arguments):
        bits = ir.IntType(LANES)
        return builder.icmp_unsigned("!=", builder.bitcast(arguments[0], bits), ir.Constant(bits, 0))

    return types.boolean(mask), code


def _register(operation, instruction: str) -> None:
    """The operation on vectors, entry by entry."""

    @infer_global(operation)
    class Typed(ConcreteTemplate):
        cases = [signature(vector, vector, vector)]  # noqa: RUF012  # as Numba wants it

    @lower_builtin(operation, vector, vector)
    def code(context, builder, signature, arguments):
        return getattr(builder, instruction)(*arguments)


for _operation, _instruction in {
    operator.add: "fadd", operator.sub: "fsub", operator.mul: "fmul", operator.truediv: "fdiv",
}.items():
    _register(_operation, _instruction)


def _flat(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1, LANES) if array.ndim == 3 else array.reshape(-1)


def _indices(array: np.ndarray, i: int, j: int):
    """Where the vector at (i, j) lies among `_flat`; beyond an end, at the other one."""
    start = i * array.shape[1] + j
    return start % (array.size // LANES) if array.ndim == 3 else (start + np.arange(LANES)) % array.size


if config.DISABLE_JIT:
    def load(array, i, j):
        return _flat(array)[_indices(array, i, j)].copy()

    def store(array, i, j, value):
        _flat(array)[_indices(array, i, j)] = value

    def coefficients(array, j):
        return (array[j] if array.ndim == 2 else array[j : j + LANES]).copy()

    def spread(number):
        return np.full(LANES, number)

    def multiply_add(a, b, c):
        return a * b + c

    def larger(a, b):
        return np.abs(a) > np.abs(b)

    def is_zero(a):
        return a == 0

    both, choose, somewhere = np.logical_and, np.where, np.any
