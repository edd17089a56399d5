"""Ten rules over a Parquet table: seconds and memory against the hand-written query of the same engine.

Each measurement runs in a process of its own, which prints seconds and peak memory; the counts of all must be
the same. The ratio is of user and system CPU seconds, of the process and those that it started, because wall
time is that of the machine too; the first run of each is left out of it, which imports and warms up.
`python -m etl_platform_tests.benchmarks.quality 10000000` takes other sizes, `--memory` measures the peak
memory of the local engine alone, at 1, 10 and 50 million rows and under bounds, `--peers` adds Great
Expectations and Soda, installed into an environment of their own beside the data.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil

RUNS = 3
SIZES = (1_000_000, 10_000_000)
MEMORY_SIZES = (1_000_000, 10_000_000, 50_000_000)

ROW_RULES: dict[str, Any] = {
    "completeness_checks": [{"field": "customer"}, {"field": "city"}],
    "accuracy_rules": [
        {"field": "price", "rule_type": "range", "min": 1, "max": 990},
        {"field": "quantity", "rule_type": "range", "min": 1, "max": 99},
        {"field": "code", "rule_type": "regex", "pattern": "^[A-Z]{2}-[0-9]{4}$"},
        {"field": "city", "rule_type": "allowed_values", "values": [f"city {n}" for n in range(90)]},
        {"field": "code", "rule_type": "length", "min": 7, "max": 7},
        {"field": "placed", "rule_type": "date_range", "min_date": "2024-01-01", "max_date": "2024-12-30"},
    ],
    "custom_validations": [{"name": "total", "sql": "price * quantity < 90000"}],
    "duplicate_check": {"key_fields": ["id"]},
}

HAND_WRITTEN = """
SELECT count(*) AS n,
  sum(CASE WHEN customer IS NULL THEN 1 ELSE 0 END) AS a,
  sum(CASE WHEN city IS NULL THEN 1 ELSE 0 END) AS b,
  sum(CASE WHEN NOT (price BETWEEN 1 AND 990) THEN 1 ELSE 0 END) AS c,
  sum(CASE WHEN NOT (quantity BETWEEN 1 AND 99) THEN 1 ELSE 0 END) AS d,
  sum(CASE WHEN NOT {matches} THEN 1 ELSE 0 END) AS e,
  sum(CASE WHEN city NOT IN ({cities}) THEN 1 ELSE 0 END) AS f,
  sum(CASE WHEN NOT (length(code) BETWEEN 7 AND 7) THEN 1 ELSE 0 END) AS g,
  sum(CASE WHEN NOT (placed >= {first} AND placed < {last}) THEN 1 ELSE 0 END) AS h,
  sum(CASE WHEN coalesce(price * quantity < 90000, false) THEN 0 ELSE 1 END) AS i
FROM data
"""
KEYS = "SELECT sum(n - 1) FROM (SELECT count(*) AS n FROM data WHERE id IS NOT NULL GROUP BY id) AS g"
CITIES = ", ".join(f"'city {n}'" for n in range(90))


def make_data(folder: Path, rows: int) -> None:
    """A table of orders with about one bad value in a hundred, as files of a million rows."""
    import duckdb

    place = folder / "root" / "s3" / "lake" / "out"
    place.mkdir(parents=True)
    with duckdb.connect() as connection:
        for n, start in enumerate(range(0, rows, 1_000_000)):
            end = min(start + 1_000_000, rows)
            connection.execute(
                f"COPY (SELECT CASE WHEN i % 1000 = 7 THEN i - 1 ELSE i END AS id, "
                "CASE WHEN hash(i) % 100 > 0 THEN hash(i) % 500000 END::BIGINT AS customer, "
                "(hash(i + 1) % 100000 / 100.0)::DOUBLE AS price, (hash(i + 2) % 101)::INTEGER AS quantity, "
                "CASE WHEN hash(i + 3) % 100 = 0 THEN 'bad' "
                "ELSE 'AB-' || lpad((i % 10000)::VARCHAR, 4, '0') END AS code, "
                "CASE WHEN hash(i + 4) % 200 > 0 THEN 'city ' || (hash(i + 5) % 91) END AS city, "
                "TIMESTAMP '2024-01-01' + INTERVAL 1 SECOND * (hash(i + 6) % 31622400)::INTEGER AS placed, "
                "md5(i::VARCHAR) AS note, (i % 7)::SMALLINT AS kind, i * 0.5 AS weight "
                f"FROM range({start}, {end}) AS t(i)) TO '{place}/part-{n:05}.parquet' (FORMAT parquet)"
            )


def ours(folder: Path, engine: str) -> list[int]:
    """The rules through `evaluate`, without a second look at failing rows."""
    from etl_platform.quality.engine import evaluate
    from etl_platform_tests.quality.builders import config_of, job_with

    job = job_with(ROW_RULES)
    config = config_of(job, folder=folder)
    chosen: Any = engine
    spark = _spark if engine == "spark" else None
    report = evaluate(config, job, "target", engine=chosen, spark=spark, show_values=False)
    assert not [result.error for result in report.results if result.error]
    return [result.rows_failed or 0 for result in report.results]


def duckdb_by_hand(folder: Path) -> list[int]:
    """The same in one query and a group-by, as a person would write them for DuckDB."""
    import duckdb

    with duckdb.connect() as connection:
        if memory := os.environ.get("ETL_PLATFORM_QUALITY_MEMORY_GB"):
            connection.execute(f"SET memory_limit = '{memory}GB'")
        connection.execute(f"CREATE VIEW data AS FROM read_parquet('{folder}/root/s3/lake/out/*.parquet')")
        matches = "regexp_matches(code, '^[A-Z]{2}-[0-9]{4}$')"
        bounds = {"first": "TIMESTAMP '2024-01-01'", "last": "TIMESTAMP '2024-12-31'"}
        sql = HAND_WRITTEN.format(matches=matches, cities=CITIES, **bounds)
        return _in_order(connection.execute(sql).fetchall()[0], connection.execute(KEYS).fetchall()[0][0])


def spark_by_hand(folder: Path) -> list[int]:
    """The same for Spark."""
    spark = _spark()
    spark.read.parquet(f"{folder}/root/s3/lake/out").createOrReplaceTempView("data")
    bounds = {"first": "TIMESTAMP_NTZ '2024-01-01'", "last": "TIMESTAMP_NTZ '2024-12-31'"}
    sql = HAND_WRITTEN.format(matches="(code RLIKE '^[A-Z]{2}-[0-9]{4}$')", cities=CITIES, **bounds)
    return _in_order(spark.sql(sql).collect()[0], spark.sql(KEYS).collect()[0][0])


def pandera_on_pandas(folder: Path) -> list[int]:
    """pandera's own execution, on pandas."""
    import pandas as pd

    pa: Any = import_module("pandera.pandas")
    data = pd.read_parquet(f"{folder}/root/s3/lake/out")
    columns = ROW_RULES["accuracy_rules"]
    schema = pa.DataFrameSchema(
        {
            "customer": pa.Column(float, nullable=False),
            "price": pa.Column(float, pa.Check.in_range(1, 990), nullable=True),
            "quantity": pa.Column("int32", pa.Check.in_range(1, 99)),
            "code": pa.Column(
                str, [pa.Check.str_matches(columns[2]["pattern"]), pa.Check.str_length(7, 7)], nullable=True
            ),
            "city": pa.Column(str, pa.Check.isin(columns[3]["values"]), nullable=False),
            "placed": pa.Column(
                "datetime64[us]",
                pa.Check(lambda s: (s >= pd.Timestamp("2024-01-01")) & (s < pd.Timestamp("2024-12-31"))),
                nullable=True,
            ),
        },
        checks=pa.Check(lambda df: df["price"] * df["quantity"] < 90000),
        unique=["id"],
    )
    try:
        schema.validate(data, lazy=True)
    except pa.errors.SchemaErrors as errors:
        return [len(errors.failure_cases)]
    return [0]


def great_expectations(folder: Path) -> list[int]:
    """Great Expectations on pandas, its quickest engine for a file on one machine."""
    import pandas as pd

    gx: Any = import_module("great_expectations")
    e = gx.expectations
    data = pd.read_parquet(f"{folder}/root/s3/lake/out")
    context = gx.get_context(mode="ephemeral")
    batch = (
        context.data_sources.add_pandas("p")
        .add_dataframe_asset("a")
        .add_batch_definition_whole_dataframe("b")
    )
    data["total"] = data["price"] * data["quantity"]
    cities = [f"city {n}" for n in range(90)]
    expectations = [
        e.ExpectColumnValuesToNotBeNull(column="customer"),
        e.ExpectColumnValuesToNotBeNull(column="city"),
        e.ExpectColumnValuesToBeBetween(column="price", min_value=1, max_value=990),
        e.ExpectColumnValuesToBeBetween(column="quantity", min_value=1, max_value=99),
        e.ExpectColumnValuesToMatchRegex(column="code", regex="^[A-Z]{2}-[0-9]{4}$"),
        e.ExpectColumnValuesToBeInSet(column="city", value_set=cities),
        e.ExpectColumnValueLengthsToEqual(column="code", value=7),
        e.ExpectColumnValuesToBeBetween(
            column="placed",
            min_value=pd.Timestamp("2024-01-01"),
            max_value=pd.Timestamp("2024-12-30 23:59:59.999999"),
        ),
        e.ExpectColumnValuesToBeBetween(column="total", max_value=90000, strict_max=True),
        e.ExpectColumnValuesToBeUnique(column="id"),
    ]
    suite = context.suites.add(gx.ExpectationSuite(name="s", expectations=expectations))
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(data=batch, suite=suite, name="v")
    )
    found = definition.run(batch_parameters={"dataframe": data}, result_format="BASIC")
    return [int(result.result["unexpected_count"]) for result in found.results]


def soda(folder: Path) -> list[int]:
    """Soda Core on DuckDB."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"CREATE VIEW data AS FROM read_parquet('{folder}/root/s3/lake/out/*.parquet')")
    scan = import_module("soda.scan").Scan()
    scan.add_duckdb_connection(connection, "data_source")
    scan.set_data_source_name("data_source")
    listed = "\n".join(f"        - city {n}" for n in range(90))
    scan.add_sodacl_yaml_str(f"""
checks for data:
  - missing_count(customer) = 0
  - missing_count(city) = 0
  - invalid_count(price) = 0:
      valid min: 1
      valid max: 990
  - invalid_count(quantity) = 0:
      valid min: 1
      valid max: 99
  - invalid_count(code) = 0:
      valid regex: ^[A-Z]{{2}}-[0-9]{{4}}$
  - invalid_count(city) = 0:
      valid values:
{listed}
  - invalid_count(code) = 0:
      valid length: 7
  - bad_dates = 0:
      bad_dates expression: count(case when placed < '2024-01-01' or placed >= '2024-12-31' then 1 end)
  - bad_totals = 0:
      bad_totals expression: count(case when price * quantity < 90000 then null else 1 end)
  - duplicate_count(id) = 0
""")
    scan.execute()
    return [int(check["diagnostics"]["value"]) for check in scan.get_scan_results()["checks"]]


CONTENDERS: dict[str, Callable[[Path], list[int]]] = {
    "DuckDB by hand": duckdb_by_hand,
    "ours, local": lambda folder: ours(folder, "local"),
    "Spark by hand": spark_by_hand,
    "ours, spark": lambda folder: ours(folder, "spark"),
    "pandera on pandas": pandera_on_pandas,
    "Great Expectations on pandas": great_expectations,
    "Soda on DuckDB": soda,
}
PEERS = {
    "Great Expectations on pandas": "great-expectations>=1.5",
    "Soda on DuckDB": "soda-core-duckdb>=3.5,<4",
}


def _in_order(figures: Any, again: int) -> list[int]:
    # In the order of `rules_of`: the key comes before the custom validation.
    failed = [int(figure) for figure in figures][1:]
    return [*failed[:-1], int(again), failed[-1]]


def _spark() -> Any:
    from etl_platform.cli.check import local_spark

    return local_spark()


def measure(python: str, name: str, folder: Path, **environment: str) -> dict[str, Any]:
    """Run a contender in a process of its own: seconds of each run, peak memory in MB, counts."""
    command = [python, "-m", "etl_platform_tests.benchmarks.quality", "--contender", name, str(folder)]
    paths = str(Path(__file__).parents[2])
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths, "TZ": "UTC", **environment},
    )
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-3:] or ["no output"]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def _contend(name: str, folder: Path) -> None:
    contender = CONTENDERS[name]
    seconds, cpu_seconds, counts = [], [], []
    if "park" in name:
        # The start of Spark is not part of a check on a running session.
        _spark()
    for _ in range(RUNS):
        start, cpu = time.perf_counter(), _cpu_seconds()
        counts = contender(folder)
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(_cpu_seconds() - cpu)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 + _children_mb()
    found = {"seconds": seconds, "cpu_seconds": cpu_seconds, "mb": peak, "counts": counts}
    sys.stdout.write("\n" + json.dumps(found) + "\n")


def _cpu_seconds() -> float:
    """User and system seconds of this process and of those that it started and that live, such as Java."""
    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def _children_mb() -> float:
    """Peak memory of the processes that this one started, such as Spark's Java, in MB."""
    total = 0.0
    for child in psutil.Process().children(recursive=True):
        status = Path(f"/proc/{child.pid}/status").read_text()
        # A process that has ended and was not waited for has no memory any more.
        total += sum(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    return total


def main(sizes: tuple[int, ...] = SIZES, *, peers: bool = False) -> None:
    """Print the table, at each size."""
    bases = {"ours, local": "DuckDB by hand", "ours, spark": "Spark by hand"}
    names = [name for name in CONTENDERS if peers or name not in PEERS]
    for rows in sizes:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            make_data(folder, rows)
            found = {name: measure(_python(name, folder), name, folder) for name in names}
            bounded = {
                gb: measure(sys.executable, "ours, local", folder, ETL_PLATFORM_QUALITY_MEMORY_GB=gb)
                for gb in ("0.25", "0.5", "1")
            }
        print(f"{rows:,} rows, 10 rules, median of {RUNS}")
        for name, figures in found.items():
            print(_line(name, figures, found.get(bases.get(name, ""))))
        for gb, figures in bounded.items():
            print(_line(f"ours, local, memory {gb} GB", figures, found["DuckDB by hand"]))
        counts = {name: found[name].get("counts") for name in (*bases, *bases.values())}
        alike = None not in counts.values() and len({json.dumps(each) for each in counts.values()}) == 1
        print(f"  counts of both engines, by hand and ours: {'identical' if alike else counts}")


def _python(name: str, folder: Path) -> str:
    """The interpreter of a contender; a peer's packages are installed for it alone."""
    if name not in PEERS:
        return sys.executable
    home = folder / "peers" / name.replace(" ", "_")
    venv.create(home, with_pip=True)
    python = str(home / "bin" / "python")
    needed = [PEERS[name], "pandas<3", "pyarrow", "duckdb", "psutil", "setuptools<81"]
    subprocess.run([python, "-m", "pip", "install", "-q", *needed], check=True, capture_output=True)
    return python


def _line(name: str, figures: dict[str, Any], base: dict[str, Any] | None) -> str:
    if "error" in figures:
        return f"  {name:32} failed: {' '.join(figures['error'])}"
    median, cpu = statistics.median(figures["seconds"]), min(figures["cpu_seconds"][1:])
    by_hand = min(base["cpu_seconds"][1:]) if base and "cpu_seconds" in base else None
    ratio = f"{cpu / by_hand:5.2f}× by hand" if by_hand else ""
    return f"  {name:32} {median:7.2f} s (CPU {cpu:6.2f} s) {figures['mb']:7.0f} MB  {ratio}"


def memory(sizes: tuple[int, ...]) -> None:
    """Print the peak memory of the local engine at each size, without a bound and under some."""
    for rows in sizes:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            make_data(folder, rows)
            base = measure(sys.executable, "DuckDB by hand", folder)
            print(f"{rows:,} rows, 10 rules, median of {RUNS}")
            print(_line("DuckDB by hand", base, None))
            for gb in (None, "0.5", "1", "2"):
                bound = {"ETL_PLATFORM_QUALITY_MEMORY_GB": gb} if gb else {}
                name = f"ours, local, memory {gb} GB" if gb else "ours, local"
                print(_line(name, measure(sys.executable, "ours, local", folder, **bound), base), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*")
    parser.add_argument("--contender")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    if options.contender:
        _contend(options.contender, Path(options.sizes[0]))
    elif options.memory:
        memory(tuple(map(int, options.sizes)) or MEMORY_SIZES)
    else:
        main(tuple(map(int, options.sizes)) or SIZES, peers=options.peers)
