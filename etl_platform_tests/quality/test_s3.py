"""Rules on S3, over HTTP against a server that speaks S3's protocol."""

from collections.abc import Iterator
from io import BytesIO
from urllib.request import Request, urlopen

import boto3
import pyarrow as pa
import pytest
from moto.server import ThreadedMotoServer
from pyarrow import parquet as pq

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.project import Config
from etl_platform.quality.engine import evaluate
from etl_platform_tests.quality import zoo
from etl_platform_tests.quality.builders import job_with

pytestmark = pytest.mark.slow


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    with urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")):
        pass
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="lake")
    yield lambda key, rows: client.put_object(
        Bucket="lake", Key=key, Body=rows if isinstance(rows, bytes) else parquet(rows)
    )
    server.stop()


def parquet(rows) -> bytes:
    buffer = BytesIO()
    pq.write_table(rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def config_of(folder, job):
    return Config(path=folder / "etl_config.json", jobs=(job,), settings=GlobalSettings(), profile="aws")


def evaluated(tmp_path, quality, **options):
    job = job_with(quality, target={"type": "s3", "path": "s3://lake/out/", "partition_by": ["day"]})
    return evaluate(config_of(tmp_path, job), job, "target", engine="local", **options)


NULLS = {"completeness_checks": [{"field": "x"}, {"field": "day"}]}


def test_rules_are_evaluated_where_the_data_is(bucket, tmp_path):
    bucket("out/day=2024-01-01/a.parquet", [{"x": 1}, {"x": None}])
    bucket("out/day=2024-01-02/a.parquet", [{"x": 3}])
    bucket("out/_temporary/b.parquet", [{"x": None}])
    report = evaluated(tmp_path, NULLS)
    assert [(r.rows_checked, r.rows_failed, r.error) for r in report.results] == [(3, 1, None), (3, 0, None)]
    assert report.columns["day"] == "date"


def test_only_the_folder_of_the_partition_is_read(bucket, tmp_path):
    bucket("out/day=2024-01-01/a.parquet", [{"x": None}])
    bucket("out/day=2024-01-02/a.parquet", [{"x": 3}])
    report = evaluated(tmp_path, NULLS, partition_key="2024-01-02")
    assert [(r.rows_checked, r.rows_failed) for r in report.results] == [(1, 0), (1, 0)]


@pytest.mark.parametrize(
    ("key", "said"), [("elsewhere/a.parquet", "does not exist"), ("out/_SUCCESS", "holds no data files")]
)
def test_a_prefix_without_data_is_missing_data(key, said, bucket, tmp_path):
    bucket(key, [{"x": 1}])
    for result in evaluated(tmp_path, NULLS).results:
        assert not result.passed
        assert result.error is not None and f"s3://lake/out/ {said}" in result.error


def test_files_of_different_columns_are_read_together(bucket, tmp_path):
    bucket("out/day=2024-01-01/a.parquet", [{"x": None}])
    bucket("out/day=2024-01-02/a.parquet", [{"x": 3, "y": "b"}])
    report = evaluated(tmp_path, {"completeness_checks": [{"field": "x"}, {"field": "y"}]})
    assert [(r.rows_checked, r.rows_failed) for r in report.results] == [(2, 1), (2, 1)]


def test_rules_of_every_kind_count_on_s3_as_the_reference_does(bucket, tmp_path):
    table = zoo.zoo()
    bucket("out/a.parquet", table.slice(0, 150))
    bucket("out/b.parquet", table.slice(150))
    bucket("letters/a.parquet", pa.table({"letter": pa.array(zoo.LETTERS, pa.string())}))
    job = job_with(
        zoo.quality(),
        sources=[{"name": "letters", "source_type": "s3", "path": "s3://lake/letters/"}],
        execution={"script_path": "x.py", "timezone": zoo.ZONE},
    )
    report = evaluate(config_of(tmp_path, job), job, "target", engine="local")
    assert [result.error for result in report.results if result.error] == []
    assert [result.rows_failed for result in report.results] == zoo.expected(table)


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("out/a.csv", b"x;s\n1;a\n;b\n3;\n"),
        ("out/a.json", b'{"x": 1, "s": "a"}\n{"s": "b"}\n{"x": 3, "s": null}\n'),
    ],
)
def test_text_files_on_s3_are_read_as_those_of_this_machine(key, content, bucket, tmp_path):
    bucket(key, content)
    kind = key.rpartition(".")[2]
    quality = {"completeness_checks": [{"field": "x"}, {"field": "s"}]}
    job = job_with(quality, target={"type": "s3", "path": "s3://lake/out/", "format": kind})
    report = evaluate(config_of(tmp_path, job), job, "target", engine="local")
    assert [(r.rows_checked, r.rows_failed, r.error) for r in report.results] == [(3, 1, None), (3, 1, None)]
    assert report.columns == {"x": "bigint", "s": "string"}
