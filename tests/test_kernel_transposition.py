"""Transposes by tiles, compiled and not."""

import os
import subprocess
import sys

import numpy as np
import pytest

from linres.kernels.transposition import transpose
from linres.kernels.vectors import LANES


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("columns", [1, 3])
def test_a_transpose_moves_every_entry_to_its_place(rows, columns):
    a = np.arange(rows * columns * LANES**2, dtype=float).reshape(rows * LANES, columns * LANES)
    out = np.full(a.T.shape, np.nan)
    transpose(a, out)
    assert np.array_equal(out, a.T)


def test_nan_infinity_and_the_sign_of_zero_are_moved_as_they_are():
    a = np.zeros((LANES, LANES))
    a[0, 1], a[1, 0], a[1, 1] = np.nan, -np.inf, -0.0
    out = np.ones_like(a)
    transpose(a, out)
    assert out.tobytes() == a.T.tobytes()


def test_plain_python_transposes_too():
    code = (
        "import numpy as np\nfrom linres.kernels.transposition import transpose\n"
        "a = np.arange(128.).reshape(8, 16); out = np.empty((16, 8)); transpose(a, out)\n"
        "print(np.array_equal(out, a.T), type(transpose).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True,
                          env=os.environ | {"NUMBA_DISABLE_JIT": "1"})
    assert done.stdout.split() == ["True", "function"]
