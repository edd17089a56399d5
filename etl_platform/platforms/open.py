"""The platforms by their names in the configuration."""

import threading
from functools import lru_cache
from importlib import import_module
from typing import Protocol

from etl_platform.config.models.base import PlatformName
from etl_platform.config.project import Config
from etl_platform.platforms.aws_access import AwsAccess, forget_clients
from etl_platform.platforms.ownership import Deployer
from etl_platform.platforms.protocol import Platform

AWS_PLATFORMS: dict[PlatformName, str] = {
    "glue": "etl_platform.platforms.glue:GluePlatform",
    "emr": "etl_platform.platforms.emr:EmrPlatform",
    "emr_serverless": "etl_platform.platforms.emr_serverless:EmrServerlessPlatform",
    "lambda": "etl_platform.platforms.lambda_:LambdaPlatform",
    "batch": "etl_platform.platforms.batch:BatchPlatform",
}
"""All but `local`, which needs no account; each is imported when it is first used."""


class AwsPlatform(Platform, Deployer, Protocol):
    """A platform in the account: it runs jobs, and keeps what they need there."""


_opening = threading.Lock()


def open_platform(name: PlatformName, access: AwsAccess) -> AwsPlatform:
    """A platform in the account; the runs of one process share it, and so its describe calls."""
    # lru_cache computes a value twice where two threads ask for it at once.
    with _opening:
        return _made(name, access)


@lru_cache(maxsize=32)
def _made(name: PlatformName, access: AwsAccess) -> AwsPlatform:
    module, _, kind = AWS_PLATFORMS[name].partition(":")
    return getattr(import_module(module), kind)(access)


def forget_platforms() -> None:
    """Open platforms anew next time, and their clients, as a new process would."""
    _made.cache_clear()
    forget_clients()


def access_of(config: Config) -> AwsAccess:
    """The account as boto3 finds it, in the region of the configuration."""
    return AwsAccess(region=config.settings.aws_region)
