"""Where deep random networks with correlated weights are neither the identity nor explosive: the line max(H, 1/2).

Linear blocks with weights L^{-b} times increments of fractional Brownian motion of Hurst index H. Left: the median of
|h_L - h_0|/|h_0| over networks and inputs, by H and b, at one depth. Right: the measured critical exponent, at which
the displacement neither grows nor falls with the depth, for networks of width 1 and 2; in width 1 beside the closed
form at the same two depths, by theorem fractional-increments. The displacement is there measured on the smaller of h_0
and h_L, so that collapse counts as growth. Read off: the line. For H < 1/2 it is of second order, e^{-1/(2d)} for width
d at b = 1/2, and so the wide networks on the left, at a moderate depth, do not show it yet. `python -m
benchmarks.heat_map` draws the map at the size of a paper.

Headline: the largest distance of a measured critical exponent from the line, by width, and from the closed form.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from linres import plotting

TITLE = "displacement by Hurst index and exponent, measured critical exponents"
HURSTS = tuple(np.linspace(0.05, 0.97, 24))
EXPONENTS = tuple(np.linspace(0.0, 1.25, 26))
MEASURED = tuple(np.linspace(0.05, 0.95, 10))  # Hurst indices on the right
WIDTHS = (1, 2)
DEPTHS = (128, 2048)
AROUND = np.array([-0.15, -0.1, -0.05, 0.0, 0.05, 0.1])  # exponents tried, less the line


@dataclass(frozen=True, eq=False)
class HeatMap:
    """hursts (A,), exponents (B,), medians (A, B) of log10 |h_L - h_0|/|h_0| at a depth and width; measured Hurst
    indices (C,), and by width the critical exponents (C,) found there; closed: those of the closed form in width 1."""

    hursts: np.ndarray
    exponents: np.ndarray
    medians: np.ndarray
    depth: int
    width: int
    measured: np.ndarray
    critical: dict[int, np.ndarray]
    closed: np.ndarray

    @property
    def errors(self) -> dict[int, float]:
        """By width, the largest distance of a critical exponent from the line."""
        return {width: float(np.max(np.abs(found - line(self.measured)))) for width, found in self.critical.items()}

    @property
    def error_of_closed_form(self) -> float:
        """The largest distance of a critical exponent in width 1 from that of the closed form at the same depths."""
        return float(np.max(np.abs(self.critical[1] - self.closed)))

    def summary(self) -> str:
        """The headline in a sentence."""
        errors = ", ".join(f"{error:.3f} (width {width})" for width, error in self.errors.items())
        return f"critical exponent within {errors} of max(H, 1/2); of the closed form {self.error_of_closed_form:.3f}"


def line(hursts):
    """max(H, 1/2)."""
    return np.maximum(hursts, 0.5)


def compute(
    hursts: Sequence[float] = HURSTS, exponents: Sequence[float] = EXPONENTS, *, depth: int = 300, width: int = 40,
    networks: int = 2, inputs: int = 4, runs: int = 200, seed: int = 0,
) -> HeatMap:
    """The map, whose networks have the same weights for all exponents, and critical exponents from so many runs."""
    from linres.methods.propagation import propagate

    def median(hurst: float, seed: int) -> np.ndarray:
        found = propagate(
            depth, width=width, exponent=list(exponents), runs=networks, inputs=inputs, weights="fractional",
            hurst=hurst, seed=seed,
        )
        return np.median(np.asarray(found.log_distance), axis=(1, 2)) / np.log(10)

    medians = [median(float(H), seed + i) for i, H in enumerate(hursts)]
    measured = np.array(MEASURED)
    critical = {d: np.array([critical_exponent(float(H), d, runs, seed) for H in measured]) for d in WIDTHS}
    closed = np.array([_crossing(float(H), [closed_form(float(H), L) for L in DEPTHS]) for H in measured])
    return HeatMap(
        np.asarray(hursts), np.asarray(exponents), np.array(medians), depth, width, measured, critical, closed
    )


def critical_exponent(hurst: float, width: int, runs: int, seed: int = 0) -> float:
    """The exponent b at which the median displacement of the deeper networks is that of the others; nan if none is."""
    return _crossing(hurst, [_displacements(hurst, width, depth, runs, seed) for depth in DEPTHS])


def _displacements(hurst: float, width: int, depth: int, runs: int, seed: int) -> np.ndarray:
    """Medians of log |h_L - h_0|/min(|h_0|, |h_L|), one for each exponent tried."""
    from linres.methods.propagation import propagate

    found = propagate(
        depth, width=width, exponent=list(line(hurst) + AROUND), runs=runs, weights="fractional", hurst=hurst, seed=seed
    )
    return np.median(np.asarray(found.log_distance) - np.minimum(0, found.log_norm / 2), axis=1)


def closed_form(hurst: float, depth: int) -> np.ndarray:
    """The same in width 1: log h_L/h_0 is normal of mean -a^2 L/2 and variance a^2 L^{2H}, a = L^{-b}, up to a^3 L."""
    scales = depth ** -(line(hurst) + AROUND)
    normals = np.array([NormalDist().inv_cdf((k + 0.5) / 2000) for k in range(2000)])
    logs = scales[:, None] * depth**hurst * normals - (scales**2 * depth / 2)[:, None]
    return np.median(np.log(np.abs(np.expm1(logs))) - np.minimum(0, logs), axis=1)


def _crossing(hurst: float, logs: list[np.ndarray]) -> float:
    """Where the growth between the two depths changes its sign, the last time, between the exponents tried."""
    growth = logs[1] - logs[0]
    falls = np.flatnonzero((growth[:-1] > 0) & (growth[1:] <= 0))
    if not len(falls):
        return float("nan")
    k = falls[-1]
    share = growth[k] / (growth[k] - growth[k + 1])
    return float(line(hurst) + AROUND[k] + share * (AROUND[k + 1] - AROUND[k]))


def draw(data: HeatMap):
    """The matplotlib Figure, 7 x 3.5 inches: the map, and the critical exponents."""
    figure, grid = plotting.sheet(1, 2, height=3.5, width_ratios=(1.25, 1))
    axes = grid[0, 0]
    colours = axes.pcolormesh(
        data.hursts, data.exponents, np.clip(data.medians, -3, 3).T, cmap="cividis", shading="nearest", rasterized=True
    )
    figure.colorbar(colours, cax=axes.inset_axes((1.02, 0, 0.045, 1))).ax.tick_params(labelsize=plotting.SMALL)
    axes.plot(data.hursts, line(data.hursts), color="white", linewidth=1.8, linestyle=(0, (6, 2)))
    title = f"log₁₀ |h_L − h₀|/|h₀|, L = {data.depth}, d = {data.width}"
    plotting.dress(axes, title=title, letter="a", x="Hurst index H", y="exponent b")
    axes.grid(False)
    critical = grid[0, 1]
    fine = np.linspace(0, 1, 101)
    handles = critical.plot(fine, line(fine), color=plotting.GREY, linewidth=1.8, linestyle=(0, (6, 2)),
                            label="max(H, ½)")
    handles += critical.plot(
        data.measured, data.closed, color=plotting.BLACK, linewidth=1.0, label="closed form, d = 1"
    )
    looks = zip(data.critical.items(), (plotting.BLUE, plotting.VERMILION), "os", strict=True)
    for (width, found), colour, marker in looks:
        handles += critical.plot(data.measured, found, linestyle="none", marker=marker, markersize=4, color=colour,
                                 fillstyle="none" if marker == "s" else "full", label=f"measured, d = {width}")
    plotting.dress(critical, title="critical exponent", letter="b", x="Hurst index H")
    plotting.legend_below(figure, handles, columns=4)
    return figure
