"""What the figures of random networks share, and the figure of `linres propagate --plot`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linres import depth_scaling, estimates, plotting
from linres.depth_scaling import Network
from linres.estimates import Estimate

EXPONENTS = (0.25, 0.5, 1.0)
DEPTHS = (4, 10, 32, 100, 316, 1000)
LOOKS: dict[float, dict[str, Any]] = {
    0.25: {"color": plotting.VERMILION, "marker": "^"}, 0.5: {"color": plotting.BLUE, "marker": "o"},
    1.0: {"color": plotting.GREEN, "marker": "s"},
}
NAMES = {0.25: "exponent ¼: explosion", 0.5: "½: nontrivial limit", 1.0: "1: identity"}
DASHED = (0, (5, 2))


@dataclass(frozen=True)
class Point:
    """A quantity of networks, measured, in logarithms, beside its closed form, nan where there is none."""

    network: Network
    estimate: Estimate
    predicted: float

    @property
    def covered(self) -> bool:
        """Whether the interval holds the closed form."""
        return self.estimate.low <= self.predicted <= self.estimate.high


def covered(points: Sequence[Point]) -> tuple[int, int]:
    """How many intervals hold their closed form, and how many there are."""
    return sum(point.covered for point in points), len(points)


def draw_points(
    axes, points: Sequence[Point], look: dict[str, Any], *, power: float = 1.0, form: bool = True
) -> None:
    """e^(power times the logarithm) against the depth, intervals as bars, the closed form dashed."""
    depths = [point.network.depth for point in points]
    middle, low, high, known = (
        np.exp(power * np.array(x)) for x in zip(*(
            (p.estimate.measured, p.estimate.low, p.estimate.high, p.predicted) for p in points
        ), strict=True)
    )
    axes.errorbar(
        depths, middle, yerr=[middle - low, high - middle], linestyle="none", markersize=4, elinewidth=1.2, capsize=2.5,
        fillstyle="none", **look,
    )
    if form:
        axes.plot(depths, known, color=look["color"], linewidth=1.2, linestyle=DASHED)


def log_log(axes) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")


# ----------------------------------------------------------------------------------------------- one run of the command


def draw_run(network: Network, layers: Sequence[int], found, confidence: float):
    """The matplotlib Figure, 7 x 3.3 inches: norms by layer on the left, the law of log |h_L|^2/|h_0|^2 on the right.

    found: what `linres.propagate` measured at the layers (P,).
    """
    figure, grid = plotting.sheet(1, 2, height=3.3)
    _draw_layers(grid[0, 0], network, np.array(layers), found.log_norm, confidence)
    _draw_law(grid[0, 1], network, found.log_norm[:, -1])
    return figure


def _draw_layers(axes, network: Network, layers: np.ndarray, log_norm: np.ndarray, confidence: float) -> None:
    """log10 of |h_k|/|h_0|, which float64 has whatever the norm."""
    unit = 1 / (2 * np.log(10))
    shown = [estimates.median(column * unit, confidence) for column in log_norm.T]
    middle = _drawable(np.array([e.measured for e in shown]))
    log_norm = np.sort(log_norm, axis=0)
    low, high = (_drawable(log_norm[int(share * (len(log_norm) - 1))]) * unit for share in (0.05, 0.95))
    axes.fill_between(layers, low, high, color=plotting.SKY, alpha=0.3, linewidth=0, label="90 % of the runs")
    low_end, high_end = (_drawable(np.array([getattr(e, end) for e in shown])) for end in ("low", "high"))
    bars = np.nan_to_num(np.array([middle - low_end, high_end - middle]))  # nan: too few runs for an interval
    axes.errorbar(
        layers, middle, yerr=bars, color=plotting.BLUE, linewidth=1.2, marker="o", markersize=2.5,
        elinewidth=1, label=f"median, {100 * confidence:g} %",
    )
    if network.independent:
        known = layers * depth_scaling.log_growth(network) * unit
        word = "root of the mean square" if network.share is not None else "bound of that root"
        axes.plot(layers, known, color=plotting.VERMILION, linewidth=1.4, linestyle=DASHED, label=word)
    axes.set_xscale("log")
    axes.legend(frameon=False, fontsize=plotting.SMALL, loc="best")
    plotting.dress(axes, title=f"exponent {network.exponent:g}", letter="a", x="layer k", y="log₁₀ |hₖ|/|h₀|")


def _drawable(values: np.ndarray) -> np.ndarray:
    """nan for logarithms of 0 and ends that are nowhere."""
    return np.where(np.isfinite(values), values, np.nan)


def _draw_law(axes, network: Network, logs: np.ndarray) -> None:
    logs = logs[np.isfinite(logs)]
    label = f"{len(logs)} runs"
    if len(logs) and np.ptp(logs) > 0:
        axes.hist(logs, bins=max(10, min(60, int(len(logs) ** 0.4))), density=True, color=plotting.SKY, label=label)
    known = depth_scaling.predictions(network)
    if "log_mean" in known:
        draw_normal(axes, known["log_mean"].value, known["log_variance"].value, "normal, finite-depth law")
    if axes.get_legend_handles_labels()[0]:
        axes.set_ylim(top=1.4 * axes.get_ylim()[1])
        axes.legend(frameon=False, fontsize=plotting.SMALL, loc="upper left")
    plotting.dress(axes, title=f"depth {network.depth}", letter="b", x="log |h_L|²/|h₀|²", y="density")


def draw_normal(axes, mean: float, variance: float, label: str, **look) -> None:
    """The density of the normal law, over four deviations."""
    deviation = np.sqrt(variance)
    x = np.linspace(mean - 4 * deviation, mean + 4 * deviation, 201)
    style = {"color": plotting.VERMILION, "linewidth": 1.6} | look
    axes.plot(x, np.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi)), label=label, **style)
