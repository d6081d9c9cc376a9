"""How costs grow: measured exponents beside those of the operation counts.

    python -m benchmarks.costs                        stages T, runs R, depth L, samples n
    python -m benchmarks.costs --sizes L n --json FILE --figure FILE.svg

Seconds are fitted by a power of the size, least squares of the logarithms, and so are the operations that the job takes
at the same sizes; an exponent more than a tenth off the other is said to be off. All on one core.

    T     stages of stacking_batch, 64 problems with d = 16, by the parameter rule: 6 d^3 each and a factorisation
    R     runs of it, of 200 stages
    L     blocks of a network with d = 32, loss and gradients: 3 L - 2 products
    n     samples of x and y, 64 columns each, for Problem.from_data: their moments
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import frame
from benchmarks.block_gradient import Size, case, ours
from linres import plotting
from linres.methods.stacking_batch import stacking_batch
from linres.problem import Problem

WITHIN = 0.1
COLUMNS = 64


class Job(NamedTuple):
    """What grows, over which sizes, what to do at one, the operations that it takes."""

    words: str
    sizes: Sequence[int]
    work: Callable[[int], Callable[[], object]]
    operations: Callable[[int], float]


class Growth(NamedTuple):
    """Seconds and operations (k,) at the sizes of a job, and their exponents."""

    words: str
    sizes: list[int]
    seconds: list[float]
    operations: list[float]

    @property
    def measured(self) -> float:
        return exponent(self.sizes, self.seconds)

    @property
    def counted(self) -> float:
        return exponent(self.sizes, self.operations)

    @property
    def agrees(self) -> bool:
        return abs(self.measured / self.counted - 1) <= WITHIN


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The power of the size that fits the costs best, by least squares of logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def _batch(runs: int, stages: int) -> Callable[[], object]:
    rng, d = np.random.default_rng(0), 16
    root = rng.standard_normal((runs, d, d)) / math.sqrt(d)
    target = np.eye(d) + rng.standard_normal((runs, d, d)) / (4 * math.sqrt(d))
    sigma = root @ root.transpose(0, 2, 1)
    return lambda: stacking_batch(sigma, target, stages=stages, rule="parameter", momentum=0.5, step_size=0.1)


def _batch_operations(runs: int, stages: int) -> float:
    d = 16
    return runs * (6 * d**3 * stages + d**3 / 3 + 6 * d**3)  # a factor of Sigma; the start and the target times it


def _moments(samples: int) -> Callable[[], object]:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, samples, COLUMNS))
    return lambda: Problem.from_data(x, y)


JOBS: dict[str, Job] = {
    "T": Job("stages T of a batch", [400, 800, 1600, 3200, 6400], lambda T: _batch(64, T),
             lambda T: _batch_operations(64, T)),
    "R": Job("runs R of a batch", [32, 64, 128, 256, 512], lambda R: _batch(R, 200),
             lambda R: _batch_operations(R, 200)),
    "L": Job("blocks L, all gradients", [8, 16, 32, 64, 128], lambda L: ours(case(Size(L, 32))),
             lambda L: Size(L, 32).operations),
    "n": Job("samples n, moments", [2**k for k in range(15, 20)], _moments, lambda n: n * (2 * COLUMNS) ** 2 * 2.0),
}


def measure(name: str, repeats: int, clock: str) -> Growth:
    """All sizes in turns."""
    job = JOBS[name]
    found = frame.interleaved({str(size): job.work(size) for size in job.sizes}, repeats, clock=clock)
    return Growth(job.words, list(job.sizes), list(found.values()), [job.operations(size) for size in job.sizes])


def draw(growths: dict[str, Growth]):
    """Seconds against sizes on logarithmic axes, beside lines as steep as the operations; 7 x 2.4 inches."""
    figure, grid = plotting.sheet(1, len(growths), height=2.4)
    for axes, (name, growth), letter in zip(grid[0], growths.items(), "abcdefgh", strict=False):
        sizes, counts = np.array(growth.sizes), np.array(growth.operations)
        rate = np.exp(np.mean(np.log(growth.seconds) - np.log(counts)))
        axes.loglog(sizes, counts * rate, color=plotting.GREY, linestyle=(0, (5, 2)), linewidth=1.3)
        axes.loglog(sizes, growth.seconds, color=plotting.BLUE, marker="o", markersize=3.5, linewidth=0)
        words = f"measured ${name}^{{{growth.measured:.2f}}}$\ncounted ${name}^{{{growth.counted:.2f}}}$"
        axes.annotate(words, (0.06, 0.94), va="top", xycoords="axes fraction", fontsize=plotting.SMALL)
        axes.set_xticks(sizes[::2], [str(size) for size in sizes[::2]])
        axes.minorticks_off()
        plotting.dress(axes, title=growth.words, letter=letter, x=name, y="seconds" if letter == "a" else "")
    return figure


def row(growth: Growth) -> dict[str, Any]:
    """Of a table: its seconds are those at the largest size."""
    others = {"measured": growth.measured, "counted": growth.counted, "agrees": growth.agrees}
    return frame.row(f"{growth.words}, {growth.sizes[0]} to {growth.sizes[-1]}", {frame.OURS: growth.seconds[-1]},
                     **others, at=growth.sizes, took=growth.seconds, operations=growth.operations)


def main(arguments: Sequence[str] | None = None) -> None:
    options = frame.parser(__doc__, sizes=list(JOBS), choices=list(JOBS), repeats=9)
    options.add_argument("--figure", metavar="FILE", type=Path, help="draw them: .svg, .pdf or .png")
    options.set_defaults(jobs=1)  # the operations of several are shared, and so is what they wait for
    given = options.parse_args(arguments)
    if given.figure:
        plotting.require_writable(str(given.figure))
    with frame.on(given.jobs):
        growths = {name: measure(name, given.repeats, given.clock) for name in given.sizes}
    rows = [row(growth) for growth in growths.values()]
    print(frame.table(rows))
    if given.figure:
        plotting.save(draw(growths), given.figure)
    if given.json:
        frame.write(given.json, rows, jobs=given.jobs, clock=given.clock)


if __name__ == "__main__":
    main()
