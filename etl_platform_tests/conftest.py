"""Settings of all tests, and how they are shared out where several processes run them."""

import os
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from etl_platform.platforms.open import forget_platforms

# A busy machine is no fault of the code: tests time nothing.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# Each Spark of the tests lives for seconds: its Java would spend them on optimizing what runs once.
os.environ.setdefault("SPARK_SUBMIT_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

ONE_SPARK = re.compile(r"/quality/|/runtime/awsglue/|/runtime/test_remote_query")
"""Tests that share the Spark of their process: a second one would take memory, and time to warm up."""

ONE_SERVER = re.compile(r".*/(contract|tracking|lambda_runs|batch_runs)/")
"""Folders whose tests share what they keep in moto, which tests of another folder may reset."""


@pytest.fixture(scope="module", autouse=True)
def own_clients() -> None:
    """Each module has stand-ins of AWS of its own, at addresses of their own."""
    forget_platforms()


def _unit(nodeid: str) -> str:
    """What one process runs in one go: a file, or all that shares a server or a Spark."""
    if ONE_SPARK.search(nodeid):
        return "spark"
    shared = ONE_SERVER.match(nodeid)
    return shared.group() if shared else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give whole files to the processes of `pytest -n`, since modules share servers and finished runs."""
    from xdist.scheduler import LoadScopeScheduling

    class WholeUnits(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _unit(nodeid)

    config.option.loadscopereorder = False
    return WholeUnits(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let several processes begin with what takes long, so that none works alone at the end."""
    if hasattr(config, "workerinput"):
        slow = {_unit(item.nodeid) for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: (_unit(item.nodeid) != "spark", _unit(item.nodeid) not in slow))
