"""The top level of a configuration file."""

from typing import Any

from pydantic import Field

from etl_platform.config.models.base import Section
from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.models.job import Job


class Envelope(Section):
    """The top level, whose jobs are checked one by one."""

    config_version: str = Field(
        pattern=r"^[0-9]+(\.[0-9]+)*$", description="Version of the language; 2.x is read."
    )
    config_metadata: dict[str, Any] = Field(
        default_factory=dict, description="Free text: description, created_by, last_updated, …"
    )
    include: list[str] = Field(
        default_factory=list, description="Files whose jobs, templates and variables are added, as globs."
    )
    templates: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Objects that jobs and sections name in `extends`."
    )
    variables: dict[str, Any] = Field(default_factory=dict, description="Values of ${variables.NAME}.")
    jobs: list[Any] = Field(description="The jobs.")
    global_settings: GlobalSettings = Field(
        default_factory=GlobalSettings, description="What holds for all jobs."
    )


class ConfigFile(Envelope):
    """A whole configuration file."""

    jobs: list[Job] = Field(description="The jobs.")
