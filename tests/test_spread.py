"""Work over processes: order, errors, deaths, Ctrl-C; and `linres verify --jobs`, whose verdicts it must not move."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial

import pytest

from linres.cli import main
from linres.commands.spread import spread
from linres.commands.verify import Progress
from linres.errors import InputError

METHODS = ["spawn", "fork"] if sys.platform.startswith("linux") else ["spawn"]
FILE = """
import os, sympy, time
from dataclasses import replace
from sympy import Le, symbols
import linres
a, b = symbols("a b", real=True)
mean = linres.Theorem("mean", Le(a * b, (a**2 + b**2) / 2, evaluate=False))
"""


def square(item, say):
    say(f"at {item}")
    return item**2, os.getpid()


def troubled(item, say):
    if item == 2:
        raise InputError("two is refused")
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if item == 4:
        raise KeyError("four")
    return item


COUNTED = []


def counted(item, say):
    COUNTED.append(item)
    return len(COUNTED), os.getpid()


def leaving(item, say):
    if item == 1:
        os._exit(0)
    return item


def slowest_first(item, say):
    time.sleep(0.3 if item == 0 else 0)
    return item


def over(work, count, jobs, method, say=lambda done, line: None):
    return spread(work, range(count), jobs, say, again=partial(range, count), method=method)


@pytest.mark.parametrize("method", METHODS)
def test_results_come_in_order_from_other_processes(method):
    lines = []
    found = [*over(square, 6, 2, method, lambda done, line: lines.append((done, line)))]
    assert [value for value, _ in found] == [0, 1, 4, 9, 16, 25]
    assert os.getpid() not in {process for _, process in found}
    assert sorted(line for _, line in lines) == [f"at {item}" for item in range(6)]
    assert all(0 <= done < 6 for done, _ in lines)


@pytest.mark.skipif("fork" not in METHODS, reason="processes are forked on Linux")
@pytest.mark.parametrize("jobs", [1, 2, 9])
def test_every_item_has_a_process_of_its_own_that_sees_nothing_of_the_others(jobs):
    found = [*over(counted, 4, jobs, "fork")]
    assert [count for count, _ in found] == [1, 1, 1, 1]
    assert len({process for _, process in found} | {os.getpid()}) == 5


def test_one_job_and_one_item_stay_in_this_process_where_nothing_is_forked():
    assert {process for _, process in over(square, 3, 1, "spawn")} == {os.getpid()}
    assert {process for _, process in over(square, 1, 5, "spawn")} == {os.getpid()}
    assert [*over(square, 0, 5, "spawn")] == []


def test_what_is_done_early_waits_for_its_turn():
    assert [*over(slowest_first, 5, 2, METHODS[-1])] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_is_raised_in_its_turn(jobs, method):
    found = over(troubled, 3, jobs, method)
    assert [next(found), next(found)] == [0, 1]
    with pytest.raises(InputError, match="two is refused"):
        next(found)


def test_an_error_of_ours_keeps_its_kind_and_says_where_it_was():
    found = spread(troubled, (1, 4), 2, lambda done, line: None, again=tuple, method=METHODS[-1])
    assert next(found) == 1
    with pytest.raises(KeyError, match="four") as raised:
        next(found)
    assert "in troubled" in raised.value.__notes__[0]


def test_a_process_that_is_killed_is_an_error_and_no_hang():
    found = spread(troubled, (0, 3, 1), 2, lambda done, line: None, again=tuple, method=METHODS[-1])
    assert next(found) == 0
    with pytest.raises(InputError, match="the process of item 2 was killed by SIGKILL, with nothing known"):
        next(found)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_exit_that_no_finally_sees_is_raised_and_ends_no_process(jobs, method):
    found = over(leaving, 3, jobs, method)
    assert next(found) == 0
    with pytest.raises(SystemExit, match=r"os._exit\(0\)"):
        next(found)
    assert os._exit.__module__ == "posix"  # again


def verified(capsys, *arguments):
    code = main(["verify", *arguments])
    return code, *capsys.readouterr()


def without_seconds(text):
    return re.sub(r'"seconds": [0-9.]+', "", text)


def test_verdicts_and_their_order_do_not_depend_on_the_number_of_jobs():
    """In processes of their own: Hypothesis draws from the constants of the modules that are loaded."""
    names = ["stacking-residual", "absorption", "fractional-increments", "free-head-block", "block-regression"]
    program = [sys.executable, "-m", "linres", "verify", *names, "--json", "--jobs"]
    done = [subprocess.run([*program, jobs], capture_output=True, text=True, check=True).stdout for jobs in "132"]
    assert [theorem["name"] for theorem in json.loads(done[0])["theorems"]] == names
    assert without_seconds(done[0]) == without_seconds(done[1]) == without_seconds(done[2])


def test_theorems_of_a_file_go_over_processes_and_what_the_file_prints_stays_out_of_json(tmp_path, capfd):
    path = tmp_path / "mine.py"
    path.write_text(FILE + """
wrong = linres.Theorem("wrong", Le(a * b, (a**2 + b**2) / 3, evaluate=False))
def measure(instance, arithmetic, made=mean.measure):
    print("measured")
    return made(instance, arithmetic)
loud = replace(mean, name="loud", measure=measure)
""")
    assert main(["verify", "--file", str(path), "--jobs", "3", "--json"]) == 1
    out, err = capfd.readouterr()
    report = {theorem["name"]: theorem["verdict"] for theorem in json.loads(out)["theorems"]}
    assert report == {"mean": "supported", "wrong": "refuted", "loud": "supported"}
    assert "measured" in err


EXITS = FILE + """
import ctypes, sys
def quits(name, how):
    def measure(instance, arithmetic, made=mean.measure):
        how()
        return made(instance, arithmetic)
    return replace(mean, name=name, measure=measure)
hard = quits("hard", lambda: os._exit(0))
soft = quits("soft", lambda: sys.exit(0))
bare = quits("bare", lambda: ctypes.CDLL(None)._exit(0))
drawn = replace(mean, name="drawn", instances=lambda: os._exit(0))
"""


@pytest.mark.parametrize("name", ["hard", "soft", "drawn"])
def test_code_that_exits_as_if_all_were_well_leaves_its_theorem_inconclusive(tmp_path, capsys, name):
    path = tmp_path / "mine.py"
    path.write_text(EXITS)
    code, out, _ = verified(capsys, "--file", str(path), name, "--jobs", "1")
    assert code == 3
    assert f"{name}: {'instances' if name == 'drawn' else 'measure'} raised SystemExit: " in out


@pytest.mark.skipif("fork" not in METHODS, reason="processes are forked on Linux")
def test_a_process_that_ends_by_itself_is_bad_input_and_never_success(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(EXITS)
    code, _, err = verified(capsys, "--file", str(path), "bare", "--jobs", "1")
    assert code == 2
    assert err.splitlines()[-1] == "linres verify: the process of bare ended with exit code 0, with nothing known."


@pytest.mark.parametrize("late", [
    "import atexit; atexit.register(lambda: os._exit(0))",
    "import threading; threading.Thread(target=lambda: (threading.main_thread().join(), os._exit(0))).start()",
])
def test_code_that_runs_at_the_end_of_the_process_does_not_choose_its_exit_code(tmp_path, late):
    path = tmp_path / "mine.py"
    wrong = "wrong = linres.Theorem('wrong', Le(a * b, (a**2 + b**2) / 3, evaluate=False))"
    path.write_text(f"{FILE}{wrong}\n{late}\n")
    command = [sys.executable, "-m", "linres", "verify", "--file", str(path), "wrong", "--jobs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "refuted" in done.stdout and done.returncode == 1


def test_an_error_of_somebody_elses_code_is_no_reader_that_has_gone(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(f"{FILE}\ndef broken():\n    raise BrokenPipeError\n"
                    "pipe = replace(mean, name='pipe', instances=broken)\n")
    command = [sys.executable, "-m", "linres", "mutate", "--file", str(path), "pipe"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "BrokenPipeError" in done.stderr and done.returncode == 1


@pytest.mark.parametrize("command", ["verify", "show", "mutate", "export"])
def test_a_file_that_exits_at_once_is_bad_input(tmp_path, capsys, command):
    path = tmp_path / "mine.py"
    path.write_text("import os\nos._exit(0)\n")
    assert main([command, "--file", str(path)]) == 2
    assert f"{path}:2: the file exits, with 'os._exit(0)', when it is run." in capsys.readouterr().err


def test_replay_of_a_measure_that_exits_is_bad_input(tmp_path, capsys):
    path, found = tmp_path / "mine.py", tmp_path / "found"
    path.write_text(EXITS)
    verified(capsys, "--file", str(path), "mean", "--save", str(found))
    for name in ("hard", "soft", "drawn"):
        saved = (found / "mean.adversarial.json").read_text().replace('"mean"', f'"{name}"')
        (tmp_path / "other.json").write_text(saved)
        assert main(["replay", str(tmp_path / "other.json"), "--file", str(path)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


LATE = FILE + """
from fractions import Fraction
from hypothesis import strategies as st
def importing(instance, arithmetic):
    import late
    return mean.measure(instance, arithmetic)
def loud(instance, arithmetic):
    with open("drawn", "a", encoding="utf-8") as file:  # the processes share stderr
        print(instance, file=file)
    return mean.measure((Fraction(instance % 100), Fraction(1)), arithmetic)
first, second = replace(mean, name="first", measure=importing), replace(mean, name="second", measure=loud,
                                                                        instances=st.integers)
"""


@pytest.mark.skipif("fork" not in METHODS, reason="processes are forked on Linux")
def test_what_one_theorem_imports_late_changes_no_instance_of_another_whatever_the_number_of_jobs(tmp_path):
    """Hypothesis draws from the constants of the modules that are loaded: with seed 0 from these, if it sees them."""
    (tmp_path / "mine.py").write_text(LATE)
    (tmp_path / "late.py").write_text(f"CONSTANTS = {tuple(range(10010, 4000000, 10007))}\n")
    program = [sys.executable, "-m", "linres", "verify", "--file", "mine.py", "first", "second", "--jobs"]
    drawn = []
    for jobs in "12":
        subprocess.run([*program, jobs], capture_output=True, check=True, cwd=tmp_path)
        drawn.append((tmp_path / "drawn").read_text().splitlines())
        (tmp_path / "drawn").unlink()
    assert len(drawn[0]) >= 40
    assert drawn[0] == drawn[1]


def test_rows_are_printed_as_they_are_known_and_aligned(capsys):
    code, out, err = verified(capsys, "free-head-block", "absorption", "agreeing-step", "--jobs", "2")
    assert code == 0
    header, *rows = out.split("\n\n")[0].splitlines()
    assert [row.split()[0] for row in rows] == ["free-head-block", "absorption", "agreeing-step"]
    assert all(row.index(row.split()[1]) == header.index("verdict") for row in rows)
    assert all(row.index("4000") == header.index("sampled") for row in rows[1:])
    assert "absorption: rigorous" in err.splitlines()


def test_a_row_is_there_before_the_next_theorem_is_done(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE + """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
def measure(instance, arithmetic, made=mean.measure):
    time.sleep(60)
    return made(instance, arithmetic)
slow = replace(mean, name="slow", measure=measure)
""")
    with subprocess.Popen(
        [sys.executable, "-m", "linres", "verify", "--file", str(path), "--jobs", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:
        try:
            assert [process.stdout.readline().split()[0] for _ in range(2)] == ["theorem", "mean"]
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(60) == 130
            assert process.stderr.read().splitlines()[-1] == "linres verify: interrupted"
        finally:
            with suppress(ProcessLookupError):  # else what is left would be waited for
                os.killpg(process.pid, signal.SIGKILL)


def test_children_do_not_outlive_a_killed_parent(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE + f"""
def measure(instance, arithmetic, made=mean.measure):
    with open({str(tmp_path / 'alive')!r}, "a") as file:
        file.write(f"{{os.getpid()}} ")
    time.sleep(0.05)
    return made(instance, arithmetic)
slow = [replace(mean, name=name, measure=measure) for name in ("slow", "slower", "slowest")]
""")
    command = [sys.executable, "-m", "linres", "verify", "--file", str(path), "--jobs", "2"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (tmp_path / "alive").exists():
            time.sleep(0.05)
        process.kill()
    sizes = [0]
    while len(sizes) < 20 and (len(sizes) < 2 or sizes[-1] > sizes[-2]):  # until nobody writes any more
        time.sleep(3)
        sizes.append((tmp_path / "alive").stat().st_size)
    assert 0 < sizes[-1] == sizes[-2]


def test_on_a_terminal_the_line_says_how_many_theorems_are_done(capsys):
    progress = Progress()
    progress.of(36, 6, "absorption: rigorous")
    progress.live = True
    progress.of(36, 6, "absorption: rigorous")
    progress.of(1, 0, "mine: rigorous")
    plain, *live = capsys.readouterr().err.replace("\n", "\r").split("\r")
    assert plain == "absorption: rigorous"
    assert [line.removeprefix("\033[K") for line in live] == ["", "7/36 absorption: rigorous", "mine: rigorous"]
