"""Toy theorems of every kind that the contract has to carry, each with a wrong twin that must fall."""

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from math import prod

import pytest
import sympy
from hypothesis import strategies as st
from sympy import Eq, Ge, Gt, Le, Lt, Rational, symbols
from sympy.stats import Expectation, Probability

from linres.arithmetic import EXACT, inner
from linres.language import Inner
from linres.rungs import refuted, verify, wanting
from linres.strategies import moment_matrices, scales, shares, tables
from linres.theorem import Control, Prose, Refutation, Step, Theorem

F = Fraction
PERCENT = Rational(1, 100)


def theorem(conclusion, *, instances, measure, symbols, name="toy", **options):
    return Theorem(
        name=name, title="A toy", provenance="linres", symbols=dict.fromkeys(symbols, ""), conclusion=conclusion,
        instances=instances, measure=measure, **{"hypotheses": ()} | options,
    )


def twin(truth, kind="stronger", **change):
    """The theorem with a part of it changed, as a theorem of its own."""
    return truth.variant(Control("twin", kind, **change))


# An equality in expectation, by exact moments.

alpha, H, m, x, b, least = symbols("alpha H m x b least", real=True)
h_0 = symbols("h_0", commutative=False)
DEPTH = 3


@dataclass(frozen=True)
class RandomNetwork:
    """h_{k+1} = h_k + alpha V h_k, entries of V independent with mean 0 and variance 1/d: signs, or three values."""

    h: tuple[Fraction, ...]
    alpha: Fraction
    depth: int

    def mean_square(self):
        """E|h_depth|^2 given h_0, by enumeration of the law."""
        law = {1: {1: F(1, 2), -1: F(1, 2)}, 2: {0: F(1, 2), 1: F(1, 4), -1: F(1, 4)}}[len(self.h)]
        total, d = F(0), range(len(self.h))
        for entries in product(law.items(), repeat=self.depth * len(d) ** 2):
            h, values = list(self.h), iter(value for value, _ in entries)
            for _ in range(self.depth):
                layer = [[next(values) for _ in d] for _ in d]
                h = [h[i] + self.alpha * sum(layer[i][j] * h[j] for j in d) for i in d]
            total += prod(weight for _, weight in entries) * sum(c * c for c in h)
        return total


def measure_moments(instance, arithmetic):
    return [{
        alpha: arithmetic.number(instance.alpha),
        h_0: arithmetic.matrix([[c] for c in instance.h]),
        Expectation(H, h_0): arithmetic.number(instance.mean_square()),
    }]


def growth(depth, dimension):
    instances = st.builds(
        RandomNetwork, st.lists(shares(4), min_size=dimension, max_size=dimension).map(tuple), shares(), st.just(depth)
    )
    with sympy.evaluate(False):
        conclusion = Eq(Expectation(H, h_0), (1 + alpha**2) ** depth * Inner(h_0, h_0))
    return theorem(conclusion, instances=lambda: instances, measure=measure_moments, symbols=(alpha, H, h_0))


@pytest.mark.parametrize(("depth", "dimension"), [(DEPTH, 1), (1, 2)])
def test_an_equality_in_expectation_is_supported_by_exact_moments(depth, dimension):
    truth = growth(depth, dimension)
    assert verify(truth).verdict == "supported"
    with sympy.evaluate(False):
        half_a_percent_off = twin(truth, change={alpha**2: (1 + PERCENT / 2) * alpha**2})
    verdict = verify(half_a_percent_off)
    assert verdict.verdict == "refuted" and wanting(verdict) == 0


def test_a_wrong_moment_is_noticed():
    def measure_wrong(instance, arithmetic):
        [row] = measure_moments(instance, arithmetic)
        return [row | {Expectation(H, h_0): arithmetic.number(F(11, 10)) * row[Expectation(H, h_0)]}]

    assert verify(replace(growth(DEPTH, 1), measure=measure_wrong)).verdict == "refuted"


def test_an_expectation_that_sympy_throws_away_is_never_decided():
    """SymPy returns a plain symbol for its own unconditional expectation; that symbol then has no value."""
    with sympy.evaluate(False):
        lost = Le(Expectation(H), 1 + alpha**2)
    assert lost.lhs is H
    verdict = verify(theorem(lost, instances=growth(1, 1).instances, measure=measure_moments, symbols=(alpha, H)))
    assert verdict.verdict == "inconclusive" and "no value for H" in verdict.reason


# A probability bound.


@dataclass(frozen=True)
class Law:
    """Finitely many values, all equally likely, and a threshold."""

    values: tuple[Fraction, ...]
    threshold: Fraction


def measure_law(instance, arithmetic):
    n = len(instance.values)
    return [{
        b: arithmetic.number(instance.threshold),
        m: arithmetic.number(sum(instance.values, F(0)) / n),
        least: arithmetic.number(min(instance.values)),
        Probability(Ge(x, b)): arithmetic.number(F(sum(v >= instance.threshold for v in instance.values), n)),
    }]


def laws():
    values = st.lists(st.integers(-2, 8).map(F), min_size=1, max_size=6).map(tuple)
    return st.builds(Law, values, st.integers(-1, 5).map(F))


def markov():
    with sympy.evaluate(False):
        conclusion, hypotheses = Le(Probability(Ge(x, b)), m / b), (Gt(b, 0), Ge(least, 0))
    return theorem(
        conclusion, hypotheses=hypotheses, instances=laws, measure=measure_law, symbols=(x, b, m, least),
        extremal=(Law((F(0), F(3)), F(3)), Law((F(-2), F(1)), F(1))),
    )


def test_a_probability_bound_is_supported_and_its_sharper_twin_refuted():
    truth = markov()
    verdict = verify(truth)
    assert verdict.verdict == "supported" and verdict.evidence["rigorous"]["rejected"] > 0
    with sympy.evaluate(False):
        sharper = twin(truth, change={m: (1 - PERCENT) * m})
    assert verify(sharper).verdict == "refuted"


@pytest.mark.parametrize("hypothesis", [0, 1])
def test_markovs_inequality_needs_each_of_its_hypotheses(hypothesis):
    truth = markov()
    assert verify(twin(truth, drop=(truth.hypotheses[hypothesis],))).verdict == "refuted"


def test_another_event_is_another_probability():
    with sympy.evaluate(False):
        strict = replace(markov(), conclusion=Le(Probability(Gt(x, b)), m / b))
    verdict = verify(strict)
    assert verdict.verdict == "inconclusive" and "no value for Probability(x > b)" in verdict.reason


# A statement over all methods: the instance is a residual polynomial.

mu, L, at_zero, worst = symbols("mu L at_zero worst", real=True)


@dataclass(frozen=True)
class Residual:
    """p(s) = sum_k coefficients[k] s^k, the residual polynomial of a first-order method, on eigenvalues in [mu, L]."""

    coefficients: tuple[Fraction, ...]
    mu: Fraction
    L: Fraction

    def __call__(self, s):
        return sum((c * s**k for k, c in enumerate(self.coefficients)), F(0))

    def worst(self):
        """The largest |p| over equally spaced eigenvalues, one more than the degree: where the best one peaks."""
        degree = len(self.coefficients) - 1
        return max(abs(self(self.mu + (self.L - self.mu) * F(k, degree))) for k in range(degree + 1))


def measure_residual(instance, arithmetic):
    values = {mu: instance.mu, L: instance.L, at_zero: instance(F(0)), worst: instance.worst()}
    return [{symbol: arithmetic.number(value) for symbol, value in values.items()}]


def best_residual(degree, mu, L):
    """T_degree((L + mu - 2s)/(L - mu)) over its value at s = 0."""
    c, w = (L + mu) / (L - mu), -2 / (L - mu)
    if degree == 1:
        return Residual((F(1), w / c), mu, L)
    return Residual((F(1), 4 * c * w / (2 * c**2 - 1), 2 * w**2 / (2 * c**2 - 1)), mu, L)


@st.composite
def residuals(draw, degree):
    low = draw(scales(4))
    best = best_residual(degree, low, low * (1 + draw(st.integers(1, 64))))
    first = draw(st.sampled_from([F(1), F(1), F(1, 2)]))
    stretched = tuple(c * (1 + F(draw(st.integers(-8, 8)), 16)) for c in best.coefficients[1:])
    return replace(best, coefficients=(first, *stretched))


def lower_bound(degree):
    with sympy.evaluate(False):
        cosine = (L + mu) / (L - mu)
        bound = 1 / cosine if degree == 1 else 1 / (2 * cosine**2 - 1)
        conclusion, hypotheses = Ge(worst, bound), (Gt(mu, 0), Lt(mu, L), Eq(at_zero, 1))
    return theorem(
        conclusion, hypotheses=hypotheses, instances=lambda: residuals(degree), measure=measure_residual,
        symbols=(mu, L, at_zero, worst), extremal=(best_residual(degree, F(1), F(9)),),
    )


@pytest.mark.parametrize("degree", [1, 2])
def test_a_lower_bound_over_all_methods_is_supported_and_a_higher_one_refuted(degree):
    truth = lower_bound(degree)
    verdict = verify(truth)
    assert verdict.verdict == "supported" and verdict.evidence["rigorous"]["rejected"] > 0
    with sympy.evaluate(False):
        higher = twin(truth, change={truth.conclusion.rhs: (1 + PERCENT) * truth.conclusion.rhs})
    assert verify(higher).verdict == "refuted"


@pytest.mark.parametrize("degree", [1, 2])
def test_the_lower_bound_is_attained_exactly_by_the_best_polynomial(degree):
    truth = lower_bound(degree)
    equal = Eq(*truth.conclusion.args, evaluate=False)
    attained = replace(truth, conclusion=equal, instances=st.nothing, valid=truth.extremal.__contains__)
    assert verify(attained).verdict == "supported"


def test_the_lower_bound_needs_the_value_1_at_0():
    truth = lower_bound(1)
    assert verify(twin(truth, drop=(truth.hypotheses[2],))).verdict == "refuted"


# A statement about a minimiser: for every competitor the gap of the objective is a square.

tau, J, J_star = symbols("tau J J_star", real=True)
B, B_star, S = symbols("B B_star S", commutative=False)


@dataclass(frozen=True)
class BlockRegression:
    """min over B of |B W - W*|_Sigma^2/2 + |(B - I) W|_Sigma^2/(2 tau): one block trained on a fixed network W."""

    sigma: tuple
    network: tuple
    target: tuple
    competitor: tuple
    tau: Fraction


def measure_block(instance, arithmetic, share=lambda tau: tau / (1 + tau)):
    sigma, network, target, competitor = (
        arithmetic.matrix(table) for table in (instance.sigma, instance.network, instance.target, instance.competitor)
    )
    t = arithmetic.number(instance.tau)
    one = network.identity()
    minimiser = one + share(t) * (target @ network.inverse() - one)

    def energy(v):
        return inner(v @ sigma, v) / 2

    def objective(block):
        return energy(block @ network - target) + energy((block - one) @ network) / t

    return [{
        tau: t, J: objective(competitor), J_star: objective(minimiser), B: competitor, B_star: minimiser,
        S: network @ sigma @ network.T,
    }]


@st.composite
def block_regressions(draw):
    d = draw(st.integers(1, 3))
    return BlockRegression(
        draw(moment_matrices(d)), draw(moment_matrices(d)), draw(tables(d)), draw(tables(d)), draw(scales(4))
    )


def has_moments(instance):
    """Whether sigma is a moment matrix: symmetric, and positive definite by its leading minors."""
    sigma = EXACT.matrix(instance.sigma)
    corners = ([row[:k] for row in instance.sigma[:k]] for k in range(1, len(instance.sigma) + 1))
    return sigma == sigma.T and all(EXACT.matrix(corner).data.det() > 0 for corner in corners)


def block_regression(**options):
    with sympy.evaluate(False):
        gap = (1 + tau) / (2 * tau) * Inner((B - B_star) * S, B - B_star)
        conclusion, hypotheses = Eq(J - J_star, gap), (Gt(tau, 0),)
    return theorem(
        conclusion, hypotheses=hypotheses, instances=block_regressions, measure=measure_block, valid=has_moments,
        symbols=(tau, J, J_star, B, B_star, S), **options,
    )


def test_the_gap_to_a_minimiser_is_a_square_for_every_competitor():
    truth = block_regression()
    assert verify(truth).verdict == "supported"
    assert verify(replace(truth, conclusion=Ge(J, J_star, evaluate=False))).verdict == "supported"


def test_another_square_is_refuted():
    truth = block_regression()
    with sympy.evaluate(False):
        without_penalty = twin(truth, change={1 + tau: 1 + (1 - PERCENT) * tau})
    assert verify(without_penalty).verdict == "refuted"


def test_a_point_that_is_no_minimiser_is_refuted():
    def measure_wrong(instance, arithmetic):
        return measure_block(instance, arithmetic, share=lambda tau: tau / (1 + 2 * tau))

    control = Control("no-minimiser", "stronger", measure=measure_wrong)
    for conclusion in (block_regression().conclusion, Ge(J, J_star, evaluate=False)):
        claimed = replace(block_regression(), conclusion=conclusion, controls=(control,))
        [outcome] = verify(claimed).evidence["controls"]["list"]
        assert outcome["refuted"]


# A published claim that is false: (2.3) of Hardt & Ma, "Identity matters in deep learning", in one dimension.

slope, tau_, sigma, gap = symbols("slope tau sigma gap", real=True)


@dataclass(frozen=True)
class Blocks:
    """f = E|W x - y|^2 = sigma (W - target)^2 + const, W = (1 + w_1) ... (1 + w_l), every |w_i| at most `reach`."""

    blocks: tuple[Fraction, ...]
    target: Fraction
    sigma: Fraction
    reach: Fraction


def measure_blocks(instance, arithmetic):
    factors = [1 + w for w in instance.blocks]
    residual = prod(factors) - instance.target
    without = [prod(factors[:k] + factors[k + 1 :]) for k in range(len(factors))]
    values = {
        slope: sum((2 * instance.sigma * residual * rest) ** 2 for rest in without),
        tau_: instance.reach, sigma: instance.sigma, gap: instance.sigma * residual**2,
    }
    return [{symbol: arithmetic.number(F(value)) for symbol, value in values.items()}]


def is_reached(instance):
    """Whether no block is longer than it is said to be."""
    return max(map(abs, instance.blocks)) <= instance.reach


def dominance(depth, *, printed):
    @st.composite
    def instances(draw):
        reach = draw(shares().filter(lambda share: share < 1))
        blocks = draw(st.lists(shares(8).map(lambda share: reach * (2 * share - 1)), min_size=depth, max_size=depth))
        return Blocks(tuple(blocks), draw(st.integers(-3, 3).map(F)), draw(scales(2)), reach)

    with sympy.evaluate(False):
        power, curvature = (depth - 1, sigma**2) if printed else (2 * (depth - 1), sigma)
        conclusion = Ge(slope, 4 * depth * (1 - tau_) ** power * curvature * gap)
        hypotheses = (Ge(tau_, 0), Lt(tau_, 1), Gt(sigma, 0))
    return theorem(
        conclusion, hypotheses=hypotheses, instances=instances, measure=measure_blocks,
        symbols=(slope, tau_, sigma, gap), expect="refuted" if printed else "supported",
        valid=lambda instance: len(instance.blocks) == depth and is_reached(instance),
    )


def hardt_ma(depth, instance):
    claim, corrected = (dominance(depth, printed=printed) for printed in (True, False))
    return Refutation(claim, instance, corrected, "Hardt & Ma 2017, (2.3)")


WRONG_EXPONENT = Blocks((F(-1, 2), F(-1, 2)), F(1), F(1), F(1, 2))
WRONG_POWER_OF_SIGMA = Blocks((F(0),), F(2), F(3), F(0))


@pytest.mark.parametrize(("depth", "instance"), [(2, WRONG_EXPONENT), (1, WRONG_POWER_OF_SIGMA)])
def test_a_published_claim_is_refuted_exactly_and_its_correction_holds_there(depth, instance):
    assert refuted(hardt_ma(depth, instance))


def test_a_published_claim_is_not_refuted_by_an_instance_on_which_it_holds():
    assert not refuted(hardt_ma(2, replace(WRONG_EXPONENT, blocks=(F(0), F(0)), reach=F(0))))


def test_a_refutation_needs_a_correction_that_holds():
    published = hardt_ma(2, WRONG_EXPONENT)
    with sympy.evaluate(False):
        overdone = twin(published.corrected, change={1 - tau_: 1 - (1 - PERCENT) * tau_})
    assert not refuted(replace(published, corrected=overdone))
    assert not refuted(replace(published, corrected=published.claim))


def test_a_refutation_needs_an_instance_that_satisfies_the_hypotheses():
    outside = replace(WRONG_EXPONENT, sigma=F(-1))
    assert not refuted(hardt_ma(2, outside))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_published_claim_meets_its_expectation_by_being_refuted(depth):
    verdict = verify(dominance(depth, printed=True))
    assert verdict.verdict == "refuted" and verdict.met and wanting(verdict) == 0
    assert verify(dominance(depth, printed=False)).verdict == "supported"


def test_the_corrected_inequality_is_attained_and_one_percent_more_refuted():
    corrected = dominance(2, printed=False)
    with sympy.evaluate(False):
        more = twin(corrected, change={gap: (1 + PERCENT) * gap}, witness=WRONG_EXPONENT)
    assert verify(more).verdict == "refuted"
    exact = replace(
        corrected, conclusion=Eq(*corrected.conclusion.args, evaluate=False), extremal=(WRONG_EXPONENT,),
        instances=st.nothing, valid=(WRONG_EXPONENT,).__contains__,
    )
    assert verify(exact).verdict == "supported"


# Vacuous statements, and true ones that nobody has proved.


def test_a_statement_without_instances_is_vacuous():
    truth = markov()
    impossible = replace(truth, hypotheses=(*truth.hypotheses, Lt(b, 0, evaluate=False)))
    verdict = verify(impossible)
    assert verdict.verdict == "inconclusive" and "vacuous" in verdict.reason and wanting(verdict) == 3


def test_a_false_statement_without_instances_is_vacuous_as_well():
    truth = markov()
    false = replace(truth, hypotheses=(Lt(b, -9, evaluate=False),), conclusion=Lt(m, m, evaluate=False))
    assert "vacuous" in verify(false).reason


@pytest.mark.parametrize("by", [(), (Step("all", markov().conclusion, Prose("Integrate b 1{x >= b} <= x.")),)])
def test_a_true_statement_without_a_machine_checked_proof_is_only_supported(by):
    verdict = verify(replace(markov(), proof=by, expect="proved"))
    assert verdict.verdict == "supported" and not verdict.met and wanting(verdict) == 3
    assert verdict.proof == {"steps": len(by), "checked": 0, "prose": len(by)}
