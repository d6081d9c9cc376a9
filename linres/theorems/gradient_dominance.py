r"""Gradient dominance: near the identity the gradient of a deep linear residual network sees all of the excess.

For a mu-strongly convex loss ell of the end-to-end map of m + 1 blocks of spectral norm at most tau < 1, the gradients
in the first T <= m + 1 blocks satisfy

    sum_{i<T} |G_i|^2 >= 2 T mu (1 - tau)^{2m} (ell(W) - ell*),

so that no point with small blocks is critical but the minimum. T = m + 1 is all blocks. Attained: every block -tau I,
and W - W* along eigenvectors of the least eigenvalue mu of a quadratic. What is assumed of each block is what
`block-gradient` proves. For the loss E|W x - y|^2, without the half, mu is twice the least eigenvalue of E[x x^T]:
the inequality in print that this one corrects is `hardt-ma-2017-inequality-2-3`.
"""

from dataclasses import replace
from fractions import Fraction

import sympy
from sympy import Ge, IndexedBase, Rational, Symbol, symbols

from linres import linear_networks, network
from linres.certificate import Term
from linres.language import Inner, substitute
from linres.linear_networks import DEPTH
from linres.theorem import Batch, Certificate, Control, Induction, Step, Theorem

tau, mu, F = symbols("tau mu F", real=True)
t, T, m = symbols("t T m", integer=True)
G = IndexedBase(Symbol("G", commutative=False))
S = IndexedBase(Symbol("S", real=True))
now, so_far, with_it = G[t], S[t], S[t + 1]

with sympy.evaluate(False):
    horizon, counted = Ge(T, 0), Ge(m, 0)
    ratio = (1 - tau) ** 2
    each = Ge(Inner(now, now), 2 * mu * ratio**m * F)
    dominated = Ge(so_far, 2 * t * mu * ratio**m * F)

DEFINITIONS = {S[0]: sympy.Integer(0), with_it: so_far + Inner(now, now)}
START, ADVANCED, CONCLUSION = (substitute(dominated, {t: stage}) for stage in (sympy.Integer(0), t + 1, T))

PROOF = (
    Step("conclusion", CONCLUSION, Induction(
        invariants=(dominated,),
        first=((Step("start", START, Certificate()),),),
        advance=(Step("advance", ADVANCED, Certificate(Term(1, dominated), Term(1, each))),)),
         "The same share from every block."),
)

SYMBOLS = {
    t: "a block, 0 the first", T: "number of blocks whose gradients are counted",
    m: "number of other blocks that a gradient passes: the depth less 1",
    tau: "no block has a larger spectral norm", mu: "strong convexity of the loss in W",
    F: "excess of the loss, ell(W) - ell*", G: "gradient in the block", S: "sum of the squared norms of G before t",
}


def measure(instance, arithmetic):
    """One row: the gradients in all blocks of a `linres.linear_networks.LinearNetwork`."""
    run = instance.measured(arithmetic)
    gradients = network.block_gradients(run.blocks, run.slope)
    depth = len(gradients)
    return [{
        T: depth, m: depth - 1, tau: arithmetic.number(instance.reach), mu: arithmetic.number(instance.mu),
        F: run.excess, G: dict(enumerate(gradients)), S: linear_networks.sums_of_squares(gradients),
    }]


def instances():
    """Networks of 1 to 4 blocks, up to 3 wide, on least squares of every scale."""
    return linear_networks.networks()


def sample(generator, count):
    """Networks in bulk, in float64."""
    made = linear_networks.bulk(generator, count)
    columns = {tau: made.reach, mu: made.mu, F: made.excess, S: made.sums(), T: DEPTH, m: DEPTH - 1}
    return Batch(columns, made.instance, len(made.mu))


def attained(depth=2, reach=Fraction(1, 2), least=Fraction(3), weight=Fraction(1)):
    """Every block -reach I, and W - W* along the eigenvector of the least eigenvalue of the moment matrix."""
    nothing, one = Fraction(0), Fraction(1)
    return linear_networks.extremal(
        depth=depth, reach=reach, eigenvalues=(least, 2 * least), displacement=((one, nothing), (-2 * one, nothing)),
        weight=weight,
    )


def _controls():
    sharp, idle = attained(depth=3), attained(depth=1, reach=Fraction(0))
    less, more = Rational(19, 20), Rational(21, 20)
    too_large = replace(sharp, reach=Fraction(19, 40))
    with sympy.evaluate(False):
        stronger = {
            "constant-5-percent-larger": ({mu: more * mu}, sharp),
            "exponent-in-print": ({ratio: 1 - tau}, sharp),
            "square-of-mu": ({mu: mu**2}, idle),
            "one-block-more": ({CONCLUSION.rhs: 2 * (T + 1) * mu * ratio**m * F}, sharp),
        }
        weaker = {
            "constant-5-percent-smaller": ({mu: less * mu}, sharp),
            "blocks-5-percent-larger": ({tau: more * tau}, sharp),
        }
    return (
        *(Control(name, "stronger", change=change, witness=w) for name, (change, w) in stronger.items()),
        *(Control(name, "weaker", change=change, witness=w) for name, (change, w) in weaker.items()),
        Control("without-the-share-of-a-block", "stronger", drop=(each,), witness=too_large),
    )


THEOREM = Theorem(
    name="gradient-dominance",
    title="Near the identity the gradient sees all of the excess, as each block passes its share on",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, counted, each),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    extremal=tuple(attained(depth=depth, weight=Fraction(weight)) for depth, weight in ((1, 1), (2, 2), (3, 1))),
    uses=("block-gradient",),
    expect="proved",
)
