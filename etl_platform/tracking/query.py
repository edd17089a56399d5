"""What a store is asked for: one partition of a table or of an index."""

from dataclasses import dataclass

from etl_platform.tracking.tables import Index, Table


@dataclass(frozen=True, kw_only=True)
class Query:
    """A range of one partition.

    Attributes:
        table: The table.
        index: One of its indexes; None: the table itself.
        key: The partition.
        low: Smallest sort key; None: no limit.
        high: Largest sort key; None: no limit.
        newest_first: Largest sort key first.
        limit: How many the caller will take, at a guess: the size of what is read at once.
    """

    table: Table
    index: Index | None = None
    key: str
    low: float | str | None = None
    high: float | str | None = None
    newest_first: bool = True
    limit: int | None = None

    @property
    def place(self) -> Table | Index:
        """What has the partition and the sort key."""
        return self.index or self.table
