"""The proved basin of stacking beside the measured one.

Theorem stacking-acceleration: from rest, by the functional rule with step 1/L and momentum (1-q)/(1+q),

    Phi_T <= (1-q)^T Phi_0  for all T,  if  2 (2 sqrt(1+q) + sqrt(1-q))^2 Phi_0 <= mu sigma^2,

sigma the smallest singular value of W*. Each mark is a direction U: the smallest Phi_0/(mu sigma^2) at which the run
from W_0 = W* + r U breaks the claim; an arrow if it never does up to the cap. Read off: no mark lies in the proved
basin. Towards a singular W through the mu-eigenvector first violations come at .88 or so, whatever kappa and d, so the
constant of the proved basin is some 16 times too small there; in most other directions
the basin is larger by orders of magnitude.

Headline: the smallest ratio of a measured first violation to the proved basin.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linres import plotting
from linres.figures import _bounds, _runs
from linres.methods import nesterov
from linres.problem import Problem

TITLE = "the proved basin beside the first violations measured"
LOWEST, CAP, PER_DECADE = 1e-2, 1e4, 40  # the scanned Phi_0/(mu sigma^2): from below the proved basin
HORIZON = 10  # runs last this/q stages: (1-q)^T Phi_0 is then e^-10 of Phi_0, far above rounding
# Phi_T breaks the claim only if it is above the bound by this much of it. Rounding moves W_T by some EPS |W*|, and so a
# Phi_T at the bound by e^5 EPS |W*|/q of itself, over sigma times the root of the level: less than 1e-10 here.
ROUNDING = 1e-9
NOISE = (0.3, 1.0, 3.0)  # beside the way to singular W: |noise| over |way|
FAMILIES = {"singular": 1, "beside": len(NOISE), "oblique": 2, "mu": 4, "gaussian": 6}  # how many directions of each


@dataclass(frozen=True, eq=False)
class Basin:
    """Levels are values of Phi_0/(mu sigma^2).

    dimensions (A,), kappas (K,); families (D,): the family of each direction; measured (A, K, D): the level of the
    first violation, inf if none up to CAP; proved (K,): the largest level that the theorem allows.
    """

    dimensions: tuple[int, ...]
    kappas: tuple[float, ...]
    families: tuple[str, ...]
    measured: np.ndarray
    proved: np.ndarray

    @property
    def smallest_ratio(self) -> float:
        """The smallest first violation over the proved basin; above 1 unless the theorem is false."""
        return float(np.min(self.measured / self.proved[:, None]))

    def median(self, family: str) -> float:
        """The median first violation in the directions of a family, inf if half of them have none."""
        return float(np.median(self.measured[:, :, np.array(self.families) == family]))

    def summary(self) -> str:
        """The headline in a sentence."""
        singular = self.measured[:, :, np.array(self.families) == "singular"]
        none = int(np.sum(np.isinf(self.measured)))
        return (
            f"every first violation is outside the proved basin, by a factor of {self.smallest_ratio:.3g} at least; "
            f"at Phi_0/(mu sigma^2) = {singular.min():.3g} to {singular.max():.3g} towards singular W, median "
            f"{self.median('gaussian'):.3g} in Gaussian directions; none up to {CAP:g} in {none} of "
            f"{self.measured.size} directions"
        )


def compute(
    dimensions: Sequence[int] = (2, 4, 8), kappas: Sequence[float] = (10, 100, 1000), *, seed: int = 0
) -> Basin:
    """Scan for the first violation, for every d, kappa and direction; the seed draws W* and the directions.

    Violations come in windows of levels. Those narrower than a step of the scan, 6 %, can be missed.
    """
    families = tuple(name for name, count in FAMILIES.items() for _ in range(count))
    measured = np.empty((len(dimensions), len(kappas), len(families)))
    for i, d in enumerate(dimensions):
        for j, kappa in enumerate(kappas):
            measured[i, j] = [first_violation(*case) for case in _cases(d, kappa, seed)]
    proved = np.array([_bounds.basin(1 / math.sqrt(kappa)) for kappa in kappas])
    return Basin(tuple(dimensions), tuple(kappas), families, measured, proved)


def _cases(d: int, kappa: float, seed: int) -> list[tuple[Problem, np.ndarray]]:
    """The problems, sigma = 1, with directions (d, d) of any size, in the order of FAMILIES.

    W* has singular values 1 to 3. Its smallest right singular vector is the mu-eigenvector of Sigma in the first two
    families, where a short way leads to singular W, and random in the others.
    """
    random = np.random.RandomState(seed)
    left, right = _runs.orthogonal(random, d), _runs.orthogonal(random, d)
    values, first = _runs.spectrum(kappa, d), np.eye(d)[0]
    aligned = Problem.from_spectrum(values, target=left * np.linspace(1, 3, d))
    oblique = Problem.from_spectrum(values, target=left * np.linspace(1, 3, d) @ right.T)
    inward = -np.outer(left[:, 0], first)

    def gaussian() -> np.ndarray:
        return random.standard_normal((d, d)) / d

    # Noise with no more loss along the steep eigenvectors than along mu: more would only enlarge Phi_0.
    beside = [inward + size * gaussian() * np.sqrt(values[0] / values) for size in NOISE]
    crossing = [-np.outer(left[:, k], right[:, k]) for k in range(FAMILIES["oblique"])]
    along = [np.outer(gaussian()[:, 0], first) for _ in range(FAMILIES["mu"])]
    anywhere = [gaussian() for _ in range(FAMILIES["gaussian"])]
    return [*((aligned, U) for U in (inward, *beside)), *((oblique, U) for U in (*crossing, *along, *anywhere))]


def first_violation(problem: Problem, direction: np.ndarray, *, contraction: float | None = None) -> float:
    """The smallest level Phi_0/(mu sigma^2) at which the run from W* + r direction breaks the claim; inf up to CAP.

    A scan, upwards and in even steps on a log scale, then bisection. contraction: of the claim, 1 - q unless given.
    """
    claimed = 1 - problem.q if contraction is None else contraction
    unit = math.sqrt(_runs.level(problem, problem.target + direction))

    def broken(level: float) -> bool:
        return violates(problem, problem.target + math.sqrt(level) / unit * direction, claimed)

    levels = np.geomspace(LOWEST, CAP, round(math.log10(CAP / LOWEST) * PER_DECADE) + 1)
    found = next((index for index, level in enumerate(levels) if broken(level)), None)
    if found is None:
        return math.inf
    low, high = levels[max(found - 1, 0)], levels[found]
    for _ in range(10):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if broken(middle) else (middle, high)
    return float(high)


def violates(problem: Problem, start: np.ndarray, contraction: float) -> bool:
    """Whether Phi_T > contraction^T Phi_0, by more than rounding, at a stage up to HORIZON/q of the run from start.

    A run that leaves the floats, or meets a singular W, breaks the claim as well.
    """
    stages = math.ceil(HORIZON / problem.q)
    run = _runs.trace(problem, start, stages)
    networks = run.networks
    with np.errstate(all="ignore"):
        previous = np.concatenate([networks[:1], networks[:-1]])
        distances = nesterov.auxiliary(networks, previous, q=problem.q) - problem.target
        squared = np.einsum("tij,tij->t", distances, distances)
        potentials = nesterov.potential(run.excess, squared, mu=problem.mu)
        bounds = contraction ** np.arange(stages + 1) * potentials[0]
        return not np.all(potentials <= bounds * (1 + ROUNDING))  # a nan is no smaller than anything


STYLES: dict[str, dict[str, Any]] = {
    "singular": {"color": plotting.VERMILION, "marker": "v", "label": "towards a singular W, through μ"},
    "beside": {"color": plotting.ORANGE, "marker": "D", "label": "beside this way"},
    "oblique": {"color": plotting.GREEN, "marker": "s", "label": "towards a singular W, elsewhere"},
    "mu": {"color": plotting.BLUE, "marker": "o", "label": "along the μ-eigenvector"},
    "gaussian": {"color": plotting.BLACK, "marker": "x", "label": "Gaussian"},
}


def draw(data: Basin):
    """The matplotlib Figure, 7 x 3.9 inches, a panel for each dimension."""
    figure, grid = plotting.sheet(1, len(data.dimensions), height=3.9, sharey=True)
    for index, axes in enumerate(grid[0]):
        _draw_dimension(axes, data, index)
        plotting.dress(
            axes, title=f"d = {data.dimensions[index]}", letter="abcdef"[index], x="condition number κ",
            y="Φ₀ / (μ σ²)" if index == 0 else "",
        )
    plotting.legend_below(figure, _handles(), columns=3)
    return figure


def _draw_dimension(axes, data: Basin, index: int) -> None:
    axes.set_yscale("log")
    axes.set_ylim(LOWEST, 30 * CAP)
    axes.set_yticks(10.0 ** np.arange(math.log10(LOWEST), math.log10(CAP) + 1))
    columns = np.arange(len(data.kappas))
    edges = [-0.5, *columns, columns[-1] + 0.5]
    axes.fill_between(edges, LOWEST, data.proved[[0, *columns, -1]], color=plotting.SKY, alpha=0.5, linewidth=0)
    axes.text(columns.mean(), 1.6 * LOWEST, "proved basin", ha="center", fontsize=plotting.SMALL)
    axes.axhline(CAP, color=plotting.GREY, linewidth=1, linestyle=(0, (1, 1.5)))
    axes.text(columns.mean(), 8 * CAP, f"no violation up to {CAP:g}", ha="center", fontsize=plotting.SMALL)
    for family, style in STYLES.items():
        _draw_family(axes, data, index, family, style)
    _draw_gap(axes, data, index)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xticks(columns, [f"{kappa:g}" for kappa in data.kappas])


def _draw_family(axes, data: Basin, index: int, family: str, style: dict[str, Any]) -> None:
    """Its directions around the column of each kappa; an arrow upwards for those without violation."""
    chosen = np.array(data.families) == family
    levels = data.measured[index][:, chosen].ravel()
    places = np.add.outer(np.arange(len(data.kappas)), _places(data.families)[chosen]).ravel()
    found = np.isfinite(levels)
    look = {"color": style["color"], "marker": style["marker"], "linestyle": "none", "markersize": 4}
    axes.plot(places[found], levels[found], **look)
    axes.plot(places[~found], np.full(np.sum(~found), CAP), **look, fillstyle="none")
    for place in places[~found]:
        arrow = {"arrowstyle": "->", "color": style["color"], "shrinkA": 2, "shrinkB": 0}
        axes.annotate("", (place, 6 * CAP), (place, CAP), arrowprops=arrow)


def _places(families: Sequence[str]) -> np.ndarray:
    """Where the directions stand, side by side around the column of their kappa."""
    return np.linspace(-0.4, 0.4, len(families))


def _draw_gap(axes, data: Basin, index: int) -> None:
    """The smallest factor between measured and proved, in the panel and column where it is."""
    ratios = np.round(data.measured / data.proved[:, None], 3)  # the same in every d, but for rounding
    where, column, direction = np.unravel_index(np.argmin(ratios), ratios.shape)
    if where != index:
        return
    place = column + _places(data.families)[direction]
    low, high = data.proved[column], data.measured[where, column, direction]
    axes.annotate("", (place, low), (place, high), arrowprops={"arrowstyle": "<->", "shrinkA": 3, "shrinkB": 0})
    axes.annotate(
        f"factor {data.smallest_ratio:.3g}", (place, math.sqrt(low * high)), (-4, 0), textcoords="offset points",
        va="center", ha="right", fontsize=plotting.SMALL,
    )


def _handles() -> list:
    from matplotlib.lines import Line2D

    return [Line2D([], [], linestyle="none", markersize=5, **style) for style in STYLES.values()]
