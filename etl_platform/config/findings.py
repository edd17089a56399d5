"""Collects what is wrong and what is doubtful while a configuration is resolved and checked."""

from typing import Any, Final

from etl_platform.config.faults import ConfigError, Fault, KeyPath, dotted
from etl_platform.config.origin import Origin


class Broken:
    """Stands where a value could not be resolved; its fault is reported, what follows from it is not."""

    def __repr__(self) -> str:
        return "BROKEN"


BROKEN: Final = Broken()


def is_broken(value: Any) -> bool:
    """Whether a value, or a direct part of it, could not be resolved."""
    return value is BROKEN or (isinstance(value, dict) and any(part is BROKEN for part in value.values()))


class Findings:
    """The faults and warnings of one load."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._warnings: set[Fault] = set()

    def fault(
        self, origin: Origin, message: str, *, key: str | None = None, used_as: KeyPath | None = None
    ) -> None:
        """Note a fault.

        Args:
            origin: What is wrong; where `key` is given, the object that has that key.
            message: What is wrong with it.
            key: The key that is wrong, rather than its value.
            used_as: The way from the job to the value; said where the value was written as a variable.
        """
        if used_as and origin.written().path[:1] == ("variables",):
            message = f"{message} (used as {dotted(used_as)})"
        self.faults.append(_at(origin, message, key))

    def warning(self, origin: Origin, message: str) -> None:
        """Note something that is accepted but probably not meant."""
        self._warnings.add(_at(origin, message, None))

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings as sentences, each with its place."""
        return tuple(map(str, sorted(self._warnings)))

    def stop_if_faulty(self) -> None:
        """Raise what was found.

        Raises:
            ConfigError: There is a fault.
        """
        if self.faults:
            raise ConfigError(self.faults)


def _at(origin: Origin, message: str, key: str | None) -> Fault:
    place = (origin.child(key) if key is not None else origin).written()
    path: KeyPath = place.path
    line, column = place.document.place(path, key=key is not None)
    return Fault(place.document.text.path, line, column, dotted(path), message)
