"""What Lambda and Fargate bill: memory, processors and storage by the second or millisecond."""

from decimal import ROUND_CEILING, Decimal
from typing import ClassVar, Literal

from pydantic import Field

from etl_platform.pricing.book import PriceBook
from etl_platform.pricing.duration import TimedUsage
from etl_platform.pricing.quote import Line, Usage, line, number

Architecture = Literal["x86", "x86_64", "arm", "arm64"]

FREE_GB_SECONDS = Decimal(400_000)
FREE_REQUESTS = 1_000_000
"""What Lambda gives away each month (AWS Lambda price page)."""

LAMBDA_FREE_STORAGE_MB = 512
FARGATE_FREE_STORAGE_GB = Decimal(20)
"""Storage that costs nothing, of an invocation and of a task (price pages)."""


class LambdaUsage(Usage):
    """Invocations of a Lambda function; each is rounded up to a millisecond."""

    service: ClassVar[str] = "lambda"

    requests: int = Field(default=1, ge=0, description="Invocations.")
    duration_ms: Decimal = Field(ge=0, description="Billed duration of one invocation.")
    memory_mb: int = Field(ge=128, le=10_240, description="Configured memory.")
    storage_mb: int = Field(default=LAMBDA_FREE_STORAGE_MB, ge=512, le=10_240, description="/tmp.")
    architecture: Architecture = Field(default="x86_64", description="Processor.")
    free_tier: bool = Field(default=False, description="Subtract the monthly free tier.")

    def lines(self, book: PriceBook) -> list[Line]:
        """Compute, requests, and storage over 512 MB."""
        family = "arm" if self.architecture.startswith("arm") else "x86"
        milliseconds = self.duration_ms.to_integral_value(ROUND_CEILING)
        seconds = self.requests * milliseconds / 1000
        gb_seconds = seconds * self.memory_mb / 1024
        steps = f"{self.requests:,} × {number(milliseconds)} ms × {self.memory_mb} MB ÷ 1024"
        requests, request_steps = self.requests, f"{self.requests:,} requests"
        if self.free_tier:
            gb_seconds = max(gb_seconds - FREE_GB_SECONDS, Decimal(0))
            requests = max(requests - FREE_REQUESTS, 0)
            steps += f" − {number(FREE_GB_SECONDS)} free"
            request_steps += f" − {FREE_REQUESTS:,} free"
        lines = [
            line(book, f"lambda.{family}.gb_second", gb_seconds, steps),
            line(book, "lambda.request", Decimal(requests), request_steps),
        ]
        extra = self.storage_mb - LAMBDA_FREE_STORAGE_MB
        if extra > 0:
            storage = seconds * extra / 1024
            text = f"{self.requests:,} × {number(milliseconds)} ms × {extra} MB over 512 ÷ 1024"
            lines.append(line(book, "lambda.storage_gb_second", storage, text))
        return lines


class FargateUsage(TimedUsage):
    """Fargate tasks of one size, such as Batch starts; by the second, one minute at least."""

    service: ClassVar[str] = "fargate"

    tasks: int = Field(default=1, ge=1, description="Tasks of that size and time.")
    vcpu: Decimal = Field(gt=0, description="vCPU of a task.")
    memory_gb: Decimal = Field(gt=0, description="Memory of a task.")
    storage_gb: Decimal = Field(default=FARGATE_FREE_STORAGE_GB, ge=0, description="Storage of a task.")
    architecture: Architecture = Field(default="x86_64", description="Processor.")

    def lines(self, book: PriceBook) -> list[Line]:
        """vCPU, memory, and storage over 20 GB."""
        family = "arm" if self.architecture.startswith("arm") else "x86"
        vcpu_key = f"fargate.{family}.vcpu_second"
        each = book.billed_seconds(vcpu_key, self.duration_seconds())
        seconds = self.tasks * each
        steps = f"{self.tasks} tasks × {number(each)} s"
        lines = [
            line(book, vcpu_key, seconds * self.vcpu, f"{steps} × {number(self.vcpu)} vCPU"),
            line(
                book,
                f"fargate.{family}.memory_gb_second",
                seconds * self.memory_gb,
                f"{steps} × {number(self.memory_gb)} GB",
            ),
        ]
        extra = self.storage_gb - FARGATE_FREE_STORAGE_GB
        if extra > 0:
            lines.append(
                line(
                    book,
                    "fargate.storage_gb_second",
                    seconds * extra,
                    f"{steps} × {number(extra)} GB over 20",
                )
            )
        return lines


class FargateSeconds(Usage):
    """What Fargate tasks used by the platform's own count; its minimum is already in it."""

    service: ClassVar[str] = "fargate"

    vcpu_seconds: Decimal = Field(ge=0, description="vCPU × seconds of all tasks.")
    memory_gb_seconds: Decimal = Field(ge=0, description="GB × seconds of all tasks.")
    architecture: Architecture = Field(default="x86_64", description="Processor.")

    def lines(self, book: PriceBook) -> list[Line]:
        """Processors and memory."""
        family = "arm" if self.architecture.startswith("arm") else "x86"
        return [
            line(book, f"fargate.{family}.vcpu_second", self.vcpu_seconds, "vCPU-seconds used"),
            line(book, f"fargate.{family}.memory_gb_second", self.memory_gb_seconds, "GB-seconds used"),
        ]
