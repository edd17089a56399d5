"""The parts that all AWS platforms share, over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from etl_platform.platforms.artifacts import keys_under, read, upload_file, write
from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.cloudwatch_logs import LogStream, read_streams
from etl_platform.platforms.errors import NotRunnableError, PlatformError, TransientError
from etl_platform.platforms.shared_describe import SharedDescribe
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, aws_stand_in
from etl_platform_tests.platforms.builders import config_of
from etl_platform_tests.tracking.stand_in import moto_server


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


def access_to(aws: AwsStandIn, **changes: object) -> AwsAccess:
    return AwsAccess(**{"region": "us-east-1", "endpoint_url": aws.url, "attempts": 1, **changes})  # type: ignore[arg-type]


@pytest.fixture
def bucket(aws: AwsStandIn) -> str:
    access_to(aws).client("s3").create_bucket(Bucket="art")
    return "s3://art/etl"


@pytest.mark.slow
class TestArtifacts:
    def test_a_content_is_uploaded_once(self, aws: AwsStandIn, bucket: str, tmp_path: Path) -> None:
        config = config_of(tmp_path, artifacts={"s3_uri": bucket})
        script = tmp_path / "job.py"
        script.write_text("print('one')")
        first = upload_file(access_to(aws), config, script)
        assert upload_file(access_to(aws), config, script) == first
        assert first.endswith("/job.py")
        assert aws.count(r"s3:PUT /art/etl.*") == 1

    def test_another_content_has_another_address(self, aws: AwsStandIn, bucket: str, tmp_path: Path) -> None:
        config = config_of(tmp_path, artifacts={"s3_uri": bucket})
        script = tmp_path / "job.py"
        script.write_text("print('two')")
        first = upload_file(access_to(aws), config, script)
        script.write_text("print('three')")
        second = upload_file(access_to(aws), config, script)
        assert (read(access_to(aws), first), read(access_to(aws), second)) == (
            b"print('two')",
            b"print('three')",
        )

    def test_a_folder_is_a_zip_with_the_folder_in_it(
        self, aws: AwsStandIn, bucket: str, tmp_path: Path
    ) -> None:
        config = config_of(tmp_path, artifacts={"s3_uri": bucket})
        package = tmp_path / "shop"
        package.mkdir()
        (package / "__init__.py").write_text("NAME = 'shop'")
        uri = upload_file(access_to(aws), config, package)
        archive = tmp_path / "shop.zip"
        archive.write_bytes(read(access_to(aws), uri) or b"")
        import zipfile

        assert zipfile.ZipFile(archive).namelist() == ["shop/__init__.py"]

    def test_the_place_must_be_configured(self, aws: AwsStandIn, tmp_path: Path) -> None:
        script = tmp_path / "job.py"
        script.write_text("")
        with pytest.raises(NotRunnableError, match=r"artifacts\.s3_uri"):
            upload_file(access_to(aws), config_of(tmp_path), script)

    def test_keys_under_a_folder(self, aws: AwsStandIn, bucket: str) -> None:
        write(access_to(aws), f"{bucket}/logs/1/a", b"")
        write(access_to(aws), f"{bucket}/logs/10/b", b"")
        assert keys_under(access_to(aws), f"{bucket}/logs/1") == [f"{bucket}/logs/1/a"]


@pytest.mark.slow
class TestErrors:
    def test_throttling_passes(self, aws: AwsStandIn) -> None:
        aws.fail_next("glue:.*", "throttle")
        with pytest.raises(TransientError, match="ThrottlingException"), calling("glue"):
            access_to(aws).client("glue").get_databases()

    def test_a_cut_connection_passes(self, aws: AwsStandIn) -> None:
        aws.fail_next("glue:.*", "cut")
        with pytest.raises(TransientError, match="cannot be reached"), calling("glue"):
            access_to(aws).client("glue").get_databases()

    def test_a_denied_call_names_the_action(self, aws: AwsStandIn) -> None:
        aws.fail_next("elasticmapreduce:.*", "denied")
        with pytest.raises(PlatformError, match="`elasticmapreduce:ListClusters`"), calling("emr"):
            access_to(aws).client("emr").list_clusters()

    def test_a_role_is_taken(self, aws: AwsStandIn) -> None:
        role = "arn:aws:iam::123456789012:role/runner"
        access_to(aws, role_arn=role).client("glue").get_databases()
        assert aws.count("sts:.*") == 1


@pytest.mark.slow
def test_log_lines_follow_the_cursor(aws: AwsStandIn) -> None:
    logs = access_to(aws).client("logs")
    logs.create_log_group(logGroupName="/jobs")
    logs.create_log_stream(logGroupName="/jobs", logStreamName="run")
    streams = [LogStream("/jobs", "run", "stdout"), LogStream("/jobs", "not-yet", "stderr")]

    def put(text: str) -> None:
        import time

        event = {"timestamp": int(time.time() * 1000), "message": text}
        logs.put_log_events(logGroupName="/jobs", logStreamName="run", logEvents=[event])

    empty = read_streams(access_to(aws), streams, None)
    put("one\ntwo")
    first = read_streams(access_to(aws), streams, empty.cursor)
    put("three")
    second = read_streams(access_to(aws), streams, first.cursor)
    last = read_streams(access_to(aws), streams, second.cursor)
    assert [[line.text for line in chunk.lines] for chunk in (empty, first, second, last)] == [
        [],
        ["one", "two"],
        ["three"],
        [],
    ]
    assert last.cursor == second.cursor


class TestSharedDescribe:
    def test_runs_that_are_polled_together_are_described_together(self) -> None:
        asked: list[list[str]] = []

        def describe(ids):
            asked.append(list(ids))
            return {name: name.upper() for name in ids}

        time = [0.0]
        shared = SharedDescribe(describe, at_most=10, fresh_seconds=1.0, now=lambda: time[0])
        assert [shared.get("a"), shared.get("b")] == ["A", "B"]
        time[0] = 2.0
        assert [shared.get("a"), shared.get("b")] == ["A", "B"]
        assert asked == [["a"], ["b", "a"], ["a", "b"]]

    def test_an_answer_may_be_older_for_one_question_than_for_another(self) -> None:
        asked: list[list[str]] = []
        time = [0.0]
        shared = SharedDescribe(
            lambda ids: asked.append(list(ids)) or {}, at_most=10, fresh_seconds=1.0, now=lambda: time[0]
        )
        shared.get("a")
        time[0] = 5.0
        shared.get("a", fresh_seconds=10.0)
        assert len(asked) == 1
        shared.get("a", fresh_seconds=4.0)
        assert len(asked) == 2

    def test_an_unknown_run_has_no_state(self) -> None:
        assert SharedDescribe(lambda ids: {}, at_most=1, fresh_seconds=1.0).get("gone") is None

    def test_a_forgotten_run_is_not_described_again(self) -> None:
        asked: list[list[str]] = []
        time = [0.0]
        shared = SharedDescribe(
            lambda ids: asked.append(list(ids)) or {}, at_most=10, fresh_seconds=1.0, now=lambda: time[0]
        )
        shared.get("a")
        shared.forget("a")
        time[0] = 5.0
        shared.get("b")
        assert asked == [["a"], ["b"]]
