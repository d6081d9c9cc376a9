"""Second moments of data in large files: ours beside what NumPy and scikit-learn offer.

    python -m benchmarks.moments                    up to 10 million rows of X and of Y, 64 columns each: 10 GB of disk
    python -m benchmarks.moments --rows 1000000     that many, or several numbers one after the other
    python -m benchmarks.moments --json FILE        also write the numbers there
    python -m benchmarks.moments --cold             drop the files from the page cache before each measurement

The files are made in a temporary directory (--folder: where), from a seed, and deleted at the end. Each way of
computing runs in a process of its own, twice up to a million rows, ours always; the quicker one counts. Memory is the
peak of what is resident above the interpreter with NumPy imported (and scikit-learn, for what is theirs; mapped pages
of files count). A way that would need more memory than is free is skipped, and so is IncrementalPCA above 100,000 rows.
On a machine with other work look at the seconds of CPU, and set OPENBLAS_NUM_THREADS=1 for the peers: threads of BLAS
that wait for each other may take ten times as long there. Ours are told to be one in any case.

    linres             Problem.from_data(X.npy, Y.npy)
    NumPy, loaded      np.load, x -= x.mean(axis=0), x.T @ x and so on: the arrays are in memory as a whole
    NumPy, mapped      two passes over np.load(mmap_mode="r"), in chunks: means, then products of centred chunks
    NumPy, one pass    sums of chunks and of their products, without centring: inaccurate far from zero
    IncrementalPCA     scikit-learn's partial_fit on chunks of (x, y)

The last column is how far the variance of the first column of x is off, as a share of it, where x is 1e6 deviations
from zero: by the same code on files of 100,000 rows.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np

CHUNK = 50_000
MOST_FOR_PCA = 100_000
MOST_TWICE = 1_000_000
OURS = "linres"


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
    "IncrementalPCA": incremental_pca,
}


def peak() -> float:
    """MB that were resident at most so far, of this process: getrusage tells the parent's where that was larger."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def measure(name: str, folder: Path) -> dict[str, float]:
    """Seconds, and MB above what there was before: run in a process of its own."""
    if name == "IncrementalPCA":
        import sklearn.decomposition  # noqa: F401
    before, begun, cpu = peak(), time.perf_counter(), time.process_time()
    sigma = WAYS[name](folder)
    return {
        "seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu, "mb": peak() - before,
        "variance": float(sigma[0, 0]),
    }


def measured(name: str, folder: Path, repeats: int, cold: bool) -> dict[str, float]:
    found = []
    for _ in range(repeats):
        if cold:
            forget(folder)
        command = [sys.executable, "-m", "benchmarks.moments", "--measure", name, "--folder", str(folder)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append(json.loads(done.stdout))
    return min(found, key=lambda one: one["seconds"])


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
    return name != "NumPy, loaded" or 16 * rows * columns * 1.25 < available()


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


def compare(folder: Path, rows: int, columns: int, cold: bool) -> dict:
    print(f"\n{rows:,} rows x {columns} + {columns} columns, {16 * rows * columns / 1e9:.1f} GB", flush=True)
    begun = time.perf_counter()
    make(folder, rows, columns)
    print(f"files made in {time.perf_counter() - begun:.0f} s", flush=True)
    found = {}
    for name in WAYS:
        if not fits(name, rows, columns):
            print(f"{name:<16} skipped", flush=True)
            continue
        found[name] = one = measured(name, folder, 2 if name == OURS or rows <= MOST_TWICE else 1, cold)
        away = abs(one["variance"] / found[OURS]["variance"] - 1)
        print(f"{name:<16} {one['seconds']:8.2f} s {one['cpu']:8.2f} s CPU {one['mb']:8.0f} MB   "
              f"variance off ours by {away:.0e}; far from zero wrong by {inaccuracy(name):.0e}", flush=True)
    peers = {name: one for name, one in found.items() if name != OURS}
    return {
        "size": {"rows": rows, "columns": columns, "cold": cold}, "ours": found[OURS]["seconds"],
        "peers": {name: one["seconds"] for name, one in peers.items()},
        "ratio": min(one["seconds"] for one in peers.values()) / found[OURS]["seconds"],
        "cpu": {name: one["cpu"] for name, one in found.items()},
        "mb": {name: one["mb"] for name, one in found.items()},
    }


def machine() -> str:
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "any number of")
    return f"{platform.platform()}, {os.cpu_count()} cores, {threads} threads of OpenBLAS"


def versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {
        name: version(name) for name in ("linres", "numpy", "scikit-learn", "threadpoolctl")}


def write(path: Path, words: str) -> None:
    """Replace the file at once, or not at all."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(words, encoding="utf-8")
    os.replace(beside, path)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    options.add_argument("--columns", type=int, default=64)
    options.add_argument("--json", type=Path, metavar="FILE")
    options.add_argument("--cold", action="store_true", help="drop the files from the page cache each time")
    options.add_argument("--folder", type=Path, help="where the temporary directory is made")
    options.add_argument("--measure", choices=WAYS, help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.folder)))
        return
    rows = []
    for size in arguments.rows:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            rows.append(compare(Path(folder), size, arguments.columns, arguments.cold))
    if arguments.json:
        write(arguments.json, json.dumps({"machine": machine(), "versions": versions(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
