"""A Dagster component, so that an existing `dg` project includes a configuration file.

```yaml
type: etl_platform.EtlConfigComponent
attributes:
  config_path: etl_config.json
```
"""

import dagster as dg
from pydantic import Field

from etl_platform.config.load import load
from etl_platform.orchestration.build import build_definitions
from etl_platform.orchestration.shared_jobs import SHARED_JOB


class EtlConfigComponent(dg.Component, dg.Model, dg.Resolvable):
    """The jobs of an `etl_config.json` as assets, checks and schedules."""

    config_path: str = Field(
        default="etl_config.json", description="Configuration file, relative to this component's folder."
    )
    job_name: str = Field(
        default=SHARED_JOB,
        description="Name of the Dagster job over all assets; each component of a project needs its own.",
    )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Load the configuration and build its definitions.

        Raises:
            ConfigError: The file has faults; the message lists all of them.
        """
        return build_definitions(load(context.path / self.config_path), job_name=self.job_name)
