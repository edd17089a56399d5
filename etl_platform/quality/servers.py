"""Datasets that are tables of servers, opened where their rows are: under the profile `aws`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

from etl_platform.catalog.aws import AwsClients
from etl_platform.catalog.database import Address, TableName, connected, sql_address
from etl_platform.catalog.location import Location
from etl_platform.catalog.rds import rds_address
from etl_platform.catalog.redshift_data import login_of
from etl_platform.catalog.stats import CannotMeasureError
from etl_platform.config.identity import source_key
from etl_platform.config.models import data_sources as sources
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.dataset import Dataset
from etl_platform.quality.files import Files, NoDataError
from etl_platform.quality.frame import Frame
from etl_platform.quality.schema import RuleFault
from etl_platform.quality.server import RedshiftServer, Server, SqlServer, quoted
from etl_platform.quality.server_frame import FRAMES, Views

_FARTHER = 30
"""Seconds that a connection waits on after the server's own limit, so that the server tells what came."""

ServerTable = sources.RedshiftSource | sources.RdsSource | sources.SqlSource
"""A source that a server answers queries about."""


def server_table(config: Config, job: Job, dataset: str) -> ServerTable | None:
    """The source of a dataset that is a table of a server; None where it has files, as all have locally."""
    if config.profile == "local":
        return None
    found = next((source for source in job.data_sources if source.name == dataset), None)
    return found if isinstance(found, ServerTable) else None


@contextmanager
def open_server(config: Config, job: Job, table: ServerTable, *, now: datetime) -> Iterator[Dataset]:
    """Open a table for rules, and close the connection at the end.

    The rules may take as long as the job may (`execution.timeout_minutes`).

    Args:
        config: The configuration.
        job: The job whose source it is.
        table: The source.
        now: The present moment, for `current_date`.

    Raises:
        CannotMeasureError: There is no connection; the message says what to do, and holds no secret.
        NoDataError: The server knows no such table.
        QueryError: The server does not tell the table's columns.
    """
    seconds = max(1, round(job.execution.timeout_minutes * 60))
    with _server(config, job, table, seconds) as server:
        views = Views(server, ZoneInfo(job.execution.timezone), now, seconds=seconds)

        def open_table(one: ServerTable, view: str) -> Frame:
            name = TableName(one.schema_name, one.table)
            columns = server.columns(name, one.name)
            parts = ".".join(quoted(part, server.dialect) for part in (name.schema, name.table) if part)
            select = f"SELECT {', '.join(text for _, text in columns.values())} FROM {parts}"
            return FRAMES[server.dialect](views, view, select, {c: kind for c, (kind, _) in columns.items()})

        def open_other(name: str) -> Frame:
            other = server_table(config, job, name)
            if other is None or _database(other) != _database(table):
                raise RuleFault(
                    f"`{name}` does not stand in the database of `{table.name}`, and {server.title} looks "
                    "for keys in its own tables only. Put the rule on the job's target, or let both be "
                    "tables of one database."
                )
            return open_table(other, f"other_{name}")

        kind, *names = source_key(table)
        uri = f"{kind}://{'/'.join(names)}"
        # There are no files; what asks for them asks for datasets that are made of some.
        none = Files(uri=uri, root="", paths=(), format=server.dialect, partitions={}, bytes=0, options={})
        yield Dataset(open_table(table, "data"), none, Location(uri, None, None), {}, open_other)


@contextmanager
def _server(config: Config, job: Job, table: ServerTable, seconds: int) -> Iterator[Server]:
    zone = job.execution.timezone
    aws = AwsClients(config.settings.aws_region)
    if isinstance(table, sources.RedshiftSource):
        login = login_of(table, table.name, config)
        client = aws.client("redshift-data")
        yield RedshiftServer(client, login, time_zone=zone, wait_seconds=seconds)
        return
    address = _address(config, table, aws)
    with connected(address, table.name, wait_seconds=seconds + _FARTHER) as connection:
        yield SqlServer(connection, address, time_zone=zone, wait_seconds=seconds)


def _address(config: Config, table: sources.RdsSource | sources.SqlSource, aws: AwsClients) -> Address:
    try:
        if isinstance(table, sources.RdsSource):
            return rds_address(table, table.name, config, aws)
        return sql_address(table, table.name, config)
    except CannotMeasureError as error:
        if error.missing:
            raise NoDataError(str(error)) from error
        raise


def _database(table: ServerTable) -> tuple[str | None, ...]:
    """What is the same of two tables that one query can name."""
    match table:
        case sources.RedshiftSource():
            return "redshift", table.cluster, table.workgroup, table.database, table.secret
        case sources.RdsSource():
            return "rds", table.instance, table.database, table.secret
        case _:
            return table.source_type, table.url
