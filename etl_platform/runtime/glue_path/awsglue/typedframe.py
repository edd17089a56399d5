"""A Spark DataFrame with the DynamicFrame's schema of it, computed when first needed."""

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from . import gluetypes as glue
from .sparktypes import schema_of


def plain(name: str) -> str:
    """A name as a column reference that Spark takes literally, dots and all."""
    return "`" + name.replace("`", "``") + "`"


@dataclass(frozen=True)
class NamedColumn:
    """A column of a frame that is being built: name, value and type.

    Attributes:
        name: Its name.
        column: Its value.
        type: Its type.
        sql: The value as SQL over the frame's columns, where it is one of them or a field of one; else None.
    """

    name: str
    column: Column
    type: glue.DataType
    sql: str | None = None

    def part(self, name: str, data_type: glue.DataType) -> "NamedColumn":
        """The field of this name, of a struct or of a choice."""
        sql = f"{self.sql}.{plain(name)}" if self.sql else None
        return NamedColumn(name, self.column.getField(name), data_type, sql)


@dataclass(frozen=True)
class TypedFrame:
    """Rows and their schema.

    Attributes:
        df: The rows; a choice stands in it as a struct with one field for each type.
        schema: Same columns in the same order, choices marked as such.
    """

    df: DataFrame
    schema: glue.StructType

    @classmethod
    def of(cls, df: DataFrame) -> "TypedFrame":
        """A DataFrame, which has no choices."""
        return cls(df, schema_of(df.schema))

    def columns(self) -> list[NamedColumn]:
        """The columns, to build another frame from."""
        return [
            NamedColumn(f.name, F.col(plain(f.name)), f.dataType, plain(f.name)) for f in self.schema.fields
        ]

    def select(self, columns: list[NamedColumn]) -> "TypedFrame":
        """A frame of these columns."""
        schema = glue.StructType([glue.Field(c.name, c.type) for c in columns])
        return TypedFrame(self.df.select(*[c.column.alias(c.name) for c in columns]), schema)

    def rows(self, df: DataFrame) -> "TypedFrame":
        """Other rows of the same schema."""
        return TypedFrame(df, self.schema)


class Lazy:
    """A typed frame that is computed once, when something asks for it.

    Args:
        compute: Makes the frame; may run one pass over the data to learn its schema.
    """

    def __init__(self, compute: Callable[[], TypedFrame]):
        self._compute = compute
        self._frame: TypedFrame | None = None

    @classmethod
    def known(cls, frame: TypedFrame) -> "Lazy":
        """A frame that is there already."""
        lazy = cls(lambda: frame)
        lazy._frame = frame
        return lazy

    @property
    def is_known(self) -> bool:
        """Whether the schema is there already."""
        return self._frame is not None

    def get(self) -> TypedFrame:
        """The frame."""
        if self._frame is None:
            self._frame = self._compute()
        return self._frame

    def then(self, transform: Callable[[TypedFrame], TypedFrame]) -> "Lazy":
        """A transform of this frame: at once where the schema is known, else when it becomes known."""
        if self._frame is not None:
            return Lazy.known(transform(self._frame))
        return Lazy(lambda: transform(self.get()))
