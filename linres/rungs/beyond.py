"""Integers of an instance, and lengths of its tuples, beyond what was drawn: does the claim fail there?

A strategy stops somewhere, at 4 stages say, and a claim may be false from 5 on. So each dial of the draws (see
`linres.rungs.dials`) is turned by itself: to the next integers, to 0, 1, 2 and their negatives, and to larger and
larger ones; and all integers together, at random. Every other number stays as drawn. Instances are read exactly, for
what is quick in float64 may take for ever in rationals, where it would have to be decided. One that certainly fails is
made small again, dial by dial.

What a reading costs may grow exponentially, in time and in memory, so all readings are in a process of their own (see
`linres.rungs.apart`). The budget counts readings and nodes, as that of the search does, so that the same is tried
wherever it is run; only where readings are slow is it seconds of the processor that end them: a dial is left alone once
one takes too long, and all dials once all together do.
"""

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import Any, NamedTuple

import numpy as np

from linres.arithmetic import EXACT
from linres.rungs import nearest, rigorous, slack
from linres.rungs.apart import POSSIBLE, Apart
from linres.rungs.dials import Dial, dials
from linres.theorem import Theorem

INTEGERS, LENGTHS = 6, 3  # dials of each kind that are turned, the outermost first
NEXT = (1, 2, 4, 3, 6, 5)  # what the largest integer drawn is increased by first: soon far, and none is left out
LOW = (0, 1, -1, 2, -2)
LARGEST = 2**20  # of an integer
LONGEST = 64  # of a tuple
WAITS = 2  # readings that did nothing but wait, after which no other is begun
PATIENCE = 8  # readings of a dial, after which it is left alone if none satisfied the hypotheses
SMALL = 32  # below which every value is tried when an instance that fails is made small
BITS = 512  # in which a failure is decided


@dataclass(frozen=True)
class Budget:
    """readings: instances read, and work: nodes, whichever comes first; seconds of the processor, of all readings and
    of each."""

    readings: int
    work: int
    seconds: float
    each: float


BUDGETS = {"quick": Budget(150, 12_000, 0.1, 0.03), "full": Budget(2000, 2_000_000, 20.0, 4.0)}
TO_MAKE_SMALL = Budget(400, 2_000_000, 2.0, 0.5)

Moves = tuple[tuple[Dial, int], ...]  # values that dials are turned to, one after the other


class Answer(NamedTuple):
    """What was found at an instance: how near to failing the claim is (see `slack.Reading`), whether the hypotheses
    hold, whether it certainly fails, and what reading it took."""

    score: float
    feasible: bool
    fails: bool
    work: int
    seconds: float


class _Over(Exception):
    """No more can be read: "readings", "work" or "time" are used up, or there is "no process" to read in."""


class Spent(NamedTuple):
    """How many dials were turned, the readings of that, the largest value that was read, and what ended it: "failure",
    "all tried", "readings", "work", "time", also where a dial was left alone that took too long, or "no process".
    resized: whether what was found has other lengths than a draw, or integers that agree with lengths in every draw."""

    dials: int
    readings: int
    largest: int
    ended: str
    resized: bool


def search(theorem: Theorem, bases: list[Any], *, budget: Budget, seed: int) -> tuple[Any, Spent]:
    """An instance where the claim certainly fails, made small, or None; and what was tried.

    bases: instances to start from, the most promising first. Nothing is raised: what cannot be made or measured with
    another integer is no instance. Where no process can be forked nothing is tried (`apart.POSSIBLE`).
    """
    walk = _Walk(theorem, bases, budget, seed)
    try:
        found = walk.run() if POSSIBLE else None
    finally:
        walk.apart.end()
    largest = max((turn.reached for turn in walk.turned), default=0)
    return found, Spent(len(walk.turned), walk.readings, largest, walk.ended, walk.resized())


@dataclass
class _Turned:
    """A dial, or all integers together (None): draws that have it, values left to be tried, and what trying took."""

    dial: Dial | None
    bases: list[int]
    values: Iterator[int]
    reached: int = 0
    read: int = 0
    feasible: int = 0
    nearest: tuple[float, int] = (-math.inf, 0)  # the largest score, and of which draw

    def __post_init__(self):
        self.nearest = (-math.inf, self.bases[0])

    def hopeless(self) -> bool:
        return self.read >= PATIENCE and not self.feasible

    def two(self, position: int) -> set[int]:
        """The draw that came nearest to failing so far, and another each time."""
        return {self.nearest[1], self.bases[(position + 1) % len(self.bases)]}

    def note(self, base: int, value: int, answer: Answer) -> None:
        self.nearest = max(self.nearest, (answer.score, base))
        self.read += 1
        self.feasible += answer.feasible
        self.reached = max(self.reached, value)


class _Walk:
    """Values of all dials in turn, until one fails or the budget is spent: `ended` says which."""

    def __init__(self, theorem: Theorem, bases: list[Any], budget: Budget, seed: int):
        self.theorem, self.bases, self.budget = theorem, bases, budget
        self.generator = np.random.default_rng([seed, 4])
        self.apart = Apart(self._answer)
        self.turned = self._turned()
        self.readings = self.work = 0
        self.seconds = 0.0
        self.ended = "all tried"
        self.found: Any = None  # a base and moves

    def run(self) -> Any:
        """The instance found, or None."""
        try:
            self._walk()
        except _Over as over:
            self.ended = str(over)
        if self.found is None:
            return None
        self.ended = "failure"
        return self._made_small()

    def resized(self) -> bool:
        """Whether a length was changed on the way to what was found, or an integer that may stand for one."""
        base, moves = self.found or (0, ())
        return any(value != dial.value(self.bases[base]) and self._is_length(dial) for dial, value in moves)

    def _is_length(self, dial: Dial) -> bool:
        """Whether it is one, or an integer that differs from one by at most 1 in every draw, as T does from T + 1
        losses: other numbers may depend on it."""
        sizes = [{d.value(base) or 0 for d in dials(base) if d.length} for base in self.bases]
        stands = [(dial.value(base), beside) for base, beside in zip(self.bases, sizes, strict=True)]
        return dial.length or all(
            any(abs(value - size) <= 1 for size in beside) for value, beside in stands if value is not None)

    def _turned(self) -> list[_Turned]:
        """Integers, lengths but those that are always the same as another's, and all integers together if there are
        several."""
        every = dict.fromkeys(chain.from_iterable(zip_longest(*map(dials, self.bases))))
        every.pop(None, None)
        outwards = sorted(every, key=lambda d: len(d.place))
        self.whole = dict(islice(((d, self._seen(d)) for d in outwards if not d.length), INTEGERS))
        lengths = islice(_different((d, self._seen(d)) for d in outwards if d.length), LENGTHS)
        turned = []
        for dial, values in (*self.whole.items(), *lengths):
            drawn = {k: value for k, value in enumerate(values) if value is not None}
            turned.append(_Turned(dial, list(drawn), _values(dial, set(drawn.values()))))
        if len(self.whole) > 1:
            top = max(0, *(value for values in self.whole.values() for value in values if value is not None))
            turned.append(_Turned(None, list(range(len(self.bases))), _upwards(top, LARGEST)))
        return turned

    def _seen(self, dial: Dial) -> list[int | None]:
        return [dial.value(base) for base in self.bases]

    def _walk(self) -> None:
        going, position = list(self.turned), 0
        while going and self.found is None:
            going = [turn for turn in going if self._try_next(turn, position)]
            position += 1

    def _try_next(self, turn: _Turned, position: int) -> bool:
        """Whether the dial is worth another value."""
        value = next(turn.values, None)
        if value is None or turn.hopeless() or self.found:
            return False
        for base in turn.two(position):
            moves = ((turn.dial, value),) if turn.dial else self._at_random(self.bases[base], value)
            answer = self._read(base, moves)
            if answer is None:
                self.ended = "time"
                return False
            turn.note(base, value, answer)
            if answer.fails:
                self.found = base, moves
                return False
        return True

    def _at_random(self, base: Any, value: int) -> Moves:
        """Integers as drawn, or from 0 to the value, of either sign where negative ones were drawn."""
        moves, most = [], abs(value)
        for dial, seen in self.whole.items():
            least = -most if min(each for each in seen if each is not None) < 0 else 0
            if dial.value(base) is not None and self.generator.integers(4):
                moves.append((dial, int(self.generator.integers(least, most + 1))))
        return tuple(moves)

    def _read(self, base: int, moves: Moves) -> Answer | None:
        """None if there is no answer within the seconds for one."""
        left = self.budget.seconds - self.seconds
        for spent, what in ((left <= 0, "time"), (self.readings >= self.budget.readings, "readings"),
                            (self.work >= self.budget.work, "work")):
            if spent:
                raise _Over(what)
        allowed = min(self.budget.each, left)
        try:
            answer = self.apart.ask((base, moves), seconds=allowed)
        except OSError:
            raise _Over("no process") from None
        self.readings += 1
        self.work += answer.work if answer else 0
        self.seconds += answer.seconds if answer else allowed
        if self.apart.waits >= WAITS:  # for a lock, say, as all others would
            raise _Over("time")
        return answer

    def _instance(self, base: int, moves: Moves) -> Any:
        """Raised if there is none, for the class of a part refuses it, say."""
        instance = self.bases[base]
        for dial, value in moves:
            instance = rigorous.attempt("instances", dial.turned, instance, value)
        return instance

    def _answer(self, question: tuple[int, Moves]) -> Answer:
        """In the other process: what comes of an instance; nothing if there is none that the theorem speaks of."""
        start, reader = time.process_time(), slack.Slack(self.theorem, EXACT)
        reading, fails = slack.NOTHING, False
        try:
            instance = self._instance(*question)
            if nearest.allowed(self.theorem, instance):
                reading = reader(instance)
                fails = reader.fails(reading) and (
                    rigorous.check(self.theorem, instance, max_bits=BITS).failure is not None)
        except rigorous.FAULTS:  # definitions that do not fit, say
            pass
        return Answer(reading.score, reading.feasible, fails, reader.work, time.process_time() - start)

    def _made_small(self) -> Any:
        """What was found with every dial at the smallest value that still fails: first those that were turned, also at
        other draws, then the others."""
        self.budget, readings = TO_MAKE_SMALL, self.readings
        self.readings, self.work, self.seconds = 0, 0, 0.0
        with suppress(_Over):
            turned = [dial for dial, _ in self.found[1]]
            self._make_all_smaller(turned)
            for base in range(len(self.bases)) if len(turned) == 1 else ():
                [(dial, value)] = self.found[1]
                nearer = value - 1 if value > 0 else value + 1
                if value and base != self.found[0] and self._fails(base, ((dial, nearer),)):
                    self._make_all_smaller(turned)
            self._make_all_smaller(dials(self._instance(*self.found)))
        self.readings = readings
        return self._instance(*self.found)

    def _make_all_smaller(self, some: Iterable[Dial]) -> None:
        for dial in some:
            self._make_smaller(dial, dial.value(self._instance(*self.found)) or 0)

    def _make_smaller(self, dial: Dial, value: int) -> None:
        sign, fails, holds = (1 if value > 0 else -1), abs(value), -1
        for size in _sizes(fails):
            if self._still_fails(dial, sign * size):
                fails = size
                break
            holds = size
        while fails - holds > 1:
            middle = (holds + fails) // 2
            if self._still_fails(dial, sign * middle):
                fails = middle
            else:
                holds = middle

    def _still_fails(self, dial: Dial, value: int) -> bool:
        base, moves = self.found
        return self._fails(base, (*(move for move in moves if move[0] != dial), (dial, value)))

    def _fails(self, base: int, moves: Moves) -> bool:
        """Whether the claim certainly fails there: then it is what was found."""
        answer = self._read(base, moves)
        if answer is None or not answer.fails:
            return False
        self.found = base, moves
        return True


def _different(lengths: Iterable[tuple[Dial, list[int | None]]]) -> Iterator[tuple[Dial, list[int | None]]]:
    """Those that differ somewhere from each before them, where there are both."""
    kept: list[list[int | None]] = []
    for dial, values in lengths:
        if all(any(a != b for a, b in zip(values, other, strict=True) if None not in (a, b)) for other in kept):
            kept.append(values)
            yield dial, values


def _values(dial: Dial, drawn: set[int]) -> Iterator[int]:
    """What a dial is turned to: the next integers, small ones that were not drawn, and larger and larger ones."""
    upwards = _upwards(max(drawn), LONGEST if dial.length else LARGEST)
    yield from islice(upwards, len(NEXT))
    yield from (value for value in LOW if value not in drawn and not (dial.length and value < 0))
    yield from upwards


def _upwards(top: int, most: int) -> Iterator[int]:
    yield from (top + more for more in NEXT if top + more <= most)
    value = top + max(NEXT)
    while (value := value + max(1, abs(value) // 2)) <= most:
        yield value


def _sizes(top: int) -> Iterator[int]:
    """0, 1, 2, ... below the top, with gaps from SMALL on."""
    size = 0
    while size < top:
        yield size
        size += 1 if size < SMALL else size // 2
