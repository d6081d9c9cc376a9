"""Stagewise training: what blocks start at, how many steps they take, which blocks take them, and what is refused."""

import csv
import functools
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import linres
from linres import network, plotting
from linres.arithmetic import EXACT
from linres.errors import InputError
from linres.methods import descent, nesterov, stacking
from linres.problem import Problem
from linres.trajectory import Trajectory

TARGET = np.array([[2.0, 0.3, 0], [0, 1.5, 0.1], [0.2, 0, 1.8]])
PROBLEM = Problem.from_spectrum([0.04, 0.2, 1.0], target=TARGET)
SIGMA, IDENTITY = np.diag([0.04, 0.2, 1.0]), np.eye(3)
both_rules = pytest.mark.parametrize("rule", stacking.RULES)


def gradient(w):
    return (w - TARGET) @ SIGMA


class TestSteps:
    def test_one_step_is_the_generic_stage_to_the_bit(self):
        rng = np.random.default_rng(0)
        w, block = IDENTITY + 0.1 * rng.standard_normal((3, 3)), 0.1 * rng.standard_normal((3, 3))
        for rule in stacking.RULES:
            once = stacking.stage(w, block, gradient, momentum=0.3, step_size=0.7, rule=rule)
            again = stacking.train_block(w, 0.3 * block, gradient, step_sizes=[0.7], rule=rule)
            assert all(np.array_equal(*pair) for pair in zip(once, again, strict=True))

    @both_rules
    def test_several_steps_are_exact_in_exact_arithmetic(self, rule):
        """In one dimension: target 3, second moment 1/2, W = 2, w^0 = 1/4, steps 1 and 1/3."""
        F = Fraction
        w, start, steps = F(2), F(1, 4), (F(1), F(1, 3))
        point = first = (1 + start) * w
        for step in steps:
            point = point - step * (point - 3) / 2 * (w * w if rule == "parameter" else 1)
        one = [EXACT.matrix(((value,),)) for value in (w, start, F(3))]
        found = stacking.train_block(
            one[0], one[1], lambda x: EXACT.number(F(1, 2)) * (x - one[2]),
            step_sizes=[EXACT.number(step) for step in steps], rule=rule,
        )
        for value, expected in zip(found, (first, point, point / w - 1), strict=True):
            assert (value - EXACT.matrix(((expected,),))).entries() == [0]

    def test_several_functional_steps_from_zero_are_gradient_descent_with_fewer_looks(self):
        run = stacking.grow(PROBLEM, block_start="zero", stages=5, inner=3)
        descended = descent.descend(PROBLEM, stages=15)
        np.testing.assert_allclose(run.excess_loss, descended.excess_loss[::3], rtol=1e-10)
        assert run.settings["inner"] == 3

    @both_rules
    def test_each_step_may_have_its_size(self, rule):
        sizes = [0.5, 0.125, 0.25]
        run = stacking.grow(PROBLEM, rule=rule, stages=1, inner=3, step_size=sizes)
        w = np.eye(3)
        for size in sizes:  # at W_0 = I the two rules are one
            w = w - size * gradient(w)
        np.testing.assert_allclose(run.network, w, rtol=1e-14)
        assert (run.settings["step_size"], run.settings["step_sizes"]) == (0.5, sizes)

    def test_steps_of_the_parameter_rule_are_on_the_block(self):
        run = stacking.grow(PROBLEM, rule="parameter", stages=2, inner=2, momentum=0.25, step_size=0.2)
        first = np.eye(3)
        for _ in range(2):
            first = first - 0.2 * gradient(first)
        block = 0.25 * (first - np.eye(3))
        for _ in range(2):
            block = block - 0.2 * gradient((IDENTITY + block) @ first) @ first.T
        np.testing.assert_allclose(run.network, (IDENTITY + block) @ first, rtol=1e-13)

    @both_rules
    def test_more_steps_bring_a_stage_of_zero_starts_further(self, rule):
        runs = [stacking.grow(PROBLEM, block_start="zero", rule=rule, stages=10, inner=inner) for inner in (1, 2, 4)]
        excess = [run.excess_loss[-1] for run in runs]
        assert excess == sorted(excess, reverse=True)

    def test_what_further_steps_add_is_the_step_error(self):
        run = stacking.grow(PROBLEM, stages=4, inner=2, start=TARGET + 0.05)
        networks = [stacking.grow(PROBLEM, stages=t, inner=2, start=TARGET + 0.05).network for t in range(5)]
        for t in range(4):
            before, beta = networks[max(t - 1, 0)], run.settings["momentum"]
            block = (networks[t] - before) @ np.linalg.inv(before)
            y = networks[t] + beta * block @ networks[t]
            expected = np.linalg.norm(networks[t + 1] - y + gradient(y))
            assert run.step_error[t] == pytest.approx(expected, rel=1e-9)
            assert expected > 1e-3


class TestAllBlocks:
    def test_backpropagation_gives_the_gradients_of_every_block(self):
        rng = np.random.default_rng(0)
        for depth in (1, 2, 5):
            blocks = list(0.3 * rng.standard_normal((depth, 3, 3)))
            slope = gradient(network.end_to_end(blocks, IDENTITY))
            for one, other in zip(
                network.backpropagate(blocks, IDENTITY, gradient), network.block_gradients(blocks, slope), strict=True
            ):
                np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)

    def test_backpropagation_from_another_first_network_gives_the_slope_of_the_loss(self):
        rng = np.random.default_rng(1)
        blocks, first = list(0.3 * rng.standard_normal((3, 3, 3))), 1.5 * np.eye(3) + 0.2
        direction, h = rng.standard_normal((3, 3, 3)), 1e-5

        def loss(t):
            moved = [block + t * d for block, d in zip(blocks, direction, strict=True)]
            return PROBLEM.excess_loss(network.end_to_end(moved, first))

        gradients = network.backpropagate(blocks, first, gradient)
        assert (loss(h) - loss(-h)) / (2 * h) == pytest.approx(np.sum(np.array(gradients) * direction), rel=1e-7)

    @pytest.mark.parametrize("inner", [1, 2])
    def test_take_the_steps_together_each_its_share(self, inner):
        run = stacking.grow(
            PROBLEM, rule="parameter", train="all", stages=3, inner=inner, momentum=0.25, step_size=0.3,
            start=2 * IDENTITY,
        )
        blocks = []
        for n in (1, 2, 3):
            blocks.append(0.25 * blocks[-1] if blocks else np.zeros((3, 3)))
            for _ in range(inner):
                w = network.end_to_end(blocks, 2 * IDENTITY)
                slopes = network.block_gradients([*blocks], gradient(w) @ (2 * IDENTITY))
                blocks = [block - 0.3 / n * slope for block, slope in zip(blocks, slopes, strict=True)]
        np.testing.assert_allclose(run.network, network.end_to_end(blocks, 2 * IDENTITY), rtol=1e-12)
        assert run.block_norm[-1] == pytest.approx(np.linalg.norm(blocks[-1]), rel=1e-11)

    def test_of_one_stage_are_the_new_one(self):
        runs = [stacking.grow(PROBLEM, rule="parameter", stages=1, train=train).network for train in stacking.TRAINED]
        assert np.array_equal(*runs)

    @pytest.mark.parametrize("settings", [{}, {"block_start": "zero"}, {"momentum": "trained"}, {"inner": 4}])
    def test_arrive(self, settings):
        problem = Problem.from_spectrum([0.25, 0.5, 1.0], target=TARGET)
        run = stacking.grow(problem, rule="parameter", train="all", stages=1000, **settings)
        assert run.status == "converged"

    def test_obey_nesterovs_method_with_the_errors_recorded(self):
        for settings in ({"train": "all"}, {"inner": 3}, {"train": "all", "inner": 2}):
            run = stacking.grow(PROBLEM, rule="parameter", stages=40, start=TARGET + 0.02, **settings)
            mu, L = PROBLEM.output_curvature[0], 1 / run.settings["step_size"]
            q, root = math.sqrt(mu / L), np.sqrt(run.potential)
            ahead = math.sqrt(1 - q) * (root[:-1] + math.sqrt((1 + q) * L / 2) * run.lookahead_error[:-1])
            assert np.all(root[1:] <= (ahead + math.sqrt(L) * run.step_error[:-1]) * (1 + 1e-9))


class TestMomentum:
    def test_of_theory_is_what_is_taken_if_none_is_given(self):
        for rule in stacking.RULES:
            given = stacking.grow(PROBLEM, rule=rule, stages=9, momentum="theory")
            assert np.array_equal(given.loss, stacking.grow(PROBLEM, rule=rule, stages=9).loss)
            assert given.settings["momentum_rule"] == "fixed"

    def test_takes_a_step_down_the_loss_in_units_of_the_step(self):
        direction, slope = np.array([[3.0, 0], [0, 4]]), np.array([[-1.0, 2], [5, 0.5]])
        # <slope, direction> = -1 and |direction|^2 = 25
        assert stacking.train_momentum(0.5, direction, slope, step_size=2.0) == pytest.approx(0.5 + 2 / 25, rel=1e-15)

    @pytest.mark.parametrize(("sign", "expected"), [(-1, 1.0), (1, 0.0)])
    def test_stays_between_zero_and_one(self, sign, expected):
        assert stacking.train_momentum(0.5, np.eye(2), sign * 100 * np.eye(2), step_size=1.0) == expected

    def test_without_a_block_before_stays_what_it_is(self):
        assert stacking.train_momentum(0.5, np.zeros((2, 2)), np.eye(2), step_size=1.0) == 0.5

    @both_rules
    def test_is_trained_before_the_block_and_kept_for_the_next_stage(self, rule):
        run = stacking.grow(PROBLEM, rule=rule, stages=3, momentum="trained", step_size=0.2, start=2.5 * IDENTITY)
        beta = beta_of_theory = run.settings["momentum"]
        w, block, found = 2.5 * IDENTITY, np.zeros((3, 3)), []
        for _ in range(3):
            direction = block @ w if rule == "functional" else block
            if block.any():
                slope = gradient((IDENTITY + beta * block) @ w) @ (w.T if rule == "parameter" else IDENTITY)
                beta = min(1, max(0, beta - 0.2 * np.sum(slope * direction) / np.sum(direction**2)))
            found.append(beta)
            y = (IDENTITY + beta * block) @ w
            grown = y - 0.2 * gradient(y) @ (w.T @ w if rule == "parameter" else IDENTITY)
            w, block = grown, (grown - w) @ np.linalg.inv(w)
        np.testing.assert_allclose(run.network, w, rtol=1e-12)
        np.testing.assert_allclose(run.beta[:-1], found, rtol=1e-10)
        assert found[0] == beta_of_theory != found[1]

    def test_several_steps_train_it_several_times(self):
        run = stacking.grow(PROBLEM, stages=6, momentum="trained", inner=3)
        again = stacking.grow(PROBLEM, stages=6, momentum="trained")
        assert run.beta[1] == pytest.approx(again.beta[1], abs=0.5)
        assert run.excess_loss[-1] < again.excess_loss[-1]

    @both_rules
    def test_does_not_depend_on_the_units(self, rule):
        """y in other units: W, and with it the loss, is scaled; beta has no units."""
        runs = []
        for unit in (1.0, 1024.0):
            problem = Problem.from_spectrum([0.04, 0.2, 1.0], target=unit * TARGET)
            runs.append(stacking.grow(problem, rule=rule, stages=20, momentum="trained", start=unit * IDENTITY))
        np.testing.assert_allclose(runs[0].beta[:-1], runs[1].beta[:-1], rtol=1e-6)
        assert np.ptp(runs[0].beta[:-1]) > 0.1

    @both_rules
    def test_trained_arrives(self, rule):
        run = stacking.grow(PROBLEM, rule=rule, stages=3000, momentum="trained")
        assert run.status == "converged"
        assert np.all((run.beta[:-1] >= 0) & (run.beta[:-1] <= 1))


class TestRandomStarts:
    def test_have_the_variance_that_is_stated(self):
        d, scale = 64, 0.3
        problem = Problem.from_spectrum(np.linspace(0.5, 1, d))
        run = stacking.grow(problem, block_start="random", scale=scale, stages=1, seed=1)
        # |w^0 W_0|^2 = |w^0|^2 is scale^2/d times a chi-square of d^2 degrees, whose relative deviation is sqrt(2)/d.
        assert run.lookahead_error[0] ** 2 == pytest.approx(scale**2 * d, rel=4 * math.sqrt(2) / d)

    def test_are_independent_from_stage_to_stage_and_of_the_seed(self):
        seen = {}
        for seed in (0, 0, 1):
            starts = []

            def look(stage, block, w, generator, starts=starts):
                starts.append(generator.standard_normal((3, 3)))
                return starts[-1] / 30

            stacking.grow(PROBLEM, block_start=look, stages=3, seed=seed)
            assert not np.array_equal(starts[0], starts[1])
            seen.setdefault(seed, []).append(np.array(starts))
        assert np.array_equal(*seen[0])
        assert not np.array_equal(seen[0][0], seen[1][0])

    @both_rules
    def test_reproduce_to_the_bit_and_differ_by_seed(self, rule):
        runs = [stacking.grow(PROBLEM, block_start="random", rule=rule, stages=9, seed=seed).loss for seed in (3, 3, 4)]
        assert np.array_equal(runs[0], runs[1])
        assert not np.array_equal(runs[0], runs[2])

    def test_are_those_of_numpys_frozen_stream(self):
        drawn = np.random.RandomState([7, 2]).standard_normal((3, 3)) * 0.1 / math.sqrt(3)
        y = IDENTITY + drawn
        run = stacking.grow(PROBLEM, block_start="random", stages=1, seed=7)
        np.testing.assert_allclose(run.network, y - gradient(y), rtol=1e-14)
        assert (run.settings["scale"], run.settings["seed"], run.method) == (0.1, 7, "random")

    def test_leave_a_floor_of_noise_that_grows_with_the_scale(self):
        floors = [
            stacking.grow(PROBLEM, block_start="random", scale=scale, stages=400).excess_loss[-50:].mean()
            for scale in (1e-3, 1e-2, 1e-1)
        ]
        assert floors[1] / floors[0] == pytest.approx(100, rel=0.5)
        assert floors[2] / floors[1] == pytest.approx(100, rel=0.5)

    def test_on_the_mean_of_a_stage_are_zero_starts(self):
        """The functional rule is affine in w^0, so that starts of mean zero do on average what the zero start does."""
        ends = [
            stacking.grow(PROBLEM, block_start=lambda *_, sign=sign: sign * np.full((3, 3), 0.2), stages=1).network
            for sign in (1, -1)
        ]
        zero = stacking.grow(PROBLEM, block_start="zero", stages=1).network
        np.testing.assert_allclose(sum(ends) / 2, zero, rtol=1e-14)


class TestOwnStarts:
    @both_rules
    def test_are_told_the_stage_the_block_and_the_network(self, rule):
        told = []

        def start(stage, block, w, generator):
            told.append((stage, np.array(block), np.array(w), type(generator)))
            return 0.25 * block

        own = stacking.grow(PROBLEM, block_start=start, rule=rule, stages=4)
        usual = stacking.grow(PROBLEM, rule=rule, stages=4, momentum=0.25)
        assert np.array_equal(own.loss, usual.loss)
        assert (own.method, own.settings["block_start"].split(".")[-1]) == ("custom", "start")
        assert [stage for stage, *_ in told] == [1, 2, 3, 4]
        assert not told[0][1].any()
        assert np.array_equal(told[0][2], np.eye(3))
        for (_, _, before, _), (_, block, after, _) in itertools.pairwise(told):
            np.testing.assert_allclose(after, (IDENTITY + block) @ before, rtol=1e-12, atol=1e-15)
        assert told[0][3] is np.random.RandomState

    def test_are_no_multiple_of_the_last_block_and_count_as_errors_in_full(self):
        own = stacking.grow(PROBLEM, block_start=lambda stage, block, w, _: 0.25 * block, stages=4, rule="parameter")
        np.testing.assert_array_equal(own.beta[:-1], 0)
        assert own.lookahead_error[2] > 0

    def test_cannot_change_what_they_are_shown(self):
        def start(stage, block, w, generator):
            w[0, 0] = 7

        with pytest.raises(ValueError, match="read-only"):
            stacking.grow(PROBLEM, block_start=start, stages=1)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (np.eye(2), r"grow\(block_start=\.\.\.\) at stage 1 should be a real 3 x 3 matrix, got shape \(2, 2\)"),
            (None, "at stage 1 should be a real 3 x 3 matrix, got None."),
            ([[None] * 3] * 3, "at stage 1 should be a real 3 x 3 matrix, got dtype object."),
            (np.full((3, 3), np.inf), "at stage 1 should be finite numbers, got 9 non-finite"),
        ],
    )
    def test_that_are_no_block_are_refused(self, given, message):
        with pytest.raises(InputError, match=message):
            stacking.grow(PROBLEM, block_start=lambda *_: given, stages=1)

    @both_rules
    def test_that_divide_by_a_singular_matrix_are_not_taken_for_a_singular_network(self, rule):
        with pytest.raises(InputError, match=r"gives w\^0, got LinAlgError: Singular matrix at stage 1"):
            stacking.grow(PROBLEM, block_start=lambda *_: np.linalg.inv(np.zeros((3, 3))), rule=rule, stages=1)


KINDS = {
    "stacking": {}, "zero": {"block_start": "zero"}, "random": {"block_start": "random", "scale": 0.01, "seed": 5},
    "parameter": {"rule": "parameter"}, "inner": {"inner": 2}, "trained": {"momentum": "trained"},
    "all": {"rule": "parameter", "train": "all"},
}


@pytest.mark.parametrize("d", [8, 32, 64, 130])
def test_runs_have_the_same_bits_with_one_and_two_threads(d):
    """Of 100 columns LAPACK divides the work, and rounds otherwise."""
    rng = np.random.default_rng(d)
    orthogonal = np.linalg.qr(rng.standard_normal((d, d)))[0]
    sigma = (orthogonal * np.geomspace(0.1, 1, d)) @ orthogonal.T
    target = 2 * np.eye(d) + 0.3 / math.sqrt(d) * rng.standard_normal((d, d))
    cross = target @ sigma
    runs = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            problem = Problem((sigma + sigma.T) / 2, cross, 100.0 * d)
            runs.append([stacking.grow(problem, stages=6, **settings) for settings in KINDS.values()])
            trained = functools.partial(linres.train, depth=3)
            solvers = (linres.descend, linres.accelerate, linres.chebyshev, linres.conjugate_gradient, trained)
            runs[-1] += [solver(problem, stages=6) for solver in solvers]
    for one, other in zip(*runs, strict=True):
        assert np.array_equal(one.network, other.network)
        assert np.array_equal(one.loss, other.loss)
        for name, values in one.series.items():
            assert np.array_equal(values, other.series[name], equal_nan=True), name


@pytest.mark.parametrize("kind", KINDS)
def test_settings_reproduce_the_run(kind):
    run = stacking.grow(PROBLEM, stages=5, **KINDS[kind])
    kept = {name: run.settings[name] for name in ("stages", "inner", "train", "step_size", "scale")}
    kept["block_start"] = run.settings["block_start"]
    if run.method == "stacking":
        trained = run.settings["momentum_rule"] == "trained"
        kept["momentum"] = "trained" if trained else run.settings["momentum"]
    again = stacking.grow(PROBLEM, rule=run.rule, seed=run.settings["seed"] or 0, **kept)
    assert np.array_equal(run.loss, again.loss)


@pytest.mark.parametrize("kind", KINDS)
def test_figures_count_blocks(kind):
    run = stacking.grow(PROBLEM, stages=5, **KINDS[kind])
    assert plotting.loss_curve(run).axes[0].get_xlabel() == "stage t (blocks added)"
    assert plotting.loss_curve(nesterov.accelerate(PROBLEM, stages=1)).axes[0].get_xlabel() == "stage t (steps taken)"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"block_start": "far"}, r'start=\.\.\.\) should be "stacking" or "zero" or "random", or a function, got .far'),
        ({"block_start": np.eye(3)}, "or a function, got an ndarray"),
        ({"rule": None}, r'rule=\.\.\.\) should be "functional" or "parameter", got None'),
        ({"train": "some"}, r'train=\.\.\.\) should be "new" or "all", got \'some\''),
        ({"train": "all"}, r'rule=\.\.\.\) should be "parameter" to train all blocks, got \'functional\''),
        ({"inner": 0}, r"inner=\.\.\.\) should be an integer from 1 to 1,000,000, got 0"),
        ({"inner": 1.0}, r"inner=\.\.\.\) should be an integer from 1 to 1,000,000, got 1\.0"),
        ({"inner": 2, "step_size": [0.5]}, r"step_size=\.\.\.\) should be a number > 0, or 2, one for each .*, got 1"),
        ({"step_size": [0.5, 0.5]}, r"step_size=\.\.\.\) should be a number > 0, got 2 of them"),
        ({"inner": 2, "step_size": [0.5, -1]}, r"step_size=\.\.\.\) should be a number > 0, got -1"),
        ({"inner": 2, "step_size": np.eye(2)}, r"should be a number > 0, got an ndarray"),
        ({"block_start": "random", "scale": 0}, r"scale=\.\.\.\) should be a number > 0, got 0"),
        ({"scale": 0.5}, r'scale=\.\.\.\) should be left out unless block_start="random", got 0\.5'),
        ({"block_start": "random", "seed": -1}, r"seed=\.\.\.\) should be an integer from 0 to 2\^32 - 1, got -1"),
        ({"block_start": "random", "momentum": 0.5}, "left out for the random start, got 0.5"),
        ({"block_start": lambda *_: 0, "momentum": "trained"}, "left out for the custom start, got 'trained'"),
        ({"momentum": "fast"}, r"momentum=\.\.\.\) should be in \[0, 1\), got 'fast'"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        stacking.grow(PROBLEM, stages=1, **settings)


@pytest.mark.parametrize("settings", [*KINDS.values(), {"inner": 2, "step_size": [0.5, 0.25]}])
def test_runs_of_every_kind_are_kept_with_their_settings(settings, tmp_path):
    run = stacking.grow(PROBLEM, stages=3, **settings)
    run.save(tmp_path / "run.csv")
    with open(tmp_path / "run.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    sizes = run.settings["step_sizes"]
    assert [row["step_sizes"] for row in rows] == 4 * ["" if sizes is None else "[0.5, 0.25]"]
    assert {row["momentum_rule"] for row in rows} == {run.settings["momentum_rule"]}
    run.save(tmp_path / "run.npz")
    assert Trajectory.load(tmp_path / "run.npz").settings == run.settings
    attrs = run.to_frame().attrs
    assert {name: attrs[name] for name in run.settings} == run.settings
