"""One HTTP POST to a target.

The address of a webhook is a secret itself. The standard library's client logs no address, others do at their
debug level, and its errors are put into words here that hold none.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from time import time
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from etl_platform.notify.errors import DeliveryError

TIMEOUT_SECONDS = 8
"""For connecting, and for each wait for bytes of the answer."""

_BUSY = (408, 425, 429)
"""Statuses below 500 under which the same request may be taken later."""


class _NoRedirects(HTTPRedirectHandler):
    """A message goes to the host that was configured, to no other."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Take the answer as it is."""


def post(target: str, url: str, body: bytes, headers: Mapping[str, str], *, setting: str) -> None:
    """Send a JSON body once.

    Args:
        target: Name of the target, for errors.
        url: Its address, with secrets resolved.
        body: JSON.
        headers: Besides the type of the content.
        setting: Key of the configuration that holds the address, for errors.

    Raises:
        DeliveryError: The target did not take it.
    """
    try:
        is_address = urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
    except ValueError:
        is_address = False
    if not is_address or any(letter.isspace() for letter in url):
        raise DeliveryError(
            target, f"`{setting}` is no address that starts with https:// or http://.", retry_can_help=False
        )
    request = Request(url, data=body, method="POST")
    for name, value in {"Content-Type": "application/json", "User-Agent": "etl-platform", **headers}.items():
        request.add_header(name, value)
    try:
        with build_opener(_NoRedirects).open(request, timeout=TIMEOUT_SECONDS):
            return
    except HTTPError as error:
        error.close()
        busy = error.code in _BUSY or error.code >= 500
        hint = "" if busy else f" Check `{setting}`."
        raise DeliveryError(
            target,
            f"the message was answered with status {error.code}.{hint}",
            retry_can_help=busy,
            retry_after_seconds=_seconds(error.headers.get("Retry-After")),
        ) from None
    except (URLError, HTTPException, OSError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise DeliveryError(target, f"no answer ({_kind(reason)}).", retry_can_help=True) from None
    except ValueError:
        # Such as a header value with a line break, which may be part of a secret.
        raise DeliveryError(
            target, f"`{setting}` or its secret cannot be sent as it is.", retry_can_help=False
        ) from None


def _kind(reason: object) -> str:
    return type(reason).__name__ if isinstance(reason, BaseException) else "unreachable"


def _seconds(retry_after: str | None) -> float | None:
    """The header `Retry-After`: seconds, or a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time())
    except ValueError:
        return None
