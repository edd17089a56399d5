"""The commands that ask agents, as a person types them."""

import json
import time
from pathlib import Path

import pytest

from etl_platform.config.load import load
from etl_platform.tracking.open import open_store
from etl_platform.tracking.records import CostBreakdown, JobExecution
from etl_platform_tests.agents.decision_cases import MODEL_KEY, server_model
from etl_platform_tests.agents.model_server import look_up_then, serving
from etl_platform_tests.cli.commands import call
from etl_platform_tests.projects import ORDERS, copy_job, write_project, write_table

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_project(tmp_path, [copy_job("clean_orders")])
    write_table(tmp_path, "orders", ORDERS * 50)
    return tmp_path


def ran(folder: Path, number: int, usd: float, *, hours_ago: float) -> None:
    start = time.time() - hours_ago * 3600
    open_store(load(folder / "etl_config.json")).put_execution(
        JobExecution(
            execution_id=f"exec-{number}",
            timestamp=start,
            start_time=start,
            end_time=start + 60,
            duration_seconds=60.0,
            job_name="clean_orders",
            job_type="glue",
            status="success",
            cost_breakdown=CostBreakdown(total_cost_usd=usd),
        )
    )


class TestAsk:
    def test_the_answer_is_alone_on_standard_output(self, project: Path) -> None:
        ran(project, 1, 1.0, hours_ago=2)
        ran(project, 2, 3.0, hours_ago=1)
        found = call(project, "ask", "why", "did", "Clean_Orders", "cost", "more?")
        assert found.stdout.startswith("This run against the one before: $1.0000 → $3.0000 (+2.0000)")
        assert "(answered by rule, from exec-2)" in found.stderr

    def test_json(self, project: Path) -> None:
        ran(project, 1, 1.0, hours_ago=2)
        found = json.loads(call(project, "ask", "how did clean_orders go?", "--format", "json").stdout)
        assert found["text"].startswith("clean_orders succeeded on glue")
        assert (found["records"], found["provider"]) == (["exec-1"], "policy:question")

    def test_what_nobody_knows_is_told_with_what_can_be_asked(self, project: Path) -> None:
        found = call(project, "ask", "who is clean_orders?")
        assert (found.returncode, found.stdout) == (1, "")
        assert "where does clean_orders run next, and why there?" in found.stderr

    def test_a_model_answers_where_one_is_configured(self, project: Path) -> None:
        ran(project, 1, 1.0, hours_ago=2)
        path = project / "etl_config.json"
        with serving(
            look_up_then({"text": "All is well.", "records": ["exec-1"]}, "QuestionAnswer")
        ) as server:
            raw = json.loads(path.read_text())
            raw["global_settings"] = {
                "secrets": {"provider": "env", "prefix": "TEST_"},
                "agents": {"model": server_model("openai", server.url)},
            }
            path.write_text(json.dumps(raw))
            found = call(project, "ask", "how is clean_orders?", TEST_MODEL_KEY=MODEL_KEY)
        assert found.stdout == "All is well.\n"
        assert "(answered by openai:test-model, from exec-1)" in found.stderr


class TestRecommend:
    def test_what_to_change_is_listed(self, project: Path) -> None:
        found = json.loads(call(project, "recommend", "clean_orders", "--format", "json").stdout)
        assert 'Add "email" to `compliance.pii_fields`.' in [one["action"] for one in found]
        assert "@" not in json.dumps(found)

    def test_as_a_table(self, project: Path) -> None:
        found = call(project, "recommend", "clean_orders")
        assert "priority" in found.stdout and found.returncode == 0

    def test_an_unknown_job_is_told(self, project: Path) -> None:
        found = call(project, "recommend", "clean_order")
        assert found.returncode == 1
        assert 'did you mean "clean_orders"?' in found.stderr


class TestGenerateRules:
    def test_what_it_writes_can_be_pasted_and_holds(self, project: Path) -> None:
        generated = call(project, "generate", "rules", "orders")
        assert generated.returncode == 0
        pasted = json.loads(generated.stdout)
        assert pasted["data_quality"]["completeness_checks"]
        path = project / "etl_config.json"
        raw = json.loads(path.read_text())
        raw["jobs"][0] |= pasted
        path.write_text(json.dumps(raw))
        assert call(project, "validate", "--strict").returncode == 0
        checked = call(project, "check", "clean_orders", "orders")
        assert checked.returncode == 0, checked.stdout + checked.stderr

    def test_the_evidence_of_each_rule_is_told_beside(self, project: Path) -> None:
        found = call(project, "generate", "rules", "orders")
        assert "of 150 rows are null" in found.stderr
        assert "a@example.com" not in found.stdout + found.stderr

    def test_json(self, project: Path) -> None:
        found = json.loads(call(project, "generate", "rules", "orders", "--format", "json").stdout)
        assert found["rows"] == 150 and found["configuration"]["data_quality"]

    def test_an_unknown_source_is_told(self, project: Path) -> None:
        found = call(project, "generate", "rules", "nothing")
        assert (found.returncode, found.stdout) == (1, "")
        assert 'no job has a source "nothing"' in found.stderr
