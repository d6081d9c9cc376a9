r"""A block trained by itself with a kinetic penalty goes a fixed share of the way.

Block-wise training on least squares with a fixed identity head: the network so far maps x to h = W x, and the next
block T minimises E|T h - y|^2/2 + E|T h - h|^2/(2 tau). For invertible W and E[x x^T] = S > 0 the minimiser is

    T = I + (tau/(1 + tau)) (R - I),   R = E[y h^T] E[h h^T]^{-1} = W* W^{-1},   and   W_next - W* = (W - W*)/(1 + tau)

exactly, whatever the conditioning: after k blocks (1 + tau)^{-k} of the offset is left. T is symmetric if and only if R
is, since T - T^T = (tau/(1 + tau)) (R - R^T): in general it is no optimal transport map
(`supervised-block-transport`). An identity: nothing to be tight or loose.
"""

from fractions import Fraction

import sympy
from sympy import Eq, Gt, Ne, Rational, Symbol, symbols, transpose

from linres import linear_networks, network
from linres.arithmetic import Symbolic, divide
from linres.language import Det
from linres.linear_networks import Regression, identity, regressions
from linres.theorem import Batch, Certificate, Control, Step, Theorem

tau = Symbol("tau", real=True)
W, W_star, S, R, T, W_next = symbols("W W_star S R T W_next", commutative=False)

with sympy.evaluate(False):
    positive_tau, invertible = Gt(tau, 0), Ne(Det(W), 0)
    share = tau / (1 + tau)
    block = 1 + share * (R - 1)
    left = 1 / (1 + tau)
    CONCLUSION = Eq(W_next - W_star, left * (W - W_star))
    slope = (W_next - W_star) * S * transpose(W) + 1 / tau * (T - 1) * W * S * transpose(W)
    _ = {
        "stationary": Eq(slope, 0 * S),
        "skew": Eq(T - transpose(T), share * (R - transpose(R))),
    }

_weight = Symbolic(T) - Symbolic(sympy.Integer(1))
DEFINITIONS = {R: W_star * W**-1, T: block, W_next: network.end_to_end([_weight], Symbolic(W)).expr}

PROOF = (
    Step("stationary", _["stationary"], Certificate(),
         "The gradient in T vanishes: (T h - y) h^T + (T h - h) h^T/tau, in the mean."),
    Step("skew", _["skew"], Certificate(), "The block is as symmetric as the regression is."),
    Step("conclusion", CONCLUSION, Certificate()),
)

SYMBOLS = {
    tau: "step: the weight of the kinetic penalty is 1/tau", W: "map so far: h = W x", W_star: "best map",
    S: "moment matrix E[x x^T]", R: "regression of y on h", T: "the block, as the map of h",
    W_next: "map one block later",
}


def measure(instance, arithmetic, kinetic=1):
    """One row for each block of a `linres.linear_networks.Regression`, T from the moments; kinetic: times the penalty.

    It ends early where a map is singular.
    """
    moments, target = arithmetic.matrix(instance.sigma), arithmetic.matrix(instance.target)
    reached, step = arithmetic.matrix(instance.start), arithmetic.number(instance.step / kinetic)
    one, rows = arithmetic.matrix(identity(len(instance.sigma))), []
    for _ in range(instance.depth):
        inputs = reached @ moments @ reached.T
        try:
            regression = divide(target @ moments @ reached.T, inputs)
            made = divide(step * (target @ moments @ reached.T) + inputs, (1 + step) * inputs)
        except ZeroDivisionError:
            break
        grown = network.end_to_end([made - one], reached)
        rows.append({
            tau: arithmetic.number(instance.step), W: reached, W_star: target, S: moments, R: regression, T: made,
            W_next: grown,
        })
        reached = grown
    return rows


def instances():
    """Up to 4 blocks, up to 3 wide, on rational least squares."""
    return regressions()


def sample(generator, count):
    """First blocks in bulk, in float64, in the plane."""
    made = linear_networks.regressions_in_bulk(generator, count)
    columns = {tau: made.step, W: made.start, W_star: made.target, W_next: made.grown}
    return Batch(columns, made.instance, len(made.step))


def quarter_turn(step=Fraction(1)) -> Regression:
    """From the identity towards the rotation by a right angle."""
    nothing, one = Fraction(0), Fraction(1)
    return Regression(identity(2), ((nothing, -one), (one, nothing)), identity(2), step)


def generic() -> Regression:
    """In the plane, where nothing commutes."""
    f = Fraction
    return Regression(
        ((f(2), f(1, 2)), (f(1, 2), f(1))), ((f(2), f(1)), (f(-1), f(3))), ((f(1), f(1)), (f(0), f(2))),
        f(2, 3), depth=3,
    )


def _half_as_kinetic(instance, arithmetic):
    return measure(instance, arithmetic, kinetic=Fraction(1, 2))


def _controls():
    witness = generic()
    with sympy.evaluate(False):
        further = 1 / (1 + Rational(21, 20) * tau)
        stronger = {
            "step-5-percent-larger": {left: further},
            "target-5-percent-further": {CONCLUSION.lhs: W_next - Rational(21, 20) * W_star},
            "without-the-penalty": {CONCLUSION.rhs: 0 * W},
        }
    return (
        *(Control(name, "stronger", change=change, witness=witness) for name, change in stronger.items()),
        Control("half-the-penalty", "stronger", measure=_half_as_kinetic, witness=witness),
    )


THEOREM = Theorem(
    name="block-regression",
    title="A block trained by itself goes a fixed share of the way",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(positive_tau, invertible),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    expect="proved",
)
