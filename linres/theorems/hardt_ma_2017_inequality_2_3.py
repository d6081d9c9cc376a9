r"""An inequality in print that is false, and the one that holds in its place.

M. Hardt and T. Ma, Identity Matters in Deep Learning, ICLR 2017, inequality (2.3). For f = E|y - W x|^2, without the
half, on W = (I + A_l) ... (I + A_1), all |A_i|_2 <= tau < 1 and Sigma = E[x x^T] it reads

    |grad f|^2 >= 4 l (1 - tau)^{l-1} smin(Sigma)^2 (f - C_opt).

It is false twice, in dimension 1: the exponent at A_1 = A_2 = -1/2 with Sigma = 1, where it says 2 >= 4, and the
square at A_1 = 0 with Sigma = 2, where it says 16 >= 32. What holds is `gradient-dominance` with mu = 2 smin(Sigma),

    |grad f|^2 >= 4 l (1 - tau)^{2(l-1)} smin(Sigma) (f - C_opt),

with equality at both. The slip is in the last lines of the printed proof of Theorem 2.2: its first display bounds the
norm of one block's gradient, and (1 - tau)^{l-1} is not squared with it; smin(Sigma)^2 |E|^2 is then taken for
smin(Sigma)^2 (f - C), while f - C = |E Sigma^{1/2}|^2. Theorem 2.2 itself, that small blocks leave no bad critical
point, is not touched. The text read is that of the conference; later versions may have another.
"""

from dataclasses import replace
from fractions import Fraction

import sympy
from sympy import Ge, Le, Lt, symbols

from linres import linear_networks, network
from linres.bounds import stretch
from linres.certificate import Term
from linres.linear_networks import extremal, spectral_norm
from linres.theorem import Certificate, Control, Refutation, Step, Theorem
from linres.theorems import gradient_dominance as right

SOURCE = "M. Hardt, T. Ma, Identity Matters in Deep Learning, ICLR 2017, inequality (2.3)"
slope, tau, sigma, gap, A_norm = symbols("s tau sigma F A_norm", real=True)
ell = sympy.Symbol("ell", integer=True)
others, T, F = ell - 1, right.T, right.F

with sympy.evaluate(False):
    small, below_1 = Le(A_norm, tau), Lt(tau, 1)
    CONCLUSION = Ge(slope, 4 * ell * (1 - tau) ** others * sigma**2 * gap)
    corrected = Ge(right.S[T], 4 * T * right.ratio**right.m * sigma * F)
    exponent_left = Ge(right.S[T], 4 * T * (1 - right.tau) ** right.m * sigma * F)
    square_left = Ge(right.S[T], 4 * T * right.ratio**right.m * sigma**2 * F)
    twice_sigma = 2 * sigma

SYMBOLS = {
    slope: "squared norm of the gradient of f in all blocks", tau: "no block has a larger spectral norm",
    sigma: "the least singular value of Sigma", gap: "f - C_opt", ell: "number of blocks: the depth",
    A_norm: "the largest spectral norm of a block",
}


def measure(instance, arithmetic):
    """One row for a `linres.linear_networks.LinearNetwork`, its loss taken without the half."""
    whole = replace(instance, weight=Fraction(2))
    run = whole.measured(arithmetic)
    gradients = network.block_gradients(run.blocks, run.slope)
    return [{
        slope: linear_networks.sums_of_squares(gradients)[len(gradients)], tau: arithmetic.number(instance.reach),
        sigma: arithmetic.number(_least(instance, arithmetic)), gap: run.excess, ell: len(gradients),
        A_norm: max(map(spectral_norm, run.blocks)),
    }]


def _least(instance, arithmetic):
    """smin(Sigma), exactly where it is rational."""
    return stretch(arithmetic.matrix(instance.sigma))


def measure_corrected(instance, arithmetic):
    """The row of gradient-dominance for the loss without the half; mu is what its definition says."""
    [row] = right.measure(replace(instance, weight=Fraction(2)), arithmetic)
    del row[right.mu]
    return [row | {sigma: arithmetic.number(_least(instance, arithmetic))}]


def instances():
    """Networks of 1 to 4 blocks, up to 3 wide, on least squares of every scale, the loss without the half."""
    return linear_networks.networks(weights=(2,))


def _at(*, depth, reach, eigenvalue):
    """In dimension 1, with W one below a positive target R: no condition on R excludes it, on its sign say."""
    below = -Fraction(1)
    return extremal(
        depth=depth, reach=reach, eigenvalues=(eigenvalue,), displacement=((below,),), weight=Fraction(2),
    )


WRONG_EXPONENT = _at(depth=2, reach=Fraction(1, 2), eigenvalue=Fraction(1))
WRONG_SQUARE = _at(depth=1, reach=Fraction(0), eigenvalue=Fraction(2))

THEOREM = Theorem(
    name="hardt-ma-2017-inequality-2-3",
    title="A bound of the gradient in print that is false",
    provenance="seed",
    symbols=SYMBOLS,
    hypotheses=(small, below_1),
    conclusion=CONCLUSION,
    instances=lambda: linear_networks.networks(max_depth=2, max_dimension=2, weights=(2,)),
    measure=measure,
    extremal=(WRONG_EXPONENT, WRONG_SQUARE),
    expect="refuted",
)

CORRECTED = replace(
    right.THEOREM,
    name="hardt-ma-2017-inequality-2-3-corrected",
    title="The bound of the gradient, corrected",
    symbols={**right.SYMBOLS, sigma: SYMBOLS[sigma]},
    definitions={**right.DEFINITIONS, right.mu: twice_sigma},
    conclusion=corrected,
    instances=instances,
    measure=measure_corrected,
    sample=None,
    proof=(
        *(replace(step, name="dominance") for step in right.PROOF),
        Step("conclusion", corrected, Certificate(Term(1, right.CONCLUSION)), "mu = 2 smin(Sigma), without the half."),
    ),
    controls=(
        Control("exponent-in-print", "stronger", {corrected.rhs: exponent_left.rhs}, witness=WRONG_EXPONENT),
        Control("square-in-print", "stronger", {corrected.rhs: square_left.rhs}, witness=WRONG_SQUARE),
    ),
    extremal=(WRONG_EXPONENT, WRONG_SQUARE),
    uses=("gradient-dominance",),
)

REFUTATIONS = tuple(Refutation(THEOREM, instance, CORRECTED, SOURCE) for instance in (WRONG_EXPONENT, WRONG_SQUARE))
