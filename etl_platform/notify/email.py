"""An e-mail about a run: HTML for a mail client 600 pixels wide, and the same as plain text."""

from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from functools import cache
from typing import TYPE_CHECKING

from etl_platform.notify.message import Message, Point, one_line

if TYPE_CHECKING:
    from jinja2 import Environment

COLOURS = {"firing": "#b42318", "warning": "#b54708", "recovered": "#067647", "info": "#067647"}
"""Of the bar at the top, by the state of the message; an event that only warns has one of its own."""

SEVERITY_COLOURS = {"critical": "#b42318", "high": "#b42318", "medium": "#b54708", "low": "#475467"}


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=PackageLoader("etl_platform.notify"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_html(message: Message) -> str:
    """The message as a page; every word of it is escaped."""
    warns = message.state == "firing" and message.severity == "warning"
    return (
        _environment()
        .get_template("message.html")
        .render(
            message=message,
            colour=COLOURS["warning" if warns else message.state],
            severity_colours=SEVERITY_COLOURS,
            sections=_sections(message),
        )
    )


def render_text(message: Message) -> str:
    """The message as plain text."""
    return _environment().get_template("message.txt").render(message=message, sections=_sections(message))


def build_email(message: Message, sender: str, recipient: str) -> EmailMessage:
    """The e-mail with its plain-text part.

    Args:
        message: What to say.
        sender: From address.
        recipient: To address.
    """
    email = EmailMessage()
    email["Subject"] = one_line(message.subject)
    email["From"] = sender
    email["To"] = recipient
    email["Date"] = formatdate(message.created)
    # The same when it is sent again, so that a mail client shows it once.
    email["Message-ID"] = f"<{message.id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    email.set_content(render_text(message))
    email.add_alternative(render_html(message), subtype="html")
    return email


def _sections(message: Message) -> list[tuple[str, tuple[Point, ...] | None]]:
    return [("Findings", message.findings), ("Recommendations", message.recommendations)]
