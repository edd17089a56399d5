"""Runs of similar jobs, for a job that has few runs of its own to learn from."""

from dataclasses import dataclass
from functools import cached_property

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.decide.history import LATEST, History
from etl_platform.decide.learning_storage import open_storage
from etl_platform.decide.learning_vectors import LearningVector, Traits, similarity, traits_of
from etl_platform.tracking.tables import DAY_SECONDS
from etl_platform.workload.model import Workload

DAYS = 90
"""Days that count: as long as the records of runs are kept."""


@dataclass(frozen=True)
class Similar:
    """A run, and how alike it is to the one in question.

    Attributes:
        similarity: 0 to 1, see `learning_vectors.similarity`.
    """

    vector: LearningVector
    similarity: float


@dataclass(frozen=True)
class Learnings:
    """What is stored of past runs, read once for all jobs that ask.

    Attributes:
        config: Says where it is, and how much is needed before it acts.
        now: Unix seconds.
    """

    config: Config
    now: float

    @cached_property
    def vectors(self) -> list[LearningVector]:
        """All vectors that count, newest first; none where `enable_agent_learning` or the agent is off.

        Raises:
            LearningStorageError: They cannot be read.
        """
        settings = self.config.settings
        if not (settings.enable_agent_learning and settings.agents.learning_agent.enabled):
            return []
        return open_storage(self.config).latest(self.now - DAYS * DAY_SECONDS)

    def similar(self, traits: Traits) -> list[Similar]:
        """Runs at least as similar as `similarity_threshold`, the most similar first."""
        least = self.config.settings.agents.learning_agent.similarity_threshold
        found = [Similar(one, similarity(traits, one.traits)) for one in self.vectors]
        return sorted(
            (one for one in found if one.similarity >= least),
            key=lambda one: (-one.similarity, -one.vector.timestamp, one.vector.execution_id),
        )

    def borrowed(self, job: Job, workload: Workload, history: History) -> tuple[LearningVector, ...]:
        """Successful runs of similar jobs that the runtime model of a job may learn from.

        None where the job itself has `min_history_samples` runs, or where fewer than so many are similar.

        Raises:
            LearningStorageError: They cannot be read.
        """
        least = self.config.settings.agents.learning_agent.min_history_samples
        if len(history.runs) >= least:
            return ()
        found = [
            one.vector
            for one in self.similar(traits_of(job, workload))
            if one.vector.job_id != job.job_id and teaches(one.vector)
        ]
        return tuple(found[:LATEST]) if len(found) >= least else ()


def teaches(one: LearningVector) -> bool:
    """Whether the runtime of a run can be learned from."""
    return one.status == "success" and bool(one.seconds and one.traits.data_gb) and one.size is not None
