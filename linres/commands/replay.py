"""`linres replay`: decide a theorem again at a saved instance, in exact and ball arithmetic."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from linres.commands._shared import FILE
from linres.errors import InputError, nearest, refuse

EPILOG = """examples:
  linres verify --save found       keep counterexamples and the adversary's best
  linres replay found/nesterov-step.adversarial.json
  linres replay found/*.json       several, one after the other
  linres replay found/mine.counterexample.json --file mine.py

outcomes, a line for each row:
  holds      the hypotheses hold and so does the conclusion, with certainty, or
             where chances are drawn but for the risk that is shown
  fails      the hypotheses hold and the conclusion does not, likewise
  rejected   a hypothesis does not hold
  undecided  the precision, or a value that is missing, does not allow an answer

exit codes:
  0  some row holds and every other one is rejected
  1  a row fails: the counterexample is confirmed
  2  usage or bad input
  3  a row is undecided, or all are rejected
Of several instances it is 1 if one of them has it, else 3 if one has.
"""
MAX_BITS = 32768
BITS = 128  # of both sides, at least
DIGITS = 12  # of the sides and their ratio, as printed
UNFIT = (ArithmeticError, ValueError, LookupError, TypeError, AttributeError, SystemExit)  # from data made by hand


@dataclass(frozen=True)
class Row:
    """One row decided: the outcome, and as text both sides and the ratio of the smaller to the larger, as claimed, at
    the horizon where that is largest; None without a value."""

    row: int
    outcome: str
    horizon: int | None
    left: str | None
    right: str | None
    ratio: str | None
    reason: str = ""


def add_parsers(commands: Any) -> None:
    replay = commands.add_parser(
        "replay", help="decide theorems again at saved instances", epilog=EPILOG,
        description="Decide theorems again at saved instances, in exact and ball arithmetic.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    replay.add_argument("paths", nargs="+", metavar="SAVED", help="instances that `linres verify --save` wrote")
    replay.add_argument("--file", action="append", default=[], metavar="FILE", help=f"take the theorems {FILE}")
    replay.add_argument("--json", action="store_true", help="everything as JSON; of several instances a list")
    replay.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from linres import archive
    from linres.commands.verify import prints_kept_out_of

    instances = [archive.read(path) for path in arguments.paths]
    with prints_kept_out_of(arguments.json):
        theorems = [find(saved, arguments.file) for saved in instances]
    reports = []
    for saved, theorem in zip(instances, theorems, strict=True):
        reports.append(_report(saved, theorem))
        if not arguments.json:
            print(_text(reports[-1]) + ("\n" if saved is not instances[-1] else ""))
    if arguments.json:
        print(json.dumps(reports if len(reports) > 1 else reports[0], indent=2, allow_nan=False))
    codes = {{"holds": 0, "fails": 1}.get(report["outcome"], 3) for report in reports}
    return max(codes, key=(0, 3, 1).index)


def _report(saved: Any, theorem: Any) -> dict[str, Any]:
    """What became of the theorem at a saved instance."""
    from linres import archive

    instance = archive.decode(theorem, saved.instance, label=saved.path, known=_known(theorem, saved))
    decided = decide(variant_of(theorem, saved), instance, label=saved.path)
    return decided | {"theorem": saved.theorem, "variant": saved.variant, "instance": repr(instance)}


def find(saved: Any, files: Sequence[str] = ()) -> Any:
    """The theorem that a saved instance is of: one of ours, or one of the files. InputError if there is none."""
    from linres.theorems import NAMES, REFUTED, load

    if not files:
        if saved.theorem not in (*NAMES, *REFUTED):
            remedy = nearest(saved.theorem, (*NAMES, *REFUTED)) or "Give --file for a theorem of your own."
            raise refuse(f"{saved.path}: theorem", "one of those that `linres list` names", repr(saved.theorem), remedy)
        return load(saved.theorem)
    from linres.loading import pick

    theorems = {theorem.name: theorem for theorem in pick([], files)}
    if saved.theorem not in theorems:
        wanted = f"one of those in {', '.join(files)}: {', '.join(theorems)}"
        raise refuse(f"{saved.path}: theorem", wanted, repr(saved.theorem), nearest(saved.theorem, theorems))
    return theorems[saved.theorem]


def _known(theorem: Any, saved: Any) -> dict[str, type]:
    """The classes of the theorem's instances; a mutant may have been refuted by readings, too."""
    from linres import archive

    known = archive.classes(theorem)
    if saved.variant is not None and archive.split(saved.variant)[0] == "mutant":
        from linres.mutants import Reading

        known.setdefault(Reading.__name__, Reading)
    return known


def variant_of(theorem: Any, saved: Any) -> Any:
    """The theorem itself, or the control or mutant of it that the instance is of. InputError if there is none."""
    from linres import archive

    if saved.variant is None:
        return theorem
    kind, name = archive.split(saved.variant)
    if kind == "mutant":
        from linres.mutants import mutant

        return mutant(theorem, name)
    names = [control.name for control in theorem.controls]
    if name not in names:
        raise refuse(f"{saved.path}: variant", f"a control of {theorem.name}: {', '.join(names) or 'it has none'}",
                     repr(name))
    return theorem.control(name)


def decide(theorem: Any, instance: Any, *, label: str = "the instance") -> dict[str, Any]:
    """{"outcome", "bits", "rows", "snippet", "risk"}: what `linres replay` reports of a theorem at an instance.

    InputError that begins with the label if the instance is none that the theorem can measure.
    """
    from linres import chance
    from linres.rungs import counterexample

    rows, bits, failure, begun = [], 0, None, chance.begun()
    for row, checked in _each_row(theorem, instance, label):
        rows.append(row)
        bits = max(bits, checked.bits)
        failure = failure or checked.failure
    return {
        "outcome": _overall([row.outcome for row in rows]), "bits": bits, "rows": [vars(row) for row in rows],
        "snippet": counterexample.snippet(theorem, failure) if failure else None,
        "risk": float((chance.begun() - begun) * chance.LEVEL),
    }


def _overall(outcomes: list[str]) -> str:
    for outcome in ("fails", "undecided", "holds"):
        if outcome in outcomes:
            return outcome
    return "rejected"


def _each_row(theorem: Any, instance: Any, label: str) -> Iterator[tuple[Row, Any]]:
    from linres.arithmetic import EXACT
    from linres.evaluate import Missing, Undefined
    from linres.language import NotExact
    from linres.rungs import rigorous

    count = len(_measured(theorem, instance, EXACT, label))
    for position in range(count):
        single = replace(theorem, measure=_only(theorem, position, label))
        try:
            checked = rigorous.check(single, instance, max_bits=MAX_BITS)
            row = _row(single, instance, position, checked)
        except (rigorous.Disagree, Missing, NotExact, Undefined) as fault:
            checked = rigorous.Checked(undecided=1)
            row = Row(position, "undecided", None, None, None, None, f"{type(fault).__name__}: {fault}")
        except (rigorous.Raised, *UNFIT) as error:  # a row may be measured only as it is read
            raise _unfit(theorem, error, label) from None
        yield row, checked


def _measured(theorem: Any, instance: Any, arithmetic: Any, label: str) -> list[Any]:
    try:
        return list(theorem.measure(instance, arithmetic))
    except InputError as error:
        raise InputError(f"{label}: {error}") from None
    except UNFIT as error:
        raise _unfit(theorem, error, label) from None


def _unfit(theorem: Any, error: BaseException, label: str) -> InputError:
    from linres.rungs import rigorous

    why = " ".join(rigorous.told(error).split())[:250]
    return InputError(f"{label}: {theorem.name} cannot measure it, {why}")


def _only(theorem: Any, position: int, label: str):
    """Measure one row alone; which precision is read from flint, so each is measured again."""
    return lambda instance, arithmetic: _measured(theorem, instance, arithmetic, label)[position : position + 1]


def _row(single: Any, instance: Any, position: int, checked: Any) -> Row:
    import flint

    outcome = "fails" if checked.failure else next(
        name for name in ("undecided", "holds", "rejected") if getattr(checked, name))
    with flint.ctx.workprec(max(checked.bits, BITS)):
        horizon, left, right = _worst(single, instance, checked)
        ratio = _ratio(single.conclusion, left, right)
        reason = checked.reasons[0] if checked.reasons else ""
        return Row(position, outcome, horizon, _written(left), _written(right), _written(ratio), reason)


def _worst(single: Any, instance: Any, checked: Any) -> tuple[int | None, Any, Any]:
    """(horizon, left, right) where the claim fails, or else where small/large is largest; None for what has no value.

    Of horizons only those above 0 are looked at, unless there is no other, and of these the ones that the hypotheses
    allow, unless they allow none.
    """
    from linres.arithmetic import EXACT
    from linres.evaluate import Enclosure, Missing, Undefined, decide
    from linres.rungs import rigorous

    if checked.failure:
        return checked.failure.horizon, checked.failure.left, checked.failure.right
    [row] = single.measure(instance, EXACT)
    rigorous.begin(single, instance, row)
    T = next(iter(single.over[1:]), None)
    found: list[tuple[int | None, Any, Any]] = []
    allowed: list[tuple[int | None, Any, Any]] = []
    of_horizon = [each for each in single.hypotheses if T in each.free_symbols]
    for horizon in (None,) if T is None else range(min(row[T], 1), row[T] + 1):
        walk = Enclosure({**row, T: horizon} if T else row, single.read_with(row), {T: horizon} if T else {})
        try:
            found.append((horizon, *map(walk.value, single.conclusion.args)))
            if not any(decide(each, walk) is False for each in of_horizon):
                allowed.append(found[-1])
        except (Undefined, Missing):
            found.append((horizon, None, None))
    return max(allowed or found, key=lambda each: _size(_ratio(single.conclusion, *each[1:])))


def _size(ratio: Any) -> float:
    import flint

    return float("-inf") if ratio is None else float(flint.arb(ratio).mid())


def _ratio(conclusion: Any, left: Any, right: Any) -> Any:
    """small/large of a conclusion that reads small <= large, left/right of an equation; None if there is none."""
    from linres.arithmetic import Matrix
    from linres.language import AT_LEAST

    if left is None or isinstance(left, Matrix) or isinstance(right, Matrix):
        return None
    small, large = (right, left) if type(conclusion) in AT_LEAST else (left, right)
    return None if large == 0 else small / large


def _written(value: Any) -> str | None:
    """A rational if it is short; else its ball. None for None."""
    import flint

    from linres.arithmetic import Matrix

    if value is None or isinstance(value, Matrix):
        return None if value is None else str(value.data.tolist())
    exact = str(value)
    return exact if type(value) is flint.fmpq and len(exact) <= 2 * DIGITS else flint.arb(value).str(DIGITS)


def _text(report: dict[str, Any]) -> str:
    of = f"{report['theorem']}{f' ({name})' if (name := report['variant']) else ''}"
    lines = [f"{of} at {report['instance']}", ""]
    for row in report["rows"]:
        horizon = "" if row["horizon"] is None else f" T = {row['horizon']}"
        sides = "" if row["left"] is None else f"  left {row['left']}  right {row['right']}"
        ratio = "" if row["ratio"] is None else f"  ratio {row['ratio']}"
        why = f"  {row['reason']}" if row["reason"] else ""
        lines.append(f"row {row['row']}{horizon}: {row['outcome']}{sides}{ratio}{why}")
    lines += [] if report["rows"] else ["no rows"]
    lines += ["", report["snippet"]] if report["snippet"] else []
    sure = f"decided with up to {report['bits']} bits"
    if report["risk"]:
        sure = f"from draws: an error has probability {report['risk']:.1e} at most"
    return "\n".join([*lines, "", f"{report['outcome']}, {sure}"])
