"""DQDL: the language, and its rules against results worked out by hand."""

import math
import uuid
from pathlib import Path
from typing import Any

import pytest

from etl_platform.quality.dqdl import parse
from etl_platform.quality.dqdl_rules import Condition, DqdlError, Now
from etl_platform.quality.frame import QueryError
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
    ('CustomSql "select id from primary where p > 0"', "Failed", 2 / 3),
    ('CustomSql "select id from primary where p > 0" with threshold > 0.5', "Passed", 2 / 3),
    ('CustomSql "with r as (select * from ref) select count(*) from r, primary; " = 6', "Passed", 6.0),
    ('ReferentialIntegrity "id" "ref.id" >= 0.66', "Passed", 2 / 3),
    ('ReferentialIntegrity "id,s" "twin.{key,s}" = 1.0', "Failed", 2 / 3),
    # Two values, each of half the rows that have one.
    ('Entropy "s" > 0.6', "Passed", math.log(2)),
    ('Entropy "id" < 1', "Failed", math.log(3)),
    # Products of the distances from the means: 3; squares: 2 and 18.
    ('ColumnCorrelation "id" "p" > 0.8', "Failed", 3 / 36**0.5),
    ('ColumnNamesMatchPattern "[a-z]+"', "Passed", 1.0),
    ('ColumnNamesMatchPattern "[a-z]"', "Failed", 3 / 4),
    ('RowCountMatch "ref" = 1.5', "Passed", 3 / 2),
    ('SchemaMatch "ref" = 1.0', "Failed", 1 / 4),
    ('SchemaMatch "twin" >= 0.5', "Passed", 2 / 4),
    ('DatasetMatch "twin" "id->key" "s,p" >= 0.6', "Passed", 2 / 3),
    ('DatasetMatch "twin" "id->key" "p"', "Failed", 2 / 3),
    ('AggregateMatch "sum(id)" "sum(ref.id)" = 2.0', "Passed", 6 / 3),
    ('AggregateMatch "avg(p)" "avg(twin.p)" >= 0.9', "Failed", (6 / 3) / (16 / 3)),
    ('AggregateMatch "sum(p)" "sum(id)" = 1', "Passed", 1.0),
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
    twin = [(1, "a", 2.0), (2, "b", 9.0), (3, None, 5.0)]
    others = {"ref": ref, "twin": spark.createDataFrame(twin, "key int, s string, p double")}
    ruleset = f"Rules = [ {', '.join(text for text, _, _ in CASES)} ]"
    found = rows(EvaluateDataQuality.apply(frame=frame, ruleset=ruleset, additional_data_sources=others))
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
        ('FileFreshness "s3://b/" > 1', "Error"),
        ('CustomSql "select nowhere from primary" = 1', "Error"),
    ]
    ruleset = f"Rules = [ {', '.join(text for text, _ in rules)} ]"
    found = rows(EvaluateDataQuality.apply(frame=frame, ruleset=ruleset))
    assert [(r["Rule"], r["Outcome"]) for r in found] == rules
    assert "avg(last(10)) - 1 compares with earlier runs" in found[3]["FailureReason"]
    assert 'no column "nowhere"; the columns are id, s, p, d' in found[6]["FailureReason"]


GOOD = ['ColumnValues "p" > 0', 'Mean "p" = 2', "RowCount = 3"]
BAD = [
    ('RowCount > 1 where "nowhere = 1"', "nowhere"),
    ('IsComplete "id" where "id >"', "PARSE_SYNTAX_ERROR"),
    ('Sum "day" > 1', "DATATYPE_MISMATCH"),
    ('ColumnValues "p" > EMPTY', "EMPTY"),
    ('ColumnDataType "d" = "nonsense"', '"nonsense" is not a type'),
    ('RowCount > "many"', "expected numbers"),
    ("RowCount = NULL", "expected numbers"),
    ('IsComplete "twice"', 'several columns "twice"'),
    ('CustomSql "select s from primary" = 1', "expected a query of a number, found str"),
    ('CustomSql "select count(*) from primary" with threshold > 0', "must give a column of primary"),
    ('RowCountMatch "nobody" = 1', 'no additional data source "nobody"; there are: again'),
    ('DatasetMatch "again" "id" "id" = 1', "the key must name one row"),
    ('AggregateMatch "max(id)" "sum(id)" = 1', "expected AggregateMatch"),
    ('ColumnNamesMatchPattern "("', "the pattern cannot be read"),
]


@pytest.fixture
def odd(frame: Any, glue: Any) -> Any:
    """The frame with a day, and with two columns of one name."""
    from awsglue.dynamicframe import DynamicFrame

    df = frame.toDF().selectExpr("*", "date '2024-01-01' AS day", "id AS twice", "s AS twice")
    return DynamicFrame.fromDF(df, glue, "odd")


@pytest.mark.slow
def test_a_rule_that_cannot_be_evaluated_has_the_reason_and_leaves_the_others(odd: Any, spark: Any):
    from awsgluedq.transforms import EvaluateDataQuality

    again = spark.createDataFrame([(1,), (1,)], "id int")
    ruleset = f"Rules = [ {', '.join([GOOD[0], *(text for text, _ in BAD), *GOOD[1:]])} ]"
    found = rows(
        EvaluateDataQuality.apply(frame=odd, ruleset=ruleset, additional_data_sources={"again": again})
    )
    first, *bad, second, third = found
    assert [row["Outcome"] for row in (first, second, third)] == ["Failed", "Passed", "Passed"]
    assert [row["Outcome"] for row in bad] == ["Error"] * len(BAD)
    for row, (_, reason) in zip(bad, BAD, strict=True):
        assert reason in row["FailureReason"]


@pytest.mark.slow
def test_rules_share_one_query_though_some_are_refused(odd: Any, spark: Any):
    from awsgluedq.transforms import EvaluateDataQuality

    def jobs(rules: list[str]) -> int:
        group = str(uuid.uuid4())
        spark.sparkContext.setJobGroup(group, "rules")
        EvaluateDataQuality.apply(frame=odd, ruleset=f"Rules = [ {', '.join(rules)} ]")
        return len(spark.sparkContext.statusTracker().getJobIdsForGroup(group))

    assert jobs([*GOOD, *(text for text, _ in BAD[:8])]) == jobs(GOOD[:1])


@pytest.mark.slow
def test_a_column_whose_values_break_the_query_is_an_error_of_its_rules_alone(frame: Any, glue: Any):
    from awsglue.dynamicframe import DynamicFrame
    from awsgluedq.transforms import EvaluateDataQuality

    broken = frame.toDF().selectExpr("id", "if(id > 2, raise_error('torn'), 1) AS bad")
    ruleset = 'Rules = [ IsComplete "id", Sum "bad" > 0, RowCount = 3 ]'
    found = rows(EvaluateDataQuality.apply(frame=DynamicFrame.fromDF(broken, glue, "b"), ruleset=ruleset))
    assert [row["Outcome"] for row in found] == ["Passed", "Error", "Passed"]
    assert "torn" in found[1]["FailureReason"]


@pytest.mark.slow
def test_rows_that_cannot_be_read_are_no_rule_s_fault(frame: Any, glue: Any):
    from awsglue.dynamicframe import DynamicFrame
    from awsgluedq.transforms import EvaluateDataQuality

    torn = DynamicFrame.fromDF(frame.toDF().where("raise_error('torn') IS NULL"), glue, "torn")
    with pytest.raises(QueryError, match="torn"):
        EvaluateDataQuality.apply(frame=torn, ruleset='Rules = [ IsComplete "id", RowCount = 3 ]')


@pytest.mark.slow
def test_views_of_the_script_stay_as_they_are(frame: Any, spark: Any):
    from awsgluedq.transforms import EvaluateDataQuality

    def views() -> set[str]:
        return {row["viewName"] for row in spark.sql("SHOW VIEWS").collect()}

    for name in ("primary", "ref"):
        spark.range(7).createOrReplaceTempView(name)
    before = views()
    ruleset = 'Rules = [ CustomSql "select count(*) from primary, ref" = 6, IsUnique "id" ]'
    others = {"ref": spark.range(2)}
    found = rows(EvaluateDataQuality.apply(frame=frame, ruleset=ruleset, additional_data_sources=others))
    assert [row["Outcome"] for row in found] == ["Passed", "Passed"]
    assert (views(), spark.table("primary").count(), spark.table("ref").count()) == (before, 7, 7)
    for name in ("primary", "ref"):
        spark.catalog.dropTempView(name)


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
def test_rows_skip_a_rule_that_cannot_be_evaluated_and_no_key_has_nulls(frame: Any):
    from awsgluedq.transforms import EvaluateDataQuality

    ruleset = 'Rules = [ IsPrimaryKey "s", IsUnique "s" where "id < 3 -- few", IsComplete "nowhere" ]'
    outcomes = rows(EvaluateDataQuality().process_rows(frame=frame, ruleset=ruleset)["rowLevelOutcomes"])
    by_id = {row["id"]: row for row in outcomes}
    assert by_id[3]["DataQualityRulesFail"] == ['IsPrimaryKey "s"']
    assert by_id[3]["DataQualityRulesPass"] == []
    assert by_id[1]["DataQualityRulesPass"] == ['IsPrimaryKey "s"', 'IsUnique "s" where "id < 3 -- few"']
    assert by_id[1]["DataQualityRulesSkip"] == ['IsComplete "nowhere"']


@pytest.mark.slow
def test_outcomes_are_written_where_asked(frame: Any, root: Path):
    from awsgluedq.transforms import EvaluateDataQuality

    options = {"dataQualityEvaluationContext": "orders", "resultsS3Prefix": "s3://results/dq"}
    EvaluateDataQuality.apply(frame=frame, ruleset="Rules = [ RowCount = 3 ]", publishing_options=options)
    assert '"outcome": "Passed"' in (root / "s3" / "results" / "dq" / "orders.json").read_text()
