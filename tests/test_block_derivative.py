"""block-derivative: the gradient in a block, as the code computes it, against losses alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sympy import transpose

import linres
from linres import EXACT, linear_networks, network, verify
from linres.arithmetic import Symbolic
from linres.theorems import block_derivative as one
from linres.theorems import load

THEOREM = load("block-derivative")
WITNESS = one.generic()


def test_is_proved():
    verdict = verify(THEOREM)
    assert (verdict.verdict, verdict.proof["prose"]) == ("proved", 0)


def test_the_derivative_is_measured_from_losses_alone():
    """In float64, by numpy, at the witness: an entry of each block moved by one."""
    blocks = [np.array(block, dtype=float) for block in WITNESS.blocks]
    sigma, target = np.array(WITNESS.sigma, dtype=float), np.array(WITNESS.target, dtype=float)

    def loss(moved):
        reached = np.eye(2)
        for block in moved:
            reached = (np.eye(2) + block) @ reached
        return np.trace((reached - target) @ sigma @ (reached - target).T) / 2

    for position, row in enumerate(one.measure(WITNESS, EXACT)[::2]):
        for place in np.ndindex(2, 2):
            ends = []
            for way in (1, -1):
                moved = [block.copy() for block in blocks]
                moved[position][place] += way
                ends.append(loss(moved))
            entry = row[one.D].data.tolist()[place[0]][place[1]]
            assert (ends[0] - ends[1]) / 2 == pytest.approx(float(entry.numerator) / float(entry.denominator))


def test_rows_have_the_gradient_made_together_and_alone():
    rows = one.measure(WITNESS, EXACT)
    assert len(rows) == 6
    assert all(rows[k][one.G] == rows[k + 1][one.G] == rows[k][one.D] for k in (0, 2, 4))


def test_the_definition_is_the_code_run_on_symbols():
    a, w, b = (Symbolic(one.A - 1), Symbolic(one.D), Symbolic(one.B - 1))
    made = network.block_gradients([b, w, a], Symbolic(one.N))[1].expr
    assert made.expand() == (transpose(one.A) * one.N * transpose(one.B)).expand()
    assert THEOREM.definitions[one.G].expand() == made.expand()


WRONG = {
    "block above not transposed": ("made + block.T @ made", "made + block @ made"),
    "product below not transposed": ("made @ product.T", "made @ product"),
    "blocks below in another order": ("made + block + block @ made)", "made + block + made @ block)"),
    "slope doubled": ("initial=slope))", "initial=slope + slope))"),
    "link above not transposed": ("block.T @ slope", "block @ slope"),
    "link below not transposed": ("slope @ block.T", "slope @ block"),
}


OFTEN = ("block above not transposed", "product below not transposed", "link below not transposed")


@pytest.mark.parametrize(
    "name", [name if name in OFTEN else pytest.param(name, marks=pytest.mark.slow) for name in WRONG]
)
def test_verify_notices_a_wrong_gradient_and_exits_non_zero(name, tmp_path):
    """In a copy of the package, by the command line: 1 where an instance refutes the statement, 3 where what the code
    gives for several blocks is not what it gives on symbols."""
    shutil.copytree(Path(linres.__file__).parent, tmp_path / "linres", ignore=shutil.ignore_patterns("__pycache__"))
    source = tmp_path / "linres" / "network.py"
    right, wrong = WRONG[name]
    text = source.read_text(encoding="utf-8")
    assert text.count(right) == 1
    source.write_text(text.replace(right, wrong), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "linres", "verify", "block-derivative"], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=False,
    )
    assert done.returncode in (1, 3), done.stdout + done.stderr
    assert "refuted" in done.stdout or "Disagree: G is" in done.stdout


def test_networks_in_bulk_are_measured_as_they_are_rebuilt():
    made = linear_networks.gradients_in_bulk(np.random.default_rng(0), 20)
    for k in range(20):
        exact = one.measure(made.instance(k), EXACT)[2]
        for symbol, values in ((one.A, made.above), (one.B, made.below), (one.N, made.slope), (one.G, made.gradient),
                               (one.D, made.derivatives)):
            expected = [[float(entry.numerator) / float(entry.denominator) for entry in row]
                        for row in exact[symbol].data.tolist()]
            np.testing.assert_array_equal(values[k], expected)
