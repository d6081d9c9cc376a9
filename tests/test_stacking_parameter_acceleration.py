"""stacking-parameter-acceleration: proved; its hypotheses; what pays for the change of metric; where it fails."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import sympy
from deciding import certainly_holds
from hypothesis import HealthCheck, given, settings

from linres.arithmetic import EXACT, divide, inner, rational
from linres.errors import InputError
from linres.kernels import stacking as kernel
from linres.methods import nesterov
from linres.parameter_stacking import (
    ParameterRun,
    basin,
    generic_run,
    largest_curvature,
    neuron,
    potential,
    smallest_curvature,
    within,
)
from linres.rungs import rigorous, symbolic
from linres.sampling.parameter_stacking import parameter_training
from linres.theorems import stacking_parameter_acceleration as s4

F = Fraction
THEOREM = s4.THEOREM
often = settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
holds = certainly_holds(THEOREM)


def complete(**changes):
    return symbolic.check(replace(THEOREM, **changes)).complete


def instead(old, new):
    """The hypotheses with another one in place of the old."""
    return tuple(new if each is old else each for each in THEOREM.hypotheses)


# The proof.


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    assert not complete(hypotheses=tuple(each for each in THEOREM.hypotheses if each is not hypothesis))


def _five_percent_weaker():
    h, q, b = s4.h, s4.q, s4.b
    less = sympy.Rational(19, 20)
    with sympy.evaluate(False):
        return {
            "basin": (s4.basin, sympy.Le(s4.Phi[0], s4.mu_star / 2 * h**2 / less)),
            "pace": (s4.pace, sympy.Le(less * (1 + h) ** 2 * s4.L_star, s4.L)),
            "margin": (s4.margin, sympy.Le((1 + less * s4.unused) * s4.mu, (1 - h) ** 2 * s4.mu_star)),
            "wide": (s4.wide, sympy.Le(less * 8 * b**2, (1 - q) ** 2)),
        }


@pytest.mark.parametrize("name", _five_percent_weaker())
def test_the_proof_does_not_reach_five_percent_further(name):
    assert not complete(hypotheses=instead(*_five_percent_weaker()[name]))


# Instances.


@given(s4.instances())
@often
def test_holds_on_drawn_runs(instance):
    assert holds(instance)


@given(s4.instances())
@often
def test_what_the_proof_says_of_the_way_is_so(instance):
    """The network stays within h of the target, the target within b of the network, and every stage contracts."""
    run, reach = instance.record(EXACT), rational(instance.h)
    for t in range(run.stages + 1):
        assert inner(run.offsets[t], run.offsets[t]) <= reach**2
        assert inner(run.distances[t], run.distances[t]) <= (reach / (1 - reach)) ** 2
    potentials = [run.potentials(*map(rational, (instance.q, instance.L, instance.minimum)))[t] for t in run.values]
    for now, later in pairwise(potentials):
        assert later <= (1 - rational(instance.q)) * now


@given(s4.instances())
@often
def test_in_the_coordinates_of_its_block_a_stage_is_a_step_without_error(instance):
    """Nesterov's step from the network, at 0, and an auxiliary point at (1/q - 1) w; then the coordinates change."""
    run, q = instance.record(EXACT), rational(instance.q)
    for t in range(run.stages):
        nothing = run.blocks[t] - run.blocks[t]
        slope = run.gradients[t] @ run.networks[t].T
        y, x = nesterov.step(
            nothing, -run.blocks[t], lambda _, slope=slope: slope, momentum=nesterov.momentum(q),
            step_size=1 / rational(instance.L),
        )
        assert (y, x) == (run.starts[t], run.blocks[t + 1])
        product = run.distances[t + 1] @ run.blocks[t + 1]
        assert run.distances[t + 1] == run.distances[t] - run.blocks[t + 1] - product


def test_a_run_in_which_nothing_commutes_holds_from_rest_and_not_from_rest():
    moving = within(replace(generic_run(), block=((F(1, 64), F(1, 32)), (F(-1, 32), F(1, 128)))))
    assert any(map(any, moving.block)) and holds(generic_run()) and holds(moving)


def test_half_of_the_runs_made_are_at_the_edge_of_the_basin():
    run = generic_run()
    allowed = rational(basin(run.h, run.smallest))
    assert rational(F(9, 10)) * allowed < potential(run) <= allowed
    further = replace(run, displacement=tuple(tuple(F(11, 10) * each for each in row) for row in run.displacement))
    assert potential(further) > allowed and rigorous.check(THEOREM, further).rejected == 1


@pytest.mark.parametrize("kappa", [100.0, 1e4])
@pytest.mark.parametrize("h", [0.1, 0.2])
def test_long_float64_runs_from_the_edge_stay_below_the_bound(kappa, h):
    """Until 12 digits are lost: least squares decays twice as fast as the bound, so rounding is far below it."""
    generator, d = np.random.default_rng(7), 3
    L = kappa * (1 + h) ** 2
    q = max(k / 2**16 for k in range(1, 2**15) if smallest_curvature(k / 2**16, h, L) <= 1)
    spectrum = np.diag([1.0, kappa**0.5, kappa])
    target = generator.normal(size=(d, d)) + 2 * np.eye(d)
    back = np.linalg.inv(target)
    for scale in (1.0, -1.0):
        towards = scale * generator.normal(size=(d, d)) / np.sqrt(np.diag(spectrum))

        def potential_at(size, towards=towards):
            offset = size * towards @ np.linalg.inv(np.eye(d) + size * towards)
            excess = np.sum(towards**2 @ spectrum) * size**2 / 2
            return nesterov.potential(excess, np.sum(offset**2), mu=q * q * L)

        size = max(k / 512 for k in range(512) if potential_at(k / 512) <= basin(h, 1.0))
        start = (np.eye(d) + size * towards) @ target
        made = kernel.run(
            back @ spectrum @ back.T, target, start, nesterov.momentum(q), 1 / L, int(12 / q), functional=False)
        bound = potential_at(size) * (1 - q) ** np.arange(len(made[0]))
        seen = bound > 1e-12 * bound[0]
        assert np.all(made[0][seen] <= bound[seen]) and made[0][-1] < 1e-4 * made[0][0]


# What the basin and the rate are.


def test_the_rates_and_basins_on_the_page():
    """q sqrt(kappa*) for large kappa*, and in units of mu* the basin."""
    q = 1e-9
    for h, rate, share in ((0.01, 0.980, 20000), (0.1, 0.799, 200), (0.2, 0.596, 50), (0.25, 0.499, 32)):
        kappa = largest_curvature(h, 1.0) / smallest_curvature(q, h, 1.0)
        assert abs(q * kappa**0.5 - rate) < 6e-4 and abs(share * basin(h, 1.0) - 1) < 1e-12
        limit = (1 - h) / ((1 + h) * (1 + 4 * (h / (1 - h)) ** 2) ** 0.5)
        assert abs(q * kappa**0.5 - limit) < 1e-6


@pytest.mark.parametrize(("values", "times"), [((1, 1000), 1), ((1, 2), 4)])
def test_the_condition_number_of_the_inputs_has_no_part_in_it(values, times):
    """Outputs of condition number 1 and inputs of 10^6; outputs of 4 and inputs of 1."""
    run = replace(generic_run(), mirror=(), left=(), values=tuple(map(F, values)))
    share = (times - 1) * run.smallest / (run.largest - run.smallest)
    run = within(replace(run, shares=(F(0), share)))
    sigma = EXACT.matrix(run.training().sigma)
    half, product = (sigma.data[0, 0] + sigma.data[1, 1]) / 2, sigma.data.det()
    condition = max(values) ** 2 // times
    assert half**2 / product == rational(F((condition + 1) ** 2, 4 * condition))
    assert holds(run)


# Where it fails.


def test_it_fails_at_four_times_the_potential_proved():
    run = s4.beyond_the_basin()
    times = potential(run) / rational(basin(run.h, run.smallest))
    assert 4 < times < rational(F(401, 100))
    assert rigorous.check(THEOREM.control("without-the-basin"), run).failure and holds(s4.slope())


@pytest.mark.parametrize("kappa", [2**8, 2**10, 2**12])
def test_with_the_settings_for_the_target_itself_it_fails_from_a_potential_of_mu_over_3_kappa(kappa):
    """L = L* and mu = mu*: a network smaller than the target sees less curvature than mu*."""
    q, h, L = F(1, round(kappa**0.5)), F(1, 10), F(3)
    run = neuron(
        q, h=h, offset=F(-11, 20) * q, flatter=q**2 * L / smallest_curvature(q, h, L),
        steeper=L / largest_curvature(h, L), stages=2,
    )
    assert run.smallest == q**2 * L and run.largest == L
    assert potential(run) < rational(run.smallest / (3 * kappa))
    first, *_, last = run.record(EXACT).potentials(rational(q), rational(L), rational(0)).values()
    assert last > (1 - rational(q)) ** 2 * first


def test_one_neuron_far_above_its_target_diverges():
    """From 3 the curvature in the block is 9 times that at the target, and a step of 1/L* is too long."""
    high = neuron(F(1, 16), h=F(1, 10), offset=F(2), share=F(1), stages=5)
    values = high.record(EXACT).values
    assert values[5] > 1000 * values[0]


def test_the_hypotheses_are_true_of_least_squares_wherever_the_networks_are():
    """Far from the target too: only the basin fails there."""
    far = neuron(F(1, 16), h=F(1, 10), offset=F(-9, 10), share=F(1, 2), stages=3)
    without = replace(THEOREM, hypotheses=tuple(each for each in THEOREM.hypotheses if each is not s4.basin))
    checked = rigorous.check(without, far)
    assert checked.rejected == 0


# Runs.


def test_a_singular_target_is_refused():
    with pytest.raises(InputError, match=r"ParameterRun\(values=\.\.\.\)"):
        replace(generic_run(), values=(F(1), F(0))).training()


def test_from_a_block_the_run_starts_where_it_says():
    block = ((F(1, 8), F(1, 4)), (F(0), F(-1, 8)))
    run = replace(generic_run(), block=block).record(EXACT)
    assert run.blocks[0] == EXACT.matrix(block) == divide(run.networks[0] - run.networks[-1], run.networks[-1])


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_runs_in_bulk_are_the_exact_runs_up_to_rounding(dimension):
    """Within 1e-9 of Phi_0: the targets are conditioned better than 1e2 in most, and at worst 1e3."""
    bulk = parameter_training(np.random.default_rng(3), 12, dimension)
    potentials = bulk.potentials()
    for k in range(12):
        run = bulk.instance(k)
        exact = run.record(EXACT).potentials(*map(rational, (run.q, run.L, F(0))))
        first = flint_float(exact[0])
        assert type(run) is ParameterRun and potential(run) <= rational(basin(run.h, run.smallest))
        for t, value in exact.items():
            assert abs(flint_float(value) - potentials[t, k]) <= 1e-9 * first


def flint_float(value):
    return int(value.p) / int(value.q)
