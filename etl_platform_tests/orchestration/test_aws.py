"""Jobs on AWS as Dagster runs them: the profile `aws`, records in DynamoDB, Glue in front of moto."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from etl_platform.config.load import load
from etl_platform.config.project import Config
from etl_platform.orchestration.build import build_definitions
from etl_platform.orchestration.resources import GlueResource
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.tracking.open import open_store
from etl_platform.tracking.records import JobExecution
from etl_platform_tests.cli.commands import call
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, Call, aws_stand_in
from etl_platform_tests.platforms.glue_service import GlueService
from etl_platform_tests.projects import write_project
from etl_platform_tests.tracking.stand_in import moto_server

pytestmark = pytest.mark.slow

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "ETL_PLATFORM_PROFILE": "aws",
}


@dataclass
class Shop:
    """A project with one Glue job, and an account."""

    folder: Path
    aws: AwsStandIn
    glue: GlueService
    job_id: str

    @property
    def config(self) -> Config:
        return load(self.folder / "etl_config.json")

    def run(self, *, raise_on_error: bool = True, **options: Any) -> dg.ExecuteInProcessResult:
        resources = options.pop("resources", None)
        job = build_definitions(self.config, resources=resources).resolve_job_def("etl")
        with dg.DagsterInstance.ephemeral() as instance:
            return job.execute_in_process(instance=instance, raise_on_error=raise_on_error, **options)

    def records(self) -> list[JobExecution]:
        with open_store(self.config) as store:
            return list(store.executions(self.job_id).items)

    def cli(self, *arguments: str) -> Any:
        return call(self.folder, *arguments, **ENVIRONMENT, AWS_ENDPOINT_URL=self.aws.url)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="module")
def aws(moto: str) -> Iterator[AwsStandIn]:
    with aws_stand_in(moto) as stand_in, pytest.MonkeyPatch.context() as environment:
        for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": stand_in.url}.items():
            environment.setenv(name, value)
        AwsAccess("us-east-1", moto).client("s3").create_bucket(Bucket="art")
        yield stand_in


@pytest.fixture
def shop(aws: AwsStandIn, tmp_path: Path, request: pytest.FixtureRequest) -> Shop:
    aws.reset()
    job_id = request.node.name.split("[")[0][:60]
    platform = {"user_preference": "glue", "iam_role": "glue", "dpu_count": 2, "enable_spark_ui": False}
    job = {
        "job_id": job_id,
        "execution": {"script_path": "job.py", "script_type": "pyspark", "max_retries": 0},
        "platform": {**platform, "allow_agent_override": False},
    }
    settings = {"aws_region": "us-east-1", "artifacts": {"s3_uri": "s3://art/etl"}}
    write_project(tmp_path, [job], scripts={"job.py": "print('hello')\n"}, settings=settings)
    service = GlueService(aws)
    service.seconds = 0.0
    made = Shop(tmp_path, aws, service, job_id)
    with open_store(made.config) as store:
        store.init()
    return made


def test_a_success_leaves_a_whole_record(shop: Shop) -> None:
    shop.glue.facts = {"ExecutionTime": 120}
    result = shop.run()
    (record,) = shop.records()
    assert (record.status, record.job_type, record.dagster_run_id) == ("success", "glue", result.run_id)
    assert record.run_handle and record.run_handle["run_id"] in shop.glue.runs
    assert record.cost_breakdown and record.cost_breakdown.total_cost_usd == pytest.approx(
        2 * 120 / 3600 * 0.44
    )
    assert record.execution_metrics and record.execution_metrics.memory_mb_allocated == 2 * 16 * 1024
    (event,) = result.asset_materializations_for_node(shop.job_id)
    assert event.metadata["execution_id"].value == record.execution_id


def test_the_command_line_shows_it(shop: Shop) -> None:
    shop.glue.facts = {"ExecutionTime": 120}
    shop.run()
    (record,) = shop.records()
    assert record.execution_id in shop.cli("runs", shop.job_id).stdout
    shown = json.loads(shop.cli("show", record.execution_id, "--format", "json").stdout)
    assert record.execution_id in json.dumps(shown) and "glue" in json.dumps(shown)
    costs = json.loads(shop.cli("costs", shop.job_id, "--format", "json").stdout)
    assert (costs["runs"], costs["unpriced_runs"]) == (1, 0)


def test_a_failure_has_glues_words(shop: Shop) -> None:
    shop.glue.ends_as = "FAILED"
    shop.glue.facts = {"ErrorMessage": "ValueError: no orders of yesterday"}
    result = shop.run(raise_on_error=False)
    failure = result.failure_data_for_node(shop.job_id)
    assert failure and failure.user_failure_data
    assert "no orders of yesterday" in str(failure.user_failure_data.description)
    (record,) = shop.records()
    assert record.status == "failed"
    assert record.error_details and record.error_details.error_type == "ValueError"


def test_a_team_calls_glue_in_its_own_way(shop: Shop, moto: str) -> None:
    with aws_stand_in(moto) as own:
        GlueService(own).seconds = 0.0
        shop.run(resources={"glue": GlueResource(endpoint_url=own.url, attempts=2)})
        assert own.count("glue:StartJobRun") == 1
    assert not shop.aws.count("glue:StartJobRun") and shop.records()[0].status == "success"


REPORTS = """
import sys
import boto3
from dagster_pipes import (
    PipesCliArgsParamsLoader, PipesS3ContextLoader, PipesS3MessageWriter, open_dagster_pipes
)
s3 = boto3.client("s3")
with open_dagster_pipes(
    params_loader=PipesCliArgsParamsLoader(),
    context_loader=PipesS3ContextLoader(client=s3),
    message_writer=PipesS3MessageWriter(client=s3),
) as context:
    context.report_asset_materialization(metadata={"rows": 42}, data_version="v7")
    context.report_asset_check("fresh", passed=False, severity="WARN")
"""


def test_what_a_script_reports_by_pipes_reaches_the_asset(shop: Shop) -> None:
    script = shop.folder / "job.py"
    script.write_text(REPORTS)

    def work(asked: Call, answer: Any) -> Any:
        """Glue runs the script with the arguments of the run."""
        arguments = [part for pair in asked.body["Arguments"].items() for part in pair]
        subprocess.run([sys.executable, str(script), *arguments], check=True)
        return answer

    shop.aws.rewrite("glue:StartJobRun", work)
    result = shop.run()
    (event,) = result.asset_materializations_for_node(shop.job_id)
    assert event.metadata["rows"].value == 42
    assert event.tags and event.tags["dagster/data_version"] == "v7"
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("fresh", False)


WATCHER = """
import sys
import dagster as dg
from etl_platform.config.load import load
from etl_platform.orchestration.build import build_definitions
job = build_definitions(load("etl_config.json")).resolve_job_def("etl")
with dg.DagsterInstance.ephemeral() as instance:
    job.execute_in_process(instance=instance, run_id=sys.argv[1], raise_on_error=False)
"""
RUN_ID = "11111111-2222-3333-4444-555555555555"


def stop_while_it_waits(shop: Shop, number: signal.Signals) -> None:
    """Run the job in a process of its own, and send that a signal once the handle is on record."""
    process = subprocess.Popen([sys.executable, "-c", WATCHER, RUN_ID], cwd=shop.folder, env=dict(os.environ))
    deadline = time.monotonic() + 60
    try:
        while not any(record.run_handle for record in shop.records()):
            assert process.poll() is None and time.monotonic() < deadline, "the run was not started"
            time.sleep(0.1)
        process.send_signal(number)
        process.wait(60)
    finally:
        process.kill()
        process.wait()


def test_a_retry_after_kill_9_takes_the_run_up(shop: Shop) -> None:
    shop.glue.seconds = 10_000.0
    stop_while_it_waits(shop, signal.SIGKILL)
    (lost,) = shop.records()
    assert lost.status in ("pending", "running")
    shop.glue.seconds = 0.0
    retry = {"dagster/root_run_id": RUN_ID, "dagster/parent_run_id": RUN_ID, "dagster/retry_number": "1"}
    assert shop.run(tags=retry).success
    (record,) = shop.records()
    assert (record.execution_id, record.status) == (lost.execution_id, "success")
    assert shop.aws.count("glue:StartJobRun") == 1


def test_an_interrupt_stops_the_remote_run(shop: Shop) -> None:
    shop.glue.seconds = 10_000.0
    stop_while_it_waits(shop, signal.SIGINT)
    assert shop.aws.count("glue:BatchStopJobRun") == 1
    assert shop.records()[0].status == "cancelled"
