"""What a store is asked to write: puts and increments, all of one call or none."""

from dataclasses import dataclass, field
from typing import Literal

from etl_platform.tracking.tables import Item, Table

Guard = Literal["new", "own"]
"""When a put is refused. `new`: its key is taken. `own`: its key is taken by an item of another execution, or
by a newer state (`version`) of its own."""


@dataclass(frozen=True)
class Put:
    """Insert an item, or replace it."""

    table: Table
    item: Item
    guard: Guard


@dataclass(frozen=True)
class Increment:
    """Add amounts to attributes of an item, which is made where it does not stand.

    Attributes:
        item: The key, and attributes to set.
        amounts: Attribute to what is added.
    """

    table: Table
    item: Item
    amounts: dict[str, float] = field(default_factory=dict)


Change = Put | Increment
