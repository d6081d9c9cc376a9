"""The whole book, built from proofs/ and read from disk in a browser without a network."""

import base64
import io
import json
import math
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import chromium
import pytest
from matplotlib import image

pytest.importorskip("sphinx", reason="needs the extra book")

from linres.book import sliders
from linres.theorems import NAMES, REFUTED, load

ROOT = Path(__file__).parents[1]
REQUIRED = os.environ.get("LINRES_REQUIRE_CHROMIUM") == "1"
needs_browser = pytest.mark.skipif(chromium.PATH is None and not REQUIRED, reason="needs Chromium (Debian's chromium)")
PHONE, DESKTOP = 390, 1400
UNSET = r"""
(() => {
  const found = [...document.querySelectorAll('.katex-error')].map(each => each.textContent);
  for (const each of document.querySelectorAll('.katex')) {
    const folded = each.closest('details:not([open])'), box = each.getBoundingClientRect();
    if (!folded && box.width === 0 && each.offsetParent !== null) found.push('no width: ' + each.textContent);
  }
  const walker = document.createTreeWalker(document.querySelector('article') || document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!node.parentElement.closest('pre, code, script, style, .katex') && /\$[^$]+\$|\\[a-z]{2,}|<!--/.test(node.data))
      found.push('left as source: ' + node.data);
  }
  return found;
})()
"""
FONTS = "[...document.fonts].filter(each => each.status === 'error').map(each => each.family)"
LINK = "document.querySelector('.dependencies a[href=\"{}.html\"]')"
CLICK = ".dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))"
FOCUSED = """
[...document.querySelectorAll('.dependencies a')].filter(each => {
  each.focus();
  return document.activeElement === each;
}).length
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The book of a copy of the pages, which have no record there, with the log of the build."""
    folder = tmp_path_factory.mktemp("book")
    left = shutil.ignore_patterns("_build", "record.json", "__pycache__")
    shutil.copytree(ROOT / "proofs", folder / "proofs", ignore=left)
    for beside in ("figures", "tests", "benchmarks"):
        (folder / beside).symlink_to(ROOT / beside)
    done = subprocess.run(
        [sys.executable, "-m", "linres", "book", "--no-verify", "--pages", folder / "proofs", "--out", folder / "out"],
        capture_output=True, text=True, check=False, timeout=900,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return folder / "out", done


@pytest.fixture(scope="module")
def browser():
    running = chromium.Browser()
    yield running
    running.close()


def pages(out):
    return sorted(out.rglob("*.html"))


def test_the_book_builds_without_a_warning(book):
    out, done = book
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == str(out / "index.html")


def test_every_statement_has_a_page_in_the_book(book):
    out, _ = book
    assert {*NAMES, *REFUTED} <= {path.stem for path in out.glob("*.html")}


def test_the_book_is_small(book):
    out, _ = book
    sizes = {path: path.stat().st_size for path in out.rglob("*") if path.is_file()}
    assert sum(sizes.values()) < 15e6
    assert [path.name for path, size in sizes.items() if path.suffix == ".html" and size >= 1e6] == []


def test_no_page_names_another_host_for_the_browser_to_load(book):
    out, _ = book
    loads = ('src="http', 'rel="stylesheet" href="http', "@import", "url(http")
    files = [path for path in out.rglob("*") if path.suffix in (".html", ".css")]
    assert [(path.name, each) for path in files for each in loads if each in path.read_text(encoding="utf-8")] == []


@needs_browser
def test_the_browser_notices_what_is_wrong(tmp_path, browser):
    page = tmp_path / "wrong.html"
    page.write_text(
        "<article>$x$ <b class=katex-error>y</b><img src=missing.png><img src=https://example.org/z.png>"
        "<script>console.error('said'); nothing()</script></article>"
    )
    browser.open(page.as_uri())
    found = " ".join([*browser.complaints(), *browser.evaluate(UNSET)])
    away = "left the disk: https://example.org/z.png"
    told = ("left as source: $x$", "y", "ERR_FILE_NOT_FOUND", away, "said", "nothing")
    assert [words for words in told if words not in found] == []


@needs_browser
def test_every_page_opens_without_network_errors_or_formulas_left_over(book, browser):
    out, _ = book
    browser.width(DESKTOP)
    wrong = {}
    for path in pages(out):
        browser.open(path.as_uri())
        found = [*browser.complaints(), *browser.evaluate(UNSET), *browser.evaluate(FONTS)]
        wrong |= {path.name: found} if found else {}
    assert wrong == {}


@needs_browser
def test_formulas_are_set_in_the_fonts_of_the_book(book, browser):
    out, _ = book
    browser.open((out / "absorption.html").as_uri())
    loaded = browser.evaluate("[...document.fonts].filter(each => each.status === 'loaded').map(each => each.family)")
    assert {"KaTeX_Main", "KaTeX_Math"} <= {each.strip('"') for each in loaded}


@needs_browser
def test_no_page_is_wider_than_a_phone(book, browser):
    out, _ = book
    browser.width(PHONE, 800)
    wide = {}
    for path in pages(out):
        browser.open(path.as_uri())
        width = browser.evaluate("document.scrollingElement.scrollWidth")
        wide |= {path.name: width} if width > PHONE else {}
    browser.width(DESKTOP)
    assert wide == {}


SCROLLED = """(() => {{
  const wide = [...document.querySelectorAll('{kind}')].find(each => each.scrollWidth > each.clientWidth + 40);
  wide.scrollIntoView({{block: 'end', behavior: 'instant'}});
  wide.scrollLeft = {share} * (wide.scrollWidth - wide.clientWidth);
  const box = wide.getBoundingClientRect();
  return [box.left, box.bottom, box.width];
}})()"""


def edges(browser, kind, share):
    """How much the left and the right edge of what is so far scrolled differ from its middle, above its scrollbar."""
    left, bottom, width = browser.evaluate(SCROLLED.format(kind=kind, share=share))
    taken = browser.call("Page.captureScreenshot", format="png")["data"]
    pixels = 255 * image.imread(io.BytesIO(base64.b64decode(taken)))
    lines = pixels[int(bottom) - 10 : int(bottom) - 6, :, :3].mean(axis=2)
    ends, middle = [math.ceil(left) + 1, int(left + width) - 3], int(left + width / 2)  # no pixel that is cut in two
    return abs(lines[:, ends] - lines[:, [middle]]).min(axis=0)  # a line may have letters in it


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", [".proof div.math", ".step div.math", ".highlight pre", ".table-wrapper"])
def test_on_a_phone_a_shade_says_on_which_side_there_is_more(book, browser, kind, scheme):
    browser.width(PHONE, 800)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    page_of(book, browser, "nesterov-quadratic-step")
    first, amid, last = (edges(browser, kind, share) for share in (0, 0.5, 1))
    browser.call("Emulation.setEmulatedMedia", features=[])
    browser.width(DESKTOP)
    assert first[0] < 10 and first[1] > 30 and min(amid) > 30 and last[0] > 30 and last[1] < 10


@needs_browser
def test_the_check_of_the_third_step_is_two_clicks_from_the_first_page(book, browser):
    out, _ = book
    browser.open((out / "index.html").as_uri())
    browser.events.clear()
    browser.evaluate(LINK.format("stacking-acceleration") + CLICK)
    browser.wait_for("Page.loadEventFired")
    assert browser.evaluate("location.pathname").endswith("/stacking-acceleration.html")
    browser.evaluate("document.querySelectorAll('.toc-tree a code')[2].closest('a').click()")
    third = browser.evaluate("document.querySelector(':target').querySelector('details').open")
    assert third is True
    said = browser.evaluate("document.querySelector(':target details .badge').textContent")
    assert said == "check"


@needs_browser
def test_every_node_of_the_graph_takes_the_focus_and_enter_follows_it(book, browser):
    out, _ = book
    browser.open((out / "index.html").as_uri())
    assert browser.evaluate(FOCUSED) == len(NAMES) + len(REFUTED)
    browser.evaluate(LINK.format("absorption") + ".focus()")
    browser.events.clear()
    browser.press("Enter", 13)
    browser.wait_for("Page.loadEventFired")
    assert browser.evaluate("location.pathname").endswith("/absorption.html")


# Plots that readers change.

every_plot = pytest.mark.parametrize("name", sliders.PLOTS)
FIELD = "document.getElementById('sliders-{}-{}')"
SHOWN = "[...document.querySelectorAll('.sliders .{}')].map(each => getComputedStyle(each).display !== 'none')"
RUN = "document.querySelector('.sliders .live .curve.run[d*=\"L\"]').getAttribute('d')"


def page_of(book, browser, name):
    out, _ = book
    browser.open((out / f"{name}.html").as_uri())


@needs_browser
def test_the_bound_that_the_browser_computes_is_that_of_the_theorem_at_100_points(book, browser):
    page_of(book, browser, "nesterov-with-errors")
    choose, theorem = random.Random(0), load("nesterov-with-errors")
    points = [{
        "q": choose.uniform(0.01, 1), "L": choose.uniform(0.1, 10), "Phi_0": choose.uniform(0, 9),
        "T": choose.randrange(99), "D": choose.uniform(0, 1), "e": choose.uniform(0, 1),
    } for _ in range(100)]
    words = f"{json.dumps(points)}.map(each => linres.plots['nesterov-with-errors'].bound(each))"
    expected = [
        theorem.bound(q=at["q"], L=at["L"], T=at["T"], Phi=[at["Phi_0"]], d=at["D"], e_norm=at["e"]) ** 2
        for at in points
    ]
    assert browser.evaluate(words) == pytest.approx(expected, rel=1e-11)


@needs_browser
@every_plot
def test_the_browser_draws_the_curves_that_stand_on_the_page(book, browser, name):
    page_of(book, browser, name)
    assert browser.evaluate(f"linres.draw(linres.plots['{name}'], {{}}, 520)") == sliders.drawing(name)
    assert browser.evaluate(SHOWN.format("static")) == [False]
    assert browser.evaluate(SHOWN.format("live")) == browser.evaluate(SHOWN.format("controls")) == [True]


@needs_browser
@every_plot
def test_keys_move_the_sliders_and_the_curves_follow(book, browser, name):
    page_of(book, browser, name)
    for slider in sliders.plot(name).sliders:
        field = FIELD.format(name, slider.name)
        assert browser.evaluate(f"{field}.labels[0].textContent") == slider.label
        before, said = browser.evaluate(RUN), browser.evaluate(f"{field}.getAttribute('aria-valuetext')")
        browser.evaluate(f"{field}.focus()")
        browser.press("ArrowRight", 39)
        after = browser.evaluate(f"{field}.getAttribute('aria-valuetext')")
        assert (browser.evaluate(RUN), after) != (before, said) and after != said
        assert after == browser.evaluate(f"{field}.nextElementSibling.textContent")
        assert slider.unit in after
    told = browser.evaluate("document.querySelector('.told').textContent")
    assert told.startswith("Not proved here: the momentum is not that of the theorem")
    browser.evaluate("document.querySelector('.controls button').click()")
    told = "document.querySelector('.told').textContent"
    assert browser.evaluate(f"new Promise(done => setTimeout(() => done({told}), 50))").startswith("At stage 200")
    assert browser.complaints() == []


@needs_browser
@every_plot
def test_paper_and_readers_without_javascript_get_the_static_curve(book, browser, name):
    page_of(book, browser, name)
    browser.call("Emulation.setEmulatedMedia", media="print")
    printed = [browser.evaluate(SHOWN.format(each)) for each in ("static", "live", "controls")]
    browser.call("Emulation.setEmulatedMedia", media="")
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    page_of(book, browser, name)
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    plain = [browser.evaluate(SHOWN.format(each)) for each in ("static", "live", "controls")]
    assert printed == plain == [[True], [False], [False]]


@needs_browser
@every_plot
def test_a_plot_fits_a_phone_and_its_words_do_not_shrink(book, browser, name):
    browser.width(PHONE, 800)
    page_of(book, browser, name)
    box = "(() => {{ const box = {}.getBoundingClientRect(); return [box.left, box.right, box.height]; }})()"
    left, right, _ = browser.evaluate(box.format("document.querySelector('.live .plot')"))
    heights = browser.evaluate(
        "[...document.querySelectorAll('.live .plot text')].map(each => each.getBoundingClientRect().height)")
    inputs = browser.evaluate("[...document.querySelectorAll('.controls input')].map(each => each.clientWidth)")
    ends = browser.evaluate(
        "[...document.querySelectorAll('.live .plot text')].map(each => each.getBoundingClientRect().right)")
    browser.width(DESKTOP)
    assert 0 <= left < right <= PHONE and min(heights) >= 11 and min(inputs) > 200 and max(ends) <= right + 2
