"""Rules on S3, over HTTP against a server that speaks S3's protocol."""

import json
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from urllib.request import Request, urlopen

import boto3
import pyarrow as pa
import pytest
from moto.server import ThreadedMotoServer
from pyarrow import parquet as pq

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.project import Config
from etl_platform.quality.dead_letter_queue import DeadLetterError
from etl_platform.quality.dead_letters import send_dead_letters
from etl_platform.quality.engine import evaluate
from etl_platform.quality.quarantine import quarantine
from etl_platform.quality.quarantined import QuarantineError
from etl_platform.quality.replay import list_quarantine, replay, show_quarantine
from etl_platform.quality.s3_shelf import S3Shelf
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


RANGE = {
    "accuracy_rules": [{"field": "x", "rule_type": "range", "min": 0, "max": 10, "action": "quarantine"}]
}


class TestQuarantine:
    """Bad rows of datasets on S3, and processes that end at each change of it."""

    @pytest.fixture
    def s3(self, bucket):
        return boto3.client("s3", region_name="us-east-1")

    def keys(self, s3) -> list[str]:
        return [item["Key"] for item in s3.list_objects_v2(Bucket="lake").get("Contents", ())]

    def rows(self, s3, prefix: str = "out/") -> list[int]:
        """The values of x, as a reader of a prefix finds them."""
        found = [key for key in self.keys(s3) if key.startswith(prefix) and "/_" not in key]
        bodies = [s3.get_object(Bucket="lake", Key=key)["Body"].read() for key in found]
        tables = [pq.ParquetFile(BytesIO(body)).read(["x"]) for body in bodies if body[:4] == b"PAR1"]
        return sorted(value for table in tables for value in table["x"].to_pylist())

    def moved(self, folder, quality=RANGE, dataset="target", execution_id="exec-1", **sections):
        job = job_with(quality, **sections)
        return quarantine(config_of(folder, job), job, dataset, execution_id)

    def fill(self, bucket):
        bucket("out/day=2024-01-01/a.parquet", [{"x": 1}, {"x": 99}])
        bucket("out/day=2024-01-01/b.parquet", [{"x": 2}])
        bucket("out/day=2024-01-02/c.parquet", [{"x": 98}, {"x": 3}])

    def test_bad_rows_of_a_target_move_and_nothing_else_is_left(self, bucket, s3, tmp_path):
        self.fill(bucket)
        done = self.moved(tmp_path)
        assert done is not None
        assert (done.rows_in, done.published, done.quarantined) == (5, 3, 2)
        assert done.path == "s3://lake/out_quarantine/execution_id=exec-1"
        assert self.rows(s3) == [1, 2, 3]
        assert self.rows(s3, "out_quarantine/execution_id=exec-1/") == [98, 99]
        assert self.keys(s3) == [
            "out/day=2024-01-01/a.parquet",
            "out/day=2024-01-01/b.parquet",
            "out/day=2024-01-02/c.parquet",
            "out_quarantine/execution_id=exec-1/_quarantine.json",
            "out_quarantine/execution_id=exec-1/rows.parquet",
        ]

    def test_a_process_that_ends_at_any_change_loses_no_row(self, bucket, s3, tmp_path, monkeypatch):
        # Each change of S3 is one of these calls.
        changes = ("_put", "_copy", "_remove")
        for number in range(1, 60):
            for key in self.keys(s3):
                s3.delete_object(Bucket="lake", Key=key)
            self.fill(bucket)
            with monkeypatch.context() as patch:
                ended = end_at(patch, number, changes)
                with suppress(Ended):
                    self.moved(tmp_path)
            found = self.rows(s3)
            assert [x for x in found if x < 90] == [1, 2, 3], number
            assert len(found) == len(set(found)), number
            self.moved(tmp_path)
            assert self.rows(s3) == [1, 2, 3], number
            assert self.rows(s3, "out_quarantine/execution_id=exec-1/") == [98, 99], number
            assert [key for key in self.keys(s3) if "_staging" in key or "_publishing" in key] == [], number
            if not ended:
                break
        else:
            pytest.fail("it never came to its end")
        assert number == 8

    def test_an_object_that_was_written_anew_is_not_overwritten(self, bucket, s3, tmp_path, monkeypatch):
        self.fill(bucket)
        with monkeypatch.context() as patch:
            # The list of what is to be published stands, and nothing is published.
            end_at(patch, 1, ("_copy",))
            with pytest.raises(Ended):
                self.moved(tmp_path)
        bucket("out/day=2024-01-01/a.parquet", [{"x": 4}])
        self.moved(tmp_path, execution_id="exec-2")
        assert self.rows(s3) == [2, 3, 4]

    def test_rows_of_a_source_are_copied_and_a_clean_copy_is_made(self, bucket, s3, tmp_path):
        self.fill(bucket)
        rule = {**RANGE["accuracy_rules"][0], "dataset": "raw"}
        job = job_with(
            {"accuracy_rules": [rule]},
            target=None,
            sources=[{"name": "raw", "source_type": "s3", "path": "s3://lake/out/"}],
        )
        settings = GlobalSettings.model_validate({"artifacts": {"s3_uri": "s3://lake/artifacts"}})
        config = Config(path=tmp_path / "etl_config.json", jobs=(job,), settings=settings, profile="aws")
        done = quarantine(config, job, "raw", "run-1")
        assert done is not None
        assert done.clean_copy == "s3://lake/artifacts/quarantine/orders/raw/_clean/run-1"
        assert self.rows(s3) == [1, 2, 3, 98, 99]
        clean = [key for key in self.keys(s3) if "/_clean/run-1/" in key]
        assert [key.partition("run-1/")[2] for key in clean] == [
            "day=2024-01-01/a.parquet",
            "day=2024-01-01/b.parquet",
            "day=2024-01-02/c.parquet",
        ]
        assert self.rows(s3, "artifacts/quarantine/orders/raw/execution_id=run-1/") == [98, 99]

    def test_text_files_move_as_on_this_machine(self, bucket, s3, tmp_path):
        bucket("out/a.csv", b"x,s\n1,a\n99,b\n7.50,\n")
        target = {"type": "s3", "path": "s3://lake/out/", "format": "csv"}
        done = self.moved(tmp_path, target=target)
        assert done is not None and (done.published, done.quarantined) == (2, 1)
        body = s3.get_object(Bucket="lake", Key="out/a.csv")["Body"].read()
        assert body == b"x,s\n1,a\n7.50,\n"

    def test_what_lies_there_is_listed_and_shown(self, bucket, s3, tmp_path):
        self.fill(bucket)
        self.moved(tmp_path)
        job = job_with(RANGE)
        config = config_of(tmp_path, job)
        assert [(each.execution_id, each.quarantined) for each in list_quarantine(config, job)] == [
            ("exec-1", 2)
        ]
        assert sorted(row["x"] for row in show_quarantine(config, job, "exec-1")) == [98, 99]
        with pytest.raises(QuarantineError, match="rows go back into targets of this machine only"):
            replay(config, job, "exec-1")


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


class Ended(Exception):
    """Stands for the end of the process."""


def end_at(patch: pytest.MonkeyPatch, number: int, changes: tuple[str, ...]) -> list[int]:
    """Let the n-th change of S3, and all after it, be the end; the list tells whether it came to that."""
    left, ended = number, []

    def ending(change):
        def changed(self, *arguments):
            nonlocal left
            left -= 1
            if left <= 0:
                ended.append(number)
                raise Ended
            return change(self, *arguments)

        return changed

    for name in changes:
        patch.setattr(S3Shelf, name, ending(getattr(S3Shelf, name)))
    return ended


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
