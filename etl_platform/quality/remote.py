"""Rules as a document for `runtime.rule_counts`, which counts on a cluster, and its counts as a report.

The pandera schema of a rule depends on the type of its column, which is seen on the cluster only. So the
document holds each rule's expression for every family of types, as Spark SQL, and the script takes the one
that fits. What comes back is counts, which stand here for a dataset like any other: the same validation makes
the same report of them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

from etl_platform.catalog.location import Location, NoLocationError, s3_path
from etl_platform.config.models import data_quality as models
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality import queries
from etl_platform.quality.bad_rows import ROW_KINDS
from etl_platform.quality.column_types import SPARK_FAMILIES, family, normal_type
from etl_platform.quality.conditions import newest_conditions, row_conditions
from etl_platform.quality.dataset import Dataset, dataset_files
from etl_platform.quality.engine import report_on, unreadable
from etl_platform.quality.expressions import ExpressionError, columns_in, parse_expression, quote
from etl_platform.quality.files import Files, NoDataError, s3_filesystem
from etl_platform.quality.frame import Frame, QueryError
from etl_platform.quality.locations import locate
from etl_platform.quality.partitions import partition_folders
from etl_platform.quality.report import DatasetReport
from etl_platform.quality.rules import TARGET, Rule
from etl_platform.quality.schema import Context, schema_of

_EACH_FAMILY = {
    "integer": "bigint",
    "decimal": "decimal(38,9)",
    "float": "double",
    "string": "string",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "timestamp_ntz": "timestamp_ntz",
    "other": "binary",
}
"""Family to a type that stands for it."""


@dataclass(frozen=True)
class RemoteCheck:
    """A check that is to run on a cluster.

    Attributes:
        document: The rules as JSON holds them, for `runtime.rule_counts`.
        location: Where the data stands.
        files: Its files.
        folders: Folder values that are read; empty: all.
        now: The moment that `current_date` and freshness are told from.
    """

    document: Mapping[str, Any]
    location: Location
    files: Files
    folders: Mapping[str, str]
    now: datetime


def remote_check(
    config: Config,
    job: Job,
    dataset: str,
    *,
    rules: Sequence[Rule],
    now: datetime,
    partition_key: str | None = None,
) -> RemoteCheck:
    """Write the rules of a dataset down for a cluster. Files are listed, and none is read.

    Types of CSV and JSON columns are those that the configuration declares (`target.schema`, `columns` of a
    source), else what Spark infers; a CSV has a header unless `read_options` say otherwise.

    Raises:
        NoLocationError: The dataset has no files.
        NoDataError: They are missing, or of a format that checks do not read.
    """
    location = locate(dataset, job, config)
    files = dataset_files(config, job, dataset)
    folders = partition_folders(job, partition_key, files.partitions) or {}
    if folders:
        files = dataset_files(config, job, dataset, folders=folders)
    others = dict.fromkeys(
        rule.spec.parent_table for rule in rules if isinstance(rule.spec, models.ReferentialIntegrity)
    )
    document = {
        "time_zone": job.execution.timezone,
        "tell_messages": not job.compliance.pii_fields,
        "sample_size": job.data_quality.sample_size,
        "families": {**SPARK_FAMILIES, "decimal": "decimal"},
        "aggregate": queries.aggregate("{view}", ["{expressions}"]),
        "data": _source(files, location, _declared(job, dataset), "data", folders),
        "others": {name: _other(config, job, name) for name in others},
        "fails": _row_rules(rules, job, now),
        "newest": _newest_rules(rules, job, now),
        "keys": _key_rules(rules),
    }
    return RemoteCheck(document, location, files, folders, now)


def remote_report(
    config: Config,
    job: Job,
    dataset: str,
    check: RemoteCheck,
    counts: Mapping[str, Any],
    *,
    rules: Sequence[Rule],
    start: float,
    past_row_counts: Sequence[int] = (),
) -> DatasetReport:
    """The report on what a cluster counted; it shows no failing values, as those stayed there.

    Args:
        config: The configuration.
        job: The job.
        dataset: `target`, or the name of a source.
        check: What was to be counted.
        counts: What `runtime.rule_counts` wrote.
        rules: The rules, in order.
        start: When the check began, by `time.perf_counter`.
        past_row_counts: Row counts of the last runs.
    """
    if "error" in counts:
        error = QueryError(**counts["error"])
        return unreadable(config, job, dataset, rules, error, engine="spark", start=start)
    names = {_folded(_key(rule)): rule.check_name for rule in rules if rule.kind in _KEY_KINDS}
    frame = CountsFrame("data", counts["columns"], counts, names)

    def open_other(name: str) -> Frame:
        found = counts["others"][name]
        if "missing" in found:
            raise NoDataError(found["missing"])
        if "error" in found:
            raise QueryError(**found["error"])
        return CountsFrame(name, found["columns"], counts, names)

    data = Dataset(frame, check.files, check.location, check.folders, open_other)
    report = report_on(
        data,
        job,
        dataset,
        rules,
        past_row_counts=past_row_counts,
        now=check.now,
        start=start,
        show_values=False,
    )
    seconds = {name: found["seconds"] for name, found in counts["checks"].items()}
    results = tuple(
        replace(result, seconds=seconds.get(result.rule.check_name, 0.0)) for result in report.results
    )
    return replace(report, results=results)


class CountsFrame(Frame):
    """A dataset of which only the counts are here."""

    engine = "spark"
    dialect = "spark"

    def __init__(
        self,
        view: str,
        columns: Mapping[str, str],
        counts: Mapping[str, Any],
        key_names: Mapping[tuple[str, ...], str],
    ):
        """Take the counts of a cluster for a dataset.

        Args:
            view: Name of the dataset.
            columns: Its columns with their types.
            counts: What `runtime.rule_counts` wrote.
            key_names: What a unique or foreign key is made of, to its check's name.
        """
        super().__init__(view, {name: normal_type(kind) for name, kind in columns.items()})
        self.counts = counts
        self.key_names = key_names
        self.rows: int = counts["rows"]

    def count(self) -> int:
        """The number of rows that were counted."""
        return self.rows

    def sampled(self, rows: int, total: int) -> "CountsFrame":
        """The sample that the cluster drew."""
        sample = CountsFrame(f"{self.view}__sample", self.columns, self.counts, self.key_names)
        sample.rows = self.counts["sample_rows"]
        return sample

    def aggregate(self, fails: Mapping[str, Any], newest: Mapping[str, Any]) -> dict[str, Any]:
        """What was counted of some checks."""
        self.scans += 1
        return {queries.ROWS: self.rows, **{name: self._value(name) for name in (*fails, *newest)}}

    def count_duplicates(self, keys: Sequence[str]) -> tuple[int, int]:
        """What was counted of the only unique key."""
        return self._keys(keys)

    def count_orphans(self, key: str, parent: Frame, parent_key: str) -> tuple[int, int]:
        """What was counted of a foreign key."""
        parent.scans += 1
        return self._keys([key, parent.view, parent_key])

    def _keys(self, names: Sequence[str]) -> tuple[int, int]:
        self.scans += 1
        rows, failed = self._value(self.key_names[_folded(names)])
        return rows, failed

    def _value(self, name: str) -> Any:
        found = self.counts["checks"][name]
        if "error" in found:
            raise QueryError(**found["error"])
        return found["value"]

    def relation(self, sql: str) -> Any:
        """There is no engine here that could run a query."""
        raise NotImplementedError("the rows are on a cluster; only their counts are here")

    def collect(self, relation: Any) -> list[tuple[Any, ...]]:
        """There is no engine here that could run a query."""
        raise NotImplementedError("the rows are on a cluster; only their counts are here")


_KEY_KINDS = ("duplicates", "integrity")


def _key(rule: Rule) -> Sequence[str]:
    """What a unique or foreign key is made of."""
    if isinstance(rule.spec, models.ReferentialIntegrity):
        return (rule.spec.child_key, rule.spec.parent_table, rule.spec.parent_key)
    return rule.fields


def _folded(names: Sequence[str]) -> tuple[str, ...]:
    # The data may spell a column in other letters than the rule.
    return tuple(name.lower() for name in names)


def _declared(job: Job, dataset: str) -> Mapping[str, str]:
    if dataset == TARGET:
        return job.target.columns if job.target else {}
    return next((source.columns for source in job.data_sources if source.name == dataset), {})


def _other(config: Config, job: Job, name: str) -> dict[str, Any]:
    try:
        location, files = locate(name, job, config), dataset_files(config, job, name)
    except (NoLocationError, NoDataError) as missing:
        # Only its own rule is told; the others can be counted.
        return {"error": {"kind": type(missing).__name__, "message": str(missing)}, "missing": str(missing)}
    return _source(files, location, _declared(job, name), f"other_{name}", {})


def _source(
    files: Files, location: Location, declared: Mapping[str, str], view: str, folders: Mapping[str, str]
) -> dict[str, Any]:
    """What Spark reads: the folders of a partition, else the whole dataset."""
    root = location.uri if "://" in location.uri and not location.uri.startswith("glue:") else files.root
    root = root.rstrip("/")
    inside = dict.fromkeys(str(PurePosixPath(path).parent.relative_to(files.root)) for path in files.paths)
    options = {name: str(value) for name, value in files.options.items()}
    schema = None
    if files.partitions:
        options["basePath"] = root
    if files.format in ("csv", "json") and declared:
        columns = {name: kind for name, kind in declared.items() if name not in files.partitions}
        schema = ", ".join(f"{quote(name, 'spark')} {kind}" for name, kind in columns.items())
        # A value that does not fit its type is an error, not a null.
        options["mode"] = "FAILFAST"
    elif files.format == "csv":
        options["inferSchema"] = "true"
    elif files.format in ("parquet", "orc"):
        options["mergeSchema"] = "true"
    if files.format == "csv":
        options.setdefault("header", "true")
    return {
        "view": view,
        "format": files.format,
        "paths": [f"{root}/{folder}" for folder in inside] if folders else [root],
        "options": options,
        "schema": schema,
    }


def _context(fields: Sequence[str], kind: str, job: Job, now: datetime) -> Context:
    return Context(dict.fromkeys(fields, kind), ZoneInfo(job.execution.timezone), now)


def _row_rules(rules: Sequence[Rule], job: Job, now: datetime) -> list[dict[str, Any]]:
    written = []
    for rule in rules:
        if rule.kind not in ROW_KINDS:
            continue
        fields, kinds = _fields(rule), dict(_EACH_FAMILY)
        if isinstance(rule.spec, models.CustomValidation):
            kinds = {"any": "string"}
        elif isinstance(rule.spec, models.TypeRule) and family(rule.spec.expected) == "other":
            # Of these, a column has the type or not.
            kinds[normal_type(rule.spec.expected)] = normal_type(rule.spec.expected)
        texts = {}
        for name, kind in kinds.items():
            found = schema_of([rule], _context(fields, kind, job, now), dataset=rule.dataset)
            for condition in row_conditions(found.schema, dict.fromkeys(fields, kind)).values():
                texts[name] = queries.failing(condition.sql("spark"))
        written.append({"check": rule.check_name, "columns": fields, "sql": texts})
    return written


def _newest_rules(rules: Sequence[Rule], job: Job, now: datetime) -> list[dict[str, Any]]:
    written = []
    for rule in rules:
        if rule.kind != "freshness":
            continue
        fields = _fields(rule)
        texts = {}
        for kind in ("date", "timestamp", "timestamp_ntz"):
            found = schema_of([rule], _context(fields, kind, job, now), dataset=rule.dataset)
            for condition in newest_conditions(found.schema, dict.fromkeys(fields, kind)).values():
                texts[kind] = condition.sql("spark")
        written.append({"check": rule.check_name, "columns": fields, "sql": texts})
    return written


def _fields(rule: Rule) -> list[str]:
    if isinstance(rule.spec, models.CustomValidation):
        try:
            return columns_in(parse_expression(rule.spec.sql))
        except ExpressionError:
            # It is a fault of the schema, and told as that.
            return []
    return list(rule.fields)


def _key_rules(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    written = []
    for rule in rules:
        if isinstance(rule.spec, models.ReferentialIntegrity):
            link = rule.spec
            parent = quote(f"other_{link.parent_table}", "spark")
            keys = quote(link.child_key, "spark"), parent, quote(link.parent_key, "spark")
            sql, columns = queries.orphans("data", *keys), [link.child_key]
        elif rule.kind == "duplicates":
            columns = list(rule.fields)
            sql = queries.duplicates("data", [quote(field, "spark") for field in columns])
        else:
            continue
        written.append({"check": rule.check_name, "columns": columns, "sql": sql})
    return written


def write_document(config: Config, uri: str, document: Mapping[str, Any]) -> None:
    """Write a document where a cluster reads it.

    Raises:
        OSError: It cannot be written.
    """
    filesystem, path = _at(config, uri)
    if config.profile == "local":
        # S3 has no folders, and an object that stands for one may be more than the caller may write.
        filesystem.create_dir(str(PurePosixPath(path).parent), recursive=True)
    with filesystem.open_output_stream(path) as stream:
        stream.write(json.dumps(document).encode())


def read_counts(config: Config, uri: str) -> dict[str, Any]:
    """What `runtime.rule_counts` wrote into a folder.

    Raises:
        NoDataError: It wrote nothing there.
    """
    from pyarrow import fs

    filesystem, path = _at(config, uri)
    infos = filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True))
    parts = [info for info in infos if info.base_name.startswith("part-") and info.size]
    if not parts:
        raise NoDataError(f"{uri} holds no counts, though the run that was to write them succeeded.")
    with filesystem.open_input_stream(parts[0].path) as stream:
        return json.loads(stream.read())


def _at(config: Config, uri: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it."""
    from pyarrow import fs

    if config.profile == "local":
        return fs.LocalFileSystem(), str(s3_path(uri, config.local_root))
    return s3_filesystem(config.settings.aws_region), uri.partition("://")[2]
