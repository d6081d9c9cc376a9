"""What `linres propagate --limit` adds: networks beside their limit, measured errors beside exact or proved ones."""

import math
from typing import Any

from linres.commands.propagate import LARGEST, MEMORY, WORK, row
from linres.errors import InputError, refuse

QUANTITIES = {
    "mean_square_error": ("E|H-h_L|^2/|h_0|^2", True),
    "median_error": ("median |H-h_L|/|h_0|", True),
    "limit_log_mean": ("E log |H|^2/|h_0|^2", False),
    "limit_log_variance": ("Var log |H|^2/|h_0|^2", False),
}


def require(network, runs: int) -> None:
    """InputError where there is no limit to compare with, or what is asked would not fit or not end."""
    from linres.limits import REFINEMENT

    critical = {"iid": 0.5, "smooth": 1.0}.get(network.weights)
    if network.exponent != critical or network.matrices != 1 or network.law != "gaussian":
        raise InputError(
            "--limit needs one Gaussian matrix a layer, and --exponent 0.5 with --weights iid or --exponent 1 with "
            f"--weights smooth; got --exponent {network.exponent:g}, --weights {network.weights}, --matrices "
            f"{network.matrices}, --entries {network.law}."
        )
    if not 1 <= runs <= LARGEST:
        raise refuse("--limit N", f"an integer from 1 to {LARGEST:,}", f"{runs:,}"[:40])
    entries = network.width * (REFINEMENT if network.weights == "iid" else network.width)
    steps = network.depth if network.weights == "iid" else max(network.depth, 100 / (network.length or 0.1))
    needed = 80.0 * entries * steps if network.weights == "smooth" else 0.0
    if needed > MEMORY or 20.0 * runs * steps * entries > WORK:
        raise InputError("--limit N takes too long, or too much memory, here. Take a smaller --depth, --width or N.")


def report(network, runs: int, *, seed: int, confidence: float, watch) -> dict[str, Any]:
    """What --json prints of it, in its order."""
    from linres import limits
    from linres.estimates import mean, mean_of_exponentials, median, variance

    settings = {"width": network.width, "block": network.block, "runs": runs, "seed": seed, "watch": watch}
    inside = "H" if network.block == "linear" else f"{network.block}(H)"
    if network.weights == "iid":
        beside = limits.diffusion(network.depth, **settings)
        equation, known = f"dH = d^-1/2 dB {inside}", _of_diffusion(network, limits)
    else:
        beside = limits.flow(network.depth, length=network.length or 0.1, **settings)
        equation, known = f"dH/ds = A(s) {inside}", _of_flow(beside)
    estimates = {"mean_square_error": mean_of_exponentials(2 * beside.log_error, confidence)}
    estimates["median_error"] = median(beside.log_error, confidence, logs=True)
    if all(map(math.isfinite, beside.log_limit)):
        estimates["limit_log_mean"] = mean(beside.log_limit, confidence)
        estimates["limit_log_variance"] = variance(beside.log_limit, confidence)
    rows = [row(name, *QUANTITIES[name], estimate, known.get(name)) for name, estimate in estimates.items()]
    return {"equation": equation, "how": beside.how, "runs": runs, "rows": rows}


def _of_diffusion(network, limits) -> dict[str, Any]:
    from linres.depth_scaling import ABOUT, AT_MOST, EXACT, Prediction

    M = limits.REFINEMENT
    error = math.log(float(limits.strong_error(network.depth, M)))
    formula = f"(1 + 1/({M} L))^({M} L) - (1 + 1/L)^L"
    if network.block != "linear":
        why = "as scaling-strong-error, with |phi(x) - phi(y)| <= |x - y|"
        return {"mean_square_error": Prediction(error, AT_MOST, formula, None, why, True)}
    law, why = limits.norm_law(network.width), "the law of the limit, by Ito's formula"
    return {
        "mean_square_error": Prediction(error, EXACT, formula, "scaling-strong-error", "", True),
        "limit_log_mean": Prediction(float(law.mean()), ABOUT, "1 - 2/d", None, why),
        "limit_log_variance": Prediction(float(law.var()), ABOUT, "4/d", None, why),
    }


def _of_flow(beside) -> dict[str, Any]:
    from statistics import median

    from linres.depth_scaling import AT_MOST, Prediction

    if beside.log_bound is None:
        return {}
    formula, why = "e^a - (1 + a/L)^L + b/(2L) e^(a - a/L)", "median of the bounds; a, b: |A| and its change, as seen"
    value = median(map(float, beside.log_bound))
    return {"median_error": Prediction(value, AT_MOST, formula, "scaling-smooth-weights", why, True)}
