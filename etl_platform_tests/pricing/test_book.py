import datetime as dt
from decimal import Decimal

import pytest

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.project import Config
from etl_platform.pricing.book import (
    HOME_REGION,
    BadPriceFileError,
    book_of,
    open_book,
    packaged_prices,
    refreshed_path,
    region_warning,
)
from etl_platform.pricing.refresh import listed


def config(tmp_path, **settings) -> Config:
    return Config(
        path=tmp_path / "etl_config.json", jobs=(), settings=GlobalSettings.model_validate(settings)
    )


def test_a_book_warns_only_when_it_is_older_than_half_a_year():
    book = open_book()
    assert book.age_warning(book.date + dt.timedelta(days=180)) is None
    assert "181 days" in (book.age_warning(book.date + dt.timedelta(days=181)) or "")


def test_every_packaged_price_stands_once_and_has_a_source():
    prices = packaged_prices().prices
    assert all(price.source for price in prices)
    assert len({(price.region, price.key) for price in prices}) == len(prices)


def test_prices_of_other_regions_are_to_be_confirmed_and_known_at_home():
    prices = packaged_prices().prices
    home = {price.key for price in prices if price.region == HOME_REGION}
    others = [price for price in prices if price.region != HOME_REGION]
    assert {price.key for price in others} <= home
    assert not any(price.confirmed for price in others)


@pytest.mark.parametrize(
    ("region", "key", "usd"),
    [
        ("sa-east-1", "glue.spark.dpu_hour", "0.69"),
        ("eu-west-1", "glue.spark.dpu_hour", "0.44"),
        ("eu-central-1", "emr_serverless.vcpu_hour", "0.060528"),
        ("ap-southeast-1", "emr_serverless.memory_gb_hour", "0.007189"),
    ],
)
def test_main_regions_have_prices_of_glue_and_emr_serverless(region, key, usd):
    price = open_book(region).price(key)
    assert price and price.usd == Decimal(usd)


@pytest.mark.parametrize(
    ("settings", "region"),
    [
        ({}, HOME_REGION),
        ({"aws_region": "eu-west-1"}, "eu-west-1"),
        ({"aws_region": "eu-west-1", "pricing": {"region": "us-east-1"}}, "us-east-1"),
    ],
)
def test_region_of_a_configuration(tmp_path, settings, region):
    assert book_of(config(tmp_path, **settings)).region == region


def test_refreshed_prices_win_over_packaged_ones(tmp_path):
    project = config(tmp_path)
    path = refreshed_path(project)
    path.parent.mkdir()
    dearer = [price.model_copy(update={"usd": price.usd * 2}) for price in packaged_prices().prices]
    path.write_text(packaged_prices().model_copy(update={"prices": dearer}).model_dump_json())
    refreshed, packaged = (
        book_of(project).price("glue.spark.dpu_hour"),
        open_book().price("glue.spark.dpu_hour"),
    )
    assert refreshed and packaged and refreshed.usd == 2 * packaged.usd


def test_a_broken_price_file_says_what_to_do(tmp_path):
    project = config(tmp_path)
    refreshed_path(project).parent.mkdir()
    refreshed_path(project).write_text('{"date": "2026-01-01"}')
    with pytest.raises(BadPriceFileError, match=r"`prices` is missing\. Write it anew .* prices refresh"):
        book_of(project)


def test_the_price_list_has_a_place_for_each_instance_price():
    keys = [price.key for price in packaged_prices().prices if price.unit == "instance-hour"]
    assert all((place := listed(key)) and place.usage_type.startswith("BoxUsage:") for key in keys)


def test_a_region_warning_names_the_platforms_without_prices():
    assert region_warning(open_book()) is None
    said = region_warning(open_book("us-west-2"))
    assert said and said.startswith("no price of emr, lambda, batch in us-west-2 is known")
