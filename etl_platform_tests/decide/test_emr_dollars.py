"""What an EMR cluster is expected to cost: each node by its own type, spot nodes by their own price."""

import pytest

from etl_platform.decide.size import candidates, declared, usage
from etl_platform.pricing.book import open_book
from etl_platform.pricing.quote import quote
from etl_platform_tests.decide.builders import spark_job

KEYS = {"instance_type": "m5.xlarge", "core_instance_type": "m5.2xlarge", "instance_count": 5}
HOUR = 3600.0


def usd(platform, **prices) -> float | None:
    one = spark_job(platform, cost=prices.pop("cost", {}))
    size = declared(one, "emr")
    assert size
    used = usage(size, one, HOUR)
    assert used
    return quote(open_book(**prices), used).total_usd


def test_the_primary_node_costs_what_its_own_type_costs():
    volumes = (64 + 4 * 128) * 0.10 / 730
    assert usd(KEYS) == pytest.approx(0.24 + 4 * 0.48 + volumes)


def test_the_size_names_both_types_and_asks_for_both():
    size = declared(spark_job(KEYS), "emr")
    assert size and size.label == "m5.xlarge + 4 × m5.2xlarge"
    assert (size.keys["instance_type"], size.keys["core_instance_type"]) == ("m5.xlarge", "m5.2xlarge")


def test_the_sizes_that_are_compared_keep_the_primary_node():
    sizes = list(candidates(spark_job(KEYS), "emr"))
    assert {size.keys["instance_type"] for size in sizes} == {"m5.xlarge"}


def test_one_instance_is_primary_and_worker():
    size = declared(spark_job(KEYS | {"instance_count": 1}), "emr")
    assert size and size.label == "1 × m5.2xlarge"


def test_spot_capacity_is_priced_where_its_price_is_given():
    spot = {"cost": {"spot_instances": {"enabled": True, "max_spot_percentage": 80.0}}}
    # 80 % of five nodes are four; a primary and a core node stay on demand.
    saved = 3 * (0.384 - 0.15)
    price = {"overrides": {"ec2.m5.2xlarge.spot_hour": 0.15}}
    on_demand = usd(KEYS)
    assert on_demand is not None
    assert usd(KEYS, **spot, **price) == pytest.approx(on_demand - saved)
    assert usd(KEYS, **spot) == on_demand
