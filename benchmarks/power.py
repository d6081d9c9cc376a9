"""How surely a wrong law of random networks is noticed: `python -m benchmarks.power [--repeats N]`.

Each control is a law with one thing wrong, beside the right one. `linres.chance.compare` draws from both until it says
that they differ, at the level that the tests use, and is repeated with new seeds: how often it does is the power. The
last column is a lower bound of the power that holds but for a risk of 1 in 1000; 700 of 700 give .9901. The right law
beside itself comes first, at the level 1/20: there it should differ in one of 20 cases at most.

Controls of theorems are decided exactly, or computed and not drawn: their power is 1, and they are not in this table.
"""

import argparse
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from linres.chance import LEVEL, compare
from linres.methods import correlated
from linres.methods.propagation import propagate

Draw = Callable[[np.random.Generator, int], np.ndarray]
MOST = 2**18  # pairs drawn in a comparison


class Control(NamedTuple):
    """What is wrong, the right law and the wrong one."""

    name: str
    right: Draw
    wrong: Draw


def networks(of: str = "log_norm", **settings) -> Draw:
    """A law of `propagate`: depth 4 and width 7, unless told otherwise."""
    merged = {"depth": 4, "width": 7, "exponent": 0.25} | settings

    def draw(generator: np.random.Generator, n: int) -> np.ndarray:
        return getattr(propagate(runs=n, seed=int(generator.integers(2**63)), **merged), of)

    return draw


def layers(*, variance: float = 1.0, more: int = 0) -> Draw:
    """log |h_4|^2 at width 7 and exponent 1/4 by NumPy; variance: of the weights times 7; more degrees of freedom."""
    def draw(generator: np.random.Generator, n: int) -> np.ndarray:
        unit = 4.0**-0.25 * math.sqrt(variance / 7)
        along, across = generator.standard_normal((n, 4)), generator.chisquare(6 + more, (n, 4))
        return np.sum(np.log((1 + unit * along) ** 2 + unit**2 * across), axis=1)

    return draw


def slipped(hurst: float, length: int, *, middle: bool, last: bool) -> np.ndarray:
    """Eigenvalues for noise of so many steps, with the slips of public code: middle, 0 in the place of r(N); last,
    eigenvalue 0 in the place of eigenvalue N; negative ones taken for 0."""
    row = correlated.covariance(np.arange(length + 1), hurst)
    values = correlated.circulant([*row[:-1], 0.0 if middle else row[-1]])
    if last:
        values[length] = values[0]
    return np.maximum(values, 0)


def noise(eigenvalues: np.ndarray, steps: int) -> Draw:
    """The sum of the first steps of a Gaussian series with a circulant matrix of these eigenvalues."""
    roots = np.sqrt(eigenvalues / len(eigenvalues))
    # The sum is normal; its variance is that of the series, all covariances added up.
    row = np.fft.ifft(roots**2 * len(roots)).real[:steps]
    spread = math.sqrt(steps * row[0] + 2 * sum((steps - k) * row[k] for k in range(1, steps)))
    return lambda generator, n: spread * generator.standard_normal(n)


def fractional(hurst: float, steps: int = 8) -> Draw:
    """The sum of so many steps of fractional noise, by `correlated.series`."""
    values = correlated.eigenvalues(correlated.fractional(hurst, steps))
    roots = np.sqrt(values / len(values))

    def draw(generator: np.random.Generator, n: int) -> np.ndarray:
        normals = generator.standard_normal((-(-n // 2), len(roots), 2))
        return correlated.series(roots, normals, steps)[:n].sum(axis=1)

    return draw


def controls() -> list[Control]:
    """Wrong exponents, wrong variances, wrong reductions, and wrong generators of fractional noise."""
    right = networks()
    deep, deeper = (networks("log_distance", depth=64, width=4, exponent=b) for b in (0.5, 0.55))
    relu, louder = (networks(block="relu", matrices=2, exponent=0.25 - math.log(v, 16)) for v in (1, 1.2))
    exact, one, both = (
        noise(slipped(0.97, 1000, middle=middle, last=last), 1)
        for middle, last in ((False, False), (True, False), (True, True))
    )
    return [
        Control("exponent .275 for .25", right, networks(exponent=0.275)),
        Control("exponent .55 for .5", deep, deeper),
        Control("variance 10 % larger", right, layers(variance=1.1)),
        Control("variance 10 % smaller", right, layers(variance=0.9)),
        Control("a degree of freedom more", right, layers(more=1)),
        Control("variance 20 % larger, ReLU", relu, louder),
        Control("Hurst index .8 for .9", fractional(0.9), fractional(0.8)),
        Control("Hurst index .36 for .3", fractional(0.3), fractional(0.36)),
        Control("0 for r(N), H = .97, N = 1000", exact, one),
        Control("both slips, H = .97, N = 1000", exact, both),
    ]


def alarms(first: Draw, second: Draw, repeats: int, *, level: Fraction = LEVEL, most: int = MOST) -> tuple[int, int]:
    """How many of so many comparisons say that the laws differ, and the largest number of pairs one of them took."""
    found = [compare(first, second, seed=seed, most=most, level=level) for seed in range(repeats)]
    return sum(each.differ for each in found), max(each.pairs for each in found)


def at_least(seen: int, repeats: int, risk: float = 1e-3) -> float:
    """A lower bound of a probability of which so many of so many cases were seen, but for that risk (Clopper and
    Pearson 1934: the number of cases is chosen beforehand)."""
    from scipy.stats import beta

    return float(beta.ppf(risk, seen, repeats - seen + 1)) if seen else 0.0


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--repeats", type=int, default=700, metavar="N", help="comparisons of each (default: 700)")
    repeats = options.parse_args(arguments).repeats
    alike, _ = alarms(layers(), layers(), repeats, level=Fraction(1, 20), most=2**14)
    print(f"{'the same law, level 1/20':<32}{alike:>6} of {repeats} differ")
    for control in controls():
        seen, pairs = alarms(control.right, control.wrong, repeats)
        found = f"{seen:>6} of {repeats} noticed, within {pairs} pairs"
        print(f"{control.name:<32}{found}; power > {at_least(seen, repeats):.4f}", flush=True)


if __name__ == "__main__":
    main()
