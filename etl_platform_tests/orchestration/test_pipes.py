"""What a script reports by Dagster Pipes reaches Dagster, on this machine as on AWS."""

import json
from pathlib import Path

import dagster as dg
import pytest

from etl_platform.config.load import load
from etl_platform.orchestration.build import build_definitions

REPORTS = """
    context.log.info("hello from inside")
    context.report_asset_materialization(metadata={"rows": 42}, data_version="v7")
    context.report_asset_check("fresh", passed=False, severity="WARN", metadata={"age": 3})
"""

BY_DEFAULT = """
from dagster_pipes import open_dagster_pipes
with open_dagster_pipes() as context:
"""

BY_S3 = """
import boto3
from dagster_pipes import PipesS3ContextLoader, PipesS3MessageWriter, open_dagster_pipes
s3 = boto3.client("s3")
with open_dagster_pipes(
    context_loader=PipesS3ContextLoader(client=s3), message_writer=PipesS3MessageWriter(client=s3)
) as context:
"""

BY_ARGUMENTS = """
from dagster_pipes import PipesCliArgsParamsLoader, open_dagster_pipes
with open_dagster_pipes(params_loader=PipesCliArgsParamsLoader()) as context:
"""


def run(folder: Path, script: str) -> dg.ExecuteInProcessResult:
    (folder / "job.py").write_text(script)
    job = {"job_id": "orders", "execution": {"script_path": "job.py", "script_type": "python"}}
    settings = {"artifacts": {"s3_uri": "s3://art/etl"}}
    path = folder / "etl_config.json"
    path.write_text(json.dumps({"config_version": "2.0", "jobs": [job], "global_settings": settings}))
    definitions = build_definitions(load(path))
    with dg.DagsterInstance.ephemeral() as instance:
        return definitions.resolve_job_def("etl").execute_in_process(instance=instance, raise_on_error=False)


@pytest.mark.slow
@pytest.mark.parametrize("opening", [BY_DEFAULT, BY_S3, BY_ARGUMENTS], ids=["default", "s3", "arguments"])
class TestPipes:
    def test_a_materialization_has_the_metadata_of_the_script(self, tmp_path: Path, opening: str) -> None:
        result = run(tmp_path, opening + REPORTS)
        (event,) = result.asset_materializations_for_node("orders")
        assert (event.metadata["rows"].value, "execution_id" in event.metadata) == (42, True)
        assert event.tags and event.tags["dagster/data_version"] == "v7"

    def test_a_check_of_the_script_is_evaluated(self, tmp_path: Path, opening: str) -> None:
        (check,) = run(tmp_path, opening + REPORTS).get_asset_check_evaluations()
        assert (check.check_name, check.passed, check.severity) == (
            "fresh",
            False,
            dg.AssetCheckSeverity.WARN,
        )


@pytest.mark.slow
class TestFailedRun:
    def test_the_checks_of_a_script_that_failed_are_evaluated(self, tmp_path: Path) -> None:
        result = run(tmp_path, BY_DEFAULT + REPORTS + "    raise ValueError('bad row')\n")
        (check,) = result.get_asset_check_evaluations()
        assert (result.success, check.check_name, check.passed) == (False, "fresh", False)

    def test_what_it_said_of_its_asset_is_observed_and_no_materialization(self, tmp_path: Path) -> None:
        result = run(tmp_path, BY_DEFAULT + REPORTS + "    raise ValueError('bad row')\n")
        (seen,) = result.asset_observations_for_node("orders")
        assert seen.metadata["rows"].value == 42
        assert result.asset_materializations_for_node("orders") == []


@pytest.mark.slow
def test_messages_are_no_lines_of_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, BY_DEFAULT + REPORTS + "print('plain line')\n")
    printed = capfd.readouterr().out
    assert "plain line" in printed and "__dagster_pipes_version" not in printed
