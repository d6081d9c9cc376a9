"""Whether a ball holds a rational: exactly. `arb.contains` rounds the rational to a ball of its own first."""


def contains(ball, value):
    """Midpoint and radius are dyadic, so the comparison is between rationals."""
    return abs(ball.mid().fmpq() - value) <= ball.rad().fmpq()
