"""Where problems come from: the embedded tasks, a .npz file, or a pair of .npy or .csv files."""

import os

from linres import checks
from linres.data import digits
from linres.errors import InputError, nearest, refuse
from linres.problem import Problem

EMBEDDED = ("digits", "digits-raw")


def load(*sources, components=None, ridge=0.0, seed=0, bad_rows="refuse", watch=None) -> Problem:
    """The problem in some files, or an embedded one.

    Samples are rows; data are centred, and read once in little memory.

    Parameters
    ----------
    *sources : str or path-like
        An embedded name ("digits" or "digits-raw"), one .npz file with arrays X and Y, or two .npy or .csv files, X
        then Y.
    components : int, optional
        Keep so many leading principal components of each side; for "digits" 10 unless told.
    ridge : float, default 0
        Added to the diagonal of Sigma, >= 0.
    seed : int, default 0
        Draws the noise of the embedded tasks, from 0 to 2^32 - 1.
    bad_rows : {"refuse", "drop"}
        What to do with rows that have a nan, an infinity or an empty cell, as `Problem.from_data` says.
    watch : callable, optional
        watch(rows_done, rows_total or None), called after each chunk.

    Returns
    -------
    Problem
        The problem.

    Raises
    ------
    InputError
        One line, for anything that cannot be read as numbers.

    Examples
    --------
    >>> import linres
    >>> linres.data.load("digits")
    <Problem digits: d = 10, 1797 samples, kappa = 14.92>
    """
    paths = [checks.path("load(*sources)", source) for source in sources]
    seed = checks.seed("load", seed)
    checks.word("load(bad_rows=...)", bad_rows, ("refuse", "drop"))
    if len(paths) == 1 and paths[0] in EMBEDDED:
        return digits.problem(paths[0], components=components, ridge=ridge, seed=seed)
    _require_data(paths)
    return Problem.from_data(
        *paths, components=components, ridge=ridge, name=" + ".join(paths), bad_rows=bad_rows, watch=watch
    )


def _require_data(paths: list[str]) -> None:
    """InputError unless their names are those of a .npz file, or of a table for X and one for Y."""
    suffixes = [os.path.splitext(path)[1].lower() for path in paths]
    tables = [suffix for suffix in suffixes if suffix in (".npy", ".csv")]
    if suffixes == [".npz"] or (len(tables) == len(suffixes) == 2):
        return
    if len(tables) == len(suffixes) == 1:
        raise refuse("DATA", f"two {suffixes[0]} files, X and then Y", f"only {paths[0]!r}")
    if len(paths) == 1 and not os.path.exists(paths[0]) and not suffixes[0]:
        advice = f"{nearest(paths[0], EMBEDDED)} There are: {', '.join(EMBEDDED)}.".strip()
        raise InputError(f"no embedded data are called {paths[0]!r}. {advice}")
    raise refuse(
        "DATA", f"{' or '.join(EMBEDDED)}, one .npz file, or two .npy or .csv files",
        " ".join(map(repr, paths)) or "nothing",
    )
