r"""Stacking accelerates, with step errors: every float64 run is an instance.

W_t is the network after t stages of stacking with the functional rule, d_t = W_t - W_{t-1}, s_t the smallest singular
value of W_t and sigma that of the target W*. For ell L-smooth and mu-strongly convex, 0 < q = sqrt(mu/L) < 1,

    W_{t+1} = Y_t - grad ell(Y_t)/L + E_t,   Y_t = W_t + beta d_t + D_t,   beta = (1-q)/(1+q),

and a lookahead error |D_t| <= beta |d_t|^2/s_{t-1}, such as that of stacking, beta d_t W_{t-1}^{-1} d_t
(`stacking-residual`).
If for some K, with Phi as in `nesterov-step`,

    (2 sqrt(1+q) + 1 - q) K <= (1-q) sqrt(mu/2) sigma,     sqrt(L)|E_t| <= (1 - sqrt(1-q)) K at every stage,
    sqrt(Phi_0) <= K,                                      sqrt(mu/2)|W_{-1} - W*| <= K,

then for every T >= 0

    sqrt(Phi_T) <= (1-q)^{T/2} sqrt(Phi_0) + sum_{t<T} (1-q)^{(T-1-t)/2} sqrt(L)|E_t|:

the rate of Nesterov's method without lookahead errors. No rest is needed. As kappa grows the basin is Phi_0 <= mu
sigma^2/18. From rest and without step errors `stacking-acceleration` has a basin that does not shrink as q -> 1.

Rounding is a step error, so a float64 run of any length is an instance (`linres.near_target.RecordedStackingRun`):
10,000 stages at d = 16, kappa = 1e4 are certified exactly, Phi_T = 6e-28 <= 2e-26 (`python -m benchmarks.long_runs`).

Sharp: a step error at the target along an L-eigenvector is attained (`step_error_at_the_target`), the rate to first
order in q (`slope`). Not sharp, by search on quadratics of one and two dimensions: stacking, on one neuron even, first
breaks the claim at 1.13 times the K of the basin (q = 0.4), at 1.34 times as q -> 0, ever later as q -> 1; lookahead
errors break it from 1.17 times the bound of |D_t| (q = 0.4), 1.41 times as q -> 0; constant step errors, on one neuron,
from 10 times those allowed (q = 0.2). Not shown to be needed: that W_{-1} is near; without it the claim first breaks
where sqrt(Phi_0) is 1.07 K (q = 0.6). ell(W_T) >= ell* and q < 1 are needed for the roots to have a value.
"""

from dataclasses import replace
from fractions import Fraction

import sympy
from sympy import Ge, Gt, IndexedBase, Le, Lt, Rational, Symbol, sqrt, symbols

from linres.certificate import Term
from linres.language import GeometricSum, Inner, norm, substitute
from linres.methods import wrong
from linres.near_target import GRAIN, PerturbedStackingRun, largest_K, largest_slip
from linres.theorem import Certificate, Control, GenericStep, Induction, Lemma, Rule, Step, Theorem
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
    Step("half", _["half"], Certificate(Term(Rational(1, 2), one.positive_L))),
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
    W: "network: end-to-end map after t stages", Y: "lookahead point", Z: "auxiliary point",
    D: "lookahead error", E: "step error", G: "gradient of the loss at Y",
    ell: "loss at W", ell_Y: "loss at Y", Phi: "potential",
    D_norm: "|D|", E_norm: "|E|", r: "|Z - W|",
    SEQUENCES[one.p]: "next auxiliary point without step error, minus the target (in the proof)",
    SEQUENCES[one.a]: "Z - W_star + q (W - W_star) (in the proof)",
    s: "smallest singular value of W, or less", sigma: "smallest singular value of the target, or less",
    q: STEP.symbols[q], L: STEP.symbols[L], mu: STEP.symbols[mu],
    W_star: "target: the minimiser of ell", ell_star: "minimum of ell",
    K: "a bound of sqrt(Phi) and of sqrt(mu/2)|W - W_star|",
    t: "stage", T: "number of stages",
}


def row_of(run):
    """The symbols of the statement over a run near its target."""
    return {
        q: run.q, L: run.L, sigma: run.sigma, K: run.K, W_star: run.target, ell_star: run.minimum, T: run.stages,
        W: run.points, Y: run.lookaheads, D: run.lookahead_errors, E: run.step_errors, G: run.gradients,
        ell: run.values, ell_Y: run.lookahead_values, Phi: run.potentials, s: run.singular_values,
    }


def measure(instance, arithmetic):
    """One row: the sequences of a run (see `linres.near_target`) and its number of stages."""
    return [row_of(instance.record(arithmetic))]


def instances():
    """Exact runs within the basin, of any scale, with lookahead and step errors up to the largest allowed."""
    from linres.strategies import perturbed_stacking_runs

    return perturbed_stacking_runs(max_stages=4)


def sample(generator, count):
    """Runs in bulk, in compiled float64 (see `linres.sampling`)."""
    from linres.sampling.stacking import perturbed_stacking_histories

    return perturbed_stacking_histories(generator, count, symbols=(Phi, E_norm, q, L, sigma, K, T))


def _claimed_exact(**method):
    """Measure a run of another method, claiming that it makes no errors."""

    def measure_wrong(instance, arithmetic):
        run = instance.record(arithmetic, **method)
        nothing = dict.fromkeys(range(run.stages), run.target - run.target)
        return [row_of(run) | {D: nothing, E: nothing}]

    return measure_wrong


def _without_step_errors(instance, arithmetic):
    """A wrong measurement: the run has step errors, but they are not reported."""
    run = instance.record(arithmetic)
    return [row_of(run) | {E: dict.fromkeys(range(run.stages), run.target - run.target)}]


def _without_singular_values(instance, arithmetic):
    """A wrong measurement: 0 for the singular values of the networks."""
    run = instance.record(arithmetic)
    return [row_of(run) | {s: dict.fromkeys(run.singular_values, arithmetic.number(0))}]


TILTED = ((Fraction(1, 100),),)  # a lookahead error where stacking makes none


def neuron(inverse_root, *, start=1, before=None, share=0, target=1, **options):
    """A network of one neuron: W_{-1} = before, by default W_0 = start; curvature mu + share (L - mu), L = 3."""
    before = start if before is None else before
    up, goal, first, earlier = (((Fraction(number),),) for number in (share, target, start, before))
    smoothness, least = Fraction(3), Fraction(target)
    return PerturbedStackingRun(
        q=inverse_root, L=smoothness, up=up, down=up, target=goal, start=first, before=earlier, least=least,
        K=largest_K(inverse_root, smoothness, least * (1 - GRAIN)), **options,
    )


def slope():
    """From rest next to the target, curvature mu: one stage contracts the potential by 1 - q - q^2/2 + O(q^3)."""
    return neuron(Fraction(1, 32), start=Fraction(1025, 1024))


def step_error_at_the_target():
    """From the target, a step error along an L-eigenvector, the largest allowed: attained."""
    run = neuron(Fraction(1, 4), share=1)
    return replace(run, step_error=((largest_slip(run.q, run.L, run.K),),))


def _changes():
    """Controls: what is changed in the conclusion, and the instance that decides, by kind."""
    less, more = Rational(19, 20), Rational(21, 20)
    resting, erring = slope(), step_error_at_the_target()
    with sympy.evaluate(False):
        faster, slower = sqrt(1 - more * q), sqrt(1 - less * q)
        return {
            "stronger": {
                "rate-5-percent-faster": ({u: faster}, resting),
                "step-error-5-percent-smaller": ({slip: less * slip}, erring),
                "errors-discounted-a-stage-too-many": ({slip: u * slip}, erring),
                "initial-potential-5-percent-smaller": ({sqrt(Phi[0]): sqrt(less * Phi[0])}, resting),
            },
            "weaker": {
                "rate-5-percent-slower": ({u: slower}, resting),
                "step-error-5-percent-larger": ({slip: more * slip}, erring),
            },
        }


def _wrong_methods():
    """Controls: other methods, claimed to be stacking without errors; errors left out."""
    return {
        "step-errors-not-counted": (_without_step_errors, step_error_at_the_target()),
        "zero-start": (
            _claimed_exact(stage=wrong.zero_start), neuron(Fraction(1, 4), start=Fraction(17, 16), stages=6)),
        "parameter-rule": (
            _claimed_exact(rule="parameter"),
            neuron(Fraction(1, 4), target=Fraction(1, 10), start=Fraction(101, 1000), stages=2),
        ),
    }


def _dropped():
    """Controls: hypotheses dropped, and an instance on which the others hold and the conclusion does not."""
    two_fifths, nothing = Fraction(2, 5), ((Fraction(0),),)
    early = neuron(two_fifths, before=Fraction(769, 1000), start=Fraction(952, 1000))
    pushed = neuron(Fraction(1, 4), lookahead_error=TILTED)
    return {
        "without-smoothness": ((at_stage(one.smooth),), replace(step_error_at_the_target(), up=((Fraction(11, 10),),))),
        "without-strong-convexity": (
            tuple(map(at_stage, (one.convex_x, one.convex_star, one.minimum_x))),
            replace(slope(), up=((-(slope().q**2) / 10,),)),
        ),
        "without-the-basin": ((basin,), replace(early, K=early.K * Fraction(115, 100))),
        "without-a-start-in-it": (
            (start,), neuron(two_fifths, before=Fraction(798, 1000), start=Fraction(9721, 10000))),
        "with-step-errors-of-any-size": (
            (small_slip,), neuron(Fraction(1, 2), step_error=((Fraction(11, 10),),), decay=Fraction(0), stages=2)),
        "with-lookahead-errors-of-any-size": ((submultiplicative,), pushed),
        "without-an-invertible-target": (
            (positive_sigma,),
            replace(pushed, target=nothing, start=nothing, before=nothing, least=Fraction(0), K=Fraction(0)),
        ),
    }


def _controls():
    pushed = neuron(Fraction(1, 4), lookahead_error=TILTED)
    return (
        *(
            Control(name, kind, change=change, witness=witness)
            for kind, changes in _changes().items() for name, (change, witness) in changes.items()
        ),
        *(Control(name, "stronger", measure=method, witness=w) for name, (method, w) in _wrong_methods().items()),
        *(Control(name, "stronger", drop=drop, witness=w) for name, (drop, w) in _dropped().items()),
        Control("without-a-bound-of-singular-values", "stronger", drop=(weyl,), measure=_without_singular_values,
                witness=pushed),
    )


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
    sample=sample,
    method=GenericStep("stacking", lambda stage: _claimed_exact(stage=stage)),
    proof=PROOF,
    controls=_controls(),
    extremal=(step_error_at_the_target(), slope()),
    uses=("nesterov-step", "absorption"),
    expect="proved",
)
