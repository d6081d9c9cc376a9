r"""One step of Nesterov's method with errors.

f is L-smooth and mu-strongly convex on a Hilbert space with minimiser x*, q = sqrt(mu/L) in (0, 1],

    y = x + (1-q)/(1+q) (x - x_prev) + D,     x_next = y - grad f(y)/L + e,     z = x + (1/q - 1)(x - x_prev),
    Phi = f(x) - f* + (mu/2)|z - x*|^2,

and Phi_next the same one stage later. With d = |D|, r = |z - x| and n = sqrt(L/2)|e|,

    Phi_next <= (B + n)^2 + n^2,    B = sqrt(1-q) ( sqrt(Phi - mu q r^2/(2(1+q))) + sqrt((1+q)L/2) d ).

Idea: a lookahead error D is the error-free method started from z + (1+q)/q D, because y = (x + q z)/(1+q) + D; the
potential of the error-free method is a constant plus |affine in z|^2, so its root obeys the triangle inequality.

Sharp: with D = 0 it is attained for every q < 1, all other terms present at once (`attained`: y = x*, curvature mu on
the side of x and L on the side that e pushes to). The lookahead error is sharp in the limit q -> 0: the ratio of the
sides is 1 - q^4 at Phi = 0, D along a mu-eigenvector (`lookahead_limit`).
"""

from dataclasses import replace
from fractions import Fraction

import sympy
from sympy import Ge, Gt, Le, Rational, sqrt, symbols

from linres.arithmetic import Symbolic
from linres.certificate import Term
from linres.instances import NesterovRun
from linres.language import Inner, norm
from linres.methods import descent, nesterov, wrong
from linres.theorem import Certificate, Control, GenericStep, Limit, Rule, Step, Theorem

q, L = symbols("q L", real=True)
f_x, f_y, f_next, f_star = symbols("f_x f_y f_next f_star", real=True)
x, x_prev, x_star, D, e, g = symbols("x x_prev x_star D e g", commutative=False)
mu, Phi, Phi_next, d, r, e_norm = symbols("mu Phi Phi_next d r e_norm", real=True)
y, x_next, z, z_next = symbols("y x_next z z_next", commutative=False)
p, a = symbols("p a", commutative=False)

# One step, run on formal vectors by the very code that runs on numbers.
_point, _before, _lookahead, _slip, _slope = map(Symbolic, (x, x_prev, D, e, g))
_y, _next = nesterov.step(
    _point, _before, lambda _: _slope, momentum=nesterov.momentum(q), step_size=1 / L,
    lookahead_error=_lookahead, step_error=_slip,
)
_free = descent.step(Symbolic(y), lambda _: _slope, step_size=1 / L)


def _square(vector):
    return Inner(vector, vector)


def _potential(value, auxiliary):
    return nesterov.potential(value - f_star, _square(auxiliary - x_star), mu=mu)


DEFINITIONS = {
    mu: q**2 * L,
    y: _y.expr,
    x_next: _next.expr,
    z: nesterov.auxiliary(_point, _before, q=q).expr,
    z_next: nesterov.auxiliary(Symbolic(x_next), _point, q=q).expr,
    Phi: _potential(f_x, z),
    Phi_next: _potential(f_next, z_next),
    d: norm(D),
    r: norm(z - x),
    e_norm: norm(e),
    # Proof only: p is the next auxiliary point without step error, relative to the minimiser; see the step "split".
    p: nesterov.auxiliary(_free, _point, q=q).expr - x_star,
    a: (z - x_star) + q * (x - x_star),
}

with sympy.evaluate(False):
    positive_q, at_most_1, positive_L = Gt(q, 0), Le(q, 1), Gt(L, 0)
    smooth = Le(f_next, f_y + Inner(g, x_next - y) + L / 2 * _square(x_next - y))
    convex_x = Ge(f_x, f_y + Inner(g, x - y) + mu / 2 * _square(x - y))
    convex_star = Ge(f_star, f_y + Inner(g, x_star - y) + mu / 2 * _square(x_star - y))
    minimum_x = Ge(f_x, f_star + mu / 2 * _square(x - x_star))
    minimum_y = Le(f_star, f_y - _square(g) / (2 * L))

    contraction = sqrt(1 - q)
    dissipation = mu * q / (2 * (1 + q))
    dissipated = Phi - dissipation * r**2
    lookahead_cost = sqrt((1 + q) * L / 2)
    m = lookahead_cost * d
    B = contraction * (sqrt(dissipated) + m)
    n = sqrt(L / 2) * e_norm
    CONCLUSION = Le(Phi_next, (B + n) ** 2 + n**2)

    # Proof. c is what the minimum leaves of the excess, k |a + (1+q)/q D|^2 the rest of the shifted potential.
    c = f_x - f_star - mu / 2 * q * _square(x - x_star)
    k = mu / (2 * (1 + q))
    shifted = c + k * _square(a + (1 + q) / q * D)
    free = f_y - _square(g) / (2 * L) - f_star + mu / 2 * _square(p)
    half = q * L / 2
    _ = {
        "excess": Ge(c, 0),
        "dissipated": Ge(dissipated, 0),
        "free": Le(free, (1 - q) * shifted),
        "angle": Le(Inner(a, D) ** 2, _square(a) * _square(D)),
        "squared": Le((half * Inner(a, D)) ** 2, (sqrt(dissipated) * m) ** 2),
        "rooted": Le(half * Inner(a, D), sqrt(dissipated) * m),
        "lookahead": Le(shifted, (sqrt(dissipated) + m) ** 2),
        "contracted": Le(free, B**2),
        "distance": Le(mu / 2 * _square(p), free),
        "split": Le(Phi_next, free + 2 * half * Inner(p, e) + 2 * n**2),
        "slip_angle": Le(Inner(p, e) ** 2, _square(p) * _square(e)),
        "slip_squared": Le((half * Inner(p, e)) ** 2, (B * n) ** 2),
        "slip_rooted": Le(half * Inner(p, e), B * n),
    }

PROOF = (
    Step("excess", _["excess"], Certificate(Term(1, minimum_x), Term(mu * (1 - q) / 2, norm=x - x_star)),
         "The minimum is quadratic: f(x) - f* exceeds (mu/2)|x - x*|^2, more than is taken away."),
    Step("dissipated", _["dissipated"], Certificate(Term(1, _["excess"]), Term(k, norm=a)),
         "With D = 0 the shifted potential is what is under the root; it is c + k|a|^2."),
    Step("free", _["free"], Certificate(Term(1 - q, convex_x), Term(q, convex_star)),
         "The step without step error, from the auxiliary point shifted by (1+q)/q D."),
    Step("angle", _["angle"], Rule("cauchy_schwarz")),
    Step("squared", _["squared"], Certificate(
        Term((1 + q) * L / 2, _["excess"], norm=D), Term(q**2 * L**2 / 4, _["angle"]))),
    Step("rooted", _["rooted"], Rule("root", _["squared"])),
    Step("lookahead", _["lookahead"], Certificate(Term(2, _["rooted"])),
         "First perturbation lemma: the root of the shifted potential grows by at most sqrt((1+q)L/2)|D|."),
    Step("contracted", _["contracted"], Certificate(Term(1, _["free"]), Term(1 - q, _["lookahead"]))),
    Step("distance", _["distance"], Certificate(Term(1, minimum_y))),
    Step("split", _["split"], Certificate(Term(1, smooth)),
         "The step error moves x by e and z by e/q; smoothness pays (L/2)|e|^2, the distance the rest."),
    Step("slip_angle", _["slip_angle"], Rule("cauchy_schwarz")),
    Step("slip_squared", _["slip_squared"], Certificate(
        Term(L / 2, _["contracted"], norm=e), Term(L / 2, _["distance"], norm=e),
        Term(q**2 * L**2 / 4, _["slip_angle"]))),
    Step("slip_rooted", _["slip_rooted"], Rule("root", _["slip_squared"])),
    Step("conclusion", CONCLUSION, Certificate(
        Term(1, _["split"]), Term(1, _["contracted"]), Term(2, _["slip_rooted"])),
         "Second perturbation lemma: the step error adds n to the root and n^2 besides."),
)

SYMBOLS = {
    q: "sqrt(mu/L) = 1/sqrt(kappa)",
    L: "smoothness: the gradient is L-Lipschitz",
    mu: "strong convexity, q^2 L",
    x: "point", x_prev: "point one stage before", x_next: "point one stage later", x_star: "minimiser",
    y: "lookahead point", z: "auxiliary point", z_next: "auxiliary point one stage later",
    D: "lookahead error", e: "step error", g: "gradient at y",
    f_x: "f(x)", f_y: "f(y)", f_next: "f(x_next)", f_star: "minimum of f",
    Phi: "potential", Phi_next: "potential one stage later",
    d: "|D|", r: "|z - x|", e_norm: "|e|",
    p: "next auxiliary point without step error, minus the minimiser (in the proof)",
    a: "z - x_star + q (x - x_star) (in the proof)",
}


def row(run, stage):
    """The symbols of the statement at one stage of a run."""
    return {
        q: run.q, L: run.L, x_star: run.minimiser, f_star: run.minimum,
        x_prev: stage.x_prev, x: stage.x, y: stage.y, x_next: stage.x_next,
        D: stage.lookahead_error, e: stage.step_error, g: stage.gradient,
        f_x: stage.f_x, f_y: stage.f_y, f_next: stage.f_next,
        Phi: stage.potential, Phi_next: stage.potential_next,
    }


def measure(instance, arithmetic):
    """One row for each stage of a run (see `linres.instances`)."""
    run = instance.record(arithmetic)
    return [row(run, stage) for stage in run.stages]


def instances():
    """Short runs on smooth strongly convex functions that are quadratic on each orthant of a rational basis."""
    from linres.strategies import nesterov_runs

    return nesterov_runs(max_stages=3)


def sample(generator, count):
    """Runs in bulk, measured in compiled float64 (see `linres.sampling`)."""
    from linres.sampling.first_order import nesterov_steps

    return nesterov_steps(generator, count, symbols=(Phi, Phi_next, d, e_norm, r, q, L))


def _claimed_exact(step):
    """Measure a wrong method, claiming that it makes no errors."""

    def measure_wrong(instance, arithmetic):
        run = instance.record(arithmetic, step=step)
        nothing = run.minimiser - run.minimiser
        return [row(run, stage) | {D: nothing, e: nothing} for stage in run.stages]

    return measure_wrong


def attained():
    """Everything is attained at once: y = x*, curvature mu on the side of x and L on the side e pushes to."""
    one, quarter = Fraction(1), Fraction(1, 4)
    return NesterovRun(
        q=quarter, L=Fraction(3), up=(0 * one,), down=(one,), x=(one,), x_prev=(2 / (1 - quarter),),
        step_error=(Fraction(-1, 3),),
    )


def lookahead_limit(inverse_root=Fraction(1, 8)):
    """Phi = 0 and D along a mu-eigenvector: the ratio of the sides is 1 - q^4, of their roots sqrt(1 - q^4)."""
    nothing = Fraction(0)
    return NesterovRun(
        q=inverse_root, L=Fraction(5), up=(nothing,), down=(nothing,), x=(nothing,), x_prev=(nothing,),
        lookahead_error=(Fraction(2),),
    )


HALVES = tuple(Fraction(1, 2**k) for k in range(1, 7))  # q, on its way to 0


def _from(base, **changes):
    return replace(base, **changes)


def _controls():
    sharp, limit = attained(), lookahead_limit()
    less, more = Rational(19, 20), Rational(21, 20)
    mu_, L_ = sharp.q**2 * sharp.L, sharp.L
    flatter, steeper = -mu_ / 10 / (L_ - mu_), Fraction(11, 10)
    with sympy.evaluate(False):
        faster, slower = sqrt(1 - more * q), sqrt(1 - less * q)
        cross = B**2 + 2 * less * B * n + n**2
        stronger = {
            "contraction-5-percent-faster": ({contraction: faster}, sharp),
            "dissipation-5-percent-larger": ({dissipation: more * dissipation}, sharp),
            "lookahead-constant-5-percent-smaller": ({lookahead_cost: less * lookahead_cost}, limit),
            "step-error-5-percent-smaller": ({n: less * n}, sharp),
            "square-of-step-error-5-percent-smaller": ({n**2: less * n**2}, sharp),
            "cross-term-5-percent-smaller": ({(B + n) ** 2: cross}, sharp),
        }
        weaker = {
            "contraction-5-percent-slower": {contraction: slower},
            "dissipation-5-percent-smaller": {dissipation: less * dissipation},
            "lookahead-constant-5-percent-larger": {lookahead_cost: more * lookahead_cost},
            "step-error-5-percent-larger": {n: more * n},
        }
    at_minimum = _from(sharp, x=(Fraction(0),), x_prev=(Fraction(0),), up=(steeper,), down=(steeper,))
    moving = _from(sharp, step_error=(), x_prev=(Fraction(0),), up=(Fraction(1),), stages=3)
    return (
        *(Control(name, "stronger", change=change, witness=witness) for name, (change, witness) in stronger.items()),
        *(Control(name, "weaker", change=change, witness=sharp) for name, change in weaker.items()),
        Control("without-smoothness", "stronger", drop=(smooth,), witness=at_minimum),
        Control("without-strong-convexity", "stronger", drop=(convex_x, convex_star, minimum_x),
                witness=_from(sharp, up=(flatter,))),
        Control("errors-not-counted", "stronger", measure=_claimed_exact(nesterov.step), witness=limit),
        Control("stale-gradient", "stronger", measure=_claimed_exact(wrong.stale_gradient), witness=moving),
        Control("no-momentum", "stronger", measure=_claimed_exact(wrong.with_momentum(0)),
                witness=_from(moving, up=(Fraction(0),))),
    )


THEOREM = Theorem(
    name="nesterov-step",
    title="One step of Nesterov's method with errors",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(positive_q, at_most_1, positive_L, smooth, convex_x, convex_star, minimum_x, minimum_y),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    sample=sample,
    method=GenericStep("nesterov", _claimed_exact),
    proof=PROOF,
    controls=_controls(),
    extremal=(attained(), lookahead_limit()),
    tightness=Limit(lookahead_limit, HALVES, ratio=1 - q**4, tends=(q, 0)),
    expect="proved",
)
