"""The pytest plugin: a Theorem at top level of a test module becomes tests, one for each rung of the ladder.

    # test_mine.py
    from mine import decay as theorem_decay          # test_mine.py::theorem_decay[symbolic], ...[rigorous], ...
    theorems = [first, second]                       # test_mine.py::theorems[first-symbolic], ...

Collected is what the module calls theorem..., THEOREM... or test_... (the ini option `linres_theorems` names other
patterns), imported or not, bare or within a tuple, list or dict; theorems that linres ships are not. A test fails where
the theorem does not meet its expectation at that rung, and is skipped, with the reason, where the rung did not run. The
ladder is climbed once for each theorem, by the first of its tests. `-p no:linres` switches the plugin off.

Nothing but pytest is imported here until a module has a theorem: pytest loads this wherever linres is installed.
"""

import sys
from fnmatch import fnmatchcase
from typing import Any

import pytest

RUNGS = ("symbolic", "rigorous", "sampled", "adversarial", "controls", "tightness")
SEARCHES = ("rigorous", "sampled", "adversarial")  # for a counterexample
PATTERNS = ("theorem*", "THEOREM*", "test_*")
_verdicts = pytest.StashKey[dict[int, Any]]()
_seen = pytest.StashKey[set[int]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("linres", "theorems of linres")
    group.addoption(
        "--linres-level", choices=("quick", "full"), default="quick", help="how much to do (default: quick)"
    )
    group.addoption("--linres-seed", type=int, default=0, metavar="N", help="the instances drawn (default: 0)")
    parser.addini(
        "linres_theorems", "names under which theorems are collected, as patterns", type="args", default=list(PATTERNS)
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("linres_seed") < 0:
        raise pytest.UsageError("--linres-seed should be an integer >= 0")
    config.stash[_verdicts] = {}


def pytest_pycollect_makeitem(collector: Any, name: str, obj: object) -> "list[TheoremItem] | None":
    """The tests of the theorem, or of the theorems in the container, under this name; None if it is none."""
    if "linres.theorem" not in sys.modules or not isinstance(collector, pytest.Module):
        return None
    from linres.loading import gathered
    from linres.theorem import Refutation, Theorem

    patterns = collector.config.getini("linres_theorems")
    if not isinstance(obj, Theorem | Refutation | tuple | list | dict):
        return None
    if not any(fnmatchcase(name, pattern) for pattern in patterns):
        return None
    seen = collector.stash.setdefault(_seen, set())
    theorems = [theorem for theorem in gathered({name: obj}) if id(theorem) not in seen]
    seen.update(map(id, theorems))
    alone = isinstance(obj, Theorem)
    return [
        TheoremItem.from_parent(
            collector, name=f"{name}[{rung if alone else f'{theorem.name}-{rung}'}]", theorem=theorem, rung=rung
        )
        for theorem in theorems for rung in RUNGS
    ] or None


class Unmet(Exception):
    """The theorem does not meet its expectation at this rung; the message is what is shown."""


class TheoremItem(pytest.Item):
    """One theorem at one rung."""

    def __init__(self, *, theorem: Any, rung: str, **given: Any):
        super().__init__(**given)
        self.theorem, self.rung = theorem, rung

    def runtest(self) -> None:
        verdict = self._verdict()
        wrong = failures(verdict)
        if self.rung in wrong:
            raise Unmet(wrong[self.rung])
        found = verdict.evidence[self.rung]
        if not found["ran"]:
            pytest.skip(f"{self.rung} did not run: {found['reason']}")

    def _verdict(self) -> Any:
        verdicts = self.config.stash[_verdicts]
        if id(self.theorem) not in verdicts:
            from linres.rungs import verify

            level, seed = self.config.getoption("linres_level"), self.config.getoption("linres_seed")
            verdicts[id(self.theorem)] = verify(self.theorem, level=level, seed=seed)
        return verdicts[id(self.theorem)]

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        from linres.errors import InputError

        told = isinstance(excinfo.value, Unmet | InputError)
        return str(excinfo.value) if told else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        return self.path, None, f"{self.name}: {self.theorem.name}"


def failures(verdict: Any) -> dict[str, str]:
    """What is wrong at each rung where something is: empty if and only if the theorem meets its expectation."""
    from linres.rungs import wanting

    said = f"{verdict.name}: {verdict.verdict} (expected: {verdict.expect})\n{verdict.reason}"
    wrong = {rung: said if why in said else f"{said}\n{why}" for rung, why in _by_rung(verdict).items() if why}
    if not wrong and wanting(verdict):
        wrong["symbolic" if verdict.expect == "proved" else "rigorous"] = said
    return wrong


def _by_rung(verdict: Any) -> dict[str, str]:
    """Why each rung does not meet the expectation; "" if it does."""
    from linres.rungs.controls import missed

    evidence = verdict.evidence
    found = {rung: _searched(verdict, rung) for rung in SEARCHES}
    listed = {control["name"]: control for control in evidence["controls"].get("list", ())}
    controls = [f"control {name} did not come out as it must: {_fate(listed[name])}" for name in
                missed(evidence["controls"])]
    limit = evidence["tightness"].get("limit", {"holds": True})
    return found | {
        "symbolic": _proof(verdict),
        "controls": "\n".join(controls),
        "tightness": "" if limit["holds"] else f"the declared limit is not shown: {limit.get('reason', '')}",
    }


def _fate(control: Any) -> str:
    return control.get("reason") or ("it is refuted" if control["refuted"] else "it survives")


def _proof(verdict: Any) -> str:
    """Why the proof is not what was expected."""
    symbolic = verdict.evidence["symbolic"]
    if verdict.expect == "refuted":
        return "a proof is accepted of what should be refuted" if symbolic.get("complete") else ""
    if verdict.expect == "proved" and not symbolic.get("complete"):
        return symbolic.get("reason", "a step is prose, which no machine checks")
    return symbolic["reason"] if symbolic["ran"] and "reason" in symbolic else ""


def _searched(verdict: Any, rung: str) -> str:
    """Why a search for a counterexample is not what was expected: one found, none found, or a row not decided."""
    counts = verdict.evidence[rung]
    if not counts["ran"]:
        broken = [each for each in SEARCHES if verdict.evidence[each].get("reason") == verdict.reason]
        return verdict.reason if rung in broken[:1] else ""  # `measure` raised, say
    if verdict.verdict == "refuted":
        unexpected = verdict.expect != "refuted" and rung == _finder(verdict)
        return f"\n{verdict.counterexample['snippet']}" if unexpected else ""
    if verdict.expect == "refuted":
        return "no counterexample is found"
    if verdict.verdict == "inconclusive" and counts.get("undecided"):
        return f"{counts['undecided']} rows undecided"
    return ""


def _finder(verdict: Any) -> str:
    """The rung that found the counterexample: the last that ran, for a failure ends the climb."""
    return [rung for rung in SEARCHES if verdict.evidence[rung]["ran"]][-1]
