r"""Blocks that start at random: in the mean, on least squares, they do what blocks that start at zero do.

Each stage starts its block at a random w_t of mean 0, independent of the past, and takes a step by the functional rule,

    W_{t+1} = Y_t - eta grad ell(Y_t),   Y_t = (I + w_t) W_t,   grad ell(W) = (W - W*) Sigma.

X_t is zero start, that is gradient descent, from the mean of W_0. Then for every T >= 0

    E W_T = X_T.

On any loss it is stochastic functional gradient descent: with the injected noise N_t = w_t W_t,

    W_{t+1} = W_t - eta grad ell(W_t) + N_t - eta (grad ell(Y_t) - grad ell(W_t)),

the gradient step of the loss smoothed by the law of N_t, frozen at stage t as that law depends on W_t, and a noise of
mean 0. On least squares the last two terms are N_t (I - eta Sigma).

The space is that of random matrices on m equally likely outcomes: columns of m blocks d x d. The mean is the projection
P on columns of equal blocks, acting from the left, and Sigma acts from the right, so that P (W Sigma) = (P W) Sigma is
associativity. W* may be random (noise of labels): X_t then descends on the mean target P W*. For the parameter rule the
claim is false (`parameter-rule`). Sides that are 0 have nothing to be tight about.
"""

from fractions import Fraction
from functools import partial

import sympy
from sympy import Eq, Ge, IndexedBase, Le, Rational, Symbol, symbols

from linres.arithmetic import Symbolic
from linres.language import Inner, norm, substitute
from linres.linear_networks import identity
from linres.methods import descent, random_start, wrong
from linres.random_start_runs import RandomStartRun
from linres.theorem import Batch, Certificate, Control, GenericStep, Induction, Lemma, Rule, Step, Theorem
from linres.theorems import agreeing_step as one

STEP = one.THEOREM
eta, L = one.eta, symbols("L", real=True)
P, Sigma, W_star = symbols("P Sigma W_star", commutative=False)
t, T = symbols("t T", integer=True)
W, w, Y, N, M, X = (IndexedBase(Symbol(name, commutative=False)) for name in ("W", "w", "Y", "N", "M", "X"))


def _gradient(target):
    """The gradient of least squares with this target."""
    return lambda point: (point - target) @ Symbolic(Sigma)


# All outcomes at once, and gradient descent, run on noncommuting symbols by the very code that runs on numbers.
_network, _mean, _point, _target = map(Symbolic, (W[t], M[t], X[t], W_star))
_mean_target, _mean_noise = Symbolic(P) @ _target, Symbolic(P) @ Symbolic(N[t])
_grown = random_start.stage(_network, Symbolic(w[t]), _gradient(_target), step_size=eta)
_next = descent.step(_point, _gradient(_mean_target), step_size=eta)
_from_zero = descent.step(_network, _gradient(_target), step_size=eta)
_noise, _ahead = Symbolic(N[t]), Symbolic(Y[t])

# Indices are added up outside evaluate(False), so that t + 1 has one form only.
later = t + 1
W_next, M_next, X_next = W[later], M[later], X[later]

DEFINITIONS = {
    N[t]: _grown.noise.expr, Y[t]: _grown.lookahead.expr, W_next: _grown.network.expr, M[t]: P * W[t],
    M_next: P * W_next, X_next: _next.expr,
}

# What stands for the symbols of agreeing-step: the means of the stage, and gradient descent.
AT_STAGE = {
    one.c: L, one.x: M[t], one.y: X[t], one.k: _mean_noise.expr,
    one.g: _gradient(_mean_target)(_mean + _mean_noise).expr, one.h: _gradient(_mean_target)(_point).expr,
    one.x_next: M_next, one.y_next: X_next,
}

with sympy.evaluate(False):
    horizon = Ge(T, 0)
    centred = Eq(Inner(P * N[t], P * N[t]), 0)
    apart = M[t] - X[t]
    together = Le(Inner(apart, apart), 0)
    start = substitute(together, {t: sympy.Integer(0)})
    smooth = substitute(one.congruent, AT_STAGE)
    CONCLUSION = Le(norm(M[T] - X[T]), 0)
    TOGETHER = substitute(together, {t: T})
    change = _gradient(_target)(_ahead) - _gradient(_target)(_network)
    _ = {
        "stochastic": Eq(W_next, _from_zero.expr + N[t] - eta * change.expr),
        "least_squares": Eq(W_next, _from_zero.expr + N[t] - eta * N[t] * Sigma),
        "mean": Eq(P * W_next, substitute(_next.expr, {X[t]: P * W[t] + P * N[t]})),
    }

PROOF = (
    Step("stochastic", _["stochastic"], Certificate(), "A step from W, and noise. This holds for any loss."),
    Step("least_squares", _["least_squares"], Certificate(), "Here the noise of the gradient is that of the start."),
    Step("mean", _["mean"], Certificate(), "The mean of a stage is a stage of the means."),
    Step("together", TOGETHER, Induction(
        invariants=(together,), first=((),),
        advance=(Step("together_next", substitute(together, {t: later}), Lemma(STEP, AT_STAGE)),))),
    Step("conclusion", CONCLUSION, Rule("root", TOGETHER)),
)

SYMBOLS = {
    W: "network after t stages, random: a column of one block for each outcome", w: "random start of the next block",
    N: "noise that the start injects", Y: "network with the start on top", M: "mean of W, in each place",
    X: "gradient descent, in each place", P: "expectation: the average of the blocks, in each place",
    W_star: "target, in each place", Sigma: "moment matrix E[x x^T]", eta: "step size",
    L: "largest eigenvalue of Sigma, or more", t: "stage", T: "number of stages",
}


def measure(instance, arithmetic, **method):
    """One row: all outcomes of a run (see `linres.random_start_runs`), and their number of stages."""
    run = instance.record(arithmetic, **method)
    return [{
        T: len(run.starts), W: run.networks, w: run.starts, Y: run.lookaheads, N: run.noises, M: run.means,
        X: run.points, P: run.averaging, W_star: run.target, Sigma: run.sigma, eta: run.step_size, L: run.L,
    }]


def instances():
    """Runs of up to 4 stages and 16 outcomes on rational least squares, d = 1 or 2, all outcomes run."""
    from linres.random_start_runs import random_start_runs

    return random_start_runs(max_stages=4)


def sample(generator, count):
    """Runs in bulk, in float64."""
    from linres.random_start_runs import STAGES, random_start_runs_in_bulk

    made = random_start_runs_in_bulk(generator, count)
    return Batch({M: made.means, X: made.points, T: STAGES}, made.instance, count)


def scalar(law=(Fraction(1, 2),), *, step_size=Fraction(1, 4), stages=2) -> RandomStartRun:
    """One neuron at its target 1, Sigma = 1, the same law at every stage."""
    one_ = identity(1)
    return RandomStartRun(one_, (one_,), one_, (tuple(((value,),) for value in law),) * stages, step_size)


def generic() -> RandomStartRun:
    """In the plane, where nothing commutes; three points, then two."""
    f = Fraction
    a, b, c = (((f(1), f(0)), (f(1, 2), f(-1))), ((f(0), f(1, 4)), (f(-1), f(1))), ((f(1, 2), f(1)), (f(0), f(1, 3))))
    return RandomStartRun(
        ((f(2), f(1, 2)), (f(1, 2), f(1))), (((f(2), f(1)), (f(-1), f(3))),), ((f(1), f(1)), (f(0), f(2))),
        ((a, b), (c,), (a,)), f(1, 5),
    )


def _slower(times):
    """Measure steps so many times as long, which is not reported."""

    def measure_wrong(instance, arithmetic):
        return measure(instance, arithmetic, stage=wrong.random_start_with(arithmetic.number(times)))

    return measure_wrong


def _controls():
    witness = generic()
    biased = partial(measure, bias=Fraction(1, 100))
    with sympy.evaluate(False):
        further = {CONCLUSION.lhs: norm(M[T] - Rational(21, 20) * X[T])}
        below = {CONCLUSION.rhs: -norm(X[T]) / 1000}
        every = {CONCLUSION.lhs: norm(W[T] - X[T])}
        loose = {CONCLUSION.rhs: norm(X[T]) / 1000}
    return (
        Control("points-5-percent-further", "stronger", change=further, witness=witness),
        Control("less-than-nothing", "stronger", change=below, witness=witness),
        Control("in-every-outcome", "stronger", change=every, witness=witness),
        Control("only-near", "weaker", change=loose, witness=witness),
        Control("parameter-rule", "stronger", measure=partial(measure, stage=wrong.random_start_by_parameters),
                witness=scalar()),
        Control("step-10-percent-longer", "stronger", measure=_slower(Fraction(11, 10)), witness=witness),
        Control("step-10-percent-shorter", "stronger", measure=_slower(Fraction(9, 10)), witness=witness),
        Control("biased-starts", "stronger", drop=(centred,), measure=biased, witness=witness),
        Control("one-start-for-all", "stronger", drop=(centred,), measure=partial(measure, repeated=True),
                witness=scalar()),
        Control("momentum-instead", "stronger", drop=(centred,), measure=partial(measure, momentum=Fraction(1, 2)),
                witness=witness),
        Control("from-another-mean", "stronger", drop=(start,), measure=_elsewhere, witness=witness),
    )


def _elsewhere(instance, arithmetic):
    """Gradient descent from 101/100 of the start, all its points measured accordingly."""
    run = instance.record(arithmetic)
    point, points = arithmetic.number(Fraction(101, 100)) * run.networks[0], []
    for _ in run.points:
        points.append(point)
        point = descent.step(
            point, lambda at: (at - run.averaging @ run.target) @ run.sigma, step_size=run.step_size)
    [row] = measure(instance, arithmetic)
    return [row | {X: dict(enumerate(points))}]


THEOREM = Theorem(
    name="stacking-random-start",
    title="Blocks that start at random are gradient descent in the mean",
    provenance="seed",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, centred, start, smooth),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    method=GenericStep("random-start", lambda stage: partial(measure, stage=stage)),
    proof=PROOF,
    controls=_controls(),
    extremal=(generic(), scalar()),
    uses=("agreeing-step",),
    expect="proved",
)
