"""Mutants: how they are made, how they are classed before anything is tried, and what becomes of them."""

import flint
import hypothesis.strategies as st
import numpy as np
import pytest
import sympy
from sympy import Eq, Ge, Gt, Le, Lt, Rational, sqrt, symbols

import linres
from linres import archive
from linres.methods import descent, nesterov
from linres.methods.wrong import WRONG
from linres.mutants import GROUPS, Reading, Witness, methods, mutant, mutants, proofs, statement
from linres.mutants.places import places, put
from linres.mutants.readings import Search, Tape
from linres.rungs import mutants as rung
from linres.rungs import rigorous, symbolic

a, b, c = symbols("a b c", real=True)


def about(conclusion, *hypotheses, proof=(), definitions=None, **parts):
    """A theorem about numbers a, b and c from 0 to 9."""
    with sympy.evaluate(False):
        return linres.Theorem(
            name="small", title="small", provenance="user", symbols={a: "", b: "", c: ""}, hypotheses=hypotheses,
            conclusion=conclusion, instances=lambda: st.tuples(*[st.fractions(0, 9)] * 3),
            measure=lambda numbers, arithmetic: [dict(zip((a, b, c), map(arithmetic.number, numbers), strict=True))],
            proof=proof, definitions=definitions or {}, **parts,
        )


def orders(theorem):
    """The class of every mutant by its name."""
    return {each.name: each.order for each in mutants(theorem, ("statement",))}


with sympy.evaluate(False):
    nonnegative_a, nonnegative_b, positive_b = Ge(a, 0), Ge(b, 0), Gt(b, 0)
    MEAN = Le(a * b, (a**2 + b**2) / 2)
    MEAN_PROVED = about(MEAN, nonnegative_a, nonnegative_b, expect="proved", proof=(
        linres.Step("square", MEAN, linres.Certificate(linres.Term(Rational(1, 2), square=a - b))),))


class TestPlaces:
    def test_a_place_put_back_is_the_same_tree(self):
        for name in ("nesterov-step", "nesterov-with-errors", "stacking-residual"):
            conclusion = linres.load(name).conclusion
            for place in places(conclusion):
                assert linres.language.same(put(conclusion, place.path, place.node), conclusion)

    def test_coefficients_that_are_not_written_are_places(self):
        with sympy.evaluate(False):
            found = {(str(place.node), place.role) for place in places(Le(a, 3 * b + c))}
        assert found == {("3*b + c", "term"), ("3", "number"), ("c", "term")}

    def test_indices_are_no_places(self):
        found = [str(place.node) for place in places(linres.load("nesterov-with-errors").conclusion)]
        assert "t" not in found and not any(place.startswith("Phi[") for place in found)


class TestClasses:
    def of(self, name, conclusion, *hypotheses):
        return orders(about(conclusion, *hypotheses))[name]

    @pytest.mark.parametrize(("name", "order"), [
        ("conclusion/rhs-up/21:20_times", "weaker"), ("conclusion/rhs-down/19:20_times", "stronger"),
    ])
    def test_a_bound_of_visible_sign(self, name, order):
        with sympy.evaluate(False):
            assert self.of(name, Le(a, b), nonnegative_a, nonnegative_b) == order

    def test_a_bound_of_unknown_sign_is_not_classed(self):
        with sympy.evaluate(False):
            assert self.of("conclusion/rhs-up/21:20_times", Le(a, b), nonnegative_a) == "incomparable"

    def test_a_constant_in_a_root_under_a_negative_coefficient(self):
        """-2 sqrt(3 b): more under the root is less on the right side, so stronger."""
        with sympy.evaluate(False):
            found = orders(about(Le(a, c - 2 * sqrt(3 * b)), nonnegative_b))
        [up] = [name for name in found if name.endswith("3=63:20")]
        [down] = [name for name in found if name.endswith("3=57:20")]
        assert (found[up], found[down]) == ("stronger", "weaker")

    def test_a_constant_in_a_denominator(self):
        with sympy.evaluate(False):
            found = orders(about(Le(a, c / (1 + 2 * b)), nonnegative_b, Ge(c, 0)))
        assert [found[name] for name in found if name.endswith("2=21:10")] == ["stronger"]

    def test_a_strict_conclusion_is_stronger_and_an_equation_too(self):
        found = orders(MEAN_PROVED)
        assert found["conclusion/relation/strict"] == found["conclusion/relation/equation"] == "stronger"
        assert found["conclusion/relation/turned"] == "incomparable"

    def test_an_equation_is_neither(self):
        with sympy.evaluate(False):
            found = orders(about(Eq(a, 2 * b)))
        assert [found[name] for name in found if name.endswith("2=21:10")] == ["equation"]
        assert found["conclusion/relation/at-most"] == "weaker"

    def test_hypotheses_work_the_other_way_round(self):
        with sympy.evaluate(False):
            found = orders(about(Le(a, 5), Le(a, 2 * b), nonnegative_b))
        assert found["H1/dropped"] == "stronger"
        assert found["H1/rhs.0-up/2=21:10"] == "stronger"
        assert found["H1/rhs.0-down/2=19:10"] == "weaker"

    def test_an_exponent_over_a_base_below_1(self):
        with sympy.evaluate(False):
            found = orders(about(Le(c, (1 - a) ** 2), Gt(a, 0), Lt(a, 1)))
        assert found["conclusion/rhs.1=3/exponent_2=3"] == "stronger"
        assert found["conclusion/rhs.1=1/exponent_2=1"] == "weaker"

    def test_an_exponent_over_a_base_on_either_side_of_1_is_not_classed(self):
        with sympy.evaluate(False):
            found = orders(about(Le(c, a**2), Gt(a, 0)))
        assert found["conclusion/rhs.1=3/exponent_2=3"] == "incomparable"

    def test_a_hypothesis_that_roots_need_anyway_changes_nothing(self):
        assert orders(linres.load("nesterov-step"))["H2/dropped"] == "equivalent"  # q <= 1, for sqrt(1 - q)
        assert orders(linres.load("nesterov-quadratic"))["H1/dropped"] == "equivalent"  # T >= 0, a number of stages
        assert orders(linres.load("stacking-residual"))["H1/dropped"] == "equivalent"  # Det != 0, for the inverse

    def test_a_hypothesis_that_the_proof_does_not_need_is_reported(self):
        """a b <= (a^2 + b^2)/2 holds for all numbers."""
        assert orders(MEAN_PROVED)["H1/dropped"] == "proved"

    def test_a_bound_at_which_a_denominator_is_0_changes_nothing(self):
        with sympy.evaluate(False):
            found = orders(about(Le(c, sqrt(1 - a) / (1 - a**2)), Lt(a, 1), Le(c, 0)))
            other = orders(about(Le(c, sqrt(1 - a) / (2 - a**2)), Lt(a, 1), Le(c, 0)))
        assert (found["H1/dropped"], other["H1/dropped"]) == ("equivalent", "stronger")
        assert orders(linres.load("stacking-acceleration"))["H9/dropped"] == "equivalent"  # q < 1, for 1 - q^2

    def test_a_root_of_something_negative_is_no_mutant(self):
        with sympy.evaluate(False):
            found = orders(about(Le(c, sqrt(1 + 2 * a)), nonnegative_a, Le(a, Rational(1, 4))))
            other = orders(about(Le(c, sqrt(2 * a)), nonnegative_a))
        assert any(name.endswith("/sign") for name in found)
        assert not any("-2" in name for name in other)

    def test_no_class_depends_on_instances(self):
        """Measured by what raises, the classes are the same."""

        def broken(*_):
            raise RuntimeError

        theorem = linres.load("absorption")
        unmeasured = linres.theorem.replace(theorem, measure=broken, instances=broken, sample=None)
        assert orders(theorem) == orders(unmeasured)


class TestNames:
    def test_names_are_distinct_and_fit_a_command_line(self):
        names = [each.name for each in mutants(linres.load("gradient-step"))]
        assert len(set(names)) == len(names) > 300
        assert not any(set(name) & set(" '\"()*&|<>$;\\") for name in names)

    @pytest.mark.parametrize("name", ["conclusion/rhs-down/19:20_times", "H6/dropped"])
    def test_a_mutant_is_made_again_by_its_name(self, name):
        theorem = linres.load("absorption")
        [each] = [each for each in mutants(theorem) if each.name == name]
        again = mutant(theorem, name)
        assert again.hypotheses == each.theorem.hypotheses and again.conclusion == each.theorem.conclusion

    def test_an_unknown_name_is_refused_in_a_line(self):
        with pytest.raises(linres.InputError, match="the name of a mutant"):
            mutant(linres.load("absorption"), "conclusion/nothing")


class TestReadings:
    def test_a_reading_has_the_values_that_definitions_give(self):
        theorem = linres.load("nesterov-with-errors")
        tape = Tape(theorem, 2)
        numbers = [1 + k / 8 for k in range(len(tape.leaves))]
        row = tape.row(tape.reading(numbers))
        checked = rigorous.check(
            linres.theorem.replace(theorem, measure=lambda *_: [row], proof=(), controls=()), None)
        assert not checked.failure  # and no definition disagrees

    def test_no_reading_violates_a_proved_theorem(self):
        for name in ("absorption", "gradient-step"):
            theorem = linres.load(name)
            tape = Tape(theorem, 0)
            pool = rung.Pool(theorem, rung.LEVELS["quick"], 0)
            for reading in pool.readings(theorem, [rung.Plan(0, 5, 8, thoroughly=True)]):
                exact = linres.theorem.replace(theorem, measure=lambda r, _, tape=tape: [tape.row(r)])
                assert rigorous.check(exact, reading).failure is None

    def test_what_moves_alike_is_kept_at_0(self):
        """Losses and the minimum, networks and the target; with an inverse the networks no longer."""
        def kept(name, stages):
            tape = Tape(linres.load(name), stages)
            return {str(tape.leaves[leaf][0]): direction.sum() for leaf, direction in tape.translations.items()}

        assert kept("stacking-acceleration-with-errors", 1) == {"ell_star": 4, "W_star": 3}
        assert kept("stacking-acceleration", 2) == {"ell_star": 6}
        with sympy.evaluate(False):
            assert Tape(about(Le(a * b, c**2)), 0).translations == {}
            [direction] = Tape(about(Le(a * b, (a**2 + b**2) / 2)), 0).translations.values()
        assert direction.tolist() == [1, 1]  # half the square of a - b

    def test_a_start_is_moved_before_it_is_rounded(self):
        with sympy.evaluate(False):
            tape = Tape(about(Le(a - b, c - b)), 0)
        tiny = flint.fmpq(1, 10**30)
        found = tape.read({a: 1 + tiny, b: flint.fmpq(1), c: 1 + 2 * tiny})
        assert sorted(abs(found)) == pytest.approx([0, 1e-30, 1e-30]) or sorted(abs(found))[-1] == 2e-30

    def test_0_at_most_0_is_no_violation(self):
        """No number moves it, so no margin can be asked of it."""
        with sympy.evaluate(False):
            theorem = about(Le(a, 1), Le(0 * b, 0 * b), Ge(a, 0))
        assert Search(Tape(theorem, 0)).run(np.array([0.5, 1.0]), 30) is not None

    def test_a_search_finds_what_one_number_violates(self):
        with sympy.evaluate(False):
            theorem = about(Le(a * b, (a**2 + b**2) * Rational(12, 25)), Ge(a, 1), Ge(b, 1))
        found = Search(Tape(theorem, 0)).run(np.array([1.0, 2.0]), 30)
        assert isinstance(found, Reading)
        checked = statement.trying(theorem, theorem)
        assert rigorous.check(checked, found).failure is not None


class TestOutcomes:
    def outcomes(self, theorem, *kinds):
        return rung.run(theorem, kinds=kinds or ("statement", "method", "proof"))

    def test_stronger_ones_fall_and_weaker_ones_stand(self):
        report = self.outcomes(linres.load("absorption"), "statement")
        scores = {group: rung.score([report], group) for group in ("conclusion", "equation", "hypothesis")}
        assert scores == {"conclusion": (2, 2), "equation": (0, 0), "hypothesis": (10, 10)} and not report.alarms
        assert len(report.standing) == 7 and not any(o.fallen for o in report.standing)

    def test_the_counterexample_fails_again_and_can_be_saved(self):
        theorem = linres.load("absorption")
        for outcome in self.outcomes(theorem, "statement").outcomes:
            if outcome.fallen:
                saved = archive.encode(outcome.instance)
                instance = archive.decode(theorem, saved)
                assert instance == outcome.instance
                assert rigorous.check(mutant(theorem, outcome.mutant.name), instance).failure is not None

    def test_a_weaker_mutant_that_falls_is_an_alarm(self, monkeypatch):
        """A class that is wrong, planted: every stronger mutant is called weaker."""
        planted = {"stronger": "weaker"}
        original = statement._mutant
        monkeypatch.setattr(statement, "_mutant", lambda theorem, part, change, classed: original(
            theorem, part, change, (planted.get(classed[0], classed[0]), classed[1])))
        assert self.outcomes(linres.load("absorption"), "statement").alarms

    def test_a_survivor_tells_how_near_it_came(self):
        with sympy.evaluate(False):
            loose = about(Le(a, 100), Ge(a, 0), Le(a, 1))
        report = self.outcomes(loose, "statement")
        [survivor] = [o for o in report.outcomes if o.mutant.name == "conclusion/rhs-down/100=10"]
        assert survivor.fate == "stands" and "largest ratio" in survivor.reason
        fallen, every = rung.score([report], "conclusion")
        assert fallen < every

    def test_unproved_theorems_are_tried_on_their_own_instances_only(self):
        """What ties a to b is in the measure, not in a hypothesis: no reading may break it."""
        with sympy.evaluate(False):
            tied = about(Le(a, 2 * b), nonnegative_b)
        tied = linres.theorem.replace(
            tied, measure=lambda numbers, arithmetic: [dict.fromkeys((a, b, c), arithmetic.number(numbers[0]))])
        assert not self.outcomes(tied, "statement").alarms

    def test_the_score_counts_what_must_fall_only(self):
        def outcome(order, fate, part="conclusion"):
            return rung.Outcome(linres.mutants.Mutant("n", "statement", "", order, "", "", part, lambda: None), fate)

        report = rung.Report(MEAN_PROVED, [
            outcome("stronger", "refuted"), outcome("stronger", "stands"), outcome("equation", "refuted"),
            outcome("weaker", "stands"), outcome("incomparable", "refuted"), outcome("proved", "stands", "H1"),
            outcome("stronger", "stands", "H2"), outcome("stronger", "refuted", "H3"),
        ])
        scores = {group: rung.score([report], group) for group in GROUPS}
        assert scores == {
            "conclusion": (1, 2), "equation": (1, 1), "hypothesis": (1, 2), "method": (0, 0), "proof": (0, 0)}

    def test_nothing_is_searched_where_nothing_broke_without_the_hypothesis(self):
        """Less was asked there already. What has to stand is tried all the same."""
        with sympy.evaluate(False):
            loose = about(Le(1, a), Ge(a, 1), Le(b, 2 * c))
            assert rung.Pool(loose, rung.LEVELS["quick"], 0).outside  # with a < 1
        report = self.outcomes(loose, "statement")
        [dropped] = [o for o in report.outcomes if o.mutant.name == "H2/dropped"]
        weakened = [o for o in report.sought("hypothesis") if o.mutant.part == "H2" and not o.mutant.drops]
        assert dropped.fate == "stands" and all("nothing was found" in o.reason for o in weakened)
        assert [o.fallen for o in report.outcomes if o.mutant.name == "H1/dropped"] == [True]


class TestMethods:
    def test_every_wrong_step_of_gradient_descent_and_of_nesterov_is_refuted(self):
        for name in ("gradient-step", "nesterov-quadratic", "stacking-residual"):
            report = rung.run(linres.load(name), kinds=("method",))
            fallen, every = rung.score([report], "method")
            assert fallen == every == len(WRONG[linres.load(name).method.name])

    def test_the_right_step_in_place_of_a_wrong_one_stands(self, monkeypatch):
        monkeypatch.setitem(WRONG, "nesterov", {"right": nesterov.step})
        monkeypatch.setitem(WRONG, "descent", {"right": descent.step})
        for name in ("gradient-step", "nesterov-quadratic"):
            [outcome] = rung.run(linres.load(name), kinds=("method",)).outcomes
            assert not outcome.fallen and "no failure" in outcome.reason

    def test_a_theorem_that_names_no_method_has_no_such_mutants(self):
        assert [*methods.mutants(linres.load("absorption"))] == []


class TestProofs:
    def test_every_mutant_of_a_short_proof_is_refused(self):
        for name in ("absorption", "gradient-step", "stacking-residual"):
            report = rung.run(linres.load(name), kinds=("proof",))
            fallen, every = rung.score([report], "proof")
            assert fallen == every > 0

    def test_the_step_alone_and_the_whole_proof_are_judged_alike(self):
        theorem = linres.load("absorption")
        for changed in proofs.changes(theorem):
            assert not symbolic.check(proofs.with_step(theorem, changed)).complete

    def test_a_core_that_accepts_a_false_claim_is_an_alarm(self, monkeypatch):
        monkeypatch.setattr(symbolic, "check_step", lambda *_, **__: [])
        report = rung.run(MEAN_PROVED, kinds=("proof",))
        assert any(outcome.alarm for outcome in report.outcomes)
        assert all(outcome.mutant.how == "a stronger claim" for outcome in report.alarms)


def test_a_witness_is_measured_as_its_control_measures():
    theorem = linres.load("gradient-step")
    [control] = [each for each in theorem.controls if each.name == "without-from-next"]
    dropped = mutant(theorem, "H4/dropped")
    assert rigorous.check(dropped, Witness(control.name, control.witness)).failure is not None
