"""The lookahead error of stacking and its bound: why stacking is Nesterov's method near W*.

Stacking by the functional rule is Nesterov's method with the lookahead error D_t = beta w_t d_t, d_t = W_t - W_{t-1}
(theorem stacking-residual), and |D_t| <= beta |d_t|^2 / smin(W_{t-1}) in Frobenius norms, smin the smallest singular
value: because D_t = beta d_t W_{t-1}^{-1} d_t. Read off: the error lies below its bound and falls twice as fast as the
increments d_t, quadratically small where they are small; the bound is attained where all d_t are multiples of u v^T, u
and v the singular vectors of the smallest singular value.

Headlines: the largest ratio of |D_t| to its bound along every run, 1 up to rounding where it is attained; the exponent
with which |D_t| decays over that of |d_t|, 2.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from linres import plotting
from linres.figures import _runs
from linres.methods import nesterov
from linres.problem import EPS, Problem

TITLE = "the lookahead error |D_t| beside its bound"
SMALLEST = 1e6 * EPS  # |d_t|/|W*| to which runs are followed: rounding, about EPS |W*| in d_t, is then 1e-6 of it


@dataclass(frozen=True, eq=False)
class Run:
    """One run, for t = 1..n: increments |d_t|, errors |D_t|, bounds beta |d_t|^2/smin(W_{t-1}), (n,) each."""

    name: str
    kappa: float
    increments: np.ndarray
    errors: np.ndarray
    bounds: np.ndarray

    @property
    def ratios(self) -> np.ndarray:
        """|D_t| over its bound, (n,)."""
        return self.errors / self.bounds

    @property
    def exponent(self) -> float:
        """How |D_t| goes as a power of |d_t|: the slope of log|D_t| in log|d_t| over the last half of the run."""
        half = len(self.errors) // 2
        return _runs.slope(np.log(self.increments[half:]), np.log(self.errors[half:]))


@dataclass(frozen=True, eq=False)
class Lookahead:
    """The runs and their headlines."""

    runs: tuple[Run, ...]

    @property
    def largest_ratios(self) -> dict[str, float]:
        """The largest |D_t|/bound of each run, by name."""
        return {run.name: float(np.max(run.ratios)) for run in self.runs}

    @property
    def exponents(self) -> dict[str, float]:
        """The power of |d_t| as which |D_t| decays, of each run, by name."""
        return {run.name: run.exponent for run in self.runs}

    def summary(self) -> str:
        """The headlines in a sentence."""
        ratios = ", ".join(f"{ratio:.4g} ({name})" for name, ratio in self.largest_ratios.items())
        powers = ", ".join(f"{power:.3f}" for power in self.exponents.values())
        return f"largest |D|/bound: {ratios}; |D| decays like |d| to the {powers}"


def compute(kappa: float = 100, *, d: int = 8, fraction: float = 0.9, seed: int = 0) -> Lookahead:
    """Follow the digits, a spectrum from inside the basin (see `rates`), and a run that attains the bound."""
    from linres.data import load

    digits, spectrum = load("digits"), _runs.near_identity(kappa, d=d, fraction=fraction, seed=seed)
    attaining, start = _attaining(kappa, d)
    return Lookahead((
        _follow("digits", digits, np.eye(digits.dimension)),
        _follow("spectrum", spectrum, np.eye(d)),
        _follow("towards singular W", attaining, start),
    ))


def _attaining(kappa: float, d: int) -> tuple[Problem, np.ndarray]:
    """A problem and a start from which all d_t are multiples of u v^T: W* diagonal, one diagonal entry of W_0 off."""
    target = np.diag(np.linspace(1.0, 3.0, d))
    start = target.copy()
    start[0, 0] = 0.5
    return Problem.from_spectrum(_runs.spectrum(kappa, d), target=target), start


def _follow(name: str, problem: Problem, start: np.ndarray) -> Run:
    beta = nesterov.momentum(problem.q)
    networks = _runs.trace(problem, start, math.ceil(40 / problem.q)).networks
    steps = np.diff(networks, axis=0)
    increments = np.linalg.norm(steps, axis=(1, 2))
    kept = np.flatnonzero(increments <= SMALLEST * np.linalg.norm(problem.target))[0]
    previous, steps, increments = networks[:kept], steps[:kept], increments[:kept]
    # w_t = d_t W_{t-1}^{-1}, by solving for its transpose.
    blocks = np.linalg.solve(previous.transpose(0, 2, 1), steps.transpose(0, 2, 1)).transpose(0, 2, 1)
    smallest = np.linalg.svd(previous, compute_uv=False)[:, -1]
    errors = beta * np.linalg.norm(blocks @ steps, axis=(1, 2))
    return Run(name, problem.kappa, increments, errors, beta * increments**2 / smallest)


INCREMENTS: dict[str, Any] = {
    "color": plotting.BLUE, "marker": "o", "linestyle": (0, (4, 2)), "label": "increment |dₜ|",
}
BOUNDS: dict[str, Any] = {
    "color": plotting.GREY, "linewidth": 1.8, "linestyle": (0, (6, 2)), "label": "bound β |dₜ|² / σₘᵢₙ(Wₜ₋₁)"
}
ERRORS: dict[str, Any] = {"color": plotting.VERMILION, "marker": "^", "label": "lookahead error |Dₜ|"}
RATIOS: tuple[dict[str, Any], ...] = (
    {"color": plotting.BLACK, "linestyle": "-", "marker": "o"},
    {"color": plotting.GREEN, "linestyle": (0, (7, 2, 1.5, 2)), "marker": "s"},
    {"color": plotting.ORANGE, "linestyle": (0, (4, 2)), "marker": "D"},
)


def draw(data: Lookahead):
    """The matplotlib Figure, 7 x 3.3 inches: the first two runs, and the ratios of all."""
    figure, grid = plotting.sheet(1, 3, height=3.3)
    for axes, run, letter in zip(grid[0], data.runs[:2], "ab", strict=False):
        _draw_run(axes, run)
        plotting.dress(
            axes, title=f"{run.name}, κ = {run.kappa:.4g}", letter=letter, x="stage t",
            y="Frobenius norm" if letter == "a" else "",
        )
    _draw_ratios(grid[0, 2], data)
    plotting.legend_below(figure, grid[0, 0].get_lines(), columns=3)
    return figure


def _marks(n: int) -> dict[str, Any]:
    return {"markersize": 3.5, "markevery": max(1, n // 10)}


def _draw_run(axes, run: Run) -> None:
    stages = np.arange(1, len(run.errors) + 1)
    axes.set_yscale("log")
    for values, style in ((run.increments, INCREMENTS), (run.bounds, BOUNDS), (run.errors, ERRORS)):
        marks = _marks(len(stages)) if "marker" in style else {}
        axes.plot(stages, values, **({"linewidth": 1.3} | marks | style))
    axes.text(
        0.05, 0.05, f"|Dₜ| falls like |dₜ|ᵖ,\np = {run.exponent:.2f} fitted", transform=axes.transAxes,
        fontsize=plotting.SMALL,
    )


def _draw_ratios(axes, data: Lookahead) -> None:
    axes.axhline(1.0, color=plotting.GREY, linewidth=1.8, linestyle=(0, (6, 2)))
    for run, look in zip(data.runs, RATIOS, strict=True):
        stages = np.arange(1, len(run.errors) + 1)
        style = {"linewidth": 1.3, "label": run.name} | _marks(len(stages)) | look
        axes.plot(stages / math.sqrt(run.kappa), run.ratios, **style)
    axes.set_ylim(0, 1.08)
    axes.legend(frameon=False, fontsize=plotting.SMALL, loc="center right", bbox_to_anchor=(1.0, 0.68))
    plotting.dress(axes, title="|Dₜ| / bound", letter="c", x="qt = t/√κ, t the stage")
