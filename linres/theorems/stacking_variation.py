r"""The blocks of a stack add up to a number that neither the depth nor the condition number makes large.

W_{t+1} = (I + w_{t+1}) W_t is grown block by block, from rest, and its potential falls as that of Nesterov's method:
with mu, L, 0 < q = sqrt(mu/L) < 1, u = sqrt(1-q), Z_t = W_t + (1/q - 1)(W_t - W_{t-1}) and
Phi_t = ell(W_t) - ell* + (mu/2)|Z_t - W*|^2,

    Phi_t <= (1-q)^t Phi_0   at every stage.

So it is by `stacking-acceleration` for stacking in its basin. If no singular value of any W_t is less than m > 0, then
for every T >= 0

    |w_1| + ... + |w_T| <= sqrt(2) (1 + 1/u) (1 - u^T) sqrt(2 Phi_0/mu)/m.

In the basin, sqrt(2 Phi_0/mu) <= sigma/sqrt(8) for the smallest singular value sigma of W*, m = (9/14) sigma will do,
and with R = sqrt(2 Phi_0/mu)/sigma the sum is at most 4.4 R for large kappa, for any number of blocks. So the blocks
are of bounded variation: sum |w_{t+1} - w_t| is at most twice their sum. Blocks that start at random vary by a fixed
amount at every layer (`random-start-variation`).

Two points are near the target as long as Phi is small, W_t and Z_t, and W_t - W_{t-1} is q/(1-q) times their
difference. The rest is a geometric sum with the ratio u.

Sharp for one block and small q, as far as the hypotheses go (`one_block`). Not sharp for many: from rest along the
mu-eigenvector networks move by sqrt(Phi_0/mu) in all, 4 times less for large kappa. The rate of Phi accounts for 2.
"""

from fractions import Fraction
from functools import partial

import sympy
from sympy import Eq, Ge, Gt, IndexedBase, Le, Rational, Symbol, sqrt

from linres import stack_paths
from linres.certificate import Term
from linres.language import norm, substitute
from linres.methods import stacking
from linres.stack_paths import WrittenStack
from linres.theorem import Certificate, Control, Induction, Rule, Step, Theorem, anything
from linres.theorems import nesterov_step as one
from linres.theorems import stacking_acceleration as run
from linres.theorems import stacking_acceleration_with_errors as base
from linres.theorems.stacking_acceleration_with_errors import (
    L,
    Phi,
    T,
    W,
    W_star,
    Z,
    at_stage,
    ell,
    ell_star,
    h,
    moved,
    mu,
    q,
    s,
    t,
    u,
)

m = Symbol("m", real=True)
w = IndexedBase(Symbol("w", commutative=False))
S = IndexedBase(Symbol("S", real=True))
after = t + 1  # outside evaluate(False), so that t + 1 has one form only
START, two = sympy.Integer(0), sqrt(sympy.Integer(2))

with sympy.evaluate(False):
    way = W[after] - W[t]
    DEFINITIONS = {mu: base.DEFINITIONS[mu]} | {
        at_stage(name): base.DEFINITIONS[at_stage(name)] for name in (one.z, one.z_next, one.Phi, one.Phi_next)
    } | {W[-1]: W[0]}

    positive_m, grown = Gt(m, 0), Eq(W[after], W[t] + w[after] * W[t])
    divided, regular = Le(norm(w[after]) * s[t], norm(way)), Ge(s[t], m)
    empty, summed = Le(S[0], 0), Le(S[after], S[t] + norm(w[after]))
    minimum_0, minimum = Ge(ell[0], ell_star), moved(at_stage(one.minimum_x), after)
    decays = Le(Phi[after], (1 - q) ** after * Phi[0])
    root_0 = sqrt(Phi[0])
    reached = root_0 / (q * h * m)
    bound = two * ((1 + u) / u) * reached

    # Invariants
    powers = Eq((1 - q) ** t, (u**t) ** 2)
    varied = Le(S[t], bound * (1 - u**t))
    CONCLUSION = substitute(varied, {t: T})
    _ = {
        "nonnegative": Ge(Phi[0], 0),
        "moved_squared": Le((u**2 * h * norm(way)) ** 2, (two * (u**after) * root_0) ** 2),
        "moved": Le(u**2 * h * norm(way), two * (u**after) * root_0),
        "short": Le(norm(w[after]), two * u**t / u * (root_0 / (h * m))),
    }
    middle = (Z[after] - W_star) + (W[after] - W_star)

with sympy.evaluate(False):
    PROOF = (
        Step("conclusion", CONCLUSION, Induction(
            invariants=(powers, varied),
            first=((
                Step("nonnegative", _["nonnegative"], Certificate(
                    Term(1, minimum_0), Term(mu / 2, norm=Z[0] - W_star))),
                Step("powers_0", moved(powers, START), Certificate()),
                Step("varied_0", moved(varied, START), Certificate(Term(1, empty))),
            ),),
            advance=(
                Step("powers_next", moved(powers, after), Certificate(Term(1 - q, powers))),
                Step("moved_squared", _["moved_squared"], Certificate(
                    Term(2, minimum), Term(2, decays), Term(-2 * (1 - q) * Phi[0], powers), Term(mu / 2, norm=middle)),
                    "W and Z are both near the target, and the way is a multiple of their difference."),
                Step("moved", _["moved"], Rule("root", _["moved_squared"])),
                Step("short", _["short"], Certificate(
                    Term(1 / (u**2 * h * m), _["moved"]), Term(1 / m, divided), Term(norm(w[after]) / m, regular))),
                Step("varied_next", moved(varied, after), Certificate(
                Term(1, varied), Term(1, summed), Term(1, _["short"]))),
            )), "A geometric sum."),
    )

SYMBOLS = {
    **{symbol: base.SYMBOLS[symbol] for symbol in (q, L, mu, ell_star, W_star, W, Z, Phi, ell)},
    w: "block", S: "sum of the norms of the blocks so far, or less", s: "smallest singular value of W, or less",
    m: "what these are at least", t: "stage", T: "number of blocks",
}


def measure(instance, arithmetic, stage=stacking.stage):
    """One row: a stack (see `linres.stack_paths`), exactly. ValueError if the arithmetic is not EXACT."""
    if arithmetic is not stack_paths.EXACT:
        raise ValueError(f"measure(instance, arithmetic) should have the arithmetic EXACT, got {arithmetic!r}")
    made = instance.record() if isinstance(instance, WrittenStack) else stack_paths.recorded(instance, stage)
    return [{
        q: made.q, L: made.L, m: made.m, W_star: made.target, ell_star: made.minimum, T: len(made.least),
        W: made.networks, ell: made.values, w: made.blocks, s: made.least, S: made.sums, Phi: made.potentials,
    }]


def instances():
    """Exact runs of stacking of up to 4 stages from rest in the basin, d = 1, 2 or 3, half of them from its edge."""
    return run.instances()


def sample(generator, count):
    """Runs in the basin in bulk, trained by the compiled kernel."""
    return stack_paths.bulk(generator, count, reach=partial(run._reach, run.Float), symbols=(S, Phi, q, L, m, T))


def one_block(share=Fraction(9, 10), *, floor=Fraction(1), least=Fraction(1), below=Fraction(0), first=Fraction(0)):
    """The bound attained by one block: W_1 and Z_1 on both sides of the target, as far as Phi_1 lets them.

    One neuron. share: u, at least 7/8 if ell(W_0) is not to be below the minimum. W_0 = 1, W_1 = 0, mu = 1. Wrong ones:
    floor and least, what is claimed of m and s_0; below, by how much ell(W_1) is too small for mu; first, by how much
    ell(W_0) is for the decay.
    """
    share = Fraction(share)
    roots = 1 - share**2
    goal = -(1 - roots) / (2 * roots)  # (1-q)(W_0 - W*) = (1+q)(W_1 - W*)
    potential = goal**2 - below
    return WrittenStack(
        q=roots, L=1 / roots**2, m=floor, target=((goal,),), minimum=Fraction(0),
        networks=(((Fraction(1),),), ((Fraction(0),),)), least=(least,),
        values=(potential / share**2 - (1 - goal) ** 2 / 2 - first, potential - goal**2 / 2),
    )


def _controls():
    block, more, less = one_block(), Rational(21, 20), Rational(19, 20)
    high = Fraction(21, 20)
    with sympy.evaluate(False):
        twice = (1 + u) / u
        left = 1 - u**T
        stronger = {
            "constant-5-percent-smaller": {bound: less * bound},
            "twice-the-root": {twice: sympy.Integer(2)},
            "one-block-fewer": {left: 1 - u ** (T - 1)},
            "ratio-5-percent-larger": {left: 1 - (more * u) ** T},
            "strong-convexity-5-percent-larger": {two: two / more},
        }
        weaker = {
            "constant-5-percent-larger": {bound: more * bound},
            "any-number-of-blocks": {left: sympy.Integer(1)},
        }
    dropped = {
        "without-decay": ((decays,), one_block(first=Fraction(1, 20))),
        "without-strong-convexity": ((minimum,), one_block(below=Fraction(1, 20))),
        "without-a-floor-of-singular-values": ((regular,), one_block(floor=high)),
        "without-singular-values": ((divided,), one_block(floor=high, least=high)),
    }
    return (
        *(Control(name, "stronger", change=change, witness=block) for name, change in stronger.items()),
        *(Control(name, "weaker", change=change, witness=block) for name, change in weaker.items()),
        *(Control(name, "stronger", drop=drop, witness=witness) for name, (drop, witness) in dropped.items()),
    )


THEOREM = Theorem(
    name="stacking-variation",
    title="The blocks of a stack add up to a bounded sum",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(
        base.horizon, one.positive_q, base.below_1, one.positive_L, positive_m, grown, divided, regular, empty,
        summed, minimum_0, minimum, decays,
    ),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    extremal=(one_block(), one_block(Fraction(99, 100))),
    valid=anything,
    expect="proved",
)
