"""A generic webhook: the message as JSON, signed so that the receiver knows who sent it.

The signature is in the header `X-ETL-Platform-Signature`: `sha256=` and the hexadecimal HMAC-SHA256 of the
header `X-ETL-Platform-Timestamp`, a full stop and the body, under `webhook.secret`. A receiver computes it
anew, compares in constant time, and refuses timestamps that are minutes old. `X-ETL-Platform-Id` stays the
same when a message is sent again. Without a `secret` the message goes unsigned.
"""

import hashlib
import hmac
import time

from etl_platform.config.project import Config
from etl_platform.config.secrets import resolve_secrets
from etl_platform.notify.errors import DeliveryError
from etl_platform.notify.http_post import post
from etl_platform.notify.message import Message

_SETTING = "global_settings.notifications.webhook.url"


def send(message: Message, config: Config) -> None:
    """Post a message.

    Raises:
        DeliveryError: The receiver did not take it.
        UnknownSecretError: The address or the key is a secret that cannot be read.
    """
    settings = config.settings.notifications.webhook
    if not settings.url:
        raise DeliveryError("webhook", f"`{_SETTING}` is not set.", retry_can_help=False)
    body = message.model_dump_json().encode()
    timestamp = str(int(time.time()))
    headers = {"X-ETL-Platform-Id": message.id, "X-ETL-Platform-Timestamp": timestamp}
    if settings.secret:
        headers["X-ETL-Platform-Signature"] = signature(
            resolve_secrets(settings.secret, config), timestamp, body
        )
    post("webhook", resolve_secrets(settings.url, config), body, headers, setting=_SETTING)


def signature(key: str, timestamp: str, body: bytes) -> str:
    """The value of the signature's header.

    Args:
        key: The shared secret.
        timestamp: Value of the timestamp's header.
        body: The bytes of the request.
    """
    signed = timestamp.encode() + b"." + body
    return f"sha256={hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()}"
