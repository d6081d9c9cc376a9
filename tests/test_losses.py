"""Losses on data: values, derivatives, curvature, mini-batches, and memory that does not grow with the data."""

import math
import tracemalloc
from fractions import Fraction as F

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import linres
from linres import losses
from linres.errors import InputError
from linres.losses import Huber, LeastSquares, Logistic, Multinomial, Order
from linres.problem import Problem

EPS = np.finfo(float).eps
N, D, M = 12, 4, 3


def table(seed=0, n=N, columns=D):
    return np.random.default_rng(seed).standard_normal((n, columns))


def made(kind, *, seed=0, n=N, outputs=M, **settings):
    """A loss of this kind on random data, d = 4 and 3 outputs."""
    x, rng = table(seed, n), np.random.default_rng(seed + 1)
    if kind is Multinomial:
        return Multinomial(x, rng.integers(0, outputs, n), classes=outputs, **settings)
    y = rng.integers(0, 2, (n, outputs)) if kind is Logistic else 2 * rng.standard_normal((n, outputs))
    return kind(x, y, **settings)


KINDS = (LeastSquares, Huber, Logistic, Multinomial)
each_kind = pytest.mark.parametrize("kind", KINDS)
maps = st.builds(
    lambda seed, size: size * np.random.default_rng(seed).standard_normal((D, D)),
    st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-3, 1.0, 30.0]),
)


# ------------------------------------------------------------------------------------------------- values and slopes


def scalar_loss(kind, z, y):
    """phi at the scores z (m,), from its definition, in mathematics' own functions."""
    if kind is LeastSquares:
        return math.fsum((a - b) ** 2 for a, b in zip(z, y, strict=True)) / 2
    if kind is Huber:
        rest = [abs(a - b) for a, b in zip(z, y, strict=True)]
        return math.fsum(r * r / 2 if r <= 1 else r - 0.5 for r in rest)
    if kind is Logistic:
        return math.fsum(math.log1p(math.exp(-a if b else a)) for a, b in zip(z, y, strict=True))
    return math.log(math.fsum(map(math.exp, z))) - z[int(y[0])]


@each_kind
def test_the_value_is_the_mean_of_the_definition(kind):
    loss, network = made(kind), table(5, D)
    scores = loss._x @ network.T[:, :M]
    expected = math.fsum(scalar_loss(kind, z, y) for z, y in zip(scores, loss._y, strict=True)) / N
    assert loss.value(network) == pytest.approx(expected, rel=1e-14)


@each_kind
@given(maps, st.integers(0, 100), st.sampled_from([0.0, 0.3]))
@settings(deadline=None, max_examples=40)
def test_the_gradient_is_the_derivative(kind, network, seed, ridge):
    """A central difference is off by h^2 times the third derivative, at most 1 times E|x|^3, and by rounding over h.

    Where a kink of Huber's second derivative lies between the two points it is off by h times E|x|^2.
    """
    loss, h = made(kind, seed=seed, ridge=ridge), 1e-4
    direction = np.random.default_rng(seed).standard_normal((D, D))
    direction /= np.linalg.norm(direction)
    difference = (loss.value(network + h * direction) - loss.value(network - h * direction)) / (2 * h)
    lengths = np.linalg.norm(loss._x, axis=1)
    order = h * np.mean(lengths**2) if kind is Huber else h**2 * np.mean(lengths**3)
    rounding = 100 * EPS * (loss.value(network) + loss.value(0 * network)) / h
    assert abs(difference - np.sum(loss.gradient(network) * direction)) <= order + rounding


def test_least_squares_on_data_is_the_problem_of_its_moments():
    x, y, network = table(0), table(1), table(2, D)
    loss, problem = LeastSquares(x, y), Problem.from_data(x, y, centre=False)
    assert loss.value(network) == pytest.approx(problem.loss(network), rel=1e-12)
    np.testing.assert_allclose(loss.gradient(network), problem.gradient(network), rtol=0, atol=1e-13)
    assert loss.smoothness == pytest.approx(problem.L, rel=1e-13)
    assert (loss.dimension, loss.samples) == (problem.dimension, problem.samples)


def test_least_squares_has_the_gradient_of_exact_arithmetic():
    """Small integers are exact in float64, and so is every sum of their products; N is a power of two."""
    rng = np.random.default_rng(0)
    x, y, network = rng.integers(-8, 9, (8, 2)), rng.integers(-8, 9, (8, 2)), rng.integers(-8, 9, (2, 2))
    residuals = [[sum(F(int(w)) * int(a) for w, a in zip(row, xs, strict=True)) - int(b)
                  for row, b in zip(network, ys, strict=True)] for xs, ys in zip(x, y, strict=True)]
    expected = [[sum(r[i] * int(xs[j]) for r, xs in zip(residuals, x, strict=True)) / 8 for j in range(2)]
                for i in range(2)]
    found = LeastSquares(x, y).evaluate(network.astype(float))
    assert found.gradient.tolist() == expected
    assert found.value == sum(r * r for row in residuals for r in row) / 16


@each_kind
def test_a_readout_is_a_map_behind_the_network(kind):
    """H W x is the output (H W) x: the loss at H W of the same data, its gradient pulled back."""
    readout, network = table(3, M, D), table(4, D)
    loss, plain = made(kind, readout=readout), made(kind)
    head = np.zeros((D, D))
    head[:M] = readout @ network
    assert loss.value(network) == pytest.approx(plain.value(head), rel=1e-14)
    np.testing.assert_allclose(loss.gradient(network), readout.T @ plain.gradient(head)[:M], rtol=0, atol=1e-13)
    assert loss.smoothness == pytest.approx(plain.smoothness * np.linalg.norm(readout, 2) ** 2, rel=1e-12)


@each_kind
def test_a_ridge_adds_its_square(kind):
    plain, loss, network = made(kind), made(kind, ridge=0.7), table(4, D)
    assert loss.value(network) == pytest.approx(plain.value(network) + 0.35 * np.sum(network**2), rel=1e-14)
    np.testing.assert_allclose(loss.gradient(network), plain.gradient(network) + 0.7 * network, rtol=0, atol=1e-14)
    assert loss.smoothness == plain.smoothness + 0.7
    assert (plain.mu, loss.mu) == (0.0, 0.7)


@pytest.mark.parametrize("kind", [Logistic, Multinomial])
@pytest.mark.parametrize("size", [1e3, 1e8, 1e300])
@pytest.mark.filterwarnings("error")
def test_scores_of_any_size_neither_overflow_nor_lose_the_loss(kind, size):
    x, network = np.array([[1.0, 0.0], [0.0, 1.0]]), size * np.array([[1.0, -1.0], [-1.0, 1.0]])
    right, wrong = ([0, 1], [1, 0]) if kind is Multinomial else (np.eye(2), 1 - np.eye(2))
    assert kind(x, right).value(network) == 0
    assert kind(x, wrong).value(network) == pytest.approx(2 * size, rel=1e-14)
    assert np.array_equal(kind(x, right).gradient(network), np.zeros((2, 2)))
    assert np.abs(kind(x, wrong).gradient(network)).max() == 0.5


@pytest.mark.parametrize("z", [10.0, 50.0, 700.0])
def test_losses_near_zero_keep_their_digits(z):
    binary, classes = Logistic([[1.0]], [[1]]), Multinomial([[1.0, 0.0]], [0], classes=2)
    point, points = np.array([[z]]), np.array([[z, 0.0], [0.0, 0.0]])
    slope = -math.exp(-z) / (1 + math.exp(-z))
    assert binary.value(point) == pytest.approx(math.log1p(math.exp(-z)), rel=1e-13)
    assert classes.value(points) == pytest.approx(math.log1p(math.exp(-z)), rel=1e-13)
    assert binary.gradient(point)[0, 0] == pytest.approx(slope, rel=1e-13)
    assert classes.gradient(points)[:, 0] == pytest.approx([slope, -slope], rel=1e-13)


def test_two_classes_are_one_binary_label():
    """log(e^a + e^b) - a = log(1 + e^(b - a)): softmax of two scores sees their difference alone."""
    x, labels = table(0, columns=2), np.random.default_rng(1).integers(0, 2, N)
    network = table(2, 2, 2)
    binary = Logistic(x, labels, readout=[[-1.0, 1.0]])
    assert Multinomial(x, labels).value(network) == pytest.approx(binary.value(network), rel=1e-13)
    np.testing.assert_allclose(Multinomial(x, labels).gradient(network), binary.gradient(network), atol=1e-14)
    # |H|^2 = 2 with c = 1/4, and c = 1/2 with H = I: the two bounds agree.
    assert Multinomial(x, labels).smoothness == pytest.approx(binary.smoothness, rel=1e-13)


def test_huber_is_least_squares_for_a_large_delta_and_bends_at_delta():
    x, y, network = table(0), table(1), table(2, D)
    assert Huber(x, y, delta=1e3).value(network) == pytest.approx(LeastSquares(x, y).value(network), rel=1e-14)
    line = Huber([[1.0]], [[0.0]], delta=2.0)
    values = [line.value(np.array([[z]])) for z in (1.0, 2.0, 3.0, -5.0)]
    slopes = [line.gradient(np.array([[z]]))[0, 0] for z in (1.0, 2.0, 3.0, -5.0)]
    assert values == [0.5, 2.0, 4.0, 8.0] and slopes == [1.0, 2.0, 2.0, -2.0]


# --------------------------------------------------------------------------------------------------------- curvature


@each_kind
@given(maps, maps, st.integers(0, 100), st.sampled_from([0.0, 0.3]))
@settings(deadline=None, max_examples=40)
def test_gradients_differ_by_at_most_the_smoothness(kind, first, second, seed, ridge):
    loss = made(kind, seed=seed, ridge=ridge)
    moved = np.linalg.norm(loss.gradient(first) - loss.gradient(second))
    sizes = np.linalg.norm(first) + np.linalg.norm(second) + np.linalg.norm(loss.gradient(0 * first))
    rounding = 100 * EPS * (loss.smoothness + 1) * (sizes + 1)
    assert moved <= loss.smoothness * np.linalg.norm(first - second) + rounding


@each_kind
def test_the_smoothness_is_attained(kind):
    """At W = 0 along the leading eigenvector of E[x x^T], where residuals are 0 and probabilities 1/2: two classes."""
    x = table(0)
    y = {Multinomial: np.arange(N) % 2, Logistic: np.ones((N, 2))}.get(kind, np.zeros((N, 2)))
    loss, h = kind(x, y), 1e-5
    leading = np.linalg.eigh(x.T @ x / N)[1][:, -1]
    direction = np.zeros((D, D))
    direction[:2] = np.outer([1, -1], leading) / math.sqrt(2)
    difference = (loss.gradient(h * direction) - loss.gradient(-h * direction)) / (2 * h)
    assert np.sum(difference * direction) == pytest.approx(loss.smoothness, rel=1e-8)


@each_kind
def test_a_smoothness_5_percent_smaller_would_be_refuted(kind):
    """The comparison above can fail: it does for a bound that is too small."""
    x = table(0)
    y = {Multinomial: np.arange(N) % 2, Logistic: np.ones((N, 2))}.get(kind, np.zeros((N, 2)))
    loss, h = kind(x, y), 1e-3
    leading = np.linalg.eigh(x.T @ x / N)[1][:, -1]
    direction = np.zeros((D, D))
    direction[:2] = np.outer([1, -1], leading) / math.sqrt(2)
    moved = np.linalg.norm(loss.gradient(h * direction) - loss.gradient(-h * direction))
    assert 0.95 * loss.smoothness * 2 * h < moved <= loss.smoothness * 2 * h * (1 + 1e-9)


# ------------------------------------------------------------------------------------------------------ mini-batches


@pytest.mark.parametrize("n", [1, 2, 7, 1000, 2**16, 2**16 + 1, 2**18, 2**18 + 1])
def test_an_order_has_every_number_once(n):
    for seed, epoch in ((0, 0), (5, 3)):
        order = Order(n, seed=seed, epoch=epoch)
        numbers = np.concatenate([order[first : first + 1000] for first in range(0, n, 1000)])
        assert numbers.dtype == np.int64
        assert np.array_equal(np.sort(numbers), np.arange(n))
        assert np.array_equal(numbers, order[:])


@pytest.mark.parametrize("n", [1000, 2**17])
def test_orders_of_other_seeds_and_epochs_are_others(n):
    orders = [Order(n, seed=seed, epoch=epoch)[:] for seed in range(3) for epoch in range(3)]
    assert len({order.tobytes() for order in orders}) == 9
    assert np.array_equal(orders[4], Order(n, seed=1, epoch=1)[:])


@pytest.mark.parametrize("n", [2**16, 2**16 + 1, 100_000])
def test_orders_look_random(n):
    """Correlations of place and number, and of neighbours, are normal of variance 1/n: 60 of them, five deviations."""
    places, neighbours = [], []
    for seed in range(60):
        order = Order(n, seed=seed)[:]
        places.append(np.corrcoef(order, np.arange(n))[0, 1] * math.sqrt(n))
        neighbours.append(np.corrcoef(order[1:], order[:-1])[0, 1] * math.sqrt(n))
    for scores in (places, neighbours):
        assert abs(np.mean(scores)) < 5 / math.sqrt(60)
        assert 1 - 5 / math.sqrt(120) < np.std(scores) < 1 + 5 / math.sqrt(120)


def test_the_bits_of_an_order_are_those_of_today():
    assert Order(10, seed=1)[:].tolist() == PINNED[10]
    assert Order(10**6, seed=1, epoch=2)[:5].tolist() == PINNED[10**6]


PINNED = {10: [2, 9, 8, 3, 6, 7, 1, 4, 0, 5], 10**6: [568667, 547438, 228971, 671870, 204123]}


@pytest.mark.parametrize("size", [1, 5, N])
def test_an_epoch_has_every_sample_once(size):
    loss = made(LeastSquares)
    batches = list(loss.batches(size, seed=3))
    assert [len(rows) for rows in batches] == [size] * (N // size) + ([N % size] if N % size else [])
    assert sorted(np.concatenate(batches)) == list(range(N))
    again, later = list(loss.batches(size, seed=3)), list(loss.batches(size, seed=3, epoch=1))
    assert all(map(np.array_equal, batches, again))
    assert size == N or not all(map(np.array_equal, batches, later))


@each_kind
def test_batches_of_equal_size_average_to_the_whole(kind):
    loss, network = made(kind, ridge=0.1), table(4, D)
    parts = [loss.evaluate_batch(network, rows) for rows in loss.batches(4, seed=1)]
    whole = loss.evaluate(network)
    assert np.mean([part.value for part in parts]) == pytest.approx(whole.value, rel=1e-13)
    np.testing.assert_allclose(np.mean([part.gradient for part in parts], axis=0), whole.gradient, atol=1e-13)
    assert any(abs(part.value - whole.value) > 1e-3 for part in parts)


# ------------------------------------------------------------------------------------------------------------ memory


@each_kind
def test_chunks_make_no_difference_beyond_rounding(kind, monkeypatch):
    loss, network = made(kind, readout=table(3, M, D)), table(4, D)
    whole, smoothness = loss.evaluate(network), loss.smoothness
    monkeypatch.setattr(losses, "CHUNK", 20)
    again = made(kind, readout=table(3, M, D))
    assert len(list(again._chunks())) == 3
    assert again.value(network) == pytest.approx(whole.value, rel=1e-14)
    np.testing.assert_allclose(again.gradient(network), whole.gradient, rtol=0, atol=1e-13)
    assert again.smoothness == pytest.approx(smoothness, rel=1e-14)


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """64 MB of x and labels of 2 million samples, in files."""
    folder, n = tmp_path_factory.mktemp("mapped"), 2_000_000
    x = np.memmap(folder / "x", dtype=np.float32, mode="w+", shape=(n, 8))
    y = np.memmap(folder / "y", dtype=np.uint8, mode="w+", shape=(n, 2))
    rng = np.random.default_rng(0)
    for rows in (slice(first, first + 100_000) for first in range(0, n, 100_000)):
        x[rows] = rng.standard_normal((100_000, 8), dtype=np.float32)
        y[rows] = x[rows, :2] > 0
    x.flush(), y.flush()
    return np.memmap(folder / "x", dtype=np.float32, mode="r", shape=(n, 8)), np.memmap(
        folder / "y", dtype=np.uint8, mode="r", shape=(n, 2))


def test_memory_mapped_data_take_constant_memory(mapped):
    tracemalloc.start()
    try:
        loss = Logistic(*mapped)
        loss.evaluate(np.eye(8))
        batches = loss.batches(4096, seed=1)
        for _ in range(3):
            loss.evaluate_batch(np.eye(8), next(batches))
        assert loss.smoothness > 0
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16e6 < mapped[0].nbytes / 2


# ---------------------------------------------------------------------------------------------------------- refusals


REFUSED = [
    (lambda: LeastSquares(np.ones((2, 2)), np.ones((3, 2))), "one row per sample in both, got 2 rows of x, 3 of y"),
    (lambda: LeastSquares(np.ones(2), np.ones(2)), r"LeastSquares\(x\) should be a table with samples in rows"),
    (lambda: LeastSquares(np.ones((0, 2)), np.ones((0, 2))), "samples in rows, got shape"),
    (lambda: LeastSquares([[1.0], [1.0, 2.0]], [1.0, 2.0]), r"LeastSquares\(x\) should be .* different lengths"),
    (lambda: LeastSquares([[1.0], [2.0]], [[1.0], [1.0, 2.0]]), r"LeastSquares\(y\) should be .* different lengths"),
    (lambda: Multinomial([[1.0], [2.0]], [[1], [1, 2]]), r"Multinomial\(y\) should be .* different lengths"),
    (lambda: LeastSquares([[1.0, 2.0]], [1.0]).value(np.ones(2)), r"W of shape \(2, 2\), got shape \(2,\)"),
    (lambda: LeastSquares([["a"]], [[1.0]]), r"LeastSquares\(x\) should be real numbers, got dtype"),
    (lambda: LeastSquares(np.ones((2, 2)), np.ones((2, 3))), "no wider in y than in x, got 2 columns of x, 3 outputs"),
    (lambda: LeastSquares([[1.0], [math.nan]], [[1.0], [1.0]]), "finite numbers, got nan in row 1, column 0"),
    (lambda: LeastSquares([[1.0], [1.0]], [[1.0], [-math.inf]]), r"LeastSquares\(y\) should be finite .* row 1"),
    (lambda: LeastSquares([[1.0]], [[1.0]], ridge=-1), r"LeastSquares\(ridge=...\) should be a number >= 0, got -1"),
    (lambda: LeastSquares([[1.0]], [[1.0]], readout=np.ones((2, 2))), "1 x 1 matrix, got shape"),
    (lambda: LeastSquares([[1e200]], [[1.0]]).smoothness, "of moderate size"),
    (lambda: Huber([[1.0]], [[1.0]], delta=0), r"Huber\(delta=...\) should be a number > 0, got 0"),
    (lambda: Logistic([[1.0], [1.0]], [[1], [-1]]), r"Logistic\(y\) should be labels 0 or 1.*Pass y > 0"),
    (lambda: Logistic([[1.0]], [[math.nan]]), "labels 0 or 1"),
    (lambda: Multinomial([[1.0]], [0.5]), "a list of classes, integers >= 0"),
    (lambda: Multinomial([[1.0]], [-1]), "a list of classes, integers >= 0"),
    (lambda: Multinomial([[1.0, 2.0]], [1], classes=1), r"classes=...\) should be an integer >= 2, got 1"),
    (lambda: Multinomial([[1.0]], [1]), "no wider in y than in x"),
    (lambda: LeastSquares([[1.0]], [[1.0]]).batches(2), "an integer from 1 to 1, got 2"),
    (lambda: LeastSquares([[1.0]], [[1.0]]).batches(1, seed=-1), "from 0 to 2"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_any_real_dtype_will_do_and_one_output_may_be_a_list():
    x = np.arange(6).reshape(3, 2)
    expected = LeastSquares(x.astype(float), np.array([[1.0], [0.0], [1.0]])).evaluate(np.eye(2))
    for given_x, given_y in ((x.astype(np.int8), [True, False, True]), (x.tolist(), np.array([1, 0, 1], np.float32))):
        found = LeastSquares(given_x, given_y).evaluate(np.eye(2))
        assert found.value == expected.value and np.array_equal(found.gradient, expected.gradient)


def test_a_problem_counts_from_its_minimum_and_others_from_zero():
    problem = Problem.from_moments([[4.0]], [[2.0]], 3.0)  # 2 (w - 1/2)^2 + 1
    known, told, unknown = problem, LeastSquares([[2.0]], [[1.0]]), LeastSquares([[2.0]], [[1.0]])
    told.minimum_loss = 0.5
    at = np.array([[1.0]])
    counts = [losses.Counted.of(objective) for objective in (known, told, unknown)]
    assert [count.value(at) for count in counts] == [0.5, 0.5, 0.5]
    (loss, excess), (told_loss, told_excess), (unknown_loss, unknown_excess) = (
        count.arrays([0.5, 2.0]) for count in counts)
    assert loss.tolist() == [1.5, 3.0] and excess.tolist() == [0.5, 2.0]
    assert told_loss.tolist() == [0.5, 2.0] and told_excess.tolist() == [0.0, 1.5]
    assert unknown_loss.tolist() == [0.5, 2.0] and np.isnan(unknown_excess).all()


def test_the_module_is_found_from_the_package():
    assert linres.losses is losses and "losses" in dir(linres)
