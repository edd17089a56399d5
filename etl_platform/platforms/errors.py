"""What can go wrong between this process and a platform, as opposed to in the job itself."""


class PlatformError(Exception):
    """A platform refused, or could not be asked.

    Attributes:
        retry_can_help: Whether the same request may succeed later without a change by a person.
    """

    retry_can_help = False


class TransientError(PlatformError):
    """Throttling or a network fault: the same call may succeed in a moment, and the driver repeats it.

    Platforms raise it for such faults of their service; a fault that no wait can cure is a `PlatformError`.
    """

    retry_can_help = True


class NotRunnableError(PlatformError):
    """The job cannot run there as it is configured; nothing was submitted or recorded."""


class RunNotFoundError(PlatformError):
    """The platform does not know the run of a handle any more."""
