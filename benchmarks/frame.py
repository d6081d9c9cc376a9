"""What the benchmarks share: how many cores, whose time when, and what is printed and written.

    parser(__doc__, sizes=...)   the options of every script: --sizes, --json, --jobs, --repeats, --clock
    on(jobs)                     a context: pinned to so many cores, and as many threads in every library
    interleaved(callables)       the median seconds of each, taken in turns
    row, table, write            a row of results, the printed table, the JSON

Everything compared runs in one process, on the same cores, on the same inputs, and in turns: what else the machine
does then slows all of it alike. What compiles is compiled in the warm-up.
"""

import argparse
import contextlib
import gc
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from linres.writing import whole

OURS = "linres"
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
LEAST = 2e-3  # seconds that one measurement lasts at least: shorter calls are repeated in it
# On several cores: seconds between turns, since threads of a library spin for a while when its work is done; seconds of
# calls before a turn, since a system may keep threads on one core until they have been busy for a while; and seconds
# that a turn lasts at least, since even then it may move them for a moment.
REST, AWAKE, LEAST_SPREAD = 0.05, 0.1, 0.03
LONG, BEHIND = 0.5, 1.5  # a peer that takes so many seconds, and so many times those of the quickest, is timed once
ENOUGH, FEWEST = 6.0, 3  # seconds that the peers' rounds may take together, and rounds that there are at least
_TASKS = Path("/proc/self/task")

# ------------------------------------------------------------------------------------------------- machine and versions


def machine() -> dict[str, Any]:
    """The processor's name, the cores that this process may use, the vector instructions, the system."""
    return {"processor": _processor(), "cores": len(_cores()), "simd": _simd(), "system": platform.platform(terse=True)}


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _simd() -> str:
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    known = {"avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX", "sse2": "SSE2", "sve": "SVE", "neon": "NEON"}
    return next((name for feature, name in known.items() if features.get(feature)), "none known")


def versions(names: Sequence[str] = ()) -> dict[str, str]:
    """Of Python, of what linres computes with and of the other distributions named, as far as installed."""
    found = {"python": platform.python_version()}
    for name in dict.fromkeys((OURS, "numpy", "scipy", "numba", "llvmlite", *names)):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def there(name: str) -> bool:
    """Whether the module can be imported: peers of the extra `bench` may be missing."""
    return find_spec(name) is not None


# ---------------------------------------------------------------------------------------------------- cores and threads


def _cores() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _pin(cores: set[int]) -> None:
    """Every thread of the process: those of a BLAS were started when NumPy was imported. Linux only."""
    if not hasattr(os, "sched_setaffinity"):
        return
    threads = [int(task.name) for task in _TASKS.iterdir()] if _TASKS.exists() else [0]
    for thread in threads:
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.sched_setaffinity(thread, cores)


@contextlib.contextmanager
def on(jobs: int) -> Iterator[int]:
    """Pinned to the first `jobs` of the process's cores, with as many threads in BLAS, Numba and PyTorch; yields jobs.

    JAX makes its threads when it is first imported, one for each core it sees: import it inside, once for a process.
    SystemExit if there are not so many cores.
    """
    import numba
    from threadpoolctl import threadpool_limits

    before = _cores()
    if not 1 <= jobs <= len(before):
        raise SystemExit(f"--jobs should be from 1 to {len(before)}, the cores of this process, got {jobs}")
    numba_before, torch = numba.get_num_threads(), sys.modules.get("torch")
    torch_before = torch.get_num_threads() if torch else 0
    _pin(set(sorted(before)[:jobs]))
    numba.set_num_threads(min(jobs, numba_before))
    if torch:
        torch.set_num_threads(jobs)
    try:
        with threadpool_limits(jobs):
            yield jobs
    finally:
        _pin(before)
        numba.set_num_threads(numba_before)
        if torch:
            torch.set_num_threads(torch_before)


# ----------------------------------------------------------------------------------------------------------------- time


def interleaved(
    callables: Mapping[str, Callable[[], object]], repeats: int = 7, *, clock: str = "wall", least: float = LEAST,
    warm: bool = False, rest: float = 0.0,
) -> dict[str, float]:
    """The median seconds of one call of each, by name.

    Each is called once to warm up, which compiles it, unless it is `warm`. Then come `repeats` rounds; in each, every
    callable has its turn, and the next round begins one further on. A turn lasts `least` seconds: short calls are
    repeated, as often as the first round finds necessary. The garbage collector waits. With `rest`, a turn begins
    after so many seconds without a call, and AWAKE ones of calls. clock: a key of CLOCKS; "cpu"
    counts the seconds of all threads.
    """
    now, names = CLOCKS[clock], list(callables)
    for name in names[: 0 if warm else None]:
        callables[name]()
    collecting = gc.isenabled()
    gc.disable()
    try:
        counts, times = {}, {}
        for name in names:
            _rested(callables[name], rest)
            counts[name], first = _counted(callables[name], least, now)
            times[name] = [first]
        for turn in range(1, repeats):
            for name in names[turn % len(names):] + names[: turn % len(names)]:
                _rested(callables[name], rest if times[name][0] < LONG else 0.0)
                times[name].append(_timed(callables[name], counts[name], now))
    finally:
        if collecting:
            gc.enable()
    return {name: statistics.median(each) for name, each in times.items()}


def _rested(call: Callable[[], object], rest: float) -> None:
    """Cores that have nothing left to do but the call, and are awake."""
    if rest:
        time.sleep(rest)
        begun = time.perf_counter()
        call()
        while time.perf_counter() - begun < AWAKE:
            call()


def turns() -> dict[str, float]:
    """How `interleaved` takes turns on the cores of this process: the arguments `least` and `rest`."""
    return {"least": LEAST_SPREAD, "rest": REST} if len(_cores()) > 1 else {"least": LEAST, "rest": 0.0}


def raced(
    first: Mapping[str, float], callables: Mapping[str, Callable[[], object]], repeats: int, *, clock: str = "wall"
) -> tuple[dict[str, float], dict[str, int]]:
    """`interleaved` with no more rounds than it takes to tell who is the quickest: medians, and of how many, by name.

    first: the seconds of a call of each that is over. A peer that was far behind the quickest one is not called again,
    and the rest have the fewer rounds the longer they take: see LONG, BEHIND, ENOUGH and FEWEST.
    """
    peers = {name: took for name, took in first.items() if name != OURS}
    far = {name for name, took in peers.items() if took > max(LONG, BEHIND * min(peers.values()))}
    lasting = sum(took for name, took in peers.items() if name not in far)
    rounds = min(repeats, max(FEWEST, int(ENOUGH / lasting))) if lasting else repeats
    near = {name: call for name, call in callables.items() if name not in far}
    seconds = interleaved(near, rounds, clock=clock, warm=True, **turns())
    return {name: seconds.get(name, first[name]) for name in callables}, {
        name: 1 if name in far else rounds for name in callables}


def once(call: Callable[[], Any], clock: str = "wall") -> tuple[Any, float]:
    """What the call returns, and its seconds."""
    begun = CLOCKS[clock]()
    found = call()
    return found, CLOCKS[clock]() - begun


def _timed(call: Callable[[], object], count: int, now: Callable[[], float]) -> float:
    """Seconds of one of so many calls."""
    begun = now()
    for _ in range(count):
        call()
    return (now() - begun) / count


def _counted(call: Callable[[], object], least: float, now: Callable[[], float]) -> tuple[int, float]:
    """How many calls last that long on the wall, and the seconds of one of them."""
    count = 1
    while True:
        begun = time.perf_counter()
        took = _timed(call, count, now)
        lasted = time.perf_counter() - begun
        if lasted >= least / 2:
            return count, took
        count *= max(2, min(10, int(least / max(lasted, 1e-9))))


# -------------------------------------------------------------------------------------------------------------- results


def row(
    size: str, seconds: Mapping[str, float], *, flops: float | None = None, peak: float | None = None, **others: Any
) -> dict[str, Any]:
    """A row of results from seconds by name, ours under `OURS`.

    ratio: the quickest peer's seconds over ours, None without peers. gflops: our billions of operations a second, of
    `flops`, the least that the job takes; peak_share: of `peak` such a second. others: further columns.
    """
    ours, peers = seconds[OURS], {name: took for name, took in seconds.items() if name != OURS}
    rate = flops / ours / 1e9 if flops else None
    return {
        "size": size, "ours": ours, "peers": peers, "ratio": min(peers.values()) / ours if peers else None,
        "gflops": rate, "peak_share": rate / peak if rate and peak else None,
    } | others


def table(rows: Sequence[Mapping[str, Any]], *, markdown: bool = False) -> str:
    """The rows in columns, of which empty ones are left out: size, ours, each peer, ratio, and what else they hold."""
    peers = list(dict.fromkeys(name for one in rows for name in one["peers"]))
    others = [key for key in dict.fromkeys(key for one in rows for key in one) if key not in ("size", "ours", "peers")]
    columns: dict[str, list[str]] = {"size": [str(one["size"]) for one in rows]}
    columns[OURS] = [_seconds(one["ours"]) for one in rows]
    for name in peers:
        columns[name] = [_seconds(one["peers"].get(name)) for one in rows]
    for key in others:
        columns[key.replace("_", " ")] = [_shown(key, one.get(key)) for one in rows]
    kept = {name: cells for name, cells in columns.items() if any(cells)}
    return _markdown(kept) if markdown else _aligned(kept)


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def _shown(key: str, value: Any) -> str:
    if value is None or isinstance(value, (Mapping, list)):  # kept in the JSON only
        return ""
    if key in ("goal", "bound"):
        return _seconds(value)
    if key.endswith("share") or key == "of_bound":
        return f"{100 * value:.0f} %"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _aligned(columns: Mapping[str, Sequence[str]]) -> str:
    widths = {name: max(len(name), *map(len, cells)) for name, cells in columns.items()}
    lines = [{name: name for name in columns}]
    lines += [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    first = next(iter(columns))
    return "\n".join(
        "  ".join(line[name].ljust(widths[name]) if name == first else line[name].rjust(widths[name]) for name in line)
        for line in lines
    )


def _markdown(columns: Mapping[str, Sequence[str]]) -> str:
    lines = [list(columns), ["---", *["---:"] * (len(columns) - 1)], *map(list, zip(*columns.values(), strict=True))]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(path: Path | str, rows: Sequence[Mapping[str, Any]], names: Sequence[str] = (), **others: Any) -> None:
    """The JSON of a run, replaced as a whole: machine, versions with those of the names, rows, and `others`.

    InputError if it cannot be written.
    """
    results = {"machine": machine(), "versions": versions(names), **others, "rows": list(rows)}
    with whole(str(path), "x", str(path), encoding="utf-8") as file:
        file.write(json.dumps(results, indent=1) + "\n")


# -------------------------------------------------------------------------------------------------------------- options


def parser(
    description: str | None, *, sizes: Sequence[Any], kind: Callable[[str], Any] = str, metavar: str = "SIZE",
    choices: Sequence[Any] | None = None, repeats: int = 7,
) -> argparse.ArgumentParser:
    """The options that every script has; sizes: what --sizes is by default, kind: what reads one, choices: of them."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", nargs="+", type=kind, default=list(sizes), choices=choices,
                         metavar=None if choices else metavar, help=f"by default {' '.join(map(str, sizes))}")
    options.add_argument("--json", metavar="FILE", type=Path, help="write the results there as well")
    options.add_argument("--jobs", metavar="N", type=int, default=len(_cores()),
                         help="cores to be pinned to, and threads of every library (default: all)")
    options.add_argument("--repeats", metavar="N", type=_positive, default=repeats,
                         help="rounds of which the medians are taken (default: %(default)s)")
    options.add_argument("--clock", choices=CLOCKS, default="wall",
                         help="cpu: seconds of processor time, for a machine that does other work too")
    return options


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"should be at least 1, got {value}")
    return value
