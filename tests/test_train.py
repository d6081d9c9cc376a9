"""`linres train`: what it prints, what it draws, and what it refuses."""

import json
import math
import os
import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from linres import plotting
from linres.cli import main
from linres.commands.train import METHODS
from linres.data import load
from linres.errors import InputError
from linres.methods import nesterov, stacking
from linres.problem import Problem

KEYS = [
    "data", "method", "rule", "stages", "mu", "L", "kappa", "sigma_min", "momentum", "step", "loss", "excess_loss",
    "rate_measured", "rate_sharp", "rate_proved", "hypotheses", "inside_basin", "status",
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
        [*((method, "functional") for method in METHODS), ("stacking", "parameter"), ("zero", "parameter")],
    )
    def test_the_measured_rate_is_next_to_the_sharp_one(self, train_json, method, rule):
        report = train_json("digits", "--method", method, "--rule", rule, "--stages", 1000)
        assert (report["method"], report["rule"], report["status"]) == (method, rule, "converged")
        assert math.log(report["rate_measured"] / report["rate_sharp"]) == pytest.approx(0, abs=4 / report["stages"])

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

    def test_a_singular_target_is_reported_with_its_remedy_and_trained_on(self, train_json):
        report = train_json("digits-raw")
        failing = [entry for entry in report["hypotheses"] if entry["holds"] is not True]
        assert [(entry["name"], entry["holds"]) for entry in failing] == [("target-invertible", False)]
        assert failing[0]["value"] == report["sigma_min"] < 1e-14
        assert "--components 61" in failing[0]["remedy"]
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


class TestText:
    def test_names_the_numbers_and_their_meaning(self, train):
        out, problem = train("digits"), load("digits")
        for name, value in {
            "kappa": f"{problem.kappa:.6g}", "sigma_min(W*)": f"{problem.sigma_min:.6g}", "rate sharp": "0.549264",
            "stages to 1e-6": "22", "data": "digits: 1797 samples, d = 10", "hypotheses": "all 4 hold",
            "status": "converged at stage 110",
        }.items():
            assert re.search(rf"^{re.escape(name)} +{re.escape(value)}\b", out, re.MULTILINE), name

    def test_says_which_hypothesis_fails_and_what_to_do(self, train):
        out = train("digits-raw", "--stages", 20)
        assert "3 of 4 hold; not:\n  target-invertible fails: W* is invertible" in out
        assert "--components 61" in out
        assert re.search("^status +all 20 stages used$", out, re.MULTILINE)

    def test_says_where_a_run_diverged(self, train):
        assert re.search(r"^status +diverged at stage \d+$", train("digits", "--step", 50), re.MULTILINE)

    def test_help_shows_options_methods_and_examples(self, capsys):
        with pytest.raises(SystemExit) as end:
            main(["train", "--help"])
        out = capsys.readouterr().out
        assert end.value.code == 0
        for word in ("--method", "--plot FILE", "examples:", "linres train digits-raw --components 20"):
            assert word in out


BAD = [
    (["digits", "--stages", "x"], "argument --stages: should be an integer, got 'x'"),
    (["digits", "--stages", "1.5"], "argument --stages: should be an integer, got '1.5'"),
    (["digits", "--stages", "-1"], "stages=...) should be an integer >= 0, got -1"),
    (["digits", "--momentum", "much"], "argument --momentum: should be a number, got 'much'"),
    (["digits", "--momentum", "1.2"], "momentum=...) should be in [0, 1), got 1.2. Leave it out to use (1-q)/(1+q)."),
    (["digits", "--momentum", "nan"], "should be in [0, 1), got nan"),
    (["digits", "--step", "-1"], "step_size=...) should be a number > 0, got -1.0"),
    (["digits", "--step", "inf"], "got inf"),
    (["digits", "--components", "65"], "integer from 1 to 64, got 65"),
    (["digits", "--ridge", "-0.001"], "ridge=...) should be a number >= 0, got -0.001"),
    (["digits", "--seed", "-1"], "load(seed=...) should be an integer from 0 to 2^32 - 1, got -1"),
    (["digits", "--method", "adam"], "argument --method: invalid choice: 'adam'"),
    (["digits", "--method", "zero", "--momentum", "0.5"], "--momentum does not apply to --method zero"),
    (["digits", "--method", "gradient", "--momentum", "0.5"], "--momentum does not apply to --method gradient"),
    (["digits", "--method", "nesterov", "--rule", "parameter"], "--rule parameter does not apply"),
    (["digts"], "no embedded data are called 'digts'. There are: digits, digits-raw."),
    (["none.npz"], "none.npz cannot be read: No such file or directory."),
    ([], "the following arguments are required: DATA"),
]


class TestRefusals:
    @pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(arguments) or "none" for arguments, _ in BAD])
    def test_bad_input_is_one_line_and_exit_2(self, refused, arguments, message, tmp_path):
        plot = tmp_path / "loss.svg"
        assert message in refused(*arguments, "--plot", plot)
        assert os.listdir(tmp_path) == []

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
        assert message in refused("digits", "--plot", tmp_path / name)
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
        assert any(text.startswith("sharp rate for quadratics: 0.5493") for text in texts)

    def test_draws_the_measured_curve_beside_the_sharp_rate_in_different_styles(self):
        run = stacking.grow(load("digits"), stages=50)
        axes = plotting.loss_curve(run).axes[0]
        measured, sharp = axes.lines
        np.testing.assert_allclose(measured.get_ydata(), run.excess_loss / run.excess_loss[0])
        np.testing.assert_allclose(sharp.get_ydata(), run.rate_sharp ** np.arange(51))
        assert measured.get_color() != sharp.get_color()
        assert (measured.get_marker(), sharp.get_marker()) == ("o", "None")
        assert measured.get_linestyle() != sharp.get_linestyle()
        assert axes.get_yscale() == "log"
        assert "excess loss" in axes.get_ylabel()

    @pytest.mark.parametrize("stages", [0, 1, 700])
    def test_of_short_finished_or_diverged_runs_raises_no_warning(self, tmp_path, recwarn, stages):
        problem = load("digits-raw")
        plotting.save(plotting.loss_curve(stacking.grow(problem, stages=stages)), tmp_path / "a.svg")
        at_target = stacking.grow(problem, stages=stages, network=problem.target)
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


def test_the_command_line_imports_nothing_heavy():
    code = (
        "import sys; from linres.commands import train; import argparse;"
        "train.add_parsers(argparse.ArgumentParser().add_subparsers());"
        "print([name for name in ('numpy', 'scipy', 'sympy', 'numba', 'matplotlib', 'flint') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
