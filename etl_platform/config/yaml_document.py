"""YAML files, read as JSON's types: `no` is a text, a date is a text, keys are texts."""

import re
from typing import Any

import yaml

from etl_platform.config.document import Document, Text
from etl_platform.config.faults import ConfigError, Fault, KeyPath, dotted

# Ten times as fast, where PyYAML was built with libyaml.
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _JsonTypesLoader(_BASE):
    """Knows only the plain scalars that JSON has (the core schema of YAML 1.2)."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as in PyYAML


for _tag, _pattern, _first in (
    ("null", r"null|~|", ["n", "~", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"[-+]?(0|[1-9][0-9]*)", [*"-+0123456789"]),
    ("float", r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", [*"-+0123456789"]),
):
    _JsonTypesLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first
    )

_READERS = {
    "tag:yaml.org,2002:null": lambda _: None,
    "tag:yaml.org,2002:bool": lambda text: text == "true",
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:float": float,
    "tag:yaml.org,2002:str": str,
}


class YamlMarks:
    """Offsets in a YAML text, from the marks of its nodes."""

    def __init__(self, root: yaml.Node):
        self._root = root

    def offset(self, path: KeyPath, *, key: bool) -> int:
        """Characters before a value, or before its key; of what encloses it where there is no such value."""
        node = key_node = self._root
        for name in path:
            pair = self._child(node, name)
            if pair is None:
                return node.start_mark.index
            key_node, node = pair
        return (key_node if key else node).start_mark.index

    @staticmethod
    def _child(node: yaml.Node, name: str | int) -> tuple[yaml.Node, yaml.Node] | None:
        if isinstance(node, yaml.MappingNode):
            return next((pair for pair in node.value if pair[0].value == name), None)
        if isinstance(node, yaml.SequenceNode) and isinstance(name, int) and name < len(node.value):
            return node.value[name], node.value[name]
        return None


class _Reader:
    """Turns nodes into values, and notes what JSON could not say."""

    def __init__(self, text: Text):
        self.text = text
        self.faults: list[Fault] = []
        self._open: list[yaml.Node] = []

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        if any(node is parent for parent in self._open):
            self._fault(node, path, "an alias stands inside what it names")
            return None
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._object(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._scalar(node, path)
        finally:
            self._open.pop()

    def _object(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        value: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._fault(key_node, path, "a key must be a text")
                continue
            key = key_node.value
            if key == "<<":
                self._fault(key_node, (*path, key), "merge keys are not read; use `extends`")
                continue
            if key in value:
                message = f"the key stands twice in its object; first in line {lines[key]}"
                self._fault(key_node, (*path, key), message)
            lines.setdefault(key, key_node.start_mark.line + 1)
            value[key] = self.value(value_node, (*path, key))
        return value

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        reader = _READERS.get(node.tag)
        if reader is None:
            self._fault(node, path, f"the YAML tag {node.tag} is not read; use plain values")
            return None
        return reader(node.value)

    def _fault(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        self.faults.append(self.text.fault(node.start_mark.index, dotted(path), message))


def parse_yaml(text: Text) -> Document:
    """Parse a YAML file.

    Raises:
        ConfigError: It is no YAML, or holds several documents.
    """
    try:
        root = yaml.compose(text.content, Loader=_JsonTypesLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        offset = mark.index if mark else 0
        raise ConfigError([text.fault(offset, "", f"invalid YAML: {error.problem}")]) from None
    except yaml.reader.ReaderError as error:
        message = f"invalid YAML: {error.reason}"
        raise ConfigError([text.fault(error.position, "", message)]) from None
    except RecursionError:
        raise ConfigError([text.fault(0, "", "objects or lists are nested too deep")]) from None
    if root is None:
        raise ConfigError([text.fault(0, "", "the file is empty; it must hold an object")])
    reader = _Reader(text)
    try:
        value = reader.value(root, ())
    except ValueError:
        raise ConfigError([text.fault(0, "", "invalid YAML: a scalar does not fit its tag")]) from None
    return Document(text, value, YamlMarks(root), tuple(reader.faults))
