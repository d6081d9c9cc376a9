"""The benchmark of random residual networks, at sizes of no interest."""

import json

import numpy as np
import pytest
from measuring import script

depth_propagation = script("depth_propagation")


@pytest.fixture
def tiny(monkeypatch):
    def sizes():
        return [
            depth_propagation.norms(5, 4), depth_propagation.networks([2], (0.5,), 2),
            depth_propagation.heat_map(np.array([0.3]), np.array([0.5, 1.0]), 4, 1.0),
        ]

    monkeypatch.setattr(depth_propagation, "SIZES", {"small": sizes, "paper": sizes})


def test_the_table_is_printed_and_written(tiny, tmp_path, capsys):
    depth_propagation.main(["--json", str(tmp_path / "table.json")])
    table = json.loads((tmp_path / "table.json").read_text())
    assert set(table) == {"machine", "versions", "jobs", "clock", "rows"}
    assert {"numpy", "numba", "python"} <= set(table["versions"])
    printed = capsys.readouterr().out
    for row in table["rows"]:
        assert set(row) == {"size", "ours", "peers", "ratio", "gflops", "peak_share"}
        assert row["size"] in printed
        if row["peers"]:
            assert row["ratio"] == pytest.approx(min(row["peers"].values()) / row["ours"])
    assert [row["size"].split(":")[0] for row in table["rows"]] == ["norms", "networks", "heat map"]


def test_the_peers_draw_what_we_draw():
    size = depth_propagation.norms(20_000, 50)
    [(_, numpys)] = size.peers.values()
    ours, theirs = size.ours(), numpys()
    error = np.sqrt((np.var(ours) + np.var(theirs)) / len(ours))
    assert abs(np.mean(ours) - np.mean(theirs)) < 5.5 * error
    assert np.var(ours) == pytest.approx(np.var(theirs), rel=0.08)


def test_pytorch_draws_what_we_draw():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    size = depth_propagation.networks([50], (0.5,), 200)
    singly, together = (peer for _, peer in size.peers.values())
    ours = np.exp(2 * size.ours()[0])  # |p_0 - p|^2/|p|^2, of mean (1 + 1/(2 L))^L - 1
    for peer in (singly, together):
        squares = sum(float(change) ** 2 for _, change in peer()) / 200 / depth_propagation.WIDTH
        assert squares == pytest.approx(np.mean(ours), rel=0.15)
