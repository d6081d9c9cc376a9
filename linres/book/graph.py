"""The graph of statements as one SVG: what each rests on to its left, a link at every node, no script.

Statements that use others or are used stand in columns, each to the right of all it uses; the rest below, in a grid.
"""

import html
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from linres.theorem import Lemma
from linres.theorems import NAMES, REFUTED, load, load_refutations

WIDTH, HEIGHT, ACROSS, DOWN, EDGE = 226, 36, 34, 10, 6  # of a node, between nodes, around the drawing
GRID = 3  # columns of the statements that stand alone


@cache
def edges() -> tuple[tuple[str, str], ...]:
    """(used, user) for every statement of ours: what it uses, its lemmas, and of a false claim what corrects it."""
    found = {(used, name) for name in NAMES for used in (*load(name).uses, *_lemmas(load(name)))}
    found |= {(used, name) for name in REFUTED for each in load_refutations(name) for used in each.corrected.uses}
    return tuple(sorted(pair for pair in found if {*pair} <= {*NAMES, *REFUTED}))


def _lemmas(theorem: Any) -> list[str]:
    return [step.by.theorem.name for step in theorem.steps() if isinstance(step.by, Lemma)]


def layers(names: tuple[str, ...], pairs: tuple[tuple[str, str], ...]) -> dict[str, int]:
    """The column of each name: one more than the last column of what it uses. The graph has no cycles."""
    uses = {name: [used for used, user in pairs if user == name] for name in names}

    @cache
    def column(name: str) -> int:
        return max((column(used) + 1 for used in uses[name]), default=0)

    return {name: column(name) for name in names}


def places(names: tuple[str, ...], pairs: tuple[tuple[str, str], ...]) -> dict[str, tuple[int, int]]:
    """The upper left corner of each node."""
    connected = tuple(name for name in names if any(name in pair for pair in pairs))
    column = layers(connected, pairs)
    columns = [[name for name in connected if column[name] == k] for k in range(max(column.values(), default=-1) + 1)]
    rows = _rows(columns, pairs)
    step = HEIGHT + DOWN
    found = {name: (EDGE + column[name] * (WIDTH + ACROSS), EDGE + round(rows[name] * step)) for name in connected}
    below = max((y for _, y in found.values()), default=-step) + 2 * step
    alone = [name for name in names if name not in found]
    for position, name in enumerate(alone):
        down, across = divmod(position, GRID)
        found[name] = (EDGE + across * (WIDTH + ACROSS), below + down * step)
    return found


def _rows(columns: list[list[str]], pairs: tuple[tuple[str, str], ...]) -> dict[str, float]:
    """Rows within columns, each node near the mean of its neighbours; a few sweeps to and fro."""
    rows: dict[str, float] = {name: float(k) for column in columns for k, name in enumerate(column)}
    near: dict[str, list[str]] = {name: [] for name in rows}
    for used, user in pairs:
        near[used].append(user)
        near[user].append(used)
    for sweep in range(24):
        for column in columns if sweep % 2 else columns[::-1]:
            wanted = {name: sum(map(rows.__getitem__, near[name])) / len(near[name]) for name in column}
            last = -1.0
            for name in sorted(column, key=wanted.__getitem__):
                rows[name] = last = max(wanted[name] if sweep > 3 else last + 1, last + 1)
    least = min(rows.values(), default=0)
    return {name: row - least for name, row in rows.items()}


def svg(statuses: Mapping[str, Any], pairs: tuple[tuple[str, str], ...], link: Callable[[str], str]) -> str:
    """The drawing. statuses: `record.Status` by name, in reading order; link: name to address."""
    at = places(tuple(statuses), pairs)
    width = max(x for x, _ in at.values()) + WIDTH + EDGE
    height = max(y for _, y in at.values()) + HEIGHT + EDGE
    lines = [_edge(at[used], at[user]) for used, user in pairs]
    uses = {name: [used for used, user in pairs if user == name] for name in statuses}
    boxes = [_box(name, statuses[name], at[name], link(name), uses[name]) for name in statuses]
    return (
        f'<svg class="dependencies" viewBox="0 0 {width} {height}" '
        f'xmlns="http://www.w3.org/2000/svg" role="group" aria-label="What each statement uses">'
        + "".join(lines) + "".join(boxes) + "</svg>"
    )


def _edge(start: tuple[int, int], end: tuple[int, int]) -> str:
    x, y = start[0] + WIDTH, start[1] + HEIGHT // 2
    u, v = end[0], end[1] + HEIGHT // 2
    bend = max((u - x) // 2, 20)
    return f'<path class="edge" d="M{x} {y}C{x + bend} {y} {u - bend} {v} {u} {v}"/>'


def _box(name: str, status: Any, place: tuple[int, int], address: str, uses: list[str]) -> str:
    x, y = place
    told = f"{name}, {status.label}" + (f", uses {', '.join(uses)}" if uses else "")
    return (
        f'<a class="status-{status.kind}" href="{html.escape(address)}" aria-label="{html.escape(told)}">'
        f"<title>{html.escape(told)}</title>"
        f'<rect class="node" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="5"/>'
        f'<text class="name" x="{x + 9}" y="{y + 15}">{html.escape(name)}</text>'
        f'<text class="verdict" x="{x + 9}" y="{y + 29}">{html.escape(status.label)}</text></a>'
    )
