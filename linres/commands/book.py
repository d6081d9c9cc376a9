"""`linres book`: verify what has changed, then write the proof book, which a browser opens with no network."""

import argparse
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from linres.commands._shared import make_folder
from linres.writing import noting

DESCRIPTION = """Verify the theorems whose sources changed since they were recorded, run
the Python blocks of pages that changed, compute the headlines of such
figures, and write the proof pages of this checkout as a book: HTML that
needs no network, with every formula set and every status from the record.
Needs the extra `book`."""

EPILOG = """examples:
  linres book                          into book/; open book/index.html
  linres book --open                   and open it in a browser
  linres book --no-verify              as recorded; what changed is stale
  linres book --out /tmp/site --level full

exit codes:
  0  the book is written, every theorem meets its expectation, and every
     block of every page that was run passes
  1  the book is written, and shows one that does not
  2  bad input, or pages that cannot be built: each reason is named
"""


def add_parsers(commands: Any) -> None:
    """Add `book` to the subcommands of the `linres` parser."""
    book = commands.add_parser(
        "book", help="write the proof book, to read in a browser", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    book.add_argument("--out", metavar="DIR", default="book", help="where to, made if need be (default: book)")
    book.add_argument("--pages", metavar="DIR", default="proofs", help="the pages and conf.py (default: proofs)")
    book.add_argument("--open", action="store_true", help="open it in a browser")
    book.add_argument("--no-verify", action="store_true", help="run nothing: take the record as it is")
    book.add_argument("--level", choices=("quick", "full"), default="quick", help="as of linres verify")
    book.add_argument("--jobs", type=_jobs, default=None, metavar="N", help="processes (default: one per core)")
    book.set_defaults(run=run)


def _jobs(text: str) -> int:
    from linres.commands.verify import jobs

    return jobs(text)


def run(arguments: argparse.Namespace) -> int:
    """Bring the record up to date and build; returns the exit code. InputError for pages that cannot be built."""
    build = _builder()
    pages, out = Path(arguments.pages), Path(arguments.out)
    _require(pages, out)
    from linres.book import sources

    begun = sources.everything()  # before what will run is imported
    from linres.book import record
    from linres.theorems import NAMES, REFUTED

    path = pages / "record.json"
    found = record.read(path)
    if not arguments.no_verify:
        wanting = [name for name in (*NAMES, *REFUTED) if _wanting(found, name, arguments.level)]
        _bring_up_to_date(wanting, _stale_figures(found), _stale_pages(found, pages), found, path, arguments, begun)
    build(pages, out)
    print(out / "index.html")
    if arguments.open:
        import webbrowser

        if not webbrowser.open((out / "index.html").resolve().as_uri()):
            print("linres book: no browser was found to open it in", file=sys.stderr)
    statuses = [record.status(found, name) for name in (*NAMES, *REFUTED)]
    return int(any(status.kind == "failed" for status in statuses) or _a_block_fails(found, pages))


def _builder() -> Any:
    """What builds; InputError if the extra is missing."""
    from linres.errors import InputError

    try:
        import furo  # noqa: F401 (conf.py names these)
        import myst_parser  # noqa: F401
        import numpydoc  # noqa: F401
        import py_mini_racer  # noqa: F401
        import sphinx_proof  # noqa: F401
        from sphinx.cmd.build import build_main
    except ModuleNotFoundError as missing:
        raise InputError(f"the book needs the module {missing.name}. pip install '.[book]' brings it.") from None

    def build(pages: Path, out: Path) -> None:
        """Warnings are errors; all are named before the build ends."""
        doctrees = pages / "_build" / "doctrees"
        if build_main(["-q", "-W", "-b", "html", "-d", str(doctrees), str(pages), str(out)]):
            raise InputError("the book cannot be built: see above. Mend the pages named there.")

    return build


def _require(pages: Path, out: Path) -> None:
    """InputError unless the pages are there and the book can be put where it is to go."""
    from linres.errors import refuse

    if not (pages / "conf.py").is_file():
        raise refuse("--pages", "a folder with conf.py and the pages", repr(str(pages)), "Run it in a checkout.")
    if out.resolve() == pages.resolve() or out.resolve() in pages.resolve().parents:
        raise refuse("--out", "a folder of its own", repr(str(out)))
    make_folder("--out", str(out))


def _wanting(found: dict[str, Any], name: str, level: str) -> bool:
    """Whether the theorem has to be verified: not recorded, stale, or recorded at another level than full or this."""
    from linres.book import record

    status = record.status(found, name)
    return not status.entry or status.stale or status.entry["level"] not in ("full", level)


def _stale_figures(found: dict[str, Any]) -> list[str]:
    """The figures that can be computed here and whose headline is not recorded, or stale."""
    from linres import figures
    from linres.book import sources

    known = {name: entry["sources"] for name, entry in found.get("figures", {}).items()}
    possible = [name for name in figures.NAMES if not figures.lacking(name)]
    return [name for name in possible if known.get(name) != sources.fingerprint(f"linres.figures.{name}")]


def _stale_pages(found: dict[str, Any], folder: Path) -> list[str]:
    """The pages with a block that has not run since it, or what it uses, changed."""
    from linres.book import blocks

    return [name for name, text in blocks.pages(folder).items() if blocks.wanting(found, name, text)]


def _a_block_fails(found: dict[str, Any], folder: Path) -> bool:
    """Whether a block of a page fails; each is named."""
    from linres.book import blocks

    failed = [
        f"{folder / name}.md:{block.line}: the block fails"
        for name, text in blocks.pages(folder).items()
        for block, status in zip(blocks.of(text), blocks.statuses(found, name, text), strict=True)
        if status.kind == "failed"
    ]
    print("".join(f"{line}\n" for line in failed), end="", file=sys.stderr)
    return bool(failed)


def _bring_up_to_date(
    theorems: list[str], figures: list[str], pages: list[str], found: dict[str, Any], path: Path,
    arguments: argparse.Namespace, begun: str,
) -> None:
    """Run the pages, verify the theorems and compute the figures, each put on record as soon as it is known.

    InputError when the package is no longer what it was, `begun`: what ran would be recorded as what stands there now.
    """
    from linres.book import record, sources
    from linres.commands.spread import cores, spread
    from linres.errors import InputError
    from linres.rungs import preload

    # Pages come first: they run in processes forked from one that has not yet started threads.
    kinds = {"pages": pages, "theorems": theorems, "figures": figures}
    items = [(kind, name) for kind, names in kinds.items() for name in names]
    if not items:
        return
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", os.path.join(tempfile.gettempdir(), "linres-hypothesis"))
    preload()
    told = f"{len(theorems)} theorems to verify, {len(pages)} pages to run, {len(figures)} figures to compute"
    print(told, file=sys.stderr, flush=True)
    work = partial(_entry, level=arguments.level, folder=path.parent)
    entries = spread(work, items, arguments.jobs or cores(), lambda done, line: None, again=lambda: items)
    for (kind, name), entry in zip(items, entries, strict=True):
        if sources.everything() != begun:
            raise InputError("the sources of linres changed while the book was made. Run it again.")
        found.setdefault(kind, {})[name] = entry
        with noting():  # the record is no output that users name: that it is replaced is not told
            record.write(path, found)
        print(f"{name}: {_outcome(kind, entry)}", file=sys.stderr, flush=True)


def _outcome(kind: str, entry: dict[str, Any]) -> str:
    if kind == "pages":
        passed = [block["passed"] for block in entry["blocks"]]
        return f"{sum(passed)} of {len(passed)} blocks of the page passed"
    return str(entry["verdict"]["verdict"]) if kind == "theorems" else "computed"


def _entry(item: tuple[str, str], say: Any, *, level: str, folder: Path) -> dict[str, Any]:
    from linres.book import blocks, record
    from linres.theorems import load

    kind, name = item
    if kind == "pages":
        return blocks.entry(name, (folder / f"{name}.md").read_text(encoding="utf-8"), folder)
    return record.entry(load(name), level, 0, say) if kind == "theorems" else record.headline(name)
