"""Runs of functions that are not ours: only invoked, and once."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.errors import PlatformError
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, Reply
from etl_platform_tests.platforms.lambda_runs.builders import (
    request_for,
    still,
)
from etl_platform_tests.platforms.lambda_service import (
    Invoked,
    LambdaService,
    answer,
)

pytestmark = pytest.mark.slow

INVOKE = r"lambda:POST .*/invocations"


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
