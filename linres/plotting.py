"""Figures. Matplotlib is imported when one is drawn; colours are Okabe and Ito's, and lines differ in style as well."""

import os
from typing import Any

import numpy as np

from linres import writing
from linres.methods.block_starts import METHODS
from linres.trajectory import Trajectory

BLUE, VERMILION, BLACK = "#0072B2", "#D55E00", "#000000"
ORANGE, GREEN, PURPLE, SKY, GREY = "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#777777"
WIDTH, MEDIUM, SMALL = 7.0, 9.0, 8.0  # inches of a page's width; points of type on it
# What would make the same figure another file: the date, the identifiers of SVG elements, the version of Matplotlib.
METADATA: dict[str, dict[str, Any]] = {
    ".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {"Software": None}
}


def loss_curve(trajectory: Trajectory, *, title: str = ""):
    """The excess loss against the stage, relative to the start, on a log scale, with the sharp course beside it.

    Beside them every bound that is proved of the run, where `linres.guarantee` has one for its problem. Stages whose
    excess is zero are left out. Where the excess is unknown it is the loss itself that is drawn, in its own units.
    Returns a matplotlib.figure.Figure.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    drawn, words = _drawn(trajectory)
    stages = np.arange(len(drawn))
    measured = drawn
    if np.isfinite(trajectory.excess_loss[0]) or drawn.min() > 0:  # a loss of unknown minimum may be negative
        measured = np.where(drawn > 0, drawn, np.nan)
        axes.set_yscale("log", nonpositive="mask")
        _set_range(axes, measured)
    axes.plot(
        stages, measured, color=BLUE, linewidth=1.6, marker="o", markersize=3.5, markevery=max(1, len(stages) // 20),
        label=f"{trajectory.method}, measured{_per_stage(trajectory.rate())}",
    )
    _draw_bounds(axes, trajectory, stages)
    axes.set_xlabel(f"stage t ({'blocks added' if trajectory.method in METHODS else 'steps taken'})")
    axes.set_ylabel(words)
    axes.set_title(title, fontsize="medium")
    axes.grid(True, color="0.85", linewidth=0.6)
    handles = axes.get_legend_handles_labels()[0]
    legend_below(figure, handles, columns=1)
    figure.set_figheight(4.2 + 0.18 * len(handles))
    return figure


def _drawn(trajectory: Trajectory) -> tuple[np.ndarray, str]:
    """What the curve shows, (T + 1,), and what to call it."""
    excess = trajectory.excess_loss
    if np.isnan(excess[0]):
        return trajectory.loss, "loss ℓ(Wₜ)"
    relative = excess / excess[0] if excess[0] > 0 else excess
    return relative, "excess loss relative to the start,\n(ℓ(Wₜ) − ℓ*) / (ℓ(W₀) − ℓ*)"


def _per_stage(rate: float | None) -> str:
    return "" if rate is None else f": {rate:.4g} per stage"


# What a bound looks like, by what it bounds.
_LINES: dict[str, dict[str, Any]] = {
    "sharp": {"color": VERMILION, "linestyle": (0, (6, 3)), "linewidth": 1.6},
    "excess": {"color": GREEN, "linestyle": (0, (6, 2, 1, 2)), "linewidth": 1.6},
    "potential": {"color": PURPLE, "linestyle": (0, (1, 1)), "linewidth": 1.8},
    "mean": {"color": PURPLE, "linestyle": (0, (1, 1)), "linewidth": 1.8},
}


def _draw_bounds(axes, trajectory: Trajectory, stages: np.ndarray) -> None:
    """What theory has of the run: the sharp course near W*, and every bound that is proved of it, as its theorem says.

    One curve where the sharp course is itself proved.
    """
    from linres import proved_bounds

    bounds = _bounds(trajectory)
    sharp = proved_bounds.reference(trajectory, stages)
    by = [bound.by for bound in bounds if bound.by in proved_bounds.SHARP_COURSES]
    if sharp is not None:
        values, words = sharp
        label = f"proved ({by[0]}): {words}" if by else f"sharp rate for quadratics: {words}"
        axes.plot(stages, _positive(values), label=label, **_LINES["sharp"])
    for bound in bounds:
        if bound.by in by:
            continue
        of_mean = " of the mean over seeds" if bound.of == "mean" else ""
        label = f"proved{of_mean} ({bound.by}){_per_stage(bound.contraction)}"
        axes.plot(stages, _positive(bound.at(stages) / trajectory.excess_loss[0]), label=label, **_LINES[bound.of])


def _bounds(trajectory: Trajectory) -> tuple:
    from linres import guarantee

    if trajectory.problem is None or not trajectory.excess_loss[0] > 0:
        return ()
    return guarantee.of(trajectory.problem, trajectory).bounds


def _positive(line: np.ndarray) -> np.ndarray:
    """The line, nan where float64 has no such positive number."""
    return np.where((line > 0) & np.isfinite(line), line, np.nan)


def _set_range(axes, measured: np.ndarray) -> None:
    """The measured values with room around them, whatever the lines beside them do."""
    shown = measured[np.isfinite(measured)]
    low, high = (shown.min(), shown.max()) if len(shown) else (0.1, 1.0)
    axes.set_ylim(max(low / 3, 1e-300), min(high * 3, 1e300))


def sheet(rows: int, columns: int, *, height: float, **keywords):
    """A matplotlib Figure as wide as a page, height inches high, and its axes, an array (rows, columns).

    keywords are those of Figure.subplots.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **keywords)


def dress(axes, *, title: str = "", letter: str = "", x: str = "", y: str = "") -> None:
    """Grid, sizes of type, and words: the panel's letter and title, what its axes show."""
    axes.grid(True, color="0.88", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=SMALL)
    axes.set_xlabel(x, fontsize=MEDIUM)
    axes.set_ylabel(y, fontsize=MEDIUM)
    axes.set_title(f"({letter}) {title}" if letter else title, fontsize=MEDIUM, loc="left")


def legend_below(figure, handles, *, columns: int) -> None:
    """One legend for all panels, under them."""
    figure.legend(
        handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=SMALL, handlelength=3.2,
    )


def require_writable(path: str) -> str:
    """InputError unless `save(figure, path)` can be expected to succeed; returns the suffix, in lower case."""
    return writing.require_writable(path, _label(path), METADATA)


def _label(path: str) -> str:
    return f"the plot file {path!r}"


def save(figure, path) -> None:
    """Write the figure to path (.svg, .pdf or .png), whole or not at all; the same figure gives the same bytes.

    InputError if the path cannot be written. SVG keeps its text as text.
    """
    import matplotlib

    path = os.fspath(path)
    suffix = require_writable(path)
    styled = matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "linres"})
    with writing.whole(path, "xb", _label(path)) as file, styled:
        figure.savefig(file, format=suffix[1:], dpi=200, metadata=METADATA[suffix])
