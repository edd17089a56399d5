"""Jobs, figures and analyses of the tests of this folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from etl_platform.catalog.stats import TableStats
from etl_platform.config.models.job import Job
from etl_platform.workload.analyze import analyze
from etl_platform.workload.joins import Join
from etl_platform.workload.model import Workload
from etl_platform_tests.catalog.builders import config, job


def table(name: str, **keys: Any) -> dict[str, Any]:
    """A Glue table `db.<name>` as a source."""
    return {"name": name, "source_type": "glue_catalog", "database": "db", "table": name, **keys}


def stats(size_gb: float | None = None, **keys: Any) -> TableStats:
    return TableStats(dataset="test", size_gb=size_gb, detected_by="test", measured_at=0.0, **keys)


def sized(**sizes: float | None) -> dict[str, TableStats]:
    """Figures of sources by name and GB."""
    return {name: stats(size_gb) for name, size_gb in sizes.items()}


def analyzed(
    folder: Path,
    one: Job,
    figures: Mapping[str, TableStats],
    *,
    script: str = "",
    executor_memory_gb: float | None = None,
    **settings: Any,
) -> Workload:
    """Analyse a job whose script has that text."""
    (folder / "script.py").write_text(script)
    return analyze(config(folder, one, **settings), one, figures, executor_memory_gb=executor_memory_gb)


def joins_of(workload: Workload) -> list[str]:
    """Joins as `left.column = right.column kind`."""
    return [_text(join) for join in workload.joins]


def _text(join: Join) -> str:
    pairs = zip(join.left_columns, join.right_columns, strict=True)
    on = " and ".join(f"{join.left}.{one} = {join.right}.{other}" for one, other in pairs)
    return f"{on or f'{join.left} with {join.right}'} {join.how}"


SALES = (
    table(
        "transactions",
        joins_with=["customers", "products"],
        join_keys={"customers": "customer_id", "products": "product_id"},
    ),
    table("products"),
    table("customers"),
)
SALES_GB = {"transactions": 350.0, "customers": 0.05, "products": 0.1}


def sales_job(**keys: Any) -> Job:
    """A fact of 350 GB with dimensions of 0.05 and 0.1 GB."""
    return job(*SALES, **keys)
