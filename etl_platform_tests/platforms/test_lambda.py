"""Lambda over HTTP: moto keeps functions and logs, `LambdaService` runs them."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.errors import NotRunnableError, PlatformError
from etl_platform.platforms.lambda_ import LambdaPlatform
from etl_platform.platforms.permissions import ACTIONS
from etl_platform.platforms.protocol import RunRequest
from etl_platform.platforms.records import finished
from etl_platform_tests.platforms.aws_bench import AwsBench, FastTime, actions_called, kill_while_it_waits
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, Reply, aws_stand_in
from etl_platform_tests.platforms.builders import config_of, job_of, request_of
from etl_platform_tests.platforms.fake_platform import FakeTime, retry_of
from etl_platform_tests.platforms.lambda_service import (
    Invoked,
    LambdaService,
    answer,
    role,
    without_docker,
)
from etl_platform_tests.tracking.stand_in import moto_server

pytestmark = pytest.mark.slow

INVOKE = r"lambda:POST .*/invocations"
HANDLER = "def handler(event, context):\n    print('at work')\n    return {'job': event['JOB_NAME']}\n"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        without_docker(url)
        yield url


@pytest.fixture(scope="module")
def aws(moto: str) -> Iterator[AwsStandIn]:
    with pytest.MonkeyPatch.context() as environment, aws_stand_in(moto) as stand_in:
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield stand_in


@pytest.fixture(scope="module")
def access(aws: AwsStandIn) -> AwsAccess:
    # Made once for the module: making boto3's clients takes longer than most tests.
    made = AwsAccess(region="us-east-1", endpoint_url=aws.url, attempts=1)
    made.client("s3").create_bucket(Bucket="art")
    return made


@pytest.fixture(scope="module")
def lambda_service(aws: AwsStandIn, tmp_path_factory: pytest.TempPathFactory) -> LambdaService:
    return LambdaService(aws, tmp_path_factory.mktemp("functions"))


@pytest.fixture
def service(lambda_service: LambdaService) -> Iterator[LambdaService]:
    lambda_service.aws.calls.clear()
    lambda_service.aws.seen.clear()
    yield lambda_service
    lambda_service.reset()


def request_for(
    folder: Path, access: AwsAccess, script: str = HANDLER, *, owned: bool = True, **changes: Any
) -> RunRequest:
    """A request to run a script; without `owned` the function `theirs` is named."""
    (folder / "job.py").write_text(script)
    keys = {"iam_role": role(access)} if owned else {"lambda_function_name": "theirs"}
    execution = {"script_path": "job.py", "script_type": "python", **changes.pop("execution", {})}
    job = job_of(execution=execution, platform={**keys, **changes.pop("platform", {})})
    config = config_of(folder, job, artifacts={"s3_uri": "s3://art/etl"}, **changes.pop("settings", {}))
    return request_of(config, job, **changes)


def fast(access: AwsAccess, folder: Path) -> AwsBench:
    """For code that runs in a process of its own."""
    time = FastTime()
    return AwsBench(LambdaPlatform(access, now=time.now), folder, time.clock)


def still(access: AwsAccess, folder: Path) -> tuple[AwsBench, FakeTime]:
    """For a function whose lines come at moments of a clock that only waiting moves."""
    time = FakeTime()
    return AwsBench(LambdaPlatform(access, now=lambda: time.now), folder, time.clock), time


class TestFunctionOfOurs:
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
            _claim(service, call, time.now)
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
            _claim(service, call, time.now)
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
        log = platform.read_logs(replace_request(handle, service.invoked[0]), None)
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
        _record_intent(bench, request)
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
        _record_intent(bench, request)
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
                _claim(service, call, time.now())
                service.start(call, at=time.now())
                time.wait(30)
                _outcome(service, call, time.now())
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


class TestFunctionOfOthers:
    def test_short_one_gives_its_result(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path, aws: AwsStandIn
    ) -> None:
        service.foreign("theirs", timeout=30)
        bench, time = still(access, tmp_path)

        def behave(call: Invoked) -> Reply:
            service.start(call, "at work", at=time.now)
            service.end(call, at=time.now)
            return answer({"event": call.event["JOB_NAME"]})

        service.behaviour = behave
        outcome = bench.run(request_for(tmp_path, access, owned=False))
        assert outcome.status == "success" and outcome.result == {"event": "orders"}
        assert service.invoked[0].kind == "RequestResponse" and "at work" in bench.texts
        assert aws.count(r"lambda:(PUT|DELETE) .*|lambda:POST /2015-03-31/functions/?") == 0

    def test_error_of_a_short_one_has_message_and_trace(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        service.foreign("theirs", timeout=30)
        body = {"errorMessage": "no region", "errorType": "KeyError", "stackTrace": ["line 1\n", "line 2\n"]}
        report = "REPORT RequestId: x\tDuration: 5 ms\tBilled Duration: 6 ms\tMemory Size: 128 MB\n"
        service.behaviour = lambda call: answer(body, error="Unhandled", log=report)
        bench, _ = still(access, tmp_path)
        outcome = bench.run(request_for(tmp_path, access, owned=False))
        assert outcome.status == "failed" and outcome.error
        assert (outcome.error.error_type, outcome.error.error_message) == ("KeyError", "no region")
        assert outcome.error.error_stack_trace == "line 1\nline 2"
        assert outcome.usage["billed_duration_ms"] == 6

    def test_lost_answer_never_invokes_again(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path, aws: AwsStandIn
    ) -> None:
        service.foreign("theirs", timeout=30)
        bench, _ = still(access, tmp_path)
        service.behaviour = lambda call: answer({})
        aws.fail_next(INVOKE, "cut")
        with pytest.raises(PlatformError, match="not invoked again"):
            bench.run(request_for(tmp_path, access, owned=False, timeout_seconds=600))
        assert aws.count(INVOKE) == 1 and bench.record().status == "running"

    def test_lost_answer_is_found_in_the_log_by_the_execution_id(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path, aws: AwsStandIn
    ) -> None:
        service.foreign("theirs", timeout=30)
        bench, time = still(access, tmp_path)
        call = Invoked("theirs", {}, "RequestResponse")
        time.at(5, lambda: service.start(call, "event: exec-1", at=time.now))
        time.at(20, lambda: service.end(call, at=time.now))
        aws.fail_next(INVOKE, "cut")
        outcome = bench.run(request_for(tmp_path, access, owned=False, timeout_seconds=600))
        assert outcome.status == "success" and outcome.usage["billed_duration_ms"] == 1201
        assert aws.count(INVOKE) == 1

    def test_read_time_limit_does_not_invoke_again(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("etl_platform.platforms.lambda_invoke._ANSWER_SECONDS", -0.7)
        service.foreign("theirs", timeout=1)
        bench, time = still(access, tmp_path)
        over = threading.Event()

        def behave(call: Invoked) -> Reply:
            service.start(call, "event: exec-1", at=time.now)
            service.end(call, at=time.now)
            over.wait(1.0)
            return answer({})

        service.behaviour = behave
        outcome = bench.run(request_for(tmp_path, access, owned=False))
        over.set()
        assert outcome.status == "success" and len(service.invoked) == 1

    def test_long_one_is_followed_by_its_log(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        service.foreign("theirs")
        bench, time = still(access, tmp_path)
        long_log = [f"line {number} " + "x" * 100 for number in range(100)]
        seen: list[int] = []

        def behave(call: Invoked) -> None:
            service.log(
                call, "START RequestId: other Version: 1\n", "of another run", "REPORT RequestId: other"
            )
            time.at(5, lambda: service.start(call, *long_log, at=time.now))
            time.at(40, lambda: seen.append(len(bench.lines)))
            time.at(90, lambda: service.end(call, "over", at=time.now))

        service.behaviour = behave
        outcome = bench.run(request_for(tmp_path, access, owned=False, timeout_seconds=600))
        assert outcome.status == "success" and service.invoked[0].kind == "Event"
        assert bench.texts[1:101] == long_log and seen[0] >= 101
        assert "over" in bench.texts and "of another run" not in bench.texts
        assert outcome.started and outcome.ended and 80 < outcome.ended - outcome.started < 90

    def test_lambdas_own_repetitions_are_waited_for(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        service.foreign("theirs")
        bench, time = still(access, tmp_path)

        def behave(call: Invoked) -> None:
            error = "[ERROR] ValueError: not yet\rTraceback (most recent call last):\r  File x"
            time.at(5, lambda: service.whole(call, error, at=time.now))
            time.at(70, lambda: service.whole(call, at=time.now))

        service.behaviour = behave
        outcome = bench.run(request_for(tmp_path, access, owned=False, timeout_seconds=600))
        assert outcome.status == "success" and outcome.usage["requests"] == 2
        assert any("Lambda repeats it by itself" in line for line in bench.progress)
        assert len(service.invoked) == 1

    def test_failure_of_a_long_one_is_read_from_its_log(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        service.foreign("theirs")
        access.client("lambda").put_function_event_invoke_config(
            FunctionName="theirs", MaximumRetryAttempts=0
        )
        bench, time = still(access, tmp_path)
        error = "[ERROR] ValueError: no region\rTraceback (most recent call last):\r  File x"
        service.behaviour = lambda call: time.at(5, lambda: service.whole(call, error, at=time.now))
        outcome = bench.run(request_for(tmp_path, access, owned=False, timeout_seconds=600))
        assert outcome.status == "failed" and outcome.error
        assert (outcome.error.error_type, outcome.error.error_message) == ("ValueError", "no region")
        assert "File x" in (outcome.error.error_stack_trace or "")

    def test_json_log_is_understood(self, service: LambdaService, access: AwsAccess, tmp_path: Path) -> None:
        service.foreign("json")
        service.aws.rewrite(
            r"lambda:GET /2015-03-31/functions/json",
            lambda call, body: {
                **body,
                "Configuration": {**body["Configuration"], "LoggingConfig": {"LogFormat": "JSON"}},
            },
        )
        bench, time = still(access, tmp_path)

        def line(kind: str, call: Invoked, **record: Any) -> str:
            import json

            return json.dumps(
                {"type": f"platform.{kind}", "record": {"requestId": call.request_id, **record}}
            )

        metrics = {"billedDurationMs": 77, "memorySizeMB": 256, "maxMemoryUsedMB": 99}
        service.behaviour = lambda call: service.log(
            call,
            line("start", call),
            line("report", call, status="success", metrics=metrics),
            at=time.now,
        )
        request = request_for(tmp_path, access, platform={"lambda_function_name": "json"})
        outcome = bench.run(request)
        assert outcome.status == "success" and outcome.usage["billed_duration_ms"] == 77

    def test_cancel_stops_following_and_says_so(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        service.foreign("theirs")
        bench, time = still(access, tmp_path)
        service.behaviour = lambda call: service.start(call, at=time.now)

        def interrupt() -> None:
            raise KeyboardInterrupt

        time.at(30, interrupt)
        with pytest.raises(KeyboardInterrupt):
            bench.run(request_for(tmp_path, access, owned=False, timeout_seconds=600))
        record = bench.record()
        assert record.status == "cancelled" and "runs on to its own limit of 900 s" in record.warnings[0]
        assert time.elapsed < 60


class TestBefore:
    def test_explicit_limit_over_fifteen_minutes_is_refused(
        self, service: LambdaService, access: AwsAccess, tmp_path: Path
    ) -> None:
        request = request_for(tmp_path, access, execution={"timeout_minutes": 20})
        with pytest.raises(NotRunnableError, match=r"timeout_minutes is 20, and Lambda ends a run after 15"):
            LambdaPlatform(access).prepare(request)

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
        (change,) = platform.owned(request.config)
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
        (change,) = platform.owned(request.config)
        platform.remove(change)
    called -= {"iam:CreateRole"}
    assert "lambda:UpdateFunctionConfiguration" in called
    assert called - {action for actions in ACTIONS["lambda"].values() for action in actions} == set()


def _folder(call: Invoked) -> str:
    return call.event["ETL_PLATFORM"]["folder"].removeprefix("s3://art/")


def _put(service: LambdaService, key: str, content: dict[str, Any]) -> None:
    import json

    service.access.client("s3").put_object(Bucket="art", Key=key, Body=json.dumps(content).encode())


def _claim(service: LambdaService, call: Invoked, now: float) -> None:
    """What the package in the function writes first."""
    claim = {
        "request_id": call.request_id,
        "log_group": f"/aws/lambda/{call.function}",
        "log_stream": call.stream,
        "started": now,
        "deadline": now + 600,
    }
    _put(service, f"{_folder(call)}/claim.json", claim)


def _outcome(service: LambdaService, call: Invoked, now: float) -> None:
    """What it writes last."""
    outcome = {"status": "success", "started": now - 60, "ended": now, "result": None, "attempt": 1}
    _put(service, f"{_folder(call)}/outcome.json", outcome)


def _record_intent(bench: AwsBench, request: RunRequest) -> None:
    """As a driver leaves it that died between submit and record."""
    from etl_platform.platforms import records

    bench.store.put_execution(records.started(request, "lambda", bench.clock.now()))


def replace_request(handle: Any, call: Invoked) -> Any:
    """The handle as if its claim were unknown: found by the request id of the invocation alone."""
    details = {**handle.details, "owned": False, "request_id": call.request_id}
    return handle.model_copy(update={"details": details})
