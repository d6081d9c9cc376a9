"""Stages to a given accuracy against the condition number: what acceleration is.

Left: the stages until |W_t - W*| <= 1e-5 |W_0 - W*| (Frobenius), functional rule, from starts of several directions and
sizes inside the proved basin, on log-log axes. Right: the fitted slopes. Read off: stacking needs stages like
sqrt(kappa), zero start like kappa, whatever the direction; directions differ by a constant factor.

Headline: every slope is within 0.05 of 1/2 (stacking) or 1 (zero start).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linres import plotting
from linres.errors import refuse
from linres.figures import _bounds, _runs
from linres.problem import Problem

TITLE = "stages to accuracy against kappa, fitted slopes"
ACCURACY = 1e-5
PREDICTED = {"stacking": 0.5, "zero": 1.0}
DIRECTIONS = ("along μ", "towards singular", "Gaussian", "equal loss")
SIZES = (0.9, 0.01)  # Phi_0, of the largest proved
KAPPAS = tuple(np.geomspace(100, 10_000, 9))


@dataclass(frozen=True, eq=False)
class Scaling:
    """kappas (K,); stages: by method, (D, K), to the accuracy; starts: the names (D,) of the rows."""

    kappas: np.ndarray
    stages: dict[str, np.ndarray]
    starts: tuple[tuple[str, float], ...]

    @property
    def slopes(self) -> dict[str, np.ndarray]:
        """By method, (D,): the least-squares slopes of log(stages) against log(kappa)."""
        logs = np.log(self.kappas)
        return {
            method: np.array([_runs.slope(logs, np.log(row)) for row in stages])
            for method, stages in self.stages.items()
        }

    @property
    def error(self) -> float:
        """The largest distance of a slope from the predicted one."""
        return max(float(np.max(np.abs(slopes - PREDICTED[method]))) for method, slopes in self.slopes.items())

    def summary(self) -> str:
        """The headline in a sentence."""
        ranges = {method: f"{slopes.min():.3f} to {slopes.max():.3f}" for method, slopes in self.slopes.items()}
        return f"slopes: stacking {ranges['stacking']} (1/2), zero start {ranges['zero']} (1)"


def compute(kappas: Sequence[float] = KAPPAS, *, d: int = 8, seed: int = 0) -> Scaling:
    """Count the stages for every kappa and start; the seed draws W* (singular values 1 to 3) and the directions."""
    starts = tuple((direction, size) for direction in DIRECTIONS for size in SIZES)
    counts = {method: np.empty((len(starts), len(kappas)), dtype=int) for method in PREDICTED}
    for column, kappa in enumerate(kappas):
        problem, directions = _problem(kappa, d, seed)
        for row, (direction, size) in enumerate(starts):
            start = _start(problem, directions[direction], size)
            for method, count in counts.items():
                count[row, column] = _stages(problem, start, method)
    return Scaling(np.asarray(kappas, dtype=float), counts, starts)


def _problem(kappa: float, d: int, seed: int) -> tuple[Problem, dict[str, np.ndarray]]:
    """The problem and the directions of W_0 - W*, (d, d) each, of any size. Sigma is diagonal, mu first."""
    random = np.random.RandomState(seed)
    left, right = _runs.orthogonal(random, d), _runs.orthogonal(random, d)
    values = _runs.spectrum(kappa, d)
    problem = Problem.from_spectrum(values, target=left * np.linspace(1, 3, d) @ right.T)
    gaussian, first = random.standard_normal((d, d)), np.eye(d)[0]
    directions = {
        "along μ": np.outer(gaussian[:, 0], first),
        "towards singular": -np.outer(left[:, 0], right[:, 0]),
        "Gaussian": gaussian,
        "equal loss": gaussian / np.linalg.norm(gaussian, axis=0) / np.sqrt(values),
    }
    return problem, directions


def _start(problem: Problem, direction: np.ndarray, size: float) -> np.ndarray:
    """W_0 = W* + r direction with Phi_0 = size * (the largest proved)."""
    unit = _runs.level(problem, problem.target + direction)
    return problem.target + math.sqrt(size * _bounds.basin(problem.q) / unit) * direction


def _stages(problem: Problem, start: np.ndarray, method: str) -> int:
    """The first stage with |W_t - W*| <= ACCURACY |W_0 - W*|; InputError if rounding holds the run above that.

    Run in pieces, so that no long run is held in memory: zero start remembers nothing from one stage to the next, and
    stacking gets by with one piece, for Nesterov's method is there by qt = 14.2.
    """
    wanted = ACCURACY * np.linalg.norm(start - problem.target)
    stacking = method == "stacking"
    length, momentum = (math.ceil(30 / problem.q), None) if stacking else (10_000, 0.0)
    for done in range(0, length if stacking else math.ceil(30 * problem.kappa), length):
        networks = _runs.trace(problem, start, length, momentum=momentum).networks
        reached = np.flatnonzero(np.linalg.norm(networks - problem.target, axis=(1, 2)) <= wanted)
        if len(reached):
            return done + int(reached[0])
        start = networks[-1]
    raise refuse("compute(kappas=...)", f"such that float64 reaches {ACCURACY:g}", f"{problem.kappa:g}")


COLOURS = {"stacking": plotting.BLUE, "zero": plotting.VERMILION}
GUIDES = {"stacking": "stacking: slope ½", "zero": "zero start: slope 1"}
MARKERS = dict(zip(DIRECTIONS, "o^sD", strict=True))
NAMES = {
    "along μ": "along the μ-eigenvector", "towards singular": "towards a singular W",
    "Gaussian": "Gaussian", "equal loss": "equal loss along all eigenvectors",
}


def draw(data: Scaling):
    """The matplotlib Figure, 7 x 4 inches: stages on the left, slopes on the right."""
    figure, grid = plotting.sheet(1, 2, height=4.0, width_ratios=(1.35, 1))
    _draw_stages(grid[0, 0], data)
    _draw_slopes(grid[0, 1], data)
    plotting.legend_below(figure, _handles(), columns=3)
    return figure


def _draw_stages(axes, data: Scaling) -> None:
    for method, stages in data.stages.items():
        for (direction, size), row in zip(data.starts, stages, strict=True):
            axes.plot(data.kappas, row, linestyle="none", **_mark(method, direction, size))
        # The predicted slope, drawn through nothing: a factor above the highest points.
        highest = np.exp(np.mean(np.log(stages.max(axis=0)))) * 1.6
        guide = highest * (data.kappas / np.exp(np.mean(np.log(data.kappas)))) ** PREDICTED[method]
        axes.plot(data.kappas, guide, color=plotting.GREY, linewidth=1.2, linestyle=(0, (6, 2)))
        middle = len(data.kappas) // 2
        axes.annotate(
            GUIDES[method], (data.kappas[middle], guide[middle]), (-5, 5), textcoords="offset points", ha="right",
            fontsize=plotting.SMALL,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    plotting.dress(
        axes, title="until |Wₜ − W*| ≤ 10⁻⁵ |W₀ − W*|", letter="a", x="condition number κ = L/μ", y="stages needed",
    )


def _draw_slopes(axes, data: Scaling) -> None:
    rows = np.arange(len(data.starts))[::-1]
    for method, slopes in data.slopes.items():
        axes.axvspan(PREDICTED[method] - 0.05, PREDICTED[method] + 0.05, color="0.92", zorder=0)
        axes.axvline(PREDICTED[method], color=plotting.GREY, linewidth=1.2, linestyle=(0, (6, 2)))
        for (direction, size), slope, row in zip(data.starts, slopes, rows, strict=True):
            axes.plot(slope, row, linestyle="none", **_mark(method, direction, size))
    axes.set_xlim(0.35, 1.15)
    axes.set_xticks([0.5, 1.0], ["½", "1"])
    axes.set_yticks(rows, [f"{direction}, {size:.0%}" for direction, size in data.starts])
    plotting.dress(axes, title="fitted slopes, bands of ±0.05", letter="b", x="slope of log stages in log κ")


def _mark(method: str, direction: str, size: float) -> dict[str, Any]:
    return {
        "color": COLOURS[method], "marker": MARKERS[direction], "markersize": 6.5 if size == SIZES[0] else 3,
        "fillstyle": "none" if size == SIZES[0] else "full",
    }


def _handles() -> list:
    """Shapes are directions, sizes of mark sizes of the start."""
    from matplotlib.lines import Line2D

    def entry(label: str, **style):
        return Line2D([], [], linestyle="none", label=label, **style)

    black = plotting.BLACK
    return [
        *(entry(NAMES[name], color=black, marker=mark, markersize=5) for name, mark in MARKERS.items()),
        entry(f"Φ₀ at {SIZES[0]:.0%} of the proved basin", color=black, marker="o", markersize=6.5, fillstyle="none"),
        entry(f"Φ₀ at {SIZES[1]:.0%} of it", color=black, marker="o", markersize=3),
    ]
