"""Stagewise training of a linear residual network on least squares: the compiled twin of methods/stacking.py."""

from typing import NamedTuple

import numpy as np

from linres.kernels._jit import as_arrays, compiled
from linres.kernels.least_squares import gradient
from linres.kernels.matrices import add_multiple, copy, divide, multiply, scale, transpose


class Trace(NamedTuple):
    """excess (T+1,) of W_0 .. W_T; networks (T+1, d, d), W_t; lookaheads (T, d, d), y_t; reached: stages completed.

    reached < T where the functional rule met a singular W: it is W_reached, and later losses and networks are nan.
    """

    excess: np.ndarray
    networks: np.ndarray
    lookaheads: np.ndarray
    reached: int


@compiled(inline=True)
def _grow_network(network, lookahead, slope, step_size, block, grown, work):
    """The functional rule: a free step, then the block that makes it; False if there is none, W being singular."""
    free, difference = work[0], work[1]
    for i in range(network.shape[0]):
        for j in range(network.shape[1]):
            free[i, j] = lookahead[i, j] - step_size * slope[i, j]
            difference[i, j] = free[i, j] - network[i, j]
    if not divide(difference, network, block, work[2], work[3]):
        return False
    copy(free, grown)
    return True


@compiled(inline=True)
def _grow_block(network, slope, step_size, block, grown, work):
    """The parameter rule: a step on the block, which enters holding its start."""
    transposed, gradient_in_block = work[0], work[1]
    transpose(network, transposed)
    multiply(slope, transposed, gradient_in_block)
    add_multiple(block, -step_size, gradient_in_block)
    multiply(block, network, grown)
    add_multiple(grown, 1.0, network)


@compiled
def _iterate(sigma, target, momentum, step_size, functional, networks, lookaheads, excess, block, work):
    """Fill excess (T+1,), networks (K, d, d), lookaheads (M, d, d): W_t at t % K, y_t at t % M; K > 1, M > 0.

    block (d, d) holds w_t and is overwritten; work is (6, d, d). Returns the number of stages completed.
    """
    stages, residual, slope = len(excess) - 1, work[4], work[5]
    for t in range(stages + 1):
        network = networks[t % len(networks)]
        excess[t] = gradient(sigma, target, network, residual, slope)
        if t == stages:
            break
        lookahead, grown = lookaheads[t % len(lookaheads)], networks[(t + 1) % len(networks)]
        scale(block, momentum)
        multiply(block, network, lookahead)
        add_multiple(lookahead, 1.0, network)
        gradient(sigma, target, lookahead, residual, slope)
        if not functional:
            _grow_block(network, slope, step_size, block, grown, work)
        elif not _grow_network(network, lookahead, slope, step_size, block, grown, work):
            return t
    return stages


def trace(sigma, target, start, momentum, step_size, stages, functional, kept=None):
    """T = stages stages from the network start and no block, keeping every network and lookahead point: a `Trace`.

    sigma (d, d); target = W* and start = W_0 (d, d). functional: whether the step is taken on the end-to-end map, which
    must then stay invertible, or on the new block. kept = K > 1 holds the last K networks and lookahead points only:
    W_t is networks[t % K], y_t is lookaheads[t % K].
    """
    sigma, target, start = as_arrays(sigma, target, start)
    networks = np.full((kept or stages + 1, *start.shape), np.nan)
    lookaheads = np.full((kept or stages, *start.shape), np.nan)
    excess = np.full(stages + 1, np.nan)
    networks[0] = start
    reached = _iterate(
        sigma, target, float(momentum), float(step_size), bool(functional), networks, lookaheads, excess,
        np.zeros_like(start), np.empty((6, *start.shape)),
    )
    return Trace(excess, networks, lookaheads, reached)


def run(sigma, target, start, momentum, step_size, stages, functional):
    """As `trace`, but returns excess (T+1,), the last network (d, d) alone and the stage reached; holds no others."""
    excess, networks, _, reached = trace(sigma, target, start, momentum, step_size, stages, functional, kept=2)
    return excess, networks[reached % 2], reached


def pieces(sigma, target, start, momentum, step_size, functional, length):
    """The run from the network start and no block as `Trace`s of length > 0 stages each, without end.

    Each trace begins with the last network of the one before; the last one has met a singular W (see `trace`).
    """
    sigma, target, network = as_arrays(sigma, target, start)
    block, work = np.zeros_like(network), np.empty((6, *network.shape))
    reached = length
    while reached == length:
        networks, lookaheads = (np.full((count, *network.shape), np.nan) for count in (length + 1, length))
        excess = np.full(length + 1, np.nan)
        networks[0] = network
        reached = _iterate(
            sigma, target, float(momentum), float(step_size), bool(functional), networks, lookaheads, excess, block,
            work,
        )
        yield Trace(excess, networks, lookaheads, reached)
        network = networks[-1]
