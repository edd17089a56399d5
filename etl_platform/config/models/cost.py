"""`cost`: what a run may cost."""

from typing import Literal

from pydantic import Field

from etl_platform.config.models.base import Percent, Section, shared


class CostAlerts(Section):
    """When to tell people about money."""

    enabled: bool = Field(default=False, description="Alerts are sent.")
    threshold_percent: Percent = Field(default=90, description="Share of the budget that raises an alert.")
    alert_channels: list[str] = Field(default_factory=list, description="Notification channels.")


class SpotInstances(Section):
    """How much of a cluster may be spot capacity."""

    enabled: bool = Field(default=False, description="Spot capacity may be used.")
    max_spot_percentage: Percent = Field(default=50, description="Share of the instances at the most.")


class Cost(Section):
    """What a run may cost, and what matters more: money or time."""

    budget_per_run_usd: float | None = Field(default=None, gt=0, description="Budget of one run.")
    budget_monthly_usd: float | None = Field(default=None, gt=0, description="Budget of a calendar month.")
    hard_limit: bool = Field(default=False, description="Refuse to start a run estimated above its budget.")
    optimization_priority: Literal["cost", "speed", "balanced"] = Field(
        default="balanced", description="What the decision minimizes."
    )
    cost_alerts: CostAlerts = Field(default_factory=shared(CostAlerts), description="Alerts.")
    spot_instances: SpotInstances = Field(default_factory=shared(SpotInstances), description="Spot capacity.")
