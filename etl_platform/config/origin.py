"""Where each part of a resolved value was written, and which layer wrote it.

Values are never changed in place: templates, conditions and variables build new ones, and beside each value
stands an origin that is asked for the origins of its parts only when a fault or `explain` needs them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, Protocol

from etl_platform.config.document import Document
from etl_platform.config.faults import KeyPath

JOB_LAYER: Final = "the job"


@dataclass(frozen=True, slots=True)
class Written:
    """A value as it stands in a file.

    Attributes:
        document: The file.
        path: The way to the value in that file.
        layer: Who set it: `the job`, `template NAME`, `variable NAME`, `environment variable NAME` or
            `condition`.
        from_environment: Holds text of an environment variable, which no message may show.
    """

    document: Document
    path: KeyPath
    layer: str = JOB_LAYER
    from_environment: bool = False

    def child(self, key: str | int) -> "Origin":
        """The origin of a part."""
        return Written(self.document, (*self.path, key), self.layer, self.from_environment)

    def written(self) -> "Written":
        """Where the value as a whole was written."""
        return self


class Origin(Protocol):
    """Answers where a value and its parts were written."""

    def child(self, key: str | int) -> "Origin":
        """The origin of a part."""
        ...

    def written(self) -> Written:
        """Where the value as a whole was written."""
        ...


class Traced(NamedTuple):
    """A value and where it was written."""

    value: Any
    origin: Origin

    def child(self, key: str | int) -> "Traced":
        """A part of the value."""
        return Traced(self.value[key], self.origin.child(key))


@dataclass(frozen=True, slots=True)
class Patched:
    """An origin some of whose parts come from elsewhere."""

    below: Origin
    parts: Mapping[str | int, Origin]

    def child(self, key: str | int) -> Origin:
        """The origin of a part."""
        return self.parts.get(key) or self.below.child(key)

    def written(self) -> Written:
        """Where the value as a whole was written."""
        return self.below.written()


@dataclass(frozen=True, slots=True)
class Relabelled:
    """An origin under the name of another layer."""

    below: Origin
    layer: str

    def child(self, key: str | int) -> Origin:
        """The origin of a part."""
        return Relabelled(self.below.child(key), self.layer)

    def written(self) -> Written:
        """Where the value as a whole was written."""
        return replace(self.below.written(), layer=self.layer)


@dataclass(frozen=True, slots=True)
class Merged:
    """The origin of an object that was laid over another one."""

    over: Traced
    base: Traced
    both: Mapping[str, Origin]

    def child(self, key: str | int) -> Origin:
        """The origin of a part."""
        if key in self.both:
            return self.both[str(key)]
        return (
            self.base if key in self.base.value and key not in self.over.value else self.over
        ).origin.child(key)

    def written(self) -> Written:
        """Where the value as a whole was written."""
        return self.over.origin.written()


def merged(over: Traced, base: Traced) -> Traced:
    """Lay one object over another: objects merge key by key, deep; lists and scalars replace."""
    value = {**base.value, **over.value}
    both: dict[str, Origin] = {}
    for key in over.value.keys() & base.value.keys():
        if isinstance(over.value[key], dict) and isinstance(base.value[key], dict):
            value[key], both[key] = merged(over.child(key), base.child(key))
    return Traced(value, Merged(over, base, both))


def origin_at(origin: Origin, path: KeyPath) -> Origin:
    """The origin of the part at a path."""
    for key in path:
        origin = origin.child(key)
    return origin
