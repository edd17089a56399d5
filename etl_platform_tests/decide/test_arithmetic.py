"""The dollars of an option can be followed from units to the total."""

import re

import pytest

from etl_platform.decide.arithmetic import arithmetic, remarks
from etl_platform.decide.size import declared
from etl_platform.pricing.book import open_book
from etl_platform_tests.decide.builders import decided, option, spark_job


def line(platform: str, keys, **sections) -> tuple[str, float]:
    """The arithmetic of a platform's option, and the dollars that the option shows."""
    one = spark_job({"user_preference": platform, **keys}, **sections)
    found = option(decided(one), platform)
    text = arithmetic(open_book(), one, found)
    assert text and found.figures.usd
    return text, found.figures.usd


def test_dpu_times_hours_times_price_is_what_is_shown():
    text, usd = line("glue", {"dpu_count": 20.0, "worker_type": "G.2X"})
    dpu, seconds, price, total = re.findall(
        r"([\d.]+) DPU × ([\d.]+) s ÷ 3600 = .* × \$([\d.]+) a DPU-hour = \$([\d.]+)", text
    )[0]
    assert float(dpu) * float(seconds) / 3600 * float(price) == pytest.approx(usd)
    assert float(total) == pytest.approx(usd, abs=1e-6)
    assert text.startswith("Glue Spark, standard execution: 20 DPU")
    assert "60 s, in which it starts, are not billed" in text


def test_flex_is_named():
    text, _ = line("glue", {"dpu_count": 20.0, "worker_type": "G.2X", "execution_class": "flex"})
    assert text.startswith("Glue Spark, Flex execution: 20 DPU") and "$0.29 a DPU-hour" in text


def test_the_driver_of_emr_serverless_is_named():
    text, usd = line("emr_serverless", {"max_executors": 8})
    assert "9 workers × " in text
    assert "the workers are 8 executors and the driver" in text
    total = re.findall(r"\$([\d.]+) in all", text)
    assert float(total[0]) == pytest.approx(usd, abs=1e-5)


def test_a_cluster_lists_both_kinds_of_nodes_and_bills_its_start():
    keys = {"instance_type": "m5.xlarge", "core_instance_type": "m5.2xlarge", "instance_count": 5}
    text, _ = line("emr", keys)
    assert re.search(
        r"1 m5.xlarge × .*\(\$0.048 EMR uplift of m5.xlarge \+ \$0.192 EC2 m5.xlarge\) = \$", text
    )
    assert "4 m5.2xlarge × " in text and "EBS volumes of m5.2xlarge" in text
    assert "not billed" not in text


def test_this_machine_has_no_arithmetic():
    one = spark_job({"user_preference": "local"})
    found = option(decided(one, profile="local"), "local")
    assert arithmetic(open_book(), one, found) is None


def test_spot_nodes_of_unknown_price_are_remarked():
    one = spark_job({"instance_count": 5}, cost={"spot_instances": {"enabled": True}})
    size = declared(one, "emr")
    assert size
    assert "spot price of m5.xlarge is unknown: its 2 spot nodes" in remarks(open_book(), one, size)[0]
    assert remarks(open_book(overrides={"ec2.m5.xlarge.spot_hour": 0.07}), one, size) == []


def test_a_price_that_is_unknown_is_remarked_with_its_key():
    one = spark_job({"instance_type": "m5.16xlarge", "instance_count": 5})
    size = declared(one, "emr")
    assert size
    (said,) = remarks(open_book(), one, size)
    assert "the price of emr.m5.16xlarge.instance_hour in us-east-1 is unknown" in said
