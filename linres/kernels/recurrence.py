"""The scalar linear recurrence in which bounds are given: b_{t+1} = ratio b_t + forcing_t."""

import numpy as np

from linres.kernels._jit import as_arrays, compiled


@compiled
def _iterate(ratio, forcing, values):
    current = values[0]
    for t in range(len(forcing)):
        current = ratio * current + forcing[t]
        values[t + 1] = current


def run(start, ratio, forcing):
    """b (T+1,) from b_0 = start, the scalar ratio and forcing (T,)."""
    (forcing,) = as_arrays(forcing)
    values = np.empty(len(forcing) + 1)
    values[0] = start
    _iterate(float(ratio), forcing, values)
    return values
