"""Sources as objects, samples, streams in batches, the files of records, and formats that need a jar."""

from pathlib import Path
from typing import Any

import pytest
from awsglue.refusal import NotSupportedLocally

from etl_platform_tests.runtime.awsglue.files import read_json, rows, write_json, write_text

pytestmark = pytest.mark.slow


def test_a_source_gives_its_frame_in_the_format_that_is_set(glue: Any, tmp_path: Path):
    source = glue.getSource("file", paths=[write_text(tmp_path / "in", "id;n\n1;a\n")])
    source.setFormat("csv", withHeader=True, separator=";")
    assert rows(source.getFrame()) == [{"id": "1", "n": "a"}]


def test_a_source_behind_a_server_needs_no_format(glue: Any, root: Path):
    write_json(root / "dynamodb" / "users", [{"id": 1}])
    options = {"dynamodb.input.tableName": "users"}
    assert rows(glue.getSource("dynamodb", **options).getFrame()) == [{"id": 1}]


def test_a_sample_has_so_many_records(glue: Any, spark: Any, database: str, tmp_path: Path):
    path = write_json(tmp_path / "in", [{"id": n} for n in range(9)])
    options = {"paths": [path]}
    limits = {"maxSamplePartitions": 1}
    sample = glue.create_sample_dynamic_frame_from_options("s3", options, 3, limits, format="json")
    assert sample.count() == 3
    spark.sql(f"CREATE TABLE {database}.t USING parquet AS SELECT id FROM range(9)")
    assert glue.create_sample_dynamic_frame_from_catalog(database, "t", 4).count() == 4


def clicks(glue: Any) -> Any:
    return glue.create_data_frame.from_options(
        connection_type="kinesis",
        connection_options={
            "streamARN": "arn:aws:kinesis:us-east-1:1:stream/clicks",
            "classification": "json",
            "startingPosition": "TRIM_HORIZON",
            "inferSchema": "true",
        },
        transformation_ctx="clicks",
    )


def test_a_stream_is_read_in_batches_and_taken_up_again_where_it_ended(glue: Any, root: Path, tmp_path: Path):
    write_json(root / "kinesis" / "clicks", [{"n": 1}, {"n": 2}], "a.json")
    seen: list[int] = []

    def batch(frame: Any, number: int) -> None:
        seen.extend(row["n"] for row in frame.collect())

    options = {"windowSize": "100 seconds", "checkpointLocation": str(tmp_path / "checkpoint")}
    frame = clicks(glue)
    assert frame.isStreaming
    glue.forEachBatch(frame=frame, batch_function=batch, options=options)
    write_json(root / "kinesis" / "clicks", [{"n": 3}], "b.json")
    glue.forEachBatch(frame=clicks(glue), batch_function=batch, options=options)
    assert seen == [1, 2, 3]


def test_a_frame_that_is_no_stream_is_one_batch(glue: Any, spark: Any):
    seen: list[tuple[int, int]] = []
    glue.forEachBatch(spark.range(3), lambda frame, number: seen.append((number, frame.count())), {})
    assert seen == [(0, 3)]


@pytest.mark.parametrize("format", ["csv", "json", "parquet"])
def test_records_tell_their_file(glue: Any, spark: Any, tmp_path: Path, format: str):
    for name in ("a", "b"):
        df = spark.createDataFrame([(name,)], "v string").coalesce(1)
        df.write.format(format).option("header", True).mode("append").save(str(tmp_path / name))
    options = {"attachFilename": "file", "attachTimestamp": "changed", "withHeader": True}
    if format != "csv":
        del options["withHeader"]
    paths = [str(tmp_path / "a"), str(tmp_path / "b")]
    frame = glue.create_dynamic_frame.from_options("s3", {"paths": paths}, format, options)
    found = {row["v"]: row for row in rows(frame)}
    assert {v: Path(row["file"]).parent.name for v, row in found.items()} == {"a": "a", "b": "b"}
    assert found["a"]["changed"] is not None


def test_records_of_several_types_tell_their_file_too(glue: Any, tmp_path: Path):
    write_json(tmp_path / "in", [{"v": 1}], "a.json")
    write_json(tmp_path / "in", [{"v": "x"}], "b.json")
    frame = read_json(glue, str(tmp_path / "in"), attachFilename="file")
    found = {
        Path(row["file"]).name: row["v"] for row in rows(frame.resolveChoice(specs=[("v", "cast:string")]))
    }
    assert found == {"a.json": "1", "b.json": "x"}


@pytest.mark.parametrize(("format", "jar"), [("avro", "spark-avro"), ("xml", "spark-xml")])
def test_a_format_that_this_spark_lacks_names_the_jar(
    glue: Any, spark: Any, tmp_path: Path, format: str, jar: str
):
    if format == "xml" and int(spark.version.partition(".")[0]) >= 4:
        pytest.skip("Spark 4 has xml")
    path = write_text(tmp_path / "in", "<rows><row><id>1</id></row></rows>", f"data.{format}")
    options = {"rowTag": "row"} if format == "xml" else {}
    with pytest.raises(NotSupportedLocally, match=rf"{jar}.*execution\.jars"):
        glue.create_dynamic_frame.from_options("s3", {"paths": [path]}, format, options).toDF()
    frame = read_json(glue, write_json(tmp_path / "json", [{"id": 1}]))
    why = "AWS Glue only reads it" if format == "xml" else rf"{jar}.*execution\.jars"
    with pytest.raises(NotSupportedLocally, match=why):
        glue.write_dynamic_frame.from_options(frame, "s3", {"path": str(tmp_path / "out")}, format)


def test_a_transform_describes_itself():
    from awsglue.transforms import RenameField

    about = RenameField.describe()["transform"]
    names = [(one["name"], one["optional"]) for one in about["args"]]
    assert about["name"] == "RenameField"
    assert names[:3] == [("frame", False), ("old_name", False), ("new_name", False)]
    assert about["returns"]["type"].endswith("DynamicFrame")


def test_csv_escapes_by_doubled_quotes_alone(glue: Any, tmp_path: Path):
    path = write_text(tmp_path / "c", 'id,text\n1,"say ""hi"""\n2,"C:\\dir\\"\n')
    options = {"withHeader": True, "separator": ",", "inferSchema": True}
    frame = glue.create_dynamic_frame.from_options("s3", {"paths": [path]}, "csv", options)
    texts = ['say "hi"', "C:\\dir\\"]
    assert [row["text"] for row in rows(frame)] == texts
    out = {"path": str(tmp_path / "out")}
    glue.write_dynamic_frame.from_options(frame, "s3", out, "csv")
    back = glue.create_dynamic_frame.from_options("s3", {"paths": [out["path"]]}, "csv", {"withHeader": True})
    assert sorted(row["text"] for row in rows(back)) == sorted(texts)


@pytest.mark.parametrize("how", [("s3", "parquet"), ("parquet", None)])
def test_options_of_spark_s_own_reader_reach_it(glue: Any, spark: Any, tmp_path: Path, how: Any):
    for name, sql in (("a", "select 1 as id"), ("b", "select 2 as id, 'x' as more")):
        spark.sql(sql).write.parquet(str(tmp_path / name))
    paths = {"paths": [str(tmp_path / "a"), str(tmp_path / "b")], "mergeSchema": "true"}
    frame = glue.create_dynamic_frame.from_options(how[0], paths, how[1])
    assert sorted((row["id"], row["more"]) for row in rows(frame)) == [(1, None), (2, "x")]


def test_a_table_is_read_with_options_of_spark(glue: Any, spark: Any, database: str, tmp_path: Path):
    path = write_text(tmp_path / "t", "1\ta\n", "t.csv")
    spark.sql(f"CREATE TABLE shop.tabs (id int, name string) USING csv LOCATION '{path}'")
    options = {"useSparkDataSource": True, "useCatalogSchema": True, "sep": "\t"}
    df = glue.create_data_frame.from_catalog("shop", "tabs", additional_options=options)
    assert [row.asDict() for row in df.collect()] == [{"id": 1, "name": "a"}]


def test_a_dataframe_is_appended_to_a_table(glue: Any, spark: Any, database: str):
    spark.sql("CREATE TABLE shop.numbers (id bigint) USING parquet")
    options = {"useSparkDataSink": True}
    glue.write_data_frame.from_catalog(spark.range(3), "shop", "numbers", additional_options=options)
    assert spark.table("shop.numbers").count() == 3


def test_csv_refuses_columns_that_hold_several_values(glue: Any, tmp_path: Path):
    frame = read_json(glue, write_json(tmp_path / "in", [{"price": 1}, {"price": "free"}]))
    with pytest.raises(ValueError, match=r'"price" is a choice.*resolveChoice.*"cast:string"'):
        glue.write_dynamic_frame.from_options(frame, "s3", {"path": str(tmp_path / "out")}, "csv")


@pytest.mark.parametrize("format", ["json", "parquet"])
def test_partitions_of_a_path_are_texts_and_keep_their_names(
    glue: Any, spark: Any, tmp_path: Path, format: str
):
    for month in ("01", "02"):
        folder = str(tmp_path / "in" / f"month={month}")
        spark.sql(f"select {int(month)} as id").write.format(format).save(folder)
    read = {"paths": [str(tmp_path / "in")]}
    frame = glue.create_dynamic_frame.from_options("s3", read, format, push_down_predicate="month == '01'")
    assert rows(frame) == [{"id": 1, "month": "01"}]
    out = {"path": str(tmp_path / "out"), "partitionKeys": ["month"]}
    glue.write_dynamic_frame.from_options(frame, "s3", out, "parquet")
    assert (tmp_path / "out" / "month=01").is_dir()
    assert dict(spark.read.parquet(out["path"]).dtypes)["month"] == "int"
