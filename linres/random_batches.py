"""Random networks in bulk, in float64, for the sampled rung: one law and depth, many scales and starts.

Every number drawn is a dyadic rational that float64 holds exactly, so the k-th network can be handed to exact
arithmetic as it stands. A state is an array (n, d, m): of n networks, m outcomes each.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from linres.methods import propagation
from linres.random_networks import LAWS, Backwards, GaussianNorms, Layers, Refined, Stopped, Table, back
from linres.theorem import Batch

LAW, DEPTH = "plane", 2
REFINED_LAW, REFINEMENT = "sign", 2


class _States:
    """States of many networks with the operators of one; a scale is an array (n,)."""

    __array_ufunc__ = None  # an array times states is then left to us

    def __init__(self, data: np.ndarray):
        self.data = data

    def __add__(self, other: "_States") -> "_States":
        return _States(self.data + other.data)

    def __rmul__(self, scale: np.ndarray) -> "_States":
        return _States(scale[:, None, None] * self.data)


def _drawn(generator: np.random.Generator, count: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Scales (count,) and starts (count, width); an eighth of the scales 0, negative ones among them."""
    scale = generator.integers(-16, 17, count) / 8 * (generator.integers(0, 8, count) > 0)
    return scale, np.exp2(generator.integers(-4, 5, count))[:, None] * generator.integers(-16, 17, (count, width)) / 4


def _fractions(values: np.ndarray) -> tuple[Fraction, ...]:
    return tuple(Fraction(float(value)) for value in values)


def _run(
    outcomes: Sequence[Sequence[Table]], scale: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """States (T + 1, n, d, m), what each layer makes of the one before (T, n, d, m), and the layers, (m, d, d) each."""
    tables = np.array([[[[float(x) for x in row] for row in layer] for layer in layers] for layers in outcomes])
    state = _States(np.repeat(start[:, :, None], len(outcomes), axis=2))
    states, moved, layers = [state], [], [tables[:, k] for k in range(tables.shape[1])]
    for layer in layers:
        moved.append(_applied(layer, states[-1]))
        states.append(propagation.step(states[-1], lambda _, made=moved[-1]: made, scale=scale))
    return np.array([s.data for s in states]), np.array([s.data for s in moved]), layers


def _applied(layer: np.ndarray, state: _States) -> _States:
    return _States(np.einsum("oij,njo->nio", layer, state.data))


def states(generator: np.random.Generator, count: int, *, scale: Any, depth: Any, state: Any, moved: Any) -> Batch:
    """Networks with layers of the law LAW; the arguments are the symbols to measure."""
    law = LAWS[LAW]
    scales, starts = _drawn(generator, count, len(law[0]))
    h, n, _ = _run(list(product(law, repeat=DEPTH)), scales, starts)

    def instance(k: int) -> Layers:
        return Layers(LAW, _fractions(starts[k]), Fraction(float(scales[k])), DEPTH)

    return Batch({scale: scales, depth: DEPTH, state: h, moved: n}, instance, count)


def gradients(
    generator: np.random.Generator, count: int, *, scale: Any, depth: Any, gradient: Any, moved: Any
) -> Batch:
    """Gradients that go back through networks of the law LAW, one that comes in for each; the symbols to measure."""
    law = LAWS[LAW]
    scales, outputs = _drawn(generator, count, len(law[0]))
    start = (Fraction(1), *[Fraction(0)] * (len(law[0]) - 1))
    p, m, _ = _run(back(list(product(law, repeat=DEPTH))), scales, outputs)

    def instance(k: int) -> Backwards:
        network = Layers(LAW, start, Fraction(float(scales[k])), DEPTH)
        return Backwards(network, (_fractions(outputs[k]),))

    return Batch({scale: scales, depth: DEPTH, gradient: p, moved: m}, instance, count)


def stopped(generator: np.random.Generator, count: int, *, scale: Any, level: Any, depth: Any, sequences: Any) -> Batch:
    """Networks of the law LAW that stop at a distance; sequences: symbols for states, moves, rests and marks."""
    law = LAWS[LAW]
    scales, starts = _drawn(generator, count, len(law[0]))
    h, n, _ = _run(list(product(law, repeat=DEPTH)), scales, starts)
    sizes, steps = np.sum(starts**2, axis=1), scales**2
    levels = np.exp2(generator.integers(-3, 4, count)) * np.where(sizes, sizes, 1) * np.where(steps, steps, 1)
    away = h - h[0]
    left = np.logical_or.accumulate(np.sum(away**2, axis=2) >= levels[:, None], axis=0)[:, :, None]  # (T + 1, n, 1, m)
    states, marks = [h[0]], np.zeros_like(h)
    for before, after in zip(left, h[1:], strict=False):
        states.append(np.where(before, states[-1], after))
    marks[:, :, 0] = left[:, :, 0]
    halted = np.array(states)
    measured = (halted, np.where(left[:-1], 0, n), np.where(left, halted - h[0], 0), marks)

    def instance(k: int) -> Stopped:
        network = Layers(LAW, _fractions(starts[k]), Fraction(float(scales[k])), DEPTH)
        return Stopped(network, Fraction(float(levels[k])))

    columns = {scale: scales, level: levels, depth: DEPTH, **dict(zip(sequences, measured, strict=True))}
    return Batch(columns, instance, count)


def pairs(generator: np.random.Generator, count: int, *, scale: Any, refinement: Any, depth: Any, pair: Any) -> Batch:
    """Coarse and fine networks of the law REFINED_LAW; pair: symbols for h, H, what layers make of them, the rest."""
    law = LAWS[REFINED_LAW]
    scales, starts = _drawn(generator, count, len(law[0]))
    outcomes = list(product(law, repeat=DEPTH * REFINEMENT))
    every, _, layers = _run(outcomes, scales, starts)
    fine = every[::REFINEMENT]
    totals = [np.sum(layers[k : k + REFINEMENT], axis=0) for k in range(0, len(layers), REFINEMENT)]
    coarse, moved = [_States(fine[0])], []
    for total in totals:
        moved.append(_applied(total, coarse[-1]))
        coarse.append(propagation.step(coarse[-1], lambda _, made=moved[-1]: made, scale=scales))
    moved_fine = np.array([_applied(total, _States(each)).data for total, each in zip(totals, fine, strict=False)])
    rests = fine[1:] - fine[:-1] - scales[:, None, None] * moved_fine
    measured = (np.array([s.data for s in coarse]), fine, np.array([s.data for s in moved]), moved_fine, rests)

    def instance(k: int) -> Refined:
        return Refined(REFINED_LAW, _fractions(starts[k]), Fraction(float(scales[k])), REFINEMENT, DEPTH)

    columns = {scale: scales, refinement: REFINEMENT, depth: DEPTH, **dict(zip(pair, measured, strict=True))}
    return Batch(columns, instance, count)


def norms(generator: np.random.Generator, count: int, *, scale: Any, width: Any, depth: Any, numbers: Any) -> Batch:
    """Norms after DEPTH Gaussian layers of width 1, 144 outcomes; numbers: symbols for |h|^2, <h, V h> and |V h|^2."""
    scales, starts = _drawn(generator, count, 1)
    squares = np.abs(starts[:, 0])

    def instance(k: int) -> GaussianNorms:
        return GaussianNorms(1, Fraction(float(squares[k])), Fraction(float(scales[k])), DEPTH)

    outcomes = np.array(list(product(instance(0).law, repeat=DEPTH)), dtype=float)  # (m, DEPTH, 2)
    states, along, moved = [np.repeat(squares[:, None], len(outcomes), axis=1)], [], []
    for layer in outcomes.transpose(1, 2, 0):
        along.append(states[-1] * layer[0])
        moved.append(states[-1] * layer[1])
        states.append(states[-1] + 2 * scales[:, None] * along[-1] + scales[:, None] ** 2 * moved[-1])
    measured = (np.array(rows)[:, :, None, :] for rows in (states, along, moved))
    columns = {scale: scales, width: np.ones(count), depth: DEPTH, **dict(zip(numbers, measured, strict=True))}
    return Batch(columns, instance, count)
