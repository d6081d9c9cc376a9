"""`linres verify`: climb the ladder for the theorems named, print what is known of each."""

import argparse
import dataclasses
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from functools import partial
from typing import Any

from linres.commands._shared import FILE, make_folder

EPILOG = """examples:
  linres verify                        every theorem, quick
  linres verify nesterov-step --level full
  linres verify --require proved --json > verdicts.json
  linres verify --jobs 1               one theorem at a time
  linres verify --save found           and keep what the adversary found, for
                                       linres replay
  linres verify --file mine.py         the theorems of your file, which is run
  linres verify --file mine.py decay   one of them

exit codes:
  0  every theorem meets its expectation
  1  one is refuted that should not be, or survives that should fall
  2  usage or bad input
  3  one is inconclusive, or known less well than it is expected to be or
     --require asks
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
        "--file", action="append", default=[], metavar="FILE", help=f"check the theorems {FILE}",
    )
    verify.add_argument("--level", choices=("quick", "full"), default="quick", help="how much to do (default: quick)")
    verify.add_argument("--seed", type=seed, default=0, metavar="N", help="the instances drawn (default: 0)")
    verify.add_argument("--require", choices=("supported", "proved"), help="exit with 3 if a verdict is weaker")
    verify.add_argument(
        "--jobs", type=jobs, default=None, metavar="N",
        help="theorems tried at a time, each in a process of its own (default: one for each core); verdicts are the "
             "same for any N" + ("" if sys.platform.startswith("linux") else
             ", but for theorems of a file that imports modules only as they are tried"),
    )
    verify.add_argument("--json", action="store_true", help="the whole evidence as JSON")
    verify.add_argument(
        "--save", metavar="DIR",
        help="keep counterexamples and the adversary's best instances, for linres replay; replaces what is there",
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
    from linres.commands.spread import cores, spread
    from linres.loading import pick
    from linres.rungs import preload

    # Hypothesis would leave a folder of its own where the command is run.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", os.path.join(tempfile.gettempdir(), "linres-hypothesis"))
    start = time.perf_counter()
    climb = partial(_climb, level=arguments.level, seed=arguments.seed, json_output=arguments.json)
    again = partial(pick, arguments.names, arguments.file)
    verdicts: list[Any] = []
    loose: list[str] = []
    with Progress() as progress, prints_kept_out_of(arguments.json):
        theorems = again()
        preload(ours=not arguments.file)
        if arguments.save is not None:
            make_folder("--save", arguments.save)
        table = Table(theorems, progress.out_of_the_way, quiet=arguments.json)
        say = partial(progress.of, len(theorems))
        for verdict, certain in spread(climb, theorems, arguments.jobs or cores(), say, again=again):
            table.add(verdict)
            verdicts.append(verdict)
            loose += [] if certain or arguments.file else [verdict.name]
    seconds = time.perf_counter() - start
    if arguments.save is not None:
        save(verdicts, arguments.save)
    for name in loose:
        print(f"{name}: a corrected statement does not certainly hold where the claim fails", file=sys.stderr)
    report = json.dumps(_report(verdicts, seconds), indent=2, allow_nan=False) if arguments.json else None
    print(report or _remarks(verdicts, seconds))
    return max(*_codes(verdicts, arguments.require), 1 if loose else 0, key=(0, 3, 1).index)


def _climb(theorem: Any, say: Callable[[str], None], *, level: str, seed: int, json_output: bool) -> tuple[Any, bool]:
    """The verdict on a theorem, and for a false claim of ours whether its corrected statements certainly hold."""
    from linres.rungs import verify

    with prints_kept_out_of(json_output):
        return verify(theorem, level=level, seed=seed, progress=say), _corrected(theorem.name)


def _corrected(name: str) -> bool:
    """Whether a false claim of ours certainly fails beside a corrected statement that certainly holds."""
    from linres.rungs import refuted
    from linres.theorems import REFUTED, load_refutations

    return name not in REFUTED or all(map(refuted, load_refutations(name)))


def save(verdicts: list, folder: str) -> list[str]:
    """Write a replay file for each counterexample and for each best instance of the adversary; their paths.

    InputError if the folder cannot be made or written to.
    """
    from linres import archive

    make_folder("--save", folder)
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
EXPECTED = ("", max(STRENGTH, key=len), "", "", "32768", "", "", "upper .999999", "")  # the longest of a column


class Progress:
    """Lines on stderr: one that is rewritten on a terminal, one for each rung elsewhere."""

    def __init__(self):
        self.live = sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_):
        self.out_of_the_way()

    def out_of_the_way(self) -> None:
        """Before a line goes to stdout, which may be the same terminal."""
        if self.live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def of(self, total: int, done: int, line: str) -> None:
        """A line while `done` theorems of the total are: on a terminal it says so."""
        self(f"{done + 1}/{total} {line}" if self.live and total > 1 else line)

    def __call__(self, line: str) -> None:
        if self.live:
            print(f"\r\033[K{line[:100]}", end="", file=sys.stderr, flush=True)
        elif ": control " not in line:
            print(f"{line}\n", end="", file=sys.stderr, flush=True)  # one write: the processes share stderr


class Table:
    """Rows on stdout, each as soon as it is known; widths are those of the longest that is expected in a column."""

    def __init__(self, theorems: Sequence[Any], before: Callable[[], None], *, quiet: bool = False):
        self.before, self.quiet = before, quiet
        expected = [EXPECTED, *(_expected_row(theorem) for theorem in theorems)]
        self.widths = [max(map(len, column)) for column in zip(COLUMNS, *expected, strict=True)]
        self._print(COLUMNS)

    def add(self, verdict: Any) -> None:
        self._print(_row(verdict))

    def _print(self, row: Sequence[str]) -> None:
        if not self.quiet:
            self.before()
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, self.widths, strict=True))
            print(line.rstrip(), flush=True)


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


def _remarks(verdicts: list, seconds: float) -> str:
    """What stands below the table."""
    notes = [f"{v.name}: {v.reason}{_unmet(v)}" for v in verdicts if not (v.met and v.verdict == "proved")]
    notes += [f"{v.name}: control {name} did not come out as it must{_why(v, name)}" for v in verdicts
              for name in _missed(v)]
    limits = [(v.name, v.evidence["tightness"].get("limit", {"holds": True})) for v in verdicts]
    notes += [f"{name}: not known to be sharp as declared: {x['reason']}" for name, x in limits if not x["holds"]]
    surprises = [v for v in verdicts if v.counterexample and not v.met]
    notes += [f"{v.name}, a counterexample:\n{v.counterexample['snippet']}" for v in surprises]
    return "\n".join(["", *notes, f"{_count(verdicts)} in {seconds:.1f} s: {_overall(verdicts)}"])


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


def _expected_row(theorem: Any) -> tuple[str, ...]:
    """What is known of a row before the theorem is verified."""
    steps, controls = len(theorem.steps()), len(theorem.controls)
    return (theorem.name, "", f"{steps}/{steps}", "", "", "", f"{controls}/{controls}", "", "")


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
