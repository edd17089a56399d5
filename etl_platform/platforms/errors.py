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

    @classmethod
    def of(cls, service: str, run: str, why: str = "") -> "RunNotFoundError":
        """The error, with what to do.

        Args:
            service: Who does not know it.
            run: Such as `run jr_1 of job orders`.
            why: A further sentence; empty: there is none.
        """
        parts = (f"{service} does not know {run} any more.", why)
        advice = "Look at what it wrote, and re-execute the job where that is not complete."
        return cls(" ".join((*filter(None, parts), advice)))
