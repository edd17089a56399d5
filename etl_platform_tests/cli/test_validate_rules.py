"""`validate` finds what is wrong above the configuration: rules, channels, events."""

from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize(
    ("sections", "place", "meant"),
    [
        ({"sla": {"failure_notification": ["slak"]}}, "sla.failure_notification", "slack"),
        ({"cost": {"cost_alerts": {"alert_channels": ["mail"]}}}, "alert_channels", "email"),
        (
            {"monitoring": {"alerts": [{"metric": "duration_seconds", "operator": ">", "threshold": 1,
                                        "channels": ["pager_duty"]}]}},
            "monitoring.alerts[0].channels",
            "pagerduty",
        ),
    ],
)  # fmt: skip
def test_a_channel_that_no_target_has_is_a_fault(
    tmp_path: Path, sections: dict[str, Any], place: str, meant: str
) -> None:
    write_project(tmp_path, [copy_job("clean", **sections)])
    answer = call(tmp_path, "validate")
    assert answer.returncode == 1
    assert place in answer.stderr
    assert f'did you mean "{meant}"?' in answer.stderr


def test_an_event_that_does_not_exist_is_a_fault(tmp_path: Path) -> None:
    slack = {"channels": {"run_faild": "#data"}}
    write_project(tmp_path, [copy_job("clean")], settings={"notifications": {"slack": slack}})
    answer = call(tmp_path, "validate")
    assert answer.returncode == 1
    assert 'no event "run_faild"; did you mean "run_failed"?' in answer.stderr


def test_a_channel_of_a_target_that_is_off_is_a_warning_where_people_would_be_told(tmp_path: Path) -> None:
    write_project(tmp_path, [copy_job("clean", sla={"failure_notification": ["#data"]})])
    assert "tells nobody" not in call(tmp_path, "validate").stderr
    answer = call(tmp_path, "validate", ETL_PLATFORM_PROFILE="aws")
    assert answer.returncode == 0
    assert 'channel "#data" tells nobody' in answer.stderr


def test_strict_shows_warnings_beside_faults(tmp_path: Path) -> None:
    arguments = {"region": "${ENV:NOWHERE_SET}"}
    job = copy_job("clean", execution={"script_path": "missing.py", "arguments": arguments})
    write_project(tmp_path, [job])
    answer = call(tmp_path, "validate", "--strict")
    assert answer.returncode == 1
    assert "NOWHERE_SET" in answer.stderr
    assert "there is no file" in answer.stderr
