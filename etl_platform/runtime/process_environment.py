"""The environment of the script's process."""

import os
from pathlib import Path

from etl_platform.runtime.buckets import known_buckets
from etl_platform.runtime.contract import Launch
from etl_platform.runtime.glue_compat import path_for


def _module_folder(launch: Launch, run_dir: Path) -> Path:
    """A folder that holds just the single-file modules, not what else stands beside them."""
    folder = run_dir / "modules"
    folder.mkdir(exist_ok=True)
    for module in launch.python_modules:
        if module.suffix == ".py":
            (folder / module.name).symlink_to(module)
    return folder


def _glue_library(launch: Launch) -> list[str]:
    """The folder that stands in for the Glue library, where the job imports it and it is not installed."""
    sources = [launch.script, *launch.python_modules]
    texts = (path.read_text(encoding="utf-8") for path in sources if path and path.suffix == ".py")
    return [folder for folder in {path_for(text) for text in texts} if folder]


def process_environment(launch: Launch, run_dir: Path) -> dict[str, str]:
    """The environment variables of the script's process.

    Besides what the engine needs: `ETL_PLATFORM_LOCAL_ROOT` is the folder that stands for S3 and Glue,
    `ETL_PLATFORM_RUN_DIR` the run's own, and `PYTHONPATH` has the job's modules, so that the workers of
    Python functions see them too.

    Args:
        launch: What is run.
        run_dir: Folder of the run.

    Raises:
        NoJavaError: Spark is to run, and no Java here fits.
        OSError: A module cannot be read.
    """
    here = [str(path) for path in launch.python_modules if path.suffix != ".py"]
    here.append(str(_module_folder(launch, run_dir)))
    here += _glue_library(launch)
    if launch.script:
        here.insert(0, str(launch.script.parent))
    inherited = os.environ.get("PYTHONPATH")
    package_root = str(Path(__file__).parents[2])
    # AWS runs scripts in UTC.
    changes: dict[str, str | None] = {
        **launch.environment,
        "ETL_PLATFORM_LOCAL_ROOT": str(launch.local_root),
        "PYTHONPATH": os.pathsep.join([*here, *([inherited] if inherited else []), package_root]),
        "PYTHONUNBUFFERED": "1",
        "TZ": "UTC",
    }
    if "ETL_PLATFORM_RUN_DIR" not in os.environ:
        # The platform that starts runs knows their processes by it, so what it has set stays.
        changes["ETL_PLATFORM_RUN_DIR"] = str(run_dir)
    if not os.environ.keys() & {"AWS_ACCESS_KEY_ID", "AWS_PROFILE"}:
        # AWS libraries sign every request, though the S3 of this machine asks nobody who he is.
        changes |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    if not os.environ.keys() & {"AWS_REGION", "AWS_DEFAULT_REGION"}:
        changes["AWS_DEFAULT_REGION"] = "us-east-1"
    if launch.engine == "spark":
        from etl_platform.runtime import spark

        changes |= spark.environment(launch, run_dir, known_buckets(launch))
    elif launch.engine == "sail":
        from etl_platform.runtime import sail

        changes |= sail.environment()
    merged = {**os.environ, **changes}
    return {name: value for name, value in merged.items() if value is not None}
