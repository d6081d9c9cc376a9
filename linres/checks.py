"""Checks of arguments, shared by the public functions. Each returns the value in working form or raises InputError."""

import os
import sys
from collections.abc import Callable

import numpy as np

from linres.errors import kind_of, refuse


def shown(value):
    """How an error shows an argument: a number as it is, a text quoted, of anything else its type."""
    if isinstance(value, int) and abs(value) >= 10**30:
        return "an integer of more than 30 digits"
    if isinstance(value, int | float | np.number):
        return value
    return repr(value) if isinstance(value, str) else kind_of(value)


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


def seed(call: str, value) -> int:
    """value as an int if it seeds a numpy.random.RandomState, else InputError."""
    return whole(f"{call}(seed=...)", value, wanted="an integer from 0 to 2^32 - 1", low=0, high=2**32 - 1)


def word(call: str, value, allowed: tuple[str, ...], *, otherwise: str = "") -> str:
    """value if it is one of the words allowed, else InputError, which names them and what else would do."""
    if not (isinstance(value, str) and value in allowed):
        raise refuse(call, " or ".join(f'"{known}"' for known in allowed) + otherwise, shown(value))
    return value


def watch(call: str, value) -> None:
    """InputError unless it is None or a function, to be told how far the work is."""
    if value is not None and not callable(value):
        raise refuse(f"{call}(watch=...)", "a function, or None", kind_of(value))


def path(call: str, value) -> str:
    """value as a path in text, else InputError."""
    try:
        return os.fsdecode(value)
    except TypeError:
        raise refuse(call, "a path", shown(value)) from None


def flag(call: str, value) -> bool:
    """value if it is True or False, else InputError."""
    if not isinstance(value, bool | np.bool_):
        raise refuse(call, "True or False", shown(value))
    return bool(value)


def array(call: str, values, wanted: str) -> np.ndarray:
    """values as an array, else InputError that says what is wanted."""
    try:
        return np.asarray(values)
    except ValueError:  # rows of different lengths
        raise refuse(call, wanted, "rows of different lengths") from None


def _as_array(call: str, values, wanted: str) -> np.ndarray:
    """values as an array of real numbers of whatever type, not copied if it is one."""
    made = array(call, values, wanted)
    if made.ndim == 0 and made.dtype.kind not in "biuf":  # no array at all
        raise refuse(call, wanted, shown(values))
    _require_real(call, made.dtype, wanted)
    return made


def _require_real(call: str, dtype: np.dtype, wanted: str) -> None:
    if dtype.kind not in "biuf":
        raise refuse(call, wanted, f"dtype {dtype}")


def _real_array(call: str, values, wanted: str) -> np.ndarray:
    array = _as_array(call, values, wanted)
    with np.errstate(over="ignore"):  # a long double beyond float64 becomes inf and is refused as such
        return array.astype(np.float64)


def require_table(call: str, shape: tuple[int, ...], dtype: np.dtype, *, least: int = 1) -> None:
    """InputError unless an array of this shape and dtype has samples in rows, at least so many, and numbers in them."""
    wanted = "a real matrix"
    _require_real(call, dtype, wanted)
    if len(shape) != 2:
        remedy = "Write a single column as x[:, None]." if len(shape) == 1 else ""
        raise refuse(call, wanted, f"an array with {len(shape)} axes", remedy)
    if shape[0] < least or shape[1] < 1:
        raise refuse(call, "at least one row and one column", f"shape {shape}")


def table(call: str, values, *, least: int = 0) -> np.ndarray:
    """values as an array (n, p) of real numbers, n >= least and p >= 1, not copied nor looked at, else InputError."""
    array = _as_array(call, values, "a real matrix")
    require_table(call, array.shape, array.dtype, least=least)
    return array


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
