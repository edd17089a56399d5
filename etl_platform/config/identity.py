"""What a source or target is in the world: the key under which jobs meet on the same data."""

from urllib.parse import urlsplit

from etl_platform.config.models import data_sources as sources
from etl_platform.config.models.job import Job
from etl_platform.config.models.target import Target

DatasetKey = tuple[str, ...]


def s3_key(uri: str) -> DatasetKey:
    """`s3://bucket/a/b/` → `("s3", "bucket", "a", "b")`."""
    parts = urlsplit(uri)
    return ("s3", parts.netloc, *(part for part in parts.path.split("/") if part))


def source_key(source: sources.Source) -> DatasetKey:
    """The physical name of a source, by which assets and edges are made.

    Returns:
        Such as `("glue", "db", "table")`; for a `job` source the id of that job.
    """
    match source:
        case sources.GlueCatalogSource():
            catalog = (source.catalog_id,) if source.catalog_id else ()
            return ("glue", *catalog, source.database, source.table)
        case sources.S3Source():
            return s3_key(source.path)
        case sources.RedshiftSource():
            where = source.cluster or source.workgroup or ""
            return ("redshift", where, source.database, source.schema_name, source.table)
        case sources.RdsSource():
            schema = (source.schema_name,) if source.schema_name else ()
            return ("rds", source.instance, source.database, *schema, source.table)
        case sources.SqlSource():
            schema = (source.schema_name,) if source.schema_name else ()
            # A URL may hold a password; only what names the server and the database goes into a key.
            url = urlsplit(source.url)
            server = (
                (url.hostname or "", *filter(None, url.path.split("/"))) if url.hostname else (source.name,)
            )
            return (source.source_type, *server, *schema, source.table)
        case sources.DynamoDbSource():
            return ("dynamodb", source.table_name)
        case sources.KinesisSource():
            return ("kinesis", source.stream_name)
        case sources.KafkaSource():
            return ("kafka", source.topic)
        case sources.ApiSource():
            url = urlsplit(source.url)
            return ("api", url.hostname or source.name, *filter(None, url.path.split("/")))
        case sources.FileSource():
            return ("file", *filter(None, source.path.removeprefix("./").split("/")))
        case sources.JobSource():
            return (source.job_id,)
        case sources.Source():
            return _key_of_further_type(source)


def _key_of_further_type(source: sources.Source) -> DatasetKey:
    """The type of a source from an installed package, and the values of all that such a source must have."""
    own = [key for key, field in type(source).model_fields.items() if field.is_required()]
    values = [str(getattr(source, key)) for key in own if key not in ("name", "source_type")]
    # Every subclass declares its own literal `source_type`.
    source_type = source.model_dump(include={"source_type"})["source_type"]
    return (source_type, *(values or [source.name]))


def target_key(target: Target) -> DatasetKey | None:
    """The physical name of a target, in the same form as `source_key`; None where it is not named."""
    match target.type:
        case "glue_catalog":
            return ("glue", target.database or "", target.table or "")
        case "s3":
            return s3_key(target.path) if target.path else None
        case "dynamodb":
            return ("dynamodb", target.table or "")
        case "redshift" | "rds":
            return (target.type, target.database or "", target.table or "")


def producers(jobs: tuple[Job, ...]) -> dict[DatasetKey, str]:
    """Physical name of each target to the id of the job that writes it."""
    keys = ((target_key(job.target), job.job_id) for job in jobs if job.target)
    return {key: job_id for key, job_id in keys if key}


def upstream_jobs(job: Job, written_by: dict[DatasetKey, str]) -> list[str]:
    """Ids of the jobs whose targets a job reads, or that it names in `depends_on`, in order."""
    ids: list[str] = []
    for source in job.data_sources:
        key = source_key(source)
        producer = source.job_id if isinstance(source, sources.JobSource) else written_by.get(key)
        if producer and producer != job.job_id:
            ids.append(producer)
    return list(dict.fromkeys([*ids, *job.execution.depends_on]))
