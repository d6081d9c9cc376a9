r"""Blocks that start at random descend to a floor of their own noise.

Each stage starts its block at random and takes a step by the functional rule, W_{t+1} = Y_t - grad ell(Y_t)/L from Y_t
= W_t + N_t, where the noise N_t = w_t W_t has mean 0 given the past. ell is any L-smooth, mu-strongly convex loss with
minimum ell*, q = sqrt(mu/L) in (0, 1), so 1/kappa = q^2. Then for every T >= 0

    E ell(W_T) - ell* <= (1-q^2)^{2T} (E ell(W_0) - ell*) + sum_{t<T} (1-q^2)^{2(T-t)} (L/2) E|N_t|^2.

It is `gradient-step` on random matrices, after a noise that costs at most (L/2) E|N_t|^2. Expectations are over
finitely many equally likely outcomes; the values of the loss and the inner products below are sums over them, which is
the same number of times the means on both sides.

Attained without noise, along a mu-eigenvector of a quadratic. Not sharp in the noise: on a quadratic of curvature mu it
costs (mu/2) E|N_t|^2, and so the constant is right as q -> 1 (`at_the_target`).
"""

from fractions import Fraction
from functools import partial

import sympy
from sympy import Eq, Ge, IndexedBase, Le, Rational, Symbol, symbols

from linres.arithmetic import Symbolic
from linres.certificate import Term
from linres.instances import NesterovRun
from linres.language import GeometricSum, Inner, norm, substitute
from linres.linear_networks import Table
from linres.methods import descent, random_start
from linres.random_start_runs import NoisyRun
from linres.theorem import Batch, Certificate, Control, GenericStep, Lemma, Rule, Step, Theorem
from linres.theorems import gradient_step as one

STEP = one.THEOREM
q, L, mu = one.q, one.L, one.mu
ell_star = Symbol("ell_star", real=True)
W_star = Symbol("W_star", commutative=False)
t, T = symbols("t T", integer=True)
W, Y, N, G, G_Y = (IndexedBase(Symbol(name, commutative=False)) for name in ("W", "Y", "N", "G", "G_Y"))
ell, ell_Y, N_norm = (IndexedBase(Symbol(name, real=True)) for name in ("ell", "ell_Y", "N_norm"))

# What a random start leaves of the trusted core's concern is the noise w_t W_t that it adds to W_t.
_started = Symbolic(W[t]) + Symbolic(N[t])
_grown = descent.step(_started, lambda _: Symbolic(G_Y[t]), step_size=1 / L)

# Indices are added up outside evaluate(False), so that t + 1 has one form only.
W_next, G_next, ell_next = W[t + 1], G[t + 1], ell[t + 1]

DEFINITIONS = {
    mu: STEP.definitions[mu], Y[t]: _started.expr, W_next: _grown.expr, N_norm[t]: norm(N[t]),
}

# The step of gradient-step goes from Y to the next W.
AT_STAGE = {
    one.x: Y[t], one.x_next: W_next, one.x_star: W_star, one.g: G_Y[t], one.g_next: G_next, one.f_x: ell_Y[t],
    one.f_next: ell_next, one.f_star: ell_star,
}


def at_stage(expression):
    """The expression of gradient-step at stage t."""
    return substitute(expression, AT_STAGE)


with sympy.evaluate(False):
    horizon = Ge(T, 0)
    centred = Eq(Inner(G[t], N[t]), 0)
    smooth = Le(ell_Y[t], ell[t] + Inner(G[t], N[t]) + L / 2 * Inner(N[t], N[t]))
    rate = one.remains**2
    cost = L / 2 * N_norm[t] ** 2
    forcing = rate * cost
    CONCLUSION = Le(ell[T] - ell_star, GeometricSum(ell[0] - ell_star, rate, forcing, t, T))
    CONTRACTED = at_stage(STEP.conclusion)
    _ = {
        "noisy": Le(ell_Y[t] - ell_star, ell[t] - ell_star + cost),
        "one_stage": Le(ell_next - ell_star, rate * (ell[t] - ell_star) + forcing),
    }

PROOF = (
    Step("contracted", CONTRACTED, Lemma(STEP, AT_STAGE), "The step, from the random start to the next network."),
    Step("noisy", _["noisy"], Certificate(Term(1, smooth), Term(-1, centred)),
         "The slope is known before the noise, whose mean is then 0."),
    Step("one_stage", _["one_stage"], Certificate(Term(1, CONTRACTED), Term(rate, _["noisy"]))),
    Step("conclusion", CONCLUSION, Rule("induction", _["one_stage"])),
)

SYMBOLS = {
    q: STEP.symbols[q], L: STEP.symbols[L], mu: STEP.symbols[mu],
    W: "network after t stages, random", N: "noise that the random start of the next block adds",
    Y: "network with the start on top", G: "gradient of the loss at W", G_Y: "gradient of the loss at Y",
    ell: "loss at W, summed over the outcomes", ell_Y: "loss at Y, summed over the outcomes",
    ell_star: "minimum of ell, as often", W_star: "minimiser of ell", N_norm: "|N|", t: "stage", T: "number of stages",
}


def measure(instance, arithmetic, **method):
    """One row: all outcomes of a run (see `linres.random_start_runs`), and their number of stages."""
    run = instance.record(arithmetic, **method)
    return [{
        q: run.q, L: run.L, T: len(run.noises), W: run.networks, Y: run.lookaheads, N: run.noises, G: run.gradients,
        G_Y: run.lookahead_gradients, ell: run.values, ell_Y: run.lookahead_values,
        ell_star: run.minimum, W_star: run.minimiser,
    }]


def instances():
    """Runs of up to 3 stages and 16 outcomes on smooth strongly convex functions, all outcomes run."""
    from linres.random_start_runs import noisy_runs

    return noisy_runs(max_stages=3)


def sample(generator, count):
    """Runs in bulk on quadratics, in float64."""
    from linres.random_start_runs import STAGES, noisy_runs_in_bulk

    made = noisy_runs_in_bulk(generator, count)
    columns = {ell: made.values, ell_star: 0.0, q: made.q, L: made.L, N_norm: made.noises, T: STAGES}
    return Batch(columns, made.instance, count)


def scalar(law: Fraction, *, inverse_root=Fraction(1, 2), share=Fraction(0), target=Fraction(0), stages=1) -> NoisyRun:
    """One neuron from 1, curvature mu + share (L - mu), and starts of law and minus law at every stage."""
    one_, start = Fraction(1), (Fraction(1),)
    table: Table = ((law,),)
    return NoisyRun(
        NesterovRun(q=inverse_root, L=Fraction(3), up=(share,), down=(share,), x=start, x_prev=start,
                    minimiser=(target,), minimum=one_ / 4),
        ((table,),) * stages,
    )


def without_noise() -> NoisyRun:
    """Starts of 0 along a mu-eigenvector: attained."""
    return scalar(Fraction(0), stages=3)


def at_the_target(share=Fraction(0)) -> NoisyRun:
    """From the minimiser, q = 63/64: what the stage leaves is that of the noise alone, q^2 times the bound."""
    return scalar(Fraction(1, 2), inverse_root=Fraction(63, 64), target=Fraction(1), share=share)


def _stepped_by(step):
    """The stage that takes another step from the random start."""

    def stage(network, start, gradient, *, step_size):
        noise = start @ network
        return random_start.Stage(noise, network + noise, step(network + noise, gradient, step_size=step_size))

    return stage


def _understated(instance, arithmetic):
    """Measure a loss that is a tenth of its excess lower before the noise than after it: read off no function."""
    [row] = measure(instance, arithmetic)
    lower = row[ell][0] - arithmetic.number(Fraction(1, 10)) * (row[ell][0] - row[ell_star])
    return [row | {ell: {**row[ell], 0: lower}}]


def _controls():
    quiet, loud = without_noise(), at_the_target()
    steep = at_the_target(share=Fraction(5))
    flat = scalar(Fraction(0), share=Fraction(-1, 40))
    less, more = Rational(19, 20), Rational(21, 20)
    interpolations = tuple(map(at_stage, (one.from_next, one.star_from_x, one.star_from_next)))
    with sympy.evaluate(False):
        stronger = {
            "contraction-5-percent-faster": ({one.remains: 1 - more * q**2}, quiet),
            "noise-5-percent-cheaper": ({cost: less * cost}, loud),
            "noise-not-counted": ({cost: 0 * cost}, loud),
            "noise-discounted-a-stage-too-many": ({forcing: rate * forcing}, loud),
        }
        weaker = {
            "contraction-5-percent-slower": ({one.remains: 1 - less * q**2}, quiet),
            "noise-5-percent-dearer": ({cost: more * cost}, loud),
            "noise-not-contracted": ({forcing: cost}, loud),
        }
    return (
        *(Control(name, "stronger", change=change, witness=w_) for name, (change, w_) in stronger.items()),
        *(Control(name, "weaker", change=change, witness=w_) for name, (change, w_) in weaker.items()),
        Control("biased-starts", "stronger", drop=(centred,), measure=partial(measure, bias=Fraction(1, 10)),
                witness=scalar(Fraction(0))),
        Control("without-smoothness", "stronger", drop=(smooth,), measure=_understated, witness=quiet),
        Control("without-a-bound-of-the-curvature", "stronger", drop=(smooth, *interpolations), witness=steep),
        Control("without-strong-convexity", "stronger", drop=interpolations, witness=flat),
    )


THEOREM = Theorem(
    name="random-start-noise-floor",
    title="Blocks that start at random descend to a floor of noise",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, *map(at_stage, STEP.hypotheses), centred, smooth),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    method=GenericStep("descent", lambda step: partial(measure, stage=_stepped_by(step))),
    proof=PROOF,
    controls=_controls(),
    extremal=(without_noise(),),
    uses=("gradient-step",),
    expect="proved",
)
