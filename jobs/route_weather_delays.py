"""How the weather at departure delays the flights of each route."""

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

TARGET = "s3://nyc-flights-reports/route_weather_delays/"

FREEZING_FAHRENHEIT = 32
STRONG_WIND_MPH = 25
LOW_VISIBILITY_MILES = 3


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
    spark = SparkSession.builder.appName("route_weather_delays").getOrCreate()
    report = delays(spark.table("nyc.flights_enriched"))
    report.coalesce(1).write.mode("overwrite").parquet(TARGET)
    for row in (
        spark.read.parquet(TARGET).groupBy("conditions").agg(F.sum("flights").alias("flights")).collect()
    ):
        print(f"{row['conditions']}: {row['flights']:,} flights")


if __name__ == "__main__":
    main()
