"""A theorem with a complete proof as one Coq file, which Coq checks by itself.

Nothing here is trusted and the trusted core is not asked: a false certificate is written down as it is, and refused by
Coq. `linres.coq.kernel` runs Coq.
"""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Any

from sympy import Add, Indexed, IndexedBase, Mul, Pow, preorder_traversal
from sympy.functions.elementary.complexes import transpose

from linres.coq.context import Script, equation
from linres.coq.induction import prove_induction
from linres.coq.names import Names, comment, defined_in
from linres.coq.printing import NotExported, Printer, label
from linres.coq.proof import Known, Stated, top_step
from linres.errors import kind_of, refuse
from linres.language import Det, is_integer, is_vector
from linres.theorem import Induction, Lemma, Step, Theorem

PLAIN, SPACE, ALGEBRA, MATRICES = range(4)
STRUCTURES = {SPACE: "Space", ALGEBRA: "Algebra", MATRICES: "Matrices"}
HEADER = """\
{title}
(* Exported by linres {version}. Check with: coqc FILE
   The last lines print what the proof assumes beyond Coq's logic. Nothing but what the real numbers of Coq's standard
   library rest on should be there: ClassicalDedekindReals.sig_forall_dec, ClassicalDedekindReals.sig_not_dec and
   FunctionalExtensionality.functional_extensionality_dep.

   How to read it. Definitions and hypotheses come before the conclusion, in the order of the theorem. A sequence over
   stages is a function of an integer; what is said of the stage t is assumed at stage 0 and at every stage t < T
   (at_stage). sqrt of a negative number and division by zero have the values that Coq gives them; no proof uses these.
{structure}*)
"""
NOTES = {
    PLAIN: "",
    SPACE: """
   Vectors are those of a Space: addition, multiples and an inner product that is linear, symmetric and nonnegative and
   tells vectors apart. Every real inner-product space is one.
""",
    ALGEBRA: """
   Matrices are those of an Algebra: a Space, where <|a, b|> is the inner product of a and b, with an associative
   product that is linear in both factors, a unit, and det and inverse such that a matrix with det a <> 0 has the
   inverse `inverse a`. Square matrices with the Frobenius inner product are one.
""",
    MATRICES: """
   Matrices are those of a structure Matrices: a Space, where <|a, b|> is the inner product of a and b, with an
   associative product that is linear in both factors, a unit, det and inverse such that a matrix with det a <> 0 has
   the inverse `inverse a`, and a linear transpose that turns products around, is its own inverse and keeps det. Square
   matrices with the Frobenius inner product are one.
""",
}


def export(theorem: Theorem) -> str:
    """The text of a Coq file that states and proves the theorem and the lemmas it uses.

    Parameters
    ----------
    theorem : Theorem
        A theorem with a proof.

    Returns
    -------
    str
        The file. `coqc FILE` checks it; its last lines print what the proof assumes.

    Raises
    ------
    InputError
        When the theorem has no proof, a step that is prose, or an expression outside the exported language.

    Notes
    -----
    Whether the proof is one is not asked: a false certificate is written down as it is, and refused by Coq.

    Examples
    --------
    >>> import linres
    >>> print(linres.export(linres.load("gradient-step")).splitlines()[0])
    (* gradient-step: One gradient step contracts the excess by (1 - 1/kappa)^2 *)
    """
    if not isinstance(theorem, Theorem):
        raise refuse("export(theorem)", "a Theorem", kind_of(theorem), "linres.load(name) gives one.")
    library = _Library()
    try:
        library.main(theorem)
    except NotExported as problem:
        call = f"export({theorem.name!r})"
        raise refuse(call, "a theorem with a proof that can be exported", f"one that cannot: {problem}") from problem
    from linres import __version__

    header = HEADER.format(
        title=comment(f"{theorem.name}: {theorem.title}".removesuffix(": ")), version=__version__,
        structure=NOTES[library.structures[theorem.name]],
    )
    return "\n".join([header, library.prelude, *library.texts])


class _Library:
    """The theorems of one file."""

    def __init__(self):
        self.texts: list[str] = []
        self.structures: dict[str, int] = {}
        self.prelude = files("linres.coq").joinpath("prelude.v").read_text(encoding="utf-8")
        self.taken = defined_in(self.prelude)
        self._names = Names(self.taken)
        self._written: list[tuple[Theorem, str | None, str]] = []

    def main(self, theorem: Theorem) -> None:
        name = self.write(theorem, None)
        self.texts.append(f"Print Assumptions {name}.\n")

    def write(self, theorem: Theorem, step: str | None) -> str:
        """Add the theorem (or what the step of that name claims) and the lemmas before it; returns its Coq name.

        The steps before that of a name are theorems of their own: another that is used later leans on them, too.
        """
        for known, known_step, name in self._written:
            if known is theorem and known_step == step:
                return name
        proved = theorem if step is None else _ending_at(theorem, step)
        shown = {each.name: self.write(theorem, each.name) for each in proved.proof[:-1]} if step is not None else {}
        name = self._names.fresh(theorem.name if step is None else f"{theorem.name}__{step}")
        self.structures[theorem.name] = structure_of(theorem)
        self.texts.append(_Text(proved, name, self, shown).text())
        self._written.append((theorem, step, name))
        return name

    def lemma(self, by: Lemma) -> tuple[str, list[Any], int]:
        """The name of the lemma, its symbols in the order of its statement, and the structure it is about."""
        if by.theorem.over:
            raise NotExported(f"{by.theorem.name} is about all stages; a lemma is about a single one")
        return self.write(by.theorem, by.step), [*by.theorem.symbols], structure_of(by.theorem)


def _ending_at(theorem: Theorem, name: str) -> Theorem:
    """The theorem that a step of the proof claims, with the proof up to there."""
    for k, step in enumerate(theorem.proof):
        if step.name == name:
            return replace(theorem, conclusion=step.claim, proof=theorem.proof[: k + 1], controls=())
    raise NotExported(f"{theorem.name} has no step {name!r}")


def structure_of(theorem: Theorem, within: tuple[Theorem, ...] = ()) -> int:
    """What the vectors of a theorem live in, those of its lemmas included. within: the theorems whose lemma it is."""
    _require_steps(theorem)
    if any(theorem is outer for outer in within):
        raise NotExported(f"{theorem.name} is used in its own proof")
    has_vectors = any(is_vector(_as_term(symbol)) for symbol in theorem.symbols)
    lemmas = [step.by.theorem for step in theorem.steps() if isinstance(step.by, Lemma)]
    inner = [structure_of(lemma, (*within, theorem)) for lemma in lemmas]
    return max([SPACE if has_vectors else PLAIN, *map(_needed, _nodes(theorem)), *inner])


def _require_steps(theorem: Theorem) -> None:
    """A proof is made of steps, and a lemma is a theorem whose symbols a mapping replaces."""
    if not all(isinstance(step, Step) for step in theorem.proof):
        raise NotExported(f"the proof of {theorem.name} is made of something else than steps")
    for step in theorem.steps():
        by = step.by
        if isinstance(by, Lemma) and not (isinstance(by.theorem, Theorem) and isinstance(by.mapping, Mapping)):
            raise NotExported(f"step {step.name}: a lemma is a Theorem and a mapping of its symbols")


def _needed(node: Any) -> int:
    """The structure that a node speaks of."""
    if type(node) is transpose:
        return MATRICES
    matrices = [argument for argument in node.args if is_vector(argument)] if type(node) in {Add, Mul} else []
    product = type(node) is Mul and len(matrices) > 1
    scalar_added = type(node) is Add and 0 < len(matrices) < len(node.args)
    power = type(node) is Det or (type(node) is Pow and is_vector(node))
    return ALGEBRA if product or scalar_added or power else PLAIN


def _nodes(theorem: Theorem) -> Iterator[Any]:
    relations = (*theorem.hypotheses, theorem.conclusion, *(step.claim for step in theorem.steps()))
    for part in (*relations, *theorem.definitions, *theorem.definitions.values()):
        for node in preorder_traversal(part):
            if type(node) is not IndexedBase:
                yield node


def _as_term(symbol: Any) -> Any:
    return symbol[0] if type(symbol) is IndexedBase else symbol


class _Text:
    """One theorem: its statement and its proof. shown: the steps that are theorems of the file, and their names."""

    def __init__(self, theorem: Theorem, name: str, library: _Library, shown: Mapping[str, str]):
        if not theorem.proof:
            raise NotExported(f"{theorem.name} has no proof")
        self.theorem, self.name, self.lemmas, self.shown = theorem, name, library, shown
        self.structure = structure_of(theorem)
        self.names = Names(library.taken)
        self.space = self.names.fresh("V") if self.structure else ""
        self.printer = Printer({label(symbol): self.names.fresh(label(symbol).name) for symbol in theorem.symbols})
        self.definitions = [
            self._stated((name, meaning), f"def_{printed}")
            for (name, meaning), printed in zip(theorem.definitions.items(), self._definition_names(), strict=True)
        ]
        self.hypotheses = [self._stated(each, f"hyp_{k}") for k, each in enumerate(theorem.hypotheses, 1)]

    def _definition_names(self) -> list[str]:
        """The name of what is defined; of a sequence also whether it is the next member, or which one."""
        names = []
        for name in self.theorem.definitions:
            sequence = type(name) is Indexed
            index = self.printer.integer(name.args[1]) if sequence else ""
            stage = self.printer.name(self.theorem.over[0]) if self.theorem.over else ""
            suffix = {stage: "", f"{stage} + 1": "next", f"{stage} - 1": "before"}.get(index, index)
            base = self.printer.name(label(name.args[0]) if sequence else name)
            names.append(f"{base}_{suffix}" if suffix else base)
        return names

    def _stated(self, what: Any, name: str) -> Stated:
        symbols = what[0].free_symbols | what[1].free_symbols if type(what) is tuple else what.free_symbols
        staged = bool(self.theorem.over) and self.theorem.over[0] in symbols
        return Stated(what, self.names.fresh(name), staged)

    def text(self) -> str:
        statement, script = self.statement(), self.proof()
        meanings = [self.meaning(label(symbol), told) for symbol, told in self.theorem.symbols.items()]
        heading = [comment(self.theorem.title or self.theorem.name), *filter(None, meanings), f"Theorem {self.name} :"]
        return "\n".join([*heading, statement, "Proof.", *script, "Qed.", ""])

    def meaning(self, symbol: Any, told: str) -> str:
        """A comment on what a symbol means, and on what it is called in the theorem if that is no name in Coq."""
        name = self.printer.name(symbol)
        called = "" if name == symbol.name else f" ({symbol.name} in the theorem)"
        return comment(f"{name}{called}: {told}".removesuffix(": ")) if told or called else ""

    # the statement

    def statement(self) -> str:
        lines = []
        binders = [*self.binders()]
        if binders:
            wrapped = textwrap.wrap(
                f"forall {' '.join(binders)},", width=110, break_long_words=False, break_on_hyphens=False
            )
            lines += [f"  {line}" for line in wrapped]
        for heading, group in (("definitions", self.definitions), ("hypotheses", self.hypotheses)):
            if group:
                lines.append(f"  (* {heading} *)")
            lines += [f"  {self._assumed(each)} ->" for each in group]
        lines += ["  (* conclusion *)", f"  {self._for_every_stage(self.theorem.conclusion)}."]
        return "\n".join(lines)

    def binders(self) -> Iterator[str]:
        """The structure, and the symbols but for the stage, those of a kind together."""
        if self.structure:
            yield f"({self.space} : {STRUCTURES[self.structure]})"
        group: list[str] = []
        last = ""
        for symbol in self.theorem.symbols:
            if self._bound(symbol):
                continue
            kind = self._kind(symbol)
            if group and kind != last:
                yield f"({' '.join(group)} : {last})"
                group = []
            group, last = [*group, self.printer.name(label(symbol))], kind
        if group:
            yield f"({' '.join(group)} : {last})"

    def _bound(self, symbol: Any) -> bool:
        return symbol in self.theorem.over[:1]

    def _kind(self, symbol: Any) -> str:
        one = _as_term(symbol)
        base = self.space if is_vector(one) else "Z" if is_integer(label(symbol)) else "R"
        return f"Z -> {base}" if type(symbol) is IndexedBase else base

    def _assumed(self, stated: Stated) -> str:
        what = stated.what
        text = equation(what[0], what[1], self.printer) if type(what) is tuple else self.printer.relation(what)
        return f"({self._stage_prefix()}{text})" if stated.staged else text

    def _for_every_stage(self, relation: Any) -> str:
        staged = self.theorem.over and self.theorem.over[0] in relation.free_symbols
        return f"{self._stage_prefix() if staged else ''}{self.printer.relation(relation)}"

    def _stage_prefix(self) -> str:
        t, T = map(self.printer.name, self.theorem.over)
        return f"forall {t} : Z, at_stage {T} {t} -> "

    # the proof

    def proof(self) -> list[str]:
        at_t = self.names.fresh(f"at_{self.printer.name(self.theorem.over[0])}") if self.theorem.over else ""
        known = Known(self.theorem, self.printer, self.names, at_t, [*self.hypotheses], [*self.definitions])
        outer = Script(known.context())
        outer.say(f"intros {' '.join(self._introduced())}.")
        for step in self.theorem.proof:
            if step.name in self.shown:
                self._repeat(step, known, outer)
            elif isinstance(step.by, Induction):
                prove_induction(step, step.by, known, outer, self.lemma_name)
            else:
                top_step(step, known, outer, self.lemma_name)
        outer.say(f"exact {known.facts[-1].name}.")
        return outer.lines

    def _introduced(self) -> list[str]:
        """What the statement is about and what it assumes, in its order."""
        symbols = [self.printer.name(label(symbol)) for symbol in self.theorem.symbols if not self._bound(symbol)]
        assumed = [each.name for each in (*self.definitions, *self.hypotheses)]
        return [*([self.space] if self.structure else []), *symbols, *assumed]

    def _repeat(self, step: Step, known: Known, outer: Script) -> None:
        """A step that is a theorem of the file already, with the same symbols, definitions and hypotheses."""
        name = self.names.fresh(f"step_{step.name}")
        outer.say(f"pose proof ({' '.join([self.shown[step.name], *self._introduced()])}) as {name}.")
        known.facts.append(Stated(step.claim, name, False))

    def lemma_name(self, by: Lemma) -> tuple[str, list[Any]]:
        name, symbols, structure = self.lemmas.lemma(by)
        return (f"{name} {self.space}" if structure else name), symbols
