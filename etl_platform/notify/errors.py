"""What can go wrong with a message."""


class DeliveryError(Exception):
    """A target did not take a message. The text holds no address with a secret and no secret.

    Attributes:
        target: The target.
        retry_can_help: The same message may be taken later.
        retry_after_seconds: How long the target asks to wait.
    """

    def __init__(
        self, target: str, reason: str, *, retry_can_help: bool, retry_after_seconds: float | None = None
    ):
        self.target = target
        self.retry_can_help = retry_can_help
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{target}: {reason}")


class LedgerError(Exception):
    """The file that holds what waits to be sent cannot be used; the message says what to do."""
