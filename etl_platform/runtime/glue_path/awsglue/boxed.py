"""Fields that hold a whole document as text."""

import csv
import json
from collections.abc import Callable, Iterable
from typing import Any

from . import fieldpath
from .fieldpath import parse
from .joining import fitted
from .jsontypes import parse_schema
from .refusal import NotSupportedLocally
from .typedframe import NamedColumn, TypedFrame

CSV = ("separator", "escaper", "quoteChar", "withHeader", "skipFirst")
TRUE = (True, "true", "True")


def opener(path: str, format: str, options: dict[str, Any]) -> Callable[[Any], Iterable[Any]]:
    """A function that puts what a text holds in the text's place.

    Args:
        path: Path of the text.
        format: `json`, or `csv` (with `separator`, `escaper`, `withHeader`, `skipFirst`); `withSchema`.
        options: Options of the format.

    Raises:
        NotSupportedLocally: Another format, or an option that is not known here.
    """
    known = {"json": {"withSchema"}, "csv": {"withSchema", *CSV}}
    if format not in known:
        raise NotSupportedLocally(f'unbox(…, "{format}")', 'unbox(…, "json") or unbox(…, "csv")')
    if unknown := set(options) - known[format]:
        raise NotSupportedLocally(
            f'unbox(…, "{format}", {", ".join(sorted(unknown))}=…)', f'unbox(…, "{format}")'
        )
    steps = parse(path)
    read: Callable[[str], Any] = json.loads if format == "json" else lambda text: _row(text, options)

    def opened(record: Any) -> Iterable[Any]:
        holder = record
        for step in steps[:-1]:
            holder = holder[step]
        if holder.get(steps[-1]) is not None:
            holder[steps[-1]] = read(holder[steps[-1]])
        return [record]

    return opened


def _row(text: str, options: dict[str, Any]) -> dict[str, str]:
    """The one row of a CSV text, its columns named by the header, else `col0`, `col1` and so on."""
    reader = csv.reader(
        text.splitlines(),
        delimiter=options.get("separator", ","),
        escapechar=options.get("escaper"),
        quotechar=options.get("quoteChar", '"'),
    )
    lines = list(reader)
    headed = options.get("withHeader") in TRUE
    rows = lines[1:] if headed or options.get("skipFirst") in TRUE else lines
    values = rows[0]
    names = lines[0] if headed else [f"col{i}" for i in range(len(values))]
    if options.get("withSchema"):
        names = [field.name for field in parse_schema(options["withSchema"]).fields]
    return dict(zip(names, values, strict=True))


def shaped(path: str, schema_text: str | None) -> Callable[[TypedFrame], TypedFrame]:
    """The transform that gives what was in the text the types of `withSchema`, by the names of its fields."""

    def shape(frame: TypedFrame) -> TypedFrame:
        if not schema_text:
            return frame
        schema = parse_schema(schema_text)

        def typed(column: NamedColumn) -> list[NamedColumn]:
            return [NamedColumn(column.name, fitted(column, schema), schema)]

        return fieldpath.replace(frame, fieldpath.steps_in(frame, path), typed)

    return shape
