"""The retail example, run from end to end under the local profile, against pandas and the planted defects."""

import importlib.util
import json
import shutil
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from etl_platform_tests.cli.commands import call

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "retail"
JOBS = ("customer_order_summary", "real_time_clickstream", "multi_table_analytics")


def load_data_module() -> Any:
    spec = importlib.util.spec_from_file_location("retail_data", EXAMPLE / "data.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DATA = load_data_module()


@dataclass(frozen=True)
class Retail:
    """The finished example."""

    root: Path
    runs: dict[str, dict[str, Any]]
    checks: dict[str, dict[str, dict[str, Any]]]

    def parquet(self, *path: str) -> Any:
        return pd.read_parquet(self.root.joinpath(*path))

    def lines(self, *path: str) -> Any:
        return pd.read_json(next(self.root.joinpath(*path).glob("*.json")), lines=True, convert_dates=False)


def results(folder: Path, job_id: str) -> dict[str, dict[str, Any]]:
    answer = call(folder, "check", job_id, "--format", "json")
    reports = json.loads(answer.stdout)
    return {f"{report['dataset']}.{one['check']}": one for report in reports for one in report["results"]}


@pytest.fixture(scope="module")
def retail(tmp_path_factory: pytest.TempPathFactory) -> Retail:
    folder = tmp_path_factory.mktemp("shop") / "retail"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".etl_platform", ".dagster"))
    today = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    DATA.lay_out(folder / ".etl_platform", today)
    answer = call(folder, "run", "--all", "--format", "json")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    runs = {run["job_id"]: run for run in json.loads(answer.stdout)}
    return Retail(folder / ".etl_platform", runs, {job_id: results(folder, job_id) for job_id in JOBS})


def test_the_data_is_the_same_each_time(retail: Retail, tmp_path: Path):
    today = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    DATA.lay_out(tmp_path, today)
    for place in (
        "glue/analytics_db/fact_transactions",
        "glue/sales_db/orders",
        "rds/operational-db/retail/stores",
    ):
        assert_frame_equal(pd.read_parquet(tmp_path / place), retail.parquet(place))


@pytest.mark.parametrize("job_id", JOBS)
def test_each_job_succeeds(retail: Retail, job_id: str):
    assert retail.runs[job_id]["status"] == "success", retail.runs[job_id]["reason"]


@pytest.mark.parametrize("job_id", JOBS)
def test_the_checks_find_the_planted_defects_and_no_other(retail: Retail, job_id: str):
    found = {
        check: one["rows_failed"]
        for check, one in retail.checks[job_id].items()
        if one["rows_failed"] or check in DATA.PLANTED[job_id]
    }
    assert found == DATA.PLANTED[job_id]


@pytest.mark.parametrize("job_id", JOBS)
def test_the_run_warns_of_what_is_above_its_threshold(retail: Retail, job_id: str):
    checks = retail.checks[job_id]
    bad = {one["check"] for one in checks.values() if one["failed_percent"] and not one["passed"]}
    assert set(retail.runs[job_id]["checks_warned"]) == bad
    assert not any(one["error"] for one in checks.values())
    assert retail.runs[job_id]["checks_failed"] == []


def test_every_kind_of_rule_is_there(retail: Retail):
    kinds = {one["kind"] for one in retail.checks["customer_order_summary"].values()}
    assert kinds >= {"completeness", "duplicates", "integrity", "custom", "freshness", "row_count", "schema"}
    assert kinds >= {"range", "regex", "date_range", "allowed_values", "length", "type"}


def test_bad_rows_are_put_aside(retail: Retail):
    quarantined = retail.parquet("quarantine/customer_order_summary/customers")
    assert set(quarantined["email"]) == {"not-an-address"}
    letters = list((retail.root / "dead_letters" / "customer_order_summary" / "transactions").glob("*.jsonl"))
    assert [len(file.read_text().splitlines()) for file in letters] == [40]


def test_the_summary_of_each_customer(retail: Retail):
    sales = retail.parquet("glue/analytics_db/fact_transactions").drop_duplicates("transaction_id")
    sales = sales[(sales["amount"] >= 0) & (sales["transaction_at"] <= pd.Timestamp.now("UTC"))]
    sales = sales.merge(retail.parquet("glue/master_db/customers"), on="customer_id")
    sales = sales.merge(retail.parquet("glue/analytics_db/dim_products"), on="product_id")
    found = (
        retail.parquet("s3/retail-data-lake/summaries/customer_orders").set_index("customer_id").sort_index()
    )
    by_customer = sales.groupby("customer_id")
    revenue = sales.groupby(["customer_id", "category"])["amount"].sum().unstack()
    segments = retail.parquet("s3/retail-data-lake/dimensions/customer_segments").set_index("customer_id")
    assert found["orders"].tolist() == by_customer.size().tolist()
    assert found["items"].tolist() == by_customer["quantity"].sum().tolist()
    np.testing.assert_allclose(found["revenue"], by_customer["amount"].sum(), atol=0.00501)
    assert found["favourite_category"].tolist() == revenue.idxmax(axis=1).tolist()
    assert found["last_order_at"].tolist() == by_customer["transaction_at"].max().tolist()
    assert found["segment"].dropna().to_dict() == segments["segment"].to_dict()


def test_the_sessions_of_the_clicks(retail: Retail):
    events = retail.lines("kinesis/clickstream-events-prod").drop_duplicates("event_id")
    profiles = retail.lines("dynamodb/user-profiles-prod").set_index("user_id")
    found = retail.lines("s3/retail-data-lake/clickstream/sessions").set_index("session_id").sort_index()
    by_session = events.groupby("session_id")
    assert found["events"].tolist() == by_session.size().tolist()
    assert (
        found["purchases"].tolist()
        == by_session["event_type"].agg(lambda kind: (kind == "purchase").sum()).tolist()
    )
    assert found["started_at"].tolist() == by_session["occurred_at"].min().tolist()
    known = found[found["user_id"].isin(profiles.index)]
    assert known["country"].tolist() == profiles.loc[known["user_id"], "country"].tolist()
    assert retail.runs["real_time_clickstream"]["rows"] == len(found)


def test_the_performance_of_each_category(retail: Retail):
    sold = retail.parquet("glue/sales_db/orders")
    sold = sold[(sold["quantity"] > 0) & (sold["discount_percent"] <= 100)]
    for name, place in {
        "customer": "glue/master_db/customers",
        "product": "redshift/analytics-cluster/master_db/public/products",
        "store": "rds/operational-db/retail/stores",
    }.items():
        sold = sold.merge(retail.parquet(place), on=f"{name}_id", suffixes=("", f"_of_{name}"))
    sold["paid"] = sold["quantity"] * sold["unit_price"] * (1 - sold["discount_percent"] / 100)
    sold["month"] = sold["ordered_at"].dt.strftime("%Y-%m")
    promotions = pd.read_csv(retail.root / "s3/retail-data-lake/reference/promotions/promotions.csv")
    when = sold.merge(promotions, on="category")
    day = when["ordered_at"].dt.strftime("%Y-%m-%d")
    key = ["month", "region", "category"]
    expected = (
        sold.dropna(subset="category")
        .groupby(key)
        .agg(orders=("order_id", "size"), customers=("customer_id", "nunique"), revenue=("paid", "sum"))
    )
    promoted = when[(day >= when["starts"]) & (day <= when["ends"])].groupby(key).size()
    expected["promoted_orders"] = promoted.reindex(expected.index, fill_value=0)
    found = retail.parquet("glue/analytics_db/category_performance").set_index(key).sort_index()
    assert_frame_equal(found[list(expected.columns)], expected, rtol=0, atol=0.00501)
