"""Theorems verified in several processes: each is decided as it is alone."""

import multiprocessing
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import redirect_stdout
from typing import Any

from linres.loading import pick
from linres.rungs import verify as climb
from linres.theorem import Verdict


def verify(
    names: Sequence[str], files: Sequence[str], jobs: int, progress: Callable[[str], None], settings: dict[str, Any]
) -> list[Verdict]:
    """The verdicts on the theorems that `linres.loading.pick` finds, in its order; settings are those of `climb`.

    With more than one job, files are run again in each process, and progress(line) is told of every theorem when it is
    done, else of every rung. InputError as `pick` says.
    """
    theorems = pick(names, files)
    jobs = min(jobs, len(theorems))
    if jobs < 2:
        return [climb(theorem, progress=progress, **settings) for theorem in theorems]
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _prepare)
    try:
        done = [pool.submit(_climb, theorem.name, files, settings) for theorem in theorems]
        return _awaited(done, progress)
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()  # what is still being decided would be waited for
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _awaited(done: list[Future], progress: Callable[[str], None]) -> list[Verdict]:
    for future in as_completed(done):
        verdict = future.result()
        progress(f"{verdict.name}: {verdict.verdict}")
    return [future.result() for future in done]


def _prepare() -> None:
    """In a process: Ctrl-C is the parent's, and a core is enough for its BLAS."""
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)


def _climb(name: str, files: Sequence[str], settings: dict[str, Any]) -> Verdict:
    with redirect_stdout(sys.stderr):  # what a user's file prints, it has printed where it was run first
        (theorem,) = pick([name], files)
    return climb(theorem, **settings)
