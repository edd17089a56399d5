"""The forms of `${…}` inside a text."""

import re
from dataclasses import dataclass
from functools import lru_cache

_FORM = re.compile(r"\$\$\{|\$\{(?P<inside>[^{}]*)\}|\$\{")


@dataclass(frozen=True, slots=True)
class Variable:
    """`${variables.NAME}`."""

    name: str


@dataclass(frozen=True, slots=True)
class Environment:
    """`${ENV:NAME}` or `${ENV:NAME:default}`."""

    name: str
    default: str | None


@dataclass(frozen=True, slots=True)
class Secret:
    """`${SECRET:key}`, which stays in its place until it is used."""

    text: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A `${` that is none of these."""


Part = str | Variable | Environment | Secret | Malformed


@lru_cache(maxsize=4096)
def parts(text: str) -> tuple[Part, ...]:
    """Cut a text into its literal parts and its references; `$${` becomes a literal `${`."""
    found: list[Part] = []
    at = 0
    for form in _FORM.finditer(text):
        if form.start() > at:
            found.append(text[at : form.start()])
        found.append(_part(form))
        at = form.end()
    if at < len(text):
        found.append(text[at:])
    return tuple(found)


def _part(form: re.Match[str]) -> Part:
    if form.group() == "$${":
        return "${"
    inside = form.group("inside")
    if inside is None:
        return Malformed()
    kind, colon, rest = inside.partition(":")
    if kind == "ENV" and rest:
        name, has_default, default = rest.partition(":")
        return Environment(name, default if has_default else None) if name else Malformed()
    if kind == "SECRET" and rest:
        return Secret(form.group())
    name = inside.removeprefix("variables.")
    if not colon and name and name != inside:
        return Variable(name)
    return Malformed()
