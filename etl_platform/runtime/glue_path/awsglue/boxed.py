"""Fields that hold a whole document as text."""

import csv
import json
from collections.abc import Callable, Iterable
from typing import Any

from .fieldpath import parse
from .refusal import NotSupportedLocally

TRUE = (True, "true", "True")


def opener(path: str, format: str, options: dict[str, Any]) -> Callable[[Any], Iterable[Any]]:
    """A function that puts what a text holds in the text's place.

    Args:
        path: Path of the text.
        format: `json`, or `csv` (with `separator`, `escaper`, `withHeader`, `skipFirst`).
        options: Options of the format.

    Raises:
        NotSupportedLocally: Another format, or an option that is not known here.
    """
    known = {"json": set[str](), "csv": {"separator", "escaper", "quoteChar", "withHeader", "skipFirst"}}
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
    return dict(zip(names, values, strict=True))
