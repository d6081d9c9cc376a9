"""The record of a run: its quantities against their definitions, and the tables that it is kept in."""

import csv
import json
import math
import os
import sys
from dataclasses import replace

import numpy as np
import pandas
import pytest

from linres import quantities
from linres.errors import InputError
from linres.methods import descent, end_to_end, nesterov, stacking
from linres.problem import Problem
from linres.trajectory import Trajectory

TARGET = np.array([[2.0, 0.3, 0], [0, 1.5, 0.1], [0.2, 0, 1.8]])
PROBLEM = Problem.from_spectrum([0.04, 0.2, 1.0], target=TARGET)
SIGMA = np.diag([0.04, 0.2, 1.0])
FIRST = TARGET + 0.05 * np.array([[1.0, -2, 0.5], [0.3, 1, -1], [-0.7, 0.2, 1]])
STAGES = 12

SOLVERS = {
    "gradient": lambda **settings: descent.descend(PROBLEM, start=FIRST, **settings),
    "nesterov": lambda **settings: nesterov.accelerate(PROBLEM, start=FIRST, **settings),
    "stacking": lambda **settings: stacking.grow(PROBLEM, start=FIRST, **settings),
    "zero": lambda **settings: stacking.grow(PROBLEM, start=FIRST, block_start="zero", **settings),
    "parameter": lambda **settings: stacking.grow(PROBLEM, start=FIRST, rule="parameter", **settings),
}
each_solver = pytest.mark.parametrize("name", SOLVERS)


def by_definition(name, run):
    """The quantities of a run, from the networks of ever longer runs and nothing but their definitions."""
    networks = [SOLVERS[name](stages=t).network for t in range(STAGES + 1)]
    eta, beta = run.settings["step_size"], run.settings["momentum"]
    mu, L, metric = 0.04, 1.0, np.eye(3)
    if name == "parameter":
        metric = TARGET.T @ TARGET
        mu, L = np.linalg.eigvalsh(TARGET @ SIGMA @ TARGET.T)[0], 1 / eta
    q = math.sqrt(mu / L)

    def size(x):
        return math.sqrt(np.trace(x @ np.linalg.inv(metric) @ x.T))

    found = {key: [] for key in ("potential", "distance", "block_norm", "lookahead_error", "step_error")}
    for t, network in enumerate(networks):
        before = networks[max(t - 1, 0)]
        error, z = network - TARGET, network + (1 / q - 1) * (network - before)
        found["distance"].append(np.linalg.norm(error))
        found["potential"].append(np.trace(error @ SIGMA @ error.T) / 2 + mu / 2 * size(z - TARGET) ** 2)
        block = (network - before) @ np.linalg.inv(before)
        found["block_norm"].append(np.linalg.norm(block) if t else math.nan)
        if t == STAGES:
            break
        y = network + beta * (network - before if name in ("gradient", "nesterov") else block @ network)
        found["lookahead_error"].append(size(y - network - beta * (network - before)))
        found["step_error"].append(size(networks[t + 1] - y + eta * (y - TARGET) @ SIGMA @ metric))
    return found


class TestQuantities:
    @each_solver
    def test_are_those_of_their_definitions(self, name):
        run = SOLVERS[name](stages=STAGES)
        missing = {"gradient": {"potential", "block_norm"}, "nesterov": {"block_norm"}}.get(name, set())
        assert set(run.series) == set(quantities.NAMES)
        for key, values in by_definition(name, run).items():
            if key in missing:
                assert np.isnan(run.series[key]).all()
            else:
                # Differences of networks of size 4, in norms that enlarge them at most 1/.6-fold, are good to 1e-14.
                np.testing.assert_allclose(run.series[key][: len(values)], values, rtol=1e-9, atol=1e-14)

    @each_solver
    def test_have_an_entry_for_each_stage_and_none_for_a_step_that_was_not_made(self, name):
        for stages in (0, 1, 5):
            run = SOLVERS[name](stages=stages)
            assert {len(values) for values in run.series.values()} == {stages + 1}
            for key in quantities.OF_STEPS:
                assert np.isfinite(run.series[key][:-1]).all()
                assert np.isnan(run.series[key][-1])

    @each_solver
    @pytest.mark.parametrize("batch", [1, 40, 50])
    def test_do_not_depend_on_the_batches_they_are_measured_in(self, name, batch, monkeypatch):
        whole = SOLVERS[name](stages=STAGES).series
        monkeypatch.setattr(quantities, "BATCH", batch)
        monkeypatch.setattr(quantities, "FEWEST", 4)  # 4, 4 and 5 states, of which two are shared with the next
        for key, values in SOLVERS[name](stages=STAGES).series.items():
            np.testing.assert_allclose(values, whole[key], rtol=1e-12)

    @pytest.mark.parametrize("name", ["nesterov", "stacking", "parameter"])
    def test_obey_the_theorem_on_one_step_with_errors(self, name):
        run = SOLVERS[name](stages=60)
        mu = PROBLEM.output_curvature[0] if name == "parameter" else PROBLEM.mu
        L = 1 / run.settings["step_size"]
        q, root = math.sqrt(mu / L), np.sqrt(run.potential)
        slack = math.sqrt((1 + q) * L / 2) * run.lookahead_error[:-1]
        bound = math.sqrt(1 - q) * (root[:-1] + slack) + math.sqrt(L) * run.step_error[:-1]
        assert np.all(root[1:] <= bound * (1 + 1e-9))

    def test_errors_of_stacking_stay_accurate_down_to_the_end_of_the_run(self):
        """D_t is of second order in the distance: differences of the networks themselves would round at 1e-16."""
        for rule in stacking.RULES:
            run = stacking.grow(PROBLEM, start=FIRST, rule=rule, stages=80)
            late = slice(60, 79)
            assert run.distance[late].max() < 1e-5
            ratios = run.lookahead_error[late] / run.distance[late] ** 2
            assert ratios.max() < 2 * ratios.min()
            assert 0 < run.lookahead_error[78] < 1e-16

    def test_are_nan_where_the_condition_number_of_the_output_leaves_the_floats(self):
        """mu'/max(L_0, L') is 1e-300/1e300 here, so that q is 0 and z_t nowhere."""
        small = Problem.from_spectrum([0.5, 1.0], target=1e-150 * np.eye(2))
        run = stacking.grow(small, rule="parameter", stages=2, start=1e150 * np.eye(2))
        assert np.isnan(run.potential).all()

    def test_are_nan_where_the_parameter_rule_has_no_metric(self):
        singular = Problem.from_spectrum([0.5, 1.0], target=np.diag([1.0, 0.0]))
        run = stacking.grow(singular, rule="parameter", stages=4)
        for values in (run.potential, run.lookahead_error, run.step_error):
            assert np.isnan(values).all()
        assert np.isfinite(run.distance).all()
        assert np.isfinite(run.block_norm[1:]).all()

    @pytest.mark.parametrize("rule", stacking.RULES)
    def test_of_a_run_that_diverges_have_an_entry_for_each_finite_loss(self, rule):
        run = stacking.grow(PROBLEM, rule=rule, stages=5, step_size=1e160)
        assert run.status == "diverged"
        assert {len(values) for values in run.series.values()} == {len(run.loss)}

    def test_of_plain_networks_are_their_distances(self):
        from linres.trajectory import record

        networks = iter([FIRST, 2 * TARGET, TARGET + 1])
        run = record(PROBLEM, networks, method="mine", rule="functional", settings={"stages": 2, "step_size": 1.0},
                     rate_sharp=None)
        assert run.distance == pytest.approx([np.linalg.norm(FIRST - TARGET), np.linalg.norm(TARGET), 3])
        assert np.isnan(run.potential).all()

    def test_of_a_run_made_by_hand_are_nan(self):
        run = Trajectory("mine", "functional", np.ones(3), np.ones(3), np.eye(1), np.eye(1), {}, "budget", 2)
        assert np.isnan(run.potential).tolist() == [True] * 3


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


COLUMNS = ["stage", "loss", "excess_loss", *quantities.NAMES]


class TestFrame:
    @each_solver
    def test_has_a_row_for_each_stage_and_the_settings_beside_it(self, name):
        run = SOLVERS[name](stages=STAGES)
        frame = run.to_frame()
        assert list(frame.columns) == COLUMNS
        assert frame["stage"].tolist() == list(range(STAGES + 1))
        assert np.array_equal(frame["excess_loss"], run.excess_loss)
        assert np.array_equal(frame["lookahead_error"], run.lookahead_error, equal_nan=True)
        assert frame.attrs["problem"] == "spectrum"
        assert frame.attrs["status"] == "budget"
        assert {key: frame.attrs[key] for key in run.settings} == run.settings

    def test_says_how_to_install_pandas(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(InputError, match=r"needs pandas\. Install it: pip install '\.\[frames\]'\.$"):
            SOLVERS["zero"](stages=1).to_frame()


class TestCsv:
    @each_solver
    def test_gives_every_number_back_to_the_bit(self, name, tmp_path):
        run = SOLVERS[name](stages=STAGES)
        run.save(tmp_path / "run.csv")
        rows = table(tmp_path / "run.csv")
        for key in COLUMNS[1:]:
            assert np.array_equal([float(row[key]) for row in rows], getattr(run, key), equal_nan=True)
        for key in ("momentum", "step_size", "stages"):
            assert {float(row[key]) for row in rows} == {run.settings[key]}
        pandas.testing.assert_frame_equal(pandas.read_csv(tmp_path / "run.csv")[COLUMNS], run.to_frame(), rtol=1e-14)

    def test_of_many_runs_can_be_put_under_each_other(self, tmp_path):
        frames = []
        for name, solve in SOLVERS.items():
            solve(stages=3).save(tmp_path / f"{name}.csv")
            frames.append(pandas.read_csv(tmp_path / f"{name}.csv"))
        together = pandas.concat(frames)
        counts = together.groupby(["method", "rule"]).size()
        assert counts.to_dict() == {
            ("gradient", "functional"): 4, ("nesterov", "functional"): 4, ("stacking", "functional"): 4,
            ("zero", "functional"): 4, ("stacking", "parameter"): 4,
        }

    def test_no_column_has_the_name_of_another(self, tmp_path):
        for name, solve in SOLVERS.items():
            solve(stages=1).save(tmp_path / f"{name}.csv")
            header = (tmp_path / f"{name}.csv").read_text().splitlines()[0].split(",")
            assert len(set(header)) == len(header)

    def test_quotes_what_has_commas_and_ends_lines_as_the_standard_says(self, tmp_path):
        run = stacking.grow(PROBLEM, stages=5, start=np.diag([1.0, 1.0, 0.0]))
        run.save(tmp_path / "run.csv")
        content = (tmp_path / "run.csv").read_bytes()
        assert b'"W_0 is singular, so block 1 does not exist"' in content
        assert content.count(b"\r\n") == content.count(b"\n") == 2
        assert table(tmp_path / "run.csv")[0]["reason"] == run.reason
        assert (run.status, table(tmp_path / "run.csv")[0]["status_stage"]) == ("diverged", "1")


class TestArchive:
    @each_solver
    def test_gives_the_run_back(self, name, tmp_path):
        run = SOLVERS[name](stages=STAGES)
        run.save(tmp_path / "run.npz")
        read = Trajectory.load(tmp_path / "run.npz")
        for key in ("loss", "excess_loss", "first", "network"):
            assert np.array_equal(getattr(read, key), getattr(run, key))
        assert list(read.series) == list(run.series)
        assert all(np.array_equal(read.series[key], run.series[key], equal_nan=True) for key in run.series)
        for key in ("method", "rule", "settings", "status", "stage", "reason", "rate_sharp", "floor"):
            assert getattr(read, key) == getattr(run, key)
        assert read.rate() == run.rate()
        assert len(read.plot().axes[0].lines) == 2

    @pytest.mark.parametrize(
        ("method", "old", "new"),
        [
            ("random", {"start": "random", "first": "given"}, {"block_start": "random", "network_start": "given"}),
            ("nesterov", {"first": "identity"}, {"network_start": "identity"}),
            ("chebyshev", {"start": "given"}, {"network_start": "given"}),
            ("gradient", {"start": "balanced", "first": "FILE.npy"}, {"network_start": "FILE.npy"}),
            ("boosting", {"start": "zero", "initial": "zero"}, {"learner_start": "zero", "initial": "zero"}),
        ],
    )
    def test_of_an_older_version_says_what_started_at_what(self, tmp_path, method, old, new):
        path = tmp_path / "run.npz"
        stacking.grow(PROBLEM, stages=2).save(path)
        with np.load(path) as archive:
            arrays = dict(archive)
        told = json.loads(str(arrays["run"])) | {"method": method, "settings": {"stages": 2, **old}}
        np.savez(path, **arrays | {"run": np.array(json.dumps(told))})
        assert Trajectory.load(path).settings == {"stages": 2, **new}

    @each_solver
    def test_says_what_the_network_and_each_new_block_start_at(self, name):
        settings = SOLVERS[name](stages=1).settings
        assert settings["network_start"] == "given"
        blocks = {"stacking": "stacking", "zero": "zero", "parameter": "stacking"}
        assert settings.get("block_start") == blocks.get(name)
        assert not {"start", "first"} & {*settings}

    def test_of_another_kind_is_refused(self, tmp_path):
        SOLVERS["zero"](stages=1).save(tmp_path / "run.csv")
        np.savez(tmp_path / "other.npz", X=np.eye(2))
        with open(tmp_path / "single.npz", "wb") as file:
            np.save(file, np.eye(2))
        (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 not a zip")
        np.savez(tmp_path / "list.npz", run=json.dumps([]))
        for name, message in {
            "run.csv": r"should be a \.npz file, .*pandas\.read_csv", "none.npz": "cannot be read: No such file",
            "other.npz": "a run that Trajectory.save wrote", "single.npz": "a run that", "broken.npz": "a run that",
            "list.npz": "a run that",
        }.items():
            with pytest.raises(InputError, match=message):
                Trajectory.load(tmp_path / name)


class TestWriting:
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("run.txt", r"ends in \.csv or \.npz, got '\.txt'"), ("run", "got no suffix"),
            ("none/run.csv", "there is no directory"), ("folder.csv", "it is a directory"), ("a\0.csv", "null"),
        ],
    )
    def test_elsewhere_is_refused_and_leaves_nothing(self, tmp_path, name, message):
        (tmp_path / "folder.csv").mkdir()
        with pytest.raises(InputError, match=message):
            SOLVERS["zero"](stages=1).save(tmp_path / name)
        assert os.listdir(tmp_path) == ["folder.csv"]

    @pytest.mark.parametrize("suffix", ["csv", "npz"])
    def test_that_fails_on_the_way_leaves_the_old_file_and_nothing_else(self, tmp_path, monkeypatch, suffix):
        path = tmp_path / f"run.{suffix}"
        path.write_text("old")

        def fill_the_disk(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", fill_the_disk)
        with pytest.raises(InputError, match=rf"the table '.*run\.{suffix}' cannot be written: No space left"):
            SOLVERS["zero"](stages=1).save(path)
        assert os.listdir(tmp_path) == [path.name]
        assert path.read_text() == "old"

    def test_interrupted_leaves_the_old_file(self, tmp_path, monkeypatch):
        (tmp_path / "run.csv").write_text("old")
        run = SOLVERS["zero"](stages=1)
        run.settings["stages"] = {1}  # no JSON
        with pytest.raises(TypeError):
            run.save(tmp_path / "run.csv")
        assert (tmp_path / "run.csv").read_text() == "old"
        assert os.listdir(tmp_path) == ["run.csv"]

    def test_takes_the_place_of_an_older_table(self, tmp_path):
        for stages in (5, 2):
            SOLVERS["zero"](stages=stages).save(tmp_path / "run.csv")
        assert len(table(tmp_path / "run.csv")) == 3


class TestRate:
    @staticmethod
    def of(excess, method="custom"):
        run = stacking.grow(PROBLEM, stages=0)
        return replace(run, method=method, excess_loss=np.array(excess), floor=0.0)

    def test_is_fitted_however_slow_a_steady_run_is(self):
        assert self.of(0.999999 ** np.arange(200)).rate() == pytest.approx(0.999999, rel=1e-9)
        assert self.of(np.ones(200)).rate() == 1

    @pytest.mark.parametrize("seed", range(5))
    def test_is_none_at_a_level_of_noise_and_says_why(self, seed):
        noise = np.exp(0.3 * np.random.default_rng(seed).standard_normal(300))
        run = self.of(0.9 ** np.arange(300) + 1e-3 * noise)
        assert (run.rate(), run.no_rate) == (None, "the excess swings about a level")

    def test_is_none_of_methods_that_have_no_single_one(self):
        falling = 0.5 ** np.arange(20)
        for method in ("conjugate-gradient", "random"):
            run = self.of(falling, method)
            assert run.rate() is None and run.no_rate
        assert self.of(falling[:3]).no_rate == "too few stages"
        assert self.of(falling).no_rate == ""


def test_a_run_shows_itself_in_a_line():
    run = stacking.grow(Problem.from_spectrum([0.25, 1.0]), stages=3)
    assert repr(run).startswith("<Trajectory stacking, functional rule: budget at stage 3, loss")
    assert "\n" not in repr(run) + repr(run.problem) and "kappa = 4" in repr(run.problem)
    trained = end_to_end.train(run.problem, depth=2, stages=3)
    assert repr(trained).startswith("<NetworkTrajectory gradient, end-to-end rule: budget at stage 3, loss")


@pytest.mark.parametrize("change", [
    {"status": "fine"}, {"stage": -5}, {"settings": 3}, {"loss": np.ones(1)}, {"loss": np.full(4, np.nan)},
    {"loss": np.full(4, 1j)},
])
def test_an_archive_that_no_run_leaves_is_refused(tmp_path, change):
    path = tmp_path / "run.npz"
    stacking.grow(Problem.from_spectrum([0.25, 1.0]), stages=3).save(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    told = json.loads(str(arrays["run"]))
    arrays |= {name: value for name, value in change.items() if name == "loss"}
    arrays["run"] = np.array(json.dumps(told | {name: value for name, value in change.items() if name != "loss"}))
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=r"a run that Trajectory\.save wrote"):
        Trajectory.load(path)
