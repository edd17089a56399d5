from dataclasses import replace

import pytest

from etl_platform.agents.agent import InvalidAnswerError
from etl_platform.agents.optimization import (
    AGENT,
    ChangeShown,
    OptimizationAnswer,
    recommendations,
    settings_of,
)
from etl_platform.catalog.findings import Finding
from etl_platform.config.models.job import Job
from etl_platform_tests.agents.cases import answer, case_of, glue_job, results, run


def measured(tmp_path, metrics, *, job=None, **settings):
    runs = [run(n, days_ago=n, metrics=metrics) for n in range(1, 4)]
    return case_of(tmp_path, job, runs, **settings)


def changes(case):
    return {one.change_id: one for one in answer(AGENT, case).changes}


def test_spill_asks_for_smaller_shuffle_partitions_and_no_model_can_tell_their_effect(tmp_path):
    found = changes(measured(tmp_path, {"spilled_gb": 12.0, "shuffle_write_gb": 100.0}))["spark_conf/spill"]
    assert found.keys == {"execution": {"spark_conf": {"spark.sql.shuffle.partitions": "800"}}}
    assert found.evidence == ["12.00 GB spilled to disk while 100.00 GB were shuffled (middle of 3 runs)."]
    assert (found.seconds, found.usd, found.basis) == (None, None, None)


def test_partitions_that_are_small_already_are_left_alone(tmp_path):
    job = glue_job(execution={"sql": "select 1", "spark_conf": {"spark.sql.shuffle.partitions": 1000}})
    case = measured(tmp_path, {"spilled_gb": 12.0, "shuffle_write_gb": 100.0}, job=job)
    assert "spark_conf/spill" not in changes(case)


def test_skew_from_sparks_own_factor_on(tmp_path):
    assert "spark_conf/skew" in changes(measured(tmp_path / "a", {"task_skew": 5.0}))
    assert "spark_conf/skew" not in changes(measured(tmp_path / "b", {"task_skew": 4.9}))


def test_garbage_collection_asks_for_memory_with_the_models_effect(tmp_path):
    found = changes(measured(tmp_path, {"executor_seconds": 1000.0, "gc_seconds": 250.0}))["memory"]
    assert found.evidence == ["Garbage collection takes 25% of the tasks' time."]
    assert found.keys["platform"]["worker_type"] == "R.1X"
    assert found.seconds is not None and found.basis == "runtime model and price book"


@pytest.mark.parametrize(
    ("off", "gone", "stays"),
    [
        ("auto_tune_spark_config", "spark_conf/skew", "memory"),
        ("auto_adjust_resources", "memory", "spark_conf/skew"),
    ],
)
def test_the_agents_keys_say_what_may_be_proposed(tmp_path, off, gone, stays):
    metrics = {"task_skew": 9.0, "executor_seconds": 1000.0, "gc_seconds": 250.0}
    case = measured(tmp_path, metrics, agents={"optimization_agent": {off: False}})
    assert gone not in changes(case) and stays in changes(case)


def test_without_history_nothing_measured_counts(tmp_path):
    off = {"optimization_agent": {"learning_from_history": False}}
    case = measured(tmp_path, {"task_skew": 9.0}, agents=off)
    assert results(AGENT, case)["metrics"] == {}
    assert "spark_conf/skew" not in changes(case)


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"execution": {"sql": "select 1", "spark_conf": {"spark.sql.adaptive.enabled": False}}}, True),
        ({"platform": {"user_preference": "glue", "dpu_count": 10.0, "glue_version": "3.0"}}, True),
        ({"platform": {"user_preference": "glue", "dpu_count": 10.0, "glue_version": "5.0"}}, False),
    ],
)
def test_adaptive_execution_is_switched_on_where_it_is_off(tmp_path, sections, expected):
    found = changes(case_of(tmp_path, glue_job(**sections)))
    assert ("spark_conf/adaptive" in found) is expected


def test_a_larger_fixed_size_than_needed_is_named_with_dollars(tmp_path):
    job = glue_job(
        2.0,
        platform={"user_preference": "glue", "dpu_count": 100.0, "worker_type": "G.1X"},
        cost={"optimization_priority": "cost"},
    )
    case = case_of(tmp_path, job)
    found = changes(case)["size"]
    decision = case.plan.decision
    assert decision and decision.selected.recommended_figures
    better, now = decision.selected.recommended_figures, decision.selected.figures
    assert better.usd is not None and now.usd is not None
    assert found.usd == pytest.approx(better.usd - now.usd)
    assert found.usd < 0


def test_many_small_output_files_are_to_be_coalesced(tmp_path):
    found = changes(measured(tmp_path, {"output_file_count": 5000, "output_avg_file_mb": 2.0}))
    assert found["output_files"].action == "`coalesce(79)` before the write: 126.6 MB a file."
    assert "5,000 files of 2.00 MB" in found["output_files"].evidence[0]


def test_text_targets_are_to_be_parquet(tmp_path):
    job = glue_job(target={"type": "s3", "path": "s3://lake/out/", "format": "csv"})
    assert changes(case_of(tmp_path, job))["target_format"].keys == {"target": {"format": "parquet"}}


JOIN = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
orders = spark.read.parquet("s3://lake/orders/")
customers = spark.read.parquet("s3://lake/customers/")
orders.join(customers, "customer_id").write.parquet("s3://lake/out/")
"""


def join_job() -> Job:
    def source(name, size_gb):
        return {
            "name": name,
            "source_type": "s3",
            "path": f"s3://lake/{name}/",
            "format": "parquet",
            "size_gb": size_gb,
        }

    return Job.model_validate(
        {
            "job_id": "orders",
            "execution": {"script_path": "join.py", "timeout_minutes": 600.0},
            "platform": {"user_preference": "glue", "dpu_count": 10.0},
            "data_sources": [source("orders", 100.0), source("customers", 0.5)],
        }
    )


def test_a_missing_broadcast_has_the_effect_of_the_shuffle_that_it_saves(tmp_path):
    (tmp_path / "join.py").write_text(JOIN)
    case = case_of(tmp_path, join_job())
    found = changes(case)
    broadcast = found["missing_broadcast/customers"]
    assert broadcast.area == "script"
    # 100.5 GB are written and read once by nine nodes of 125 MB/s each.
    assert broadcast.seconds == pytest.approx(-2 * 100.5 * 1024 / (9 * 125), rel=0.05)
    assert broadcast.usd is not None and broadcast.usd < 0
    threshold = found["spark_conf/autoBroadcastJoinThreshold"]
    assert threshold.keys == {"execution": {"spark_conf": {"spark.sql.autoBroadcastJoinThreshold": "513m"}}}
    assert settings_of(answer(AGENT, case))["spark.sql.autoBroadcastJoinThreshold"] == "513m"


def test_fewer_input_files_have_the_effect_of_their_opening(tmp_path):
    case = case_of(tmp_path, glue_job(10.0))
    stats, work = case.plan.stats["orders"], case.plan.situation.work
    small = Finding(
        type="small_files",
        severity="medium",
        category="small_files",
        dataset="orders",
        description="10,000 files of 1.00 MB on average.",
        recommendation="coalesce",
    )
    files = stats.model_copy(update={"file_count": 10_000, "findings": (small,)})
    plan = replace(
        case.plan,
        stats={"orders": files},
        situation=replace(case.plan.situation, work=replace(work, files=10_000)),
    )
    found = changes(replace(case, planned=plan))["small_files/orders"]
    assert found.area == "file_size"
    assert found.basis == "runtime model: 10,000 → 80 files"
    assert found.seconds is not None and found.seconds < 0


def test_changes_are_stored_as_recommendations(tmp_path):
    case = measured(tmp_path, {"task_skew": 9.0})
    (skew,) = [one for one in recommendations(case, answer(AGENT, case)) if one.title.endswith("skew")]
    assert (skew.category, skew.priority, skew.estimated_impact) == ("settings", "medium", None)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (OptimizationAnswer(summary="", changes=[ChangeShown(change_id="magic")]), "no change magic"),
        (OptimizationAnswer(summary="It will be 77% faster."), "77%"),
    ],
)
def test_invented_answers_are_refused(tmp_path, said, why):
    with pytest.raises(InvalidAnswerError, match=why):
        AGENT.check(measured(tmp_path, {"task_skew": 9.0}), said)


def test_a_lie_about_an_effect_is_replaced(tmp_path):
    case = measured(tmp_path, {"task_skew": 9.0})
    lie = ChangeShown(change_id="spark_conf/skew", usd=-100.0, seconds=-1e6, action="drop table")
    (told,) = AGENT.check(case, OptimizationAnswer(summary="Skew.", changes=[lie])).changes
    assert (told.usd, told.seconds) == (None, None)
    assert told.action.startswith("Let Spark split")


def test_passwords_in_spark_settings_are_not_told(tmp_path):
    conf = {"spark.hadoop.fs.s3a.secret.key": "hunter2", "spark.sql.ansi.enabled": True}
    job = glue_job(execution={"sql": "select 1", "spark_conf": conf})
    assert "hunter2" not in str(results(AGENT, case_of(tmp_path, job)))
