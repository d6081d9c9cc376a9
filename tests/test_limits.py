"""Random networks beside their limits: laws, exact errors, flows with closed forms, and what is refused."""

import fractions
import math

import numpy as np
import pytest

import linres
from linres import limits
from linres.chance import compare
from linres.limits import diffusion, flow, flow_bound, norm_law, solve, strong_error

ACTIVATIONS = {"linear": lambda x: x, "relu": lambda x: np.maximum(x, 0), "tanh": np.tanh}


def plain(block, width, depth, refinement, start):
    """A function that draws log_norm, log_limit or log_error of networks with every weight."""
    activation, scale = ACTIVATIONS[block], (depth * refinement) ** -0.5

    def draw(generator, n, which):
        coarse = fine = np.tile(start, (n, 1))
        for _ in range(depth):
            moved, image = 0, activation(coarse)
            for _ in range(refinement):
                layer = generator.standard_normal((n, width, width)) / math.sqrt(width)
                moved = moved + np.einsum("nij,nj->ni", layer, image)
                fine = fine + scale * np.einsum("nij,nj->ni", layer, activation(fine))
            coarse = coarse + scale * moved
        states = (coarse, fine, fine - coarse)[which]
        return np.log(np.linalg.norm(states, axis=1) / np.linalg.norm(start))

    return draw


class TestDiffusion:
    @pytest.mark.parametrize("which", [0, 1, 2])
    @pytest.mark.parametrize(("block", "width"), [("linear", 1), ("linear", 3), ("relu", 3), ("tanh", 3)])
    def test_pairs_have_the_law_of_networks_with_all_weights(self, block, width, which):
        start = np.array([2.0, -1.0, 0.5])[:width]
        every = plain(block, width, 3, 2, start)

        def ours(generator, n):
            seed = int(generator.integers(2**63))
            found = diffusion(3, width=width, block=block, runs=n, refinement=2, start=start, seed=seed)
            return (found.log_norm / 2, found.log_limit / 2, found.log_error)[which]

        assert not compare(ours, lambda generator, n: every(generator, n, which), seed=1, most=2**15).differ
        if block == "linear":
            louder = lambda generator, n: every(generator, n, which) + math.log(1.1)  # noqa: E731
            assert compare(ours, louder, seed=1, most=2**20).differ

    def test_a_run_is_the_same_in_any_company_and_on_any_number_of_threads(self, monkeypatch):
        import numba

        settings = {"width": 4, "refinement": 2, "seed": 3, "block": "relu"}
        many = diffusion(5, runs=9, **settings)
        monkeypatch.setattr(numba, "get_num_threads", lambda: 1)
        few = diffusion(5, runs=4, **settings)
        assert np.array_equal(many.log_error[:4], few.log_error)
        several = diffusion([7, 5], runs=9, **settings)
        assert several.log_norm.shape == (2, 9)
        assert not np.array_equal(several.log_error[1], many.log_error)

    def test_depths_are_independent_in_one_call_or_with_two_seeds_but_not_in_two_calls_with_one(self):
        settings = {"width": 3, "runs": 4000, "refinement": 1, "start": [1, 2, 3]}
        together, (one, same, other) = diffusion([1, 2], **settings).log_norm, (
            diffusion(depth, seed=seed, **settings).log_norm for depth, seed in ((1, 0), (2, 0), (2, 1)))
        correlations = [np.corrcoef(*pair)[0, 1] for pair in (together, (one, other), (one, same))]
        assert np.abs(correlations[:2]).max() < 4 / math.sqrt(4000) < 0.3 < correlations[2]

    def test_the_mean_square_error_is_exact_and_a_bound_for_other_blocks(self):
        for block in ACTIVATIONS:
            found = diffusion(20, width=12, block=block, runs=4000, refinement=4, seed=5)
            squares = np.exp(2 * found.log_error)
            error = squares.std() / math.sqrt(len(squares))
            assert squares.mean() < strong_error(20, 4) + 5 * error
            if block == "linear":
                assert abs(squares.mean() - strong_error(20, 4)) < 5 * error

    def test_the_scheme_nears_the_law_of_the_limit(self):
        from scipy.stats import kstest

        found = diffusion(64, width=6, runs=20000, refinement=16, seed=2).log_limit
        assert kstest(found, norm_law(6).cdf).pvalue > 1e-9
        assert kstest(found, norm_law(7).cdf).pvalue < 1e-9

    def test_a_state_without_an_active_neuron_stays(self):
        found = diffusion(4, width=2, block="relu", runs=3, start=[-1.0, -2.0])
        assert np.all(found.log_norm == 0)
        assert np.all(found.log_error == -np.inf)


class TestStrongError:
    def test_it_is_the_formula(self):
        assert strong_error(3) == pytest.approx(math.e - (4 / 3) ** 3, rel=1e-14)
        assert strong_error(3, 4) == pytest.approx((13 / 12) ** 12 - (4 / 3) ** 3, rel=1e-14)
        assert strong_error(7, 1) == 0

    def test_nothing_is_lost_at_great_depths(self):
        """e (1/(2L) - 11/(24 L^2) + ...)."""
        for L in (1e9, 1e12, 1e15, 1e300):
            expected = math.e * (1 / (2 * L) - 11 / (24 * L**2) if L < 1e100 else 1 / (2 * L))
            assert strong_error(L) == pytest.approx(expected, rel=1e-14)
            assert flow_bound(L, 2.0, 0.0) == pytest.approx(math.exp(2) * 2 / L, rel=1e-8)
        exact = fractions.Fraction(math.e) - fractions.Fraction(101, 100) ** 100
        assert strong_error(100) == pytest.approx(float(exact), rel=1e-13)
        depths = np.array([1e3, 1e6])
        np.testing.assert_allclose(strong_error(depths, 10**6), strong_error(depths), rtol=2e-6)


class TestFlow:
    @pytest.mark.parametrize("angle", [1.0, -3.0])
    def test_constant_weights_have_the_exponential(self, angle):
        weights = np.tile([[0.0, angle], [-angle, 0.0]], (9, 1, 1))
        np.testing.assert_allclose(solve(weights, [1.0, 0.0]), [math.cos(angle), -math.sin(angle)], atol=1e-9)

    def test_width_1_has_the_exponential_of_the_integral(self):
        s = np.linspace(0, 1, 201)
        weights = np.sin(5 * s)[:, None, None]
        expected = 2 * math.exp((1 - math.cos(5)) / 5)
        np.testing.assert_allclose(solve(weights, [2.0]), [expected], rtol=1e-8)

    def test_activations_have_closed_forms_too(self):
        """dH = tanh(H): sinh(H_1) = e sinh(H_0). relu: a negative state stays, a positive one grows."""
        one = np.ones((5, 1, 1))
        np.testing.assert_allclose(solve(one, [0.3], block="tanh"), [math.asinh(math.e * math.sinh(0.3))], rtol=1e-9)
        both = np.tile(np.eye(2), (5, 1, 1))
        np.testing.assert_allclose(solve(both, [-1.0, 2.0], block="relu"), [-1.0, 2 * math.e], rtol=1e-9)

    def test_errors_are_of_order_1_over_the_depth_and_within_the_bound(self):
        found = flow([50, 100, 200], width=5, runs=4, seed=1)
        ratios = np.exp(np.diff(found.log_error, axis=0))
        assert np.all(np.abs(ratios - 0.5) < 0.05)
        assert np.all(found.log_error < found.log_bound)
        assert flow(10, width=3, block="tanh").log_bound is None

    @pytest.mark.parametrize("depth", [1, 4, 12])
    def test_the_network_takes_every_layer_with_scale_1_over_the_depth(self, depth):
        """A(s) = s in width 1: h_L is the product of 1 + (k/L)/L, k = 0, ..., L - 1."""
        weights = np.linspace(0, 1, 13)[:, None, None]
        expected = 2 * math.prod(1 + k / depth**2 for k in range(depth))
        np.testing.assert_allclose(limits._network(weights, np.array([2.0]), depth, "linear"), [expected], rtol=1e-14)

    def test_norms_and_errors_are_those_of_the_states(self):
        norm, end, error = limits._logs(np.array([3.0, 4.0]), np.array([[0.0, 10.0], [5.0, 0.0]]), np.array([0.0, 5.0]))
        np.testing.assert_allclose(norm, [math.log(4), 0], atol=1e-15)
        np.testing.assert_allclose(end, 0, atol=1e-15)
        np.testing.assert_allclose(error, [0, math.log(2) / 2], atol=1e-15)

    def test_the_weights_have_the_covariance_of_the_process(self):
        grid, length, draws = 100, 0.2, 4000
        generator, roots = np.random.default_rng(0), limits._roots(100, 0.2)
        drawn = np.array([limits._weights(generator, roots, 1, grid)[[0, 20, 60], 0, 0] for _ in range(draws)])
        expected = np.exp(-(np.subtract.outer([0, 0.2, 0.6], [0, 0.2, 0.6]) ** 2) / (2 * length**2))
        np.testing.assert_allclose(drawn.T @ drawn / draws, expected, atol=6 / math.sqrt(draws))

    def test_runs_do_not_depend_on_their_company(self):
        one, two = flow(20, width=3, runs=1, seed=7), flow(20, width=3, runs=2, seed=7)
        assert one.log_error[0] == two.log_error[0]
        assert two.log_error[0] != two.log_error[1]

    def test_the_bound_is_the_formula_without_its_cancellation(self):
        a, b, L = 1.5, 4.0, 20
        expected = math.exp(a) - (1 + a / L) ** L + b / (2 * L) * math.exp(a * (1 - 1 / L))
        assert flow_bound(L, a, b) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: diffusion(0, width=3), "diffusion(depth) should be an integer from 1 to 1,000,000,000, got 0"),
        (lambda: diffusion([], width=3), "diffusion(depth) should be an integer >= 1, or several, got none"),
        (lambda: diffusion(2, width=True), "diffusion(width=...) should be an integer from 1 to"),
        (lambda: diffusion(2, width=2, block="elu"), "diffusion(block=...) should be"),
        (lambda: diffusion(2, width=2, refinement=0), "diffusion(refinement=...) should be an integer from 1 to"),
        (lambda: diffusion(2, width=2, start=[0, 0]), "diffusion(start=...) should be 2 numbers"),
        (lambda: diffusion(2, width=2, start=[1, 1e200]), "diffusion(start=...) should be 2 numbers"),
        (lambda: diffusion(2, width=2, start=[1e-161, 0]), "diffusion(start=...) should be 2 numbers"),
        (lambda: flow(2, width=2, start=[1e-320, 0]), "flow(start=...) should be 2 numbers"),
        (lambda: strong_error(0), "strong_error(depth) should be finite numbers >= 1"),
        (lambda: strong_error(4, 0), "strong_error(refinement=...) should be an integer from 1 to"),
        (lambda: flow_bound([1, math.nan], 1, 1), "flow_bound(depth) should be finite numbers >= 1"),
        (lambda: flow_bound(4, -1, 1), "flow_bound(size) should be a number >= 0"),
        (lambda: diffusion(2, width=2, seed=-1), "diffusion(seed=...) should be an integer from 0"),
        (lambda: flow([3, 10], width=2), "flow(depth) should be divisors of the largest, 10"),
        (lambda: flow(3, width=2, length=0), "flow(length=...) should be a number > 0"),
        (lambda: flow(3, width=2, length=1e-9), "flow(depth, length=...) should be such that"),
        (lambda: solve(np.ones((3, 1, 1)), [1.0]), "solve(weights) should be finite, of shape (N + 1, 1, 1), N >= 3"),
        (lambda: solve(np.full((5, 1, 1), np.nan), [1.0]), "solve(weights) should be finite"),
        (lambda: norm_law(0), "norm_law(width) should be an integer from 1 to"),
    ],
)
def test_bad_settings_are_refused(call, message):
    with pytest.raises(linres.InputError) as error:
        call()
    assert message in str(error.value)


def test_watched_runs_are_counted():
    seen = []
    flow(5, width=2, runs=3, watch=lambda done, runs: seen.append((done, runs)))
    diffusion(5, width=2, runs=3, watch=lambda done, runs: seen.append((done, runs)))
    assert seen == [(1, 3), (2, 3), (3, 3), (3, 3)]
