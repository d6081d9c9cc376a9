"""Formulas and prose in lines of a given width: a formula is broken before a relation, a + or a -, outermost first.

Formulas are those of `linres.printing`, as text or as LaTeX. A name, a number or a product without spaces is not broken
inside, so a line may be longer where one of these is.
"""

import re
import textwrap

BREAK = re.compile(r" (?=(?:<=|>=|:=|!=|[<>=+-]|\\leq?|\\geq?|\\neq?) )")  # the space goes, what follows begins a line
COMMA = re.compile(r"(?<=,) ")
OPENING, CLOSING = "([{", ")]}"
_NAME = re.compile(r"[\w\]})]")


def formula(text: str, width: int, indent: int) -> list[str]:
    """The formula in lines of the width, the first indented by so much and the others by 4 more."""
    depths = _depths(text)
    places = sorted({match.start() for pattern in (BREAK, COMMA) for match in pattern.finditer(text)})
    lines, begin, margin = [], 0, indent
    while len(text) - begin > width - margin:
        end = _end(places, depths, begin, begin + width - margin)
        if end is None:
            break
        lines.append(" " * margin + text[begin:end])
        begin, margin = end + 1, indent + 4
    return [*lines, " " * margin + text[begin:]]


def prose(text: str, width: int, indent: int) -> list[str]:
    """Words in lines of the width, the first indented by so much and the others by 4 more."""
    return textwrap.wrap(
        text, width, initial_indent=" " * indent, subsequent_indent=" " * (indent + 4), break_long_words=False,
        break_on_hyphens=False,
    ) or [" " * indent]


def _end(places: list[int], depths: list[int], begin: int, most: int) -> int | None:
    """Where to break: the last of the outermost places that fit, or the first place if none does."""
    left = [place for place in places if place > begin]
    fit = [place for place in left if place <= most]
    return max(fit, key=lambda place: (-depths[place], place)) if fit else next(iter(left), None)


def _depths(text: str) -> list[int]:
    """How many brackets are open at each character: round, square, curly, <a, b> and |a|."""
    depths, depth, bars = [], 0, 0
    for at, character in enumerate(text):
        after_name = at > 0 and _NAME.match(text[at - 1]) is not None
        following = text[at + 1 : at + 2]
        if character in OPENING or (character == "<" and not after_name and following not in (" ", "=", "")):
            depth += 1
        elif character in CLOSING or (character == ">" and after_name and following != "="):
            depth -= 1
        elif character == "|":
            bars += -1 if after_name and bars else 1
        depths.append(depth + bars)
    return depths
