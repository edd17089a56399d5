"""Executions in the order of time: days, ties and the cursor of a page."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, groupby, islice
from typing import Any

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


def spans(days_in_order: Sequence[str]) -> Iterator[list[str]]:
    """Days, newest first, in spans that grow: a page is mostly filled by the first."""
    rest = iter(reversed(days_in_order))
    # Today, and tomorrow because of clocks that are ahead.
    length = 2
    while span := list(islice(rest, length)):
        yield span
        length *= 4


def started(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, of which the first has been read."""
    first = list(islice(items, 1))
    return chain(first, items) if first else iter(())


@contextmanager
def side_by_side(workers: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """`map` whose calls run at once in that many threads; with one worker in the caller's own."""
    if workers == 1:
        yield map
    else:
        with ThreadPoolExecutor(workers) as pool:
            yield pool.map


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
