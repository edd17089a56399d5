"""How figures are shown to people; one that nobody measured is shown as "unknown"."""

from datetime import datetime

UNKNOWN = "unknown"


def count(number: int | None) -> str:
    """Such as `336,776`."""
    return UNKNOWN if number is None else f"{number:,}"


def moment(timestamp: float | None) -> str:
    """Unix seconds as local time with its zone, such as `2026-01-31 14:05:09 CET`."""
    if timestamp is None:
        return UNKNOWN
    return f"{datetime.fromtimestamp(timestamp).astimezone():%Y-%m-%d %H:%M:%S %Z}"


def size(gigabytes: float | None) -> str:
    """Such as `512 B`, `1.5 MB`, `2.3 GB`; a unit is 1,024 of the one below."""
    if gigabytes is None:
        return UNKNOWN
    amount, units = gigabytes * 2**30, ["B", "KB", "MB", "GB", "TB"]
    while abs(amount) >= 1024 and len(units) > 1:
        amount, units = amount / 1024, units[1:]
    return f"{amount:.0f} B" if units[0] == "B" else f"{amount:,.1f} {units[0]}"


def dollars(usd: float | None) -> str:
    """Such as `$12.50`; small amounts with the digits that tell something, such as `$0.00042`."""
    if usd is None:
        return UNKNOWN
    sign = "-" if usd < 0 else ""
    return f"{sign}${abs(usd):,.2f}" if abs(usd) >= 0.1 or usd == 0 else f"{sign}${abs(usd):.2g}"
