"""Checks of arguments, shared by the public functions. Each returns the value in working form or raises InputError."""

import sys
from collections.abc import Callable

import numpy as np

from linres.errors import refuse


def shown(value):
    """What was got, in a word or two: a number, a text in quotes, or the kind of thing it is."""
    if isinstance(value, int | float | np.number):
        return value
    return repr(value) if isinstance(value, str) else f"a {type(value).__name__}"


def number(call: str, value, *, wanted: str, holds: Callable[[float], bool], remedy: str = "") -> float:
    """value as a float if it is a finite real number (no bool, no text) for which `holds`, else InputError."""
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not (real and -sys.float_info.max <= value <= sys.float_info.max and holds(value)):
        raise refuse(call, wanted, shown(value), remedy)
    return float(value)


def whole(call: str, value, *, wanted: str, low: int, high: int | None = None, remedy: str = "") -> int:
    """value as an int if it is an integer (no bool, no 3.0) from low to high, both included, else InputError."""
    integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not (integer and value >= low and (high is None or value <= high)):
        raise refuse(call, wanted, shown(value), remedy)
    return int(value)


def _real_array(call: str, values, wanted: str) -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths
        raise refuse(call, wanted, "rows of different lengths") from None
    if array.dtype.kind not in "biuf":
        raise refuse(call, wanted, f"dtype {array.dtype}")
    with np.errstate(over="ignore"):  # a long double beyond float64 becomes inf and is refused as such
        return array.astype(np.float64)


def _require_finite(call: str, array: np.ndarray) -> None:
    bad = ~np.isfinite(array)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        place = f"row {where[0]}, column {where[1]}" if len(where) == 2 else f"position {where[0]}"
        got = f"{int(bad.sum())} non-finite, the first {array[where]} at {place} (counting from 0)"
        raise refuse(call, "finite numbers", got, "Drop or fill these entries first.")


def matrix(call: str, values, *, shape: tuple[int, int] | None = None) -> np.ndarray:
    """values as a new finite float64 array with two axes, of that shape if one is given, else InputError."""
    wanted = "a real matrix" if shape is None else f"a real {shape[0]} x {shape[1]} matrix"
    array = _real_array(call, values, wanted)
    if array.ndim != 2:
        remedy = "Write a single column as x[:, None]." if array.ndim == 1 else ""
        raise refuse(call, wanted, f"an array with {array.ndim} axes", remedy)
    if shape is not None and array.shape != shape:
        raise refuse(call, wanted, f"shape {array.shape}")
    _require_finite(call, array)
    return array


def samples(call: str, values) -> np.ndarray:
    """values as a new finite float64 array (n, p) with n >= 1 samples in rows and p >= 1 columns, else InputError."""
    array = matrix(call, values)
    if array.size == 0:
        raise refuse(call, "at least one row and one column", f"shape {array.shape}")
    return array


def vector(call: str, values) -> np.ndarray:
    """values as a new finite float64 array with one axis and at least one entry, else InputError."""
    array = _real_array(call, values, "a list of real numbers")
    if array.ndim != 1 or array.size == 0:
        raise refuse(call, "a list of at least one number", f"shape {array.shape}")
    _require_finite(call, array)
    return array
