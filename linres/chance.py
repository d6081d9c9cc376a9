"""Chances that can be drawn but not computed: what draws say of them, at any time and with a stated risk.

A `Chance` is the probability p of an event that somebody can draw independently, again and again. After n draws in
which it occurred k times, the likelihood of the draws, averaged over all p evenly, is

    E_n(p) = B(k + 1, n - k + 1) / (p^k (1 - p)^{n-k})

times their likelihood under p. For the true p this is a nonnegative martingale from 1, so that it ever reaches 1/level
with probability at most level (Ville 1939; the mixture is Robbins' of 1970). What is left, {p: E_n(p) < 1/level}, is an
interval that holds the true p at every n at once but for a risk of `level`: one may look at any time, and draw more
until a claim is decided. Its ends are found in float64 and certified in ball arithmetic.

What this takes for granted is that NumPy's generators draw independently.
"""

import hashlib
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, ClassVar, NamedTuple

import flint
import numpy as np

from linres.errors import kind_of, refuse
from linres.language import NotExact

LEVEL = Fraction(1, 2**40)  # the risk that one interval is ever wrong: a million of them are, at less than 1e-6
FEWEST = 2**10  # events drawn first; then four times as many, up to a block
BLOCK = 2**14  # events drawn at a time, at most
MOST = 2**22  # events drawn of one chance, unless its author says otherwise

Draw = Callable[[np.random.Generator, int], Any]


def begun() -> int:
    """How many sequences of draws were begun so far in this process: times LEVEL, what they risk in all."""
    return Chance.sequences


class Chance:
    """The probability of an event, to be measured for a Probability node where it has no exact value.

    Parameters
    ----------
    draw : callable
        draw(generator, n) returns n independent draws, (n,) of bool: whether the event occurred. All that is random
        comes from the generator, a numpy.random.Generator.
    most : int, default 2**22
        How many may be drawn in all, >= 1.

    Raises
    ------
    InputError
        When `draw` is no function or `most` no positive integer.

    Notes
    -----
    How many are drawn depends on the precision in bits that flint works at: bits^2/4. What is claimed from draws, and
    the risk, is said in `linres.chance`: an interval for all numbers of draws at once, by the mixture of Robbins (1970)
    and the inequality of Ville (1939).

    Examples
    --------
    >>> import linres
    >>> chance = linres.Chance(lambda generator, n: generator.random(n) < 0.25, most=4096)
    >>> chance.begin("an example")
    >>> 0.25 in chance.ball(), chance.exhausted
    (True, False)
    """

    __slots__ = ("draw", "drawn", "key", "most", "occurred")
    sequences: ClassVar[int] = 0

    def __init__(self, draw: Draw, *, most: int = MOST):
        if not callable(draw):
            got = kind_of(draw)
            raise refuse("Chance(draw)", "a function (generator, n) -> n times True or False", got)
        if type(most) is not int or most < 1:
            raise refuse("Chance(most=...)", "an integer >= 1", repr(most))
        self.draw, self.most = draw, most
        self.key, self.drawn, self.occurred = "", 0, 0

    def begin(self, key: str) -> None:
        """Forget all draws; those to come are a function of the key.

        Parameters
        ----------
        key : str
            What the generator is seeded with, not empty.
        """
        Chance.sequences += 1
        self.key, self.drawn, self.occurred = key, 0, 0

    @property
    def exhausted(self) -> bool:
        """Whether nothing more may be drawn."""
        return self.drawn >= self.most

    def ball(self) -> flint.arb:
        """A ball that holds the probability but for a risk of LEVEL; more bits of precision, more draws.

        Returns
        -------
        flint.arb
            The ball, in [0, 1] or a little wider.

        Raises
        ------
        NotExact
            When it was not begun, which is done for what is measured for a Probability node and nothing else, and for
            draws that are no events or do not come from the generator they are given.
        """
        if not self.key:
            raise NotExact("a Chance was measured in a place where none is read: give it for a Probability node")
        wanted = FEWEST
        while wanted < flint.ctx.prec**2 // 4:
            wanted *= 4
        self._draw_to(min(self.most, wanted))
        ends = interval(self.occurred, self.drawn)
        low, high = (flint.arb(flint.fmpq(end.numerator, end.denominator)) for end in ends)
        return low.union(high)

    def _draw_to(self, wanted: int) -> None:
        """Draw anew from the first on, in blocks that do not depend on `wanted`: what comes before stays the same."""
        if self.drawn >= wanted:
            return
        digest = hashlib.sha256(self.key.encode()).digest()
        generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
        self.drawn = self.occurred = 0
        while self.drawn < wanted:
            count = min(BLOCK, max(FEWEST, 3 * self.drawn), self.most - self.drawn)
            before = generator.bit_generator.state
            events = self.draw(generator, count)
            if generator.bit_generator.state == before:
                raise NotExact("a Chance was drawn without the generator it was given: its draws may be all the same")
            self.occurred += occurrences(events, count)
            self.drawn += count

    def __repr__(self) -> str:
        return f"<Chance: {self.occurred} of {self.drawn} draws>"


def occurrences(events: Any, count: int) -> int:
    """How many of the events occurred. NotExact unless they are an array (count,) of bool."""
    events = np.asarray(events)
    if events.dtype != np.bool_ or events.shape != (count,):
        got = f"shape {events.shape} of {events.dtype}"
        raise NotExact(f"Chance(draw) should return an array ({count},) of bool when asked for {count}, got {got}")
    return int(events.sum())


def interval(occurred: int, drawn: int, level: Fraction = LEVEL) -> tuple[Fraction, Fraction]:
    """The ends of an interval that holds the probability at every number of draws at once, but for a risk of level.

    occurred of drawn independent draws; see the module for the formula. The ends are certified: every p outside has
    E_n(p) >= 1/level. InputError for counts or levels that are none.
    """
    if not (0 <= occurred <= drawn):
        raise refuse("interval(occurred, drawn)", "counts, the first no larger", f"{occurred}, {drawn}")
    if not 0 < level < 1:
        raise refuse("interval(level=...)", "between 0 and 1", str(level))
    low = _lower(occurred, drawn, Fraction(level))
    return low, 1 - _lower(drawn - occurred, drawn, Fraction(level))


def _lower(occurred: int, drawn: int, level: Fraction) -> Fraction:
    """An end below which every p is excluded, 0 if there is none."""
    if occurred == 0:
        return Fraction(0)
    wanted, above = -math.log(level), occurred / drawn
    below = math.exp((_log_mixture(occurred, drawn) - wanted) / occurred - 1)  # excluded: (1-p)^{n-k} <= 1
    below = min(below, above / 2)
    while _log_evidence(below, occurred, drawn) < wanted:
        below /= 2
    for _ in range(60):
        middle = math.sqrt(below * above)
        below, above = (middle, above) if _log_evidence(middle, occurred, drawn) >= wanted else (below, middle)
    share = Fraction(1, 2**24)
    while not _certainly_excluded(end := Fraction(below) * (1 - share), occurred, drawn, level):
        share *= 2  # float64 was too sure of itself
        if share >= 1:
            return Fraction(0)
    return end


def _log_mixture(occurred: int, drawn: int) -> float:
    """log B(k + 1, n - k + 1)."""
    return math.lgamma(occurred + 1) + math.lgamma(drawn - occurred + 1) - math.lgamma(drawn + 2)


def _log_evidence(p: float, occurred: int, drawn: int) -> float:
    return _log_mixture(occurred, drawn) - occurred * math.log(p) - (drawn - occurred) * math.log1p(-p)


def _certainly_excluded(p: Fraction, occurred: int, drawn: int, level: Fraction) -> bool:
    """Whether E_n(p) >= 1/level, in balls. Below k/n it falls with p, so that all smaller ones are excluded as well."""
    with flint.ctx.workprec(192):
        share, k, n = flint.arb(flint.fmpq(p.numerator, p.denominator)), occurred, drawn
        mixture = flint.arb(k + 1).lgamma() + flint.arb(n - k + 1).lgamma() - flint.arb(n + 2).lgamma()
        evidence = mixture - k * share.log() - ((n - k) * (1 - share).log() if n > k else 0)
        return bool(evidence >= -flint.arb(flint.fmpq(level.numerator, level.denominator)).log())


class Comparison(NamedTuple):
    """Two laws compared: differ, whether they do, but for a risk of the level asked for; pairs drawn; log_evidence."""

    differ: bool
    pairs: int
    log_evidence: float


def compare(first: Callable, second: Callable, *, seed: int, most: int = 2**18, level: Fraction = LEVEL) -> Comparison:
    """Draw from two laws of real numbers until they are seen to differ, or `most` pairs are drawn.

    first, second: (generator, n) -> n independent draws, (n,). If the laws are the same, a draw of each can change
    places, so that a > b and b > a are equally likely, and |a - m| > |b - m| as well for any m (the median of a first
    block, which is then not used): four means of evidence against 1/2 by the mixture of `Chance`, averaged. The risk
    that equal laws are ever said to differ is at most level. That no difference is seen proves nothing.
    """
    generator = np.random.Generator(np.random.PCG64([seed, 7]))
    pilot = np.concatenate([_numbers(first(generator, 512)), _numbers(second(generator, 512))])
    centres = np.quantile(pilot, [0.25, 0.5, 0.75])
    counts, pairs, evidence = np.zeros((4, 2), dtype=int), 0, 0.0
    while pairs < most and evidence < -math.log(level):
        count = min(BLOCK, most - pairs, max(1024, pairs))
        a, b = (_numbers(draw(generator, count)) for draw in (first, second))
        looks = [(a, b), *((abs(a - centre), abs(b - centre)) for centre in centres)]
        counts += [[int(np.sum(x > y)), int(np.sum(x != y))] for x, y in looks]
        pairs += count
        logs = [_log_evidence(0.5, int(k), int(n)) for k, n in counts]
        evidence = float(np.logaddexp.reduce(logs)) - math.log(len(logs))
    return Comparison(evidence >= -math.log(level), pairs, evidence)


def _numbers(draws: Any) -> np.ndarray:
    """The draws, in their order but for the largest: infinite ones would have no distance from each other."""
    values = np.asarray(draws, dtype=float)
    if np.isnan(values).any():
        raise refuse("compare(first, second)", "draws of numbers", "nan", "Leave out what is none.")
    return np.clip(values, -1e300, 1e300)
