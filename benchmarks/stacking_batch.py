"""Stagewise stacking of many problems at once: what a sweep over kappa, momentum and seeds costs.

R independent least-squares problems in d dimensions, R d about 4096, T = 200 stages from the identity by the functional
or the parameter rule; out come the loss curves (R, T + 1). Peers, each in two ways: the recurrence as it is written
(`plain`), and with the algebra of linres (`reduced`: Sigma factored or diagonalised once, w_t W_t carried from stage to
stage). NumPy's and PyTorch's matrices are stacked; JAX scans and vmaps under jit. On several cores NumPy shares the
problems out to threads, one for each core, and JAX to `processes`: threads or devices of one process, when two of them
multiply matrices of 32 rows or more or solve systems, may wait for each other forever. `speedup` is over one thread of
ours on the same cores.

    python -m benchmarks.stacking_batch --sizes 8 64 --rules parameter --jobs 2 --json results.json

flops: 6 d^3 a stage by the parameter rule, three products; 14/3 d^3 by the functional one, a product and a solution of
a linear system with d right-hand sides.
"""

import contextlib
import itertools
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks import frame, peak

SIZES = (4, 8, 16, 32, 64, 128, 3, 5, 7, 12, 24, 33, 48, 100)
STAGES, ENTRIES = 200, 4096
FLOPS = {"parameter": 6.0, "functional": 14 / 3}
ALLOWED = 1e-10  # of the initial loss: what results may differ by


class Batch(NamedTuple):
    """Moments, W*, W_0 (R, d, d), momenta and step sizes (R,)."""

    sigma: np.ndarray
    target: np.ndarray
    start: np.ndarray
    momentum: np.ndarray
    step: np.ndarray

    def part(self, of: slice) -> "Batch":
        return Batch(*(field[of] for field in self))


def batch(d: int, rule: str, seed: int = 0) -> Batch:
    """Spectra from 1/kappa to 1 in random bases, kappa from 10 to 1000; W* near the identity, so that all converge."""
    random = np.random.default_rng(seed)
    count = max(1, ENTRIES // d)
    kappa = 10 ** random.uniform(1, 3, count)
    values = kappa[:, None] ** -random.uniform(0, 1, (count, d))
    values[:, 0] = 1.0
    values[:, -1] = 1 / kappa
    basis = np.linalg.qr(random.standard_normal((count, d, d)))[0]
    sigma = (basis * values[:, None, :]) @ basis.swapaxes(1, 2)
    target = np.eye(d) + 0.2 / np.sqrt(d) * random.standard_normal((count, d, d))
    q = 1 / np.sqrt(kappa)
    step = np.full(count, 0.4 if rule == "parameter" else 1.0)
    return Batch((sigma + sigma.swapaxes(1, 2)) / 2, target, np.tile(np.eye(d), (count, 1, 1)), (1 - q) / (1 + q), step)


def ours(given: Batch, rule: str, jobs: int) -> np.ndarray:
    from linres.methods.stacking_batch import stacking_batch

    pace = {"momentum": given.momentum, "step_size": given.step}
    return stacking_batch(*given[:3], rule=rule, stages=STAGES, jobs=jobs, **pace)


# --------------------------------------------------------------------------------------------------------------- NumPy


def _squares(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    np.einsum("rij,rij->r", a, b, out=out, optimize=False)
    out /= 2


def numpy_parameter_plain(given: Batch) -> np.ndarray:
    sigma, target, network = given.sigma, given.target, given.start.copy()
    beta, eta = given.momentum[:, None, None], given.step[:, None, None]
    losses = np.empty((STAGES + 1, len(sigma)))
    block, ahead, slope, change = (np.zeros_like(network) for _ in range(4))
    for t in range(STAGES + 1):
        if t:
            block *= beta
            np.matmul(block, network, out=ahead)
            ahead += network
            ahead -= target
            np.matmul(ahead, sigma, out=slope)
            np.matmul(slope, network.swapaxes(1, 2), out=change)
            change *= eta
            block -= change
            np.matmul(block, network, out=change)
            network += change
        np.subtract(network, target, out=ahead)
        np.matmul(ahead, sigma, out=slope)
        _squares(losses[t], ahead, slope)
    return losses.T


def numpy_parameter_reduced(given: Batch) -> np.ndarray:
    root, beta, eta = np.linalg.cholesky(given.sigma), given.momentum[:, None, None], given.step[:, None, None]
    network, error = given.start @ root, (given.start - given.target) @ root
    losses = np.empty((STAGES + 1, len(root)))
    block, ahead, change = (np.zeros_like(network) for _ in range(3))
    _squares(losses[0], error, error)
    for t in range(1, STAGES + 1):
        block *= beta
        np.matmul(block, network, out=ahead)
        ahead += error
        np.matmul(ahead, network.swapaxes(1, 2), out=change)
        change *= eta
        block -= change
        np.matmul(block, network, out=change)
        network += change
        error += change
        _squares(losses[t], error, error)
    return losses.T


def numpy_functional_plain(given: Batch) -> np.ndarray:
    sigma, target, network = given.sigma, given.target, given.start.copy()
    beta, eta = given.momentum[:, None, None], given.step[:, None, None]
    losses = np.empty((STAGES + 1, len(sigma)))
    block, ahead, slope = (np.zeros_like(network) for _ in range(3))
    for t in range(STAGES + 1):
        if t:
            block *= beta
            np.matmul(block, network, out=ahead)
            ahead += network
            np.matmul(ahead - target, sigma, out=slope)
            slope *= eta
            ahead -= slope
            block = np.linalg.solve(network.swapaxes(1, 2), (ahead - network).swapaxes(1, 2)).swapaxes(1, 2).copy()
            network, ahead = ahead, network
        error = network - target
        np.matmul(error, sigma, out=slope)
        _squares(losses[t], error, slope)
    return losses.T


def numpy_functional_reduced(given: Batch) -> np.ndarray:
    values, axes = np.linalg.eigh(given.sigma)
    values = values[:, None, :]
    beta, steps = given.momentum[:, None, None], given.step[:, None, None] * values
    network, error = given.start @ axes, (given.start - given.target) @ axes
    losses = np.empty((STAGES + 1, len(axes)))
    move, increment, scaled = (np.zeros_like(network) for _ in range(3))
    for t in range(STAGES + 1):
        if t:
            increment *= beta
            np.add(error, increment, out=move)
            move *= steps
            np.subtract(increment, move, out=move)
            np.matmul(move, np.linalg.solve(network, move), out=increment)
            increment += move
            network += move
            error += move
        np.multiply(error, values, out=scaled)
        _squares(losses[t], error, scaled)
    return losses.T


# ------------------------------------------------------------------------------------------------------------- PyTorch


def torch_parameter_plain(given: Any) -> Any:
    import torch

    sigma, target, network = given.sigma, given.target, given.start
    beta, eta = given.momentum[:, None, None], given.step[:, None, None]
    losses, block, error = [], torch.zeros_like(network), network - target
    for t in range(STAGES + 1):
        if t:
            block = beta * block
            slope = torch.bmm(torch.baddbmm(error, block, network), sigma)
            block.sub_(eta * torch.bmm(slope, network.mT))
            change = torch.bmm(block, network)
            network = network + change
            error = network - target
        losses.append((error * torch.bmm(error, sigma)).sum((1, 2)) / 2)
    return torch.stack(losses, 1)


def torch_parameter_reduced(given: Any) -> Any:
    import torch

    root, beta, eta = torch.linalg.cholesky(given.sigma), given.momentum[:, None, None], given.step[:, None, None]
    network, error = given.start @ root, (given.start - given.target) @ root
    losses, block = [], torch.zeros_like(network)
    for t in range(STAGES + 1):
        if t:
            block = beta * block
            ahead = torch.baddbmm(error, block, network)
            block.sub_(torch.bmm(ahead, network.mT).mul_(eta))
            change = torch.bmm(block, network)
            network = network + change
            error = error + change
        losses.append((error * error).sum((1, 2)) / 2)
    return torch.stack(losses, 1)


def torch_functional_plain(given: Any) -> Any:
    import torch

    sigma, target, network = given.sigma, given.target, given.start
    beta, eta = given.momentum[:, None, None], given.step[:, None, None]
    losses, block = [], torch.zeros_like(network)
    for t in range(STAGES + 1):
        if t:
            ahead = torch.baddbmm(network, beta * block, network)
            grown = ahead - eta * torch.bmm(ahead - target, sigma)
            block = torch.linalg.solve(network, grown - network, left=False)
            network = grown
        error = network - target
        losses.append((error * torch.bmm(error, sigma)).sum((1, 2)) / 2)
    return torch.stack(losses, 1)


def torch_functional_reduced(given: Any) -> Any:
    import torch

    values, axes = torch.linalg.eigh(given.sigma)
    values = values[:, None, :]
    beta, steps = given.momentum[:, None, None], given.step[:, None, None] * values
    network, error = given.start @ axes, (given.start - given.target) @ axes
    losses, increment = [], torch.zeros_like(network)
    for t in range(STAGES + 1):
        if t:
            increment = beta * increment
            move = increment - steps * (error + increment)
            increment = torch.baddbmm(move, move, torch.linalg.solve(network, move))
            network, error = network + move, error + move
        losses.append((error * error * values).sum((1, 2)) / 2)
    return torch.stack(losses, 1)


# ----------------------------------------------------------------------------------------------------------------- JAX


def _scanned(step: Callable[..., Any], first: Any, loss: Callable[..., Any]) -> Any:
    """The losses of a state and of those after it."""
    import jax
    import jax.numpy as jnp

    def stage(state, _):
        state = step(*state)
        return state, loss(*state)

    return jnp.concatenate([loss(*first)[None], jax.lax.scan(stage, first, None, length=STAGES)[1]])


def jax_parameter_plain(sigma, target, start, beta, eta) -> Any:
    import jax.numpy as jnp

    def step(network, block):
        block = beta * block
        block = block - eta * ((network + block @ network - target) @ sigma) @ network.T
        return network + block @ network, block

    return _scanned(step, (start, jnp.zeros_like(start)), lambda network, block: jnp.sum(
        (network - target) * ((network - target) @ sigma)) / 2)


def jax_parameter_reduced(sigma, target, start, beta, eta) -> Any:
    import jax.numpy as jnp

    root = jnp.linalg.cholesky(sigma)

    def step(network, error, block):
        block = beta * block
        block = block - eta * (error + block @ network) @ network.T
        change = block @ network
        return network + change, error + change, block

    first = start @ root, (start - target) @ root, jnp.zeros_like(start)
    return _scanned(step, first, lambda network, error, block: jnp.sum(error * error) / 2)


def jax_functional_plain(sigma, target, start, beta, eta) -> Any:
    import jax.numpy as jnp

    def step(network, block):
        ahead = network + beta * (block @ network)
        grown = ahead - eta * (ahead - target) @ sigma
        return grown, jnp.linalg.solve(network.T, (grown - network).T).T

    return _scanned(step, (start, jnp.zeros_like(start)), lambda network, block: jnp.sum(
        (network - target) * ((network - target) @ sigma)) / 2)


def jax_functional_reduced(sigma, target, start, beta, eta) -> Any:
    import jax.numpy as jnp

    values, axes = jnp.linalg.eigh(sigma)

    def step(network, error, increment):
        increment = beta * increment
        move = increment - eta * (error + increment) * values
        increment = move + move @ jnp.linalg.solve(network, move)
        return network + move, error + move, increment

    first = start @ axes, (start - target) @ axes, jnp.zeros_like(start)
    return _scanned(step, first, lambda network, error, increment: jnp.sum(error * error * values) / 2)


# ------------------------------------------------------------------------------------------------------------- together

WAYS = ("plain", "reduced")


def _threads(work: Callable[[Any], Any], parts: Sequence[Any], pool: ThreadPoolExecutor) -> Callable[[], np.ndarray]:
    """The work on all parts, each in a thread."""
    return lambda: np.concatenate([np.asarray(part) for part in pool.map(work, parts)])


def _parts(given: Batch, jobs: int) -> list[Batch]:
    edges = np.linspace(0, len(given.sigma), min(jobs, len(given.sigma)) + 1).astype(int)
    return [given.part(slice(*pair)) for pair in itertools.pairwise(edges)]


def peers(given: Batch, rule: str, jobs: int, stack: contextlib.ExitStack) -> dict[str, Callable[[], Any]]:
    """By name, as long as the stack is open; those of the extra `bench` as far as installed."""
    pool = stack.enter_context(ThreadPoolExecutor(jobs))
    found: dict[str, Callable[[], Any]] = {
        f"numpy {way}": _threads(globals()[f"numpy_{rule}_{way}"], _parts(given, jobs), pool) for way in WAYS
    }
    if frame.there("torch"):
        import torch

        tensors = Batch(*map(torch.from_numpy, given))
        for way in WAYS:
            found[f"torch {way}"] = _bound(globals()[f"torch_{rule}_{way}"], tensors)
    if frame.there("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
        for way in WAYS:
            name = f"jax_{rule}_{way}"
            found[f"jax {way}"] = _jax_call(name, given)
            if jobs > 1:
                found[f"jax {way}, processes"] = stack.enter_context(_in_processes(name, _parts(given, jobs)))
    return found


def _bound(work: Callable[[Any], Any], given: Any) -> Callable[[], Any]:
    return lambda: work(given)


def _jax_call(name: str, given: Batch) -> Callable[[], np.ndarray]:
    """Compiled now for these problems."""
    import jax

    arrays = tuple(map(jax.numpy.asarray, given))
    call = jax.jit(jax.vmap(globals()[name])).lower(*arrays).compile()
    return lambda: np.asarray(call(*arrays))


@contextlib.contextmanager
def _in_processes(name: str, parts: Sequence[Batch]) -> Iterator[Callable[[], np.ndarray]]:
    """A call that has each part done by a process of its own, on a core of its own; they end with the context."""
    context, pipes = multiprocessing.get_context("spawn"), []
    for core, part in zip(sorted(os.sched_getaffinity(0)), parts, strict=False):
        ours, theirs = context.Pipe()
        context.Process(target=_serve, args=(theirs, core, name, part), daemon=True).start()
        theirs.close()
        pipes.append(ours)

    def call() -> np.ndarray:
        for pipe in pipes:
            pipe.send(None)
        return np.concatenate([pipe.recv() for pipe in pipes])

    try:
        yield call
    finally:
        for pipe in pipes:
            pipe.close()


def _serve(pipe: Any, core: int, name: str, part: Batch) -> None:
    """What a process does: the curves of its part whenever it is asked, until nobody is there to ask."""
    os.sched_setaffinity(0, {core})
    import jax

    jax.config.update("jax_enable_x64", True)
    call = _jax_call(name, part)
    with contextlib.suppress(EOFError):
        while True:
            pipe.recv()
            pipe.send(call())


def measured(d: int, rule: str, jobs: int, repeats: int, clock: str, best: float) -> dict[str, Any]:
    """A row. SystemExit if a peer's curves are not ours."""
    given = batch(d, rule)
    with contextlib.ExitStack() as stack:
        callables = {frame.OURS: lambda: ours(given, rule, jobs)} | peers(given, rule, jobs, stack)
        expected, first = callables[frame.OURS](), {}
        for name, call in callables.items():
            off = float(np.max(np.abs(np.asarray(call()) - expected) / expected[:, :1]))
            if not off <= ALLOWED:
                raise SystemExit(f"{rule}, d = {d}: the losses of {name} differ by {off:.1e} of the initial loss")
            _, first[name] = frame.once(call, clock)
        seconds, rounds = frame.raced(first, callables, repeats, clock=clock)
    flops = FLOPS[rule] * d**3 * len(given.sigma) * STAGES
    found = frame.row(f"{rule}, d = {d}", seconds, flops=flops, peak=best, rounds=rounds)
    return found | {"speedup": speedup(given, rule, jobs)} if jobs > 1 and clock == "wall" else found


def speedup(given: Batch, rule: str, jobs: int) -> float:
    """The seconds of one thread of ours over those of so many, medians of runs in turns."""
    threads = {str(count): partial(ours, given, rule, count) for count in (1, jobs)}
    _, first = frame.once(threads["1"])
    seconds = frame.interleaved(threads, max(5, min(25, int(2 / first))), warm=True, **frame.turns())
    return seconds["1"] / seconds[str(jobs)]


def main(arguments: Sequence[str] | None = None) -> None:
    options = frame.parser(__doc__, sizes=SIZES, kind=int, metavar="D", repeats=5)
    options.add_argument("--rules", nargs="+", choices=tuple(FLOPS), default=list(FLOPS))
    given = options.parse_args(arguments)
    with frame.on(given.jobs) as jobs:
        best = peak.peak(jobs) / 1e9
        rows = []
        for rule in given.rules:
            for d in given.sizes:
                rows.append(measured(d, rule, jobs, given.repeats, given.clock, best))
                print(frame.table(rows[-1:]), flush=True)
    print()
    print(frame.table(rows))
    if given.json:
        frame.write(given.json, rows, names=("torch", "jax", "jaxlib"), jobs=given.jobs, clock=given.clock)


if __name__ == "__main__":
    main()
