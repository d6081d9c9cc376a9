"""Nesterov's accelerated gradient method for strongly convex functions, with errors."""

from linres.methods import descent


def momentum(q):
    """beta = (1 - q)/(1 + q) for q = 1/sqrt(kappa): the constant momentum for condition number kappa."""
    return (1 - q) / (1 + q)


def step(x, x_prev, gradient, *, momentum, step_size, lookahead_error=0, step_error=0):
    """One step, in any arithmetic: returns (y_t, x_{t+1}).

    y_t = x_t + momentum (x_t - x_{t-1}) + lookahead_error, then a gradient step from y_t with step_error.
    """
    y = x + momentum * (x - x_prev) + lookahead_error
    return y, descent.step(y, gradient, step_size=step_size, error=step_error)


def auxiliary(x, x_prev, *, q):
    """z_t = x_t + (1/q - 1)(x_t - x_{t-1}): the point whose distance to the minimiser enters the potential."""
    return x + (1 / q - 1) * (x - x_prev)


def potential(excess, distance_squared, *, mu):
    """Phi_t = f(x_t) - f* + (mu/2) |z_t - x*|^2, given the excess f(x_t) - f* and |z_t - x*|^2."""
    return excess + mu * distance_squared / 2
