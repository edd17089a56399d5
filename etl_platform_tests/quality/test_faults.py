import pytest

from etl_platform.quality.faults import check_expressions
from etl_platform_tests.quality.builders import job_with


def faults(quality, columns=None):
    target = {"type": "s3", "path": "s3://lake/out/"} | ({"schema": columns} if columns else {})
    return check_expressions(job_with(quality, target=target))


def custom(sql):
    return {"custom_validations": [{"name": "c", "sql": sql}]}


def accuracy(**rule):
    return {"accuracy_rules": [{"field": "x", **rule}]}


@pytest.mark.parametrize(
    ("quality", "part"),
    [
        (custom("select 1"), "a statement or subquery"),
        (custom("x in (select y from z)"), "a statement or subquery"),
        (custom("drop table x"), "a statement or subquery"),
        (custom("x > 1; y > 1"), "one expression"),
        (custom("x >"), "not an expression"),
        (custom("sum(x) > 1"), "an aggregate"),
        (custom("row_number() over (order by x) = 1"), "a window function"),
        (custom("rand() > 0.5"), "a random function"),
        (custom("my_function(x)"), "do not both have"),
        (custom("x + 1"), "not boolean"),
        (custom("x > 1 as y"), "a name with AS"),
        (custom("x rlike '(?=a)'"), "lookaround"),
        (custom("x rlike y"), "must be a text"),
        (custom("x like 'a\\\\%'"), "escape"),
        (custom("cast(x as int) = 1"), "rounds it in DuckDB"),
        (accuracy(rule_type="regex", pattern="("), "not a regular expression"),
        (accuracy(rule_type="regex", pattern=r"(a)\1"), "a back reference"),
        (accuracy(rule_type="regex", pattern=r"\bword"), r"`\b`"),
        (accuracy(rule_type="regex", pattern="(?m)^a"), "the flag `m`"),
        (accuracy(rule_type="regex", pattern="a$b"), "`$` before the end"),
        (accuracy(rule_type="regex", pattern="a{2000}"), "a repeat of more than 1000"),
        (accuracy(rule_type="range"), "no bounds"),
        (accuracy(rule_type="range", min=2, max=1), "swap the bounds"),
        (accuracy(rule_type="date_range", min_date="yesterday"), "no date bound"),
        (accuracy(rule_type="type", expected="number"), "no type"),
        ({"schema_check": {"columns": {"x": "number"}}}, "no type"),
        ({"row_count": {"min": 2, "max": 1}}, "swap the bounds"),
        ({"completeness_checks": [{"field": "x", "dataset": "nope"}]}, "no dataset `nope`"),
    ],
)
def test_what_cannot_be_evaluated_is_told_without_data(quality, part):
    (fault,) = faults(quality)
    assert part in fault


@pytest.mark.parametrize(
    "sql", ["x > 1", "`odd name` is not null", "x between 1 and 2 or lower(y) like 'a%'", "z.inner = 1", "b"]
)
def test_expressions_over_a_row_are_well(sql):
    assert faults(custom(sql)) == []


def test_an_unknown_column_is_told_where_the_columns_are_declared():
    (fault,) = faults(custom("y > 1"), columns={"x": "int"})
    assert fault == "custom__c on `target`: there is no column `y`; there are x."


def test_a_wrong_type_is_told_where_the_columns_are_declared():
    (fault,) = faults(accuracy(rule_type="range", min=1), columns={"x": "string"})
    assert "`x` is string" in fault
