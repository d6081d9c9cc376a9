"""`linres new`: the file it writes verifies as it stands, and nothing that exists is overwritten."""

import ast
import subprocess
import sys

import pytest

import linres
from linres.cli import main
from linres.loading import load_file
from linres.rungs import verify
from linres.template import TEMPLATE


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_written_is_proved_attained_and_its_controls_fall(here, capsys):
    assert main(["new", "my-theorem"]) == 0
    assert [path.name for path in here.iterdir()] == ["my-theorem.py"]
    assert capsys.readouterr().out == (
        "my-theorem.py: the theorem my-theorem. Next: linres verify --file my-theorem.py\n")
    (theorem,) = load_file("my-theorem.py")
    verdict = verify(theorem)
    assert (theorem.name, verdict.verdict, verdict.met) == ("my-theorem", "proved", True)
    assert verdict.evidence["tightness"]["tightness"] == "attained"
    assert [control["refuted"] for control in verdict.evidence["controls"]["list"]] == [True, True]
    assert verdict.evidence["rigorous"]["acceptance"] == 1


def test_the_commands_that_the_file_names_run(here):
    main(["new", "mine", "--out", "a file.py"])
    lines = [line.strip().split("   ")[0] for line in (here / "a file.py").read_text().splitlines()]
    commands = [line for line in lines if line.startswith("linres ")]
    assert len(commands) == 3 and all("'a file.py'" in command for command in commands)
    for command in commands:
        program = command.replace("linres ", f"{sys.executable} -m linres ", 1)
        assert subprocess.run(program, shell=True, capture_output=True, check=False).returncode == 0, command


def test_the_template_explains_every_part_and_keeps_to_120_characters():
    tree = ast.parse(TEMPLATE)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    (theorem,) = [call for call in calls if call.func.attr == "Theorem"]
    assert {keyword.arg for keyword in theorem.keywords} >= {
        "name", "symbols", "definitions", "hypotheses", "conclusion", "instances", "measure", "proof", "controls"}
    assert max(map(len, TEMPLATE.splitlines())) <= 120
    assert sum("#" in line for line in TEMPLATE.splitlines()) >= 12


@pytest.mark.parametrize(("old", "new", "verdict"), [
    ("kept = 1 - mu / L", "kept = 1 - 2 * mu / L", "refuted"),
    ("    proof=PROOF,\n", "", "supported"),
    ("linres.Term(s / L**2, above, below, square=x)", "linres.Term(2 * s / L**2, above, below, square=x)",
     "inconclusive"),
    ("stepped = start - eigenvalue", "stepped = start + eigenvalue", "inconclusive"),
])
def test_a_change_of_the_template_is_noticed(here, old, new, verdict):
    main(["new", "mine"])
    text = (here / "mine.py").read_text()
    assert text.count(old) == 1
    (here / "mine.py").write_text(text.replace(old, new))
    found = verify(load_file("mine.py")[0])
    assert (found.verdict, found.met) == (verdict, False)


def test_a_file_that_exists_is_left_alone_unless_forced(here, capsys):
    (here / "mine.py").write_text("precious")
    assert main(["new", "mine"]) == 2
    assert "mine.py exists. Choose another by --out, or overwrite it by --force." in capsys.readouterr().err
    assert (here / "mine.py").read_text() == "precious"
    assert main(["new", "mine", "--force"]) == 0
    assert load_file("mine.py")[0].name == "mine"


@pytest.mark.parametrize("name", ["", "a b", "../up", "1st", "-", "a--b", "a_", "ä", "a'b", "a\nb", 'x"""'])
def test_a_name_that_is_none_is_refused(here, capsys, name):
    assert main(["new", name]) == 2
    assert "NAME should be a letter, then letters and digits, with single - or _ between" in capsys.readouterr().err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(("arguments", "says"), [
    (["sympy"], "sympy.py would hide the module sympy"), (["json"], "json.py would hide the module json"),
    (["linres"], "linres.py would hide the module linres"),
    (["mine", "--out", "mine.txt"], "--out FILE should be a file name that ends in .py, got 'mine.txt'"),
    (["mine", "--out", "."], "--out FILE should be a file name that ends in .py, got '.'"),
    (["mine", "--out", "folder.py"], "should be a file, got the folder 'folder.py'"),
    (["mine", "--out", "missing/mine.py"], "'missing/mine.py' cannot be written: No such file or directory."),
])
def test_a_place_that_cannot_or_should_not_be_written_is_refused(here, capsys, arguments, says):
    (here / "folder.py").mkdir()
    assert main(["new", *arguments]) == 2
    err = capsys.readouterr().err
    assert says in err and len(err.splitlines()) == 1
    assert [path.name for path in here.iterdir()] == ["folder.py"]


def test_a_failure_on_the_way_leaves_nothing(here, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    assert main(["new", "mine"]) == 2
    assert list(here.iterdir()) == []


def test_help_has_examples_and_exit_codes(capsys):
    with pytest.raises(SystemExit):
        main(["new", "--help"])
    out = capsys.readouterr().out
    assert "examples:" in out and "exit codes:" in out
    assert linres.__version__
