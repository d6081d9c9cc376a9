r"""Stacking accelerates the training of deep linear residual networks.

W_t is the network after t stages of stacking: each new block starts at beta times the last, and the functional rule
takes a gradient step from there. For ell L-smooth and mu-strongly convex, 0 < q = sqrt(mu/L) < 1, beta = (1-q)/(1+q),
step 1/L, from rest, Phi_t = ell(W_t) - ell* + (mu/2)|Z_t - W*|^2, sigma > 0 the smallest singular value of W*:

    if  (2 sqrt(1+q) + sqrt(1-q)) sqrt(Phi_0) <= sqrt(mu/2) sigma,  then  ell(W_T) - ell* <= Phi_T <= (1-q)^T Phi_0.

That is the bound of Nesterov's method on smooth strongly convex losses, with no loss of constant. The condition reads
Phi_0 <= mu sigma^2/c with c = 2(2 sqrt(1+q) + sqrt(1-q))^2 from 16 to 20, since 20 - c = 2(sqrt(1+q) - 2 sqrt(1-q))^2:
in units of mu sigma^2 the basin does not shrink with kappa. Zero starts contract ell - ell* by (1 - 1/kappa)^2 per
stage and no faster (`gradient-step`).

The lookahead error of stacking is D_t = beta d_t W_{t-1}^{-1} d_t, d_t = W_t - W_{t-1} (`stacking-residual`), so
|D_t| <= beta |d_t|^2/s_{t-1}, s_{t-1} the smallest singular value of W_{t-1}; the proof needs nothing else of D_t.
Nesterov's method dissipates a multiple of |d_t|^2 at each stage, and in the basin this pays for the error
(`absorption`). There are three cases: no error at stage 0, which leaves something over; stage 1, paid from that; later
stages, when the potential has fallen far enough.

Sharp: the rate to first order in q, for Phi_1 = (1-q)(1 - q^2/2 - q^3/2) Phi_0 along the mu-eigenvector; over many
stages least squares decays about twice as fast, as measured. Not sharp: the constant of the basin. As measured for
kappa up to 10,000, stacking first breaks the claim from about 16 times the Phi_0 proved, towards a singular W through
the mu-eigenvector (`beyond_the_basin`; the figure `basin`); through a somewhat larger curvature and for larger kappa it
breaks earlier, from 11.6 times at kappa = 1e6 and 9.4 times at 1e8. But other lookahead errors of the same size, those
of the opposite sign, break it from 2.8 times the Phi_0 proved for q = 1/1000 and from 2.2 times for q = 1/100000, on
one neuron: not much more than what is proved can follow from the size of D_t alone.
"""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import flint
import sympy
from sympy import Eq, Ge, Gt, Le, Ne, Rational, Symbol, sqrt

from linres import bounds, exact_stacking
from linres.arithmetic import EXACT, divide, rational
from linres.certificate import Term
from linres.evaluate import Enclosure, Float
from linres.instances import Method, aligned_stacking_run
from linres.language import Det, Inner, norm, substitute
from linres.methods import nesterov, wrong
from linres.methods import stacking as stacking_method
from linres.theorem import Certificate, Control, GenericStep, Induction, Lemma, Rule, Step, Theorem
from linres.theorems import gradient_step
from linres.theorems import nesterov_step as one
from linres.theorems import stacking_acceleration_with_errors as base
from linres.theorems.stacking_acceleration_with_errors import (
    AT_STAGE,
    D,
    D_norm,
    E,
    E_norm,
    G,
    L,
    Phi,
    T,
    W,
    W_star,
    Z,
    at_stage,
    ell,
    ell_star,
    h,
    minimum,
    moved,
    mu,
    q,
    r,
    s,
    sigma,
    t,
    u,
    v,
)

STEP, GRADIENT = one.THEOREM, gradient_step.THEOREM
G_first = Symbol("G_first", commutative=False)
before, after = t - 1, t + 1
smooth, convex = at_stage(one.smooth), at_stage(one.convex_x)

# From rest nothing precedes W_0, so nothing is looked ahead; and there are no step errors.
with sympy.evaluate(False):
    DEFINITIONS = base.DEFINITIONS | {W[-1]: W[0], D[0]: 0 * W[0], E[t]: 0 * W[t]}

# gradient-step, for the first stage.
FIRST = {
    gradient_step.x: W[0], gradient_step.x_next: W[1], gradient_step.x_star: W_star, gradient_step.g: G[0],
    gradient_step.g_next: G_first, gradient_step.f_x: ell[0], gradient_step.f_next: ell[1],
    gradient_step.f_star: ell_star,
}


def square(vector):
    return Inner(vector, vector)


with sympy.evaluate(False):
    change = W[t] - W[before]
    invertible = Ne(Det(W[before]), 0)
    stacking = Eq(D[t], base.beta * change * W[before] ** -1 * change)
    from_next, star_from_first, star_from_next = (
        substitute(each, FIRST)
        for each in (gradient_step.from_next, gradient_step.star_from_x, gradient_step.star_from_next)
    )
    gathered = 2 * v + u
    root, root_0 = sqrt(Phi[t]), sqrt(Phi[0])
    basin = Le(gathered * root_0, q * h * sigma)
    CONCLUSION = Le(Phi[T], (1 - q) ** T * Phi[0])

    # Invariants: the conclusion from stage 0, the others from stage 2.
    decayed, decayed_twice = Le(Phi[t], (1 - q) ** t * Phi[0]), Le(Phi[t], (1 - q) ** 2 * Phi[0])
    near_before = Le(mu / 2 * square(W[before] - W_star), (1 - q) * Phi[0])

    B = at_stage(one.B)
    _ = {
        "nonnegative": Ge(Phi[t], 0),
        "distance": Le(mu / 2 * square(W[t] - W_star), Phi[t]),
        "no_slip_squared": Le(E_norm[t] ** 2, 0 * q),
        "no_slip": Le(E_norm[t], 0 * q),
        "slipless": Le(Phi[after], B**2),
        "below_1_squared": Gt(1 - q**2, 0),
        # Stage 0
        "descent": Le(ell[1], ell[0] - square(G[0]) / (2 * L)),
        "left_over": Le(Phi[1], (1 - q) * Phi[0] - q * (1 - q**2) / (4 * L) * square(G[0])),
        # Stage 1
        "gathered_squared": Le(Rational(11, 5) ** 2, gathered**2),
        "gathered": Le(Rational(11, 5), gathered),
        "room": Le(Rational(11, 5) * root_0, q * h * sigma),
        "rest_squared": Le((q * h * norm(W[0] - W_star)) ** 2, (Rational(3, 4) * root_0) ** 2),
        "rest": Le(q * h * norm(W[0] - W_star), Rational(3, 4) * root_0),
        "contracted_1": Le(moved(B, 1), (1 - q) * root_0),
        # Later stages
        "root_decayed": Le(root, (1 - q) * root_0),
        "near_root": Le(q * h * norm(W[before] - W_star), u * root_0),
        "contracted": Le(B, u * root),
        "one_stage": Le(Phi[after], (1 - q) * Phi[t]),
    }
    slip_weight = 2 * B * h + 2 * h**2 * E_norm[t]
    cross = 4 * u * v
    slope = G[0] - mu * (W[0] - W_star)

    stage_0 = (Step("decayed_0", moved(decayed, 0), Certificate()),)
    stage_1 = (
        Step("descent", _["descent"], Certificate(
            Term(1, moved(smooth, 0)), Term(1, moved(convex, 0)))),
        Step("first_contraction", substitute(GRADIENT.conclusion, FIRST), Lemma(GRADIENT, FIRST)),
        Step("left_over", _["left_over"], Certificate(
            Term((1 - q) + q / 2, _["descent"]), Term(q / 2, substitute(GRADIENT.conclusion, FIRST)),
            Term(q * ((1 - q**2) + q**4 / 2), star_from_first), Term(q**3 / (4 * (1 - q**2) * L), norm=slope)),
             "From rest the first stage is a gradient step, and the potential falls by more than it must."),
        Step("decayed_1", moved(decayed, 1), Certificate(
            Term(1, _["left_over"]), Term(q * (1 - q**2) / (4 * L), norm=G[0]))),
    )

    # Stage 1: 7/10 < 1/sqrt(2) is where the square below still leaves something.
    share = Rational(7, 10)
    scale_1 = 2 * share * u * q * h
    dissipation_1 = share * q * L * u**3 / v * square(W[1] - W[0])
    absorbed_1 = tuple(base.absorbing(
        1, suffix="_1", potential=u * root_0, dissipation=dissipation_1, scale=scale_1,
        reasons={
            "positive_s": Certificate(
                Term(1, moved(base.weyl, 1)), Term(1 / (q * h), _["rest"]),
                Term(Rational(15, 44) / (q * h), _["room"]), Term(Rational(29, 44), base.positive_sigma)),
            "small": Certificate(
                Term(scale_1, moved(base.weyl, 1)), Term(2 * share * u, _["room"]), Term(2 * share * u, _["rest"]),
                Term(2 * share * u * Rational(3, 140) * root_0)),
            "reduced": Certificate(
                Term(1, _["left_over"]), Term(q * (1 - q) / (2 * L), square=u / v - share, norm=G[0]),
                Term(q * (1 - q) / L * (Rational(1, 200) + q / 4), norm=G[0])),
            "paid": Certificate(
                Term(scale_1 * D_norm[1] * s[0], base._["wide"]),
                Term(scale_1 * v * h, moved(base.submultiplicative, 1))),
        },
    ))
    stage_2 = (
        Step("room", _["room"], Certificate(Term(root_0, _["gathered"]), Term(1, basin))),
        Step("rest_squared", _["rest_squared"], Certificate(
            Term(Rational(1, 2), moved(minimum, 0)), Term(Rational(1, 16), moved(_["nonnegative"], 0)))),
        Step("rest", _["rest"], Rule("root", _["rest_squared"])),
        *absorbed_1,
        Step("contracted_1", _["contracted_1"], Certificate(Term(u, absorbed_1[-1].claim))),
        Step("decayed_2", moved(decayed_twice, 2), Certificate(
            Term(1, moved(_["slipless"], 1)), Term((1 - q) * root_0 + moved(B, 1), _["contracted_1"]))),
        Step("near_2", moved(near_before, 2), Certificate(
            Term(1, moved(_["distance"], 1)), Term(1, moved(decayed, 1)))),
    )

    # Stages t >= 2
    cost = one.lookahead_cost
    scale = q * L * (1 - q) / (2 * cost)
    absorbed = tuple(base.absorbing(
        t, potential=root, dissipation=one.dissipation * r[t] ** 2, scale=scale,
        reasons={
            "positive_s": Certificate(
                Term(1, base.weyl), Term(2 * v / gathered, base.positive_sigma),
                Term(u / (gathered * q * h), basin), Term(1 / (q * h), _["near_root"])),
            "small": Certificate(
                Term(2 * root / cost, base._["wide"]), Term(2 * v * h / cost, _["root_decayed"]),
                Term(h * (1 - q) / cost, basin), Term(h * (1 - q) / cost, _["near_root"]), Term(scale, base.weyl)),
            "reduced": Certificate(),
            "paid": Certificate(Term(q * L * (1 - q) / 2, base.submultiplicative)),
        },
    ))
    later = (
        Step("root_decayed", _["root_decayed"], Rule("root", decayed_twice)),
        Step("near_root", _["near_root"], Rule("root", near_before)),
        *absorbed,
        Step("contracted", _["contracted"], Certificate(Term(u, absorbed[-1].claim))),
        Step("one_stage", _["one_stage"], Certificate(
            Term(1, _["slipless"]), Term(u * root + B, _["contracted"]))),
        Step("decayed_next", moved(decayed, after), Certificate(Term(1, _["one_stage"]), Term(1 - q, decayed))),
        Step("decayed_twice_next", moved(decayed_twice, after), Certificate(
            Term(1, _["one_stage"]), Term(1 - q, decayed_twice),
            Term(q * (1 - q) ** 2, moved(_["nonnegative"], 0)))),
        Step("near_next", moved(near_before, after), Certificate(
            Term(1, _["distance"]), Term(1, decayed_twice), Term(q * (1 - q), moved(_["nonnegative"], 0)))),
    )

PROOF = (
    Step("at_most_1", base._["at_most_1"], Certificate(Term(1, base.below_1))),
    Step("below_1_squared", _["below_1_squared"], Certificate(Term(1 + q, base.below_1))),
    Step("wide_squared", base._["wide_squared"], Certificate()),
    Step("wide", base._["wide"], Rule("root", base._["wide_squared"])),
    Step("gathered_squared", _["gathered_squared"], Certificate(
        Term(Rational(4, 25)), Term(3, one.positive_q), Term(cross))),
    Step("gathered", _["gathered"], Rule("root", _["gathered_squared"])),
    Step("step", base.FULL, Lemma(STEP, AT_STAGE), "One stage of Nesterov's method with both errors."),
    Step("dissipated", base.DISSIPATED, Lemma(STEP, AT_STAGE, "dissipated")),
    Step("nonnegative", _["nonnegative"], Certificate(
        Term(1, base.DISSIPATED), Term(one.dissipation, square=r[t]))),
    Step("distance", _["distance"], Certificate(Term(1, minimum), Term(mu / 2, norm=Z[t] - W_star))),
    Step("no_slip_squared", _["no_slip_squared"], Certificate()),
    Step("no_slip", _["no_slip"], Rule("root", _["no_slip_squared"])),
    Step("slipless", _["slipless"], Certificate(
        Term(1, base.FULL), Term(slip_weight, _["no_slip"])), "There is no step error."),
    Step("conclusion", CONCLUSION, Induction(
        invariants=(decayed, decayed_twice, near_before), first=(stage_0, stage_1, stage_2), advance=later)),
)

SYMBOLS = {
    **{symbol: meaning for symbol, meaning in base.SYMBOLS.items() if symbol != base.K},
    G_first: "gradient of the loss at W[1]",
}


def measure(instance, arithmetic):
    """One row: the sequences of a stagewise training run (see `linres.instances.StackingRun`), exactly.

    q and L are those that its momentum and step size are made of. sigma is the smallest singular value of the target,
    rounded down where it is irrational. s_t is sigma - |W_t - W*|, which by Weyl's inequality is at most the smallest
    of W_t, rounded up where it is irrational: the statement asks no more of it. ValueError if the arithmetic is not
    EXACT.
    """
    return [_row(instance, instance.record(arithmetic), arithmetic)]


def _row(claimed, run, arithmetic):
    """What was recorded of a run, with the settings and the lookahead errors of the run it is claimed to be."""
    if arithmetic is not EXACT:
        raise ValueError(f"measure(instance, arithmetic) should have the arithmetic EXACT, got {arithmetic!r}")
    function, momentum = claimed.function(EXACT), rational(claimed.momentum)
    method = Method(function, q=nesterov.momentum(momentum), L=1 / rational(claimed.step_size))
    networks = exact_stacking.networks(claimed, run)
    values = {t: function.value(networks[t]) for t in range(len(run.stages) + 1)}
    stages, lookaheads = range(len(run.stages)), {t: stage.lookahead for t, stage in enumerate(run.stages)}
    least = rational(bounds.stretch(function.minimiser))
    return {
        q: method.q, L: method.L, sigma: least, W_star: function.minimiser, ell_star: function.minimum, T: len(stages),
        W: networks, base.Y: lookaheads, G: {t: run.stages[t].gradient for t in stages},
        ell: values, base.ell_Y: {t: function.value(lookaheads[t]) for t in stages},
        Phi: {t: method.potential(networks[t], networks[t - 1], value) for t, value in values.items()},
        D: {t: exact_stacking.lookahead_error(momentum, networks[t], networks[t - 1]) for t in stages},
        s: {t - 1: least - exact_stacking.distance_below(networks[t - 1], function.minimiser) for t in stages},
        G_first: function.gradient(networks[min(1, len(stages))]),
    }


def reach(inverse_root, smoothness, least, potential):
    """By what a displacement W_0 - W* with this Phi_0 may be multiplied so that it stays in the basin, rounded down.

    q, L and the smallest singular value of W*, rationals; the potential, not 0.
    """
    start = map(rational, (inverse_root, smoothness, least, potential))
    return bounds.fraction(flint.arb(_reach(Enclosure, *start)).lower().fmpq())


def _reach(walk, inverse_root, smoothness, least, potential):
    """The right side of the basin over the left, which is proportional to the displacement."""
    start = walk({q: inverse_root, L: smoothness, sigma: least, Phi: {0: potential}}, {})
    return start.value(basin.rhs) / start.value(basin.lhs)


def instances():
    """Exact runs of up to 4 stages from rest in the basin, d = 1, 2 or 3, half of them from its very edge."""
    from linres.strategies import aligned_stacking_runs

    return aligned_stacking_runs(reach, max_stages=4)


def sample(generator, count):
    """Runs in the basin in bulk, trained by the compiled kernel."""
    from linres.sampling.stacking import stacking_histories

    return stacking_histories(generator, count, reach=partial(_reach, Float), symbols=(Phi, q, L, sigma, T))


def _claiming(stage=stacking_method.stage, *, rule="functional", momentum=1, pace=1):
    """Measure a wrong method, claimed to be stacking: another stage, or its settings times momentum and pace."""

    def measure_wrong(instance, arithmetic):
        settings = {"momentum": momentum * instance.momentum, "step_size": pace * instance.step_size}
        return [_row(instance, replace(instance, **settings).record(arithmetic, stage=stage, rule=rule), arithmetic)]

    return measure_wrong


def _erring(times):
    """Measure Nesterov's method with the lookahead error of stacking times a number, reported as it is."""

    def measure_wrong(instance, arithmetic):
        row = _row(instance, instance.record(arithmetic, stage=_with_error(times)), arithmetic)
        return [row | {D: {stage: times * error for stage, error in row[D].items()}}]

    return measure_wrong


def _with_error(times):
    """A wrong method: Nesterov's, with the lookahead error of stacking times a number."""

    def stage(network, block, gradient, *, momentum, step_size, rule):
        before = (block.identity() + block).inverse() @ network
        error = times * exact_stacking.lookahead_error(momentum, network, before)
        lookahead, grown = nesterov.step(
            network, before, gradient, momentum=momentum, step_size=step_size, lookahead_error=error
        )
        return stacking_method.Stage(lookahead, grown, divide(grown - network, network))

    return stage


def _moving(instance, arithmetic):
    """A wrong start: not from rest, but from W_{-1} = W_0/64."""
    previous = tuple(tuple(entry / 64 for entry in row) for row in instance.start)
    return [_row(instance, instance.record(arithmetic, previous=previous), arithmetic)]


def _overstated(*, stretched):
    """Claim 5 times the smallest singular value of the target; stretched: and as much more of the networks."""

    def measure_wrong(instance, arithmetic):
        [row] = measure(instance, arithmetic)
        more = 4 * row[sigma]
        least = {stage: value + more if stretched else value for stage, value in row[s].items()}
        return [row | {sigma: row[sigma] + more, s: least}]

    return measure_wrong


def along_an_eigenvector(inverse_root, *, share=Fraction(0), shift=Fraction(1, 8), target=Fraction(1), stages=1):
    """One neuron: from target + shift, curvature mu + share (L - mu), L = 3."""
    smoothness = Fraction(3)
    mu_ = inverse_root**2 * smoothness
    return aligned_stacking_run(
        q=inverse_root, L=smoothness, eigenvalues=(mu_ + share * (smoothness - mu_),), values=(target,),
        displacement=((shift,),), stages=stages, minimum=Fraction(3, 4),
    )


# q: sigma(W*) and a displacement along the mu-eigenvector, of entries (a, b), at the very edge of the basin, exactly.
EDGES = {
    Fraction(3, 5): (10, (2, 1)), Fraction(4, 5): (14, (3, 1)), Fraction(24, 25): (6, (1, 1)),
    Fraction(7, 25): (22, (3, 4)), Fraction(5, 13): (16, (3, 2)),
}


def at_the_edge(inverse_root=Fraction(3, 5)):
    """From the edge of the basin, exactly; nothing commutes. For q = 3/5 it is smallest: Phi_0 = mu sigma^2/20."""
    f = Fraction
    least, ways = EDGES[inverse_root]
    return aligned_stacking_run(
        q=inverse_root, L=f(5), eigenvalues=(5 * inverse_root**2, f(5)), values=(f(least), f(least + 1)),
        displacement=tuple((f(way), f(0)) for way in ways), mirror=(f(1), f(2)), left=(f(3), f(1)), right=(f(1), f(1)),
        stages=3, minimum=f(3, 4),
    )


def beyond_the_basin():
    """From W* towards a singular W, at Phi_0 = .88 mu sigma^2: two stages of one neuron, q = 3/4."""
    return along_an_eigenvector(Fraction(3, 4), shift=Fraction(-15, 16), stages=2)


def turning():
    """Every curvature is mu, and W_0 - W* is antisymmetric: so is the first block, but for the second order."""
    f, eighth = Fraction, Fraction(1, 8)
    return aligned_stacking_run(
        q=eighth, L=f(3), eigenvalues=(3 * eighth**2,) * 2, values=(f(1), f(1)),
        displacement=((f(0), eighth), (-eighth, f(0))), stages=2,
    )


def _witnesses():
    f = Fraction
    return {
        "tight": along_an_eigenvector(f(1, 32)),
        "two stages": along_an_eigenvector(f(1, 25), stages=2),
        "steep": along_an_eigenvector(f(1, 16), share=f(1), shift=f(1, 64)),
        "too steep": along_an_eigenvector(f(1, 16), share=f(11, 10), shift=f(1, 64)),
        "too flat": along_an_eigenvector(f(1, 20), share=f(-1, 10) / 399),  # L is 399 mu more than mu
        "five stages": along_an_eigenvector(f(1, 100), share=f(1, 20), shift=f(-7, 500), stages=5),
        "small target": along_an_eigenvector(f(1, 32), target=f(9, 10), shift=f(-1, 8)),
        "at the target": along_an_eigenvector(f(9, 10), shift=f(0)),
        "eight stages": along_an_eigenvector(f(1, 16), shift=f(-7, 30), stages=8),
    }


def _controls():
    witness, far = _witnesses(), beyond_the_basin()
    smoothness = (smooth, at_stage(one.minimum_y), from_next, star_from_first, star_from_next)
    convexity = (convex, at_stage(one.convex_star), minimum, from_next, star_from_first, star_from_next)
    with sympy.evaluate(False):
        rate = (1 - q) ** T
        changed = {
            "rate-5-percent-faster": (1 - Rational(21, 20) * q) ** T,
            "constant-5-percent-smaller": Rational(19, 20) * rate,
            "one-stage-ahead": (1 - q) ** (T + 1),
            "rate-of-the-excess-on-least-squares": ((1 - q) ** 2) ** T,
        }
        weakened = {
            "rate-5-percent-slower": (1 - Rational(19, 20) * q) ** T,
            "constant-5-percent-larger": Rational(21, 20) * rate,
        }
    methods = {
        "zero-start": (_claiming(momentum=0), "two stages"),
        "momentum-10-percent-smaller": (_claiming(momentum=Fraction(9, 10)), "two stages"),
        "momentum-10-percent-larger": (_claiming(momentum=Fraction(11, 10)), "five stages"),
        "step-5-percent-shorter": (_claiming(pace=Fraction(19, 20)), "two stages"),
        "step-10-percent-longer": (_claiming(pace=Fraction(11, 10)), "steep"),
        "parameter-rule": (_claiming(rule="parameter"), "small target"),
    }
    dropped = {
        "without-the-basin": ((basin,), None, far),
        "without-smoothness": (smoothness, None, witness["too steep"]),
        "without-strong-convexity": (convexity, None, witness["too flat"]),
        "without-weyl": ((base.weyl,), _overstated(stretched=False), far),
        "without-a-bound-of-the-error": ((base.submultiplicative,), _overstated(stretched=True), far),
        "error-7-times-larger": ((stacking, base.submultiplicative), _erring(-7), witness["eight stages"]),
        "not-from-rest": ((from_next, star_from_first, star_from_next), _moving, witness["at the target"]),
    }
    return (
        *(Control(name, "stronger", change={rate: new}, witness=witness["tight"]) for name, new in changed.items()),
        *(Control(name, "weaker", change={rate: new}, witness=witness["tight"]) for name, new in weakened.items()),
        *(Control(name, "stronger", measure=other, witness=witness[of]) for name, (other, of) in methods.items()),
        Control("transposed-start", "stronger", measure=_claiming(wrong.transposed_start), witness=turning()),
        *(Control(name, "stronger", drop=drop, measure=other, witness=w) for name, (drop, other, w) in dropped.items()),
        Control("error-of-the-opposite-sign", "weaker", drop=(stacking,), measure=_erring(-1),
                witness=at_the_edge()),
    )


THEOREM = Theorem(
    name="stacking-acceleration",
    title="Stacking accelerates the training of deep linear residual networks",
    provenance="seed",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(
        base.horizon, *(at_stage(each) for each in STEP.hypotheses if each is not one.at_most_1),
        base.below_1, base.positive_sigma, invertible, stacking, base.submultiplicative, base.weyl,
        from_next, star_from_first, star_from_next, basin,
    ),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    method=GenericStep("stacking", _claiming),
    proof=PROOF,
    controls=_controls(),
    extremal=(*map(at_the_edge, EDGES), along_an_eigenvector(Fraction(1, 32), stages=8)),
    uses=("nesterov-step", "gradient-step", "absorption", "stacking-residual"),
    expect="proved",
)
