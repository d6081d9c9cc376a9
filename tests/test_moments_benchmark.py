"""The benchmark of moments compares ways that compute the same, on files that are what they are said to be."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
_spec = importlib.util.spec_from_file_location("moments_benchmark", ROOT / "benchmarks" / "moments.py")
benchmark = importlib.util.module_from_spec(_spec)
sys.modules["moments_benchmark"] = benchmark
_spec.loader.exec_module(benchmark)


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


def test_writes_what_it_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "measured", lambda name, folder, repeats, cold: benchmark.measure(name, folder))
    monkeypatch.setattr(benchmark, "inaccuracy", lambda name: 0.0)
    monkeypatch.setattr(sys, "argv", ["moments", "--rows", "500", "700", "--columns", "3", "--folder", str(tmp_path),
                                      "--json", str(tmp_path / "found.json")])
    benchmark.main()
    written = json.loads((tmp_path / "found.json").read_text())
    assert list(written) == ["machine", "versions", "rows"]
    assert [row["size"]["rows"] for row in written["rows"]] == [500, 700]
    for row in written["rows"]:
        assert {*row["peers"]} == {*benchmark.WAYS} - {benchmark.OURS}
        assert row["ratio"] == min(row["peers"].values()) / row["ours"]
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]
