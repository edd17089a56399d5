from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl_platform.runtime import measure
from etl_platform.runtime.contract import TargetFiles


def files(folder: Path, *names: str) -> list[Path]:
    for name in names:
        pq.write_table(pa.table({"id": [1, 2]}), folder / name)
    return [folder / name for name in names]


def test_files_and_rows_of_a_target_are_counted(tmp_path: Path):
    files(tmp_path, "a.parquet", "b.parquet")
    figures = measure.target_metrics(TargetFiles(tmp_path), since=0)
    assert (figures["output_file_count"], figures["records_written"]) == (2, 4)


def test_a_file_that_vanishes_is_not_counted_and_rows_are_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    listed = [*files(tmp_path, "a.parquet"), tmp_path / "gone.parquet"]
    monkeypatch.setattr(measure, "data_files", lambda path: iter(listed))
    figures = measure.target_metrics(TargetFiles(tmp_path), since=0)
    assert figures["output_file_count"] == 1
    assert "records_written" not in figures


def test_of_a_target_that_vanishes_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(measure, "data_files", lambda path: iter([tmp_path / "gone.parquet"]))
    assert measure.target_metrics(TargetFiles(tmp_path), since=0) == {}
