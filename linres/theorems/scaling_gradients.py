r"""What the scale of random layers does to gradients, in the mean: exactly what it does to states.

The gradient p goes back through h_{k+1} = h_k + alpha V_{k+1} h_k, k < T: p_0 is the gradient in h_T, and
p_{t+1} = p_t + alpha V_{T-t}^T p_t, so that p_T is the gradient in h_0. The layers are independent of each other and,
what matters, of p_0; their entries have mean 0, are uncorrelated and of variance 1/d. For every T >= 0

    E|p_T|^2 = (1 + alpha^2)^T E|p_0|^2.

Of the layers only two things are used, with m_t = V_{T-t}^T p_t: E|m_t|^2 = E|p_t|^2 and E<p_t, m_t> = 0. For
independent layers of that law both hold, since E[V V^T] = I and E[V] = 0. Where p_0 depends on the layers, the second
may fail: the gradient of |h_T|^2/2 comes in as p_0 = h_T, and with d = 1, Gaussian layers and alpha = 1/10 it is at
T = 100 in the mean square 129 times as large as p_0, and not 2.70 times.

More is true: where transposed layers have the law of layers, as for independent entries of one law, all gradients
together have the law of the states of a network that starts at p_0. An equation: nothing in it can be improved.
"""

from fractions import Fraction

import sympy
from sympy import Eq, Ge, IndexedBase, Rational, Symbol, symbols

from linres import random_networks
from linres.certificate import Term
from linres.language import Inner, substitute
from linres.methods import propagation
from linres.random_networks import Backwards, DependentLayers, Layers
from linres.theorem import Certificate, Control, Induction, Step, Theorem, anything

alpha = Symbol("alpha", real=True)
t, T = symbols("t T", integer=True)
p, m = (IndexedBase(Symbol(name, commutative=False)) for name in "pm")
after = t + 1

# One layer, passed by the very code that runs on numbers: m_t is what the transposed layer makes of p_t.
DEFINITIONS = {p[after]: propagation.step(p[t], lambda _: m[t], scale=alpha)}


def square(vector):
    return Inner(vector, vector)


with sympy.evaluate(False):
    horizon = Ge(T, 0)
    kept, across = Eq(square(m[t]), square(p[t])), Eq(Inner(p[t], m[t]), 0)
    growth = 1 + alpha**2
    moment = Eq(square(p[t]), growth**t * square(p[0]))
CONCLUSION = substitute(moment, {t: T})

PROOF = (
    Step("conclusion", CONCLUSION, Induction(
        invariants=(moment,),
        first=((Step("moment_0", substitute(moment, {t: sympy.Integer(0)}), Certificate()),),),
        advance=(
            Step("moment_next", substitute(moment, {t: after}), Certificate(
                Term(growth, moment), Term(2 * alpha, across), Term(alpha**2, kept))),
        )), "What a layer adds is orthogonal to the gradient, and alpha times as long."),
)

SYMBOLS = {
    alpha: "scale of the layers", t: "number of layers gone back through so far", T: "number of layers: the depth",
    p: "gradient after it has gone back through so many layers, random",
    m: "what the next layer, transposed, makes of it, random: V^T p",
}


def _row(made, scale, depth, arithmetic):
    return [{
        alpha: arithmetic.number(scale), T: depth, p: dict(enumerate(made.states)), m: dict(enumerate(made.moved)),
    }]


def measure(instance, arithmetic):
    """One row: the gradients of a `Backwards`, a column for each output and outcome of the layers."""
    return _row(instance.record(arithmetic), instance.network.scale, instance.depth, arithmetic)


def measure_own(instance, arithmetic):
    """The same of the gradient of |h_T|^2/2, which depends on the layers."""
    network = instance.network
    made = random_networks.gradient_of_half_the_square(network, arithmetic)
    return _row(made, network.scale, network.depth, arithmetic)


def measure_ahead(instance, arithmetic):
    """The states of the network in place of its gradients."""
    network = instance.network
    return _row(network.record(arithmetic), network.scale, network.depth, arithmetic)


def sample(generator, count):
    """Gradients in bulk, in float64."""
    from linres.random_batches import gradients

    return gradients(generator, count, scale=alpha, depth=T, gradient=p, moved=m)


def _numbers(*outcomes, scale=Fraction(1, 2)):
    """Layers of width 1, and p_0 = 1."""
    tables = tuple(tuple(((Fraction(v),),) for v in layers) for layers in outcomes)
    return Backwards(DependentLayers(tables, (Fraction(1),), scale), ((Fraction(1),),))


WIDER = _numbers((Fraction(21, 20),), (Fraction(-21, 20),))
OWN = Backwards(Layers("gaussian", (Fraction(1),), Fraction(1, 10), 2), ((Fraction(1),),))


def _controls():
    network = Backwards(
        Layers("plane", (Fraction(1), Fraction(-2)), Fraction(1, 2), 2),
        ((Fraction(1), Fraction(2)), (Fraction(0), Fraction(3))),
    )
    with sympy.evaluate(False):
        changed = {
            "growth-5-percent-larger": {alpha**2: Rational(21, 20) * alpha**2},
            "growth-5-percent-smaller": {alpha**2: Rational(19, 20) * alpha**2},
            "scale-in-place-of-its-square": {alpha**2: alpha},
            "one-layer-less": {growth**T: growth ** (T - 1)},
        }
    return (
        *(Control(name, "stronger", change=change, witness=network) for name, change in changed.items()),
        Control("without-unit-variance", "stronger", drop=(kept,), witness=WIDER),
        Control("gradient-that-knows-the-layers", "stronger", drop=(kept, across), measure=measure_own, witness=OWN),
        Control("layers-that-know-each-other", "stronger", drop=(across,),
                witness=_numbers((Fraction(5, 7), 1), (-5, -1), scale=Fraction(3, 4))),
        Control("states-go-ahead-by-the-same-law", "weaker", measure=measure_ahead, witness=network),
    )


THEOREM = Theorem(
    name="scaling-gradients",
    title="What the scale of random layers does to gradients, in the mean",
    provenance="seed",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, kept, across),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=random_networks.backward_networks,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    valid=anything,
    expect="proved",
)
