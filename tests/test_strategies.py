"""The strategies draw valid instances only, reach their corners, and their draws can be written down and read back."""

from fractions import Fraction
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linres import strategies
from linres.arithmetic import EXACT
from linres.instances import NesterovRun, QuadraticRun, StackingRun
from linres.near_target import PerturbedStackingRun
from linres.rungs import draw

F = Fraction
often = settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
EVERY_RUN = [
    strategies.nesterov_runs(max_stages=3), strategies.quadratic_runs(max_stages=3),
    strategies.stacking_runs(max_stages=3), strategies.perturbed_stacking_runs(max_stages=3),
]
NAMES = {run.__name__: run for run in (Fraction, NesterovRun, PerturbedStackingRun, QuadraticRun, StackingRun)}


@cache
def many(name, **options):
    return draw.instances(getattr(strategies, name)(**options), 600, seed=0)


@given(strategies.shares(8))
@often
def test_shares_are_eighths_of_the_unit_interval(share):
    assert 0 <= share <= 1 and 8 % share.denominator == 0


@given(strategies.scales(5))
@often
def test_scales_are_powers_of_2_both_ways(scale):
    assert F(1, 32) <= scale <= 32 and (scale.numerator == 1 or scale.denominator == 1)


@given(strategies.inverse_roots_of_condition())
@often
def test_q_is_in_the_half_open_unit_interval(q):
    assert 0 < q <= 1


@pytest.mark.parametrize("q", [F(1), F(1, 16), F(1, 4096)])
def test_q_reaches_its_ends(q):
    assert q in many("inverse_roots_of_condition")


@given(st.integers(1, 5).flatmap(strategies.vectors))
@often
def test_vectors_have_their_dimension_and_a_bounded_size(vector):
    assert 1 <= len(vector) <= 5 and all(abs(entry) <= 2**16 for entry in vector)


@given(st.integers(1, 4).flatmap(lambda d: st.tuples(st.just(d), strategies.tables(d))))
@often
def test_tables_are_square(drawn):
    d, table = drawn
    assert len(table) == d and all(len(row) == d for row in table)


@given(st.integers(1, 4).flatmap(strategies.moment_matrices))
@often
def test_moment_matrices_are_symmetric_and_positive_definite(table):
    assert table == tuple(zip(*table, strict=True))
    minors = [EXACT.matrix([row[:k] for row in table[:k]]).data.det() for k in range(1, len(table) + 1)]
    assert all(minor > 0 for minor in minors)


def positive_definite_without_a_floor():
    def gram(a):
        return tuple(tuple(sum(x * y for x, y in zip(u, v, strict=True)) for v in a) for u in a)

    return strategies.tables(2).map(gram)


def test_the_floor_of_a_moment_matrix_is_needed():
    """A A^T alone is singular now and then: the test above can fail."""
    drawn = draw.instances(positive_definite_without_a_floor(), 300, seed=0)
    assert any(EXACT.matrix(table).data.det() == 0 for table in drawn)


@given(strategies.nesterov_runs(max_stages=5, max_dimension=3))
@often
def test_runs_are_valid_as_drawn(run):
    d = len(run.x)
    assert 0 < run.q <= 1 and run.L > 0 and 1 <= run.stages <= 5 and 1 <= d <= 3
    assert all(0 <= share <= 1 for share in (*run.up, *run.down))
    for vector in (run.up, run.down, run.x_prev):
        assert len(vector) == d
    for vector in (run.lookahead_error, run.step_error, run.mirror, run.minimiser):
        assert len(vector) in (0, d)


@given(strategies.nesterov_runs(max_stages=2))
@often
def test_the_basis_of_a_run_is_orthogonal(run):
    basis = run.basis(EXACT)
    assert basis @ basis.T == basis.identity()


@pytest.mark.parametrize(
    "corner",
    [
        lambda run: run.q == 1,
        lambda run: run.x == run.x_prev,
        lambda run: run.up == run.down,
        lambda run: run.up != run.down,
        lambda run: run.lookahead_error == run.step_error == (),
        lambda run: any(run.lookahead_error) and any(run.step_error),
        lambda run: any(run.mirror),
        lambda run: run.minimum < 0,
        lambda run: len(run.x) == 1,
        lambda run: len(run.x) == 4,
        lambda run: run.decay == 1,
        lambda run: run.L >= 2**16,
        lambda run: run.L * 2**15 <= 1,
    ],
)
def test_runs_reach_every_corner(corner):
    assert any(map(corner, many("nesterov_runs", max_stages=3)))


@given(strategies.quadratic_runs(max_stages=5, max_dimension=3))
@often
def test_runs_on_quadratics_are_valid_as_drawn(run):
    d = len(run.eigenvalues)
    assert 0 < run.q <= 1 and run.L > 0 and 1 <= run.stages <= 5 and 1 <= d <= 3 and run.previous == ()
    assert all(run.q**2 * run.L <= eigenvalue <= run.L for eigenvalue in run.eigenvalues)
    assert len(run.start) == d and all(len(vector) in (0, d) for vector in (run.mirror, run.minimiser))


@pytest.mark.parametrize(
    "corner",
    [
        lambda run: run.q == 1,
        lambda run: run.q < 1 and run.eigenvalues[0] == run.q**2 * run.L,
        lambda run: run.q < 1 and run.eigenvalues[0] == run.L,
        lambda run: run.q**2 * run.L < run.eigenvalues[0] < run.L,
        lambda run: any(run.mirror) and any(run.minimiser),
        lambda run: len(run.start) == 4 and all(run.start),
        lambda run: run.L >= 2**16,
        lambda run: run.L * 2**12 <= 1,
    ],
)
def test_runs_on_quadratics_reach_every_corner(corner):
    assert any(map(corner, many("quadratic_runs", max_stages=3)))


@given(strategies.quadratic_runs(max_stages=3))
@often
def test_a_run_on_a_quadratic_has_the_coordinates_it_is_given(run):
    record = run.record(EXACT)
    for path, start in zip(record.paths, run.start, strict=True):
        assert path[-1] == path[0] == EXACT.number(start)
        assert [*path] == [*range(-1, run.stages + 1)]


@given(strategies.stacking_runs(max_stages=4))
@often
def test_stagewise_runs_are_valid_as_drawn(run):
    d = len(run.sigma)
    assert 0 <= run.momentum < 1 and 0 < run.step_size <= F(1, 4) and 1 <= run.stages <= 4
    assert len(run.target) == len(run.start) == d
    assert len(run.record(EXACT).stages) <= run.stages


@pytest.mark.parametrize(
    "corner",
    [
        lambda run: run.momentum == 0, lambda run: len(run.sigma) == 3, lambda run: len(run.record(EXACT).stages) == 4,
        lambda run: len(run.record(EXACT).stages) == 0, lambda run: run.start[0][0] not in (0, 1),
    ],
)
def test_stagewise_runs_reach_every_corner(corner):
    assert any(map(corner, many("stacking_runs", max_stages=4)))


@pytest.mark.parametrize("strategy", EVERY_RUN)
def test_draws_are_written_so_that_they_can_be_read_back(strategy):
    for instance in draw.instances(strategy, 30, seed=0):
        assert eval(repr(instance), NAMES) == instance


@pytest.mark.parametrize("strategy", EVERY_RUN)
def test_few_draws_already_differ_in_dimension_and_scale(strategy):
    drawn = draw.instances(strategy, 40, seed=0)
    assert len(drawn) == 40 and len({repr(run) for run in drawn}) > 30
    assert len({len(getattr(run, "x", getattr(run, "start", ()))) for run in drawn}) >= 3
