"""The retail example under the profile `aws`: what runs there writes is what pandas computes."""

import importlib
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from etl_platform.platforms.artifacts import keys_under, read

pytestmark = pytest.mark.slow

sys.path.append(str(Path(__file__).parents[2]))
EXAMPLE = importlib.import_module("examples.retail.aws")
PLANTED = importlib.import_module("examples.retail.data").PLANTED

JOBS = ("customer_order_summary", "real_time_clickstream", "multi_table_analytics")
OUT_OF_REACH = ("clickstream_events", "user_profiles", "stores")
"""Streams, and tables of a server that is not there."""


@dataclass(frozen=True)
class Finished:
    """The example after its runs."""

    account: Any
    runs: dict[str, dict[str, Any]]

    def cli(self, *arguments: str) -> Any:
        answer = self.account.etl_platform(*arguments, "--format", "json", quiet=True)
        assert answer.stdout, answer.stderr
        return json.loads(answer.stdout)

    def record(self, job_id: str) -> dict[str, Any]:
        return self.cli("show", self.runs[job_id]["execution_id"])["execution"]

    def objects(self, uri: str) -> list[bytes]:
        access = self.account.access
        return [read(access, key) or b"" for key in keys_under(access, uri)]

    def parquet(self, uri: str) -> pd.DataFrame:
        return pd.concat([pd.read_parquet(io.BytesIO(content)) for content in self.objects(uri)])

    def local(self, *path: str) -> pd.DataFrame:
        return pd.read_parquet(self.account.root.joinpath(*path))


@pytest.fixture(scope="module")
def finished() -> Iterator[Finished]:
    with EXAMPLE.account() as made:
        for step in (("tracking", "init"), ("deploy",)):
            made.etl_platform(*step, quiet=True).check_returncode()
        answer = made.etl_platform("run", "--all", "--format", "json", quiet=True)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        yield Finished(made, {run["job_id"]: run for run in json.loads(answer.stdout)})


def test_each_job_runs_once_where_it_was_to(finished: Finished) -> None:
    where = {job_id: (run["status"], run["platform"]) for job_id, run in finished.runs.items()}
    assert where == {
        "customer_order_summary": ("success", "glue"),
        "real_time_clickstream": ("success", "lambda"),
        "multi_table_analytics": ("success", "glue"),
    }
    aws = finished.account.aws
    assert aws.count("glue:StartJobRun") == 2 and aws.count("lambda:POST .*/invocations") == 1


def test_nothing_is_left_to_deploy(finished: Finished) -> None:
    assert {change["action"] for change in finished.cli("deploy")} == {"keep"}


def test_the_summary_of_each_customer(finished: Finished) -> None:
    found = finished.parquet("s3://retail-data-lake/summaries/customer_orders")
    sales = finished.local("glue/analytics_db/fact_transactions").drop_duplicates("transaction_id")
    sales = sales[(sales["amount"] >= 0) & (sales["transaction_at"] <= pd.Timestamp.now("UTC"))]
    sales = sales.merge(finished.local("glue/master_db/customers"), on="customer_id")
    sales = sales.merge(finished.local("glue/analytics_db/dim_products"), on="product_id")
    assert len(found) == finished.runs["customer_order_summary"]["rows"] == sales["customer_id"].nunique()
    assert found["orders"].sum() == len(sales)
    assert found["revenue"].sum() == pytest.approx(sales["amount"].sum(), abs=0.01 * len(found))


def test_the_sessions_of_the_clicks(finished: Finished) -> None:
    (content,) = finished.objects("s3://retail-data-lake/clickstream/sessions")
    found = pd.read_json(io.BytesIO(content), lines=True)
    file = finished.account.root / "kinesis" / "clickstream-events-prod" / "data.json"
    events = pd.read_json(file, lines=True).drop_duplicates("event_id")
    assert found["events"].sum() == len(events)
    assert len(found) == events["session_id"].nunique()
    assert found["purchases"].sum() == (events["event_type"] == "purchase").sum()


def test_the_performance_of_each_category(finished: Finished) -> None:
    found = finished.parquet("s3://retail-data-lake/warehouse/analytics_db/category_performance")
    sold = finished.local("glue/sales_db/orders")
    sold = sold[(sold["quantity"] > 0) & (sold["discount_percent"] <= 100)]
    for name, place in {
        "customer": "glue/master_db/customers",
        "product": "redshift/analytics-cluster/master_db/public/products",
        "store": "rds/operational-db/retail/stores",
    }.items():
        sold = sold.merge(finished.local(place), on=f"{name}_id", suffixes=("", f"_of_{name}"))
    assert found["orders"].sum() == pd.Series(sold["category"]).notna().sum()
    assert len(found) == finished.runs["multi_table_analytics"]["rows"]


@pytest.mark.parametrize("job_id", JOBS)
def test_the_checks_find_the_planted_defects(finished: Finished, job_id: str) -> None:
    results = {
        f"{report['dataset']}.{one['check']}": one
        for report in finished.cli("check", job_id)
        for one in report["results"]
    }
    reached = {name for name in PLANTED[job_id] if name.partition(".")[0] not in OUT_OF_REACH}
    readable = {name for name in reached if not results[name]["error"]}
    assert {name: results[name]["rows_failed"] for name in readable} == {
        name: PLANTED[job_id][name] for name in readable
    }
    # What is elsewhere than the table that it refers to cannot be looked at either.
    assert {name.rpartition("__")[2] for name in reached - readable} <= {*OUT_OF_REACH, "products"}


@pytest.mark.parametrize("job_id", ["customer_order_summary", "multi_table_analytics"])
def test_what_a_glue_run_cost_follows_from_its_time(finished: Finished, job_id: str) -> None:
    record = finished.record(job_id)
    run = finished.account.access.client("glue").get_job_run(
        JobName=record["run_handle"]["details"]["job_name"], RunId=record["run_handle"]["run_id"]
    )["JobRun"]
    # Glue bills a minute at the least.
    seconds = max(60.0, record["end_time"] - record["start_time"])
    expected = run["NumberOfWorkers"] * seconds / 3600 * 0.44
    assert record["cost_breakdown"]["total_cost_usd"] == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("job_id", JOBS)
def test_the_record_is_whole(finished: Finished, job_id: str) -> None:
    record = finished.record(job_id)
    assert record["platform_decision"]["decision_reasoning"]
    assert record["cost_breakdown"]["total_cost_usd"] > 0
    assert record["execution_metrics"]["output_file_count"] > 0


def test_the_decisions_are_told(finished: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    EXAMPLE.tell_decisions(finished.account)
    told = capsys.readouterr().out
    assert all(f"{job_id} on {finished.runs[job_id]['platform']}:" in told for job_id in JOBS)
