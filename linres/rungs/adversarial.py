"""Rung 4: an optimiser looks for the instance at which the statement is nearest to failing, or fails.

It starts from extremal instances, from draws, from the worst of a batch in float64 and from a search of Hypothesis
(`hypothesis.target`), and moves the Fractions of an instance: L-BFGS-B with finite differences (a complex step would
need a `measure` that takes complex numbers, and ours do not), Nelder-Mead and Powell where the slack has kinks, and
differential evolution. Numbers found are floats, and a float is a rational: what it finds is decided in exact or ball
arithmetic, as it stands and after rounding to simple rationals, for extremal instances lie on the edge of what the
hypotheses allow. The budget counts nodes read and not seconds: the same seed finds the same. If nothing fails, other
integers and lengths than were drawn are tried (`linres.rungs.beyond`); where measuring takes long, how many may depend
on the machine.

What holds of drawn instances alone and is no hypothesis is respected if the theorem says what it is (`valid`). If it
does not, and is not proved, what was found by moving numbers is kept apart: it may be no instance of the theorem. Where
a statement is about chances, and the numbers of an instance may be weights, all that is tried is drawn.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import preorder_traversal

from linres.evaluate import Float
from linres.language import chance_nodes
from linres.rungs import apart, beyond, charts, draw, nearest, rigorous, slack
from linres.rungs.dials import dials
from linres.rungs.leaves import leaves
from linres.rungs.nearest import Candidate, Result
from linres.theorem import Theorem

TIGHT = -1e-12  # an excess from which on a start is as good as tight: looked at, but not searched from
FOR_STARTS = 0.3  # the share of the budget after which Hypothesis draws no more
FINE = {"maxiter": 60, "eps": 1e-7, "ftol": 1e-12, "gtol": 1e-9}
WAYS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (  # chart, what is maximised, method and its options
    ("tied", "score", "L-BFGS-B", FINE),
    ("free", "drive", "L-BFGS-B", FINE),
    ("scaled", "score", "L-BFGS-B", FINE),
    ("free", "score", "L-BFGS-B", FINE),
    ("tied", "drive", "Nelder-Mead", {"maxfev": 120, "adaptive": True}),
    ("free", "drive", "Powell", {"maxfev": 240}),
)


@dataclass(frozen=True)
class Budget:
    """What a search may spend. evaluations: instances read, and work: nodes (see `linres.rungs.slack`), whichever comes
    first; targeted: examples of Hypothesis; sampled: instances of a batch; searched: starts that are searched from;
    examined: candidates decided exactly; integers: what trying others than were drawn may spend."""

    evaluations: int
    work: int
    targeted: int
    sampled: int
    searched: int
    examined: int
    integers: beyond.Budget


BUDGETS = {
    "quick": Budget(1200, 200_000, 30, 400, 3, 6, beyond.BUDGETS["quick"]),
    "full": Budget(30_000, 8_000_000, 400, 4_000, 10, 24, beyond.BUDGETS["full"]),
}


_NO_PROCESS = "no process can be forked to try them in"


class _Spent(Exception):
    """The budget of a search is used up."""


def run(
    theorem: Theorem, draws: Iterable[Any], *, budget: Budget, seed: int, max_bits: int = 4096, proved: bool = False
) -> Result:
    """Search from the draws and from more; what was found, with the evidence of the rung, ready for JSON.

    proved: whether the theorem is, and so true of whatever satisfies its hypotheses.

    Raises what is wrong with a function of the theorem (`rigorous.FAULTS`).
    """
    starts = list(draws)
    if not any(leaves(start) or dials(start) for start in starts):
        return Result({"ran": False, "reason": "no instance has a number to change"})
    reader, reason = slack.of(theorem, starts)
    if reader is None:
        return Result({"ran": False, "reason": f"no instance can be measured: {reason}"})
    search = _Search(theorem, reader, budget, seed)
    search.all(starts)
    search.beyond(starts)
    spent = {"starts": search.starts, "evaluations": reader.evaluations, "work": reader.work}
    objective = "gap" if reader.objective == "ratio" and not search.positive else reader.objective
    evidence = {"ran": True, "objective": objective, "arithmetic": repr(reader.arithmetic), **spent,
                "integers": search.integers}
    return nearest.decide(
        theorem, search.candidates, evidence, most=budget.examined, max_bits=max_bits, proved=proved)


class _Search:
    """Fills `candidates`: every start, and the best of each way from each start that is searched from."""

    def __init__(self, theorem: Theorem, reader: slack.Slack, budget: Budget, seed: int):
        self.theorem, self.reader, self.budget, self.seed = theorem, reader, budget, seed
        self.limit = 1.0
        self.candidates: list[Candidate] = []
        self.starts = 0
        self.positive, self.found = True, False
        self.integers: dict[str, Any] = {}

    def all(self, draws: list[Any]) -> None:
        """Starts, then local searches from the best of them, then evolution."""
        for origin, instances in (("draw", draws), ("sample", self._sampled())):
            for instance in instances:
                self._start(instance, origin)
        self._target()
        chosen = [] if self._by_chance() else self._chosen()
        for start in chosen:  # each has half of what is left
            self.limit = (1 + self.spent) / 2
            self._climb(start)
        self.limit = 1.0
        if chosen:
            self._evolve()

    def beyond(self, draws: list[Any]) -> None:
        """Other integers and lengths than were drawn, if nothing fails so far."""
        reason = self._why_none_beyond()
        if reason:
            self.integers = {"ran": False, "reason": reason}
            return
        scores = {id(c.instance): c.reading.score for c in self.candidates if c.origin == "draw"}
        bases = sorted(draws, key=lambda instance: -scores[id(instance)])
        found, spent = beyond.search(self.theorem, bases, budget=self.budget.integers, seed=self.seed)
        if spent.ended == "no process" and not spent.readings:
            self.integers = {"ran": False, "reason": _NO_PROCESS}
            return
        self.integers = {"ran": True, "dials": spent.dials}  # no more: the rest may depend on the machine
        if found is not None:
            exactly = self.reader.exactly or self.reader
            self.candidates.append(Candidate(found, exactly(found), "lengths" if spent.resized else "integers"))

    def _why_none_beyond(self) -> str:
        if self.found:
            return "the search found a failure before"
        if self._by_chance():
            return "numbers may be weights of chances"
        return "" if apart.POSSIBLE else _NO_PROCESS

    def _by_chance(self) -> bool:
        """Whether the statement is about chances: numbers of an instance may then be weights, and are not moved."""
        spoken_of = (*self.theorem.hypotheses, self.theorem.conclusion, *self.theorem.definitions.values())
        nodes = (node for relation in spoken_of for node in preorder_traversal(relation))
        return any(type(node) in chance_nodes() for node in nodes)

    @property
    def spent(self) -> float:
        """The share of the budget."""
        return max(self.reader.work / self.budget.work, self.reader.evaluations / self.budget.evaluations)

    def read(self, instance: Any) -> slack.Reading:
        """The reading; _Spent if the budget is, or if there is a counterexample to decide already."""
        if self.found or self.spent >= self.limit:
            raise _Spent
        return self._read(instance)

    def _read(self, instance: Any) -> slack.Reading:
        reading = self.reader(instance)
        self.positive = self.positive and (reading.positive or not reading.feasible)
        self.found = self.found or (reading.exact and self.reader.fails(reading))
        return reading

    def _start(self, instance: Any, origin: str) -> slack.Reading:
        self.starts += 1
        reading = self._read(instance)
        self.candidates.append(Candidate(instance, reading, origin))
        return reading

    def _sampled(self) -> Iterator[Any]:
        """The worst instances of a batch, by the conclusion alone: reading them sees to the hypotheses."""
        if self.theorem.sample is None or self.reader.equation:
            return
        generator = np.random.default_rng([self.seed, 1])
        batch = rigorous.attempt("sample", self.theorem.sample, generator, self.budget.sampled)
        with np.errstate(all="ignore"):
            horizons = {T: batch.columns[T] for T in self.theorem.over[1:]}
            walk = Float(batch.columns, self.theorem.definitions, horizons)
            small, large = np.broadcast_arrays(walk.value(self.reader.small), walk.value(self.reader.large))
            excess = (small - large) / np.maximum(np.abs(small), np.abs(large))
        order = np.argsort(-np.nan_to_num(np.atleast_1d(excess), nan=-np.inf), kind="stable")
        for row in order[: 2 * self.budget.searched]:
            yield batch.instance(int(row))

    def _target(self) -> None:
        """Starts that Hypothesis comes upon as it drives the score up: they keep to what the strategy allows."""
        import hypothesis

        @hypothesis.seed(self.seed)
        @hypothesis.settings(
            max_examples=self.budget.targeted, database=None, deadline=None, verbosity=hypothesis.Verbosity.quiet,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate, hypothesis.Phase.target],
        )
        @hypothesis.given(draw.strategy(self.theorem.instances))
        def climb(instance):
            if self.spent < FOR_STARTS:
                hypothesis.target(self._start(instance, "target").score)

        try:
            rigorous.attempt("instances", climb)
        except rigorous.Raised as raised:
            if not isinstance(raised.__cause__, hypothesis.errors.Unsatisfiable):
                raise

    def _chosen(self) -> list[Candidate]:
        """The best starts, no more than two of one size."""
        chosen: list[Candidate] = []
        sizes: dict[int, int] = {}
        seen: set[float] = set()
        for candidate in sorted(self.candidates, key=lambda c: -c.reading.score):
            size, score = len(leaves(candidate.instance)), candidate.reading.score
            useful = size and self._promising(candidate) and score not in seen
            if useful and sizes.get(size, 0) < 2 and len(chosen) < self.budget.searched:
                chosen.append(candidate)
                seen.add(score)
                sizes[size] = sizes.get(size, 0) + 1
        return chosen

    def _promising(self, candidate: Candidate) -> bool:
        score = candidate.reading.score
        return score > slack.NOWHERE and (score < TIGHT or (self.reader.equation and score <= 0))

    def _climb(self, start: Candidate) -> None:
        """Local searches in one chart after the other, each from the best so far, until none gains or all is spent."""
        from scipy.optimize import minimize

        here, gained = start, True
        while gained:
            before = here.reading.score
            for name, aim, method, options in WAYS:
                chart = _chart(name, here.instance)
                if chart is None:
                    continue
                bounds = [(-chart.reach, chart.reach)] * chart.dimension
                trail = _Trail(self, chart, here, aim, f"{method}, {name}, {aim}")
                try:
                    minimize(trail, np.zeros(chart.dimension), method=method, bounds=bounds, options=options)
                    trail.retreat()
                except _Spent:
                    return
                finally:
                    here = trail.keep()
            gained = here.reading.score > before + 1e-9

    def _evolve(self) -> None:
        """Differential evolution around the best that is not tight."""
        from scipy.optimize import differential_evolution

        start = max(filter(self._promising, self.candidates), key=lambda c: c.reading.score, default=None)
        chart = None if start is None else _chart("tied", start.instance)
        if start is None or chart is None:
            return
        size = (max(8, 3 * chart.dimension), chart.dimension)
        population = np.random.default_rng([self.seed, 2]).uniform(-2.0, 2.0, size)
        population[0] = 0.0
        trail = _Trail(self, chart, start, "drive", "differential evolution")
        try:
            differential_evolution(
                trail, [(-4.0, 4.0)] * chart.dimension, init=population, maxiter=10_000, tol=1e-3, polish=False,
                seed=np.random.default_rng([self.seed, 3]),
            )
        except _Spent:
            return
        finally:
            trail.keep()


def _chart(name: str, instance: Any) -> charts.Chart | None:
    """None if it has no coordinates, is another chart again, or a number does not fit into a float."""
    try:
        chart = charts.CHARTS[name](instance)
        if not chart.dimension or (name == "scaled" and charts.tied(instance).dimension == chart.dimension):
            return None
    except OverflowError:
        return None
    return chart


class _Trail:
    """What an optimiser minimises over a chart: the score or the drive (`aim`) of a reading, its sign changed.

    It keeps the best that it saw."""

    def __init__(self, search: _Search, chart: charts.Chart, start: Candidate, aim: str, origin: str):
        self.search, self.chart, self.aim, self.origin, self.start = search, chart, aim, origin, start
        nowhere = np.zeros(chart.dimension)
        self.best = (start.reading, nowhere, start.instance)  # by feasibility, then by score
        self.highest = self.best

    def __call__(self, u: Any) -> float:
        return -getattr(self._look(np.array(u)), self.aim)

    def _look(self, u: np.ndarray) -> slack.Reading:
        try:
            instance = self.chart.at(u)
        except (OverflowError, ValueError, TypeError):  # numbers that no float or no such object takes
            instance = None
        if instance is None or not nearest.allowed(self.search.theorem, instance):
            return slack.NOTHING
        reading = self.search.read(instance)
        if (reading.feasible, reading.score) > (self.best[0].feasible, self.best[0].score):
            self.best = (reading, u, instance)
        if reading.score > self.highest[0].score:
            self.highest = (reading, u, instance)
        return reading

    def retreat(self) -> None:
        """From the highest point that breaks a hypothesis towards the best that does not: the edge lies between."""
        (inner, inside, _), (outer, outside, _) = self.best, self.highest
        for _ in range(12 if inner.feasible and not outer.feasible else 0):
            middle = (inside + outside) / 2
            if self._look(middle).feasible:
                inside = middle
            else:
                outside = middle

    def keep(self) -> Candidate:
        """The best as a candidate, to go on from; the start if there is no better."""
        reading, _, instance = self.best
        if instance is self.start.instance:
            return self.start
        found = Candidate(instance, reading, self.origin)
        self.search.candidates.append(found)
        return found
