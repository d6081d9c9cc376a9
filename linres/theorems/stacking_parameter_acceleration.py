r"""Stacking by the parameter rule accelerates, in a basin that does not depend on the condition number.

The gradient step is taken on the new block, as practitioners do, and nothing but curvature in the output counts:
relative to the target, at W = (I + H) W*, ell is L*-smooth and mu*-strongly convex in H. On least squares L* and mu*
are the extreme eigenvalues of W* Sigma W*^T. Take 0 < h < 1, b = h/(1-h), and a step size 1/L and a momentum
(1-q)/(1+q) such that

    (1+h)^2 L* <= L,   (1 + 4 b^2 (1+q)/(1-q)) q^2 L <= (1-h)^2 mu*,   8 b^2 <= (1-q)^2.

With mu = q^2 L, Z_t = W_t + (1/q - 1)(W_t - W_{t-1}) and the potential in the metric of the network before,

    Phi_t = ell(W_t) - ell* + (mu/2) |(Z_t - W*) W_{t-1}^{-1}|^2,

    Phi_0 <= mu* h^2/2   implies   ell(W_T) - ell* <= Phi_T <= (1-q)^T Phi_0   for all T.

No rest is needed, no constant is lost, and the basin in units of mu* depends on h alone. What is lost is a share of the
rate, which depends on h alone as well: for large kappa* = L*/mu* the best q is near (1-h)/((1+h) sqrt(1+4b^2)) times
1/sqrt(kappa*): .80 times for h = 1/10, in Phi_0 <= mu*/200; .60 times for h = 1/5, in mu*/50; nearly once as h -> 0.

Idea: in the coordinates of its own block the stage is a step of Nesterov's method without any error, from the network
at 0, with the target at B_t = W* W_t^{-1} - I and the lookahead point at beta w_t (`stacking-parameter-step`). The next
block has other coordinates, where the target is at B_{t+1} = B_t - w_{t+1} - C_{t+1} with C_{t+1} = B_{t+1} w_{t+1}: a
product of two small things, and all that is ever lost. It is paid by what Nesterov's method dissipates, a multiple of
|w|^2/q, together with the curvature that the settings leave unused, a multiple of q |B - beta w|^2.

Sharp: the rate to first order in q and h (`slope`). Not sharp: the basin, by a factor of about 3 (h = 1/10) in the
largest kappa* searched, 100,000. The margin is needed for the claim: with L = L* and mu = mu* the basin shrinks like
mu*/kappa*, as measured (`unmargined`); whether ell(W_T) - ell* alone decays like this without a margin is open.
"""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import sympy
from sympy import Ge, Gt, IndexedBase, Le, Lt, Rational, Symbol, symbols

from linres.arithmetic import Symbolic
from linres.certificate import Term
from linres.language import Inner, norm, substitute
from linres.methods import descent, nesterov, wrong
from linres.parameter_stacking import ParameterRun, neuron, smallest_curvature
from linres.theorem import Certificate, Control, GenericStep, Induction, Rule, Step, Theorem

q, h, b, L, mu, mu_star, L_star, ell_star = symbols("q h b L mu mu_star L_star ell_star", real=True)
t, T = symbols("t T", integer=True)
w, Y, B, C, H, G = (IndexedBase(Symbol(name, commutative=False)) for name in ("w", "Y", "B", "C", "H", "G"))
ell, ell_Y, Phi, r, R = (IndexedBase(Symbol(name, real=True)) for name in ("ell", "ell_Y", "Phi", "B_norm", "H_norm"))
before, after = t - 1, t + 1  # outside evaluate(False), so that t + 1 has one form only

# All in the coordinates of the new block, where the network is at 0; run by the code that runs on numbers.
_step = descent.step(Symbolic(Y[t]), lambda _: Symbolic(G[t]), step_size=1 / L)
_aim = nesterov.auxiliary(Symbolic(w[t]), Symbolic(sympy.Integer(0)), q=q)
_offset = _aim - Symbolic(B[before])


def square(vector):
    return Inner(vector, vector)


def moved(expression, stage):
    """The expression about stage t at another one."""
    return substitute(expression, {t: sympy.sympify(stage)})


_potential = nesterov.potential(ell[t] - ell_star, square(_offset.expr), mu=mu)
DEFINITIONS = {
    mu: q**2 * L, b: h / (1 - h), r[t]: norm(B[t]), R[t]: norm(H[t]),
    Y[t]: nesterov.momentum(q) * w[t], w[after]: _step.expr, C[t]: B[before] - w[t] - B[t],
    Phi[t]: _potential, Phi[after]: moved(_potential, after),
}

with sympy.evaluate(False):
    horizon, positive_q, below_1, positive_L = Ge(T, 0), Gt(q, 0), Lt(q, 1), Gt(L, 0)
    positive_h, small_h = Gt(h, 0), Lt(h, 1)
    beta = (1 - q) / (1 + q)
    unused = 4 * b**2 * ((1 + q) / (1 - q))
    steep = (1 + unused) * mu  # what is left of mu_star within the basin
    pace = Le((1 + h) ** 2 * L_star, L)
    margin = Le(steep, (1 - h) ** 2 * mu_star)
    wide = Le(8 * b**2, (1 - q) ** 2)
    basin = Le(Phi[0], mu_star / 2 * h**2)

    # The loss as a function of the block: Y is its start, v the start relative to the target.
    way, v = w[after] - Y[t], Y[t] - B[t]
    u, offset = (1 / q - 1) * w[t] - B[t], w[t] / q - B[before]
    stretch, shrink = (1 + R[t]) ** 2, (1 + r[t]) ** 2
    smooth = Le(ell[after], ell_Y[t] + Inner(G[t], way) + L_star / 2 * stretch * square(way))
    convex_now = Ge(shrink * (ell[t] - ell_Y[t] + Inner(G[t], Y[t])), mu_star / 2 * square(Y[t]))
    convex_star = Ge(shrink * (ell_star - ell_Y[t] + Inner(G[t], v)), mu_star / 2 * square(v))
    minimum = Ge(ell[t], ell_star + mu_star / 2 * square(H[t]))
    relative = Le(r[t], R[t] * (1 + r[t]))
    submultiplicative = Le(square(C[t]), square(B[t]) * square(w[t]))
    rate = (1 - q) ** T
    CONCLUSION = Le(Phi[T], rate * Phi[0])

    decayed, falls = Le(Phi[t], (1 - q) ** t * Phi[0]), Le(Phi[t], Phi[0])
    reach = (1 + r[t]) * (1 - h)
    _ = {
        "positive_curvature": Gt(mu_star, 0),
        "nonnegative": Ge(Phi[t], 0),
        "near_squared": Le(square(H[t]), h**2),
        "near": Le(R[t], h),
        "close": Le(reach, 1),
        "closer": Le(r[t], b),
        "descent": Le(ell[after], ell_Y[t] - square(G[t]) / (2 * L)),
        "steep_now": Ge(ell[t] - ell_Y[t] + Inner(G[t], Y[t]), steep / 2 * square(Y[t])),
        "steep_star": Ge(ell_star - ell_Y[t] + Inner(G[t], v), steep / 2 * square(v)),
        "one_stage": Le(Phi[after], (1 - q) * Phi[t]),
    }

    # c shares the change of metric out between the two that pay for it; u - v = turn * w.
    c, turn, half_mu = 2 * b**2 * q * (1 + q) / (1 - q) ** 2, (1 - q) / (q * (1 + q)), mu / 2

    def _steeper(convex, vector):
        return Certificate(
            Term(1 / shrink, convex), Term(Rational(1, 2), margin, norm=vector),
            Term(mu_star * (1 + reach) / (2 * shrink), _["close"], norm=vector))

    first = (
        Step("decayed_first", moved(decayed, 0), Certificate()),
        Step("falls_first", moved(falls, 0), Certificate()),
    )
    one_stage = (
        # Where things are
        Step("nonnegative", _["nonnegative"], Certificate(
            Term(1, minimum), Term(mu_star / 2, norm=H[t]), Term(half_mu, norm=offset))),
        Step("near_squared", _["near_squared"], Certificate(
            Term(2 / mu_star, minimum), Term(mu / mu_star, norm=offset), Term(2 / mu_star, falls),
            Term(2 / mu_star, basin))),
        Step("near", _["near"], Rule("root", _["near_squared"]), "The network stays within h of the target."),
        Step("close", _["close"], Certificate(Term(1, relative), Term(1 + r[t], _["near"])),
             "So the target is within b of the network."),
        Step("closer", _["closer"], Certificate(Term(1 / (1 - h), _["close"]))),
        # So the loss is smooth and strongly convex in the block, with constants that the settings leave room for.
        Step("descent", _["descent"], Certificate(
            Term(1, smooth), Term(stretch / (2 * L**2 * (1 + h) ** 2), pace, norm=G[t]),
            Term((2 + h + R[t]) / (2 * L * (1 + h) ** 2), _["near"], norm=G[t]))),
        Step("steep_now", _["steep_now"], _steeper(convex_now, Y[t])),
        Step("steep_star", _["steep_star"], _steeper(convex_star, v)),
        Step("one_stage", _["one_stage"], Certificate(
            Term(1, _["descent"]), Term(1 - q, _["steep_now"]), Term(q, _["steep_star"]),
            Term(half_mu * (1 - q) / c, norm=c * u - C[t]), Term(half_mu * (1 - q) * c, norm=v - turn * w[t]),
            Term(half_mu * (1 - q) / c, submultiplicative),
            Term(half_mu * (1 - q) / c * (b + r[t]), _["closer"], norm=w[t]), Term(half_mu * (1 - q), norm=C[t]),
            Term(half_mu * ((1 - q) / (2 * q * (1 + q))), wide, norm=w[t]),
            Term(half_mu * (4 * b**2 * ((1 - q) ** 2 / (1 + q))), norm=w[t])),
             "A step without error; dissipation and the unused curvature pay for the change of metric."),
        Step("decayed_next", moved(decayed, after), Certificate(Term(1, _["one_stage"]), Term(1 - q, decayed))),
        Step("falls_next", moved(falls, after), Certificate(
            Term(1, _["one_stage"]), Term(1, falls), Term(q, _["nonnegative"]))),
    )

PROOF = (
    Step("positive_curvature", _["positive_curvature"], Certificate(
        Term(1 / (1 - h) ** 2, margin), Term(steep / (1 - h) ** 2))),
    Step("conclusion", CONCLUSION, Induction(invariants=(decayed, falls), first=(first,), advance=one_stage)),
)

SYMBOLS = {
    w: "block: W_t = (I + w_t) W_{t-1}", H: "network relative to the target: W_t = (I + H_t) W_star",
    B: "target relative to the network: W_star = (I + B_t) W_t", C: "change of metric: B_t w_t",
    Y: "start of the new block", G: "gradient in the new block at its start",
    ell: "loss at W_t", ell_Y: "loss at the start of the new block", Phi: "potential", r: "|B|", R: "|H|",
    q: "sqrt(mu/L), which sets the momentum", L: "1/step size", h: "how far the network is from the target, at most",
    b: "how far the target is from the network, at most",
    mu: "q^2 L", L_star: "smoothness relative to the target: the largest eigenvalue of W_star Sigma W_star^T, or more",
    mu_star: "strong convexity relative to the target: the smallest eigenvalue, or less", ell_star: "minimum of ell",
    t: "stage", T: "number of stages",
}


def measure(instance, arithmetic, **method):
    """One row: the sequences of a run (see `linres.parameter_stacking`) and its number of stages.

    It is claimed to be run by the momentum and step size of the instance; `method` says how it is run.
    """
    run = instance.record(arithmetic, **method)
    of = arithmetic.number
    return [{
        q: of(instance.q), h: of(instance.h), L: of(instance.L), mu_star: of(instance.smallest),
        L_star: of(instance.largest), ell_star: of(instance.minimum), T: run.stages, w: run.blocks, B: run.distances,
        H: run.offsets, Y: run.starts,
        G: {stage: slope @ run.networks[stage].T for stage, slope in run.gradients.items()},
        C: {stage: run.distances[stage] @ block for stage, block in run.blocks.items()},
        ell: run.values, ell_Y: run.lookahead_values,
        Phi: run.potentials(of(instance.q), of(instance.L), of(instance.minimum)),
    }]


def instances():
    """Exact runs of up to 3 stages in the basin, d = 1, 2 or 3, half of them from its edge, from rest or not."""
    from linres.strategies import parameter_stacking_runs

    return parameter_stacking_runs(max_stages=3)


def sample(generator, count):
    """Runs in the basin in bulk, in float64 (see `linres.sampling`)."""
    from linres.sampling.parameter_stacking import parameter_stacking_histories

    return parameter_stacking_histories(generator, count, symbols=(Phi, q, h, L, mu_star, L_star, T))


def slope(**options):
    """From rest next to the target, along the mu*-eigenvector: one stage contracts by 1 - q to first order in q, h."""
    return replace(neuron(Fraction(1, 64), h=Fraction(1, 1000), offset=Fraction(1, 2048)), **options)


def steepest(**options):
    """From rest along the L*-eigenvector, near enough to the target."""
    return slope(**{"shares": (Fraction(1),), "displacement": ((Fraction(1, 2**17),),)} | options)


def beyond_the_basin():
    """From a smaller network, at four times the Phi_0 of the basin."""
    return neuron(Fraction(1, 64), h=Fraction(1, 10), offset=Fraction(-7, 50))


def unmargined():
    """From a somewhat smaller network, mu* = mu: at the target a momentum for this curvature would be right."""
    q_, h_, smoothness = Fraction(1, 32), Fraction(1, 10), Fraction(3)
    flatter = q_**2 * smoothness / smallest_curvature(q_, h_, smoothness)
    return neuron(q_, h=h_, offset=Fraction(-1, 16), flatter=flatter)


def _unrelated(instance, arithmetic):
    """A wrong measurement: before the start, the target is claimed to be at 0, so that the potential is small."""
    [row] = measure(instance, arithmetic)
    nowhere, known = row[B][-1] - row[B][-1], row[Phi]
    return [row | {
        B: row[B] | {-1: nowhere}, C: row[C] | {0: nowhere - row[B][0]}, Phi: known | {0: row[ell][0] - row[ell_star]},
    }]


def turning():
    """All curvatures are mu*, and H_0 is antisymmetric: so is the first block, but for the second order."""
    f, eighth = Fraction, Fraction(1, 8)
    return ParameterRun(
        q=eighth, h=eighth, L=f(3), shares=(f(0), f(0)), values=(f(1), f(1)),
        displacement=((f(0), eighth / 2), (-eighth / 2, f(0))), stages=2,
    )


def _controls():
    less, more = Rational(19, 20), Rational(21, 20)
    near = slope()
    with sympy.evaluate(False):
        stronger = {
            "rate-5-percent-faster": (1 - more * q) ** T, "constant-5-percent-smaller": less * rate,
            "one-stage-ahead": (1 - q) ** (T + 1), "rate-of-the-excess-on-least-squares": ((1 - q) ** 2) ** T,
        }
        weaker = {"rate-5-percent-slower": (1 - less * q) ** T, "constant-5-percent-larger": more * rate}
    methods: dict[str, tuple[dict, ParameterRun]] = {
        "zero-start": ({"momentum": 0}, slope(stages=2)),
        "momentum-10-percent-smaller": ({"momentum": Fraction(9, 10)}, slope(stages=2)),
        "momentum-10-percent-larger": ({"momentum": Fraction(11, 10)}, steepest(stages=6, shares=(Fraction(1, 24),))),
        "step-10-percent-shorter": ({"pace": Fraction(9, 10)}, near),
        "step-10-percent-longer": ({"pace": Fraction(11, 10)}, steepest()),
        "functional-rule": ({"rule": "functional"}, slope(values=(Fraction(11, 10),))),
        "transposed-start": ({"stage": wrong.transposed_start}, turning()),
    }
    convexity = (convex_now, convex_star, minimum)
    dropped = {
        "without-the-basin": ((basin,), beyond_the_basin()),
        "without-smoothness": ((smooth,), steepest(shares=(Fraction(11, 10),))),
        "without-strong-convexity": (convexity, slope(shares=(Fraction(-1, 4096),))),
        "step-10-percent-too-long-for-the-curvature": ((pace,), steepest(steeper=Fraction(11, 10))),
        "curvature-10-percent-too-small": ((margin,), slope(flatter=Fraction(9, 10))),
        "without-a-margin": ((margin,), unmargined()),
    }
    return (
        *(Control(name, "stronger", change={rate: new}, witness=near) for name, new in stronger.items()),
        *(Control(name, "weaker", change={rate: new}, witness=near) for name, new in weaker.items()),
        *(Control(name, "stronger", measure=partial(measure, **other), witness=witness)
          for name, (other, witness) in methods.items()),
        *(Control(name, "stronger", drop=drop, witness=witness) for name, (drop, witness) in dropped.items()),
        Control("without-a-bound-of-the-change-of-metric", "stronger", drop=(submultiplicative,), measure=_unrelated,
                witness=near),
        Control("spectrum-of-the-inputs", "stronger", drop=(*convexity, smooth),
                measure=partial(measure, of_inputs=True), witness=slope(values=(Fraction(9, 10),))),
    )


THEOREM = Theorem(
    name="stacking-parameter-acceleration",
    title="Stacking by the parameter rule accelerates with the condition number of the outputs",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(
        horizon, positive_q, below_1, positive_L, positive_h, small_h, pace, margin, wide, smooth, convex_now,
        convex_star, minimum, relative, submultiplicative, basin,
    ),
    conclusion=CONCLUSION,
    over=(t, T),
    instances=instances,
    measure=measure,
    sample=sample,
    method=GenericStep("stacking-blocks", lambda stage: partial(measure, stage=stage)),
    proof=PROOF,
    controls=_controls(),
    extremal=(slope(), turning()),
    uses=("stacking-parameter-step",),
    expect="proved",
)
