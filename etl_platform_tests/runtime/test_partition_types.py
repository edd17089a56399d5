import pytest

from etl_platform.runtime.partition_types import partition_values, type_of


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2013", "-1"], "int"),
        (["1", "3000000000"], "bigint"),
        (["1", "2.5"], "double"),
        (["2013-01-31"], "date"),
        (["2013-01-31", "1"], "string"),
        (["a", "1"], "string"),
        (["1", "__HIVE_DEFAULT_PARTITION__"], "int"),
        (["__HIVE_DEFAULT_PARTITION__"], "string"),
    ],
)
def test_types_are_those_that_spark_tells(values, expected):
    assert type_of(values) == expected


def test_values_are_read_from_folders_that_hold_data(tmp_path):
    for name in ("year=2013/city=New%20York/a.parquet", "year=2014/city=x/a.parquet", "year=2015/_SUCCESS"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    assert partition_values([tmp_path]) == {"year": {"2013", "2014"}, "city": {"New York", "x"}}
