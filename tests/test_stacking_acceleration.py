"""stacking-acceleration: proved; decided at the very edge of its basin; and how far the basin is from the true one."""

import inspect
import time
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from types import ModuleType

import flint
import numpy as np
import pytest
from deciding import certainly_holds
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped
from sympy import Eq

from linres import bounds, guarantee, strategies, theorems
from linres.arithmetic import BALL, EXACT
from linres.evaluate import Float
from linres.figures.basin import first_violation
from linres.instances import StackingRun, aligned_stacking_run
from linres.methods import descent, nesterov, stacking
from linres.problem import Problem
from linres.rungs import draw, rigorous, symbolic, verify, wanting
from linres.theorems import gradient_step
from linres.theorems import stacking_acceleration as s3
from linres.theorems import stacking_acceleration_with_errors as base

F = Fraction
THEOREM = s3.THEOREM
ANYWHERE = replace(THEOREM, hypotheses=tuple(h for h in THEOREM.hypotheses if h is not s3.basin))
drawn = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

# One neuron of curvature mu between a singular W and its target, where no inequality has slack but that of the basin.
TIGHT = aligned_stacking_run(
    q=F(1, 2), L=F(4), eigenvalues=(F(1),), values=(F(2),), displacement=((F(-1, 4),),), stages=3, minimum=F(-3, 4),
)


holds = certainly_holds(THEOREM)


def row_of(instance):
    [row] = THEOREM.measure(instance, EXACT)
    return row


def as_float(value):
    return float(flint.arb(value).mid())


def level(instance):
    """Phi_0/(mu sigma^2)."""
    row = row_of(instance)
    return as_float(row[s3.Phi][0] / (row[s3.q] ** 2 * row[s3.L] * row[s3.sigma] ** 2))


def nearer(instance, factor):
    """The run from W* + factor (W_0 - W*)."""
    start = tuple(
        tuple(goal + factor * (entry - goal) for entry, goal in zip(*rows, strict=True))
        for rows in zip(instance.start, instance.target, strict=True)
    )
    return replace(instance, start=start)


@pytest.fixture(scope="module")
def verdict():
    return verify(THEOREM)


def test_is_proved_and_every_control_comes_out_as_it_must(verdict):
    assert verdict.verdict == "proved" and wanting(verdict) == 0
    assert verdict.proof["checked"] == verdict.proof["steps"] == len(THEOREM.steps()) and verdict.proof["prose"] == 0
    for control in verdict.evidence["controls"]["list"]:
        assert control["refuted"] == (control["kind"] == "stronger") and "reason" not in control


def test_every_instance_drawn_or_sampled_is_accepted_and_decided(verdict):
    exact, sampled = verdict.evidence["rigorous"], verdict.evidence["sampled"]
    assert exact["acceptance"] == 1 and exact["undecided"] == 0 and exact["decided"] >= 40
    assert sampled["acceptance"] == 1 and sampled["suspects"] == 0 and sampled["rows"] >= 4000


# Instances.


@given(s3.instances())
@drawn
def test_holds_on_drawn_runs_of_every_scale(instance):
    assert holds(instance)


def test_draws_reach_the_edge_every_dimension_every_length_and_every_scale():
    runs = draw.instances(s3.instances(), 300, seed=1)
    rows = [row_of(run) for run in runs]
    shares = [level(run) / stacking.basin(as_float(row[s3.q])) for run, row in zip(runs, rows, strict=True)]
    assert max(shares) <= 1 and np.mean(np.array(shares) > 0.99) > 0.2 and 0 in shares
    assert {len(run.target) for run in runs} == {1, 2, 3} and {run.stages for run in runs} == {1, 2, 3, 4}
    for symbol, factor in ((s3.L, 2**20), (s3.sigma, 2**10), (s3.q, 2**6)):
        values = [row[symbol] for row in rows]
        assert max(values) > factor * min(values)


@pytest.mark.parametrize("q", s3.EDGES)
def test_the_edge_of_the_basin_belongs_to_it_and_is_decided_exactly(q):
    """Both sides of the hypothesis are equal, square roots included; 2^-60 further out it is false."""
    edge = s3.at_the_edge(q)
    with_equality = replace(THEOREM, conclusion=Eq(*s3.basin.args, evaluate=False))
    assert holds(edge) and holds(edge, with_equality)
    assert holds(nearer(edge, 1 - F(1, 2**60)))
    assert rigorous.check(THEOREM, nearer(edge, 1 + F(1, 2**60))).rejected == 1


def test_eight_stages_are_decided_exactly():
    """Exact states double their bits at each stage."""
    run = replace(s3.at_the_edge(), stages=8)
    start = time.process_time()
    assert holds(run) and time.process_time() - start < 5
    assert max(entry.q.bit_length() for entry in row_of(run)[s3.W][8].entries()) > 2000


def test_holds_where_no_singular_value_is_rational():
    """sigma and s_t are then rounded, with room to spare."""
    run = StackingRun(
        sigma=((F(2), F(1, 2)), (F(1, 2), F(1))), target=((F(2), F(1)), (F(-1), F(3))),
        start=((F(17, 8), F(1)), (F(-1), F(23, 8))), momentum=F(1, 3), step_size=F(4, 9), stages=4,
    )
    row = row_of(run)
    assert as_float(row[s3.sigma]) == pytest.approx(np.linalg.svd([[2.0, 1.0], [-1.0, 3.0]])[1][1], rel=1e-11)
    assert holds(run)


def test_s_is_a_lower_bound_of_the_smallest_singular_value():
    for run in (s3.at_the_edge(), TIGHT, s3.beyond_the_basin()):
        row = row_of(run)
        for stage, value in row[s3.s].items():
            d = len(run.target)
            network = np.reshape([as_float(entry) for entry in row[s3.W][stage].entries()], (d, d))
            assert as_float(value) <= np.linalg.svd(network)[1][-1] * (1 + 1e-12)


@pytest.mark.parametrize(
    ("table", "exact"),
    [
        ([[F(-5)]], F(5)), ([[F(3), F(4)], [F(0), F(0)]], F(0)), ([[F(3), F(0)], [F(4), F(1, 9)]], None),
        ([[F(0), F(-1, 3)], [F(7), F(0)]], F(1, 3)), ([[F(1), F(1)], [F(1), 1 + F(1, 2**80)]], None),
        ([[F(2), F(2), F(-1)], [F(-1), F(2), F(2)], [F(2), F(-1), F(2)]], F(3)),
        ([[F(1), F(2), F(0)], [F(0), F(3), F(1)], [F(1), F(1), F(5)]], None),
    ],
)
def test_the_smallest_singular_value_is_exact_where_it_is_rational_and_a_tight_lower_bound_elsewhere(table, exact):
    matrix = EXACT.matrix(table)
    found = bounds.stretch(matrix)
    assert exact in (None, found) and bounds.stretches(matrix, found)
    if exact is None:
        assert found > 0 and not bounds.stretches(matrix, found * (1 + F(1, 2**38)))


def test_a_run_from_the_target_stays_there():
    at_target = nearer(s3.at_the_edge(), F(0))
    assert holds(at_target) and set(row_of(at_target)[s3.Phi].values()) == {0}


@pytest.mark.parametrize("changes", [{"start": ((F(0),),)}, {"target": ((F(0),),), "start": ((F(1, 8),),)}])
def test_a_singular_start_or_target_is_rejected(changes):
    checked = rigorous.check(THEOREM, replace(TIGHT, **changes))
    assert (checked.rejected, checked.holds, checked.failure) == (1, 0, None)


@pytest.mark.parametrize("changes", [{"momentum": F(1, 4)}, {"step_size": F(2)}])
def test_settings_that_the_spectrum_does_not_allow_are_rejected(changes):
    """A smaller momentum claims a larger mu, a longer step a smaller L."""
    assert rigorous.check(THEOREM, replace(TIGHT, **changes)).rejected == 1


# Measurement.


def unnoticed(instance):
    return {
        (str(symbol), stage)
        for row, symbol, stage in places(THEOREM, instance)
        if outcome(swapped(THEOREM, (row, symbol, stage)), instance) == "holds"
    }


def test_a_measured_value_10_percent_too_large_is_noticed():
    """But for D_0, which is 0, and for what bounds it: of s_{-1} nothing is asked but to be large enough."""
    assert outcome(THEOREM, TIGHT) == "holds"
    assert unnoticed(TIGHT) == {("D", 0), ("s", -1)}


def test_everything_the_statement_needs_is_measured_and_nothing_of_the_bound():
    defined = {name.args[0] for name in THEOREM.definitions if name.args} - {base.Y, s3.W, s3.Phi, s3.D}
    assert set(row_of(TIGHT)) == set(THEOREM.symbols) - defined - {s3.mu, s3.t}


def test_is_measured_exactly_only():
    with pytest.raises(ValueError, match="EXACT, got BALL"):
        THEOREM.measure(TIGHT, BALL)


def test_bulk_runs_are_the_exact_runs():
    batch = THEOREM.sample(np.random.default_rng(0), 300)
    for k in range(0, 300, 23):
        row = row_of(batch.instance(k))
        exact = [as_float(value) for _, value in sorted(row[s3.Phi].items())]
        np.testing.assert_allclose(batch.columns[s3.Phi][:, k], exact, rtol=1e-9, atol=1e-13 * exact[0])
        for symbol in (s3.q, s3.L, s3.sigma):
            assert batch.columns[symbol][k] == pytest.approx(as_float(row[symbol]), rel=1e-14)


def test_bulk_runs_start_at_every_distance_up_to_the_edge():
    columns = THEOREM.sample(np.random.default_rng(0), 3000).columns
    q = columns[s3.q]
    shares = columns[s3.Phi][0] / (q**2 * columns[s3.L] * columns[s3.sigma] ** 2) / stacking.basin(q)
    assert shares.max() <= 1 and np.mean(shares > 0.99) > 0.3 and np.mean(shares < 0.5) > 0.2


# The proof.


def test_the_proof_is_checked_in_seconds():
    start = time.process_time()
    proof = symbolic.check(THEOREM)
    assert proof.complete and proof.checked == 48 and time.process_time() - start < 10


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=lambda h: str(h)[:40])
def test_the_proof_needs_every_hypothesis_but_those_that_say_what_D_is(hypothesis):
    """Of the lookahead error only the size is used, so the theorem holds of any other that is as small."""
    without = tuple(each for each in THEOREM.hypotheses if each is not hypothesis)
    complete = symbolic.check(replace(THEOREM, hypotheses=without)).complete
    assert complete == (hypothesis in (s3.invertible, s3.stacking))


def forged(old, new):
    """The theorem of the module's source with `old` replaced by `new`."""
    source = inspect.getsource(s3)
    assert old in source
    module = ModuleType("forged")
    exec(compile(source.replace(old, new), "forged", "exec"), module.__dict__)
    return module.THEOREM


def test_a_copy_of_the_source_is_accepted():
    assert symbolic.check(forged("Rational(11, 5)", "Rational(22, 10)")).complete


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Rational(11, 5)", "Rational(9, 4)"),  # what 2 sqrt(1+q) + sqrt(1-q) exceeds
        ("gathered = 2 * v + u", "gathered = Rational(19, 10) * v + u"),  # the basin
        ("share = Rational(7, 10)", "share = Rational(18, 25)"),  # of the gain of stage 0; 1/sqrt(2) is too much
        ("Rational(3, 4) * root_0", "Rational(7, 10) * root_0"),  # how near W_0 is: 1/sqrt(2) is too near
        ("Rational(15, 44)", "Rational(16, 44)"),
        ("Rational(29, 44)", "Rational(28, 44)"),
        ("Rational(3, 140)", "Rational(1, 35)"),
        ("Rational(1, 200)", "Rational(1, 100)"),
        ("q * (1 - q**2) / (4 * L)", "q * (1 - q**2) / (3 * L)"),  # the gain of stage 0
        ("CONCLUSION = Le(Phi[T], (1 - q) ** T", "CONCLUSION = Le(Phi[T], Rational(99, 100) * (1 - q) ** T"),
    ],
)
def test_a_proof_with_another_constant_is_refused(old, new):
    assert not symbolic.check(forged(old, new)).complete


# Sharpness.


@pytest.mark.parametrize("k", [3, 5, 8])
def test_the_first_stage_contracts_by_the_rate_to_first_order_in_q(k):
    """From rest the first stage is a gradient step; along the mu-eigenvector its slack is q^2/2 + q^3/2 exactly."""
    q = F(1, 2**k)
    potentials = row_of(s3.along_an_eigenvector(q))[s3.Phi]
    ratio = (1 - q) * (1 - q**2 / 2 - q**3 / 2)
    assert potentials[1] / potentials[0] == flint.fmpq(ratio.numerator, ratio.denominator)


def test_zero_starts_are_gradient_steps_and_contract_by_exactly_1_minus_1_over_kappa_squared():
    """What stacking is compared with: `gradient-step`, attained at every stage."""

    def zero_starts(run, arithmetic):
        function, row = run.function(arithmetic), row_of(run)
        networks = [stage.network for stage in replace(run, momentum=F(0)).record(arithmetic).stages]
        for before, after in pairwise(networks):
            assert after == descent.step(before, function.gradient, step_size=1 / row[s3.L])
            yield {
                gradient_step.q: row[s3.q], gradient_step.L: row[s3.L], gradient_step.x_star: function.minimiser,
                gradient_step.x: before, gradient_step.x_next: after, gradient_step.f_star: function.minimum,
                gradient_step.g: function.gradient(before), gradient_step.g_next: function.gradient(after),
                gradient_step.f_x: function.value(before), gradient_step.f_next: function.value(after),
            }

    theorem = gradient_step.THEOREM
    attained = replace(theorem, conclusion=Eq(*theorem.conclusion.args, evaluate=False))
    for claim in (theorem, attained):
        checked = rigorous.check(replace(claim, measure=lambda *given: [*zero_starts(*given)]), s3.at_the_edge())
        assert (checked.holds, checked.rejected, checked.failure) == (2, 0, None)


@pytest.mark.parametrize("times", [-1, 0, F(1, 2)])
def test_any_lookahead_error_as_small_is_absorbed(times):
    """0 is Nesterov's method; -1 the error of stacking the other way round."""
    variant = replace(THEOREM.control("error-of-the-opposite-sign"), measure=s3._erring(EXACT.number(times)))
    for run in (s3.at_the_edge(), *draw.instances(s3.instances(), 15, seed=2)):
        assert holds(run, variant)


# How far the basin is from the true one.


@pytest.mark.parametrize("times", [F(21, 20), 14])
def test_a_basin_5_percent_larger_or_14_times_larger_is_not_refuted(times):
    """It is only not proved: the constant of the basin is not sharp for stacking."""

    def further(*start):
        return s3.reach(*start) * bounds.root_below(F(times))

    for run in draw.instances(strategies.aligned_stacking_runs(further, max_stages=3), 60, seed=0):
        assert holds(run, ANYWHERE)


def test_two_stages_of_one_neuron_break_the_claim_17_times_beyond_the_basin():
    far = s3.beyond_the_basin()
    assert rigorous.check(THEOREM, far).rejected == 1 and rigorous.check(ANYWHERE, far).failure.horizon == 2
    assert 17 < level(far) / stacking.basin(3 / 4) < 17.5
    assert holds(nearer(far, F(99, 100)), ANYWHERE)


@pytest.mark.parametrize(("kappa", "gap"), [(2, 17.0), (10, 17.1), (100, 16.4), (10_000, 15.8)])
def test_the_smallest_violation_of_stacking_measured_is_about_16_times_beyond_the_basin(kappa, gap):
    """One neuron in the mu-eigenspace, towards a singular W: runs until e^-10 of Phi_0 is left."""
    problem = Problem.from_spectrum([1 / kappa, 1.0], target=np.eye(2))
    found = first_violation(problem, np.diag([-1.0, 0.0]))
    assert found / stacking.basin(problem.q) == pytest.approx(gap, rel=0.02)


def worst_potentials(q, excess, stages):
    """Phi_T/((1-q)^T Phi_0) of one neuron, W* = 1, whose lookahead errors are as large as allowed, against stacking's.

    From Phi_0 = excess times what the basin allows; the weakest W allowed, so |D_t| = beta d_t^2/(1 - |W_{t-1} - 1|).
    """
    offset = before = -np.sqrt(excess * stacking.basin(q))
    ratios, scale = [1.0], 2 * offset**2
    for t in range(1, stages + 1):
        change = offset - before
        y = offset + nesterov.momentum(q) * (change - change**2 / (1 - abs(before)))
        before, offset = offset, (1 - q * q) * y
        ratios.append((offset**2 + nesterov.auxiliary(offset, before, q=q) ** 2) / scale / (1 - q) ** t)
    return np.array(ratios)


@pytest.mark.parametrize(("q", "excess"), [(1e-2, 4.0), (1e-3, 2.8), (1e-5, 2.2)])
def test_other_lookahead_errors_of_that_size_break_the_claim_much_earlier(q, excess):
    """The proof uses the size of D_t alone, and for that the basin is not 16 times too small, but 2.2 at most."""
    stages = round(1.5 * q**-0.75)
    assert worst_potentials(q, excess, stages).max() > 1 + 1e-9
    assert worst_potentials(q, 1.0, stages).max() <= 1 + 1e-12


def test_one_steeper_neuron_breaks_the_claim_where_the_flattest_does_not():
    """kappa = 1e6, curvature 57 mu, Phi_0 = .66 mu sigma^2, 11.9 times what is proved: decided in balls."""
    with flint.ctx.workprec(3000):
        q, level = flint.arb(1) / 1000, flint.arb("0.66")
        mu, beta = q * q, nesterov.momentum(q)
        curvature = 57 * mu
        first = 1 - (2 * level * mu / (curvature + mu)).sqrt()
        before, network, allowed, broken = first, first, level * mu, None
        for t in range(1, 300):
            change = network - before
            lookahead = network + beta * change + beta * change * change / before
            before, network = network, lookahead - curvature * (lookahead - 1)
            offset = nesterov.auxiliary(network, before, q=q) - 1
            potential = nesterov.potential(curvature * (network - 1) * (network - 1) / 2, offset * offset, mu=mu)
            allowed = allowed * (1 - q)
            broken = t if broken is None and potential > allowed else broken
    assert broken == 275
    assert float(level.mid()) / stacking.basin(1e-3) == pytest.approx(11.9, abs=0.05)


# What the command line says of a run.


def test_the_basin_of_the_command_line_is_that_of_the_theorem():
    q = np.linspace(0.001, 0.999, 999)
    farthest = s3._reach(Float, q, np.full_like(q, 3.0), 7.0, np.ones(999))
    np.testing.assert_allclose(farthest**2 / (q**2 * 3 * 49), stacking.basin(q), rtol=1e-13)


@pytest.mark.parametrize("q", s3.EDGES)
def test_the_basin_of_the_command_line_is_right_where_it_is_rational(q):
    least, ways = s3.EDGES[q]
    assert stacking.basin(float(q)) == pytest.approx(sum(way**2 for way in ways) / least**2, rel=1e-15)


@pytest.mark.parametrize("name", [guarantee.ACCELERATION, guarantee.NESTEROV])
def test_a_guarantee_speaks_of_theorems_that_exist_and_are_proved(name):
    assert name in theorems.NAMES and theorems.load(name).expect == "proved"


def test_the_rate_guaranteed_is_that_of_the_theorem():
    problem = Problem.from_spectrum([0.36, 1.0], target=np.diag([2.0, 3.0]))
    proved = guarantee.of(problem, stacking.grow(problem, stages=1, start=problem.target))
    stages = np.arange(30)
    np.testing.assert_allclose(
        THEOREM.bound(q=problem.q, T=stages, Phi=np.array([2.0])), 2 * proved.rate_proved**stages, rtol=1e-13
    )


# The bound.


def test_the_bound_is_an_array_over_horizons_or_a_number():
    stages = np.arange(200)
    found = THEOREM.bound(q=0.1, T=stages, Phi=5.0)
    np.testing.assert_allclose(found, 5 * 0.9**stages, rtol=1e-12)
    assert THEOREM.bound(q=0.1, T=0, Phi=5.0) == 5.0
