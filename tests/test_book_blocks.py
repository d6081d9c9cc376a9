"""The blocks of pages that the book runs: as Sybil runs them, recorded with hashes, and red where one fails."""

import argparse
import doctest
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="needs the extra book")

import linres.theorems
from linres.book import blocks, directives, record, sources
from linres.cli import main
from linres.commands import book
from linres.errors import InputError
from linres.figures import NAMES as FIGURES
from linres.theorems import NAMES

PROOFS = Path(__file__).parents[1] / "proofs"
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

```python
import linres
half = 1 / 2
```

## Hypotheses

As they are.

<!-- step half -->

<!-- / -->

```python
>>> linres.check("absorption", "half")
half: certificate of 4 terms, its identity confirmed by both checkers
>>> half + half
1.0
```
"""


def page(*texts):
    return "\n\n".join(f"```python\n{text}```" for text in texts) + "\n"


def said(*texts):
    return list(blocks.run(page(*texts), "a page"))


# Which blocks, and by which rules.


def test_the_blocks_are_those_that_sybil_runs():
    sybil, markdown = pytest.importorskip("sybil"), pytest.importorskip("sybil.parsers.markdown")
    parse, count = markdown.PythonCodeBlockParser(), 0
    for path in sorted(PROOFS.rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        regions = sorted(parse(sybil.Document(text, str(path))), key=lambda region: region.start)
        theirs = [getattr(region.parsed, "source", region.parsed) for region in regions]
        ours = []
        for block in blocks.of(text):
            examples = doctest.DocTestParser().get_examples(block.text) if block.text.startswith(">>>") else ()
            ours += [example.source for example in examples] or [block.text]
        assert [str(each) for each in theirs] == ours, path.name
        count += len(ours)
    assert count > 500


def test_a_block_knows_its_line():
    text = "# A\n\n" + page("x = 1\n", ">>> x\n1\n")
    lines = text.splitlines()
    assert [lines[block.line - 1] for block in blocks.of(text)] == ["x = 1", ">>> x"]


def test_the_blocks_of_a_page_share_a_namespace():
    assert said("from math import sqrt\ndef root():\n    return sqrt(y)\n", "y = 4\n", ">>> root()\n2.0\n") == [""] * 3


def test_names_are_those_that_sybil_gives():
    program = "class A: pass\nassert (A.__module__, __name__) == ('builtins', 'builtins')\n"
    assert said(program, ">>> __name__\n'__test__'\n", "assert __name__ == 'builtins'\n") == [""] * 3


def test_what_a_doctest_prints_is_compared_but_for_spaces_at_the_ends_of_lines():
    assert said(">>> print('a ')\na\n") == [""]
    wrong, = said(">>> 1 + 1\n3\n")
    assert "Expected:\n    3\nGot:\n    2" in wrong


@pytest.mark.parametrize(("program", "told"), [
    ("1 / 0\n", "ZeroDivisionError"), ("assert 1 == 2\n", "AssertionError"), ("x = \n", "SyntaxError"),
    ("import sys\nsys.exit(0)\n", "SystemExit"), (">>> f(\n...\n", "SyntaxError"), (">>>f\n", "blank"),
])
def test_a_block_that_fails_says_why_and_the_next_one_runs(program, told):
    first, second = said(program, "x = 1\n")
    assert told in first and second == "" and "blocks.py" not in first


@pytest.mark.parametrize(("block", "told"), [
    (">>> 1 / 0  # doctest: +SKIP\n", "an example is skipped"), (">>> # nothing\n", "nothing here runs"),
    (">>> x = 1\n\nassert x == 2\n", "no example, and so not run: assert x == 2"),
])
def test_a_doctest_of_which_not_all_runs_fails(block, told):
    assert said(block, ">>> # a comment\n>>> 1\n1\n") == [told, ""]


def test_an_import_from_linres_is_tied_to_the_home_of_the_name():
    for text in ("from linres import boost\n", "import linres as lr\nlr.boost\n"):
        assert "linres.methods.boosting" in set(blocks._used(text))
    assert sources.module_of("absorption") in set(blocks._used("import linres\nlist(linres.NAMES)\n"))


@pytest.mark.parametrize(("module", "name"), [("linres.data", "digits.npz"), ("linres.coq", "prelude.v")])
def test_data_beside_a_package_belong_to_its_sources(module, name):
    assert name in [path.name for path in sources._files_of(module)]


def test_what_ran_before_the_sources_changed_is_not_recorded(tmp_path):
    (tmp_path / "absorption.md").write_text(PAGE)
    found, path = {}, tmp_path / "record.json"
    with pytest.raises(InputError, match="changed while the book was made"):
        book._bring_up_to_date(
            [], [], ["absorption"], found, path, argparse.Namespace(level="quick", jobs=1), "other sources")
    assert found == {} and not path.exists()


def test_each_hypothesis_is_shown_with_the_controls_that_drop_it():
    """Equal ones are the same, whichever theorem they were written for: those of lemmas among them."""
    wrong = "H4", "without-smoothness"
    theorem = linres.load("stacking-acceleration")
    shown = directives.needed(theorem, {}).splitlines()
    assert any(line.startswith(f"- **{wrong[0]}**") and f"`{wrong[1]}`" in line for line in shown)
    for line, hypothesis in zip(shown, theorem.hypotheses, strict=True):
        dropping = [control.name for control in theorem.controls if hypothesis in control.drop]
        assert all(f"`{name}`" in line for name in dropping) and ("no control" in line) == (not dropping)


def test_what_fails_later_in_a_doctest_fails_the_block():
    assert [bool(each) for each in said(">>> 1\n1\n>>> 2\n3\n", ">>> 1\n1\n")] == [True, False]


def test_nothing_a_page_does_outlives_it(tmp_path):
    text = page("import linres.errors\nlinres.errors.InputError = None\n", "print('seen by nobody')\n")
    assert blocks.isolated(text, "a page", tmp_path) == ["", ""]
    assert linres.errors.InputError is not None


def test_a_page_runs_beside_its_folder(tmp_path):
    assert blocks.isolated(page(f"import os\nassert os.getcwd() == {str(tmp_path)!r}\n"), "a page", tmp_path) == [""]


def test_blocks_whose_process_dies_have_failed(tmp_path):
    found = blocks.isolated(page("x = 1\n", "import os\nos._exit(7)\n", "y = 1\n"), "a page", tmp_path)
    assert found == ["", *["the process of the page ended here (exit code 7)"] * 2]


# The record.


def entry(tmp_path, *texts, name="absorption"):
    (tmp_path / "pages").mkdir(exist_ok=True)
    return {"pages": {name: blocks.entry(name, page(*texts), tmp_path / "pages")}, "theorems": {}}


def kinds(found, *texts, name="absorption"):
    return [each.kind for each in blocks.statuses(found, name, page(*texts))]


def test_an_entry_says_of_each_block_whether_it_passed(tmp_path):
    found = entry(tmp_path, "x = 1\n", ">>> x\n2\n", "y = 1\n")
    assert kinds(found, "x = 1\n", ">>> x\n2\n", "y = 1\n") == ["passed", "failed", "passed"]
    assert json.loads(json.dumps(found)) == found


def test_a_block_that_changed_is_stale_and_so_are_those_after_it(tmp_path):
    found = entry(tmp_path, "x = 1\n", "y = 1\n", "z = 1\n")
    assert kinds(found, "x = 1\n", "y = 2\n", "z = 1\n") == ["passed", "stale", "stale"]
    assert blocks.wanting(found, "absorption", page("x = 1\n", "y = 2\n", "z = 1\n"))
    assert not blocks.wanting(found, "absorption", page("x = 1\n", "y = 1\n", "z = 1\n"))


def test_a_page_that_never_ran_is_open_and_words_around_blocks_change_nothing(tmp_path):
    assert kinds({"theorems": {}}, "x = 1\n") == ["open"]
    found = entry(tmp_path, "x = 1\n")
    assert [each.kind for each in blocks.statuses(found, "absorption", "Words.\n\n" + page("x = 1\n"))] == ["passed"]


def test_a_source_that_changed_makes_all_blocks_stale(tmp_path):
    found = entry(tmp_path, "x = 1\n", "y = 1\n")
    found["pages"]["absorption"]["sources"] = "of other days"
    assert kinds(found, "x = 1\n", "y = 1\n") == ["stale", "stale"]


@pytest.mark.parametrize(("text", "module"), [
    ("from linres import worst_case\n", "linres.worst_case"),
    (">>> from linres.methods.chebyshev import lower_bound\n", "linres.methods.chebyshev"),
    ("import linres\nproblem = linres.Problem\n", "linres.problem"),
    ("import linres\nlinres.guarantee.of(1)\n", "linres.guarantee"),
    (">>> linres.load('stacking-convex')\n", "linres.theorems.stacking_convex"),
])
def test_the_hash_covers_what_a_block_imports_or_names(text, module):
    assert module in sources.closure(blocks._used(text))


def test_what_a_block_imports_beyond_the_ladder_is_part_of_the_hash(tmp_path):
    plain, more = page("x = 1\n"), page(">>> from linres.methods.chebyshev import lower_bound\n")
    assert blocks.fingerprint("absorption", plain) == sources.of_theorem("absorption")
    assert "linres.methods.chebyshev" not in sources.closure([sources.module_of("absorption"), *sources.LADDER])
    assert blocks.fingerprint("absorption", more) != blocks.fingerprint("absorption", plain)


def test_a_page_of_no_theorem_is_tied_to_every_source():
    assert {"linres", "linres.cli", "linres.commands.train", "linres.book.blocks"} <= {*blocks._everything()}
    assert blocks.fingerprint("tutorial", "") == sources.fingerprint(*blocks._everything())


def test_the_kind_of_a_theorem_counts_the_blocks_of_its_page():
    verdict = {"verdict": "proved", "met": True}
    entry = {"sources": sources.of_theorem("absorption"), "verdict": verdict}
    told = {}
    for kind in ("passed", "failed", "stale", "open"):
        found = record.Status("proved", True, False, entry, (blocks.Found("passed"), blocks.Found(kind)))
        told[kind] = (found.kind, found.label)
    assert told == {
        "passed": ("proved", "proved"), "failed": ("failed", "a block of its page fails"),
        "stale": ("stale", "stale: its page was not run"), "open": ("stale", "stale: its page was not run"),
    }


# The command and the book.


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """A folder with the page of one theorem, as if there were no others, and no figures to compute."""
    folder = tmp_path / "pages"
    (folder / "figures").mkdir(parents=True)
    (folder / "conf.py").write_text(CONF)
    (folder / "absorption.md").write_text(PAGE)
    (folder / "other.md").write_text("# Other\n\n" + page("x = 1\n"))
    (folder / "index.md").write_text("# Book\n\n```{toctree}\nabsorption\nother\n```\n\n{verdict}`absorption`\n")
    for name in FIGURES:
        (folder / "figures" / f"{name}.md").write_text(f"---\norphan: true\n---\n# {name}\n")
    monkeypatch.setattr(linres.theorems, "NAMES", ("absorption",))
    monkeypatch.setattr(linres.theorems, "REFUTED", ())
    monkeypatch.setattr(book, "_stale_figures", lambda found: [])
    return folder


def build(pages):
    out = pages.parent / "out"
    code = main(["book", "--pages", str(pages), "--out", str(out), "--jobs", "1"])
    return code, *((out / f"{name}.html").read_text() for name in ("absorption", "index", "other"))


def edit(pages, name, old, new):
    text = (pages / name).read_text()
    assert text.count(old) == 1
    (pages / name).write_text(text.replace(old, new))


def test_a_constant_edited_in_a_block_turns_its_page_red_in_the_next_build(pages, capsys):
    code, theorem, index, other = build(pages)
    assert code == 0
    assert "2 of 2 passed" in theorem and 'status-passed">passed<' in theorem and "status-failed" not in theorem
    assert 'status-proved">proved<' in index and "1 of 1 passed" in other
    capsys.readouterr()

    edit(pages, "absorption.md", "half = 1 / 2", "half = 1 / 4")
    code, theorem, index, other = build(pages)
    assert code == 1
    told = capsys.readouterr().err
    assert "0 theorems to verify, 1 pages to run" in told and "absorption.md:23: the block fails" in told
    assert 'class="badge status-failed">a block of its page fails<' in theorem and "1 of 2 passed, 1 failed" in theorem
    assert "Expected:\n    1.0\nGot:\n    0.5" in theorem
    assert 'class="badge status-failed">a block of its page fails<' in index and "status-proved" not in index
    assert "1 of 1 passed" in other and 'class="step status-proved"' in theorem

    edit(pages, "absorption.md", "half = 1 / 4", "half = 1 / 2")
    assert build(pages)[0] == 0


def test_a_block_that_fails_on_a_page_of_no_theorem_fails_the_command(pages, capsys):
    edit(pages, "other.md", "x = 1", "assert 0")
    code, theorem, _, other = build(pages)
    assert code == 1 and "status-failed" in other and "status-failed" not in theorem
    assert "other.md:4: the block fails" in capsys.readouterr().err


def sphinx(pages):
    """What a plain build makes of the page, which runs nothing."""
    out = pages.parent / "plain"
    subprocess.run([sys.executable, "-m", "sphinx", "-q", "-W", pages, out], check=True, timeout=300)
    return (out / "absorption.html").read_text()


def test_a_plain_build_calls_no_block_passed_that_did_not_run(pages):
    text = sphinx(pages)
    assert text.count('status-open">not run<') >= 3 and "passed" not in text and "status-proved" not in text


def test_a_plain_build_after_an_edit_shows_what_is_stale(pages):
    assert build(pages)[0] == 0
    edit(pages, "absorption.md", "half = 1 / 2", "half = 1 / 4")
    text = sphinx(pages)
    assert "stale: its page was not run" in text and "0 of 2 passed, 2 not run since a change" in text
    assert 'status-proved">proved<' not in text and "status-passed" not in text


def test_pages_that_did_not_change_are_not_run_again(pages, capsys):
    arguments = argparse.Namespace(level="quick", jobs=1)
    found, path = {"theorems": {}}, pages / "record.json"
    assert book._stale_pages(found, pages) == ["absorption", "other"]
    book._bring_up_to_date([], [], ["absorption", "other"], found, path, arguments, sources.everything())
    assert book._stale_pages(record.read(path), pages) == []
    edit(pages, "other.md", "x = 1", "x = 2")
    assert book._stale_pages(found, pages) == ["other"]


def test_what_is_built_is_not_taken_for_a_page(pages):
    (pages / "_build").mkdir()
    (pages / "_build" / "a.md").write_text(page("x = 1\n"))
    assert [*blocks.pages(pages)] == ["absorption", "other"]


def test_every_page_of_a_theorem_has_blocks():
    found = blocks.pages(PROOFS)
    assert [name for name in NAMES if name not in found] == []
