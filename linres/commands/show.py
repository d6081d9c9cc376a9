"""`linres list` and `linres show NAME`: what the theorems say, without checking them."""

import argparse
import json
import shutil
from typing import Any

from linres.commands._shared import FILE, named

WIDTH = 100  # of lines, where there is no terminal to tell


def add_parsers(commands: Any) -> None:
    listing = commands.add_parser(
        "list", help="the theorems, a line each", description="List the theorems.",
        epilog="examples:\n  linres list\n  linres list --json\n\nexit codes: 0 listed, 2 usage",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    listing.add_argument("--json", action="store_true", help="name, title, provenance, statement as JSON")
    listing.set_defaults(run=run_list)
    show = commands.add_parser(
        "show", help="theorems: statement, hypotheses, proof",
        description="Show theorems: each statement, hypotheses, definitions, proof steps\nand false variants, in lines "
        "as wide as the terminal.",
        epilog="examples:\n  linres show nesterov-step --latex\n  linres show nesterov-step absorption\n"
        "  linres show --file mine.py           the theorems of your file\n"
        "  linres show --file mine.py decay     one of them\n\n"
        "exit codes: 0 shown, 2 usage or bad input",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    show.add_argument("names", nargs="*", metavar="NAME", help="names that `linres list` prints, or from the file")
    show.add_argument("--file", action="append", default=[], metavar="FILE", help=f"show the theorems {FILE}")
    form = show.add_mutually_exclusive_group()
    form.add_argument("--latex", action="store_true", help="formulas in LaTeX")
    form.add_argument("--json", action="store_true", help="as JSON, formulas in LaTeX; several theorems as a list")
    show.set_defaults(run=run_show)


def run_list(arguments: argparse.Namespace) -> int:
    from linres.theorems import NAMES, REFUTED, load

    theorems = [load(name) for name in (*NAMES, *REFUTED)]
    if arguments.json:
        print(json.dumps([_summary(theorem) for theorem in theorems], indent=2))
        return 0
    width = max(len(theorem.name) for theorem in theorems)
    for theorem in theorems:
        false = "FALSE: " if theorem.expect == "refuted" else ""
        print(f"{theorem.name:<{width}}  {theorem.provenance:<9}  {false}{theorem.title}")
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    from linres.printing import latex, text

    theorems = named(arguments)
    if arguments.json:
        told = [_everything(theorem, latex) for theorem in theorems]
        print(json.dumps(told if len(told) > 1 else told[0], indent=2))
    else:
        width = shutil.get_terminal_size((WIDTH, 24)).columns
        pages = ("\n".join(_page(theorem, latex if arguments.latex else text, width)) for theorem in theorems)
        print("\n\n\n".join(pages))
    return 0


def _summary(theorem) -> dict[str, Any]:
    return {
        "name": theorem.name, "title": theorem.title, "provenance": theorem.provenance, "statement": theorem.latex(),
    }


def _everything(theorem, write) -> dict[str, Any]:
    from linres.printing import reason

    return _summary(theorem) | {
        "symbols": {write(symbol): meaning for symbol, meaning in theorem.symbols.items()},
        "definitions": {write(name): write(meaning) for name, meaning in theorem.definitions.items()},
        "hypotheses": list(map(write, theorem.hypotheses)),
        "proof": [
            {"name": step.name, "claim": write(step.claim), "by": reason(step), "note": step.note}
            for step in theorem.steps()
        ],
        "controls": [{"name": control.name, "kind": control.kind} for control in theorem.controls],
        "uses": list(theorem.uses),
    }


def _without_proof(theorem) -> list[tuple[int, str]]:
    """Why there is none: the claim is false, and then at which instances and in which text; or nobody gave one."""
    from linres.theorems import REFUTED, load_refutations

    if theorem.name not in REFUTED:
        false = "no proof: the theorem is expected to be refuted"
        return [(0, false if theorem.expect == "refuted" else "no proof: the theorem can be supported at most")]
    lines = [(0, "this claim is false")]
    for published in load_refutations(theorem.name):
        lines += [(2, f"fails at {published.instance!r}"), (2, f"corrected: {published.corrected.title}")]
    return [*lines, (2, f"source: {published.source}")]


def _page(theorem, write, width: int) -> list[str]:
    """The lines of the page, at most so wide where formulas and words can be broken."""
    from linres import folding
    from linres.hypothesis_names import names
    from linres.printing import reason

    def words(*texts: str, indent: int = 0) -> list[str]:
        return [line for text in texts for line in folding.prose(text, width, indent)]

    def formulas(*texts: str, indent: int = 2) -> list[str]:
        return [line for text in texts for line in folding.formula(text, width, indent)]

    lines = words(f"{theorem.name} ({theorem.provenance})", *filter(None, [theorem.title]))
    lines += ["", "statement", *formulas(write(theorem.conclusion))]
    if theorem.hypotheses:
        called = {number: f" ({name})" for number, name in names(theorem.name).items()}
        numbered = (f"H{k}{called.get(k, '')}: {write(each)}" for k, each in enumerate(theorem.hypotheses, 1))
        lines += ["", "hypotheses", *formulas(*numbered)]
    if theorem.over:
        stage, horizon = map(write, theorem.over)
        lines += words(f"What mentions {stage} is assumed at every stage {stage} < {horizon}.", indent=2)
    symbols = [f"{write(symbol)}: {meaning}" for symbol, meaning in theorem.symbols.items()]
    lines += ["", "where", *words(*(line.removesuffix(": ") for line in symbols), indent=2)]
    lines += formulas(*(f"{write(name)} := {write(meaning)}" for name, meaning in theorem.definitions.items()))
    lines.append("")
    if theorem.proof:
        lines.append("proof")
    else:
        lines += [line for indent, text in _without_proof(theorem) for line in words(text, indent=indent)]
    for position, step in enumerate(theorem.steps(), 1):
        lines += words(f"{position}. {step.name} [{reason(step)}]", indent=2)
        lines += formulas(write(step.claim), indent=5)
        lines += words(step.note, indent=5) if step.note else []
    if theorem.controls:
        lines += ["", "variants: the stronger must be refuted, the weaker must not"]
        lines += [f"  {control.kind:<8}  {control.name}" for control in theorem.controls]
    return lines
