r"""The Chebyshev iteration on a quadratic, along an eigenvector: as fast as its polynomial is small.

f(x) = f* + <x - x*, A (x - x*)>/2 with eigenvalues s of A in [mu, L], mu = q^2 L, 0 < q <= 1, and

    x_{t+1} = x_{t-1} + omega_t (x_t - 2 grad f(x_t)/(L + mu) - x_{t-1}),     beta = (1-q)/(1+q),
    omega_t = (1 + beta^2)(1 + beta^{2t})/(1 + beta^{2t+2}) for t > 0, and omega_0 = 1.

Along a unit eigenvector u of s the coordinate c_t = <u, x_t - x*> has, for every T >= 0,

    c_T^2 <= (2 beta^T/(1 + beta^{2T}))^2 c_0^2 = c_0^2/T_T((kappa+1)/(kappa-1))^2,

kappa = L/mu, T_T Chebyshev's polynomial. So f(x_T) - f* is at most that share of f(x_0) - f*, for every start, and by
chebyshev-polynomial no method with fixed coefficients has a smaller one. Sharp: an equality at every T for s = mu and
for s = L.

omega_0 = 1 is omega = 2, the value of the formula at t = 0, from a point x_{-1} that is x_1 itself: so is c_{-1} meant.
The proof follows T_t and the polynomials U_{t-1} of the second kind: u_t = beta^t T_t(x) c_0
and v_t = beta^{t-1} U_{t-1}(x) c_0, for which T_t^2 + (1 - x^2) U_{t-1}^2 = 1. Classical.
"""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import sympy
from sympy import Eq, Ge, Gt, IndexedBase, Integer, Le, Rational, Symbol, symbols

from linres.certificate import Term
from linres.instances import QuadraticRun
from linres.language import substitute
from linres.methods import chebyshev, nesterov
from linres.theorem import Batch, Certificate, Control, Induction, Step, Theorem

beta, L, s, mu, p = symbols("beta L s mu p", real=True)
t, T = symbols("t T", integer=True)
c, u, v = (IndexedBase(Symbol(name, real=True)) for name in "cuv")
before, after = t - 1, t + 1
STAGES = 12  # of runs in bulk


def at(expression, stage):
    """The expression at another stage than t."""
    return substitute(expression, {t: sympy.sympify(stage)})


with sympy.evaluate(False):
    B2 = (beta**t) ** 2
    next_B2 = at(B2, after)
    omega = (1 + beta**2) * (1 + B2) / (1 + next_B2)
    middle = (1 + beta) ** 2 / (L * (1 + beta**2))  # 2/(L + mu)
    DEFINITIONS = {
        mu: L * ((1 - beta) / (1 + beta)) ** 2,
        c[after]: chebyshev.step(c[t], c[before], lambda y: s * y, weight=omega, step_size=middle),
        # Proof only: p = beta x, x = (L + mu - 2 s)/(L - mu), and the polynomials of both kinds.
        p: (1 + beta**2) / 2 - (1 + beta) ** 2 * s / (2 * L),
        u[t]: c[t] * (1 + B2) / 2, u[after]: at(c[t] * (1 + B2) / 2, after),
        v[0]: Integer(0), v[after]: u[t] + p * v[t],
    }
    horizon, nonnegative_beta, positive_L = Ge(T, 0), Ge(beta, 0), Gt(L, 0)
    at_least_mu, at_most_L = Ge(s, mu), Le(s, L)
    mirrored = Eq(c[-1], c[1])
    share = (2 * beta**T / (1 + substitute(B2, {t: T}))) ** 2
    CONCLUSION = Le(c[T] ** 2, share * c[0] ** 2)

    rest = beta**2 - p**2
    back = Eq(c[before] * (beta**2 + B2) / 2, p * u[t] + rest * v[t])
    energy = Eq(u[t] ** 2 + rest * v[t] ** 2, B2 * c[0] ** 2)
    bounded = Le((c[t] * (1 + B2)) ** 2, 4 * B2 * c[0] ** 2)
    _ = {"inside": Ge(rest, 0), "next": Eq(u[after], p * u[t] - rest * v[t])}

inside, next_u, bounded_T = _["inside"], _["next"], substitute(bounded, {t: T})
start = (
    Step("start_back", at(back, 0), Certificate(Term((1 + beta**2) / 4, mirrored)), "The point before x_0 is x_1."),
    Step("start_energy", at(energy, 0), Certificate()),
    Step("start", at(bounded, 0), Certificate()),
)
advance = (
    Step("next", next_u, Certificate(Term(-1, back)), "T_{t+1} = x T_t - (1 - x^2) U_{t-1}."),
    Step("back", at(back, after), Certificate(Term(-p, next_u)), "T_t = x T_{t+1} + (1 - x^2) U_t."),
    Step("energy", at(energy, after), Certificate(Term(next_u.lhs + next_u.rhs, next_u), Term(beta**2, energy))),
    Step("bounded", at(bounded, after), Certificate(
        Term(-4, at(energy, after)), Term(4, inside, square=v[after])), "|T_{t+1}| <= 1 on [-1, 1]."),
)
PROOF = (
    Step("inside", inside, Certificate(Term((1 + beta) ** 4 / (4 * L**2), at_least_mu, at_most_L)), "x is in [-1, 1]."),
    Step("every", bounded_T, Induction(invariants=(back, energy, bounded), first=(start,), advance=advance)),
    Step("conclusion", CONCLUSION, Certificate(Term(1 / (1 + substitute(B2, {t: T})) ** 2, bounded_T))),
)

SYMBOLS = {
    beta: "(1-q)/(1+q) = (sqrt(kappa)-1)/(sqrt(kappa)+1), q = sqrt(mu/L)",
    L: "smoothness: the largest eigenvalue", mu: "strong convexity, q^2 L",
    s: "eigenvalue of the eigenvector looked along",
    c: "coordinate of x[t] - x_star along the eigenvector; c[-1] is c[1]",
    p: "beta x, x = (L + mu - 2 s)/(L - mu) (in the proof)",
    u: "beta^t times the Chebyshev polynomial of degree t at x, times c[0] (in the proof)",
    v: "beta^(t-1) times that of the second kind, of degree t-1, times c[0] (in the proof)",
    t: "stage", T: "number of stages",
}


def weight(stage, *, q):
    """As the method's own."""
    return chebyshev.weight(stage, q=q)


def measure(instance, arithmetic, weight: Callable = weight, pace=1, mirrored=True):
    """One row for each eigenvector of a run (see `linres.instances.QuadraticRun`).

    For wrong methods: weight(stage, q=...) of the steps, pace by which they are longer, and whether the point before
    the first is made of the second, or is the first.
    """
    stages = count()

    def step(x, x_prev, gradient, *, step_size, **_):
        q = arithmetic.number(instance.q)
        middle = 2 * step_size / (1 + q * q) * arithmetic.number(pace)
        omega = weight(next(stages), q=q)
        return None, chebyshev.step(x, x_prev, gradient, weight=omega, step_size=middle)

    run, rows = instance.record(arithmetic, step=step), []
    rate = nesterov.momentum(run.q)
    for eigenvalue, path in zip(run.eigenvalues, run.paths, strict=True):
        earlier = {-1: path[int(mirrored)]}
        second = _second(rate, eigenvalue / run.L, path)
        rows.append({beta: rate, L: run.L, s: eigenvalue, c: path | earlier, v: second, T: instance.stages})
    return rows


def _second(rate, eigenvalue, path):
    """v, by its recurrence: the polynomials of the second kind, which no method shows."""
    p, found = (1 + rate * rate) / 2 - (1 + rate) * (1 + rate) * eigenvalue / 2, {0: 0 * rate}
    for stage in range(max(path)):
        found[stage + 1] = path[stage] * (1 + rate ** (2 * stage)) / 2 + p * found[stage]
    return found


def instances():
    """Runs on quadratics with rational eigenvectors, eigenvalues from mu to L, both included."""
    from linres.strategies import quadratic_runs

    return quadratic_runs(max_stages=10)


def sample(generator, count):
    """Single eigenvectors in bulk, in float64."""
    root = generator.integers(1, 65, count) / 64 * np.exp2(-generator.integers(0, 5, count))
    smoothness = np.exp2(generator.integers(-10, 11, count))
    part = generator.integers(0, 17, count) / 16
    part = np.where(generator.integers(0, 2, count) > 0, part, np.round(part))
    eigenvalues = smoothness * np.minimum(root**2 * (1 + 2.0**-40) + part * (1 - root**2), 1.0)  # mu, rounded up
    first = generator.integers(-16, 17, count) / 16
    path = [first, first]
    for stage in range(STAGES):
        pace = {"weight": chebyshev.weight(stage, q=root), "step_size": 2 / ((1 + root**2) * smoothness)}
        path.append(chebyshev.step(path[-1], path[-2], lambda y: eigenvalues * y, **pace))

    def instance(k: int) -> QuadraticRun:
        numbers = (Fraction(float(each[k])) for each in (root, smoothness, eigenvalues, first))
        pace, size, eigenvalue, coordinate = numbers
        return QuadraticRun(pace, size, (eigenvalue,), (coordinate,), stages=STAGES)

    columns = {c: np.array(path[1:]), s: eigenvalues, beta: nesterov.momentum(root), L: smoothness, T: STAGES}
    return Batch(columns, instance, count)


def along(share, *, inverse_root=Fraction(1, 2), stages=4):
    """A run along one eigenvector: eigenvalue mu + share (L - mu), L = 3. Attained for share 0 and 1."""
    L, mu = Fraction(3), inverse_root**2 * 3
    return QuadraticRun(inverse_root, L, (mu + share * (L - mu),), (Fraction(1),), stages=stages)


def _controls():
    f, less, more = Fraction, Rational(19, 20), Rational(21, 20)
    flat, steep, long = along(f(0)), along(f(1)), along(f(0), inverse_root=f(1, 16), stages=12)
    with sympy.evaluate(False):
        def claim(rate, stages=T):
            return {share: (2 * rate**stages / (1 + (rate**stages) ** 2)) ** 2}

        stronger = {
            "rate-5-percent-faster": (claim(less * beta), flat),
            "a-stage-ahead": (claim(beta, T + 1), long),
            "constant-5-percent-smaller": ({share: less * share}, flat),
            "the-rate-alone": ({share: (beta**T) ** 2}, flat),
        }
        weaker = {
            "constant-5-percent-larger": {share: more * share},
            "without-the-denominator": {share: (2 * beta**T) ** 2},
        }
    dropped = {
        "eigenvalue-5-percent-below-mu": (at_least_mu, replace(flat, eigenvalues=(flat.eigenvalues[0] * f(19, 20),))),
        "eigenvalue-5-percent-above-L": (at_most_L, replace(steep, eigenvalues=(steep.L * f(21, 20),))),
    }
    methods: dict[str, dict[str, Any]] = {
        "weights-of-the-long-run": {"weight": lambda stage, *, q: 1 + nesterov.momentum(q) ** 2},
        "weights-a-stage-late": {"weight": lambda stage, *, q: chebyshev.weight(max(stage - 1, 0), q=q)},
        "step-5-percent-longer": {"pace": f(21, 20)},
        "step-5-percent-shorter": {"pace": f(19, 20)},
    }
    def twice(stage, *, q):
        return 2 if stage == 0 else chebyshev.weight(stage, q=q)

    both = replace(flat, eigenvalues=(flat.eigenvalues[0], flat.L), start=(f(1), f(1)))
    return (
        *(Control(name, "stronger", change=change, witness=w) for name, (change, w) in stronger.items()),
        *(Control(name, "weaker", change=change, witness=flat) for name, change in weaker.items()),
        *(Control(name, "stronger", drop=(left,), witness=w) for name, (left, w) in dropped.items()),
        *(
            Control(name, "stronger", measure=partial(measure, **wrong), witness=both)
            for name, wrong in methods.items()
        ),
        Control("first-step-of-weight-2-from-rest", "stronger", drop=(mirrored,),
                measure=partial(measure, weight=twice, mirrored=False), witness=both),
    )


THEOREM = Theorem(
    name="chebyshev-iteration",
    title="The Chebyshev iteration on a quadratic, at its sharp rate",
    provenance="classical",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(horizon, nonnegative_beta, positive_L, at_least_mu, at_most_L, mirrored),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    extremal=(along(Fraction(0), stages=6), along(Fraction(1))),
    expect="proved",
)
