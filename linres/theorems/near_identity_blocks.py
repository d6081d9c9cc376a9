r"""Any number of blocks alike: a map P^T H^T as a residual network whose blocks differ by rotations only.

For invertible P and any H let U_t = P^t, S_t = H^t and w_t = U_t (P H - I) U_t^{-1}. Then one block takes U_t S_t on to

    (I + w_t) U_t S_t = U_{t+1} S_{t+1},

so T blocks make W_T = P^T H^T from the identity. For orthogonal P every block has the same spectral norm, |P H - I|_2
<= |P - I|_2 + |H - I|_2. With R = Q S the polar decomposition of a map with det R > 0, P = Q^{1/T} and H = S^{1/T}
represent R by T blocks that are as small as 1/T: `hardt-ma-2017-theorem-2-1`. An identity: nothing to be tight or
loose.
"""

from fractions import Fraction

import sympy
from sympy import Eq, Ne, Rational, symbols

from linres import network
from linres.arithmetic import Symbolic, divide
from linres.language import Det
from linres.linear_networks import Table, Turns, identity, turns, turns_in_bulk
from linres.theorem import Batch, Certificate, Control, Step, Theorem

P, H, U, S = symbols("P H U S", commutative=False)
w, W, W_next, U_next, S_next = symbols("w W W_next U_next S_next", commutative=False)

with sympy.evaluate(False):
    invertible = Ne(Det(U), 0)
    block = U * (P * H - 1) * U**-1
    CONCLUSION = Eq(W_next, U_next * S_next)
    passed = Eq(W_next, U * P * H * S)

DEFINITIONS = {
    W: (Symbolic(U) @ Symbolic(S)).expr, w: block, U_next: U * P, S_next: H * S,
    W_next: network.end_to_end([Symbolic(w)], Symbolic(W)).expr,
}

PROOF = (
    Step("passed", passed, Certificate(), "U^{-1} meets the U of W, and what the block subtracts it adds."),
    Step("conclusion", CONCLUSION, Certificate()),
)

SYMBOLS = {
    P: "turn: of the orthogonal factor the T-th root", H: "stretch: of the symmetric factor the T-th root",
    U: "t-th power of P", S: "t-th power of H", U_next: "next power of P", S_next: "next power of H",
    W: "map of the first t blocks", w: "next block", W_next: "map one block later",
}


def measure(instance, arithmetic, order=lambda P, H: P @ H):
    """One row for each block of a `linres.linear_networks.Turns`, the map multiplied up from its blocks."""
    turn, stretch = arithmetic.matrix(instance.turn), arithmetic.matrix(instance.stretch)
    start = arithmetic.matrix(identity(len(instance.turn)))
    power, stretched, reached, rows = start, start, start, []
    for _ in range(instance.depth):
        made = divide(power @ (order(turn, stretch) - start), power)
        grown = network.end_to_end([made], reached)
        rows.append({
            P: turn, H: stretch, U: power, S: stretched, W: reached, w: made, W_next: grown,
            U_next: power @ turn, S_next: stretch @ stretched,
        })
        power, stretched, reached = power @ turn, stretch @ stretched, grown
    return rows


def instances():
    """Rational turns and stretches, up to 3 wide and 4 deep; the turns orthogonal or only invertible."""
    return turns()


def sample(generator, count):
    """Second blocks in bulk, in float64, in the plane."""
    made = turns_in_bulk(generator, count)
    P_, H_ = made.turn, made.stretch
    columns = {P: P_, H: H_, U: P_, S: H_, U_next: P_ @ P_, S_next: H_ @ H_, W: P_ @ H_, W_next: made.second}
    return Batch(columns, made.instance, len(P_))


def generic() -> Turns:
    """A quarter turn and a bit, and a stretch that does not commute with it."""
    f = Fraction
    turn: Table = ((f(3, 5), f(-4, 5)), (f(4, 5), f(3, 5)))
    return Turns(turn, ((f(2), f(1, 2)), (f(1, 2), f(1))), depth=3)


def _stretched_first(instance, arithmetic):
    """A wrong network: H P in place of P H."""
    return measure(instance, arithmetic, order=lambda P, H: H @ P)


def _controls():
    witness = generic()
    with sympy.evaluate(False):
        swapped, slower = S_next * U_next, U_next * S
        larger = Rational(21, 20) * (U_next * S_next)
    return (
        Control("factors-in-another-order", "stronger", change={CONCLUSION.rhs: swapped}, witness=witness),
        Control("a-stretch-less", "stronger", change={CONCLUSION.rhs: slower}, witness=witness),
        Control("map-5-percent-larger", "stronger", change={CONCLUSION.rhs: larger}, witness=witness),
        Control("stretched-first", "stronger", measure=_stretched_first, witness=witness),
    )


THEOREM = Theorem(
    name="near-identity-blocks",
    title="Blocks that differ by rotations only",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(invertible,),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    expect="proved",
)
