"""A job that reads what has come since its last run, over three days."""

from pathlib import Path
from typing import Any

import pytest

from etl_platform_tests.runtime.awsglue.files import rows, write_text

pytestmark = pytest.mark.slow


def day(
    glue: Any,
    path: str,
    option: str = "job-bookmark-enable",
    *,
    run: str,
    commit: bool = True,
    bound: dict[str, str] | None = None,
    **more: Any,
) -> list[int]:
    """One run of the job; gives the ids that it read."""
    from awsglue.context import GlueContext
    from awsglue.job import Job

    context = GlueContext(glue.spark_context)
    job = Job(context)
    job.init("daily sales", {"job_bookmark_option": option, "JOB_RUN_ID": run, **more})
    frame = context.create_dynamic_frame.from_options(
        connection_type="s3",
        connection_options={"paths": [path], **(bound or {})},
        format="csv",
        format_options={"withHeader": True},
        transformation_ctx="sales",
    )
    found = sorted(int(row["id"]) for row in rows(frame))
    if commit:
        job.commit()
    return found


@pytest.fixture
def path(tmp_path: Path) -> str:
    return write_text(tmp_path / "sales", "id\n1\n2\n", "day1.csv")


def add(path: str, number: int, ids: list[int]) -> None:
    write_text(Path(path), "\n".join(["id", *map(str, ids), ""]), f"day{number}.csv")


def test_each_day_reads_what_is_new(glue: Any, path: str):
    days = [day(glue, path, run="r1")]
    add(path, 2, [3])
    days.append(day(glue, path, run="r2"))
    days.append(day(glue, path, run="r3"))
    assert days == [[1, 2], [3], []]


def test_without_a_commit_the_next_run_reads_it_again(glue: Any, path: str):
    assert day(glue, path, run="r1", commit=False) == [1, 2]
    assert day(glue, path, run="r2") == [1, 2]


def test_pause_reads_what_is_new_and_moves_nothing(glue: Any, path: str):
    day(glue, path, run="r1")
    add(path, 2, [3])
    assert day(glue, path, "job-bookmark-pause", run="r2") == [3]
    assert day(glue, path, run="r3") == [3]


def test_disabled_reads_all(glue: Any, path: str):
    day(glue, path, run="r1")
    assert day(glue, path, "job-bookmark-disable", run="r2") == [1, 2]


def test_a_file_that_has_changed_is_read_again(glue: Any, path: str):
    day(glue, path, run="r1")
    add(path, 1, [7])
    assert day(glue, path, run="r2") == [7]


def test_a_range_of_runs_is_read_again(glue: Any, path: str):
    day(glue, path, run="r1")
    add(path, 2, [3])
    day(glue, path, run="r2")
    add(path, 3, [4])
    day(glue, path, run="r3")
    again = day(glue, path, "job-bookmark-pause", run="r4", job_bookmark_from="r1", job_bookmark_to="r2")
    assert again == [3]


def test_tables_of_the_catalog_have_bookmarks_too(glue: Any, spark: Any, database: str, tmp_path: Path):
    from awsglue.context import GlueContext
    from awsglue.job import Job

    spark.range(2).write.format("parquet").option("path", str(tmp_path / "t")).saveAsTable(f"{database}.t")
    counts = []
    for run in ("r1", "r2", "r3"):
        context = GlueContext(spark.sparkContext)
        job = Job(context)
        job.init("tables", {"job_bookmark_option": "job-bookmark-enable", "JOB_RUN_ID": run})
        frame = context.create_dynamic_frame.from_catalog(
            database=database, table_name="t", transformation_ctx="t"
        )
        counts.append(frame.count())
        job.commit()
        if run == "r2":
            spark.range(5).write.mode("append").insertInto(f"{database}.t")
    assert counts == [2, 0, 5]


@pytest.mark.parametrize("bound", [{"boundedFiles": "1"}, {"boundedSize": "4"}])
def test_bounded_runs_leave_the_other_files_for_later(glue: Any, path: str, tmp_path: Path, bound: Any):
    write_text(tmp_path / "sales", "id\n3\n", "day2.csv")
    read = [day(glue, path, run=f"r{n}", bound=bound) for n in range(3)]
    assert read == [[1, 2], [3], []]
