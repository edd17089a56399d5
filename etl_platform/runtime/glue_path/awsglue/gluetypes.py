"""Types of a DynamicFrame's schema, as the AWS documentation "PySpark extension types" names them."""

import json
from collections.abc import Iterable, Iterator
from typing import Any


class DataType:
    """Base of all types.

    Args:
        properties: Free properties of the type, kept and shown in its JSON form.
    """

    name = "unknown"

    def __init__(self, properties: dict[str, Any] | None = None):
        self.properties = dict(properties or {})

    @classmethod
    def typeName(cls) -> str:
        """Short name of the type, such as `int` or `struct`."""
        return cls.name

    def jsonValue(self) -> dict[str, Any]:
        """The type as a JSON object of `dataType` and `properties`."""
        return {"dataType": self.typeName(), "properties": self.properties}

    def spelled(self) -> str:
        """The type in Spark's own spelling, such as `bigint` or `array<string>`."""
        return self.typeName()

    def lines(self, depth: int) -> Iterator[str]:
        """Lines below this type's own in a printed schema."""
        return iter(())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DataType) and self.jsonValue() == other.jsonValue()

    def __hash__(self) -> int:
        return hash(json.dumps(self.jsonValue(), sort_keys=True))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.spelled()})"


class AtomicType(DataType):
    """Base of the types without parts."""

    spark = ""

    @classmethod
    def fromJsonValue(cls, json_value: dict[str, Any]) -> "DataType":
        """The type that `jsonValue` wrote."""
        return cls(json_value.get("properties"))

    def spelled(self) -> str:
        """The type in Spark's own spelling."""
        return self.spark or self.typeName()


class BinaryType(AtomicType):
    """Bytes."""

    name = "binary"


class BooleanType(AtomicType):
    """True or false."""

    name = "boolean"


class ByteType(AtomicType):
    """Integer of one byte."""

    name, spark = "byte", "tinyint"


class ShortType(AtomicType):
    """Integer of two bytes."""

    name, spark = "short", "smallint"


class IntegerType(AtomicType):
    """Integer of four bytes."""

    name = "int"


class LongType(AtomicType):
    """Integer of eight bytes."""

    name, spark = "long", "bigint"


class FloatType(AtomicType):
    """Floating-point number of four bytes."""

    name = "float"


class DoubleType(AtomicType):
    """Floating-point number of eight bytes."""

    name = "double"


class StringType(AtomicType):
    """Text."""

    name = "string"


class DateType(AtomicType):
    """Calendar day."""

    name = "date"


class TimestampType(AtomicType):
    """Instant."""

    name = "timestamp"


class NullType(AtomicType):
    """A field that was null in every record; Spark holds it as a string that is null."""

    name, spark = "null", "string"


class UnknownType(AtomicType):
    """A value of a type that this schema does not know."""

    name, spark = "unknown", "string"


class DecimalType(AtomicType):
    """Decimal number.

    Args:
        precision: Number of digits.
        scale: Digits right of the point.
        properties: Free properties.
    """

    name = "decimal"

    def __init__(self, precision: int = 10, scale: int = 2, properties: dict[str, Any] | None = None):
        super().__init__(properties)
        self.precision, self.scale = precision, scale

    @classmethod
    def fromJsonValue(cls, json_value: dict[str, Any]) -> "DecimalType":
        """The type that `jsonValue` wrote."""
        return cls(json_value["precision"], json_value["scale"], json_value.get("properties"))

    def jsonValue(self) -> dict[str, Any]:
        """The type as a JSON object."""
        return super().jsonValue() | {"precision": self.precision, "scale": self.scale}

    def spelled(self) -> str:
        """The type in Spark's own spelling."""
        return f"decimal({self.precision},{self.scale})"


class EnumType(AtomicType):
    """One of a fixed set of strings.

    Args:
        options: The strings.
        properties: Free properties.
    """

    name, spark = "enum", "string"

    def __init__(self, options: Iterable[str] = (), properties: dict[str, Any] | None = None):
        super().__init__(properties)
        self.options = list(options)

    @classmethod
    def fromJsonValue(cls, json_value: dict[str, Any]) -> "EnumType":
        """The type that `jsonValue` wrote."""
        return cls(json_value["options"], json_value.get("properties"))

    def jsonValue(self) -> dict[str, Any]:
        """The type as a JSON object."""
        return super().jsonValue() | {"options": self.options}


class ArrayType(DataType):
    """List of values of one type.

    Args:
        elementType: Type of the elements.
        properties: Free properties.
    """

    name = "array"

    def __init__(self, elementType: DataType | None = None, properties: dict[str, Any] | None = None):
        super().__init__(properties)
        self.elementType = elementType or UnknownType()

    def jsonValue(self) -> dict[str, Any]:
        """The type as a JSON object."""
        return super().jsonValue() | {"elementType": self.elementType.jsonValue()}

    def spelled(self) -> str:
        """The type in Spark's own spelling."""
        return f"array<{self.elementType.spelled()}>"

    def lines(self, depth: int) -> Iterator[str]:
        """The line of the element, and those below it."""
        return field_lines("element", self.elementType, depth)


class MapType(DataType):
    """Values of one type under keys.

    Args:
        valueType: Type of the values.
        properties: Free properties.
        keyType: Type of the keys; strings, save where Spark has other keys.
    """

    name = "map"

    def __init__(
        self,
        valueType: DataType | None = None,
        properties: dict[str, Any] | None = None,
        keyType: DataType | None = None,
    ):
        super().__init__(properties)
        self.keyType, self.valueType = keyType or StringType(), valueType or UnknownType()

    def jsonValue(self) -> dict[str, Any]:
        """The type as a JSON object."""
        parts = {"keyType": self.keyType.jsonValue(), "valueType": self.valueType.jsonValue()}
        return super().jsonValue() | parts

    def spelled(self) -> str:
        """The type in Spark's own spelling."""
        return f"map<{self.keyType.spelled()},{self.valueType.spelled()}>"

    def lines(self, depth: int) -> Iterator[str]:
        """The lines of key and value."""
        yield from field_lines("keyType", self.keyType, depth)
        yield from field_lines("valueType", self.valueType, depth)


class Field:
    """One field of a struct.

    Args:
        name: Its name.
        dataType: Its type.
        properties: Free properties.
    """

    def __init__(self, name: str, dataType: DataType, properties: dict[str, Any] | None = None):
        self.name, self.dataType, self.properties = name, dataType, dict(properties or {})

    def jsonValue(self) -> dict[str, Any]:
        """The field as a JSON object."""
        return {"name": self.name, "container": self.dataType.jsonValue(), "properties": self.properties}

    def __repr__(self) -> str:
        return f"Field({self.name}, {self.dataType!r})"


class StructType(DataType):
    """Named fields.

    Args:
        fields: The fields, in order.
        properties: Free properties.
    """

    name = "struct"

    def __init__(self, fields: Iterable[Field] = (), properties: dict[str, Any] | None = None):
        super().__init__(properties)
        self.fields = list(fields)

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    @property
    def field_map(self) -> dict[str, Field]:
        """Fields by name."""
        return {field.name: field for field in self.fields}

    def add(self, field: Field) -> None:
        """Append a field."""
        self.fields.append(field)

    def hasField(self, field: "str | Field") -> bool:
        """Whether there is a field of this name."""
        return (field if isinstance(field, str) else field.name) in self.field_map

    def getField(self, field: "str | Field") -> Field | None:
        """The field of this name, or None."""
        return self.field_map.get(field if isinstance(field, str) else field.name)

    def jsonValue(self) -> dict[str, Any]:
        """The type as a JSON object."""
        return super().jsonValue() | {"fields": [field.jsonValue() for field in self.fields]}

    def spelled(self) -> str:
        """The type in Spark's own spelling."""
        return f"struct<{','.join(f'`{f.name}`:{f.dataType.spelled()}' for f in self.fields)}>"

    def lines(self, depth: int) -> Iterator[str]:
        """The lines of the fields."""
        for field in self.fields:
            yield from field_lines(field.name, field.dataType, depth)

    def treeString(self) -> str:
        """The schema as `printSchema` shows it."""
        return "\n".join(["root", *self.lines(0)])


class ChoiceType(DataType):
    """Values of several types under one name; Spark holds a struct with one field for each type.

    Args:
        choices: The types, at most one of a name.
        properties: Free properties.
    """

    name = "choice"

    def __init__(self, choices: Iterable[DataType] = (), properties: dict[str, Any] | None = None):
        super().__init__(properties)
        self.choices: dict[str, DataType] = {}
        self.merge(choices)

    def add(self, new_choice: DataType) -> None:
        """Add one type.

        Raises:
            ValueError: A type of this name is there already.
        """
        if new_choice.typeName() in self.choices:
            raise ValueError(f"the choice already has the type {new_choice.typeName()}.")
        self.choices[new_choice.typeName()] = new_choice

    def merge(self, new_choices: "Iterable[DataType] | DataType") -> None:
        """Add the types that are not there yet."""
        for choice in [new_choices] if isinstance(new_choices, DataType) else new_choices:
            self.choices.setdefault(choice.typeName(), choice)

    def jsonValue(self) -> dict[str, Any]:
        """The type as a JSON object."""
        return super().jsonValue() | {"choices": [choice.jsonValue() for choice in self.choices.values()]}

    def spelled(self) -> str:
        """The struct that Spark holds the values in."""
        return f"struct<{','.join(f'`{n}`:{t.spelled()}' for n, t in self.choices.items())}>"

    def lines(self, depth: int) -> Iterator[str]:
        """One line for each type."""
        for choice in self.choices.values():
            yield f"{'|    ' * depth}|-- {choice.typeName()}"
            yield from choice.lines(depth + 1)


class EntityType(DataType):
    """Documented by AWS as not yet implemented, and not implemented here."""

    def __init__(self, entity: Any = None, base_type: Any = None, properties: dict[str, Any] | None = None):
        raise NotImplementedError("EntityType: AWS documents it as not yet implemented; use StructType.")


def field_lines(name: str, data_type: DataType, depth: int) -> Iterator[str]:
    """Lines of a printed schema for a field and what is below it."""
    yield f"{'|    ' * depth}|-- {name}: {data_type.typeName()}"
    yield from data_type.lines(depth + 1)
