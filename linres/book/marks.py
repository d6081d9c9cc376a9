"""Marks on a page beside its Python blocks: what the record says of each; once below the title of other pages than a
theorem's, what it says of all of them."""

import html
from typing import Any

from docutils import nodes
from sphinx.util import logging

from linres.book import blocks
from linres.book.directives import counted, in_record, page_text, record_path
from linres.theorems import NAMES, REFUTED

logger = logging.getLogger(__name__)


def mark(app: Any, document: nodes.document) -> None:
    """Sphinx's event doctree-read."""
    name, text = app.env.docname, page_text(app.env, app.env.docname)
    shown = [each for each in document.findall(nodes.literal_block) if each.get("language") == "python"]
    if not blocks.of(text) and not shown:
        return
    app.env.note_dependency(str(record_path(app.env)))
    found = blocks.statuses(in_record(app.env), name, text)
    if [each.astext().strip() for each in shown] != [block.text.strip() for block in blocks.of(text)]:
        logger.warning("the blocks of %s are not those that run", name, type="linres", subtype="blocks")
        return
    for node, outcome in zip(shown, found, strict=True):
        _beside(node, outcome)
    if name not in (*NAMES, *REFUTED):
        _below_the_title(document, found, in_record(app.env).get("pages", {}).get(name))


def _beside(node: nodes.Element, outcome: blocks.Found) -> None:
    badge = f'<span class="badge status-{outcome.kind}">{outcome.label}</span>'
    said = f'<details class="fold" open><summary>What fails</summary><pre>{html.escape(outcome.said)}</pre></details>'
    place = node.parent.index(node)
    after = f"{badge}</div>" + (said if outcome.said else "")
    node.parent[place:place + 1] = [_raw('<div class="ran">'), node, _raw(after)]


def _below_the_title(document: nodes.document, found: tuple[blocks.Found, ...], entry: Any) -> None:
    title = document.next_node(nodes.title)
    if title is None:
        return
    kind = next((kind for kind in ("failed", "stale", "open") if any(each.kind == kind for each in found)), "passed")
    when = f" in {entry['seconds']} s, {entry['date']}" if kind in ("passed", "failed") else ""
    badge = f'<span class="badge status-{kind}">{counted(found)}</span>'
    words = _raw(f'<p class="outcome">Blocks of this page: {badge}{when}</p>')
    title.parent.insert(title.parent.index(title) + 1, words)


def _raw(markup: str) -> nodes.Node:
    return nodes.raw("", markup, format="html")
