"""A record, as functions over records see it. Runs in Spark's workers too."""

from typing import Any


class DynamicRecord(dict[str, Any]):
    """The fields of a record, read as `record["name"]` or `record.name`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"the record has no field {name}; it has {', '.join(map(str, self))}."
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]
