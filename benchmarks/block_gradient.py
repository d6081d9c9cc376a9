"""Loss and gradients of every block of a deep linear residual network, from moments: ours beside NumPy, PyTorch, JAX.

    python -m benchmarks.block_gradient                              depths 8, 32, 128 and dimensions 8 to 128
    python -m benchmarks.block_gradient --sizes 8x64 --jobs 1        depth 8, dimension 64, on one core
    python -m benchmarks.block_gradient --torch-compile              PyTorch's hand gradient through torch.compile too
    python -m benchmarks.block_gradient --json FILE

Each computes 1/2 tr((W - W*) Sigma (W - W*)^T) at W = (I + w_n) ... (I + w_1) and its gradients in float64, by
3 n - 2 products: what is below each block on the way up, then what is above on the way down.

    linres                  kernels/blocks.py, into an array given
    NumPy                   matmul into arrays given
    PyTorch, by hand        addmm and mm into tensors given, in inference mode
    PyTorch, autograd       the gradient of the loss, by addmm
    PyTorch, compiled       by hand, written without places given, through torch.compile
    JAX, by hand            jit of two scans
    JAX, unrolled           the same, eight blocks to a turn of the scan
    JAX, grad               jit of value_and_grad of a scan

GFLOP/s count the products; the share is that of the fused multiply-adds that the cores can do. A peer whose loss is
off ours by 1e-10 of it, or gradients by that share of the largest, ends the run. PyTorch and JAX come with
pip install '.[bench]'.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks import frame
from benchmarks.peak import peak
from linres.kernels.blocks import Moments

DEPTHS, DIMENSIONS = (8, 32, 128), (8, 16, 32, 64, 128)
CLOSE = 1e-10
Found = tuple[float, Any]  # the loss, and something like an array (n, d, d)


class Size(NamedTuple):
    """As depth x dimension."""

    depth: int
    d: int

    @classmethod
    def of(cls, text: str) -> "Size":
        return cls(*map(int, text.split("x")))

    def __str__(self) -> str:
        return f"{self.depth}x{self.d}"

    @property
    def operations(self) -> int:
        """Of the products alone."""
        return (3 * self.depth - 2) * 2 * self.d**3


class Case(NamedTuple):
    """Sigma (d, d), W* (d, d) and blocks (n, d, d)."""

    sigma: np.ndarray
    target: np.ndarray
    blocks: np.ndarray


def case(size: Size, seed: int = 0) -> Case:
    rng, (depth, d) = np.random.default_rng(seed), size
    root = rng.standard_normal((d, d)) / np.sqrt(d)
    blocks = rng.standard_normal((depth, d, d)) / (np.sqrt(d) * depth)
    return Case(root @ root.T, rng.standard_normal((d, d)), blocks)


def ours(given: Case) -> Callable[[], Found]:
    loss, out = Moments(given.sigma, given.target, len(given.blocks)), np.empty_like(given.blocks)
    return lambda: loss.evaluate(given.blocks, out)


def numpys(given: Case) -> Callable[[], Found]:
    (sigma, target, blocks), out = given, np.empty_like(given.blocks)
    network, above, product = np.empty((3, *sigma.shape))

    def run():
        out[0] = np.eye(len(sigma))
        for i, block in enumerate(blocks):
            grown = out[i + 1] if i + 1 < len(blocks) else network
            np.matmul(block, out[i], out=grown)
            grown += out[i]
        np.subtract(network, target, out=product)
        np.matmul(product, sigma, out=above)
        value = np.vdot(product, above) / 2
        for i in range(len(blocks) - 1, -1, -1):
            np.matmul(above, out[i].T, out=product)
            out[i] = product
            if i:
                np.matmul(blocks[i].T, above, out=product)
                np.add(above, product, out=above)
        return value, out

    return run


# ------------------------------------------------------------------------------------------------------------- PyTorch


def torch_by_hand(given: Case) -> Callable[[], Found]:
    import torch

    sigma, target, blocks = map(torch.from_numpy, given)
    depth, d = blocks.shape[:2]
    below, out = torch.empty_like(blocks), torch.empty_like(blocks)
    residual, *aboves = torch.empty(3, d, d, dtype=sigma.dtype)
    network, w, w_t = torch.empty_like(sigma), list(blocks), [block.T for block in blocks]
    b, b_t, g = [*below, network], [block.T for block in below], list(out)
    b[0].copy_(torch.eye(d))

    @torch.inference_mode()
    def run():
        for i in range(depth):
            torch.addmm(b[i], w[i], b[i], out=b[i + 1])
        torch.sub(network, target, out=residual)
        above, spare = aboves
        torch.mm(residual, sigma, out=above)
        value = torch.dot(residual.view(-1), above.view(-1)).item() / 2
        for i in range(depth - 1, -1, -1):
            torch.mm(above, b_t[i], out=g[i])
            if i:
                torch.addmm(above, w_t[i], above, out=spare)
                above, spare = spare, above
        return value, out

    return run


def torch_autograd(given: Case) -> Callable[[], Found]:
    import torch

    sigma, target, blocks = map(torch.from_numpy, given)
    leaves, identity = [block.clone().requires_grad_() for block in blocks], torch.eye(len(sigma), dtype=sigma.dtype)

    def run():
        network = identity
        for block in leaves:
            network = torch.addmm(network, block, network)
        residual = network - target
        loss = torch.sum(torch.mm(residual, sigma) * residual) / 2
        slopes = torch.autograd.grad(loss, leaves)
        return loss.item(), slopes

    return run


def torch_compiled(given: Case) -> Callable[[], Found]:
    import torch

    sigma, target, blocks = map(torch.from_numpy, given)

    def by_hand(sigma, target, blocks):
        below = [torch.eye(len(sigma), dtype=sigma.dtype)]
        for block in blocks:
            below.append(below[-1] + block @ below[-1])
        residual = below.pop() - target
        above = residual @ sigma
        loss, slopes = torch.sum(residual * above) / 2, []
        for i in range(len(blocks) - 1, -1, -1):
            slopes.append(above @ below[i].T)
            above = above + blocks[i].T @ above
        return loss, slopes[::-1]

    compiled = torch.compile(by_hand)

    @torch.inference_mode()
    def run():
        loss, slopes = compiled(sigma, target, blocks)
        return loss.item(), slopes

    return run


# ----------------------------------------------------------------------------------------------------------------- JAX


def _jax_run(function, given: Case) -> Callable[[], Found]:
    """The compiled function of (sigma, target, blocks), in float64, waited for."""
    import jax

    jax.config.update("jax_enable_x64", True)
    arrays, compiled = [jax.numpy.asarray(array) for array in given], jax.jit(function)

    def run():
        loss, slopes = compiled(*arrays)
        return float(loss), slopes.block_until_ready()

    return run


def jax_by_hand(given: Case, unroll: int = 1) -> Callable[[], Found]:
    from jax import lax
    from jax import numpy as jnp

    def function(sigma, target, blocks):
        network, below = lax.scan(lambda b, w: (b + w @ b, b), jnp.eye(len(sigma)), blocks, unroll=unroll)
        residual = network - target
        slope = residual @ sigma
        _, slopes = lax.scan(
            lambda a, pair: (a + pair[0].T @ a, a @ pair[1].T), slope, (blocks, below), reverse=True, unroll=unroll)
        return jnp.vdot(residual, slope) / 2, slopes

    return _jax_run(function, given)


def jax_grad(given: Case) -> Callable[[], Found]:
    import jax
    from jax import numpy as jnp

    def loss(blocks, sigma, target):
        network, _ = jax.lax.scan(lambda b, w: (b + w @ b, None), jnp.eye(len(sigma)), blocks)
        residual = network - target
        return jnp.vdot(residual @ sigma, residual) / 2

    return _jax_run(lambda sigma, target, blocks: jax.value_and_grad(loss)(blocks, sigma, target), given)


def peers(compiled: bool = False) -> Iterator[tuple[str, Callable[[Case], Callable[[], Found]]]]:
    """Those that are installed."""
    yield "NumPy", numpys
    if frame.there("torch"):
        yield "PyTorch, by hand", torch_by_hand
        yield "PyTorch, autograd", torch_autograd
        if compiled:
            yield "PyTorch, compiled", torch_compiled
    if frame.there("jax"):
        yield "JAX, by hand", jax_by_hand
        yield "JAX, unrolled", lambda given: jax_by_hand(given, unroll=8)
        yield "JAX, grad", jax_grad


def check(size: Size, callables: dict[str, Callable[[], Found]]) -> float:
    """SystemExit if one is off ours by more than CLOSE; else how far the farthest is off. Whatever compiles does so."""
    value, slopes = callables[frame.OURS]()
    slopes, most = slopes.copy(), 0.0
    for name, run in callables.items():
        loss, found = run()
        away = np.array([np.asarray(slope) for slope in found]) - slopes
        off = float(np.max([abs(loss - value) / value, np.max(np.abs(away)) / np.max(np.abs(slopes))]))  # nan if one is
        if not off <= CLOSE:
            raise SystemExit(f"{size}: {name} is off by {off:.0e}")
        most = max(most, off)
    return most


def measured(size: Size, options, most: float) -> dict[str, Any]:
    """A row; most: the peak of the cores, in operations a second."""
    given = case(size)
    callables = {frame.OURS: ours(given)} | {name: make(given) for name, make in peers(options.torch_compile)}
    off = check(size, callables)
    first = {name: frame.once(call, options.clock)[1] for name, call in callables.items()}
    seconds, rounds = frame.raced(first, callables, options.repeats, clock=options.clock)
    return frame.row(str(size), seconds, flops=size.operations, peak=most / 1e9, off=off, rounds=rounds)


def main(arguments: Sequence[str] | None = None) -> None:
    everything = [Size(depth, d) for d in DIMENSIONS for depth in DEPTHS]
    options = frame.parser(__doc__, sizes=everything, kind=Size.of, metavar="DEPTHxDIMENSION", repeats=15)
    options.add_argument("--torch-compile", action="store_true", help="takes minutes to compile, needs a C++ compiler")
    given = options.parse_args(arguments)
    rows = []
    with frame.on(given.jobs):
        most = peak(given.jobs)
        for size in given.sizes:
            rows.append(measured(size, given, most))
            print(frame.table(rows[-1:]), flush=True)
    if given.json:
        frame.write(given.json, rows, ["torch", "jax", "jaxlib"], jobs=given.jobs, clock=given.clock)


if __name__ == "__main__":
    main()
