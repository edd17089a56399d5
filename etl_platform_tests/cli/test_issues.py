"""`etl-platform issues` and `quality history`: what runs have left behind."""

import json
from pathlib import Path

from etl_platform_tests.cli.commands import call
from etl_platform_tests.projects import ORDERS, copy_job, source, write_project, write_table


def run_once(folder: Path) -> None:
    """Run a job that reads two tables which nothing joins, and whose target lacks an e-mail address."""
    write_table(folder, "orders", ORDERS)
    write_table(folder, "regions", [{"region": "eu"}])
    rules = {"completeness_checks": [{"field": "email", "dataset": "target"}]}
    job = copy_job("clean", data_sources=[source("orders"), source("regions")], data_quality=rules)
    write_project(folder, [job])
    assert call(folder, "run", "clean").returncode == 0


def test_issues_of_runs_are_listed(tmp_path: Path) -> None:
    run_once(tmp_path)
    (issue,) = json.loads(call(tmp_path, "issues", "clean", "--format", "json").stdout)
    assert (issue["job_name"], issue["occurrences"], issue["resolved"]) == ("clean", 1, False)
    assert issue["issue_type"] in call(tmp_path, "issues").stdout


def test_scores_of_runs_are_listed(tmp_path: Path) -> None:
    run_once(tmp_path)
    (record,) = json.loads(call(tmp_path, "quality", "history", "clean", "--format", "json").stdout)
    assert round(record["completeness_score"], 1) == 66.7
    assert "66.7" in call(tmp_path, "quality", "history", "clean").stdout
