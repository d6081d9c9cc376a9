"""The commands list, show and verify, called in process; `linres train` has tests of its own."""

import argparse
import contextlib
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
    assert re.findall(r"^  H(\d+)(?: \([\w-]+\))?: ", out, re.M) == [*map(str, range(1, len(theorem.hypotheses) + 1))]
    assert ("is assumed at every stage" in out) == bool(theorem.over)


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


MINE = """
import linres
from sympy import Le, symbols
a, b = symbols("a b", real=True)
mean = linres.Theorem("mean", Le(a * b, (a**2 + b**2) / 2, evaluate=False))
wrong = linres.Theorem("wrong", Le(a * b, (a**2 + b**2) / 3, evaluate=False))
"""


@pytest.mark.parametrize("command", ["verify", "show", "export", "mutate"])
def test_a_misspelt_name_is_answered_by_the_nearest(capsys, tmp_path, command):
    code, _, said = run(capsys, command, "absorbtion")
    assert code == 2 and "NAME should be the name of a theorem, got 'absorbtion'. Did you mean absorption?" in said
    (tmp_path / "mine.py").write_text(MINE)
    code, _, said = run(capsys, command, "--file", str(tmp_path / "mine.py"), "meen")
    assert code == 2 and "NAME should be one of mean, wrong, from" in said and "Did you mean mean?" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(given, says) for given, *says in [
        (["verfy"], "linres: argument COMMAND: invalid choice: 'verfy'", "Did you mean verify?"),
        (["verify", "--level", "fulll"], "linres verify: argument --level: invalid choice: 'fulll'", "mean full?"),
        (["train", "digits", "--stagess", "5"], "linres train: no argument '--stagess'", "Did you mean --stages?"),
        (["list", "absorption"], "linres list: no argument 'absorption' is known here. See linres list --help."),
        (["figures", "rate"], "no figure is called 'rate'. Did you mean rates?"),
        (["train", "digit"], "no embedded data are called 'digit'. Did you mean digits?"),
        (["train", "digits", "--start", "identty"], "--start should be identity", "Did you mean identity?"),
        (["train", "digits", "--method", "end-to-end", "--start", "zeros"], "zero, random, balanced", "mean zero?"),
        (["train", "digits", "--drop-bad-rows"], "--drop-bad-rows does not apply to digits"),
        (["show", "stacking-quadratc"], "got 'stacking-quadratc'. Did you mean stacking-quadratic"),
        (["show", "nesterov-quadratic-stp"], "mean nesterov-quadratic-step, nesterov-quadratic or nesterov-q"),
        (["verify", "absorption", "orientatoin"], "got 'orientatoin'. Did you mean orientation?"),
        (["mutate", "--all", "absorption"], "absorption should come without --all"),
        (["mutate", "--all", "--file", "mine.py"], "--file should come without --all"),
        (["mutate"], "NAME, --file FILE or --all should be given."),
        (["show"], "NAME or --file FILE should be given."),
        (["export", "absorption", "orientation"], "absorption, orientation make several Coq files. Give --out FOLDER"),
        (["export", "free-head-block"], "linres export: free-head-block should be a theorem with a proof"),
        (["export", "absorption", "--out", ""], "--out '' cannot be written"),
        (["verify", "--file", ""], "--file should be the path of a Python file"),
        (["new", "class"], "NAME should be no keyword of Python, got 'class'. Try my-class."),
        (["new", "mine", "--out", "for.py"], "--out FILE should be a file that can be imported"),
    ]],
    ids=lambda value: value[0],
)
def test_bad_input_is_told_in_one_line_that_names_what_was_typed(capsys, monkeypatch, tmp_path, arguments, says):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(arguments)
    except SystemExit as stopped:
        code = stopped.code
    out, said = capsys.readouterr()
    assert (code, out, said.count("\n")) == (2, "", 1)
    assert all(part in said for part in says)
    assert "(name)" not in said and "export(" not in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["verify", "mutate"])
def test_a_folder_to_save_in_that_is_none_is_told_before_anything_is_tried(capsys, tmp_path, command):
    (tmp_path / "file").write_text("")
    code, out, said = run(capsys, command, "absorption", "--save", str(tmp_path / "file"))
    assert (code, out) == (2, "")
    assert said == f"linres {command}: --save {str(tmp_path / 'file')!r} should be a folder, got a file. " \
                   "Choose another folder.\n"


def test_what_is_replaced_is_told_once_and_only_then(capsys, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    commands = [
        ["train", "digits", "--stages", "3", "--save", "run.csv", "--plot", "run.svg"],
        ["verify", "--file", "mine.py", "mean", "--save", "found"], ["export", "absorption", "--out", "a.v"],
        ["new", "fresh", "--force"],
    ]
    told = {"train": "run.svg, run.csv", "verify": "found/mean.adversarial.json", "export": "a.v", "new": "fresh.py"}
    with contextlib.chdir(tmp_path):
        for again in (False, True):
            for arguments in commands:
                code, _, said = run(capsys, *arguments)
                line = f"linres {arguments[0]}: replaced {told[arguments[0]]}"
                assert code == 0 and (line in said.splitlines()) == again and said.count("replaced") == again
