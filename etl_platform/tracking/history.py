"""Executions in the order of time: days, ties and the cursor of a page."""

import json
from collections.abc import Iterable, Iterator
from itertools import groupby

from etl_platform.tracking.records import ExecutionOutline
from etl_platform.tracking.tables import DAY_SECONDS, Item, midnight, utc_date

Position = tuple[float, str]
"""Place of an execution in a list that is newest first: the negated start, and the id among equal starts."""


def position(record: ExecutionOutline) -> Position:
    """Where a record stands."""
    return -record.timestamp, record.execution_id


def item_position(item: Item) -> Position:
    """Where an item stands."""
    return -item["timestamp"], item["execution_id"]


def by_position(items: Iterable[Item]) -> Iterator[Item]:
    """Items, newest first already, with those of equal time in the order of their ids.

    A page then does not hang on the order in which a store returns equal sort keys.
    """
    for _, group in groupby(items, key=lambda item: item["timestamp"]):
        yield from sorted(group, key=item_position)


def days(low: float, high: float) -> list[str]:
    """The UTC days that a time range touches, oldest first."""
    found = []
    day = midnight(utc_date(low))
    while day <= high:
        found.append(utc_date(day))
        day += DAY_SECONDS
    return found


def to_cursor(place: Position) -> str:
    """A place as text."""
    return json.dumps(place)


def from_cursor(cursor: str | None) -> Position | None:
    """The place in a cursor.

    Raises:
        ValueError: The text was not made by `to_cursor`.
    """
    if cursor is None:
        return None
    try:
        timestamp, execution_id = json.loads(cursor)
        return float(timestamp), str(execution_id)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{cursor!r} is no cursor of a page: pass `Page.cursor` as it was returned."
        ) from error
