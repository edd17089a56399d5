"""The code location of `dagster dev`: the configuration of this folder, or of ETL_PLATFORM_CONFIG."""

import os

from etl_platform.config.load import load
from etl_platform.orchestration.build import build_definitions

defs = build_definitions(load(os.environ.get("ETL_PLATFORM_CONFIG", "etl_config.json")))
