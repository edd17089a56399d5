"""`extends`: templates are laid under the job or section that names them."""

from collections.abc import Mapping
from typing import Any, Final

from etl_platform.config.conditions import ELSE, IF, THEN, laid_over
from etl_platform.config.faults import did_you_mean
from etl_platform.config.findings import BROKEN, Findings
from etl_platform.config.models.base import Section
from etl_platform.config.models.job import Job
from etl_platform.config.origin import Origin, Patched, Traced
from etl_platform.config.shape import below, fields, sections

EXTENDS: Final = "extends"


def is_comment(key: str) -> bool:
    """Whether a key is a comment, which is ignored anywhere."""
    return key.startswith(("_", "$"))


def names_template(value: Any) -> bool:
    """Whether a value names a template anywhere within."""
    if isinstance(value, dict):
        return EXTENDS in value or any(
            names_template(part) for part in value.values() if isinstance(part, (dict, list))
        )
    return isinstance(value, list) and any(names_template(part) for part in value)


class _MisfitError(ValueError):
    """A template whose keys do not fit the place that names it."""


class Templates:
    """The templates of a configuration, and how they are laid under what names them."""

    def __init__(self, definitions: Mapping[str, Traced], findings: Findings):
        self._definitions = definitions
        self._findings = findings
        self._expanded: dict[tuple[str, Any], Traced | None] = {}
        self._named: set[str] = set()
        self._open: list[str] = []

    def expand(self, piece: Traced, place: Any = Job) -> Traced:
        """Apply every `extends` in a value, from the inside out.

        Args:
            piece: A job, or a part of one.
            place: The annotation of the models that says what the value is; None where it is not declared.

        Returns:
            The value without `extends`; where a template could not be applied, BROKEN stands at that key.
        """
        if not names_template(piece.value):
            return piece
        changed: dict[str | int, Traced] = {}
        keys = piece.value if isinstance(piece.value, dict) else range(len(piece.value))
        for key in keys:
            part = piece.value[key]
            if isinstance(part, (dict, list)) and key != EXTENDS:
                inner = place if key in (THEN, ELSE) else below(place, key, piece.value)
                expanded = self.expand(piece.child(key), inner)
                if expanded.value is not part:
                    changed[key] = expanded
        if changed:
            piece = _with_parts(piece, changed)
        if isinstance(piece.value, dict) and EXTENDS in piece.value:
            return self._apply(piece, place)
        return piece

    def unused(self) -> list[Traced]:
        """The templates that nothing names, after a check that their keys fit a job or a section."""
        found = []
        for name, template in self._definitions.items():
            if name in self._named:
                continue
            if not isinstance(template.value, dict):
                self._findings.fault(template.origin, "a template must be an object")
                continue
            keys = self._own_keys(template.value)
            if not keys <= fields(Job).keys() and not self._sections_with(keys):
                self._findings.fault(template.origin, self._misfit(name, keys, []))
            found.append(self.expand(template, None))
        return found

    def _apply(self, piece: Traced, place: Any) -> Traced:
        named = piece.value[EXTENDS]
        names = _names(named)
        own = Traced({key: value for key, value in piece.value.items() if key != EXTENDS}, piece.origin)
        at = piece.origin.child(EXTENDS)
        if names is None:
            self._findings.fault(at, "`extends` takes the name of a template, or a list of names")
            return _incomplete(own)
        base: Traced | None = None
        complete = True
        for index, name in enumerate(names):
            origin = at if isinstance(named, str) else at.child(index)
            template = self._template(name, place, origin)
            if template is None:
                complete = False
            else:
                base = laid_over(template, base) if base else template
        result = laid_over(own, base) if base else own
        return result if complete else _incomplete(result)

    def _template(self, name: str, place: Any, at: Origin) -> Traced | None:
        """A template as it is laid at a place; None, and a fault, where that cannot be done."""
        definition = self._definitions.get(name)
        if definition is None:
            message = f'there is no template "{name}"{did_you_mean(name, self._definitions)}'
            self._findings.fault(at, message)
            return None
        self._named.add(name)
        if name in self._open:
            cycle = " → ".join([*self._open[self._open.index(name) :], name])
            self._findings.fault(at, f"templates extend each other in a cycle: {cycle}")
            return None
        if not isinstance(definition.value, dict):
            self._findings.fault(definition.origin, "a template must be an object")
            return None
        try:
            section = self._section_of(name, definition.value, place)
        except _MisfitError as error:
            self._findings.fault(at, str(error))
            return None
        key = (name, section or str(place))
        if key not in self._expanded:
            self._open.append(name)
            try:
                self._expanded[key] = self._placed(definition, place, section)
            finally:
                self._open.pop()
        return self._expanded[key]

    def _placed(self, definition: Traced, place: Any, section: str | None) -> Traced:
        layered = Traced(definition.value, definition.origin)
        if section is None:
            return self.expand(layered, place)
        inner = self.expand(layered, _job_sections()[section])
        return Traced({section: inner.value}, Patched(inner.origin, {section: inner.origin}))

    def _section_of(self, name: str, value: dict[str, Any], place: Any) -> str | None:
        """The section of a job that a template goes to; None: it goes where it is named."""
        keys = self._all_keys(name, ())
        if place is not Job:
            kinds = sections(place)
            fits = not kinds or any(keys & fields(kind).keys() for kind in kinds)
            if keys and not fits and keys <= fields(Job).keys():
                held = ", ".join(sorted(keys))
                raise _MisfitError(f'template "{name}" holds whole sections ({held}); name it on the job')
            return None
        keys = self._own_keys(value) or keys
        if keys <= fields(Job).keys():
            return None
        found = self._sections_with(keys)
        if len(found) != 1:
            raise _MisfitError(self._misfit(name, keys, found))
        return found[0]

    def _misfit(self, name: str, keys: set[str], found: list[str]) -> str:
        if found:
            return (
                f'template "{name}" fits several sections ({", ".join(found)}); '
                "name it inside the one that is meant"
            )
        kinds = {"a job": Job, **{f'"{section}"': model for section, model in _job_sections().items()}}
        best = max(kinds, key=lambda kind: len(keys & fields(kinds[kind]).keys()))
        unknown = sorted(keys - fields(kinds[best]).keys())[0]
        hint = did_you_mean(unknown, fields(kinds[best]))
        if keys & fields(kinds[best]).keys():
            return f'template "{name}" fits neither a job nor a section: {best} has no key "{unknown}"{hint}'
        return f'template "{name}" fits neither a job nor a section: none has the key "{unknown}"'

    def _sections_with(self, keys: set[str]) -> list[str]:
        return [name for name, section in _job_sections().items() if keys <= fields(section).keys()]

    def _own_keys(self, value: dict[str, Any]) -> set[str]:
        keys = {key for key in value if key not in (EXTENDS, IF, THEN, ELSE) and not is_comment(key)}
        for branch in (value.get(THEN), value.get(ELSE)):
            if IF in value and isinstance(branch, dict):
                keys |= self._own_keys(branch)
        return keys

    def _all_keys(self, name: str, seen: tuple[str, ...]) -> set[str]:
        definition = self._definitions.get(name)
        if definition is None or name in seen or not isinstance(definition.value, dict):
            return set()
        keys = self._own_keys(definition.value)
        for other in _names(definition.value.get(EXTENDS)) or ():
            keys |= self._all_keys(other, (*seen, name))
        return keys


def _names(value: Any) -> list[str] | None:
    """The templates that `extends` names; None where it is no name and no list of names."""
    if isinstance(value, str):
        return [value]
    named = isinstance(value, list) and all(isinstance(name, str) for name in value)
    return value if named else None


def _job_sections() -> dict[str, type[Section]]:
    return {
        key: kinds[0]
        for key, field in fields(Job).items()
        for kinds in [sections(field.annotation)]
        if len(kinds) == 1
    }


def _with_parts(piece: Traced, parts: Mapping[str | int, Traced]) -> Traced:
    value = piece.value.copy()
    for key, part in parts.items():
        value[key] = part.value
    origins: dict[str | int, Origin] = {key: part.origin for key, part in parts.items()}
    return Traced(value, Patched(piece.origin, origins))


def _incomplete(piece: Traced) -> Traced:
    return Traced({**piece.value, EXTENDS: BROKEN}, piece.origin)
