r"""Nesterov's method with errors, all stages.

With the notation of nesterov-step, indexed by the stage t: for every T >= 0

    sqrt(Phi_T) <= (1-q)^{T/2} sqrt(Phi_0)
                   + sum_{t<T} (1-q)^{(T-1-t)/2} [ sqrt(1-q) sqrt((1+q)L/2) |D_t| + sqrt(L) |e_t| ].

Without errors this is the classical rate 1 - q of the potential; constant errors leave a noise floor. Rounding is a
step error like any other, so every finite-precision run is an instance.
"""

from fractions import Fraction

import sympy
from sympy import Ge, IndexedBase, Le, Rational, sqrt, symbols

from linres.certificate import Term
from linres.instances import NesterovRun
from linres.language import GeometricSum, substitute
from linres.methods import nesterov
from linres.theorem import Certificate, Control, GenericStep, Lemma, Limit, Rule, Step, Theorem
from linres.theorems import nesterov_step as one

STEP = one.THEOREM
q, L, f_star, x_star = one.q, one.L, one.f_star, one.x_star
t, T = symbols("t T", integer=True)

# Every quantity of the step becomes a sequence over stages; its quantity of the next stage the next member.
_CONSTANTS = (q, L, one.mu, x_star, f_star)
_LATER = {one.x_next: one.x, one.z_next: one.z, one.f_next: one.f_x, one.Phi_next: one.Phi}
SEQUENCES = {
    s: IndexedBase(s) for s in STEP.symbols if s not in (*_CONSTANTS, *_LATER, one.x_prev)
}
AT_STAGE = {
    **{s: sequence[t] for s, sequence in SEQUENCES.items()},
    **{later: SEQUENCES[now][t + 1] for later, now in _LATER.items()},
    one.x_prev: SEQUENCES[one.x][t - 1],
}
Phi, d, e_norm, r = (SEQUENCES[s] for s in (one.Phi, one.d, one.e_norm, one.r))


def at_stage(expression):
    """The expression of nesterov-step at stage t."""
    return substitute(expression, AT_STAGE)


# Indices are added up outside evaluate(False), so that t + 1 has one form only.
potential, potential_next = Phi[t], Phi[t + 1]
value_next, auxiliary_next = SEQUENCES[one.f_x][t + 1], SEQUENCES[one.z][t + 1]

with sympy.evaluate(False):
    horizon = Ge(T, 0)
    minimum_next = Ge(value_next, f_star)
    contraction = one.contraction
    forcing = contraction * one.lookahead_cost * d[t] + sqrt(L) * e_norm[t]
    CONCLUSION = Le(sqrt(Phi[T]), GeometricSum(sqrt(Phi[0]), contraction, forcing, t, T))

    # Proof: weaken the step to its readable form, then induction over the stages.
    dissipated, B, n = map(at_stage, (one.dissipated, one.B, one.n))
    weaker = contraction * (sqrt(potential) + one.lookahead_cost * d[t])
    offset_next = auxiliary_next - x_star
    _ = {
        "nonnegative": Ge(potential, 0),
        "nonnegative_next": Ge(potential_next, 0),
        "root_dissipated": Le(sqrt(dissipated), sqrt(potential)),
        "square_dissipated": Le(dissipated, potential),
        "weaker": Le(B, weaker),
        "half": Le(L / 2, L),
        "root_half": Le(sqrt(L / 2), sqrt(L)),
        "squared": Le(potential_next, (weaker + sqrt(L) * e_norm[t]) ** 2),
        "readable": Le(sqrt(potential_next), contraction * sqrt(potential) + forcing),
    }
    cross = 2 * e_norm[t] * sqrt(L / 2)
    FULL = at_stage(STEP.conclusion)
    DISSIPATED = at_stage(STEP.step("dissipated").claim)

PROOF = (
    Step("step", FULL, Lemma(STEP, AT_STAGE)),
    Step("dissipated", DISSIPATED, Lemma(STEP, AT_STAGE, "dissipated")),
    Step("nonnegative", _["nonnegative"], Certificate(
        Term(1, DISSIPATED), Term(at_stage(one.dissipation), square=r[t]))),
    Step("nonnegative_next", _["nonnegative_next"], Certificate(
        Term(1, minimum_next), Term(one.mu / 2, norm=offset_next))),
    Step("square_dissipated", _["square_dissipated"], Certificate(Term(at_stage(one.dissipation), square=r[t])),
         "Forget the dissipation."),
    Step("root_dissipated", _["root_dissipated"], Rule("root", _["square_dissipated"])),
    Step("weaker", _["weaker"], Certificate(Term(contraction, _["root_dissipated"]))),
    Step("half", _["half"], Certificate(Term(Rational(1, 2), one.positive_L))),
    Step("root_half", _["root_half"], Rule("root", _["half"])),
    Step("squared", _["squared"], Certificate(
        Term(1, FULL), Term(weaker + B, _["weaker"]),
        Term(2 * e_norm[t] * weaker, _["root_half"]), Term(cross, _["weaker"])),
        "(B + n)^2 + n^2 is at most (B + sqrt(2) n)^2, and sqrt(2) n = sqrt(L)|e|."),
    Step("readable", _["readable"], Rule("root", _["squared"])),
    Step("conclusion", CONCLUSION, Rule("induction", _["readable"]),
         "Unroll: the geometric sum is what T stages of the readable form make of sqrt(Phi_0)."),
)

SYMBOLS = {
    **{SEQUENCES.get(s, s): meaning for s, meaning in STEP.symbols.items() if s in SEQUENCES or s in _CONSTANTS},
    t: "stage",
    T: "number of stages",
}


def measure(instance, arithmetic, step=nesterov.step):
    """One row: the sequences of a run (see `linres.instances`), and its number of stages."""
    run = instance.record(arithmetic, step=step)
    at_t = {
        one.y: "y", one.D: "lookahead_error", one.e: "step_error", one.g: "gradient", one.f_y: "f_y",
    }
    over_all = {one.x: ("x", "x_next"), one.f_x: ("f_x", "f_next"), one.Phi: ("potential", "potential_next")}
    row = {q: run.q, L: run.L, x_star: run.minimiser, f_star: run.minimum, T: len(run.stages)}
    for symbol, name in at_t.items():
        row[SEQUENCES[symbol]] = {k: getattr(stage, name) for k, stage in enumerate(run.stages)}
    for symbol, (now, later) in over_all.items():
        values = {k: getattr(stage, now) for k, stage in enumerate(run.stages)}
        row[SEQUENCES[symbol]] = {**values, len(run.stages): getattr(run.stages[-1], later)}
    row[SEQUENCES[one.x]][-1] = run.stages[0].x_prev
    return [row]


def instances():
    """Runs on smooth strongly convex functions, with errors of every scale."""
    from linres.strategies import nesterov_runs

    return nesterov_runs(max_stages=12)


def sample(generator, count):
    """Runs in bulk, measured in compiled float64 (see `linres.sampling`)."""
    from linres.sampling.first_order import nesterov_histories

    return nesterov_histories(generator, count, symbols=(Phi, d, e_norm, r, q, L, T))


def _claimed_exact(step):
    """Measure a run of another step, or of the right one with errors, claiming that it makes none."""

    def measure_wrong(instance, arithmetic):
        [row] = measure(instance, arithmetic, step)
        nothing = {t: run - run for t, run in row[SEQUENCES[one.D]].items()}
        return [row | {SEQUENCES[one.D]: nothing, SEQUENCES[one.e]: nothing}]

    return measure_wrong


def from_rest():
    """From rest on a mu-eigenvector, q = 1/32: one stage contracts the potential by 1 - q - q^2/2 + O(q^3)."""
    one_, nothing = Fraction(1), Fraction(0)
    return NesterovRun(q=Fraction(1, 32), L=Fraction(7), up=(nothing,), down=(nothing,), x=(one_,), x_prev=(one_,))


def step_error_at_the_minimum():
    """From the minimiser, e along an L-eigenvector: attained."""
    one_, nothing = Fraction(1), Fraction(0)
    return NesterovRun(
        q=Fraction(1, 4), L=Fraction(3), up=(one_,), down=(one_,), x=(nothing,), x_prev=(nothing,), step_error=(one_,),
    )


def _controls():
    less, more = Rational(19, 20), Rational(21, 20)
    slope, error, limit = from_rest(), step_error_at_the_minimum(), one.lookahead_limit()
    with sympy.evaluate(False):
        lookahead, slip = one.lookahead_cost, sqrt(L) * e_norm[t]
        faster, slower = sqrt(1 - more * q), sqrt(1 - less * q)
        stronger = {
            "rate-5-percent-faster": ({contraction: faster}, slope),
            "lookahead-constant-5-percent-smaller": ({lookahead: less * lookahead}, limit),
            "step-error-5-percent-smaller": ({slip: less * slip}, error),
            "errors-discounted-a-stage-too-many": ({forcing: contraction * forcing}, error),
        }
        weaker = {
            "rate-5-percent-slower": ({contraction: slower}, slope),
            "lookahead-constant-5-percent-larger": ({lookahead: more * lookahead}, limit),
            "step-error-5-percent-larger": ({slip: more * slip}, error),
        }
    return (
        *(Control(name, "stronger", change=change, witness=w) for name, (change, w) in stronger.items()),
        *(Control(name, "weaker", change=change, witness=w) for name, (change, w) in weaker.items()),
        Control("errors-not-counted", "stronger", measure=_claimed_exact(nesterov.step), witness=error),
    )


THEOREM = Theorem(
    name="nesterov-with-errors",
    title="Nesterov's method with errors over all stages",
    provenance="linres",
    symbols=SYMBOLS,
    definitions={at_stage(name): at_stage(meaning) for name, meaning in STEP.definitions.items()},
    hypotheses=(horizon, *map(at_stage, STEP.hypotheses), minimum_next),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    method=GenericStep("nesterov", _claimed_exact),
    proof=PROOF,
    controls=_controls(),
    extremal=(from_rest(), step_error_at_the_minimum(), one.attained()),
    tightness=Limit(one.lookahead_limit, one.HALVES, ratio=sqrt(1 - q**4), tends=(q, 0)),
    uses=("nesterov-step",),
    expect="proved",
)
