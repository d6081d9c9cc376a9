r"""A reading to avoid: that a block trained below a free linear head learns something.

If block and head are both linear and the head is neither fixed nor penalised, whatever a head H reaches on h the head
H T^{-1} reaches on T h. So the least loss over all heads is the same for every invertible T: the objective is flat, and
with a kinetic penalty the block that does nothing is best. The block of `block-regression`, best below the identity,
does not lower that least loss: from the identity towards a rotation by a right angle, with noise of covariance I in
the plane, it is 1 before the block and 1 after. Nobody in particular claims otherwise.
"""

from dataclasses import replace

import sympy
from sympy import Eq, Lt, Ne, symbols

from linres.arithmetic import divide, inner
from linres.language import Det
from linres.linear_networks import identity
from linres.theorem import Certificate, Refutation, Step, Theorem
from linres.theorems import block_regression

SOURCE = "a reading, not a claim in print"
before, after = symbols("J_0 J_1", real=True)
T, H, K = symbols("T H K", commutative=False)

with sympy.evaluate(False):
    invertible = Ne(Det(T), 0)
    CONCLUSION = Lt(after, before)
    carried = Eq(K * T, H)
    head = H * T**-1


def measure(instance, arithmetic):
    """One row for each block of a `linres.linear_networks.Regression`: best heads before and after, and their losses.

    The targets are y = W* x + e with E[e e^T] = I, e uncorrelated with x. Singular blocks have no row.
    """
    start = arithmetic.matrix(identity(len(instance.sigma)))
    rows = []
    for row in block_regression.measure(instance, arithmetic):
        moments, target = row[block_regression.S], row[block_regression.W_star]
        maps = (row[block_regression.W], row[block_regression.W_next])
        try:
            heads = [divide(target @ moments @ features.T, features @ moments @ features.T) for features in maps]
        except ZeroDivisionError:
            continue
        power = inner(start, target @ moments @ target.T + start)
        losses = [
            (power - inner(best @ features @ moments, target)) / 2 for best, features in zip(heads, maps, strict=True)
        ]
        rows.append({T: row[block_regression.T], H: heads[0], K: heads[1], before: losses[0], after: losses[1]})
    return rows


QUARTER_TURN = block_regression.quarter_turn()
SYMBOLS = {
    T: "the block that is best below the identity", H: "best head without the block", K: "best head above the block",
}

THEOREM = Theorem(
    name="free-head-block",
    title="A reading to avoid: below a free head a block learns",
    provenance="linres",
    symbols={before: "least loss over all heads, without the block", after: "least loss over all heads, with it"},
    conclusion=CONCLUSION,
    hypotheses=(),
    instances=block_regression.instances,
    measure=lambda instance, arithmetic: [
        {before: row[before], after: row[after]} for row in measure(instance, arithmetic)
    ],
    extremal=(QUARTER_TURN,),
    expect="refuted",
)

CORRECTED = replace(
    THEOREM,
    name="free-head-block-corrected",
    title="A free head undoes the block",
    symbols=SYMBOLS,
    definitions={K: head},
    hypotheses=(invertible,),
    conclusion=carried,
    measure=lambda instance, arithmetic: [
        {symbol: row[symbol] for symbol in SYMBOLS} for row in measure(instance, arithmetic)
    ],
    proof=(Step("conclusion", carried, Certificate()),),
    uses=("block-regression",),
    expect="proved",
)

FLAT = replace(
    THEOREM, name="free-head-block-flat", title="The least loss over all heads does not depend on the block",
    conclusion=Eq(after, before, evaluate=False), uses=("block-regression",), expect="supported",
)

REFUTATIONS = tuple(Refutation(THEOREM, QUARTER_TURN, corrected, SOURCE) for corrected in (CORRECTED, FLAT))
