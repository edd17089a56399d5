"""Which columns hold personal data, told by their names and by what some of their values look like."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from etl_platform.compliance.pii_kinds import KINDS, Classification, Kind, shape_of, words_of

SHARE = 0.5
"""Share of the values that must fit a kind: half of a column of e-mail addresses may be malformed."""

LEAST_VALUES = 3
"""Values below which their look proves nothing."""

LEAST_UNPROVEN = 0.8
"""Share of fitting values that must be proven, where a kind has a check digit: one in ten random numbers
passes Luhn's check by chance, and nearly none of a thousand does so with this share."""


@dataclass(frozen=True)
class ColumnFinding:
    """Personal data in a column; no value is in it.

    Attributes:
        column: Its name.
        kind: Name of the kind, or `declared` where only `compliance.pii_fields` tells.
        classification: Who may see it.
        health: It is health data.
        declared: `compliance.pii_fields` names it.
        by_name: Its name tells.
        values: Values that were looked at; 0: none were.
        fitting: Those that look like the kind.
        proven: Those of them that pass its check digit or range; None: it has none.
        shape: How most of them look, letters as `a` and digits as `9`; None: values tell nothing.
    """

    column: str
    kind: str
    classification: Classification
    health: bool
    declared: bool
    by_name: bool
    values: int = 0
    fitting: int = 0
    proven: int | None = None
    shape: str | None = None

    @property
    def by_value(self) -> bool:
        """Its values tell."""
        return self.fitting > 0

    @property
    def evidence(self) -> str:
        """Why it is personal data, for people."""
        reasons = ["declared in `compliance.pii_fields`"] if self.declared else []
        if self.by_name:
            reasons.append("its name")
        if self.fitting:
            proof = "" if self.proven is None else f", {self.proven:,} of them with a valid check"
            reasons.append(
                f"{self.fitting:,} of {self.values:,} sampled values look like `{self.shape}`{proof}"
            )
        return "; ".join(reasons)


def detect(
    columns: Iterable[str], samples: Mapping[str, Sequence[str]], declared: Iterable[str] = ()
) -> list[ColumnFinding]:
    """Find the columns with personal data.

    Args:
        columns: Names of all columns.
        samples: Column to some of its values as text, nulls left out; a column that is absent is told by its
            name alone.
        declared: `compliance.pii_fields`; the case of letters does not matter.

    Returns:
        Findings in the order of the columns.
    """
    named = {name.lower() for name in declared}
    found = (_find(column, samples.get(column, ()), column.lower() in named) for column in columns)
    return [one for one in found if one]


def _find(column: str, values: Sequence[str], declared: bool) -> ColumnFinding | None:
    words = words_of(column)
    by_name = next((kind for kind in KINDS if kind.column and kind.column.search(words)), None)
    fits = [(kind, fit) for kind in KINDS if (fit := _fit(kind, values))]
    # What the values look like counts more than the name, and the kind of the name more than other kinds.
    chosen = next((pair for pair in fits if pair[0] is by_name), fits[0] if fits else None)
    kind = chosen[0] if chosen else by_name
    if kind is None and not declared:
        return None
    fitting, proven = chosen[1] if chosen else ([], None)
    shapes = Counter(map(shape_of, fitting)).most_common(1)
    return ColumnFinding(
        column=column,
        kind=kind.name if kind else "declared",
        classification=kind.classification if kind else "confidential",
        health=kind.health if kind else False,
        declared=declared,
        by_name=by_name is not None,
        values=len(values),
        fitting=len(fitting),
        proven=proven,
        shape=shapes[0][0] if shapes else None,
    )


def _fit(kind: Kind, values: Sequence[str]) -> tuple[list[str], int | None] | None:
    """Values that look like a kind, and how many of them are proven; None where they are too few."""
    if kind.value is None or len(values) < LEAST_VALUES:
        return None
    fitting = [value for value in values if kind.value.fullmatch(value.strip())]
    if len(fitting) < SHARE * len(values):
        return None
    if kind.proven is None:
        return fitting, None
    proven = sum(kind.proven(value.strip()) for value in fitting)
    return (fitting, proven) if proven >= LEAST_UNPROVEN * len(fitting) else None
