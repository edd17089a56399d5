from pathlib import Path

import pytest

from etl_platform.platforms import driver
from etl_platform.platforms.errors import NotRunnableError, PlatformError, TransientError
from etl_platform.platforms.patience import PATIENCE_SECONDS
from etl_platform.platforms.protocol import Polling, Progress
from etl_platform.platforms.records import finished
from etl_platform.tracking.records import JobExecution
from etl_platform_tests.platforms.driver_bench import Bench
from etl_platform_tests.platforms.fake_platform import retry_of


def test_success_is_returned_and_left_to_the_caller_to_record(tmp_path: Path):
    bench = Bench(tmp_path)
    outcome = bench.run()
    assert (outcome.status, bench.record().status) == ("success", "running")
    assert finished(bench.record(), outcome, bench.request).duration_seconds == 30


def test_intent_is_on_record_before_the_submit(tmp_path: Path):
    bench = Bench(tmp_path)
    seen: list[JobExecution] = []
    bench.platform.after_submit = lambda: seen.append(bench.record())
    bench.run()
    assert (seen[0].status, seen[0].run_handle, seen[0].stakeholders) == (
        "running",
        None,
        ["data@example.com"],
    )


def test_handle_is_on_record_before_the_wait(tmp_path: Path):
    bench = Bench(tmp_path)
    seen: list[JobExecution] = []
    bench.time.at(1, lambda: seen.append(bench.record()))
    bench.run()
    assert seen[0].run_handle == {"platform": "glue", "run_id": "run-1", "details": {}}


def test_nothing_is_recorded_of_a_job_that_cannot_run(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.platform.faults["prepare"] = iter([NotRunnableError("no script")])
    with pytest.raises(NotRunnableError):
        bench.run()
    assert bench.store.execution("exec-1") is None


def test_failure_is_recorded(tmp_path: Path):
    bench = Bench(tmp_path, ends_as="failed")
    outcome = bench.run()
    assert (outcome.status, bench.record().status) == ("failed", "failed")


def test_refused_submit_is_a_failed_outcome_with_its_class(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.platform.faults["submit"] = iter([PlatformError("AccessDeniedException: glue:StartJobRun")])
    outcome = bench.run()
    error = bench.record().error_details
    assert outcome.status == "failed" and not outcome.retry_can_help
    assert error and error.error_class == "permission"


def test_polling_interval_grows_to_the_longest(tmp_path: Path):
    bench = Bench(tmp_path, seconds=90)
    bench.run()
    assert bench.time.waits[0] == 1 and max(bench.time.waits) == 10
    assert bench.time.waits[:-1] == sorted(bench.time.waits[:-1])


def test_log_is_followed_without_loss_or_duplication(tmp_path: Path):
    bench = Bench(tmp_path, seconds=40)
    printed = bench.platform.print_every(0.5)
    bench.run()
    assert len(printed) > 20
    assert [line.text for line in bench.lines] == printed


def test_log_is_followed_while_the_run_goes_on(tmp_path: Path):
    bench = Bench(tmp_path, seconds=40)
    bench.platform.print_every(1)
    seen: list[int] = []
    bench.time.at(20, lambda: seen.append(len(bench.lines)))
    bench.run()
    assert seen[0] > 5


def test_log_is_asked_for_no_more_often_than_the_platform_says(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.platform.polling = Polling(1, 10, log_seconds=12)
    bench.run()
    # At the start, 12 seconds or more later twice within 30, and once for what is left at the end.
    assert bench.platform.calls.count("read_logs") <= 4 < bench.platform.calls.count("poll")


def test_log_of_a_run_that_waits_is_not_asked_for(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.platform.starts_after = 60
    seen: list[int] = []
    bench.time.at(50, lambda: seen.append(bench.platform.calls.count("read_logs")))
    bench.run()
    assert seen == [0]


@pytest.mark.parametrize("seconds", [4, 20, 35])
def test_an_end_is_seen_after_a_quarter_of_the_run_at_the_latest(tmp_path: Path, seconds: float):
    bench = Bench(tmp_path, seconds=seconds)
    bench.run()
    assert bench.time.elapsed - seconds <= seconds / 4 + 1


def test_throttled_log_reads_lose_no_line(tmp_path: Path):
    bench = Bench(tmp_path, seconds=40)
    printed = bench.platform.print_every(1)
    bench.platform.faults["read_logs"] = iter([None, None, *[TransientError("Rate exceeded")] * 6])
    outcome = bench.run()
    assert [line.text for line in bench.lines] == printed and not outcome.warnings


def test_unreadable_log_is_a_warning_and_no_failure(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.platform.faults["read_logs"] = iter([PlatformError("log group is gone")])
    outcome = bench.run()
    assert outcome.status == "success" and "log group is gone" in outcome.warnings[0]


def test_progress_line_tells_time_and_tasks(tmp_path: Path):
    bench = Bench(tmp_path, seconds=60)
    bench.platform.progress = Progress(34, 200)
    bench.run()
    assert bench.progress[0] == "running 0 s · 34/200 tasks"
    assert 4 <= len(bench.progress) <= 8


def test_transient_polls_are_repeated_with_growing_waits(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.platform.faults["poll"] = iter([TransientError("ThrottlingException")] * 4)
    assert bench.run().status == "success"
    assert bench.time.waits[:4] == [1, 2, 4, 8]


def test_platform_out_of_reach_leaves_the_run_to_be_taken_up(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.platform.faults["poll"] = iter([TransientError("Connection reset")] * 1000)
    with pytest.raises(TransientError):
        bench.run()
    assert bench.time.elapsed >= PATIENCE_SECONDS
    assert bench.record().status == "running" and bench.record().run_handle
    bench.platform.faults.clear()
    outcome = bench.run(retry_of(bench.request))
    assert (outcome.status, outcome.execution_id, len(bench.platform.runs)) == ("success", "exec-1", 1)


def test_submit_whose_answer_was_lost_starts_one_run(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.platform.faults["submit"] = iter([TransientError("lost answer")])
    outcome = bench.run()
    assert (outcome.status, len(bench.platform.runs)) == ("success", 1)


def test_submit_refused_for_a_moment_is_repeated(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.platform.faults["submit"] = iter([TransientError("Rate exceeded")])
    assert bench.run().status == "success" and bench.platform.calls.count("submit") == 2


def test_time_limit_cancels_the_run(tmp_path: Path):
    bench = Bench(tmp_path, seconds=1000)
    outcome = bench.run()
    record = bench.record()
    assert (outcome.status, record.status, bench.platform.runs["run-1"].stopped) == (
        "timeout",
        "timeout",
        True,
    )
    assert record.error_details and record.error_details.error_class == "timeout"
    assert 100 <= bench.time.elapsed <= 100 + driver.LIMIT_GRACE_SECONDS + 1


def test_time_limit_counts_from_the_start_of_the_remote_run(tmp_path: Path):
    bench = Bench(tmp_path, seconds=90)
    bench.platform.starts_after = 80
    assert bench.run().status == "success"


def test_run_that_never_starts_ends_for_want_of_capacity(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.platform.starts_after = None
    outcome = bench.run()
    assert outcome.status == "timeout" and outcome.retry_can_help
    assert outcome.error and outcome.error.error_class == "capacity"


def test_run_past_its_limit_that_cannot_be_stopped_says_so(tmp_path: Path):
    bench = Bench(tmp_path, seconds=1000)
    bench.platform.faults["cancel"] = iter([PlatformError("StopJobRun refused")])
    outcome = bench.run()
    assert outcome.status == "timeout" and "StopJobRun refused" in bench.record().warnings[0]


class Interrupted(BaseException):
    """Stands for Dagster's interruption, which is no Exception."""


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, Interrupted])
def test_interruption_cancels_records_and_is_raised_again(tmp_path: Path, interruption: type[BaseException]):
    bench = Bench(tmp_path)

    def interrupt() -> None:
        raise interruption

    bench.time.at(5, interrupt)
    with pytest.raises(interruption):
        bench.run()
    assert bench.platform.runs["run-1"].stopped and bench.record().status == "cancelled"


def test_interruption_within_the_submit_finds_and_cancels_the_run(tmp_path: Path):
    bench = Bench(tmp_path)

    def interrupt() -> None:
        raise KeyboardInterrupt

    bench.platform.after_submit = interrupt
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    assert bench.platform.runs["run-1"].stopped
    assert bench.record().status == "cancelled" and bench.record().run_handle


def test_interruption_is_not_hidden_by_a_refused_cancel(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.platform.faults["cancel"] = iter([PlatformError("StopJobRun refused")])

    def interrupt() -> None:
        raise KeyboardInterrupt

    bench.time.at(5, interrupt)
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    # It still goes on, and the record does not say otherwise.
    assert bench.record().status == "running" and "StopJobRun refused" in bench.record().warnings[0]


def test_second_interruption_while_the_run_stops_is_recorded_too(tmp_path: Path):
    bench = Bench(tmp_path, seconds=5000)
    bench.platform.stops_when_told = False

    def interrupt() -> None:
        raise KeyboardInterrupt

    bench.time.at(5, interrupt)
    bench.time.at(15, interrupt)
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    assert bench.time.elapsed == 15 and bench.record().status == "cancelled"


def test_run_that_does_not_stop_when_told_is_named(tmp_path: Path):
    bench = Bench(tmp_path, seconds=5000)
    bench.platform.stops_when_told = False
    bench.run()
    assert "run-1 was told to stop" in bench.record().warnings[0]


def test_run_that_ended_well_before_the_cancel_is_recorded_as_success(tmp_path: Path):
    bench = Bench(tmp_path, seconds=5)

    def interrupt() -> None:
        raise KeyboardInterrupt

    bench.time.at(5, interrupt)
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    assert bench.record().status == "success"


def test_error_of_a_callback_leaves_the_run_to_be_taken_up(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.platform.print_every(1)

    def broken(lines: object) -> None:
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        driver.run(bench.platform, bench.request, bench.store, on_log=broken, clock=bench.time.clock)
    assert bench.record().status == "running" and not bench.platform.runs["run-1"].stopped


def test_run_that_the_platform_forgot_is_a_failure(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.time.at(5, bench.platform.runs.clear)
    outcome = bench.run()
    assert outcome.status == "failed" and outcome.error and outcome.error.error_message == "no run run-1"
