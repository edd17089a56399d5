"""What a remote run left in S3 and in the Glue catalog, measured over HTTP."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from etl_platform.platforms.artifacts import write
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.event_logs import event_log_uri, metrics_of_event_logs
from etl_platform.platforms.figures import Figures
from etl_platform.platforms.target_figures import target_figures
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, aws_stand_in
from etl_platform_tests.platforms.builders import config_of, job_of, request_of
from etl_platform_tests.tracking.stand_in import moto_server

pytestmark = pytest.mark.slow

BUCKET = "s3://measured"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsStandIn]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with aws_stand_in(moto) as stand_in:
        yield stand_in


@pytest.fixture
def access(aws: AwsStandIn) -> AwsAccess:
    access = AwsAccess(region="us-east-1", endpoint_url=aws.url, attempts=1)
    access.client("s3").create_bucket(Bucket="measured")
    return access


def events(*tasks: dict[str, Any]) -> bytes:
    lines = [{"Event": "SparkListenerTaskEnd", "Task Metrics": metrics} for metrics in tasks]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def wrote(rows: int) -> dict[str, Any]:
    return {"Output Metrics": {"Records Written": rows, "Bytes Written": 2**30}}


def rows_of(count: int) -> bytes:
    content = io.BytesIO()
    parquet.write_table(pa.table({"id": range(count)}), content)
    return content.getvalue()


class TestEventLogs:
    def test_logs_of_all_applications_of_a_run_are_summed(self, access: AwsAccess) -> None:
        write(access, f"{BUCKET}/logs/one/application_1", events(wrote(3)))
        write(access, f"{BUCKET}/logs/one/eventlog_v2_2/events_1_x", events(wrote(4)))
        write(access, f"{BUCKET}/logs/one/eventlog_v2_2/events_2_x", events(wrote(5)))
        write(access, f"{BUCKET}/logs/one/eventlog_v2_2/appstatus_x", b"")
        figures = metrics_of_event_logs(access, f"{BUCKET}/logs/one")
        assert (figures.metrics.records_written, figures.metrics.data_written_gb) == (12, 3.0)
        assert figures.usage["cpu_seconds"] == 0 and not figures.warnings

    def test_no_log_is_a_warning(self, access: AwsAccess) -> None:
        figures = metrics_of_event_logs(access, f"{BUCKET}/logs/none")
        assert not figures.values and "left no event log" in figures.warnings[0]

    def test_a_broken_log_is_a_warning(self, access: AwsAccess) -> None:
        write(access, f"{BUCKET}/logs/broken/app", b"no event\n" + events(wrote(1)))
        figures = metrics_of_event_logs(access, f"{BUCKET}/logs/broken")
        assert not figures.values and "not an event of Spark" in figures.warnings[0]

    def test_each_run_has_a_folder_of_its_own(self, tmp_path: Path) -> None:
        job = job_of(platform={"spark_event_logs_path": "s3://logs/spark/"})
        assert event_log_uri(request_of(config_of(tmp_path), job)) == "s3://logs/spark/exec-1"
        config = config_of(tmp_path, artifacts={"s3_uri": "s3://art/etl"})
        assert event_log_uri(request_of(config, job_of())) == "s3://art/etl/event-logs/exec-1"


class TestTarget:
    def test_files_bytes_and_rows_of_this_run_are_counted(self, access: AwsAccess) -> None:
        folder = f"{BUCKET}/orders"
        content = rows_of(7)
        write(access, f"{folder}/day=1/part-0.parquet", content)
        write(access, f"{folder}/_SUCCESS", b"")
        job = job_of(target={"type": "s3", "path": folder})
        location, figures = target_figures(access, job, time.time() - 60, succeeded=True)
        assert location == folder
        assert figures.values == {
            "output_file_count": 1,
            "output_avg_file_mb": len(content) / 2**20,
            "data_written_gb": len(content) / 2**30,
            "records_written": 7,
        }

    def test_older_files_are_of_earlier_runs(self, access: AwsAccess) -> None:
        write(access, f"{BUCKET}/older/part-0.parquet", rows_of(1))
        job = job_of(target={"type": "s3", "path": f"{BUCKET}/older"})
        _, figures = target_figures(access, job, time.time() + 3600, succeeded=True)
        assert figures.values == {"output_file_count": 0}

    def test_rows_of_text_files_are_unknown(self, access: AwsAccess) -> None:
        write(access, f"{BUCKET}/lines/part-0.csv", b"a\n1\n")
        job = job_of(target={"type": "s3", "path": f"{BUCKET}/lines/", "format": "csv"})
        _, figures = target_figures(access, job, time.time() - 60, succeeded=True)
        assert figures.metrics.output_file_count == 1 and figures.metrics.records_written is None

    def test_a_success_without_files_is_a_warning(self, access: AwsAccess) -> None:
        job = job_of(target={"type": "s3", "path": f"{BUCKET}/empty"})
        warnings = [
            target_figures(access, job, time.time(), succeeded=ok)[1].warnings for ok in (True, False)
        ]
        assert "wrote no file" in warnings[0][0] and not warnings[1]

    def test_the_place_of_a_table_is_in_the_catalog(self, access: AwsAccess) -> None:
        glue = access.client("glue")
        glue.create_database(DatabaseInput={"Name": "shop"})
        storage = {"Location": f"{BUCKET}/table/"}
        glue.create_table(DatabaseName="shop", TableInput={"Name": "orders", "StorageDescriptor": storage})
        write(access, f"{BUCKET}/table/part-0.parquet", rows_of(2))
        job = job_of(target={"type": "glue_catalog", "database": "shop", "table": "orders"})
        location, figures = target_figures(access, job, time.time() - 60, succeeded=True)
        assert (location, figures.metrics.records_written) == (f"{BUCKET}/table/", 2)

    def test_an_iceberg_table_tells_by_its_snapshots(self, access: AwsAccess) -> None:
        summary = {"added-data-files": "2", "added-files-size": str(2**21), "added-records": "9"}
        snapshots = [{"timestamp-ms": at, "summary": summary} for at in (1_000_000, 3_000_000, 4_000_000)]
        metadata = f"{BUCKET}/ice/metadata/1.json"
        write(access, metadata, json.dumps({"snapshots": snapshots}).encode())
        glue = access.client("glue")
        glue.create_database(DatabaseInput={"Name": "ice"})
        table = {
            "Name": "orders",
            "StorageDescriptor": {"Location": f"{BUCKET}/ice"},
            "Parameters": {"table_type": "ICEBERG", "metadata_location": metadata},
        }
        glue.create_table(DatabaseName="ice", TableInput=table)
        job = job_of(target={"type": "glue_catalog", "database": "ice", "table": "orders"})
        _, figures = target_figures(access, job, 2000.0, succeeded=True)
        assert figures.metrics.records_written == 18 and figures.metrics.output_file_count == 4

    def test_a_missing_table_is_a_warning(self, access: AwsAccess) -> None:
        job = job_of(target={"type": "glue_catalog", "database": "shop", "table": "gone"})
        location, figures = target_figures(access, job, 0.0, succeeded=True)
        assert location is None and "no table shop.gone" in figures.warnings[0]

    def test_a_denied_listing_is_a_warning(self, aws: AwsStandIn, access: AwsAccess) -> None:
        aws.fail_next("s3:GET /measured", "denied")
        job = job_of(target={"type": "s3", "path": f"{BUCKET}/orders"})
        _, figures = target_figures(access, job, 0.0, succeeded=True)
        assert not figures.values and "is unknown" in figures.warnings[0]


def test_the_stronger_figure_counts() -> None:
    both = Figures({"records_written": 1, "a_seconds": 2.0}, ("one",)) | Figures({"records_written": 5})
    assert (both.metrics.records_written, both.usage, both.warnings) == (5, {"a_seconds": 2.0}, ("one",))
