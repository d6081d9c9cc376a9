"""The names of hypotheses that runs are measured against are those of the theorems that have them, at their numbers."""

import json

import pytest

import linres
from linres import guarantee, hypothesis_names, starts
from linres.cli import main
from linres.printing import text
from linres.theorems import load

PROBLEM = linres.Problem.from_spectrum([0.1, 0.5, 1.0])
FIRST = starts.near(PROBLEM, fraction=0.1)
RUNS = {
    "stacking-acceleration": lambda: linres.grow(PROBLEM, stages=3, start=FIRST),
    "stacking-parameter-acceleration": lambda: linres.grow(PROBLEM, stages=3, start=FIRST, rule="parameter"),
    "random-start-noise-floor": lambda: linres.grow(PROBLEM, stages=3, start=FIRST, block_start="random"),
    "nesterov-with-errors": lambda: linres.accelerate(PROBLEM, stages=3),
    "gradient-step": lambda: linres.descend(PROBLEM, stages=3),
}
WORDS = {  # a part of the hypothesis that stands at the number of a name
    ("stacking-acceleration", 2): "q > 0", ("stacking-acceleration", 9): "q < 1",
    ("stacking-acceleration", 10): "sigma > 0", ("stacking-acceleration", 18): "sqrt(Phi[0]) <= q*sqrt(L/2)*sigma",
    ("stacking-parameter-acceleration", 5): "h > 0", ("stacking-parameter-acceleration", 6): "h < 1",
    ("stacking-parameter-acceleration", 7): "(1 + h)**2*L_star <= L",
    ("stacking-parameter-acceleration", 8): "<= (1 - h)**2*mu_star",
    ("stacking-parameter-acceleration", 9): "8*b**2 <= (1 - q)**2",
    ("stacking-parameter-acceleration", 16): "Phi[0] <= mu_star/2*h**2",
    ("random-start-noise-floor", 2): "q > 0", ("random-start-noise-floor", 3): "q < 1",
    ("random-start-noise-floor", 8): "<G[t], N[t]> = 0", ("nesterov-with-errors", 2): "q > 0",
    ("gradient-step", 1): "q > 0", ("gradient-step", 2): "q < 1",
}


def test_each_number_is_that_of_the_hypothesis_that_is_meant():
    named = {(name, number) for name in hypothesis_names.NUMBERS for number in hypothesis_names.names(name)}
    assert named == {*WORDS}
    for (name, number), words in WORDS.items():
        assert words in text(load(name).hypotheses[number - 1]), (name, number)


@pytest.mark.parametrize("name", RUNS)
def test_every_name_is_measured_of_a_run_that_the_theorem_speaks_of(name):
    told = guarantee.of(PROBLEM, RUNS[name]())
    numbers = {entry["name"]: entry["numbers"] for entry in told.hypotheses}
    assert told.statement == name and {*hypothesis_names.NUMBERS[name]} <= {*numbers}
    assert numbers == {each: hypothesis_names.numbers(name, each) or None for each in numbers}


def test_several_numbers_are_told_as_a_range_and_a_name_that_has_none_as_nothing():
    assert hypothesis_names.numbers("stacking-parameter-acceleration", "margin") == "H5-H9"
    assert hypothesis_names.numbers("stacking-acceleration", "rest") == hypothesis_names.numbers(None, "basin") == ""


def test_the_command_line_has_the_name_and_the_number_side_by_side(capsys):
    assert main(["train", "digits", "--stages", "2"]) == main(["show", "stacking-acceleration"]) == 0
    out = capsys.readouterr().out
    assert "\n  basin (H18)              fails" in out and "\n  H18 (basin): (2*sqrt(1 + q)" in out
    assert main(["train", "digits", "--stages", "2", "--json"]) == 0
    found = {entry["name"]: entry["numbers"] for entry in json.loads(capsys.readouterr().out)["hypotheses"]}
    assert (found["basin"], found["step"]) == ("H18", None)


def test_the_book_has_the_name_in_the_statement_and_beside_the_controls():
    pytest.importorskip("sphinx", reason="needs the extra book")
    from linres.book import directives

    assert "- **H18**, basin: without it" in directives.needed(load("stacking-acceleration"), {})
    assert "- **H1**: " in directives.needed(load("stacking-acceleration"), {})
