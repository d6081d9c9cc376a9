r"""The limit of first-order methods: on a ring of 2 T nodes no method of T gradients does better than Chebyshev's.

For 0 < mu < L, kappa = L/mu and q = sqrt(mu/L), let x* be the minimiser, for any source, of

    f(x) = (L - mu)/8 sum_i (x_i - x_{i+1})^2 + mu/2 |x|^2 - source x_0     over 2 T nodes i on a ring, T >= 1.

f is a quadratic with eigenvalues in [mu, L], and the start is x_0 = 0. The first gradient is at node 0 alone, and every
other reaches the neighbours of what its point has reached. So T steps of a method that goes by combinations of the
gradients it has seen, however it chooses them (gradient descent, Nesterov's, Chebyshev's, conjugate gradients), leave
the opposite node, T, as it was. Then with b = (1-q)/(1+q)

    f(x_T) - f* >= (2 b^T/(1 + b^{2T}))^2 (f(x_0) - f*) = (f(x_0) - f*)/T_T((kappa+1)/(kappa-1))^2,

T_T the Chebyshev polynomial of degree T. Attained by the Chebyshev iteration and by conjugate gradients, so nothing
better can be said of this f. As x_T - x* = p(H)(x_0 - x*) with a polynomial p of degree T, p(0) = 1, if a method has
fixed coefficients, it follows that max over [mu, L] of |p| >= 1/T_T((kappa+1)/(kappa-1)) for every such p (classical).
One step more, and conjugate gradients are done: H has T + 1 eigenvalues.

e_t is the error x_T - x* at node t; s_t the error x_0 - x* at node T - t, counted from the opposite node, so that f
being stationary at x*, away from the source, gives s_{t+1} from s_t and s_{t-1}. F_t and G_t are what the first t edges
(of both ways round) add to the excess.
"""

from fractions import Fraction

import sympy
from sympy import Eq, Ge, Gt, IndexedBase, Integer, Le, Lt, Rational, Symbol, symbols

from linres.certificate import Term
from linres.language import substitute
from linres.methods import nesterov
from linres.ring import STAGES, Ring, bulk, rings
from linres.theorem import Batch, Certificate, Control, Induction, Step, Theorem, anything

q, L, mu, beta, k = symbols("q L mu beta k", real=True)
t, T = symbols("t T", integer=True)
e, s, F, G = (IndexedBase(Symbol(name, real=True)) for name in "esFG")
before, after = t - 1, t + 1


def at(expression, stage):
    """The expression at another stage than t."""
    return substitute(expression, {t: sympy.sympify(stage)})


def added(values):
    """What the edge between the nodes t and t + 1, and its mirror image, add to the excess."""
    x, y = values[t], values[after]
    return (L - mu) / 4 * (x - y) ** 2 + mu / 2 * (x**2 + y**2)


with sympy.evaluate(False):
    rate = nesterov.momentum(q)
    DEFINITIONS = {
        mu: q**2 * L,
        beta: rate,
        k: L * (1 + q) ** 2 / 8,  # proof only
        s[after]: 2 * (L + mu) / (L - mu) * s[t] - s[before],
        F[0]: Integer(0), F[after]: F[t] + added(e),
        G[0]: Integer(0), G[after]: G[t] + added(s),
    }
    horizon, positive_q, below_1, positive_L = Ge(T, 0), Gt(q, 0), Lt(q, 1), Gt(L, 0)
    mirrored, unseen = Eq(s[-1], s[1]), Eq(e[T], s[0])
    power = beta**T
    chebyshev = 2 * power / (1 + power**2)
    CONCLUSION = Le(chebyshev**2 * G[T], F[T])

    # Invariants. In beta the two ways round add k ((x - beta y)^2 + (y - beta x)^2) for an edge.
    far, left, B, B2 = s[0], 1 - beta**2, beta**t, (beta**t) ** 2
    next_B2 = at(B2, after)
    height = Eq(2 * B * s[t], (1 + B2) * far)
    lower = Eq(2 * beta * B * s[before], (beta**2 + B2) * far)
    final = Le(k * left * (1 - B2) * e[t] ** 2, (1 + B2) * F[t])
    first = Eq(4 * B2 * G[t], k * left * (1 - B2) * (1 + B2) * far**2)
    final_sign, first_sign = Le(0, F[t]), Le(0, G[t])
    falls, rises = 2 * beta * B * (s[t] - beta * s[after]), 2 * beta * B * (s[after] - beta * s[t])
    _ = {
        "positive_beta": Gt(beta, 0),
        "coupled": Lt(mu, L),
        "falling": Eq(falls, beta * B2 * left * far),
        "rising": Eq(rises, left * far),
        "last_nonnegative": Ge(F[T], 0),
        "first_nonnegative": Ge(G[T], 0),
    }
    square = (1 + next_B2) * e[t] - beta * (1 + B2) * e[after]
    last_B2 = power**2

falling, rising = _["falling"], _["rising"]
coupled = _["coupled"]
final_T, first_T, final_sign_T, first_sign_T = (
    substitute(each, {t: T}) for each in (final, first, final_sign, first_sign)
)


def of_edge(values):
    """That what an edge adds is not negative."""
    x, y = values[t], values[after]
    return Term(Rational(1, 4), coupled, square=x - y), Term(mu / 2, square=x), Term(mu / 2, square=y)


start = (
    Step("start_height", at(height, 0), Certificate()),
    Step("start_lower", at(lower, 0), Certificate(Term(beta, mirrored)),
         "The ring is the same on both sides of the opposite node."),
    Step("start_final", at(final, 0), Certificate()),
    Step("start_first", at(first, 0), Certificate()),
    Step("start_final_sign", at(final_sign, 0), Certificate()),
    Step("start_first_sign", at(first_sign, 0), Certificate()),
)
advance = (
    Step("lower", at(lower, after), Certificate(Term(beta**2, height))),
    Step("height", at(height, after), Certificate(Term(1 + beta**2, height), Term(-1, lower)),
         "The recurrence of the Chebyshev polynomials."),
    Step("final", at(final, after), Certificate(
        Term((1 + next_B2) / (1 + B2), final), Term(2 * k / (1 + B2), square=square)),
         "The least that t + 1 edges can add, given the error at node t + 1: a square is left over."),
    Step("falling", falling, Certificate(Term(beta, height), Term(-beta, at(height, after)))),
    Step("rising", rising, Certificate(Term(1, at(height, after)), Term(-(beta**2), height))),
    Step("first", at(first, after), Certificate(
        Term(beta**2, first), Term(k * (falling.lhs + falling.rhs), falling),
        Term(k * (rising.lhs + rising.rhs), rising)),
         "What t + 1 edges add to the first excess, exactly."),
    Step("final_sign", at(final_sign, after), Certificate(Term(1, final_sign), *of_edge(e))),
    Step("first_sign", at(first_sign, after), Certificate(Term(1, first_sign), *of_edge(s))),
)

PROOF = (
    Step("positive_beta", _["positive_beta"], Certificate(Term(1 / (1 + q), below_1))),
    Step("coupled", coupled, Certificate(Term(L * (1 + q), below_1)), "Neighbours see each other."),
    Step("least", final_T, Induction(
        invariants=(height, lower, final, first, final_sign, first_sign), first=(start,), advance=advance),
         "Whatever the errors at the other nodes."),
    Step("last_nonnegative", _["last_nonnegative"], Certificate(Term(1, final_sign_T))),
    Step("first_nonnegative", _["first_nonnegative"], Certificate(Term(1, first_sign_T))),
    Step("conclusion", CONCLUSION, Certificate(
        Term(1 / (1 + last_B2), final_T), Term(-1 / (1 + last_B2) ** 2, first_T),
        Term(k * left * (1 - last_B2) / (1 + last_B2) * (e[T] + far), unseen)),
         "The opposite node still has its first error."),
)

SYMBOLS = {
    q: "sqrt(mu/L) = 1/sqrt(kappa)", L: "largest eigenvalue", mu: "least eigenvalue, q^2 L",
    beta: "(1-q)/(1+q) = (sqrt(kappa)-1)/(sqrt(kappa)+1)", k: "L (1+q)^2/8 (in the proof)",
    e: "error x_T - x* at node t of the ring, the source at node 0",
    s: "error x_0 - x* at node T - t",
    F: "what the first t edges add to f(x_T) - f*: F_T is all of it",
    G: "what the first t edges, from the opposite node, add to f(x_0) - f*: G_T is all of it",
    t: "node", T: "number of steps, and the opposite node",
}


def measure(instance, arithmetic):
    """One row: a run on a `linres.ring.Ring`."""
    run = instance.measured(arithmetic)
    return [{
        q: run.q, L: run.L, T: instance.reach, e: run.error, s: run.start, F: run.excess, G: run.first_excess,
    }]


def instances():
    """Runs of four methods, and ends of any other, on rings of up to 12 nodes."""
    return rings(max_reach=6)


def sample(generator, count):
    """Ends of runs in bulk, in float64."""
    made = bulk(generator, count)
    columns = {q: made.q, L: made.L, F: made.excess, G: made.first_excess, T: STAGES}
    return Batch(columns, made.instance, count)


def attained(method="chebyshev", *, inverse_root=Fraction(1, 2), steps=4):
    """A run of a method that attains the bound: "chebyshev" or "conjugate-gradient"."""
    return Ring(inverse_root, Fraction(3), Fraction(2), steps, method)


def one_step_more(steps=1):
    """Conjugate gradients with a step for each of the T + 1 eigenvalues."""
    return Ring(Fraction(1, 2), Fraction(3), Fraction(2), steps, "conjugate-gradient", steps=steps + 1)


def not_mirrored(instance, arithmetic):
    """Numbers of no ring: an error of the start that is 0 at the opposite node, and odd around it."""
    number = arithmetic.number
    height = number(instance)
    return [{
        q: number(Fraction(1, 2)), L: number(4), T: 1, e: {0: 0 * height, 1: 0 * height},
        s: {-1: -height, 0: 0 * height, 1: height}, F: {0: 0 * height, 1: 0 * height},
        G: {0: 0 * height, 1: 5 * height * height / 4},
    }]


def _controls():
    tight, long, few = attained(), attained(inverse_root=Fraction(1, 16), steps=6), attained("conjugate-gradient")
    downhill = Ring(Fraction(1, 2), Fraction(-3), Fraction(2), 2, "gradient")
    less, more = Rational(19, 20), Rational(21, 20)
    with sympy.evaluate(False):
        def claim(rate_claimed, stages=T):
            return {chebyshev: 2 * rate_claimed**stages / (1 + (rate_claimed**stages) ** 2)}

        stronger = {
            "root-of-kappa-5-percent-larger": (claim(nesterov.momentum(less * q)), long),
            "kappa-10-percent-larger": (claim(nesterov.momentum(Rational(1907, 2000) * q)), tight),
            "rate-5-percent-slower": (claim(more * beta), tight),
            "a-step-less": (claim(beta, T - 1), few),
            "no-denominator": ({chebyshev: 2 * power}, tight),
            "the-rate-of-gradient-descent": (claim((1 - q**2) / (1 + q**2)), few),
            "root-instead-of-excess": ({chebyshev**2: chebyshev}, tight),
            "excess-5-percent-larger": ({G[T]: more * G[T]}, tight),
        }
        weaker = {
            "rate-5-percent-faster": (claim(less * beta), tight),
            "a-step-more": (claim(beta, T + 1), tight),
            "the-rate-alone": ({chebyshev: power}, tight),
            "excess-5-percent-smaller": ({G[T]: less * G[T]}, tight),
        }
    return (
        *(Control(name, "stronger", change=change, witness=w) for name, (change, w) in stronger.items()),
        *(Control(name, "weaker", change=change, witness=w) for name, (change, w) in weaker.items()),
        Control("conjugate-gradients-end", "stronger", drop=(unseen,), witness=one_step_more()),
        Control("no-mirror-image", "stronger", drop=(mirrored,), measure=not_mirrored, witness=Fraction(1)),
        Control("without-a-positive-L", "stronger", drop=(positive_L,), witness=downhill),
    )


THEOREM = Theorem(
    name="chebyshev-lower-bound",
    title="No first-order method beats Chebyshev's",
    provenance="classical",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, positive_q, below_1, positive_L, mirrored, unseen),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    extremal=(attained(), attained("conjugate-gradient", inverse_root=Fraction(1, 16), steps=3)),
    valid=anything,
    expect="proved",
)
