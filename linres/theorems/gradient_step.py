r"""One gradient step contracts the excess by (1 - 1/kappa)^2.

f is L-smooth and mu-strongly convex on a Hilbert space with minimiser x*, q = sqrt(mu/L) in (0, 1), so 1/kappa = q^2:

    x_next = x - grad f(x)/L    implies    f(x_next) - f* <= (1 - q^2)^2 (f(x) - f*).

Attained, for every q, by a quadratic along its mu-eigenvector: gradient descent, and so stacking from zero starts,
contracts the excess by (1 - 1/kappa)^2 per stage and no faster. The proof uses the interpolation inequality of smooth
strongly convex functions, which for three points is all that is known of such an f.
"""

from fractions import Fraction
from functools import partial
from typing import NamedTuple

import sympy
from sympy import Ge, Gt, Le, Lt, Rational, Symbol, sqrt, symbols

from linres.arithmetic import Symbolic
from linres.certificate import Term
from linres.instances import NesterovRun
from linres.language import Inner
from linres.methods import descent
from linres.theorem import Certificate, Control, GenericStep, Step, Theorem

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


class Readings(NamedTuple):
    """Slopes and values on the line, at x and at x - g/L, that no function need have. The minimum is 0, at 0."""

    q: Fraction
    L: Fraction
    x: Fraction
    g: Fraction
    g_next: Fraction
    f_x: Fraction
    f_next: Fraction


def measure(instance, arithmetic, pace=1, step=descent.step):
    """One row for each gradient step from x on the function of a `linres.instances.NesterovRun`; pace: L times size."""
    function = instance.function(arithmetic)
    here, parameters = arithmetic.matrix([[entry] for entry in instance.x]), _parameters(instance, arithmetic)
    rows = []
    for _ in range(instance.stages):
        there = step(here, function.gradient, step_size=arithmetic.number(pace) / parameters[L])
        rows.append(parameters | {
            x: here, x_next: there, x_star: function.minimiser, g: function.gradient(here),
            g_next: function.gradient(there), f_x: function.value(here), f_next: function.value(there),
            f_star: function.minimum,
        })
        here = there
    return rows


def _parameters(instance, arithmetic):
    return {q: arithmetic.number(instance.q), L: arithmetic.number(instance.L)}


def instances():
    """Up to 3 steps on smooth strongly convex functions that are quadratic on each orthant of a rational basis."""
    from linres.strategies import descents

    return descents(max_stages=3)


def sample(generator, count):
    """Steps in bulk on quadratics, taken by the compiled kernel."""
    from linres.sampling.first_order import gradient_steps

    return gradient_steps(generator, count, symbols=(f_x, f_next, f_star, q, L))


def _as_read(instance, arithmetic):
    """Measure `Readings` as they are."""
    read = {name: arithmetic.number(value) for name, value in instance._asdict().items()}
    here, slope, slope_next = (arithmetic.matrix([[read[name]]]) for name in ("x", "g", "g_next"))
    there = descent.step(here, lambda _: slope, step_size=1 / read["L"])
    return [_parameters(instance, arithmetic) | {
        x: here, x_next: there, x_star: 0 * here, g: slope, g_next: slope_next, f_x: read["f_x"],
        f_next: read["f_next"], f_star: arithmetic.number(0),
    }]


def along_an_eigenvector(inverse_root, share=Fraction(0)):
    """A quadratic along the eigenvector of curvature mu + share (L - mu): for share 0 attained, whatever q is."""
    return NesterovRun(
        q=inverse_root, L=Fraction(3), up=(share,), down=(share,), x=(Fraction(2),), x_prev=(Fraction(2),),
        minimum=Fraction(-3, 4),
    )


def unlike_any_function(dropped):
    """Readings that satisfy the interpolation inequalities but for the one dropped; q = 1/2, L = 4, mu = 1, x = 1."""
    half, one, gone = Fraction(1, 2), Fraction(1), Fraction(0)
    mu_, L_, there = one, Fraction(4), Fraction(3, 4)
    g_, g_next_, f_, f_next_ = {
        "from-next": (mu_, L_ * there, mu_ / 2, L_ * there**2 / 2),  # curvature mu at x and L at x_next
        "star-from-x": (gone, mu_, mu_ / (2 * there), mu_ / 2),  # no slope at x, so no step
        "star-from-next": (mu_, gone, mu_ / 2, mu_ * there / 2),  # a second minimum at x_next
    }[dropped]
    return Readings(half, L_, one, g_, g_next_, f_, f_next_)


def _controls():
    tight, well, ill = (along_an_eigenvector(Fraction(*ratio)) for ratio in ((1, 2), (63, 64), (1, 16)))
    steep = along_an_eigenvector(well.q, Fraction(1))
    less, more = Rational(19, 20), Rational(21, 20)
    above, below = along_an_eigenvector(well.q, Fraction(4)), along_an_eigenvector(tight.q, Fraction(-1, 40))
    interpolations = {"from-next": from_next, "star-from-x": star_from_x, "star-from-next": star_from_next}
    with sympy.evaluate(False):
        rate = remains**2
        stronger = {
            "contraction-5-percent-faster": ({remains: 1 - more * q**2}, ill),
            "constant-5-percent-smaller": ({rate: less * rate}, tight),
            "exponent-6-percent-larger": ({rate: rate * sqrt(sqrt(sqrt(remains)))}, tight),
            "rate-of-stacking": ({rate: (1 - q) ** 2}, tight),
        }
        weaker = {
            "contraction-5-percent-slower": {remains: 1 - less * q**2},
            "constant-5-percent-larger": {rate: more * rate},
            "exponent-halved": {rate: remains},
        }
    return (
        *(Control(name, "stronger", change=change, witness=witness) for name, (change, witness) in stronger.items()),
        *(Control(name, "weaker", change=change, witness=tight) for name, change in weaker.items()),
        Control("step-5-percent-shorter", "stronger", measure=partial(measure, pace=Fraction(19, 20)), witness=tight),
        Control("step-5-percent-longer", "stronger", measure=partial(measure, pace=Fraction(21, 20)), witness=steep),
        Control("without-smoothness", "stronger", drop=tuple(interpolations.values()), witness=above),
        Control("without-strong-convexity", "stronger", drop=tuple(interpolations.values()), witness=below),
        *(
            Control(f"without-{name}", "stronger", drop=(each,), measure=_as_read, witness=unlike_any_function(name))
            for name, each in interpolations.items()
        ),
    )


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
    sample=sample,
    method=GenericStep("descent", lambda step: partial(measure, step=step)),
    proof=PROOF,
    controls=_controls(),
    extremal=tuple(along_an_eigenvector(Fraction(k, 8)) for k in range(1, 8)),
    expect="proved",
)
