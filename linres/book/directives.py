"""The directives `theorem`, `evidence`, `step`, `figure-of`, `theorems`, `dependencies`, `api`; the role `verdict`.

Each writes Markdown from the Theorem object and the record, and has it parsed as part of the page. Nothing of a
statement is typed on a page, and no status is.
"""

import dataclasses
import html
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective, SphinxRole

from linres import hypothesis_names
from linres.book import blocks, graph, record, sources
from linres.errors import InputError
from linres.pages import opened
from linres.printing import latex
from linres.rungs.tightness import shown
from linres.theorems import NAMES, REFUTED, load

MANY = 4  # hypotheses: more stand in a list
PROVENANCE = {
    "seed": "claimed by a source paper", "classical": "classical", "linres": "new here", "user": "a user's",
}
RUNGS = {  # in the order in which they run
    "symbolic": "proof", "rigorous": "rigorous instances", "sampled": "float64 samples", "adversarial": "adversary",
    "controls": "controls", "tightness": "tightness",
}


class _Directive(SphinxDirective):
    """What places something of a theorem: named first, its record looked up, its sources noted."""

    required_arguments = 1
    optional_arguments = 0

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(record_path(self.env)))
        try:
            return self.placed()
        except (InputError, OSError) as problem:
            raise self.error(str(problem)) from None

    def placed(self) -> list[nodes.Node]:
        raise NotImplementedError

    @property
    def name_given(self) -> str:
        return self.arguments[0]

    def theorem(self) -> Any:
        theorem = load(self.name_given)
        for path in _sources(theorem.name):
            self.env.note_dependency(path)
        return theorem

    def page(self, theorem: Any) -> tuple[Any, str]:
        """The formulas of the page of the theorem, with its abbreviations, and its text."""
        path = Path(self.env.doc2path(theorem.name))
        self.env.note_dependency(str(path))
        return _opened(path, path.stat().st_mtime_ns)

    def status(self, name: str) -> record.Status:
        return status(self.env, name)

    def markdown(self, text: str) -> list[nodes.Node]:
        return self.parse_text_to_nodes(text)

    def fold(self, summary: str, text: str, *, opened: bool = False) -> list[nodes.Node]:
        """Nodes that a reader can open and shut."""
        begin = f'<details class="fold"{" open" if opened else ""}><summary>{html.escape(summary)}</summary>'
        return [_raw(begin), *self.markdown(text), _raw("</details>")]


class TheoremDirective(_Directive):
    """`{theorem} NAME`: the statement, numbered; its hypotheses, each with what shows that it is needed."""

    def placed(self) -> list[nodes.Node]:
        theorem = self.theorem()
        page, text = self.page(theorem)
        kind = "conjecture" if theorem.name in REFUTED else "theorem"
        title = text.splitlines()[0].removeprefix("# ")
        box = [f"````{{prf:{kind}}} {title}", f":label: {theorem.name}", ""]
        box += [_badges(theorem, self.status(theorem.name)), ""]
        if theorem.hypotheses:
            called = hypothesis_names.names(theorem.name)
            assumed = [
                f"(H{k}{f', {called[k]}' if k in called else ''})&nbsp;${page.tex(each)}$"
                for k, each in enumerate(theorem.hypotheses, 1)
            ]
            one_by_one = len(assumed) > MANY
            told = ["Suppose", "", *(f"- {each}" for each in assumed), ""] if one_by_one else [
                "Suppose " + ", ".join(assumed) + "."]
            box += [*told, _stages(theorem), "", "Then", ""]
        box += [page.formula(theorem.conclusion, True), "````"]
        fell = {each["name"]: each for each in _controls(self.status(theorem.name).entry)}
        folded = self.fold("What each hypothesis is needed for", needed(theorem, fell)) if theorem.hypotheses else []
        return [*self.markdown("\n".join(box)), *folded]


def needed(theorem: Any, fell: Mapping[str, Any]) -> str:
    """For each hypothesis the controls that drop it, and whether they fell; fell: what is recorded of them, by name."""
    lines, called = [], hypothesis_names.names(theorem.name)
    for number, hypothesis in enumerate(theorem.hypotheses, 1):  # formulas are in the box and on the page
        dropping = [control for control in theorem.controls if hypothesis in control.drop]
        told = "; ".join(f"`{each.name}` {_fate(fell.get(each.name))}" for each in dropping)
        name = f", {called[number]}" if number in called else ""
        lines.append(f"- **H{number}**{name}: " + (f"without it {told}." if told else "no control drops it."))
    return "\n".join(lines)


def _stages(theorem: Any) -> str:
    if not theorem.over:
        return ""
    stage, horizon = map(latex, theorem.over)
    return f"Those that mention ${stage}$ are assumed at every stage ${stage} \\lt {horizon}$."


def _fate(found: Any) -> str:
    if found is None:
        return "(not run)"
    return "is refuted" if found.get("refuted") else "is not refuted"


def _controls(entry: Any) -> list[dict[str, Any]]:
    return entry["verdict"]["evidence"]["controls"].get("list", []) if entry else []


def _badges(theorem: Any, found: record.Status) -> str:
    tight = shown(found.entry["verdict"]["evidence"]["tightness"]) if found.entry else "-"
    parts = [badge(found), f'<span class="badge">{PROVENANCE[theorem.provenance]}</span>']
    if tight != "-":
        parts.append(f'<span class="badge">tight: {html.escape(tight)}</span>')
    return " ".join(parts)


def badge(found: record.Status) -> str:
    """A status in HTML: its colour by class, its words as text."""
    return f'<span class="badge status-{found.kind}">{html.escape(found.label)}</span>'


class EvidenceDirective(_Directive):
    """`{evidence} NAME`: the ladder as it last ran."""

    def placed(self) -> list[nodes.Node]:
        theorem = self.theorem()
        found = self.status(theorem.name)
        if not found.entry:
            untold = "" if found.kind == "open" else badge(found) + " "
            return self.markdown(untold + "*Not run yet.* `linres book` runs the ladder and records what it finds.")
        seconds = in_record(self.env).get("pages", {}).get(theorem.name, {}).get("seconds", "")
        return [_raw('<div class="evidence">'), *self.markdown(_evidence(theorem.name, found, seconds)), _raw("</div>")]


def counted(found: tuple[blocks.Found, ...]) -> str:
    """How many blocks of a page passed, failed, were not run."""
    counts = [(sum(each.kind == kind for each in found), word) for kind, word in _BLOCKS.items()]
    passed = sum(each.kind == "passed" for each in found)
    return f"{passed} of {len(found)} passed" + "".join(f", {count} {word}" for count, word in counts if count)


_BLOCKS = {"failed": "failed", "stale": "not run since a change", "open": "not run"}


def _evidence(name: str, found: record.Status, ran: object) -> str:
    entry = found.entry
    verdict = entry["verdict"]
    lines = [f"{badge(found)} {_escaped(verdict['reason'])}.", ""]
    if found.stale:
        lines += ["The sources have changed since: run `linres book`.", ""]
    lines += ["| rung | what it found | seconds |", "|---|---|---|"]
    for rung, title in RUNGS.items():
        seen = verdict["evidence"][rung]
        precision = f", to {seen['bits']} bits" if seen.get("ran") and "bits" in seen else ""
        seconds = entry["seconds"].get(rung, "")
        lines.append(f"| [{title}](code:linres/rungs/{rung}.py) | {_found(rung, seen)}{precision} | {seconds} |")
    if found.blocks:
        lines.append(f"| [blocks of this page](code:linres/book/blocks.py) | {counted(found.blocks)} | {ran} |")
    lines += ["", f"`linres verify {name} --level {entry['level']} --seed {entry['seed']}`, linres {entry['version']},"
              f" Python {entry['python']}, {entry['date']}, sources `{entry['sources'][:12]}`."]
    return "\n".join(lines)


_TOLD: dict[str, Callable[[Any], str]] = {  # what a rung found, in words
    "symbolic": lambda seen: f"{seen['checked']} of {seen['steps']} steps, {seen['identities']} identities",
    "rigorous": lambda seen: f"{seen['decided']} of {seen['rows']} rows decided, {seen['instances']} instances",
    "sampled": lambda seen: (
        f"{seen['instances']} instances, {seen['suspects']} suspects, {seen['decided']} decided"),
    "adversarial": lambda seen: f"{seen.get('evaluations', 0)} evaluations, {seen.get('suspects', 0)} suspects",
    "controls": lambda seen: _control_counts(seen["list"]),
    "tightness": lambda seen: _escaped(shown(seen)) if shown(seen) != "-" else "no ratio",
}


def _found(rung: str, seen: Any) -> str:
    return _TOLD[rung](seen) if seen.get("ran") else "not run: " + _escaped(str(seen.get("reason", "")))


def _control_counts(controls: list[dict[str, Any]]) -> str:
    stronger = [each for each in controls if each["kind"] == "stronger"]
    fell = sum(bool(each.get("refuted")) for each in stronger)
    weaker = [each for each in controls if each["kind"] == "weaker"]
    stood = sum(not each.get("refuted") for each in weaker)
    told = [f"{fell} of {len(stronger)} false variants refuted"] if stronger else []
    told += [f"{stood} of {len(weaker)} true ones left standing"] if weaker else []
    return ", ".join(told) or "none declared"


def _escaped(words: str) -> str:
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]()#+-.!|<>$~" else letter for letter in words)


class StepDirective(_Directive):
    """`{step} NAME STEP`: the claim of a step; folded away its reason and what the last run found of it."""

    required_arguments = 2

    def placed(self) -> list[nodes.Node]:
        theorem = self.theorem()
        page, _ = self.page(theorem)
        claim, _, reason = page.fill_step(self.arguments[1], True).partition("\n\n")
        found = self.status(theorem.name)
        recorded = found.entry.get("steps", {}).get(self.arguments[1], "not recorded") if found.entry else "not run"
        ladder = dataclasses.replace(found, blocks=())  # the check of a step is none of the blocks
        kind = "failed" if recorded.startswith("refused") else ladder.kind
        note = theorem.step(self.arguments[1]).note
        checked = f'<span class="badge status-{kind}">check</span> {_escaped(recorded)}' + (
            ", before the sources changed." if found.stale else ".")
        inside = "\n\n".join(filter(None, [reason, _escaped(note), checked]))
        before = _raw(f'<div class="step status-{kind}">')
        return [before, *self.markdown(claim), *self.fold("Reason and check", inside, opened=True), _raw("</div>")]


class TheoremsDirective(_Directive):
    """`{theorems}`: the theorems or, with `:refuted:`, the false claims, in reading order, as part of the contents."""

    required_arguments = 0
    option_spec: ClassVar = {"refuted": directives.flag}

    def placed(self) -> list[nodes.Node]:
        self.env.note_reread()
        names = REFUTED if "refuted" in self.options else NAMES
        caption = "False claims" if "refuted" in self.options else "Theorems"
        entries = [f"{name} <{name}>" for name in names]
        contents = "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```"])
        return self.markdown(contents + "\n\n" + "\n".join(self._rows(names)))

    def _rows(self, names: tuple[str, ...]) -> Iterator[str]:
        yield "| statement | what it says | status |"
        yield "|---|---|---|"
        for name in names:
            yield f"| [{name}]({name}.md) | {_escaped(load(name).title)} | {badge(self.status(name))} |"


class DependenciesDirective(_Directive):
    """`{dependencies}`: all statements and what they use, drawn."""

    required_arguments = 0

    def placed(self) -> list[nodes.Node]:
        self.env.note_reread()
        found = {name: self.status(name) for name in (*NAMES, *REFUTED)}
        drawing = graph.svg(found, graph.edges(), lambda name: f"{name}.html")
        around = '<div class="drawing" role="region" tabindex="0" aria-label="Graph of statements">'
        return [_raw(f"{around}{drawing}</div>")]


class VerdictRole(SphinxRole):
    """`{verdict}`NAME``: the status of a theorem, with a link to its page."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        if self.text not in (*NAMES, *REFUTED):
            problem = self.inliner.reporter.error(f"no theorem is called {self.text!r}", line=self.lineno)
            return [], [problem]
        self.env.note_dependency(str(record_path(self.env)))
        self.env.note_reread()
        link = addnodes.pending_xref(
            "", nodes.inline("", self.text), refdomain="std", reftype="doc", reftarget=f"/{self.text}",
            refexplicit=True, refwarn=True, refdoc=self.env.docname,
        )
        return [link, nodes.Text(" "), _raw(badge(status(self.env, self.text)))], []


class FigureDirective(_Directive):
    """`{figure-of} NAME`: a published figure, the command that draws it, and the numbers that tests assert of it."""

    def placed(self) -> list[nodes.Node]:
        from linres import figures

        name = self.name_given
        module = figures.load(name)
        drawings = Path(self.env.srcdir).parent / "figures"
        up = "../" * (self.env.docname.count("/") + 1)
        self.env.note_dependency(str(drawings / f"{name}.svg"))
        lines = [
            f"```{{image}} {up}figures/{name}.svg", f":alt: {module.TITLE}", "```", "",
            self._headline(name), "", prose(module.__doc__ or ""), "",
            f"`linres figures {name}` draws it. [The code](code:linres/figures/{name}.py), "
            "[the tests](code:tests/test_figures.py) that assert its numbers.", "",
        ]
        table = drawings / f"{name}.md"
        return self.markdown("\n".join(lines) + (table.read_text(encoding="utf-8") if table.exists() else ""))

    def _headline(self, name: str) -> str:
        """What was computed last, and when."""
        found = in_record(self.env).get("figures", {}).get(name)
        if found is None:
            return '<span class="badge status-open">not computed</span> `linres book` computes the headline.'
        stale = found["sources"] != sources.fingerprint(f"linres.figures.{name}")
        kind, word = ("stale", "stale") if stale else ("proved", "computed")
        return f'<span class="badge status-{kind}">{word} {found["date"]}</span> {_escaped(found["summary"])}.'


def prose(docstring: str) -> str:
    """A docstring in Markdown: its paragraphs and lists flow, what is indented stays as it is, `code` is code."""
    return "\n\n".join(map(_paragraph, inspect.cleandoc(docstring).split("\n\n")))


def _paragraph(lines: str) -> str:
    if re.fullmatch(r"- .*(\n(- |  \S).*)*", lines):
        return "\n".join("- " + _flowing(item) for item in re.split(r"^- ", lines, flags=re.MULTILINE)[1:])
    return f"```text\n{lines}\n```" if re.search(r"^ ", lines, re.MULTILINE) else _flowing(lines)


def _flowing(lines: str) -> str:
    parts = re.split(r"(`[^`\n]+`|(?<!\S)\*\w+\*(?!\w))", " ".join(lines.split()))
    return "".join(part if position % 2 else _escaped(part) for position, part in enumerate(parts))


@cache
def _sources(theorem: str) -> tuple[str, ...]:
    """The files that a theorem and its verdict rest on."""
    modules = sources.closure([sources.module_of(theorem), *sources.LADDER])
    return tuple(str(path) for path in map(sources.path_of, sorted(modules)) if path is not None)


@cache
def _opened(path: Path, _when: int) -> tuple[Any, str]:
    return opened(path)


def record_path(env: Any) -> Path:
    """Where the record lies, from the setting linres_record, relative to the pages."""
    return Path(env.srcdir) / env.config.linres_record


def status(env: Any, name: str) -> record.Status:
    """The status of a theorem in the record of this book."""
    path = record_path(env)
    return _status(path, _written(path), name, page_text(env, name))


def page_text(env: Any, docname: str) -> str:
    """What is written on a page; "" if there is none."""
    path = Path(env.doc2path(docname))
    return _text(path, _written(path))


def _written(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


@cache
def _text(path: Path, _when: int) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def in_record(env: Any) -> dict[str, Any]:
    """The record of this book."""
    path = record_path(env)
    return _read(path, _written(path))


@cache
def _status(path: Path, when: int, name: str, page: str) -> record.Status:
    return record.status(_read(path, when), name, page)


@cache
def _read(path: Path, _when: int) -> dict[str, Any]:
    return record.read(path)


def _raw(markup: str) -> nodes.Node:
    return nodes.raw("", markup, format="html")


ALL = {
    "theorem": TheoremDirective, "evidence": EvidenceDirective, "step": StepDirective, "theorems": TheoremsDirective,
    "dependencies": DependenciesDirective, "figure-of": FigureDirective,
}
