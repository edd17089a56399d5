"""Which values no message may show."""

import json
import re
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from etl_platform.config.faults import KeyPath

_SENSITIVE = re.compile(
    r"url|uri|header|secret|password|token|credential|auth|api_?key|pagination"
    r"|arguments|spark_conf|read_options|bootstrap_servers|smtp_server",
    re.IGNORECASE,
)
_SECRET = re.compile(r"\$\{SECRET:[^{}]*\}")
_LONGEST = 80


def is_sensitive(path: KeyPath) -> bool:
    """Whether the value at a path may hold a secret, by the names of the keys that lead to it."""
    return any(isinstance(key, str) and _SENSITIVE.search(key) for key in path)


def shown(value: Any, path: KeyPath, *, from_environment: bool) -> str | None:
    """A short scalar as JSON, for a message; None where the value is long or may be secret."""
    if from_environment or is_sensitive(path) or isinstance(value, (dict, list)):
        return None
    text = json.dumps(value, ensure_ascii=False)
    return None if len(text) > _LONGEST or "${" in text else text


def masked(value: Any, path: KeyPath, *, from_environment: bool) -> Any:
    """A value as `explain` may show it.

    References to secrets stay as they are. Of an address that may hold a password or a token, only scheme,
    host and path are kept; other texts that may be secret become `***`.
    """
    if not isinstance(value, str) or not is_sensitive(path) or _SECRET.fullmatch(value):
        return value
    parts = urlsplit(_SECRET.sub("", value))
    if from_environment or not (parts.scheme and parts.hostname):
        return "***"
    hidden = "***@" if "@" in parts.netloc else ""
    host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    return urlunsplit((parts.scheme, hidden + host, parts.path, "***" if parts.query else "", ""))
