"""What errors of the steps leave of acceleration: the floors of nesterov-with-errors.

Nesterov's method on a quadratic with the eigenvalues mu and L = 1, with step errors e_t. Left: errors of one size at
all stages, pushing along the mu-eigenvector, against the proved bound; sqrt(Phi_t) falls at first like the error-free
method and ends at a floor, proportional to |e|. Middle: errors |e_t| = r^t; the slower of r and the method wins. Right:
float64 and float32 runs on a spectrum in d = 8, every rounding counted as an error of the lookahead point or of the
step, against the bound with these errors.

Headlines: the largest sqrt(Phi_t) over its bound; the floor measured over the proved one, 1/2 as q -> 0 (on quadratics
the method forgets an error twice as fast as the bound, which holds for every function).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from linres import plotting
from linres.figures import _runs
from linres.methods import nesterov
from linres.problem import Problem
from linres.theorems import load

TITLE = "noise floors of Nesterov's method, measured beside proved"
SIZES = (1e-2, 1e-4, 1e-6)  # |e|, sqrt(L)|e| is in units of sqrt(Phi_0)
DECAYS = (0.8, 0.99, 1.0)  # r of |e_t| = SIZES[1] r^t
RELAXATIONS = 70  # 1/q stages each: the bound of an exact run falls by e^{-1/2} in one


@dataclass(frozen=True, eq=False)
class Run:
    """sqrt(Phi_t) of a run and the bound of it, (T + 1,) each."""

    name: str
    measured: np.ndarray
    bound: np.ndarray

    @property
    def largest_ratio(self) -> float:
        """The largest share of the bound that is reached after stage 0."""
        return float(np.max(self.measured[1:] / self.bound[1:]))


@dataclass(frozen=True, eq=False)
class Floors:
    """The runs by panel, q of the first two, and kappa of the last."""

    q: float
    constant: tuple[Run, ...]
    decaying: tuple[Run, ...]
    rounded: tuple[Run, ...]

    @property
    def floor_ratios(self) -> list[float]:
        """Where the runs with constant errors end, over where their bounds end."""
        return [float(run.measured[-1] / run.bound[-1]) for run in self.constant]

    @property
    def largest_ratio(self) -> float:
        return max(run.largest_ratio for run in (*self.constant, *self.decaying, *self.rounded))

    def summary(self) -> str:
        """The headlines in a sentence."""
        floors = ", ".join(f"{ratio:.3f}" for ratio in self.floor_ratios)
        ends = ", ".join(f"{run.name} {run.measured[-1]:.2g} <= {run.bound[-1]:.2g}" for run in self.rounded)
        return (
            f"floors measured over proved: {floors}; never above the bound (largest share {self.largest_ratio:.3f}); "
            f"rounding ends at sqrt(Phi) {ends}"
        )


def compute(q: float = 0.1, *, stages: int = 350, kappa: float = 1e4, seed: int = 0) -> Floors:
    """Run them; the seed draws W* and W_0 of the rounded runs, which take RELAXATIONS/q stages."""
    ages = np.arange(stages)
    constant = tuple(_pushed(f"|eₜ| = {size:.0e}", q, np.full(stages, size)) for size in SIZES)
    decaying = tuple(_pushed(f"r = {decay:g}", q, SIZES[1] * decay**ages) for decay in DECAYS)
    return Floors(q, constant, decaying, tuple(_rounded(kappa, seed)))


def _pushed(name: str, q: float, sizes: np.ndarray) -> Run:
    """From rest at Phi_0 = 1 along the mu-eigenvector, with errors e_t of these sizes (T,) away from the minimum."""
    problem = Problem.from_spectrum([q * q, 1.0])
    start = problem.target + np.array([[1 / q, 0.0], [0.0, 0.0]])
    errors = np.zeros((len(sizes), 2, 2))
    errors[:, 0, 0] = sizes
    from linres.kernels import nesterov as kernel

    trace = kernel.trace(
        problem.sigma, problem.target, start, nesterov.momentum(q), 1.0, len(sizes), step_errors=errors
    )
    roots = _roots(problem, trace.states, q)
    return Run(name, roots, _bound(q, 1.0, roots[0], np.zeros(len(sizes)), sizes))


def _roots(problem: Problem, states: np.ndarray, q: float) -> np.ndarray:
    """sqrt(Phi_t), (T + 1,), of x_{-1}, x_0, ..., x_T, (T + 2, d, d)."""
    return np.sqrt([
        nesterov.potential(
            problem.excess_loss(x), float(np.sum((nesterov.auxiliary(x, before, q=q) - problem.target) ** 2)),
            mu=problem.mu,
        )
        for before, x in pairwise(states)
    ])


def _bound(q: float, L: float, initial: float, lookahead: np.ndarray, slips: np.ndarray) -> np.ndarray:
    """What nesterov-with-errors says of sqrt(Phi_T), T = 0, 1, ..., with |D_t| and |e_t|."""
    theorem = load("nesterov-with-errors")
    return theorem.bound(q=q, L=L, T=np.arange(len(slips) + 1), Phi=np.array([initial**2]), d=lookahead, e_norm=slips)


def _rounded(kappa: float, seed: int) -> Iterator[Run]:
    random = np.random.RandomState(seed)
    target, direction = random.standard_normal((2, 8, 8))
    problem = Problem.from_spectrum(_runs.spectrum(kappa, 8), target=target)
    for name, kind in (("float32", np.float32), ("float64", np.float64)):
        yield _in_precision(name, kind, problem, problem.target + direction)


def _in_precision(name: str, kind, problem: Problem, start: np.ndarray) -> Run:
    """A run that rounds to the precision; D_t and e_t are what float64, or longer, sees of the rounding."""
    wide = np.longdouble if kind is np.float64 else np.float64
    q, step_size = problem.q, 1 / problem.L
    beta, sigma, target = nesterov.momentum(q), problem.sigma.astype(kind), problem.target.astype(kind)
    states: list[Any] = [start.astype(kind)] * 2
    lookahead, slips = [], []
    for _ in range(math.ceil(RELAXATIONS / q)):
        before, x = states[-2:]
        y, grown = nesterov.step(
            x, before, lambda y: (y - target) @ sigma, momentum=kind(beta), step_size=kind(step_size)
        )
        long_before, long_x, long_y = (point.astype(wide) for point in (before, x, y))
        lookahead.append(_size(y - (long_x + beta * (long_x - long_before))))
        slips.append(_size(grown - (long_y - step_size * (long_y - target) @ problem.sigma.astype(wide))))
        states.append(grown)
    meant = Problem.from_spectrum(problem.eigenvalues, target=target.astype(np.float64))
    roots = _roots(meant, np.array(states, dtype=np.float64), q)
    return Run(name, roots, _bound(q, problem.L, roots[0], np.array(lookahead), np.array(slips)))


def _size(error: Any) -> float:
    return float(np.linalg.norm(error.astype(np.float64)))


LOOKS: tuple[dict[str, Any], ...] = (
    {"color": plotting.BLUE, "marker": "o"}, {"color": plotting.VERMILION, "marker": "^"},
    {"color": plotting.GREEN, "marker": "s"},
)


def draw(data: Floors):
    """The matplotlib Figure, 7 x 3.3 inches."""
    figure, grid = plotting.sheet(1, 3, height=3.3)
    panels = (
        (data.constant, f"|eₜ| constant, q = {data.q:g}"), (data.decaying, f"|eₜ| = {SIZES[1]:g} rᵗ"),
        (data.rounded, "rounding counted"),
    )
    for axes, (runs, title), letter in zip(grid[0], panels, "abc", strict=True):
        for run, look in zip(runs, LOOKS, strict=False):
            _draw_run(axes, run, look)
        axes.set_yscale("log")
        axes.set_ylim(top=300)  # room for the legend
        axes.legend(frameon=False, fontsize=plotting.SMALL, loc="upper right")
        plotting.dress(axes, title=title, letter=letter, x="stage t", y="√Φₜ" if letter == "a" else "")
    plotting.legend_below(figure, _handles(), columns=2)
    return figure


def _draw_run(axes, run: Run, look: dict[str, Any]) -> None:
    stages = np.arange(len(run.measured))
    marks = {"markersize": 3.5, "markevery": max(1, len(stages) // 8)}
    axes.plot(stages, run.measured, linewidth=1.3, label=run.name, **marks, **look)
    axes.plot(stages, run.bound, color=look["color"], linewidth=1.3, linestyle=(0, (5, 2)))


def _handles() -> list:
    from matplotlib.lines import Line2D

    grey = plotting.GREY
    return [
        Line2D([], [], color=grey, linewidth=1.3, label="measured"),
        Line2D([], [], color=grey, linewidth=1.3, linestyle=(0, (5, 2)), label="proved: nesterov-with-errors"),
    ]
