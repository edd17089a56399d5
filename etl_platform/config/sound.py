"""What is left of a faulty job without its faults, so that the rest of it is checked in the same go."""

from dataclasses import dataclass
from typing import Any, Final

from etl_platform.config.conditions import IF
from etl_platform.config.faults import KeyPath
from etl_platform.config.findings import BROKEN
from etl_platform.config.models.job import Job
from etl_platform.config.origin import Origin, Patched, Traced, Written, origin_at
from etl_platform.config.templates import EXTENDS
from etl_platform.config.typed import Typed, check

_STAND_INS: Final = {"job_id": "faulty", "execution": {"sql": "select 1"}}
"""Put where a key that a job must have is missing or faulty; checks that read it are left out."""

_MAY_BRING: Final = frozenset({"target", "data_sources"})
"""Sections whose absence other checks would report, although a template that failed may bring them."""


@dataclass(frozen=True)
class Sound:
    """The sound part of a job.

    Attributes:
        job: The typed job without what is faulty; None where nothing is usable.
        piece: Its value.
        unsure: Sections that may lack something because of a fault.
        removed: Where the faulty parts were written.
        incomplete: Where the objects were written whose template or condition could not be applied.
    """

    job: Job | None
    piece: Traced
    unsure: frozenset[str] = frozenset()
    removed: tuple[Written, ...] = ()
    incomplete: tuple[Written, ...] = ()

    def explains(self, path: KeyPath) -> bool:
        """Whether a problem may merely follow from a fault of the object that it is about."""
        place = origin_at(self.piece.origin, path).written()
        if any(_encloses(place, removed) for removed in self.removed):
            return True
        value: Any = self.piece.value
        for key in path:
            value = value[key]
        return isinstance(value, dict) and any(_encloses(outer, place) for outer in self.incomplete)


def _encloses(outer: Written, inner: Written) -> bool:
    return outer.document is inner.document and inner.path[: len(outer.path)] == outer.path


def sound_part(model: type[Job], checked: Typed[Job]) -> Sound:
    """Take the faulty parts out of a job, until its types are right."""
    if checked.model is not None or not isinstance(checked.piece.value, dict):
        return Sound(checked.model, checked.piece)
    unsure: set[str] = set()
    removed: list[Written] = []
    incomplete: list[Written] = []
    while checked.model is None:
        piece = checked.piece
        paths = {
            path[:-1] if found[0]["type"] == "missing" else path for path, found in checked.errors.items()
        }
        for path in sorted(paths - {()}, reverse=True):
            removed.append(origin_at(piece.origin, path).written())
            if path[-1] in (EXTENDS, IF) and _at(piece.value, path) is BROKEN:
                incomplete.append(origin_at(piece.origin, path[:-1]).written())
                unsure |= _MAY_BRING if len(path) == 1 else frozenset()
            elif len(path) == 1 or path[0] == "data_sources":
                unsure.add(str(path[0]))
            piece = _without(piece, path)
        absent = _STAND_INS.keys() - piece.value.keys()
        unsure |= absent
        stand_ins = {key: _STAND_INS[key] for key in absent}
        checked = check(model, Traced({**piece.value, **stand_ins}, piece.origin))
    return Sound(checked.model, checked.piece, frozenset(unsure), tuple(removed), tuple(incomplete))


def _at(value: Any, path: KeyPath) -> Any:
    for key in path:
        value = value[key]
    return value


def _without(piece: Traced, path: KeyPath) -> Traced:
    """A value without one of its parts; the parts of a list that move up keep their origins."""
    key, *rest = path
    value = piece.value.copy()
    if rest:
        inner = _without(piece.child(key), tuple(rest))
        value[key] = inner.value
        return Traced(value, Patched(piece.origin, {key: inner.origin}))
    del value[key]
    if isinstance(value, dict):
        return Traced(value, piece.origin)
    moved: dict[str | int, Origin] = {
        index: piece.origin.child(index + 1) for index in range(int(key), len(value))
    }
    return Traced(value, Patched(piece.origin, moved))
