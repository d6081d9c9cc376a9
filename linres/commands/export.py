"""`linres export NAME --to coq`: write theorems and their proofs, each as a file that Coq checks by itself."""

import argparse
import json
import os
import re
import sys
from typing import Any

from linres.commands._shared import FILE, make_folder, named

DESCRIPTION = """Write each theorem with its proof as one self-contained Coq file. Neither the
trusted core nor the second checker is asked: whether the proof holds is for Coq
to say."""
EPILOG = """examples:
  linres export nesterov-step --to coq > nesterov_step.v
  linres export nesterov-step --out step.v      then: coqc step.v
  linres export stacking-acceleration --check   have coqc check it now
  linres export absorption orientation --out coq       into a folder
  linres export --file mine.py --check          the theorems of your file
  linres export --file mine.py decay --check --json      one of them

exit codes:
  0  all is written; with --check, Coq accepts it
  1  with --check: Coq refuses a proof, or it assumes more than the real
     numbers of Coq do
  2  usage or bad input; a theorem without a complete proof; --check where coqc
     is not installed
"""


def add_parsers(commands: Any) -> None:
    export = commands.add_parser(
        "export", help="write theorems for Coq to check", epilog=EPILOG,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    export.add_argument("names", nargs="*", metavar="NAME", help="names that `linres list` prints, or from the file")
    export.add_argument("--to", choices=("coq",), default="coq", help="the language (default: coq)")
    export.add_argument("--file", action="append", default=[], metavar="FILE", help=f"export the theorems {FILE}")
    export.add_argument("--out", metavar="FILE",
                        help="where to, replaced if it is there; for several theorems a folder, made if need be "
                             "(default: standard output, or nowhere with --check)")
    export.add_argument("--check", action="store_true", help="run coqc on it and say what comes out")
    export.add_argument("--json", action="store_true", help="with --check: what comes out as JSON, of several a list")
    export.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write, check or both; returns the exit code. InputError as the exit code 2 says."""
    from linres.coq.kernel import require_coqc
    from linres.errors import InputError

    if arguments.json and not arguments.check:
        raise InputError("--json should come with --check: a Coq file is no JSON.")
    if arguments.check:
        require_coqc()
    theorems = named(arguments)
    if len(theorems) > 1 and arguments.out is None and not arguments.check:
        raise InputError(f"{_list(theorems)} make several Coq files. Give --out FOLDER, --check, or one NAME.")
    texts = {theorem.name: _exported(theorem) for theorem in theorems}
    if arguments.out is not None:
        _write(texts, arguments.out)
    elif not arguments.check:
        sys.stdout.writelines(texts.values())
    return _check(texts, arguments.json) if arguments.check else 0


def _list(theorems: list) -> str:
    return ", ".join(theorem.name for theorem in theorems)


def _exported(theorem: Any) -> str:
    from linres.coq import export
    from linres.errors import InputError, renamed

    try:
        return export(theorem)
    except InputError as error:
        raise renamed(error, {repr(theorem.name): theorem.name}) from None


def _write(texts: dict[str, str], out: str) -> None:
    """One theorem to the file `out`, several to files in the folder `out`, under names that Coq takes."""
    from linres.writing import whole

    paths = dict.fromkeys(texts, out)
    if len(texts) > 1:
        make_folder("--out", out)
        paths = {name: os.path.join(out, re.sub(r"\W", "_", f"t{name}" if name[0].isdigit() else name) + ".v")
                 for name in texts}
        _require_distinct(paths)
    for name, text in texts.items():
        label = f"--out {paths[name]!r}"
        with whole(paths[name], "x", label, remedy="Choose another file.", encoding="utf-8") as file:
            file.write(text)
        print(f"{paths[name]}: the theorem {name}. Next: coqc {paths[name]}", file=sys.stderr)


def _require_distinct(paths: dict[str, str]) -> None:
    """InputError for theorems whose names differ only where the names of their files do not."""
    from linres.errors import InputError

    for path in paths.values():
        alike = [name for name, other in paths.items() if other == path]
        if len(alike) > 1:
            raise InputError(f"{' and '.join(alike)} would both be written to {path}. Export them one by one.")


def _check(texts: dict[str, str], as_json: bool) -> int:
    """Print what Coq says of each; returns the exit code."""
    from linres.coq import check

    reports = {}
    for name, text in texts.items():
        print(f"{name}: coqc is running", file=sys.stderr)
        reports[name] = check(text)
        if not as_json:
            _tell(name, reports[name])
    if as_json:
        told = [_data(name, report) for name, report in reports.items()]
        print(json.dumps(told if len(told) > 1 else told[0], indent=2))
    return 0 if all(report.accepted for report in reports.values()) else 1


def _data(name: str, report: Any) -> dict[str, Any]:
    return {
        "name": name, "accepted": report.accepted, "seconds": round(report.seconds, 2), "coq": report.version,
        "assumptions": list(report.assumptions), "message": report.message, "within": report.within,
    }


def _tell(name: str, report: Any) -> None:
    outcome = "accepted" if report.accepted else "refused"
    within = f", within {report.within}" if report.within else ""
    print(f"{name}: {outcome} by Coq {report.version} in {report.seconds:.1f} s{within}")
    print("it assumes " + (", ".join(report.assumptions) or "nothing") if report.compiled else report.message)
