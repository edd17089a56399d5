"""Dollars by time, for comparing sizes: within a second of what a quote says."""

import pytest

from etl_platform.decide.rates import Rates
from etl_platform.decide.size import candidates, emr, usage
from etl_platform.pricing.book import open_book
from etl_platform.pricing.quote import quote
from etl_platform_tests.decide.builders import job, spark_job

BOOK = open_book()


@pytest.mark.parametrize("platform", ["glue", "emr", "emr_serverless", "lambda", "batch", "local"])
@pytest.mark.parametrize("one", [spark_job({"execution_class": "flex"}), job()], ids=["spark", "python"])
def test_a_rate_agrees_with_the_quote(one, platform):
    rates = Rates(BOOK)
    for size in candidates(one, platform):
        for seconds in (0.0, 5.0, 61.0, 754.0, 90_000.0):
            used = usage(size, one, seconds)
            exact = None if used is None else quote(BOOK, used).total_usd
            assert rates.usd(size, one, seconds) == (None if exact is None else pytest.approx(exact))


def test_an_unknown_price_stays_unknown():
    one = spark_job()
    nowhere = Rates(open_book("eu-nowhere-1"))
    assert {nowhere.usd(size, one, 60.0) for size in candidates(one, "glue")} == {None}


def test_spot_of_one_job_is_not_the_price_of_another():
    rates, size = Rates(open_book(overrides={"ec2.m5.2xlarge.spot_hour": 0.1})), emr("m5.2xlarge", 5)
    spot = spark_job({}, cost={"spot_instances": {"enabled": True, "max_spot_percentage": 80.0}})
    cheap, dear = rates.usd(size, spot, 3600.0), rates.usd(size, spark_job(), 3600.0)
    assert cheap and dear and cheap < dear
