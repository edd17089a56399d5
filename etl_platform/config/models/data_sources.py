"""`data_sources`: what the job reads, one model for each source type."""

from typing import Annotated, Literal

from pydantic import AliasChoices, Discriminator, Field

from etl_platform.config.models.base import Identifier, Section

Format = Literal["parquet", "orc", "csv", "json", "avro"]


class JoinKey(Section):
    """Columns of a join whose names differ on its two sides."""

    left: str | list[str] = Field(description="Columns of this source.")
    right: str | list[str] = Field(description="Columns of the source it joins with.")


class Source(Section):
    """What every source has, whatever its type."""

    name: str = Field(min_length=1, description="Name within the job; rules and joins use it.")
    alias: str | None = Field(default=None, description="Other name in the script.")
    description: str = Field(default="", description="Shown in the UI.")
    role_in_flow: Literal["fact", "dimension", "lookup", "streaming_source", "reference"] | None = Field(
        default=None, description="Absent: recommended from the size."
    )
    dimension_type: Literal["scd_type_1", "scd_type_2", "scd_type_3"] | None = Field(
        default=None, description="How the dimension keeps history."
    )
    joins_with: list[str] = Field(default_factory=list, description="Names of sources it joins with.")
    join_keys: dict[str, str | list[str] | JoinKey] = Field(
        default_factory=dict, description="Source name to column, columns, or left and right columns."
    )
    broadcast_eligible: bool | Literal["auto"] = Field(
        default="auto", description="May be broadcast in a join."
    )
    cache_recommended: bool = Field(default=False, description="Read several times: worth a cache.")
    cache_ttl_seconds: float | None = Field(default=None, gt=0, description="How long a cached copy serves.")
    filter_pushdown: bool = Field(default=True, description="Filters reach the store.")
    partition_filter: str | None = Field(default=None, description="SQL over the partition columns.")
    read_options: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Options of the reader."
    )
    optional: bool = Field(default=False, description="A missing optional source is a warning.")
    size_gb: float | None = Field(
        default=None, ge=0, le=1e15, description="Size where detection is off or fails."
    )
    expected_size_hint: Literal["small", "medium", "large"] | None = Field(
        default=None, description="Rough size where nothing better is known."
    )
    auto_detect_size: bool = Field(default=True, description="Measure the size.")
    auto_detect_partitions: bool = Field(default=True, description="Detect the partitions.")
    auto_detect_schema: bool = Field(default=True, description="Detect the columns.")
    columns: dict[str, str] = Field(
        default_factory=dict, description="Column to type, where it cannot be detected."
    )


class GlueCatalogSource(Source):
    """A table of the AWS Glue Data Catalog."""

    source_type: Literal["glue_catalog"] = Field(description="Kind of source.")
    database: str = Field(min_length=1, description="Glue database.")
    table: str = Field(min_length=1, description="Glue table.")
    catalog_id: str | None = Field(default=None, description="Account of the catalog; absent: one's own.")


class S3Source(Source):
    """A prefix of S3."""

    source_type: Literal["s3"] = Field(description="Kind of source.")
    path: str = Field(pattern=r"^s3a?://[^/]+", description="s3://bucket/prefix/")
    format: Format | None = Field(default=None, description="Absent: detected.")
    compression: str | None = Field(default=None, description="Absent: detected.")


class RedshiftSource(Source):
    """A table of Amazon Redshift, provisioned (`cluster`) or serverless (`workgroup`)."""

    source_type: Literal["redshift"] = Field(description="Kind of source.")
    cluster: str | None = Field(default=None, description="Provisioned cluster.")
    workgroup: str | None = Field(default=None, description="Serverless workgroup.")
    database: str = Field(min_length=1, description="Database.")
    schema_name: str = Field(
        default="public",
        validation_alias=AliasChoices("schema"),
        serialization_alias="schema",
        description="Schema.",
    )
    table: str = Field(min_length=1, description="Table.")
    secret: str | None = Field(default=None, description="Credentials, as ${SECRET:key}.")


class RdsSource(Source):
    """A table of an Amazon RDS instance."""

    source_type: Literal["rds"] = Field(description="Kind of source.")
    instance: str = Field(min_length=1, description="RDS instance.")
    database: str = Field(min_length=1, description="Database.")
    schema_name: str | None = Field(
        default=None,
        validation_alias=AliasChoices("schema"),
        serialization_alias="schema",
        description="Schema.",
    )
    table: str = Field(min_length=1, description="Table.")
    engine: str | None = Field(default=None, description="Database engine; absent: asked of RDS.")
    secret: str | None = Field(default=None, description="Credentials, as ${SECRET:key}.")


class SqlSource(Source):
    """A table of a PostgreSQL or MySQL server reached by URL."""

    source_type: Literal["postgres", "mysql"] = Field(description="Kind of source.")
    url: str = Field(min_length=1, description="Connection URL; may be or hold ${SECRET:key}.")
    schema_name: str | None = Field(
        default=None,
        validation_alias=AliasChoices("schema"),
        serialization_alias="schema",
        description="Schema.",
    )
    table: str = Field(min_length=1, description="Table.")


class DynamoDbSource(Source):
    """A DynamoDB table."""

    source_type: Literal["dynamodb"] = Field(description="Kind of source.")
    table_name: str = Field(min_length=1, description="Table.")


class KinesisSource(Source):
    """A Kinesis data stream."""

    source_type: Literal["kinesis"] = Field(description="Kind of source.")
    stream_name: str = Field(min_length=1, description="Stream.")
    batch_size: int | None = Field(default=None, ge=1, description="Records a batch.")
    batch_window_seconds: float | None = Field(default=None, ge=0, description="Longest wait for a batch.")
    auto_detect_throughput: bool = Field(default=True, description="Measure the events a second.")
    starting_position: str | None = Field(default=None, description="TRIM_HORIZON, LATEST or AT_TIMESTAMP.")


class KafkaSource(Source):
    """A Kafka topic."""

    source_type: Literal["kafka"] = Field(description="Kind of source.")
    bootstrap_servers: str | list[str] = Field(description="host:port, one or several.")
    topic: str = Field(min_length=1, description="Topic.")
    group_id: str | None = Field(default=None, description="Consumer group.")
    secret: str | None = Field(default=None, description="Credentials, as ${SECRET:key}.")


class ApiSource(Source):
    """An HTTP API."""

    source_type: Literal["api"] = Field(description="Kind of source.")
    url: str = Field(pattern=r"^(https?://|\$\{)", description="Address of the first page.")
    method: Literal["GET", "POST"] = Field(default="GET", description="HTTP method.")
    headers: dict[str, str] = Field(default_factory=dict, description="HTTP headers; may hold secrets.")
    pagination: dict[str, str | int | bool] = Field(
        default_factory=dict, description="How the next page is found."
    )
    records_path: str | None = Field(default=None, description="Path of the list of records in the answer.")
    secret: str | None = Field(default=None, description="Credentials, as ${SECRET:key}.")


class FileSource(Source):
    """A file or folder beside the configuration."""

    source_type: Literal["file"] = Field(description="Kind of source.")
    path: str = Field(min_length=1, description="Path relative to the configuration file.")
    format: Format | None = Field(default=None, description="Absent: by the suffix.")


class JobSource(Source):
    """The target of another job."""

    source_type: Literal["job"] = Field(description="Kind of source.")
    job_id: Identifier = Field(description="The job whose target this is.")


AnySource = Annotated[
    GlueCatalogSource
    | S3Source
    | RedshiftSource
    | RdsSource
    | SqlSource
    | DynamoDbSource
    | KinesisSource
    | KafkaSource
    | ApiSource
    | FileSource
    | JobSource,
    Discriminator("source_type"),
]
