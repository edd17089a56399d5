"""What the columns of a dataset are like: types, nulls, distinct values, ranges, quantiles, patterns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.column_types import family
from etl_platform.quality.dataset import open_dataset
from etl_platform.quality.frame import Frame
from etl_platform.quality.local_frame import literal
from etl_platform.quality.regex import portable
from etl_platform.quality.samples import shown

TOP = 5
"""Frequent values that are told of a column."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

PATTERN_SHARE = 0.95
"""Share of the texts that must fit a pattern for it to be guessed."""

PATTERNS: Mapping[str, str] = {
    "e-mail": r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$",
    "uuid": r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
    "date": r"^\d{4}-\d{2}-\d{2}$",
    "time": r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}",
    "url": r"^https?://\S+$",
    "ip address": r"^\d{1,3}(\.\d{1,3}){3}$",
    "integer": r"^[+-]?\d+$",
    "number": r"^[+-]?\d*\.?\d+([eE][+-]?\d+)?$",
    "code of capitals": r"^[A-Z]+$",
    "code of capitals and digits": r"^[A-Z0-9]+$",
}
"""Patterns that are guessed, the narrowest first."""


@dataclass(frozen=True)
class ColumnProfile:
    """What a column is like.

    Attributes:
        name: Column.
        type: Its type, in Spark's names.
        nulls: Number of nulls.
        null_percent: Of all rows; None where there are none.
        distinct_approx: Distinct values, approximately (HyperLogLog, several percent off); None for nested
            types.
        min: Smallest value, or None; for texts too.
        max: Largest value.
        mean: Of numbers.
        quantiles: Share to approximate quantile, of numbers (t-digest).
        length_min: Characters of the shortest text.
        length_max: Characters of the longest text.
        top: Frequent values, the most frequent first, approximately (filtered space-saving).
        pattern: Guess at what the texts are: the narrowest of PATTERNS that nearly all fit; None: none does.
        hidden: The column holds personal data: no value of it is told.
    """

    name: str
    type: str
    nulls: int
    null_percent: float | None
    distinct_approx: int | None
    min: object = None
    max: object = None
    mean: float | None = None
    quantiles: Mapping[float, float] | None = None
    length_min: int | None = None
    length_max: int | None = None
    top: tuple[object, ...] = ()
    pattern: str | None = None
    hidden: bool = False


@dataclass(frozen=True)
class DatasetProfile:
    """What a dataset is like.

    Attributes:
        dataset: `target`, or the name of a source.
        location: Where it stands.
        rows: Number of rows.
        columns: Its columns.
        scans: Passes over its files.
    """

    dataset: str
    location: str
    rows: int
    columns: tuple[ColumnProfile, ...]
    scans: int


def profile(config: Config, job: Job, dataset: str, *, partition_key: str | None = None) -> DatasetProfile:
    """Profile all columns of a dataset in one scan, on the local engine.

    Args:
        config: The configuration.
        job: The job; values of its `pii_fields` are never told.
        dataset: `target`, or the name of a source.
        partition_key: Only this partition.

    Raises:
        NoLocationError, NoDataError, QueryError: The dataset cannot be read.
    """
    private = {field.lower() for field in job.compliance.pii_fields}
    zone = ZoneInfo(job.execution.timezone)
    with open_dataset(config, job, dataset, engine="local", partition_key=partition_key) as data:
        frame = data.frame
        hidden = [name for name in frame.columns if name.lower() in private]
        wanted = {
            name: _aggregates(frame.column(name), kind, hidden=name in hidden)
            for name, kind in frame.columns.items()
        }
        listed = [sql for aggregates in wanted.values() for sql in aggregates.values()]
        frame.scans += 1
        values = list(frame.collect(frame.relation(_select(listed, frame)))[0])
        rows = int(values.pop(0))
        columns = []
        for name, aggregates in wanted.items():
            found = {key: values.pop(0) for key in aggregates}
            columns.append(_column(name, frame.columns[name], rows, found, zone, hidden=name in hidden))
        return DatasetProfile(dataset, data.location.uri, rows, tuple(columns), frame.scans)


def _select(expressions: Sequence[str], frame: Frame) -> str:
    numbered = [f"{sql} AS a{n}" for n, sql in enumerate(["count(*)", *expressions])]
    return f"SELECT {', '.join(numbered)} FROM {frame.name}"


def _aggregates(column: str, kind: str, *, hidden: bool) -> dict[str, str]:
    """What is asked of a column: figure to SQL of DuckDB. Of a hidden column no value."""
    of = family(kind)
    asked = {"present": f"count({column})"}
    if of == "other":
        return asked
    asked["distinct"] = f"approx_count_distinct({column})"
    if of == "string":
        for name, pattern in PATTERNS.items():
            fits = f"regexp_matches({column}, {literal(portable(pattern))})"
            asked[f"fits {name}"] = f"count(*) FILTER (WHERE {fits})"
        asked |= {"length_min": f"min(length({column}))", "length_max": f"max(length({column}))"}
    if hidden:
        return asked
    asked["top"] = f"approx_top_k({column}, {TOP})"
    if of != "boolean":
        asked |= {"min": f"min({column})", "max": f"max({column})"}
    if of in ("integer", "decimal", "float"):
        number = f"CAST({column} AS DOUBLE)"
        finite = f"FILTER (WHERE isfinite({number}))"
        shares = ", ".join(map(str, QUANTILES))
        asked["mean"] = f"avg({number}) {finite}"
        asked["quantiles"] = f"approx_quantile({number}, [{shares}]) {finite}"
    return asked


def _column(
    name: str, kind: str, rows: int, found: Mapping[str, Any], zone: ZoneInfo, *, hidden: bool
) -> ColumnProfile:
    nulls = rows - int(found["present"])
    frequent = [value for value in found.get("top") or () if value is not None]
    quantiles = found.get("quantiles")
    return ColumnProfile(
        name=name,
        type=kind,
        nulls=nulls,
        null_percent=nulls / rows * 100 if rows else None,
        distinct_approx=found.get("distinct"),
        min=shown(found.get("min"), kind, zone),
        max=shown(found.get("max"), kind, zone),
        mean=found.get("mean"),
        quantiles=dict(zip(QUANTILES, quantiles, strict=True)) if quantiles else None,
        length_min=found.get("length_min"),
        length_max=found.get("length_max"),
        top=tuple(shown(value, kind, zone) for value in frequent),
        pattern=_pattern(rows - nulls, found),
        hidden=hidden,
    )


def _pattern(present: int, found: Mapping[str, Any]) -> str | None:
    counts = {name: found.get(f"fits {name}", 0) for name in PATTERNS}
    return next((name for name, fit in counts.items() if fit and fit >= PATTERN_SHARE * present), None)
