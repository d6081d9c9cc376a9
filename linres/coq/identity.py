"""Proofs that two expressions are identically equal, and of the signs that these and certificates need, as Coq scripts.

Whether a script proves anything is for Coq to say.
"""

from collections.abc import Iterable
from typing import Any

from sympy import Add, Equality, Indexed, Integer, Mul, Pow, Symbol, Unequality
from sympy.core.relational import GreaterThan, LessThan, StrictGreaterThan, StrictLessThan
from sympy.functions.elementary.complexes import transpose

from linres.coq.context import Script, outer_first
from linres.coq.normal import ALL, HALF, Numbers, in_order
from linres.coq.printing import APPLY, ATOM, TIMES, NotExported, counts_stages, split_power
from linres.coq.reasons import POSITIVE, UNKNOWN, Plan, Reasons
from linres.errors import kind_of
from linres.language import Det, gap, is_vector, same

GAPS: dict[type, str] = {  # the lemma that gives the sign of a relation's gap
    LessThan: "gap_le", GreaterThan: "gap_ge", StrictLessThan: "gap_lt", StrictGreaterThan: "gap_gt",
    Equality: "gap_eq", Unequality: "gap_ne",
}


class Reasoner:
    """Writes proofs of equalities and signs into a script."""

    def __init__(self, script: Script):
        self.script, self.context, self.printer = script, script.context, script.context.printer
        self.reasons = Reasons(self.context)
        self.meanings = self.reasons.meanings

    # writing signs

    def establish(self, node: Any) -> int:
        """Assert what the tactic `positive` needs to see the sign of the expression; returns the sign."""
        sign, kind = self.reasons.sign(node), type(node)
        if sign.value == UNKNOWN:
            return UNKNOWN
        if sign.fact is not None and sign.plan is not None:
            self._sign_from_fact(node, sign.value, sign.fact, sign.plan)
        elif node in self.meanings:
            value = self.establish(self.meanings[node])
            self._assert_sign(node, value, f"(rewrite {self.script.definition(node)}; positive)")
        elif counts_stages(node) and kind is Add:
            for argument in node.args:
                self.establish(argument)
            self._assert_sign(node, sign.value, "(rewrite ?plus_IZR, ?minus_IZR; positive)")
        elif kind in {Add, Mul}:
            for argument in node.args:
                self.establish(argument)
        elif kind is Pow:
            count, _ = split_power(node)
            if count is not None:
                self.script.natural(count)
            self.establish(node.base)
        return sign.value

    def _sign_statement(self, node: Any, value: int) -> str:
        return f"0 {'<' if value == POSITIVE else '<='} {self.printer.side(node)}"

    def _assert_sign(self, node: Any, value: int, by: str) -> None:
        self.script.shown("sign", self._sign_statement(node, value), by)

    def _sign_from_fact(self, node: Any, value: int, position: int, plan: Plan) -> None:
        fact = self.context.facts[position]
        statement = self._sign_statement(node, value)
        if self.script.known(statement):
            return
        lemma = GAPS[type(fact.relation)]
        named = self.script.fact(fact)
        if same(node, gap(fact.relation)):
            self.script.shown("sign", statement, f"exact ({lemma} {named})")
            return
        if lemma in {"gap_ge", "gap_gt"} and same(node, fact.relation.lhs) and same(fact.relation.rhs, Integer(0)):
            self.script.shown("sign", statement, f"exact ({'Rgt_lt' if lemma == 'gap_gt' else 'Rge_le'} _ _ {named})")
            return
        self._prepare(plan)
        name = self.script.context.names.numbered("sign")
        self.script.say(f"assert ({name} : {statement}).")
        with self.script.block():
            self.script.say(f"refine ({'lt' if value == POSITIVE else 'le'}_as _ ({lemma} {named})).")
            self._prove(plan)
        self.script.keep(statement, name)

    # writing equalities

    def equal(self, a: Any, b: Any) -> None:
        """Prove the goal a = b, both scalars; what is asserted for it stays asserted within the goal."""
        plan = self.reasons.plan(a, b)
        self._prepare(plan)
        self._prove(plan)

    def _prepare(self, plan: Plan) -> None:
        """Assert the conditions of the plan: nonzero denominators, squares of roots, inner products expanded."""
        numbers = plan.numbers
        for factor in numbers.inverted:
            self._assert_nonzero(factor)
        for base in plan.cofactors:
            self._assert_square(base)
        for inner in self._expanded(numbers):
            self._assert_gram(inner)
        for power in numbers.powers:
            self._assert_power(power)

    def _assert_nonzero(self, factor: Any) -> str:
        statement = f"{self.printer.side(factor)} <> 0"
        known = self.script.known(statement)
        if known:
            return known
        why = self.reasons.nonzero(factor)
        if why is None or why[0] is None or why[1] is None:
            self.establish(factor)
            return self.script.shown("nonzero", statement, "(apply nonzero_of_pos; positive)")
        named = self.script.fact(self.context.facts[why[0]])
        self._prepare(why[1])
        name = self.context.names.numbered("nonzero")
        self.script.say(f"assert ({name} : {statement}).")
        with self.script.block():
            self.script.say(f"refine (ne_as _ (gap_ne {named})).")
            self._prove(why[1])
        self.script.keep(statement, name)
        return name

    def _square(self, base: Any) -> str:
        root = self.printer.text(Pow(base, HALF, evaluate=False), TIMES)
        return f"{root} * {root} - {self.printer.text(base, TIMES)}"

    def _assert_square(self, base: Any) -> str:
        self.establish(base)
        return self.script.shown("square", f"{self._square(base)} = 0", "(apply square_zero, sqrt_sqrt; positive)")

    def _assert_power(self, node: Any) -> str:
        """base^(n + k) is base^n base^k."""
        count, more = split_power(node)
        base, first = self.printer.text(node.base, APPLY), Pow(node.base, count, evaluate=False)
        natural, size = self.script.natural(count), abs(more.p)
        statement = f"{self.printer.side(node)} = {self.printer.text(first, TIMES)} * "
        bare = self.printer.text(node.base, ATOM)
        if more.p > 0:
            by = f"exact (power_later {bare} {self.printer.name(count)} {size}%Z {natural} ltac:(lia))"
            return self.script.shown("power", f"{statement}{base} ^ {size}", by)
        nonzero = self._assert_nonzero(node.base)
        by = f"exact (power_earlier {bare} {self.printer.name(count)} {size}%Z {nonzero} ltac:(lia))"
        return self.script.shown("power", f"{statement}/ {base} ^ {size}", by)

    def _expanded(self, numbers: Numbers) -> list[Any]:
        """The inner products that are not Gram entries as they stand."""
        if numbers.level < ALL:
            return []
        return [inner for inner in numbers.inners if not self._is_entry(inner)]

    def _is_entry(self, inner: Any) -> bool:
        return all(map(self._is_letter, inner.args)) and [*inner.args] == in_order(inner.args, self.printer)

    def _assert_gram(self, inner: Any) -> str:
        """An inner product in terms of Gram entries."""
        key = f"gram {self.printer.side(inner)}"
        known = self.script.known(key)
        if known:
            return known
        numbers = Numbers((inner,), self.meanings, ALL)
        lines = [self._assert_line(v) for v in inner.args if not self._is_letter(v)]
        self._nonzeros(numbers)
        name = self.context.names.numbered("gram")
        # What it expands to is left to Coq: normalised here, it would be normalised twice.
        self.script.say(f"eassert ({name} : {self.printer.side(inner)} = _).")
        with self.script.block():
            self._rewrite(lines)
            self.script.say(f"expand_left ({self._letters(numbers)})%list.")
            self.script.say("reflexivity.")
        self.script.keep(key, name)
        return name

    def _assert_line(self, vector: Any) -> str:
        """A vector as a linear combination of letters."""
        key = f"line {self.printer.whole_vector(vector)}"
        known = self.script.known(key)
        if known:
            return known
        numbers = Numbers((vector,), self.meanings, ALL)
        nonzeros, definitions = self._nonzeros(numbers), self._definitions(numbers.names)
        name = self.context.names.numbered("line")
        self.script.say(f"assert ({name} : {self.printer.whole_vector(vector)} = "
                        f"({numbers.combination(vector, self.printer)})%V).")
        with self.script.block():
            self._unfold(nonzeros, definitions)
            self.script.say("vectors_equal; field; nonzero.")
        self.script.keep(key, name)
        return name

    def _is_letter(self, vector: Any) -> bool:
        return type(vector) in {Symbol, Indexed} and vector not in self.meanings

    def _letters(self, numbers: Numbers) -> str:
        """The letters in the one order in which Gram entries are written, as a Coq list."""
        letters = (self.printer.vector_text(letter, ATOM) for letter in in_order(numbers.letters, self.printer))
        return " :: ".join([*letters, "nil"])

    def _rewrite(self, names: Iterable[str], place: str = "") -> None:
        rewritten = ", ".join(f"?{name}" for name in dict.fromkeys(names))
        if rewritten:
            self.script.say(f"rewrite {rewritten}{place}.")

    def _nonzeros(self, numbers: Numbers) -> list[str]:
        return [self._assert_nonzero(factor) for factor in numbers.inverted]

    def _definitions(self, names: Any) -> list[str]:
        return [self.script.definition(name) for name in outer_first(names, self.meanings)]

    def _unfold(self, carried: list[str], definitions: list[str], grams: Iterable[str] = ()) -> None:
        """Rewrite definitions, and after them inner products, in the goal and in what is carried along."""
        along = " ".join(dict.fromkeys([*carried, *grams]))
        if definitions and along:
            self.script.say(f"revert {along}.")
        self._rewrite(definitions)
        if definitions and along:
            self.script.say(f"intros {along}.")
        self._rewrite(grams)

    def _prove(self, plan: Plan) -> None:
        """Prove the goal from what was prepared."""
        numbers, script = plan.numbers, self.script
        definitions = self._definitions(name for name in numbers.names if not is_vector(name))
        grams = [self._assert_gram(inner) for inner in self._expanded(numbers)]
        powers = [self._assert_power(power) for power in numbers.powers]
        script.say("apply Rminus_diag_uniq.")
        if plan.cofactors:
            terms = [f"{numbers.text(c, self.printer)} * ({self._square(base)})" for base, c in plan.cofactors.items()]
            squares = [self._assert_square(base) for base in plan.cofactors]
            script.say(f"transitivity ({' + '.join(terms)}); [| rewrite {', '.join(squares)}; ring].")
        nonzeros = self._nonzeros(numbers)
        self._unfold([*nonzeros, *powers], definitions, grams)
        self._rewrite(powers)
        for nonzero in dict.fromkeys(nonzeros if powers else ()):
            self._rewrite(powers, f" in {nonzero}")
        if _has_stages(numbers):
            script.say("rewrite ?plus_IZR, ?minus_IZR.")
        script.say("field; nonzero.")

    # vectors and matrices

    def equal_vectors(self, a: Any, b: Any) -> None:
        """Prove the goal a = b between vectors or matrices: both have the same inner product with every vector."""
        survey = _Survey(self.meanings)
        survey.visit(a)
        survey.visit(b)
        definitions = self._definitions(survey.names)
        carried = [self._assert_nonzero(factor) for factor in survey.inverted]
        invertible = [self._invertible(matrix) for matrix in survey.matrices]
        self._unfold([*carried, *invertible], definitions)
        if survey.products:
            self._multiply_out(invertible, survey.transposes)
        self.script.say("vectors_equal; field; nonzero.")

    def _multiply_out(self, invertible: list[str], transposes: bool) -> None:
        """Write both sides as linear combinations of products of matrices, with inverses cancelled."""
        cancelled = ["inverse_l _ _", "inverse_r _ _", "inverse_l_before _ _", "inverse_r_before _ _"]
        if transposes:
            cancelled += [f"transpose_{each}" for each in ("inverse_l _", "inverse_r _")]
            cancelled += [f"transpose_{each}" for each in ("inverse_l_before _ _", "inverse_r_before _ _")]
            self._rewrite([f"(inverse_transpose _ {each})" for each in invertible])
            self.script.say("autorewrite with transposes.")
        self.script.say("autorewrite with algebra.")
        if invertible:
            self._rewrite([f"({lemma} {each})" for each in invertible for lemma in cancelled])
            self.script.say("autorewrite with algebra.")

    def _invertible(self, matrix: Any) -> str:
        wanted = Unequality(Det(matrix), Integer(0), evaluate=False)
        for fact in self.context.facts:
            if same(fact.relation, wanted):
                return self.script.fact(fact)
        return self.script.shown("nonzero", self.printer.fact(wanted), "assumption")


class _Survey:
    """What the proof of an equality of matrices has to know of its two sides."""

    def __init__(self, meanings: dict[Any, Any]):
        self.meanings = meanings
        self.names: dict[Any, None] = {}
        self.matrices: dict[Any, None] = {}
        self.inverted: dict[Any, None] = {}
        self.products = self.transposes = False

    def visit(self, node: Any) -> None:
        if node in self.meanings:
            self.names[node] = None
            self.visit(self.meanings[node])
        elif not is_vector(node):
            numbers = Numbers((node,), self.meanings, ALL)
            self.names |= numbers.names
            self.inverted |= numbers.inverted
        elif type(node) is Pow:
            self.products = True
            if node.exp.p < 0:
                self.matrices[node.base.args[0] if type(node.base) is transpose else node.base] = None
            self.visit(node.base)
        elif type(node) is transpose:
            self.products = self.transposes = True
            self.visit(node.args[0])
        elif type(node) in {Add, Mul}:
            scalars_added = type(node) is Add and not all(map(is_vector, node.args))
            self.products |= scalars_added or sum(map(is_vector, node.args)) > 1
            for argument in node.args:
                self.visit(argument)
        elif type(node) not in {Symbol, Indexed}:
            raise NotExported(f"{node}: proofs with {kind_of(node)} of matrices are not exported")


def _has_stages(numbers: Numbers) -> bool:
    return any(counts_stages(key) for key in numbers.generators if type(key) is Symbol)
