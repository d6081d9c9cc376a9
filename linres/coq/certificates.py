"""Steps proved by a certificate: the gap of the claim is identically a sum of terms, each with a sign."""

from typing import Any

from sympy import Add, Equality, Integer, Mul, Pow

from linres.certificate import Term
from linres.coq.context import Fact, Script
from linres.coq.identity import GAPS, Reasoner
from linres.coq.printing import TIMES, NotExported
from linres.coq.reasons import POSITIVE
from linres.errors import kind_of
from linres.language import STRICT, Inner, gap, is_vector, same

ONE = Integer(1)


def prove_certificate(claim: Any, terms: tuple[Term, ...], script: Script) -> None:
    """Prove the goal `claim` from the terms of its certificate."""
    reasoner = Reasoner(script)
    if any(map(is_vector, claim.args)):
        reasoner.equal_vectors(*claim.args)
        return
    signs = [_prove_term(term, reasoner) for term in terms]
    products = [_product(_factors(term)) for term in terms]
    combination = Add(*products, evaluate=False) if len(products) > 1 else (products or [Integer(0)])[0]
    text = " + ".join(script.context.printer.text(each, TIMES) for each in products) or "0"
    lemma = "eq_as" if type(claim) is Equality else "lt_as" if type(claim) in STRICT else "le_as"
    script.say(f"apply of_{GAPS[type(claim)]}.")
    script.say(f"refine ({lemma} (b := {text}) _ _).")
    with script.block():
        reasoner.equal(gap(claim), combination)
    _add_up(signs, type(claim) is Equality, script)


def _product(factors: list[Any]) -> Any:
    return factors[0] if len(factors) == 1 else Mul(*factors, evaluate=False)


def _factors(term: Term) -> list[Any]:
    """weight, gaps of the facts, square^2, |norm|^2: those that are not 1."""
    squares = [] if same(term.square, ONE) else [Pow(term.square, Integer(2), evaluate=False)]
    lengths = [] if term.norm is None else [Inner(term.norm, term.norm)]
    return [term.weight, *map(gap, term.facts), *squares, *lengths]


def fact_of(relation: Any, context: Any) -> Fact | None:
    for fact in context.facts:
        if same(fact.relation, relation):
            return fact
    return None


def _prove_term(term: Term, reasoner: Reasoner) -> str:
    """Assert that a term is 0, > 0 or >= 0, by what its facts are; returns the name of the assertion."""
    script = reasoner.script
    printer = script.context.printer
    if type(term) is not Term:
        raise NotExported(f"a certificate is made of Term(weight, *facts), got {kind_of(term)}")
    product = printer.side(_product(_factors(term)))
    named = [_gap_of(relation, script) for relation in term.facts]
    equations = [name for name, relation in zip(named, term.facts, strict=True) if type(relation) is Equality]
    if equations:
        return script.shown("term", f"{product} = 0", f"(rewrite {equations[0]}; unfold Rdiv; ring)")
    positive = reasoner.establish(term.weight) == POSITIVE
    bare = same(term.square, ONE) and term.norm is None
    relation = "<" if positive and bare and all(type(fact) in STRICT for fact in term.facts) else "<="
    return script.shown("term", f"0 {relation} {product}", "positive")


def _gap_of(relation: Any, script: Script) -> str:
    """Assert what a fact says of its gap."""
    printer = script.context.printer
    fact = fact_of(relation, script.context)
    sign = {Equality: "{} = 0"}.get(type(relation), "0 < {}" if type(relation) in STRICT else "0 <= {}")
    statement = sign.format(printer.side(gap(relation)))
    if fact is None:  # nothing says so: Coq will see
        return script.shown("sign", statement, "positive")
    return script.shown("sign", statement, f"exact ({GAPS[type(relation)]} {script.fact(fact)})")


def _add_up(terms: list[str], equation: bool, script: Script) -> None:
    """Prove the goal about the sum of the terms from what was asserted of each."""
    names = ", ".join(dict.fromkeys(terms))
    if equation:
        script.say(f"rewrite {names}; ring." if names else "ring.")
    else:
        script.say("positive_sum." if names else "apply Rle_refl.")
