"""Statements through the Redshift Data API: submit, wait, fetch."""

from collections.abc import Mapping, Sequence
from typing import Any

from etl_platform.catalog.aws import aws_errors_as_sentences
from etl_platform.catalog.stats import CannotMeasureError
from etl_platform.config.models.data_sources import RedshiftSource
from etl_platform.config.project import Config
from etl_platform.config.secrets import SECRET, UnknownSecretError, resolve_secrets


def login_of(source: RedshiftSource, dataset: str, config: Config) -> dict[str, str]:
    """Where statements run, and as whom: by the secret, else with credentials from IAM.

    Raises:
        CannotMeasureError: The secret is unknown, or none that the Data API takes.
    """
    where = (
        {"ClusterIdentifier": source.cluster} if source.cluster else {"WorkgroupName": source.workgroup or ""}
    )
    where["Database"] = source.database
    if source.secret is None:
        return where
    secrets = config.settings.secrets
    name = SECRET.fullmatch(source.secret)
    if name and secrets.provider == "aws_secrets_manager":
        return where | {"SecretArn": secrets.prefix + name.group(1)}
    try:
        arn = resolve_secrets(source.secret, config)
    except UnknownSecretError as error:
        raise CannotMeasureError(str(error)) from None
    if not arn.startswith("arn:"):
        raise CannotMeasureError(
            f"{dataset}: the Redshift Data API takes secrets of AWS Secrets Manager only; let "
            "`secret` be its ARN, or set `secrets.provider` to `aws_secrets_manager`."
        )
    return where | {"SecretArn": arn}


def run(
    statements: Sequence[str],
    login: Mapping[str, str],
    client: Any,
    *,
    wait_seconds: float,
    parameters: Sequence[Mapping[str, str]] = (),
) -> list[tuple[Any, ...]]:
    """Run statements one after the other, in one session and transaction, and take the last one's rows.

    Args:
        statements: One statement each; the last one is a query.
        login: What `login_of` gave.
        client: A client of `redshift-data`.
        wait_seconds: How long they may take in all, waiting in the queue included.
        parameters: Values that a single statement is bound to.

    Raises:
        CannotMeasureError: The Data API refuses, a statement fails, or they take too long; then they are
            cancelled.
    """
    with aws_errors_as_sentences("redshift-data"):
        if len(statements) == 1:
            bound = {"Parameters": list(parameters)} if parameters else {}
            statement = client.execute_statement(Sql=statements[0], **bound, **login)["Id"]
            result = statement
        else:
            statement = client.batch_execute_statement(Sqls=list(statements), **login)["Id"]
            # The statements of a batch are numbered from 1.
            result = f"{statement}:{len(statements)}"
        _wait(statement, client, wait_seconds)
        pages = client.get_paginator("get_statement_result").paginate(Id=result)
        return [tuple(_value(field) for field in record) for page in pages for record in page["Records"]]


def _wait(statement: str, client: Any, wait_seconds: float) -> None:
    from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_exponential

    waiting = Retrying(
        retry=retry_if_result(lambda answer: answer["Status"] not in ("FINISHED", "FAILED", "ABORTED")),
        wait=wait_exponential(multiplier=0.1, max=2),
        stop=stop_after_delay(wait_seconds),
    )
    try:
        answer = waiting(client.describe_statement, Id=statement)
    except RetryError as error:
        client.cancel_statement(Id=statement)
        raise CannotMeasureError(
            f"redshift-data: statement {statement} did not end within {wait_seconds:g} s and was "
            "cancelled; is the cluster paused or its queue full?"
        ) from error
    if answer["Status"] != "FINISHED":
        raise CannotMeasureError(
            f"redshift-data: statement {statement} {answer['Status'].lower()}: "
            f"{answer.get('Error', 'no reason given')}"
        )


def _value(field: Mapping[str, Any]) -> Any:
    """A field of the Data API is one typed value: `{"longValue": 3}`, `{"isNull": True}`."""
    return None if field.get("isNull") else next(iter(field.values()))
