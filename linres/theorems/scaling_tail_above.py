r"""How large the state of a random residual network with Gaussian layers ever is: a bound in probability.

h_{k+1} = h_k + alpha V_{k+1} h_k for k < L, the layers independent of each other and of h_0, with independent entries
N(0, 1/d). With T = L alpha^2, for d >= 1 and every s > 0 with s >= 2 - d/2

    P(max_{k<=L} |h_k|^2/|h_0|^2 >= exp((1 - 2/d) T + 4 s T/d)) <= exp(-2 s^2 T/d).

The right side is delta for s = sqrt(d log(1/delta)/(2 T)), so that with probability at least 1 - delta

    log(|h_k|^2/|h_0|^2) <= (1 - 2/d) T + sqrt(8 T log(1/delta)/d)    for all k <= L at once:

always for d >= 4, for d = 3 if log(1/delta) >= T/6, for d = 2 if log(1/delta) >= T, for d = 1 if log(1/delta) >= 9T/2.
For d = 2 it is false without that. At exponent 1/2, T = 1.

Chernoff's bound by E r^s <= exp(s alpha^2 (1 + 2(s-1)/d)), r = |h_{k+1}|^2/|h_k|^2, and Doob's for the maximum. How
loose: for small alpha log|h_L|^2 is nearly normal, and what is bounded by delta = exp(-x^2/2) is nearly the
probability Q(x) that a standard normal variable exceeds x; twice that for the maximum if d = 2, where log|h| does not
drift. At delta = .61, .14 and .011 that is .16, .023 and .0013. But far out the exponent is all that counts, and near 0
the factor 1 in front of it: 10 percent off, each is false. Nothing is void: the bound is below 1 for every s. For wide
networks and large alpha it is loose in another way, for the mean of log r is then nearer to log(1 + alpha^2) than to
alpha^2.

`supported` at most: no moment generating function, no maximum over layers and no exponential is known to the core,
which checks the algebra. The probability is drawn, with two numbers a layer (`linres.gaussian_layers`); that of a
single layer is worked out in a ball.
"""

from dataclasses import replace
from fractions import Fraction
from math import sqrt

import sympy
from sympy import Eq, Ge, Gt, Le, Rational, symbols
from sympy.stats import Probability

from linres import tails
from linres.certificate import Term
from linres.gaussian_layers import GaussianNetwork
from linres.language import substitute
from linres.tails import Tail
from linres.theorem import Certificate, Control, Prose, Step, Theorem, anything

a, d, L, T, s, size, m, M = symbols("a d L T s R m M", real=True)

DEFINITIONS = {T: L * a}

with sympy.evaluate(False):
    wide, deep, positive, far = Ge(d, 1), Ge(L, 1), Gt(a, 0), Gt(s, 0)
    concave = Ge(s, 2 - d / 2)
    level = (1 + (4 * s - 2) / d) * T
    event = Ge(size, sympy.exp(level))
    rate = 2 * s**2 * T / d
    CONCLUSION = Le(Probability(event), sympy.exp(-rate))
    growth = 1 + 2 * (s - 1) / d
    PROOF = (
        Step("width", Gt(d, 0), Certificate(Term(1, wide), Term(1))),
        Step("second", Le(1 + 2 * a + 4 * a / d + a**2 * (1 + 2 / d), (1 + a * (1 + 2 / d)) ** 2), Certificate(
            Term(2 * a**2 / d), Term(4 * a**2 / d**2)),
            "What comes next, at s = 2, beside the second moment of r as it is (scaling-fourth-moment)."),
        Step("moment", Le(m, sympy.exp(s * a * growth)), Prose(
            "By the heat equation E r^s grows with alpha^2 at the rate s (1 + 2(s-1)/d) E r^(s-1), and E r^(s-1) is at "
            "most (E r^s)^((s-1)/s) if s >= 1, at most 1 if 2 - d/2 <= s < 1."), "m = E r^s."),
        Step("moments", Le(M, sympy.exp(s * T * growth)), Prose(
            "The factors r of the layers are independent and of one law."), "M = E|h_L|^(2s)/|h_0|^(2s)."),
        Step("exponent", Eq(s * T * growth - s * level, -rate), Certificate(), "The exponents, put together."),
        Step("conclusion", CONCLUSION, Prose(
            "Doob's inequality for |h_k|^(2s), a submartingale as 2 s + d >= 2: at most M exp(-s level).")),
    )

SYMBOLS = {
    a: "square of the scale of the layers, alpha^2", d: "width", L: "number of layers: the depth", T: "L alpha^2",
    s: "how far out in the tail", size: "the largest |h_k|^2/|h_0|^2 over k = 0, ..., L, random",
    m: "E r^s, r = |h_{k+1}|^2/|h_k|^2; in the proof only", M: "E|h_L|^(2s)/|h_0|^(2s); in the proof only",
}


def measured(claimed=event, variance=1):
    """A measure of one row: the chance of the event in a network whose entries have that variance, times the width."""

    def measure(instance, arithmetic):
        network = instance.network
        values = {a: network.square, d: Fraction(network.width), L: Fraction(network.depth), s: instance.far}
        drawn = replace(network, variance=Fraction(variance))
        given = {name: arithmetic.number(number) for name, number in values.items()}
        return [given | tails.norm(claimed, values | {T: network.time}, drawn, "largest")]

    return measure


measure = measured()


def instances():
    """Networks of depth up to 64 at several T, and tails with bounds from .9 to .006, or far ones if s must be."""
    from hypothesis import strategies as st

    @st.composite
    def drawn(draw):
        width, depth = draw(st.sampled_from([1, 2, 3, 4, 5, 8, 16, 64])), draw(st.sampled_from([1, 2, 4, 16, 64]))
        time = min(Fraction(draw(st.sampled_from([1, 2, 4, 8, 16])), 4), Fraction(width**2))  # else out of reach
        wanted = draw(st.sampled_from([0.125, 0.5, 1, 2, 3, 5]))
        s = max(Fraction(round(8 * sqrt(wanted * width / (2 * time))), 8), 2 - Fraction(width, 2), Fraction(1, 8))
        return Tail(GaussianNetwork(width, depth, time / depth), s, time)

    return drawn()


def tail(width, depth, square, far):
    """The instance; T is that of the network."""
    network = GaussianNetwork(width, depth, Fraction(square))
    return Tail(network, Fraction(far), network.time)


def _controls():
    def claimed(old, new):
        return substitute(event, {old: new})

    with sympy.evaluate(False):
        nearer = claimed(4 * s, Rational(18, 5) * s)
        slower = claimed(level, (Rational(9, 10) * (1 - 2 / d) + 4 * s / d) * T)
        steeper, flatter = ({CONCLUSION.rhs: sympy.exp(-k * s**2 * T / d)} for k in (Rational(11, 5), 1))
        less = {CONCLUSION.rhs: Rational(9, 10) * sympy.exp(-rate)}
    wide_one = tail(1024, 64, Fraction(1, 16), 8)
    return (
        Control("deviation-10-percent-smaller", "stronger", change={event: nearer}, measure=measured(nearer),
                witness=tail(64, 1, Fraction(1, 1024), 896)),
        Control("rate-10-percent-larger", "stronger", change=steeper,
                witness=tail(2, 1, Fraction(1, 2**18), 4096)),
        Control("bound-10-percent-smaller", "stronger", change=less, witness=tail(2, 1024, Fraction(1, 2**21), 1)),
        Control("drift-10-percent-smaller", "stronger", change={event: slower}, measure=measured(slower),
                witness=wide_one),
        Control("entries-of-variance-10-percent-larger", "stronger", measure=measured(variance=Fraction(11, 10)),
                witness=wide_one),
        Control("s-below-its-least", "stronger", drop=(concave,), witness=tail(2, 256, 1, Fraction(1, 20))),
        Control("rate-half-as-large", "weaker", change=flatter, witness=tail(8, 64, Fraction(1, 64), 2)),
    )


THEOREM = Theorem(
    name="scaling-tail-above",
    title="How large the state of a random residual network with Gaussian layers ever is",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(wide, deep, positive, far, concave),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    proof=PROOF,
    controls=_controls(),
    valid=anything,
    expect="supported",
)
