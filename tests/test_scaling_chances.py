"""The theorems about chances of random networks: what their prose leans on, and how surely false variants fall."""

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import flint
import numpy as np
import pytest
from scipy.special import polygamma, psi
from scipy.stats import beta, binom, chi2, poisson

from linres.arithmetic import EXACT
from linres.chance import Chance, compare, interval
from linres.errors import InputError
from linres.evaluate import Enclosure, decide
from linres.gaussian_layers import GaussianNetwork
from linres.rungs import rigorous, symbolic
from linres.theorem import Prose
from linres.theorems import load
from linres.theorems import scaling_lognormal as lognormal
from linres.theorems import scaling_tail_above as above
from linres.theorems import scaling_tail_below as below
from linres.theorems import scaling_tail_lowest as lowest

F = Fraction
CHANCES = (
    "scaling-tail-above", "scaling-tail-below", "scaling-tail-lowest", "scaling-displacement-above",
    "scaling-displacement-below", "scaling-lognormal",
)
FALSE = [
    pytest.param(load(name), control, id=f"{name}-{control.name}")
    for name in CHANCES for control in load(name).controls if control.kind == "stronger"
]


def moment(d, a, power):
    """E r^power for one layer, r (d/a) noncentral chi-square with d degrees of freedom and noncentrality d/a."""
    half, p = flint.arb(d) / 2, flint.arb(flint.fmpq(F(power).numerator, F(power).denominator))
    a = flint.arb(flint.fmpq(F(a).numerator, F(a).denominator))
    scale = (2 * a / d) ** p * ((p + half).lgamma() - half.lgamma()).exp()
    return scale * (-d / (2 * a)).hypgeom_1f1(-p, half)


NEARLY = flint.arb(2) ** -200  # harmonic powers keep their mean but for exp(-d/(2 a)): a ball may not see that


def real(number):
    return flint.arb(flint.fmpq(F(number).numerator, F(number).denominator))


class TestMoments:
    """The inequalities in prose, against the exact moments in ball arithmetic."""

    @pytest.fixture(autouse=True)
    def precise(self):
        with flint.ctx.workprec(256):
            yield

    @pytest.mark.parametrize("d", [1, 2, 5, 40])
    def test_the_exact_moment_is_that_of_the_second_and_the_fourth(self, d):
        a = F(3, 7)
        assert (moment(d, a, 1) - real(1 + a)).contains(0)
        assert (moment(d, a, 2) - real(1 + 2 * a + 4 * a / d + a * a * (1 + F(2, d)))).contains(0)

    @pytest.mark.parametrize("d", [1, 2, 3, 4, 8, 64])
    @pytest.mark.parametrize("a", [F(1, 1024), F(1, 16), F(1), F(4)])
    def test_above_every_power_that_is_claimed(self, d, a):
        for s in {F(k, 8) for k in (1, 2, 4, 6, 8, 9, 12, 16, 40)}:
            if s >= 2 - F(d, 2):
                growth = a * (1 + 2 * (s - 1) / d)
                assert moment(d, a, s) <= (real(s * growth)).exp()
                assert s < 1 or s == 1 or moment(d, a, s) < (1 + real(growth)) ** real(s)

    def test_above_the_condition_on_s_is_needed_by_the_bound_on_a_layer(self):
        """d = 1, s = 1/2: E|1 + alpha g| >= 1, where the bound would be exp(0)."""
        assert moment(1, F(1), F(1, 2)) > 1 == float(above.growth.subs({above.s: F(1, 2), above.d: 1}) + 1)

    @pytest.mark.parametrize("d", [3, 4, 8, 64])
    @pytest.mark.parametrize("a", [F(1, 1024), F(1, 16), F(1), F(4)])
    def test_below_every_power_that_is_claimed(self, d, a):
        for s in {F(k, 8) * F(d - 2, 2) for k in range(1, 9)}:
            growth = 1 - 2 * (s + 1) / d
            assert growth >= 0
            exact = moment(d, a, -s)
            assert exact <= (1 + real(a)) ** real(-s * growth) * (1 + NEARLY)

    @pytest.mark.parametrize("d", [3, 5, 16])
    def test_lowest_the_harmonic_power_does_not_grow(self, d):
        assert all(moment(d, a, 1 - F(d, 2)) < 1 + NEARLY for a in (F(1, 64), F(1), F(9)))
        assert moment(d, F(1, 64), F(1, 2 * d) - F(d, 2)) > 1

    @pytest.mark.parametrize("d", [8, 9, 64])
    def test_lognormal_the_third_negative_moment_is_at_most_1(self, d):
        assert all(moment(d, a, -3) < 1 + NEARLY for a in (F(1, 1024), F(1, 16), F(1, 2)))
        assert moment(7, F(1, 16), -3) > 1


def log_moments(d, a):
    """Mean and variance of log r: given a Poisson number j, r d/a is chi-square with d + 2 j degrees of freedom."""
    j = np.arange(int(d / (2 * a) + 40 * math.sqrt(d / (2 * a)) + 100))
    weights, shape = poisson.pmf(j, d / (2 * a)), d / 2 + j
    means = psi(shape) + math.log(2 * a / d)
    mean = float(weights @ means)
    return mean, float(weights @ (polygamma(1, shape) + (means - mean) ** 2))


@pytest.mark.parametrize("d", [8, 9, 20, 64, 400])
@pytest.mark.parametrize("L", [2, 3, 8, 64, 512])
def test_mean_and_variance_of_log_r_are_within_what_prose_claims(d, L):
    mean, variance = log_moments(d, 1 / L)
    lg, limit = math.log1p(1 / L), 1 - 2 / d
    assert limit * lg <= mean <= limit / L
    assert 4 / d * (lg - limit / L**2) <= variance <= 4 / (d * L)
    assert lg >= 1 / L - 1 / (2 * L**2)


@pytest.mark.parametrize(("d", "L", "most"), [(8, 4, 0.21), (8, 16, 0.21), (64, 4, 0.74), (64, 16, 0.77)])
def test_the_distance_to_the_normal_law_is_what_the_page_says(d, L, most):
    """Drawn at 25 places; the tolerance is five standard errors of a million draws, times L."""
    n = 2**20
    drawn = GaussianNetwork(d, L, F(1, L)).log_last(np.random.default_rng(1), n)
    places = np.linspace(-3, 3, 25)
    seen = np.searchsorted(np.sort((drawn - (1 - 2 / d)) * math.sqrt(d) / 2), places) / n
    normal = [float(lognormal.normal_probability(F(z).limit_denominator(64))) for z in places]
    distance, noise = float(abs(seen - normal).max()), 2.5 * L / math.sqrt(n)
    assert most - 0.08 - noise < L * distance < most + noise


def test_after_a_time_a_brownian_motion_is_as_near_as_two_degrees_of_freedom_less():
    """|B(t)|^2 U^(2/(d-2)) has the chi-square law with d - 2 degrees of freedom, not with another number."""
    d = 5

    def nearest(generator, n):
        return generator.chisquare(d, n) * generator.random(n) ** (2 / (d - 2))

    assert not compare(nearest, lambda generator, n: generator.chisquare(d - 2, n), seed=1).differ
    assert compare(nearest, lambda generator, n: generator.chisquare(d - 1, n), seed=1).differ


@pytest.mark.parametrize("delta", [0.5, 0.1, 1e-4])
def test_levels_are_those_of_the_docstring_in_delta(delta):
    d, time = 6, 2.5
    s = math.sqrt(d * math.log(1 / delta) / (2 * time))
    width = math.sqrt(8 * time * math.log(1 / delta) / d)
    for module, values, sign in ((above, {above.T: time}, 1), (below, {below.lam: time}, -1)):
        at = {module.d: d, module.s: s, **values}
        assert float(module.level.subs(at)) == pytest.approx((1 - 2 / d) * time + sign * width)
        assert math.exp(-float(module.rate.subs(at))) == pytest.approx(delta)


@pytest.mark.parametrize("name", CHANCES)
def test_what_is_not_prose_is_checked_and_the_conclusion_is_prose(name):
    theorem = load(name)
    proof = symbolic.check(theorem)
    prose = [step.name for step in theorem.steps() if isinstance(step.by, Prose)]
    assert proof.refusal is None and proof.prose == len(prose) and prose[-1] == "conclusion"
    assert proof.checked == len(theorem.steps()) - len(prose) > 0


@pytest.mark.parametrize(("theorem", "control"), FALSE)
def test_another_seed_refutes_a_false_variant_as_well(theorem, control):
    assert refuted_by(theorem, control, "another")


def refuted_by(theorem, control, seed):
    """Whether the control falls at its witness by the draws of that seed: the name is in the key of the generator."""
    variant = theorem.variant(control)
    return rigorous.check(replace(variant, name=f"{variant.name} {seed}"), control.witness).failure is not None


DRAWS = {  # after how many draws a false variant has fallen in 99 of 100 cases at least; 0 if nothing is drawn
    "scaling-tail-above": {
        "deviation-10-percent-smaller": 0, "rate-10-percent-larger": 0, "bound-10-percent-smaller": 4096,
        "drift-10-percent-smaller": 1024, "entries-of-variance-10-percent-larger": 1024, "s-below-its-least": 1024,
    },
    "scaling-tail-below": {
        "deviation-10-percent-smaller": 0, "rate-10-percent-larger": 0, "drift-10-percent-larger": 1024,
        "time-in-place-of-its-logarithm": 1024, "entries-of-variance-10-percent-smaller": 1024,
        "s-beyond-its-largest": 0,
    },
    "scaling-tail-lowest": {
        "a-tenth-smaller": 4096, "exponent-larger-by-a-quarter": 16384, "one-width-more": 4096,
        "states-one-narrower": 4096,
    },
    "scaling-displacement-above": {
        "10-percent-nearer": 0, "without-the-factor-of-the-maximum": 16384, "without-the-growth-of-the-norms": 1024,
        "entries-of-variance-10-percent-larger": 1024,
    },
    "scaling-displacement-below": {
        "10-percent-farther": 0, "once-more-the-depth": 1024, "entries-of-variance-10-percent-smaller": 1024,
        "half-of-the-tail-alone": 4096,
    },
    "scaling-lognormal": {
        "mean-5-percent-larger": 4096, "mean-5-percent-smaller": 4096, "mean-a-quarter-farther-from-1": 65536,
        "variance-a-quarter-larger": 65536, "mean-1-less-1-over-d": 16384, "mean-1": 4096, "variance-2-over-d": 16384,
        "rate-in-the-square-of-the-depth": 16384, "mean-term-an-eighth-smaller": 65536,
    },
}


@pytest.mark.parametrize(("theorem", "control"), FALSE)
def test_a_false_variant_falls_with_a_power_of_99_percent(theorem, control):
    """Within DRAWS draws, though an error has a risk of 2^-40 alone.

    The chance of the event is first drawn by itself, four times as often, and bounded at a level of 1/10,000 (Clopper
    and Pearson). For any chance within that bound, that the draws decide is a binomial probability, which is computed.
    """
    draws = DRAWS[theorem.name][control.name]
    variant = theorem.variant(control)
    [row] = variant.measure(control.witness, EXACT)
    drawn = {node: value for node, value in row.items() if isinstance(value, Chance)}
    assert len(drawn) == (draws > 0)
    if draws:
        [(node, chance)] = drawn.items()
        assert power(variant, row, node, chance, draws) >= 0.99
    else:
        assert rigorous.check(variant, control.witness).failure is not None


def power(variant, row, node, chance, draws):
    """A bound from below on the probability that so many draws of the chance refute the variant."""

    def falls(occurred):
        low, high = map(real, interval(occurred, draws))
        return decide(variant.conclusion, Enclosure(row | {node: low.union(high)}, variant.definitions)) is False

    trials = 4 * draws
    generator, occurred = np.random.default_rng(draws), 0
    for _ in range(trials // 1024):
        occurred += int(chance.draw(generator, 1024).sum())
    seen = occurred * draws // trials
    survivors = [k for k in range(0, draws + 1, draws // 64) if not falls(k)]
    nearest = min(survivors, key=lambda k: abs(k - seen))
    if not falls(seen):
        return 0.0
    last, first = nearest, seen  # the counts on which it falls are all beyond an end, as those on which not have no gap
    while abs(first - last) > 1:
        middle = (first + last) // 2
        last, first = (last, middle) if falls(middle) else (middle, first)
    if first > last:
        return binom.sf(first - 1, draws, beta.ppf(1e-4, occurred, trials - occurred + 1))
    return binom.cdf(first, draws, beta.ppf(1 - 1e-4, occurred + 1, trials - occurred))


def test_the_power_of_what_is_true_is_nothing():
    """The same computation, of a theorem as it is, and of a false variant after too few draws to tell."""
    [row] = above.measure(above.tail(2, 64, F(1, 64), 1), EXACT)
    [(node, chance)] = [(node, value) for node, value in row.items() if isinstance(value, Chance)]
    assert power(above.THEOREM, row, node, chance, 1024) == 0
    [control] = [control for control in lognormal.THEOREM.controls if control.name == "variance-a-quarter-larger"]
    variant = lognormal.THEOREM.variant(control)
    [row] = variant.measure(control.witness, EXACT)
    [(node, chance)] = [(node, value) for node, value in row.items() if isinstance(value, Chance)]
    assert power(variant, row, node, chance, 4096) < 0.01


@pytest.mark.parametrize("instance", [
    above.tail(3, 4, F(1, 4), F(1, 4)), above.tail(2, 4, F(1, 4), F(7, 8)),
], ids=["d = 3", "d = 2"])
def test_above_nothing_is_said_for_small_s_in_narrow_networks(instance):
    assert rigorous.check(above.THEOREM, instance).rejected == 1


def test_below_nothing_is_said_beyond_the_largest_s():
    assert rigorous.check(below.THEOREM, below.tail(4, 4, F(1, 4), F(9, 8))).rejected == 1
    assert rigorous.check(below.THEOREM, below.tail(4, 4, F(1, 4), F(1))).holds == 1


def test_lowest_for_width_2_it_is_true_and_void():
    assert rigorous.check(lowest.THEOREM, lowest.tail(2, 4, F(1), F(1, 2))).holds == 1


def test_an_event_is_drawn_by_the_network_that_the_instance_names():
    instance = above.tail(4, 16, F(1, 16), F(1))
    [row] = above.measure(instance, EXACT)
    [chance] = [value for node, value in row.items() if type(node).__name__ == "Probability"]
    chance.begin("key")
    with flint.ctx.workprec(512):
        chance.ball()
    level = math.exp(float(above.level.subs({above.s: 1, above.d: 4, above.T: 1})))
    own = instance.network.largest(np.random.default_rng(5), chance.drawn) >= level
    p, n = own.mean(), chance.drawn
    assert abs(chance.occurred / n - p) < 6 * math.sqrt(2 * p * (1 - p) / n)


def test_an_event_of_another_kind_is_refused():
    with pytest.raises(InputError, match="an inequality"):
        above.measured(above.CONCLUSION.lhs)(above.tail(4, 2, F(1), F(1)), EXACT)


PAGES = Path(__file__).parents[1] / "proofs"
KINDS = {  # which number of a network a page is about, and the bounds on it at a risk of delta that it compares
    "scaling-tail-above": ("largest", 1, lambda d, T, delta: [norms_above(d, T, delta)]),
    "scaling-tail-below": ("last", -1, lambda d, T, delta: [norms_below(d, T, delta)]),
    "scaling-tail-lowest": ("smallest", -1, lambda d, T, delta: [delta ** (2 / (d - 2))]),
    "scaling-displacement-above": ("farthest", 1, lambda d, T, delta: [
        T / d * math.exp(norms_above(d, T, delta / 2)) * chi2.isf(delta / 4, d), ((1 + T / 64) ** 64 - 1) / delta]),
    "scaling-displacement-below": ("displaced", -1, lambda d, T, delta: [
        T / d * (delta / 2) ** (2 / (d - 2)) * chi2.ppf(delta / 2, d - 2)]),
}


def norms_above(d, T, delta):
    """The level of scaling-tail-above at a risk of delta; None where that is not claimed."""
    far = math.sqrt(d * math.log(1 / delta) / (2 * T))
    return float(above.level.subs({above.d: d, above.T: T, above.s: far})) if far >= 2 - d / 2 else None


def norms_below(d, T, delta):
    lam = 64 * math.log1p(T / 64)
    far = math.sqrt(d * math.log(1 / delta) / (2 * lam))
    return float(below.level.subs({below.d: d, below.lam: lam, below.s: far})) if far <= (d - 2) / 2 else None


def rounded_like(text):
    """Half a unit of the last digit."""
    return 0.5 * 10.0 ** -len(text.partition(".")[2]) if "." in text else 0.5


def rows_of(name):
    """(d, T, delta, the bounds and the truth as they are written) of the table of a page."""
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8").split("## Beside the truth")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:3] != "|--"
            and line.startswith("|") and "$" not in line]
    return [(int(d), F(T), float(delta), bounds) for d, T, delta, *bounds in rows]


@pytest.mark.parametrize("name", KINDS)
def test_a_page_tells_the_bound_beside_the_truth(name):
    """What is exceeded is drawn anew, 2^15 times; the page has it within five standard errors and its rounding."""
    kind, sign, bounds_at = KINDS[name]
    drawn, rows, n = {}, rows_of(name), 2**15
    assert len(rows) >= 12
    for d, T, delta, [*bounds, truth] in rows:
        for written, bound in zip(bounds, bounds_at(d, float(T), delta), strict=True):
            assert (written == "void") == (bound is None)
            assert bound is None or abs(float(written) - bound) <= 1.01 * rounded_like(written)
            assert bound is None or sign * bound > sign * float(truth)
        if (d, T) not in drawn:
            values = getattr(GaussianNetwork(d, 64, T / 64), kind)(np.random.default_rng(d), n)
            drawn[d, T] = sign * (np.log(values) if name in {"scaling-tail-above", "scaling-tail-below"} else values)
        noise, near = 5 * math.sqrt(delta * (1 - delta) / n), rounded_like(truth)
        assert np.mean(drawn[d, T] >= sign * float(truth) - near) >= delta - noise
        assert np.mean(drawn[d, T] >= sign * float(truth) + near) <= delta + noise


@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize("width", [2, 3, 16])
@pytest.mark.parametrize("far", [F(1, 64), F(63, 64), F(1)])
def test_lowest_holds_with_certainty_at_scale_0_where_no_layer_does_anything(depth, width, far):
    checked = rigorous.check(lowest.THEOREM, lowest.tail(width, depth, 0, far), max_bits=64)
    assert (checked.holds, checked.undecided, checked.chances) == (1, 0, 0)
    [row] = lowest.measure(lowest.tail(width, depth, 0, far), EXACT)
    [chance] = [value for key, value in row.items() if key == lowest.CONCLUSION.lhs]
    assert chance == (far == 1)
