r"""Small blocks keep the orientation: a residual network whose blocks are small has a positive determinant.

For W_T = (I + w_T) ... (I + w_1) in dimension m, every block of spectral norm at most tau <= 1,

    det W_T >= (1 - tau)^{m T},

because det(I + w) >= (1 - tau)^m for each block; positive if tau < 1. So a map of negative determinant, -1 in
dimension 1, has a block of norm larger than 1 in every network that represents it, however deep: det R > 0 is needed
for blocks near zero. Attained: every block -tau I.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import sympy
from sympy import Ge, IndexedBase, Le, Rational, Symbol, symbols

from linres import linear_networks, network
from linres.certificate import Term
from linres.language import substitute
from linres.linear_networks import DEPTH
from linres.theorem import Batch, Certificate, Control, Induction, Step, Theorem

tau = Symbol("tau", real=True)
t, T, m = symbols("t T m", integer=True)
D, P = (IndexedBase(Symbol(name, real=True)) for name in ("D", "P"))
block, so_far, with_it = D[t], P[t], P[t + 1]

with sympy.evaluate(False):
    horizon, width, at_most_1 = Ge(T, 0), Ge(m, 0), Le(tau, 1)
    least = (1 - tau) ** m
    each = Ge(block, least)
    product, positive = Ge(so_far, least**t), Ge(so_far, 0)

DEFINITIONS = {P[0]: sympy.Integer(1), with_it: block * so_far}
START, ADVANCED, CONCLUSION = (substitute(product, {t: stage}) for stage in (sympy.Integer(0), t + 1, T))
NOT_NEGATIVE, STAYS = (substitute(positive, {t: stage}) for stage in (sympy.Integer(0), t + 1))

PROOF = (
    Step("conclusion", CONCLUSION, Induction(
        invariants=(product, positive),
        first=((Step("start", START, Certificate()), Step("one", NOT_NEGATIVE, Certificate(Term(1)))),),
        advance=(
            Step("advance", ADVANCED, Certificate(Term(1, each, positive), Term(least, product))),
            Step("stays", STAYS, Certificate(Term(1, each, positive), Term(least, positive))),
        )), "Determinants multiply."),
)

SYMBOLS = {
    t: "number of blocks so far", T: "number of blocks: the depth", m: "dimension",
    tau: "no block has a larger spectral norm", D: "det(I + w) for the next block w",
    P: "determinant of the map of the first t blocks",
}


def measure(instance, arithmetic):
    """One row: the determinants of a `linres.linear_networks.LinearNetwork`, those of the maps by themselves."""
    blocks = list(map(arithmetic.matrix, instance.blocks))
    start = arithmetic.matrix(linear_networks.identity(len(instance.sigma)))
    maps = [network.end_to_end(blocks[:k], start) for k in range(len(blocks) + 1)]
    return [{
        T: len(blocks), m: len(instance.sigma), tau: arithmetic.number(instance.reach),
        D: {k: (start + block).data.det() for k, block in enumerate(blocks)},
        P: {k: each.data.det() for k, each in enumerate(maps)},
    }]


def instances():
    """Networks of 1 to 4 blocks, up to 3 wide."""
    return linear_networks.networks()


def sample(generator, count):
    """Networks two wide in bulk, in float64."""
    made = linear_networks.bulk(generator, count, widths=(2,))
    determinants = np.concatenate([np.ones((1, len(made.mu))), np.cumprod(made.determinants, axis=0)])
    return Batch({tau: made.reach, P: determinants, T: DEPTH, m: 2}, made.instance, len(made.mu))


def attained(depth=2, reach=Fraction(1, 2)):
    """Every block -reach I, in the plane."""
    one = Fraction(1)
    return linear_networks.extremal(
        depth=depth, reach=reach, eigenvalues=(one, one), displacement=((one, one), (one, one)),
    )


def _controls():
    sharp, more, less = attained(depth=3), Rational(21, 20), Rational(19, 20)
    one = Fraction(1)
    idle = linear_networks.extremal(depth=2, reach=0 * one, eigenvalues=(one,), displacement=((one,),))
    with sympy.evaluate(False):
        stronger = {
            "constant-5-percent-larger": {CONCLUSION.rhs: more * least**T},
            "one-dimension-less": {least: (1 - tau) ** (m - 1)},
            "blocks-5-percent-smaller": {tau: less * tau},
        }
        weaker = {
            "constant-5-percent-smaller": {CONCLUSION.rhs: less * least**T},
            "blocks-5-percent-larger": {tau: more * tau},
        }
    dropped = {
        "without-small-blocks": (each, replace(sharp, reach=Fraction(19, 40))),
        "without-tau-at-most-1": (at_most_1, replace(idle, reach=Fraction(3))),
    }
    return (
        *(Control(name, "stronger", change=change, witness=sharp) for name, change in stronger.items()),
        *(Control(name, "weaker", change=change, witness=sharp) for name, change in weaker.items()),
        *(Control(name, "stronger", drop=(left,), witness=w) for name, (left, w) in dropped.items()),
    )


THEOREM = Theorem(
    name="orientation",
    title="Small blocks keep the orientation, as each has a determinant at least (1 - tau)^m",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, width, at_most_1, each),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    extremal=tuple(attained(depth=depth, reach=Fraction(depth, 8)) for depth in (1, 3)),
    expect="proved",
)
