r"""Nesterov's method with errors on a convex function, all stages: no strong convexity, and errors are not forgotten.

With the notation of nesterov-convex-step, indexed by the stage t, weights tau_{t+1} >= 1 that do not grow too fast,
tau_{t+1}^2 - tau_{t+1} <= tau_t^2, and Phi_t = tau_t^2 (f(x_t) - f*) + (L/2)|z_t - x*|^2: for every T >= 0

    sqrt(Phi_T) <= sqrt(Phi_0) + sum_{t<T} tau_{t+1} ( sqrt(L/2)|D_t| + sqrt(L)|e_t| ).

As tau_T^2 (f(x_T) - f*) <= Phi_T, the excess is at most the square of the right side over tau_T^2. From rest with
tau_0 = 0 and tau_t = (t+1)/2 and without errors this is 2 L|x_0 - x*|^2/(T+1)^2. An error counts with the weight of its
stage and for good: the rate survives errors that fade faster than 1/t^2; what constant ones may cost grows like T^2.

Sharp: a step error at the minimum is attained along an L-eigenvector (`step_error_at_the_minimum`), lookahead errors
along a set of minimisers at every stage (`among_minimisers`). With the excess alone on the left it is never attained,
but in the limit of many stages, from rest: on a straight line that bends at about 4|x_0 - x*|/T^2 from the minimiser
the ratio of the squares of both sides is .956 after 30 stages and .9987 after 1000 (`from_rest`).
"""

from dataclasses import replace
from fractions import Fraction

import sympy
from sympy import Ge, IndexedBase, Integer, Le, Rational, sqrt, symbols

from linres.certificate import Term
from linres.convex_runs import ConvexRun, fastest
from linres.language import GeometricSum, substitute
from linres.methods import nesterov
from linres.theorem import Certificate, Control, Lemma, Rule, Step, Theorem
from linres.theorems import nesterov_convex_step as one

STEP = one.THEOREM
L, f_star, x_star = one.L, one.f_star, one.x_star
t, T = symbols("t T", integer=True)

# Every quantity of the step becomes a sequence over stages; its quantity of the next stage the next member.
_CONSTANTS = (L, x_star, f_star)
_LATER = {one.x_next: one.x, one.z_next: one.z, one.f_next: one.f_x, one.Phi_next: one.Phi, one.tau_next: one.tau}
SEQUENCES = {s: IndexedBase(s) for s in STEP.symbols if s not in (*_CONSTANTS, *_LATER, one.x_prev)}
AT_STAGE = {
    **{s: sequence[t] for s, sequence in SEQUENCES.items()},
    **{later: SEQUENCES[now][t + 1] for later, now in _LATER.items()},
    one.x_prev: SEQUENCES[one.x][t - 1],
}
Phi, tau, d, e_norm, f_x = (SEQUENCES[s] for s in (one.Phi, one.tau, one.d, one.e_norm, one.f_x))


def at_stage(expression):
    """The expression of nesterov-convex-step at stage t."""
    return substitute(expression, AT_STAGE)


# Indices are added up outside evaluate(False), so that t + 1 has one form only.
potential, potential_next, weight, weight_next = Phi[t], Phi[t + 1], tau[t], tau[t + 1]
value_next, auxiliary_next = f_x[t + 1], SEQUENCES[one.z][t + 1]

with sympy.evaluate(False):
    horizon = Ge(T, 0)
    growth = Le(weight_next**2 - weight_next, weight**2)
    minimum_next = Ge(value_next, f_star)
    drift = weight_next * (sqrt(L / 2) * d[t])
    slip = weight_next * (sqrt(L) * e_norm[t])
    forcing = drift + slip
    total = GeometricSum(sqrt(Phi[0]), Integer(1), forcing, t, T)  # ratio 1: nothing is forgotten
    CONCLUSION = Le(sqrt(Phi[T]), total)

    kept, B, n = map(at_stage, (one.kept, one.B, one.n))
    minimum = at_stage(one.minimum_x)
    weaker = sqrt(potential) + drift
    cross = 2 * n
    _ = {
        "nonnegative": Ge(potential, 0),
        "excess_next": Le(weight_next**2 * (value_next - f_star), potential_next),
        "nonnegative_next": Ge(potential_next, 0),
        "kept_less": Le(kept, potential),
        "root_kept": Le(sqrt(kept), sqrt(potential)),
        "weaker": Le(B, weaker),
        "half": Le(L / 2, L),
        "root_half": Le(sqrt(L / 2), sqrt(L)),
        "squared": Le(potential_next, (weaker + slip) ** 2),
        "readable": Le(sqrt(potential_next), sqrt(potential) + forcing),
    }
    POSITIVE, FULL, KEPT = (at_stage(STEP.step(name).claim) for name in ("positive_tau", "conclusion", "kept"))

PROOF = (
    Step("positive_tau", POSITIVE, Certificate(Term(1, at_stage(one.at_least_1)), Term(1))),
    Step("step", FULL, Lemma(STEP, AT_STAGE)),
    Step("kept", KEPT, Lemma(STEP, AT_STAGE, "kept")),
    Step("nonnegative", _["nonnegative"], Certificate(
        Term(1, minimum, square=weight), Term(L / 2, norm=at_stage(one.aim)))),
    Step("excess_next", _["excess_next"], Certificate(Term(L / 2, norm=auxiliary_next - x_star)),
         "What the conclusion says of the excess."),
    Step("nonnegative_next", _["nonnegative_next"], Certificate(
        Term(1, _["excess_next"]), Term(1, minimum_next, square=weight_next))),
    Step("kept_less", _["kept_less"], Certificate(Term(1, growth, minimum)),
         "The weights do not grow too fast."),
    Step("root_kept", _["root_kept"], Rule("root", _["kept_less"])),
    Step("weaker", _["weaker"], Certificate(Term(1, _["root_kept"]))),
    Step("half", _["half"], Certificate(Term(Rational(1, 2), one.positive_L))),
    Step("root_half", _["root_half"], Rule("root", _["half"])),
    Step("squared", _["squared"], Certificate(
        Term(1, FULL), Term(weaker + B, _["weaker"]),
        Term(2 * weight_next * e_norm[t] * weaker, _["root_half"]), Term(cross, _["weaker"])),
        "(B + n)^2 + n^2 is at most (B + sqrt(2) n)^2."),
    Step("readable", _["readable"], Rule("root", _["squared"])),
    Step("conclusion", CONCLUSION, Rule("induction", _["readable"])),
)

SYMBOLS = {
    **{SEQUENCES.get(s, s): meaning for s, meaning in STEP.symbols.items() if s in SEQUENCES or s in _CONSTANTS},
    t: "stage",
    T: "number of stages",
}


def row_of(run):
    """The symbols of the statement over a run."""
    at_t = {one.y: "y", one.D: "lookahead_error", one.e: "step_error", one.g: "gradient", one.f_y: "f_y"}
    over_all = {one.x: ("x", "x_next"), one.f_x: ("f_x", "f_next"), one.Phi: ("potential", "potential_next")}
    row = {
        L: run.L, x_star: run.minimiser, f_star: run.minimum, T: len(run.stages), tau: dict(enumerate(run.tau)),
    }
    for symbol, name in at_t.items():
        row[SEQUENCES[symbol]] = {k: getattr(stage, name) for k, stage in enumerate(run.stages)}
    for symbol, (now, later) in over_all.items():
        values = {k: getattr(stage, now) for k, stage in enumerate(run.stages)}
        row[SEQUENCES[symbol]] = {**values, len(run.stages): getattr(run.stages[-1], later)}
    row[SEQUENCES[one.x]][-1] = run.stages[0].x_prev
    return row


def measure(instance, arithmetic):
    """One row: the sequences of a run (see `linres.convex_runs`), and its number of stages."""
    return [row_of(instance.record(arithmetic))]


def instances():
    """Runs on convex functions, with errors of every scale and weights as fast as is allowed, or slower."""
    from linres.strategies import convex_runs

    return convex_runs(max_stages=8)


def sample(generator, count):
    """Runs in bulk, measured in compiled float64 (see `linres.sampling`)."""
    from linres.sampling.first_order import convex_histories

    return convex_histories(generator, count, symbols=(Phi, f_x, d, e_norm, f_star, L, tau, T))


def _claimed_exact(step):
    """Measure a method, claiming that it makes no errors."""

    def measure_wrong(instance, arithmetic):
        row = row_of(instance.record(arithmetic, step=step))
        nothing = {k: error - error for k, error in row[SEQUENCES[one.D]].items()}
        return [row | {SEQUENCES[one.D]: nothing, SEQUENCES[one.e]: nothing}]

    return measure_wrong


def step_error_at_the_minimum():
    """From the minimiser, a step error along an L-eigenvector: attained."""
    one_, nothing = Fraction(1), Fraction(0)
    return ConvexRun(
        L=Fraction(3), tau=(nothing, one_), up=(one_,), down=(one_,), x=(nothing,), x_prev=(nothing,),
        step_error=(one_,),
    )


def among_minimisers():
    """Nothing but minimisers, and the same lookahead error at each stage, away from x*: attained at each."""
    one_, nothing = Fraction(1), Fraction(0)
    return ConvexRun(
        L=Fraction(3), tau=tuple(Fraction(k + 2, 2) for k in range(5)), up=(nothing,), down=(one_,), x=(one_,),
        x_prev=(one_,), lookahead_error=(one_,), decay=one_,
    )


def from_rest(stages=30):
    """From rest on a straight line that ends in a parabola of width about 4/stages^2: all of Phi_0 ends as excess."""
    one_ = Fraction(1)
    tau = [Fraction(0)]
    while len(tau) <= stages:
        tau.append(fastest(tau[-1]))
    return ConvexRun(
        L=one_, tau=tuple(tau), up=(one_,), down=(one_,), x=(one_,), x_prev=(one_,),
        reach=(Fraction(33, 10 * stages**2),),
    )


def far_out(distance=Fraction(10_000), *, growth=Fraction(1)):
    """`one.far_out`, tau_1 (tau_1 - 1) = tau_0^2, or tau_1 too large by the factor."""
    now, later = Fraction(2, 3), Fraction(4, 3)
    return one.far_out(distance, (now, growth * later))


def _controls():
    error, drifting, limit = step_error_at_the_minimum(), among_minimisers(), far_out()
    less, more = Rational(19, 20), Rational(21, 20)
    fast = far_out(growth=Fraction(21, 20))
    with sympy.evaluate(False):
        of_excess = sqrt(tau[T] ** 2 * (f_x[T] - f_star))
        start, end = sqrt(Phi[0]), sqrt(Phi[T])
        forgetful = GeometricSum(start, Rational(99, 100), forcing, t, T)
        heavier = sqrt((more * tau[T]) ** 2 * (f_x[T] - f_star))
        stronger = {
            "start-5-percent-smaller": ({start: less * start}, limit),
            "excess-alone-weighs-5-percent-more": ({end: heavier}, from_rest()),
            "lookahead-constant-5-percent-smaller": ({drift: less * drift}, drifting),
            "step-error-5-percent-smaller": ({slip: less * slip}, error),
            "a-percent-forgotten-at-each-stage": ({total: forgetful}, drifting),
            "errors-without-weights": ({drift: drift / weight_next}, drifting),
        }
        weaker = {
            "excess-alone": ({end: of_excess}, limit),
            "lookahead-constant-5-percent-larger": ({drift: more * drift}, drifting),
            "step-error-5-percent-larger": ({slip: more * slip}, error),
        }
    return (
        *(Control(name, "stronger", change=change, witness=w) for name, (change, w) in stronger.items()),
        *(Control(name, "weaker", change=change, witness=w) for name, (change, w) in weaker.items()),
        Control("weights-5-percent-too-fast", "stronger", drop=(growth,), witness=fast),
        Control("weight-5-percent-below-1", "stronger", drop=(at_stage(one.at_least_1),),
                witness=one.before_one(Fraction(19, 20))),
        Control("without-smoothness", "stronger", drop=(at_stage(one.smooth),),
                witness=replace(error, up=(Fraction(11, 10),))),
        Control("errors-not-counted", "stronger", measure=_claimed_exact(nesterov.step), witness=drifting),
        Control("no-momentum", "stronger", measure=_claimed_exact(one.no_momentum), witness=limit),
        Control("momentum-5-percent-larger", "stronger", measure=_claimed_exact(one.more_momentum), witness=limit),
    )


THEOREM = Theorem(
    name="nesterov-convex-with-errors",
    title="Nesterov's method with errors on a convex function over all stages",
    provenance="linres",
    symbols=SYMBOLS,
    definitions={at_stage(name): at_stage(meaning) for name, meaning in STEP.definitions.items()},
    hypotheses=(horizon, *map(at_stage, STEP.hypotheses), growth, minimum_next),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    extremal=(among_minimisers(), step_error_at_the_minimum()),
    uses=("nesterov-convex-step",),
    expect="proved",
)
