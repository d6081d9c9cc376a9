"""Stagewise training whose blocks start at random: stacking and the zero start with noise in place of the last block.

Stage t + 1 draws its start w^0, of mean 0 and independent of the past, and takes one gradient step from (I + w^0) W_t.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from linres.methods import descent
from linres.one_thread import one_thread
from linres.problem import Problem


class Stage(NamedTuple):
    """What one stage leaves: the noise w^0 W_t, the point (I + w^0) W_t that its step starts from, the map W_{t+1}."""

    noise: Any
    lookahead: Any
    network: Any


def stage(network, start, gradient, *, step_size, rule="functional"):
    """One stage, in any arithmetic, from the block w^0 = start.

    gradient maps an end-to-end map W (d x d) to the gradient of the loss in W. rule "functional": W_{t+1} = y -
    step_size * gradient(y), y = (I + w^0) W_t. rule "parameter": the step is taken on the block, W_{t+1} = y -
    step_size * gradient(y) W_t^T W_t. No block is recovered, so W_t need not be invertible.
    """
    noise = start @ network
    lookahead = network + noise
    slope = gradient(lookahead)
    if rule == "parameter":
        slope = slope @ network.T @ network
    return Stage(noise, lookahead, descent.step(lookahead, lambda _: slope, step_size=step_size))


@one_thread
def noise_norms(problem: Problem, network: np.ndarray, *, scale: float, step_size: float, stages: int) -> np.ndarray:
    """sqrt(E|N_t|^2), N_t = w^0 W_t, for t = 0, ..., stages - 1, by the functional rule from W_0 = network (d, d).

    E w^0 = 0 and E w^0^T w^0 = scale^2 I, as `grow` draws it. Then E N_t^T N_t = scale^2 E W_t^T W_t, and the offset
    X_t = W_t - W* becomes (X_t + N_t) A with A = I - step_size Sigma: its mean and E X_t^T X_t follow exactly.
    """
    shrink = np.eye(problem.dimension) - step_size * problem.sigma
    mean = network - problem.target
    second, norms = mean.T @ mean, np.empty(stages)
    with np.errstate(over="ignore", invalid="ignore"):  # large noise grows without bound
        for stage in range(stages):
            crossed = mean.T @ problem.target
            noise = scale * scale * (second + crossed + crossed.T + problem.target.T @ problem.target)
            norms[stage] = math.sqrt(max(float(np.trace(noise)), 0.0))
            second, mean = shrink @ (second + noise) @ shrink, mean @ shrink
    return norms
