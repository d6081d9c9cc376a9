"""`linres train`: what it prints, what it draws, and what it refuses."""

import csv
import io
import itertools
import json
import math
import os
import re
import resource
import subprocess
import sys
import types
from xml.etree import ElementTree

import numpy as np
import pytest

from linres import guarantee, plotting, starts, theorems
from linres.cli import main
from linres.commands import _shared
from linres.commands.train import METHODS, REFERENCES
from linres.commands.train_help import EPILOG
from linres.data import load
from linres.errors import InputError
from linres.methods import descent, nesterov, stacking
from linres.problem import Problem
from linres.trajectory import Trajectory

KEYS = [
    "data", "rows_dropped", "method", "rule", "start", "stages", "mu", "L", "kappa", "sigma_min", "output", "depth",
    "momentum", "step", "momentum_rule", "inner", "train", "loss", "excess_loss", "final", "rate_measured",
    "rate_sharp", "rate_sharp_by", "rate_proved", "rate_proved_by", "bounds", "hypotheses_of", "hypotheses",
    "inside_basin", "basin", "status",
]


@pytest.fixture
def train(capsys):
    """Run `linres train ...`; returns what it printed. It must succeed and say nothing on stderr."""

    def run(*arguments):
        assert main(["train", *map(str, arguments)]) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out

    return run


@pytest.fixture
def train_json(train):
    def refuse_constant(name):
        pytest.fail(f"{name} is not JSON")

    return lambda *arguments: json.loads(train(*arguments, "--json"), parse_constant=refuse_constant)


@pytest.fixture
def refused(capsys):
    """Run `linres train ...`; it must exit with 2 and one line on stderr, which is returned."""

    def run(*arguments):
        try:
            code = main(["train", *map(str, arguments)])
        except SystemExit as end:
            code = end.code
        captured = capsys.readouterr()
        assert (code, captured.out) == (2, "")
        assert captured.err.startswith("linres train: ")
        assert captured.err.count("\n") == 1
        return captured.err

    return run


class TestJson:
    def test_has_the_documented_keys_in_order(self, train_json):
        assert list(train_json("digits")) == KEYS

    def test_is_the_run_of_the_public_solver(self, train_json):
        report = train_json("digits", "--stages", 30, "--seed", 3)
        problem = load("digits", seed=3)
        run = stacking.grow(problem, stages=30)
        assert report["loss"] == run.loss.tolist()
        assert report["excess_loss"] == run.excess_loss.tolist()
        assert (report["kappa"], report["sigma_min"]) == (problem.kappa, problem.sigma_min)
        assert (report["momentum"], report["step"]) == (nesterov.momentum(problem.q), 1 / problem.L)
        assert (report["rate_measured"], report["rate_sharp"]) == (run.rate(), run.rate_sharp)
        assert (report["stages"], report["status"], report["rule"]) == (30, "budget", "functional")

    @pytest.mark.parametrize(
        ("method", "rule"),
        [
            *((method, "functional") for method in METHODS if method not in ("random", "conjugate-gradient")),
            ("stacking", "parameter"), ("zero", "parameter"),
        ],
    )
    def test_the_measured_rate_is_next_to_the_sharp_one(self, train_json, method, rule):
        report = train_json("digits", "--method", method, "--rule", rule, "--stages", 1000)
        assert (report["method"], report["rule"], report["status"]) == (method, rule, "converged")
        assert math.log(report["rate_measured"] / report["rate_sharp"]) == pytest.approx(0, abs=4 / report["stages"])

    @pytest.mark.parametrize("stages", [0, 1, 30])
    def test_tells_the_final_quantities(self, train_json, stages):
        final = train_json("digits", "--rule", "parameter", "--stages", stages)["final"]
        run = stacking.grow(load("digits"), rule="parameter", stages=stages)
        assert list(final) == ["potential", "distance", "block_norm", "lookahead_error", "step_error", "beta"]
        assert (final["potential"], final["distance"]) == (run.potential[-1], run.distance[-1])
        assert final["block_norm"] == (run.block_norm[-1] if stages else None)
        for name in ("lookahead_error", "step_error", "beta"):
            assert final[name] == (run.series[name][-2] if stages else None)

    def test_acceleration_shows_in_the_stages(self, train_json):
        needed = {}
        for method in ("stacking", "nesterov", "zero", "gradient"):
            excess = np.array(train_json("digits", "--method", method)["excess_loss"])
            needed[method] = int(np.argmax(excess <= 1e-6 * excess[0]))
        assert needed["zero"] == needed["gradient"] > 3 * max(needed["stacking"], needed["nesterov"]) > 0

    def test_the_proved_rate_is_that_of_nesterov_at_its_own_settings(self, train_json):
        report = train_json("digits", "--method", "nesterov")
        assert report["rate_proved"] == 1 - load("digits").q > report["rate_sharp"]
        excess = np.array(report["excess_loss"])
        problem = load("digits")
        potential = excess[0] + problem.mu / 2 * np.sum((np.eye(10) - problem.target) ** 2)
        assert np.all(excess <= potential * report["rate_proved"] ** np.arange(len(excess)))
        assert train_json("digits", "--method", "nesterov", "--momentum", 0.5)["rate_proved"] is None
        assert train_json("digits", "--method", "nesterov", "--step", 0.5)["rate_proved"] is None
        assert train_json("digits")["rate_proved"] is None

    def test_names_what_proves_the_rate(self, train_json):
        proved = {}
        for method in METHODS:
            report = train_json("digits", "--method", method, "--start", "near")
            proved[method] = (report["rate_proved_by"], report["rate_proved"])
            if method != "random":
                assert report["hypotheses_of"] == report["rate_proved_by"]
        problem = load("digits")
        gradient = ("gradient-step", pytest.approx((1 - 1 / problem.kappa) ** 2, rel=1e-14))
        assert proved == {
            "stacking": ("stacking-acceleration", 1 - problem.q), "nesterov": ("nesterov-with-errors", 1 - problem.q),
            "zero": gradient, "gradient": gradient, "random": (None, None),
            "chebyshev": ("chebyshev-iteration", pytest.approx(nesterov.momentum(problem.q) ** 2, rel=1e-14)),
            "conjugate-gradient": (None, None),
        }

    @pytest.mark.parametrize(
        ("options", "by"),
        [
            (["--start", "near:0.1"], ["stacking-quadratic", "stacking-acceleration"]), ([], []),
            (["--method", "nesterov"], ["nesterov-quadratic", "nesterov-with-errors"]),
            (["--method", "chebyshev"], ["chebyshev-iteration"]), (["--method", "conjugate-gradient"], []),
            (["--method", "random"], ["random-start-noise-floor"]), (["--method", "zero"], ["gradient-step"]),
            (["--rule", "parameter", "--momentum", "0.68", "--step", "1.26", "--start", "near:0.01"],
             ["stacking-parameter-acceleration"]),
        ],
    )
    def test_lists_every_bound_that_is_proved_stage_by_stage(self, train_json, options, by):
        report = train_json("digits", "--stages", 30, *options)
        assert [bound["by"] for bound in report["bounds"]] == by
        excess = np.array(report["excess_loss"])
        for bound in report["bounds"]:
            assert bound["of"] == "mean" or np.all(excess <= np.array(bound["values"]) * (1 + 1e-9))

    def test_of_the_parameter_rule_has_the_spectrum_of_the_outputs(self, train_json):
        report, problem = train_json("digits", "--rule", "parameter", "--stages", 2), load("digits")
        values = np.linalg.eigvalsh(problem.target @ problem.sigma @ problem.target.T)
        assert report["output"] == {
            "mu": pytest.approx(values[0]), "L": pytest.approx(values[-1]),
            "kappa": pytest.approx(values[-1] / values[0]), "L_at_start": pytest.approx(problem.L),
        }
        assert train_json("digits", "--stages", 2)["output"] is None

    def test_tells_how_far_outside_the_basin_the_identity_is(self, train_json):
        report, problem = train_json("digits"), load("digits")
        distance = np.linalg.norm(np.eye(10) - problem.target)
        phi_0 = report["excess_loss"][0] + problem.mu / 2 * distance**2
        assert report["inside_basin"] is False
        assert report["basin"]["phi_0"] == pytest.approx(phi_0, rel=1e-12)
        scaled = phi_0 / (problem.mu * problem.sigma_min**2)
        assert report["basin"]["potential_over_mu_sigma_squared"] == pytest.approx(scaled, rel=1e-12)
        assert report["basin"]["ratio"] == pytest.approx(scaled / report["basin"]["threshold"], rel=1e-14)
        assert (report["rate_proved"], report["rate_proved_by"]) == (None, None)
        assert report["hypotheses_of"] == "stacking-acceleration"

    def test_a_start_inside_the_basin_has_the_proved_rate_and_obeys_it(self, train_json):
        report, problem = train_json("digits", "--start", "near:0.9"), load("digits")
        assert (report["inside_basin"], report["start"]) == (True, "near:0.9")
        assert report["basin"]["ratio"] == pytest.approx(0.9, rel=1e-9)
        assert {entry["holds"] for entry in report["hypotheses"]} == {True}
        stages = np.arange(len(report["excess_loss"]))
        assert report["status"] == "converged"
        assert np.all(report["excess_loss"] <= report["basin"]["phi_0"] * (1 - problem.q) ** stages)

    def test_the_seed_chooses_the_direction_near_the_target(self, train_json):
        runs = [train_json("digits", "--start", "near", "--stages", 3, "--seed", seed)["loss"] for seed in (1, 1, 2)]
        assert runs[0] == runs[1] != runs[2]

    def test_a_start_from_a_file_is_that_of_the_public_solver(self, train_json, tmp_path):
        first = 2 * np.eye(10) + 0.1
        np.save(tmp_path / "w.npy", first)
        problem = load("digits")
        for method, run in {
            "stacking": stacking.grow(problem, stages=9, start=first),
            "zero": stacking.grow(problem, block_start="zero", stages=9, start=first),
            "nesterov": nesterov.accelerate(problem, stages=9, start=first),
            "gradient": descent.descend(problem, stages=9, start=first),
        }.items():
            report = train_json("digits", "--method", method, "--stages", 9, "--start", tmp_path / "w.npy")
            assert report["loss"] == run.loss.tolist()

    @pytest.mark.parametrize(
        ("options", "lacking"),
        [
            (["--rule", "parameter"], ["margin", "basin"]),
            (["--momentum", "0.5"], ["momentum"]),
            (["--step", "3"], ["step"]),
            (["--method", "nesterov"], []),
            (["--method", "zero"], []),
            (["--method", "gradient", "--step", "5"], ["step"]),
        ],
        ids=" ".join,
    )
    def test_where_the_theorem_does_not_apply_the_basin_is_null(self, train_json, options, lacking):
        report = train_json("digits", "--start", "near", *options)
        assert [entry["name"] for entry in report["hypotheses"] if entry["holds"] is not True] == lacking
        assert report["inside_basin"] is None
        assert (report["rate_proved"] is None) == bool(lacking)
        assert (report["basin"] is None) == (options[0] in ("--rule", "--method"))

    @pytest.mark.parametrize(
        ("options", "settings"),
        [
            (["--method", "random", "--scale", "0.01", "--seed", "4"],
             {"block_start": "random", "scale": 0.01, "seed": 4}),
            (["--inner", "3"], {"inner": 3}),
            (["--momentum", "trained"], {"momentum": "trained"}),
            (["--momentum", "theory"], {}),
            (["--momentum", "0.5"], {"momentum": 0.5}),
            (["--rule", "parameter", "--train", "all", "--inner", "2"],
             {"rule": "parameter", "train": "all", "inner": 2}),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_stages_are_those_of_the_public_solver(self, train_json, options, settings):
        report = train_json("digits", "--stages", 12, *options)
        run = stacking.grow(load("digits", seed=settings.get("seed", 0)), stages=12, **settings)
        assert report["loss"] == run.loss.tolist()
        kept = ("momentum", "momentum_rule", "inner", "train")
        assert [report[name] for name in kept] == [run.settings[name] for name in kept]
        assert (report["rate_proved"], report["rate_sharp"]) == (None, run.rate_sharp)

    def test_a_singular_target_is_reported_with_its_remedy_and_trained_on(self, train_json):
        report = train_json("digits-raw")
        failing = [entry for entry in report["hypotheses"] if entry["holds"] is not True]
        assert [(entry["name"], entry["holds"]) for entry in failing] == [
            ("target-invertible", False), ("basin", False),
        ]
        assert failing[0]["value"] == report["sigma_min"] < 1e-14
        assert "--components 61" in failing[0]["remedy"]
        assert (failing[1]["value"], report["basin"], report["inside_basin"]) == (None, None, None)
        assert report["rate_sharp"] is None
        assert min(report["excess_loss"]) < 1e-6 * report["excess_loss"][0]

    def test_methods_without_blocks_do_not_ask_for_an_invertible_target(self, train_json):
        report = train_json("digits-raw", "--method", "nesterov")
        assert {entry["name"]: entry["holds"] for entry in report["hypotheses"]} == {
            "moments-invertible": True, "momentum": True, "step": True,
        }

    def test_a_diverging_run_is_strict_json_with_its_status(self, train_json):
        report = train_json("digits", "--step", 50, "--stages", 10_000)
        assert report["status"] == "diverged"
        assert len(report["loss"]) == report["stages"] + 1
        step = next(entry for entry in report["hypotheses"] if entry["name"] == "step")
        assert (step["holds"], step["value"]) == (False, 50.0)

    def test_a_rate_beyond_float64_is_null(self, train_json):
        report = train_json("digits", "--step", "1e300")
        assert (report["status"], report["stages"], report["rate_sharp"]) == ("diverged", 0, None)

    def test_no_stages_leave_no_rate(self, train_json):
        report = train_json("digits", "--stages", 0)
        assert report["rate_measured"] is None
        assert len(report["loss"]) == 1

    def test_options_reach_the_problem_and_the_method(self, train_json):
        report = train_json("digits", "--components", 4, "--ridge", 0.5, "--momentum", 0.25, "--step", 0.125)
        problem = load("digits", components=4, ridge=0.5)
        assert (report["mu"], report["L"]) == (problem.mu, problem.L)
        assert (report["momentum"], report["step"]) == (0.25, 0.125)

    def test_files_are_trained_on(self, train_json, tmp_path):
        random = np.random.default_rng(0)
        x = random.standard_normal((30, 3))
        y = x @ np.diag([2.0, 1.5, 1.0])
        np.savez(tmp_path / "d.npz", X=x, Y=y)
        for name, table in (("x.csv", x), ("y.csv", y)):
            np.savetxt(tmp_path / name, table, delimiter=",", fmt="%.17g")
        packed = train_json(tmp_path / "d.npz")
        text = train_json(tmp_path / "x.csv", tmp_path / "y.csv")
        assert packed["loss"] == text["loss"]
        assert packed["status"] == "converged"
        assert packed["sigma_min"] == pytest.approx(1.0)


class TestBadRows:
    @pytest.fixture
    def holed(self, tmp_path):
        """The names of X.npy and Y.npy, with two bad rows of 30."""
        x = np.random.default_rng(0).standard_normal((30, 2))
        y = x * [2, 3]
        x[4, 1], y[7, 0] = np.nan, np.inf
        for name, table in (("X.npy", x), ("Y.npy", y)):
            np.save(tmp_path / name, table)
        return tmp_path / "X.npy", tmp_path / "Y.npy"

    def test_are_refused_by_file_and_row(self, refused, holed):
        error = refused(*holed)
        assert error.startswith("linres train: X and Y should be finite numbers, got 2 of 30 rows with a nan or an inf")
        assert f"row 4 of {holed[0]} (nan in column 1), row 7 of {holed[1]} (inf in column 0)" in error
        assert "--drop-bad-rows" in error

    def test_are_dropped_if_told_and_counted_in_the_report(self, train, train_json, holed):
        report = train_json(*holed, "--drop-bad-rows")
        assert (report["rows_dropped"], report["status"]) == (2, "converged")
        assert report["sigma_min"] == pytest.approx(2)
        assert ": 28 samples (2 rows dropped), d = 2\n" in train(*holed, "--drop-bad-rows")

    def test_empty_cells_are_refused_by_line_and_column_and_dropped_if_told(self, refused, train, tmp_path):
        x, y = tmp_path / "x.csv", tmp_path / "y.csv"
        x.write_text("a,b\n1,2\n3,5\n2,\n4,9\n0,1\n")
        y.write_text("c,d\n1,2\n3,5\n2,2\n4,8\n,1\n")
        error = refused(x, y)
        assert error == f"linres train: {x}, line 4, column 2 should be a finite number, got an empty cell. " \
            "Correct it, or drop such rows (--drop-bad-rows).\n"
        assert ": 3 samples (2 rows dropped), d = 2\n" in train(x, y, "--drop-bad-rows")


class TestSave:
    @pytest.mark.parametrize("method", METHODS)
    def test_writes_the_table_of_the_run(self, train_json, tmp_path, method):
        report = train_json("digits", "--method", method, "--stages", 12, "--save", tmp_path / "run.csv")
        with open(tmp_path / "run.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert [float(row["excess_loss"]) for row in rows] == report["excess_loss"]
        assert {(row["method"], row["problem"], row["stages"]) for row in rows} == {(method, "digits", "12")}
        assert {(row["network_start"], row["data_seed"], row["ridge"], row["components"]) for row in rows} == {
            ("identity", "0", "0.0", "")
        }

    def test_writes_an_archive_that_is_read_again(self, train_json, tmp_path):
        report = train_json("digits", "--stages", 12, "--save", tmp_path / "run.npz")
        assert Trajectory.load(tmp_path / "run.npz").loss.tolist() == report["loss"]

    @pytest.mark.parametrize(
        ("name", "message"),
        [("run.txt", "ends in .csv or .npz, got '.txt'"), ("none/run.csv", "there is no directory")],
    )
    def test_that_cannot_be_is_refused_before_training(self, refused, tmp_path, monkeypatch, name, message):
        monkeypatch.setattr("linres.data.load", lambda *_, **__: pytest.fail("trained"))
        error = refused("digits", "--save", tmp_path / name)
        assert error.startswith(f"linres train: --save {str(tmp_path / name)!r} ")
        assert message in error
        assert os.listdir(tmp_path) == []


class TestText:
    def test_names_the_numbers_and_their_meaning(self, train):
        out, problem = train("digits"), load("digits")
        for name, value in {
            "kappa": f"{problem.kappa:.6g}", "sigma_min(W*)": f"{problem.sigma_min:.6g}", "rate sharp": "0.549264",
            "stages to 1e-6": "22", "data": "digits: 1797 samples, d = 10", "hypotheses": "7 of 8 hold",
            "status": "converged at stage 110",
        }.items():
            assert re.search(rf"^{re.escape(name)} +{re.escape(value)}\b", out, re.MULTILINE), name

    def test_says_which_hypothesis_fails_and_what_to_do(self, train):
        out = train("digits-raw", "--stages", 20)
        assert "6 of 8 hold (stacking-acceleration)" in out
        assert re.search("^status +all 20 stages used$", out, re.MULTILINE)
        assert re.search(r"^  target-invertible \(H10\) +fails +\S+e-17 +0 +W\* is inv.*\n    .*--comp.* 61", out, re.M)
        assert re.search("^rate proved +none: target-invertible fails$", out, re.MULTILINE)
        assert re.search(r"^  basin \(H18\) +fails .*\n    See target-invertible\.$", out, re.MULTILINE)

    @pytest.mark.parametrize("method", ["stacking", "nesterov", "zero", "chebyshev"])
    def test_has_one_remedy_where_mu_is_lost_in_rounding(self, train, tmp_path, method):
        random = np.random.default_rng(0)
        x = random.standard_normal((40, 3))
        x[:, 2] = x[:, 0] + 1e-7 * random.standard_normal(40)
        np.savez(tmp_path / "d.npz", X=x, Y=x * [2, 1, 3])
        out = train(tmp_path / "d.npz", "--stages", 50, "--method", method)
        assert re.search("^rate proved +none: moments-invertible undecided$", out, re.MULTILINE)
        told = [line.strip() for line in out.splitlines() if line.startswith("    ")]
        assert "float64 cannot tell. Add a ridge" in told[1]  # told[0] heads the table
        assert {*told[2:]} <= {"See moments-invertible."}

    def test_tells_no_rate_where_a_single_one_has_no_meaning(self, train, train_json):
        for method, words in {
            "conjugate-gradient": "conjugate gradients contract ever faster",
            "random": "random starts end at the floor of their noise",
        }.items():
            assert re.search(f"^rate measured +none: {words}$", train("digits", "--method", method), re.MULTILINE)
            assert train_json("digits", "--method", method)["rate_measured"] is None

    def test_tells_the_spectrum_of_the_outputs_and_the_depth_where_they_count(self, train):
        out = train("digits", "--rule", "parameter", "--stages", 3)
        for row in ("mu' +0.0380267", "L' +0.652822", "kappa' +17.1675"):
            assert re.search(f"^{row} ", out, re.MULTILINE)
        assert re.search("^depth +5 +blocks, ", train("digits", "--method", "end-to-end", "--depth", 5, "--stages", 3),
                         re.MULTILINE)
        assert not re.search("^(mu'|L'|kappa'|depth) ", train("digits", "--stages", 3), re.MULTILINE)

    def test_tells_the_least_bound_of_the_last_excess(self, train, train_json):
        out, report = train("digits", "--method", "nesterov"), train_json("digits", "--method", "nesterov")
        value = min(bound["values"][-1] for bound in report["bounds"])
        assert re.search(f"^bound proved +{value:.6g} +on the excess at stage 113, .*: nesterov-quadratic$", out, re.M)
        assert not re.search("^bound proved", train("digits", "--stages", 3), re.MULTILINE)
        assert not re.search("^basin", out, re.MULTILINE)

    def test_shows_every_hypothesis_with_its_value_and_threshold(self, train, train_json):
        out = train("digits")
        for entry in train_json("digits")["hypotheses"]:
            value, threshold = (
                shown if isinstance(shown, str) else f"{shown:.6g}" for shown in (entry["value"], entry["threshold"])
            )
            verdict = "holds" if entry["holds"] else "fails"
            numbers = [f"({entry['numbers']})"] if entry["numbers"] else []
            row = [entry["name"], *numbers, verdict, value, threshold, *entry["statement"].split()]
            assert row in [line.split() for line in out.splitlines()]

    @pytest.mark.parametrize(
        ("start", "words", "rate"),
        [
            ("identity", "28.5 mu sigma_min^2: 549 times outside the", "none: basin fails"),
            ("near:1e7", "5.187e+05 mu sigma_min^2: 1e+07 times outside the", "none: basin fails"),
            ("near:0.3125", "0.01621 mu sigma_min^2: 3.2 times inside the", "0.741124 .*: stacking-acceleration"),
            ("near:1", "0.05187 mu sigma_min^2: within rounding of the edge of the", "none: basin undecided"),
            ("near:1e-40", "0 mu sigma_min^2: infinitely far inside the", "0.741124 .*: stacking-acceleration"),
        ],
    )
    def test_says_how_far_from_the_edge_of_the_basin_the_start_is(self, train, start, words, rate):
        out = train("digits", "--stages", 3, "--start", start)
        assert re.search(rf"^basin +Phi_0 = {re.escape(words)} proved basin \(0.0519\)$", out, re.MULTILINE)
        assert re.search(rf"^rate proved +{rate}$", out, re.MULTILINE)

    def test_says_of_what_the_proved_rate_of_gradient_descent_is(self, train):
        row = "^rate proved +[.0-9]+ +bounds the excess at each stage: "
        assert re.search(rf"{row}gradient-step$", train("digits", "--method", "zero"), re.MULTILINE)
        assert re.search(rf"{row}{guarantee.EXACT}$", train("digits", "--method", "zero", "--step", 0.5), re.MULTILINE)

    def test_says_what_proves_the_sharp_rate_of_nesterovs_method(self, train, train_json):
        row = r"^rate sharp +0.549264 +"
        out = train("digits", "--method", "nesterov")
        assert re.search(rf"{row}proved up to the factor \(1\+qt\)\^2: nesterov-quadratic$", out, re.MULTILINE)
        assert re.search(rf"{row}its limit near W\*, ", train("digits"), re.MULTILINE)
        assert train_json("digits", "--method", "nesterov")["rate_sharp_by"] == "nesterov-quadratic"
        for options in (["--method", "nesterov", "--momentum", 0.5], ["--method", "gradient"], []):
            assert train_json("digits", *options)["rate_sharp_by"] is None

    @pytest.mark.parametrize(
        ("start", "row"),
        [
            (np.eye(2), r"Phi_0 = \S+ mu sigma_min\^2: for every sigma_min within rounding outside the proved basin"),
            (np.diag([1.0, 0.0]), "undecided: sigma_min is within rounding of 0$"),
        ],
    )
    def test_a_smallest_singular_value_lost_in_rounding_is_no_edge(self, train, tmp_path, monkeypatch, start, row):
        np.save(tmp_path / "w.npy", start)
        lost = Problem.from_spectrum([1e-4, 1.0], target=np.diag([1.0, 1e-14]))
        monkeypatch.setattr("linres.data.load", lambda *_, **__: lost)
        out = train("lost", "--start", tmp_path / "w.npy", "--stages", 2)
        assert re.search(f"^basin +{row}", out, re.MULTILINE)

    def test_a_hypothesis_within_rounding_says_that_float64_cannot_tell(self, train):
        out = train("digits", "--stages", 3, "--start", "near:1")
        assert re.search(r"^  basin \(H18\) +undecided .*\n    float64 cannot tell\. Start closer to W\*", out, re.M)

    def test_says_what_a_stage_does_where_it_is_not_the_usual(self, train):
        out = train("digits", "--rule", "parameter", "--train", "all", "--inner", 2, "--momentum", "trained")
        assert re.search(r"^momentum +0\.61115 +at first, then trained$", out, re.MULTILINE)
        assert re.search(r"^step +1\.53181 +2 a stage of all n blocks, each a n-th of it$", out, re.MULTILINE)
        assert re.search("^rate sharp +none known$", out, re.MULTILINE)
        lacking = "one-step fails, new-block fails, fixed-momentum fails"
        assert re.search(f"^rate proved +none: {lacking}$", out, re.MULTILINE)
        assert re.search("^step +3.99896$", train("digits"), re.MULTILINE)

    def test_says_where_a_run_diverged(self, train):
        assert re.search(r"^status +diverged at stage \d+$", train("digits", "--step", 50), re.MULTILINE)

    def test_help_shows_options_methods_and_examples(self, capsys):
        with pytest.raises(SystemExit) as end:
            main(["train", "--help"])
        out = capsys.readouterr().out
        assert end.value.code == 0
        default = f"near is near:{starts.FRACTION}"
        for word in (
            "--method", "--plot FILE", "examples:", "linres train digits --start near\n", default, "Procrustes",
            "eigenvalues of W Sigma W^T",
        ):
            assert word in out


    def test_help_fits_on_a_screen_of_80_columns(self, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit):
            main(["train", "--help"])
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 80

    def test_the_examples_of_help_run(self, capsys, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        x = np.random.default_rng(0).standard_normal((50, 3))
        np.savetxt("inputs.csv", x, delimiter=","), np.savetxt("outputs.csv", x, delimiter=",")
        np.save("X.npy", x), np.save("Y.npy", x)
        examples = re.findall(r"^  linres (train .*)$", EPILOG, re.MULTILINE)
        assert len(examples) > 10
        for example in examples:
            assert main([*example.split(), *([] if "--stages" in example else ["--stages", "20"])]) == 0, example
        assert {"zero.svg", "run.csv"} <= {path.name for path in tmp_path.iterdir()}
        assert capsys.readouterr().err == ""


BAD = [
    (["digits", "--stages", "x"], "argument --stages: should be an integer, got 'x'"),
    (["digits", "--stages", "1.5"], "argument --stages: should be an integer, got '1.5'"),
    (["digits", "--stages", "-1"], "train: --stages should be an integer >= 0, got -1"),
    (["digits", "--momentum", "much"], "argument --momentum: should be a number, theory or trained, got 'much'"),
    (["digits", "--inner", "0"], "train: --inner should be an integer from 1 to 1,000,000, got 0."),
    (["digits", "--train", "all"], "train: --rule should be \"parameter\" to train all blocks, got 'functional'."),
    (["digits", "--train", "some"], "argument --train: invalid choice: 'some'"),
    (["digits", "--method", "random", "--scale", "0"], "train: --scale should be a number > 0, got 0.0."),
    (["digits", "--scale", "1"], "--scale does not apply to --method stacking. Take --method random."),
    (["digits", "--method", "nesterov", "--inner", "2"], "--inner 2 does not apply to --method nesterov"),
    (["digits", "--method", "gradient", "--train", "new"], "--train new does not apply to --method gradient"),
    (["digits", "--method", "nesterov", "--momentum", "trained"], "--momentum trained does not apply to --method nest"),
    (["digits", "--method", "random", "--momentum", "0.5"], "--momentum does not apply to --method random"),
    (["digits", "--momentum", "1.2"], ": --momentum should be in [0, 1), got 1.2. Leave it out to use (1-q)/(1+q)."),
    (["digits", "--momentum", "nan"], "should be in [0, 1), got nan"),
    (["digits", "--step", "-1"], "train: --step should be a number > 0, got -1.0"),
    (["digits", "--step", "inf"], "got inf"),
    (["digits", "--components", "65"], "train: --components should be an integer from 1 to 64, got 65"),
    (["digits", "--ridge", "-0.001"], "train: --ridge should be a number >= 0, got -0.001"),
    (["digits", "--seed", "-1"], "train: --seed should be an integer from 0 to 2^32 - 1, got -1"),
    (["digits", "--method", "adam"], "argument --method: invalid choice: 'adam'"),
    (["digits", "--method", "zero", "--momentum", "0.5"], "--momentum does not apply to --method zero"),
    (["digits", "--method", "gradient", "--momentum", "0.5"], "--momentum does not apply to --method gradient"),
    (["digits", "--method", "nesterov", "--rule", "parameter"], "--rule parameter does not apply"),
    (["digits", "--method", "chebyshev", "--rule", "parameter"], "--rule parameter does not apply"),
    (["digits", "--method", "chebyshev", "--momentum", "0.5"], "--momentum does not apply to --method chebyshev"),
    (["digits", "--method", "conjugate-gradient", "--step", "1"], "--step does not apply to --method conjugate-gradi"),
    (["digits", "--start", "far"], "--start should be identity, near, near:R with a number R, or FILE.npy, got 'far'"),
    (["digits", "--start", "near:by"], "or FILE.npy, got 'near:by'"),
    (["digits", "--start", "near:0"], "train: --start near:R should be a number > 0, got 0.0"),
    (["digits", "--start", "near:inf"], "got inf"),
    (["digits-raw", "--start", "near"], "train: --start near should be around an invertible W*, got sigma_min(W*) = "),
    (["digits", "--start", "none.npy"], "train: --start 'none.npy' cannot be read: No such file or directory."),
    (["digts"], "no embedded data are called 'digts'. Did you mean digits? There are: digits, digits-raw."),
    (["digits-raw", "--drop-bad-rows"], "--drop-bad-rows does not apply to digits-raw, which has no such rows."),
    (["none.npz"], "none.npz cannot be read: No such file or directory."),
    ([], "the following arguments are required: DATA. See linres train --help."),
]


class TestRefusals:
    @pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(arguments) or "none" for arguments, _ in BAD])
    def test_bad_input_is_one_line_and_exit_2(self, refused, arguments, message, tmp_path):
        plot = tmp_path / "loss.svg"
        assert message in refused(*arguments, "--plot", plot)
        assert os.listdir(tmp_path) == []

    def test_data_that_do_not_vary_are_told_from_others(self, refused, tmp_path):
        np.savez(tmp_path / "flat.npz", X=np.ones((4, 3)), Y=np.ones((4, 3)))
        assert "It is 0 where no column of x varies" in refused(tmp_path / "flat.npz")

    def test_singular_moments_name_the_rank_and_the_remedy(self, refused, tmp_path):
        table = np.arange(12.0).reshape(4, 3)
        np.savez(tmp_path / "flat.npz", X=table, Y=table)
        assert re.search(r"rank 1\. Add a ridge, .*--components 1\)", refused(tmp_path / "flat.npz"))

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("loss.gif", "one that ends in .svg, .pdf or .png, got '.gif'"),
            ("loss", "got no suffix"),
            ("none/loss.svg", "there is no directory"),
            ("folder.svg", "it is a directory"),
            ("file/loss.svg", "there is no directory"),
        ],
    )
    def test_a_plot_that_cannot_be_written_is_refused_before_training(
        self, refused, tmp_path, monkeypatch, name, message
    ):
        (tmp_path / "folder.svg").mkdir()
        (tmp_path / "file").touch()
        monkeypatch.setattr("linres.data.load", lambda *_, **__: pytest.fail("trained"))
        error = refused("digits", "--plot", tmp_path / name)
        assert message in error
        assert error.startswith(f"linres train: --plot {str(tmp_path / name)!r} ")
        assert sorted(os.listdir(tmp_path)) == ["file", "folder.svg"]

    def test_a_directory_without_permission_is_refused(self, refused, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
        assert "no permission in" in refused("digits", "--plot", tmp_path / "loss.svg")

    def test_no_traceback_reaches_the_terminal(self, tmp_path):
        (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 not a zip")
        done = subprocess.run(
            [sys.executable, "-c", "import sys; from linres.cli import main; sys.exit(main())", "train", "broken.npz"],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("linres train: broken.npz is not a readable .npz archive.")
        assert done.stderr.count("\n") == 1


    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (np.eye(3), "--start should be a real 10 x 10 matrix, got shape (3, 3)."),
            (1e200 * np.eye(10), "--start should be a network of finite loss, got loss inf."),
            (np.ones(10), "--start should be a real 10 x 10 matrix, got an array with 1 axes."),
            (np.full((10, 10), np.nan), "--start should be finite numbers, got 100 non-finite"),
            (1j * np.eye(10), "got dtype complex128"),
            (np.array([[None] * 10] * 10), "is not a readable .npy file. Write it by np.save"),
            (b"1,2,3", "is not a readable .npy file. Write it by np.save"),
            (b"", "is not a readable .npy file. Write it by np.save"),
        ],
    )
    def test_a_start_that_is_no_network_of_the_data_is_refused(self, refused, tmp_path, array, message):
        if isinstance(array, bytes):
            (tmp_path / "w.npy").write_bytes(array)
        else:
            np.save(tmp_path / "w.npy", array)
        assert message in refused("digits", "--start", tmp_path / "w.npy")

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("option", ["--stages", "--step", "--start"])
    def test_no_error_names_an_argument_of_python(self, refused, tmp_path, method, option):
        np.save(tmp_path / "w.npy", np.eye(3))
        value = tmp_path / "w.npy" if option == "--start" else -1
        asked = "does not apply to" if option == "--step" and method in REFERENCES else "should be"
        assert refused("digits", "--method", method, option, value).startswith(f"linres train: {option} {asked}")

    def test_data_of_unlike_width_are_named_as_the_file_names_them(self, refused, tmp_path):
        np.savez(tmp_path / "d.npz", X=np.eye(4), Y=np.eye(4)[:, :2])
        assert refused(tmp_path / "d.npz").startswith("linres train: X and Y should be equally wide")


class Terminal(io.StringIO):
    """A stderr that somebody looks at."""

    def isatty(self):
        return True


class TestProgress:
    @pytest.fixture
    def on_terminal(self, monkeypatch):
        """Run `linres train ...` on a terminal whose clock goes `seconds` at each look; what stderr then shows."""

        def run(*arguments, seconds, code=0):
            clock = itertools.count(0, seconds)
            monkeypatch.setattr(_shared, "time", types.SimpleNamespace(monotonic=lambda: next(clock)))
            monkeypatch.setattr(sys, "stderr", Terminal())
            assert main(["train", *arguments]) == code
            return sys.stderr.getvalue()

        return run

    def test_of_a_long_run_is_one_line_erased_at_the_end(self, on_terminal, capsys):
        first, *shown, last = on_terminal("digits", "--stages", "20", seconds=0.25).split("\r\x1b[K")
        # The clock is read once before the run, then at stages 0, 1, ...: the first second ends with stage 3.
        stages = [re.match(r"linres train: stage (\d+) of at most 20, excess loss \d", line)[1] for line in shown]
        assert stages == [str(stage) for stage in range(3, 21, 2)]
        assert (first, last) == ("", "")
        assert capsys.readouterr().out.startswith("data ")

    def test_is_erased_when_a_run_ends_early(self, on_terminal, monkeypatch):
        def interrupt(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(Problem, "gradient", interrupt)
        assert on_terminal("digits", seconds=1.5, code=130).endswith("\r\x1b[Klinres train: interrupted\n")

    def test_of_a_short_run_is_silent(self, on_terminal):
        assert on_terminal("digits", seconds=0.001) == ""

    def test_of_reading_counts_the_rows(self, on_terminal, tmp_path, monkeypatch):
        rows = np.random.default_rng(0).standard_normal((3000, 2))
        np.save(tmp_path / "x.npy", rows)
        np.savetxt(tmp_path / "y.csv", rows, delimiter=",")
        monkeypatch.setattr("linres.sources.CHUNK", 16 * 500)
        for sources, total in (("x.npy", "x.npy"), " of 3,000"), (("y.csv", "y.csv"), ""):
            shown = on_terminal(*(str(tmp_path / name) for name in sources), "--stages", "0", seconds=0.25)
            first, *lines, last = shown.split("\r\x1b[K")
            assert lines[:2] == [f"linres train: 2,000{total} rows read", f"linres train: 3,000{total} rows read"]
            assert (first, last) == ("", "")

    def test_is_silent_where_nobody_looks(self, train, monkeypatch):
        monkeypatch.setattr(_shared, "Progress", lambda *_: pytest.fail("showed progress"))
        train("digits")


class TestPlot:
    @pytest.mark.parametrize(
        ("suffix", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("SVG", b"<?xml")]
    )
    def test_is_written_in_the_format_of_its_suffix_and_alone(self, train, tmp_path, suffix, magic):
        train("digits", "--plot", tmp_path / f"loss.{suffix}")
        assert os.listdir(tmp_path) == [f"loss.{suffix}"]
        assert (tmp_path / f"loss.{suffix}").read_bytes().startswith(magic)

    @pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
    def test_is_the_same_to_the_byte_each_time(self, train, tmp_path, suffix):
        for name in ("a", "b"):
            train("digits", "--plot", tmp_path / f"{name}.{suffix}")
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()

    def test_keeps_its_text_as_text(self, train, tmp_path):
        train("digits", "--plot", tmp_path / "loss.svg")
        root = ElementTree.parse(tmp_path / "loss.svg").getroot()
        texts = ["".join(node.itertext()).strip() for node in root.iter("{http://www.w3.org/2000/svg}text")]
        assert "digits: d = 10, κ = 14.92" in texts
        assert "stage t (blocks added)" in texts
        assert any(text.startswith("sharp rate for quadratics: (1+qt)² times 0.5493") for text in texts)

    def test_draws_the_measured_curve_beside_the_sharp_rate_in_different_styles(self):
        problem = load("digits")
        run = stacking.grow(problem, stages=50)
        axes = plotting.loss_curve(run).axes[0]
        measured, sharp = axes.lines
        np.testing.assert_allclose(measured.get_ydata(), run.excess_loss / run.excess_loss[0])
        bound = theorems.load("nesterov-quadratic").bound(q=problem.q, T=np.arange(51), c=np.ones(1))
        np.testing.assert_allclose(sharp.get_ydata(), bound, rtol=1e-9)
        assert np.all(bound[1:] > 1.5 * run.rate_sharp ** np.arange(1, 51))  # its polynomial factor is drawn
        assert measured.get_color() != sharp.get_color()
        assert (measured.get_marker(), sharp.get_marker()) == ("o", "None")
        assert measured.get_linestyle() != sharp.get_linestyle()
        assert axes.get_yscale() == "log"
        assert "excess loss" in axes.get_ylabel()

    @pytest.mark.parametrize(
        ("solve", "level"),
        [
            (lambda problem, first: stacking.grow(problem, stages=30, start=first), "potential"),
            (lambda problem, first: nesterov.accelerate(problem, stages=30, start=first), "potential"),
            (lambda problem, first: descent.descend(problem, stages=30, start=first), "excess_loss"),
        ],
        ids=["stacking", "nesterov", "gradient"],
    )
    def test_draws_the_bound_that_is_proved_above_the_measured_curve(self, solve, level):
        problem = load("digits")
        run = solve(problem, starts.near(problem))
        measured, _, proved = run.plot().axes[0].lines
        rate = guarantee.of(problem, run).rate_proved
        bound = getattr(run, level)[0] / run.excess_loss[0] * rate ** np.arange(31)
        np.testing.assert_allclose(proved.get_ydata(), bound)
        assert np.all(measured.get_ydata() <= proved.get_ydata() * (1 + 1e-9))
        assert guarantee.of(problem, run).statement in proved.get_label()

    def test_draws_the_bound_of_stacking_quadratic_where_it_is_proved(self):
        problem = load("digits")
        run = stacking.grow(problem, stages=30, start=starts.near(problem, fraction=0.1))
        measured, _, sharp, accelerated = plotting.loss_curve(run).axes[0].lines
        expected = theorems.load("stacking-quadratic").bound(
            q=problem.q, L=problem.L, sigma=problem.sigma_min, T=np.arange(31), ell=run.excess_loss[:1], ell_star=0.0)
        np.testing.assert_allclose(sharp.get_ydata(), expected / run.excess_loss[0])
        assert "stacking-quadratic" in sharp.get_label() and "stacking-acceleration" in accelerated.get_label()
        assert np.all(measured.get_ydata() <= sharp.get_ydata())

    def test_draws_a_proved_sharp_course_once(self):
        from linres.methods import chebyshev

        for run, by in (
            (nesterov.accelerate(load("digits"), stages=9), ["nesterov-quadratic", "nesterov-with-errors"]),
            (chebyshev.chebyshev(load("digits"), stages=9), ["chebyshev-iteration"]),
        ):
            labels = [line.get_label() for line in plotting.loss_curve(run).axes[0].lines[1:]]
            assert len(labels) == len(by)
            assert all(f"proved ({name})" in label for name, label in zip(by, labels, strict=True))

    @pytest.mark.parametrize("stages", [0, 1, 700])
    def test_of_short_finished_or_diverged_runs_raises_no_warning(self, tmp_path, recwarn, stages):
        problem = load("digits-raw")
        plotting.save(plotting.loss_curve(stacking.grow(problem, stages=stages)), tmp_path / "a.svg")
        at_target = stacking.grow(problem, stages=stages, start=problem.target)
        plotting.save(plotting.loss_curve(at_target), tmp_path / "b.svg")
        one_step = nesterov.accelerate(Problem.from_spectrum([1.0]), stages=stages)
        plotting.save(plotting.loss_curve(one_step), tmp_path / "c.svg")
        assert [str(warning.message) for warning in recwarn] == []

    def test_a_failure_on_the_way_leaves_the_old_file_and_nothing_else(self, tmp_path, monkeypatch):
        (tmp_path / "loss.svg").write_text("old")
        figure = plotting.loss_curve(stacking.grow(load("digits"), stages=3))

        def fill_the_disk(file, **_):
            file.write(b"half")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(figure, "savefig", fill_the_disk)
        with pytest.raises(InputError, match="cannot be written: No space left on device"):
            plotting.save(figure, tmp_path / "loss.svg")
        assert os.listdir(tmp_path) == ["loss.svg"]
        assert (tmp_path / "loss.svg").read_text() == "old"


def test_training_on_the_digits_takes_less_than_three_seconds():
    def seconds():
        begun = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "linres", "train", "digits"], capture_output=True, check=True)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ended.ru_utime - begun.ru_utime + ended.ru_stime - begun.ru_stime

    assert min(seconds() for _ in range(2)) < 3


def test_the_command_line_imports_nothing_heavy():
    code = (
        "import sys; from linres.commands import train; import argparse;"
        "train.add_parsers(argparse.ArgumentParser().add_subparsers());"
        "print([name for name in ('numpy', 'scipy', 'sympy', 'numba', 'matplotlib', 'flint') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
