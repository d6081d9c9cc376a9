"""The page of results: it says what was lost as plainly as what was won, and is what the files give."""

import json

import pytest
from measuring import script

frame, results = script("frame"), script("results")
MACHINE = {"processor": "P", "cores": 2, "simd": "AVX"}
WHERE = {"machine": MACHINE, "versions": {"numpy": "2"}, "jobs": 1, "clock": "cpu"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FILES", tmp_path / "results")
    monkeypatch.setattr(results, "PAGE", tmp_path / "RESULTS.md")
    monkeypatch.setattr(results, "file", lambda name, folder=None: str(tmp_path / "results" / f"{name}.json"))
    (tmp_path / "results").mkdir()
    return tmp_path


def keep(folder, name, *rows):
    (folder / "results" / f"{name}.json").write_text(json.dumps(WHERE | {"rows": rows}))


def test_a_lost_case_is_named_with_its_ratio():
    won, lost = frame.row("8", {"linres": 1.0, "a": 3.0}), frame.row("16", {"linres": 2.0, "a": 1.0})
    assert results.summary([won, lost]) == [
        "Quicker than every peer in 1 of 2 cases; ratios from 0.5 to 3.", "Slower: 16 (0.5)."]
    assert results.summary([won]) == ["Quicker than every peer in 1 of 1 cases; ratios from 3 to 3."]


def test_missed_goals_and_exponents_that_are_off_are_named():
    rows = [frame.row("quick", {"linres": 1.0}, met=True), frame.row("slow", {"linres": 9.0}, met=False)]
    assert results.summary(rows) == ["Goals missed: slow of 2."]
    assert results.summary([frame.row("T", {"linres": 1.0}, agrees=True)]) == [
        "Exponents off by more than a tenth: none of 1."]


def test_the_page_shows_every_run_that_there_is_and_names_the_others(folder):
    keep(folder, "verdicts", frame.row("quick", {"linres": 1.0}, goal=2.0, met=True))
    assert results.main([]) == 0
    page = results.PAGE.read_text()
    assert "## verdicts" in page and "python -m benchmarks.verdicts" in page and "| quick | 1 s |" in page
    assert "P, AVX, cores used: 1; seconds of processor time; numpy 2." in page
    assert "Not run yet" in page and "benchmarks.moments" in page and "## moments" not in page


def test_a_page_that_is_out_of_date_is_noticed(folder, capsys):
    keep(folder, "costs", frame.row("T", {"linres": 1.0}, measured=1.0, counted=1.0, agrees=True))
    assert results.main(["--check"]) == 1
    results.main([])
    assert results.main(["--check"]) == 0
    keep(folder, "costs", frame.row("T", {"linres": 1.5}, measured=1.0, counted=1.0, agrees=True))
    assert results.main(["--check"]) == 1
    assert "out of date" in capsys.readouterr().out


def test_runs_are_those_asked_for_with_the_clock_asked_for(folder, monkeypatch):
    commands = []
    monkeypatch.setattr(results.subprocess, "run", lambda command, **keywords: commands.append(command[2:]))
    results.main(["--run", "costs", "--clock", "cpu"])
    (command,) = commands
    assert command[0] == "benchmarks.costs" and command[-4:-2] == ["--clock", "cpu"] and command[-2] == "--json"
    commands.clear()
    results.main(["--run"])
    expected = [f"benchmarks.{run[0]}" for name, run in results.RUNS.items() if name not in results.NAMED]
    assert [command[0] for command in commands] == expected
    assert set(results.NAMED) < set(results.RUNS)


def test_every_row_says_its_cores_and_its_clock_and_what_a_profile_said(folder):
    row = frame.row("8", {"linres": 1.0}, words=["8: products take all."], speedup=1.5)
    keep(folder, "stages", row, frame.row("16", {"linres": 2.0}, speedup=1.9))
    results.main([])
    page = results.PAGE.read_text()
    assert "- 8: products take all." in page
    assert "Over one of our own threads on the same cores from 1.5 times (8) to 1.9 times." in page
    assert page.count("| 1 | cpu |") == 2


@pytest.mark.parametrize("name", results.RUNS)
def test_every_run_is_a_script_that_knows_its_options(name, capsys):
    module, *options = results.RUNS[name]
    with pytest.raises(SystemExit) as ended:
        script(module).main([*options, "--help"])
    assert ended.value.code == 0
    assert "--json FILE" in capsys.readouterr().out


def test_the_page_in_the_repository_is_what_the_files_give():
    assert results.main(["--check"]) == 0
