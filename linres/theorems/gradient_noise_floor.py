r"""Gradient descent with errors, all stages, in the excess itself: errors that do not fade leave a floor.

f is L-smooth and its gradient dominates, |grad f(x)|^2 >= 2 mu (f(x) - f*), as that of every mu-strongly convex
function does; q = sqrt(mu/L) in (0, 1], so 1/kappa = q^2. For x_{t+1} = x_t - grad f(x_t)/L + e_t and every T >= 0

    f(x_T) - f* <= (1-q^2)^T (f(x_0) - f*) + sum_{t<T} (1-q^2)^{T-1-t} (L/2)|e_t|^2.

If no error is longer than eps, the sum is at most kappa (L/2) eps^2, whatever T is: the floor. Unrolling
`gradient-with-errors` gives kappa^2 (L/2) eps^2 instead, but twice the rate; a sum of squares at that rate is no bound
(control `rate-of-roots`).

Attained, at every stage: errors that undo the step, e_t = grad f(x_t)/L, along a mu-eigenvector of a quadratic leave x
where it is, at the floor exactly (`gradient_with_errors.held_in_place`); and so for one stage, at any excess at all, if
the error goes off along an L-eigenvector besides (`off_the_floor`).
"""

from fractions import Fraction

import sympy
from sympy import Ge, Le, Rational

from linres.certificate import Term
from linres.instances import NesterovRun
from linres.language import GeometricSum, Inner
from linres.theorem import Certificate, Control, Rule, Step, Theorem
from linres.theorems import gradient_with_errors as roots
from linres.theorems.nesterov_step import at_most_1, positive_L, positive_q

q, L, mu, f_star, t, T = roots.q, roots.L, roots.mu, roots.f_star, roots.t, roots.T
x, e, g, f_x, e_norm = roots.x, roots.e, roots.g, roots.f_x, roots.e_norm
x_next, f_next = roots.x_next, roots.f_next

DEFINITIONS = {name: roots.DEFINITIONS[name] for name in (mu, x_next, e_norm[t])}

with sympy.evaluate(False):
    smooth = Le(f_next, f_x[t] + Inner(g[t], x_next - x[t]) + L / 2 * Inner(x_next - x[t], x_next - x[t]))
    dominance = Ge(Inner(g[t], g[t]), 2 * mu * (f_x[t] - f_star))
    remains = 1 - q**2
    slip = L / 2 * e_norm[t] ** 2
    CONCLUSION = Le(f_x[T] - f_star, GeometricSum(f_x[0] - f_star, remains, slip, t, T))
    _ = {
        "remains": Ge(remains, 0),
        "one_stage": Le(f_next - f_star, remains * (f_x[t] - f_star) + slip),
    }

PROOF = (
    Step("remains", _["remains"], Certificate(Term(1 + q, at_most_1))),
    Step("one_stage", _["one_stage"], Certificate(Term(1, smooth), Term(1 / (2 * L), dominance)),
         "Seen from x, where the error and the step are one displacement."),
    Step("conclusion", CONCLUSION, Rule("induction", _["one_stage"])),
)

SYMBOLS = {
    s: roots.SYMBOLS[s] for s in (q, L, x, e, g, f_x, e_norm, t, T)
} | {mu: "gradient dominance, q^2 L: strong convexity, say", f_star: "minimum of f"}


def measure(instance, arithmetic):
    """One row: the sequences of a run (see `linres.descents`), and its number of stages."""
    [row] = roots.measure(instance, arithmetic)
    return [{s: value for s, value in row.items() if s in SYMBOLS}]


def instances():
    """Runs on smooth strongly convex functions, with errors of every scale."""
    return roots.instances()


def sample(generator, count):
    """Runs in bulk on quadratics, by the compiled kernel (see `linres.sampling`)."""
    return roots.sample(generator, count)


def _claimed_exact(instance, arithmetic):
    """A wrong measurement: the errors are not reported."""
    [row] = roots.claimed_exact(instance, arithmetic)
    return [{s: value for s, value in row.items() if s in SYMBOLS}]


def off_the_floor():
    """As `held_in_place`, and the error also goes off along an L-eigenvector: attained for one stage."""
    one, nothing, quarter = Fraction(1), Fraction(0), Fraction(1, 4)
    return NesterovRun(
        q=Fraction(1, 2), L=Fraction(3), up=(nothing, one), down=(nothing, one), x=(one, nothing),
        x_prev=(one, nothing), step_error=(quarter, Fraction(5)), minimum=Fraction(-2),
    )


def _controls():
    held, off = roots.held_in_place(stages=4), off_the_floor()
    less, more = Rational(19, 20), Rational(21, 20)
    with sympy.evaluate(False):
        stronger = {
            "contraction-5-percent-faster": ({remains: 1 - more * q**2}, held),
            "error-5-percent-smaller": ({slip: less * slip}, held),
            "errors-discounted-a-stage-too-many": ({slip: remains * slip}, held),
            "rate-of-roots": ({remains: remains**2}, held),
        }
        weaker = {
            "contraction-5-percent-slower": ({remains: 1 - less * q**2}, held),
            "error-5-percent-larger": ({slip: more * slip}, off),
        }
    return (
        *(Control(name, "stronger", change=change, witness=w) for name, (change, w) in stronger.items()),
        *(Control(name, "weaker", change=change, witness=w) for name, (change, w) in weaker.items()),
        Control("errors-not-counted", "stronger", measure=_claimed_exact, witness=held),
        Control("without-smoothness", "stronger", drop=(smooth,),
                witness=roots.step_error_at_the_minimum(Fraction(11, 10))),
        Control("without-dominance", "stronger", drop=(dominance,),
                witness=roots.held_in_place(flatter=Fraction(1, 10))),
    )


THEOREM = Theorem(
    name="gradient-noise-floor",
    title="The noise floor of gradient descent",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(roots.horizon, positive_q, at_most_1, positive_L, smooth, dominance),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    extremal=(roots.held_in_place(stages=4), off_the_floor()),
    expect="proved",
)
