"""`data_flow`: how much of the joins is worked out."""

from typing import Literal

from pydantic import Field

from etl_platform.config.models.base import Section


class DataFlow(Section):
    """How much of the data flow is analysed, and what is done with it."""

    analysis_enabled: bool = Field(default=True, description="False: joins are not analysed.")
    auto_detect_joins: bool = Field(default=True, description="Guess joins from names and from the script.")
    auto_detect_broadcast_candidates: bool = Field(
        default=True, description="Find tables small enough to send."
    )
    auto_optimize_join_order: bool = Field(default=True, description="Recommend an order of joins.")
    join_strategy: Literal["auto", "broadcast", "shuffle"] = Field(
        default="auto", description="Kind of join."
    )
    shuffle_optimization: Literal["auto", "off"] = Field(
        default="auto", description="Size shuffle partitions."
    )
    flow_description: str = Field(default="", description="Free text, shown in the UI.")
