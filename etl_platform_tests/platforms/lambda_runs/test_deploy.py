"""What is checked and made before a run, and by `deploy`."""

from dataclasses import replace
from pathlib import Path

import pytest

from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.errors import NotRunnableError
from etl_platform.platforms.lambda_ import LambdaPlatform
from etl_platform.platforms.permissions import GRANTS
from etl_platform_tests.platforms.aws_bench import actions_called
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, Reply
from etl_platform_tests.platforms.builders import job_of
from etl_platform_tests.platforms.lambda_runs.builders import fast, request_for
from etl_platform_tests.platforms.lambda_service import (
    LambdaService,
    role,
)

pytestmark = pytest.mark.slow


class TestBefore:
    def test_a_limit_over_fifteen_minutes_is_one_of_fifteen(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        request = request_for(tmp_path, access, execution={"timeout_minutes": 20})
        LambdaPlatform(access).prepare(request)
        name = request.job.platform.lambda_function_name or request.job.job_id
        made = access.client("lambda").get_function_configuration(FunctionName=name)
        assert made["Timeout"] == 900

    def test_large_event_is_refused(self, service: LambdaService, access: AwsAccess, tmp_path: Path) -> None:
        request = request_for(tmp_path, access, execution={"arguments": {"ids": "1" * 300_000}})
        with pytest.raises(NotRunnableError, match="Lambda takes 256 KB"):
            LambdaPlatform(access).prepare(request)

    def test_large_code_is_refused(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("etl_platform.platforms.lambda_function.UNZIPPED_BYTES", 1000)
        with pytest.raises(NotRunnableError, match="MB unzipped"):
            LambdaPlatform(access).prepare(request_for(tmp_path, access))

    def test_code_too_large_for_a_request_goes_through_s3(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("etl_platform.platforms.lambda_function.DIRECT_BYTES", 10)
        LambdaPlatform(access).prepare(request_for(tmp_path, access))
        (body,) = service.aws.bodies(r"lambda:POST /2015-03-31/functions/?")
        assert body["Code"]["S3Bucket"] == "art" and body["Code"]["S3Key"].endswith("/job.zip")

    def test_query_is_refused(self, service: LambdaService, access: AwsAccess, tmp_path: Path) -> None:
        request = request_for(tmp_path, access)
        job = job_of(execution={"sql": "select 1"}, platform={"iam_role": role(access)})
        with pytest.raises(NotRunnableError, match="is a query"):
            LambdaPlatform(access).prepare(replace(request, job=job))

    def test_spark_script_is_refused(self, service: LambdaService, access: AwsAccess, tmp_path: Path) -> None:
        request = request_for(tmp_path, access, execution={"script_type": "pyspark"})
        with pytest.raises(NotRunnableError, match="has no Spark"):
            LambdaPlatform(access).prepare(request)

    def test_role_is_needed_to_make_a_function(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        request = request_for(tmp_path, access, platform={"iam_role": None})
        with pytest.raises(NotRunnableError, match=r"set platform\.iam_role"):
            LambdaPlatform(access).prepare(request)


class TestDeploy:
    def test_function_is_made_as_configured_and_then_kept(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        request = request_for(
            tmp_path,
            access,
            execution={"timeout_minutes": 5},
            platform={
                "memory_mb": 1024,
                "architecture": "arm64",
                "concurrent_executions": 3,
                "iam_role": "runner",
            },
        )
        role(access)
        platform = LambdaPlatform(access)
        (made,) = platform.deploy(request.job, request.config, dry_run=False)
        (kept,) = platform.deploy(request.job, request.config, dry_run=False)
        client = access.client("lambda")
        found = client.get_function(FunctionName="orders")["Configuration"]
        assert (made.action, kept.action) == ("create", "keep")
        assert (found["MemorySize"], found["Timeout"], found["Architectures"]) == (1024, 300, ["arm64"])
        assert found["Role"].endswith(":role/etl/runner") and found["Runtime"] == "python3.13"
        config = client.get_function_event_invoke_config(FunctionName="orders")
        assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (0, 300)

    def test_change_is_shown_before_it_is_made(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        platform = LambdaPlatform(access)
        before = request_for(tmp_path, access, platform={"memory_mb": 512})
        platform.deploy(before.job, before.config, dry_run=False)
        after = request_for(tmp_path, access, "print('new')", platform={"memory_mb": 1024})
        (shown,) = platform.deploy(after.job, after.config, dry_run=True)
        (made,) = platform.deploy(after.job, after.config, dry_run=False)
        (kept,) = platform.deploy(after.job, after.config, dry_run=False)
        assert str(shown) == "Lambda function orders: update (MemorySize: 512 → 1024; code: changed)"
        assert (shown, kept.action) == (made, "keep")

    def test_function_of_others_is_never_changed(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        service.foreign("theirs")
        platform = LambdaPlatform(access)
        request = request_for(tmp_path, access, owned=False, platform={"memory_mb": 1024})
        (change,) = platform.deploy(request.job, request.config, dry_run=False)
        platform.remove(replace(change, action="remove"))
        found = access.client("lambda").get_function(FunctionName="theirs")["Configuration"]
        assert change.action == "foreign" and found["MemorySize"] == 128

    def test_only_what_is_ours_is_removed(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        service.foreign("theirs")
        platform = LambdaPlatform(access)
        request = request_for(tmp_path, access)
        platform.deploy(request.job, request.config, dry_run=False)
        (change,) = platform.owned()
        platform.remove(change)
        platform.remove(change)
        left = access.client("lambda").list_functions()["Functions"]
        assert change.name == "orders" and [item["FunctionName"] for item in left] == ["theirs"]

    def test_a_change_under_way_is_waited_out(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path, aws: AwsStandIn
    ) -> None:
        busy = iter(
            [
                Reply(
                    {"Type": "User", "Message": "busy"},
                    409,
                    (("x-amzn-ErrorType", "ResourceConflictException"),),
                )
            ]
        )
        aws.answer(r"lambda:POST /2015-03-31/functions/?", lambda call: next(busy, None))
        bench = fast(access, tmp_path)
        assert bench.run(request_for(tmp_path, access)).status == "success"


def test_policy_allows_each_call(service: LambdaService, access: AwsAccess, tmp_path: Path) -> None:
    bench = fast(access, tmp_path)
    keys = {"iam_role": "runner", "concurrent_executions": 2}
    role(access)
    services = ("lambda", "logs", "resourcegroupstaggingapi", "iam")
    with actions_called(access, *services) as called:
        request = request_for(tmp_path, access, "print('at work')", platform=keys)
        assert bench.run(request).status == "success"
        changed = request_for(tmp_path, access, "print('new')", platform={**keys, "memory_mb": 512})
        bench.platform.prepare(changed)
        platform = LambdaPlatform(access)
        (change,) = platform.owned()
        platform.remove(change)
    called -= {"iam:CreateRole"}
    assert "lambda:UpdateFunctionConfiguration" in called
    assert called - {action for grant in GRANTS["lambda"] for action in grant.actions} == set()
