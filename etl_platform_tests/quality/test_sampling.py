from etl_platform.quality.results import wilson
from etl_platform_tests.quality.builders import check, lake, write

ROWS = [{"x": n % 10 == 0 or None, "k": n} for n in range(4000)] + [{"x": True, "k": 0}]
QUALITY = {
    "sample_size": 500,
    "completeness_checks": [{"field": "x"}],
    "duplicate_check": {"key_fields": ["k"]},
    "row_count": {"min": 4001},
}


def test_row_rules_look_at_a_sample_and_say_how_sure_they_are(tmp_path):
    report = check(ROWS, QUALITY, tmp_path)
    nulls = report.results[0]
    assert (report.rows, report.sampled_rows, nulls.rows_checked) == (4001, 500, 500)
    assert nulls.interval_percent is not None
    low, high = nulls.interval_percent
    assert low < 90 < high and high - low < 8
    assert "a random sample of 500 rows" in nulls.message


def test_uniqueness_and_the_number_of_rows_never_look_at_a_sample(tmp_path):
    _, duplicates, rows = check(ROWS, QUALITY, tmp_path).results
    assert (duplicates.rows_checked, duplicates.rows_failed, duplicates.interval_percent) == (4001, 1, None)
    assert rows.passed


def test_foreign_keys_never_look_at_a_sample(tmp_path):
    write([{"id": n} for n in range(3999)], lake(tmp_path, "p"))
    link = {"child_table": "target", "child_key": "k", "parent_table": "p", "parent_key": "id"}
    source = {"name": "p", "source_type": "s3", "path": "s3://lake/p/"}
    quality = {"sample_size": 500, "referential_integrity": [link]}
    (result,) = check(ROWS, quality, tmp_path, job={"sources": [source]}).results
    assert (result.rows_checked, result.rows_failed, result.interval_percent) == (4001, 1, None)


def test_a_dataset_smaller_than_the_sample_is_looked_at_whole(tmp_path):
    report = check(ROWS[:100], QUALITY, tmp_path)
    assert (report.sampled_rows, report.results[0].rows_checked) == (None, 100)


def test_the_interval_is_that_of_wilson():
    # E. B. Wilson (1927); the figures for 10 of 50 are those of R's binom.confint(10, 50, methods="wilson").
    low, high = wilson(10, 50)
    assert (round(low, 3), round(high, 3)) == (11.244, 33.037)
