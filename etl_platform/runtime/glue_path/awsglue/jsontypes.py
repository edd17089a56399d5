"""Schemas written as JSON: by `jsonValue` of `awsglue.gluetypes`, or by `json` of `pyspark.sql.types`."""

import json
from typing import Any

from pyspark.sql import types as spark

from . import gluetypes as glue
from .sparktypes import schema_of

ATOMIC: dict[str, type[glue.AtomicType]] = {k.typeName(): k for k in glue.AtomicType.__subclasses__()}


def parse_schema(text: str) -> glue.StructType:
    """The schema that `withSchema` holds.

    Raises:
        ValueError: It is not the JSON of a StructType.
    """
    value = json.loads(text)
    if value.get("type") == "struct":
        return schema_of(spark.StructType.fromJson(value))
    schema = from_json_value(value)
    if not isinstance(schema, glue.StructType):
        raise ValueError(f"withSchema: expected a StructType, found {schema.typeName()}.")
    return schema


def from_json_value(value: dict[str, Any]) -> glue.DataType:
    """The type that `jsonValue` wrote.

    Raises:
        ValueError: It is of no type that is known here.
    """
    kind, properties = value.get("dataType", ""), value.get("properties")
    match kind:
        case "struct":
            parts = [
                (f["name"], from_json_value(f["container"]), f.get("properties")) for f in value["fields"]
            ]
            return glue.StructType([glue.Field(*part) for part in parts], properties)
        case "array":
            return glue.ArrayType(from_json_value(value["elementType"]), properties)
        case "map":
            return glue.MapType(from_json_value(value["valueType"]), properties)
        case "choice":
            return glue.ChoiceType([from_json_value(choice) for choice in value["choices"]], properties)
        case _ if kind in ATOMIC:
            return ATOMIC[kind].fromJsonValue(value)
    raise ValueError(f"no type {kind!r}; withSchema takes json.dumps(schema.jsonValue()) of a StructType.")
