"""The deep linear residual network: its map and its gradients are those of its definition, in every arithmetic."""

from fractions import Fraction
from itertools import pairwise

import flint
import numpy as np
import pytest
import sympy
from balls import contains
from hypothesis import HealthCheck, given, settings
from sympy import symbols

from linres import linear_networks, network
from linres.arithmetic import BALL, EXACT, FLOAT, Symbolic, inner
from linres.linear_networks import LinearNetwork, spectral_norm

F = Fraction
TABLES = (((F(1, 2), F(1)), (F(-1, 3), F(2))), ((F(0), F(1, 5)), (F(1), F(-1))), ((F(1), F(2)), (F(3), F(1, 7))))
IDENTITY = linear_networks.identity(2)
NETWORK = LinearNetwork(TABLES, F(4), ((F(2), F(1, 2)), (F(1, 2), F(1))), ((F(1), F(0)), (F(2), F(1))), F(1, 2))


def blocks(arithmetic=EXACT):
    return [arithmetic.matrix(table) for table in TABLES]


def excess(tables):
    return LinearNetwork(tables, NETWORK.reach, NETWORK.sigma, NETWORK.target, NETWORK.mu).measured(EXACT).excess


def moved(position, i, j, step):
    """The blocks with one entry of one of them moved."""
    changed = [[list(row) for row in table] for table in TABLES]
    changed[position][i][j] += step
    return tuple(tuple(map(tuple, table)) for table in changed)


def test_the_first_block_is_applied_first():
    w, v = (Symbolic(letter) for letter in symbols("w v", commutative=False))
    one = Symbolic(sympy.Integer(1))
    both = network.end_to_end([w, v], one).expr
    assert sympy.expand(both - (1 + v.expr) * (1 + w.expr)) == 0
    assert sympy.expand(both - (1 + w.expr) * (1 + v.expr)) != 0


@pytest.mark.parametrize("position", range(3))
def test_a_gradient_is_the_product_above_transposed_times_the_slope_times_the_product_below_transposed(position):
    one, slope = EXACT.matrix(IDENTITY), EXACT.matrix(TABLES[0])
    above = network.end_to_end(blocks()[position + 1 :], one)
    below = network.end_to_end(blocks()[:position], one)
    assert network.block_gradients(blocks(), slope)[position] == above.T @ slope @ below.T


@pytest.mark.parametrize("depth", range(7))
def test_one_pass_each_way_makes_the_gradients_that_the_links_make_one_by_one(depth):
    rng = np.random.default_rng(depth)
    made = [EXACT.matrix([[F(int(k), 7) for k in row] for row in rng.integers(-9, 10, (2, 2))]) for _ in range(depth)]
    slope = EXACT.matrix(TABLES[0])
    chains = [[slope, *(link.after for link in network.links(made, k, slope))] for k in range(depth)]
    assert network.block_gradients(made, slope) == [chain[-1] for chain in chains]


class Counted:
    """A number that counts the products it takes part in."""

    products = 0

    def __add__(self, other):
        return self

    def __matmul__(self, other):
        Counted.products += 1
        return self

    T = property(lambda self: self)


@pytest.mark.parametrize("depth", [1, 2, 10, 100])
def test_the_products_are_no_more_than_three_a_block(depth):
    Counted.products = 0
    assert len(network.block_gradients([Counted()] * depth, Counted())) == depth
    assert Counted.products == max(0, 3 * depth - 4)


def balanced_by_hand():
    """A_1 = S V^T and A_2 = U S for orthogonal U, V and diagonal S: A_2^T A_2 = S^2 = A_1 A_1^T."""
    quarter, stretch = ((F(0), F(-1)), (F(1), F(0))), ((F(2), F(0)), (F(0), F(3)))
    turn, values, one = (EXACT.matrix(table) for table in (quarter, stretch, IDENTITY))
    return [values @ turn - one, turn @ values - one]


def test_balanced_factors_have_no_imbalance_and_others_have():
    (imbalance,) = network.imbalances(balanced_by_hand())
    assert all(entry == 0 for entry in imbalance.entries())
    for imbalance in network.imbalances(blocks()):
        assert any(entry != 0 for entry in imbalance.entries())
    assert network.imbalances(blocks()[:1]) == []


@pytest.mark.parametrize("step", [F(1), F(1, 8)])
def test_a_gradient_step_changes_imbalances_by_the_square_of_its_size_exactly(step):
    run = NETWORK.measured(EXACT)
    gradients, step = network.block_gradients(run.blocks, run.slope), EXACT.number(step)
    moved = [block - step * gradient for block, gradient in zip(run.blocks, gradients, strict=True)]
    for was, now, (lower, upper) in zip(
        network.imbalances(run.blocks), network.imbalances(moved), pairwise(gradients), strict=True
    ):
        change = upper.T @ upper - lower @ lower.T
        assert now - was == step**2 * change
        assert any(entry != 0 for entry in change.entries())


def test_gradient_flow_conserves_imbalances_whatever_the_loss():
    """To first order in the step, for formal blocks and a formal gradient: A_2^T G_2 = G_1 A_1^T."""
    w, v, slope = (Symbolic(letter) for letter in symbols("w v N", commutative=False))
    one = Symbolic(sympy.Integer(1))
    lower, upper = network.block_gradients([w, v], slope)
    assert sympy.expand(((one + v).T @ upper - lower @ (one + w).T).expr) == 0
    assert sympy.expand((upper @ (one + v).T - lower @ (one + w).T).expr) != 0


@pytest.mark.parametrize("position", range(3))
@pytest.mark.parametrize(("i", "j"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_gradients_are_the_derivatives_of_the_loss(position, i, j):
    """In one entry the loss is a quadratic, whose derivative the central difference gives exactly."""
    difference = (excess(moved(position, i, j, F(1))) - excess(moved(position, i, j, F(-1)))) / 2
    run = NETWORK.measured(EXACT)
    assert network.block_gradients(run.blocks, run.slope)[position].entries()[2 * i + j] == difference


@pytest.mark.parametrize("position", range(3))
def test_the_links_lead_from_the_slope_to_the_gradient_a_block_at_a_time(position):
    slope = EXACT.matrix(TABLES[1])
    links = list(network.links(blocks(), position, slope))
    assert len(links) == 2 and links[0].before == slope
    assert all(link.after == following.before for link, following in pairwise(links))
    assert links[-1].after == network.block_gradients(blocks(), slope)[position]


def test_one_block_has_the_slope_for_its_gradient():
    slope = EXACT.matrix(TABLES[1])
    assert network.block_gradients(blocks()[:1], slope) == [slope]


def test_floats_and_balls_go_through_the_same_lines():
    exact = network.block_gradients(blocks(), EXACT.matrix(TABLES[0]))
    floats = network.block_gradients(blocks(FLOAT), FLOAT.matrix(TABLES[0]))
    with flint.ctx.workprec(128):
        balls = network.block_gradients(blocks(BALL), BALL.matrix(TABLES[0]))
    for each, approximate, enclosed in zip(exact, floats, balls, strict=True):
        reference = np.array([float(flint.arb(entry).mid()) for entry in each.entries()])
        np.testing.assert_allclose(approximate.ravel(), reference, rtol=1e-13, atol=1e-13)
        assert all(contains(ball, entry) for ball, entry in zip(enclosed.entries(), each.entries(), strict=True))


def test_the_weight_multiplies_loss_and_slope():
    half, whole = (NETWORK.measured(EXACT), LinearNetwork(**{**vars(NETWORK), "weight": F(2)}).measured(EXACT))
    assert whole.excess == 2 * half.excess and whole.slope == flint.fmpq(2) * half.slope
    assert half.excess == inner(half.slope, half.offset) / 2 > 0


# Instances.


@given(linear_networks.networks())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_drawn_networks_are_what_they_claim(instance):
    """No block exceeds the reach, and mu is the least eigenvalue of the moment matrix times the weight."""
    norms = [spectral_norm(EXACT.matrix(block)) for block in instance.blocks]
    assert all(norm <= flint.fmpq(instance.reach.numerator, instance.reach.denominator) for norm in norms)
    shifted = EXACT.matrix(instance.sigma) - EXACT.number(instance.mu / instance.weight) * EXACT.matrix(
        linear_networks.identity(len(instance.sigma))
    )
    assert shifted.data.det() == 0
    assert EXACT.matrix(instance.sigma) == EXACT.matrix(instance.sigma).T


@pytest.mark.parametrize(
    ("table", "square"),
    [
        (((F(3), F(0)), (F(0), F(-5))), 25),
        (((F(0), F(7)), (F(0), F(0))), 49),
        (((F(1), F(1)), (F(0), F(1))), None),
    ],
)
def test_the_spectral_norm_is_exact_where_it_is_rational_and_enclosed_elsewhere(table, square):
    norm = spectral_norm(EXACT.matrix(table))
    if square is not None:
        assert type(norm) is flint.fmpq and norm * norm == square
    else:  # the golden ratio
        assert contains(norm * norm - norm - 1, 0) and 1.618 < float(norm) < 1.6181


def test_bulk_networks_are_measured_as_they_are_rebuilt():
    made = linear_networks.bulk(np.random.default_rng(0), 60)
    for k in range(0, 60, 7):
        instance = made.instance(k)
        run = instance.measured(EXACT)
        gradients = network.block_gradients(run.blocks, run.slope)
        squares = [float(flint.arb(inner(each, each))) for each in gradients]
        np.testing.assert_allclose(made.squares[:, -1, k], squares, rtol=1e-12)
        np.testing.assert_allclose(made.excess[k], float(flint.arb(run.excess)), rtol=1e-12)
        assert made.reach[k] == instance.reach and made.mu[k] == instance.mu
        assert all(spectral_norm(block) <= EXACT.number(instance.reach) for block in run.blocks)


def test_bulk_networks_reach_every_corner():
    made = linear_networks.bulk(np.random.default_rng(0), 600)
    instances = [made.instance(k) for k in range(0, 600, 3)]
    corners = (
        lambda i: i.reach == 0, lambda i: i.reach > F(7, 8), lambda i: len(i.sigma) == 1, lambda i: len(i.sigma) == 3,
        lambda i: i.mu > 16, lambda i: i.mu < F(1, 16),
        lambda i: i.reach > 0 and any(block == linear_networks.identity(len(block), -i.reach) for block in i.blocks),
    )
    assert all(any(map(corner, instances)) for corner in corners)
