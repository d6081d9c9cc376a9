"""Chances of tails: the level is that of the event, probabilities of chi-square variables are certified."""

from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy
from scipy.stats import chi2, ncx2
from sympy import Ge, Gt, Le, symbols
from sympy.stats import Probability

from linres import tails
from linres.chance import Chance
from linres.errors import InputError
from linres.gaussian_layers import GaussianNetwork
from linres.language import NotExact
from linres.rungs import rigorous
from linres.theorems import load
from linres.theorems import scaling_tail_lowest as lowest

F = Fraction
x, c = symbols("x c", real=True)
EXTREME = {Ge: "largest", Le: "smallest"}


def places(generator, n):
    return generator.permutation(np.linspace(0, 1, n))


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


@pytest.mark.parametrize(("width", "square", "level"), [(1, F(4), 2), (2, F(1, 16), 1.4), (64, F(1, 64), 1.3)])
def test_the_norm_after_a_layer_is_that_of_scipy_in_a_ball(width, square, level):
    ball, rate = tails.layer_above(width, square, flint.arb(level)), width / float(square)
    assert float(ball.rad()) < 1e-10
    with flint.ctx.workprec(256):
        finer = tails.layer_above(width, square, flint.arb(level))
    assert finer.overlaps(ball) and float(finer.rad()) < 1e-60
    assert float(finer) == pytest.approx(ncx2.sf(level * rate, width, rate), rel=1e-6)


@pytest.mark.parametrize("relation", [Ge, Le])
@pytest.mark.parametrize("level", [F(1, 2), F(1), F(3, 2)])
@pytest.mark.parametrize("kind", ["last", "start", "displaced"])
def test_a_single_layer_is_worked_out_as_it_would_be_drawn(relation, level, kind):
    network, n = GaussianNetwork(5, 1, F(1, 4), F(9, 10)), 2**14
    with sympy.evaluate(False):
        event = relation(x, c)
    of = EXTREME[relation] if kind == "start" else kind
    if kind == "displaced":
        [(node, ball)] = tails.displacement(event, {c: level / 4}, network, network.displaced).items()
    else:
        [(node, ball)] = tails.norm(event, {c: level}, network, of).items()
    drawn = getattr(network, of)(np.random.default_rng(1), n)
    reached = float(level) / (4 if kind == "displaced" else 1)
    share = np.mean(drawn >= reached if relation is Ge else drawn <= reached)
    assert node == Probability(event) and abs(float(ball) - share) < 5 * 0.5 / n**0.5
    assert (share == 1) == (ball == 1)


def test_where_the_start_may_count_or_not_nothing_is_decided():
    root = sympy.sqrt(2)
    with sympy.evaluate(False):
        events = Ge(x, root * root / 2), Le(x, root * root / 2)
    for event in events:
        [ball] = tails.norm(event, {}, GaussianNetwork(5, 1, F(1, 4)), EXTREME[type(event)]).values()
        assert ball.contains(1) and float(ball.lower()) < 0.9


@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize("relation", [Ge, Le])
def test_what_the_start_makes_certain_is_not_drawn(relation, depth):
    with sympy.evaluate(False):
        event, network = relation(x, c), GaussianNetwork(16, depth, F(1, 16))
    [certain] = tails.norm(event, {c: F(1)}, network, EXTREME[relation]).values()
    assert certain == 1
    beyond = {c: F(1) + (F(1, 64) if relation is Ge else -F(1, 64))}
    [less] = tails.norm(event, beyond, network, EXTREME[relation]).values()
    assert type(less) is Chance if depth > 1 else less < 1


@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize(("relation", "of", "wanted"), [(Le, "largest", ">="), (Ge, "smallest", "<=")])
@pytest.mark.parametrize("square", [F(0), F(1, 16)])
def test_a_maximum_that_is_small_or_a_minimum_that_is_large_is_refused(depth, relation, of, wanted, square):
    with sympy.evaluate(False):
        event = relation(x, c)
    with pytest.raises(InputError, match=rf'norm\(event, of="{of}"\) should be an inequality {wanted}, got x'):
        tails.norm(event, {c: F(1)}, GaussianNetwork(16, depth, square), of)


def test_a_chance_of_1_is_decided_against_a_bound_of_1():
    instance = lowest.tail(16, 16, F(1, 64), 1)
    checked = rigorous.check(load("scaling-tail-lowest"), instance)
    assert (checked.holds, checked.undecided, checked.chances) == (1, 0, 0)


def test_of_several_layers_a_chance_is_drawn():
    with sympy.evaluate(False):
        event = Ge(x, c)
    network = GaussianNetwork(5, 2, F(1, 4))
    last, moved = tails.norm(event, {c: F(1)}, network, "last"), tails.displacement(event, {c: F(1)}, network, places)
    for made in (last, moved):
        assert [type(value) for value in made.values()] == [Chance]


def test_two_degrees_of_freedom_are_an_exponential():
    assert tails.chi_square_above(2, F(3)).overlaps((-flint.arb(3) / 2).exp())


@pytest.mark.parametrize(("draws", "level"), [(np.nan, 1), (np.inf, 1), (-np.inf, 1), (1.0, 1000)])
def test_what_float64_cannot_hold_is_not_taken_for_an_event_that_did_not_occur(draws, level):
    with sympy.evaluate(False):
        event = Ge(x, sympy.exp(c))
    [chance] = tails.chance(event, {c: F(level)}, lambda generator, n: generator.random(n) * 0 + draws).values()
    chance.begin("a key")
    with pytest.raises(NotExact, match="float64"):
        chance.ball()


def test_a_false_claim_about_a_network_that_leaves_float64_is_not_supported():
    """Its states overflow, and their distance from the start is inf - inf: the chance claimed small is nearly 1."""
    theorem = load("scaling-displacement-above")
    [control] = [each for each in theorem.controls if each.name == "without-the-growth-of-the-norms"]
    overflowing = tails.Displacement(GaussianNetwork(2, 400, F(10**4)), F(2), F(20))
    with np.errstate(all="ignore"), pytest.raises(NotExact, match="float64"):
        rigorous.check(theorem.variant(control), overflowing)


@pytest.mark.parametrize("depth", [1, 3])
def test_at_scale_0_nothing_moves_and_nothing_is_drawn(depth):
    network = GaussianNetwork(5, depth, F(0))

    def probability(made):
        [value] = made.values()
        return value

    for level in (F(1, 2), F(1), F(3, 2)):
        for relation in (Ge, Le):
            event = relation(x, c)
            wanted = level <= 1 if relation is Ge else level >= 1
            assert probability(tails.norm(event, {c: level}, network, "last")) == wanted
            assert probability(tails.displacement(event, {c: level}, network, places)) == (relation is Le)
    with flint.ctx.workprec(64):
        third = Le(x, 3 * sympy.sqrt(c))  # of 1/9: 1, which no ball decides
        assert probability(tails.norm(third, {c: F(1, 9)}, network, "last")).overlaps(flint.arb(1))
