"""How probable it is that a choice is the best one, given what the model does not know."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from etl_platform.decide.ranking import ALPHA, Goal

if TYPE_CHECKING:
    from etl_platform.decide.options import Forecaster, PlatformOption

DRAWS = 4096
"""Random runs by which the probability is counted; its error is under one percent."""

LATE = 1e12
"""Worse than any dollars and seconds."""

LEAST_BILLED_SECONDS = 60.0
"""Dollars follow seconds from here on: what most services bill at least."""


def probability_best(
    goal: Goal, options: "Sequence[PlatformOption]", chosen: int, forecaster: "Forecaster"
) -> float:
    """The share of possible worlds in which the chosen option is the best.

    Each world is one draw of the runtimes of all options, whose errors go together as the model says; the
    draws are the same each time.

    Args:
        goal: What makes an option better.
        options: The options with known seconds.
        chosen: Index of the choice.
        forecaster: Of the job.
    """
    import numpy as np

    if len(options) == 1:
        return 1.0
    sizes = [one.size for one in options if one.size]
    expected = np.array([one.figures.seconds or 0.0 for one in options])
    covariance = forecaster.joint_errors(sizes)
    random = np.random.default_rng(0)
    errors = random.multivariate_normal(
        np.zeros(len(sizes)), covariance, DRAWS, check_valid="ignore", method="eigh"
    )
    seconds = expected * np.exp(errors)
    billed = np.maximum(seconds, LEAST_BILLED_SECONDS) / np.maximum(expected, LEAST_BILLED_SECONDS)
    unknown = np.array([one.charged and one.figures.usd is None for one in options])
    usd = np.array([one.figures.usd or 0.0 for one in options]) * billed
    usd[:, unknown] = np.inf
    if goal.priority == "cost":
        worth = usd
    elif goal.priority == "speed":
        worth = np.where(usd > (goal.budget_usd or np.inf), np.inf, seconds)
    else:
        worth = usd * (seconds / 3600) ** ALPHA
    late = seconds > (goal.deadline_seconds or np.inf)
    # What is late loses against all that is in time, and against what is less late.
    order = np.where(late, LATE * (1 + seconds), np.minimum(worth, LATE))
    return float((order.argmin(1) == chosen).mean())
