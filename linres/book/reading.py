"""The Markdown of a page as Sphinx reads it: regions become directives, links out of the folder stay in the book.

GitHub shows the same file as it is; see `linres.pages` for the regions. All formulas are filled afresh, so that a page
whose formulas are out of date can not be built wrong.
"""

import re
from pathlib import Path
from typing import Any

from linres.pages import REGION, opened
from linres.theorems import NAMES, REFUTED

SLIDERS = ("nesterov-with-errors", "stacking-acceleration")  # theorems with a plot that readers change
BLOCKS = ("statement", "step")  # regions that directives place
_CODE = re.compile(r"\]\(\.\./((?:linres|tests|benchmarks)(?:/[\w./-]*)?)\)")
_FIGURE = re.compile(r"(!?)\[([^\]]*)\]\(\.\./figures/([a-z]+)\.(?:svg|png|md)\)")


def read(app: Any, docname: str, source: list[str]) -> None:
    """Sphinx's event source-read."""
    text = source[0]
    if docname in (*NAMES, *REFUTED):
        page, text = opened(Path(app.env.doc2path(docname)))
        text = REGION.sub(lambda match: _block(docname, match) or page.region(match), text)
        besides = ["evidence", "sliders"] if docname in SLIDERS else ["evidence"]
        placed = "".join(f"\n```{{{directive}}} {docname}\n```\n" for directive in besides)
        text = text.replace("\n## Hypotheses\n", f"{placed}\n## Hypotheses\n", 1)
        text = re.sub(r"<!-- (?:/|[a-z]+)[^>\n]*-->", "", text)
    source[0] = within(text, "../" * docname.count("/"))


def _block(name: str, match: re.Match) -> str:
    """The directive in place of a region on lines of its own; "" where the region is to be filled as it is."""
    kind, what, _, inside = match.groups()
    if kind not in BLOCKS or not inside.startswith("\n"):
        return ""
    if kind == "statement":
        return f"```{{theorem}} {name}\n```"
    return f"```{{step}} {name} {what}\n```"


def within(text: str, up: str = "") -> str:
    """Links to code and to drawings, which lie beside the pages, turned into links within the book."""
    text = _CODE.sub(lambda match: f"](code:{match[1].rstrip('/')})", text)
    return _FIGURE.sub(lambda match: match[0] if match[1] else f"[{match[2]}]({up}figures/{match[3]}.md)", text)
