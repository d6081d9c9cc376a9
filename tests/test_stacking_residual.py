"""stacking-residual: proved; stacking and Nesterov run side by side, exactly; zero start is gradient descent."""

from dataclasses import replace
from fractions import Fraction

import flint
import pytest
from balls import contains
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped

from linres.arithmetic import BALL, EXACT, divide
from linres.instances import StackingRun, generic_stacking_run
from linres.methods import descent, nesterov, stacking
from linres.rungs import rigorous
from linres.theorems import stacking_residual as s2

F = Fraction
THEOREM = s2.THEOREM
STAGES = 8


class Plane:
    """The generic run in the plane, in exact arithmetic."""

    def __init__(self, **changes):
        run = replace(generic_stacking_run(STAGES), **changes)
        self.run = run
        self.sigma, self.target, self.start = (EXACT.matrix(table) for table in (run.sigma, run.target, run.start))
        self.momentum, self.step_size = map(EXACT.number, (run.momentum, run.step_size))

    def gradient(self, point):
        return (point - self.target) @ self.sigma

    def stacked(self, rule="functional"):
        """(network, block, made) at every stage, from no block at all."""
        network, block = self.start, self.start - self.start
        for _ in range(STAGES):
            made = stacking.stage(
                network, block, self.gradient, momentum=self.momentum, step_size=self.step_size, rule=rule
            )
            yield network, block, made
            network, block = made.network, made.block


def by_block(plane, block, change, before):
    return plane.momentum * block @ change


def by_inverse(plane, block, change, before):
    return plane.momentum * divide(change, before) @ change


@given(s2.instances())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_drawn_run_contradicts_it(instance):
    checked = rigorous.check(THEOREM, instance)
    assert checked.failure is None and not checked.undecided


# Side by side.


@pytest.mark.parametrize("error", [by_block, by_inverse])
def test_stacking_and_nesterov_with_the_error_go_through_identical_states(error):
    """Nesterov keeps its own states: nothing is handed over but the error, eight stages long."""
    plane = Plane()
    x = x_prev = plane.start
    for network, block, made in plane.stacked():
        assert x == network
        drift = error(plane, block, x - x_prev, x_prev)
        y, x_next = nesterov.step(
            x, x_prev, plane.gradient, momentum=plane.momentum, step_size=plane.step_size, lookahead_error=drift
        )
        assert (y, x_next) == (made.lookahead, made.network)
        x_prev, x = x, x_next


def test_without_the_error_the_states_part_at_the_second_stage():
    """At the first there is no block, and so no error."""
    plane = Plane()
    x = x_prev = plane.start
    same = []
    for _, _, made in plane.stacked():
        x_prev, x = x, nesterov.step(x, x_prev, plane.gradient, momentum=plane.momentum, step_size=plane.step_size)[1]
        same.append(x == made.network)
    assert same == [True] + [False] * (STAGES - 1)


@pytest.mark.parametrize("error", [by_block, by_inverse])
def test_the_parameter_rule_looks_ahead_to_the_same_formula(error):
    plane, before = Plane(), None
    for network, block, made in plane.stacked(rule="parameter"):
        change = network - (network if before is None else before)
        drift = error(plane, block, change, network if before is None else before)
        assert made.lookahead == network + plane.momentum * change + drift
        before = network


def test_the_parameter_rule_is_no_nesterov_step_on_the_end_to_end_map():
    plane = Plane()
    for _, _, made in plane.stacked(rule="parameter"):
        stepped = descent.step(made.lookahead, plane.gradient, step_size=plane.step_size)
        if made.network != stepped:
            return
    pytest.fail("the parameter rule took functional steps throughout")


def test_the_step_of_the_parameter_rule_is_preconditioned_by_the_network():
    plane = Plane()
    for network, _, made in plane.stacked(rule="parameter"):
        slope = plane.gradient(made.lookahead)
        assert made.network == made.lookahead - plane.step_size * slope @ network.T @ network


def test_zero_start_is_gradient_descent():
    plane = Plane(momentum=F(0))
    x = plane.start
    for network, _, made in plane.stacked():
        assert network == x
        x = descent.step(x, plane.gradient, step_size=plane.step_size)
        assert made.network == x


def test_the_blocks_multiply_up_to_the_network():
    plane = Plane()
    product = plane.start
    for _, _, made in plane.stacked():
        product = product + made.block @ product
        assert product == made.network


# Corners.


def scalar(*, sigma, target, momentum, step_size):
    """A network of one neuron, from W = 1."""
    return StackingRun(((sigma,),), ((target,),), ((F(1),),), momentum, step_size, STAGES)


def test_a_scalar_network_holds_through_all_stages():
    checked = rigorous.check(THEOREM, scalar(sigma=F(3), target=F(2), momentum=F(1, 2), step_size=F(1, 5)))
    assert (checked.holds, checked.rejected, checked.undecided) == (STAGES, 0, 0)


def test_a_run_of_no_stages_has_no_rows():
    assert s2.measure(replace(generic_stacking_run(3), stages=0), EXACT) == []


def test_a_run_from_a_singular_network_ends_at_once():
    singular = replace(generic_stacking_run(3), start=((F(1), F(2)), (F(2), F(4))))
    assert s2.measure(singular, EXACT) == []


def test_a_run_that_becomes_singular_keeps_the_stages_before():
    """d = 1, target 0: one step of size 1/sigma from W = 1 lands on 0, where no further block exists."""
    falls = scalar(sigma=F(2), target=F(0), momentum=F(0), step_size=F(1, 2))
    rows = s2.measure(falls, EXACT)
    assert len(rows) == 1 and rows[0][s2.W_next].entries() == [0]
    assert rigorous.check(THEOREM, falls).holds == 1


def test_balls_enclose_the_exact_run():
    run = generic_stacking_run(5)
    with flint.ctx.workprec(256):
        balls = run.record(BALL).stages
    for exact, ball in zip(run.record(EXACT).stages, balls, strict=True):
        for field in ("network", "grown", "block", "lookahead", "gradient"):
            pairs = zip(getattr(ball, field).entries(), getattr(exact, field).entries(), strict=True)
            assert all(contains(enclosure, value) for enclosure, value in pairs)


# Measurement.

SECOND_STAGE = [place for place in places(THEOREM, generic_stacking_run(3)) if place[0] == 1]


@pytest.mark.parametrize("place", SECOND_STAGE, ids=lambda place: str(place[1]))
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    run = generic_stacking_run(3)
    assert outcome(THEOREM, run) == "holds"
    assert outcome(swapped(THEOREM, place), run) in {"Disagree", "failure"}


def test_the_error_is_not_measured_but_defined():
    [row, *_] = s2.measure(generic_stacking_run(1), EXACT)
    assert set(row) == set(s2.SYMBOLS) - {s2.D}
