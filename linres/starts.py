"""Where training starts: W_0, the network before the first block."""

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from linres import checks
from linres.errors import InputError, kind_of, nearest, refuse
from linres.methods import nesterov, stacking
from linres.problem import TINY, Problem
from linres.tables import CORRUPT, require_regular

FRACTION = 0.5
STREAM = 1  # keeps the normals drawn here apart from those of the embedded data's noise, of the same seed


def near(problem: Problem, *, fraction=FRACTION, seed=0) -> np.ndarray:
    """A random W_0 whose potential is a given share of the basin of stacking.

    W_0 = W* + a random multiple of a Gaussian matrix, such that Phi_0 = fraction * basin(q) mu sigma_min^2.

    Parameters
    ----------
    problem : Problem
        The problem, with an invertible W*.
    fraction : float, default 0.5
        The share, > 0: at most 1 is inside the basin of the theorem stacking-acceleration, above 1 outside.
    seed : int, default 0
        Chooses the direction, from 0 to 2^32 - 1.

    Returns
    -------
    (d, d) ndarray
        W_0.

    Raises
    ------
    InputError
        For a bad fraction or seed, when W* is singular, for its basin is empty, and when Phi_0 leaves the range of
        float64.

    Examples
    --------
    >>> import linres
    >>> problem = linres.Problem.from_spectrum([1, 2, 4])
    >>> run = linres.grow(problem, stages=40, start=linres.starts.near(problem, fraction=0.5))
    >>> round(linres.guarantee.of(problem, run).basin.ratio, 6)
    0.5
    """
    if not isinstance(problem, Problem):
        raise refuse("near(problem)", "a Problem", kind_of(problem))
    fraction = checks.number("near(fraction=...)", fraction, wanted="a number > 0", holds=lambda v: v > 0)
    seed = checks.seed("near", seed)
    if problem.target_invertible is False:
        raise refuse(
            "near(problem)", "around an invertible W*", f"sigma_min(W*) = {problem.sigma_min:.3g}",
            problem.singular_target_remedy,
        )
    # RandomState: NumPy has frozen its stream.
    direction = np.random.RandomState([seed, STREAM]).standard_normal((problem.dimension, problem.dimension))
    direction *= problem.sigma_min
    asked = fraction * stacking.basin(problem.q) * problem.mu * problem.sigma_min**2
    potential = nesterov.potential_at_rest(problem, problem.target + direction)
    if not (TINY <= asked < math.inf and TINY <= potential < math.inf):
        raise refuse("near(problem)", "of moderate size", f"Phi_0 = {asked:.3g} to start at", "Rescale the data.")
    return problem.target + math.sqrt(asked / potential) * direction


def choose(text: str, *, seed: int, others: Sequence[str] = ()) -> Callable[[Problem], np.ndarray | None]:
    """What --start of the command line asks for.

    Parameters
    ----------
    text : str
        "identity", "near", "near:R" with a number R, the fraction, or the path of a .npy file, which is read at once.
    seed : int
        Of `near`.
    others : sequence of str, optional
        Words that the error names as well.

    Returns
    -------
    callable
        Problem -> W_0 (d, d), or None for "identity", which the solvers take by default.

    Raises
    ------
    InputError
        For anything else, and for a file that holds no array.

    Examples
    --------
    >>> import linres
    >>> problem = linres.Problem.from_spectrum([1, 4])
    >>> linres.starts.choose("near:0.25", seed=0)(problem).shape
    (2, 2)
    """
    name, colon, number = text.partition(":")
    if text == "identity":
        return lambda problem: None
    if name == "near":
        fraction = _number(text, number, others) if colon else FRACTION
        return lambda problem: near(problem, fraction=fraction, seed=seed)
    if text.lower().endswith(".npy"):
        network = _read(text)
        return lambda problem: network
    raise _malformed(text, others)


def _number(text: str, number: str, others: Sequence[str]) -> float:
    try:
        return float(number)
    except ValueError:
        raise _malformed(text, others) from None


def _malformed(text: str, others: Sequence[str]) -> InputError:
    words = dict.fromkeys(("identity", "near", *others))
    remedy = "" if ":" in text else nearest(text, words) or ("Or take --method zero." if text == "zero" else "")
    return refuse("--start", f"{', '.join(words)}, near:R with a number R, or FILE.npy", repr(text), remedy)


def _read(path: str) -> np.ndarray:
    """The array in a .npy file; arrays of Python objects are refused, never unpickled."""
    try:
        require_regular(path)
        with open(path, "rb") as file, warnings.catch_warnings(action="ignore"):  # NumPy warns of odd headers
            return _array(path, file)
    except OSError as error:
        raise InputError(f"--start {path!r} cannot be read: {error.strerror or error}.") from None


def _array(path: str, file) -> np.ndarray:
    try:
        return np.lib.format.read_array(file, allow_pickle=False)
    except MemoryError:
        raise InputError(f"--start {path!r} is larger than memory.") from None
    except CORRUPT:
        advice = "Write it by np.save(path, w), w a d x d array of numbers."
        raise InputError(f"--start {path!r} is not a readable .npy file. {advice}") from None
