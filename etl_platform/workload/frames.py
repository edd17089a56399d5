"""What is read off a script: its tables, its joins and its costly operations."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from etl_platform.workload.joins import How, Join, connected

Column = tuple[str, str]
"""Source and column."""

HOWS: dict[str, How] = {
    "inner": "inner",
    "left": "left",
    "leftouter": "left",
    "right": "right",
    "rightouter": "right",
    "full": "full",
    "outer": "full",
    "fullouter": "full",
    "semi": "semi",
    "leftsemi": "semi",
    "anti": "anti",
    "leftanti": "anti",
    "cross": "cross",
}
"""Spark's, pandas' and Polars' names of join kinds, without underscores."""


@dataclass(frozen=True)
class Frame:
    """A table that a script holds: the sources that it is made of.

    Attributes:
        sources: The first is the one that a column belongs to where nothing tells better.
        aliases: Name that it or a part of it goes by → that part.
        renamed: New name of a column → the source and name that it had.
        hinted: The script says that it may be broadcast.
    """

    sources: tuple[str, ...]
    aliases: Mapping[str, "Frame"] = field(default_factory=dict)
    renamed: Mapping[str, Column] = field(default_factory=dict)
    hinted: bool = False

    def joined(self, other: "Frame") -> "Frame":
        """Both together; of two same names the left one's counts."""
        return Frame(
            tuple(dict.fromkeys(self.sources + other.sources)),
            {**other.aliases, **self.aliases},
            {**other.renamed, **self.renamed},
        )

    def with_alias(self, alias: str) -> "Frame":
        """The same, also known by another name."""
        return replace(self, aliases={**self.aliases, alias: self})


@dataclass
class ScriptFacts:
    """What is read off a script.

    Attributes:
        reads: Sources that it reads, in order.
        undeclared: Tables and paths that it reads and that no source declares.
        unresolved: Reads whose table or path the text does not tell.
        joins: Joins between sources, or of one with itself.
        crossed: Pairs that it joins without any condition.
        listed: Pairs that stand side by side, as in `FROM a, b`, without a condition on just these two.
        unioned: Sources that it puts one below the other.
        hinted: Sources with a broadcast hint.
        operations: Kind of operation, such as `window`, to how often it stands there.
        notes: What could not be understood.
    """

    reads: list[str] = field(default_factory=list)
    undeclared: list[str] = field(default_factory=list)
    unresolved: int = 0
    joins: list[Join] = field(default_factory=list)
    crossed: list[tuple[str, str]] = field(default_factory=list)
    listed: list[tuple[str, str]] = field(default_factory=list)
    unioned: set[str] = field(default_factory=set)
    hinted: set[str] = field(default_factory=set)
    operations: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def read(self, source: str | None, text: str) -> Frame:
        """Note a read; gives the frame of it, which is empty where no source declares it."""
        if source is None:
            if text not in self.undeclared:
                self.undeclared.append(text)
            return Frame(())
        if source not in self.reads:
            self.reads.append(source)
        return Frame((source,))

    def union(self, *frames: Frame) -> Frame:
        """Note a union; gives the frame of it."""
        whole = Frame(())
        for frame in frames:
            whole = whole.joined(frame)
            self.unioned.update(frame.sources)
        return whole

    @property
    def cartesian(self) -> list[tuple[str, str]]:
        """Pairs of which each row meets each: no condition links them, not even by way of others."""
        loose = [pair for pair in self.listed if not connected(self.reads, self.joins, *pair)]
        return list(dict.fromkeys((*self.crossed, *loose)))

    def join(
        self,
        left: Frame,
        right: Frame,
        pairs: Iterable[tuple[Column, Column]],
        how: How,
        *,
        listed: bool = False,
    ) -> None:
        """Note a join of two frames on pairs of columns; without pairs their first sources are joined.

        Args:
            left: The left frame.
            right: The right frame.
            pairs: Columns that must be equal.
            how: Kind of join.
            listed: A condition on both may stand elsewhere, as in the WHERE of `FROM a, b`.
        """
        self.operations["join"] += 1
        if right.hinted and right.sources:
            self.hinted.add(right.sources[0])
        if left.hinted and left.sources:
            self.hinted.add(left.sources[0])
        if not left.sources or not right.sources:
            return
        if how == "cross":
            (self.listed if listed else self.crossed).append((left.sources[0], right.sources[0]))
            return
        by_sources: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for (left_source, left_column), (right_source, right_column) in pairs:
            by_sources.setdefault((left_source, right_source), []).append((left_column, right_column))
        if not by_sources:
            by_sources[left.sources[0], right.sources[0]] = []
        for (left_source, right_source), columns in by_sources.items():
            self.joins.append(
                Join(
                    left=left_source,
                    right=right_source,
                    left_columns=tuple(one for one, _ in columns),
                    right_columns=tuple(other for _, other in columns),
                    how=how,
                    origins=("script",),
                )
            )


def column_of(frame: Frame, name: str, columns: Mapping[str, Iterable[str]]) -> Column | None:
    """Where a column of a frame comes from.

    Args:
        frame: The frame.
        name: `column`, or `alias.column`.
        columns: Source to its columns, where they are known.
    """
    qualifier, _, plain = name.replace("`", "").rpartition(".")
    if qualifier:
        if qualifier in frame.aliases:
            return column_of(frame.aliases[qualifier], plain, columns)
        return (qualifier, plain) if qualifier in frame.sources else None
    if plain in frame.renamed:
        return frame.renamed[plain]
    for source in frame.sources:
        if plain in columns.get(source, ()):
            return source, plain
    return (frame.sources[0], plain) if frame.sources else None
