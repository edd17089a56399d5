"""Rules of `data_quality`: the datasets that they name, and bounds that can be met."""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

from etl_platform.config.checks.problem import Problem
from etl_platform.config.dates import parse_bound
from etl_platform.config.faults import KeyPath, did_you_mean
from etl_platform.config.models import data_quality as rules
from etl_platform.config.models.job import Job

_TABLES = ("child_table", "parent_table")


@lru_cache(maxsize=4096)
def pattern_fault(pattern: str) -> str | None:
    """What is wrong with a regular expression; None where nothing is."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"is no regular expression: {error}"
    return None


def all_rules(quality: rules.DataQuality) -> Iterator[tuple[KeyPath, rules.Rule]]:
    """Each rule, with its path from `data_quality`."""
    for name in ("completeness_checks", "accuracy_rules", "referential_integrity", "custom_validations"):
        for index, rule in enumerate(getattr(quality, name)):
            yield (name, index), rule
    for name in ("duplicate_check", "freshness", "row_count", "schema_check"):
        rule = getattr(quality, name)
        if rule is not None:
            yield (name,), rule


def datasets_exist(job: Job) -> Iterator[Problem]:
    """A rule names the target or a source of its job."""
    names = [*(["target"] if job.target else []), *(source.name for source in job.data_sources)]
    for path, rule in all_rules(job.data_quality):
        keys = ("dataset", *_TABLES) if isinstance(rule, rules.ReferentialIntegrity) else ("dataset",)
        for key in keys:
            name = getattr(rule, key)
            if name is None or name in names:
                continue
            place = ("data_quality", *path, key)
            if name == "target":
                yield Problem(place, 'the job has no target; name a source, or declare "target"')
            else:
                known = f"; it has {', '.join(names)}" if names else ""
                hint = did_you_mean(name, names) or known
                yield Problem(place, f"is neither the target nor a source of this job{hint}", name)


def bounds_can_be_met(job: Job) -> Iterator[Problem]:
    """Bounds are in order, patterns and dates can be read, keys name a column once."""
    for path, rule in all_rules(job.data_quality):
        for part, message, value in _faults(rule):
            yield Problem(("data_quality", *path, *part), message, *value)


def _faults(rule: rules.Rule) -> Iterator[tuple[KeyPath, str, tuple[Any, ...]]]:
    match rule:
        case rules.RangeRule() | rules.LengthRule() | rules.RowCount():
            if rule.min is not None and rule.max is not None and rule.min > rule.max:
                yield ("min",), f"`min` is greater than `max`: {rule.min:g} > {rule.max:g}", ()
            elif not isinstance(rule, rules.RowCount) and rule.min is None and rule.max is None:
                yield (), "the rule needs `min`, `max`, or both", ()
            elif isinstance(rule, rules.RowCount) and not rule.model_fields_set & {
                "min",
                "max",
                "max_change_percent",
            }:
                yield (), "the rule needs `min`, `max` or `max_change_percent`", ()
        case rules.DateRangeRule():
            yield from _date_faults(rule)
        case rules.RegexRule():
            fault = pattern_fault(rule.pattern)
            if fault:
                yield ("pattern",), fault, (rule.pattern,)
        case rules.DuplicateCheck():
            if len(set(rule.key_fields)) < len(rule.key_fields):
                yield ("key_fields",), "a column is named twice", ()


def _date_faults(rule: rules.DateRangeRule) -> Iterator[tuple[KeyPath, str, tuple[Any, ...]]]:
    if rule.min_date is None and rule.max_date is None:
        yield (), "the rule needs `min_date`, `max_date`, or both", ()
    bounds = []
    for key in ("min_date", "max_date"):
        text = getattr(rule, key)
        if text is None:
            continue
        bound = parse_bound(text)
        if bound is None:
            yield (key,), "is neither an ISO 8601 date nor like `current_date - 7 day`", (text,)
        elif isinstance(bound, datetime):
            bounds.append(bound.replace(tzinfo=None))
    if len(bounds) == 2 and bounds[0] > bounds[1]:
        yield ("min_date",), "`min_date` is later than `max_date`", ()
