"""Predictions for random residual networks: beside simulation, closed forms, limits; regimes; reference medians."""

import itertools
import math

import numpy as np
import pytest

from linres import depth_scaling, estimates
from linres.chance import compare, interval
from linres.depth_scaling import EXPLOSION, IDENTITY, NONTRIVIAL, Network, log_factor, predictions, regime
from linres.figures import norms
from linres.methods.propagation import propagate

REDUCED = [("linear", 1), ("linear", 2), ("relu", 2)]
SURE = 0.99999


def measured(network, runs, **more):
    settings = {name: getattr(network, name) for name in network.__dataclass_fields__}
    return propagate(runs=runs, **settings, **more)


def holds(found, logs, distances, known, names):
    got = estimates.moments(logs, distances, SURE)
    for name in names:
        value = known[name].value
        assert got[name].low <= value <= got[name].high, name
    return found


# ----------------------------------------------------------------------------------------------------- moments, exactly


@pytest.mark.parametrize(("block", "matrices"), REDUCED)
@pytest.mark.parametrize(("width", "exponent", "depth"), [(3, 0.0, 3), (8, 0.25, 20), (40, 0.5, 50), (40, 1.0, 30)])
def test_predicted_moments_are_those_of_many_runs(block, matrices, width, exponent, depth):
    network = Network(depth, width, exponent, block, matrices)
    found, known = measured(network, 100_000, seed=1), predictions(network)
    exact = [name for name, entry in known.items() if entry.relation == "="]
    assert {"mean_square", "mean_square_distance", "mean_fourth_power", "log_mean", "log_variance"} == set(exact)
    if exponent == 0.0:
        exact.remove("mean_fourth_power")  # one run may be a tenth of it
    holds(found, found.log_norm, found.log_distance, known, exact)


@pytest.mark.parametrize("factor", [0.95, 1.05])
def test_moments_five_percent_off_would_be_noticed(factor):
    network = Network(50, 40, 0.5)
    found, known = measured(network, 100_000, seed=1), predictions(network)
    got = estimates.moments(found.log_norm, found.log_distance, SURE)
    for name in ("mean_square", "mean_square_distance", "mean_fourth_power"):
        assert not got[name].low <= known[name].value + math.log(factor) <= got[name].high
    for name in ("log_mean", "log_variance"):
        assert not got[name].low <= known[name].value * factor <= got[name].high


@pytest.mark.parametrize("law", ["uniform", "rademacher"])
@pytest.mark.parametrize(("block", "matrices"), REDUCED)
def test_second_moments_hold_for_other_entries_and_for_gradients(law, block, matrices):
    network = Network(6, 5, 0.3, block, matrices, law)
    found = measured(network, 40_000, gradients=True, seed=2)
    known = predictions(network)
    assert set(known) == {"mean_square", "mean_square_distance"}
    of_gradients = predictions(network, of_gradients=True)
    assert {name: entry.value for name, entry in of_gradients.items()} == {n: entry.value for n, entry in known.items()}
    assert of_gradients["mean_square"].by == ("scaling-second-moment" if block == "relu" else "scaling-gradients")
    holds(found, found.log_norm, found.log_distance, known, known)
    holds(found, found.log_gradient, found.log_gradient_distance, known, known)


@pytest.mark.parametrize(("block", "matrices"), [("relu", 1), ("tanh", 1), ("tanh", 2)])
def test_where_blocks_depend_on_the_state_the_mean_square_is_bounded(block, matrices):
    network = Network(8, 6, 0.25, block, matrices)
    found, known = measured(network, 20_000, gradients=True, seed=3), predictions(network)
    assert {entry.relation for entry in known.values()} == {"<="}
    assert {entry.by for entry in known.values()} == {None}
    for logs in (found.log_norm, found.log_gradient):
        assert estimates.mean_of_exponentials(logs, SURE).high < known["mean_square"].value


def test_gradients_of_relu_blocks_have_the_law_of_states():
    settings = {"depth": 4, "width": 4, "exponent": 0.2, "block": "relu", "matrices": 2}

    def drawn(name, gradients):
        return lambda generator, n: getattr(
            propagate(runs=n, seed=int(generator.integers(2**62)), gradients=gradients, **settings), name)

    assert not compare(drawn("log_gradient", True), drawn("log_norm", False), seed=1, most=2**15).differ
    pair = drawn("log_gradient_distance", True), drawn("log_distance", False)
    assert not compare(*pair, seed=2, most=2**15).differ


# -------------------------------------------------------------------------------------------------------- closed forms


def test_the_mean_square_is_the_power_of_the_theorem():
    known = predictions(Network(1000, 40, 0.5))
    assert known["mean_square"].value == pytest.approx(1000 * math.log(1.001), rel=1e-12)
    assert known["mean_square"].by == "scaling-second-moment"
    assert known["mean_fourth_power"].by == "scaling-fourth-moment"
    assert math.exp(known["mean_square_distance"].value) == pytest.approx(1.001**1000 - 1, rel=1e-12)
    fourth = (1 + 2e-3 + 1e-4 + 1e-6 * 1.05) ** 1000
    assert math.exp(known["mean_fourth_power"].value) == pytest.approx(fourth, rel=1e-10)


def test_every_theorem_that_is_named_exists():
    from linres.theorems import NAMES

    shapes = [(block, m) for block in ("linear", "relu", "tanh") for m in (1, 2)]
    networks = [Network(30, 9, 0.5, *shape) for shape in shapes]
    networks += [Network(30, 9, 1.5, *shape, weights="smooth") for shape in shapes]
    entries = [e for n in networks for back in (False, True) for e in predictions(n, of_gradients=back).values()]
    named = {entry.by for entry in entries} - {None}
    assert {"scaling-second-moment", "scaling-gradients", "fractional-increments"} < named <= {*NAMES}
    assert any("scaling-lognormal" in entry.why for entry in entries)
    assert "scaling-lognormal" not in predictions(Network(30, 4, 0.5))["grows"].why
    assert "scaling-lognormal" in NAMES


def test_small_distances_and_large_norms_are_beyond_rounding_and_overflow():
    tiny, huge = predictions(Network(1000, 40, 9.0)), predictions(Network(100_000, 40, 0.0))
    assert tiny["mean_square_distance"].value == pytest.approx(-17 * math.log(1000), rel=1e-12)
    assert huge["mean_square"].value == huge["mean_square_distance"].value == pytest.approx(1e5 * math.log(2))


@pytest.mark.parametrize("a", [2.0, 1.0, 0.5, 0.1, 0.02])
@pytest.mark.parametrize("width", [2, 3, 40])
def test_the_log_of_a_factor_is_what_adaptive_quadrature_finds(width, a):
    from scipy.integrate import quad
    from scipy.stats import ncx2

    noncentrality = width / a**2
    centre, spread = width + noncentrality, math.sqrt(2 * (width + 2 * noncentrality))
    marks = np.geomspace(max(centre - 14 * spread, 1e-12), centre + 25 * spread, 60)

    def moment(power):
        def integrand(x):
            return math.log(a * a / width * x) ** power * ncx2.pdf(x, width, noncentrality)

        return sum(quad(integrand, p, q, epsabs=1e-13)[0] for p, q in itertools.pairwise(marks))

    mean = moment(1)
    got = log_factor(Network(10, width, -math.log10(a)))
    assert got == pytest.approx((mean, moment(2) - mean**2), abs=1e-8)


@pytest.mark.parametrize("a", [2.0, 1.0, 0.5, 0.1, 0.02])
def test_in_width_one_too_where_the_logarithm_has_a_pole(a):
    from scipy.integrate import quad

    def moment(power):
        def integrand(g):
            return (2 * math.log(abs(1 + a * g))) ** power * math.exp(-g * g / 2) / math.sqrt(2 * math.pi)

        pole = -1 / a
        marks = sorted({-12.0, 12.0, *(x for x in (pole - 0.1, pole, pole + 0.1) if abs(x) < 12), 0.0})
        return sum(quad(integrand, p, q, epsabs=1e-12, limit=500)[0] for p, q in itertools.pairwise(marks))

    mean = moment(1)
    assert log_factor(Network(10, 1, -math.log10(a))) == pytest.approx((mean, moment(2) - mean**2), abs=1e-8)


@pytest.mark.parametrize("width", [2, 3, 40, 1000])
@pytest.mark.parametrize(("block", "matrices", "share"), [("linear", 1, 1.0), ("linear", 2, 1.0), ("relu", 2, 0.5)])
def test_at_the_critical_scale_the_law_tends_to_the_lognormal_of_the_limit(width, block, matrices, share):
    if matrices == 2 and width == 2:
        assert "log_mean" not in predictions(Network(10**6, width, 0.5, block, matrices))
        return
    known = predictions(Network(10**6, width, 0.5, block, matrices))
    assert known["log_mean"].value == pytest.approx(share * (1 - 2 / width), abs=1e-5)
    assert known["log_variance"].value == pytest.approx(4 * share / width, abs=1e-5)


def test_far_above_the_critical_scale_nothing_is_lost_in_rounding():
    mean, variance = log_factor(Network(1000, 40, 8.0))
    assert mean / 1e-48 == pytest.approx(1 - 2 / 40, rel=1e-9)
    assert variance / 1e-48 == pytest.approx(4 / 40, rel=1e-9)


@pytest.mark.parametrize("shape", [0.5, 1.5, 20.0, 500.0])
def test_the_rule_for_the_gamma_law_is_exact_for_polynomials(shape):
    nodes, weights = depth_scaling.gamma_rule(shape)
    moment = 1.0
    for power in range(6):
        assert weights @ nodes**power == pytest.approx(moment, rel=1e-9)
        moment *= shape + power


# ------------------------------------------------------------------------------------------------------------- regimes


@pytest.mark.parametrize(
    ("settings", "critical"),
    [
        ({}, 0.5), ({"block": "relu", "matrices": 2, "law": "uniform"}, 0.5), ({"weights": "smooth"}, 1.0),
        ({"weights": "fractional", "hurst": 0.8}, 0.8), ({"weights": "fractional", "hurst": 0.2}, 0.5),
        ({"weights": "fractional", "hurst": 0.9, "matrices": 2, "block": "relu"}, 0.9),
        ({"weights": "fractional", "hurst": 0.9, "matrices": 2}, 0.8),
        ({"weights": "fractional", "hurst": 0.7, "matrices": 2, "block": "tanh"}, 0.5),
    ],
)
def test_the_regime_is_read_off_the_critical_exponent(settings, critical):
    for exponent, name in ((critical + 0.1, IDENTITY), (critical, NONTRIVIAL), (critical - 0.1, EXPLOSION)):
        found = regime(Network(100, 8, exponent, **settings))
        assert (found.name, found.critical) == (name, pytest.approx(critical))


@pytest.mark.parametrize(
    ("block", "matrices", "hurst", "slope"),
    [("linear", 1, 0.9, 0.9), ("linear", 2, 0.9, 0.8), ("tanh", 2, 0.9, 0.8), ("relu", 2, 0.9, 0.9),
     ("linear", 2, 0.6, 0.5)],
)
def test_distances_grow_with_the_depth_as_the_critical_exponent_says(block, matrices, hurst, slope):
    depths, exponent = (50, 400), 1.3
    middle = [
        np.median(propagate(
            depth, width=8, exponent=exponent, block=block, matrices=matrices, weights="fractional", hurst=hurst,
            runs=60, seed=4).log_distance) for depth in depths
    ]
    found = exponent + (middle[1] - middle[0]) / math.log(depths[1] / depths[0])
    assert found == pytest.approx(slope, abs=0.06)


@pytest.mark.parametrize(
    "network",
    [
        Network(100, 6, 1.5, weights="fractional", hurst=0.8), Network(100, 6, 1.5, weights="fractional", hurst=0.3),
        Network(100, 6, 2.0, weights="smooth"), Network(100, 6, 2.0, weights="smooth", length=0.5, block="relu"),
        Network(100, 6, 2.0, weights="smooth", matrices=2), Network(100, 6, 1.5, "relu", 2, weights="fractional",
                                                                    hurst=0.8),
    ],
    ids=str,
)
def test_near_the_identity_correlated_weights_add_up_to_first_order(network):
    found, known = measured(network, 400, seed=5), predictions(network)
    entry = known["mean_square_distance"]
    assert (entry.relation, entry.by) == ("~", "fractional-increments")
    got = estimates.mean_of_exponentials(2 * found.log_distance, SURE)
    assert got.low - 0.02 <= entry.value <= got.high + 0.02
    assert got.high - got.low < 0.8
    if "median_distance" in known:
        middle = estimates.median(found.log_distance, SURE)
        assert middle.low - 0.02 <= known["median_distance"].value <= middle.high + 0.02


def test_nothing_is_claimed_of_correlated_weights_at_the_critical_scale_and_below():
    for exponent in (0.5, 0.8):
        assert predictions(Network(100, 6, exponent, weights="fractional", hurst=0.8)) == {}
    assert predictions(Network(100, 6, 2.0, "tanh", 2, weights="smooth")) == {}


def test_the_index_one_half_is_independence():
    known = predictions(Network(100, 6, 0.5, weights="fractional", hurst=0.5))
    assert known == predictions(Network(100, 6, 0.5))


@pytest.mark.parametrize("network", [Network(1000, 40, 1.0), Network(1000, 40, 1.0, "relu", 2)])
def test_the_median_distance_near_the_identity_is_that_of_a_normal_vector(network):
    middle = estimates.median(measured(network, 5000, seed=6).log_distance, SURE)
    assert middle.low <= predictions(network)["median_distance"].value <= middle.high


# --------------------------------------------------------------------------------------------------- reference medians


def test_the_reference_medians_are_within_the_sampling_error_of_fifty_runs():
    logs = norms.distances(1000, 200, seed=7)
    for exponent, row in zip((0.25, 0.5, 1.0), logs, strict=True):
        low, high = estimates.median_range(row, 50, 0.99)
        assert low <= math.log(norms.REFERENCE[exponent]) <= high


@pytest.mark.parametrize("wrong", [{"block": "linear"}, {"matrices": 1}, {"exponent": 0.45}, {"depth": 100}])
def test_another_network_would_not_give_them(wrong):
    """At one exponent or another: the law of the entries is the one thing that these medians hardly show."""
    missed = 0
    for exponent in (0.25, 0.5, 1.0):
        settings = {"depth": 1000, "exponent": exponent, "block": "relu", "matrices": 2} | wrong
        logs = propagate(width=40, runs=300, **settings).log_distance
        low, high = estimates.median_range(logs, 50, 0.99)
        missed += not low <= math.log(norms.REFERENCE[exponent]) <= high
    assert missed


@pytest.mark.slow
@pytest.mark.parametrize("start", [None, "first", "ones"])
def test_they_are_for_every_chance_that_two_thousand_runs_allow_whatever_the_input(start):
    """p = P(distance <= reference) lies in a sequential interval, but for a risk of 2^-40.

    A median of 50 is above the reference only if at most 25 of them are below it, and the other way round: neither
    happens with a chance of 99.5 percent, for any p in the interval.
    """
    from scipy.special import bdtr

    given = {None: None, "first": np.eye(40)[0], "ones": np.ones(40)}[start]
    found = propagate(
        1000, width=40, exponent=[0.25, 0.5, 1.0], runs=2000, block="relu", matrices=2, law="uniform", start=given
    )
    for exponent, row in zip((0.25, 0.5, 1.0), found.log_distance, strict=True):
        below = int(np.sum(row <= math.log(norms.REFERENCE[exponent])))
        low, high = (float(end) for end in interval(below, len(row)))
        assert max(bdtr(25, 50, low), bdtr(25, 50, 1 - high)) < 0.995
        assert high - low < 0.2


@pytest.mark.parametrize("settings", [
    {"width": 2, "exponent": 0.0}, {"width": 1, "exponent": -0.5},
    {"width": 1, "exponent": -1.0, "weights": "fractional", "hurst": 0.3},
])
def test_scales_so_large_that_typical_norms_grow_are_not_said_to_keep_them_small(settings):
    network = Network(depth=300, **settings)
    median = np.median(propagate(300, runs=200, **settings).log_norm) / 2
    found = regime(network)
    assert median > 10 and (found.name, found.remark) == (EXPLOSION, "")
