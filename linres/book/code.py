"""Pages of source code, so that links to the code that ran stay within the book.

A link to `code:linres/rules.py` leads to a page with that file, highlighted; a page is made of each file linked. A
link to a folder leads to its `__init__.py`. A link to no file is a warning.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.util import logging

from linres.book.sources import PACKAGE

SCHEME = "code:"
_PLAIN = r'<span class="(?:n|p|w|o|nn|nf|nc|fm|vm|kc|mi|mf)">([^<]*)</span>'  # marks that no reader misses
logger = logging.getLogger(__name__)


def collect(app: Any, document: nodes.document) -> None:
    """Sphinx's event doctree-read: note which files a page links."""
    linked = set()
    for node in document.findall(nodes.reference):
        path = node.get("refuri", "").removeprefix(SCHEME)
        if path == node.get("refuri", ""):
            continue
        path = f"{path}/__init__.py" if _file(app, path).is_dir() else path
        if not _file(app, path).is_file():
            logger.warning("no such file: %s", path, location=node, type="linres", subtype="code")
            continue
        node["refuri"] = SCHEME + path
        linked.add(path)
    _linked(app.env)[app.env.docname] = linked


def resolve(app: Any, document: nodes.document, docname: str) -> None:
    """Sphinx's event doctree-resolved: lead the links to the pages made of the files."""
    for node in document.findall(nodes.reference):
        path = node.get("refuri", "").removeprefix(SCHEME)
        if path != node.get("refuri", ""):
            node["refuri"] = app.builder.get_relative_uri(docname, _page(path))


def pages(app: Any) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Sphinx's event html-collect-pages: the pages themselves."""
    for path in sorted(set().union(*_linked(app.env).values())):
        code = _file(app, path).read_text(encoding="utf-8")
        inside = app.builder.highlighter.highlight_block(code, "python", linenos=False)
        yield _page(path), {"title": path, "code": re.sub(_PLAIN, r"\1", inside)}, "linres-code.html"


def forget(_app: Any, env: Any, docname: str) -> None:
    """Sphinx's event env-purge-doc."""
    _linked(env).pop(docname, None)


def merge(_app: Any, env: Any, docnames: Any, other: Any) -> None:
    """Sphinx's event env-merge-info: pages read in another process."""
    _linked(env).update({name: _linked(other)[name] for name in docnames if name in _linked(other)})


def _file(app: Any, path: str) -> Path:
    """Where a file is: of linres, in the package that runs; else beside the pages."""
    root = PACKAGE.parent if path.split("/", maxsplit=1)[0] == "linres" else Path(app.srcdir).parent
    return root / path


def _page(path: str) -> str:
    return "code/" + path.removesuffix(".py")


def _linked(env: Any) -> dict[str, set[str]]:
    """The files that each page links."""
    if not hasattr(env, "linres_code"):
        env.linres_code = {}
    return env.linres_code
