"""`linres replay`: what is saved is decided again, and each outcome has its exit code."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest

import linres
from linres import archive
from linres.cli import main

MINE = '''
from fractions import Fraction
import hypothesis.strategies as st
import sympy
from sympy import Le, symbols
import linres

a, b = symbols("a b", real=True)
with sympy.evaluate(False):
    claim = Le(a * b, (a**2 + b**2) / {divisor})
theorem = linres.Theorem(
    name="mean/s", title="means", provenance="user", symbols={{a: "", b: ""}}, hypotheses=(), conclusion=claim,
    instances=lambda: st.tuples(st.fractions(0, 9), st.fractions(0, 9)),
    measure=lambda pair, arithmetic: [{{a: arithmetic.number(pair[0]), b: arithmetic.number(pair[1])}}],
)
'''
STEP = linres.load("nesterov-step")
SAVED = archive.document(STEP, STEP.extremal[0])


@pytest.fixture
def saved(tmp_path):
    """Write a document, or what a theorem, an instance and a variant make; the path."""

    def write(*of, document=None, **options):
        path = tmp_path / "saved.json"
        archive.write(path, archive.document(*of, **options) if document is None else document)
        return str(path)

    return write


def replay(capsys, *arguments):
    code = main(["replay", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("name", linres.NAMES)
def test_every_witness_of_a_false_variant_fails_again(name, saved, capsys):
    theorem = linres.load(name)
    for control in [c for c in theorem.controls if c.kind == "stronger" and c.witness is not None][:2]:
        path = saved(theorem, control.witness, variant=f"control:{control.name}")
        code, out, _ = replay(capsys, path, "--json")
        report = json.loads(out)
        assert (code, report["outcome"], report["variant"]) == (1, "fails", f"control:{control.name}")
        assert "print(" in report["snippet"]
        as_given = theorem.extremal[0] if theorem.extremal else control.witness
        if theorem.extremal or not control.measure:  # a witness of another method may be none of this one
            assert replay(capsys, saved(theorem, as_given))[0] in {0, 3}


def test_several_instances_are_decided_in_turn_and_the_worst_gives_the_exit_code(capsys, tmp_path):
    control = next(each for each in STEP.controls if each.kind == "stronger" and each.witness is not None)
    good, bad = str(tmp_path / "good.json"), str(tmp_path / "bad.json")
    archive.write(good, archive.document(STEP, STEP.extremal[0]))
    archive.write(bad, archive.document(STEP, control.witness, variant=f"control:{control.name}"))
    code, out, _ = replay(capsys, bad, good, "--json")
    assert code == 1 and [each["outcome"] for each in json.loads(out)] == ["fails", "holds"]
    assert replay(capsys, good, good)[0] == 0
    alone = [replay(capsys, path)[1] for path in (good, bad)]
    assert replay(capsys, good, bad)[:2] == (1, "\n".join(alone))


def test_a_theorem_that_is_not_there_is_answered_by_the_nearest(saved, capsys):
    document = SAVED | {"theorem": "nesterov-stepp"}
    assert "Did you mean nesterov-step" in replay(capsys, saved(document=document))[2]


def test_an_attained_instance_holds_with_ratio_1(saved, capsys):
    code, out, _ = replay(capsys, saved(STEP, STEP.extremal[0]))
    assert code == 0
    assert "row 0: holds  left 185/96" in out
    assert "ratio [1.0000000000" in out
    assert out.endswith("holds, decided with up to 64 bits\n")


def test_both_sides_and_their_ratio_are_exact_where_they_are_short(saved, capsys):
    limit = STEP.extremal[1]
    report = json.loads(replay(capsys, saved(STEP, limit), "--json")[1])
    [row] = report["rows"]
    assert row["ratio"].startswith("[0.99975585937")  # 1 - q^4 for q = 1/8
    assert report["instance"] == repr(limit)


def test_the_ratio_is_that_of_the_horizon_where_it_is_largest(saved, capsys):
    theorem = linres.load("nesterov-with-errors")
    report = json.loads(replay(capsys, saved(theorem, theorem.extremal[1]), "--json")[1])
    assert report["rows"][0]["horizon"] == 1
    assert report["rows"][0]["ratio"].startswith("[1.0000000")


def test_an_instance_outside_the_hypotheses_is_rejected(saved, capsys):
    absorption = linres.load("absorption")
    outside = absorption.extremal[0]._replace(c=Fraction(-1))
    code, out, _ = replay(capsys, saved(absorption, outside))
    assert code == 3
    assert "row 0: rejected" in out


def test_a_counterexample_is_kept_and_replayed_with_the_file_it_is_about(tmp_path, capsys):
    false, true = tmp_path / "false.py", tmp_path / "true.py"
    false.write_text(MINE.format(divisor=3))
    true.write_text(MINE.format(divisor=2))
    assert main(["verify", "--file", str(false), "--save", str(tmp_path / "found"), "--json"]) == 1
    [verdict] = json.loads(capsys.readouterr().out)["theorems"]
    [path] = (tmp_path / "found").iterdir()
    assert path.name == "mean_s.counterexample.json"
    assert json.loads(path.read_text()) == verdict["counterexample"]["instance_json"]
    assert replay(capsys, str(path), "--file", str(false))[0] == 1
    assert replay(capsys, str(path), "--file", str(true))[0] == 0
    code, _, err = replay(capsys, str(path))
    assert code == 2
    assert "Give --file" in err


def test_verify_keeps_what_the_adversary_found(tmp_path, capsys):
    true = tmp_path / "true.py"
    true.write_text(MINE.format(divisor=2))
    assert main(["verify", "--file", str(true), "--save", str(tmp_path / "a" / "b")]) == 0
    capsys.readouterr()
    [path] = (tmp_path / "a" / "b").iterdir()
    assert path.name == "mean_s.adversarial.json"
    report = json.loads(replay(capsys, str(path), "--file", str(true), "--json")[1])
    assert (report["outcome"], report["rows"][0]["ratio"]) == ("holds", "1")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["verify", "absorption", "--save", str(tmp_path / "file" / "x")]) == 2
    assert "--save" in capsys.readouterr().err


def broken(**parts):
    return SAVED | parts


def with_fields(**fields):
    instance = SAVED["instance"]
    return SAVED | {"instance": instance | {"fields": instance["fields"] | fields}}


@pytest.mark.parametrize(("document", "message"), [
    (broken(theorem="none"), "one of those that `linres list` names"),
    (broken(variant="control:none"), "a control of nesterov-step"),
    (broken(variant="mutant:none"), "the name of a mutant"),
    (broken(variant="another:one"), "variant should be"),
    (broken(theorem="absorption"), "a class among Numbers"),
    (with_fields(x=[]), "cannot measure"),
    (with_fields(q={"fraction": "-1"}), "cannot measure"),
    (with_fields(L={"fraction": "0"}), "cannot measure"),
])
def test_what_does_not_fit_together_is_refused_in_a_line(document, message, saved, capsys):
    path = saved(document=document)
    code, out, err = replay(capsys, path)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_what_cannot_be_measured_once_it_is_read_confirms_nothing(saved, capsys):
    """Values at a stage are worked out when they are asked for: a traceback would exit as a counterexample does."""
    theorem = linres.load("stacking-acceleration-with-errors")
    code, out, err = replay(capsys, saved(theorem, replace(theorem.extremal[0], q=Fraction(0))))
    assert (code, out) == (2, "")
    assert "cannot measure it" in err and "ZeroDivisionError" in err


def test_a_file_that_is_no_json_is_refused(tmp_path, capsys):
    path = tmp_path / "x.json"
    path.write_bytes(b"\x80")
    code, _, err = replay(capsys, str(path))
    assert code == 2
    assert err.startswith(f"linres replay: {path} is no JSON")
