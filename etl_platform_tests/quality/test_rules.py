import subprocess
import sys

import pytest

from etl_platform.quality.rules import rules_of
from etl_platform_tests.quality.builders import job_with

EVERY_KIND = {
    "completeness_checks": [{"field": "id"}],
    "accuracy_rules": [
        {"field": "mail", "rule_type": "regex", "pattern": "@"},
        {"field": "price", "rule_type": "range", "min": 0},
    ],
    "duplicate_check": {"key_fields": ["id", "line"]},
    "referential_integrity": [
        {"child_table": "target", "child_key": "plane", "parent_table": "planes", "parent_key": "tail"}
    ],
    "custom_validations": [{"name": "late", "sql": "a < b"}],
    "freshness": {"field": "seen", "max_age_hours": 24},
    "row_count": {"min": 1},
    "schema_check": {"columns": {"id": "bigint"}},
}


def names(quality, **job):
    return [rule.check_name for rule in rules_of(job_with(quality, **job))]


def source(name, role=None, columns=None):
    return {"name": name, "source_type": "s3", "path": f"s3://lake/{name}/"} | {
        key: value for key, value in {"role_in_flow": role, "columns": columns}.items() if value
    }


def test_each_kind_has_its_name():
    assert names(EVERY_KIND) == [
        "completeness__id",
        "accuracy__mail__regex",
        "accuracy__price__range",
        "duplicates__id_line",
        "integrity__plane__planes",
        "custom__late",
        "freshness__seen",
        "row_count",
        "schema",
    ]


def test_a_name_holds_letters_digits_and_underscores_only():
    assert names({"completeness_checks": [{"field": "unit price (€)"}]}) == ["completeness__unit_price____"]


def test_names_that_would_be_the_same_are_numbered_in_order():
    checks = [{"field": "a.b"}, {"field": "a_b"}, {"field": "a_b__2"}, {"field": "a b"}]
    assert names({"completeness_checks": checks}) == [
        "completeness__a_b",
        "completeness__a_b__2",
        "completeness__a_b__2__2",
        "completeness__a_b__3",
    ]


def test_names_are_unique_within_a_dataset_and_not_across():
    checks = [{"field": "id", "dataset": "target"}, {"field": "id", "dataset": "planes"}]
    assert names({"completeness_checks": checks}, sources=[source("planes")]) == ["completeness__id"] * 2


def test_disabled_quality_has_no_rules():
    assert names({**EVERY_KIND, "enabled": False}) == []


def test_a_disabled_duplicate_check_is_no_rule():
    assert names({"duplicate_check": {"key_fields": ["id"], "enabled": False}}) == []


@pytest.mark.parametrize(
    ("sources", "target_columns", "expected"),
    [
        ([], None, "target"),
        ([source("a", columns={"x": "int"})], None, "a"),
        ([source("a", columns={"x": "int"})], {"x": "int"}, "target"),
        ([source("a", columns={"x": "int"}), source("f", "fact", {"x": "int"})], {"y": "int"}, "f"),
        ([source("a", columns={"y": "int"}), source("b")], {"y": "int"}, "b"),
        ([source("a", columns={"y": "int"})], {"y": "int"}, "target"),
    ],
)
def test_a_rule_belongs_to_the_first_dataset_that_has_its_field(sources, target_columns, expected):
    target = {"type": "s3", "path": "s3://lake/out/"} | ({"schema": target_columns} if target_columns else {})
    job = job_with({"completeness_checks": [{"field": "x"}]}, target=target, sources=sources)
    assert rules_of(job)[0].dataset == expected


def test_without_a_target_a_rule_belongs_to_the_fact_source():
    job = job_with({"row_count": {"min": 1}}, target=None, sources=[source("a"), source("f", "fact")])
    assert rules_of(job)[0].dataset == "f"


def test_the_dataset_that_a_rule_names_wins():
    quality = {"completeness_checks": [{"field": "x", "dataset": "a"}]}
    assert rules_of(job_with(quality, sources=[source("a")]))[0].dataset == "a"


def test_integrity_belongs_to_its_child():
    link = {"child_table": "a", "child_key": "k", "parent_table": "target", "parent_key": "k"}
    job = job_with({"referential_integrity": [link]}, sources=[source("a")])
    assert rules_of(job)[0].dataset == "a"


@pytest.mark.parametrize(
    ("rule", "fail_on_error", "blocking"),
    [
        ({"severity": "critical"}, True, True),
        ({"severity": "critical"}, False, False),
        ({"severity": "critical", "action": "warn"}, True, False),
        ({"severity": "low", "action": "fail_job"}, True, True),
        ({}, True, False),
    ],
)
def test_a_rule_blocks_by_its_action_and_fail_on_error(rule, fail_on_error, blocking):
    quality = {"completeness_checks": [{"field": "x", **rule}], "fail_on_error": fail_on_error}
    assert rules_of(job_with(quality))[0].blocking is blocking


def test_orphans_that_are_allowed_never_fail():
    link = EVERY_KIND["referential_integrity"][0] | {"allow_orphans": True}
    assert rules_of(job_with({"referential_integrity": [link]}))[0].threshold_percent == 100


def test_rules_are_made_without_heavy_imports():
    code = (
        "import sys, etl_platform.quality.rules\n"
        "heavy = {'pandera', 'pyspark', 'duckdb', 'narwhals', 'sqlglot', 'pyarrow', 'pandas', 'dagster'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
