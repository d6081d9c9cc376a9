"""Many runs of stacking at once against the generic stage of methods/stacking.py, and wrong batches beside."""

import os
import subprocess
import sys

import numpy as np
import pytest

import linres
from linres.errors import InputError
from linres.kernels import factors
from linres.kernels import stacking_batch as kernel
from linres.kernels._jit import as_arrays
from linres.kernels.vectors import LANES
from linres.methods import stacking
from linres.methods.stacking import RULES
from linres.problem import Problem

ALLOWED = 1e-10  # of the initial loss
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 24, 32, 33, 41)


def make(d, count=3, seed=0, rank=None):
    """Sigma, W*, W_0 (R, d, d), momenta and step sizes (R,), all different; by either rule the runs converge."""
    random = np.random.default_rng(seed)
    root = random.standard_normal((count, d, rank or d + 2))
    sigma = root @ root.swapaxes(1, 2)
    sigma /= np.linalg.norm(sigma, 2, (1, 2))[:, None, None]
    target, start = (np.eye(d) + 0.2 / np.sqrt(d) * random.standard_normal((count, d, d)) for _ in range(2))
    return sigma, target, start, random.uniform(0.1, 0.8, count), random.uniform(0.1, 0.4, count)


def curves(given, rule, stages=30, **more):
    sigma, target, start, momentum, step_size = given
    return linres.stacking_batch(
        sigma, target, start, rule=rule, stages=stages, momentum=momentum, step_size=step_size, **more
    )


def reference(given, rule, stages=30):
    """By the generic stage in NumPy; nan from where it meets a singular W."""
    losses = np.full((len(given[0]), stages + 1), np.nan)
    for run, (sigma, target, start, momentum, step_size) in enumerate(zip(*given, strict=True)):
        network, block = start, np.zeros_like(start)
        for t in range(stages + 1):
            losses[run, t] = np.sum((network - target) @ sigma * (network - target)) / 2
            try:
                _, network, block = stacking.stage(
                    network, block, lambda point, sigma=sigma, target=target: (point - target) @ sigma,
                    momentum=momentum, step_size=step_size, rule=rule,
                )
            except np.linalg.LinAlgError:
                break
    return losses


def check(given, rule, batch=curves):
    found, expected = batch(given, rule), reference(given, rule)
    assert found.shape == expected.shape
    assert np.all(np.abs(found - expected) <= ALLOWED * expected[:, :1])


@pytest.mark.parametrize("d", SIZES)
@pytest.mark.parametrize("rule", RULES)
def test_curves_are_those_of_the_generic_stage(rule, d):
    check(make(d), rule)


@pytest.mark.parametrize("rule", RULES)
def test_sigma_may_be_singular(rule):
    for d in (2, 5, 13, 41):
        for rank in (1, d // 2, d - 1):
            check(make(d, rank=rank), rule)


@pytest.mark.parametrize("rule", RULES)
def test_sigma_may_be_diagonal_or_of_equal_eigenvalues(rule):
    _, *rest = make(5, count=2)
    check((np.array([np.eye(5), np.diag([1.0, 0.5, 0.5, 1e-9, 0])]), *rest), rule)


@pytest.mark.parametrize("rule", RULES)
def test_the_scale_of_a_problem_does_not_matter(rule):
    sigma, target, start, momentum, step = make(9)
    for scale in (1e-120, 1e120):  # squares of entries of sigma leave the floats beyond 1e154
        check((scale * sigma, target, start, momentum, step / scale), rule)


# Wrong batches: each must fail the comparison that the right one passes.


def _other(rule):
    return RULES[1 - RULES.index(rule)]


def _with(position, change):
    def batch(given, rule):
        given = list(given)
        given[position] = change(given[position])
        return curves(given, rule)

    return batch


WRONG = {
    "the other rule": lambda given, rule: curves(given, _other(rule)),
    "a stage late": lambda given, rule: np.roll(curves(given, rule), 1, axis=1),
    "of another run": lambda given, rule: np.roll(curves(given, rule), 1, axis=0),
    "sigma of another run": _with(0, lambda sigma: np.roll(sigma, 1, axis=0)),
    "W* transposed": _with(1, lambda target: target.swapaxes(1, 2)),
    "W_0 forgotten": _with(2, lambda start: None),
    "momentum off by 1e-8": _with(3, lambda momentum: momentum * (1 + 1e-8)),
    "momentum left out": _with(3, lambda momentum: 0 * momentum),
    "step off by 1e-8": _with(4, lambda step: step * (1 + 1e-8)),
    "losses twice as large": lambda given, rule: 2 * curves(given, rule),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("rule", RULES)
def test_a_wrong_batch_fails_the_comparison(rule, wrong):
    for d in (4, 41):
        with pytest.raises(AssertionError):
            check(make(d), rule, WRONG[wrong])


# ------------------------------------------------------------------------------------------------- the same bits


@pytest.mark.parametrize("rule", RULES)
def test_bits_are_the_same_for_any_number_of_jobs(rule):
    for d, count in ((3, 1), (3, 5 * LANES + 3), (41, 5)):
        given = make(d, count)
        expected = curves(given, rule)
        for jobs in (2, 3, 7):
            assert np.array_equal(curves(given, rule, jobs=jobs), expected)


@pytest.mark.parametrize("rule", RULES)
def test_bits_are_the_same_in_any_company(rule):
    for d in (3, 41):
        given = make(d, 2 * LANES + 1)
        whole = curves(given, rule)
        for first, last in ((0, 1), (1, 4), (LANES, 2 * LANES + 1)):
            assert np.array_equal(curves([field[first:last] for field in given], rule), whole[first:last])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("d", [3, 41])
def test_a_run_that_diverges_leaves_its_neighbours_alone(rule, d):
    given = make(d, 4)
    expected = curves(given, rule, stages=60)
    given[4][1] = 1e100
    found = curves(given, rule, stages=60)
    assert not np.isfinite(found[1, -1])
    assert np.array_equal(np.delete(found, 1, axis=0), np.delete(expected, 1, axis=0))


# ----------------------------------------------------------------------------------------------------- at the edges


@pytest.mark.parametrize("d", [1, 3, 41])
def test_a_singular_network_ends_the_functional_run_and_no_other(d):
    given = make(d, 3)
    given[2][1] = 0
    found = curves(given, "functional")
    assert np.array_equal(np.isnan(found), np.isnan(reference(given, "functional")))
    assert np.isfinite(found[1, 0]) and np.isnan(found[1, 1:]).all()
    check(given, "parameter")


def test_a_run_that_meets_a_singular_network_ends_where_the_generic_one_does():
    one = np.ones((1, 1, 1))
    found = linres.stacking_batch(one, 0 * one, one, stages=5, momentum=0.5, step_size=1.0)
    assert np.array_equal(found, [[0.5, 0, *[np.nan] * 4]], equal_nan=True)


@pytest.mark.parametrize("rule", RULES)
def test_no_stages_give_the_loss_at_the_start(rule):
    given = make(3)
    assert np.array_equal(curves(given, rule, stages=0), curves(given, rule, stages=3)[:, :1])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("d", [2, 5])
def test_defaults_are_those_of_grow(rule, d):
    sigma, target, start, *_ = make(d)
    for given in (start, None):
        found = linres.stacking_batch(sigma, target, given, rule=rule, stages=20)
        for run, curve in enumerate(found):
            problem = Problem.from_moments(sigma[run], target[run] @ sigma[run], 1e3)
            network = None if given is None else start[run]
            grown = linres.grow(problem, rule=rule, stages=20, start=network).excess_loss
            assert np.all(np.abs(curve[: len(grown)] - grown) <= ALLOWED * curve[0])


def test_one_matrix_serves_all_runs():
    sigma, target, start, _, step = make(3, 4)
    found = linres.stacking_batch(sigma[0], target, start[0], stages=9, momentum=0.5, step_size=step)
    repeated = [np.repeat(field[:1], 4, axis=0) for field in (sigma, start)]
    assert np.array_equal(
        found, linres.stacking_batch(repeated[0], target, repeated[1], stages=9, momentum=[0.5] * 4, step_size=step))
    assert linres.stacking_batch(sigma[0], target[0], stages=9).shape == (1, 10)


def test_the_arguments_are_left_alone():
    given = make(5)
    before = [field.copy() for field in given]
    for field in given:
        field.setflags(write=False)
    for rule in RULES:
        curves(given, rule)
    assert all(np.array_equal(*pair) for pair in zip(given, before, strict=True))


IDENTITY = np.eye(2)
REFUSED = {
    "rule": ({"rule": "both"}, "rule=...\\) should be"),
    "stages": ({"stages": -1}, "stages=...\\) should be an integer >= 0"),
    "jobs": ({"jobs": 0}, "jobs=...\\) should be an integer >= 1"),
    "momentum": ({"momentum": 1.0}, "momentum=...\\) should be in \\[0, 1\\), got 1"),
    "step": ({"step_size": [0.0]}, "step_size=...\\) should be positive, got 0"),
    "steps": ({"step_size": [1.0, 2.0]}, "a number or 1, one for each run"),
    "text": ({"momentum": "theory"}, "a number or 1"),
    "shape": ({"target": np.eye(3)}, "\\(target\\) should be real matrices"),
    "axes": ({"sigma": np.ones(3)}, "\\(sigma\\) should be real matrices"),
    "nan": ({"start": np.nan * IDENTITY}, "\\(start\\) should be finite"),
    "counts": ({"target": np.array([IDENTITY] * 2), "start": np.array([IDENTITY] * 3)}, "as many matrices each"),
    "skew": ({"sigma": [[1.0, 0.5], [0.0, 1.0]]}, "\\(sigma\\) should be symmetric"),
    "indefinite": ({"sigma": np.diag([1.0, -1e-6])}, "positive semidefinite, got sigma\\[0\\]"),
    "indefinite beside": ({"sigma": [[0.0, 1.0], [1.0, 0.0]]}, "positive semidefinite"),
    "singular": ({"sigma": np.diag([1.0, 0.0]), "momentum": None}, "given where sigma is singular"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_in_a_sentence(case):
    change, words = REFUSED[case]
    given = {"sigma": IDENTITY, "target": IDENTITY, "start": None, "stages": 3, "momentum": 0.5, "step_size": 0.5}
    with pytest.raises(InputError, match=words):
        linres.stacking_batch(**given | change)


@pytest.mark.parametrize("rule", RULES)
def test_the_indefinite_sigma_among_many_is_named(rule):
    sigma, target, start, *_ = make(3, 3 * LANES)
    sigma[LANES + 2] -= np.eye(3)
    with pytest.raises(InputError, match=rf"sigma\[{LANES + 2}\]"):
        linres.stacking_batch(sigma, target, start, rule=rule, stages=3, momentum=0.5, step_size=0.1, jobs=2)


@pytest.mark.parametrize("scale", [1e-165, 1e-141, 1e141, 1e300])
def test_sigma_whose_squares_leave_float64_is_refused(scale):
    sigma, target, start, momentum, step = make(3, 5)
    sigma[3] *= scale / np.abs(sigma[3]).max()
    with pytest.raises(InputError, match=r"should be zero, or with a largest entry .* got sigma\[3\]"):
        linres.stacking_batch(sigma, target, start, stages=3, momentum=momentum, step_size=step / scale)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("scale", [2.0**-463, 2.0**463])
def test_curves_scale_with_sigma_as_far_as_it_may_go(rule, scale):
    sigma, target, start, momentum, step = make(3, 5)
    paces = {"stages": 9, "rule": rule, "momentum": momentum}
    usual = linres.stacking_batch(sigma, target, start, step_size=step, **paces)
    scaled = linres.stacking_batch(scale * sigma, target, start, step_size=step / scale, **paces)
    np.testing.assert_allclose(scaled / scale, usual, rtol=1e-9)


@pytest.mark.parametrize("field", range(5))
def test_a_batch_that_kernels_would_read_beyond_is_refused(field):
    given = as_arrays(*make(3, 5))
    given[field] = given[field][:2]
    with pytest.raises(ValueError, match="of 5 problems in 3 dimensions"):
        kernel.run(kernel.Given(*given), np.empty((5, 3)), "functional", 1)


@pytest.mark.parametrize("rule", RULES)
def test_problems_that_share_a_matrix_have_the_curves_of_copies(rule):
    sigma, target, start, momentum, step = make(5, 2 * LANES + 1)
    paces = {"rule": rule, "stages": 20, "momentum": momentum, "step_size": step}
    shared = linres.stacking_batch(np.broadcast_to(sigma[0], sigma.shape), target, start[0], **paces)
    copies = linres.stacking_batch(
        np.repeat(sigma[:1], len(sigma), axis=0), target, np.repeat(start[:1], len(start), axis=0), **paces)
    assert np.array_equal(shared, copies)


# ------------------------------------------------------------------------------------------------- factors of sigma


@pytest.mark.parametrize("rank", [None, 1, 3])
def test_sigma_is_the_square_of_its_root(rank):
    for d in (1, 4, 9):
        sigma = make(d, count=1, rank=rank)[0][0]
        out = np.empty((d, d))
        assert factors.root(sigma, out, np.empty((d, d)))
        assert np.abs(out @ out.T - sigma).max() <= 10 * d * factors.EPS


def test_sigma_is_tridiagonal_in_the_axes():
    for d in (1, 2, 3, 9, 20):
        sigma = make(d, count=1)[0][0]
        axes, diagonal, beside = np.empty((d, d)), np.zeros(d + 1), np.zeros(d + 1)
        factors.tridiagonal(sigma, axes, diagonal, beside, np.empty((d + 3, d)))
        middle = np.diag(diagonal[:d]) + np.diag(beside[1:d], 1) + np.diag(beside[1:d], -1)
        assert np.abs(axes @ axes.T - np.eye(d)).max() <= 20 * d * factors.EPS
        assert np.abs(axes.T @ middle @ axes - sigma).max() <= 20 * d * factors.EPS
        assert beside[0] == beside[d] == 0


@pytest.mark.slow
def test_plain_python_gives_the_same_curves():
    code = "; ".join([
        "import test_stacking_batch as t",
        "[t.check(t.make(d, 2), rule) for d in (1, 3, 9, 41) for rule in t.RULES]", "print('done')",
    ])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env=os.environ | {
            "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])},
    )
    assert (done.returncode, done.stdout.strip()) == (0, "done"), done.stderr


def test_an_error_in_plain_python_leaves_no_thread_waiting():
    """One thread raises with a problem in hand, for whose end all others wait."""
    code = """
import itertools, time
import numpy as np
from linres.kernels import stacking_batch as kernel
from linres.methods.stacking_batch import stacking_batch

def root(sigma, out, rest, right=kernel.root, calls=itertools.count()):
    if next(calls) % 6 == 1:
        raise KeyboardInterrupt
    time.sleep(0.005)  # so that both have one in hand
    return right(sigma, out, rest)

kernel.root = root
eyes = np.stack([np.eye(3)] * 6)
for _ in range(5):
    try:
        stacking_batch(eyes, eyes, stages=2, jobs=2)
    except KeyboardInterrupt:
        print("raised")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join(sys.path)})
    assert "raised" in done.stdout
