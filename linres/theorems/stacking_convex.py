r"""Stacking accelerates without strong convexity, near an invertible minimiser.

W_t is the network after t stages of stacking with the functional rule, from rest, on a loss that is convex and
L-smooth; W* is an invertible minimiser, sigma > 0 its smallest singular value. Each new block starts at
(tau_t - 1)/tau_{t+1} times the last, for weights tau_0 = 1, 1 <= tau_{t+1} <= tau_t + 1/3, such as tau_t = (t+3)/3,
which makes it t/(t+4). If 8 |W_0 - W*| <= sigma, then for every T >= 0

    tau_T^2 (ell(W_T) - ell*) <= (5/6) L |W_0 - W*|^2;      with tau_t = (t+3)/3,
    ell(W_T) - ell* <= 7.5 L |W_0 - W*|^2/(T+3)^2.

The lookahead error of stacking is D_t = beta_t d_t W_{t-1}^{-1} d_t, d_t = W_t - W_{t-1}, so it is of second order in
d_t; the proof needs nothing else of it. No error is forgotten without strong convexity. But weights that grow more
slowly than they may dissipate a share of the excess, which feeds a second potential that dissipates |d_t|^2:

    H_t = Phi_t + (tau_t^2/2)(ell(W_t) - ell* + (L/2)|d_t|^2)

does not increase, Phi_t that of nesterov-convex-step. The networks stay within (8/5)|W_0 - W*| of W*, for each is an
average of the one before and of an auxiliary point, and so |d_t| falls like 1/tau_t.

Not sharp: the constant, since from rest without lookahead errors the left side was never measured above
(1/2) L |W_0 - W*|^2, which it is at T = 0 with curvature L; and the basin, since one neuron first breaks the claim from
about .97 sigma away, next to 0 (`neuron`).
"""

from fractions import Fraction
from functools import partial

import sympy
from sympy import Eq, Ge, Gt, IndexedBase, Le, Ne, Rational, Symbol, sqrt, symbols

from linres.certificate import Term
from linres.convex_stacking import ConvexStackingRun
from linres.language import Det, Inner, norm, substitute
from linres.theorem import Certificate, Control, Induction, Lemma, Rule, Step, Theorem
from linres.theorems import nesterov_convex_step as one

STEP = one.THEOREM
L = one.L
sigma, ell_star, R = symbols("sigma ell_star R", real=True)
W_star = Symbol("W_star", commutative=False)
t, T = symbols("t T", integer=True)

# Every quantity of the step becomes a sequence over stages, under the names of networks.
_NETWORKS = {
    one.x: "W", one.y: "Y", one.z: "Z", one.D: "D", one.e: "E", one.g: "G", one.p: "p", one.f_x: "ell",
    one.f_y: "ell_Y", one.Phi: "Phi", one.d: "D_norm", one.e_norm: "E_norm", one.tau: "tau",
}
_LATER = {one.x_next: one.x, one.z_next: one.z, one.f_next: one.f_x, one.Phi_next: one.Phi, one.tau_next: one.tau}
SEQUENCES = {
    symbol: IndexedBase(Symbol(name, **({"real": True} if symbol.is_commutative else {"commutative": False})))
    for symbol, name in _NETWORKS.items()
}
W, Y, Z, D, E, G = (SEQUENCES[symbol] for symbol in (one.x, one.y, one.z, one.D, one.e, one.g))
ell, ell_Y, Phi, D_norm, E_norm, tau = (
    SEQUENCES[symbol] for symbol in (one.f_x, one.f_y, one.Phi, one.d, one.e_norm, one.tau)
)
s = IndexedBase(Symbol("s", real=True))
AT_STAGE = {
    **{symbol: sequence[t] for symbol, sequence in SEQUENCES.items()},
    **{later: SEQUENCES[now][t + 1] for later, now in _LATER.items()},
    one.x_prev: W[t - 1], one.x_star: W_star, one.f_star: ell_star,
}


def at_stage(expression):
    """The expression of nesterov-convex-step at stage t."""
    return substitute(expression, AT_STAGE)


def moved(expression, stage):
    """The expression about stage t at another one."""
    return substitute(expression, {t: sympy.sympify(stage)})


before, after = t - 1, t + 1  # outside evaluate(False), so that t + 1 has one form only

# From rest nothing precedes W_0; and there are no step errors.
with sympy.evaluate(False):
    DEFINITIONS = {at_stage(name): at_stage(meaning) for name, meaning in STEP.definitions.items()} | {
        W[-1]: W[0], E[t]: 0 * W[t], R: norm(W[0] - W_star),
    }

with sympy.evaluate(False):
    horizon, positive_sigma = Ge(T, 0), Gt(sigma, 0)
    weight, weight_next = tau[t], tau[after]
    change, way = W[t] - W[before], W[after] - W[t]
    beta = (weight - 1) / weight_next
    first_weight, slow = Eq(tau[0], 1), Le(weight_next, weight + Rational(1, 3))
    invertible = Ne(Det(W[before]), 0)
    stacking = Eq(D[t], beta * change * W[before] ** -1 * change)
    submultiplicative = Le(D_norm[t] * s[before], beta * Inner(change, change))
    weyl = Ge(s[before], sigma - norm(W[before] - W_star))
    basin = Le(8 * R, sigma)
    smooth_start = Le(ell[0] - ell_star, L / 2 * Inner(W[0] - W_star, W[0] - W_star))
    constant = Rational(5, 6)

    # Invariants
    excess, excess_next = ell[t] - ell_star, ell[after] - ell_star
    radius = Rational(8, 5) * R
    length, drift = norm(change), weight_next * D_norm[t]
    H = Phi[t] + weight**2 / 2 * (excess + L / 2 * Inner(change, change))
    decayed = Le(weight**2 * excess, constant * L * R**2)
    bounded = Le(H, Rational(5, 4) * L * R**2)
    heavy = Ge(weight, 1)
    near_before = Le(norm(W[before] - W_star), radius)
    CONCLUSION = substitute(decayed, {t: T})

    h = sqrt(L / 2)
    kept, B, growth, minimum = (
        at_stage(one.kept), at_stage(one.B), Le(weight_next**2 - weight_next, weight**2), at_stage(one.minimum_x)
    )
    m = at_stage(one.m)
    u, v = W[before] - W_star, Z[t] - W_star
    FULL, KEPT, POSITIVE = (at_stage(STEP.step(name).claim) for name in ("conclusion", "kept", "positive_tau"))
    _ = {
        "no_slip_squared": Le(E_norm[t] ** 2, 0 * L),
        "no_slip": Le(E_norm[t], 0 * L),
        "slipless": Le(Phi[after], B**2),
        "gain": Le(Rational(3, 2) * (weight_next**2 - weight**2), weight_next),
        "descent": Le(excess_next + L / 2 * Inner(way, way), excess + L / 2 * Inner(Y[t] - W[t], Y[t] - W[t])),
        "near_first_squared": Le(Inner(W[-1] - W_star, W[-1] - W_star), radius**2),
        "positive_weight": Gt(weight, 0),
        "kept_small": Le(kept, (h * radius) ** 2),
        "kept_rooted": Le(sqrt(kept), h * radius),
        "aim_squared": Le(Inner(v, v), radius**2),
        "aim": Le(norm(v), radius),
        "angle": Le(Inner(u, v) ** 2, Inner(u, u) * Inner(v, v)),
        "towards": Le(Inner(u, v), norm(u) * norm(v)),
        "against": Le(-Inner(u, v), norm(u) * norm(v)),
        "near_squared": Le((weight * norm(W[t] - W_star)) ** 2, ((weight - 1) * norm(u) + norm(v)) ** 2),
        "near_weighed": Le(weight * norm(W[t] - W_star), (weight - 1) * norm(u) + norm(v)),
        "way_squared": Le((weight * length) ** 2, (norm(u) + norm(v)) ** 2),
        "way": Le(weight * length, norm(u) + norm(v)),
        "room": Ge(s[before], 4 * radius),
        "positive_s": Gt(s[before], 0),
        "small": Le(drift, length / 2),
        "pull": Le(radius * drift, Rational(1, 4) * (weight - 1) * length**2),
        "lookahead": Le(B**2, kept + L * radius * drift + L / 2 * drift**2),
        "along": Le(Inner(change, D[t]) ** 2, Inner(change, change) * Inner(D[t], D[t])),
        "along_rooted": Le(Inner(change, D[t]), length * D_norm[t]),
        "ahead": Le(weight_next**2 * Inner(Y[t] - W[t], Y[t] - W[t]), ((weight - 1) * length + drift) ** 2),
    }
    slip_weight = 2 * B * (weight_next * h) + 2 * (weight_next * h) ** 2 * E_norm[t]
    twice_m = 2 * m

    first_stage = (
        Step("heavy_first", moved(heavy, 0), Certificate(Term(1, first_weight))),
        Step("bounded_first", moved(bounded, 0), Certificate(
            Term(Rational(3, 2), smooth_start), Term(-Rational(3, 2) * (1 + tau[0]) * moved(excess, 0), first_weight)),
            "At rest the second potential is 3/2 of the excess, and half of L |W_0 - W*|^2."),
        Step("decayed_first", moved(decayed, 0), Certificate(
            Term(Rational(2, 3), moved(bounded, 0)), Term(L / 3, norm=moved(v, 0)),
            Term(L / 6, square=tau[0], norm=moved(change, 0)))),
        Step("near_first_squared", _["near_first_squared"], Certificate(
            Term(Rational(39, 25), norm=W[0] - W_star))),
        Step("near_first", moved(near_before, 0), Rule("root", _["near_first_squared"])),
    )
    one_stage = (
        Step("positive_weight", _["positive_weight"], Certificate(Term(1, heavy), Term(1))),
        # Where things are: everything within the radius, so the last block is short and the last network invertible.
        Step("kept_small", _["kept_small"], Certificate(
            Term(1, bounded), Term(3 * L / 100, norm=W[0] - W_star), Term(1, growth, minimum),
            Term(Rational(1, 2), minimum, square=weight), Term(L / 4, square=weight, norm=change))),
        Step("kept_rooted", _["kept_rooted"], Rule("root", _["kept_small"])),
        Step("aim_squared", _["aim_squared"], Certificate(
            Term(2 / L, bounded), Term(Rational(3, 50), norm=W[0] - W_star), Term(3 / L, minimum, square=weight),
            Term(Rational(1, 2), square=weight, norm=change))),
        Step("aim", _["aim"], Rule("root", _["aim_squared"])),
        Step("angle", _["angle"], Rule("cauchy_schwarz")),
        Step("towards", _["towards"], Rule("root", _["angle"])),
        Step("near_squared", _["near_squared"], Certificate(Term(2 * (weight - 1), _["towards"]))),
        Step("near_weighed", _["near_weighed"], Rule("root", _["near_squared"])),
        Step("near_next", moved(near_before, after), Certificate(
            Term(1 / weight, _["near_weighed"]), Term((weight - 1) / weight, near_before),
            Term(1 / weight, _["aim"]))),
        Step("against", _["against"], Rule("root", _["angle"])),
        Step("way_squared", _["way_squared"], Certificate(Term(2, _["against"]))),
        Step("way", _["way"], Rule("root", _["way_squared"])),
        Step("room", _["room"], Certificate(Term(1, weyl), Term(1, near_before), Term(1, basin))),
        Step("positive_s", _["positive_s"], Certificate(
            Term(1, weyl), Term(1, near_before), Term(Rational(1, 5), basin), Term(Rational(4, 5), positive_sigma))),
        # The lookahead error
        Step("small", _["small"], Certificate(
            Term(weight_next / s[before], submultiplicative),
            Term((weight - 1) * length / (2 * weight * s[before]), _["room"]),
            Term((weight - 1) * length / (weight * s[before]), _["way"]),
            Term((weight - 1) * length / (weight * s[before]), near_before),
            Term((weight - 1) * length / (weight * s[before]), _["aim"]), Term(length / (2 * weight)))),
        Step("pull", _["pull"], Certificate(
            Term(radius * weight_next / s[before], submultiplicative),
            Term((weight - 1) / (4 * s[before]), _["room"], square=length))),
        Step("lookahead", _["lookahead"], Certificate(Term(twice_m, _["kept_rooted"]))),
        Step("along", _["along"], Rule("cauchy_schwarz")),
        Step("along_rooted", _["along_rooted"], Rule("root", _["along"])),
        Step("ahead", _["ahead"], Certificate(Term(2 * (weight - 1) * weight_next, _["along_rooted"]))),
        Step("bounded_next", moved(bounded, after), Certificate(
            Term(1, bounded), Term(1, _["slipless"]), Term(1, _["lookahead"]),
            Term(Rational(1, 2), _["descent"], square=weight_next), Term(L / 4, _["ahead"]),
            Term(1, _["gain"], minimum), Term(L, _["pull"]), Term(L / 2 * (weight - 1) * length, _["small"]),
            Term(L * Rational(3, 4) * (length / 2 + drift), _["small"]), Term(L / 16, norm=change)),
            "The second potential does not increase."),
        Step("decayed_next", moved(decayed, after), Certificate(
            Term(Rational(2, 3), moved(bounded, after)), Term(L / 3, norm=moved(v, after)),
            Term(L / 6, square=weight_next, norm=moved(change, after)))),
        Step("heavy_next", moved(heavy, after), Certificate(Term(1, at_stage(one.at_least_1)))),
    )

PROOF = (
    Step("positive_tau", POSITIVE, Certificate(Term(1, at_stage(one.at_least_1)), Term(1))),
    Step("step", FULL, Lemma(STEP, AT_STAGE)),
    Step("kept", KEPT, Lemma(STEP, AT_STAGE, "kept")),
    Step("no_slip_squared", _["no_slip_squared"], Certificate()),
    Step("no_slip", _["no_slip"], Rule("root", _["no_slip_squared"])),
    Step("slipless", _["slipless"], Certificate(Term(1, FULL), Term(slip_weight, _["no_slip"])),
         "There is no step error."),
    Step("growth", growth, Certificate(
        Term(Rational(1, 3), at_stage(one.at_least_1)), Term(Rational(4, 9)), Term(2, slow, at_stage(one.at_least_1)),
        Term(Rational(4, 3), slow), Term(1, slow, slow))),
    Step("gain", _["gain"], Certificate(
        Term(Rational(1, 6)), Term(3, slow, at_stage(one.at_least_1)), Term(2, slow), Term(Rational(3, 2), slow, slow)),
        "Weights that grow by 1/3 dissipate enough of the excess to feed the second potential."),
    Step("descent", _["descent"], Certificate(Term(1, at_stage(one.smooth)), Term(1, at_stage(one.convex_x)))),
    Step("conclusion", CONCLUSION, Induction(
        invariants=(decayed, bounded, heavy, near_before), first=(first_stage,), advance=one_stage)),
)

SYMBOLS = {
    W: "network: end-to-end map after t stages", Y: "lookahead point", Z: "auxiliary point",
    D: "lookahead error", E: "step error", G: "gradient of the loss at Y",
    ell: "loss at W", ell_Y: "loss at Y", Phi: "potential", tau: "weight of the excess in the potential",
    D_norm: "|D|", E_norm: "|E|",
    SEQUENCES[one.p]: "next auxiliary point without step error, minus the target",
    s: "smallest singular value of W, or less", sigma: "smallest singular value of the target, or less",
    L: STEP.symbols[L], W_star: "target: an invertible minimiser of ell", ell_star: "minimum of ell",
    R: "|W_0 - W_star|", t: "stage", T: "number of stages",
}


def measure(instance, arithmetic, **method):
    """One row: the sequences of a run (see `linres.convex_stacking`), exactly, and its number of stages.

    ValueError if the arithmetic is not EXACT.
    """
    run = instance.record(arithmetic, **method)
    return [{
        L: run.L, sigma: run.sigma, W_star: run.target, ell_star: run.minimum, T: run.stages, tau: run.tau,
        W: run.points, Y: run.lookaheads, D: run.lookahead_errors, G: run.gradients, ell: run.values,
        ell_Y: run.lookahead_values, s: run.singular_values,
    }]


def instances():
    """Exact runs of up to 4 stages from rest in the basin, some at its edge: flat and steep sides, any weights."""
    from linres.strategies import convex_stacking_runs

    return convex_stacking_runs(max_stages=4)


def sample(generator, count):
    """Runs in bulk, in compiled float64 (see `linres.sampling`)."""
    from linres.sampling.stacking import convex_stacking_histories

    return convex_stacking_histories(generator, count, symbols=(ell, ell_star, L, sigma, R, tau, T))


def _overstated(*, stretched):
    """Claim 100 times the smallest singular value of the target; stretched: and as much more of the networks."""

    def measure_wrong(instance, arithmetic):
        [row] = measure(instance, arithmetic)
        more = 99 * row[sigma]
        least = {stage: value + more if stretched else value for stage, value in row[s].items()}
        return [row | {sigma: row[sigma] + more, s: least}]

    return measure_wrong


def neuron(*, start, share=Fraction(1), target=Fraction(1), stages=1):
    """A network of one neuron with curvature share * L, L = 3, and weights (t+3)/3."""
    shares, goal, first = (((Fraction(number),),) for number in (share, target, start))
    return ConvexStackingRun(
        L=Fraction(3), tau=tuple(Fraction(k + 3, 3) for k in range(stages + 1)), up=shares, down=shares, target=goal,
        start=first,
    )


def _controls():
    edge, far = neuron(start=Fraction(9, 8)), neuron(start=Fraction(1, 40), share=Fraction(3, 4), stages=2)
    steep = neuron(start=Fraction(9, 8), share=Fraction(4), stages=2)
    slow_ = neuron(start=Fraction(9, 8), share=Fraction(1, 256), stages=100)
    with sympy.evaluate(False):
        changed = {constant: Rational(49, 100)}
        weakened = {constant: Rational(21, 20) * constant}
    return (
        Control("less-than-at-the-start", "stronger", change=changed, witness=edge),
        Control("constant-5-percent-larger", "weaker", change=weakened, witness=edge),
        Control("zero-start", "stronger", measure=partial(measure, momentum=0), witness=slow_),
        Control("without-the-basin", "stronger", drop=(basin,), witness=far),
        Control("without-weyl", "stronger", drop=(weyl,), measure=_overstated(stretched=False), witness=far),
        Control("without-a-bound-of-the-error", "stronger", drop=(submultiplicative,),
                measure=_overstated(stretched=True), witness=far),
        Control("without-smoothness", "stronger",
                drop=(at_stage(one.smooth), at_stage(one.minimum_y), smooth_start), witness=steep),
    )


THEOREM = Theorem(
    name="stacking-convex",
    title="Stacking accelerates without strong convexity",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(
        horizon, *map(at_stage, STEP.hypotheses), first_weight, slow, positive_sigma, invertible, stacking,
        submultiplicative, weyl, smooth_start, basin,
    ),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    proof=PROOF,
    controls=_controls(),
    uses=("nesterov-convex-step", "stacking-residual"),
    expect="proved",
)
