"""Back-propagated gradients of random residual networks: the same three regimes.

p_L is standard normal and independent of the network, p_0 the gradient of <p_L, h_L> in h_0. Left: V relu(U h) with
uniform weights and the scale L^-b; the mean square of |p_0 - p_L|/|p_L| is (1 + L^-2b/2)^L - 1, since in the order of
the layers each is independent of what it meets. Right: exponent 1/2 and other blocks. Where a block is V phi(h) with
phi no identity, how much of the state it lets through depends on the state, and (1 + 1/L)^L - 1 is a bound alone.

Headlines: how many intervals hold the closed form, on the left and for linear blocks; how far the others stay below it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linres import depth_scaling, estimates, plotting
from linres.depth_scaling import Network
from linres.figures import _norms
from linres.figures._norms import DEPTHS, EXPONENTS, LOOKS, NAMES, Point

TITLE = "back-propagated gradients: the same regimes"
CONFIDENCE = 0.999
WIDTH = 40
BLOCKS = ("linear", "relu", "tanh")  # of one matrix


@dataclass(frozen=True, eq=False)
class Gradients:
    """log E|p_0 - p_L|^2/|p_L|^2 by exponent, V relu(U h), and by block at exponent 1/2, a `Point` for each depth."""

    regimes: dict[float, list[Point]]
    blocks: dict[str, list[Point]]

    @property
    def covered(self) -> tuple[int, int]:
        """How many intervals hold the closed form, of how many, where there is one."""
        return _norms.covered([*(p for points in self.regimes.values() for p in points), *self.blocks["linear"]])

    @property
    def shares(self) -> dict[str, float]:
        """By block, the mean square at the last depth over its bound."""
        last = {name: points[-1] for name, points in self.blocks.items()}
        return {name: float(np.exp(p.estimate.measured - p.predicted)) for name, p in last.items()}

    def summary(self) -> str:
        """The headlines in a sentence."""
        within, of = self.covered
        shares = ", ".join(f"{share:.2f} ({name})" for name, share in self.shares.items() if name != "linear")
        return f"{within} of {of} intervals at {CONFIDENCE:g} hold the closed form; of the bound is reached {shares}"


def compute(depths: Sequence[int] = DEPTHS, *, networks: int = 300, seed: int = 0) -> Gradients:
    """Draw so many networks for each depth and block; all exponents share their weights."""
    regimes: dict[float, list[Point]] = {b: [] for b in EXPONENTS}
    for depth in depths:
        for b, point in zip(EXPONENTS, _points(depth, EXPONENTS, "relu", 2, networks, seed), strict=True):
            regimes[b].append(point)
    blocks = {
        block: [_points(depth, (0.5,), block, 1, networks, seed + 1)[0] for depth in depths] for block in BLOCKS
    }
    return Gradients(regimes, blocks)


def _points(depth: int, exponents: Sequence[float], block: str, matrices: int, runs: int, seed: int) -> list[Point]:
    from linres.methods.propagation import propagate

    found = propagate(
        depth, width=WIDTH, exponent=list(exponents), runs=runs, block=block, matrices=matrices, law="uniform",
        gradients=True, seed=seed,
    )
    points = []
    for exponent, logs in zip(exponents, np.asarray(found.log_gradient_distance), strict=True):
        network = Network(depth, WIDTH, exponent, block, matrices, "uniform")
        form = depth_scaling.predictions(network, of_gradients=True)["mean_square_distance"].value
        points.append(Point(network, estimates.mean_of_exponentials(2 * logs, CONFIDENCE), form))
    return points


BLOCK_LOOKS = {
    "linear": {"color": plotting.BLUE, "marker": "o"}, "relu": {"color": plotting.VERMILION, "marker": "^"},
    "tanh": {"color": plotting.GREEN, "marker": "s"},
}
BLOCK_NAMES = {"linear": "V h: independent of the state", "relu": "V relu(h)", "tanh": "V tanh(h)"}


def draw(data: Gradients):
    """The matplotlib Figure, 7 x 3.8 inches."""
    figure, grid = plotting.sheet(1, 2, height=3.8)
    left, right = grid[0]
    for b, points in data.regimes.items():
        _norms.draw_points(left, points, LOOKS[b], power=0.5)
    for name, points in data.blocks.items():
        _norms.draw_points(right, points, BLOCK_LOOKS[name], power=0.5, form=name == "linear")
    _norms.log_log(left)
    right.set_xscale("log")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.legend(handles=_handles(axes is left), frameon=False, fontsize=plotting.SMALL, loc="best")
    left.set_ylim(top=3e5)
    plotting.dress(
        left, title="ReLU, two matrices, uniform", letter="a", x="depth L", y="root mean square of |p₀ − p_L|/|p_L|"
    )
    plotting.dress(right, title="exponent ½, one matrix", letter="b", x="depth L")
    return figure


def _handles(regimes: bool) -> list:
    from matplotlib.lines import Line2D

    looks = {NAMES[b]: LOOKS[b] for b in EXPONENTS} if regimes else {BLOCK_NAMES[b]: BLOCK_LOOKS[b] for b in BLOCKS}
    return [
        *(Line2D([], [], linestyle="none", markersize=4, fillstyle="none", label=name, **look)
          for name, look in looks.items()),
        Line2D([], [], color=plotting.GREY, linewidth=1.2, linestyle=_norms.DASHED,
               label="closed form" if regimes else "closed form of V h, a bound of the others"),
    ]
