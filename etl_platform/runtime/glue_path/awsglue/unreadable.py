"""Parts of a text that are no records."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unreadable:
    """What stands in place of a record where a part of a text cannot be read: it becomes an error record.

    Attributes:
        error: Why not.
        text: The part.
    """

    error: Exception
    text: str
