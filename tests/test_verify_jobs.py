"""`linres verify --jobs`: the same verdicts from several processes."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from linres.cli import main

MINE = """
import sympy
from sympy import Le, symbols
import linres
print("mine is run")
a, b = symbols("a b", real=True)
mean = linres.Theorem("mean", Le(a * b, (a**2 + b**2) / 2, evaluate=False))
wrong = linres.Theorem("wrong", Le(a * b, (a**2 + b**2) / 3, evaluate=False))
"""


def report(capsys, *arguments):
    code = main(["verify", "--json", *arguments])
    out, said = capsys.readouterr()
    kept = ("name", "verdict", "proof", "expect")  # instances depend on the modules loaded, as `verify` says
    return code, [{key: theorem[key] for key in kept} for theorem in json.loads(out)["theorems"]], said


def test_two_processes_say_what_one_says(capsys):
    names = ["near-identity-blocks", "free-head-block", "block-regression"]
    one, two = (report(capsys, *names, "--jobs", jobs) for jobs in "12")
    assert one[:2] == two[:2]
    assert [theorem["name"] for theorem in two[1]] == names
    assert sorted(two[2].splitlines()) == [
        "block-regression: proved", "free-head-block: refuted", "near-identity-blocks: proved"]


def test_theorems_of_a_file_are_found_again_in_every_process(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(MINE)
    one, two = (report(capsys, "--file", str(tmp_path / "mine.py"), "--jobs", jobs) for jobs in "12")
    assert one[:2] == two[:2] and two[0] == 1
    assert {theorem["name"]: theorem["verdict"] for theorem in two[1]} == {
        "mean": "supported", "wrong": "refuted"}


@pytest.mark.parametrize("jobs", ["0", "-1", "x", "1.5"])
def test_no_number_of_processes_is_refused(jobs, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["verify", "--jobs", jobs])
    assert ended.value.code == 2
    assert "should be an integer >= 1" in capsys.readouterr().err


def test_a_name_that_is_not_there_is_refused_before_anything_is_begun(capsys):
    assert main(["verify", "no-such-theorem", "absorption", "--jobs", "2"]) == 2
    assert "no-such-theorem" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are POSIX's")
def test_an_interrupt_ends_all_processes_at_once():
    command = [sys.executable, "-m", "linres", "verify", "stacking-acceleration", "nesterov-quadratic", "--jobs", "2"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = subprocess.Popen(command, start_new_session=True, **pipes)
    time.sleep(4)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does
    out, said = running.communicate(timeout=60)
    assert running.returncode in (130, 0)  # 0: all done before
    if running.returncode:
        assert "interrupted" in said and "Traceback" not in said and out == ""
    with pytest.raises(ProcessLookupError):
        os.killpg(running.pid, 0)
