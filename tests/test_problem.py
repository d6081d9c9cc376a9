"""The moments of a problem, what is derived from them, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linres.errors import InputError
from linres.methods import nesterov
from linres.problem import Problem

EPS = np.finfo(float).eps


def draw_data(seed=0, n=50, p=4, m=4):
    random = np.random.default_rng(seed)
    x = random.standard_normal((n, p)) @ random.standard_normal((p, p)) + random.standard_normal(p)
    y = x @ random.standard_normal((p, m)) + 0.3 * random.standard_normal((n, m)) + 1
    return x, y


def centred(array):
    return array - array.mean(axis=0)


def mean_loss(network, x, y):
    """1/2 E|W x - y|^2, sample by sample: independent of moments."""
    return sum(np.sum((network @ a - b) ** 2) for a, b in zip(x, y, strict=True)) / (2 * len(x))


@given(st.integers(0, 10**6))
def test_loss_is_half_the_mean_squared_error(seed):
    x, y = draw_data(seed)
    network = np.random.default_rng(seed + 1).standard_normal((4, 4))
    problem = Problem.from_data(x, y)
    assert problem.loss(network) == pytest.approx(mean_loss(network, centred(x), centred(y)), rel=1e-9)
    uncentred = Problem.from_data(x, y, centre=False)
    assert uncentred.loss(network) == pytest.approx(mean_loss(network, x, y), rel=1e-9)


def test_target_is_the_least_squares_solution_and_attains_the_minimum_loss():
    x, y = draw_data()
    problem = Problem.from_data(x, y)
    solution = np.linalg.lstsq(centred(x), centred(y))[0].T
    np.testing.assert_allclose(problem.target, solution, rtol=1e-9)
    assert problem.minimum_loss == pytest.approx(mean_loss(solution, centred(x), centred(y)))
    assert problem.excess_loss(problem.target) == 0.0
    assert problem.sigma_min == pytest.approx(np.linalg.svd(solution)[1][-1])


def test_gradient_is_the_derivative_of_the_loss():
    problem = Problem.from_data(*draw_data())
    network, direction = np.random.default_rng(3).standard_normal((2, 4, 4))
    # A quadratic: the central difference has no error but rounding.
    difference = (problem.loss(network + direction) - problem.loss(network - direction)) / 2
    assert np.sum(problem.gradient(network) * direction) == pytest.approx(difference, rel=1e-9)


def test_excess_loss_keeps_its_digits_next_to_the_minimum():
    problem = Problem.from_spectrum([1.0, 4.0], target=np.zeros((2, 2)))
    assert problem.excess_loss(np.diag([1e-150, 0])) == pytest.approx(0.5e-300)
    assert problem.excess_loss(np.diag([0, 1e-12])) == pytest.approx(2e-24, rel=1e-12)


def test_spectrum_gives_mu_L_kappa_and_q():
    problem = Problem.from_spectrum([2.0, 0.5, 8.0])
    assert (problem.mu, problem.L, problem.kappa, problem.q) == (0.5, 8.0, 16.0, 0.25)
    assert problem.dimension == problem.rank == 3
    assert problem.minimum_loss == 0.0
    np.testing.assert_array_equal(problem.target, 2 * np.eye(3))


def test_output_eigenvalues_are_those_of_the_output_second_moment():
    target = np.array([[1.0, 2.0], [0.0, 3.0]])
    problem = Problem.from_spectrum([1.0, 5.0], target=target)
    np.testing.assert_allclose(
        problem.output_eigenvalues, np.linalg.eigvalsh(target @ np.diag([1.0, 5.0]) @ target.T), rtol=1e-12
    )
    singular = Problem.from_spectrum([1.0, 5.0], target=np.array([[1.0, 1.0], [0.1, 0.1]]))
    assert singular.output_eigenvalues[0] == 0.0 < singular.output_eigenvalues[1]


def test_moments_give_the_same_problem_as_the_data_they_come_from():
    x, y = map(centred, draw_data())
    data = Problem.from_data(x, y)
    moments = Problem.from_moments(x.T @ x / len(x), y.T @ x / len(x), np.sum(y * y) / len(x))
    network = np.ones((4, 4))
    assert moments.loss(network) == pytest.approx(data.loss(network), rel=1e-12)
    assert moments.samples is None
    assert data.samples == 50


def test_ridge_adds_half_its_multiple_of_the_squared_norm():
    x, y = draw_data()
    network = np.random.default_rng(5).standard_normal((4, 4))
    added = Problem.from_data(x, y, ridge=0.7).loss(network) - Problem.from_data(x, y).loss(network)
    assert added == pytest.approx(0.35 * np.sum(network**2), rel=1e-9)


def test_arrays_are_copies_that_cannot_be_written():
    sigma = np.eye(2)
    problem = Problem.from_moments(sigma, sigma, 5.0)
    sigma[0, 0] = 7
    assert problem.sigma[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        problem.target[0, 0] = 1


class TestComponents:
    def test_are_the_leading_ones_of_each_side(self):
        x, y = draw_data(p=6, m=9)
        problem = Problem.from_data(x, y, components=3)
        x, y = centred(x), centred(y)
        leading_x = np.linalg.svd(x)[1][:3] ** 2 / len(x)
        leading_y = np.linalg.svd(y)[1][:3] ** 2 / len(y)
        np.testing.assert_allclose(problem.eigenvalues[::-1], leading_x, rtol=1e-9)
        assert problem.y_squared == pytest.approx(leading_y.sum(), rel=1e-9)

    def test_leave_the_minimum_loss_of_the_projected_data(self):
        x, y = draw_data(p=6, m=9)
        problem = Problem.from_data(x, y, components=3)
        x, y = centred(x), centred(y)
        x, y = x @ np.linalg.svd(x)[2][:3].T, y @ np.linalg.svd(y)[2][:3].T
        assert problem.minimum_loss == pytest.approx(mean_loss(np.linalg.lstsq(x, y)[0].T, x, y), rel=1e-9)

    @given(st.integers(0, 10**6))
    def test_of_y_are_turned_so_that_no_singular_map_lies_between_identity_and_target(self, seed):
        problem = Problem.from_data(*draw_data(seed, p=6, m=9), components=3)
        np.testing.assert_allclose(problem.cross, problem.cross.T, atol=1e-12 * np.abs(problem.cross).max())
        assert np.linalg.eigvalsh(problem.cross)[0] > 0
        assert np.linalg.eigvals(problem.target).real.min() > 0

    def test_make_training_independent_of_the_coordinates_of_the_data(self):
        x, y = draw_data()
        turn, turn_too = (np.linalg.qr(matrix)[0] for matrix in np.random.default_rng(1).standard_normal((2, 4, 4)))
        runs = [
            nesterov.accelerate(Problem.from_data(a, b, components=2), stages=20)
            for a, b in ((x, y), (x @ turn, y @ turn_too), (-x, y))
        ]
        np.testing.assert_allclose(runs[1].excess_loss, runs[0].excess_loss, rtol=1e-6)
        np.testing.assert_allclose(runs[2].excess_loss, runs[0].excess_loss, rtol=1e-6)


class TestSingularMoments:
    def data(self):
        x, y = draw_data()
        return np.column_stack([x, x[:, 0] + x[:, 1]]), np.column_stack([y, y[:, 0]])

    def test_are_refused_where_the_target_is_needed_with_the_rank(self):
        problem = Problem.from_data(*self.data(), name="mine")
        assert (problem.rank, problem.kappa, problem.q) == (4, math.inf, 0.0)
        with pytest.raises(InputError, match=r"Sigma of mine .* rank 4\. Add a ridge.*components=4, --components 4"):
            problem.excess_loss(np.eye(5))

    def test_are_mended_by_either_remedy_named(self):
        problem = Problem.from_data(*self.data())
        with pytest.raises(InputError) as refused:
            _ = problem.target
        ridge = float(str(refused.value).split("--ridge ")[1].split(")")[0])
        assert np.isfinite(Problem.from_data(*self.data(), ridge=ridge).target).all()
        assert np.isfinite(Problem.from_data(*self.data(), components=4).target).all()

    @pytest.mark.parametrize("x", [np.ones((3, 2)), np.arange(2.0)[None]], ids=["constant", "one sample"])
    def test_of_data_that_do_not_vary_ask_for_samples(self, x):
        with pytest.raises(InputError, match=r"rank 0\. No column of x varies, so that .* nothing: add samples\.$"):
            _ = Problem.from_data(x, x).target

    def test_of_far_more_columns_than_rows_hint_at_the_transpose(self):
        x = np.random.default_rng(0).standard_normal((3, 40))
        with pytest.raises(InputError, match=r"--components 2\)\. Samples are rows: transpose if yours are columns\.$"):
            _ = Problem.from_data(x, x).target


class TestHypotheses:
    def holds(self, problem, **settings):
        settings = {"momentum": 0.5, "step_size": 1 / problem.L, **settings}
        return {entry["name"]: entry["holds"] for entry in problem.hypotheses(**settings)}

    def test_all_hold_at_the_default_settings(self):
        problem = Problem.from_spectrum([0.3, 0.7])
        assert set(self.holds(problem).values()) == {True}
        assert all(entry["remedy"] is None for entry in problem.hypotheses(momentum=0.5, step_size=1 / problem.L))

    def test_a_singular_target_fails_with_its_value_and_a_remedy(self):
        problem = Problem.from_spectrum([1.0, 2.0], target=np.ones((2, 2)))
        report = {entry["name"]: entry for entry in problem.hypotheses(momentum=0.5, step_size=0.5)}
        assert report["target-invertible"]["holds"] is False
        assert report["target-invertible"]["value"] == problem.sigma_min < 1e-15
        assert "Nesterov" in report["target-invertible"]["remedy"]
        assert "target-invertible" not in self.holds(problem, blocks=False)

    def test_each_says_what_its_value_is_held_against(self):
        problem = Problem.from_spectrum([1.0, 2.0], target=3 * np.eye(2))
        report = problem.hypotheses(momentum=0.5, step_size=0.25, rule="parameter")
        assert {entry["name"]: (entry["value"], entry["threshold"]) for entry in report} == {
            "moments-invertible": (1.0, 0.0), "target-invertible": (pytest.approx(3.0), 0.0), "momentum": (0.5, 1.0),
            "step": (0.25, pytest.approx(1 / 18)),
        }

    def test_a_target_lost_in_the_rounding_of_the_solve_is_left_undecided(self):
        tiny = Problem.from_spectrum([1e-10, 1.0], target=np.diag([1.0, 1e-8]))
        assert tiny.target_invertible is None
        assert Problem.from_spectrum([0.1, 1.0], target=np.diag([1.0, 1e-8])).target_invertible is True

    @pytest.mark.parametrize(("step_size", "holds"), [(0.5, True), (0.50001, False), (0.1, True)])
    def test_the_step_is_held_against_the_smoothness(self, step_size, holds):
        assert self.holds(Problem.from_spectrum([1.0, 2.0]), step_size=step_size)["step"] is holds

    def test_the_step_of_the_parameter_rule_is_held_against_the_output_moment(self):
        problem = Problem.from_spectrum([1.0, 2.0], target=3 * np.eye(2))
        assert self.holds(problem, step_size=0.5)["step"] is True
        assert self.holds(problem, step_size=0.5, rule="parameter")["step"] is False
        assert self.holds(problem, step_size=1 / 18.1, rule="parameter")["step"] is True

    def test_momentum_one_fails(self):
        assert self.holds(Problem.from_spectrum([1.0, 2.0]), momentum=1.0)["momentum"] is False


GOOD = np.arange(12.0).reshape(4, 3) ** 2
HOLED = np.where(np.arange(12).reshape(4, 3) % 5 == 4, np.nan, GOOD)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Problem.from_data(GOOD[:, 0], GOOD), r"from_data\(x=.*1 axes\. Write a single column as x\[:, None\]"),
        (lambda: Problem.from_data(GOOD, GOOD[:3]), r"4 rows of x, 3 of y\. Samples are rows: transpose if yours"),
        (lambda: Problem.from_data(GOOD, GOOD[:3, :2]), r"4 rows of x, 3 of y\.$"),
        (lambda: Problem.from_data(GOOD, GOOD[:, :2]), r"3 columns of x, 2 of y\. Keep at most 2 .*--components 2"),
        (lambda: Problem.from_data(GOOD, HOLED), r"2 of 4 rows with .*: row 1 of y \(nan in column 1\), row 3 of y \("),
        (lambda: Problem.from_data(GOOD[:0], GOOD[:0]), r"at least one row and one column, got shape \(0, 3\)"),
        (lambda: Problem.from_data([[1, 2], [3]], GOOD), "rows of different lengths"),
        (lambda: Problem.from_data([["a"]], [[1]]), "dtype <U1"),
        (lambda: Problem.from_data([[1j]], [[1]]), "dtype complex128"),
        (lambda: Problem.from_data([[None]], [[1]]), "dtype object"),
        (lambda: Problem.from_data(1e200 * GOOD, GOOD), "beyond float64. Rescale"),
        (lambda: Problem.from_data(GOOD, GOOD, ridge=-1), r"ridge=\.\.\.\) should be a number >= 0, got -1"),
        (lambda: Problem.from_data(GOOD, GOOD, ridge=math.inf), "got inf"),
        (lambda: Problem.from_data(GOOD, GOOD, ridge="1"), "got '1'"),
        (lambda: Problem.from_data(GOOD, GOOD, components=4), "integer from 1 to 3, got 4"),
        (lambda: Problem.from_data(GOOD, GOOD, components=0), "integer from 1 to 3, got 0"),
        (lambda: Problem.from_data(GOOD, GOOD, components=2.0), "got 2.0"),
        (lambda: Problem.from_data(GOOD, GOOD, components=True), "got True"),
        (lambda: Problem.from_moments([[1, 2], [0, 1]], np.eye(2), 1), r"symmetric, got entries that differ by 2"),
        (lambda: Problem.from_moments([[1, 2], [2, 1]], np.eye(2), 1), "semidefinite, got the eigenvalue -1"),
        (lambda: Problem.from_moments(np.ones((2, 3)), np.eye(2), 1), "square matrix, got shape"),
        (lambda: Problem.from_moments(np.eye(2), np.eye(3), 9), r"2 x 2 matrix, got shape \(3, 3\)"),
        (lambda: Problem.from_moments(np.eye(2), np.eye(2), -1), "y_squared"),
        (lambda: Problem.from_moments(np.eye(2), np.eye(2), 1.9), r"at least tr\(C Sigma\^-1 C\^T\) = 2, got 1\.9"),
        (lambda: Problem.from_spectrum([1, 0]), "positive, got 0. kappa"),
        (lambda: Problem.from_spectrum([1, -2]), "positive, got -2"),
        (lambda: Problem.from_spectrum([]), "at least one number"),
        (lambda: Problem.from_spectrum([1, math.nan]), "1 non-finite, the first nan at position 1"),
        (lambda: Problem.from_spectrum([1, 2], target=np.eye(3)), r"2 x 2 matrix, got shape \(3, 3\)"),
    ],
)
def test_misuse_is_refused_in_one_line(make, message):
    with pytest.raises(InputError, match=message) as refused:
        make()
    assert "\n" not in str(refused.value)


def test_moments_that_are_symmetric_but_for_rounding_are_taken_and_made_symmetric():
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]
    sigma = (turn * np.arange(1.0, 7.0)) @ turn.T
    assert not np.array_equal(sigma, sigma.T)
    problem = Problem.from_moments(sigma, np.eye(6), 20)
    assert np.array_equal(problem.sigma, problem.sigma.T)


def test_rank_counts_what_rounding_cannot_make_of_zero():
    assert Problem.from_spectrum([3 * EPS, 1.0]).rank == 2
    assert Problem.from_spectrum([1.5 * EPS, 1.0]).rank == 1
