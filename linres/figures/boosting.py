"""Rounds of boosting to a given training loss: each member starts at zero, or at the last one times the momentum.

Two data sets that come with scikit-learn: diabetes (442 samples, squared loss) and breast cancer (569 samples, logistic
loss), with stumps and with trees of depth 3. Left: rounds until the training loss is a fraction of that of the best
constant, against the shrinkage (the step in units of 1/L). Right: the loss against the round where stacking goes
wrong, and how much of the gradient a tree misses, |e_t|/(eta |r_t|). Read off:

- At the same short step, shrinkage .1 or less, stacking needs several times fewer rounds. Momentum .9 at
  shrinkage .1 is no quicker to these targets than zero start at shrinkage 1 = .1/(1 - .9), the step in effect.
- Each start at its own best step, zero start is quicker on diabetes. On breast cancer stacking is, by little to these
  targets, but it goes on to a loss tens or hundreds of times lower.
- At long steps stacking can fail where zero start does not: the loss falls, then grows. Trees miss most of the gradient
  later on, and momentum adds these errors up (nesterov-convex-with-errors); no theorem promises acceleration here.

This is the training loss alone: how fast something is minimised, not how well it predicts.

Headlines: the rounds of zero start and of the better stacking start at shrinkage .1, and at the best of each; the
lowest loss in the end; how many runs lose what they reached.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linres import figures, plotting

TITLE = "boosted trees: rounds to a training loss, with stacking and without"
REQUIRES = "sklearn"
STAGES = 200
SHRINKAGES = (1.0, 0.3, 0.1, 0.03)
USUAL = 0.1  # the shrinkage that most programs take
LOSSES = {"diabetes": "squared", "breast cancer": "logistic"}
# By data set and depth: the loss to reach, in units of that of the best constant.
TARGETS = {
    ("diabetes", 1): 0.4, ("diabetes", 3): 0.2, ("breast cancer", 1): 0.2, ("breast cancer", 3): 0.05,
}
STARTS: dict[str, dict[str, Any]] = {
    "zero": {"start": "zero"}, "growing": {"momentum": "growing"}, "constant": {"momentum": 0.9},
}
STACKED = ("growing", "constant")
Case = tuple[str, int]  # a data set and the depth of the trees


@dataclass(frozen=True, eq=False)
class Run:
    """One run: loss (T + 1,) in units of that of the best constant, and missed (T,), |e_t|/(eta |r_t|)."""

    loss: np.ndarray
    missed: np.ndarray
    status: str

    def rounds(self, target: float) -> int | None:
        """The first round with a loss of at most target; None if there is none."""
        reached = np.flatnonzero(self.loss <= target)
        return int(reached[0]) if len(reached) else None

    def lost(self, target: float) -> bool:
        """Whether the run ends with a loss above the target that it reached, or above that of the best constant."""
        return bool(self.loss[-1] > (1.0 if self.rounds(target) is None else target))


@dataclass(frozen=True, eq=False)
class Boosting:
    """The runs, by case, shrinkage and start, of at most `stages` rounds each; shrinkages in descending order."""

    runs: dict[tuple[Case, float, str], Run]
    shrinkages: tuple[float, ...]
    stages: int

    def rounds(self, case: Case, start: str) -> list[int | None]:
        """The rounds to the target of the case, by shrinkage."""
        return [self.runs[case, shrinkage, start].rounds(TARGETS[case]) for shrinkage in self.shrinkages]

    def best(self, case: Case, *starts: str, shrinkage: float | None = None) -> int | None:
        """The fewest rounds to the target with one of these starts, at this shrinkage or at any, over the runs that do
        not lose it again; None: not reached."""
        runs = [
            run for (of, at, start), run in self.runs.items()
            if of == case and start in starts and shrinkage in (None, at) and not run.lost(TARGETS[case])
        ]
        reached = [rounds for run in runs if (rounds := run.rounds(TARGETS[case])) is not None]
        return min(reached, default=None)

    def lost(self, *starts: str) -> int:
        """How many of the runs with these starts end above the target they reached, or above the best constant."""
        return sum(run.lost(TARGETS[case]) for (case, _, start), run in self.runs.items() if start in starts)

    def final(self, case: Case, *starts: str) -> float:
        """The lowest loss in the end with one of these starts, at any shrinkage."""
        return min(
            float(run.loss[-1]) for (of, _, start), run in self.runs.items() if of == case and start in starts
        )

    def summary(self) -> str:
        """The headlines in a sentence."""
        runs = len(TARGETS) * len(self.shrinkages)
        usual = self._compared(lambda case, *starts: self._shown(self.best(case, *starts, shrinkage=USUAL)))
        best = self._compared(lambda case, *starts: self._shown(self.best(case, *starts)))
        final = self._compared(lambda case, *starts: f"{self.final(case, *starts):.2g}")
        return (
            f"rounds to the target, zero start / stacking: at shrinkage {USUAL:g} {usual}; "
            f"at the best shrinkage {best}; lowest loss after {self.stages} rounds {final}; "
            f"lost again, or ended above the best constant: {self.lost('zero')} of {runs} / "
            f"{self.lost(*STACKED)} of {2 * runs} runs"
        )

    def _compared(self, shown: Callable[..., str]) -> str:
        return ", ".join(f"{shown(case, 'zero')} / {shown(case, *STACKED)} ({_title(case)})" for case in TARGETS)

    def _shown(self, rounds: int | None) -> str:
        return f">{self.stages}" if rounds is None else str(rounds)


def _title(case: Case) -> str:
    data, depth = case
    return f"{data}, {'stumps' if depth == 1 else f'depth {depth}'}"


def compute(shrinkages: Sequence[float] = SHRINKAGES, *, stages: int = STAGES) -> Boosting:
    """Boost trees on both data sets from every start with every shrinkage; InputError without scikit-learn.

    Losses are in units of that of the best constant, which is where every run starts.
    """
    runs = {}
    for case in TARGETS:
        learner, X, y = _problem(case)
        for shrinkage in shrinkages:
            for start, options in STARTS.items():
                runs[case, shrinkage, start] = _run(learner, X, y, case, stages, shrinkage, options)
    return Boosting(runs, tuple(shrinkages), stages)


def _problem(case: Case):
    """The tree, and X, y."""
    figures.require("boosting")
    from sklearn import datasets
    from sklearn.tree import DecisionTreeRegressor

    data, depth = case
    read = {"diabetes": datasets.load_diabetes, "breast cancer": datasets.load_breast_cancer}[data]
    X, y = read(return_X_y=True)
    return DecisionTreeRegressor(max_depth=depth, random_state=0), X, y


def _run(learner, X, y, case: Case, stages: int, shrinkage: float, options: dict[str, Any]) -> Run:
    from linres.methods.boosting import boost

    run = boost(learner, X, y, loss=LOSSES[case[0]], stages=stages, shrinkage=shrinkage, **options)
    return Run(run.loss / run.loss[0], run.residual / (run.settings["step_size"] * run.target_norm), run.status)


STYLES: dict[str, dict[str, Any]] = {
    "zero": {"color": plotting.VERMILION, "marker": "s", "linestyle": "-", "label": "zero start"},
    "growing": {
        "color": plotting.BLUE, "marker": "o", "linestyle": (0, (4, 2)), "label": "stacking, βₜ = (t−1)/(t+2)",
    },
    "constant": {
        "color": plotting.GREEN, "marker": "^", "linestyle": (0, (7, 2, 1.5, 2)), "label": "stacking, β = 0.9"
    },
}
CROSS: dict[str, Any] = {"color": plotting.BLACK, "marker": "x", "markersize": 9, "markeredgewidth": 1.0}
LEVELS = {"zero": 1.35, "growing": 2.2, "constant": 4.0}  # of runs that never get there, times the rounds there are
BAND = 6  # where these end
FOLLOWED: tuple[Case, float] = (("diabetes", 3), 0.3)  # falls, then grows, with growing momentum
LOOKS: dict[Case, dict[str, Any]] = {
    ("diabetes", 1): {"color": plotting.BLACK, "linestyle": "-", "marker": "o"},
    ("diabetes", 3): {"color": plotting.PURPLE, "linestyle": (0, (4, 2)), "marker": "D"},
    ("breast cancer", 1): {"color": plotting.ORANGE, "linestyle": "-", "marker": "v"},
    ("breast cancer", 3): {"color": plotting.SKY, "linestyle": (0, (4, 2)), "marker": "s"},
}


def draw(data: Boosting):
    """The matplotlib Figure, 7 x 7.4 inches: rounds against shrinkage, then losses and errors against the round."""
    figure, grid = plotting.sheet(3, 2, height=7.4)
    for axes, case, letter in zip(grid.flat, TARGETS, "abcd", strict=False):
        _draw_rounds(axes, data, case)
        plotting.dress(
            axes, title=f"{_title(case)}: loss ≤ {TARGETS[case]:g} ℓ₀", letter=letter,
            x="shrinkage ν (step ν/L)", y="rounds needed" if letter in "ac" else "",
        )
    _draw_losses(grid[2, 0], data)
    _draw_missed(grid[2, 1], data)
    plotting.legend_below(figure, _handles(), columns=3)
    return figure


def _draw_rounds(axes, data: Boosting, case: Case) -> None:
    axes.axhspan(data.stages, data.stages * BAND, color="0.92", zorder=0)
    places = np.array(data.shrinkages)
    for start, style in STYLES.items():
        top = data.stages * LEVELS[start]
        rounds = np.array([math.nan if n is None else n for n in data.rounds(case, start)])
        axes.plot(places, rounds, linewidth=1.3, markersize=5.5, markeredgecolor="white", markeredgewidth=0.6, **style)
        missing = np.isnan(rounds)
        axes.plot(
            places[missing], np.full(missing.sum(), top), linestyle="none", color=style["color"], fillstyle="none",
            marker=style["marker"], markersize=5,
        )
        lost = np.array([data.runs[case, shrinkage, start].lost(TARGETS[case]) for shrinkage in data.shrinkages])
        axes.plot(places[lost], np.where(missing, top, rounds)[lost], linestyle="none", **CROSS)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(1.5, data.stages * BAND)
    axes.set_xticks(data.shrinkages, [f"{shrinkage:g}" for shrinkage in data.shrinkages])
    axes.minorticks_off()
    ticks = [n for n in (2, 5, 10, 20, 50, 100) if n < data.stages] + [data.stages]
    axes.set_yticks([*ticks, data.stages * LEVELS["growing"]], [*map(str, ticks), "not"])


def _draw_losses(axes, data: Boosting) -> None:
    case, shrinkage = FOLLOWED
    for index, (start, style) in enumerate(STYLES.items()):
        loss = data.runs[case, shrinkage, start].loss
        axes.plot(np.arange(len(loss)), loss, linewidth=1.3, markersize=4, markevery=(5 * index, 20), **style)
    axes.axhline(TARGETS[case], color=plotting.GREY, linewidth=1.2, linestyle=(0, (1, 1)))
    axes.annotate("target", (data.stages, TARGETS[case]), (0, 3), textcoords="offset points", ha="right",
                  fontsize=plotting.SMALL)
    axes.set_yscale("log")
    plotting.dress(
        axes, title=f"{_title(case)}, ν = {shrinkage:g}", letter="e", x="round t", y="training loss / ℓ₀",
    )


def _draw_missed(axes, data: Boosting) -> None:
    for index, (case, look) in enumerate(LOOKS.items()):
        missed = data.runs[case, USUAL, "growing"].missed
        rounds = np.arange(1, len(missed) + 1)
        axes.plot(rounds, missed, linewidth=0.9, markersize=4, markevery=(5 * index, 20), label=_title(case), **look)
    axes.set_ylim(0, 1.04)
    axes.legend(frameon=False, fontsize=plotting.SMALL, loc="lower right")
    plotting.dress(axes, title=f"missed of the gradient, ν = {USUAL:g}", letter="f", x="round t", y="|eₜ| / η|rₜ|")


def _handles() -> list:
    from matplotlib.lines import Line2D

    def entry(label: str, **style):
        return Line2D([], [], linestyle="none", label=label, **style)

    lines = [Line2D([], [], linewidth=1.3, markersize=5, **style) for style in STYLES.values()]
    return [
        *lines,
        entry("not reached in time", marker="o", fillstyle="none", color=plotting.GREY),
        entry("lost again, or ends above ℓ₀", **CROSS),
        entry("ℓ₀: loss of the best constant"),
    ]
