"""Branches of conditions that are not taken here: their keys must exist all the same."""

from typing import Any

from etl_platform.config.conditions import ELSE, IF, THEN, conditions_of, without_conditions
from etl_platform.config.findings import Findings
from etl_platform.config.origin import Traced
from etl_platform.config.shape import below, fields, section_for
from etl_platform.config.templates import EXTENDS, is_comment
from etl_platform.config.typed import unknown_key


def check_branches(piece: Traced, annotation: Any, findings: Findings) -> None:
    """Report unknown keys in every branch within a value, whichever of them is taken.

    Args:
        piece: A job or the top level, with its templates applied.
        annotation: The annotation of the models that says what the value is.
        findings: Where to report.
    """
    if isinstance(piece.value, dict):
        for condition in conditions_of(piece):
            for name in (THEN, ELSE):
                if isinstance(condition.value.get(name), dict):
                    branch = condition.child(name)
                    _check_keys(branch, annotation, findings)
                    check_branches(branch, annotation, findings)
        piece = without_conditions(piece)
    keys = piece.value if isinstance(piece.value, dict) else range(len(piece.value))
    for key in keys:
        if isinstance(piece.value[key], (dict, list)):
            check_branches(piece.child(key), below(annotation, key, piece.value), findings)


def _check_keys(branch: Traced, annotation: Any, findings: Findings) -> None:
    """Report unknown keys of a branch and of all objects and lists in it."""
    section = section_for(annotation, branch.value) if isinstance(branch.value, dict) else None
    keys = branch.value if isinstance(branch.value, dict) else range(len(branch.value))
    for key in keys:
        if isinstance(key, str) and (key in (IF, THEN, ELSE, EXTENDS) or is_comment(key)):
            continue
        if section is not None and key not in fields(section):
            findings.fault(branch.origin, unknown_key(str(key), section), key=str(key))
        elif isinstance(branch.value[key], (dict, list)):
            _check_keys(branch.child(key), below(annotation, key, branch.value), findings)
