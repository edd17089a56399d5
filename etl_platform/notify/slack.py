"""Slack by incoming webhook, as Block Kit.

A webhook of a Slack app posts to the channel that it was made for; only those of the older "Incoming
WebHooks" integration post to the `channel` of the message.
"""

import json
from typing import Any

from etl_platform.config.project import Config
from etl_platform.config.secrets import resolve_secrets
from etl_platform.notify.errors import DeliveryError
from etl_platform.notify.http_post import post
from etl_platform.notify.message import Message, Point, cut
from etl_platform.notify.routing import Route

_SETTING = "global_settings.notifications.slack.webhook_url"

# Limits of Block Kit (Slack developer documentation, reference/block-kit).
_HEADER = 150
_TEXT = 3_000
_FIELD = 2_000
_FIELDS = 10
_POINTS = 5
"""Findings that are shown; a convention of this project."""

_SIGNS = {"firing": ":rotating_light:", "recovered": ":white_check_mark:", "info": ":information_source:"}


def send(message: Message, route: Route, config: Config) -> None:
    """Post a message.

    Raises:
        DeliveryError: Slack did not take it.
        UnknownSecretError: The webhook is a secret that cannot be read.
    """
    url = config.settings.notifications.slack.webhook_url
    if not url:
        raise DeliveryError("slack", f"`{_SETTING}` is not set.", retry_can_help=False)
    body = payload(message)
    if route.to:
        body["channel"] = route.to
    post("slack", resolve_secrets(url, config), json.dumps(body).encode(), {}, setting=_SETTING)


def payload(message: Message) -> dict[str, Any]:
    """The body of the request; all words are escaped, so that none of them mentions or links."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": cut(message.subject, _HEADER)}},
        _section(f"{_SIGNS[message.state]} {_escaped(message.summary)}"),
    ]
    fields = [
        cut(f"*{_escaped(line.label)}*\n{_escaped(line.value)} {_escaped(line.note)}".rstrip(), _FIELD)
        for line in (*message.figures, *message.quality[:1])
    ]
    if fields:
        blocks.append(
            {"type": "section", "fields": [{"type": "mrkdwn", "text": text} for text in fields[:_FIELDS]]}
        )
    for title, points in (("Findings", message.findings), ("Recommendations", message.recommendations)):
        if points:
            blocks.append(_section(_points(title, points)))
    links = [f"<{link.url}|{_escaped(link.label)}>" for link in message.links]
    commands = [f"`{_escaped(command)}`" for command in message.commands]
    if links or commands:
        blocks.append(
            {"type": "context", "elements": [{"type": "mrkdwn", "text": " · ".join([*links, *commands])}]}
        )
    return {"text": cut(_escaped(message.subject), _TEXT), "blocks": blocks}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, _TEXT)}}


def _points(title: str, points: tuple[Point, ...]) -> str:
    lines = [f"• {point.severity}: {_escaped(cut(point.title, 400))}" for point in points[:_POINTS]]
    if len(points) > _POINTS:
        lines.append(f"… and {len(points) - _POINTS} more")
    return "\n".join([f"*{title}*", *lines])


def _escaped(text: str) -> str:
    """`&`, `<` and `>` are the control characters of Slack's markup (formatting text for app surfaces)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
