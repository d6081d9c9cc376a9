"""`linres propagate`: what it prints, what it draws, and what it refuses."""

import io
import itertools
import json
import math
import os
import re
import sys
import types

import numpy as np
import pytest

from linres import depth_scaling, estimates, limits
from linres.cli import main
from linres.commands import _shared
from linres.methods.propagation import propagate

KEYS = [
    "depth", "width", "exponent", "block", "matrices", "entries", "weights", "hurst", "length", "scale", "runs", "seed",
    "drawn", "confidence", "regime", "critical_exponent", "regime_by", "remark", "norms",
]
ROW = [
    "quantity", "symbol", "measured", "low", "high", "at_least", "predicted", "log_measured", "log_low", "log_high",
    "log_at_least", "log_predicted", "interval", "largest_share", "relation", "formula", "by", "why",
]
QUICK = ("--depth", 30, "--width", 8, "--runs", 200)


@pytest.fixture
def run(capsys):
    """Run `linres propagate ...`; returns what it printed. It must succeed and say nothing on stderr."""

    def call(*arguments):
        assert main(["propagate", *map(str, arguments)]) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out

    return call


@pytest.fixture
def run_json(run):
    def refuse_constant(name):
        pytest.fail(f"{name} is not JSON")

    return lambda *arguments: json.loads(run(*arguments, "--json"), parse_constant=refuse_constant)


@pytest.fixture
def refused(capsys):
    """Run `linres propagate ...`; it must exit with 2 and one line on stderr, which is returned."""

    def call(*arguments):
        try:
            code = main(["propagate", *map(str, arguments)])
        except SystemExit as end:
            code = end.code
        captured = capsys.readouterr()
        assert (code, captured.out) == (2, "")
        assert captured.err.startswith("linres propagate: ")
        assert captured.err.count("\n") == 1
        return captured.err.removeprefix("linres propagate: ")

    return call


def rows(report, of="norms"):
    return {row["quantity"]: row for row in report[of]}


class TestJson:
    def test_has_the_documented_keys_in_order(self, run_json):
        report = run_json(*QUICK)
        assert list(report) == KEYS
        assert list(report["norms"][0]) == ROW
        assert [row["quantity"] for row in report["norms"]] == list(depth_scaling.QUANTITIES)
        assert list(run_json(*QUICK, "--gradients")) == [*KEYS, "gradients_of", "gradients"]

    def test_is_measured_of_what_the_function_draws(self, run_json):
        report = rows(run_json(*QUICK, "--exponent", 0.25, "--block", "relu", "--matrices", 2, "--entries", "uniform",
                               "--seed", 3, "--gradients", "--confidence", 0.9), "gradients")
        found = propagate(30, width=8, exponent=0.25, runs=200, block="relu", matrices=2, law="uniform", seed=3,
                          gradients=True)
        for name, estimate in estimates.moments(found.log_gradient, found.log_gradient_distance, 0.9).items():
            key = "log_measured" if estimate.logs else "measured"
            assert report[name][key] == estimate.measured
            assert report[name][key.replace("measured", "low")] == estimate.low
            assert report[name][key.replace("measured", "high")] == estimate.high

    def test_has_the_predictions_and_who_proves_them(self, run_json):
        report = rows(run_json(*QUICK))
        known = depth_scaling.predictions(depth_scaling.Network(30, 8, 0.5))
        for name, row in report.items():
            if name not in known:
                assert (row["predicted"], row["relation"], row["by"]) == (None, None, None)
                continue
            value = known[name].value
            assert row["predicted"] == (math.exp(value) if known[name].log else value)
            assert (row["relation"], row["formula"], row["by"]) == (
                known[name].relation, known[name].formula, known[name].by)
        assert report["mean_square"]["by"] == "scaling-second-moment"

    @pytest.mark.parametrize(
        ("options", "regime", "critical"),
        [
            (("--exponent", 0.5), "nontrivial limit", 0.5), (("--exponent", 0.25), "explosion", 0.5),
            (("--exponent", 1), "identity", 0.5), (("--weights", "smooth", "--exponent", 1), "nontrivial limit", 1.0),
            (("--weights", "fractional", "--hurst", 0.8, "--exponent", 0.7), "explosion", 0.8),
            (("--weights", "fractional", "--hurst", 0.3, "--exponent", 0.6), "identity", 0.5),
        ],
        ids=str,
    )
    def test_names_the_regime(self, run_json, options, regime, critical):
        report = run_json("--depth", 20, "--width", 4, "--runs", 20, *options)
        assert (report["regime"], report["critical_exponent"]) == (regime, critical)

    def test_networks_beside_their_diffusion_have_the_exact_error(self, run_json):
        report = run_json(*QUICK, "--limit", 50, "--seed", 2)
        assert list(report) == [*KEYS, "limit"]
        limit, beside = report["limit"], limits.diffusion(30, width=8, runs=50, seed=2)
        assert (list(limit), limit["runs"]) == (["equation", "how", "runs", "rows"], 50)
        found = rows(limit, "rows")
        assert list(found) == ["mean_square_error", "median_error", "limit_log_mean", "limit_log_variance"]
        assert found["mean_square_error"]["predicted"] == pytest.approx(limits.strong_error(30, limits.REFINEMENT))
        assert found["mean_square_error"]["by"] == "scaling-strong-error"
        assert found["median_error"]["log_measured"] == np.median(beside.log_error)
        assert found["limit_log_mean"]["measured"] == np.mean(beside.log_limit)
        assert found["limit_log_variance"]["predicted"] == pytest.approx(0.5, rel=1e-14)
        bounded = rows(run_json(*QUICK, "--limit", 5, "--block", "tanh")["limit"], "rows")["mean_square_error"]
        assert (bounded["relation"], bounded["by"]) == ("<=", None)

    def test_networks_of_smooth_weights_are_beside_their_flow(self, run_json):
        report = run_json(*QUICK[:4], "--runs", 5, "--weights", "smooth", "--exponent", 1, "--limit", 3)["limit"]
        beside = limits.flow(30, width=8, runs=3)
        row = rows(report, "rows")["median_error"]
        assert row["log_measured"] == np.median(beside.log_error)
        assert (row["relation"], row["by"]) == ("<=", "scaling-smooth-weights")
        assert row["log_measured"] < row["log_predicted"] == np.median(beside.log_bound)

    @pytest.mark.parametrize(
        "options",
        [("--exponent", 1), ("--matrices", 2), ("--entries", "uniform"), ("--weights", "smooth"),
         ("--weights", "fractional", "--hurst", 0.7)], ids=str,
    )
    def test_where_there_is_no_limit_to_compare_with_that_is_said(self, refused, options):
        assert refused(*QUICK, "--limit", *options).startswith("--limit needs one Gaussian matrix a layer, and")

    @pytest.mark.parametrize("many", [0, -1, 10**10])
    def test_as_many_networks_as_can_be_beside_their_limit(self, refused, many):
        assert refused(*QUICK, "--limit", many).startswith("--limit N should be an integer from 1 to")

    def test_what_would_not_end_is_refused(self, refused):
        assert "Take a smaller --depth" in refused("--limit", 10**9, "--depth", 10**5)

    def test_deep_networks_that_explode_have_logarithms_where_float64_ends(self, run_json):
        report = run_json("--exponent", 0, "--depth", 100_000, "--runs", 20)
        row = rows(report)["mean_square"]
        assert (row["measured"], row["predicted"]) == (None, None)  # infinite in float64
        assert row["log_predicted"] == pytest.approx(1e5 * math.log(2))
        assert 6.6e4 < row["log_measured"] < row["log_predicted"]
        assert row["log_at_least"] < row["log_measured"]
        assert rows(report)["log_mean"]["measured"] == pytest.approx(rows(report)["log_mean"]["predicted"], rel=0.01)

    def test_the_same_seed_gives_the_same_numbers_with_a_plot_and_without(self, run_json, tmp_path):
        plain = run_json(*QUICK, "--seed", 5)
        assert run_json(*QUICK, "--seed", 5, "--plot", tmp_path / "a.svg") == plain
        assert run_json(*QUICK, "--seed", 6)["norms"] != plain["norms"]
        full = [run_json(*QUICK, "--full", *more) for more in ((), ("--plot", tmp_path / "b.svg"))]
        assert full[0] == full[1] != plain
        assert (full[0]["drawn"], plain["drawn"]) == ("weights", "norms")

    @pytest.mark.parametrize(
        ("options", "runs"), [((), 2000), (("--full",), 100), (("--block", "tanh"), 100),
                              (("--weights", "smooth"), 100), (("--block", "relu", "--matrices", 2), 2000)], ids=str,
    )
    def test_fewer_networks_are_drawn_where_each_takes_longer(self, run_json, options, runs):
        assert run_json("--depth", 10, "--width", 5, *options)["runs"] == runs

    def test_one_run_has_no_intervals_and_is_strict_json(self, run_json):
        for row in run_json("--depth", 10, "--width", 5, "--runs", 1, "--gradients")["norms"]:
            assert row["high"] is None or row["interval"] == "sequential"

    def test_intervals_hold_the_predictions(self, run_json):
        for name, row in rows(run_json("--runs", 20_000, "--confidence", 0.9999)).items():
            if row["relation"] == "=":
                assert row["low"] <= row["predicted"] <= row["high"], name


class TestText:
    @pytest.mark.parametrize(("exponent", "scale"), [(-1, "30^1 = 30"), (0, "30^0 = 1"), (2, "30^-2 = 0.001111")])
    def test_writes_the_scale_with_one_sign(self, run, exponent, scale):
        assert f"\ndepth        30, a = {scale}\n" in run(*QUICK, "--exponent", exponent)

    def test_says_what_was_drawn_and_where_the_exponent_lies(self, run):
        out = run(*QUICK, "--exponent", 0.25, "--block", "relu", "--matrices", 2, "--entries", "uniform")
        assert out.startswith("network      h + a V relu(U h), iid uniform weights, width 8\n")
        assert "\ndepth        30, a = 30^-0.25 = 0.4273\n" in out
        assert "\nruns         200, seed 0; drawn: all weights\n" in out
        assert "\nregime       explosion: exponent 0.25 < 1/2, critical for independent layers\n" in out
        assert "\nconfidence   0.99 for each interval\n" in out

    def test_has_a_row_for_every_quantity_with_its_interval_and_formula(self, run):
        out = run(*QUICK)
        for symbol, _ in depth_scaling.QUANTITIES.values():
            assert re.search(rf"^{re.escape(symbol)} +\S+ +\[\S+, \S+\]  (central|order|seq)", out, re.MULTILINE)
        assert re.search(r"^ += 2.674 = \(1 \+ a\^2\)\^L \(scaling-second-moment\)$", out, re.MULTILINE)
        assert "none known" in out
        assert "any law: >= " in out

    def test_says_when_one_run_makes_up_the_mean(self, run):
        words = "of this mean comes from one run: so few runs do not show it"
        assert words in run("--exponent", 0, "--depth", 2000, "--runs", 50)
        assert words not in run(*QUICK)
        assert words not in run("--exponent", 2, "--runs", 10)  # no run has more than its fair share

    def test_of_states_that_become_zero_no_logarithm_is_claimed(self, run, run_json):
        options = ("--entries", "rademacher", "--width", 1, "--exponent", 0, "--depth", 20, "--runs", 30)
        report = rows(run_json(*options))
        assert (report["mean_square"]["measured"], report["mean_square"]["log_measured"]) == (0.0, None)
        assert (report["log_mean"]["measured"], report["log_mean"]["high"]) == (None, None)
        assert report["median_distance"]["measured"] == 1.0
        assert re.search(r"^Var log \S+ +undefined", run(*options), re.MULTILINE)
        assert re.search(r"^median \|h_L\|/\|h_0\| +0 +\[0, 0\]", run(*options), re.MULTILINE)

    def test_prints_numbers_beyond_float64(self, run):
        out = run("--exponent", 0, "--depth", 100_000, "--runs", 20)
        assert re.search(r"^ += 9.99e\+30102 = \(1 \+ a\^2\)\^L", out, re.MULTILINE)
        assert not re.search(r"\b(inf|nan)\b", out)

    def test_gradients_have_their_own_names(self, run):
        out = run(*QUICK, "--gradients")
        assert re.search(r"^E\|p_0-p_L\|\^2/\|p_L\|\^2 +\d", out, re.MULTILINE)
        assert "\ngradients    p_0 of <p_L, h_L> in h_0" in out
        assert "E|p_0|" not in run(*QUICK)

    @pytest.mark.parametrize(
        ("options", "remark"),
        [
            (("--width", 1, "--exponent", 0.25), "the mean explodes; in width 1 the typical norm collapses"),
            (("--width", 2, "--exponent", 0.25), "the mean explodes; in width 2 the typical norm stays"),
            (("--block", "tanh", "--exponent", 0.25), "like a power of the depth"),
            (("--weights", "fractional", "--hurst", 0.3), "H < 1/2: the state near exp(-1/(2d)) h_0"),
        ],
        ids=str,
    )
    def test_says_what_is_particular(self, run, options, remark):
        assert remark in run("--depth", 20, "--width", 4, "--runs", 20, *options)

    def test_help_has_examples_that_run_within_eighty_columns(self, capsys):
        with pytest.raises(SystemExit) as end:
            main(["propagate", "--help"])
        out = capsys.readouterr().out
        assert end.value.code == 0
        assert max(map(len, out.splitlines())) <= 80
        examples = re.findall(r"^  linres propagate(.*)$", out, re.MULTILINE)
        assert len(examples) >= 5
        assert "exit codes: 0 drawn, 2 bad input" in out

    @pytest.mark.parametrize("example", ["--block relu --matrices 2 --entries uniform --gradients",
                                         "--weights fractional --hurst 0.8 --exponent 1 --depth 200",
                                         "--weights smooth --exponent 1.5 --depth 200 --json"])
    def test_the_examples_run(self, run, example, capsys):
        with pytest.raises(SystemExit):
            main(["propagate", "--help"])
        assert example in capsys.readouterr().out
        assert run(*example.split(), "--runs", 3, "--width", 6)


class TestPlot:
    @pytest.mark.parametrize(("suffix", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
    def test_is_written_alone_and_the_same_each_time(self, run, tmp_path, suffix, magic):
        for name in "ab":
            run(*QUICK, "--plot", tmp_path / f"{name}.{suffix}")
        assert sorted(os.listdir(tmp_path)) == [f"a.{suffix}", f"b.{suffix}"]
        first, second = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in "ab")
        assert first.startswith(magic)
        assert first == second

    @pytest.mark.parametrize(
        "options",
        [
            ("--exponent", 0, "--depth", 3000), ("--depth", 1), ("--runs", 1), ("--weights", "smooth"),
            ("--block", "tanh"), ("--exponent", 8), ("--entries", "rademacher", "--width", 1),
            ("--entries", "rademacher", "--width", 1, "--exponent", 0),  # states become 0
        ],
        ids=str,
    )
    def test_is_drawn_of_every_kind_of_network(self, run, tmp_path, options):
        run("--depth", 40, "--width", 4, "--runs", 30, *options, "--plot", tmp_path / "a.svg")
        assert "</svg>" in (tmp_path / "a.svg").read_text(encoding="utf-8")


class TestRefused:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ("--depth 0", "--depth should be an integer from 1 to 1,000,000,000, got 0."),
            ("--width -3", "--width should be an integer from 1"),
            ("--depth 1" + "0" * 400, "--depth should be an integer from 1"),
            ("--runs 0", "--runs should be an integer from 1"),
            ("--depth 1.5", "argument --depth: should be an integer, got '1.5'"),
            ("--exponent x", "argument --exponent: should be a number, got 'x'. See linres propagate --help."),
            ("--exponent nan", "--exponent should be a number from -10 to 10, got nan."),
            ("--exponent inf", "--exponent should be a number from -10 to 10, got inf."),
            ("--seed -1", "--seed should be an integer from 0 to 2^64 - 1, got -1."),
            ("--block gelu", "--block should be 'linear' or 'relu' or 'tanh', got"),
            ("--matrices 3", "--matrices should be 1 or 2, got"),
            ("--entries cauchy", "--entries should be 'gaussian' or"),
            ("--weights odd", "--weights should be 'iid' or 'smooth' or"),
            ("--weights fractional", "--weights fractional needs --hurst H, a number between 0 and 1."),
            ("--weights fractional --hurst 1.2", "--hurst should be a number between 0 and 1, got 1.2."),
            ("--hurst .3", "--hurst is for --weights fractional. Leave it out."),
            ("--length 1", "--length is for --weights smooth. Leave it out."),
            ("--weights smooth --length 0", "--length should be a number > 0 and <= 10"),
            ("--weights smooth --entries uniform", "--entries should be 'gaussian' for smooth weights"),
            ("--confidence 1", "--confidence should be at least 0.5 and less than 1, got 1."),
            ("--confidence nan", "--confidence should be at least 0.5 and less than 1, got nan."),
            ("--plot x.txt", "--plot 'x.txt' should be one that ends in .svg, .pdf or .png, got '.txt'."),
            ("--plot no/x.svg", "--plot 'no/x.svg' cannot be written: there is no directory 'no'"),
            ("--weights fractional --hurst .7 --depth 1000000", "drawing this needs some 64 GB, more than 4."),
            ("--runs 999999999", "drawing this needs some 16 GB, more than 4."),
            ("--full --depth 1000000000 --width 1000", "drawing this takes some 1e+17 multiply-adds, more than 1e+15."),
            ("--gradients --depth 100000000", "drawing this needs some"),
        ],
    )
    def test_in_one_line_before_anything_is_drawn(self, refused, monkeypatch, options, message):
        monkeypatch.setattr("linres.methods.propagation._draw_norms", lambda *_: pytest.fail("drawn"))
        assert refused(*options.split()).startswith(message)

    def test_wide_networks_whose_norms_are_drawn_alone_are_not(self, run_json):
        assert run_json("--width", 10**6, "--depth", 5, "--runs", 50)["drawn"] == "norms"


class Terminal(io.StringIO):
    def isatty(self):
        return True


class TestProgress:
    def test_counts_the_networks_on_a_terminal_and_is_erased(self, monkeypatch, capsys):
        clock = itertools.count(0, 0.6)
        monkeypatch.setattr(_shared, "time", types.SimpleNamespace(monotonic=lambda: next(clock)))
        monkeypatch.setattr("linres.methods.propagation._PIECE", 1.0)
        monkeypatch.setattr(sys, "stderr", Terminal())
        assert main(["propagate", *map(str, QUICK)]) == 0
        shown = sys.stderr.getvalue()
        assert re.search(r"linres propagate: \d+ of 200 networks drawn", shown)
        assert shown.endswith("\r\x1b[K")

    def test_is_silent_where_nobody_looks(self, run, monkeypatch):
        monkeypatch.setattr(_shared, "Progress", lambda *_: pytest.fail("showed progress"))
        run(*QUICK)


def test_the_number_of_threads_does_not_matter(run_json):
    import numba

    before, found = numba.get_num_threads(), []
    try:
        for threads in {1, before}:
            numba.set_num_threads(threads)
            found.append(run_json(*QUICK, "--full"))
    finally:
        numba.set_num_threads(before)
    assert all(report == found[0] for report in found)


def test_layers_of_the_plot_end_at_the_depth():
    from linres.commands.propagate import _layers

    for depth in (1, 2, 7, 1000, 10**9):
        layers = _layers(depth)
        assert (layers[0], layers[-1]) == (1, depth)
        assert np.all(np.diff(layers) > 0)
        assert len(layers) <= 24
