"""`linres verify`: climb the ladder for the theorems named, print what is known of each."""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

EPILOG = """examples:
  linres verify                                  every theorem, quick
  linres verify nesterov-step --level full
  linres verify --require proved --json > verdicts.json

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
    verify.add_argument("--level", choices=("quick", "full"), default="quick", help="how much to do (default: quick)")
    verify.add_argument("--seed", type=seed, default=0, metavar="N", help="the instances drawn (default: 0)")
    verify.add_argument("--require", choices=("supported", "proved"), help="exit with 3 if a verdict is weaker")
    verify.add_argument("--json", action="store_true", help="the whole evidence as JSON")
    verify.set_defaults(run=run)


def seed(text: str) -> int:
    """A seed from the command line: an integer >= 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"should be an integer >= 0, got {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    from linres.rungs import verify
    from linres.theorems import NAMES, load

    # Hypothesis would leave a folder of its own where the command is run.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", os.path.join(tempfile.gettempdir(), "linres-hypothesis"))
    theorems = [load(name) for name in dict.fromkeys(arguments.names or NAMES)]
    start = time.perf_counter()
    with Progress() as progress:
        verdicts = [
            verify(theorem, level=arguments.level, seed=arguments.seed, progress=progress) for theorem in theorems
        ]
    seconds = time.perf_counter() - start
    report = _table(verdicts, seconds)
    print(json.dumps(_report(verdicts, seconds), indent=2, allow_nan=False) if arguments.json else report)
    return max(_codes(verdicts, arguments.require), key=(0, 3, 1).index)


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
    notes += [f"{v.name}: control {name} did not come out as it must" for v in verdicts for name in _missed(v)]
    notes += [f"{v.name}, a counterexample:\n{v.counterexample['snippet']}" for v in verdicts if v.counterexample]
    count = f"{len(verdicts)} theorem{'s' if len(verdicts) > 1 else ''}"
    return "\n".join([*lines, "", *notes, f"{count} in {seconds:.1f} s: {_overall(verdicts)}"])


def _unmet(verdict) -> str:
    return "" if verdict.met else f" (expected: {verdict.expect})"


def _missed(verdict) -> list[str]:
    from linres.rungs.controls import missed

    return missed(verdict.evidence["controls"])


def _row(v) -> tuple[str, ...]:
    rigorous, sampled, controls = (v.evidence[rung] for rung in ("rigorous", "sampled", "controls"))
    total = len(controls.get("list", ()))
    return (
        v.name, v.verdict, f"{v.proof['checked']}/{v.proof['steps']}",
        f"{rigorous['decided']}" if rigorous["ran"] else "-", f"{rigorous['bits']}" if rigorous["ran"] else "-",
        f"{sampled['instances']}" if sampled["ran"] else "-",
        f"{total - len(_missed(v))}/{total}" if controls["ran"] else "-",
        v.evidence["tightness"].get("tightness") or "-", f"{v.seconds:.1f}",
    )
