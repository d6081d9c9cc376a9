"""What is known of the norms of random residual networks before any is drawn, and who says so.

h_{k+1} = h_k + a B_{k+1}(h_k), a = L^{-exponent}, depth L, width d, as `linres.propagate` draws it. Of the block B no
more than a few numbers enter. Its share is E|B(h)|^2/|h|^2: 1 for linear blocks; 1/2 for V relu(U h), since rows of U
and their negatives are equally likely; at most 1 for the others, since |relu(x)|, |tanh(x)| <= |x|. Entries of V have
mean 0 and are independent of all else in the layer, and so the mean square grows by 1 + share a^2 exactly.

With Gaussian entries |h_{k+1}|^2/|h_k|^2 = |e + a sqrt(S/d) z|^2 in law, e a unit vector, z standard normal and S the
mean square of what is left before V: 1 for V h, C/d with C chi-square for two matrices (kernels/propagation.py). These
factors are independent and of one law. The mean and the variance of their logarithm come by quadrature here, and
those of log(|h_L|^2/|h_0|^2) are L times as large.

Gradients. The derivative J of h_L in h_0 and its transpose have the same singular values, so that |J^T p|/|p| has the
law of |J z|/|z| for p and z that point anywhere with equal chance and are independent of J. J z passes the layers in
their order, each independent of all before: the same formulas hold.

Correlated weights: to first order in a, h_L - h_0 = a sum_k V_k h_0, and its mean square is that of a sum of stationary
numbers (fractional-increments).
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from linres.methods import correlated

IDENTITY, NONTRIVIAL, EXPLOSION = "identity", "nontrivial limit", "explosion"
EXACT, AT_MOST, ABOUT = "=", "<=", "~"
_NODES = 40
_NEGLIGIBLE = 1e-16
_WIDEST = 2000  # of two matrices
_WIDE = 4000.0  # noncentrality beyond which a logarithm is smooth enough for quadrature


@dataclass(frozen=True)
class Network:
    """The settings of `linres.propagate` that a law depends on."""

    depth: int
    width: int
    exponent: float
    block: str = "linear"
    matrices: int = 1
    law: str = "gaussian"
    weights: str = "iid"
    hurst: float | None = None
    length: float | None = None

    @property
    def log_scale(self) -> float:
        """log a."""
        return -self.exponent * math.log(self.depth)

    @property
    def share(self) -> float | None:
        """E|B(h)|^2/|h|^2 for layers independent of h, None where it depends on h."""
        return {("linear", 1): 1.0, ("linear", 2): 1.0, ("relu", 2): 0.5}.get((self.block, self.matrices))

    @property
    def independent(self) -> bool:
        """Whether the layers are."""
        return self.weights == "iid" or self.hurst == 0.5


@dataclass(frozen=True)
class Prediction:
    """What is known of a number: the sign between it and the value, the formula, the theorem if there is one, and why.

    log: whether value is the logarithm of what the formula gives.
    """

    value: float
    relation: str
    formula: str
    by: str | None = None
    why: str = ""
    log: bool = False


@dataclass(frozen=True)
class Regime:
    """Where the exponent lies: below, at or above the critical one, with a remark on what that means here."""

    name: str
    critical: float
    words: str
    remark: str = ""


# ------------------------------------------------------------------------------------------------------------- regimes


def regime(network: Network) -> Regime:
    """At the critical exponent deep networks have a limit that is not trivial; above it the identity, below none."""
    critical, words = _critical(network)
    if math.isclose(network.exponent, critical, abs_tol=1e-12):
        name, sign = NONTRIVIAL, "="
    else:
        name, sign = (IDENTITY, ">") if network.exponent > critical else (EXPLOSION, "<")
    return Regime(name, critical, f"exponent {network.exponent:g} {sign} {words}", _remark(network, name))


def _critical(network: Network) -> tuple[float, str]:
    if network.independent:
        return 0.5, "1/2, critical for independent layers"
    if network.weights == "smooth":
        return 1.0, "1, critical for smooth weights"
    hurst = float(network.hurst or 0.5)
    if network.matrices == 2 and network.block != "relu":  # covariances of the product are squared
        critical = max(2 * hurst - 1, 0.5)
        return critical, f"{critical:g} = max(2H - 1, 1/2), critical for fractional V phi(U h), phi odd"
    return max(hurst, 0.5), f"{max(hurst, 0.5):g} = max(H, 1/2), critical for fractional weights"


def _remark(network: Network, name: str) -> str:
    linear = network.block == "linear" and network.matrices == 1
    if network.block == "tanh" and name == EXPLOSION:
        return "blocks are bounded: the state grows like a power of the depth, not exponentially"
    if name == EXPLOSION and linear and network.independent and network.law == "gaussian" and network.width <= 2:
        typical = network.depth * log_factor(network)[0] / 2  # large scales make it grow in any width
        if (typical < 0) if network.width == 1 else abs(typical) < math.log(2):
            return f"the mean explodes; in width {network.width} the typical norm " + (
                "collapses" if network.width == 1 else "stays")
    rough = network.weights == "fractional" and (network.hurst or 0.5) < 0.5
    if linear and rough and name != IDENTITY and network.exponent > 0:
        limit = "near exp(-1/(2d)) h_0" if name == NONTRIVIAL else "collapses like exp(-L^{1-2b}/(2d))"
        return f"H < 1/2: the state {limit} (a heuristic, exact in width 1)"
    return ""


# --------------------------------------------------------------------------------------------------------- predictions


def predictions(network: Network, *, of_gradients: bool = False) -> dict[str, Prediction]:
    """What is known, by the names of QUANTITIES, of the state or of the gradient.

    The gradient comes in independent of the network, in no direction more than another.
    """
    if network.independent:
        found = {**_second_moments(network), **_law_of_factors(network)}
    else:
        found = {} if of_gradients and (network.block, network.matrices) == ("relu", 2) else _first_order(network)
    if network.share is not None and network.independent and regime(network).name == IDENTITY:
        found["median_distance"] = _median_near_identity(network, network.share * network.depth, "sqrt(L)")
    if of_gradients and network.independent and network.share == 1.0:
        found["mean_square"] = replace(found["mean_square"], by="scaling-gradients")
    return found


# By name: what a row is called, and whether it comes as a logarithm.
QUANTITIES = {
    "mean_square": ("E|h_L|^2/|h_0|^2", True),
    "mean_square_distance": ("E|h_L-h_0|^2/|h_0|^2", True),
    "mean_fourth_power": ("E|h_L|^4/|h_0|^4", True),
    "median_norm": ("median |h_L|/|h_0|", True),
    "median_distance": ("median |h_L-h_0|/|h_0|", True),
    "log_mean": ("E log |h_L|^2/|h_0|^2", False),
    "log_variance": ("Var log |h_L|^2/|h_0|^2", False),
    "grows": ("P(|h_L| > |h_0|)", False),
}


def _second_moments(network: Network) -> dict[str, Prediction]:
    share = network.share
    relation = AT_MOST if share is None else EXACT
    factor = "1 + a^2/2" if share == 0.5 else "1 + a^2"
    by = None if share is None else "scaling-second-moment"
    why = {
        None: "as scaling-second-moment, with |phi(x)| <= |x|", 0.5: "with a/sqrt(2) for a: half of relu(U h) is 0",
        1.0: "" if network.matrices == 1 else "entries of V U are uncorrelated, of variance 1/d",
    }[share]
    growth = network.depth * log_growth(network)
    return {
        "mean_square": Prediction(growth, relation, f"({factor})^L", by, why, True),
        "mean_square_distance": Prediction(log_expm1(growth), relation, f"({factor})^L - 1", by, why, True),
    }


def log_growth(network: Network) -> float:
    """The logarithm of what an independent layer multiplies the mean square by, or of a bound of it (share None)."""
    return log1p_exp(math.log(network.share or 1.0) + 2 * network.log_scale)


def _law_of_factors(network: Network) -> dict[str, Prediction]:
    """Where the factors |h_{k+1}|^2/|h_k|^2 are independent and of one law, whatever the state."""
    if network.law != "gaussian" or network.share is None:
        return {}
    if network.matrices == 2 and not 3 <= network.width <= _WIDEST:
        # Narrower, and no rule is exact enough, for S is near 0 too often; wider, and its many values take too long.
        return {"mean_fourth_power": _fourth_power(network)}
    mean, variance = (network.depth * x for x in log_factor(network))
    why = "factors of the layers are independent and of one law; quadrature"
    limit = "central limit over the layers" + (", rate by scaling-lognormal" if _lognormal(network) else "")
    return {
        "mean_fourth_power": _fourth_power(network),
        "median_norm": Prediction(mean / 2, ABOUT, "exp(L E log(r)/2), r = |h_1|^2/|h_0|^2", None, limit, True),
        "log_mean": Prediction(mean, EXACT, "L E log(r), r = |h_1|^2/|h_0|^2", None, why),
        "log_variance": Prediction(variance, EXACT, "L Var log(r)", None, why),
        "grows": Prediction(_normal_below(mean / math.sqrt(variance)), ABOUT, "Phi(mean/deviation)", None, limit),
    }


def _lognormal(network: Network) -> bool:
    """Whether scaling-lognormal speaks of the network."""
    linear = (network.block, network.matrices, network.exponent) == ("linear", 1, 0.5)
    return linear and network.width >= 8 and network.depth >= 2


def _fourth_power(network: Network) -> Prediction:
    """Each layer multiplies by 1 + 2 a^2 E S + 4 a^2 E S/d + a^4 E S^2 (1 + 2/d)."""
    d = network.width
    first, second, factor, by = {
        ("linear", 1): (1.0, 1.0, "1 + 2a^2 + 4a^2/d + a^4 (1+2/d)", "scaling-fourth-moment"),
        ("linear", 2): (1.0, 1 + 2 / d, "1 + 2a^2 + 4a^2/d + a^4 (1+2/d)^2", None),
        ("relu", 2): (0.5, (1 + 5 / d) / 4, "1 + a^2 + 2a^2/d + a^4 (1+2/d)(1+5/d)/4", None),
    }[network.block, network.matrices]
    log_square = 2 * network.log_scale
    added = np.logaddexp(log_square + math.log(first * (2 + 4 / d)), 2 * log_square + math.log(second * (1 + 2 / d)))
    why = "" if by else "factors of the layers are independent; their second moment in words"
    return Prediction(network.depth * log1p_exp(float(added)), EXACT, f"({factor})^L", by, why, True)


def _first_order(network: Network) -> dict[str, Prediction]:
    """Of correlated weights, where networks tend to the identity."""
    kernel = _covariance(network)
    if kernel is None or regime(network).name != IDENTITY:
        return {}
    lags = np.arange(1.0, network.depth)
    summed = network.depth * float(kernel(0.0)) + 2 * float((network.depth - lags) @ kernel(lags))
    why = "first order in a; c(L) = E(v_1 + ... + v_L)^2 by the covariances along the layers"
    square = Prediction(math.log(summed) + 2 * network.log_scale, ABOUT, "a^2 c(L)", "fractional-increments", why, True)
    found = {"mean_square_distance": square}
    if (network.block, network.matrices) == ("linear", 1):
        found["median_distance"] = _median_near_identity(network, summed, "sqrt(c(L))")
    return found


def _covariance(network: Network) -> Callable[[Any], Any] | None:
    """Of an entry of what the layers add to a fixed state of length sqrt(d), by the lag; None where it depends on more.

    U h has independent standard normal entries, correlated along the layers by r as all weights are: what activations
    make of two of them has the mean product r (linear) or that of two half normals (ReLU).
    """
    length = 0.1 if network.length is None else network.length

    def weights(lag):
        if network.weights == "smooth":
            return np.exp(-((lag / (network.depth * length)) ** 2) / 2)
        return correlated.covariance(lag, float(network.hurst or 0.5))

    def of_relu(r):
        r = np.clip(r, -1.0, 1.0)
        return (np.sqrt(1 - r * r) + r * (math.pi - np.arccos(r))) / (2 * math.pi)

    return {
        ("linear", 1): weights, ("relu", 1): lambda lag: weights(lag) / 2,
        ("linear", 2): lambda lag: weights(lag) ** 2, ("relu", 2): lambda lag: weights(lag) * of_relu(weights(lag)),
    }.get((network.block, network.matrices))


def _median_near_identity(network: Network, variance: float, root: str) -> Prediction:
    """h_L - h_0 is then near a normal vector with entries of variance a^2 variance |h_0|^2/d."""
    from scipy.special import gammaincinv

    d, half = network.width, "" if network.share == 1.0 else "/sqrt(2)"
    log_chi = math.log(2 * float(gammaincinv(d / 2, 0.5)) / d)
    value = network.log_scale + (math.log(variance) + log_chi) / 2
    formula = f"a {root}{half} sqrt(median chi2_d/d)"
    return Prediction(value, ABOUT, formula, None, "first order in a; a normal vector", True)


# ----------------------------------------------------------------------------------------- the logarithm of one factor


def log_factor(network: Network) -> tuple[float, float]:
    """Mean and variance of log |h_1|^2/|h_0|^2 for independent Gaussian layers V h, V U h or V relu(U h)."""
    log_square = 2 * network.log_scale
    if network.share is None or network.law != "gaussian" or not network.independent:
        raise ValueError("log_factor(network) should be of independent Gaussian layers V h, V U h or V relu(U h)")
    sizes, chances = _sizes(network)
    pairs = np.array([_log_moments(network.width, log_square + math.log(size)) for size in sizes])
    mean, square = chances @ pairs  # sizes of 0, whose logarithm is 0, are left out of both
    return float(mean), float(square - mean**2)


def _sizes(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Values of S > 0 and their chances, as quadrature sees its law."""
    d = network.width
    if network.matrices == 1:
        return np.ones(1), np.ones(1)
    if network.block == "linear":
        nodes, chances = gamma_rule(d / 2)
        return 2 * nodes / d, chances
    binomial = np.exp(_log_binomials(d) - d * math.log(2))
    rules = [(chance, *gamma_rule(count / 2, chance)) for count, chance in enumerate(binomial) if count]
    sizes, chances = (np.concatenate(x) for x in zip(*((2 * nodes / d, p * w) for p, nodes, w in rules), strict=True))
    return sizes[chances > _NEGLIGIBLE], chances[chances > _NEGLIGIBLE]


def _log_binomials(d: int) -> np.ndarray:
    """log binomial(d, k), k = 0, ..., d."""
    from scipy.special import gammaln

    k = np.arange(d + 1)
    return gammaln(d + 1) - gammaln(k + 1) - gammaln(d - k + 1)


def _log_moments(d: int, log_square: float) -> tuple[float, float]:
    """E log r and E log^2 r for r = |e + x z|^2, z standard normal in d dimensions, e a unit vector, x^2 d = a^2 S.

    r/x^2 is noncentral chi-square: a mixture of chi-square laws with d + 2 j degrees, j Poisson with mean 1/(2 x^2). Is
    that large, r = 1 + 2 x g + x^2 (g^2 + c) stays near 1 and its logarithm is integrated as it is, over g normal and c
    chi-square with d - 1 degrees; g and -g together, so that what is of first order in x is gone before rounding.
    """
    log_noncentrality = math.log(d) - log_square
    if log_noncentrality < math.log(_WIDE):
        return _by_mixture(d, log_noncentrality)
    x2 = math.exp(-log_noncentrality)
    g, first = _normal_rule()
    c, second = gamma_rule((d - 1) / 2) if d > 1 else (np.zeros(1), np.ones(1))
    w = x2 * (g[:, None] ** 2 + 2 * c)
    slope = 2 * math.sqrt(x2) * g[:, None]
    both = np.log1p(2 * w + w * w - slope * slope) / 2
    return float(first @ both @ second), float(first @ np.log1p(slope + w) ** 2 @ second)


def _by_mixture(d: int, log_noncentrality: float) -> tuple[float, float]:
    from scipy.special import gammaln, polygamma, psi

    rate = math.exp(log_noncentrality) / 2
    spread = 12 * math.sqrt(rate) + 40
    j = np.arange(max(0, math.floor(rate - spread)), math.ceil(rate + spread))
    weights = np.exp(j * math.log(rate) - rate - gammaln(j + 1)) if rate > 0 else (j == 0) * 1.0
    logs = math.log(2) - log_noncentrality + psi(d / 2 + j)
    return float(weights @ logs), float(weights @ (logs**2 + polygamma(1, d / 2 + j)))


def gamma_rule(shape: float, importance: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights (n,) of Gauss's rule for the gamma law of that shape > 0 and scale 1.

    The more points the smaller the shape, where logarithms of what is near 0 matter; few if little importance is given
    to it. Eigenvalues of the Jacobi matrix of Laguerre's polynomials (Golub and Welsch 1969): nothing overflows.
    """
    return _gamma_rule(shape, _nodes(shape, importance))


def _nodes(shape: float, importance: float) -> int:
    if importance < 1e-12:
        return 1
    if shape < 4 and importance > 1e-4:
        return 4 * _NODES
    return _NODES if shape < 50 else _NODES // 2


@functools.cache
def _normal_rule() -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    return nodes, weights / np.sum(weights)


@functools.cache
def _gamma_rule(shape: float, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    k = np.arange(nodes)
    off = np.sqrt(k[1:] * (k[1:] + shape - 1))
    values, vectors = np.linalg.eigh(np.diag(2.0 * k + shape) + np.diag(off, 1) + np.diag(off, -1))
    return np.maximum(values, 1e-300), vectors[0] ** 2


# ---------------------------------------------------------------------------------------------------------- logarithms


def log1p_exp(x: float) -> float:
    """log(1 + e^x)."""
    return math.log1p(math.exp(x)) if x < 700 else x


def log_expm1(x: float) -> float:
    """log(e^x - 1), x > 0."""
    if x == 0:
        return -math.inf
    return x + _log(-math.expm1(-x))


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


def _normal_below(x: float) -> float:
    """P(g < x)."""
    return math.erfc(-x / math.sqrt(2)) / 2
