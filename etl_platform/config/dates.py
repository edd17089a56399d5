"""Dates and times as the configuration writes them."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast, get_args

Unit = Literal["minute", "hour", "day", "week", "month", "year"]

_RELATIVE = re.compile(
    rf"current_date(?:\s*(?P<sign>[+-])\s*(?P<amount>\d+)\s*(?P<unit>{'|'.join(get_args(Unit))})s?)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class RelativeDate:
    """`current_date`, moved by some units of time.

    Attributes:
        amount: How many units later; negative: earlier.
        unit: The unit.
    """

    amount: int
    unit: Unit


def parse_instant(text: str) -> datetime | None:
    """An ISO 8601 date or time; None where the text is none. Python 3.10 does not read `Z` by itself."""
    try:
        return datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip()))
    except ValueError:
        return None


def parse_bound(text: str) -> datetime | RelativeDate | None:
    """A bound of a `date_range` rule: a date, a time, or `current_date - 7 day`; None where it is none."""
    match = _RELATIVE.fullmatch(text.strip())
    if match is None:
        return parse_instant(text)
    if match["unit"] is None:
        return RelativeDate(0, "day")
    amount = int(match["amount"]) * (-1 if match["sign"] == "-" else 1)
    return RelativeDate(amount, cast("Unit", match["unit"].lower()))
