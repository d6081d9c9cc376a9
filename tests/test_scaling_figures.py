"""The figures on the depth of random networks and the regularity of stacks: their headlines, and what they rest on."""

import math
from fractions import Fraction

import numpy as np
import pytest

from linres import limits
from linres.arithmetic import EXACT, inner
from linres.bounds import fraction
from linres.figures import heatmap, regularity, smooth, strong


@pytest.fixture(scope="module")
def strongly():
    return strong.compute()


@pytest.fixture(scope="module")
def smoothly():
    return smooth.compute()


@pytest.fixture(scope="module")
def mapped():
    return heatmap.compute()


@pytest.fixture(scope="module")
def placed():
    return regularity.compute()


class TestStrong:
    def test_the_slope_is_within_two_hundredths_of_its_closed_form(self, strongly):
        measured, exact = strongly.slopes
        assert abs(measured - exact) < 0.02
        assert -0.5 < exact < -0.45

    def test_every_mean_is_within_four_standard_errors_of_the_theorem(self, strongly):
        assert strongly.largest_deviation < 4
        assert np.all(strongly.errors < 0.05 * strongly.means)

    @pytest.mark.parametrize(("depth", "refinement"), [(1, 4), (2, 2), (4, 1), (3, 3)])
    def test_the_curve_is_that_of_networks_whose_outcomes_are_all_run(self, depth, refinement):
        from linres.random_networks import Refined

        scale = Fraction(1, math.isqrt(depth * refinement))
        made = Refined("sign", (Fraction(1),), scale, refinement, depth).record(EXACT)
        apart = made.fine[-1] - made.coarse[-1]
        mean = float(fraction(inner(apart, apart))) / apart.shape[1]
        assert limits.strong_error(depth, refinement) == pytest.approx(mean, rel=1e-12, abs=1e-15)

    def test_the_limit_is_approached_from_below(self, strongly):
        finer = limits.strong_error(strongly.depths, 10**6)
        assert np.all(strongly.exact < finer)
        np.testing.assert_allclose(finer, strongly.limit, rtol=1e-5)


class TestSmooth:
    def test_the_slope_is_minus_one(self, smoothly):
        assert abs(smoothly.slope + 1) < 0.02

    def test_no_error_is_over_its_bound(self, smoothly):
        assert smoothly.largest_ratio < 1
        assert np.all(smoothly.errors > 0)


class TestHeatMap:
    def test_the_critical_exponent_is_the_larger_of_the_hurst_index_and_one_half(self, mapped):
        assert mapped.errors[1] < 0.05
        assert mapped.errors[2] < 0.06

    def test_in_width_1_it_is_that_of_the_closed_form(self, mapped):
        assert mapped.error_of_closed_form < 0.05
        assert np.max(np.abs(mapped.closed - heatmap.line(mapped.measured))) < 0.02

    def test_other_lines_are_told_apart(self, mapped):
        for other in (mapped.measured, np.full_like(mapped.measured, 0.5), 1 - mapped.measured / 2):
            assert all(np.max(np.abs(found - other)) > 0.3 for found in mapped.critical.values())

    def test_above_the_line_networks_are_near_the_identity_and_at_exponent_0_they_explode(self, mapped):
        above = mapped.exponents[None, :] > heatmap.line(mapped.hursts)[:, None] + 0.2
        assert np.all(mapped.medians[above] < 0)
        assert np.all(mapped.medians[:, 0] > 3)

    def test_for_smooth_weights_the_map_is_1_at_the_line(self, mapped):
        """H > 1/2: there |h_L - h_0| is of the size of |h_0|, within a factor of 3."""
        for H, row in zip(mapped.hursts, mapped.medians, strict=True):
            if H > 0.55:
                assert abs(np.interp(H, mapped.exponents, row)) < math.log10(3)

    @pytest.mark.parametrize(("hurst", "exponent"), [(0.7, 0.9), (0.3, 0.6)])
    def test_logarithms_in_width_1_have_the_mean_and_the_variance_of_the_closed_form(self, hurst, exponent):
        """log |h_L/h_0|: mean -a^2 L/2 and variance a^2 L^{2H}, a = L^{-b}, by fractional-increments."""
        from linres.methods.propagation import propagate

        L, n = 1024, 2000
        logs = propagate(
            L, width=1, exponent=exponent, runs=n, weights="fractional", hurst=hurst, seed=5
        ).log_norm / 2
        scale = L**-exponent
        spread = scale * L**hurst
        assert abs(np.mean(logs) + scale**2 * L / 2) < 5 * spread / math.sqrt(n) + 3 * scale**3 * L
        assert abs(np.var(logs) / spread**2 - 1) < 5 * math.sqrt(2 / n) + 8 * scale

    def test_where_no_growth_changes_its_sign_there_is_no_exponent(self):
        rising = np.ones(len(heatmap.AROUND))
        assert math.isnan(heatmap._crossing(0.5, [0 * rising, rising]))


class TestRegularity:
    @pytest.mark.parametrize("start", regularity.STARTS)
    def test_stacks_lie_where_they_are_expected(self, placed, start):
        assert placed.place(start) == pytest.approx(regularity.EXPECTED[start], abs=0.1)

    def test_stacked_blocks_add_up_to_less_than_what_is_proved_and_hardly_change_with_kappa(self, placed):
        assert 0.05 < placed.largest_share < 1
        sums = [stack.norms.sum() for stack in placed.stacks["stacking"]]
        assert max(sums) < 1.5 * min(sums)

    def test_random_starts_vary_at_every_layer_by_their_noise(self, placed):
        """random-start-variation: the mean square is at least c^2 sum (1 - s/L)^2, d = 8 eigenvalues."""
        deepest = placed.stacks["random"][-1]
        values = regularity._runs.spectrum(placed.kappas[-1], 8)
        assert np.mean(deepest.norms**2) > 0.9 * regularity.SCALE**2 * np.sum((1 - values) ** 2)

    def test_the_proved_sum_is_the_right_side_of_the_theorem(self):
        from linres.theorems.stacking_variation import THEOREM

        problem = regularity._runs.near_identity(100, d=4, fraction=0.9, seed=0)
        start = regularity.nesterov.potential_at_rest(problem, np.eye(4))
        bound = THEOREM.bound(q=problem.q, L=problem.L, m=9 / 14 * problem.sigma_min, Phi=start, T=10**6)
        assert regularity.proved(problem) == pytest.approx(float(bound), rel=1e-9)

    def test_a_walk_has_hurst_index_one_half_and_a_line_one(self):
        generator = np.random.default_rng(0)
        steps = 1e-4 * generator.standard_normal((4000, 3, 3))
        for made, hurst in ((steps, 0.5), (1e-4 * np.ones((400, 1, 1)), 1.0)):
            networks = [np.eye(made.shape[1])]
            for block in made:
                networks.append(networks[-1] + block @ networks[-1])
            assert regularity._measured(np.array(networks), 1.0).hurst == pytest.approx(hurst, abs=0.05)


def test_the_map_is_drawn_at_another_size(tmp_path, capsys):
    import importlib.util
    from pathlib import Path

    path = Path(__file__).parents[1] / "benchmarks" / "heat_map.py"  # benchmarks are not installed
    spec = importlib.util.spec_from_file_location("heat_map", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (len(module.PAPER["hursts"]), len(module.PAPER["exponents"]), module.PAPER["depth"]) == (70, 51, 1000)
    small = {"hursts": (0.3, 0.8), "exponents": (0.2, 0.9), "depth": 8, "width": 2, "runs": 20}
    module.main(["--out", str(tmp_path / "new")], size=small)
    assert "critical exponent within" in capsys.readouterr().out
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == ["heatmap-paper.png", "heatmap-paper.svg"]
