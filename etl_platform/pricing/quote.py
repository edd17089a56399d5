"""A quote: what something costs, line by line, each with its arithmetic."""

from collections.abc import Iterable
from decimal import Decimal
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from etl_platform.pricing.book import Category, Price, PriceBook


class Line(BaseModel):
    """One product of a quantity and a price.

    Attributes:
        price_key: Key in the price book.
        quantity: Billed units, after minimum, increment and free tier.
        usd: None where the price is unknown in the book's region.
        steps: How the quantity comes about, such as `6 DPU × 900 s ÷ 3600`.
        arithmetic: How the dollars come about, for people.
    """

    model_config = ConfigDict(frozen=True)

    what: str
    category: Category
    price_key: str
    quantity: float
    unit: str
    unit_price_usd: float | None
    per: int
    usd: float | None
    steps: str
    arithmetic: str
    source: str | None


class Quote(BaseModel):
    """Lines and their sum.

    Attributes:
        total_usd: None where the price of any line is unknown.
        price_book_date: ISO date of the book.
        warnings: Sentences about what weakens the answer.
    """

    model_config = ConfigDict(frozen=True)

    service: str
    region: str
    price_book_date: str
    lines: tuple[Line, ...]
    total_usd: float | None
    warnings: tuple[str, ...] = ()


class Usage(BaseModel):
    """What is used of one service; each service is a subclass that knows its rules of billing.

    Numbers come as people type them, so `minutes=15` and `free_tier=true` are read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: ClassVar[str]

    def lines(self, book: PriceBook) -> list[Line]:
        """The billed lines.

        Raises:
            ValueError: The numbers do not go together.
        """
        raise NotImplementedError

    def remarks(self, book: PriceBook) -> list[str]:
        """Sentences about what the lines leave out or take for granted."""
        del book
        return []


Amount = Decimal
"""Quantities and dollars are decimal, so that a quote adds up as a bill does."""

NonNegative = Field(ge=0)


def line(book: PriceBook, key: str, quantity: Amount, steps: str, what: str | None = None) -> Line:
    """A line of a quantity at the price of a key.

    Args:
        book: The prices.
        key: Price key.
        quantity: Billed units.
        steps: How the quantity comes about, such as `6 DPU × 900 s ÷ 3600`.
        what: What is charged; None takes the book's description.
    """
    price = book.price(key)
    rule = price or book.billing.get(key)
    unit = rule.unit if rule else _unit_of(key)
    text = f"{steps} = {number(quantity)} {unit}"
    usd: Amount | None = None
    if price is None:
        text += f" × unknown (no price of {key} in {book.region})"
    else:
        usd = quantity * price.usd / price.per
        text += f" × {_rate(price)} = ${number(usd)}"
    return Line(
        what=what or (rule.description if rule and rule.description else key),
        category=rule.category if rule else _category_of(key),
        price_key=key,
        quantity=float(quantity),
        unit=unit,
        unit_price_usd=None if price is None else float(price.usd),
        per=rule.per if rule else 1,
        usd=None if usd is None else float(usd),
        steps=steps,
        arithmetic=text,
        source=price.source if price else None,
    )


def quote(book: PriceBook, usage: Usage) -> Quote:
    """Price a usage.

    Raises:
        ValueError: The numbers of the usage do not go together.
    """
    lines = tuple(usage.lines(book))
    return Quote(
        service=usage.service,
        region=book.region,
        price_book_date=book.date.isoformat(),
        lines=lines,
        total_usd=total(lines),
        warnings=(*usage.remarks(book), *unknown_prices(book, lines), *_unconfirmed(book, lines)),
    )


def total(lines: Iterable[Line]) -> float | None:
    """The sum of lines in dollars; None where any of them is unknown."""
    amounts = [one.usd for one in lines]
    known = [Decimal(str(usd)) for usd in amounts if usd is not None]
    return float(sum(known, Decimal(0))) if len(known) == len(amounts) else None


def number(value: Amount) -> str:
    """A decimal for people: six decimals, ten below a hundredth, no trailing zeros, thousands apart."""
    text = f"{value:,.6f}" if abs(value) >= Decimal("0.01") else f"{value:,.10f}"
    return text.rstrip("0").rstrip(".")


def _rate(price: Price) -> str:
    per = f"{price.per:,} {price.unit}s" if price.per != 1 else price.unit
    article = "an" if per.startswith(("i", "M-")) else "a"
    return f"${number(price.usd)} {article} {per}" if price.per == 1 else f"${number(price.usd)} for {per}"


def unknown_prices(book: PriceBook, lines: Iterable[Line]) -> list[str]:
    """A sentence for each price of some lines that the book does not know in its region."""
    return [
        f"the price of {key} in {book.region} is unknown: give it as "
        f'`"pricing": {{"overrides": {{"{key}": …}}}}`, or run `etl-platform prices refresh`.'
        for key in dict.fromkeys(one.price_key for one in lines if one.usd is None)
    ]


def _unconfirmed(book: PriceBook, lines: Iterable[Line]) -> Iterable[str]:
    keys = dict.fromkeys(one.price_key for one in lines)
    unconfirmed = [key for key in keys if (price := book.price(key)) and not price.confirmed]
    if unconfirmed:
        yield (
            f"from third-party copies of the price page: {', '.join(unconfirmed)}; "
            "`etl-platform prices refresh` confirms them."
        )


def _unit_of(key: str) -> str:
    return "token" if key.startswith("bedrock.") else "instance-hour"


def _category_of(key: str) -> Category:
    return "model" if key.startswith("bedrock.") else "compute"
