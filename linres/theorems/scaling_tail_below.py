r"""How small the state of a random residual network with Gaussian layers is at its end: a bound in probability.

h_{k+1} = h_k + alpha V_{k+1} h_k for k < L, the layers independent of each other and of h_0, with independent entries
N(0, 1/d). With Lambda = L log(1 + alpha^2), for d >= 3, every 0 < s <= (d - 2)/2 and every 0 < lambda <= Lambda

    P(|h_L|^2/|h_0|^2 <= exp((1 - 2/d) lambda - 4 s lambda/d)) <= exp(-2 s^2 lambda/d).

The right side is delta for s = sqrt(d log(1/delta)/(2 lambda)), so that with probability at least 1 - delta

    log(|h_L|^2/|h_0|^2) >= (1 - 2/d) Lambda - sqrt(8 Lambda log(1/delta)/d)   if log(1/delta) <= (d - 2)^2 Lambda/(2d).

Stated for lambda <= Lambda, so that instances are rational: it follows from lambda = Lambda, with another s for the
same right side. With T = L alpha^2 in place of Lambda it is false.

Chernoff's bound by E r^(-s) <= (1 + alpha^2)^(-s (1 - 2(s+1)/d)), r = |h_{k+1}|^2/|h_k|^2. How loose: for small alpha
log|h_L|^2 is nearly normal, and what is bounded by delta = exp(-x^2/2) is nearly the probability Q(x) that a standard
normal variable exceeds x: at delta = .61, .14 and .011 that is .16, .023 and .0013. But far out the exponent is all
that counts: a rate or a deviation 10 percent off is false. Void where log(1/delta) is larger than that: there
scaling-tail-lowest says more.

`supported` at most: no moment generating function and no logarithm is known to the core, which checks the algebra. The
probability is drawn, with two numbers a layer (`linres.gaussian_layers`); that of a single layer is worked out in a
ball.
"""

from dataclasses import replace
from fractions import Fraction
from math import log1p, sqrt

import sympy
from sympy import Eq, Ge, Gt, Le, Rational, symbols
from sympy.stats import Probability

from linres import tails
from linres.certificate import Term
from linres.gaussian_layers import GaussianNetwork
from linres.language import substitute
from linres.tails import Tail
from linres.theorem import Certificate, Control, Prose, Step, Theorem, anything

a, d, L, lam, s, size, m, M = symbols("a d L lambda s R m M", real=True)

with sympy.evaluate(False):
    wide, deep, positive, far, ends = Ge(d, 3), Ge(L, 1), Gt(a, 0), Gt(s, 0), Le(s, (d - 2) / 2)
    some, short = Gt(lam, 0), Le(lam, L * sympy.log(1 + a))
    level = (1 - (4 * s + 2) / d) * lam
    event = Le(size, sympy.exp(level))
    rate = 2 * s**2 * lam / d
    CONCLUSION = Le(Probability(event), sympy.exp(-rate))
    growth = 1 - 2 * (s + 1) / d
    PROOF = (
        Step("width", Gt(d, 0), Certificate(Term(1, wide), Term(3))),
        Step("growth", Ge(growth, 0), Certificate(Term(2 / d, ends)), "By how much s is limited."),
        Step("moment", Le(m, sympy.exp(-s * sympy.log(1 + a) * growth)), Prose(
            "By the heat equation E r^(-s) falls with alpha^2 at the rate s (1 - 2(s+1)/d) E r^(-s-1), and E r^(-s-1) "
            "E r >= E r^(-s), as one factor falls with r and the other grows; E r = 1 + alpha^2."), "m = E r^(-s)."),
        Step("moments", Le(M, sympy.exp(-s * lam * growth)), Prose(
            "The factors r of the layers are independent and of one law; lambda <= L log(1 + alpha^2), growth >= 0."),
            "M = E|h_L|^(-2s) |h_0|^(2s)."),
        Step("exponent", Eq(s * level - s * lam * growth, -rate), Certificate(), "The exponents, put together."),
        Step("conclusion", CONCLUSION, Prose(
            "Markov's inequality for |h_L|^(-2s): at most M exp(s level).")),
    )

SYMBOLS = {
    a: "square of the scale of the layers, alpha^2", d: "width", L: "number of layers: the depth",
    lam: "at most L log(1 + alpha^2)", s: "how far out in the tail", size: "|h_L|^2/|h_0|^2, random",
    m: "E r^(-s), r = |h_{k+1}|^2/|h_k|^2; in the proof only", M: "E|h_L|^(-2s) |h_0|^(2s); in the proof only",
}


def measured(claimed=event, variance=1):
    """A measure of one row: the chance of the event in a network whose entries have that variance, times the width."""

    def measure(instance, arithmetic):
        network = instance.network
        values = {
            a: network.square, d: Fraction(network.width), L: Fraction(network.depth), s: instance.far,
            lam: instance.time,
        }
        drawn = replace(network, variance=Fraction(variance))
        given = {name: arithmetic.number(number) for name, number in values.items()}
        return [given | tails.norm(claimed, values, drawn, "last")]

    return measure


measure = measured()


def below(number: float) -> Fraction:
    """The largest rational with denominator 2^12 below the number, which may be off by rounding."""
    return Fraction(int(number * 4096 * (1 - 1e-12)), 4096)


def tail(width, depth, square, far):
    """The instance with lambda just below L log(1 + alpha^2)."""
    network = GaussianNetwork(width, depth, Fraction(square))
    return Tail(network, Fraction(far), below(depth * log1p(square)))


def instances():
    """Networks of depth up to 64 at several T, and tails with bounds from .9 to .006, or nearer ones if s must be."""
    from hypothesis import strategies as st

    @st.composite
    def drawn(draw):
        width, depth = draw(st.sampled_from([3, 4, 5, 8, 16, 64])), draw(st.sampled_from([1, 2, 4, 16, 64]))
        time = Fraction(draw(st.sampled_from([1, 2, 4, 8, 16, 64])), 4)
        wanted = draw(st.sampled_from([0.125, 0.5, 1, 2, 3, 5]))
        s = max(Fraction(round(8 * sqrt(wanted * width / (2 * time))), 8), Fraction(1, 8))
        return tail(width, depth, time / depth, min(s, Fraction(width - 2, 2)))

    return drawn()


def _controls():
    def claimed(old, new):
        return substitute(event, {old: new})

    with sympy.evaluate(False):
        nearer = claimed(4 * s, Rational(18, 5) * s)
        faster = claimed(level, (Rational(11, 10) * (1 - 2 / d) - 4 * s / d) * lam)
        steeper, flatter = ({CONCLUSION.rhs: sympy.exp(-k * s**2 * lam / d)} for k in (Rational(11, 5), 1))
    by_time = Tail(GaussianNetwork(64, 16, Fraction(1)), Fraction(1), Fraction(16))
    single, wide_one = tail(4096, 1, Fraction(1, 16), 1280), tail(1024, 64, Fraction(1, 16), 8)
    return (
        Control("deviation-10-percent-smaller", "stronger", change={event: nearer}, measure=measured(nearer),
                witness=single),
        Control("rate-10-percent-larger", "stronger", change=steeper, witness=single),
        Control("drift-10-percent-larger", "stronger", change={event: faster}, measure=measured(faster),
                witness=wide_one),
        Control("time-in-place-of-its-logarithm", "stronger", drop=(short,), witness=by_time),
        Control("entries-of-variance-10-percent-smaller", "stronger", measure=measured(variance=Fraction(9, 10)),
                witness=wide_one),
        Control("s-beyond-its-largest", "stronger", drop=(ends,), witness=tail(3, 1, 1, 10)),
        Control("rate-half-as-large", "weaker", change=flatter, witness=tail(8, 64, Fraction(1, 64), 2)),
    )


THEOREM = Theorem(
    name="scaling-tail-below",
    title="How small the state of a random residual network with Gaussian layers is at its end",
    provenance="linres",
    symbols=SYMBOLS,
    hypotheses=(wide, deep, positive, far, ends, some, short),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    proof=PROOF,
    controls=_controls(),
    valid=anything,
    expect="supported",
)
