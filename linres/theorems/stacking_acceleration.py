r"""Stacking accelerates the training of deep linear residual networks.

W_t is the network after t stages of stacking: each new block starts at beta times the last, and the functional rule
takes a gradient step from there. For ell L-smooth and mu-strongly convex, 0 < q = sqrt(mu/L) < 1, beta = (1-q)/(1+q),
step 1/L, from rest, Phi_t = ell(W_t) - ell* + (mu/2)|Z_t - W*|^2, sigma > 0 the smallest singular value of W*:

    if  (2 sqrt(1+q) + sqrt(1-q)) sqrt(Phi_0) <= sqrt(mu/2) sigma,  then  ell(W_T) - ell* <= Phi_T <= (1-q)^T Phi_0.

That is the rate of Nesterov's method with no loss of constant, in a basin that does not depend on kappa: the condition
reads Phi_0 <= mu sigma^2/c with c = 2(2 sqrt(1+q) + sqrt(1-q))^2 from 16 to 20, since 20 - c = 2(sqrt(1+q) - 2
sqrt(1-q))^2. Zero starts contract ell - ell* by (1 - 1/kappa)^2 per stage and no faster (`gradient-step`).

The lookahead error of stacking is D_t = beta d_t W_{t-1}^{-1} d_t, d_t = W_t - W_{t-1} (`stacking-residual`), so
|D_t| <= beta |d_t|^2/s_{t-1}, s_{t-1} the smallest singular value of W_{t-1}. Nesterov's method dissipates a multiple of
|d_t|^2 at each stage, and in the basin this pays for the error (`absorption`). There are three cases: no error at stage
0, which leaves something over; stage 1, paid from that; later stages, when the potential has fallen far enough.
"""

import sympy
from sympy import Eq, Ge, Gt, Le, Ne, Rational, Symbol, sqrt

from linres.certificate import Term
from linres.language import Det, Inner, norm, substitute
from linres.theorem import Certificate, Induction, Lemma, Rule, Step, Theorem
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
    raise NotImplementedError


def instances():
    raise NotImplementedError


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
    proof=PROOF,
    uses=("nesterov-step", "gradient-step", "absorption", "stacking-residual"),
    expect="proved",
)
