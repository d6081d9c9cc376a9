"""What the book can do without: maps from style sheets to their sources, digits of drawings that nobody sees, and the
outlines of roots and brackets, which KaTeX writes out each time, more than once a page.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any

_PATH = re.compile(r'(?<= d=")[^"]*')
_LONG = re.compile(r"(\.\d\d)\d+")


def lighten(app: Any, problem: Exception | None) -> None:
    """Sphinx's event build-finished."""
    if problem is not None or app.builder.format != "html":
        return
    for path in Path(app.outdir, "_static").rglob("*.map"):
        path.unlink()
    for path in Path(app.outdir, "_images").glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        path.write_text(shortened(text), encoding="utf-8")


def share(_app: Any, _name: str, _template: str, context: dict[str, Any], _document: Any) -> None:
    """Sphinx's event html-page-context."""
    if "body" in context:
        context["body"] = shared(context["body"])


_OUTLINE = re.compile(r'<path d="([^"]{100,})"/>')


def shared(body: str) -> str:
    """The page with each long outline that it has several times drawn once, out of sight, and referred to."""
    times = Counter(_OUTLINE.findall(body))
    names = {outline: f"o{place}" for place, outline in enumerate(times) if times[outline] > 1}
    if not names:
        return body
    drawn = "".join(f'<path id="{name}" d="{" ".join(outline.split())}"/>' for outline, name in names.items())
    referring = _OUTLINE.sub(lambda each: f'<use href="#{names[each[1]]}"/>' if each[1] in names else each[0], body)
    return f'<svg class="outlines" width="0" height="0" aria-hidden="true"><defs>{drawn}</defs></svg>{referring}'


def shortened(drawing: str) -> str:
    """The SVG with two digits after the point in paths, whose unit is a point or less, and no spaces between tags."""
    cut = _PATH.sub(lambda match: " ".join(_LONG.sub(r"\1", match[0]).split()), drawing)
    return re.sub(r">\s+<(?!tspan|/text)", "><", cut)
