"""Pages of source code, so that links to the code that ran stay within the book.

A link to `code:linres/rules.py` leads to a page with that file, highlighted; a page is made of each file linked. A
link to a folder leads to its `__init__.py`. A link to no file is a warning.
"""

import html
import re
from pathlib import Path
from string import Template
from typing import Any

from docutils import nodes
from sphinx.util import logging

from linres.book.sources import PACKAGE

SCHEME = "code:"
_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<link rel="stylesheet" href="${up}_static/code.css">
</head>
<body>
<p><a href="$up$first">$book</a></p>
<h1>$title</h1>
$code</body>
</html>
""")
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


def write(app: Any, problem: Exception | None) -> None:
    """Sphinx's event build-finished: write the pages themselves, without the contents beside other pages."""
    if problem is not None or app.builder.format != "html":
        return
    for path in sorted(set().union(*_linked(app.env).values())):
        name = _page(path)
        code = app.builder.highlighter.highlight_block(_file(app, path).read_text(encoding="utf-8"), "python")
        page = _PAGE.substitute(
            title=path, code=re.sub(_PLAIN, r"\1", code), book=html.escape(app.config.html_title),
            up="../" * name.count("/"), first=app.builder.get_target_uri(app.config.root_doc),
        )
        target = Path(app.outdir, f"{name}.html")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page, encoding="utf-8")


def lighten(_app: Any, _name: str, _template: str, context: dict[str, Any], _document: Any) -> None:
    """Sphinx's event html-page-context: blocks of code on a page without marks that no reader misses."""
    if "body" in context:
        context["body"] = re.sub(_PLAIN, r"\1", context["body"])


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
