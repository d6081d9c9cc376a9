"""benchmarks/RESULTS.md, from the JSON files in benchmarks/results/ that the benchmarks wrote.

    python -m benchmarks.results                            write the page again
    python -m benchmarks.results --run                      run nearly all first: some 45 minutes
    python -m benchmarks.results --run block_gradient-1     run that one
    python -m benchmarks.results --check                    exit with 1 if the page is not what the files give

Only when named runs `verdicts-full`, `linres verify --level full`.
A peer that is not installed is not in the tables: `pip install '.[bench]'` before a run that counts.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import frame
from linres.writing import whole

FOLDER = Path(__file__).parent
PAGE, FILES, FIGURE = FOLDER / "RESULTS.md", FOLDER / "results", FOLDER / "results" / "costs.svg"
# What a run is called, and the command without --json; what it measures is said by the script itself.
RUNS: dict[str, list[str]] = {
    "stacking_batch-1": ["stacking_batch", "--jobs", "1"],
    "stacking_batch-2": ["stacking_batch", "--jobs", "2", "--sizes", "8", "16", "32", "64", "128"],
    "stages": ["stages", "--jobs", "1"],
    "block_gradient-1": ["block_gradient", "--jobs", "1"],
    "block_gradient-2": ["block_gradient", "--jobs", "2"],
    "depth_propagation": ["depth_propagation", "--sizes", "paper"],
    "verdicts": ["verdicts", "--sizes", "quick", "compile", "certificates", "rigorous", "bound", "start"],
    "verdicts-full": ["verdicts", "--sizes", "full"],
    "moments": ["moments"],
    "costs": ["costs", "--figure", os.path.relpath(FIGURE, FOLDER.parent)],
}
NAMED = ("verdicts-full",)  # run only when they are named
HEAD = """# What the benchmarks found

Written by `python -m benchmarks.results`, from the files in [results/](results/). *ratio* is the seconds of the
quickest peer over ours: below 1 we are slower. Seconds are medians of runs in turns, on the same cores; what compiles
has been compiled before. *gflops* counts the least operations that the job takes, *peak share* is their share of what
the fused multiply-adds of the cores can do (`python -m benchmarks.peak`).

A peer that takes half a second or more, and half as long again as the quickest one, is timed once, and the others the
fewer times the longer they take, three times at least: `rounds` in the files says how often each of them was.
"""


def command(name: str) -> str:
    return " ".join(["python -m", "benchmarks." + RUNS[name][0], *RUNS[name][1:], "--json", f"{file(name, '')}"])


def file(name: str, folder: Path | str = FILES) -> str:
    """Where the results of a run are."""
    return os.path.join(folder or "benchmarks/results", f"{name}.json")


def run(name: str, more: Sequence[str] = ()) -> None:
    """CalledProcessError if the benchmark fails."""
    print(f"\n{name}: {command(name)}", flush=True)
    FILES.mkdir(exist_ok=True)
    script, *options = RUNS[name]
    subprocess.run([sys.executable, "-m", f"benchmarks.{script}", *options, *more, "--json", file(name)], check=True,
                   cwd=FOLDER.parent)


def page(results: dict[str, dict[str, Any]]) -> str:
    """The page, from what the files of the runs hold."""
    parts = [HEAD, *(section(name, results[name]) for name in RUNS if name in results)]
    missing = [name for name in RUNS if name not in results]
    if missing:
        parts.append(f"Not run yet: {', '.join(f'`{command(name)}`' for name in missing)}.\n")
    return "\n".join(parts)


def section(name: str, result: dict[str, Any]) -> str:
    lines = [f"## {name}", "", f"    {command(name)}", "", *summary(result["rows"]), ""]
    said = [f"- {sentence}" for row in result["rows"] for sentence in row.get("words", ())]
    lines += [*said, ""] if said else []
    told = {"cores": result.get("jobs", ""), "clock": result.get("clock", "wall")}
    lines.append(frame.table([row | told for row in result["rows"]], markdown=True))
    if name == "costs":
        lines += ["", f"![seconds against sizes]({FIGURE.relative_to(FOLDER).as_posix()})"]
    return "\n".join([*lines, "", where(result), ""])


def summary(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What was won and what was lost, by name."""
    compared = [row for row in rows if row["ratio"] is not None]
    found = []
    if compared:
        won = [row for row in compared if row["ratio"] >= 1]
        ratios = sorted(row["ratio"] for row in compared)
        found.append(f"Quicker than every peer in {len(won)} of {len(compared)} cases; ratios from {ratios[0]:.3g} to "
                     f"{ratios[-1]:.3g}.")
        lost = [f"{row['size']} ({row['ratio']:.2g})" for row in compared if row["ratio"] < 1]
        found += [f"Slower: {', '.join(lost)}."] if lost else []
    speedups = {row["size"]: row["speedup"] for row in rows if "speedup" in row}
    if speedups:
        least = min(speedups, key=speedups.__getitem__)
        found.append(f"Over one of our own threads on the same cores from {speedups[least]:.3g} times ({least}) to "
                     f"{max(speedups.values()):.3g} times.")
    for key, words in (("met", "Goals missed"), ("agrees", "Exponents off by more than a tenth")):
        judged = [row for row in rows if key in row]
        if judged:
            failed = [row["size"] for row in judged if not row[key]]
            found.append(f"{words}: {', '.join(failed) if failed else 'none'} of {len(judged)}.")
    return found


def where(result: dict[str, Any]) -> str:
    """Machine, cores, clock and versions."""
    machine, jobs = result["machine"], result.get("jobs")
    clock = {"cpu": "seconds of processor time", "wall": "seconds on the wall"}[result.get("clock", "wall")]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return f"{machine['processor']}, {machine['simd']}, cores used: {jobs}; {clock}; {versions}."


def load() -> dict[str, dict[str, Any]]:
    """What the files that are there hold, by run."""
    return {name: json.loads(Path(file(name)).read_text(encoding="utf-8"))
            for name in RUNS if os.path.exists(file(name))}


def main(arguments: Sequence[str] | None = None) -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--run", nargs="*", choices=list(RUNS), metavar="NAME",
                         help=f"run these first: {', '.join(RUNS)}; by default all but {', '.join(NAMED)}")
    options.add_argument("--clock", choices=frame.CLOCKS, help="for the runs (not of verdicts)")
    options.add_argument("--check", action="store_true", help="write nothing; exit with 1 where the page differs")
    given = options.parse_args(arguments)
    if given.run is not None:
        for name in given.run or [name for name in RUNS if name not in NAMED]:
            run(name, ["--clock", given.clock] if given.clock else ())
    words = page(load())
    if given.check:
        same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == words
        print(f"{PAGE.name} is {'what the files give' if same else 'out of date: python -m benchmarks.results'}")
        return 0 if same else 1
    with whole(str(PAGE), "x", PAGE.name, encoding="utf-8") as out:
        out.write(words)
    return 0


if __name__ == "__main__":
    sys.exit(main())
