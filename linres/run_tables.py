"""Runs as tables: data frames, .csv files that can be put under each other, .npz files that hold all of a run."""

import csv
import json
import os
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from linres import __version__, checks, quantities, writing
from linres.errors import InputError, refuse
from linres.methods.block_starts import METHODS
from linres.tables import CORRUPT, require_regular
from linres.trajectory import Trajectory

SUFFIXES = (".csv", ".npz")
_RUN = ("method", "rule", "settings", "status", "stage", "reason", "rate_sharp", "floor")  # of a .npz, beside arrays
_ARRAYS = ("loss", "excess_loss", "first", "network")


def columns(trajectory: Trajectory) -> dict[str, np.ndarray]:
    """What varies, by name: stage 0..T, loss, excess_loss, then the quantities in their order, (T + 1,) each."""
    measured = {name: getattr(trajectory, name) for name in ("loss", "excess_loss", *quantities.NAMES)}
    return {"stage": np.arange(len(trajectory.loss)), **measured}


def constants(trajectory: Trajectory) -> dict[str, Any]:
    """What is one for the whole run, by name; no name is that of a column."""
    return {
        "problem": None if trajectory.problem is None else trajectory.problem.name,
        "method": trajectory.method, "rule": trajectory.rule, **trajectory.settings, "status": trajectory.status,
        "status_stage": trajectory.stage, "reason": trajectory.reason, "rate_sharp": trajectory.rate_sharp,
        "floor": trajectory.floor, "linres": __version__,
    }


def frame(trajectory: Trajectory):
    """The pandas.DataFrame of `columns`, with `constants` as its attrs."""
    try:
        import pandas
    except ImportError:
        raise InputError("Trajectory.to_frame() needs pandas. Install it: pip install '.[frames]'.") from None
    table = pandas.DataFrame(columns(trajectory))
    table.attrs = constants(trajectory)
    return table


# Writing


def _label(path: str) -> str:
    return f"the table {path!r}"


def require_writable(path: str) -> str:
    """InputError unless `save(trajectory, path)` can be expected to succeed; returns the suffix, in lower case."""
    return writing.require_writable(path, _label(path), SUFFIXES)


def save(trajectory: Trajectory, path) -> None:
    """See `Trajectory.save`."""
    path = checks.path("Trajectory.save(path)", path)
    if require_writable(path) == ".csv":
        with writing.whole(path, "x", _label(path), newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(_rows(trajectory))  # RFC 4180: lines end in CR LF
    else:
        with writing.whole(path, "xb", _label(path)) as file:
            np.savez(file, **_packed(trajectory))


def _rows(trajectory: Trajectory) -> Iterator[Iterable[str]]:
    varying, fixed = columns(trajectory), constants(trajectory)
    yield [*varying, *fixed]
    same = [_cell(value) for value in fixed.values()]
    for row in zip(*(values.tolist() for values in varying.values()), strict=True):
        yield [*map(repr, row), *same]


def _cell(value: Any) -> str:
    """Text as it is, nothing for None, numbers with all their digits, anything else as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return repr(value) if type(value) in (int, float) else json.dumps(value)


def _packed(trajectory: Trajectory) -> dict[str, Any]:
    run = {name: getattr(trajectory, name) for name in _RUN}
    arrays = {name: getattr(trajectory, name) for name in _ARRAYS}
    return arrays | {f"series/{name}": values for name, values in trajectory.series.items()} | {"run": json.dumps(run)}


# Reading


def load(path) -> Trajectory:
    """See `Trajectory.load`."""
    path = checks.path("Trajectory.load(path)", path)
    label = f"Trajectory.load({path!r})"
    if os.path.splitext(path)[1].lower() != ".npz":
        raise refuse(label, "a .npz file", "another", "Of a .csv table, which has no networks: pandas.read_csv(path).")
    try:
        require_regular(path)
        with open(path, "rb") as file, warnings.catch_warnings(action="ignore"):  # NumPy warns of odd headers
            return _unpacked(file)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{label} cannot be read: {error.strerror or error}.") from None
    except MemoryError:
        raise InputError(f"{label} is larger than memory.") from None
    except CORRUPT:
        raise refuse(label, "a run that Trajectory.save wrote", "another file") from None


def _unpacked(file) -> Trajectory:
    archive = np.load(file, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError("a single array")
    run = json.loads(str(archive["run"]))
    series = {name.removeprefix("series/"): archive[name] for name in archive.files if name.startswith("series/")}
    run["settings"] = _with_names_of_today(run)
    values = {name: run[name] for name in _RUN} | {name: archive[name] for name in _ARRAYS}
    _require_run(values, series)
    return Trajectory(series=series, **values)


def _with_names_of_today(run: dict[str, Any]) -> Any:
    """The settings of a run, what they start at by the names that say so: "first" was once W_0, and "start" was what a
    new block or learner starts at, or W_0 of methods that add none."""
    settings = run["settings"]
    if not isinstance(settings, dict):
        return settings
    new = {name: f"{what}_start" for name, what in (("boosting", "learner"), *((name, "block") for name in METHODS))}
    names = {"start": new.get(run["method"], "network_start"), "first": "network_start"}
    return {names.get(name, name): value for name, value in settings.items()}


def _require_run(values: dict[str, Any], series: dict[str, Any]) -> None:
    """ValueError for what no run leaves: another status, stages that are none, arrays of other lengths or kinds."""
    loss = values["loss"]
    curves = (loss, values["excess_loss"], *series.values())
    fits = loss.ndim == 1 and len(loss) > 0 and all(curve.shape == loss.shape for curve in curves)
    real = all(array.dtype.kind == "f" for array in (*curves, values["first"], values["network"]))
    told = values["status"] in ("converged", "budget", "diverged") and isinstance(values["settings"], dict)
    stage = type(values["stage"]) is int and values["stage"] >= 0
    if not (fits and real and told and stage and np.isfinite(loss).all()):
        raise ValueError("no run")
