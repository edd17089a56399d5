"""`make bench`: each benchmark in turn, at sizes that end in minutes; each module takes larger ones."""

from importlib import import_module

BENCHMARKS = (
    "definitions_load",
    "local_overhead",
    "config_load",
    "decisions",
    "agents",
    "listing",
    "tracking",
    "glue",
    "quality",
)

for name in BENCHMARKS:
    module = import_module(f"etl_platform_tests.benchmarks.{name}")
    print(f"\n{(module.__doc__ or name).splitlines()[0]}")
    module.main()
