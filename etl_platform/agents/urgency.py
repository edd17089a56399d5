"""The order of recommendations."""

from collections.abc import Iterable

from etl_platform.tracking.records import Recommendation

_ORDER = ("critical", "high", "medium", "low")


def most_urgent_first(recommendations: Iterable[Recommendation]) -> list[Recommendation]:
    """Recommendations by priority; those of one priority by what they save, then as they came."""
    return sorted(
        recommendations, key=lambda one: (_ORDER.index(one.priority), one.estimated_cost_impact or 0.0)
    )
