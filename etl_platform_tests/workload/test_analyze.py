from pathlib import Path
from typing import Any

import pytest

from etl_platform.workload.markdown import workload_report
from etl_platform_tests.catalog.builders import job
from etl_platform_tests.workload.builders import (
    SALES,
    SALES_GB,
    analyzed,
    joins_of,
    sales_job,
    sized,
    stats,
    table,
)


def test_a_large_fact_with_two_small_dimensions_broadcasts_both_smallest_first(tmp_path: Path):
    workload = analyzed(tmp_path, sales_job(), sized(**SALES_GB))
    assert [(step.kind, step.source) for step in workload.order] == [
        ("scan", "transactions"),
        ("broadcast_join", "customers"),
        ("broadcast_join", "products"),
    ]
    assert {role.source: role.role for role in workload.roles} == {
        "transactions": "fact",
        "products": "dimension",
        "customers": "dimension",
    }
    assert workload.shuffle_without_broadcasts_gb == pytest.approx(700.15)
    assert workload.shuffle_gb == 0.0
    assert workload.broadcast_gb == pytest.approx(0.15)
    assert [shape.kind for shape in workload.shapes] == ["star"]
    assert (workload.volume_gb, workload.volume_category) == (pytest.approx(350.15), "high")


def test_the_report_shows_the_plan_with_its_numbers(tmp_path: Path):
    report = workload_report(analyzed(tmp_path, sales_job(), sized(**SALES_GB)))
    assert "| shuffle of joins | 700.15 GB → 0 GB (with broadcasts) |" in report
    assert "| 2 | broadcast join `customers` | transactions.customer_id = customers.customer_id |" in report
    assert "| `products` | yes | 102.4 MB < 1 GB" in report


def test_without_any_size_the_direction_of_joins_tells_the_roles(tmp_path: Path):
    workload = analyzed(tmp_path, sales_job(), sized(transactions=None, customers=None, products=None))
    assert [role.role for role in workload.roles] == ["fact", "dimension", "dimension"]
    assert workload.volume_gb is None
    assert workload.shuffle_gb is None
    assert workload.shuffle_without_broadcasts_gb is None
    assert "unknown → unknown" in workload_report(workload)


def test_a_declared_role_stands(tmp_path: Path):
    one = job(table("a", role_in_flow="lookup"), table("b", joins_with=["a"]))
    workload = analyzed(tmp_path, one, sized(a=500.0, b=1.0))
    assert workload.roles[0].role == "lookup"
    assert workload.roles[0].reason == "declared"


def test_a_snowflake_is_recognized_and_its_middle_is_a_dimension(tmp_path: Path):
    one = job(
        table("orders", join_keys={"customers": "customer_id"}),
        table("customers", join_keys={"regions": "region_id"}),
        table("regions"),
    )
    workload = analyzed(tmp_path, one, sized(orders=100.0, customers=5.0, regions=0.01))
    assert [shape.kind for shape in workload.shapes] == ["snowflake"]
    assert [role.role for role in workload.roles] == ["fact", "dimension", "dimension"]
    assert [step.kind for step in workload.order] == ["scan", "shuffle_join", "broadcast_join"]


def test_facts_that_share_a_dimension_are_several_facts(tmp_path: Path):
    one = job(
        table("orders", join_keys={"customers": "customer_id"}),
        table("returns", join_keys={"customers": "customer_id"}),
        table("customers"),
    )
    workload = analyzed(tmp_path, one, sized(orders=100.0, returns=50.0, customers=2.0))
    assert [(shape.kind, shape.facts) for shape in workload.shapes] == [
        ("several_facts", ("orders", "returns"))
    ]
    assert [step.source for step in workload.order] == ["orders", "customers", "returns"]


def test_rows_that_already_lie_by_the_join_columns_are_not_shuffled_again(tmp_path: Path):
    one = job(
        table("orders", join_keys={"customers": "customer_id", "accounts": "customer_id"}),
        table("customers"),
        table("accounts"),
    )
    workload = analyzed(tmp_path, one, sized(orders=100.0, customers=5.0, accounts=6.0))
    assert [step.shuffle_gb for step in workload.order] == [0.0, 105.0, 6.0]


def test_rows_that_lie_by_more_columns_are_shuffled_again(tmp_path: Path):
    one = job(
        table("orders", join_keys={"customers": ["customer_id", "region_id"], "accounts": "customer_id"}),
        table("customers"),
        table("accounts"),
    )
    workload = analyzed(tmp_path, one, sized(orders=100.0, customers=5.0, accounts=6.0))
    assert [step.shuffle_gb for step in workload.order] == [0.0, 105.0, 106.0]


@pytest.mark.parametrize(
    ("size_gb", "memory_gb", "chosen", "said"),
    [
        (0.5, None, True, "512 MB < 1 GB; executor memory unknown"),
        (1.0, None, False, "1 GB: not under 1 GB"),
        (0.5, 16.0, True, "512 MB < 1 GB and under the 4.28 GB"),
        (0.9, 3.0, False, "not under the 747.82 MB that executors have left"),
    ],
)
def test_a_broadcast_needs_to_be_under_1_gb_and_under_the_executors_share(
    tmp_path: Path, size_gb: float, memory_gb: float | None, chosen: bool, said: str
):
    one = job(table("orders", joins_with=["customers"]), table("customers"))
    workload = analyzed(tmp_path, one, sized(orders=100.0, customers=size_gb), executor_memory_gb=memory_gb)
    (broadcast,) = workload.broadcasts
    assert broadcast.chosen is chosen
    assert said in broadcast.reason


def test_what_is_broadcast_first_leaves_less_memory_for_the_next(tmp_path: Path):
    one = job(table("orders", joins_with=["a", "b"]), table("a"), table("b"))
    workload = analyzed(tmp_path, one, sized(orders=100.0, a=0.6, b=0.7), executor_memory_gb=4.0)
    assert {one.source: one.chosen for one in workload.broadcasts} == {"a": True, "b": False}


def test_rows_and_types_tell_what_a_table_takes_in_memory(tmp_path: Path):
    one = job(table("orders", joins_with=["a"]), table("a"))
    small = stats(0.5, row_count=2**30 // 36, columns={"id": "bigint", "name": "string"})
    workload = analyzed(tmp_path, one, {"orders": stats(100.0), "a": small}, executor_memory_gb=3.0)
    assert workload.broadcasts[0].memory_gb == pytest.approx(1.0)
    assert "512 MB stored, 1,024 MB in memory" in workload.broadcasts[0].reason
    assert not workload.broadcasts[0].chosen


def test_executor_memory_comes_from_the_declared_worker_type(tmp_path: Path):
    one = job(
        table("orders", joins_with=["a"]),
        table("a"),
        platform={"user_preference": "glue", "worker_type": "G.025X"},
    )
    workload = analyzed(tmp_path, one, sized(orders=100.0, a=0.99))
    assert "under the 1 GB that executors have for broadcasts" in workload.broadcasts[0].reason


@pytest.mark.parametrize(
    ("eligible", "size_gb", "chosen"),
    [(False, 0.01, False), (True, 3.0, True), (True, 9.0, False), ("auto", 3.0, False), (True, None, True)],
)
def test_broadcast_eligible_is_respected(
    tmp_path: Path, eligible: object, size_gb: float | None, chosen: bool
):
    one = job(table("orders", joins_with=["a"]), table("a", broadcast_eligible=eligible))
    workload = analyzed(tmp_path, one, sized(orders=100.0, a=size_gb))
    assert workload.broadcasts[0].chosen is chosen


@pytest.mark.parametrize(
    ("data_flow", "chosen", "conf"),
    [
        ({"join_strategy": "shuffle"}, False, "-1"),
        ({"auto_detect_broadcast_candidates": False}, False, None),
        ({}, True, "513m"),
    ],
)
def test_the_keys_of_the_data_flow_are_respected(
    tmp_path: Path, data_flow: dict[str, Any], chosen: bool, conf: str | None
):
    one = job(table("orders", joins_with=["a"]), table("a"), data_flow=data_flow)
    workload = analyzed(tmp_path, one, sized(orders=100.0, a=0.5))
    assert workload.broadcasts[0].chosen is chosen
    assert workload.spark_conf.get("spark.sql.autoBroadcastJoinThreshold") == conf


def test_join_strategy_broadcast_lifts_the_limit_of_1_gb(tmp_path: Path):
    one = job(table("orders", joins_with=["a"]), table("a"), data_flow={"join_strategy": "broadcast"})
    assert analyzed(tmp_path, one, sized(orders=100.0, a=3.0)).broadcasts[0].chosen


def test_shuffle_partitions_follow_the_largest_step(tmp_path: Path):
    one = job(table("orders", joins_with=["a"]), table("a"))
    workload = analyzed(tmp_path, one, sized(orders=100.0, a=28.0))
    assert workload.spark_conf == {"spark.sql.shuffle.partitions": "1024"}


def test_settings_of_the_job_are_left_alone(tmp_path: Path):
    execution = {"script_path": "script.py", "spark_conf": {"spark.sql.shuffle.partitions": 7}}
    one = job(table("orders", joins_with=["a"]), table("a"), execution=execution)
    assert analyzed(tmp_path, one, sized(orders=100.0, a=28.0)).spark_conf == {}


def test_without_the_optimization_flag_there_are_no_settings(tmp_path: Path):
    flags = {"enable_auto_optimization": False}
    workload = analyzed(tmp_path, sales_job(), sized(**SALES_GB), feature_flags=flags)
    assert workload.spark_conf == {}


def test_without_order_optimization_the_order_of_the_job_stays(tmp_path: Path):
    one = sales_job(data_flow={"auto_optimize_join_order": False})
    workload = analyzed(tmp_path, one, sized(**SALES_GB))
    assert [step.source for step in workload.order] == ["transactions", "products", "customers"]


@pytest.mark.parametrize(
    ("keys", "settings", "said"),
    [
        ({"data_flow": {"analysis_enabled": False}}, {}, "analysis_enabled is false"),
        ({}, {"feature_flags": {"enable_data_flow_analysis": False}}, "enable_data_flow_analysis is off"),
    ],
)
def test_what_is_switched_off_is_not_analysed_and_said(
    tmp_path: Path, keys: dict[str, Any], settings: dict[str, Any], said: str
):
    workload = analyzed(tmp_path, sales_job(**keys), sized(**SALES_GB), **settings)
    assert (workload.order, workload.joins) == ((), ())
    assert said in workload.notes[0]
    assert workload.volume_gb == pytest.approx(350.15)


def test_key_like_columns_are_guessed_at_and_marked(tmp_path: Path):
    one = job(table("orders"), table("dim_customers"))
    figures = {
        "orders": stats(10.0, columns={"order_id": "int", "customerId": "int"}),
        "dim_customers": stats(0.1, columns={"id": "int", "name": "string"}),
    }
    workload = analyzed(tmp_path, one, figures)
    assert joins_of(workload) == ["orders.customerId = dim_customers.id inner"]
    assert workload.joins[0].origins == ("guessed",)
    assert "(guessed)" in workload_report(workload)


def test_nothing_is_guessed_where_that_is_off_or_the_columns_do_not_fit(tmp_path: Path):
    figures = {
        "orders": stats(10.0, columns={"customer_id": "int"}),
        "customers": stats(0.1, columns={"name": "string"}),
    }
    tables = (table("orders"), table("customers"))
    assert joins_of(analyzed(tmp_path, job(*tables), figures)) == []
    figures["customers"] = stats(0.1, columns={"customer_id": "int"})
    off = job(*tables, data_flow={"auto_detect_joins": False})
    assert joins_of(analyzed(tmp_path, off, figures)) == []
    assert len(joins_of(analyzed(tmp_path, job(*tables), figures))) == 1


def test_a_disconnected_table_is_a_finding_unless_it_is_declared_to_stand_alone(tmp_path: Path):
    figures = sized(**SALES_GB, rates=0.001)
    workload = analyzed(tmp_path, job(*SALES, table("rates")), figures)
    assert [(one.type, one.dataset) for one in workload.findings] == [("disconnected_table", "rates")]
    assert workload.order[-1].kind == "separate_scan"
    declared = job(*SALES, table("rates", role_in_flow="reference"))
    assert analyzed(tmp_path, declared, figures).findings == ()


def test_the_findings_of_the_files_are_among_those_of_the_job(tmp_path: Path):
    from etl_platform.catalog.findings import small_files

    figures = {"orders": stats(1.0, findings=small_files("orders", 2**30, 5000))}
    workload = analyzed(tmp_path, job(table("orders")), figures)
    assert [one.type for one in workload.findings] == ["small_files"]


@pytest.mark.parametrize(
    ("workload_keys", "volume_gb", "said"),
    [
        ({"data_volume_gb": 12.0}, 12.0, "data_volume_gb of the configuration"),
        ({"auto_calculate_volume": False}, None, "auto_calculate_volume is false"),
        ({"incremental": True}, 3.0, "an incremental run reads a part"),
    ],
)
def test_volume_is_declared_or_the_sum(
    tmp_path: Path, workload_keys: dict[str, Any], volume_gb: float | None, said: str
):
    one = job(table("a"), table("b"), workload=workload_keys)
    workload = analyzed(tmp_path, one, sized(a=1.0, b=2.0))
    assert workload.volume_gb == volume_gb
    assert said in workload.volume_from


def test_unknown_sizes_make_the_volume_a_lower_bound(tmp_path: Path):
    workload = analyzed(tmp_path, job(table("a"), table("b")), sized(a=1.0, b=None))
    assert (workload.volume_gb, workload.volume_unknown) == (1.0, ("b",))
    assert "| input | at least 1 GB (sum of 1 of 2 sources) |" in workload_report(workload)


def test_only_the_partitions_that_a_filter_keeps_are_read(tmp_path: Path):
    workload = analyzed(tmp_path, job(table("a")), {"a": stats(10.0, filtered_gb=2.0)})
    assert workload.volume_gb == 2.0


def test_streams_are_measured_an_hour(tmp_path: Path):
    clicks = {"name": "clicks", "source_type": "kinesis", "stream_name": "clicks"}
    measured = stats(format="kinesis", records_per_second=1024.0, avg_record_kb=1.0)
    workload = analyzed(tmp_path, job(clicks), {"clicks": measured})
    assert workload.stream_gb_per_hour == pytest.approx(3600 / 1024)
    assert workload.volume_gb is None
    declared = job(clicks, workload={"events_per_second": 1.0, "avg_event_size_kb": 1024.0})
    assert analyzed(tmp_path, declared, {"clicks": measured}).stream_gb_per_hour == pytest.approx(3600 / 1024)


def test_files_are_counted_or_declared(tmp_path: Path):
    figures = {"a": stats(1.0, file_count=3), "b": stats(1.0, file_count=4)}
    tables = (table("a"), table("b"))
    assert analyzed(tmp_path, job(*tables), figures).file_count == 7
    declared = job(*tables, workload={"auto_calculate_file_count": False, "estimated_file_count": 99})
    assert analyzed(tmp_path, declared, figures).file_count == 99


def test_complexity_adds_up_and_shows_its_arithmetic(tmp_path: Path):
    script = """
from pyspark.sql import functions as F, Window
@F.udf("string")
def clean(x): return x
df = spark.table("db.transactions").groupBy("a").agg(F.sum("b").over(Window.partitionBy("c")))
"""
    workload = analyzed(tmp_path, sales_job(), sized(**SALES_GB), script=script)
    assert workload.complexity == "complex"
    assert workload.complexity_reasons == (
        "2 joins (+2)",
        "user-defined functions, which Spark cannot optimize (+2)",
        "window functions (+1)",
        "aggregations (+1)",
    )
    assert workload.wide_shuffle_gb_at_most == 700.0


def test_a_job_without_joins_is_simple(tmp_path: Path):
    workload = analyzed(tmp_path, job(table("a")), sized(a=1.0))
    assert (workload.complexity, workload.complexity_reasons) == ("simple", ("one pass over its input",))


def test_declared_complexity_stands(tmp_path: Path):
    one = job(table("a"), workload={"complexity": "complex"})
    workload = analyzed(tmp_path, one, sized(a=1.0))
    assert (workload.complexity, workload.complexity_reasons) == ("complex", ("declared",))
