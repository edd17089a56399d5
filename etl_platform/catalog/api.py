"""`api`: what the headers of an HTTP API tell without fetching a page."""

from email.utils import parsedate_to_datetime
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from etl_platform.catalog.context import Context
from etl_platform.catalog.stats import CannotMeasureError, TableStats
from etl_platform.config.models.data_sources import ApiSource
from etl_platform.config.secrets import UnknownSecretError, resolve_secrets

TIMEOUT_SECONDS = 5

# The header under which most paged APIs give the number of all records.
TOTAL_HEADER = "X-Total-Count"


def measure_api(source: ApiSource, dataset: str, context: Context) -> TableStats:
    """The number of records and the last change, where a HEAD request tells; never a size.

    `secret` is sent as a bearer token, unless `headers` have an `Authorization` of their own.

    Raises:
        CannotMeasureError: The API cannot be asked so; the message names host and path, no header.
    """
    if source.method != "GET":
        raise CannotMeasureError(f"{dataset}: an API that is asked by {source.method} tells nothing cheaply.")
    try:
        url = resolve_secrets(source.url, context.config)
        headers = {name: resolve_secrets(value, context.config) for name, value in source.headers.items()}
        if source.secret and not any(name.lower() == "authorization" for name in headers):
            headers["Authorization"] = f"Bearer {resolve_secrets(source.secret, context.config)}"
    except UnknownSecretError as error:
        raise CannotMeasureError(str(error)) from None
    if urlsplit(url).scheme not in ("http", "https"):
        raise CannotMeasureError(f"{dataset}: `url` must start with http:// or https://.")
    found = _head(Request(url, headers=headers, method="HEAD"), dataset)
    total = found.get(TOTAL_HEADER, "")
    modified = found.get("Last-Modified")
    warnings = ()
    if not total.isdecimal():
        warnings = (f"{dataset}: no header {TOTAL_HEADER}, so its records are unknown; set `size_gb`.",)
    return TableStats(
        dataset=dataset,
        exists=True,
        row_count=int(total) if total.isdecimal() else None,
        last_updated=_timestamp(modified),
        format="api",
        detected_by=f"headers {TOTAL_HEADER} and Last-Modified of a HEAD request",
        measured_at=context.now,
        warnings=warnings,
    )


class _NoRedirects(HTTPRedirectHandler):
    """Another host must not get the headers, which may hold a token."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Take the answer as it is."""


def _head(request: Request, dataset: str) -> Any:
    try:
        with build_opener(_NoRedirects).open(request, timeout=TIMEOUT_SECONDS) as answer:
            return answer.headers
    except HTTPError as error:
        hint = "; check `headers` and `secret`." if error.code in (401, 403) else "."
        raise CannotMeasureError(
            f"{dataset}: HEAD was answered with status {error.code}{hint}", missing=error.code == 404
        ) from None
    except (URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise CannotMeasureError(f"{dataset}: cannot be reached: {reason}") from None


def _timestamp(header: str | None) -> float | None:
    if header is None:
        return None
    try:
        return parsedate_to_datetime(header).timestamp()
    except ValueError:
        return None
