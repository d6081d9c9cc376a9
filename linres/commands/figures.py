"""`linres figures`: compute the published figures and draw them, as SVG and PNG."""

import argparse
import os
import sys
import textwrap
import time

from linres.commands._shared import make_folder

OUT = "figures"
SUFFIXES = (".svg", ".png")

DESCRIPTION = """Compute the figures named, or all, with their published parameters, and write
each as SVG and PNG. Says what was measured. All of them take about a minute,
more when the kernels are compiled first. Without names, a figure is left
out, and that said, where a package is missing that it needs."""

EPILOG = """examples:
  linres figures --list
  linres figures
  linres figures rates basin --out drawings

exit codes: 0 drawn, 2 bad input, or a figure named lacks a package"""


def add_parsers(commands) -> None:
    """Add `figures` to the subcommands of the `linres` parser."""
    figures = commands.add_parser(
        "figures", help="draw the figures, measured beside proved", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    figures.add_argument("names", nargs="*", metavar="NAME", help="figures to draw (default: all)")
    figures.add_argument("--out", metavar="DIR", default=OUT,
                         help=f"where to, made if need be; what is there of that name is replaced (default: {OUT})")
    figures.add_argument("--list", action="store_true", help="say what there is, and draw nothing")
    figures.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Draw; returns 0.

    InputError for an unknown name, a figure named that lacks a package, or a directory that cannot be written, before
    any computing.
    """
    from linres import figures

    names = list(dict.fromkeys(arguments.names or figures.NAMES))
    modules = {name: figures.load(name) for name in names}
    if arguments.list:
        for name, module in modules.items():
            print(f"{name:<12}{module.TITLE}")
        return 0
    if arguments.names:
        for name in modules:
            figures.require(name)
    else:
        modules = {name: module for name, module in modules.items() if not _left_out(name)}
    paths = {name: [os.path.join(arguments.out, name + suffix) for suffix in SUFFIXES] for name in modules}
    _prepare(arguments.out, [path for files in paths.values() for path in files])
    for name, module in modules.items():
        _publish(name, module, paths[name])
    return 0


def _left_out(name: str) -> bool:
    """Whether the figure lacks something that it needs; then says so on stderr."""
    from linres import figures

    missing = figures.lacking(name)
    if missing:
        print(f"{name}: left out: {missing}", file=sys.stderr, flush=True)
    return bool(missing)


def _prepare(directory: str, paths: list[str]) -> None:
    """Make the directory; InputError unless all paths can be written."""
    from linres import plotting

    make_folder("--out", directory)
    for path in paths:
        plotting.require_writable(path)


def _publish(name: str, module, paths: list[str]) -> None:
    """One figure: computed, drawn, written, its table too; headline and files on stdout, the time taken on stderr."""
    from linres import plotting, writing

    begun = time.perf_counter()
    data = module.compute()
    figure = module.draw(data)
    for path in paths:
        plotting.save(figure, path)
    if hasattr(data, "table"):
        paths = [*paths, os.path.splitext(paths[0])[0] + ".md"]
        with writing.whole(paths[-1], "x", f"the table {paths[-1]!r}", encoding="utf-8") as file:
            file.write(data.table())
    print(f"{name}: {time.perf_counter() - begun:.1f} s", file=sys.stderr, flush=True)
    print(textwrap.fill(f"{name:<12}{data.summary()}", 110, subsequent_indent=" " * 12))
    print(f"{'':<12}{', '.join(paths)}", flush=True)
