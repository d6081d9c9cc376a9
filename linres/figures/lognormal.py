"""The law of the norm at the critical scale: nearly lognormal.

At exponent 1/2 with Gaussian entries log(|h_L|^2/|h_0|^2) is a sum of L independent terms of one law. Left and middle:
histograms at depth 1000 beside the normal density with L times the mean and the variance of one term, and beside its
limit N(1 - 2/d, 4/d) for linear blocks, N((1 - 2/d)/2, 2/d) for V relu(U h). Right: the largest distance between the
distribution function of the runs and the normal one (Kolmogorov), with the mean and the variance of that depth, for
linear blocks against the depth; below the dotted line is what so many runs cannot tell from 0. A sum of L terms may be
L^{-1/2} away; here it is of order 1/L, since what is of first order in each term is normal itself: the sum has the
skewness -3/(sqrt(d) L) to first order, and so the distance is 1/(2 sqrt(2 pi d) L).

Headlines: the distance at depth 1000; how far distances are from that formula; whether the intervals of mean and
variance hold the law's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linres import depth_scaling, estimates, plotting
from linres.depth_scaling import Network
from linres.estimates import Estimate
from linres.figures import _norms

TITLE = "the norm at exponent 1/2 beside the lognormal law"
CONFIDENCE = 0.999
BLOCKS = {"linear": Network(1000, 40, 0.5), "ReLU, two matrices": Network(1000, 40, 0.5, "relu", 2)}
WIDTHS = (4, 40)
DEPTHS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, eq=False)
class Law:
    """log |h_L|^2/|h_0|^2, ascending (runs,), of a network, and the mean and variance of its law."""

    network: Network
    logs: np.ndarray
    mean: float
    variance: float

    @property
    def estimates(self) -> tuple[Estimate, Estimate]:
        """Mean and variance as measured."""
        return estimates.mean(self.logs, CONFIDENCE), estimates.variance(self.logs, CONFIDENCE)

    @property
    def held(self) -> bool:
        """Whether both intervals hold those of the law."""
        mean, variance = self.estimates
        return mean.low <= self.mean <= mean.high and variance.low <= self.variance <= variance.high

    @property
    def noise(self) -> float:
        """What the distance of so many runs from their own law stays below, with CONFIDENCE."""
        return noise(len(self.logs))

    @property
    def distance(self) -> float:
        """Kolmogorov's from the normal law."""
        from scipy.special import ndtr

        normal = ndtr((self.logs - self.mean) / math.sqrt(self.variance))
        steps = np.arange(len(self.logs) + 1) / len(self.logs)
        return float(max(np.max(steps[1:] - normal), np.max(normal - steps[:-1])))


@dataclass(frozen=True, eq=False)
class Lognormal:
    """laws: by kind of block. distances: by width, (D,) for the depths (D,). noise: of a distance, with CONFIDENCE."""

    laws: dict[str, Law]
    depths: np.ndarray
    distances: dict[int, np.ndarray]
    noise: float

    @property
    def miss(self) -> float:
        """The largest difference from the first order from depth 8 on, in units of the noise."""
        deep = self.depths >= 8
        return max(
            float(np.max(np.abs(found - self.first_order(width))[deep]) / self.noise)
            for width, found in self.distances.items()
        )

    def first_order(self, width: int) -> np.ndarray:
        """1/(2 sqrt(2 pi d) L) for the depths (D,)."""
        return 1 / (2 * math.sqrt(2 * math.pi * width) * self.depths)

    def summary(self) -> str:
        """The headlines in a sentence."""
        held = sum(law.held for law in self.laws.values())
        last = ", ".join(f"{law.distance:.2g} ({name}, noise {law.noise:.2g})" for name, law in self.laws.items())
        return (
            f"distance from the lognormal law at depth 1000: {last}; from depth 8 on it is 1/(2 sqrt(2 pi d) L) up to "
            f"{self.miss:.2f} of the noise; mean and variance hold in {held} of {len(self.laws)} cases"
        )


def noise(runs: int) -> float:
    """By Massart's inequality of 1990."""
    return math.sqrt(math.log(2 / (1 - CONFIDENCE)) / (2 * runs))


def compute(runs: int = 1_000_000, depths: Sequence[int] = DEPTHS, *, seed: int = 0) -> Lognormal:
    """Draw `runs` norms for each depth on the right, and fewer of the deep ones on the left."""
    laws = {
        name: law(network, runs // (20 if network.matrices == 2 else 5), seed) for name, network in BLOCKS.items()
    }
    distances = {
        width: np.array([law(Network(depth, width, 0.5), runs, seed + 1).distance for depth in depths])
        for width in WIDTHS
    }
    return Lognormal(laws, np.asarray(depths, dtype=float), distances, noise(runs))


def law(network: Network, runs: int, seed: int) -> Law:
    """Draw it."""
    from linres.methods.propagation import propagate

    found = propagate(
        network.depth, width=network.width, exponent=network.exponent, block=network.block, matrices=network.matrices,
        runs=runs, distances=False, seed=seed,
    )
    known = depth_scaling.predictions(network)
    return Law(network, np.sort(found.log_norm), known["log_mean"].value, known["log_variance"].value)


LOOKS = {4: {"color": plotting.VERMILION, "marker": "^"}, 40: {"color": plotting.BLUE, "marker": "o"}}


def draw(data: Lognormal):
    """The matplotlib Figure, 7 x 3.5 inches."""
    figure, grid = plotting.sheet(1, 3, height=3.5)
    for axes, (name, found), letter in zip(grid[0], data.laws.items(), "ab", strict=False):
        _draw_law(axes, found)
        plotting.dress(axes, title=name, letter=letter, x="log |h_L|²/|h₀|²", y="density" if letter == "a" else "")
    axes = grid[0, 2]
    for width, distances in data.distances.items():
        label, colour = f"width {width}", LOOKS[width]["color"]
        axes.plot(data.depths, distances, linestyle="none", markersize=4, label=label, **LOOKS[width])
        axes.plot(data.depths, data.first_order(width), color=colour, linewidth=1.2, linestyle=_norms.DASHED)
    axes.axhline(data.noise, color=plotting.BLACK, linewidth=1.2, linestyle=(0, (1, 1.5)), label="noise")
    _norms.log_log(axes)
    axes.legend(frameon=False, fontsize=plotting.SMALL, loc="upper right")
    axes.set_ylim(top=4 * max(float(np.max(x)) for x in data.distances.values()))
    plotting.dress(axes, title="distance from normal", letter="c", x="depth L", y="")
    plotting.legend_below(figure, _handles(), columns=4)
    return figure


def _draw_law(axes, found: Law) -> None:
    network = found.network
    axes.hist(found.logs, bins=60, density=True, color=plotting.SKY, linewidth=0)
    _norms.draw_normal(axes, found.mean, found.variance, "", linewidth=2.0)
    share, d = network.share or 0.0, network.width
    _norms.draw_normal(
        axes, share * (1 - 2 / d), 4 * share / d, "", color=plotting.BLACK, linewidth=1.2, linestyle=(0, (1, 1.5)),
    )


def _handles() -> list:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Patch(color=plotting.SKY, label="runs"),
        Line2D([], [], color=plotting.VERMILION, linewidth=2.0, label="normal, law of this depth"),
        Line2D([], [], color=plotting.BLACK, linewidth=1.2, linestyle=(0, (1, 1.5)), label="normal, limit"),
        Line2D([], [], color=plotting.GREY, linewidth=1.2, linestyle=_norms.DASHED, label="(c): 1/(2√(2πd) L)"),
    ]
