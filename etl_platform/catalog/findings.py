"""What is wrong with data, or with the way a job uses it, and what to do about it."""

from pydantic import BaseModel, ConfigDict

from etl_platform.config.models.base import Severity

SMALL_FILE_MB = 128
"""Average under which files are small: the default of Spark's `spark.sql.files.maxPartitionBytes`."""

MANY_FILES = 1000
"""Number of files from which small ones hurt: one page of an S3 listing."""


class Finding(BaseModel):
    """One thing worth changing.

    Attributes:
        type: Stable name of the kind of finding, such as `small_files`.
        severity: How much it matters.
        category: Group it is shown under, such as `small_files` or `join`.
        dataset: Name of the source that it is about; None where it is about the job.
        description: What was found, with its figures.
        recommendation: What to do.
    """

    model_config = ConfigDict(frozen=True)

    type: str
    severity: Severity
    category: str
    dataset: str | None = None
    description: str
    recommendation: str


def small_files(dataset: str, size_bytes: int, file_count: int) -> tuple[Finding, ...]:
    """The small-files finding, where there are more than MANY_FILES under SMALL_FILE_MB on average.

    Returns:
        None or one finding; its recommendation names the number of files to coalesce to.
    """
    if file_count <= MANY_FILES or size_bytes >= file_count * SMALL_FILE_MB * 2**20:
        return ()
    target = coalesce_target(size_bytes)
    average_mb = size_bytes / file_count / 2**20
    return (
        Finding(
            type="small_files",
            severity="medium",
            category="small_files",
            dataset=dataset,
            description=f"{file_count:,} files of {average_mb:.2f} MB on average; "
            f"over {MANY_FILES:,} files under {SMALL_FILE_MB} MB cost requests and slow each reader down.",
            recommendation=f"Let the job that writes them `coalesce({target})`: "
            f"{target:,} files of about {size_bytes / target / 2**20:.1f} MB.",
        ),
    )


def coalesce_target(size_bytes: int) -> int:
    """How many files of SMALL_FILE_MB hold that many bytes; at least one."""
    return max(1, -(-size_bytes // (SMALL_FILE_MB * 2**20)))
