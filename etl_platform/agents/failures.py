"""What a run failed of, in words."""

_LABELS = {"code": "error in the script", "timeout": "time limit", "unknown": "unknown reason"}


def failure_label(error_class: str | None) -> str:
    """An error class of the records for people, such as `out of memory`."""
    name = error_class or "unknown"
    return _LABELS.get(name, name.replace("_", " "))
