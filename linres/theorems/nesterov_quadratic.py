r"""Nesterov's method on a quadratic, along an eigenvector, at its sharp rate.

f(x) = f* + <x - x*, A (x - x*)>/2 with eigenvalues s of A in [mu, L], mu = q^2 L, q > 0 (so q <= 1), and

    y_t = x_t + beta (x_t - x_{t-1}),     x_{t+1} = y_t - grad f(y_t)/L,     beta = (1-q)/(1+q),     from rest.

Along a unit eigenvector u of s the coordinate c_t = <u, x_t - x*> obeys a recurrence of its own, and for every T >= 0

    c_{t+1} = (1 - s/L)((1 + beta) c_t - beta c_{t-1}),     c_{-1} = c_0,     c_T^2 <= ((1 + q T)(1-q)^T c_0)^2.

Sharp: an equality at every T for s = mu (`slowest`). Summed over an orthonormal eigenbasis, for every start,

    |x_T - x*| <= (1 + q T)(1-q)^T |x_0 - x*|,     f(x_T) - f* <= ((1 + q T)(1-q)^T)^2 (f(x_0) - f*).

The excess thus falls like (1-q)^{2T}, twice the exponent of nesterov-with-errors, which holds for every f. The closed
form, by the roots of the recurrence, is classical, and so is growth like t (1-q)^t from a double root: compare
Mohammadi, Samuelson, Jovanovic, arXiv:2103.08017, and Hagedorn, Jarre, arXiv:2211.10234. With cos^2 th =
(1 - s/L)/(1-q^2), c_t = a_t + q b_t,

    a_t = ((1-q) cos th)^t cos(t th) c_0,     b_t = ((1-q) cos th)^t cos(th) sin(t th)/sin(th) c_0,

and at s = mu, the double root 1-q, a_t = (1-q)^t c_0 and b_t = t a_t. The proof knows no angles: (a, b) is linear in
(c_t, c_{t-1}) and moves by b_{t+1} = p (a_t + b_t), a_{t+1} = b_{t+1} - (1-q) b_t, p = (1-q) cos^2 th; a quadratic form
in it contracts, and a_t^2, b_t^2 and a_t b_t are bounded by induction. `closed_form` is c_t/c_0 in float64, for plots.
"""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
import sympy
from sympy import Eq, Ge, Gt, IndexedBase, Integer, Le, Mul, Rational, Symbol, symbols

from linres import checks
from linres.arithmetic import rational
from linres.certificate import Term
from linres.errors import refuse
from linres.instances import QuadraticRun
from linres.language import substitute
from linres.methods import nesterov, wrong
from linres.problem import EPS
from linres.theorem import Certificate, Control, GenericStep, Induction, Rule, Step, Theorem

q, L, s, mu, p = symbols("q L s mu p", real=True)
t, T = symbols("t T", integer=True)
c, a, b = (IndexedBase(Symbol(name, real=True)) for name in "cab")
before, after = t - 1, t + 1


def at(expression, stage):
    """The expression at another stage than t."""
    return substitute(expression, {t: sympy.sympify(stage)})


# One step along the eigenvector, run by the very code that runs on numbers: there the gradient is s times the point.
_, _next = nesterov.step(c[t], c[before], lambda y: s * y, momentum=nesterov.momentum(q), step_size=1 / L)
_sine, _cosine = p * L / s * (c[before] - c[t]), c[t] - q * b[t]

DEFINITIONS = {
    mu: q**2 * L,
    c[after]: _next,
    # Proof only: p = (1-q) cos^2 th, and the two parts of the closed form.
    p: (1 - s / L) / (1 + q),
    b[t]: _sine, b[after]: at(_sine, after),
    a[t]: _cosine, a[after]: at(_cosine, after),
}

with sympy.evaluate(False):
    horizon, positive_q, positive_L = Ge(T, 0), Gt(q, 0), Gt(L, 0)
    at_least_mu, at_most_L = Ge(s, mu), Le(s, L)
    rest = Eq(c[-1], c[0])

    rate, growth, beta = 1 - q, 1 + q * T, nesterov.momentum(q)
    CONCLUSION = Le(c[T] ** 2, Mul(growth, rate**T, c[0]) ** 2)

    # Invariants. scale is what the double root makes of c_0; energy is a^2 cos^2 th + b^2 sin^2 th <= scale^2 cos^2 th.
    bounded = substitute(CONCLUSION, {T: t})
    scale = rate**t * c[0]
    energy = Le(p * a[t] ** 2 + (rate - p) * b[t] ** 2, p * scale**2)
    cosine = Le(a[t] ** 2, scale**2)
    sine = Le(b[t] ** 2, (t * scale) ** 2)
    product = Le(a[t] * b[t], t * scale**2)
    _ = {
        "positive_s": Gt(s, 0),
        "at_most_1_squared": Le(q**2, 1),
        "at_most_1": Le(q, 1),
        "nonnegative_p": Ge(p, 0),
        "p_at_most": Le(p, rate),
        "recurrence": Eq(c[after], (1 - s / L) * ((1 + beta) * c[t] - beta * c[before])),
        "next_b": Eq(b[after], p * (a[t] + b[t])),
        "next_a": Eq(a[after], b[after] - rate * b[t]),
        "start_b": Eq(b[0], 0),
        "start_a": Eq(a[0], c[0]),
        "together": Le((a[t] + b[t]) ** 2, ((1 + t) * scale) ** 2),
        "product_squared": at(Le((a[t] * b[t]) ** 2, (t * scale**2) ** 2), after),
    }
    start_a, start_b, below, together = (_[name] for name in ("start_a", "start_b", "p_at_most", "together"))
    both = a[0] + c[0]
    grown = (1 + t) * scale

    first = (
        Step("start_b", start_b, Certificate(Term(p * L / s, rest)), "From rest nothing precedes x_0."),
        Step("start_a", start_a, Certificate(Term(-q, start_b))),
        Step("start_energy", at(energy, 0), Certificate(
            Term(-p * both, start_a), Term(-(rate - p) * b[0], start_b))),
        Step("start_cosine", at(cosine, 0), Certificate(Term(-both, start_a))),
        Step("start_sine", at(sine, 0), Certificate(Term(-b[0], start_b))),
        Step("start_product", at(product, 0), Certificate(Term(-a[0], start_b))),
        Step("start", at(bounded, 0), Certificate()),
    )
    advance = (
        Step("energy", at(energy, after), Certificate(
            Term(p * rate, energy), Term(p * rate, below, square=scale)),
             "One stage multiplies the energy by exactly (1-q) p = (1-q)^2 cos^2 th."),
        Step("cosine", at(cosine, after), Certificate(
            Term(rate, energy), Term(rate, below, square=scale), Term(p, below, square=a[t] + b[t])),
             "(1-q) times the energy is a_{t+1}^2 and a square besides."),
        Step("together", together, Certificate(Term(1, cosine), Term(1, sine), Term(2, product))),
        Step("sine", at(sine, after), Certificate(
            Term(rate, below, square=grown), Term(p, below, square=grown), Term(p**2, together)),
             "b_{t+1} = p (a_t + b_t): another stage adds at most one."),
        Step("product_squared", _["product_squared"], Certificate(
            Term(1, at(cosine, after), square=at(t * scale, after)), Term(1, at(sine, after), square=a[after]))),
        Step("product", at(product, after), Rule("root", _["product_squared"])),
        Step("bounded", at(bounded, after), Certificate(
            Term(1, at(cosine, after)), Term(2 * q, at(product, after)), Term(q**2, at(sine, after))),
             "c = a + q b, squared."),
    )

PROOF = (
    Step("recurrence", _["recurrence"], Certificate(), "A step along the eigenvector, written out."),
    Step("positive_s", _["positive_s"], Certificate(Term(1, at_least_mu), Term(mu))),
    Step("at_most_1_squared", _["at_most_1_squared"], Certificate(Term(1 / L, at_least_mu), Term(1 / L, at_most_L))),
    Step("at_most_1", _["at_most_1"], Rule("root", _["at_most_1_squared"])),
    Step("nonnegative_p", _["nonnegative_p"], Certificate(Term(1 / (L * (1 + q)), at_most_L))),
    Step("p_at_most", below, Certificate(Term(1 / (L * (1 + q)), at_least_mu)), "cos^2 th <= 1."),
    Step("next_b", _["next_b"], Certificate()),
    Step("next_a", _["next_a"], Certificate()),
    Step("conclusion", CONCLUSION, Induction(
        invariants=(energy, cosine, sine, product, bounded), first=(first,), advance=advance)),
)

SYMBOLS = {
    q: "sqrt(mu/L) = 1/sqrt(kappa)",
    L: "smoothness: the largest eigenvalue",
    mu: "strong convexity, q^2 L",
    s: "eigenvalue of the eigenvector looked along",
    c: "coordinate of x[t] - x_star along the eigenvector",
    p: "(1-q) cos^2(th) (in the proof)",
    a: "((1-q) cos(th))^t cos(t th) c[0] (in the proof)",
    b: "((1-q) cos(th))^t cos(th) sin(t th)/sin(th) c[0] (in the proof)",
    t: "stage",
    T: "number of stages",
}


def closed_form(eigenvalues, *, q, L, stages) -> np.ndarray:
    """c_t/c_0 for t = 0, ..., stages in float64: (stages + 1, d), a column for each of the eigenvalues (d,).

    Nesterov's method from rest with step size 1/L and momentum (1-q)/(1+q), by the formula above; rounding is at most a
    few EPS (1 + t)(1 + q t)(1-q)^{t-1}. InputError unless 0 < q <= 1, L > 0, stages >= 0 and, up to rounding, all
    eigenvalues are in [q^2 L, L].
    """
    q = checks.number("closed_form(q=...)", q, wanted="a number in (0, 1]", holds=lambda value: 0 < value <= 1)
    L = checks.number("closed_form(L=...)", L, wanted="a number > 0", holds=lambda value: value > 0)
    stages = checks.whole("closed_form(stages=...)", stages, wanted="an integer >= 0", low=0)
    s = checks.vector("closed_form(eigenvalues)", eigenvalues)
    mu, slack = q * q * L, 8 * EPS
    if np.any(s < mu * (1 - slack)) or np.any(s > L * (1 + slack)):
        found = f"{s.min():.6g} to {s.max():.6g}"
        raise refuse("closed_form(eigenvalues)", f"in [q^2 L, L] = [{mu:.6g}, {L:.6g}]", found)
    to_top, to_bottom = np.sqrt(np.maximum(L - s, 0)), np.sqrt(np.maximum(s - mu, 0))
    angle = np.arctan2(to_bottom, to_top)
    cosine = np.divide(to_top, np.hypot(to_top, to_bottom), out=np.zeros_like(s), where=to_top > 0)
    t = np.arange(stages + 1)[:, None]
    with np.errstate(invalid="ignore"):
        sines = np.where(angle > 0, np.sin(t * angle) / np.sin(angle), t)
    return ((1 - q) * cosine) ** t * (np.cos(t * angle) + q * cosine * sines)


def measure(instance, arithmetic, step=nesterov.step):
    """One row for each eigenvector of a run (see `linres.instances.QuadraticRun`)."""
    run = instance.record(arithmetic, step=step)
    return [
        {q: run.q, L: run.L, s: eigenvalue, c: path, T: instance.stages}
        for eigenvalue, path in zip(run.eigenvalues, run.paths, strict=True)
    ]


def instances():
    """Runs from rest on quadratics with rational eigenvectors, eigenvalues from mu to L, both included."""
    from linres.strategies import quadratic_runs

    return quadratic_runs(max_stages=12)


def sample(generator, count):
    """Single eigenvectors in bulk, by the compiled recurrence (see `linres.sampling`)."""
    from linres.sampling.quadratics import quadratic_paths

    return quadratic_paths(generator, count, symbols=(c, s, q, L, T))


def along(share, *, q, stages=4):
    """A run along one eigenvector: eigenvalue mu + share (L - mu), L = 3."""
    L = Fraction(3)
    mu = q**2 * L
    return QuadraticRun(q=q, L=L, eigenvalues=(mu + share * (L - mu),), start=(Fraction(1),), stages=stages)


def slowest(stages=12):
    """Along the mu-eigenvector of a quadratic in space: attained at every stage."""
    one, two, nothing = Fraction(1), Fraction(2), Fraction(0)
    return QuadraticRun(
        q=one / 2, L=Fraction(3), eigenvalues=(Fraction(3, 4), two, Fraction(3)), start=(two, nothing, nothing),
        mirror=(one, two, -one), minimiser=(two, -one, one / 3), stages=stages,
    )


def _controls():
    f, less, more = Fraction, Rational(19, 20), Rational(21, 20)
    at_mu, slow, fast = along(f(0), q=f(1, 2)), along(f(0), q=f(1, 16), stages=70), along(f(1), q=f(99, 100))
    middle = along(f(1, 2), q=f(-1, 10), stages=12)
    with sympy.evaluate(False):
        stronger = {
            "rate-5-percent-faster": ({rate: 1 - more * q}, at_mu),
            "rate-a-stage-ahead": ({rate**T: rate ** (T + 1)}, slow),
            "growth-5-percent-slower": ({growth: 1 + less * q * T}, at_mu),
            "growth-from-5-percent-less": ({growth: less + q * T}, at_mu),
            "no-growth": ({growth: Integer(1)}, at_mu),
            "start-5-percent-smaller": ({c[0]: less * c[0]}, at_mu),
        }
        weaker = {
            "rate-5-percent-slower": {rate: 1 - less * q},
            "growth-5-percent-faster": {growth: 1 + more * q * T},
            "start-5-percent-larger": {c[0]: more * c[0]},
        }
    dropped = {
        "not-from-rest": (rest, replace(at_mu, previous=(f(19, 20),))),
        "eigenvalue-5-percent-below-mu": (at_least_mu, replace(at_mu, eigenvalues=(at_mu.eigenvalues[0] * f(19, 20),))),
        "eigenvalue-5-percent-above-L": (at_most_L, replace(fast, eigenvalues=(fast.L * f(21, 20),))),
        "momentum-above-1": (positive_q, middle),
    }
    larger, smaller = (rational(f(k, 20)) for k in (21, 19))
    methods = {
        "momentum-5-percent-larger": (wrong.with_momentum(larger), slow),
        "momentum-5-percent-smaller": (wrong.with_momentum(smaller), at_mu),
        "no-momentum": (wrong.with_momentum(0), at_mu),
        "step-5-percent-larger": (wrong.with_step_size(larger), fast),
        "step-5-percent-smaller": (wrong.with_step_size(smaller), at_mu),
        "stale-gradient": (wrong.stale_gradient, fast),
    }
    return (
        *(Control(name, "stronger", change=change, witness=witness) for name, (change, witness) in stronger.items()),
        *(Control(name, "weaker", change=change, witness=at_mu) for name, change in weaker.items()),
        *(Control(name, "stronger", drop=(h,), witness=witness) for name, (h, witness) in dropped.items()),
        *(
            Control(name, "stronger", measure=partial(measure, step=step), witness=witness)
            for name, (step, witness) in methods.items()
        ),
    )


THEOREM = Theorem(
    name="nesterov-quadratic",
    title="Nesterov's method on a quadratic, at its sharp rate",
    provenance="classical",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, positive_q, positive_L, at_least_mu, at_most_L, rest),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    method=GenericStep("nesterov", lambda step: partial(measure, step=step)),
    proof=PROOF,
    controls=_controls(),
    extremal=(slowest(),),
    expect="proved",
)
