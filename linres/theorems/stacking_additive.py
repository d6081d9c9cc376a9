r"""Stacking an additive ensemble is Nesterov's method, exactly and for every loss.

F_t is an ensemble after t stages: stage t + 1 adds a learner f_{t+1} to it, started at beta_t f_t and moved by one
gradient step in a Hilbert space of functions,

    f_{t+1} = beta_t f_t - eta_t grad ell(F_t + beta_t f_t) + e_t,   F_{t+1} = F_t + f_{t+1},   f_0 = 0.

X_t is Nesterov's method from rest at F_0 on the same loss, with the same momenta, step sizes and errors e_t. Then for
every T >= 0

    F_T = X_T.

In particular zero start, beta_t = 0, is gradient descent; and where a base learner projects the gradient on a subspace
(boosting), e_t is eta_t times what the projection leaves of it. Of the loss nothing is asked: for any two points there
is a number c with |grad ell(Y) - grad ell(Y')| <= c |Y - Y'| if equal points have equal gradients, and that is all the
proof uses. Numbers that are 0 have no better bound: attained by every run.
"""

from fractions import Fraction
from functools import partial

import sympy
from sympy import Eq, Ge, IndexedBase, Le, Rational, Symbol, symbols

from linres.additive_runs import AdditiveRun
from linres.arithmetic import Symbolic
from linres.certificate import Term
from linres.language import Inner, norm, substitute
from linres.methods import additive, nesterov, wrong
from linres.theorem import Batch, Certificate, Control, GenericStep, Induction, Rule, Step, Theorem

t, T = symbols("t T", integer=True)
beta, eta, c = (IndexedBase(Symbol(name, real=True)) for name in ("beta", "eta", "c"))
F, f, X, e, Y_F, Y_X, G_F, G_X = (
    IndexedBase(Symbol(name, commutative=False)) for name in ("F", "f", "X", "e", "Y_F", "Y_X", "G_F", "G_X")
)

# Both methods, run on symbols by the very code that runs on numbers. G_F and G_X are the gradients at the points that
# they ask for, Y_F and Y_X.
_ensemble, _learner, _point, _before, _error, _slope, _other = map(
    Symbolic, (F[t], f[t], X[t], X[t - 1], e[t], G_F[t], G_X[t])
)
_pace = {"momentum": beta[t], "step_size": eta[t]}
_grown = additive.stage(_ensemble, _learner, lambda _: _slope, error=_error, **_pace)
_y, _next = nesterov.step(_point, _before, lambda _: _other, step_error=_error, **_pace)
# The same from the ensembles alone.
_ahead, _stepped = nesterov.step(_ensemble, _ensemble - _learner, lambda _: _slope, step_error=_error, **_pace)

# Indices are added up outside evaluate(False), so that t + 1 has one form only.
later = t + 1
F_next, f_next, X_next, X_before = F[later], f[later], X[later], X[t - 1]

DEFINITIONS = {
    Y_F[t]: _grown.lookahead.expr, f_next: _grown.learner.expr, F_next: F[t] + f_next,
    Y_X[t]: _y.expr, X_next: _next.expr, X[0]: F[0], X[-1]: X[0],
}

def moved(expression, stage):
    """The expression about stage t at another one."""
    return substitute(expression, {t: sympy.sympify(stage)})


with sympy.evaluate(False):
    horizon = Ge(T, 0)
    rest = Eq(Inner(f[0], f[0]), 0)
    places, slopes = Y_F[t] - Y_X[t], G_F[t] - G_X[t]
    congruent = Le(Inner(slopes, slopes), c[t] ** 2 * Inner(places, places))
    CONCLUSION = Le(norm(F[T] - X[T]), 0)

    # Invariants: the ensemble is the point, and the learner is what Nesterov's method changed last.
    apart, changes = F[t] - X[t], f[t] - (X[t] - X_before)
    together, alike = Le(Inner(apart, apart), 0), Le(Inner(changes, changes), 0)
    _ = {
        "lookahead": Eq(Y_F[t], _ahead.expr),
        "step": Eq(F_next, _stepped.expr),
        "before": Eq(F_next - f_next, F[t]),
        "place": Le(Inner(places, places), 0),
        "slope": Le(Inner(slopes, slopes), 0),
    }
    TOGETHER = substitute(together, {t: T})
    moves, halves = beta[t] * changes, eta[t] * slopes

    first_stage = (
        Step("together_first", moved(together, 0), Certificate(), "Both begin at F_0."),
        Step("alike_first", moved(alike, 0), Certificate(Term(-1, rest)), "Nothing moves yet."),
    )
    one_stage = (
        Step("place", _["place"], Certificate(
            Term(2, together), Term(2, alike, square=beta[t]), Term(1, norm=apart - moves)),
            "They look ahead to the same point."),
        Step("slope", _["slope"], Certificate(Term(1, congruent), Term(1, _["place"], square=c[t])),
             "So they see the same gradient."),
        Step("together_next", moved(together, later), Certificate(
            Term(2, _["place"]), Term(2, _["slope"], square=eta[t]), Term(1, norm=places + halves))),
        Step("alike_next", moved(alike, later), Certificate(
            Term(2, alike, square=beta[t]), Term(2, _["slope"], square=eta[t]), Term(1, norm=moves + halves))),
    )

PROOF = (
    Step("lookahead", _["lookahead"], Certificate(), "The last learner is what the ensemble changed by."),
    Step("step", _["step"], Certificate(), "So an additive stage is a step of Nesterov's method."),
    Step("before", _["before"], Certificate(), "And so is the next one: it finds the ensembles it needs."),
    Step("together", TOGETHER, Induction(invariants=(together, alike), first=(first_stage,), advance=one_stage)),
    Step("conclusion", CONCLUSION, Rule("root", TOGETHER)),
)

SYMBOLS = {
    F: "ensemble after t stages, a function", f: "learner of stage t", X: "point of Nesterov's method",
    e: "step error, of both", Y_F: "where the learner's step starts, as a function", Y_X: "lookahead point",
    G_F: "gradient of the loss at Y_F", G_X: "gradient of the loss at Y_X",
    beta: "momentum", eta: "step size", c: "by how much gradients may differ, relative to the points",
    t: "stage", T: "number of stages",
}


def measure(instance, arithmetic, **method):
    """One row: the sequences of both runs (see `linres.additive_runs`), and their number of stages."""
    run = instance.record(arithmetic, **method)
    stages = len(run.errors)
    return [{
        T: stages, F: run.ensembles, f: run.learners, X: run.points, e: run.errors, Y_F: run.lookaheads,
        Y_X: run.point_lookaheads, G_F: run.gradients, G_X: run.point_gradients, beta: run.momenta,
        eta: run.step_sizes, c: dict.fromkeys(range(stages), run.L),
    }]


def instances():
    """Runs of up to 5 stages on rational losses: free steps and projected ones, other errors, any momenta."""
    from linres.additive_runs import additive_runs

    return additive_runs(max_stages=5)


def sample(generator, count):
    """Free runs in bulk, in float64."""
    from linres.additive_runs import STAGES, additive_runs_in_bulk

    made = additive_runs_in_bulk(generator, count)
    return Batch({F: made.ensembles, X: made.points, T: STAGES}, made.instance, count)


def generic(loss: str = "fair") -> AdditiveRun:
    """Three samples, one of them twice, constant learners on two groups in turn, and a slip besides."""
    f_ = Fraction
    return AdditiveRun(
        loss=loss, labels=(f_(2), f_(-1), f_(3, 2)), start=(f_(1), f_(0), f_(-1, 2)), momenta=(f_(1, 2),) * 4,
        step_sizes=(f_(1), f_(1), f_(3, 4), f_(3, 4)), copies=(1, 2, 1), partitions=((0, 0, 1), (0, 1, 1)),
        error=(f_(1, 8), f_(0), f_(-1, 4)),
    )


def _with(**times):
    """Measure a run with settings so many times as large, which are not reported."""

    def measure_wrong(instance, arithmetic):
        factors = {name: arithmetic.number(factor) for name, factor in times.items()}
        return measure(instance, arithmetic, stage=wrong.additive_with(**factors))

    return measure_wrong


def _older_learner(instance, arithmetic):
    """A wrong method: the learner starts at the last but one, F_{t-1} - F_{t-2}."""
    earlier = []

    def stage(ensemble, learner, gradient, **options):
        earlier.append(learner)
        return additive.stage(ensemble, earlier[max(len(earlier) - 2, 0)], gradient, **options)

    return measure(instance, arithmetic, stage=stage)


def _controls():
    witness = generic()
    moving = partial(measure, first=(Fraction(1, 16), Fraction(0), Fraction(0)))
    another = partial(measure, resampled=(Fraction(2), Fraction(-1), Fraction(8, 5)))
    with sympy.evaluate(False):
        ahead = {CONCLUSION.lhs: norm(F[T] - Rational(21, 20) * X[T])}
        below = {CONCLUSION.rhs: -norm(X[T]) / 1000}
        loose = {CONCLUSION.rhs: norm(X[T]) / 1000}
    return (
        Control("points-5-percent-further", "stronger", change=ahead, witness=witness),
        Control("less-than-nothing", "stronger", change=below, witness=witness),
        Control("only-near", "weaker", change=loose, witness=witness),
        Control("momentum-10-percent-larger", "stronger", measure=_with(momentum=Fraction(11, 10)), witness=witness),
        Control("momentum-10-percent-smaller", "stronger", measure=_with(momentum=Fraction(9, 10)), witness=witness),
        Control("step-10-percent-longer", "stronger", measure=_with(step_size=Fraction(11, 10)), witness=witness),
        Control("gradient-at-the-ensemble", "stronger", measure=partial(measure, stage=wrong.additive_stale),
                witness=witness),
        Control("start-at-the-learner-before", "stronger", measure=_older_learner, witness=witness),
        Control("error-in-one-only", "stronger", measure=_with(error=Fraction(0)), witness=witness),
        Control("without-rest", "stronger", drop=(rest,), measure=moving, witness=witness),
        Control("without-one-loss", "stronger", drop=(congruent,), measure=another, witness=witness),
    )


THEOREM = Theorem(
    name="stacking-additive",
    title="Stacking an additive ensemble is Nesterov's method",
    provenance="seed",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, rest, congruent),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    method=GenericStep("additive", lambda stage: partial(measure, stage=stage)),
    proof=PROOF,
    controls=_controls(),
    extremal=(generic("squares"), generic("huber"), generic("fair")),
    expect="proved",
    valid=AdditiveRun.scaled,
)
