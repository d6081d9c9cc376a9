"""Chances of random residual networks with Gaussian layers, drawn in bulk: for theorems about their tails.

An event is a SymPy inequality between a random number, its left side, and an expression in the symbols of the theorem.
The level that draws are compared with is worked out from that very expression, so that what is claimed and what is
drawn cannot part; it is rounded to float64, as the draws are.

Nothing is drawn of a network with a single layer. Given h_0 with |h_0| = 1 and c = alpha^2/d, |h_1 - h_0|^2/c is a
chi-square variable with d degrees of freedom and |h_1|^2/c a noncentral one with noncentrality 1/c: their probabilities
are balls, whose radius falls with the precision, and what they say is certain.
"""

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import flint
import numpy as np
from sympy.core.relational import GreaterThan, LessThan
from sympy.stats import Probability

from linres.arithmetic import rational
from linres.chance import MOST, Chance, Draw
from linres.errors import refuse
from linres.evaluate import Enclosure
from linres.gaussian_layers import GaussianNetwork
from linres.language import NotExact

COMPARED = (GreaterThan, LessThan)


@dataclass(frozen=True)
class Tail:
    """A network, and how far out in the tail: `far` is the s, or the rho, of the theorem. time: a T or Lambda of it."""

    network: GaussianNetwork
    far: Fraction
    time: Fraction


@dataclass(frozen=True)
class Displacement:
    """A network, how far out in the tail of its norms (as in `Tail`), and how far out in that of a chi-square law."""

    network: GaussianNetwork
    far: Fraction
    chi: Fraction


def chance(event: Any, values: Mapping[Any, Fraction], draw: Draw, *, most: int = MOST) -> dict[Any, Chance]:
    """{Probability(event): its `Chance`}, to be put into a row.

    draw(generator, n) returns n draws of the left side of the event, `<=` or `>=`; values: of the symbols on the right.
    InputError for an event of another kind. Drawing it raises NotExact if a draw or the level is not finite.
    """
    happens, level = operator.ge if _upwards(event) else operator.le, value(event.rhs, values)

    def occurs(generator, n):
        draws = draw(generator, n)
        if not (math.isfinite(level) and np.isfinite(draws).all()):  # nan would pass for an event that did not occur
            raise NotExact(f"{event} is drawn in float64, which cannot hold it here")
        return happens(draws, level)

    return {Probability(event): Chance(occurs, most=most)}


def norm(
    event: Any, values: Mapping[Any, Fraction], network: GaussianNetwork, of: Literal["last", "largest", "smallest"]
) -> dict[Any, Any]:
    """As `chance`, of |h_L|^2/|h_0|^2 (of="last"), but with the probability itself in a ball if there is one layer.

    Likewise if the scale is 0, where every h_k is h_0. of: "largest" and "smallest" are the maximum and the minimum
    over the layers, where h_0 counts. What h_0 makes certain, a maximum >= its own or a minimum <= it, is not drawn: no
    number of draws tells a chance of 1 from a bound of 1. InputError for a maximum with <= or a minimum with >=, of
    which h_0 and a single layer say something else.
    """
    upwards, start = _upwards(event), of != "last"
    if start and upwards != (of == "largest"):
        wanted, other = (">=", "smallest") if of == "largest" else ("<=", "largest")
        raise refuse(f'norm(event, of="{of}")', f"an inequality {wanted}", str(event), f'Of that, take "{other}".')
    if network.square == 0:
        return {Probability(event): _certainly(event, values, 1)}
    level = enclosed(event.rhs, values)
    if start and (level <= 1 if upwards else level >= 1):
        return {Probability(event): flint.arb(1)}
    if network.depth > 1:
        return chance(event, values, getattr(network, of))
    above = layer_above(network.width, network.square * network.variance, level)
    happens = above if upwards else 1 - above
    if start and not (level > 1 if upwards else level < 1):
        happens = happens.union(flint.arb(1))  # it is not decided
    return {Probability(event): happens}


def displacement(event: Any, values: Mapping[Any, Fraction], network: GaussianNetwork, draw: Draw) -> dict[Any, Any]:
    """As `norm`, of what draw draws of |h_k - h_0|^2/|h_0|^2; the level has to be more than 0."""
    if network.square == 0:
        return {Probability(event): _certainly(event, values, 0)}
    if network.depth > 1:
        return chance(event, values, draw)
    level = enclosed(event.rhs, values) / rational(network.square * network.variance / network.width)
    above = (level / 2).gamma_upper(rational(Fraction(network.width, 2)), 1)
    return {Probability(event): above if _upwards(event) else 1 - above}


def _certainly(event: Any, values: Mapping[Any, Fraction], number: int) -> flint.arb:
    """The probability of the event where its left side is surely that number: 1 or 0, or both if it is not decided."""
    over = number - enclosed(event.rhs, values)
    happens, not_so = (over >= 0, over < 0) if _upwards(event) else (over <= 0, over > 0)
    return flint.arb(1) if happens else flint.arb(0) if not_so else flint.arb(1).union(flint.arb(0))


def _upwards(event: Any) -> bool:
    """Whether it is `>=`. InputError if it is neither that nor `<=`."""
    if type(event) not in COMPARED:
        raise refuse("chance(event, ...)", "an inequality <= or >=", str(event))
    return type(event) is GreaterThan


def enclosed(expression: Any, values: Mapping[Any, Fraction]) -> flint.arb:
    """The expression in a ball."""
    return flint.arb(Enclosure({symbol: rational(number) for symbol, number in values.items()}, {}).value(expression))


def value(expression: Any, values: Mapping[Any, Fraction]) -> float:
    """The expression in float64, worked out in balls and rounded once."""
    with flint.ctx.workprec(128):
        return float(enclosed(expression, values))


def chi_square_above(degrees: int, level: Fraction) -> flint.arb:
    """The probability that a chi-square variable is at least the level > 0, in a ball."""
    return flint.arb(rational(level / 2)).gamma_upper(flint.fmpq(degrees, 2), 1)


def layer_above(width: int, square: Fraction, level: flint.arb) -> flint.arb:
    """The probability that |h_1|^2/|h_0|^2 is at least the level > 0, for one layer with alpha^2 = square, in a ball.

    d |h_1|^2/square is chi-square with d + 2 j degrees of freedom if j is Poisson with mean d/(2 square). The sum is
    taken over the j that matter at the working precision; what the others weigh is in the radius.
    """
    rate, reach = Fraction(width) / (2 * square), flint.ctx.prec
    spread = (math.sqrt(1.4 * reach) + 3) * math.sqrt(rate) + reach
    first, last = max(0, int(rate - spread)), int(rate + spread)
    mean, degrees, half = rational(rate), rational(Fraction(width, 2) + first), level * rational(rate)
    weight = (first * flint.arb(mean).log() - mean - flint.arb(first + 1).lgamma()).exp()
    above = half.gamma_upper(degrees, 1)
    more = (degrees * half.log() - half - flint.arb(degrees + 1).lgamma()).exp()  # of two degrees of freedom more
    total, weighed = flint.arb(0), flint.arb(0)
    for j in range(first, last + 1):
        total, weighed = total + weight * above, weighed + weight
        above, degrees = above + more, degrees + 1
        more, weight = more * half / degrees, weight * mean / (j + 1)
    return total + (1 - weighed).union(flint.arb(0))
