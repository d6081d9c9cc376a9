"""The commands list, show and verify, called in process; `linres train` has tests of its own."""

import argparse
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from linres.cli import main, parser
from linres.commands import verify as command
from linres.commands.verify import COLUMNS
from linres.theorem import Verdict
from linres.theorems import NAMES, REFUTED, load

README = Path(__file__).parent.parent / "README.md"


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    code = main([*arguments])
    return code, *capsys.readouterr()


def test_list_has_a_line_for_every_theorem(capsys):
    code, out, _ = run(capsys, "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [*NAMES, *REFUTED]


def test_list_as_json_has_the_statements(capsys):
    entries = json.loads(run(capsys, "list", "--json")[1])
    assert [entry["name"] for entry in entries] == [*NAMES, *REFUTED]
    assert entries[0]["statement"] == load(NAMES[0]).latex()
    assert {entry["provenance"] for entry in entries} <= {"seed", "classical", "linres"}


@pytest.mark.parametrize("name", NAMES)
def test_show_prints_every_hypothesis_step_and_control(capsys, name):
    theorem = load(name)
    out = run(capsys, "show", name)[1]
    assert all(f". {step.name} [" in out for step in theorem.steps())
    assert all(control.name in out for control in theorem.controls)
    assert out.count(" := ") == len(theorem.definitions)


@pytest.mark.parametrize("name", NAMES)
def test_show_as_json_agrees_with_the_theorem(capsys, name):
    theorem = load(name)
    shown = json.loads(run(capsys, "show", name, "--json")[1])
    assert len(shown["hypotheses"]) == len(theorem.hypotheses)
    assert [step["name"] for step in shown["proof"]] == [step.name for step in theorem.steps()]


def test_show_prints_a_norm_as_a_norm_and_an_index_as_it_is_written(capsys):
    out = run(capsys, "show", "nesterov-with-errors")[1]
    assert "d[t] := |D[t]|" in out
    assert "Phi[t + 1]" in out
    assert "1 + t" not in out


def test_show_in_latex_has_balanced_braces(capsys):
    out = run(capsys, "show", "nesterov-with-errors", "--latex")[1]
    assert out.count("{") == out.count("}")
    assert r"\sum_{t=0}^{T-1}" in out


@pytest.fixture(scope="module")
def verdicts():
    command = [sys.executable, "-m", "linres", "verify", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout), done.stderr


def test_verify_finds_of_every_theorem_what_it_claims(verdicts):
    """In all that is `supported`, as some are about chances that are drawn; of those it says what an error risks."""
    code, report, _ = verdicts
    assert code == 0
    expected = {name: load(name).expect for name in (*NAMES, *REFUTED)}
    assert {theorem["name"]: theorem["verdict"] for theorem in report["theorems"]} == expected
    assert report["verdict"] == "supported"
    supported = [theorem for theorem in report["theorems"] if theorem["verdict"] == "supported"]
    assert supported and all("an error has probability " in theorem["reason"] for theorem in supported)


def test_verify_says_on_stderr_how_far_it_is(verdicts):
    rungs = [line.removeprefix(f"{NAMES[0]}: ") for line in verdicts[2].splitlines() if line.startswith(NAMES[0])]
    assert rungs == ["symbolic", "rigorous", "sampled", "adversarial"]


def test_the_report_has_the_documented_shape(verdicts):
    report = verdicts[1]
    assert set(report) == {"version", "verdict", "seconds", "theorems"}
    for theorem in report["theorems"]:
        about = {"name", "title", "provenance", "expect", "verdict", "seconds", "proof", "evidence", "counterexample"}
        assert about <= set(theorem)
        assert set(theorem["proof"]) == {"steps", "checked", "prose"}
        evidence = theorem["evidence"]
        assert set(evidence) == {"symbolic", "rigorous", "sampled", "adversarial", "controls", "tightness"}
        assert all(rung["ran"] or rung["reason"] for rung in evidence.values())
        assert {"instances", "decided", "undecided", "bits"} <= set(evidence["rigorous"])
        if theorem["expect"] == "refuted":
            assert {"instance", "left", "right", "snippet"} <= set(theorem["counterexample"])
            continue
        assert theorem["counterexample"] is None
        if evidence["sampled"]["ran"] or "no compiled sampler" not in evidence["sampled"]["reason"]:
            assert {"instances", "suspects", "acceptance"} <= set(evidence["sampled"])
        for control in evidence["controls"]["list"]:
            assert {"name", "kind", "refuted", "by", "counterexample"} <= set(control)
            assert control["refuted"] == (control["kind"] == "stronger")


def test_verify_checks_the_theorems_named_once_each(capsys):
    code, out, _ = run(capsys, "verify", "stacking-residual", "stacking-residual")
    assert code == 0
    assert out.count("stacking-residual  proved") == 1
    assert "1 theorem in" in out


def test_verify_tells_a_false_claim_from_a_theorem_and_does_not_print_what_it_expected(capsys):
    code, out, _ = run(capsys, "verify", "free-head-block", "absorption")
    assert code == 0
    assert out.splitlines()[-1].startswith("1 theorem and 1 false claim in ") and out.endswith(": proved\n")
    assert "free-head-block  refuted" in out and "from sympy import" not in out
    code, out, _ = run(capsys, "verify", "free-head-block")
    assert code == 0 and out.splitlines()[-1].startswith("1 false claim in ") and out.endswith(": refuted\n")


def verdict(outcome: str, expect: str, controls: tuple = ()) -> Verdict:
    rungs = ("symbolic", "rigorous", "sampled", "adversarial", "tightness")
    evidence = {rung: {"ran": False, "reason": "a test"} for rung in rungs}
    return Verdict(
        "made-up", "Made up", "linres", expect, outcome, "a test", 0.0, {"steps": 0, "checked": 0, "prose": 0},
        evidence | {"controls": {"ran": True, "list": list(controls)}},
    )


SURVIVOR = {"name": "false", "kind": "stronger", "refuted": False, "by": None, "counterexample": None}


@pytest.mark.parametrize(
    ("known", "require", "code"),
    [
        (verdict("proved", "proved"), "proved", 0),
        (verdict("supported", "supported"), None, 0),
        (verdict("supported", "supported"), "proved", 3),
        (verdict("supported", "proved"), None, 3),
        (verdict("inconclusive", "supported"), None, 3),
        (verdict("refuted", "supported"), None, 1),
        (verdict("refuted", "refuted"), "proved", 0),
        (verdict("supported", "refuted"), None, 1),
        (verdict("proved", "proved", (SURVIVOR,)), None, 1),
    ],
)
def test_the_exit_code_says_whether_expectations_are_met(monkeypatch, capsys, known, require, code):
    monkeypatch.setattr("linres.rungs.verify", lambda *_, **__: known)
    required = ["--require", require] if require else []
    assert main(["verify", "nesterov-step", *required]) == code
    assert known.verdict in capsys.readouterr().out


def test_one_unexpected_refutation_outweighs_what_is_merely_open():
    codes = command._codes([verdict("inconclusive", "supported"), verdict("refuted", "proved")], None)
    assert max(codes, key=(0, 3, 1).index) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["verify", "no-such-theorem"], "'no-such-theorem'"),
        (["show", "no-such-theorem"], "'no-such-theorem'"),
        (["verify", "--seed", "-1"], "'-1'"),
        (["verify", "--seed", "1.5"], "'1.5'"),
        (["verify", "--level", "slow"], "'slow'"),
        (["verify", "--require", "refuted"], "'refuted'"),
        (["nonsense"], "'nonsense'"),
        ([], "COMMAND"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(arguments, says):
    done = subprocess.run([sys.executable, "-m", "linres", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert not done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr


def helps(capsys):
    """What --help of linres and of each of its commands says, by the command."""
    [commands] = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]
    said = {}
    for name in ("", *commands.choices):
        with pytest.raises(SystemExit) as stopped:
            main([*name.split(), "--help"])
        assert stopped.value.code == 0
        said[name] = capsys.readouterr().out
    return said


def test_every_command_has_help_with_an_example_and_exit_codes_within_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = helps(capsys)
    assert {"verify", "show", "list", "train", "figures", "mutate", "export", "replay", "new"} <= {*said}
    for name, text in said.items():
        assert "examples:" in text, name
        assert name == "" or "exit codes:" in text, name
        assert max(map(len, text.splitlines())) <= 80, name


def test_verify_leaves_nothing_where_it_is_run(tmp_path):
    command = [sys.executable, "-m", "linres", "verify", "stacking-residual"]
    subprocess.run(command, capture_output=True, check=True, cwd=tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_reader_of_a_pipe_may_leave():
    program = f"{sys.executable} -m linres show nesterov-step | head -1"
    done = subprocess.run(program, shell=True, capture_output=True, text=True, check=False)
    assert done.stdout == "nesterov-step (linres)\n"
    assert not done.stderr


def test_the_theorems_in_the_readme_verify_as_they_stand():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    done = subprocess.run([sys.executable, "-c", "\n".join(blocks)], capture_output=True, text=True, check=True)
    assert [line.split(" (")[0] for line in done.stdout.splitlines()] == ["mean: supported", "mean-proved: proved"]


def test_the_readme_shows_the_table_that_verify_prints():
    """Names, verdicts and columns; counts and times are those of one run."""
    table = re.search(r"\n(    theorem .*?)\n\n", README.read_text(), re.DOTALL)[1].splitlines()
    assert tuple(table[0].split()) == COLUMNS
    rows = [(name, load(name).expect) for name in (*NAMES, *REFUTED)]
    assert [tuple(row.split()[:2]) for row in table[1:]] == rows


def test_the_theorem_in_the_readme_is_refuted_with_the_wrong_constant():
    block = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[0]
    wrong = block.replace("(a**2 + b**2) / 2,", "(a**2 + b**2) / 3,")
    assert wrong != block
    done = subprocess.run([sys.executable, "-c", wrong], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("mean: refuted")


def test_a_false_claim_of_ours_needs_a_corrected_statement_that_holds(monkeypatch, capsys):
    from linres import theorems

    published, *_ = theorems.load_refutations("free-head-block")
    wrong = replace(published, corrected=published.claim)
    monkeypatch.setattr(theorems, "load_refutations", lambda name: (wrong,))
    code, _, said = run(capsys, "verify", "free-head-block")
    assert code == 1 and "a corrected statement does not certainly hold" in said


def test_a_false_claim_is_listed_and_shown_as_one(capsys):
    _, listed, _ = run(capsys, "list")
    assert all(("FALSE" in line) == (line.split()[0] in REFUTED) for line in listed.splitlines())
    _, shown, _ = run(capsys, "show", "hardt-ma-2017-inequality-2-3")
    assert "this claim is false" in shown and "corrected: The bound of the gradient, corrected" in shown


def test_a_misspelt_name_is_answered_by_the_nearest(capsys):
    code, _, said = run(capsys, "verify", "absorbtion")
    assert code == 2 and "such as absorption" in said
