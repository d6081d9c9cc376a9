"""Second moments of data in large files: ours beside what NumPy and scikit-learn offer.

    python -m benchmarks.moments                    up to 10 million rows of X and of Y, 64 columns each: 10 GB of disk
    python -m benchmarks.moments --sizes 1000000    that many rows, or several numbers one after the other
    python -m benchmarks.moments --json FILE        also write the numbers there
    python -m benchmarks.moments --cold             drop the files from the page cache before each measurement
    python -m benchmarks.moments --jobs 1           one core, and one thread of BLAS

The files are made in a temporary directory (--folder: where), from a seed, and deleted at the end. Each way of
computing runs in a process of its own, in turns; the medians of the rounds count, above a million rows one round of the
peers. Memory is the peak of what is resident above the interpreter with NumPy and what the way imports; mapped pages of
files count. A way that would need more memory than is free is skipped, and so is
IncrementalPCA above 100,000 rows.
On a machine with other work look at the seconds of CPU (--clock cpu) with --jobs 1: threads of BLAS that wait for each
other may take ten times as long there.

    linres               Problem.from_data(X.npy, Y.npy)
    NumPy, loaded        np.load, x -= x.mean(axis=0), x.T @ x and so on: the arrays are in memory as a whole
    NumPy, mapped        two passes over np.load(mmap_mode="r"), in chunks: means, then products of centred chunks
    NumPy, one pass      sums of chunks and of their products, without centring: inaccurate far from zero
    EmpiricalCovariance  scikit-learn's, without the inverse, of (x, y) loaded: a copy of both, and np.cov inside
    IncrementalPCA       scikit-learn's partial_fit on chunks of (x, y): the one estimator of it that streams a
                         covariance, by a singular value decomposition of each chunk

Wrong far from zero: how far the variance of the first column of x is off, as a share of it, where x is 1e6 deviations
from zero, by the same code on files of 100,000 rows.
"""

import argparse
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import frame

CHUNK = 50_000
MOST_FOR_PCA = 100_000
MOST_REPEATED = 1_000_000
OURS = frame.OURS


def files(folder: Path) -> tuple[str, str]:
    return str(folder / "X.npy"), str(folder / "Y.npy")


def make(folder: Path, rows: int, columns: int, offset: float = 0.0) -> None:
    """X of correlated normals, Y a linear map of them and noise, written chunk by chunk."""
    rng = np.random.default_rng(0)
    mixing, target = (np.eye(columns) + rng.standard_normal((columns, columns)) / 10 for _ in range(2))
    head = {"descr": "<f8", "fortran_order": False, "shape": (rows, columns)}
    with open(folder / "X.npy", "wb") as x_file, open(folder / "Y.npy", "wb") as y_file:
        for file in (x_file, y_file):
            np.lib.format.write_array_header_1_0(file, head)
        for first in range(0, rows, CHUNK):
            x = rng.standard_normal((min(CHUNK, rows - first), columns), dtype=np.float32) @ mixing
            x.tofile(x_file)
            (x @ target + 1).tofile(y_file)
        for file in (x_file, y_file):
            file.flush()
            os.fsync(file.fileno())


def chunks(folder: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    x, y = (np.load(path, mmap_mode="r") for path in files(folder))
    for first in range(0, len(x), CHUNK):
        yield x[first : first + CHUNK], y[first : first + CHUNK]


def ours(folder: Path) -> np.ndarray:
    from linres.problem import Problem

    return Problem.from_data(*files(folder)).sigma


def loaded(folder: Path) -> np.ndarray:
    x, y = map(np.load, files(folder))
    x -= x.mean(axis=0)
    y -= y.mean(axis=0)
    sigma, _, _ = x.T @ x / len(x), y.T @ x / len(x), y.T @ y / len(x)
    return sigma


def mapped(folder: Path) -> np.ndarray:
    n, x_sum, y_sum = 0, 0, 0
    for x, y in chunks(folder):
        n, x_sum, y_sum = n + len(x), x_sum + x.sum(axis=0), y_sum + y.sum(axis=0)
    sums = [0, 0, 0]
    for x, y in chunks(folder):
        a, b = x - x_sum / n, y - y_sum / n
        sums = [total + product for total, product in zip(sums, (a.T @ a, b.T @ a, b.T @ b), strict=True)]
    return sums[0] / n


def one_pass(folder: Path) -> np.ndarray:
    sums, n = [0, 0, 0, 0, 0], 0
    for x, y in chunks(folder):
        parts = x.sum(axis=0), y.sum(axis=0), x.T @ x, y.T @ x, y.T @ y
        sums = [total + part for total, part in zip(sums, parts, strict=True)]
        n += len(x)
    return sums[2] / n - np.outer(sums[0], sums[0]) / n**2


def empirical_covariance(folder: Path) -> np.ndarray:
    from sklearn.covariance import EmpiricalCovariance

    joined = np.hstack([np.load(path) for path in files(folder)])
    found = EmpiricalCovariance(store_precision=False).fit(joined).covariance_
    return found[: joined.shape[1] // 2, : joined.shape[1] // 2]


def incremental_pca(folder: Path) -> np.ndarray:
    from sklearn.decomposition import IncrementalPCA

    model = IncrementalPCA()
    for x, y in chunks(folder):
        if len(x) >= x.shape[1] + y.shape[1]:
            model.partial_fit(np.hstack([x, y]), check_input=False)
    n, p = int(model.n_samples_seen_), model.components_.shape[1] // 2
    return (model.get_covariance() * (n - 1) / n)[:p, :p]


WAYS: dict[str, Callable[[Path], np.ndarray]] = {
    OURS: ours, "NumPy, loaded": loaded, "NumPy, mapped": mapped, "NumPy, one pass": one_pass,
    "EmpiricalCovariance": empirical_covariance, "IncrementalPCA": incremental_pca,
}
IMPORTED = {
    OURS: ("linres.problem",), "EmpiricalCovariance": ("sklearn.covariance",),
    "IncrementalPCA": ("sklearn.decomposition",),
}
COPIES = {"NumPy, loaded": 1.25, "EmpiricalCovariance": 3.5}  # of the data, that are in memory at once


def peak() -> float:
    """MB that were resident at most so far, of this process: getrusage tells the parent's where that was larger."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def measure(name: str, folder: Path) -> dict[str, float]:
    """Seconds, and MB above what there was before: run in a process of its own."""
    for module in IMPORTED.get(name, ()):
        importlib.import_module(module)
    before, begun, cpu = peak(), time.perf_counter(), time.process_time()
    sigma = WAYS[name](folder)
    return {
        "seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu, "mb": peak() - before,
        "variance": float(sigma[0, 0]),
    }


def measured(name: str, folder: Path, cold: bool) -> dict[str, float]:
    """`measure`, in a process of its own."""
    if cold:
        forget(folder)
    command = [sys.executable, "-m", "benchmarks.moments", "--measure", name, "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def forget(folder: Path) -> None:
    """Drop the files from the page cache."""
    for path in files(folder):
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def available() -> float:
    """Bytes of memory that are free for use."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))


def fits(name: str, rows: int, columns: int) -> bool:
    if name == "IncrementalPCA":
        return rows <= MOST_FOR_PCA
    return 16 * rows * columns * COPIES.get(name, 0) < available()


def inaccuracy(name: str) -> float:
    """Of the first variance, where the data are 1e6 deviations from zero."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        rng = np.random.default_rng(1)
        x = rng.standard_normal((100_000, 4)) + 1e6
        for path in files(folder):
            np.save(path, x)
        wanted = np.var(x[:, 0].astype(np.longdouble))
        return float(abs(WAYS[name](folder)[0, 0] - wanted) / wanted)


def compare(folder: Path, rows: int, columns: int, repeats: int, cold: bool, clock: str = "wall") -> dict[str, Any]:
    """A row of results, on files that it makes in the folder."""
    make(folder, rows, columns)
    names = [name for name in WAYS if fits(name, rows, columns)]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for turn in range(repeats):
        for name in names if turn == 0 or rows <= MOST_REPEATED else [OURS]:
            found[name].append(measured(name, folder, cold))

    def medians(key: str) -> dict[str, float]:
        return {name: statistics.median(one[key] for one in each) for name, each in found.items()}

    seconds = medians({"wall": "seconds", "cpu": "cpu"}[clock])
    variances, memory = medians("variance"), medians("mb")
    return frame.row(
        f"{rows:,} x ({columns} + {columns})", seconds, rows=rows, columns=columns, cold=cold,
        gb_per_s=16 * rows * columns / seconds[OURS] / 1e9, mb_ours=round(memory[OURS]),
        mb_least_of_peers=round(min(each for name, each in memory.items() if name != OURS)),
        cpu=medians("cpu"), mb=memory,
        off_ours={name: abs(one / variances[OURS] - 1) for name, one in variances.items()},
        wrong_far_from_zero={name: inaccuracy(name) for name in names},
    )


def shown(row: dict[str, Any]) -> str:
    """A line for each way."""
    lines = [f"\n{row['size']}, {16 * row['rows'] * row['columns'] / 1e9:.1f} GB"]
    for name, seconds in ({OURS: row["ours"]} | row["peers"]).items():
        lines.append(
            f"{name:<20} {seconds:8.3f} s {row['cpu'][name]:8.3f} s CPU {row['mb'][name]:8.0f} MB   variance off ours "
            f"by {row['off_ours'][name]:.0e}; far from zero wrong by {row['wrong_far_from_zero'][name]:.0e}"
        )
    return "\n".join(lines + [f"{name:<20}  skipped" for name in WAYS if name not in row["cpu"]])


def main(arguments: Sequence[str] | None = None) -> None:
    options = frame.parser(__doc__, sizes=[100_000, 1_000_000, 10_000_000], kind=int, metavar="ROWS", repeats=3)
    options.add_argument("--columns", type=int, default=64, help="of X, and of Y")
    options.add_argument("--cold", action="store_true", help="drop the files from the page cache each time")
    options.add_argument("--folder", type=Path, help="where the temporary directory is made")
    options.add_argument("--measure", choices=WAYS, help=argparse.SUPPRESS)
    given = options.parse_args(arguments)
    if given.measure:
        print(json.dumps(measure(given.measure, given.folder)))
        return
    rows = []
    with frame.on(given.jobs):
        for size in given.sizes:
            with tempfile.TemporaryDirectory(dir=given.folder) as folder:
                rows.append(compare(Path(folder), size, given.columns, given.repeats, given.cold, given.clock))
            print(shown(rows[-1]), flush=True)
    if given.json:
        frame.write(given.json, rows, ["scikit-learn", "threadpoolctl"], jobs=given.jobs, clock=given.clock)


if __name__ == "__main__":
    main()
