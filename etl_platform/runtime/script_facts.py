"""What a script's syntax tree says about it, without running it."""

import ast
import re
from collections.abc import Iterator

# The characters that a bucket's name may have, by the rules of Amazon S3.
_S3_URI = re.compile(r"\bs3[an]?://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])")


def buckets_in(text: str) -> set[str]:
    """Names of the S3 buckets whose addresses stand in a text."""
    return set(_S3_URI.findall(text))


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


def script_buckets(script_text: str) -> set[str]:
    """Names of the S3 buckets that a script's string constants address."""
    tree = parse(script_text)
    if tree is None:
        return set()
    return set().union(*map(buckets_in, string_constants(tree)))


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
