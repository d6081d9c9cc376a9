"""Worst cases by semidefinite programming: what an instance attains is exact, a solver's number is never believed."""

import contextlib
import importlib.metadata
import importlib.util
import io
import re
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import flint
import hypothesis.strategies as st
import pytest
import sympy
from hypothesis import HealthCheck, given, settings

import linres
from linres import worst_case
from linres.arithmetic import EXACT, rational
from linres.bounds import fraction
from linres.errors import InputError
from linres.instances import NesterovRun
from linres.methods import nesterov
from linres.rungs import rigorous
from linres.surd import Surd
from linres.theorems import reported_worst_case as case
from linres.worst_case import InterpolatedRun, Question

F = Fraction
ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "proofs" / "worst-cases.md").read_text(encoding="utf-8")
HAS_PEP = all(importlib.util.find_spec(name) for name in ("PEPit", "cvxpy", "clarabel"))
needs_pep = pytest.mark.skipif(not HAS_PEP, reason="the extra `pep` is not installed: pip install '.[pep]'")

_spec = importlib.util.spec_from_file_location("worst_cases", ROOT / "benchmarks" / "worst_cases.py")
table = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(table)

NOTHING = (F(0),)
ALONE = Question(q=F(1, 3), stages=1, gradient_error=F(1), potential=F(0))
PUSHED = InterpolatedRun(
    q=F(1, 3), x=NOTHING, x_prev=NOTHING, values=(F(0), F(0), F(1, 2)), slopes=(NOTHING, NOTHING, (F(1),)),
    gradient_errors=((F(-1),),),
)


# The claim that a solver makes, refuted without one.


def test_the_reported_worst_case_is_refuted_and_the_proved_one_stands():
    [published] = linres.load_refutations("reported-worst-case")
    assert linres.refuted(published)
    verdict = linres.verify(linres.load("reported-worst-case"))
    assert verdict.verdict == "refuted" and verdict.met
    assert linres.verify(case.corrected()).verdict == "supported"


def test_the_counterexample_is_a_program_that_shows_it():
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(linres.verify(case.THEOREM).counterexample["snippet"], {})
    assert out.getvalue().endswith("is False\n")


def test_the_claim_falls_up_to_the_attained_value_and_no_further():
    for hundred_millionths, falls in ((430633, True), (432375, True), (432376, False)):
        checked = rigorous.check(case.claim(sympy.Rational(hundred_millionths, 10**8)), case.slowest())
        assert (checked.failure is not None) == falls and not checked.undecided and not checked.rejected


def test_at_another_condition_number_nothing_is_claimed():
    assert rigorous.check(case.THEOREM, case.slowest()._replace(kappa=F(11))).rejected == 1


def test_the_value_is_an_element_of_the_field_of_the_root_of_10_and_integers_decide():
    terms = {n: fraction(c) for n, c in case.value(case.slowest()).terms.items()}
    assert terms == {1: F(5693996374011, 2 * 10**10), 10: F(-1800572407218, 2 * 10**10)}
    for reported in (430633, 432375):
        rest = terms[1] - F(reported, 10**8)
        assert rest > 0 and rest**2 > 10 * terms[10] ** 2
    assert (terms[1] - F(432376, 10**8)) ** 2 < 10 * terms[10] ** 2


@pytest.mark.parametrize("kappa", [2, 4, 10])
@pytest.mark.parametrize("stages", [1, 2, 7, 10, 40])
def test_ten_steps_and_the_closed_form_give_the_same_number_exactly(kappa, stages):
    value = case.value(case.slowest()._replace(kappa=F(kappa)), stages)
    one, minus, q = Surd.rational(1), Surd.rational(-1), Surd.rational(rational(F(1, kappa))).sqrt()
    root = one + q * Surd.rational(stages)
    for _ in range(stages):
        root = root * (one + minus * q)
    assert (value + minus * (root * root * Surd.rational(rational(F(1, 2))))).is_zero()


def test_the_momentum_is_that_of_the_method():
    momentum = case.definitions(1)[case.beta].subs(case.kappa, 1 / sympy.Symbol("root", positive=True) ** 2)
    assert sympy.simplify(momentum - nesterov.momentum(sympy.Symbol("root", positive=True))) == 0


@pytest.mark.parametrize("stages", [2, 10, 40])
def test_the_value_from_below_is_below_and_close(stages):
    value = case.value(case.slowest(), stages)
    near, nearer = (case.value_from_below(case.slowest(), stages, bits) for bits in (128, 512))
    with flint.ctx.workprec(2048):
        true = sum((c * flint.arb(n).sqrt() for n, c in value.terms.items()), flint.arb(0))
        assert flint.arb(rational(near)) <= true < flint.arb(rational(near + F(1, 10**20)))
    assert near <= nearer


# What an instance attains.


def test_an_error_alone_attains_the_bound_of_one_stage():
    assert worst_case.attained(ALONE, PUSHED) == 1 == worst_case.bound(ALONE)
    assert worst_case.within(ALONE, F(1)) and not worst_case.within(ALONE, F(1) + F(1, 10**12))


@st.composite
def runs(draw):
    """A run on a function that exists, with every gradient off by something."""
    share, entry = st.fractions(0, 1, max_denominator=8), st.fractions(-3, 3, max_denominator=4)
    d = draw(st.integers(1, 2))
    up, down = (tuple(draw(st.lists(share, min_size=d, max_size=d))) for _ in range(2))
    x, x_prev = (tuple(draw(st.lists(entry, min_size=d, max_size=d))) for _ in range(2))
    errors = draw(st.lists(st.tuples(*[entry] * d), min_size=1, max_size=4))
    q = draw(st.sampled_from([F(1, 2), F(1, 7), F(9, 10)]))
    return NesterovRun(q=q, L=F(1), up=up, down=down, x=x, x_prev=x_prev), errors


def interpolated(instance, errors):
    """What a run on a function that exists shows of it."""
    function = instance.function(EXACT)
    x, x_prev = (worst_case._column(vector) for vector in (instance.x, instance.x_prev))
    points = [x]
    for error in map(worst_case._column, errors):
        y, x_next = worst_case._step(x, x_prev, function.gradient, q=EXACT.number(instance.q), error=error)
        points, x, x_prev = [*points, y], x_next, x
    points.append(x)
    return InterpolatedRun(
        q=instance.q, x=instance.x, x_prev=instance.x_prev,
        values=tuple(fraction(function.value(point)) for point in points),
        slopes=tuple(worst_case._entries(function.gradient(point)) for point in points), gradient_errors=tuple(errors),
    )


@given(runs())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_run_on_a_function_that_exists_is_never_refused_and_obeys_the_bound(drawn):
    instance, errors = drawn
    run = interpolated(instance, errors)
    assert min(run.gaps()) >= 0
    size, first = max(sum(map(abs, error)) for error in errors), fraction(run.path().first)
    if size or first:
        question = Question(run.q, run.stages, size, first)
        assert worst_case.within(question, worst_case.attained(question, run))


@given(runs())
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_one_stage_has_the_potentials_of_the_exact_record(drawn):
    instance, errors = drawn
    path = interpolated(instance, errors[:1]).path()
    [stage] = replace(instance, step_error=tuple(-entry for entry in errors[0])).record(EXACT).stages
    assert (path.first, path.last) == (stage.potential, stage.potential_next)


def changes():
    """Every number of the pushed run, a tenth larger."""
    more = F(11, 10)
    yield "value", replace(PUSHED, values=(F(0), F(0), more / 2))
    yield "slope", replace(PUSHED, slopes=(NOTHING, NOTHING, (more,)))
    yield "error", replace(PUSHED, gradient_errors=((-more,),))
    yield "start", replace(PUSHED, x=(F(1, 10),))
    yield "before", replace(PUSHED, x_prev=(F(1, 10),))
    yield "slope at the minimiser", replace(PUSHED, slopes=((F(1, 10),), NOTHING, (F(1),)))
    yield "another q", replace(PUSHED, q=F(11, 30))


@pytest.mark.parametrize("run", [pytest.param(run, id=name) for name, run in changes()])
def test_a_run_changed_by_a_tenth_is_refused(run):
    with pytest.raises(InputError, match=r"attained\(question, run\) should be"):
        worst_case.attained(ALONE, run)


def test_a_run_of_other_lengths_is_refused():
    with pytest.raises(InputError, match="vectors of one length"):
        replace(PUSHED, x=(F(0), F(0)))
    with pytest.raises(InputError, match=r"values=\.\.\."):
        replace(PUSHED, values=(F(0), F(0)))


def spoilt(run, size):
    """The run as a solver would return it: every number off by about the size."""
    off = iter(range(1, 10**6))

    def near(vector):
        return tuple(entry + F((7919 * next(off)) % 201 - 100, 100) * size for entry in vector)

    return replace(
        run, x=near(run.x), x_prev=near(run.x_prev), values=near(run.values), slopes=tuple(map(near, run.slopes)),
        gradient_errors=tuple(map(near, run.gradient_errors)),
    )


@pytest.mark.parametrize("error", [F(0), F(1, 10)])
def test_a_run_that_is_feasible_up_to_small_errors_is_made_feasible(error):
    """mu on one axis and L on the other: every interpolation inequality is an equality, the hardest case."""
    instance = NesterovRun(
        q=F(1, 4), L=F(1), up=(F(0), F(1)), down=(F(0), F(1)), x=(F(1), F(1)), x_prev=(F(2), F(1, 2)),
    )
    exact = interpolated(instance, [(error, F(0))] * 3)
    question = Question(F(1, 4), 3, error, fraction(exact.path().first))
    reached = worst_case.attained(question, exact)
    rough = spoilt(exact, F(1, 10**9))
    with pytest.raises(InputError):
        worst_case.attained(question, rough)
    made = worst_case.feasible(question, rough)
    assert reached * (1 - F(1, 10**4)) < worst_case.attained(question, made) <= reached * (1 + F(1, 10**4))


def test_a_run_of_errors_alone_is_made_feasible():
    reached = worst_case.attained(ALONE, worst_case.feasible(ALONE, spoilt(PUSHED, F(1, 10**9))))
    assert 1 - F(1, 10**6) < reached <= 1


@pytest.mark.parametrize(("given", "match"), [
    ({"q": F(1)}, r"Question\(q=...\) should be in \(0, 1\), got 1"),
    ({"q": 0.5}, "a Fraction, got 0.5"),
    ({"stages": 0}, "an integer >= 1, got 0"),
    ({"gradient_error": F(-1)}, "not both 0"),
    ({"potential": F(0)}, "not both 0"),
])
def test_a_question_that_makes_no_sense_is_refused(given, match):
    with pytest.raises(InputError, match=match):
        Question(**{"q": F(1, 2), "stages": 1} | given)


def test_a_value_of_a_solver_below_what_is_attained_is_false():
    answer = worst_case.Answer(0.0, 1.0, "optimal", "none", 0.0, PUSHED)
    row = worst_case.Row(ALONE, F(1), answer, 1.0)
    assert not row.is_false
    assert replace(row, answer=answer._replace(dual=1 - 2**-53)).is_false


@pytest.mark.parametrize("missing", ["PEPit", "cvxpy", "clarabel"])
def test_without_the_extra_one_line_names_it(missing, monkeypatch, capsys):
    for name in ("PEPit", "cvxpy", "clarabel"):  # those before it are there, whether installed or not
        monkeypatch.setitem(sys.modules, name, None if name == missing else sys)
    with pytest.raises(InputError, match=rf"able to import {missing}, .*pip install '\.\[pep\]'"):
        worst_case.solve(ALONE)
    monkeypatch.setattr(sys, "argv", ["worst_cases"])
    assert table.main() == 2
    error = capsys.readouterr().err
    assert missing in error and error.count("\n") == 1


# The tables on the page.

FOUND = table.parse(PAGE)
ROWS = [row for rows in FOUND[:3] for row in rows]


def test_the_page_has_a_row_for_every_question():
    asked = [(str(1 / question.q**2), str(question.stages)) for _, question in table.questions()]
    assert [(row["$\\kappa$"], row["$n$"]) for row in ROWS] == asked
    assert [int(row["$n$"]) for row in FOUND[3]] == list(table.REPORTED_STAGES)


def test_every_proved_number_on_the_page_is_the_bound_of_the_theorem():
    for (_, question), row in zip(table.questions(), ROWS, strict=True):
        assert row["proved"] == table.rounded(worst_case.bound(question) ** 2, table.ROUND_CEILING, 6)


def test_every_attained_number_on_the_page_obeys_the_theorem():
    for (_, question), row in zip(table.questions(), ROWS, strict=True):
        assert worst_case.within(question, F(row["attained"]))


def test_a_value_is_marked_as_false_where_it_is_less_than_attained():
    assert any(table.FALSE in row["dual"] for row in ROWS)
    for row in ROWS:
        assert (table.FALSE in row["dual"]) == row["dual - attained"].startswith("-")
        dual = float(row["dual"].split()[0])
        assert dual / float(row["attained"]) == pytest.approx(1, rel=1e-4)
        assert dual / float(row["proved"]) == pytest.approx(float(row["dual / proved"]), abs=1e-4)


def test_the_table_of_reports_has_the_exact_values_and_the_false_one():
    for row in FOUND[3]:
        stages = int(row["$n$"])
        attained = case.value_from_below(case.slowest(), stages)
        assert row["attained"] == table.rounded(attained, table.ROUND_FLOOR, 6)
        for solver in ("SCS reports", "Clarabel reports"):
            value, *mark = row[solver].split()
            assert (F(value) < attained) == (mark == [table.FALSE])
    assert FOUND[3][1]["SCS reports"] == f"0.00430633 {table.FALSE}"


@pytest.mark.parametrize(("column", "factor"), [("attained", 1.001), ("dual", 0.999), ("proved", 1.001)])
def test_a_number_changed_on_the_page_is_noticed(column, factor):
    same = [table.Table("", tuple(rows[0]), [tuple(row.values()) for row in rows]) for rows in FOUND]
    assert table.differences(PAGE, same) == []
    row = next(row for row in ROWS if table.FALSE not in row["dual"])
    line = f"| {' | '.join(row.values())} |"
    assert PAGE.count(line) == 1
    edited = PAGE.replace(line, line.replace(f" {row[column]} ", f" {float(row[column]) * factor:.9g} ", 1))
    assert len(table.differences(edited, same)) == 1
    assert table.differences(PAGE.replace(line + "\n", ""), same) == ["the page has other tables"]


def test_a_page_without_marks_is_refused_before_any_work(tmp_path, monkeypatch, capsys):
    bare = tmp_path / "page.md"
    bare.write_text(re.sub("<!-- table -->", "", PAGE), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["worst_cases", "--page", str(bare)])
    assert table.main() == 2
    assert "<!-- table -->" in capsys.readouterr().err


# With the extra.

SOME = [0, 7, 11, 23, 24 + 9, 24 + 16, 48, 48 + 15]


@needs_pep
@pytest.mark.parametrize("position", SOME)
def test_solving_again_gives_the_row_of_the_page(position):
    _, question = list(table.questions())[position]
    row = worst_case.row(question)
    assert worst_case.within(question, row.attained)
    again = table.Table("", table.HEADER, [table.cells(row)])
    before = table.Table("", table.HEADER, [tuple(ROWS[position].values())])
    page = f"<!-- table -->\n{before}\n\n<!-- / -->"
    assert table.differences(page, [again]) == []


@needs_pep
def test_the_default_solver_reports_less_than_is_attained():
    versions = {name: importlib.metadata.version(name) for name in ("PEPit", "scs")}
    if versions != {"PEPit": "0.5.1", "scs": "3.3.1"}:
        pytest.skip(f"the report is that of PEPit 0.5.1 with SCS 3.3.1, not of {versions}")
    value = worst_case.reported(case.STAGES, kappa=case.KAPPA)
    assert round(value, 8) == 0.00430633 and F(value) < case.value_from_below(case.slowest())


@needs_pep
def test_clarabel_reports_what_nothing_contradicts():
    value = worst_case.reported(case.STAGES, kappa=case.KAPPA, solver="CLARABEL")
    assert case.value_from_below(case.slowest()) < F(value) < F(223416, 10**7)


@needs_pep
def test_a_solver_that_there_is_not_is_refused():
    with pytest.raises(InputError, match=r"solve\(solver=\.\.\.\)"):
        worst_case.solve(ALONE, solver="NONE")


@needs_pep
def test_two_programs_in_turn_do_not_disturb_each_other():
    """PEPit keeps state between programs: a vector of the first one once had its length in the second."""
    small, large = Question(F(1, 3), 1), Question(F(1, 3), 3)
    first = float(worst_case.row(small).attained)
    worst_case.row(large)
    assert float(worst_case.row(small).attained) == pytest.approx(first, rel=1e-7)
