"""EMR Serverless: its application, its workers and its bill."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from etl_platform.platforms.emr_serverless_request import check_workers, job_run_request, worker_conf
from etl_platform.platforms.errors import NotRunnableError, PlatformError
from etl_platform.platforms.spark_submit import SparkSubmission
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, Reply, aws_stand_in
from etl_platform_tests.platforms.builders import job_of
from etl_platform_tests.platforms.emr_bench import EmrBench, bench_request
from etl_platform_tests.platforms.emr_stand_in import TRACEBACK
from etl_platform_tests.tracking.stand_in import moto_server

ROLE = "arn:aws:iam::123456789012:role/etl"


class TestWorkers:
    def test_heap_leaves_room_for_the_overhead(self) -> None:
        keys = {"driver_cores": 1, "driver_memory_gb": 2, "executor_cores": 4, "executor_memory_gb": 16}
        conf = worker_conf(job_of(platform={**keys, "max_executors": 2}))
        # 16 GB less a tenth of the heap; 2 GB less 384 MB.
        assert (conf["spark.executor.memory"], conf["spark.driver.memory"]) == ("14894m", "1664m")
        assert conf["spark.dynamicAllocation.maxExecutors"] == "2"
        assert conf["spark.dynamicAllocation.initialExecutors"] == "2"

    def test_nothing_is_set_that_the_job_leaves_open(self) -> None:
        assert worker_conf(job_of(platform={})) == {}

    @pytest.mark.parametrize(
        ("keys", "said"),
        [
            ({}, "platform.execution_role_arn"),
            ({"execution_role_arn": ROLE, "executor_cores": 3}, "workers of 1, 2, 4, 8, 16 vCPU"),
            ({"execution_role_arn": ROLE, "driver_cores": 4, "driver_memory_gb": 64}, "8 to 30 GB"),
        ],
    )
    def test_what_there_is_not_is_refused(self, keys: dict[str, Any], said: str) -> None:
        with pytest.raises(NotRunnableError, match=said):
            check_workers(job_of(platform=keys))


def test_settings_of_the_run_are_one_spark_defaults(tmp_path: Path) -> None:
    request = replace(bench_request("emr_serverless", tmp_path), pipes={"DAGSTER_PIPES_CONTEXT": "eJx"})
    conf = {"spark.executor.extraJavaOptions": "-Da=1 -Db=2"}
    submission = SparkSubmission("s3://art/job.py", ("--day", "x y"), conf, ("s3://art/m.zip",), ())
    asked = job_run_request(request, "app", submission, {}, "s3://art/logs")
    (defaults,) = asked["configurationOverrides"]["applicationConfiguration"]
    assert defaults["properties"] == {**conf, "spark.emr-serverless.driverEnv.DAGSTER_PIPES_CONTEXT": "eJx"}
    assert asked["clientToken"] == request.execution_id
    assert asked["jobDriver"]["sparkSubmit"] == {
        "entryPoint": "s3://art/job.py",
        "entryPointArguments": ["--day", "x y"],
        "sparkSubmitParameters": "--py-files s3://art/m.zip",
    }


@pytest.fixture(scope="module")
def address() -> Iterator[AwsStandIn]:
    with moto_server() as moto, aws_stand_in(moto) as stand_in:
        yield stand_in


@pytest.fixture
def bench(address: AwsStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> EmrBench:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    urlopen(Request(f"{address.backend}/moto-api/reset", method="POST")).close()
    address.reset()
    return EmrBench(address, tmp_path, "emr_serverless")


def with_keys(bench: EmrBench, **keys: Any) -> None:
    platform = bench.request.job.platform.model_copy(update=keys)
    bench.request = replace(bench.request, job=bench.request.job.model_copy(update={"platform": platform}))


@pytest.mark.slow
class TestBill:
    def test_comes_after_the_end_and_is_waited_for(self, bench: EmrBench) -> None:
        outcome = bench.run()
        assert outcome.usage == {"vcpu_hours": 0.5, "memory_gb_hours": 2.0, "storage_gb_hours": 0.0}

    def test_that_never_comes_is_unknown(self, bench: EmrBench) -> None:
        bench.model.billed_after = None
        outcome = bench.run()
        assert outcome.status == "success" and "vcpu_hours" not in outcome.usage
        assert any("billed" in warning for warning in outcome.warnings)


@pytest.mark.slow
class TestEnds:
    def test_own_time_limit_of_the_service(self, bench: EmrBench) -> None:
        bench.request = replace(bench.request, timeout_seconds=50)
        bench.model.runs, bench.model.ends_as = 55.0, "CANCELLED"
        outcome = bench.run()
        assert outcome.error and (outcome.status, outcome.error.error_class) == ("timeout", "timeout")

    def test_details_and_driver_error_are_told(self, bench: EmrBench) -> None:
        bench.fails(stderr=TRACEBACK)
        bench.model.details = "Job failed, please check complete logs. ExitCode: 1"
        outcome = bench.run()
        assert outcome.error and outcome.error.error_message == "no orders for 2026-07-30"

    def test_log_of_cloudwatch_is_followed(self, bench: EmrBench) -> None:
        with_keys(bench, enable_continuous_logging=True)
        printed = {"stdout": ["reading", "42 orders"], "stderr": []}

        def events(call: Any) -> Reply:
            stream = call.body["logStreamName"].rpartition("/")[2]
            at = int(call.body.get("nextToken") or 0)
            assert call.body["logGroupName"] == "/aws/emr-serverless"
            found = [{"message": text, "timestamp": 0} for text in printed[stream][at : at + 1]]
            return Reply({"events": found, "nextForwardToken": str(at + len(found))})

        bench.aws.answer("logs:GetLogEvents", events)
        bench.run()
        assert [line.text for line in bench.lines] == ["reading", "42 orders"]


@pytest.mark.slow
class TestApplication:
    def test_is_made_once(self, bench: EmrBench) -> None:
        bench.run()
        bench.run(replace(bench.request, execution_id="exec-2026-07-31-00000002", attempt_group="other"))
        assert bench.aws.count("emr-serverless:POST /applications") == 1
        (made,) = bench.aws.bodies("emr-serverless:POST /applications")
        assert made["tags"] == {"etl-platform": "owned"} and made["autoStopConfiguration"]["enabled"]

    def test_that_is_named_is_only_used(self, bench: EmrBench) -> None:
        client = bench.access.client("emr-serverless")
        team = client.create_application(name="team", releaseLabel="emr-7.5.0", type="SPARK", clientToken="t")
        with_keys(bench, application_id=team["applicationId"])
        (change,) = bench.platform.deploy(bench.request.job, bench.request.config, dry_run=False)
        assert change.action == "foreign" and bench.run().status == "success"
        assert bench.aws.count("emr-serverless:POST /applications") == 1

    def test_of_our_name_that_is_not_ours_is_refused(self, bench: EmrBench) -> None:
        client = bench.access.client("emr-serverless")
        name = "etl-platform-default-emr-7.5.0"
        client.create_application(name=name, releaseLabel="emr-7.5.0", type="SPARK", clientToken="t")
        with pytest.raises(PlatformError, match="is not ours"):
            bench.run()

    def test_deployment_tells_what_it_does(self, bench: EmrBench) -> None:
        def deploy(*, dry_run: bool) -> str:
            (change,) = bench.platform.deploy(bench.request.job, bench.request.config, dry_run=dry_run)
            return change.action

        actions = [deploy(dry_run=dry) for dry in (True, False, False)]
        assert actions == ["create", "create", "keep"]

    def test_that_was_changed_is_put_right_once_it_has_stopped(self, bench: EmrBench) -> None:
        bench.platform.deploy(bench.request.job, bench.request.config, dry_run=False)
        client = bench.access.client("emr-serverless")
        (found,) = client.list_applications()["applications"]
        client.stop_application(applicationId=found["id"])
        never = {"enabled": False}
        client.update_application(applicationId=found["id"], autoStopConfiguration=never, clientToken="u")
        (change,) = bench.platform.deploy(bench.request.job, bench.request.config, dry_run=False)
        assert change.action == "update" and "autoStopConfiguration.enabled: False → True" in str(change)

    def test_removal_takes_only_ours(self, bench: EmrBench) -> None:
        client = bench.access.client("emr-serverless")
        client.create_application(name="team", releaseLabel="emr-7.5.0", type="SPARK", clientToken="t")
        bench.platform.deploy(bench.request.job, bench.request.config, dry_run=False)
        (ours,) = bench.platform.owned()
        bench.platform.remove(ours)
        bench.platform.remove(ours)
        states = {one["name"]: one["state"] for one in client.list_applications()["applications"]}
        assert states == {"team": "STARTED", "etl-platform-default-emr-7.5.0": "TERMINATED"}
