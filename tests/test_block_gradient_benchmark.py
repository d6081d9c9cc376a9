"""The benchmark of all-block gradients: its peers compute what we do, and the one that does not is caught."""

import json

import numpy as np
import pytest
from measuring import script

from linres import network

benchmark = script("block_gradient")
SIZE = benchmark.Size(3, 5)


def expected(given):
    sigma, target, blocks = given
    offset = network.end_to_end(blocks, np.eye(len(sigma))) - target
    slopes = network.block_gradients(blocks, offset @ sigma)
    return np.sum(offset * (offset @ sigma)) / 2, np.array(slopes)


@pytest.mark.parametrize("name", ["linres", *dict(benchmark.peers())])
@pytest.mark.parametrize("size", [SIZE, benchmark.Size(1, 2)])
def test_everybody_computes_the_loss_and_its_gradients(name, size):
    given = benchmark.case(size)
    run = {**dict(benchmark.peers()), "linres": benchmark.ours}[name](given)
    for _ in range(2):  # also from what a call before has left behind
        value, slopes = run()
        loss, gradients = expected(given)
        assert value == pytest.approx(loss, rel=1e-13)
        assert np.array([np.asarray(slope) for slope in slopes]) == pytest.approx(gradients, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("wrong", [lambda value, slopes: (value * (1 + 1e-9), slopes),
                                   lambda value, slopes: (value, slopes * (1 + 1e-9)),
                                   lambda value, slopes: (value, np.full_like(slopes, np.nan))])
def test_a_peer_that_computes_something_else_ends_the_run(wrong):
    right = benchmark.ours(benchmark.case(SIZE))
    assert benchmark.check(SIZE, {"linres": right, "peer": right}) == 0
    with pytest.raises(SystemExit, match="peer is off"):
        benchmark.check(SIZE, {"linres": right, "peer": lambda: wrong(*right())})


def test_the_table_is_printed_and_written(tmp_path, capsys):
    benchmark.main(["--sizes", "2x3", "1x8", "--repeats", "1", "--jobs", "1", "--json", str(tmp_path / "found.json")])
    written = json.loads((tmp_path / "found.json").read_text())
    assert [row["size"] for row in written["rows"]] == ["2x3", "1x8"]
    for row in written["rows"]:
        assert list(row["peers"]) == list(dict(benchmark.peers()))
        assert row["ratio"] > 0 and row["gflops"] > 0 and row["off"] < 1e-12
        assert 0 < row["peak_share"] < 1
    assert "2x3" in capsys.readouterr().out


def test_operations_are_those_of_the_products():
    assert benchmark.Size(8, 4).operations == 22 * 2 * 4**3  # 7 up, 1 for the loss, 7 + 7 down
