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
        ahead = lookahead_errors(geometry, blocks, starts, errors, beta[:, None, None])
        found["potential"] = nesterov.potentials(geometry, errors, excess)
        found["lookahead_error"] = of_steps(frobenius(ahead))
        found["step_error"] = of_steps(frobenius(step_errors(geometry, blocks, starts, errors)))
        return found

    def lookahead_errors(geometry: Geometry, blocks, starts, errors, beta) -> np.ndarray:
        """D_t = (I + w^0) X_t - X_t - beta (X_t - X_{t-1}), for stacking without taking a difference."""
        moved = increments(errors)[:-1]
        if stacked:
            return beta * (blocks[:-1] @ moved)
        return starts @ (errors[:-1] + geometry.minimiser) - beta * moved

    def step_errors(geometry: Geometry, blocks, starts, errors) -> np.ndarray:
        """e_t = X_{t+1} - Y_t + step_size (Y_t - X*) sigma, Y_t = (I + w^0) X_t."""
        if free:
            return np.zeros_like(errors[1:])
        points = errors[:-1] + geometry.minimiser
        ahead = errors[:-1] + starts @ points
        moved = (blocks[1:] - starts) @ points if frozen and rule == "parameter" else errors[1:] - ahead
        return moved + settings["step_size"] * ahead @ geometry.sigma

    return measured
