"""Formulas set when the book is built: KaTeX, vendored beside this file, run in an embedded JavaScript engine.

Readers get HTML and MathML with fonts from the book itself, and no script. What KaTeX cannot set, an undefined macro
for one, is a warning, which fails a build with -W.

KaTeX writes some 600 characters for a subscript. The longest proofs would make pages of more than a megabyte, so what
it writes is shortened without a change of what is seen: its classes have names of two letters, in the style sheet too,
`<span>` is `<b>` with its weight inherited, lengths are classes too (there are a thousand or so in all), quotes that
HTML does not ask for go, and so does the source in the MathML.
"""

import re
import zlib
from functools import cache
from pathlib import Path
from typing import Any

from sphinx.util import logging

FOLDER = Path(__file__).with_name("katex")
logger = logging.getLogger(__name__)
_SET = """
function refuse(context) { throw new katex.ParseError(context.command + ' is not for formulas of the book'); }
function set(formula, displayed) {
  try { return [true, katex.renderToString(formula, {displayMode: displayed, strict: 'error', trust: refuse})]; }
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
    return shortened(text)


def shortened(text: str) -> str:
    """What KaTeX wrote, in fewer characters."""
    text = re.sub(r"<annotation.*?</annotation>|</?semantics>| xmlns=\"[^\"]*\"", "", text)
    return re.sub(r"<span((?: [a-z-]+=\"[^\"]*\")*)>", _tag, text).replace("</span>", "</b>")


def _tag(match: re.Match) -> str:
    given = dict(re.findall(r" ([a-z-]+)=\"([^\"]*)\"", match[1]))
    classes = [short for short in map(names().get, given.pop("class", "").split()) if short]
    if "style" in given:
        classes.append(_length(given.pop("style")))
    told = {"class": " ".join(classes), **given} if classes else given
    return "<b" + "".join(f" {name}={_quoted(value)}" for name, value in told.items()) + ">"


def _quoted(value: str) -> str:
    return value if re.fullmatch(r"[^\s\"'=<>`]+", value) else f'"{value}"'


_LENGTHS: dict[str, str] = {}  # by class
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def _length(style: str) -> str:
    """A class for the declarations of a style, the same in every build."""
    number = zlib.crc32(style.encode()) % 36**5
    name = "k" + "".join(_DIGITS[number // 36**place % 36] for place in range(5))
    if _LENGTHS.setdefault(name, style) != style:
        raise RuntimeError(f"two styles of KaTeX have one class: {style!r} and {_LENGTHS[name]!r}")
    return name


@cache
def names() -> dict[str, str]:
    """A name of two letters for each class of KaTeX's style sheet but the outermost; other classes change nothing."""
    sheet = (FOLDER / "katex.min.css").read_text(encoding="utf-8")
    found = dict.fromkeys(re.findall(r"\.(-?[A-Za-z_][\w-]*)(?=[^{}]*\{)", re.sub(r"\{[^{}]*\}", "{}", sheet)))
    short = (first + second for first in _LETTERS for second in _LETTERS)
    return dict(zip((name for name in found if name != "katex"), short, strict=False)) | {"katex": "katex"}


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def style_sheet(before: str = "") -> str:
    """KaTeX's style sheet for what `html` returned in this build, and in those that wrote `before`."""
    sheet = (FOLDER / "katex.min.css").read_text(encoding="utf-8")
    selectors = re.sub(r"[^{}]+(?=\{)", lambda match: _renamed(match[0]), sheet)
    lengths = dict(re.findall(r"^\.katex \.(k\w{5})\{(.*)\}$", before, re.MULTILINE))
    lengths |= {name: style.rstrip(";").replace(";", "!important;") + "!important" for name, style in _LENGTHS.items()}
    rules = (f".katex .{name}{{{style}}}" for name, style in sorted(lengths.items()))
    return "\n".join([selectors + ".katex b{font-weight:inherit}", *rules, ""])


def _renamed(selector: str) -> str:
    if selector.lstrip().startswith("@"):
        return selector
    selector = re.sub(r"\.(-?[A-Za-z_][\w-]*)", lambda match: "." + names().get(match[1], match[1]), selector)
    return re.sub(r"(?<![\w.-])span\b", "b", selector)


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
    shown = translator.starttag(node, tag, "", CLASS="math") + inside + f"</{tag}>"
    after = node.get("after", "")
    translator.body.append(f'<span class="tied">{shown}{after}</span>' if after else shown)
    raise SkipNode


_LONG, _PUNCTUATION = 60, re.compile(r"[,.;:!?)]+")  # characters of a formula that may have to break


def _tie(_app: Any, document: Any, _docname: str) -> None:
    """Sphinx's event doctree-resolved: what follows a short formula closely stays on its line. Browsers would break
    the line between the two, as they do beside pictures."""
    from docutils import nodes

    for node in list(document.findall(nodes.math)):
        place = node.parent.index(node) + 1
        following = node.parent[place] if place < len(node.parent) else None
        if not isinstance(following, nodes.Text) or len(node.astext()) > _LONG:
            continue
        found = _PUNCTUATION.match(following)
        if found:
            node["after"] = found[0]
            node.parent[place] = nodes.Text(following[found.end():])


def setup(app: Any) -> None:
    app.add_html_math_renderer("katex", (_visit_inline, None), (_visit_block, None))
    app.add_css_file("katex.css")
    app.connect("doctree-resolved", _tie)
    app.connect("build-finished", _write_static)


def _write_static(app: Any, problem: Exception | None) -> None:
    """Style sheet and fonts, into the book."""
    if problem is None and app.builder.format == "html":
        folder = Path(app.outdir, "_static")
        (folder / "fonts").mkdir(parents=True, exist_ok=True)
        sheet = folder / "katex.css"
        sheet.write_text(style_sheet(sheet.read_text(encoding="utf-8") if sheet.exists() else ""), encoding="utf-8")
        for font in (FOLDER / "fonts").glob("*.woff2"):
            (folder / "fonts" / font.name).write_bytes(font.read_bytes())
