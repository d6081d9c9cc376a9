"""Steps proved by a rule of `linres.rules` or by another theorem."""

from typing import Any

from sympy import Add, Integer, Mul, Pow

from linres.coq.certificates import fact_of
from linres.coq.context import Context, Script, equation
from linres.coq.identity import Reasoner
from linres.coq.printing import ATOM, NotExported, Printer, between_integers
from linres.language import Inner, is_integer, is_vector, same, substitute
from linres.theorem import Lemma, Rule


def prove_rule(claim: Any, by: Rule, script: Script) -> None:
    """Prove the goal `claim` by a rule about one stage."""
    rules = {"root": _root, "cauchy_schwarz": _cauchy_schwarz}
    if by.name not in rules:
        raise NotExported(f"the rule {by.name} is not exported here: the rules are root, cauchy_schwarz and induction")
    rules[by.name](claim, by.premises, script)


def _named(premise: Any, script: Script) -> str:
    """The name of a premise; of one that nothing shows, an assertion that Coq will refuse."""
    fact = fact_of(premise, script.context)
    return script.fact(fact) if fact else script.shown("fact", script.context.printer.fact(premise), "assumption")


def _root(claim: Any, premises: tuple[Any, ...], script: Script) -> None:
    """a <= b from a^2 <= b^2 and b >= 0."""
    if len(premises) != 1:
        raise NotExported(f"the rule root takes one fact, got {len(premises)}")
    reasoner = Reasoner(script)
    reasoner.establish(claim.rhs)
    script.say(f"refine (root_le {_named(premises[0], script)} _ _ _).")
    for side, square in zip(claim.args, premises[0].args, strict=True):
        with script.block():
            reasoner.equal(square, Pow(side, Integer(2), evaluate=False))
    script.say("positive.")


def _cauchy_schwarz(claim: Any, premises: tuple[Any, ...], script: Script) -> None:
    """<u, v>^2 <= |u|^2 |v|^2."""
    square = claim.lhs
    if type(square) is not Pow or type(square.base) is not Inner:
        raise NotExported(f"the rule cauchy_schwarz claims something of Inner(u, v)**2, got {claim}")
    u, v = square.base.args
    script.say("refine (le_through (cauchy_schwarz _ _) _).")
    with script.block():
        Reasoner(script).equal(Mul(Inner(u, u), Inner(v, v), evaluate=False), claim.rhs)


def prove_unrolled(claim: Any, premise: Any, at_stage: Context, at_t: str, script: Script) -> None:
    """Prove a(T) <= GeometricSum(a(0), ratio, forcing, t, T) from the premise at every stage.

    at_stage: what is known at a stage t, where `at_t` proves that it is one.
    """
    _, ratio, forcing, t, T = claim.rhs.args
    printer, general = script.context.printer, substitute(claim.lhs, {T: t})
    stage = printer.name(t)
    Reasoner(script).establish(ratio)
    natural = script.natural(T)
    script.say(f"refine (unroll (fun {stage} : Z => {printer.side(general)}) (fun {stage} : Z => "
               f"{printer.side(forcing)}) {printer.text(ratio, ATOM)} {printer.name(T)} {natural} _ _).")
    script.say("{ positive. }")
    script.say(f"intros {stage} {at_t}; cbv beta.")
    inner = Script(at_stage, script.depth)
    inner.say(f"refine (le_through {_named(premise, inner)} _).")
    advanced = Add(Mul(ratio, general, evaluate=False), forcing, evaluate=False)
    Reasoner(inner).equal(premise.rhs, advanced)
    script.lines += inner.lines


def prove_lemma(claim: Any, by: Lemma, name: str, arguments_of: Any, script: Script) -> None:
    """Prove the goal `claim` by another theorem, exported before under that name.

    arguments_of: the symbols of that theorem in the order of its Coq statement.
    """
    lemma, mapping, context = by.theorem, by.mapping, script.context
    reasoner, printer = Reasoner(script), context.printer
    arguments = [_argument(substitute(symbol, mapping), symbol, printer) for symbol in arguments_of]
    needed = []
    for symbol, meaning in lemma.definitions.items():
        needed.append(_defined_alike(substitute(symbol, mapping), substitute(meaning, mapping), reasoner))
    for hypothesis in lemma.hypotheses:
        needed.append(_stated(hypothesis, substitute(hypothesis, mapping), script))
    script.say(f"exact ({' '.join([name, *arguments, *needed])}).")


def _stated(hypothesis: Any, image: Any, script: Script) -> str:
    """The proof of a hypothesis of a lemma, in the form in which the lemma states it."""
    if not between_integers(hypothesis):
        return _named(image, script)
    fact = fact_of(image, script.context)
    return fact.term if fact else script.shown("fact", script.context.printer.relation(image), "assumption")


def _argument(image: Any, symbol: Any, printer: Printer) -> str:
    if is_vector(symbol):
        return f"({printer.vector(image)[0]})%V"
    return printer.index(image) if is_integer(symbol) else printer.text(image, ATOM)


def _defined_alike(image: Any, meaning: Any, reasoner: Reasoner) -> str:
    """Assert that what replaces a defined symbol is what its definition says."""
    script = reasoner.script
    statement = equation(image, meaning, script.context.printer)
    known = script.context.definitions.get(image)
    if known is not None and same(known.meaning, meaning):
        return script.definition(image)
    name = script.context.names.numbered("def")
    script.say(f"assert ({name} : {statement}).")
    with script.block():
        (reasoner.equal_vectors if is_vector(image) else reasoner.equal)(image, meaning)
    return name
