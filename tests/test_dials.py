"""Integers and lengths of an instance: which there are, and what turning them changes."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import pytest

from linres.rungs.dials import MOST, Dial, dials

ONE, TWO, HALF = Fraction(1), Fraction(2), Fraction(1, 2)


@dataclass(frozen=True)
class Run:
    """A square table, a vector of the same dimension, a factor for each stage."""

    table: tuple[tuple[Fraction, ...], ...]
    start: tuple[Fraction, ...]
    factors: tuple[Fraction, ...]
    dimension: int
    stages: int
    exact: bool = True
    rest: Any = None


class Pair(NamedTuple):
    """A record that is a tuple has no length."""

    first: Fraction
    second: Fraction


RUN = Run(((ONE, HALF), (HALF, TWO)), (ONE, TWO), (ONE, ONE, HALF), 2, 3)
TABLE, START, FACTORS = (Dial((k,), True) for k in range(3))
DIMENSION, STAGES = (Dial((k,), False) for k in (3, 4))


def test_integers_and_lengths_are_dials_and_flags_are_not():
    assert dials(RUN) == [TABLE, START, FACTORS, DIMENSION, STAGES, Dial((0, 0), True)]
    assert [dial.value(RUN) for dial in dials(RUN)] == [2, 2, 3, 2, 3, 2]
    assert dials((True, "text", None, ONE, Pair(ONE, TWO), ())) == []
    assert dials({"n": 4, "values": [ONE]}) == [Dial((0,), False), Dial((1,), True)]


def test_a_dial_that_an_instance_does_not_have_has_no_value():
    assert Dial((0, 7), False).value(RUN) is None
    assert Dial((4,), True).value(RUN) is None
    assert TABLE.value((ONE, TWO)) is None
    with pytest.raises(IndexError):
        Dial((9,), False).turned(RUN, 1)
    with pytest.raises(IndexError):
        Dial((4,), True).turned(RUN, 1)


def test_an_integer_is_turned_alone():
    assert STAGES.turned(RUN, 7) == Run(RUN.table, RUN.start, RUN.factors, 2, 7)
    assert Dial((1, 0), False).turned((ONE, [3, 4]), -1) == (ONE, [-1, 4])


def test_what_is_of_one_size_grows_together():
    """The table stays square and symmetric, the vector repeats its last entry, and the dimension says so."""
    nothing = Fraction(0)
    grown = Run(
        ((ONE, HALF, nothing), (HALF, TWO, nothing), (nothing, nothing, TWO)), (ONE, TWO, TWO), RUN.factors, 3, 3)
    assert TABLE.turned(RUN, 3) == START.turned(RUN, 3) == Dial((0, 0), True).turned(RUN, 3) == grown
    assert type(grown.table[2][0]) is Fraction
    assert FACTORS.turned(RUN, 4) == Run(RUN.table, RUN.start, (*RUN.factors, HALF), 2, 4)


def test_what_is_of_one_size_shrinks_together():
    assert TABLE.turned(RUN, 1) == Run(((ONE,),), (ONE,), RUN.factors, 1, 3)
    assert FACTORS.turned(RUN, 0) == Run(RUN.table, RUN.start, (), 2, 0)


def test_entries_that_are_integers_are_no_sizes():
    assert Dial((0,), True).turned(([2, 5], 2), 3) == ([2, 5, 5], 3)


def test_the_outermost_tuple_changes_its_length_alone():
    pairs = ((ONE, TWO), (TWO, ONE))
    assert Dial((), True).turned(pairs, 3) == (*pairs, (TWO, ONE))
    assert Dial((0,), True).turned(pairs, 3) == ((ONE, TWO, TWO), (TWO, ONE, ONE))


def test_tables_of_tables_and_of_text_grow_too():
    """Each matrix of a list is square; words are no numbers, and get no zeros."""
    network = ([[ONE, HALF], [HALF, TWO]],) * 3
    grown = Dial((0, 0), True).turned((network, ONE), 3)
    assert grown[0] == ([[ONE, HALF, 0], [HALF, TWO, 0], [0, 0, TWO]],) * 3
    words = (("a", "b"), ("c", "d"))
    assert Dial((0,), True).turned((words, ONE), 3) == ((("a", "b", "b"), ("c", "d", "d"), ("c", "d", "d")), ONE)


def test_of_many_dials_the_outermost_are_found():
    """A table of integers would else take longer than all that is tried with it."""
    table = tuple(tuple(range(100)) for _ in range(100))
    found = dials({"table": table, "order": 7})
    assert len(found) == MOST
    assert found[:4] == [Dial((0,), True), Dial((1,), False), Dial((0, 0), True), Dial((0, 0, 0), False)]
