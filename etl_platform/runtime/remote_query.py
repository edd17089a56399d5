"""Answers the query of a `sql` job on a Spark service and writes the answer to the job's target.

It stands alone, also on Python 3.9: Glue, EMR and EMR Serverless run this file as the job's script.
`--etl-platform-query` names a JSON file in S3 with `query` and `target`; all other arguments are the query's
named parameters.

New files are written beside the old ones, which are removed once the new ones are complete. So a run that
fails leaves the old data as it was, and a query may read the table that it writes.
"""

import json
import re
import sys
from typing import Any

from pyspark.sql import DataFrame, SparkSession

QUERY_ARGUMENT = "--etl-platform-query"
FILE_FORMATS = ("parquet", "orc", "csv", "json")
_PARAMETER = re.compile(r"(?<!:):([A-Za-z_]\w*)")


class TargetError(ValueError):
    """A target that a query cannot be written to."""


def main() -> None:
    """Run the query that the command line names."""
    session = SparkSession.Builder().enableHiveSupport().getOrCreate()
    # Services add arguments of their own, some of them without a value.
    arguments = {name[2:]: sys.argv[at] for at, name in enumerate(sys.argv[:-1], 1) if name.startswith("--")}
    plan = session.read.text(arguments[QUERY_ARGUMENT[2:]], wholetext=True).collect()[0][0]
    run(session, json.loads(plan), arguments)


def run(session: SparkSession, plan: dict[str, Any], arguments: dict[str, str]) -> None:
    """Answer a query and write the answer.

    Args:
        session: Spark, with the catalog that the query names tables of.
        plan: `query` and `target`; without a target the first rows are printed.
        arguments: Values of the query's named parameters: `:PARTITION_KEY`.

    Raises:
        TargetError: The target's table is of a kind that cannot be written here.
    """
    query = plan["query"].strip().rstrip(";")
    used = set(_PARAMETER.findall(query))
    values: dict[str, Any] = {name: value for name, value in arguments.items() if name in used}
    answer = session.sql(query, args=values) if values else session.sql(query)
    target = plan["target"]
    if target is None:
        answer.show(20, truncate=False)
        return
    if target["type"] == "s3":
        _write(session, answer, target, target["path"])
        return
    name = f"`{target['database']}`.`{target['table']}`"
    if session.catalog.tableExists(f"{target['database']}.{target['table']}"):
        about = {row[0]: row[1] for row in session.sql(f"DESCRIBE TABLE EXTENDED {name}").collect()}
        kind = about.get("Provider", "").lower()
        if kind not in (*FILE_FORMATS, "hive"):
            raise TargetError(
                f"the target {name} is a table of {kind or 'an unknown kind'}, and queries are written to "
                f"files of {', '.join(FILE_FORMATS)} only; write it in a script."
            )
        _write(session, answer, target, about["Location"])
        if target["partition_by"]:
            session.sql(f"MSCK REPAIR TABLE {name}")
        session.catalog.refreshTable(f"{target['database']}.{target['table']}")
        return
    writer = answer.write.format(target["format"]).partitionBy(*target["partition_by"])
    if target["path"]:
        writer = writer.option("path", target["path"])
    writer.saveAsTable(f"{target['database']}.{target['table']}")


def _write(session: SparkSession, answer: DataFrame, target: dict[str, Any], folder: str) -> None:
    before = _files(session, folder)
    _append(answer, target, target["partition_by"], folder)
    after = _files(session, folder)
    new = after - before
    by_partition = target["mode"] == "overwrite_partitions" and target["partition_by"]
    if not new and not (before and (target["mode"] == "append" or by_partition)):
        # Spark writes no file for no rows where folders name columns; the dataset must keep its columns.
        _append(answer.limit(0).coalesce(1), target, [], folder)
        new = _files(session, folder) - before
    if target["mode"] == "append":
        return
    replaced = {file.rpartition("/")[0] for file in new}
    _remove(session, {file for file in before if not by_partition or file.rpartition("/")[0] in replaced})


def _append(answer: DataFrame, target: dict[str, Any], partition_by: list[str], folder: str) -> None:
    writer = answer.write.mode("append").format(target["format"])
    if target["format"] == "csv":
        writer = writer.option("header", "true")
    if partition_by:
        writer = writer.partitionBy(*partition_by)
    writer.save(folder)


def _files(session: SparkSession, folder: str) -> set[str]:
    """Addresses of the data files below a folder; what starts with `_` or `.` is none of them."""
    path, system = _hadoop(session, folder)
    if not system.exists(path):
        return set()
    found, files = set(), system.listFiles(path, True)
    root = system.resolvePath(path).toString()
    while files.hasNext():
        name = files.next().getPath().toString()
        inside = name[len(root) :].strip("/").split("/")
        if not any(part.startswith(("_", ".")) for part in inside):
            found.add(name)
    return found


def _remove(session: SparkSession, files: set[str]) -> None:
    for file in files:
        path, system = _hadoop(session, file)
        system.delete(path, False)


def _hadoop(session: SparkSession, uri: str) -> tuple[Any, Any]:
    """The address and its file system, as Hadoop has them."""
    context: Any = session.sparkContext
    path = context._jvm.org.apache.hadoop.fs.Path(uri)
    return path, path.getFileSystem(context._jsc.hadoopConfiguration())


if __name__ == "__main__":
    main()
