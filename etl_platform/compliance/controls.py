"""The controls that personal data and the law ask for, held against what the configuration says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from etl_platform.compliance.detect import ColumnFinding
from etl_platform.compliance.pii_kinds import Classification
from etl_platform.config.models.data_sources import ApiSource
from etl_platform.config.models.job import Job

Law = Literal["policy", "gdpr", "hipaa"]

STRICTNESS: tuple[Classification, ...] = ("public", "internal", "confidential", "restricted")


@dataclass(frozen=True)
class Control:
    """One thing that must be in place.

    Attributes:
        control_id: Stable name, such as `masking/target/email`.
        law: Who asks for it: `policy` where it follows from the data alone.
        met: Whether it is in place; None where nobody can tell.
        evidence: What tells so.
        how: What to set.
    """

    control_id: str
    law: Law
    met: bool | None
    evidence: str
    how: str


def controls(
    job: Job, found: Mapping[str, Sequence[ColumnFinding]], columns: Mapping[str, Sequence[str]]
) -> list[Control]:
    """All controls that apply to a job; none where it has no personal data and no law applies.

    Args:
        job: The job.
        found: Dataset (`target`, or a source) to its columns with personal data.
        columns: Dataset to all of its columns, where they are known.
    """
    keys = job.compliance
    personal = any(found.values())
    if not (personal or keys.pii_fields or keys.gdpr_applicable or keys.hipaa_applicable):
        return []
    checked = [*_data(job, found), *_storage(job, columns)]
    if keys.gdpr_applicable:
        checked += _gdpr(job, columns)
    if keys.hipaa_applicable or any(one.health for each in found.values() for one in each):
        checked += _hipaa(job)
    return checked


def _data(job: Job, found: Mapping[str, Sequence[ColumnFinding]]) -> Iterator[Control]:
    """Each column is declared; what is written is masked; the classification is strict enough."""
    keys = job.compliance
    masks = {name.lower(): mask for name, mask in keys.masking.items()}
    strictest: Classification = "public"
    for dataset, each in found.items():
        for one in each:
            if STRICTNESS.index(one.classification) > STRICTNESS.index(strictest):
                strictest = one.classification
            yield Control(
                f"declared/{dataset}/{one.column}",
                "policy",
                one.declared,
                f"`{one.column}` of {dataset} is {one.kind}: {one.evidence}",
                f'Add "{one.column}" to `compliance.pii_fields`.',
            )
            if dataset == "target":
                yield _masked(one, masks.get(one.column.lower()))
    if strictest != "public":
        yield Control(
            "classification",
            "policy",
            STRICTNESS.index(keys.data_classification) >= STRICTNESS.index(strictest),
            f'`data_classification` is "{keys.data_classification}"; the columns ask for "{strictest}"',
            f'Set `compliance.data_classification` to "{strictest}".',
        )


def _masked(one: ColumnFinding, mask: str | None) -> Control:
    how = f'Set `compliance.masking`: {{"{one.column}": "hash"}}, or leave the column out.'
    if mask is None:
        return Control(
            f"masking/target/{one.column}",
            "policy",
            False,
            f"`{one.column}` has no entry in `compliance.masking`",
            how,
        )
    if one.by_value:
        evidence = f'masked as "{mask}", yet {one.fitting:,} of {one.values:,} written values look raw'
        return Control(f"masking/target/{one.column}", "policy", False, evidence, "Mask it before the write.")
    seen = bool(one.values)
    evidence = f'masked as "{mask}"' + (
        f", and none of {one.values:,} written values looks raw" if seen else "; no value was looked at"
    )
    return Control(f"masking/target/{one.column}", "policy", True if seen else None, evidence, how)


def _storage(job: Job, columns: Mapping[str, Sequence[str]]) -> Iterator[Control]:
    keys = job.compliance
    for name, is_set, what in (
        ("encryption_at_rest", keys.encryption_at_rest, "stored data is encrypted"),
        ("encryption_in_transit", keys.encryption_in_transit, "moved data is encrypted"),
        ("audit_logging", keys.audit_logging, "each access is recorded"),
    ):
        yield Control(
            name,
            "policy",
            is_set,
            f"`compliance.{name}` is {str(is_set).lower()}",
            f"Set `compliance.{name}` to true, once {what}.",
        )
    for source in job.data_sources:
        if isinstance(source, ApiSource) and source.url.startswith("http://"):
            yield Control(
                f"encryption_in_transit/{source.name}",
                "policy",
                False,
                f"`{source.name}` is read by plain http",
                "Read it by https.",
            )
    yield Control(
        "retention",
        "policy",
        keys.retention_days is not None,
        "`compliance.retention_days` is " + ("absent" if keys.retention_days is None else "set"),
        "Set `compliance.retention_days` and `retention_column`.",
    )
    if keys.retention_days is not None:
        yield _column("retention_column", "policy", keys.retention_column, columns)


def _gdpr(job: Job, columns: Mapping[str, Sequence[str]]) -> Iterator[Control]:
    keys = job.compliance.gdpr_config
    for name, is_set, article in (
        ("right_to_deletion", keys.right_to_deletion, "article 17"),
        ("right_to_export", keys.right_to_export, "article 20"),
        ("data_minimization", keys.data_minimization, "article 5 (1) c"),
    ):
        yield Control(
            f"gdpr/{name}",
            "gdpr",
            is_set,
            f"`gdpr_config.{name}` is {str(is_set).lower()}",
            f"Meet {article} of the GDPR, and set `gdpr_config.{name}` to true.",
        )
    if keys.right_to_deletion or keys.right_to_export:
        yield _column("gdpr/subject_key", "gdpr", keys.subject_key, columns)
    if keys.consent_required:
        yield _column("gdpr/consent_field", "gdpr", keys.consent_field, columns)


def _hipaa(job: Job) -> Iterator[Control]:
    keys, law = job.compliance.hipaa_config, "hipaa"
    yield Control(
        "hipaa/applicable",
        law,
        job.compliance.hipaa_applicable,
        f"`compliance.hipaa_applicable` is {str(job.compliance.hipaa_applicable).lower()}",
        "Health data was found: set `compliance.hipaa_applicable` to true.",
    )
    for name, is_set, section in (
        ("baa_in_place", keys.baa_in_place, "45 CFR 164.504 (e)"),
        ("minimum_necessary", keys.minimum_necessary, "45 CFR 164.502 (b)"),
        ("encryption_at_rest", job.compliance.encryption_at_rest, "45 CFR 164.312 (a)(2)(iv)"),
        ("encryption_in_transit", job.compliance.encryption_in_transit, "45 CFR 164.312 (e)"),
        ("audit_logging", job.compliance.audit_logging, "45 CFR 164.312 (b)"),
    ):
        section_of = "hipaa_config." if name in ("baa_in_place", "minimum_necessary") else "compliance."
        yield Control(
            f"hipaa/{name}",
            law,
            is_set,
            f"`{section_of}{name}` is {str(is_set).lower()}",
            f"Meet {section}, and set `{section_of}{name}` to true.",
        )


def _column(control_id: str, law: Law, column: str | None, columns: Mapping[str, Sequence[str]]) -> Control:
    """A key that names a column of the target, else of a source."""
    key = control_id.rpartition("/")[2]
    if column is None:
        return Control(control_id, law, False, f"`{key}` is absent", f"Set `{key}` to the column.")
    known = columns.get("target") or [name for each in columns.values() for name in each]
    if not known:
        return Control(
            control_id, law, None, f"`{key}` is `{column}`; the columns are unknown", "Write the data once."
        )
    there = column.lower() in {name.lower() for name in known}
    return Control(
        control_id,
        law,
        there,
        f"`{key}` is `{column}`, which is {'a' if there else 'no'} column",
        f"Set `{key}` to a column that there is.",
    )
