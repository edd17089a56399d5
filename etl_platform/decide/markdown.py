"""A decision as markdown, for the asset's page."""

from etl_platform.decide.decision import Decision
from etl_platform.decide.options import Figures, PlatformOption
from etl_platform.decide.reasons import percent

UNKNOWN = "unknown"


def decision_table(decision: Decision) -> str:
    """What was chosen and why, then a line for each platform that was looked at."""
    recommended = decision.recommended.platform if decision.recommended else "not computed"
    lines = [
        f"**Runs on {decision.selected.platform}**, {_size(decision.selected)}.",
        " ".join(decision.reasoning),
        "",
        f"Recommended: {recommended} (confidence: {decision.certainty}), "
        f"learned from {decision.learned_from} runs of this job.",
        "",
        "| platform | size | seconds | USD | on time | possible |",
        "| --- | --- | ---: | ---: | ---: | --- |",
        *(_line(option) for option in decision.options),
    ]
    return "\n".join(lines) + "\n"


def _line(option: PlatformOption) -> str:
    figures = option.figures
    on_time = UNKNOWN if figures.on_time is None else percent(figures.on_time)
    possible = "; ".join(("yes", *option.notes) if option.feasible else option.reasons).replace("|", "\\|")
    cells = (option.platform, _size(option), _seconds(figures), _usd(option), on_time, possible)
    return f"| {' | '.join(cells)} |"


def _size(option: PlatformOption) -> str:
    return option.size.label if option.size else UNKNOWN


def _seconds(figures: Figures) -> str:
    if figures.seconds is None:
        return UNKNOWN
    return f"{figures.seconds:,.0f} ({figures.seconds_low:,.0f} to {figures.seconds_high:,.0f})"


def _usd(option: PlatformOption) -> str:
    if not option.charged:
        return "no charge"
    figures = option.figures
    if figures.usd is None:
        return UNKNOWN
    return f"{figures.usd:.3g} ({figures.usd_low:.2g} to {figures.usd_high:.2g})"
