"""Rung 5: variants whose fate is known go through the same rungs. False ones must be refuted, true ones must not be."""

from collections.abc import Callable, Iterator
from typing import Any

from linres.theorem import Control, Theorem
from linres.verify import rigorous, sampled
from linres.verify.counterexample import describe


def run(
    theorem: Theorem, draws: list[Any], *, count: int, seed: int, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """The list of controls with what became of each; draws are the instances that the theorem itself was checked on."""
    if not theorem.controls:
        return {"ran": False, "reason": "the theorem has no controls", "list": []}
    results = []
    for control in theorem.controls:
        progress(control.name)
        results.append(_outcome(theorem, control, draws, count, seed))
    return {"ran": True, "list": results}


def missed(evidence: dict[str, Any]) -> list[str]:
    """The controls that came out wrong: stronger ones that survived, weaker ones that were refuted."""
    return [c["name"] for c in evidence.get("list", ()) if c["refuted"] != (c["kind"] == "stronger")]


def _outcome(theorem: Theorem, control: Control, draws, count, seed) -> dict[str, Any]:
    variant = theorem.variant(control)
    for by, failure in _attempts(variant, control, draws, count, seed):
        if failure is not None:
            return {
                "name": control.name, "kind": control.kind, "refuted": True, "by": by,
                "counterexample": describe(variant, failure),
            }
    return {"name": control.name, "kind": control.kind, "refuted": False, "by": None, "counterexample": None}


def _attempts(variant, control, draws, count, seed) -> Iterator[tuple[str, rigorous.Failure | None]]:
    if control.witness is not None:
        yield "witness", rigorous.search(variant, [control.witness])[1]
    if control.instances is not None:
        from linres.verify import draw

        draws = draw.instances(control.instances(), len(draws), seed=seed)
    yield "rigorous", rigorous.search(variant, draws)[1]
    yield "sampled", sampled.run(variant, count=count, seed=seed)[1]
