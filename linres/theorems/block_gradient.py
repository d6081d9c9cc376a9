r"""Small blocks pass the gradient on: every block of a deep linear residual network gets its share.

For a mu-strongly convex loss ell of the end-to-end map W = (I + w_n) ... (I + w_1), the gradient in block i is
G_i = A_i^T N B_i^T with N = grad ell(W), A_i the product of the blocks above and B_i of those below. If every block
has spectral norm at most tau <= 1, then with T = n - 1 the number of other blocks

    |G_i|^2 >= 2 mu (1 - tau)^{2T} (ell(W) - ell*).

X_t is what t of the other blocks have made of N, X_0 = N and X_T = G_i. Attained: every block -tau I, and W - W* along
eigenvectors of the least eigenvalue mu of a quadratic. In dimension 1 and higher alike.
"""

from dataclasses import replace
from fractions import Fraction

import sympy
from sympy import Ge, IndexedBase, Le, Rational, Symbol, symbols

from linres import linear_networks, network
from linres.arithmetic import inner
from linres.certificate import Term
from linres.language import Inner, norm, substitute
from linres.linear_networks import DEPTH
from linres.theorem import Batch, Certificate, Control, Induction, Rule, Step, Theorem

tau, mu, F = symbols("tau mu F", real=True)
t, T = symbols("t T", integer=True)
X, U = (IndexedBase(Symbol(name, commutative=False)) for name in ("X", "U"))
s = IndexedBase(Symbol("s", real=True))
E = Symbol("E", commutative=False)
now, later, added, first_slope = X[t], X[t + 1], U[t], X[0]
s_now, s_later, s_last = s[t], s[t + 1], s[T]

with sympy.evaluate(False):
    horizon, nonnegative_tau, at_most_1, nonnegative_mu = Ge(T, 0), Ge(tau, 0), Le(tau, 1), Ge(mu, 0)
    strong = Le(F, Inner(first_slope, E) - mu / 2 * Inner(E, E))
    short = Le(Inner(added, added), tau**2 * Inner(now, now))
    ratio = (1 - tau) ** 2
    reached = Le(2 * mu * F * ratio**t, s_now)
    twice_left = 2 * (1 - tau) * norm(now)
    _ = {
        "loss": Le(2 * mu * F, Inner(first_slope, first_slope)),
        "shorter": Le(norm(added), tau * norm(now)),
        "cauchy": Le(Inner(now, added) ** 2, Inner(now, now) * Inner(added, added)),
        "angle": Le(-Inner(now, added), norm(now) * norm(added)),
        "nearer": Le((norm(now) - norm(added)) ** 2, Inner(later, later)),
        "step": Le(ratio * Inner(now, now), Inner(later, later)),
    }

DEFINITIONS = {later: now + added, s_now: Inner(now, now), s_later: Inner(later, later)}
ADVANCED, START = (substitute(reached, {t: stage}) for stage in (t + 1, sympy.Integer(0)))
CONCLUSION = substitute(reached, {t: T})

PROOF = (
    Step("loss", _["loss"], Certificate(Term(2 * mu, strong), Term(1, norm=first_slope - mu * E)),
         "A strongly convex function has a gradient wherever it is not minimal."),
    Step("shorter", _["shorter"], Rule("root", short)),
    Step("cauchy", _["cauchy"], Rule("cauchy_schwarz")),
    Step("angle", _["angle"], Rule("root", _["cauchy"])),
    Step("nearer", _["nearer"], Certificate(Term(2, _["angle"])), "The triangle inequality, squared."),
    Step("step", _["step"], Certificate(
        Term(1, _["nearer"]), Term(1, _["shorter"], _["shorter"]), Term(twice_left, _["shorter"])),
         "|X| - |U| is at least (1 - tau)|X|, which is not negative."),
    Step("conclusion", CONCLUSION, Induction(
        invariants=(reached,),
        first=((Step("start", START, Certificate(Term(1, _["loss"]))),),),
        advance=(Step("advance", ADVANCED, Certificate(Term(1, _["step"]), Term(ratio, reached))),)),
         "A factor (1 - tau)^2 for every block that is passed."),
)

SYMBOLS = {
    t: "number of other blocks that the gradient has passed", T: "number of other blocks, n - 1",
    tau: "no block has a larger spectral norm", mu: "strong convexity of the loss in W",
    F: "excess of the loss, ell(W) - ell*", E: "offset W - W* from the minimiser of the loss",
    X: "the gradient after t other blocks: X_0 is that of the loss in W, X_T that in the block",
    U: "what the next block adds: w^T X if it is above, X w^T if below", s: "squared norm of X",
}


def measure(instance, arithmetic):
    """One row for each block of a `linres.linear_networks.LinearNetwork`."""
    run = instance.measured(arithmetic)
    rows = []
    for position in range(len(run.blocks)):
        links = list(network.links(run.blocks, position, run.slope))
        passed = dict(enumerate([run.slope, *(link.after for link in links)]))
        rows.append({
            T: len(links), tau: arithmetic.number(instance.reach), mu: arithmetic.number(instance.mu),
            F: run.excess, E: run.offset, X: passed, U: {k: link.added for k, link in enumerate(links)},
            s: {k: inner(each, each) for k, each in passed.items()},
        })
    return rows


def instances():
    """Networks of 2 to 4 blocks, up to 3 wide, on least squares of every scale."""
    return linear_networks.networks(min_depth=2)


def sample(generator, count):
    """Networks in bulk, in float64."""
    made = linear_networks.bulk(generator, count)
    of_block = made.squares.transpose(1, 2, 0).reshape(DEPTH, -1)
    columns = {symbol: values.repeat(DEPTH) for symbol, values in ((tau, made.reach), (mu, made.mu), (F, made.excess))}
    return Batch(columns | {s: of_block, T: DEPTH - 1}, lambda row: made.instance(row // DEPTH), len(made.mu))


def attained(depth=3, reach=Fraction(1, 2), least=Fraction(3)):
    """Every block -reach I, and W - W* along the eigenvector of the least eigenvalue."""
    nothing, one = Fraction(0), Fraction(1)
    return linear_networks.extremal(
        depth=depth, reach=reach, eigenvalues=(least, 2 * least), displacement=((one, nothing), (-2 * one, nothing)),
    )


def _controls():
    sharp = attained()
    less, more = Rational(19, 20), Rational(21, 20)
    nothing, one = Fraction(0), Fraction(1)
    idle = linear_networks.extremal(depth=2, reach=nothing, eigenvalues=(one,), displacement=((one,),))
    too_far = linear_networks.extremal(depth=3, reach=one, eigenvalues=(one,), displacement=((one,),))
    concave = linear_networks.extremal(depth=2, reach=nothing, eigenvalues=(-one,), displacement=((one,),))
    with sympy.evaluate(False):
        stronger = {
            "constant-5-percent-larger": ({mu: more * mu}, sharp),
            "exponent-halved": ({ratio: 1 - tau}, sharp),
            "square-of-mu": ({mu: mu**2}, sharp),
            "one-block-less": ({CONCLUSION.lhs: 2 * mu * F * ratio ** (T - 1)}, sharp),
        }
        weaker = {
            "constant-5-percent-smaller": ({mu: less * mu}, sharp),
            "blocks-5-percent-larger": ({tau: more * tau}, sharp),
        }
    dropped = {
        "without-short-blocks": (short, replace(sharp, reach=Fraction(19, 40))),
        "without-strong-convexity": (strong, replace(sharp, mu=Fraction(63, 20))),
        "without-a-nonnegative-mu": (nonnegative_mu, replace(concave, mu=Fraction(-2))),
        "without-a-nonnegative-tau": (nonnegative_tau, replace(sharp, reach=-sharp.reach)),
        "without-tau-at-most-1": (at_most_1, replace(too_far, reach=Fraction(3, 2))),
    }
    return (
        *(Control(name, "stronger", change=change, witness=w) for name, (change, w) in stronger.items()),
        *(Control(name, "weaker", change=change, witness=w) for name, (change, w) in weaker.items()),
        *(Control(name, "stronger", drop=(left,), witness=w) for name, (left, w) in dropped.items()),
        Control("blocks-that-do-nothing", "weaker", witness=idle),
    )


THEOREM = Theorem(
    name="block-gradient",
    title="Small blocks pass the gradient on",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, nonnegative_tau, at_most_1, nonnegative_mu, strong, short),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    extremal=(attained(), attained(depth=2, reach=Fraction(1, 16), least=Fraction(1, 5))),
    expect="proved",
)
