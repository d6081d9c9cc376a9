"""How long a verdict takes: `python -m benchmarks.verdicts [--json FILE]`, from a checkout with linres installed.

Cold means an empty kernel cache; every command runs in a fresh interpreter. Medians of several runs where one is short.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

IMPORT = "import linres"
CERTIFICATES = """
import time
from linres import NAMES, load
from linres.rungs import symbolic
from linres.theorem import Certificate
seen = []
for name in NAMES:
    symbolic.check(load(name), watch=lambda step, scope, facts: seen.append((step, scope, facts)))
worst = 0
for step, scope, facts in seen:
    if isinstance(step.by, Certificate):
        times = []
        for _ in range(3):
            start = time.perf_counter()
            symbolic.check_step(step, scope, facts)
            times.append(time.perf_counter() - start)
        worst = max(worst, min(times))
print(worst)
"""
RIGOROUS = """
import time
from fractions import Fraction as F
from linres import NesterovRun, load
from linres.rungs import rigorous
share = tuple(F(k, 7) for k in range(8))
run = NesterovRun(
    q=F(1, 10), L=F(3), up=share, down=share[::-1], x=share, x_prev=share, lookahead_error=(F(1, 64),) * 8,
    step_error=(F(1, 128),) * 8, decay=F(99, 100), mirror=tuple(F(k + 1) for k in range(8)), stages=200,
)
start = time.perf_counter()
checked = rigorous.check(load("nesterov-step"), run)
seconds = time.perf_counter() - start
if checked.holds != 200:
    raise SystemExit(f"{checked.holds} of 200 rows hold")
print(seconds)
"""
BOUND = """
import time
import numpy as np
from linres import load
theorem, T = load("nesterov-with-errors"), np.arange(1_000_001)
errors = np.full(1_000_000, 1e-9)
compute = lambda: theorem.bound(q=0.01, L=1.0, Phi=1.0, d=errors, e_norm=errors, T=T)
compute()
start = time.perf_counter()
compute()
print(time.perf_counter() - start)
"""


def wall(command: list[str], **environment: str) -> float:
    """Seconds that the command takes; CalledProcessError if it fails."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=os.environ | environment)
    return time.perf_counter() - start


def inside(program: str) -> float:
    """The number of seconds that the program prints."""
    return float(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout)


def median(measure: Callable[[], float], times: int) -> float:
    return statistics.median(measure() for _ in range(times))


def measure() -> dict[str, tuple[float, float]]:
    """{job: (seconds, goal)}."""
    linres = str(Path(sys.executable).with_name("linres"))
    with tempfile.TemporaryDirectory() as cache:
        cold = wall([linres, "verify"], NUMBA_CACHE_DIR=cache)
        warm = median(lambda: wall([linres, "verify"], NUMBA_CACHE_DIR=cache), 3)
    bare = median(lambda: wall([sys.executable, "-c", "pass"]), 9)
    return {
        "linres verify, cold": (cold, 30),
        "linres verify, kernels cached": (warm, 12),
        "slowest step that is a certificate": (inside(CERTIFICATES), 0.2),
        "nesterov-step rigorously, T = 200, d = 8": (inside(RIGOROUS), 1),
        "nesterov-with-errors' bound at every T <= 1e6": (inside(BOUND), 0.1),
        "import linres, beyond the bare interpreter": (
            median(lambda: wall([sys.executable, "-c", IMPORT]), 9) - bare, 0.3,
        ),
        "linres --help": (median(lambda: wall([linres, "--help"]), 9), 0.4),
        "linres train digits": (median(lambda: wall([linres, "train", "digits"]), 3), 3),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers there")
    arguments = options.parse_args()
    rows = measure()
    for job, (seconds, goal) in rows.items():
        print(f"{job:<48} {seconds:8.3f} s   goal {goal} s{'' if seconds <= goal else '   MISSED'}")
    if arguments.json:
        machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        table = [{"job": job, "seconds": seconds, "goal": goal} for job, (seconds, goal) in rows.items()]
        arguments.json.write_text(json.dumps({"machine": machine, "python": platform.python_version(), "rows": table}))


if __name__ == "__main__":
    main()
