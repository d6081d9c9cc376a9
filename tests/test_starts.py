"""Where training starts: inside and outside the basin, as asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linres import guarantee, starts
from linres.data import load
from linres.errors import InputError, refuse, renamed
from linres.methods import stacking
from linres.problem import Problem

PROBLEM = Problem.from_spectrum([0.04, 0.2, 1.0], target=np.array([[2.0, 0.3, 0], [0, 1.5, 0.1], [0.2, 0, 1.8]]))


@given(st.floats(1e-6, 1e6), st.integers(0, 2**32 - 1), st.sampled_from([1e-60, 1.0, 1e60]))
def test_near_has_the_potential_asked_for(fraction, seed, scale):
    problem = Problem.from_spectrum(scale * PROBLEM.eigenvalues, target=PROBLEM.target)
    error = starts.near(problem, fraction=fraction, seed=seed) - problem.target
    phi_0 = np.trace(error @ problem.sigma @ error.T) / 2 + problem.mu / 2 * np.sum(error**2)
    q = 0.2
    allowed = problem.mu * np.linalg.svd(problem.target)[1][-1] ** 2 / (2 * (2 * (1 + q) ** 0.5 + (1 - q) ** 0.5) ** 2)
    assert phi_0 == pytest.approx(fraction * allowed, rel=1e-6)


@pytest.mark.parametrize(("fraction", "inside"), [(0.5, True), (0.999, True), (1.001, False), (30, False)])
def test_near_is_inside_the_basin_below_one_and_outside_above(fraction, inside):
    for problem in (PROBLEM, load("digits"), load("digits-raw", components=30)):
        run = stacking.grow(problem, stages=0, start=starts.near(problem, fraction=fraction))
        assert guarantee.of(problem, run).inside_basin is inside


def test_near_is_reproducible_and_its_direction_follows_the_seed():
    direction = (starts.near(PROBLEM) - PROBLEM.target).ravel()[:4]
    # The first normals of RandomState([0, 1]), whose stream NumPy has frozen.
    frozen = np.array([-0.20099112, -0.94661843, 0.04002267, -0.17314403])
    np.testing.assert_allclose(direction / direction[0], frozen / frozen[0], rtol=1e-6)
    assert np.array_equal(starts.near(PROBLEM, seed=7), starts.near(PROBLEM, seed=7))
    assert not np.allclose(starts.near(PROBLEM, seed=7), starts.near(PROBLEM, seed=8))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fraction": 0}, r"near\(fraction=\.\.\.\) should be a number > 0, got 0"),
        ({"fraction": "1"}, "got '1'"),
        ({"seed": -1}, r"near\(seed=\.\.\.\) should be an integer from 0 to 2\^32 - 1, got -1"),
        ({"seed": 2**32}, "got 4294967296"),
    ],
)
def test_near_refuses_other_settings(settings, message):
    with pytest.raises(InputError, match=message):
        starts.near(PROBLEM, **settings)


def test_near_a_singular_target_is_refused():
    singular = Problem.from_spectrum([1.0, 2.0], target=np.diag([1.0, 0.0]))
    with pytest.raises(InputError, match=r"invertible W\*, got sigma_min\(W\*\) = 0\. Choose a target of full rank\.$"):
        starts.near(singular)


def test_choose_reads_the_words_of_the_command_line(tmp_path):
    assert starts.choose("identity", seed=0)(PROBLEM) is None
    assert np.array_equal(starts.choose("near", seed=3)(PROBLEM), starts.near(PROBLEM, seed=3))
    assert np.array_equal(starts.choose("near:2e-1", seed=3)(PROBLEM), starts.near(PROBLEM, fraction=0.2, seed=3))
    np.save(tmp_path / "w.npy", np.diag([1, 2, 3]))
    assert np.array_equal(starts.choose(str(tmp_path / "w.npy"), seed=0)(PROBLEM), np.diag([1, 2, 3]))


class TestRenamedErrors:
    @pytest.mark.parametrize(
        ("call", "message"),
        [
            ("grow(stages=...)", "--stages should be >= 0, got -1. Count."),
            ("Problem.from_data(x, y)", "X and Y should be >= 0, got -1. Count."),
            ("grow(rule=...)", "grow(rule=...) should be >= 0, got -1. Count."),
            ("stages", "stages should be >= 0, got -1. Count."),
        ],
    )
    def test_name_what_the_argument_is_called_elsewhere(self, call, message):
        error = renamed(refuse(call, ">= 0", -1, "Count."), {"stages": "--stages", "x, y": "X and Y"})
        assert (type(error), str(error)) == (InputError, message)

    def test_without_a_subject_stay_as_they_are(self):
        error = InputError("w(stages=...) cannot be read.")
        assert str(renamed(error, {"stages": "--stages"})) == "w(stages=...) cannot be read."
