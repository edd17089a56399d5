"""`workload`: what the team knows of the work before it is measured."""

from typing import Literal

from pydantic import Field

from etl_platform.config.models.base import Section, Severity


class Workload(Section):
    """What the team knows of the work; what is absent is detected or derived."""

    data_volume_gb: float | None = Field(
        default=None, ge=0, le=1e15, description="Input in GB; null: detect."
    )
    auto_calculate_volume: bool = Field(default=True, description="Measure the sources.")
    estimated_file_count: int | None = Field(default=None, ge=0, description="Input files.")
    auto_calculate_file_count: bool = Field(default=True, description="Count the files of the sources.")
    complexity: Literal["simple", "moderate", "complex"] | None = Field(
        default=None, description="Null: derived from the data flow and the script."
    )
    query_pattern: Literal["batch", "streaming", "interactive"] = Field(
        default="batch", description="Kind of work."
    )
    incremental: bool = Field(default=False, description="Each run reads only what is new.")
    incremental_column: str | None = Field(default=None, description="Column that tells what is new.")
    partition_keys: list[str] = Field(default_factory=list, description="Keys that the work is cut by.")
    expected_growth_rate_monthly: float | None = Field(default=None, description="0.05 is 5 % a month.")
    avg_event_size_kb: float | None = Field(default=None, gt=0, description="Streaming: size of an event.")
    events_per_second: float | None = Field(default=None, ge=0, description="Streaming: throughput.")
    criticality: Severity = Field(default="medium", description="How much it matters when it fails.")
