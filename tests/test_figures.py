"""The figures: their headline numbers, that they are drawn legibly, and the command `linres figures`."""

import configparser
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from linres import figures, plotting
from linres.cli import main
from linres.errors import InputError
from linres.figures import (
    _bounds,
    _norms,
    _runs,
    basin,
    boosting,
    floors,
    gradients,
    lognormal,
    lookahead,
    momentum,
    norms,
    parameter,
    rates,
    scaling,
)
from linres.methods import nesterov, stacking


@pytest.fixture(scope="module")
def published():
    """The data of each figure with its published parameters, computed once."""
    return {name: figures.load(name).compute() for name in figures.NAMES}


class TestFit:
    def test_recovers_the_exponent_of_a_double_root(self):
        q, stages = 0.1, np.arange(300)
        factor = (1 + q * stages) ** 2
        assert _runs.exponent(factor * 0.81**stages, 1e-24, factor) == pytest.approx(-np.log(0.81), rel=1e-12)

    def test_stops_where_rounding_begins(self):
        decaying = 0.5 ** np.arange(200.0)
        assert _runs.exponent(np.maximum(decaying, 1e-20), 1e-20) == pytest.approx(np.log(2), rel=1e-12)

    @pytest.mark.parametrize(
        ("error", "words"), [(0, "0 %"), (0.00121, "0.13 %"), (0.02, "2 %"), (0.0451, "4.6 %"), (0.3001, "31 %")]
    )
    def test_a_headline_never_promises_more_than_was_measured(self, error, words):
        assert _runs.percent(error) == words


def test_the_bounds_drawn_are_those_stated():
    stages = np.arange(50)
    np.testing.assert_allclose(_bounds.potential(0.1, stages, 2.0), 2 * 0.9**stages, rtol=1e-12)
    np.testing.assert_allclose(_bounds.quadratic(0.1, stages), (1 + 0.1 * stages) ** 2 * 0.81**stages, rtol=1e-12)
    assert (_bounds.basin(0.6), _bounds.basin(1.0)) == pytest.approx((1 / 20, 1 / 16))


class TestRates:
    def test_stacking_contracts_by_the_square_of_one_minus_q(self, published):
        assert published["rates"].error("stacking", measured=False) < 0.002
        assert published["rates"].error("stacking", measured=True) < 0.05

    def test_zero_start_contracts_by_the_square_of_one_minus_one_over_kappa(self, published):
        assert published["rates"].error("zero", measured=False) < 1e-5
        assert published["rates"].error("zero", measured=True) < 0.03

    def test_zero_start_is_gradient_descent(self, published):
        for panel in published["rates"].panels:
            np.testing.assert_allclose(panel.curves["zero"], panel.curves["gradient"], rtol=1e-9)

    def test_the_potential_bound_is_drawn_inside_the_basin_alone_and_holds_there(self, published):
        assert [panel.potential is not None for panel in published["rates"].panels] == [False, True, True, True]
        assert all((panel.potential is not None) == (panel.level <= 1) for panel in published["rates"].panels)
        assert published["rates"].largest_over_bound <= 1

    def test_nesterovs_method_stays_below_the_sharp_envelope(self, published):
        for panel in published["rates"].panels:
            assert np.all(panel.curves["nesterov"] <= panel.quadratic * (1 + 1e-9))

    def test_the_curves_are_those_of_the_public_solver(self, published):
        problem = _runs.near_identity(10, d=8, fraction=0.9, seed=0)
        run = stacking.grow(problem, stages=30, rule="parameter")
        drawn = published["rates"].panels[1].curves["parameter"][:31]
        np.testing.assert_allclose(drawn, run.excess_loss / run.excess_loss[0], rtol=1e-6)


class TestScaling:
    def test_every_slope_is_within_a_twentieth_of_the_predicted(self, published):
        data = published["scaling"]
        assert len(data.kappas) >= 7
        assert (data.kappas.min(), data.kappas.max()) == pytest.approx((100, 10_000))
        assert data.error < 0.05

    def test_the_fit_tells_acceleration_from_its_absence(self, published):
        slopes = published["scaling"].slopes
        assert slopes["stacking"].max() + 0.4 < slopes["zero"].min()

    @pytest.mark.parametrize("direction", scaling.DIRECTIONS)
    def test_starts_are_inside_the_proved_basin(self, direction):
        problem, directions = scaling._problem(1000, 8, 0)
        for size in scaling.SIZES:
            level = _runs.level(problem, scaling._start(problem, directions[direction], size))
            assert level == pytest.approx(size * _bounds.basin(problem.q), rel=1e-6)

    def test_stages_are_counted_as_by_the_readable_twin(self, published):
        problem, directions = scaling._problem(100, 8, 0)
        start = scaling._start(problem, directions["Gaussian"], 0.9)
        network, block = start, np.zeros_like(start)
        wanted, count = 1e-5 * np.linalg.norm(start - problem.target), 0
        while np.linalg.norm(network - problem.target) > wanted:
            _, network, block = stacking.stage(
                network, block, problem.gradient, momentum=nesterov.momentum(problem.q), step_size=1 / problem.L,
                rule="functional",
            )
            count += 1
        data = published["scaling"]
        assert data.stages["stacking"][data.starts.index(("Gaussian", 0.9)), 0] == count

    def test_an_accuracy_beyond_float64_is_refused(self, monkeypatch):
        monkeypatch.setattr(scaling, "ACCURACY", 1e-30)
        with pytest.raises(InputError, match="such that float64 reaches 1e-30, got 10"):
            scaling.compute((10,))


class TestLookahead:
    def test_the_error_is_within_its_bound_all_along_every_run(self, published):
        for run in published["lookahead"].runs:
            assert run.ratios.max() <= 1 + 1e-12
            assert len(run.ratios) > 60

    def test_the_bound_is_attained_on_the_way_to_singular_networks(self, published):
        assert published["lookahead"].largest_ratios["towards singular W"] == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(published["lookahead"].runs[-1].ratios, 1, rtol=1e-12)

    def test_the_error_decays_with_twice_the_exponent_of_the_increments(self, published):
        for exponent in published["lookahead"].exponents.values():
            assert exponent == pytest.approx(2, abs=0.02)

    def test_the_error_is_where_stacking_looks_less_where_nesterov_would(self):
        problem = _runs.near_identity(100, d=8, fraction=0.9, seed=0)
        trace = _runs.trace(problem, np.eye(8), 20)
        beta = nesterov.momentum(problem.q)
        looked = trace.lookaheads[1:] - trace.networks[1:-1] - beta * np.diff(trace.networks, axis=0)[:-1]
        run = lookahead._follow("spectrum", problem, np.eye(8))
        np.testing.assert_allclose(run.errors[:19], np.linalg.norm(looked, axis=(1, 2)), rtol=1e-8, atol=1e-14)


class TestBasin:
    def test_every_first_violation_is_outside_the_proved_basin(self, published):
        assert published["basin"].proved.min() > basin.LOWEST  # else the scan could not find a counterexample
        assert published["basin"].smallest_ratio > 14

    def test_the_basin_is_of_the_right_size_towards_singular_networks(self, published):
        data = published["basin"]
        towards = data.measured[:, :, np.array(data.families) == "singular"]
        assert towards.min() > 0.8
        assert towards.max() < 0.95

    def test_the_basin_is_far_larger_in_most_random_directions(self, published):
        assert published["basin"].median("gaussian") > 50

    def test_a_false_claim_breaks_inside_the_proved_basin(self):
        problem, direction = basin._cases(2, 100, 0)[0]
        claimed = (1 - problem.q) ** 2
        assert basin.first_violation(problem, direction, contraction=claimed) < _bounds.basin(problem.q)

    def test_the_first_violation_separates_what_holds_from_what_breaks(self):
        problem, direction = basin._cases(4, 100, 0)[0]
        found = basin.first_violation(problem, direction)
        unit = _runs.level(problem, problem.target + direction)
        held, broken = (
            basin.violates(problem, problem.target + np.sqrt(found * factor / unit) * direction, 1 - problem.q)
            for factor in (0.999, 1.001)
        )
        assert (held, broken) == (False, True)

    @pytest.mark.slow
    def test_a_finer_scan_of_other_instances_finds_nothing_nearer(self, monkeypatch):
        monkeypatch.setattr(basin, "PER_DECADE", 100)
        monkeypatch.setattr(basin, "CAP", 1e2)
        for seed in range(1, 4):
            assert basin.compute((2, 3, 5), (2, 30, 3000), seed=seed).smallest_ratio > 14


class TestFloors:
    def test_every_run_stays_below_its_bound(self, published):
        assert published["floors"].largest_ratio < 1

    def test_constant_errors_end_at_half_the_proved_floor_on_quadratics(self, published):
        floor = (1 - np.sqrt(0.9)) / 0.1  # the method forgets by 1 - q, the bound by sqrt(1 - q)
        assert published["floors"].floor_ratios == pytest.approx([floor] * 3, rel=1e-3)

    def test_the_slower_of_the_errors_and_the_method_wins(self, published):
        fast, slow, constant = (run.measured for run in published["floors"].decaying)
        assert slow[-1] / slow[-50] == pytest.approx(0.99**49, rel=0.02)
        assert fast[-1] / fast[-50] == pytest.approx(0.9**49, rel=0.3)  # a double root: times 1 + q t
        assert constant[-1] == pytest.approx(constant[-50], rel=1e-3)

    def test_rounding_counted_as_errors_explains_where_float_runs_end(self, published):
        for run, digits in zip(published["floors"].rounded, (1e-4, 1e-12), strict=True):
            assert digits / 1e4 < run.measured[-1] < run.bound[-1] < digits

    def test_errors_left_out_of_the_bound_are_noticed(self):
        run = floors._pushed("half counted", 0.1, np.full(350, 1e-2))
        assert run.measured[-1] > floors._bound(0.1, 1.0, 1.0, np.zeros(350), np.full(350, 1e-2) / 2)[-1]


class TestMomentum:
    def test_theorys_momentum_needs_nearly_the_fewest_stages(self, published):
        for sweep in published["momentum"].sweeps:
            assert sweep.times_more(sweep.theory) < 1.15
            assert (1 - sweep.best) / (1 - sweep.theory) == pytest.approx(1, abs=0.1)

    def test_zero_start_and_the_plain_copy_need_many_more(self, published):
        for sweep in published["momentum"].sweeps[1:]:
            assert sweep.times_more(1.0) > sweep.times_more(0.0) > 8

    def test_the_measured_contraction_is_that_of_the_closed_form(self, published):
        for sweep in published["momentum"].sweeps:
            np.testing.assert_allclose(1 - sweep.measured, 1 - sweep.predicted, rtol=0.15)

    def test_a_run_that_never_gets_there_is_no_number(self):
        problem = _runs.near_identity(1000, d=4, fraction=0.01, seed=0)
        assert np.isnan(momentum._run(problem, 0.0, 100)[1])


class TestParameter:
    def test_the_counts_at_kappa_1000_are_those_expected(self, published):
        data = published["parameter"]
        assert all(10_000 < stages < 12_000 for stages in data.of("gradient", kappa=1000.0))
        for method in ("nesterov", "functional"):
            assert all(390 < stages < 530 for stages in data.of(method, kappa=1000.0))
        assert all(400 < stages < 460 for stages in data.of("parameter", kappa=1000.0, direction="Gaussian"))

    def test_near_the_identity_the_parameter_rule_accelerates_in_the_output_condition_number(self, published):
        near = [c for c in published["parameter"].counts if c.radius == 0.1 and c.direction != "-uu^T"]
        slope = _runs.slope(*np.log([(c.kappa_out, c.stages["parameter"]) for c in near]).T)
        assert slope == pytest.approx(0.5, abs=0.05)

    def test_towards_a_singular_target_it_is_slower_than_gradient_descent(self, published):
        data = published["parameter"]
        far = {"direction": "-uu^T", "radius": 0.9}
        for parameter_rule, gradient in zip(data.of("parameter", **far), data.of("gradient", **far), strict=True):
            assert parameter_rule > gradient

    @pytest.mark.parametrize("method", parameter.METHODS)
    def test_stages_are_counted_as_the_public_solver_runs(self, method):
        from linres.methods import descent
        from linres.problem import Problem

        direction = parameter._directions(10, 0)["Gaussian"]
        problem = Problem.from_spectrum(_runs.spectrum(10, 10), target=np.eye(10) + 0.5 * direction)
        solve = {
            "gradient": descent.descend, "nesterov": nesterov.accelerate, "functional": stacking.grow,
            "parameter": lambda problem, stages: stacking.grow(problem, stages=stages, rule="parameter"),
        }[method]
        count = int(parameter.stages_needed(problem, method))
        far, near = (np.linalg.norm(solve(problem, stages=n).network - problem.target) for n in (count - 1, count))
        assert near <= 1e-5 * 0.5 < far

    def test_the_table_has_a_row_for_every_problem_and_is_the_one_published(self, published):
        table = published["parameter"].table()
        assert table.count("\n| 1") == len(published["parameter"].counts) == 36
        assert (Path(__file__).parent.parent / "figures" / "parameter.md").read_text(encoding="utf-8") == table
class TestBoosting:
    def test_at_the_usual_shrinkage_stacking_needs_a_third_of_the_rounds_or_fewer(self, published):
        data = published["boosting"]
        for case in boosting.TARGETS:
            zero, stacking = (
                data.best(case, *starts, shrinkage=boosting.USUAL) for starts in (("zero",), boosting.STACKED)
            )
            assert 3 * stacking <= zero

    def test_at_the_best_shrinkage_of_each_it_is_slower_on_one_data_set_and_goes_deeper_on_the_other(self, published):
        data = published["boosting"]
        for depth in (1, 3):
            assert data.best(("diabetes", depth), "zero") < data.best(("diabetes", depth), *boosting.STACKED)
            cancer = ("breast cancer", depth)
            assert data.final(cancer, *boosting.STACKED) < data.final(cancer, "zero") / 10

    def test_momentum_at_a_tenth_of_the_step_is_no_quicker_than_the_whole_step_without(self, published):
        data = published["boosting"]
        for case in boosting.TARGETS:
            assert data.best(case, "zero", shrinkage=1.0) <= data.best(case, "constant", shrinkage=0.1)

    def test_zero_start_never_goes_up_and_stacking_with_long_steps_does(self, published):
        data = published["boosting"]
        for (_, _, start), run in data.runs.items():
            assert start != "zero" or np.all(np.diff(run.loss) <= 1e-15)
        assert data.lost("zero") == 0
        assert {key[1:] for key, run in data.runs.items() if key[0][0] == "diabetes" and run.status == "diverged"} == {
            (1.0, "growing"), (1.0, "constant")
        }
        followed = data.runs[(*boosting.FOLLOWED, "growing")]
        assert followed.rounds(boosting.TARGETS[boosting.FOLLOWED[0]]) is not None
        assert followed.loss[-1] > 10

    def test_zero_start_on_diabetes_is_scikit_learns_gradient_boosting(self, published):
        from sklearn.datasets import load_diabetes
        from sklearn.ensemble import GradientBoostingRegressor

        X, y = load_diabetes(return_X_y=True)
        theirs = GradientBoostingRegressor(learning_rate=0.1, n_estimators=boosting.STAGES, max_depth=1, random_state=0)
        scores = theirs.fit(X, y).train_score_ / np.var(y)
        np.testing.assert_allclose(published["boosting"].runs[("diabetes", 1), 0.1, "zero"].loss[1:], scores, rtol=1e-9)

    def test_trees_miss_part_of_the_gradient_and_never_more_than_all(self, published):
        for run in published["boosting"].runs.values():
            assert 0 < run.missed.min() <= run.missed.max() <= 1 + 1e-12
            assert len(run.missed) == len(run.loss) - 1

    @pytest.mark.parametrize(("loss", "rounds", "lost"), [
        ([1, 0.5, 0.2, 0.1], 2, False), ([1, 0.2, 0.3], 1, True), ([1, 0.9, 0.5], None, False),
        ([1, 0.9, 1.1], None, True),
    ])
    def test_a_run_that_goes_up_again_is_said_to_be_lost(self, loss, rounds, lost):
        run = boosting.Run(np.array(loss), np.ones(len(loss) - 1), "budget")
        assert (run.rounds(0.2), run.lost(0.2)) == (rounds, lost)

    def test_a_lost_run_is_not_the_best(self):
        case = ("diabetes", 1)
        runs = {(case, 0.1, start): boosting.Run(np.array([1, 0.5, *tail]), np.ones(3), "budget") for start, tail in (
            ("growing", (0.3, 0.9)), ("constant", (0.6, 0.3)), ("zero", (0.5, 0.5)),
        )}
        data = boosting.Boosting(runs, (0.1,), 3)
        assert data.best(case, *boosting.STACKED) == 3
        assert data.best(case, "zero") is None
        assert data.lost(*boosting.STACKED) == 1


class TestNorms:
    def test_every_interval_of_a_mean_square_holds_the_closed_form(self, published):
        assert published["norms"].covered == (18, 18)

    def test_the_closed_forms_are_those_of_the_theorem(self, published):
        for b, points in published["norms"].mean_squares.items():
            for point in points:
                depth = point.network.depth
                growth = depth * np.log1p(float(depth) ** (-2 * b))
                assert point.predicted == pytest.approx(np.log(growth), abs=1e-9)
                assert point.estimate.high - point.estimate.low < 0.5

    def test_the_three_regimes_have_the_slopes_of_one_less_twice_the_exponent(self, published):
        for b, points in published["norms"].mean_squares.items():
            first, last = points[-2:]
            slope = (last.estimate.measured - first.estimate.measured) / np.log(1000 / 316)
            assert slope == pytest.approx(1 - 2 * b, abs=0.06)

    @pytest.mark.parametrize("b", _norms.EXPONENTS)
    def test_the_reference_medians_are_within_the_sampling_error_of_fifty_runs(self, published, b):
        low, high = published["norms"].sampling(b)
        assert low <= norms.REFERENCE[b] <= high
        assert high / low < {0.25: 2.5, 0.5: 1.3, 1.0: 1.2}[b]  # else anything would be

    def test_an_interval_that_misses_is_counted_as_missing(self, published):
        point = published["norms"].mean_squares[0.5][0]
        wrong = _norms.Point(point.network, point.estimate, point.predicted + 0.1)
        assert _norms.covered([point, wrong]) == (1, 2)


class TestLognormal:
    def test_norms_of_deep_networks_are_lognormal_up_to_noise(self, published):
        for law in published["lognormal"].laws.values():
            assert law.distance < law.noise < 0.01
            assert law.held

    def test_the_distance_falls_like_one_over_the_depth_with_the_constant_of_the_skewness(self, published):
        data = published["lognormal"]
        assert data.miss < 1
        eighth = list(data.depths).index(8)
        assert data.distances[4][eighth] > 5 * data.noise
        assert data.distances[4][eighth] == pytest.approx(data.first_order(4)[eighth], rel=0.15)

    def test_a_mean_or_a_variance_five_percent_off_would_show(self, published):
        law = published["lognormal"].laws["linear"]
        for mean, variance in ((law.mean * 1.05, law.variance), (law.mean, law.variance * 1.05)):
            wrong = lognormal.Law(law.network, law.logs, mean, variance)
            assert wrong.distance > law.noise
            assert not wrong.held


class TestGradients:
    def test_every_interval_holds_the_closed_form_where_there_is_one(self, published):
        assert published["gradients"].covered == (24, 24)

    def test_the_closed_form_is_that_of_relu_blocks(self, published):
        for b, points in published["gradients"].regimes.items():
            for point in points:
                depth = float(point.network.depth)
                form = depth * np.log1p(depth ** (-2 * b) / 2)
                assert point.predicted == pytest.approx(np.log(np.expm1(form)), abs=1e-9)

    def test_blocks_that_depend_on_the_state_stay_below_the_bound(self, published):
        data = published["gradients"]
        for name in ("relu", "tanh"):
            assert all(point.estimate.high < point.predicted for point in data.blocks[name])
            assert 0.25 < data.shares[name] < 0.5
        assert data.shares["linear"] == pytest.approx(1, abs=0.2)


@pytest.fixture
def without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)


class TestLacking:
    def test_nothing_is_lacking_here(self):
        assert [figures.lacking(name) for name in figures.NAMES] == [""] * len(figures.NAMES)

    def test_computing_without_scikit_learn_is_refused_with_what_to_install(self, without_scikit_learn):
        with pytest.raises(InputError, match=r"needs the module sklearn, .* pip install '\.\[boosting\]' \(or '"):
            boosting.compute()

    def test_asked_for_by_name_the_figure_is_refused_before_any_is_computed(
        self, without_scikit_learn, tmp_path, capsys, monkeypatch
    ):
        monkeypatch.setattr(lookahead, "compute", lambda: pytest.fail("computed"))
        assert main(["figures", "lookahead", "boosting", "--out", str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert error.startswith("linres figures: the figure 'boosting' cannot be drawn: it needs the module sklearn")
        assert error.count("\n") == 1
        assert list(tmp_path.iterdir()) == []

    def test_among_all_the_figure_is_left_out_and_that_is_said(
        self, without_scikit_learn, tmp_path, capsys, monkeypatch
    ):
        monkeypatch.setattr(figures, "NAMES", ("boosting", "lookahead"))
        assert main(["figures", "--out", str(tmp_path)]) == 0
        assert sorted(file.name for file in tmp_path.iterdir()) == ["lookahead.png", "lookahead.svg"]
        printed = capsys.readouterr()
        assert printed.err.startswith("boosting: left out: it needs the module sklearn, which is not installed; pip")
        assert "boosting" not in printed.out

    def test_the_extra_that_is_named_brings_it(self):
        setup = configparser.ConfigParser(interpolation=None)
        setup.read(Path(__file__).parents[1] / "setup.cfg")
        assert setup["options.extras_require"]["boosting"].split(">=")[0].strip() == "scikit-learn"


def words(figure):
    """The visible texts of a drawn figure with something in them, but tick labels: some are beyond the limits."""
    from matplotlib.text import Text

    figure.draw_without_rendering()
    axes = [axis for panel in figure.axes for axis in (panel.xaxis, panel.yaxis)]
    ticks = {label for axis in axes for label in axis.get_ticklabels(which="both")}
    drawn = (text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip())
    return [text for text in drawn if text not in ticks]


class TestDrawing:
    @pytest.mark.parametrize("name", figures.NAMES)
    def test_no_text_leaves_the_figure_or_is_too_small_to_read(self, published, name):
        figure = figures.load(name).draw(published[name])
        box, drawn = figure.bbox, words(figure)
        for text in drawn:
            extent = text.get_window_extent()
            assert box.x0 <= extent.x0 < extent.x1 <= box.x1, text
            assert box.y0 <= extent.y0 < extent.y1 <= box.y1, text
            assert text.get_fontsize() >= plotting.SMALL
        assert len(drawn) > 10

    @pytest.mark.parametrize("name", figures.NAMES)
    def test_what_is_written_in_a_panel_stays_in_it(self, published, name):
        figure = figures.load(name).draw(published[name])
        figure.draw_without_rendering()
        for axes in figure.axes:
            written = [text for text in axes.texts if text.get_text()] + [axes.get_legend()]
            for extent in (artist.get_window_extent() for artist in written if artist is not None):
                assert axes.bbox.x0 <= extent.x0 < extent.x1 <= axes.bbox.x1
                assert axes.bbox.y0 <= extent.y0 < extent.y1 <= axes.bbox.y1

    @pytest.mark.parametrize("name", figures.NAMES)
    def test_every_panel_has_labels_and_a_letter(self, published, name):
        figure = figures.load(name).draw(published[name])
        for axes, letter in zip(figure.axes, "abcdef", strict=False):
            assert axes.get_title(loc="left").startswith(f"({letter}) ")
        assert any(axes.get_xlabel() for axes in figure.axes)
        assert any(axes.get_ylabel() for axes in figure.axes)

    @pytest.mark.parametrize("name", figures.NAMES)
    @pytest.mark.parametrize("suffix", ["svg", "png"])
    def test_the_same_data_give_the_same_file(self, published, tmp_path, name, suffix):
        files = [tmp_path / f"{copy}.{suffix}" for copy in "ab"]
        for file in files:
            plotting.save(figures.load(name).draw(published[name]), file)
        assert files[0].read_bytes() == files[1].read_bytes()

    def test_methods_can_be_told_apart_without_colour(self):
        looks = [(style.get("marker"), str(style.get("linestyle", "-"))) for style in rates.METHODS.values()]
        looks.remove((None, "-"))  # gradient descent and Nesterov's method: a thick line and a thin one
        assert len(set(looks)) == len(rates.METHODS) - 1
        looks = (basin.STYLES, boosting.STYLES, boosting.LOOKS, _norms.LOOKS, gradients.BLOCK_LOOKS, lognormal.LOOKS)
        for styles in looks:
            assert len({style["marker"] for style in styles.values()}) == len(styles)

    def test_every_run_of_boosting_has_its_mark_and_a_lost_one_a_cross(self, published):
        data = published["boosting"]
        for axes, case in zip(boosting.draw(data).axes, boosting.TARGETS, strict=False):
            marks = [line for line in axes.lines if line.get_marker() != "x"]
            crosses = [line for line in axes.lines if line.get_marker() == "x"]
            drawn = sum(int(np.isfinite(np.asarray(line.get_ydata(), dtype=float)).sum()) for line in marks)
            assert drawn == len(data.shrinkages) * len(boosting.STARTS)
            assert all({*line.get_xdata()} <= {*data.shrinkages} for line in [*marks, *crosses])
            lost = [run.lost(boosting.TARGETS[case]) for (of, _, _), run in data.runs.items() if of == case]
            assert sum(len(line.get_xdata()) for line in crosses) == sum(lost)

    def test_a_direction_without_violation_is_drawn_as_an_arrow(self, published):
        data = published["basin"]
        axes = basin.draw(data).axes[0]
        arrows = [text for text in axes.texts if text.get_text() == "" and text.arrow_patch is not None]
        assert len(arrows) == np.sum(np.isinf(data.measured[0])) + 1  # the other one spans the smallest gap


class TestCommand:
    def test_draws_the_figures_named_once_each(self, tmp_path, capsys):
        out = tmp_path / "new" / "folder"
        assert main(["figures", "lookahead", "rates", "lookahead", "--out", str(out)]) == 0
        files = ["lookahead.png", "lookahead.svg", "rates.png", "rates.svg"]
        assert sorted(file.name for file in out.iterdir()) == files
        printed = capsys.readouterr()
        assert re.fullmatch(r"lookahead: \d+\.\d s\nrates: \d+\.\d s\n", printed.err)
        assert printed.out.count("lookahead.svg") == 1
        assert printed.out.isascii()

    def test_prints_the_headline_numbers(self, published):
        assert "0.5" in published["scaling"].summary()
        assert f"{published['basin'].smallest_ratio:.3g}" in published["basin"].summary()
        assert all(data.summary().isascii() for data in published.values())

    def test_lists_the_figures_and_draws_none(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        assert main(["figures", "--list"]) == 0
        assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(figures.NAMES)
        assert list(tmp_path.iterdir()) == []

    def test_an_unknown_name_is_refused_in_one_line_that_lists_the_names(self, tmp_path, capsys):
        assert main(["figures", "rates", "rate", "--out", str(tmp_path)]) == 2
        names = ", ".join(figures.NAMES)
        expected = f"linres figures: no figure is called 'rate'. Did you mean rates? There are: {names}.\n"
        assert capsys.readouterr().err == expected
        assert list(tmp_path.iterdir()) == []

    def test_a_directory_that_cannot_be_made_is_refused_before_computing(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr(rates, "compute", lambda: pytest.fail("computed"))
        (tmp_path / "file").touch()
        assert main(["figures", "rates", "--out", str(tmp_path / "file")]) == 2
        error = capsys.readouterr().err
        assert "should be a folder, got a file. Choose another folder." in error
        assert error.count("\n") == 1

    def test_knowing_the_figures_imports_nothing_heavy(self):
        code = (
            "import sys; from linres import figures; [figures.load(name) for name in figures.NAMES]; "
            "print([name for name in ('scipy', 'sympy', 'numba', 'matplotlib', 'sklearn') if name in sys.modules])"
        )
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
