"""`linres train`: train on data, measured rates beside the rates that theory gives."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from linres.commands._shared import as_json, as_typed, integer, naming, progress, real
from linres.commands.train_help import DESCRIPTION, EPILOG

METHODS = ("stacking", "zero", "random", "nesterov", "gradient", "chebyshev", "conjugate-gradient")
GROWING, ON_MAPS = METHODS[:3], METHODS[3:]  # by blocks, and on the end-to-end map itself
REFERENCES = METHODS[-2:]  # they choose momentum and step themselves
END_TO_END = {"end-to-end": "gradient", "end-to-end-nesterov": "nesterov"}  # and the method on all blocks at once
DEPTH = 8
RULES = ("functional", "parameter")
STAGES = 200


class Unfit(NamedTuple):
    """An option that some methods do not have: "--name" whatever its value, which "--name {}" repeats, or with one.

    advice: how the error goes on after the name of the method.
    """

    option: str
    methods: tuple[str, ...]
    advice: str

    def applies(self, arguments) -> bool:
        """Whether this is wrong with the arguments."""
        name, _, value = self.option.partition(" ")
        given = getattr(arguments, name.removeprefix("--"))
        return arguments.method in self.methods and given is not None and value in ("", "{}", str(given))

    def message(self, arguments) -> str:
        """The error in words."""
        name = self.option.partition(" ")[0].removeprefix("--")
        option = self.option.format(getattr(arguments, name))
        return f"{option} does not apply to --method {arguments.method}{self.advice}"


_CHOSEN, _NO_BLOCKS = ", which chooses its own. Leave it out.", ", which has no blocks."
_NONE_ADDED = ", which adds no blocks. Leave it out."
UNFIT = (
    Unfit("--momentum", REFERENCES, _CHOSEN),
    Unfit("--momentum", ("zero", "random", "gradient", "end-to-end"), ", which has none. Leave it out."),
    Unfit("--momentum trained", ("nesterov", "end-to-end-nesterov"), ". Leave it out."),
    Unfit("--step", REFERENCES, _CHOSEN),
    Unfit("--rule", tuple(END_TO_END), _NONE_ADDED),
    Unfit("--rule parameter", ON_MAPS, _NO_BLOCKS),
    Unfit("--inner", tuple(END_TO_END), _NONE_ADDED),
    Unfit("--inner {}", ON_MAPS, _NO_BLOCKS),
    Unfit("--train", tuple(END_TO_END), _NONE_ADDED),
    Unfit("--train {}", ON_MAPS, _NO_BLOCKS),
    Unfit("--scale", ("stacking", "zero", *ON_MAPS), ". Take --method random."),
    Unfit("--depth", METHODS, ". Take --method end-to-end."),
)

# What Python arguments are called here, for the errors that name them.
FLAGS = {
    "stages": "--stages", "momentum": "--momentum", "step_size": "--step", "components": "--components",
    "ridge": "--ridge", "seed": "--seed", "start": "--start",
    "fraction": "--start near:R", "problem": "--start near", "x, y": "X and Y", "rule": "--rule", "inner": "--inner",
    "train": "--train", "scale": "--scale", "depth": "--depth",
}

def add_parsers(commands) -> None:
    """Add `train` to the subcommands of the `linres` parser."""
    train = commands.add_parser(
        "train", help="train on data; measured rates beside proved ones", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="linres train DATA [DATA] [options]",
    )
    data = "digits, digits-raw, FILE.npz, X.npy Y.npy, or X.csv Y.csv"
    train.add_argument("data", nargs="+", metavar="DATA", help=data)
    train.add_argument("--method", choices=(*METHODS, *END_TO_END), default="stacking", metavar="NAME",
                       help="how to train, see below; default: stacking")
    train.add_argument("--depth", type=integer, metavar="N", help=f"blocks trained end to end; default {DEPTH}")
    train.add_argument("--rule", choices=RULES, help="what methods with blocks step on: default functional, W itself")
    train.add_argument("--start", metavar="W0", default="identity", help="identity (default), near, near:R or FILE.npy")
    train.add_argument("--stages", type=integer, metavar="T", default=STAGES, help=f"at most; default {STAGES}")
    train.add_argument(
        "--momentum", type=_momentum, metavar="B",
        help="in [0, 1), theory (default) for (1-q)/(1+q), or trained; see below",
    )
    train.add_argument("--step", type=real, metavar="E", help="the step size; default 1/L, see below")
    train.add_argument("--inner", type=integer, metavar="K", help="steps a stage; default 1")
    train.add_argument("--train", choices=("new", "all"), help="the blocks that a stage trains; default new")
    train.add_argument("--scale", type=real, metavar="S", help="of random starts; default 0.1")
    train.add_argument(
        "--components", type=integer, metavar="K", help="keep K principal components of X and of Y, then rotate Y"
    )
    train.add_argument("--ridge", type=real, metavar="R", default=0.0, help="add R to the diagonal of E[x x^T]")
    train.add_argument(
        "--drop-bad-rows", action="store_true",
        help="leave out rows with nan, inf or an empty cell, and count them; default: refuse",
    )
    train.add_argument("--seed", type=integer, metavar="N", default=0, help="of the embedded noise, near and random")
    train.add_argument("--json", action="store_true", help="print one JSON object")
    train.add_argument("--plot", metavar="FILE", help="draw the loss curve; .svg, .pdf or .png; replaces it")
    train.add_argument("--save", metavar="FILE", help="write a table, a row a stage; .csv or .npz; replaces it")
    train.set_defaults(run=run)


def _momentum(text: str) -> float | str:
    if text in ("theory", "trained"):
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"should be a number, theory or trained, got {text!r}") from None


def run(arguments) -> int:
    """Train, report, plot. Returns 0; InputError for bad input, before any training."""
    from linres.commands import train_report
    from linres.errors import InputError, renamed

    try:
        problem, trajectory = _train(arguments)
    except InputError as error:
        raise as_typed(renamed(error, FLAGS)) from None
    if arguments.plot is not None:
        from linres import plotting

        title = f"{problem.name}: d = {problem.dimension}, κ = {problem.kappa:.4g}"
        with naming("--plot", "the plot file"):
            plotting.save(trajectory.plot(title=title), arguments.plot)
    if arguments.save is not None:
        with naming("--save", "the table"):
            trajectory.save(arguments.save)
    report = train_report.describe(problem, trajectory, arguments.start)
    print(as_json(report) if arguments.json else train_report.as_text(problem, trajectory, report))
    return 0


def _train(arguments):
    """The problem and the run on it."""
    from linres import plotting, run_tables
    from linres.data import load

    if arguments.plot is not None:
        with naming("--plot", "the plot file"):
            plotting.require_writable(arguments.plot)
    if arguments.save is not None:
        with naming("--save", "the table"):
            run_tables.require_writable(arguments.save)
    solve = _solver(arguments)
    start = _start(arguments)
    with progress("train", _rows_read) as watch:
        problem = load(
            *arguments.data, components=arguments.components, ridge=arguments.ridge, seed=arguments.seed,
            bad_rows="drop" if arguments.drop_bad_rows else "refuse", watch=watch,
        )
    with progress("train", partial(_stages_done, arguments.stages)) as watch:
        trajectory = solve(problem, start(problem), watch)
    return problem, replace(trajectory, settings=trajectory.settings | _asked(arguments))


def _asked(arguments) -> dict:
    """What made the problem and W_0, for the table of the run."""
    asked = {"network_start": arguments.start, "components": arguments.components, "ridge": arguments.ridge}
    return asked | {"data_seed": arguments.seed}


def _start(arguments):
    """What makes the start for a problem: W_0, None for the identity, or a word that `linres.train` knows."""
    from linres import starts
    from linres.methods import end_to_end

    word = arguments.start
    others = end_to_end.STARTS if arguments.method in END_TO_END else ()
    if word in others:
        return lambda problem: word
    return starts.choose(word, seed=arguments.seed, others=others)


# By method: the options its solver is told beside --stages, where they are given.
_PACE, _DRAWN = ("momentum", "step"), ("scale", "seed")
OPTIONS = {
    **dict.fromkeys(GROWING, ("rule", "inner", "train", *_PACE, *_DRAWN)), "nesterov": _PACE, "gradient": ("step",),
    **dict.fromkeys(REFERENCES, ()), **dict.fromkeys(END_TO_END, ("depth", *_PACE, *_DRAWN)),
}


def _solver(arguments):
    """The run to do on a problem from a start, watched; InputError for an option that the method does not have."""
    from linres.methods import chebyshev, conjugate_gradient, descent, end_to_end, nesterov, stacking

    _require_applicable(arguments)
    method = arguments.method
    solvers: dict[str, Callable] = {
        **{name: partial(stacking.grow, block_start=name) for name in GROWING},
        "nesterov": nesterov.accelerate, "gradient": descent.descend, "chebyshev": chebyshev.chebyshev,
        "conjugate-gradient": conjugate_gradient.conjugate_gradient,
        **{name: partial(end_to_end.train, method=on, depth=DEPTH) for name, on in END_TO_END.items()},
    }
    given = {option: getattr(arguments, option) for option in ("stages", *OPTIONS[method])}
    told = {
        "step_size" if option == "step" else option: value
        for option, value in given.items() if value not in (None, "theory")
    }

    def solve(problem, first, watch):
        start = {} if first is None else {"start": first}
        return solvers[method](problem, watch=watch, **start, **told)

    return solve


def _rows_read(rows: int, total: int | None) -> str:
    return f"{rows:,} rows read" if total is None else f"{rows:,} of {total:,} rows read"


def _stages_done(stages: int, stage: int, excess: float) -> str:
    """Stage `stage` is done and its excess loss known."""
    return f"stage {stage} of at most {stages}, excess loss {excess:.3g}"


def _require_applicable(arguments) -> None:
    from linres.data import EMBEDDED
    from linres.errors import InputError

    [first, *_] = arguments.data
    if arguments.drop_bad_rows and first in EMBEDDED:
        raise InputError(f"--drop-bad-rows does not apply to {first}, which has no such rows. Leave it out.")
    for unfit in UNFIT:
        if unfit.applies(arguments):
            raise InputError(unfit.message(arguments))
