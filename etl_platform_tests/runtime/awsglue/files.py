"""Files that the scripts under test read."""

import json
from pathlib import Path
from typing import Any


def write_json(folder: Path, records: list[dict[str, Any]], name: str = "data.json") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(folder)


def write_text(folder: Path, text: str, name: str = "data.csv") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return str(folder)


def rows(frame: Any) -> list[dict[str, Any]]:
    """The rows of a frame as plain values, nested ones too."""
    return [row.asDict(recursive=True) for row in frame.toDF().collect()]


def read_json(glue: Any, path: str, **format_options: Any) -> Any:
    return glue.create_dynamic_frame.from_options(
        connection_type="s3",
        connection_options={"paths": [path]},
        format="json",
        format_options=format_options,
    )
