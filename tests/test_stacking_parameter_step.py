"""stacking-parameter-step: stacking and Nesterov in the metric of the target run side by side, exactly."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped

from linres.arithmetic import EXACT, divide, inner
from linres.methods import descent, nesterov, stacking
from linres.parameter_stacking import generic_run
from linres.rungs import rigorous
from linres.theorems import stacking_parameter_step as s4

F = Fraction
THEOREM = s4.THEOREM
RUN = generic_run()


class Plane:
    """The generic run in the plane, in exact arithmetic, towards its target or towards another one."""

    def __init__(self, target=None):
        training = RUN.training()
        self.sigma, self.start = EXACT.matrix(training.sigma), EXACT.matrix(training.start)
        self.target = EXACT.matrix(training.target if target is None else target)
        self.pace = {"momentum": EXACT.number(training.momentum), "step_size": EXACT.number(training.step_size)}
        self.metric = self.target.T @ self.target

    def gradient(self, point):
        return (point - self.target) @ self.sigma

    def stacked(self, stages=3):
        """(network, block, made) at every stage, from no block at all."""
        network, block = self.start, self.start - self.start
        for _ in range(stages):
            made = stacking.stage(network, block, self.gradient, **self.pace, rule="parameter")
            yield network, block, made
            network, block = made.network, made.block


@given(s4.instances())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_drawn_run_contradicts_it(instance):
    checked = rigorous.check(THEOREM, instance)
    assert checked.failure is None and not checked.undecided


# Side by side.


@pytest.mark.parametrize("target", [None, ((F(1), F(2)), (F(1, 2), F(1)))], ids=["invertible", "singular"])
def test_nesterov_in_the_metric_of_the_target_goes_through_identical_states(target):
    """It keeps its own states: nothing is handed over but the two errors."""
    plane = Plane(target)
    x = x_prev = plane.start
    for network, block, made in plane.stacked():
        assert x == network
        slope = plane.gradient(made.lookahead)
        slip = -plane.pace["step_size"] * slope @ (x.T @ x - plane.metric)
        y, x_next = nesterov.step(
            x, x_prev, lambda point: plane.gradient(point) @ plane.metric, **plane.pace,
            lookahead_error=plane.pace["momentum"] * block @ (x - x_prev), step_error=slip,
        )
        assert (y, x_next) == (made.lookahead, made.network)
        x_prev, x = x, x_next


@pytest.mark.parametrize("metric", ["of the inputs", "of the transposed target", "of the target, without the error"])
def test_otherwise_the_states_part_at_the_first_stage(metric):
    plane = Plane()
    preconditioner = {
        "of the inputs": plane.target.identity(), "of the transposed target": plane.target @ plane.target.T,
        "of the target, without the error": plane.metric,
    }[metric]
    [(network, _, made)] = plane.stacked(stages=1)
    slope = plane.gradient(made.lookahead) @ preconditioner
    assert descent.step(network, lambda _: slope, step_size=plane.pace["step_size"]) != made.network


def test_relative_to_the_target_it_is_the_same_stage_with_the_moments_of_the_outputs():
    plane = Plane()
    moments, one = plane.target @ plane.sigma @ plane.target.T, plane.target.identity()
    relative = divide(plane.start, plane.target)
    block = relative - relative
    for network, own, _ in plane.stacked():
        assert (relative, block) == (divide(network, plane.target), own)
        made = stacking.stage(relative, block, lambda point: (point - one) @ moments, **plane.pace, rule="parameter")
        relative, block = made.network, made.block


def test_the_step_error_is_of_second_order():
    """Half as far from the target it is about a quarter."""
    lengths = []
    for k in (10, 11):
        displacement = tuple(tuple(entry / 2**k for entry in row) for row in RUN.displacement)
        [row] = s4.measure(replace(RUN, displacement=displacement, stages=1), EXACT)
        error = row[s4.G] @ (row[s4.W].T @ row[s4.W] - row[s4.W_star].T @ row[s4.W_star])
        lengths.append(inner(error, error))
    assert 15 < lengths[0] / lengths[1] < 17


def test_the_moments_of_the_outputs_have_the_spectrum_that_was_asked_for_and_the_inputs_another():
    """Trace and determinant: 2 x 2 matrices have no more."""
    plane = Plane()
    outputs, low, high = plane.target @ plane.sigma @ plane.target.T, *map(EXACT.number, (RUN.smallest, RUN.largest))
    assert outputs.data.det() == low * high and sum(outputs.data[k, k] for k in (0, 1)) == low + high
    condition = [sum(m.data[k, k] for k in (0, 1)) ** 2 / m.data.det() for m in (plane.sigma, outputs)]
    assert condition[0] != condition[1]


# Measurement.

# Any matrix may be the target; Sigma, V and B are in other steps than the conclusion.
FREE = (s4.W_star, s4.Sigma, s4.V, s4.B)
PLACES = [place for place in places(THEOREM, RUN) if place[0] == 1 and place[1] not in FREE]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: str(place[1]))
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    assert outcome(THEOREM, RUN) == "holds"
    assert outcome(swapped(THEOREM, place), RUN) in {"Disagree", "failure"}


def test_the_blocks_measured_make_the_networks():
    for row in s4.measure(RUN, EXACT):
        assert row[s4.W_next] == row[s4.W] + row[s4.w_next] @ row[s4.W]
        assert row[s4.W_star] == row[s4.W] + row[s4.B] @ row[s4.W]
