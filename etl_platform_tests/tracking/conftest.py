from etl_platform_tests.tracking.stores import (
    faulty,
    moto_url,
    no_waiting,
    shared_prefix,
    tables_prefix,
)

__all__ = ["faulty", "moto_url", "no_waiting", "shared_prefix", "tables_prefix"]
