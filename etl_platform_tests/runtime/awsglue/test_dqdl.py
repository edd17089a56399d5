"""DQDL: the language, and its rules against results worked out by hand."""

from pathlib import Path
from typing import Any

import pytest
from awsgluedq.dqdl import parse
from awsgluedq.rules import Condition, DqdlError, Now

from etl_platform_tests.runtime.awsglue.files import rows


def only(text: str) -> Any:
    return parse(f"Rules = [ {text} ]").rules[0]


def test_a_rule_has_kind_parameters_condition_and_threshold():
    rule = only('ColumnValues "price" between 1 and 5 with threshold >= 90%')
    assert (rule.kind, rule.parameters) == ("ColumnValues", ("price",))
    assert (rule.condition, rule.threshold) == (Condition("between", (1, 5)), Condition(">=", (0.9,)))


def test_a_rule_keeps_its_own_text():
    assert only('IsComplete   "id"  where "a > 1"').text == 'IsComplete "id" where "a > 1"'


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('in [ "a", "b" ]', Condition("in", ("a", "b"))),
        ("not in [1, 2]", Condition("in", (1, 2), True)),
        ('matches "[a-z]*\\d"', Condition("matches", ("[a-z]*\\d",))),
        ("<= 24 hours", Condition("<=", (86400.0,))),
        ("> (now() - 3 days)", Condition(">", (Now(-259200.0),))),
        ("= NULL", Condition("=", (None,))),
        ("!= -1.5", Condition("!=", (-1.5,))),
    ],
)
def test_conditions(condition: str, expected: Condition):
    assert only(f'ColumnValues "x" {condition}').condition == expected


def test_rules_are_joined_in_groups():
    rule = only('((IsComplete "a") and (IsUnique "a")) or (RowCount > 1)')
    assert (rule.operator, [part.__class__.__name__ for part in rule.parts]) == ("or", ["Composite", "Rule"])


def test_comments_and_line_breaks_do_not_matter():
    assert len(parse('Rules = [\n# the key\nIsComplete "a",\nRowCount > 1 # enough\n]').rules) == 2


@pytest.mark.parametrize(
    "text", ['Rules = [ IsComplete "a" IsUnique "b" ]', "IsComplete", 'Rules = [ isComplete "a" ]']
)
def test_what_is_no_dqdl_is_told_with_its_place(text: str):
    with pytest.raises(DqdlError, match="line 1, column"):
        parse(text)


DATA = [(1, "a", 2.0, "2024-01-01"), (2, "b", -1.0, "2024-01-02"), (3, None, 5.0, "x")]
CASES = [
    ('IsComplete "id"', "Passed", 1.0),
    ('IsComplete "s"', "Failed", 2 / 3),
    ('Completeness "s" > 0.6', "Passed", 2 / 3),
    ('IsUnique "id"', "Passed", 1.0),
    ('Uniqueness "s" > 0.9', "Passed", 1.0),
    ('IsPrimaryKey "id"', "Passed", 1.0),
    ('IsPrimaryKey "s"', "Failed", 2 / 3),
    ('ColumnValues "p" > 0', "Failed", 2 / 3),
    ('ColumnValues "p" > 0 with threshold > 0.6', "Passed", 2 / 3),
    ('ColumnValues "p" > 0 where "id != 2"', "Passed", 1.0),
    ('ColumnValues "p" between 0 and 5', "Failed", 1 / 3),
    ('ColumnValues "s" in ["a", "b", NULL]', "Passed", 1.0),
    ('ColumnValues "s" not in ["a"]', "Failed", 2 / 3),
    ('ColumnValues "s" not in ["a", NULL]', "Failed", 1 / 3),
    ('ColumnValues "s" != "a"', "Failed", 2 / 3),
    ('ColumnValues "s" != NULL', "Failed", 2 / 3),
    ('ColumnLength "s" < 2', "Passed", 1.0),
    ('ColumnLength "s" > 0', "Failed", 2 / 3),
    ('ColumnValues "s" matches "[ab]" with threshold >= 0.66', "Passed", 2 / 3),
    ('ColumnLength "d" <= 10', "Passed", 1.0),
    ('ColumnDataType "d" = "Date"', "Failed", 2 / 3),
    ('ColumnDataType "id" = "Integer"', "Passed", 1.0),
    ('DataFreshness "d" <= 24 hours', "Failed", 0.0),
    ("ColumnCount = 4", "Passed", 4.0),
    ("RowCount between 1 and 5", "Passed", 3.0),
    ('Mean "p" = 2.0', "Passed", 2.0),
    ('Sum "p" >= 7', "Failed", 6.0),
    ('StandardDeviation "p" < 2.4', "Failed", 6.0**0.5),
    ('CustomSql "select count(*) from primary where p > 0" = 2', "Passed", 2.0),
    ('ReferentialIntegrity "id" "ref.id" >= 0.66', "Passed", 2 / 3),
]


@pytest.fixture
def frame(glue: Any, spark: Any) -> Any:
    from awsglue.dynamicframe import DynamicFrame

    return DynamicFrame.fromDF(spark.createDataFrame(DATA, "id int, s string, p double, d string"), glue, "f")


@pytest.mark.slow
def test_each_rule_is_evaluated(glue: Any, spark: Any, frame: Any):
    from awsglue.dynamicframe import DynamicFrame
    from awsgluedq.transforms import EvaluateDataQuality

    ref = DynamicFrame.fromDF(spark.createDataFrame([(1,), (2,)], "id int"), glue, "ref")
    ruleset = f"Rules = [ {', '.join(text for text, _, _ in CASES)} ]"
    found = rows(
        EvaluateDataQuality.apply(frame=frame, ruleset=ruleset, additional_data_sources={"ref": ref})
    )
    measured = [(r["Rule"], r["Outcome"], next(iter(r["EvaluatedMetrics"].values()))) for r in found]
    assert measured == [(text, outcome, pytest.approx(value)) for text, outcome, value in CASES]


@pytest.mark.slow
def test_composites_and_rules_that_cannot_be_evaluated(frame: Any):
    from awsgluedq.transforms import EvaluateDataQuality

    rules = [
        ('(IsComplete "id") and (IsComplete "s")', "Failed"),
        ('(IsComplete "id") or (IsComplete "s")', "Passed"),
        ('(ColumnValues "p" > 9) OR (ColumnValues "id" > 0)', "Passed"),
        ("RowCount >= avg(last(10)) - 1", "Error"),
        ('ColumnExists "id"', "Passed"),
        ('ColumnExists "nowhere"', "Failed"),
        ('IsComplete "nowhere"', "Error"),
        ('Entropy "s" > 1', "Error"),
        ('CustomSql "select nowhere from primary" = 1', "Error"),
    ]
    ruleset = f"Rules = [ {', '.join(text for text, _ in rules)} ]"
    found = rows(EvaluateDataQuality.apply(frame=frame, ruleset=ruleset))
    assert [(r["Rule"], r["Outcome"]) for r in found] == rules
    assert "avg(last(10)) - 1 compares with earlier runs" in found[3]["FailureReason"]
    assert 'no column "nowhere"; the columns are id, s, p, d' in found[6]["FailureReason"]


@pytest.mark.slow
def test_rows_tell_what_they_passed_and_failed(frame: Any):
    from awsgluedq.transforms import EvaluateDataQuality

    ruleset = 'Rules = [ ColumnValues "p" > 0, IsUnique "id", RowCount > 1 ]'
    outcomes = rows(EvaluateDataQuality().process_rows(frame=frame, ruleset=ruleset)["rowLevelOutcomes"])
    by_id = {row["id"]: row for row in outcomes}
    assert {i: row["DataQualityEvaluationResult"] for i, row in by_id.items()} == {
        1: "Passed",
        2: "Failed",
        3: "Passed",
    }
    assert by_id[2]["DataQualityRulesFail"] == ['ColumnValues "p" > 0']
    assert by_id[2]["DataQualityRulesPass"] == ['IsUnique "id"']
    assert by_id[2]["DataQualityRulesSkip"] == ["RowCount > 1"]


@pytest.mark.slow
def test_outcomes_are_written_where_asked(frame: Any, root: Path):
    from awsgluedq.transforms import EvaluateDataQuality

    options = {"dataQualityEvaluationContext": "orders", "resultsS3Prefix": "s3://results/dq"}
    EvaluateDataQuality.apply(frame=frame, ruleset="Rules = [ RowCount = 3 ]", publishing_options=options)
    assert '"outcome": "Passed"' in (root / "s3" / "results" / "dq" / "orders.json").read_text()
