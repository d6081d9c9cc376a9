"""The Python blocks of a page: run from top to bottom in one namespace, in a process of their own, and put on record.

They are the blocks that `pytest proofs/PAGE.md` runs through Sybil, by the same rules: a block that begins with `>>>`
is a doctest, what it prints is compared but for spaces at the ends of lines; any other is a program; a block that
fails does not keep the next from running. The entry of a block is tied to a hash of its text and of all blocks before
it, which made its namespace, and to one of the sources that they use.
"""

import ast
import doctest
import hashlib
import io
import multiprocessing
import os
import platform
import re
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from linres.book import sources
from linres.theorems import NAMES, REFUTED

FENCE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LONGEST = 2000  # characters of what a block that fails has to say


@dataclass(frozen=True)
class Block:
    """A block of a page. line: of its first line, from 1. hash: of its text and that of all before it."""

    line: int
    text: str
    hash: str


@dataclass(frozen=True)
class Found:
    """What the record says of a block today. kind: "passed", "failed", "stale" or "open"; said: why it failed."""

    kind: str
    said: str = ""

    @property
    def label(self) -> str:
        return {"open": "not run", "stale": "stale: not run since a change"}.get(self.kind, self.kind)


@cache
def of(text: str) -> tuple[Block, ...]:
    """The blocks of a page with this text."""
    digest, blocks = hashlib.sha256(), []
    for match in FENCE.finditer(text):
        digest.update(match[1].encode() + b"\0")
        blocks.append(Block(text.count("\n", 0, match.start(1)) + 1, match[1], digest.hexdigest()))
    return tuple(blocks)


def pages(folder: Path) -> dict[str, str]:
    """The text of each page in the folder that has blocks, by its name, which is its path without the suffix."""
    paths = {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.md"))}
    texts = {name: path.read_text(encoding="utf-8") for name, path in paths.items() if not name.startswith("_build/")}
    return {name: text for name, text in texts.items() if of(text)}


# What an entry is tied to.


def fingerprint(name: str, text: str) -> str:
    """A hash of what the blocks of a page may use: of a theorem's page, its sources and what the blocks import.

    Other pages may run any command, and are tied to the whole package.
    """
    if name not in (*NAMES, *REFUTED):
        return sources.fingerprint(*_everything())
    used = {module for block in of(text) for module in _used(block.text)}
    return sources.fingerprint(sources.module_of(name), *sources.LADDER, *sorted(used))


@cache
def _everything() -> tuple[str, ...]:
    found = (path.relative_to(sources.PACKAGE.parent).with_suffix("") for path in sources.PACKAGE.rglob("*.py"))
    return tuple(sorted(".".join(path.parts).removesuffix(".__init__") for path in found))


def _used(text: str) -> Iterator[str]:
    """The modules of ours that a block imports, those of the names of linres it mentions, and theorems it names."""
    import linres

    with suppress(SyntaxError, ValueError):  # such a block fails, whatever it is tied to
        for node in ast.walk(ast.parse(_program(text))):
            yield from sources.imported(node)
            if isinstance(node, ast.Attribute):  # of linres, whatever it is called here
                yield linres._HOME.get(node.attr, f"linres.{node.attr}")
            if isinstance(node, ast.Constant) and node.value in (*NAMES, *REFUTED):
                yield sources.module_of(str(node.value))
            if {"NAMES", "REFUTED"} & {getattr(node, "attr", ""), getattr(node, "id", "")}:
                yield from map(sources.module_of, (*NAMES, *REFUTED))


def _program(text: str) -> str:
    if not _is_doctest(text):
        return text
    return "".join(example.source for example in doctest.DocTestParser().get_examples(text))


def _is_doctest(text: str) -> bool:
    return text.startswith(">>>")


# Running.


def entry(name: str, text: str, folder: Path) -> dict[str, Any]:
    """Run the blocks of a page of this folder, in a process of their own beside the folder, and write down what came
    of each: passed or not, and what it said."""
    from linres import __version__
    from linres.book.record import now

    begun, clock = fingerprint(name, text), time.perf_counter()
    said = isolated(text, f"{name}.md", folder.resolve().parent)
    outcomes = zip(of(text), said, strict=True)
    return {
        "sources": begun, "version": __version__, "python": platform.python_version(), "date": now(),
        "seconds": round(time.perf_counter() - clock, 2),
        "blocks": [{"hash": block.hash, "passed": not words, "said": words} for block, words in outcomes],
    }


def isolated(text: str, name: str, where: Path) -> list[str]:
    """For each block of the text what is wrong with it, "" for one that passes. Nothing it does outlives the call."""
    from linres.commands.spread import METHOD

    context: Any = multiprocessing.get_context(METHOD)
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(theirs, text, name, str(where)))
    process.start()
    theirs.close()  # so that ours ends when the process does
    said: list[str] = []
    with suppress(EOFError):
        while True:
            said.append(ours.recv())
    process.join()
    missing = len(of(text)) - len(said)
    return said + [f"the process of the page ended here (exit code {process.exitcode})"] * missing


def _serve(pipe: Any, text: str, name: str, where: str) -> None:
    os.chdir(where)
    with redirect_stdout(io.StringIO()):
        for words in run(text, name):
            pipe.send(words)


def run(text: str, name: str) -> Iterator[str]:
    """Run the blocks of a page here, one after the other; what is wrong with each, "" if nothing is."""
    namespace: dict[str, Any] = {}
    for block in of(text):
        said = _tested(block, name, namespace) if _is_doctest(block.text) else _executed(block, name, namespace)
        yield said[-LONGEST:]


def _executed(block: Block, name: str, namespace: dict[str, Any]) -> str:
    try:
        exec(compile("\n" * (block.line - 1) + block.text, name, "exec", dont_inherit=True), namespace)
    except (Exception, SystemExit) as error:  # anybody's code
        inside = error.__traceback__.tb_next if error.__traceback__ else None  # without the line above
        return "".join(traceback.format_exception(type(error), error, inside))
    finally:
        namespace.pop("__builtins__", None)
    return ""


class _Checker(doctest.OutputChecker):
    """Spaces at the ends of lines, which editors take away, do not count."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return super().check_output(_without_spaces(want), _without_spaces(got), optionflags)


def _without_spaces(text: str) -> str:
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)


def _tested(block: Block, name: str, namespace: dict[str, Any]) -> str:
    try:
        examples = doctest.DocTestParser().get_examples(block.text, name)
    except ValueError as problem:
        return str(problem)
    unread = _unread(block.text, examples)
    if unread:
        return unread
    test = doctest.DocTest(examples, {}, name, name, block.line - 1, block.text)
    test.globs = namespace
    said: list[str] = []
    namespace["__name__"] = "__test__"
    doctest.DocTestRunner(_Checker(), verbose=False).run(test, clear_globs=False, out=said.append)
    namespace.pop("__name__", None)
    return "\n".join(line for line in "".join(said).splitlines() if line != "*" * 70)


def _unread(text: str, examples: list[doctest.Example]) -> str:
    """What of a doctest would not run and be taken for passed; "" if all of it runs."""
    if any(example.options.get(doctest.SKIP) for example in examples):
        return "an example is skipped"
    between = [part for part in doctest.DocTestParser().parse(text) if isinstance(part, str)]
    prose = next((line for part in between for line in part.splitlines() if line.strip(" #")), "")
    if prose:
        return f"no example, and so not run: {prose}"
    lines = [line.strip() for example in examples for line in example.source.splitlines()]
    runs = any(line and not line.startswith("#") for line in lines)
    return "" if runs else "nothing here runs"


# What the record says.


def statuses(record: Mapping[str, Any], name: str, text: str) -> tuple[Found, ...]:
    """What the record says of each block of the page of that name with this text."""
    if not of(text):
        return ()
    entry = record.get("pages", {}).get(name)
    if entry is None:
        return (Found("open"),) * len(of(text))
    if entry["sources"] != fingerprint(name, text):
        return (Found("stale"),) * len(of(text))
    known = {each["hash"]: each for each in entry["blocks"]}
    return tuple(_found(known.get(block.hash)) for block in of(text))


def _found(entry: Mapping[str, Any] | None) -> Found:
    if entry is None:
        return Found("stale")
    return Found("passed") if entry["passed"] else Found("failed", entry["said"])


def wanting(record: Mapping[str, Any], name: str, text: str) -> bool:
    """Whether a block of the page has not run since it or its sources changed."""
    return any(found.kind in ("open", "stale") for found in statuses(record, name, text))
