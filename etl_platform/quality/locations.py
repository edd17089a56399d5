"""Where the files of a dataset stand that rules are evaluated on, tables of the Glue catalog among them."""

from etl_platform.catalog.aws import AwsClients, aws_errors_as_sentences
from etl_platform.catalog.glue_catalog import table_format
from etl_platform.catalog.location import Location, NoLocationError, locate_dataset
from etl_platform.catalog.stats import CannotMeasureError
from etl_platform.config.models.data_sources import GlueCatalogSource, JobSource
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.rules import TARGET


def locate(name: str, job: Job, config: Config) -> Location:
    """Where a dataset of a job stands; under the profile `aws`, the Glue catalog is asked for its tables.

    Raises:
        NoLocationError: It has no files that a check reads; the message says why.
    """
    table = _glue_table(name, job, config) if config.profile == "aws" else None
    return locate_dataset(name, job, config) if table is None else _locate_table(*table, config)


def _glue_table(name: str, job: Job, config: Config) -> tuple[str, str, str | None] | None:
    """Database, table and catalog of a dataset that is a Glue table."""
    source = next((source for source in job.data_sources if source.name == name), None)
    if isinstance(source, GlueCatalogSource):
        return source.database, source.table, source.catalog_id
    target = job.target if name == TARGET else None
    if isinstance(source, JobSource):
        target = config.job(source.job_id).target
    if target and target.type == "glue_catalog" and target.database and target.table:
        return target.database, target.table, None
    return None


def _locate_table(database: str, table: str, catalog_id: str | None, config: Config) -> Location:
    client = AwsClients(config.settings.aws_region).client("glue")
    catalog = {"CatalogId": catalog_id} if catalog_id else {}
    try:
        with aws_errors_as_sentences("glue"):
            found = client.get_table(DatabaseName=database, Name=table, **catalog)["Table"]
    except CannotMeasureError as error:
        raise NoLocationError(f"Glue table {database}.{table}: {error}") from error
    parameters, storage = found.get("Parameters", {}), found.get("StorageDescriptor", {})
    kind = parameters.get("table_type", "").upper()
    if kind in ("ICEBERG", "DELTA", "HUDI"):
        # Their folders also hold files that are no longer part of the table.
        raise NoLocationError(
            f"Glue table {database}.{table} is {kind}, whose files do not tell which rows are in it; rules "
            "are evaluated on tables of Parquet, ORC, CSV and JSON files."
        )
    place = storage.get("Location", "")
    if not place.startswith(("s3://", "s3a://", "s3n://")):
        raise NoLocationError(f"Glue table {database}.{table} stands at `{place}`, which is not in S3.")
    return Location(place, None, table_format(parameters, storage))
