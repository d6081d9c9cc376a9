r"""Gradient steps from one point lead to one point.

A step from x + k and a step from y, on a Hilbert space, with one step size eta and the gradients g and h of one
function at the two points:

    x_next = x + k - eta g,   y_next = y - eta h.

If x = y, k = 0, and |g - h| <= c |x + k - y| for some number c, then x_next = y_next. Said in squares of norms, which
is how a proof over many stages hands it on; k is what has been added to x but vanishes, in `stacking-random-start` the
mean of the noise. Sides that are 0 have nothing to be tight about.
"""

from fractions import Fraction
from functools import partial

import sympy
from sympy import Eq, Le, Rational, symbols

from linres.additive_runs import AdditiveRun
from linres.arithmetic import Symbolic
from linres.certificate import Term
from linres.language import Inner
from linres.methods import descent
from linres.theorem import Batch, Certificate, Control, GenericStep, Step, Theorem

eta, c = symbols("eta c", real=True)
x, y, k, g, h = symbols("x y k g h", commutative=False)
x_next, y_next = symbols("x_next y_next", commutative=False)

_pushed = Symbolic(x) + Symbolic(k)
DEFINITIONS = {
    x_next: descent.step(_pushed, lambda _: Symbolic(g), step_size=eta).expr,
    y_next: descent.step(Symbolic(y), lambda _: Symbolic(h), step_size=eta).expr,
}

with sympy.evaluate(False):
    places, slopes, reached = x + k - y, g - h, x_next - y_next
    agree = Le(Inner(x - y, x - y), 0)
    still = Eq(Inner(k, k), 0)
    congruent = Le(Inner(slopes, slopes), c**2 * Inner(places, places))
    CONCLUSION = Le(Inner(reached, reached), 0)
    _ = {"place": Le(Inner(places, places), 0), "slope": Le(Inner(slopes, slopes), 0)}
    difference, parts = x - y - k, places + eta * slopes

PROOF = (
    Step("place", _["place"], Certificate(Term(2, agree), Term(-2, still), Term(1, norm=difference)),
         "They start from the same point."),
    Step("slope", _["slope"], Certificate(Term(1, congruent), Term(1, _["place"], square=c)),
         "So they see the same gradient."),
    Step("conclusion", CONCLUSION, Certificate(
        Term(2, _["place"]), Term(2, _["slope"], square=eta), Term(1, norm=parts))),
)

SYMBOLS = {
    eta: "step size", c: "by how much gradients may differ, relative to the points", x: "point", y: "the same point",
    k: "what is added to x before the step", g: "gradient at x + k", h: "gradient at y",
    x_next: "where the step from x + k leads", y_next: "where the step from y leads",
}


def measure(instance, arithmetic, step=descent.step, push=(), ahead=(), resampled=()):
    """One row for each stage of gradient descent on the loss of a `linres.additive_runs.AdditiveRun`, run twice.

    push: what is added to x; ahead: by how much y is ahead of x; resampled: the labels that y sees instead.
    """
    gradient, other = instance.gradient(arithmetic), instance.gradient(arithmetic, resampled)
    here = arithmetic.matrix([[value] for value in instance.start])
    added, apart = (arithmetic.matrix([[v] for v in each]) if each else here - here for each in (push, ahead))
    rows = []
    for pace in map(arithmetic.number, instance.step_sizes):
        there = here + apart
        reached, arrived = step(here + added, gradient, step_size=pace), descent.step(there, other, step_size=pace)
        rows.append({
            eta: pace, c: arithmetic.number(instance.curvature()), x: here, y: there, k: added,
            g: gradient(here + added), h: other(there), x_next: reached, y_next: arrived,
        })
        here = reached
    return rows


def instances():
    """Up to 3 steps on rational losses of up to 4 samples."""
    from linres.additive_runs import additive_runs

    return additive_runs(max_stages=3)


def sample(generator, count):
    """First steps in bulk, in float64: by an additive stage and by Nesterov's method at rest."""
    from linres.additive_runs import additive_runs_in_bulk

    made = additive_runs_in_bulk(generator, count)
    columns = {x_next: made.ensembles[1], y_next: made.points[1], x: made.ensembles[0], y: made.points[0]}
    return Batch(columns, made.instance, count)


def generic() -> AdditiveRun:
    """Two samples, one of them twice."""
    f = Fraction
    return AdditiveRun("fair", (f(2), f(-1)), (f(1), f(1, 2)), (f(0),), (f(3, 4),), copies=(1, 2))


def _with_step_size(times):
    """Measure x with a step so many times as long, which is not reported."""

    def measure_wrong(instance, arithmetic):
        def step(point, gradient, *, step_size):
            return descent.step(point, gradient, step_size=arithmetic.number(times) * step_size)

        return measure(instance, arithmetic, step=step)

    return measure_wrong


def _controls():
    witness, small = generic(), (Fraction(1, 16), Fraction(0))
    with sympy.evaluate(False):
        further = x_next - Rational(21, 20) * y_next
        loose = {CONCLUSION.rhs: Inner(x_next, x_next) / 1000}
        moved = {CONCLUSION.lhs: Inner(further, further)}
    return (
        Control("point-5-percent-further", "stronger", change=moved, witness=witness),
        Control("only-near", "weaker", change=loose, witness=witness),
        Control("step-10-percent-longer", "stronger", measure=_with_step_size(Fraction(11, 10)), witness=witness),
        Control("step-10-percent-shorter", "stronger", measure=_with_step_size(Fraction(9, 10)), witness=witness),
        Control("from-two-points", "stronger", drop=(agree,), measure=partial(measure, ahead=small), witness=witness),
        Control("one-point-pushed", "stronger", drop=(still,), measure=partial(measure, push=small), witness=witness),
        Control("of-two-functions", "stronger", drop=(congruent,), witness=witness,
                measure=partial(measure, resampled=(Fraction(2), Fraction(-9, 10)))),
    )


THEOREM = Theorem(
    name="agreeing-step",
    title="Gradient steps from one point lead to one point",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(agree, still, congruent),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    sample=sample,
    method=GenericStep("descent", lambda step: partial(measure, step=step)),
    proof=PROOF,
    controls=_controls(),
    expect="proved",
    valid=AdditiveRun.scaled,
)
