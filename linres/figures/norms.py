"""The norms of random residual networks by depth: identity, nontrivial limit or explosion.

Left: networks of linear Gaussian blocks with the scale L^-b at depth L, each depth its own networks: the logarithm of
E|h_L|^2/|h_0|^2, which is L log(1 + L^-2b), growing like L^{1-2b}. Right: the setting of the first experiment of Marion
et al. (arXiv 2206.06929), V relu(U h) with uniform weights: medians of |h_L - h_0|/|h_0|, and as diamonds those that
their public code gave over 50 networks of depth 1000. The bar of a diamond is where 99 percent of such medians fall, by
order statistics of our runs.

Headlines: how many intervals hold the closed form; the depth-1000 medians; that each diamond is within its bar.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linres import depth_scaling, estimates, plotting
from linres.depth_scaling import Network
from linres.figures import _norms
from linres.figures._norms import DEPTHS, EXPONENTS, LOOKS, NAMES, Point

TITLE = "norms of random networks by depth: identity, limit, explosion"
CONFIDENCE = 0.999
WIDTH = 40
# |h_L - h_0|/|h_0|, medians over 50 networks, measured with the public code of arXiv 2206.06929.
REFERENCE = {0.25: 1888.0, 0.5: 0.785, 1.0: 0.0222}
REFERENCE_RUNS = 50


@dataclass(frozen=True, eq=False)
class Norms:
    """Mean squares and median distances by exponent, a `Point` for each depth, in logarithms.

    last: by exponent, the log distances at the last depth, ascending (runs,).
    """

    mean_squares: dict[float, list[Point]]
    medians: dict[float, list[Point]]
    last: dict[float, np.ndarray]

    @property
    def covered(self) -> tuple[int, int]:
        """How many intervals of mean squares hold the closed form, of how many."""
        return _norms.covered([point for points in self.mean_squares.values() for point in points])

    def sampling(self, exponent: float) -> tuple[float, float]:
        """Where 99 percent of the medians of 50 runs fall."""
        low, high = estimates.median_range(self.last[exponent], REFERENCE_RUNS, 0.99)
        return float(np.exp(low)), float(np.exp(high))

    def summary(self) -> str:
        """The headlines in a sentence."""
        within, of = self.covered
        medians = ", ".join(
            f"{np.exp(self.medians[b][-1].estimate.measured):.3g} (reference {REFERENCE[b]:g}, 50 runs: "
            f"{self.sampling(b)[0]:.3g} to {self.sampling(b)[1]:.3g})" for b in EXPONENTS
        )
        return (
            f"{within} of {of} intervals at {CONFIDENCE:g} hold the closed form; medians of the distance at depth "
            f"{DEPTHS[-1]} and exponents .25, .5, 1: {medians}"
        )


def compute(depths: Sequence[int] = DEPTHS, *, runs: int = 100_000, networks: int = 200, seed: int = 0) -> Norms:
    """Draw `runs` norm processes for each point on the left, and `networks` networks in full for each on the right."""
    mean_squares = {b: [_mean_square(b, depth, runs, seed) for depth in depths] for b in EXPONENTS}
    medians: dict[float, list[Point]] = {b: [] for b in EXPONENTS}
    for depth in depths:
        logs = distances(depth, networks, seed)
        for b, row in zip(EXPONENTS, logs, strict=True):
            network = reference_network(depth, b)
            estimate = estimates.median(row, CONFIDENCE, logs=True)
            form = depth_scaling.predictions(network)["mean_square_distance"].value / 2
            medians[b].append(Point(network, estimate, form))
    return Norms(mean_squares, medians, dict(zip(EXPONENTS, np.sort(logs, axis=1), strict=True)))


def _mean_square(exponent: float, depth: int, runs: int, seed: int) -> Point:
    """The logarithm of log E|h_L|^2/|h_0|^2."""
    from linres.methods.propagation import propagate

    network = Network(depth, WIDTH, exponent)
    found = propagate(depth, width=WIDTH, exponent=exponent, runs=runs, distances=False, seed=seed)
    mean = estimates.mean_of_exponentials(found.log_norm, CONFIDENCE)
    measured, low, high = (float(np.log(max(x, 1e-300))) for x in (mean.measured, mean.low, mean.high))
    form = depth_scaling.predictions(network)["mean_square"].value
    return Point(network, estimates.Estimate(measured, low, high, mean.method, True), float(np.log(form)))


def reference_network(depth: int, exponent: float) -> Network:
    """The setting of the reference medians."""
    return Network(depth, WIDTH, exponent, "relu", 2, "uniform")


def distances(depth: int, runs: int, seed: int) -> np.ndarray:
    """log |h_L - h_0|/|h_0| (3, runs) in that setting; all exponents share the weights."""
    from linres.methods.propagation import propagate

    found = propagate(
        depth, width=WIDTH, exponent=list(EXPONENTS), runs=runs, block="relu", matrices=2, law="uniform", seed=seed,
    )
    return np.asarray(found.log_distance)


def draw(data: Norms):
    """The matplotlib Figure, 7 x 3.8 inches."""
    figure, grid = plotting.sheet(1, 2, height=3.8)
    left, right = grid[0]
    for b in EXPONENTS:
        _norms.draw_points(left, data.mean_squares[b], LOOKS[b])
        _norms.draw_points(right, data.medians[b], LOOKS[b])
        low, high = data.sampling(b)
        right.errorbar(
            1.3 * data.medians[b][-1].network.depth, REFERENCE[b], linestyle="none", marker="D", markersize=4,
            yerr=[[max(REFERENCE[b] - low, 0)], [max(high - REFERENCE[b], 0)]], color=plotting.BLACK, elinewidth=1.2,
            capsize=2.5,
        )
    for axes in (left, right):
        _norms.log_log(axes)
    plotting.dress(left, title="linear blocks, Gaussian", letter="a", x="depth L", y="log E|h_L|²/|h₀|²")
    plotting.dress(
        right, title="ReLU, two matrices, uniform", letter="b", x="depth L", y="median of |h_L − h₀|/|h₀|"
    )
    plotting.legend_below(figure, _handles(), columns=2)
    return figure


def _handles() -> list:
    from matplotlib.lines import Line2D

    grey, black = plotting.GREY, plotting.BLACK
    return [
        *(Line2D([], [], linestyle="none", markersize=4, fillstyle="none", label=NAMES[b], **LOOKS[b])
          for b in EXPONENTS),
        Line2D([], [], color=grey, linewidth=1.2, linestyle=_norms.DASHED, label="closed form; (b): root mean square"),
        Line2D([], [], linestyle="none", marker="D", markersize=4, color=black, label="author code, 50 runs"),
    ]
