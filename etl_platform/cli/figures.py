"""How figures are shown to people; one that nobody measured is shown as "unknown"."""

from datetime import datetime

UNKNOWN = "unknown"


def duration(seconds: float | None) -> str:
    """Such as `0.8 s`, `4 min 05 s`, `2 h 10 min`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def count(number: int | None) -> str:
    """Such as `336,776`."""
    return UNKNOWN if number is None else f"{number:,}"


def moment(timestamp: float | None) -> str:
    """Unix seconds as local time with its zone, such as `2026-01-31 14:05:09 CET`."""
    if timestamp is None:
        return UNKNOWN
    return f"{datetime.fromtimestamp(timestamp).astimezone():%Y-%m-%d %H:%M:%S %Z}"
