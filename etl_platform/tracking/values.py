"""Values that every store can keep: the numbers, texts and free JSON of a record."""

import math
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

_LARGEST = 1e125
"""DynamoDB keeps numbers up to 9.99e125 and down to 1e-130 (Amazon DynamoDB Developer Guide, data types)."""
_SMALLEST = 1e-125
_DEEPEST = 24
"""DynamoDB refuses values nested deeper than 32 levels; free JSON stands some levels down in a record."""


def _storable(number: float) -> float:
    if not math.isfinite(number) or abs(number) > _LARGEST:
        raise ValueError(f"a number of at most {_LARGEST:g} in size is expected; leave out what is not known")
    return 0.0 if abs(number) < _SMALLEST else number


def _storable_count(number: int) -> int:
    if len(str(abs(number))) > 38:
        raise ValueError("a whole number of at most 38 digits is expected")
    return number


def _storable_text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"text that UTF-8 can hold is expected: {error.reason}") from None
    return text


def _storable_json(value: JsonValue, depth: int = 1) -> JsonValue:
    if depth > _DEEPEST:
        raise ValueError(f"at most {_DEEPEST} levels of nesting are expected; store it as text")
    match value:
        case bool() | None:
            return value
        case str():
            return _storable_text(value)
        case float():
            return _storable(value)
        case int():
            return _storable_count(value)
        case list():
            return [_storable_json(element, depth + 1) for element in value]
        case dict():
            if "" in value:
                raise ValueError("an object with an empty key cannot be stored")
            return {_storable_text(key): _storable_json(item, depth + 1) for key, item in value.items()}


Figure = Annotated[float, AfterValidator(_storable)]
"""A measured or priced number: finite, and in the range of all stores; below 1e-125 it is 0."""

Count = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""A whole number of 64 bits."""

Json = Annotated[JsonValue, AfterValidator(_storable_json)]
"""JSON of a shape that this package does not know."""

Name = Annotated[str, Field(min_length=1, max_length=900)]
"""A text that is a key: DynamoDB refuses empty keys, and sort keys over 1,024 bytes."""


class Record(BaseModel):
    """What all records share: immutable, no field that is not declared, unknown values absent."""

    model_config = ConfigDict(extra="forbid", frozen=True)
