"""The contract of both engines: the same counts, those of the reference, for every kind of rule and value."""

from typing import Any

import pytest

from etl_platform.quality.engine import evaluate
from etl_platform_tests.quality import zoo
from etl_platform_tests.quality.builders import config_of, job_with, lake, write


def counts(folder: Any, engine: Any, spark: Any = None) -> tuple[list[str], list[int | None]]:
    write(zoo.zoo(), lake(folder))
    write([{"letter": letter} for letter in zoo.LETTERS], lake(folder, "letters"))
    source = {"name": "letters", "source_type": "s3", "path": "s3://lake/letters/"}
    execution = {"script_path": "x.py", "timezone": zoo.ZONE}
    job = job_with(zoo.quality(), sources=[source], execution=execution)
    config = config_of(job, folder=folder)
    report = evaluate(config, job, "target", engine=engine, spark=spark, show_values=False)
    assert report.engine == engine
    assert [result.error for result in report.results if result.error] == []
    names = [f"{result.rule.check_name}: {result.rule.description}" for result in report.results]
    return names, [result.rows_failed for result in report.results]


def different(folder: Any, engine: Any, spark: Any = None) -> dict[str, tuple[int | None, int | None]]:
    names, found = counts(folder, engine, spark)
    pairs = zip(names, zip(found, zoo.expected(zoo.zoo()), strict=True), strict=True)
    return {name: pair for name, pair in pairs if pair[0] != pair[1]}


def test_the_local_engine_counts_as_the_reference_does(tmp_path):
    assert different(tmp_path, "local") == {}


@pytest.mark.slow
def test_spark_counts_as_the_reference_does(tmp_path, spark):
    assert different(tmp_path, "spark", spark) == {}
