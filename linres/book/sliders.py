"""The directive `sliders`: a plot that readers change, of what a theorem proves beside one run, with no library.

The bound is the right side of the theorem's own conclusion, written by SymPy's printer of JavaScript; the run is what
`linres.methods` makes of symbols, of the same code as every exact run, written likewise. The drawing itself is in
static/sliders.js. It is run once when the book is built: that curve is on paper, and for readers without JavaScript.
Where a hypothesis fails no bound is drawn, and the plot says why.
"""

import html
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import sympy
from docutils import nodes
from sympy import Expr, Symbol, sqrt
from sympy.printing.jscode import JavascriptCodePrinter

from linres.arithmetic import Symbolic
from linres.book.directives import _Directive, _raw
from linres.errors import refuse
from linres.language import substitute
from linres.methods import nesterov, stacking

SCRIPT = "sliders.js"


class _Printer(JavascriptCodePrinter):
    """A sum over stages is a call of a function of sliders.js, to which its forcing is given as a function."""

    def _print_GeometricSum(self, node: Any) -> str:
        start, ratio, forcing, t, T = map(self._print, node.args)
        return f"linres.geometricSum({start}, {ratio}, {t} => {forcing}, {T})"


def javascript(expression: Expr, given: tuple[Symbol, ...]) -> str:
    """A function of an object with these names. InputError for an expression with other symbols."""
    left = expression.free_symbols - {*given}
    if left:
        raise refuse("a formula of a plot", f"made of {given}", f"one with {left} besides")
    return f"({{{', '.join(sorted(map(str, given)))}}}) => {_Printer().doprint(expression)}"


@dataclass(frozen=True)
class Slider:
    """A range input. scale: "log" (the value is a power of 10), "log or none" (likewise, but none at its left end),
    or "momentum" (0 none, 1 as proved, 2 all of it). value: where it stands first. unit: what stands behind it."""

    name: str
    label: str
    low: float
    high: float
    step: float
    value: float
    scale: str
    unit: str = ""


@dataclass(frozen=True)
class Plot:
    """What is drawn. functions: of parameters, by the names that sliders.js calls them.

    `bound` of Phi_T, `momentum` (that of the theorem), `start` (Phi_0, where it is not 1), `basin` and `within` (the
    start is in the basin where basin <= within), `first` (the state at stage 0), `next` (the state a stage later),
    `potential`. refusal: what is said of a start outside the basin. besides: what a run without momentum, drawn too,
    is called; "" for none. top, bottom: powers of 10.
    """

    title: str
    run: str
    sliders: tuple[Slider, ...]
    functions: Mapping[str, str]
    refusal: str
    besides: str = ""
    top: int = 1
    bottom: int = -8


q, L, beta, D, e, Phi_0, sigma = sympy.symbols("q L beta D e Phi_0 sigma", real=True)
now, before, block, share = sympy.symbols("now before block share", real=True)
T = Symbol("T", integer=True)
mu = q**2 * L
KAPPA = Slider("kappa", "condition number κ", 0.3, 4, 0.05, 2, "log")
MOMENTUM = Slider("momentum", "momentum β", 0, 2, 0.05, 1, "momentum")


def _potential(offset: Expr, offset_before: Expr) -> Expr:
    """Phi of a loss with the one curvature mu, by the offsets from its minimiser."""
    auxiliary = nesterov.auxiliary(offset, offset_before, q=q)
    return nesterov.potential(mu * offset**2 / 2, auxiliary**2, mu=mu)


def _array(expressions: tuple[Expr, ...], given: tuple[Symbol, ...]) -> str:
    names = ", ".join(sorted(map(str, given)))
    return f"({{{names}}}) => [{', '.join(_Printer().doprint(each) for each in expressions)}]"


def _with_errors() -> Plot:
    from linres.theorems import nesterov_with_errors as of

    claimed = substitute(of.CONCLUSION.rhs, {of.Phi[0]: Phi_0, of.d[of.t]: D, of.e_norm[of.t]: e})
    _, after = nesterov.step(
        now, before, lambda y: mu * y, momentum=beta, step_size=1 / L, lookahead_error=D, step_error=e)
    start = sqrt(Phi_0 / _potential(sympy.Integer(1), sympy.Integer(1)))
    state = (now, before, block)
    return Plot(
        title="Nesterov's method with errors: the proved bound, and one run",
        run="one run: f = μx²/2, constant errors",
        sliders=(
            KAPPA, MOMENTUM,
            Slider("e", "step error |e|", -6.25, -1, 0.25, -3, "log or none", "√(Φ₀/L)"),
            Slider("D", "lookahead error |D|", -6.25, -1, 0.25, -6.25, "log or none", "√(Φ₀/L)"),
        ),
        functions={
            "bound": javascript(claimed**2, (q, L, Phi_0, D, e, of.T)),
            "momentum": javascript(nesterov.momentum(q), (q,)),
            "first": _array((start, start, sympy.Integer(0)), (q, L, Phi_0)),
            "next": _array((after, now, block), (q, L, beta, D, e, *state)),
            "potential": javascript(_potential(now, before), (q, L, *state)),
        },
        refusal="",
        top=3,
    )


def _acceleration() -> Plot:
    from linres.theorems import stacking_acceleration as of

    at_start = {of.Phi[0]: Phi_0}
    grown = stacking.stage(
        Symbolic(now), Symbolic(block), lambda point: Symbolic(mu * (point.expr - sigma)),
        momentum=beta, step_size=1 / L, rule="functional",
    )
    start = sigma - sqrt(Phi_0 / _potential(sympy.Integer(1), sympy.Integer(1)))
    state = (now, before, block)
    return Plot(
        title="Stacking on one neuron: the proved bound, and one run",
        run="one run: one neuron, ℓ = μ(W − W*)²/2",
        sliders=(
            KAPPA, MOMENTUM,
            Slider("share", "start Φ₀", -4, -0.05, 0.05, -1.3, "log", "μσ²"),
        ),
        functions={
            "bound": javascript(substitute(of.CONCLUSION.rhs, at_start), (q, Phi_0, of.T)),
            "momentum": javascript(nesterov.momentum(q), (q,)),
            "start": javascript(share * mu * sigma**2, (q, L, sigma, share)),
            "basin": javascript(substitute(of.basin.lhs, at_start), (q, Phi_0)),
            "within": javascript(of.basin.rhs, (q, L, sigma)),
            "first": _array((start, start, sympy.Integer(0)), (q, L, sigma, Phi_0)),
            "next": _array((grown.network.expr, now, grown.block.expr), (q, L, sigma, beta, *state)),
            "potential": javascript(_potential(now - sigma, before - sigma), (q, L, sigma, *state)),
        },
        refusal="the start is outside the basin",
        besides="the same run from zero starts, β = 0",
    )


PLOTS: dict[str, Callable[[], Plot]] = {
    "nesterov-with-errors": _with_errors, "stacking-acceleration": _acceleration,
}


@cache
def plot(name: str) -> Plot:
    """The plot of a theorem. InputError if it has none."""
    if name not in PLOTS:
        raise refuse("{sliders}", f"a theorem with a plot: {', '.join(PLOTS)}", repr(name))
    return PLOTS[name]()


def script(name: str) -> str:
    """What tells sliders.js of the plot."""
    told = asdict(plot(name))
    functions = "".join(f"{key}: {code},\n" for key, code in told.pop("functions").items())
    words = json.dumps(told, ensure_ascii=False).replace("</", "<\\/")
    return f"linres.plots[{json.dumps(name)}] = {{...{words},\n{functions}}};"


@cache
def engine(name: str) -> Any:
    """An embedded JavaScript engine that knows the plot."""
    from py_mini_racer import MiniRacer

    from linres.book import STATIC

    running = MiniRacer()
    running.eval((STATIC / SCRIPT).read_text(encoding="utf-8"))
    running.eval(script(name))
    return running


def drawing(name: str) -> str:
    """The curve that stands there first, as SVG."""
    return str(engine(name).eval(f"linres.draw(linres.plots[{json.dumps(name)}], {{}}, 520)"))


class SlidersDirective(_Directive):
    """`{sliders} NAME`: the plot of a theorem, which readers change."""

    def placed(self) -> list[nodes.Node]:
        from linres.book import STATIC

        name = self.theorem().name
        self.env.note_dependency(str(STATIC / SCRIPT))
        self.env.note_dependency(__file__)
        shown = plot(name)
        up = "../" * self.env.docname.count("/")
        title, controls = html.escape(shown.title), "".join(_control(name, slider) for slider in shown.sliders)
        return [_raw(
            f'<figure class="sliders" id="sliders-{name}" aria-label="{title}">'
            f'<div class="static">{drawing(name)}</div><div class="live" hidden></div>'
            f'<form class="controls" hidden>{controls}<button type="reset">Reset</button></form>'
            f'<figcaption>{title}. The bound is that of the theorem; the run is computed in double precision from the '
            f'recurrence of the method, from rest, with L = 1. <span class="told" role="status"></span></figcaption>'
            f'</figure>'
            f'<script src="{up}_static/{SCRIPT}"></script>'
            f'<script>{script(name)}linres.start({json.dumps(name)})</script>'
        )]


def _control(name: str, slider: Slider) -> str:
    field = f"sliders-{name}-{slider.name}"
    return (
        f'<label for="{field}">{slider.label}</label>'
        f'<input type="range" id="{field}" name="{slider.name}" min="{slider.low}" max="{slider.high}" '
        f'step="{slider.step}" value="{slider.value}"><output for="{field}"></output>'
    )
