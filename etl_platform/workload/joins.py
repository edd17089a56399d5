"""Joins of a job, and the graph that they make of its sources."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

Origin = Literal["declared", "script", "guessed"]
How = Literal["inner", "left", "right", "full", "semi", "anti", "cross"]

ORIGINS: tuple[Origin, ...] = ("declared", "script", "guessed")
"""The first to know wins, where several tell of the same join."""


class Join(BaseModel):
    """Two sources that a job joins.

    Attributes:
        left: Source that names the other, or stands on the left in the script.
        right: The other source.
        left_columns: Columns of the left one; empty is unknown.
        right_columns: Columns of the right one, in the same order.
        how: Kind of join; what is only declared counts as inner.
        origins: Who tells of it: the configuration, the script, or names of columns (a guess).
    """

    model_config = ConfigDict(frozen=True)

    left: str
    right: str
    left_columns: tuple[str, ...] = ()
    right_columns: tuple[str, ...] = ()
    how: How = "inner"
    origins: tuple[Origin, ...]

    @property
    def pair(self) -> frozenset[str]:
        """Both sources."""
        return frozenset((self.left, self.right))

    def other(self, source: str) -> str:
        """The source at the other end."""
        return self.right if source == self.left else self.left

    def columns_of(self, source: str) -> tuple[str, ...]:
        """Columns at the end of a source."""
        return self.left_columns if source == self.left else self.right_columns

    def from_left(self, left: str) -> "Join":
        """The same join, written with that source on the left."""
        if left == self.left:
            return self
        turned: dict[How, How] = {"left": "right", "right": "left"}
        return self.model_copy(
            update={
                "left": self.right,
                "right": self.left,
                "left_columns": self.right_columns,
                "right_columns": self.left_columns,
                "how": turned.get(self.how, self.how),
            }
        )


def merged(joins: Iterable[Join]) -> tuple[Join, ...]:
    """One join a pair of sources: direction by the first to know, columns and kind by who tells them."""
    found: dict[frozenset[str], Join] = {}
    for join in sorted(joins, key=lambda one: min(ORIGINS.index(origin) for origin in one.origins)):
        if join.left == join.right:
            continue
        known = found.get(join.pair)
        if known is None:
            found[join.pair] = join
            continue
        same = join.from_left(known.left)
        update: dict[str, object] = {
            "origins": tuple(origin for origin in ORIGINS if origin in (*known.origins, *same.origins))
        }
        if not known.left_columns:
            update |= {"left_columns": same.left_columns, "right_columns": same.right_columns}
        if known.how == "inner":
            update["how"] = same.how
        found[join.pair] = known.model_copy(update=update)
    return tuple(found.values())


@dataclass(frozen=True)
class JoinGraph:
    """Sources and the joins between them; a cross join connects nothing.

    Attributes:
        sources: All sources of the job, in its order.
        joins: At most one a pair.
    """

    sources: tuple[str, ...]
    joins: tuple[Join, ...]

    def joins_of(self, source: str) -> list[Join]:
        """Joins that connect a source with others."""
        return [join for join in self.joins if source in join.pair and join.how != "cross"]

    def between(self, joined: Iterable[str], source: str) -> list[Join]:
        """Joins of a source with any of those that are joined already, these on the left."""
        done = set(joined)
        return [
            join.from_left(join.other(source)) for join in self.joins_of(source) if join.other(source) in done
        ]

    def components(self) -> list[tuple[str, ...]]:
        """Sources that hang together, in the order of the job."""
        left = list(self.sources)
        found: list[tuple[str, ...]] = []
        while left:
            reached = {left[0]}
            frontier = [left[0]]
            while frontier:
                source = frontier.pop()
                new = {join.other(source) for join in self.joins_of(source)} - reached
                reached |= new
                frontier += sorted(new)
            found.append(tuple(source for source in left if source in reached))
            left = [source for source in left if source not in reached]
        return found


def connected(sources: Sequence[str], joins: Iterable[Join], one: str, other: str) -> bool:
    """Whether two sources already hang together."""
    graph = JoinGraph(tuple(sources), tuple(joins))
    return any(one in component and other in component for component in graph.components())
