import pytest

from etl_platform.runtime import staging


def fill(folder, *names, text="new"):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_takes_the_place_of_another(tmp_path):
    target = fill(tmp_path / "t", "old.parquet", text="old")
    with staging.staging_folder(target) as new:
        staging.replace_folder(fill(new, "new.parquet"), target)
    assert names(tmp_path) == ["t/new.parquet"]


def test_a_failure_before_the_exchange_leaves_the_old_files_and_no_traces(tmp_path):
    target = fill(tmp_path / "t", "old.parquet")
    with pytest.raises(ValueError, match="query"), staging.staging_folder(target) as new:
        fill(new, "half.parquet")
        raise ValueError("query")
    assert names(tmp_path) == ["t/old.parquet"]


def test_an_exchange_that_fails_puts_the_old_folder_back(tmp_path):
    target = fill(tmp_path / "t", "old.parquet")
    with pytest.raises(FileNotFoundError):
        staging.replace_folder(tmp_path / "missing", target)
    assert names(tmp_path) == ["t/old.parquet"]


def test_a_process_killed_between_the_two_renames_loses_nothing(tmp_path):
    fill(tmp_path / ".t.old", "old.parquet")
    staging.recover(tmp_path / "t")
    assert names(tmp_path) == ["t/old.parquet"]


def test_a_process_killed_after_the_exchange_leaves_the_new_files(tmp_path):
    target = fill(tmp_path / "t", "new.parquet")
    fill(tmp_path / ".t.old", "old.parquet")
    staging.recover(target)
    assert names(tmp_path) == ["t/new.parquet"]


def test_added_files_keep_their_partition_and_collide_with_none(tmp_path):
    target = fill(tmp_path / "t", "day=1/part-0.parquet", text="old")
    staging.add_files(fill(tmp_path / "new", "day=1/part-0.parquet", "day=2/part-0.parquet"), target)
    assert sorted(name.split("/")[0] for name in names(target)) == ["day=1", "day=1", "day=2"]
    assert (target / "day=1" / "part-0.parquet").read_text() == "old"


def test_only_the_partitions_that_are_new_are_replaced(tmp_path):
    target = fill(tmp_path / "t", "day=1/a.parquet", "day=2/a.parquet", text="old")
    staging.replace_partitions(fill(tmp_path / "new", "day=2/b.parquet", "day=3/b.parquet"), target)
    assert names(target) == ["day=1/a.parquet", "day=2/b.parquet", "day=3/b.parquet"]
