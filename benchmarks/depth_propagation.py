"""Time to draw random residual networks: `python -m benchmarks.depth_propagation [--sizes small paper] [--json FILE]`.

Three sizes, each against the same computation written with other tools:

- norms: a million norm processes of linear Gaussian networks through 1000 layers;
- networks: the first experiment of Marion et al., "Scaling ResNets in the large-depth regime" (arXiv 2206.06929), 1500
  two-matrix ReLU networks of width 40 with uniform weights, norms and back-propagated gradients;
- heat map: distances by Hurst index and exponent, 70 x 51, 5 networks and 10 inputs each, depth 1000.

PyTorch is one of the tools where it is installed: `pip install '.[bench]'`. Peers marked with a share do that share of
the work, and their time is divided by it. What compiles is compiled before the clock starts.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks import frame
from linres.methods import correlated
from linres.methods.propagation import propagate

WIDTH = 40


class Size(NamedTuple):
    """What a size is called, what linres does for it, and what others do: (share of the work, function)."""

    name: str
    ours: Callable[[], object]
    peers: dict[str, tuple[float, Callable[[], object]]]


# ------------------------------------------------------------------------------------------------------------- norms


def norms(runs: int, depth: int) -> Size:
    """Norm processes at exponent 1/2."""
    def ours():
        return propagate(depth, width=WIDTH, exponent=0.5, runs=runs, distances=False).log_norm

    def numpys():
        generator, unit = np.random.default_rng(0), depth**-0.5 / math.sqrt(WIDTH)
        log_norm, across, along = np.zeros(runs), np.empty(runs), np.empty(runs)
        for _ in range(depth):
            generator.standard_normal(out=along)
            generator.standard_gamma((WIDTH - 1) / 2, out=across)
            log_norm += np.log((1 + unit * along) ** 2 + 2 * unit**2 * across)
        return log_norm

    return Size(f"norms: {runs} x {depth}", ours, {"numpy, same law": (1.0, numpys)})


# ---------------------------------------------------------------------------------------------------------- networks


def networks(depths: list[int], exponents: tuple[float, ...], runs: int) -> Size:
    """Uniform weights, V relu(U h); distances of states and of gradients."""
    def ours():
        settings = {"width": WIDTH, "runs": runs, "block": "relu", "matrices": 2, "law": "uniform", "gradients": True}
        return [propagate(L, exponent=beta, **settings).log_gradient_distance for L in depths for beta in exponents]

    name = f"networks: {len(depths)} depths to {depths[-1]}, {len(exponents)} exponents, {runs} runs"
    return Size(name, ours, torch_networks(depths, exponents, runs))


def torch_networks(depths: list[int], exponents: tuple[float, ...], runs: int):
    """The same with PyTorch, if it is there: a network at a time, and all runs at a time."""
    if not frame.there("torch"):
        return {}
    import torch

    bound = math.sqrt(3 / WIDTH)

    def pass_through(L: int, beta: float, batch: int):
        weights = torch.empty(L, 2, batch, WIDTH, WIDTH).uniform_(-bound, bound)
        start = torch.randn(batch, WIDTH, 1, requires_grad=True)
        state = start
        for u, v in weights:
            state = state + L**-beta * torch.bmm(v, torch.relu(torch.bmm(u, state)))
        output = torch.randn_like(state)
        state.backward(output)
        return torch.linalg.norm(state - start), torch.linalg.norm(start.grad - output)

    def singly():
        return [pass_through(L, beta, 1) for L in depths for beta in exponents for _ in range(runs)]

    def together():
        return [pass_through(L, beta, runs) for L in depths for beta in exponents]

    return {"pytorch, a network at a time": (1.0, singly), "pytorch, all runs at a time": (1.0, together)}


# ---------------------------------------------------------------------------------------------------------- heat map


def heat_map(hursts: np.ndarray, exponents: np.ndarray, depth: int, share: float) -> Size:
    """Fractional weights, linear blocks; all exponents share the weights of a network."""
    nets, inputs = 5, 10

    def ours():
        settings = {"width": WIDTH, "exponent": exponents, "runs": nets, "inputs": inputs, "weights": "fractional"}
        return [propagate(depth, hurst=float(H), seed=i, **settings).log_distance for i, H in enumerate(hursts)]

    def numpys():
        generator, scales = np.random.default_rng(0), np.repeat(float(depth) ** -exponents, inputs)
        for H in hursts[: round(share * len(hursts))]:
            values = correlated.eigenvalues(correlated.fractional(float(H), depth))
            for _ in range(nets):
                normals = generator.standard_normal((WIDTH**2 // 2, len(values), 2))
                drawn = correlated.series(np.sqrt(values / len(values)), normals, depth)
                weights = np.ascontiguousarray(drawn.T).reshape(depth, WIDTH, WIDTH) / math.sqrt(WIDTH)
                start = state = np.tile(generator.standard_normal((WIDTH, inputs)), len(exponents))
                with np.errstate(over="ignore", invalid="ignore"):
                    for layer in weights:
                        state = state + scales * (layer @ state)
                    np.linalg.norm(state - start, axis=0)

    name = f"heat map: {len(hursts)} x {len(exponents)}, depth {depth}"
    return Size(name, ours, {"numpy, same transforms, BLAS": (share, numpys)})


SIZES: dict[str, Callable[[], list[Size]]] = {
    "small": lambda: [
        norms(20_000, 100), networks([10, 100], (1.0, 0.5), 5),
        heat_map(np.linspace(0.05, 0.97, 3), np.linspace(0, 1.25, 5), 100, 1.0),
    ],
    "paper": lambda: [
        norms(1_000_000, 1000), networks([int(L) for L in np.linspace(10, 1000, 10)], (1.0, 0.25, 0.5), 50),
        heat_map(np.linspace(0.05, 0.97, 70), np.linspace(0, 1.25, 51), 1000, 0.1),
    ],
}


def measured(size: Size, repeats: int, clock: str) -> dict[str, object]:
    """A row, with the seconds of a peer that does a share of the work divided by it."""
    callables = {frame.OURS: size.ours} | {name: work for name, (_, work) in size.peers.items()}
    found = frame.interleaved(callables, repeats, clock=clock, warm=True)
    seconds = {frame.OURS: found[frame.OURS]}
    for name, (share, _) in size.peers.items():
        seconds[name + ("" if share == 1 else f" ({share:g} of it)")] = found[name] / share
    return frame.row(size.name, seconds)


def main(arguments: Sequence[str] | None = None) -> None:
    options = frame.parser(__doc__, sizes=["small"], choices=list(SIZES), repeats=1).parse_args(arguments)
    rows = []
    with frame.on(options.jobs):
        for size in SIZES["small"]():
            size.ours()  # compiles
        for size in (size for name in options.sizes for size in SIZES[name]()):
            rows.append(measured(size, options.repeats, options.clock))
            print(frame.table(rows[-1:]), flush=True)
    if options.json:
        frame.write(options.json, rows, ["torch"], jobs=options.jobs, clock=options.clock)


if __name__ == "__main__":
    main()
