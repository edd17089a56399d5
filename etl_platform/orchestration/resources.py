"""The AWS services as Dagster resources: a team replaces one without touching the rest."""

from collections.abc import Mapping
from typing import ClassVar

import dagster as dg
from pydantic import Field

from etl_platform.config.models.base import PlatformName
from etl_platform.config.project import Config
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.open import open_platform
from etl_platform.platforms.protocol import Platform


class AwsResource(dg.ConfigurableResource):
    """Where and as whom one service is called; what is absent is found by boto3 in its usual places."""

    platform_name: ClassVar[PlatformName]

    region_name: str | None = Field(
        default=None, description="AWS region. None: `global_settings.aws_region`, else boto3's own."
    )
    endpoint_url: str | None = Field(default=None, description="Address of a stand-in of AWS. None: AWS.")
    role_arn: str | None = Field(default=None, description="Role to take. None: the caller's credentials.")
    attempts: int = Field(default=4, ge=1, description="Tries of one call, in botocore's adaptive mode.")
    connect_timeout_seconds: float = Field(default=5, gt=0, description="Limit for a connection.")
    read_timeout_seconds: float = Field(default=30, gt=0, description="Limit for an answer.")

    def platform(self, config: Config) -> Platform:
        """The platform; the steps of one process share it, and so its describe calls."""
        return open_platform(self.platform_name, self.access(config))

    def access(self, config: Config) -> AwsAccess:
        """How the service is reached."""
        return AwsAccess(
            region=self.region_name or config.settings.aws_region,
            endpoint_url=self.endpoint_url,
            role_arn=self.role_arn,
            attempts=self.attempts,
            connect_timeout_seconds=self.connect_timeout_seconds,
            read_timeout_seconds=self.read_timeout_seconds,
        )


class GlueResource(AwsResource):
    """AWS Glue."""

    platform_name: ClassVar[PlatformName] = "glue"


class EmrResource(AwsResource):
    """EMR on EC2."""

    platform_name: ClassVar[PlatformName] = "emr"


class EmrServerlessResource(AwsResource):
    """EMR Serverless."""

    platform_name: ClassVar[PlatformName] = "emr_serverless"


class LambdaResource(AwsResource):
    """AWS Lambda."""

    platform_name: ClassVar[PlatformName] = "lambda"


class BatchResource(AwsResource):
    """AWS Batch."""

    platform_name: ClassVar[PlatformName] = "batch"


def aws_resources(given: Mapping[PlatformName, AwsResource]) -> dict[PlatformName, AwsResource]:
    """A resource for each platform in the account; those that a team has made itself stay as they are."""
    kinds = (GlueResource, EmrResource, EmrServerlessResource, LambdaResource, BatchResource)
    made: dict[PlatformName, AwsResource] = {kind.platform_name: kind() for kind in kinds}
    made.update(given)
    return made
