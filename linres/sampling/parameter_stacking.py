"""Stacking by the parameter rule in bulk."""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from linres import parameter_stacking
from linres.evaluate import Stack
from linres.methods import nesterov
from linres.methods import stacking as methods
from linres.sampling.drawing import SQUARES, STAGES, diagonals, fractions, inner, reflections, rounded_down
from linres.theorem import Batch


class ParameterTraining(NamedTuple):
    """n runs of STAGES stages by the parameter rule, from rest in the basin: q, h, L (n,), the networks W_{-1}, ...,
    W_T and blocks w_0, ..., w_T; instance(k) is the k-th run, exactly."""

    q: np.ndarray
    h: np.ndarray
    L: np.ndarray
    sigma: Stack
    target: Stack
    networks: list[Stack]
    blocks: list[Stack]
    instance: Callable[[int], parameter_stacking.ParameterRun]

    def gradient(self, point: Stack) -> Stack:
        return (point - self.target) @ self.sigma

    def potentials(self) -> np.ndarray:
        """(STAGES + 1, n) Phi_0, ..., Phi_T."""
        found = []
        for t, block in enumerate(self.blocks):
            before, network = self.networks[t : t + 2]
            offset = 1 / self.q * block - (self.target - before) @ before.inverse()
            excess = inner(self.gradient(network), network - self.target) / 2
            found.append(nesterov.potential(excess, inner(offset, offset), mu=self.q**2 * self.L))
        return np.array(found)


def parameter_training(generator: np.random.Generator, count: int, dimension: int) -> ParameterTraining:
    """count runs, half of them from the edge of the basin, by the generic stage on stacks of matrices."""
    drawn = _parameter_runs(generator, count, dimension)
    q, h, L = (drawn[name] for name in ("q", "h", "L"))
    U, P, Q = (Stack(reflections(drawn[name])) for name in ("mirror", "left", "right"))
    low, high = parameter_stacking.smallest_curvature(q, h, L), parameter_stacking.largest_curvature(h, L)
    spectrum = Stack(diagonals(low[:, None] + drawn["shares"] * (high - low)[:, None]))
    target, shift = P @ Stack(diagonals(drawn["values"])) @ Q, Stack(drawn["displacement"]) @ U
    allowed = (1 - 2.0**-16) * parameter_stacking.basin(h, low)  # less by far more than rounding
    share = np.maximum(generator.integers(0, 17, count) / 16, generator.integers(0, 2, count))
    size = share * _reach_of_shifts(shift, U @ spectrum @ U, q**2 * L, allowed)
    start, back = target + size * (shift @ target), target.inverse()

    def instance(k: int) -> parameter_stacking.ParameterRun:
        shares, values, mirror, left, right = (
            fractions(drawn[name][k]) for name in ("shares", "values", "mirror", "left", "right"))
        return parameter_stacking.ParameterRun(
            q=Fraction(float(q[k])), h=Fraction(float(h[k])), L=Fraction(float(L[k])), shares=shares, values=values,
            displacement=tuple(map(fractions, size[k] * drawn["displacement"][k])), mirror=mirror, left=left,
            right=right, stages=STAGES,
        )

    run = ParameterTraining(
        q, h, L, back @ U @ spectrum @ U @ back.T, target, [start, start], [start - start], instance)
    for _ in range(STAGES):
        made = methods.stage(
            run.networks[-1], run.blocks[-1], run.gradient, momentum=nesterov.momentum(q), step_size=1 / L,
            rule="parameter",
        )
        run.networks.append(made.network)
        run.blocks.append(made.block)
    return run


def _parameter_runs(generator: np.random.Generator, count: int, dimension: int) -> dict[str, np.ndarray]:
    """Dyadic parameters, arrays by the names of `ParameterRun`; the displacements are at most 1/2 long."""
    several = (count, dimension)
    shares = generator.integers(0, 17, several) / 16
    q = generator.integers(1, 64, count) / 64 * np.exp2(-generator.integers(0, 5, count))
    near = (1 - q) / 4 * generator.integers(1, 17, count) / 16
    towards = generator.integers(-16, 17, (*several, dimension)) / 16
    towards *= (generator.integers(0, 2, (count, 1, 1)) > 0) | (np.arange(dimension) == 0)
    return {
        "q": q, "h": rounded_down(near / (1 + near)), "L": np.exp2(generator.integers(-10, 11, count)),
        "shares": np.where(generator.integers(0, 2, (count, 1)) > 0, shares, np.round(shares)),
        "values": generator.integers(1, 17, several) / 4 * np.exp2(generator.integers(-4, 5, (count, 1))),
        "displacement": towards * 2.0 ** -np.ceil(np.log2(2 * dimension)),
        **{name: generator.integers(-64, 65, several) / 64 for name in ("mirror", "left", "right")},
    }


def _reach_of_shifts(shift: Stack, curvature: Stack, mu: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """(n,) the largest k/256 <= 1 such that from W_0 = (I + (k/256) shift) W* Phi_0 is allowed."""
    one = shift.identity()
    fits, not_known = np.zeros(len(mu)), np.full(len(mu), 257.0)
    for _ in range(9):
        middle = np.floor((fits + not_known) / 2)
        moved = (middle / 256) * shift
        offset = moved @ (one + moved).inverse()
        inside = nesterov.potential(inner(moved @ curvature, moved) / 2, inner(offset, offset), mu=mu) <= allowed
        fits, not_known = np.where(inside, middle, fits), np.where(inside, not_known, middle)
    return fits / 256


def parameter_stacking_rows(generator: np.random.Generator, count: int, *, symbols) -> Batch:
    """Every stage of count runs in the plane on its own; symbols: for the momentum, the step size, W*, W_prev, W, the
    last block, the gradient and W_next."""
    run = parameter_training(generator, count, 2)
    momentum, rows = nesterov.momentum(run.q), []
    for t in range(STAGES):
        (before, network, grown), block = run.networks[t : t + 3], run.blocks[t]
        slope = run.gradient(network + momentum * (block @ network))
        matrices = (run.target, before, network, block, slope, grown)
        rows.append([momentum, 1 / run.L, *(matrix.data for matrix in matrices)])
    columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
    return Batch(dict(zip(symbols, columns, strict=True)), lambda row: run.instance(row % count), count)


def parameter_stacking_histories(generator: np.random.Generator, count: int, *, symbols) -> Batch:
    """count runs as sequences over stages; symbols: for Phi, q, h, L, mu*, L* and the horizon."""
    each = -(-count // len(SQUARES))
    runs = [parameter_training(generator, each, d) for d in SQUARES]
    potentials = np.concatenate([run.potentials() for run in runs], axis=1)
    q, h, L = (np.concatenate([getattr(run, name) for run in runs]) for name in ("q", "h", "L"))
    wider = 1 + 2.0**-20  # by far more than rounding
    low, high = parameter_stacking.smallest_curvature(q, h, L), parameter_stacking.largest_curvature(h, L)
    columns = [potentials, q, h, L, wider * low, high / wider, STAGES]
    return Batch(
        dict(zip(symbols, columns, strict=True)), lambda k: runs[k // each].instance(k % each), each * len(SQUARES))
