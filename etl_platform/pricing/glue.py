"""What AWS Glue bills: DPU-hours by the second."""

from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from etl_platform.config.models.platform import WorkerType
from etl_platform.pricing.book import PriceBook
from etl_platform.pricing.duration import TimedUsage
from etl_platform.pricing.quote import Line, Usage, line, number

DPU_PER_WORKER: dict[WorkerType, Decimal] = {
    "G.025X": Decimal("0.25"),
    "G.1X": Decimal(1),
    "G.2X": Decimal(2),
    "G.4X": Decimal(4),
    "G.8X": Decimal(8),
    "G.12X": Decimal(12),
    "G.16X": Decimal(16),
    "R.1X": Decimal(1),
    "R.2X": Decimal(2),
    "R.4X": Decimal(4),
    "R.8X": Decimal(8),
}
"""DPU of a worker; of the R types in M-DPU (AWS Glue Developer Guide, "AWS Glue worker types")."""

Kind = Literal["spark", "session", "python_shell", "crawler"]


def dpu_price_key(kind: Kind, flex: bool, worker_type: WorkerType | None) -> str:
    """The price key of a DPU-hour."""
    if kind == "spark":
        if worker_type and worker_type.startswith("R."):
            return "glue.spark.m_dpu_hour"
        return "glue.flex.dpu_hour" if flex else "glue.spark.dpu_hour"
    return f"glue.{kind}.dpu_hour"


class GlueUsage(TimedUsage):
    """A Glue run of a given size and time; billed by the second, with the minimum of its kind."""

    service: ClassVar[str] = "glue"

    kind: Kind = Field(default="spark", description="What runs.")
    execution_class: Literal["standard", "flex"] = Field(default="standard", description="Flex is cheaper.")
    dpu: Decimal | None = Field(default=None, gt=0, description="DPU in all, instead of workers.")
    workers: int | None = Field(default=None, ge=1, description="Workers, with `worker_type`.")
    worker_type: WorkerType | None = Field(default=None, description="Worker type; absent: G.1X.")
    runs: int = Field(default=1, ge=1, description="Runs of that size and time.")

    @model_validator(mode="after")
    def _one_size(self):
        if (self.dpu is None) == (self.workers is None):
            raise ValueError("give dpu, or workers with worker_type")
        if self.kind == "python_shell" and self.dpu not in (Decimal("0.0625"), Decimal(1)):
            raise ValueError(f"a Python shell has 0.0625 or 1 dpu, not {self.dpu}")
        if self.worker_type and self.worker_type.startswith("R.") and self.execution_class == "flex":
            raise ValueError("Flex runs on G.1X and G.2X workers, not on R types")
        return self

    def lines(self, book: PriceBook) -> list[Line]:
        """One line of DPU-hours."""
        flex = self.execution_class == "flex"
        key = dpu_price_key(self.kind, flex, self.worker_type)
        dpu = self.dpu
        size = f"{number(dpu)} DPU" if dpu is not None else ""
        if dpu is None:
            worker_type = self.worker_type or "G.1X"
            each = DPU_PER_WORKER[worker_type]
            dpu = each * (self.workers or 0)
            size = f"{self.workers} {worker_type} × {number(each)} DPU"
        seconds = book.billed_seconds(key, self.duration_seconds())
        runs = f"{self.runs} runs × " if self.runs > 1 else ""
        hours = self.runs * dpu * seconds / 3600
        return [line(book, key, hours, f"{runs}{size} × {number(seconds)} s ÷ 3600")]


class GlueDpuSeconds(Usage):
    """A Glue run that reported `DPUSeconds` (Flex and auto scaling): the billed time is already in it."""

    service: ClassVar[str] = "glue"

    dpu_seconds: Decimal = Field(ge=0, description="As Glue reports it.")
    execution_class: Literal["standard", "flex"] = Field(default="standard", description="Flex is cheaper.")
    worker_type: WorkerType | None = Field(default=None, description="Worker type.")

    def lines(self, book: PriceBook) -> list[Line]:
        """One line of DPU-hours."""
        key = dpu_price_key("spark", self.execution_class == "flex", self.worker_type)
        steps = f"{number(self.dpu_seconds)} DPU-seconds ÷ 3600"
        return [line(book, key, self.dpu_seconds / 3600, steps)]
