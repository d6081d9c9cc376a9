"""Theorems from a user's file: what is collected, what is said of a file without any and of a theorem with a fault."""

import json
import os
import re
import subprocess
import sys
import textwrap

import pytest

import linres
from linres.cli import main
from linres.errors import InputError
from linres.loading import load_file, pick
from linres.rungs import verify

TWO_LINES = """
import linres, sympy
a, b = sympy.symbols("a b", real=True)
theorem = linres.Theorem("mean", sympy.Le(a * b, (a**2 + b**2) / 2, evaluate=False))
"""
START = """
import linres, sympy
from hypothesis import strategies as st
from sympy import Ge, Gt, Le, Symbol, symbols
x, y = symbols("x y", real=True)
below_3 = Le(x, 3, evaluate=False)

def made(name="made", conclusion=below_3, instances=lambda: st.integers(-5, 0), **given):
    return linres.Theorem(name, conclusion, **{
        "instances": instances, "measure": lambda k, exact: [{x: exact.number(k)}], "valid": lambda _: False} | given)

"""


@pytest.fixture
def write(tmp_path):
    """Writes a file of that content and returns its path."""

    def written(content, name="mine.py"):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(textwrap.dedent(content), encoding="utf-8")
        return path

    return written


def names(path):
    return [theorem.name for theorem in load_file(path)]


# What is collected.


def test_theorems_are_collected_bare_and_from_containers_in_order_and_once(write):
    path = write(START + """
first = made("first")
several = [made("second"), (made("deep"),), {"no": [made("deeper")]}]
several.append(several)
again = first
by_name = {"third": made("third"), "first": first}
one = (made("fourth"), 3)
""")
    assert names(path) == ["first", "second", "deep", "deeper", "third", "fourth"]


def test_what_is_imported_is_not_the_files_own(write):
    write(START + "base = made('base')", "lemmas.py")
    path = write("""
from linres.theorems.absorption import THEOREM
try:
    from lemmas import base as other, made
finally:
    pass
mine = made("mine")
""")
    assert names(path) == ["mine"]


def test_an_imported_theorem_that_is_changed_under_its_name_is_the_files_own(write):
    write(START + "base = made('base')", "changed_lemmas.py")
    path = write("""
from dataclasses import replace
from linres.theorems.absorption import THEOREM
from changed_lemmas import base, made
THEOREM = replace(THEOREM, name="changed")
with open(__file__):
    base = replace(base, name="changed too")
""")
    assert names(path) == ["changed", "changed too"]


def test_an_imported_theorem_put_into_a_list_is_collected_unless_it_is_one_of_ours(write):
    write(START + "base = made('base')", "more_lemmas.py")
    path = write("""
import linres
from linres.theorems.absorption import THEOREM
from more_lemmas import base
theorems = [THEOREM, base, linres.load("gradient-step")]
""")
    assert names(path) == ["base"]


def test_a_refutation_is_its_claim_expected_to_fall_at_the_instance_and_its_correction(write):
    path = write(START + """
claim = made("claim", Le(x, 2, evaluate=False))
published = linres.Refutation(claim, 7, made("corrected"), "a paper, p. 3")
""")
    claim, corrected = load_file(path)
    assert (claim.name, claim.expect, claim.extremal) == ("claim", "refuted", (7,))
    assert corrected.name == "corrected"
    assert [(verify(theorem).verdict, verify(theorem).met) for theorem in (claim, corrected)] == [
        ("refuted", True), ("supported", True)]


def test_a_file_is_run_afresh_each_time_and_may_import_from_its_folder(write):
    write("LIMIT = 3", "limits_of_mine.py")
    path = write(START + "from limits_of_mine import LIMIT\nmine = made(f'below-{LIMIT}')")
    assert names(path) == ["below-3"]
    path.write_text(path.read_text().replace("below-", "under-"))
    assert names(path) == ["under-3"]


def test_a_theorem_may_be_measured_by_a_module_in_the_folder_imported_late(write):
    write("def number(value): return value", "late_helper.py")
    path = write(START + """
def measure(number, arithmetic):
    import late_helper
    return [{x: arithmetic.number(late_helper.number(number))}]
mine = made(measure=measure)
""")
    assert verify(load_file(path)[0]).verdict == "supported"


def test_classes_of_a_file_can_be_dataclasses_with_postponed_annotations(write):
    path = write("from __future__ import annotations\nfrom dataclasses import dataclass\n" + START + """
@dataclass(frozen=True)
class Instance:
    value: int
mine = made(instances=lambda: st.builds(Instance, st.integers(-5, 0)),
            measure=lambda instance, arithmetic: [{x: arithmetic.number(instance.value)}])
""")
    assert verify(load_file(path)[0]).verdict == "supported"


def test_a_guarded_main_does_not_run(write):
    assert names(write(START + "mine = made()\nif __name__ == '__main__': raise SystemExit(3)")) == ["made"]


def test_a_file_need_not_end_in_py(write):
    assert names(write(START + "mine = made()", "theorems.txt")) == ["made"]


def test_load_file_is_public():
    assert linres.load_file is load_file and "load_file" in dir(linres)


# What is refused.


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "should be a file with a Theorem of its own at top level, got an empty one. `linres new NAME` writes"),
        ("a = 1\ndef f(): pass\n", "got one with a, f. `linres new NAME` writes one."),
        ("import linres\ntheorem = linres.load('absorption')", "got one with linres, theorem."),
        ("x = (1,\n", "mine.py:1: '(' was never closed."),
        ("\n\nx = 1 +\n", "mine.py:3: invalid syntax."),
        ("\n{}['x']\n", "mine.py:2: KeyError: 'x'"),
        ("def f():\n    raise OSError('gone\\naway')\n\nf()\n", "mine.py:2: OSError: gone away"),
        ("import no_such_module_at_all", "mine.py:1: ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("import json\njson.loads('{')", "mine.py:2: JSONDecodeError"),
        ("raise SystemExit(3)", "mine.py:1: the file exits, with 3, when it is run."),
        ("class E(BaseException): pass\nraise E", "mine.py:2: E"),
        ("assert False", "mine.py:1: AssertionError"),
        (b"x = '\xff'\n", "'utf-8' codec can't decode byte 0xff"),
        (b"x = 1\x00\n", "null bytes"),
        (b"# coding: nonsense\n", "nonsense"),
        (b"x = " + b"(" * 500, "too many nested parentheses"),
        (START + "linres.Theorem('x')", "mine.py:12: TypeError"),
        (START + "made(conclusion=Le(1, 2))", "mine.py:9: Theorem('made') should be made of relations, got True."),
        (START + "made(expect='prove')", "should be 'proved' or 'supported' or 'refuted', got 'prove'."),
        (START + "made(conclusion=Le(Symbol('p', positive=True), 1))", "p should be declared real=True"),
        (START + "one, two = made(), made()", "two theorems are called 'made'. Give each a name of its own"),
    ],
)
def test_a_file_without_theorems_or_with_errors_is_refused_in_one_line(write, content, says):
    path = write(content)
    with pytest.raises(InputError) as caught:
        load_file(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value) or "two theorems" in says
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"No such file or directory\. Name a Python file"):
        load_file(tmp_path / "missing.py")
    with pytest.raises(InputError, match="should be a Python file, got a folder"):
        load_file(tmp_path)
    with pytest.raises(InputError, match="null"):
        load_file("nul\0.py")


def test_a_file_that_does_not_compile_and_has_another_suffix_is_perhaps_no_python(write):
    with pytest.raises(InputError, match=r"notes.md:1: invalid syntax. Is notes.md a Python file\?"):
        load_file(write("# A title\n## Theorem 1.1 {\n".replace("#", ""), "notes.md"))


def test_ctrl_c_passes(write):
    with pytest.raises(KeyboardInterrupt):
        load_file(write("raise KeyboardInterrupt"))


def test_a_failed_file_leaves_no_module_and_no_path_behind(write):
    modules, path = set(sys.modules), list(sys.path)
    with pytest.raises(InputError):
        load_file(write("1 / 0"))
    assert set(sys.modules) - modules == set() and sys.path == path


def test_the_folder_comes_last_once_the_file_is_loaded(write):
    path = write(START + "mine = made()")
    load_file(path)
    load_file(path)
    assert sys.path.count(str(path.parent)) == 1 and sys.path[0] != str(path.parent)


# Several files, and names.


def test_names_pick_among_the_theorems_of_all_files_in_their_order(write):
    one = write(START + "theorems = [made('a'), made('b')]", "one.py")
    two = write(START + "theorems = [made('c')]", "two.py")
    assert [theorem.name for theorem in pick([], [one, two, one])] == ["a", "b", "c"]
    assert [theorem.name for theorem in pick(["c", "a", "c"], [one, two])] == ["c", "a"]
    with pytest.raises(InputError, match=r"NAME should be one of a, b, c, from .*one.py, .*two.py, got 'absorption'"):
        pick(["absorption"], [one, two])


def test_two_files_cannot_both_have_a_theorem_of_one_name(write):
    files = [write(START + "theorem = made('a')", name) for name in ("one.py", "two.py")]
    with pytest.raises(InputError, match="two theorems are called 'a'"):
        pick([], files)


def test_without_files_the_theorems_are_ours():
    assert [theorem.name for theorem in pick(["absorption"])] == ["absorption"]


# The command line.


def run(capsys, *arguments):
    code = main([*map(str, arguments)])
    return code, *capsys.readouterr()


def test_verify_decides_the_theorems_of_a_file_alone(write, capsys):
    code, out, _ = run(capsys, "verify", "--file", write(START + "theorems = [made('a'), made('b')]"))
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()[1:3]] == [["a", "supported"], ["b", "supported"]]
    assert "2 theorems in" in out


def test_verify_says_in_one_line_what_is_wrong_with_a_file(write, capsys):
    code, out, err = run(capsys, "verify", "--file", write("1 / 0"))
    assert (code, out) == (2, "") and len(err.splitlines()) == 1 and "ZeroDivisionError" in err


def test_what_a_file_prints_stays_out_of_the_json(write, capfd):
    path = write(START + "print('hello')\nmine = made(measure=lambda i, a: print('measured') or [{x: 1}])")
    code, out, err = run(capfd, "verify", "--json", "--file", path)
    assert code == 0 and json.loads(out)["theorems"][0]["provenance"] == "user"
    assert "hello" in err and "measured" in err


def test_show_prints_the_theorem_of_a_file(write, capsys):
    path = write(START + "theorems = [made('a'), made('b', symbols={x: 'a number'})]")
    assert run(capsys, "show", "--file", path, "b")[1].startswith("b (user)\n")
    assert run(capsys, "show")[0] == 2


def test_show_prints_all_theorems_of_several_files_and_several_names(write, capsys):
    path = write(START + "theorems = [made('a'), made('b')]")
    every, named = run(capsys, "show", "--file", path)[1], run(capsys, "show", "--file", path, "b", "a")[1]
    assert re.findall(r"^(\w) \(user\)$", every, re.M) == ["a", "b"]
    assert re.findall(r"^(\w) \(user\)$", named, re.M) == ["b", "a"]
    told = json.loads(run(capsys, "show", "--json", "--file", path)[1])
    assert [each["name"] for each in told] == ["a", "b"]
    assert json.loads(run(capsys, "show", "--json", "--file", path, "b")[1]) == told[1]
    assert run(capsys, "show", "--file", path, "--file", path, "a")[1] == run(capsys, "show", "--file", path, "a")[1]


def test_a_theorem_of_two_lines_is_decided_within_3_seconds(write):
    """Of processor time, which is what passes on a machine that does nothing else."""
    command = [sys.executable, "-m", "linres", "verify", "--file", write(TWO_LINES)]
    before = os.times()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = os.times()
    assert "mean     supported" in done.stdout
    assert after.children_user + after.children_system - before.children_user - before.children_system < 3


def test_nothing_heavy_is_imported_for_a_theorem_of_two_lines(write):
    program = f"import sys; from linres.cli import main; main(['verify', '--file', {str(write(TWO_LINES))!r}]); " \
              "print([name for name in ('numba', 'matplotlib') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


# Faults of a theorem are verdicts, with the line.


FAULTS = {
    "measure=lambda i, a: {}['x']": "measure raised KeyError: 'x' ({path}:12)",
    "measure=lambda i: []": "measure raised TypeError: <lambda>() takes 1 positional argument but 2 were given",
    "measure=lambda i, a: [{x: 0.5}]":
        "NotExact: measure gives x as a float, 0.5: write arithmetic.number(...) of an exact rational",
    "measure=lambda i, a: [{y: 1}]": "Missing: measure gives no value for x",
    "measure=lambda i, a: [{'x': 1}]":
        "NotExact: measure should not give a value to 'x': rows map symbols and labels of sequences",
    "measure=lambda i, a: {x: 1}":
        "NotExact: measure should return a list of rows, each a dict from symbols to values, got {{x: 1}}",
    "instances=lambda: [1, 2]": "NotExact: instances should return a Hypothesis strategy, got a list",
    "instances=lambda: 1 / 0": "instances raised ZeroDivisionError: division by zero ({path}:12)",
    "instances=lambda: st.integers(0, 9).map(lambda k: 1 // k)":
        "instances raised ZeroDivisionError: integer division or modulo by zero ({path}:12)",
    "instances=lambda: st.integers(2, 1)": "instances raised InvalidArgument: Cannot have max_value=1 < min_value=2",
    "sample=lambda generator, count: {}['s']": "sample raised KeyError: 's' ({path}:12)",
    "sample=lambda generator, count: []": "NotExact: sample should return a Batch, got a list",
}


@pytest.mark.parametrize("given", FAULTS)
def test_a_fault_of_the_theorem_is_an_inconclusive_verdict_that_names_it_and_its_line(write, given):
    path = write(START + f"mine = made({given})")
    verdict = verify(load_file(path)[0])
    assert verdict.verdict == "inconclusive"
    assert verdict.reason == FAULTS[given].format(path=path)


def test_ctrl_c_in_a_measure_passes(write):
    path = write(START + "def measure(i, a): raise KeyboardInterrupt\nmine = made(measure=measure)")
    with pytest.raises(KeyboardInterrupt):
        verify(load_file(path)[0])


def test_a_measure_that_raises_elsewhere_does_not_spoil_a_counterexample(write):
    path = write(START + """
def measure(number, arithmetic):
    if 3 < number < 100:
        raise KeyError(number)
    return [{x: arithmetic.number(number)}]
mine = made(instances=lambda: st.just(1000) | st.integers(200, 300), measure=measure)
""")
    verdict = verify(load_file(path)[0])
    assert verdict.verdict == "refuted" and int(verdict.counterexample["instance"]) >= 200


def test_a_control_that_raises_or_is_no_statement_is_reported_with_its_reason(write, capsys):
    path = write(START + """
mine = made(controls=(
    linres.Control("raises", "stronger", measure=lambda i, a: {}["x"]),
    linres.Control("undeclared", "stronger", change={sympy.Integer(3): Symbol("w", real=True)}),
))
""")
    code, out, _ = run(capsys, "verify", "--file", path)
    assert code == 1
    assert f"control raises did not come out as it must: measure raised KeyError: 'x' ({path}:14)" in out
    assert "control undeclared did not come out as it must: Undeclared: w is not among the declared symbols" in out


def test_a_control_with_nothing_to_change_is_bad_input(write, capsys):
    path = write(START + "mine = made(controls=(linres.Control('c', 'stronger', change={y: x}),))")
    code, _, err = run(capsys, "verify", "--file", path)
    assert code == 2 and "should be a change of a part of the conclusion" in err.splitlines()[-1]
