"""Where problems come from: the embedded tasks, a .npz file, or a pair of .csv files."""

import os

from linres import checks
from linres.data import digits, files
from linres.errors import InputError, refuse
from linres.problem import Problem

EMBEDDED = ("digits", "digits-raw")


def load(*sources, components=None, ridge=0.0, seed=0) -> Problem:
    """The problem in `sources`: an embedded name, one .npz with arrays X and Y, or two .csv files, X then Y.

    Samples are rows; data are centred. components=K keeps the K leading principal components of each side (for
    `digits`, 10 unless told); ridge is added to the diagonal of Sigma; seed draws the noise of the embedded tasks.
    InputError, one line, for anything that cannot be read as numbers.
    """
    paths = [os.fspath(source) for source in sources]
    seed = checks.whole("load(seed=...)", seed, wanted="an integer from 0 to 2^32 - 1", low=0, high=2**32 - 1)
    if len(paths) == 1 and paths[0] in EMBEDDED:
        return digits.problem(paths[0], components=components, ridge=ridge, seed=seed)
    x, y = _read(paths)
    return Problem.from_data(x, y, components=components, ridge=ridge, name=" + ".join(paths))


def _read(paths: list[str]):
    suffixes = [os.path.splitext(path)[1].lower() for path in paths]
    if suffixes == [".npz"]:
        return files.read_npz(paths[0])
    if suffixes == [".csv", ".csv"]:
        return files.read_csv(paths[0]), files.read_csv(paths[1])
    if suffixes == [".csv"]:
        raise refuse("DATA", "two .csv files, X and then Y", f"only {paths[0]!r}")
    if len(paths) == 1 and not os.path.exists(paths[0]) and not suffixes[0]:
        raise InputError(f"no embedded data are called {paths[0]!r}. There are: {', '.join(EMBEDDED)}.")
    raise refuse(
        "DATA", f"{' or '.join(EMBEDDED)}, one .npz file, or two .csv files", " ".join(map(repr, paths)) or "nothing"
    )
