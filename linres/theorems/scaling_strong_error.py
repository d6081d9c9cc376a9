r"""How far a random residual network is from a finer one with the same noise: exactly.

The coarse network has layers h_{t+1} = h_t + a (V_1 + ... + V_M) h_t; the fine one goes through the same V_1, ..., V_M
one after the other, H -> H + a V_i H. All layers are independent, with entries of mean 0, uncorrelated and of variance
1/d; both begin at h_0. For every number T of coarse layers

    E|H_T - h_T|^2 = ((1 + a^2)^{M T} - (1 + M a^2)^T) E|h_0|^2.

With M a^2 = 1/L and M -> infinity the fine network is the stochastic differential equation dH = d^{-1/2} dB H, and at
T = L layers, time 1, the error of the network of depth L is E|H_1 - h_L|^2 = (e - (1 + 1/L)^L) E|h_0|^2, about e/(2L):
strong order 1/2.

The inner product of random vectors is <X, Y> = E[X^T Y]. n_t and N_t are what the M layers together make of h_t and of
H_t, R_t is the rest of what the fine network adds: products of two layers and more, orthogonal to all that has fewer.
An equation: nothing in it can be improved.
"""

from fractions import Fraction

import sympy
from sympy import Eq, Ge, IndexedBase, Rational, Symbol, symbols

from linres import random_networks
from linres.certificate import Term
from linres.language import Inner, substitute
from linres.methods import propagation
from linres.random_networks import Refined, WrittenPair
from linres.theorem import Certificate, Control, Induction, Step, Theorem, anything

a, g = symbols("a g", real=True)
t, T, M = symbols("t T M", integer=True)
h, H, n, N, R = (IndexedBase(Symbol(name, commutative=False)) for name in ("h", "H", "n", "N", "R"))
after = t + 1

# A coarse layer, run by the very code that runs on numbers, on both states; the fine one adds the rest.
DEFINITIONS = {
    g: (1 + a**2) ** M,
    h[after]: propagation.step(h[t], lambda _: n[t], scale=a),
    H[0]: h[0],
    H[after]: propagation.step(H[t], lambda _: N[t], scale=a) + R[t],
}


def square(vector):
    return Inner(vector, vector)


with sympy.evaluate(False):
    horizon, layered = Ge(T, 0), Ge(M, 0)
    coarse = 1 + M * a**2
    # What M layers make of a state, and of both; they have mean 0.
    kept, kept_fine, joint = (
        Eq(Inner(x, y), M * Inner(u, v))
        for x, y, u, v in ((n[t], n[t], h[t], h[t]), (N[t], N[t], H[t], H[t]), (N[t], n[t], H[t], h[t]))
    )
    centred = tuple(Eq(Inner(x, y), 0) for x in (h[t], H[t]) for y in (n[t], N[t]))
    # The rest.
    apart = tuple(Eq(Inner(R[t], x), 0) for x in (h[t], H[t], n[t], N[t]))
    rest = Eq(square(R[t]), (g - coarse) * square(H[t]))

    moment, moment_fine, product = (
        Eq(left, growth**t * square(h[0]))
        for left, growth in ((square(h[t]), coarse), (square(H[t]), g), (Inner(H[t], h[t]), coarse))
    )
    error = Eq(square(H[t] - h[t]), (g**t - coarse**t) * square(h[0]))
CONCLUSION = substitute(error, {t: T})
hn, hN, Hn, HN = centred
Rh, RH, Rn, RN = apart


def at(relation, stage):
    return substitute(relation, {t: stage})


def _first(name, relation):
    return Step(name, at(relation, sympy.Integer(0)), Certificate())


PROOF = (
    Step("conclusion", CONCLUSION, Induction(
        invariants=(moment, moment_fine, product, error),
        first=((
            _first("moment_0", moment),
            _first("moment_fine_0", moment_fine), _first("product_0", product), _first("error_0", error),
        ),),
        advance=(
            Step("moment_next", at(moment, after), Certificate(
                Term(coarse, moment), Term(2 * a, hn), Term(a**2, kept)), "The coarse network, as by itself."),
            Step("moment_fine_next", at(moment_fine, after), Certificate(
                Term(g, moment_fine), Term(2 * a, HN), Term(a**2, kept_fine), Term(2, RH), Term(2 * a, RN),
                Term(1, rest)), "The fine one: what M layers do, and the rest, which is orthogonal to it."),
            Step("product_next", at(product, after), Certificate(
                Term(coarse, product), Term(a, Hn), Term(a, hN), Term(a**2, joint), Term(1, Rh), Term(a, Rn)),
                "Both together: the rest does not count."),
            Step("error_next", at(error, after), Certificate(
                Term(1, at(moment, after)), Term(1, at(moment_fine, after)), Term(-2, at(product, after)))),
        )), "The coarse network is what the fine one is in the mean, given the coarse noise."),
)

SYMBOLS = {
    a: "scale of a fine layer", M: "number of fine layers in a coarse one", g: "growth of the fine network",
    t: "number of coarse layers so far", T: "number of coarse layers: the depth",
    h: "state of the coarse network, random", H: "state of the fine network, random",
    n: "what the M layers together make of h: (V_1 + ... + V_M) h", N: "what they make of H",
    R: "the rest of what the fine network adds",
}


def measure(instance, arithmetic):
    """One row: the states of both networks (`linres.random_networks.Refined`), a column for each outcome."""
    made = instance.record(arithmetic)
    return [{
        a: arithmetic.number(instance.scale), M: instance.refinement, T: instance.depth,
        h: dict(enumerate(made.coarse)), H: dict(enumerate(made.fine)), n: dict(enumerate(made.moved)),
        N: dict(enumerate(made.moved_fine)), R: dict(enumerate(made.rests)),
    }]


def sample(generator, count):
    """Coarse and fine networks in bulk, in float64."""
    from linres.random_batches import pairs

    return pairs(generator, count, scale=a, refinement=M, depth=T, pair=(h, H, n, N, R))


# Random numbers with ten outcomes on which one hypothesis alone fails: some at the first layer, for one fine layer in a
# coarse one, the others at the second, where the networks have parted.
_OUTCOMES = 10


def _random(*entries):
    """The random number with these values at the first outcomes, 0 at the others."""
    return tuple(Fraction(x) for x in (*entries, *[0] * (_OUTCOMES - len(entries))))


_START = _random(1)


def _first_layer(coarse, fine, rest):
    return WrittenPair(_START, Fraction(1), 1, ((_random(*coarse), _random(*fine), _random(*rest)),))


def _second_layer(coarse=(0, 0, 0, 0, 1, 1, 2), fine=(0, 0, 0, 0, 2, 0, 2), rest=(0, 0, 0, 0, 0, 0, 0, 2)):
    """Two fine layers in a coarse one; h_1 = (1, 1, 1, 0, ...), H_1 = (1, 1, 1, 1, 0, ...)."""
    first = _random(0, 1, 1), _random(0, 1, 1), _random(0, 0, 0, 1)
    return WrittenPair(_START, Fraction(1), 2, (first, (_random(*coarse), _random(*fine), _random(*rest))))


_HALF = Fraction(1, 2)
WITHOUT = {
    "coarse-length": (kept, _first_layer((0, 1, _HALF), (0, 1), ())),
    "fine-length": (kept_fine, _first_layer((0, 1), (0, 1, _HALF), ())),
    "the-same-noise": (joint, _first_layer((0, 1), (0, 0, 1), ())),
    "coarse-across-coarse": (hn, _second_layer((0, 0, 1, -1, 2), (-_HALF, -_HALF, 1, 0, 5 * _HALF, _HALF))),
    "fine-across-coarse": (hN, _second_layer(fine=(0, 0, 1, -1, 1, 1, 2))),
    "coarse-across-fine": (Hn, _second_layer((0, 0, 0, 1, 2, 1), (0, 0, 0, 0, 2, 2))),
    "fine-across-fine": (HN, _second_layer(fine=(0, 0, 0, 1, 1, 1, 2, 0, 1))),
    "rest-across-coarse-state": (Rh, _second_layer(rest=(0, 0, 1, -1, 0, 0, 0, 1, 1))),
    "rest-across-fine-state": (RH, _second_layer(rest=(0, 0, 0, 1, 0, 0, 0, 1, 1, 1))),
    "rest-across-coarse-layer": (Rn, _second_layer(rest=(0, 0, 0, 0, 0, 1, 0, 1, 1, 1))),
    "rest-across-fine-layer": (RN, _second_layer(rest=(0, 0, 0, 0, 1, -1, 0, 1, 1))),
    "length-of-the-rest": (rest, _first_layer((0, 1), (0, 1), (0, 0, _HALF))),
}


def _controls():
    network = Refined("sign", (Fraction(1),), Fraction(1, 2), 3, 2)
    with sympy.evaluate(False):
        changed = {
            "fine-growth-5-percent-larger": {g: Rational(21, 20) * g},
            "coarse-growth-5-percent-larger": {M * a**2: Rational(21, 20) * M * a**2},
            "coarse-growth-5-percent-smaller": {M * a**2: Rational(19, 20) * M * a**2},
            "one-layer-less": {g**T: g ** (T - 1)},
            "limit-in-place-of-the-fine-network": {g: sympy.exp(M * a**2)},
            "roots-subtracted": {CONCLUSION.rhs: (g ** T - coarse**T) ** 2 * square(h[0])},
        }
    return (
        *(Control(name, "stronger", change=change, witness=network) for name, change in changed.items()),
        *(Control(f"without-{name}", "stronger", drop=(left,), witness=w) for name, (left, w) in WITHOUT.items()),
    )


THEOREM = Theorem(
    name="scaling-strong-error",
    title="How far a random residual network is from a finer one with the same noise",
    provenance="seed",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, layered, kept, kept_fine, joint, *centred, *apart, rest),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=random_networks.refinements,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    valid=anything,
    expect="proved",
)
