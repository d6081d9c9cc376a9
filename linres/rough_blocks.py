"""Blocks that start at random, and what of each is not known from the blocks before it: all outcomes, exactly.

Chance is finite, as in `linres.random_start_runs`: a random block is a column of blocks, one for each of the equally
likely outcomes, and inner products are sums over them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np

from linres.arithmetic import Arithmetic, inner
from linres.linear_networks import Table
from linres.methods import stacking
from linres.random_start_runs import OUTCOMES, Laws, _fractions, _outcomes, _stacked
from linres.theorem import Batch

STAGES = 2  # of runs in bulk


class Rough(NamedTuple):
    """Blocks w_0 = 0, ..., w_T, their means given the past and what is left, m_t and x_t of w_{t+1}; the least |x_t|^2,
    and sums of |w_{t+1} - w_t|^2: columns of blocks and numbers, as {t: value}."""

    blocks: dict[int, Any]
    means: dict[int, Any]
    rests: dict[int, Any]
    least: Any
    totals: dict[int, Any]


@dataclass(frozen=True)
class RoughRun:
    """Stagewise training on least squares, a stage for each law. Block t + 1 starts at momentum w_t plus a draw.

    laws[t]: the equally likely draws but the last, which is minus their sum. rule: that of `stacking.stage`; the
    functional one needs every network to be invertible.
    """

    sigma: Table
    target: Table
    start: Table
    laws: Laws
    step_size: Fraction
    momentum: Fraction = Fraction(0)
    rule: str = "parameter"

    def record(
        self, arithmetic: Arithmetic, *, train: Callable = stacking.train_block, repeated: bool = False
    ) -> Rough:
        """The run. repeated: a wrong one, every block drawing what the first one did."""
        laws = _outcomes(self.laws, Fraction(0))
        sigma, target, start = map(arithmetic.matrix, (self.sigma, self.target, self.start))
        momentum, size = arithmetic.number(self.momentum), arithmetic.number(self.step_size)

        def run(draws) -> list[Any]:
            network, blocks = start, [start - start]
            for table in draws:
                begun = momentum * blocks[-1] + arithmetic.matrix(table)
                made = train(network, begun, lambda at: (at - target) @ sigma, step_sizes=(size,), rule=self.rule)
                network = made.network
                blocks.append(made.block)
            return blocks

        runs = [run(draws[:1] * len(draws) if repeated else draws) for draws in product(*laws)]
        columns = [list(blocks) for blocks in zip(*runs, strict=True)]
        means = [_given_the_past(column, laws, t, arithmetic) for t, column in enumerate(columns[1:])]
        stacked, expected = list(map(_stacked, columns)), list(map(_stacked, means))
        return _rough(stacked, expected, arithmetic)


def _given_the_past(column: list[Any], laws: list[list[Table]], t: int, arithmetic: Arithmetic) -> list[Any]:
    """For each outcome the mean of the blocks over all outcomes that draw the same up to block t."""
    alike = int(np.prod([len(law) for law in laws[t:]], dtype=int))
    found = []
    for begun in range(0, len(column), alike):
        total = column[begun]
        for block in column[begun + 1 : begun + alike]:
            total = total + block
        found += [arithmetic.number(Fraction(1, alike)) * total] * alike
    return found


def _rough(blocks: list[Any], means: list[Any], arithmetic: Arithmetic) -> Rough:
    rests = [block - mean for block, mean in zip(blocks[1:], means, strict=True)]
    totals = [arithmetic.number(Fraction(0))]
    for before, after in pairwise(blocks):
        totals.append(totals[-1] + inner(after - before, after - before))
    least = min((inner(rest, rest) for rest in rests), default=arithmetic.number(Fraction(0)))
    return Rough(
        dict(enumerate(blocks)), dict(enumerate(means)), dict(enumerate(rests)), least, dict(enumerate(totals))
    )


def rough_runs(max_stages: int = 3, max_dimension: int = 2):
    """Hypothesis strategy: `RoughRun`s by the parameter rule of up to OUTCOMES outcomes."""
    from hypothesis import strategies as st

    from linres.strategies import moment_matrices, shares, tables

    @st.composite
    def drawn(draw):
        d, room, laws = draw(st.integers(1, max_dimension)), OUTCOMES, []
        for _ in range(draw(st.integers(1, max_stages))):
            size = draw(st.integers(2, max(2, min(room, 3))))
            if size <= room:
                laws.append(draw(st.tuples(*[tables(d)] * (size - 1))))
                room //= size
        return RoughRun(
            draw(moment_matrices(d)), draw(tables(d)), draw(tables(d)), tuple(laws),
            Fraction(draw(st.integers(1, 16)), 64), draw(st.one_of(st.just(Fraction(0)), shares())),
        )

    return drawn()


def bulk(generator: np.random.Generator, count: int, *, total: Any, least: Any, depth: Any) -> Batch:
    """count runs in the plane by the parameter rule, STAGES draws of two outcomes; the arguments are symbols."""
    spread, target, start, *laws = generator.integers(-8, 9, (3 + STAGES, count, 2, 2)) / 8
    sigma, size = np.eye(2) * (1 + np.abs(spread)) / 2, generator.integers(1, 17, (count, 1, 1)) / 64
    share = generator.integers(0, 2, (count, 1, 1)) / 2
    reached, squares, rests = [(start, np.zeros_like(start))], [np.zeros(count)], []
    for law in laws:
        made = []
        for network, block in reached:
            pair = [_block(network, share * block + sign * law, target, sigma, size) for sign in (1, -1)]
            mean = (pair[0] - pair[1]) / 2
            rests.append((len(reached), 2 * np.sum(mean**2, axis=(1, 2))))
            made += [(network + new @ network, new, new - block) for new in pair]
        reached = [(network, new) for network, new, _ in made]
        outcomes = 2**STAGES // len(made)
        squares.append(squares[-1] + outcomes * sum(np.sum(way**2, axis=(1, 2)) for *_, way in made))
    levels = sorted({level for level, _ in rests})
    smallest = np.min([2**STAGES / (2 * n) * sum(r for level, r in rests if level == n) for n in levels], axis=0)

    def instance(k: int) -> RoughRun:
        pace, momentum = (Fraction(float(numbers[k, 0, 0])) for numbers in (size, share))
        return RoughRun(
            _fractions(sigma[k]), _fractions(target[k]), _fractions(start[k]),
            tuple((_fractions(law[k]),) for law in laws), pace, momentum,
        )

    return Batch({total: np.array(squares), least: smallest, depth: STAGES}, instance, count)


def _block(network, begun, target, sigma, size):
    slope = (network + begun @ network - target) @ sigma
    return begun - size * slope @ network.transpose(0, 2, 1)
