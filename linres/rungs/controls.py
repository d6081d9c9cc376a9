"""Rung 5: variants whose fate is known go through the same rungs. False ones must be refuted, true ones must not be."""

from collections.abc import Callable, Iterator
from typing import Any

from linres.language import Refused
from linres.rungs import draw, rigorous, sampled
from linres.rungs.counterexample import describe
from linres.theorem import Batch, Control, Theorem


def run(
    theorem: Theorem, draws: list[Any], batch: Batch | None, *, seed: int, max_bits: int = 4096,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """The list of controls with what became of each; draws and batch are what the theorem itself was checked on."""
    if not theorem.controls:
        return {"ran": False, "reason": "the theorem has no controls", "list": []}
    results = []
    for control in theorem.controls:
        progress(control.name)
        results.append(_outcome(theorem, control, draws, batch, seed, max_bits))
    return {"ran": True, "list": results}


def missed(evidence: dict[str, Any]) -> list[str]:
    """The controls that came out wrong: stronger ones that survived, weaker ones that were refuted or never decided."""
    return [c["name"] for c in evidence.get("list", ()) if c["refuted"] != (c["kind"] == "stronger") or "reason" in c]


def _outcome(theorem: Theorem, control: Control, draws, batch, seed, max_bits) -> dict[str, Any]:
    """What became of a control; "reason" says why one that is not refuted is not known to hold either."""
    outcome: dict[str, Any] = {
        "name": control.name, "kind": control.kind, "refuted": False, "by": None, "counterexample": None,
    }
    decided = undecided = 0
    try:
        variant = theorem.variant(control)
        for by, counts, failure in _attempts(variant, control, draws, batch, seed, max_bits):
            if "risk" in counts:
                outcome["risk"] = outcome.get("risk", 0.0) + counts["risk"]
            if failure is not None:
                return outcome | {"refuted": True, "by": by, "counterexample": describe(variant, failure)}
            decided += counts.get("decided", 0)
            undecided += counts.get("undecided", 0)
    except (Refused, TypeError) as fault:  # the change leaves no statement, or it cannot be measured
        return outcome | {"reason": f"{type(fault).__name__}: {fault}"}
    except rigorous.FAULTS as fault:
        return outcome | {"reason": rigorous.told(fault)}
    if undecided or not decided:
        return outcome | {"reason": f"{undecided} rows undecided" if undecided else "no row decided"}
    return outcome


def _attempts(variant, control, draws, batch, seed, max_bits) -> Iterator[tuple[str, dict, rigorous.Failure | None]]:
    if control.witness is not None:
        yield "witness", *rigorous.search(variant, [control.witness], max_bits=max_bits)
    if control.instances is not None:
        draws = draw.instances(draw.strategy(control.instances), len(draws), seed=seed)
    yield "rigorous", *rigorous.search(variant, draws, max_bits=max_bits)
    yield "sampled", *sampled.run(variant, None if variant.sample is None else batch, max_bits=max_bits)
