"""What every measurement of a source has at hand."""

from dataclasses import dataclass

from etl_platform.catalog.aws import AwsClients
from etl_platform.config.project import Config


@dataclass(frozen=True)
class Context:
    """What every measurement of a source has at hand.

    Attributes:
        config: The configuration that declares the source.
        aws: Clients that all sources of one call share.
        now: Unix seconds that the figures are as of.
    """

    config: Config
    aws: AwsClients
    now: float
