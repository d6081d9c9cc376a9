"""The step that practitioners take, on the new block itself: while it works it sees kappa' = cond(W* Sigma W*^T).

Stages until |W_t - W*| <= 1e-5 |W_0 - W*| from W_0 = I, for W* = I + r Z in d = 10, |Z| = 1: gradient descent,
Nesterov's method, and stacking by the functional rule and by the parameter rule. Sigma = diag(eigenvalues) from 1/kappa
to 1, evenly on a log scale. Z: Gaussian (seeded), -vv^T with v the eigenvector of the smallest eigenvalue of Sigma, or
-uu^T with u a Gaussian unit vector (seeded). Left: the parameter rule against kappa; right: against kappa'. Read off:
where W* stays near I it needs stages like sqrt(kappa'), as it has near W* by stacking-parameter-step; towards a
singular W* it may lose the acceleration altogether.

Headlines: the counts at kappa = 1000. The table beside the figure has them all.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from linres import plotting
from linres.figures import _runs
from linres.methods import stacking
from linres.problem import Problem

TITLE = "the parameter rule: kappa' in place of kappa, and where it fails"
KAPPAS = (10.0, 100.0, 1000.0, 10_000.0)
RADII = (0.1, 0.5, 0.9)
DIRECTIONS = ("Gaussian", "-vv^T", "-uu^T")
METHODS = ("gradient", "nesterov", "functional", "parameter")
ACCURACY = 1e-5
MOST = 200_000  # stages


class Count(NamedTuple):
    """A problem, and the stages each method needs on it: by name, inf where MOST were not enough, nan for no run."""

    kappa: float
    direction: str
    radius: float
    kappa_out: float
    stages: dict[str, float]


@dataclass(frozen=True, eq=False)
class Parameter:
    """The counts, in the order of the table."""

    counts: tuple[Count, ...]

    def of(self, method: str, **wanted: Any) -> list[float]:
        """The stages of a method on the problems with these values of the fields of `Count`."""
        return [
            count.stages[method] for count in self.counts
            if all(getattr(count, field) == value for field, value in wanted.items())
        ]

    def summary(self) -> str:
        """The headlines in a sentence."""
        ranges = {
            method: "-".join(dict.fromkeys(_shown(extreme(self.of(method, kappa=1000.0))) for extreme in (min, max)))
            for method in METHODS
        }
        return "stages at kappa 1000: " + ", ".join(f"{method} {span}" for method, span in ranges.items())

    def table(self) -> str:
        """The counts as a Markdown table."""
        header = ("kappa", "Z", "r", "kappa'", "gradient", "Nesterov", "functional rule", "parameter rule")
        rows = [
            (f"{count.kappa:g}", f"`{count.direction}`", f"{count.radius:g}", f"{count.kappa_out:.4g}",
             *(_shown(count.stages[method]) for method in METHODS))
            for count in self.counts
        ]
        lines = [header, ("---:",) * len(header), *rows]
        about = (
            f"Stages until |W_t - W*| <= {ACCURACY:g} |W_0 - W*| from W_0 = I, W* = I + r Z, |Z| = 1, d = 10; the\n"
            "eigenvalues of Sigma lie evenly on a log scale from 1/kappa to 1. v is the eigenvector of the smallest,\n"
            "u = g/|g|, and `Gaussian` is Z = G/|G|: G and then g are drawn by numpy.random.RandomState(0).\n"
            "kappa' is the condition number of W* Sigma W*^T. Gradient descent and zero start are one method.\n"
            "Steps and momenta are the defaults of `linres.grow`. Made by `linres figures parameter`.\n"
        )
        return about + "\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _shown(stages: float) -> str:
    return f"{stages:.0f}" if stages < math.inf else f"> {MOST}"


def compute(
    kappas: Sequence[float] = KAPPAS, *, radii: Sequence[float] = RADII, d: int = 10, seed: int = 0
) -> Parameter:
    """Count the stages; the seed draws the directions."""
    return Parameter(tuple(
        _count(kappa, name, direction, radius)
        for kappa in kappas for name, direction in _directions(d, seed).items() for radius in radii
    ))


def _directions(d: int, seed: int) -> dict[str, np.ndarray]:
    """Z by name, (d, d), |Z| = 1. Sigma is diagonal, mu first."""
    random = np.random.RandomState(seed)
    gaussian, u = random.standard_normal((d, d)), random.standard_normal(d)
    slowest = np.eye(d)[0]
    made = (gaussian, -np.outer(slowest, slowest), -np.outer(u, u))
    return {name: matrix / np.linalg.norm(matrix) for name, matrix in zip(DIRECTIONS, made, strict=True)}


def _count(kappa: float, name: str, direction: np.ndarray, radius: float) -> Count:
    d = len(direction)
    problem = Problem.from_spectrum(_runs.spectrum(kappa, d), target=np.eye(d) + radius * direction)
    smallest, largest = problem.output_curvature
    stages = {method: stages_needed(problem, method) for method in METHODS}
    return Count(kappa, name, radius, largest / smallest, stages)


def stages_needed(problem: Problem, method: str) -> float:
    """The first stage from W_0 = I with |W_t - W*| <= ACCURACY |W_0 - W*|; inf if it is beyond MOST."""
    first = np.eye(problem.dimension)
    wanted, done = ACCURACY * float(np.linalg.norm(first - problem.target)), 0
    for networks in _pieces(problem, method, first):
        reached = np.flatnonzero(np.linalg.norm(networks - problem.target, axis=(1, 2)) <= wanted)
        if len(reached):
            return float(done + reached[0])
        done += len(networks) - 1
        if done >= MOST or not np.isfinite(networks[-1]).all():
            break
    return math.inf


def _pieces(problem: Problem, method: str, first: np.ndarray, length: int = 2000) -> Iterator[np.ndarray]:
    """W_t of the run, length stages at a time."""
    from linres.kernels import nesterov as accelerated
    from linres.kernels import stacking as grown

    rule = "parameter" if method == "parameter" else "functional"
    start = "zero" if method == "gradient" else "stacking"
    pace = stacking.grow(problem, block_start=start, rule=rule, stages=0).settings
    beta, step = pace["momentum"], pace["step_size"]
    if method == "nesterov":
        before = first
        while True:
            states = accelerated.trace(problem.sigma, problem.target, first, beta, step, length, previous=before).states
            yield states[1:]
            before, first = states[-2:]
    for trace in grown.pieces(problem.sigma, problem.target, first, beta, step, rule == "functional", length):
        yield trace.networks


LOOKS: dict[str, dict[str, Any]] = {
    "Gaussian": {"color": plotting.BLUE, "marker": "o"}, "-vv^T": {"color": plotting.VERMILION, "marker": "^"},
    "-uu^T": {"color": plotting.GREEN, "marker": "s"},
}
WORDS = {"Gaussian": "Z Gaussian", "-vv^T": "Z = −vvᵀ, v the μ-eigenvector", "-uu^T": "Z = −uuᵀ, u Gaussian"}
SIZES = dict(zip(RADII, (2.5, 4.5, 7), strict=True))


def draw(data: Parameter):
    """The matplotlib Figure, 7 x 4 inches: stages against kappa on the left, against kappa' on the right."""
    figure, grid = plotting.sheet(1, 2, height=4.0, sharey=True)
    most = max(stages for stages in data.of("parameter") if stages < math.inf)
    for count in data.counts:
        stages = count.stages["parameter"]
        missing = stages == math.inf
        style = LOOKS[count.direction] | {
            "markersize": SIZES[count.radius], "fillstyle": "none" if missing else "full",
        }
        for axes, x in zip(grid[0], (count.kappa, count.kappa_out), strict=True):
            axes.plot(x, 2.5 * most if missing else stages, linestyle="none", **style)
    for axes, letter, name in zip(grid[0], "ab", ("κ = cond Σ", "κ′ = cond W*ΣW*ᵀ"), strict=True):
        _draw_guide(axes, data)
        axes.axhline(1.6 * most, color="0.7", linewidth=0.8)
        axes.set_xscale("log")
        axes.set_yscale("log")
        plotting.dress(
            axes, title=f"parameter rule against {name.split()[0]}", letter=letter, x=name,
            y="stages needed" if letter == "a" else "",
        )
    grid[0, 0].annotate(
        "open marks: not reached", (0, 2.5 * most), (5, 0), xycoords=("axes fraction", "data"), va="center",
        textcoords="offset points", fontsize=plotting.SMALL,
    )
    plotting.legend_below(figure, _handles(), columns=3)
    return figure


def _draw_guide(axes, data: Parameter) -> None:
    """What the functional rule needs, Z Gaussian and r least: a line of slope 1/2 through it, and that of gradients."""
    kappas = np.array(sorted({count.kappa for count in data.counts}))
    for method, line in (("functional", (0, (6, 2))), ("gradient", (0, (1.5, 1.5)))):
        known = [data.of(method, kappa=kappa, direction="Gaussian")[0] for kappa in kappas]
        axes.plot(kappas, known, color=plotting.GREY, linewidth=1.2, linestyle=line)


def _handles() -> list:
    from matplotlib.lines import Line2D

    def entry(label: str, **style):
        return Line2D([], [], label=label, **({"linestyle": "none"} | style))

    grey, black = plotting.GREY, plotting.BLACK
    return [
        *(entry(WORDS[name], markersize=4.5, **look) for name, look in LOOKS.items()),
        *(entry(f"r = {radius:g}", color=black, marker="o", markersize=size) for radius, size in SIZES.items()),
        entry("functional rule, against κ", color=grey, linewidth=1.2, linestyle=(0, (6, 2))),
        entry("gradient descent, against κ", color=grey, linewidth=1.2, linestyle=(0, (1.5, 1.5))),
    ]
