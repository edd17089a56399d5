from etl_platform_tests.tracking.stores import no_waiting

__all__ = ["no_waiting"]
