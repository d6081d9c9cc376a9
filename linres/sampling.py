"""Instances in bulk for the sampled rung: parameters from one block of integers, measured by the compiled kernels.

Every number drawn is a dyadic rational that float64 holds exactly, so the k-th instance can be handed to exact
arithmetic as it stands.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from linres import near_target, parameter_stacking
from linres.arithmetic import divide
from linres.convex_runs import ConvexRun
from linres.convex_stacking import ConvexStackingRun
from linres.evaluate import Stack
from linres.instances import NesterovRun, QuadraticRun, StackingRun, aligned_stacking_run
from linres.kernels import convex, descent, piecewise, quadratic, stacking
from linres.methods import nesterov
from linres.methods import stacking as methods
from linres.theorem import Batch

STAGES = 3
PATH_STAGES = 24  # of a single coordinate, which is cheap
DIMENSIONS = (1, 2, 3, 5)
SQUARES = (1, 2, 3)  # dimensions of matrices


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


def _reflections(normals: np.ndarray) -> np.ndarray:
    """(n, d, d) the reflections I - 2 v v^T/(v^T v) with normals (n, d); I for a zero normal."""
    squares = np.sum(normals**2, axis=1)
    shares = np.where(squares > 0, 2 / np.where(squares > 0, squares, 1), 0)
    return np.eye(normals.shape[1]) - shares[:, None, None] * normals[:, :, None] * normals[:, None, :]


def _moments(bases: np.ndarray, eigenvalues: np.ndarray) -> np.ndarray:
    """(n, d, d) the moment matrices with these eigenvectors, in columns, and eigenvalues (n, d)."""
    return bases * eigenvalues[:, None, :] @ bases.transpose(0, 2, 1)


def _curvatures(generator: np.random.Generator, count: int, dimension: int) -> dict[str, np.ndarray]:
    """q < 1 and L, (count,); shares and eigenvalues mu + shares (L - mu), (count, d), half of them extreme."""
    shares = generator.integers(0, 17, (count, dimension)) / 16
    shares = np.where(generator.integers(0, 2, (count, 1)) > 0, shares, np.round(shares))
    q = generator.integers(1, 64, count) / 64 * np.exp2(-generator.integers(0, 5, count))
    smoothness = np.exp2(generator.integers(-10, 11, count))
    mu = (q**2 * smoothness)[:, None]
    return {"q": q, "L": smoothness, "shares": shares, "eigenvalues": mu + shares * (smoothness[:, None] - mu)}


def gradient_steps(generator: np.random.Generator, count: int, *, symbols) -> Batch:
    """STAGES gradient steps on each of count quadratics; symbols: for f(x), f(x_next), 0, q, L."""
    each = -(-count // len(DIMENSIONS))
    runs = []
    for d in DIMENSIONS:
        x, mirror = _vectors(generator, each, d), _vectors(generator, each, d)
        runs.append(_curvatures(generator, each, d) | {"x": x, "mirror": mirror})
    excess = np.array([values for run in runs for values in _descended(run)])
    q, smoothness = (np.concatenate([run[name] for run in runs]) for name in ("q", "L"))

    def instance(row: int) -> NesterovRun:
        k = row // STAGES
        run, k = runs[k // each], k % each
        shares, x, mirror = (_fractions(run[name][k]) for name in ("shares", "x", "mirror"))
        q, smoothness = (Fraction(float(run[name][k])) for name in ("q", "L"))
        return NesterovRun(q=q, L=smoothness, up=shares, down=shares, x=x, x_prev=x, mirror=mirror, stages=STAGES)

    columns = [excess[:, :-1].ravel(), excess[:, 1:].ravel(), 0.0, np.repeat(q, STAGES), np.repeat(smoothness, STAGES)]
    return Batch(dict(zip(symbols, columns, strict=True)), instance, len(q))


def _descended(run: dict[str, np.ndarray]):
    """f(x_0), ..., f(x_STAGES) of gradient descent on each quadratic; step errors, if there are any, are halved."""
    sigma = _moments(_reflections(run["mirror"]), run["eigenvalues"])
    slips = run.get("step_error", 0 * run["x"])[:, None, None] * np.exp2(-np.arange(STAGES))[:, None, None]
    for k, (moments, x) in enumerate(zip(sigma, run["x"], strict=True)):
        yield descent.run(moments, np.zeros((1, len(x))), x[None], 1 / run["L"][k], STAGES, slips[k])[0]


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


def _aligned_runs(
    generator: np.random.Generator, count: int, dimension: int, reach, distance: int = 1
) -> dict[str, np.ndarray]:
    """The parameters of count runs of `aligned_stacking_run`, half of them from as far as reach allows.

    reach(q, L, sigma, potential) -> (count,), by what a displacement may be multiplied; distance = 0 leaves the
    distance to the target out of the potential.
    """
    drawn = _curvatures(generator, count, dimension)
    values = generator.integers(1, 17, (count, dimension)) / 4 * np.exp2(generator.integers(-8, 9, (count, 1)))
    towards = generator.integers(-16, 17, (count, dimension, dimension)) / 16
    towards *= (generator.integers(0, 2, (count, 1, 1)) > 0) | (np.arange(dimension) == 0)
    curvature = drawn["eigenvalues"] + distance * (drawn["q"] ** 2 * drawn["L"])[:, None]
    potential = np.sum(curvature[:, None, :] * towards**2, axis=(1, 2)) / 2
    with np.errstate(divide="ignore"):
        mantissa, exponent = np.frexp(reach(drawn["q"], drawn["L"], values.min(axis=1), potential))
    longest = np.where(potential > 0, np.ldexp(np.floor(1023 * mantissa) / 1024, exponent), 0.0)
    share = np.maximum(generator.integers(1, 17, count) / 16, generator.integers(0, 2, count))
    normals = {name: _vectors(generator, count, dimension) for name in ("mirror", "left", "right")}
    return drawn | normals | {"values": values, "displacement": (longest * share)[:, None, None] * towards}


def _trained(run: dict[str, np.ndarray]):
    """For each run q, L and its target, and the `stacking.trace` of its training by the functional rule."""
    q, smoothness = run["q"], run["L"]
    basis, left, right = (_reflections(run[name]) for name in ("mirror", "left", "right"))
    sigma, target = _moments(basis, run["eigenvalues"]), left * run["values"][:, None, :] @ right
    start, momentum = target + run["displacement"] @ basis, nesterov.momentum(q)
    for k in range(len(q)):
        trace = stacking.trace(sigma[k], target[k], start[k], momentum[k], 1 / smoothness[k], STAGES, True)
        yield q[k], smoothness[k], target[k], trace


def _potential_path(q: float, smoothness: float, target: np.ndarray, trace) -> np.ndarray:
    """Phi_0, ..., Phi_STAGES of a run."""
    previous = np.concatenate([trace.networks[:1], trace.networks[:-1]])
    offsets = nesterov.auxiliary(trace.networks, previous, q=q) - target
    return nesterov.potential(trace.excess, np.sum(offsets**2, axis=(1, 2)), mu=q**2 * smoothness)


def _aligned_instance(runs: list[dict[str, np.ndarray]]):
    """The k-th of the runs, exactly."""

    def instance(k: int) -> StackingRun:
        each = len(runs[0]["q"])
        run, k = runs[k // each], k % each
        names = ("eigenvalues", "values", "mirror", "left", "right")
        eigenvalues, values, mirror, left, right = (_fractions(run[name][k]) for name in names)
        return aligned_stacking_run(
            q=Fraction(float(run["q"][k])), L=Fraction(float(run["L"][k])), eigenvalues=eigenvalues, values=values,
            displacement=tuple(map(_fractions, run["displacement"][k])), mirror=mirror, left=left, right=right,
            stages=STAGES,
        )

    return instance


def stacking_histories(generator: np.random.Generator, count: int, *, reach, symbols) -> Batch:
    """count runs of stacking from rest near their targets; symbols: for Phi, q, L, sigma(W*) and the horizon.

    reach(q, L, sigma, potential) -> (n,), by what a displacement W_0 - W* of that Phi_0 may be multiplied.
    """
    each = -(-count // len(SQUARES))
    runs = [_aligned_runs(generator, each, d, reach) for d in SQUARES]
    potentials = np.array([_potential_path(*trained) for run in runs for trained in _trained(run)]).T
    return Batch(dict(zip(symbols, [potentials, *_settings(runs), STAGES], strict=True)), _aligned_instance(runs),
                 potentials.shape[1])


def _settings(runs: list[dict[str, np.ndarray]]) -> list[np.ndarray]:
    """q, L and sigma(W*) of all runs."""
    q, smoothness = (np.concatenate([run[name] for run in runs]) for name in ("q", "L"))
    return [q, smoothness, np.concatenate([run["values"].min(axis=1) for run in runs])]


def stacking_losses(generator: np.random.Generator, count: int, *, reach, symbols) -> Batch:
    """count runs of stacking from rest near their targets; symbols: for ell, ell* = 0, q, L, sigma(W*), the horizon.

    reach(q, L, sigma, excess) -> (n,), by what a displacement W_0 - W* of that excess loss may be multiplied.
    """
    each = -(-count // len(SQUARES))
    runs = [_aligned_runs(generator, each, d, reach, distance=0) for d in SQUARES]
    losses = np.array([trace.excess for run in runs for *_, trace in _trained(run)]).T
    return Batch(dict(zip(symbols, [losses, 0.0, *_settings(runs), STAGES], strict=True)), _aligned_instance(runs),
                 losses.shape[1])


def quadratic_paths(generator: np.random.Generator, count: int, *, symbols) -> Batch:
    """count runs along single eigenvectors; symbols: for c, s, q, L and the horizon."""
    q = generator.integers(1, 65, count) / 64 * np.exp2(-generator.integers(0, 5, count))
    smoothness = np.exp2(generator.integers(-10, 11, count))
    share = generator.integers(0, 17, count) / 16
    share = np.where(generator.integers(0, 2, count) > 0, share, np.round(share))
    mu = q**2 * smoothness
    eigenvalues = mu + share * (smoothness - mu)
    start = _vectors(generator, count, 1)[:, 0]
    paths = quadratic.paths(eigenvalues, start, q, smoothness, PATH_STAGES)

    def instance(k: int) -> QuadraticRun:
        pace = Fraction(float(q[k])), Fraction(float(smoothness[k]))
        return QuadraticRun(*pace, _fractions(eigenvalues[k : k + 1]), _fractions(start[k : k + 1]), stages=PATH_STAGES)

    columns = [paths, eigenvalues, q, smoothness, PATH_STAGES]
    return Batch(dict(zip(symbols, columns, strict=True)), instance, count)


def perturbed_stacking_histories(generator: np.random.Generator, count: int, *, symbols) -> Batch:
    """count runs of STAGES stages within the basin; symbols: for Phi, |E|, q, L, sigma, K and the horizon.

    The generic stage runs on stacks of matrices: NumPy's batched products and inverses are the compiled code.
    """
    each = -(-count // len(SQUARES))
    runs = [_near_targets(generator, each, d) for d in SQUARES]
    columns = [np.concatenate(parts, axis=-1) for parts in zip(*map(_potentials, runs), strict=True)]
    for name in ("q", "L", "least", "K"):
        columns.append(np.concatenate([run[name] for run in runs]))
    columns[-2] = columns[-2] * (1 - float(near_target.GRAIN))

    def instance(k: int) -> near_target.PerturbedStackingRun:
        run, k = runs[k // each], k % each
        up, target, start, before, slip = (
            tuple(map(_fractions, run[name][k])) for name in ("up", "target", "start", "before", "step_error")
        )
        q, smoothness, least, K = (Fraction(float(run[name][k])) for name in ("q", "L", "least", "K"))
        return near_target.PerturbedStackingRun(
            q, smoothness, up, up, target, start, before, least, K, step_error=slip, stages=STAGES
        )

    return Batch(dict(zip(symbols, [*columns, STAGES], strict=True)), instance, each * len(SQUARES))


def _near_targets(generator: np.random.Generator, count: int, dimension: int) -> dict[str, np.ndarray]:
    """The parameters of `count` runs, arrays by the names of `PerturbedStackingRun`, within the basin."""
    target, offset, other, slip = generator.integers(-16, 17, (4, count, dimension, dimension)) / 16
    up = generator.integers(0, 17, target.shape) / 16
    up = np.where(generator.integers(0, 2, (count, 1, 1)) > 0, up, np.round(up))
    q = generator.integers(1, 64, count) / 64 * np.exp2(-generator.integers(0, 5, count))
    smoothness = np.exp2(generator.integers(-10, 11, count))
    target = np.where(_least(target)[:, None, None] > 1 / 8, target, np.eye(dimension))
    target = target * np.exp2(generator.integers(-8, 9, count))[:, None, None]
    least = _rounded_down(_least(target) * (1 - 2.0**-20))
    roots, inside = {"below": np.sqrt, "above": np.sqrt}, 1 - 2.0**-16  # by far more than rounding
    K = _rounded_down(inside * near_target.basin(q, smoothness, least, **roots))
    largest = near_target.tolerance(q, smoothness, K, **roots)
    before = np.where(generator.integers(0, 2, (count, 1, 1)) > 0, offset, other)
    run = {"q": q, "L": smoothness, "up": up, "least": least, "K": K, "target": 0 * target}
    [potential], _ = _potentials(run | {"start": offset, "before": before, "step_error": slip}, stages=0)
    reach = np.sqrt(np.maximum(potential, q**2 * smoothness / 2 * _norm(before) ** 2))
    size, wobble = (
        _rounded_down(generator.integers(0, 17, count) / 16 * inside * most / np.where(length > 0, length, 1))
        for most, length in ((K, reach), (largest, _norm(slip)))
    )
    return run | {
        "target": target, "start": target + size[:, None, None] * offset,
        "before": target + size[:, None, None] * before, "step_error": wobble[:, None, None] * slip,
    }


def _potentials(run: dict[str, np.ndarray], stages: int = STAGES) -> tuple[np.ndarray, np.ndarray]:
    """The potentials (stages + 1, n) and the lengths of the step errors (stages, n)."""
    q, smoothness = run["q"], run["L"]
    mu, target = q**2 * smoothness, Stack(run["target"])
    curvature = mu[:, None, None] + run["up"] * (smoothness - mu)[:, None, None]
    network, before, slip = Stack(run["start"]), Stack(run["before"]), Stack(run["step_error"])
    potentials: list[np.ndarray] = []
    for t in range(stages + 1):
        offset, ahead = network - target, nesterov.auxiliary(network, before, q=q) - target
        excess = np.sum(curvature * offset.data**2, axis=(1, 2)) / 2
        potentials.append(nesterov.potential(excess, _norm(ahead.data) ** 2, mu=mu))
        if t < stages:
            made = methods.stage(
                network, divide(network - before, before), lambda point: Stack(curvature * (point - target).data),
                momentum=nesterov.momentum(q), step_size=1 / smoothness, rule="functional",
            )
            before, network = network, made.network + slip
    return np.array(potentials), np.tile(_norm(slip.data), (stages, 1))


def _norm(tables: np.ndarray) -> np.ndarray:
    return np.sqrt(np.sum(tables**2, axis=(1, 2)))


def _least(tables: np.ndarray) -> np.ndarray:
    """The smallest singular values (n,)."""
    return np.linalg.svd(tables, compute_uv=False)[:, -1]


def _rounded_down(values: np.ndarray) -> np.ndarray:
    """Dyadic numbers of 24 bits, at most the values >= 0."""
    mantissas, exponents = np.frexp(values)
    return np.ldexp(np.floor(np.ldexp(mantissas, 24)), exponents - 24)


def absorption_rows(generator: np.random.Generator, count: int, *, symbols, instance) -> Batch:
    """count instances of the theorem absorption, half of them with 2 Y = c s; instance makes one by symbol names."""
    shares = generator.integers(0, 17, (3, count)) / 16
    Y = generator.integers(0, 17, count) * np.exp2(generator.integers(-10, 11, count))
    c = np.exp2(generator.integers(-10, 11, count))
    s = np.where(Y > 0, 2 * Y, 1) / c * (1 + generator.integers(0, 2, count) * shares[0])
    G = shares[1] * Y**2
    m = _rounded_down(shares[2] * G / (c * s))
    values = {"X": _rounded_down(np.sqrt(Y**2 - G)), "Y": Y, "c": c, "s": s, "m": m, "G": G}

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
        x, mirror, slip = (_vectors(generator, each, d) for _ in range(3))
        runs.append(_curvatures(generator, each, d) | {"x": x, "mirror": mirror, "step_error": slip})
    excess = np.array([values for run in runs for values in _descended(run)]).T
    fading = np.exp2(-np.arange(STAGES))[:, None]
    slips = np.concatenate([fading * np.sqrt(np.sum(run["step_error"] ** 2, axis=1)) for run in runs], axis=1)
    q, smoothness = (np.concatenate([run[name] for run in runs]) for name in ("q", "L"))

    def instance(k: int) -> NesterovRun:
        run, k = runs[k // each], k % each
        shares, x, mirror, slip = (_fractions(run[name][k]) for name in ("shares", "x", "mirror", "step_error"))
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
    x, other, lookahead, slip, reach, aside = (_vectors(generator, count, dimension) for _ in range(6))
    tau = np.empty((count, STAGES + 1))
    tau[:, 0] = generator.integers(0, 13, count) / 4
    share = np.where(generator.integers(0, 2, count) > 0, generator.integers(0, 17, count) / 16, 1.0)
    for t in range(STAGES):
        fastest = (1 + np.sqrt(1 + 4 * tau[:, t] ** 2)) / 2 * (1 - 2.0**-20)
        tau[:, t + 1] = np.maximum(_rounded_down(1 + share * (fastest - 1)), 1.0)
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
        ends = _fractions(np.where(np.isinf(run["reach"][k]), 0.0, run["reach"][k]))
        up, down, x, x_prev, aside, drift, slip, weights = (
            _fractions(run[name][k])
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


def _convex_stacking_runs(generator: np.random.Generator, count: int, dimension: int) -> dict[str, np.ndarray]:
    """The parameters of `count` runs, arrays by the names of `ConvexStackingRun`, within the basin."""
    target, offset = generator.integers(-16, 17, (2, count, dimension, dimension)) / 16
    up = generator.integers(0, 17, target.shape) / 16
    up = np.where(generator.integers(0, 2, (count, 1, 1)) > 0, up, np.round(up))
    target = np.where(_least(target)[:, None, None] > 1 / 8, target, np.eye(dimension))
    target = target * np.exp2(generator.integers(-8, 9, count))[:, None, None]
    length, inside = _norm(offset), 1 - 2.0**-16  # by far more than rounding
    share = np.maximum(generator.integers(1, 17, count) / 16, generator.integers(0, 2, count))
    size = _rounded_down(share * inside * _least(target) / 8 / np.where(length > 0, length, 1))
    gains = generator.choice([0.25, 0.328125, -0.125], (count, STAGES))  # 21/64, hardly less than 1/3
    tau = [np.ones(count)]
    for t in range(STAGES):
        tau.append(np.maximum(tau[-1] + gains[:, t], 1.0))
    return {
        "L": np.exp2(generator.integers(-10, 11, count)), "tau": np.array(tau).T, "up": up, "target": target,
        "start": target + size[:, None, None] * offset,
    }


def _convex_losses(run: dict[str, np.ndarray]) -> np.ndarray:
    """(STAGES + 1, n) the losses of stacking from rest, the minimum being 0."""
    smoothness, target = run["L"], Stack(run["target"])
    curvature = smoothness[:, None, None] * run["up"]
    network = Stack(run["start"])
    block, losses = network - network, []
    for t in range(STAGES + 1):
        losses.append(np.sum(curvature * (network - target).data ** 2, axis=(1, 2)) / 2)
        if t < STAGES:
            _, network, block = methods.stage(
                network, block, lambda point: Stack(curvature * (point - target).data),
                momentum=nesterov.convex_momentum(run["tau"][:, t], run["tau"][:, t + 1]), step_size=1 / smoothness,
                rule="functional",
            )
    return np.array(losses)


def convex_stacking_histories(generator: np.random.Generator, count: int, *, symbols) -> Batch:
    """count runs of STAGES stages within the basin; symbols: for ell, ell* = 0, L, sigma, |W_0 - W*|, tau, the horizon.

    The generic stage runs on stacks of matrices: NumPy's batched products and inverses are the compiled code.
    """
    each = -(-count // len(SQUARES))
    runs = [_convex_stacking_runs(generator, each, d) for d in SQUARES]
    losses = np.concatenate([_convex_losses(run) for run in runs], axis=1)
    distance = np.concatenate([_norm(run["start"] - run["target"]) for run in runs])
    least = np.concatenate([_least(run["target"]) for run in runs])
    smoothness, tau = (np.concatenate([run[name] for run in runs]) for name in ("L", "tau"))

    def instance(k: int) -> ConvexStackingRun:
        run, k = runs[k // each], k % each
        up, target, start = (tuple(map(_fractions, run[name][k])) for name in ("up", "target", "start"))
        return ConvexStackingRun(Fraction(float(run["L"][k])), _fractions(run["tau"][k]), up, up, target, start)

    columns = [losses, 0.0, smoothness, least, distance, tau.T, STAGES]
    return Batch(dict(zip(symbols, columns, strict=True)), instance, each * len(SQUARES))


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
            excess = _inner(self.gradient(network), network - self.target) / 2
            found.append(nesterov.potential(excess, _inner(offset, offset), mu=self.q**2 * self.L))
        return np.array(found)


def parameter_training(generator: np.random.Generator, count: int, dimension: int) -> ParameterTraining:
    """count runs, half of them from the edge of the basin, by the generic stage on stacks of matrices."""
    drawn = _parameter_runs(generator, count, dimension)
    q, h, L = (drawn[name] for name in ("q", "h", "L"))
    U, P, Q = (Stack(_reflections(drawn[name])) for name in ("mirror", "left", "right"))
    low, high = parameter_stacking.smallest_curvature(q, h, L), parameter_stacking.largest_curvature(h, L)
    spectrum = Stack(_diagonals(low[:, None] + drawn["shares"] * (high - low)[:, None]))
    target, shift = P @ Stack(_diagonals(drawn["values"])) @ Q, Stack(drawn["displacement"]) @ U
    allowed = (1 - 2.0**-16) * parameter_stacking.basin(h, low)  # less by far more than rounding
    share = np.maximum(generator.integers(0, 17, count) / 16, generator.integers(0, 2, count))
    size = share * _reach_of_shifts(shift, U @ spectrum @ U, q**2 * L, allowed)
    start, back = target + size * (shift @ target), target.inverse()

    def instance(k: int) -> parameter_stacking.ParameterRun:
        shares, values, mirror, left, right = (
            _fractions(drawn[name][k]) for name in ("shares", "values", "mirror", "left", "right"))
        return parameter_stacking.ParameterRun(
            q=Fraction(float(q[k])), h=Fraction(float(h[k])), L=Fraction(float(L[k])), shares=shares, values=values,
            displacement=tuple(map(_fractions, size[k] * drawn["displacement"][k])), mirror=mirror, left=left,
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
        "q": q, "h": _rounded_down(near / (1 + near)), "L": np.exp2(generator.integers(-10, 11, count)),
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
        inside = nesterov.potential(_inner(moved @ curvature, moved) / 2, _inner(offset, offset), mu=mu) <= allowed
        fits, not_known = np.where(inside, middle, fits), np.where(inside, not_known, middle)
    return fits / 256


def _inner(a: Stack, b: Stack) -> np.ndarray:
    """(n,) the inner product of each pair."""
    return np.sum(a.data * b.data, axis=(1, 2))


def _diagonals(entries: np.ndarray) -> np.ndarray:
    """(n, d, d) the diagonal matrices with these entries (n, d)."""
    return entries[:, :, None] * np.eye(entries.shape[1])


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


def _quadratics(generator: np.random.Generator, count: int):
    """Runs with errors on quadratics, q < 1: for each dimension its run, and the offsets x_{-1}, ..., x_STAGES from the
    minimiser with the errors of each stage, (STAGES + 2, n, d) and twice (STAGES, n, d)."""
    each = -(-count // len(DIMENSIONS))
    for dimension in DIMENSIONS:
        run = _runs(generator, each, dimension)
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
            _fractions(values) for values in (
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
