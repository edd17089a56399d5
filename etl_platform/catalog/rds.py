"""`rds`: a table of an RDS instance; RDS tells the address, the engine tells the rest."""

import json

from etl_platform.catalog.aws import AwsClients, aws_errors_as_sentences
from etl_platform.catalog.context import Context
from etl_platform.catalog.database import Address, Engine, TableName, measure_table
from etl_platform.catalog.stats import CannotMeasureError, TableStats
from etl_platform.config.models.data_sources import RdsSource
from etl_platform.config.project import Config
from etl_platform.config.secrets import UnknownSecretError, resolve_secrets

# RDS's names of engines to SQLAlchemy's.
ENGINES: dict[str, Engine] = {
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "aurora-postgresql": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "aurora-mysql": "mysql",
}


def measure_rds(source: RdsSource, dataset: str, context: Context) -> TableStats:
    """Figures of a table of an RDS instance.

    Raises:
        CannotMeasureError: RDS refuses, the engine is not supported, or the database cannot be asked.
    """
    address = rds_address(source, dataset, context.config, context.aws)
    return measure_table(source, address, dataset, context)


def rds_address(source: RdsSource, dataset: str, config: Config, aws: AwsClients) -> Address:
    """Where a table of an RDS instance stands, and how to log in.

    Raises:
        CannotMeasureError: RDS refuses, the engine is not supported, or there are no credentials.
    """
    from sqlalchemy import URL

    with aws_errors_as_sentences("rds", missing=("DBInstanceNotFound", "DBInstanceNotFoundFault")):
        instance = aws.client("rds").describe_db_instances(DBInstanceIdentifier=source.instance)[
            "DBInstances"
        ][0]
    name = source.engine or instance["Engine"]
    engine = ENGINES.get(name)
    if engine is None:
        raise CannotMeasureError(
            f"{dataset}: tables of RDS engine {name} cannot be asked; supported are {', '.join(ENGINES)}. "
            "Set `size_gb`, and put rules on the target."
        )
    user, password = _credentials(source, dataset, config)
    endpoint = instance["Endpoint"]
    url = URL.create(
        engine,
        username=user,
        password=password,
        host=endpoint["Address"],
        port=endpoint["Port"],
        database=source.database,
    )
    return Address(engine, url, TableName(source.schema_name, source.table))


def _credentials(source: RdsSource, dataset: str, config: Config) -> tuple[str, str]:
    """User and password of a secret: JSON as Secrets Manager keeps it for RDS, or `user:password`."""
    if source.secret is None:
        raise CannotMeasureError(
            f"{dataset} has no `secret`: set it to ${{SECRET:key}} of a secret with `username` "
            "and `password`."
        )
    try:
        value = resolve_secrets(source.secret, config)
    except UnknownSecretError as error:
        raise CannotMeasureError(str(error)) from None
    try:
        found = json.loads(value)
        return str(found["username"]), str(found["password"])
    except (ValueError, TypeError, KeyError):
        user, colon, password = value.partition(":")
        if colon and not value.lstrip().startswith("{"):
            return user, password
    raise CannotMeasureError(
        f"{dataset}: its secret is neither JSON with `username` and `password` nor `user:password`."
    )
