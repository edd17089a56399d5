"""`monitoring`: which figures are watched."""

from typing import Literal

from pydantic import Field

from etl_platform.config.models.base import Section


class Alert(Section):
    """A metric, a bound, and who is told."""

    metric: str = Field(min_length=1, description="Name of the metric.")
    operator: Literal[">", ">=", "<", "<=", "==", "!="] = Field(description="Comparison.")
    threshold: float = Field(description="Bound.")
    channels: list[str] = Field(default_factory=list, description="Notification channels.")


class Monitoring(Section):
    """Which figures are watched."""

    enabled: bool = Field(default=True, description="False: nothing is watched.")
    metrics: list[str] = Field(default_factory=list, description="Metrics to keep.")
    cloudwatch_dashboard: str | None = Field(default=None, description="Dashboard to publish to.")
    custom_metrics: list[str] = Field(default_factory=list, description="Metrics of the script.")
    alerts: list[Alert] = Field(default_factory=list, description="Bounds on metrics.")
