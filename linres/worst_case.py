"""The worst case of Nesterov's method with gradient errors, by semidefinite programming, beside the proved bound.

The semidefinite program is built by PEPit and solved by Clarabel in float64 (the extra `pep`). Its value is a solver's
number: an estimate, and no verdict rests on it. Two numbers beside it are certain: the bound of nesterov-with-errors,
which is proved, and a value from below, which an instance attains. That instance is the solver's own worst case, made
feasible in rationals: points, gradients and values that satisfy every interpolation inequality exactly, so that some
smooth strongly convex function has them. A value of a solver below it is false.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial, reduce
from importlib import import_module
from io import StringIO
from itertools import permutations, product
from typing import Any, NamedTuple

import flint
import numpy as np

from linres import checks
from linres.arithmetic import EXACT, inner, rational
from linres.bounds import fraction, root_below
from linres.errors import refuse
from linres.evaluate import Enclosure, decide
from linres.methods import nesterov
from linres.theorems import gradient_step, nesterov_with_errors

Vector = tuple[Fraction, ...]
TOLERANCES = {"tol_gap_abs": 1e-9, "tol_gap_rel": 1e-9, "tol_feas": 1e-9}  # of Clarabel; by default 1e-8
SHARES = tuple(Fraction(share) for share in ("1/32", "1/8", "1/3", "2/3", "15/16"))  # of the way from mu to L
STARTS = ((1, 1), (1, 2), (1, 0), (1, -3), (0, 1))  # x_0 and x_{-1} on the line
SIGNS = ((1, 1), (1, -1))  # of a gradient's error at even and odd stages
BITS = 4096  # precision at which the bound is compared


@dataclass(frozen=True)
class Question:
    """How large Phi_n may be after `stages` = n stages, over all L-smooth mu-strongly convex functions.

    L = 1 and mu = q^2. Phi_0 is at most `potential`, from any x_0 and x_{-1}, rest or not; each gradient is off by at
    most `gradient_error`. L = 1 and a potential of 1 are no loss of generality, as all scales with them; a potential of
    0 leaves the errors alone. InputError unless 0 < q < 1, stages >= 1, and potential and gradient_error are >= 0 and
    not both 0, all rational.
    """

    q: Fraction
    stages: int
    gradient_error: Fraction = Fraction(0)
    potential: Fraction = Fraction(1)

    def __post_init__(self):
        call = "Question({}=...)".format
        for name in ("q", "gradient_error", "potential"):
            if not isinstance(getattr(self, name), int | Fraction):
                raise refuse(call(name), "a Fraction", repr(getattr(self, name)))
        if not 0 < self.q < 1:
            raise refuse(call("q"), "in (0, 1)", self.q)
        checks.whole(call("stages"), self.stages, wanted="an integer >= 1", low=1)
        if min(self.gradient_error, self.potential) < 0 or self.gradient_error == self.potential == 0:
            got = f"potential={self.potential}, gradient_error={self.gradient_error}"
            raise refuse("Question(...)", "of a potential and an error >= 0, not both 0", got)


class Path(NamedTuple):
    """What a run asks its function for: the points x_0, y_0, ..., y_{n-1}, x_n, and the potentials Phi_0 and Phi_n."""

    points: list[Any]
    first: Any
    last: Any


@dataclass(frozen=True)
class InterpolatedRun:
    """Nesterov's method, L = 1, on some function with minimum 0 at 0 of which only what the run asks for is known.

    values and slopes: f and its gradient at x_0, y_0, ..., y_{n-1}, x_n. gradient_errors: what is added to the gradient
    at y_t. InputError unless all vectors have one length, and values and slopes two more than the errors.
    """

    q: Fraction
    x: Vector
    x_prev: Vector
    values: Vector
    slopes: tuple[Vector, ...]
    gradient_errors: tuple[Vector, ...]

    def __post_init__(self):
        lengths = {len(vector) for vector in (self.x, self.x_prev, *self.slopes, *self.gradient_errors)}
        if len(lengths) > 1:
            raise refuse("InterpolatedRun(...)", "made of vectors of one length", f"lengths {sorted(lengths)}")
        for name in ("values", "slopes"):
            if len(getattr(self, name)) != self.stages + 2:
                got = f"{len(getattr(self, name))} for {self.stages} gradient errors"
                raise refuse(f"InterpolatedRun({name}=...)", "at x_0, at each y_t and at x_n", got)

    @property
    def stages(self) -> int:
        return len(self.gradient_errors)

    def path(self) -> Path:
        """The run, without rounding: the generic step on rationals, given the gradients one after the other."""
        x, x_prev, *known = map(_column, (self.x, self.x_prev, *self.slopes[1:-1], *self.gradient_errors))
        slopes, errors = known[: self.stages], known[self.stages:]
        potential = partial(_potential, q=rational(self.q), square=lambda z: inner(z, z))
        points, first = [x], potential(x, x_prev, rational(self.values[0]))
        for slope, error in zip(slopes, errors, strict=True):
            y, x_next = _step(x, x_prev, lambda _, g=slope: g, q=rational(self.q), error=error)
            points, x, x_prev = [*points, y], x_next, x
        return Path([*points, x], first, potential(x, x_prev, rational(self.values[-1])))

    def gaps(self) -> list[flint.fmpq]:
        """By how much each interpolation inequality holds, for every two of the points and the minimiser."""
        points = self.path().points
        nothing = points[0] - points[0]
        known = [(nothing, rational(0), nothing)]
        known += zip(points, map(rational, self.values), map(_column, self.slopes), strict=True)
        return [_gap(self.q, one, other) for one, other in permutations(known, 2)]

    def beside(self, other: "InterpolatedRun", scale: Fraction) -> "InterpolatedRun":
        """The run on the sum of two functions of different coordinates, the second one's run scaled."""
        def join(one: Vector, two: Vector) -> Vector:
            return (*one, *(scale * entry for entry in two))

        return replace(
            self, x=join(self.x, other.x), x_prev=join(self.x_prev, other.x_prev),
            values=tuple(a + scale**2 * b for a, b in zip(self.values, other.values, strict=True)),
            slopes=tuple(map(join, self.slopes, other.slopes)),
            gradient_errors=tuple(map(join, self.gradient_errors, other.gradient_errors)),
        )

    def scaled(self, scale: Fraction) -> "InterpolatedRun":
        """All points times the scale, values times its square: curvatures stay what they are."""
        def times(vector: Vector) -> Vector:
            return tuple(scale * entry for entry in vector)

        return replace(
            self, x=times(self.x), x_prev=times(self.x_prev), values=tuple(scale**2 * value for value in self.values),
            slopes=tuple(map(times, self.slopes)), gradient_errors=tuple(map(times, self.gradient_errors)),
        )


class Answer(NamedTuple):
    """What a solver reports: its estimates of the largest Phi_n, and the run that it found, feasible up to its errors.

    primal and dual would be equal, and the worst case, if it computed without error; status is its own judgement.
    """

    primal: float
    dual: float
    status: str
    solver: str
    seconds: float
    run: InterpolatedRun


def _column(vector):
    return EXACT.matrix([[entry] for entry in vector])


def _step(x, x_prev, gradient, *, q, error, nothing=0):
    """One step for L = 1: a gradient that is off by `error` is a step error of -error."""
    return nesterov.step(
        x, x_prev, gradient, momentum=nesterov.momentum(q), step_size=1, lookahead_error=nothing, step_error=-error,
    )


def _potential(x, x_prev, excess, *, q, square):
    return nesterov.potential(excess, square(nesterov.auxiliary(x, x_prev, q=q)), mu=q * q)


def _gap(q: Fraction, one, other):
    """Left side less right side of f(a) >= f(b) + ..., the interpolation inequality of gradient-step, L = 1."""
    symbols = gradient_step
    row = {symbols.q: rational(q), symbols.L: rational(1)}
    row |= dict(zip((symbols.x, symbols.f_x, symbols.g), one, strict=True))
    row |= dict(zip((symbols.x_next, symbols.f_next, symbols.g_next), other, strict=True))
    walk = Enclosure(row, {symbols.mu: symbols.DEFINITIONS[symbols.mu]})
    left, right = map(walk.value, symbols.from_next.args)
    return left - right


def attained(question: Question, run: InterpolatedRun) -> Fraction:
    """Phi_n of the run, exactly. InputError unless the run certainly is one that the question asks about.

    That is: its method and its number of stages, Phi_0 and the errors no larger than allowed, and every interpolation
    inequality, all decided in rationals. By the interpolation theorem some function then has these values and slopes.
    """
    path = run.path()
    errors = [inner(error, error) for error in map(_column, run.gradient_errors)]
    conditions = {
        "of its q and number of stages": (run.q, run.stages) == (question.q, question.stages),
        f"of a Phi_0 of at most {question.potential}": path.first <= rational(question.potential),
        f"of errors of at most {question.gradient_error}": max(errors) <= rational(question.gradient_error) ** 2,
        "a run on a smooth strongly convex function": min(run.gaps()) >= 0,
    }
    for wanted, holds in conditions.items():
        if not holds:
            raise refuse("attained(question, run)", wanted, "another", "`feasible` makes one of what a solver found.")
    return fraction(path.last)


def feasible(question: Question, run: InterpolatedRun) -> InterpolatedRun:
    """The run, feasible up to a solver's errors, changed so little that it is feasible; then `attained` accepts it.

    A run that has room to spare in every inequality is put beside it, in coordinates of its own, as large as needed and
    no larger; then all is scaled until Phi_0 and the errors are as small as allowed.
    """
    run = _settled(question, run)
    gaps = run.gaps()
    if min(gaps) < 0:
        spare = _spare(question, np.array([max(0.0, -float(gap)) for gap in gaps]))
        largest = max(-gap / room for gap, room in zip(gaps, spare.gaps(), strict=True) if gap < 0 < room)
        run = run.beside(spare, root_below(fraction(largest)) * (1 + Fraction(1, 2**20)))
    errors = [fraction(inner(error, error)) for error in map(_column, run.gradient_errors)]
    allowed = {fraction(run.path().first): question.potential, max(errors): question.gradient_error**2}
    made = run.scaled(root_below(min(Fraction(most) / value for value, most in allowed.items() if value)))
    attained(question, made)
    return made


def _settled(question: Question, run: InterpolatedRun) -> InterpolatedRun:
    """The run with exact zeros where the question leaves no choice: errors, or all that is known at the minimiser."""
    nothing: Vector = (Fraction(0),) * len(run.x)
    if not question.gradient_error:
        run = replace(run, gradient_errors=(nothing,) * run.stages)
    if not question.potential:
        values, slopes = (Fraction(0), Fraction(0), *run.values[2:]), (nothing, nothing, *run.slopes[2:])
        run = replace(run, x=nothing, x_prev=nothing, values=values, slopes=slopes)
    return run


def _spare(question: Question, lacks: np.ndarray) -> InterpolatedRun:
    """A run with as much room in the inequalities as they lack, up to a factor, at the least cost: a linear program.

    It is made of runs on the line on quadratics whose curvatures h lie between mu and L, for each of which the gap of
    two points a and b is (h - mu)(L - h)|a - b|^2/(2(L - mu)). Cost is what it takes of Phi_0 and of the errors.
    """
    from scipy.optimize import linprog

    runs = list(_inside(question))
    rooms = np.array([_rooms(question, run, share) for run, share in runs])
    needed = (lacks > 0) & (rooms.max(axis=0) > 0)
    filled = rooms[:, needed] / lacks[needed]
    scale = filled.max(axis=0).min()
    costs = [_cost(question, run) for run, _ in runs]
    found = linprog(costs, A_ub=-filled.T / scale, b_ub=-np.ones(needed.sum()))
    weights = np.ones(len(runs)) if found.x is None else found.x
    parts = [run.scaled(Fraction(float(np.sqrt(w)))) for (run, _), w in zip(runs, weights, strict=True) if w > 0]
    return reduce(lambda one, other: one.beside(other, Fraction(1)), parts)


def _inside(question: Question) -> Iterator[tuple[InterpolatedRun, Fraction]]:
    """Runs on the line that are feasible with room to spare, each with the share of the way from mu to L it curves."""
    size = question.gradient_error if question.potential else Fraction(1)
    starts = STARTS if question.potential else ((0, 0),)
    for share, start in product(SHARES, starts):
        for signs in SIGNS if size else ((0, 0),):
            yield _on_the_line(question, share, start, tuple(size * sign for sign in signs)), share
        if size and question.potential:
            yield _on_the_line(question, share, start, (Fraction(0), Fraction(0))), share


def _on_the_line(question: Question, share: Fraction, start: tuple[int, int], pushes: Vector) -> InterpolatedRun:
    """A run on f(x) = h x^2/2, h = mu + share (L - mu), from x_0 and x_{-1}; errors at even and at odd stages."""
    q, curvature = rational(question.q), rational(question.q**2 + share * (1 - question.q**2))
    errors = [rational(pushes[t % 2]) for t in range(question.stages)]
    x, x_prev = map(rational, start)
    points = [x]
    for error in errors:
        y, x_next = _step(x, x_prev, lambda point: curvature * point, q=q, error=error)
        points, x, x_prev = [*points, y], x_next, x
    points.append(x)
    return InterpolatedRun(
        q=question.q, x=(Fraction(start[0]),), x_prev=(Fraction(start[1]),),
        values=tuple(fraction(curvature * point * point / 2) for point in points),
        slopes=tuple((fraction(curvature * point),) for point in points),
        gradient_errors=tuple((fraction(error),) for error in errors),
    )


def _rooms(question: Question, run: InterpolatedRun, share: Fraction) -> list[float]:
    """The gaps of a run on the line in float64, in the order of `InterpolatedRun.gaps`."""
    points = [0.0, *(float(entry) for point in run.path().points for entry in point.entries())]
    curved = float(share * (1 - share) * (1 - question.q**2)) / 2
    return [curved * (a - b) ** 2 for a, b in permutations(points, 2)]


def _cost(question: Question, run: InterpolatedRun) -> float:
    potential, errors = float(run.path().first), max(float(error) ** 2 for (error,) in run.gradient_errors)
    shares = ((potential, question.potential), (errors, question.gradient_error**2))
    return sum(value / float(most) for value, most in shares if most)


def _entries(column) -> Vector:
    return tuple(map(fraction, column.entries()))


def pepit() -> Any:
    """The module PEPit. InputError if the extra `pep` is not installed."""
    for name in ("clarabel", "cvxpy", "PEPit"):
        try:
            module = import_module(name)
        except ModuleNotFoundError as missing:
            if missing.name != name:
                raise
            call, wanted = "worst_case.pepit()", f"able to import {name}, of linres's extra `pep`"
            raise refuse(call, wanted, "no such module", "Run: pip install '.[pep]'") from None
    return module


def solve(question: Question, *, solver: str = "CLARABEL", **options: Any) -> Answer:
    """The largest Phi_n as the solver estimates it, and the run that it found.

    solver: a name that CVXPY knows; options: the solver's own, for Clarabel by default `TOLERANCES`. What the solver
    thinks of its own accuracy stands in the status. InputError if the extra `pep` is missing, or the solver fails.
    """
    program, read = _program(question, pepit())
    options = options or (TOLERANCES if solver == "CLARABEL" else {})
    begun = time.perf_counter()
    with _quiet():
        try:
            dual = program.solve(wrapper="cvxpy", solver=solver, verbose=0, **options)
        except import_module("cvxpy.error").SolverError as failure:
            raise refuse("solve(solver=...)", "a solver that succeeds", f"{solver!r}: {failure}") from None
    seconds = time.perf_counter() - begun
    solved = program.wrapper.prob
    return Answer(float(solved.value), float(dual), solved.status, solver, seconds, read())


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what PEPit prints even if told not to, and CVXPY's warnings, off the screen: the status says the same."""
    with redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _program(question: Question, module: Any) -> tuple[Any, Callable[[], InterpolatedRun]]:
    """The program, built by the very step that runs on rationals, and what reads off the run once it is solved."""
    functions = import_module("PEPit.functions")
    q, size = float(question.q), float(question.gradient_error)
    program = module.PEP()
    f = program.declare_function(functions.SmoothStronglyConvexFunction, mu=q * q, L=1.0)
    minimiser = f.stationary_point()
    potential = partial(_potential, q=q, square=lambda z: z**2)
    start, before = minimiser, minimiser
    if question.potential:
        start, before = program.set_initial_point(), program.set_initial_point()
        phi = potential(start - minimiser, before - minimiser, f(start) - f(minimiser))
        program.set_initial_condition(phi <= float(question.potential))
    nothing = start - start  # PEPit's own null_point keeps the length it had in an earlier program
    points, x, x_prev = [start], start, before
    errors: list[Any] = []
    for _ in range(question.stages):
        error = module.Point() if size else nothing
        if size:
            program.add_constraint(error**2 <= size**2)
        y, x_next = _step(x, x_prev, f.gradient, q=q, error=error, nothing=nothing)
        points, errors, x, x_prev = [*points, y], [*errors, error], x_next, x
    points.append(x)
    program.set_performance_metric(potential(x - minimiser, x_prev - minimiser, f(x) - f(minimiser)))

    def read() -> InterpolatedRun:
        return InterpolatedRun(
            q=question.q, x=_exact((start - minimiser).eval()), x_prev=_exact((before - minimiser).eval()),
            values=_exact([(f(point) - f(minimiser)).eval() for point in points]),
            slopes=tuple(_exact(f.gradient(point).eval()) for point in points),
            gradient_errors=tuple(_exact(error.eval()) for error in errors),
        )

    return program, read


def _exact(numbers) -> Vector:
    """The float64 numbers as the rationals they are."""
    return tuple(map(Fraction, np.asarray(numbers, dtype=np.float64).tolist()))


def bound(question: Question) -> float:
    """What nesterov-with-errors proves sqrt(Phi_n) to be at most, in float64."""
    size, stages = float(question.gradient_error), question.stages
    return float(nesterov_with_errors.THEOREM.bound(
        q=float(question.q), L=1.0, Phi=float(question.potential), d=np.zeros(stages), e_norm=np.full(stages, size),
        T=stages,
    ))


def within(question: Question, value: Fraction) -> bool:
    """Whether Phi_n = value certainly obeys nesterov-with-errors, decided in ball arithmetic."""
    named, stages = nesterov_with_errors, range(question.stages)
    row = {
        named.q: rational(question.q), named.L: rational(1), named.T: question.stages,
        named.Phi: {0: rational(question.potential), question.stages: rational(value)},
        named.d: {t: rational(0) for t in stages}, named.e_norm: {t: rational(question.gradient_error) for t in stages},
    }
    with flint.ctx.workprec(BITS):
        return decide(named.CONCLUSION, Enclosure(row, {}, {named.T: question.stages})) is True


@dataclass(frozen=True)
class Row:
    """One line of the table: the question, what an exact instance attains, what the solver says, what is proved."""

    question: Question
    attained: Fraction
    answer: Answer
    bound: float

    @property
    def is_false(self) -> bool:
        """Whether the solver's guarantee, its dual value, certainly is none: an instance attains more."""
        return Fraction(self.answer.dual) < self.attained


def row(question: Question, *, solver: str = "CLARABEL") -> Row:
    """Solve, make the solver's run feasible, and put what it attains beside the bound. InputError without `pep`."""
    answer = solve(question, solver=solver)
    return Row(question, attained(question, feasible(question, answer.run)), answer, bound(question))


def reported(stages: int, *, kappa: float, solver: str = "SCS") -> float:
    """What PEPit's own example reports that f(x_n) - f* is at most, for L = 1, mu = 1/kappa, from rest.

    There f(x_0) - f* + (mu/2)|x_0 - x*|^2 is at most 1. SCS is its default where MOSEK is not installed. See
    `linres.theorems.reported_worst_case`. InputError if the extra `pep` is missing.
    """
    pepit()
    name = "accelerated_gradient_strongly_convex"
    example = import_module(f"PEPit.examples.unconstrained_convex_minimization.{name}")
    with _quiet():
        value, _ = getattr(example, f"wc_{name}")(1 / kappa, 1, stages, solver=solver, verbose=-1)
    return float(value)
