r"""Gradient descent with errors, all stages, in the root of the excess.

f is L-smooth and mu-strongly convex on a Hilbert space with minimiser x*, q = sqrt(mu/L) in (0, 1), so 1/kappa = q^2,

    x_{t+1} = x_t - grad f(x_t)/L + e_t     implies, for every T >= 0,

    sqrt(f(x_T) - f*) <= (1-q^2)^T sqrt(f(x_0) - f*) + sum_{t<T} (1-q^2)^{T-1-t} sqrt(L/2)|e_t|.

Without errors this is `gradient-step`, T times. It is the form for errors that fade: for errors that do not,
`gradient-noise-floor` has half the exponent and a floor that is kappa times lower, and is attained.

Sharp: without errors attained at every stage along a mu-eigenvector (`along_an_eigenvector`), and a step error at the
minimum along an L-eigenvector is attained (`step_error_at_the_minimum`). Not both at once, if q > 0: equality of the
first asks for curvature mu at y = x - grad f(x)/L, seen from x*, and of the second for curvature L.
"""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import sympy
from sympy import Ge, IndexedBase, Le, Rational, Symbol, sqrt, symbols

from linres.arithmetic import Symbolic
from linres.certificate import Term
from linres.descents import descended
from linres.instances import NesterovRun
from linres.language import GeometricSum, Inner, norm, substitute
from linres.methods import descent
from linres.theorem import Certificate, Control, Lemma, Rule, Step, Theorem
from linres.theorems import gradient_step as one

STEP = one.THEOREM
q, L, mu, f_star, x_star = one.q, one.L, one.mu, one.f_star, one.x_star
t, T = symbols("t T", integer=True)
x, y, e, g, g_y = (IndexedBase(Symbol(name, commutative=False)) for name in ("x", "y", "e", "g", "g_y"))
f_x, f_y, e_norm = (IndexedBase(Symbol(name, real=True)) for name in ("f_x", "f_y", "e_norm"))

# The step of gradient-step goes from x to y; from there the error leads to the next x.
AT_STAGE = {
    one.x: x[t], one.x_next: y[t], one.g: g[t], one.g_next: g_y[t], one.f_x: f_x[t], one.f_next: f_y[t],
}


def at_stage(expression):
    """The expression of gradient-step at stage t."""
    return substitute(expression, AT_STAGE)


DEFINITIONS = {
    **{at_stage(name): at_stage(meaning) for name, meaning in STEP.definitions.items()},
    x[t + 1]: descent.step(
        Symbolic(x[t]), lambda _: Symbolic(g[t]), step_size=1 / L, error=Symbolic(e[t])
    ).expr,
    e_norm[t]: norm(e[t]),
}

# Indices are added up outside evaluate(False), so that t + 1 has one form only.
x_next, f_next = x[t + 1], f_x[t + 1]

with sympy.evaluate(False):
    horizon = Ge(T, 0)
    smooth = Le(f_next, f_y[t] + Inner(g_y[t], x_next - y[t]) + L / 2 * Inner(x_next - y[t], x_next - y[t]))
    minimum_y = Ge(f_y[t] - Inner(g_y[t], g_y[t]) / (2 * L), f_star)
    minimum_next = Ge(f_next, f_star)
    remains = one.remains
    slip = sqrt(L / 2) * e_norm[t]
    CONCLUSION = Le(sqrt(f_x[T] - f_star), GeometricSum(sqrt(f_x[0] - f_star), remains, slip, t, T))

    F, F_y, F_next = f_x[t] - f_star, f_y[t] - f_star, f_next - f_star
    product = Inner(g_y[t], e[t])
    _ = {
        "nonnegative_y": Ge(F_y, 0),
        "nonnegative": Ge(F, 0),
        "rooted": Le(sqrt(F_y), remains * sqrt(F)),
        "angle": Le(product**2, Inner(g_y[t], g_y[t]) * Inner(e[t], e[t])),
        "slope": Le((product / 2) ** 2, (sqrt(F_y) * slip) ** 2),
        "slope_rooted": Le(product / 2, sqrt(F_y) * slip),
        "slipped": Le(F_next, (sqrt(F_y) + slip) ** 2),
        "squared": Le(F_next, (remains * sqrt(F) + slip) ** 2),
        "readable": Le(sqrt(F_next), remains * sqrt(F) + slip),
    }
    CONTRACTED = at_stage(STEP.conclusion)
    both = (remains * sqrt(F) + slip) + (sqrt(F_y) + slip)

PROOF = (
    Step("below_1_squared", one.below_1_squared, Certificate(Term(1 + q, one.below_1))),
    Step("contracted", CONTRACTED, Lemma(STEP, AT_STAGE), "The step without error, from x to y."),
    Step("nonnegative_y", _["nonnegative_y"], Certificate(Term(1, minimum_y), Term(1 / (2 * L), norm=g_y[t]))),
    Step("nonnegative", _["nonnegative"], Certificate(
        Term(1 / remains**2, CONTRACTED), Term(1 / remains**2, _["nonnegative_y"]))),
    Step("rooted", _["rooted"], Rule("root", CONTRACTED)),
    Step("angle", _["angle"], Rule("cauchy_schwarz")),
    Step("slope", _["slope"], Certificate(
        Term(L / 2, minimum_y, norm=e[t]), Term(Rational(1, 4), _["angle"])),
        "The gradient at y is at most sqrt(2 L (f(y) - f*))."),
    Step("slope_rooted", _["slope_rooted"], Rule("root", _["slope"])),
    Step("slipped", _["slipped"], Certificate(Term(1, smooth), Term(2, _["slope_rooted"])),
         "The error adds n to the root."),
    Step("squared", _["squared"], Certificate(Term(1, _["slipped"]), Term(both, _["rooted"]))),
    Step("readable", _["readable"], Rule("root", _["squared"])),
    Step("conclusion", CONCLUSION, Rule("induction", _["readable"])),
)

SYMBOLS = {
    q: STEP.symbols[q], L: STEP.symbols[L], mu: STEP.symbols[mu],
    x: "point", x_star: "minimiser", y: "where the step leads without error", e: "step error",
    g: "gradient at x", g_y: "gradient at y", f_x: "f(x)", f_y: "f(y)", f_star: "minimum of f",
    e_norm: "|e|", t: "stage", T: "number of stages",
}


def row_of(run):
    """The symbols of the statement over a run of gradient descent."""
    return {
        q: run.q, L: run.L, x_star: run.minimiser, f_star: run.minimum, T: run.stages, x: run.points, y: run.targets,
        e: run.errors, g: run.gradients, g_y: run.target_gradients, f_x: run.values, f_y: run.target_values,
    }


def measure(instance, arithmetic):
    """One row: the sequences of a run (see `linres.descents`), and its number of stages."""
    return [row_of(descended(instance, arithmetic))]


def instances():
    """Runs on smooth strongly convex functions, with errors of every scale."""
    from linres.strategies import perturbed_descents

    return perturbed_descents(max_stages=8)


def sample(generator, count):
    """Runs in bulk on quadratics, by the compiled kernel (see `linres.sampling`)."""
    from linres.sampling.first_order import gradient_histories

    return gradient_histories(generator, count, symbols=(f_x, f_star, e_norm, q, L, T))


def claimed_exact(instance, arithmetic, pace=1):
    """A wrong measurement: the errors are not reported, nor that the step is `pace` times 1/L."""

    def step(point, gradient, *, step_size, **options):
        return descent.step(point, gradient, step_size=arithmetic.number(pace) * step_size, **options)

    run = descended(instance, arithmetic, step=step)
    return [row_of(run) | {e: dict.fromkeys(run.errors, run.minimiser - run.minimiser)}]


def along_an_eigenvector(inverse_root, share=Fraction(0), *, stages=3):
    """No errors, a quadratic along the eigenvector of curvature mu + share (L - mu): for share 0 attained."""
    return replace(one.along_an_eigenvector(inverse_root, share), stages=stages)


def step_error_at_the_minimum(share=Fraction(1)):
    """From the minimiser, an error along the eigenvector of curvature mu + share (L - mu): for share 1 attained."""
    one_, nothing = Fraction(1), Fraction(0)
    return NesterovRun(
        q=Fraction(1, 4), L=Fraction(3), up=(share,), down=(share,), x=(nothing,), x_prev=(nothing,),
        step_error=(one_,),
    )


def held_in_place(inverse_root=Fraction(1, 2), *, stages=1, flatter=Fraction(0)):
    """Errors that undo the step, e = grad f(x)/L, along a mu-eigenvector: x stays where it is.

    flatter: by what share of mu the curvature falls short of it.
    """
    one_, ratio = Fraction(1), inverse_root**2
    share = -flatter * ratio / (1 - ratio)
    return NesterovRun(
        q=inverse_root, L=Fraction(3), up=(share,), down=(share,), x=(one_,), x_prev=(one_,),
        step_error=((1 - flatter) * ratio,), decay=one_, stages=stages,
    )


def _pulled(instance, arithmetic):
    """Measure numbers read off no function: a slope at y = x = x*, where f is below its minimum."""
    number = arithmetic.number
    here, slope = arithmetic.matrix([[instance]]), 0 * arithmetic.matrix([[instance]])
    depth = number(-instance * instance / 3)
    return [{
        q: number(Fraction(1, 2)), L: number(2), x_star: 0 * here, f_star: number(0), T: 1,
        x: {0: 0 * here, 1: here}, y: {0: 0 * here}, e: {0: here}, g: {0: slope}, g_y: {0: here},
        f_x: {0: number(0), 1: depth + 2 * number(instance * instance)}, f_y: {0: depth},
    }]


def _controls():
    tight, ill, error = (
        along_an_eigenvector(Fraction(1, 2)), along_an_eigenvector(Fraction(1, 16)), step_error_at_the_minimum()
    )
    steep = along_an_eigenvector(Fraction(63, 64), Fraction(1))
    interpolations = tuple(map(at_stage, (one.from_next, one.star_from_x, one.star_from_next)))
    less, more = Rational(19, 20), Rational(21, 20)
    with sympy.evaluate(False):
        first, last = f_x[0] - f_star, f_x[T] - f_star
        squares = {sqrt(last): last, sqrt(first): first, remains: remains**2, slip: L / 2 * e_norm[t] ** 2}
        stronger = {
            "contraction-5-percent-faster": ({remains: 1 - more * q**2}, ill),
            "step-error-5-percent-smaller": ({slip: less * slip}, error),
            "errors-discounted-a-stage-too-many": ({slip: remains * slip}, error),
            "errors-in-squares-at-the-rate-of-roots": (squares, held_in_place()),
        }
        weaker = {
            "contraction-5-percent-slower": ({remains: 1 - less * q**2}, tight),
            "step-error-5-percent-larger": ({slip: more * slip}, error),
        }
    return (
        *(Control(name, "stronger", change=change, witness=w) for name, (change, w) in stronger.items()),
        *(Control(name, "weaker", change=change, witness=w) for name, (change, w) in weaker.items()),
        Control("errors-not-counted", "stronger", measure=claimed_exact, witness=error),
        Control("step-5-percent-shorter", "stronger", measure=partial(claimed_exact, pace=Fraction(19, 20)),
                witness=tight),
        Control("step-5-percent-longer", "stronger", measure=partial(claimed_exact, pace=Fraction(21, 20)),
                witness=steep),
        Control("without-smoothness", "stronger", drop=(smooth,), witness=step_error_at_the_minimum(Fraction(11, 10))),
        Control("without-strong-convexity", "stronger", drop=interpolations,
                witness=along_an_eigenvector(Fraction(1, 2), Fraction(-1, 40))),
        Control("without-minimum", "stronger", drop=(minimum_y,), measure=_pulled, witness=Fraction(1)),
    )


THEOREM = Theorem(
    name="gradient-with-errors",
    title="Gradient descent with errors over all stages",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(
        horizon, *map(at_stage, STEP.hypotheses), smooth, minimum_y, minimum_next,
    ),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    extremal=(along_an_eigenvector(Fraction(1, 2)), step_error_at_the_minimum()),
    uses=("gradient-step",),
    expect="proved",
)
