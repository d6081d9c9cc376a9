"""The strategies draw valid instances only, reach their corners, and their draws can be written down and read back."""

import subprocess
import sys
from fractions import Fraction
from functools import cache
from itertools import pairwise

import flint
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linres import strategies
from linres.arithmetic import EXACT, FLOAT
from linres.errors import InputError
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
    return draw.instances(getattr(strategies, name)(**options), 1200, seed=0)


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


# Building blocks for tests of one's own. Every promise of a docstring, exactly.

dimensions, q_and_L = st.integers(1, 4), st.tuples(strategies.inverse_roots_of_condition(), strategies.scales())


def matrix(table):
    return EXACT.matrix(table)


def characteristic(table, value):
    """det(table - value I)."""
    d = len(table)
    return EXACT.matrix([[table[i][j] - value * (i == j) for j in range(d)] for i in range(d)]).data.det()


def spectral_norm_is_at_most(table, bound):
    """bound^2 I - A^T A is positive semidefinite, which for a table is decided exactly: see `is_psd`."""
    rows, d = table, len(table)
    gram = [[sum(rows[k][i] * rows[k][j] for k in range(d)) for j in range(d)] for i in range(d)]
    return is_psd([[bound * bound * (i == j) - gram[i][j] for j in range(d)] for i in range(d)])


def is_psd(table):
    """Whether every principal minor of the symmetric table is >= 0."""
    d = len(table)
    subsets = [[i for i in range(d) if bits >> i & 1] for bits in range(1, 2**d)]
    return all(EXACT.matrix([[table[i][j] for j in s] for i in s]).data.det() >= 0 for s in subsets)


def test_everything_public_is_there_and_says_what_it_promises():
    public = {name for name, value in vars(strategies).items()
              if not name.startswith("_") and getattr(value, "__module__", "") == strategies.__name__}
    assert public - {"diagonals", "curvatures"} == set(strategies.__all__)
    assert all(getattr(strategies, name).__doc__ for name in strategies.__all__)


def test_the_module_is_reached_from_linres_alone():
    program = "import linres, sys; assert 'hypothesis' not in sys.modules; print(linres.strategies.spectra.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "spectra\n"


@given(q_and_L, dimensions, st.data())
@often
def test_a_spectrum_is_between_mu_and_L_and_attains_both_from_two_dimensions_on(parameters, d, data):
    q, L = parameters
    eigenvalues = data.draw(strategies.spectra(d, q, L))
    assert len(eigenvalues) == d and all(q * q * L <= eigenvalue <= L for eigenvalue in eigenvalues)
    assert d == 1 or (eigenvalues[0], eigenvalues[-1]) == (q * q * L, L)
    assert all(type(eigenvalue) is Fraction for eigenvalue in eigenvalues)


@pytest.mark.parametrize("corner", [lambda s: s[1] == s[0], lambda s: s[1] == s[2], lambda s: s[0] < s[1] < s[2]])
def test_a_spectrum_has_its_inner_eigenvalues_at_either_end_and_between(corner):
    assert any(map(corner, many("spectra", dimension=3, q=F(1, 3), L=4)))


def test_a_single_eigenvalue_reaches_both_ends():
    drawn = {eigenvalue for (eigenvalue,) in many("spectra", dimension=1, q=F(1, 2), L=4)}
    assert {1, 4} < drawn


@given(dimensions.flatmap(strategies.orthogonal_matrices))
@often
def test_orthogonal_matrices_are_orthogonal(table):
    assert matrix(table) @ matrix(table).T == matrix(table).identity()


@pytest.mark.parametrize("corner", [
    lambda o: matrix(o).data.det() == 1, lambda o: matrix(o).data.det() == -1, lambda o: o == ((1, 0), (0, 1)),
    lambda o: o == ((0, 1), (1, 0)), lambda o: o[0][0] == -1, lambda o: o[0][1] == -o[1][0] != 0,
    lambda o: all(0 < abs(entry) < 1 for row in o for entry in row),
])
def test_orthogonal_matrices_reach_every_corner(corner):
    assert any(map(corner, many("orthogonal_matrices", dimension=2)))


@given(dimensions.flatmap(strategies.unit_vectors))
@often
def test_unit_vectors_have_length_1(vector):
    assert sum(entry * entry for entry in vector) == 1


@given(dimensions.flatmap(lambda d: st.lists(strategies.rationals().map(abs), min_size=d, max_size=d)), st.data())
@often
def test_matrices_have_the_singular_values_they_are_given(values, data):
    table = data.draw(strategies.matrices(values))
    gram = matrix(table).T @ matrix(table)
    squares = [value * value for value in values]
    diagonal = EXACT.matrix([[square * (i == j) for j in range(len(values))] for i, square in enumerate(squares)])
    assert gram.data.charpoly() == diagonal.data.charpoly()


@given(dimensions.flatmap(lambda d: st.lists(strategies.rationals(), min_size=d, max_size=d)), st.data())
@often
def test_symmetric_matrices_have_the_eigenvalues_they_are_given(eigenvalues, data):
    table = data.draw(strategies.symmetric_matrices(eigenvalues))
    diagonal = EXACT.matrix([[e * (i == j) for j in range(len(eigenvalues))] for i, e in enumerate(eigenvalues)])
    assert table == tuple(zip(*table, strict=True))
    assert matrix(table).data.charpoly() == diagonal.data.charpoly()
    assert all(characteristic(table, eigenvalue) == 0 for eigenvalue in eigenvalues)


@given(st.integers(1, 3).flatmap(strategies.psd_matrices))
@often
def test_psd_matrices_are_symmetric_and_positive_semidefinite(table):
    assert table == tuple(zip(*table, strict=True)) and is_psd(table)


@pytest.mark.parametrize("corner", [
    lambda a: not any(map(any, a)), lambda a: matrix(a).data.rank() == 1, lambda a: matrix(a).data.rank() == 2,
    lambda a: a[0][1] != 0, lambda a: a[0][0] > 1000, lambda a: 0 < a[0][0] < F(1, 1000),
])
def test_psd_matrices_reach_every_corner(corner):
    assert any(map(corner, many("psd_matrices", dimension=2)))


@given(st.integers(0, 3), st.integers(1, 3), strategies.rationals().map(abs), st.data())
@often
def test_networks_are_in_their_ball(layers, d, tau, data):
    network = data.draw(strategies.networks(layers, d, tau))
    assert len(network) == layers
    for block in network:
        assert len(block) == d and all(len(row) == d for row in block)
        assert spectral_norm_is_at_most(block, tau)


def test_the_check_of_a_spectral_norm_can_fail():
    assert spectral_norm_is_at_most(((F(3, 5), F(4, 5)), (F(-4, 5), F(3, 5))), 1)
    assert not spectral_norm_is_at_most(((F(3, 5), F(4, 5)), (F(-4, 5), F(601, 1000))), 1)


@pytest.mark.parametrize("corner", [
    lambda w: not any(any(row) for block in w for row in block),
    lambda w: all(not spectral_norm_is_at_most(block, F(249, 1000)) for block in w),
    lambda w: w[0] != w[1], lambda w: w[0] != tuple(zip(*w[0], strict=True)),
    lambda w: matrix(w[0]) @ matrix(w[1]) != matrix(w[1]) @ matrix(w[0]),
])
def test_networks_reach_the_edge_of_their_ball_and_its_centre(corner):
    assert any(map(corner, many("networks", layers=2, dimension=2, tau=F(1, 4))))


@given(st.integers(0, 5), st.integers(1, 3), strategies.rationals().map(abs), st.data())
@often
def test_errors_have_exactly_the_norms_they_say_and_these_are_within_the_bound(stages, d, bound, data):
    errors = data.draw(strategies.error_sequences(stages, d, bound))
    assert len(errors.vectors) == len(errors.norms) == stages
    for vector, norm in zip(*errors, strict=True):
        assert len(vector) == d and sum(entry * entry for entry in vector) == norm * norm
        assert 0 <= norm <= bound


def _minus(vector):
    return tuple(-entry for entry in vector)


@pytest.mark.parametrize("corner", [
    lambda e: not any(e.norms), lambda e: e.norms == (2, 2, 2, 2),
    lambda e: any(e.norms) and len(set(e.vectors)) == 1,
    lambda e: e.norms[0] and e.vectors == (e.vectors[0], _minus(e.vectors[0])) * 2,
    lambda e: e.norms[0] and all(b == a / 2 for a, b in pairwise(e.norms)),
    lambda e: len(set(e.norms)) > 2 and e.norms[0] < e.norms[1],
    lambda e: e.vectors[0][0] and e.vectors[0][1] and len(set(e.vectors)) == 4,
])
def test_errors_are_zero_constant_alternating_geometric_and_free(corner):
    assert any(map(corner, many("error_sequences", stages=4, dimension=2, bound=2)))


SIMPLEST = [
    (strategies.rationals(), 0), (strategies.unit_vectors(2), (1, 0)), (strategies.psd_matrices(1), ((0,),)),
    (strategies.orthogonal_matrices(2), ((1, 0), (0, 1))), (strategies.networks(1, 1, 1), (((0,),),)),
    (strategies.matrices([1, 2]), ((1, 0), (0, 2))), (strategies.symmetric_matrices([1, 2]), ((1, 0), (0, 2))),
    (strategies.error_sequences(2, 1), (((0,), (0,)), (0, 0))), (strategies.spectra(3, F(1, 2), 4), (1, 1, 4)),
]


@pytest.mark.parametrize(("strategy", "simplest"), SIMPLEST, ids=range(len(SIMPLEST)))
def test_what_is_simplest_is_found_first(strategy, simplest):
    assert draw.smallest(strategy, lambda _: True, None, seed=0) == simplest


@pytest.mark.parametrize(("call", "message"), [
    (lambda: strategies.spectra(2, 2, 1), r"spectra\(q=...\) should be in \(0, 1\], got 2"),
    (lambda: strategies.spectra(2, 0, 1), r"spectra\(q=...\) should be in \(0, 1\], got 0"),
    (lambda: strategies.spectra(2, 1, -1), r"spectra\(L=...\) should be positive, got -1"),
    (lambda: strategies.spectra(0, 1, 1), r"spectra\(dimension=...\) should be an integer >= 1, got 0"),
    (lambda: strategies.matrices([1, -1]), r"matrices\(singular_values\) should be nonnegative"),
    (lambda: strategies.networks(1, 2, -1), r"networks\(tau=...\) should be nonnegative, got -1"),
    (lambda: strategies.networks(-1, 2, 1), r"networks\(layers=...\) should be an integer >= 0, got -1"),
    (lambda: strategies.error_sequences(1, 1, -1), r"error_sequences\(bound=...\) should be nonnegative, got -1"),
    (lambda: strategies.orthogonal_matrices(0), r"orthogonal_matrices\(dimension=...\) should be an integer >= 1"),
    (lambda: strategies.unit_vectors(1.5), r"unit_vectors\(dimension=...\) should be an integer >= 1, got 1.5"),
])
def test_parameters_out_of_range_are_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_tables_become_matrices_of_each_arithmetic():
    table = ((F(1, 3), F(2)), (F(0), F(1)))
    assert EXACT.matrix(table).data[0, 0] == flint.fmpq(1, 3)
    assert FLOAT.matrix(table).tolist() == [[1 / 3, 2], [0, 1]]
