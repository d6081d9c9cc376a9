"""What instances in bulk are drawn and made from: dyadic numbers, vectors, reflections and moments."""

from fractions import Fraction

import numpy as np

from linres.evaluate import Stack

STAGES = 3
PATH_STAGES = 24  # of a single coordinate, which is cheap
DIMENSIONS = (1, 2, 3, 5)
SQUARES = (1, 2, 3)  # dimensions of matrices


def fractions(values: np.ndarray) -> tuple[Fraction, ...]:
    return tuple(Fraction(float(value)) for value in values)


def vectors(generator: np.random.Generator, count: int, dimension: int) -> np.ndarray:
    """(count, dimension) multiples of 1/64 in [-1, 1] times a power of 2 for each row; a quarter of the rows zero."""
    scale = np.exp2(generator.integers(-8, 9, count)) * (generator.integers(0, 4, count) > 0)
    return scale[:, None] * generator.integers(-64, 65, (count, dimension)) / 64


def perturbed_runs(generator: np.random.Generator, count: int, dimension: int) -> dict[str, np.ndarray]:
    """The parameters of `count` runs; half of the functions are quadratic, half of the curvatures extreme."""
    shares = generator.integers(0, 17, (2, count, dimension)) / 16
    shares = np.where(generator.integers(0, 2, shares.shape) > 0, shares, np.round(shares))
    shares[1] = np.where(generator.integers(0, 2, (count, 1)) > 0, shares[0], shares[1])
    q = generator.integers(1, 65, count) / 64 * np.exp2(-generator.integers(0, 5, count))
    smoothness = np.exp2(generator.integers(-10, 11, count))
    mu = (q**2 * smoothness)[:, None]
    slopes = mu + shares * (smoothness[:, None] - mu)
    x, other, lookahead, slip = (vectors(generator, count, dimension) for _ in range(4))
    at_rest = generator.integers(0, 2, (count, 1)) > 0
    return {
        "up": slopes[0], "down": slopes[1], "x": x, "x_prev": np.where(at_rest, x, other),
        "lookahead_error": lookahead, "step_error": slip, "q": q, "L": smoothness, "shares": shares.transpose(1, 0, 2),
    }


def reflections(normals: np.ndarray) -> np.ndarray:
    """(n, d, d) the reflections I - 2 v v^T/(v^T v) with normals (n, d); I for a zero normal."""
    squares = np.sum(normals**2, axis=1)
    shares = np.where(squares > 0, 2 / np.where(squares > 0, squares, 1), 0)
    return np.eye(normals.shape[1]) - shares[:, None, None] * normals[:, :, None] * normals[:, None, :]


def moments(bases: np.ndarray, eigenvalues: np.ndarray) -> np.ndarray:
    """(n, d, d) the moment matrices with these eigenvectors, in columns, and eigenvalues (n, d)."""
    return bases * eigenvalues[:, None, :] @ bases.transpose(0, 2, 1)


def curvatures(generator: np.random.Generator, count: int, dimension: int) -> dict[str, np.ndarray]:
    """q < 1 and L, (count,); shares and eigenvalues mu + shares (L - mu), (count, d), half of them extreme."""
    shares = generator.integers(0, 17, (count, dimension)) / 16
    shares = np.where(generator.integers(0, 2, (count, 1)) > 0, shares, np.round(shares))
    q = generator.integers(1, 64, count) / 64 * np.exp2(-generator.integers(0, 5, count))
    smoothness = np.exp2(generator.integers(-10, 11, count))
    mu = (q**2 * smoothness)[:, None]
    return {"q": q, "L": smoothness, "shares": shares, "eigenvalues": mu + shares * (smoothness[:, None] - mu)}


def norms(tables: np.ndarray) -> np.ndarray:
    return np.sqrt(np.sum(tables**2, axis=(1, 2)))


def least_singular_values(tables: np.ndarray) -> np.ndarray:
    """The smallest singular values (n,)."""
    return np.linalg.svd(tables, compute_uv=False)[:, -1]


def rounded_down(values: np.ndarray) -> np.ndarray:
    """Dyadic numbers of 24 bits, at most the values >= 0."""
    mantissas, exponents = np.frexp(values)
    return np.ldexp(np.floor(np.ldexp(mantissas, 24)), exponents - 24)


def inner(a: Stack, b: Stack) -> np.ndarray:
    """(n,) the inner product of each pair."""
    return np.sum(a.data * b.data, axis=(1, 2))


def diagonals(entries: np.ndarray) -> np.ndarray:
    """(n, d, d) the diagonal matrices with these entries (n, d)."""
    return entries[:, :, None] * np.eye(entries.shape[1])
