"""Reads the prices of a region from the AWS Price List API and keeps them beside the packaged ones."""

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from etl_platform.pricing.book import HOME_REGION, Price, PriceFile

SOURCE = "AWS Price List API"

API_REGION = "us-east-1"
"""One of the few regions with an endpoint of the Price List API; it answers for all regions."""


class RefreshError(RuntimeError):
    """The Price List API could not be asked."""


@dataclass(frozen=True)
class Listed:
    """Where the Price List API has a price.

    Attributes:
        service_code: `ServiceCode` of the API.
        usage_type: `usagetype`, without the region's prefix.
        factor: Dollars of the API to dollars of the book's unit and `per`.
        tier_start: Beginning of the tier, in the API's unit; None takes the first tier that costs something.
    """

    service_code: str
    usage_type: str
    factor: Decimal = Decimal(1)
    tier_start: str | None = None


_MILLION, _THOUSAND, _SECOND = Decimal(1_000_000), Decimal(1000), Decimal(1) / 3600

LISTED: dict[str, Listed] = {
    "glue.spark.dpu_hour": Listed("AWSGlue", "ETL-DPU-Hour"),
    "glue.spark.m_dpu_hour": Listed("AWSGlue", "ETL-MemOptimized-DPU-Hour"),
    "glue.flex.dpu_hour": Listed("AWSGlue", "ETL-Flex-DPU-Hour"),
    "glue.crawler.dpu_hour": Listed("AWSGlue", "Crawler-DPU-Hour"),
    "ebs.gp2.gb_month": Listed("AmazonEC2", "EBS:VolumeUsage.gp2"),
    "ebs.gp3.gb_month": Listed("AmazonEC2", "EBS:VolumeUsage.gp3"),
    "emr_serverless.vcpu_hour": Listed("ElasticMapReduce", "EMR-SERVERLESS-vCPUHours"),
    "emr_serverless.memory_gb_hour": Listed("ElasticMapReduce", "EMR-SERVERLESS-MemoryGBHours"),
    "emr_serverless.storage_gb_hour": Listed("ElasticMapReduce", "EMR-SERVERLESS-StorageGBHours"),
    "lambda.x86.gb_second": Listed("AWSLambda", "Lambda-GB-Second"),
    "lambda.arm.gb_second": Listed("AWSLambda", "Lambda-GB-Second-ARM"),
    "lambda.request": Listed("AWSLambda", "Request", _MILLION),
    "fargate.x86.vcpu_second": Listed("AmazonECS", "Fargate-vCPU-Hours:perCPU", _SECOND),
    "fargate.x86.memory_gb_second": Listed("AmazonECS", "Fargate-GB-Hours", _SECOND),
    "fargate.arm.vcpu_second": Listed("AmazonECS", "Fargate-ARM-vCPU-Hours:perCPU", _SECOND),
    "fargate.arm.memory_gb_second": Listed("AmazonECS", "Fargate-ARM-GB-Hours", _SECOND),
    "fargate.storage_gb_second": Listed("AmazonECS", "Fargate-EphemeralStorage-GB-Hours", _SECOND),
    "dynamodb.write_unit": Listed("AmazonDynamoDB", "WriteRequestUnits", _MILLION),
    "dynamodb.read_unit": Listed("AmazonDynamoDB", "ReadRequestUnits", _MILLION),
    "s3.standard.gb_month.first_50_tb": Listed("AmazonS3", "TimedStorage-ByteHrs", tier_start="0"),
    "s3.standard.gb_month.over_50_tb": Listed("AmazonS3", "TimedStorage-ByteHrs", tier_start="51200"),
    "s3.standard.put_request": Listed("AmazonS3", "Requests-Tier1", _THOUSAND),
    "s3.standard.get_request": Listed("AmazonS3", "Requests-Tier2", _THOUSAND),
}
"""Price key to its place in the Price List API; instances are found by their type."""


def listed(key: str) -> Listed | None:
    """Where the Price List API has the price of a key; None where that is not known."""
    service, _, rest = key.partition(".")
    if service in ("ec2", "emr") and rest.endswith(".instance_hour"):
        code = "AmazonEC2" if service == "ec2" else "ElasticMapReduce"
        return Listed(code, f"BoxUsage:{rest.removesuffix('.instance_hour')}")
    return LISTED.get(key)


def refresh_prices(region: str, path: Path, packaged: PriceFile) -> list[str]:
    """Ask for each price of the book and write the answers to a file.

    Args:
        region: The region to price.
        path: The file to write, whole or not at all.
        packaged: The prices that come with the package; they give keys, units and rules of billing.

    Returns:
        Sentences: what was confirmed, what changed, what the API did not tell.

    Raises:
        RefreshError: No credentials, no permission, or no answer.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = boto3.client("pricing", region_name=API_REGION)
        found = _ask(client, region, packaged)
    except (BotoCoreError, ClientError) as error:
        raise RefreshError(
            f"the AWS Price List API did not answer: {error}. It needs credentials with "
            "`pricing:GetProducts`; until then the packaged prices count."
        ) from error
    today = dt.datetime.now(dt.timezone.utc).date()
    prices, report = _merge(packaged, region, found, today)
    if not found:
        raise RefreshError(f"the AWS Price List API knows no price of {region}; nothing was written.")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".json.part")
    draft.write_text(PriceFile(date=today, prices=prices).model_dump_json(indent=2), "utf-8")
    draft.replace(path)
    return [*report, f"wrote {path}"]


def _ask(client: Any, region: str, packaged: PriceFile) -> dict[str, Decimal]:
    wanted = {price.key: place for price in packaged.prices if (place := listed(price.key))}
    found: dict[str, Decimal] = {}
    for code in dict.fromkeys(place.service_code for place in wanted.values()):
        of_service = {key: place for key, place in wanted.items() if place.service_code == code}
        for product in _products(client, code, region, of_service):
            usage_type = product["product"]["attributes"].get("usagetype", "")
            for key, place in of_service.items():
                if _is_usage(usage_type, place.usage_type) and key not in found:
                    usd = _dollars(product, place)
                    if usd is not None:
                        found[key] = usd
    return found


def _products(client: Any, code: str, region: str, wanted: dict[str, Listed]) -> Iterator[dict[str, Any]]:
    base = {"regionCode": region}
    # EC2 has tens of thousands of products a region: ask for each machine and volume by its name.
    searches = [base]
    if code == "AmazonEC2":
        machine = {
            "operatingSystem": "Linux",
            "tenancy": "Shared",
            "preInstalledSw": "NA",
            "capacitystatus": "Used",
        }
        named = [place.usage_type.partition(":") for place in wanted.values()]
        searches = [
            base | machine | {"instanceType": name}
            if kind == "BoxUsage"
            else base | {"productFamily": "Storage", "volumeApiName": name.removeprefix("VolumeUsage.")}
            for kind, _, name in named
        ]
    for search in searches:
        filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in search.items()]
        for page in client.get_paginator("get_products").paginate(ServiceCode=code, Filters=filters):
            yield from map(json.loads, page["PriceList"])


def _is_usage(found: str, wanted: str) -> bool:
    # Usage types outside us-east-1 begin with the region's short name, such as `EUC1-`.
    return found == wanted or (found.endswith(f"-{wanted}") and "-" not in found.removesuffix(f"-{wanted}"))


def _dollars(product: dict[str, Any], place: Listed) -> Decimal | None:
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        tiers = sorted(term["priceDimensions"].values(), key=lambda tier: float(tier.get("beginRange", 0)))
        for tier in tiers:
            usd = Decimal(tier["pricePerUnit"].get("USD", "0"))
            if usd > 0 and place.tier_start in (None, tier.get("beginRange")):
                return (usd * place.factor).normalize()
    return None


def _merge(
    packaged: PriceFile, region: str, found: dict[str, Decimal], today: dt.date
) -> tuple[list[Price], list[str]]:
    report: list[str] = []
    prices = [price for price in packaged.prices if price.region not in {region, HOME_REGION}]
    kept = {price.key: price for price in packaged.prices if price.region == region}
    for price in packaged.prices:
        if price.region != HOME_REGION:
            continue
        usd = found.get(price.key)
        if region != HOME_REGION:
            prices.append(price)
        if usd is None:
            report.append(f"{price.key}: not in the Price List API of {region}")
            if known := kept.get(price.key):
                prices.append(known)
            continue
        news = {"usd": usd, "region": region, "date": today, "source": SOURCE, "confirmed": True}
        prices.append(price.model_copy(update=news))
        if region == HOME_REGION and usd != price.usd:
            report.append(f"{price.key}: {price.usd:f} → {usd:f}")
    report.append(f"{len(found)} prices of {region} read from the {SOURCE}")
    return prices, report
