"""chebyshev-lower-bound: proved for every T, attained by two methods; the ring behind it; where the bound ends."""

import json
from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy
from deciding import certainly_holds
from hypotheses import require_that_the_proof_needs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from swaps import outcome, places, swapped

from linres import archive, cli
from linres.arithmetic import EXACT, divide, rational
from linres.bounds import is_semidefinite
from linres.first_order import METHODS
from linres.methods import chebyshev
from linres.ring import Ring
from linres.rungs import draw, rigorous, slack, symbolic, tightness
from linres.theorems import chebyshev_lower_bound as n6

F = Fraction
THEOREM = n6.THEOREM
holds = certainly_holds(THEOREM)
often = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
RUN = Ring(F(1, 3), F(5), F(-2), 3, "nesterov")
reaches = st.integers(1, 6)
roots = st.fractions(F(1, 40), F(39, 40), max_denominator=40)


def excesses(ring):
    """The first and the last excess, exactly."""
    run = ring.measured(EXACT)
    return run.first_excess[ring.reach], run.excess[ring.reach]


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


@pytest.mark.parametrize("factor", [sympy.Rational(1001, 1000), 2])
def test_a_conclusion_that_claims_more_is_refused(factor):
    left, right = THEOREM.conclusion.args
    with sympy.evaluate(False):
        more = sympy.Le(factor * left, right)
    wrong = replace(THEOREM, conclusion=more, proof=(*THEOREM.proof[:-1], replace(THEOREM.proof[-1], claim=more)))
    assert not symbolic.check(wrong).complete


# The ring.


@given(reaches, roots)
@often
def test_its_eigenvalues_are_in_the_interval_and_one_more_than_there_are_steps(reach, q):
    ring = Ring(q, F(3), F(1), reach)
    hessian, unit = ring.hessian(EXACT), ring.hessian(EXACT).identity()
    mu, L = rational(q * q * 3), rational(3)
    assert is_semidefinite(hessian - mu * unit) and is_semidefinite(L * unit - hessian)
    assert hessian == hessian.T
    polynomial = hessian.data.charpoly()
    derivative = polynomial.derivative()
    assert polynomial.degree() - polynomial.gcd(derivative).degree() == reach + 1
    assert polynomial(mu) == polynomial(L) == 0


@given(reaches, st.integers(0, 6))
@often
def test_steps_reach_one_node_further_each_and_everything_up_to_there(reach, steps):
    """Powers of H make from the first gradient all symmetric vectors that vanish further away, and only these."""
    ring = Ring(F(1, 2), F(3), F(1), reach)
    hessian = ring.hessian(EXACT)
    seen = [EXACT.matrix([[F(node == 0)] for node in range(2 * reach)])]
    for _ in range(steps - 1):
        seen.append(hessian @ seen[-1])
    rows = [vector.entries() for vector in seen[:steps]]
    for row in rows:
        assert all(row[node] == row[-node] for node in range(1, reach + 1))
        assert all(row[node] == 0 for node in range(steps, reach + 1))
    if rows:
        assert flint.fmpq_mat(rows).rank() == min(steps, reach + 1)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_leaves_the_opposite_node_until_it_has_had_as_many_steps(method):
    ring = Ring(F(2, 5), F(3), F(2), 3, method)
    for steps in range(5):
        run = replace(ring, steps=steps).measured(EXACT)
        assert (run.error[3] == run.start[0]) == (steps <= 3)


def test_the_minimiser_is_solved_for_and_not_assumed():
    run, hessian = RUN.measured(EXACT), RUN.hessian(EXACT)
    source = EXACT.matrix([[F(-2) * (node == 0)] for node in range(6)])
    minimiser = divide(source.T, hessian).T.entries()
    assert [-minimiser[(3 - node) % 6] for node in range(-1, 4)] == [run.start[node] for node in range(-1, 4)]
    heights = [sympy.chebyshevt(node, sympy.Rational(5, 4)) for node in range(4)]  # (1 + q^2)/(1 - q^2) at q = 1/3
    for node in range(4):
        assert run.start[node] == flint.fmpq(int(heights[node].p), int(heights[node].q)) * run.start[0]


# Instances.


def test_a_run_of_nesterovs_method_holds():
    assert holds(RUN)


@given(n6.instances())
@often
def test_holds_on_drawn_runs(instance):
    assert holds(instance)


def test_draws_have_every_method_and_ends_of_any_other():
    drawn = draw.instances(n6.instances(), 100, seed=0)
    assert {ring.method for ring in drawn} == {"given", *METHODS}
    assert {ring.reach for ring in drawn} == set(range(1, 7))


@pytest.mark.parametrize("method", ["chebyshev", "conjugate-gradient"])
@given(q=roots, reach=reaches)
@often
def test_two_methods_attain_it_whatever_the_condition_number(method, q, reach):
    ring = Ring(q, F(3), F(2), reach, method)
    assert holds(ring) and tightness.equal(THEOREM, ring)
    first, last = excesses(ring)
    ratio = float(flint.arb(last / first).mid())
    assert ratio == pytest.approx(chebyshev.lower_bound(float(q), reach), rel=1e-11)


@pytest.mark.parametrize("method", ["gradient", "nesterov"])
def test_other_methods_are_slower(method):
    assert holds(Ring(F(1, 4), F(3), F(2), 4, method))
    assert not tightness.equal(THEOREM, Ring(F(1, 4), F(3), F(2), 4, method))


@pytest.mark.parametrize("reach", [1, 2, 3])
def test_with_a_step_for_every_eigenvalue_conjugate_gradients_are_done(reach):
    """So the bound is one of T < d steps: on this problem of T + 1 eigenvalues the claim for T + 1 steps is false."""
    ring = Ring(F(1, 2), F(3), F(2), reach, "conjugate-gradient", steps=reach + 1)
    assert excesses(ring)[1] == 0
    assert rigorous.check(THEOREM, ring).rejected == 1
    first, last = excesses(replace(ring, steps=reach))
    assert last > 0 and first > last


@pytest.mark.parametrize("place", list(places(THEOREM, RUN)), ids=lambda place: f"{place[1]}-at-{place[2]}")
def test_a_measured_value_10_percent_too_large_is_noticed_unless_it_is_zero(place):
    _, symbol, stage = place
    value = n6.measure(RUN, EXACT)[0][symbol]
    value = value if stage is None else value[stage]
    assert outcome(THEOREM, RUN) == "holds"
    assert (outcome(swapped(THEOREM, place), RUN) == "holds") == (value == 0)


def test_bulk_runs_are_the_exact_runs():
    batch = THEOREM.sample(np.random.default_rng(0), 60)
    for k in range(0, 60, 5):
        [row] = n6.measure(batch.instance(k), EXACT)
        for symbol in (n6.F, n6.G):
            exact = [float(flint.arb(value)) for value in row[symbol].values()]
            np.testing.assert_allclose(batch.columns[symbol][:, k], exact, rtol=1e-9, atol=0)


def test_half_of_the_bulk_is_next_to_the_bound():
    batch = THEOREM.sample(np.random.default_rng(1), 400)
    share = batch.columns[n6.G][-1] * chebyshev.lower_bound(batch.columns[n6.q], 6) / batch.columns[n6.F][-1]
    assert 100 < np.sum(share > 1 - 1e-9) < 300 and np.all(share < 1 + 1e-9)


# What the search for tight instances makes of a hypothesis about the horizon.


def test_ratios_are_read_only_at_horizons_that_the_hypotheses_allow():
    exactly = slack.Slack(THEOREM, EXACT)
    assert len(list(exactly.sides(n6.attained()))) == 1
    reading = exactly(n6.attained())
    assert reading.feasible and reading.excess == 0


def test_an_earlier_horizon_that_no_hypothesis_allows_does_not_hide_the_last_one():
    """The ends given make the first edges cheap: seen from node 2, H6 would nearly hold and the claim would fail."""
    first = RUN.measured(EXACT).start[0]
    near = F(int(first.p), int(first.q)) * F(999, 1000)
    ring = Ring(F(1, 3), F(5), F(-2), 3, given=(F(0), F(0), near))
    assert holds(ring) and slack.Slack(THEOREM, EXACT)(ring).feasible


def test_a_replay_shows_the_horizon_that_the_hypotheses_allow(tmp_path, capsys):
    path = tmp_path / "ring.json"
    path.write_text(json.dumps(archive.document(THEOREM, RUN)))
    assert cli.main(["replay", str(path), "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)["rows"]
    first, last = excesses(RUN)
    assert row["horizon"] == 3 and flint.fmpq(*map(int, row["right"].split("/"))) == last < first
