"""Where the time of stacking batch goes: the parts of a stage, each timed alone, and the least that a stage can take.

    python -m benchmarks.stages --sizes 8 64 --rules functional --json stages.json

On one core, problems of the sizes of `benchmarks.stacking_batch`. A stage is a run of STAGES of them less a run of
none, which is the setup. Parts, each timed over and over on the same matrices: the products; the linear system;
`beside`, what is left, which moves and adds up.

roofline: a stage takes at least the time of its flops at the peak of the core's multiply-adds, and at least that of
moving the matrices that it reads and writes, each once for each operation on it, as quickly as one of these matrices is
copied to another. `bound` is the larger, `of_bound` its share of the time taken.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np

from benchmarks import frame, peak, stacking_batch
from benchmarks.stacking_batch import FLOPS, STAGES, Batch
from linres.kernels import stacking_batch as kernel
from linres.kernels.elimination import solve
from linres.kernels.microkernel import Part, affine, grow
from linres.kernels.vectors import LANES, load, store

SIZES = (4, 8, 16, 32, 64, 128)
MATRICES = {"parameter": 13, "functional": 21}  # read or written in a stage: see the kernels
PRODUCTS = {"parameter": 3, "functional": 1}


@numba.njit(nogil=True)
def _copy(a, out):
    hop = LANES if a.ndim == 2 else 1
    for i in range(a.shape[0]):
        for j in range(0, a.shape[1], hop):
            store(out, i, j, load(a, i, j))


@numba.njit(nogil=True)
def _copies(times, m):
    a, out = m[0], m[1]  # not in the loop, where they would be counted as held each time
    for _ in range(times):
        _copy(a, out)


@numba.njit(nogil=True)
def _affines(times, m, numbers, d):
    part = Part(0, 0, m.shape[1], 0, m.shape[2], 0, d)
    a, b, x, out, one, none = m[0], m[1], m[2], m[3], numbers[2], numbers[4]
    for _ in range(times):
        affine(part, a, b, one, x, none, out)


@numba.njit(nogil=True)
def _grows(times, m, numbers, d):
    a, b, grown, error, total = m[0], m[1], m[2], m[3], numbers[5]
    for _ in range(times):
        grow(a, b, grown, error, total, d)


@numba.njit(nogil=True)
def _systems(times, m, numbers, d, pivot_row):
    a, b, system, right, inverse, constants, lost = m[0], m[1], m[6], m[5], m[7], numbers[2:5], numbers[6:7]
    for _ in range(times):
        _copy(a, system)
        _copy(b, right)
        solve(system, right, d, constants, pivot_row, inverse, lost)


def work(d: int, many: int) -> kernel.Work:
    """Matrices near the identity."""
    made, rng = kernel._work(d, many), np.random.default_rng(0)
    for matrix in made.matrices[:2]:
        inside = matrix[:d, :d]
        inside[:] = 0.1 / np.sqrt(d) * rng.standard_normal(inside.shape)
        for i in range(d):
            inside[i, i] += 1.0
    made.numbers[2], made.numbers[3] = 1.0, -1.0
    return made


def parts(rule: str, d: int, repeats: int, clock: str) -> dict[str, float]:
    """Seconds for one problem: of the products of a stage, its system, and of the copy of a matrix."""
    many = kernel.together(d, rule)
    made, times = work(d, many), max(1, 20_000_000 // (d**3 * many))
    m, numbers, products = made.matrices, made.numbers, PRODUCTS[rule]
    calls: dict[str, Callable[[], object]] = {
        "copy": lambda: _copies(times, m), "product": lambda: _affines(times, m, numbers, d),
    }
    if rule == "parameter":
        calls["grow"] = lambda: _grows(times, m, numbers, d)
    else:
        calls["system"] = lambda: _systems(times, m, numbers, d, made.pivot_row)
    seconds = {name: took / times / many
               for name, took in frame.interleaved(calls, repeats, clock=clock).items()}
    whole = (products - 1) * seconds["product"] + seconds.get("grow", seconds["product"])
    return {"products": whole, "system": max(0.0, seconds.get("system", 0.0) - 2 * seconds["copy"]),
            "copy": seconds["copy"]}


def stage(given: Batch, rule: str, repeats: int, clock: str) -> tuple[float, float]:
    """Seconds for one problem: of a stage, and of what comes before them all."""
    def run(stages: int) -> Callable[[], object]:
        arrays = kernel.Given(*map(np.ascontiguousarray, given))
        curves = np.empty((len(arrays.sigma), stages + 1))
        return lambda: kernel.run(arrays, curves, rule, 1)

    seconds = frame.interleaved({"all": run(STAGES), "none": run(0)}, repeats, clock=clock)
    count = len(given.sigma)
    return (seconds["all"] - seconds["none"]) / STAGES / count, seconds["none"] / count


def measured(rule: str, d: int, repeats: int, clock: str, best: float) -> dict[str, Any]:
    """A row, in seconds for one problem; best: operations a second."""
    took, setup = stage(stacking_batch.batch(d, rule), rule, repeats, clock)
    found = parts(rule, d, repeats, clock)
    flops, moved = FLOPS[rule] * d**3, 8 * d * d * MATRICES[rule]
    bandwidth = 16 * d * d / found["copy"]
    bound = max(flops / best, moved / bandwidth)
    shares = {name: found[name] / took for name in ("products", "system")}
    return frame.row(
        f"{rule}, d = {d}", {frame.OURS: took}, flops=flops, peak=best / 1e9, setup_stages=setup / took,
        products_share=shares["products"], system_share=shares["system"], beside_share=1 - sum(shares.values()),
        bytes=moved, gb_per_s=bandwidth / 1e9, bound_by="flops" if flops / best >= moved / bandwidth else "bytes",
        bound=bound, of_bound=bound / took, words=words(f"{rule}, d = {d}", took, setup, shares),
    )


def words(size: str, took: float, setup: float, shares: dict[str, float]) -> list[str]:
    """What the profile says."""
    system = f", the linear system {shares['system']:.0%}" if shares["system"] else ""
    return [f"{size}: products take {shares['products']:.0%} of a stage{system}, what is beside them "
            f"{1 - sum(shares.values()):.0%}; the setup takes as long as {setup / took:.2g} stages."]


def main(arguments: Sequence[str] | None = None) -> None:
    options = frame.parser(__doc__, sizes=SIZES, kind=int, metavar="D", repeats=9)
    options.add_argument("--rules", nargs="+", choices=tuple(FLOPS), default=list(FLOPS))
    given = options.parse_args(arguments)
    if given.jobs != 1:
        options.error("a profile is of one core: --jobs 1")
    with frame.on(given.jobs):
        best, rows = peak.peak(), []
        for rule in given.rules:
            for d in given.sizes:
                rows.append(measured(rule, d, given.repeats, given.clock, best))
                print(rows[-1]["words"][0], flush=True)
    print()
    print(frame.table(rows))
    if given.json:
        frame.write(given.json, rows, jobs=given.jobs, clock=given.clock)


if __name__ == "__main__":
    main()
