"""`linres mutate`: change a theorem in every small way that is known, and see which changes are noticed."""

import argparse
import json
import os
import re
import tempfile
import time
from typing import Any, Literal

from linres.commands._shared import FILE, make_folder
from linres.commands.verify import Progress, seed

Kind = Literal["statement", "method", "proof"]  # as in linres.mutants, which is imported where a command runs
Scores = dict[Any, tuple[int, int]]  # by the groups of linres.mutants

KINDS: tuple[Kind, ...] = ("statement", "method", "proof")
DESCRIPTION = """Make mutants of theorems and try every one: of the statement (constants scaled,
exponents and signs changed, hypotheses dropped, symbols exchanged), of the
method (stale gradient, missing momentum, transposed block, ...) and of the
proof (a claim strengthened, a term left out, a rule misapplied, ...).

Each mutant is first classed by structure and by signs.
  must fall    a stronger conclusion, another equation, a wrong method, a wrong
               proof
  may fall     a hypothesis weakened or dropped: if it is refuted the hypothesis
               is shown necessary, else it is reported as not shown necessary
  must stand   what is weaker than the theorem, or says the same
A constant is changed by 5 %; where the mutant survives, by a factor of 2, then
of 10. What is neither stronger nor weaker as far as is known, every changed
definition among it, counts for nothing."""
EPILOG = """examples:
  linres mutate nesterov-step
  linres mutate --all --json > mutants.json
  linres mutate absorption --kind statement --save found
  linres replay found/absorption.H6_rhs-up_21:20_times.json
  linres mutate --file mine.py --level full      the theorems of your file
  linres mutate --file mine.py decay             one of them

columns:
  conclusion  stronger conclusions: refuted / all
  at 5 %      of these where a factor is changed, refuted by a change of 5 %
  equation    other equations in place of the conclusion: refuted / all
  method      wrong steps of the method: refuted / all
  proof       wrong proofs: refused by the trusted core / all
  weakened    hypotheses weakened: refuted / all; the others are not shown
              necessary as they are
  dropped     hypotheses dropped: shown necessary / all
  standing    not refuted / all of those that are weaker or say the same
  neither     refuted / all of those that are neither; in brackets how many of
              them look stronger, or weaker, on every instance tried
  proved      hypotheses weakened or dropped that the trusted core proves the
              theorem without

exit codes:
  0  all is as it must be
  1  a mutant that must stand is refuted, the trusted core accepts a false step,
     or of all that was given the share refuted of "conclusion", "equation",
     "method" or "proof" is below --at-least, or that of "weakened" and
     "dropped" together below --hypotheses-at-least
  2  usage or bad input
  3  there was no mutant to refute, so nothing is known
"""


def add_parsers(commands: Any) -> None:
    mutate = commands.add_parser(
        "mutate", help="change theorems in every small way; which changes are noticed?", epilog=EPILOG,
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    mutate.add_argument("names", nargs="*", metavar="NAME", help="theorems to change")
    mutate.add_argument("--all", action="store_true", help="every theorem that is expected to be proved")
    mutate.add_argument("--file", action="append", default=[], metavar="FILE", help=f"change the theorems {FILE}")
    mutate.add_argument("--kind", choices=KINDS, action="append", help="only these mutants (may be repeated)")
    mutate.add_argument("--level", choices=("smoke", "quick", "full"), default="quick",
                        help="how much to search; smoke shows fewer hypotheses necessary (default: quick)")
    mutate.add_argument("--seed", type=seed, default=0, metavar="N", help="the instances drawn (default: 0)")
    mutate.add_argument("--at-least", type=_share, default=0.95, metavar="X",
                        help="share refuted that is asked of each group that must fall (default: 0.95)")
    mutate.add_argument("--hypotheses-at-least", type=_share, default=0.0, metavar="X",
                        help="share of hypotheses to be shown necessary (default: 0, they are only reported)")
    mutate.add_argument("--save", metavar="DIR",
                        help="write a replay file for each mutant that is refuted; replaces those of the same name")
    mutate.add_argument("--json", action="store_true", help="every mutant as JSON")
    mutate.set_defaults(run=run)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"should be a number from 0 to 1, got {text!r}")
    return value


def run(arguments: argparse.Namespace) -> int:
    from linres.mutants import GROUPS
    from linres.rungs import mutants

    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", os.path.join(tempfile.gettempdir(), "linres-hypothesis"))
    theorems = _theorems(arguments)
    kinds = tuple(kind for kind in KINDS if kind in (arguments.kind or KINDS))
    if arguments.save is not None:
        make_folder("--save", arguments.save)
    reports = []
    with Progress() as progress:
        for theorem in theorems:
            start = time.perf_counter()
            report = mutants.run(
                theorem, kinds=kinds, level=arguments.level, seed=arguments.seed, say=_quieter(progress))
            report.seconds = time.perf_counter() - start
            reports.append(report)
    if arguments.save is not None:
        for report in reports:
            _save(report, arguments.save)
    scores: Scores = {group: mutants.score(reports, group) for group in GROUPS}
    print(json.dumps(_data(reports, scores), indent=1, allow_nan=False) if arguments.json else _text(reports, scores))
    return exit_code(reports, scores, arguments.at_least, arguments.hypotheses_at_least)


def exit_code(reports: list, scores: Scores, at_least: float, hypotheses_at_least: float = 0.0) -> int:
    """As `EPILOG` says."""
    asked = {group: hypotheses_at_least if group == "hypothesis" else at_least for group in scores}
    short = [group for group, (fallen, every) in scores.items() if fallen < asked[group] * every]
    if short or any(report.alarms for report in reports):
        return 1
    return 0 if any(every for _, every in scores.values()) else 3


def _quieter(progress: Any):
    """A line for each kind of mutants; for each mutant only on a terminal, where it is written over."""
    return lambda line: progress(line) if progress.live or ": mutant " not in line else None


def _theorems(arguments: argparse.Namespace) -> list:
    from linres.errors import InputError
    from linres.loading import pick
    from linres.theorems import NAMES

    if arguments.names and arguments.all:
        raise InputError(f"{arguments.names[0]} should come without --all, which changes every theorem. Leave one out.")
    if arguments.file and arguments.all:
        raise InputError("--file should come without --all, which changes every theorem of ours. Leave one out.")
    if not arguments.names and not arguments.file and not arguments.all:
        raise InputError("NAME, --file FILE or --all should be given. `linres list` prints the names.")
    if arguments.all:
        return [theorem for theorem in pick(NAMES) if theorem.expect == "proved"]
    return pick(arguments.names, arguments.file)


def _save(report: Any, folder: str) -> None:
    from linres import archive

    for outcome in report.outcomes:
        if outcome.failure is not None and outcome.mutant.kind != "proof":
            name = re.sub(r"[^\w.=:+-]", "_", outcome.mutant.name)
            found = {"by": outcome.by, "what": outcome.mutant.what, "order": outcome.mutant.order}
            archive.save(os.path.join(folder, f"{report.theorem.name}.{name}.json"), report.theorem, outcome.instance,
                         f"mutant:{outcome.mutant.name}", found)


def _data(reports: list, scores: Scores) -> dict[str, Any]:
    from linres import __version__

    return {
        "version": __version__,
        "scores": {kind: {"fallen": fallen, "all": every} for kind, (fallen, every) in scores.items()},
        "theorems": [
            {"name": report.theorem.name, "seconds": round(report.seconds, 3),
             "mutants": [outcome.data() for outcome in report.outcomes]}
            for report in reports
        ],
    }


COLUMNS = ("theorem", "conclusion", "at 5 %", "equation", "method", "proof", "weakened", "dropped", "standing",
           "neither", "proved")
SCORES = {
    "conclusion": "must fall   stronger conclusions", "equation": "must fall   other equations",
    "method": "must fall   wrong methods", "proof": "must fall   wrong proofs",
    "hypothesis": "may fall    hypotheses weakened or dropped, shown necessary",
}


def _text(reports: list, scores: Scores) -> str:
    lines = _aligned([COLUMNS, *map(_row, reports)])
    for heading, outcomes in _lists(reports).items():
        lines += ["", f"{heading}:", *outcomes] if outcomes else []
    alarms = [f"ALARM {_told(report, o, f'{o.fate} {o.reason}')}\n{(o.counterexample or {}).get('snippet', '')}"
              for report in reports for o in report.alarms]
    lines += ["", *alarms] if alarms else []
    seconds = sum(report.seconds for report in reports)
    standing = [outcome for report in reports for outcome in report.standing]
    told = [(SCORES[group], _share_of(*pair)) for group, pair in scores.items() if pair[1]]
    told.append(("must stand  weaker or equivalent, not refuted", _fraction(standing, lambda o: not o.fallen)))
    number = f"{len(reports)} theorem{'s' if len(reports) != 1 else ''}"
    return "\n".join([*lines, "", *_aligned(told), f"{number} in {seconds:.0f} s"])


def _lists(reports: list) -> dict[str, list[str]]:
    """What is told of single mutants, by heading."""
    def listed(chosen: Any, reason: str) -> list[str]:
        return [f"  {_told(report, o, getattr(o, reason) or o.mutant.how)}"
                for report in reports for o in report.outcomes if chosen(o) and not o.alarm]

    return {
        "survivors that must fall": listed(lambda o: o.mutant.must_fall and not o.fallen, "reason"),
        "hypotheses not shown necessary": listed(
            lambda o: o.mutant.claims_more and not o.mutant.must_fall and not o.fallen, "reason"),
        "proved too": listed(lambda o: o.mutant.order == "proved", "reason"),
    }


def _told(report: Any, outcome: Any, reason: str) -> str:
    return f"{report.theorem.name}  {outcome.mutant.name}  ({outcome.mutant.what}): {reason}"


def _aligned(rows: list) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _share_of(fallen: int, every: int) -> str:
    return f"{fallen}/{every} ({100 * fallen / every:.1f} %)"


def _fraction(outcomes: list, counts: Any = lambda outcome: outcome.fallen) -> str:
    return f"{sum(map(counts, outcomes))}/{len(outcomes)}" if outcomes else "-"


def _row(report: Any) -> tuple[str, ...]:
    stronger = report.sought("conclusion")
    hypotheses = report.sought("hypothesis")
    dropped = [o for o in hypotheses if o.mutant.drops]
    scaled, neither = [o for o in stronger if o.mutant.factor is not None], report.of("incomparable")
    seen = [sum(o.seen == order for o in neither) for order in ("stronger", "weaker")]
    return (
        report.theorem.name, _fraction(stronger),
        _fraction(scaled, lambda o: o.fallen and o.mutant.factor == "5 %"),
        *(_fraction(report.sought(group)) for group in ("equation", "method", "proof")),
        _fraction([o for o in hypotheses if not o.mutant.drops]), _fraction(dropped),
        _fraction(report.standing, lambda o: not o.fallen),
        f"{_fraction(neither)} [{seen[0]}, {seen[1]}]" if neither else "-", str(len(report.of("proved")) or "-"),
    )
