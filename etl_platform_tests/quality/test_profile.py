import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from etl_platform.quality.profile import profile
from etl_platform_tests.quality.builders import config_of, job_with, lake, write


def profiled(folder, rows, **sections):
    write(rows, lake(folder))
    job = job_with({}, **sections)
    return profile(config_of(job, folder=folder), job, "target")


def only(folder, rows, **sections):
    (column,) = profiled(folder, rows, **sections).columns
    return column


def test_a_number_column(tmp_path):
    column = only(tmp_path, [{"x": n} for n in range(100)] + [{"x": None}] * 25)
    assert (column.type, column.nulls, column.null_percent) == ("bigint", 25, 20)
    assert (column.min, column.max, column.mean) == (0, 99, 49.5)
    assert column.distinct_approx == pytest.approx(100, rel=0.15)
    assert column.quantiles is not None
    assert column.quantiles[0.5] == pytest.approx(49.5, abs=1)


def test_nan_and_infinity_spoil_no_mean_and_no_quantile(tmp_path):
    column = only(tmp_path, [{"x": value} for value in (1.0, 3.0, float("nan"), float("inf"))])
    assert column.mean == 2
    assert column.quantiles is not None and column.quantiles[0.95] <= 3


def test_a_text_column(tmp_path):
    column = only(tmp_path, [{"x": "a@b.org"}] * 3 + [{"x": "longer@b.org"}] + [{"x": None}])
    assert (column.length_min, column.length_max, column.pattern) == (7, 12, "e-mail")
    assert column.top[0] == "a@b.org"


@pytest.mark.parametrize(
    ("texts", "pattern"),
    [
        (["2024-01-01", "1999-12-31"], "date"),
        (["12", "-7"], "integer"),
        (["12", "7.5"], "number"),
        (["EWR", "JFK"], "code of capitals"),
        (["N123", "N9"], "code of capitals and digits"),
        (["10.0.0.1"], "ip address"),
        (["a", "B"], None),
    ],
)
def test_what_texts_look_like(texts, pattern, tmp_path):
    assert only(tmp_path, [{"x": text} for text in texts]).pattern == pattern


def test_values_of_personal_data_are_not_told(tmp_path):
    found = profiled(tmp_path, [{"mail": "ann@x.org"}], compliance={"pii_fields": ["MAIL"]})
    assert "ann" not in repr(found)
    (column,) = found.columns
    assert (column.hidden, column.nulls, column.length_max) == (True, 0, 9)


def test_columns_of_every_type_in_one_scan(tmp_path):
    table = pa.table(
        {
            "d": [Decimal("1.50")],
            "b": [True],
            "day": [dt.date(2024, 1, 1)],
            "at": [dt.datetime(2024, 1, 1)],
            "raw": [b"a"],
            "list": [[1]],
            "none": pa.array([None], pa.int64()),
        }
    )
    found = profiled(tmp_path, table)
    assert (found.rows, found.scans) == (1, 1)
    assert {column.name: column.min for column in found.columns} == {
        "d": "1.50",
        "b": None,
        "day": "2024-01-01",
        "at": "2024-01-01T00:00:00",
        "raw": None,
        "list": None,
        "none": None,
    }


def test_an_empty_dataset_has_no_percentages(tmp_path):
    column = only(tmp_path, pa.table({"x": pa.array([], pa.string())}))
    assert (column.null_percent, column.pattern, column.top) == (None, None, ())
