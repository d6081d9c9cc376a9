"""The second kernel: every proved theorem is accepted by Coq, every forged proof is refused by it."""

import json
import os
import re
import shutil
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
import sympy
from coq_reader import read
from sympy import Eq, Ge, Gt, IndexedBase, Integer, Le, Ne, Rational, Symbol, sqrt, symbols
from sympy.functions.elementary.complexes import transpose

from linres import cli, rules
from linres.certificate import Term
from linres.coq import check, export, kernel
from linres.coq.names import Names
from linres.errors import InputError
from linres.language import Det, GeometricSum, Inner, substitute
from linres.rungs import symbolic
from linres.theorem import Certificate, Induction, Lemma, Prose, Rule, Step, Theorem
from linres.theorems import NAMES, absorption, gradient_step, load, nesterov_quadratic, stacking_residual

PROVED = [name for name in NAMES if load(name).expect == "proved"]
REQUIRED = os.environ.get("LINRES_REQUIRE_COQ") == "1"
needs_coq = pytest.mark.skipif(
    not REQUIRED and shutil.which("coqc") is None, reason="coqc is not installed: Debian's package is `coq`"
)
x, y, z, r = symbols("x y z r", real=True)
u, v, w = symbols("u v w", commutative=False)
t, T = symbols("t T", integer=True)
a = IndexedBase(Symbol("a", real=True))
later, before_t, past = t + 1, t - 1, T + 1


def made(name, conclusion, proof, hypotheses=(), **parts):
    """A theorem with nothing but a statement and a proof."""
    given = {"hypotheses": tuple(hypotheses), "proof": tuple(proof), "instances": list, "measure": list}
    return Theorem(name, conclusion, **given, **parts)


def changed(theorem, name, **changes):
    """The theorem with something else in the step of that name, wherever it is."""

    def within(steps):
        return tuple(map(one, steps))

    def one(step):
        by = step.by
        if isinstance(by, Induction):
            by = Induction(by.invariants, tuple(map(within, by.first)), within(by.advance))
        return replace(step, **({"by": by} | (changes if step.name == name else {})))

    assert name in {step.name for step in theorem.steps()}
    return replace(theorem, proof=within(theorem.proof), controls=())


def without(theorem, hypothesis):
    assert hypothesis in theorem.hypotheses
    kept = tuple(each for each in theorem.hypotheses if each != hypothesis)
    return replace(theorem, hypotheses=kept, controls=())


def concluding(theorem, conclusion):
    """The theorem with another conclusion, claimed by its last step for the reason of the old one."""
    last = theorem.proof[-1]
    proof = (*theorem.proof[:-1], replace(last, claim=conclusion))
    return replace(theorem, conclusion=conclusion, proof=proof, controls=())


# what is true


@cache
def exported(name):
    return export(load(name))


@needs_coq
@pytest.mark.parametrize("name", PROVED)
def test_coq_accepts_every_proved_theorem(name):
    report = check(exported(name))
    assert report.accepted, report.message
    assert "ClassicalDedekindReals.sig_forall_dec" in report.assumptions
    assert set(report.assumptions) <= kernel.ALLOWED


def test_the_readme_and_each_export_name_the_axioms_that_are_allowed():
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    named = re.search(r"its axioms of the real numbers \(the export\s+names them: ([^()]*)\)", readme)[1]
    assert sorted(re.findall(r"`(\w+)`", named)) == sorted(axiom.rpartition(".")[2] for axiom in kernel.ALLOWED)
    head = exported("absorption").partition("How to read it")[0]
    assert {*re.findall(r"\b\w+\.\w+\b", head.partition("should be there:")[2])} == kernel.ALLOWED


@pytest.mark.parametrize("name", PROVED)
def test_the_exported_statement_reads_back_as_the_theorem(name):
    theorem = load(name)
    definitions, hypotheses, conclusion = read(theorem, exported(name))
    assert len(definitions) == len(theorem.definitions)
    for (staged, relation), (symbol, meaning) in zip(definitions, theorem.definitions.items(), strict=True):
        assert staged == (bool(theorem.over) and theorem.over[0] in symbol.free_symbols | meaning.free_symbols)
        assert relation.lhs == symbol
        assert equal(relation.rhs, meaning)
    assert len(hypotheses) == len(theorem.hypotheses)
    for (staged, relation), hypothesis in zip(hypotheses, theorem.hypotheses, strict=True):
        assert staged == (bool(theorem.over) and theorem.over[0] in hypothesis.free_symbols)
        assert alike(relation, hypothesis)
    assert alike(conclusion, theorem.conclusion)


def test_a_constant_changed_in_the_exported_statement_is_read_back_as_another():
    theorem = load("absorption")
    text = export(theorem)
    changed_text = text.replace("  2 * Y <= c * s ->", "  3 * Y <= c * s ->")
    assert changed_text != text
    _, hypotheses, _ = read(theorem, changed_text)
    assert [alike(each, wanted) for (_, each), wanted in zip(hypotheses, theorem.hypotheses, strict=True)] == [
        *[True] * 6, False]


def alike(read_back, relation):
    return type(read_back) is type(relation) and all(map(equal, read_back.args, relation.args))


def equal(one, other):
    """Whether two expressions are equal for SymPy, which adds up and multiplies out."""
    return sympy.expand(plain(one) - plain(other)) == 0


def plain(node):
    return node.func(*map(plain, node.args)) if node.args else node


def test_an_export_is_deterministic():
    for name in ("absorption", "nesterov-quadratic", "stacking-residual"):
        assert export(load(name)) == export(load(name))


def test_the_trusted_core_is_not_asked(monkeypatch):
    def asked(*_, **__):
        raise RuntimeError("the core was asked")

    for place in ("linres.certificate.check", "linres.certificate.Reader.__init__", "linres.rules.apply",
                  "linres.rungs.symbolic.check", "linres.rungs.second.agrees"):
        monkeypatch.setattr(place, asked)
    with pytest.raises(RuntimeError):
        rules.apply("root", None, (), scope=None, facts=())
    for name in PROVED:
        assert f"Theorem {name.replace('-', '_')} :" in export(load(name))


@needs_coq
def test_the_structures_are_those_of_numbers_and_of_matrices():
    folder = files("linres.coq")
    report = check("".join(folder.joinpath(name).read_text() for name in ("prelude.v", "models.v")))
    assert report.accepted, report.message


# proofs of one's own

with sympy.evaluate(False):
    square = Le(2 * x * y, x**2 + y**2)
    swapped_angle = Le(Inner(u, v) ** 2, Inner(v, v) * Inner(u, u))
    nonneg_r, shrinks, horizon = Ge(r, 0), Le(a[later], r * a[t]), Ge(T, 0)
    decayed = Le(a[t], r**t * a[0])
    forced = Le(a[later], r * a[t] + x)
    turned = Eq(transpose(u * v**-1) + transpose(v) ** -1 * transpose(v), transpose(v) ** -1 * transpose(u) + 1)
    unshown = Le(x, y)
    beyond = substitute(decayed, {t: past})


def decay(conclusion=None, hypotheses=(horizon, nonneg_r, shrinks)):
    """A sequence that shrinks at every stage, by induction."""
    start = Step("start", substitute(decayed, {t: Integer(0)}), Certificate())
    carried = Step("advance", substitute(decayed, {t: later}), Certificate(Term(1, shrinks), Term(r, decayed)))
    end = substitute(decayed, {t: T}) if conclusion is None else conclusion
    by = Induction(invariants=(decayed,), first=((start,),), advance=(carried,))
    return made("decay", end, [Step("end", end, by)], hypotheses, over=(t, T))


def geometric(ratio=r):
    claim = Le(a[T], GeometricSum(a[0], ratio, x, t, T), evaluate=False)
    proof = [Step("end", claim, Rule("induction", forced))]
    return made("geometric", claim, proof, (horizon, nonneg_r, forced), over=(t, T))


with sympy.evaluate(False):
    nonzero_x, positive_z, nonneg_y, doubled = Ne(x, 0), Gt(z, 0), Ge(y, 0), Eq(r, 2 * y)
    strict, quotient = Gt(z + y, 0), Ge((y + z) / (z * (1 + y)), 0)
    opposite = Le(-r, 0 * x)
    claims = {
        "cancelled": (Eq(x**2 / x, x), Certificate()),
        "strict": (strict, Certificate(Term(1, positive_z), Term(1, nonneg_y))),
        "nested": (Eq(sqrt(sqrt(y) * sqrt(y) + z) ** 4, (y + z) ** 2), Certificate()),
        "reciprocal": (Eq(1 / sqrt(z), sqrt(z) / z), Certificate()),
        "three_halves": (Eq(z ** Rational(3, 2), z * sqrt(z)), Certificate()),
        "by_an_equation": (Eq(r**2, 4 * y**2), Certificate(Term(r + 2 * y, doubled))),
        "opposite": (opposite, Certificate(Term(1, doubled), Term(2, nonneg_y))),
        "norm": (Le(2 * Inner(u, v), Inner(u, u) + Inner(v, v)), Certificate(Term(1, norm=u - v))),
        "symmetric": (Eq(Inner(u, v), Inner(v, u)), Certificate()),
        "sum": (Eq(u + 2 * v - u, v * 2), Certificate()),
        "quotient": (quotient, Certificate(Term(1 / (z * (1 + y)), strict))),
    }
    positive_r, linear = Gt(r, 0), Eq(a[later], r * a[t] + r**later)
    earlier_power = Eq(r**before_t * r, r**t)
    closed = Eq(a[t], r**t * (a[0] + t))


def two_first_stages():
    """a_t = r^t (a_0 + t): powers of other stages, the stage as a number, equations, and stage 1 by itself."""
    start = Step("start", substitute(closed, {t: Integer(0)}), Certificate())
    from_start = Certificate(Term(1, substitute(linear, {t: Integer(0)})))
    second = Step("second", substitute(closed, {t: Integer(1)}), from_start)
    advance = Step("advance", substitute(closed, {t: later}), Certificate(Term(1, linear), Term(r, closed)))
    end = substitute(closed, {t: T})
    by = Induction((closed,), ((start,), (second,)), (advance,))
    proof = [Step("earlier", earlier_power, Certificate()), Step("end", end, by)]
    return made("two first stages", end, proof, (horizon, positive_r, linear), over=(t, T))


def assumed_start():
    """A bound that a hypothesis says at stage 0: the first stage has no steps."""
    with sympy.evaluate(False):
        bounded, falls = Le(a[t], x), Le(a[later], a[t])
    start, end = (substitute(bounded, {t: stage}) for stage in (Integer(0), T))
    advance = Step("advance", substitute(bounded, {t: later}), Certificate(Term(1, falls), Term(1, bounded)))
    proof = [Step("end", end, Induction((bounded,), ((),), (advance,)))]
    return made("assumed start", end, proof, (horizon, falls, start), over=(t, T))


every_form = made(
    "every form", quotient, [Step(name, *claim) for name, claim in claims.items()],
    (nonzero_x, positive_z, nonneg_y, doubled), symbols=dict.fromkeys((x, y, z, r, u, v), ""),
)
mean = made("mean", square, [Step("square", square, Certificate(Term(1, square=x - y)))])
renamed_square = substitute(square, {x: r})


@needs_coq
@pytest.mark.parametrize("theorem", [
    mean,
    decay(),
    geometric(),
    made("angle", swapped_angle, [Step("angle", swapped_angle, Rule("cauchy_schwarz"))]),
    made("turned", turned, [Step("turned", turned, Certificate())], [Ne(Det(v), 0, evaluate=False)]),
    two_first_stages(),
    assumed_start(),
    every_form,
    made("by lemma", renamed_square, [Step("it", renamed_square, Lemma(mean, {x: r}))]),
], ids=lambda theorem: theorem.name)
def test_coq_accepts_theorems_of_ones_own(theorem):
    assert symbolic.check(theorem).complete
    report = check(export(theorem))
    assert report.accepted, report.message


@needs_coq
def test_names_of_coq_and_of_its_prelude_can_be_names_of_symbols():
    names = "in sqrt IZR fact_1 gap_le inner V positive below T hyp_1 x' α lambda step_match"
    letters = [Symbol(name, real=True) for name in names.split()]
    with sympy.evaluate(False):
        signs = tuple(Ge(letter, 0) for letter in letters)
        total = Ge(sympy.Add(*letters), 0)
    terms = (Term(1, sign) for sign in signs)
    proof = [Step("match", total, Certificate(*terms))]
    theorem = made("forall", total, proof, signs, title='a "comment" *) (* of Coq')
    report = check(export(theorem))
    assert report.accepted, report.message


# what is false: exported all the same, and refused

with sympy.evaluate(False):
    m, X, Y = absorption.m, absorption.X, absorption.Y
    more_error = Le(X + Rational(21, 20) * m, Y)
    reversed_end = Le(Y, X + m)
    wrong_root = Le(X, m - Y)
    more_halved = Le(Rational(21, 10) * m, Y)
    faster = Le(gradient_step.f_next - gradient_step.f_star,
                (1 - gradient_step.q**2) ** 3 * (gradient_step.f_x - gradient_step.f_star))
    more_weight = Rational(21, 20) * gradient_step.remains
    W, before, beta, eta, G = (getattr(stacking_residual, name) for name in ("W", "W_prev", "beta", "eta", "G"))
    in_another_order = Eq(
        stacking_residual.W_next,
        W + beta * (W - before) + beta * before**-1 * (W - before) * (W - before) - eta * G,
    )
    other_angle = Le(Inner(u, v) ** 2, Inner(u, u) * Inner(u, u))
    false = Le(x**2, 0 * x)

QUADRATIC = nesterov_quadratic.THEOREM
first_terms = absorption.THEOREM.step("half").by.terms
squared_terms = absorption.THEOREM.step("squared").by.terms
gradient_terms = gradient_step.THEOREM.step("conclusion").by.terms
lie = made("lie", false, [Step("lie", false, Certificate(Term(1, square=x)))])
SINE, NEXT = "sine", nesterov_quadratic.after


def sine_with(constant):
    """The bound of sine at the next stage, one side times a constant."""
    claim = QUADRATIC.step(SINE).claim
    return Le(claim.lhs, sympy.Mul(constant, claim.rhs, evaluate=False), evaluate=False)


def not_carried():
    """The induction without the step that ends up with the last invariant."""
    by = QUADRATIC.step("conclusion").by
    return changed(QUADRATIC, "conclusion", by=Induction(by.invariants, by.first, by.advance[:-1]))


FORGED = {
    "a constant of the conclusion, and of the step": concluding(absorption.THEOREM, more_error),
    "a constant of a claim": changed(absorption.THEOREM, "half", claim=more_halved),
    "the conclusion alone": replace(absorption.THEOREM, conclusion=more_error, controls=()),
    "a weight": changed(absorption.THEOREM, "squared", by=Certificate(*squared_terms[:-1], Term(2, square=m))),
    "a term left out": changed(absorption.THEOREM, "half", by=Certificate(*first_terms[:-1])),
    "a negative weight in a true identity": concluding(
        changed(absorption.THEOREM, "conclusion", by=Certificate(
            Term(-1, absorption.THEOREM.step("rooted").claim))), reversed_end),
    "a fact that nobody showed": made("unshown", unshown, [Step("it", unshown, Certificate(Term(1, unshown)))]),
    "the root of a number that may be negative": changed(absorption.THEOREM, "rooted", claim=wrong_root),
    "a hypothesis dropped": without(absorption.THEOREM, absorption.positive_s),
    "a faster rate": concluding(gradient_step.THEOREM, faster),
    "a weight of the gradient step": changed(gradient_step.THEOREM, "conclusion", by=Certificate(
        Term(more_weight, gradient_step.from_next), *gradient_terms[1:])),
    "smoothness dropped": without(gradient_step.THEOREM, gradient_step.from_next),
    "factors in another order": concluding(stacking_residual.THEOREM, in_another_order),
    "a matrix that may be singular": without(stacking_residual.THEOREM, stacking_residual.invertible),
    "an advance with a wrong constant": changed(QUADRATIC, SINE, claim=sine_with(Rational(19, 20))),
    "a first stage with a wrong reason": changed(QUADRATIC, "start_b", by=Certificate()),
    "an invariant that is not carried": not_carried(),
    "an induction without its horizon": decay(hypotheses=(nonneg_r, shrinks)),
    "an induction with a ratio of no sign": decay(hypotheses=(horizon, shrinks)),
    "an induction for stages that need not be": decay(beyond),
    "a geometric sum with another ratio": geometric(ratio=x),
    "Cauchy-Schwarz with one vector twice": made(
        "angle", other_angle, [Step("angle", other_angle, Rule("cauchy_schwarz"))]),
    "a false lemma": made("by lie", false, [Step("it", false, Lemma(lie))]),
    "a lemma without what it needs": made(
        "early", absorption.CONCLUSION, [Step("it", absorption.CONCLUSION, Lemma(absorption.THEOREM))],
        absorption.THEOREM.hypotheses[:-1], symbols=absorption.SYMBOLS),
}


@needs_coq
@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_coq_refuses_a_forged_proof(forged):
    assert not symbolic.check(forged).complete
    report = check(export(forged))
    assert not report.compiled
    assert "Error" in report.message
    assert "Syntax error" not in report.message
    assert "was not found" not in report.message


@needs_coq
def test_an_axiom_is_noticed():
    text = export(mean)
    cheat = text.replace("Theorem mean", "Axiom cheat : 0 < 0.\nTheorem mean").replace(
        "  intros x y.\n", "  intros x y. pose proof cheat.\n")
    assert check(text).accepted
    report = check(cheat.replace("exact step_square.", "exfalso. lra."))
    assert report.compiled
    assert not report.accepted
    assert "cheat" in report.assumptions


@needs_coq
def test_a_file_that_prints_no_assumptions_is_not_accepted():
    report = check(re.sub(r"Print Assumptions.*", "", export(mean)))
    assert report.compiled
    assert not report.accepted


# what is not exported


@pytest.mark.parametrize(("theorem", "saying"), [
    (replace(mean, proof=()), "no proof"),
    (replace(mean, proof=(Step("told", square, Prose("It is known.")),)), "step told: it is prose"),
    (made("power", Le(sympy.exp(x), y), [Step("it", Le(sympy.exp(x), y), Certificate())]), "exp"),
    (replace(mean, proof=(square,)), "something else than steps"),
    (made("no lemma", square, [Step("it", square, Lemma("mean"))]), "step it: a lemma is a Theorem"),
    ("absorption", "should be a Theorem"),
], ids=["no proof", "prose", "an exponential", "no step", "no lemma", "no theorem"])
def test_what_is_not_exported_is_said(theorem, saying):
    with pytest.raises(InputError, match=saying):
        export(theorem)


def test_a_theorem_used_in_its_own_proof_is_not_exported():
    circle = made("circle", square, [Step("it", square, Certificate())])
    object.__setattr__(circle, "proof", (Step("it", square, Lemma(circle)),))
    with pytest.raises(InputError, match="used in its own proof"):
        export(circle)


# names and the command


def test_identifiers_are_safe_and_distinct():
    names = Names({"gap_le"})
    wanted = ["in", "gap_le", "x", "x", "x_2", "x'", "fact_3", "9", "", "α β"]
    given = [names.fresh(each) for each in wanted]
    assert len({*given}) == len(given)
    assert not {*given} & {"in", "gap_le", "fact_3"}
    assert all(re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) for name in given)


def run(capsys, *arguments):
    code = cli.main(["export", *arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_command_writes_the_file(capsys, tmp_path):
    path = tmp_path / "a.v"
    code, out, _ = run(capsys, "absorption", "--to", "coq")
    assert code == 0
    assert out == export(load("absorption"))
    assert run(capsys, "absorption", "--out", str(path))[:2] == (0, "")
    assert path.read_text() == out


def test_the_command_writes_several_theorems_into_a_folder_under_names_that_coq_takes(capsys, tmp_path):
    folder = tmp_path / "out" / "coq"
    assert run(capsys, "gradient-step", "absorption", "--out", str(folder))[:2] == (0, "")
    written = {path.name: path.read_text() for path in folder.iterdir()}
    assert written == {f"{name.replace('-', '_')}.v": export(load(name)) for name in ("gradient-step", "absorption")}


def test_the_command_writes_no_two_theorems_to_one_file(capsys, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from dataclasses import replace\nfrom linres.theorems import absorption\n"
        "ALIKE = [replace(absorption.THEOREM, name=name) for name in ('a-b', 'a_b')]\n"
    )
    code, out, err = run(capsys, "--file", str(path), "--out", str(tmp_path / "coq"))
    assert (code, out) == (2, "") and "a-b and a_b would both be written to" in err
    assert not list((tmp_path / "coq").iterdir())


@needs_coq
def test_the_command_checks_several_theorems_one_after_the_other(capsys):
    code, out, _ = run(capsys, "absorption", "gradient-step", "--check", "--json")
    assert code == 0 and [(each["name"], each["accepted"]) for each in json.loads(out)] == [
        ("absorption", True), ("gradient-step", True)]


def test_the_command_exports_a_theorem_of_a_file(capsys, tmp_path):
    path = tmp_path / "mine.py"
    assert cli.main(["new", "mine", "--out", str(path)]) == 0
    capsys.readouterr()
    code, out, _ = run(capsys, "--file", str(path))
    assert code == 0
    assert "Theorem mine :" in out


@needs_coq
def test_the_command_has_coq_check_the_file(capsys, tmp_path):
    code, out, _ = run(capsys, "absorption", "--check", "--json")
    report = json.loads(out)
    assert (code, report["accepted"], report["message"]) == (0, True, "")
    path = tmp_path / "forged.py"
    path.write_text(
        "from dataclasses import replace\nfrom linres.theorems import load\nHONEST = load('absorption')\n"
        "FORGED = replace(HONEST, name='forged', proof=(replace(HONEST.proof[-1]),), controls=())\ndel HONEST\n"
    )
    code, out, _ = run(capsys, "--file", str(path), "--check")
    assert code == 1
    assert out.startswith("forged: refused by Coq")
    assert "within step_conclusion" in out
    assert "Error" in out


@pytest.mark.parametrize(("arguments", "saying"), [
    ((), "NAME or --file"), (("no-such",), "no-such"), (("absorption", "--json"), "--check"),
    (("hardt-ma-2017-theorem-2-1",), "no proof"), (("absorption", "--out", "/nowhere/a.v"), "cannot be written"),
])
def test_bad_input_is_said_in_one_line(capsys, arguments, saying):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert saying in err
    assert err.count("\n") == 1


def test_without_coqc_the_check_says_so(capsys, monkeypatch):
    monkeypatch.setattr(kernel.shutil, "which", lambda _: None)
    code, _, err = run(capsys, "absorption", "--check")
    assert code == 2
    assert "coqc" in err
