"""Every ETL job of a team declared in one `etl_config.json`, run and observed by Dagster."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etl_platform.orchestration.component import EtlConfigComponent

__all__ = ["EtlConfigComponent"]


def __getattr__(name: str) -> Any:
    # Lazy, so that importing any part of the core does not import Dagster.
    if name == "EtlConfigComponent":
        from etl_platform.orchestration.component import EtlConfigComponent

        return EtlConfigComponent
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
