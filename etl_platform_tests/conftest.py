"""Settings of all tests."""

from hypothesis import HealthCheck, settings

# A busy machine is no fault of the code: tests time nothing.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
