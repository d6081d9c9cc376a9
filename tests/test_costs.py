"""Exponents of costs: a power law is recognised, another one is said to be off."""

import json

import pytest
from measuring import script

costs = script("costs")


def growth(power, counted=1.0):
    sizes = [10, 20, 40, 80]
    return costs.Growth("words", sizes, [1e-6 * n**power for n in sizes], [7.0 * n**counted for n in sizes])


@pytest.mark.parametrize(("power", "agrees"), [(1.0, True), (1.09, True), (0.91, True), (1.11, False), (0.5, False)])
def test_an_exponent_a_tenth_off_is_said_to_be_off(power, agrees):
    found = growth(power)
    assert found.measured == pytest.approx(power) and found.counted == pytest.approx(1)
    assert found.agrees is agrees


def test_a_quadratic_cost_agrees_with_quadratic_counts():
    assert growth(2.0, counted=2.0).agrees


@pytest.mark.parametrize("name", costs.JOBS)
def test_operations_grow_with_the_size_and_the_work_can_be_done(name):
    job = costs.JOBS[name]
    counts = [job.operations(size) for size in job.sizes]
    assert 0.9 < costs.exponent(job.sizes, counts) < 1.1
    assert job.work(2)() is not None


def test_the_table_and_the_figure_are_written(monkeypatch, tmp_path, capsys):
    tiny = costs.JOBS["L"]._replace(sizes=[1, 2, 4])
    monkeypatch.setattr(costs, "JOBS", {"L": tiny})
    costs.main(["--repeats", "1", "--json", str(tmp_path / "found.json"), "--figure", str(tmp_path / "found.svg")])
    (row,) = json.loads((tmp_path / "found.json").read_text())["rows"]
    assert row["at"] == [1, 2, 4] and len(row["took"]) == 3
    assert row["ours"] == row["took"][-1] and row["agrees"] == (abs(row["measured"] / row["counted"] - 1) <= 0.1)
    assert "counted" in capsys.readouterr().out
    assert "<svg" in (tmp_path / "found.svg").read_text()
