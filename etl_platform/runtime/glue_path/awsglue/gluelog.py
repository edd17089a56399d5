"""The logger that `get_logger` gives."""

import logging
import sys


class GlueLogger:
    """Writes to the job's error stream, as Glue writes to its continuous log."""

    def __init__(self) -> None:
        self._log = logging.getLogger("glue")
        self._log.setLevel(logging.INFO)
        if not self._log.handlers:
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
            self._log.addHandler(handler)

    def info(self, message: object) -> None:
        """Log for information."""
        self._log.info("%s", message)

    def warn(self, message: object) -> None:
        """Log a warning."""
        self._log.warning("%s", message)

    def error(self, message: object) -> None:
        """Log an error."""
        self._log.error("%s", message)

    def debug(self, message: object) -> None:
        """Log a detail, which is not shown."""
        self._log.debug("%s", message)
