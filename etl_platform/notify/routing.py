"""Who is told of an event: the targets of the configuration, by the event, the job's people and its channels.

- A channel is the name of a target (`slack`, `email`, `pagerduty`, `sns`, `webhook`), a Slack channel
  (`#flight-data`) or an e-mail address. One of a target that is not enabled tells nobody.
- `sla.failure_notification` is told of failed runs and of the SLA, `cost.cost_alerts.alert_channels` of
  costs, an alert of `monitoring.alerts` its own channels. Where they name no channel, and for all other
  events, every enabled target is told; PagerDuty only of what needs somebody now (`error` and `critical`).
- A run that succeeded is told to those who asked for it: the job's stakeholders, the Slack channel that
  `slack.channels` gives `run_succeeded`, and the machines behind SNS and the webhook.
- E-mail goes to `email.recipients`, to owners with an address, and to stakeholders; stakeholders that are
  Slack channels are told there.
- The end of an event is told to those who were told of the event.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.notify.events import Event, EventName, MonitoringAlert

TargetName = Literal["slack", "email", "pagerduty", "sns", "webhook", "outbox"]

NAMES: tuple[TargetName, ...] = ("slack", "email", "pagerduty", "sns", "webhook")
"""Targets that a channel may name; the outbox is that of the profile `local`."""

_URGENT = ("error", "critical")
_BY_FAILURE_CHANNELS: tuple[EventName, ...] = ("run_failed", "sla_at_risk", "sla_missed")
_BY_COST_CHANNELS: tuple[EventName, ...] = ("budget_threshold", "budget_exceeded", "cost_anomaly")


class Route(BaseModel):
    """One way of a message.

    Attributes:
        target: Who delivers.
        to: A Slack channel, or an e-mail address; empty: as the target is set up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: TargetName
    to: str = ""

    @property
    def shown(self) -> str:
        """The route without addresses of people."""
        return f"slack {self.to}" if self.target == "slack" and self.to else self.target


def routes(config: Config, event: Event) -> tuple[Route, ...]:
    """The ways of an event; under the profile `local` the outbox alone."""
    if config.profile == "local":
        return (Route(target="outbox"),)
    job = config.job(event.job_id)
    channels = _channels(job, event) or _unasked(config, job, event)
    found = [route for channel in channels for route in _routes(config, job, event.name, channel)]
    return tuple(dict.fromkeys(found))


def _channels(job: Job, event: Event) -> list[str]:
    if isinstance(event, MonitoringAlert):
        return list(event.channels)
    if event.name in _BY_FAILURE_CHANNELS:
        return job.sla.failure_notification
    return job.cost.cost_alerts.alert_channels if event.name in _BY_COST_CHANNELS else []


def _unasked(config: Config, job: Job, event: Event) -> list[str]:
    slack_channels = [person for person in job.stakeholders if person.startswith("#")]
    if event.name == "run_succeeded":
        people = [person for person in job.stakeholders if "@" in person]
        wanted = ["slack"] if event.name in config.settings.notifications.slack.channels else []
        return [*people, *wanted, *slack_channels, "sns", "webhook"]
    urgent = event.severity in _URGENT
    return [*(name for name in NAMES if urgent or name != "pagerduty"), *slack_channels]


def _routes(config: Config, job: Job, event: EventName, channel: str) -> list[Route]:
    settings = config.settings.notifications
    if channel.startswith("#"):
        return [Route(target="slack", to=channel)] if settings.slack.enabled else []
    if "@" in channel:
        return [Route(target="email", to=channel)] if settings.email.enabled else []
    match channel:
        case "slack" if settings.slack.enabled:
            return [Route(target="slack", to=settings.slack.channels.get(event, ""))]
        case "email" if settings.email.enabled:
            others = (person for person in (*job.owners, *job.stakeholders) if "@" in person)
            people = [*settings.email.recipients, *others]
            # A message each, so that an address that is refused keeps the others from nothing. Without any,
            # the message is kept and tells what to set.
            return [Route(target="email", to=each) for each in people or [""]]
        case "pagerduty" if settings.pagerduty.enabled:
            return [Route(target="pagerduty")]
        case "sns" if settings.sns.enabled:
            return [Route(target="sns")]
        case "webhook" if settings.webhook.enabled:
            return [Route(target="webhook")]
        case _:
            return []
