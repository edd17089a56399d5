"""How the weather at departure delays the flights of each route: an AWS Glue job."""

import sys

from awsglue.context import GlueContext
from awsglue.dynamicframe import DynamicFrame
from awsglue.job import Job
from awsglue.transforms import SelectFields
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

TARGET = "s3://nyc-flights-reports/route_weather_delays/"

FREEZING_FAHRENHEIT = 32
STRONG_WIND_MPH = 25
LOW_VISIBILITY_MILES = 3

ROUTE = ["origin", "dest"]
DELAYS = ["cancelled", "dep_delay", "arr_delay"]
WEATHER = ["temp", "precip", "visib", "wind_speed"]


def conditions() -> Column:
    """One word for the weather: what disturbs a departure most comes first."""
    return (
        F.when(F.col("temp").isNull(), "unknown")
        .when((F.col("precip") > 0) & (F.col("temp") <= FREEZING_FAHRENHEIT), "snow or ice")
        .when(F.col("precip") > 0, "rain")
        .when(F.col("visib") < LOW_VISIBILITY_MILES, "fog")
        .when(F.col("wind_speed") >= STRONG_WIND_MPH, "wind")
        .otherwise("fair")
    )


def delays(flights: DataFrame) -> DataFrame:
    return (
        flights.withColumn("conditions", conditions())
        .groupBy("origin", "dest", "conditions")
        .agg(
            F.count("*").alias("flights"),
            F.sum(F.col("cancelled").cast("int")).alias("cancelled_flights"),
            F.round(F.avg("dep_delay"), 2).alias("mean_departure_delay_minutes"),
            F.round(F.avg("arr_delay"), 2).alias("mean_arrival_delay_minutes"),
        )
    )


def main() -> None:
    args = getResolvedOptions(sys.argv, ["JOB_NAME"])
    glue = GlueContext(SparkContext.getOrCreate())
    job = Job(glue)
    job.init(args["JOB_NAME"], args)
    flights = glue.create_dynamic_frame.from_catalog(database="nyc", table_name="flights_enriched")
    flights = SelectFields.apply(frame=flights, paths=[*ROUTE, *DELAYS, *WEATHER])
    report = DynamicFrame.fromDF(delays(flights.toDF()).coalesce(1), glue, "report")
    # A Glue sink appends; each run tells of all flights.
    glue.purge_s3_path(TARGET, {"retentionPeriod": 0})
    glue.write_dynamic_frame.from_options(
        frame=report, connection_type="s3", connection_options={"path": TARGET}, format="parquet"
    )
    written = glue.spark_session.read.parquet(TARGET)
    for row in written.groupBy("conditions").agg(F.sum("flights").alias("flights")).collect():
        print(f"{row['conditions']}: {row['flights']:,} flights")
    job.commit()


if __name__ == "__main__":
    main()
