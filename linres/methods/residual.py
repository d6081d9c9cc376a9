"""A run that grows blocks, seen as Nesterov's method with errors: what it leaves at a stage, and what that measures."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from linres.methods import nesterov
from linres.quantities import Geometry, Measure, frobenius, increments, of_steps


class Grown(NamedTuple):
    """W_t, its last block w_t, what w_t started at and with which momentum; nothing made W_0."""

    network: np.ndarray
    block: np.ndarray
    start: np.ndarray | None = None
    beta: float = math.nan


def measure(geometry: Geometry | None, *, method: str, rule: str, settings: dict[str, Any]) -> Measure:
    """What measures the states of `stacking.grow` with these settings; geometry is None where there is none."""
    frozen = settings["train"] == "new"  # X_t = (I + w_t) X_{t-1}
    stacked = frozen and method in ("stacking", "zero")  # w^0 = beta w_t
    free = rule == "functional" and settings["inner"] == 1

    def measured(states: Sequence[Grown], excess: np.ndarray) -> dict[str, np.ndarray]:
        blocks = np.array([state.block for state in states])
        norms = frobenius(blocks)
        if states[0].start is None:
            norms[0] = np.nan
        beta = np.array([state.beta for state in states[1:]])
        found = {"block_norm": norms, "beta": of_steps(beta)}
        if geometry is None:
            return found
        errors = geometry.errors(np.array([state.network for state in states]))
        starts = np.array([state.start for state in states[1:]]).reshape(errors[1:].shape)
        along = beta[:, None, None] * increments(errors)[:-1]
        ahead = lookahead_errors(geometry, blocks, starts, errors, along)
        slips = step_errors(geometry, blocks, starts, errors, errors[:-1] + along + ahead)
        found["potential"] = nesterov.potentials(geometry, errors, excess)
        return found | {"lookahead_error": of_steps(frobenius(ahead)), "step_error": of_steps(frobenius(slips))}

    def lookahead_errors(geometry: Geometry, blocks, starts, errors, along) -> np.ndarray:
        """D_t = (I + w^0) X_t - X_t - along, along = beta (X_t - X_{t-1}); for stacking without taking a difference."""
        return blocks[:-1] @ along if stacked else starts @ (errors[:-1] + geometry.minimiser) - along

    def step_errors(geometry: Geometry, blocks, starts, errors, ahead) -> np.ndarray:
        """e_t = X_{t+1} - Y_t + step_size (Y_t - X*) sigma, ahead = Y_t - X*."""
        if free:
            return np.zeros_like(ahead)
        if frozen and rule == "parameter":  # that it is the block which moved tells the difference to all digits
            moved = (blocks[1:] - starts) @ (errors[:-1] + geometry.minimiser)
        else:
            moved = errors[1:] - ahead
        return moved + settings["step_size"] * ahead @ geometry.sigma

    return measured
