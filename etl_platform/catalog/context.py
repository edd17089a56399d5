"""What every measurement of a source has at hand."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from etl_platform.catalog.aws import AwsClients
from etl_platform.catalog.stats import TableStats
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


@runtime_checkable
class MeasurableSource(Protocol):
    """A source type of an installed package that can tell its own figures."""

    def measure(self, dataset: str, context: Context) -> TableStats:
        """The figures of the source.

        Args:
            dataset: Its physical name.
            context: Configuration, clients and time.

        Raises:
            CannotMeasureError: It tells nothing; the message says what to do.
        """
        ...
