import json
import time
from pathlib import Path

from etl_platform.tracking.records import CostBreakdown, JobExecution
from etl_platform.tracking.sqlite import SqliteStore
from etl_platform_tests.cli.commands import call
from etl_platform_tests.config.files import config, job, write

DAY = 86_400


def project(folder: Path, costs: list[float | None]) -> None:
    """A job with one run a day, the last yesterday."""
    platform = {"user_preference": "glue", "dpu_count": 5}
    write(folder / "etl_config.json", config(job("a", platform=platform), job("b")))
    store, now = SqliteStore(folder / ".etl_platform" / "tracking.db"), time.time()
    for n, usd in enumerate(costs):
        start = now - (len(costs) - n) * DAY
        store.put_execution(
            JobExecution(
                execution_id=f"exec-{n:02}",
                timestamp=start,
                job_name="a",
                job_type="glue",
                status="success",
                end_time=start + 60,
                cost_breakdown=CostBreakdown(total_cost_usd=usd, compute_cost_usd=usd),
            )
        )


def test_history_top_anomaly_forecast_and_savings(tmp_path: Path) -> None:
    project(tmp_path, [1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 1.0, 4.0, 1.0, None])
    answer = json.loads(call(tmp_path, "costs", "a", "--format", "json").stdout)
    assert (answer["runs"], answer["unpriced_runs"]) == (10, 1)
    assert answer["top"][0]["usd"] == 4.0
    assert [one["execution_id"] for one in answer["anomalies"]] == ["exec-07"]
    assert (
        answer["forecast"]["low_usd"] <= answer["forecast"]["expected_usd"] <= answer["forecast"]["high_usd"]
    )
    (flex,) = answer["savings"]
    assert (flex["title"], round(flex["share"], 2)) == ("Glue Flex", 0.34)
    assert "start late" in flex["risk"]


def test_what_models_cost_is_told_as_a_part(tmp_path: Path) -> None:
    project(tmp_path, [1.0, 1.0])
    store = SqliteStore(tmp_path / ".etl_platform" / "tracking.db")
    run = store.execution("exec-01")
    assert run
    cost = CostBreakdown(total_cost_usd=1.25, compute_cost_usd=1.0, bedrock_cost_usd=0.25)
    store.put_execution(run.model_copy(update={"cost_breakdown": cost}))
    answer = json.loads(call(tmp_path, "costs", "a", "--format", "json").stdout)
    assert (answer["models_usd"], sum(one["usd"] for one in answer["totals"])) == (0.25, 2.25)
    assert "of it $0.2500 for the models of agents" in call(tmp_path, "costs").stdout


def test_since_leaves_out_older_runs(tmp_path: Path) -> None:
    project(tmp_path, [1.0] * 10)
    since = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 3 * DAY))
    answer = json.loads(call(tmp_path, "costs", "--since", since, "--format", "json").stdout)
    assert 3 <= answer["runs"] <= 4


def test_people_see_unknown_where_nothing_is_priced(tmp_path: Path) -> None:
    project(tmp_path, [None] * 4)
    answer = call(tmp_path, "costs")
    assert "unknown" in answer.stdout
    assert "4 of 4 runs have no known cost" in answer.stdout


def test_no_runs_and_unknown_jobs_are_sentences(tmp_path: Path) -> None:
    project(tmp_path, [])
    assert "No finished run" in call(tmp_path, "costs").stderr
    wrong = call(tmp_path, "costs", "aa")
    assert wrong.returncode == 1 and 'no job "aa"' in wrong.stderr


def test_runs_that_nobody_bills_are_not_of_unknown_cost(tmp_path: Path) -> None:
    project(tmp_path, [None])
    store = SqliteStore(tmp_path / ".etl_platform" / "tracking.db")
    run = store.execution("exec-00")
    assert run
    store.put_execution(run.model_copy(update={"job_type": "local"}))
    answer = json.loads(call(tmp_path, "costs", "--format", "json").stdout)
    assert (answer["runs"], answer["unpriced_runs"], answer["uncharged_runs"]) == (0, 0, 1)
    assert "had no charge: 1" in call(tmp_path, "costs").stdout
