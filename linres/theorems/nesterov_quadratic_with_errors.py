r"""Nesterov's method with errors on a quadratic, all stages, at its sharp rate.

f(x) = f* + <x - x*, A (x - x*)>/2 on a Hilbert space, A self-adjoint, mu <= A <= L, q = sqrt(mu/L) in (0, 1),

    y_t = x_t + (1-q)/(1+q) (x_t - x_{t-1}) + D_t,     x_{t+1} = y_t - grad f(y_t)/L + e_t,

from any start. Let the errors cost b_t >= sqrt(L)(|e_t| + (1-q^2)|D_t|), and with V_t of nesterov-quadratic-step

    v_{t+1} = (1-q) v_t + b_t,                  v_0 >= V_0,
    h_{t+1} = (1-q)(h_t + q v_t) + q b_t,       h_0 >= sqrt(mu)|x_0 - x*|.

Then for every T >= 0

    2(f(x_T) - f*) <= h_T^2 + (1-q^2) v_T^2,     sqrt(mu)|x_T - x*| <= h_T,

where, written out, v_T = (1-q)^T v_0 + sum_{t<T} (1-q)^{T-1-t} b_t and
h_T = (1-q)^T (h_0 + q T v_0) + sum_{t<T} (1-q)^{T-1-t} q (T-t) b_t.

So on quadratics the excess forgets like (1 + q T)^2 (1-q)^{2T} also where the method errs: from rest without errors it
is at most ((1 + q T)^2 + 1 - q^2)(1-q)^{2T} times the first, twice the exponent of nesterov-with-errors, which holds
for every f. No eigenvector is needed. Errors that cost at most b at every stage leave v and h at b/q each in the end:
a floor of (2 - q^2)(b/q)^2 for 2(f - f*), of which h^2 is attained along the mu-eigenvector.

Sharp: a step error is attained in the excess, along an L-eigenvector (`step_error_at_the_minimum`), and in the distance
along a mu-eigenvector, where from rest h_T is attained at every stage (`slowest`).
"""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import sympy
from sympy import Ge, IndexedBase, Le, Rational, Symbol, sqrt, symbols

from linres import bounds
from linres.arithmetic import EXACT, inner, rational
from linres.certificate import Term
from linres.evaluate import Enclosure
from linres.language import Inner, norm, substitute
from linres.methods import nesterov, wrong
from linres.theorem import Certificate, Control, GenericStep, Induction, Lemma, Step, Theorem
from linres.theorems import nesterov_quadratic_step as one

STEP = one.THEOREM
q, L, mu, x_star = one.q, one.L, one.mu, one.x_star
f_star = Symbol("f_star", real=True)
t, T = symbols("t T", integer=True)

# Every quantity of the step becomes a sequence over stages; its quantity of the next stage the next member.
_CONSTANTS = (q, L, mu, x_star)
_LATER = {
    one.x_next: one.x, one.g_next: one.g, one.c_next: one.c, one.s_next: one.s, one.U_next: one.U,
    one.r_next: one.r,
}
_EARLIER = {one.x_prev: one.x, one.g_prev: one.g}
SEQUENCES = {
    symbol: IndexedBase(symbol)
    for symbol in STEP.symbols if symbol not in (*_CONSTANTS, *_LATER, *_EARLIER, one.w)
}
AT_STAGE = {
    **{symbol: sequence[t] for symbol, sequence in SEQUENCES.items()},
    **{later: SEQUENCES[now][t + 1] for later, now in _LATER.items()},
    **{earlier: SEQUENCES[now][t - 1] for earlier, now in _EARLIER.items()},
    one.w: q,
}
x, g, D, C, e, c, s, U = (SEQUENCES[symbol] for symbol in (one.x, one.g, one.D, one.C, one.e, one.c, one.s, one.U))
f, b, v, h = (IndexedBase(Symbol(name, real=True)) for name in ("f", "b", "v", "h"))
after = t + 1  # outside evaluate(False), so that t + 1 has one form only


def at_stage(expression, stage=t):
    """The expression of nesterov-quadratic-step at stage t, or at another one."""
    return moved(substitute(expression, AT_STAGE), stage)


def moved(expression, stage):
    """The expression about stage t at another one."""
    return substitute(expression, {t: sympy.sympify(stage)})


def value(stage):
    """f at a stage, from the gradient there."""
    return f_star + Inner(g[stage], x[stage] - x_star) / 2


DEFINITIONS = {at_stage(name): at_stage(meaning) for name, meaning in STEP.definitions.items()} | {
    f[t]: value(t), f[after]: value(after),
    v[after]: (1 - q) * v[t] + b[t], h[after]: (1 - q) * (h[t] + q * v[t]) + q * b[t],
}

with sympy.evaluate(False):
    horizon = Ge(T, 0)
    error = sqrt(L) * at_stage(one.error)
    length, distance = at_stage(one.length), at_stage(one.distance)
    smooth_next = Le(Inner(s[after], c[after]), L * Inner(c[after], c[after]))
    paid, start_v, start_h = Le(error, b[t]), Le(moved(length, 0), v[0]), Le(q * sqrt(L) * norm(x[0] - x_star), h[0])
    gap = 1 - q**2
    bounded = Le(2 * (f[t] - f_star), h[t] ** 2 + gap * v[t] ** 2)
    CONCLUSION = substitute(bounded, {t: T})

    nonnegative_q, BELOW = Ge(q, 0), STEP.step("below_1_squared").claim
    LENGTH, DISTANCE, LONG, LONG_NEXT = (
        at_stage(STEP.step(name).claim) for name in ("length", "distance", "nonnegative", "nonnegative_next")
    )
    in_v, in_h = Le(length, v[t]), Le(distance, h[t])
    split = Le(2 * (f[t] - f_star), distance**2 + gap * U[t])
    def squares(stage):
        """What the two bounds make of the split excess."""
        bound_h, bound_v = moved(in_h, stage), moved(in_v, stage)
        return Certificate(
            Term(1, moved(split, stage)), Term(1, bound_h, bound_h), Term(2 * moved(distance, stage), bound_h),
            Term(gap, bound_v, bound_v), Term(2 * gap * moved(length, stage), bound_v))

    first = (
        Step("v_first", moved(in_v, 0), Certificate(Term(1, start_v))),
        Step("h_first", moved(in_h, 0), Certificate(Term(1, start_h))),
        Step("bounded_first", moved(bounded, 0), squares(0)),
    )
    advance = (
        Step("v_next", moved(in_v, after), Certificate(Term(1, LENGTH), Term(1 - q, in_v), Term(1, paid))),
        Step("h_next", moved(in_h, after), Certificate(
            Term(1, DISTANCE), Term(1 - q, in_h), Term((1 - q) * q, in_v), Term(q, paid))),
        Step("bounded_next", moved(bounded, after), squares(after)),
    )

PROOF = (
    Step("nonnegative_q", nonnegative_q, Certificate(Term(1, one.positive_q))),
    Step("below_1_squared", BELOW, Certificate(Term(1 + q, one.below_1))),
    Step("length", LENGTH, Lemma(STEP, AT_STAGE, "length"), "V contracts by 1-q and takes up the errors."),
    Step("distance", DISTANCE, Lemma(STEP, AT_STAGE, "distance"),
         "H contracts by 1-q but for what V and the errors feed it."),
    Step("nonnegative", LONG, Lemma(STEP, AT_STAGE, "nonnegative")),
    Step("nonnegative_next", LONG_NEXT, Lemma(STEP, AT_STAGE, "nonnegative_next")),
    Step("split", split, Certificate(
        Term(L * gap, norm=SEQUENCES[one.p][t]), Term(1 / (L * gap), at_stage(one.along_c))),
        "Twice the excess is H^2 and what V^2 has of it."),
    Step("split_next", moved(split, after), Certificate(Term(1, smooth_next))),
    Step("conclusion", CONCLUSION, Induction(
        invariants=(in_v, in_h, bounded), first=(first,), advance=advance)),
)
SYMBOLS = {
    **{SEQUENCES.get(symbol, symbol): meaning for symbol, meaning in STEP.symbols.items()
       if symbol in SEQUENCES or symbol in _CONSTANTS},
    f: "f(x)", f_star: "minimum of f",
    b: "what the errors cost, or more", v: "bound of V", h: "bound of sqrt(mu)|x - x_star|",
    t: "stage", T: "number of stages",
}


def measure(instance, arithmetic, *, step=nesterov.step, **budget):
    """One row: the sequences of a run on a quadratic (see `linres.instances`), exactly, and its number of stages.

    b_t, v_0 and h_0 are what they bound, rounded up where that is irrational. budget: options of `budgets`, for wrong
    ones. ValueError if the arithmetic is not EXACT.
    """
    if arithmetic is not EXACT:
        raise ValueError(f"measure(instance, arithmetic) should have the arithmetic EXACT, got {arithmetic!r}")
    row = run_of(instance, arithmetic, step)
    return [row | budgets(row, **budget)]


def run_of(instance, arithmetic, step=nesterov.step):
    """What is measured of a run, without the budgets."""
    run, function = instance.record(arithmetic, step=step), one.quadratic(instance, arithmetic)
    stages = dict(enumerate(run.stages))
    points = {-1: run.stages[0].x_prev, **{k: stage.x for k, stage in stages.items()}}
    points[len(stages)] = run.stages[-1].x_next
    drifts = {k: stage.lookahead_error for k, stage in stages.items()}
    row = {
        q: run.q, L: run.L, x_star: run.minimiser, f_star: run.minimum, T: len(stages), x: points,
        g: {k: function.gradient(point) for k, point in points.items()}, D: drifts,
        f: {k: function.value(point) for k, point in points.items() if k >= 0},
        C: {k: function.gradient(run.minimiser + drift) for k, drift in drifts.items()},
        e: {k: stage.step_error for k, stage in stages.items()},
    }
    return row | {U: {k: Enclosure(row, DEFINITIONS, {t: k}).value(U[t]) for k in range(len(stages) + 1)}}


def budgets(row, *, pace=1, feed=1, cost=1, start=(1, 1)):
    """b, v and h of a run; wrong ones if the rate is 1 - pace q, the rest so many times what it should be."""
    horizon, q_ = row[T], row[q]
    spent = {k: cost * _spent(row, k) for k in range(horizon)}
    offset = row[x][0] - row[x_star]
    squares = (row[U][0], q_ * q_ * row[L] * inner(offset, offset))
    in_v, in_h = ({0: share * _root_above(square)} for share, square in zip(start, squares, strict=True))
    for k in range(horizon):
        in_v[k + 1] = (1 - pace * q_) * in_v[k] + spent[k]
        in_h[k + 1] = (1 - pace * q_) * (in_h[k] + feed * q_ * in_v[k]) + q_ * spent[k]
    return {b: spent, v: in_v, h: in_h}


def _spent(row, k):
    """sqrt(L)(|e| + (1-q^2)|D|) at stage k, or a little more."""
    slip, drift, share = row[e][k], row[D][k], 1 - row[q] * row[q]
    return _root_above(row[L] * inner(slip, slip)) + _root_above(row[L] * share * share * inner(drift, drift))


def _root_above(value):
    return rational(bounds.root_above(bounds.fraction(value)))


def instances():
    """Runs on quadratics, with errors of every scale."""
    from linres.strategies import quadratic_runs_with_errors

    return quadratic_runs_with_errors(max_stages=6)


def sample(generator, count):
    """Runs in bulk, in float64 (see `linres.sampling`)."""
    from linres.sampling.quadratics import quadratic_histories

    return quadratic_histories(generator, count, symbols=(f, f_star, b, v, h, q, L, T))


def claimed_exact(step):
    """Measure a run of another step, or of the right one with errors, claiming that it makes none."""

    def measure_wrong(instance, arithmetic):
        row = run_of(instance, arithmetic, step)
        nothing = dict.fromkeys(range(row[T]), row[x_star] - row[x_star])
        row |= {D: nothing, C: nothing, e: nothing}
        return [row | budgets(row)]

    return measure_wrong


def slowest(stages=8, **options):
    """From rest along the mu-eigenvector, L = 4: h is attained at every stage."""
    return replace(one.along_eigenvector(0, q=Fraction(1, 2), stages=stages, **options), L=Fraction(4))


def step_error_at_the_minimum():
    """From the minimiser, e along an L-eigenvector, L = 4: attained in the excess."""
    return replace(one.along_eigenvector(1, x=0, x_prev=0, step_error=(Fraction(1),)), L=Fraction(4))


def drifting(stages=8):
    """From the minimiser, a single lookahead error along the mu-eigenvector, L = 4: h is attained at every stage."""
    return slowest(stages, x=0, x_prev=0, lookahead_error=(Fraction(1),), decay=Fraction(0))


def _changes():
    """Controls: what is changed in the conclusion, and the instance that decides, by kind."""
    less, more = Rational(19, 20), Rational(21, 20)
    error, resting = step_error_at_the_minimum(), slowest()
    with sympy.evaluate(False):
        return {
            "stronger": {
                "h-squared-5-percent-smaller": ({h[T] ** 2: less * h[T] ** 2}, resting),
                "v-squared-5-percent-smaller": ({v[T] ** 2: less * v[T] ** 2}, error),
                "without-v": ({gap * v[T] ** 2: 0 * v[T]}, error),
            },
            "weaker": {
                "h-squared-5-percent-larger": ({h[T] ** 2: more * h[T] ** 2}, resting),
                "v-squared-5-percent-larger": ({v[T] ** 2: more * v[T] ** 2}, error),
            },
        }


def _budgets():
    """Controls: budgets that are too small, or larger than they need be: what is wrong, the hypotheses that no longer
    hold, and the instance that decides, by kind."""
    error, resting, drift = step_error_at_the_minimum(), slowest(20), drifting(20)
    less, more = rational(Fraction(19, 20)), rational(Fraction(21, 20))
    return {
        "stronger": {
            "rate-5-percent-faster": ({"pace": more}, (), resting),
            "feed-5-percent-smaller": ({"feed": less}, (), resting),
            "errors-5-percent-cheaper": ({"cost": less}, (paid,), error),
            "lookahead-errors-5-percent-cheaper": ({"cost": less}, (paid,), drift),
            "v-starts-5-percent-too-small": ({"start": (less, 1)}, (start_v,), resting),
            "h-starts-at-0": ({"start": (1, 0)}, (start_h,), one.along_eigenvector(0, x=1, x_prev=Fraction(4, 3))),
        },
        "weaker": {
            "rate-5-percent-slower": ({"pace": less}, (), resting),
            "feed-5-percent-larger": ({"feed": more}, (), resting),
            "errors-5-percent-dearer": ({"cost": more}, (), error),
        },
    }


def _dropped():
    """Controls: hypotheses dropped, and an instance on which the conclusion is then false."""
    c_and_x = (at_stage(one.along_x), at_stage(one.along_c))
    pushed = (Fraction(4),)
    return {
        "momentum-above-1": ((one.positive_q,), one.along_eigenvector(0, q=Fraction(-1, 4), x_prev=0, stages=6)),
        "momentum-negative": ((one.below_1,), one.along_eigenvector(1, q=Fraction(2), x_prev=0, step_error=pushed)),
        "without-smoothness-of-the-last-change": (
            (smooth_next,), replace(step_error_at_the_minimum(), up=(Fraction(11, 10),), down=(Fraction(11, 10),))),
        "without-strong-convexity": (
            c_and_x, replace(slowest(40), up=(Fraction(-1, 30),), down=(Fraction(-1, 30),))),
    }


def _controls():
    smaller = rational(Fraction(19, 20))
    methods = {
        "errors-not-counted": (nesterov.step, step_error_at_the_minimum()),
        "no-momentum": (wrong.with_momentum(0), slowest()),
        "momentum-5-percent-smaller": (wrong.with_momentum(smaller), slowest(20)),
        "step-5-percent-shorter": (wrong.with_step_size(smaller), slowest(20)),
    }
    return (
        *(Control(name, kind, change=change, witness=witness)
          for kind, changes in _changes().items() for name, (change, witness) in changes.items()),
        *(Control(name, kind, measure=partial(measure, **budget), drop=drop, witness=witness)
          for kind, wrong_ones in _budgets().items() for name, (budget, drop, witness) in wrong_ones.items()),
        *(Control(name, "stronger", measure=claimed_exact(step), witness=w) for name, (step, w) in methods.items()),
        *(Control(name, "stronger", drop=drop, witness=w) for name, (drop, w) in _dropped().items()),
    )


THEOREM = Theorem(
    name="nesterov-quadratic-with-errors",
    title="Nesterov's method with errors on a quadratic, at its sharp rate",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(
        horizon, *(at_stage(each) for each in STEP.hypotheses if each is not one.nonnegative_w), smooth_next,
        paid, start_v, start_h,
    ),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    method=GenericStep("nesterov", claimed_exact),
    proof=PROOF,
    controls=_controls(),
    extremal=(step_error_at_the_minimum(), slowest()),
    uses=("nesterov-quadratic-step",),
    expect="proved",
)
