"""SparkContext where the engine is Sail, which has none: scripts make one and pass it to GlueContext."""

from typing import Any

from pyspark import SparkContext

from .refusal import NotSupportedLocally
from .session import session


class ConnectContext:
    """What a script may ask of its SparkContext on an engine behind Spark Connect."""

    @property
    def version(self) -> str:
        """Version of Spark that the engine speaks."""
        return session().version

    def setLogLevel(self, logLevel: str) -> None:
        """Accepted: the engine has a log of its own."""

    def stop(self) -> None:
        """End the session."""
        session().stop()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        near = "spark.createDataFrame" if name == "parallelize" else "the engine `spark`"
        raise NotSupportedLocally(
            f"SparkContext.{name}", near, "The engine `sail` has DataFrames and SQL only."
        )


def stand_in() -> None:
    """Let `SparkContext()` and `SparkContext.getOrCreate()` give a ConnectContext."""
    made = ConnectContext()
    SparkContext.__new__ = lambda cls, *args, **kwargs: made  # pyright: ignore[reportAttributeAccessIssue]
    SparkContext.getOrCreate = lambda *args, **kwargs: made  # pyright: ignore[reportAttributeAccessIssue]
