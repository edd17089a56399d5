"""`make bench`: each benchmark in turn, at sizes that end in minutes; each module takes larger ones."""

from importlib import import_module

import click

BENCHMARKS = (
    "definitions_load",
    "local_overhead",
    "config_load",
    "decisions",
    "runtime_model",
    "agents",
    "sensor",
    "listing",
    "tracking",
    "glue",
    "quality",
    "platforms",
)

for name in BENCHMARKS:
    module = import_module(f"etl_platform_tests.benchmarks.{name}")
    print(f"\n{(module.__doc__ or name).splitlines()[0]}")
    if isinstance(module.main, click.Command):
        module.main([], standalone_mode=False)
    else:
        module.main()
