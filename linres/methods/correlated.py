"""Gaussian series with a prescribed covariance, for weights that are correlated along the layers.

A stationary series of L numbers is part of one on a circle of 2N >= 2L places, whose covariance matrix is circulant
with the row r(0), ..., r(N), r(N-1), ..., r(1). Its eigenvalues are the Fourier transform of that row, and if none is
negative, then the transform of independent complex normals times their roots, over sqrt(2N), has two independent series
as its real and imaginary parts (Davies and Harte 1987; Wood and Chan 1994). This is exact up to rounding.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from linres.errors import refuse

_ROUNDING = 1e-10  # eigenvalues may be this negative, relative to the largest, and are then zero


def fractional(hurst: float | None, depth: int) -> np.ndarray:
    """r(0), ..., r(N) of increments of fractional Brownian motion, N >= depth: of unit variance, Hurst index in (0, 1).

    See `covariance`; no eigenvalue is negative (Craigmile 2003 for H < 1/2, Dietrich and
    Newsam 1997 for H > 1/2). InputError for other indices.
    """
    if not (isinstance(hurst, (int, float)) and 0 < hurst < 1):
        raise refuse("propagate(hurst=...)", "a number between 0 and 1", repr(hurst))
    return covariance(np.arange(_circle(depth) + 1), hurst)


def covariance(lag: Any, hurst: float) -> Any:
    """r(k) = (|k + 1|^{2H} + |k - 1|^{2H} - 2 |k|^{2H})/2: of fractional Gaussian noise, an array as lag is."""
    lag = np.abs(np.asarray(lag, dtype=float))
    return ((lag + 1) ** (2 * hurst) + np.abs(lag - 1) ** (2 * hurst) - 2 * lag ** (2 * hurst)) / 2


def smooth(length: float, depth: int) -> np.ndarray:
    """r(0), ..., r(N) of the squared-exponential kernel e^{-s^2/(2 length^2)} in s = k/depth, summed around the circle.

    The sums over all turns have no negative eigenvalue (Poisson), and the circle is long enough that turns add less
    than 1e-17 to the covariances of any two of the first depth places. InputError unless length is in (0, 10].
    """
    if not (isinstance(length, (int, float)) and 0 < length <= 10):
        raise refuse("propagate(length=...)", "a number > 0 and <= 10, in units of the depth", repr(length))
    half = _circle(math.ceil(depth * max(1.0, 0.5 + 4.5 * length)))  # 2N - L >= 9 length: e^{-81/2} < 3e-18
    places = np.arange(half + 1.0)[:, None] + 2.0 * half * np.arange(-6, 6)
    return np.sum(np.exp(-((places / (depth * length)) ** 2) / 2), axis=1)


def _circle(least: int) -> int:
    """N >= least such that transforms of 2N are quick."""
    from scipy.fft import next_fast_len

    return -(-next_fast_len(2 * least) // 2) if next_fast_len(2 * least) % 2 == 0 else _circle(least + 1)


def circulant(covariances: Sequence[float] | np.ndarray) -> np.ndarray:
    """The 2N eigenvalues of the circulant matrix with the first row r(0), ..., r(N), r(N-1), ..., r(1), as computed."""
    row = np.asarray(covariances, dtype=float)
    return np.fft.fft(np.concatenate([row, row[-2:0:-1]])).real


def eigenvalues(covariances: np.ndarray) -> np.ndarray:
    """Those of `circulant` (2N,), all >= 0. InputError if one is negative beyond rounding: there is no such series."""
    values = circulant(covariances)
    if values.min() < -_ROUNDING * values.max():
        raise refuse("eigenvalues(covariances)", "a covariance on the circle", f"an eigenvalue {values.min():g}")
    return np.maximum(values, 0.0)


def series(roots: np.ndarray, normals: np.ndarray, depth: int, workers: int = 1) -> np.ndarray:
    """Independent series (2 m, depth) from standard normals (m, 2N, 2), which are overwritten.

    roots (2N,) are those of the eigenvalues over 2N. workers: threads, which do not matter to the bits.
    """
    from scipy.fft import fft

    normals *= roots[:, None]
    transformed = fft(normals.view(np.complex128)[..., 0], axis=-1, overwrite_x=True, workers=workers)[:, :depth]
    return np.concatenate([transformed.real, transformed.imag])
