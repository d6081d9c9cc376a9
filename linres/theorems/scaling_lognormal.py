r"""The norm of a deep random residual network at exponent 1/2 is lognormal: with a rate.

h_{k+1} = h_k + alpha V_{k+1} h_k for k < L with alpha = L^{-1/2}, the layers independent of each other and of h_0, with
independent entries N(0, 1/d). For d >= 8, L >= 2 and every z, with N standard normal and kappa = 1 - 3/(2L),

    |P(log(|h_L|^2/|h_0|^2) <= 1 - 2/d + 2z/sqrt(d)) - P(N <= z)|
        <= 3/(2 kappa L sqrt(d)) + (d - 2)/(4 L sqrt(2 pi d)) + log(1/kappa)/(2 sqrt(2 pi e)).

So for L -> infinity log(|h_L|^2/|h_0|^2) tends in law to N(1 - 2/d, 4/d), which is the law of the limit dH = d^{-1/2}
dB H at time 1. The first term is Stein's method for functions of Gaussian variables (Nourdin and Peccati 2009), which
is of order 1/L here, where the theorem of Berry and Esseen would give 1/sqrt(L); the others are what mean and variance
are off their limits. Times L the right side tends to .92 at d = 8 and to 1.14 at d = 64; the difference itself, drawn
at all z, is at most .19/L and .74/L there. For wide networks the second term is all, sqrt(d)/(10 L), and nearly
attained. The bound is void at L = 2, d = 8, and below 1/10 from L = 11 on there.

`supported` at most: the calculus is prose, the algebra of mean and variance is checked. The probability is drawn, with
two numbers a layer (`linres.gaussian_layers`); that of the normal law is a certified ball.
"""

from fractions import Fraction

import flint
import sympy
from sympy import Ge, Gt, Le, Rational, pi, sqrt, symbols
from sympy.stats import Probability

from linres import tails
from linres.certificate import Term
from linres.gaussian_layers import GaussianNetwork
from linres.tails import Tail
from linres.theorem import Certificate, Control, Prose, Step, Theorem, anything

d, L, z, ell, normal, kappa = symbols("d L z ell N kappa", real=True)
mu, v, tau, lg = symbols("mu v tau lg", real=True)

with sympy.evaluate(False):
    DEFINITIONS = {kappa: 1 - 3 / (2 * L)}


def less(mean, variance):
    """The event that log|h_L|^2/|h_0|^2 is at most z standard deviations above the mean."""
    with sympy.evaluate(False):
        return Le(ell, mean + z * sqrt(variance))


with sympy.evaluate(False):
    wide, deep = Ge(d, 8), Ge(L, 2)
    limit = 1 - 2 / d
    event = less(limit, 4 / d)
    reference = Probability(Le(normal, z))
    stein, off_mean = 3 / (2 * kappa * L * sqrt(d)), (d - 2) / (4 * L * sqrt(2 * pi * d))
    off_variance = sympy.log(1 / kappa) / (2 * sqrt(2 * pi * sympy.E))
    CONCLUSION = Le(sympy.Abs(Probability(event) - reference), stein + off_mean + off_variance)

    kept, growing = Gt(kappa, 0), Ge(limit, 0)
    logarithm = Ge(lg, 1 / L - 1 / (2 * L**2))
    mean_below, mean_above = Ge(mu, limit * lg), Le(mu, limit / L)
    variance = Ge(v, 4 / d * (lg - limit / L**2))
    variance_below = Ge(d * L * v / 4, kappa)
    spread = Le(tau, 6 / (L * d * sqrt(d)))
    PROOF = (
        Step("width", Gt(d, 0), Certificate(Term(1, wide), Term(8))),
        Step("depth", Gt(L, 0), Certificate(Term(1, deep), Term(2))),
        Step("kappa", kept, Certificate(Term(1 / L, deep), Term(1 / (2 * L)))),
        Step("limit", growing, Certificate(Term(1 / d, wide), Term(6 / d))),
        Step("logarithm", logarithm, Prose("log(1 + x) >= x - x^2/2 for x >= 0."), "lg = log(1 + 1/L)."),
        Step("mean_below", mean_below, Prose("By the heat equation and Jensen's inequality."), "mu = E log r."),
        Step("mean_above", mean_above, Prose("By the heat equation: |x|^(-2) is superharmonic for d >= 4.")),
        Step("mean", Le(limit - L * mu, limit / (2 * L)), Certificate(
            Term(L, mean_below), Term(limit * L, logarithm)), "And L mu is at most 1 - 2/d by the step before."),
        Step("variance", variance, Prose(
            "By the heat equation and the inequality of Poincare, for d >= 8, where |x|^(-6) is superharmonic."),
            "v = Var log r, which is at most 4/(d L)."),
        Step("variance_below", variance_below, Certificate(
            Term(d * L / 4, variance), Term(L, logarithm), Term(2 / (d * L))), "Of all layers, over its limit 4/d."),
        Step("spread", spread, Prose(
            "The inequality of Poincare for <DF, -D A^(-1) F>, F = log|h_L|^2, A the Ornstein-Uhlenbeck operator."),
            "tau is its standard deviation."),
        Step("stein", Le(tau, L * v * stein), Certificate(
            Term(1, spread), Term(6 / (kappa * L * d * sqrt(d)), variance_below))),
        Step("conclusion", CONCLUSION, Prose(
            "tau/(L v) bounds the distance to the normal law of the same mean and variance (Nourdin and Peccati 2009); "
            "the density of the normal law is at most 1/sqrt(2 pi), and x times it at most 1/sqrt(2 pi e).")),
    )

SYMBOLS = {
    d: "width", L: "number of layers: the depth", z: "where the laws are compared, in standard deviations",
    ell: "log(|h_L|^2/|h_0|^2), random", normal: "a standard normal variable",
    kappa: "part of the variance that a network of this depth certainly has",
    mu: "E log r, r = |h_{k+1}|^2/|h_k|^2; in the proof only", v: "Var log r; in the proof only",
    lg: "log(1 + 1/L); in the proof only", tau: "the standard deviation of Stein's kernel; in the proof only",
}


def normal_probability(number: Fraction) -> flint.arb:
    """The probability that a standard normal variable is at most the number."""
    share = flint.arb(flint.fmpq(number.numerator, number.denominator)) / flint.arb(2).sqrt()
    return (1 + share.erf()) / 2


def measured(claimed=event):
    """A measure of one row: the chance of the event, and the probability of the normal law."""

    def measure(instance, arithmetic):
        network = instance.network
        values = {d: Fraction(network.width), L: Fraction(network.depth), z: instance.far}
        given = {name: arithmetic.number(number) for name, number in values.items()}
        chance = tails.chance(claimed, values, network.log_last)
        return [given | chance | {reference: normal_probability(instance.far)}]

    return measure


measure = measured()


def network(width, depth, far):
    """The instance at exponent 1/2."""
    return Tail(GaussianNetwork(width, depth, Fraction(1, depth)), Fraction(far), Fraction(1))


def instances():
    """Networks of depth up to 32, as a deep one needs many draws, and places within four standard deviations."""
    from hypothesis import strategies as st

    return st.builds(
        network, st.sampled_from([8, 9, 12, 16, 40, 64]), st.sampled_from([2, 3, 4, 6, 8, 12, 16, 24, 32]),
        st.integers(-16, 16).map(lambda k: Fraction(k, 4)),
    )


def _controls():
    with sympy.evaluate(False):
        changed = {
            "mean-5-percent-larger": (less(Rational(21, 20) * limit, 4 / d), network(256, 64, 0)),
            "mean-5-percent-smaller": (less(Rational(19, 20) * limit, 4 / d), network(256, 64, 0)),
            "mean-a-quarter-farther-from-1": (less(1 - Rational(5, 2) / d, 4 / d), network(8, 96, 0)),
            "variance-a-quarter-larger": (less(limit, 5 / d), network(8, 96, 1)),
            "mean-1-less-1-over-d": (less(1 - 1 / d, 4 / d), network(8, 64, 0)),
            "mean-1": (less(sympy.Integer(1), 4 / d), network(8, 64, 0)),
            "variance-2-over-d": (less(limit, 2 / d), network(8, 64, 1)),
        }
        nearer = {CONCLUSION.rhs: stein + Rational(7, 8) * off_mean + off_variance}
        twice = {CONCLUSION.rhs: 2 * CONCLUSION.rhs}
    return (
        *(Control(name, "stronger", change={event: other}, measure=measured(other), witness=witness)
          for name, (other, witness) in changed.items()),
        Control("rate-in-the-square-of-the-depth", "stronger", change={L: L**2},
                witness=network(64, 8, Fraction(1, 4))),
        Control("mean-term-an-eighth-smaller", "stronger", change=nearer,
                witness=network(65536, 64, Fraction(-1, 2))),
        Control("rate-twice-as-large", "weaker", change=twice, witness=network(8, 32, 0)),
    )


THEOREM = Theorem(
    name="scaling-lognormal",
    title="The norm of a deep random residual network at exponent 1/2 is lognormal: with a rate",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(wide, deep),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    proof=PROOF,
    controls=_controls(),
    valid=anything,
    expect="supported",
)
