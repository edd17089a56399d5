"""Amazon SNS: plain text for those who subscribed by e-mail, JSON for all others."""

import json

from etl_platform.config.project import Config
from etl_platform.notify.aws import aws_client
from etl_platform.notify.email import render_text
from etl_platform.notify.errors import DeliveryError
from etl_platform.notify.message import Message, cut

_SUBJECT = 99
"""Letters of a subject: fewer than 100, ASCII (Amazon SNS API reference, Publish)."""


def send(message: Message, config: Config) -> None:
    """Publish a message.

    Raises:
        DeliveryError: SNS did not take it.
    """
    topic = config.settings.notifications.sns.topic_arn
    if not topic:
        raise DeliveryError(
            "sns", "`global_settings.notifications.sns.topic_arn` is not set.", retry_can_help=False
        )
    subject = message.subject.encode("ascii", "replace").decode()
    attributes = {"event": message.event, "severity": message.severity, "state": message.state}
    ordered = (
        {"MessageGroupId": message.job_id, "MessageDeduplicationId": message.id}
        if topic.endswith(".fifo")
        else {}
    )
    with aws_client("sns", "sns", config) as client:
        client.publish(
            TopicArn=topic,
            Subject=cut(subject, _SUBJECT).replace("…", "."),
            MessageStructure="json",
            Message=json.dumps({"default": message.model_dump_json(), "email": render_text(message)}),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
            **ordered,
        )
