"""Where the files of a dataset stand, under either profile."""

import os
from dataclasses import dataclass
from pathlib import Path

from etl_platform.config.identity import source_key
from etl_platform.config.models import data_sources as sources
from etl_platform.config.models.job import Job
from etl_platform.config.models.target import Target
from etl_platform.config.project import Config


class NoLocationError(LookupError):
    """A dataset whose files are not found."""


class NotFilesError(NoLocationError):
    """A dataset without rows that could be looked at before or after a run, such as a stream."""


@dataclass(frozen=True)
class Location:
    """Where the files of a dataset stand.

    Attributes:
        uri: As AWS names it, such as `s3://bucket/prefix/`, or the path of a local file.
        path: Folder or file on this machine; None where the data is remote.
        format: `parquet`, `csv`, …; None where it must be detected.
    """

    uri: str
    path: Path | None
    format: str | None


def s3_path(uri: str, root: Path) -> Path:
    """The local stand-in of an S3 address: `s3://bucket/key` → `<root>/s3/bucket/key`."""
    bucket, _, key = uri.partition("://")[2].partition("/")
    return _below(root / "s3", root / "s3" / bucket / key.lstrip("/"))


def glue_path(database: str, table: str, root: Path) -> Path:
    """The local stand-in of a Glue table: `<root>/glue/db/table`."""
    return _below(root / "glue", root / "glue" / database / table)


ServerSource = (
    sources.RedshiftSource
    | sources.RdsSource
    | sources.SqlSource
    | sources.DynamoDbSource
    | sources.KinesisSource
)
"""A source behind a server that has a local stand-in."""


def server_path(source: ServerSource, root: Path) -> Path:
    """The local stand-in of a table or stream behind a server: the folder that its asset key spells.

    `<root>/redshift/cluster/db/schema/table`, `<root>/rds/instance/db/table`, `<root>/dynamodb/table`,
    `<root>/kinesis/stream`.
    """
    return _below(root / source.source_type, root.joinpath(*source_key(source)))


def _below(folder: Path, path: Path) -> Path:
    """The path, where it is below a folder.

    Raises:
        NoLocationError: It leads out of the folder.
    """
    if not Path(os.path.normpath(path)).is_relative_to(Path(os.path.normpath(folder))):
        raise NoLocationError(f"{path} leads out of {folder}; a bucket, key or table may hold no `..`.")
    return path


def locate_target(target: Target, config: Config) -> Location:
    """Where a target's files are written.

    Raises:
        NoLocationError: The target is not made of files that this profile can reach.
    """
    root = config.local_root
    local = config.profile == "local"
    if target.type == "s3" and target.path:
        return Location(target.path, s3_path(target.path, root) if local else None, target.format)
    if local and target.type == "glue_catalog" and target.database and target.table:
        path = glue_path(target.database, target.table, root)
        return Location(f"glue://{target.database}.{target.table}", path, target.format)
    raise NotFilesError(
        f"target of type {target.type} has no files under the profile {config.profile}; "
        "files are known of `s3` targets and, under `local`, of `glue_catalog` tables."
    )


def locate_source(source: sources.AnySource, config: Config) -> Location:
    """Where a source's files stand.

    Raises:
        NoLocationError: The source is not made of files that this profile can reach.
    """
    root = config.local_root
    local = config.profile == "local"
    match source:
        case sources.FileSource():
            path = config.resolve(source.path)
            return Location(str(path), path, source.format or path.suffix.lstrip(".") or None)
        case sources.JobSource():
            target = config.job(source.job_id).target
            if target is None:
                raise NoLocationError(f'job "{source.job_id}" has no target, so `{source.name}` has no data.')
            return locate_target(target, config)
        case sources.S3Source():
            return Location(source.path, s3_path(source.path, root) if local else None, source.format)
        case sources.GlueCatalogSource() if local:
            path = glue_path(source.database, source.table, root)
            return Location(f"glue://{source.database}.{source.table}", path, None)
        case sources.DynamoDbSource() | sources.KinesisSource() if local:
            path = server_path(source, root)
            return Location(f"{source.source_type}://{path.name}", path, "json")
        case sources.RedshiftSource() | sources.RdsSource() | sources.SqlSource() if local:
            kind, *names = source_key(source)
            return Location(f"{kind}://{'/'.join(names)}", server_path(source, root), None)
        case sources.RedshiftSource() | sources.RdsSource() | sources.SqlSource():
            raise NoLocationError(
                f"source `{source.name}` of type {source.source_type} is a table of a server, and has no "
                f"files under the profile {config.profile}; where files are needed, declare a source of type "
                "`s3` on a copy of it."
            )
        case sources.DynamoDbSource():
            raise NoLocationError(
                f"source `{source.name}` is a DynamoDB table, of which a look at all items costs what "
                "reading them costs: its rules are not evaluated. Declare a source of type `s3` on a copy in "
                "files and put them there, or put them on the job's target."
            )
        case sources.KinesisSource():
            raise NotFilesError(
                f"source `{source.name}` is a stream, whose rows come while the job runs: its rules are not "
                "evaluated. Put them on the job's target, or on a source of type `s3` where Firehose "
                "delivers the stream."
            )
    raise NotFilesError(
        f"source `{source.name}` of type {source.source_type} has no files under the profile "
        f"{config.profile}: its rules are not evaluated. Put them on the job's target."
    )


def locate_dataset(name: str, job: Job, config: Config) -> Location:
    """Where a dataset of a job stands: `target`, or the name of one of its sources.

    Raises:
        NoLocationError: It has no files, or the job has no such dataset.
    """
    if name == "target":
        if job.target is None:
            raise NoLocationError(f'job "{job.job_id}" has no target.')
        return locate_target(job.target, config)
    for source in job.data_sources:
        if source.name == name:
            return locate_source(source, config)
    known = ", ".join(["target", *(source.name for source in job.data_sources)])
    raise NoLocationError(f'job "{job.job_id}" has no dataset "{name}"; it has {known}.')
