"""What a store of items provides; all that differs between the stores."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, ClassVar

from typing_extensions import Self

from etl_platform.tracking.artifacts import Artifacts
from etl_platform.tracking.changes import Change
from etl_platform.tracking.differences import Difference
from etl_platform.tracking.query import Query
from etl_platform.tracking.tables import Item, Table


class ItemStore(ABC):
    """Items of the six tables, kept durably; safe to share between threads.

    Each method raises `StoreUnavailableError` where the store cannot be reached, and `StoreError` where
    it refuses.
    """

    _index_carries_all: ClassVar[bool]
    """Whether a query of an index answers with all attributes, whatever the index is declared to carry."""

    _parallel_queries: ClassVar[int]
    """How many partitions are best asked for at once."""

    def __init__(self, artifacts: Artifacts | None, clock: Callable[[], float] = time.time):
        """Keep what all stores need.

        Args:
            artifacts: Where values go that are too large for an item; None: nowhere.
            clock: Unix seconds UTC, by which items expire.
        """
        self._artifacts = artifacts
        self._clock = clock

    @abstractmethod
    def _write(self, changes: Sequence[Change]) -> bool:
        """Make all changes or, where the guard of one refuses, none.

        Returns:
            Whether they were made.
        """

    @abstractmethod
    def _find(self, query: Query) -> Iterator[Item]:
        """Items of one partition, ordered by its sort key; what has expired is left out.

        They are as they stand, with pointers in the place of large values; those of an index may have no more
        attributes than the index carries.
        """

    @abstractmethod
    def _get(self, table: Table, keys: Sequence[tuple[Any, Any]]) -> list[Item]:
        """The items that stand under primary keys, as they stand and in no particular order.

        Sees every acknowledged write.
        """

    @abstractmethod
    def _scan(self, table: Table) -> Iterator[Item]:
        """All items of a table as they stand, but for those that have expired."""

    @abstractmethod
    def _add(self, table: Table, items: Sequence[Item]) -> int:
        """Add the items whose keys are free, change none that stands, and return how many were added."""

    @abstractmethod
    def init(self, *, dry_run: bool = False) -> list[Difference]:
        """Make what the store lacks of tables, columns and indexes, and never drop anything.

        Args:
            dry_run: True: make nothing, only tell.

        Returns:
            What was missing or differs.
        """

    @abstractmethod
    def prune(self) -> dict[str, int]:
        """Remove what has expired, where the store does not do so by itself.

        Returns:
            Table name to number removed.
        """

    @abstractmethod
    def close(self) -> None:
        """Give up connections; the store is not used afterwards."""

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the store."""
        self.close()
