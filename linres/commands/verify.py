"""`linres verify`: climb the ladder for the theorems named, print what is known of each."""

import argparse
import dataclasses
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from typing import Any

EPILOG = """examples:
  linres verify                                  every theorem, quick
  linres verify nesterov-step --level full
  linres verify --jobs 2                         on two cores
  linres verify --require proved --json > verdicts.json
  linres verify --save found                     and keep what the adversary found, for linres replay
  linres verify --file mine.py                   the theorems of a file of yours, which is run
  linres verify --file mine.py decay             one of them

exit codes:
  0  every theorem meets its expectation
  1  one is refuted that should not be, or survives that should fall
  2  usage or bad input
  3  one is inconclusive, or known less well than it is expected to be or --require asks
"""
STRENGTH = ("refuted", "inconclusive", "supported", "proved")


def add_parsers(commands: Any) -> None:
    verify = commands.add_parser(
        "verify", help="check theorems and say what is known", epilog=EPILOG,
        description="Check theorems: proof, instances, false variants.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verify.add_argument("names", nargs="*", metavar="NAME", help="theorems to check (default: all)")
    verify.add_argument(
        "--file", action="append", default=[], metavar="FILE",
        help="check the theorems of this Python file instead; it is run; may be given more than once",
    )
    verify.add_argument("--level", choices=("quick", "full"), default="quick", help="how much to do (default: quick)")
    verify.add_argument("--seed", type=seed, default=0, metavar="N", help="the instances drawn (default: 0)")
    verify.add_argument("--require", choices=("supported", "proved"), help="exit with 3 if a verdict is weaker")
    verify.add_argument(
        "--jobs", type=jobs, default=1, metavar="N", help="processes, each with theorems of its own (default: 1)")
    verify.add_argument("--json", action="store_true", help="the whole evidence as JSON")
    verify.add_argument(
        "--save", metavar="DIR", help="keep counterexamples and the adversary's best instances, for linres replay",
    )
    verify.set_defaults(run=run)


def seed(text: str) -> int:
    """A seed from the command line: an integer >= 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"should be an integer >= 0, got {text!r}")
    return int(text)


def jobs(text: str) -> int:
    """A number of processes from the command line: an integer >= 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"should be an integer >= 1, got {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    from linres.commands import _processes

    # Hypothesis would leave a folder of its own where the command is run.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", os.path.join(tempfile.gettempdir(), "linres-hypothesis"))
    start = time.perf_counter()
    with Progress() as progress, prints_kept_out_of(arguments.json):
        settings = {"level": arguments.level, "seed": arguments.seed}
        verdicts = _processes.verify(arguments.names, arguments.file, arguments.jobs, progress, settings)
    seconds = time.perf_counter() - start
    if arguments.save is not None:
        save(verdicts, arguments.save)
    loose = [] if arguments.file else _uncorrected(verdicts)
    report = _table(verdicts, seconds)
    for name in loose:
        print(f"{name}: a corrected statement does not certainly hold where the claim fails", file=sys.stderr)
    print(json.dumps(_report(verdicts, seconds), indent=2, allow_nan=False) if arguments.json else report)
    return max(*_codes(verdicts, arguments.require), 1 if loose else 0, key=(0, 3, 1).index)


def _uncorrected(verdicts: list) -> list[str]:
    """Our false claims that do not certainly fail beside a corrected statement that certainly holds."""
    from linres.rungs import refuted
    from linres.theorems import REFUTED, load_refutations

    false = [v.name for v in verdicts if v.name in REFUTED]
    return [name for name in false if not all(map(refuted, load_refutations(name)))]


def save(verdicts: list, folder: str) -> list[str]:
    """Write a replay file for each counterexample and for each best instance of the adversary; their paths.

    InputError if the folder cannot be made or written to.
    """
    from linres import archive
    from linres.errors import InputError

    try:
        os.makedirs(folder, exist_ok=True)
    except (OSError, ValueError) as error:
        raise InputError(f"--save {folder}: {getattr(error, 'strerror', None) or error}.") from None
    kept = [(v.name, "counterexample", (v.counterexample or {}).get("instance_json")) for v in verdicts]
    kept += [(v.name, "adversarial", v.evidence["adversarial"].get("instance_json")) for v in verdicts]
    paths = []
    for name, kind, document in kept:
        if document is not None:
            paths.append(os.path.join(folder, f"{re.sub(r'[^-.A-Za-z0-9_]+', '_', name)}.{kind}.json"))
            archive.write(paths[-1], document)
    return paths


@contextmanager
def prints_kept_out_of(json_output: bool) -> Iterator[None]:
    """What a user's file prints goes to stderr while stdout is for JSON."""
    with redirect_stdout(sys.stderr) if json_output else nullcontext():
        yield


COLUMNS = ("theorem", "verdict", "proof", "decided", "bits", "sampled", "controls", "tight", "seconds")


class Progress:
    """Lines on stderr: one that is rewritten on a terminal, one for each rung elsewhere."""

    def __init__(self):
        self.live, self.last = sys.stderr.isatty(), ""

    def __enter__(self) -> Callable[[str], None]:
        return self.say

    def __exit__(self, *_):
        if self.live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def say(self, line: str) -> None:
        if self.live:
            print(f"\r\033[K{line[:100]}", end="", file=sys.stderr, flush=True)
        elif ": control " not in line:
            print(line, file=sys.stderr, flush=True)


def _codes(verdicts: list, require: str | None) -> list[int]:
    from linres.rungs import wanting

    return [0, *(max(wanting(v), 3 * _falls_short(v, require), key=(0, 3, 1).index) for v in verdicts)]


def _falls_short(verdict, require: str | None) -> bool:
    expected_to_fall = verdict.expect == "refuted"
    return require is not None and not expected_to_fall and STRENGTH.index(verdict.verdict) < STRENGTH.index(require)


def _overall(verdicts: list) -> str:
    """The weakest verdict; a theorem that is refuted as it should be does not count."""
    standing = [v.verdict for v in verdicts if not (v.expect == v.verdict == "refuted")]
    return min(standing, key=STRENGTH.index, default="refuted")


def _report(verdicts: list, seconds: float) -> dict[str, Any]:
    from linres import __version__

    return {
        "version": __version__,
        "verdict": _overall(verdicts),
        "seconds": round(seconds, 3),
        "theorems": [dataclasses.asdict(v) | {"seconds": round(v.seconds, 3)} for v in verdicts],
    }


def _table(verdicts: list, seconds: float) -> str:
    rows: list[tuple[str, ...]] = [COLUMNS, *map(_row, verdicts)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    notes = [f"{v.name}: {v.reason}{_unmet(v)}" for v in verdicts if not (v.met and v.verdict == "proved")]
    notes += [f"{v.name}: control {name} did not come out as it must{_why(v, name)}" for v in verdicts
              for name in _missed(v)]
    limits = [(v.name, v.evidence["tightness"].get("limit", {"holds": True})) for v in verdicts]
    notes += [f"{name}: not known to be sharp as declared: {x['reason']}" for name, x in limits if not x["holds"]]
    surprises = [v for v in verdicts if v.counterexample and not v.met]
    notes += [f"{v.name}, a counterexample:\n{v.counterexample['snippet']}" for v in surprises]
    return "\n".join([*lines, "", *notes, f"{_count(verdicts)} in {seconds:.1f} s: {_overall(verdicts)}"])


def _count(verdicts: list) -> str:
    """How many theorems, and how many claims that are refuted as they should be."""
    false = sum(v.expect == v.verdict == "refuted" for v in verdicts)
    counts = {"theorem": len(verdicts) - false, "false claim": false}
    return " and ".join(f"{k} {what}{'s' if k > 1 else ''}" for what, k in counts.items() if k)


def _unmet(verdict) -> str:
    return "" if verdict.met else f" (expected: {verdict.expect})"


def _missed(verdict) -> list[str]:
    from linres.rungs.controls import missed

    return missed(verdict.evidence["controls"])


def _why(verdict, control: str) -> str:
    reasons = [c.get("reason") for c in verdict.evidence["controls"]["list"] if c["name"] == control]
    return f": {reasons[0]}" if reasons[0] else ""


def _row(v) -> tuple[str, ...]:
    from linres.rungs.tightness import shown

    rigorous, sampled, controls = (v.evidence[rung] for rung in ("rigorous", "sampled", "controls"))
    total = len(controls.get("list", ()))
    return (
        v.name, v.verdict, f"{v.proof['checked']}/{v.proof['steps']}",
        f"{rigorous['decided']}" if rigorous["ran"] else "-", f"{rigorous['bits']}" if rigorous["ran"] else "-",
        f"{sampled['instances']}" if sampled["ran"] else "-",
        f"{total - len(_missed(v))}/{total}" if controls["ran"] else "-",
        shown(v.evidence["tightness"]), f"{v.seconds:.1f}",
    )
