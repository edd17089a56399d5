"""Which sizes are looked at, and which a service does not take."""

from itertools import pairwise

import pytest
from pydantic import ValidationError

from etl_platform.config.models.workload import Workload
from etl_platform.decide.size import as_one_process_uses, candidates
from etl_platform.decide.size_limits import beyond_service
from etl_platform_tests.decide.builders import decided, job, option, spark_job


@pytest.mark.parametrize(
    ("keys", "platform", "reason"),
    [
        ({"memory_mb": 10_241}, "lambda", "Lambda takes 128 to 10,240 MB"),
        ({"core_instance_type": "m9.xlarge", "instance_count": 5}, "emr", "instance type m9.xlarge"),
        ({"core_instance_type": "m9.xlarge"}, "emr", "instance type m9.xlarge"),
        ({"dpu_count": 0.1}, "glue", "two workers at least"),
        (
            {"executor_cores": 3, "max_executors": 4},
            "emr_serverless",
            "EMR Serverless has 1, 2, 4, 8, 16 vCPU",
        ),
        ({"executor_cores": 4, "executor_memory_gb": 500.0}, "emr_serverless", "8 to 30 GB in steps of 1"),
        ({"driver_cores": 8, "driver_memory_gb": 18.0}, "emr_serverless", "16 to 60 GB in steps of 4"),
        ({"vcpus": 3.0, "memory_mb": 512}, "batch", "Fargate has 0.25, 0.5, 1, 2, 4, 8, 16 vCPU"),
        ({"vcpus": 0.25, "memory_mb": 3072}, "batch", "Fargate has 0.5, 1, 2 GB"),
        ({"worker_type": "G.8X", "dpu_count": 80.0, "execution_class": "flex"}, "glue", "G.1X and G.2X"),
        ({"worker_type": "G.8X", "execution_class": "flex"}, "glue", "G.1X and G.2X"),
        ({"worker_type": "G.8X", "max_dpu": 8.0}, "glue", "`platform.max_dpu` of 8"),
    ],
)
def test_a_size_that_a_service_does_not_take_is_no_option_and_says_why(keys, platform, reason):
    one = job(keys) if platform == "lambda" else spark_job(keys)
    found = option(decided(one), platform)
    assert not found.feasible
    assert any(reason in each for each in found.reasons), found.reasons


@pytest.mark.parametrize("kind", ["m5.4xlarge", "r6g.2xlarge", "m6g.xlarge", "c5.9xlarge"])
def test_common_instance_types_have_times(kind):
    emr = option(decided(spark_job({"core_instance_type": kind, "instance_count": 5})), "emr")
    assert emr.feasible and emr.figures.seconds is not None


@pytest.mark.parametrize("section", [{"data_volume_gb": 1e308}])
def test_an_impossible_volume_is_no_configuration(section):
    with pytest.raises(ValidationError, match="less than or equal to"):
        Workload.model_validate(section)


def test_all_small_numbers_of_workers_within_the_bounds_are_looked_at():
    labels = {one.label for one in candidates(spark_job({"max_dpu": 8.0, "min_dpu": 3.0}), "glue")}
    assert {f"{count} × G.1X" for count in range(3, 9)} <= labels
    assert {"2 × G.2X", "4 × G.2X", "2 × G.4X"} <= labels
    assert not {"2 × G.1X", "9 × G.1X", "5 × G.2X", "2 × G.8X"} & labels


def test_bounds_are_looked_at_themselves_and_steps_between_are_small():
    keys = {"worker_type": "G.1X", "min_dpu": 33.0, "max_dpu": 211.0}
    counts = [one.nodes + 1 for one in candidates(spark_job(keys), "glue")]
    assert (counts[0], counts[-1]) == (33, 211)
    assert all(later / before < 1.35 for before, later in pairwise(counts))


@pytest.mark.parametrize("platform", ["glue", "emr", "emr_serverless", "batch", "lambda"])
def test_what_is_looked_at_is_what_the_services_take(platform):
    for one in (job(), spark_job(), spark_job({"execution_class": "flex"})):
        assert [beyond_service(size, one) for size in candidates(one, platform)].count(None) > 0
        assert not any(beyond_service(size, one) for size in candidates(one, platform))


def test_a_plain_python_script_is_never_scaled():
    decision = decided(job(sla={"max_duration_minutes": 16.0}), volume_gb=20.0)
    sizes = {one.platform: one.size for one in decision.options if one.size}
    assert sizes["emr"].keys["instance_count"] == 1
    assert sizes["emr_serverless"].label == "driver, 4 vCPU, 16 GB"
    assert sizes["batch"].keys == {"vcpus": 4.0, "memory_mb": 30 * 1024}
    small = option(decided(job(), volume_gb=0.2), "batch").size
    assert small and small.keys == {"vcpus": 1.0, "memory_mb": 2048}


def test_more_machines_do_not_speed_up_one_process():
    one = job({"instance_count": 33})
    many = option(decided(one), "emr").figures.seconds
    assert many == pytest.approx(option(decided(job()), "emr").figures.seconds)
    assert all(as_one_process_uses(size).cores <= 1 for size in candidates(job(), "batch"))


def test_a_spark_script_needs_an_image_of_its_own_on_batch():
    assert not option(decided(spark_job()), "batch").feasible
    assert option(decided(spark_job({"job_definition": "1.dkr.ecr/etl:1"})), "batch").feasible


def test_a_rounded_dpu_count_and_the_largest_size_looked_at_are_told():
    seven = {"user_preference": "glue", "worker_type": "G.2X", "dpu_count": 7.0}
    assert option(decided(spark_job(seven)), "glue").notes == (
        "7 DPU are no whole size: 4 × G.2X is taken, 8 DPU.",
    )
    fast = spark_job(cost={"optimization_priority": "speed"})
    notes = option(decided(fast, volume_gb=4000.0), "glue").notes
    assert notes == (
        "100 workers are the most that were looked at; set `platform.max_dpu` higher to have more looked at.",
    )
