"""`validate` finds rules that no engine could evaluate."""

from pathlib import Path

import pytest

from etl_platform_tests.cli.commands import call
from etl_platform_tests.projects import copy_job, write_project


@pytest.mark.parametrize(
    "rules",
    [
        {"custom_validations": [{"name": "broken", "sql": "amount > (((", "dataset": "target"}]},
        {"custom_validations": [{"name": "statement", "sql": "drop table x", "dataset": "target"}]},
        {"accuracy_rules": [{"field": "a", "rule_type": "regex", "pattern": "(?<=x)y", "dataset": "target"}]},
    ],
)
def test_a_rule_that_cannot_be_evaluated_is_a_fault(tmp_path: Path, rules: dict[str, object]) -> None:
    write_project(tmp_path, [copy_job("clean", data_quality=rules)])
    answer = call(tmp_path, "validate")
    assert answer.returncode == 1
    assert "etl_config.json:" in answer.stderr
    assert "job clean: data_quality" in answer.stderr
