"""The figures of sources as tables for people."""

from collections.abc import Mapping
from datetime import datetime, timezone

from etl_platform.catalog.stats import TableStats

UNKNOWN = "unknown"


def stats_table(stats: Mapping[str, TableStats]) -> str:
    """One line a source, then its warnings and findings, as markdown.

    Args:
        stats: Source name to figures, as `measure_job` returns them.
    """
    lines = [
        "| source | size | files | mean file | rows | partitions | format | last update | detected by |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- | --- | --- |",
    ]
    lines += [_line(name, one) for name, one in stats.items()]
    notes = [f"- `{name}`: {cell(text)}" for name, one in stats.items() for text in one.warnings]
    notes += [
        f"- `{name}`: {finding.description} {finding.recommendation}"
        for name, one in stats.items()
        for finding in one.findings
    ]
    return "\n".join([*lines, "", *notes]).rstrip() + "\n"


def cell(text: str) -> str:
    """A text that stays within its cell."""
    return text.replace("|", "\\|").replace("\n", " ")


def gb(size_gb: float | None, *, rough: bool = False) -> str:
    """A size for people: `350 GB`, `51.2 MB`, `unknown`; with `about` where it is a hint."""
    if size_gb is None:
        return UNKNOWN
    value, unit = size_gb, "GB"
    for smaller in ("MB", "KB", "B"):
        if value >= 1 or value == 0:
            break
        value, unit = value * 1024, smaller
    text = f"{value:,.0f}" if unit == "B" else f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{'about ' if rough else ''}{text} {unit}"


def _count(value: int | None, *, estimated: bool = False) -> str:
    if value is None:
        return UNKNOWN
    return f"{'about ' if estimated else ''}{value:,}"


def _line(name: str, one: TableStats) -> str:
    updated = UNKNOWN
    if one.last_updated is not None:
        updated = datetime.fromtimestamp(one.last_updated, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    partitions = (
        "none" if one.partition_keys == () and not one.partition_count else _count(one.partition_count)
    )
    if one.partition_keys:
        partitions += f" by {', '.join(one.partition_keys)}"
    average = None if one.avg_file_mb is None else one.avg_file_mb / 1024
    cells = [
        f"`{name}`",
        gb(one.size_gb, rough=one.size_rough),
        _count(one.file_count),
        gb(average),
        _count(one.row_count, estimated=one.rows_estimated),
        partitions,
        one.format or UNKNOWN,
        updated,
        one.detected_by,
    ]
    return "| " + " | ".join(cell(text) for text in cells) + " |"
