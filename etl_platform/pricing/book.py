"""The price book: what AWS charges for a unit, where the figure is from, and how old it is."""

import datetime as dt
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from etl_platform.config.faults import dotted
from etl_platform.config.models.base import PlatformName
from etl_platform.config.project import Config
from etl_platform.config.wording import sentence

HOME_REGION = "us-east-1"
"""Region of the packaged prices, and of a configuration that names none."""

MAX_AGE_DAYS = 180
"""A book older than this is used with a warning."""

_OPEN_KEY = re.compile(
    r"(ec2|emr)\.[a-z0-9-]+\.[a-z0-9-]+\.instance_hour|ec2\.[a-z0-9-]+\.[a-z0-9-]+\.spot_hour"
    r"|bedrock\..+\.(input|output)_token"
)
"""Keys by which any instance type or model may be priced by an override."""

DEFAULT_EC2_TYPE = "m5.xlarge"
"""The type that EMR takes where none is named (Amazon EMR Management Guide)."""

EMR_MOST_USD = Decimal("0.27")
"""The highest uplift of an instance-hour that third-party copies of the EMR price page state ("from $0.011 to
$0.27"); what would be above it in proportion is unknown."""

_INSTANCE_KEY = re.compile(
    r"(?P<service>ec2|emr)\.(?P<family>[a-z0-9-]+)\.(?P<times>\d*)xlarge\.instance_hour"
)

Category = Literal["compute", "storage", "network", "model"]


class UnknownPriceKeyError(LookupError):
    """An override names a price that the book does not know.

    Attributes:
        key: The key that was given.
        sentence: What is wrong with it, and which keys are near it.
    """

    def __init__(self, key: str, known: list[str]):
        self.key = key
        near = ", ".join(difflib.get_close_matches(key, known, 3, 0.4)) or ", ".join(known[:5])
        self.sentence = (
            f'no price "{key}" in the book; near it: {near}. `etl-platform prices list` shows all keys'
        )
        super().__init__(f"global_settings.pricing.overrides: {self.sentence}.")


class Price(BaseModel):
    """What one unit costs.

    Attributes:
        usd: Dollars for `per` units.
        minimum_seconds: The shortest time that is billed.
        increment_seconds: Time is rounded up to a multiple of this.
        scales: The other sizes of an instance family cost in proportion to this one, see `PriceBook.price`.
        confirmed: False where the figure is from third-party copies of the price page.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    service: str
    usd: Decimal
    per: int = 1
    unit: str
    category: Category
    region: str
    date: dt.date
    source: str
    confirmed: bool = True
    description: str = ""
    minimum_seconds: int | None = None
    increment_seconds: int | None = None
    scales: bool = False


class PriceFile(BaseModel):
    """The JSON file of a price book."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    date: dt.date
    currency: Literal["USD"] = "USD"
    prices: list[Price] = Field(min_length=1)


def _type(found: re.Match[str]) -> str:
    return f"{found['family']}.{found['times']}xlarge"


@dataclass(frozen=True)
class PriceBook:
    """The prices of one region.

    Attributes:
        region: The region that is priced.
        date: Day on which the book was last checked.
        prices: Key to price; only prices known for this region.
        billing: Key to the price of the home region, for rules of billing, which do not differ by region.
    """

    region: str
    date: dt.date
    prices: Mapping[str, Price]
    billing: Mapping[str, Price] = field(repr=False, default_factory=dict)

    def price(self, key: str) -> Price | None:
        """The price of a key; None where it is unknown in this region.

        An instance type without a price of its own costs in proportion to the size of its family that has
        one: within a family EC2 charges each size by its vCPU, and EMR a share of that, as far as
        EMR_MOST_USD.
        """
        return self.prices.get(key) or self._scaled(key)

    def _scaled(self, key: str) -> Price | None:
        asked = _INSTANCE_KEY.fullmatch(key)
        if asked is None:
            return None
        for base in self.prices.values():
            of = _INSTANCE_KEY.fullmatch(base.key) if base.scales else None
            if of and of["family"] == asked["family"] and of["service"] == asked["service"]:
                usd = base.usd * int(asked["times"] or 1) / int(of["times"] or 1)
                if asked["service"] == "emr" and usd > EMR_MOST_USD:
                    return None
                sentence = base.description.replace(_type(of), _type(asked))
                source = f"in proportion to {_type(of)}: {base.source}"
                return base.model_copy(
                    update={"key": key, "usd": usd, "description": sentence, "source": source}
                )
        return None

    def billed_seconds(self, key: str, seconds: Decimal) -> Decimal:
        """A time as it is billed: rounded up to the increment, and not below the minimum."""
        rule = self.billing.get(key)
        if rule is None:
            return seconds
        if rule.increment_seconds:
            step = Decimal(rule.increment_seconds)
            seconds = (seconds / step).to_integral_value(ROUND_CEILING) * step
        return max(seconds, Decimal(rule.minimum_seconds or 0))

    def age_warning(self, today: dt.date) -> str | None:
        """A sentence where the book is older than MAX_AGE_DAYS, else None."""
        age = (today - self.date).days
        if age <= MAX_AGE_DAYS:
            return None
        return (
            f"the price book of {self.date} is {age} days old (limit {MAX_AGE_DAYS}): "
            "run `etl-platform prices refresh`."
        )


class BadPriceFileError(ValueError):
    """A price file that cannot be read as a price book."""


@cache
def packaged_prices() -> PriceFile:
    """The prices that come with the package."""
    return PriceFile.model_validate_json((files("etl_platform.pricing") / "price_book.json").read_bytes())


def read_price_file(path: Path) -> PriceFile:
    """Read and check a price file.

    Raises:
        BadPriceFileError: It cannot be read, or does not hold a price book.
    """
    try:
        return PriceFile.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = _first_fault(error) if isinstance(error, ValidationError) else str(error)
        raise BadPriceFileError(
            f"{path}: not a price book: {reason}. "
            "Write it anew with `etl-platform prices refresh`, or delete it."
        ) from error


def _first_fault(error: ValidationError) -> str:
    first = error.errors()[0]
    place = dotted(first["loc"])
    if first["type"] == "missing":
        return f"`{place}` is missing"
    return f"`{place}`: {sentence([first], None)}" if place else sentence([first], None)


def open_book(
    region: str = HOME_REGION, overrides: Mapping[str, float] | None = None, path: Path | None = None
) -> PriceBook:
    """The prices of a region, with negotiated prices in place of listed ones.

    A price that the file does not have for this region is unknown, unless it is overridden.

    Args:
        region: AWS region.
        overrides: Price key to dollars for the key's own unit (`per` units).
        path: A price file; None reads the packaged one.

    Raises:
        UnknownPriceKeyError: An override names no price.
        BadPriceFileError: The file is not a price book.
    """
    content = read_price_file(path) if path else packaged_prices()
    listed = {price.key: price for price in content.prices if price.region == region}
    billing = {price.key: price for price in content.prices if price.region == HOME_REGION}
    for unknown in unknown_keys(overrides or {}, content):
        raise unknown
    for key, usd in (overrides or {}).items():
        listed[key] = _overridden(key, usd, billing.get(key), region, content.date)
    return PriceBook(region=region, date=content.date, prices=listed, billing=billing | listed)


def unknown_keys(
    overrides: Iterable[str], content: PriceFile | None = None
) -> Iterator[UnknownPriceKeyError]:
    """The keys of overrides that name no price.

    Args:
        overrides: Price keys.
        content: The prices that there are; None: the packaged ones.
    """
    known = {price.key for price in (content or packaged_prices()).prices}
    for key in overrides:
        if key not in known and not _OPEN_KEY.fullmatch(key):
            yield UnknownPriceKeyError(key, sorted(known))


def _overridden(key: str, usd: float, base: Price | None, region: str, day: dt.date) -> Price:
    changes = {
        "usd": Decimal(str(usd)),
        "region": region,
        "source": "global_settings.pricing.overrides",
        "confirmed": True,
    }
    if base:
        return base.model_copy(update=changes)
    service = key.split(".", 1)[0]
    tokens = service == "bedrock"
    return Price(
        key=key,
        service=service,
        per=1_000_000 if tokens else 1,
        unit="token" if tokens else "instance-hour",
        category="model" if tokens else "compute",
        date=day,
        minimum_seconds=None if tokens else 60,
        increment_seconds=None if tokens else 1,
        **changes,
    )


PRICED_PLATFORMS: dict[PlatformName, tuple[str, ...]] = {
    "glue": ("glue.spark.dpu_hour",),
    "emr": (f"emr.{DEFAULT_EC2_TYPE}.instance_hour", f"ec2.{DEFAULT_EC2_TYPE}.instance_hour"),
    "emr_serverless": ("emr_serverless.vcpu_hour", "emr_serverless.memory_gb_hour"),
    "lambda": ("lambda.x86.gb_second", "lambda.request"),
    "batch": ("fargate.x86.vcpu_second", "fargate.x86.memory_gb_second"),
}
"""Platform to prices without which a usual run there cannot be priced."""


def region_warning(book: PriceBook) -> str | None:
    """A sentence where the prices of platforms are unknown in the book's region, else None."""
    missing = [name for name, keys in PRICED_PLATFORMS.items() if not all(map(book.price, keys))]
    if not missing:
        return None
    what = ", ".join(missing) if book.prices else "anything"
    return (
        f"no price of {what} in {book.region} is known, so its dollars are unknown and its budgets cannot be "
        f"checked: run `etl-platform prices refresh --region {book.region}`, or give the prices as "
        "`global_settings.pricing.overrides`"
    )


def refreshed_path(config: Config) -> Path:
    """Where `prices refresh` keeps the prices of a configuration; they win over the packaged ones."""
    return config.local_root / "price_book.json"


def book_of(config: Config) -> PriceBook:
    """The book that a configuration asks for: its `pricing.region`, else `aws_region`, and its overrides.

    Raises:
        UnknownPriceKeyError: An override names no price.
        BadPriceFileError: The refreshed price file is not a price book.
    """
    settings = config.settings
    region = settings.pricing.region or settings.aws_region or HOME_REGION
    path = refreshed_path(config)
    return open_book(region, settings.pricing.overrides, path if path.exists() else None)
