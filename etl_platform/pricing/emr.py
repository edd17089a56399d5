"""What EMR bills: on EC2 an uplift and the instances, serverless the resources used."""

import re
from decimal import Decimal
from typing import ClassVar

from pydantic import Field, model_validator

from etl_platform.config.models.cost import SpotInstances
from etl_platform.pricing.book import PriceBook
from etl_platform.pricing.duration import TimedUsage
from etl_platform.pricing.quote import Line, Usage, line, number

HOURS_A_MONTH = Decimal(730)
"""Hours of the month by which AWS prorates a GB-month (365 × 24 ÷ 12)."""

VOLUME_KEY = "ebs.gp2.gb_month"

DEFAULT_VOLUMES_GB = {
    "large": Decimal(32),
    "xlarge": Decimal(64),
    "2xlarge": Decimal(128),
    "4xlarge": Decimal(256),
    "8xlarge": Decimal(512),
    "9xlarge": Decimal(576),
    "10xlarge": Decimal(640),
    "12xlarge": Decimal(768),
    "16xlarge": Decimal(1024),
    "18xlarge": Decimal(1152),
    "24xlarge": Decimal(1536),
}
"""Size of an EC2 type that has only EBS to the GB of gp2 volumes that EMR gives it (Amazon EMR Management
Guide, "Default Amazon EBS storage for instances", from release 5.22 on)."""

_OWN_DISKS = re.compile(r"[a-z]+\d[a-z]*d[a-z]*|[id]\d.*")
"""Families with disks of their own have a d behind their generation (Amazon EC2, "Naming conventions")."""

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
        steps = f"{self.instances} {self.instance_type} × {number(seconds)} s ÷ 3600"
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


class EmrCluster(TimedUsage):
    """A cluster of one primary node and nodes that work, each with the volumes that EMR gives it by default.

    The root volume of 15 GB is left out: it is under 1 % of what a node costs.
    """

    service: ClassVar[str] = "emr"

    primary_type: str = Field(min_length=1, description="EC2 type of the primary node.")
    worker_type: str = Field(min_length=1, description="EC2 type of the core and task nodes.")
    workers: int = Field(default=0, ge=0, description="Core and task nodes.")
    spot_workers: int = Field(default=0, ge=0, description="Those of them that are spot.")

    @model_validator(mode="after")
    def _spot_are_workers(self):
        if self.spot_workers > self.workers:
            raise ValueError(f"spot_workers are some of the workers: {self.spot_workers} > {self.workers}")
        return self

    def lines(self, book: PriceBook) -> list[Line]:
        """Uplift, instances and volumes of each group of nodes that costs the same."""
        spot = book.price(spot_key(self.worker_type)) if self.spot_workers else None
        cheaper = self.spot_workers if spot else 0
        steady = {self.primary_type: 1}
        steady[self.worker_type] = steady.get(self.worker_type, 0) + self.workers - cheaper
        lines = [one for kind, count in steady.items() if count for one in self._group(book, kind, count)]
        if spot:
            lines += self._group(book, self.worker_type, cheaper, spot.usd)
        return lines

    def remarks(self, book: PriceBook) -> list[str]:
        """Whether spot nodes are priced as on demand, because nobody knows their price."""
        key = spot_key(self.worker_type)
        if not self.spot_workers or book.price(key):
            return []
        return [
            f"the spot price of {self.worker_type} is unknown: its {self.spot_workers} spot nodes are "
            f"priced as on demand, an upper bound; give the price as pricing.overrides `{key}`."
        ]

    def _group(self, book: PriceBook, kind: str, count: int, spot_usd: Decimal | None = None) -> list[Line]:
        lines = EmrUsage(
            instance_type=kind, instances=count, seconds=self.duration_seconds(), spot_hour_usd=spot_usd
        ).lines(book)
        gb = default_volumes_gb(kind)
        if not gb:
            return lines
        seconds = book.billed_seconds(VOLUME_KEY, self.duration_seconds())
        steps = f"{count} × {number(gb)} GB × {number(seconds)} s ÷ 3600 ÷ {HOURS_A_MONTH} h"
        months = count * gb * seconds / 3600 / HOURS_A_MONTH
        return [*lines, line(book, VOLUME_KEY, months, steps, f"EBS volumes of {kind}")]


def spot_key(kind: str) -> str:
    """Price key of the spot price of an EC2 type, which only an override gives: it changes by the minute."""
    return f"ec2.{kind}.spot_hour"


def spot_workers(spot: SpotInstances, instances: int) -> int:
    """How many nodes of a cluster may be spot: so many that a primary and a core node stay.

    Args:
        spot: What the job allows.
        instances: Nodes of the cluster.
    """
    share = int(instances * spot.max_spot_percentage / 100) if spot.enabled else 0
    return max(min(share, instances - 2), 0)


def default_volumes_gb(kind: str) -> Decimal:
    """GB of the volumes that EMR gives a node; 0 where its type has disks of its own, or is unknown."""
    family, _, size = kind.partition(".")
    return Decimal(0) if _OWN_DISKS.fullmatch(family) else DEFAULT_VOLUMES_GB.get(size, Decimal(0))


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
