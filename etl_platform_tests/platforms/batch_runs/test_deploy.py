"""What is checked and registered before a run, and by `deploy`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.batch import BatchPlatform
from etl_platform.platforms.errors import NotRunnableError
from etl_platform.platforms.permissions import GRANTS
from etl_platform.platforms.protocol import RunHandle
from etl_platform_tests.platforms.aws_bench import actions_called
from etl_platform_tests.platforms.batch_runs.builders import IMAGE, SUBMIT, request_for, still
from etl_platform_tests.platforms.batch_service import BatchService
from etl_platform_tests.platforms.lambda_service import role

pytestmark = pytest.mark.slow


class TestBefore:
    @pytest.mark.parametrize(
        ("platform", "words"),
        [
            ({"job_queue": None}, r"set platform\.job_queue"),
            ({"job_queue": "none"}, "there is no Batch queue none"),
            ({"job_definition": None}, r"set platform\.job_definition"),
            ({"job_definition": "none"}, "no active job definition none"),
            ({"vcpus": 3}, "Fargate has no 3 vCPU"),
            ({"vcpus": 1, "memory_mb": 1000}, "Fargate gives no 1000 MB to 1 vCPU"),
            ({"job_definition": IMAGE}, r"platform\.execution_role_arn"),
        ],
    )
    def test_what_cannot_run_is_refused(
        self, service: BatchService, access: AwsAccess, tmp_path: Path, platform: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(NotRunnableError, match=words):
            BatchPlatform(access).prepare(request_for(tmp_path, platform=platform))

    def test_large_arguments_are_refused(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        request = request_for(tmp_path, execution={"arguments": {"ids": "1" * 9000}})
        with pytest.raises(NotRunnableError, match="Batch takes 8,192"):
            BatchPlatform(access).prepare(request)


class TestDeploy:
    def test_own_definition_is_registered_and_then_kept(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        keys = {"job_definition": IMAGE, "iam_role": role(service.access)}
        platform = BatchPlatform(access)
        job_id = "made"
        first = request_for(tmp_path, job_id=job_id, platform=keys)
        later = request_for(tmp_path, job_id=job_id, platform={**keys, "memory_mb": 4096})
        (made,) = platform.deploy(first.job, first.config, dry_run=False)
        (kept,) = platform.deploy(first.job, first.config, dry_run=False)
        (shown,) = platform.deploy(later.job, later.config, dry_run=True)
        (changed,) = platform.deploy(later.job, later.config, dry_run=False)
        assert (made.action, kept.action, changed.action) == ("create", "keep", "update")
        assert shown == changed and "4096" in str(changed)
        found = access.client("batch").describe_job_definitions(jobDefinitionName=job_id, status="ACTIVE")
        assert [item["revision"] for item in found["jobDefinitions"]] == [1, 2]
        assert found["jobDefinitions"][0]["platformCapabilities"] == ["FARGATE"]

    def test_run_uses_the_newest_revision_of_ours(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        keys = {"job_definition": IMAGE, "iam_role": role(service.access)}
        platform = BatchPlatform(access)
        request = request_for(tmp_path, job_id="newest", platform=keys)
        platform.prepare(request)
        platform.submit(request)
        (body,) = service.aws.bodies(SUBMIT)
        assert body["jobDefinition"].endswith("job-definition/newest:1")
        assert body["tags"]["etl-platform-job"] == "newest"

    def test_definition_of_others_is_never_changed(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        platform = BatchPlatform(access)
        request = request_for(tmp_path)
        (change,) = platform.deploy(request.job, request.config, dry_run=False)
        platform.remove(replace(change, action="remove"))
        found = access.client("batch").describe_job_definitions(jobDefinitionName="theirs", status="ACTIVE")
        assert change.action == "foreign" and len(found["jobDefinitions"]) == 1

    def test_a_definition_of_others_with_the_jobs_name_is_refused(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        service.definition("taken")
        keys = {"job_definition": IMAGE, "iam_role": role(service.access)}
        request = request_for(tmp_path, job_id="taken", platform=keys)
        with pytest.raises(NotRunnableError, match="that is not ours"):
            BatchPlatform(access).deploy(request.job, request.config, dry_run=True)

    def test_only_what_is_ours_is_removed(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        keys = {"job_definition": IMAGE, "iam_role": role(service.access)}
        platform = BatchPlatform(access)
        request = request_for(tmp_path, job_id="gone", platform=keys)
        platform.deploy(request.job, request.config, dry_run=False)
        changes = {change.name: change for change in platform.owned()}
        platform.remove(changes["gone"])
        platform.remove(changes["gone"])
        assert "theirs" not in changes
        assert "gone" not in {change.name for change in platform.owned()}


def test_policy_allows_each_call(service: BatchService, access: AwsAccess, tmp_path: Path) -> None:
    bench, time = still(access, tmp_path)
    time.at(10, lambda: service.begin(time.now))
    time.at(50, lambda: bench.platform.cancel(RunHandle(platform="batch", run_id=list(service.jobs)[-1])))
    role(service.access)
    keys = {"job_definition": IMAGE, "iam_role": "runner"}
    with actions_called(access, "batch", "logs", "iam") as called:
        request = request_for(tmp_path, job_id="allowed", platform=keys)
        assert bench.run(request).status == "cancelled"
        platform = BatchPlatform(access)
        assert platform.find(request)
        for change in platform.owned():
            platform.remove(change)
    assert {"batch:RegisterJobDefinition", "batch:ListJobs", "batch:TerminateJob"} <= called
    assert called - {action for grant in GRANTS["batch"] for action in grant.actions} == set()
