r"""What the scale of random layers does to a residual network, in the mean: exactly.

h_{t+1} = h_t + alpha V_{t+1} h_t from any h_0, the layers V_1, V_2, ... independent of each other and of h_0, with
entries of mean 0, uncorrelated and of variance 1/d. For every T >= 0

    E|h_T|^2 = (1 + alpha^2)^T E|h_0|^2,     E|h_T - h_0|^2 = ((1 + alpha^2)^T - 1) E|h_0|^2.

With alpha = L^{-b} at depth T = L: as L grows the factor (1 + L^{-2b})^L tends to 1 if b > 1/2, the network to the
identity; to e if b = 1/2; and its logarithm grows like L^{1-2b} if 0 < b < 1/2. That is the mean; what is typical may
differ.

The inner product of random vectors is <X, Y> = E[X^T Y] here. Of the layers only three things are used, with
n_t = V_{t+1} h_t: E|n_t|^2 = E|h_t|^2, E<h_t, n_t> = 0 and E<h_0, n_t> = 0. For independent layers of that law all
three hold, since E[V^T V] = I and E[V] = 0. The gradient that goes back through the transposed layers obeys the same
law if it comes in independent of them. An equation: nothing in it can be improved.
"""

from fractions import Fraction

import sympy
from sympy import Eq, Ge, IndexedBase, Rational, Symbol, symbols

from linres import random_networks
from linres.certificate import Term
from linres.language import Inner, substitute
from linres.methods import propagation
from linres.random_networks import DependentLayers, Layers
from linres.theorem import Certificate, Control, Induction, Step, Theorem, anything

alpha = Symbol("alpha", real=True)
t, T = symbols("t T", integer=True)
h, n = (IndexedBase(Symbol(name, commutative=False)) for name in "hn")
after = t + 1

# One layer, run by the very code that runs on numbers: n_t is what the layer makes of h_t.
DEFINITIONS = {h[after]: propagation.step(h[t], lambda _: n[t], scale=alpha)}


def square(vector):
    return Inner(vector, vector)


with sympy.evaluate(False):
    horizon = Ge(T, 0)
    kept = Eq(square(n[t]), square(h[t]))
    across, from_start = Eq(Inner(h[t], n[t]), 0), Eq(Inner(h[0], n[t]), 0)
    growth = 1 + alpha**2
    moment = Eq(square(h[t]), growth**t * square(h[0]))
    along = Eq(Inner(h[0], h[t]), square(h[0]))
    displaced = Eq(square(h[t] - h[0]), (growth**t - 1) * square(h[0]))
CONCLUSION = substitute(displaced, {t: T})
START = {t: sympy.Integer(0)}

PROOF = (
    Step("conclusion", CONCLUSION, Induction(
        invariants=(displaced, along),
        first=((
            Step("displaced_0", substitute(displaced, START), Certificate()),
            Step("along_0", substitute(along, START), Certificate()),
        ),),
        advance=(
            Step("moment", moment, Certificate(Term(1, displaced), Term(2, along)), "The first of the two equations."),
            Step("displaced_next", substitute(displaced, {t: after}), Certificate(
                Term(1, displaced), Term(2 * alpha, across), Term(-2 * alpha, from_start), Term(alpha**2, kept),
                Term(alpha**2, moment))),
            Step("along_next", substitute(along, {t: after}), Certificate(Term(1, along), Term(alpha, from_start))),
        )), "What a layer adds is orthogonal to all before, and alpha times as long."),
)

SYMBOLS = {
    alpha: "scale of the layers", t: "number of layers so far", T: "number of layers: the depth",
    h: "state after so many layers, random", n: "what the next layer makes of it, random: V h",
}


def measure(instance, arithmetic):
    """One row: the states of a network of `linres.random_networks`, a column for each outcome."""
    made = instance.record(arithmetic)
    return [{
        alpha: arithmetic.number(instance.scale), T: instance.depth,
        h: dict(enumerate(made.states)), n: dict(enumerate(made.moved)),
    }]


def sample(generator, count):
    """Networks in bulk, in float64."""
    from linres.random_batches import states

    return states(generator, count, scale=alpha, depth=T, state=h, moved=n)


def measure_back(instance, arithmetic):
    """The same of a gradient that comes in independent of the layers and goes back through them, transposed."""
    transposed = tuple(
        tuple(tuple(zip(*layer, strict=True)) for layer in reversed(layers)) for layers in instance.outcomes
    )
    return measure(DependentLayers(transposed, instance.start, instance.scale), arithmetic)


def _numbers(*outcomes, scale=Fraction(1, 2)):
    """Layers of width 1 after h_0 = 1."""
    tables = tuple(tuple(((Fraction(v),),) for v in layers) for layers in outcomes)
    return DependentLayers(tables, (Fraction(1),), scale)


# Two outcomes each, on which one hypothesis alone fails.
WIDER = _numbers((Fraction(21, 20),), (Fraction(-21, 20),))
TOWARDS_THE_STATE = _numbers((1, Fraction(5, 7)), (-1, -5), scale=Fraction(3, 4))
TOWARDS_THE_START = _numbers((1, Fraction(1, 3)), (-1, -3))


def _controls():
    network = Layers("plane", (Fraction(1), Fraction(-2)), Fraction(1, 2), 2)
    with sympy.evaluate(False):
        changed = {
            "growth-5-percent-larger": {alpha**2: Rational(21, 20) * alpha**2},
            "growth-5-percent-smaller": {alpha**2: Rational(19, 20) * alpha**2},
            "scale-in-place-of-its-square": {alpha**2: alpha},
            "one-layer-less": {growth**T: growth ** (T - 1)},
            "norm-in-place-of-displacement": {growth**T - 1: growth**T},
        }
    dropped = {
        "without-unit-variance": (kept, WIDER), "without-independence": (across, TOWARDS_THE_STATE),
        "without-mean-zero": (from_start, TOWARDS_THE_START),
    }
    return (
        *(Control(name, "stronger", change=change, witness=network) for name, change in changed.items()),
        *(Control(name, "stronger", drop=(left,), witness=w) for name, (left, w) in dropped.items()),
        Control("gradients-go-back-by-the-same-law", "weaker", measure=measure_back, witness=network),
    )


THEOREM = Theorem(
    name="scaling-second-moment",
    title="What the scale of random layers does, in the mean",
    provenance="seed",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, kept, across, from_start),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=random_networks.networks,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    valid=anything,
    expect="proved",
)
