"""What a script's syntax tree says about it, without running it."""

import ast
from collections.abc import Iterator


def parse(script_text: str) -> ast.Module | None:
    """The syntax tree of a script; None where it is not Python, so that running it tells why."""
    try:
        return ast.parse(script_text)
    except (SyntaxError, ValueError):
        return None


def string_constants(tree: ast.AST) -> Iterator[str]:
    """Every string in a script, the fixed parts of f-strings among them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def imported_modules(tree: ast.AST) -> set[str]:
    """Dotted names of all modules that a script imports, wherever the import stands."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names
