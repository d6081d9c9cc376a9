"""Plots that readers change: the formulas in JavaScript are those of the theorems and the methods, in another language;
no bound is drawn where it is not proved. A browser does the same in test_book_in_a_browser.py."""

import json
import random
import re
from fractions import Fraction
from math import sqrt

import pytest

pytest.importorskip("sphinx", reason="needs the extra book")

from sympy import Symbol

from linres.arithmetic import EXACT
from linres.book import reading, sliders
from linres.errors import InputError
from linres.methods import nesterov, stacking
from linres.theorems import load

every_plot = pytest.mark.parametrize("name", sliders.PLOTS)
ROUNDING = 1e-11  # relative, of powers and sums of up to 100 terms


def call(name, function, given):
    """A function of the plot, in the embedded engine."""
    words = f"linres.plots[{json.dumps(name)}].{function}({json.dumps(given)})"
    return json.loads(sliders.engine(name).eval(f"JSON.stringify({words})"))


def curves(name, positions):
    words = f"linres.curves(linres.plots[{json.dumps(name)}], {json.dumps(positions)})"
    return json.loads(sliders.engine(name).eval(f"JSON.stringify({words})"))


def drawn(name, at, kind):
    return next(each for each in curves(name, at)["found"] if each["kind"] == kind)


def settings(seed, count=100):
    """As sliders give them, and beyond."""
    choose = random.Random(seed)
    for _ in range(count):
        q = 1 / sqrt(10 ** choose.uniform(0.1, 4))
        yield choose, {
            "q": q, "L": 10 ** choose.uniform(-2, 2), "Phi_0": 10 ** choose.uniform(-4, 2), "T": choose.randrange(100),
            "D": 10 ** choose.uniform(-6, 0), "e": 10 ** choose.uniform(-6, 0),
        }


# The same formulas.


def test_the_bound_with_errors_is_that_of_the_theorem_at_100_points():
    theorem = load("nesterov-with-errors")
    for _, given in settings(1):
        q, L, T = given["q"], given["L"], given["T"]
        told = {"q": q, "L": L, "T": T, "Phi": [given["Phi_0"]], "d": given["D"], "e_norm": given["e"]}
        assert call("nesterov-with-errors", "bound", given) == pytest.approx(theorem.bound(**told) ** 2, rel=ROUNDING)


def test_the_bound_of_stacking_and_its_basin_are_those_of_the_theorem_at_100_points():
    theorem = load("stacking-acceleration")
    basin = theorem.hypotheses[17]
    for choose, given in settings(2):
        told = {"q": given["q"], "T": given["T"], "Phi": [given["Phi_0"]]}
        assert call("stacking-acceleration", "bound", given) == pytest.approx(theorem.bound(**told), rel=ROUNDING)
        given["sigma"] = choose.uniform(0.1, 10)
        values = {symbol: given[str(symbol)] for symbol in theorem.symbols if str(symbol) in given}
        start = next(node for node in basin.free_symbols if str(node) == "Phi[0]")
        sides = [float(side.subs({start: given["Phi_0"]} | values)) for side in basin.args]
        found = [call("stacking-acceleration", side, given) for side in ("basin", "within")]
        assert found == pytest.approx(sides, rel=ROUNDING)


def rational(value):
    return Fraction(value).limit_denominator(1000)


def test_the_run_of_nesterovs_method_is_that_of_the_code_in_exact_arithmetic_at_100_points():
    for choose, given in settings(3):
        q, L, beta = rational(given["q"]) + Fraction(1, 1000), rational(given["L"]) + 1, rational(choose.uniform(0, 1))
        D, e, x, x_prev = (rational(choose.uniform(-1, 1)) for _ in range(4))
        mu = q * q * L
        told = {"q": q, "L": L, "beta": beta, "D": D, "e": e, "now": x, "before": x_prev, "block": Fraction(0)}
        told = {key: float(value) for key, value in told.items()}
        _, after = nesterov.step(
            x, x_prev, lambda y, mu=mu: mu * y, momentum=beta, step_size=1 / L, lookahead_error=D, step_error=e)
        assert call("nesterov-with-errors", "next", told)[:2] == pytest.approx([float(after), float(x)], abs=1e-13)
        z = nesterov.auxiliary(x, x_prev, q=q)
        potential = nesterov.potential(mu * x * x / 2, z * z, mu=mu)
        assert call("nesterov-with-errors", "potential", told) == pytest.approx(float(potential), rel=1e-10, abs=1e-13)
        assert call("nesterov-with-errors", "momentum", told) == pytest.approx(float((1 - q) / (1 + q)), rel=1e-14)


def test_the_run_of_stacking_is_that_of_the_code_in_exact_arithmetic_at_100_points():
    for choose, given in settings(4):
        q, L, beta = rational(given["q"]) + Fraction(1, 1000), rational(given["L"]) + 1, rational(choose.uniform(0, 1))
        sigma, W, w = (rational(choose.uniform(0.1, 1)) for _ in range(3))
        mu, target = q * q * L, EXACT.matrix([[sigma]])
        grown = stacking.stage(
            EXACT.matrix([[W]]), EXACT.matrix([[w]]), lambda at, mu=mu, target=target: EXACT.number(mu) * (at - target),
            momentum=EXACT.number(beta), step_size=EXACT.number(1 / L), rule="functional",
        )
        exact = [Fraction(str(each.data[0, 0])) for each in (grown.network, grown.block)]
        told = {"q": q, "L": L, "beta": beta, "sigma": sigma, "now": W, "before": W / (1 + w), "block": w}
        told = {key: float(value) for key, value in told.items()}
        now, before, block = call("stacking-acceleration", "next", told)
        assert [now, block] == pytest.approx([float(each) for each in exact], rel=1e-9, abs=1e-12)
        assert before == told["now"]


def test_a_run_begins_at_rest_at_the_potential_it_is_said_to():
    for name in sliders.PLOTS:
        for _, given in settings(5, 20):
            given |= {"sigma": 1.5, "Phi_0": given["Phi_0"] / 1e4}
            now, before, block = call(name, "first", given)
            assert now == before and block == 0
            found = call(name, "potential", given | {"now": now, "before": before, "block": 0})
            assert found == pytest.approx(given["Phi_0"], rel=1e-6)


# What is drawn.


@every_plot
def test_the_run_stays_below_the_bound_wherever_one_is_drawn(name):
    choose, proved = random.Random(6), 0
    for _ in range(100):
        at = {each.name: choose.uniform(each.low, each.high) for each in sliders.plot(name).sliders} | {"momentum": 1}
        run, bound = (dict(drawn(name, at, kind)["points"]) for kind in ("run", "bound"))
        above = {t: (run[t], most) for t, most in bound.items() if t in run and run[t] > most * (1 + 1e-9)}
        assert above == {}, at
        proved += bool(bound)
    assert proved > 20


@every_plot
@pytest.mark.parametrize("momentum", [0, 0.95, 1.05, 2])
def test_with_another_momentum_no_bound_is_drawn_and_the_plot_says_so(name, momentum):
    found = curves(name, {"momentum": momentum})
    assert drawn(name, {"momentum": momentum}, "bound")["points"] == []
    assert found["why"] == "the momentum is not that of the theorem, 0.818"
    assert found["found"][0]["words"] == "not proved here"
    assert drawn(name, {"momentum": momentum}, "run")["points"] != []


@every_plot
def test_words_on_a_curve_that_is_not_drawn_leave_no_room_for_its_line(name):
    def keys(positions):
        drawing = sliders.engine(name).eval(f"linres.draw(linres.plots['{name}'], {json.dumps(positions)}, 520)")
        lines = re.findall(r'<path class="curve \w+" d="M46 (\d+)h28"/>', drawing)
        words = re.findall(r'<text class="key" x="(\d+)" y="(\d+)">([^<]*)<', drawing)
        return {text: (int(x), str(int(y) - 4) in lines) for x, y, text in words}

    proved, refused = keys({}), keys({"momentum": 0})
    assert proved["proved: Φ is at most this"] == (80, True)
    assert refused.pop("not proved here") == (46, False)
    assert {*refused.values()} == {(80, True)}


def test_outside_the_basin_no_bound_is_drawn_and_the_plot_says_so():
    for kappa in (0.3, 1, 2, 4):
        q = 1 / sqrt(float(f"{10 ** kappa:.2g}"))
        edge = 1 / (2 * (2 * sqrt(1 + q) + sqrt(1 - q)) ** 2)
        for share in (-4, -2, -1.3, -1.2, -1, -0.05):
            told = curves("stacking-acceleration", {"kappa": kappa, "share": share})
            inside = float(f"{10 ** share:.2g}") < edge
            assert (told["found"][0]["points"] != []) == inside
            assert told["why"] == ("" if inside else "the start is outside the basin")


def test_far_outside_the_basin_the_run_breaks_the_rate():
    at = {"kappa": 0.3, "share": -0.05}
    run = dict(drawn("stacking-acceleration", at, "run")["points"])
    assert any(value > (1 - 1 / sqrt(2)) ** t for t, value in run.items() if t)


@every_plot
def test_the_curve_that_stands_on_the_page_is_that_of_the_first_positions(name):
    drawing = sliders.drawing(name)
    first = {each.name: each.value for each in sliders.plot(name).sliders}
    words = f"linres.draw(linres.plots[{json.dumps(name)}], {json.dumps(first)}, 520)"
    assert sliders.engine(name).eval(words) == drawing
    assert "NaN" not in drawing and "undefined" not in drawing and "proved: Φ is at most this" in drawing
    assert len(re.findall(r'class="curve bound" d="M[^"]{100,}"', drawing)) == 1


@every_plot
def test_no_drawing_has_a_number_that_is_none(name):
    choose = random.Random(7)
    for _ in range(50):
        at = {each.name: choose.choice([each.low, each.value, each.high]) for each in sliders.plot(name).sliders}
        words = f"linres.draw(linres.plots[{json.dumps(name)}], {json.dumps(at)}, {choose.choice([280, 760])})"
        assert not re.search("NaN|undefined|Infinity", sliders.engine(name).eval(words)), at


@every_plot
def test_what_is_said_of_the_plot_names_the_last_stage(name):
    said = sliders.engine(name).eval(f"linres.told(linres.plots[{json.dumps(name)}], {{}})")
    assert said.startswith("At stage 200 the run is at Φ = ") and "the bound at" in said
    said = sliders.engine(name).eval(f"linres.told(linres.plots[{json.dumps(name)}], {{momentum: 0}})")
    assert said.startswith("Not proved here: the momentum") and "the bound at" not in said


# What is refused.


def test_a_theorem_without_a_plot_is_refused():
    with pytest.raises(InputError, match="a theorem with a plot"):
        sliders.plot("absorption")


def test_a_formula_with_a_symbol_that_is_not_given_is_refused():
    with pytest.raises(InputError, match="besides"):
        sliders.javascript(Symbol("x") + Symbol("y"), (Symbol("x"),))


def test_every_plot_is_placed_on_its_page():
    assert set(reading.SLIDERS) == set(sliders.PLOTS)
