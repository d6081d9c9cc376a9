r"""Stacking on least squares: the sharp rate near the target.

W_t is the network after t stages of stacking with the functional rule, from rest, on least squares ell(W) = ell* +
<W - W*, (W - W*) Sigma>/2 with mu <= Sigma <= L; 0 < q = sqrt(mu/L) < 1, beta = (1-q)/(1+q), step 1/L, and sigma > 0 is
the smallest singular value of W*. Let eps = sqrt(2(ell(W_0) - ell*)/mu)/sigma. If eps <= 1/9, then for every T >= 0

    ell(W_T) - ell* <= (1 + 9 eps/2)^2 ((1 + q T)^2 + 1 - q^2) (1-q)^{2T} (ell(W_0) - ell*).

That is the sharp rate of Nesterov's method on least squares, twice the exponent of `stacking-acceleration`, and the
factor for the lookahead errors tends to 1 as the start nears the target; it is 9/4 at the edge of the basin,
ell(W_0) - ell* <= mu sigma^2/162, which does not shrink with kappa. In all at most 9/2 (1 + q T)^2 (1-q)^{2T}.

The lookahead error is D_t = beta d_t W_{t-1}^{-1} d_t, d_t = W_t - W_{t-1} (`stacking-residual`), so |D_t| <=
beta |d_t|^2/s_{t-1}, s_{t-1} the smallest singular value of W_{t-1}; the proof needs nothing else of it. By
`nesterov-quadratic-step` the length V takes up sqrt(L)(1-q^2)|D_t| and contracts by 1-q. What it takes up is paid for:

    R_t = mu |W_t - W*|^2 + (1-q) V_t^2 + (1-q) q L |d_t|^2

contracts by 1-q, dissipates (1-q) q L |d_t|^2 at each stage, and takes up errors as V does. So V_t + 9 R_t/(4 q sqrt(L)
sigma) contracts by 1-q in spite of them. From rest V_0^2 is exactly 2(ell(W_0) - ell*).

Sharp: the rate and 1 + q T, along the mu-eigenvector as the start nears the target (`long_run`). Not sharp: 1 - q^2
beside (1 + q T)^2, which from rest without lookahead errors is not needed; 9/2, where one neuron needs 3/2 as q -> 0,
as measured; and the basin. As measured for kappa from 10 to 1e6, one neuron first breaks the claim at about
.44 mu sigma^2, 71 times what is proved, when it starts at sigma/17 on the way to a singular W along the mu-eigenvector.
"""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import flint
import sympy
from sympy import Eq, Ge, Gt, IndexedBase, Integer, Le, Ne, Rational, Symbol, sqrt, symbols

from linres import bounds, exact_stacking
from linres.arithmetic import EXACT, rational
from linres.certificate import Term
from linres.evaluate import Enclosure, Float
from linres.instances import aligned_stacking_run
from linres.language import Det, Inner, norm, substitute
from linres.methods import nesterov, wrong
from linres.methods import stacking as methods
from linres.theorem import Certificate, Control, GenericStep, Induction, Lemma, Rule, Step, Theorem
from linres.theorems import nesterov_quadratic_step as one

STEP = one.THEOREM
q, L, mu = one.q, one.L, one.mu
sigma, ell_star = symbols("sigma ell_star", real=True)
W_star = Symbol("W_star", commutative=False)
t, T = symbols("t T", integer=True)

# Every quantity of the step becomes a sequence over stages, under the names of networks.
_NETWORKS = {
    one.x: "W", one.g: "G", one.D: "D", one.C: "C", one.e: "E", one.c: "c", one.s: "a", one.U: "U", one.r: "r",
    one.d: "D_norm", one.e_norm: "E_norm", one.p: "p", one.k: "k", one.F: "F",
}
_LATER = {
    one.x_next: one.x, one.g_next: one.g, one.c_next: one.c, one.s_next: one.s, one.U_next: one.U,
    one.r_next: one.r,
}
_EARLIER = {one.x_prev: one.x, one.g_prev: one.g}
SEQUENCES = {
    symbol: IndexedBase(Symbol(name, **({"real": True} if symbol.is_commutative else {"commutative": False})))
    for symbol, name in _NETWORKS.items()
}
W, G, D, C, E, c, slope, p, k, F = (
    SEQUENCES[symbol] for symbol in (one.x, one.g, one.D, one.C, one.e, one.c, one.s, one.p, one.k, one.F)
)
U, D_norm, E_norm = (SEQUENCES[symbol] for symbol in (one.U, one.d, one.e_norm))
ell, R, s = (IndexedBase(Symbol(name, real=True)) for name in ("ell", "R", "s"))
AT_STAGE = {
    **{symbol: sequence[t] for symbol, sequence in SEQUENCES.items()},
    **{later: SEQUENCES[now][t + 1] for later, now in _LATER.items()},
    **{earlier: SEQUENCES[now][t - 1] for earlier, now in _EARLIER.items()},
    one.x_star: W_star, one.w: q,
}
before, after = t - 1, t + 1  # outside evaluate(False), so that t + 1 has one form only


def at_stage(expression, stage=t):
    """The expression of nesterov-quadratic-step at stage t, or at another one."""
    return moved(substitute(expression, AT_STAGE), stage)


def moved(expression, stage):
    """The expression about stage t at another one."""
    return substitute(expression, {t: sympy.sympify(stage)})


def square(vector):
    return Inner(vector, vector)


def _loss(stage):
    return ell_star + Inner(G[stage], W[stage] - W_star) / 2


def _potential(stage):
    """R: its step dissipates (1-q) q L times the square of the last change."""
    with sympy.evaluate(True):
        earlier = sympy.sympify(stage) - 1
    return (
        mu * square(W[stage] - W_star) + (1 - q) * U[stage] + (1 - q) * q * L * square(W[stage] - W[earlier])
    )


# From rest nothing precedes W_0; and there are no step errors.
with sympy.evaluate(False):
    DEFINITIONS = {at_stage(name): at_stage(meaning) for name, meaning in STEP.definitions.items()} | {
        ell[t]: _loss(t), ell[after]: _loss(after), R[t]: _potential(t), R[after]: _potential(after),
        W[-1]: W[0], G[-1]: G[0], E[t]: 0 * W[t],
    }

with sympy.evaluate(False):
    horizon, positive_sigma = Ge(T, 0), Gt(sigma, 0)
    rate, gap, beta = 1 - q, 1 - q**2, (1 - q) / (1 + q)
    change, offset = W[t] - W[before], W[t] - W_star
    invertible = Ne(Det(W[before]), 0)
    stacking = Eq(D[t], beta * change * W[before] ** -1 * change)
    submultiplicative = Le(D_norm[t] * s[before], beta * square(change))
    weyl = Ge(s[before], sigma - norm(W[before] - W_star))
    symmetric_now = Eq(Inner(G[t], W[before] - W_star), Inner(G[before], offset))
    smooth_next = Le(Inner(slope[after], c[after]), L * square(c[after]))
    along_both = one.along(c[t] + q * offset, slope[t] + q * G[t])

    excess, start = ell[t] - ell_star, sqrt(2 * (ell[0] - ell_star))
    reach = q * sqrt(L) * sigma
    basin = Le(9 * start, reach)
    grown = 1 + Rational(9, 2) * start / reach
    shape = (1 + q * t) ** 2 + gap
    decayed = Le(excess, shape * (rate**t * grown) ** 2 * (ell[0] - ell_star))
    CONCLUSION = substitute(decayed, {t: T})

    # Invariants
    length, distance = at_stage(one.length), at_stage(one.distance)
    most = start * grown
    joint = length + Rational(9, 4) / reach * R[t]
    joint_decayed, joint_bounded = Le(joint, rate**t * most), Le(joint, most)
    bounded = Le(R[t], 2 * start**2)
    near = Le(distance, (1 + q * t) * rate**t * most)
    near_before = Le(q * sqrt(L) * norm(W[before] - W_star), reach / 6)

    nonnegative_q, BELOW = Ge(q, 0), STEP.step("below_1_squared").claim
    LENGTH, DISTANCE, LONG, LONG_NEXT, ERROR = (
        at_stage(STEP.step(name).claim) for name in ("length", "distance", "nonnegative", "nonnegative_next", "error")
    )
    cost = sqrt(L) * (gap * D_norm[t])
    dissipated = rate * q * L * square(change)
    turned = p[t] - q / gap * (G[t] / L - q**2 * offset)
    left = mu * square(offset) + rate * U[t]
    _ = {
        "no_slip_squared": Le(E_norm[t] ** 2, 0 * L),
        "no_slip": Le(E_norm[t], 0 * L),
        "length": Le(moved(length, after), rate * length + cost),
        "distance": Le(moved(distance, after), rate * (distance + q * length) + q * cost),
        "error": Le(norm(F[t]), gap * D_norm[t]),
        "turned_squared": Le(L * square(turned), U[t]),
        "turned": Le(sqrt(L) * norm(turned), length),
        "angle": Le(Inner(turned, F[t]) ** 2, square(turned) * square(F[t])),
        "rooted": Le(Inner(turned, F[t]), norm(turned) * norm(F[t])),
        "potential": Le(R[after], rate * left + 2 * L * rate * Inner(turned, F[t]) + L * square(F[t])),
        "dissipating": Le(R[after], rate * (R[t] - dissipated) + 2 * rate * length * cost + cost**2),
        "cost": Le(cost * (q * sqrt(L) * s[before]), rate * dissipated),
        "split": Le(2 * moved(excess, after), moved(distance, after) ** 2 + gap * U[after]),
        "positive_reach": Gt(reach, 0),
        # In the basin
        "nonnegative_start": Ge(2 * (ell[0] - ell_star), 0),
        "grown": Le(most, reach / 6),
        "room": Ge(q * sqrt(L) * s[before], Rational(5, 6) * reach),
        "paid": Le(cost * reach, Rational(6, 5) * rate * dissipated),
        "left": Le(dissipated, R[t]),
        "nonnegative_R": Ge(R[t], 0),
        "small_length": Le(length, reach / 6),
        "small_cost": Le(cost, reach / 30),
        "contracted": Le(R[after], rate * (R[t] - Rational(14, 25) * dissipated)),
        "joint": Le(moved(joint, after), rate * joint),
        "near_squared": Le(distance**2, (reach / 6) ** 2),
    }
    _["length_decayed"] = Le(moved(length, after), moved(rate**t * most, after))
    _["nonnegative_next_R"] = moved(_["nonnegative_R"], after)
    start_squared, start_distance = 2 * (ell[0] - ell_star), moved(distance, 0)
    fallen = G[t] / L - q**2 * offset  # (1-q^2)(I - K)(W - W*)
    along_x, along_first = at_stage(one.along_x), at_stage(one.along_x, 0)
    offset_first, slope_first = W[0] - W_star, G[0]
    _ |= {
        "length_first_squared": Le(U[0], start_squared),
        "length_first": Le(moved(length, 0), start),
        "distance_first_squared": Le(start_distance**2, start_squared),
        "distance_first": Le(start_distance, start),
        "near_before_first_squared": Le((q * sqrt(L) * norm(W[-1] - W_star)) ** 2, (reach / 6) ** 2),
    }
    quarter, fifth, part = Rational(9, 4) / reach, Rational(6, 5), Rational(14, 25)
    moving = rate * q * L

    first = (
        Step("nonnegative_start", _["nonnegative_start"], Certificate(
            Term(mu, norm=offset_first), Term(1 / (L * gap), along_first),
            Term(1 / (L * gap), norm=slope_first - mu * offset_first))),
        Step("length_first_squared", _["length_first_squared"], Certificate(),
             "From rest V^2 is twice the excess."),
        Step("length_first", _["length_first"], Rule("root", _["length_first_squared"])),
        Step("distance_first_squared", _["distance_first_squared"], Certificate(
            Term(1 / (L * gap), along_first), Term(1 / (L * gap), norm=slope_first - mu * offset_first))),
        Step("distance_first", _["distance_first"], Rule("root", _["distance_first_squared"])),
        Step("bounded_first", moved(bounded, 0), Certificate(
            Term(1, _["distance_first_squared"]), Term(q, _["nonnegative_start"]))),
        Step("joint_first", moved(joint_bounded, 0), Certificate(
            Term(1, _["length_first"]), Term(quarter, moved(bounded, 0)))),
        Step("joint_decayed_first", moved(joint_decayed, 0), Certificate(Term(1, moved(joint_bounded, 0)))),
        Step("near_first", moved(near, 0), Certificate(
            Term(1, _["distance_first"]), Term(2 * quarter, _["nonnegative_start"]))),
        Step("near_before_first_squared", _["near_before_first_squared"], Certificate(
            Term(1, _["distance_first_squared"]), Term(Rational(1, 81) * (reach + 9 * start), basin),
            Term(Rational(5, 324) * reach**2))),
        Step("near_before_first", moved(near_before, 0), Rule("root", _["near_before_first_squared"])),
        Step("grown", _["grown"], Certificate(Term(Rational(1, 6) + start / (2 * reach), basin))),
        Step("decayed_first", moved(decayed, 0), Certificate(
            Term((gap * grown**2 + 9 * start / reach + Rational(81, 4) * start**2 / reach**2) / 2,
                 _["nonnegative_start"]))),
    )
    joint_next, near_next = moved(joint_decayed, after), moved(near, after)
    advance = (
        Step("room", _["room"], Certificate(Term(q * sqrt(L), weyl), Term(1, near_before))),
        Step("paid", _["paid"], Certificate(Term(fifth, _["cost"]), Term(fifth * cost, _["room"]))),
        Step("nonnegative_R", _["nonnegative_R"], Certificate(
            Term(mu, norm=offset), Term(rate, LONG), Term(moving, norm=change))),
        Step("left", _["left"], Certificate(Term(mu, norm=offset), Term(rate, LONG))),
        Step("small_length", _["small_length"], Certificate(
            Term(1, joint_bounded), Term(quarter, _["nonnegative_R"]), Term(1, _["grown"]))),
        Step("small_cost", _["small_cost"], Certificate(
            Term(1 / reach, _["paid"]), Term(fifth * q / reach * moving, norm=change), Term(fifth / reach, _["left"]),
            Term(fifth / reach, bounded), Term(Rational(12, 405) * (reach + 9 * start) / reach, basin),
            Term(reach / 270))),
        Step("contracted", _["contracted"], Certificate(
            Term(1, _["dissipating"]), Term(Rational(11, 30), _["paid"]), Term(2 * cost, _["small_length"]),
            Term(cost, _["small_cost"]), Term(2 * q * length * cost))),
        Step("joint", _["joint"], Certificate(
            Term(1, _["length"]), Term(quarter, _["contracted"]), Term(1 / reach, _["paid"]),
            Term(Rational(3, 50) * rate / reach * moving, norm=change))),
        Step("joint_next", moved(joint_bounded, after), Certificate(
            Term(1, _["joint"]), Term(1, joint_bounded), Term(q * length), Term(q * quarter, _["nonnegative_R"]))),
        Step("joint_decayed_next", joint_next, Certificate(Term(1, _["joint"]), Term(rate, joint_decayed))),
        Step("bounded_next", moved(bounded, after), Certificate(
            Term(1, _["contracted"]), Term(1, bounded), Term(q, _["nonnegative_R"]),
            Term(part * rate * moving, norm=change))),
        Step("near_squared", _["near_squared"], Certificate(
            Term(1, bounded), Term(rate, LONG), Term(moving, norm=change),
            Term(Rational(2, 81) * (reach + 9 * start), basin), Term(reach**2 / 324))),
        Step("near_before_next", moved(near_before, after), Rule("root", _["near_squared"])),
        Step("near_next", near_next, Certificate(
            Term(1, _["distance"]), Term(rate, near), Term(q * rate, joint_decayed), Term(q / reach, _["paid"]),
            Term(fifth * q * rate / reach, _["left"]), Term(Rational(21, 20) * q * rate / reach, _["nonnegative_R"]))),
        Step("nonnegative_next_R", _["nonnegative_next_R"], Certificate(
            Term(mu, norm=W[after] - W_star), Term(rate, LONG_NEXT), Term(moving, norm=W[after] - W[t]))),
        Step("length_decayed", _["length_decayed"], Certificate(
            Term(1, joint_next), Term(quarter, _["nonnegative_next_R"]))),
        Step("decayed_next", moved(decayed, after), Certificate(
            Term(Rational(1, 2), _["split"]), Term(Rational(1, 2), near_next, near_next),
            Term(moved(distance, after), near_next), Term(gap / 2, _["length_decayed"], _["length_decayed"]),
            Term(gap * moved(length, after), _["length_decayed"]))),
    )

    PROOF = (
        Step("nonnegative_q", nonnegative_q, Certificate(Term(1, one.positive_q))),
        Step("below_1_squared", BELOW, Certificate(Term(1 + q, one.below_1))),
        Step("positive_reach", _["positive_reach"], Certificate(Term(q * sqrt(L), positive_sigma))),
        Step("one_length", LENGTH, Lemma(STEP, AT_STAGE, "length")),
        Step("one_distance", DISTANCE, Lemma(STEP, AT_STAGE, "distance")),
        Step("one_error", ERROR, Lemma(STEP, AT_STAGE, "error")),
        Step("nonnegative", LONG, Lemma(STEP, AT_STAGE, "nonnegative")),
        Step("nonnegative_next", LONG_NEXT, Lemma(STEP, AT_STAGE, "nonnegative_next")),
        Step("no_slip_squared", _["no_slip_squared"], Certificate()),
        Step("no_slip", _["no_slip"], Rule("root", _["no_slip_squared"])),
        Step("length", _["length"], Certificate(Term(1, LENGTH), Term(sqrt(L), _["no_slip"]))),
        Step("distance", _["distance"], Certificate(Term(1, DISTANCE), Term(q * sqrt(L), _["no_slip"]))),
        Step("error", _["error"], Certificate(Term(1, ERROR), Term(1, _["no_slip"]))),
        Step("turned_squared", _["turned_squared"], Certificate(
            Term(1 / (L * gap), along_x), Term(1 / (L * gap**2), along_both), Term(L / gap, norm=fallen),
            Term(-q / (1 + q), symmetric_now))),
        Step("turned", _["turned"], Rule("root", _["turned_squared"])),
        Step("angle", _["angle"], Rule("cauchy_schwarz")),
        Step("rooted", _["rooted"], Rule("root", _["angle"])),
        Step("potential", _["potential"], Certificate(
            Term(rate**2 / (L * gap**2), along_both), Term(rate**3 * q / (L * gap**2), along_x),
            Term(rate**3 * L / gap**2, norm=fallen), Term(-beta, at_stage(one.symmetric)),
            Term(-q * rate**2 / (1 + q), symmetric_now))),
        Step("dissipating", _["dissipating"], Certificate(
            Term(1, _["potential"]), Term(2 * L * rate, _["rooted"]),
            Term(2 * rate * sqrt(L) * norm(F[t]), _["turned"]),
            Term(2 * rate * length * sqrt(L), _["error"]), Term(L * (norm(F[t]) + gap * D_norm[t]), _["error"]))),
        Step("cost", _["cost"], Certificate(Term(q * L * gap, submultiplicative))),
        Step("split", _["split"], Certificate(Term(1, smooth_next))),
        Step("conclusion", CONCLUSION, Induction(
            invariants=(decayed, joint_bounded, joint_decayed, bounded, near, near_before), first=(first,),
            advance=advance)),
    )

SYMBOLS = {
    W: "network: end-to-end map after t stages", G: "gradient of the loss at W, (W - W_star) Sigma",
    D: "lookahead error", C: "D Sigma", E: "step error",
    c: "departure of W from 1-q times the last, relative to W_star", slope: "c Sigma", U: "square of the length V",
    ell: "loss at W", R: "potential that dissipates what the lookahead error costs",
    SEQUENCES[one.r]: "|W - W_star|", D_norm: "|D|", E_norm: "|E|",
    p: "K c (in the proof)", k: "K (W - W_star) (in the proof)", F: "what the errors make of the step (in the proof)",
    s: "smallest singular value of W, or less", sigma: "smallest singular value of the target, or less",
    q: STEP.symbols[q], L: "smoothness: the largest eigenvalue of Sigma, or more",
    mu: "strong convexity, q^2 L: the smallest eigenvalue of Sigma, or less",
    W_star: "target: the minimiser of ell", ell_star: "minimum of ell", t: "stage", T: "number of stages",
}


def measure(instance, arithmetic):
    """One row: the sequences of a stagewise training run (see `linres.instances.StackingRun`), exactly.

    q and L are those that its momentum and step size are made of. sigma is the smallest singular value of the target,
    rounded down where it is irrational; s_t is sigma - |W_t - W*|, rounded up where it is irrational, which by Weyl's
    inequality is at most the smallest singular value of W_t. ValueError if the arithmetic is not EXACT.
    """
    return [_row(instance, instance.record(arithmetic), arithmetic)]


def _row(claimed, run, arithmetic):
    """What was recorded of a run, with the settings and the lookahead errors of the run it is claimed to be."""
    if arithmetic is not EXACT:
        raise ValueError(f"measure(instance, arithmetic) should have the arithmetic EXACT, got {arithmetic!r}")
    function, momentum = claimed.function(EXACT), rational(claimed.momentum)
    networks = exact_stacking.networks(claimed, run)
    stages, least = range(len(run.stages)), rational(bounds.stretch(function.minimiser))
    errors = {k: exact_stacking.lookahead_error(momentum, networks[k], networks[k - 1]) for k in stages}
    return {
        q: nesterov.momentum(momentum), L: 1 / rational(claimed.step_size), sigma: least, T: len(stages),
        W_star: function.minimiser, ell_star: function.minimum, W: networks, D: errors,
        G: {k: function.gradient(network) for k, network in networks.items()},
        C: {k: function.gradient(function.minimiser + error) for k, error in errors.items()},
        ell: {k: function.value(network) for k, network in networks.items() if k >= 0},
        s: {k - 1: least - exact_stacking.distance_below(networks[k - 1], function.minimiser) for k in stages},
    }


def edge(inverse_root, smoothness, least, excess):
    """By what a displacement W_0 - W* with this excess loss may be multiplied so that it stays in the basin, rounded
    down. q, L and the smallest singular value of W*, rationals; the excess, not 0."""
    given = map(rational, (inverse_root, smoothness, least, excess))
    return bounds.fraction(flint.arb(_edge(Enclosure, *given)).lower().fmpq())


def _edge(walk, inverse_root, smoothness, least, excess):
    """The right side of the basin over the left, which is proportional to the displacement."""
    row = walk({q: inverse_root, L: smoothness, sigma: least, ell: {0: excess}, ell_star: 0 * excess}, {})
    return row.value(basin.rhs) / row.value(basin.lhs)


def instances():
    """Exact runs of up to 4 stages from rest in the basin, d = 1, 2 or 3, half of them from its very edge."""
    from linres.strategies import aligned_stacking_runs

    return aligned_stacking_runs(edge, max_stages=4, distance=0)


def sample(generator, count):
    """Runs in the basin in bulk, trained by the compiled kernel."""
    from linres.sampling.stacking import stacking_losses

    return stacking_losses(generator, count, reach=partial(_edge, Float), symbols=(ell, ell_star, q, L, sigma, T))


def _claiming(stage=methods.stage, *, rule="functional", momentum=1, pace=1):
    """Measure a wrong method, claimed to be stacking: another stage, or its settings times momentum and pace."""

    def measure_wrong(instance, arithmetic):
        settings = {"momentum": momentum * instance.momentum, "step_size": pace * instance.step_size}
        return [_row(instance, replace(instance, **settings).record(arithmetic, stage=stage, rule=rule), arithmetic)]

    return measure_wrong


def _moving(instance, arithmetic):
    """A wrong start: not from rest, but from W_{-1} = W_0/64."""
    previous = tuple(tuple(entry / 64 for entry in row) for row in instance.start)
    return [_row(instance, instance.record(arithmetic, previous=previous), arithmetic)]


def _overstated(*, stretched):
    """Claim 20 times the smallest singular value of the target; stretched: and as much more of the networks."""

    def measure_wrong(instance, arithmetic):
        [row] = measure(instance, arithmetic)
        more = 19 * row[sigma]
        least = {stage: value + more if stretched else value for stage, value in row[s].items()}
        return [row | {sigma: row[sigma] + more, s: least}]

    return measure_wrong


def neuron(inverse_root=Fraction(3, 4), *, share=Fraction(0), shift=Fraction(1, 1024), target=Fraction(1), stages=4):
    """One neuron from target + shift, curvature mu + share (L - mu), L = 3."""
    smoothness = Fraction(3)
    mu_ = inverse_root**2 * smoothness
    return aligned_stacking_run(
        q=inverse_root, L=smoothness, eigenvalues=(mu_ + share * (smoothness - mu_),), values=(target,),
        displacement=((shift,),), stages=stages, minimum=Fraction(3, 4),
    )


def at_the_edge():
    """From the edge of the basin, exactly: ell(W_0) - ell* = mu sigma^2/162; nothing commutes."""
    f, inverse_root = Fraction, Fraction(3, 5)
    return aligned_stacking_run(
        q=inverse_root, L=f(5), eigenvalues=(5 * inverse_root**2, f(5)), values=(f(45), f(46)),
        displacement=((f(3), f(0)), (f(4), f(0))), mirror=(f(1), f(2)), left=(f(3), f(1)), right=(f(1), f(1)),
        stages=3, minimum=f(3, 4),
    )


def beyond_the_basin():
    """From W* towards a singular W, at .48 mu sigma^2: one neuron overshoots on its second stage, q = 3/4."""
    return neuron(shift=Fraction(-63, 64), stages=3)


def long_run():
    """From next to the target along the mu-eigenvector, where (1 + q T)^2 tells: q = 1/2, 6 stages."""
    return neuron(Fraction(1, 2), stages=6)


def _changes():
    """Controls: what is changed in the conclusion, and the instance that decides, by kind."""
    less, more, tight = Rational(19, 20), Rational(21, 20), neuron(Fraction(63, 64), stages=1)
    with sympy.evaluate(False):
        rate_, growth, first_ = substitute(rate**t, {t: T}), 1 + q * T, ell[0] - ell_star
        faster, slower = (1 - share * q for share in (more, less))
        return {
            "stronger": {
                "no-growth": ({growth: Integer(1)}, long_run()),
                "growth-10-percent-slower": ({growth: 1 + Rational(9, 10) * q * T}, long_run()),
                "rate-5-percent-faster": ({rate_: faster**T}, long_run()),
                "constant-10-percent-smaller": ({first_: Rational(9, 10) * first_}, tight),
                "constant-5-percent-smaller": ({first_: less * first_}, tight),
                "one-stage-ahead": ({rate_: rate ** (T + 1)}, tight),
                "nothing-for-the-lookahead-error": ({grown: Integer(1)}, neuron(shift=Fraction(1, 16))),
            },
            "weaker": {
                "rate-5-percent-slower": ({rate_: slower**T}, long_run()),
                "constant-5-percent-larger": ({first_: more * first_}, tight),
                "growth-5-percent-faster": ({growth: 1 + more * q * T}, long_run()),
            },
        }


def _wrong_methods():
    """Controls: other methods, claimed to be stacking."""
    flat, steep = long_run(), neuron(Fraction(15, 16), share=Fraction(1))
    swinging = neuron(Fraction(1, 16), share=Fraction(1, 10), shift=Fraction(1, 16384), stages=7)
    return {
        "zero-start": (_claiming(momentum=0), flat),
        "momentum-10-percent-smaller": (_claiming(momentum=Fraction(9, 10)), flat),
        "momentum-half-as-large-again": (_claiming(momentum=Fraction(3, 2)), swinging),
        "step-10-percent-shorter": (_claiming(pace=Fraction(9, 10)), flat),
        "step-10-percent-longer": (_claiming(pace=Fraction(11, 10)), steep),
        "parameter-rule": (_claiming(rule="parameter"), neuron(Fraction(1, 2), target=Fraction(9, 10), stages=6)),
        "transposed-start": (_claiming(wrong.transposed_start), turning()),
    }


def turning():
    """Every curvature is mu, and W_0 - W* is antisymmetric: so is the first block, but for the second order."""
    f, little = Fraction, Fraction(1, 64)
    return aligned_stacking_run(
        q=f(1, 2), L=f(3), eigenvalues=(f(3, 4),) * 2, values=(f(1), f(1)),
        displacement=((f(0), little), (-little, f(0))), stages=5,
    )


def _dropped():
    """Controls: hypotheses dropped, how to measure, and an instance on which the conclusion is then false."""
    curvature = (along_x, at_stage(one.along_c), along_both)
    far = beyond_the_basin()
    return {
        "without-the-basin": ((basin,), None, far),
        "without-smoothness": (
            (*curvature, at_stage(one.along_D), smooth_next), None,
            neuron(Fraction(15, 16), share=Fraction(3), stages=4)),
        "without-strong-convexity": (
            (*curvature, at_stage(one.along_D)), None, neuron(Fraction(1, 2), share=Fraction(-1, 20), stages=6)),
        "without-weyl": ((weyl,), _overstated(stretched=False), far),
        "without-a-bound-of-the-error": ((submultiplicative,), _overstated(stretched=True), far),
        "not-from-rest": ((), _moving, neuron(shift=Fraction(0))),
    }


def _controls():
    return (
        *(Control(name, kind, change=change, witness=witness)
          for kind, changes in _changes().items() for name, (change, witness) in changes.items()),
        *(Control(name, "stronger", measure=other, witness=w) for name, (other, w) in _wrong_methods().items()),
        *(Control(name, "stronger", drop=drop, measure=other, witness=witness)
          for name, (drop, other, witness) in _dropped().items()),
    )


THEOREM = Theorem(
    name="stacking-quadratic",
    title="Stacking on least squares: the sharp rate near the target",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(
        horizon, *(at_stage(each) for each in STEP.hypotheses if each is not one.nonnegative_w),
        smooth_next, symmetric_now, along_both, positive_sigma, invertible, stacking, submultiplicative, weyl, basin,
    ),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    method=GenericStep("stacking", _claiming),
    proof=PROOF,
    controls=_controls(),
    extremal=(at_the_edge(), neuron(Fraction(63, 64), stages=1), neuron(shift=Fraction(1, 9))),
    uses=("nesterov-quadratic-step", "stacking-residual"),
    expect="proved",
)
