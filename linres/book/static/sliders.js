"use strict";
// Draws the plots of the directive `sliders`; linres/book/sliders.py writes the formulas. No library.
var linres = linres || (() => {
  const plots = {};
  const UNITS = {L: 1, sigma: 1, Phi_0: 1};
  const HEIGHT = 320, LEFT = 46, RIGHT = 12, BOTTOM = 40, ROW = 18;

  // ratio^T start + sum_{t < T} ratio^(T-1-t) forcing(t)
  function geometricSum(start, ratio, forcing, T) {
    let total = start;
    for (let t = 0; t < T; t++) total = ratio * total + forcing(t);
    return total;
  }

  // What the sliders say, by name, to what the formulas are about.
  function parameters(plot, positions) {
    const at = {};
    for (const each of plot.sliders) at[each.name] = positions[each.name] ?? each.value;
    const kappa = rounded(10 ** at.kappa), q = 1 / Math.sqrt(kappa), proved = plot.momentum({q});
    const given = {...UNITS, kappa, q, proved};
    given.beta = at.momentum <= 1 ? at.momentum * proved : proved + (at.momentum - 1) * (1 - proved);
    given.as_proved = at.momentum === 1;
    for (const each of plot.sliders) {
      if (each.scale === "log" && each.name !== "kappa") given[each.name] = rounded(10 ** at[each.name]);
      if (each.scale === "log or none") given[each.name] = at[each.name] <= each.low ? 0 : rounded(10 ** at[each.name]);
    }
    if (plot.start) given.Phi_0 = plot.start(given);
    return given;
  }

  function rounded(value) { return Number(value.toPrecision(2)); }

  // Why there is no bound; "" if there is one. At the very edge rounding could err, so a hair within is asked for.
  function refusal(plot, given) {
    if (!given.as_proved) return "the momentum is not that of the theorem, " + shown(given.proved);
    if (plot.basin && !(plot.basin(given) * (1 + 1e-12) <= plot.within(given))) return plot.refusal;
    return "";
  }

  function bound(plot, given, T) { return plot.bound({...given, T}) / given.Phi_0; }

  // Phi_t / Phi_0 at stages 0, 1, ..., as long as it is a number.
  function run(plot, given, stages) {
    const values = [];
    let state = plot.first(given);
    for (let t = 0; t <= stages; t++) {
      const [now, before, block] = state, value = plot.potential({...given, now, before, block}) / given.Phi_0;
      if (!Number.isFinite(value)) break;
      values.push(value);
      state = plot.next({...given, now, before, block});
    }
    return values;
  }

  function horizon(given) {
    const least = 16 * Math.sqrt(given.kappa), step = 10 ** Math.floor(Math.log10(least)) / 2;
    return Math.ceil(least / step) * step;
  }

  function curves(plot, positions) {
    const given = parameters(plot, positions), stages = horizon(given), why = refusal(plot, given), found = [];
    const every = Math.max(1, Math.floor(stages / 160)), proved = [];
    for (let t = 0; !why && t <= stages; t += every) proved.push([t, bound(plot, given, t)]);
    found.push({kind: "bound", words: why ? "not proved here" : "proved: Φ is at most this", points: proved});
    const points = run(plot, given, stages).map((value, t) => [t, value]);
    found.push({kind: "run", words: plot.run, points});
    if (plot.besides) {
      const plain = run(plot, {...given, beta: 0}, stages).map((value, t) => [t, value]);
      found.push({kind: "besides", words: plot.besides, points: plain});
    }
    return {given, stages, why, found};
  }

  // The plot as SVG, for sliders at these positions, so many pixels wide.
  function draw(plot, positions, width) {
    const {stages, found} = curves(plot, positions), above = 10 + ROW * found.length;
    const x = t => LEFT + t / stages * (width - LEFT - RIGHT), low = HEIGHT - BOTTOM;
    const y = power => above + (plot.top - power) / (plot.top - plot.bottom) * (low - above);
    const parts = [
      `<svg class="plot" viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label="${escaped(plot.title)}" `
      + 'xmlns="http://www.w3.org/2000/svg">',
    ];
    found.forEach((curve, k) => {
      const middle = 10 + ROW * k;
      const drawn = curve.points.length > 0;  // words about a curve that is not drawn stand where its line would
      if (drawn) parts.push(`<path class="curve ${curve.kind}" d="M${LEFT} ${middle}h28"/>`);
      parts.push(`<text class="key" x="${LEFT + (drawn ? 34 : 0)}" y="${middle + 4}">${escaped(curve.words)}</text>`);
    });
    for (let power = plot.top; power >= plot.bottom; power--) {
      parts.push(`<path class="grid" d="M${LEFT} ${place(y(power))}H${width - RIGHT}"/>`);
      if (power % 2 === 0)
        parts.push(`<text x="${LEFT - 6}" y="${place(y(power) + 4)}" text-anchor="end">${tenTo(power)}</text>`);
    }
    const step = tick(stages, width);
    for (let t = 0; t <= stages; t += step)
      parts.push(`<path class="grid" d="M${place(x(t))} ${above}V${low}"/>`,
        `<text x="${place(x(t))}" y="${low + 16}" text-anchor="middle">${t}</text>`);
    parts.push(`<text x="${(LEFT + width - RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">stage t</text>`,
      `<text x="${LEFT - 6}" y="${above - 8}" text-anchor="end">Φ/Φ₀</text>`);
    for (const {kind, points} of found) parts.push(`<path class="curve ${kind}" d="${path(plot, points, x, y)}"/>`);
    return parts.join("") + "</svg>";
  }

  // A curve within the axes: it ends where it leaves them, and begins again where it comes back.
  function path(plot, points, x, y) {
    let line = "", pen = "M", last = null;
    for (const [t, value] of points) {
      const power = Math.log10(value), inside = power >= plot.bottom && power <= plot.top;
      if (inside) {
        if (pen === "M" && last) line += "M" + cut(plot, last, [t, power], x, y) + "L";
        else line += pen;
        line += place(x(t)) + " " + place(y(power));
        pen = "L";
      } else {
        if (pen === "L") line += "L" + cut(plot, [t, power], last, x, y);
        pen = "M";
      }
      last = Number.isFinite(power) ? [t, power] : null;
    }
    return line;
  }

  // Where the segment from a point outside to one inside crosses the axes.
  function cut(plot, [t, power], [u, inside], x, y) {
    const edge = power > plot.top ? plot.top : plot.bottom;
    const share = Number.isFinite(power) ? (edge - inside) / (power - inside) : 0;
    return place(x(u + share * (t - u))) + " " + place(y(inside + share * ((Number.isFinite(power) ? power : edge) - inside)));
  }

  function place(value) { return Number(value.toFixed(1)); }

  function tick(stages, width) {
    const least = stages / (width / 70), ten = 10 ** Math.floor(Math.log10(least));
    return Math.max(1, [1, 2, 5, 10].find(each => each * ten >= least) * ten);
  }

  function tenTo(power) {
    if (power === 0) return "1";
    return "10" + String(power).replace(/./g, each => each === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[each]);
  }

  function shown(value) {
    if (value === 0 || (value >= 0.001 && value < 100000)) return String(Number(value.toPrecision(3)));
    const [digits, power] = value.toExponential(2).split("e");
    return `${Number(digits)}·${tenTo(Number(power))}`;
  }

  function escaped(words) { return words.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;"); }

  function said(slider, given) {
    if (slider.scale !== "momentum") {
      const value = given[slider.name];
      return value === 0 ? "none" : `${shown(value)} ${slider.unit}`.trim();
    }
    const words = {0: ", none", 1: ", the plain copy"};
    return shown(given.beta) + (given.as_proved ? ", as proved" : words[given.beta] ?? "");
  }

  function told(plot, positions) {
    const {given, stages, why} = curves(plot, positions), values = run(plot, given, stages);
    const last = values.length - 1;
    const ended = last < stages ? ` The run ends at stage ${last}: its next potential is no number.` : "";
    const reached = `At stage ${last} the run is at Φ = ${shown(values[last])} Φ₀`;
    if (why) return `Not proved here: ${why}. ${reached}.${ended}`;
    return `${reached}, the bound at ${shown(bound(plot, given, last))} Φ₀.${ended}`;
  }

  // Take the place of the curve that stands on the page.
  function start(name) {
    const plot = plots[name], figure = document.getElementById("sliders-" + name);
    const form = figure.querySelector("form"), live = figure.querySelector(".live"), words = figure.querySelector(".told");
    const inputs = [...form.querySelectorAll("input")];
    function update() {
      const positions = {};
      for (const input of inputs) positions[input.name] = Number(input.value);
      const given = parameters(plot, positions);
      for (const slider of plot.sliders) {
        const input = form.elements[slider.name], value = said(slider, given);
        input.setAttribute("aria-valuetext", value);
        input.nextElementSibling.textContent = value;
      }
      live.innerHTML = draw(plot, positions, Math.max(280, Math.min(760, live.clientWidth || 520)));
      words.textContent = told(plot, positions);
    }
    live.hidden = form.hidden = false;
    figure.classList.add("alive");
    form.addEventListener("input", update);
    form.addEventListener("reset", () => setTimeout(update));
    form.addEventListener("submit", event => event.preventDefault());
    window.addEventListener("resize", update);
    update();
  }

  return {plots, geometricSum, parameters, bound, run, curves, draw, told, start};
})();
