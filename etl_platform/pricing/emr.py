"""What EMR bills: on EC2 an uplift and the instances, serverless the resources used."""

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from etl_platform.pricing.book import PriceBook
from etl_platform.pricing.duration import TimedUsage
from etl_platform.pricing.quote import Line, Usage, line, number

HOURS_A_MONTH = Decimal(730)
"""Hours of the month by which AWS prorates a GB-month (365 × 24 ÷ 12)."""

SERVERLESS_FREE_STORAGE_GB = Decimal(20)
"""Storage of a worker that costs nothing (EMR Serverless price page)."""


class EmrUsage(TimedUsage):
    """Instances of one type in an EMR cluster; by the second, one minute at least."""

    service: ClassVar[str] = "emr"

    instance_type: str = Field(min_length=1, description="EC2 type.")
    instances: int = Field(default=1, ge=1, description="Instances of that type.")
    ebs_gb: Decimal = Field(default=Decimal(0), ge=0, description="gp3 volume of each instance.")
    spot_hour_usd: Decimal | None = Field(
        default=None, ge=0, description="Spot price paid for an instance-hour; absent: on demand."
    )

    def lines(self, book: PriceBook) -> list[Line]:
        """The EMR uplift, the EC2 instances, and their volumes."""
        uplift, instance = (
            f"emr.{self.instance_type}.instance_hour",
            f"ec2.{self.instance_type}.instance_hour",
        )
        # One rule of billing for all instance types, known to the book or not.
        seconds = book.billed_seconds("emr.m5.xlarge.instance_hour", self.duration_seconds())
        hours = self.instances * seconds / 3600
        steps = f"{self.instances} instances × {number(seconds)} s ÷ 3600"
        lines = [line(book, uplift, hours, steps, f"EMR uplift of {self.instance_type}")]
        machine = line(book, instance, hours, steps, f"EC2 {self.instance_type}")
        if self.spot_hour_usd is not None:
            usd = hours * self.spot_hour_usd
            machine = machine.model_copy(
                update={
                    "what": f"EC2 {self.instance_type}, spot",
                    "unit_price_usd": float(self.spot_hour_usd),
                    "usd": float(usd),
                    "source": "spot price of the run",
                    "arithmetic": f"{steps} × ${number(self.spot_hour_usd)} spot = ${number(usd)}",
                }
            )
        lines.append(machine)
        if self.ebs_gb:
            months = self.ebs_gb * hours / HOURS_A_MONTH
            volume = f"{number(self.ebs_gb)} GB × {number(hours)} h ÷ {HOURS_A_MONTH} h"
            lines.append(line(book, "ebs.gp3.gb_month", months, volume))
        return lines


class EmrServerlessUsage(Usage):
    """What an EMR Serverless run reports as `billedResourceUtilization`; its minimum is already in it."""

    service: ClassVar[str] = "emr_serverless"

    vcpu_hours: Decimal = Field(ge=0, description="`vCPUHour`.")
    memory_gb_hours: Decimal = Field(ge=0, description="`memoryGBHour`.")
    storage_gb_hours: Decimal = Field(default=Decimal(0), ge=0, description="`storageGBHour`, over 20 GB.")

    def lines(self, book: PriceBook) -> list[Line]:
        """vCPU, memory, and storage where there is some."""
        named = [
            ("vcpu_hour", self.vcpu_hours, "vCPU-hours"),
            ("memory_gb_hour", self.memory_gb_hours, "GB-hours"),
        ]
        if self.storage_gb_hours:
            named.append(("storage_gb_hour", self.storage_gb_hours, "GB-hours of storage"))
        return [line(book, f"emr_serverless.{key}", hours, f"billed {what}") for key, hours, what in named]


class EmrServerlessWorkers(TimedUsage):
    """An EMR Serverless run of so many workers, before it has run; one minute a worker at least."""

    service: ClassVar[str] = "emr_serverless"

    workers: int = Field(ge=1, description="Workers, the driver among them.")
    vcpu: Decimal = Field(gt=0, description="vCPU of a worker.")
    memory_gb: Decimal = Field(gt=0, description="Memory of a worker.")
    storage_gb: Decimal = Field(default=Decimal(20), ge=0, description="Storage of a worker.")

    def lines(self, book: PriceBook) -> list[Line]:
        """vCPU, memory, and storage over 20 GB."""
        seconds = book.billed_seconds("emr_serverless.vcpu_hour", self.duration_seconds())
        hours = self.workers * seconds / 3600
        steps = f"{self.workers} workers × {number(seconds)} s ÷ 3600"
        lines = [
            line(book, "emr_serverless.vcpu_hour", hours * self.vcpu, f"{steps} × {number(self.vcpu)} vCPU"),
            line(
                book,
                "emr_serverless.memory_gb_hour",
                hours * self.memory_gb,
                f"{steps} × {number(self.memory_gb)} GB",
            ),
        ]
        extra = self.storage_gb - SERVERLESS_FREE_STORAGE_GB
        if extra > 0:
            lines.append(
                line(
                    book,
                    "emr_serverless.storage_gb_hour",
                    hours * extra,
                    f"{steps} × {number(extra)} GB over 20",
                )
            )
        return lines
