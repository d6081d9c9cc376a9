r"""How far a random residual network ever is from its start: a bound in probability, from second moments alone.

h_{t+1} = h_t + alpha V_{t+1} h_t from any h_0, the layers V_1, V_2, ... independent of each other and of h_0, with
entries of mean 0, uncorrelated and of variance 1/d. For every depth T >= 0 and every b > 0

    b P(max_{t<=T} |h_t - h_0|^2 >= b) <= ((1 + alpha^2)^T - 1) E|h_0|^2,

so that with probability at least 1 - delta no state is farther from a fixed h_0 than ((1 + alpha^2)^T - 1)/delta times
|h_0|^2. It is Doob's inequality, proved here by stopping: s_t is h_t as long as |h_t - h_0|^2 < b, and stays where it
is from then on. The random vector s_T - h_0 is split into what it is where the network has stopped, r_T, and the rest.

The inner product of random vectors is <X, Y> = E[X^T Y]; u_T is a fixed unit vector where the network has stopped by T
and 0 elsewhere, so that <u_T, u_T> is the probability. The move m_t = V_{t+1} s_t where the network still moves, else
0. Used are E|m_t|^2 <= E|s_t|^2, E<s_t, m_t> = 0 and E<h_0, m_t> = 0, for V_{t+1} is independent of s_t and of whether
the network has stopped by t; and, about r_T and u_T, what they are made for. Attained by a single layer of random
signs. For Gaussian layers and small delta the bound is very loose: see scaling-tail-above.
"""

from dataclasses import replace
from fractions import Fraction

import sympy
from sympy import Eq, Ge, IndexedBase, Le, Rational, Symbol, symbols

from linres import random_networks
from linres.certificate import Term
from linres.language import Inner, substitute
from linres.methods import propagation
from linres.random_networks import DependentLayers, Layers, Stopped
from linres.theorem import Certificate, Control, Induction, Step, Theorem, anything

alpha, b = symbols("alpha b", real=True)
t, T = symbols("t T", integer=True)
s, m, r, u = (IndexedBase(Symbol(name, commutative=False)) for name in "smru")
after = t + 1

# One layer, run by the very code that runs on numbers.
DEFINITIONS = {s[after]: propagation.step(s[t], lambda _: m[t], scale=alpha)}


def square(vector):
    return Inner(vector, vector)


with sympy.evaluate(False):
    horizon = Ge(T, 0)
    kept = Le(square(m[t]), square(s[t]))
    across, from_start = Eq(Inner(s[t], m[t]), 0), Eq(Inner(s[0], m[t]), 0)
    away = s[T] - s[0]
    part = Eq(Inner(away - r[T], r[T]), 0)
    beyond = Ge(square(r[T]), b * square(u[T]))
    growth = 1 + alpha**2
    along = Eq(Inner(s[0], s[t]), square(s[0]))
    displaced = Le(square(s[t] - s[0]), (growth**t - 1) * square(s[0]))
    restricted = Le(square(r[T]), square(away))
    CONCLUSION = Le(b * square(u[T]), (growth**T - 1) * square(s[0]))
START = {t: sympy.Integer(0)}
at_the_end = substitute(displaced, {t: T})

PROOF = (
    Step("displaced", at_the_end, Induction(
        invariants=(displaced, along),
        first=((
            Step("displaced_0", substitute(displaced, START), Certificate()),
            Step("along_0", substitute(along, START), Certificate()),
        ),),
        advance=(
            Step("displaced_next", substitute(displaced, {t: after}), Certificate(
                Term(growth, displaced), Term(alpha**2, kept), Term(-2 * alpha, across), Term(2 * alpha, from_start),
                Term(-2 * alpha**2, along))),
            Step("along_next", substitute(along, {t: after}), Certificate(Term(1, along), Term(alpha, from_start))),
        )), "A network that may stop moves no farther, in the mean, than one that does not."),
    Step("restricted", restricted, Certificate(Term(2, part), Term(1, norm=away - r[T])), "Pythagoras."),
    Step("conclusion", CONCLUSION, Certificate(Term(1, beyond), Term(1, restricted), Term(1, at_the_end))),
)

SYMBOLS = {
    alpha: "scale of the layers", b: "square of the distance at which the network stops",
    t: "number of layers so far", T: "number of layers: the depth",
    s: "state after so many layers, random, of the network that stops", m: "what the next layer makes of it, or 0",
    r: "how far it is from the start, where it has stopped, else 0",
    u: "a unit vector where it has stopped, else 0",
}


def measure(instance, arithmetic):
    """One row: a stopped network of `linres.random_networks`, a column for each outcome."""
    made, network = instance.record(arithmetic), instance.network
    sequences = {name: dict(enumerate(rows)) for name, rows in zip((s, m, r, u), made, strict=True)}
    scale, level = map(arithmetic.number, (network.scale, instance.level))
    return [{alpha: scale, b: level, T: network.depth} | sequences]


def measure_marked(instance, arithmetic):
    """The same, but every outcome is marked, whether it has stopped or not."""
    [row] = measure(instance, arithmetic)
    ones = [[int(k == 0)] * row[u][0].shape[1] for k in range(row[u][0].shape[0])]
    return [row | {u: dict.fromkeys(row[u], arithmetic.matrix(ones))}]


def measure_stretched(instance, arithmetic):
    """The same, but distances are taken twice as large, and so is the one to be reached."""
    [row] = measure(instance, arithmetic)
    return [row | {b: 4 * row[b], r: {t: 2 * matrix for t, matrix in row[r].items()}}]


def sample(generator, count):
    """Stopped networks in bulk, in float64."""
    from linres.random_batches import stopped

    return stopped(generator, count, scale=alpha, level=b, depth=T, sequences=(s, m, r, u))


def signs():
    """One layer of random signs, and the distance that every outcome then has: both sides are equal."""
    return Stopped(Layers("sign", (Fraction(1),), Fraction(1, 2), 1), Fraction(1, 4))


def _numbers(*outcomes, scale=Fraction(1, 2), level=Fraction(1, 4)):
    """Layers of width 1 after h_0 = 1."""
    tables = tuple(tuple(((Fraction(v),),) for v in layers) for layers in outcomes)
    return Stopped(DependentLayers(tables, (Fraction(1),), scale), level)


# Two outcomes each, on which one hypothesis alone fails.
WIDER = _numbers((Fraction(21, 20),), (Fraction(-21, 20),), level=Fraction(441, 1600))
TOWARDS_THE_STATE = _numbers((1, Fraction(2, 3)), (-1, -2), level=Fraction(1))
TOWARDS_THE_START = _numbers((1, Fraction(1, 3)), (-1, -3), level=Fraction(25, 16))


def _controls():
    with sympy.evaluate(False):
        changed = {
            "growth-5-percent-smaller": {alpha**2: Rational(19, 20) * alpha**2},
            "distance-5-percent-larger": {b: Rational(21, 20) * b},
            "scale-to-the-fourth": {alpha**2: alpha**4},
            "one-layer-less": {growth**T: growth ** (T - 1)},
        }
        larger = {growth**T - 1: growth**T}
    dropped = {
        "without-unit-variance": (kept, WIDER), "without-independence": (across, TOWARDS_THE_STATE),
        "without-mean-zero": (from_start, TOWARDS_THE_START),
    }
    return (
        *(Control(name, "stronger", change=change, witness=signs()) for name, change in changed.items()),
        *(Control(name, "stronger", drop=(left,), witness=w) for name, (left, w) in dropped.items()),
        Control("marks-without-a-distance", "stronger", drop=(beyond,), measure=measure_marked,
                witness=replace(signs(), level=Fraction(1))),
        Control("distances-twice-as-large", "stronger", drop=(part,), measure=measure_stretched, witness=signs()),
        Control("norm-in-place-of-displacement", "weaker", change=larger, witness=signs()),
    )


THEOREM = Theorem(
    name="scaling-tail-mean",
    title="How far a random residual network ever is from its start, by second moments",
    provenance="classical",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, kept, across, from_start, part, beyond),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=random_networks.stopped_networks,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    extremal=(signs(),),
    valid=anything,
    expect="proved",
)
