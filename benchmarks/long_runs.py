"""Float64 runs of stacking as certified instances: `python -m benchmarks.long_runs [STAGES]`, 10,000 by default.

Each run is trained by the compiled kernel and taken at its word (`linres.near_target.RecordedStackingRun`), and the
theorem stacking-acceleration-with-errors is decided on it: every definition and hypothesis at every stage, the
conclusion at every horizon, in rational and ball arithmetic. Nothing is skipped and nothing has a tolerance. What is
certified is the bound on this run with the errors recorded; that the run is stacking is what made them this small.
"""

import argparse
import resource
import time

import flint
import numpy as np

import linres
from linres import bounds
from linres.arithmetic import EXACT
from linres.data import load
from linres.evaluate import Enclosure
from linres.methods import nesterov
from linres.near_target import RecordedStackingRun, largest_K, recorded
from linres.rungs import rigorous

GOAL = 30  # seconds for d = 16, kappa = 1e4 and 10,000 stages


def synthetic(d: int, kappa: float = 1e4, *, seed: int = 0):
    """Sigma with log-spaced eigenvalues in a random basis, a Gaussian target, a start near it; (d, d) each."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((d, d)))[0]
    sigma = (basis * np.geomspace(1 / kappa, 1, d)) @ basis.T
    return near((sigma + sigma.T) / 2, rng.standard_normal((d, d)), rng)


def digits():
    """The embedded digits, from next to their target."""
    problem = load("digits")
    return near(problem.sigma, problem.target, np.random.default_rng(0))


def near(sigma: np.ndarray, target: np.ndarray, rng: np.random.Generator):
    """sigma, target and a start in a random direction, where the root of the potential is half of K."""
    q, L = bounds.curvature(sigma)
    direction = rng.standard_normal(target.shape)
    excess = np.sum(direction @ sigma * direction) / 2
    potential = nesterov.potential(excess, np.sum(direction**2), mu=float(q * q * L))
    K = float(largest_K(q, L, bounds.smallest_singular_value(target)))
    return sigma, target, target + K / 2 / np.sqrt(potential) * direction


PROBLEMS = {"d = 4": lambda: synthetic(4), "d = 16": lambda: synthetic(16), "digits": digits}


def ends(run: RecordedStackingRun) -> tuple[float, float]:
    """Phi_T of the last stage, and what the theorem says it is at most; certified up to the last digits shown."""
    theorem = linres.load("stacking-acceleration-with-errors")
    [row] = theorem.measure(run, EXACT)
    walk = Enclosure(row, theorem.definitions, {theorem.over[1]: len(run.drifts)})
    left, right = (flint.arb(walk.value(side)) for side in theorem.conclusion.args)
    return float((left * left).upper()), float((right * right).upper())


def certify(name: str, stages: int) -> tuple[RecordedStackingRun, float, float]:
    """The run, the seconds that training took and those of the exact check. SystemExit if it is not certified."""
    theorem = linres.load("stacking-acceleration-with-errors")
    begun = time.perf_counter()
    run = recorded(*PROBLEMS[name](), stages)
    trained = time.perf_counter()
    checked = rigorous.check(theorem, run)
    if (checked.holds, checked.rejected, checked.undecided, checked.failure) != (1, 0, 0, None):
        raise SystemExit(f"{name}: not certified, {checked}")
    return run, trained - begun, time.perf_counter() - trained


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("stages", nargs="?", type=int, default=10_000)
    stages = options.parse_args().stages
    certify("d = 4", 2)  # compiles the kernel
    for name in PROBLEMS:
        run, training, checking = certify(name, stages)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        potential, bound = ends(run)
        late = "   MISSED" if training + checking > GOAL else ""
        print(
            f"{name:<8} kappa {float(1 / run.q**2):8.4g}  {stages} stages: trained in {training:.2f} s, certified in "
            f"{checking:.2f} s ({1e3 * checking / stages:.2f} ms a stage), {memory:.0f} MB so far; "
            f"Phi_T = {potential:.2g} <= {bound:.2g}{late}"
        )


if __name__ == "__main__":
    main()
