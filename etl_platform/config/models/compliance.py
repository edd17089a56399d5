"""`compliance`: what the law says about the data."""

from typing import Literal

from pydantic import Field

from etl_platform.config.models.base import Section, shared


class GdprConfig(Section):
    """Which duties of the GDPR the job meets."""

    consent_required: bool = Field(default=False, description="Rows without consent may not be processed.")
    consent_field: str | None = Field(default=None, description="Column that holds the consent.")
    right_to_deletion: bool = Field(default=False, description="A person's rows can be deleted.")
    right_to_export: bool = Field(default=False, description="A person's rows can be exported.")
    data_minimization: bool = Field(default=False, description="Only needed columns are kept.")
    subject_key: str | None = Field(default=None, description="Column that identifies the person.")


class HipaaConfig(Section):
    """Which duties of HIPAA the job meets."""

    baa_in_place: bool = Field(default=False, description="A business associate agreement is signed.")
    minimum_necessary: bool = Field(default=False, description="Only needed columns are kept.")


class Compliance(Section):
    """What the law says about the data of a job."""

    pii_fields: list[str] = Field(default_factory=list, description="Columns with personal data.")
    auto_detect_pii: bool = Field(default=False, description="Look for personal data in other columns.")
    masking: dict[str, Literal["hash", "redact", "partial", "tokenize", "null"]] = Field(
        default_factory=dict, description="Column to kind of mask."
    )
    gdpr_applicable: bool = Field(default=False, description="The GDPR applies.")
    gdpr_config: GdprConfig = Field(default_factory=shared(GdprConfig), description="Duties of the GDPR.")
    hipaa_applicable: bool = Field(default=False, description="HIPAA applies.")
    hipaa_config: HipaaConfig = Field(default_factory=shared(HipaaConfig), description="Duties of HIPAA.")
    data_classification: Literal["public", "internal", "confidential", "restricted"] = Field(
        default="internal", description="Who may see the data."
    )
    retention_days: int | None = Field(
        default=None, ge=1, description="Rows are deleted after this many days."
    )
    retention_column: str | None = Field(default=None, description="Column that tells a row's age.")
    encryption_at_rest: bool = Field(default=False, description="Stored data must be encrypted.")
    encryption_in_transit: bool = Field(default=False, description="Moved data must be encrypted.")
    audit_logging: bool = Field(default=False, description="Each access is recorded.")
    data_lineage_tracking: bool = Field(default=False, description="Lineage of columns is recorded.")
