"""How much momentum a new block should start with: the sweep, with theory's beta marked.

Stacking by the functional rule, each new block starting at beta times the last, on spectra of three condition numbers
from inside the proved basin, for beta from 0 (zero start) to 1 (the plain copy). Left: the contraction of the excess
loss per stage, measured beside the closed form for the linearisation at W*: the largest squared root of
z^2 = (1 - s/L)((1 + beta) z - beta) over the eigenvalues s. Right: stages until |W_t - W*| <= 1e-5 |W_0 - W*|.

Headlines: the beta of the fewest stages beside theory's (1-q)/(1+q); how many times more stages the zero start and the
plain copy need.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linres import plotting
from linres.figures import _runs
from linres.methods import nesterov
from linres.problem import Problem

TITLE = "how much momentum a new block should start with"
KAPPAS = (10.0, 100.0, 1000.0)
ACCURACY = 1e-5


@dataclass(frozen=True, eq=False)
class Sweep:
    """For one kappa: momenta beta (B,); per beta the measured and predicted contraction, and the stages; theory's beta.

    stages is nan where ACCURACY was not reached in 30 kappa stages, or the run diverged.
    """

    kappa: float
    momenta: np.ndarray
    measured: np.ndarray
    predicted: np.ndarray
    stages: np.ndarray
    theory: float

    @property
    def best(self) -> float:
        """The momentum of the fewest stages; the middle one if several are as good."""
        best = np.flatnonzero(self.stages == np.nanmin(self.stages))
        return float(self.momenta[best[len(best) // 2]])

    def times_more(self, momentum: float) -> float:
        """How many times the fewest stages this momentum of the sweep needs."""
        return float(self.stages[np.argmin(np.abs(self.momenta - momentum))] / np.nanmin(self.stages))


@dataclass(frozen=True, eq=False)
class Momentum:
    """The sweeps, by kappa."""

    sweeps: tuple[Sweep, ...]

    def summary(self) -> str:
        """The headlines in a sentence."""
        words = (
            f"kappa {sweep.kappa:g}: best beta {sweep.best:.3f} (theory {sweep.theory:.3f}, "
            f"{sweep.times_more(sweep.theory):.2f} times the fewest stages; zero start {sweep.times_more(0):.1f}, "
            f"plain copy {sweep.times_more(1):.1f} times)"
            for sweep in self.sweeps
        )
        return "; ".join(words)


def compute(kappas: Sequence[float] = KAPPAS, *, d: int = 8, points: int = 31, seed: int = 0) -> Momentum:
    """Sweep; the seed draws the direction of W* - I."""
    return Momentum(tuple(_sweep(kappa, d, points, seed) for kappa in kappas))


def _momenta(theory: float, points: int) -> np.ndarray:
    """From 0 to 1, evenly in log(1 - beta) up to near 1: where the choice matters, for large kappa, is near 1."""
    closest = (1 - theory) / 30
    inner = 1 - np.geomspace(1, closest, points)
    return np.unique(np.r_[inner, theory, 1.0])


def _sweep(kappa: float, d: int, points: int, seed: int) -> Sweep:
    problem = _runs.near_identity(kappa, d=d, fraction=0.01, seed=seed)
    theory = nesterov.momentum(problem.q)
    momenta = _momenta(theory, points)
    runs = [_run(problem, beta, math.ceil(30 * kappa)) for beta in momenta]
    predicted = [
        nesterov.quadratic_rate(problem.eigenvalues, momentum=beta, step_size=1 / problem.L) for beta in momenta
    ]
    rates, stages = map(np.array, zip(*runs, strict=True))
    return Sweep(kappa, momenta, rates, np.array(predicted), stages, theory)


def _run(problem: Problem, momentum: float, stages: int) -> tuple[float, float]:
    """The measured contraction of the excess per stage, and the stages to the accuracy."""
    trace = _runs.trace(problem, np.eye(problem.dimension), stages, momentum=momentum)
    distances = np.linalg.norm(trace.networks - problem.target, axis=(1, 2))
    below = distances <= ACCURACY * distances[0]
    # Momentum beyond theory's oscillates: what counts is that it stays below.
    last = np.flatnonzero(~below & np.isfinite(distances))[-1] + 1
    reached = float(last) if last < len(distances) and below[-1] else math.nan
    return _contraction(trace.excess), reached


def _contraction(excess: np.ndarray) -> float:
    """exp of the slope of log(excess) over the last half of the stages on the way down to 1e-20 of the first.

    The slope is that of the largest excess from each stage on, since momentum beyond theory's makes it oscillate.
    """
    envelope = np.maximum.accumulate(excess[::-1])[::-1]
    end = int(np.argmax(envelope <= 1e-20 * excess[0])) or len(excess)
    stages = np.arange(end // 2, end)
    return math.exp(_runs.slope(stages, np.log(envelope[stages])))


LOOKS: tuple[dict[str, Any], ...] = (
    {"color": plotting.BLUE, "marker": "o"}, {"color": plotting.VERMILION, "marker": "^"},
    {"color": plotting.GREEN, "marker": "s"},
)


def draw(data: Momentum):
    """The matplotlib Figure, 7 x 3.7 inches: contraction on the left, stages on the right."""
    figure, grid = plotting.sheet(1, 2, height=3.7)
    end = 1 - min(float(np.min(1 - sweep.momenta[:-1])) for sweep in data.sweeps) / 2
    for sweep, look in zip(data.sweeps, LOOKS, strict=False):
        momenta = np.minimum(sweep.momenta, end)  # on this axis 1 itself would be infinitely far
        _draw_rates(grid[0, 0], momenta, sweep, look)
        grid[0, 1].plot(momenta, sweep.stages, linestyle="none", markersize=3, **look)
    labels = "momentum β of the new block"
    plotting.dress(grid[0, 0], title="contraction of the excess loss", letter="a", x=labels, y="1 − factor per stage")
    plotting.dress(grid[0, 1], title="until |Wₜ − W*| ≤ 10⁻⁵ |W₀ − W*|", letter="b", x=labels, y="stages needed")
    for axes in grid[0]:
        _stretch(axes, end)
        for sweep, look in zip(data.sweeps, LOOKS, strict=False):
            axes.axvline(sweep.theory, color=look["color"], linewidth=1, linestyle=(0, (2, 2)))
    plotting.legend_below(figure, _handles(data), columns=3)
    return figure


def _stretch(axes, end: float) -> None:
    """Momenta by log(1 - beta), so that what is near 1 is seen; 1 itself at `end`."""
    least = 0.7 * (1 - end)

    def forward(beta):
        return -np.log(np.maximum(1 - np.asarray(beta, dtype=float), least))

    def backward(height):
        return 1 - np.exp(-np.asarray(height, dtype=float))

    axes.set_xscale("function", functions=(forward, backward))
    axes.set_yscale("log")
    axes.set_xticks([0, 0.5, 0.9, 0.99, end], ["0", ".5", ".9", ".99", "1"])
    axes.set_xlim(-0.1, 1 - least)


def _draw_rates(axes, momenta: np.ndarray, sweep: Sweep, look: dict[str, Any]) -> None:
    axes.plot(momenta, 1 - sweep.measured, linestyle="none", markersize=3, **look)
    axes.plot(momenta, 1 - sweep.predicted, color=look["color"], linewidth=1.2)


def _handles(data: Momentum) -> list:
    from matplotlib.lines import Line2D

    grey = plotting.GREY
    marks = [
        Line2D([], [], linestyle="none", markersize=4, label=f"measured, κ = {sweep.kappa:g}", **look)
        for sweep, look in zip(data.sweeps, LOOKS, strict=False)
    ]
    return [
        *marks, Line2D([], [], color=grey, linewidth=1.2, label="in (a): closed form at W*"),
        Line2D([], [], color=grey, linewidth=1, linestyle=(0, (2, 2)), label="theory: β = (1 − q)/(1 + q)"),
    ]
