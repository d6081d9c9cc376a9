"""The benchmark of many runs of stacking, at sizes of no interest."""

import json
from contextlib import ExitStack

import numpy as np
import pytest

frame = pytest.importorskip("benchmarks.frame")
stacking_batch = pytest.importorskip("benchmarks.stacking_batch")


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(stacking_batch, "STAGES", 6)
    monkeypatch.setattr(stacking_batch, "ENTRIES", 12)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("rule", stacking_batch.FLOPS)
def test_the_peers_compute_what_we_compute(rule, jobs):
    given = stacking_batch.batch(3, rule)
    expected = stacking_batch.ours(given, rule, 1)
    with ExitStack() as stack:
        peers = stacking_batch.peers(given, rule, jobs, stack)
        assert {"numpy plain", "numpy reduced"} <= set(peers)
        for call in peers.values():
            assert np.allclose(np.asarray(call()), expected, rtol=0, atol=1e-10 * expected.max())


def test_a_peer_that_computes_something_else_ends_the_benchmark(monkeypatch):
    monkeypatch.setattr(
        stacking_batch, "numpy_parameter_plain", lambda given: 1.001 * stacking_batch.numpy_parameter_reduced(given))
    with pytest.raises(SystemExit, match=r"numpy plain differ by 1\.\de-03"):
        stacking_batch.measured(3, "parameter", 1, 1, "cpu", 100.0)


def test_the_table_is_printed_and_written(tmp_path, capsys):
    file = tmp_path / "table.json"
    options = ["--sizes", "2", "9", "--rules", "parameter", "--jobs", "1", "--repeats", "1", "--json", str(file)]
    stacking_batch.main(options)
    rows = json.loads(file.read_text())["rows"]
    assert [row["size"] for row in rows] == ["parameter, d = 2", "parameter, d = 9"]
    for row in rows:
        assert row["ratio"] == pytest.approx(min(row["peers"].values()) / row["ours"])
        assert row["gflops"] > 0 and row["peak_share"] > 0
    assert "peak share" in capsys.readouterr().out
