"""Settings of all tests."""

import pytest
from hypothesis import HealthCheck, settings

from etl_platform.platforms.open import forget_platforms

# A busy machine is no fault of the code: tests time nothing.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="module", autouse=True)
def own_clients() -> None:
    """Each module has stand-ins of AWS of its own, at addresses of their own."""
    forget_platforms()
