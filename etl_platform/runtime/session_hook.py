"""Do something with each Spark session that a script starts, before the script gets it."""

import functools
from collections.abc import Callable
from typing import Any

from etl_platform.runtime.catalog import RunCatalog
from etl_platform.runtime.contract import Launch


def on_new_session(session_class: Any, key: Callable[[Any], str], prepare: Callable[[Any], None]) -> None:
    """Have `prepare` called with a session as soon as it is made.

    A session's constructor is the one way to it: `getOrCreate()` of the builder, `SparkSession(context)`,
    `SQLContext` and the Glue library all end there.

    Args:
        session_class: `SparkSession`, the classic class or the one of Spark Connect.
        key: What tells sessions with a catalog of their own apart; each is prepared once.
        prepare: What is to be done; what it raises reaches the script's call.
    """
    construct = session_class.__init__
    prepared: set[str] = set()

    @functools.wraps(construct)
    def constructor(self: Any, *args: Any, **kwargs: Any) -> None:
        construct(self, *args, **kwargs)
        if key(self) not in prepared:
            prepared.add(key(self))
            prepare(self)

    session_class.__init__ = constructor


def offer_tables(session_class: Any, reader_class: Any, key: Callable[[Any], str], launch: Launch) -> None:
    """Have the run's Glue tables in each session, those with computed names as soon as they are named.

    Args:
        session_class: `SparkSession`, the classic class or the one of Spark Connect.
        reader_class: The `DataFrameReader` that belongs to it.
        key: What tells sessions with a catalog of their own apart.
        launch: What is run.
    """
    catalogs: dict[str, RunCatalog] = {}

    def offer(session: Any) -> None:
        catalogs[key(session)] = RunCatalog(session, launch)

    def register_named(text: Any) -> None:
        for catalog in list(catalogs.values()) if isinstance(text, str) else ():
            catalog.register(text)

    on_new_session(session_class, key, offer)
    for owner, name in ((session_class, "sql"), (session_class, "table"), (reader_class, "table")):
        _before(owner, name, register_named)


def _before(owner: Any, name: str, do: Callable[[Any], None]) -> None:
    """Have `do` called with the first argument before a method."""
    method = getattr(owner, name)

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        do(next(iter((*args, *kwargs.values())), None))
        return method(self, *args, **kwargs)

    setattr(owner, name, wrapper)
