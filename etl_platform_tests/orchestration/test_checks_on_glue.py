"""Rules that Dagster has counted on Glue, under the profile `aws`; Glue runs the script that was uploaded."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from etl_platform.config.load import load
from etl_platform.config.project import Config
from etl_platform.orchestration.build import build_definitions
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.quality.engine import evaluate
from etl_platform.runtime.java import java_home
from etl_platform.tracking.open import open_store
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, Call, aws_stand_in
from etl_platform_tests.platforms.glue_service import GlueService
from etl_platform_tests.projects import write_project
from etl_platform_tests.tracking.stand_in import moto_server

pytestmark = pytest.mark.slow

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "ETL_PLATFORM_PROFILE": "aws",
}
SMALL_SPARK = (
    "--master local[2] --conf spark.ui.enabled=false --conf spark.sql.shuffle.partitions=1 "
    "--conf spark.sql.codegen.wholeStage=false --conf spark.sql.adaptive.enabled=false pyspark-shell"
)
"""For some hundred rows."""
ROWS: list[dict[str, Any]] = [
    {"x": 1, "price": 2.5, "letter": "a"},
    {"x": 2, "price": -1.0, "letter": "b"},
    {"x": 2, "price": None, "letter": "zz"},
    {"x": None, "price": float("nan"), "letter": None},
]
EACH_KIND: dict[str, Any] = {
    "completeness_checks": [{"field": "x"}],
    "accuracy_rules": [
        {"field": "letter", "rule_type": "regex", "pattern": "^[a-z]$"},
        {"field": "price", "rule_type": "range", "min": 0, "max": 10},
    ],
    "duplicate_check": {"key_fields": ["x"]},
    "referential_integrity": [
        {"child_table": "target", "child_key": "letter", "parent_table": "letters", "parent_key": "letter"}
    ],
    "custom_validations": [{"name": "known", "sql": "x IS NOT NULL"}],
}
COMPLETE: dict[str, Any] = {"completeness_checks": [{"field": "x", "action": "fail_job"}]}


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsStandIn]:
    with (
        moto_server() as moto,
        aws_stand_in(moto) as stand_in,
        pytest.MonkeyPatch.context() as environment,
    ):
        for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": stand_in.url}.items():
            environment.setenv(name, value)
        s3 = AwsAccess("us-east-1", moto).client("s3")
        for bucket in ("art", "lake"):
            s3.create_bucket(Bucket=bucket)
        yield stand_in


@pytest.fixture
def glue(aws: AwsStandIn) -> GlueService:
    aws.reset()
    service = GlueService(aws)
    service.seconds = 0.0
    return service


def put(aws: AwsStandIn, key: str, rows: pa.Table) -> None:
    buffer = BytesIO()
    pq.write_table(rows, buffer)
    AwsAccess("us-east-1", aws.backend).client("s3").put_object(
        Bucket="lake", Key=key, Body=buffer.getvalue()
    )


def project(folder: Path, job_id: str, quality: dict[str, Any], **sections: Any) -> Config:
    job = {
        "job_id": job_id,
        "execution": {"script_path": "job.py", "script_type": "pyspark", "timezone": "Europe/Berlin"},
        "platform": {"user_preference": "glue", "iam_role": "glue", "dpu_count": 10},
        "target": {"type": "s3", "path": f"s3://lake/{job_id}/"},
        "data_quality": {**quality, "engine": "spark"},
        **sections,
    }
    settings = {"aws_region": "us-east-1", "artifacts": {"s3_uri": "s3://art/etl"}}
    config = load(write_project(folder, [job], scripts={"job.py": "pass\n"}, settings=settings))
    with open_store(config) as store:
        store.init()
    return config


def checked(config: Config) -> dict[str, dg.AssetCheckEvaluation]:
    """What comes of the checks of all assets, by name."""
    job = build_definitions(config).resolve_job_def("etl")
    keys = set(job.asset_layer.asset_graph.asset_check_keys)
    subset = job.get_subset(asset_selection=set(), asset_check_selection=keys)
    with dg.DagsterInstance.ephemeral() as instance:
        result = subset.execute_in_process(instance=instance, raise_on_error=False)
        return {each.check_name: each for each in result.get_asset_check_evaluations()}


class Cluster:
    """Runs the script of a Glue job on this machine, with copies of what S3 holds in the place of S3."""

    def __init__(self, aws: AwsStandIn, folder: Path):
        self.s3 = AwsAccess("us-east-1", aws.backend).client("s3")
        self.glue = AwsAccess("us-east-1", aws.backend).client("glue")
        self.folder = folder
        self.threads: list[threading.Thread] = []
        self.codes: list[int] = []
        aws.rewrite("glue:StartJobRun", self.start)
        aws.rewrite("glue:GetJobRuns?", self.wait)

    def start(self, call: Call, answer: Any) -> Any:
        definition = self.glue.get_job(JobName=call.body["JobName"])["Job"]
        arguments = {**definition.get("DefaultArguments", {}), **call.body.get("Arguments", {})}
        script = definition["Command"]["ScriptLocation"]
        self.threads.append(threading.Thread(target=self.run, args=(script, arguments)))
        self.threads[-1].start()
        return answer

    def wait(self, call: Call, answer: Any) -> Any:
        for thread in self.threads:
            thread.join()
        return answer

    def run(self, script: str, arguments: dict[str, str]) -> None:
        for bucket in ("art", "lake"):
            for item in self.s3.list_objects_v2(Bucket=bucket)["Contents"]:
                place = self.folder / bucket / item["Key"]
                place.parent.mkdir(parents=True, exist_ok=True)
                self.s3.download_file(bucket, item["Key"], str(place))
        given = {name: self.here(value) for name, value in arguments.items()}
        rules = Path(given["--RULES"])
        rules.write_text(self.here(rules.read_text()))
        done = subprocess.run(
            [sys.executable, self.here(script), *(text for pair in given.items() for text in pair)],
            env={**os.environ, "JAVA_HOME": str(java_home()), "PYSPARK_SUBMIT_ARGS": SMALL_SPARK},
            check=False,
        )
        self.codes.append(done.returncode)
        for file in Path(given["--COUNTS"]).glob("part-*"):
            self.s3.upload_file(str(file), "art", str(file.relative_to(self.folder / "art")))

    def here(self, text: str) -> str:
        return text.replace("s3://", f"{self.folder}/")


def test_the_counts_of_a_glue_run_are_those_of_this_machine(
    aws: AwsStandIn, tmp_path: Path, glue: GlueService
) -> None:
    aws.reset()
    cluster = Cluster(aws, tmp_path / "cluster")
    # Asked after the cluster, so that a run has ended when it says so.
    service = GlueService(aws)
    service.seconds, service.facts = 0.0, {"ExecutionTime": 90}
    put(aws, "orders/a.parquet", pa.Table.from_pylist(ROWS))
    put(aws, "letters/a.parquet", pa.table({"letter": ["a", "b"]}))
    letters = {"name": "letters", "source_type": "s3", "path": "s3://lake/letters/"}
    config = project(tmp_path, "orders", EACH_KIND, data_sources=[letters])
    found = checked(config)
    assert cluster.codes == [0]
    here = evaluate(config, config.job("orders"), "target", engine="local", show_values=False)
    assert [result.rows_failed for result in here.results] == [1, 1, 2, 1, 1, 1]
    for result in here.results:
        evaluation = found[result.rule.check_name]
        metadata = {name: value.value for name, value in evaluation.metadata.items()}
        assert evaluation.passed == result.passed, result.rule.check_name
        assert metadata["engine"] == "spark"
        assert (metadata.get("rows_checked"), metadata.get("rows_failed")) == (
            result.rows_checked,
            result.rows_failed,
        )
    with open_store(config) as store:
        (record,) = store.executions("orders__checks").items
        assert store.executions("orders").items == []
    assert (record.status, record.job_type) == ("success", "glue")
    assert record.cost_breakdown and record.cost_breakdown.total_cost_usd == pytest.approx(
        2 * 90 / 3600 * 0.44
    )


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("glue:StartJobRun", "grant `glue:StartJobRun`"),
        ("s3:PUT /art/.*rules.json", "cannot be exchanged at s3://art/etl/checks/"),
    ],
)
def test_a_missing_permission_is_a_check_that_has_not_passed(
    pattern: str, said: str, aws: AwsStandIn, glue: GlueService, tmp_path: Path
) -> None:
    put(aws, "orders/a.parquet", pa.table({"x": [1]}))
    aws.fail_next(pattern, *["denied"] * 9)  # type: ignore[arg-type]
    (evaluation,) = checked(project(tmp_path, "orders", COMPLETE)).values()
    assert not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR
    assert evaluation.description is not None and said in evaluation.description
    assert "rows_failed" not in evaluation.metadata


@pytest.mark.parametrize(
    ("state", "message", "said"),
    [
        ("TIMEOUT", None, "could not be counted on glue"),
        ("FAILED", "Error Category: UNCLASSIFIED_ERROR; OSError: no space", "no space"),
    ],
)
def test_a_run_that_ends_badly_is_a_check_that_has_not_passed(
    state: str, message: str | None, said: str, aws: AwsStandIn, glue: GlueService, tmp_path: Path
) -> None:
    put(aws, "orders/a.parquet", pa.table({"x": [1]}))
    glue.ends_as, glue.facts = state, {"ErrorMessage": message} if message else {}
    config = project(tmp_path, "orders", COMPLETE)
    (evaluation,) = checked(config).values()
    assert not evaluation.passed
    assert evaluation.description is not None and said in evaluation.description
    with open_store(config) as store:
        record = store.latest_execution("orders__checks")
    assert record is not None and record.execution_id in evaluation.description


def test_counts_that_are_not_there_are_no_missing_data(
    aws: AwsStandIn, glue: GlueService, tmp_path: Path
) -> None:
    put(aws, "raw/a.parquet", pa.table({"x": [1]}))
    raw = {"name": "raw", "source_type": "s3", "path": "s3://lake/raw/", "optional": True}
    rule = {**COMPLETE["completeness_checks"][0], "dataset": "raw"}
    config = project(tmp_path, "orders", {"completeness_checks": [rule]}, data_sources=[raw])
    (evaluation,) = checked(config).values()
    assert not evaluation.passed
    assert evaluation.description is not None and "holds no counts" in evaluation.description
