"""Hypothesis strategies for rational instances: usable in plain Hypothesis tests as well as by the ladder.

Everything drawn is rational and valid by construction, so nothing is filtered out; scales vary over many powers of 2,
so that no constant of a statement can hide behind L = 1.
"""

from fractions import Fraction

from hypothesis import strategies as st

from linres.instances import NesterovRun, StackingRun


def shares(steps: int = 16):
    """Rationals k/steps in [0, 1]."""
    return st.integers(0, steps).map(lambda k: Fraction(k, steps))


def scales(most: int = 16):
    """Powers of 2 from 2^-most to 2^most."""
    return st.integers(-most, most).map(lambda k: Fraction(2) ** k)


def inverse_roots_of_condition():
    """q = 1/sqrt(kappa), rational, in (0, 1]: kappa from 1 to 2^24, and 1 itself."""
    return st.one_of(
        st.integers(1, 16).map(lambda k: Fraction(k, 16)), st.integers(1, 4096).map(lambda k: Fraction(k, 4096))
    )


@st.composite
def vectors(draw, dimension: int):
    """Tuples of `dimension` rationals of one drawn scale, often with zeros."""
    scale = draw(scales())
    entries = draw(st.lists(st.integers(-64, 64), min_size=dimension, max_size=dimension))
    return tuple(scale * Fraction(k, 64) for k in entries)


@st.composite
def tables(draw, dimension: int, bound: int = 4):
    """dimension x dimension tables of small rationals."""
    row = st.lists(st.integers(-4 * bound, 4 * bound), min_size=dimension, max_size=dimension)
    rows = draw(st.lists(row, min_size=dimension, max_size=dimension))
    return tuple(tuple(Fraction(k, 4) for k in row) for row in rows)


@st.composite
def moment_matrices(draw, dimension: int):
    """Positive definite tables A A^T + c I, A of small rationals, c > 0."""
    a = draw(tables(dimension))
    c = Fraction(draw(st.integers(1, 8)), 4)
    d = range(dimension)
    return tuple(tuple(sum(a[i][k] * a[j][k] for k in d) + (c if i == j else 0) for j in d) for i in d)


@st.composite
def nesterov_runs(draw, max_stages: int, max_dimension: int = 4):
    """`NesterovRun`s: any condition number, curvature, scale, start and errors."""
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
def stacking_runs(draw, max_stages: int, max_dimension: int = 3):
    """`StackingRun`s from the identity or from any start (a singular one ends the run at once)."""
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
