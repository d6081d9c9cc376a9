"""The proof book: a Sphinx extension that reads the proof pages beside the theorems and the record of what ran.

In conf.py: extensions = ["myst_parser", "sphinx_proof", "linres.book"]. The setting linres_record names the record,
relative to the pages. `linres book` brings the record up to date and builds; `sphinx-build` takes it as it is.
"""

from pathlib import Path
from typing import Any

STATIC = Path(__file__).with_name("static")


def setup(app: Any) -> dict[str, Any]:
    """Sphinx calls this."""
    from linres import __version__
    from linres.book import code, directives, marks, mathematics, reading, reference, sliders, small

    app.add_config_value("linres_record", "record.json", "env")
    app.add_config_value("linres_sources", "", "env")  # pages are read again when what sets them has changed
    others = {"api": reference.ApiDirective, "sliders": sliders.SlidersDirective}
    for name, directive in (directives.ALL | others).items():
        app.add_directive(name, directive)
    app.add_role("verdict", directives.VerdictRole())
    mathematics.setup(app)
    app.connect("config-inited", _configure)
    app.connect("source-read", reading.read)
    app.connect("doctree-read", code.collect)
    app.connect("doctree-read", marks.mark)
    app.connect("doctree-resolved", code.resolve)
    app.connect("build-finished", code.write)
    app.connect("build-finished", small.lighten)
    app.connect("html-page-context", code.lighten)
    app.connect("html-page-context", small.share)
    app.connect("env-purge-doc", code.forget)
    app.connect("env-merge-info", code.merge)
    app.connect("env-check-consistency", _require_figures)
    app.add_css_file("book.css")
    return {"version": __version__, "parallel_read_safe": True, "parallel_write_safe": False}  # one engine, no forks


def _configure(_app: Any, config: Any) -> None:
    """What pages of ours need, whatever conf.py says: Markdown with formulas, anchors of headings, our style."""
    from linres.book import sources

    modules = (f"linres.book.{path.stem}" for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")
    config.linres_sources = sources.fingerprint(*modules)
    config.html_math_renderer = "katex"
    config.html_static_path = [*config.html_static_path, str(STATIC)]
    config.myst_enable_extensions = {*config.myst_enable_extensions, "dollarmath", "colon_fence", "deflist"}
    config.myst_heading_anchors = max(config.myst_heading_anchors, 4)
    config.myst_url_schemes = {"http": None, "https": None, "mailto": None, "code": None}


def _require_figures(app: Any, env: Any) -> None:
    """A warning for each published figure without a page of its own."""
    from sphinx.util import logging

    from linres.figures import NAMES

    for name in NAMES:
        if f"figures/{name}" not in env.found_docs:
            logging.getLogger(__name__).warning("figure %s has no page: write %s/figures/%s.md", name, app.srcdir, name)
