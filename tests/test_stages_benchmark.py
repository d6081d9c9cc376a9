"""The profile of stacking batch: its parts are those of a stage, and its page of words says so."""

import json

import numpy as np
import pytest
from measuring import script

stages, stacking_batch = script("stages"), script("stacking_batch")


@pytest.mark.parametrize(("rule", "d"), [("parameter", 8), ("functional", 9), ("functional", 64)])
def test_the_matrices_of_the_parts_make_systems_that_can_be_solved(rule, d):
    many = stages.kernel.together(d, rule)
    made = stages.work(d, many)
    m = made.matrices
    stages._systems(1, m, made.numbers, d, made.pivot_row)
    system, right, found = (matrix[:d, :d] for matrix in (m[0], m[1], m[5]))
    product = system @ found if many == 1 else np.einsum("ikl,kjl->ijl", system, found)
    assert np.allclose(product, right, rtol=0, atol=1e-12)


def test_a_profile_is_printed_and_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(stacking_batch, "ENTRIES", 64)
    file = tmp_path / "stages.json"
    stages.main(["--sizes", "8", "--jobs", "1", "--repeats", "1", "--json", str(file)])
    rows = json.loads(file.read_text())["rows"]
    assert [row["size"] for row in rows] == ["parameter, d = 8", "functional, d = 8"]
    for row in rows:
        assert row["products_share"] + row["system_share"] + row["beside_share"] == pytest.approx(1)
        assert row["bound"] > 0 and row["bound_by"] in ("flops", "bytes")
        assert row["words"][0].startswith(row["size"] + ": products take")
    assert rows[0]["system_share"] == 0 < rows[1]["system_share"]
    assert rows[1]["words"][0] in capsys.readouterr().out
    with pytest.raises(SystemExit):
        stages.main(["--jobs", "2"])
