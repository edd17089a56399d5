import pytest

from etl_platform.decide.options import Forecaster
from etl_platform.decide.remedies import remedy
from etl_platform_tests.decide.builders import config, decided, job, situation, spark_job


def test_out_of_memory_on_glue_takes_the_next_worker_type():
    one = spark_job({"user_preference": "glue", "worker_type": "G.1X", "dpu_count": 5.0})
    found = remedy("out_of_memory", one, decided(one))
    assert found.retry
    changed = found.apply(one).platform
    assert (changed.worker_type, changed.dpu_count) == ("G.2X", 10.0)


@pytest.mark.parametrize(
    "keys",
    [{"worker_type": "G.16X", "dpu_count": 32.0}, {"worker_type": "G.1X", "dpu_count": 5.0, "max_dpu": 8.0}],
)
def test_out_of_memory_at_the_limit_is_not_tried_again(keys):
    one = spark_job({"user_preference": "glue", **keys})
    assert not remedy("out_of_memory", one, decided(one)).retry


def test_out_of_memory_on_lambda_doubles_the_memory_and_then_moves_on():
    small = job({"user_preference": "lambda", "memory_mb": 1024})
    assert remedy("out_of_memory", small, decided(small, volume_gb=0.1)).keys == {"memory_mb": 2048}
    large = job({"user_preference": "lambda", "memory_mb": 10_240})
    found = remedy("out_of_memory", large, decided(large, volume_gb=0.1))
    assert found.platform not in (None, "lambda")


def test_lost_flex_and_spot_capacity_go_on_demand():
    flex = spark_job({"user_preference": "glue", "execution_class": "flex", "dpu_count": 5.0})
    assert remedy("capacity", flex, decided(flex)).keys == {"execution_class": "standard"}
    spot = spark_job({"user_preference": "emr"}, cost={"spot_instances": {"enabled": True}})
    assert "on demand" in remedy("capacity", spot, decided(spot)).sentence


def test_lost_capacity_goes_to_the_next_platform():
    one = spark_job({"user_preference": "glue", "dpu_count": 5.0})
    found = remedy("capacity", one, decided(one))
    assert found.retry and found.platform not in (None, "glue")


def test_a_strict_preference_never_goes_elsewhere():
    one = spark_job({"user_preference": "glue", "dpu_count": 5.0, "allow_agent_override": False})
    found = remedy("capacity", one, decided(one))
    assert found.platform is None and "allow_agent_override" in found.sentence


def test_throttled_waits():
    one = spark_job()
    found = remedy("throttled", one, decided(one))
    assert found.retry and found.wait_seconds > 0


@pytest.mark.parametrize(("minutes", "retry"), [(120.0, True), (1.0, False)])
def test_a_timeout_goes_larger_only_where_the_model_says_that_it_helps(minutes, retry):
    one = spark_job(
        {"user_preference": "glue", "worker_type": "G.1X", "dpu_count": 2.0},
        execution={"timeout_minutes": minutes},
    )
    found = remedy("timeout", one, decided(one), Forecaster(config(one), one, situation()))
    assert found.retry is retry
    assert (found.keys.get("dpu_count", 0) > 2) is retry


@pytest.mark.parametrize("error_class", ["code", "permission", "missing_input"])
def test_what_is_the_jobs_own_fault_is_not_tried_again(error_class):
    one = spark_job()
    assert not remedy(error_class, one, decided(one)).retry
