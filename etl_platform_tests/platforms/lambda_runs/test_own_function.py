"""Runs of functions that `deploy` makes: their code runs in processes of its own."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.lambda_ import LambdaPlatform
from etl_platform.platforms.records import finished
from etl_platform_tests.platforms.aws_bench import AwsBench, FastTime, kill_while_it_waits
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn
from etl_platform_tests.platforms.fake_platform import retry_of
from etl_platform_tests.platforms.lambda_runs.builders import (
    fast,
    record_intent,
    request_for,
    seen_by_request_id,
    still,
    write_claim,
    write_outcome,
)
from etl_platform_tests.platforms.lambda_service import (
    Invoked,
    LambdaService,
)

pytestmark = pytest.mark.slow

INVOKE = r"lambda:POST .*/invocations"


class TestOwnFunction:
    def test_result_log_figures_and_cost_come_back(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench = fast(access, tmp_path)
        request = request_for(tmp_path, access, platform={"memory_mb": 512})
        outcome = bench.run(request)
        assert outcome.status == "success" and outcome.result == {"job": "orders"}
        assert bench.texts[0].startswith("START") and "at work" in bench.texts
        assert bench.texts[-1].startswith("REPORT")
        assert outcome.usage["billed_duration_ms"] == 1201 and outcome.usage["memory_mb"] == 512
        assert outcome.metrics.memory_mb_max == 128
        cost = finished(bench.record(), outcome, request).cost_breakdown
        assert cost and cost.total_cost_usd == pytest.approx(1.201 * 0.5 * 0.0000166667 + 2e-7, rel=1e-4)

    def test_a_short_run_takes_few_calls_to_services_that_limit_them(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path, aws: AwsStandIn
    ) -> None:
        bench, time = still(access, tmp_path)

        def behave(call: Invoked) -> None:
            write_claim(service, call, time.now)
            service.start(call, at=time.now)
            time.at(3, lambda: write_outcome(service, call, time.now))
            time.at(3, lambda: service.end(call, at=time.now))

        service.behaviour = behave
        bench.platform.prepare(request := request_for(tmp_path, access, timeout_seconds=600))
        before = aws.count("(lambda|logs):.*")
        assert bench.run(request).status == "success" and time.elapsed < 4.5
        # What the function is, twice, and its invocation; its report, and its lines at start and end.
        assert aws.count("(lambda|logs):.*") - before <= 8
        assert aws.count("logs:FilterLogEvents") == 0

    def test_plain_script_gets_its_arguments(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        script = "import shop, sys\nprint(shop.NAME, sys.argv[1:])\nsys.exit(0)\n"
        package = tmp_path / "shop"
        package.mkdir()
        (package / "__init__.py").write_text("NAME = 'corner'")
        bench = fast(access, tmp_path)
        execution = {"arguments": {"full": True}, "python_modules": ["shop"]}
        assert bench.run(request_for(tmp_path, access, script, execution=execution)).status == "success"
        expected = ["--JOB_NAME", "orders", "--EXECUTION_ID", "exec-1", "--full", "true"]
        assert f"corner {expected}" in bench.texts

    def test_exception_is_a_failure_with_its_trace(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench = fast(access, tmp_path)
        outcome = bench.run(request_for(tmp_path, access, "print('half')\nraise ValueError('no region')\n"))
        error = bench.record().error_details
        assert outcome.status == "failed" and not outcome.retry_can_help and "half" in bench.texts
        assert error and (error.error_type, error.error_message) == ("ValueError", "no region")
        assert error.error_class == "code" and "job.py" in (error.error_stack_trace or "")

    def test_pipes_parameters_are_in_event_and_environment(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        script = (
            "import os\ndef handler(event, context):\n"
            "    return [event['DAGSTER_PIPES_CONTEXT'], os.environ['DAGSTER_PIPES_CONTEXT']]\n"
        )
        request = request_for(tmp_path, access, script, pipes={"DAGSTER_PIPES_CONTEXT": "abc"})
        assert fast(access, tmp_path).run(request).result == ["abc", "abc"]

    def test_secret_is_read_there_and_shown_nowhere(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path, aws: AwsStandIn
    ) -> None:
        access.client("secretsmanager").create_secret(Name="db", SecretString='{"password": "hunter2"}')
        request = request_for(
            tmp_path,
            access,
            "import sys\nraise ValueError(sys.argv[-1])\n",
            execution={"arguments": {"password": "${SECRET:db.password}"}},
            settings={"secrets": {"provider": "aws_secrets_manager"}},
        )
        bench = fast(access, tmp_path)
        assert bench.run(request).status == "failed"
        told = (
            bench.record().model_dump_json()
            + str(bench.texts)
            + str([call.event for call in service.invoked])
        )
        assert "***" in told and "hunter2" not in told

    def test_killed_function_is_known_by_its_report(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench, time = still(access, tmp_path)

        def behave(call: Invoked) -> None:
            write_claim(service, call, time.now)
            service.start(call, at=time.now)
            killed = f"RequestId: {call.request_id} Error: Runtime exited with error: signal: killed"
            time.at(
                100, lambda: service.end(call, killed, "Runtime.ExitError", at=time.now, more="Status: error")
            )

        service.behaviour = behave
        outcome = bench.run(request_for(tmp_path, access, timeout_seconds=600))
        assert outcome.status == "failed" and time.elapsed < 150
        assert outcome.error and outcome.error.error_class == "out_of_memory"
        assert outcome.error.error_message == "Runtime exited with error: signal: killed"

    def test_functions_own_time_limit_is_a_timeout(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench, time = still(access, tmp_path)

        def behave(call: Invoked) -> None:
            write_claim(service, call, time.now)
            service.start(call, at=time.now)
            line = f"2026-01-01T00:00:00.000Z {call.request_id} Task timed out after 60.01 seconds"
            time.at(60, lambda: service.end(call, line, at=time.now, more="Status: timeout"))

        service.behaviour = behave
        outcome = bench.run(request_for(tmp_path, access, timeout_seconds=600))
        assert outcome.status == "timeout" and bench.record().status == "timeout"
        assert outcome.error and outcome.error.error_message == "Task timed out after 60.01 seconds"

    def test_run_past_its_limit_is_cancelled(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench = fast(access, tmp_path)
        script = "import time\ntime.sleep(60)\n"
        outcome = bench.run(request_for(tmp_path, access, script, timeout_seconds=30))
        service.wait()
        assert outcome.status == "timeout"
        assert len(service.invoked) == 1

    def test_cancel_ends_the_process_of_the_run(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        platform = LambdaPlatform(access)
        time = FastTime()
        bench = AwsBench(LambdaPlatform(access, now=time.now), tmp_path, time.clock)
        request = request_for(tmp_path, access, "import time\nprint('at work')\ntime.sleep(60)\n")
        platform.prepare(request)
        handle = platform.submit(request)
        while platform.poll(handle).status != "running":
            time.wait(1)
        platform.cancel(handle)
        service.wait()
        assert platform.poll(handle).status == "cancelled"
        assert bench.platform.outcome(request, handle).warnings == ()

    def test_run_that_is_cancelled_in_the_queue_never_starts(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        platform = LambdaPlatform(access)
        request = request_for(tmp_path, access, "raise SystemExit('it ran')\n")
        service.behaviour = lambda call: None
        platform.prepare(request)
        handle = platform.submit(request)
        platform.cancel(handle)
        service.run_code(service.invoked[0])
        service.wait()
        assert platform.poll(handle).status == "cancelled"
        log = platform.read_logs(seen_by_request_id(handle, service.invoked[0]), None)
        assert any("this invocation does nothing" in line.text for line in log.lines)

    def test_second_invocation_of_a_run_does_nothing(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        platform = LambdaPlatform(access)
        request = request_for(tmp_path, access, "print('at work')\n")
        platform.prepare(request)
        service.behaviour = lambda call: None
        platform.submit(request)
        for call in (service.invoked[0], Invoked("orders", service.invoked[0].event, "Event")):
            service.run_code(call)
        service.wait()
        events = access.client("logs").filter_log_events(logGroupName="/aws/lambda/orders")["events"]
        assert [event["message"] for event in events].count("at work") == 1

    def test_lost_answer_of_the_invocation_leads_to_one_run(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path, aws: AwsStandIn
    ) -> None:
        aws.fail_next(INVOKE, "cut")
        bench = fast(access, tmp_path)
        assert bench.run(request_for(tmp_path, access, "print('at work')\n")).status == "success"
        assert bench.texts.count("at work") == 1

    def test_throttling_and_cuts_during_the_wait_are_waited_out(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path, aws: AwsStandIn
    ) -> None:
        aws.fail_next(INVOKE, "throttle", "throttle")
        aws.fail_next(r"s3:GET /art", "cut", "down", "down")
        aws.fail_next(r"logs:(Filter|Get)LogEvents", "throttle", "cut")
        outcome = fast(access, tmp_path).run(request_for(tmp_path, access))
        assert outcome.status == "success" and len(service.invoked) == 1

    def test_killed_driver_is_followed_by_one_that_takes_the_run_up(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path, aws: AwsStandIn
    ) -> None:
        request = request_for(
            tmp_path, access, "import time\nprint('at work')\ntime.sleep(1)\n", timeout_seconds=600
        )
        bench = fast(access, tmp_path)
        kill_while_it_waits(bench.platform, aws.url, tmp_path, request)
        outcome = bench.run(retry_of(request))
        assert (outcome.status, outcome.execution_id) == ("success", "exec-1")
        assert len(service.invoked) == 1 and "at work" in bench.texts

    def test_run_that_was_submitted_but_not_recorded_is_found(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench = fast(access, tmp_path)
        request = request_for(tmp_path, access)
        bench.platform.prepare(request)
        bench.platform.submit(request)
        service.wait()
        record_intent(bench, request)
        outcome = bench.run(retry_of(request))
        assert (outcome.status, outcome.execution_id, len(service.invoked)) == ("success", "exec-1", 1)

    def test_run_that_was_queued_but_not_recorded_gives_way_to_the_retry(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        bench = fast(access, tmp_path)
        request = request_for(tmp_path, access, "print('at work')\n")
        bench.platform.prepare(request)
        service.behaviour = lambda call: None
        bench.platform.submit(request)
        record_intent(bench, request)
        service.behaviour = service.run_code
        assert bench.run(retry_of(request)).execution_id == "exec-2"
        service.run_code(service.invoked[0])
        service.wait()
        events = access.client("logs").filter_log_events(logGroupName="/aws/lambda/orders")["events"]
        assert [event["message"] for event in events].count("at work") == 1

    def test_a_hundred_runs_at_once_make_few_calls(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path, aws: AwsStandIn
    ) -> None:
        time = FastTime(speed=10.0)
        platform = LambdaPlatform(access, now=time.now)
        first = request_for(tmp_path, access, timeout_seconds=600)
        platform.prepare(first)

        def behave(call: Invoked) -> None:
            def work() -> None:
                write_claim(service, call, time.now())
                service.start(call, at=time.now())
                time.wait(30)
                write_outcome(service, call, time.now())
                service.end(call, at=time.now())

            service.threads.append(threading.Thread(target=work))
            service.threads[-1].start()

        service.behaviour = behave
        began = time.now()
        benches = [AwsBench(platform, tmp_path / str(number), time.clock) for number in range(100)]
        requests = [
            replace(first, execution_id=f"exec-{number}", attempt_group=str(number)) for number in range(100)
        ]
        with ThreadPoolExecutor(100) as pool:
            outcomes = list(pool.map(lambda pair: pair[0].run(pair[1]), zip(benches, requests, strict=True)))
        assert [outcome.status for outcome in outcomes] == ["success"] * 100
        assert len(service.invoked) == 100
        # Lambda's own limit is 15 such calls a second, that of FilterLogEvents 5 to 10.
        assert aws.count(r"lambda:(POST|PUT) .*") == 102
        assert aws.count(r"lambda:GET .*") <= 2 * 100 + 3
        seconds = time.now() - began
        assert aws.count("logs:FilterLogEvents") / seconds < 5
        assert aws.count("logs:GetLogEvents") / seconds < 25
