"""`global_settings.notifications`: who is told, and how."""

from typing import Literal

from pydantic import Field

from etl_platform.config.models.base import Section


class Slack(Section):
    """Slack by incoming webhook."""

    enabled: bool = Field(default=False, description="Send to Slack.")
    webhook_url: str | None = Field(default=None, description="Webhook, as ${SECRET:key}.")
    channels: dict[str, str] = Field(default_factory=dict, description="Event to channel.")


class Email(Section):
    """E-mail by SES or SMTP."""

    enabled: bool = Field(default=False, description="Send e-mail.")
    backend: Literal["ses", "smtp"] = Field(default="ses", description="Who delivers.")
    smtp_server: str | None = Field(
        default=None, description="host:port of the SMTP server, or smtps://user:${SECRET:key}@host:port."
    )
    sender: str | None = Field(default=None, description="From address.")
    recipients: list[str] = Field(default_factory=list, description="To addresses.")


class PagerDuty(Section):
    """PagerDuty Events API v2."""

    enabled: bool = Field(default=False, description="Raise incidents.")
    api_key: str | None = Field(default=None, description="Routing key, as ${SECRET:key}.")
    escalation_policy: str | None = Field(default=None, description="Escalation policy.")


class Sns(Section):
    """Amazon SNS."""

    enabled: bool = Field(default=False, description="Publish to SNS.")
    topic_arn: str | None = Field(default=None, description="Topic.")


class Webhook(Section):
    """A signed HTTP POST."""

    enabled: bool = Field(default=False, description="Post to the address.")
    url: str | None = Field(default=None, description="Address; may be ${SECRET:key}.")
    secret: str | None = Field(
        default=None, description="Key of the signature, as ${SECRET:key}; absent: not signed."
    )


class Notifications(Section):
    """The targets that messages go to."""

    slack: Slack = Field(default_factory=Slack, description="Slack.")
    email: Email = Field(default_factory=Email, description="E-mail.")
    pagerduty: PagerDuty = Field(default_factory=PagerDuty, description="PagerDuty.")
    sns: Sns = Field(default_factory=Sns, description="Amazon SNS.")
    webhook: Webhook = Field(default_factory=Webhook, description="Webhook.")
