"""PagerDuty by Events API v2: an event triggers an alert, its end resolves it by the same dedup key."""

import datetime as dt
import json
from typing import Any

from etl_platform.config.project import Config
from etl_platform.config.secrets import resolve_secrets
from etl_platform.notify.errors import DeliveryError
from etl_platform.notify.http_post import post
from etl_platform.notify.message import Message, cut

ADDRESS = "https://events.pagerduty.com/v2/enqueue"
"""PagerDuty developer documentation, Events API v2."""

_SUMMARY = 1_024
"""Letters of a summary, by the same source."""

_SETTING = "global_settings.notifications.pagerduty.api_key"


def send(message: Message, config: Config) -> None:
    """Trigger or resolve an alert.

    Raises:
        DeliveryError: PagerDuty did not take it.
        UnknownSecretError: The routing key is a secret that cannot be read.
    """
    settings = config.settings.notifications.pagerduty
    if not settings.api_key:
        raise DeliveryError("pagerduty", f"`{_SETTING}` is not set.", retry_can_help=False)
    body = payload(message, settings.escalation_policy)
    body["routing_key"] = resolve_secrets(settings.api_key, config)
    post("pagerduty", ADDRESS, json.dumps(body).encode(), {}, setting=_SETTING)


def payload(message: Message, escalation_policy: str | None) -> dict[str, Any]:
    """The event without its routing key.

    The service behind the routing key decides who is called. `escalation_policy` goes along as a detail,
    which rules of PagerDuty's event orchestration can route by.
    """
    if message.state == "recovered":
        return {"event_action": "resolve", "dedup_key": message.dedup_key}
    details = {
        **{line.label: f"{line.value} {line.note}".rstrip() for line in message.figures},
        "message": message.summary,
        "execution_id": message.execution_id,
        "escalation_policy": escalation_policy,
        "team": ", ".join(message.team) or None,
        "next": "; ".join(message.commands) or None,
    }
    return {
        "event_action": "trigger",
        "dedup_key": message.dedup_key,
        "client": "etl-platform",
        "payload": {
            "summary": cut(f"{message.subject}: {message.summary}", _SUMMARY),
            "source": message.environment or "etl-platform",
            "severity": message.severity,
            "timestamp": dt.datetime.fromtimestamp(message.created, dt.timezone.utc).isoformat(),
            "component": message.job_id,
            "class": message.event,
            "custom_details": {name: value for name, value in details.items() if value is not None},
        },
        "links": [{"href": link.url, "text": link.label} for link in message.links],
    }
