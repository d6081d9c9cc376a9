"""The benchmark of moments compares ways that compute the same, on files that are what they are said to be."""

import json

import numpy as np
import pytest
from measuring import script

benchmark = script("moments")


def test_files_have_the_rows_asked_for_whatever_the_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "CHUNK", 300)
    benchmark.make(tmp_path, 1000, 4)
    x, y = map(np.load, benchmark.files(tmp_path))
    assert x.shape == y.shape == (1000, 4) and x.dtype == y.dtype == np.float64
    assert np.isfinite(x).all() and np.linalg.matrix_rank(np.hstack([x, y - 1])) == 4


@pytest.mark.parametrize("name", benchmark.WAYS)
def test_every_way_computes_the_same(name, tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "CHUNK", 500)
    benchmark.make(tmp_path, 2000, 4)
    x = np.load(benchmark.files(tmp_path)[0])
    found = benchmark.measure(name, tmp_path)
    assert found["variance"] == pytest.approx(np.var(x[:, 0]), rel=1e-9)
    assert found["seconds"] > 0 and found["mb"] >= 0


def test_the_error_far_from_zero_tells_ours_from_one_pass_without_centring():
    assert benchmark.inaccuracy(benchmark.OURS) < 1e-13
    assert benchmark.inaccuracy("NumPy, one pass") > 1e-6


def test_writes_what_it_measured(tmp_path, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(
        benchmark, "measured", lambda name, folder, cold: (calls.append(name), benchmark.measure(name, folder))[1])
    monkeypatch.setattr(benchmark, "inaccuracy", lambda name: 0.0)
    monkeypatch.setattr(benchmark, "MOST_REPEATED", 600)
    benchmark.main(["--sizes", "500", "700", "--columns", "3", "--folder", str(tmp_path), "--repeats", "2",
                    "--json", str(tmp_path / "found.json")])
    written = json.loads((tmp_path / "found.json").read_text())
    assert list(written) == ["machine", "versions", "jobs", "clock", "rows"]
    assert [row["rows"] for row in written["rows"]] == [500, 700]
    for row in written["rows"]:
        assert {*row["peers"]} == {*benchmark.WAYS} - {benchmark.OURS}
        assert row["ratio"] == min(row["peers"].values()) / row["ours"]
        assert max(row["off_ours"].values()) < 1e-9
    assert calls == [*benchmark.WAYS, *benchmark.WAYS, *benchmark.WAYS, benchmark.OURS]  # in turns, large ones once
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]
    assert "500 x (3 + 3)" in capsys.readouterr().out


def test_a_way_that_needs_more_memory_than_is_free_is_left_out(monkeypatch):
    monkeypatch.setattr(benchmark, "available", lambda: 16 * 1000 * 64 * 2)
    fitting = {name for name in benchmark.WAYS if benchmark.fits(name, 1000, 64)}
    assert fitting == {*benchmark.WAYS} - {"EmpiricalCovariance"}
    monkeypatch.setattr(benchmark, "available", lambda: 0)
    assert not benchmark.fits("NumPy, loaded", 1, 1)
