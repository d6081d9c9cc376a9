"""Chances that are drawn: intervals that hold at any time, and verdicts with a stated risk."""

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from sympy import Ge, Le, Rational, symbols
from sympy.stats import Probability

import linres
from linres.chance import LEVEL, Chance, compare, interval
from linres.chance import begun as chances_begun
from linres.errors import InputError
from linres.language import NotExact
from linres.rungs import verify
from linres.rungs.rigorous import check
from linres.theorem import Batch, Control, Theorem

F = Fraction


def coin(p, **options):
    return Chance(lambda generator, n: generator.random(n) < p, **options)


class TestInterval:
    @given(st.integers(0, 3000), st.integers(0, 3000), st.sampled_from([LEVEL, F(1, 20), F(1, 10**6)]))
    @settings(max_examples=60, deadline=None)
    def test_everything_outside_is_excluded_and_the_share_that_was_seen_is_inside(self, occurred, missed, level):
        drawn = occurred + missed
        low, high = interval(occurred, drawn, level)
        assert 0 <= low <= high <= 1
        if drawn:
            assert low <= F(occurred, drawn) <= high
        with flint.ctx.workprec(200):
            for end in {low, high} - {F(0), F(1)}:
                p = flint.arb(flint.fmpq(end.numerator, end.denominator))
                mixture = (flint.arb(occurred + 1).lgamma() + flint.arb(missed + 1).lgamma()
                           - flint.arb(drawn + 2).lgamma())
                evidence = mixture - occurred * p.log() - missed * (1 - p).log()
                assert evidence >= -flint.arb(flint.fmpq(level.numerator, level.denominator)).log()

    @given(st.integers(1, 3000), st.integers(1, 3000))
    @settings(max_examples=30, deadline=None)
    def test_it_is_no_wider_than_it_has_to_be(self, occurred, missed):
        drawn = occurred + missed
        inside = interval(occurred, drawn)[0] * F(1001, 1000)
        evidence = (math.lgamma(occurred + 1) + math.lgamma(missed + 1) - math.lgamma(drawn + 2)
                    - occurred * math.log(inside) - missed * math.log1p(-inside))
        assert evidence < -math.log(LEVEL)

    @pytest.mark.parametrize("p", [0.5, 0.1, 0.01])
    def test_looking_after_every_draw_it_is_ever_wrong_no_more_often_than_its_level(self, p):
        level, runs, draws = F(1, 20), 2000, 400
        events = np.cumsum(np.random.default_rng(5).random((runs, draws)) < p, axis=1)
        n = np.arange(1, draws + 1)
        log_factorials = np.array([math.lgamma(k + 1) for k in range(draws + 2)])
        evidence = (log_factorials[events] + log_factorials[n - events] - log_factorials[n + 1]
                    - events * math.log(p) - (n - events) * math.log1p(-p))
        wrong = np.flatnonzero((evidence >= -math.log(level)).any(axis=1))
        assert len(wrong) <= binom.ppf(1 - 1e-9, runs, float(level))
        assert len(wrong) > 0  # it does look: the level is not a void one
        for run in wrong[:5]:  # and the interval is where the evidence says
            t = int(np.argmax(evidence[run] >= -math.log(level)))
            low, high = interval(int(events[run, t]), t + 1, level)
            assert not low <= F(p) <= high

    def test_nothing_is_known_before_the_first_draw(self):
        assert interval(0, 0) == (0, 1)

    @pytest.mark.parametrize(("counts", "level"), [((2, 1), LEVEL), ((-1, 1), LEVEL), ((0, 1), 0), ((0, 1), 1)])
    def test_counts_and_levels_that_are_none_are_refused(self, counts, level):
        with pytest.raises(InputError, match="should be"):
            interval(*counts, level)


class TestChance:
    def test_more_bits_draw_more_and_the_draws_before_stay(self):
        chance = coin(0.3)
        chance.begin("a key")
        with flint.ctx.workprec(64):
            wide = chance.ball()
        few = chance.drawn, chance.occurred
        with flint.ctx.workprec(256):
            narrow = chance.ball()
        assert (few[0], chance.drawn) == (1024, 16384)
        assert wide.contains(narrow) and narrow.contains(flint.arb("0.3"))
        again = coin(0.3)
        again.begin("a key")
        with flint.ctx.workprec(64):
            again.ball()
        assert (again.drawn, again.occurred) == few

    def test_another_key_has_other_draws(self):
        counts = set()
        for key in "abcd":
            chance = coin(0.5)
            chance.begin(key)
            chance.ball()
            counts.add(chance.occurred)
        assert len(counts) > 1

    def test_no_more_is_drawn_than_its_author_allows(self):
        chance = coin(0.5, most=3000)
        chance.begin("a key")
        with flint.ctx.workprec(4096):
            chance.ball()
        assert chance.drawn == 3000 and chance.exhausted

    @pytest.mark.parametrize("draw", [
        lambda generator, n: generator.random(n), lambda generator, n: [True] * (n - 1),
        lambda generator, n: np.ones((n, 1), dtype=bool),
    ])
    def test_draws_that_are_no_events_are_refused(self, draw):
        def moving(generator, n):
            generator.random()
            return draw(generator, n)

        chance = Chance(moving)
        chance.begin("a key")
        with pytest.raises(NotExact, match="an array"):
            chance.ball()

    def test_draws_that_do_not_come_from_the_generator_are_refused(self):
        """The same block again and again would look like many draws."""
        chance = Chance(lambda generator, n: np.random.default_rng(11).random(n) < 0.5)
        chance.begin("a key")
        with pytest.raises(NotExact, match="without the generator"):
            chance.ball()

    def test_what_was_drawn_before_stays_whatever_is_drawn_after(self):
        seen = []

        def two_at_a_time(generator, n):
            seen.append(generator.random(n) < generator.random(n))
            return seen[-1]

        events = []
        for bits in (64, 130, 256, 1024):
            chance, seen[:] = Chance(two_at_a_time), []
            chance.begin("a key")
            with flint.ctx.workprec(bits):
                chance.ball()
            events.append(np.concatenate(seen))
        assert [len(each) for each in events] == [1024, 16384, 16384, 262144]
        assert all(np.array_equal(each, events[-1][: len(each)]) for each in events)

    def test_nothing_is_drawn_that_nobody_counts(self):
        begun = chances_begun()
        with pytest.raises(NotExact, match="Probability node"):
            coin(0.5).ball()
        assert chances_begun() == begun

    @pytest.mark.parametrize("make", [lambda: Chance(0.5), lambda: coin(0.5, most=0), lambda: coin(0.5, most=True)])
    def test_a_chance_of_the_wrong_parts_is_refused(self, make):
        with pytest.raises(InputError, match="should be"):
            make()


class TestCompare:
    def normal(self, mean=0.0, scale=1.0):
        return lambda generator, n: mean + scale * generator.standard_normal(n)

    def test_equal_laws_are_not_said_to_differ(self):
        assert not any(compare(self.normal(), self.normal(), seed=seed, most=2**14).differ for seed in range(20))

    @pytest.mark.parametrize("other", [{"mean": 0.1}, {"scale": 1.1}, {"scale": 0.9}])
    def test_laws_that_differ_in_place_or_spread_are_told_apart(self, other):
        assert compare(self.normal(), self.normal(**other), seed=1).differ

    @staticmethod
    def often(value, share):
        return lambda generator, n: np.where(generator.random(n) < share, value, generator.random(n))

    def test_draws_that_are_no_numbers_are_refused(self):
        with pytest.raises(InputError, match="nan"):
            compare(self.often(np.nan, 0.1), self.often(np.nan, 0.1), seed=1)

    @pytest.mark.parametrize("value", [np.inf, -np.inf])
    def test_equal_laws_that_are_often_infinite_are_not_said_to_differ(self, value):
        assert not compare(self.often(value, 0.3), self.often(value, 0.3), seed=1, most=2**15).differ
        assert compare(self.often(value, 0.3), self.often(value, 0.4), seed=1).differ

    def test_equal_laws_are_said_to_differ_no_more_often_than_the_level(self):
        found = sum(
            compare(self.normal(), self.normal(), seed=seed, most=4096, level=F(1, 20)).differ for seed in range(400)
        )
        assert found <= binom.ppf(1 - 1e-9, 400, 1 / 20)


# Statements about chances.

x, p, n = symbols("x p n", real=True)


@dataclass(frozen=True)
class Coins:
    """x is how often of three a coin falls, p each time."""

    p: Fraction


def throws(p):
    return lambda generator, n: (generator.random((n, 3)) < float(p)).sum(axis=1) >= 1


def measure(instance, arithmetic):
    return [{p: arithmetic.number(instance.p), Probability(Ge(x, 1)): Chance(throws(instance.p))}]


def union_bound(factor=3, **options):
    """P(x >= 1) <= 3p: true, with room to spare if p is not small."""
    with sympy.evaluate(False):
        conclusion = Le(Probability(Ge(x, 1)), factor * p)
    instances = st.builds(Coins, st.integers(2, 6).map(lambda k: F(k, 10)))
    return Theorem("union", conclusion, symbols={x: "", p: ""}, instances=lambda: instances, measure=measure, **options)


def test_a_true_bound_is_supported_with_its_risk():
    verdict = verify(union_bound())
    assert verdict.verdict == "supported"
    counts = verdict.evidence["rigorous"]
    assert counts["chances"] == counts["rows"] == 5 and counts["undecided"] == 0
    assert counts["risk"] == float(counts["chances"] * LEVEL) < 1e-10
    assert "an error has probability" in verdict.reason and "certainty" not in verdict.reason


def test_a_false_bound_is_refuted_and_the_verdict_says_how_rare_a_false_alarm_is():
    verdict = verify(union_bound(Rational(19, 10)))  # fails where p = 1/5: 1 - .8^3 = .488 against .38
    assert verdict.verdict == "refuted"
    assert "a false alarm has probability" in verdict.reason
    assert verdict.counterexample is not None
    exec(verdict.counterexample["snippet"], {})


def test_what_draws_cannot_decide_is_inconclusive():
    with sympy.evaluate(False):
        tight = Le(Probability(Ge(x, 1)), 1 - (1 - p) ** 3)
    theorem = Theorem(
        "tight", tight, symbols={x: "", p: ""}, measure=lambda instance, arithmetic: [
            {p: arithmetic.number(instance.p), Probability(Ge(x, 1)): Chance(throws(instance.p), most=5000)}],
        instances=lambda: st.just(Coins(F(1, 2))))
    verdict = verify(theorem)
    assert verdict.verdict == "inconclusive" and "5000 draws" in verdict.reason


def test_controls_about_chances_are_refuted_or_survive():
    with sympy.evaluate(False):
        controls = (
            Control("a tenth lower", "stronger", change={Probability(Ge(x, 1)): Probability(Ge(x, 1)) + p}),
            Control("weaker", "weaker", change={3 * p: 4 * p}),
        )
    verdict = verify(union_bound(controls=controls))
    outcomes = {c["name"]: c["refuted"] for c in verdict.evidence["controls"]["list"]}
    assert outcomes == {"a tenth lower": True, "weaker": False}
    assert all(c["risk"] < 1e-10 for c in verdict.evidence["controls"]["list"])


def test_nothing_is_searched_where_chances_are_drawn():
    evidence = verify(union_bound()).evidence
    assert not evidence["adversarial"]["ran"] and "false alarm" in evidence["adversarial"]["reason"]
    assert not evidence["tightness"]["ran"]


def test_the_same_instance_is_decided_by_the_same_draws():
    first, second = (check(union_bound(Rational(19, 10)), Coins(F(1, 5))).failure for _ in range(2))
    assert first is not None and second is not None
    assert str(first.left) == str(second.left)


def test_a_chance_for_anything_but_a_probability_is_refused():
    theorem = Theorem(
        "misplaced", Le(x, p), symbols={x: "", p: ""}, instances=lambda: st.just(Coins(F(1, 2))),
        measure=lambda instance, arithmetic: [{p: arithmetic.number(1), x: Chance(throws(F(1, 2)))}])
    verdict = verify(theorem)
    assert verdict.verdict == "inconclusive" and "only a Probability" in verdict.reason


def test_a_chance_within_a_sequence_is_refused():
    """It would be drawn without being counted, and reported as certain."""
    c, t, T = sympy.IndexedBase(sympy.Symbol("c", real=True)), *symbols("t T", integer=True)
    with sympy.evaluate(False):
        conclusion = Le(c[T], p + Rational(1, 10))
    theorem = Theorem(
        "hidden", conclusion, symbols={c: "", p: "", t: "", T: ""}, over=(t, T), hypotheses=(Ge(T, 0),),
        instances=lambda: st.just(Coins(F(1, 2))),
        measure=lambda instance, arithmetic: [
            {p: arithmetic.number(instance.p), T: 2, c: {k: coin(0.5) for k in range(3)}}])
    verdict = verify(theorem)
    assert verdict.verdict == "inconclusive" and "Probability node" in verdict.reason


def sometimes_drawn(exact_at):
    """P(x >= 1) <= 1.9 p, exact at one p and drawn elsewhere: false at p = 1/5, which only the sampler reaches."""
    def mixed(instance, arithmetic):
        [row] = measure(instance, arithmetic)
        if instance.p == exact_at:
            row[Probability(Ge(x, 1))] = arithmetic.number(1 - (1 - instance.p) ** 3)
        return [row]

    def sample(generator, count):
        columns = {p: np.full(count, 0.2), Probability(Ge(x, 1)): np.full(count, 0.5)}
        return Batch(columns, lambda k: Coins(F(1, 5)), count)

    theorem = union_bound(Rational(19, 10), sample=sample)
    return replace(theorem, measure=mixed, instances=lambda: st.just(Coins(F(1, 2))))


@pytest.mark.parametrize("exact_at", [F(1, 2), None])
def test_a_failure_that_the_sampler_finds_says_that_it_was_drawn(exact_at):
    verdict = verify(sometimes_drawn(exact_at))
    assert verdict.verdict == "refuted" and "a false alarm has probability" in verdict.reason
    assert "DRAWN" not in verdict.counterexample["snippet"] and "from draws" in verdict.counterexample["snippet"]
    assert "enclosed by draws" in verdict.counterexample["latex"]


def test_a_drawn_failure_is_not_made_simpler(monkeypatch):
    monkeypatch.setattr("linres.rungs.draw.smallest", lambda *_, **__: pytest.fail("searched"))
    assert verify(union_bound(Rational(19, 10))).verdict == "refuted"


def test_a_replay_of_drawn_chances_says_the_risk(tmp_path, capsys):
    from linres.commands import replay

    report = replay.decide(union_bound(), Coins(F(1, 2)), label="a test")
    assert report["outcome"] == "holds" and 0 < report["risk"] < 1e-10
    text = replay._text(report | {"theorem": "union", "variant": None, "instance": "Coins"})
    assert "an error has probability" in text


def test_a_million_chances_are_wrong_less_often_than_once_in_a_million():
    assert F(1, 10**6) > 10**6 * LEVEL


def test_it_is_public():
    assert linres.Chance is Chance
