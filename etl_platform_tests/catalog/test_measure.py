from pathlib import Path
from typing import Any, Literal, cast

import pytest

from etl_platform.catalog.cache import MeasurementCache
from etl_platform.catalog.context import Context
from etl_platform.catalog.measure import measure, measure_job, measure_jobs
from etl_platform.catalog.stats import TableStats
from etl_platform.config.models.data_sources import AnySource, Source
from etl_platform_tests.catalog.builders import config, job, measured, source, write_parquet


def stats_of(measured_at: float) -> TableStats:
    return TableStats(dataset="a", detected_by="test", measured_at=measured_at)


def test_a_job_gets_the_figures_of_each_source_by_name(tmp_path: Path):
    write_parquet(tmp_path / "a.parquet", 3)
    write_parquet(tmp_path / "b.parquet", 4)
    one = job(
        {"name": "left", "source_type": "file", "path": "a.parquet"},
        {"name": "right", "source_type": "file", "path": "b.parquet"},
    )
    stats = measure_job(config(tmp_path, one), one, cache=MeasurementCache())
    assert {name: found.row_count for name, found in stats.items()} == {"left": 3, "right": 4}


def test_jobs_that_share_a_source_measure_it_once(tmp_path: Path):
    write_parquet(tmp_path / "a.parquet", 3)
    jobs = [
        job(
            {"name": f"name_{number}", "source_type": "file", "path": "a.parquet", "size_gb": number},
            job_id=f"job_{number}",
        )
        for number in range(20)
    ]
    stats = measure_jobs(config(tmp_path, *jobs), jobs, cache=MeasurementCache())
    assert len({found.measured_at for by_name in stats.values() for found in by_name.values()}) == 1
    assert len(stats) == 20


def test_a_kept_measurement_serves_until_its_age(tmp_path: Path):
    cache = MeasurementCache()
    one, given = source("file", path="a.parquet"), config(tmp_path)
    write_parquet(tmp_path / "a.parquet", 3)
    measure(one, given, cache=cache)
    write_parquet(tmp_path / "a.parquet", 4)
    assert measure(one, given, cache=cache).row_count == 3
    assert measure(one, given, cache=cache, max_age_seconds=0).row_count == 4


def test_a_measurement_that_raises_is_not_kept():
    cache = MeasurementCache()

    def fail() -> TableStats:
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        cache.get("key", 60, fail)
    assert cache.get("key", 60, lambda: stats_of(1.0)).measured_at == 1.0


@pytest.mark.parametrize(
    ("keys", "size_gb", "said"),
    [
        ({"size_gb": 350.0}, 350.0, "size by size_gb of the configuration"),
        ({"expected_size_hint": "medium"}, 10.0, "roughly, by expected_size_hint `medium`"),
        ({"size_gb": 2.0, "expected_size_hint": "large"}, 2.0, "size by size_gb"),
    ],
)
def test_what_is_declared_counts_where_nothing_can_be_measured(
    tmp_path: Path, keys: dict[str, Any], size_gb: float, said: str
):
    stats = measured(source("dynamodb", table_name="users", **keys), config(tmp_path))
    assert stats.size_gb == size_gb
    assert said in stats.detected_by
    assert f"put files into {tmp_path / '.etl_platform' / 'dynamodb' / 'users'}" in stats.warnings[0]


def test_a_table_behind_a_server_is_measured_by_its_local_stand_in(tmp_path: Path):
    given = config(tmp_path)
    write_parquet(given.local_root / "redshift" / "c" / "d" / "public" / "products" / "p.parquet", 7)
    one = source("redshift", cluster="c", database="d", table="products")
    stats = measured(one, given)
    assert (stats.exists, stats.row_count, stats.columns["city"]) == (True, 7, "string")


def test_without_any_declaration_the_size_is_unknown(tmp_path: Path):
    stats = measured(source("kinesis", stream_name="clicks"), config(tmp_path))
    assert stats.size_gb is None
    assert stats.detected_by == "not detected"


def test_a_measured_size_wins_over_a_declared_one(tmp_path: Path):
    path = write_parquet(tmp_path / "a.parquet", 3)
    stats = measured(source("file", path="a.parquet", size_gb=99.0), config(tmp_path))
    assert stats.size_gb == path.stat().st_size / 2**30


def test_the_feature_flag_stops_all_measuring(tmp_path: Path):
    write_parquet(tmp_path / "a.parquet", 3)
    given = config(tmp_path, feature_flags={"enable_auto_size_detection": False})
    stats = measured(source("file", path="a.parquet", size_gb=5.0), given)
    assert (stats.size_gb, stats.row_count, stats.columns) == (5.0, None, {})
    assert "enable_auto_size_detection is off" in stats.detected_by


def test_a_source_that_wants_no_size_keeps_its_columns(tmp_path: Path):
    write_parquet(tmp_path / "a.parquet", 3)
    stats = measured(source("file", path="a.parquet", auto_detect_size=False), config(tmp_path))
    assert (stats.size_gb, stats.file_count, stats.row_count) == (None, None, None)
    assert stats.columns == {"order_id": "int64", "city": "string"}


def test_a_source_that_wants_no_partitions_gets_none(tmp_path: Path):
    write_parquet(tmp_path / "data/day=1/a.parquet", 3)
    stats = measured(source("file", path="data", auto_detect_partitions=False), config(tmp_path))
    assert (stats.partition_count, stats.partition_keys) == (None, None)


def test_a_source_that_wants_nothing_is_not_read(tmp_path: Path):
    keys = ("auto_detect_size", "auto_detect_partitions", "auto_detect_schema")
    off: dict[str, Any] = dict.fromkeys(keys, False)
    stats = measured(source("file", path="none.csv", **off), config(tmp_path))
    assert stats.warnings == ()


def test_declared_columns_fill_what_is_not_detected(tmp_path: Path):
    one = source("kafka", bootstrap_servers="a:1", topic="t", columns={"id": "bigint"})
    assert measured(one, config(tmp_path)).columns == {"id": "bigint"}


class Warehouse(Source):
    source_type: Literal["warehouse"]

    def measure(self, dataset: str, context: Context) -> TableStats:
        return TableStats(dataset=dataset, row_count=3, detected_by="itself", measured_at=context.now)


class Silent(Source):
    source_type: Literal["silent"]


def test_a_source_type_of_an_installed_package_tells_its_own_figures(tmp_path: Path):
    one = cast("AnySource", Warehouse(name="orders", source_type="warehouse"))
    assert measured(one, config(tmp_path)).row_count == 3


def test_a_source_type_that_tells_nothing_is_a_warning(tmp_path: Path):
    one = cast("AnySource", Silent(name="orders", source_type="silent"))
    stats = measured(one, config(tmp_path, profile="aws"))
    assert "sources of type silent cannot be measured" in stats.warnings[0]
