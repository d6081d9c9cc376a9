"""Smooth weights: how fast a deep network nears the flow of its differential equation.

Weights A(k/L)/L, A a smooth Gaussian process in s with independent entries, beside the solution of dH/ds = A(s) H by
SciPy to ten digits. Theorem scaling-smooth-weights bounds the distance by a constant over L. Read off: so it is, with
the slope -1 to three digits, and the bound lies above; the same networks with independent weights of scale L^{-1/2}
have slope -1/2 (figure `strong`).

Headline: the fitted slope, and the largest error over its bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linres import plotting
from linres.figures import _runs

TITLE = "convergence of networks with smooth weights to their flow"
DEPTHS = (16, 32, 64, 128, 256, 512, 1024)
GRID = 2048  # intervals that the process is drawn on


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


def bound(depths: np.ndarray, size: np.ndarray, change: np.ndarray) -> np.ndarray:
    """e^a - (1 + a/L)^L + (a'/(2L)) e^{a (1 - 1/L)} for depths L (K,) and a, a' (n,): (K, n)."""
    L, a, slope = np.asarray(depths, dtype=float)[:, None], size[None], change[None]
    return -np.exp(a) * np.expm1(L * np.log1p(a / L) - a) + slope / (2 * L) * np.exp(a * (1 - 1 / L))


def compute(
    depths: Sequence[int] = DEPTHS, *, width: int = 8, networks: int = 16, length: float = 0.1, seed: int = 0
) -> Smooth:
    """Draw processes of that length of correlation on GRID intervals; depths divide GRID."""
    weights, starts = _drawn(width, networks, length, seed)
    flows, lengths = _flow(weights, starts), np.linalg.norm(starts, axis=1)
    errors = [np.linalg.norm(_network(weights, starts, depth) - flows, axis=1) / lengths for depth in depths]
    sizes = np.linalg.norm(weights, 2, axis=(2, 3)).max(axis=0)
    changes = GRID * np.linalg.norm(np.diff(weights, axis=0), 2, axis=(2, 3)).max(axis=0)
    return Smooth(np.asarray(depths), np.array(errors), bound(np.asarray(depths), sizes, changes))


def _drawn(width: int, networks: int, length: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A on the grid (GRID + 1, networks, d, d), entries of variance 1/d, and starts (networks, d)."""
    from linres.methods import correlated

    generator = np.random.default_rng(seed)
    covariances = correlated.smooth(length, GRID + 1)
    roots = np.sqrt(correlated.eigenvalues(covariances) / (2 * len(covariances) - 2))
    pairs = -(-networks * width**2 // 2)
    series = correlated.series(roots, generator.standard_normal((pairs, len(roots), 2)), GRID + 1)
    weights = series[: networks * width**2].T.reshape(GRID + 1, networks, width, width) / width**0.5
    return weights, generator.standard_normal((networks, width))


def _flow(weights: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """H_1 (networks, d): A between the points of the grid is a cubic spline."""
    from scipy.integrate import solve_ivp
    from scipy.interpolate import CubicSpline

    spline, shape = CubicSpline(np.arange(GRID + 1) / GRID, weights), (*starts.shape, 1)
    solved = solve_ivp(
        lambda s, state: (spline(s) @ state.reshape(shape)).ravel(), (0, 1), starts.ravel(), method="DOP853",
        rtol=1e-10, atol=1e-12,
    )
    return solved.y[:, -1].reshape(starts.shape)


def _network(weights: np.ndarray, starts: np.ndarray, depth: int) -> np.ndarray:
    """h_L (networks, d) of that depth."""
    from linres.methods import propagation

    states = starts[:, :, None]
    for layer in weights[: GRID : GRID // depth]:
        states = propagation.step(states, lambda state, layer=layer: layer @ state, scale=1 / depth)
    return states[:, :, 0]


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
