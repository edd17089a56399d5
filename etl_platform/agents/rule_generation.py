"""Quality rules for a dataset that has none, from one scan of it; each is tried on the data first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Literal

from etl_platform.agents.datasets import Look, guarded, look
from etl_platform.config.checks.job import problems
from etl_platform.config.models.data_quality import DataQuality, ReferentialIntegrity
from etl_platform.config.models.data_sources import JoinKey
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.column_types import family, is_known_type
from etl_platform.quality.dataset import open_dataset
from etl_platform.quality.engine import evaluate
from etl_platform.quality.profile import PATTERNS, ColumnProfile, DatasetProfile, profile
from etl_platform.quality.report import RuleResult
from etl_platform.quality.results import wilson
from etl_platform.quality.rules import rules_of

LEAST_ROWS = 20
"""Rows below which nothing is said of what is usual."""

LEAST_ROWS_FOR_VALUES = 100
"""Rows below which a few different values are no list of all there may be."""

MOST_NULLS_PERCENT = 5.0
MOST_FAILING_PERCENT = 5.0
"""Shares above which nulls, or values that do not fit, are usual, and no rule is made of it."""

NEARLY_ALL = 0.9
"""Share of distinct values, which are counted roughly, from which uniqueness is counted exactly."""

KEYS_TRIED = 4

TYPES: Mapping[str, str] = {"integer": "bigint", "number": "double", "date": "date", "time": "timestamp"}
"""What texts look like to the type that they can be read as."""

Section = Literal[
    "completeness_checks", "accuracy_rules", "duplicate_check", "referential_integrity", "schema_check"
]
SINGLE: tuple[Section, ...] = ("duplicate_check", "schema_check")
"""Sections that hold one rule a job."""


@dataclass(frozen=True)
class GeneratedRule:
    """A rule and why.

    Attributes:
        rule_id: Such as `completeness_checks/order_id`.
        section: Section of `data_quality` that it belongs to.
        rule: As it stands in the configuration.
        evidence: What was counted.
    """

    rule_id: str
    section: Section
    rule: Mapping[str, Any]
    evidence: str


@dataclass(frozen=True)
class RuleSet:
    """The rules of one dataset.

    Attributes:
        dataset: `target`, or the name of a source.
        rows: Rows that were looked at; None: the data could not be read.
        rules: The rules; all of them hold on the data as it is.
        left_out: What no rule was made of, and why.
    """

    dataset: str
    rows: int | None
    rules: tuple[GeneratedRule, ...]
    left_out: tuple[str, ...]

    @property
    def configuration(self) -> dict[str, Any]:
        """To be pasted into the job: `{"data_quality": {…}}`; empty without rules."""
        quality: dict[str, Any] = {}
        for one in self.rules:
            if one.section in SINGLE:
                quality[one.section] = dict(one.rule)
            else:
                quality.setdefault(one.section, []).append(dict(one.rule))
        return {"data_quality": quality} if quality else {}


def generate(config: Config, job: Job, dataset: str, *, seen: Look | None = None) -> RuleSet:
    """Make rules for a dataset: types, nulls, ranges, allowed values, patterns, keys and foreign keys.

    No value of a column with personal data is in any of them, whether the job declares it or not.

    Args:
        config: The configuration.
        job: The job.
        dataset: `target`, or the name of a source.
        seen: What was seen of it; None: it is looked at.

    Raises:
        NoLocationError, NoDataError, QueryError: The dataset cannot be read.
    """
    seen = seen or look(config, job, dataset)
    if seen.unread:
        return RuleSet(dataset, None, (), (f"{dataset} was not read: {seen.unread}",))
    private = guarded(job, seen)
    found = profile(config, private, dataset)
    if found.rows < LEAST_ROWS:
        return RuleSet(dataset, found.rows, (), (f"{found.rows} rows are too few to tell what is usual",))
    left_out: list[str] = []
    made = list(_candidates(config, private, found, left_out))
    made = [one for one in made if _is_free(job, one, left_out)]
    tried = list(_tried(config, private, dataset, made, left_out))
    return RuleSet(dataset, found.rows, tuple(tried), tuple(left_out))


def with_rules(job: Job, rules: RuleSet) -> Job:
    """The job with the rules pasted in beside its own.

    Raises:
        ValueError: The configuration that was made is not valid.
    """
    added = DataQuality.model_validate(rules.configuration.get("data_quality", {}))
    own = job.data_quality
    changes = {
        name: getattr(added, name)
        if not isinstance(getattr(added, name), list)
        else [*getattr(own, name), *getattr(added, name)]
        for name in added.model_fields_set
    }
    pasted = job.model_copy(update={"data_quality": own.model_copy(update=changes)})
    for problem in problems(pasted):
        raise ValueError(f"{'.'.join(map(str, problem.path))}: {problem.message}")
    return pasted


def _candidates(
    config: Config, job: Job, found: DatasetProfile, left_out: list[str]
) -> Iterator[GeneratedRule]:
    keys = _key(config, job, found)
    if keys:
        yield keys
    for column in found.columns:
        yield from _nulls(column, found, left_out)
        yield from _values(column, found, is_key=bool(keys) and column.name in keys.rule["key_fields"])
    types = {column.name: column.type for column in found.columns if is_known_type(column.type)}
    if types:
        yield _rule("schema_check", "", found, f"{len(types)} columns as they are", columns=types)
    yield from _foreign_keys(job, found)


def _nulls(column: ColumnProfile, found: DatasetProfile, left_out: list[str]) -> Iterator[GeneratedRule]:
    percent = column.null_percent or 0.0
    if percent > MOST_NULLS_PERCENT:
        left_out.append(f"{column.name}: {percent:.1f} % are null, which seems to be usual")
        return
    yield _rule(
        "completeness_checks",
        column.name,
        found,
        f"{column.nulls:,} of {found.rows:,} rows are null",
        field=column.name,
        null_threshold_percent=tolerated_percent(column.nulls, found.rows),
    )


def _values(column: ColumnProfile, found: DatasetProfile, *, is_key: bool) -> Iterator[GeneratedRule]:
    """The rule about a column's values that tells most."""
    name, kind = column.name, family(column.type)
    if kind == "string" and column.pattern:
        evidence = f"nearly all texts look like {_article(column.pattern)}"
        if column.pattern in TYPES:
            wanted = TYPES[column.pattern]
            yield _accuracy("type", name, found, evidence, expected=wanted)
        elif not _listed(column, found):
            yield _accuracy("regex", name, found, evidence, pattern=PATTERNS[column.pattern])
    if kind == "string" and _listed(column, found):
        evidence = f"{len(column.top)} different values in {found.rows:,} rows"
        yield _accuracy("allowed_values", name, found, evidence, values=sorted(map(str, column.top)))
    elif kind == "string" and column.length_min and column.length_min == column.length_max:
        evidence = f"all texts have {column.length_min} characters"
        yield _accuracy("length", name, found, evidence, min=column.length_min, max=column.length_max)
    elif kind in ("integer", "decimal", "float") and not column.hidden and not is_key:
        yield from _range(column, found)
    elif kind in ("date", "timestamp", "timestamp_ntz") and not column.hidden and column.min is not None:
        yield _accuracy(
            "date_range",
            name,
            found,
            f"from {column.min} to {column.max}",
            min_date=f"{str(column.min)[:4]}-01-01",
            max_date="current_date + 1 day",
        )


def _listed(column: ColumnProfile, found: DatasetProfile) -> bool:
    """Whether the frequent values of a column are all that there are."""
    few = column.top and column.distinct_approx == len(column.top)
    return bool(few) and not column.hidden and found.rows >= LEAST_ROWS_FOR_VALUES


def _range(column: ColumnProfile, found: DatasetProfile) -> Iterator[GeneratedRule]:
    """What was seen, widened by what the middle nine tenths span; nothing below 0 where nothing was."""
    if column.min is None or column.max is None or not column.quantiles:
        return
    low, high = float(str(column.min)), float(str(column.max))
    spread = column.quantiles[0.95] - column.quantiles[0.05] or high - low
    if low == high:
        return
    share = low >= 0 and high <= 1 and family(column.type) == "float"
    bounds = (0.0, 1.0) if share else (0.0 if low >= 0 else low - spread, high + spread)
    yield _accuracy(
        "range",
        column.name,
        found,
        f"from {column.min} to {column.max}; nine tenths from {column.quantiles[0.05]:g} to "
        f"{column.quantiles[0.95]:g}",
        min=float(f"{bounds[0]:.6g}"),
        max=float(f"{bounds[1]:.6g}"),
    )


def _key(config: Config, job: Job, found: DatasetProfile) -> GeneratedRule | None:
    """The first column that identifies a row, counted exactly; those that are called like a key first."""
    able = [
        column
        for column in found.columns
        if column.nulls == 0
        and family(column.type) in ("integer", "string")
        and (column.distinct_approx or 0) >= NEARLY_ALL * found.rows
    ]
    able.sort(key=lambda column: not column.name.lower().endswith(("id", "key", "code", "no", "number")))
    if not able:
        return None
    with open_dataset(config, job, found.dataset, engine="local") as data:
        for column in able[:KEYS_TRIED]:
            rows, again = data.frame.count_duplicates([column.name])
            if again == 0:
                evidence = f"{rows:,} of {rows:,} rows differ in it, counted exactly"
                return _rule(
                    "duplicate_check", column.name, found, evidence, key_fields=[column.name], severity="high"
                )
    return None


def _foreign_keys(job: Job, found: DatasetProfile) -> Iterator[GeneratedRule]:
    """The joins that the source declares on a single column."""
    source = next((one for one in job.data_sources if one.name == found.dataset), None)
    for parent, key in source.join_keys.items() if source else ():
        left, right = (key.left, key.right) if isinstance(key, JoinKey) else (key, key)
        child = left if isinstance(left, str) else left[0] if len(left) == 1 else None
        theirs = right if isinstance(right, str) else right[0] if len(right) == 1 else None
        if child and theirs and child in {column.name for column in found.columns}:
            yield GeneratedRule(
                f"referential_integrity/{child}/{parent}",
                "referential_integrity",
                {
                    "child_table": found.dataset,
                    "child_key": child,
                    "parent_table": parent,
                    "parent_key": theirs,
                },
                f"`join_keys` joins it with {parent}",
            )


def _is_free(job: Job, one: GeneratedRule, left_out: list[str]) -> bool:
    if one.section not in SINGLE or getattr(job.data_quality, one.section) is None:
        return True
    left_out.append(f"{one.rule_id}: the job has a `{one.section}` already, and may have one only")
    return False


def _tried(
    config: Config, job: Job, dataset: str, made: list[GeneratedRule], left_out: list[str]
) -> Iterator[GeneratedRule]:
    """The rules that hold on the data, with thresholds by what was counted."""
    results = _results(config, job, dataset, made)
    for one, result in zip(made, results, strict=True):
        if result.error:
            left_out.append(f"{one.rule_id}: it cannot be evaluated ({result.reason_code})")
        elif result.rows_failed is None:
            if result.passed:
                yield one
        elif (result.failed_percent or 0.0) > MOST_FAILING_PERCENT:
            left_out.append(f"{one.rule_id}: {result.failed_percent:.1f} % of the rows break it")
        else:
            yield _counted(one, result)


def _counted(one: GeneratedRule, result: RuleResult) -> GeneratedRule:
    failed, rows = result.rows_failed or 0, result.rows_checked or 0
    if one.section == "completeness_checks" or not failed:
        return one
    evidence = f"{one.evidence}; {failed:,} of {rows:,} rows break it"
    return replace(
        one, rule={**one.rule, "threshold_percent": tolerated_percent(failed, rows)}, evidence=evidence
    )


def _results(config: Config, job: Job, dataset: str, made: list[GeneratedRule]) -> list[RuleResult]:
    """What comes of the rules on the data, in their order; the job's own rules are left out."""
    bare = job.model_copy(update={"data_quality": DataQuality(engine="local")})
    pasted = with_rules(bare, RuleSet(dataset, None, tuple(made), ()))
    report = evaluate(config, pasted, dataset, rules=rules_of(pasted), engine="local", show_values=False)
    by_spec = {_name(result): result for result in report.results}
    return [by_spec[one.rule_id] for one in made]


def _name(result: RuleResult) -> str:
    """The id of the generated rule that a result is of."""
    kind, fields, spec = result.rule.kind, result.rule.fields, result.rule.spec
    if isinstance(spec, ReferentialIntegrity):
        return f"referential_integrity/{spec.child_key}/{spec.parent_table}"
    match kind:
        case "completeness":
            return f"completeness_checks/{fields[0]}"
        case "duplicates":
            return f"duplicate_check/{fields[0]}"
        case "schema":
            return "schema_check"
        case _:
            return f"accuracy_rules/{fields[0]}/{kind}"


def _rule(section: Section, column: str, found: DatasetProfile, evidence: str, **keys: Any) -> GeneratedRule:
    rule = {"dataset": found.dataset, **keys}
    return GeneratedRule("/".join(filter(None, (section, column))), section, rule, evidence)


def _accuracy(
    rule_type: str, column: str, found: DatasetProfile, evidence: str, **keys: Any
) -> GeneratedRule:
    made = _rule("accuracy_rules", column, found, evidence, field=column, rule_type=rule_type, **keys)
    return replace(made, rule_id=f"{made.rule_id}/{rule_type}")


def tolerated_percent(failed: int, rows: int) -> float:
    """A threshold for rows that fail as they do now, in percent; 0 where none fails.

    It is the upper end of the 95 % interval of their share, in tenths.
    """
    return ceil(wilson(failed, rows)[1] * 10) / 10 if failed and rows else 0.0


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
