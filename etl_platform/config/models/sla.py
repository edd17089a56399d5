"""`sla`: how long a run may take and when its data must be there."""

from pydantic import Field

from etl_platform.config.models.base import Section


class Sla(Section):
    """How long a run may take and when its data must be there."""

    max_duration_minutes: float | None = Field(default=None, gt=0, description="Longest run.")
    alert_threshold_minutes: float | None = Field(
        default=None, gt=0, description="A warning is sent after this."
    )
    deadline_cron: str | None = Field(default=None, description="The target must be fresh at these times.")
    failure_notification: list[str] = Field(default_factory=list, description="Notification channels.")
