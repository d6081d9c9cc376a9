"""What `linres train` prints of a run, as text and as JSON. Loaded once there is something to print."""

import math

import numpy as np

from linres import guarantee, proved_bounds
from linres.quantities import OF_STEPS


def describe(problem, trajectory, start: str) -> dict:
    """What --json prints, in its order."""
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
        "output": _output(problem, trajectory),
        "depth": settings.get("depth"),
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
        "bounds": [_bound(bound, trajectory) for bound in proved.bounds],
        "hypotheses_of": proved.statement,
        "hypotheses": proved.hypotheses,
        "inside_basin": proved.inside_basin,
        "basin": _basin(proved.basin),
        "status": trajectory.status,
    }


def _output(problem, trajectory) -> dict[str, float] | None:
    """The spectrum that the parameter rule sees, that of W Sigma W^T: at W*, and its largest eigenvalue at W_0."""
    if trajectory.rule != "parameter":
        return None
    mu, L = problem.output_curvature
    first = float(np.linalg.eigvalsh(trajectory.first @ problem.sigma @ trajectory.first.T)[-1])
    return {"mu": mu, "L": L, "kappa": L / mu if mu > 0 else math.inf, "L_at_start": first}


def _bound(bound, trajectory) -> dict:
    """A bound that is proved of the excess loss at each stage; of: what it bounds, see `linres.proved_bounds`."""
    return {"by": bound.by, "of": bound.of, "values": bound.at(np.arange(len(trajectory.loss))).tolist()}


def _final(trajectory) -> dict[str, float]:
    """The quantities at the last stage; those of a step, at the last stage that made one."""
    final = {}
    for name, values in trajectory.series.items():
        last = -2 if name in OF_STEPS and len(values) > 1 else -1
        final[name] = float(values[last])
    return final


def _basin(basin) -> dict | None:
    if basin is None:
        return None
    unit = "mu_sigma_squared" if basin.unit == guarantee.MU_SIGMA else "mu_output"
    return {
        "phi_0": basin.phi_0,
        f"potential_over_{unit}": basin.scaled,
        "threshold": basin.threshold,
        "ratio": basin.ratio,
    }


def as_text(problem, trajectory, report: dict) -> str:
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
        *_output_rows(report),
        *([("depth", f"{report['depth']}", "blocks, trained at once")] if report["depth"] else []),
        ("momentum", _or_none(report["momentum"], "chosen at each stage"),
         *_if("at first, then trained", report["momentum_rule"] == "trained")),
        ("step", _or_none(report["step"], "chosen at each stage"), *_steps(report)),
        ("loss", f"{report['loss'][0]:.6g} -> {report['loss'][-1]:.6g}", f"least possible: {problem.minimum_loss:.6g}"),
        _measured_row(trajectory, report["rate_measured"]),
        ("rate sharp", _or_none(report["rate_sharp"], "none known"), *_if(_sharp(report), report["rate_sharp"])),
        _proved_row(report),
        *_bound_rows(report),
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


def _output_rows(report: dict) -> list[tuple[str, ...]]:
    """The spectrum that counts for the parameter rule."""
    output = report["output"]
    if output is None:
        return []
    return [
        ("mu'", f"{output['mu']:.6g}", "smallest eigenvalue of W* Sigma W*^T that is not 0"),
        ("L'", f"{output['L']:.6g}", f"largest; of W_0 Sigma W_0^T it is {output['L_at_start']:.6g}"),
        ("kappa'", f"{output['kappa']:.6g}", "L'/mu', which counts for the parameter rule near W*"),
    ]


def _measured_row(trajectory, rate: float | None) -> tuple[str, ...]:
    if rate is None:
        return ("rate measured", f"none: {trajectory.no_rate}")
    return ("rate measured", f"{rate:.6g}", "contraction of the excess, fitted")


FACTORS = {
    proved_bounds.QUADRATIC: "(1+qt)^2", proved_bounds.SHARP: "9/2 (1+qt)^2, or less",
    proved_bounds.CHEBYSHEV: "4, or less",
}


def _sharp(report: dict) -> str:
    """What is known of the sharp rate, proved by a theorem or not."""
    by = report["rate_sharp_by"]
    if by is None:
        return "its limit near W*, up to a polynomial factor"
    return f"proved up to the factor {FACTORS[by]}: {by}"


def _proved_row(report: dict) -> tuple[str, ...]:
    rate, by = report["rate_proved"], report["rate_proved_by"]
    if rate is None:
        return ("rate proved", f"none: {_why_none(report)}")
    bound = "bounds a potential that is at least the excess"
    if by in guarantee.OF_THE_EXCESS:
        bound = f"bounds the excess{', up to a factor' if by == proved_bounds.CHEBYSHEV else ' at each stage'}"
    return ("rate proved", f"{rate:.6g}", f"{bound}: {by}")


def _why_none(report: dict) -> str:
    """What a proved rate lacks; of what hangs on something else, that alone."""
    if report["bounds"]:
        return "the mean ends at a floor"
    lacking = [entry for entry in report["hypotheses"] if entry["holds"] is not True]
    causes = [entry for entry in lacking if not entry["remedy"].startswith("See ")]
    return ", ".join(f"{entry['name']} {_verdict(entry)}" for entry in causes) or "no theorem gives one for a stage"


OF = {"excess": "the excess", "potential": "the excess", "mean": "the mean of the excess over seeds"}


def _bound_rows(report: dict) -> list[tuple[str, ...]]:
    """The least bound of the last excess loss."""
    if not report["bounds"]:
        return []
    least = min(report["bounds"], key=lambda bound: bound["values"][-1])
    found = f"{report['excess_loss'][-1]:.6g}{' here' if least['of'] == 'mean' else ''}"
    # Of exact arithmetic: the loss of a run that has converged may lie above it by its rounding.
    inexact = ", but for rounding" if least["values"][-1] < report["excess_loss"][-1] and least["of"] != "mean" else ""
    comment = f"on {OF[least['of']]} at stage {report['stages']}, {found}{inexact}: {least['by']}"
    return [("bound proved", f"{least['values'][-1]:.6g}", comment)]


def _basin_rows(report: dict) -> list[tuple[str, ...]]:
    basin = report["basin"]
    if basin is None:
        return []
    holds = {entry["name"]: entry["holds"] for entry in report["hypotheses"]}
    inside, invertible = holds["basin"], holds["target-invertible"]
    for name, lost in (("moments-invertible", "mu"), ("target-invertible", "sigma_min")):
        if holds[name] is None and inside is None:
            return [("basin", f"undecided: {lost} is within rounding of 0")]
    if inside is None:
        where = "within rounding of the edge of"
    elif invertible is None:
        where = "for every sigma_min within rounding outside"
    else:
        where = f"{_times(1, basin['ratio'])} inside" if inside else f"{_times(basin['ratio'], 1)} outside"
    place = f"{where} the proved basin ({basin['threshold']:.3g})"
    [(key, scaled)] = [(key, value) for key, value in basin.items() if key.startswith("potential_over_")]
    unit = guarantee.MU_OUTPUT if key.endswith("mu_output") else guarantee.MU_SIGMA
    return [("basin", f"Phi_0 = {scaled:.4g} {unit}: {place}")]


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
    holding = f"all {held} hold" if held == len(hypotheses) > 1 else f"{held} of {len(hypotheses)} hold"
    return f"{holding} ({report['hypotheses_of'] or 'no theorem is measured here'})"


def _verdict(hypothesis: dict) -> str:
    return {True: "holds", False: "fails", None: "undecided"}[hypothesis["holds"]]


def _table(hypotheses: list[dict]) -> list[str]:
    """A line for each hypothesis, and one with what to do for each that does not hold."""
    lines = [_columns("", "", "value", "threshold", "statement")]
    for entry in hypotheses:
        numbers = (_shown(entry["value"]), _shown(entry["threshold"]))
        lines.append(_columns(_named(entry), _verdict(entry), *numbers, entry["statement"]))
        if entry["holds"] is not True:
            hangs = entry["remedy"].startswith("See ")
            doubt = "float64 cannot tell. " if entry["holds"] is None and not hangs else ""
            lines.append(f"    {doubt}{entry['remedy']}")
    return lines


def _named(entry: dict) -> str:
    """The name, with the numbers that `linres show` and the book have beside it."""
    return f"{entry['name']} ({entry['numbers']})" if entry.get("numbers") else entry["name"]


def _columns(name: str, verdict: str, value: str, threshold: str, statement: str) -> str:
    return f"  {name:<25}{verdict:<11}{value:<13}{threshold:<13}{statement}"


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
