"""`redshift`: a table, asked of SVV_TABLE_INFO through the Redshift Data API."""

from typing import Any

from etl_platform.catalog.aws import aws_errors_as_sentences
from etl_platform.catalog.context import Context
from etl_platform.catalog.stats import CannotMeasureError, TableStats
from etl_platform.config.models.data_sources import RedshiftSource
from etl_platform.config.secrets import SECRET, UnknownSecretError, resolve_secrets

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
    target = _target(source, dataset, context)
    rows = _query(TABLE_INFO, source, target, context)
    columns = _query(COLUMNS, source, target, context) if source.auto_detect_schema or not rows else []
    if not rows and not columns:
        raise CannotMeasureError(
            f"{dataset}: Redshift knows no such table, or the user may not see it; check `database`, "
            "`schema` and `table`, and grant SELECT on it.",
            missing=True,
        )
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


def _target(source: RedshiftSource, dataset: str, context: Context) -> dict[str, str]:
    """Where the statement runs, and as whom: by the secret, else with credentials from IAM."""
    where = (
        {"ClusterIdentifier": source.cluster} if source.cluster else {"WorkgroupName": source.workgroup or ""}
    )
    where["Database"] = source.database
    if source.secret is None:
        return where
    secrets = context.config.settings.secrets
    name = SECRET.fullmatch(source.secret)
    if name and secrets.provider == "aws_secrets_manager":
        return where | {"SecretArn": secrets.prefix + name.group(1)}
    try:
        arn = resolve_secrets(source.secret, context.config)
    except UnknownSecretError as error:
        raise CannotMeasureError(str(error)) from None
    if not arn.startswith("arn:"):
        raise CannotMeasureError(
            f"{dataset}: the Redshift Data API takes secrets of AWS Secrets Manager only; let "
            "`secret` be its ARN, or set `secrets.provider` to `aws_secrets_manager`."
        )
    return where | {"SecretArn": arn}


def _query(sql: str, source: RedshiftSource, target: dict[str, str], context: Context) -> list[list[Any]]:
    """Submit, wait, fetch."""
    from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_exponential

    client = context.aws.client("redshift-data")
    parameters = [
        {"name": "schema", "value": source.schema_name},
        {"name": "table", "value": source.table},
    ]
    with aws_errors_as_sentences("redshift-data"):
        statement = client.execute_statement(Sql=sql, Parameters=parameters, **target)["Id"]
        waiting = Retrying(
            retry=retry_if_result(lambda answer: answer["Status"] not in ("FINISHED", "FAILED", "ABORTED")),
            wait=wait_exponential(multiplier=0.1, max=2),
            stop=stop_after_delay(WAIT_SECONDS),
        )
        try:
            answer = waiting(client.describe_statement, Id=statement)
        except RetryError as error:
            client.cancel_statement(Id=statement)
            raise CannotMeasureError(
                f"redshift-data: statement {statement} did not end within {WAIT_SECONDS} s and was "
                "cancelled; is the cluster paused or its queue full?"
            ) from error
        if answer["Status"] != "FINISHED":
            raise CannotMeasureError(
                f"redshift-data: statement {statement} {answer['Status'].lower()}: "
                f"{answer.get('Error', 'no reason given')}"
            )
        pages = client.get_paginator("get_statement_result").paginate(Id=statement)
        return [[_value(field) for field in record] for page in pages for record in page["Records"]]


def _value(field: dict[str, Any]) -> Any:
    """A field of the Data API is one typed value: `{"longValue": 3}`, `{"isNull": True}`."""
    return None if field.get("isNull") else next(iter(field.values()))
