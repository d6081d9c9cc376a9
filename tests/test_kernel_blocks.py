"""The compiled gradients of all blocks against the generic ones, in rationals and NumPy, and wrong kernels beside."""

from itertools import pairwise
from typing import NamedTuple

import flint
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from linres import network
from linres.arithmetic import to_exact
from linres.kernels import blocks as kernel
from linres.methods import end_to_end
from linres.methods.end_to_end import Blocks

EPS = np.finfo(float).eps
TINY = 1e-290  # what underflow may add
drawn = settings(deadline=None, max_examples=80)


class Instance(NamedTuple):
    """Least squares and the blocks of a network."""

    sigma: np.ndarray
    target: np.ndarray
    blocks: np.ndarray

    @property
    def identity(self):
        return np.eye(len(self.sigma))

    def gradient(self, point):
        return (point - self.target) @ self.sigma

    def excess(self, blocks):
        offset = network.end_to_end(blocks, self.identity) - self.target
        return np.sum(offset * (offset @ self.sigma)) / 2


def make(seed=0, d=3, depth=4, size=0.5, scale=1.0):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((d, d))
    return Instance(scale * root @ root.T / d, rng.standard_normal((d, d)), size * rng.standard_normal((depth, d, d)))


instances = st.builds(
    make,
    seed=st.integers(0, 2**32 - 1),
    d=st.integers(1, 12),  # the kernels change from loops to BLAS above 8
    depth=st.integers(1, 9),
    size=st.sampled_from([0.0, 1e-8, 1.0]) | st.floats(1e-3, 2),
    scale=st.sampled_from([1.0, 1e-9, 1e9]),
)


# What rounding may do. A product of matrices, computed in any order, differs in each entry by at most gamma_k =
# k u/(1 - k u) times the same product of absolute values, k the roundings that an entry has seen. Passing a factor
# I + w costs d + 2, the difference W - W* and the product by Sigma d + 1, and no entry passes more than 2 n factors.
# Where the blocks are a lookahead point, three more roundings have made each of their entries.


def gamma(roundings):
    return 1.001 * roundings * (EPS / 2) / (1 - roundings * EPS)  # 1.001: the bound itself is rounded


def in_absolute_values(instance, blocks):
    """W - W*, N and the gradients with every sign made +."""
    offset = network.end_to_end(blocks, instance.identity) + np.abs(instance.target)
    slope = offset @ np.abs(instance.sigma)
    return offset, slope, np.array(network.block_gradients(blocks, slope))


def gradient_rounding(instance, sizes):
    """How far one computation of the gradients may be off, (n, d, d); sizes: the blocks in absolute values."""
    depth, d = sizes.shape[:2]
    return gamma((2 * depth + 2) * (d + 5)) * in_absolute_values(instance, sizes)[2] + TINY


def excess_rounding(instance, blocks):
    depth, d = blocks.shape[:2]
    offset, slope, _ = in_absolute_values(instance, np.abs(blocks))
    return gamma(2 * depth * (d + 2) + d * d + d + 4) * np.sum(offset * slope) / 2 + TINY


def exactly(instance):
    """Excess and gradients in rationals, the excess as a difference of a loss that is computed on its own."""
    sigma, target, identity = map(to_exact, (instance.sigma, instance.target, instance.identity))
    blocks = Blocks([to_exact(block) for block in instance.blocks])
    found = end_to_end.gradients(blocks, lambda point: (point - target) @ sigma, identity)
    offset = network.end_to_end(blocks.each, identity) - target
    pairs = zip((offset @ sigma).entries(), offset.entries(), strict=True)
    return sum((a * b for a, b in pairs), flint.fmpq(0)) / 2, [gradient.entries() for gradient in found.each]


def differences(array, entries):
    """|float - rational|, entry by entry, as floats."""
    return np.array([float(flint.arb(abs(a - b))) for a, b in zip(to_exact(array).entries(), entries, strict=True)])


def evaluated(instance):
    return kernel.Moments(instance.sigma, instance.target, len(instance.blocks)).evaluate(instance.blocks)


def check_against_rationals(instance, evaluate=evaluated):
    (excess, gradients), (exact_excess, exact_gradients) = evaluate(instance), exactly(instance)
    assert gradients.shape == instance.blocks.shape
    assert differences(excess, [exact_excess])[0] <= excess_rounding(instance, instance.blocks)
    allowed = gradient_rounding(instance, np.abs(instance.blocks))
    for position, entries in enumerate(exact_gradients):
        assert np.all(differences(gradients[position], entries) <= allowed[position].ravel())


def check_against_numpy(instance, evaluate=evaluated):
    excess, gradients = evaluate(instance)
    expected = end_to_end.gradients(instance.blocks, instance.gradient, instance.identity)
    assert abs(excess - instance.excess(instance.blocks)) <= 2 * excess_rounding(instance, instance.blocks)
    assert np.all(np.abs(gradients - expected) <= 2 * gradient_rounding(instance, np.abs(instance.blocks)))


def check_steps(instance, momentum, step_size, stages=6, trace=kernel.trace):
    """Every step of the kernel is the generic step from the very states where the kernel took it."""
    losses, states = trace(instance.sigma, instance.target, instance.blocks, momentum, step_size, stages)
    assert np.array_equal(states[0], instance.blocks) and len(losses) == len(states) == stages + 1
    for t, (at, grown) in enumerate(pairwise(states)):
        previous = states[max(t - 1, 0)]
        ahead, expected = end_to_end.nesterov_step(
            at, previous, instance.gradient, momentum=momentum, step_size=step_size, identity=instance.identity
        )
        sizes = np.abs(at) + momentum * (np.abs(at) + np.abs(previous))
        allowed = 2 * step_size * gradient_rounding(instance, sizes) + 4 * EPS * (sizes + np.abs(ahead - expected))
        assert np.all(np.abs(grown - expected) <= allowed)
        assert abs(losses[t] - instance.excess(at)) <= 2 * excess_rounding(instance, at)
    assert abs(losses[-1] - instance.excess(states[-1])) <= 2 * excess_rounding(instance, states[-1])


@pytest.fixture(scope="module", autouse=True)
def warm():
    """Compile once, before any example is timed."""
    check_steps(make(), 0.5, 0.01)


@drawn
@given(instances)
@example(make(d=1, depth=1))
@example(make(d=1, depth=9))
@example(make(d=12, depth=1))
@example(make(d=12, depth=9, size=1.0))
def test_gradients_agree_with_the_generic_ones_in_numpy(instance):
    check_against_numpy(instance)


@settings(deadline=None, max_examples=25)
@given(instances)
@example(make(d=1, depth=1))
@example(make(d=9, depth=2))
def test_gradients_are_those_of_the_generic_step_in_rationals_up_to_rounding(instance):
    check_against_rationals(instance)


def curvature(instance):
    """More than that of the loss in the blocks, so that a few steps of a fraction of it go nowhere far.

    1 + |w| bounds a factor I + w and is at least 1, so that the product bounds those that leave factors out as well.
    """
    depth, product = len(instance.blocks), np.prod(1 + np.linalg.norm(instance.blocks, 2, (1, 2)))
    L = np.linalg.norm(instance.sigma, 2)
    return 1e-300 + depth * L * product * (2 * product + np.linalg.norm(instance.target, 2))


@drawn
@given(instances, st.sampled_from([0.0, 0.9]) | st.floats(0, 0.99), st.sampled_from([1e-3, 0.1]))
@example(make(d=1, depth=1), 0.0, 0.1)
@example(make(d=9, depth=2), 0.9, 0.01)
@example(make(seed=7, d=1, depth=4, size=1.0), 0.0, 0.1)  # a factor near 0 hides the others from the product
def test_every_step_is_the_generic_step(instance, momentum, step_size):
    check_steps(instance, momentum, step_size / curvature(instance))


def test_a_run_is_its_trace_without_the_states_between():
    instance = make(d=4, depth=3, size=0.1)
    for momentum in (0.0, 0.7):
        for stages in (0, 1, 2, 7):
            settings_ = (instance.sigma, instance.target, instance.blocks, momentum, 0.02, stages)
            (losses, states), (found, last) = kernel.trace(*settings_), kernel.run(*settings_)
            assert np.array_equal(losses, found) and np.array_equal(states[-1], last)


@pytest.mark.parametrize(("d", "depth"), [(1, 1), (1, 5), (3, 1), (3, 5), (10, 4)])
def test_gradients_are_derivatives_of_the_compiled_loss(d, depth):
    """In one entry the loss is a quadratic, whose derivative a central difference gives for a step of any size."""
    instance = make(seed=d, d=d, depth=depth, size=0.3)
    loss = kernel.Moments(instance.sigma, instance.target, depth)
    gradients = loss.evaluate(instance.blocks)[1]
    allowed, rng = gradient_rounding(instance, np.abs(instance.blocks)), np.random.default_rng(1)
    for place in zip(*(rng.integers(0, most, 20) for most in gradients.shape), strict=True):
        move = np.zeros(instance.blocks.shape)
        move[place] = 0.5
        ahead, behind = instance.blocks + move, instance.blocks - move
        # A move of the entry that is rounded off is one of the absolute values, too.
        rounding = 2 * sum(excess_rounding(instance, at) for at in (ahead, behind)) + allowed[place]
        assert abs(loss.excess(ahead) - loss.excess(behind) - gradients[place]) <= rounding


def test_the_arguments_are_left_alone():
    instance = make()
    before = instance.blocks.copy()
    kernel.run(*instance, 0.5, 0.01, 5)
    kernel.Moments(instance.sigma, instance.target, 4).evaluate(instance.blocks)
    assert np.array_equal(instance.blocks, before)


def test_gradients_are_new_arrays_each_time():
    loss, instance = kernel.Moments(make().sigma, make().target, 4), make()
    first = loss.evaluate(instance.blocks)[1]
    kept = first.copy()
    loss.evaluate(2 * instance.blocks)
    assert np.array_equal(first, kept)


def test_gradients_are_written_where_they_are_asked_for():
    for d in (3, 8):
        instance = make(d=d)
        loss, out = kernel.Moments(instance.sigma, instance.target, 4), np.full(instance.blocks.shape, np.nan)
        value, found = loss.evaluate(instance.blocks, out)
        assert found is out and value == loss.evaluate(instance.blocks)[0]
        assert np.array_equal(out, loss.evaluate(instance.blocks)[1])


@pytest.mark.parametrize("depth", [1, 2, kernel.CHUNK, kernel.CHUNK + 1, 2 * kernel.CHUNK + 3])
@pytest.mark.parametrize("d", [1, 8, 20])
def test_the_bits_do_not_depend_on_the_number_of_threads(d, depth, monkeypatch):
    monkeypatch.setattr(kernel, "PAYS", 0)
    instance, found = make(seed=d, d=d, depth=depth, size=0.1), []
    loss = kernel.Moments(instance.sigma, instance.target, depth)
    for count in (1, 2, 3):
        monkeypatch.setattr(kernel, "threads", lambda count=count: count)
        found.append(loss.evaluate(instance.blocks))
    assert loss._together.team.count == 3
    for value, gradients in found[1:]:
        assert value == found[0][0] and np.array_equal(gradients, found[0][1])
    check_against_numpy(instance, lambda instance: found[-1])


def test_small_gradients_are_left_to_one_thread(monkeypatch):
    monkeypatch.setattr(kernel, "threads", lambda: 2)
    instance = make(d=8)
    loss = kernel.Moments(instance.sigma, instance.target, 4)
    loss.evaluate(instance.blocks)
    assert loss._together is None


def test_what_overflows_is_infinite_for_all_the_zeros_around_it():
    """Zeros beyond a matrix are never multiplied by its entries: 0 times infinity would be nan."""
    value, gradients = kernel.Moments([[1.0]], [[0.0]], 2).evaluate(np.full((2, 1, 1), 1e200))
    assert value == np.inf and np.all(gradients == np.inf)


def test_arrays_that_the_kernels_would_read_beyond_are_refused():
    loss = kernel.Moments(np.eye(8), np.eye(8), 4)
    for blocks in (np.zeros((3, 8, 8)), np.zeros((4, 7, 7)), np.zeros((4, 8)), np.zeros((5, 8, 8))):
        for call in (loss.evaluate, loss.excess):
            with pytest.raises(ValueError, match="shape"):
                call(blocks)
    for out in (np.zeros((4, 8, 9)), np.zeros((4, 8, 8), order="F"), np.zeros((4, 8, 8), dtype=np.float32)):
        with pytest.raises(ValueError, match="shape"):
            loss.evaluate(np.zeros((4, 8, 8)), out)
    with pytest.raises(ValueError, match="should be"):
        kernel.Moments(np.eye(8), np.eye(16), 4)
    with pytest.raises(ValueError, match="should be"):
        kernel.trace(np.eye(8), np.eye(8), np.zeros((4, 16, 16)), 0.5, 0.1, 3)


# Wrong kernels: each must fail the comparisons that the right one passes.


def _times(factor):
    return lambda excess, gradients, instance: (excess, factor * gradients)


def _one_product_more(excess, gradients, instance):
    """B_{i+1} in the place of B_i."""
    return excess, np.array([g @ (np.eye(len(w)) + w).T for g, w in zip(gradients, instance.blocks, strict=True)])


WRONG = {
    "a gradient transposed": lambda excess, gradients, instance: (excess, gradients.swapaxes(1, 2)),
    "blocks in reverse order": lambda excess, gradients, instance: (excess, gradients[::-1]),
    "a factor of 1 + 1e-10": _times(1 + 1e-10),
    "the flipped sign": _times(-1),
    "the factor 1/2 forgotten": lambda excess, gradients, instance: (2 * excess, gradients),
    "one product more": _one_product_more,
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("check", [check_against_numpy, check_against_rationals])
def test_a_wrong_kernel_fails_the_comparison(check, wrong):
    for d in (2, 9):
        instance = make(seed=3, d=d, depth=3)
        check(instance)
        with pytest.raises(AssertionError):
            check(instance, lambda instance: WRONG[wrong](*evaluated(instance), instance))


def _with_pace(momentum, step_size):
    return lambda sigma, target, start, m, s, stages: kernel.trace(
        sigma, target, start, momentum * m, step_size * s, stages)


@pytest.mark.parametrize("pace", [(1, 1 + 1e-8), (0, 1), (1 + 1e-8, 1), (1, 0), (-1, 1)])
def test_a_wrong_pace_fails_the_comparison(pace):
    instance = make(seed=3, d=3, depth=3, size=0.1)
    check_steps(instance, 0.5, 0.05)
    with pytest.raises(AssertionError):
        check_steps(instance, 0.5, 0.05, trace=_with_pace(*pace))


@pytest.mark.parametrize("d", [3, 8])
def test_gradients_may_be_written_over_the_blocks(d):
    instance = make(d=d, depth=4)
    moments = kernel.Moments(instance.sigma, instance.target, 4)
    (excess, gradients), blocks = moments.evaluate(instance.blocks), instance.blocks.copy()
    again, written = moments.evaluate(blocks, out=blocks)
    assert written is blocks and again == excess and np.array_equal(written, gradients)
