"""The ladder: every rung in turn, and the one verdict they allow."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from linres import archive, chance
from linres.errors import InputError, kind_of, refuse
from linres.rungs import adversarial, controls, draw, nearest, rigorous, sampled, symbolic, tightness
from linres.rungs.counterexample import describe
from linres.theorem import Outcome, Refutation, Theorem, Verdict


@dataclass(frozen=True)
class Level:
    """How much to spend: rational instances drawn, float64 instances sampled, the largest precision in bits, and the
    budget of the adversary."""

    instances: int
    samples: int
    max_bits: int
    budget: adversarial.Budget = adversarial.BUDGETS["quick"]


LEVELS = {"quick": Level(40, 4_000, 4096), "full": Level(400, 40_000, 32768, adversarial.BUDGETS["full"])}


def verify(
    theorem: Theorem, *, level: str = "quick", seed: int = 0, progress: Callable[[str], None] = lambda _: None
) -> Verdict:
    """Run the ladder on the theorem, anyone's.

    Parameters
    ----------
    theorem : Theorem
        The theorem.
    level : {"quick", "full"}
        How much to spend, see `linres.rungs.LEVELS`.
    seed : int, default 0
        Chooses what is drawn, >= 0.
    progress : callable, optional
        Called with a line when a rung starts.

    Returns
    -------
    Verdict
        What is known. A failure of the theorem is a verdict, not an exception.

    Raises
    ------
    InputError
        When `theorem` is none, for an unknown level, or for a seed that is no nonnegative integer.

    Notes
    -----
    The same seed gives the same instances as long as the same modules are loaded: Hypothesis mixes constants of local
    modules into what it draws. Integers beyond those drawn are tried for a fraction of a second of the processor, or
    some seconds at level "full": of a theorem whose instances take long to measure a slower machine may try fewer.

    Examples
    --------
    >>> import linres
    >>> print(linres.verify(linres.load("stacking-residual")))
    stacking-residual: proved (5 steps checked by the trusted core, every identity by the second checker too)
    """
    if not isinstance(level, str) or level not in LEVELS:
        raise refuse("verify(level=...)", " or ".join(map(repr, LEVELS)), repr(level))
    if type(seed) is not int or seed < 0:
        raise refuse("verify(seed=...)", "an integer >= 0", repr(seed))
    if not isinstance(theorem, Theorem):
        raise refuse("verify(theorem)", "a Theorem", kind_of(theorem), "`linres.load(name)` gives one of ours.")
    return _Climb(theorem, LEVELS[level], seed, progress).verdict()


def preload(ours: bool = True) -> None:
    """Import what verification imports on its way, for theorems of ours or for those of a file.

    Hypothesis draws from the constants of all loaded modules: they are then the same for each theorem, whichever were
    verified before it in this process.
    """
    for name in ("hypothesis", "scipy.optimize", "linres.strategies", *(_OURS if ours else ())):
        import_module(name)


_OURS = ("linres.sampling", "linres.random_batches")


class _Climb:
    """One theorem on its way up the ladder; `evidence` fills as the rungs run."""

    def __init__(self, theorem: Theorem, level: Level, seed: int, progress: Callable[[str], None]):
        self.theorem, self.level, self.seed, self.progress = theorem, level, seed, progress
        self.start, self.begun = time.perf_counter(), chance.begun()
        self.evidence: dict[str, dict[str, Any]] = {}
        self.failure: rigorous.Failure | None = None
        self.foreign: rigorous.Failure | None = None
        self.broken: str | None = None

    def verdict(self) -> Verdict:
        self.say("symbolic")
        proof = symbolic.check(self.theorem)
        confirmed = sum(proof.identities.values())
        self.evidence["symbolic"] = {"ran": proof.steps > 0, **proof.counts(), "identities": confirmed} | (
            {"complete": proof.complete} if proof.steps else {}) | (
            {"reason": proof.refusal or "the theorem has no proof"} if proof.refusal or not proof.steps else {}
        )
        try:
            self._instances(proof.complete)
        except rigorous.FAULTS as fault:
            self.broken = rigorous.told(fault)
        for rung in ("rigorous", "sampled", "adversarial", "controls", "tightness"):
            self.evidence.setdefault(rung, {"ran": False, "reason": self.broken or "the theorem is refuted already"})
        outcome, reason = self._conclude(proof)
        theorem = self.theorem
        return Verdict(
            theorem.name, theorem.title, theorem.provenance, theorem.expect, outcome, reason,
            time.perf_counter() - self.start, proof.counts(), self.evidence,
            None if self.failure is None else describe(theorem, self.failure) | self._replayed(self.failure),
        )

    def _replayed(self, failure: rigorous.Failure) -> dict[str, Any]:
        """The document that `linres replay` reads; None if the instance has no exact form there, and why."""
        by = next(rung for rung in ("adversarial", "sampled", "rigorous") if self.evidence[rung]["ran"])
        try:
            return {"instance_json": archive.document(self.theorem, failure.instance, found={"by": by})}
        except InputError as error:
            return {"instance_json": None, "not_saved": str(error)}

    @property
    def chances(self) -> int:
        """How many sequences of draws were begun so far, those of the controls included."""
        return chance.begun() - self.begun

    def _risk(self, drawn: str, error: str) -> str:
        risk = float(self.chances * chance.LEVEL)
        return f"{drawn} {self.chances} chances: {error} has probability {risk:.1e} at most"

    def say(self, rung: str) -> None:
        self.progress(f"{self.theorem.name}: {rung}")

    def _instances(self, proved: bool) -> None:
        """Rungs 2 to 5, and the tightness; a failure ends the climb."""
        theorem, level = self.theorem, self.level
        self.say("rigorous")
        strategy = draw.strategy(theorem.instances)
        draws = [*theorem.extremal, *draw.instances(strategy, level.instances, seed=self.seed)]
        counts, self.failure = rigorous.search(theorem, draws, max_bits=level.max_bits)
        self.evidence["rigorous"] = counts | {"acceptance": _share(counts["rows"] - counts["rejected"], counts["rows"])}
        if self.failure:
            self._shrink(strategy, self.failure)
            return
        self.say("sampled")
        batch = sampled.drawn(theorem, count=level.samples, seed=self.seed)
        self.evidence["sampled"], self.failure = sampled.run(theorem, batch, max_bits=level.max_bits)
        if self.failure:
            self._shrink(strategy, self.failure)
            return
        self.say("adversarial")
        drawn = self.chances > 0  # a statement about chances that have to be drawn
        if drawn:
            found = nearest.Result({"ran": False, "reason": _NOT_SEARCHED})
            self.evidence["tightness"] = {"ran": False, "reason": "draws never show that both sides are equal"}
        else:
            found = adversarial.run(
                theorem, draws, budget=level.budget, seed=self.seed, max_bits=level.max_bits, proved=proved)
        self.evidence["adversarial"], self.failure = found.evidence, found.failure
        if self.failure:
            self._shrink(strategy, self.failure)
        if found.foreign and self.failure is found.failure:  # Hypothesis did not come upon one
            self.foreign, self.failure = found.failure, None
        if self.failure:
            return
        self.evidence["controls"] = controls.run(
            theorem, draws, batch, seed=self.seed, max_bits=level.max_bits,
            progress=lambda name: self.say(f"control {name}"),
        )
        if not drawn:
            self.evidence["tightness"] = tightness.run(theorem, max_bits=level.max_bits, found=found)

    def _shrink(self, strategy: Any, found: rigorous.Failure) -> None:
        """Replace the failure found by the simplest one that Hypothesis comes upon.

        Not where chances are drawn: looking for more that seem to fail would make false alarms more likely.
        """
        if found.drawn:
            return
        self.say("shrinking the counterexample")

        def fails(instance) -> bool:
            try:
                return rigorous.check(self.theorem, instance, max_bits=self.level.max_bits).failure is not None
            except rigorous.FAULTS:
                return False  # a fault is no counterexample

        simplest = draw.smallest(strategy, fails, found.instance, seed=self.seed)
        if simplest is not found.instance:
            self.failure = rigorous.check(self.theorem, simplest, max_bits=self.level.max_bits).failure or found

    def _conclude(self, proof: symbolic.Proof) -> tuple[Outcome, str]:
        if not self.theorem.own_method:
            return "inconclusive", "measured by another method, whose values no definition is held to"
        if self.failure:
            instead = " although its proof checks: a hypothesis or the trusted core is wrong" if proof.complete else ""
            drawn = self.failure.drawn
            how = self._risk("decided by", "a false alarm") if drawn else "decided in exact or ball arithmetic"
            return "refuted", f"a counterexample, {how}{instead}"
        doubt = self.broken or self._nothing_decided(proof) or ("" if proof.complete else self._something_undecided())
        if doubt:
            return "inconclusive", doubt
        if proof.complete:
            steps = f"{proof.steps} step{'s' if proof.steps > 1 else ''}"
            return "proved", f"{steps} checked by the trusted core, every identity by the second checker too"
        steps = f"{proof.checked} of {proof.steps} proof steps machine-checked" if proof.steps else "no proof"
        left = self.evidence["sampled"].get("unexamined", 0)
        suspects = f"; {left} rows that float64 suspects were not examined" if left else ""
        sure = f"as {self._risk('drawn from', 'an error')}" if self.chances else "with certainty"
        return "supported", f"{_held(self.evidence['rigorous'], sure)}; {steps}{suspects}"

    def _nothing_decided(self, proof: symbolic.Proof) -> str:
        counts = self.evidence["rigorous"]
        if not counts["decided"] and not counts["undecided"]:
            return self._vacuous(f"none of {counts['rows']} rows satisfies the hypotheses")
        if proof.refusal:
            return f"the proof is refused at {' '.join(proof.refusal.split())}"
        if not counts["decided"]:
            return f"no row decided with {counts['bits']} bits; {counts.get('reason', '')}".rstrip("; ")
        reason = _FOREIGN if self.theorem.valid is None else _OTHER_LENGTHS
        return reason.format(self.foreign.instance) if self.foreign else ""

    def _vacuous(self, seldom: str) -> str:
        found = self.evidence["adversarial"].get("best") is not None
        return f"{seldom}, but an instance that the search found does: draw such" if found else f"vacuous: {seldom}"

    def _something_undecided(self) -> str:
        suspects = self.evidence["sampled"]
        if suspects.get("unexamined") and not suspects["decided"]:
            return f"float64 suspects {suspects['suspects']} rows, and none of {suspects['examined']} examined decides"
        places = {"": "rigorous", " that float64 suspects": "sampled", " that the adversary suspects": "adversarial"}
        for where, counts in ((where, self.evidence[rung]) for where, rung in places.items()):
            if counts.get("undecided"):
                why = counts.get("reason", f"{self.level.max_bits} bits do not decide")
                return f"{counts['undecided']} of {counts['rows']} rows{where} undecided: {why}"
        return ""


_NOT_SEARCHED = "chances are drawn at the instances given alone, so that a false alarm is as rare as is said"
_FOREIGN = (
    "it fails at {!r}, which the hypotheses allow and nobody drew: `linres.anything` as valid= makes that a "
    "counterexample, a predicate says which instances are meant, and a hypothesis more would be best"
)
_OTHER_LENGTHS = (
    "it fails at {!r}, which valid= allows, but nobody drew such lengths: draw them if they are meant, and it is "
    "refuted; if not, have valid= say how lengths depend on each other. `linres.anything` as valid= makes it a "
    "counterexample"
)


def _held(counts: dict[str, Any], sure: str) -> str:
    """What was seen to hold, and how much was not looked at because it does not satisfy the hypotheses."""
    rows, rejected = f"{counts['decided']} of {counts['rows']} rows", f", {counts['rejected']} fail the hypotheses"
    return f"{rows} ({counts['instances']} instances) hold {sure}{rejected if counts['rejected'] else ''}"


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def refuted(published: Refutation) -> bool:
    """Whether the claim certainly fails at the instance and the corrected statement certainly holds there.

    Parameters
    ----------
    published : Refutation
        The claim, the instance and the corrected statement.

    Returns
    -------
    bool
        False also where one of the two is not decided.

    Raises
    ------
    InputError
        When `published` is no Refutation.

    Examples
    --------
    >>> import linres
    >>> linres.refuted(linres.load_refutations("free-head-block")[0])
    True
    """
    if not isinstance(published, Refutation):
        raise refuse("refuted(published)", "a Refutation", kind_of(published), "`linres.load_refutations` gives some.")
    wrong = rigorous.check(published.claim, published.instance)
    right = rigorous.check(published.corrected, published.instance)
    return wrong.failure is not None and right.failure is None and right.holds > 0 and not right.undecided


def wanting(verdict: Verdict) -> int:
    """The exit code that one verdict asks for: 0 met, 1 refuted or surviving against expectation, 3 not decided.

    A control that came out wrong and a declared limit that is not as declared count as 1, an undecided limit as 3.
    """
    if verdict.verdict == "inconclusive":
        return 3
    contradiction = verdict.verdict == "refuted" and verdict.evidence["symbolic"].get("complete", False)
    surprising = contradiction or (verdict.verdict == "refuted") != (verdict.expect == "refuted")
    declared = verdict.evidence["tightness"].get("limit", {"holds": True})["holds"]
    if surprising or controls.missed(verdict.evidence["controls"]) or declared is False:
        return 1
    return 0 if verdict.met and declared else 3
