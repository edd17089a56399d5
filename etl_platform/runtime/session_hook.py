"""Do something with each Spark session that a script starts, before the script gets it."""

import functools
from collections.abc import Callable
from typing import Any


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
