"""Rung 3: thousands of instances in compiled float64. It finds suspects; rung 2 decides them."""

from typing import Any

import numpy as np
from sympy import Equality, Unequality

from linres.errors import kind_of
from linres.evaluate import Float, Missing, Stack
from linres.language import AT_MOST, STRICT, NotExact
from linres.rungs import rigorous
from linres.theorem import Batch, Theorem

WORST = 4  # instances sent to exact arithmetic even if float64 sees nothing wrong with them
ENOUGH = 8  # suspects decided, after which the rest are left
MOST = 256  # suspects examined at most, however many fail the hypotheses


def drawn(theorem: Theorem, *, count: int, seed: int) -> Batch | None:
    """The batch of the theorem's sampler, None if it has none."""
    if theorem.sample is None:
        return None
    batch = rigorous.attempt("sample", theorem.sample, np.random.default_rng(seed), count)
    if not isinstance(batch, Batch):
        raise NotExact(f"sample should return a Batch, got {kind_of(batch)}")
    return batch


def run(
    theorem: Theorem, batch: Batch | None, *, max_bits: int = 4096
) -> tuple[dict[str, Any], rigorous.Failure | None]:
    """The counts of the rung on a batch that was drawn, and the failure that exact arithmetic confirmed, if any."""
    if batch is None:
        return {"ran": False, "reason": "the theorem has no compiled sampler"}, None
    with np.errstate(all="ignore"):
        excess = _excess(theorem, batch)
        accepted = _accepted(theorem, batch, excess.shape)
    excess = np.where(accepted, excess, -np.inf)
    suspect = excess >= 0 if type(theorem.conclusion) in STRICT | {Unequality} else excess > 0
    counts, failure = _examine(theorem, batch, excess, suspect, max_bits)
    found = {
        "ran": True, "instances": int(batch.drawn), "rows": len(excess), "suspects": int(suspect.sum()), **counts,
        "acceptance": float(np.mean(accepted)) if len(accepted) else 0.0,
    }
    return found, failure


def _examine(theorem, batch, excess, suspect, max_bits) -> tuple[dict[str, Any], rigorous.Failure | None]:
    """Exact arithmetic on the worst rows, until enough are decided; rows without a number in float64 come last."""
    badness = np.where(np.isposinf(excess), np.finfo(float).tiny, excess)
    found: dict[str, Any] = {"examined": 0, "decided": 0, "undecided": 0, "unexamined": int(suspect.sum())}
    failure = None
    for position, row in enumerate(np.argsort(badness)[::-1][:MOST]):
        if failure or (found["decided"] >= ENOUGH if suspect[row] else position >= WORST):
            break
        counts, failure = rigorous.search(theorem, [batch.instance(int(row))], max_bits=max_bits)
        found["examined"] += 1
        found["unexamined"] -= int(suspect[row])
        found |= {name: found[name] + counts[name] for name in ("decided", "undecided")}
        found |= {"reason": counts["reason"]} if "reason" in counts else {}
        if "risk" in counts:
            found |= {name: found.get(name, 0) + counts[name] for name in ("chances", "risk")}
    return found, failure


def _excess(theorem: Theorem, batch: Batch) -> np.ndarray:
    """(n,) how far the relation is violated, relative to its sides: the largest are the worst, inf where undefined."""
    walk = Float(batch.columns, theorem.definitions, _horizon(theorem, batch))
    left, right = map(walk.value, theorem.conclusion.args)
    if isinstance(left, Stack):
        size = np.abs(left.data).max(axis=(1, 2)) + np.abs(right.data).max(axis=(1, 2))
        return _relative(np.abs(left.data - right.data).max(axis=(1, 2)), size)
    kind, size = type(theorem.conclusion), np.abs(left) + np.abs(right)
    if kind in {Equality, Unequality}:
        distance = np.abs(left - right)
        return _relative(distance if kind is Equality else -distance, size)
    return _relative(left - right if kind in AT_MOST else right - left, size)


def _relative(excess: Any, size: Any) -> np.ndarray:
    """excess/size; 0 where both sides are 0, inf where float64 has no number: a suspect for exact arithmetic."""
    ratio = np.atleast_1d(np.where(size == 0, 0.0, excess / size))
    return np.where(np.isnan(ratio), np.inf, ratio)


def _horizon(theorem: Theorem, batch: Batch) -> dict[Any, int]:
    return {theorem.over[1]: batch.columns[theorem.over[1]]} if theorem.over else {}


def _accepted(theorem: Theorem, batch: Batch, shape: tuple[int, ...]) -> np.ndarray:
    """(n,) False where float64 sees an inequality among the hypotheses violated; what is suspect is checked exactly."""
    walk = Float(batch.columns, theorem.definitions, _horizon(theorem, batch))
    accepted: Any = True
    for hypothesis in theorem.hypotheses:
        if type(hypothesis) is Equality:  # rounding breaks equations
            continue
        try:
            low, high = map(walk.value, hypothesis.args if type(hypothesis) in AT_MOST else hypothesis.args[::-1])
        except (Missing, NotExact, TypeError, AttributeError):  # about vectors or a stage: not measured in bulk
            continue
        broken = (low == high) if type(hypothesis) is Unequality else low > high
        accepted = accepted & ~np.asarray(broken, dtype=bool)
    return np.broadcast_to(accepted, shape)
