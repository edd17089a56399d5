"""A figure of quality against the job's own past: where it goes, and whether it is out of line."""

from collections.abc import Sequence
from statistics import fmean, median
from typing import Literal

Trend = Literal["improving", "stable", "degrading"]

MIN_HISTORY = 5
"""Runs below which nothing is said: fewer hold no picture of what is usual."""

MAX_DEVIATION = 3.5
"""Modified z-score beyond which a value is an outlier: Iglewicz and Hoaglin, How to Detect and Handle
Outliers (1993)."""

_MAD_TO_SIGMA = 1.4826
"""What makes the median absolute deviation an estimate of a normal distribution's standard deviation."""

_MEAN_AD_TO_SIGMA = 1.2533
"""The same for the mean absolute deviation, which stands in where more than half of the values are equal."""


def deviation(history: Sequence[float], value: float) -> float | None:
    """How far a value lies from the past, in robust standard deviations (modified z-score).

    Args:
        history: The figure in earlier runs.
        value: The figure now.

    Returns:
        Negative below the median; infinite where the past never varied and the value differs; None with fewer
        than MIN_HISTORY runs.
    """
    if len(history) < MIN_HISTORY:
        return None
    middle = median(history)
    away = [abs(past - middle) for past in history]
    sigma = median(away) * _MAD_TO_SIGMA or fmean(away) * _MEAN_AD_TO_SIGMA
    if not sigma:
        return 0.0 if value == middle else float("inf") if value > middle else float("-inf")
    return (value - middle) / sigma


def anomaly(name: str, history: Sequence[float], value: float) -> str | None:
    """A sentence where a figure is out of line with the past; None where it is not, or nobody can tell."""
    far = deviation(history, value)
    if far is None or abs(far) <= MAX_DEVIATION:
        return None
    side = "above" if far > 0 else "below"
    return (
        f"{name} is {value:g}, far {side} the usual {median(history):g} of the last {len(history)} runs "
        f"(modified z-score {far:.1f})."
    )


def trend(scores: Sequence[float]) -> Trend | None:
    """Where a score goes: the Theil–Sen slope over the runs, against what the scores scatter.

    Args:
        scores: Overall scores, oldest first.

    Returns:
        `stable` where the change over all of the runs is below one point or below what single runs scatter
        around the line; None with fewer than MIN_HISTORY runs.
    """
    if len(scores) < MIN_HISTORY:
        return None
    runs = range(len(scores))
    slope = median((scores[j] - scores[i]) / (j - i) for i in runs for j in runs if i < j)
    middle = median(score - slope * run for run, score in enumerate(scores))
    scatter = median(abs(score - slope * run - middle) for run, score in enumerate(scores)) * _MAD_TO_SIGMA
    change = slope * (len(scores) - 1)
    if abs(change) < max(1.0, scatter):
        return "stable"
    return "improving" if change > 0 else "degrading"
