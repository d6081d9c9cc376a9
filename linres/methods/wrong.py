"""Wrong versions of the generic steps, by method and name: mistakes that a theorem about the method must not survive.

Each has the signature of the step it distorts, and is written in every arithmetic as that is. Where it coincides with
the right step (no momentum to forget, a symmetric block to transpose) an instance decides nothing; others do.
"""

from collections.abc import Callable, Mapping

from linres.arithmetic import divide
from linres.methods import additive, descent, nesterov, random_start, stacking

# Gradient descent: step(x, gradient, *, step_size, error)


def _descent(times):
    """The step so many times as long."""

    def step(x, gradient, *, step_size, error=0):
        return descent.step(x, gradient, step_size=times * step_size, error=error)

    return step


def _backward(x, gradient, *, step_size, error=0):
    """The gradient taken where a step leads to, instead of at x."""
    there = descent.step(x, gradient, step_size=step_size)
    return descent.step(x, lambda _: gradient(there), step_size=step_size, error=error)


# Nesterov's method: step(x, x_prev, gradient, *, momentum, step_size, ...) -> (y, x_next)


def stale_gradient(x, x_prev, gradient, **options):
    """The gradient is taken at x instead of y."""
    return nesterov.step(x, x_prev, lambda _: gradient(x), **options)


def _gradient_of_the_stage_before(x, x_prev, gradient, **options):
    return nesterov.step(x, x_prev, lambda _: gradient(x_prev), **options)


def _gradient_of_the_next_stage(x, x_prev, gradient, *, step_size, **options):
    def ahead(y):
        return gradient(descent.step(y, gradient, step_size=step_size))

    return nesterov.step(x, x_prev, ahead, step_size=step_size, **options)


def with_momentum(times):
    """The momentum so many times as large; 0 for gradient descent, by its name only Nesterov's."""

    def step(x, x_prev, gradient, *, momentum, **options):
        return nesterov.step(x, x_prev, gradient, momentum=times * momentum, **options)

    return step


def with_step_size(times):
    """The gradient step so many times as long."""

    def step(x, x_prev, gradient, *, step_size, **options):
        return nesterov.step(x, x_prev, gradient, step_size=times * step_size, **options)

    return step


def _lookahead_kept(x, x_prev, gradient, *, momentum, step_size, **options):
    """Two lookaheads before the step: off by one in t."""
    y = x + momentum * (x - x_prev)
    return nesterov.step(y, x, gradient, momentum=momentum, step_size=step_size, **options)


# Stacking: stage(network, block, gradient, *, momentum, step_size, rule) -> Stage


def zero_start(network, block, gradient, *, momentum, **options):
    """Every block starts at zero, by its name only stacking."""
    return stacking.stage(network, block, gradient, momentum=0 * momentum, **options)


def transposed_start(network, block, gradient, **options):
    """The new block starts from the transpose of the last."""
    return stacking.stage(network, block.T, gradient, **options)


def _stage_with(*, momentum=1, step_size=1):
    """The settings so many times as large."""
    times = momentum, step_size

    def stage(network, block, gradient, *, momentum, step_size, rule):
        return stacking.stage(
            network, block, gradient, momentum=times[0] * momentum, step_size=times[1] * step_size, rule=rule)

    return stage


def _copied_start(network, block, gradient, *, momentum, **options):
    """Every block starts as the last one, whole."""
    return stacking.stage(network, block, gradient, momentum=momentum - momentum + 1, **options)


def _transposed_gradient(network, block, gradient, **options):
    return stacking.stage(network, block, lambda point: gradient(point).T, **options)


def _stale_stage(network, block, gradient, **options):
    """The gradient is taken at W instead of at the start of the block."""
    return stacking.stage(network, block, lambda _: gradient(network), **options)


def _on_the_other_side(network, block, gradient, *, momentum, step_size, rule):
    """The block is put before the network instead of after it."""
    lookahead = network + network @ (momentum * block)
    grown = lookahead - step_size * gradient(lookahead)
    return stacking.Stage(lookahead, grown, divide(grown - network, network))


def _block_twice(network, block, gradient, **options):
    """The new block starts from the two last put together: off by one in t."""
    return stacking.stage(network, block + block + block @ block, gradient, **options)


def _parameter_rule(network, block, gradient, *, rule, **options):
    """The step is taken on the block instead of on the map."""
    return stacking.stage(network, block, gradient, rule="parameter", **options)


# An additive ensemble: stage(ensemble, learner, gradient, *, momentum, step_size, error) -> Stage


def additive_with(*, momentum=1, step_size=1, error=1):
    """The settings, or the error, so many times as large."""
    times = momentum, step_size, error

    def stage(ensemble, learner, gradient, *, momentum, step_size, error):
        return additive.stage(
            ensemble, learner, gradient, momentum=times[0] * momentum, step_size=times[1] * step_size,
            error=times[2] * error,
        )

    return stage


def additive_stale(ensemble, learner, gradient, **options):
    """The gradient is taken at the ensemble instead of at the start of the learner."""
    return additive.stage(ensemble, learner, lambda _: gradient(ensemble), **options)


def _copied_learner(ensemble, learner, gradient, *, momentum, **options):
    """Every learner starts as the last one, whole."""
    return additive.stage(ensemble, learner, gradient, momentum=momentum - momentum + 1, **options)


def _start_not_kept(ensemble, learner, gradient, **options):
    """The learner starts at the last one, but is added to the ensemble without its start."""
    made = additive.stage(ensemble, learner, gradient, **options)
    return made._replace(ensemble=made.ensemble - (made.lookahead - ensemble))


# A random start: stage(network, start, gradient, *, step_size, rule) -> Stage


def random_start_with(step_size):
    """The gradient step so many times as long."""
    times = step_size

    def stage(network, start, gradient, *, step_size, rule="functional"):
        return random_start.stage(network, start, gradient, step_size=times * step_size, rule=rule)

    return stage


def random_start_by_parameters(network, start, gradient, *, step_size, rule="parameter"):
    """The step is taken on the block instead of on the map."""
    return random_start.stage(network, start, gradient, step_size=step_size, rule="parameter")


def _random_transposed_gradient(network, start, gradient, **options):
    return random_start.stage(network, start, lambda point: gradient(point).T, **options)


def _functional_rule(network, block, gradient, *, rule, **options):
    """The step is taken on the map instead of on the block."""
    return stacking.stage(network, block, gradient, rule="functional", **options)


_STACKING: Mapping[str, Callable] = {
    "zero-start": zero_start, "copied-start": _copied_start, "transposed-start": transposed_start,
    "transposed-gradient": _transposed_gradient, "stale-gradient": _stale_stage,
    "momentum-flipped": _stage_with(momentum=-1), "momentum-doubled": _stage_with(momentum=2),
    "block-on-the-other-side": _on_the_other_side, "block-twice": _block_twice,
    "no-step": _stage_with(step_size=0), "step-flipped": _stage_with(step_size=-1),
    "step-doubled": _stage_with(step_size=2),
}
WRONG: Mapping[str, Mapping[str, Callable]] = {
    "descent": {
        "no-step": _descent(0), "step-flipped": _descent(-1), "step-doubled": _descent(2),
        "gradient-of-the-next-stage": _backward,
    },
    "nesterov": {
        "stale-gradient": stale_gradient, "no-momentum": with_momentum(0), "momentum-flipped": with_momentum(-1),
        "momentum-doubled": with_momentum(2), "gradient-of-the-stage-before": _gradient_of_the_stage_before,
        "gradient-of-the-next-stage": _gradient_of_the_next_stage, "lookahead-twice": _lookahead_kept,
        "no-step": with_step_size(0), "step-flipped": with_step_size(-1), "step-doubled": with_step_size(2),
    },
    "stacking": {**_STACKING, "parameter-rule": _parameter_rule},
    "stacking-blocks": {**_STACKING, "functional-rule": _functional_rule},
    "additive": {
        "zero-start": additive_with(momentum=0), "copied-start": _copied_learner,
        "momentum-flipped": additive_with(momentum=-1), "momentum-doubled": additive_with(momentum=2),
        "stale-gradient": additive_stale, "start-not-kept": _start_not_kept,
        "no-step": additive_with(step_size=0), "step-flipped": additive_with(step_size=-1),
        "step-doubled": additive_with(step_size=2), "error-lost": additive_with(error=0),
    },
    "random-start": {
        "parameter-rule": random_start_by_parameters, "transposed-gradient": _random_transposed_gradient,
        "no-step": random_start_with(0), "step-flipped": random_start_with(-1), "step-doubled": random_start_with(2),
    },
}
