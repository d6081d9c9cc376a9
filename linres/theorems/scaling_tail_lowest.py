r"""How small the state of a random residual network with Gaussian layers ever is: a bound in probability, never void.

h_{k+1} = h_k + alpha V_{k+1} h_k, the layers independent of each other and of h_0, with independent entries N(0, 1/d).
For d >= 2, any depth L, any scale alpha and every 0 < rho <= 1

    P(min_{k<=L} |h_k| <= rho |h_0|) <= rho^(d-2):

with probability at least 1 - delta no state has |h_k|^2 < delta^(2/(d-2)) |h_0|^2, whatever the depth and the scale.

For x -> |x|^(2-d) is superharmonic, so that |h_k|^(2-d) is a nonnegative supermartingale. The bound is approached in
deep networks of small scale for long times, where |h| moves continuously and in the end to infinity: at d = 3,
rho = 1/2, L = 1024 and alpha^2 = 1/32 about .46 is drawn in place of .50. A bound smaller by a tenth is false, and so
is an exponent larger by 1/4. Void for d = 2 alone. It is loose for short times T = L alpha^2, where scaling-tail-below
says more.

`supported` at most: no minimum over layers is known to the core. The probability is drawn, with two numbers a layer
(`linres.gaussian_layers`); that of a single layer is worked out in a ball, and for alpha = 0, where all states are the
first one, it is 0, or 1 at rho = 1, and the bound attained.
"""

from dataclasses import replace
from fractions import Fraction

import sympy
from sympy import Eq, Ge, Gt, Integer, Le, Rational, Symbol, sqrt, symbols
from sympy.stats import Probability

from linres import tails
from linres.gaussian_layers import GaussianNetwork
from linres.tails import Tail
from linres.theorem import Certificate, Control, Prose, Step, Theorem, anything

a, L, rho, size, curvature = symbols("a L rho R K", real=True)
d = Symbol("d", integer=True)

with sympy.evaluate(False):
    wide, positive, deep, near, inside = Ge(d, 2), Ge(a, 0), Ge(L, 1), Gt(rho, 0), Le(rho, 1)
    event = Le(size, rho**2)
    CONCLUSION = Le(Probability(event), rho ** (d - 2))
    power = 2 - d
    PROOF = (
        Step("harmonic", Eq(power * (power - 1) + (d - 1) * power, 0), Certificate(),
             "The Laplacian of |x|^p is p (p - 1) + (d - 1) p times |x|^(p-2): here it vanishes."),
        Step("conclusion", CONCLUSION, Prose(
            "|x|^(2-d) is superharmonic, and V h_k has the same law in every direction: |h_k|^(2-d) is a nonnegative "
            "supermartingale, which ever reaches rho^(2-d) times its start with probability at most rho^(d-2) "
            "(Ville).")),
    )

SYMBOLS = {
    a: "square of the scale of the layers, alpha^2", d: "width", L: "number of layers: the depth",
    rho: "part of the norm that is left", size: "the least |h_k|^2/|h_0|^2 over k = 0, ..., L, random",
}


def measured(widths=0):
    """A measure of one row: the chance of the event in a network that is by so many wider than is claimed."""

    def measure(instance, arithmetic):
        network = instance.network
        values = {a: network.square, L: Fraction(network.depth), rho: instance.far}
        drawn = replace(network, width=network.width + widths)
        given = {name: arithmetic.number(number) for name, number in values.items()}
        return [given | {d: network.width} | tails.norm(event, values, drawn, "smallest")]

    return measure


measure = measured()


def tail(width, depth, square, far):
    """The instance; T is that of the network."""
    network = GaussianNetwork(width, depth, Fraction(square))
    return Tail(network, Fraction(far), network.time)


def instances():
    """Networks of depth up to 64 at several T, 0 among them, and parts of the norm with bounds down to .004."""
    from hypothesis import strategies as st

    @st.composite
    def drawn(draw):
        width, depth = draw(st.sampled_from([3, 4, 5, 8, 16])), draw(st.sampled_from([1, 2, 4, 16, 64]))
        time = Fraction(draw(st.sampled_from([1, 4, 16, 64, 0])), 4)
        wanted = draw(st.sampled_from([0.9, 0.7, 0.5, 0.25, 0.06, 0.01]))
        part = max(Fraction(round(64 * wanted ** (1 / (width - 2))), 64), Fraction(1, 64))
        return tail(width, depth, time / depth, part)

    return drawn()


DEEP = tail(3, 512, Fraction(1, 16), Fraction(1, 4))


def _controls():
    with sympy.evaluate(False):
        smaller = {CONCLUSION.rhs: Rational(9, 10) * rho ** (d - 2)}
        steeper = {CONCLUSION.rhs: rho ** (d - 2) * sqrt(sqrt(rho))}
        wider = {CONCLUSION.rhs: rho ** (d - Integer(1))}
        flatter = {CONCLUSION.rhs: 2 * rho ** (d - 2)}
    return (
        Control("a-tenth-smaller", "stronger", change=smaller,
                witness=tail(3, 512, Fraction(1, 256), Fraction(63, 64))),
        Control("exponent-larger-by-a-quarter", "stronger", change=steeper, witness=DEEP),
        Control("one-width-more", "stronger", change=wider, witness=DEEP),
        Control("states-one-narrower", "stronger", measure=measured(widths=-1),
                witness=tail(4, 512, Fraction(1, 16), Fraction(1, 2))),
        Control("twice-as-large", "weaker", change=flatter, witness=tail(5, 64, Fraction(1, 16), Fraction(1, 2))),
    )


THEOREM = Theorem(
    name="scaling-tail-lowest",
    title="How small the state of a random residual network with Gaussian layers ever is",
    provenance="linres",
    symbols=SYMBOLS,
    hypotheses=(wide, positive, deep, near, inside),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    proof=PROOF,
    controls=_controls(),
    valid=anything,
    expect="supported",
)
