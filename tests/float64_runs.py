"""Float64 runs of stacking near their targets, for tests that certify them."""

from functools import cache

import numpy as np

from linres import bounds
from linres.methods import nesterov
from linres.near_target import largest_K, recorded


def problem(d, kappa, *, seed=0, share=0.5):
    """sigma, target and a start in a random direction with sqrt(Phi_0) = share K."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((d, d)))[0]
    sigma = (basis * np.geomspace(1 / kappa, 1, d)) @ basis.T
    sigma, target, direction = (sigma + sigma.T) / 2, *rng.standard_normal((2, d, d))
    q, L = bounds.curvature(sigma)
    K = float(largest_K(q, L, bounds.smallest_singular_value(target)))
    excess = np.sum(direction @ sigma * direction) / 2
    potential = nesterov.potential(excess, np.sum(direction**2), mu=float(q * q * L))
    return sigma, target, target + share * K / np.sqrt(potential) * direction


@cache
def float64_run(stages, d=4, kappa=100.0):
    return recorded(*problem(d, kappa), stages)
