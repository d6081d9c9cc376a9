"""The one decorator of the compiled kernels, and where their machine code is kept between runs.

Numba's own cache looks only at the file a function is written in, so an edit in a function that it calls from another
module leaves stale machine code behind. Ours lies in a directory named by a hash of every kernel source: any edit
anywhere in this folder starts a new one. Old directories are never read again, and deleting them is always safe.
"""

import contextlib
import functools
import gc
import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core import event

config: Any = numba.config  # filled when Numba is imported, so that type checkers find it empty
_njit: Any = numba.njit  # of whose options they know but some


def fingerprint(folder: Path) -> str | None:
    """A hash of Numba's version and of all Python files in the folder; None if there are none (a zipped package)."""
    sources = sorted(folder.glob("*.py"))
    if not sources:
        return None
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sources:
        content = source.read_bytes()
        digest.update(f"\0{source.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def _user_cache() -> Path | None:
    """The platform's folder for caches; None where there is no home to hold it."""
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(chosen):  # the XDG specification has relative paths ignored
        return Path(chosen)
    if sys.platform == "win32" and os.environ.get("LOCALAPPDATA"):
        return Path(os.environ["LOCALAPPDATA"])
    home = Path(os.path.expanduser("~"))
    if not home.is_absolute():  # expanduser leaves "~" when the user is unknown, as in some containers
        return None
    return home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"


def _writable(directory: Path) -> bool:
    """Make the directory; whether it can be written to. Permission bits do not tell (root, read-only mounts): try."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError:
        return False
    return True


@functools.cache
def cache_directory() -> Path | None:
    """`linres/<fingerprint>` in NUMBA_CACHE_DIR or else in the user's cache; None if it cannot be written to."""
    base = Path(config.CACHE_DIR) if config.CACHE_DIR else _user_cache()
    name = fingerprint(Path(__file__).parent)
    if base is None or name is None:
        return None
    directory = base / "linres" / name
    return directory if _writable(directory) else None


@contextlib.contextmanager
def _numba_caches_in(directory: Path | None):
    """Numba picks a function's cache once, when it decorates it: for that long, and for us alone, it is ours."""
    previous = config.CACHE_DIR
    config.CACHE_DIR = str(directory or "")
    try:
        yield
    finally:
        config.CACHE_DIR = previous


class _Uncollected(event.Listener):
    """Python's collector rests while a kernel is compiled: what compiling makes is kept, and the collector goes through
    all of it again and again, for a tenth of the time."""

    def __init__(self):
        self.within, self.rests = 0, False

    def on_start(self, event):
        if _is_kernel(event):
            self.rests = self.rests if self.within else gc.isenabled()
            self.within += 1
            gc.disable()

    def on_end(self, event):
        if _is_kernel(event):
            self.within -= 1
            if self.rests and not self.within:
                gc.enable()


def _is_kernel(event) -> bool:
    return event.data["dispatcher"].py_func.__module__.startswith(f"{__package__}.")


event.register("numba:compile", _Uncollected())


def compiled(function=None, *, nogil: bool = False, inline: bool = False):
    """The function compiled by Numba when first called: `@compiled`, or with options `@compiled(nogil=True)`.

    nogil: calls from Python run without the interpreter's lock, so that threads run side by side.
    inline: its code becomes its callers', and is not compiled by itself. Every function on the way down to another is
    else optimised with all that it calls, once more at each level: what is called in one or two places is best inline.
    What C would call is left out: nothing here is called so. Without a writable cache directory it is compiled anew in
    each process. Division by zero gives inf or nan, as in NumPy; no fastmath, since that would drop nans and reorder
    sums. NUMBA_DISABLE_JIT=1 returns the function itself.
    """
    if function is None:
        return functools.partial(compiled, nogil=nogil, inline=inline)
    directory = None if config.DISABLE_JIT else cache_directory()
    with _numba_caches_in(directory):
        return _njit(
            function, cache=directory is not None, nogil=nogil, error_model="numpy",
            inline="always" if inline else "never", no_cfunc_wrapper=True,
        )


def as_arrays(*values):
    """The values as writable C-contiguous float64 arrays, copied only if need be: a kernel then compiles just once."""
    return [np.require(value, np.float64, ["C", "W"]) for value in values]
