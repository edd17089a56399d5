"""The rows that rules look at, in views of the script's session that nothing else sees."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from pyspark.sql import DataFrame

from etl_platform.quality.dqdl_rules import DqdlError
from etl_platform.quality.spark_frame import SparkFrame


class Data:
    """A frame and the further ones that rules may name.

    Args:
        df: The rows.
        others: Further rows by their aliases; one gets a view when a rule asks for it.
        views: What drops the views.

    Attributes:
        columns: The columns of the rows, one that stands there twice included.
        frame: The rows.
        aliases: What the further rows are called.
    """

    def __init__(self, df: DataFrame, others: Mapping[str, DataFrame], views: ExitStack):
        self.columns = df.columns
        self.frame = views.enter_context(_viewed(df))
        self.aliases = list(others)
        self._others, self._views = others, views
        self._opened: dict[str, SparkFrame] = {}

    def other(self, alias: str) -> SparkFrame:
        """The further rows of an alias.

        Raises:
            DqdlError: There are no such.
        """
        if alias not in self._others:
            known = ", ".join(self.aliases) or "none"
            raise DqdlError(f'no additional data source "{alias}"; there are: {known}.')
        if alias not in self._opened:
            self._opened[alias] = self._views.enter_context(_viewed(self._others[alias]))
        return self._opened[alias]


@contextmanager
def opened(df: DataFrame, others: Mapping[str, DataFrame]) -> Iterator[Data]:
    """Rows as views, which are dropped at the end."""
    with ExitStack() as views:
        yield Data(df, others, views)


@contextmanager
def _viewed(df: DataFrame) -> Iterator[SparkFrame]:
    view, names = f"dqdl_{uuid.uuid4().hex}", df.columns
    if len(set(names)) < len(names):
        # Sail has no view with two columns of one name; no rule can mean one of them anyway.
        df = df.toDF(*[f"{n} {at}" if names.count(n) > 1 else n for at, n in enumerate(names)])
    try:
        yield SparkFrame(df.sparkSession, view, df)
    finally:
        df.sparkSession.catalog.dropTempView(view)
