"""Following the values of a Python script through its syntax tree, without executing anything."""

import ast
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from etl_platform.workload.frames import Frame

DEPTH = 12
"""Calls within calls that are followed; deeper ones are unknown values."""

STATEMENTS = 20_000
"""Statements that are followed, over all calls and rounds; a script that needs more is followed in part."""

ITERATIONS = 20
"""Rounds of a loop over known values that are followed."""


@dataclass(frozen=True)
class Reader:
    """`spark.read` and the options that it got so far."""

    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ColumnRef:
    """A column, of a frame or by name alone."""

    frame: Frame | None
    name: str
    alias: str | None = None


@dataclass(frozen=True)
class Condition:
    """Columns that must be equal."""

    pairs: tuple[tuple[ColumnRef, ColumnRef], ...]


@lru_cache(maxsize=32)
def parsed(text: str) -> tuple[ast.Module, tuple[ast.AST, ...]]:
    """The syntax tree of a script and all its nodes; jobs that share a script parse it once.

    Raises:
        SyntaxError: It is not valid Python.
    """
    tree = ast.parse(text)
    return tree, tuple(ast.walk(tree))


class Follower(ABC):
    """Evaluates expressions to frames, columns, conditions, texts and lists; all else is None.

    What a call gives is for the class below to say.
    """

    def __init__(self, arguments: Mapping[str, Any]):
        """Take what the job passes to its script, by name."""
        self._arguments = dict(arguments)
        self._functions: dict[str, ast.FunctionDef] = {}
        self._constructors: dict[str, ast.FunctionDef] = {}
        self._globals: dict[str, Any] = {}
        self._followed: set[str] = set()
        self._running: list[str] = []
        self._left = STATEMENTS

    @property
    def in_part(self) -> bool:
        """The script needs more than STATEMENTS, so its end was not followed."""
        return self._left <= 0

    @abstractmethod
    def _call(self, node: ast.Call, scope: dict[str, Any]) -> Any:
        """The value of a call."""

    def module(self, tree: ast.Module, nodes: Iterable[ast.AST]) -> None:
        """Follow a module, given with all its nodes, then its functions that nobody called."""
        for node in nodes:
            if isinstance(node, ast.FunctionDef):
                self._functions[node.name] = node
            elif isinstance(node, ast.ClassDef):
                for member in node.body:
                    if isinstance(member, ast.FunctionDef) and member.name == "__init__":
                        self._constructors[node.name] = member
        self._body(tree.body, self._globals)
        for name, function in self._functions.items():
            if name not in self._followed:
                self._inline(function, (), {})

    def _body(self, statements: Sequence[ast.stmt], scope: dict[str, Any]) -> Any:
        """Follow statements; gives the first value that is returned."""
        returned = None
        for statement in statements:
            if self.in_part:
                break
            self._left -= 1
            value = self._statement(statement, scope)
            if returned is None:
                returned = value
        return returned

    def _statement(self, node: ast.stmt, scope: dict[str, Any]) -> Any:
        match node:
            case ast.Assign():
                value = self._value(node.value, scope)
                for target in node.targets:
                    self._bind(target, value, scope)
            case ast.AnnAssign() if node.value:
                self._bind(node.target, self._value(node.value, scope), scope)
            case ast.Return():
                return self._value(node.value, scope) if node.value else None
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return None
            case ast.For():
                values = self._value(node.iter, scope)
                rounds = values[:ITERATIONS] if isinstance(values, list) and values else [None]
                returned = None
                for value in rounds:
                    self._bind(node.target, value, scope)
                    returned = self._body(node.body, scope) or returned
                return returned or self._body(node.orelse, scope)
            case ast.With():
                for item in node.items:
                    value = self._value(item.context_expr, scope)
                    if item.optional_vars:
                        self._bind(item.optional_vars, value, scope)
                return self._body(node.body, scope)
            case ast.Try():
                handlers = [statement for handler in node.handlers for statement in handler.body]
                return self._body([*node.body, *handlers, *node.orelse, *node.finalbody], scope)
            case ast.If() | ast.While():
                self._value(node.test, scope)
                return self._body([*node.body, *node.orelse], scope)
            case ast.ClassDef():
                self._body(node.body, dict(scope))
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self._value(child, scope)
        return None

    def _bind(self, target: ast.expr, value: Any, scope: dict[str, Any]) -> None:
        if isinstance(target, ast.Name):
            scope[target.id] = value
        elif isinstance(target, ast.Attribute):
            # `self.orders = …` is found again by its attribute's name.
            scope["." + target.attr] = value
            self._globals["." + target.attr] = value
        elif isinstance(target, ast.Subscript):
            self._bind_item(target, value, scope)
        elif isinstance(target, ast.Tuple | ast.List):
            values = value if isinstance(value, list) else [None] * len(target.elts)
            for one, part in zip(target.elts, values, strict=False):
                self._bind(one, part, scope)

    def _bind_item(self, target: ast.Subscript, value: Any, scope: dict[str, Any]) -> None:
        container, key = self._value(target.value, scope), self._value(target.slice, scope)
        if isinstance(container, dict) and isinstance(key, str):
            container[key] = value

    def _value(self, node: ast.expr, scope: dict[str, Any]) -> Any:
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return scope.get(node.id, self._globals.get(node.id))
            case ast.JoinedStr():
                parts = [self._text_part(part, scope) for part in node.values]
                return None if None in parts else "".join(part for part in parts if part)
            case ast.BinOp():
                return self._binary(node, scope)
            case ast.Compare():
                return self._compare(node, scope)
            case ast.List() | ast.Tuple() | ast.Set():
                return [self._value(item, scope) for item in node.elts]
            case ast.ListComp() | ast.GeneratorExp():
                return self._comprehension(node, scope)
            case ast.Dict():
                return {
                    key.value: self._value(value, scope)
                    for key, value in zip(node.keys, node.values, strict=True)
                    if isinstance(key, ast.Constant)
                }
            case ast.Subscript():
                return self._item(self._value(node.value, scope), self._value(node.slice, scope))
            case ast.Attribute():
                return self._attribute(node, scope)
            case ast.IfExp():
                found = self._value(node.body, scope)
                other = self._value(node.orelse, scope)
                return other if found is None else found
            case ast.NamedExpr():
                value = self._value(node.value, scope)
                self._bind(node.target, value, scope)
                return value
            case ast.Call():
                return self._call(node, scope)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._value(child, scope)
        return None

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp, scope: dict[str, Any]) -> list[Any]:
        """The values of a comprehension; over unknown values it has one unknown round."""
        values = self._value(node.generators[0].iter, scope)
        inner = dict(scope)
        found = []
        for value in values[:ITERATIONS] if isinstance(values, list) else [None]:
            self._bind(node.generators[0].target, value, inner)
            for further in node.generators[1:]:
                self._bind(further.target, None, inner)
            found.append(self._value(node.elt, inner))
        return found

    def _text_part(self, node: ast.expr, scope: dict[str, Any]) -> str | None:
        value = self._value(node.value if isinstance(node, ast.FormattedValue) else node, scope)
        return str(value) if isinstance(value, str | int | float) else None

    def _binary(self, node: ast.BinOp, scope: dict[str, Any]) -> Any:
        left, right = self._value(node.left, scope), self._value(node.right, scope)
        if isinstance(node.op, ast.Add) and isinstance(left, str) and isinstance(right, str):
            return left + right
        if isinstance(node.op, ast.BitAnd):
            pairs = tuple(
                pair for side in (left, right) if isinstance(side, Condition) for pair in side.pairs
            )
            return Condition(pairs) if pairs else None
        # `Path(root) / "orders"`
        if isinstance(node.op, ast.Div) and isinstance(left, str) and isinstance(right, str):
            return f"{left}/{right}"
        return None

    def _compare(self, node: ast.Compare, scope: dict[str, Any]) -> Condition | None:
        left = self._value(node.left, scope)
        right = self._value(node.comparators[0], scope)
        if isinstance(node.ops[0], ast.Eq) and isinstance(left, ColumnRef) and isinstance(right, ColumnRef):
            return Condition(((left, right),))
        return None

    def _item(self, container: Any, key: Any) -> Any:
        if isinstance(container, Frame):
            return ColumnRef(container, key) if isinstance(key, str) else container
        if isinstance(container, dict):
            return container.get(key) if isinstance(key, Hashable) else None
        if isinstance(container, list) and isinstance(key, int) and -len(container) <= key < len(container):
            return container[key]
        return self._arguments.get(key) if container is None and isinstance(key, str) else None

    def _attribute(self, node: ast.Attribute, scope: dict[str, Any]) -> Any:
        value = self._value(node.value, scope)
        if isinstance(value, Frame):
            return ColumnRef(value, node.attr)
        if node.attr in ("read", "readStream"):
            return Reader()
        if isinstance(value, dict):
            return value.get(node.attr)
        known = scope.get("." + node.attr, self._globals.get("." + node.attr))
        return self._arguments.get(node.attr) if known is None else known

    def _inline(self, function: ast.FunctionDef, given: Sequence[Any], keys: Mapping[str, Any]) -> Any:
        """Follow a function of the script with these arguments."""
        self._followed.add(function.name)
        if function.name in self._running or len(self._running) >= DEPTH:
            return next((value for value in given if isinstance(value, Frame)), None)
        parameters = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
        scope = dict(zip(parameters, given, strict=False)) | dict(keys)
        self._running.append(function.name)
        returned = self._body(function.body, scope)
        self._running.pop()
        return returned
