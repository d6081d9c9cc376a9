"""The proof pages: they say what the theorems say, in the steps that are checked, in Markdown that hosts can set."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import sympy
from sympy import Ge, Gt, IndexedBase, Le, Symbol, sqrt, symbols

import linres
from linres import pages
from linres.certificate import NotEqual, Term
from linres.errors import InputError
from linres.language import GeometricSum, Inner, norm
from linres.printing import latex
from linres.rungs import steps
from linres.theorem import Certificate, Control, Induction, Prose, Step, Theorem
from linres.theorems import NAMES, REFUTED, load, load_refutations

ROOT = Path(__file__).parents[1]
PROOFS = ROOT / "proofs"
INDEX = (PROOFS / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
every_page = pytest.mark.parametrize("name", NAMES)
every_claim = pytest.mark.parametrize("name", REFUTED)
every_file = pytest.mark.parametrize("path", sorted(PROOFS.glob("*.md")), ids=lambda path: path.stem)


def page(name):
    return (PROOFS / f"{name}.md").read_text(encoding="utf-8")


def without_code(text):
    return re.sub(r"`[^`\n]+`", "code", FENCE.sub("", text))


def formulas(text):
    """What stands between dollars, display and inline."""
    display = re.findall(r"^\$\$\n(.*?)\n\$\$$", text, re.DOTALL | re.MULTILINE)
    rest = re.sub(r"^\$\$\n.*?\n\$\$$", "", text, flags=re.DOTALL | re.MULTILINE)
    return display, [formula for line in rest.splitlines() for formula in re.findall(r"\$([^$]+)\$", line)]


def sections(text):
    """(name of a step, what stands under its heading) in the order of the page."""
    parts = re.split(r"^#+ (.*)$", text, flags=re.MULTILINE)
    headed = zip(parts[1::2], parts[2::2], strict=True)
    return [(heading[1:-1], body) for heading, body in headed if re.fullmatch(r"`\w+`", heading)]


# Pages and theorems.


def test_the_readme_links_every_tutorial():
    readme = (PROOFS.parent / "README.md").read_text(encoding="utf-8")
    tutorials = [path for path in PROOFS.glob("*.md") if path.read_text(encoding="utf-8").startswith("# Tutorial")]
    assert len(tutorials) >= 3
    assert [path.name for path in tutorials if f"(proofs/{path.name})" not in readme] == []


def test_every_theorem_has_a_page_and_every_page_a_theorem():
    others = {
        "README", "tutorial", "worst-cases", "depth-scaling", "status", "random-networks", "index", "sources",
        "reading-a-verdict", "your-own-data", "api",
    }
    assert {path.stem for path in PROOFS.glob("*.md")} - others == {*NAMES, *REFUTED}


def test_the_page_of_what_is_proved_names_the_theorems_that_are():
    text = (PROOFS / "status.md").read_text(encoding="utf-8")
    linked = {*re.findall(r"\]\(([a-z0-9-]+)\.md\)", text)} - {"worst-cases", "depth-scaling", "random-networks"}
    supported = {name for name in NAMES if load(name).expect == "supported"}
    assert supported <= linked <= {*NAMES}
    drawn = re.search(r"^\*Supported\*.*?\n\n", text, re.MULTILINE | re.DOTALL)[0]
    assert {name for name in linked if f"[{name}]" in drawn} == supported
    assert all(text.count(f"]({name}.md)") == drawn.count(f"]({name}.md)") for name in supported)
    families = (
        "nesterov", "gradient-with", "gradient-step", "gradient-n", "first", "chebyshev", "stacking", "random",
        "scaling",
    )
    lemmas = {"agreeing-step", "absorption"}
    assert {name for name in NAMES if name.startswith(families)} - lemmas <= linked


@every_page
def test_a_page_says_what_the_object_says(name):
    path = PROOFS / f"{name}.md"
    assert pages.fresh(path) == page(name), "fill the pages afresh: python -m linres.pages proofs"


@every_claim
def test_the_page_of_a_false_claim_says_it_refutes_it_and_links_what_holds(name):
    path = PROOFS / f"{name}.md"
    text = path.read_text(encoding="utf-8")
    assert pages.fresh(path) == text, "fill the pages afresh: python -m linres.pages proofs"
    assert text.splitlines()[0] == f"# {load(name).title}"
    parts = ["Statement", "Hypotheses", "The corrected statement", "What no machine checks", "Symbols"]
    assert [part for part in re.findall(r"^## (.*)$", text, re.MULTILINE) if part in parts] == parts
    assert re.findall(r"- \*\*H(\d+)\*\*", text) == [str(k + 1) for k in range(len(load(name).hypotheses))]
    assert text.count("linres.refuted(") == 1
    for other in {used for each in load_refutations(name) for used in each.corrected.uses}:
        assert f"]({other}.md)" in text.split("## Statement")[0]


@every_page
def test_a_page_has_title_and_statement_of_its_theorem(name):
    title = page(name).splitlines()[0].removeprefix("# ")
    assert re.sub(r"[$\\{}]", "", title) == load(name).title
    assert page(name).count("<!-- statement -->") == 1


@every_page
def test_the_steps_of_a_page_are_those_of_the_object_in_their_order(name):
    assert [step for step, _ in sections(page(name))] == [step.name for step in load(name).steps()]


@every_page
def test_under_every_step_stand_its_claim_and_a_word_and_then_its_check(name):
    for step, body in sections(page(name)):
        claim, rest = re.fullmatch(r"\s*(<!-- step \w+ -->.*?<!-- / -->)\s*(.*)", body, re.DOTALL).groups()
        assert claim.startswith(f"<!-- step {step} -->")
        words, block = rest.split("```python\n", 1)
        assert words.strip(), step
        assert block.startswith(f'>>> check("{step}")\n{step}: '), step


@every_page
def test_every_hypothesis_is_on_the_page_once_and_in_order(name):
    numbers = re.findall(r"- \*\*H(\d+)\*\*", page(name))
    assert numbers == [str(k) for k in range(1, len(load(name).hypotheses) + 1)]
    assert sorted(re.findall(r"<!-- hypothesis (\d+) -->", page(name)), key=int) == numbers


@every_page
def test_every_invariant_is_on_the_page(name):
    inductions = [step.by for step in load(name).proof if isinstance(step.by, Induction)]
    numbers = [str(k) for by in inductions for k in range(1, len(by.invariants) + 1)]
    assert re.findall(r"<!-- invariant (\d+) -->", page(name)) == numbers


@every_page
def test_an_abbreviation_is_no_symbol_of_the_theorem(name):
    labels = [label or called for called, label in re.findall(r"<!-- where (\S+)(?: as (.+?))? -->", page(name))]
    own = [latex(s[0]).removesuffix("_{0}") if isinstance(s, IndexedBase) else latex(s) for s in load(name).symbols]
    assert not {label.removesuffix("%s") for label in labels} & set(own)


@every_page
def test_controls_named_on_a_page_exist_and_those_that_drop_a_hypothesis_are_named(name):
    named = set(re.findall(r"`([a-z\d]+(?:-[A-Za-z\d]+)+)`", FENCE.sub("", page(name))))
    controls = {control.name: control for control in load(name).controls}
    assert named <= controls.keys() | {*NAMES, *REFUTED}
    assert {each.name for each in controls.values() if each.drop} <= named


@every_page
def test_a_page_says_what_it_leans_on_and_what_no_machine_checks(name):
    head = page(name).split("## Statement")[0]
    for other in load(name).uses:
        assert f"]({other}.md)" in head
    parts = ["Statement", "Hypotheses", "The idea", "What no machine checks", "Symbols"]
    assert [part for part in re.findall(r"^## (.*)$", page(name), re.MULTILINE) if part in parts] == parts


def test_the_index_lists_all_pages_in_reading_order_with_what_they_use():
    rows = re.findall(r"^\| \[([\w-]+)\]\(\1\.md\) \|.*\|(.*)\|$", INDEX, re.MULTILINE)
    assert [name for name, _ in rows] == [*NAMES, *REFUTED]
    assert {name: tuple(re.findall(r"\[([\w-]+)\]", uses)) for name, uses in rows} == {
        name: load(name).uses for name in (*NAMES, *REFUTED)
    }


def anchors(text):
    """The anchors that hosts give to headings."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_file
def test_links_and_images_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text)):
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked.read_text(encoding="utf-8")), target


# Markdown that hosts can set.


def spoilt(formula):
    """Whether a host would spoil the formula: Markdown marks in it, macros that some hosts refuse, lone braces."""
    marks = re.search(r"\\[^A-Za-z\s]|\\$|[|*]|\]\(|<\S|\$|(?<![A-Za-z\d])_", formula)
    lists = re.search(r"^\s*([-+>#=]|\d+[.)])", formula, re.MULTILINE) if "\n" in formula else None
    macros = re.search(r"\\(label|tag|operatorname|mbox|def|newcommand|require|href|color)\b", formula)
    return bool(marks or lists or macros) or formula.count("{") != formula.count("}")


@every_file
def test_no_formula_has_what_hosts_spoil(path):
    display, inline = formulas(without_code(path.read_text(encoding="utf-8")))
    assert not [formula for formula in (*display, *inline) if spoilt(formula)]


@pytest.mark.parametrize("formula", [
    r"\{x\}", r"a \, b", "a \\\\\nb", r"\|x\|", "x|y", "a*b", "{x}_t", "x <y", "[x](y)", r"\operatorname{x}", "{x",
    "a\n+ b",
])
def test_what_hosts_spoil_is_found(formula):
    assert spoilt(formula) and not spoilt(r"\left\lVert x_{t} \right\rVert^{2} < 1")


@every_file
def test_no_formula_runs_over_the_end_of_a_line_or_touches_a_word(path):
    text = without_code(path.read_text(encoding="utf-8"))
    for line in re.sub(r"^\$\$\n.*?\n\$\$$", "", text, flags=re.DOTALL | re.MULTILINE).splitlines():
        assert line.count("$") % 2 == 0, line
        words = line.split("$")
        for before, formula, after in zip(words[::2], words[1::2], words[2::2], strict=False):
            assert re.search(r"(^|[\s(\"])$", before) and re.match(r"$|[\s.,;:!?)\"]", after), line
            assert formula == formula.strip() != "", line


@every_file
def test_lines_written_by_hand_hold_120_characters(path):
    by_hand = pages.REGION.sub("", path.read_text(encoding="utf-8"))
    long = [line for line in by_hand.splitlines() if len(line) > 120 and not line.startswith("|") and "$" not in line]
    assert not long


# The regions.

x, y, u = symbols("x y u", real=True)
t, T = symbols("t T", integer=True)
a = IndexedBase(Symbol("a", real=True))

with sympy.evaluate(False):
    POSITIVE, SMALL = Gt(x, 0), Le(x, 1)
    MEAN = Le(x * y, (x**2 + y**2) / 2)


def made(proof=None, **options):
    step = Step("square", MEAN, Certificate(Term(sympy.Rational(1, 2), square=x - y)))
    given = {
        "name": "mean", "title": "", "provenance": "classical", "symbols": {x: "a|b", y: "y"}, "conclusion": MEAN,
        "hypotheses": (POSITIVE,), "instances": lambda: None, "measure": lambda *_: None,
        "proof": (step,) if proof is None else proof,
    }
    return Theorem(**given | options)


def test_a_region_within_a_line_stays_within_it_and_another_is_displayed():
    text = "so <!-- statement --> $old$ <!-- / --> and\n\n<!-- statement -->\n<!-- / -->\n"
    tex = r"x y \leq \frac{x^{2} + y^{2}}{2}"
    assert pages.refresh(text, made()) == (
        f"so <!-- statement --> ${tex}$ <!-- / --> and\n\n<!-- statement -->\n\n$$\n{tex}\n$$\n\n<!-- / -->\n"
    )


def test_a_region_within_a_line_stays_there_where_an_editor_wrapped_it():
    text = "- so <!-- hypothesis 1 -->\n  $old$ <!-- / --> and"
    assert pages.refresh(text, made()) == "- so <!-- hypothesis 1 --> $x > 0$ <!-- / --> and"


def test_filling_a_page_twice_changes_nothing():
    once = pages.refresh("<!-- step square -->\n<!-- / -->\n<!-- symbols -->\n<!-- / -->", made())
    assert pages.refresh(once, made()) == once


def test_a_certificate_is_written_out():
    filled = pages.refresh("<!-- step square -->\n<!-- / -->", made())
    assert r"*Certificate*: right - left $= \frac{\left(x - y\right)^{2}}{2}$." in filled


def test_facts_are_cited_by_number_by_name_and_by_stage():
    after = a[t + 1]
    with sympy.evaluate(False):
        assumed, first, later = Ge(a[t], 0), Ge(a[0], 0), Ge(after, 0)
    theorem = made(
        symbols=dict.fromkeys((a, t, T), ""), over=(t, T), hypotheses=(Ge(T, 0), assumed), conclusion=later,
        proof=(Step("first_one", first, Certificate(Term(1, first))), Step("next", later, Certificate(Term(1, later)))),
    )
    page = pages._Page(theorem, "", {})
    assert [page.cite(fact) for fact in (assumed, first, Ge(a[1], 0, evaluate=False))] == [
        r"\mathrm{H2}", r"\text{first one}", r"\mathrm{H2}, t = 1",
    ]


def test_an_abbreviation_is_put_in_at_every_stage_but_not_into_itself():
    after = a[t + 1]
    with sympy.evaluate(False):
        whole = 1 + a[t]
        conclusion = Le(1 + after, 2 * (1 + a[t]))
    theorem = made(
        symbols=dict.fromkeys((a, t, T), ""), over=(t, T), hypotheses=(Ge(T, 0),), conclusion=conclusion, proof=()
    )
    text = r"<!-- where whole as \beta%s --> <!-- / --> in <!-- statement --> <!-- / -->"
    filled = pages.refresh(text, theorem, {"whole": whole})
    assert re.findall(r"\$(.*?)\$", filled) == [r"\beta_{t} = 1 + a_{t}", r"\beta_{t + 1} \leq 2 \beta_{t}"]


@pytest.mark.parametrize("region", [
    "step squared", "hypothesis 2", "hypothesis one", "invariant 1", "where u", "lemma square", "proof",
])
def test_a_region_that_names_nothing_is_refused(region):
    with pytest.raises(InputError, match=re.escape(f"<!-- {region.split()[0]}")):
        pages.refresh(f"<!-- {region} --> <!-- / -->", made())


def test_a_bar_in_a_meaning_does_not_end_the_cell_of_a_table():
    assert r"| $x$ | a\|b |  |" in pages.refresh("<!-- symbols -->\n<!-- / -->", made())


def test_the_command_fills_pages_afresh_and_names_those_that_changed(tmp_path, capsys):
    for name in (*NAMES, *REFUTED):
        shutil.copy(PROOFS / f"{name}.md", tmp_path)
    edited = tmp_path / f"{NAMES[0]}.md"
    edited.write_text(page(NAMES[0]).replace(r"$q \leq 1$ <!--", r"$q < 1$ <!--"))
    assert pages.main(str(tmp_path)) == 0
    assert capsys.readouterr().out == f"{edited}\n"
    assert edited.read_text() == page(NAMES[0])
    edited.unlink()
    assert pages.main(str(tmp_path)) == 2
    assert str(edited) in capsys.readouterr().err


# What is tested can fail.


@pytest.mark.parametrize(("old", "new"), [
    (r"\leq \left(B + n\right)^{2} + n^{2}", r"\leq \left(B + n\right)^{2}"),
    (r"[\mathrm{H5}]$ ${} + q [\mathrm{H6}]", r"[\mathrm{H5}]$ ${} + [\mathrm{H6}]"),
    ("$q > 0$ <!--", r"$q \geq 0$ <!--"),
    (r"$f(x) \geq f^{\ast} + \frac{\mu}{2} \left", r"$f(x) \geq f^{\ast} + \mu \left"),
])
def test_a_formula_edited_by_hand_is_noticed(old, new):
    from linres.theorems import nesterov_step

    text = page("nesterov-step")
    assert old in text
    edited = text.replace(old, new)
    assert pages.refresh(edited, nesterov_step.THEOREM, vars(nesterov_step)) == text != edited


def wrong(name):
    """The theorem of that name with a little more asked for in one step."""
    theorem = load("nesterov-step")
    with sympy.evaluate(False):
        proof = [
            replace(step, claim=Le(2 * step.claim.lhs, step.claim.rhs)) if step.name == name else step
            for step in theorem.proof
        ]
    return replace(theorem, proof=tuple(proof))


def test_the_page_of_an_altered_theorem_is_another():
    from linres.theorems import nesterov_step

    assert pages.refresh(page("nesterov-step"), wrong("conclusion"), vars(nesterov_step)) != page("nesterov-step")


def test_a_page_with_a_false_step_fails_when_it_is_run(tmp_path):
    """Three pages: a step under a wrong name, a wrong finding, a wrong identity; and one that is right."""
    shutil.copy(PROOFS / "conftest.py", tmp_path)
    start = "```python\nimport linres\ndef check(step): return linres.check('nesterov-step', step)\n```\n"
    blocks = {
        "right": '>>> check("split")\nsplit: certificate of 1 term, its identity confirmed by both checkers\n',
        "name": '>>> check("splits")\nsplits: certificate of 1 term, its identity confirmed by both checkers\n',
        "finding": '>>> check("split")\nsplit: certificate of 2 terms, its identity confirmed by both checkers\n',
        "identity": ">>> from sympy import expand, symbols\n>>> expand((1 + symbols('q')) ** 2 - 1)\n0\n",
    }
    for name, block in blocks.items():
        (tmp_path / f"{name}.md").write_text(f"{start}```python\n{block}```\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert sorted(re.findall(r"^FAILED .*?(\w+)\.md", done.stdout, re.MULTILINE)) == ["finding", "identity", "name"]
    assert "6 passed" in done.stdout


# check, falls


def test_check_says_what_was_found_of_each_kind_of_step():
    found = {step: repr(linres.check("stacking-acceleration-with-errors", step)) for step in (
        "wide_squared", "wide", "positive_s", "absorbed", "dissipated", "stays_in_the_basin"
    )}
    assert found == {
        "wide_squared": "wide_squared: identity, confirmed by both checkers",
        "wide": "wide: rule root, applied by the trusted core",
        "positive_s": "positive_s: certificate of 4 terms, its identity confirmed by both checkers",
        "absorbed": "absorbed: lemma absorption, applied by the trusted core",
        "dissipated": "dissipated: lemma nesterov-step, step dissipated, applied by the trusted core",
        "stays_in_the_basin": "stays_in_the_basin: induction over the stages, 17 steps accepted",
    }


def test_check_checks_a_theorem_of_ones_own_and_says_prose_of_prose():
    theorem = made()
    assert repr(linres.check(theorem)) == (
        "mean: the one step checked by the trusted core, every identity by the second checker too"
    )
    partly = made((Step("told", POSITIVE, Prose("see there")), *theorem.proof))
    assert repr(linres.check(partly, "told")) == "told: prose, which no machine checks"
    assert "1 of 2 steps checked" in repr(linres.check(partly))


def test_check_refuses_a_false_step_and_all_after_it_but_none_before():
    theorem = wrong("free")
    assert linres.check(theorem, "dissipated").identities > 0
    for step in ("free", "angle", "conclusion", None):
        with pytest.raises(NotEqual, match=r"nesterov-step, step 3 \(free\)"):
            linres.check(theorem, step)


def test_a_proof_of_ours_is_checked_once(monkeypatch):
    linres.check("absorption")
    monkeypatch.setattr(steps.symbolic, "check", None)
    assert linres.check("absorption", "squared").name == "squared"


def test_a_proof_that_changed_is_checked_again():
    theorem = made()
    assert linres.check(theorem, "square").identities
    object.__setattr__(theorem, "proof", ())
    with pytest.raises(linres.InputError, match="it has none"):
        linres.check(theorem, "square")


@pytest.mark.parametrize(("arguments", "message"), [
    (("nesterov-step", "excesses"), r"check\(step=...\) should be a step of nesterov-step: excess, .*got 'excesses'"),
    (("nesterov",), r"load\(name\) should be the name of a theorem, got .* Did you mean nesterov-step"),
    ((3,), r"check\(theorem\) should be a Theorem or the name of one, got an int"),
    ((made(()),), r"check\(theorem\) should be a theorem with a proof, got mean, which has none"),
    ((made(()), "square"), r"a step of mean: it has none, got 'square'"),
])
def test_check_refuses_what_is_no_theorem_or_no_step_of_it(arguments, message):
    with pytest.raises(InputError, match=message):
        linres.check(*arguments)


def test_falls_tells_a_false_variant_from_a_true_one():
    assert steps.falls("nesterov-step", "without-smoothness")
    assert not steps.falls("nesterov-step", "contraction-5-percent-slower")


def test_falls_refuses_a_control_that_is_not_there_or_has_no_witness():
    with pytest.raises(InputError, match=r"should be a control of nesterov-step: .* got 'none'"):
        steps.falls("nesterov-step", "none")
    drawn = made(controls=(Control("drawn", "stronger", drop=(POSITIVE,)),))
    with pytest.raises(InputError, match="a control with a witness, got 'drawn'"):
        steps.falls(drawn, "drawn")


# Formulas as they are set.

v, w, W_star, W_prev = symbols("v w W_star W_prev", commutative=False)
D_norm, ell_Y, f_x, Phi = (IndexedBase(Symbol(name, real=True)) for name in ("D_norm", "ell_Y", "f_x", "Phi"))
q, L, f_next, f_star, G_first, c_1 = symbols("q L f_next f_star G_first c_1", real=True)

with sympy.evaluate(False):
    SET = [
        (W_star, r"W^{\ast}"), (W_prev, "W_{-}"), (f_next, "f(x_{+})"), (f_star, r"f^{\ast}"), (c_1, "c_{1}"),
        (G_first, r"G_{\mathrm{first}}"), (D_norm[t], r"\lVert D_{t} \rVert"), (ell_Y[t + 1], r"\ell(Y_{t + 1})"),
        (f_x[t - 1], "f(x_{t - 1})"), (Phi[t], r"\Phi_{t}"), (Symbol("e_norm", real=True), r"\lVert e \rVert"),
        (Inner(v, v), r"\left\lVert v \right\rVert^{2}"), (Inner(v, w), r"\left\langle v, w \right\rangle"),
        (norm(v - w), r"\left\lVert v - w \right\rVert"), (W_prev**-1 * v, "W_{-}^{-1} v"),
        (x + (y - (u + 1)), r"x + y - \left(u + 1\right)"), (-x + y, "y - x"), (-x - y, "-x - y"),
        (2 * (x / 2 * y), "x y"), (x * y / (2 * (1 + q)) * u**2, r"\frac{x y}{2 \left(1 + q\right)} u^{2}"),
        (sympy.Rational(7, 10) * 2 * x, r"\frac{7}{5} x"), (x / 2, r"\frac{x}{2}"), (1 / q - 1, r"\frac{1}{q} - 1"),
        (x - y * 3, "x - 3 y"), (0 * v - w, "0 - w"), ((0 * x) ** 2, "0^{2}"), (x * 3**T, r"x \cdot 3^{T}"),
        ((1 - q) ** (t + 1), r"\left(1 - q\right)^{t + 1}"), (sqrt(1 - q) ** 3 / sqrt(L), None),
        (GeometricSum(x, sqrt(q), a[t], t, T), None),
    ]


@pytest.mark.parametrize(("expression", "expected"), SET, ids=str)
def test_formulas_read_as_they_are_written_by_hand(expression, expected):
    tex = latex(expression)
    assert tex == expected or expected is None
    assert tex.count("{") == tex.count("}") and not re.search(r"\\[^A-Za-z]", tex)


def test_a_symbol_can_be_given_another_name():
    assert latex(x + y, {x: r"\bar{B}"}) == r"\bar{B} + y"


SETUP = "check, falls = partial(linres.check, theorem), partial(steps.falls, theorem)"


@every_page
def test_what_checks_a_page_is_the_checker(name):
    """Nowhere on a page do `check` and `falls` become anything else."""
    allowed = [SETUP, f'theorem = linres.load("{name}")']
    lines = [line.strip() for _, code in FENCE.findall(page(name)) for line in code.splitlines()]
    rebinds = re.compile(r"\b(check|falls|theorem)\b[^=\n(]*=[^=]|def (check|falls)|import .*\b(check|falls)\b")
    assert sorted(filter(rebinds.search, lines)) == allowed


@pytest.mark.parametrize(("name", "change", "message"), [
    ("nesterov-with-errors", (r"as \bar B%s", "as B%s"), "a label of its own"),
    ("stacking-acceleration", ("where B as B%s", "where B as B"), "for the stage"),
])
def test_a_page_cannot_call_two_expressions_by_one_name(tmp_path, name, change, message):
    assert change[0] in page(name)
    doctored = tmp_path / f"{name}.md"
    doctored.write_text(page(name).replace(*change), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        pages.fresh(doctored)
