"""Proof pages: Markdown whose words are written by hand and whose formulas are made from the theorem.

A page holds regions between HTML comments, which readers do not see:

    <!-- step free -->          the claim of the step, and its reason
    <!-- / -->

and likewise `statement`; `symbols`, a table; `hypothesis 3`; `invariant 1`, of the one induction of the proof; `lemma
absorbed`, a table of what that step puts for the symbols of its lemma; and `where B`, the expression called B in the
module of the theorem, which all formulas of the page then call B (`where free as F%s` calls it F, %s being the stage).
A region that begins within a line is set within it, one on lines of its own is displayed.

    python -m linres.pages proofs     fill all pages in this folder afresh; a page is named as its theorem
"""

import re
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import sympy
from sympy import Expr, Indexed, IndexedBase, Integer, Mul, Symbol

from linres.certificate import Term
from linres.errors import InputError, refuse
from linres.language import AT_MOST, Inner, is_vector, same, substitute
from linres.printing import latex
from linres.theorem import Certificate, Induction, Lemma, Prose, Rule, Step, Theorem
from linres.theorems import NAMES, REFUTED, load

REGION = re.compile(r"<!-- (\w+)(?: (\S+))?(?: as (.+?))? -->(.*?)<!-- / -->", re.DOTALL)
STAGES = (0, 1, 2)  # where, besides t, t + 1 and the horizon, facts about every stage are used


def refresh(text: str, theorem: Theorem, names: Mapping[str, Any] | None = None) -> str:
    """The page with its regions filled afresh. names: where the expressions that `where` abbreviates are looked up.

    InputError for a region that names nothing of the theorem.
    """
    page = _Page(theorem, text, names or {})
    return REGION.sub(page.region, text)


class _Page:
    """The formulas of one page."""

    def __init__(self, theorem: Theorem, text: str, names: Mapping[str, Any]):
        self.theorem, self.names = theorem, names
        self.short: dict[Expr, Symbol] = {}
        self.labels: dict[Symbol, str] = {}
        self.taken: list[str] = []
        for kind, name, label, _ in REGION.findall(text):
            if kind == "where":
                self._shorten(self._named(name), label or latex(Symbol(name)) + "%s")

    def _named(self, name: str) -> Expr:
        if not isinstance(self.names.get(name), Expr):
            raise refuse(f"<!-- where {name} -->", f"an expression in the module of {self.theorem.name}", "none")
        return self.names[name]

    def _shorten(self, expression: Expr, label: str) -> None:
        """Let the label stand for the expression. InputError if readers would take two expressions for one."""
        stages = [*self._stages(expression)]
        if any(index for _, index in stages) and "%s" not in label:
            raise refuse(f"<!-- where ... as {label} -->", "a label with %s, for the stage", repr(label))
        if any(other.replace("%s", "") == label.replace("%s", "") for other in self.taken):
            raise refuse(f"<!-- where ... as {label} -->", "a label of its own", "that of another expression")
        self.taken.append(label)
        for stage, index in stages:
            at_stage = self._at(expression, stage)
            symbol = Symbol(f"where {label} {index}", **({"commutative": False} if is_vector(at_stage) else {}))
            self.short[at_stage] = symbol
            self.labels[symbol] = label.replace("%s", f"_{{{index}}}" if index else "")

    def _stages(self, expression: Any) -> Iterator[tuple[Any, str]]:
        """The stages at which an expression is used, and how they are set; none for one that has no stage."""
        over = self.theorem.over
        if not over or over[0] not in expression.free_symbols:
            yield None, ""
            return
        for stage in (over[0], over[0] + 1, over[1], *map(Integer, STAGES)):
            yield stage, sympy.latex(stage)

    def _at(self, expression: Any, stage: Any) -> Any:
        return expression if stage is None else substitute(expression, {self.theorem.over[0]: stage})

    def region(self, match: re.Match) -> str:
        kind, name, _, inside = match.groups()
        fill = getattr(self, f"fill_{kind}", None)
        if fill is None:
            raise refuse(f"<!-- {kind} -->", "one of " + ", ".join(_kinds()), kind)
        display = inside.startswith("\n") and match.string[: match.start()][-1:] in ("", "\n")
        filled = fill(name, display)
        opening = match.group(0)[: match.start(4) - match.start(0)]
        return f"{opening}\n\n{filled}\n\n<!-- / -->" if display else f"{opening} {filled} <!-- / -->"

    def tex(self, expression: Any, besides: Expr | None = None) -> str:
        """In LaTeX with the abbreviations of the page, besides that of one expression."""
        short = {whole: symbol for whole, symbol in self.short.items() if besides is None or not same(whole, besides)}
        return latex(substitute(expression, short), self.labels)

    def formula(self, expression: Any, display: bool) -> str:
        return _formula(self.tex(expression), display)

    def fill_statement(self, name: None, display: bool) -> str:
        return self.formula(self.theorem.conclusion, display)

    def fill_hypothesis(self, number: str, display: bool) -> str:
        return self.formula(self._numbered("hypothesis", self.theorem.hypotheses, number), display)

    def fill_invariant(self, number: str, display: bool) -> str:
        return self.formula(self._numbered("invariant", self._invariants(), number), display)

    def fill_where(self, name: str, display: bool) -> str:
        expression = self._named(name)
        label = self.labels[self.short[expression]]
        return _formula(f"{label} = {self.tex(expression, besides=expression)}", display)

    def fill_step(self, name: str, display: bool) -> str:
        step = self._step(name)
        claim = self.formula(step.claim, display)
        return f"{claim}\n\n{self._reason(step)}" if display else claim

    def fill_symbols(self, name: None, display: bool) -> str:
        rows = [(latex(self._member(symbol)), meaning, symbol) for symbol, meaning in self.theorem.symbols.items()]
        cells = [f"| ${tex}$ | {_plain(meaning)} | {self._definitions(symbol)} |" for tex, meaning, symbol in rows]
        return "\n".join(["| symbol | meaning | definition |", "|---|---|---|", *cells])

    def fill_lemma(self, name: str, display: bool) -> str:
        by = self._step(name).by
        if not isinstance(by, Lemma):
            raise refuse(f"<!-- lemma {name} -->", "a step by a lemma", type(by).__name__)
        rows = [f"| ${latex(symbol)}$ | ${self.tex(image)}$ |" for symbol, image in by.mapping.items()]
        return "\n".join([f"| in {by.theorem.name} | here |", "|---|---|", *rows])

    def _numbered(self, kind: str, relations: tuple, number: str) -> Any:
        if not number.isdecimal() or not 1 <= int(number) <= len(relations):
            wanted = f"a number up to {len(relations)}" if relations else f"on the page of a theorem with {kind}s"
            raise refuse(f"<!-- {kind} {number} -->", wanted, number)
        return relations[int(number) - 1]

    def _step(self, name: str) -> Step:
        if name not in (steps := {step.name: step for step in self.theorem.steps()}):
            raise refuse(f"<!-- step {name} -->", f"a step of {self.theorem.name}: {', '.join(steps)}", name)
        return steps[name]

    def _invariants(self) -> tuple:
        inductions = [step.by for step in self.theorem.proof if isinstance(step.by, Induction)]
        return inductions[0].invariants if inductions else ()

    def _member(self, symbol: Any) -> Expr:
        """A sequence at stage t, or the symbol itself."""
        return symbol[self.theorem.over[0]] if isinstance(symbol, IndexedBase) else symbol

    def _definitions(self, symbol: Any) -> str:
        """What a symbol is defined to be; of a sequence also at its first stages, if it is another thing there."""
        found = {
            name: meaning for name, meaning in self.theorem.definitions.items()
            if same(name, symbol) or (type(name) is Indexed and same(name.args[0], symbol))
        }
        t = self.theorem.over[:1]
        if any(type(name) is Indexed and name.args[1] in t for name in found):
            found = {name: meaning for name, meaning in found.items() if name.args[1] not in [each + 1 for each in t]}
        pairs = [(latex(name), latex(meaning)) for name, meaning in found.items()]
        told = [(name, meaning) for name, meaning in pairs if name != re.sub(r"\\(left|right)(?=\\)", "", meaning)]
        return ", ".join(f"${name} = {meaning}$" for name, meaning in told)

    def _reason(self, step: Step) -> str:
        """The reason of a step in Markdown; a certificate in full."""
        by = step.by
        if isinstance(by, Certificate):
            return self._certificate(step.claim, by.terms)
        if isinstance(by, Rule):
            return f"*Rule* {by.name}" + (f" from {', '.join(map(self.link, by.premises))}." if by.premises else ".")
        if isinstance(by, Lemma):
            where = f"{by.theorem.name}.md" + (f"#{by.step}" if by.step else "")
            return f"*Lemma* [{by.theorem.name}]({where})" + (f", its step {by.step}." if by.step else ".")
        if isinstance(by, Induction):
            return f"*Induction* over the stages with the invariants {', '.join(self._invariant_names())}."
        return f"*Prose* {by.text}" if isinstance(by, Prose) else ""

    def _certificate(self, claim: Any, terms: tuple[Term, ...]) -> str:
        if not terms:
            return "*Identity*: expand both sides."
        difference = "right - left" if type(claim) in AT_MOST else "left - right"
        first, *others = map(self._term, terms)  # a formula for each, so that lines can break between them
        signed = [f"- {other[1:]}" if other.startswith("-") else f"+ {other}" for other in others]
        return f"*Certificate*: {difference} $= {first}$" + "".join(f" ${{}} {other}$" for other in signed) + "."

    def _term(self, term: Term) -> str:
        factors = [] if same(term.weight, Integer(1)) else [term.weight]
        factors += [] if same(term.square, Integer(1)) else [sympy.Pow(term.square, 2, evaluate=False)]
        factors += [] if term.norm is None else [Inner(term.norm, term.norm)]
        scalar = self.tex(Mul(*factors, evaluate=False) if len(factors) > 1 else factors[0]) if factors else ""
        bracketed = rf"\left({scalar}\right)" if factors and len(factors) == 1 and factors[0].is_Add else scalar
        return " ".join(filter(None, [bracketed, *(f"[{self.cite(fact)}]" for fact in term.facts)])) or "1"

    def cite(self, fact: Any) -> str:
        """A fact in a formula: H5 for the fifth hypothesis, I1 for the first invariant, or the name of a step."""
        name, stage = self._find(fact)
        told = rf"\mathrm{{{name}}}" if name[1:].isdecimal() else rf"\text{{{name.replace('_', ' ')}}}"
        return f"{told}, t = {stage}" if stage else told

    def link(self, fact: Any) -> str:
        """A fact in Markdown."""
        name, stage = self._find(fact)
        told = name if name[1:].isdecimal() else f"[{name}](#{name})"
        return f"{told} at $t = {stage}$" if stage else told

    def _find(self, fact: Any) -> tuple[str, str]:
        """The name of a fact and, if it is one of every stage used at another one than t, that stage."""
        numbered = zip("HI", (self.theorem.hypotheses, self._invariants()), strict=True)
        known = [(f"{letter}{k}", each) for letter, relations in numbered for k, each in enumerate(relations, 1)]
        known += [(step.name, step.claim) for step in self.theorem.steps()]
        for name, relation in known:
            if same(fact, relation):
                return name, ""
        for name, relation in known:
            for stage, index in self._stages(relation):
                if same(fact, self._at(relation, stage)):
                    return name, index
        raise refuse(f"a proof of {self.theorem.name}", "made of hypotheses, steps and invariants", str(fact))

    def _invariant_names(self) -> list[str]:
        return [f"I{k}" for k in range(1, len(self._invariants()) + 1)]


def _kinds() -> list[str]:
    return [name.removeprefix("fill_") for name in dir(_Page) if name.startswith("fill_")]


def _formula(tex: str, display: bool) -> str:
    return f"$$\n{tex}\n$$" if display else f"${tex}$"


def _plain(words: str) -> str:
    """Words in a cell of a table, whose bars and powers are no markup."""
    return words.replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")


def fresh(path: Path) -> str:
    """The page at path/to/<name of a theorem of ours>.md with its regions filled afresh."""
    page, text = opened(path)
    return REGION.sub(page.region, text)


def opened(path: Path) -> tuple[_Page, str]:
    """The formulas of the page at path/to/<name of a theorem of ours>.md, and its text."""
    theorem = load(path.stem)
    module = import_module(f"linres.theorems.{path.stem.replace('-', '_')}")
    text = path.read_text(encoding="utf-8")
    return _Page(theorem, text, vars(module)), text


def main(folder: str) -> int:
    """Fill the page of every theorem in the folder afresh, and name those that changed."""
    for path in (Path(folder) / f"{name}.md" for name in (*NAMES, *REFUTED)):
        try:
            filled = fresh(path)
        except (InputError, FileNotFoundError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 2
        if filled != path.read_text(encoding="utf-8"):
            path.write_text(filled, encoding="utf-8")
            print(path)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m linres.pages FOLDER")
    sys.exit(main(sys.argv[1]))
