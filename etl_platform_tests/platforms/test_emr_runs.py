"""What holds for runs on EMR and on EMR Serverless alike, through the driver and over HTTP."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from etl_platform.platforms import records
from etl_platform.platforms.protocol import RunHandle, RunRequest
from etl_platform_tests.platforms.aws_bench import kill_while_it_waits
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, aws_stand_in
from etl_platform_tests.platforms.emr_bench import POLL, SUBMIT, CrowdTime, EmrBench, Name, at_once
from etl_platform_tests.platforms.emr_stand_in import TRACEBACK
from etl_platform_tests.platforms.fake_platform import retry_of
from etl_platform_tests.tracking.stand_in import moto_server

pytestmark = pytest.mark.slow

BenchOf = Callable[..., EmrBench]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="module")
def address(moto: str) -> Iterator[AwsStandIn]:
    with aws_stand_in(moto) as stand_in:
        yield stand_in


@pytest.fixture
def aws(address: AwsStandIn, monkeypatch: pytest.MonkeyPatch) -> AwsStandIn:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    urlopen(Request(f"{address.backend}/moto-api/reset", method="POST")).close()
    address.reset()
    return address


@pytest.fixture(params=["emr", "emr_serverless"])
def name(request: pytest.FixtureRequest) -> Name:
    return request.param


@pytest.fixture
def bench_of(aws: AwsStandIn, tmp_path: Path, name: Name) -> BenchOf:
    return lambda **asked: EmrBench(aws, tmp_path, name, **asked)


class TestEnds:
    def test_success(self, bench_of: BenchOf) -> None:
        bench = bench_of()
        outcome = bench.run()
        assert (outcome.status, bench.submitted) == ("success", 1)
        assert [line.text for line in bench.lines if line.stream == "stdout"] == ["42 orders"]
        assert outcome.started and outcome.ended and outcome.ended - outcome.started == pytest.approx(60)

    def test_failure_tells_the_error_of_the_script(self, bench_of: BenchOf) -> None:
        bench = bench_of()
        bench.fails(stderr=TRACEBACK)
        outcome = bench.run()
        error = bench.record().error_details
        assert error is not None
        assert (error.error_type, error.error_message) == ("ValueError", "no orders for 2026-07-30")
        assert 'File "/tmp/spark-1/job.py", line 2, in total' in (error.error_stack_trace or "")
        assert (outcome.status, outcome.retry_can_help) == ("failed", False)
        assert "ValueError: no orders for 2026-07-30" in [line.text for line in bench.lines]

    def test_lost_memory_is_told_although_python_saw_a_closed_connection(self, bench_of: BenchOf) -> None:
        bench = bench_of()
        bench.fails(
            stderr="java.lang.OutOfMemoryError: Java heap space\nTraceback (most recent call last):\n"
            '  File "job.py", line 1, in <module>\npy4j.protocol.Py4JNetworkError: Answer is empty\n'
        )
        bench.run()
        error = bench.record().error_details
        assert error is not None and error.error_class == "out_of_memory"

    def test_run_longer_than_thirty_minutes(self, bench_of: BenchOf) -> None:
        bench = bench_of(timeout_seconds=4_000)
        bench.model.runs = 2_400.0
        assert bench.run().status == "success"

    def test_time_limit(self, bench_of: BenchOf) -> None:
        bench = bench_of(timeout_seconds=100)
        bench.model.runs = 5_000.0
        outcome = bench.run()
        assert outcome.error and (outcome.status, outcome.error.error_class) == ("timeout", "timeout")
        assert bench.stopped == [True]

    def test_without_any_log_the_service_says_why(self, bench_of: BenchOf) -> None:
        bench = bench_of()
        bench.fails(stderr=None)
        bench.model.stdout = None
        bench.model.failure = {"Reason": "Unknown Error.", "Message": "Exit code 137"}
        bench.model.details = "Job failed. ExitCode: 137"
        outcome = bench.run()
        assert outcome.status == "failed" and outcome.error
        assert "137" in (outcome.error.error_message or "")


class TestInterruption:
    def test_stops_the_run_and_says_so(self, bench_of: BenchOf) -> None:
        bench = bench_of()

        def interrupt() -> None:
            raise KeyboardInterrupt

        bench.time.at(80, interrupt)
        bench.model.runs = 5000.0
        with pytest.raises(KeyboardInterrupt):
            bench.run()
        assert bench.stopped == [True] and bench.record().status == "cancelled"
        # Told within one interval, not after it.
        assert bench.time.elapsed < 80 + bench.platform.polling.longest_seconds

    def test_between_submit_and_record_finds_the_run(
        self, bench_of: BenchOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench = bench_of()
        submit = bench.platform.submit

        def interrupted(request: RunRequest) -> RunHandle:
            submit(request)
            raise KeyboardInterrupt

        monkeypatch.setattr(bench.platform, "submit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            bench.run()
        assert bench.stopped == [True] and bench.record().status == "cancelled"


class TestFaults:
    @pytest.mark.parametrize("fault", ["cut", "down", "lost"])
    def test_of_polls_are_waited_out(self, bench_of: BenchOf, name: Name, fault: str) -> None:
        bench = bench_of()
        bench.aws.fail_next(POLL[name], *[fault] * 4)  # type: ignore[list-item]
        outcome = bench.run()
        assert (outcome.status, bench.submitted) == ("success", 1)

    @pytest.mark.usefixtures("no_waiting")
    def test_throttling_is_waited_out(self, aws: AwsStandIn, name: Name, tmp_path: Path) -> None:
        # botocore slows down a client that was throttled, so this one is not shared.
        with aws_stand_in(aws.backend) as own:
            bench = EmrBench(own, tmp_path, name)
            bench.model.starts_after = bench.model.runs = 3.0
            own.fail_next(SUBMIT[name], "throttle")
            own.fail_next(POLL[name], "throttle")
            outcome = bench.run()
        assert (outcome.status, len(bench.model.lives)) == ("success", 1)

    def test_cut_submission_is_sent_again(self, bench_of: BenchOf, name: Name) -> None:
        bench = bench_of()
        bench.aws.fail_next(SUBMIT[name], "cut")
        assert bench.run().status == "success" and len(bench.model.lives) == 1

    def test_submission_whose_answer_was_lost_is_found(self, bench_of: BenchOf, name: Name) -> None:
        bench = bench_of()
        bench.aws.fail_next(SUBMIT[name], "lost")
        assert bench.run().status == "success" and bench.submitted == 1

    def test_denied_submission_names_the_action(self, bench_of: BenchOf, name: Name) -> None:
        bench = bench_of()
        bench.aws.fail_next(SUBMIT[name], "denied")
        outcome = bench.run()
        action = "elasticmapreduce:RunJobFlow" if name == "emr" else "emr-serverless:StartJobRun"
        assert outcome.error and action in (outcome.error.error_message or "")
        assert (outcome.error.error_class, bench.model.lives) == ("permission", {})


class TestReattachment:
    def test_to_a_run_whose_handle_was_never_recorded(self, bench_of: BenchOf) -> None:
        bench = bench_of()
        bench.store.put_execution(records.started(bench.request, bench.name, bench.clock.now()))
        bench.platform.prepare(bench.request)
        bench.platform.submit(bench.request)
        outcome = bench.run(retry_of(bench.request, "exec-2026-07-31-00000002"))
        assert (outcome.status, outcome.execution_id) == ("success", bench.request.execution_id)
        assert bench.submitted == 1

    def test_attempt_that_never_came_to_a_run_is_closed(self, bench_of: BenchOf) -> None:
        bench = bench_of()
        bench.store.put_execution(records.started(bench.request, bench.name, bench.clock.now()))
        outcome = bench.run(retry_of(bench.request, "exec-2026-07-31-00000002"))
        assert (outcome.execution_id, bench.submitted) == ("exec-2026-07-31-00000002", 1)
        assert bench.record().status == "failed"

    def test_deliberate_execution_is_a_new_run(self, bench_of: BenchOf) -> None:
        bench = bench_of()
        bench.run()
        bench.run(replace(bench.request, execution_id="exec-2026-07-31-00000002", attempt_group="other"))
        assert len(bench.model.lives) == 2

    def test_after_kill_9_of_the_waiting_process(self, bench_of: BenchOf, tmp_path: Path) -> None:
        bench = bench_of()
        kill_while_it_waits(bench.platform, bench.aws.url, tmp_path, bench.request)
        outcome = bench.run(retry_of(bench.request, "exec-2026-07-31-00000002"))
        assert (outcome.status, outcome.execution_id) == ("success", bench.request.execution_id)
        assert bench.submitted == 1


def test_a_hundred_runs_share_their_polls(aws: AwsStandIn, tmp_path: Path, name: Name) -> None:
    runs = 100
    crowd = CrowdTime(runs, time.time() - 200_000)
    keys = {"enable_spark_ui": False}
    bench = EmrBench(aws, tmp_path, name, clock=crowd.clock, platform=keys)
    bench.model.starts_after, bench.model.runs, bench.model.shuts_down = 8.0, 8.0, 0.0
    polls = []
    poll = bench.platform.poll
    bench.platform.poll = lambda handle: polls.append(handle) or poll(handle)  # type: ignore[method-assign]

    def work(number: int) -> None:
        name = f"exec-2026-07-31-{number:08x}"
        outcome = bench.run(replace(bench.request, execution_id=name, attempt_group=name))
        assert outcome.status == "success"

    at_once(runs, crowd, work)
    assert len(bench.model.lives) == bench.submitted == runs
    # Each round of a hundred polls takes a listing of two pages.
    assert len(polls) >= 3 * runs and aws.count(POLL[name]) <= len(polls) / 20
    # Submission, start or end, bill; never a call a poll.
    assert aws.count("(elasticmapreduce|emr-serverless):.*") <= 7 * runs
