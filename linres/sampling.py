"""Instances in bulk for the sampled rung: parameters from one block of integers, measured by the compiled kernels.

Every number drawn is a dyadic rational that float64 holds exactly, so the k-th instance can be handed to exact
arithmetic as it stands.
"""

from fractions import Fraction

import numpy as np

from linres.instances import NesterovRun, StackingRun
from linres.kernels import piecewise, stacking
from linres.theorem import Batch

STAGES = 3
DIMENSIONS = (1, 2, 3, 5)


def _fractions(values: np.ndarray) -> tuple[Fraction, ...]:
    return tuple(Fraction(float(value)) for value in values)


def _vectors(generator: np.random.Generator, count: int, dimension: int) -> np.ndarray:
    """(count, dimension) multiples of 1/64 in [-1, 1] times a power of 2 for each row; a quarter of the rows zero."""
    scale = np.exp2(generator.integers(-8, 9, count)) * (generator.integers(0, 4, count) > 0)
    return scale[:, None] * generator.integers(-64, 65, (count, dimension)) / 64


def _runs(generator: np.random.Generator, count: int, dimension: int) -> dict[str, np.ndarray]:
    """The parameters of `count` runs; half of the functions are quadratic, half of the curvatures extreme."""
    shares = generator.integers(0, 17, (2, count, dimension)) / 16
    shares = np.where(generator.integers(0, 2, shares.shape) > 0, shares, np.round(shares))
    shares[1] = np.where(generator.integers(0, 2, (count, 1)) > 0, shares[0], shares[1])
    q = generator.integers(1, 65, count) / 64 * np.exp2(-generator.integers(0, 5, count))
    smoothness = np.exp2(generator.integers(-10, 11, count))
    mu = (q**2 * smoothness)[:, None]
    slopes = mu + shares * (smoothness[:, None] - mu)
    x, other, lookahead, slip = (_vectors(generator, count, dimension) for _ in range(4))
    at_rest = generator.integers(0, 2, (count, 1)) > 0
    return {
        "up": slopes[0], "down": slopes[1], "x": x, "x_prev": np.where(at_rest, x, other),
        "lookahead_error": lookahead, "step_error": slip, "q": q, "L": smoothness, "shares": shares.transpose(1, 0, 2),
    }


def _measured_runs(generator: np.random.Generator, count: int):
    """Runs of STAGES steps with errors halved at each: rows (n, STAGES, 5), q (n,), L (n,) and the k-th run.

    n is count rounded up to a multiple of the number of dimensions.
    """
    each = -(-count // len(DIMENSIONS))
    runs = [_runs(generator, each, d) for d in DIMENSIONS]
    names = ("up", "down", "x", "x_prev", "lookahead_error", "step_error", "q", "L")
    rows = np.concatenate([piecewise.nesterov_rows(**{n: run[n] for n in names}, stages=STAGES) for run in runs])
    q, smoothness = (np.concatenate([run[name] for run in runs]) for name in ("q", "L"))

    def instance(k: int) -> NesterovRun:
        run, k = runs[k // each], k % each
        up, down = map(_fractions, run["shares"][k])
        x, x_prev, drift, slip = (_fractions(run[name][k]) for name in ("x", "x_prev", "lookahead_error", "step_error"))
        q, smoothness = (Fraction(float(run[name][k])) for name in ("q", "L"))
        return NesterovRun(
            q=q, L=smoothness, up=up, down=down, x=x, x_prev=x_prev, lookahead_error=drift, step_error=slip,
            stages=STAGES,
        )

    return rows.reshape(len(q), STAGES, -1), q, smoothness, instance


def nesterov_steps(generator: np.random.Generator, count: int, *, symbols) -> Batch:
    """Every step of count runs on its own; symbols: for Phi, Phi_next, |D|, |e|, |z - x|, q, L."""
    rows, q, smoothness, instance = _measured_runs(generator, count)
    columns = [*rows.reshape(-1, rows.shape[-1]).T, np.repeat(q, STAGES), np.repeat(smoothness, STAGES)]
    return Batch(dict(zip(symbols, columns, strict=True)), lambda row: instance(row // STAGES), len(q))


def nesterov_histories(generator: np.random.Generator, count: int, *, symbols) -> Batch:
    """count runs as sequences over stages; symbols: for Phi, |D|, |e|, |z - x|, q, L and the horizon."""
    rows, q, smoothness, instance = _measured_runs(generator, count)
    now, later, lookahead, slip, offset = rows.transpose(2, 1, 0)
    columns = [np.concatenate([now[:1], later]), lookahead, slip, offset, q, smoothness, STAGES]
    return Batch(dict(zip(symbols, columns, strict=True)), instance, len(q))


def stacking_rows(generator: np.random.Generator, count: int, *, symbols) -> Batch:
    """count stagewise training runs of STAGES stages on 2 x 2 least squares; symbols by name: beta, eta, W_prev, ..."""
    factor, target, start = generator.integers(-8, 9, (3, count, 2, 2)) / 4
    sigma = factor @ factor.transpose(0, 2, 1) + np.eye(2) / 4
    start = np.where(generator.integers(0, 2, (count, 1, 1)) > 0, np.eye(2), start)
    momentum, step_size = generator.integers(0, 16, count) / 16, generator.integers(1, 17, count) / 128
    columns: dict[str, list] = {name: [] for name in symbols}
    owners: list[int] = []
    for k in range(count):
        trace = stacking.trace(sigma[k], target[k], start[k], momentum[k], step_size[k], STAGES, True)
        for t in range(trace.reached):
            owners.append(k)
            measured = {
                "beta": momentum[k], "eta": step_size[k], "W_prev": trace.networks[max(t - 1, 0)],
                "W": trace.networks[t], "G": (trace.lookaheads[t] - target[k]) @ sigma[k],
                "W_next": trace.networks[t + 1],
            }
            for name, value in measured.items():
                columns[name].append(value)

    def instance(row: int) -> StackingRun:
        k = owners[row]
        moments, goal, first = (tuple(map(_fractions, table[k])) for table in (sigma, target, start))
        pace = Fraction(float(momentum[k])), Fraction(float(step_size[k]))
        return StackingRun(moments, goal, first, *pace, stages=STAGES)

    return Batch({symbols[name]: np.array(values) for name, values in columns.items()}, instance, count)
