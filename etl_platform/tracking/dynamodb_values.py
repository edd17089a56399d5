"""Items as DynamoDB's attribute values and back, within its limits."""

import json
from decimal import Decimal
from typing import Any

from etl_platform.tracking.tables import Item

_INTEGER_DIGITS = 38
"""DynamoDB keeps this many digits; a number with more before the point can only have been a float."""


def to_attributes(item: Item) -> dict[str, Any]:
    """An item in the form of the low-level API; floats are written with the digits that Python shows."""
    from boto3.dynamodb.types import TypeSerializer

    serializer = TypeSerializer()
    decimal = json.loads(json.dumps(item, allow_nan=False), parse_float=Decimal)
    return {name: serializer.serialize(value) for name, value in decimal.items()}


def from_attributes(attributes: dict[str, Any]) -> Item:
    """The item in an answer of the low-level API."""
    from boto3.dynamodb.types import TypeDeserializer

    deserializer = TypeDeserializer()
    return {name: _plain(deserializer.deserialize(value)) for name, value in attributes.items()}


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            whole = value == value.to_integral_value() and value.adjusted() < _INTEGER_DIGITS
            return int(value) if whole else float(value)
        case list():
            return [_plain(element) for element in value]
        case dict():
            return {key: _plain(element) for key, element in value.items()}
    return value
