"""The store that a configuration asks for."""

from etl_platform.config.project import Config
from etl_platform.tracking.sqlite import SqliteStore
from etl_platform.tracking.store import TrackingStore


def open_store(config: Config) -> TrackingStore:
    """The store of `global_settings.tracking`: SQLite under the profile `local`, DynamoDB under `aws`.

    Nothing is read or written before the first question; a SQLite file is made on first use, DynamoDB tables
    by `etl-platform tracking init`.
    """
    settings = config.settings.tracking
    if (settings.backend or ("sqlite" if config.profile == "local" else "dynamodb")) == "sqlite":
        path = config.resolve(settings.path) if settings.path else config.local_root / "tracking.db"
        return SqliteStore(path)
    # boto3 takes a third of a second to import.
    from etl_platform.tracking.dynamodb import connect

    return connect(
        prefix=settings.table_prefix,
        region=config.settings.aws_region,
        endpoint_url=settings.endpoint_url,
        billing_mode=settings.billing_mode,
        artifacts_uri=config.settings.artifacts.s3_uri,
    )
