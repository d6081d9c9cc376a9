"""Excess loss against stage: what stacking buys, and what is proved of it.

Four panels: the embedded digits, and spectra with kappa = 10, 100, 1000. Read off:

- Stacking by the functional rule runs with Nesterov's method; zero start *is* gradient descent (marks on the line).
- Stacking is as steep as the sharp envelope (1 + qt)^2 (1-q)^{2t} of nesterov-quadratic, q = 1/sqrt(kappa), and twice
  as steep as the bound (1-q)^t Phi_0 of stacking-acceleration, which holds for all strongly convex losses. The latter
  is drawn where the start is inside its basin: by construction on the spectra, not on the digits.
- The parameter rule has the condition number of W* Sigma W*^T instead of that of Sigma.

Headline: the exponents fitted to stacking, divided by (1 + qt)^2, and to zero start, over those of (1-q)^2 and
(1-1/kappa)^2. On the digits the second smallest eigenvalue is only 3 % above the smallest and has seven times as much
of the start: before rounding ends the run the two are still mixed, and the fit is a few per cent off.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linres import plotting
from linres.figures import _bounds, _runs
from linres.problem import Problem

TITLE = "excess loss against stage, beside the proved bounds"
SMALLEST = 1e-10  # relative excess loss at which the panels end, on the sharp envelope


@dataclass(frozen=True, eq=False)
class Panel:
    """One problem. Curves and bounds (n,) are relative to the initial excess loss.

    measured: whether its moments come from data. curves: by method. potential: (1-q)^t Phi_0, None outside the basin of
    stacking-acceleration; quadratic: the sharp envelope. level: Phi_0/(mu sigma^2) over the largest proved. exponents:
    of "stacking" and "zero" over the predicted.
    """

    title: str
    measured: bool
    curves: dict[str, np.ndarray]
    potential: np.ndarray | None
    quadratic: np.ndarray
    level: float
    exponents: dict[str, float]


@dataclass(frozen=True, eq=False)
class Rates:
    """The four panels and their headline."""

    panels: tuple[Panel, ...]

    def error(self, method: str, *, measured: bool) -> float:
        """The largest relative deviation of the fitted exponent from the predicted one; of data, or of the spectra."""
        return max(abs(panel.exponents[method] - 1) for panel in self.panels if panel.measured == measured)

    @property
    def largest_over_bound(self) -> float:
        """The largest ratio of the excess loss of stacking to the potential bound, over the panels inside the basin."""
        inside = [panel for panel in self.panels if panel.potential is not None]
        return max(float(np.max(panel.curves["stacking"] / panel.potential)) for panel in inside)

    def summary(self) -> str:
        """The headline in a sentence."""
        within = {
            (method, measured): _runs.percent(self.error(method, measured=measured))
            for method in ("stacking", "zero") for measured in (False, True)
        }
        return (
            f"exponents fitted: stacking {within['stacking', False]} off (1+qt)^2 (1-q)^(2t) on the spectra "
            f"({within['stacking', True]} on the digits), zero start {within['zero', False]} off (1-1/kappa)^(2t) "
            f"({within['zero', True]})"
        )


def compute(kappas: Sequence[float] = (10, 100, 1000), *, d: int = 8, fraction: float = 0.9, seed: int = 0) -> Rates:
    """Run every method from the identity on the digits and on log-spaced spectra.

    fraction: Phi_0 on the spectra, of the largest that stacking-acceleration allows. seed: of their direction W* - I.
    """
    from linres.data import load

    problems = [load("digits")]
    problems += [_runs.near_identity(kappa, d=d, fraction=fraction, seed=seed) for kappa in kappas]
    return Rates(tuple(_panel(problem) for problem in problems))


def _panel(problem: Problem) -> Panel:
    start, q = np.eye(problem.dimension), problem.q
    stages = np.arange(_stages(q))
    runs = _excesses(problem, start)
    initial = runs["stacking"][0]
    level = _runs.level(problem, start) / _bounds.basin(q)
    phi = level * _bounds.basin(q) * problem.mu * problem.sigma_min**2
    measured = problem.samples is not None
    return Panel(
        title=f"{'digits' if measured else 'spectrum'}, κ = {problem.kappa:.4g}",
        measured=measured,
        curves={method: excess[: len(stages)] / initial for method, excess in runs.items()},
        potential=_bounds.potential(q, stages, phi / initial) if level <= 1 else None,
        quadratic=_bounds.quadratic(q, stages),
        level=level,
        exponents=_exponents(problem, runs),
    )


def _stages(q: float) -> int:
    """How many stages a panel shows."""
    stages = np.arange(math.ceil(40 / q))
    return int(np.flatnonzero(_bounds.quadratic(q, stages) <= SMALLEST)[0]) + 1


def _excesses(problem: Problem, start: np.ndarray) -> dict[str, np.ndarray]:
    """The excess loss of each method, long enough to be fitted: until rounding stops it, or nearly."""
    from linres.kernels import descent, nesterov

    short, long = math.ceil(40 / problem.q), math.ceil(40 * problem.kappa)
    runs, moments = {}, (problem.sigma, problem.target, start)
    for name, method, rule, stages in (
        ("stacking", "stacking", "functional", short),
        ("parameter", "stacking", "parameter", short),
        ("zero", "zero", "functional", long),
    ):
        runs[name] = _runs.excess(problem, start, stages, _settings(problem, method, rule), rule=rule)
    pace = _settings(problem, "stacking", "functional")
    runs["nesterov"] = nesterov.run(*moments, pace["momentum"], pace["step_size"], short)[0]
    runs["gradient"] = descent.run(*moments, pace["step_size"], long)[0]
    return runs


def _settings(problem: Problem, method: str, rule: str) -> dict:
    """Momentum and step size, those that `linres train` takes."""
    from linres.methods import stacking

    return stacking.grow(problem, block_start=method, rule=rule, stages=0).settings


def _exponents(problem: Problem, runs: dict[str, np.ndarray]) -> dict[str, float]:
    from linres.trajectory import rounding_floor

    floor = rounding_floor(problem, step_size=1 / problem.L)
    double_root = (1 + problem.q * np.arange(len(runs["stacking"]))) ** 2
    return {
        "stacking": _runs.exponent(runs["stacking"], floor, double_root) / (-2 * math.log1p(-problem.q)),
        "zero": _runs.exponent(runs["zero"], floor) / (-2 * math.log1p(-1 / problem.kappa)),
    }


METHODS: dict[str, dict[str, Any]] = {
    "stacking": {
        "color": plotting.BLUE, "linestyle": (0, (4, 2)), "marker": "o", "label": "stacking, functional rule",
    },
    "parameter": {
        "color": plotting.GREEN, "linestyle": (0, (7, 2, 1.5, 2)), "marker": "^", "label": "stacking, parameter rule"
    },
    "nesterov": {"color": plotting.BLACK, "label": "Nesterov's method"},
    "zero": {
        "color": plotting.VERMILION, "linestyle": "none", "marker": "s", "fillstyle": "none", "label": "zero start",
    },
    "gradient": {"color": plotting.ORANGE, "linewidth": 2.2, "label": "gradient descent"},
}
POTENTIAL = {
    "color": plotting.PURPLE, "linewidth": 1.8, "linestyle": (0, (1, 1)), "label": "proved for stacking: (1−q)ᵗ Φ₀"
}
QUADRATIC = {
    "color": plotting.GREY, "linewidth": 1.6, "linestyle": (0, (6, 2)), "label": "proved for Nesterov: (1+qt)² (1−q)²ᵗ"
}


def draw(data: Rates):
    """The matplotlib Figure, 7 x 5.6 inches, two panels a row."""
    figure, grid = plotting.sheet(math.ceil(len(data.panels) / 2), 2, height=5.6)
    lines: dict[str, Any] = {}
    for index, (axes, panel) in enumerate(zip(grid.flat, data.panels, strict=True)):
        lines |= _draw_panel(axes, panel)
        plotting.dress(
            axes, title=panel.title, letter="abcdef"[index], x="stage t" if index >= len(data.panels) - 2 else "",
            y="excess loss, relative to the start" if index % 2 == 0 else "",
        )
    order = [*METHODS, "potential", "quadratic"]
    plotting.legend_below(figure, [lines[name] for name in order if name in lines], columns=3)
    return figure


def _draw_panel(axes, panel: Panel) -> dict[str, Any]:
    """Draw one problem; returns its lines by name."""
    stages = np.arange(len(panel.quadratic))
    (quadratic,) = axes.plot(stages, panel.quadratic, **QUADRATIC)
    lines = {"quadratic": quadratic}
    if panel.potential is not None:
        (lines["potential"],) = axes.plot(stages, panel.potential, **POTENTIAL)
    every = max(1, len(stages) // 12)
    for index, method in enumerate(reversed(METHODS)):
        first = index * every // len(METHODS)  # so that the marks of lines that coincide do not hide each other
        style = {"linewidth": 1.3, "markersize": 4, "markevery": (first, every)} | METHODS[method]
        (lines[method],) = axes.plot(stages, panel.curves[method], **style)
    axes.set_yscale("log")
    axes.set_ylim(SMALLEST / 10, 5)
    axes.set_xlim(0, len(stages) - 1)
    place = "inside" if panel.potential is not None else "outside"
    axes.text(0.03, 0.05, f"start {place} the proved basin", transform=axes.transAxes, fontsize=plotting.SMALL)
    return lines
