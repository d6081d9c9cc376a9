"""scaling-fourth-moment: proved, decided on exact laws, and compared with the moments of Gaussian matrices."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import prod

import numpy as np
import pytest
import sympy
from deciding import certainly_holds
from hypotheses import require_that_the_proof_needs
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped

from linres.arithmetic import EXACT, FLOAT
from linres.random_networks import GAUSSIAN, GaussianNorms, Norms
from linres.rungs import rigorous
from linres.theorems import scaling_fourth_moment as one

F = Fraction
THEOREM = one.THEOREM
holds = certainly_holds(THEOREM)
WIDE = GaussianNorms(2, F(3), F(1, 2), 1)


def normal_moment(power):
    """E g^power of a standard normal variable: (power - 1)!! or 0."""
    return 0 if power % 2 else prod(range(1, power, 2))


def expected(polynomial, variance):
    """The expectation of a polynomial in independent normal variables of mean 0 and that variance."""
    return sum(c * prod(normal_moment(k) * variance ** F(k, 2) for k in powers if k) if all(k % 2 == 0 for k in powers)
               else 0 for powers, c in polynomial.terms())


def gaussian_layer(d, h):
    """(<h, V h>, |V h|^2) as polynomials in the entries of V."""
    entries = sympy.symbols(f"v:{d * d}")
    moved = [sum(v * x for v, x in zip(entries[d * i :], h, strict=False)) for i in range(d)]
    return entries, moved, sum(x * y for x, y in zip(h, moved, strict=True)), sum(y**2 for y in moved)


def factor(d, scale):
    return 1 + 2 * scale**2 + 4 * scale**2 / d + scale**4 * (1 + F(2) / d)


@pytest.mark.parametrize(("d", "h"), [(1, [2]), (2, [1, -2]), (2, [3, 1]), (3, [1, 2, -1])])
def test_the_fourth_moment_is_that_of_gaussian_matrices_term_by_term(d, h):
    """E|h + alpha V h|^4 by the moments of the d^2 entries, for every alpha."""
    alpha = sympy.Symbol("alpha")
    entries, moved, *_ = gaussian_layer(d, h)
    square = sum((x + alpha * y) ** 2 for x, y in zip(h, moved, strict=True))
    by_entries = expected(sympy.Poly(sympy.expand(square**2), *entries), sympy.Rational(1, d))
    norm = sum(x * x for x in h)
    claimed = 1 + 2 * alpha**2 + 4 * alpha**2 / sympy.Integer(d) + alpha**4 * (1 + sympy.Rational(2, d))
    assert sympy.expand(by_entries - claimed * norm**2) == 0
    stated = one.factor.subs({one.alpha: alpha, one.d: d})
    assert sympy.expand(stated - claimed) == 0


@pytest.mark.parametrize(("root", "h"), [(1, [3]), (2, [1, 0, 0, 0]), (2, [1, 1, -2, 0])])
def test_the_finite_law_has_all_moments_of_gaussian_layers_up_to_the_fourth(root, h):
    """E a^i b^j with i + 2 j <= 4, a = <h, V h> and b = |V h|^2, from the d^2 entries."""
    d, norm = root**2, sum(x * x for x in h)
    law = GaussianNorms(root, F(1), F(1), 1).law
    entries, _, along, length = gaussian_layer(d, h)
    for i, j in [(1, 0), (2, 0), (3, 0), (4, 0), (0, 1), (1, 1), (2, 1), (0, 2)]:
        by_entries = expected(sympy.Poly(sympy.expand(along**i * length**j), *entries), sympy.Rational(1, d))
        by_law = sum(x**i * y**j for x, y in law) / F(len(law)) * norm ** (i + j)
        assert by_entries == sympy.Rational(by_law.numerator, by_law.denominator), (i, j)


def test_the_values_of_the_finite_normal_law_have_its_moments_up_to_the_fifth():
    assert [F(sum(g**k for g in GAUSSIAN), len(GAUSSIAN)) for k in range(6)] == [normal_moment(k) for k in range(6)]
    assert F(sum(g**6 for g in GAUSSIAN), len(GAUSSIAN)) == 11 != normal_moment(6)


@pytest.mark.parametrize(("root", "depth"), [(1, 1), (1, 2), (2, 1), (3, 1)])
def test_the_mean_of_the_fourth_power_is_the_power_of_the_factor(root, depth):
    network = GaussianNorms(root, F(3, 2), F(2, 3), depth)
    [row] = one.measure(network, EXACT)
    last = row[one.s][depth].entries()
    mean = sum(x * x for x in last) / len(last)
    assert mean == EXACT.number(factor(F(root**2), F(2, 3)) ** depth * F(3, 2) ** 2)


@pytest.mark.slow
def test_simulated_gaussian_networks_have_that_fourth_moment():
    generator, d, scale, depth, count = np.random.default_rng(0), 3, 0.3, 4, 400_000
    h = np.zeros((count, d))
    h[:, 0] = 1
    for _ in range(depth):
        h = h + scale * np.einsum("nij,nj->ni", generator.standard_normal((count, d, d)) / d**0.5, h)
    fourth = np.sum(h * h, axis=1) ** 2
    assert abs(fourth.mean() - float(factor(d, F(3, 10)) ** depth)) < 5 * fourth.std() / count**0.5


@given(THEOREM.instances())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_drawn_network_contradicts_it(network):
    assert holds(network)


@pytest.mark.parametrize("name", one.WITHOUT)
def test_laws_that_miss_one_moment_are_not_claimed_and_miss_no_other(name):
    hypothesis, network = one.WITHOUT[name]
    assert rigorous.check(THEOREM, network).rejected == 1
    others = tuple(each for each in THEOREM.hypotheses if each is not hypothesis)
    checked = rigorous.check(replace(THEOREM, hypotheses=others), network)
    assert checked.rejected == 0 and checked.failure is not None


@pytest.mark.parametrize("name", one.WITHOUT)
def test_those_laws_are_of_layers_that_exist(name):
    """<h, V h>^2 <= |h|^2 |V h|^2, with equality in width 1."""
    law, width = one.WITHOUT[name][1].law, one.WITHOUT[name][1].width
    assert all(x * x <= y if width > 1 else x * x == y for x, y in law)


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


@pytest.mark.parametrize("place", list(places(THEOREM, WIDE)), ids=lambda place: f"{place[1:]}")
def test_a_measured_value_10_percent_off_is_noticed(place):
    assert outcome(THEOREM, WIDE) == "holds"
    assert outcome(swapped(THEOREM, place), WIDE) in {"Disagree", "failure", "rejected", "NotExact"}


def test_norms_are_those_of_every_sequence_of_layers():
    law = ((F(1, 2), F(2)), (F(-1), F(3)))
    squares, along, moved = Norms(2, law, F(5), F(1, 3), 2).record(EXACT)
    reached = []
    for (x, y), (z, w) in product(law, repeat=2):
        first = 5 * (1 + F(2, 3) * x + y / 9)
        reached.append(first * (1 + F(2, 3) * z + w / 9))
    assert squares[2].entries() == [EXACT.number(each) for each in reached]
    assert Counter(along[0].entries()) == {EXACT.number(F(5, 2)): 2, EXACT.number(F(-5)): 2}
    assert moved[0].entries()[0] == EXACT.number(F(10))


def test_bulk_norms_are_those_measured_one_by_one():
    batch = THEOREM.sample(np.random.default_rng(1), 5)
    for k in range(5):
        [row] = one.measure(batch.instance(k), FLOAT)
        assert batch.columns[one.alpha][k] == row[one.alpha] and batch.columns[one.d][k] == row[one.d]
        for label in (one.s, one.a, one.b):
            for stage, value in row[label].items():
                assert np.allclose(batch.columns[label][stage][k], value)


def test_at_the_critical_scale_the_spread_tends_to_exp_of_4_over_d():
    """E|h_L|^4/(E|h_L|^2)^2 at alpha = L^{-1/2}: (1 + (4 x + 2 x^2)/(d (1 + x)^2))^L with x = 1/L."""
    d, depth = 4, 10**6
    x = F(1, depth)
    ratio = 1 + 2 * x + 4 * x / d + x**2 * (1 + F(2, d))
    spread = float(ratio / (1 + x) ** 2 - 1)
    assert ratio / (1 + x) ** 2 == 1 + (4 * x + 2 * x**2) / (d * (1 + x) ** 2)
    assert np.log1p(spread) * depth == pytest.approx(4 / d, rel=1e-5)
