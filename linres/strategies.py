"""Hypothesis strategies for rational instances: usable in plain Hypothesis tests as well as by the ladder.

Everything drawn is rational and valid by construction, so nothing is filtered out; scales vary over many powers of 2,
so that no constant of a statement can hide behind L = 1. What a docstring here promises holds exactly, not up to
rounding.

    >>> from hypothesis import find, given
    >>> from linres import strategies
    >>> @given(strategies.psd_matrices(3))
    ... def test_a_psd_matrix_has_a_nonnegative_trace(table):
    ...     assert sum(table[i][i] for i in range(3)) >= 0
    >>> test_a_psd_matrix_has_a_nonnegative_trace()

A number is a `Fraction`, a vector a tuple of them, a matrix a table: a tuple of rows. `EXACT.matrix(table)` is the
matrix as linres computes with it, and `.data` of that python-flint's fmpq_mat; `FLOAT.matrix(table)` is a NumPy array
in float64, each entry correctly rounded. A vector becomes a column by `EXACT.matrix([[entry] for entry in vector])`.
Parameters such as q or tau may be integers or Fractions, given or drawn before:

    >>> find(strategies.inverse_roots_of_condition().flatmap(lambda q: strategies.spectra(2, q, 1)), lambda _: True)
    (Fraction(1, 256), Fraction(1, 1))
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from hypothesis import strategies as st

from linres import convex_stacking, near_target, parameter_stacking
from linres.arithmetic import EXACT
from linres.bounds import root_below, round_below
from linres.convex_runs import ConvexRun, fastest
from linres.errors import refuse
from linres.instances import NesterovRun, QuadraticRun, StackingRun, aligned_stacking_run, reflection

__all__ = [
    "ErrorSequence", "absorptions", "aligned_stacking_runs", "convex_runs", "convex_stacking_runs", "descents",
    "error_sequences", "inverse_roots_of_condition", "matrices", "moment_matrices", "momenta", "nesterov_runs",
    "networks", "orthogonal_matrices", "parameter_stacking_runs", "perturbed_descents", "perturbed_stacking_runs",
    "psd_matrices", "quadratic_runs", "quadratic_runs_with_errors", "rationals", "scales", "shares", "spectra",
    "stacking_runs",
    "symmetric_matrices", "tables", "unit_vectors", "vectors",
]


def rationals():
    """Rationals of either sign: half of them integers from -4 to 4, the others of sizes from 2^-12 to 2^10.

    Returns
    -------
    SearchStrategy of Fraction
        0 is simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.rationals(), lambda _: True)
    Fraction(0, 1)
    """
    small = st.integers(-4, 4).map(Fraction)
    return st.one_of(small, st.builds(lambda scale, k: scale * k / 16, scales(8), st.integers(-64, 64)))


def shares(steps: int = 16):
    """Rationals k/steps in [0, 1].

    Parameters
    ----------
    steps : int, default 16
        How fine the grid is, >= 1.

    Returns
    -------
    SearchStrategy of Fraction
        0 is simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.shares(), lambda _: True)
    Fraction(0, 1)
    """
    return st.integers(0, steps).map(lambda k: Fraction(k, steps))


def scales(most: int = 16):
    """Powers of 2 from 2^-most to 2^most.

    Parameters
    ----------
    most : int, default 16
        The largest exponent, >= 0.

    Returns
    -------
    SearchStrategy of Fraction
        1 is simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.scales(), lambda _: True)
    Fraction(1, 1)
    """
    return st.integers(-most, most).map(lambda k: Fraction(2) ** k)


def inverse_roots_of_condition():
    """q = 1/sqrt(kappa), rational, in (0, 1]: kappa from 1 to 2^24, and 1 itself.

    Returns
    -------
    SearchStrategy of Fraction
        k/16 or k/4096.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.inverse_roots_of_condition(), lambda q: q == 1)
    Fraction(1, 1)
    """
    return st.one_of(
        st.integers(1, 16).map(lambda k: Fraction(k, 16)), st.integers(1, 4096).map(lambda k: Fraction(k, 4096))
    )


@st.composite
def vectors(draw, dimension: int):
    """Vectors of one drawn scale, often with zeros.

    Parameters
    ----------
    dimension : int
        d, >= 1.

    Returns
    -------
    SearchStrategy of tuple of d Fraction
        The vector 0 is simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.vectors(2), lambda _: True)
    (Fraction(0, 1), Fraction(0, 1))
    """
    scale = draw(scales())
    entries = draw(st.lists(st.integers(-64, 64), min_size=dimension, max_size=dimension))
    return tuple(scale * Fraction(k, 64) for k in entries)


@st.composite
def tables(draw, dimension: int, bound: int = 4):
    """Square tables of small rationals, multiples of 1/4.

    Parameters
    ----------
    dimension : int
        d, >= 1.
    bound : int, default 4
        The largest size of an entry, >= 0.

    Returns
    -------
    SearchStrategy of tuple of d tuples of d Fraction
        The table 0 is simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.tables(1), lambda _: True)
    ((Fraction(0, 1),),)
    """
    row = st.lists(st.integers(-4 * bound, 4 * bound), min_size=dimension, max_size=dimension)
    rows = draw(st.lists(row, min_size=dimension, max_size=dimension))
    return tuple(tuple(Fraction(k, 4) for k in row) for row in rows)


def spectra(dimension: int, q, L):
    """Eigenvalues of a quadratic with smoothness L and condition number 1/q^2: rationals in [q^2 L, L].

    With two or more the first is q^2 L and the last L, so that the condition number is attained; the others are
    anywhere between, the ends among them. A single one is anywhere.

    Parameters
    ----------
    dimension : int
        How many, >= 1.
    q : int or Fraction
        1/sqrt(kappa), in (0, 1].
    L : int or Fraction
        The smoothness, > 0.

    Returns
    -------
    SearchStrategy of tuple of Fraction
        `dimension` eigenvalues.

    Raises
    ------
    InputError
        For another q, L or dimension.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.spectra(2, Fraction(1, 2), 4), lambda _: True)
    (Fraction(1, 1), Fraction(4, 1))
    """
    _require("spectra(q=...)", "in (0, 1]", q, 0 < q <= 1)
    _require("spectra(L=...)", "positive", L, L > 0)
    _require_dimension("spectra", dimension)
    L = Fraction(L)
    mu = q * q * L
    ends = [Fraction(0), Fraction(1)] if dimension > 1 else []
    return _shares_and_ends(dimension - len(ends)).map(
        lambda drawn: tuple(mu + share * (L - mu) for share in (*ends[:1], *drawn, *ends[1:]))
    )


def _shares_and_ends(count: int):
    """Lists of shares, often 0 or 1."""
    share = st.one_of(st.sampled_from([Fraction(0), Fraction(1)]), shares())
    return st.lists(share, min_size=count, max_size=count)


@st.composite
def _orthogonal(draw, dimension: int):
    """A product of up to 3 reflections, as a `Matrix` of rationals."""
    normals = draw(st.lists(st.tuples(*[st.integers(-4, 4)] * dimension), max_size=3))
    product = reflection((), dimension, EXACT)
    for normal in normals:
        product = product @ reflection(normal, dimension, EXACT)
    return product


def orthogonal_matrices(dimension: int):
    """Orthogonal tables, of either determinant: products of up to 3 reflections.

    Signs, swaps and Pythagorean rotations such as (3/5, 4/5) are among them. In up to 3 dimensions every orthogonal
    matrix is such a product.

    Parameters
    ----------
    dimension : int
        d, >= 1.

    Returns
    -------
    SearchStrategy of tuple of d tuples of d Fraction
        The identity is simplest.

    Raises
    ------
    InputError
        For a dimension that is no integer >= 1.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.orthogonal_matrices(2), lambda _: True)
    ((Fraction(1, 1), Fraction(0, 1)), (Fraction(0, 1), Fraction(1, 1)))
    """
    _require_dimension("orthogonal_matrices", dimension)
    return _orthogonal(dimension).map(_fractions)


def unit_vectors(dimension: int):
    """Vectors of length 1, in every direction up to a grid: the first columns of reflections.

    Parameters
    ----------
    dimension : int
        d, >= 1.

    Returns
    -------
    SearchStrategy of tuple of d Fraction
        (1, 0, ..., 0) is simplest.

    Raises
    ------
    InputError
        For a dimension that is no integer >= 1.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.unit_vectors(2), lambda _: True)
    (Fraction(1, 1), Fraction(0, 1))
    """
    _require_dimension("unit_vectors", dimension)
    normals = st.tuples(*[st.integers(-8, 8)] * dimension)
    return normals.map(lambda normal: tuple(row[0] for row in _fractions(reflection(normal, dimension, EXACT))))


def matrices(singular_values: Sequence):
    """Square tables P diag(singular_values) Q, P and Q orthogonal: these are their singular values, exactly.

    Parameters
    ----------
    singular_values : sequence of int or Fraction
        d rationals >= 0. The largest is the spectral norm.

    Returns
    -------
    SearchStrategy of tuple of d tuples of d Fraction
        The diagonal table is simplest.

    Raises
    ------
    InputError
        For none, or a negative one.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.matrices([1, 2]), lambda _: True)
    ((Fraction(1, 1), Fraction(0, 1)), (Fraction(0, 1), Fraction(2, 1)))
    """
    _require("matrices(singular_values)", "nonnegative", singular_values, all(value >= 0 for value in singular_values))
    d = len(singular_values)
    _require_dimension("matrices", d)
    stretch = _diagonal(singular_values)
    return st.builds(lambda left, right: _fractions(left @ stretch @ right), _orthogonal(d), _orthogonal(d))


def symmetric_matrices(eigenvalues: Sequence):
    """Symmetric tables U diag(eigenvalues) U^T, U orthogonal: these rationals are their eigenvalues, exactly.

    `spectra(d, q, L).flatmap(symmetric_matrices)` has Hessians of any condition number 1/q^2.

    Parameters
    ----------
    eigenvalues : sequence of int or Fraction
        d rationals.

    Returns
    -------
    SearchStrategy of tuple of d tuples of d Fraction
        The diagonal table is simplest.

    Raises
    ------
    InputError
        For none.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.symmetric_matrices([-1, 2]), lambda _: True)
    ((Fraction(-1, 1), Fraction(0, 1)), (Fraction(0, 1), Fraction(2, 1)))
    """
    _require_dimension("symmetric_matrices", len(eigenvalues))
    stretch = _diagonal(eigenvalues)
    return _orthogonal(len(eigenvalues)).map(lambda basis: _fractions(basis @ stretch @ basis.T))


def psd_matrices(dimension: int):
    """Positive semidefinite tables of any rank, 0 among them, and any scale; their eigenvalues are rational.

    Parameters
    ----------
    dimension : int
        d, >= 1.

    Returns
    -------
    SearchStrategy of tuple of d tuples of d Fraction
        The table 0 is simplest.

    Raises
    ------
    InputError
        For a dimension that is no integer >= 1.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.psd_matrices(1), lambda _: True)
    ((Fraction(0, 1),),)
    """
    _require_dimension("psd_matrices", dimension)
    drawn = st.tuples(scales(), _shares_and_ends(dimension))
    return drawn.flatmap(lambda drawn: symmetric_matrices([drawn[0] * share for share in drawn[1]]))


def networks(layers: int, dimension: int, tau):
    """The blocks w_1, ..., w_n of a residual network (I + w_n) ... (I + w_1), each of spectral norm <= tau.

    Often a block is of norm exactly tau, and some are 0. For tau < 1 every I + w_l is invertible.

    Parameters
    ----------
    layers : int
        n, >= 0.
    dimension : int
        d, >= 1.
    tau : int or Fraction
        The largest norm of a block, >= 0.

    Returns
    -------
    SearchStrategy of tuple of n tables
        Zero blocks are simplest.

    Raises
    ------
    InputError
        For other layers, dimensions or tau.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.networks(2, 1, 1), lambda _: True)
    (((Fraction(0, 1),),), ((Fraction(0, 1),),))
    """
    _require("networks(tau=...)", "nonnegative", tau, tau >= 0)
    _require("networks(layers=...)", "an integer >= 0", layers, type(layers) is int and layers >= 0)
    _require_dimension("networks", dimension)
    block = _shares_and_ends(dimension).flatmap(lambda several: matrices([tau * share for share in several]))
    return st.tuples(*[block] * layers)


class ErrorSequence(NamedTuple):
    """Vectors e_0, ..., e_{T-1} and their norms, exactly: |e_t| = norms[t].

    Attributes
    ----------
    vectors : tuple of T tuples of d Fraction
        e_t.
    norms : tuple of T Fraction
        |e_t|.
    """

    vectors: tuple[tuple[Fraction, ...], ...]
    norms: tuple[Fraction, ...]


def error_sequences(stages: int, dimension: int, bound=1):
    """Errors of norms <= bound: what may go wrong at each stage of an algorithm.

    Constant ones, ones that shrink geometrically, ones that alternate in sign at full size, and ones with a size and a
    direction of each stage's own.

    Parameters
    ----------
    stages : int
        T, how many vectors, >= 0.
    dimension : int
        d, >= 1.
    bound : int or Fraction, default 1
        The largest norm, >= 0.

    Returns
    -------
    SearchStrategy of ErrorSequence
        The sequence of zeros is simplest.

    Raises
    ------
    InputError
        For other stages, dimensions or bounds.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.error_sequences(2, 1), lambda _: True).norms
    (Fraction(0, 1), Fraction(0, 1))
    """
    _require("error_sequences(bound=...)", "nonnegative", bound, bound >= 0)
    _require("error_sequences(stages=...)", "an integer >= 0", stages, type(stages) is int and stages >= 0)
    _require_dimension("error_sequences", dimension)
    size, direction = shares().map(lambda share: bound * share), unit_vectors(dimension)
    ratio = st.sampled_from([Fraction(1), Fraction(-1), Fraction(1, 2), Fraction(-15, 16), Fraction(0)])
    geometric = st.builds(lambda *start: _geometric(stages, *start), size, direction, ratio)
    free = st.lists(st.tuples(size, direction), min_size=stages, max_size=stages).map(_errors)
    return st.one_of(geometric, free)


def _geometric(stages: int, size: Fraction, direction: tuple[Fraction, ...], ratio: Fraction) -> ErrorSequence:
    return _errors([(size * ratio**t, direction) for t in range(stages)])


def _errors(terms: list[tuple[Fraction, tuple[Fraction, ...]]]) -> ErrorSequence:
    """The errors size * direction, for directions of length 1."""
    vectors_ = tuple(tuple(size * entry for entry in direction) for size, direction in terms)
    return ErrorSequence(vectors_, tuple(abs(size) for size, _ in terms))


def _require(call: str, wanted: str, got, holds: bool) -> None:
    if not holds:
        raise refuse(call, wanted, got)


def _require_dimension(call: str, dimension) -> None:
    _require(f"{call}(dimension=...)", "an integer >= 1", dimension, type(dimension) is int and dimension >= 1)


def _diagonal(entries: Sequence):
    return EXACT.matrix([[row if i == j else 0 for j in range(len(entries))] for i, row in enumerate(entries)])


def _fractions(matrix) -> tuple[tuple[Fraction, ...], ...]:
    """The rational `Matrix` as a table of Fractions."""
    return tuple(tuple(Fraction(int(entry.p), int(entry.q)) for entry in row) for row in matrix.data.tolist())


@st.composite
def moment_matrices(draw, dimension: int):
    """Positive definite tables A A^T + c I, A of small rationals, c > 0.

    Parameters
    ----------
    dimension : int
        d, >= 1.

    Returns
    -------
    SearchStrategy of tuple of d tuples of d Fraction
        I/4 is simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.moment_matrices(1), lambda _: True)
    ((Fraction(1, 4),),)
    """
    a = draw(tables(dimension))
    c = Fraction(draw(st.integers(1, 8)), 4)
    d = range(dimension)
    return tuple(tuple(sum(a[i][k] * a[j][k] for k in d) + (c if i == j else 0) for j in d) for i in d)


@st.composite
def nesterov_runs(draw, max_stages: int, max_dimension: int = 4):
    """Runs of Nesterov's method: any condition number, curvature, scale, start and errors.

    Parameters
    ----------
    max_stages : int
        The most stages, >= 1.
    max_dimension : int, default 4
        The largest dimension, >= 1.

    Returns
    -------
    SearchStrategy of NesterovRun
        Short runs in low dimension are simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.nesterov_runs(2), lambda _: True).stages
    1
    """
    d = draw(st.integers(1, max_dimension))
    several = st.lists(shares(), min_size=d, max_size=d).map(tuple)
    up = draw(several)
    error = st.one_of(st.just(()), vectors(d))
    x = draw(vectors(d))
    return NesterovRun(
        q=draw(inverse_roots_of_condition()),
        L=draw(scales()) * draw(st.integers(1, 8)),
        up=up,
        down=draw(st.one_of(st.just(up), several)),
        x=x,
        x_prev=draw(st.one_of(st.just(x), vectors(d))),
        lookahead_error=draw(error),
        step_error=draw(error),
        decay=draw(st.sampled_from([Fraction(1), Fraction(1, 2)])),
        mirror=draw(st.one_of(st.just(()), vectors(d))),
        minimiser=draw(st.one_of(st.just(()), vectors(d))),
        minimum=draw(st.sampled_from([Fraction(0), Fraction(-3, 4)])),
        stages=draw(st.integers(1, max_stages)),
    )


@st.composite
def descents(draw, max_stages: int, max_dimension: int = 4):
    """Runs for gradient descent: `nesterov_runs` without errors and momentum to start with, q < 1.

    Parameters
    ----------
    max_stages : int
        The most stages, >= 1.
    max_dimension : int, default 4
        The largest dimension, >= 1.

    Returns
    -------
    SearchStrategy of NesterovRun
        Short runs in low dimension are simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.descents(2), lambda _: True).step_error
    ()
    """
    run = draw(nesterov_runs(max_stages, max_dimension))
    q = run.q if run.q < 1 else Fraction(4095, 4096)
    return replace(run, q=q, x_prev=run.x, lookahead_error=(), step_error=())


@st.composite
def stacking_runs(draw, max_stages: int, max_dimension: int = 3):
    """Runs of stacking from the identity or from any start (a singular one ends the run at once).

    Parameters
    ----------
    max_stages : int
        The most stages, >= 1.
    max_dimension : int, default 3
        The largest dimension, >= 1.

    Returns
    -------
    SearchStrategy of StackingRun
        Short runs in low dimension are simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.stacking_runs(2), lambda _: True).start
    ((Fraction(1, 1),),)
    """
    d = draw(st.integers(1, max_dimension))
    identity = tuple(tuple(Fraction(int(i == j)) for j in range(d)) for i in range(d))
    return StackingRun(
        sigma=draw(moment_matrices(d)),
        target=draw(tables(d)),
        start=draw(st.one_of(st.just(identity), tables(d))),
        momentum=Fraction(draw(st.integers(0, 15)), 16),
        step_size=Fraction(draw(st.integers(1, 16)), 64),
        stages=draw(st.integers(1, max_stages)),
    )


@st.composite
def aligned_stacking_runs(draw, reach, max_stages: int, max_dimension: int = 3, distance: int = 1):
    """Runs of stacking near their targets: any condition number, scale and direction, rational spectra.

    Half of the starts go as far as `reach` says, up to a rounding of 2^-10; the others are nearer, and some at the
    target itself.

    Parameters
    ----------
    reach : callable
        reach(q, L, sigma, potential) says by what the displacement W_0 - W* may be multiplied, for sigma the smallest
        singular value of W* and potential that of the displacement as it is.
    max_stages : int
        The most stages, >= 1.
    max_dimension : int, default 3
        The largest dimension, >= 1.
    distance : int, default 1
        0 makes the potential the excess loss, without the distance to the target.

    Returns
    -------
    SearchStrategy of StackingRun
        Short runs in low dimension are simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.aligned_stacking_runs(lambda q, L, sigma, potential: 0, 2), lambda _: True).stages
    1
    """
    d = draw(st.integers(1, max_dimension))
    q = draw(st.one_of(inverse_roots_of_condition(), st.sampled_from([Fraction(3, 5), Fraction(24, 25)])))
    q, smoothness, scale = min(q, Fraction(4095, 4096)), draw(scales()) * draw(st.integers(1, 8)), draw(scales(8))
    several = st.lists(st.one_of(st.just(Fraction(0)), shares(), st.just(Fraction(1))), min_size=d, max_size=d)
    mu = q * q * smoothness
    eigenvalues = tuple(mu + share * (smoothness - mu) for share in draw(several))
    values = tuple(scale * k / 4 for k in draw(st.lists(st.integers(1, 16), min_size=d, max_size=d)))
    towards = draw(st.one_of(tables(d), tables(d).map(_first_column)))
    weights = [(s + distance * mu) / 2 for s in eigenvalues]
    energies = [weight * entry * entry for row in towards for weight, entry in zip(weights, row, strict=True)]
    longest = round_below(reach(q, smoothness, min(values), sum(energies)), bits=10) if any(energies) else Fraction(0)
    multiple = longest * draw(st.one_of(st.just(Fraction(1)), shares()))
    normals = st.one_of(st.just(()), vectors(d))
    return aligned_stacking_run(
        q=q, L=smoothness, eigenvalues=eigenvalues, values=values,
        displacement=tuple(tuple(multiple * entry for entry in row) for row in towards),
        mirror=draw(normals), left=draw(normals), right=draw(normals), stages=draw(st.integers(1, max_stages)),
        minimum=draw(st.sampled_from([Fraction(0), Fraction(3, 4)])),
    )


def _first_column(table):
    return tuple((row[0], *(0 * entry for entry in row[1:])) for row in table)


@st.composite
def quadratic_runs(draw, max_stages: int, max_dimension: int = 4):
    """Runs on quadratics from rest: any condition number, scale and start, eigenvalues from mu to L, ends included.

    Parameters
    ----------
    max_stages : int
        The most stages, >= 1.
    max_dimension : int, default 4
        The largest dimension, >= 1.

    Returns
    -------
    SearchStrategy of linres.instances.QuadraticRun
        Short runs in low dimension are simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.quadratic_runs(2), lambda _: True).previous
    ()
    """
    d = draw(st.integers(1, max_dimension))
    q, smoothness = draw(inverse_roots_of_condition()), draw(scales()) * draw(st.integers(1, 8))
    mu = q**2 * smoothness
    several = st.lists(st.one_of(shares(), st.sampled_from([Fraction(0), Fraction(1)])), min_size=d, max_size=d)
    return QuadraticRun(
        q=q,
        L=smoothness,
        eigenvalues=tuple(mu + share * (smoothness - mu) for share in draw(several)),
        start=draw(vectors(d)),
        mirror=draw(st.one_of(st.just(()), vectors(d))),
        minimiser=draw(st.one_of(st.just(()), vectors(d))),
        stages=draw(st.integers(1, max_stages)),
    )


@st.composite
def quadratic_runs_with_errors(draw, max_stages: int, max_dimension: int = 4):
    """Runs on quadratics, q < 1: any condition number, eigenvalues, scale, start and errors.

    Parameters
    ----------
    max_stages : int
        The most stages, >= 1.
    max_dimension : int, default 4
        The largest dimension, >= 1.

    Returns
    -------
    SearchStrategy of NesterovRun
        Short runs in low dimension are simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.quadratic_runs_with_errors(2), lambda _: True).stages
    1
    """
    run = draw(nesterov_runs(max_stages, max_dimension))
    return replace(run, q=min(run.q, Fraction(4095, 4096)), down=run.up)


@st.composite
def diagonals(draw, dimension: int):
    """Singular values: the least is a drawn scale, the others up to 4 times as much.

    Parameters
    ----------
    dimension : int
        How many, >= 1.

    Returns
    -------
    SearchStrategy of tuple of d Fraction
        Equal ones are simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.diagonals(2), lambda _: True)
    (Fraction(1, 4), Fraction(1, 4))
    """
    scale = draw(scales(8)) * draw(st.integers(1, 8)) / 4
    several = draw(st.lists(st.integers(0, 12), min_size=dimension - 1, max_size=dimension - 1))
    return (scale, *(scale * (1 + Fraction(k, 4)) for k in several))


@st.composite
def perturbed_stacking_runs(draw, max_stages: int, max_dimension: int = 3):
    """Runs of stacking within the basin, some at its edge: any condition number, curvature, scale and errors.

    A third of the functions is least squares.

    Parameters
    ----------
    max_stages : int
        The most stages, >= 1.
    max_dimension : int, default 3
        The largest dimension, >= 1.

    Returns
    -------
    SearchStrategy of PerturbedStackingRun
        Short runs in low dimension are simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.perturbed_stacking_runs(2), lambda _: True).stages
    1
    """
    d = draw(st.integers(1, max_dimension))
    q = draw(st.one_of(st.integers(1, 15).map(lambda k: Fraction(k, 16)), st.integers(1, 4095).map(_of_4096)))
    L = draw(scales()) * draw(st.integers(1, 8))
    singular_values, mirrors = draw(diagonals(d)), st.one_of(st.just(()), vectors(d))
    K = near_target.largest_K(q, L, singular_values[0] * (1 - near_target.GRAIN))
    share = st.one_of(st.just(Fraction(1)), st.integers(0, 16).map(lambda k: Fraction(k, 16)))
    up, down = draw(curvatures(d))
    run = near_target.PerturbedStackingRun(
        q=q, L=L, up=up, down=down, target=_rotated(singular_values, draw(mirrors), draw(mirrors)), start=(), before=(),
        least=singular_values[0], K=K, decay=draw(st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(-1)])),
        left=draw(mirrors), right=draw(mirrors), minimum=draw(st.sampled_from([Fraction(0), Fraction(-3, 4)])),
        stages=draw(st.integers(1, max_stages)),
    )
    offset, other = draw(tables(d)), draw(tables(d))
    run = near_target.placed(run, offset, draw(st.sampled_from([offset, other])), draw(share))
    if draw(st.booleans()):
        run = near_target.with_step_error(run, draw(tables(d)), draw(share))
    return near_target.with_lookahead_error(run, draw(tables(d)), draw(share)) if draw(st.booleans()) else run


def _of_4096(k: int) -> Fraction:
    return Fraction(k, 4096)


@st.composite
def curvatures(draw, dimension: int):
    """Tables up and down of shares: of least squares, of another quadratic, or of a function that bends at 0.

    Parameters
    ----------
    dimension : int
        d, >= 1.

    Returns
    -------
    SearchStrategy of (table, table)
        Tables of zeros are simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.curvatures(1), lambda _: True)
    (((Fraction(0, 1),),), ((Fraction(0, 1),),))
    """
    several = st.lists(shares(), min_size=dimension, max_size=dimension).map(tuple)
    rows = st.lists(several, min_size=dimension, max_size=dimension).map(tuple)
    up = draw(st.one_of(several.map(lambda row: (row,) * dimension), rows))
    return up, draw(st.one_of(st.just(up), rows))


def _rotated(singular_values, left, right):
    """P diag(singular_values) Q as a table of rationals, P and Q the reflections with the normals left and right."""
    d = len(singular_values)
    rows = [[singular_values[i] if i == j else Fraction(0) for j in range(d)] for i in range(d)]
    return _fractions(reflection(left, d, EXACT) @ EXACT.matrix(rows) @ reflection(right, d, EXACT))


@st.composite
def absorptions(draw):
    """Numbers that satisfy every hypothesis of the theorem absorption, often with equality.

    Returns
    -------
    SearchStrategy of linres.theorems.absorption.Numbers
        X = 0 is simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.absorptions(), lambda _: True).X
    Fraction(0, 1)
    """
    from linres.theorems.absorption import Numbers

    share = st.one_of(st.just(Fraction(1)), shares())
    Y, c = draw(scales()) * draw(st.integers(0, 8)), draw(scales()) * draw(st.integers(1, 8))
    s = 2 * Y / c / draw(share.filter(bool)) if Y else draw(scales())
    G = draw(share) * Y * Y
    m = draw(share) * G / (c * s)
    return Numbers(X=draw(st.sampled_from([1, -1])) * draw(share) * root_below(Y * Y - G), Y=Y, c=c, s=s, m=m, G=G)


@st.composite
def perturbed_descents(draw, max_stages: int, max_dimension: int = 4):
    """Runs of gradient descent with step errors of every scale, q < 1.

    Parameters
    ----------
    max_stages : int
        The most stages, >= 1.
    max_dimension : int, default 4
        The largest dimension, >= 1.

    Returns
    -------
    SearchStrategy of NesterovRun
        Short runs in low dimension are simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.perturbed_descents(2), lambda _: True).lookahead_error
    ()
    """
    run = draw(descents(max_stages, max_dimension))
    return replace(run, step_error=draw(st.one_of(st.just(()), vectors(len(run.x)))))


@st.composite
def momenta(draw, stages: int):
    """tau_0, ..., tau_T with tau_{t+1} >= 1 and tau_{t+1}^2 - tau_{t+1} <= tau_t^2: known ones, the fastest, any.

    Parameters
    ----------
    stages : int
        T, >= 0.

    Returns
    -------
    SearchStrategy of tuple of T + 1 Fraction
        (t + 2)/2 is simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.momenta(2), lambda _: True)
    (Fraction(1, 1), Fraction(3, 2), Fraction(2, 1))
    """
    kind = draw(st.sampled_from(["halves", "thirds", "fastest", "any"]))
    if kind == "halves":
        return tuple(Fraction(t + 2, 2) for t in range(stages + 1))
    if kind == "thirds":
        return tuple(Fraction(t + 3, 3) for t in range(stages + 1))
    tau = [Fraction(draw(st.integers(0, 12)), 4)]
    for _ in range(stages):
        share = Fraction(1) if kind == "fastest" else draw(shares())
        tau.append(1 + share * (fastest(tau[-1]) - 1))
    return tuple(tau)


@st.composite
def convex_runs(draw, max_stages: int, max_dimension: int = 3):
    """Runs on convex functions: flat and steep sides, straight ends, any minimiser, scale, start, momentum and errors.

    Parameters
    ----------
    max_stages : int
        The most stages, >= 1.
    max_dimension : int, default 3
        The largest dimension, >= 1.

    Returns
    -------
    SearchStrategy of linres.convex_runs.ConvexRun
        Short runs in low dimension are simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.convex_runs(2), lambda _: True).tau
    (Fraction(1, 1), Fraction(3, 2))
    """
    d = draw(st.integers(1, max_dimension))
    share = st.one_of(st.sampled_from([Fraction(0), Fraction(1)]), shares())
    several = st.lists(share, min_size=d, max_size=d).map(tuple)
    up = draw(several)
    down = draw(st.one_of(st.just(up), several))
    error, x = st.one_of(st.just(()), vectors(d)), draw(vectors(d))
    return ConvexRun(
        L=draw(scales()) * draw(st.integers(1, 8)),
        tau=draw(momenta(draw(st.integers(1, max_stages)))),
        up=up,
        down=down,
        x=x,
        x_prev=draw(st.one_of(st.just(x), vectors(d))),
        lookahead_error=draw(error),
        step_error=draw(error),
        decay=draw(st.sampled_from([Fraction(1), Fraction(1, 2)])),
        reach=draw(st.one_of(st.just(()), vectors(d).map(lambda v: tuple(map(abs, v))))),
        aside=_on_flat_sides(draw(vectors(d)), up, down),
        mirror=draw(error),
        centre=draw(error),
        minimum=draw(st.sampled_from([Fraction(0), Fraction(-3, 4)])),
    )


def _on_flat_sides(entries, up, down):
    """The entries where they lie on a side of curvature 0, else 0: a minimiser, relative to the centre."""
    sides = zip(entries, up, down, strict=True)
    return tuple(entry if (rising if entry > 0 else falling) == 0 else 0 * entry for entry, rising, falling in sides)


@st.composite
def convex_stacking_runs(draw, max_stages: int, max_dimension: int = 3):
    """Runs of stacking within the basin, half of them at its edge: flat and steep sides, any scale and weights.

    Parameters
    ----------
    max_stages : int
        The most stages, >= 1.
    max_dimension : int, default 3
        The largest dimension, >= 1.

    Returns
    -------
    SearchStrategy of linres.convex_stacking.ConvexStackingRun
        Short runs in low dimension are simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.convex_stacking_runs(2), lambda _: True).tau
    (Fraction(1, 1), Fraction(4, 3))
    """
    d = draw(st.integers(1, max_dimension))
    singular_values, mirrors = draw(diagonals(d)), st.one_of(st.just(()), vectors(d))
    target, (up, down) = _rotated(singular_values, draw(mirrors), draw(mirrors)), draw(curvatures(d))
    towards = draw(tables(d))
    share = draw(st.one_of(st.just(Fraction(1)), shares()))
    multiple = share * convex_stacking.edge(singular_values[0], towards) if any(map(any, towards)) else Fraction(0)
    tau = [Fraction(1)]
    for _ in range(draw(st.integers(1, max_stages))):
        tau.append(max(Fraction(1), tau[-1] + draw(st.sampled_from([Fraction(1, 3), Fraction(1, 4), Fraction(-1, 8)]))))
    return convex_stacking.ConvexStackingRun(
        L=draw(scales()) * draw(st.integers(1, 8)), tau=tuple(tau), up=up, down=down, target=target,
        start=tuple(
            tuple(goal + multiple * way for goal, way in zip(*rows, strict=True))
            for rows in zip(target, towards, strict=True)
        ),
        left=draw(mirrors), right=draw(mirrors), minimum=draw(st.sampled_from([Fraction(0), Fraction(-3, 4)])),
    )


@st.composite
def parameter_stacking_runs(draw, max_stages: int, max_dimension: int = 3):
    """Runs of the parameter rule within the basin, half of them at its edge up to a rounding.

    Any condition number and scale, from rest or from any first block.

    Parameters
    ----------
    max_stages : int
        The most stages, >= 1.
    max_dimension : int, default 3
        The largest dimension, >= 1.

    Returns
    -------
    SearchStrategy of linres.parameter_stacking.ParameterRun
        Short runs in low dimension are simplest.

    Examples
    --------
    >>> from hypothesis import find
    >>> from linres import strategies
    >>> find(strategies.parameter_stacking_runs(2), lambda _: True).stages
    1
    """
    d = draw(st.integers(1, max_dimension))
    q = min(draw(inverse_roots_of_condition()), Fraction(4095, 4096))
    widest = Fraction(11, 32) if q <= Fraction(1, 2) else Fraction(1, 4)  # for these mu* <= L*
    near = (1 - q) * draw(st.one_of(st.just(widest), st.integers(1, 16).map(lambda k: widest * k / 16)))
    several = st.lists(st.one_of(st.sampled_from([Fraction(0), Fraction(1)]), shares()), min_size=d, max_size=d)
    scale, normals = draw(scales(8)), st.one_of(st.just(()), vectors(d))
    run = parameter_stacking.ParameterRun(
        q=q,
        h=near / (1 + near),
        L=draw(scales()) * draw(st.integers(1, 8)),
        shares=tuple(draw(several)),
        values=tuple(scale * k / 4 for k in draw(st.lists(st.integers(1, 16), min_size=d, max_size=d))),
        displacement=_times(Fraction(1, 8 * d), draw(st.one_of(tables(d), tables(d).map(_first_column)))),
        mirror=draw(normals), left=draw(normals), right=draw(normals),
        block=draw(st.one_of(st.just(()), tables(d).map(lambda table: _times(q / (8 * d), table)))),
        minimum=draw(st.sampled_from([Fraction(0), Fraction(3, 4)])),
        stages=draw(st.integers(1, max_stages)),
    )
    return parameter_stacking.within(run, draw(st.one_of(st.just(Fraction(1)), shares())))


def _times(number, table):
    return tuple(tuple(number * entry for entry in row) for row in table)
