"""Records as items and back: one mapping for both stores, with large values kept beside the item."""

import gzip
import hashlib
import json
from typing import Any, TypeVar

from etl_platform.tracking.artifacts import Artifacts
from etl_platform.tracking.errors import RecordTooLargeError
from etl_platform.tracking.tables import Item, Table, midnight
from etl_platform.tracking.values import Record

R = TypeVar("R", bound=Record)

LARGEST_ITEM_BYTES = 300 * 1024
"""DynamoDB refuses items over 400 KB; the rest is room for pointers and later fields."""

POINTERS = "artifacts"
"""Attribute with, for each field kept elsewhere, `location`, `count` (elements or characters), `bytes`."""


def item_bytes(value: Any) -> int:
    """Size of a value as DynamoDB counts it.

    Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats". A number has one byte for
    each two digits and one more, and 21 at the most.
    """
    match value:
        case None | bool():
            return 1
        case int() | float():
            return min(21, len(repr(value)) // 2 + 2)
        case str():
            return len(value.encode())
        case list():
            return 3 + sum(1 + item_bytes(element) for element in value)
        case dict():
            return 3 + sum(1 + len(key.encode()) + item_bytes(element) for key, element in value.items())
    raise TypeError(f"an item holds JSON types only, not {type(value).__name__}")


def to_item(table: Table, record: Record, artifacts: Artifacts | None) -> Item:
    """A record as the item to be stored.

    Values that make it too large are written to `artifacts`, the largest first, and the item points to them.

    Raises:
        RecordTooLargeError: It does not fit, and there is no place for its large values.
    """
    item = record.model_dump(mode="json", exclude_none=True)
    derived = table.derive(record)
    timestamp = item["timestamp"] if "timestamp" in item else midnight(item["date"])
    return fit(table, {**item, **derived, **table.expiry(timestamp)}, artifacts)


def fit(table: Table, item: Item, artifacts: Artifacts | None) -> Item:
    """The item itself, or one whose largest values are kept in `artifacts`.

    Raises:
        RecordTooLargeError: As `to_item`.
    """
    excess = item_bytes(item) - LARGEST_ITEM_BYTES
    if excess <= 0:
        return item
    key = "/".join(str(part) for part in table.key_of(item))
    if artifacts is None:
        raise RecordTooLargeError(
            f"{table.name} {key}: the record has {item_bytes(item):,} bytes and an item may have "
            f"{LARGEST_ITEM_BYTES:,}. Set `artifacts.s3_uri` in the configuration, so that large values "
            "can be kept there."
        )
    sizes = {name: item_bytes(value) for name, value in item.items() if name not in table.key_attributes}
    slim, pointers = dict(item), {}
    for name in sorted(sizes, key=lambda name: sizes[name], reverse=True):
        if excess <= 0:
            break
        value = slim.pop(name)
        pointers[name] = _keep(artifacts, artifact_folder(table, item), name, value)
        excess -= sizes[name] - item_bytes(pointers[name])
    return {**slim, POINTERS: pointers}


def artifact_folder(table: Table, item: Item) -> str:
    """Relative name under which the large values of one item stand, in all its states."""
    # The key is hashed, because it may hold characters that are no part of a file name.
    key = "\n".join(repr(part) for part in table.key_of(item))
    return f"{table.name}/{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _keep(artifacts: Artifacts, folder: str, name: str, value: Any) -> Item:
    # Named by content: a repeated write makes the same file, and a stale one cannot replace a newer one.
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    digest = hashlib.sha256(content).hexdigest()[:16]
    location = artifacts.write(f"{folder}/{name}-{digest}.json.gz", gzip.compress(content, mtime=0))
    return {
        "location": location,
        "bytes": len(content),
        "count": len(value) if isinstance(value, list | dict | str) else 1,
    }


def whole(item: Item, artifacts: Artifacts | None) -> Item:
    """The item with the values that are kept elsewhere.

    Raises:
        MissingArtifactError: One of them is gone.
        RecordTooLargeError: It has such values and their place is not configured.
    """
    pointers = item.get(POINTERS)
    if not pointers:
        return item
    if artifacts is None:
        places = ", ".join(pointer["location"] for pointer in pointers.values())
        raise RecordTooLargeError(
            f"values of this record are kept at {places}. Set `artifacts.s3_uri` in the configuration "
            "to read it."
        )
    kept = {
        name: json.loads(gzip.decompress(artifacts.read(pointer["location"])))
        for name, pointer in pointers.items()
    }
    return {**{name: value for name, value in item.items() if name != POINTERS}, **kept}


def to_record(record: type[R], item: Item) -> R:
    """The record in a whole item; attributes that serve only keys and lifetimes are left out."""
    fields = record.model_fields
    return record.model_validate({name: value for name, value in item.items() if name in fields})
