r"""Stacking accelerates, with step errors: every float64 run is an instance.

W_t is the network after t stages of stacking with the functional rule, d_t = W_t - W_{t-1}, s_t the smallest singular
value of W_t and sigma that of the target W*. For ell L-smooth and mu-strongly convex, 0 < q = sqrt(mu/L) < 1,

    W_{t+1} = Y_t - grad ell(Y_t)/L + E_t,   Y_t = W_t + beta d_t + D_t,   beta = (1-q)/(1+q),

and any lookahead error |D_t| <= beta |d_t|^2/s_{t-1}: that of stacking is beta d_t W_{t-1}^{-1} d_t (`stacking-residual`).
If for some K, with Phi as in `nesterov-step`,

    (2 sqrt(1+q) + 1 - q) K <= (1-q) sqrt(mu/2) sigma,     sqrt(L)|E_t| <= (1 - sqrt(1-q)) K at every stage,
    sqrt(Phi_0) <= K,                                      sqrt(mu/2)|W_{-1} - W*| <= K,

then for every T >= 0

    sqrt(Phi_T) <= (1-q)^{T/2} sqrt(Phi_0) + sum_{t<T} (1-q)^{(T-1-t)/2} sqrt(L)|E_t|:

the rate of Nesterov's method without lookahead errors. No rest is needed. As kappa grows the basin is Phi_0 <= mu
sigma^2/18. From rest and without step errors `stacking-acceleration` has a basin that does not shrink as q -> 1.
"""

import sympy
from sympy import Ge, Gt, IndexedBase, Le, Lt, Symbol, sqrt, symbols

from linres.certificate import Term
from linres.language import GeometricSum, Inner, norm, substitute
from linres.theorem import Certificate, Induction, Lemma, Rule, Step, Theorem
from linres.theorems import absorption
from linres.theorems import nesterov_step as one

STEP, ABSORPTION = one.THEOREM, absorption.THEOREM
q, L, mu = one.q, one.L, one.mu
sigma, K, ell_star = symbols("sigma K ell_star", real=True)
W_star = Symbol("W_star", commutative=False)
t, T = symbols("t T", integer=True)

# Every quantity of the step becomes a sequence over stages, under the names of networks.
_NETWORKS = {
    one.x: "W", one.y: "Y", one.z: "Z", one.D: "D", one.e: "E", one.g: "G", one.p: "p", one.a: "a",
    one.f_x: "ell", one.f_y: "ell_Y", one.Phi: "Phi", one.d: "D_norm", one.r: "r", one.e_norm: "E_norm",
}
_LATER = {one.x_next: one.x, one.z_next: one.z, one.f_next: one.f_x, one.Phi_next: one.Phi}
SEQUENCES = {
    symbol: IndexedBase(Symbol(name, **({"real": True} if symbol.is_commutative else {"commutative": False})))
    for symbol, name in _NETWORKS.items()
}
W, Y, Z, D, E, G = (SEQUENCES[symbol] for symbol in (one.x, one.y, one.z, one.D, one.e, one.g))
ell, ell_Y, Phi, D_norm, r, E_norm = (
    SEQUENCES[symbol] for symbol in (one.f_x, one.f_y, one.Phi, one.d, one.r, one.e_norm)
)
s = IndexedBase(Symbol("s", real=True))
AT_STAGE = {
    **{symbol: sequence[t] for symbol, sequence in SEQUENCES.items()},
    **{later: SEQUENCES[now][t + 1] for later, now in _LATER.items()},
    one.x_prev: W[t - 1], one.x_star: W_star, one.f_star: ell_star,
}


def at_stage(expression, stage=t):
    """The expression of nesterov-step at stage t, or at another one."""
    return moved(substitute(expression, AT_STAGE), stage)


def moved(expression, stage):
    """The expression about stage t at another one."""
    return substitute(expression, {t: sympy.sympify(stage)})


DEFINITIONS = {at_stage(name): at_stage(meaning) for name, meaning in STEP.definitions.items()}
before, after = t - 1, t + 1  # outside evaluate(False), so that t + 1 has one form only

with sympy.evaluate(False):
    horizon, below_1, positive_sigma = Ge(T, 0), Lt(q, 1), Gt(sigma, 0)
    change = W[t] - W[before]
    beta = (1 - q) / (1 + q)
    submultiplicative = Le(D_norm[t] * s[before], beta * Inner(change, change))
    weyl = Ge(s[before], sigma - norm(W[before] - W_star))

    # u, v, h: sqrt(1-q), sqrt(1+q), sqrt(L/2); q h = sqrt(mu/2)
    u, v, h = one.contraction, sqrt(1 + q), sqrt(L / 2)
    basin = Le((2 * v + (1 - q)) * K, (1 - q) * (q * h) * sigma)
    start, start_before = Le(sqrt(Phi[0]), K), Le(q * h * norm(W[-1] - W_star), K)
    slip = sqrt(L) * E_norm[t]
    small_slip = Le(slip, (1 - u) * K)
    minimum_next = Ge(ell[after], ell_star)
    CONCLUSION = Le(sqrt(Phi[T]), GeometricSum(sqrt(Phi[0]), u, slip, t, T))

    cost = one.lookahead_cost
    _ = {
        "at_most_1": Le(q, 1),
        "wide_squared": Le(cost**2, (v * h) ** 2),
        "wide": Le(cost, v * h),
        "half": Le(L / 2, L),
        "root_half": Le(h, sqrt(L)),
        "nonnegative": Ge(Phi[t], 0),
        "nonnegative_next": Ge(Phi[after], 0),
        "bounded": Le(sqrt(Phi[t]), K),
        "near_before": Le(q * h * norm(W[before] - W_star), K),
        "contracted": Le(at_stage(one.B), u * sqrt(Phi[t])),
        "squared": Le(Phi[after], (u * sqrt(Phi[t]) + slip) ** 2),
        "readable": Le(sqrt(Phi[after]), u * sqrt(Phi[t]) + slip),
        "near_squared": Le((q * h * norm(W[t] - W_star)) ** 2, sqrt(Phi[t]) ** 2),
        "near": Le(q * h * norm(W[t] - W_star), sqrt(Phi[t])),
    }
    FULL = at_stage(STEP.conclusion)
    DISSIPATED = at_stage(STEP.step("dissipated").claim)
    minimum = at_stage(one.minimum_x)


def absorbing(stage, *, potential, dissipation, scale, reasons, suffix=""):
    """The steps by which the lookahead error at a stage is absorbed; the last claims sqrt(dissipated) + cost |D| <=
    `potential`, the root of what there was. dissipation: what is dissipated of it, in squares. scale: the c for which
    2 `potential` <= c s and the cost of D is paid. reasons: certificates of positive_s, small, reduced and paid.
    """
    with sympy.evaluate(True):
        before = sympy.sympify(stage) - 1
    with sympy.evaluate(False):
        left = sqrt(at_stage(one.dissipated, stage))
        error = one.lookahead_cost * D_norm[stage]
    lemma = Lemma(ABSORPTION, {
        absorption.X: left, absorption.Y: potential, absorption.G: dissipation, absorption.c: scale,
        absorption.s: s[before], absorption.m: error,
    })
    visible = {
        "positive_c": Certificate(Term(scale)), "nonnegative_m": Certificate(Term(error)),
        "nonnegative_Y": Certificate(Term(potential)),
    }
    for name, reason in (reasons | visible).items():
        yield Step(name + suffix, substitute(getattr(absorption, name), lemma.mapping), reason, NOTES.get(name, ""))
    yield Step("absorbed" + suffix, lemma.statement(), lemma)


NOTES = {
    "positive_s": "W_{t-1} is nearer to the target than sigma, so it is invertible.",
    "small": "In the basin the potential is small against s_{t-1}.",
    "paid": "The dissipation is a multiple of |W_t - W_{t-1}|^2, and so is the bound of the lookahead error.",
}


with sympy.evaluate(False):
    root = sqrt(Phi[t])
    scale = q * L * (1 - q) / (2 * cost)
    gathered = 2 * v + (1 - q)
    ABSORBED = tuple(absorbing(
        t, potential=root, dissipation=one.dissipation * r[t] ** 2, scale=scale,
        reasons={
            "positive_s": Certificate(
                Term(1, weyl), Term(2 * v / gathered, positive_sigma), Term(1 / (gathered * q * h), basin),
                Term(1 / (q * h), _["near_before"])),
            "small": Certificate(
                Term(2 * root / cost, _["wide"]), Term(2 * v * h / cost, _["bounded"]), Term(h / cost, basin),
                Term(h * (1 - q) / cost, _["near_before"]), Term(scale, weyl)),
            "reduced": Certificate(),
            "paid": Certificate(Term(q * L * (1 - q) / 2, submultiplicative)),
        },
    ))
    B = at_stage(one.B)
    one_stage = (
        *ABSORBED,
        Step("contracted", _["contracted"], Certificate(Term(u, ABSORBED[-1].claim))),
        Step("squared", _["squared"], Certificate(
            Term(1, FULL), Term(u * root + B, _["contracted"]), Term(2 * E_norm[t] * u * root, _["root_half"]),
            Term(2 * E_norm[t] * h, _["contracted"]))),
        Step("readable", _["readable"], Rule("root", _["squared"]),
             "One stage, the lookahead error gone."),
        Step("bounded_next", moved(_["bounded"], after), Certificate(
            Term(1, _["readable"]), Term(u, _["bounded"]), Term(1, small_slip))),
        Step("near_squared", _["near_squared"], Certificate(Term(1, minimum), Term(mu / 2, norm=Z[t] - W_star))),
        Step("near", _["near"], Rule("root", _["near_squared"])),
        Step("near_next", moved(_["near_before"], after), Certificate(Term(1, _["near"]), Term(1, _["bounded"]))),
    )
    dissipation_square = Term(one.dissipation, square=r[t])

PROOF = (
    Step("at_most_1", _["at_most_1"], Certificate(Term(1, below_1))),
    Step("wide_squared", _["wide_squared"], Certificate()),
    Step("wide", _["wide"], Rule("root", _["wide_squared"])),
    Step("half", _["half"], Certificate(Term(sympy.Rational(1, 2), one.positive_L))),
    Step("root_half", _["root_half"], Rule("root", _["half"])),
    Step("step", FULL, Lemma(STEP, AT_STAGE), "One stage of Nesterov's method with both errors."),
    Step("dissipated", DISSIPATED, Lemma(STEP, AT_STAGE, "dissipated")),
    Step("nonnegative", _["nonnegative"], Certificate(Term(1, DISSIPATED), dissipation_square)),
    Step("nonnegative_next", _["nonnegative_next"], Certificate(
        Term(1, minimum_next), Term(mu / 2, norm=Z[after] - W_star))),
    Step("stays_in_the_basin", _["bounded"], Induction(
        invariants=(_["bounded"], _["near_before"]),
        first=((Step("bounded_first", moved(_["bounded"], 0), Certificate(Term(1, start))),
                Step("near_first", moved(_["near_before"], 0), Certificate(Term(1, start_before)))),),
        advance=one_stage,
    ), "Potential and distance stay below K, so the lookahead error is absorbed at every stage."),
    Step("conclusion", CONCLUSION, Rule("induction", _["readable"]),
         "Unroll: what T stages make of sqrt(Phi_0) and of the step errors."),
)

SYMBOLS = {
    **{SEQUENCES[symbol]: meaning for symbol, meaning in STEP.symbols.items() if symbol in SEQUENCES},
    s: "smallest singular value of W", sigma: "smallest singular value of the target",
    q: STEP.symbols[q], L: STEP.symbols[L], mu: STEP.symbols[mu],
    W_star: "target: the minimiser of ell", ell_star: "minimum of ell",
    K: "a bound of sqrt(Phi) and of sqrt(mu/2)|W - W_star|",
    t: "stage", T: "number of stages",
}


def measure(instance, arithmetic):
    raise NotImplementedError


def instances():
    raise NotImplementedError


THEOREM = Theorem(
    name="stacking-acceleration-with-errors",
    title="Stacking accelerates deep linear residual networks, with step errors",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(
        horizon, *(at_stage(each) for each in STEP.hypotheses if each is not one.at_most_1), minimum_next,
        below_1, positive_sigma, submultiplicative, weyl, basin, start, start_before, small_slip,
    ),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    proof=PROOF,
    uses=("nesterov-step", "absorption"),
    expect="proved",
)
