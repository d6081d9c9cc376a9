"""`linres mutate`: what it prints, what it writes and how it ends."""

import json
import re

import pytest

from linres.cli import main
from linres.commands import mutate
from linres.rungs import mutants as rung

MINE = '''
import sympy, linres
from sympy import Ge, Le, Rational, symbols
a, b = symbols("a b", real=True)
with sympy.evaluate(False):
    MEAN = linres.Theorem(name="mean", hypotheses=(Ge(a, 0), Ge(b, 0)), conclusion=Le(a * b, (a**2 + b**2) / 2))
'''


def test_the_table_has_the_score_and_the_exit_code_is_0(capsys):
    assert main(["mutate", "absorption"]) == 0
    shown = capsys.readouterr().out
    table, scores = shown.splitlines()[:2], [line.strip().split("  ") for line in shown.splitlines()[-5:-1]]
    assert table[0].split()[:2] == ["theorem", "conclusion"] and table[1].split()[:2] == ["absorption", "2/2"]
    assert {(line[0], line[-1].strip()) for line in scores} == {
        ("must fall", "2/2 (100.0 %)"), ("may fall", "10/10 (100.0 %)"), ("must fall", "44/44 (100.0 %)"),
        ("must stand", "7/7"),
    }


def test_the_mutant_that_the_help_replays_is_one_that_the_line_before_saves(tmp_path, monkeypatch, capsys):
    saving, replaying = re.search(r"(mutate absorption .* found)\n  linres (replay \S+)\n", mutate.EPILOG).groups()
    monkeypatch.chdir(tmp_path)
    assert main(saving.split()) == 0
    assert main(replaying.split()) == 1
    assert "\nfails, decided" in capsys.readouterr().out


def test_json_has_every_mutant(capsys):
    assert main(["mutate", "absorption", "--kind", "statement", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    [theorem] = report["theorems"]
    assert {group: pair for group, pair in report["scores"].items() if pair["all"]} == {
        "conclusion": {"fallen": 2, "all": 2}, "hypothesis": {"fallen": 10, "all": 10}}
    assert {each["group"] for each in theorem["mutants"]} == {"conclusion", "hypothesis"}
    fates = {each["name"]: each["fate"] for each in theorem["mutants"]}
    assert fates["conclusion/rhs-up/21:20_times"] == "stands" and fates["H6/dropped"] == "refuted"


def test_what_is_saved_is_confirmed_by_replay(tmp_path, capsys):
    assert main(["mutate", "absorption", "--kind", "statement", "--save", str(tmp_path)]) == 0
    files = sorted(tmp_path.iterdir())
    assert len(files) >= 12
    for file in files:
        assert main(["replay", str(file)]) == 1, file.name  # it fails there, as it should
    capsys.readouterr()


def test_a_theorem_of_ones_own(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    code = main(["mutate", "--file", str(path), "--kind", "statement", "--json"])
    [theorem] = json.loads(capsys.readouterr().out)["theorems"]
    assert theorem["name"] == "mean" and code in {0, 1}
    assert not any(each["alarm"] for each in theorem["mutants"])


@pytest.mark.parametrize(("arguments", "message"), [
    (["mutate"], "--all"), (["mutate", "no-such-theorem"], "no-such-theorem"),
    (["mutate", "--file", "no-such-file.py"], "no-such-file.py"),
])
def test_bad_input_ends_with_2_and_a_line(arguments, message, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


@pytest.mark.parametrize(("pairs", "alarm", "code"), [
    ((95, 100), False, 0), ((94, 100), False, 1), ((100, 100), True, 1), ((0, 0), False, 3),
])
def test_exit_codes(pairs, alarm, code):
    outcome = rung.Outcome(None, "refuted", alarm=alarm)
    assert mutate.exit_code([rung.Report(None, [outcome])], {"conclusion": pairs}, 0.95) == code


def test_of_the_mutants_of_a_false_theorem_nothing_is_said(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(MINE.replace("/ 2)", "/ 3)"))
    assert main(["mutate", "--file", str(path)]) == 2
    assert "mutate(mean) should be of a theorem that stands, got one that is refuted, at" in capsys.readouterr().err


def test_hypotheses_not_shown_necessary_have_a_threshold_of_their_own():
    """By default they are only reported."""
    reports, scores = [rung.Report(None, [])], {"conclusion": (10, 10), "hypothesis": (5, 10)}
    assert mutate.exit_code(reports, scores, 0.95) == 0
    assert mutate.exit_code(reports, scores, 0.95, 0.5) == 0
    assert mutate.exit_code(reports, scores, 0.95, 0.6) == 1


def test_a_hypothesis_that_is_not_shown_necessary_is_listed_apart(tmp_path, capsys):
    """b >= 0 is more than b = a needs."""
    path = tmp_path / "mine.py"
    more = MINE.replace("Ge(a, 0), Ge(b, 0)", "Ge(a, 1), Ge(b, 0)").replace("a * b, (a**2 + b**2) / 2", "1, a")
    path.write_text(more)
    assert main(["mutate", "--file", str(path), "--kind", "statement"]) == 0
    must, _, may = capsys.readouterr().out.partition("hypotheses not shown necessary:")
    assert "H2/dropped  (without H2: b >= 0): " in may and "not shown necessary" in may and "survivors" not in must
