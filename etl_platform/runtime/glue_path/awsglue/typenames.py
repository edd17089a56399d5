"""Types by the names that Glue, Hive and Spark give them."""

import re

from . import gluetypes as glue

ATOMIC: dict[str, type[glue.AtomicType]] = {
    **{
        kind.name: kind
        for kind in (
            *(
                glue.BinaryType,
                glue.BooleanType,
                glue.ByteType,
                glue.ShortType,
                glue.IntegerType,
                glue.LongType,
                glue.FloatType,
                glue.DoubleType,
            ),
            *(glue.StringType, glue.DateType, glue.TimestampType, glue.NullType, glue.UnknownType),
        )
    },
    "tinyint": glue.ByteType,
    "smallint": glue.ShortType,
    "integer": glue.IntegerType,
    "bigint": glue.LongType,
    "bool": glue.BooleanType,
    "varchar": glue.StringType,
    "char": glue.StringType,
    "void": glue.NullType,
    "timestamp_ntz": glue.TimestampType,
    "timestamp_ltz": glue.TimestampType,
    "real": glue.FloatType,
}
"""Types without parts, by the names that Glue, Hive and Spark give them."""


def parse_type(text: str) -> glue.DataType:
    """The type of a name such as `long`, `decimal(10,2)` or `array<struct<a:int>>`.

    `struct`, `array` and `map` alone mean any such type.

    Raises:
        ValueError: No such type.
    """
    text = text.strip()
    kind, _, inner = text.partition("<")
    kind = kind.strip().lower()
    if inner and text.endswith(">"):
        parts = _split(inner[:-1])
        if kind == "array" and len(parts) == 1:
            return glue.ArrayType(parse_type(parts[0]))
        if kind == "map" and len(parts) == 2:
            return glue.MapType(parse_type(parts[1]), keyType=parse_type(parts[0]))
        if kind == "struct":
            pairs = [re.fullmatch(r"\s*(`[^`]+`|[^:\s]+)\s*:(.*)", part, re.DOTALL) for part in parts]
            return glue.StructType([glue.Field(p[1].strip("`"), parse_type(p[2])) for p in pairs if p])
    if digits := re.fullmatch(r"(decimal|numeric)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?", kind):
        return glue.DecimalType(int(digits[2] or 10), int(digits[3] or (0 if digits[2] else 2)))
    bare = re.sub(r"\(\d+\)$", "", kind)
    if bare in ATOMIC and not inner:
        return ATOMIC[bare]()
    if not inner and kind in ("struct", "array", "map"):
        return {"struct": glue.StructType, "array": glue.ArrayType, "map": glue.MapType}[kind]()
    raise ValueError(f'"{text}" is not a type; known: {", ".join(sorted(ATOMIC))}, decimal(p,s), array<…>, …')


def _split(text: str) -> list[str]:
    """Parts at the commas that stand outside brackets."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter in "<(") - (letter in ">)")
        if letter == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [part for part in [*parts, text[start:]] if part.strip()]
