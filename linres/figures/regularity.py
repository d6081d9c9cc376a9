"""How regular the blocks of a stack are in the layer, and where it lies among deep random networks.

Least squares, functional rule, T = 4 sqrt(kappa) blocks for growing kappa, started by stacking, at zero, or at random
with entries of size c/sqrt(d): c fixed, or c = T^{-1/2}. Left: T |w_t| against t/T. Middle: the mean of
|w_{t+1} + ... + w_{t+k}| against the lag k, whose slope is the Hurst index H of the path of blocks: 1 for bounded
variation, 1/2 for independent blocks. Right: H and the exponent b, mean |w_t| ~ T^{-b}, beside the line max(H, 1/2) at
which deep networks have a limit. Read off: stacks are at (1, 1), where networks are flows, as theorem
stacking-variation says. Zero starts are as smooth but lie above the line, near (1, 3/2), with the identities: so few
blocks have not trained the flat directions, those of large distance. Random starts are below the line at (1/2, 0),
where networks explode (for larger c these do), and on it, at (1/2, 1/2), if their noise is T^{-1/2}.

Headline: H and b of each start, and the largest sum of |w_t| over what stacking-variation proves.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linres import plotting
from linres.figures import _runs
from linres.methods import nesterov, random_start
from linres.problem import Problem

TITLE = "regularity of stacked blocks, and where stacks lie among deep networks"
KAPPAS = (100.0, 1000.0, 10_000.0, 100_000.0)
STARTS = ("stacking", "zero", "random", "random, c = T^-1/2")
EXPECTED = {"stacking": (1.0, 1.0), "zero": (1.0, 1.5), "random": (0.5, 0.0), "random, c = T^-1/2": (0.5, 0.5)}
SHARE = 8  # lags are at most T/SHARE
SCALE = 0.01  # c of random starts


@dataclass(frozen=True, eq=False)
class Stack:
    """Norms of the blocks (T,); lags (K,) and the means of the norms of sums of so many neighbours (K,); and the sum of
    norms over its proved bound, nan where nothing is proved."""

    norms: np.ndarray
    lags: np.ndarray
    sums: np.ndarray
    share: float

    @property
    def depth(self) -> int:
        """T."""
        return len(self.norms)

    @property
    def hurst(self) -> float:
        """The slope of log sums in log lags."""
        return _runs.slope(np.log(self.lags), np.log(self.sums))


@dataclass(frozen=True, eq=False)
class Regularity:
    """By start the stacks of every kappa, ascending."""

    stacks: dict[str, tuple[Stack, ...]]
    kappas: np.ndarray

    def place(self, start: str) -> tuple[float, float]:
        """H of the deepest stack, and the exponent b of the mean norm of blocks in the depth."""
        stacks = self.stacks[start]
        depths, means = (np.log([f(stack) for stack in stacks]) for f in (lambda s: s.depth, lambda s: s.norms.mean()))
        return stacks[-1].hurst, -_runs.slope(depths, means)

    @property
    def largest_share(self) -> float:
        """Of a sum of norms of stacked blocks in what is proved."""
        return max(stack.share for stack in self.stacks["stacking"])

    def summary(self) -> str:
        """The headline in a sentence."""
        places = ", ".join(
            f"{start} ({hurst:.2f}, {exponent:.2f})" for start, (hurst, exponent) in
            ((start, self.place(start)) for start in STARTS)
        )
        return f"(H, b): {places}; stacked blocks add up to {self.largest_share:.2g} of the bound at most"


def compute(kappas: Sequence[float] = KAPPAS, *, d: int = 8, fraction: float = 0.9, seed: int = 0) -> Regularity:
    """Grow the stacks from inside the basin of stacking-acceleration; the seed draws the targets and the noise."""
    stacks: dict[str, list[Stack]] = {start: [] for start in STARTS}
    for kappa in kappas:
        problem, depth = _runs.near_identity(kappa, d=d, fraction=fraction, seed=seed), math.ceil(4 * math.sqrt(kappa))
        paths = {
            "stacking": _runs.trace(problem, np.eye(d), depth).networks,
            "zero": _runs.trace(problem, np.eye(d), depth, momentum=0.0).networks,
            "random": _random(problem, depth, SCALE, seed),
            "random, c = T^-1/2": _random(problem, depth, depth**-0.5, seed),
        }
        for start, networks in paths.items():
            stacks[start].append(_measured(networks, proved(problem) if start == "stacking" else math.nan))
    return Regularity({start: tuple(each) for start, each in stacks.items()}, np.asarray(kappas))


def _random(problem: Problem, depth: int, scale: float, seed: int) -> np.ndarray:
    """Networks W_0 = I, ..., W_T (T + 1, d, d) of blocks that start at random, entries of size scale/sqrt(d)."""
    generator, d = np.random.default_rng(seed), problem.dimension
    networks = [np.eye(d)]
    for _ in range(depth):
        start = generator.standard_normal((d, d)) * (scale / math.sqrt(d))
        gradient = lambda at: (at - problem.target) @ problem.sigma  # noqa: E731
        networks.append(random_start.stage(networks[-1], start, gradient, step_size=1 / problem.L).network)
    return np.array(networks)


def proved(problem: Problem) -> float:
    """sqrt(2) (1 + 1/u) sqrt(2 Phi_0/mu)/m from rest at I, u = sqrt(1-q), m = 9/14 of the target's sigma_min."""
    u, start = math.sqrt(1 - problem.q), nesterov.potential_at_rest(problem, np.eye(problem.dimension))
    return math.sqrt(2) * (1 + 1 / u) * math.sqrt(2 * start / problem.mu) / (9 / 14 * problem.sigma_min)


def _measured(networks: np.ndarray, bound: float) -> Stack:
    ways = np.diff(networks, axis=0)
    # w_t = d_t W_{t-1}^{-1}, by solving for its transpose
    blocks = np.linalg.solve(networks[:-1].transpose(0, 2, 1), ways.transpose(0, 2, 1)).transpose(0, 2, 1)
    norms, depth = np.linalg.norm(blocks, axis=(1, 2)), len(blocks)
    path = np.concatenate([np.zeros_like(blocks[:1]), np.cumsum(blocks, axis=0)])
    lags = np.unique(np.round(np.geomspace(1, max(2, depth // SHARE), 12)).astype(int))
    sums = np.array([np.mean(np.linalg.norm(path[k:] - path[:-k], axis=(1, 2))) for k in lags])
    return Stack(norms, lags, sums, float(np.sum(norms)) / bound)


LOOKS: dict[str, dict[str, Any]] = {
    "stacking": {"color": plotting.BLUE, "linestyle": "-", "marker": "o"},
    "zero": {"color": plotting.VERMILION, "linestyle": (0, (4, 2)), "marker": "s"},
    "random": {"color": plotting.BLACK, "linestyle": (0, (1, 1)), "marker": "^"},
    "random, c = T^-1/2": {"color": plotting.GREEN, "linestyle": (0, (7, 2, 1.5, 2)), "marker": "D"},
}
NAMES = {"stacking": "stacking", "zero": "zero start", "random": f"random start, c = {SCALE:g}",
         "random, c = T^-1/2": "random start, c = T^(−½)"}


def draw(data: Regularity):
    """The matplotlib Figure, 7 x 3.3 inches."""
    figure, grid = plotting.sheet(1, 3, height=3.3)
    for start, stacks in data.stacks.items():
        deepest, look = stacks[-1], LOOKS[start]
        line = {key: look[key] for key in ("color", "linestyle")}
        T = deepest.depth
        grid[0, 0].plot(np.arange(1, T + 1) / T, T * deepest.norms, linewidth=1.0, **line)
        grid[0, 1].plot(deepest.lags, deepest.sums, markersize=3.5, linewidth=1.0, label=NAMES[start], **look)
        grid[0, 2].plot(*data.place(start), linestyle="none", marker=look["marker"], color=look["color"],
                        markersize=6, fillstyle="none")
    grid[0, 0].set_yscale("log")
    grid[0, 1].set_xscale("log")
    grid[0, 1].set_yscale("log")
    hursts = np.linspace(0.3, 1.1, 81)
    grid[0, 2].plot(hursts, np.maximum(hursts, 0.5), color=plotting.GREY, linewidth=1.8, linestyle=(0, (6, 2)))
    grid[0, 2].text(0.32, 0.56, "max(H, ½)", fontsize=plotting.SMALL)
    grid[0, 2].set_ylim(-0.15, 1.75)
    plotting.dress(grid[0, 0], title=f"T |wₜ|, κ = {data.kappas[-1]:.0e}", letter="a", x="layer t/T")
    plotting.dress(grid[0, 1], title="mean |wₜ₊₁ + … + wₜ₊ₖ|", letter="b", x="lag k")
    plotting.dress(grid[0, 2], title="among networks", letter="c", x="Hurst index H", y="exponent b")
    plotting.legend_below(figure, grid[0, 1].get_lines(), columns=2)
    return figure
