from dataclasses import replace
from pathlib import Path

import pytest

from etl_platform.platforms.attempts import attempt_in_use
from etl_platform.platforms.errors import PlatformError
from etl_platform.platforms.records import finished
from etl_platform_tests.platforms.driver_bench import Bench
from etl_platform_tests.platforms.fake_platform import retry_of


class Died(Exception):
    """Stands for the end of the process: nothing of the driver runs any more."""


def die() -> None:
    raise Died


def killed_after(bench: Bench, seconds: float) -> None:
    """A first attempt whose process dies while the run goes on."""
    bench.time.at(seconds, die)
    with pytest.raises(Died):
        bench.run()


def test_retry_takes_up_a_run_that_goes_on(tmp_path: Path):
    bench = Bench(tmp_path)
    killed_after(bench, 5)
    outcome = bench.run(retry_of(bench.request))
    assert (outcome.status, outcome.execution_id, len(bench.platform.runs)) == ("success", "exec-1", 1)


def test_taken_up_run_shows_its_whole_log(tmp_path: Path):
    bench = Bench(tmp_path, seconds=20)
    printed = bench.platform.print_every(1)
    killed_after(bench, 5)
    bench.lines.clear()
    bench.run(retry_of(bench.request))
    assert [line.text for line in bench.lines] == printed


def test_retry_takes_up_a_run_that_succeeded_meanwhile(tmp_path: Path):
    bench = Bench(tmp_path, seconds=10)
    killed_after(bench, 5)
    bench.time.now += 100
    outcome = bench.run(retry_of(bench.request))
    assert (outcome.status, outcome.execution_id, len(bench.platform.runs)) == ("success", "exec-1", 1)


def test_retry_takes_a_success_that_is_on_record(tmp_path: Path):
    bench = Bench(tmp_path)
    outcome = bench.run()
    bench.store.put_execution(finished(bench.record(), outcome, bench.request))
    calls = len(bench.platform.calls)
    outcome = bench.run(retry_of(bench.request))
    assert (outcome.status, outcome.execution_id) == ("success", "exec-1")
    assert len(bench.platform.calls) == calls


def test_retry_after_death_between_submit_and_record_finds_the_run(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.platform.after_submit = die
    with pytest.raises(Died):
        bench.run()
    assert bench.record().run_handle is None
    bench.platform.after_submit = lambda: None
    outcome = bench.run(retry_of(bench.request))
    assert (outcome.status, outcome.execution_id, len(bench.platform.runs)) == ("success", "exec-1", 1)


def test_retry_after_death_before_the_submit_starts_anew_and_closes_the_record(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.platform.faults["submit"] = iter([Died()])
    with pytest.raises(Died):
        bench.run()
    outcome = bench.run(retry_of(bench.request))
    assert (outcome.execution_id, len(bench.platform.runs)) == ("exec-2", 1)
    assert bench.record("exec-1").status == "failed"


def test_retry_of_a_run_that_failed_meanwhile_starts_anew_and_closes_the_record(tmp_path: Path):
    bench = Bench(tmp_path, seconds=10, ends_as="failed")
    killed_after(bench, 5)
    bench.time.now += 100
    bench.platform.ends_as = "success"
    outcome = bench.run(retry_of(bench.request))
    assert (outcome.status, outcome.execution_id, len(bench.platform.runs)) == ("success", "exec-2", 2)
    assert bench.record("exec-1").status == "failed"


def test_retry_of_a_run_that_the_platform_forgot_starts_anew(tmp_path: Path):
    bench = Bench(tmp_path)
    killed_after(bench, 5)
    bench.platform.runs.clear()
    outcome = bench.run(retry_of(bench.request))
    assert (outcome.execution_id, bench.record("exec-1").status) == ("exec-2", "failed")


def test_retry_of_a_recorded_failure_starts_anew(tmp_path: Path):
    bench = Bench(tmp_path, ends_as="failed")
    bench.run()
    bench.platform.ends_as = "success"
    outcome = bench.run(retry_of(bench.request))
    assert (outcome.status, outcome.execution_id) == ("success", "exec-2")


def test_failed_retry_is_counted_in_its_record(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.platform.faults["submit"] = iter([PlatformError("refused")] * 2)
    bench.run()
    bench.run(retry_of(bench.request))
    errors = [bench.record(execution_id).error_details for execution_id in ("exec-1", "exec-2")]
    assert [error and error.retry_count for error in errors] == [0, 1]


def test_deliberate_re_execution_starts_anew(tmp_path: Path):
    bench = Bench(tmp_path)
    killed_after(bench, 5)
    again = replace(bench.request, execution_id="exec-2", attempt_group="another")
    assert bench.run(again).execution_id == "exec-2"
    assert len(bench.platform.runs) == 2


def test_time_limit_of_a_taken_up_run_counts_from_its_own_start(tmp_path: Path):
    bench = Bench(tmp_path, seconds=1000)
    killed_after(bench, 5)
    bench.time.now += 60
    bench.run(retry_of(bench.request))
    assert bench.time.elapsed < 115


def test_interruption_of_a_taken_up_run_cancels_it(tmp_path: Path):
    bench = Bench(tmp_path, seconds=100)
    killed_after(bench, 5)

    def interrupt() -> None:
        raise KeyboardInterrupt

    bench.time.at(20, interrupt)
    with pytest.raises(KeyboardInterrupt):
        bench.run(retry_of(bench.request))
    assert bench.platform.runs["run-1"].stopped and bench.record("exec-1").status == "cancelled"


def test_retry_on_another_platform_is_refused_while_the_run_may_go_on(tmp_path: Path):
    bench = Bench(tmp_path)
    killed_after(bench, 5)
    bench.platform.name = "emr"
    with pytest.raises(PlatformError, match="may still run on glue"):
        bench.run(retry_of(bench.request))


def test_platform_in_use_names_where_a_run_may_go_on(tmp_path: Path):
    bench = Bench(tmp_path)
    assert attempt_in_use(bench.store.attempts("orders", "group")) is None
    killed_after(bench, 5)
    found = attempt_in_use(bench.store.attempts("orders", "group"))
    assert found is not None and found.job_type == "glue"
