import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from pyarrow import parquet

from etl_platform_tests.catalog.builders import config, job, measured, source

pytestmark = pytest.mark.slow

Client = Callable[[str], Any]


def put(aws: Client, key: str, body: bytes) -> None:
    aws("s3").put_object(Bucket="lake", Key=key, Body=body)


def parquet_bytes(rows: int) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table({"id": list(range(rows))}), file)
    return file.getvalue()


@pytest.fixture
def bucket(aws: Client) -> Client:
    aws("s3").create_bucket(Bucket="lake")
    return aws


def test_a_prefix_is_measured_from_its_listing_and_footers(bucket: Client, tmp_path: Path):
    put(bucket, "orders/day=1/a.parquet", parquet_bytes(10))
    put(bucket, "orders/day=2/b.parquet", parquet_bytes(20))
    put(bucket, "orders/_SUCCESS", b"")
    put(bucket, "orders_old/a.parquet", parquet_bytes(99))

    stats = measured(source("s3", path="s3://lake/orders"), config(tmp_path, profile="aws"))

    assert (stats.file_count, stats.row_count, stats.partition_count) == (2, 30, 2)
    assert stats.size_gb == (len(parquet_bytes(10)) + len(parquet_bytes(20))) / 2**30
    assert stats.columns == {"id": "int64", "day": "string"}
    assert "S3 listing of s3://lake/orders" in stats.detected_by


def test_one_object_is_a_dataset_too(bucket: Client, tmp_path: Path):
    put(bucket, "raw/orders.csv", b"id,city\n1,Ulm\n")
    stats = measured(source("s3", path="s3://lake/raw/orders.csv"), config(tmp_path, profile="aws"))
    assert (stats.file_count, stats.format, stats.columns) == (1, "csv", {"id": "int64", "city": "string"})


def test_format_by_content_where_the_suffix_does_not_tell(bucket: Client, tmp_path: Path):
    put(bucket, "raw/part-0001", parquet_bytes(5))
    stats = measured(source("s3", path="s3://lake/raw/"), config(tmp_path, profile="aws"))
    assert (stats.format, stats.row_count) == ("parquet", 5)


def test_a_compressed_csv_tells_its_columns(bucket: Client, tmp_path: Path):
    put(bucket, "raw/a.csv.gz", gzip.compress(b"id,city\n1,Ulm\n"))
    stats = measured(source("s3", path="s3://lake/raw/"), config(tmp_path, profile="aws"))
    assert (stats.compression, list(stats.columns)) == ("gzip", ["id", "city"])


def test_many_footers_are_sampled_and_said(bucket: Client, tmp_path: Path):
    body = parquet_bytes(10)
    for number in range(25):
        put(bucket, f"orders/{number}.parquet", body)
    stats = measured(source("s3", path="s3://lake/orders/"), config(tmp_path, profile="aws"))
    assert (stats.row_count, stats.rows_estimated) == (250, True)
    assert "20 of 25 footers" in stats.detected_by


def test_a_listing_goes_over_all_its_pages(bucket: Client, tmp_path: Path):
    stored = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for number in range(1001):
        stored.put_object("lake", f"raw/{number}.avro", b"Obj\x01")
    stats = measured(source("s3", path="s3://lake/raw/"), config(tmp_path, profile="aws"))
    assert stats.file_count == 1001
    assert [finding.type for finding in stats.findings] == ["small_files"]
    assert "coalesce(1)" in stats.findings[0].recommendation


def test_a_missing_bucket_is_a_warning_that_names_the_call(bucket: Client, tmp_path: Path):
    stats = measured(source("s3", path="s3://none/orders/"), config(tmp_path, profile="aws"))
    assert (stats.exists, stats.size_gb) == (False, None)
    assert "s3 ListObjectsV2 failed with NoSuchBucket" in stats.warnings[0]


def test_an_empty_prefix_is_missing(bucket: Client, tmp_path: Path):
    stats = measured(source("s3", path="s3://lake/none/"), config(tmp_path, profile="aws"))
    assert stats.exists is False
    assert "s3://lake/none/: there are no data objects" in stats.warnings[0]


def test_a_pattern_is_not_guessed_at(bucket: Client, tmp_path: Path):
    stats = measured(source("s3", path="s3://lake/2024*/x"), config(tmp_path, profile="aws"))
    assert stats.size_gb is None
    assert "pattern" in stats.warnings[0]


def test_the_target_of_another_job_is_read_where_it_is_written(bucket: Client, tmp_path: Path):
    put(bucket, "gold/a.parquet", parquet_bytes(4))
    writer = job(job_id="writer", target={"type": "s3", "path": "s3://lake/gold/"})
    stats = measured(source("job", job_id="writer"), config(tmp_path, writer, profile="aws"))
    assert stats.row_count == 4
