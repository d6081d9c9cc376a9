"""What the benchmarks share: measured in turns, on the cores asked for, and written as it is read."""

import json
import os
import time
from functools import partial

import numba
import numpy as np
import pytest
from measuring import script
from threadpoolctl import threadpool_info

from linres.errors import InputError

frame, peak = script("frame"), script("peak")


def test_the_callables_take_turns_and_begin_in_turn():
    calls = []
    frame.interleaved({name: lambda name=name: calls.append(name) for name in "abc"}, 3, least=0)
    assert "".join(calls) == "abc" "abc" "bca" "cab"  # the first time to warm up


def test_what_is_warm_and_measured_once_is_called_once():
    calls = []
    frame.interleaved({name: lambda name=name: calls.append(name) for name in "abc"}, 1, least=0, warm=True)
    assert calls == ["a", "b", "c"]


def test_a_slower_callable_takes_longer_by_either_clock():
    work = {"quick": lambda: sum(range(100)), "slow": lambda: sum(range(10_000))}
    for clock in frame.CLOCKS:
        found = frame.interleaved(work, 5, clock=clock, least=1e-3)
        assert 10 < found["slow"] / found["quick"] < 1000


def test_sleep_is_on_the_wall_and_not_in_the_processor():
    work = {"sleep": lambda: time.sleep(0.01)}
    assert frame.interleaved(work, 3)["sleep"] >= 0.01
    assert frame.interleaved(work, 3, clock="cpu")["sleep"] < 0.005


def test_short_calls_are_repeated_and_long_ones_are_not():
    calls = []
    frame.interleaved({"short": lambda: calls.append(0)}, 1, least=1e-3)
    assert len(calls) > 100
    calls.clear()
    frame.interleaved({"long": lambda: (calls.append(0), time.sleep(0.003))}, 1, least=1e-3)
    assert len(calls) == 2  # to warm up, to measure


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="affinities are Linux's")
def test_one_job_is_one_core_and_one_thread_in_every_library():
    before, threads = os.sched_getaffinity(0), numba.get_num_threads()
    np.ones((4, 4)) @ np.ones((4, 4))
    with frame.on(1):
        assert len(os.sched_getaffinity(0)) == numba.get_num_threads() == 1
        tasks = [int(task) for task in os.listdir("/proc/self/task")]
        assert all(len(os.sched_getaffinity(task)) == 1 for task in tasks)
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
        assert frame.machine()["cores"] == 1
    assert os.sched_getaffinity(0) == before
    assert numba.get_num_threads() == threads


@pytest.mark.parametrize("jobs", [0, 10_000])
def test_cores_that_are_not_there_are_refused(jobs):
    with pytest.raises(SystemExit, match="--jobs should be from 1 to"), frame.on(jobs):
        pass


def test_the_ratio_is_that_of_the_quickest_peer():
    row = frame.row("8", {"linres": 2.0, "a": 3.0, "b": 1.0}, flops=4e9, peak=8e9 / 1e9, goal=1.5)
    assert row == {
        "size": "8", "ours": 2.0, "peers": {"a": 3.0, "b": 1.0}, "ratio": 0.5, "gflops": 2.0, "peak_share": 0.25,
        "goal": 1.5,
    }
    alone = frame.row("8", {"linres": 2.0})
    assert alone["ratio"] is alone["gflops"] is alone["peak_share"] is None


def test_the_table_shows_a_lost_case_and_leaves_out_empty_columns():
    rows = [frame.row("8", {"linres": 2.0, "a": 1.0}), frame.row("16", {"linres": 2e-3, "b": 5e-6}, goal=0.25)]
    head, *lines = (line.split() for line in frame.table(rows).splitlines())
    assert head == ["size", "linres", "a", "b", "ratio", "goal"]
    assert lines == [["8", "2", "s", "1", "s", "0.5"], ["16", "2", "ms", "5", "us", "0.0025", "250", "ms"]]
    marked = frame.table(rows, markdown=True).splitlines()
    assert marked[0] == "| size | linres | a | b | ratio | goal |"
    assert marked[2] == "| 8 | 2 s | 1 s |  | 0.5 |  |"


def test_what_is_written_is_the_rows_and_where_they_were_measured(tmp_path):
    rows = [frame.row("8", {"linres": 2.0, "a": 1.0})]
    frame.write(tmp_path / "found.json", rows, ["pytest", "no-such-distribution"], jobs=1)
    written = json.loads((tmp_path / "found.json").read_text())
    assert list(written) == ["machine", "versions", "jobs", "rows"]
    assert written["rows"] == rows
    assert {"python", "numpy", "numba", "pytest"} <= set(written["versions"])
    assert "no-such-distribution" not in written["versions"]
    assert {"processor", "cores", "simd"} <= set(written["machine"])
    assert os.listdir(tmp_path) == ["found.json"]


def test_a_place_that_cannot_be_written_is_said_so(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        frame.write(tmp_path / "nowhere" / "found.json", [])


def test_sizes_have_a_default_and_are_read():
    options = frame.parser("x", sizes=[8, 16], kind=int)
    assert options.parse_args([]).sizes == [8, 16]
    given = options.parse_args(["--sizes", "4", "--jobs", "1", "--clock", "cpu"])
    assert (given.sizes, given.jobs, given.clock) == ([4], 1, "cpu")
    with pytest.raises(SystemExit):
        options.parse_args(["--repeats", "0"])


def test_the_peak_counts_the_operations_that_were_done():
    chains = 3.0 + np.arange(peak.CHAINS)
    for _ in range(3 * peak.UNROLLED):
        chains = chains / 2 + 1
    assert peak._run(3) == peak.LANES * chains.sum()
    assert peak.peak(repeats=2) > 1e8


def test_the_peak_is_above_what_a_product_of_matrices_reaches():
    a = np.ones((256, 256))
    with frame.on(1):
        took = frame.interleaved({"product": lambda: a @ a}, 9, clock="cpu")["product"]
        assert 2 * 256**3 / took < 1.1 * peak.peak()


def test_a_peer_far_behind_is_timed_once_and_the_others_as_often_as_there_is_time():
    calls = {name: [] for name in ("linres", "near", "far")}
    callables = {name: partial(each.append, 1) for name, each in calls.items()}
    seconds, rounds = frame.raced({"linres": 9.0, "near": 1.0, "far": 1.6}, callables, 50)
    assert rounds == {"linres": 6, "near": 6, "far": 1} and seconds["far"] == 1.6 and not calls["far"]
    assert len(calls["near"]) >= 6 and seconds["near"] < 1
    long = {"linres": 9.0, "near": 9.0, "far": 20.0}
    assert frame.raced(long, callables, 50)[1] == {"linres": 3, "near": 3, "far": 1}
    assert frame.raced({"linres": 1.0, "near": 0.1, "far": 0.4}, callables, 5)[1]["far"] == 5  # short enough to repeat
    assert frame.raced({"linres": 1.0}, {"linres": callables["linres"]}, 4)[1] == {"linres": 4}
