"""Numbers in what a model wrote: each must come from the facts that it was given."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from etl_platform.agents.agent import InvalidAnswerError, Tool, ToolError

_NUMBER = re.compile(r"(?<![A-Za-z0-9_.])([-+−]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?)(\s*(?:%|percent))?")

SMALL = 10
"""Whole numbers up to here are taken as words, such as "two runs" or "7 days"."""


def refuse_invented(texts: Iterable[str], facts: Any) -> None:
    """Refuse prose with a number that no fact holds.

    A number is held by a fact where it is the fact rounded to as many digits as are written, the fact as a
    percentage, or either without its sign.

    Args:
        texts: What the model wrote.
        facts: JSON-like facts; numbers inside their texts count too.

    Raises:
        InvalidAnswerError: A number is in no fact.
    """
    known = {abs(_decimal(match[1])) for match in _NUMBER.finditer(json.dumps(facts, default=str))}
    for text in texts:
        for match in _NUMBER.finditer(text):
            number, percent = abs(_decimal(match[1])), match[2]
            if number <= SMALL and number == int(number) and not percent:
                continue
            half = _last_digit(number) / 2
            if not any(abs(fact * scale - number) <= half for fact in known for scale in (1, 100)):
                raise InvalidAnswerError(
                    f"the answer states {match[0]}, which is none of the figures it was given"
                )


def facts_of(tools: Mapping[str, Tool]) -> dict[str, Any]:
    """What the tools of an agent say, by name; one that has no answer is left out."""
    return dict(_answered(tools))


def _answered(tools: Mapping[str, Tool]) -> Iterator[tuple[str, Any]]:
    for name, tool in tools.items():
        with suppress(ToolError):
            yield name, tool()


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace(",", "").replace("−", "-"))


def _last_digit(number: Decimal) -> Decimal:
    """What the last written digit is worth; zeros at the end of 12,300 are no digits, of 300 they are."""
    short = number.normalize()
    exponent = number.as_tuple().exponent
    if number == int(number) and len(short.as_tuple().digits) > 1:
        exponent = short.as_tuple().exponent
    # Neither infinite nor no number, so it is an integer.
    return Decimal(1).scaleb(int(exponent))
