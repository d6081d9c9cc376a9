r"""The gradient that a network computes for a block is the derivative of its loss, exactly.

For least squares ell of the end-to-end map W = (I + w_n) ... (I + w_1), let N = grad ell(W), A = I + a the product of
the blocks above block i and B = I + b that of the blocks below. What `linres.network` computes as the gradient in
block i, a block at a time and however many there are, is

    G = A^T N B^T,

and that is the matrix D of the derivatives of the loss in the entries of the block. D is measured by itself, from
losses alone: W is affine in a single block, so the loss is quadratic in it, and the central difference of any two
losses at w_i + V and w_i - V is the derivative along V without an error. An identity: nothing to be tight or loose.

This is where a transposed factor shows, which leaves the norms in `block-gradient` what they are.
"""

from fractions import Fraction

import sympy
from sympy import Eq, Integer, Rational, symbols, transpose

from linres import linear_networks, network
from linres.arithmetic import Symbolic, inner
from linres.linear_networks import LinearNetwork
from linres.theorem import Batch, Certificate, Control, Step, Theorem

A, B, N, G, D = symbols("A B N G D", commutative=False)

# The blocks above the one looked at, and those below, each taken together as one; the middle block does not enter.
_above, _below = (Symbolic(each - Integer(1)) for each in (A, B))
_gradient = network.block_gradients([_below, _below, _above], Symbolic(N))[1]

with sympy.evaluate(False):
    derivative = transpose(A) * N * transpose(B)
    CONCLUSION = Eq(G, D)
    product = Eq(G, derivative)

DEFINITIONS = {G: _gradient.expr, D: derivative}

PROOF = (
    Step("product", product, Certificate(), "The code, run on symbols."),
    Step("conclusion", CONCLUSION, Certificate()),
)

SYMBOLS = {
    A: "product of I + w over the blocks w above", B: "product of I + w over the blocks w below",
    N: "gradient of the loss in the end-to-end map", G: "gradient in the block, as computed",
    D: "derivatives of the loss in the entries of the block, from losses alone",
}


def measure(instance, arithmetic, gradients=network.block_gradients):
    """Two rows for each block of a `linres.linear_networks.LinearNetwork`: its gradient computed together with all
    others, and by itself, link by link."""
    run = instance.measured(arithmetic)
    start = arithmetic.matrix(linear_networks.identity(len(instance.sigma)))
    rows = []
    for position, together in enumerate(gradients(run.blocks, run.slope)):
        alone = run.slope
        for link in network.links(run.blocks, position, run.slope):
            alone = link.after
        parts = {
            A: network.end_to_end(run.blocks[position + 1 :], start), N: run.slope,
            B: network.end_to_end(run.blocks[:position], start),
            D: _derivatives(instance, run.blocks, position, arithmetic),
        }
        rows += [parts | {G: together}, parts | {G: alone}]
    return rows


def _derivatives(instance: LinearNetwork, blocks, position: int, arithmetic):
    """The central difference of the loss in every entry of the block."""
    d = range(len(instance.sigma))
    total = 0 * blocks[position]
    for j in d:
        for k in d:
            unit = arithmetic.matrix([[Fraction(int((row, column) == (j, k))) for column in d] for row in d])
            up, down = (
                _loss(instance, [*blocks[:position], blocks[position] + step, *blocks[position + 1 :]], arithmetic)
                for step in (unit, -1 * unit)
            )
            total = total + (up - down) / 2 * unit
    return total


def _loss(instance: LinearNetwork, blocks, arithmetic):
    """weight/2 tr((W - W*) Sigma (W - W*)^T), from the products of the blocks alone."""
    reached = arithmetic.matrix(linear_networks.identity(len(instance.sigma)))
    for block in blocks:
        reached = (reached.identity() + block) @ reached
    offset = reached - arithmetic.matrix(instance.target)
    return arithmetic.number(instance.weight) * inner(offset @ arithmetic.matrix(instance.sigma), offset) / 2


def instances():
    """Networks of 1 to 4 blocks, up to 3 wide, on least squares of every scale."""
    return linear_networks.networks()


def sample(generator, count):
    """Middle blocks of three in bulk, in float64."""
    made = linear_networks.gradients_in_bulk(generator, count)
    columns = {A: made.above, B: made.below, N: made.slope, G: made.gradient, D: made.derivatives}
    return Batch(columns, made.instance, len(made.slope))


def generic() -> LinearNetwork:
    """Three blocks in the plane of which no two commute, nor with their transposes."""
    f = Fraction
    first = ((f(1, 2), f(1, 4)), (f(0), f(-1, 4)))
    second = ((f(0), f(1, 2)), (f(1, 4), f(1, 2)))
    third = ((f(1, 4), f(0)), (f(-1, 2), f(0)))
    return linear_networks.at_offset(
        (first, second, third), reach=f(1), eigenvalues=(f(1), f(3)), displacement=((f(1), f(-1)), (f(2), f(1, 2))),
        mirror=(f(1), f(2)),
    )


def _transposed(blocks, slope):
    """A wrong gradient: the blocks below come in without being transposed."""
    return network.block_gradients([block.T for block in blocks[:1]] + list(blocks[1:]), slope)


def _controls():
    witness = generic()
    with sympy.evaluate(False):
        wrong = {
            "blocks-above-not-transposed": A * N * transpose(B),
            "blocks-below-not-transposed": transpose(A) * N * B,
            "blocks-below-forgotten": transpose(A) * N,
            "sides-exchanged": transpose(B) * N * transpose(A),
            "derivative-5-percent-larger": Rational(21, 20) * derivative,
        }
    return (
        *(Control(name, "stronger", change={D: other}, witness=witness) for name, other in wrong.items()),
        Control("a-transposed-factor", "stronger", measure=lambda instance, arithmetic: measure(
            instance, arithmetic, gradients=_transposed), witness=witness),
    )


THEOREM = Theorem(
    name="block-derivative",
    title="The gradient in a block is the derivative of the loss",
    provenance="classical",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    extremal=(generic(),),
    expect="proved",
)
