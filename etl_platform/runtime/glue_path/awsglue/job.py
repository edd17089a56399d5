"""The job: its name, its arguments, its bookmark."""

import sys
from typing import Any, ClassVar

from .bookmarks import bookmark_of
from .context import GlueContext
from .utils import getResolvedOptions


class Job:
    """A run of a job.

    Args:
        glue_context: The GlueContext whose readers follow the job's bookmark.
    """

    _initialized: ClassVar[bool] = False

    def __init__(self, glue_context: GlueContext):
        self.glue_context = glue_context
        self.job_name = ""

    def init(self, job_name: str, args: dict[str, Any] | None = None) -> None:
        """Begin the run: from here, readers with a `transformation_ctx` follow the bookmark."""
        self.job_name = job_name
        self.glue_context.bookmark = bookmark_of(
            job_name, {**getResolvedOptions(sys.argv, []), **(args or {})}
        )
        Job._initialized = True

    @classmethod
    def isInitialized(cls) -> bool:
        """Whether a job has begun in this process."""
        return cls._initialized

    def commit(self) -> None:
        """End the run: move the bookmark behind what was read."""
        if self.glue_context.bookmark is not None:
            self.glue_context.bookmark.commit()
