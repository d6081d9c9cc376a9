"""Stacking by the parameter rule near its target: exact runs for which all of W* Sigma W*^T is known.

The rule takes the gradient step on the new block itself, so what counts is the curvature of the loss in the output: the
eigenvalues of W* Sigma W*^T, whatever those of Sigma. Runs are made from the former, and Sigma is found from them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import flint

from linres import bounds
from linres.arithmetic import EXACT, Arithmetic, Matrix, divide, inner, rational
from linres.errors import refuse
from linres.instances import Rationals, StackingRun, reflection
from linres.methods import nesterov, stacking

Table = tuple[Rationals, ...]


def smallest_curvature(q, h, L):
    """(1 + 4 b^2 (1+q)/(1-q)) q^2 L/(1-h)^2, b = h/(1-h): the least mu* of stacking-parameter-acceleration."""
    b = h / (1 - h)
    return (1 + 4 * b**2 / nesterov.momentum(q)) * q**2 * L / (1 - h) ** 2


def largest_curvature(h, L):
    """L/(1+h)^2: the largest L* of stacking-parameter-acceleration."""
    return L / (1 + h) ** 2


def basin(h, smallest):
    """mu* h^2/2: the largest Phi_0 of stacking-parameter-acceleration."""
    return smallest * h**2 / 2


class Approach(NamedTuple):
    """A run of T stages, sequences as {t: value}: networks W_t = (I + H_t) W*, offsets H_t and distances B_t, W* = (I +
    B_t) W_t, -1 <= t <= T; blocks w_t and values of W_t, 0 <= t <= T; lookaheads, gradients there and values at them,
    0 <= t < T."""

    sigma: Any
    target: Any
    networks: dict[int, Any]
    blocks: dict[int, Any]
    distances: dict[int, Any]
    offsets: dict[int, Any]
    lookaheads: dict[int, Any]
    gradients: dict[int, Any]
    lookahead_values: dict[int, Any]
    values: dict[int, Any]

    @property
    def stages(self) -> int:
        return len(self.lookaheads)

    @property
    def starts(self) -> dict[int, Any]:
        """What each new block started at: Y = (I + start) W_t."""
        return {t: divide(y - self.networks[t], self.networks[t]) for t, y in self.lookaheads.items()}

    def potentials(self, q, L, minimum) -> dict[int, Any]:
        """Phi_t = ell(W_t) - ell* + (mu/2) |(Z_t - W*) W_{t-1}^{-1}|^2 for mu = q^2 L."""
        found = {}
        for t, value in self.values.items():
            before, network = self.networks[t - 1], self.networks[t]
            offset = (nesterov.auxiliary(network, before, q=q) - self.target) @ before.inverse()
            found[t] = nesterov.potential(value - minimum, inner(offset, offset), mu=q * q * L)
        return found


@dataclass(frozen=True)
class ParameterRun:
    """Stacking by the parameter rule on least squares, exactly: W* = P diag(values) Q and W* Sigma W*^T = U diag(s) U.

    s_i = mu* + shares[i] (L* - mu*), shares in [0, 1], with the smallest mu* and the largest L* that the theorem
    stacking-parameter-acceleration allows for these q, h and L, times flatter and steeper. U, P and Q are the
    reflections with the normals mirror, left and right, () for none. W_0 = (I + displacement U) W*: column j of the
    displacement is along the eigenvector of s_j. block is w_0, () to start from rest. Step size 1/L, momentum
    (1-q)/(1+q). Tables are d rows of d rationals; the bits of exact states triple at each stage.
    """

    q: Fraction
    h: Fraction
    L: Fraction
    shares: Rationals
    values: Rationals
    displacement: Table
    mirror: Rationals = ()
    left: Rationals = ()
    right: Rationals = ()
    block: Table = ()
    minimum: Fraction = Fraction(0)
    stages: int = 1
    flatter: Fraction = Fraction(1)
    steeper: Fraction = Fraction(1)

    @property
    def smallest(self) -> Fraction:
        """mu*"""
        return self.flatter * smallest_curvature(self.q, self.h, self.L)

    @property
    def largest(self) -> Fraction:
        """L*"""
        return self.steeper * largest_curvature(self.h, self.L)

    def training(self, *, of_inputs: bool = False) -> StackingRun:
        """The same run by its moment matrix; of_inputs: with the s_i as the eigenvalues of Sigma instead.

        InputError if a value is 0, so that W* is singular.
        """
        if not all(self.values):
            raise refuse("ParameterRun(values=...)", "positive, for an invertible target", self.values)
        d = len(self.values)
        U, P, Q = (reflection(normal, d, EXACT) for normal in (self.mirror, self.left, self.right))
        target = P @ _diagonal(self.values) @ Q
        spectrum = [self.smallest + share * (self.largest - self.smallest) for share in self.shares]
        back = target.identity() if of_inputs else target.inverse()
        sigma = back @ U @ _diagonal(spectrum) @ U @ back.T
        start = target + EXACT.matrix(self.displacement) @ U @ target
        return StackingRun(
            sigma=_table(sigma), target=_table(target), start=_table(start), momentum=nesterov.momentum(self.q),
            step_size=1 / self.L, stages=self.stages, minimum=self.minimum,
        )

    def record(
        self, arithmetic: Arithmetic, *, stage: Callable = stacking.stage, rule: str = "parameter", momentum: Any = 1,
        pace: Any = 1, of_inputs: bool = False,
    ) -> Approach:
        """The run in the arithmetic, up to where a network is singular; it takes so many times the momentum and step
        size that it should, by any rule and stage. of_inputs: see `training`."""
        training = self.training(of_inputs=of_inputs)
        other = replace(training, momentum=momentum * training.momentum, step_size=pace * training.step_size)
        previous = self._previous(training)
        made = other.record(arithmetic, stage=stage, rule=rule, previous=previous)
        return _approach(training, made.stages, arithmetic, previous or training.start)

    def _previous(self, training: StackingRun) -> Table:
        """W_{-1} = (I + w_0)^{-1} W_0; () from rest."""
        if not self.block:
            return ()
        block = EXACT.matrix(self.block)
        return _table((block.identity() + block).inverse() @ EXACT.matrix(training.start))


def _approach(training: StackingRun, stages: list, arithmetic: Arithmetic, previous: Table) -> Approach:
    function = training.function(arithmetic)
    known = [*map(arithmetic.matrix, (previous, training.start)), *(each.grown for each in stages)]
    networks = dict(enumerate(known, -1))
    lookaheads = {t: each.lookahead for t, each in enumerate(stages)}
    return Approach(
        sigma=arithmetic.matrix(training.sigma), target=function.minimiser, networks=networks,
        blocks={t + 1: divide(later - now, now) for t, (now, later) in enumerate(pairwise(known), -1)},
        distances={t: divide(function.minimiser - network, network) for t, network in networks.items()},
        offsets={t: divide(network - function.minimiser, function.minimiser) for t, network in networks.items()},
        lookaheads=lookaheads, gradients={t: each.gradient for t, each in enumerate(stages)},
        lookahead_values={t: function.value(y) for t, y in lookaheads.items()},
        values={t: function.value(network) for t, network in networks.items() if t >= 0},
    )


def _diagonal(entries) -> Matrix:
    d = range(len(entries))
    return EXACT.matrix([[entries[i] if i == j else Fraction(0) for j in d] for i in d])


def _table(matrix: Matrix) -> Table:
    return tuple(tuple(map(bounds.fraction, row)) for row in matrix.data.tolist())


def potential(run: ParameterRun) -> flint.fmpq:
    """Phi_0 of a run, exactly."""
    return replace(run, stages=0).record(EXACT).potentials(*map(rational, (run.q, run.L, run.minimum)))[0]


def within(run: ParameterRun, reach: Fraction = Fraction(1), bits: int = 8) -> ParameterRun:
    """The run with its displacement and its block times k 2^-bits, k <= 2^bits as large as Phi_0 <= reach times the
    basin allows.

    The displacement should be shorter than 1, so that no network on the way is singular.
    """
    allowed = rational(reach * basin(run.h, run.smallest))
    fits, not_known = 0, 2**bits + 1
    while not_known - fits > 1:
        k = (fits + not_known) // 2
        inside = potential(_shrunk(run, Fraction(k, 2**bits))) <= allowed
        fits, not_known = (k, not_known) if inside else (fits, k)
    return _shrunk(run, Fraction(fits, 2**bits))


def _shrunk(run: ParameterRun, share: Fraction) -> ParameterRun:
    displacement, block = (
        tuple(tuple(share * entry for entry in row) for row in table) for table in (run.displacement, run.block)
    )
    return replace(run, displacement=displacement, block=block)


def neuron(
    inverse_root: Fraction, *, h: Fraction, offset: Fraction, share: Fraction = Fraction(0),
    target: Fraction = Fraction(1), **options: Any,
) -> ParameterRun:
    """A network of one neuron from (1 + offset) W*, by default W* = 1, curvature mu* + share (L* - mu*), L = 3."""
    return ParameterRun(
        q=inverse_root, h=h, L=Fraction(3), shares=(share,), values=(target,), displacement=((offset,),), **options)


def generic_run(stages: int = 3) -> ParameterRun:
    """A run in the plane in which nothing commutes, from rest."""
    f = Fraction
    return within(ParameterRun(
        q=f(1, 4), h=f(1, 8), L=f(3), shares=(f(0), f(1)), values=(f(1), f(3)), mirror=(f(1), f(2)), left=(f(3), f(1)),
        right=(f(1), f(1)), displacement=((f(1, 2), f(1, 4)), (f(-1, 4), f(1, 8))), minimum=f(3, 4), stages=stages,
    ))
