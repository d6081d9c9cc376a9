"""Chances of random residual networks with Gaussian layers, drawn in bulk: for theorems about their tails.

An event is a SymPy inequality between a random number, its left side, and an expression in the symbols of the theorem.
The level that draws are compared with is worked out from that very expression, so that what is claimed and what is
drawn cannot part; it is rounded to float64, as the draws are.
"""

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
from sympy.core.relational import GreaterThan, LessThan
from sympy.stats import Probability

from linres.chance import MOST, Chance, Draw
from linres.errors import refuse
from linres.evaluate import Enclosure
from linres.gaussian_layers import GaussianNetwork

COMPARED = {GreaterThan: operator.ge, LessThan: operator.le}


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
    InputError for an event of another kind.
    """
    if type(event) not in COMPARED:
        raise refuse("chance(event, ...)", "an inequality <= or >=", str(event))
    happens, level = COMPARED[type(event)], value(event.rhs, values)
    return {Probability(event): Chance(lambda generator, n: happens(draw(generator, n), level), most=most)}


def value(expression: Any, values: Mapping[Any, Fraction]) -> float:
    """The expression in float64, worked out in balls and rounded once."""
    row = {symbol: flint.fmpq(number.numerator, number.denominator) for symbol, number in values.items()}
    with flint.ctx.workprec(128):
        return float(flint.arb(Enclosure(row, {}).value(expression)))


def chi_square_above(degrees: int, level: Fraction) -> flint.arb:
    """The probability that a chi-square variable is at least the level > 0, in a ball."""
    half = flint.fmpq(level.numerator, 2 * level.denominator)
    return flint.arb(half).gamma_upper(flint.fmpq(degrees, 2), 1)
