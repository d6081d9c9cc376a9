"""Stagewise training of an additive ensemble: each stage adds one learner to a sum of frozen ones, as boosting does.

The ensemble after t stages is F_t = F_0 + f_1 + ... + f_t. Stage t + 1 starts its learner at momentum * f_t and takes
one step of gradient descent on it: momentum 0 is the zero start. Learners are points of a Hilbert space of functions,
so nothing but + and multiples is needed.
"""

from typing import Any, NamedTuple

from linres.methods import descent


class Stage(NamedTuple):
    """What one stage leaves: the start F_t + f^0 of its step, the ensemble F_{t+1}, the learner f_{t+1}."""

    lookahead: Any
    ensemble: Any
    learner: Any


def stage(ensemble, learner, gradient, *, momentum, step_size, error=0):
    """One stage, in any arithmetic, from the start f^0 = momentum * f_t.

    The learner is f_{t+1} = f^0 - step_size * gradient(F_t + f^0) + error. ensemble and learner are points of one space
    (arrays of one shape, `Matrix`, `Symbolic`); gradient maps a function to the functional gradient of the loss there,
    which is the gradient in the learner, too. error is what separates a base learner from the free step: for one that
    projects the gradient, step_size times what the projection leaves of it.
    """
    start = momentum * learner
    lookahead = ensemble + start
    grown = descent.step(start, lambda _: gradient(lookahead), step_size=step_size, error=error)
    return Stage(lookahead, ensemble + grown, grown)
