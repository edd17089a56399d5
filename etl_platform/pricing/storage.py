"""What S3, DynamoDB and the network bill: what is kept, asked for and sent."""

from decimal import ROUND_CEILING, Decimal
from typing import ClassVar

from pydantic import Field

from etl_platform.pricing.book import PriceBook
from etl_platform.pricing.quote import Line, Usage, line, number

FIRST_TIER_GB = Decimal(50 * 1024)
"""S3 storage of the first price tier, 50 TB (S3 price page)."""


class S3Usage(Usage):
    """S3 standard: storage of a month and requests."""

    service: ClassVar[str] = "s3"

    gb_months: Decimal = Field(default=Decimal(0), ge=0, description="GB kept for a month.")
    put_requests: int = Field(default=0, ge=0, description="PUT, COPY, POST and LIST requests.")
    get_requests: int = Field(default=0, ge=0, description="GET and other requests.")

    def lines(self, book: PriceBook) -> list[Line]:
        """Storage by tier, and requests."""
        first = min(self.gb_months, FIRST_TIER_GB)
        over = self.gb_months - first
        lines: list[Line] = []
        if first:
            text = f"{number(first)} GB × 1 month"
            lines.append(line(book, "s3.standard.gb_month.first_50_tb", first, text))
        if over:
            text = f"{number(self.gb_months)} GB − {number(FIRST_TIER_GB)} GB, 1 month"
            lines.append(line(book, "s3.standard.gb_month.over_50_tb", over, text))
        for kind, count in (("put", self.put_requests), ("get", self.get_requests)):
            if count:
                key = f"s3.standard.{kind}_request"
                lines.append(line(book, key, Decimal(count), f"{count:,} requests"))
        return lines


class DynamoDbUsage(Usage):
    """DynamoDB on demand: items written (1 KB a unit) and read consistently (4 KB a unit)."""

    service: ClassVar[str] = "dynamodb"

    writes: int = Field(default=0, ge=0, description="Items written.")
    reads: int = Field(default=0, ge=0, description="Items read, strongly consistent.")
    item_kb: Decimal = Field(default=Decimal(1), gt=0, description="Size of an item.")

    def lines(self, book: PriceBook) -> list[Line]:
        """Write units and read units."""
        lines: list[Line] = []
        for kind, count, unit_kb in (("write", self.writes, 1), ("read", self.reads, 4)):
            if count:
                each = (self.item_kb / unit_kb).to_integral_value(ROUND_CEILING)
                steps = f"{count:,} {kind}s × {number(each)} units of {unit_kb} KB"
                lines.append(line(book, f"dynamodb.{kind}_unit", count * each, steps))
        return lines


class TransferUsage(Usage):
    """Data sent out of AWS, or between availability zones."""

    service: ClassVar[str] = "data_transfer"

    internet_gb: Decimal = Field(default=Decimal(0), ge=0, description="GB sent to the internet.")
    cross_zone_gb: Decimal = Field(default=Decimal(0), ge=0, description="GB sent between zones.")

    def lines(self, book: PriceBook) -> list[Line]:
        """One line for each kind of transfer."""
        kinds = (("internet", self.internet_gb), ("cross_zone", self.cross_zone_gb))
        return [line(book, f"data_transfer.{kind}_gb", gb, f"{number(gb)} GB") for kind, gb in kinds if gb]
