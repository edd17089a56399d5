"""DynamicFrame, and collections of them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pyspark.sql import DataFrame

from . import boxed, joining, mapping, nesting, records, splitting
from .choice import ResolveOption, resolver
from .collection import DynamicFrameCollection
from .errorstages import ErrorStage
from .frame import Frame
from .readers import DynamicFrameReader
from .refusal import NotSupportedLocally, refused
from .relationalize import relationalize
from .typedframe import Lazy, TypedFrame
from .writers import DynamicFrameWriter

__all__ = [
    "DynamicFrame",
    "DynamicFrameCollection",
    "DynamicFrameReader",
    "DynamicFrameWriter",
    "ResolveOption",
]


def listed(value: "str | Iterable[str]") -> list[str]:
    """One path or several as a list."""
    return [value] if isinstance(value, str) else list(value)


class DynamicFrame(Frame):
    """Records whose schema is learnt when something needs it, and whose fields may be choices of types.

    Args:
        jdf: The rows: a Spark DataFrame.
        glue_ctx: The GlueContext, which writing needs.
        name: Name of the frame.
    """

    def repartition(
        self,
        num_partitions: int = 0,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
        numPartitions: int = 0,
    ) -> "DynamicFrame":
        """The same records in this many partitions, which AWS's pages call `numPartitions`."""
        wanted = num_partitions or numPartitions
        return self._then(lambda f: f.rows(f.df.repartition(wanted)), transformation_ctx)

    def coalesce(
        self,
        num_partitions: int = 0,
        shuffle: bool = False,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
        numPartitions: int = 0,
    ) -> "DynamicFrame":
        """The same records in at most this many partitions, which AWS's pages call `numPartitions`."""
        wanted = num_partitions or numPartitions
        if shuffle:
            return self.repartition(wanted, transformation_ctx)
        return self._then(lambda f: f.rows(f.df.coalesce(wanted)), transformation_ctx)

    def apply_mapping(
        self,
        mappings: Sequence[Any],
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> "DynamicFrame":
        """Only the mapped fields: (source path, source type, target path, target type)."""
        return self._then(lambda f: mapping.apply_mapping(f, mappings), transformation_ctx)

    def drop_fields(
        self,
        paths: "str | Sequence[str]",
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> "DynamicFrame":
        """Without the fields at these paths."""
        return self._then(lambda f: mapping.drop_fields(f, listed(paths)), transformation_ctx)

    def select_fields(
        self,
        paths: "str | Sequence[str]",
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> "DynamicFrame":
        """Only the fields at these paths."""
        return self._then(lambda f: mapping.select_fields(f, listed(paths)), transformation_ctx)

    def rename_field(
        self,
        oldName: str,
        newName: str,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> "DynamicFrame":
        """With a field renamed; both names are paths."""
        return self._then(lambda f: mapping.rename_field(f, oldName, newName), transformation_ctx)

    def filter(
        self,
        f: Callable[[Any], Any],
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> "DynamicFrame":
        """The records that a function says True of; those that it fails on become error records."""

        def judged(record: Any) -> Iterable[Any]:
            return [{}] if f(record) else []

        def failed() -> DataFrame:
            frame = self._lazy.get()
            return records.errors_of(records.Input(frame.df, frame.schema), judged, "filter", info)

        kept = self._lazy.then(lambda frame: records.kept_by(frame, f))
        stage = ErrorStage("filter", failed, stageThreshold, totalThreshold)
        return self._made(kept, transformation_ctx, stage)

    def map(
        self,
        f: Callable[[Any], Any],
        preservesPartitioning: bool = False,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> "DynamicFrame":
        """What a function makes of each record; the records that it fails on become error records."""
        return self._recorded(
            lambda record: [f(record)], "map", transformation_ctx, info, stageThreshold, totalThreshold
        )

    def flatMap(
        self,
        f: Callable[[Any], Iterable[Any]],
        preservesPartitioning: bool = False,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> "DynamicFrame":
        """The records that a function makes of each record: any number of them."""
        return self._recorded(f, "flatMap", transformation_ctx, info, stageThreshold, totalThreshold)

    def _recorded(
        self, make: records.Records, site: str, ctx: str, info: str, stage: int, total: int
    ) -> "DynamicFrame":
        """A transform by a function over records, whose schema one pass over the data learns."""

        def source() -> records.Input:
            frame = self._lazy.get()
            return records.Input(frame.df, frame.schema)

        def compute() -> TypedFrame:
            given = source()
            schema, _ = records.infer(given, make, given.schema)
            return records.made_by(given, make, schema)

        failed = ErrorStage(site, lambda: records.errors_of(source(), make, site, info), stage, total)
        return self._made(Lazy(compute), ctx, failed)

    @refused
    def mapPartitions(self, f: Any, *args: Any, **kwargs: Any) -> "DynamicFrame":
        """A function over partitions."""
        raise NotSupportedLocally("DynamicFrame.mapPartitions", "DynamicFrame.flatMap")

    def join(
        self,
        paths1: "str | Sequence[str]",
        paths2: "str | Sequence[str]",
        frame2: "DynamicFrame",
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> "DynamicFrame":
        """Pairs of records whose keys are equal; a name that both have gets a dot in front in the second."""
        keys1, keys2 = listed(paths1), listed(paths2)
        return self._with(frame2, lambda one, two: joining.join(one, two, keys1, keys2), transformation_ctx)

    def union(
        self,
        other_frame: "DynamicFrame",
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> "DynamicFrame":
        """The records of both frames; fields of different types become choices."""
        return self._with(other_frame, lambda one, two: joining.union([one, two]), transformation_ctx)

    def mergeDynamicFrame(
        self,
        stage_dynamic_frame: "DynamicFrame",
        primary_keys: "str | Sequence[str]",
        transformation_ctx: str = "",
        options: dict[str, Any] | None = None,
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> "DynamicFrame":
        """The staged frame's records, and this frame's whose keys the staged frame does not have."""
        keys = listed(primary_keys)
        return self._with(
            stage_dynamic_frame, lambda one, two: joining.merge(one, two, keys), transformation_ctx
        )

    def _with(
        self, other: "DynamicFrame", transform: Callable[[TypedFrame, TypedFrame], TypedFrame], ctx: str
    ) -> "DynamicFrame":
        lazy = Lazy(lambda: transform(self._lazy.get(), other._lazy.get()))
        if self._lazy.is_known and other._lazy.is_known:
            lazy = Lazy.known(lazy.get())
        made = self._made(lazy, ctx)
        made._stages = (*self._stages, *other._stages, *made._stages[-1:])
        return made

    def split_fields(
        self,
        paths: Sequence[str],
        name1: str,
        name2: str,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrameCollection:
        """Two frames: the fields at these paths, and the others."""
        chosen = self._made(self._lazy.then(lambda f: mapping.select_fields(f, listed(paths))), name1)
        others = self._made(self._lazy.then(lambda f: mapping.drop_fields(f, listed(paths))), name2)
        return DynamicFrameCollection({name1: chosen, name2: others}, self.glue_ctx)

    def split_rows(
        self,
        comparison_dict: dict[str, dict[str, Any]],
        name1: str,
        name2: str,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrameCollection:
        """Two frames: the records that all comparisons (`{"age": {">": 10}}`) hold of, and the others."""
        first = self._made(self._lazy.then(lambda f: splitting.rows(f, comparison_dict, True)), name1)
        second = self._made(self._lazy.then(lambda f: splitting.rows(f, comparison_dict, False)), name2)
        return DynamicFrameCollection({name1: first, name2: second}, self.glue_ctx)

    def resolveChoice(
        self,
        specs: Sequence[tuple[str, str]] | None = None,
        choice: str = "",
        database: str | None = None,
        table_name: str | None = None,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
        catalog_id: str | None = None,
        option: str = "",
    ) -> "DynamicFrame":
        """Choices resolved: by `specs`, pairs of path and action, or all of them by one action.

        Raises:
            ValueError: Both are given, or neither, or `match_catalog` without a table.
        """
        return self._then(
            resolver(self.glue_ctx, specs, choice or option, database, table_name), transformation_ctx
        )

    def relationalize(
        self,
        root_table_name: str,
        staging_path: str | None = None,
        options: dict[str, Any] | None = None,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrameCollection:
        """A flat table, and one for each array: the names of the tables need the schema at once."""
        tables = relationalize(self._lazy.get(), root_table_name)
        frames = {name: self._made(Lazy.known(table), name) for name, table in tables.items()}
        return DynamicFrameCollection(frames, self.glue_ctx)

    def unnest(
        self, transformation_ctx: str = "", info: str = "", stageThreshold: int = 0, totalThreshold: int = 0
    ) -> "DynamicFrame":
        """Nested fields as columns named by their path."""
        return self._then(nesting.unnest, transformation_ctx)

    def unnest_ddb_json(
        self, transformation_ctx: str = "", info: str = "", stageThreshold: int = 0, totalThreshold: int = 0
    ) -> "DynamicFrame":
        """DynamoDB's typed JSON as plain columns, its maps flattened."""
        return self._then(nesting.unnest_ddb_json, transformation_ctx)

    def simplify_ddb_json(
        self, transformation_ctx: str = "", info: str = "", stageThreshold: int = 0, totalThreshold: int = 0
    ) -> "DynamicFrame":
        """DynamoDB's typed JSON as plain values, its maps kept as structs."""
        return self._then(nesting.simplify_ddb_json, transformation_ctx)

    def unbox(
        self,
        path: str,
        format: str,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
        **options: Any,
    ) -> "DynamicFrame":
        """A field that holds JSON or CSV as what it holds; what cannot be read becomes an error record."""
        make = boxed.opener(path, format, options)
        opened = self._recorded(make, "unbox", transformation_ctx, info, stageThreshold, totalThreshold)
        opened._lazy = opened._lazy.then(boxed.shaped(path, options.get("withSchema")))
        return opened

    def spigot(
        self, path: str, options: dict[str, Any] | None = None, transformation_ctx: str = ""
    ) -> "DynamicFrame":
        """Write a sample as JSON: `topk` records, or each with probability `prob`; gives the frame itself."""
        sample = splitting.sample(self.toDF(), options or {})
        self._made(Lazy(lambda: TypedFrame.of(sample)), "spigot").write("s3", {"path": path}, "json")
        return self

    def write(
        self,
        connection_type: str,
        connection_options: dict[str, Any] | None = None,
        format: str | None = None,
        format_options: dict[str, Any] | None = None,
        accumulator_size: int = 0,
    ) -> "DynamicFrame":
        """Write to a connection, as `write_dynamic_frame.from_options` does."""
        return self.glue_ctx.write_dynamic_frame_from_options(
            self, connection_type, connection_options or {}, format, format_options or {}
        )
