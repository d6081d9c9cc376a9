"""Chances of tails: the level is that of the event, probabilities of chi-square variables are certified."""

from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy
from scipy.stats import chi2
from sympy import Ge, Gt, Le, symbols
from sympy.stats import Probability

from linres import tails
from linres.errors import InputError

F = Fraction
x, c = symbols("x c", real=True)


def places(generator, n):
    return np.linspace(0, 1, n)


@pytest.mark.parametrize(("relation", "share"), [(Ge, 0.75), (Le, 0.25)])
def test_the_chance_is_that_of_the_event_at_these_values(relation, share):
    with sympy.evaluate(False):
        event = relation(x, c**2)
    [(node, chance)] = tails.chance(event, {c: F(1, 2)}, places, most=1024).items()
    assert node == Probability(event)
    chance.begin("a key")
    chance.ball()
    assert chance.occurred == share * chance.drawn == share * 1024


def test_another_event_is_refused():
    with pytest.raises(InputError, match="an inequality"):
        tails.chance(Gt(x, c), {c: F(1)}, places)


def test_a_level_is_worked_out_in_balls_and_rounded_once():
    with sympy.evaluate(False):
        cancelling = (sympy.exp(c) - 1 - c) / c**2
    assert tails.value(cancelling, {c: F(1, 10**9)}) == pytest.approx(0.5 + 1e-9 / 6, rel=1e-15)


@pytest.mark.parametrize("degrees", [1, 2, 7, 62, 256])
@pytest.mark.parametrize("share", [F(1, 10), F(1), F(3, 2)])
def test_the_chi_square_law_is_that_of_scipy_in_a_ball(degrees, share):
    level = share * degrees
    ball = tails.chi_square_above(degrees, level)
    assert isinstance(ball, flint.arb) and float(ball) == pytest.approx(chi2.sf(float(level), degrees), rel=1e-9)
    assert float(ball.rad()) < 1e-12


def test_two_degrees_of_freedom_are_an_exponential():
    assert tails.chi_square_above(2, F(3)).overlaps((-flint.arb(3) / 2).exp())
