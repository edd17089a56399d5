"""`global_settings`: what holds for all jobs."""

from typing import Annotated, Literal

from pydantic import Field

from etl_platform.config.models.agents import Agents
from etl_platform.config.models.base import Section
from etl_platform.config.models.notifications import Notifications


class LearningStorage(Section):
    """Where learning vectors are kept."""

    type: Literal["s3", "local"] = Field(default="local", description="Kind of store.")
    bucket: str | None = Field(default=None, description="S3 bucket.")
    prefix: str | None = Field(default=None, description="S3 prefix.")
    path: str | None = Field(default=None, description="Folder, relative to the local root.")


class Tracking(Section):
    """Where records of runs are kept."""

    backend: Literal["sqlite", "dynamodb"] | None = Field(
        default=None, description="Absent: `sqlite` under `local`, `dynamodb` under `aws`."
    )
    path: str | None = Field(default=None, description="SQLite file; absent: tracking.db in the local root.")
    table_prefix: str = Field(default="Strands", description="Prefix of the DynamoDB tables.")
    endpoint_url: str | None = Field(default=None, description="Address of a local DynamoDB.")
    billing_mode: Literal["on_demand", "provisioned"] = Field(
        default="on_demand", description="DynamoDB billing."
    )


class Local(Section):
    """The laptop platform."""

    root: str = Field(
        default=".etl_platform",
        min_length=1,
        description="Folder of local data, relative to the configuration.",
    )
    engine: Literal["auto", "spark", "sail"] = Field(default="auto", description="What runs Spark scripts.")


class Artifacts(Section):
    """Where scripts and messages go."""

    s3_uri: str | None = Field(default=None, pattern=r"^s3://", description="s3:// prefix.")


class Secrets(Section):
    """Who resolves ${SECRET:key}."""

    provider: Literal["env", "aws_secrets_manager", "file"] = Field(default="env", description="Provider.")
    prefix: str = Field(default="", description="Put before each key.")


class Pricing(Section):
    """Which prices count."""

    region: str | None = Field(default=None, description="Absent: `aws_region`.")
    overrides: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="Price key to negotiated price in USD."
    )


class FeatureFlags(Section):
    """A flag that is off turns its part off everywhere."""

    enable_auto_size_detection: bool = Field(default=True, description="Measure sources.")
    enable_data_flow_analysis: bool = Field(default=True, description="Analyse joins.")
    enable_auto_optimization: bool = Field(default=True, description="Apply optimizations.")
    enable_cost_optimization: bool = Field(default=True, description="Choose by cost.")
    enable_predictive_scaling: bool = Field(default=True, description="Size from history.")


class GlobalSettings(Section):
    """What holds for all jobs."""

    aws_region: str | None = Field(default=None, description="AWS region.")
    environment: str | None = Field(
        default=None, description="Name of the environment, shown with its runs; conditions ask variables."
    )
    profile: Literal["local", "aws"] = Field(
        default="local",
        description="`local` needs no account; environment variable ETL_PLATFORM_PROFILE wins.",
    )
    enable_agent_learning: bool = Field(default=True, description="Learn from runs.")
    learning_storage: LearningStorage = Field(default_factory=LearningStorage, description="Vectors.")
    agents: Agents = Field(default_factory=Agents, description="Agents and their model.")
    notifications: Notifications = Field(default_factory=Notifications, description="Who is told, and how.")
    tracking: Tracking = Field(default_factory=Tracking, description="Records of runs.")
    local: Local = Field(default_factory=Local, description="The laptop platform.")
    artifacts: Artifacts = Field(default_factory=Artifacts, description="Scripts and messages.")
    secrets: Secrets = Field(default_factory=Secrets, description="Secrets.")
    pricing: Pricing = Field(default_factory=Pricing, description="Prices.")
    feature_flags: FeatureFlags = Field(default_factory=FeatureFlags, description="Switches.")
