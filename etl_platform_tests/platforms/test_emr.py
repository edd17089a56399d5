"""EMR: clusters that live for one run, and clusters of the team."""

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from etl_platform.platforms.artifacts import write
from etl_platform.platforms.emr import EmrPlatform
from etl_platform.platforms.emr_cluster import cluster_request, spark_step, spot_nodes
from etl_platform.platforms.errors import NotRunnableError, TransientError
from etl_platform.platforms.gzip_logs import read_gzip_logs
from etl_platform.platforms.protocol import RunRequest
from etl_platform.platforms.spark_log_error import error_in_log, failure_details
from etl_platform.platforms.spark_submit import SparkSubmission
from etl_platform.tracking.records import PlatformDecision
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, aws_stand_in
from etl_platform_tests.platforms.emr_bench import EmrBench, bench_request
from etl_platform_tests.platforms.emr_stand_in import TRACEBACK
from etl_platform_tests.tracking.stand_in import moto_server

SUBMISSION = SparkSubmission(
    "s3://art/job.py", ("--day", "2026-07-30"), {"spark.sql.shuffle.partitions": "8"}, ("s3://art/m.zip",), ()
)


def cluster_of(request: RunRequest) -> dict[str, Any]:
    return cluster_request(request, {}, "s3://art/logs")


class TestRequestOfACluster:
    def test_ends_by_itself(self, tmp_path: Path) -> None:
        asked = cluster_of(bench_request("emr", tmp_path, timeout_seconds=3600))
        assert asked["Instances"]["KeepJobFlowAliveWhenNoSteps"] is False
        assert asked["Instances"]["TerminationProtected"] is False
        # A run may be idle for as long as it may take, and no longer.
        assert 3600 <= asked["AutoTerminationPolicy"]["IdleTimeout"] <= 4000

    def test_carries_name_and_tags(self, tmp_path: Path) -> None:
        asked = cluster_of(bench_request("emr", tmp_path, tags={"team": "sales"}))
        tags = {tag["Key"]: tag["Value"] for tag in asked["Tags"]}
        assert asked["Name"] == "orders exec-2026-07-31-00000001"
        assert tags["team"] == "sales" and tags["etl-platform-execution"] == "exec-2026-07-31-00000001"

    def test_without_spot_it_has_groups(self, tmp_path: Path) -> None:
        keys = {"instance_type": "m5.xlarge", "core_instance_type": "r5.xlarge", "instance_count": 4}
        groups = cluster_of(bench_request("emr", tmp_path, platform=keys))["Instances"]["InstanceGroups"]
        assert [(g["InstanceRole"], g["InstanceType"], g["InstanceCount"], g["Market"]) for g in groups] == [
            ("MASTER", "m5.xlarge", 1, "ON_DEMAND"),
            ("CORE", "r5.xlarge", 3, "ON_DEMAND"),
        ]

    def test_spot_nodes_are_a_fleet_that_falls_back_on_demand(self, tmp_path: Path) -> None:
        cost = {"spot_instances": {"enabled": True, "max_spot_percentage": 50}}
        request = bench_request(
            "emr", tmp_path, platform={"instance_count": 10, "subnet_id": "subnet-1"}, cost=cost
        )
        asked = cluster_of(request)["Instances"]
        fleets = {fleet["InstanceFleetType"]: fleet for fleet in asked["InstanceFleets"]}
        assert fleets["CORE"]["TargetOnDemandCapacity"] == 4 and fleets["TASK"]["TargetSpotCapacity"] == 5
        spot = fleets["TASK"]["LaunchSpecifications"]["SpotSpecification"]
        assert spot["TimeoutAction"] == "SWITCH_TO_ON_DEMAND" and asked["Ec2SubnetIds"] == ["subnet-1"]

    @pytest.mark.parametrize(
        ("count", "percent", "spot"), [(10, 30, 3), (10, 100, 8), (2, 100, 0), (1, 50, 0)]
    )
    def test_primary_and_one_core_node_are_never_spot(
        self, tmp_path: Path, count: int, percent: int, spot: int
    ) -> None:
        cost = {"spot_instances": {"enabled": True, "max_spot_percentage": percent}}
        request = bench_request("emr", tmp_path, platform={"instance_count": count}, cost=cost)
        assert spot_nodes(request) == spot

    def test_spot_that_was_lost_is_not_taken_again(self, tmp_path: Path) -> None:
        cost = {"spot_instances": {"enabled": True, "max_spot_percentage": 50}}
        request = bench_request("emr", tmp_path, platform={"instance_count": 10}, cost=cost)
        decision = PlatformDecision(selected_platform="emr", on_demand=True)
        assert spot_nodes(replace(request, decision=decision)) == 0


class TestStep:
    def test_runs_spark_submit_with_all_that_the_job_names(self, tmp_path: Path) -> None:
        request = bench_request("emr", tmp_path, timeout_seconds=600)
        args = spark_step(request, SUBMISSION, {"spark.eventLog.enabled": "true"}, transient=True)[
            "HadoopJarStep"
        ]["Args"]
        line = " ".join(args)
        assert line.startswith("timeout --kill-after=60 720 env spark-submit --deploy-mode client")
        assert "--conf spark.eventLog.enabled=true --conf spark.sql.shuffle.partitions=8" in line
        assert line.endswith("--py-files s3://art/m.zip s3://art/job.py --day 2026-07-30")

    def test_pipes_variables_reach_the_script_whatever_spark_settings_there_are(self, tmp_path: Path) -> None:
        request = replace(
            bench_request("emr", tmp_path),
            pipes={"DAGSTER_PIPES_CONTEXT": "eJx", "DAGSTER_PIPES_MESSAGES": "eJy"},
        )
        own = replace(SUBMISSION, conf={"spark.yarn.appMasterEnv.DAGSTER_PIPES_CONTEXT": "mine"})
        args = spark_step(request, own, {}, transient=True)["HadoopJarStep"]["Args"]
        assert args[args.index("env") + 1 : args.index("spark-submit")] == [
            "DAGSTER_PIPES_CONTEXT=eJx",
            "DAGSTER_PIPES_MESSAGES=eJy",
        ]
        assert "spark.yarn.appMasterEnv.DAGSTER_PIPES_CONTEXT=eJx" in args and not any(
            "mine" in a for a in args
        )

    def test_failure_ends_only_a_cluster_of_its_own(self, tmp_path: Path) -> None:
        request = bench_request("emr", tmp_path)
        actions = [
            spark_step(request, SUBMISSION, {}, transient=own)["ActionOnFailure"] for own in (True, False)
        ]
        assert actions == ["TERMINATE_CLUSTER", "CONTINUE"]


class TestErrorInLog:
    def test_last_traceback_counts(self) -> None:
        found = error_in_log(
            "Traceback (most recent call last):\n  File \"a\"\nKeyError: 'x'\n\n" + TRACEBACK
        )
        assert found and (found.error_type, found.message) == ("ValueError", "no orders for 2026-07-30")

    def test_exception_of_the_jvm(self) -> None:
        log = 'Exception in thread "main" org.apache.spark.SparkException: Job aborted\n\tat a.b(C)\n'
        log += "Caused by: java.io.FileNotFoundException: s3://lake/orders\n\tat d.e(F)\n"
        error, _ = failure_details(log)
        assert (error.error_type, error.error_class) == ("FileNotFoundException", "missing_input")

    def test_nothing_said(self) -> None:
        error, retry_can_help = failure_details(None, None)
        assert error.error_message == "The service gives no reason." and retry_can_help


@pytest.fixture(scope="module")
def address() -> Iterator[AwsStandIn]:
    with moto_server() as moto, aws_stand_in(moto) as stand_in:
        yield stand_in


@pytest.fixture
def aws(address: AwsStandIn, monkeypatch: pytest.MonkeyPatch) -> AwsStandIn:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    urlopen(Request(f"{address.backend}/moto-api/reset", method="POST")).close()
    address.reset()
    return address


@pytest.mark.slow
class TestOwnCluster:
    def test_ends_with_the_run_and_tells_its_hours(self, aws: AwsStandIn, tmp_path: Path) -> None:
        bench = EmrBench(aws, tmp_path, "emr")
        outcome = bench.run()
        (cluster,) = bench.model.lives
        assert bench.model.state_of(cluster) == "TERMINATED"
        # 60 s to start, 60 s of work and 90 s to end: a primary node, and two spot nodes from a minute on.
        assert outcome.usage["instance_hours"] == pytest.approx((210 + 150 + 150) / 3600, abs=1e-3)
        assert outcome.usage["spot_instance_hours"] == pytest.approx(300 / 3600, abs=1e-3)

    def test_failed_step_is_a_failure_although_the_cluster_ended_well(
        self, aws: AwsStandIn, tmp_path: Path
    ) -> None:
        bench = EmrBench(aws, tmp_path, "emr")
        bench.fails(stderr=TRACEBACK)
        bench.model.reason = {"Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed"}
        assert bench.run().status == "failed"

    def test_that_stays_after_its_step_is_terminated(
        self, aws: AwsStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench = EmrBench(aws, tmp_path, "emr")
        state = bench.model._cluster_state

        def stays(cluster: str) -> Any:
            found = state(cluster)
            kept = bench.model.lives[cluster].stopped is None and found[0] == "TERMINATING"
            return ("WAITING", found[1]) if kept else found

        monkeypatch.setattr(bench.model, "_cluster_state", stays)
        bench.model.state_of = lambda cluster: stays(cluster)[0]
        assert bench.run().status == "success"
        assert aws.count("elasticmapreduce:TerminateJobFlows") == 1

    def test_that_loses_its_instances_is_a_lack_of_capacity(self, aws: AwsStandIn, tmp_path: Path) -> None:
        bench = EmrBench(aws, tmp_path, "emr")
        bench.fails(stderr=None)
        bench.model.ends_as = "INTERRUPTED"
        bench.model.reason = {"Code": "INSTANCE_FAILURE", "Message": "Core nodes were lost"}
        outcome = bench.run()
        assert outcome.error and (outcome.status, outcome.error.error_class) == ("failed", "capacity")
        assert outcome.retry_can_help

    def test_needs_roles(self, aws: AwsStandIn, tmp_path: Path) -> None:
        bench = EmrBench(aws, tmp_path, "emr", platform={"job_flow_role": None})
        with pytest.raises(NotRunnableError, match=r"platform\.job_flow_role"):
            bench.run()
        assert aws.count("elasticmapreduce:.*") == 0


@pytest.mark.slow
class TestTeamCluster:
    def bench(self, aws: AwsStandIn, folder: Path) -> EmrBench:
        bench = EmrBench(aws, folder, "emr", timeout_seconds=600)
        keys = bench.request.job.platform.model_copy(update={"cluster_id": bench.model.team_cluster()})
        bench.request = replace(bench.request, job=bench.request.job.model_copy(update={"platform": keys}))
        return bench

    def test_stays(self, aws: AwsStandIn, tmp_path: Path) -> None:
        bench = self.bench(aws, tmp_path)
        outcome = bench.run()
        assert outcome.status == "success" and "42 orders" in [line.text for line in bench.lines]
        assert aws.count("elasticmapreduce:RunJobFlow") == 1
        assert aws.count("elasticmapreduce:TerminateJobFlows") == 0
        # The minute of the step, at whose end two more nodes had been there for five seconds.
        assert outcome.usage["instance_hours"] == pytest.approx((60 + 2 * 5) / 3600, abs=1e-4)

    def test_share_of_a_cluster_with_several_steps_at_once_is_unknown(
        self, aws: AwsStandIn, tmp_path: Path
    ) -> None:
        bench = self.bench(aws, tmp_path)
        bench.model.concurrency = 5
        outcome = bench.run()
        assert "instance_hours" not in outcome.usage
        assert any("share cluster" in warning for warning in outcome.warnings)

    def test_cancel_stops_the_step_alone(self, aws: AwsStandIn, tmp_path: Path) -> None:
        bench = self.bench(aws, tmp_path)
        bench.model.runs = 5000.0

        def interrupt() -> None:
            raise KeyboardInterrupt

        bench.time.at(30, interrupt)
        with pytest.raises(KeyboardInterrupt):
            bench.run()
        (step,) = bench.model.steps.values()
        assert step.stopped is not None and bench.record().status == "cancelled"
        assert bench.model.state_of(step.cluster_id) == "WAITING"

    def test_without_logs_it_runs_all_the_same(self, aws: AwsStandIn, tmp_path: Path) -> None:
        bench = self.bench(aws, tmp_path)
        bench.model.log_uri = bench.model.stderr = bench.model.stdout = None
        outcome = bench.run()
        assert (outcome.status, outcome.log_location, bench.lines) == ("success", None, [])

    def test_that_has_ended_is_refused(self, aws: AwsStandIn, tmp_path: Path) -> None:
        bench = self.bench(aws, tmp_path)
        cluster = bench.request.job.platform.cluster_id
        bench.access.client("emr").terminate_job_flows(JobFlowIds=[cluster])
        with pytest.raises(NotRunnableError, match=f"{cluster} is TERMINAT"):
            bench.run()

    def test_steps_are_listed_ten_at_a_time(self, aws: AwsStandIn, tmp_path: Path) -> None:
        bench = self.bench(aws, tmp_path)
        handles = [
            bench.platform.submit(replace(bench.request, execution_id=f"exec-2026-07-31-{number:08x}"))
            for number in range(25)
        ]
        # Another process takes them up: it knows all of them before it asks.
        platform = EmrPlatform(bench.access, bench.clock)
        bench.time.wait(10)
        calls = []
        for _ in range(2):
            before = aws.count("elasticmapreduce:ListSteps")
            assert {platform.poll(handle).status for handle in handles} == {"running"}
            calls.append(aws.count("elasticmapreduce:ListSteps") - before)
            bench.time.wait(10)
        # At first each is met alone.
        assert calls[1] == 3


@pytest.mark.slow
class TestGzipLogs:
    URI = "s3://art/run/stderr.gz"

    def read(self, bench: EmrBench, cursor: str | None, ended: float | None, now: float) -> Any:
        return read_gzip_logs(bench.access, {"stderr": self.URI}, cursor, ended=ended, now=now)

    def test_grows_without_loss_or_repetition(self, aws: AwsStandIn, tmp_path: Path) -> None:
        bench = EmrBench(aws, tmp_path, "emr")
        texts: list[str] = []
        cursor = None
        for content in ("one\ntw", "one\ntwo\nthr", "one\ntwo\nthree"):
            write(bench.access, self.URI, gzip.compress(content.encode()))
            ended = 0.0 if content.endswith("three") else None
            chunk = self.read(bench, cursor, ended, now=1.0)
            texts += [line.text for line in chunk.lines]
            cursor = chunk.cursor
        assert texts == ["one", "two", "three"]
        assert self.read(bench, cursor, 0.0, now=1.0).cursor == cursor

    def test_last_lines_are_waited_for_and_not_for_ever(self, aws: AwsStandIn, tmp_path: Path) -> None:
        bench = EmrBench(aws, tmp_path, "emr")
        with pytest.raises(TransientError, match=r"stderr\.gz have not been written yet"):
            self.read(bench, None, ended=1000.0, now=1010.0)
        assert self.read(bench, None, ended=1000.0, now=2000.0).lines == ()
