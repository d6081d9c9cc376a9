"""The benchmark of verdicts, of commands that take no time."""

import json
import subprocess
import sys

import pytest
from measuring import script

verdicts = script("verdicts")


@pytest.fixture
def slow_start(monkeypatch):
    monkeypatch.setattr(verdicts, "COMMAND", [sys.executable, "-c", "import time; time.sleep(0.41)"])
    monkeypatch.setattr(verdicts, "IMPORT", "pass")


def test_goals_that_are_missed_are_said_so(slow_start, tmp_path, capsys):
    verdicts.main(["--sizes", "start", "--repeats", "1", "--json", str(tmp_path / "found.json")])
    written = json.loads((tmp_path / "found.json").read_text())["rows"]
    assert [(row["size"], row["met"]) for row in written] == [
        ("import linres, beyond the bare interpreter", True), ("linres --help", False), ("linres train digits", True)]
    assert [line.endswith("MISSED") for line in capsys.readouterr().out.splitlines()] == [False, True, False]
    assert all(row["peers"] == {} and row["ratio"] is None for row in written)


def test_what_compiling_adds_is_the_difference_of_cold_and_warm(monkeypatch):
    times = iter([30.0, 5.0, 6.0, 7.0])  # the first is cold
    monkeypatch.setattr(verdicts, "wall", lambda command, **environment: next(times))
    assert [(job.seconds, job.goal) for job in verdicts.quick(3, 2)] == [(6.0, 60), (24.0, 25)]


def test_kernels_have_one_goal_in_common(monkeypatch, tmp_path, capsys):
    compilation = verdicts.compilation
    found = [compilation.Compiled("matrices.copy", "a", 2.0, 1.0), compilation.Compiled("random.word", "b", 4.0, 1.0),
             compilation.Compiled("matrices.copy", "c", 3.0, 1.0)]
    monkeypatch.setattr(compilation, "measure", lambda: compilation.Measured(found, 25.1))
    verdicts.main(["--sizes", "compile", "--json", str(tmp_path / "found.json")])
    rows = json.loads((tmp_path / "found.json").read_text())["rows"]
    assert [(row["size"], row["ours"], row.get("met")) for row in rows] == [
        ("compile matrices.copy, for 2 kinds of arguments", 5.0, None), ("compile random.word", 4.0, None),
        ("compile all kernels, and write the cache", 25.1, False)]
    assert [line.endswith("MISSED") for line in capsys.readouterr().out.splitlines()] == [False, False, True]


def test_a_command_that_fails_is_no_measurement(monkeypatch):
    monkeypatch.setattr(verdicts, "COMMAND", [sys.executable, "-c", "raise SystemExit(1)"])
    with pytest.raises(subprocess.CalledProcessError):
        list(verdicts.full(1, 2))


def test_rigour_is_measured_on_a_run_that_holds():
    assert 0 < next(verdicts.rigorous(1, 1)).seconds < 60
    assert 0 < next(verdicts.bound(1, 1)).seconds < 60
