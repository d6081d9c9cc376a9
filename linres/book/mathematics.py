"""Formulas set when the book is built: KaTeX, vendored beside this file, run in an embedded JavaScript engine.

Readers get HTML and MathML with fonts from the book itself, and no script. What KaTeX cannot set, an undefined macro
for one, is a warning, which fails a build with -W.
"""

from functools import cache
from pathlib import Path
from typing import Any

from sphinx.util import logging

FOLDER = Path(__file__).with_name("katex")
logger = logging.getLogger(__name__)
_SET = """
function set(formula, displayed) {
  try { return [true, katex.renderToString(formula, {displayMode: displayed, strict: 'error', trust: false})]; }
  catch (error) { if (error instanceof katex.ParseError) return [false, error.message]; throw error; }
}
"""


class Unset(ValueError):
    """A formula that KaTeX cannot set; the message says why."""


@cache
def _engine() -> Any:
    from py_mini_racer import MiniRacer

    engine = MiniRacer()
    engine.eval((FOLDER / "katex.min.js").read_text(encoding="utf-8"))
    engine.eval(_SET)
    return engine


@cache
def html(formula: str, displayed: bool = False) -> str:
    """The formula in HTML, with MathML for screen readers. Unset if KaTeX refuses it."""
    done, text = _engine().call("set", formula, displayed)
    if not done:
        raise Unset(text)
    return text


def _visit_inline(translator: Any, node: Any) -> None:
    _visit(translator, node, displayed=False)


def _visit_block(translator: Any, node: Any) -> None:
    _visit(translator, node, displayed=True)


def _visit(translator: Any, node: Any, displayed: bool) -> None:
    from docutils.nodes import SkipNode

    tag = "div" if displayed else "span"
    try:
        inside = html(node.astext(), displayed)
    except Unset as problem:
        logger.warning("%s: %s", node.astext(), problem, location=node, type="linres", subtype="formula")
        inside = translator.encode(node.astext())
    translator.body.append(translator.starttag(node, tag, "", CLASS="math") + inside + f"</{tag}>")
    raise SkipNode


def setup(app: Any) -> None:
    app.add_html_math_renderer("katex", (_visit_inline, None), (_visit_block, None))
    app.add_css_file("katex.min.css")
