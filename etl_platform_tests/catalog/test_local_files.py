import gzip
import os
from pathlib import Path

import pytest

from etl_platform.catalog import local_files
from etl_platform_tests.catalog.builders import config, job, measured, source, write_parquet


def test_a_glue_table_under_the_local_root_is_measured_from_its_files(tmp_path: Path):
    table = tmp_path / ".etl_platform/glue/sales/orders"
    write_parquet(table / "day=2024-01-01/a.parquet", 10)
    write_parquet(table / "day=2024-01-02/b.parquet", 20)
    (table / "_SUCCESS").write_text("")

    stats = measured(source("glue_catalog", database="sales", table="orders"), config(tmp_path))

    size = sum(path.stat().st_size for path in table.rglob("*.parquet"))
    assert stats.model_dump(
        include={"exists", "file_count", "row_count", "rows_estimated", "partition_count", "format"}
    ) == {
        "exists": True,
        "file_count": 2,
        "row_count": 30,
        "rows_estimated": False,
        "partition_count": 2,
        "format": "parquet",
    }
    assert stats.size_gb == size / 2**30
    assert stats.partition_keys == ("day",)
    assert stats.columns == {"order_id": "int64", "city": "string", "day": "string"}
    assert stats.compression == "snappy"


def test_an_s3_prefix_reads_its_local_stand_in(tmp_path: Path):
    write_parquet(tmp_path / ".etl_platform/s3/raw/orders/a.parquet", 7)
    assert measured(source("s3", path="s3://raw/orders/"), config(tmp_path)).row_count == 7


def test_the_target_of_another_job_is_measured_from_its_files(tmp_path: Path):
    target = {"type": "glue_catalog", "database": "gold", "table": "daily"}
    writer = job(job_id="writer", target=target)
    write_parquet(tmp_path / ".etl_platform/glue/gold/daily/a.parquet", 5)
    assert measured(source("job", job_id="writer"), config(tmp_path, writer)).row_count == 5


def test_a_target_of_another_job_without_files_says_why(tmp_path: Path):
    stats = measured(source("job", job_id="writer"), config(tmp_path, job(job_id="writer")))
    assert stats.size_gb is None
    assert 'job "writer" has no target' in stats.warnings[0]


def test_a_missing_file_is_a_warning_and_unknown(tmp_path: Path):
    stats = measured(source("file", path="data/none.csv"), config(tmp_path))
    assert (stats.exists, stats.size_gb, stats.file_count) == (False, None, None)
    assert "data/none.csv: there is no such file or folder" in stats.warnings[0]


def test_an_empty_folder_is_missing_data(tmp_path: Path):
    (tmp_path / "data").mkdir()
    assert measured(source("file", path="data"), config(tmp_path)).exists is False


def test_more_files_than_the_sample_estimate_rows_by_bytes_and_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(local_files, "FOOTERS", 3)
    for number in range(9):
        write_parquet(tmp_path / f"data/{number}.parquet", 100)
    stats = measured(source("file", path="data"), config(tmp_path))
    assert (stats.row_count, stats.rows_estimated) == (900, True)
    assert "rows estimated from 3 of 9 footers" in stats.detected_by


def test_a_broken_parquet_file_is_named_and_the_others_count(tmp_path: Path):
    write_parquet(tmp_path / "data/a.parquet", 100)
    (tmp_path / "data/b.parquet").write_bytes(b"PAR1 not parquet")
    stats = measured(source("file", path="data"), config(tmp_path))
    assert "b.parquet: cannot read its parquet footer" in stats.warnings[0]
    assert stats.file_count == 2
    assert stats.rows_estimated


def test_csv_columns_come_from_its_head(tmp_path: Path):
    (tmp_path / "a.csv").write_text("id;name\n1;Ann\n2;Bob\n")
    stats = measured(source("file", path="a.csv", read_options={"sep": ";"}), config(tmp_path))
    assert stats.columns == {"id": "int64", "name": "string"}
    assert stats.row_count is None


def test_csv_without_a_header_tells_no_columns(tmp_path: Path):
    (tmp_path / "a.csv").write_text("1,Ann\n2,Bob\n")
    stats = measured(source("file", path="a.csv", read_options={"header": "false"}), config(tmp_path))
    assert stats.columns == {}


def test_json_lines_in_gzip_are_recognized_by_content(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/part-0").write_bytes(gzip.compress(b'{"id": 1}\n{"id": 2}\n'))
    stats = measured(source("file", path="data"), config(tmp_path))
    assert (stats.format, stats.compression, stats.columns) == ("json", "gzip", {"id": "int64"})


def test_orc_rows_come_from_its_footer(tmp_path: Path):
    import pyarrow as pa
    from pyarrow import orc

    orc.write_table(pa.table({"id": [1, 2, 3]}), tmp_path / "a.orc", compression="zlib")
    stats = measured(source("file", path="a.orc"), config(tmp_path))
    assert (stats.row_count, stats.columns, stats.compression) == (3, {"id": "int64"}, "zlib")


def test_a_partition_filter_counts_only_what_it_keeps(tmp_path: Path):
    for day in (1, 2, 3):
        write_parquet(tmp_path / f"data/day={day}/a.parquet", 10)
    one = source("file", path="data", partition_filter="day >= 2")
    stats = measured(one, config(tmp_path))
    assert stats.filtered_partition_count == 2
    assert stats.size_gb is not None
    assert stats.read_gb == pytest.approx(stats.size_gb * 2 / 3)


def test_a_partition_filter_over_unknown_columns_is_a_warning(tmp_path: Path):
    write_parquet(tmp_path / "data/day=1/a.parquet", 10)
    stats = measured(source("file", path="data", partition_filter="month = 2"), config(tmp_path))
    assert stats.filtered_gb is None
    assert "partition_filter `month = 2` cannot be evaluated over day" in stats.warnings[0]


def test_a_partition_filter_cannot_read_files(tmp_path: Path):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    write_parquet(tmp_path / "data/day=1/a.parquet", 10)
    filter_sql = f"day = (SELECT a FROM read_csv('{tmp_path}/secret.csv'))"
    stats = measured(source("file", path="data", partition_filter=filter_sql), config(tmp_path))
    assert "cannot be evaluated" in stats.warnings[0]


def test_small_files_are_a_finding_with_a_number_to_coalesce_to(tmp_path: Path):
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(1001):
        (folder / f"{number:04}.csv").write_bytes(b"a,b\n")
    with (folder / "big.csv").open("wb") as big:
        os.truncate(big.fileno(), 300 * 2**20)
    stats = measured(source("file", path="data", auto_detect_schema=False), config(tmp_path))
    (finding,) = stats.findings
    assert finding.type == "small_files"
    assert "1,002 files of 0.30 MB" in finding.description
    assert "coalesce(3)" in finding.recommendation


def test_a_thousand_files_are_no_finding(tmp_path: Path):
    (tmp_path / "data").mkdir()
    for number in range(1000):
        (tmp_path / f"data/{number:04}.csv").write_bytes(b"a\n")
    assert measured(source("file", path="data"), config(tmp_path)).findings == ()


def test_a_delta_log_is_not_data_and_is_said(tmp_path: Path):
    write_parquet(tmp_path / "data/a.parquet", 10)
    (tmp_path / "data/_delta_log").mkdir()
    (tmp_path / "data/_delta_log/0.json").write_text("{}")
    stats = measured(source("file", path="data"), config(tmp_path))
    assert stats.file_count == 1
    assert "Delta Lake table" in stats.warnings[0]


def test_the_data_version_changes_with_the_data(tmp_path: Path):
    one = source("file", path="a.parquet")
    write_parquet(tmp_path / "a.parquet", 10)
    before = measured(one, config(tmp_path)).data_version
    write_parquet(tmp_path / "a.parquet", 1000)
    assert measured(one, config(tmp_path)).data_version != before
