"""Join each flight out of New York with its airline, aircraft, destination and the weather at departure."""

import argparse

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

WEATHER_SCHEMA = """
    origin STRING, year INT, month INT, day INT, hour INT,
    temp DOUBLE, dewp DOUBLE, humid DOUBLE, wind_dir DOUBLE, wind_speed DOUBLE, wind_gust DOUBLE,
    precip DOUBLE, pressure DOUBLE, visib DOUBLE, time_hour TIMESTAMP
"""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", default="nyc")
    parser.add_argument("--weather_path", default="s3://nyc-open-data/weather/")
    arguments, _ = parser.parse_known_args()
    return arguments


def enrich(
    flights: DataFrame, airlines: DataFrame, airports: DataFrame, planes: DataFrame, weather: DataFrame
) -> DataFrame:
    carriers = airlines.select("carrier", F.col("name").alias("airline"))
    destinations = airports.select(
        F.col("faa").alias("dest"),
        F.col("name").alias("destination"),
        F.col("lat").alias("dest_lat"),
        F.col("lon").alias("dest_lon"),
    )
    aircraft = planes.select("tailnum", "manufacturer", "model", "seats", F.col("year").alias("built"))
    conditions = weather.select("origin", "time_hour", "temp", "wind_speed", "precip", "visib")
    return (
        flights.join(F.broadcast(carriers), "carrier", "left")
        .join(F.broadcast(destinations), "dest", "left")
        .join(F.broadcast(aircraft), "tailnum", "left")
        .join(F.broadcast(conditions), ["origin", "time_hour"], "left")
        .withColumn("cancelled", F.col("dep_time").isNull())
        .select(
            *("time_hour", "month", "day", "carrier", "airline", "flight", "origin", "dest"),
            *("destination", "dest_lat", "dest_lon", "distance"),
            *("tailnum", "manufacturer", "model", "built", "seats"),
            *("sched_dep_time", "dep_time", "dep_delay", "arr_delay", "air_time", "cancelled"),
            *("temp", "wind_speed", "precip", "visib"),
        )
    )


def main() -> None:
    arguments = parse_arguments()
    spark = SparkSession.builder.appName("flights_enriched").getOrCreate()
    weather = spark.read.csv(arguments.weather_path, schema=WEATHER_SCHEMA, header=True)
    flights, airlines, airports, planes = (
        spark.table(f"{arguments.database}.{name}") for name in ("flights", "airlines", "airports", "planes")
    )
    enriched = enrich(flights, airlines, airports, planes, weather)
    target = f"{arguments.database}.flights_enriched"
    enriched.write.mode("overwrite").format("parquet").partitionBy("month").saveAsTable(target)
    print(f"{target}: {spark.table(target).count():,} flights")


if __name__ == "__main__":
    main()
