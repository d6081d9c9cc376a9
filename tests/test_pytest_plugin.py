"""The pytest plugin, in sessions of its own: what is collected, what fails and what is skipped, and how it reads."""

import subprocess
import sys

import pytest

from linres.pytest_plugin import RUNGS, failures
from linres.rungs import verify
from linres.theorem import Theorem, Verdict
from linres.theorems import load

pytest_plugins = ["pytester"]

START = """
import linres
from hypothesis import strategies as st
from sympy import Ge, Le, symbols
import sympy
x = symbols("x", real=True)
with sympy.evaluate(False):
    SQUARE, BELOW = Ge(x**2, 0), Le(x, 3)
PROOF = (linres.Step("square", SQUARE, linres.Certificate(linres.Term(1, square=x))),)

def made(name, conclusion=SQUARE, **given):
    return linres.Theorem(name, conclusion, **{
        "instances": lambda: st.integers(-5, 5), "measure": lambda number, arithmetic: [{x: number}]} | given)

"""


@pytest.fixture
def session(pytester):
    """Runs pytest on a test module of that content and returns its result."""

    def run(content, *arguments, name="test_mine"):
        pytester.makepyfile(**{name: START + content})
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-rfs", *arguments)

    return run


def ids(result):
    return [line.split("::")[1].split(" ")[0] for line in result.outlines if "::" in line and "[" in line]


def test_a_theorem_is_a_test_for_every_rung(session):
    result = session("theorem = made('mine', proof=PROOF)", "--collect-only", "-q")
    assert ids(result) == [f"theorem[{rung}]" for rung in RUNGS]


def test_the_rungs_are_those_of_a_verdict():
    assert set(RUNGS) == set(verify(load("absorption")).evidence)


def test_theorems_in_containers_are_tests_under_their_names_and_each_once(session):
    result = session("""
one = made("one")
theorems = [one, made("two")]
theorem_again = one
THEOREMS = {"three": made("three")}
""", "--collect-only", "-q")
    assert [name for name in ids(result) if "symbolic" in name] == [
        "theorems[one-symbolic]", "theorems[two-symbolic]", "THEOREMS[three-symbolic]"]


def test_neither_ours_nor_what_has_another_name_is_collected(session):
    result = session("""
from linres.theorems.absorption import THEOREM
theorem = linres.load("gradient-step")
theorems = (THEOREM, linres.load("nesterov-step"))
mine = other = made("mine")
class TestThere:
    theorem = mine
def test_it():
    theorem = mine
""", "--collect-only", "-q")
    assert [line for line in result.outlines if "::" in line] == ["test_mine.py::test_it"]


def test_a_theorem_imported_under_such_a_name_is_collected(session, pytester):
    pytester.makepyfile(theorems_of_mine=START + "decay = made('decay')")
    pytester.syspathinsert()
    result = session("from theorems_of_mine import decay as theorem_decay", "--collect-only", "-q")
    assert ids(result)[0] == "theorem_decay[symbolic]"


def test_the_ini_option_says_which_names_are_collected(session, pytester):
    pytester.makeini("[pytest]\nlinres_theorems = claim_* CLAIM")
    result = session("theorem = made('a')\nclaim_b = made('b')\nCLAIM = made('c')", "--collect-only", "-q")
    assert [name for name in ids(result) if "rigorous" in name] == ["claim_b[rigorous]", "CLAIM[rigorous]"]


def test_a_proved_theorem_passes_and_rungs_that_did_not_run_are_skipped_with_the_reason(session):
    result = session("theorem = made('mine', proof=PROOF, expect='proved')", "-v")
    assert "failed" not in result.parseoutcomes() and result.parseoutcomes()["skipped"] >= 2
    result.stdout.fnmatch_lines(["*theorem[[]symbolic] PASSED*", "*theorem[[]rigorous] PASSED*"])
    result.stdout.fnmatch_lines_random([
        "SKIPPED*sampled did not run: the theorem has no compiled sampler",
        "SKIPPED*controls did not run: the theorem has no controls",
    ])


def test_a_refuted_theorem_fails_where_it_is_refuted_and_shows_the_snippet_alone(session):
    result = session("theorem = made('mine', BELOW)")
    result.assert_outcomes(failed=1, skipped=5)
    result.stdout.fnmatch_lines([
        "*theorem[[]rigorous]: mine*", "mine: refuted (expected: supported)",
        "a counterexample, decided in exact or ball arithmetic", "# mine fails here", "x = Rational(4, 1)",
    ])
    assert "runtest" not in result.stdout.str()


FAILING = {
    "made('m', expect='proved')": ("symbolic", "the theorem has no proof"),
    "made('m', proof=(linres.Step('s', SQUARE, linres.Certificate(linres.Term(2, square=x))),))":
        ("symbolic", "the proof is refused at step 1 (s)"),
    "made('m', proof=(linres.Step('s', SQUARE, linres.Prose('clear')),), expect='proved')":
        ("symbolic", "a step is prose, which no machine checks"),
    "made('m', measure=lambda number, arithmetic: {}['x'])": ("rigorous", "measure raised KeyError: 'x'"),
    "made('m', instances=st.nothing)": ("rigorous", "vacuous: none of 0 rows satisfies the hypotheses"),
    "made('m', sample=lambda generator, count: 1 / 0)": ("sampled", "sample raised ZeroDivisionError"),
    "made('m', controls=(linres.Control('true', 'stronger', change={SQUARE.rhs: sympy.Integer(-1)}),))":
        ("controls", "control true did not come out as it must: it survives"),
    "made('m', controls=(linres.Control('false', 'weaker', change={SQUARE.rhs: sympy.Integer(1)}),))":
        ("controls", "control false did not come out as it must: it is refuted"),
}


@pytest.mark.parametrize("theorem", FAILING)
def test_a_theorem_that_misses_its_expectation_fails_at_one_rung_which_says_why(session, theorem):
    rung, says = FAILING[theorem]
    result = session(f"theorem = {theorem}")
    assert [line.split(" ")[1] for line in result.outlines if line.startswith("FAILED")] == [
        f"test_mine.py::theorem[{rung}]"]
    assert says in result.stdout.str()


def test_what_should_be_refuted_and_is_not_fails_at_every_search_for_a_counterexample(session):
    result = session("theorem = made('m', expect='refuted')")
    assert [line.split(" ")[1] for line in result.outlines if line.startswith("FAILED")] == [
        "test_mine.py::theorem[rigorous]", "test_mine.py::theorem[adversarial]"]
    assert "no counterexample is found" in result.stdout.str()


def test_what_should_be_refuted_and_is_passes(session):
    session("theorem = made('mine', BELOW, expect='refuted')").assert_outcomes(passed=1, skipped=5)


def test_a_refutation_is_two_theorems(session):
    result = session("theorem_published = linres.Refutation(made('claim', BELOW), 5, made('right'), 'a paper')", "-v")
    result.stdout.fnmatch_lines(["*[[]claim-rigorous] PASSED*", "*[[]right-rigorous] PASSED*"])


def test_the_ladder_is_climbed_once_for_all_rungs_and_with_the_options_given(session):
    result = session("""
import linres.rungs
climbs, climb = [], linres.rungs.verify
def counted(theorem, **given):
    climbs.append(given)
    return climb(theorem, **given)
linres.rungs.verify = counted
theorem = made("mine")
def test_zero_after_it():
    linres.rungs.verify = climb
    assert climbs == [{"level": "full", "seed": 7}]
""", "--linres-level", "full", "--linres-seed", "7")
    assert "failed" not in result.parseoutcomes() and result.parseoutcomes()["passed"] >= 2


@pytest.mark.parametrize(("arguments", "says"), [
    (["--linres-level", "fast"], "'fast'"), (["--linres-seed", "-1"], "--linres-seed should be an integer >= 0"),
    (["--linres-seed", "x"], "'x'"),
])
def test_bad_options_are_usage_errors(session, arguments, says):
    result = session("", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR and says in result.stderr.str()


def test_two_theorems_of_one_name_in_a_container_are_an_error_of_collection(session):
    result = session("theorems = [made('a'), made('a')]")
    result.assert_outcomes(errors=1)
    assert "two theorems are called 'a'" in result.stdout.str()


def test_a_malformed_control_fails_in_one_line(session):
    result = session("theorem = made('m', controls=(linres.Control('c', 'stronger', change={x - 7: x}),))")
    assert "Control('c', change=...) should be a change of a part of the conclusion" in result.stdout.str()
    assert "Traceback" not in result.stdout.str() and result.ret == pytest.ExitCode.TESTS_FAILED


def test_nothing_heavy_is_imported_where_there_are_no_theorems(tmp_path):
    heavy = ("sympy", "numpy", "scipy", "flint", "linres.theorem", "linres.loading")
    (tmp_path / "test_plain.py").write_text(
        f"import sys\ndef test_it(): assert [name for name in {heavy} if name in sys.modules] == []\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "linres.pytest_plugin", "-p", "no:cacheprovider", tmp_path]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path,
        env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": ""})
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_plugin_can_be_switched_off(session):
    result = session("theorem = made('mine', BELOW)\ndef test_it(): pass", "-p", "no:linres")
    result.assert_outcomes(passed=1)


def test_our_own_suite_collects_no_theorem(request):
    assert not [item for item in request.session.items if type(item).__name__ == "TheoremItem"]


# What fails is exactly what does not meet its expectation.


def verdict(outcome, expect, reason="a test", **evidence):
    rungs = {rung: {"ran": False, "reason": "not asked for"} for rung in RUNGS}
    rungs |= {"symbolic": {"ran": False, "reason": "the theorem has no proof"}, "rigorous": {"ran": True}}
    counterexample = {"snippet": "x = 1"} if outcome == "refuted" else None
    return Verdict("n", "", "user", expect, outcome, reason, 0.0, {}, rungs | evidence, counterexample)


@pytest.mark.parametrize("outcome", ["proved", "supported", "refuted", "inconclusive"])
@pytest.mark.parametrize("expect", ["proved", "supported", "refuted"])
def test_a_test_fails_if_and_only_if_the_expectation_is_not_met(outcome, expect):
    ran = {"symbolic": {"ran": True, "complete": True}} if outcome == "proved" else {}
    found = verdict(outcome, expect, **ran)
    assert bool(failures(found)) is not found.met


def test_rows_undecided_fail_where_they_are():
    sampled = {"ran": True, "undecided": 3}
    assert list(failures(verdict("inconclusive", "supported", sampled=sampled))) == ["sampled"]


def test_a_limit_that_is_declared_and_not_shown_fails():
    tightness = {"ran": True, "limit": {"holds": False, "reason": "it tends to 1/2"}}
    (why,) = failures(verdict("supported", "supported", tightness=tightness)).values()
    assert why.endswith("the declared limit is not shown: it tends to 1/2")


def test_theorems_of_ours_pass():
    for name in ("absorption", "stacking-residual"):
        assert isinstance(load(name), Theorem) and failures(verify(load(name))) == {}
