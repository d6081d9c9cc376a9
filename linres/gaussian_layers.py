r"""Random residual networks with Gaussian layers, drawn in bulk with two or three numbers a layer: exactly in law.

h_{k+1} = h_k + alpha V_{k+1} h_k, the entries of the layers independent and N(0, 1/d). Given h_k, the vector V h_k is
Gaussian with covariance |h_k|^2/d I, so that

    |h_{k+1}|^2 / |h_k|^2  has the law of  r = (1 + alpha g/sqrt(d))^2 + alpha^2 c/d,

g standard normal and c chi-square with d - 1 degrees of freedom, independent of each other and of the past. With h_k =
(p, q), p along h_0 and q across it, the pair (p, |q|) becomes (p + alpha |h_k| g/sqrt(d), |q'|), where |q'|^2 = (|q| +
alpha |h_k| g'/sqrt(d))^2 + alpha^2 |h_k|^2 c'/d and c' has d - 2 degrees of freedom. No layer is ever made: d numbers a
layer and state become two or three.

All is float64, rounded; an event that is drawn is so up to that.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class GaussianNetwork:
    """A network of that width and depth; square is alpha^2, rational. variance: of the entries, times the width."""

    width: int
    depth: int
    square: Fraction
    variance: Fraction = Fraction(1)

    @property
    def time(self) -> Fraction:
        """T = L alpha^2, for entries of variance 1/d."""
        return self.depth * self.square

    def _step(self) -> float:
        """The standard deviation of an entry, times alpha."""
        return math.sqrt(float(self.square * self.variance) / self.width)

    def squares(self, generator: np.random.Generator, n: int) -> Iterator[Array]:
        """|h_k|^2/|h_0|^2 for k = 1, ..., L, each (n,): n networks at once."""
        size, step = np.ones(n), self._step()
        for _ in range(self.depth):
            along = 1 + step * generator.standard_normal(n)
            size = size * (along * along + step * step * chi_square(generator, self.width - 1, n))
            yield size

    def last(self, generator: np.random.Generator, n: int) -> Array:
        """|h_L|^2/|h_0|^2, (n,)."""
        for size in self.squares(generator, n):
            reached = size
        return reached

    def log_last(self, generator: np.random.Generator, n: int) -> Array:
        """log(|h_L|^2/|h_0|^2), (n,)."""
        return np.log(self.last(generator, n))

    def largest(self, generator: np.random.Generator, n: int) -> Array:
        """max_k |h_k|^2/|h_0|^2 over k = 0, ..., L, (n,)."""
        largest = np.ones(n)
        for size in self.squares(generator, n):
            np.maximum(largest, size, out=largest)
        return largest

    def smallest(self, generator: np.random.Generator, n: int) -> Array:
        """min_k |h_k|^2/|h_0|^2 over k = 0, ..., L, (n,)."""
        smallest = np.ones(n)
        for size in self.squares(generator, n):
            np.minimum(smallest, size, out=smallest)
        return smallest

    def displacements(self, generator: np.random.Generator, n: int) -> Iterator[Array]:
        """|h_k - h_0|^2/|h_0|^2 for k = 1, ..., L, each (n,). For widths from 2."""
        along, across, step = np.ones(n), np.zeros(n), self._step()
        for _ in range(self.depth):
            moved = step * np.sqrt(along * along + across)
            beside = np.sqrt(across) + moved * generator.standard_normal(n)
            along = along + moved * generator.standard_normal(n)
            across = beside * beside + moved * moved * chi_square(generator, self.width - 2, n)
            yield (along - 1) ** 2 + across

    def displaced(self, generator: np.random.Generator, n: int) -> Array:
        """|h_L - h_0|^2/|h_0|^2, (n,)."""
        for square in self.displacements(generator, n):
            reached = square
        return reached

    def farthest(self, generator: np.random.Generator, n: int) -> Array:
        """max_k |h_k - h_0|^2/|h_0|^2, (n,)."""
        farthest = np.zeros(n)
        for square in self.displacements(generator, n):
            np.maximum(farthest, square, out=farthest)
        return farthest


def chi_square(generator: np.random.Generator, degrees: int, n: int) -> Array:
    """n draws of the chi-square law, 0 for no degrees of freedom."""
    return generator.chisquare(degrees, n) if degrees else np.zeros(n)
