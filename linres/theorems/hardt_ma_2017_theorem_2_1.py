r"""A theorem in print that needs a positive determinant.

M. Hardt and T. Ma, Identity Matters in Deep Learning, ICLR 2017, Theorem 2.1: for y = R x + noise and
gamma = max(|log smax(R)|, |log smin(R)|), if l >= 3 gamma some best network W = (I + A_l) ... (I + A_1) has

    max_i |A_i|_2 <= 2 (sqrt(pi) + sqrt(3 gamma))^2 / l.

R = -1 in dimension 1 contradicts it for every l >= 7: gamma = 0, so that the bound is 2 pi / l < 1, but a product of
positive factors is not -1 (`orientation`). There the least possible max_i |A_i| is a > 1 with
(a - 1)(a + 1)^{l-1} = 1. The printed proof takes every 2 x 2 block of an orthogonal matrix for a rotation; it may be a
reflection. With det R > 0 the theorem holds, with a better bound and an easier proof (`near-identity-blocks`): if
l >= gamma, some network that represents R has max_i |A_i|_2 <= (pi + 3 gamma)/l. The text read is that of the
conference; later versions may have another.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import pi as PI
from math import tan

import flint
import sympy
from sympy import Abs, Ge, Gt, Le, Lt, Rational, exp, log, pi, sqrt, symbols

from linres.arithmetic import EXACT, rational
from linres.language import Det
from linres.linear_networks import Turns, spectral, spectral_norm
from linres.theorem import Control, Prose, Refutation, Step, Theorem
from linres.theorems import near_identity_blocks

SOURCE = "M. Hardt, T. Ma, Identity Matters in Deep Learning, ICLR 2017, Theorem 2.1"
r, a, gamma = symbols("r a gamma", real=True)
ell = sympy.Symbol("ell", integer=True)
R = sympy.Symbol("R", commutative=False)
stretched, u, h = symbols("s u h", real=True)

with sympy.evaluate(False):
    deep, nonempty = Ge(ell, 3 * gamma), Ge(ell, 1)
    printed = 2 * (sqrt(pi) + sqrt(3 * gamma)) ** 2 / ell
    CONCLUSION = Le(a, printed)
    reflected, moved = Lt(r, 0), Gt(a, 1)
    oriented, deep_enough = Gt(Det(R), 0), Ge(ell, gamma)
    turned, definite = Le(2 * ell * Abs(u), pi * sqrt(1 + u**2)), Gt(h, 0)  # |P - I| <= pi/l
    bound = (pi + 3 * gamma) / ell
    of_scalar, of_map = Abs(log(Abs(r))), log(stretched)


@dataclass(frozen=True)
class Target:
    """The scalar map R = value, other than 0, and the number of blocks of a network that is to represent it."""

    value: Fraction
    depth: int


def least(target: Target):
    """The least max_i |A_i| with which `depth` scalar blocks represent the value, in a ball of the working precision.

    For R > 0 all factors are R^{1/l}. For R < 0 an odd number of factors is negative, one at best: with |A_i| <= a
    the product reaches down to -(a - 1)(a + 1)^{l-1}, so that a is where this is R.
    """
    value, depth = rational(target.value), target.depth
    if value > 0:
        return abs(flint.arb(value).root(depth) - 1)
    low, high = flint.fmpq(1), 1 - value
    for _ in range(flint.ctx.prec):
        middle = (low + high) / 2
        below = (middle - 1) * (middle + 1) ** (depth - 1) < -value
        low, high = (middle, high) if below else (low, middle)
    return flint.arb(low).union(flint.arb(high))


def measure(instance, arithmetic):
    """One row for a `Target`."""
    return [{r: arithmetic.number(instance.value), ell: instance.depth, a: least(instance)}]


def instances():
    """Scalar maps of either sign and every scale, up to 40 blocks."""
    from hypothesis import strategies as st

    values = st.tuples(st.sampled_from([1, -1]), st.integers(1, 64)).map(lambda drawn: Fraction(drawn[0] * drawn[1], 8))
    return st.builds(Target, values, st.integers(1, 40))


NEGATIVE = Target(Fraction(-1), 7)

THEOREM = Theorem(
    name="hardt-ma-2017-theorem-2-1",
    title="Small blocks in print for every map",
    provenance="seed",
    symbols={
        r: "the map R, in dimension 1", ell: "number of blocks: the depth", a: "the least possible max |A_i|",
        gamma: "max of |log smax(R)| and |log smin(R)|",
    },
    definitions={gamma: of_scalar},
    hypotheses=(nonempty, deep),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    extremal=(NEGATIVE,),
    expect="refuted",
)

REFLECTED = replace(
    THEOREM,
    name="hardt-ma-2017-theorem-2-1-reflected",
    title="A negative map needs a block larger than 1",
    provenance="linres",
    hypotheses=(nonempty, reflected),
    conclusion=moved,
    proof=(Step("conclusion", moved, Prose("By orientation, and because a = 1 leaves a factor 0 or none below 0.")),),
    uses=("orientation",),
    expect="supported",
)


@dataclass(frozen=True)
class Bent:
    """R = P^l H^l in the plane: P a rotation by 2 arctan(half_turn), H symmetric with these eigenvalues, of which the
    eigenvectors are those of the reflection with this normal; l = depth."""

    half_turn: Fraction
    values: tuple[Fraction, Fraction]
    normal: tuple[Fraction, Fraction]
    depth: int

    def turns(self) -> Turns:
        """P and H."""
        square = self.half_turn**2
        c, s = (1 - square) / (1 + square), 2 * self.half_turn / (1 + square)
        return Turns(((c, -s), (s, c)), spectral(self.values, self.normal, self.normal), self.depth)


def measure_bent(instance, arithmetic):
    """One row for the network of a `Bent`, R multiplied up from the blocks; none if H is singular."""
    if not all(instance.values):
        return []
    blocks = near_identity_blocks.measure(instance.turns(), EXACT)
    largest = max(max(abs(value), 1 / abs(value)) for value in instance.values)
    norms = [flint.arb(spectral_norm(row[near_identity_blocks.w])) for row in blocks]
    return [{
        R: blocks[-1][near_identity_blocks.W_next], ell: instance.depth, u: arithmetic.number(instance.half_turn),
        h: arithmetic.number(min(instance.values)), stretched: arithmetic.number(largest**instance.depth),
        a: max(norms, key=lambda norm: norm.mid().fmpq()),
    }]


def instances_bent():
    """Networks in the plane of up to 8 blocks, P any rotation of less than half a circle, l times."""
    from hypothesis import strategies as st

    from linres.strategies import shares, vectors

    depths = st.shared(st.integers(1, 8), key="depth")
    half_turns = st.builds(lambda share, depth: share * _half_turn(depth), shares(), depths)
    values = st.tuples(*[st.integers(3, 24).map(lambda k: Fraction(k, 8))] * 2)
    return st.builds(Bent, half_turns, values, vectors(2), depths)


def _half_turn(depth: int) -> Fraction:
    """A rational a little below tan(pi/(2 depth)): depth times a rotation by 2 arctan of it is nearly half a circle."""
    return Fraction(64) if depth == 1 else Fraction(int(1024 * tan(PI / (2 * depth))), 1024)


FAR = Bent(Fraction(157, 800), (Fraction(5, 4), Fraction(4, 5)), (Fraction(1), Fraction(2)), 8)
FLAT = replace(FAR, values=(Fraction(1), Fraction(1)))

with sympy.evaluate(False):
    sharper = Le(a, bound)
    split = Le(a, pi / ell + (exp(gamma / ell) - 1))
    without_turn = 3 * gamma / ell

CORRECTED = Theorem(
    name="hardt-ma-2017-theorem-2-1-corrected",
    title="Small blocks for every map of positive determinant",
    provenance="linres",
    symbols={
        R: "the map represented", ell: "number of blocks: the depth", a: "max |A_i| of the network",
        stretched: "the larger of smax(R) and 1/smin(R)", gamma: "max of |log smax(R)| and |log smin(R)|",
        u: "P is a rotation by 2 arctan(u)", h: "the least eigenvalue of H",
    },
    definitions={gamma: of_map},
    hypotheses=(nonempty, oriented, deep_enough, turned, definite),
    conclusion=sharper,
    instances=instances_bent,
    measure=measure_bent,
    proof=(
        Step("split", split, Prose(
            "|P H - I| <= |H - I| + |P - I|; a rotation by an angle up to pi/l moves a unit vector by at most pi/l, "
            "and the eigenvalues of H are from exp(-gamma/l) to exp(gamma/l).")),
        Step("conclusion", sharper, Prose("exp(x) - 1 <= 3 x for x from 0 to 1.")),
    ),
    controls=(
        Control("without-a-turn", "stronger", change={bound: without_turn}, witness=FLAT),
        Control("turn-by-a-quarter-less", "stronger", change={pi: Rational(3, 4) * pi}, witness=FLAT),
    ),
    extremal=(FAR,),
    uses=("near-identity-blocks",),
    expect="supported",
)

REFUTATIONS = (Refutation(THEOREM, NEGATIVE, REFLECTED, SOURCE),)
