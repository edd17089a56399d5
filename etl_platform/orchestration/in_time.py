"""Work over many jobs in the ticks of a sensor: it stops in time, and goes on at the next tick."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.orchestration.keys import Graph

TICK_SECONDS = 30.0
"""Nothing is begun that would probably end later."""

LONGEST_SECONDS = 50.0
"""An agent's model has no longer; Dagster ends a tick after 60 seconds."""


class Tick:
    """The time of one tick.

    Its clock gives Unix seconds.
    """

    def __init__(self, clock: Callable[[], float]):
        self.now = clock()
        self._clock = clock
        self._slowest = 0.0
        self._begun: float | None = None

    def has_time(self) -> bool:
        """Whether there is time for another step, as far as the steps before it tell; the first may begin."""
        moment = self._clock()
        if self._begun is not None:
            self._slowest = max(self._slowest, moment - self._begun)
        first = self._begun is None
        self._begun = moment
        return first or moment + self._slowest <= self.now + TICK_SECONDS

    def limited(self, config: Config) -> Config:
        """The configuration with a model that answers before Dagster ends the tick."""
        model = config.settings.agents.model
        left = max(self.now + LONGEST_SECONDS - self._clock(), 1.0)
        if model.timeout_seconds <= left:
            return config
        agents = config.settings.agents.model_copy(
            update={"model": model.model_copy(update={"timeout_seconds": left})}
        )
        return replace(config, settings=config.settings.model_copy(update={"agents": agents}))


def jobs_after(graph: Graph, last: str | None) -> Sequence[Job]:
    """The enabled jobs behind the one where the last tick stopped; all where it is none of them."""
    jobs = [job for job in graph.config.jobs if job.enabled]
    ids = [job.job_id for job in jobs]
    return jobs[ids.index(last) + 1 :] if last in ids else jobs
