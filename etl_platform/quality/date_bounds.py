"""Bounds of dates: an ISO date or time, or `current_date` with an offset."""

import calendar
import re
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

_RELATIVE = re.compile(
    r"^\s*current_date(?:\s*(?P<sign>[+-])\s*(?P<count>\d+)\s*"
    r"(?P<unit>second|minute|hour|day|week|month|year)s?)?\s*$",
    re.IGNORECASE,
)
_SPANS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_MONTHS = {"month": 1, "year": 12}


class DateBoundError(ValueError):
    """A text that is no bound of dates."""


def resolve_bound(text: str, now: datetime, zone: ZoneInfo) -> date | datetime:
    """The date, or the time in the job's zone, that a bound stands for.

    Args:
        text: `2024-01-31`, `2024-01-31T12:00:00`, one with an offset such as `…Z`, or `current_date`, with
            `+ N unit` or `- N unit` behind it; units are second, minute, hour, day, week, month, year.
        now: The present moment, with a zone.
        zone: The job's time zone: it says which day is today.

    Returns:
        A date; or a time with `zone` as its zone, where the bound has a time of day or an offset of hours,
        minutes or seconds.

    Raises:
        DateBoundError: The text is neither.
    """
    relative = _RELATIVE.match(text)
    today = now.astimezone(zone).date()
    try:
        if relative:
            return _moved(today, relative, zone)
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()):
            return date.fromisoformat(text.strip())
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip()))
    except (ValueError, OverflowError):
        raise DateBoundError(
            f"`{text}` is no date bound; write an ISO date such as 2024-01-31, an ISO time, or "
            "`current_date` with `+ N day` or `- N hour` (second, minute, hour, day, week, month, year)."
        ) from None
    return moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)


def _moved(today: date, relative: re.Match[str], zone: ZoneInfo) -> date | datetime:
    if not relative["sign"]:
        return today
    count = int(relative["count"]) * (-1 if relative["sign"] == "-" else 1)
    unit = relative["unit"].lower()
    if unit in _MONTHS:
        month = today.year * 12 + today.month - 1 + count * _MONTHS[unit]
        year, month = month // 12, month % 12 + 1
        # A day that the month lacks is its last one, as in Spark's add_months.
        return date(year, month, min(today.day, calendar.monthrange(year, month)[1]))
    if unit in ("day", "week"):
        return today + count * _SPANS[unit]
    return start_of_day(today, zone) + count * _SPANS[unit]


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Midnight of a day in a zone."""
    return datetime.combine(day, time(), zone)


def utc_text(moment: datetime) -> str:
    """A moment as `2024-01-31 12:00:00.000000+00:00`, which every engine reads as the same instant."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f+00:00")


def local_text(moment: datetime) -> str:
    """A moment's clock time in its own zone, as `2024-01-31 12:00:00.000000`."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
