"""What the book can do without: maps from style sheets to their sources, and digits of drawings that nobody sees."""

import re
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


def shortened(drawing: str) -> str:
    """The SVG with two digits after the point in paths, whose unit is a point or less, and no spaces between tags."""
    cut = _PATH.sub(lambda match: " ".join(_LONG.sub(r"\1", match[0]).split()), drawing)
    return re.sub(r">\s+<(?!tspan|/text)", "><", cut)
