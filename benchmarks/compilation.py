"""What compiling costs, kernel by kernel: `python -m benchmarks.compilation`, the JSON of what this process compiles.

It runs whatever is compiled in linres, at the smallest sizes, and times each kernel for each kind of arguments that
it is compiled for. With an empty cache that is everything: `measure` is that, in a process of its own.

A kernel's time is without that of the kernels it calls, each of which is compiled once, and with that of the pieces of
Numba that it needs alone. Seconds are of processor time: others on the machine do not count.
"""

import importlib
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGE = "linres.kernels"


class Compiled(NamedTuple):
    """A kernel, as module.function, or a piece of Numba; the types of its arguments, seconds, and those in LLVM."""

    name: str
    arguments: str
    seconds: float
    llvm: float


# ------------------------------------------------------------------------------------------------------ what is run


def samples() -> None:
    """What sampled verification measures."""
    from linres import NAMES, load
    from linres.rungs import sampled

    for name in NAMES:
        sampled.drawn(load(name), count=8, seed=0)


def solvers() -> None:
    """The solvers on least squares and the recurrence of bounds."""
    import numpy as np

    from linres.kernels import chebyshev, conjugate_gradient, descent, nesterov, recurrence, stacking

    sigma = target = start = np.eye(2)
    chebyshev.run(sigma, target, start, 0.5, 1.0, 1)
    conjugate_gradient.run(sigma, target, start, 1)
    descent.run(sigma, target, start, 1.0, 1)
    nesterov.run(sigma, target, start, 0.5, 1.0, 1)
    for functional in (True, False):
        stacking.run(sigma, target, start, 0.5, 1.0, 1, functional)
    recurrence.run(1.0, 0.5, np.ones(2))


def gradients() -> None:
    """Loss and gradients of all blocks, on one thread and on two."""
    import numba
    import numpy as np

    from linres.kernels import blocks

    d, depth = 64, 2
    before, numba_threads = numba.get_num_threads(), min(2, numba.config.NUMBA_NUM_THREADS)
    sigma, weights = np.eye(d), np.zeros((depth, d, d))
    moments = blocks.Moments(sigma, sigma, depth)
    moments.excess(weights)
    moments.evaluate(weights)
    blocks.run(sigma, sigma, weights, 0.5, 1.0, 1)
    moments, weights = blocks.Moments(sigma, sigma, 48), np.zeros((48, d, d))  # large enough for threads
    numba.set_num_threads(numba_threads)
    moments.evaluate(weights)
    numba.set_num_threads(before)


def batches() -> None:
    """Stacking of many problems, side by side in vectors and one by one."""
    import numpy as np

    import linres

    for d in (2, 40):
        for rule in ("functional", "parameter"):
            linres.stacking_batch(np.eye(d), 2 * np.eye(d), stages=2, rule=rule, momentum=0.5, step_size=0.1)


def propagation() -> None:
    """Random networks, in each of the ways that they are drawn."""
    from linres.figures import strong
    from linres.methods.propagation import propagate

    propagate(2, width=4, exponent=0.5)
    propagate(2, width=4, exponent=0.5, distances=False)
    propagate(2, width=4, exponent=0.5, block="tanh")
    propagate(2, width=4, exponent=0.5, gradients=True)
    propagate(2, width=4, exponent=0.5, gradients=True, law="uniform")
    propagate(2, width=4, exponent=1.0, gradients=True, weights="smooth")
    strong.compute((2,), width=4, refinement=2, runs=2)


RUNS: tuple[Callable[[], None], ...] = (samples, solvers, gradients, batches, propagation)

# ---------------------------------------------------------------------------------------------------- what is recorded


def record() -> list[Compiled]:
    """A list that gets everything which Numba compiles in this process from now on, callees before callers.

    Numba compiles on one thread at a time, so that one stack serves all.
    """
    from numba.core import event

    found: list[Compiled] = []
    begun: list[list[float]] = []  # when, seconds of what it needs, seconds of LLVM; the innermost last
    locked = [0.0]

    class Compiling(event.Listener):
        def on_start(self, event):
            begun.append([time.thread_time(), 0.0, 0.0])

        def on_end(self, event):
            start, inner, llvm = begun.pop()
            took = time.thread_time() - start
            if begun:
                begun[-1][1] += took
            found.append(Compiled(_name(event.data["dispatcher"]), _types(event.data["args"]), took - inner, llvm))

    class InLLVM(event.Listener):
        def on_start(self, event):
            locked[0] = time.thread_time()

        def on_end(self, event):
            if begun:
                begun[-1][2] += time.thread_time() - locked[0]

    event.register("numba:compile", Compiling())
    event.register("numba:llvm_lock", InLLVM())
    return found


def _name(dispatcher: Any) -> str:
    function = dispatcher.py_func
    return f"{function.__module__}.{function.__qualname__}".removeprefix(f"{PACKAGE}.")


def _types(arguments: Any) -> str:
    return ", ".join(kind.name for kind in arguments)


def kernels() -> dict[str, Any]:
    """The dispatchers of all compiled functions of the package, by name, but for those that become their callers'."""
    import linres.kernels

    modules = [importlib.import_module(f"{PACKAGE}.{found.name}") for found in pkgutil.iter_modules(
        linres.kernels.__path__)]
    every = {_name(value): value for module in modules for value in vars(module).values() if hasattr(value, "py_func")}
    return {name: value for name, value in every.items() if value.targetoptions.get("inline") != "always"}


def run() -> None:
    for each in RUNS:
        each()


class Measured(NamedTuple):
    """What is compiled, and the seconds that it adds to a process, writing the cache included."""

    compiled: list[Compiled]
    seconds: float


def measure() -> Measured:
    """Everything compiled into an empty cache, by a process of its own, and another that finds it there."""
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = (_process(cache) for _ in range(2))
    return Measured([Compiled(*row) for row in cold["compiled"]], cold["seconds"] - warm["seconds"])


def _process(cache: str) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_DISABLE_JIT"}
    done = subprocess.run([sys.executable, "-m", "benchmarks.compilation"], cwd=ROOT, check=True, text=True,
                          env=environment | {"NUMBA_CACHE_DIR": cache}, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def main() -> None:
    found = record()
    run()
    print(json.dumps({"seconds": time.process_time(), "compiled": found}))


if __name__ == "__main__":
    main()
