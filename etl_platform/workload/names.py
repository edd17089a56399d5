"""Which source a table name or a path in a script means."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from etl_platform.config.models import data_sources as sources
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config, UnknownJobError


class SourceNames:
    """Looks up sources by what scripts call them: their names, tables, paths, streams and topics."""

    def __init__(self, job: Job, config: Config):
        self._tables: dict[str, set[str]] = {}
        self._paths: dict[str, str] = {}
        target = job.target
        self._target_table = f"{target.database}.{target.table}".lower() if target and target.table else None
        self._target_path = _plain(target.path) if target and target.path else None
        for source in job.data_sources:
            for text in _table_names(source, config):
                parts = text.lower().split(".")
                for start in range(len(parts)):
                    self._tables.setdefault(".".join(parts[start:]), set()).add(source.name)
            for path in _paths(source, config):
                self._paths[_plain(path)] = source.name

    def table(self, text: str) -> str | None:
        """The source of `db.table`, `table` or a source's own name; None where none or several fit."""
        parts = text.replace("`", "").replace('"', "").lower().split(".")
        for start in range(len(parts)):
            found = self._tables.get(".".join(parts[start:]), set())
            if len(found) == 1:
                return next(iter(found))
            # A name that several sources have is not made clearer by saying less of it.
            if found:
                return None
        return None

    def is_target(self, text: str) -> bool:
        """Whether a table or path is what the job itself writes."""
        path = self._target_path
        if path and (_plain(text) == path or _plain(text).startswith(path + "/")):
            return True
        return text.replace("`", "").lower() == self._target_table

    def path(self, text: str) -> str | None:
        """The source that a path is, lies in, or ends like; None where none does."""
        plain = _plain(text)
        for known, name in self._paths.items():
            if plain == known or plain.startswith(known + "/"):
                return name
        if "://" in text:
            return None
        matches = {
            name for known, name in self._paths.items() if "://" not in known and known.endswith("/" + plain)
        }
        return matches.pop() if len(matches) == 1 else None


def _plain(path: str) -> str:
    for scheme in ("s3a://", "s3n://"):
        path = path.replace(scheme, "s3://")
    path = path.removeprefix("file://").removeprefix("./")
    if "://" in path:
        return path.rstrip("/*")
    return PurePosixPath(path.rstrip("/*")).as_posix()


def _table_names(source: sources.AnySource, config: Config) -> Iterator[str]:
    yield source.name
    if source.alias:
        yield source.alias
    match source:
        case sources.GlueCatalogSource():
            yield f"{source.database}.{source.table}"
        case sources.RedshiftSource():
            yield f"{source.database}.{source.schema_name}.{source.table}"
        case sources.RdsSource() | sources.SqlSource():
            yield ".".join(part for part in (source.schema_name, source.table) if part)
        case sources.DynamoDbSource():
            yield source.table_name
        case sources.KinesisSource():
            yield source.stream_name
        case sources.KafkaSource():
            yield source.topic
        case sources.JobSource():
            yield source.job_id
            try:
                target = config.job(source.job_id).target
            except UnknownJobError:
                return
            if target and target.table:
                yield f"{target.database}.{target.table}" if target.database else target.table


def _paths(source: sources.AnySource, config: Config) -> Iterator[str]:
    match source:
        case sources.S3Source():
            yield source.path
        case sources.FileSource():
            yield source.path
            yield str(config.resolve(source.path))
        case sources.ApiSource():
            yield source.url
        case sources.JobSource():
            try:
                target = config.job(source.job_id).target
            except UnknownJobError:
                return
            if target and target.path:
                yield target.path
