"""The tightness table of Nesterov's method with errors: exact worst cases beside the proved bound.

    python -m benchmarks.worst_cases                                print the tables (under a minute)
    python -m benchmarks.worst_cases --page proofs/worst-cases.md   put them into the page, between its marks
    python -m benchmarks.worst_cases --check proofs/worst-cases.md  compute them again and compare with the page
    python -m benchmarks.worst_cases --json FILE                    also write the numbers there

Run it from a checkout with linres and its extra `pep` installed. What is certified and what a solver only estimates,
proofs/worst-cases.md says. --check allows for the accuracy of the solver: a share of 1e-4 for a number in the tables.

Exit code: 0 done, 1 the page has other numbers, 2 bad input, the extra missing among it.
"""

import argparse
import json
import math
import os
import re
import sys
import textwrap
import time
from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from linres import worst_case
from linres.errors import InputError
from linres.theorems import reported_worst_case
from linres.worst_case import Question, Row

MARKS = re.compile(r"(<!-- table -->\n).*?(<!-- / -->)", re.DOTALL)
ROOTS_OF_KAPPA, STAGES = (3, 10, 32), range(1, 9)
LEVELS = {
    "Without errors, $\\Phi_0 \\leq 1$": (Fraction(0), Fraction(1)),
    "Gradient errors of at most $\\epsilon = \\frac{1}{10}$, $\\Phi_0 \\leq 1$": (Fraction(1, 10), Fraction(1)),
    "Gradient errors of at most $\\epsilon = 1$ alone, $\\Phi_0 = 0$": (Fraction(1), Fraction(0)),
}
REPORTED_STAGES = (5, 10, 20, 40)
HEADER = ("$\\kappa$", "$n$", "attained", "primal", "dual", "dual - attained", "proved", "dual / proved")
REPORTED_HEADER = ("$n$", "attained", "SCS reports", "Clarabel reports", "proved")
VARIES = ("dual - attained",)  # a difference of two close numbers, of the size of the solver's error
ACCURACY = 1e-4
DIGITS = 9
FALSE, BEYOND = "&dagger;", "&Dagger;"  # below what is attained, above what is proved


class Table(NamedTuple):
    """A title, the names of the columns and the cells, row by row."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def __str__(self) -> str:
        lines = [self.header, ("---",) * len(self.header), *self.rows]
        return "\n".join([f"### {self.title}", "", *(f"| {' | '.join(line)} |" for line in lines)])


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def rounded(value: Fraction | float, way: str, digits: int = DIGITS) -> str:
    """The number with so many digits, rounded down, up or to the nearest."""
    exact = Fraction(value)
    divided = Context(prec=digits, rounding=way).divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return f"{divided:.{digits}g}" if exact >= Fraction(1, 1000) else f"{divided:.{digits - 1}e}"


def questions() -> Iterator[tuple[str, Question]]:
    for title, (error, potential) in LEVELS.items():
        for root in ROOTS_OF_KAPPA:
            for stages in STAGES:
                yield title, Question(Fraction(1, root), stages, error, potential)


def solved() -> list[tuple[str, Row]]:
    rows = []
    for title, question in questions():
        rows.append((title, worst_case.row(question)))
        if question.stages == STAGES[-1]:
            say(f"{title}: kappa = {1 / question.q**2}")
    return rows


def cells(row: Row) -> tuple[str, ...]:
    question, answer = row.question, row.answer
    difference = float(Fraction(answer.dual) - row.attained)
    return (
        str(1 / question.q**2), str(question.stages), rounded(row.attained, ROUND_FLOOR),
        rounded(answer.primal, ROUND_HALF_EVEN), rounded(answer.dual, ROUND_HALF_EVEN) + row.is_false * f" {FALSE}",
        f"{difference:.0e}", rounded(row.bound**2, ROUND_CEILING, 6), f"{answer.dual / row.bound**2:.4f}",
    )


class Report(NamedTuple):
    """What the example of the tool reports after so many stages, beside what an instance attains exactly."""

    stages: int
    attained: Fraction
    scs: float
    clarabel: float
    proved: float


def reports() -> Iterator[Report]:
    kappa, slowest = reported_worst_case.KAPPA, reported_worst_case.slowest()
    for stages in REPORTED_STAGES:
        numbers = [worst_case.reported(stages, kappa=kappa, solver=solver) for solver in ("SCS", "CLARABEL")]
        say(f"the example of the tool after {stages} stages")
        attained = reported_worst_case.value_from_below(slowest, stages)
        yield Report(stages, attained, *numbers, (1 - 1 / math.sqrt(kappa)) ** stages)


def reported_cells(report: Report) -> tuple[str, ...]:
    told = [f"{value:.6g}{_mark(value, report)}" for value in report[2:4]]
    return str(report.stages), rounded(report.attained, ROUND_FLOOR, 6), *told, f"{report.proved:.6g}"


def _mark(value: float, report: Report) -> str:
    if Fraction(value) < report.attained:
        return f" {FALSE}"
    return f" {BEYOND}" if value > report.proved else ""


def tables(rows: list[tuple[str, Row]], told: list[Report]) -> list[Table]:
    made = [Table(title, HEADER, [cells(row) for other, row in rows if other == title]) for title in LEVELS]
    title = f"A solver's default, $\\kappa = {reported_worst_case.KAPPA}$, from rest"
    return [*made, Table(title, REPORTED_HEADER, list(map(reported_cells, told)))]


def remark(rows: list[tuple[str, Row]]) -> str:
    """What the tables say of the solver as a whole, and with which versions it was asked."""
    of = [row for _, row in rows]
    optimal = sum(row.answer.status == "optimal" for row in of)
    shares = [float(row.attained / Fraction(row.answer.dual)) - 1 for row in of]
    false = [share for share in shares if share > 0]
    names = ", ".join(f"{name} {version(name)}" for name in ("PEPit", "cvxpy", "clarabel", "scs"))
    return textwrap.fill(
        f"Of the {len(of)} rows before the last table Clarabel calls {optimal} optimal, the others nearly so. In "
        f"{len(false)} of them its dual value falls short of what is attained, by a share of "
        f"{max(false, default=0):.0e} at most. In all others what is attained is less than the dual value, by a share "
        f"of {-min(shares):.0e} at most. Made with {names}.", 118,
    )


def text(rows: list[tuple[str, Row]], told: list[Report]) -> str:
    return "\n\n".join([*map(str, tables(rows, told)), remark(rows)])


def parse(page: str) -> list[list[dict[str, str]]]:
    """The tables between the marks of a page: for each row, {name of the column: cell}. InputError without marks."""
    found = MARKS.search(page)
    if not found:
        raise InputError("the page should hold the mark <!-- table -->, and <!-- / --> after it, got neither")
    blocks = re.findall(r"(?:^\|.*\|\n)+", found[0], re.MULTILINE)
    split = [[tuple(map(str.strip, line[1:-1].split("|"))) for line in block.splitlines()] for block in blocks]
    return [[dict(zip(lines[0], line, strict=True)) for line in lines[2:]] for lines in split]


def differences(page: str, made: list[Table]) -> list[str]:
    """Where the tables of the page have other numbers than those made, by more than the solver's accuracy explains."""
    wanted = [[dict(zip(table.header, row, strict=True)) for row in table.rows] for table in made]
    found = parse(page)
    if [len(rows) for rows in found] != [len(rows) for rows in wanted]:
        return ["the page has other tables"]
    pairs = [pair for tables_ in zip(found, wanted, strict=True) for pair in zip(*tables_, strict=True)]
    return [
        f"{name}: {old.get(name)} on the page, {new[name]} now, at {list(new.values())[:2]}"
        for old, new in pairs for name in new if name not in VARIES and not _close(old.get(name, "nan"), new[name])
    ]


def _close(old: str, new: str) -> bool:
    """Two cells agree up to the accuracy; whether a value is marked as false may hang on its last digits."""
    before, after = (float(re.sub(f" ({FALSE}|{BEYOND})$", "", cell)) for cell in (old, new))
    return math.isclose(before, after, rel_tol=ACCURACY)


def as_json(rows: list[tuple[str, Row]], told: list[Report]) -> str:
    table = [
        {
            "q": str(row.question.q), "stages": row.question.stages, "gradient_error": str(row.question.gradient_error),
            "potential": str(row.question.potential), "attained": float(row.attained), "primal": row.answer.primal,
            "dual": row.answer.dual, "proved": row.bound**2, "false": row.is_false, "status": row.answer.status,
            "seconds": row.answer.seconds,
        }
        for _, row in rows
    ]
    reported = [{**report._asdict(), "attained": float(report.attained)} for report in told]
    return json.dumps({"rows": table, "reported": reported}, indent=1)


def write(path: Path, words: str) -> None:
    """Replace the file at once, or not at all."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(words, encoding="utf-8")
    os.replace(beside, path)


def run(arguments: argparse.Namespace) -> int:
    known = arguments.page or arguments.check
    page = known.read_text(encoding="utf-8") if known else ""
    if known:
        parse(page)  # so that a page without marks is refused before the work
    begun = time.perf_counter()
    rows, told = solved(), list(reports())
    say(f"{time.perf_counter() - begun:.0f} s, of which Clarabel {sum(row.answer.seconds for _, row in rows):.0f} s")
    if arguments.json:
        write(arguments.json, as_json(rows, told))
    if arguments.page:
        made = text(rows, told)
        write(arguments.page, MARKS.sub(lambda marks: f"{marks[1]}\n{made}\n\n{marks[2]}", page))
        return 0
    if arguments.check:
        found = differences(page, tables(rows, told))
        print("\n".join(found) or f"{arguments.check}: the same up to a share of {ACCURACY}")
        return 1 if found else 0
    print(text(rows, told))
    return 0


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = options.add_mutually_exclusive_group()
    where.add_argument("--page", type=Path, metavar="FILE", help="put the tables into this page")
    where.add_argument("--check", type=Path, metavar="FILE", help="compare the tables with those of this page")
    options.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers there")
    try:
        return run(options.parse_args())
    except (InputError, OSError) as error:
        print(f"worst_cases: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
