"""The types of Python values, and the schema of many records. Runs in Spark's workers too."""

import datetime
import decimal
import json
from collections.abc import Iterable, Iterator
from typing import Any

from . import gluetypes as glue
from .dynamicrecord import DynamicRecord
from .typenames import parse_type

ELEMENT = 0
"""The step of a path from a list to its elements; steps to fields are strings."""
WHOLE = {"byte": 7, "short": 15, "int": 31, "long": 63}
"""Bits of the integers, without the sign."""

Step = str | int


def type_name(value: Any, hint: glue.DataType | None = None) -> str:
    """The name of a value's type; the type that the field had before decides between sizes of numbers.

    Raises:
        TypeError: Values of this class cannot stand in a record.
    """
    hints = list(hint.choices) if isinstance(hint, glue.ChoiceType) else [hint.typeName()] if hint else []
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            for name, bits in WHOLE.items():
                if name in hints and -(2**bits) <= value < 2**bits:
                    return name
            return "int" if -(2**31) <= value < 2**31 else "long" if -(2**63) <= value < 2**63 else "string"
        case float():
            return "float" if "float" in hints else "double"
        case str():
            return "string"
        case dict():
            return "map" if "map" in hints else "struct"
        case list() | tuple() | set():
            return "array"
        case decimal.Decimal():
            return "decimal"
        case datetime.datetime():
            return "timestamp"
        case datetime.date():
            return "date"
        case bytes() | bytearray():
            return "binary"
    raise TypeError(
        f"a record cannot hold a {type(value).__name__}; convert it to a string or a number first."
    )


def below(hint: glue.DataType | None, name: str, step: Step) -> glue.DataType | None:
    """The type that the field at a step below had before."""
    if isinstance(hint, glue.ChoiceType):
        hint = hint.choices.get(name)
    if isinstance(hint, glue.ArrayType) and step == ELEMENT:
        return hint.elementType
    if isinstance(hint, glue.StructType) and isinstance(step, str):
        field = hint.getField(step)
        return field.dataType if field else None
    return None


def shape(
    value: Any, hint: glue.DataType | None = None, above: tuple[Step, ...] = ()
) -> Iterator[tuple[str, str]]:
    """Each path in a value and the type found there, the path as JSON, in order of appearance."""
    name = type_name(value, hint)
    if name == "decimal":
        yield json.dumps(above), f"decimal({_digits(value)})"
    elif name == "map":
        known = hint.choices["map"] if isinstance(hint, glue.ChoiceType) else hint
        yield json.dumps(above), known.spelled() if known else "map<string,string>"
        return
    else:
        yield json.dumps(above), name
    if name == "struct":
        for key, part in value.items():
            yield from shape(part, below(hint, name, str(key)), (*above, str(key)))
    elif name == "array":
        for part in value:
            yield from shape(part, below(hint, name, ELEMENT), (*above, ELEMENT))


def _digits(value: decimal.Decimal) -> str:
    exponent = value.as_tuple().exponent
    scale = max(0, -exponent) if isinstance(exponent, int) else 0
    whole = max(
        0, len(value.as_tuple().digits) - scale + max(0, exponent if isinstance(exponent, int) else 0)
    )
    return f"{min(38, max(1, whole + scale))},{min(38, scale)}"


def schema_of(shapes: Iterable[tuple[str, str]]) -> glue.StructType:
    """The schema of the records in which these paths and types were found.

    Args:
        shapes: Pairs of path and type, fields in the order that they shall have.
    """
    tree: dict[tuple[Step, ...], dict[str, str]] = {}
    for path, name in shapes:
        tree.setdefault(tuple(json.loads(path)), {})[name] = name
    children: dict[tuple[Step, ...], list[Step]] = {}
    for path in tree:
        if path:
            children.setdefault(path[:-1], []).append(path[-1])
    root = _typed((), "struct", tree, children)
    return root if isinstance(root, glue.StructType) else glue.StructType()


def _typed(
    path: tuple[Step, ...],
    name: str,
    tree: dict[tuple[Step, ...], dict[str, str]],
    children: dict[tuple[Step, ...], list[Step]],
) -> glue.DataType:
    """The type of a name at a path."""
    if name == "struct":
        steps = [step for step in children.get(path, []) if isinstance(step, str)]
        return glue.StructType([glue.Field(s, _at((*path, s), tree, children)) for s in steps])
    if name == "array":
        inside = (*path, ELEMENT)
        return glue.ArrayType(_at(inside, tree, children) if inside in tree else glue.NullType())
    return parse_type(name)


def _at(
    path: tuple[Step, ...],
    tree: dict[tuple[Step, ...], dict[str, str]],
    children: dict[tuple[Step, ...], list[Step]],
) -> glue.DataType:
    """The type at a path: one, or a choice of several in the order of their names."""
    types = [_typed(path, name, tree, children) for name in tree[path] if name != "null"]
    decimals = [t for t in types if isinstance(t, glue.DecimalType)]
    if len(decimals) > 1:
        scale = max(d.scale for d in decimals)
        widest = glue.DecimalType(min(38, max(d.precision - d.scale for d in decimals) + scale), scale)
        types = [*(t for t in types if not isinstance(t, glue.DecimalType)), widest]
    if not types:
        return glue.NullType()
    types.sort(key=lambda t: t.typeName())
    return types[0] if len(types) == 1 else glue.ChoiceType(types)


def encode(value: Any, data_type: glue.DataType) -> Any:
    """A Python value as Spark takes it for a type: a choice as a tuple with one place filled."""
    if value is None:
        return None
    match data_type:
        case glue.ChoiceType():
            own = type_name(value, data_type)
            return tuple(encode(value, t) if n == own else None for n, t in data_type.choices.items())
        case glue.StructType():
            return tuple(encode(value.get(f.name), f.dataType) for f in data_type.fields)
        case glue.ArrayType():
            return [encode(part, data_type.elementType) for part in value]
        case glue.DecimalType():
            return value.quantize(
                decimal.Decimal(1).scaleb(-data_type.scale), context=decimal.Context(prec=76)
            )
        case glue.StringType() | glue.NullType():
            return value if isinstance(value, str) else str(value)
        case glue.BinaryType():
            return bytearray(value)
    return value


def decode(value: Any, data_type: glue.DataType) -> Any:
    """A value of Spark as a record shows it: a struct as a dict, a choice as the one value it has."""
    if value is None:
        return None
    match data_type:
        case glue.ChoiceType():
            parts = ((part, t) for part, t in zip(value, data_type.choices.values(), strict=True))
            return next((decode(part, t) for part, t in parts if part is not None), None)
        case glue.StructType():
            pairs = zip(data_type.fields, value, strict=True)
            return DynamicRecord((field.name, decode(part, field.dataType)) for field, part in pairs)
        case glue.ArrayType():
            return [decode(part, data_type.elementType) for part in value]
        case glue.MapType():
            return {key: decode(part, data_type.valueType) for key, part in value.items()}
    return value
