"""DQDL rulesets as configuration: what each rule becomes, and that it judges as the Glue library does."""

import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from etl_platform.config.models.data_quality import DataQuality
from etl_platform.quality.dqdl import parse
from etl_platform.quality.dqdl_import import import_dqdl
from etl_platform.quality.dqdl_rules import DqdlError
from etl_platform_tests.cli.commands import call
from etl_platform_tests.quality.builders import check


def ruleset(*rules: str) -> str:
    return f"Rules = [ {', '.join(rules)} ]"


def imported(*rules: str) -> dict[str, Any]:
    made = import_dqdl(ruleset(*rules))
    assert made.left_over == []
    return made.data_quality


@pytest.mark.parametrize(
    ("rule", "section"),
    [
        ('IsComplete "a"', {"completeness_checks": [{"field": "a"}]}),
        ('Completeness "a" >= 0.95', {"completeness_checks": [{"field": "a", "null_threshold_percent": 5}]}),
        ('IsUnique "a" "b"', {"duplicate_check": {"key_fields": ["a", "b"]}}),
        ('Uniqueness "a" = 1.0', {"duplicate_check": {"key_fields": ["a"]}}),
        (
            'IsPrimaryKey "a"',
            {"duplicate_check": {"key_fields": ["a"]}, "completeness_checks": [{"field": "a"}]},
        ),
        ("RowCount between 10 and 20", {"row_count": {"min": 11, "max": 19}}),
        ("RowCount = 3", {"row_count": {"min": 3, "max": 3}}),
        (
            'ColumnDataType "a" = "INTEGER" with threshold >= 0.9',
            {
                "accuracy_rules": [
                    {"field": "a", "rule_type": "type", "expected": "int", "threshold_percent": 10}
                ]
            },
        ),
        (
            'ColumnValues "a" in ["x", NULL]',
            {"accuracy_rules": [{"field": "a", "rule_type": "allowed_values", "values": ["x"]}]},
        ),
        ('ColumnLength "a" < 6', {"accuracy_rules": [{"field": "a", "rule_type": "length", "max": 5}]}),
        (
            'ColumnValues "a" between 0 and 9',
            {"custom_validations": [{"name": "column_values_a", "sql": "`a` > 0 AND `a` < 9"}]},
        ),
        (
            'CustomSql "select count(*) from primary where a < 0" = 0',
            {"custom_validations": [{"name": "custom_sql", "sql": "coalesce(NOT (a < 0), TRUE)"}]},
        ),
    ],
)
def test_a_rule_becomes_its_counterpart(rule: str, section: dict[str, Any]):
    assert imported(rule) == section


def test_an_accuracy_rule_stands_for_a_condition_where_nulls_are_found_elsewhere():
    made = imported('IsComplete "a"', 'ColumnValues "a" >= 1')
    assert made["accuracy_rules"] == [{"field": "a", "rule_type": "range", "min": 1}]


def test_rules_that_all_must_hold_stand_alone():
    assert set(imported('(IsComplete "a") and (RowCount > 1)')) == {"completeness_checks", "row_count"}


def test_custom_validations_have_names_of_their_own():
    made = imported('ColumnValues "a" > 1', 'ColumnValues "a" < 9')
    assert [one["name"] for one in made["custom_validations"]] == ["column_values_a", "column_values_a_2"]


def test_a_dataset_is_named_by_every_rule():
    made = import_dqdl(ruleset('IsComplete "a"', "RowCount > 1", 'ColumnValues "a" > 1'), dataset="orders")
    entries = [made.data_quality["row_count"]]
    entries += [
        one for section in ("completeness_checks", "custom_validations") for one in made.data_quality[section]
    ]
    assert {one["dataset"] for one in entries} == {"orders"}


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ('Mean "a" > 1', "no rule like Mean"),
        ('Entropy "a" > 1', "no rule like Entropy"),
        ("ColumnCount = 3", "no rule like ColumnCount"),
        ('(IsComplete "a") or (IsUnique "a")', "one of several rules is enough"),
        ("RowCount > avg(last(3))", "`row_count` has"),
        ('ColumnValues "a" > avg(last(3))', "compares with earlier runs"),
        ('Uniqueness "a" > 0.9', "a share of values"),
        ('ColumnValues "a" > 1 where "b = 1" with threshold > 0.5', "not of those that `where` picks"),
        ('ColumnValues "a" matches "(?<=b)c"', "lookaround"),
        ('Completeness "a" between 0.5 and 0.9', "not by between"),
        ('CustomSql "select max(a) from primary" > 3', "`select … from primary where …`"),
        ('CustomSql "select a from primary join b where a > 3" = 0', "`select … from primary where …`"),
        ('ReferentialIntegrity "a,b" "ref.{a,b}" = 1', "a foreign key here is one column"),
    ],
)
def test_a_rule_without_counterpart_is_left_over_with_the_reason(rule: str, reason: str):
    made = import_dqdl(ruleset('IsComplete "kept"', rule))
    (left,) = made.left_over
    assert left.rule == rule
    assert reason in left.reason
    assert made.data_quality == {"completeness_checks": [{"field": "kept"}]}


def test_a_second_key_and_an_analyzer_are_left_over():
    made = import_dqdl(ruleset('IsUnique "a"', 'IsUnique "b"') + ' Analyzers = [ Mean "a" ]')
    assert [left.rule for left in made.left_over] == ['IsUnique "b"', 'Mean "a"']


def test_what_is_judged_otherwise_is_noted():
    made = import_dqdl(ruleset('Completeness "a" > 0.95', 'ReferentialIntegrity "a" "ref.id" = 1'))
    assert "0.95 to the dot" in made.notes[0]
    assert '"ref" must have that name' in made.notes[1]


NOW = datetime.now(timezone.utc).replace(microsecond=0)
ROWS = [
    {"id": 1, "s": "a", "p": 2.0, "d": NOW - timedelta(hours=1), "t": "1"},
    {"id": 2, "s": "bb", "p": -1.0, "d": NOW - timedelta(days=2), "t": "2"},
    {"id": 3, "s": None, "p": 5.0, "d": None, "t": "x"},
    {"id": 4, "s": "  ", "p": None, "d": NOW - timedelta(days=9), "t": "4"},
    {"id": 4, "s": "", "p": 0.0, "d": NOW, "t": "5"},
]
JUDGED = [
    'IsComplete "id"',
    'IsComplete "s"',
    'Completeness "s" >= 0.8',
    'Completeness "s" >= 0.9',
    'IsUnique "id"',
    'IsUnique "t"',
    'IsPrimaryKey "t"',
    'ColumnExists "s"',
    "RowCount > 4",
    "RowCount < 5",
    *(
        f'ColumnValues "s" {condition}'
        for condition in (
            *('in ["a", "bb"]', 'in ["a", "bb", NULL, EMPTY, WHITESPACES_ONLY]', 'in ["a", "bb", "", "  "]'),
            *('not in ["c"]', 'not in ["c", NULL]', 'not in ["a"]', '!= "c"', '!= "a"', "!= NULL", "= NULL"),
            *('matches ".*"', 'not matches "z"', 'matches "[ab ]*" with threshold >= 0.8', "!= EMPTY"),
        )
    ),
    *(
        f'ColumnValues "p" {condition}'
        for condition in (
            *("> -2", ">= -1", "between -2 and 6", "not between 6 and 9", "between -1 and 6"),
            *("> -2 with threshold >= 0.8", "> 0 with threshold >= 0.5", '>= 0 where "id != 2 and id != 4"'),
            *("in [2, -1, 5, 0]", "in [2, -1, 5, 0, NULL]", "!= 7", "= 2"),
        )
    ),
    *(
        f'ColumnLength "s" {condition}'
        for condition in ("< 3", "> 0", "<= 1", "between -1 and 3", "in [0, 1, 2]")
    ),
    *(f'ColumnLength "t" {condition}' for condition in ("= 1", "> 1")),
    'ColumnDataType "t" = "INTEGER"',
    'ColumnDataType "t" = "INTEGER" with threshold >= 0.8',
    'DataFreshness "d" <= 10 days',
    'DataFreshness "d" <= 10 days with threshold >= 0.8',
    'DataFreshness "d" <= 1 days with threshold >= 0.5',
    'DataFreshness "d" between 1 days and 3 days with threshold >= 0.2',
    'CustomSql "select count(*) from primary where p < 0" = 0',
    'CustomSql "select count(*) from primary where p < -5" = 0',
    'CustomSql "select id from primary where p >= 0" with threshold >= 0.6',
    'CustomSql "select id from primary where p >= 0" with threshold >= 0.7',
    '(IsComplete "id") and (ColumnValues "p" != 9)',
]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    """Rule to its outcome by the Glue library."""
    rows = [{**row, "d": row["d"] and row["d"].isoformat()} for row in ROWS]
    given = {
        "rows": rows,
        "schema": "id int, s string, p double, d timestamp, t string",
        "ruleset": ruleset(*JUDGED),
    }
    done = subprocess.run(
        [sys.executable, "-m", "etl_platform_tests.quality.glue_outcomes"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("rule", JUDGED)
def test_an_imported_rule_judges_as_the_glue_library_does(
    rule: str, outcomes: dict[str, str], tmp_path: Path
):
    report = check(ROWS, imported(rule), tmp_path)
    assert [result.error for result in report.results if result.error] == []
    passed = all(result.passed for result in report.results)
    assert outcomes[rule] == ("Passed" if passed else "Failed")


def test_the_section_is_valid_where_it_is_pasted(tmp_path: Path):
    kept = [rule for rule in JUDGED if rule not in ("RowCount < 5", 'IsUnique "t"', 'IsPrimaryKey "t"')]
    (tmp_path / "rules.dqdl").write_text(ruleset(*kept, 'Mean "p" > 1'))
    answer = call(tmp_path, "quality", "import-dqdl", "rules.dqdl", "--dataset", "target")
    assert answer.returncode == 0, answer.stderr
    assert 'left over: Mean "p" > 1: there is no rule like Mean here.' in answer.stderr
    job = {
        "job_id": "orders",
        "execution": {"sql": "SELECT 1 AS id"},
        "target": {"type": "s3", "path": "s3://b/o/"},
    }
    text = json.dumps({"config_version": "2.0", "jobs": [job]})
    pasted = text.replace('"target":', f'{answer.stdout}, "target":', 1)
    DataQuality.model_validate(json.loads(f"{{{answer.stdout}}}")["data_quality"])
    (tmp_path / "etl_config.json").write_text(pasted)
    validated = call(tmp_path, "validate")
    assert validated.returncode == 0, validated.stdout + validated.stderr


def test_a_ruleset_is_read_from_standard_input_and_answered_in_json(tmp_path: Path):
    from click.testing import CliRunner

    from etl_platform.cli.quality import quality

    answer = CliRunner().invoke(
        quality, ["import-dqdl", "-", "--format", "json"], input=ruleset('IsComplete "a"', 'Sum "a" > 1')
    )
    assert json.loads(answer.stdout) == {
        "data_quality": {"completeness_checks": [{"field": "a"}]},
        "left_over": [{"rule": 'Sum "a" > 1', "reason": "there is no rule like Sum here"}],
        "notes": [],
    }


def test_what_is_not_dqdl_says_where():
    from click.testing import CliRunner

    from etl_platform.cli.quality import quality

    answer = CliRunner().invoke(quality, ["import-dqdl", "-"], input="Rules = [ IsComplete ] x")
    assert answer.exit_code == 1
    assert "line 1, column" in answer.stderr


def test_a_ruleset_that_ends_too_early_says_what_may_be_missing():
    with pytest.raises(DqdlError, match="is a closing ] or a quote missing"):
        parse('Rules = [ IsComplete "id"')
