"""Rung 3: thousands of instances in compiled float64. It finds suspects; rung 2 decides them."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from linres.evaluate import Float, Missing, Stack
from linres.language import AT_MOST
from linres.theorem import Batch, Theorem
from linres.verify import rigorous

WORST = 4  # instances sent to exact arithmetic even if float64 sees nothing wrong with them


def run(
    theorem: Theorem, *, count: int, seed: int, max_bits: int = 4096
) -> tuple[dict[str, Any], rigorous.Failure | None]:
    """The counts of the rung and the failure that exact arithmetic confirmed, if any."""
    if theorem.sample is None:
        return {"ran": False, "reason": "the theorem has no compiled sampler"}, None
    batch = theorem.sample(np.random.default_rng(seed), count)
    with np.errstate(all="ignore"):
        excess = _excess(theorem, batch)
        accepted = _accepted(theorem, batch)
    excess = np.where(accepted, excess, -np.inf)
    suspects = np.flatnonzero(excess > 0)
    worst = np.argsort(excess)[::-1][:WORST]
    chosen = list(dict.fromkeys([*map(int, worst), *map(int, suspects[:WORST])]))
    counts, failure = rigorous.search(theorem, _rebuilt(batch, chosen), max_bits=max_bits)
    found = {
        "ran": True, "instances": batch.drawn, "rows": len(excess), "suspects": len(suspects),
        "examined": counts["instances"], "undecided": counts["undecided"], "acceptance": float(np.mean(accepted)),
    }
    return found, failure


def _rebuilt(batch: Batch, rows: Iterable[int]) -> Iterable[Any]:
    return (batch.instance(row) for row in rows)


def _excess(theorem: Theorem, batch: Batch) -> np.ndarray:
    """(n,) how far the relation is violated, relative to its sides: > 0 is a suspect, the largest are the worst."""
    walk = Float(batch.columns, theorem.definitions, _horizon(theorem, batch))
    left, right = map(walk.value, theorem.conclusion.args)
    if isinstance(left, Stack):
        size = np.abs(left.data).max(axis=(1, 2)) + np.abs(right.data).max(axis=(1, 2))
        return np.nan_to_num(np.abs(left.data - right.data).max(axis=(1, 2)) / size, nan=0.0)
    low, high = (left, right) if type(theorem.conclusion) in AT_MOST else (right, left)
    return np.nan_to_num((low - high) / (np.abs(low) + np.abs(high)), nan=0.0)


def _horizon(theorem: Theorem, batch: Batch) -> dict[Any, int]:
    return {theorem.over[1]: batch.columns[theorem.over[1]]} if theorem.over else {}


def _accepted(theorem: Theorem, batch: Batch) -> np.ndarray:
    """(n,) whether the hypotheses that the columns determine hold; the rest is checked on the suspects, exactly."""
    walk = Float(batch.columns, theorem.definitions, _horizon(theorem, batch))
    accepted: Any = True
    for hypothesis in theorem.hypotheses:
        try:
            low, high = map(walk.value, hypothesis.args)
        except (Missing, TypeError, AttributeError):  # about vectors, or about a stage: not measured in bulk
            continue
        if type(hypothesis) in AT_MOST:
            accepted = accepted & (low <= high)
        else:
            accepted = accepted & (low >= high)
    return np.broadcast_to(accepted, _excess(theorem, batch).shape)
