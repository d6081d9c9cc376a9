"""What is drawn in place of random networks, against the networks themselves: joint laws, and wrong variants of them.

proofs/random-networks.md has the proofs; how surely wrong laws are noticed is measured by benchmarks/power.py.
"""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from linres.chance import compare
from linres.methods.propagation import propagate
from linres.theorems import load

_PATH = Path(__file__).parents[1] / "benchmarks" / "power.py"  # benchmarks are not installed
_SPEC = importlib.util.spec_from_file_location("power", _PATH)
power = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(power)

MOST = 2**15
BLOCKS = [("linear", 1), ("linear", 2), ("relu", 2)]
ALL = [("linear", 1), ("linear", 2), ("relu", 1), ("relu", 2), ("tanh", 1), ("tanh", 2)]
DEPENDENT = [[1.0, 2.0, 0.0, -1.0, 0.5], [0.0, 1.0, 0.5, 0.0, 0.0], [1.0, 3.0, 0.5, -1.0, 0.5]]  # the sum of two


def draws(of, **settings):
    """A law to compare: `of` a Propagation, seeded by the generator."""
    return lambda generator, n: of(propagate(runs=n, seed=int(generator.integers(2**63)), **settings))


def reduction(of, seed, **settings):
    """The comparison of the reduced law with the plain simulation."""
    reduced, plain = (draws(of, reduced=choice, **settings) for choice in (True, False))
    return compare(reduced, plain, seed=seed, most=MOST)


def finite(logs):
    """Logarithms, -50 for that of a gate that is closed."""
    return np.maximum(logs, -50.0)


def path(found):
    """A number that norms and distances at two layers make together."""
    first, last = finite(found.log_norm).T
    near, far = finite(found.log_distance).T
    return last - 0.6 * first + 0.8 * far - 0.5 * near


# ------------------------------------------------------------------------------------------- norms, over several layers


@pytest.mark.parametrize("width", [1, 2, 3, 7])
@pytest.mark.parametrize(("block", "matrices"), BLOCKS)
def test_norms_and_distances_at_several_layers_have_their_joint_law(block, matrices, width):
    settings = {
        "depth": 5, "width": width, "exponent": 0.2, "block": block, "matrices": matrices, "layers": [2, 5],
    }
    assert propagate(**settings).drawn == "norms"
    assert not reduction(path, 21, **settings).differ


def test_norms_without_distances_at_several_layers_have_their_joint_law():
    settings = {"depth": 5, "width": 3, "exponent": 0.2, "layers": [2, 5]}
    change = lambda found: found.log_norm[:, 1] - 0.6 * found.log_norm[:, 0]  # noqa: E731
    quick = draws(change, distances=False, **settings)
    assert not compare(quick, draws(change, reduced=False, **settings), seed=22, most=MOST).differ


def test_the_law_does_not_depend_on_the_start():
    settings = {"depth": 3, "width": 4, "exponent": 0.2, "layers": [1, 3], "reduced": False}
    fixed = draws(path, start=[3.0, 0.0, -1.0, 0.5], **settings)
    assert not compare(fixed, draws(path, **settings), seed=23, most=MOST).differ


def test_layers_that_are_drawn_again_for_each_place_are_told_apart():
    """Norms at two layers of different networks have the right marginal laws and a wrong joint one."""
    settings = {"depth": 5, "width": 3, "exponent": 0.2, "layers": [2, 5]}

    def apart(generator, n):
        one, other = (propagate(runs=n, seed=int(generator.integers(2**63)), **settings) for _ in range(2))
        return other.log_norm[:, 1] - 0.6 * one.log_norm[:, 0]

    together = draws(lambda found: found.log_norm[:, 1] - 0.6 * found.log_norm[:, 0], **settings)
    assert compare(together, apart, seed=24, most=2**18).differ


def two_matrices(gate, degrees):
    """log |h_3|^2 at width 5 by NumPy, V phi(U h): |phi(U h)|^2/|h|^2 chi-square over 5, gated or not."""
    def drawn(generator, n):
        shape, scale2 = (n, 3), 3.0**-0.5 / 5
        active = generator.binomial(5, 0.5, shape) if gate else np.full(shape, 5)
        inner = generator.chisquare(np.maximum(active + degrees, 0.5)) * (active + degrees > 0) / 5
        along, across = generator.standard_normal(shape), generator.chisquare(4, shape)
        return np.sum(np.log((1 + np.sqrt(scale2 * inner) * along) ** 2 + scale2 * inner * across), axis=1)

    return drawn


@pytest.mark.parametrize("block", ["linear", "relu"])
def test_two_matrices_are_gated_chi_squares_and_other_degrees_are_told_apart(block):
    ours = draws(lambda found: found.log_norm, depth=3, width=5, exponent=0.25, block=block, matrices=2, reduced=False)
    gate = block == "relu"
    assert not compare(ours, two_matrices(gate, 0), seed=25, most=MOST).differ
    assert compare(ours, two_matrices(gate, 1), seed=25, most=2**19).differ
    assert compare(ours, two_matrices(not gate, 0), seed=25, most=2**19).differ


# -------------------------------------------------------------------------------------------- states of several inputs


@pytest.mark.parametrize(("block", "matrices"), ALL)
def test_images_of_dependent_inputs_at_several_layers_have_their_joint_law(block, matrices):
    settings = {
        "depth": 4, "width": 5, "exponent": 0.2, "block": block, "matrices": matrices, "inputs": 3, "start": DEPENDENT,
        "layers": [1, 4],
    }
    assert propagate(**settings).drawn == "states"

    def joint(found):
        return finite(found.log_norm[:, 1]) @ [1.0, -0.7, 0.4] + finite(found.log_distance[:, 0]) @ [0.3, 0.8, -0.5]

    assert not reduction(joint, 26, **settings).differ


def test_images_of_several_inputs_that_are_drawn_one_by_one_are_told_apart():
    settings = {"depth": 3, "width": 5, "exponent": 0.1}
    start = DEPENDENT[:2]

    def joint(norms):
        return norms[0] - norms[1]

    def alone(generator, n):
        return joint([draws(lambda found: found.log_norm, start=row, **settings)(generator, n) for row in start])

    together = draws(lambda found: joint(found.log_norm.T), inputs=2, start=start, **settings)
    assert compare(together, alone, seed=27, most=2**18).differ


def test_the_covariance_of_images_is_the_gram_matrix():
    """E (V x)_a (V y)_b = <x, y>/d for a = b, else 0: what the law of Gaussian images depends on."""
    from linres.kernels import propagation as kernel

    states = np.array(DEPENDENT)
    totals, count = np.zeros((3, 3)), 4000
    basis, drawn, parts, out = np.empty((3, 5)), np.empty((3, 5)), np.empty(3), np.empty((3, 5))
    state = tuple(map(np.uint64, kernel.random.seeded(np.uint64(4), np.uint64(0))))
    for _ in range(count):
        state = kernel.random.fill_normal(1 / np.sqrt(5), state, drawn.ravel())
        kernel._random_image(states, basis, drawn, parts, out)
        totals += out @ out.T
        np.testing.assert_allclose(out[2], out[0] + out[1], atol=1e-12)
    gram = states @ states.T
    spread = np.sqrt((np.outer(np.diag(gram), np.diag(gram)) + gram**2) / 5 / count)
    assert np.all(np.abs(totals / count - gram) < 5.5 * spread)


# ---------------------------------------------------------------------------------------------------- power of controls


FAMILY = (
    "scaling-second-moment", "scaling-fourth-moment", "scaling-strong-error", "scaling-smooth-weights",
    "fractional-increments", "stacking-variation", "random-start-variation",
)


@pytest.mark.parametrize("name", FAMILY)
def test_controls_of_theorems_are_decided_without_drawing_so_that_their_power_is_1(name):
    from linres.chance import begun
    from linres.rungs import rigorous

    theorem, before = load(name), begun()
    stronger = [control for control in theorem.controls if control.kind == "stronger"]
    assert stronger
    for control in stronger:
        assert rigorous.check(theorem.variant(control), control.witness).failure
    assert begun() == before


@pytest.mark.parametrize("control", power.controls(), ids=lambda control: control.name)
def test_a_wrong_law_is_noticed_every_time_and_the_right_one_beside_itself_is_not(control):
    seen, pairs = power.alarms(control.right, control.wrong, 4)
    assert seen == 4 and pairs < power.MOST
    assert power.alarms(control.right, control.right, 1, most=2**13)[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("control", power.controls(), ids=lambda control: control.name)
def test_the_power_is_at_least_99_percent(control):
    seen, _ = power.alarms(control.right, control.wrong, 700)
    assert power.at_least(seen, 700) >= 0.99


def test_false_alarms_are_fewer_than_the_level_asked_for():
    from fractions import Fraction

    alarms, _ = power.alarms(power.layers(), power.layers(), 200, level=Fraction(1, 20), most=2**12)
    assert alarms <= 10  # expected: fewer, for the evidence is averaged over four statistics


def test_a_bound_of_the_power_is_that_of_clopper_and_pearson():
    assert power.at_least(700, 700) == pytest.approx(1e-3 ** (1 / 700), rel=1e-9) and power.at_least(700, 700) > 0.99
    assert power.at_least(0, 700) == 0 and power.at_least(690, 700) < 0.98


def test_the_slips_change_the_variance_as_the_page_of_fractional_increments_says():
    variances = [
        power.slipped(0.97, 1000, middle=middle, last=last).mean()
        for middle, last in ((False, False), (True, False), (True, True))
    ]
    assert variances == pytest.approx([1, 1.2123, 1.8529], abs=1e-4)


def test_the_table_is_printed(monkeypatch, capsys):
    shown = power.controls()[-1:]
    monkeypatch.setattr(power, "controls", lambda: shown)
    power.main(["--repeats", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("the same law, level 1/20") and lines[0].endswith("of 2 differ")
    assert lines[1].startswith(shown[0].name) and "2 of 2 noticed" in lines[1]
    assert math.isclose(float(lines[1].split("> ")[1]), 1e-3**0.5, abs_tol=1e-4)
