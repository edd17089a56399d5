"""What is not supported says so, and the page of the documentation lists what is."""

from pathlib import Path
from typing import Any

import pytest
from awsglue.refusal import NotSupportedLocally

DOCS = Path(__file__).parents[3] / "docs" / "glue.md"


def test_the_page_s_table_is_the_code_s():
    from awsglue.support import table

    assert table() in DOCS.read_text()


def test_a_script_s_path_is_set_only_where_it_imports_the_library():
    from etl_platform.runtime.glue_compat import GLUE_PATH, path_for

    scripts = [
        "import awsglue.job",
        "from awsgluedq.transforms import X",
        "import json",
        '"import awsglue"',
        "not (",
    ]
    assert [path_for(script) for script in scripts] == [str(GLUE_PATH), str(GLUE_PATH), None, None, None]


def refusals(glue: Any) -> dict[str, Any]:
    from awsglue.dynamicframe import DynamicFrame
    from awsglue.transforms import FillMissingValues, FindMatches

    frame = DynamicFrame.fromDF(glue.spark_session.range(1), glue, "f")
    options = {"paths": ["/tmp"]}
    return {
        "Nearest: DynamicFrame.apply_mapping": lambda: frame.apply_maping([]),
        "Nearest: DynamicFrame.flatMap": lambda: frame.mapPartitions(len),
        "Nearest: GlueContext.create_dynamic_frame": lambda: glue.create_dynamic_frames,
        "Nearest: DynamicFrameReader.from_catalog": lambda: glue.create_dynamic_frame.from_catalogue(
            "d", "t"
        ),
        "toDF\\(\\).fillna": lambda: FillMissingValues.apply(frame=frame),
        "FindMatches is not supported": lambda: FindMatches.apply(frame=frame),
        "format='hudi'": lambda: glue.create_dynamic_frame.from_options("s3", options, "hudi"),
        "'jsonPth'": lambda: glue.create_dynamic_frame.from_options(
            "s3", options, "json", {"jsonPth": "$"}
        ).toDF(),
        "'maxFiles'": lambda: glue.create_dynamic_frame.from_options("s3", {**options, "maxFiles": 1}, "csv"),
        '"snowflake"': lambda: glue.create_dynamic_frame.from_options("snowflake", {}),
        "GlueContext.start_transaction": lambda: glue.start_transaction(False),
        "hoodie.table.name": lambda: glue.write_data_frame.from_catalog(
            frame.toDF(), "d", "t", additional_options={"useSparkDataSink": True, "hoodie.table.name": "t"}
        ),
        "Nearest: DataSource.getFrame": lambda: glue.getSource("s3", paths=["/tmp"]).getFrames(),
    }


@pytest.mark.slow
@pytest.mark.parametrize("at", range(13))
def test_a_refusal_names_the_call_the_nearest_and_the_page(glue: Any, at: int):
    message, call = list(refusals(glue).items())[at]
    with pytest.raises(NotSupportedLocally, match=message) as refused:
        call()
    assert "docs/glue.md" in str(refused.value)


@pytest.mark.slow
def test_moving_to_another_storage_class_says_that_it_does_nothing(
    glue: Any, caplog: pytest.LogCaptureFixture
):
    glue.transition_s3_path("s3://b/p/", "GLACIER")
    assert "nothing is moved to GLACIER" in caplog.text


@pytest.mark.parametrize(
    ("module", "nearest"),
    [
        ("gs_derived", "df.withColumn(name, expr(expression))"),
        ("gs_unheard_of", "plain Spark"),
        ("awsglueml.transforms", "regexp_replace"),
    ],
)
def test_a_module_of_studio_names_the_same_in_spark(module: str, nearest: str):
    import importlib

    with pytest.raises(ModuleNotFoundError) as refused:
        importlib.import_module(module)
    assert nearest in str(refused.value)
    assert "docs/glue.md" in str(refused.value)


def test_generated_scripts_import_the_frame_from_the_package():
    from awsglue import DynamicFrame
    from awsglue.dynamicframe import DynamicFrame as Same

    assert DynamicFrame is Same
