import datetime as dt
import math

import pytest

from etl_platform.quality.dataset import NoSparkError
from etl_platform.quality.engine import evaluate
from etl_platform_tests.quality.builders import check, check_one, config_of, job_with, lake, write

RANGE = {"accuracy_rules": [{"field": "x", "rule_type": "range", "min": 0, "max": 10}]}
NOT_NULL = {"completeness_checks": [{"field": "x"}]}


def test_failing_rows_are_counted_of_all_rows(tmp_path):
    result = check_one([{"x": 1}, {"x": 11}, {"x": None}, {"x": -1}], RANGE, tmp_path)
    assert (result.rows_checked, result.rows_failed, result.failed_percent, result.passed) == (
        4,
        2,
        50,
        False,
    )


def test_up_to_ten_different_failing_values_are_shown(tmp_path):
    rows = [{"x": 100 + n % 30} for n in range(90)]
    values = check_one(rows, RANGE, tmp_path).failing_values
    assert len(set(values)) == len(values) == 10


def test_a_rule_that_passes_shows_no_values_and_no_reason(tmp_path):
    result = check_one([{"x": 1}], RANGE, tmp_path)
    assert (result.passed, result.failing_values, result.reason_code, result.error) == (True, (), None, None)


@pytest.mark.parametrize(("threshold", "passed"), [(24.9, False), (25, True)])
def test_a_share_of_failures_within_the_threshold_passes(threshold, passed, tmp_path):
    quality = {"completeness_checks": [{"field": "x", "null_threshold_percent": threshold}]}
    assert check_one([{"x": 1}] * 3 + [{"x": None}], quality, tmp_path).passed is passed


def test_nan_fails_a_range_and_is_no_null(tmp_path):
    rows = [{"x": math.nan}, {"x": 1.0}]
    report = check(rows, {**RANGE, **NOT_NULL}, tmp_path)
    assert [result.rows_failed for result in report.results] == [0, 1]


@pytest.mark.parametrize("bound", [{"min": 0}, {"max": 10}])
def test_nan_fails_a_range_with_one_bound(bound, tmp_path):
    quality = {"accuracy_rules": [{"field": "x", "rule_type": "range", **bound}]}
    assert check_one([{"x": math.nan}, {"x": 5.0}], quality, tmp_path).rows_failed == 1


def test_a_field_that_the_dataset_lacks_fails_with_the_columns_that_there_are(tmp_path):
    result = check_one([{"a": 1, "b": 2}], RANGE, tmp_path)
    assert not result.passed
    assert result.error == "there is no column `x`; there are a, b."
    assert result.reason_code == "COLUMN_NOT_IN_DATAFRAME"


def test_a_column_that_need_not_exist_may_be_absent(tmp_path):
    quality = {"completeness_checks": [{"field": "x", "required": False}]}
    assert check_one([{"a": 1}], quality, tmp_path).passed


def test_fields_find_their_column_in_any_case(tmp_path):
    assert check_one([{"X": 11}], RANGE, tmp_path).rows_failed == 1


def test_a_rule_on_a_column_of_another_type_is_an_error_and_does_not_pass(tmp_path):
    result = check_one([{"x": "5"}], RANGE, tmp_path)
    assert not result.passed
    assert result.error is not None and "`x` is string" in result.error


def test_missing_data_makes_every_rule_an_error(tmp_path):
    job = job_with({**RANGE, **NOT_NULL})
    report = evaluate(config_of(job, folder=tmp_path), job, "target")
    assert [result.passed for result in report.results] == [False, False]
    assert all("does not exist" in (result.error or "") for result in report.results)


def test_a_folder_without_data_files_is_missing_data(tmp_path):
    (lake(tmp_path) / "_SUCCESS").touch()
    job = job_with(NOT_NULL)
    (result,) = evaluate(config_of(job, folder=tmp_path), job, "target").results
    assert result.error is not None and "holds no data files" in result.error


def test_missing_data_of_an_optional_source_blocks_nothing(tmp_path):
    source = {"name": "a", "source_type": "s3", "path": "s3://lake/a/", "optional": True}
    rule = {"field": "x", "dataset": "a", "severity": "critical"}
    job = job_with({"completeness_checks": [rule]}, sources=[source])
    report = evaluate(config_of(job, folder=tmp_path), job, "a")
    assert report.missing_optional
    assert report.blocking_failures == ()


def test_an_empty_dataset_breaks_no_row_rule_and_has_no_percentage(tmp_path):
    import pyarrow as pa

    result = check_one(pa.table({"x": pa.array([], pa.int64())}), RANGE, tmp_path)
    assert (result.rows_checked, result.rows_failed, result.failed_percent, result.passed) == (
        0,
        0,
        None,
        True,
    )


def test_an_empty_dataset_is_not_fresh(tmp_path):
    import pyarrow as pa

    table = pa.table({"x": pa.array([], pa.timestamp("us"))})
    assert not check_one(table, {"freshness": {"field": "x", "max_age_hours": 1}}, tmp_path).passed


@pytest.mark.parametrize(("hours", "passed"), [(23, False), (25, True)])
def test_freshness_is_the_age_of_the_newest_value(hours, passed, tmp_path):
    now = dt.datetime(2024, 5, 2, 12, tzinfo=dt.timezone.utc)
    rows = [{"x": now - dt.timedelta(days=9)}, {"x": now - dt.timedelta(hours=24)}, {"x": None}]
    quality = {"freshness": {"field": "x", "max_age_hours": hours}}
    assert check_one(rows, quality, tmp_path, now=now).passed is passed


@pytest.mark.parametrize(
    ("limits", "past", "passed"),
    [
        ({"min": 3}, (), True),
        ({"min": 4}, (), False),
        ({"max": 2}, (), False),
        ({"max_change_percent": 10}, (), True),
        ({"max_change_percent": 10}, (3, 3), True),
        ({"max_change_percent": 10}, (6, 4), False),
    ],
)
def test_the_number_of_rows(limits, past, passed, tmp_path):
    rows = [{"x": n} for n in range(3)]
    assert check_one(rows, {"row_count": limits}, tmp_path, past_row_counts=past).passed is passed


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ({"columns": {"x": "bigint", "s": "string"}}, ""),
        ({"columns": {"x": "int"}}, "`x` is bigint, not int"),
        ({"columns": {"y": "int"}}, "`y` is missing"),
        ({"columns": {"x": "long"}, "allow_extra": False}, "`s` is not expected"),
    ],
)
def test_columns_and_their_types(expected, found, tmp_path):
    result = check_one([{"x": 1, "s": "a"}], {"schema_check": expected}, tmp_path)
    assert result.passed is (found == "")
    assert found in result.message


def test_a_duplicate_is_every_row_of_a_key_after_the_first(tmp_path):
    rows = [{"a": 1, "b": 1}] * 3 + [{"a": 1, "b": 2}] + [{"a": None, "b": 1}] * 2
    result = check_one(rows, {"duplicate_check": {"key_fields": ["a", "b"]}}, tmp_path)
    assert (result.rows_checked, result.rows_failed) == (6, 2)
    assert result.failing_values == ({"a": 1, "b": 1},)


def parents(folder, rows):
    write(rows, lake(folder, "planes"))
    return {"sources": [{"name": "planes", "source_type": "s3", "path": "s3://lake/planes/"}]}


LINK = {"child_table": "target", "child_key": "x", "parent_table": "planes", "parent_key": "id"}


def test_a_key_that_the_parent_lacks_fails_and_a_null_key_does_not(tmp_path):
    job = parents(tmp_path, [{"id": 1}, {"id": 1}, {"id": None}])
    rows = [{"x": 1}, {"x": 2}, {"x": 2}, {"x": None}]
    result = check_one(rows, {"referential_integrity": [LINK]}, tmp_path, job=job)
    assert (result.rows_checked, result.rows_failed, result.failing_values) == (4, 2, (2,))


def test_keys_of_different_types_are_an_error(tmp_path):
    job = parents(tmp_path, [{"id": "1"}])
    result = check_one([{"x": 1}], {"referential_integrity": [LINK]}, tmp_path, job=job)
    assert result.error == "`x` is bigint and `planes.id` is string; keys are compared in one type only."


def test_a_missing_parent_is_an_error_of_its_rule_only(tmp_path):
    source = {"name": "planes", "source_type": "s3", "path": "s3://lake/planes/"}
    report = check(
        [{"x": 1}], {**NOT_NULL, "referential_integrity": [LINK]}, tmp_path, job={"sources": [source]}
    )
    assert [result.error is None for result in report.results] == [True, False]


def test_orphans_that_are_allowed_are_counted_and_pass(tmp_path):
    job = parents(tmp_path, [{"id": 1}])
    quality = {"referential_integrity": [LINK | {"allow_orphans": True}]}
    result = check_one([{"x": 2}], quality, tmp_path, job=job)
    assert (result.rows_failed, result.passed) == (1, True)


def test_a_null_answer_of_a_custom_validation_fails(tmp_path):
    quality = {"custom_validations": [{"name": "c", "sql": "x < 5"}]}
    result = check_one([{"x": 1}, {"x": None}, {"x": 9}], quality, tmp_path)
    assert result.rows_failed == 2
    assert result.failing_values == ({"x": None}, {"x": 9})


def test_a_query_that_breaks_off_is_the_error_of_its_rule_only(tmp_path):
    quality = {**NOT_NULL, "custom_validations": [{"name": "c", "sql": "x * 9000000000000000000 > 5"}]}
    report = check([{"x": 5}], quality, tmp_path)
    assert [result.error is None for result in report.results] == [True, False]
    assert not report.results[1].passed


def test_spark_without_a_session_is_refused(tmp_path):
    with pytest.raises(NoSparkError):
        check([{"x": 5}], NOT_NULL, tmp_path, engine="spark")


class TestPersonalData:
    def told(self, quality, tmp_path):
        report = check(
            [{"mail": "ann@x.org", "n": 9}] * 2,
            quality,
            tmp_path,
            job={"compliance": {"pii_fields": ["Mail"]}},
        )
        (result,) = report.results
        assert not result.passed
        return result

    @pytest.mark.parametrize(
        "quality",
        [
            {"accuracy_rules": [{"field": "mail", "rule_type": "regex", "pattern": "^z"}]},
            {"duplicate_check": {"key_fields": ["mail"]}},
            {"custom_validations": [{"name": "c", "sql": "mail = 'z' and n = 1"}]},
            {"custom_validations": [{"name": "c", "sql": "cast(mail as date) > 5"}]},
        ],
    )
    def test_its_values_are_shown_nowhere(self, quality, tmp_path):
        assert "ann@" not in repr(self.told(quality, tmp_path))

    def test_other_values_of_the_row_are_shown(self, tmp_path):
        quality = {"custom_validations": [{"name": "c", "sql": "mail = 'z' and n = 1"}]}
        assert self.told(quality, tmp_path).failing_values == ({"n": 9},)
