"""API calls and seconds that a run on AWS adds to the service's own time, beside Dagster's Pipes clients.

    python -m etl_platform_tests.benchmarks.platforms [REMOTE_SECONDS] [DEPLOYED_JOBS]

Both run the same job in a Dagster asset, over HTTP against moto with a stand-in in front of it that lets a
run last. The time of the service is taken off. Last, `deploy` of many jobs of which nothing has to change.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg

from etl_platform.platforms import driver
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.batch import BatchPlatform
from etl_platform.platforms.deployment import deploy_jobs
from etl_platform.platforms.emr import EmrPlatform
from etl_platform.platforms.emr_serverless import EmrServerlessPlatform
from etl_platform.platforms.glue import GluePlatform
from etl_platform.platforms.lambda_ import LambdaPlatform
from etl_platform.platforms.open import forget_platforms
from etl_platform.platforms.ownership import Change
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, Reply, aws_stand_in
from etl_platform_tests.platforms.batch_service import BatchService
from etl_platform_tests.platforms.builders import config_of, job_of, request_of, store_in
from etl_platform_tests.platforms.emr_bench import bench_request
from etl_platform_tests.platforms.emr_stand_in import EmrStandIn, ServerlessStandIn
from etl_platform_tests.platforms.glue_service import GlueService
from etl_platform_tests.platforms.lambda_runs.builders import write_claim, write_outcome
from etl_platform_tests.platforms.lambda_service import Invoked, LambdaService, role, without_docker
from etl_platform_tests.tracking.stand_in import moto_server

REMOTE_SECONDS = 20.0
DEPLOYED_JOBS = 500
ROLE = "arn:aws:iam::123456789012:role/job"


Run = Callable[[dg.AssetExecutionContext], dg.MaterializeResult | None]


@dataclass(frozen=True)
class Case:
    """One service.

    Attributes:
        name: Of the service.
        ours: Runs a job on our platform inside an asset; returns when it has ended.
        theirs: Does so with the Pipes client; None: there is none.
    """

    name: str
    ours: Run
    theirs: Run | None


def glue(aws: AwsStandIn, folder: Path, remote_seconds: float) -> Case:
    """A Spark job on Glue; both find its definition made."""
    GlueService(aws).seconds = remote_seconds
    (folder / "job.py").write_text("print('hello')\n")
    job = job_of("orders", {"script_path": "job.py"}, platform={"iam_role": ROLE, "dpu_count": 2})
    config = config_of(folder, job, profile="aws", artifacts={"s3_uri": "s3://bench/etl"})
    platform = GluePlatform(AwsAccess(region="us-east-1", endpoint_url=aws.url))
    platform.deploy(job, config, dry_run=False)
    store = store_in(folder)

    def ours(context: dg.AssetExecutionContext) -> None:
        request = request_of(config, job, "exec-1", timeout_seconds=3600.0)
        outcome = driver.run(platform, request, store, on_progress=context.log.info)
        assert outcome.status == "success"

    def theirs(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        import boto3
        from dagster_aws.pipes import PipesGlueClient, PipesS3ContextInjector, PipesS3MessageReader

        def client(service: str) -> Any:
            return boto3.client(service, region_name="us-east-1", endpoint_url=aws.url)  # pyright: ignore

        return (
            PipesGlueClient(
                context_injector=PipesS3ContextInjector(client=client("s3"), bucket="bench"),
                message_reader=PipesS3MessageReader(client=client("s3"), bucket="bench"),
                client=client("glue"),
            )
            .run(context=context, start_job_run_params={"JobName": "orders"})
            .get_materialize_result()
        )

    return Case("glue", ours, theirs)


def function(aws: AwsStandIn, folder: Path, remote_seconds: float) -> Case:
    """A function that is not ours; both only invoke it: ours asynchronously, the Pipes client in its call."""
    service = LambdaService(aws, folder)
    service.foreign("theirs")
    service.behaviour = lambda call: service.last(call, remote_seconds)
    (folder / "job.py").write_text("def handler(event, context): ...\n")
    execution = {"script_path": "job.py", "script_type": "python"}
    job = job_of("clicks", execution, platform={"lambda_function_name": "theirs"})
    config = config_of(folder, job, profile="aws", artifacts={"s3_uri": "s3://bench/etl"})
    platform = LambdaPlatform(AwsAccess(region="us-east-1", endpoint_url=aws.url))
    store = store_in(folder)

    def ours(context: dg.AssetExecutionContext) -> None:
        request = request_of(config, job, "exec-lambda", timeout_seconds=900.0)
        outcome = driver.run(platform, request, store, on_progress=context.log.info)
        assert outcome.status == "success"

    def theirs(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        import boto3
        from dagster_aws.pipes import PipesLambdaClient

        client: Any = boto3.client("lambda", region_name="us-east-1", endpoint_url=aws.url)  # pyright: ignore
        ran = PipesLambdaClient(client=client).run(context=context, function_name="theirs", event={})
        return ran.get_materialize_result()

    return Case("lambda", ours, theirs)


def own_function(aws: AwsStandIn, folder: Path, remote_seconds: float) -> Case:
    """A Lambda function that `deploy` made, whose package writes its claim and its outcome."""
    service = LambdaService(aws, folder)
    access = AwsAccess(region="us-east-1", endpoint_url=aws.url)
    service.access.client("s3").create_bucket(Bucket="art")
    (folder / "job.py").write_text("def handler(event, context): ...\n")
    execution = {"script_path": "job.py", "script_type": "python"}
    job = job_of("visits", execution, platform={"iam_role": role(service.access)})
    config = config_of(folder, job, profile="aws", artifacts={"s3_uri": "s3://art/etl"})
    platform = LambdaPlatform(access)
    platform.deploy(job, config, dry_run=False)
    store = store_in(folder)

    def behave(call: Invoked) -> None:
        def work() -> None:
            time.sleep(remote_seconds)
            write_outcome(service, call, time.time())
            service.end(call)

        write_claim(service, call, time.time())
        service.start(call)
        service.threads.append(threading.Thread(target=work))
        service.threads[-1].start()

    service.behaviour = behave

    def ours(context: dg.AssetExecutionContext) -> None:
        request = request_of(config, job, "exec-own", timeout_seconds=900.0)
        outcome = driver.run(platform, request, store, on_progress=context.log.info)
        assert outcome.status == "success"

    return Case("lambda, ours", ours, None)


def container(aws: AwsStandIn, folder: Path, remote_seconds: float) -> Case:
    """A Batch job; Dagster has no Pipes client for Batch."""
    service = BatchService(aws)
    service.definition()
    service.seconds = remote_seconds
    (folder / "job.py").write_text("print('hello')\n")
    execution = {"script_path": "job.py", "script_type": "python"}
    keys = {"job_queue": "queue", "job_definition": "theirs", "vcpus": 1, "memory_mb": 2048}
    job = job_of("contained", execution, platform=keys)
    config = config_of(folder, job, profile="aws", artifacts={"s3_uri": "s3://bench/etl"})
    platform = BatchPlatform(AwsAccess(region="us-east-1", endpoint_url=aws.url))
    store = store_in(folder)

    def ours(context: dg.AssetExecutionContext) -> None:
        request = request_of(config, job, "exec-batch", timeout_seconds=3600.0)
        outcome = driver.run(platform, request, store, on_progress=context.log.info)
        assert outcome.status == "success"

    return Case("batch", ours, None)


def cluster(aws: AwsStandIn, folder: Path, remote_seconds: float) -> Case:
    """A step on an EMR cluster of its own, which starts and ends at once."""
    access = AwsAccess(region="us-east-1", endpoint_url=aws.url)
    access.client("s3").create_bucket(Bucket="art")
    model = EmrStandIn(aws, time.time, access)
    model.starts_after, model.runs, model.shuts_down = 0.0, remote_seconds, 0.0
    request, platform, store = bench_request("emr", folder), EmrPlatform(access), store_in(folder)

    def ours(context: dg.AssetExecutionContext) -> None:
        outcome = driver.run(
            platform,
            replace(request, execution_id="exec-emr", attempt_group="emr"),
            store,
            on_progress=context.log.info,
        )
        assert outcome.status == "success"

    def theirs(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from dagster_aws.pipes import PipesEMRClient, PipesS3MessageReader

        s3 = access.client("s3")
        step = {"Name": "orders", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["spark-submit"]}}
        asked: Any = {
            "Name": "orders",
            "LogUri": "s3://art/pipes",
            "Instances": {"MasterInstanceType": "m5.xlarge", "InstanceCount": 1},
            "Steps": [step],
        }
        reader = PipesS3MessageReader(client=s3, bucket="bench", include_stdio_in_messages=True)
        client = PipesEMRClient(message_reader=reader, client=access.client("emr"))
        return client.run(context=context, run_job_flow_params=asked).get_materialize_result()

    return Case("emr", ours, theirs)


def serverless(aws: AwsStandIn, folder: Path, remote_seconds: float) -> Case:
    """A job run on EMR Serverless in an application that is there; the bill comes a second after its end."""
    access = AwsAccess(region="us-east-1", endpoint_url=aws.url)
    model = ServerlessStandIn(aws, time.time, access)
    model.starts_after, model.runs, model.billed_after = 0.0, remote_seconds, 1.0
    aws.answer("emr-serverless:GET .*/dashboard", lambda _: Reply({"url": aws.url}))
    request = bench_request("emr_serverless", folder)
    platform, store = EmrServerlessPlatform(access), store_in(folder)
    platform.deploy(request.job, request.config, dry_run=False)
    client = access.client("emr-serverless")
    (application,) = client.list_applications()["applications"]

    def ours(context: dg.AssetExecutionContext) -> None:
        outcome = driver.run(
            platform,
            replace(request, execution_id="exec-serverless", attempt_group="serverless"),
            store,
            on_progress=context.log.info,
        )
        assert outcome.status == "success"

    def theirs(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from dagster_aws.pipes import PipesCloudWatchMessageReader, PipesEMRServerlessClient

        asked: Any = {
            "applicationId": application["id"],
            "executionRoleArn": ROLE,
            "clientToken": "theirs",
            "jobDriver": {"sparkSubmit": {"entryPoint": "s3://bench/job.py"}},
        }
        reader = PipesCloudWatchMessageReader(client=access.client("logs"))
        ran = PipesEMRServerlessClient(client=client, message_reader=reader)
        return ran.run(context=context, start_job_run_params=asked).get_materialize_result()

    return Case("emr_serverless", ours, theirs)


CASES: tuple[Callable[[AwsStandIn, Path, float], Case], ...] = (
    glue,
    function,
    own_function,
    container,
    cluster,
    serverless,
)


def measure(aws: AwsStandIn, run: Run, remote_seconds: float) -> tuple[float, int]:
    """Seconds of overhead and API calls of one run."""

    @dg.asset
    def orders(context: dg.AssetExecutionContext) -> dg.MaterializeResult | None:
        return run(context)

    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    before, calls = time.perf_counter(), aws.count(".*")
    assert dg.materialize([orders], run_config=quiet).success
    return time.perf_counter() - before - remote_seconds, aws.count(".*") - calls


def measure_deploy(aws: AwsStandIn, folder: Path, jobs: int) -> tuple[float, int]:
    """Seconds and API calls of a second deployment of that many Glue jobs."""
    (folder / "job.py").write_text("print('hello')\n")
    keys = {"user_preference": "glue", "iam_role": ROLE, "dpu_count": 2}
    made = [job_of(f"job_{number}", {"script_path": "job.py"}, platform=keys) for number in range(jobs)]
    config = config_of(
        folder, *made, profile="aws", aws_region="us-east-1", artifacts={"s3_uri": "s3://bench/etl"}
    )

    def deploy() -> list[Change]:
        # As a new process would: nothing is known of the account.
        forget_platforms()
        changes, refused = deploy_jobs(config, made, dry_run=False)
        assert refused == []
        return changes

    assert {change.action for change in deploy()} == {"create"}
    before, calls = time.perf_counter(), aws.count(".*")
    assert {change.action for change in deploy()} == {"keep"}
    return time.perf_counter() - before, aws.count(".*") - calls


def main(remote_seconds: float = REMOTE_SECONDS, jobs: int = DEPLOYED_JOBS) -> None:
    """Print a row for each service, and the deployment."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with moto_server() as moto, aws_stand_in(moto) as aws, tempfile.TemporaryDirectory() as name:
        without_docker(moto)
        os.environ["AWS_ENDPOINT_URL"] = aws.url
        try:
            AwsAccess(region="us-east-1", endpoint_url=aws.url).client("s3").create_bucket(Bucket="bench")
            print(f"a run of {remote_seconds:g} s     overhead s  API calls")
            for make in CASES:
                case = make(aws, Path(name), remote_seconds)
                for who, run in ((f"{case.name}", case.ours), (f"{case.name}, Pipes client", case.theirs)):
                    if run is not None:
                        seconds, calls = measure(aws, run, remote_seconds)
                        print(f"{who:<20} {seconds:>10.1f} {calls:>10}")
            seconds, calls = measure_deploy(aws, Path(name), jobs)
            print(f"deploy of {jobs} Glue jobs, nothing to change: {seconds:.1f} s, {calls} API calls")
        finally:
            del os.environ["AWS_ENDPOINT_URL"]


if __name__ == "__main__":
    given = sys.argv[1:]
    main(float(given[0]) if given else REMOTE_SECONDS, int(given[1]) if given[1:] else DEPLOYED_JOBS)
