"""Rules on S3, over HTTP against a server that speaks S3's protocol."""

import json

import boto3
import pyarrow as pa
import pytest

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.project import Config
from etl_platform.quality.dead_letter_queue import DeadLetterError
from etl_platform.quality.dead_letters import send_dead_letters
from etl_platform.quality.engine import evaluate
from etl_platform_tests.quality import zoo
from etl_platform_tests.quality.builders import job_with

pytestmark = pytest.mark.slow


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


RANGE = {
    "accuracy_rules": [{"field": "x", "rule_type": "range", "min": 0, "max": 10, "action": "quarantine"}]
}


class TestDeadLetterQueue:
    """Rows of data on S3 as messages of a queue."""

    def sent(self, folder, queue_url):
        rule = {**RANGE["accuracy_rules"][0], "action": "dead_letter_queue"}
        job = job_with({"accuracy_rules": [rule], "dead_letter_queue_url": queue_url})
        return send_dead_letters(config_of(folder, job), job, "target", "exec-1")

    def received(self, sqs, url) -> list[dict]:
        found = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(message["Body"]) for message in messages]
        return sorted(found, key=lambda letter: int(letter["letter_id"].rpartition("/")[2]))

    @pytest.mark.parametrize(("name", "attributes"), [("dead", {}), ("dead.fifo", {"FifoQueue": "true"})])
    def test_each_bad_row_is_a_message(self, name, attributes, bucket, tmp_path):
        sqs = boto3.client("sqs", region_name="us-east-1")
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        bucket("out/a.parquet", [{"x": n, "s": "é"} for n in range(30)])
        letters = self.sent(tmp_path, url)
        assert letters is not None and (letters.count, letters.place) == (19, url)
        if name == "dead":
            found = self.received(sqs, url)
            assert [letter["row"]["x"] for letter in found] == list(range(11, 30))
            assert (found[0]["rules"], found[0]["row"]["s"]) == (["accuracy__x__range"], "é")

    def test_a_row_too_large_for_a_message_is_left_out_of_its_letter(self, bucket, tmp_path):
        sqs = boto3.client("sqs", region_name="us-east-1")
        url = sqs.create_queue(QueueName="large")["QueueUrl"]
        bucket("out/a.parquet", [{"x": 98, "s": "a" * 300_000}, {"x": 99, "s": "b" * 200_000}])
        self.sent(tmp_path, url)
        large, small = self.received(sqs, url)
        assert large["row"] is None and large["row_bytes"] > 300_000
        assert small["row"]["x"] == 99

    def test_without_a_queue_it_is_said_what_to_set(self, bucket, tmp_path):
        bucket("out/a.parquet", [{"x": 99}])
        with pytest.raises(DeadLetterError, match=r"set `data_quality\.dead_letter_queue_url`"):
            self.sent(tmp_path, None)

    def test_a_queue_that_is_not_there_is_an_error_with_its_address(self, bucket, tmp_path):
        bucket("out/a.parquet", [{"x": 99}])
        missing = "http://127.0.0.1:1/123456789012/none"
        with pytest.raises(DeadLetterError, match=f"{missing} took 0 dead letters"):
            self.sent(tmp_path, missing)


class TestGlueTables:
    """Tables of the Glue catalog are read where it says that they stand."""

    def checked(self, folder, **storage):
        glue = boto3.client("glue", region_name="us-east-1")
        glue.create_database(DatabaseInput={"Name": "sales"})
        table = {"Name": "orders", **storage}
        glue.create_table(DatabaseName="sales", TableInput=table)
        target = {"type": "glue_catalog", "database": "sales", "table": "orders"}
        job = job_with({"completeness_checks": [{"field": "x"}]}, target=target)
        return evaluate(config_of(folder, job), job, "target", engine="local")

    def test_rules_are_evaluated_on_its_files(self, bucket, tmp_path):
        bucket("tables/orders/day=1/part-0", [{"x": 1}, {"x": None}])
        serde = {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"}
        place = {"Location": "s3://lake/tables/orders", "SerdeInfo": serde}
        (result,) = self.checked(tmp_path, StorageDescriptor=place).results
        assert (result.rows_checked, result.rows_failed, result.error) == (2, 1, None)

    def test_a_table_whose_files_do_not_tell_its_rows_is_refused(self, bucket, tmp_path):
        report = self.checked(tmp_path, Parameters={"table_type": "ICEBERG"}, StorageDescriptor={})
        assert report.results[0].error is not None and "is ICEBERG" in report.results[0].error

    def test_a_table_that_is_not_there_is_the_error_of_its_rules(self, bucket, tmp_path):
        target = {"type": "glue_catalog", "database": "sales", "table": "orders"}
        job = job_with({"completeness_checks": [{"field": "x"}]}, target=target)
        (result,) = evaluate(config_of(tmp_path, job), job, "target", engine="local").results
        assert result.error is not None and "EntityNotFoundException" in result.error
