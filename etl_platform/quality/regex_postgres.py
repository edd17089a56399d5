r"""Portable patterns as PostgreSQL writes them: it knows no `\p{Nd}`, `\x{2d}` and `\z`.

https://www.postgresql.org/docs/current/functions-matching.html#POSIX-SYNTAX-DETAILS describes its "advanced
regular expressions". Classes become the ranges of their characters, so that no locale has a say.
"""

import re
import sys
import unicodedata
from functools import lru_cache
from itertools import groupby

from etl_platform.quality.regex import RegexError

_MAX_REPEAT = 255
"""DUPMAX: PostgreSQL compiles no larger count."""

_EVERY = r"[\x{0}-\x{10ffff}]"
_TOKEN = re.compile(r"\\x\{([0-9a-f]+)\}|\\([pP])\{(\w+)\}|(\\z)|\{(\d+)(?:,(\d*))?\}|([\[\]])|.", re.DOTALL)


@lru_cache(maxsize=1024)
def advanced(portable: str) -> str:
    """A pattern of `regex.portable` as PostgreSQL matches it the same way.

    The database must be in UTF-8.

    Raises:
        RegexError: It repeats something more often than PostgreSQL can.
    """
    parts: list[str] = []
    inside = False
    for token in _TOKEN.finditer(portable.replace(_EVERY, ".")):
        code, negated, category, end, low, high, bracket = token.groups()
        if code:
            parts.append(_code(int(code, 16)))
        elif category:
            ranges = _ranges(category, without=negated == "P")
            parts.append(ranges if inside else f"[{ranges}]")
        elif end:
            parts.append(r"\Z")
        elif low and max(int(low), int(high or 0)) > _MAX_REPEAT:
            raise RegexError(
                f"the pattern repeats something over {_MAX_REPEAT} times, which PostgreSQL cannot; use a "
                "rule of type `length` for the number of characters, or repeat a shorter group of them."
            )
        else:
            inside = bracket == "[" if bracket else inside
            parts.append(token.group())
    return "".join(parts)


def _code(code: int) -> str:
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


@lru_cache(maxsize=16)
def _ranges(category: str, *, without: bool) -> str:
    """The characters of a general category such as `Nd` or `L`, as the inside of a bracket."""
    spans: list[tuple[int, int]] = []
    for name, first, last in _spans():
        if name.startswith(category) == without:
            continue
        begins = spans.pop()[0] if spans and spans[-1][1] == first - 1 else first
        spans.append((begins, last))
    return "".join(_code(a) if a == b else f"{_code(a)}-{_code(b)}" for a, b in spans)


@lru_cache(maxsize=1)
def _spans() -> tuple[tuple[str, int, int], ...]:
    """Category, first and last character of each run of characters of one category."""
    # PostgreSQL's texts hold no NUL.
    codes = range(1, sys.maxunicode + 1)
    runs = (list(run) for _, run in groupby(codes, key=lambda code: unicodedata.category(chr(code))))
    return tuple((unicodedata.category(chr(run[0])), run[0], run[-1]) for run in runs)
