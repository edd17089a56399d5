"""`execution`: what runs, when, and how long it may take."""

from typing import Literal

from pydantic import Field

from etl_platform.config.models.base import Identifier, Section


class Partitions(Section):
    """How a job's target is cut; one run can fill a range of partitions."""

    type: Literal["hourly", "daily", "weekly", "monthly", "static"] = Field(
        description="Time window, or `static` for named keys."
    )
    start: str | None = Field(default=None, description="First window, ISO 8601; needed for time windows.")
    end: str | None = Field(default=None, description="End of the last window, ISO 8601; absent: up to now.")
    timezone: str | None = Field(
        default=None, description="IANA zone of the windows; absent: the job's zone."
    )
    values: list[str] | None = Field(
        default=None, min_length=1, description="Keys of a `static` partitioning."
    )


class Execution(Section):
    """What runs, when, and how long it may take."""

    script_path: str | None = Field(
        default=None, min_length=1, description="Script, relative to the configuration file, or an s3:// URI."
    )
    script_type: Literal["pyspark", "python", "sql"] | None = Field(
        default=None, description="Absent: `sql` where `sql` or a .sql script is given, else `pyspark`."
    )
    sql: str | None = Field(
        default=None, min_length=1, description="A query, for small jobs without a script."
    )
    schedule: str | None = Field(
        default=None, description="Cron line of five fields, `streaming`, or absent: runs only when asked."
    )
    timezone: str = Field(default="UTC", description="IANA zone of the schedule and of `current_date`.")
    timeout_minutes: float = Field(
        default=60, gt=0, description="The run is stopped after this many minutes."
    )
    max_retries: int = Field(
        default=0, ge=0, description="Further attempts after a failure that a retry can help."
    )
    retry_delay_minutes: float = Field(default=1, ge=0, description="Wait before the first retry.")
    retry_backoff: Literal["fixed", "exponential"] = Field(
        default="fixed", description="`exponential` doubles the wait with each retry."
    )
    arguments: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Passed to the script as `--key value`."
    )
    partitions: Partitions | None = Field(default=None, description="How the target is cut; absent: not.")
    depends_on: list[Identifier] = Field(
        default_factory=list, description="Job ids that run first, besides what the data says."
    )
    python_modules: list[str] = Field(default_factory=list, description="Further modules of the script.")
    jars: list[str] = Field(default_factory=list, description="Further jars on Spark's class path.")
    spark_conf: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Spark settings of this job; they win over computed ones."
    )

    @property
    def kind(self) -> Literal["pyspark", "python", "sql"]:
        """The kind of script, with the default that follows from what is given."""
        is_query = self.sql is not None or (self.script_path or "").endswith(".sql")
        return self.script_type or ("sql" if is_query else "pyspark")
