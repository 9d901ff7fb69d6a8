"""How unlikely a count is: bounds of Poisson and negative binomial tails, as −log10, over many windows at once.

Chernoff's bound exp(−I(x)) is used for the tail itself: it has no series to sum, is smooth in real-valued means, and errs
to the side of silence.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray
LN10 = float(np.log(10.0))


def excess(x: Array, mean: Array, alpha: float | Array = 0.0, *, above: bool = True) -> Array:
    """−log10 of the Chernoff bound of P(X ≥ x) (or ≤ x) for mean `mean` and variance mean + alpha · mean².

    0 where x is on the other side of the mean. `alpha` 0 is Poisson.
    """
    x = np.asarray(x, dtype=float)
    mean = np.maximum(np.asarray(mean, dtype=float), 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(x > 0, x * np.log(np.maximum(x, 1e-12) / mean), 0.0)
        poisson = ratio - (x - mean)
        r = 1.0 / np.maximum(np.asarray(alpha, dtype=float), 1e-9)
        rate = np.where(r > 1e6, poisson, ratio - (x + r) * np.log((x + r) / (mean + r)))
    side = x > mean if above else x < mean
    return np.where(side, np.maximum(rate, 0.0) / LN10, 0.0)


def shortfall(x: Array, mean: Array, alpha: float, lines: float = 1.0) -> Array:
    """−log10 of P(X ≤ x) as `excess` says it, and never more than for counts that come in bundles.

    Lines come by the request, several at once: then the variance is a multiple of the mean, and none at all is as likely as that
    none of the few bundles came. The negative binomial of the same variance finds that a thousand times less likely.
    """
    mean = np.maximum(np.asarray(mean, dtype=float), 1e-9)
    bundle = np.maximum(1.0 + alpha * mean, lines)
    return np.minimum(excess(x, mean, alpha, above=False), excess(np.asarray(x) / bundle, mean / bundle, above=False))


def window_sum(values: Array, width: int) -> Array:
    """Sum of the `width` values up to and including each place (fewer at the beginning); along the last axis."""
    total = np.cumsum(values, axis=-1, dtype=float)
    out = total.copy()
    out[..., width:] -= total[..., :-width]
    return out


def busiest(values: Array, width: int, inside: int) -> Array:
    """The largest sum of `inside` neighbouring values that lie within the last `width` ones."""
    from scipy.ndimage import maximum_filter1d

    short = window_sum(values, inside)
    size = max(1, width - inside + 1)
    # origin so that the filter covers [t − size + 1, t]
    return np.asarray(maximum_filter1d(short, size, axis=-1, origin=(size - 1) // 2, mode="nearest"))


def trimmed_sum(values: Array, width: int, trim: int) -> Array:
    """`window_sum` without its busiest `trim` neighbouring values: a blip is no incident."""
    return window_sum(values, width) - busiest(values, width, trim)


def dispersion(x: Array, mean: Array, *, share: float = 0.98) -> float:
    """Alpha of variance = mean + alpha · mean², by moments, without the most surprising 1 − share of the places."""
    mean = np.maximum(mean, 1e-9)
    surprise = (x - mean) ** 2 / (mean + 0.2 * mean**2)
    keep = surprise <= np.quantile(surprise, share) if len(surprise) else np.zeros(0, dtype=bool)
    if keep.sum() < 20:
        return 0.05
    x, mean = x[keep], mean[keep]
    return float(np.clip((((x - mean) ** 2 - mean).mean()) / (mean**2).mean(), 0.0, 4.0))
