"""Gradient descent with errors."""


def step(x, gradient, *, step_size, error=0):
    """One step x - step_size * gradient(x) + error, in any arithmetic.

    x and error are points of one space (arrays of one shape, `Matrix`, `Symbolic`); gradient maps a point to its
    gradient; step_size is a scalar of the same arithmetic.
    """
    return x - step_size * gradient(x) + error
