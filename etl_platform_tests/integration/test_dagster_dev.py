"""`dagster dev` as a user starts it, driven over its GraphQL endpoint."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests

from etl_platform_tests.projects import ORDERS, copy_job, write_project, write_table

pytestmark = pytest.mark.slow

T = TypeVar("T")

RULES = {
    "accuracy_rules": [
        {"field": "amount", "rule_type": "range", "min": 0, "dataset": "orders", "severity": "low"}
    ],
    "completeness_checks": [{"field": "order_id", "dataset": "target", "severity": "critical"}],
}


class DagsterDev:
    """A running `dagster dev`."""

    def __init__(self, url: str):
        self.url = url

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = requests.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60
        ).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]


def eventually(question: Callable[[], T | None], seconds: float = 90) -> T:
    """Ask until there is an answer."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answer = question()
        if answer is not None:
            return answer
        time.sleep(0.3)
    raise AssertionError(f"no answer in {seconds} s")


@contextmanager
def dagster_dev(folder: Path) -> Iterator[DagsterDev]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = folder / ".dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    log = (folder / "dagster_dev.log").open("wb")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1", "--port", str(port)),
            *("--module-name", "etl_platform.definitions"),
        ],
        cwd=folder,
        env={**os.environ, "DAGSTER_HOME": str(home)},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"

        def up() -> bool | None:
            assert process.poll() is None, (folder / "dagster_dev.log").read_text()
            try:
                return requests.get(f"{url}/server_info", timeout=5).ok or None
            except requests.ConnectionError:
                return None

        eventually(up)
        yield DagsterDev(url)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


WORKSPACE = """
{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError {
    __typename
    ... on RepositoryLocation { repositories { name } }
    ... on PythonError { message errorChain { error { message } } }
} } } } }
"""

LAUNCH = """
mutation Launch($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
} }
"""

RUN = "query Run($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"

CHECKS = """
query Checks($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
    assetChecksOrError { ... on AssetChecks { checks {
        name executionForLatestMaterialization { status evaluation { success
            metadataEntries { label ... on IntMetadataEntry { intValue } } } }
    } } }
    assetMaterializations(limit: 1) { metadataEntries { label ... on TextMetadataEntry { text } } }
} } }
"""

RELOAD = """
mutation { reloadRepositoryLocation(repositoryLocationName: "etl_platform.definitions") { __typename } }
"""


def location(dev: DagsterDev) -> dict[str, Any] | None:
    entries = dev.ask(WORKSPACE)["workspaceOrError"]["locationEntries"]
    return next((each["locationOrLoadError"] for each in entries if each["loadStatus"] == "LOADED"), None)


def test_load_materialize_and_read_the_checks(tmp_path: Path) -> None:
    write_table(tmp_path, "orders", ORDERS)
    path = write_project(tmp_path, [copy_job("clean", data_quality=RULES)])
    with dagster_dev(tmp_path) as dev:
        assert eventually(lambda: location(dev))["__typename"] == "RepositoryLocation"

        launched = dev.ask(
            LAUNCH,
            params={
                "selector": {
                    "repositoryLocationName": "etl_platform.definitions",
                    "repositoryName": "__repository__",
                    "jobName": "etl",
                    "assetSelection": [{"path": ["clean"]}],
                    "assetCheckSelection": [
                        {
                            "assetKey": {"path": ["glue", "lake", "orders"]},
                            "name": "accuracy__amount__range",
                        },
                        {"assetKey": {"path": ["clean"]}, "name": "completeness__order_id"},
                    ],
                },
                "mode": "default",
            },
        )["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched

        def ended() -> str | None:
            status = dev.ask(RUN, id=launched["run"]["runId"])["runOrError"]["status"]
            return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

        assert eventually(ended) == "SUCCESS", (tmp_path / "dagster_dev.log").read_text()

        node = dev.ask(CHECKS, key={"path": ["clean"]})["assetNodeOrError"]
        (check,) = node["assetChecksOrError"]["checks"]
        assert check["executionForLatestMaterialization"]["evaluation"]["success"]
        metadata = {
            each["label"]: each.get("text") for each in node["assetMaterializations"][0]["metadataEntries"]
        }
        assert metadata["platform"] == "local"

        path.write_text(path.read_text().replace('"job_id": "clean"', '"job_id": "Clean", "enabeld": true'))
        dev.ask(RELOAD)

        def broken() -> str | None:
            answer = location(dev)
            if answer is None or answer["__typename"] != "PythonError":
                return None
            return "\n".join(each["error"]["message"] for each in answer["errorChain"])

        message = eventually(broken)
        assert 'enabeld: unknown key; did you mean "enabled"?' in message
        assert "jobs[0].job_id" in message
