"""The proof book: statements from objects, statuses from the record, formulas set; what is broken fails the build."""

import argparse
import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="needs the extra book")

from linres.book import directives, graph, mathematics, reading, record, small, sources
from linres.cli import main
from linres.commands import book
from linres.errors import InputError
from linres.theorems import NAMES, REFUTED, load

ROOT = Path(__file__).parents[1]
CONF = """
extensions = ["myst_parser", "sphinx_proof", "linres.book"]
root_doc = "index"
numfig = True
html_theme = "basic"
"""
PAGE = """# A title

## Statement

<!-- statement -->

<!-- / -->

## Hypotheses

As they are.

<!-- step half -->

<!-- / -->
"""


def sphinx(source, out):
    """The finished build of the pages in `source`, warnings as errors."""
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", out / "doctrees", source, out],
        capture_output=True, text=True, check=False, timeout=600,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """A folder with the page of one theorem, and a first page that shows it."""
    folder = tmp_path / "pages"
    (folder / "figures").mkdir(parents=True)
    (folder / "conf.py").write_text(CONF)
    (folder / "absorption.md").write_text(PAGE)
    (folder / "index.md").write_text("# Book\n\n```{toctree}\nabsorption\n```\n")
    from linres.figures import NAMES as figures

    for name in figures:  # a build asks for all of them
        (folder / "figures" / f"{name}.md").write_text(f"---\norphan: true\n---\n# {name}\n")
    return folder


def build(pages):
    done = sphinx(pages, pages.parent / "out")
    return done, pages.parent / "out"


def recorded(**changes):
    """A record of absorption, as a run would leave it."""
    rungs = ("rigorous", "sampled", "adversarial", "tightness")
    evidence = {rung: {"ran": False, "reason": "a test"} for rung in rungs}
    evidence["symbolic"] = {"ran": True, "steps": 5, "checked": 5, "identities": 11}
    control = {"name": "without-a-positive-c", "kind": "stronger", "refuted": True}
    evidence["controls"] = {"ran": True, "list": [control]}
    verdict = {"verdict": "proved", "met": True, "reason": "as a test says", "evidence": evidence}
    entry = {
        "sources": sources.of_theorem("absorption"), "version": "0", "python": "3", "date": "a day", "level": "quick",
        "seed": 0, "verdict": verdict, "seconds": {"symbolic": 0.25}, "steps": {"half": "certificate of 4 terms"},
    }
    return {"theorems": {"absorption": entry | changes}}


# Mathematics.


def test_a_formula_is_set_with_mathml_for_screen_readers():
    text = mathematics.html(r"\frac{1}{2}")
    assert "<mfrac><mn>1</mn><mn>2</mn></mfrac>" in text and "<span" not in text


@pytest.mark.parametrize("formula", [r"\nosuchmacro", r"\frac{1", r"x_1_2", r"\href{https://example.org}{x}"])
def test_what_katex_cannot_set_is_refused(formula):
    with pytest.raises(mathematics.Unset):
        mathematics.html(formula)


def test_every_class_of_a_set_formula_is_in_the_style_sheet():
    text = mathematics.html(r"\sqrt{\frac{x_1^2}{\lVert y \rVert}} \leq \left(\sum_{t=0}^T a_t\right)^{2}", True)
    groups = [quoted or alone for quoted, alone in re.findall(r'class=(?:"([^"]*)"|([^ ">]+))', text)]
    classes = {each for group in groups for each in group.split()}
    sheet = mathematics.style_sheet()
    assert len(classes) > 20
    assert [each for each in classes if f".{each}" not in sheet] == []


def test_lengths_set_in_an_earlier_build_stay_in_the_style_sheet():
    assert ".katex .kzzzzz{top:1em!important}" in mathematics.style_sheet(".katex .kzzzzz{top:1em!important}\n")


def test_punctuation_stays_with_the_formula_before_it(pages):
    (pages / "other.md").write_text("---\norphan: true\n---\n# Other\n\nLet $x > 0$, and $y$ too; $z$ is free.\n")
    done, out = build(pages)
    assert done.returncode == 0
    text = (out / "other.html").read_text()
    assert re.findall(r'<span class="tied">.*?</span>(.)</span>', text) == [",", ] and text.count('"tied"') == 1


def test_drawings_lose_digits_of_their_paths_only():
    drawing = '<g>\n  <use x="1.23456"/>\n  <path d="M 1.23456 2 \nL 0.001 3.5 \n" transform="scale(0.015625)"/>\n</g>'
    expected = '<g><use x="1.23456"/><path d="M 1.23 2 L 0.00 3.5" transform="scale(0.015625)"/></g>'
    assert small.shortened(drawing) == expected


def test_outlines_that_a_page_has_twice_are_drawn_once():
    root, other = f'<path d="{"M1,2" * 30}"/>', f'<path d="{"M3,4" * 30}"/>'
    text = small.shared(f"<p>{root}</p><p>{other}</p><p>{root}</p>")
    assert text.count("M1,2" * 30) == 1 and text.count('<use href="#o0"/>') == 2
    assert f"<p>{other}</p>" in text and text.index("<defs>") < text.index("<p>")
    assert small.shared(f"<p>{root}</p>") == f"<p>{root}</p>"


def test_docstrings_keep_their_lists_and_their_code():
    told = directives.prose("One\nline.\n\n- a `b_c`\n  and *is*\n- x_1 * y\n\n    as it is")
    assert told == "One line\\.\n\n- a `b_c` and *is*\n- x\\_1 \\* y\n\n```text\n    as it is\n```"


# The record.


def test_an_entry_is_what_the_ladder_found_with_the_hash_of_its_sources():
    entry = record.entry(load("absorption"), "quick", 0)
    assert entry["verdict"]["verdict"] == "proved" and entry["verdict"]["met"] is True
    assert entry["steps"]["half"] == "certificate of 4 terms, its identity confirmed by both checkers"
    assert {"symbolic", "rigorous", "sampled", "adversarial", "controls"} == {*entry["seconds"]}
    assert entry["sources"] == sources.of_theorem("absorption")
    assert json.loads(json.dumps(entry)) == entry
    assert record.status({"theorems": {"absorption": entry}}, "absorption").kind == "proved"


@pytest.mark.parametrize(("verdict", "met", "kind"), [
    ("proved", True, "proved"), ("supported", True, "supported"), ("refuted", True, "false"),
    ("refuted", False, "failed"), ("inconclusive", False, "failed"), ("supported", False, "failed"),
])
def test_the_colour_says_the_verdict_and_whether_it_was_meant(verdict, met, kind):
    found = recorded(verdict={"verdict": verdict, "met": met})
    assert record.status(found, "absorption").kind == kind


def test_a_changed_source_makes_an_entry_stale():
    found = record.status(recorded(sources="of other days"), "absorption")
    assert found.kind == "stale" and found.label == "stale: was proved"


def test_the_hash_covers_what_a_theorem_imports_and_the_ladder():
    modules = sources.closure([sources.module_of("absorption"), *sources.LADDER])
    assert {"linres.theorems.absorption", "linres.certificate", "linres.rules", "linres.rungs.symbolic"} <= modules
    assert "linres.theorems.nesterov_step" not in modules and "linres.book.record" not in modules


def test_a_constant_of_the_source_changes_the_hash(tmp_path, monkeypatch):
    package = tmp_path / "linres"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("from linres import b\n")
    (package / "b.py").write_text("x = 1\n")
    monkeypatch.setattr(sources, "PACKAGE", package)
    sources._imported.cache_clear()
    before = sources.fingerprint("linres.a")
    (package / "b.py").write_text("x = 2\n")
    assert sources.fingerprint("linres.a") != before
    sources._imported.cache_clear()


# The command.


def test_what_is_missing_or_stale_is_verified_and_recorded(tmp_path, capsys):
    arguments = argparse.Namespace(level="quick", jobs=1)
    found, path = {"theorems": {}}, tmp_path / "record.json"
    assert book._wanting(found, "absorption", "quick")
    book._bring_up_to_date(["absorption"], [], [], found, path, arguments, sources.everything())
    assert record.read(path) == found and not book._wanting(found, "absorption", "quick")
    assert "absorption: proved" in capsys.readouterr().err
    assert book._wanting(found, "absorption", "full")
    assert not book._wanting(recorded(level="full"), "absorption", "quick")
    assert book._wanting(recorded(sources="of other days"), "absorption", "quick")


@pytest.mark.parametrize(("arguments", "told"), [
    (["--pages", "nowhere"], "--pages should be a folder with conf.py and the pages, got 'nowhere'"),
    (["--pages", str(ROOT / "proofs"), "--out", str(ROOT)], "--out should be a folder of its own"),
])
def test_bad_input_is_refused_in_one_line(arguments, told, capsys):
    assert main(["book", "--no-verify", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_a_file_that_is_no_record_is_refused(tmp_path):
    (tmp_path / "record.json").write_text("[]")
    with pytest.raises(InputError, match="should hold theorems"):
        record.read(tmp_path / "record.json")


# Pages.


def test_links_to_code_and_drawings_stay_in_the_book():
    text = "[a](../linres/rules.py), [b](../figures/rates.svg), ![c](../figures/rates.svg), [d](absorption.md)"
    expected = "[a](code:linres/rules.py), [b](figures/rates.md), ![c](../figures/rates.svg), [d](absorption.md)"
    assert reading.within(text) == expected


def test_a_page_shows_statement_evidence_and_step_from_object_and_record(pages):
    (pages / "record.json").write_text(json.dumps(recorded()))
    done, out = build(pages)
    assert done.stderr == "" and done.returncode == 0
    page = (out / "absorption.html").read_text()
    assert "Theorem 1" in page and 'class="badge status-proved">proved<' in page
    assert page.count("<b class=katex>") >= len(load("absorption").hypotheses) + 2
    assert "certificate of 4 terms" in page and "5 of 5 steps, 11 identities" in page
    assert "without-a-positive-c" in page and "is refuted" in page


def test_a_stale_record_shows_as_stale(pages):
    (pages / "record.json").write_text(json.dumps(recorded(sources="of other days")))
    done, out = build(pages)
    assert done.returncode == 0
    page = (out / "absorption.html").read_text()
    assert "stale: was proved" in page and "status-proved" not in page


def test_a_verdict_that_was_not_meant_is_red_and_so_is_a_step_refused(pages):
    broken = recorded(steps={"half": "refused: the identity is false"})
    broken["theorems"]["absorption"]["verdict"] |= {"verdict": "refuted", "met": False}
    (pages / "record.json").write_text(json.dumps(broken))
    done, out = build(pages)
    assert done.returncode == 0
    page = (out / "absorption.html").read_text()
    assert 'class="badge status-failed">refuted<' in page and 'class="step status-failed"' in page
    assert "refused: the identity is false" in page and "status-proved" not in page


def test_without_a_record_nothing_is_called_proved(pages):
    done, out = build(pages)
    assert done.returncode == 0
    page = (out / "absorption.html").read_text()
    assert "not run" in page and "status-proved" not in page


BROKEN = {
    r"An undefined macro: $\nosuchmacro$": "Undefined control sequence",
    "[nowhere](nowhere.md)": "nowhere.md",
    "[no anchor](absorption.md#no-such-anchor)": "no-such-anchor",
    "[code](../linres/no_such_file.py)": "no such file: linres/no_such_file.py",
    "```{theorem} no-such-theorem\n```": "'no-such-theorem'",
    "```{step} absorption no_such_step\n```": "no_such_step",
    "```{figure-of} no-such-figure\n```": "'no-such-figure'",
    "```{toctree}\nno-such-page\n```": "no-such-page",
    "{verdict}`no-such-verdict`": "'no-such-verdict'",
}


def test_what_is_broken_fails_the_build_and_is_named(pages):
    with (pages / "index.md").open("a") as file:
        file.write("\n" + "\n\n".join(BROKEN))
    (pages / "orphan.md").write_text("# Alone\n")
    (pages / "figures" / "rates.md").unlink()
    done, _ = build(pages)
    told = [*BROKEN.values(), "orphan.md: WARNING: document isn't included in any toctree", "figure rates has no page"]
    assert done.returncode != 0
    assert [words for words in told if words not in done.stderr] == []


def test_a_theorem_without_a_page_fails_the_build(pages):
    (pages / "index.md").write_text("# Book\n\n```{theorems}\n```\n")
    done, _ = build(pages)
    assert done.returncode != 0
    assert [name for name in NAMES[:5] if f"nonexisting document '{name}'" not in done.stderr] == []


# The graph.


def test_everything_stands_to_the_right_of_what_it_uses_and_nothing_overlaps():
    names = (*NAMES, *REFUTED)
    at = graph.places(names, graph.edges())
    assert {*at} == {*names}
    assert all(at[used][0] < at[user][0] for used, user in graph.edges())
    boxes = sorted(at.values())
    assert len({*boxes}) == len(boxes)
    assert all(b[1] - a[1] >= graph.HEIGHT for a, b in pairwise(boxes) if a[0] == b[0])


def test_the_edges_are_what_theorems_use_and_their_lemmas():
    assert ("absorption", "stacking-acceleration") in graph.edges()
    assert ("block-regression", "supervised-block-transport") in graph.edges()
    declared = {(used, name) for name in NAMES for used in load(name).uses}
    assert declared <= {*graph.edges()}


def test_every_node_is_a_link_with_its_verdict_in_words():
    found = {name: record.status(recorded(), name) for name in (*NAMES, *REFUTED)}
    drawing = graph.svg(found, graph.edges(), "{}.html".format)
    assert drawing.count("href=") == len(found)
    assert 'aria-label="absorption, proved"' in drawing and drawing.count(">not run</text>") == len(found) - 1
