"""`linres train`: train on data, measured rates beside the rates that theory gives."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from linres.commands._shared import as_json, integer, naming, progress, real

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
    "ridge": "--ridge", "seed": "--seed", "network": "--start", "start": "--start",
    "fraction": "--start near:R", "problem": "--start near", "x, y": "X and Y", "rule": "--rule", "inner": "--inner",
    "train": "--train", "scale": "--scale", "depth": "--depth",
}

DESCRIPTION = """Train a deep linear residual network stage by stage on DATA and compare the
measured contraction of the excess loss per stage with the rates that theory
gives. Every hypothesis of the theorem that speaks of the method is listed with
its value on DATA, and the rate is proved where all of them hold.

DATA is digits or digits-raw (embedded), one .npz file with arrays X and Y, or
two .npy or .csv files, X and then Y. Samples are rows and are centred. Files
are read once, in little memory, however large they are."""

EPILOG = """methods:
  stacking   each new block starts at momentum times the one before
  zero       each new block starts at zero
  random     each new block starts at normals of variance S^2/d, S = --scale,
             drawn by --seed
  nesterov   Nesterov's accelerated gradient method on the end-to-end map
  gradient   gradient descent on the end-to-end map
  chebyshev  the Chebyshev semi-iteration, best where only mu and L are known
  conjugate-gradient
             the least loss that so many gradients allow, all rows as one system
  end-to-end
             gradient descent on all --depth blocks at once; by line search
             unless there is a --step
  end-to-end-nesterov
             Nesterov's method on them

starts:
  identity   W_0 = I
  near:R     W_0 = W* + a random matrix (by --seed) at which the potential
             Phi_0 is R times what stacking-acceleration allows: inside its
             basin for R < 1; near is near:0.5
  FILE.npy   W_0 from a file of d x d numbers, np.save("w.npy", w)
  End to end, W_0 is made of balanced factors, and FILE.npy may hold
  depth x d x d blocks; zero, random and balanced (by --seed) are starts as
  well: see help(linres.train).

stages:
  --inner K      K steps a stage instead of one
  --train all    (--rule parameter) in stage n all n blocks so far take the
                 steps, each a n-th of --step, instead of the new block alone
  --momentum trained
                 begins as that of theory; before each step on the block it
                 takes one of its own down the loss, and is kept in [0, 1]
  Nothing is proved of these three, nor of random starts.

defaults of --momentum and --step:
  q = 1/sqrt(kappa) and L are those of Sigma = E[x x^T], except for
  --rule parameter, which sees the eigenvalues of W Sigma W^T. There the step is
  1/M, M the largest of them at W_0 and at W*, and q = sqrt(m/M), m the smallest
  that is not 0 at W*.

components:
  --components K projects X and Y on K principal components, each on its own,
  then rotates Y (orthogonal Procrustes) so that E[y x^T] is symmetric positive
  semidefinite. The start W_0 = I profits: W* has no negative eigenvalue, and no
  singular map lies between I and an invertible W*.

tables (--save, and "final" of --json):
  loss, excess_loss, potential Phi_t, distance |W_t - W*|, block_norm |w_t|, and
  of the run as Nesterov's method with errors lookahead_error |D_t|, step_error
  |e_t| and beta, at each stage; .csv repeats the settings in each row, .npz is
  read by linres.Trajectory.load

examples:
  linres train digits
  linres train digits --start near
  linres train digits --method zero --stages 500 --plot zero.svg
  linres train digits --rule parameter --json
  linres train digits --save run.csv
  linres train digits --method random --scale 0.01 --inner 5 --seed 3
  linres train digits --rule parameter --train all --momentum trained
  linres train digits-raw --components 20
  linres train digits --method end-to-end --depth 16 --start random
  linres train inputs.csv outputs.csv --ridge 1e-3
  linres train X.npy Y.npy --drop-bad-rows

exit codes: 0 trained (a run that diverges says so in its status), 2 bad input"""


def add_parsers(commands) -> None:
    """Add `train` to the subcommands of the `linres` parser."""
    train = commands.add_parser(
        "train", help="train on data; measured rates beside proved ones", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="linres train DATA [DATA] [options]",
    )
    # One line instead of argparse's usage and error: what was wrong is then not lost in the options.
    train.error = lambda message: train.exit(2, f"{train.prog}: {message}\n")
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
        "--drop-bad-rows", action="store_true", help="leave out rows with nan or inf, and count them; default: refuse"
    )
    train.add_argument("--seed", type=integer, metavar="N", default=0, help="of the embedded noise, near and random")
    train.add_argument("--json", action="store_true", help="print one JSON object")
    train.add_argument("--plot", metavar="FILE", help="draw the loss curve; .svg, .pdf or .png")
    train.add_argument("--save", metavar="FILE", help="write a table, a row for each stage; .csv or .npz")
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
    from linres.errors import InputError, renamed

    try:
        problem, trajectory = _train(arguments)
    except InputError as error:
        raise renamed(error, FLAGS) from None
    if arguments.plot is not None:
        from linres import plotting

        title = f"{problem.name}: d = {problem.dimension}, κ = {problem.kappa:.4g}"
        with naming("--plot", "the plot file"):
            plotting.save(trajectory.plot(title=title), arguments.plot)
    if arguments.save is not None:
        with naming("--save", "the table"):
            trajectory.save(arguments.save)
    report = _report(problem, trajectory, arguments.start)
    print(as_json(report) if arguments.json else _as_text(problem, trajectory, report))
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
    asked = {"first": arguments.start, "components": arguments.components, "ridge": arguments.ridge}
    return asked | {"data_seed": arguments.seed}


def _start(arguments):
    """What makes the start for a problem: W_0, None for the identity, or a word that `linres.train` knows."""
    from linres import starts
    from linres.methods import end_to_end

    word = arguments.start
    if arguments.method in END_TO_END and word in end_to_end.STARTS:
        return lambda problem: word
    return starts.choose(word, seed=arguments.seed)


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
        **{name: partial(stacking.grow, start=name) for name in GROWING},
        "nesterov": nesterov.accelerate, "gradient": descent.descend, "chebyshev": chebyshev.chebyshev,
        "conjugate-gradient": conjugate_gradient.conjugate_gradient,
        **{name: partial(end_to_end.train, method=on, depth=DEPTH) for name, on in END_TO_END.items()},
    }
    given = {option: getattr(arguments, option) for option in ("stages", *OPTIONS[method])}
    told = {
        "step_size" if option == "step" else option: value
        for option, value in given.items() if value not in (None, "theory")
    }
    from_where = "network" if method in GROWING else "start"

    def solve(problem, first, watch):
        start = {} if first is None else {from_where: first}
        return solvers[method](problem, watch=watch, **start, **told)

    return solve


def _rows_read(rows: int, total: int | None) -> str:
    return f"{rows:,} rows read" if total is None else f"{rows:,} of {total:,} rows read"


def _stages_done(stages: int, stage: int, excess: float) -> str:
    """Stage `stage` is done and its excess loss known."""
    return f"stage {stage} of at most {stages}, excess loss {excess:.3g}"


def _require_applicable(arguments) -> None:
    from linres.errors import InputError

    for unfit in UNFIT:
        if unfit.applies(arguments):
            raise InputError(unfit.message(arguments))


def _report(problem, trajectory, start: str) -> dict:
    """What --json prints, in its order."""
    from linres import guarantee

    settings = trajectory.settings
    proved = guarantee.of(problem, trajectory)
    return {
        "data": problem.name,
        "rows_dropped": problem.dropped,
        "method": trajectory.method,
        "rule": trajectory.rule,
        "start": start,
        "stages": len(trajectory.loss) - 1,
        "mu": problem.mu,
        "L": problem.L,
        "kappa": problem.kappa,
        "sigma_min": problem.sigma_min,
        "momentum": settings["momentum"],
        "step": None if settings["momentum"] is None else settings["step_size"],
        "momentum_rule": settings.get("momentum_rule", "fixed"),
        "inner": settings.get("inner", 1),
        "train": settings.get("train", "new"),
        "loss": trajectory.loss.tolist(),
        "excess_loss": trajectory.excess_loss.tolist(),
        "final": _final(trajectory),
        "rate_measured": trajectory.rate(),
        "rate_sharp": trajectory.rate_sharp,
        "rate_sharp_by": proved.rate_sharp_by,
        "rate_proved": proved.rate_proved,
        "rate_proved_by": None if proved.rate_proved is None else proved.statement,
        "hypotheses_of": proved.statement,
        "hypotheses": proved.hypotheses,
        "inside_basin": proved.inside_basin,
        "basin": _basin(proved.basin),
        "status": trajectory.status,
    }


def _final(trajectory) -> dict[str, float]:
    """The quantities at the last stage; those of a step, at the last stage that made one."""
    from linres.quantities import OF_STEPS

    final = {}
    for name, values in trajectory.series.items():
        last = -2 if name in OF_STEPS and len(values) > 1 else -1
        final[name] = float(values[last])
    return final


def _basin(basin) -> dict | None:
    if basin is None:
        return None
    return {
        "phi_0": basin.phi_0,
        "potential_over_mu_sigma_squared": basin.scaled,
        "threshold": basin.threshold,
        "ratio": basin.ratio,
    }


def _as_text(problem, trajectory, report: dict) -> str:
    noun = "row" if problem.dropped == 1 else "rows"
    left_out = f" ({problem.dropped} {noun} dropped)" if problem.dropped else ""
    size = f"{problem.samples} samples{left_out}, d = {problem.dimension}"
    rows = [
        ("data", f"{problem.name}: {size}"),
        ("method", f"{trajectory.method}, {trajectory.rule} rule, {_from(report['start'])}"),
        ("mu", f"{problem.mu:.6g}", "smallest eigenvalue of Sigma"),
        ("L", f"{problem.L:.6g}", "largest"),
        ("kappa", f"{problem.kappa:.6g}", "L/mu"),
        ("sigma_min(W*)", f"{problem.sigma_min:.6g}", "smallest singular value of the target"),
        ("momentum", _or_none(report["momentum"], "chosen at each stage"),
         *_if("at first, then trained", report["momentum_rule"] == "trained")),
        ("step", _or_none(report["step"], "chosen at each stage"), *_steps(report)),
        ("loss", f"{report['loss'][0]:.6g} -> {report['loss'][-1]:.6g}", f"least possible: {problem.minimum_loss:.6g}"),
        ("rate measured", _or_none(report["rate_measured"], "too few stages"), "contraction of the excess, fitted"),
        ("rate sharp", _or_none(report["rate_sharp"], "none known"), *_if(_sharp(report), report["rate_sharp"])),
        _proved_row(report),
        *_basin_rows(report),
        ("stages to 1e-6", _or_none(trajectory.stages_to(1e-6), "not reached"), "of the initial excess loss"),
        ("status", _status(trajectory)),
        ("hypotheses", _holding(report)),
    ]
    return "\n".join([*map(_line, rows), *_table(report["hypotheses"])])


def _steps(report: dict) -> list[str]:
    """What a stage does with its step, where that is more than one step on the new block."""
    blocks = " of all n blocks, each a n-th of it" if report["train"] == "all" else ""
    steps = f"{report['inner']} a stage" if report["inner"] > 1 else ("one a stage" if blocks else "")
    return [steps + blocks] if steps else []


def _if(comment: str, applies) -> list[str]:
    return [comment] if applies else []


def _line(row: tuple[str, ...]) -> str:
    name, value, *comment = row
    return f"{name:<16}{value:<14}  {comment[0]}" if comment else f"{name:<16}{value}"


def _from(start: str) -> str:
    if start == "identity":
        return "from the identity"
    return f"from close to W* ({start})" if start.partition(":")[0] == "near" else f"from {start}"


def _sharp(report: dict) -> str:
    """What is known of the sharp rate, proved by a theorem or not."""
    by = report["rate_sharp_by"]
    return "its limit near W*, up to a polynomial factor" if by is None else f"proved up to the factor (1+qt)^2: {by}"


def _proved_row(report: dict) -> tuple[str, ...]:
    rate, by = report["rate_proved"], report["rate_proved_by"]
    if rate is None:
        lacking = [entry for entry in report["hypotheses"] if entry["holds"] is not True]
        why = ", ".join(f"{entry['name']} {_verdict(entry)}" for entry in lacking) or "no theorem gives one for a stage"
        return ("rate proved", f"none: {why}")
    from linres.guarantee import OF_THE_EXCESS

    bound = "bounds the excess at each stage" if by in OF_THE_EXCESS else "bounds Phi, which is at least the excess"
    return ("rate proved", f"{rate:.6g}", f"{bound}: {by}")


def _basin_rows(report: dict) -> list[tuple[str, ...]]:
    basin = report["basin"]
    if basin is None:
        return []
    holds = {entry["name"]: entry["holds"] for entry in report["hypotheses"]}
    inside, invertible = holds["basin"], holds["target-invertible"]
    if invertible is None and inside is None:
        return [("basin", "undecided: sigma_min is within rounding of 0")]
    if inside is None:
        where = "within rounding of the edge of"
    elif invertible is None:
        where = "for every sigma_min within rounding outside"
    else:
        where = f"{_times(1, basin['ratio'])} inside" if inside else f"{_times(basin['ratio'], 1)} outside"
    place = f"{where} the proved basin ({basin['threshold']:.3g})"
    return [("basin", f"Phi_0 = {basin['potential_over_mu_sigma_squared']:.4g} mu sigma_min^2: {place}")]


def _times(larger: float, smaller: float) -> str:
    """How many times larger: three digits, all of them where there are more before the point."""
    if smaller == 0:
        return "infinitely far"
    ratio = larger / smaller
    return f"{ratio:.0f} times" if 100 <= ratio < 1e6 else f"{ratio:.3g} times"


def _or_none(value, otherwise: str) -> str:
    return otherwise if value is None else f"{value:.6g}"


def _status(trajectory) -> str:
    words = {
        "converged": f"converged at stage {trajectory.stage}, to the rounding of float64",
        "budget": f"all {trajectory.stage} stages used",
        "diverged": f"diverged at stage {trajectory.stage}",
    }
    return words[trajectory.status] + (f": {trajectory.reason}" if trajectory.reason else "")


def _holding(report: dict) -> str:
    hypotheses = report["hypotheses"]
    held = sum(hypothesis["holds"] is True for hypothesis in hypotheses)
    holding = f"all {held} hold" if held == len(hypotheses) else f"{held} of {len(hypotheses)} hold"
    return f"{holding} ({report['hypotheses_of'] or 'no theorem is measured here'})"


def _verdict(hypothesis: dict) -> str:
    return {True: "holds", False: "fails", None: "undecided"}[hypothesis["holds"]]


def _table(hypotheses: list[dict]) -> list[str]:
    """A line for each hypothesis, and one with what to do for each that does not hold."""
    lines = [_columns("", "", "value", "threshold", "statement")]
    for entry in hypotheses:
        numbers = (_shown(entry["value"]), _shown(entry["threshold"]))
        lines.append(_columns(entry["name"], _verdict(entry), *numbers, entry["statement"]))
        if entry["holds"] is not True:
            doubt = "float64 cannot tell. " if entry["holds"] is None else ""
            lines.append(f"    {doubt}{entry['remedy']}")
    return lines


def _columns(name: str, verdict: str, value: str, threshold: str, statement: str) -> str:
    return f"  {name:<20}{verdict:<11}{value:<13}{threshold:<13}{statement}"


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
