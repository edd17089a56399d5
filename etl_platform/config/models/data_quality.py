"""`data_quality`: what the data must be."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field

from etl_platform.config.models.base import Percent, RuleAction, Section, Severity


class Rule(Section):
    """What every rule has: where it looks and what a failure means."""

    dataset: str | None = Field(
        default=None,
        description="`target` or a source's name; absent: the first of target, fact sources, other "
        "sources in order, that has the field.",
    )
    severity: Severity = Field(default="medium", description="How bad a failure is.")
    action: RuleAction | None = Field(
        default=None, description="Absent: `fail_job` for critical rules, else `warn`."
    )

    @property
    def effective_action(self) -> RuleAction:
        """The action, with the default that follows from the severity."""
        return self.action or ("fail_job" if self.severity == "critical" else "warn")


class CompletenessCheck(Rule):
    """A column has values."""

    field: str = Field(min_length=1, description="Column.")
    required: bool = Field(default=True, description="The column must exist.")
    null_threshold_percent: Percent = Field(
        default=0, description="Nulls that are tolerated, of rows checked."
    )


class AccuracyRule(Rule):
    """A column's values are right; a null never fails one of these."""

    field: str = Field(min_length=1, description="Column.")
    threshold_percent: Percent = Field(default=0, description="Failing rows that are tolerated.")


class RegexRule(AccuracyRule):
    """A value holds a match of a pattern, as `re.search` finds it."""

    rule_type: Literal["regex"] = Field(description="Kind of rule.")
    pattern: str = Field(description="Regular expression.")


class RangeRule(AccuracyRule):
    """A number lies between two bounds, both included."""

    rule_type: Literal["range"] = Field(description="Kind of rule.")
    min: float | None = Field(default=None, description="Smallest value.")
    max: float | None = Field(default=None, description="Largest value.")


class DateRangeRule(AccuracyRule):
    """A date or time lies between two bounds, both included."""

    rule_type: Literal["date_range"] = Field(description="Kind of rule.")
    min_date: str | None = Field(default=None, description="ISO date, or `current_date - 7 day`.")
    max_date: str | None = Field(default=None, description="ISO date, or `current_date + 1 hour`.")


class AllowedValuesRule(AccuracyRule):
    """A value is one of a list."""

    rule_type: Literal["allowed_values"] = Field(description="Kind of rule.")
    values: list[str | int | float | bool] = Field(min_length=1, description="The values.")


class LengthRule(AccuracyRule):
    """A text's length in characters lies between two bounds, both included."""

    rule_type: Literal["length"] = Field(description="Kind of rule.")
    min: int | None = Field(default=None, ge=0, description="Smallest length.")
    max: int | None = Field(default=None, ge=0, description="Largest length.")


class TypeRule(AccuracyRule):
    """Values can be read as a type."""

    rule_type: Literal["type"] = Field(description="Kind of rule.")
    expected: str = Field(min_length=1, description="Type, in Spark's names.")


AnyAccuracyRule = Annotated[
    RegexRule | RangeRule | DateRangeRule | AllowedValuesRule | LengthRule | TypeRule,
    Discriminator("rule_type"),
]


class DuplicateCheck(Rule):
    """Rows are unique by their key; a row with a null in its key is no duplicate."""

    enabled: bool = Field(default=True, description="False: not checked.")
    key_fields: list[str] = Field(min_length=1, description="Columns of the key.")
    threshold_percent: Percent = Field(default=0, description="Duplicates that are tolerated.")
    dedup_strategy: Literal["keep_first", "keep_last", "none"] = Field(
        default="none", description="Which row of a group stays, with action `quarantine`."
    )


class ReferentialIntegrity(Rule):
    """A child's key is found in its parent; null keys are ignored."""

    child_table: str = Field(min_length=1, description="Source name or `target`.")
    child_key: str = Field(min_length=1, description="Column of the child.")
    parent_table: str = Field(min_length=1, description="Source name or `target`.")
    parent_key: str = Field(min_length=1, description="Column of the parent.")
    allow_orphans: bool = Field(default=False, description="True: reported, never failed.")
    threshold_percent: Percent = Field(default=0, description="Orphans that are tolerated.")


class CustomValidation(Rule):
    """A boolean SQL expression holds for each row; null fails."""

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="Name of the check.")
    sql: str = Field(min_length=1, description="Boolean expression over the row, in Spark SQL.")
    threshold_percent: Percent = Field(default=0, description="Failing rows that are tolerated.")


class Freshness(Rule):
    """The newest value of a time column is young enough."""

    field: str = Field(min_length=1, description="Time column.")
    max_age_hours: float = Field(gt=0, description="Oldest age that passes.")


class RowCount(Rule):
    """The dataset has as many rows as expected."""

    min: int | None = Field(default=None, ge=0, description="Fewest rows.")
    max: int | None = Field(default=None, ge=0, description="Most rows.")
    max_change_percent: float | None = Field(
        default=None, gt=0, description="Largest change against the mean of the last runs."
    )


class SchemaCheck(Rule):
    """The dataset has the columns and types expected."""

    columns: dict[str, str] = Field(min_length=1, description="Column to type.")
    allow_extra: bool = Field(default=True, description="Further columns are tolerated.")


class DataQuality(Section):
    """What the data must be, and what happens where it is not."""

    enabled: bool = Field(default=True, description="False: no rule is evaluated.")
    fail_on_error: bool = Field(default=True, description="False: `fail_job` rules warn.")
    sample_size: int | None = Field(default=None, ge=1, description="Rows to look at; null: every row.")
    parallel_validation: bool = Field(default=False, description="Datasets are checked side by side.")
    engine: Literal["auto", "local", "spark"] = Field(default="auto", description="Where the rules run.")
    dead_letter_queue_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="SQS queue that gets the rows of rules with action `dead_letter_queue` under the profile "
        "`aws`; under `local` they go to a file.",
    )
    completeness_checks: list[CompletenessCheck] = Field(default_factory=list, description="Null rules.")
    accuracy_rules: list[AnyAccuracyRule] = Field(default_factory=list, description="Value rules.")
    duplicate_check: DuplicateCheck | None = Field(default=None, description="Uniqueness of a key.")
    referential_integrity: list[ReferentialIntegrity] = Field(
        default_factory=list, description="Foreign keys."
    )
    custom_validations: list[CustomValidation] = Field(default_factory=list, description="SQL rules.")
    freshness: Freshness | None = Field(default=None, description="Age of the newest row.")
    row_count: RowCount | None = Field(default=None, description="Number of rows.")
    schema_check: SchemaCheck | None = Field(default=None, description="Columns and types.")
