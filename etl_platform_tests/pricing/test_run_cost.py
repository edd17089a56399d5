import pytest

from etl_platform.config.models.platform import Platform
from etl_platform.pricing.book import open_book
from etl_platform.pricing.run_cost import (
    MissingCounterError,
    actual_usages,
    flex_share,
    run_cost,
    token_usage,
)


def cost(platform, counters, region="us-east-1", overrides=None, **size):
    usages = actual_usages(platform, Platform.model_validate(size), counters)
    return run_cost(open_book(region, overrides), usages)


@pytest.mark.parametrize(
    ("platform", "counters", "size", "usd"),
    [
        ("glue", {"execution_seconds": 900}, {"dpu_count": 6}, 0.66),
        ("glue", {"execution_seconds": 10}, {"dpu_count": 6}, 0.044),
        ("glue", {"execution_seconds": 900, "dpu": 6}, {}, 0.66),
        ("glue", {"execution_seconds": 900, "dpu": 6}, {"dpu_count": 99, "execution_class": "flex"}, 0.66),
        ("glue", {"execution_seconds": 900, "flex_dpu": 6}, {}, 0.435),
        ("glue", {"execution_seconds": 900, "python_shell_dpu": 0.0625}, {}, 0.006875),
        ("glue", {"execution_seconds": 3600, "workers": 10}, {"worker_type": "G.2X"}, 8.8),
        (
            "glue",
            {"dpu_seconds": 7200, "execution_seconds": 900},
            {"dpu_count": 99, "execution_class": "flex"},
            0.58,
        ),
        ("emr", {"instance_hours": 4.5}, {"instance_type": "m5.xlarge"}, 1.08 + 4.5 * 64 * 0.10 / 730),
        (
            "emr",
            {"instance_hours": 5},
            {"instance_type": "m5.xlarge", "core_instance_type": "m5.2xlarge", "instance_count": 5},
            0.24 + 4 * 0.48 + (64 + 4 * 128) * 0.10 / 730,
        ),
        ("emr_serverless", {"vcpu_hours": 10, "memory_gb_hours": 40, "storage_gb_hours": 100}, {}, 0.76848),
        ("lambda", {"billed_duration_ms": 60_000, "memory_mb": 1024}, {}, 0.001000202),
        ("lambda", {"billed_duration_ms": 60_000}, {"memory_mb": 1024, "architecture": "arm64"}, 0.000800204),
        ("batch", {"vcpu_seconds": 7200, "memory_gb_seconds": 14400}, {}, 0.0987408),
    ],
)
def test_actual_cost_of_each_platform(platform, counters, size, usd):
    assert cost(platform, counters, **size).total_cost_usd == pytest.approx(usd, abs=1e-9)


def test_kinds_of_cost_stand_apart():
    usages = actual_usages(
        "glue",
        Platform.model_validate({"dpu_count": 6}),
        {"execution_seconds": 900, "s3_put_requests": 1000, "internet_gb": 2},
    )
    book = open_book(overrides={"bedrock.m.input_token": 3.0})
    answer = run_cost(book, [*usages, token_usage("m", 100_000, 0)])
    assert answer.breakdown() == {
        "total_cost_usd": pytest.approx(1.145),
        "compute_cost_usd": pytest.approx(0.66),
        "storage_cost_usd": pytest.approx(0.005),
        "network_cost_usd": pytest.approx(0.18),
        "bedrock_cost_usd": pytest.approx(0.3),
        "dpu_hours": 1.5,
        "dpu_cost_per_hour": 0.44,
        "price_book_date": book.date.isoformat(),
    }


def test_what_was_not_counted_is_absent_and_not_zero():
    assert set(cost("glue", {"dpu_seconds": 3600}).breakdown()) == {
        "total_cost_usd",
        "compute_cost_usd",
        "dpu_hours",
        "dpu_cost_per_hour",
        "price_book_date",
    }


def test_the_local_platform_charges_nothing_and_claims_no_cost():
    assert set(cost("local", {"cpu_seconds": 12}).breakdown()) == {"price_book_date"}


def test_an_unknown_price_makes_the_total_unknown():
    answer = cost("glue", {"dpu_seconds": 3600, "s3_put_requests": 10}, region="ap-south-2")
    assert answer.total_cost_usd is None
    assert answer.dpu_hours == 1.0


@pytest.mark.parametrize(
    ("platform", "counters", "size", "name"),
    [
        ("glue", {}, {}, "dpu_seconds"),
        ("glue", {"execution_seconds": 5}, {}, "platform.dpu_count"),
        ("emr", {"instance_hours": 1}, {}, "platform.instance_type"),
        ("emr", {}, {"instance_type": "m5.xlarge"}, "instance_hours"),
        ("emr_serverless", {"vcpu_hours": 1}, {}, "memory_gb_hours"),
        ("lambda", {"billed_duration_ms": 5}, {}, "memory_mb"),
        ("batch", {"vcpu_seconds": 5}, {}, "memory_gb_seconds"),
    ],
)
def test_a_missing_counter_is_named(platform, counters, size, name):
    with pytest.raises(MissingCounterError, match=name):
        cost(platform, counters, **size)


def test_share_that_flex_saves():
    assert flex_share(open_book()) == pytest.approx(0.340909, abs=1e-6)
    assert flex_share(open_book("eu-west-1")) is None
