"""`sql` jobs: the engine answers the query, and the platform writes the answer to the target."""

import re
from typing import Any

from etl_platform.runtime import staging
from etl_platform.runtime.catalog import data_files
from etl_platform.runtime.contract import Json, Launch, TargetFiles
from etl_platform.runtime.empty_dataset import files_with_rows, write_empty

_PARAMETER = re.compile(r"(?<!:):([A-Za-z_]\w*)")


def _write(answer: Any, target: TargetFiles, folder: str) -> None:
    writer = answer.write.mode("overwrite").format(target.format)
    if target.format == "csv":
        writer = writer.option("header", "true")
    if target.partition_by:
        writer = writer.partitionBy(*target.partition_by)
    writer.save(folder)


def _count(session: Any, target: TargetFiles, folder: str) -> int:
    reader = session.read.format(target.format)
    if target.format == "csv":
        reader = reader.option("header", "true")
    return int(reader.load(folder).count())


def run_query(launch: Launch) -> Json:
    """Run a `sql` job in this process.

    The query may use the job's arguments as named parameters: `:PARTITION_KEY`.

    Args:
        launch: What is run. Without a target the answer's first rows are printed.

    Returns:
        `rows_written` and `files_written`; None without a target.
    """
    from pyspark.sql import SparkSession
    from pyspark.sql.pandas.types import to_arrow_schema

    session = SparkSession.Builder().appName(launch.job_id).getOrCreate()
    query = launch.text.strip().rstrip(";")
    used = set(_PARAMETER.findall(query))
    arguments = {name: value for name, value in launch.arguments.items() if name in used}
    answer = session.sql(query, args=arguments) if arguments else session.sql(query)
    target = launch.target
    if target is None:
        answer.show(20, truncate=False)
        return None
    staging.recover(target.path)
    with staging.staging_folder(target.path) as folder:
        _write(answer, target, str(folder))
        files = len(list(data_files(folder)))
        rows = _count(session, target, str(folder)) if files else 0
        by_partition = target.mode == "overwrite_partitions" and target.partition_by
        keeps = (target.mode == "append" or by_partition) and files_with_rows(target.path)
        if not files and keeps:
            return {"rows_written": 0, "files_written": 0}
        if not files:
            write_empty(to_arrow_schema(answer.schema), target.format, folder)
            files = 1
        if keeps and by_partition:
            staging.replace_partitions(folder, target.path)
        elif keeps:
            staging.add_files(folder, target.path)
        else:
            staging.replace_folder(folder, target.path)
    return {"rows_written": rows, "files_written": files}
