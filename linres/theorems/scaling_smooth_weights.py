r"""How far a residual network with smooth weights is from the flow that it discretises.

h_{t+1} = h_t + alpha A_t h_t, where A_t = A(alpha t) is a matrix that changes smoothly with the layer, |A(s)| <= a in
the spectral norm and |A(s) - A(s')| <= b |s - s'|. H_t = H(alpha t) is the flow dH/ds = A(s) H from the same start.
For every number of layers T, with rho = exp(a alpha),

    |H_T - h_T| <= (rho^T - (1 + a alpha)^T + T b alpha^2/2 rho^{T-1}) |h_0|.

At alpha = 1/L and depth T = L that is e^a - (1 + a/L)^L + b/(2L) e^{a (1 - 1/L)}: of order 1/L, where random weights of
the same size would need alpha = L^{-1/2} and leave an error of order L^{-1/2} (scaling-strong-error).

Of the flow two things are used, at every layer: it grows by rho at most, and a layer of the network misses of it R_t
with |R_t| <= (rho - 1 - a alpha + b alpha^2/2) |H_t|. Both follow for rho = exp(a alpha) from Gronwall's inequality,
and for any larger rho too; of rho no more is assumed than rho >= 1 + a alpha. Attained: b = 0 and A = a I.
"""

from fractions import Fraction
from typing import Any

import sympy
from sympy import Ge, Gt, IndexedBase, Le, Rational, Symbol, symbols

from linres import smooth_networks
from linres.certificate import Term
from linres.language import Inner, norm, substitute
from linres.methods import propagation
from linres.smooth_networks import Recorded
from linres.theorem import Certificate, Control, Induction, Rule, Step, Theorem, anything

a, b, alpha, rho = symbols("a b alpha rho", real=True)
t, T = symbols("t T", integer=True)
h, H, n, N, R = (IndexedBase(Symbol(name, commutative=False)) for name in ("h", "H", "n", "N", "R"))
after, START = t + 1, sympy.Integer(0)

# A layer, run by the very code that runs on numbers, on the network and on the flow, which has the rest besides.
DEFINITIONS = {
    h[after]: propagation.step(h[t], lambda _: n[t], scale=alpha),
    H[0]: h[0],
    H[after]: propagation.step(H[t], lambda _: N[t], scale=alpha) + R[t],
}


def square(vector):
    return Inner(vector, vector)


error, driven = H[t] - h[t], N[t] - n[t]
carried = error + alpha * driven
error_next, error_first = (substitute(error, {t: stage}) for stage in (after, START))

with sympy.evaluate(False):
    horizon, bounded, lipschitz, forward = Ge(T, 0), Ge(a, 0), Ge(b, 0), Ge(alpha, 0)
    coarse = 1 + a * alpha
    growing = Ge(rho, coarse)
    stretch = Le(square(driven), a**2 * square(error))
    flowing = Le(square(H[after]), rho**2 * square(H[t]))
    turning = b * alpha**2 / 2
    missing = rho - coarse + turning
    local = Le(square(R[t]), missing**2 * square(H[t]))

    bound = rho**t - coarse**t + t * turning * rho**t / rho
    near = Le(norm(error), bound * norm(h[0]))
    size = Le(norm(H[t]), rho**t * norm(h[0]))
    _ = {
        "positive": Gt(rho, 0),
        "missing": Ge(missing, 0),
        "stretched": Le(norm(driven), a * norm(error)),
        "cauchy": Le(Inner(error, driven) ** 2, square(error) * square(driven)),
        "angle": Le(Inner(error, driven), norm(error) * norm(driven)),
        "carried": Le(square(carried), (coarse * norm(error)) ** 2),
        "network": Le(norm(carried), coarse * norm(error)),
        "missed": Le(norm(R[t]), missing * norm(H[t])),
        "cauchy_rest": Le(Inner(carried, R[t]) ** 2, square(carried) * square(R[t])),
        "angle_rest": Le(Inner(carried, R[t]), norm(carried) * norm(R[t])),
        "sum": Le(square(error_next), (norm(carried) + norm(R[t])) ** 2),
        "layer": Le(norm(error_next), norm(carried) + norm(R[t])),
        "grown": Le(norm(H[after]), rho * norm(H[t])),
        "together_squared": Le(square(error_first), 0),
        "together": Le(norm(error_first), 0),
        "alike_squared": Le(square(H[0]), square(h[0])),
        "alike": Le(norm(H[0]), norm(h[0])),
    }
CONCLUSION = substitute(near, {t: T})


def at(relation, stage):
    return substitute(relation, {t: stage})


PROOF = (
    Step("positive", _["positive"], Certificate(Term(1, growing), Term(1), Term(a * alpha))),
    Step("missing", _["missing"], Certificate(Term(1, growing), Term(turning))),
    Step("stretched", _["stretched"], Rule("root", stretch)),
    Step("cauchy", _["cauchy"], Rule("cauchy_schwarz")),
    Step("angle", _["angle"], Rule("root", _["cauchy"])),
    Step("carried", _["carried"], Certificate(
        Term(2 * alpha, _["angle"]), Term(2 * alpha * norm(error), _["stretched"]), Term(alpha**2, stretch))),
    Step("network", _["network"], Rule("root", _["carried"]), "A layer multiplies the error by 1 + a alpha at most."),
    Step("missed", _["missed"], Rule("root", local)),
    Step("cauchy_rest", _["cauchy_rest"], Rule("cauchy_schwarz")),
    Step("angle_rest", _["angle_rest"], Rule("root", _["cauchy_rest"])),
    Step("sum", _["sum"], Certificate(Term(2, _["angle_rest"]))),
    Step("layer", _["layer"], Rule("root", _["sum"]), "And adds what it misses of the flow."),
    Step("grown", _["grown"], Rule("root", flowing)),
    Step("conclusion", CONCLUSION, Induction(
        invariants=(size, near),
        first=((
            Step("together_squared", _["together_squared"], Certificate()),
            Step("together", _["together"], Rule("root", _["together_squared"])),
            Step("alike_squared", _["alike_squared"], Certificate()),
            Step("alike", _["alike"], Rule("root", _["alike_squared"])),
            Step("size_0", at(size, START), Certificate(Term(1, _["alike"]))),
            Step("near_0", at(near, START), Certificate(Term(1, _["together"]))),
        ),),
        advance=(
            Step("size_next", at(size, after), Certificate(Term(1, _["grown"]), Term(rho, size))),
            Step("near_next", at(near, after), Certificate(
                Term(1, _["layer"]), Term(1, _["network"]), Term(1, _["missed"]), Term(coarse, near),
                Term(missing, size), Term(turning * t * rho**t / rho * norm(h[0]), growing))),
        )), "What is missed early is carried through all later layers."),
)

SYMBOLS = {
    a: "no layer has a larger spectral norm", b: "how fast the weights change", alpha: "scale of the layers: 1/L",
    rho: "growth of the flow over a layer: exp(a alpha), or more", t: "number of layers so far",
    T: "number of layers: the depth", h: "state of the network", H: "state of the flow", n: "A h, what the layer adds",
    N: "A H", R: "what the layer misses of the flow",
}


def measure(instance, arithmetic):
    """One row: a network and its flow (`linres.smooth_networks`)."""
    made = instance.record(arithmetic)
    return [{
        a: made.bound, b: made.lipschitz, alpha: made.scale, rho: made.growth, T: len(made.rests),
        h: dict(enumerate(made.states)), H: dict(enumerate(made.flow)), n: dict(enumerate(made.moved)),
        N: dict(enumerate(made.moved_flow)), R: dict(enumerate(made.rests)),
    }]


def sample(generator, count):
    """Networks of width 1 in bulk, in float64."""
    return smooth_networks.bulk(generator, count, bound=a, lipschitz=b, scale=alpha, growth=rho, depth=T,
                                states=(h, H, n, N, R))


_HALF = Fraction(1, 2)


def attained(depth=3):
    """A = I at scale 1/2, beside the reference that doubles at every layer."""
    return _numbers([1] * depth, [2**k for k in range(depth + 1)])


def _numbers(weights, flow, **given):
    """Width 1; the values of the theorem's symbols are these but for those given."""
    numbers: dict[str, Any] = {"bound": 1, "lipschitz": 0, "scale": _HALF, "growth": 2} | given
    values = {name: Fraction(value) for name, value in numbers.items()}
    tables = tuple(((Fraction(weight),),) for weight in weights)
    return Recorded(**values, weights=tables, flow=tuple((Fraction(x),) for x in flow))


def _plane(weights, flow):
    """The same in width 2."""
    tables = tuple(tuple(tuple(map(Fraction, row)) for row in weight) for weight in weights)
    states = tuple(tuple(map(Fraction, state)) for state in flow)
    return Recorded(Fraction(1), Fraction(0), _HALF, Fraction(2), weights=tables, flow=states)


# On each one hypothesis alone fails.
WITHOUT = {
    "a-nonnegative-bound": (bounded, _numbers((1, 1), (1, 1, 1), bound=-1, growth=1)),
    "a-nonnegative-change": (lipschitz, _numbers((0,), (1, 1), bound=0, growth=1, scale=1, lipschitz=-2)),
    "a-nonnegative-scale": (forward, _numbers((-1, -1), (1, 1, 1), scale=-_HALF, growth=1)),
    "growth-of-the-network": (growing, _numbers((0,), (1, 1), growth=Fraction(6, 5))),
    "bounded-weights": (stretch, _plane(
        (((0, 0), (0, 0)), ((0, 0), ("-31/20", "31/10"))), ((1, 0), (1, _HALF), (1, 1)))),
    "bounded-growth": (flowing, _numbers((9, 0), (1, 6, 9))),
    "a-small-local-error": (local, _numbers((0,), (1, 2), lipschitz=1)),
}


def _controls():
    sharp = attained()
    turned = _numbers((_HALF,), (1, 2), lipschitz=2)
    less, more = Rational(19, 20), Rational(21, 20)
    with sympy.evaluate(False):
        stronger = {
            "growth-5-percent-smaller": ({rho**T: less * rho**T}, sharp),
            "network-5-percent-larger": ({coarse**T: more * coarse**T}, sharp),
            "change-5-percent-smaller": ({b: less * b}, turned),
            "one-layer-less": ({rho**T: rho ** (T - 1)}, sharp),
            "a-third-in-place-of-a-half": ({turning: b * alpha**2 / 3}, turned),
        }
        weaker = {"change-5-percent-larger": ({b: more * b}, turned)}
    return (
        *(Control(name, "stronger", change=change, witness=w) for name, (change, w) in stronger.items()),
        *(Control(name, "weaker", change=change, witness=w) for name, (change, w) in weaker.items()),
        *(Control(f"without-{name}", "stronger", drop=(left,), witness=w) for name, (left, w) in WITHOUT.items()),
    )


THEOREM = Theorem(
    name="scaling-smooth-weights",
    title="How far a residual network with smooth weights is from its flow",
    provenance="seed",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, bounded, lipschitz, forward, growing, stretch, flowing, local),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=smooth_networks.networks,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    valid=anything,
    extremal=(attained(), attained(1)),
    expect="proved",
)
