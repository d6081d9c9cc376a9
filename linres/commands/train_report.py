"""What `linres train` prints of a run, as text and as JSON. Loaded once there is something to print."""

import json
import math

from linres import guarantee
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


def as_json(report: dict) -> str:
    return json.dumps(_finite(report), allow_nan=False)


def _finite(value):
    """value with null for every number that JSON has no word for."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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
    of_excess = by in guarantee.OF_THE_EXCESS
    bound = "bounds the excess at each stage" if of_excess else "bounds Phi, which is at least the excess"
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
