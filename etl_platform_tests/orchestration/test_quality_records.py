"""What is kept of a target's quality after each run."""

from pathlib import Path

import pytest

from etl_platform.orchestration.quality_records import record_quality
from etl_platform.quality.engine import evaluate
from etl_platform.tracking.open import open_store
from etl_platform.tracking.records import ExecutionMetrics, QualityRecord
from etl_platform_tests.quality.builders import config_of, job_with, lake, write
from etl_platform_tests.tracking.build import an_execution, scores
from etl_platform_tests.tracking.stores import NOW

QUALITY = {"completeness_checks": [{"field": "x"}]}


def kept(folder: Path, rows: list[dict[str, int | None]], run_id: str = "run") -> list[QualityRecord]:
    """What is kept after ten like runs of ten rows without nulls, and one that wrote these."""
    job = job_with(QUALITY)
    config = config_of(job, folder=folder)
    write(rows, lake(folder))
    with open_store(config) as store:
        for age in range(10, 0, -1):
            metrics = ExecutionMetrics(records_written=10)
            store.put_execution(
                an_execution(
                    f"old-{age}", job_name="orders", timestamp=NOW - age * 1000, execution_metrics=metrics
                )
            )
            past = {"overall_score": 100.0, "null_percentage": 0.0}
            store.put_quality(scores(f"old-{age}", job_name="orders", timestamp=NOW - age * 1000, **past))
        store.put_execution(an_execution("new", job_name="orders", timestamp=NOW, dagster_run_id="run"))
        assert record_quality(config, job, evaluate(config, job, "target", engine="local"), run_id) is None
        return [each for each in store.quality_trend("orders") if each.execution_id == "new"]


def test_a_run_like_those_before_has_no_anomalies(tmp_path: Path) -> None:
    (record,) = kept(tmp_path, [{"x": n} for n in range(10)])
    assert (record.overall_score, record.trend, record.anomalies_detected) == (100.0, "stable", [])


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([{"x": None}] * 5 + [{"x": 1}] * 5, ["the overall score", "the percentage of nulls"]),
        ([{"x": 1}] * 3, ["the row count"]),
    ],
)
def test_what_is_out_of_line_with_the_past_is_named(
    rows: list[dict[str, int | None]], named: list[str], tmp_path: Path
) -> None:
    (record,) = kept(tmp_path, rows)
    assert record.anomalies_detected is not None
    assert [each.partition(" is ")[0] for each in record.anomalies_detected] == named


def test_of_data_that_another_run_wrote_nothing_is_kept(tmp_path: Path) -> None:
    assert kept(tmp_path, [{"x": 1}], run_id="another") == []
