"""What is read off scripts and SQL."""

from pathlib import Path
from typing import Any

import pytest

from etl_platform.workload.model import Workload
from etl_platform_tests.catalog.builders import job
from etl_platform_tests.workload.builders import analyzed, joins_of, sized, stats, table

ORDERS_GB = {"orders": 100.0, "customers": 0.05, "products": 0.2}
TABLES = (
    table("orders"),
    table("customers"),
    {"name": "products", "source_type": "s3", "path": "s3://lake/products/", "alias": "prod"},
)


def of_script(folder: Path, text: str, **keys: Any) -> Workload:
    return analyzed(folder, job(*TABLES, **keys), sized(**ORDERS_GB), script=text)


def of_sql(folder: Path, text: str) -> Workload:
    return analyzed(folder, job(*TABLES, execution={"sql": text}), sized(**ORDERS_GB))


def types(workload: Workload) -> list[str]:
    return [one.type for one in workload.findings]


@pytest.mark.parametrize(
    ("join", "found"),
    [
        ('orders.join(customers, "customer_id")', "orders.customer_id = customers.customer_id inner"),
        (
            'orders.join(customers, ["customer_id", "region"], "left_outer")',
            "orders.customer_id = customers.customer_id and orders.region = customers.region left",
        ),
        ("orders.join(customers, orders.cid == customers.id)", "orders.cid = customers.id inner"),
        ('orders.join(customers, customers["id"] == orders["cid"])', "orders.cid = customers.id inner"),
        (
            "orders.join(customers, (orders.a == customers.b) & (orders.c == customers.d), how='leftanti')",
            "orders.a = customers.b and orders.c = customers.d anti",
        ),
        (
            'orders.alias("o").join(customers.alias("c"), F.col("o.cid") == F.col("c.id"))',
            "orders.cid = customers.id inner",
        ),
        (
            'orders.join(customers.withColumnRenamed("id", "cid"), "cid")',
            "orders.cid = customers.id inner",
        ),
        (
            'orders.filter("amount > 0").join(customers.select("id"), orders.cid.eqNullSafe(customers.id))',
            "orders.cid = customers.id inner",
        ),
        (
            'orders.merge(customers, left_on="cid", right_on="id", how="left")',
            "orders.cid = customers.id left",
        ),
        ('pd.merge(orders, customers, on="cid")', "orders.cid = customers.cid inner"),
        ('Join.apply(orders, customers, "cid", "id")', "orders.cid = customers.id inner"),
        ("orders.join(customers, condition)", "orders with customers inner"),
    ],
)
def test_joins_of_data_frames_are_found_with_their_columns(tmp_path: Path, join: str, found: str):
    script = f'orders = spark.table("db.orders")\ncustomers = spark.table("db.customers")\nout = {join}\n'
    workload = of_script(tmp_path, script)
    assert joins_of(workload) == [found]
    assert workload.joins[0].origins == ("script",)


@pytest.mark.parametrize(
    "read",
    [
        'spark.table("db.orders")',
        'spark.read.table("orders")',
        'spark.sql("SELECT * FROM db.orders WHERE day > 1")',
        'glueContext.create_dynamic_frame.from_catalog(database="db", table_name="orders").toDF()',
        'glueContext.create_data_frame_from_catalog("db", "orders")',
        'spark.read.format("jdbc").option("dbtable", "db.orders").load()',
        'load(spark, "orders")',
        'spark.table(f"{DATABASE}.orders")',
        'spark.table(args["input_table"])',
        "spark.table(args.input_table)",
        'spark.table(tables["facts"])',
    ],
)
def test_tables_are_recognized_however_they_are_read(tmp_path: Path, read: str):
    script = f"""
DATABASE = "db"
tables = {{"facts": "db.orders"}}
args = getResolvedOptions(sys.argv, ["input_table"])

def load(session, name):
    return session.table("db." + name).dropna()

def main():
    orders = {read}
    products = spark.read.option("x", 1).parquet("s3a://lake/products/day=1/")
    orders.join(products, "product_id").write.parquet("s3://lake/out/")

if __name__ == "__main__":
    main()
"""
    execution = {"script_path": "script.py", "arguments": {"input_table": "db.orders"}}
    workload = of_script(tmp_path, script, execution=execution)
    assert joins_of(workload) == ["orders.product_id = products.product_id inner"]
    assert workload.wide_shuffle_gb_at_most == 0.0


def test_a_source_that_the_script_does_not_read_is_a_finding(tmp_path: Path):
    script = 'spark.table("db.orders").join(spark.read.parquet("s3://lake/products"), "product_id")'
    workload = of_script(tmp_path, script)
    assert types(workload) == ["disconnected_table", "unused_source", "missing_broadcast"]
    assert workload.findings[1].dataset == "customers"


@pytest.mark.parametrize(
    "read",
    [
        'spark.read.parquet("s3://lake/products/")',
        'spark.read.load("s3://lake/products/", format="parquet")',
        'spark.read.format("parquet").load(path=BASE + "/products")',
        'pd.read_parquet("s3://lake/products")',
        'glueContext.create_dynamic_frame.from_options("s3", {"paths": [BASE + "/products"]})',
        'spark.sql("SELECT * FROM parquet.`s3://lake/products`")',
        'spark.table("prod")',
    ],
)
def test_paths_are_recognized_however_they_are_read(tmp_path: Path, read: str):
    script = f'BASE = "s3://lake"\nspark.table("db.orders").join({read}, "product_id")\n'
    assert joins_of(of_script(tmp_path, script)) == ["orders.product_id = products.product_id inner"]


def test_frames_are_followed_through_methods_of_a_class(tmp_path: Path):
    script = """
class Pipeline:
    def __init__(self, spark):
        self.orders = spark.table("db.orders")
        self.customers = self.read("customers")

    def read(self, name):
        return spark.table(f"db.{name}")

    def run(self):
        with timer() as t:
            try:
                joined = self.orders.join(self.customers, "cid")
            except ValueError:
                raise
        for name in ["a", "b"]:
            joined = joined.withColumn(name, F.lit(1))
        return joined.join(spark.read.parquet("s3://lake/products"), "pid")

Pipeline(spark).run()
"""
    assert joins_of(of_script(tmp_path, script)) == [
        "orders.cid = customers.cid inner",
        "orders.pid = products.pid inner",
    ]


def test_defaults_of_arguments_comprehensions_and_new_names_of_columns_are_followed(tmp_path: Path):
    script = """
parser = argparse.ArgumentParser()
parser.add_argument("--database", default="db")
arguments, _ = parser.parse_known_args()
orders, customers = (spark.table(f"{arguments.database}.{name}") for name in ("orders", "customers"))
people = customers.select("name", F.col("id").alias("customer_id"))
orders.join(F.broadcast(people), "customer_id")
"""
    workload = of_script(tmp_path, script)
    assert joins_of(workload) == ["orders.customer_id = customers.id inner"]
    assert next(one for one in workload.broadcasts if one.source == "customers").hinted


@pytest.mark.parametrize(
    ("target", "read"),
    [
        ({"type": "glue_catalog", "database": "db", "table": "out"}, 'spark.table("db.out")'),
        ({"type": "s3", "path": "s3://lake/out/"}, 'spark.read.parquet("s3a://lake/out/day=1")'),
    ],
)
def test_reading_the_jobs_own_target_back_is_no_finding(tmp_path: Path, target: dict[str, Any], read: str):
    one = job(table("orders"), target=target)
    script = f'spark.table("db.orders").join({read}, "id")'
    assert analyzed(tmp_path, one, sized(orders=1.0), script=script).findings == ()


def test_columns_of_joined_frames_go_to_the_source_that_has_them(tmp_path: Path):
    script = """
orders = spark.table("db.orders").join(spark.table("db.customers"), "customer_id")
orders.join(spark.read.parquet("s3://lake/products"), "segment")
"""
    figures = sized(**ORDERS_GB) | {"customers": stats(0.05, columns={"segment": "string"})}
    workload = analyzed(tmp_path, job(*TABLES), figures, script=script)
    assert "customers.segment = products.segment inner" in joins_of(workload)


def test_views_connect_sql_with_data_frames(tmp_path: Path):
    script = """
spark.table("db.orders").filter("x = 1").createOrReplaceTempView("o")
out = spark.sql("SELECT * FROM o JOIN db.customers c ON o.cid = c.id")
out.join(spark.read.parquet("s3://lake/products"), "pid")
"""
    assert joins_of(of_script(tmp_path, script)) == [
        "orders.cid = customers.id inner",
        "orders.pid = products.pid inner",
    ]


@pytest.mark.parametrize("hint", ["broadcast(c)", "F.broadcast(c)", 'c.hint("broadcast")'])
def test_broadcast_hints_are_seen(tmp_path: Path, hint: str):
    script = f'c = spark.table("db.customers")\nspark.table("db.orders").join({hint}, "cid")\n'
    workload = of_script(tmp_path, script)
    assert {one.source: one.hinted for one in workload.broadcasts} == {"customers": True}
    assert "missing_broadcast" not in types(workload)


def test_a_hint_for_a_large_table_is_a_finding(tmp_path: Path):
    script = 'spark.table("db.orders").join(broadcast(spark.table("db.customers")), "cid")'
    workload = analyzed(tmp_path, job(*TABLES[:2]), sized(orders=100.0, customers=20.0), script=script)
    assert types(workload) == ["broadcast_too_large"]
    assert "20 GB: not under 8 GB" in workload.findings[0].description


def test_an_outer_join_cannot_broadcast_the_side_that_it_keeps(tmp_path: Path):
    script = 'spark.table("db.customers").join(spark.table("db.orders"), "cid", "left")'
    workload = of_script(tmp_path, script)
    assert "only the other side of its left join" in workload.broadcasts[0].reason


def test_a_join_without_condition_is_a_finding(tmp_path: Path):
    script = 'spark.table("db.orders").crossJoin(spark.table("db.customers"))'
    workload = of_script(tmp_path, script)
    assert "cartesian_join" in types(workload)
    assert "a join without condition (+3)" in workload.complexity_reasons


def test_a_read_that_no_source_declares_is_a_finding(tmp_path: Path):
    workload = of_script(tmp_path, 'spark.table("db.secret_table").count()')
    assert "undeclared_source" in types(workload)
    assert "db.secret_table" in next(
        one.description for one in workload.findings if one.type == "undeclared_source"
    )


def test_an_address_that_no_source_declares_is_shown_without_its_password(tmp_path: Path):
    workload = of_script(tmp_path, 'pd.read_csv("https://etl:hunter2@files.test/a.csv?token=hunter2")')
    assert "https://***@files.test/a.csv" in workload.model_dump_json()
    assert "hunter2" not in workload.model_dump_json()


def test_reads_that_only_the_run_names_are_said_and_nothing_is_called_unused(tmp_path: Path):
    workload = of_script(tmp_path, 'spark.table(input())\nspark.table("db.orders")')
    assert "reads whose table or path is known only when the script runs: 1" in workload.notes
    assert "unused_source" not in types(workload)


def test_tables_that_are_put_one_below_the_other_are_not_disconnected(tmp_path: Path):
    one = job(table("a"), table("b"))
    script = 'spark.table("db.a").unionByName(spark.table("db.b"))'
    assert analyzed(tmp_path, one, sized(a=1.0, b=1.0), script=script).findings == ()


def test_a_script_that_is_no_python_is_a_note(tmp_path: Path):
    assert "not valid Python: line 1" in of_script(tmp_path, "def (").notes[0]


def test_a_missing_script_is_a_note(tmp_path: Path):
    one = job(*TABLES, execution={"script_path": "none.py"})
    workload = analyzed(tmp_path, one, sized(**ORDERS_GB))
    assert "cannot read the script" in workload.notes[0]
    assert workload.wide_shuffle_gb_at_most is None


def test_recursion_ends(tmp_path: Path):
    script = "def f(x):\n    return g(x)\ndef g(x):\n    return f(x)\nf(spark.table('db.orders'))\n"
    assert joins_of(of_script(tmp_path, script)) == []


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT * FROM orders o JOIN db.customers c ON o.cid = c.id", "orders.cid = customers.id inner"),
        ("SELECT * FROM orders LEFT JOIN customers USING (cid)", "orders.cid = customers.cid left"),
        ("SELECT * FROM orders o, customers c WHERE o.cid = c.id", "orders.cid = customers.id inner"),
        (
            "WITH o AS (SELECT customer_id AS cid FROM db.orders) "
            "SELECT * FROM o JOIN customers c ON o.cid = c.id",
            "orders.customer_id = customers.id inner",
        ),
        (
            "SELECT * FROM (SELECT cid FROM orders) x FULL OUTER JOIN customers c ON c.id = x.cid",
            "orders.cid = customers.id full",
        ),
        (
            "INSERT OVERWRITE TABLE gold.t "
            "SELECT * FROM orders o LEFT SEMI JOIN customers c ON o.cid <=> c.id",
            "orders.cid = customers.id semi",
        ),
        ("SELECT * FROM orders WHERE cid IN (SELECT id FROM customers)", "orders with customers semi"),
        ("SELECT * FROM orders NATURAL JOIN customers", "orders with customers inner"),
    ],
)
def test_joins_of_sql_are_found_with_their_columns(tmp_path: Path, sql: str, found: str):
    assert joins_of(of_sql(tmp_path, sql)) == [found]


def test_sql_hints_cross_joins_and_operations_are_seen(tmp_path: Path):
    workload = of_sql(
        tmp_path,
        "SELECT /*+ BROADCAST(c) */ c.x, count(*), row_number() OVER (ORDER BY 1) FROM orders o "
        "JOIN customers c ON o.cid = c.id CROSS JOIN prod GROUP BY c.x ORDER BY 2",
    )
    assert next(one for one in workload.broadcasts if one.source == "customers").hinted
    assert "cartesian_join" in types(workload)
    assert workload.operations == {"aggregate": 1, "join": 2, "sort": 1, "window": 1}


def test_broken_sql_is_a_note(tmp_path: Path):
    assert "a SQL text is not understood" in of_sql(tmp_path, "SELECT FROM WHERE (").notes[0]


def test_a_sql_file_is_read_as_sql(tmp_path: Path):
    (tmp_path / "query.sql").write_text("SELECT * FROM orders JOIN customers USING (cid)")
    one = job(*TABLES, execution={"script_path": "query.sql"})
    assert joins_of(analyzed(tmp_path, one, sized(**ORDERS_GB))) == ["orders.cid = customers.cid inner"]


def test_what_is_declared_and_what_the_script_says_become_one_join(tmp_path: Path):
    one = job(table("orders", joins_with=["customers"]), table("customers"))
    script = 'spark.table("db.customers").join(spark.table("db.orders"), "cid", "right")'
    workload = analyzed(tmp_path, one, sized(orders=1.0, customers=0.1), script=script)
    assert joins_of(workload) == ["orders.cid = customers.cid left"]
    assert workload.joins[0].origins == ("declared", "script")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM db.orders e LEFT JOIN db.orders m ON e.parent_id = m.order_id",
        "SELECT * FROM db.orders e, db.orders m WHERE e.parent_id = m.order_id",
    ],
)
def test_a_table_that_sql_joins_with_itself_is_shuffled_twice(tmp_path: Path, text: str):
    workload = of_sql(tmp_path, text)
    step = next(one for one in workload.order if one.reason == "joined with itself")
    assert (step.on, step.shuffle_gb) == (("orders.parent_id = orders.order_id",), 200)
    assert "1 join (+1)" in workload.complexity_reasons
    assert "cartesian_join" not in types(workload)


def test_a_frame_that_a_script_joins_with_itself_is_shuffled_twice(tmp_path: Path):
    script = 'o = spark.table("db.orders")\no.join(o.groupBy("region").count(), "region")'
    step = next(one for one in of_script(tmp_path, script).order if one.reason == "joined with itself")
    assert (step.on, step.shuffle_gb) == (("orders.region = orders.region",), 200)


def test_a_small_table_joined_with_itself_shuffles_nothing(tmp_path: Path):
    text = "SELECT * FROM db.orders a JOIN db.orders b ON a.x = b.y"
    workload = analyzed(tmp_path, job(table("orders"), execution={"sql": text}), sized(orders=0.005))
    assert workload.shuffle_gb == 0


def test_a_newest_day_by_subquery_is_no_join_of_the_table_with_itself(tmp_path: Path):
    text = "SELECT * FROM db.orders WHERE day = (SELECT max(day) FROM db.orders)"
    assert [one.kind for one in of_sql(tmp_path, text).order][:1] == ["scan"]
    assert "joined with itself" not in [one.reason for one in of_sql(tmp_path, text).order]


def test_not_exists_is_an_anti_join(tmp_path: Path):
    text = "SELECT * FROM db.orders o WHERE NOT EXISTS (SELECT 1 FROM db.customers c WHERE c.id = o.cid)"
    assert [one.how for one in of_sql(tmp_path, text).joins] == ["anti"]


def test_tables_side_by_side_that_a_third_links_are_not_crossed(tmp_path: Path):
    text = "SELECT * FROM db.orders o, db.customers c, s3.products p WHERE o.pid = p.id AND c.pid = p.id"
    linked = text.replace("s3.products", "parquet.`s3://lake/products/`")
    assert "cartesian_join" not in types(of_sql(tmp_path, linked))


def test_a_cross_join_of_tables_that_are_joined_elsewhere_is_found(tmp_path: Path):
    script = (
        'o, c = spark.table("db.orders"), spark.table("db.customers")\n'
        'o.join(c, "cid").write.parquet("x")\no.crossJoin(c)'
    )
    assert "cartesian_join" in types(of_script(tmp_path, script))


def test_what_comes_of_a_cross_join_is_said_not_to_be_counted(tmp_path: Path):
    script = 'spark.table("db.orders").crossJoin(spark.table("db.customers"))'
    workload = of_script(tmp_path, script)
    assert "orders with customers, which nothing joins, is not known" in workload.notes[0]
    assert "disconnected_table" not in [
        one.type for one in workload.findings if one.dataset in ("orders", "customers")
    ]
