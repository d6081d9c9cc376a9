"""`linres propagate`: draw random residual networks, measured moments of their norms beside predicted ones."""

import argparse
import math
from typing import Any

from linres.commands._shared import as_json, integer, naming, progress, real

DEPTH, WIDTH, EXPONENT, CONFIDENCE = 1000, 40, 0.5, 0.99
NORMS, OTHERS = 2000, 100  # runs unless told, where norms alone are drawn and where states or weights are
LIMITS = 100  # runs beside their limit
LARGEST = 10**9  # depth, width, runs
MEMORY = 4e9  # bytes; what needs more is refused
WORK = 1e15  # multiply-adds, some days on two cores; what needs more is refused
DOMINATED = 0.05  # the share of one run in a mean beyond which the mean is said not to be seen,
FAIR = 5  # unless that is less than so many times its fair share

# What Python arguments are called here, for the errors that name them.
FLAGS = {
    name: f"--{name}"
    for name in ("depth", "width", "exponent", "runs", "seed", "block", "matrices", "weights", "hurst", "length")
} | {"law": "--entries", "confidence": "--confidence"}

DESCRIPTION = """Draw random residual networks h_{k+1} = h_k + L^-B V_{k+1} phi(h_k) of depth L,
with --matrices 2 V_{k+1} phi(U_{k+1} h_k), from h_0 standard normal. Prints the
moments of |h_L|/|h_0| and of |h_L - h_0|/|h_0|, each with an interval, beside
what is predicted, by which formula and theorem, and the regime: above its
critical exponent a deep network tends to the identity, at it to a nontrivial
limit, below it norms explode."""

EPILOG = """intervals, each at --confidence:
  order statistics  of medians: exact, for every law and number of runs
  sequential        of chances: exact, at every number of runs at once
  central limit     of means and variances: in the limit of many runs only. No
                    interval is valid for the mean of every unbounded quantity;
                    "any law: >=" is a lower end valid for every law, at the
                    same confidence. Where one run makes up much of a mean, it
                    says so.
  Norms are rounded to some 1e-16 a layer; smaller changes of them are lost, of
  distances none.

predictions:
  =   exact       <=   an upper bound       ~   to first order, or a limit
  a = L^-B is the scale, d the width. Logarithms of norms come by quadrature of
  the law of one layer. Numbers beyond float64 are printed all the same.

weights:
  iid         independent from layer to layer; critical exponent 1/2
  smooth      Gaussian process along the layers, correlated over the fraction
              --length of the depth; critical 1
  fractional  increments of fractional Brownian motion of index --hurst;
              critical max(H, 1/2), with --matrices 2 and phi odd max(2H-1, 1/2)

examples:
  linres propagate
  linres propagate --exponent 0.25 --depth 10000 --runs 100000
  linres propagate --exponent 0 --depth 100000 --runs 100
  linres propagate --block relu --matrices 2 --entries uniform --gradients
  linres propagate --weights fractional --hurst 0.8 --exponent 1 --depth 200
  linres propagate --weights smooth --exponent 1.5 --depth 200 --json
  linres propagate --weights smooth --exponent 1 --depth 200 --limit
  linres propagate --limit 1000
  linres propagate --plot norms.svg

limits, of one Gaussian matrix a layer at the critical exponent:
  iid, 0.5    the stochastic equation dH = d^-1/2 dB phi(H): Euler's scheme with
              16 steps a layer and the same noise; exact error
  smooth, 1   the flow dH/ds = A(s) phi(H) of the same weights, by SciPy

exit codes: 0 drawn, 2 bad input"""


def add_parsers(commands) -> None:
    """Add `propagate` to the subcommands of the `linres` parser."""
    parser = commands.add_parser(
        "propagate", help="random residual networks; measured moments beside predicted ones", description=DESCRIPTION,
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter, usage="linres propagate [options]",
    )
    parser.prog = "linres propagate"
    add = parser.add_argument
    add("--depth", type=integer, metavar="L", default=DEPTH, help=f"layers; default {DEPTH}")
    add("--width", type=integer, metavar="D", default=WIDTH, help=f"entries of a state; default {WIDTH}")
    add("--exponent", type=real, metavar="B", default=EXPONENT, help=f"the scale is L^-B; default {EXPONENT}")
    add("--block", metavar="PHI", default="linear", help="linear (default), relu or tanh")
    add("--matrices", type=integer, metavar="M", default=1, help="1 (default) or 2 in each layer")
    add("--entries", metavar="LAW", default="gaussian", help="gaussian (default), uniform or rademacher")
    add("--weights", metavar="KIND", default="iid", help="iid (default), smooth or fractional, see below")
    add("--hurst", type=real, metavar="H", help="in (0, 1), of fractional weights")
    add("--length", type=real, metavar="S", help="in (0, 10], of smooth weights; default 0.1")
    add("--runs", type=integer, metavar="N",
        help=f"networks; default {NORMS} where norms alone are drawn, else {OTHERS}")
    add("--gradients", action="store_true", help="back-propagated gradients as well; draws all weights")
    add("--limit", type=integer, metavar="N", nargs="?", const=LIMITS,
        help=f"N networks more, by default {LIMITS}, beside their limit at depth infinity, see below")
    add("--full", action="store_true", help="draw all weights even where less has the same law")
    add("--seed", type=integer, metavar="N", default=0, help="same seed, same bits, on any number of threads")
    add("--confidence", type=real, metavar="P", default=CONFIDENCE, help=f"of each interval; default {CONFIDENCE}")
    add("--json", action="store_true", help="print one JSON object")
    add("--plot", metavar="FILE", help="draw norms by layer and the law at the end; .svg, .pdf or .png; replaces it")
    parser.set_defaults(run=run)


def run(arguments) -> int:
    """Draw, report, plot. Returns 0; InputError for bad input, before any drawing."""
    from linres.errors import InputError, renamed

    try:
        report, figure = _measure(arguments)
    except InputError as error:
        raise renamed(error, FLAGS) from None
    if arguments.plot is not None:
        from linres import plotting

        with naming("--plot", "the plot file"):
            plotting.save(figure, arguments.plot)
    print(as_json(report) if arguments.json else _as_text(report))
    return 0


def _measure(arguments) -> tuple[dict, Any]:
    """The report, and the figure if one is asked for."""
    from linres import depth_scaling, plotting
    from linres.commands import propagate_limit
    from linres.estimates import median_rank
    from linres.methods.propagation import propagate

    if arguments.plot is not None:
        with naming("--plot", "the plot file"):
            plotting.require_writable(arguments.plot)
    median_rank(2, arguments.confidence)  # refuses what is no confidence
    settings = _settings(arguments)
    runs = arguments.runs if arguments.runs is not None else _runs(arguments)
    _require_affordable(arguments, runs)
    if arguments.limit is not None:
        propagate_limit.require(depth_scaling.Network(**settings), arguments.limit)
    layers = _layers(arguments.depth) if arguments.plot is not None else [arguments.depth]
    with progress("propagate", _runs_done) as watch:
        found = propagate(
            runs=runs, layers=layers, gradients=arguments.gradients, reduced=not arguments.full, seed=arguments.seed,
            watch=watch, **settings,
        )
    network = depth_scaling.Network(**settings)
    report = _report(network, found, runs, arguments)
    if arguments.limit is not None:
        with progress("propagate", _limits_done) as watch:
            report["limit"] = propagate_limit.report(
                network, arguments.limit, seed=arguments.seed, confidence=arguments.confidence, watch=watch
            )
    if arguments.plot is None:
        return report, None
    from linres.figures import _norms

    return report, _norms.draw_run(network, layers, found, arguments.confidence)


def _settings(arguments) -> dict:
    """Those of the network, as Python calls them."""
    from linres.errors import InputError, refuse
    from linres.methods.propagation import LARGEST_EXPONENT

    if arguments.weights == "fractional" and arguments.hurst is None:
        raise InputError("--weights fractional needs --hurst H, a number between 0 and 1.")
    for name, kind in {"hurst": "fractional", "length": "smooth"}.items():
        if getattr(arguments, name) is not None and arguments.weights != kind:
            raise InputError(f"--{name} is for --weights {kind}. Leave it out.")
    for name in ("depth", "width", "runs"):  # before anything is computed of them
        count = getattr(arguments, name)
        if count is not None and not 1 <= count <= LARGEST:
            raise refuse(f"propagate({name}=...)", f"an integer from 1 to {LARGEST:,}", f"{count:,}"[:40])
    if not abs(arguments.exponent) <= LARGEST_EXPONENT:  # nor nan; Python takes several
        wanted = f"a number from -{LARGEST_EXPONENT} to {LARGEST_EXPONENT}"
        raise refuse("propagate(exponent=...)", wanted, f"{arguments.exponent:g}")
    names = ("depth", "width", "exponent", "block", "matrices", "weights", "hurst", "length")
    return {name: getattr(arguments, name) for name in names} | {"law": arguments.entries}


def _drawn_alone(arguments) -> bool:
    """Whether norms alone suffice."""
    whole = arguments.gradients or arguments.full or arguments.weights != "iid" or arguments.entries != "gaussian"
    return not whole and (arguments.block, arguments.matrices) in (("linear", 1), ("linear", 2), ("relu", 2))


def _runs(arguments) -> int:
    return NORMS if _drawn_alone(arguments) else OTHERS


def _require_affordable(arguments, runs: int) -> None:
    """InputError for what would not fit or not end, rather than a machine that swaps or is busy for weeks."""
    from linres.errors import InputError

    entries, layers = arguments.matrices * arguments.width**2, 24 if arguments.plot is not None else 1
    needed = 16.0 * runs * (layers + arguments.gradients) + (0.0 if _drawn_alone(arguments) else 8.0 * entries)
    if arguments.weights != "iid":
        needed += 40.0 * entries * arguments.depth
    if arguments.gradients:
        needed += (1100.0 + 8 * arguments.width) * arguments.depth
    if needed > MEMORY:
        raise InputError(
            f"drawing this needs some {needed / 1e9:.3g} GB, more than {MEMORY / 1e9:.0f}. "
            "Take a smaller --depth, --width or --runs."
        )
    work = float(runs) * arguments.depth * (1 if _drawn_alone(arguments) else entries)
    if work > WORK:
        raise InputError(
            f"drawing this takes some {work:.0e} multiply-adds, more than {WORK:.0e}. "
            "Take a smaller --depth, --width or --runs."
        )


def _layers(depth: int) -> list[int]:
    """Some 24 layers, evenly on a log scale, the last of them the depth."""
    return sorted({round(depth ** (k / 23)) for k in range(24)} | {depth})


def _limits_done(done: int, runs: int) -> str:
    return f"{done:,} of {runs:,} networks beside their limit"


def _runs_done(done: int, runs: int) -> str:
    return f"{done:,} of {runs:,} networks drawn"


# -------------------------------------------------------------------------------------------------------------- report


def _report(network, found, runs: int, arguments) -> dict:
    """What --json prints, in its order."""
    from linres import depth_scaling

    regime = depth_scaling.regime(network)
    report = {
        **{name: getattr(network, name) for name in ("depth", "width", "exponent", "block", "matrices")},
        "entries": network.law, "weights": network.weights, "hurst": network.hurst, "length": network.length,
        "scale": math.exp(network.log_scale), "runs": runs, "seed": arguments.seed, "drawn": found.drawn,
        "confidence": arguments.confidence, "regime": regime.name, "critical_exponent": regime.critical,
        "regime_by": regime.words, "remark": regime.remark,
    }
    log_norm, log_distance = (array[..., -1] for array in (found.log_norm, found.log_distance))
    known = depth_scaling.predictions(network)
    report["norms"] = _rows(log_norm, log_distance, known, arguments.confidence)
    if found.log_gradient is not None:
        known = depth_scaling.predictions(network, of_gradients=True)
        rows = _rows(found.log_gradient, found.log_gradient_distance, known, arguments.confidence)
        report["gradients_of"] = "p_0 of <p_L, h_L> in h_0, p_L standard normal and independent of the network"
        report["gradients"] = [row | {"symbol": row["symbol"].replace("h_L", "p_0").replace("|h_0|", "|p_L|")
                                      .replace("p_0-h_0", "p_0-p_L")} for row in rows]
    return report


def _rows(log_norm, log_distance, known: dict, confidence: float) -> list[dict]:
    from linres.depth_scaling import QUANTITIES
    from linres.estimates import moments

    return [
        row(name, *QUANTITIES[name], estimate, known.get(name))
        for name, estimate in moments(log_norm, log_distance, confidence).items()
    ]


def row(name: str, symbol: str, logs: bool, estimate, prediction) -> dict:
    """Positive quantities by their logarithms too: they alone are finite in float64, whatever the network."""
    values = {
        "measured": estimate.measured, "low": estimate.low, "high": estimate.high, "at_least": estimate.at_least,
        "predicted": None if prediction is None else prediction.value,
    }
    found: dict[str, Any] = {"quantity": name, "symbol": symbol}
    if logs:
        found |= {key: _exp(value) for key, value in values.items()}
        found |= {f"log_{key}": value for key, value in values.items()}
    else:
        found |= values
    found |= {"interval": estimate.method, "largest_share": estimate.largest}
    fields = ("relation", "formula", "by", "why")
    return found | {key: None if prediction is None else getattr(prediction, key) for key in fields}


def _exp(log: float | None) -> float | None:
    """inf, which JSON has as null, beyond float64."""
    if log is None:
        return None
    return math.exp(log) if log < 709 else math.inf


# ---------------------------------------------------------------------------------------------------------------- text


def _as_text(report: dict) -> str:
    inside = "h" if report["matrices"] == 1 else "U h"
    block = f"V {inside}" if report["block"] == "linear" else f"V {report['block']}({inside})"
    extra = "".join(f", {word} {report[key]:g}" for word, key in (("H", "hurst"), ("length", "length"))
                    if report[key] is not None)
    drawn = {"norms": "norms alone, exact in law", "states": "images of states, exact in law", "weights": "all weights"}
    lines = [
        f"network      h + a {block}, {report['weights']} {report['entries']} weights{extra}, width {report['width']}",
        f"depth        {report['depth']}, a = {report['depth']}^{0 - report['exponent']:g} = {report['scale']:.4g}",
        f"runs         {report['runs']}, seed {report['seed']}; drawn: {drawn[report['drawn']]}",
        f"regime       {report['regime']}: {report['regime_by']}",
        *([f"             {report['remark']}"] if report["remark"] else []),
        f"confidence   {report['confidence']:g} for each interval",
        "", *_table(report["norms"], report["runs"]),
    ]
    if "gradients" in report:
        lines += ["", f"gradients    {report['gradients_of']}", "", *_table(report["gradients"], report["runs"])]
    if "limit" in report:
        limit = report["limit"]
        lines += ["", f"limit        {limit['equation']}, in {limit['runs']} networks", f"             {limit['how']}",
                  "", *_table(limit["rows"], limit["runs"])]
    return "\n".join(lines)


def _table(rows: list[dict], runs: int) -> list[str]:
    lines = []
    for row in rows:
        interval = f"[{_shown(row, 'low')}, {_shown(row, 'high')}]"
        lines.append(f"{row['symbol']:<26}{_shown(row, 'measured'):<13} {interval}  {_kind(row)}")
        lines.append(f"{row['relation'] or '':>25} {_predicted(row)}")
        if (row["largest_share"] or 0.0) > max(DOMINATED, FAIR / runs):
            share = f"{row['largest_share']:.0%} of this mean comes from one run"
            lines.append(f"{'':<26}{share}: so few runs do not show it")
    return lines


def _kind(row: dict) -> str:
    """Of the interval, and the end that is valid for every law where that one is not."""
    sure = "" if row["at_least"] is None else f"; any law: >= {_shown(row, 'at_least')}"
    return row["interval"] + sure


def _predicted(row: dict) -> str:
    if row["relation"] is None:
        return "none known"
    by = ": ".join(part for part in (row["by"], row["why"]) if part)
    return f"{_shown(row, 'predicted')} = {row['formula']} ({by})"


def _shown(row: dict, key: str) -> str:
    """Four digits of a number that may be beyond float64."""
    if f"log_{key}" not in row:
        return "undefined" if math.isnan(row[key]) else f"{row[key]:.4g}"
    log = row[f"log_{key}"]
    if not math.isfinite(log) or abs(log) < 690:
        return f"{row[key]:.4g}"
    power = math.floor(log / math.log(10))
    digits = f"{10 ** (log / math.log(10) - power):.4g}"
    return f"{digits}e{power:+d}"
