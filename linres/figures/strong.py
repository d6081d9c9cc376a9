"""How far a random residual network is from the stochastic differential equation that it discretises.

Depth L, Gaussian layers of scale L^{-1/2}, beside a network of 16 L layers with the same noise. Theorem
scaling-strong-error gives the mean square of the difference exactly, for either network beside the other and for the
limit: (e - (1 + 1/L)^L)|h_0|^2. Read off: the root of it falls like L^{-1/2}, strong order 1/2, and what is measured
lies on the curve within its standard errors.

Headline: the fitted slope beside that of the exact curve at the same depths, and the largest distance of a point from
the curve in standard errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linres import limits, plotting
from linres.figures import _runs

TITLE = "strong error of random networks against depth, exact curve"
DEPTHS = (4, 8, 16, 32, 64, 128, 256)
ERRORS = 4  # standard errors that bars show


@dataclass(frozen=True, eq=False)
class Strong:
    """depths (K,); squares (K, runs): |H - h_L|^2/|h_0|^2; the refinement of the fine network."""

    depths: np.ndarray
    squares: np.ndarray
    refinement: int

    @property
    def exact(self) -> np.ndarray:
        """(K,): the mean square by scaling-strong-error, of this refinement."""
        return limits.strong_error(self.depths, self.refinement)

    @property
    def limit(self) -> np.ndarray:
        """(K,): the same for the differential equation."""
        return limits.strong_error(self.depths)

    @property
    def means(self) -> np.ndarray:
        """(K,) and their standard errors: `errors`."""
        return self.squares.mean(axis=1)

    @property
    def errors(self) -> np.ndarray:
        """(K,): standard errors of the means."""
        return self.squares.std(axis=1, ddof=1) / self.squares.shape[1] ** 0.5

    @property
    def slopes(self) -> tuple[float, float]:
        """The slopes of the logarithm of the root mean square in that of the depth, measured and exact."""
        logs = np.log(self.depths)
        measured, exact = (_runs.slope(logs, np.log(values) / 2) for values in (self.means, self.exact))
        return measured, exact

    @property
    def largest_deviation(self) -> float:
        """Of a mean from the exact one, in standard errors."""
        return float(np.max(np.abs(self.means - self.exact) / self.errors))

    def summary(self) -> str:
        """The headline in a sentence."""
        measured, exact = self.slopes
        worst = f"no mean off by more than {self.largest_deviation:.1f} standard errors"
        return f"slope {measured:.4f}, exactly {exact:.4f}; {worst}"


def compute(
    depths: Sequence[int] = DEPTHS, *, width: int = 40, refinement: int = limits.REFINEMENT, runs: int = 500,
    seed: int = 0,
) -> Strong:
    """Draw so many pairs of networks at each depth, by the compiled kernel, exact in law."""
    beside = limits.diffusion(depths, width=width, runs=runs, refinement=refinement, seed=seed)
    return Strong(np.asarray(depths), np.exp(2 * beside.log_error), refinement)


def draw(data: Strong):
    """The matplotlib Figure, 7 x 3.4 inches: the error against the depth, and the ratio to the exact curve."""
    figure, grid = plotting.sheet(1, 2, height=3.4, width_ratios=(1.25, 1))
    axes, depths = grid[0, 0], data.depths
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.yaxis.set_minor_formatter("")
    bars = np.sqrt([np.maximum(data.means + sign * ERRORS * data.errors, 1e-300) for sign in (-1, 1)])
    root = np.sqrt(data.means)
    axes.plot(depths, np.sqrt(data.limit), color=plotting.GREY, linewidth=1.4, linestyle=(0, (6, 2)),
              label="limit, √(e − (1+1/L)ᴸ)")
    axes.plot(depths, np.sqrt(data.exact), color=plotting.BLACK, linewidth=1.2,
              label=f"exact, {data.refinement} layers in one")
    axes.errorbar(depths, root, yerr=np.abs(bars - root), linestyle="none", marker="o", markersize=4,
                  color=plotting.BLUE, capsize=2, label=f"measured, ±{ERRORS} standard errors")
    measured, exact = data.slopes
    axes.text(0.05, 0.06, f"slope {measured:.3f},\nexactly {exact:.3f}", transform=axes.transAxes,
              fontsize=plotting.SMALL)
    plotting.dress(axes, title="root mean square of |H₁ − h_L|/|h₀|", letter="a", x="depth L", y="error")
    ratio = grid[0, 1]
    ratio.set_xscale("log", base=2)
    ratio.axhline(1.0, color=plotting.BLACK, linewidth=1.2)
    ratio.errorbar(depths, data.means / data.exact, yerr=ERRORS * data.errors / data.exact, linestyle="none",
                   marker="o", markersize=4, color=plotting.BLUE, capsize=2)
    plotting.dress(ratio, title="mean square over the exact one", letter="b", x="depth L", y="ratio")
    ratio.text(0.05, 0.05, f"{data.squares.shape[1]} pairs of networks at each depth", transform=ratio.transAxes,
               fontsize=plotting.SMALL)
    plotting.legend_below(figure, axes.get_legend_handles_labels()[0], columns=3)
    return figure
