"""Products and sums of scalars and matrices, of one matrix or of many at once."""

from collections.abc import Callable, Iterator
from operator import mul
from typing import Any

import numpy as np

from linres.arithmetic import Matrix


class Stack:
    """Many float64 matrices (n, d, d) with the operators of one; scalars may be arrays (n,)."""

    __slots__ = ("data",)
    __array_ufunc__ = None  # an array times a Stack is then left to us

    def __init__(self, data):
        self.data = data

    def __add__(self, other):
        return Stack(self.data + other.data)

    def __sub__(self, other):
        return Stack(self.data - other.data)

    def __rmul__(self, scalar):
        return Stack(np.asarray(scalar)[..., None, None] * self.data)

    def __matmul__(self, other):
        return Stack(self.data @ other.data)

    def entries(self):
        """All entries, row by row, each an array (n,)."""
        return list(self.data.reshape(len(self.data), -1).T)

    @property
    def T(self):
        return Stack(np.swapaxes(self.data, -1, -2))

    def inverse(self):
        return Stack(np.linalg.inv(self.data))

    def identity(self):
        return Stack(np.broadcast_to(np.eye(self.data.shape[-1]), self.data.shape))


_MATRICES = (Matrix, Stack)  # a tuple: a union would be made anew each time


def multiply(a: Any, b: Any) -> Any:
    """a b for scalars and matrices in any order; a matrix next to a matrix is multiplied as one."""
    if isinstance(a, _MATRICES):
        return a @ b if isinstance(b, _MATRICES) else b * a
    return a * b


def add(a: Any, b: Any) -> Any:
    """a + b, where a scalar next to a matrix is that multiple of the identity."""
    first = isinstance(a, _MATRICES)
    if first is isinstance(b, _MATRICES):
        return a + b
    matrix, scalar = (a, b) if first else (b, a)
    return matrix + scalar * matrix.identity()


def product(values: list) -> Any:
    """The product in the order of the values, scalars first: a matrix is then scaled once."""
    matrices = [value for value in values if isinstance(value, _MATRICES)]
    if not matrices:
        return fold(mul, iter(values))
    scalars = [value for value in values if not isinstance(value, _MATRICES)]
    scaled = [fold(mul, iter(scalars))] if scalars else []
    return fold(multiply, iter([*scaled, *matrices]))


def fold(operation: Callable[[Any, Any], Any], values: Iterator) -> Any:
    """The values combined from the left to the right."""
    total = next(values)
    for value in values:
        total = operation(total, value)
    return total
