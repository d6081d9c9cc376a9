"""Stacks of blocks and their potentials, exactly: runs of stacking from the basin, or numbers that are written down."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np

from linres import bounds
from linres.arithmetic import EXACT, divide, inner, rational
from linres.instances import Rationals, StackingRun
from linres.methods import nesterov
from linres.theorem import Batch

Table = tuple[Rationals, ...]
KEPT = Fraction(9, 14)  # of sigma: what singular values of networks in the basin are at least


class Stack(NamedTuple):
    """q, L, m, the target and the minimum; networks W_{-1}, ..., W_T, losses of W_0, ..., W_T, blocks w_1, ..., w_T,
    lower bounds s_0, ..., s_{T-1} of singular values, potentials, and the sums of the first t norms of blocks,
    rounded down where they are irrational, as {t: value}.
    """

    q: Any
    L: Any
    m: Any
    target: Any
    minimum: Any
    networks: dict[int, Any]
    values: dict[int, Any]
    blocks: dict[int, Any]
    least: dict[int, Any]
    potentials: dict[int, Any]
    sums: dict[int, Any]


@dataclass(frozen=True)
class WrittenStack:
    """Networks W_0, ..., W_T (tables), their losses and s_0, ..., s_{T-1}, whatever made them; from rest.

    Blocks are (W_{t+1} - W_t) W_t^{-1}.
    """

    q: Fraction
    L: Fraction
    m: Fraction
    target: Table
    minimum: Fraction
    networks: tuple[Table, ...]
    values: Rationals
    least: Rationals

    def record(self) -> Stack:
        """All of it in exact arithmetic."""
        networks = [EXACT.matrix(table) for table in self.networks]
        values, least = (dict(enumerate(map(rational, each))) for each in (self.values, self.least))
        q, L, m = map(rational, (self.q, self.L, self.m))
        return _stack(q, L, m, EXACT.matrix(self.target), rational(self.minimum), networks, values, least)


def recorded(run: StackingRun, stage) -> Stack:
    """A run of that stage from rest, with m = KEPT sigma and s_t = sigma - |W_t - W*|, both rounded down."""
    function = run.function(EXACT)
    networks = [EXACT.matrix(run.start), *(made.grown for made in run.record(EXACT, stage=stage).stages)]
    sigma = rational(bounds.stretch(function.minimiser))
    least = {t: sigma - _distance(network, function.minimiser) for t, network in enumerate(networks[:-1])}
    values = {t: function.value(network) for t, network in enumerate(networks)}
    q = nesterov.momentum(rational(run.momentum))  # its own inverse
    return _stack(
        q, 1 / rational(run.step_size), rational(KEPT) * sigma, function.minimiser, function.minimum, networks, values,
        least,
    )


def _stack(q, L, m, target, minimum, networks, values, least) -> Stack:
    blocks = {t + 1: divide(after - now, now) for t, (now, after) in enumerate(pairwise(networks))}
    lengths = (_root(inner(block, block), bounds.root_below) for block in blocks.values())
    sums = dict(enumerate(accumulate(lengths, initial=rational(0))))
    path = dict(enumerate([networks[0], *networks], -1))
    offsets = {t: nesterov.auxiliary(path[t], path[t - 1], q=q) - target for t in values}
    potentials = {
        t: nesterov.potential(values[t] - minimum, inner(offset, offset), mu=q * q * L) for t, offset in offsets.items()
    }
    return Stack(q, L, m, target, minimum, path, values, blocks, least, potentials, sums)


def _distance(network, target):
    """|W - W*|, or a little more where it is irrational."""
    return _root(inner(network - target, network - target), bounds.root_above)


def _root(square, rounded):
    """The root of the square, or the rounded one where it is irrational."""
    root = EXACT.sqrt(square)
    return root if type(root) is type(square) else rational(rounded(bounds.fraction(square)))


def bulk(generator: np.random.Generator, count: int, *, reach, symbols) -> Batch:
    """count runs of stacking in the basin, by the compiled kernel; symbols: for the sums of norms of blocks, Phi, q, L,
    m and the horizon. reach as for `linres.sampling.stacking.stacking_histories`."""
    from linres.sampling import drawing
    from linres.sampling import stacking as sampled

    each = -(-count // len(drawing.SQUARES))
    runs = [sampled.aligned_runs(generator, each, d, reach) for d in drawing.SQUARES]
    trained = [one for run in runs for one in sampled.trained(run)]
    sums = np.array([_sums(trace.networks) for *_, trace in trained]).T
    potentials = np.array([sampled.potential_path(*one) for one in trained]).T
    q, L, sigma = sampled.settings(runs)
    columns = [sums, potentials, q, L, float(KEPT) * sigma, drawing.STAGES]
    return Batch(dict(zip(symbols, columns, strict=True)), sampled.aligned_instance(runs), len(trained))


def _sums(networks: np.ndarray) -> np.ndarray:
    """|w_1| + ... + |w_t| for t = 0, ..., T."""
    ways = np.diff(networks, axis=0).transpose(0, 2, 1)
    blocks = np.linalg.solve(networks[:-1].transpose(0, 2, 1), ways)
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(blocks, axis=(1, 2)))])
