"""`linres export NAME --to coq`: write a theorem and its proof as a file that Coq checks by itself."""

import argparse
import json
import sys
from typing import Any

from linres.commands._shared import one_theorem

DESCRIPTION = """Write a theorem with its proof as one self-contained Coq file. Neither the
trusted core nor the second checker is asked: whether the proof holds is for Coq
to say."""
EPILOG = """examples:
  linres export nesterov-step --to coq > nesterov_step.v
  linres export nesterov-step --out step.v      then: coqc step.v
  linres export stacking-acceleration --check   have coqc check it now
  linres export --file mine.py decay --check --json

exit codes:
  0  the file is written; with --check, Coq accepts it
  1  with --check: Coq refuses the proof, or it assumes more than the real
     numbers of Coq do
  2  usage or bad input; a theorem without a complete proof; --check where coqc
     is not installed
"""


def add_parsers(commands: Any) -> None:
    export = commands.add_parser(
        "export", help="write a theorem for Coq to check", epilog=EPILOG,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    export.add_argument("name", nargs="?", metavar="NAME", help="a name that `linres list` prints, or from the file")
    export.add_argument("--to", choices=("coq",), default="coq", help="the language (default: coq)")
    export.add_argument("--file", metavar="FILE", help="export a theorem of this Python file, which is run")
    export.add_argument("--out", metavar="FILE",
                        help="where to, replaced if it is there (default: standard output, or nowhere with --check)")
    export.add_argument("--check", action="store_true", help="run coqc on it and say what comes out")
    export.add_argument("--json", action="store_true", help="with --check: what comes out, as JSON")
    export.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write, check or both; returns the exit code. InputError as the exit code 2 says."""
    from linres.coq import export
    from linres.coq.kernel import require_coqc
    from linres.errors import InputError, renamed
    from linres.writing import whole

    if arguments.json and not arguments.check:
        raise InputError("--json should come with --check: a Coq file is no JSON.")
    if arguments.check:
        require_coqc()
    theorem = one_theorem(arguments)
    try:
        text = export(theorem)
    except InputError as error:
        raise renamed(error, {repr(theorem.name): theorem.name}) from None
    if arguments.out is not None:
        label = f"--out {arguments.out!r}"
        with whole(arguments.out, "x", label, remedy="Choose another file.", encoding="utf-8") as file:
            file.write(text)
        print(f"{arguments.out}: the theorem {theorem.name}. Next: coqc {arguments.out}", file=sys.stderr)
    elif not arguments.check:
        sys.stdout.write(text)
    return _checked(theorem.name, text, arguments.json) if arguments.check else 0


def _checked(name: str, text: str, as_json: bool) -> int:
    """Print what Coq says; returns the exit code."""
    from linres.coq import check

    print(f"{name}: coqc is running", file=sys.stderr)
    report = check(text)
    if as_json:
        print(json.dumps({
            "name": name, "accepted": report.accepted, "seconds": round(report.seconds, 2), "coq": report.version,
            "assumptions": list(report.assumptions), "message": report.message, "within": report.within,
        }, indent=2))
        return 0 if report.accepted else 1
    outcome = "accepted" if report.accepted else "refused"
    within = f", within {report.within}" if report.within else ""
    print(f"{name}: {outcome} by Coq {report.version} in {report.seconds:.1f} s{within}")
    if report.compiled:
        print("it assumes " + (", ".join(report.assumptions) or "nothing"))
    else:
        print(report.message)
    return 0 if report.accepted else 1
