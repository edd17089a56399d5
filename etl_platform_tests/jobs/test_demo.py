"""Each result of the demo against pandas on the package's own data."""

import json

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from etl_platform_tests.jobs.conftest import lay_out

pytestmark = pytest.mark.slow

KEY = ["time_hour", "carrier", "flight", "origin"]


def same(found: pd.DataFrame, expected: pd.DataFrame, key: list[str]) -> None:
    """Compare values; how a column is stored may differ, and how a half is rounded to two places."""

    def plain(table: pd.DataFrame) -> pd.DataFrame:
        numbers = table.select_dtypes(["number", "bool"])
        # Spark's own files hold times without a zone, which are of UTC.
        times = table.select_dtypes(["datetime", "datetimetz"]).apply(pd.to_datetime, utc=True)
        texts = table.select_dtypes("object").fillna("")
        parts = [numbers.astype("float64"), times.astype("datetime64[us, UTC]"), texts]
        whole = pd.concat(parts, axis=1).reindex(columns=expected.columns)
        return whole.sort_values(by=key).reset_index(drop=True)

    assert_frame_equal(plain(found), plain(expected), rtol=0, atol=0.00501)


def test_the_data_has_the_gaps_that_the_rules_find(demo):
    flights = demo.parquet("glue", "nyc", "flights")
    assert len(flights) == 336_776
    assert flights[["dep_time", "tailnum"]].isna().sum().to_dict() == {"dep_time": 8255, "tailnum": 2512}


def test_laying_the_data_out_again_changes_nothing(demo):
    root = demo.config.local_root
    before = {path: path.stat().st_mtime_ns for path in (root / "glue" / "nyc" / "flights").rglob("*")}
    lay_out(demo.config)
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize(
    "job_id", ["flights_enriched", "carrier_punctuality", "route_weather_delays", "airport_directory"]
)
def test_each_job_succeeds(demo, job_id):
    assert demo.runs[job_id].outcome["error"] is None


@pytest.mark.parametrize("job_id", ["flights_enriched", "carrier_punctuality", "route_weather_delays"])
def test_the_jobs_on_tables_need_no_jvm(demo, job_id):
    assert demo.launched(job_id)["engine"] == "sail"


def test_each_flight_has_its_dimensions(demo, raw):
    found = demo.parquet("glue", "nyc", "flights_enriched")
    columns = list(demo.config.job("flights_enriched").target.columns)
    assert sorted(found.columns) == sorted(columns)
    same(found.assign(month=found["month"].astype(int)), raw.enriched()[columns], KEY)


def test_the_punctuality_of_each_airline(demo, raw):
    flights = raw.enriched()
    flights["on_time"] = 100.0 * (flights["dep_delay"] <= 15)
    expected = flights.groupby(["carrier", "airline", "month"], as_index=False).agg(
        flights=("flight", "size"),
        cancelled_flights=("cancelled", "sum"),
        on_time_percent=("on_time", "mean"),
        mean_departure_delay_minutes=("dep_delay", "mean"),
        mean_arrival_delay_minutes=("arr_delay", "mean"),
        longest_departure_delay_minutes=("dep_delay", "max"),
    )
    same(demo.parquet("glue", "nyc", "carrier_punctuality"), expected, ["carrier", "month"])
    assert demo.runs["carrier_punctuality"].outcome["result"]["rows_written"] == len(expected)


def test_the_delays_of_each_route_by_weather(demo, raw):
    flights = raw.enriched()
    flights["conditions"] = np.select(
        [
            flights["temp"].isna(),
            (flights["precip"] > 0) & (flights["temp"] <= 32),
            flights["precip"] > 0,
            flights["visib"] < 3,
            flights["wind_speed"] >= 25,
        ],
        ["unknown", "snow or ice", "rain", "fog", "wind"],
        "fair",
    )
    key = ["origin", "dest", "conditions"]
    expected = flights.groupby(key, as_index=False).agg(
        flights=("flight", "size"),
        cancelled_flights=("cancelled", "sum"),
        mean_departure_delay_minutes=("dep_delay", "mean"),
        mean_arrival_delay_minutes=("arr_delay", "mean"),
    )
    found = demo.parquet("s3", "nyc-flights-reports", "route_weather_delays")
    same(found, expected, key)


def test_the_directory_has_every_airport(demo, raw):
    path = demo.config.local_root / "s3" / "nyc-flights-reports" / "airport_directory" / "airports.json"
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    expected = raw.airports.sort_values("faa")
    assert [entry["code"] for entry in entries] == expected["faa"].tolist()
    assert [entry["altitude_metres"] for entry in entries] == (expected["alt"] * 0.3048).round(1).tolist()
    assert sum(entry["time_zone"] is None for entry in entries) == 3
    assert demo.runs["airport_directory"].outcome["result"]["airports"] == 1458


def test_the_handler_runs_without_this_package(demo):
    # What it imports is what AWS Lambda has.
    source = (demo.config.path.parent / "jobs" / "airport_directory.py").read_text()
    imported = {
        line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import", "from"))
    }
    assert imported == {"boto3", "csv", "io", "json", "urllib"}
