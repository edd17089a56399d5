r"""Regular expressions that every engine matches as `re.search` does.

A pattern is read by Python's own parser and written again in the few forms that RE2 (DuckDB) and Java (Spark)
understand alike: `\d` becomes `\p{Nd}`, `.` becomes `[^\x{a}]`, a letter under `(?i)` becomes the class of
its cases. What has no such form is refused.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

_parser = import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

MAX_REPEAT = 1000
"""RE2 compiles no larger count; https://github.com/google/re2/wiki/Syntax."""

_CATEGORIES = {
    "CATEGORY_DIGIT": r"\p{Nd}",
    "CATEGORY_NOT_DIGIT": r"\P{Nd}",
    "CATEGORY_WORD": r"\p{L}\p{N}_",
    # What `str.isspace` holds: https://docs.python.org/3/library/stdtypes.html#str.isspace.
    "CATEGORY_SPACE": r"\x{9}-\x{d}\x{1c}-\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}"
    r"\x{205f}\x{3000}",
}

_OTHER_CASES = {"i": "\u0130\u0131", "s": "\u017f", "k": "\u212a"}
"""Non-ASCII characters that match an ASCII letter under `re.IGNORECASE`; see Python's documentation of it."""

_REFUSED = {
    "ASSERT": "lookaround",
    "ASSERT_NOT": "lookaround",
    "GROUPREF": "a back reference",
    "GROUPREF_EXISTS": "a conditional group",
    "GROUPREF_IGNORE": "a back reference",
    "ATOMIC_GROUP": "an atomic group",
    "POSSESSIVE_REPEAT": "a possessive repeat",
}


class RegexError(ValueError):
    """A pattern that is wrong, or that the engines do not all match alike."""


@lru_cache(maxsize=1024)
def portable(pattern: str) -> str:
    """The pattern as RE2 and Java match it the way `re.search(pattern, value)` does.

    Raises:
        RegexError: Not a regular expression, or with a part that an engine lacks.
    """
    try:
        tree = _parser.parse(pattern)
        flags = re.compile(pattern).flags
        pattern.encode()
    except (re.error, OverflowError, UnicodeEncodeError, RecursionError) as error:
        raise RegexError(f"`{pattern}` is not a regular expression: {error}.") from None
    return _Writer(pattern).sequence(list(tree), flags, tail=True)


class _Writer:
    def __init__(self, pattern: str):
        self.pattern = pattern

    def refuse(self, part: str) -> RegexError:
        return RegexError(
            f"`{self.pattern}` has {part}, which DuckDB and Spark do not both match as Python does; "
            "write the pattern without it, or split the rule in two."
        )

    def sequence(self, items: Sequence[Any], flags: int, *, tail: bool) -> str:
        if flags & re.MULTILINE:
            raise self.refuse("the flag `m`")
        if flags & re.ASCII:
            raise self.refuse("the flag `a`")
        last = len(items) - 1
        return "".join(self.item(item, flags, tail=tail and n == last) for n, item in enumerate(items))

    def item(self, item: Any, flags: int, *, tail: bool) -> str:
        operation, value = str(item[0]), item[1]
        if operation in _REFUSED:
            raise self.refuse(_REFUSED[operation])
        match operation:
            case "LITERAL":
                cases = self.cases(value, flags)
                return _code(value) if len(cases) == 1 else f"[{_codes(cases)}]"
            case "NOT_LITERAL":
                return f"[^{_codes(self.cases(value, flags))}]"
            case "ANY":
                return r"[\x{0}-\x{10ffff}]" if flags & re.DOTALL else r"[^\x{a}]"
            case "IN":
                return self.character_class(value, flags)
            case "BRANCH":
                return "(?:" + "|".join(self.sequence(list(b), flags, tail=tail) for b in value[1]) + ")"
            case "SUBPATTERN":
                _, added, removed, inner = value
                return f"(?:{self.sequence(list(inner), (flags | added) & ~removed, tail=tail)})"
            case "MAX_REPEAT" | "MIN_REPEAT":
                return self.repeat(value, flags)
            case "AT":
                return self.position(str(value), tail=tail)
        raise self.refuse(f"the part {operation.lower()}")

    def repeat(self, value: Any, flags: int) -> str:
        low, high, inner = value
        endless = high == _parser.MAXREPEAT
        if low > MAX_REPEAT or (not endless and high > MAX_REPEAT):
            raise self.refuse(f"a repeat of more than {MAX_REPEAT}")
        body = f"(?:{self.sequence(list(inner), flags, tail=False)})"
        return f"{body}{{{low},}}" if endless else f"{body}{{{low},{high}}}"

    def position(self, where: str, *, tail: bool) -> str:
        if where in ("AT_BEGINNING", "AT_BEGINNING_STRING"):
            return r"\A"
        if where == "AT_END_STRING":
            return r"\z"
        if where == "AT_END" and tail:
            # Python's `$` also stands before a newline that ends the text.
            return r"\x{a}?\z"
        raise self.refuse("`$` before the end" if where == "AT_END" else r"`\b` or `\B`")

    def character_class(self, items: Sequence[Any], flags: int) -> str:
        negated, parts = "", []
        for operation, value in ((str(name), value) for name, value in items):
            match operation:
                case "NEGATE":
                    negated = "^"
                case "LITERAL":
                    parts.append(_codes(self.cases(value, flags)))
                case "RANGE" if flags & re.IGNORECASE:
                    parts.extend(_codes(self.cases(code, flags)) for code in range(value[0], value[1] + 1))
                case "RANGE":
                    parts.append(f"{_code(value[0])}-{_code(value[1])}")
                case "CATEGORY" if str(value) in _CATEGORIES:
                    parts.append(_CATEGORIES[str(value)])
                case "CATEGORY" if len(items) == 1:
                    # `\W` and `\S` alone are the complement of their class.
                    return f"[^{_CATEGORIES[str(value).replace('NOT_', '')]}]"
                case _:
                    raise self.refuse(r"`\W` or `\S` inside a class")
        return f"[{negated}{''.join(parts)}]"

    def cases(self, code: int, flags: int) -> list[int]:
        """The characters that match one; several only where case is ignored."""
        if not flags & re.IGNORECASE:
            return [code]
        if code > 127:
            raise self.refuse("a letter beyond ASCII under the flag `i`")
        lower = chr(code).lower()
        return sorted({ord(c) for c in lower + lower.upper() + _OTHER_CASES.get(lower, "")})


def _code(code: int) -> str:
    character = chr(code)
    return character if character.isascii() and character.isalnum() else f"\\x{{{code:x}}}"


def _codes(codes: Iterable[int]) -> str:
    return "".join(map(_code, codes))
