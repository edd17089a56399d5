"""`target`: what the job writes."""

from typing import Literal

from pydantic import AliasChoices, Field

from etl_platform.config.models.base import Section


class Target(Section):
    """What the job writes; a job without one has no output to check."""

    type: Literal["glue_catalog", "s3", "redshift", "rds", "dynamodb"] = Field(description="Kind of store.")
    database: str | None = Field(default=None, description="Database; needed for tables.")
    table: str | None = Field(default=None, description="Table; needed for tables and DynamoDB.")
    path: str | None = Field(default=None, pattern=r"^s3a?://", description="s3:// prefix; needed for `s3`.")
    format: Literal["parquet", "orc", "csv", "json"] = Field(
        default="parquet", description="Format of the files."
    )
    mode: Literal["overwrite", "append", "overwrite_partitions"] = Field(
        default="overwrite", description="What happens to the data that is there."
    )
    partition_by: list[str] = Field(default_factory=list, description="Columns that name the folders.")
    columns: dict[str, str] = Field(
        default_factory=dict,
        validation_alias=AliasChoices("schema"),
        serialization_alias="schema",
        description="Column to type; the asset's column schema.",
    )
    description: str = Field(default="", description="Shown in the UI.")
