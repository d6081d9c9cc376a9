"""An expression to a number: exactly, in balls, as a sum of square roots, or in float64 for plots.

One walk over the tree by node type (walk.py), four kinds of numbers (exact.py, floats.py). Nothing is ever turned into
a float on the way to a verdict: rationals become fmpq, pi and E balls, and a float in a row is refused. `decide`
answers True or False only when that is certain.
"""

from linres.evaluate.exact import Enclosure, Roots, decide, decide_by_roots
from linres.evaluate.floats import Curve, Float, bound
from linres.evaluate.products import Stack
from linres.evaluate.walk import Missing, Undefined, shifted

__all__ = [
    "Curve", "Enclosure", "Float", "Missing", "Roots", "Stack", "Undefined", "bound", "decide", "decide_by_roots",
    "shifted",
]
