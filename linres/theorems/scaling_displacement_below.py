r"""How far a random residual network with Gaussian layers is from its start at its end: at least so far, never void.

h_{k+1} = h_k + alpha V_{k+1} h_k for k < L, the layers independent of each other and of h_0, with independent entries
N(0, 1/d). With T = L alpha^2 and chi a chi-square variable with d - 2 degrees of freedom, for d >= 3, every
0 < rho <= 1 and every c > 0

    P(|h_L - h_0|^2/|h_0|^2 <= (T/d) rho^2 c) <= rho^(d-2) + P(chi <= c).

So with probability at least 1 - delta it is at least (T/d) (delta/2)^{2/(d-2)} x, with x the lower delta/2 quantile of
chi: about T, for wide networks and small T, and more than 0 for every delta.

For the states are those of a Brownian motion seen at random times: a layer lets it run for alpha^2 |h_k|^2/d. But for
the first event (scaling-tail-lowest) that is (T/d) rho^2 in all at least; and from then on it never comes nearer to its
start than the root of (T/d) rho^2 chi. How loose: for T -> 0 the state is the Brownian motion, d degrees of freedom
stand where the bound has d - 2, and rho is lost: with d = 64, L = 64, T = 1/64, rho = 15/16 and c = 62 the bound is .54
and .19 is drawn. For large T it is very loose in narrow networks. Void where the right side is 1 or more, which
is so for no delta < 1.

`supported` at most: no Brownian motion is known to the core, which checks how the two bounds are put together. The
probability is drawn, with three numbers a layer (`linres.gaussian_layers`); that of a single layer and that of chi are
worked out in balls.
"""

from dataclasses import replace
from fractions import Fraction
from math import sqrt

import sympy
from sympy import Ge, Gt, Le, Rational, Symbol, symbols
from sympy.stats import Probability

from linres import tails
from linres.certificate import Term
from linres.gaussian_layers import GaussianNetwork
from linres.language import substitute
from linres.tails import Displacement
from linres.theorem import Certificate, Control, Prose, Step, Theorem, anything

a, L, T, rho, c, far, chi = symbols("a L T rho c R chi", real=True)
d = Symbol("d", integer=True)
shorter, back, either, least, inside = symbols("p_1 p_2 p g o", real=True)

DEFINITIONS = {T: L * a}

with sympy.evaluate(False):
    wide, deep, positive, large = Ge(d, 3), Ge(L, 1), Gt(a, 0), Gt(c, 0)
    near, within = Gt(rho, 0), Le(rho, 1)
    event = Le(far, T / d * rho**2 * c)
    lowest, tail = rho ** (d - 2), Probability(Le(chi, c))
    CONCLUSION = Le(Probability(event), lowest + tail)
    ran, went, united = Le(shorter, least), Le(back, inside), Le(either, shorter + back)
    PROOF = (
        Step("shorter", ran, Prose("scaling-tail-lowest: it runs for (T/d) min |h_k|^2/|h_0|^2 at least."),
             "p_1: the probability that the Brownian motion runs shorter than (T/d) rho^2. g: rho^(d-2)."),
        Step("back", went, Prose(
            "After time t a Brownian motion comes as near to its start as the root of t chi, in law."),
            "p_2: the probability that it comes so near after (T/d) rho^2. o: the probability that chi <= c."),
        Step("either", united, Prose(
            "Where the last state is so near, the Brownian motion ran shorter or came so near after."),
            "p: the probability of the event."),
        Step("together", Le(either, least + inside), Certificate(Term(1, ran), Term(1, went), Term(1, united))),
        Step("conclusion", CONCLUSION, Prose("p, g and o are what the notes say.")),
    )

SYMBOLS = {
    a: "square of the scale of the layers, alpha^2", d: "width", L: "number of layers: the depth", T: "L alpha^2",
    rho: "part of the norm that is left", c: "how far out in the tail of chi",
    far: "|h_L - h_0|^2/|h_0|^2, random", chi: "a chi-square variable with d - 2 degrees of freedom",
    shorter: "in the proof only", back: "in the proof only", either: "in the proof only",
    least: "in the proof only", inside: "in the proof only",
}


def measured(claimed=event, variance=1):
    """A measure of one row: the chance of the event in a network whose entries have that variance, times the width."""

    def measure(instance, arithmetic):
        network = instance.network
        values = {a: network.square, L: Fraction(network.depth), rho: instance.far, c: instance.chi}
        drawn = replace(network, variance=Fraction(variance))
        given = {name: arithmetic.number(number) for name, number in values.items()}
        known = values | {T: network.time, d: Fraction(network.width)}
        below = 1 - tails.chi_square_above(network.width - 2, instance.chi)
        return [given | {d: network.width} | tails.displacement(claimed, known, drawn, drawn.displaced) | {tail: below}]

    return measure


measure = measured()


def instances():
    """Networks of depth up to 64 at several T, with rho^(d-2) from .8 to .01 and c with tails from .5 to .02."""
    from hypothesis import strategies as st

    @st.composite
    def drawn(draw):
        width, depth = draw(st.sampled_from([3, 4, 5, 8, 16, 64])), draw(st.sampled_from([1, 2, 4, 16, 64]))
        time = Fraction(draw(st.sampled_from([1, 4, 16, 64, 256])), 64)
        wanted, out = draw(st.sampled_from([0.8, 0.5, 0.1, 0.02])), draw(st.sampled_from([0, 0.5, 1, 1.5]))
        rho = max(Fraction(round(256 * wanted ** (1 / (width - 2))), 256), Fraction(1, 256))
        c = Fraction(round(16 * max(width - 2 - out * sqrt(2 * width - 4), 1 / 8)), 16)
        return Displacement(GaussianNetwork(width, depth, time / depth), rho, c)

    return drawn()


def shallow(width, part, chi, depth=64):
    """An instance with T = 2^-12, where the network all but walks as a Brownian motion."""
    return Displacement(GaussianNetwork(width, depth, Fraction(1, 4096 * depth)), Fraction(part), Fraction(chi))


def _controls():
    farther = substitute(event, {c: Rational(11, 10) * c})
    with sympy.evaluate(False):
        whole = Le(far, L * T / d * rho**2 * c)
        half, double = {CONCLUSION.rhs: tail / 2}, {CONCLUSION.rhs: 2 * lowest + tail}
    wide_one = shallow(258, Fraction(99, 100), 256)
    return (
        Control("10-percent-farther", "stronger", change={event: farther}, measure=measured(farther),
                witness=shallow(258, Fraction(99, 100), 256, 1)),
        Control("once-more-the-depth", "stronger", change={event: whole}, measure=measured(whole), witness=wide_one),
        Control("entries-of-variance-10-percent-smaller", "stronger", measure=measured(variance=Fraction(9, 10)),
                witness=wide_one),
        Control("half-of-the-tail-alone", "stronger", change=half, witness=wide_one),
        Control("twice-the-power", "weaker", change=double, witness=shallow(8, Fraction(3, 4), 4)),
    )


THEOREM = Theorem(
    name="scaling-displacement-below",
    title="How far a random residual network with Gaussian layers is from its start at its end",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(wide, deep, positive, near, within, large),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    proof=PROOF,
    controls=_controls(),
    uses=("scaling-tail-lowest",),
    valid=anything,
    expect="supported",
)
