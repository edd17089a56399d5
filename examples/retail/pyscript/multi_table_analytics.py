"""Revenue by month, region and category, out of Glue, Redshift, RDS and S3: for Glue or EMR."""

import argparse
import re

import boto3
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

DATABASE_USER = "etl"
PROMOTIONS = "category STRING, promotion STRING, starts DATE, ends DATE"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("target", "products_url", "stores_url", "promotions_path"):
        parser.add_argument(f"--{name}", required=True)
    arguments, _ = parser.parse_known_args()
    return arguments


def read_redshift(spark: SparkSession, url: str, table: str) -> DataFrame:
    """By the role that the job runs under: the driver gets its own password."""
    options = {"url": url, "dbtable": table, "DbUser": DATABASE_USER}
    return spark.read.format("jdbc").options(**options).load()


def read_rds(spark: SparkSession, url: str, table: str) -> DataFrame:
    """By a token in place of a password, which the job's role signs; nothing is stored."""
    address = re.match(r"jdbc:postgresql://(?P<host>[^:/]+):(?P<port>\d+)/", url)
    if address is None:
        raise ValueError(f"--stores_url {url}: expected jdbc:postgresql://host:port/database")
    token = boto3.client("rds").generate_db_auth_token(
        DBHostname=address["host"], Port=int(address["port"]), DBUsername=DATABASE_USER
    )
    options = {"url": url, "dbtable": table, "user": DATABASE_USER, "password": token, "ssl": "true"}
    return spark.read.format("jdbc").options(**options).load()


def performance(
    orders: DataFrame, customers: DataFrame, products: DataFrame, stores: DataFrame, promotions: DataFrame
) -> DataFrame:
    sold = (
        orders.where("quantity > 0 AND discount_percent BETWEEN 0 AND 100")
        .join(customers.select("customer_id"), "customer_id")
        .join(F.broadcast(products.select("product_id", "category")), "product_id")
        .join(F.broadcast(stores.select("store_id", "region")), "store_id")
        .where("category IS NOT NULL")
    )
    running = F.to_date("ordered_at").between(F.col("starts"), F.col("ends"))
    promoted = F.broadcast(promotions.withColumnRenamed("category", "promoted_category"))
    joined = sold.join(promoted, (F.col("category") == F.col("promoted_category")) & running, "left")
    price = F.col("quantity") * F.col("unit_price")
    paid = price * (1 - F.col("discount_percent") / 100)
    return joined.groupBy(F.date_format("ordered_at", "yyyy-MM").alias("month"), "region", "category").agg(
        F.count(F.lit(1)).alias("orders"),
        F.countDistinct("customer_id").alias("customers"),
        F.round(F.sum(paid), 2).alias("revenue"),
        F.round(F.sum(price - paid), 2).alias("discounts"),
        F.count("promotion").alias("promoted_orders"),
    )


def main() -> None:
    arguments = parse_arguments()
    spark = SparkSession.builder.appName("multi_table_analytics").getOrCreate()
    result = performance(
        spark.table("sales_db.orders"),
        spark.table("master_db.customers"),
        read_redshift(spark, arguments.products_url, "public.products"),
        read_rds(spark, arguments.stores_url, "stores"),
        spark.read.csv(arguments.promotions_path, schema=PROMOTIONS, header=True),
    )
    result.coalesce(1).write.mode("overwrite").format("parquet").saveAsTable(arguments.target)
    print(f"{arguments.target}: {spark.table(arguments.target).count()} rows")


if __name__ == "__main__":
    main()
