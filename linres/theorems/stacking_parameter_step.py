r"""Stacking by the parameter rule is Nesterov's method in the metric of the target, with errors of second order.

The parameter rule takes the gradient step on the new block, as practitioners do: w_next = beta w - eta G W^T, G the
gradient of the loss at Y = (I + beta w) W, so W_next = Y - eta G W^T W. In the metric |V|_P^2 = tr(V P^{-1} V^T) with
P = W*^T W* the gradient is G P, and with U = W - W* the stage is exactly Nesterov's step

    W_next = W + beta (W - W_prev) + D - eta G P + E,
    D = beta w (W - W_prev),   E = -eta G (W^T W - P) = -eta G (U^T W* + W*^T U + U^T U),

whatever the loss, and no matrix has to be invertible. Both errors are of second order near a minimiser W*. On least
squares G P = (Y - W*) Sigma P, and (V W*) Sigma P = (V S) W* with S = W* Sigma W*^T: relative to an invertible target
the metric is Frobenius's, the gradient is V S, and smoothness and strong convexity are the extreme eigenvalues L', mu'
of S. So near its target stacking as practised is Nesterov's method with the condition number kappa' = L'/mu' of the
second moment W* Sigma W*^T of the outputs, not with that of the inputs.

Seen from the network itself the step is a gradient step without error (`block_step`), and all that is left over is the
change of metric from one block to the next (`change_of_metric`), on which `stacking-parameter-acceleration` rests. An
identity: nothing to be tight or loose.
"""

from fractions import Fraction
from functools import partial

import sympy
from sympy import Eq, Rational, symbols, transpose

from linres.arithmetic import Symbolic
from linres.methods import descent, nesterov, stacking, wrong
from linres.parameter_stacking import generic_run
from linres.theorem import Certificate, Control, GenericStep, Step, Theorem

beta, eta = symbols("beta eta", real=True)
W_prev, w, G, W_star, Sigma, V, B = symbols("W_prev w G W_star Sigma V B", commutative=False)
W, w_next, Y, W_next, P, U, D, E, S = symbols("W w_next Y W_next P U D E S", commutative=False)

# The stage, and Nesterov's step in the metric of P, run on noncommuting symbols by the code that runs on numbers.
_network, _before, _target, _block, _slope = map(Symbolic, (W, W_prev, W_star, w, G))
_grown = stacking.stage(_network, _block, lambda _: _slope, momentum=beta, step_size=eta, rule="parameter")
_metric = _target.T @ _target
_y, _next = nesterov.step(
    _network, _before, lambda _: _slope @ Symbolic(P), momentum=beta, step_size=eta, lookahead_error=Symbolic(D),
    step_error=Symbolic(E),
)
_block_step = descent.step(beta * _block, lambda _: _slope @ _network.T, step_size=eta)

DEFINITIONS = {
    W: (_before + _block @ _before).expr,
    Y: _grown.lookahead.expr, W_next: _grown.network.expr, w_next: _grown.block.expr,
    P: _metric.expr, U: (_network - _target).expr,
    D: (beta * _block @ (_network - _before)).expr,
    E: (-eta * (_slope @ (_network.T @ _network - Symbolic(P)))).expr,
    S: (_target @ Symbolic(Sigma) @ _target.T).expr,
}

with sympy.evaluate(False):
    turned = transpose(U) * W_star + transpose(W_star) * U + transpose(U) * U
    lookahead_error = beta * w * (W - W_prev)
    CONCLUSION = Eq(W_next, W + beta * (W - W_prev) + lookahead_error - eta * G * P - eta * G * turned)
    _ = {
        "lookahead": Eq(Y, _y.expr),
        "step": Eq(W_next, _next.expr),
        "second_order": Eq(transpose(W) * W - P, turned),
        "similar": Eq(V * W_star * Sigma * P, V * S * W_star),
        "block_step": Eq(w_next, _block_step.expr),
        "change_of_metric": Eq((1 + (w + B + B * w)) * W_prev, (1 + B) * W),
    }

PROOF = (
    Step("lookahead", _["lookahead"], Certificate(), "As with the functional rule: the lookahead error is the same."),
    Step("step", _["step"], Certificate(), "A step along G W^T W is one along G P, with the error E."),
    Step("second_order", _["second_order"], Certificate(), "The metric of the network is near that of the target."),
    Step("similar", _["similar"], Certificate(),
         "Relative to the target, Y = W* + V W*, the gradient on least squares is V S."),
    Step("block_step", _["block_step"], Certificate(),
         "In the block itself the rule is a gradient step without error: G W^T is the gradient there."),
    Step("change_of_metric", _["change_of_metric"], Certificate(),
         "If the target is (I + B) W, seen from the network one stage before it is at w + B + B w."),
    Step("conclusion", CONCLUSION, Certificate(), "The step, with the errors written out."),
)

SYMBOLS = {
    beta: "momentum", eta: "step size",
    W: "end-to-end map", W_prev: "end-to-end map one stage before", W_next: "end-to-end map one stage later",
    w: "last block: W = (I + w) W_prev", w_next: "new block: W_next = (I + w_next) W",
    Y: "point at which the new block takes its gradient", G: "gradient of the loss at Y", W_star: "target",
    P: "metric of the target", U: "W - W_star", D: "lookahead error", E: "step error",
    Sigma: "moment matrix of the inputs", S: "moment matrix of the outputs of the target",
    V: "Y - W_star relative to the target", B: "W_star - W relative to the network",
}


def measure(instance, arithmetic, **method):
    """One row for each stage of a run (see `linres.parameter_stacking`). It is claimed to be run by the momentum and
    step size of the instance; `method` says how it is run."""
    run, training = instance.record(arithmetic, **method), instance.training()
    back = run.target.inverse()
    return [
        {
            beta: arithmetic.number(training.momentum), eta: arithmetic.number(training.step_size),
            W_star: run.target, Sigma: run.sigma, W_prev: run.networks[t - 1], W: run.networks[t], w: run.blocks[t],
            Y: run.lookaheads[t], G: run.gradients[t], W_next: run.networks[t + 1], w_next: run.blocks[t + 1],
            V: (run.lookaheads[t] - run.target) @ back, B: run.distances[t],
        }
        for t in range(run.stages)
    ]


def instances():
    """Runs of up to 3 stages on rational least squares, d = 1, 2 or 3, from rest or from any first block."""
    from linres.strategies import parameter_stacking_runs

    return parameter_stacking_runs(max_stages=3)


def sample(generator, count):
    """Stages in bulk, in float64 (see `linres.sampling`)."""
    from linres.sampling.parameter_stacking import parameter_stacking_rows

    return parameter_stacking_rows(generator, count, symbols=(beta, eta, W_star, W_prev, W, w, G, W_next))


def _controls():
    witness = generic_run()
    more, less = Rational(11, 10), Rational(9, 10)
    with sympy.evaluate(False):
        changed = {
            "metric-of-the-inputs": {P: sympy.Integer(1)},
            "metric-of-the-transposed-target": {P: W_star * transpose(W_star)},
            "without-the-step-error": {turned: 0 * W},
            "without-the-lookahead-error": {lookahead_error: 0 * W},
            "step-error-10-percent-larger": {turned: more * turned},
            "lookahead-error-10-percent-smaller": {lookahead_error: less * lookahead_error},
            "step-error-to-first-order": {transpose(U) * U: 0 * U},
            "step-error-with-transposes-exchanged": {transpose(U) * U: U * transpose(U)},
        }
    settings = {
        "momentum-10-percent-larger": {"momentum": Fraction(11, 10)},
        "step-10-percent-shorter": {"pace": Fraction(9, 10)},
    }
    return (
        *(Control(name, "stronger", change=change, witness=witness) for name, change in changed.items()),
        *(Control(name, "stronger", measure=partial(measure, **other), witness=witness)
          for name, other in settings.items()),
        Control("functional-rule", "stronger", measure=partial(measure, rule="functional"), witness=witness),
        Control("transposed-start", "stronger", measure=partial(measure, stage=wrong.transposed_start),
                witness=witness),
    )


THEOREM = Theorem(
    name="stacking-parameter-step",
    title="Stacking by the parameter rule is Nesterov's method in the metric of the target",
    provenance="linres",
    symbols=SYMBOLS,
    definitions=DEFINITIONS,
    conclusion=CONCLUSION,
    instances=instances,
    measure=measure,
    sample=sample,
    method=GenericStep("stacking-blocks", lambda stage: partial(measure, stage=stage)),
    proof=PROOF,
    controls=_controls(),
    uses=("stacking-residual",),
    expect="proved",
)
