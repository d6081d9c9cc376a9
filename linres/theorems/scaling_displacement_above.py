r"""How far a random residual network with Gaussian layers ever is from its start: a bound in probability.

h_{k+1} = h_k + alpha V_{k+1} h_k for k < L, the layers independent of each other and of h_0, with independent entries
N(0, 1/d). With T = L alpha^2 and chi a chi-square variable with d degrees of freedom, for d >= 2, every s > 0 with
s >= 2 - d/2 and every c > 0

    P(max_{k<=L} |h_k - h_0|^2/|h_0|^2 >= (T/d) A c) <= exp(-2 s^2 T/d) + 2 P(chi >= c),   A = exp((1 + (4 s - 2)/d) T).

So with probability at least 1 - delta the largest |h_k - h_0|^2/|h_0|^2 is at most (T/d) A x, with A the bound of
scaling-tail-above at delta/2 and x the upper delta/4 quantile of chi: about T, for wide networks and small T, where
scaling-tail-mean has (exp(T) - 1)/delta.

For the states are those of a Brownian motion seen at random times: a layer lets it run for alpha^2 |h_k|^2/d. But for
the first event that is (T/d) A in all; and by then it was beyond a distance with twice the probability of being there
at the end, at most (Levy). How loose: for T -> 0 the state is the Brownian motion and A = 1. With d = 64, L = 64,
T = 1/64, s = 128 and c = 75 the bound is .33, and .044 is drawn. For large T the bound is that on |h_k|^2, times
(T/d) c, which is far too much. Void where the right side is 1 or more.

`supported` at most: no Brownian motion is known to the core, which checks how the two bounds are put together. The
probability is drawn, with three numbers a layer (`linres.gaussian_layers`); that of a single layer and that of chi are
worked out in balls.
"""

from dataclasses import replace
from fractions import Fraction
from math import sqrt

import sympy
from sympy import Ge, Gt, Le, Rational, symbols
from sympy.stats import Probability

from linres import tails
from linres.certificate import Term
from linres.gaussian_layers import GaussianNetwork
from linres.language import substitute
from linres.tails import Displacement
from linres.theorem import Certificate, Control, Prose, Step, Theorem, anything

a, d, L, T, s, c, far, chi = symbols("a d L T s c R chi", real=True)
longer, beyond, either, most, outside = symbols("p_1 p_2 p g o", real=True)

DEFINITIONS = {T: L * a}

with sympy.evaluate(False):
    wide, deep, positive, some = Ge(d, 2), Ge(L, 1), Gt(a, 0), Gt(s, 0)
    concave, large = Ge(s, 2 - d / 2), Gt(c, 0)
    growth = sympy.exp((1 + (4 * s - 2) / d) * T)
    event = Ge(far, T / d * growth * c)
    grown, tail = sympy.exp(-2 * s**2 * T / d), Probability(Ge(chi, c))
    CONCLUSION = Le(Probability(event), grown + 2 * tail)
    ran, went, united = Le(longer, most), Le(beyond, 2 * outside), Le(either, longer + beyond)
    PROOF = (
        Step("longer", ran, Prose("scaling-tail-above: it runs for (T/d) max |h_k|^2/|h_0|^2 at most."),
             "p_1: the probability that the Brownian motion runs longer than (T/d) A. g: the exponential."),
        Step("beyond", went, Prose(
            "Levy's inequality, as the increments are symmetric; at time (T/d) A the square is (T/d) A chi."),
            "p_2: the probability that it goes so far within (T/d) A. o: the probability that chi >= c."),
        Step("either", united, Prose(
            "Where a state is so far, the Brownian motion ran longer or was so far before."),
            "p: the probability of the event."),
        Step("together", Le(either, most + 2 * outside), Certificate(Term(1, ran), Term(1, went), Term(1, united))),
        Step("conclusion", CONCLUSION, Prose("p, g and o are what the notes say.")),
    )

SYMBOLS = {
    a: "square of the scale of the layers, alpha^2", d: "width", L: "number of layers: the depth", T: "L alpha^2",
    s: "how far out in the tail of the norms", c: "how far out in that of chi",
    far: "the largest |h_k - h_0|^2/|h_0|^2, random", chi: "a chi-square variable with d degrees of freedom",
    longer: "in the proof only", beyond: "in the proof only", either: "in the proof only",
    most: "in the proof only", outside: "in the proof only",
}


def measured(claimed=event, variance=1):
    """A measure of one row: the chance of the event in a network whose entries have that variance, times the width."""

    def measure(instance, arithmetic):
        network = instance.network
        values = {
            a: network.square, d: Fraction(network.width), L: Fraction(network.depth), s: instance.far, c: instance.chi,
        }
        drawn = replace(network, variance=Fraction(variance))
        given = {name: arithmetic.number(number) for name, number in values.items()}
        chance = tails.displacement(claimed, values | {T: network.time}, drawn, drawn.farthest)
        return [given | chance | {tail: tails.chi_square_above(network.width, instance.chi)}]

    return measure


measure = measured()


def instances():
    """Networks of depth up to 64 at several T, exp(-2 s^2 T/d) from .6 to .02 and tails of chi from .4 to .02."""
    from hypothesis import strategies as st

    @st.composite
    def drawn(draw):
        width, depth = draw(st.sampled_from([2, 3, 4, 8, 16, 64])), draw(st.sampled_from([1, 2, 4, 16, 64]))
        time = Fraction(draw(st.sampled_from([1, 4, 16, 64, 128])), 64)
        wanted, out = draw(st.sampled_from([0.5, 1, 2, 4])), draw(st.sampled_from([0.25, 1, 1.5, 2]))
        s = max(Fraction(round(8 * sqrt(wanted * width / (2 * time))), 8), 2 - Fraction(width, 2), Fraction(1, 8))
        c = Fraction(round(width + out * sqrt(2 * width)))
        return Displacement(GaussianNetwork(width, depth, time / depth), s, c)

    return drawn()


def shallow(width, s, chi, depth=64):
    """An instance with T = 2^-12, where the network all but walks as a Brownian motion."""
    return Displacement(GaussianNetwork(width, depth, Fraction(1, 4096 * depth)), Fraction(s), Fraction(chi))


def _controls():
    nearer = substitute(event, {c: Rational(9, 10) * c})
    with sympy.evaluate(False):
        once, double = {CONCLUSION.rhs: grown + tail}, {CONCLUSION.rhs: 2 * grown + 2 * tail}
        fixed = Ge(far, T / d * c)
    late = Displacement(GaussianNetwork(8, 64, Fraction(1, 32)), Fraction(2), Fraction(20))
    return (
        Control("10-percent-nearer", "stronger", change={event: nearer}, measure=measured(nearer),
                witness=shallow(256, 1500, 290, 1)),
        Control("without-the-factor-of-the-maximum", "stronger", change=once, witness=shallow(2, 500, 2, 256)),
        Control("without-the-growth-of-the-norms", "stronger", change={event: fixed}, measure=measured(fixed),
                witness=late),
        Control("entries-of-variance-10-percent-larger", "stronger", measure=measured(variance=Fraction(11, 10)),
                witness=shallow(256, 1500, 290)),
        Control("twice-the-exponential", "weaker", change=double, witness=shallow(8, 200, 12)),
    )


THEOREM = Theorem(
    name="scaling-displacement-above",
    title="How far a random residual network with Gaussian layers ever is from its start",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(wide, deep, positive, some, concave, large),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    proof=PROOF,
    controls=_controls(),
    uses=("scaling-tail-above",),
    valid=anything,
    expect="supported",
)
