"""Formulas and prose broken into lines; what `linres show` prints is within the width."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linres import folding
from linres.cli import main
from linres.printing import latex, text
from linres.theorems import NAMES, REFUTED, load

FORMULA = "Phi[t + 1] <= (sqrt(1 - q)*(r + s))**2 + <a - b, c>"


def test_a_formula_is_broken_before_its_outermost_relation_or_sum():
    assert folding.formula(FORMULA, 80, 2) == [f"  {FORMULA}"]
    assert folding.formula(FORMULA, 48, 2) == ["  Phi[t + 1] <= (sqrt(1 - q)*(r + s))**2", "      + <a - b, c>"]
    assert folding.formula(FORMULA, 37, 0) == ["Phi[t + 1]", "    <= (sqrt(1 - q)*(r + s))**2", "    + <a - b, c>"]


def test_the_inside_of_an_inner_product_or_a_norm_is_not_outermost():
    assert folding.formula("a + e + |b - c|*d", 15, 0) == ["a + e", "    + |b - c|*d"]
    assert folding.formula("a + e + <b - c, d>", 16, 0) == ["a + e", "    + <b - c, d>"]
    assert folding.formula("a_long_name + a < b - c > d", 18, 0) == ["a_long_name + a", "    < b - c > d"]


@given(st.sampled_from((*NAMES, *REFUTED)), st.integers(10, 200), st.integers(0, 5), st.sampled_from((text, latex)))
def test_what_is_broken_is_the_formula_with_no_name_cut(name, width, indent, write):
    theorem = load(name)
    for relation in (theorem.conclusion, *theorem.hypotheses, *(step.claim for step in theorem.steps())):
        written = write(relation)
        lines = folding.formula(written, width, indent)
        assert " ".join(line.strip() for line in lines) == written
        assert all(line.startswith(" " * indent) for line in lines)


def test_words_are_not_cut_and_hang_by_four():
    assert folding.prose("one two three-four", 9, 2) == ["  one two", "      three-four"]
    assert folding.prose("", 9, 2) == ["  "]


@pytest.mark.parametrize("width", [60, 100, 160])
@pytest.mark.parametrize("name", ["stacking-quadratic", "nesterov-with-errors", "supervised-block-transport"])
def test_show_keeps_to_the_width_but_for_what_has_no_space(monkeypatch, capsys, name, width):
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["show", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= width or max(map(len, line.split())) > width / 3 for line in lines)
    assert max(map(len, lines)) > width / 2


def test_show_is_100_wide_where_there_is_no_terminal(monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert main(["show", "nesterov-with-errors"]) == 0
    assert 80 < max(map(len, capsys.readouterr().out.splitlines())) <= 100
