"""Stacking by the functional rule in bulk: stages, and runs from within a basin."""

from fractions import Fraction

import numpy as np

from linres import near_target
from linres.arithmetic import divide
from linres.convex_stacking import ConvexStackingRun
from linres.evaluate import Stack
from linres.instances import StackingRun, aligned_stacking_run
from linres.kernels import stacking
from linres.methods import nesterov
from linres.methods import stacking as methods
from linres.sampling.drawing import (
    SQUARES,
    STAGES,
    curvatures,
    fractions,
    least_singular_values,
    moments,
    norms,
    reflections,
    rounded_down,
    vectors,
)
from linres.theorem import Batch


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
        moments, goal, first = (tuple(map(fractions, table[k])) for table in (sigma, target, start))
        pace = Fraction(float(momentum[k])), Fraction(float(step_size[k]))
        return StackingRun(moments, goal, first, *pace, stages=STAGES)

    return Batch({symbols[name]: np.array(values) for name, values in columns.items()}, instance, count)


def aligned_runs(
    generator: np.random.Generator, count: int, dimension: int, reach, distance: int = 1
) -> dict[str, np.ndarray]:
    """The parameters of count runs of `aligned_stacking_run`, half of them from as far as reach allows.

    reach(q, L, sigma, potential) -> (count,), by what a displacement may be multiplied; distance = 0 leaves the
    distance to the target out of the potential.
    """
    drawn = curvatures(generator, count, dimension)
    values = generator.integers(1, 17, (count, dimension)) / 4 * np.exp2(generator.integers(-8, 9, (count, 1)))
    towards = generator.integers(-16, 17, (count, dimension, dimension)) / 16
    towards *= (generator.integers(0, 2, (count, 1, 1)) > 0) | (np.arange(dimension) == 0)
    curvature = drawn["eigenvalues"] + distance * (drawn["q"] ** 2 * drawn["L"])[:, None]
    potential = np.sum(curvature[:, None, :] * towards**2, axis=(1, 2)) / 2
    with np.errstate(divide="ignore"):
        mantissa, exponent = np.frexp(reach(drawn["q"], drawn["L"], values.min(axis=1), potential))
    longest = np.where(potential > 0, np.ldexp(np.floor(1023 * mantissa) / 1024, exponent), 0.0)
    share = np.maximum(generator.integers(1, 17, count) / 16, generator.integers(0, 2, count))
    normals = {name: vectors(generator, count, dimension) for name in ("mirror", "left", "right")}
    return drawn | normals | {"values": values, "displacement": (longest * share)[:, None, None] * towards}


def trained(run: dict[str, np.ndarray]):
    """For each run q, L and its target, and the `stacking.trace` of its training by the functional rule."""
    q, smoothness = run["q"], run["L"]
    basis, left, right = (reflections(run[name]) for name in ("mirror", "left", "right"))
    sigma, target = moments(basis, run["eigenvalues"]), left * run["values"][:, None, :] @ right
    start, momentum = target + run["displacement"] @ basis, nesterov.momentum(q)
    for k in range(len(q)):
        trace = stacking.trace(sigma[k], target[k], start[k], momentum[k], 1 / smoothness[k], STAGES, True)
        yield q[k], smoothness[k], target[k], trace


def potential_path(q: float, smoothness: float, target: np.ndarray, trace) -> np.ndarray:
    """Phi_0, ..., Phi_STAGES of a run."""
    previous = np.concatenate([trace.networks[:1], trace.networks[:-1]])
    offsets = nesterov.auxiliary(trace.networks, previous, q=q) - target
    return nesterov.potential(trace.excess, np.sum(offsets**2, axis=(1, 2)), mu=q**2 * smoothness)


def aligned_instance(runs: list[dict[str, np.ndarray]]):
    """The k-th of the runs, exactly."""

    def instance(k: int) -> StackingRun:
        each = len(runs[0]["q"])
        run, k = runs[k // each], k % each
        names = ("eigenvalues", "values", "mirror", "left", "right")
        eigenvalues, values, mirror, left, right = (fractions(run[name][k]) for name in names)
        return aligned_stacking_run(
            q=Fraction(float(run["q"][k])), L=Fraction(float(run["L"][k])), eigenvalues=eigenvalues, values=values,
            displacement=tuple(map(fractions, run["displacement"][k])), mirror=mirror, left=left, right=right,
            stages=STAGES,
        )

    return instance


def stacking_histories(generator: np.random.Generator, count: int, *, reach, symbols) -> Batch:
    """count runs of stacking from rest near their targets; symbols: for Phi, q, L, sigma(W*) and the horizon.

    reach(q, L, sigma, potential) -> (n,), by what a displacement W_0 - W* of that Phi_0 may be multiplied.
    """
    each = -(-count // len(SQUARES))
    runs = [aligned_runs(generator, each, d, reach) for d in SQUARES]
    potentials = np.array([potential_path(*one) for run in runs for one in trained(run)]).T
    return Batch(dict(zip(symbols, [potentials, *settings(runs), STAGES], strict=True)), aligned_instance(runs),
                 potentials.shape[1])


def settings(runs: list[dict[str, np.ndarray]]) -> list[np.ndarray]:
    """q, L and sigma(W*) of all runs."""
    q, smoothness = (np.concatenate([run[name] for run in runs]) for name in ("q", "L"))
    return [q, smoothness, np.concatenate([run["values"].min(axis=1) for run in runs])]


def stacking_losses(generator: np.random.Generator, count: int, *, reach, symbols) -> Batch:
    """count runs of stacking from rest near their targets; symbols: for ell, ell* = 0, q, L, sigma(W*), the horizon.

    reach(q, L, sigma, excess) -> (n,), by what a displacement W_0 - W* of that excess loss may be multiplied.
    """
    each = -(-count // len(SQUARES))
    runs = [aligned_runs(generator, each, d, reach, distance=0) for d in SQUARES]
    losses = np.array([trace.excess for run in runs for *_, trace in trained(run)]).T
    return Batch(dict(zip(symbols, [losses, 0.0, *settings(runs), STAGES], strict=True)), aligned_instance(runs),
                 losses.shape[1])


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
            tuple(map(fractions, run[name][k])) for name in ("up", "target", "start", "before", "step_error")
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
    target = np.where(least_singular_values(target)[:, None, None] > 1 / 8, target, np.eye(dimension))
    target = target * np.exp2(generator.integers(-8, 9, count))[:, None, None]
    least = rounded_down(least_singular_values(target) * (1 - 2.0**-20))
    roots, inside = {"below": np.sqrt, "above": np.sqrt}, 1 - 2.0**-16  # by far more than rounding
    K = rounded_down(inside * near_target.basin(q, smoothness, least, **roots))
    largest = near_target.tolerance(q, smoothness, K, **roots)
    before = np.where(generator.integers(0, 2, (count, 1, 1)) > 0, offset, other)
    run = {"q": q, "L": smoothness, "up": up, "least": least, "K": K, "target": 0 * target}
    [potential], _ = _potentials(run | {"start": offset, "before": before, "step_error": slip}, stages=0)
    reach = np.sqrt(np.maximum(potential, q**2 * smoothness / 2 * norms(before) ** 2))
    size, wobble = (
        rounded_down(generator.integers(0, 17, count) / 16 * inside * most / np.where(length > 0, length, 1))
        for most, length in ((K, reach), (largest, norms(slip)))
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
        potentials.append(nesterov.potential(excess, norms(ahead.data) ** 2, mu=mu))
        if t < stages:
            made = methods.stage(
                network, divide(network - before, before), lambda point: Stack(curvature * (point - target).data),
                momentum=nesterov.momentum(q), step_size=1 / smoothness, rule="functional",
            )
            before, network = network, made.network + slip
    return np.array(potentials), np.tile(norms(slip.data), (stages, 1))


def _convex_stacking_runs(generator: np.random.Generator, count: int, dimension: int) -> dict[str, np.ndarray]:
    """The parameters of `count` runs, arrays by the names of `ConvexStackingRun`, within the basin."""
    target, offset = generator.integers(-16, 17, (2, count, dimension, dimension)) / 16
    up = generator.integers(0, 17, target.shape) / 16
    up = np.where(generator.integers(0, 2, (count, 1, 1)) > 0, up, np.round(up))
    target = np.where(least_singular_values(target)[:, None, None] > 1 / 8, target, np.eye(dimension))
    target = target * np.exp2(generator.integers(-8, 9, count))[:, None, None]
    length, inside = norms(offset), 1 - 2.0**-16  # by far more than rounding
    share = np.maximum(generator.integers(1, 17, count) / 16, generator.integers(0, 2, count))
    size = rounded_down(share * inside * least_singular_values(target) / 8 / np.where(length > 0, length, 1))
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
    distance = np.concatenate([norms(run["start"] - run["target"]) for run in runs])
    least = np.concatenate([least_singular_values(run["target"]) for run in runs])
    smoothness, tau = (np.concatenate([run[name] for run in runs]) for name in ("L", "tau"))

    def instance(k: int) -> ConvexStackingRun:
        run, k = runs[k // each], k % each
        up, target, start = (tuple(map(fractions, run[name][k])) for name in ("up", "target", "start"))
        return ConvexStackingRun(Fraction(float(run["L"][k])), fractions(run["tau"][k]), up, up, target, start)

    columns = [losses, 0.0, smoothness, least, distance, tau.T, STAGES]
    return Batch(dict(zip(symbols, columns, strict=True)), instance, each * len(SQUARES))
