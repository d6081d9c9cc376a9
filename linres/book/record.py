"""The record of a run of the ladder, from which the book takes every status.

A record is JSON: for each theorem what `linres verify --json` says, what was found of each step, the seconds of each
rung, the version, the day, and a hash of the sources that the verdict rests on. An entry whose hash is no longer that
of the sources is stale, and shown so. Of figures it holds the headline that was computed, and of pages whether each of
their blocks passed (see `linres.book.blocks`), likewise with a hash.
"""

import dataclasses
import json
import platform
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from linres.book import blocks, sources
from linres.book.blocks import Found
from linres.errors import InputError


def read(path: Path) -> dict[str, dict[str, Any]]:
    """The record at the path; an empty one if there is no file. InputError for a file that is no record."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"theorems": {}}
    except (OSError, ValueError) as error:
        raise InputError(f"the record {path} cannot be read: {error}. Delete it, and run `linres book`.") from None
    if not isinstance(found, dict) or not isinstance(found.get("theorems"), dict):
        raise InputError(f"the record {path} should hold theorems. Delete it, and run `linres book`.")
    return found


def write(path: Path, record: Mapping[str, Any]) -> None:
    """Write the record, whole or not at all. InputError if that cannot be done."""
    from linres.writing import whole

    with whole(str(path), "x", f"the record {str(path)!r}", encoding="utf-8") as file:
        json.dump(record, file, indent=1, sort_keys=True, allow_nan=False)
        file.write("\n")


def entry(theorem: Any, level: str, seed: int, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Run the ladder on one theorem of ours and write down what was found, as plain data."""
    from linres import __version__
    from linres.rungs import verify

    begun = sources.of_theorem(theorem.name)
    clock = _Clock(say)
    verdict = verify(theorem, level=level, seed=seed, progress=clock)
    return {
        "sources": begun,
        "version": __version__,
        "python": platform.python_version(),
        "date": now(),
        "level": level,
        "seed": seed,
        "verdict": _brief(dataclasses.asdict(verdict)) | {"met": verdict.met},
        "seconds": clock.done(),
        "steps": _steps(theorem),
    }


_LONG = ("instance", "instance_json", "counterexample", "snippet", "enclosure", "row")


def _brief(evidence: Any) -> Any:
    """The evidence without instances: `linres verify --json` prints them."""
    if isinstance(evidence, dict):
        return {key: _brief(value) for key, value in evidence.items() if key not in _LONG}
    return [_brief(value) for value in evidence] if isinstance(evidence, list) else evidence


def headline(name: str) -> dict[str, Any]:
    """Compute a figure and write down its headline, with a hash of the sources it rests on."""
    from linres import figures

    module = f"linres.figures.{name}"
    begun = sources.fingerprint(module)
    return {"sources": begun, "date": now(), "summary": figures.load(name).compute().summary()}


def now() -> str:
    """The day and the minute, as a record says them."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


class _Clock:
    """Seconds by rung: the ladder says when one starts."""

    def __init__(self, say: Callable[[str], None]):
        self.say, self.seconds = say, dict[str, float]()
        self.rung, self.since = "", time.perf_counter()

    def __call__(self, line: str) -> None:
        self._stop()
        rung = line.rpartition(": ")[2].split(" ")[0]  # "control NAME" for each control
        self.rung = "controls" if rung == "control" else rung
        self.say(line)

    def _stop(self) -> None:
        now = time.perf_counter()
        if self.rung:
            self.seconds[self.rung] = self.seconds.get(self.rung, 0.0) + now - self.since
        self.since = now

    def done(self) -> dict[str, float]:
        self._stop()
        return {rung: round(seconds, 2) for rung, seconds in self.seconds.items()}


def _steps(theorem: Any) -> dict[str, str]:
    """What was found of each step; for one that was refused, and those after it, why."""
    from linres.language import Refused
    from linres.rungs import check

    found = {}
    for step in theorem.steps():
        try:
            found[step.name] = check(theorem, step.name).found
        except Refused as refusal:
            found[step.name] = f"refused: {refusal}"
    return found


@dataclasses.dataclass(frozen=True)
class Status:
    """What the record says of a theorem today.

    word: "proved", "supported", "refuted", "inconclusive", or "open" if there is no entry. intended: whether the
    verdict is the expected one. stale: whether the sources have changed since. entry: what was recorded, or {}.
    blocks: what the record says of each Python block of its page.
    """

    word: str
    intended: bool
    stale: bool
    entry: Mapping[str, Any]
    blocks: tuple[Found, ...] = ()

    @property
    def kind(self) -> str:
        """The colour: "proved", "supported", "false" (refuted as intended), "open", "failed" or "stale"."""
        if self.broken:
            return "failed"
        if not self.entry:
            return "open"
        if self.stale or self.unrun:
            return "stale"
        if self.word == "refuted":
            return "false" if self.intended else "failed"
        if not self.intended:
            return "failed"
        return self.word

    @property
    def label(self) -> str:
        """The same in words."""
        if self.broken:
            return "a block of its page fails"
        if not self.entry:
            return "not run"
        if self.stale:
            return f"stale: was {self.word}"
        if self.unrun:
            return "stale: its page was not run"
        if self.word == "refuted":
            return "refuted as intended" if self.intended else "refuted"
        return self.word if self.intended else f"{self.word}, not as expected"

    @property
    def broken(self) -> bool:
        """Whether a block of the page failed."""
        return any(each.kind == "failed" for each in self.blocks)

    @property
    def unrun(self) -> bool:
        """Whether a block of the page has not run since it changed."""
        return any(each.kind in ("open", "stale") for each in self.blocks)


def status(record: Mapping[str, Any], name: str, page: str = "") -> Status:
    """The status of the theorem of that name. page: the text of its page, whose blocks count."""
    found, ran = record["theorems"].get(name), blocks.statuses(record, name, page)
    if found is None:
        return Status("open", False, False, {}, ran)
    verdict = found["verdict"]
    return Status(verdict["verdict"], verdict["met"], found["sources"] != sources.of_theorem(name), found, ran)
