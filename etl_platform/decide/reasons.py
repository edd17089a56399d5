"""Why an option is recommended, in sentences that say what it was held against."""

from collections.abc import Iterator, Sequence

from etl_platform.config.models.job import Job
from etl_platform.decide.options import PlatformOption
from etl_platform.decide.ranking import ALPHA, CERTAINTY, Goal, is_late, over_budget, worth
from etl_platform.pricing.book import HOME_REGION

MOST_SHOWN = 0.994
"""A probability above it is shown as "over 99 %": rounded to 100 % it would be no doubt at all."""


def reason(goal: Goal, option: PlatformOption, rivals: Sequence[PlatformOption]) -> str:
    """Why an option is the best of its rivals.

    Args:
        goal: What makes it better.
        option: The best one.
        rivals: All that are possible, the best among them.
    """
    figures = option.figures
    if figures.seconds is None and len(rivals) > 1:
        return "it ran last, or stands first; time and cost are unknown"
    if goal.hard and over_budget(goal, figures, option.charged):
        return (
            f"it is the cheapest, and no option is within the hard budget of ${goal.budget_usd:,.2f} a run; "
            f"{option.size.label if option.size else option.platform} would cost ${figures.usd:,.2f}"
        )
    if len(rivals) == 1:
        if not is_late(figures):
            return "it is the only one possible"
        return f"it is the only one possible, and meets {_limit(goal)} with {percent(figures.on_time or 0.0)}"
    if is_late(figures) and goal.deadline_seconds:
        return _late(goal, option, rivals)
    best = {
        "cost": "the cheapest",
        "speed": "the fastest",
        "balanced": f"the best of dollars × hours^{ALPHA:g}",
    }[goal.priority]
    within = ""
    if goal.priority == "speed" and goal.budget_usd is not None:
        over = over_budget(goal, figures, option.charged)
        within = (
            f", and none is within the budget of ${goal.budget_usd:,.2f}"
            if over
            else (f" within the budget of ${goal.budget_usd:,.2f}")
        )
    left = [one for one in rivals if is_late(one.figures)]
    if not goal.deadline_seconds or not left:
        return f"it is {best}{within}"
    among = f" among those that meet {_limit(goal)} with {CERTAINTY:.0%} probability"
    mine = worth(goal, figures, option.charged)
    better = [one for one in left if worth(goal, one.figures, one.charged) < mine]
    return "; ".join((f"it is {best}{within}{among}", *(_left_out(goal, one) for one in better)))


def _late(goal: Goal, option: PlatformOption, rivals: Sequence[PlatformOption]) -> str:
    mine = option.figures.on_time or 0.0
    most = max(one.figures.on_time or 0.0 for one in rivals)
    likeliest = f"this one is likeliest to ({percent(mine)})"
    if mine < most:
        likeliest = (
            f"this one is about as likely to as any ({percent(mine)}), and better by `{goal.priority}`"
        )
    return f"no option surely meets {_limit(goal)}, {likeliest}"


def _limit(goal: Goal) -> str:
    return f"the {goal.limit} of {(goal.deadline_seconds or 0) / 60:,.4g} minutes"


def _left_out(goal: Goal, one: PlatformOption) -> str:
    figures = one.figures
    known = f"cost ${figures.usd:,.2f}" if figures.usd is not None else f"be better by {HOME_REGION}'s prices"
    if goal.priority == "speed" and figures.seconds is not None:
        known = f"take {figures.seconds / 60:,.1f} minutes"
    return f"{one.platform} would {known} but meets it with {percent(figures.on_time or 0.0)}"


def percent(share: float) -> str:
    """A probability for people: never rounded to certainty, nor up to what is asked for."""
    if share > MOST_SHOWN:
        return "over 99%"
    # 94.7 % must not be shown as the 95 % that it does not reach.
    return f"{int(share * 100)}%" if share < CERTAINTY else f"{share:.0%}"


def dollars_known(goal: Goal, rivals: Sequence[PlatformOption]) -> bool:
    """Whether the dollars that an order rests on are known."""
    matter = goal.priority != "speed" or goal.budget_usd is not None
    return not matter or all(one.figures.usd is not None or not one.charged for one in rivals)


def footnotes(
    goal: Goal,
    job: Job,
    selected: PlatformOption,
    recommended: PlatformOption | None,
    rivals: Sequence[PlatformOption],
    region: str,
) -> Iterator[str]:
    """What is to be known of a decision besides its reason: its size, and prices that are unknown."""
    yield from selected.notes
    if recommended is not None and recommended.platform != selected.platform:
        yield from (f"Of {recommended.platform}: {note}" for note in recommended.notes)
    unpriced = [
        one for one in rivals if one.charged and one.figures.seconds is not None and one.figures.usd is None
    ]
    if not unpriced or dollars_known(goal, rivals):
        return
    names = ", ".join(one.platform for one in unpriced)
    if all(one.figures.usd_elsewhere is not None for one in unpriced):
        yield (
            f"Prices of {region} are not in the book for {names}; ranked by those of {HOME_REGION}: run "
            f"`etl-platform prices refresh --region {region}`, or set `pricing.overrides`."
        )
    else:
        yield f"Prices of {region} are not in the book for {names}: set `pricing.overrides`."
