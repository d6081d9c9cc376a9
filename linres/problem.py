"""What is learnt: least squares, seen through its second moments.

A linear map W (d x d) is fitted to samples (x, y) by ell(W) = 1/2 E|W x - y|^2. With Sigma = E[x x^T], C = E[y x^T] and
W* = C Sigma^{-1} (Sigma > 0),

    ell(W) = 1/2 tr((W - W*) Sigma (W - W*)^T) + ell*,    ell* = 1/2 (E|y|^2 - tr(W* C^T)),
    grad ell(W) = (W - W*) Sigma,

so that after one pass over the data every step costs the same for a thousand samples as for a billion.
"""

import math
import sys
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from linres import checks, sources, tables
from linres.errors import InputError, refuse
from linres.moments import BadRow, Moments, Result, workers
from linres.one_thread import one_thread

EPS = float(np.finfo(np.float64).eps)
TINY = float(np.finfo(np.float64).tiny) / EPS  # below it numbers, or their squares, have lost digits, or all
LEAST = float(np.finfo(np.float64).smallest_subnormal)  # what rounding comes to where numbers underflow
WIDEST = 2**14  # columns: moments of so many take 2 GB, and their eigenvalues hours


@dataclass(frozen=True, eq=False)
class Problem:
    """Least squares given by its moments: ell(W) = 1/2 E|W x - y|^2 for maps W (d, d).

    `from_data`, `from_moments` and `from_spectrum` make one. Losses are in squared units of y.

    Parameters
    ----------
    sigma : (d, d) array_like
        Sigma = E[x x^T], symmetric positive semidefinite, in squared units of x.
    cross : (d, d) array_like
        C = E[y x^T], in units of y times units of x.
    y_squared : float
        E|y|^2, >= 0, in squared units of y.
    name : str, default "moments"
        What reports call it.
    samples : int, optional
        How many samples the moments come from; None where they come from no data.
    sigma_error : float, default 0
        How far rounding may have moved sigma from the moment meant, in spectral norm.
    cross_error : float, default 0
        How far it may have moved cross.
    dropped : int, default 0
        How many rows of the data were left out, as a nan or an infinity is in them.

    Raises
    ------
    InputError
        When moments have the wrong shape, are not finite, or are of no distribution.

    Notes
    -----
    The formulas are those of `linres.problem`.

    Examples
    --------
    >>> import linres
    >>> problem = linres.Problem.from_spectrum([1, 2, 4])
    >>> problem
    <Problem spectrum: d = 3, kappa = 4>
    >>> round(problem.mu, 6), round(problem.L, 6), round(problem.q, 6)
    (1.0, 4.0, 0.5)
    >>> problem.target
    array([[2., 0., 0.],
           [0., 2., 0.],
           [0., 0., 2.]])
    """

    sigma: np.ndarray
    cross: np.ndarray
    y_squared: float
    name: str = "moments"
    samples: int | None = None
    sigma_error: float = 0.0
    cross_error: float = 0.0
    dropped: int = 0

    def __repr__(self) -> str:
        samples = "" if self.samples is None else f", {self.samples} samples"
        return f"<Problem {self.name}: d = {len(self.sigma)}{samples}, kappa = {self.kappa:.4g}>"

    def __post_init__(self):
        sigma = _covariance(self.sigma)
        cross = checks.matrix("Problem(cross=...)", self.cross, shape=sigma.shape)
        y_squared = checks.number(
            "Problem(y_squared=...)", self.y_squared, wanted="E|y|^2, a number >= 0", holds=lambda v: v >= 0
        )
        for field, value in (("sigma", sigma), ("cross", cross), ("y_squared", y_squared)):
            object.__setattr__(self, field, _frozen(value))

    @classmethod
    def from_data(
        cls, x, y=None, *, centre=True, components=None, ridge=0.0, name="data", bad_rows="refuse", watch=None
    ) -> "Problem":
        """The problem of predicting y from x, samples in rows, which are read once, in constant memory.

        Parameters
        ----------
        x : (n, p) array_like, path, list of paths or iterable
            An array, the path of a .npy or .csv file, or a list of such paths, whose rows follow one another. Without
            y: the path of a .npz file with arrays X and Y, or an iterable of pairs (x_chunk, y_chunk). Numbers of any
            real type are taken as float64.
        y : (n, m) array_like, path or list of paths, optional
            What is to be predicted.
        centre : bool, default True
            Whether to subtract the means first.
        components : int, optional
            Keep so many leading principal components of x and of y, each its own; their widths may then differ. The
            basis of x is that of its components; that of y is turned so that E[y x^T] becomes symmetric positive
            semidefinite.
        ridge : float, default 0
            Added to the diagonal of Sigma, >= 0, which adds (ridge/2) |W|^2 to the loss.
        name : str, default "data"
            What reports call it.
        bad_rows : {"refuse", "drop"}
            What to do with rows that have a nan or an infinity, or in a .csv file an empty cell: refuse the data, or
            drop and count the rows.
        watch : callable, optional
            watch(rows_done, rows_total or None), called after each chunk.

        Returns
        -------
        Problem
            With d = p = m, or d = components.

        Raises
        ------
        InputError
            For anything but two nonempty tables of finite numbers with equally many rows; for p != m without
            components; for more than 2^14 columns. What an iterable raises is not caught.

        Notes
        -----
        The moments, and so sigma_error and cross_error, are those of `linres.moments`, which says what bounds them and
        what makes them the same to the bit.

        Examples
        --------
        >>> import linres
        >>> import numpy as np
        >>> x = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
        >>> bool(np.allclose(linres.Problem.from_data(x, 2 * x).target, 2 * np.eye(2)))
        True
        """
        checks.word("Problem.from_data(bad_rows=...)", bad_rows, ("refuse", "drop"))
        checks.watch("Problem.from_data", watch)
        centre = checks.flag("Problem.from_data(centre=...)", centre)
        ridge = checks.number(
            "Problem.from_data(ridge=...)", ridge, wanted="a number >= 0", holds=lambda v: v >= 0,
            remedy="Leave it out to add nothing.",
        )
        with closing(sources.samples(x, y, finite=bad_rows == "refuse")) as samples:
            moments = _moments(samples, components, watch)
            dropped = moments.dropped
            if dropped and (bad_rows == "refuse" or not moments.n):
                raise _bad_rows(samples, moments.seen, dropped, moments.first_dropped)
        (sigma, cross, output), errors = _second_moments(moments.result(), centre)
        if components is not None:
            sigma, cross, output = _projected(sigma, cross, output, components)
        sigma = sigma + ridge * np.eye(len(sigma))
        return cls(sigma, cross, float(np.trace(output)), name, moments.n, *errors, dropped)

    @classmethod
    def from_moments(cls, sigma, cross, y_squared, *, name="moments") -> "Problem":
        """The problem with these moments.

        Parameters
        ----------
        sigma : (d, d) array_like
            E[x x^T], symmetric positive semidefinite.
        cross : (d, d) array_like
            E[y x^T].
        y_squared : float
            E|y|^2, one that some distribution with sigma and cross has.
        name : str, default "moments"
            What reports call it.

        Returns
        -------
        Problem
            The problem.

        Raises
        ------
        InputError
            When moments have the wrong shape, are not finite, or are of no distribution.

        Examples
        --------
        >>> import linres
        >>> linres.Problem.from_moments([[2.0]], [[1.0]], 1.0).minimum_loss
        0.25
        """
        problem = cls(sigma, cross, y_squared, name)
        if problem.rank == problem.dimension:
            _require_enough_output(problem)
        return problem

    @classmethod
    @one_thread
    def from_spectrum(cls, eigenvalues, *, target=None, name="spectrum") -> "Problem":
        """The noiseless problem with a diagonal Sigma and a given target.

        Parameters
        ----------
        eigenvalues : (d,) array_like
            The diagonal of Sigma, all > 0.
        target : (d, d) array_like, optional
            W*; by default 2 I, rather than I, because the solvers start at I.
        name : str, default "spectrum"
            What reports call it.

        Returns
        -------
        Problem
            The problem; its ell* is 0.

        Raises
        ------
        InputError
            When an eigenvalue is not positive, when the target is no (d, d) matrix, or when a moment leaves the range
            of float64.

        Examples
        --------
        >>> import linres
        >>> round(linres.Problem.from_spectrum([1, 100]).kappa, 6)
        100.0
        """
        values = checks.vector("Problem.from_spectrum(eigenvalues)", eigenvalues)
        if values.min() <= 0:
            raise refuse(
                "Problem.from_spectrum(eigenvalues)", "positive", f"{values.min():g}", "kappa = L/mu needs mu > 0."
            )
        d = len(values)
        if target is None:
            target = 2 * np.eye(d)
        target = checks.matrix("Problem.from_spectrum(target=...)", target, shape=(d, d))
        with np.errstate(over="ignore"):
            cross = target * values
            y_squared = float(np.sum(cross * target))
        lost = target.any() and np.abs(cross).max() < TINY
        if lost or not (np.isfinite(cross).all() and math.isfinite(y_squared)):
            raise refuse("Problem.from_spectrum(eigenvalues, target=...)", "of moderate size", "moments beyond float64",
                         "Rescale them.")
        return cls(np.diag(values), cross, y_squared, name)

    @property
    def dimension(self) -> int:
        """d, the width of W."""
        return len(self.sigma)

    @cached_property
    @one_thread
    def eigenvalues(self) -> np.ndarray:
        """The eigenvalues of Sigma, ascending, (d,)."""
        return _frozen(np.linalg.eigvalsh(self.sigma))

    @property
    def mu(self) -> float:
        """The smallest eigenvalue of Sigma: the strong convexity of ell."""
        return float(self.eigenvalues[0])

    @property
    def L(self) -> float:
        """The largest eigenvalue of Sigma: the smoothness of ell."""
        return float(self.eigenvalues[-1])

    @cached_property
    def rank(self) -> int:
        """The numerical rank of Sigma: how many eigenvalues exceed d eps L, what rounding alone can make of a zero."""
        return int(np.sum(self.eigenvalues > self._eigenvalue_rounding))

    @property
    def _eigenvalue_rounding(self) -> float:
        """d eps L, what computing the eigenvalues may do to them; never 0."""
        return self.dimension * (EPS * self.L + LEAST)

    @property
    def mu_error(self) -> float:
        """How far rounding may have moved an eigenvalue of Sigma: that of the moments, and that of computing it.

        LAPACK and adding a ridge were seen to move it by 1.4 d eps L; four times as much is allowed for.
        """
        return 4 * self._eigenvalue_rounding + self.sigma_error

    @property
    def moments_invertible(self) -> bool | None:
        """Whether Sigma > 0, None where float64 cannot tell: mu is not twice what rounding alone may come to."""
        if self.rank < self.dimension:
            return False
        return True if self.mu > 2 * self.mu_error else None

    @property
    def kappa(self) -> float:
        """The condition number L/mu; infinite if Sigma is numerically singular."""
        return self.L / self.mu if self.rank == self.dimension else math.inf

    @property
    def q(self) -> float:
        """1/sqrt(kappa), in (0, 1]; 0 if Sigma is numerically singular."""
        return 1 / math.sqrt(self.kappa)

    @cached_property
    @one_thread
    def target(self) -> np.ndarray:
        """W* = C Sigma^{-1}, (d, d), which minimises ell.

        Raises
        ------
        InputError
            When Sigma is numerically singular: its rank, and what to do.
        """
        if self.rank < self.dimension:
            raise refuse(
                f"Sigma of {self.name}", f"invertible ({self.dimension} x {self.dimension})", f"rank {self.rank}",
                self._singular_remedy(),
            )
        return _frozen(np.linalg.solve(self.sigma, self.cross.T).T)

    def _singular_remedy(self) -> str:
        scale = self.L if self.L > 0 else 1.0
        ridge = 10.0 ** math.floor(math.log10(scale) - 3)
        advice = f"Add a ridge, e.g. {ridge:g} (ridge={ridge:g}, --ridge {ridge:g})"
        if self.samples is None:
            return advice + "."
        if self.rank == 0:
            return "No column of x varies, so that centring leaves nothing: add samples."
        keep = min(self.rank, self.dimension - 1)  # where mu is positive but lost in rounding the rank is full
        if keep:
            advice += f", or keep fewer principal components (components={keep}, --components {keep})"
        advice += "."
        return f"{advice} {tables.TRANSPOSE}" if self.dimension > 2 * self.samples else advice

    @cached_property
    @one_thread
    def target_singular_values(self) -> np.ndarray:
        """The singular values of W*, descending, (d,)."""
        return _frozen(np.linalg.svd(self.target, compute_uv=False))

    @property
    def sigma_min(self) -> float:
        """The smallest singular value of W*, in units of W."""
        return float(self.target_singular_values[-1])

    @cached_property
    @one_thread
    def output_eigenvalues(self) -> np.ndarray:
        """The eigenvalues of W* Sigma W*^T, ascending, (d,): the curvature that the parameter rule sees at W*.

        Those that rounding alone can make of a zero are given as zero.
        """
        values = np.linalg.svd(self.target @ self._root, compute_uv=False)[::-1] ** 2
        return _frozen(np.where(np.sqrt(values) > self.dimension * EPS * np.sqrt(values[-1]), values, 0.0))

    @property
    def output_curvature(self) -> tuple[float, float]:
        """mu' and L': the smallest nonzero and the largest eigenvalue of W* Sigma W*^T; 0, 0 if W* = 0."""
        nonzero = self.output_eigenvalues[self.output_eigenvalues > 0]
        return (float(nonzero[0]), float(nonzero[-1])) if len(nonzero) else (0.0, 0.0)

    @cached_property
    @one_thread
    def minimum_loss(self) -> float:
        """ell* = 1/2 (E|y|^2 - tr(W* C^T)), in squared units of y; never below 0, as rounding may have it."""
        return max(0.0, (self.y_squared - float(np.sum(self.target * self.cross))) / 2)

    @cached_property
    @one_thread
    def _root(self) -> np.ndarray:
        """F with Sigma = F F^T: the excess loss as a sum of squares is never negative."""
        return np.linalg.cholesky(self.sigma)

    def excess_loss(self, network) -> float:
        """ell(W) - ell* = 1/2 tr((W - W*) Sigma (W - W*)^T), from the difference itself: accurate down to zero.

        Parameters
        ----------
        network : (d, d) ndarray
            W.

        Returns
        -------
        float
            The excess loss, >= 0, in squared units of y.
        """
        return float(np.sum(((network - self.target) @ self._root) ** 2) / 2)

    def loss(self, network) -> float:
        """ell(W) = 1/2 E|W x - y|^2. Also called `value`, as `linres.losses.Objective` has it.

        Parameters
        ----------
        network : (d, d) ndarray
            W.

        Returns
        -------
        float
            The loss, in squared units of y.
        """
        return self.minimum_loss + self.excess_loss(network)

    value = loss  # and smoothness: what `linres.losses.Objective` calls them

    @property
    def smoothness(self) -> float:
        """L, as `linres.losses.Objective` calls it."""
        return self.L

    def gradient(self, network) -> np.ndarray:
        """grad ell(W) = (W - W*) Sigma.

        Parameters
        ----------
        network : (d, d) ndarray
            W.

        Returns
        -------
        (d, d) ndarray
            The gradient.
        """
        return (network - self.target) @ self.sigma

    def hypotheses(self, *, momentum, step_size, rule="functional", blocks=True) -> list[dict[str, Any]]:
        """What the theorems assume of this problem and these settings, each with whether it holds.

        What one theorem assumes, and of a whole run, is told by `linres.guarantee`.

        Parameters
        ----------
        momentum : float
            The momentum of the run.
        step_size : float
            Its step.
        rule : {"functional", "parameter"}
            Whose smoothness bounds the step: that of Sigma, or of W* Sigma W*^T.
        blocks : bool, default True
            Whether the method makes residual blocks, which need W* invertible.

        Returns
        -------
        list of dict
            Each with "name", "statement", "holds" (None where float64 cannot tell), the "value" measured, the
            "threshold" it is held against, and a "remedy", None where it holds.

        Examples
        --------
        >>> import linres
        >>> problem = linres.Problem.from_spectrum([1, 2, 4])
        >>> [(each["name"], each["holds"]) for each in problem.hypotheses(momentum=0.5, step_size=1)]
        [('moments-invertible', True), ('target-invertible', True), ('momentum', True), ('step', False)]
        """
        moments = hypothesis(
            "moments-invertible", "Sigma > 0: its smallest eigenvalue mu > 0", self.moments_invertible, self.mu,
            0.0, self._singular_remedy(),
        )
        target = hypothesis(
            "target-invertible", "W* is invertible: its smallest singular value sigma_min > 0",
            self.target_invertible, self.sigma_min, 0.0,
            f"{self.singular_target_remedy} Or take Nesterov's method or gradient descent on W: they need no inverse.",
        )
        pace = hypothesis(
            "momentum", "0 <= momentum < 1", 0 <= momentum < 1, momentum, 1.0, "Leave it out to use (1-q)/(1+q)."
        )
        smoothness, largest = self.L, "1/L, L = lambda_max(Sigma)"
        if rule == "parameter":
            smoothness, largest = self.output_curvature[1], "1/L', L' = lambda_max(W* Sigma W*^T)"
        return [moments, *([target] if blocks else []), pace, _step_hypothesis(step_size, smoothness, largest)]

    @property
    def target_invertible(self) -> bool | None:
        """Whether W* is invertible, None where float64 cannot tell.

        sigma_min against rounding: that of the SVD alone, and that of solving for W* with rounded moments.
        """
        if self.sigma_min <= self.target_rounding:
            return False
        return True if self.sigma_min > self.target_error else None

    @property
    def target_rounding(self) -> float:
        """d eps sigma_max(W*): singular values of W* up to here are numerically zero."""
        return self.dimension * (EPS * float(self.target_singular_values[0]) + LEAST)

    @property
    def target_error(self) -> float:
        """How far rounding may have moved W*, and so sigma_min, to first order, in spectral norm.

        By solving for it, kappa target_rounding; by the moments, (cross_error + |W*| sigma_error)/mu.
        """
        moved = self.cross_error + self.dimension * LEAST + float(self.target_singular_values[0]) * self.sigma_error
        return self.kappa * self.target_rounding + moved / self.mu

    @property
    def singular_target_remedy(self) -> str:
        """What to do for an invertible W*, in a sentence."""
        rank = min(int(np.sum(self.target_singular_values > self.target_rounding)), self.dimension - 1)
        if self.samples is None or rank == 0:
            return "Choose a target of full rank."
        return f"Keep fewer principal components, at most {rank} (components={rank}, --components {rank})."


def hypothesis(name: str, statement: str, holds: bool | None, value, threshold, remedy: str) -> dict[str, Any]:
    """One hypothesis, with the value measured, what that is held against, and whether it holds: what --json prints.

    value, threshold: numbers, or both words. holds is None where float64 cannot tell; remedy says what to do, and is
    None where the hypothesis holds.
    """
    return {
        "name": name, "statement": statement, "holds": holds if holds is None else bool(holds), "value": value,
        "threshold": threshold, "remedy": None if holds else remedy,
    }


def _step_hypothesis(step_size: float, smoothness: float, largest: str) -> dict[str, Any]:
    limit = 1 / smoothness if smoothness > 0 else math.inf
    return hypothesis(
        "step", f"0 < step <= {largest}", 0 < step_size <= limit, step_size, limit,
        f"Take a step of at most {limit:.6g}.",
    )


def _frozen(value):
    if isinstance(value, np.ndarray):
        value.setflags(write=False)
    return value


@one_thread
def _covariance(sigma) -> np.ndarray:
    """sigma, symmetric and positive semidefinite up to rounding (d eps times its largest entry or eigenvalue)."""
    call = "Problem(sigma=...)"
    array = checks.samples(call, sigma)
    if array.shape[0] != array.shape[1]:
        raise refuse(call, "a square matrix", f"shape {array.shape}")
    if np.abs(array).max() > sys.float_info.max / 4:
        raise refuse(call, "of moderate size", f"an entry of {np.abs(array).max():.3g}", "Rescale the moments.")
    skew = np.abs(array - array.T).max()
    if skew > len(array) * EPS * np.abs(array).max():
        raise refuse(call, "symmetric", f"entries that differ by {skew:.3g} from their mirror image",
                     "Pass (sigma + sigma.T) / 2.")
    array = (array + array.T) / 2
    values = np.linalg.eigvalsh(array)
    if values[0] < -len(array) * EPS * np.abs(values).max():
        raise refuse(call, "positive semidefinite", f"the eigenvalue {values[0]:.3g}", "It is E[x x^T].")
    return array


def _require_enough_output(problem: Problem) -> None:
    """E|y|^2 >= tr(W* C^T), with room for the rounding of W*: else no distribution has these moments."""
    explained = float(np.sum(problem.target * problem.cross))
    if problem.y_squared < explained * (1 - problem.dimension * EPS * problem.kappa):
        raise refuse("Problem.from_moments(y_squared=...)", f"at least tr(C Sigma^-1 C^T) = {explained:.6g}",
                     f"{problem.y_squared:.6g}", "It is E|y|^2.")


def _components(components, p: int, m: int) -> int | None:
    """The number of components to keep, None for all columns as they are."""
    narrowest = min(p, m)
    if components is None:
        if p != m:
            raise refuse(
                "Problem.from_data(x, y)", "equally wide: residual blocks are square", f"{p} columns of x, {m} of y",
                f"Keep at most {narrowest} principal components of each (components={narrowest}, "
                f"--components {narrowest}).",
            )
        return None
    return checks.whole(
        "Problem.from_data(components=...)", components, wanted=f"an integer from 1 to {narrowest}", low=1,
        high=narrowest, remedy=f"The data have {p} columns of x and {m} of y.",
    )


def _moments(samples: sources.Samples, components, watch) -> Moments:
    """Read all of them. InputError as soon as their widths are known not to do, and for no rows."""
    moments = Moments()
    with ExitStack() as threads, closing(samples.chunks()) as chunks:
        if samples.widths is not None:
            _require_widths(samples.widths, components)
        for x, y in chunks:
            if moments.widths is None:
                widths = x.shape[1], y.shape[1]
                _require_widths(widths, components)
                moments = Moments(threads.enter_context(workers(sum(widths))))
            moments.update(x, y)
            if watch is not None:
                watch(moments.seen, samples.rows)
        if moments.widths is None:
            raise refuse("Problem.from_data(x)", "at least one row", "no chunk that has one")
        moments.settle()
    return moments


def _require_widths(widths: tuple[int, int], components) -> None:
    columns = max(widths)
    if columns > WIDEST:
        wanted = f"at most {WIDEST} columns wide"
        raise refuse("Problem.from_data(x, y)", wanted, f"{columns} columns", tables.TRANSPOSE)
    _components(components, *widths)


def _bad_rows(samples: sources.Samples, seen: int, count: int, first: list[BadRow]) -> InputError:
    """The refusal of data with so many bad rows, that says where the first are."""
    listed = ", ".join(f"{samples.place(bad.side, bad.row)} ({bad.value} in column {bad.column})" for bad in first)
    more = f" and {count - len(first)} more" if count > len(first) else ""
    drop = 'Drop these rows (bad_rows="drop", --drop-bad-rows), or fill them.' if count < seen else "No row is left."
    return refuse(
        "Problem.from_data(x, y)", "finite numbers",
        f"{count} of {seen} rows with a nan or an infinity: {listed}{more}, counting from 0", drop,
    )


SecondMoments = tuple[np.ndarray, np.ndarray, np.ndarray]


def _second_moments(result: Result, centre: bool) -> tuple[SecondMoments, tuple[float, float]]:
    """E[x x^T], E[y x^T], E[y y^T] of the samples, and how far off in spectral norm the first two may be.

    InputError if they leave the range of float64.
    """
    moments = result.second_moments(centre=centre)
    errors = result.errors(centre=centre)
    if not (all(np.isfinite(moment).all() for moment in moments) and np.isfinite(errors).all()):
        raise refuse("Problem.from_data(x, y)", "of moderate size", "moments beyond float64", "Rescale the data.")
    # What may come of them by projecting on components, which multiplies by matrices of so many columns.
    width = 4 * max(len(moments[0]), len(moments[2])) * EPS
    x, y = (math.sqrt(np.trace(moment)) for moment in (moments[0], moments[2]))
    return moments, (errors[0] + width * x * x, errors[1] + width * x * y)


@one_thread
def _projected(sigma, cross, output, components: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The moments of x and y projected on their own `components` leading principal components.

    The basis of x is that of its components. The basis of y is a choice, for |W x - y| does not change when outputs are
    rotated; we take the rotation (orthogonal Procrustes) that makes E[y x^T] symmetric positive semidefinite. Then
    W* = C Sigma^{-1} has no negative eigenvalue, and training from W = I meets no singular map on the segment to W*,
    and losses do not depend on the arbitrary signs of principal components.
    """
    inputs, outputs = _leading(sigma, components), _leading(output, components)
    cross = outputs.T @ cross @ inputs
    left, _, right = np.linalg.svd(cross)
    rotation = (left @ right).T
    return inputs.T @ sigma @ inputs, rotation @ cross, rotation @ outputs.T @ output @ outputs @ rotation.T


@one_thread
def _leading(covariance: np.ndarray, components: int) -> np.ndarray:
    """The eigenvectors (p, components) of the largest eigenvalues, largest first."""
    return np.linalg.eigh(covariance)[1][:, ::-1][:, :components]
