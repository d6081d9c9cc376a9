r"""One step of Nesterov's method with errors on a quadratic, in two lengths that keep its sharp rate.

f(x) = f* + <x - x*, A (x - x*)>/2 on a Hilbert space, A self-adjoint, mu <= A <= L, q = sqrt(mu/L) in (0, 1),

    y = x + (1-q)/(1+q) (x - x_prev) + D,     x_next = y - grad f(y)/L + e.

With c = (x - x*) - (1-q)(x_prev - x*), the departure from the double root, V = sqrt(U) and

    U = ( <L c - A c, c> + <A (x - x*) - mu (x - x*), x - x*> )/(1-q^2),     H = sqrt(mu)|x - x*|,

U_next, V_next and H_next one stage later, for every w >= 0

    H_next + w V_next <= (1-q)(H + (q + w) V) + (q + w) sqrt(L)(|e| + (1-q^2)|D|).

So V contracts by 1-q, and H does but for what V feeds it: hence (1 + q t)(1-q)^t, without any eigenvector, and errors
add up in both lengths. At rest (x_prev = x) V^2 = 2(f(x) - f*), and always H^2 + (1-q^2) V^2 >= 2(f(x) - f*).

Idea: K = (I - A/L)/(1-q^2) obeys 0 <= K <= I, the step is (x_next - x*) = (1-q) K (x - x* + c) + F with
|F| <= |e| + (1-q^2)|D|, U = L(<K c, c> + <(I-K)(x - x*), x - x*>), and where F = 0 U_next is (1-q)^2 times the same
with K K in place of K and K (I-K) in place of I-K. A is self-adjoint and 0 <= K <= I is used of the vectors x - x*, c
and D only: `along` of a vector v and its image A v says <A v - mu v, L v - A v> >= 0.

Sharp: attained from the minimiser for every error and weight w, and along a mu-eigenvector, where K = I (`attained`).
"""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import sympy
from sympy import Eq, Ge, Gt, Le, Lt, Rational, sqrt, symbols

from linres.arithmetic import Symbolic, rational
from linres.certificate import Term
from linres.instances import Function, NesterovRun
from linres.language import Inner, norm
from linres.methods import nesterov, wrong
from linres.theorem import Certificate, Control, GenericStep, Rule, Step, Theorem

q, L, w = symbols("q L w", real=True)
x, x_prev, x_star, D, e = symbols("x x_prev x_star D e", commutative=False)
g, g_prev, g_next, C = symbols("g g_prev g_next C", commutative=False)
mu, U, U_next, r, r_next, d, e_norm = symbols("mu U U_next r r_next d e_norm", real=True)
x_next, c, s, c_next, s_next = symbols("x_next c s c_next s_next", commutative=False)
p, k, F = symbols("p k F", commutative=False)

# One step, run on formal vectors by the very code that runs on numbers. The gradient is affine: at the lookahead point
# it is what looking ahead makes of the gradients, and of C = A D.
_point, _before, _slope, _slope_before = map(Symbolic, (x, x_prev, g, g_prev))
_settings = {"momentum": nesterov.momentum(q), "step_size": 1 / L}
_ahead, _ = nesterov.step(_slope, _slope_before, lambda _: _slope, lookahead_error=Symbolic(C), **_settings)
_y, _next = nesterov.step(
    _point, _before, lambda _: _ahead, lookahead_error=Symbolic(D), step_error=Symbolic(e), **_settings
)


def square(vector):
    return Inner(vector, vector)


def along(vector, image):
    """That the quadratic is between mu and L along the vector, whose image under A is given."""
    return Ge(Inner(image - mu * vector, L * vector - image), 0)


def _squared_length(offset, slope, departure, its_slope):
    """V^2 = L(<K c, c> + <(I - K)(x - x*), x - x*>)."""
    return (
        L * square(departure) - Inner(its_slope, departure) + Inner(slope, offset) - mu * square(offset)
    ) / (1 - q**2)


with sympy.evaluate(False):
    rate = 1 - q
    offset, offset_next = x - x_star, x_next - x_star

DEFINITIONS = {
    mu: q**2 * L,
    x_next: _next.expr,
    c: (x - x_star) - (1 - q) * (x_prev - x_star),
    s: g - (1 - q) * g_prev,
    c_next: (x_next - x_star) - (1 - q) * (x - x_star),
    s_next: g_next - (1 - q) * g,
    U: _squared_length(x - x_star, g, c, s),
    U_next: _squared_length(x_next - x_star, g_next, c_next, s_next),
    r: norm(x - x_star),
    r_next: norm(x_next - x_star),
    d: norm(D),
    e_norm: norm(e),
    # Proof only: K c, K (x - x*), and what the errors make of the step.
    p: (c - s / L) / (1 - q**2),
    k: (x - x_star - g / L) / (1 - q**2),
    F: D - C / L + e,
}

with sympy.evaluate(False):
    positive_q, below_1, positive_L, nonnegative_w = Gt(q, 0), Lt(q, 1), Gt(L, 0), Ge(w, 0)
    symmetric = Eq(Inner(g_next, offset), Inner(g, offset_next))
    along_x, along_c, along_D = along(offset, g), along(c, s), along(D, C)

    length, length_next = sqrt(U), sqrt(U_next)
    error = e_norm + (1 - q**2) * d
    distance, distance_next = q * sqrt(L) * r, q * sqrt(L) * r_next
    CONCLUSION = Le(
        distance_next + w * length_next, rate * (distance + (q + w) * length) + (q + w) * (sqrt(L) * error)
    )

    # Proof
    left = D - C / L
    fallen = g / L - q**2 * offset  # (1-q^2)(I - K)(x - x*)
    gap = 1 - q**2
    _ = {
        "below_1_squared": Gt(gap, 0),
        # What the errors make of the step
        "left_squared": Le(square(left), (gap * d) ** 2),
        "left": Le(norm(left), gap * d),
        "error_angle": Le(Inner(left, e) ** 2, square(left) * square(e)),
        "error_rooted": Le(Inner(left, e), norm(left) * e_norm),
        "error_squared": Le(square(F), error**2),
        "error": Le(norm(F), error),
        # V
        "kept": Le(L * square(p), U),
        "nonnegative": Ge(U, 0),
        "kept_rooted": Le(sqrt(L) * norm(p), length),
        "nonnegative_next": Ge(U_next, 0),
        "pushed": Le(U_next, rate**2 * U + 2 * L * rate * Inner(p, F) + L * square(F)),
        "angle": Le(Inner(p, F) ** 2, square(p) * square(F)),
        "rooted": Le(Inner(p, F), norm(p) * norm(F)),
        "length_squared": Le(U_next, (rate * length + sqrt(L) * error) ** 2),
        "length": Le(length_next, rate * length + sqrt(L) * error),
        # H
        "shrunk_squared": Le(square(k), r**2),
        "shrunk": Le(norm(k), r),
        "fed_angle": Le(Inner(k, p) ** 2, square(k) * square(p)),
        "fed_rooted": Le(Inner(k, p), norm(k) * norm(p)),
        "pushed_angle": Le(Inner(k, F) ** 2, square(k) * square(F)),
        "pushed_rooted": Le(Inner(k, F), norm(k) * norm(F)),
        "distance_squared": Le(r_next**2, (rate * (norm(k) + norm(p)) + norm(F)) ** 2),
        "distance_rooted": Le(r_next, rate * (norm(k) + norm(p)) + norm(F)),
        "distance": Le(distance_next, rate * (distance + q * length) + q * (sqrt(L) * error)),
    }
    doubled, twice_L = 2 * rate, 2 * L * rate
    root_L = sqrt(L)

PROOF = (
    Step("below_1_squared", _["below_1_squared"], Certificate(Term(1 + q, below_1))),
    Step("left_squared", _["left_squared"], Certificate(
        Term(1, norm=C / L - q**2 * D), Term(2 / L**2, along_D)),
        "D - A D/L = (1-q^2) K D, and K is a contraction."),
    Step("left", _["left"], Rule("root", _["left_squared"])),
    Step("error_angle", _["error_angle"], Rule("cauchy_schwarz")),
    Step("error_rooted", _["error_rooted"], Rule("root", _["error_angle"])),
    Step("error_squared", _["error_squared"], Certificate(
        Term(2, _["error_rooted"]), Term(norm(left) + gap * d + 2 * e_norm, _["left"]))),
    Step("error", _["error"], Rule("root", _["error_squared"]), "Both errors together."),
    Step("kept", _["kept"], Certificate(
        Term(1 / (L * gap**2), along_c), Term(1 / (L * gap**2), along_x), Term(L / gap**2, norm=fallen)),
        "V^2 - L|K c|^2 is what K c has lost, and what is in the excess."),
    Step("nonnegative", _["nonnegative"], Certificate(Term(1, _["kept"]), Term(L, norm=p))),
    Step("kept_rooted", _["kept_rooted"], Rule("root", _["kept"])),
    Step("nonnegative_next", _["nonnegative_next"], Certificate(
        Term(rate**2 / (L * gap**2), along_x), Term(L, norm=rate * p + F), Term(1 / (1 + q), symmetric)),
        "Without errors V_next^2 = (1-q)^2 L <K K c, c> + (1-q)^2 L <K (I-K) (x - x*), x - x*>."),
    Step("pushed", _["pushed"], Certificate(
        Term(rate**2 / (L * gap**2), along_c), Term(rate**2 * L / gap**2, norm=fallen),
        Term(-1 / (1 + q), symmetric)),
        "Where the errors push along K c, and else by what they are."),
    Step("angle", _["angle"], Rule("cauchy_schwarz")),
    Step("rooted", _["rooted"], Rule("root", _["angle"])),
    Step("length_squared", _["length_squared"], Certificate(
        Term(1, _["pushed"]), Term(twice_L, _["rooted"]), Term(doubled * root_L * norm(F), _["kept_rooted"]),
        Term(doubled * length * root_L, _["error"]), Term(L * (norm(F) + error), _["error"]))),
    Step("length", _["length"], Rule("root", _["length_squared"]), "V contracts by 1-q and takes up the errors."),
    Step("shrunk_squared", _["shrunk_squared"], Certificate(
        Term(1 / gap**2, norm=fallen), Term(2 / (L * gap) ** 2, along_x))),
    Step("shrunk", _["shrunk"], Rule("root", _["shrunk_squared"])),
    Step("fed_angle", _["fed_angle"], Rule("cauchy_schwarz")),
    Step("fed_rooted", _["fed_rooted"], Rule("root", _["fed_angle"])),
    Step("pushed_angle", _["pushed_angle"], Rule("cauchy_schwarz")),
    Step("pushed_rooted", _["pushed_rooted"], Rule("root", _["pushed_angle"])),
    Step("distance_squared", _["distance_squared"], Certificate(
        Term(2 * rate**2, _["fed_rooted"]), Term(doubled, _["pushed_rooted"]), Term(doubled, _["rooted"]))),
    Step("distance_rooted", _["distance_rooted"], Rule("root", _["distance_squared"])),
    Step("distance", _["distance"], Certificate(
        Term(q * root_L, _["distance_rooted"]), Term(q * root_L * rate, _["shrunk"]), Term(q * rate, _["kept_rooted"]),
        Term(q * root_L, _["error"])), "H contracts by 1-q but for what V and the errors feed it."),
    Step("conclusion", CONCLUSION, Certificate(Term(1, _["distance"]), Term(w, _["length"]))),
)

SYMBOLS = {
    q: "sqrt(mu/L) = 1/sqrt(kappa)",
    L: "smoothness: A is at most L",
    mu: "strong convexity, q^2 L: A is at least mu",
    w: "any weight >= 0",
    x: "point", x_prev: "point one stage before", x_next: "point one stage later", x_star: "minimiser",
    g: "gradient at x, A (x - x_star)", g_prev: "gradient at x_prev", g_next: "gradient at x_next",
    D: "lookahead error", C: "A D", e: "step error", d: "|D|", e_norm: "|e|",
    r: "|x - x_star|", r_next: "|x_next - x_star|",
    c: "departure of x from 1-q times x_prev, relative to x_star", s: "A c",
    c_next: "c one stage later", s_next: "A c one stage later",
    U: "square of the length V", U_next: "square of V one stage later",
    p: "K c (in the proof)", k: "K (x - x_star) (in the proof)",
    F: "what the errors make of the step (in the proof)",
}


WEIGHTS = (Fraction(0), Fraction(1, 3), Fraction(5))


def quadratic(run, arithmetic):
    """The function of a `linres.instances.NesterovRun` or `RecordedRun`, in the arithmetic."""
    made = run.function
    return made if isinstance(made, Function) else made(arithmetic)


def measure(instance, arithmetic, *, weights=WEIGHTS, step=nesterov.step):
    """A row for each stage of a run on a quadratic (see `linres.instances`) and each of the weights."""
    run, function = instance.record(arithmetic, step=step), quadratic(instance, arithmetic)
    return [
        row(run, stage, function.gradient) | {w: arithmetic.number(weight)}
        for stage in run.stages for weight in weights
    ]


def row(run, stage, gradient):
    """The symbols of the statement, but for the weight, at one stage of a run."""
    return {
        q: run.q, L: run.L, x_star: run.minimiser,
        x_prev: stage.x_prev, x: stage.x, x_next: stage.x_next, D: stage.lookahead_error, e: stage.step_error,
        g_prev: gradient(stage.x_prev), g: gradient(stage.x), g_next: gradient(stage.x_next),
        C: gradient(run.minimiser + stage.lookahead_error),
    }


def instances():
    """Short runs on quadratics with rational eigenvectors, with errors of every scale."""
    from linres.strategies import quadratic_runs_with_errors

    return quadratic_runs_with_errors(max_stages=3)


def sample(generator, count):
    """Runs in bulk, in float64 (see `linres.sampling`)."""
    from linres.sampling.quadratics import quadratic_steps

    return quadratic_steps(generator, count, symbols=(r, r_next, U, U_next, d, e_norm, q, L, w))


def claimed_exact(step):
    """Measure a wrong method, claiming that it makes no errors."""

    def measure_wrong(instance, arithmetic):
        rows = measure(instance, arithmetic, step=step)
        nothing = dict.fromkeys((D, e, C), rows[0][x_star] - rows[0][x_star])
        return [each | nothing for each in rows]

    return measure_wrong


def along_eigenvector(share, *, q=Fraction(1, 4), x=1, x_prev=1, **options):
    """A run along one eigenvector: eigenvalue mu + share (L - mu), L = 3; the minimiser is 0."""
    shares, (x, x_prev) = (Fraction(share),), ((Fraction(number),) for number in (x, x_prev))
    return NesterovRun(q=q, L=Fraction(3), up=shares, down=shares, x=x, x_prev=x_prev, **options)


def attained():
    """Everything is attained at once: along a mu-eigenvector, all errors pointing away from the minimiser."""
    third = (Fraction(1, 3),)
    return along_eigenvector(0, lookahead_error=third, step_error=third)


def _changes():
    """Controls: what is changed in the conclusion, and the instance that decides, by kind."""
    less, more = Rational(19, 20), Rational(21, 20)
    sharp, at_minimum = attained(), along_eigenvector(1, x=0, x_prev=0, step_error=(Fraction(1),))
    drifting = along_eigenvector(0, x=0, x_prev=0, lookahead_error=(Fraction(1),))
    with sympy.evaluate(False):
        lookahead, slip, fed = gap * d, sqrt(L) * error, (q + w) * length
        return {
            "stronger": {
                "rate-5-percent-faster": ({rate: 1 - more * q}, sharp),
                "feed-5-percent-smaller": ({fed: (less * q + w) * length}, sharp),
                "lookahead-error-5-percent-smaller": ({lookahead: less * lookahead}, drifting),
                "step-error-5-percent-smaller": ({e_norm: less * e_norm}, at_minimum),
                "errors-discounted": ({slip: rate * slip}, at_minimum),
            },
            "weaker": {
                "rate-5-percent-slower": ({rate: 1 - less * q}, sharp),
                "feed-5-percent-larger": ({fed: (more * q + w) * length}, sharp),
                "lookahead-error-5-percent-larger": ({lookahead: more * lookahead}, drifting),
                "step-error-5-percent-larger": ({e_norm: more * e_norm}, at_minimum),
            },
        }


def _wrong_methods():
    """Controls: other methods, claimed to make no errors."""
    mu_resting, turning = along_eigenvector(0, stages=3), along_eigenvector(Fraction(1, 2), stages=3)
    larger, smaller = (rational(Fraction(k, 20)) for k in (21, 19))
    return {
        "errors-not-counted": (nesterov.step, along_eigenvector(1, x=0, x_prev=0, step_error=(Fraction(1),))),
        "stale-gradient": (wrong.stale_gradient, turning),
        "no-momentum": (wrong.with_momentum(0), mu_resting),
        "momentum-5-percent-larger": (wrong.with_momentum(larger), along_eigenvector(0, x=0, stages=4)),
        "momentum-5-percent-smaller": (wrong.with_momentum(smaller), mu_resting),
        "step-5-percent-longer": (wrong.with_step_size(larger), along_eigenvector(1, x=0, stages=4)),
        "step-5-percent-shorter": (wrong.with_step_size(smaller), mu_resting),
    }


def _turning(instance, arithmetic):
    """A gradient that is no quadratic's: the mean of mu and L times the offset, and as much aside as `along` allows."""
    [first, *_] = instance.record(arithmetic).stages
    share, q_, L_ = instance.q, arithmetic.number(instance.q), arithmetic.number(instance.L)
    mean, aside = (arithmetic.number(instance.L * (1 + sign * share**2) / 2) for sign in (1, -1))
    quarter = arithmetic.matrix([[Fraction(0), Fraction(-1)], [Fraction(1), Fraction(0)]])

    def gradient(point):
        return mean * point + aside * (quarter @ point)

    _, later = nesterov.step(first.x, first.x_prev, gradient, momentum=nesterov.momentum(q_), step_size=1 / L_)
    nothing = first.x - first.x
    values = {
        q: q_, L: L_, x_star: nothing, x_prev: first.x_prev, x: first.x, x_next: later, D: nothing, e: nothing,
        C: nothing, g_prev: gradient(first.x_prev), g: gradient(first.x), g_next: gradient(later),
    }
    return [values | {w: arithmetic.number(weight)} for weight in WEIGHTS]


def _dropped():
    """Controls: the hypothesis dropped, how to measure, and an instance on which the conclusion is then false."""
    one, nothing, below = Fraction(1), Fraction(0), Fraction(-1, 20)
    plane = NesterovRun(
        q=one / 4, L=Fraction(3), up=(10 * one, nothing), down=(10 * one, nothing), x=(3 * one / 4, nothing),
        x_prev=(one, 16 * one),
    )
    return {
        "momentum-above-1": (positive_q, None, along_eigenvector(1, q=-one / 4, step_error=(4 * one,))),
        "momentum-negative": (below_1, None, along_eigenvector(0, q=2 * one, step_error=(one,), stages=2)),
        "negative-weight": (
            nonnegative_w, partial(measure, weights=(-one,)), along_eigenvector(1)),
        "gradient-that-turns": (symmetric, _turning, replace(plane, x=(one, nothing), x_prev=(one, nothing))),
        "steep-at-the-point": (along_x, None, plane),
        "flat-along-the-departure": (along_c, None, along_eigenvector(below, x=0)),
        "flat-along-the-lookahead-error": (
            along_D, None, along_eigenvector(below, x=0, x_prev=0, lookahead_error=(one,))),
    }


def _controls():
    return (
        *(
            Control(name, kind, change=change, witness=witness)
            for kind, changes in _changes().items() for name, (change, witness) in changes.items()
        ),
        *(Control(name, "stronger", measure=claimed_exact(step), witness=witness)
          for name, (step, witness) in _wrong_methods().items()),
        *(Control(name, "stronger", drop=(hypothesis,), measure=other, witness=witness)
          for name, (hypothesis, other, witness) in _dropped().items()),
    )


THEOREM = Theorem(
    name="nesterov-quadratic-step",
    title="One step of Nesterov's method with errors on a quadratic",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(positive_q, below_1, positive_L, nonnegative_w, symmetric, along_x, along_c, along_D),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    sample=sample,
    method=GenericStep("nesterov", claimed_exact),
    proof=PROOF,
    controls=_controls(),
    extremal=(attained(),),
    expect="proved",
)
