r"""What a direction that no gradient shows does to every first-order method, adaptive or not.

On a quadratic with Hessian H a method that goes by combinations of the gradients it has seen, however it chooses them
(gradient descent, Nesterov's, Chebyshev's, conjugate gradients), has x_{t+1} - x_t in the span of H w, ..., H^{t+1} w,
w = x_0 - x*. Let u be orthogonal to these for all t < T. Then

    |x_T - x*|^2 >= <u, x_0 - x*>^2/|u|^2,

and nothing better is true: attained where |x_T - x*| is the least possible and H has T + 1 eigenvalues. There is such
a u if w has components w_j along T + 1 eigenvalues s_j: with Lagrange's weights l_j = prod_{i != j} s_i/(s_i - s_j) its
coordinates are l_j/w_j, and <u, w> = 1. With T eigenvalues there is none: conjugate gradients are done in T steps.

The inner product is any in which this holds; in that of the energy, <x, H y>, it bounds the excess. For the smallest
share that some H with spectrum in [mu, L] leaves, see chebyshev-lower-bound.
"""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import sympy
from sympy import Eq, Ge, IndexedBase, Le, Rational, Symbol, symbols

from linres.arithmetic import inner
from linres.certificate import Term
from linres.krylov import STEPS, KrylovRun, bulk, runs
from linres.language import Inner, substitute
from linres.theorem import Batch, Certificate, Control, Induction, Rule, Step, Theorem, anything

v, n, epsilon = symbols("v n epsilon", real=True)
t, T = symbols("t T", integer=True)
R, D = (IndexedBase(Symbol(name, commutative=False)) for name in "RD")
r = IndexedBase(Symbol("r", real=True))
u = Symbol("u", commutative=False)
after = t + 1


def at(expression, stage):
    """The expression at another stage than t."""
    return substitute(expression, {t: sympy.sympify(stage)})


DEFINITIONS = {
    R[after]: R[t] + D[t],
    v: Inner(u, R[0]), n: Inner(u, u), r[t]: Inner(R[t], R[t]), r[after]: Inner(R[after], R[after]),
}

with sympy.evaluate(False):
    horizon, orthogonal, last = Ge(T, 0), Eq(Inner(u, D[t]), 0), Eq(epsilon, r[T])
    CONCLUSION = Le(v**2, n * epsilon)
    bounded = Le(v**2, n * r[t])
    kept = Eq(Inner(u, R[t]), v)
    cauchy = Le(Inner(u, R[t]) ** 2, Inner(u, u) * Inner(R[t], R[t]))
    square = Ge(r[t], 0)
    _ = {"nonnegative": Ge(epsilon, 0), "vector": Ge(n, 0)}

later_cauchy, later_kept = at(cauchy, after), at(kept, after)
at_last, square_last = (substitute(each, {t: T}) for each in (bounded, square))
PROOF = (
    Step("every", at_last, Induction(
        invariants=(kept, bounded, square),
        first=((
            Step("start_kept", at(kept, 0), Certificate()),
            Step("start_cauchy", at(cauchy, 0), Rule("cauchy_schwarz")),
            Step("start", at(bounded, 0), Certificate(Term(1, at(cauchy, 0)))),
            Step("start_square", at(square, 0), Certificate(Term(1, norm=R[0]))),
        ),),
        advance=(
            Step("kept", later_kept, Certificate(Term(1, kept), Term(1, orthogonal)),
                 "No step changes the component along u."),
            Step("cauchy", later_cauchy, Rule("cauchy_schwarz")),
            Step("bounded", at(bounded, after), Certificate(
                Term(1, later_cauchy), Term(later_kept.lhs + v, later_kept))),
            Step("square", at(square, after), Certificate(Term(1, norm=R[after]))),
        )), "At every stage, so at the last."),
    Step("nonnegative", _["nonnegative"], Certificate(Term(1, square_last), Term(1, last))),
    Step("vector", _["vector"], Certificate(Term(1, norm=u))),
    Step("conclusion", CONCLUSION, Certificate(Term(1, at_last), Term(n, last))),
)

SYMBOLS = {
    u: "vector orthogonal to H w, ..., H^T w", R: "error x[t] - x_star; R_0 = w", D: "step x[t + 1] - x[t]",
    v: "<u, w>", n: "|u|^2", r: "squared error |x[t] - x_star|^2",
    epsilon: "the last of these", t: "stage", T: "number of steps",
}


def measure(instance, arithmetic, late=0):
    """One row: a run of a `linres.krylov.KrylovRun`. late: how many stages after T its last error is taken."""
    stages, nodes = instance.steps, instance.nodes or instance.steps + 1
    run = replace(instance, steps=stages + late, nodes=nodes).measured(arithmetic)
    squares = {k: inner(error, error) for k, error in run.errors.items()}
    return [{u: run.dual, R: run.errors, D: run.moves, r: squares, epsilon: squares[stages + late], T: stages}]


def instances():
    """Runs of every method on quadratics with up to two eigenvalues more than needed."""
    return runs(max_steps=4)


def sample(generator, count):
    """Runs with any coefficients in bulk, in float64."""
    made = bulk(generator, count)
    columns = {v: made.product, n: made.dual_square, r: made.error_squares, epsilon: made.error_squares[-1], T: STEPS}
    return Batch(columns, made.instance, count)


def attained(steps=2):
    """The smallest possible error, on a quadratic with a single eigenvalue more than there are steps."""
    f = Fraction
    return KrylovRun(
        (f(1), f(2), f(4), f(7))[: steps + 1], (f(1), f(-2), f(1, 2), f(3))[: steps + 1], "minimal", steps,
        mirror=(f(1), f(2), f(-1), f(3))[: steps + 1], scale=f(1, 3),
    )


def _controls():
    tight = attained()
    ended = KrylovRun((Fraction(1), Fraction(3)), (Fraction(2), Fraction(-1)), "conjugate-gradient", 2, nodes=2)
    late = replace(attained(3), method="conjugate-gradient", nodes=3)
    less, more = Rational(19, 20), Rational(21, 20)
    with sympy.evaluate(False):
        stronger = {
            "bound-5-percent-larger": {v: more * v},
            "vector-5-percent-shorter": {n: less * n},
            "error-not-squared": {epsilon: epsilon**2},
            "one-product-instead-of-its-square": {v**2: v},
        }
        weaker = {"bound-5-percent-smaller": {v: less * v}, "vector-5-percent-longer": {n: more * n}}
    dropped = {
        "conjugate-gradients-end": ended,
        "orthogonal-to-a-power-less": late,
        "a-newton-step": replace(tight, method="newton"),
    }
    return (
        *(Control(name, "stronger", change=change, witness=tight) for name, change in stronger.items()),
        *(Control(name, "weaker", change=change, witness=tight) for name, change in weaker.items()),
        *(Control(name, "stronger", drop=(orthogonal,), witness=witness) for name, witness in dropped.items()),
        Control("a-step-more", "stronger", drop=(last,), measure=partial(measure, late=1), witness=attained(1)),
    )


THEOREM = Theorem(
    name="first-order-lower-bound",
    title="What no method of T gradients can undo",
    provenance="classical",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, orthogonal, last),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    extremal=(attained(1), attained(3)),
    valid=anything,
    expect="proved",
)
