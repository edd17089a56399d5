"""`redshift`: a table, asked of SVV_TABLE_INFO through the Redshift Data API."""

from typing import Any

from etl_platform.catalog.context import Context
from etl_platform.catalog.redshift_data import login_of, run
from etl_platform.catalog.stats import CannotMeasureError, TableStats
from etl_platform.config.models.data_sources import RedshiftSource

WAIT_SECONDS = 60

# `size` counts blocks of 1 MB.
TABLE_INFO = (
    "SELECT size, tbl_rows, diststyle, sortkey1 FROM svv_table_info "
    'WHERE "schema" = :schema AND "table" = :table'
)
COLUMNS = (
    "SELECT column_name, data_type FROM svv_columns "
    "WHERE table_schema = :schema AND table_name = :table ORDER BY ordinal_position"
)


def measure_redshift(source: RedshiftSource, dataset: str, context: Context) -> TableStats:
    """Figures of a Redshift table; names travel as bound parameters.

    Raises:
        CannotMeasureError: The Data API refuses, the statement fails or takes over WAIT_SECONDS, or
            Redshift knows no such table.
    """
    rows = _query(TABLE_INFO, source, dataset, context)
    columns = _query(COLUMNS, source, dataset, context) if source.auto_detect_schema or not rows else []
    if not rows and not columns:
        raise CannotMeasureError(unknown_table(dataset), missing=True)
    # SVV_TABLE_INFO leaves empty tables out.
    size_mb, row_count, _, sort_key = rows[0] if rows else (0, 0, None, None)
    return TableStats(
        dataset=dataset,
        exists=True,
        size_gb=None if size_mb is None else float(size_mb) / 1024,
        row_count=None if row_count is None else round(float(row_count)),
        partition_keys=(sort_key,) if sort_key else (),
        columns={str(name): str(type_) for name, type_ in columns} if source.auto_detect_schema else {},
        format="redshift",
        detected_by="Redshift SVV_TABLE_INFO (partition keys are its sort key)"
        if rows
        else "Redshift SVV_COLUMNS: the table is empty",
        measured_at=context.now,
    )


def unknown_table(dataset: str) -> str:
    """What to say of a table that Redshift does not show."""
    return (
        f"{dataset}: Redshift knows no such table, or the user may not see it; check `database`, `schema` "
        "and `table`, and grant SELECT on it."
    )


def _query(sql: str, source: RedshiftSource, dataset: str, context: Context) -> list[tuple[Any, ...]]:
    parameters = [
        {"name": "schema", "value": source.schema_name},
        {"name": "table", "value": source.table},
    ]
    login = login_of(source, dataset, context.config)
    client = context.aws.client("redshift-data")
    return run([sql], login, client, wait_seconds=WAIT_SECONDS, parameters=parameters)
