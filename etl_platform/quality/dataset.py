"""A dataset of a job, opened in the engine that suits its size."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from etl_platform.catalog.location import Location
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.files import Files, find_files
from etl_platform.quality.frame import Frame
from etl_platform.quality.locations import locate
from etl_platform.quality.partitions import partition_folders

Engine = Literal["auto", "local", "spark"]

AUTO_LOCAL_LIMIT_GB = 10.0
"""Size of files up to which `auto` stays on this machine.

Ten rules over 0.63 GB of Parquet took 4 to 8 s on two busy cores (`make bench` measures it), so that this
much takes one to two minutes: about what a Glue or EMR Serverless session takes to start.
"""


class NoSparkError(RuntimeError):
    """The rules are to run on Spark, and the caller gave no session."""


@dataclass
class Dataset:
    """A dataset of a job in an engine.

    Attributes:
        frame: Its rows.
        files: Its files.
        location: Where it stands.
        folders: Folder values that were read; empty: all.
        open_other: Opens another dataset of the job in the same engine, by name.
    """

    frame: Frame
    files: Files
    location: Location
    folders: Mapping[str, str]
    open_other: Callable[[str], Frame]
    _others: dict[str, Frame] = field(default_factory=dict)

    def other(self, name: str) -> Frame:
        """Another dataset of the same job, in the same engine; all of its partitions.

        Raises:
            NoLocationError: It has no files.
            NoDataError: Its files are missing.
            QueryError: They cannot be read.
        """
        if name not in self._others:
            self._others[name] = self.open_other(name)
        return self._others[name]

    @property
    def scans(self) -> int:
        """Passes over this dataset's files and those of the others so far."""
        return self.frame.scans + sum(other.scans for other in self._others.values())


def dataset_files(config: Config, job: Job, name: str, *, folders: Mapping[str, str] | None = None) -> Files:
    """The files of a dataset of a job.

    Raises:
        NoLocationError: It has no files.
        NoDataError: They are missing, or of a format that checks do not read.
    """
    options = next((s.read_options for s in job.data_sources if s.name == name), {})
    location = locate(name, job, config)
    return find_files(location, options=options, folders=folders, region=config.settings.aws_region)


@contextmanager
def open_dataset(
    config: Config,
    job: Job,
    name: str,
    *,
    engine: Engine = "auto",
    spark: Any = None,
    partition_key: str | None = None,
) -> Iterator[Dataset]:
    """Open a dataset, and close the engine's connection at the end.

    Args:
        config: The configuration.
        job: The job.
        name: `target`, or the name of a source.
        engine: `local` (DuckDB), `spark`, or `auto`: local up to AUTO_LOCAL_LIMIT_GB or where there is no
            session, else Spark.
        spark: A `SparkSession`, or a function that gives one, called only where it is needed.
        partition_key: Only the folders of this partition, where the dataset is cut that way.

    Raises:
        NoLocationError: The dataset has no files.
        NoDataError: They are missing, or of a format that checks do not read.
        NoSparkError: The engine is `spark`, and no session was given.
        QueryError: The files cannot be read as they are said to be.
    """
    from etl_platform.quality.local_frame import connect, open_local

    location = locate(name, job, config)
    files = dataset_files(config, job, name)
    folders = partition_folders(job, partition_key, files.partitions) or {}
    if folders:
        files = dataset_files(config, job, name, folders=folders)
    if engine == "spark" and spark is None:
        raise NoSparkError("the engine `spark` needs a Spark session; run with the engine `local` or `auto`.")
    zone = job.execution.timezone
    if engine == "spark" or (engine == "auto" and spark and files.bytes > AUTO_LOCAL_LIMIT_GB * 2**30):
        from etl_platform.quality.spark_frame import open_spark, session_of

        with session_of(spark() if callable(spark) else spark, zone) as session:

            def open_in_spark(other: str) -> Frame:
                return open_spark(session, f"other_{other}", dataset_files(config, job, other), zone)

            yield Dataset(open_spark(session, "data", files, zone), files, location, folders, open_in_spark)
        return
    with connect(zone) as connection:

        def open_here(other: str) -> Frame:
            return open_local(connection, f"other_{other}", dataset_files(config, job, other))

        yield Dataset(open_local(connection, "data", files), files, location, folders, open_here)
