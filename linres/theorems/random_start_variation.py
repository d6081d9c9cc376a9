r"""Blocks that start at random vary at every layer by no less than their noise.

A random block w_{t+1} is what is known of it when the blocks before it are, its conditional mean m_t, and the rest x_t,
which has mean 0 given the past. Whatever the training makes of the means, if E|x_t|^2 >= nu at every stage then

    E|w_1 - w_0|^2 + ... + E|w_T - w_{T-1}|^2 >= nu T        for every T >= 0,

w_0 any block that is known, 0 say. So the quadratic variation of the blocks grows with the depth, where a stack has
bounded variation (`stacking-variation`).

On least squares with the functional rule a random start n_t leaves x_t = n_t W_t (I - eta Sigma) W_t^{-1}. For entries
of mean 0 and variance c^2/d, independent of the past, Schur's inequality gives E|x_t|^2 >= c^2 sum_i (1 - eta s_i)^2,
s_i the eigenvalues of Sigma: nu does not depend on W_t, and only eigenvalues near 1/eta spoil it. With one pass of the
data, c fixed, weights are of the order 1 at any depth: exponent 0, below the critical line of random networks, which
asks for c of the order T^{-1/2}.

Attained where m_t = w_t: on a flat loss, by blocks that start at the last one plus noise (`wandering`). Of blocks that
are independent it is half of what they do. Inner products are expectations, summed over equally likely outcomes.
"""

from fractions import Fraction

import sympy
from sympy import Eq, Ge, IndexedBase, Rational, Symbol, symbols

from linres import rough_blocks
from linres.certificate import Term
from linres.language import Inner, substitute
from linres.rough_blocks import RoughRun
from linres.theorem import Certificate, Control, Induction, Step, Theorem, anything

nu = Symbol("nu", real=True)
t, T = symbols("t T", integer=True)
w, m, x = (IndexedBase(Symbol(name, commutative=False)) for name in "wmx")
V = IndexedBase(Symbol("V", real=True))
after, START = t + 1, sympy.Integer(0)  # outside evaluate(False), so that t + 1 has one form only

with sympy.evaluate(False):
    way, known = w[after] - w[t], m[t] - w[t]
    DEFINITIONS = {w[after]: m[t] + x[t], V[0]: START, V[after]: V[t] + Inner(way, way)}

    horizon = Ge(T, 0)
    centred, unforeseen = Eq(Inner(x[t], m[t]), 0), Eq(Inner(x[t], w[t]), 0)
    noisy = Ge(Inner(x[t], x[t]), nu)
    varies = Ge(V[t], nu * t)
    CONCLUSION = substitute(varies, {t: T})
    apart = Eq(Inner(way, way), Inner(x[t], x[t]) + Inner(known, known))

PROOF = (
    Step("apart", apart, Certificate(Term(2, centred), Term(-2, unforeseen)),
         "Pythagoras: what is not foreseen is orthogonal to what is known."),
    Step("conclusion", CONCLUSION, Induction(
        invariants=(varies,), first=((Step("varies_0", substitute(varies, {t: START}), Certificate()),),),
        advance=(
            Step("varies_next", substitute(varies, {t: after}), Certificate(
                Term(1, varies), Term(1, apart), Term(1, noisy), Term(1, norm=known))),
        ))),
)

SYMBOLS = {
    nu: "least mean square of what is not foreseen of a block", t: "stage", T: "number of blocks",
    w: "block, random", m: "mean of the next block, given those before", x: "the rest of the next block",
    V: "sum of the mean squares of the differences of neighbours so far",
}


def measure(instance, arithmetic, **method):
    """One row: the blocks of a `linres.rough_blocks.RoughRun`, a column of one for each outcome."""
    made = instance.record(arithmetic, **method)
    return [{nu: made.least, T: len(made.means), w: made.blocks, m: made.means, x: made.rests, V: made.totals}]


def instances():
    """Runs of up to 3 stages and 16 outcomes by the parameter rule, from any start of the block, all outcomes run."""
    return rough_blocks.rough_runs()


def sample(generator, count):
    """Runs in bulk, in float64."""
    return rough_blocks.bulk(generator, count, total=V, least=nu, depth=T)


def neuron(*, curvature=Fraction(0), momentum=Fraction(0), stages=2, rule="parameter"):
    """One neuron at its target 1, draws of 1/4 and -1/4, steps of 1/2."""
    one = ((Fraction(1),),)
    law = (((Fraction(1, 4),),),)
    return RoughRun(((Fraction(curvature),),), one, one, (law,) * stages, Fraction(1, 2), Fraction(momentum), rule)


def wandering():
    """Blocks that start at the last one plus noise, on a flat loss: attained by any number of them."""
    return neuron(momentum=Fraction(1), stages=3)


def _again(instance, arithmetic):
    """Every block draws what the first one did, and each is claimed not to be foreseen."""
    made = instance.record(arithmetic, repeated=True)
    rests = {stage - 1: block for stage, block in made.blocks.items() if stage > 0}
    means = {stage: block - block for stage, block in rests.items()}
    [row] = measure(instance, arithmetic, repeated=True)
    return [row | {m: means, x: rests, nu: (rests[0].T @ rests[0]).entries()[0]}]


def _doubled(instance, arithmetic):
    """Claim twice of each block that it is not foreseen."""
    [row] = measure(instance, arithmetic)
    means = {stage: mean - row[x][stage] for stage, mean in row[m].items()}
    return [row | {m: means, x: {stage: 2 * rest for stage, rest in row[x].items()}, nu: 4 * row[nu]}]


def _louder(instance, arithmetic):
    """Claim 5 percent more noise than there is."""
    [row] = measure(instance, arithmetic)
    return [row | {nu: arithmetic.number(Fraction(21, 20)) * row[nu]}]


def _controls():
    witness = wandering()
    right = CONCLUSION.rhs
    with sympy.evaluate(False):
        stronger = {
            "noise-5-percent-louder": {right: Rational(21, 20) * nu * T},
            "one-block-more": {right: nu * (T + 1)},
            "as-of-independent-blocks": {right: 2 * nu * T},
        }
        weaker = {"noise-5-percent-quieter": {right: Rational(19, 20) * nu * T}}
    return (
        *(Control(name, "stronger", change=change, witness=witness) for name, change in stronger.items()),
        *(Control(name, "weaker", change=change, witness=witness) for name, change in weaker.items()),
        Control("without-independence", "stronger", drop=(unforeseen,), measure=_again, witness=neuron()),
        Control("without-mean-zero", "stronger", drop=(centred,), measure=_doubled, witness=neuron()),
        Control("without-noise", "stronger", drop=(noisy,), measure=_louder, witness=witness),
    )


THEOREM = Theorem(
    name="random-start-variation",
    title="Blocks that start at random vary at every layer",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, centred, unforeseen, noisy),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    extremal=(wandering(), neuron(curvature=1, stages=1)),
    valid=anything,
    expect="proved",
)
