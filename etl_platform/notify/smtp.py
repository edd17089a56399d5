"""E-mail by SMTP."""

import re
import smtplib
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from etl_platform.config.project import Config
from etl_platform.config.secrets import SECRET, resolve_secrets
from etl_platform.notify.email import build_email
from etl_platform.notify.errors import DeliveryError
from etl_platform.notify.message import Message
from etl_platform.notify.routing import Route

TIMEOUT_SECONDS = 8
"""For connecting, and for each answer of the server."""

_SETTING = "global_settings.notifications.email.smtp_server"
_PORTS = {"smtp": 25, "smtps": 465}


@dataclass(frozen=True, repr=False)
class _Server:
    host: str
    port: int
    tls: bool
    user: str | None
    password: str


def send(message: Message, route: Route, config: Config) -> None:
    """Send an e-mail; the connection is encrypted wherever the server offers it.

    Raises:
        DeliveryError: The server did not take it.
        UnknownSecretError: The server's address has a secret that cannot be read.
    """
    settings = config.settings.notifications.email
    if not settings.smtp_server or not settings.sender:
        missing = "smtp_server" if not settings.smtp_server else "sender"
        raise DeliveryError(
            "email", f"`global_settings.notifications.email.{missing}` is not set.", retry_can_help=False
        )
    server = _server(settings.smtp_server, config)
    email = build_email(message, settings.sender, route.to)
    try:
        with _connect(server) as connection:
            if not server.tls and connection.has_extn("starttls"):
                connection.starttls()
            if server.user is not None:
                connection.login(server.user, server.password)
            connection.send_message(email)
    except smtplib.SMTPRecipientsRefused as error:
        code = next(iter(error.recipients.values()))[0]
        raise _refused("refused the recipient", code) from None
    except smtplib.SMTPResponseException as error:
        # The server's own words may repeat what was sent.
        raise _refused("refused the message", error.smtp_code) from None
    except smtplib.SMTPNotSupportedError:
        raise DeliveryError(
            "email",
            f"the server takes no log-in without encryption; use smtps:// in `{_SETTING}`.",
            retry_can_help=False,
        ) from None
    except (smtplib.SMTPException, OSError) as error:
        raise DeliveryError(
            "email", f"the SMTP server did not answer ({type(error).__name__}).", retry_can_help=True
        ) from None


def _connect(server: _Server) -> smtplib.SMTP:
    kind = smtplib.SMTP_SSL if server.tls else smtplib.SMTP
    connection = kind(server.host, server.port, timeout=TIMEOUT_SECONDS)
    connection.ehlo_or_helo_if_needed()
    return connection


def _refused(what: str, code: int) -> DeliveryError:
    # 4yz is transient, 5yz permanent (RFC 5321, 4.2.1).
    return DeliveryError("email", f"the SMTP server {what} with {code}.", retry_can_help=400 <= code < 500)


def _server(text: str, config: Config) -> _Server:
    if SECRET.fullmatch(text):
        address = resolve_secrets(text, config)
    else:
        # A password may hold letters that end it in an address.
        address = SECRET.sub(lambda match: quote(resolve_secrets(match.group(), config), safe=""), text)
    if not re.match(r"smtps?://", address):
        address = f"smtp://{address}"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or _PORTS[parts.scheme]
    except ValueError:
        host, port, parts = None, 0, urlsplit("")
    if not host:
        raise DeliveryError("email", f"`{_SETTING}` is not host:port.", retry_can_help=False)
    user = unquote(parts.username) if parts.username else None
    return _Server(host, port, parts.scheme == "smtps", user, unquote(parts.password or ""))
