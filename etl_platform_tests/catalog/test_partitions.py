import pytest

from etl_platform.catalog.partitions import kept_by_filter

SIZES = {
    (("year", "2023"), ("day", "2023-12-31")): 1,
    (("year", "2024"), ("day", "2024-02-01")): 10,
    (("year", "2024"), ("day", "2024-10-01")): 100,
    (("year", "2024"), ("day", "__HIVE_DEFAULT_PARTITION__")): 1000,
}


@pytest.mark.parametrize(
    ("filter_sql", "kept"),
    [
        ("year = 2024", (3, 1110)),
        ("year = '2024'", (3, 1110)),
        ("day >= '2024-02-01'", (2, 110)),
        ("day > DATE '2023-12-31' - 7 AND year < 2024", (1, 1)),
        ("day IS NULL", (1, 1000)),
        ("year IN (1999)", (0, 0)),
    ],
)
def test_a_filter_keeps_partitions_as_spark_would(filter_sql: str, kept: tuple[int, int]):
    assert kept_by_filter(filter_sql, ["year", "day"], SIZES) == kept


def test_numbers_are_compared_as_numbers():
    sizes = {(("month", str(month)),): 1 for month in (2, 9, 10)}
    assert kept_by_filter("month >= 9", ["month"], sizes) == (2, 2)
