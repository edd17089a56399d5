"""Conditions and variables: from a value as it is written to the value that the models check."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from etl_platform.config import references
from etl_platform.config.conditions import (
    ELSE,
    IF,
    THEN,
    chosen,
    conditions_of,
    matches,
    without_conditions,
)
from etl_platform.config.faults import did_you_mean
from etl_platform.config.findings import BROKEN, Findings
from etl_platform.config.origin import Origin, Patched, Traced
from etl_platform.config.templates import is_comment

_EMPTY = object()
"""What is left of an element of a list that is nothing but a condition without a branch for the case."""


def is_plain(value: Any) -> bool:
    """Whether there is nothing to resolve anywhere within a value; most of a large configuration is plain."""
    # Written for speed: this walks every value of every job.
    if isinstance(value, str):
        return "${" not in value
    if isinstance(value, dict):
        for key in value:
            if key[:1] in ("_", "$") or key == IF:
                return False
        value = value.values()
    elif not isinstance(value, list):
        return True
    return all(map(is_plain, value))


class Resolver:
    """Resolves conditions and variables, for one set of variables and one environment."""

    def __init__(self, variables: Traced, environ: Mapping[str, str], findings: Findings, *, strict: bool):
        self._variables = variables
        self._environ = environ
        self._findings = findings
        self._strict = strict
        self._resolved: dict[str, Traced] = {}
        self._open: list[str] = []
        # A condition among the variables sees only those that are declared outright.
        if IF in variables.value:
            self._variables = self._choose(variables)
            self._resolved.clear()

    def resolve(self, piece: Traced) -> Traced:
        """A value without comments, conditions and variables; secrets stay `${SECRET:key}`.

        Returns:
            The value; BROKEN stands where something could not be resolved, and its fault is noted.
        """
        if is_plain(piece.value):
            return piece
        if isinstance(piece.value, dict):
            return self._object(piece)
        if isinstance(piece.value, list):
            return self._list(piece)
        return self._text(piece)

    def check_variables(self) -> None:
        """Resolve every variable, so that a fault in an unused one is found too."""
        for name in self._variables.value:
            if not is_comment(name):
                self._variable(name, self._variables.origin.child(name))

    def _object(self, piece: Traced) -> Traced:
        if IF in piece.value:
            piece = self._choose(piece)
        changed: dict[str | int, Origin] = {}
        value: dict[str, Any] = {}
        for key, part in piece.value.items():
            if is_comment(key):
                continue
            if isinstance(part, (dict, list)) or (isinstance(part, str) and "${" in part):
                resolved = self.resolve(piece.child(key))
                if resolved.value is not part:
                    changed[key] = resolved.origin
                    part = resolved.value
            value[key] = part
        if not changed and len(value) == len(piece.value):
            return piece
        return Traced(value, Patched(piece.origin, changed) if changed else piece.origin)

    def _list(self, piece: Traced) -> Traced:
        origins: dict[str | int, Origin] = {}
        values: list[Any] = []
        for index, part in enumerate(piece.value):
            if isinstance(part, (dict, list)) or (isinstance(part, str) and "${" in part):
                resolved = self._element(piece.child(index))
                if resolved.value is _EMPTY:
                    continue
                if resolved.value is not part or index != len(values):
                    origins[len(values)] = resolved.origin
                part = resolved.value
            elif index != len(values):
                origins[len(values)] = piece.origin.child(index)
            values.append(part)
        if not origins and len(values) == len(piece.value):
            return piece
        return Traced(values, Patched(piece.origin, origins))

    def _element(self, piece: Traced) -> Traced:
        resolved = self.resolve(piece)
        only_condition = isinstance(piece.value, dict) and IF in piece.value and resolved.value == {}
        return Traced(_EMPTY, piece.origin) if only_condition else resolved

    def _choose(self, piece: Traced) -> Traced:
        while IF in piece.value:
            conditions = conditions_of(piece)
            piece = without_conditions(piece)
            for condition in conditions:
                verdict = self._holds(condition)
                if verdict is None:
                    return Traced({**piece.value, IF: BROKEN}, piece.origin)
                name = THEN if verdict else ELSE
                if name not in condition.value:
                    continue
                if not isinstance(condition.value[name], dict):
                    self._findings.fault(condition.origin.child(name), f"`{name}` must be an object")
                    return Traced({**piece.value, IF: BROKEN}, piece.origin)
                piece = chosen(piece, condition.child(name))
        return piece

    def _holds(self, condition: Traced) -> bool | None:
        """Whether all the variables of an `if` have the values asked for; None where that cannot be told."""
        asked = condition.value[IF]
        origin = condition.origin.child(IF)
        if not isinstance(asked, dict) or not asked:
            message = (
                '`if` must map names of variables to values, as in {"if": {"environment": "production"}}'
            )
            self._findings.fault(origin, message)
            return None
        if THEN not in condition.value and ELSE not in condition.value:
            self._findings.fault(origin, "a condition needs `then`, `else`, or both")
            return None
        verdict: bool | None = True
        for name, wanted in asked.items():
            if is_comment(name):
                continue
            variable = self._variable(name, origin.child(name), named_by_key=origin)
            wish = self.resolve(Traced(wanted, origin.child(name)))
            if variable.value is BROKEN or wish.value is BROKEN:
                verdict = None
            elif verdict is not None:
                verdict = verdict and matches(variable.value, wish.value)
        return verdict

    def _text(self, piece: Traced) -> Traced:
        parts = references.parts(piece.value)
        if len(parts) == 1 and isinstance(parts[0], references.Variable):
            return self._variable(parts[0].name, piece.origin)
        written = piece.origin.written()
        text = ""
        layers: list[str] = []
        from_environment = False
        for part in parts:
            if isinstance(part, str):
                text += part
            elif isinstance(part, references.Secret):
                text += part.text
            elif isinstance(part, references.Environment):
                value = self._environment(part, piece.origin)
                if value is None:
                    return Traced(BROKEN, piece.origin)
                text += value
                layers.append(f"environment variable {part.name}")
                from_environment = True
            elif isinstance(part, references.Variable):
                variable = self._variable(part.name, piece.origin)
                if variable.value is BROKEN:
                    return variable
                if isinstance(variable.value, (dict, list)) or variable.value is None:
                    kind = {dict: "an object", list: "a list"}.get(type(variable.value), "null")
                    message = f'variable "{part.name}" is {kind}; it cannot stand inside a longer text'
                    self._findings.fault(piece.origin, message)
                    return Traced(BROKEN, piece.origin)
                text += _as_text(variable.value)
                layers.append(f"variable {part.name}")
                from_environment = from_environment or variable.origin.written().from_environment
            else:
                message = (
                    "a `${` that is none of ${variables.NAME}, ${ENV:NAME}, ${ENV:NAME:default} and "
                    "${SECRET:key}; a literal `${` is written `$${`"
                )
                self._findings.fault(piece.origin, message)
                return Traced(BROKEN, piece.origin)
        layer = ", ".join(dict.fromkeys(layers)) or written.layer
        return Traced(text, replace(written, layer=layer, from_environment=from_environment))

    def _environment(self, reference: references.Environment, at: Origin) -> str | None:
        """The text of an environment variable; None, and a fault, where it must be set and is not."""
        value = self._environ.get(reference.name, reference.default)
        if value is not None:
            return value
        message = f"environment variable {reference.name} is not set"
        if self._strict:
            hint = f"set it, or give a default: ${{ENV:{reference.name}:default}}"
            self._findings.fault(at, f"{message}; {hint}")
            return None
        self._findings.warning(at, f'{message}; its name stands as the text "{reference.name}"')
        return reference.name

    def _variable(self, name: str, at: Origin, *, named_by_key: Origin | None = None) -> Traced:
        definitions = self._variables.value
        if name not in definitions or is_comment(name):
            known = [key for key in definitions if not is_comment(key)]
            message = f'there is no variable "{name}"{did_you_mean(name, known)}'
            self._findings.fault(named_by_key or at, message, key=name if named_by_key else None)
            return Traced(BROKEN, at)
        if name in self._open:
            cycle = " → ".join([*self._open[self._open.index(name) :], name])
            self._findings.fault(at, f"variables use each other in a cycle: {cycle}")
            return Traced(BROKEN, at)
        if name not in self._resolved:
            with self._opened(name):
                resolved = self.resolve(self._variables.child(name))
            origin = resolved.origin.written()
            layered = replace(origin, layer=f"variable {name}")
            parts = isinstance(resolved.value, (dict, list))
            self._resolved[name] = Traced(resolved.value, resolved.origin if parts else layered)
        return self._resolved[name]

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[None]:
        self._open.append(name)
        try:
            yield
        finally:
            self._open.pop()


def _as_text(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
