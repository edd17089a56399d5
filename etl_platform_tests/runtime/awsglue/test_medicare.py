"""The public tutorial "Data preparation using ResolveChoice, Lambda, and ApplyMapping": a provider table."""

from pathlib import Path
from typing import Any

import pytest

from etl_platform_tests.runtime.awsglue.files import rows, write_text

pytestmark = pytest.mark.slow

CSV = """\
drg,provider id,name,covered
039,10001,SOUTHEAST,$32963.07
039,10005,MARSHALL,$15131.85
948,INC,DIVISION ST,$11961.41
"""


@pytest.fixture
def medicare(glue: Any, spark: Any, database: str, tmp_path: Path) -> Any:
    path = write_text(tmp_path / "medicare", CSV)
    spark.sql(
        f"CREATE TABLE {database}.medicare (drg string, `provider id` bigint, name string, covered string) "
        f"USING csv OPTIONS (header 'true') LOCATION '{path}'"
    )
    return glue.create_dynamic_frame.from_catalog(database=database, table_name="medicare")


def test_a_column_with_values_that_its_declared_type_lacks_is_a_choice(
    medicare: Any, capsys: pytest.CaptureFixture[str]
):
    medicare.printSchema()
    assert capsys.readouterr().out == (
        "root\n|-- drg: string\n|-- provider id: choice\n|    |-- long\n|    |-- string\n"
        "|-- name: string\n|-- covered: string\n"
    )


def test_a_choice_is_a_struct_in_a_dataframe(medicare: Any):
    assert [r["provider id"] for r in rows(medicare)] == [
        {"long": 10001, "string": None},
        {"long": 10005, "string": None},
        {"long": None, "string": "INC"},
    ]


def test_what_cannot_be_cast_is_null(medicare: Any):
    resolved = medicare.resolveChoice(specs=[("provider id", "cast:long")])
    assert [r["provider id"] for r in rows(resolved)] == [10001, 10005, None]


def test_a_lambda_in_spark_and_a_mapping_nest_and_cast(glue: Any, medicare: Any):
    from awsglue.dynamicframe import DynamicFrame
    from pyspark.sql.functions import udf
    from pyspark.sql.types import StringType

    resolved = medicare.resolveChoice(specs=[("provider id", "cast:long")])
    chop = udf(lambda text: text[1:], StringType())
    df = resolved.toDF().where("`provider id` is not null")
    df = df.withColumn("ACC", chop(df["covered"]))
    nested = DynamicFrame.fromDF(df, glue, "nested").apply_mapping(
        [
            ("drg", "string", "drg", "string"),
            ("provider id", "long", "provider.id", "long"),
            ("name", "string", "provider.name", "string"),
            ("ACC", "string", "charges.covered", "double"),
        ]
    )
    assert rows(nested) == [
        {"drg": "039", "provider": {"id": 10001, "name": "SOUTHEAST"}, "charges": {"covered": 32963.07}},
        {"drg": "039", "provider": {"id": 10005, "name": "MARSHALL"}, "charges": {"covered": 15131.85}},
    ]


def test_money_is_cleaned_by_map(medicare: Any):
    from awsglue.transforms import Map

    def clean(record: Any) -> Any:
        record["covered"] = float(record["covered"].lstrip("$"))
        return record

    cleaned = Map.apply(frame=medicare, f=clean)
    assert [r["covered"] for r in rows(cleaned)] == [32963.07, 15131.85, 11961.41]
    assert cleaned.schema().getField("provider id").dataType.typeName() == "choice"


def test_csv_without_a_table_is_text_as_in_glue(glue: Any, tmp_path: Path):
    path = write_text(tmp_path / "c", 'a|b\n1|x y\n2|"q|r"\n')
    frame = glue.create_dynamic_frame.from_options(
        "s3", {"paths": [path]}, "csv", {"withHeader": True, "separator": "|", "optimizePerformance": True}
    )
    assert rows(frame) == [{"a": "1", "b": "x y"}, {"a": "2", "b": "q|r"}]


def test_columns_without_a_header_are_numbered(glue: Any, tmp_path: Path):
    path = write_text(tmp_path / "c", "1,x\n2,y\n")
    frame = glue.create_dynamic_frame.from_options("s3", {"paths": [path]}, "csv")
    assert rows(frame) == [{"col0": "1", "col1": "x"}, {"col0": "2", "col1": "y"}]
