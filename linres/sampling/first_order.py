"""Steps and histories of gradient descent and of Nesterov's method in bulk, of smooth convex functions."""

from fractions import Fraction

import numpy as np

from linres.convex_runs import ConvexRun
from linres.instances import NesterovRun
from linres.kernels import convex, descent, piecewise
from linres.sampling.drawing import (
    DIMENSIONS,
    STAGES,
    curvatures,
    fractions,
    moments,
    perturbed_runs,
    reflections,
    rounded_down,
    vectors,
)
from linres.theorem import Batch


def _measured_runs(generator: np.random.Generator, count: int):
    """Runs of STAGES steps with errors halved at each: rows (n, STAGES, 5), q (n,), L (n,) and the k-th run.

    n is count rounded up to a multiple of the number of dimensions.
    """
    each = -(-count // len(DIMENSIONS))
    runs = [perturbed_runs(generator, each, d) for d in DIMENSIONS]
    names = ("up", "down", "x", "x_prev", "lookahead_error", "step_error", "q", "L")
    rows = np.concatenate([piecewise.nesterov_rows(**{n: run[n] for n in names}, stages=STAGES) for run in runs])
    q, smoothness = (np.concatenate([run[name] for run in runs]) for name in ("q", "L"))

    def instance(k: int) -> NesterovRun:
        run, k = runs[k // each], k % each
        up, down = map(fractions, run["shares"][k])
        x, x_prev, drift, slip = (fractions(run[name][k]) for name in ("x", "x_prev", "lookahead_error", "step_error"))
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


def gradient_steps(generator: np.random.Generator, count: int, *, symbols) -> Batch:
    """STAGES gradient steps on each of count quadratics; symbols: for f(x), f(x_next), 0, q, L."""
    each = -(-count // len(DIMENSIONS))
    runs = []
    for d in DIMENSIONS:
        x, mirror = vectors(generator, each, d), vectors(generator, each, d)
        runs.append(curvatures(generator, each, d) | {"x": x, "mirror": mirror})
    excess = np.array([values for run in runs for values in _descended(run)])
    q, smoothness = (np.concatenate([run[name] for run in runs]) for name in ("q", "L"))

    def instance(row: int) -> NesterovRun:
        k = row // STAGES
        run, k = runs[k // each], k % each
        shares, x, mirror = (fractions(run[name][k]) for name in ("shares", "x", "mirror"))
        q, smoothness = (Fraction(float(run[name][k])) for name in ("q", "L"))
        return NesterovRun(q=q, L=smoothness, up=shares, down=shares, x=x, x_prev=x, mirror=mirror, stages=STAGES)

    columns = [excess[:, :-1].ravel(), excess[:, 1:].ravel(), 0.0, np.repeat(q, STAGES), np.repeat(smoothness, STAGES)]
    return Batch(dict(zip(symbols, columns, strict=True)), instance, len(q))


def _descended(run: dict[str, np.ndarray]):
    """f(x_0), ..., f(x_STAGES) of gradient descent on each quadratic; step errors, if there are any, are halved."""
    sigma = moments(reflections(run["mirror"]), run["eigenvalues"])
    slips = run.get("step_error", 0 * run["x"])[:, None, None] * np.exp2(-np.arange(STAGES))[:, None, None]
    for k, (of_run, x) in enumerate(zip(sigma, run["x"], strict=True)):
        yield descent.run(of_run, np.zeros((1, len(x))), x[None], 1 / run["L"][k], STAGES, slips[k])[0]


def absorption_rows(generator: np.random.Generator, count: int, *, symbols, instance) -> Batch:
    """count instances of the theorem absorption, half of them with 2 Y = c s; instance makes one by symbol names."""
    shares = generator.integers(0, 17, (3, count)) / 16
    Y = generator.integers(0, 17, count) * np.exp2(generator.integers(-10, 11, count))
    c = np.exp2(generator.integers(-10, 11, count))
    s = np.where(Y > 0, 2 * Y, 1) / c * (1 + generator.integers(0, 2, count) * shares[0])
    G = shares[1] * Y**2
    m = rounded_down(shares[2] * G / (c * s))
    values = {"X": rounded_down(np.sqrt(Y**2 - G)), "Y": Y, "c": c, "s": s, "m": m, "G": G}

    def rebuilt(row: int):
        return instance(**{name: Fraction(float(column[row])) for name, column in values.items()})

    return Batch({symbol: values[symbol.name] for symbol in symbols}, rebuilt, count)


def gradient_histories(generator: np.random.Generator, count: int, *, symbols) -> Batch:
    """STAGES gradient steps with errors, halved at each, on each of count quadratics.

    symbols: for the sequence f(x_t), for f* = 0, |e_t|, q, L and the horizon.
    """
    each = -(-count // len(DIMENSIONS))
    runs = []
    for d in DIMENSIONS:
        x, mirror, slip = (vectors(generator, each, d) for _ in range(3))
        runs.append(curvatures(generator, each, d) | {"x": x, "mirror": mirror, "step_error": slip})
    excess = np.array([values for run in runs for values in _descended(run)]).T
    fading = np.exp2(-np.arange(STAGES))[:, None]
    slips = np.concatenate([fading * np.sqrt(np.sum(run["step_error"] ** 2, axis=1)) for run in runs], axis=1)
    q, smoothness = (np.concatenate([run[name] for run in runs]) for name in ("q", "L"))

    def instance(k: int) -> NesterovRun:
        run, k = runs[k // each], k % each
        shares, x, mirror, slip = (fractions(run[name][k]) for name in ("shares", "x", "mirror", "step_error"))
        q, smoothness = (Fraction(float(run[name][k])) for name in ("q", "L"))
        return NesterovRun(
            q=q, L=smoothness, up=shares, down=shares, x=x, x_prev=x, step_error=slip, mirror=mirror, stages=STAGES
        )

    return Batch(dict(zip(symbols, [excess, 0.0, slips, q, smoothness, STAGES], strict=True)), instance, len(q))


def _convex_runs(generator: np.random.Generator, count: int, dimension: int) -> dict[str, np.ndarray]:
    """The parameters of `count` runs, arrays by the names of `ConvexRun`; straight ends at inf are no ends."""
    shares = generator.integers(0, 17, (2, count, dimension)) / 16
    shares = np.where(generator.integers(0, 2, shares.shape) > 0, shares, np.round(shares))
    shares[1] = np.where(generator.integers(0, 2, (count, 1)) > 0, shares[0], shares[1])
    x, other, lookahead, slip, reach, aside = (vectors(generator, count, dimension) for _ in range(6))
    tau = np.empty((count, STAGES + 1))
    tau[:, 0] = generator.integers(0, 13, count) / 4
    share = np.where(generator.integers(0, 2, count) > 0, generator.integers(0, 17, count) / 16, 1.0)
    for t in range(STAGES):
        fastest = (1 + np.sqrt(1 + 4 * tau[:, t] ** 2)) / 2 * (1 - 2.0**-20)
        tau[:, t + 1] = np.maximum(rounded_down(1 + share * (fastest - 1)), 1.0)
    return {
        "up": shares[0], "down": shares[1], "reach": np.where(reach == 0, np.inf, np.abs(reach)), "x": x,
        "x_prev": np.where(generator.integers(0, 2, (count, 1)) > 0, x, other),
        "aside": np.where(np.where(aside > 0, shares[0], shares[1]) == 0, aside, 0.0),
        "lookahead_error": lookahead, "step_error": slip, "L": np.exp2(generator.integers(-10, 11, count)), "tau": tau,
    }


def _measured_convex_runs(generator: np.random.Generator, count: int):
    """Runs of STAGES steps with errors halved at each: rows (n, STAGES, 6), L (n,), tau (n, STAGES + 1), the k-th run.

    n is count rounded up to a multiple of the number of dimensions.
    """
    each = -(-count // len(DIMENSIONS))
    runs = [_convex_runs(generator, each, d) for d in DIMENSIONS]
    names = ("reach", "x", "x_prev", "aside", "lookahead_error", "step_error", "L", "tau")
    rows = np.concatenate([
        convex.convex_rows(*(run["L"][:, None] * run[side] for side in ("up", "down")), *(run[name] for name in names))
        for run in runs
    ])
    smoothness, tau = (np.concatenate([run[name] for run in runs]) for name in ("L", "tau"))

    def instance(k: int) -> ConvexRun:
        run, k = runs[k // each], k % each
        ends = fractions(np.where(np.isinf(run["reach"][k]), 0.0, run["reach"][k]))
        up, down, x, x_prev, aside, drift, slip, weights = (
            fractions(run[name][k])
            for name in ("up", "down", "x", "x_prev", "aside", "lookahead_error", "step_error", "tau")
        )
        return ConvexRun(
            L=Fraction(float(run["L"][k])), tau=weights, up=up, down=down, x=x, x_prev=x_prev, lookahead_error=drift,
            step_error=slip, reach=ends, aside=aside,
        )

    return rows.reshape(len(smoothness), STAGES, -1), smoothness, tau, instance


def convex_steps(generator: np.random.Generator, count: int, *, symbols) -> Batch:
    """Every step of count runs on its own; symbols: for Phi, Phi_next, f(x), f(x_next), |D|, |e|, f* = 0, L, tau and
    tau_next."""
    rows, smoothness, tau, instance = _measured_convex_runs(generator, count)
    columns = [
        *rows.reshape(-1, rows.shape[-1]).T, 0.0, np.repeat(smoothness, STAGES), tau[:, :-1].ravel(),
        tau[:, 1:].ravel(),
    ]
    return Batch(dict(zip(symbols, columns, strict=True)), lambda row: instance(row // STAGES), len(smoothness))


def convex_histories(generator: np.random.Generator, count: int, *, symbols) -> Batch:
    """count runs as sequences over stages; symbols: for Phi, f(x), |D|, |e|, f* = 0, L, tau and the horizon."""
    rows, smoothness, tau, instance = _measured_convex_runs(generator, count)
    now, later, value, value_later, lookahead, slip = rows.transpose(2, 1, 0)
    potentials, values = np.concatenate([now[:1], later]), np.concatenate([value[:1], value_later])
    columns = [potentials, values, lookahead, slip, 0.0, smoothness, tau.T, STAGES]
    return Batch(dict(zip(symbols, columns, strict=True)), instance, len(smoothness))
