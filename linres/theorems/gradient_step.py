r"""One gradient step contracts the excess by (1 - 1/kappa)^2.

f is L-smooth and mu-strongly convex on a Hilbert space with minimiser x*, q = sqrt(mu/L) in (0, 1), so 1/kappa = q^2:

    x_next = x - grad f(x)/L    implies    f(x_next) - f* <= (1 - q^2)^2 (f(x) - f*).

Attained, for every q, by a quadratic along its mu-eigenvector: gradient descent, and so stacking from zero starts,
contracts the excess by (1 - 1/kappa)^2 per stage and no faster. The proof uses the interpolation inequality of smooth
strongly convex functions, which for three points is all that is known of such an f.
"""

from fractions import Fraction

import sympy
from sympy import Ge, Gt, Le, Lt, Symbol, symbols

from linres.arithmetic import Symbolic
from linres.certificate import Term
from linres.language import Inner
from linres.methods import descent
from linres.theorem import Certificate, Step, Theorem

q, L, mu, f_x, f_next, f_star = symbols("q L mu f_x f_next f_star", real=True)
x, x_next, x_star, g = symbols("x x_next x_star g", commutative=False)
g_next = Symbol("g_next", commutative=False)

_slope = Symbolic(g)
DEFINITIONS = {mu: q**2 * L, x_next: descent.step(Symbolic(x), lambda _: _slope, step_size=1 / L).expr}


def interpolation(a, b, *, values, slopes):
    """f(a) >= f(b) + <f'(b), a - b> + (|f'(a) - f'(b)|^2/L + mu|a - b|^2 - 2 q^2 <f'(a) - f'(b), a - b>)/(2(1 - q^2)).

    values: f(a), f(b); slopes: f'(a), f'(b). Every L-smooth mu-strongly convex f satisfies it for any two points.
    """
    between = slopes[0] - slopes[1]
    curvature = Inner(between, between) / L + mu * Inner(a - b, a - b) - 2 * q**2 * Inner(between, a - b)
    return Ge(values[0], values[1] + Inner(slopes[1], a - b) + curvature / (2 * (1 - q**2)))


with sympy.evaluate(False):
    positive_q, below_1, positive_L = Gt(q, 0), Lt(q, 1), Gt(L, 0)
    no_slope = 0 * g
    from_next = interpolation(x, x_next, values=(f_x, f_next), slopes=(g, g_next))
    star_from_x = interpolation(x_star, x, values=(f_star, f_x), slopes=(no_slope, g))
    star_from_next = interpolation(x_star, x_next, values=(f_star, f_next), slopes=(no_slope, g_next))
    remains = 1 - q**2
    CONCLUSION = Le(f_next - f_star, remains**2 * (f_x - f_star))
    share = 1 / (2 * L * (1 - q**2))
    below_1_squared = Gt(1 - q**2, 0)

PROOF = (
    Step("below_1_squared", below_1_squared, Certificate(Term(1 + q, below_1))),
    Step("conclusion", CONCLUSION, Certificate(
        Term(remains, from_next), Term(remains * q**2, star_from_x), Term(q**2, star_from_next),
        Term(share, norm=g_next + q**2 * g - mu * (x - x_star)), Term(1 / (2 * L), norm=g - mu * (x - x_star)))),
)

SYMBOLS = {
    q: "sqrt(mu/L) = 1/sqrt(kappa)", L: "smoothness: the gradient is L-Lipschitz", mu: "strong convexity, q^2 L",
    x: "point", x_next: "point one step later", x_star: "minimiser",
    g: "gradient at x", g_next: "gradient at x_next",
    f_x: "f(x)", f_next: "f(x_next)", f_star: "minimum of f",
}


def measure(instance, arithmetic):
    raise NotImplementedError


def instances():
    raise NotImplementedError


THEOREM = Theorem(
    name="gradient-step",
    title="One gradient step contracts the excess by (1 - 1/kappa)^2",
    provenance="classical",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(positive_q, below_1, positive_L, from_next, star_from_x, star_from_next),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    proof=PROOF,
    expect="proved",
)
