"""Which asset each dataset is, and which check each rule is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import dagster as dg

from etl_platform.config.identity import DatasetKey, producers, source_key
from etl_platform.config.models.data_sources import AnySource, JobSource
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.rules import Rule, rules_of


def asset_key_of(dataset: DatasetKey) -> dg.AssetKey:
    """The asset key of a dataset: its physical name, with `_` for what Dagster takes in no name."""
    return dg.AssetKey([re.sub(r"[^A-Za-z0-9_.-]", "_", part) for part in dataset])


@dataclass(frozen=True)
class Graph:
    """The jobs of a configuration as assets and checks, before Dagster sees them.

    Attributes:
        config: The configuration.
    """

    config: Config

    @cached_property
    def written_by(self) -> dict[DatasetKey, str]:
        """Physical name of each target to the id of the job that writes it."""
        return producers(self.config.jobs)

    def producer(self, source: AnySource) -> str | None:
        """Id of the job whose target a source is; None where no job writes it."""
        if isinstance(source, JobSource):
            return source.job_id
        return self.written_by.get(source_key(source))

    def source_asset_key(self, source: AnySource) -> dg.AssetKey:
        """The asset that a source is: its producer's, else its own."""
        producer = self.producer(source)
        return dg.AssetKey(producer) if producer else asset_key_of(source_key(source))

    def asset_key(self, job: Job, dataset: str) -> dg.AssetKey:
        """The asset that a dataset of a job is: `target` is the job's own."""
        if dataset == "target":
            return dg.AssetKey(job.job_id)
        return self.source_asset_key(next(each for each in job.data_sources if each.name == dataset))

    @cached_property
    def readers(self) -> Mapping[dg.AssetKey, set[str]]:
        """Asset of each source to the ids of the jobs that read it."""
        readers: dict[dg.AssetKey, set[str]] = {}
        for job in self.config.jobs:
            for source in job.data_sources:
                readers.setdefault(self.source_asset_key(source), set()).add(job.job_id)
        return readers

    def holds_back_in_dagster(self, key: dg.AssetCheckKey, rule: Rule) -> bool:
        """Whether Dagster itself holds back what is downstream of a rule's dataset.

        It would hold back all jobs that read a source. So where others read it too, the step of the job
        whose rule it is holds itself back.
        """
        own = rule.dataset == "target" or len(self.readers[key.asset_key]) == 1
        return rule.blocking and own

    @cached_property
    def checks(self) -> Mapping[str, Mapping[str, dict[dg.AssetCheckKey, Rule]]]:
        """Job id to dataset to the checks on it.

        Several jobs may have rules of the same name on one source. The first job of the configuration
        keeps the plain name, the others add their id to it.
        """
        taken: set[dg.AssetCheckKey] = set()
        checks: dict[str, dict[str, dict[dg.AssetCheckKey, Rule]]] = {}
        for job in self.config.jobs:
            datasets: dict[str, dict[dg.AssetCheckKey, Rule]] = {}
            for rule in rules_of(job):
                asset_key = self.asset_key(job, rule.dataset)
                key = dg.AssetCheckKey(asset_key, rule.check_name)
                if key in taken:
                    key = dg.AssetCheckKey(asset_key, f"{rule.check_name}__{job.job_id}")
                taken.add(key)
                datasets.setdefault(rule.dataset, {})[key] = rule
            checks[job.job_id] = datasets
        return checks

    def check_keys(self, job: Job) -> list[dg.AssetCheckKey]:
        """Keys of all checks that a job's rules make, on its target and on its sources."""
        return [key for checks in self.checks[job.job_id].values() for key in checks]
