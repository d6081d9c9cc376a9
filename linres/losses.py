"""Losses of a linear map W (d x d) on data, beyond the moments of least squares: what training may be given.

A loss is the mean over the samples (x, y) of phi(H W x, y), phi convex in its first argument and H a fixed readout
(m x d), by default the first m coordinates. With D = E[grad phi x^T] its gradient in W is H^T D. Where no second
derivative of phi exceeds c, no eigenvalue of the Hessian in W exceeds

    c |H|^2 lambda_max(E[x x^T]),

for its quadratic form at V is E[u^T (Hess phi) u] <= c E|u|^2 with u = H V x, and E|H V x|^2 <= |H|^2 tr(V Sigma V^T).

The data are read a chunk of rows at a time and never copied, so that memory-mapped arrays of any length will do.
"""

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np

from linres import checks, pointwise
from linres.errors import refuse
from linres.problem import WIDEST, Problem
from linres.tables import TRANSPOSE

CHUNK = 2**18  # numbers of x, or of y, read at a time: 2 MB
LABELS = "Number the classes from 0, e.g. by np.unique(labels, return_inverse=True)[1]."


class Objective(Protocol):
    """What a solver asks of a loss of W (d, d): its value and gradient there, d, and a bound on its curvature.

    Two more attributes are used where they exist: mu, a lower bound on the eigenvalues of the Hessian (0 without), and
    minimum_loss, the infimum of the loss (nan without).

    Examples
    --------
    >>> import linres
    >>> class Distance:
    ...     dimension, smoothness, mu = 2, 1.0, 1.0
    ...     def value(self, network):
    ...         return ((network - 2) ** 2).sum() / 2
    ...     def gradient(self, network):
    ...         return network - 2
    >>> linres.descend(Distance(), stages=1).loss
    array([5., 0.])
    """

    @property
    def dimension(self) -> int:
        """d, the width of W."""

    @property
    def smoothness(self) -> float:
        """L: no eigenvalue of the Hessian exceeds it anywhere."""

    def value(self, network: np.ndarray) -> float:
        """The loss at W.

        Parameters
        ----------
        network : (d, d) ndarray
            W.

        Returns
        -------
        float
            The loss.
        """

    def gradient(self, network: np.ndarray) -> np.ndarray:
        """The gradient of the loss at W.

        Parameters
        ----------
        network : (d, d) ndarray
            W.

        Returns
        -------
        (d, d) ndarray
            The gradient.
        """


class Evaluation(NamedTuple):
    """A loss and its gradient at one W.

    Attributes
    ----------
    value : float
        The loss.
    gradient : (d, d) ndarray
        The gradient.
    """

    value: float
    gradient: np.ndarray


def inverse_root_kappa(objective: Any) -> float | None:
    """q = sqrt(mu/L) of the loss, at most 1.

    Parameters
    ----------
    objective : Problem or Objective
        The loss.

    Returns
    -------
    float or None
        q; None where nothing is known of mu, or it is 0.

    Examples
    --------
    >>> import linres
    >>> round(linres.losses.inverse_root_kappa(linres.Problem.from_spectrum([1, 4])), 6)
    0.5
    """
    if isinstance(objective, Problem):
        return objective.q
    mu = getattr(objective, "mu", 0.0)
    return min(1.0, math.sqrt(mu / objective.smoothness)) if mu > 0 else None


def evaluate(objective: Any, network: np.ndarray) -> Evaluation:
    """Value and gradient, in one pass over the data where the objective has a method for it.

    Parameters
    ----------
    objective : Problem or Objective
        The loss.
    network : (d, d) ndarray
        W.

    Returns
    -------
    Evaluation
        Both.

    Examples
    --------
    >>> import linres
    >>> import numpy as np
    >>> linres.losses.evaluate(linres.Problem.from_spectrum([1]), np.eye(1))
    Evaluation(value=0.5, gradient=array([[-1.]]))
    """
    together = getattr(objective, "evaluate", None)
    if together is not None:
        return together(network)
    return Evaluation(objective.value(network), objective.gradient(network))


class Counted(NamedTuple):
    """How a run counts its losses: from the minimum where that is known from the first, else from zero.

    Attributes
    ----------
    value : callable
        W -> what is counted there.
    base : float
        What `value` leaves out of the loss.
    minimum : float
        Of the loss; nan if unknown, and then the excess is nan as well.
    """

    value: Callable[[np.ndarray], float]
    base: float
    minimum: float

    @classmethod
    def of(cls, objective: Any) -> "Counted":
        """How a run on this loss counts.

        A `Problem` knows its minimum, and its excess down to zero; others may have a minimum_loss.

        Parameters
        ----------
        objective : Problem or Objective
            The loss.

        Returns
        -------
        Counted
            Its way to count.
        """
        if isinstance(objective, Problem):
            return cls(objective.excess_loss, objective.minimum_loss, objective.minimum_loss)
        return cls(objective.value, 0.0, getattr(objective, "minimum_loss", math.nan))

    def arrays(self, values: list[float]) -> tuple[np.ndarray, np.ndarray]:
        """The loss and the excess loss for the values at T + 1 stages.

        Parameters
        ----------
        values : list of T + 1 floats
            What `value` gave.

        Returns
        -------
        loss : (T + 1,) ndarray
            The loss.
        excess : (T + 1,) ndarray
            The loss less the minimum.
        """
        found = np.array(values)
        loss = self.base + found
        return loss, found if self.base == self.minimum else loss - self.minimum


class DataLoss:
    """The mean of phi(H W x, y) over samples: the base of the losses below.

    Each names phi; c is the largest second derivative of phi in its first argument. The width of W is d = p.

    Parameters
    ----------
    x : (n, p) array_like
        Samples in rows, of any real dtype. The arrays are kept, not copied.
    y : (n, m) or (n,) array_like
        Outputs in rows; (n,) for a single one.
    readout : (m, d) array_like, optional
        H; by default the first m coordinates, which needs m <= d.
    ridge : float, default 0
        Adds (ridge/2) |W|^2, >= 0, and itself to smoothness and to mu, which is 0 without it.
    name : str, default "data"
        What reports call it.

    Raises
    ------
    InputError
        When a number is not finite, for labels that are none, and for shapes that do not fit. Every number is looked at
        once.
    """

    minimum_loss = math.nan

    @property
    def curvature(self) -> float:
        """c, the largest second derivative of phi."""
        raise NotImplementedError

    def __init__(self, x, y, *, readout=None, ridge=0.0, name="data"):
        self.name = name
        self._call = f"{type(self).__name__}({{}})".format
        self._x, self._y = self._table("x", x), self._outputs(y)
        if len(self._x) != len(self._y):
            raise refuse(self._call("x, y"), "one row per sample in both",
                         f"{len(self._x)} rows of x, {len(self._y)} of y")
        self.readout = self._readout(readout)
        self.mu = checks.number(self._call("ridge=..."), ridge, wanted="a number >= 0", holds=lambda v: v >= 0)
        for rows in self._chunks():
            self._require_inputs(rows)
            self._require_outputs(rows)

    def _table(self, name: str, values) -> np.ndarray:
        """The values as an array (n, p) of real numbers, a view where they are an array already."""
        call, array = self._call(name), _array(self._call(name), values)
        if array.dtype.kind not in "biuf":
            raise refuse(call, "real numbers", f"dtype {array.dtype}")
        if array.ndim != 2 or array.size == 0:
            raise refuse(call, "a table with samples in rows", f"shape {array.shape}")
        if array.shape[1] > WIDEST:
            raise refuse(call, f"at most {WIDEST} columns wide", f"{array.shape[1]} columns", TRANSPOSE)
        return array

    def _outputs(self, y) -> np.ndarray:
        array = _array(self._call("y"), y)
        return self._table("y", array[:, None] if array.ndim == 1 else array)

    @property
    def _width(self) -> int:
        """m."""
        return self._y.shape[1]

    def _readout(self, given) -> np.ndarray | None:
        """H; None for the identity."""
        shape = (self._width, self.dimension)
        if given is not None:
            return checks.matrix(self._call("readout=..."), given, shape=shape)
        if shape[0] > shape[1]:
            raise refuse(self._call("x, y"), "no wider in y than in x", f"{shape[1]} columns of x, {shape[0]} outputs",
                         "Pad x with columns of zeros.")
        return None if shape[0] == shape[1] else np.eye(*shape)

    def _require_inputs(self, rows: slice) -> None:
        self._require_finite("x", self._x, rows)

    def _require_outputs(self, rows: slice) -> None:
        self._require_finite("y", self._y, rows)

    def _require_finite(self, name: str, array: np.ndarray, rows: slice) -> None:
        with np.errstate(over="ignore"):  # a long double beyond float64 becomes inf and is refused as such
            values = array[rows].astype(np.float64)
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            row, column = bad[0]
            raise refuse(self._call(name), "finite numbers",
                         f"{values[row, column]} in row {rows.start + row}, column {column} (counting from 0)",
                         "Drop or fill these entries first.")

    @property
    def dimension(self) -> int:
        """d, the width of W and of x."""
        return self._x.shape[1]

    @property
    def samples(self) -> int:
        """n, the number of samples."""
        return len(self._x)

    @cached_property
    def smoothness(self) -> float:
        """c |H|^2 lambda_max(E[x x^T]) + ridge; InputError if it is not finite."""
        with np.errstate(over="ignore", invalid="ignore"):
            moment = sum(x.T @ x / self.samples for x in map(self._inputs, self._chunks()))
        if not np.isfinite(moment).all():
            raise refuse(self._call("x"), "of moderate size", "moments beyond float64", "Rescale the data.")
        size = 1.0 if self.readout is None else float(np.linalg.norm(self.readout, 2)) ** 2
        return self.curvature * size * float(np.linalg.eigvalsh(moment)[-1]) + self.mu

    def value(self, network) -> float:
        """The loss at W.

        Parameters
        ----------
        network : (d, d) ndarray
            W.

        Returns
        -------
        float
            The loss.

        Raises
        ------
        InputError
            When W has another shape.
        """
        return self._over(self._chunks(), network, slopes=False).value

    def gradient(self, network) -> np.ndarray:
        """The gradient of the loss at W.

        Parameters
        ----------
        network : (d, d) ndarray
            W.

        Returns
        -------
        (d, d) ndarray
            The gradient.

        Raises
        ------
        InputError
            When W has another shape.
        """
        return self.evaluate(network).gradient

    def evaluate(self, network) -> Evaluation:
        """The loss and its gradient at W, in one pass over the data.

        Parameters
        ----------
        network : (d, d) ndarray
            W.

        Returns
        -------
        Evaluation
            Both.

        Raises
        ------
        InputError
            When W has another shape.
        """
        return self._over(self._chunks(), network)

    def evaluate_batch(self, network, rows) -> Evaluation:
        """The loss and its gradient at W, with the mean taken over some samples only.

        Parameters
        ----------
        network : (d, d) ndarray
            W.
        rows : (b,) array of int
            The numbers of these samples.

        Returns
        -------
        Evaluation
            Both.

        Raises
        ------
        InputError
            When W has another shape.
        """
        return self._over([rows], network)

    def batches(self, size: int, *, seed: int = 0, epoch: int = 0) -> Iterator[np.ndarray]:
        """The row numbers of the mini-batches of one epoch: every sample once, in an order drawn by seed and epoch.

        Parameters
        ----------
        size : int
            Rows of each, from 1 to n; what is left is in the last.
        seed : int, default 0
            From 0 to 2^32 - 1. The same seed and epoch give the same bits on every machine.
        epoch : int, default 0
            The number of the epoch, >= 0.

        Returns
        -------
        iterator of (size,) array of int
            Row numbers, ascending.

        Raises
        ------
        InputError
            For another size or seed.
        """
        size = checks.whole("batches(size)", size, wanted=f"an integer from 1 to {self.samples}", low=1,
                            high=self.samples)
        order = Order(self.samples, seed=seed, epoch=epoch)
        return (np.sort(order[first : first + size]) for first in range(0, self.samples, size))

    def _chunks(self) -> Iterator[slice]:
        rows = max(1, CHUNK // max(self.dimension, self._width))
        return (slice(first, first + rows) for first in range(0, self.samples, rows))

    def _inputs(self, rows) -> np.ndarray:
        return self._x[rows].astype(np.float64)

    def _over(self, chunks, network, *, slopes: bool = True) -> Evaluation:
        """The mean over the rows of all chunks; the gradient only if slopes are asked for."""
        if np.shape(network) != (self.dimension, self.dimension):
            raise refuse(self._call("...") + " at W", f"given a W of shape {(self.dimension,) * 2}",
                         f"shape {np.shape(network)}")
        readout = network if self.readout is None else self.readout @ network
        total, count, summed = 0.0, 0, np.zeros(readout.shape)
        for rows in chunks:
            x = self._inputs(rows)
            losses, slope = self._losses(x @ readout.T, rows)
            total, count = total + float(np.sum(losses)), count + len(x)
            if slopes:
                summed += slope().T @ x
        gradient = summed / count
        if self.readout is not None:
            gradient = self.readout.T @ gradient
        if self.mu == 0:
            return Evaluation(total / count, gradient)
        return Evaluation(total / count + self.mu / 2 * float(np.sum(network * network)), gradient + self.mu * network)

    def _losses(self, scores: np.ndarray, rows):
        """phi at the scores (b, m) of these rows, in any shape, and a function that gives its slopes (b, m)."""
        raise NotImplementedError


def _array(call: str, values) -> np.ndarray:
    """The values as an array, not copied if they are one."""
    try:
        return np.asarray(values)
    except ValueError:
        raise refuse(call, "a table with samples in rows", "rows of different lengths") from None


class _ByOutput(DataLoss):
    """phi(z, y) = sum_j h(z_j, y_j), h one of `linres.pointwise`."""

    per_output: pointwise.Loss

    @property
    def curvature(self):
        return self.per_output.smoothness

    def _labels(self, rows) -> np.ndarray:
        """What h takes for y, (b, m)."""
        return self._y[rows]

    def _losses(self, scores, rows):
        labels, h = self._labels(rows), self.per_output
        return h.phi(scores, labels), lambda: h.slope(scores, labels)


class LeastSquares(_ByOutput):
    """phi(z, y) = 1/2 |z - y|^2.

    c = 1, and the bound is attained. `Problem.from_data` says the same by its moments, after which a step costs nothing
    per sample; this one reads the data anew, or a mini-batch of them, and subtracts no means.

    Parameters
    ----------
    x : (n, p) array_like
        Samples in rows.
    y : (n, m) or (n,) array_like
        Outputs in rows.
    readout : (m, d) array_like, optional
        H; by default the first m coordinates.
    ridge : float, default 0
        Adds (ridge/2) |W|^2.
    name : str, default "data"
        What reports call it.

    Examples
    --------
    >>> import linres
    >>> import numpy as np
    >>> loss = linres.losses.LeastSquares(np.eye(2), 2 * np.eye(2), ridge=0.1)
    >>> round(loss.smoothness, 6)
    0.6
    >>> round(float(linres.accelerate(loss, stages=50).loss[-1]), 6)
    0.333333
    """

    per_output = pointwise.SQUARED


class Huber(_ByOutput):
    """phi(z, y) = sum_j h(z_j - y_j), h(r) = r^2/2 up to |r| = delta and delta (|r| - delta/2) beyond (Huber 1964).

    c = 1: h' is r cut off at -delta and delta, so that it grows by at most 1 for each unit of r.

    Parameters
    ----------
    x : (n, p) array_like
        Samples in rows.
    y : (n, m) or (n,) array_like
        Outputs in rows.
    delta : float, default 1
        Where parabolas go over into lines, > 0, in units of y.
    readout : (m, d) array_like, optional
        H; by default the first m coordinates.
    ridge : float, default 0
        Adds (ridge/2) |W|^2.
    name : str, default "data"
        What reports call it.

    Examples
    --------
    >>> import linres
    >>> import numpy as np
    >>> linres.losses.Huber(np.eye(1), [3.0], delta=1).value(np.zeros((1, 1)))
    2.5
    """

    def __init__(self, x, y, *, delta=pointwise.DELTA, readout=None, ridge=0.0, name="data"):
        self.delta = checks.number("Huber(delta=...)", delta, wanted="a number > 0", holds=lambda v: v > 0)
        self.per_output = pointwise.huber(self.delta)
        super().__init__(x, y, readout=readout, ridge=ridge, name=name)


class Logistic(_ByOutput):
    """phi(z, y) = sum_j log(1 + exp(-s_j z_j)): one binary label per output, y_j = 1 (s_j = 1) or 0 (s_j = -1).

    c = 1/4. Where the samples can be separated the infimum is not attained without a ridge.

    Parameters
    ----------
    x : (n, p) array_like
        Samples in rows.
    y : (n, m) or (n,) array_like
        Labels, 0 or 1.
    readout : (m, d) array_like, optional
        H; by default the first m coordinates.
    ridge : float, default 0
        Adds (ridge/2) |W|^2.
    name : str, default "data"
        What reports call it.

    Notes
    -----
    With p = 1/(1 + exp(-z_j)) the second derivative is p (1 - p) <= 1/4, attained at z = 0.

    Examples
    --------
    >>> import linres
    >>> import numpy as np
    >>> round(linres.losses.Logistic(np.eye(1), [1]).value(np.zeros((1, 1))), 6)
    0.693147
    """

    per_output = pointwise.LOGISTIC

    def _require_outputs(self, rows):
        if not np.isin(self._y[rows], (0, 1)).all():
            raise refuse(self._call("y"), "labels 0 or 1", "others", "Pass y > 0 for labels -1 and 1.")

    def _labels(self, rows):
        return np.where(self._y[rows] > 0, 1.0, -1.0)


class Multinomial(DataLoss):
    """phi(z, k) = log(sum_j exp z_j) - z_k: the cross-entropy of softmax.

    c = 1/2.

    Parameters
    ----------
    x : (n, p) array_like
        Samples in rows.
    y : (n,) array_like
        The classes, integers from 0 to m - 1.
    classes : int, optional
        m; by default one more than the largest label.
    readout : (m, d) array_like, optional
        H; by default the first m coordinates.
    ridge : float, default 0
        Adds (ridge/2) |W|^2.
    name : str, default "data"
        What reports call it.

    Notes
    -----
    With p = softmax(z) the second derivative along v is the variance of v_j under p, at most (max v - min v)^2/4 <=
    |v|^2/2, attained where two classes share all probability.

    Examples
    --------
    >>> import linres
    >>> import numpy as np
    >>> round(linres.losses.Multinomial(np.eye(2), [0, 1]).value(np.zeros((2, 2))), 6)
    0.693147
    """

    curvature = 0.5

    def __init__(self, x, y, *, classes=None, readout=None, ridge=0.0, name="data"):
        labels = _array("Multinomial(y)", y)
        if labels.dtype.kind not in "iu" or labels.ndim != 1 or labels.size == 0 or labels.min() < 0:
            raise refuse("Multinomial(y)", "a list of classes, integers >= 0",
                         f"shape {labels.shape}, dtype {labels.dtype}", LABELS)
        least = int(labels.max()) + 1
        self.classes = least if classes is None else checks.whole(
            "Multinomial(classes=...)", classes, wanted=f"an integer >= {least}", low=least)
        super().__init__(x, labels, readout=readout, ridge=ridge, name=name)

    @property
    def _width(self):
        return self.classes

    def _losses(self, scores, rows):
        labels = self._y[rows].astype(np.intp)
        shifted = scores - scores.max(axis=1, keepdims=True)
        weights = np.exp(shifted)
        # Of the largest, 1, only the others are summed: a loss near zero, or a slope, then keeps its digits.
        rest = np.sum(_without(weights, shifted.argmax(axis=1)[:, None]), axis=1, keepdims=True)
        losses = np.log1p(rest) - np.take_along_axis(shifted, labels, axis=1)

        def slopes():
            others = _without(weights / (1 + rest), labels)
            np.put_along_axis(others, labels, -others.sum(axis=1, keepdims=True), axis=1)
            return others

        return losses, slopes


def _without(table: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """A copy of the table (b, m) with zero in one column of each row, columns (b, 1)."""
    table = table.copy()
    np.put_along_axis(table, columns, 0.0, axis=1)
    return table


SHUFFLED = 2**16  # rows up to which an order is written down; beyond it is computed, for memory that does not grow
ROUNDS = 6  # of a Feistel network; four pass for random already


class Order:
    """A random order of 0, ..., n - 1 by seed and epoch: order[a:b] gives the numbers at the places a, ..., b - 1.

    Parameters
    ----------
    n : int
        How many numbers, >= 1.
    seed : int, default 0
        From 0 to 2^32 - 1.
    epoch : int, default 0
        The number of the epoch, >= 0.

    Raises
    ------
    InputError
        For another seed.

    Notes
    -----
    Up to 2^16 numbers are shuffled (every order is equally likely). More are permuted by a Feistel network on the least
    even number of bits that hold them, applied again to whatever is not below n: a bijection in no memory.

    Examples
    --------
    >>> import linres
    >>> sorted(linres.losses.Order(4, seed=1)[0:4].tolist())
    [0, 1, 2, 3]
    """

    def __init__(self, n: int, *, seed: int = 0, epoch: int = 0):
        n = checks.whole("Order(n)", n, wanted="an integer from 0 to 2^62", low=0, high=2**62)
        seed = checks.seed("Order", seed)
        epoch = checks.whole("Order(epoch=...)", epoch, wanted="an integer from 0 to 2^32 - 1", low=0, high=2**32 - 1)
        self.n = n
        random = np.random.RandomState([seed, epoch])  # NumPy has frozen its stream
        self._written = random.permutation(n) if n <= SHUFFLED else None
        self._keys = random.randint(0, 2**63, ROUNDS, dtype=np.uint64)
        self._half = np.uint64(((n - 1).bit_length() + 1) // 2)
        self._mask = np.uint64((1 << int(self._half)) - 1)

    def __getitem__(self, places: slice) -> np.ndarray:
        if self._written is not None:
            return self._written[places]
        numbers = np.arange(*places.indices(self.n), dtype=np.uint64)
        numbers = self._permuted(numbers)
        while (outside := numbers >= self.n).any():
            numbers[outside] = self._permuted(numbers[outside])
        return numbers.astype(np.int64)

    def _permuted(self, numbers: np.ndarray) -> np.ndarray:
        left, right = numbers >> self._half, numbers & self._mask
        for key in self._keys:
            left, right = right, left ^ (_mixed(right + key) & self._mask)
        return left << self._half | right


def _mixed(values: np.ndarray) -> np.ndarray:
    """Every bit of a 64-bit number spread over all others: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
