"""What can go wrong with a store."""


class StoreError(Exception):
    """A store that did not do what it was asked to."""


class StoreUnavailableError(StoreError):
    """The store cannot be reached or refuses at the moment: the same call may succeed later."""


class SchemaVersionError(StoreError):
    """The store was written by a newer version of this package."""


class RecordTooLargeError(StoreError):
    """A record that does not fit, and no place is configured to which its large values could go."""


class ChangedKeyError(StoreError, ValueError):
    """A record whose time of start differs from what was stored under the same execution id.

    Attributes:
        execution_id: The execution.
        stored: The `timestamp` that stands in the store.
        given: The `timestamp` of the refused record.
    """

    def __init__(self, execution_id: str, stored: float, given: float):
        self.execution_id = execution_id
        self.stored = stored
        self.given = given
        super().__init__(
            f"execution {execution_id}: its timestamp is part of its key and stands as {stored!r}, "
            f"but the new state of the record has {given!r}. Make new states with "
            "`record.model_copy(update=...)` and leave `timestamp` as it is."
        )


class MissingArtifactError(StoreError):
    """A large value that was kept beside a record and is no longer there.

    Attributes:
        location: Where it stood.
    """

    def __init__(self, location: str, reason: str):
        self.location = location
        super().__init__(
            f"{location}: a large value of a record was kept here and cannot be read ({reason}). Restore it, "
            "or check that a lifecycle rule does not remove it before the record's own lifetime ends."
        )
