from etl_platform.catalog.findings import small_files
from etl_platform.catalog.markdown import stats_table
from etl_platform.catalog.stats import TableStats


def table_of(**keys: object) -> str:
    given = {"dataset": "glue/sales/orders", "detected_by": "test", "measured_at": 0.0} | keys
    return stats_table({"orders": TableStats.model_validate(given)})


def test_what_is_not_known_is_shown_as_unknown():
    line = table_of().splitlines()[2]
    assert line == "| `orders` | unknown | unknown | unknown | unknown | unknown | unknown | unknown | test |"


def test_figures_are_shown_with_units_and_estimates_as_such():
    text = table_of(
        size_gb=350.0,
        file_count=2800,
        row_count=1000,
        rows_estimated=True,
        partition_count=2,
        partition_keys=("day",),
        format="parquet",
        last_updated=0.0,
    )
    assert text.splitlines()[2] == (
        "| `orders` | 350 GB | 2,800 | 128 MB | about 1,000 | 2 by day | parquet "
        "| 1970-01-01 00:00 UTC | test |"
    )


def test_a_hint_is_shown_as_rough():
    assert "| about 10 GB |" in table_of(size_gb=10.0, size_rough=True)


def test_warnings_and_findings_stand_below():
    text = table_of(warnings=("a|b",), findings=small_files("orders", 2000, 2000))
    assert "- `orders`: a\\|b" in text
    assert "coalesce(1)" in text
