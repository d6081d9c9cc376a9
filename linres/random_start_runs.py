"""Exact runs of stagewise training whose blocks start at random, all outcomes at once.

Chance is finite: every stage draws its start from a few equally likely tables of mean 0, independently of the others,
and so all outcomes are run one by one. A random matrix is then a column of blocks, one for each outcome; its mean is
what the projection P makes of it, which puts the average of the blocks into each place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from linres.arithmetic import Arithmetic, Matrix, divide
from linres.linear_networks import Table, identity
from linres.methods import descent, random_start

STAGES = 2  # of runs in bulk
OUTCOMES = 16  # at most, of drawn runs


class RandomTraining(NamedTuple):
    """All outcomes of a run: columns of m blocks (d x d), the starts as m x m blocks; sequences as {t: value}.

    L is at least the largest eigenvalue of sigma; points are those of gradient descent on the mean target.
    """

    step_size: Any
    L: Any
    averaging: Any
    sigma: Any
    target: Any
    starts: dict[int, Any]
    noises: dict[int, Any]
    lookaheads: dict[int, Any]
    networks: dict[int, Any]
    means: dict[int, Any]
    points: dict[int, Any]


@dataclass(frozen=True)
class RandomStartRun:
    """Stagewise training on least squares with moment matrix sigma, one stage for each of the laws.

    laws[t]: the equally likely starts of block t + 1 but the last, which is minus their sum, so that the mean is 0.
    targets: the equally likely best maps: one for the loss as it is, more for labels with noise. Tables have d rows of
    d.
    """

    sigma: Table
    targets: tuple[Table, ...]
    start: Table
    laws: tuple[tuple[Table, ...], ...]
    step_size: Fraction

    def outcomes(self, bias: Fraction = Fraction(0)) -> list[tuple[Table, ...]]:
        """Every outcome: the target and the start of each block. bias: what is added to all entries of all starts."""
        laws = [[_moved(each, bias) for each in (*law, _rest(law))] for law in self.laws]
        return list(product(self.targets, *laws))

    def record(
        self, arithmetic: Arithmetic, *, stage: Callable = random_start.stage, bias: Fraction = Fraction(0),
        repeated: bool = False, momentum: Fraction = Fraction(0),
    ) -> RandomTraining:
        """The run. Wrong ones: repeated, every block starts as the first one did; momentum, not at random, but at so
        many times the last change of the map (zero start first), for invertible maps."""
        sigma, step_size = arithmetic.matrix(self.sigma), arithmetic.number(self.step_size)
        share, runs, outcomes = arithmetic.number(momentum), [], self.outcomes(bias)
        for outcome in outcomes:
            goal, *blocks = map(arithmetic.matrix, outcome)
            start_of = _random(blocks[:1] * len(blocks) if repeated else blocks) if not momentum else _stacked_on(share)
            runs.append(_run(
                arithmetic.matrix(self.start), goal, sigma, len(blocks), start_of, partial(stage, step_size=step_size)
            ))
        averaging = arithmetic.matrix(_averaging(len(outcomes), len(self.sigma)))
        target = _stacked([arithmetic.matrix(each) for each, *_ in outcomes])
        starts_, noises, lookaheads, networks = (_by_stage([run[k] for run in runs]) for k in range(4))
        networks = {t: _stacked(blocks) for t, blocks in networks.items()}
        return RandomTraining(
            step_size, arithmetic.number(sum(row[i] for i, row in enumerate(self.sigma))), averaging, sigma, target,
            {t: _diagonal(blocks) for t, blocks in starts_.items()}, {t: _stacked(b) for t, b in noises.items()},
            {t: _stacked(b) for t, b in lookaheads.items()}, networks,
            {t: averaging @ network for t, network in networks.items()},
            _descended(networks[0], averaging @ target, sigma, step_size, len(self.laws)),
        )


def _random(blocks: list[Any]) -> Callable:
    """The start of a block, given the networks so far: the one drawn."""
    return lambda networks: blocks[len(networks) - 1]


def _stacked_on(momentum: Any) -> Callable:
    """The start of a block, given the networks so far: momentum times the last block, 0 if there is none."""
    def start(networks):
        before, now = networks[max(len(networks) - 2, 0)], networks[-1]
        return momentum * divide(now - before, before)

    return start


def _run(network, target, sigma, stages: int, start_of: Callable, stage: Callable):
    """One outcome: starts, noises and points W_t + noise at every stage, and networks W_0, ..., W_T."""
    def gradient(point):
        return (point - target) @ sigma

    starts, noises, lookaheads, networks = [], [], [], [network]
    for _ in range(stages):
        starts.append(start_of(networks))
        made = stage(networks[-1], starts[-1], gradient)
        noises.append(made.noise)
        lookaheads.append(made.lookahead)
        networks.append(made.network)
    return starts, noises, lookaheads, networks


def _descended(start, target, sigma, step_size, stages: int) -> dict[int, Any]:
    points = [start]
    for _ in range(stages):
        points.append(descent.step(points[-1], lambda point: (point - target) @ sigma, step_size=step_size))
    return dict(enumerate(points))


def _rest(law: tuple[Table, ...]) -> Table:
    """Minus the sum of the tables."""
    return tuple(tuple(-sum(entries) for entries in zip(*rows, strict=True)) for rows in zip(*law, strict=True))


def _moved(table: Table, bias: Fraction) -> Table:
    return tuple(tuple(entry + bias for entry in row) for row in table)


def _averaging(outcomes: int, d: int) -> list[list[Fraction]]:
    """The projection (1/m) 1 1^T (x) I on columns of equal blocks."""
    side = range(outcomes * d)
    return [[Fraction(int(i % d == j % d), outcomes) for j in side] for i in side]


def _by_stage(runs: list[list[Any]]) -> dict[int, list[Any]]:
    return dict(enumerate(map(list, zip(*runs, strict=True))))


def _stacked(blocks: list[Any]) -> Any:
    """The blocks (d x d) as one column."""
    if isinstance(blocks[0], np.ndarray):
        return np.concatenate(blocks)
    rows, columns = blocks[0].shape
    entries = [entry for block in blocks for entry in block.entries()]
    return Matrix(type(blocks[0].data)(len(blocks) * rows, columns, entries))


def _diagonal(blocks: list[Any]) -> Any:
    """The blocks (d x d) along the diagonal of a matrix that is 0 elsewhere."""
    nothing = blocks[0] - blocks[0]
    columns = [_stacked([block if i == j else nothing for i in range(len(blocks))]) for j, block in enumerate(blocks)]
    return np.concatenate(columns, axis=1) if isinstance(nothing, np.ndarray) else _stacked([c.T for c in columns]).T


def random_start_runs(max_stages: int = 4, max_dimension: int = 2):
    """Hypothesis strategy: `RandomStartRun`s of up to OUTCOMES outcomes, laws of two or three points at every stage."""
    from hypothesis import strategies as st

    from linres.strategies import moment_matrices, tables

    @st.composite
    def drawn(draw):
        d, targets = draw(st.integers(1, max_dimension)), draw(st.integers(1, 2))
        table, laws, outcomes = tables(d), [], targets
        for _ in range(draw(st.integers(1, max_stages))):
            sizes = [size for size in (2, 3) if outcomes * size <= OUTCOMES]
            if sizes:
                size = draw(st.sampled_from(sizes))
                laws.append(draw(st.tuples(*[table] * (size - 1))))
                outcomes *= size
        return RandomStartRun(
            sigma=draw(moment_matrices(d)), targets=draw(st.tuples(*[table] * targets)),
            start=draw(st.one_of(st.just(identity(d)), table)), laws=tuple(laws),
            step_size=Fraction(draw(st.integers(1, 16)), 64),
        )

    return drawn()


class RandomStartBulk(NamedTuple):
    """means and points (STAGES + 1, count, 2, 2) in float64, and how to rebuild the k-th run."""

    means: np.ndarray
    points: np.ndarray
    instance: Callable[[int], RandomStartRun]


def random_start_runs_in_bulk(generator: np.random.Generator, count: int) -> RandomStartBulk:
    """count runs in the plane, on uncorrelated inputs of different sizes, with starts of two outcomes."""
    spread, target, start, *laws = generator.integers(-8, 9, (3 + STAGES, count, 2, 2)) / 8
    sigma = np.eye(2) * (1 + np.abs(spread)) / 2
    step_size = generator.integers(1, 17, (count, 1, 1)) / 32

    def gradient(point):
        return (point - target) @ sigma

    networks = [[start]] + [[] for _ in laws]
    for t, law in enumerate(laws):
        for network, block in product(networks[t], (law, -law)):
            networks[t + 1].append(random_start.stage(network, block, gradient, step_size=step_size).network)
    points = _descended(start, target, sigma, step_size, STAGES)

    def instance(k: int) -> RandomStartRun:
        return RandomStartRun(
            _fractions(sigma[k]), (_fractions(target[k]),), _fractions(start[k]),
            tuple((_fractions(law[k]),) for law in laws), Fraction(float(step_size[k, 0, 0])),
        )

    means = np.array([np.mean(each, axis=0) for each in networks])
    return RandomStartBulk(means, np.array(list(points.values())), instance)


def _fractions(matrix: np.ndarray) -> Table:
    return tuple(tuple(Fraction(float(entry)) for entry in row) for row in matrix)
