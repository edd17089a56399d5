"""What a configuration says of notifications that nobody would ever be told by."""

from collections.abc import Iterator

from etl_platform.config.faults import did_you_mean
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.notify.events import EVENTS
from etl_platform.notify.routing import NAMES


def settings_faults(config: Config) -> Iterator[tuple[str, str]]:
    """Place and sentence of each fault in `global_settings.notifications`."""
    for event in config.settings.notifications.slack.channels:
        if event not in EVENTS:
            yield (
                "global_settings.notifications.slack.channels",
                f'there is no event "{event}"{did_you_mean(event, EVENTS) or "."} Events are '
                f"{', '.join(EVENTS)}.",
            )


def job_faults(job: Job) -> Iterator[tuple[str, str]]:
    """Place and sentence of each channel of a job that no target has."""
    for place, channel in _channels(job):
        if channel not in NAMES and not channel.startswith("#") and "@" not in channel:
            yield (
                place,
                f'no target has a channel "{channel}"{did_you_mean(channel, NAMES) or "."} A channel is '
                f"{', '.join(NAMES)}, a Slack channel such as #data, or an e-mail address.",
            )


def silent_channels(config: Config, job: Job) -> Iterator[tuple[str, str]]:
    """Place and sentence of each channel of a job whose target is not enabled; none under `local`."""
    if config.profile == "local":
        return
    for place, channel in _channels(job):
        name = "slack" if channel.startswith("#") else "email" if "@" in channel else channel
        target = getattr(config.settings.notifications, name, None)
        if target is not None and not target.enabled:
            yield (
                place,
                f'channel "{channel}" tells nobody, because `global_settings.notifications.{name}.enabled` '
                "is false.",
            )


def _channels(job: Job) -> Iterator[tuple[str, str]]:
    yield from (("sla.failure_notification", one) for one in job.sla.failure_notification)
    yield from (("cost.cost_alerts.alert_channels", one) for one in job.cost.cost_alerts.alert_channels)
    for number, alert in enumerate(job.monitoring.alerts):
        yield from ((f"monitoring.alerts[{number}].channels", one) for one in alert.channels)
