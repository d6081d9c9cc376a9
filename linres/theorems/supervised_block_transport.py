r"""A claim in print that labels make false: that a kinetic penalty makes every trained block a transport map.

S. Karkar, I. Ayed, E. de Bezenac, P. Gallinari, Module-wise Training of Neural Networks via the Minimizing Movement
Scheme, NeurIPS 2023: Problem (1) trains block and head on a loss l(F(T(x)), y) that knows the label y; Problem (2) adds
the penalty; it is then said to be equivalent to Problem (3), whose loss is an integral over the law of T(x) alone, and
by Proposition 2.3 every minimiser of (3) is an optimal transport map. Of (3) that is true. With labels (2) is not (3),
and it is false: for squared error, head I and y = W* x the minimiser, among all maps, is the block of
`block-regression`; towards a rotation by a right angle, from the identity with tau = 1, it is

    T = (1/2) [[1, -1], [1, 1]].

It is not symmetric, and a linear map that is optimal for quadratic cost is. What holds is T - T^T = (tau/(1 + tau))
(R - R^T), R = W* W^{-1}: T is symmetric if and only if the regression is.
"""

from dataclasses import replace

import sympy
from sympy import Eq, transpose

from linres.linear_networks import regressions
from linres.theorem import Certificate, Refutation, Step
from linres.theorems import block_regression as right

SOURCE = (
    "S. Karkar, I. Ayed, E. de Bezenac, P. Gallinari, Module-wise Training of Neural Networks via the Minimizing "
    "Movement Scheme, NeurIPS 2023, Proposition 2.3 for Problem (2) with the labels of Problem (1)"
)

with sympy.evaluate(False):
    CONCLUSION = Eq(right.T, transpose(right.T))
    skew = right.THEOREM.step("skew").claim

QUARTER_TURN = right.quarter_turn()

THEOREM = replace(
    right.THEOREM,
    name="supervised-block-transport",
    title="A supervised block said to be a transport map",
    provenance="seed",
    conclusion=CONCLUSION,
    instances=lambda: regressions(max_depth=1, max_dimension=2),
    sample=None,
    proof=(),
    controls=(),
    extremal=(QUARTER_TURN,),
    expect="refuted",
)

CORRECTED = replace(
    THEOREM,
    name="supervised-block-transport-corrected",
    title="A supervised block is as symmetric as the regression",
    provenance="linres",
    conclusion=skew,
    proof=(Step("conclusion", skew, Certificate()),),
    uses=("block-regression",),
    expect="proved",
)

REFUTATIONS = (Refutation(THEOREM, QUARTER_TURN, CORRECTED, SOURCE),)
