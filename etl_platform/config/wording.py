"""What a failed check of a model means, as a sentence for the person who wrote the file."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic_core import ErrorDetails

from etl_platform.config.faults import did_you_mean

_KINDS: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
_BOUNDS: Final = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_PATTERNS: Final = {
    r"^[a-z][a-z0-9_]*$": "small letters, digits and _, starting with a letter",
    r"^[A-Za-z0-9_]+$": "letters, digits and _",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "letters, digits and _, not starting with a digit",
    r"^s3a?://[^/]+": "an address such as s3://bucket/prefix/",
    r"^s3a?://": "an address such as s3://bucket/prefix/",
    r"^s3://": "an address such as s3://bucket/prefix/",
    r"^(https?://|\$\{)": "an address that starts with http:// or https://",
    r"^[0-9]+(\.[0-9]+)*$": 'a version such as "2.0"',
}


def kind_of(value: Any) -> str:
    """The JSON type of a value, in words."""
    names = {
        str: "text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "null")


def listed(words: Iterable[str], joint: str = "or") -> str:
    """`a, b or c`."""
    *first, last = words
    return f"{', '.join(first)} {joint} {last}" if first else last


def sentence(errors: Sequence[ErrorDetails], value: str | None) -> str:
    """What is wrong with one value.

    Args:
        errors: What pydantic found; several where the value may have one of several types.
        value: The value as JSON; None where it must not be shown.
    """
    if len(errors) > 1:
        return _none_of(errors, value)
    error = errors[0]
    context = error.get("ctx", {})
    found = f", found {value}" if value else ""
    kind = error["type"]
    if kind in _KINDS:
        return f"expected {_KINDS[kind]}, found {_found(error, value)}"
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"must be {words} {_number(context[key])}{found}"
    if kind in ("literal_error", "union_tag_invalid"):
        options = _options(error)
        subject = value or "the value"
        hint = did_you_mean(str(_tag(error)), options) if value else ""
        return f"{subject} is not one of {', '.join(options)}{hint}"
    if kind == "string_pattern_mismatch":
        return f"expected {_PATTERNS.get(context['pattern'], 'text like ' + context['pattern'])}{found}"
    if kind in ("string_too_short", "too_short"):
        return "must not be empty"
    if kind == "finite_number":
        return "expected a finite number"
    return error["msg"][0].lower() + error["msg"][1:]


def _none_of(errors: Sequence[ErrorDetails], value: str | None) -> str:
    """The sentence for a value that is none of several types."""
    specific = [error for error in errors if error["type"] not in _KINDS and error["type"] != "literal_error"]
    if specific:
        return sentence(specific[:1], value)
    words = [_KINDS[error["type"]] for error in errors if error["type"] in _KINDS]
    words += [
        f'"{option}"' for error in errors if error["type"] == "literal_error" for option in _options(error)
    ]
    return f"expected {listed(dict.fromkeys(words))}, found {_found(errors[0], value)}"


def _found(error: ErrorDetails, value: str | None) -> str:
    kind = kind_of(error["input"])
    if value is None or value == "null":
        return kind
    return f"the text {value}" if kind == "text" else value


def _options(error: ErrorDetails) -> list[str]:
    context = error.get("ctx", {})
    text = context.get("expected") or context["expected_tags"]
    return [option.strip("'\"") for option in text.replace(" or ", ", ").split(", ")]


def _tag(error: ErrorDetails) -> Any:
    return error.get("ctx", {}).get("tag", error["input"])


def _number(value: float) -> str:
    return f"{value:g}"
