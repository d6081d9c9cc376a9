r"""The fourth moment of the state of a random residual network with Gaussian layers: exactly.

h_{t+1} = h_t + alpha V_{t+1} h_t, the layers independent of each other and of h_0, with independent entries N(0, 1/d).
For every T >= 0

    E|h_T|^4 = (1 + 2 alpha^2 + 4 alpha^2/d + alpha^4 (1 + 2/d))^T E|h_0|^4.

Beside the square of the second moment (1 + alpha^2)^{2T}: the ratio grows like (1 + (4 alpha^2 + 2 alpha^4)/(d (1 +
alpha^2)^2))^T, so that norms spread with the depth, less so in wide networks: at alpha = T^{-1/2} towards e^{4/d}.

The space is that of random numbers with <X, Y> = E[X Y]. With s_t = |h_t|^2, a_t = <h_t, V_{t+1} h_t> and b_t =
|V_{t+1} h_t|^2 it is s_{t+1} = s_t + 2 alpha a_t + alpha^2 b_t, and given h_t the vector V h_t is Gaussian with
covariance |h_t|^2/d I: so (a_t, b_t) has the law of (s_t g/sqrt(d), s_t (g^2 + c)/d), g standard normal and c
chi-square with d - 1 degrees of freedom, independent of each other and of h_t. Five expectations follow, and no more is
used. The factors s_{t+1}/s_t are independent and of one law, so that norms can be drawn with two numbers a layer
(`linres.methods.propagation`). An equation: nothing in it can be improved.
"""

from fractions import Fraction

import sympy
from sympy import Eq, Ge, Gt, IndexedBase, Rational, Symbol, symbols

from linres import random_networks
from linres.certificate import Term
from linres.language import Inner, substitute
from linres.random_networks import GaussianNorms, Norms
from linres.theorem import Certificate, Control, Induction, Step, Theorem, anything

alpha, d = symbols("alpha d", real=True)
t, T = symbols("t T", integer=True)
s, a, b = (IndexedBase(Symbol(name, commutative=False)) for name in "sab")
after = t + 1

DEFINITIONS = {s[after]: s[t] + 2 * alpha * a[t] + alpha**2 * b[t]}

with sympy.evaluate(False):
    horizon, wide = Ge(T, 0), Gt(d, 0)
    fourth = Inner(s[t], s[t])
    along = Eq(d * Inner(a[t], a[t]), fourth)
    moved = Eq(d * Inner(b[t], b[t]), (d + 2) * fourth)
    kept = Eq(Inner(s[t], b[t]), fourth)
    even, odd = Eq(Inner(s[t], a[t]), 0), Eq(Inner(a[t], b[t]), 0)
    factor = 1 + 2 * alpha**2 + 4 * alpha**2 / d + alpha**4 * (1 + 2 / d)
    moment = Eq(fourth, factor**t * Inner(s[0], s[0]))
CONCLUSION = substitute(moment, {t: T})

PROOF = (
    Step("conclusion", CONCLUSION, Induction(
        invariants=(moment,),
        first=((Step("moment_0", substitute(moment, {t: sympy.Integer(0)}), Certificate()),),),
        advance=(
            Step("moment_next", substitute(moment, {t: after}), Certificate(
                Term(factor, moment), Term(4 * alpha, even), Term(2 * alpha**2, kept), Term(4 * alpha**2 / d, along),
                Term(4 * alpha**3, odd), Term(alpha**4 / d, moved))),
        )), "The square of a sum of three, by the five expectations."),
)

SYMBOLS = {
    alpha: "scale of the layers", d: "width", t: "number of layers so far", T: "number of layers: the depth",
    s: "|h|^2 of the state after so many layers, random", a: "<h, V h> for the next layer, random",
    b: "|V h|^2 for the next layer, random",
}


def measure(instance, arithmetic):
    """One row: the squared norms of a network (`linres.random_networks.GaussianNorms`), an entry for each outcome."""
    squares, along_state, lengths = instance.record(arithmetic)
    return [{
        alpha: arithmetic.number(instance.scale), d: arithmetic.number(instance.width), T: instance.depth,
        s: dict(enumerate(squares)), a: dict(enumerate(along_state)), b: dict(enumerate(lengths)),
    }]


def sample(generator, count):
    """Norms in bulk, in float64."""
    from linres.random_batches import norms

    return norms(generator, count, scale=alpha, width=d, depth=T, numbers=(s, a, b))


def _law(width, *pairs):
    """A layer from h with |h| = 1; pairs: equally likely (<h, V h>, |V h|^2)."""
    return Norms(width, tuple((Fraction(x), Fraction(y)) for x, y in pairs), Fraction(1), Fraction(1, 2), 1)


# Laws of a layer that are not Gaussian, on each of which one expectation alone is another. Those of width 1 are
# V = +-1 and V = -2, 0, 0, 0, 1, 1.
WITHOUT = {
    "variance-along-the-state": (along, _law(2, (0, 0), (0, 0), ("21/20", 2), ("-21/20", 2))),
    "fourth-moment": (moved, _law(1, (1, 1), (-1, 1))),
    "length": (kept, _law(2, (1, "8/5"), (-1, "8/5"), (0, "6/5"), (0, "6/5"))),
    "mean-zero": (even, _law(8, ("5/14", "3/2"), ("-1/14", "3/2"), ("-3/7", "1/2"), ("-3/7", "1/2"))),
    "skewness-zero": (odd, _law(1, *((v, v * v) for v in (-2, 0, 0, 0, 1, 1)))),
}


def _controls():
    network = GaussianNorms(2, Fraction(1), Fraction(1, 2), 1)
    with sympy.evaluate(False):
        changed = {
            "linear-part-5-percent-larger": {2 * alpha**2: Rational(21, 10) * alpha**2},
            "spread-5-percent-smaller": {4 * alpha**2 / d: Rational(19, 5) * alpha**2 / d},
            "kurtosis-5-percent-larger": {2 / d: Rational(21, 10) / d},
            "square-of-the-second-moment": {factor: (1 + alpha**2) ** 2},
            "one-layer-less": {factor**T: factor ** (T - 1)},
        }
    return (
        *(Control(name, "stronger", change=change, witness=network) for name, change in changed.items()),
        *(Control(f"without-{name}", "stronger", drop=(left,), witness=w) for name, (left, w) in WITHOUT.items()),
    )


THEOREM = Theorem(
    name="scaling-fourth-moment",
    title="The fourth moment of random residual networks with Gaussian layers",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, wide, along, moved, kept, even, odd),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=random_networks.gaussian_norms,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    valid=anything,
    expect="proved",
)
