"""How the dollars of an option come about: units × number × hours, and what is not billed."""

from decimal import Decimal

from etl_platform.config.models.job import Job
from etl_platform.decide.cold_start import BILLED_START, start_seconds
from etl_platform.decide.options import PlatformOption
from etl_platform.decide.size import Size, usage
from etl_platform.pricing.book import PriceBook
from etl_platform.pricing.quote import Line, number, quote, total, unknown_prices


def arithmetic(book: PriceBook, job: Job, option: PlatformOption) -> str | None:
    """The dollars of an option as a bill would have them; None where nobody bills it, or its time is unknown.

    Args:
        book: The prices.
        job: The job, as it is planned.
        option: One of its options.
    """
    size, seconds = option.size, option.figures.seconds
    if size is None or seconds is None:
        return None
    start = start_seconds(size.platform, job.platform.cluster_id is not None)
    unbilled = 0.0 if BILLED_START[size.platform] else min(start, seconds)
    used = usage(size, job, seconds - unbilled)
    if used is None:
        return None
    answer = quote(book, used)
    alike: dict[str, list[Line]] = {}
    for one in answer.lines:
        alike.setdefault(one.steps, []).append(one)
    parts = [_product(lines) for lines in alike.values()]
    if len(parts) > 1 and answer.total_usd is not None:
        parts.append(f"${number(Decimal(str(answer.total_usd)))} in all")
    if unbilled:
        parts.append(f"the first {unbilled:,.0f} s, in which it starts, are not billed")
    if driver := _driver(size):
        parts.append(driver)
    return "; ".join(parts)


def remarks(book: PriceBook, job: Job, size: Size) -> list[str]:
    """What the dollars of a size take for granted, such as spot nodes at the price of others, or lack."""
    used = usage(size, job, 0.0)
    return [] if used is None else [*used.remarks(book), *unknown_prices(book, used.lines(book))]


def _product(lines: list[Line]) -> str:
    """Lines of one quantity as one product: nodes × hours × what each of them costs an hour."""
    first = lines[0]
    if len(lines) == 1:
        return f"{first.what}: {first.arithmetic}"
    prices = " + ".join(
        f"{'unknown' if one.unit_price_usd is None else f'${one.unit_price_usd:g}'} {one.what}"
        for one in lines
    )
    usd = total(lines)
    hours = f"{number(Decimal(str(first.quantity)))} {first.unit}"
    return f"{first.steps} = {hours} × ({prices}) = {'unknown' if usd is None else f'${usd:,.6f}'}"


def _driver(size: Size) -> str | None:
    if size.platform != "emr_serverless" or "max_executors" not in size.keys:
        return None
    return f"the workers are {size.keys['max_executors']} executors and the driver"
