r"""One step of Nesterov's method with errors on a convex function, strongly convex or not.

f is convex and L-smooth on a Hilbert space with a minimiser x*, tau and tau' numbers, tau' >= 1,

    y = x + ((tau-1)/tau')(x - x_prev) + D,     x_next = y - grad f(y)/L + e,     z = x_prev + tau (x - x_prev),
    Phi = tau^2 (f(x) - f*) + (L/2)|z - x*|^2,

and Phi_next the same one stage later, with tau'. With d = |D|, m = tau' sqrt(L/2) d and n = tau' sqrt(L/2)|e|,

    Phi_next <= (B + n)^2 + n^2,    B = sqrt(Phi - (tau^2 - tau'(tau'-1))(f(x) - f*)) + m.

If tau'^2 - tau' < tau^2, what is taken away under the root is dissipated; with equality it is 0. tau' >= 1 is needed
(`before_one`): with f = (L/2) min(x, 0)^2, tau = tau' = 1/2, x = 1 and x_prev = -1 the potential grows from 0 to L/8.

Idea: y is an average of x and the auxiliary point z + tau' D, so a lookahead error is another start; the potential is a
constant plus |affine in z|^2, so its root obeys the triangle inequality.

Sharp: attained with every term present (`attained`: tau' = 1, y at the edge of a set of minimisers). With tau' > 1 and
f(x) > f* it is not attained, but in the limit: far out on a straight line, from where z is near the minimiser, the
ratio of both sides goes to 1 (`far_out`).
"""

from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import sympy
from sympy import Ge, Gt, Le, Rational, Symbol, sqrt, symbols

from linres.arithmetic import Symbolic
from linres.certificate import Term
from linres.convex_runs import ConvexRun
from linres.language import Inner, norm
from linres.methods import descent, nesterov
from linres.theorem import Certificate, Control, Rule, Step, Theorem

L, tau, tau_next = symbols("L tau tau_next", real=True)
f_x, f_y, f_next, f_star = symbols("f_x f_y f_next f_star", real=True)
x, x_prev, x_star, D, e, g = symbols("x x_prev x_star D e g", commutative=False)
Phi, Phi_next, d, e_norm = symbols("Phi Phi_next d e_norm", real=True)
y, x_next, z, z_next = symbols("y x_next z z_next", commutative=False)
p = Symbol("p", commutative=False)

# One step, run on formal vectors by the very code that runs on numbers.
_point, _before, _lookahead, _slip, _slope = map(Symbolic, (x, x_prev, D, e, g))
_y, _next = nesterov.step(
    _point, _before, lambda _: _slope, momentum=nesterov.convex_momentum(tau, tau_next), step_size=1 / L,
    lookahead_error=_lookahead, step_error=_slip,
)
_free = descent.step(Symbolic(y), lambda _: _slope, step_size=1 / L)


def _square(vector):
    return Inner(vector, vector)


def _potential(value, auxiliary, weight):
    return nesterov.convex_potential(value - f_star, _square(auxiliary - x_star), tau=weight, L=L)


DEFINITIONS = {
    y: _y.expr,
    x_next: _next.expr,
    z: nesterov.convex_auxiliary(_point, _before, tau=tau).expr,
    z_next: nesterov.convex_auxiliary(Symbolic(x_next), _point, tau=tau_next).expr,
    Phi: _potential(f_x, z, tau),
    Phi_next: _potential(f_next, z_next, tau_next),
    d: norm(D),
    e_norm: norm(e),
    # Proof only: the next auxiliary point without step error, relative to the minimiser.
    p: nesterov.convex_auxiliary(_free, _point, tau=tau_next).expr - x_star,
}

with sympy.evaluate(False):
    positive_L, at_least_1 = Gt(L, 0), Ge(tau_next, 1)
    smooth = Le(f_next, f_y + Inner(g, x_next - y) + L / 2 * _square(x_next - y))
    convex_x = Ge(f_x, f_y + Inner(g, x - y))
    convex_star = Ge(f_star, f_y + Inner(g, x_star - y))
    minimum_x = Ge(f_x, f_star)
    minimum_y = Le(f_star, f_y - _square(g) / (2 * L))

    excess = f_x - f_star
    loss = tau**2 - tau_next * (tau_next - 1)
    kept = Phi - loss * excess
    m = tau_next * sqrt(L / 2) * d
    n = tau_next * sqrt(L / 2) * e_norm
    B = sqrt(kept) + m
    CONCLUSION = Le(Phi_next, (B + n) ** 2 + n**2)

    # Proof. shifted is what is kept, from the auxiliary point shifted by tau' D.
    shifted = tau_next * (tau_next - 1) * excess + L / 2 * _square((z - x_star) + tau_next * D)
    free = tau_next**2 * (f_y - _square(g) / (2 * L) - f_star) + L / 2 * _square(p)
    half = L / 2 * tau_next
    aim = z - x_star
    _ = {
        "positive_tau": Gt(tau_next, 0),
        "kept": Ge(kept, 0),
        "free": Le(free, shifted),
        "angle": Le(Inner(aim, D) ** 2, _square(aim) * _square(D)),
        "squared": Le((half * Inner(aim, D)) ** 2, (sqrt(kept) * m) ** 2),
        "rooted": Le(half * Inner(aim, D), sqrt(kept) * m),
        "lookahead": Le(shifted, (sqrt(kept) + m) ** 2),
        "carried": Le(free, B**2),
        "distance": Le(L / 2 * _square(p), free),
        "split": Le(Phi_next, free + 2 * half * Inner(p, e) + 2 * n**2),
        "slip_angle": Le(Inner(p, e) ** 2, _square(p) * _square(e)),
        "slip_squared": Le((half * Inner(p, e)) ** 2, (B * n) ** 2),
        "slip_rooted": Le(half * Inner(p, e), B * n),
    }

PROOF = (
    Step("positive_tau", _["positive_tau"], Certificate(Term(1, at_least_1), Term(1))),
    Step("kept", _["kept"], Certificate(Term(tau_next, at_least_1, minimum_x), Term(L / 2, norm=aim)),
         "With D = 0 this is the shifted potential, two terms that are not negative."),
    Step("free", _["free"], Certificate(Term(tau_next, at_least_1, convex_x), Term(tau_next, convex_star)),
         "The step without step error, from the auxiliary point shifted by tau' D."),
    Step("angle", _["angle"], Rule("cauchy_schwarz")),
    Step("squared", _["squared"], Certificate(
        Term(L / 2 * tau_next**3, at_least_1, minimum_x, norm=D), Term(L**2 / 4 * tau_next**2, _["angle"]))),
    Step("rooted", _["rooted"], Rule("root", _["squared"])),
    Step("lookahead", _["lookahead"], Certificate(Term(2, _["rooted"])),
         "First perturbation lemma: the root of the shifted potential grows by at most tau' sqrt(L/2)|D|."),
    Step("carried", _["carried"], Certificate(Term(1, _["free"]), Term(1, _["lookahead"]))),
    Step("distance", _["distance"], Certificate(Term(tau_next**2, minimum_y))),
    Step("split", _["split"], Certificate(Term(tau_next**2, smooth)),
         "The step error moves x by e and z by tau' e; smoothness pays the one, the distance the other."),
    Step("slip_angle", _["slip_angle"], Rule("cauchy_schwarz")),
    Step("slip_squared", _["slip_squared"], Certificate(
        Term(L / 2 * tau_next**2, _["carried"], norm=e), Term(L / 2 * tau_next**2, _["distance"], norm=e),
        Term(L**2 / 4 * tau_next**2, _["slip_angle"]))),
    Step("slip_rooted", _["slip_rooted"], Rule("root", _["slip_squared"])),
    Step("conclusion", CONCLUSION, Certificate(
        Term(1, _["split"]), Term(1, _["carried"]), Term(2, _["slip_rooted"])),
         "Second perturbation lemma: the step error adds n to the root and n^2 besides."),
)

SYMBOLS = {
    L: "smoothness: the gradient is L-Lipschitz",
    tau: "weight of the excess in the potential, and of the momentum", tau_next: "weight one stage later",
    x: "point", x_prev: "point one stage before", x_next: "point one stage later", x_star: "a minimiser",
    y: "lookahead point", z: "auxiliary point", z_next: "auxiliary point one stage later",
    D: "lookahead error", e: "step error", g: "gradient at y",
    f_x: "f(x)", f_y: "f(y)", f_next: "f(x_next)", f_star: "minimum of f",
    Phi: "potential", Phi_next: "potential one stage later",
    d: "|D|", e_norm: "|e|",
    p: "next auxiliary point without step error, minus the minimiser (in the proof)",
}


def row(run, t):
    """The symbols of the statement at stage t of a run."""
    stage = run.stages[t]
    return {
        L: run.L, tau: run.tau[t], tau_next: run.tau[t + 1], x_star: run.minimiser, f_star: run.minimum,
        x_prev: stage.x_prev, x: stage.x, y: stage.y, x_next: stage.x_next,
        D: stage.lookahead_error, e: stage.step_error, g: stage.gradient,
        f_x: stage.f_x, f_y: stage.f_y, f_next: stage.f_next,
        Phi: stage.potential, Phi_next: stage.potential_next,
    }


def measure(instance, arithmetic):
    """One row for each stage of a run (see `linres.convex_runs`)."""
    run = instance.record(arithmetic)
    return [row(run, t) for t in range(len(run.stages))]


def instances():
    """Short runs on convex functions with flat and steep sides and straight ends."""
    from linres.strategies import convex_runs

    return convex_runs(max_stages=3)


def sample(generator, count):
    """Runs in bulk, measured in compiled float64 (see `linres.sampling`)."""
    from linres.sampling.first_order import convex_steps

    return convex_steps(generator, count, symbols=(Phi, Phi_next, f_x, f_next, d, e_norm, f_star, L, tau, tau_next))


def claimed_exact(step):
    """Measure a wrong method, claiming that it makes no errors."""

    def measure_wrong(instance, arithmetic):
        run = instance.record(arithmetic, step=step)
        nothing = run.minimiser - run.minimiser
        return [row(run, t) | {D: nothing, e: nothing} for t in range(len(run.stages))]

    return measure_wrong


def stale_gradient(x, x_prev, gradient, **options):
    """A wrong method: the gradient is taken at x instead of y."""
    return nesterov.step(x, x_prev, lambda _: gradient(x), **options)


def no_momentum(x, x_prev, gradient, *, momentum, **options):
    """A wrong method: gradient descent, by its name only Nesterov's."""
    return nesterov.step(x, x_prev, gradient, momentum=0 * momentum, **options)


def more_momentum(x, x_prev, gradient, *, momentum, **options):
    """A wrong method: 5 percent too much momentum."""
    return nesterov.step(x, x_prev, gradient, momentum=momentum + momentum / 20, **options)


class Readings(NamedTuple):
    """Numbers on the line that no convex function need have, the minimiser and the minimum at 0; no lookahead error."""

    L: Fraction
    tau_next: Fraction
    x: Fraction
    z: Fraction
    D: Fraction
    e: Fraction
    g: Fraction
    f_x: Fraction
    f_y: Fraction
    f_next: Fraction


def as_read(instance, arithmetic):
    """Measure `Readings` as they are, at tau = 2."""
    read = {name: arithmetic.number(value) for name, value in instance._asdict().items()}
    here, auxiliary, drift, wobble, slope = (
        arithmetic.matrix([[read[name]]]) for name in ("x", "z", "D", "e", "g")
    )
    before, now, later = here + here - auxiliary, arithmetic.number(2), read["tau_next"]
    ahead, there = nesterov.step(
        here, before, lambda _: slope, momentum=nesterov.convex_momentum(now, later), step_size=1 / read["L"],
        lookahead_error=drift, step_error=wobble,
    )
    return [{
        L: read["L"], tau: now, tau_next: later, x_star: 0 * here, f_star: arithmetic.number(0), x_prev: before,
        x: here, y: ahead, x_next: there, D: drift, e: wobble, g: slope, f_x: read["f_x"], f_y: read["f_y"],
        f_next: read["f_next"],
    }]


def unlike_any_function(dropped):
    """Readings that satisfy every hypothesis but the one dropped, and break the conclusion."""
    numbers = {
        # L, tau_next, x, z, D, e, g, f_x, f_y, f_next
        "smoothness": "1 1 0 0 0 0 0 0 0 1",  # nothing moves, and the value rises
        "convexity-at-x": "1 2 1 1 0 0 1 0 1 1/2",  # x is at the minimum, y beside it above it
        "convexity-at-the-minimiser": "1 1 0 0 0 0 0 1 1 1",  # no slope above the minimum
        "minimum-at-x": "2 2 -1 2 1/2 0 1 -1 1 3/4",  # x is below the minimum
        "minimum-at-y": "2 1 0 0 0 -1 2 0 0 0",  # a slope at the minimum
    }[dropped]
    return Readings(*(Fraction(number) for number in numbers.split()))


def attained():
    """Everything is attained at once: tau' = 1, and y at the edge of the minimisers, x* within them, e leading out."""
    one, half = Fraction(1), Fraction(1, 2)
    return ConvexRun(
        L=Fraction(3), tau=(2 * one, one), up=(one,), down=(0 * one,), x=(one,), x_prev=(5 * half,),
        lookahead_error=(half,), step_error=(one / 3,), aside=(-one,),
    )


def far_out(distance=Fraction(10_000), weights=(Fraction(2, 3), Fraction(4, 3))):
    """On a straight line of slope L, z near the minimiser: the ratio of both sides goes to 1 with the distance."""
    one, (now, later) = Fraction(1), weights
    auxiliary = later  # so that z_next is the minimiser
    return ConvexRun(
        L=one, tau=weights, up=(one,), down=(one,), reach=(one,), x=(distance,),
        x_prev=((auxiliary - now * distance) / (1 - now),),
    )


def before_one(weight=Fraction(1, 2)):
    """tau = tau' = weight < 1, x and z = 0 on the flat side, and y on the other: the potential grows from 0."""
    one = Fraction(1)
    return ConvexRun(
        L=Fraction(3), tau=(weight, weight), up=(0 * one,), down=(one,), x=(one,), x_prev=(-weight / (1 - weight),)
    )


def _controls():
    sharp, limit = attained(), far_out()
    less, more = Rational(19, 20), Rational(21, 20)
    steeper = replace(sharp, up=(Fraction(11, 10),))
    moving = ConvexRun(
        L=Fraction(3), tau=(Fraction(2), Fraction(5, 2), Fraction(3), Fraction(7, 2)), up=(Fraction(1),),
        down=(Fraction(1),), x=(Fraction(1),), x_prev=(Fraction(3),),
    )
    dropped = {
        "smoothness": smooth, "convexity-at-x": convex_x, "convexity-at-the-minimiser": convex_star,
        "minimum-at-x": minimum_x, "minimum-at-y": minimum_y,
    }
    with sympy.evaluate(False):
        cross = B**2 + 2 * less * B * n + n**2
        growing = tau**2 - less * tau_next * (tau_next - 1)
        stronger = {
            "what-is-carried-5-percent-smaller": ({sqrt(kept): less * sqrt(kept)}, sharp),
            "dissipation-5-percent-larger": ({loss: more * loss}, sharp),
            "growth-5-percent-cheaper": ({loss: growing}, limit),
            "lookahead-constant-5-percent-smaller": ({m: less * m}, sharp),
            "step-error-5-percent-smaller": ({n: less * n}, sharp),
            "square-of-step-error-5-percent-smaller": ({n**2: less * n**2}, sharp),
            "cross-term-5-percent-smaller": ({(B + n) ** 2: cross}, sharp),
        }
        weaker = {
            "dissipation-5-percent-smaller": {loss: less * loss},
            "lookahead-constant-5-percent-larger": {m: more * m},
            "step-error-5-percent-larger": {n: more * n},
        }
    return (
        *(Control(name, "stronger", change=change, witness=witness) for name, (change, witness) in stronger.items()),
        *(Control(name, "weaker", change=change, witness=sharp) for name, change in weaker.items()),
        Control("weight-5-percent-below-1", "stronger", drop=(at_least_1,), witness=before_one(Fraction(19, 20))),
        Control("curvature-above-L", "stronger", drop=(smooth,), witness=steeper),
        *(
            Control(f"without-{name}", "stronger", drop=(each,), measure=as_read, witness=unlike_any_function(name))
            for name, each in dropped.items()
        ),
        Control("errors-not-counted", "stronger", measure=claimed_exact(nesterov.step), witness=sharp),
        Control("stale-gradient", "stronger", measure=claimed_exact(stale_gradient), witness=moving),
        Control("no-momentum", "stronger", measure=claimed_exact(no_momentum), witness=limit),
        Control("momentum-5-percent-larger", "stronger", measure=claimed_exact(more_momentum), witness=limit),
    )


THEOREM = Theorem(
    name="nesterov-convex-step",
    title="One step of Nesterov's method with errors on a convex function",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(positive_L, at_least_1, smooth, convex_x, convex_star, minimum_x, minimum_y),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    extremal=(attained(),),
    expect="proved",
)
