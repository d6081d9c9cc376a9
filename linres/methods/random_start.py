"""Stagewise training whose blocks start at random: stacking and the zero start with noise in place of the last block.

Stage t + 1 draws its start w^0, of mean 0 and independent of the past, and takes one gradient step from (I + w^0) W_t.
"""

from typing import Any, NamedTuple

from linres.methods import descent


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
