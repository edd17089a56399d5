"""What each customer bought: an AWS Glue job."""

import sys

from awsglue.context import GlueContext
from awsglue.dynamicframe import DynamicFrame
from awsglue.job import Job
from awsglue.transforms import ApplyMapping, DropFields, Join, SelectFields
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

args = getResolvedOptions(
    sys.argv, ["JOB_NAME", "database", "master_database", "segments_path", "target_path"]
)
glue_context = GlueContext(SparkContext.getOrCreate())
logger = glue_context.get_logger()
job = Job(glue_context)
job.init(args["JOB_NAME"], args)


def table(database: str, name: str) -> DynamicFrame:
    return glue_context.create_dynamic_frame.from_catalog(
        database=database, table_name=name, transformation_ctx=f"read_{name}"
    )


def sold(transactions: DynamicFrame) -> DynamicFrame:
    """Each sale once, without those that cannot have been: of the future, or with a negative amount."""
    df = transactions.toDF()
    df = df.where((F.col("amount") >= 0) & (F.col("transaction_at") <= F.current_timestamp()))
    return DynamicFrame.fromDF(df.dropDuplicates(["transaction_id"]), glue_context, "sold")


def summary(sales: DataFrame) -> DataFrame:
    """One row a customer."""
    whom = ["customer_id", "customer_name", "email", "segment"]
    by_category = sales.groupBy(*whom, "category").agg(
        F.count(F.lit(1)).alias("orders"),
        F.sum("quantity").alias("items"),
        F.sum("amount").alias("revenue"),
        F.max("transaction_at").alias("last_order_at"),
    )
    most_first = Window.partitionBy("customer_id").orderBy(F.desc("revenue"), "category")
    ranked = by_category.withColumn("rank", F.row_number().over(most_first))
    return ranked.groupBy(*whom).agg(
        F.sum("orders").alias("orders"),
        F.sum("items").alias("items"),
        F.round(F.sum("revenue"), 2).alias("revenue"),
        F.max(F.when(F.col("rank") == 1, F.col("category"))).alias("favourite_category"),
        F.max("last_order_at").alias("last_order_at"),
    )


transactions = SelectFields.apply(
    frame=table(args["database"], "fact_transactions"),
    paths=["transaction_id", "customer_id", "product_id", "quantity", "amount", "transaction_at"],
)
customers = ApplyMapping.apply(
    frame=table(args["master_database"], "customers"),
    mappings=[
        ("customer_id", "long", "known_customer_id", "long"),
        ("name", "string", "customer_name", "string"),
        ("email", "string", "email", "string"),
    ],
)
products = ApplyMapping.apply(
    frame=table(args["database"], "dim_products"),
    mappings=[
        ("product_id", "long", "known_product_id", "long"),
        ("category", "string", "category", "string"),
    ],
)
segments = glue_context.create_dynamic_frame.from_options(
    connection_type="s3",
    connection_options={"paths": [args["segments_path"]]},
    format="parquet",
    transformation_ctx="read_segments",
)

sales = Join.apply(sold(transactions), customers, "customer_id", "known_customer_id")
sales = Join.apply(sales, products, "product_id", "known_product_id")
sales = DropFields.apply(frame=sales, paths=["known_customer_id", "known_product_id"])
# A customer without a segment is kept.
with_segment = sales.toDF().join(segments.toDF(), "customer_id", "left")
result = DynamicFrame.fromDF(summary(with_segment), glue_context, "summary")

glue_context.purge_s3_path(args["target_path"], {"retentionPeriod": 0})
sink = glue_context.getSink(
    connection_type="s3",
    path=args["target_path"],
    enableUpdateCatalog=True,
    updateBehavior="UPDATE_IN_DATABASE",
    transformation_ctx="write_summary",
)
sink.setFormat("glueparquet")
sink.setCatalogInfo(catalogDatabase=args["database"], catalogTableName="customer_order_summary")
sink.writeFrame(result)
logger.info(f"customer_order_summary written to {args['target_path']}")
job.commit()
