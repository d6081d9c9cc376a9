"""Stagewise training of a deep linear residual network: each stage adds one block on top of a frozen network.

The end-to-end map after t stages is W_t = (I + w_t) ... (I + w_1) W_0. Stage t + 1 starts its block at
w^0 = momentum * w_t: momentum 0 is the zero start, momentum 1 the plain copy, (1 - q)/(1 + q) what theory asks for.
"""

from typing import Any, NamedTuple

from linres.arithmetic import divide

RULES = ("functional", "parameter")


class Stage(NamedTuple):
    """What one stage leaves: the start (I + w^0) W_t of its step, the grown map W_{t+1}, the new block w_{t+1}."""

    lookahead: Any
    network: Any
    block: Any


def stage(network, block, gradient, *, momentum, step_size, rule):
    """One stage, in any arithmetic.

    gradient maps an end-to-end map W (d x d) to the gradient of the loss in W.
    rule "functional": W_{t+1} = y - step_size * gradient(y), y = (I + w^0) W_t; the block is recovered by dividing by
    W_t, which must be invertible. rule "parameter": the gradient step is taken on the block itself,
    w_{t+1} = w^0 - step_size * gradient(y) W_t^T, which makes W_{t+1} = y - step_size * gradient(y) W_t^T W_t.
    """
    start = momentum * block
    lookahead = network + start @ network
    slope = gradient(lookahead)
    if rule == "functional":
        grown = lookahead - step_size * slope
        return Stage(lookahead, grown, divide(grown - network, network))
    grown_block = start - step_size * slope @ network.T
    return Stage(lookahead, network + grown_block @ network, grown_block)
