"""What compiling costs: each kernel is counted once, by its own time, and compiled for one kind of arguments."""

import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from measuring import script

compilation = script("compilation")

# Matrices in two layouts, rows and lanes, and parts of matrices beside whole ones: twice the code, at twice the speed.
LAYOUTS = {"blocks", "elimination", "microkernel", "stacking_batch"}
SOLVERS = """
import json, time
from benchmarks import compilation
found = compilation.record()
start = time.process_time()
compilation.solvers()
print(json.dumps([found, time.process_time() - start]))
"""
ENTERED = """
import json
from benchmarks import compilation
compilation.samples(), compilation.solvers(), compilation.propagation()
print(json.dumps({name: len(kernel.signatures) for name, kernel in compilation.kernels().items()}))
"""


def printed(program, **environment):
    done = subprocess.run([sys.executable, "-c", program], cwd=compilation.ROOT, env=os.environ | environment,
                          check=True, text=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def test_a_kernel_is_counted_once_without_what_it_calls(tmp_path):
    found, whole = printed(SOLVERS, NUMBA_CACHE_DIR=str(tmp_path))
    names = [name for name, *_ in found]
    ours = [name for name in names if not name.startswith("numba.")]
    assert len(ours) == len({*ours}) and {"descent._iterate", "least_squares.gradient"} <= {*ours}
    assert names.index("least_squares.gradient") < names.index("descent._iterate")  # which calls it
    assert "descent.step" not in names  # inline
    assert all(0 <= llvm < seconds for _, _, seconds, llvm in found)
    assert 0.5 * whole < sum(seconds for _, _, seconds, _ in found) < whole
    assert printed(SOLVERS, NUMBA_CACHE_DIR=str(tmp_path))[0] == []


def test_no_kernel_that_is_called_from_python_is_compiled_for_two_kinds_of_arguments():
    kinds = printed(ENTERED)
    entered = {"propagation._simulate", "propagation._norms", "stacking._iterate", "piecewise._measure"}
    assert all(kinds[name] == 1 for name in entered)
    assert {name.partition(".")[0] for name, count in kinds.items() if count > 1} <= LAYOUTS


@pytest.mark.slow
def test_everything_is_compiled_and_for_two_kinds_of_arguments_only_where_there_are_two_layouts():
    measured = compilation.measure()
    kinds = Counter(kernel.name for kernel in measured.compiled)
    assert {*compilation.kernels()} - {*kinds} <= {"random.gamma"}  # which no kernel calls
    twice = {name for name, count in kinds.items() if count > 1 and not name.startswith("numba.")}
    assert {name.partition(".")[0] for name in twice} <= LAYOUTS
    assert 0 < sum(kernel.seconds for kernel in measured.compiled) < measured.seconds
