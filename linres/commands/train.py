"""`linres train`: train on data, measured rates beside the rates that theory gives."""

import argparse

METHODS = ("stacking", "zero", "nesterov", "gradient")
RULES = ("functional", "parameter")
STAGES = 200

DESCRIPTION = """Train a deep linear residual network stage by stage on DATA, from the identity,
and compare the measured contraction of the excess loss per stage with the rates
that theory gives.

DATA is digits or digits-raw (embedded), one .npz file with arrays X and Y, or
two .csv files, X and then Y. Samples are rows and are centred."""

EPILOG = """methods:
  stacking   each new block starts at momentum times the one before
  zero       each new block starts at zero
  nesterov   Nesterov's accelerated gradient method on the end-to-end map
  gradient   gradient descent on the end-to-end map

examples:
  linres train digits
  linres train digits --method zero --stages 500 --plot zero.svg
  linres train digits --rule parameter --json
  linres train digits-raw --components 20
  linres train inputs.csv outputs.csv --ridge 1e-3

A run that diverges says so in its status and exits with 0; bad input exits with 2."""


def add_parsers(commands) -> None:
    """Add `train` to the subcommands of the `linres` parser."""
    train = commands.add_parser(
        "train", help="train on data; measured rates beside proved ones", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="linres train DATA [DATA] [options]",
    )
    # One line instead of argparse's usage and error: what was wrong is then not lost in the options.
    train.error = lambda message: train.exit(2, f"{train.prog}: {message}\n")
    train.add_argument("data", nargs="+", metavar="DATA", help="digits, digits-raw, FILE.npz, or X.csv Y.csv")
    train.add_argument("--method", choices=METHODS, default="stacking", help="default: stacking")
    train.add_argument("--rule", choices=RULES, help="what stacking and zero step on: default functional, W itself")
    train.add_argument("--stages", type=_integer, metavar="T", default=STAGES, help=f"at most; default {STAGES}")
    train.add_argument("--momentum", type=_real, metavar="B", help="in [0, 1); default (1-q)/(1+q), q = 1/sqrt(kappa)")
    train.add_argument("--step", type=_real, metavar="E", help="the step size; default 1/L")
    train.add_argument("--components", type=_integer, metavar="K", help="keep K principal components of X and of Y")
    train.add_argument("--ridge", type=_real, metavar="R", default=0.0, help="add R to the diagonal of E[x x^T]")
    train.add_argument("--seed", type=_integer, metavar="N", default=0, help="of the noise in the embedded data")
    train.add_argument("--json", action="store_true", help="print one JSON object")
    train.add_argument("--plot", metavar="FILE", help="draw the loss curve; .svg, .pdf or .png")
    train.set_defaults(run=run)


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"should be an integer, got {text!r}") from None


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"should be a number, got {text!r}") from None


def run(arguments) -> int:
    """Train, report, plot. Returns 0; InputError for bad input, before any training."""
    from linres import plotting
    from linres.data import load

    if arguments.plot is not None:
        plotting.require_writable(arguments.plot)
    solve = _solver(arguments)
    problem = load(*arguments.data, components=arguments.components, ridge=arguments.ridge, seed=arguments.seed)
    trajectory = solve(problem)
    if arguments.plot is not None:
        title = f"{problem.name}: d = {problem.dimension}, κ = {problem.kappa:.4g}"
        plotting.save(plotting.loss_curve(trajectory, title=title), arguments.plot)
    report = _report(problem, trajectory)
    print(_as_json(report) if arguments.json else _as_text(problem, trajectory, report))
    return 0


def _solver(arguments):
    """The run to do on a problem; InputError for an option that the method does not have."""
    from linres.methods import descent, nesterov, stacking

    method, momentum = arguments.method, arguments.momentum
    common = {"stages": arguments.stages, "step_size": arguments.step}
    _require_applicable(arguments)
    if method == "gradient":
        return lambda problem: descent.descend(problem, **common)
    if method == "nesterov":
        return lambda problem: nesterov.accelerate(problem, momentum=momentum, **common)
    rule = arguments.rule or "functional"
    return lambda problem: stacking.grow(problem, start=method, rule=rule, momentum=momentum, **common)


def _require_applicable(arguments) -> None:
    from linres.errors import InputError

    if arguments.momentum is not None and arguments.method in ("zero", "gradient"):
        raise InputError(f"--momentum does not apply to --method {arguments.method}, which has none. Leave it out.")
    if arguments.rule == "parameter" and arguments.method in ("nesterov", "gradient"):
        raise InputError(f"--rule parameter does not apply to --method {arguments.method}, which has no blocks.")


def _report(problem, trajectory) -> dict:
    """What --json prints, in its order."""
    settings = trajectory.settings
    momentum, step = settings["momentum"], settings["step_size"]
    return {
        "data": problem.name,
        "method": trajectory.method,
        "rule": trajectory.rule,
        "stages": len(trajectory.loss) - 1,
        "mu": problem.mu,
        "L": problem.L,
        "kappa": problem.kappa,
        "sigma_min": problem.sigma_min,
        "momentum": momentum,
        "step": step,
        "loss": trajectory.loss.tolist(),
        "excess_loss": trajectory.excess_loss.tolist(),
        "rate_measured": trajectory.rate(),
        "rate_sharp": trajectory.rate_sharp,
        "rate_proved": _rate_proved(problem, trajectory),
        "hypotheses": problem.hypotheses(
            momentum=momentum, step_size=step, rule=trajectory.rule, blocks=trajectory.method in ("stacking", "zero")
        ),
        "inside_basin": None,
        "status": trajectory.status,
    }


def _rate_proved(problem, trajectory) -> float | None:
    """1 - q, from the theorem nesterov-with-errors without errors, where its settings are those of the run."""
    from linres.methods import nesterov

    asked = {"momentum": nesterov.momentum(problem.q), "step_size": 1 / problem.L}
    proved = trajectory.method == "nesterov" and all(trajectory.settings[key] == asked[key] for key in asked)
    return 1 - problem.q if proved else None


def _as_json(report: dict) -> str:
    import json

    return json.dumps(_finite(report), allow_nan=False)


def _finite(value):
    """value with null for every number that JSON has no word for."""
    import math

    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _as_text(problem, trajectory, report: dict) -> str:
    size = f"{problem.samples} samples, d = {problem.dimension}"
    rows = [
        ("data", f"{problem.name}: {size}"),
        ("method", f"{trajectory.method}, {trajectory.rule} rule, from the identity"),
        ("mu", f"{problem.mu:.6g}", "smallest eigenvalue of Sigma"),
        ("L", f"{problem.L:.6g}", "largest"),
        ("kappa", f"{problem.kappa:.6g}", "L/mu"),
        ("sigma_min(W*)", f"{problem.sigma_min:.6g}", "smallest singular value of the target"),
        ("momentum", f"{report['momentum']:.6g}"),
        ("step", f"{report['step']:.6g}"),
        ("loss", f"{report['loss'][0]:.6g} -> {report['loss'][-1]:.6g}", f"least possible: {problem.minimum_loss:.6g}"),
        *_rate_rows(report),
        ("stages to 1e-6", _or_none(trajectory.stages_to(1e-6), "not reached"), "of the initial excess loss"),
        ("status", _status(trajectory)),
        ("hypotheses", _holding(report["hypotheses"])),
    ]
    return "\n".join([*map(_line, rows), *_failures(report["hypotheses"])])


def _line(row: tuple[str, ...]) -> str:
    name, value, *comment = row
    return f"{name:<16}{value:<14}  {comment[0]}" if comment else f"{name:<16}{value}"


def _rate_rows(report: dict) -> list[tuple[str, ...]]:
    return [
        ("rate measured", _or_none(report["rate_measured"], "too few stages"), "contraction of the excess, fitted"),
        ("rate sharp", _or_none(report["rate_sharp"], "none known"), "its limit near W*, up to a polynomial factor"),
        ("rate proved", _or_none(report["rate_proved"], "none yet"), "a bound on every strongly convex loss"),
    ]


def _or_none(value, otherwise: str) -> str:
    return otherwise if value is None else f"{value:.6g}"


def _status(trajectory) -> str:
    words = {
        "converged": f"converged at stage {trajectory.stage}, to the rounding of float64",
        "budget": f"all {trajectory.stage} stages used",
        "diverged": f"diverged at stage {trajectory.stage}",
    }
    return words[trajectory.status] + (f": {trajectory.reason}" if trajectory.reason else "")


def _holding(hypotheses: list[dict]) -> str:
    held = sum(hypothesis["holds"] is True for hypothesis in hypotheses)
    return f"all {held} hold" if held == len(hypotheses) else f"{held} of {len(hypotheses)} hold; not:"


def _failures(hypotheses: list[dict]) -> list[str]:
    """Two lines for each hypothesis that does not hold, or that float64 cannot decide."""
    lines = []
    for hypothesis in hypotheses:
        if hypothesis["holds"] is not True:
            verdict = "fails" if hypothesis["holds"] is False else "is undecided in float64"
            lines.append(f"  {hypothesis['name']} {verdict}: {hypothesis['statement']}; got {hypothesis['value']:.6g}")
            lines.append(f"    {hypothesis['remedy']}")
    return lines
