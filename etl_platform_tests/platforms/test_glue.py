"""Runs on Glue, through the driver and over HTTP."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from etl_platform.platforms import driver
from etl_platform.platforms.artifacts import read, write
from etl_platform.platforms.errors import NotRunnableError, PlatformError
from etl_platform.platforms.glue import GluePlatform
from etl_platform.platforms.patience import Clock
from etl_platform.platforms.protocol import RunHandle
from etl_platform.platforms.records import finished
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, Reply, aws_stand_in
from etl_platform_tests.platforms.glue_service import GlueBench
from etl_platform_tests.platforms.test_remote_figures import events, wrote
from etl_platform_tests.tracking.stand_in import moto_server

pytestmark = pytest.mark.slow


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
    address.reset()
    return address


@pytest.fixture
def bench(tmp_path: Path, aws: AwsStandIn) -> GlueBench:
    return GlueBench(tmp_path, aws)


class TestEnds:
    def test_success(self, bench: GlueBench) -> None:
        outcome = bench.run()
        assert (outcome.status, outcome.ended - outcome.started) == ("success", 30)  # type: ignore[operator]
        assert bench.progress[0] == "pending" and bench.aws.count("glue:StartJobRun") == 1

    def test_failure_has_the_exception_of_its_log(self, bench: GlueBench) -> None:
        bench.service.ends_as = "FAILED"
        bench.service.facts = {"ErrorMessage": "Error Category: UNCLASSIFIED_ERROR; KeyError: 'amount'"}
        trace = ("Traceback (most recent call last):", '  File "/tmp/job.py", line 3', "KeyError: 'amount'")
        bench.time.at(10, lambda: bench.print_log("error", "\n".join(trace)))
        outcome = bench.run()
        error = bench.record().error_details
        assert error and (error.error_type, error.error_class) == ("KeyError", "code")
        assert error.error_stack_trace and "line 3" in error.error_stack_trace
        assert "KeyError: 'amount'" in [line.text for line in bench.lines]
        assert outcome.status == "failed" and not outcome.retry_can_help

    def test_failure_without_a_log_has_glues_message(self, bench: GlueBench) -> None:
        bench.service.ends_as = "FAILED"
        bench.service.facts = {
            "ErrorMessage": "Error Category: QUERY_ERROR; AnalysisException: Path does not exist"
        }
        bench.run()
        error = bench.record().error_details
        assert error and (error.error_type, error.error_class) == ("AnalysisException", "missing_input")

    @pytest.mark.parametrize(
        ("state", "status", "error_class"),
        [
            ("EXPIRED", "failed", "capacity"),
            ("ERROR", "failed", "unknown"),
            ("TIMEOUT", "timeout", "timeout"),
            ("STOPPED", "cancelled", None),
        ],
    )
    def test_every_final_state_ends_the_wait(
        self, bench: GlueBench, state: str, status: str, error_class: str | None
    ) -> None:
        bench.service.ends_as = state
        outcome = bench.run()
        assert (outcome.status, outcome.error and outcome.error.error_class) == (status, error_class)

    def test_time_limit_stops_the_run(self, bench: GlueBench) -> None:
        bench.service.seconds = 10_000
        outcome = bench.run()
        assert (outcome.status, bench.record().status) == ("timeout", "timeout")
        assert bench.aws.count("glue:BatchStopJobRun") == 1
        assert 110 <= bench.time.elapsed < 140

    def test_a_run_that_waits_for_capacity_is_given_up(self, bench: GlueBench) -> None:
        bench.aws.answer("glue:GetJobRun", lambda call: Reply({"JobRun": {
            "Id": call.body["RunId"], "JobName": call.body["JobName"], "StartedOn": bench.time.start,
            "JobRunState": "STOPPED" if bench.aws.count("glue:BatchStopJobRun") else "WAITING",
        }}))  # fmt: skip
        outcome = bench.run()
        assert outcome.status == "timeout" and outcome.error and outcome.error.error_class == "capacity"
        assert outcome.retry_can_help


class TestStop:
    def interrupt(self, bench: GlueBench, at: float = 12.0) -> None:
        def raise_it() -> None:
            raise KeyboardInterrupt

        bench.service.seconds = 10_000
        bench.time.at(at, raise_it)
        with pytest.raises(KeyboardInterrupt):
            bench.run()

    def test_an_interrupt_stops_the_run(self, bench: GlueBench) -> None:
        self.interrupt(bench)
        assert bench.record().status == "cancelled"
        assert [bench.service.state(run) for run in bench.service.runs.values()] == ["STOPPED"]

    def test_a_refused_stop_is_told_and_the_run_stays_on_record(self, bench: GlueBench) -> None:
        bench.service.refusal = {"ErrorCode": "InternalServiceException", "ErrorMessage": "not now"}
        self.interrupt(bench)
        record = bench.record()
        assert record.status == "running" and "InternalServiceException: not now" in record.warnings[0]

    @pytest.mark.usefixtures("no_waiting")
    def test_a_throttled_stop_is_repeated(self, tmp_path: Path, aws: AwsStandIn) -> None:
        bench = GlueBench(tmp_path, aws, own_clients=True)
        bench.aws.fail_next("glue:BatchStopJobRun", "throttle", "cut")
        self.interrupt(bench)
        assert bench.record().status == "cancelled" and bench.aws.count("glue:BatchStopJobRun") == 3

    def test_to_stop_an_ended_run_is_no_error(self, bench: GlueBench) -> None:
        outcome = bench.run()
        bench.service.refusal = {"ErrorCode": "JobRunAlreadyEnded", "ErrorMessage": "too late"}
        assert outcome.handle is not None
        bench.platform.cancel(outcome.handle)


class TestFaults:
    @pytest.mark.usefixtures("no_waiting")
    def test_throttled_polls_do_not_fail_the_run(self, tmp_path: Path, aws: AwsStandIn) -> None:
        bench = GlueBench(tmp_path, aws, own_clients=True)
        bench.aws.fail_next("glue:GetJobRun", "throttle", "throttle", "cut", "down", "lost")
        assert bench.run().status == "success"

    def test_a_lost_answer_to_the_start_pays_once(self, bench: GlueBench) -> None:
        bench.aws.fail_next("glue:StartJobRun", "lost")
        assert bench.run().status == "success"
        assert bench.aws.count("glue:StartJobRun") == 1

    def test_a_start_cut_off_before_anything_was_done_is_repeated(self, bench: GlueBench) -> None:
        bench.aws.fail_next("glue:StartJobRun", "cut")
        assert bench.run().status == "success" and len(bench.service.runs) == 1

    def test_too_many_runs_is_a_failure_that_a_retry_can_help(self, bench: GlueBench) -> None:
        body = {"__type": "ConcurrentRunsExceededException", "Message": "Concurrent runs exceeded"}
        bench.aws.answer("glue:StartJobRun", lambda _: Reply(body, 400))
        outcome = bench.run()
        assert outcome.status == "failed" and outcome.retry_can_help
        assert outcome.error and outcome.error.error_class == "capacity"

    def test_a_denied_start_names_the_permission(self, bench: GlueBench) -> None:
        bench.aws.fail_next("glue:StartJobRun", "denied")
        error = bench.run().error
        assert (
            error
            and error.error_class == "permission"
            and "`glue:StartJobRun`" in (error.error_message or "")
        )

    def test_a_run_that_is_gone_is_said_so(self, bench: GlueBench) -> None:
        handle = RunHandle(platform="glue", run_id="jr_gone", details={"job_name": "no-such-job"})
        with pytest.raises(PlatformError, match="jr_gone"):
            bench.platform.poll(handle)


def _measure(bench: GlueBench, metric: str, kind: str, *values: float) -> None:
    """Let CloudWatch have points of the newest run."""
    run_id, run = list(bench.service.runs.items())[-1]
    dimensions = {"JobName": run.job_name, "JobRunId": run_id, "Type": kind}
    points = [
        {
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            "Timestamp": run.started + 1 + 60 * at,
            "Value": value,
        }
        for at, value in enumerate(values)
    ]
    bench.access.client("cloudwatch").put_metric_data(Namespace="Glue", MetricData=points)


class TestLogs:
    def test_lines_come_while_the_run_goes_on(self, bench: GlueBench) -> None:
        seen: list[int] = []
        bench.time.at(8, lambda: bench.print_log("output", "one", "two"))
        bench.time.at(25, lambda: seen.append(len(bench.lines)))
        bench.time.at(26, lambda: bench.print_log("output", "three"))
        bench.run()
        assert seen == [2] and [line.text for line in bench.lines] == ["one", "two", "three"]

    def test_a_denied_log_is_a_warning(self, bench: GlueBench) -> None:
        bench.aws.fail_next("logs:GetLogEvents", "denied")
        outcome = bench.run()
        assert outcome.status == "success" and any(
            "`logs:GetLogEvents`" in warning for warning in outcome.warnings
        )


class TestRequest:
    def test_the_run_has_its_size_arguments_and_settings(self, tmp_path: Path, aws: AwsStandIn) -> None:
        (tmp_path / "shop.py").write_text("")
        (tmp_path / "shop-1.0-py3-none-any.whl").write_text("")
        bench = GlueBench(
            tmp_path,
            aws,
            platform_keys={
                "worker_type": "G.2X",
                "dpu_count": 8,
                "execution_class": "flex",
                "connections": ["warehouse"],
            },
            execution={
                "arguments": {"limit": 5, "dry": False},
                "python_modules": ["shop.py", "shop-1.0-py3-none-any.whl"],
                "jars": ["s3://jars/driver.jar"],
                "spark_conf": {"spark.sql.adaptive.enabled": True, "spark.sql.shuffle.partitions": 64},
            },
            job_keys={"workload": {"incremental": True}},
        )
        pipes = {"DAGSTER_PIPES_CONTEXT": "ctx", "DAGSTER_PIPES_MESSAGES": "msg"}
        bench.run(bench.request(partition_key="2024-01-01", pipes=pipes))
        started = bench.started()
        size = {"WorkerType": "G.2X", "NumberOfWorkers": 4, "ExecutionClass": "FLEX", "Timeout": 2}
        assert {name: started[name] for name in size} == size
        assert started["Arguments"] == {
            "--EXECUTION_ID": "exec-1",
            "--PARTITION_KEY": "2024-01-01",
            "--limit": "5",
            "--dry": "false",
            "--conf": "spark.sql.adaptive.enabled=true --conf spark.sql.shuffle.partitions=64",
            "--spark-event-logs-path": f"{bench.uri}/event-logs/exec-1/",
            "--dagster-pipes-context": "ctx",
            "--dagster-pipes-messages": "msg",
        }
        (made,) = aws.bodies("glue:CreateJob")
        defaults = made["DefaultArguments"]
        assert defaults["--job-bookmark-option"] == "job-bookmark-enable"
        assert defaults["--extra-jars"] == "s3://jars/driver.jar"
        assert defaults["--extra-py-files"].endswith("/shop.py")
        assert defaults["--additional-python-modules"].endswith(".whl")
        assert made["Connections"] == {"Connections": ["warehouse"]}
        assert made["Tags"]["etl-platform"] == "owned"
        assert read(bench.access, made["Command"]["ScriptLocation"]) == b"print('hello')\n"

    def test_a_python_script_runs_in_a_shell(self, tmp_path: Path, aws: AwsStandIn) -> None:
        bench = GlueBench(
            tmp_path, aws, platform_keys={"dpu_count": 0.0625}, execution={"script_type": "python"}
        )
        assert bench.run().status == "success"
        started = bench.started()
        assert started["MaxCapacity"] == 0.0625 and "WorkerType" not in started
        assert started["Arguments"]["--JOB_NAME"] == "orders"
        assert aws.bodies("glue:CreateJob")[0]["Command"]["Name"] == "pythonshell"

    def test_a_query_is_run_by_a_script_of_ours(self, tmp_path: Path, aws: AwsStandIn) -> None:
        query = {"script_path": None, "sql": "SELECT 1 AS one"}
        target = {"target": {"type": "s3", "path": "s3://out/one"}}
        bench = GlueBench(tmp_path, aws, execution=query, job_keys=target)
        bench.service.seconds = 10
        bench.run()
        plan = read(bench.access, bench.started()["Arguments"]["--etl-platform-query"])
        assert b'"query": "SELECT 1 AS one"' in (plan or b"")
        script = read(bench.access, aws.bodies("glue:CreateJob")[0]["Command"]["ScriptLocation"])
        assert b"def run(session" in (script or b"")

    @pytest.mark.parametrize(
        ("execution", "keys", "said"),
        [
            ({"script_path": "gone.py"}, {}, "gone.py"),
            ({"spark_conf": {"spark.driver.extraJavaOptions": "-Da=1 -Db=2"}}, {}, "blank"),
            ({"spark_conf": {"spark.x": "${SECRET:key}"}}, {}, "secret"),
            ({}, {"dpu_count": 1}, "two at least"),
            ({}, {"iam_role": None}, "platform.iam_role"),
            ({"script_path": "handler.py", "script_type": "python"}, {}, "handler"),
        ],
    )
    def test_what_cannot_run_is_refused(
        self, tmp_path: Path, aws: AwsStandIn, execution: Any, keys: Any, said: str
    ) -> None:
        (tmp_path / "handler.py").write_text("def handler(event, context): ...")
        bench = GlueBench(tmp_path, aws, platform_keys=keys, execution=execution)
        with pytest.raises(NotRunnableError, match=said):
            bench.run()
        assert not bench.aws.count("glue:StartJobRun")


class TestDefinition:
    def test_a_definition_of_ours_is_updated(self, bench: GlueBench) -> None:
        bench.run()
        (bench.folder / "job.py").write_text("print('changed')\n")
        again = GluePlatform(bench.access)
        again.prepare(bench.request("exec-2"))
        (update,) = bench.aws.bodies("glue:UpdateJob")
        assert read(bench.access, update["JobUpdate"]["Command"]["ScriptLocation"]) == b"print('changed')\n"

    def test_a_size_that_was_decided_changes_no_definition(self, bench: GlueBench) -> None:
        request = bench.request()
        bench.run(request)
        decided = request.job.platform.model_copy(update={"dpu_count": 20})
        bigger = bench.request("exec-2", attempt_group="another")
        object.__setattr__(bigger, "job", request.job.model_copy(update={"platform": decided}))
        bench.run(bigger)
        assert not bench.aws.count("glue:UpdateJob") and bench.started()["NumberOfWorkers"] == 20

    def test_a_definition_without_our_tag_is_only_run(self, bench: GlueBench) -> None:
        name = bench.request().job.platform.glue_job_name
        command = {"Name": "glueetl", "ScriptLocation": "s3://theirs/job.py"}
        bench.access.client("glue").create_job(Name=name, Role="theirs", Command=command)
        assert bench.run().status == "success"
        assert bench.started()["JobName"] == name
        assert not bench.aws.count("glue:UpdateJob") and bench.aws.count("glue:CreateJob") == 1
        (change,) = bench.platform.deploy(bench.request().job, bench.request().config, dry_run=False)
        assert change.action == "foreign"

    def test_deploy_tells_its_changes_and_settles(self, bench: GlueBench) -> None:
        request = bench.request()

        def deploy(*, dry_run: bool = False, **keys: Any) -> str:
            platform = request.job.platform.model_copy(update=keys)
            job = request.job.model_copy(update={"platform": platform})
            (change,) = GluePlatform(bench.access).deploy(job, request.config, dry_run=dry_run)
            return str(change).partition(": ")[2]

        assert deploy(dry_run=True) == "create" and not bench.aws.count("glue:CreateJob")
        assert not bench.aws.count("s3:PUT /glue-art/.+")
        assert [deploy(), deploy()] == ["create", "keep"]
        changed = "update (GlueVersion: 5.0 → 4.0; NumberOfWorkers: 4 → 6)"
        assert deploy(glue_version="4.0", dpu_count=6, dry_run=True) == changed
        assert not bench.aws.count("glue:UpdateJob")
        assert [deploy(glue_version="4.0", dpu_count=6), deploy(glue_version="4.0", dpu_count=6)] == [
            changed,
            "keep",
        ]

    def test_an_argument_that_is_not_wanted_any_more_goes(self, bench: GlueBench) -> None:
        request = bench.request()
        execution = request.job.execution.model_copy(update={"jars": ["s3://jars/a.jar"]})
        with_jar = request.job.model_copy(update={"execution": execution})
        GluePlatform(bench.access).deploy(with_jar, request.config, dry_run=False)
        (change,) = GluePlatform(bench.access).deploy(request.job, request.config, dry_run=True)
        assert change.differences == ("DefaultArguments.--extra-jars: s3://jars/a.jar → absent",)

    def test_only_what_is_ours_is_removed(self, bench: GlueBench) -> None:
        request = bench.request()
        bench.platform.deploy(request.job, request.config, dry_run=False)
        name = request.job.platform.glue_job_name
        owned = {change.name: change for change in GluePlatform(bench.access).owned()}
        bench.platform.remove(owned[str(name)])
        bench.platform.remove(owned[str(name)])
        assert name not in {change.name for change in GluePlatform(bench.access).owned()}


class TestAfter:
    def test_cost_comes_from_time_and_workers(self, bench: GlueBench) -> None:
        bench.service.seconds = 365.0
        request = bench.request(timeout_seconds=1000.0)
        outcome = bench.run(request)
        assert outcome.usage == {"execution_seconds": 360, "dpu": 4.0}
        cost = finished(bench.record(), outcome, request).cost_breakdown
        assert cost and cost.total_cost_usd == pytest.approx(4 * 360 / 3600 * 0.44)
        assert outcome.metrics.memory_mb_allocated == 4 * 16 * 1024

    def test_dpu_seconds_win_where_glue_reports_them(self, tmp_path: Path, aws: AwsStandIn) -> None:
        bench = GlueBench(tmp_path, aws, platform_keys={"execution_class": "flex"})
        bench.service.facts = {"DPUSeconds": 3600.0, "ExecutionClass": "FLEX"}
        request = bench.request()
        outcome = bench.run(request)
        cost = finished(bench.record(), outcome, request).cost_breakdown
        assert cost and cost.total_cost_usd == pytest.approx(0.29)

    def test_spark_cloudwatch_and_the_target_are_measured(self, tmp_path: Path, aws: AwsStandIn) -> None:
        target = {"target": {"type": "s3", "path": "s3://glue-art/out", "format": "csv"}}
        bench = GlueBench(tmp_path, aws, job_keys=target)
        bench.time.at(20, lambda: write(bench.access, "s3://glue-art/out/a.csv", b"id\n1\n"))
        bench.time.at(
            20, lambda: write(bench.access, f"{bench.uri}/event-logs/exec-1/spark-1", events(wrote(1)))
        )
        bench.time.at(20, lambda: _measure(bench, "glue.ALL.jvm.heap.usage", "gauge", 0.5, 0.7))
        bench.time.at(20, lambda: _measure(bench, "glue.driver.aggregate.recordsRead", "count", 40, 2))
        outcome = bench.run()
        assert outcome.metrics.records_written == 1 and outcome.metrics.output_file_count == 1
        assert outcome.target_location == "s3://glue-art/out"
        assert outcome.metrics.memory_utilization_percent == pytest.approx(60)

    def test_cloudwatch_counts_where_there_is_no_event_log(self, tmp_path: Path, aws: AwsStandIn) -> None:
        bench = GlueBench(tmp_path, aws, platform_keys={"enable_spark_ui": False})
        bench.time.at(20, lambda: _measure(bench, "glue.driver.aggregate.recordsRead", "count", 40, 2))
        outcome = bench.run()
        assert outcome.metrics.records_processed == 42 and outcome.metrics.data_read_gb is None
        assert "--spark-event-logs-path" not in bench.started()["Arguments"] and not outcome.warnings


WATCHER = """
import sys
from pathlib import Path
from etl_platform.platforms import driver
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.glue import GluePlatform
from etl_platform_tests.platforms.builders import config_of, job_of, request_of, store_in

folder, url, name = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
job = job_of(execution={"script_path": "job.py"}, platform={"glue_job_name": name, "iam_role": "role"})
config = config_of(folder, job, profile="aws", artifacts={"s3_uri": f"s3://glue-art/{name}"})
platform = GluePlatform(AwsAccess(region="us-east-1", endpoint_url=url, attempts=1))
driver.run(platform, request_of(config, job, "exec-1", timeout_seconds=100.0), store_in(folder))
"""


class TestKilled:
    """The process that waits is killed, and a retry goes on where it stopped."""

    def kill_when(self, bench: GlueBench, reached: threading.Event) -> None:
        name = str(bench.request().job.platform.glue_job_name)
        watcher = subprocess.Popen([sys.executable, "-c", WATCHER, str(bench.folder), bench.aws.url, name])
        try:
            assert reached.wait(60), "the watcher did not get that far"
        finally:
            watcher.send_signal(signal.SIGKILL)
            watcher.wait()

    def test_the_run_is_taken_up_again(self, bench: GlueBench) -> None:
        polled = threading.Event()
        bench.aws.answer("glue:GetJobRun", lambda call: polled.set())
        self.kill_when(bench, polled)
        assert bench.record().status == "running" and bench.record().run_handle
        outcome = bench.run(bench.request("exec-2"))
        assert (outcome.execution_id, outcome.status) == ("exec-1", "success")
        assert bench.aws.count("glue:StartJobRun") == 1

    def test_so_it_is_where_its_handle_was_never_recorded(self, bench: GlueBench) -> None:
        submitted, killed = threading.Event(), threading.Event()

        def hold(call: Any, answer: Any) -> Any:
            submitted.set()
            killed.wait(60)
            return answer

        bench.aws.rewrite("glue:StartJobRun", hold)
        self.kill_when(bench, submitted)
        killed.set()
        assert bench.record().status == "running" and not bench.record().run_handle
        outcome = bench.run(bench.request("exec-2"))
        assert (outcome.execution_id, outcome.status) == ("exec-1", "success")
        assert bench.aws.count("glue:StartJobRun") == 1

    def test_a_retry_after_a_death_before_the_submit_starts_anew(self, bench: GlueBench) -> None:
        reached, killed = threading.Event(), threading.Event()

        def refuse(call: Any) -> Reply | None:
            if killed.is_set():
                return None
            reached.set()
            return Reply({"__type": "InternalServiceException", "Message": "down"}, 500)

        bench.aws.answer("glue:StartJobRun", refuse)
        self.kill_when(bench, reached)
        killed.set()
        outcome = bench.run(bench.request("exec-2"))
        assert (outcome.execution_id, outcome.status) == ("exec-2", "success")
        assert bench.record("exec-1").status == "failed" and len(bench.service.runs) == 1

    def test_a_deliberate_re_execution_is_a_new_run(self, bench: GlueBench) -> None:
        bench.run()
        bench.run(bench.request("exec-2", attempt_group="another"))
        assert len(bench.service.runs) == 2


def test_a_hundred_runs_at_once_share_their_calls(bench: GlueBench) -> None:
    """Time passes twenty times as fast: each run lasts 60 of these seconds, in which each polls six times."""
    begun = time.time()

    def now() -> float:
        return begun + 20 * (time.time() - begun)

    clock = Clock(now=now, wait=lambda seconds: time.sleep(seconds / 20))
    bench.service.now, bench.service.seconds = now, 60.0
    platform = GluePlatform(bench.access, clock)

    def run(number: int) -> str:
        request = bench.request(f"exec-{number}", attempt_group=f"group-{number}", timeout_seconds=10_000)
        return driver.run(platform, request, bench.store, clock=clock).status

    with ThreadPoolExecutor(100) as pool:
        assert list(pool.map(run, range(100))) == ["success"] * 100
    count = bench.aws.count
    assert count("glue:StartJobRun") == 100 and count("glue:BatchStopJobRun") == 0
    # Looked at once for all: the script, and the definition.
    assert count("glue:GetJob") == count("glue:CreateJob") == 1
    # Alone, each would ask six times or more.
    assert count("glue:GetJobRuns?") < 250
