"""Smooth weights: how fast a deep network nears the flow of its differential equation.

Weights A(k/L)/L, A a smooth Gaussian process in s with independent entries, beside the solution of dH/ds = A(s) H by
SciPy to ten digits. Theorem scaling-smooth-weights bounds the distance by a constant over L. Read off: so it is, with
the slope -1, and the bound lies above; the same networks with independent weights of scale L^{-1/2}
have slope -1/2 (figure `strong`).

Headline: the fitted slope, and the largest error over its bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linres import limits, plotting
from linres.figures import _runs

TITLE = "convergence of networks with smooth weights to their flow"
DEPTHS = (16, 32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True, eq=False)
class Smooth:
    """depths (K,); errors and bounds (K, networks): |H_1 - h_L|/|h_0|, and by scaling-smooth-weights."""

    depths: np.ndarray
    errors: np.ndarray
    bounds: np.ndarray

    @property
    def medians(self) -> np.ndarray:
        """(K,): of the errors."""
        return np.median(self.errors, axis=1)

    @property
    def slope(self) -> float:
        """Of the logarithm of the median in that of the depth."""
        return _runs.slope(np.log(self.depths), np.log(self.medians))

    @property
    def largest_ratio(self) -> float:
        """Of an error to its bound."""
        return float(np.max(self.errors / self.bounds))

    def summary(self) -> str:
        """The headline in a sentence."""
        return f"slope {self.slope:.4f} (-1); no error over {self.largest_ratio:.2g} of its bound"


def compute(
    depths: Sequence[int] = DEPTHS, *, width: int = 8, networks: int = 16, length: float = 0.1, seed: int = 0
) -> Smooth:
    """Draw processes of that length of correlation; all depths divide the largest, and share them."""
    beside = limits.flow(depths, width=width, runs=networks, length=length, seed=seed)
    bounds = np.exp(np.asarray(beside.log_bound))
    return Smooth(np.asarray(depths), np.exp(beside.log_error), bounds)


def draw(data: Smooth):
    """The matplotlib Figure, 7 x 3.4 inches: errors against the depth, and errors times the depth."""
    figure, grid = plotting.sheet(1, 2, height=3.4, width_ratios=(1.25, 1))
    axes, depths = grid[0, 0], data.depths
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.yaxis.set_minor_formatter("")
    single = axes.plot(depths, data.errors, color=plotting.SKY, linewidth=0.7, label="measured, every network")[0]
    [median] = axes.plot(depths, data.medians, color=plotting.BLUE, marker="o", markersize=4, label="measured, median")
    [proved] = axes.plot(depths, np.median(data.bounds, axis=1), color=plotting.GREY, linewidth=1.6,
                         linestyle=(0, (6, 2)), label="proved, median")
    axes.text(0.05, 0.06, f"slope {data.slope:.3f}", transform=axes.transAxes, fontsize=plotting.SMALL)
    axes.text(0.95, 0.9, "by scaling-smooth-weights", transform=axes.transAxes, ha="right", fontsize=plotting.SMALL)
    plotting.dress(axes, title="|H₁ − h_L|/|h₀|, networks and median", letter="a", x="depth L", y="error")
    scaled = grid[0, 1]
    scaled.set_xscale("log", base=2)
    scaled.plot(depths, data.errors * depths[:, None], color=plotting.SKY, linewidth=0.7)
    scaled.plot(depths, data.medians * depths, color=plotting.BLUE, marker="o", markersize=4)
    scaled.set_ylim(bottom=0)
    plotting.dress(scaled, title="error times L", letter="b", x="depth L", y="L |H₁ − h_L|/|h₀|")
    plotting.legend_below(figure, [single, median, proved], columns=3)
    return figure
