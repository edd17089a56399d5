"""E-mail by Amazon SES (API version 2)."""

from etl_platform.config.project import Config
from etl_platform.notify.aws import aws_client
from etl_platform.notify.email import build_email
from etl_platform.notify.errors import DeliveryError
from etl_platform.notify.message import Message
from etl_platform.notify.routing import Route


def send(message: Message, route: Route, config: Config) -> None:
    """Send an e-mail.

    Raises:
        DeliveryError: SES did not take it.
    """
    sender = config.settings.notifications.email.sender
    if not sender:
        raise DeliveryError(
            "email", "`global_settings.notifications.email.sender` is not set.", retry_can_help=False
        )
    email = build_email(message, sender, route.to)
    with aws_client("sesv2", "email", config) as client:
        client.send_email(
            FromEmailAddress=sender,
            Destination={"ToAddresses": [route.to]},
            Content={"Raw": {"Data": email.as_bytes()}},
        )
