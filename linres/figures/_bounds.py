"""What is proved, as the figures draw it; q = 1/sqrt(kappa) throughout."""

import numpy as np

from linres.methods.stacking import basin
from linres.theorems import load

__all__ = ["basin", "potential", "quadratic"]


def potential(q: float, stages: np.ndarray, initial: float) -> np.ndarray:
    """(1-q)^T Phi_0: what stacking-acceleration says of Phi_T, and so of the excess loss, inside its basin."""
    return load("stacking-acceleration").bound(q=q, T=stages, Phi=np.array([initial]))


def quadratic(q: float, stages: np.ndarray) -> np.ndarray:
    """(1+qT)^2 (1-q)^{2T}: what nesterov-quadratic says of |c_T|^2 / |c_0|^2, and so of the relative excess loss."""
    return load("nesterov-quadratic").bound(q=q, T=stages, c=np.array([1.0]))
