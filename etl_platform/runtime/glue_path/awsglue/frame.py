"""What a DynamicFrame is: rows, a schema with choices, error records."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from . import choice, errorstages, records
from . import gluetypes as glue
from .choice import ResolveOption
from .errorstages import ErrorStage
from .refusal import NotSupportedLocally, missing, public_names
from .session import on_sail
from .shapes import decode
from .typedframe import Lazy, TypedFrame

if TYPE_CHECKING:
    from typing_extensions import Self


class Frame:
    """Rows whose schema is learnt when something needs it.

    Args:
        jdf: The rows: a Spark DataFrame.
        glue_ctx: The GlueContext, which writing needs.
        name: Name of the frame.
    """

    def __init__(self, jdf: "DataFrame | Lazy", glue_ctx: Any = None, name: str = ""):
        self._lazy = jdf if isinstance(jdf, Lazy) else Lazy(lambda: TypedFrame.of(jdf))
        self.glue_ctx, self.name = glue_ctx, name
        self._stages: tuple[ErrorStage, ...] = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise missing(type(self).__name__, name, public_names(type(self)))

    def _made(self, lazy: Lazy, name: str, stage: ErrorStage | None = None) -> "Self":
        """A frame made of this one by a transform; `stage` is None where no record can fail in it."""
        made = type(self)(lazy, self.glue_ctx, name or self.name)
        made._stages = (*self._stages, stage or ErrorStage(name, lambda: None))
        return made

    def _then(self, transform: Callable[[TypedFrame], TypedFrame], ctx: str) -> "Self":
        return self._made(self._lazy.then(transform), ctx)

    @classmethod
    def fromDF(cls, dataframe: DataFrame, glue_ctx: Any, name: str = "") -> "Self":
        """A DynamicFrame of a DataFrame's rows."""
        return cls(dataframe, glue_ctx, name)

    def toDF(self, options: Sequence[ResolveOption] | None = None) -> DataFrame:
        """The rows as a DataFrame; a choice that no option resolves is a struct of its types."""
        errorstages.check(self._stages)
        frame = self._lazy.get()
        return choice.resolve(frame, [option.spec() for option in options]).df if options else frame.df

    def schema(self) -> glue.StructType:
        """The schema, with its choices."""
        return self._lazy.get().schema

    def getSchema(self) -> glue.StructType:
        """The same as `schema`."""
        return self.schema()

    def printSchema(self) -> None:
        """Print the schema as a tree."""
        print(self.schema().treeString())  # noqa: T201 - the method's purpose

    def count(self) -> int:
        """The number of records, without the error records."""
        return self.toDF().count()

    def show(self, num_rows: int = 20) -> None:
        """Print the first records, each as JSON, without its null fields."""
        schema = self.schema()
        for row in self.toDF().limit(num_rows).collect():
            record = {name: value for name, value in decode(row, schema).items() if value is not None}
            print(json.dumps(record, default=str, ensure_ascii=False))  # noqa: T201 - the method's purpose

    def getNumPartitions(self) -> int:
        """The number of Spark partitions."""
        df = self.toDF()
        if on_sail():
            raise NotSupportedLocally(
                "DynamicFrame.getNumPartitions", None, "The engine `sail` has no partitions to count."
            )
        return df.rdd.getNumPartitions()

    def errorsCount(self) -> int:
        """How many records failed in this transform and those before it."""
        return sum(stage.count for stage in self._stages)

    def stageErrorsCount(self) -> int:
        """How many records failed in the transform that made this frame."""
        return self._stages[-1].count if self._stages else 0

    def errorsAsDynamicFrame(self) -> "Self":
        """The error records: one column `error`."""
        frames = [stage.errors for stage in self._stages if stage.errors is not None]
        if not frames:
            empty = self.toDF().sparkSession.createDataFrame([], f"error {records.ERROR}")
            return type(self)(empty, self.glue_ctx, "errors")
        df = frames[0]
        for other in frames[1:]:
            df = df.unionByName(other)
        return type(self)(df.select(F.col("error")), self.glue_ctx, "errors")

    def assertErrorThreshold(self) -> None:
        """Stop where more records failed than the transforms allow."""
        errorstages.check(self._stages)
