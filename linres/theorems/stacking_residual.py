r"""Stacking a residual network is Nesterov's method with a lookahead error.

W_t = (I + w_t) W_{t-1} is the end-to-end map after t stages. The stacking start w^0 = beta w_t puts the next stage's
step at y_t = (I + beta w_t) W_t, and with the functional rule W_{t+1} = y_t - eta grad ell(y_t). For W_{t-1} invertible
this is one step of Nesterov's method from (W_t, W_{t-1}) with

    D_t = beta w_t (W_t - W_{t-1}) = beta (W_t - W_{t-1}) W_{t-1}^{-1} (W_t - W_{t-1}),    e_t = 0,

whatever the loss. The first form needs no inverse and holds for the parameter rule's lookahead point too.
An identity: nothing to be tight or loose.
"""

from functools import partial

import sympy
from sympy import Eq, Ne, Rational, symbols

from linres.arithmetic import Symbolic
from linres.language import Det
from linres.methods import nesterov, stacking, wrong
from linres.theorem import Certificate, Control, GenericStep, Step, Theorem

beta, eta = symbols("beta eta", real=True)
W_prev, w, G = symbols("W_prev w G", commutative=False)
W, Y, D, W_next = symbols("W Y D W_next", commutative=False)

# Both methods, run on noncommuting symbols by the very code that runs on numbers. G is the gradient at the point each
# asks for; that they ask at the same point is the step "lookahead".
_network, _before, _block, _slope = map(Symbolic, (W, W_prev, w, G))
_grown = stacking.stage(_network, _block, lambda _: _slope, momentum=beta, step_size=eta, rule="functional")
_change = _network - _before
_y, _next = nesterov.step(
    _network, _before, lambda _: _slope, momentum=beta, step_size=eta, lookahead_error=Symbolic(D)
)

DEFINITIONS = {
    W: (_before + _block @ _before).expr,
    Y: _grown.lookahead.expr,
    W_next: _grown.network.expr,
    D: (beta * _change @ _before.inverse() @ _change).expr,
}

with sympy.evaluate(False):
    invertible = Ne(Det(W_prev), 0)
    error = beta * (W - W_prev) * W_prev**-1 * (W - W_prev)
    CONCLUSION = Eq(W_next, W + beta * (W - W_prev) + error - eta * G)
    _ = {
        "first_form": Eq(Y, W + beta * (W - W_prev) + beta * w * (W - W_prev)),
        "second_form": Eq(beta * w * (W - W_prev), D),
        "lookahead": Eq(Y, _y.expr),
        "step": Eq(W_next, _next.expr),
    }

PROOF = (
    Step("first_form", _["first_form"], Certificate(),
         "y = W + beta w W, and w W = w W_prev + w (W - W_prev) where w W_prev = W - W_prev."),
    Step("second_form", _["second_form"], Certificate(), "w = (W - W_prev) W_prev^{-1}."),
    Step("lookahead", _["lookahead"], Certificate(), "Stacking and Nesterov ask for the gradient at the same point."),
    Step("step", _["step"], Certificate(), "So they take the same step."),
    Step("conclusion", CONCLUSION, Certificate(), "The same, written out."),
)

SYMBOLS = {
    beta: "momentum", eta: "step size",
    W: "end-to-end map", W_prev: "end-to-end map one stage before", W_next: "end-to-end map one stage later",
    w: "last block: W = (I + w) W_prev", Y: "point at which the next block takes its gradient",
    G: "gradient of the loss at Y", D: "lookahead error",
}


def measure(instance, arithmetic, stage=stacking.stage, rule="functional"):
    """One row for each stage of a stagewise training run on least squares (see `linres.instances.StackingRun`)."""
    run = instance.record(arithmetic, stage=stage, rule=rule)
    return [
        {
            beta: run.momentum, eta: run.step_size, W_prev: now.before, w: now.block, W: now.network,
            Y: now.lookahead, G: now.gradient, W_next: now.grown,
        }
        for now in run.stages
    ]


def instances():
    """Stagewise training of up to 4 stages on rational least squares, d = 1, 2 or 3."""
    from linres.strategies import stacking_runs

    return stacking_runs(max_stages=4)


def sample(generator, count):
    """Runs in bulk, trained by the compiled kernel."""
    from linres.sampling.stacking import stacking_rows

    return stacking_rows(
        generator, count, symbols={"beta": beta, "eta": eta, "W_prev": W_prev, "W": W, "G": G, "W_next": W_next}
    )


def _controls():
    from linres.instances import generic_stacking_run

    witness = generic_stacking_run(stages=3)
    with sympy.evaluate(False):
        scaled = Rational(21, 20) * error
        swapped = beta * (W - W_prev) * W**-1 * (W - W_prev)
        reordered = beta * W_prev**-1 * (W - W_prev) * (W - W_prev)
    return (
        Control("without-the-error", "stronger", change={error: 0 * W}, witness=witness),
        Control("error-5-percent-larger", "stronger", change={error: scaled}, witness=witness),
        Control("inverse-of-the-wrong-stage", "stronger", change={error: swapped}, witness=witness),
        Control("factors-in-another-order", "stronger", change={error: reordered}, witness=witness),
        Control("parameter-rule", "stronger", measure=partial(measure, rule="parameter"), witness=witness),
        Control("transposed-start", "stronger", witness=witness,
                measure=partial(measure, stage=wrong.transposed_start)),
    )


THEOREM = Theorem(
    name="stacking-residual",
    title="Stacking a residual network is Nesterov's method with a lookahead error",
    provenance="seed",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    hypotheses=(invertible,),
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    sample=sample,
    method=GenericStep("stacking", lambda stage: partial(measure, stage=stage)),
    proof=PROOF,
    controls=_controls(),
    expect="proved",
)
