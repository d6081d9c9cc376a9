"""How long a verdict takes: `python -m benchmarks.verdicts [--sizes ...] [--json FILE]`, with linres installed.

    quick          linres verify --jobs N, its compiled kernels cached; and what it takes more with an empty cache
    full           linres verify --level full --jobs N
    certificates   the slowest step of any proof that is a certificate
    rigorous       nesterov-step decided in rational arithmetic and balls, T = 200, d = 8
    bound          the bound of nesterov-with-errors at every T up to a million
    start          import linres, linres --help, linres train digits
    compile        every kernel of the package into an empty cache, one by one, in seconds of processor time

Every command runs in a fresh interpreter; medians of the rounds (--repeats) where one is short. There are no peers:
each has a goal instead, all kernels one in common. By default all but `full`, which takes minutes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from benchmarks import compilation, frame

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
COMMAND = [sys.executable, "-m", "linres"]
LONG = 30.0


class Job(NamedTuple):
    """What it is called, its seconds and the goal for them, if it has one of its own."""

    name: str
    seconds: float
    goal: float | None


def wall(command: list[str], **environment: str) -> float:
    """Seconds that the command takes; CalledProcessError if it fails."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=os.environ | environment)
    return time.perf_counter() - start


def inside(program: str) -> float:
    """The number of seconds that the program prints."""
    return float(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout)


def median(measure: Callable[[], float], times: int) -> float:
    """Of so many measurements, but of no more once they have taken LONG seconds."""
    found = [measure()]
    while len(found) < times and sum(found) < LONG:
        found.append(measure())
    return statistics.median(found)


def quick(repeats: int, jobs: int) -> Iterator[Job]:
    command = [*COMMAND, "verify", "--jobs", str(jobs)]
    with tempfile.TemporaryDirectory() as cache:
        cold = wall(command, NUMBA_CACHE_DIR=cache)
        warm = median(lambda: wall(command, NUMBA_CACHE_DIR=cache), repeats)
    yield Job(f"linres verify --jobs {jobs}, kernels cached", warm, 60)
    yield Job("what compiling adds to it", cold - warm, 25)


def full(repeats: int, jobs: int) -> Iterator[Job]:
    command = ["verify", "--level", "full", "--jobs", str(jobs)]
    yield Job(f"linres {' '.join(command)}", wall([*COMMAND, *command]), 600)


def certificates(repeats: int, jobs: int) -> Iterator[Job]:
    yield Job("slowest step that is a certificate", inside(CERTIFICATES), 0.2)


def rigorous(repeats: int, jobs: int) -> Iterator[Job]:
    yield Job("nesterov-step rigorously, T = 200, d = 8", median(lambda: inside(RIGOROUS), repeats), 1)


def bound(repeats: int, jobs: int) -> Iterator[Job]:
    yield Job("nesterov-with-errors' bound at every T <= 1e6", median(lambda: inside(BOUND), repeats), 0.1)


def start(repeats: int, jobs: int) -> Iterator[Job]:
    found = frame.interleaved({
        "bare": lambda: wall([sys.executable, "-c", "pass"]), "import": lambda: wall([sys.executable, "-c", IMPORT]),
        "help": lambda: wall([*COMMAND, "--help"]), "train": lambda: wall([*COMMAND, "train", "digits"]),
    }, repeats)
    yield Job("import linres, beyond the bare interpreter", found["import"] - found["bare"], 0.3)
    yield Job("linres --help", found["help"], 0.4)
    yield Job("linres train digits", found["train"], 3)


def every_kernel(repeats: int, jobs: int) -> Iterator[Job]:
    measured = compilation.measure()
    kinds = Counter(kernel.name for kernel in measured.compiled)
    seconds: Counter[str] = Counter()
    for kernel in measured.compiled:
        seconds[kernel.name] += kernel.seconds  # type: ignore[assignment]  # a Counter adds up any numbers
    for name, took in seconds.most_common():
        times = f", for {kinds[name]} kinds of arguments" if kinds[name] > 1 else ""
        yield Job(f"compile {name}{times}", took, None)
    yield Job("compile all kernels, and write the cache", measured.seconds, 25)


JOBS: dict[str, Callable[[int, int], Iterator[Job]]] = {
    "quick": quick, "full": full, "certificates": certificates, "rigorous": rigorous, "bound": bound, "start": start,
    "compile": every_kernel,
}


def main(arguments: Sequence[str] | None = None) -> None:
    usual = [name for name in JOBS if name != "full"]
    options = frame.parser(__doc__, sizes=usual, choices=list(JOBS), repeats=3).parse_args(arguments)
    rows = []
    with frame.on(options.jobs):
        for job in (job for name in options.sizes for job in JOBS[name](options.repeats, options.jobs)):
            judged = {} if job.goal is None else {"goal": job.goal, "met": job.seconds <= job.goal}
            rows.append(frame.row(job.name, {frame.OURS: job.seconds}, **judged))
            goal = f"   goal {job.goal} s{'' if judged['met'] else '   MISSED'}" if judged else ""
            print(f"{job.name:<48} {job.seconds:8.3f} s{goal}", flush=True)
    if options.json:
        frame.write(options.json, rows, ["python-flint", "sympy"], jobs=options.jobs, clock="wall")


if __name__ == "__main__":
    main()
