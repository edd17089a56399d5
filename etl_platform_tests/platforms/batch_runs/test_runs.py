"""Runs as Batch jobs, from waiting to every end."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etl_platform.platforms import records
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.batch import BatchPlatform
from etl_platform.platforms.errors import RunNotFoundError
from etl_platform.platforms.protocol import RunHandle
from etl_platform_tests.platforms.aws_bench import AwsBench, FastTime, kill_while_it_waits
from etl_platform_tests.platforms.batch_runs.builders import DESCRIBE, SUBMIT, fast, request_for, still
from etl_platform_tests.platforms.batch_service import BatchService
from etl_platform_tests.platforms.fake_platform import retry_of

pytestmark = pytest.mark.slow


class TestContainer:
    def test_result_and_log_of_a_script_come_back(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        service.runs = True
        bench = fast(access, tmp_path)
        outcome = bench.run(request_for(tmp_path))
        assert outcome.status == "success" and outcome.result == {"job": "orders"}
        assert bench.texts == ["at work"]

    def test_plain_script_gets_its_arguments_and_pipes(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        service.runs = True
        script = "import os, sys\nprint(sys.argv[1:], os.environ['DAGSTER_PIPES_CONTEXT'])\n"
        bench = fast(access, tmp_path)
        request = request_for(
            tmp_path,
            script,
            execution_id="exec-args",
            partition_key="2026-01-01",
            execution={"arguments": {"n": 3}},
            pipes={"DAGSTER_PIPES_CONTEXT": "abc"},
        )
        assert bench.run(request).status == "success"
        expected = ["--JOB_NAME", "orders", "--EXECUTION_ID", "exec-args"]
        expected += ["--PARTITION_KEY", "2026-01-01", "--n", "3"]
        assert bench.texts == [f"{expected} abc"]

    def test_spark_script_gets_its_settings(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        service.runs = True
        bench = fast(access, tmp_path)
        script = "import os, shlex\nprint(shlex.split(os.environ['PYSPARK_SUBMIT_ARGS']))\n"
        conf = {"spark.sql.adaptive.enabled": True, "spark.app.name": "two words"}
        execution = {"script_type": "pyspark", "spark_conf": conf}
        assert bench.run(request_for(tmp_path, script, execution=execution)).status == "success"
        options = ["--conf", "spark.sql.adaptive.enabled=true", "--conf", "spark.app.name=two words"]
        assert bench.texts == [str([*options, "pyspark-shell"])]

    def test_exception_is_a_failure_with_its_trace(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        service.runs = True
        bench = fast(access, tmp_path)
        request = request_for(tmp_path, "print('half')\nraise ValueError('no region')\n")
        outcome = bench.run(request)
        error = bench.record(request.execution_id).error_details
        assert outcome.status == "failed" and not outcome.retry_can_help and "half" in bench.texts
        assert error and (error.error_type, error.error_message) == ("ValueError", "no region")
        assert "job.py" in (error.error_stack_trace or "")


class TestStates:
    def test_waiting_running_and_cost(self, service: BatchService, access: AwsAccess, tmp_path: Path) -> None:
        bench, time = still(access, tmp_path)
        time.at(30, lambda: service.begin(time.now))
        time.at(150, lambda: service.end(time.now))
        request = request_for(tmp_path, platform={"vcpus": 2, "memory_mb": 4096})
        outcome = bench.run(request)
        assert outcome.status == "success" and "RUNNABLE" in bench.progress[0]
        assert outcome.usage["vcpu_seconds"] == 240 and outcome.usage["memory_gb_seconds"] == 480
        assert (
            outcome.started and outcome.ended and outcome.ended - outcome.started == pytest.approx(120, abs=1)
        )
        cost = records.finished(bench.record(request.execution_id), outcome, request).cost_breakdown
        assert cost and cost.total_cost_usd

    def test_failure_before_the_script_tells_reason_exit_code_and_last_lines(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench, time = still(access, tmp_path)
        time.at(10, lambda: service.begin(time.now))
        time.at(15, lambda: service.log("ModuleNotFoundError: No module named 'boto3'", at=time.now))
        time.at(
            20, lambda: service.end(time.now, exit_code=1, statusReason="Essential container in task exited")
        )
        request = request_for(tmp_path)
        assert bench.run(request).status == "failed"
        error = bench.record(request.execution_id).error_details
        assert error and error.error_message
        assert error.error_message.startswith("Essential container in task exited. exit code 1.")
        assert "No module named 'boto3'" in error.error_message

    def test_container_killed_for_its_memory(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench, time = still(access, tmp_path)
        reason = {"reason": "OutOfMemoryError: Container killed due to memory usage"}
        time.at(10, lambda: service.begin(time.now))
        time.at(20, lambda: service.end(time.now, exit_code=137, container=reason))
        outcome = bench.run(request_for(tmp_path))
        assert outcome.error and outcome.error.error_class == "out_of_memory"

    def test_batchs_own_time_limit_is_a_timeout(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench, time = still(access, tmp_path)
        time.at(10, lambda: service.begin(time.now))
        reason = "Job attempt duration exceeded timeout"
        time.at(70, lambda: service.end(time.now, exit_code=137, statusReason=reason))
        outcome = bench.run(request_for(tmp_path, timeout_seconds=60.0))
        assert outcome.status == "timeout" and outcome.error and outcome.error.error_class == "timeout"
        assert service.aws.bodies(SUBMIT)[0]["timeout"] == {"attemptDurationSeconds": 60}

    def test_run_past_its_limit_is_terminated(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench, time = still(access, tmp_path)
        time.at(10, lambda: service.begin(time.now))
        outcome = bench.run(request_for(tmp_path, timeout_seconds=100.0))
        assert outcome.status == "timeout" and service.aws.count("batch:POST /v1/terminatejob") == 1
        assert time.elapsed < 140

    def test_cancel_stops_the_job_within_an_interval(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench, time = still(access, tmp_path)

        def interrupt() -> None:
            raise KeyboardInterrupt

        time.at(10, lambda: service.begin(time.now))
        time.at(50, interrupt)
        request = request_for(tmp_path)
        with pytest.raises(KeyboardInterrupt):
            bench.run(request)
        record = bench.record(request.execution_id)
        assert record.status == "cancelled" and not record.warnings and time.elapsed < 70

    def test_job_that_was_stopped_elsewhere_is_cancelled(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench, time = still(access, tmp_path)
        time.at(10, lambda: service.set(status="FAILED", statusReason="by hand", isTerminated=True))
        assert bench.run(request_for(tmp_path)).status == "cancelled"

    def test_machine_that_was_taken_back_is_a_further_attempt(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        service.kind = "SPOT"
        bench, time = still(access, tmp_path)

        def lost() -> None:
            service.end(time.now, exit_code=1, statusReason="Host EC2 (instance i-1) terminated.")
            service.set(status="RUNNABLE")

        for moment, event in (
            (10, service.begin),
            (40, lambda _: lost()),
            (60, service.begin),
            (90, service.end),
        ):
            time.at(moment, lambda event=event: event(time.now))
        request = request_for(tmp_path)
        outcome = bench.run(request)
        assert outcome.status == "success" and outcome.usage["container_seconds"] == pytest.approx(60, abs=1)
        body = service.aws.bodies(SUBMIT)[0]
        assert body["retryStrategy"]["attempts"] == 3
        # What Spot costs is not known, so no cost is made up.
        finished = records.finished(bench.record(request.execution_id), outcome, request)
        assert finished.cost_breakdown and finished.cost_breakdown.total_cost_usd is None
        assert any("cost of the run is unknown" in warning for warning in finished.warnings)

    def test_unknown_job_is_said_to_be_so(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        details: dict[str, Any] = {"submitted": 0.0, "capacity": "ec2", "folder": "s3://art/x", "queue": "q"}
        handle = RunHandle(platform="batch", run_id="gone", details=details)
        with pytest.raises(RunNotFoundError, match="seven days"):
            BatchPlatform(access).poll(handle)


class TestFaults:
    def test_throttling_and_cuts_are_waited_out(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench, time = still(access, tmp_path)
        time.at(10, lambda: service.begin(time.now))
        time.at(60, lambda: service.end(time.now))
        service.aws.fail_next(DESCRIBE, "throttle", "cut", "down", "throttle")
        service.aws.fail_next("batch:POST /v1/describejobqueues", "cut")
        assert bench.run(request_for(tmp_path)).status == "success"
        assert service.aws.count(SUBMIT) == 1

    def test_refused_permission_names_the_action(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench, _ = still(access, tmp_path)
        service.aws.fail_next(SUBMIT, "denied")
        outcome = bench.run(request_for(tmp_path))
        assert outcome.error and outcome.error.error_class == "permission"
        assert "`batch:SubmitJob`" in (outcome.error.error_message or "")

    def test_submission_whose_answer_was_lost_is_found(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench, time = still(access, tmp_path)
        service.aws.fail_next(SUBMIT, "lost")
        request = request_for(tmp_path)
        client = service.access.client("batch")

        def known() -> None:
            # The answer was lost before the service of the test saw it.
            filters = [{"name": "JOB_NAME", "values": [request.execution_id]}]
            (job,) = client.list_jobs(jobQueue="queue", filters=filters)["jobSummaryList"]
            service.jobs[job["jobId"]] = {"status": "RUNNABLE", "attempts": [], "container": {}}
            service.begin(time.now, job["jobId"])
            service.end(time.now, job["jobId"])

        time.at(0.5, known)
        assert bench.run(request).status == "success"
        assert service.aws.count(SUBMIT) == 1

    def test_killed_driver_is_followed_by_one_that_takes_the_run_up(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench, time = still(access, tmp_path)
        request = request_for(tmp_path)
        kill_while_it_waits(bench.platform, service.aws.url, tmp_path, request)
        time.at(10, lambda: service.begin(time.now))
        time.at(60, lambda: service.end(time.now))
        outcome = bench.run(retry_of(request))
        assert (outcome.status, outcome.execution_id) == ("success", request.execution_id)
        assert service.aws.count(SUBMIT) == 1

    def test_run_that_was_submitted_but_not_recorded_is_found(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench, time = still(access, tmp_path)
        request = request_for(tmp_path)
        bench.platform.prepare(request)
        bench.platform.submit(request)
        bench.store.put_execution(records.started(request, "batch", time.now))
        service.begin(time.now)
        time.at(60, lambda: service.end(time.now))
        outcome = bench.run(retry_of(request))
        assert (outcome.status, service.aws.count(SUBMIT)) == ("success", 1)

    def test_a_hundred_runs_at_once_share_their_calls(
        self, service: BatchService, access: AwsAccess, tmp_path: Path
    ) -> None:
        time = FastTime(speed=10.0)
        platform = BatchPlatform(access, now=time.now)
        first = request_for(tmp_path)
        platform.prepare(first)
        service.aws.calls.clear()

        def run(number: int) -> str:
            bench = AwsBench(platform, tmp_path / str(number), time.clock)
            return bench.run(
                replace(first, execution_id=f"exec-hundred-{number}", attempt_group=str(number))
            ).status

        known = set(service.jobs)
        began = time.now()
        with ThreadPoolExecutor(101) as pool:
            runs = [pool.submit(run, number) for number in range(100)]
            while len(service.jobs) < len(known) + 100:
                time.wait(1)
            jobs = sorted(set(service.jobs) - known)
            for job_id in jobs:
                service.begin(time.now(), job_id)
            time.wait(30)
            for job_id in jobs:
                service.end(time.now(), job_id)
            statuses = [run.result() for run in runs]
        assert statuses == ["success"] * 100 and service.aws.count(SUBMIT) == 100
        # A poll of each run, every two to fifteen seconds, by one call in 1.5 seconds; and one at each end.
        assert service.aws.count(DESCRIBE) <= 100 + (time.now() - began) / 1.5
        assert service.aws.count(r"batch:POST /v1/describe(jobqueues|computeenvironments)") == 0
