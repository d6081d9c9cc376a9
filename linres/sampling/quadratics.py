"""Nesterov's method on quadratics in bulk, with errors and without."""

from fractions import Fraction

import numpy as np

from linres.instances import NesterovRun, QuadraticRun
from linres.kernels import quadratic
from linres.methods import nesterov
from linres.sampling.drawing import DIMENSIONS, PATH_STAGES, STAGES, fractions, perturbed_runs, vectors
from linres.theorem import Batch


def quadratic_paths(generator: np.random.Generator, count: int, *, symbols) -> Batch:
    """count runs along single eigenvectors; symbols: for c, s, q, L and the horizon."""
    q = generator.integers(1, 65, count) / 64 * np.exp2(-generator.integers(0, 5, count))
    smoothness = np.exp2(generator.integers(-10, 11, count))
    share = generator.integers(0, 17, count) / 16
    share = np.where(generator.integers(0, 2, count) > 0, share, np.round(share))
    mu = q**2 * smoothness
    eigenvalues = mu + share * (smoothness - mu)
    start = vectors(generator, count, 1)[:, 0]
    paths = quadratic.paths(eigenvalues, start, q, smoothness, PATH_STAGES)

    def instance(k: int) -> QuadraticRun:
        pace = Fraction(float(q[k])), Fraction(float(smoothness[k]))
        return QuadraticRun(*pace, fractions(eigenvalues[k : k + 1]), fractions(start[k : k + 1]), stages=PATH_STAGES)

    columns = [paths, eigenvalues, q, smoothness, PATH_STAGES]
    return Batch(dict(zip(symbols, columns, strict=True)), instance, count)


def _quadratics(generator: np.random.Generator, count: int):
    """Runs with errors on quadratics, q < 1: for each dimension its run, and the offsets x_{-1}, ..., x_STAGES from the
    minimiser with the errors of each stage, (STAGES + 2, n, d) and twice (STAGES, n, d)."""
    each = -(-count // len(DIMENSIONS))
    for dimension in DIMENSIONS:
        run = perturbed_runs(generator, each, dimension)
        run |= {"q": np.where(run["q"] < 1, run["q"], 0.5), "shares": run["shares"][:, :1].repeat(2, axis=1)}
        run["slopes"] = _slopes(run["q"], run["L"], run["shares"][:, 0])
        yield run, *_with_errors(run)


def _slopes(q: np.ndarray, smoothness: np.ndarray, shares: np.ndarray) -> np.ndarray:
    mu = (q**2 * smoothness)[:, None]
    return mu + shares * (smoothness[:, None] - mu)


def _with_errors(run: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    fading = np.exp2(-np.arange(STAGES))[:, None, None]
    lookaheads, slips = fading * run["lookahead_error"], fading * run["step_error"]
    offsets = [run["x_prev"], run["x"]]
    for lookahead, slip in zip(lookaheads, slips, strict=True):
        _, later = nesterov.step(
            offsets[-1], offsets[-2], lambda point: run["slopes"] * point, lookahead_error=lookahead, step_error=slip,
            momentum=nesterov.momentum(run["q"])[:, None], step_size=1 / run["L"][:, None],
        )
        offsets.append(later)
    return np.array(offsets), lookaheads, slips


def _lengths(run: dict[str, np.ndarray], offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """|x_t - x*| and V_t^2 of nesterov-quadratic-step for t >= 0, (STAGES + 1, n) each."""
    q, smoothness, slopes = run["q"], run["L"], run["slopes"]
    now, departure = offsets[1:], offsets[1:] - (1 - q)[:, None] * offsets[:-1]
    kept = (smoothness[:, None] - slopes) * departure**2 + (slopes - (q**2 * smoothness)[:, None]) * now**2
    return np.sqrt(np.sum(now**2, axis=2)), np.sum(kept, axis=2) / (1 - q**2)


def _quadratic_instance(runs: list[dict[str, np.ndarray]]):
    """The k-th of the runs, exactly."""

    def instance(k: int) -> NesterovRun:
        each = len(runs[0]["q"])
        run, k = runs[k // each], k % each
        shares, x, x_prev, drift, slip = (
            fractions(values) for values in (
                run["shares"][k, 0], *(run[name][k] for name in ("x", "x_prev", "lookahead_error", "step_error")))
        )
        return NesterovRun(
            q=Fraction(float(run["q"][k])), L=Fraction(float(run["L"][k])), up=shares, down=shares, x=x, x_prev=x_prev,
            lookahead_error=drift, step_error=slip, stages=STAGES,
        )

    return instance


def quadratic_steps(generator: np.random.Generator, count: int, *, symbols) -> Batch:
    """Every step of count runs on quadratics; symbols: for |x - x*|, V^2, each now and later, |D|, |e|, q, L, w."""
    columns: list[list[np.ndarray]] = []
    runs = []
    for run, offsets, lookaheads, slips in _quadratics(generator, count):
        distance, kept = _lengths(run, offsets)
        drift, slip = (np.sqrt(np.sum(errors**2, axis=2)) for errors in (lookaheads, slips))
        pace = (np.broadcast_to(run[name], drift.shape) for name in ("q", "L"))
        rows = (distance[:-1], distance[1:], kept[:-1], kept[1:], drift, slip, *pace)
        columns.append([row.T.ravel() for row in rows])
        runs.append(run)
    whole = [np.concatenate(parts) for parts in zip(*columns, strict=True)]
    weight = generator.choice([0, 1 / 4, 1, 8], len(whole[0]))
    made = _quadratic_instance(runs)
    return Batch(
        dict(zip(symbols, [*whole, weight], strict=True)), lambda row: made(row // STAGES), len(whole[0]) // STAGES)


def quadratic_histories(generator: np.random.Generator, count: int, *, symbols) -> Batch:
    """count runs on quadratics as sequences over stages; symbols: for f, f* = 0, b, v, h, q, L and the horizon."""
    parts, runs = [], []
    for run, offsets, lookaheads, slips in _quadratics(generator, count):
        q, smoothness = run["q"], run["L"]
        distance, kept = _lengths(run, offsets)
        drift, slip = (np.sqrt(np.sum(errors**2, axis=2)) for errors in (lookaheads, slips))
        spent = np.sqrt(smoothness) * (slip + (1 - q**2) * drift)
        in_v, in_h = [np.sqrt(kept[0])], [q * np.sqrt(smoothness) * distance[0]]
        for cost in spent:
            in_h.append((1 - q) * (in_h[-1] + q * in_v[-1]) + q * cost)
            in_v.append((1 - q) * in_v[-1] + cost)
        excess = np.sum(run["slopes"] * offsets[1:] ** 2, axis=2) / 2
        parts.append((excess, spent, np.array(in_v), np.array(in_h), q, smoothness))
        runs.append(run)
    excess, *whole = (np.concatenate(each, axis=-1) for each in zip(*parts, strict=True))
    columns = [excess, 0.0, *whole, STAGES]
    return Batch(dict(zip(symbols, columns, strict=True)), _quadratic_instance(runs), excess.shape[1])
